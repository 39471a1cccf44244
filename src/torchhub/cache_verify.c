/* SPDX-License-Identifier: MIT */
/*
 * cache_verify.c - is the cache as it was fetched? Files of a repository against .ptm-hub.sha256
 * (lines of sha256sum), checkpoints against the digits in their name. Copies that torch made have
 * no list, and names without digits promise nothing: those are told as unchecked.
 */
#include "hub_items.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/grow.h"
#include "../base/hash.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/walk.h"

/* "<64 digits>  <path>\n" for each file an archive may have; real paths are far shorter. */
#define SUMS_MAX ((size_t)64 << 20)
#define SHOWN_MAX 3 /* names in a message */

/* A line of the list; strings borrowed from its text. */
struct sum {
    const char *path;
    const char *sha256;
    bool seen;
};
struct sums {
    char *text; /* owned, cut into lines */
    struct sum *items;
    size_t n, cap;
};

static void sums_clear(struct sums *sums)
{
    free(sums->text);
    free(sums->items);
}

/* What is wrong with one copy. */
struct findings {
    ptm_torchhub *hub;
    const char *dir;
    struct sums *sums;
    int changed, missing, extra, unreadable;
    int shown;
    struct ptmi_buf names; /* the first few */
};

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct sum *)a)->path, ((const struct sum *)b)->path);
}

/* Two spaces, or a space and "*" (binary), stand between digits and path. */
static bool take_line(char *line, struct sum *out)
{
    if (strlen(line) < 67 || line[64] != ' ' || (line[65] != ' ' && line[65] != '*')) return false;
    line[64] = '\0';
    *out = (struct sum){.sha256 = line, .path = line + 66};
    struct ptm_err ignored;
    return ptmi_str_is_hex(line, 64) && ptmi_path_check_relative(out->path, &ignored) == PTM_OK;
}

static ptm_rc cut_lines(struct sums *sums, struct ptm_err *err)
{
    char *rest = NULL;
    for (char *line = strtok_r(sums->text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        void *grown = ptmi_grown(sums->items, sums->n, &sums->cap, sizeof *sums->items);
        if (!grown) return ptm_err_set(err, PTM_ENOMEM, "list of files");
        sums->items = grown;
        if (!take_line(line, &sums->items[sums->n]))
            return ptm_err_set(err, PTM_EFORMAT, "line %zu is none of sha256sum", sums->n + 1);
        sums->n++;
    }
    if (sums->n) qsort(sums->items, sums->n, sizeof *sums->items, by_path);
    return PTM_OK;
}

static ptm_rc read_sums(const char *dir, struct sums *out, struct ptm_err *err)
{
    size_t len = 0;
    PTM_TRY(ptmi_fs_read_beneath(dir, PTMI_SIDE_SUMS, SUMS_MAX, &out->text, &len, err));
    ptm_rc rc = strlen(out->text) == len ? cut_lines(out, err)
                                         : ptm_err_set(err, PTM_EFORMAT, "it has NUL bytes");
    return rc < 0 ? ptm_err_ctx(err, rc, "%s/" PTMI_SIDE_SUMS, dir) : PTM_OK;
}

/* --- one copy --- */

static ptm_rc note(struct findings *found, int *count, const char *what, const char *path,
                   struct ptm_err *err)
{
    char shown[120];
    (*count)++;
    if (found->shown++ >= SHOWN_MAX) return PTM_OK;
    return ptmi_buf_printf(&found->names, err, "%s%s %s", found->names.len ? ", " : "", what,
                           ptmi_str_printable(shown, sizeof shown, path));
}

/* Python leaves its bytecode wherever it imports from, and the side files are ours. */
static bool is_beside(const char *path)
{
    return ptmi_str_eq(path, PTMI_SIDE_FILE) || ptmi_str_eq(path, PTMI_SIDE_SUMS) ||
           strstr(path, "__pycache__/") != NULL;
}

static ptm_rc compare(struct findings *found, const char *path, struct sum *sum,
                      struct ptm_err *err)
{
    struct ptm_err why;
    char sha256[65];
    PTM_AUTO(ptmi_closep) int fd = -1;
    sum->seen = true;
    ptm_rc rc = ptmi_fs_open_beneath(found->dir, path, &fd, &why);
    if (rc == PTM_OK) rc = ptmi_hash_fd(PTMI_SHA256, fd, sha256, NULL, &why);
    if (rc < 0) return note(found, &found->unreadable, "unreadable:", path, err);
    return ptmi_str_eq(sha256, sum->sha256) ? PTM_OK
                                            : note(found, &found->changed, "changed:", path, err);
}

static ptm_rc on_file(void *arg, const char *path, const struct ptm_err *why, struct ptm_err *err)
{
    struct findings *found = arg;
    const char *relative = path + strlen(found->dir) + 1;
    if (ptm_ctx_canceled(found->hub->ctx)) return ptm_err_set(err, PTM_ECANCELED, "interrupted");
    if (why) return note(found, &found->unreadable, "unreadable:", relative, err);
    struct sum key = {.path = relative};
    struct sum *sum = found->sums->n
                          ? bsearch(&key, found->sums->items, found->sums->n, sizeof key, by_path)
                          : NULL;
    if (sum) return compare(found, relative, sum, err);
    return is_beside(relative) ? PTM_OK
                               : note(found, &found->extra, "not in the list:", relative, err);
}

static ptm_rc look_at_files(struct findings *found, struct ptm_err *err)
{
    struct ptmi_walk walk = {.fn = on_file, .arg = found, .no_links = true};
    PTM_TRY(ptmi_walk(&walk, found->dir, err));
    for (size_t i = 0; i < found->sums->n; i++)
        if (!found->sums->items[i].seen)
            PTM_TRY(note(found, &found->missing, "missing:", found->sums->items[i].path, err));
    return PTM_OK;
}

/* *why is filled when something is wrong; the result is about the looking itself. */
static void tell(const struct findings *found, struct ptm_err *why)
{
    int total = found->changed + found->missing + found->extra + found->unreadable;
    if (total == 0) return;
    ptm_rc rc = found->changed ? PTM_EHASH : found->missing ? PTM_ENOENT : PTM_EDIRTY;
    if (found->unreadable && !found->changed) rc = PTM_EIO;
    (void)!ptm_err_set(why, rc,
                       "%d changed, %d missing, %d not in the list, %d unreadable (%s%s); fetch it "
                       "anew with --force-reload",
                       found->changed, found->missing, found->extra, found->unreadable,
                       found->names.data, total > SHOWN_MAX ? ", .." : "");
}

/* Names at hand: ours end without a slash, as the walk's paths begin. */
static ptm_rc verify_repo(ptm_torchhub *hub, const struct ptmi_hub_item *item, bool *checked,
                          struct ptm_err *why, struct ptm_err *err)
{
    PTM_AUTO(sums_clear) struct sums sums = {0};
    struct findings found = {
        .hub = hub, .dir = item->copy.repo.dir, .sums = &sums, .names = PTMI_BUF(4096)};
    ptm_rc rc = read_sums(found.dir, &sums, why);
    if (rc < 0) {
        if (rc == PTM_ENOENT) *why = (struct ptm_err){0}; /* torch's, or of a person's making */
        return PTM_OK;
    }
    *checked = true;
    rc = look_at_files(&found, err);
    if (rc == PTM_OK) tell(&found, why);
    ptmi_buf_clear(&found.names);
    return rc;
}

/* --- one checkpoint --- */

static ptm_rc verify_checkpoint(ptm_torchhub *hub, const struct ptmi_hub_item *item, bool *checked,
                                struct ptm_err *why, struct ptm_err *err)
{
    char prefix[65], sha256[65];
    if (!ptm_torchhub_hash_prefix(ptmi_path_base(item->path), prefix)) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *path = ptmi_cache_path(hub, item->path);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", item->path);
    *checked = true;
    PTM_AUTO(ptmi_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ptm_rc rc = fd < 0 ? ptm_err_sys(why, errno, "cannot open it")
                       : ptmi_hash_fd(PTMI_SHA256, fd, sha256, NULL, why);
    if (rc == PTM_OK && !ptmi_str_starts(sha256, prefix))
        rc = ptm_err_set(why, PTM_EHASH,
                         "invalid hash value (expected \"%s\", got \"%s\"); remove it with `ptm "
                         "torch cache rm %s`",
                         prefix, sha256, item->path);
    (void)rc; /* told through why */
    return PTM_OK;
}

/* --- all --- */

static ptm_rc verify_item(ptm_torchhub *hub, const struct ptmi_hub_item *item,
                          ptm_torchhub_cached_fn fn, void *arg, struct ptm_err *err)
{
    struct ptm_torchhub_cached shown = ptmi_hub_item_show(item);
    struct ptm_err why = {0};
    if (item->kind == PTM_CACHED_REPO && !item->damage)
        PTM_TRY(verify_repo(hub, item, &shown.checked, &why, err));
    if (item->kind == PTM_CACHED_CHECKPOINT)
        PTM_TRY(verify_checkpoint(hub, item, &shown.checked, &why, err));
    if (why.rc < 0) shown.why = &why;
    return fn(arg, &shown, err);
}

ptm_rc ptm_torchhub_cache_verify(ptm_torchhub *hub, ptm_torchhub_cached_fn fn, void *arg,
                                 struct ptm_err *err)
{
    PTM_AUTO(ptmi_hub_items_clear) struct ptmi_hub_items items = {0};
    PTM_TRY(ptmi_hub_items_read(hub, &items, err));
    for (size_t i = 0; i < items.n; i++) {
        if (ptm_ctx_canceled(hub->ctx)) return ptm_err_set(err, PTM_ECANCELED, "interrupted");
        ptm_rc rc = verify_item(hub, &items.items[i], fn, arg, err);
        if (rc != PTM_OK) return rc;
    }
    return PTM_OK;
}
