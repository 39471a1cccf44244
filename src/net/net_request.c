/* SPDX-License-Identifier: MIT */
/* net_request.c - a request with its tries: the loop around net_hop.c, and the response handed out.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../base/str.h"
#include "net_header.h"
#include "net_priv.h"
#include "net_retry.h"

/* A server that cannot be reached is down, or its name is wrong: waiting for it as long as for one
 * that stumbles would hold up each request of a run for half a minute. */
#define UNREACHABLE_RETRIES 3

void ptm_net_response_clear(struct ptm_net_response *response)
{
    free(response->url);
    free(response->headers);
    free(response->body);
    *response = (struct ptm_net_response){0};
}

bool ptm_net_header(const struct ptm_net_response *response, const char *name, char *buf,
                    size_t buf_size)
{
    return ptmi_header_copy(response->headers, name, buf, buf_size);
}

ptm_rc ptmi_net_pause(ptm_net *net, const char *url, int n, int64_t asked_ms,
                      const struct ptm_err *why, struct ptm_err *err)
{
    if (asked_ms > PTMI_RETRY_ASKED_MAX_MS) {
        struct ptm_err cause = *why;
        ptm_rc rc = ptm_err_set(err, cause.rc, "%s; the server asks for a wait of %lld minutes",
                                cause.msg, (long long)(asked_ms / 60000));
        if (!err) return rc;
        err->http_status = cause.http_status;
        err->retryable = true;
        return rc;
    }
    /* Others were told the same: a little jitter on top, so that not all come back at one moment.
     */
    int64_t wait = ptmi_retry_backoff_ms(net->backoff_ms, n);
    if (asked_ms >= 0) wait = asked_ms + ptmi_clock_random((uint32_t)net->backoff_ms + 1);
    ptmi_log(net->ctx, asked_ms > 2000 ? PTM_LOG_INFO : PTM_LOG_DEBUG, "net",
             "%s; trying again in %lld ms", why->msg, (long long)wait);
    ptm_rc rc = ptmi_retry_wait(net->ctx, wait, err);
    if (rc == PTM_OK) return rc;
    PTM_AUTO(ptmi_freep) char *shown = ptmi_url_redact(url);
    return ptm_err_ctx(err, rc, "%s", shown ? shown : "request");
}

/* false: out of memory; *out is to be cleared in both cases. */
static bool hand_out(const struct ptm_net_request *r, struct ptmi_try *got, int tries,
                     struct ptm_net_response *out)
{
    bool sunk = r->sink && got->status < 300;
    *out = (struct ptm_net_response){
        .status = got->status,
        .url = ptm_steal(&got->url),
        .headers = ptm_steal(&got->headers),
        .body_len = got->body.len,
        .received = got->received,
        .tries = tries,
    };
    if (!sunk) out->body = ptmi_buf_take(&got->body);
    return out->url && out->headers && (sunk || out->body);
}

/* An answer with a status that the caller wants to see as it is. */
static bool is_result(const struct ptm_net_request *r, const struct ptmi_try *got,
                      const struct ptm_err *why)
{
    return r->any_status && got->status >= 400 && why->http_status == got->status;
}

static ptm_rc check_request(ptm_net *net, const struct ptm_net_request *r, struct ptm_err *err)
{
    if (!r->url) return ptm_err_set(err, PTM_EINVAL, "ptm_net_request: no URL");
    if (!net->offline) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *shown = ptmi_url_redact(r->url);
    return ptm_err_set(err, PTM_EOFFLINE, "%s: not asked for, since --offline is in force",
                       shown ? shown : "request");
}

int ptmi_net_retries(int allowed, const struct ptmi_try *result)
{
    return result->unreachable && allowed > UNREACHABLE_RETRIES ? UNREACHABLE_RETRIES : allowed;
}

/* Whether another try is worth it; lets the sink forget what it got. */
static bool may_retry(const struct ptm_net_request *r, const struct ptmi_try *got,
                      const struct ptm_err *why)
{
    return why->retryable && (!got->sunk || r->restart);
}

static ptm_rc perform(ptm_net *net, const struct ptm_net_request *r, struct ptm_net_response *out,
                      struct ptm_err *err)
{
    struct ptm_err why = {0};
    int64_t received = 0;
    PTM_TRY(check_request(net, r, err));
    int retries = r->retries > 0 ? r->retries : r->retries < 0 ? 0 : net->retries;
    for (int tries = 1;; tries++) {
        PTM_AUTO(ptmi_try_clear) struct ptmi_try got = {0};
        ptm_rc rc = ptmi_net_try(net, r, NULL, &got, &why);
        got.received = received += got.received;
        bool last =
            rc == PTM_OK || tries > ptmi_net_retries(retries, &got) || !may_retry(r, &got, &why);
        if (rc == PTM_OK || (last && is_result(r, &got, &why))) {
            if (hand_out(r, &got, tries, out)) return PTM_OK;
            ptm_net_response_clear(out);
            return ptm_err_set(err, PTM_ENOMEM, "out of memory");
        }
        if (last) {
            if (err) *err = why;
            return rc;
        }
        rc = ptmi_net_pause(net, r->url, tries - 1, got.asked_ms, &why, err);
        if (rc != PTM_OK) return rc;
        if (got.sunk) PTM_TRY(r->restart(r->sink_arg, err));
    }
}

ptm_rc ptm_net_perform(ptm_net *net, const struct ptm_net_request *request,
                       struct ptm_net_response *out, struct ptm_err *err)
{
    struct ptm_net_request own = PTM_NET_REQUEST_INIT;
    if (!PTMI_NET_ADOPT(&own, request))
        return ptm_err_set(err, PTM_EINVAL, "ptm_net_request: start with PTM_NET_REQUEST_INIT");
    return perform(net, &own, out, err);
}
