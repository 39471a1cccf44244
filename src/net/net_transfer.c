/* SPDX-License-Identifier: MIT */
/*
 * net_transfer.c - a transfer as its caller has it: set up, waited for, read from, ended.
 */
#include "net_engine_priv.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "../base/url.h"
#include "net_error.h"
#include "net_public.h"

/* How often a waiting caller looks at the cancel flag, which a signal handler sets without waking
 * anybody. */
#define CANCEL_POLL_MS 100
/* curl's receive buffer. Larger ones gave nothing on loopback at 0.9 GB/s (tried: 64 to 512 KB),
   and what is in it when the ring is full is copied once more. */
#define RECV_BYTES (128L << 10)
/* With gzip one buffer may become a thousand times its size, which curl keeps (up to 64 MB) while
 * the ring is full. */
#define GZIP_RECV_BYTES (32L << 10)

static CURL *take_easy(ptmi_engine *e)
{
    CURL *easy = NULL;
    pthread_mutex_lock(&e->lock);
    if (e->n_idle_easy > 0) easy = e->idle_easy[--e->n_idle_easy];
    pthread_mutex_unlock(&e->lock);
    return easy ? easy : curl_easy_init();
}

/* Keeps handle and ring for the next one, up to as many as may run at once. */
static void give_back(ptmi_engine *e, CURL *easy, char *ring)
{
    if (easy) curl_easy_reset(easy);
    pthread_mutex_lock(&e->lock);
    if (easy && e->n_idle_easy < e->opts.max_total) {
        e->idle_easy[e->n_idle_easy++] = easy;
        easy = NULL;
    }
    if (ring && e->n_idle_ring < e->opts.max_total) {
        e->idle_ring[e->n_idle_ring++] = ring;
        ring = NULL;
    }
    pthread_mutex_unlock(&e->lock);
    if (easy) curl_easy_cleanup(easy);
    free(ring);
}

static void transfer_clear(ptmi_transfer *t)
{
    give_back(t->engine, t->easy, t->ring);
    pthread_cond_destroy(&t->cond);
    ptmi_buf_clear(&t->headers);
    free(t->host_key);
    free(t->url_shown);
    free(t);
}
PTM_DEFINE_CLEANUP(transfer_clearp, ptmi_transfer *, transfer_clear)

#define SET(option, value)                                                      \
    do {                                                                        \
        if (curl_easy_setopt(t->easy, option, value) != CURLE_OK) return false; \
    } while (0)

static bool set_protocol(ptmi_transfer *t, const struct ptmi_exchange *x)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    /* Many small answers share one HTTP/2 connection. A long body gets a connection of its own:
       when its reader is slower than the network, curl pauses the whole connection, and with it
       everything else on it. */
    SET(CURLOPT_HTTP_VERSION, x->bulk ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_PIPEWAIT, x->bulk ? 0L : 1L); /* rather share a connection than open one more */
    SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    SET(CURLOPT_NETRC, x->netrc ? (long)CURL_NETRC_OPTIONAL : (long)CURL_NETRC_IGNORED);
    const char *netrc = x->netrc ? getenv("NETRC") : NULL;
    if (netrc && *netrc) SET(CURLOPT_NETRC_FILE, netrc);
    if (t->engine->ca_bundle) SET(CURLOPT_CAINFO, t->engine->ca_bundle);
    return true;
}

static bool set_request(ptmi_transfer *t, const struct ptmi_exchange *x)
{
    SET(CURLOPT_URL, x->url);
    SET(CURLOPT_USERAGENT, t->engine->user_agent);
    SET(CURLOPT_HTTPHEADER, x->headers);
    if (x->gzip) SET(CURLOPT_ACCEPT_ENCODING, "gzip");
    if (strcmp(x->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (x->body || strcmp(x->method, "POST") == 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body_len);
        SET(CURLOPT_POSTFIELDS, x->body ? x->body : "");
        SET(CURLOPT_CUSTOMREQUEST, x->method);
    } else {
        SET(CURLOPT_CUSTOMREQUEST, x->method);
    }
    return true;
}

static bool set_limits(ptmi_transfer *t, const struct ptmi_exchange *x)
{
    const struct ptmi_engine_opts *opts = &t->engine->opts;
    int64_t slice = opts->limit_rate / 8;
    long buffer = x->gzip ? GZIP_RECV_BYTES : RECV_BYTES;
    if (opts->limit_rate > 0 && slice < buffer) buffer = slice < 16384 ? 16384 : (long)slice;
    /* Only tuning: curl 7.88 refuses it on a handle whose last transfer ended before it connected.
     */
    curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, buffer);
    SET(CURLOPT_CONNECTTIMEOUT, (long)opts->connect_seconds);
    /* curl measures only while it may receive: a transfer we paused ourselves is not a stalled one.
     */
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)opts->stall_seconds);
    return true;
}

static bool set_callbacks(ptmi_transfer *t)
{
    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_ERRORBUFFER, t->curl_text);
    SET(CURLOPT_WRITEFUNCTION, ptmi_transfer_on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, ptmi_transfer_on_header);
    SET(CURLOPT_HEADERDATA, t);
    return true;
}

/* A proxy stands where it likes, so nobody looks at its address; then all goes through it, also to
 * hosts in no_proxy, which would be connected to unseen. */
static bool set_public(ptmi_transfer *t, const char *url)
{
    if (ptmi_url_has_proxy(url)) {
        SET(CURLOPT_NOPROXY, "");
        return true;
    }
    SET(CURLOPT_OPENSOCKETFUNCTION, ptmi_transfer_on_socket);
    SET(CURLOPT_OPENSOCKETDATA, t);
    return true;
}
#undef SET

static bool init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr)) return false;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    bool ok = pthread_cond_init(cond, &attr) == 0;
    pthread_condattr_destroy(&attr);
    return ok;
}

static char *make_host_key(const char *url, struct ptm_err *err)
{
    struct ptmi_url parts = {0};
    if (ptmi_url_parse(url, &parts, err) != PTM_OK) return NULL;
    char *key = ptmi_str_printf("%s://%s:%d", parts.scheme, parts.host, parts.port);
    ptmi_url_clear(&parts);
    if (!key && ptm_err_set(err, PTM_ENOMEM, "out of memory")) return NULL;
    return key;
}

ptm_rc ptmi_transfer_start(ptmi_engine *e, const struct ptmi_exchange *x, ptmi_transfer **out,
                           struct ptm_err *err)
{
    struct ptm_err why = {0};
    PTM_AUTO(ptmi_freep) char *host_key = make_host_key(x->url, &why);
    if (!host_key && why.rc == PTM_ENOMEM) return ptm_err_set(err, why.rc, "%s", why.msg);
    /* Its own words name the rewritten URL, which nobody has heard of. */
    if (!host_key) return ptm_err_set(err, why.rc, "%s: not a URL that can be asked for", x->shown);
    ptmi_transfer *fresh = calloc(1, sizeof *fresh);
    if (!fresh) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (!init_cond(&fresh->cond)) {
        free(fresh);
        return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    }
    PTM_AUTO(transfer_clearp) ptmi_transfer *t = fresh;
    t->engine = e;
    t->max_bytes = x->max_bytes;
    t->headers.max = PTM_LIMIT_HEADERS;
    t->host_key = ptm_steal(&host_key);
    t->url_shown = strdup(x->shown);
    t->easy = take_easy(e);
    if (!t->easy || !t->url_shown) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (!set_protocol(t, x) || !set_request(t, x) || !set_limits(t, x) || !set_callbacks(t) ||
        (x->public_only && !set_public(t, x->url)))
        return ptm_err_set(err, PTM_EINVAL, "%s: libcurl refuses the request", t->url_shown);
    pthread_mutex_lock(&e->lock);
    ptmi_transfer_tell(t, CTL_SUBMIT);
    pthread_mutex_unlock(&e->lock);
    curl_multi_wakeup(e->multi);
    *out = ptm_steal(&t);
    return PTM_OK;
}

/* With the lock held: sleeps until the engine signals, at most CANCEL_POLL_MS. */
static void wait_change(ptmi_transfer *t)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += CANCEL_POLL_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    t->waiting = true;
    pthread_cond_timedwait(&t->cond, &t->engine->lock, &until);
    t->waiting = false;
}

static ptm_rc canceled(const ptmi_transfer *t, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ECANCELED, "%s: interrupted", t->url_shown);
}

static ptm_rc failure(const ptmi_transfer *t, struct ptm_err *err)
{
    if (t->headers_rc == PTM_ENOMEM) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (t->headers_rc != PTM_OK)
        return ptm_err_set(err, PTM_ELIMIT, "%s: the response headers are larger than %u bytes",
                           t->url_shown, (unsigned)PTM_LIMIT_HEADERS);
    if (t->over_body)
        return ptm_err_set(err, PTM_ELIMIT, "%s: the answer is larger than %lld bytes",
                           t->url_shown, (long long)t->max_bytes);
    if (t->inside && t->result == CURLE_COULDNT_CONNECT)
        return ptmi_net_inside_error(err, t->url_shown);
    return ptmi_net_curl_error(err, t->result, t->curl_text, t->url_shown);
}

ptm_rc ptmi_transfer_head(ptmi_transfer *t, int *out_status, const char **out_headers,
                          struct ptm_err *err)
{
    ptmi_engine *e = t->engine;
    bool stop = false;
    pthread_mutex_lock(&e->lock);
    while (!t->head_done && !(stop = ptm_ctx_canceled(e->ctx) > 0)) wait_change(t);
    bool done = t->place == PLACE_DONE;
    pthread_mutex_unlock(&e->lock);
    if (stop) return canceled(t, err);
    if (done && !t->head_whole) {
        if (t->result == CURLE_OK) t->result = CURLE_GOT_NOTHING;
        return failure(t, err);
    }
    *out_status = t->status;
    *out_headers = t->headers.data ? t->headers.data : "";
    return PTM_OK;
}

ptm_rc ptmi_transfer_read(ptmi_transfer *t, const char **out, size_t *out_len, struct ptm_err *err)
{
    ptmi_engine *e = t->engine;
    bool stop = false;
    pthread_mutex_lock(&e->lock);
    while (t->ring_len == 0 && t->place != PLACE_DONE && !stop) {
        stop = ptm_ctx_canceled(e->ctx) > 0;
        if (!stop) wait_change(t);
    }
    size_t run = PTM_LIMIT_QUEUE - t->ring_head;
    size_t len = t->ring_len < run ? t->ring_len : run;
    /* Until there are bytes in it, the ring is the engine's to make. */
    const char *data = len > 0 ? t->ring + t->ring_head : NULL;
    pthread_mutex_unlock(&e->lock);
    if (stop || ptm_ctx_canceled(e->ctx) > 0) return canceled(t, err);
    if (len == 0 && t->result != CURLE_OK) return failure(t, err);
    *out = data;
    *out_len = len;
    return PTM_OK;
}

void ptmi_transfer_consume(ptmi_transfer *t, size_t len)
{
    ptmi_engine *e = t->engine;
    bool unpause = false;
    pthread_mutex_lock(&e->lock);
    t->ring_head = (t->ring_head + len) % PTM_LIMIT_QUEUE;
    t->ring_len -= len;
    /* Half empty, not at the first free byte: one wake-up for many pieces. */
    if (t->paused && t->ring_len <= PTM_LIMIT_QUEUE / 2 && t->place != PLACE_DONE) {
        unpause = !(t->ctl & CTL_UNPAUSE);
        ptmi_transfer_tell(t, CTL_UNPAUSE);
    }
    pthread_mutex_unlock(&e->lock);
    if (unpause) curl_multi_wakeup(e->multi);
}

bool ptmi_transfer_unreachable(const ptmi_transfer *t)
{
    long sent = -1;
    switch (t->place == PLACE_DONE ? t->result : CURLE_OK) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
        return true;
    case CURLE_OPERATION_TIMEDOUT: /* of connecting, or later? */
        return curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
    default:
        return false;
    }
}

int64_t ptmi_transfer_received(const ptmi_transfer *t)
{
    pthread_mutex_lock(&t->engine->lock);
    int64_t received = t->received;
    pthread_mutex_unlock(&t->engine->lock);
    return received;
}

void ptmi_transfer_free(ptmi_transfer *t)
{
    if (!t) return;
    ptmi_engine *e = t->engine;
    pthread_mutex_lock(&e->lock);
    if (t->place != PLACE_DONE) {
        ptmi_transfer_tell(t, CTL_ABORT);
        pthread_mutex_unlock(&e->lock);
        curl_multi_wakeup(e->multi);
        pthread_mutex_lock(&e->lock);
        while (t->place != PLACE_DONE) wait_change(t);
    }
    pthread_mutex_unlock(&e->lock);
    transfer_clear(t);
}
