/* SPDX-License-Identifier: MIT */
/*
 * trust.c - who may run code here. Torch's list HUB_DIR/trusted_list has a line "owner_name" each,
 * which for a/b_c is the same as for a_b/c; beside it HUB_DIR/.ptm/trusted has the true
 * "owner/name" of the lines that we wrote. A line that can be read in two ways counts only when it
 * stands there, too; else its owner is asked about again. Repositories of other hosts than
 * github.com stand in our file only, as "host/owner/name": torch's list is about github.com.
 *
 * Torch trusts what is in its cache already. So do we, for its copies; ours may have come with
 * list or show, which ask nobody, and count only when the repository stands in our file.
 */
#include "torchhub_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/limits.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"

#define LIST_MAX ((size_t)PTM_LIMIT_TEXT)
#define HUB_HOST "github.com"
/* Without waiting for a reader where somebody put a FIFO. */
#define APPEND (O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static const char *const trusted_owners[] = {"facebookresearch", "facebookincubator", "pytorch",
                                             "fairinternal"};

/* Everything a call needs to know of the two files. */
struct lists {
    char *torch_path, *own_path;
    char *torch, *own;           /* their texts */
    char *torch_line, *own_line; /* what this repository has in them */
};

static void lists_clear(struct lists *lists)
{
    free(lists->torch_path);
    free(lists->own_path);
    free(lists->torch);
    free(lists->own);
    free(lists->torch_line);
    free(lists->own_line);
}

static bool is_github(const ptm_torchhub *hub)
{
    return ptmi_str_eq_nocase(hub->host, HUB_HOST);
}

/* A list that is missing is empty. */
static ptm_rc read_list(const char *path, char **out, struct ptm_err *err)
{
    struct ptm_err why = {0};
    ptm_rc rc = ptmi_fs_read(path, LIST_MAX, out, NULL, &why);
    if (rc == PTM_ENOENT) {
        *out = strdup("");
        return *out ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "%s", path);
    }
    if (rc < 0 && err) *err = why;
    return rc;
}

static ptm_rc read_lists(ptm_torchhub *hub, const struct ptmi_repo_spec *spec, struct lists *out,
                         struct ptm_err *err)
{
    const char *dir = ptm_torchhub_get_dir(hub);
    out->torch_path = ptmi_path_join(dir, "trusted_list");
    out->own_path = ptmi_path_join(dir, ".ptm/trusted");
    out->torch_line = ptmi_repo_spec_trust_name(spec);
    out->own_line = is_github(hub)
                        ? ptmi_str_printf("%s/%s", spec->owner, spec->name)
                        : ptmi_str_printf("%s/%s/%s", hub->host, spec->owner, spec->name);
    if (!out->torch_path || !out->own_path || !out->torch_line || !out->own_line)
        return ptm_err_set(err, PTM_ENOMEM, "list of trusted repositories");
    PTM_TRY(read_list(out->torch_path, &out->torch, err));
    return read_list(out->own_path, &out->own, err);
}

/* The line at text without the white space around it, as torch reads it; *next is what follows. */
static size_t line_at(const char *text, const char **start, const char **next)
{
    size_t len = strcspn(text, "\n");
    *next = text[len] ? text + len + 1 : text + len;
    while (len > 0 && strchr(" \t\r\f\v", *text)) text++, len--;
    while (len > 0 && strchr(" \t\r\f\v", text[len - 1])) len--;
    *start = text;
    return len;
}

static bool has_line(const char *text, const char *line)
{
    size_t want = strlen(line);
    while (*text) {
        const char *start = NULL;
        size_t len = line_at(text, &start, &text);
        if (len == want && strncmp(start, line, len) == 0) return true;
    }
    return false;
}

/* --- is it trusted? --- */

static bool is_trusted_owner(const char *owner)
{
    for (size_t i = 0; i < sizeof trusted_owners / sizeof trusted_owners[0]; i++)
        if (ptmi_str_eq(owner, trusted_owners[i])) return true;
    return false;
}

/* A copy in the cache that torch made, or that came with our "yes". */
static bool has_trusted_copy(ptm_torchhub *hub, const struct ptmi_repo_spec *spec, bool is_own)
{
    struct ptm_err ignored;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    if (ptmi_cache_find(hub, spec, &repo, &ignored) < 0) return false;
    return repo.by_torch ? !repo.ambiguous : is_own;
}

static bool is_trusted(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                       const struct lists *lists)
{
    bool own = has_line(lists->own, lists->own_line);
    if (!is_github(hub)) return own;
    if (is_trusted_owner(spec->owner)) return true;
    if (has_line(lists->torch, lists->torch_line) && (own || !ptmi_spec_is_ambiguous(spec, NULL)))
        return true;
    return has_trusted_copy(hub, spec, own);
}

ptm_rc ptm_torchhub_trusted(ptm_torchhub *hub, const char *repo, bool *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    PTM_AUTO(lists_clear) struct lists lists = {0};
    PTM_TRY(ptmi_repo_spec_parse(repo, &spec, err));
    PTM_TRY(read_lists(hub, &spec, &lists, err));
    *out = is_trusted(hub, &spec, &lists);
    return PTM_OK;
}

/* --- writing --- */

static ptm_rc lock_lists(ptm_torchhub *hub, ptmi_lock **out, struct ptm_err *err)
{
    return ptmi_hub_lock(hub, "trusted_list", out, err);
}

/* One write at the end of the file: torch appends without a lock, and neither loses the other's. */
static ptm_rc append_line(const char *path, const char *text, const char *line, struct ptm_err *err)
{
    if (has_line(text, line)) return PTM_OK;
    size_t have = strlen(text);
    PTM_AUTO(ptmi_freep)
    char *added = ptmi_str_printf("%s%s\n", have && text[have - 1] != '\n' ? "\n" : "", line);
    if (!added) return ptm_err_set(err, PTM_ENOMEM, "%s", path);
    PTM_AUTO(ptmi_closep) int fd = open(path, APPEND, 0666);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", path);
    int why = ptmi_fs_write_all(fd, added, strlen(added));
    if (!why && fsync(fd) != 0) why = errno;
    return why ? ptm_err_sys(err, why, "%s: cannot write", path) : PTM_OK;
}

/* Ours first: a line in torch's list alone would be asked about again. */
static ptm_rc add_lines(ptm_torchhub *hub, const struct ptmi_repo_spec *spec, struct ptm_err *err)
{
    PTM_AUTO(ptmi_lock_removep) ptmi_lock *lock = NULL;
    PTM_AUTO(lists_clear) struct lists lists = {0};
    PTM_TRY(lock_lists(hub, &lock, err));
    PTM_TRY(read_lists(hub, spec, &lists, err));
    PTM_TRY(append_line(lists.own_path, lists.own, lists.own_line, err));
    return is_github(hub) ? append_line(lists.torch_path, lists.torch, lists.torch_line, err)
                          : PTM_OK;
}

ptm_rc ptm_torchhub_trust(ptm_torchhub *hub, const char *repo, struct ptm_err *err)
{
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    PTM_TRY(ptmi_repo_spec_parse(repo, &spec, err));
    return add_lines(hub, &spec, err);
}

/* text without the lines that say line; malloc'ed. */
static char *without_line(const char *text, const char *line)
{
    char *out = malloc(strlen(text) + 1), *to = out;
    size_t want = strlen(line);
    while (out && *text) {
        const char *start = NULL, *next = NULL;
        size_t len = line_at(text, &start, &next);
        if (len != want || strncmp(start, line, len) != 0) {
            memcpy(to, text, (size_t)(next - text));
            to += next - text;
        }
        text = next;
    }
    if (out) *to = '\0';
    return out;
}

/* What torch appended to the old file while we wrote the new one. */
static ptm_rc carry_over(int old_fd, size_t from, const char *path, struct ptm_err *err)
{
    char late[4096];
    ssize_t got = pread(old_fd, late, sizeof late, (off_t)from);
    if (got <= 0) return PTM_OK;
    PTM_AUTO(ptmi_closep) int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", path);
    int why = ptmi_fs_write_all(fd, late, (size_t)got);
    return why ? ptm_err_sys(err, why, "%s: cannot write", path) : PTM_OK;
}

static ptm_rc drop_line(const char *path, const char *line, bool *dropped, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = NULL;
    PTM_AUTO(ptmi_closep) int old_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    PTM_TRY(read_list(path, &text, err));
    if (!has_line(text, line)) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *left = without_line(text, line);
    if (!left) return ptm_err_set(err, PTM_ENOMEM, "%s", path);
    PTM_TRY(ptmi_fs_write_whole(path, left, strlen(left), NULL, err));
    *dropped = true;
    return old_fd >= 0 ? carry_over(old_fd, strlen(text), path, err) : PTM_OK;
}

/* What still makes it trusted is said: the list is not the only thing that counts. */
static void tell_what_stays(ptm_torchhub *hub, const struct ptmi_repo_spec *spec)
{
    struct ptm_err ignored;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    if (is_github(hub) && is_trusted_owner(spec->owner))
        ptmi_log(hub->ctx, PTM_LOG_WARN, "torchhub", "%s/%s: all of %s's repositories are trusted",
                 spec->owner, spec->name, spec->owner);
    else if (is_github(hub) && ptmi_cache_find(hub, spec, &repo, &ignored) == PTM_OK)
        ptmi_log(hub->ctx, PTM_LOG_WARN, "torchhub",
                 "%s/%s: torch trusts what is in the cache; remove %s with `ptm torch cache rm %s`",
                 spec->owner, spec->name, repo.dir, ptmi_path_base(repo.dir));
}

ptm_rc ptm_torchhub_distrust(ptm_torchhub *hub, const char *repo, struct ptm_err *err)
{
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    PTM_AUTO(ptmi_lock_removep) ptmi_lock *lock = NULL;
    PTM_AUTO(lists_clear) struct lists lists = {0};
    bool dropped = false;
    PTM_TRY(ptmi_repo_spec_parse(repo, &spec, err));
    PTM_TRY(lock_lists(hub, &lock, err));
    PTM_TRY(read_lists(hub, &spec, &lists, err));
    if (is_github(hub)) PTM_TRY(drop_line(lists.torch_path, lists.torch_line, &dropped, err));
    PTM_TRY(drop_line(lists.own_path, lists.own_line, &dropped, err));
    tell_what_stays(hub, &spec);
    return dropped ? PTM_OK
                   : ptm_err_set(err, PTM_ENOENT, "%s/%s: not in the list of trusted repositories",
                                 spec.owner, spec.name);
}

ptm_rc ptm_torchhub_trust_each(ptm_torchhub *hub,
                               ptm_rc (*fn)(void *arg, const char *line, struct ptm_err *err),
                               void *arg, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep)
    char *path = ptmi_path_join(ptm_torchhub_get_dir(hub), "trusted_list");
    PTM_AUTO(ptmi_freep) char *text = NULL;
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "list of trusted repositories");
    PTM_TRY(read_list(path, &text, err));
    for (const char *at = text; *at;) {
        const char *start = NULL;
        size_t len = line_at(at, &start, &at);
        if (len == 0) continue;
        PTM_AUTO(ptmi_freep) char *line = strndup(start, len);
        if (!line) return ptm_err_set(err, PTM_ENOMEM, "%s", path);
        ptm_rc rc = fn(arg, line, err);
        if (rc != PTM_OK) return rc;
    }
    return PTM_OK;
}

/* --- the check --- */

/* Torch makes the file at every call. Where nothing can be written, reading is enough. */
static void touch_list(ptm_torchhub *hub)
{
    struct ptm_err ignored;
    const char *dir = ptm_torchhub_get_dir(hub);
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dir, "trusted_list");
    if (!path || ptmi_fs_mkdirs(dir, &ignored) < 0) return;
    PTM_AUTO(ptmi_closep) int fd = open(path, APPEND, 0666);
    if (fd < 0) ptmi_log(hub->ctx, PTM_LOG_DEBUG, "torchhub", "%s: cannot make", path);
}

static PTM_MUST_USE ptm_rc nobody_to_ask(const struct ptmi_repo_spec *spec, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EAUTH,
                       "%s/%s is not in the list of trusted repositories, and there is nobody to "
                       "ask: run `ptm torch trust add %s/%s`, or answer on a terminal, or --trust",
                       spec->owner, spec->name, spec->owner, spec->name);
}

/* The question is torch's, word for word: people and their programs know it. */
static ptm_rc ask(const struct ptmi_repo_spec *spec, const struct ptm_torchhub_fetch_opts *opts,
                  struct ptm_err *err)
{
    bool yes = false;
    PTM_AUTO(ptmi_freep)
    char *text = ptmi_str_printf(
        "The repository %s_%s does not belong to the list of trusted repositories and as such "
        "cannot be downloaded. Do you trust this repository and wish to add it to the trusted list "
        "of repositories (y/N)?",
        spec->owner, spec->name);
    if (!text) return ptm_err_set(err, PTM_ENOMEM, "%s/%s", spec->owner, spec->name);
    if (!opts->ask) return nobody_to_ask(spec, err);
    PTM_TRY(opts->ask(opts->ask_arg, text, &yes, err));
    return yes ? PTM_OK
               : ptm_err_set(err, PTM_EAUTH, "Untrusted repository. (%s/%s: the answer was no)",
                             spec->owner, spec->name);
}

ptm_rc ptmi_trust_check(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                        const struct ptm_torchhub_fetch_opts *opts, struct ptm_err *err)
{
    PTM_AUTO(lists_clear) struct lists lists = {0};
    if (opts->trust == PTM_TRUST_SKIP) return PTM_OK;
    touch_list(hub);
    PTM_TRY(read_lists(hub, spec, &lists, err));
    bool trusted = is_trusted(hub, spec, &lists);
    if (trusted && opts->trust != PTM_TRUST_ASK) return PTM_OK;
    if (opts->trust != PTM_TRUST_ALWAYS) PTM_TRY(ask(spec, opts, err));
    if (!trusted) return add_lines(hub, spec, err);
    ptmi_log(hub->ctx, PTM_LOG_WARN, "torchhub", "The repository is already trusted.");
    return PTM_OK;
}
