/* SPDX-License-Identifier: MIT */
/*
 * weights_url.c - torch.hub.load_state_dict_from_url: weights into the folder of checkpoints, under
 * the name that torch gives them, so that either finds what the other fetched; and opened by our
 * own readers, which run nothing. Zip files around one checkpoint ("legacy zip") are opened by
 * them, too: nothing is unpacked into the cache, where a member's name could take the place of
 * another checkpoint.
 */
#include "torchhub_priv.h"

#include <string.h>

#include "../base/adopt.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/url.h"

/* Torch takes any number of digits: a 7 of a version number ("yolov5s-7.0.pt") is then a hash, and
 * none at all passes as one that was checked. */
#define DIGITS_MIN 8
#define DIGITS_MAX 64

char *ptmi_checkpoints_dir(ptm_torchhub *hub)
{
    return ptmi_path_join(ptm_torchhub_get_dir(hub), "checkpoints");
}

bool ptm_torchhub_hash_prefix(const char *file_name, char out[65])
{
    for (const char *at = file_name; (at = strchr(at, '-')); at++) {
        size_t n = strspn(at + 1, "0123456789abcdef");
        if (n < DIGITS_MIN || n > DIGITS_MAX || at[1 + n] != '.') continue;
        memcpy(out, at + 1, n);
        out[n] = '\0';
        return true;
    }
    return false;
}

/* Bytes of the URL's path, as Python's urlparse splits it: without the query, the fragment, and the
 * parameters of the last part. */
static void path_span(const char *url, const char **out, size_t *out_len)
{
    const char *host = strstr(url, "://"), *path = url;
    if (host) {
        host += 3;
        path = host + strcspn(host, "/?#");
    }
    size_t len = strcspn(path, "?#");
    const char *slash = memrchr(path, '/', len), *last = slash ? slash : path;
    const char *params = memchr(last, ';', (size_t)(path + len - last));
    *out = path;
    *out_len = params ? (size_t)(params - path) : len;
}

ptm_rc ptmi_weights_name(const char *url, char **out, struct ptm_err *err)
{
    const char *path;
    size_t len;
    path_span(url, &path, &len);
    PTM_AUTO(ptmi_freep) char *whole = strndup(path, len);
    PTM_AUTO(ptmi_freep) char *name = whole ? strdup(ptmi_path_base(whole)) : NULL;
    PTM_AUTO(ptmi_freep) char *shown = ptmi_url_redact(url);
    if (!name || !shown) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (!*name)
        return ptm_err_set(err, PTM_EINVAL,
                           "%s: it ends without the name of a file; give one with --file-name",
                           shown);
    if (ptmi_path_check_name(name, err) < 0)
        return ptm_err_ctx(err, PTM_EINVAL, "%s: give another name with --file-name", shown);
    *out = ptm_steal(&name);
    return PTM_OK;
}

/* Where the file goes: out_name is its name there. */
static ptm_rc place(ptm_torchhub *hub, const char *url,
                    const struct ptm_torchhub_weights_opts *opts, char **out_name, char **out_path,
                    struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *name = NULL;
    PTM_AUTO(ptmi_freep)
    char *dir = opts->model_dir ? ptmi_expand_home(opts->model_dir) : ptmi_checkpoints_dir(hub);
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (opts->file_name) {
        PTM_TRY(ptmi_path_check_name(opts->file_name, err));
        name = strdup(opts->file_name);
        if (!name) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    } else {
        PTM_TRY(ptmi_weights_name(url, &name, err));
    }
    *out_path = ptmi_path_join(dir, name);
    if (!*out_path) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(ptmi_fs_mkdirs(dir, err));
    *out_name = ptm_steal(&name);
    return PTM_OK;
}

static void tell_unchecked(ptm_torchhub *hub, const char *name)
{
    ptmi_log(hub->ctx, PTM_LOG_WARN, "torchhub",
             "%s: not checked, since its name holds no hash (\"-\", %d or more hex digits, \".\")",
             name, DIGITS_MIN);
}

/* As torch.hub, a name alone refuses nothing (its digits may be a date); but it is not passed over.
 */
static void tell_other(ptm_torchhub *hub, const char *name, const char sha256[65])
{
    char prefix[65];
    if (!sha256[0] || !ptm_torchhub_hash_prefix(name, prefix)) return;
    if (strncmp(prefix, sha256, strlen(prefix)) == 0) return;
    ptmi_log(hub->ctx, PTM_LOG_WARN, "torchhub",
             "%s: its SHA-256 is %s, which is not the one in its name; checking the hash "
             "(--check-hash) refuses such a file",
             name, sha256);
}

static bool may_be_date(const char *prefix)
{
    return strlen(prefix) == 8 && strspn(prefix, "0123456789") == 8;
}

/* Is the hash in the name, if there is one, to be that of the file? */
static bool wants_hash(const struct ptm_torchhub_weights_opts *opts, const char *path,
                       const char *prefix)
{
    if (opts->check_hash) return true;
    return opts->check_new && !may_be_date(prefix) && (opts->replace || !ptmi_fs_exists(path));
}

ptm_rc ptm_torchhub_weights(ptm_torchhub *hub, const char *url,
                            const struct ptm_torchhub_weights_opts *opts, char **out_path,
                            bool *out_hash_checked, struct ptm_err *err)
{
    struct ptm_torchhub_weights_opts own = PTM_TORCHHUB_WEIGHTS_OPTS_INIT;
    struct ptm_torchhub_download_opts how = PTM_TORCHHUB_DOWNLOAD_OPTS_INIT;
    PTM_AUTO(ptmi_freep) char *name = NULL;
    PTM_AUTO(ptmi_freep) char *path = NULL;
    char prefix[65], sha256[65] = "";
    ptmi_adopt(&own, sizeof own, opts);
    PTM_TRY(place(hub, url, &own, &name, &path, err));
    bool has_hash = ptm_torchhub_hash_prefix(name, prefix);
    bool checked = has_hash && wants_hash(&own, path, prefix);
    if (own.check_hash && !checked) tell_unchecked(hub, name);
    how.hash_prefix = checked ? prefix : NULL;
    how.replace = own.replace;
    how.progress = own.progress;
    how.progress_arg = own.progress_arg;
    PTM_TRY(ptm_torchhub_download_url_to_file(hub, url, path, &how, sha256, err));
    tell_other(hub, name, sha256);
    if (sha256[0] && !own.model_dir && !has_hash)
        PTM_TRY(ptmi_weights_origin_note(hub, name, url, err));
    if (out_hash_checked) *out_hash_checked = checked;
    *out_path = ptm_steal(&path);
    return PTM_OK;
}

ptm_rc ptm_torchhub_load_state_dict_from_url(ptm_torchhub *hub, const char *url,
                                             const struct ptm_torchhub_weights_opts *opts,
                                             ptm_weights **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = NULL;
    PTM_TRY(ptm_torchhub_weights(hub, url, opts, &path, NULL, err));
    ptm_rc rc = ptm_weights_open(path, NULL, out, err);
    if (rc == PTM_OK) return rc;
    PTM_AUTO(ptmi_freep) char *shown = ptmi_url_redact(url);
    return ptm_err_ctx(err, rc, "it came from %s", shown ? shown : "a URL");
}
