/* SPDX-License-Identifier: MIT */
/*
 * lfs_batch.c - asks a Git LFS server where objects are: one POST for up to 100 of them, one answer
 * or error for each. https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md. Downloads by
 * plain GET ("basic") only.
 */
#include "lfs_priv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../base/clock.h"
#include "../base/json.h"
#include "../base/limits.h"
#include "../base/str.h"

#define MEDIA_TYPE "application/vnd.git-lfs+json"
#define HEADERS_MAX 32
/* A link is not used in its last tenth, and at most a minute is left unused. */
#define STALE_SECONDS_MAX 60

/* --- answers --- */

void ptmi_lfs_answer_clear(struct ptmi_lfs_answer *answer)
{
    free(answer->href);
    for (size_t i = 0; i < answer->n_headers; i++) free(answer->headers[i]);
    free(answer->headers);
    *answer = (struct ptmi_lfs_answer){0};
}

bool ptmi_lfs_answer_is_stale(const struct ptmi_lfs_answer *answer)
{
    if (!answer->href) return true;
    if (answer->expires_at == 0) return false;
    int64_t margin = answer->lifetime / 10;
    if (margin > STALE_SECONDS_MAX) margin = STALE_SECONDS_MAX;
    return ptmi_clock_unix() >= answer->expires_at - margin;
}

static void refuse(struct ptmi_lfs_answer *answer, ptm_rc rc, int status, const char *oid,
                   const char *text)
{
    char shown[300];
    ptmi_str_printable(shown, sizeof shown, text ? text : "no reason given");
    answer->rc = status
                     ? ptm_err_set(&answer->err, rc, "object %.12s..: the LFS server says %d: %s",
                                   oid, status, shown)
                     : ptm_err_set(&answer->err, rc, "object %.12s..: %s", oid, shown);
    answer->err.http_status = status;
    answer->err.retryable = status == 408 || status == 429 || status >= 500;
}

static ptm_rc rc_of_status(int64_t status)
{
    switch (status) {
    case 404:
    case 410:
        return PTM_ENOTFOUND;
    case 401:
    case 403:
        return PTM_EAUTH;
    case 429:
        return PTM_ERATE;
    default:
        return PTM_EHTTP;
    }
}

static bool is_token(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c > '~' || strchr("()<>@,;:\\\"/[]?={}", *c)) return false;
    return *text != '\0';
}

/* Headers that would change what is asked, or of whom, are not the server's to set. */
static bool may_send(const char *name, const char *value)
{
    static const char *const ours[] = {
        "host",    "range", "if-range", "connection", "content-length", "transfer-encoding",
        "upgrade", "te",    "expect",   "cookie"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strcasecmp(name, ours[i]) == 0) return false;
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) return false;
    return is_token(name);
}

static ptm_rc take_headers(yyjson_val *object, struct ptmi_lfs_answer *answer, struct ptm_err *err)
{
    size_t at, n;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(object)) return PTM_OK;
    answer->headers = calloc(HEADERS_MAX, sizeof *answer->headers);
    if (!answer->headers) return ptm_err_set(err, PTM_ENOMEM, "LFS answer: out of memory");
    yyjson_obj_foreach(object, at, n, key, value)
    {
        const char *name = yyjson_get_str(key), *text = yyjson_get_str(value);
        if (!name || !text || !may_send(name, text)) continue;
        if (answer->n_headers == HEADERS_MAX) break;
        char *line = ptmi_str_printf("%s: %s", name, text);
        if (!line) return ptm_err_set(err, PTM_ENOMEM, "LFS answer: out of memory");
        answer->headers[answer->n_headers++] = line;
    }
    return PTM_OK;
}

static void take_expiry(yyjson_val *action, struct ptmi_lfs_answer *answer)
{
    int64_t now = ptmi_clock_unix(), at = 0;
    int64_t in = ptmi_json_int(action, "expires_in", 0);
    const char *text = ptmi_json_str(action, "expires_at");
    /* More than ten years is no expiry (and near INT64_MAX no sum). */
    if (in > 0 && in < INT64_C(315360000))
        at = now + in;
    else if (text && ptmi_clock_parse_iso(text, &at) && at > now + INT64_C(315360000))
        at = 0;
    if (at <= now) return; /* a server with a wrong clock, or none given: tried as it is */
    answer->expires_at = at;
    answer->lifetime = at - now;
}

/* The href in its original form: a rewritten server gives hrefs on itself. */
static ptm_rc take_href(const struct ptmi_lfs_server *server, const char *href,
                        struct ptmi_lfs_answer *answer, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *base = ptmi_rewrite_apply(server->rewrites, server->batch_url);
    PTM_AUTO(ptmi_freep) char *full = NULL;
    if (!base) return ptm_err_set(err, PTM_ENOMEM, "LFS answer: out of memory");
    ptm_rc rc = ptmi_url_join(base, href, &full, &answer->err);
    if (rc == PTM_ENOMEM) return ptm_err_set(err, rc, "LFS answer: out of memory");
    if (rc < 0) {
        answer->rc = rc;
        return PTM_OK;
    }
    answer->href = ptmi_rewrite_undo(server->rewrites, full);
    return answer->href ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "LFS answer: out of memory");
}

static ptm_rc take_object(const struct ptmi_lfs_server *server, yyjson_val *object, const char *oid,
                          struct ptmi_lfs_answer *answer, struct ptm_err *err)
{
    yyjson_val *error = ptmi_json_get(object, "error");
    yyjson_val *action = ptmi_json_get(ptmi_json_get(object, "actions"), "download");
    const char *href = ptmi_json_str(action, "href");
    answer->rc = PTM_OK;
    if (error && !yyjson_is_null(error)) {
        int64_t status = ptmi_json_int(error, "code", 0);
        if (status < 100 || status > 599) status = 0;
        refuse(answer, rc_of_status(status), (int)status, oid, ptmi_json_str(error, "message"));
        return PTM_OK;
    }
    if (!href) {
        refuse(answer, PTM_EFORMAT, 0, oid, "the LFS server gave neither a link nor an error");
        return PTM_OK;
    }
    PTM_TRY(take_href(server, href, answer, err));
    if (answer->rc < 0) return PTM_OK;
    take_expiry(action, answer);
    return take_headers(ptmi_json_get(action, "header"), answer, err);
}

static ptm_rc take_objects(const struct ptmi_lfs_server *server, yyjson_val *list,
                           const struct ptmi_lfs_pointer *const *asked, size_t n,
                           struct ptmi_lfs_answer *answers, struct ptm_err *err)
{
    size_t at, count;
    yyjson_val *object;
    yyjson_arr_foreach(list, at, count, object)
    {
        const char *oid = ptmi_json_str(object, "oid");
        if (!oid) continue;
        for (size_t i = 0; i < n; i++) {
            if (!ptmi_str_eq(asked[i]->oid, oid)) continue;
            ptmi_lfs_answer_clear(&answers[i]); /* the last word counts */
            PTM_TRY(take_object(server, object, oid, &answers[i], err));
            break;
        }
    }
    return PTM_OK;
}

ptm_rc ptmi_lfs_batch_parse(const struct ptmi_lfs_server *server, const char *json, size_t len,
                            const struct ptmi_lfs_pointer *const *asked, size_t n,
                            struct ptmi_lfs_answer *answers, struct ptm_err *err)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    for (size_t i = 0; i < n; i++)
        refuse(&answers[i], PTM_EFORMAT, 0, asked[i]->oid, "the LFS server's answer leaves it out");
    PTM_TRY(ptmi_json_parse(json, len, server->batch_url, &doc, err));
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *objects = ptmi_json_get(root, "objects");
    const char *transfer = ptmi_json_str(root, "transfer");
    const char *algo = ptmi_json_str(root, "hash_algo");
    if (!yyjson_is_arr(objects))
        return ptm_err_set(err, PTM_EFORMAT, "%s: no list of objects in the LFS server's answer",
                           server->batch_url);
    if (transfer && !ptmi_str_eq(transfer, "basic"))
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: the LFS server wants transfer \"%.40s\"; only basic was offered",
                           server->batch_url, transfer);
    if (algo && !ptmi_str_eq(algo, "sha256"))
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: the LFS server hashes with \"%.40s\", not sha256",
                           server->batch_url, algo);
    return take_objects(server, objects, asked, n, answers, err);
}

/* --- requests --- */

ptm_rc ptmi_lfs_server_init(ptmi_git *git, ptm_net *net, const char *url,
                            struct ptmi_lfs_server *out, struct ptm_err *err)
{
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/') len--;
    bool has = len > 4 && strncmp(url + len - 4, ".git", 4) == 0;
    char *batch =
        ptmi_str_printf("%.*s%s/info/lfs/objects/batch", (int)len, url, has ? "" : ".git");
    if (!batch) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", url);
    *out = (struct ptmi_lfs_server){.net = net, .rewrites = git->rewrites, .batch_url = batch};
    return PTM_OK;
}

void ptmi_lfs_server_clear(struct ptmi_lfs_server *server)
{
    free(server->batch_url);
    server->batch_url = NULL;
}

static ptm_rc make_body(const struct ptmi_lfs_pointer *const *asked, size_t n, struct ptmi_buf *out,
                        struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_puts(out,
                          "{\"operation\":\"download\",\"transfers\":[\"basic\"],\"hash_algo\":"
                          "\"sha256\",\"objects\":[",
                          err));
    for (size_t i = 0; i < n; i++)
        PTM_TRY(ptmi_buf_printf(out, err, "%s{\"oid\":\"%s\",\"size\":%lld}", i ? "," : "",
                                asked[i]->oid, (long long)asked[i]->size));
    return ptmi_buf_puts(out, "]}", err);
}

ptm_rc ptmi_lfs_batch(const struct ptmi_lfs_server *server,
                      const struct ptmi_lfs_pointer *const *asked, size_t n,
                      struct ptmi_lfs_answer *answers, struct ptm_err *err)
{
    static const char *const headers[] = {"Accept: " MEDIA_TYPE, "Content-Type: " MEDIA_TYPE};
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf body = PTMI_BUF((size_t)64 << 10);
    PTM_AUTO(ptm_net_response_clear) struct ptm_net_response response = {0};
    struct ptm_net_request request = PTM_NET_REQUEST_INIT;
    PTM_TRY(make_body(asked, n, &body, err));
    request.url = server->batch_url;
    request.method = "POST";
    request.headers = headers;
    request.n_headers = sizeof headers / sizeof headers[0];
    request.body = body.data;
    request.body_len = body.len;
    ptm_rc rc = ptm_net_perform(server->net, &request, &response, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "asking for large files");
    return ptmi_lfs_batch_parse(server, response.body ? response.body : "", response.body_len,
                                asked, n, answers, err);
}
