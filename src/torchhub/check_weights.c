/* SPDX-License-Identifier: MIT */
/*
 * check_weights.c - what entry points download: by https, under a name that tells its hash, there
 * at all, of a size that users have; and files of the repository that its archive has only pointers
 * of.
 */
#include "check_priv.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/url.h"
#include "../base/walk.h"
#include "../git/lfs.h"

/* What GitHub takes as a file of a release, and many a user's patience. */
#define LARGE ((int64_t)2 << 30)
/* Pointers told one by one. */
#define POINTERS_MAX 20

/* ---- URLs ---- */

static ptm_rc check_answer(struct ptmi_check *check, const struct ptm_hub_entry *entry,
                           const char *url, const struct ptm_net_response *got, struct ptm_err *err)
{
    char value[64], size[32];
    int64_t bytes = 0;
    if (ptm_net_header(got, "content-type", value, sizeof value) &&
        ptmi_str_starts_nocase(value, "text/html"))
        return ptmi_advise(check, PTMI_ADVICE(ERROR, "weights-page", entry->file, entry->line), err,
                           "%s: %s is a web page, not a file; give its direct download address",
                           entry->name, url);
    if (!ptm_net_header(got, "content-length", value, sizeof value) ||
        !ptmi_str_int(value, 0, INT64_MAX, &bytes) || bytes <= LARGE)
        return PTM_OK;
    return ptmi_advise(check, PTMI_ADVICE(WARNING, "weights-size", entry->file, entry->line), err,
                       "%s: %s has %s; files over 2 GB fail on many systems, and GitHub releases "
                       "take none: split it, or save it with 16 bits a number",
                       entry->name, url, ptmi_str_human_size(bytes, size));
}

/* Asks the server; what it says is advice, what the network says is not the author's doing. */
static ptm_rc ask_for(struct ptmi_check *check, const struct ptm_hub_entry *entry, const char *url,
                      struct ptm_err *err)
{
    ptm_net *net = NULL;
    struct ptm_err why = {0};
    struct ptm_net_response got = {0};
    struct ptm_net_request request = PTM_NET_REQUEST_INIT;
    request.url = url;
    request.method = "HEAD";
    request.no_credentials = true; /* as a user who has none */
    PTM_TRY(ptmi_torchhub_net(check->hub, &net, err));
    ptm_rc rc = ptm_net_perform(net, &request, &got, &why);
    if (rc == PTM_OK) {
        rc = check_answer(check, entry, url, &got, err);
    } else if (rc == PTM_ECANCELED) {
        if (err) *err = why;
    } else {
        bool gone = rc == PTM_ENOTFOUND || rc == PTM_EAUTH || rc == PTM_EGATED;
        struct ptm_torchhub_advice where = {gone ? PTM_ADVICE_ERROR : PTM_ADVICE_NOTE,
                                            "weights-missing", entry->file, entry->line, NULL};
        rc = ptmi_advise(check, &where, err, "%s: %.700s", entry->name, why.msg);
    }
    ptm_net_response_clear(&got);
    return rc;
}

static ptm_rc check_url(struct ptmi_check *check, const struct ptm_hub_entry *entry,
                        const char *url, struct ptm_err *err)
{
    char prefix[65];
    PTM_AUTO(ptmi_freep) char *name = NULL;
    PTM_AUTO(ptmi_freep) char *shown = ptmi_url_redact(url);
    if (!shown) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (!ptmi_str_starts_nocase(url, "https://"))
        PTM_TRY(ptmi_advise(check, PTMI_ADVICE(WARNING, "weights-http", entry->file, entry->line),
                            err, "%s: %s is not https: anybody on the way can swap the file",
                            entry->name, shown));
    if (ptmi_weights_name(url, &name, NULL) == PTM_OK && !ptm_torchhub_hash_prefix(name, prefix))
        PTM_TRY(
            ptmi_advise(check, PTMI_ADVICE(WARNING, "weights-hash", entry->file, entry->line), err,
                        "%s: the name %s tells no hash, so nobody can check the file; put \"-\" "
                        "and the first 8 or more digits of its SHA-256 before the ending",
                        entry->name, name));
    if (!check->online || !ptmi_str_starts_nocase(url, "http")) return PTM_OK;
    return ask_for(check, entry, url, err);
}

/* Entry points share URLs: each is looked at once. */
ptm_rc ptmi_check_weights(struct ptmi_check *check, struct ptm_err *err)
{
    struct ptmi_arena_list seen = {0};
    const struct ptm_hub_entry *entry;
    for (size_t i = 0; (entry = ptm_hubconf_entry(check->hubconf, i)); i++)
        for (size_t u = 0; entry->name && u < entry->n_urls; u++) {
            size_t before = seen.n;
            if (!ptmi_arena_list_add_new(&check->arena, &seen, entry->urls[u]))
                return ptm_err_set(err, PTM_ENOMEM, "%s: too many URLs", check->dir);
            if (seen.n > before) PTM_TRY(check_url(check, entry, entry->urls[u], err));
        }
    return PTM_OK;
}

/* ---- Git LFS ---- */

static ptm_rc tell_pointer(struct ptmi_check *check, const char *path, struct ptm_err *err)
{
    return ptmi_advise(check, PTMI_ADVICE(WARNING, "lfs", path, 0), err,
                       "is a Git LFS pointer, and so are its users' copies: the archive that "
                       "torch.hub fetches has pointers only; publish it as a file of a release");
}

struct pointers {
    struct ptmi_check *check;
    int n;
};

static ptm_rc see_file(void *arg, const char *path, const struct ptm_err *why, struct ptm_err *err)
{
    struct pointers *pointers = arg;
    struct ptmi_lfs_pointer pointer;
    struct stat st;
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0, skip = strlen(pointers->check->dir);
    if (why || pointers->n >= POINTERS_MAX || lstat(path, &st) || !S_ISREG(st.st_mode) ||
        st.st_size >= PTM_LIMIT_POINTER || st.st_size < 100)
        return PTM_OK;
    if (ptmi_fs_read(path, PTM_LIMIT_POINTER, &text, &len, NULL) < 0) return PTM_OK;
    if (!ptmi_lfs_pointer_parse(text, len, &pointer)) return PTM_OK;
    pointers->n++;
    while (path[skip] == '/') skip++;
    return tell_pointer(pointers->check, path + skip, err);
}

/* Where the author has the files themselves, .gitattributes tells what others get. */
static ptm_rc see_attributes(struct ptmi_check *check, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = NULL;
    if (ptmi_fs_read_beneath(check->dir, ".gitattributes", PTM_LIMIT_TEXT, &text, NULL, NULL) < 0)
        return PTM_OK;
    int line = 1;
    for (char *at = text, *next; *at; at = next, line++) {
        size_t len = strcspn(at, "\n");
        next = at + len + (at[len] == '\n');
        at[len] = '\0';
        if (*at == '#' || !strstr(at, "filter=lfs")) continue;
        PTM_TRY(ptmi_advise(check, PTMI_ADVICE(NOTE, "lfs", ".gitattributes", line), err,
                            "files that match %.*s are in Git LFS: the archive that torch.hub "
                            "fetches has pointers in their place, unless the repository's settings "
                            "include LFS objects in archives",
                            (int)strcspn(at, " \t"), at));
    }
    return PTM_OK;
}

ptm_rc ptmi_check_pointers(struct ptmi_check *check, struct ptm_err *err)
{
    struct pointers pointers = {.check = check};
    struct ptmi_walk walk = {.fn = see_file, .arg = &pointers, .skip_git = true, .no_links = true};
    PTM_TRY(see_attributes(check, err));
    return ptmi_walk(&walk, check->dir, err);
}
