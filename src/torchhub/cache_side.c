/* SPDX-License-Identifier: MIT */
/*
 * cache_side.c - .ptm-hub.json in a cached folder: whose copy it is.
 *
 *     {"format":1, "host":"github.com", "owner":"pytorch", "name":"vision", "ref":"v0.14.0",
 *      "commit":"40 hex digits" or null, "url":"https://github.com/pytorch/vision",
 *      "fetched":"2026-01-31T12:00:00Z"}
 *
 * Torch's folder names join owner, name and ref by "_" and so lose them. Folders get copied from
 * other machines, and torch unpacks archives with whatever is in them: what stands here is checked
 * as any text from outside.
 */
#include "torchhub_priv.h"

#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../base/path.h"
#include "../base/str.h"

#define FORMAT 1
/* Owner, name, ref and URL have a few hundred bytes each at most. */
#define SIDE_MAX ((size_t)16 << 10)
#define HOST_MAX 253

/* Letters, digits, "-", "." and a port. */
static bool is_host(const char *host)
{
    size_t len = strlen(host);
    if (len == 0 || len > HOST_MAX) return false;
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:") == len;
}

/* What is there is what it should be; commit and fetched may be missing. */
static ptm_rc check(const struct ptm_torchhub_repo *repo, struct ptm_err *err)
{
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    int64_t seconds = 0;
    if (!repo->host || !repo->owner || !repo->name || !repo->ref || !is_host(repo->host))
        return ptm_err_set(err, PTM_EFORMAT, "does not say whose copy this is");
    PTM_AUTO(ptmi_freep)
    char *text = ptmi_str_printf("%s/%s:%s", repo->owner, repo->name, repo->ref);
    if (!text) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    ptm_rc rc = ptmi_repo_spec_parse(text, &spec, err);
    if (rc < 0) return rc == PTM_ENOMEM ? rc : ptm_err_set(err, PTM_EFORMAT, "names no repository");
    if (repo->commit && !ptmi_str_is_hex(repo->commit, 40))
        return ptm_err_set(err, PTM_EFORMAT, "its commit is none");
    if (repo->fetched && !ptmi_clock_parse_iso(repo->fetched, &seconds))
        return ptm_err_set(err, PTM_EFORMAT, "its time is none");
    return PTM_OK;
}

/* *out stays NULL when there is no such text. */
static ptm_rc take(yyjson_val *root, const char *name, char **out, struct ptm_err *err)
{
    const char *text = ptmi_json_str(root, name);
    if (!text) return PTM_OK;
    *out = strdup(text);
    return *out ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "out of memory");
}

static ptm_rc take_all(yyjson_val *root, struct ptm_torchhub_repo *out, struct ptm_err *err)
{
    int64_t format = ptmi_json_int(root, "format", 0);
    if (format != FORMAT)
        return ptm_err_set(err, PTM_EFORMAT, "%s",
                           format > FORMAT ? "written by a newer ptm" : "has no known format");
    PTM_TRY(take(root, "host", &out->host, err));
    PTM_TRY(take(root, "owner", &out->owner, err));
    PTM_TRY(take(root, "name", &out->name, err));
    PTM_TRY(take(root, "ref", &out->ref, err));
    PTM_TRY(take(root, "commit", &out->commit, err));
    PTM_TRY(take(root, "fetched", &out->fetched, err));
    return check(out, err);
}

ptm_rc ptmi_side_parse(const char *data, size_t len, const char *what,
                       struct ptm_torchhub_repo *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    PTM_TRY(ptmi_json_parse(data, len, what, &doc, err));
    ptm_rc rc = take_all(yyjson_doc_get_root(doc), &repo, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "%s", what);
    *out = repo;
    repo = (struct ptm_torchhub_repo){0};
    return PTM_OK;
}

ptm_rc ptmi_side_read(const char *dir, struct ptm_torchhub_repo *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dir, PTMI_SIDE_FILE);
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0;
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    PTM_TRY(ptmi_fs_read_beneath(dir, PTMI_SIDE_FILE, SIDE_MAX, &text, &len, err));
    return ptmi_side_parse(text, len, path, out, err);
}

static ptm_rc put_member(struct ptmi_buf *buf, const char *name, const char *value,
                         struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_printf(buf, err, ",\n \"%s\": ", name));
    return ptmi_buf_json_str(buf, value, err);
}

ptm_rc ptmi_side_write(const char *dir, const struct ptm_torchhub_repo *repo, struct ptm_err *err)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf buf = PTMI_BUF(SIDE_MAX);
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dir, PTMI_SIDE_FILE);
    PTM_AUTO(ptmi_freep)
    char *url = ptmi_str_printf("https://%s/%s/%s", repo->host, repo->owner, repo->name);
    if (!path || !url) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    PTM_TRY(ptmi_buf_printf(&buf, err, "{\"format\": %d", FORMAT));
    PTM_TRY(put_member(&buf, "host", repo->host, err));
    PTM_TRY(put_member(&buf, "owner", repo->owner, err));
    PTM_TRY(put_member(&buf, "name", repo->name, err));
    PTM_TRY(put_member(&buf, "ref", repo->ref, err));
    PTM_TRY(put_member(&buf, "commit", repo->commit, err));
    PTM_TRY(put_member(&buf, "url", url, err));
    PTM_TRY(put_member(&buf, "fetched", repo->fetched, err));
    PTM_TRY(ptmi_buf_puts(&buf, "}\n", err));
    return ptmi_fs_write_whole(path, buf.data, buf.len, NULL, err);
}
