/* SPDX-License-Identifier: MIT */
/*
 * net_hop.c - one try of a request: its hops, each with its own rewriting, pacing and credentials.
 *
 * Redirects are followed here, not by curl, because at each hop the original URL decides anew who
 * is told what:
 *
 *     original URL --rewrite--> asked URL --> Location, joined to the asked URL
 *          ^------------------------------ undo rewriting -------------'
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/auto.h"
#include "../base/clock.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/str.h"
#include "net_error.h"
#include "net_header.h"
#include "net_priv.h"
#include "net_retry.h"

/* What is read of the body of an error or a redirect: enough for its message and for reusing the
 * connection. */
#define SIDE_BODY_MAX (64u << 10)
#define HEADER_LINE_MAX 16384

PTM_DEFINE_CLEANUP(transfer_freep, ptmi_transfer *, ptmi_transfer_free)

struct hop {
    ptm_net *net;
    const struct ptm_net_request *request;
    const struct ptmi_try_opts *opts;
    const char *first_url; /* original form of the request's own URL */
    char *url;             /* original form of this hop's */
    char *asked_url;
    char *url_shown;
    const char *method;
    const void *body;
    struct curl_slist *headers;
    bool token_sent;
};

void ptmi_try_clear(struct ptmi_try *result)
{
    free(result->url);
    free(result->headers);
    ptmi_buf_clear(&result->body);
    *result = (struct ptmi_try){.asked_ms = -1};
}

/* Credentials may be among the lines: they are overwritten. */
static void wipe_headers(struct curl_slist *list)
{
    for (struct curl_slist *at = list; at; at = at->next)
        explicit_bzero(at->data, strlen(at->data));
    curl_slist_free_all(list);
}

static void hop_clear(struct hop *hop)
{
    free(hop->url);
    free(hop->asked_url);
    free(hop->url_shown);
    wipe_headers(hop->headers);
    hop->url = hop->asked_url = hop->url_shown = NULL;
    hop->headers = NULL;
}

/* ---- headers ---- */

static bool named(const char *line, const char *name)
{
    size_t len = strlen(name);
    return strncasecmp(line, name, len) == 0 && line[len] == ':';
}

/* What the caller's headers may say to a host that the caller did not name: nothing that could be a
 * secret. */
static bool travels(const char *line)
{
    static const char *const names[] = {
        "Accept",   "Accept-Language", "User-Agent",        "Referer",     "Range",
        "If-Range", "If-None-Match",   "If-Modified-Since", "Content-Type"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (named(line, names[i])) return true;
    return false;
}

static ptm_rc add_header(struct hop *hop, const char *line, struct ptm_err *err)
{
    struct curl_slist *longer = curl_slist_append(hop->headers, line);
    if (!longer) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    hop->headers = longer;
    return PTM_OK;
}

static ptm_rc check_header(const struct hop *hop, const char *line, struct ptm_err *err)
{
    if (strlen(line) <= HEADER_LINE_MAX && !strpbrk(line, "\r\n") && strchr(line, ':'))
        return PTM_OK;
    return ptm_err_set(err, PTM_EINVAL, "%s: a request header is malformed", hop->url_shown);
}

/* Rewinds nothing: called once a hop. Sets token_sent; *out_netrc: no token applies, so the user's
 * netrc may. */
static ptm_rc build_headers(struct hop *hop, bool gzip, bool *out_netrc, struct ptm_err *err)
{
    const struct ptm_net_request *r = hop->request;
    bool home = ptmi_url_same_origin(hop->first_url, hop->url);
    bool own_auth = false;
    for (size_t i = 0; i < r->n_headers; i++) {
        const char *line = r->headers[i];
        PTM_TRY(check_header(hop, line, err));
        if (!home && !travels(line)) continue;
        if (!hop->body && named(line, "Content-Type")) continue;
        own_auth = own_auth || named(line, "Authorization");
        PTM_TRY(add_header(hop, line, err));
    }
    /* Without this curl asks for leave before large bodies, which some servers never give. */
    if (hop->body) PTM_TRY(add_header(hop, "Expect:", err));
    if (!gzip) PTM_TRY(add_header(hop, "Accept-Encoding: identity", err));
    const char *token = NULL;
    if (!r->no_credentials && !own_auth) token = ptmi_cred_header(&hop->net->cred, hop->url);
    if (token) PTM_TRY(add_header(hop, token, err));
    hop->token_sent = token || own_auth;
    *out_netrc = home && !hop->token_sent && !r->no_credentials && !hop->net->no_netrc;
    return PTM_OK;
}

/* ---- pacing ---- */

static ptm_rc pace(struct hop *hop, int *out_ticket, int64_t *out_asked_ms, struct ptm_err *err)
{
    bool told = false;
    for (;;) {
        int64_t wait = ptmi_ratelimit_ask(hop->net->limits, hop->url, ptmi_clock_ms(), out_ticket);
        if (wait <= 0) return PTM_OK;
        if (wait > PTMI_RETRY_ASKED_MAX_MS) {
            *out_asked_ms = wait;
            ptm_rc rc = ptm_err_set(err, PTM_ERATE, "%s: the server's rate limit is used up",
                                    hop->url_shown);
            if (err) err->retryable = true;
            return rc;
        }
        if (!told && wait > 2000) {
            told = true;
            ptmi_log(hop->net->ctx, PTM_LOG_INFO, "net", "%s: waiting %lld s for the rate limit",
                     hop->url_shown, (long long)(wait / 1000));
        }
        PTM_TRY(ptmi_retry_wait(hop->net->ctx, wait, err));
    }
}

/* ---- what answers carry ---- */

/* X-HF-Warning: <topic>; <message> */
static void tell_warning(ptm_net *net, const char *headers)
{
    char value[512], topic[PTMI_NET_TOPIC_LEN];
    if (!ptmi_header_copy(headers, "x-hf-warning", value, sizeof value)) return;
    size_t len = strcspn(value, ";");
    if (len >= sizeof topic) len = sizeof topic - 1;
    memcpy(topic, value, len);
    topic[len] = '\0';
    pthread_mutex_lock(&net->topics_lock);
    bool fresh = net->n_topics < PTMI_NET_TOPICS;
    for (int i = 0; i < net->n_topics; i++) fresh = fresh && strcmp(net->topics[i], topic) != 0;
    if (fresh) memcpy(net->topics[net->n_topics++], topic, sizeof topic);
    pthread_mutex_unlock(&net->topics_lock);
    if (fresh) ptmi_log(net->ctx, PTM_LOG_WARN, "net", "the hub says: %s", value);
}

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Reads at most max bytes into the body; the rest stays unread. What fails to come is not missed.
 */
static void read_side_body(ptmi_transfer *t, struct ptmi_try *result, size_t max)
{
    const char *data = NULL;
    size_t len = 0;
    result->body.max = max;
    while (result->body.len < max) {
        if (ptmi_transfer_read(t, &data, &len, NULL) != PTM_OK || len == 0) return;
        size_t room = max - result->body.len;
        if (ptmi_buf_append(&result->body, data, len < room ? len : room, NULL) != PTM_OK) return;
        ptmi_transfer_consume(t, len);
    }
}

static size_t max_body(const struct ptm_net_request *r)
{
    return r->max_body ? r->max_body : PTM_LIMIT_BODY;
}

static ptm_rc read_body(const struct hop *hop, ptmi_transfer *t, struct ptmi_try *result,
                        struct ptm_err *err)
{
    const struct ptm_net_request *r = hop->request;
    bool sink = r->sink && result->status < 300;
    result->body.max = max_body(r);
    for (;;) {
        const char *data = NULL;
        size_t len = 0;
        PTM_TRY(ptmi_transfer_read(t, &data, &len, err));
        if (len == 0) return PTM_OK;
        if (sink) {
            result->sunk = true;
            PTM_TRY(r->sink(r->sink_arg, data, len, err));
        } else {
            ptm_rc rc = ptmi_buf_append(&result->body, data, len, err);
            if (rc != PTM_OK) return ptm_err_ctx(err, rc, "%s", hop->url_shown);
        }
        ptmi_transfer_consume(t, len);
    }
}

/* ---- one hop ---- */

static ptm_rc keep_head(struct hop *hop, struct ptmi_try *result, int status, const char *headers,
                        struct ptm_err *err)
{
    result->status = status;
    free(result->headers);
    result->headers = strdup(headers);
    free(result->url);
    result->url = strdup(hop->url);
    result->strayed = !ptmi_url_same_origin(hop->first_url, hop->url);
    if (!result->headers || !result->url) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    return PTM_OK;
}

/* What a rewriting rule names is the user's own choice. */
static ptm_rc check_public(const struct hop *hop, bool *out_public_only, struct ptm_err *err)
{
    struct ptmi_url parts = {0};
    *out_public_only = hop->net->public_only && strcmp(hop->url, hop->asked_url) == 0;
    if (!*out_public_only) return PTM_OK;
    ptm_rc rc = ptmi_url_parse(hop->url, &parts, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "%s", hop->url_shown);
    bool inside = ptmi_url_is_inside(&parts);
    ptmi_url_clear(&parts);
    return inside ? ptmi_net_inside_error(err, hop->url_shown) : PTM_OK;
}

static ptm_rc begin(struct hop *hop, struct ptmi_try *result, int *out_ticket, ptmi_transfer **out,
                    struct ptm_err *err)
{
    bool netrc = false, public_only = false;
    const struct ptm_net_request *r = hop->request;
    bool gzip = !r->sink && !hop->opts->bulk && strcmp(hop->method, "HEAD") != 0;
    hop->asked_url = ptmi_rewrite_apply(&hop->net->rewrites, hop->url);
    hop->url_shown = ptmi_url_redact(hop->url);
    if (!hop->asked_url || !hop->url_shown) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(check_public(hop, &public_only, err));
    PTM_TRY(build_headers(hop, gzip, &netrc, err));
    PTM_TRY(pace(hop, out_ticket, &result->asked_ms, err));
    struct ptmi_exchange x = {
        .url = hop->asked_url,
        .shown = hop->url_shown,
        .method = hop->method,
        .headers = hop->headers,
        .body = hop->body,
        .body_len = hop->body ? r->body_len : 0,
        .max_bytes = r->sink ? 0 : (int64_t)max_body(r),
        .gzip = gzip,
        .bulk = hop->opts->bulk || r->sink,
        .netrc = netrc,
        .public_only = public_only,
    };
    ptmi_log(hop->net->ctx, PTM_LOG_DEBUG, "net", "%s %s", hop->method, hop->url_shown);
    return ptmi_transfer_start(hop->net->engine, &x, out, err);
}

/* The answer of the last hop: its body, or the error it stands for. */
static ptm_rc finish(struct hop *hop, ptmi_transfer *t, struct ptmi_try *result,
                     struct ptm_err *err)
{
    if (result->status >= 400) {
        read_side_body(t, result,
                       hop->request->any_status ? max_body(hop->request) : SIDE_BODY_MAX);
        struct ptmi_answer answer = {
            .url_shown = hop->url_shown,
            .original_url = hop->url,
            .status = result->status,
            .headers = result->headers,
            .body = result->body.data,
            .body_len = result->body.len,
            .token_sent = hop->token_sent,
        };
        return ptmi_net_status_error(err, &answer);
    }
    if (result->status < 300 && hop->opts->on_head)
        PTM_TRY(hop->opts->on_head(hop->opts->arg, result->status, result->headers, err));
    return read_body(hop, t, result, err);
}

/* Sets up the next hop's URL from the Location of this one. */
static ptm_rc turn(struct hop *hop, const struct ptmi_try *result, struct ptm_err *err)
{
    size_t len = 0;
    const char *value = ptmi_header_find(result->headers, "location", &len);
    if (!value || len == 0)
        return ptm_err_set(err, PTM_EHTTP, "%s: HTTP %d without a Location", hop->url_shown,
                           result->status);
    PTM_AUTO(ptmi_freep) char *location = strndup(value, len);
    PTM_AUTO(ptmi_freep) char *target = NULL;
    if (!location) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    ptm_rc rc = ptmi_url_join(hop->asked_url, location, &target, err);
    if (rc != PTM_OK) return ptm_err_ctx(err, rc, "%s: redirect", hop->url_shown);
    char *next = ptmi_rewrite_undo(&hop->net->rewrites, target);
    if (!next) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    hop_clear(hop);
    hop->url = next;
    /* As browsers do; 307 and 308 keep method and body. */
    bool get = result->status == 303 || (result->status < 303 && strcmp(hop->method, "POST") == 0);
    if (get && strcmp(hop->method, "HEAD") != 0) {
        hop->method = "GET";
        hop->body = NULL;
    }
    return PTM_OK;
}

/* *out_again: the hop now stands at the redirect's target. */
static ptm_rc one_hop(struct hop *hop, struct ptmi_try *result, bool *out_again,
                      struct ptm_err *err)
{
    ptm_net *net = hop->net;
    int ticket = -1, status = 0;
    const char *headers = NULL;
    PTM_AUTO(transfer_freep) ptmi_transfer *t = NULL;
    ptm_rc rc = begin(hop, result, &ticket, &t, err);
    if (rc == PTM_OK) {
        rc = ptmi_transfer_head(t, &status, &headers, err);
        result->unreachable = rc != PTM_OK && ptmi_transfer_unreachable(t);
    }
    if (rc == PTM_OK) result->asked_ms = ptmi_retry_asked_ms(status, headers, ptmi_clock_unix());
    /* A 503 speaks for one URL; a rate limit speaks for all that draw from the same bucket. */
    bool limited = rc == PTM_OK && ptmi_retry_is_rate_limit(status, headers);
    ptmi_ratelimit_done(net->limits, ticket, hop->url, rc == PTM_OK ? headers : NULL,
                        limited ? result->asked_ms : -1, ptmi_clock_ms());
    if (rc != PTM_OK) return rc;
    ptmi_log(net->ctx, PTM_LOG_DEBUG, "net", "HTTP %d %s", status, hop->url_shown);
    PTM_TRY(keep_head(hop, result, status, headers, err));
    tell_warning(net, headers);
    *out_again = is_redirect(status) && !hop->request->no_follow;
    if (*out_again) {
        read_side_body(t, result, SIDE_BODY_MAX);
        ptmi_buf_clear(&result->body);
        result->received += ptmi_transfer_received(t);
        ptmi_transfer_free(ptm_steal(&t)); /* before its URL and headers go */
        return turn(hop, result, err);
    }
    rc = finish(hop, t, result, err);
    result->received += ptmi_transfer_received(t);
    return rc;
}

ptm_rc ptmi_net_try(ptm_net *net, const struct ptm_net_request *request,
                    const struct ptmi_try_opts *opts, struct ptmi_try *result, struct ptm_err *err)
{
    static const struct ptmi_try_opts none = {0};
    PTM_AUTO(ptmi_freep) char *first_url = ptmi_rewrite_undo(&net->rewrites, request->url);
    char *url = first_url ? strdup(first_url) : NULL;
    *result = (struct ptmi_try){.asked_ms = -1};
    if (!url) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (ptm_ctx_canceled(net->ctx) > 0) {
        free(url);
        return ptm_err_set(err, PTM_ECANCELED, "interrupted");
    }
    PTM_AUTO(hop_clear)
    struct hop hop = {
        .net = net,
        .request = request,
        .opts = opts ? opts : &none,
        .first_url = first_url,
        .url = url,
        .method = request->method ? request->method
                  : request->body ? "POST"
                                  : "GET",
        .body = request->body,
    };
    bool again = true;
    for (int i = 0; i <= PTM_LIMIT_REDIRECTS && again; i++)
        PTM_TRY(one_hop(&hop, result, &again, err));
    if (!again) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *shown = ptmi_url_redact(first_url);
    return ptm_err_set(err, PTM_EHTTP, "%s: more than %d redirects", shown ? shown : "",
                       PTM_LIMIT_REDIRECTS);
}
