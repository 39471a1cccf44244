/* SPDX-License-Identifier: MIT */
/*
 * net_engine.c - one thread that owns curl's multi handle, and transfers that other threads read
 * from.
 *
 * One lock guards the control list and the state of all transfers; it is held for a few
 * instructions only and never across a call into curl, whose callbacks take it. The ring of a
 * transfer has one writer (the engine) and one reader (the caller), so bytes are copied and used
 * outside the lock.
 *
 * Which exchange may run is decided here and not by curl's own connection limits: a handle that
 * waits inside curl has its connect time-out running.
 */
#include "net_engine.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "../base/auto.h"
#include "../base/buf.h"
#include "../base/clock.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "../base/url.h"
#include "net_error.h"

/* How often a waiting caller looks at the cancel flag, which a signal handler sets without waking
 * anybody. */
#define CANCEL_POLL_MS 100
/* Longest sleep of the engine with nothing due; every request wakes it. */
#define IDLE_POLL_MS 1000
/* A reader is woken when so much is waiting, or at the end of a round: one switch of threads for
 * many small pieces. */
#define WAKE_BYTES (256u << 10)
/* curl's receive buffer. Larger ones gave nothing on loopback at 0.9 GB/s (tried: 64 to 512 KB),
   and what is in it when the ring is full is copied once more. */
#define RECV_BYTES (128L << 10)
/* With gzip one buffer may become a thousand times its size, which curl keeps (up to 64 MB) while
 * the ring is full. */
#define GZIP_RECV_BYTES (32L << 10)

enum { CTL_SUBMIT = 1, CTL_UNPAUSE = 2, CTL_ABORT = 4 };
enum transfer_place { PLACE_NEW, PLACE_PENDING, PLACE_ACTIVE, PLACE_DONE };

struct ptmi_transfer {
    ptmi_engine *engine;
    CURL *easy;
    char *host_key; /* scheme, host and port: what max_per_host counts */
    char *url_shown;
    int64_t max_bytes;

    /* Control list and place list, under the engine's lock. */
    int ctl;
    ptmi_transfer *ctl_next;
    ptmi_transfer *prev, *next;
    enum transfer_place place;

    /* Under the engine's lock. */
    pthread_cond_t cond;
    bool waiting;   /* the caller sleeps in wait_change() */
    bool head_done; /* the headers are whole, or there will be no more */
    bool head_whole;
    bool paused;    /* the ring was full */
    bool throttled; /* --limit-rate: out of tokens */
    bool dirty;     /* got bytes since its reader was last woken */
    size_t ring_head, ring_len;
    CURLcode result;

    /* Engine's thread until head_done or PLACE_DONE, then the caller's. */
    char *ring;
    struct ptmi_buf headers;
    int status;
    int64_t received;
    bool over_body;
    ptm_rc headers_rc; /* PTM_ELIMIT, PTM_ENOMEM */
    char curl_text[CURL_ERROR_SIZE];
};

struct transfer_list {
    ptmi_transfer *first, *last;
    int n;
};

struct ptmi_engine {
    ptm_ctx *ctx;
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock;
    struct ptmi_engine_opts opts;
    char *user_agent, *ca_bundle;

    /* Under the lock. */
    ptmi_transfer *ctl_first, *ctl_last;
    bool stop;
    CURL **idle_easy; /* finished handles, kept for their TLS sessions */
    char **idle_ring;
    int n_idle_easy, n_idle_ring;

    /* Engine's thread only. */
    struct transfer_list pending, active;
    int64_t tokens, refilled_ms;
    bool any_throttled, any_dirty;
    bool admit_due; /* something was asked for or has ended since admit() looked */
};

/* ---- lists ---- */

static void list_add(struct transfer_list *list, ptmi_transfer *t)
{
    t->prev = list->last;
    t->next = NULL;
    *(list->last ? &list->last->next : &list->first) = t;
    list->last = t;
    list->n++;
}

static void list_remove(struct transfer_list *list, ptmi_transfer *t)
{
    *(t->prev ? &t->prev->next : &list->first) = t->next;
    *(t->next ? &t->next->prev : &list->last) = t->prev;
    t->prev = t->next = NULL;
    list->n--;
}

/* With the lock held. */
static void ctl_push(ptmi_transfer *t, int what)
{
    ptmi_engine *e = t->engine;
    if (!t->ctl) {
        t->ctl_next = NULL;
        *(e->ctl_last ? &e->ctl_last->ctl_next : &e->ctl_first) = t;
        e->ctl_last = t;
    }
    t->ctl |= what;
}

static ptmi_transfer *ctl_pop(ptmi_engine *e, int *what)
{
    ptmi_transfer *t = e->ctl_first;
    if (!t) return NULL;
    e->ctl_first = t->ctl_next;
    if (!e->ctl_first) e->ctl_last = NULL;
    *what = t->ctl;
    t->ctl = 0;
    return t;
}

/* With the lock held: a finished transfer leaves the control list before it is freed. */
static void ctl_drop(ptmi_transfer *t)
{
    ptmi_engine *e = t->engine;
    ptmi_transfer *before = NULL;
    if (!t->ctl) return;
    for (ptmi_transfer *at = e->ctl_first; at && at != t; at = at->ctl_next) before = at;
    *(before ? &before->ctl_next : &e->ctl_first) = t->ctl_next;
    if (e->ctl_last == t) e->ctl_last = before;
    t->ctl = 0;
}

/* ---- callbacks of curl, on the engine's thread ---- */

/* With the lock held. */
static void wake(ptmi_transfer *t)
{
    t->dirty = false;
    if (t->waiting) pthread_cond_signal(&t->cond);
}

/* Copies in at the ring's end; the caller has checked that it fits. */
static void ring_put(ptmi_transfer *t, size_t head, size_t len, const char *data, size_t n)
{
    size_t at = (head + len) % PTM_LIMIT_QUEUE;
    size_t run = PTM_LIMIT_QUEUE - at;
    if (run > n) run = n;
    memcpy(t->ring + at, data, run);
    memcpy(t->ring, data + run, n - run);
}

static bool ring_ready(ptmi_transfer *t)
{
    ptmi_engine *e = t->engine;
    if (t->ring) return true;
    pthread_mutex_lock(&e->lock);
    if (e->n_idle_ring > 0) t->ring = e->idle_ring[--e->n_idle_ring];
    pthread_mutex_unlock(&e->lock);
    if (!t->ring) t->ring = malloc(PTM_LIMIT_QUEUE);
    return t->ring != NULL;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    ptmi_transfer *t = arg;
    ptmi_engine *e = t->engine;
    size_t len = size * n; /* size is 1 */
    if (e->opts.limit_rate > 0 && e->tokens <= 0) {
        t->throttled = true;
        e->any_throttled = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (t->max_bytes > 0 && (int64_t)len > t->max_bytes - t->received) {
        t->over_body = true;
        return 0;
    }
    if (len > PTM_LIMIT_QUEUE || !ring_ready(t)) return 0;
    pthread_mutex_lock(&e->lock);
    size_t head = t->ring_head, used = t->ring_len;
    if (used == 0)
        head = t->ring_head = 0; /* the same few pages again and again stay in the cache */
    if (len > PTM_LIMIT_QUEUE - used) {
        t->paused = true;
        wake(t);
        pthread_mutex_unlock(&e->lock);
        return CURL_WRITEFUNC_PAUSE;
    }
    pthread_mutex_unlock(&e->lock);

    /* The reader may take bytes away meanwhile: head + len, the place to write at, stays the same.
     */
    ring_put(t, head, used, data, len);

    pthread_mutex_lock(&e->lock);
    t->ring_len += len;
    t->received += (int64_t)len;
    t->dirty = true;
    if (t->ring_len >= WAKE_BYTES) wake(t);
    pthread_mutex_unlock(&e->lock);
    e->any_dirty = true;
    e->tokens -= (int64_t)len;
    return len;
}

/* "HTTP/1.1 200 OK" -> 200. */
static int status_of(const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);
    if (!space || (size_t)(line + len - space) < 4) return 0;
    int status = 0;
    for (int i = 1; i <= 3; i++) {
        if (space[i] < '0' || space[i] > '9') return 0;
        status = status * 10 + space[i] - '0';
    }
    return status;
}

/* Keeps "name: value\n" with a lower-case name; control characters of the value become spaces. */
static ptm_rc keep_header(ptmi_transfer *t, const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (!colon) return PTM_OK; /* a folded line or rubbish: nothing we would act on */
    size_t start = t->headers.len;
    PTM_TRY(ptmi_buf_append(&t->headers, line, len, NULL));
    PTM_TRY(ptmi_buf_putc(&t->headers, '\n', NULL));
    char *kept = t->headers.data + start;
    size_t name_len = (size_t)(colon - line);
    for (size_t i = 0; i < len; i++) {
        if (i < name_len && kept[i] >= 'A' && kept[i] <= 'Z') kept[i] = (char)(kept[i] + 32);
        if ((unsigned char)kept[i] < 32 || kept[i] == 127) kept[i] = ' ';
    }
    return PTM_OK;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    ptmi_transfer *t = arg;
    size_t all = size * n, len = all;
    if (t->head_done) return all; /* trailers */
    while (len > 0 && (data[len - 1] == '\r' || data[len - 1] == '\n')) len--;
    if (len > 5 && strncasecmp(data, "HTTP/", 5) == 0) {
        t->status = status_of(data, len);
        ptmi_buf_reset(&t->headers);
        return all;
    }
    if (len == 0) {
        if (t->status < 200) return all; /* 100, 103: the real one follows */
        pthread_mutex_lock(&t->engine->lock);
        t->head_done = t->head_whole = true;
        wake(t);
        pthread_mutex_unlock(&t->engine->lock);
        return all;
    }
    t->headers_rc = keep_header(t, data, len);
    return t->headers_rc == PTM_OK ? all : 0;
}

/* ---- the engine's thread ---- */

static void complete(ptmi_engine *e, ptmi_transfer *t, CURLcode result)
{
    if (t->place == PLACE_ACTIVE) {
        curl_multi_remove_handle(e->multi, t->easy);
        list_remove(&e->active, t);
    } else if (t->place == PLACE_PENDING) {
        list_remove(&e->pending, t);
    }
    e->admit_due = true;
    pthread_mutex_lock(&e->lock);
    ctl_drop(t);
    t->result = result;
    t->place = PLACE_DONE;
    t->head_done = true;
    pthread_cond_signal(&t->cond);
    pthread_mutex_unlock(&e->lock);
}

/* Callers look at the place under the lock. */
static void put_place(ptmi_transfer *t, enum transfer_place place)
{
    pthread_mutex_lock(&t->engine->lock);
    t->place = place;
    pthread_mutex_unlock(&t->engine->lock);
}

static void obey(ptmi_engine *e, ptmi_transfer *t, int what)
{
    if (t->place == PLACE_DONE) return;
    if (what & CTL_ABORT) {
        complete(e, t, CURLE_ABORTED_BY_CALLBACK);
        return;
    }
    if (what & CTL_SUBMIT) {
        put_place(t, PLACE_PENDING);
        list_add(&e->pending, t);
        e->admit_due = true;
    }
    if ((what & CTL_UNPAUSE) && t->place == PLACE_ACTIVE && !t->throttled)
        curl_easy_pause(t->easy, CURLPAUSE_CONT);
}

/* false: told to stop. */
static bool obey_all(ptmi_engine *e)
{
    for (;;) {
        int what = 0;
        pthread_mutex_lock(&e->lock);
        ptmi_transfer *t = ctl_pop(e, &what);
        bool stop = e->stop;
        /* Cleared here, before curl may call on_body() and set it anew. */
        if (t && (what & CTL_UNPAUSE)) t->paused = false;
        pthread_mutex_unlock(&e->lock);
        if (!t) return !stop;
        obey(e, t, what);
    }
}

static int active_of_host(const ptmi_engine *e, const char *host_key)
{
    int n = 0;
    for (const ptmi_transfer *t = e->active.first; t; t = t->next)
        n += strcmp(t->host_key, host_key) == 0;
    return n;
}

/* First come, first served, but a host that is full holds up no other. */
static void admit(ptmi_engine *e)
{
    ptmi_transfer *next = NULL;
    if (!e->admit_due) return;
    e->admit_due = false;
    for (ptmi_transfer *t = e->pending.first; t && e->active.n < e->opts.max_total; t = next) {
        next = t->next;
        if (active_of_host(e, t->host_key) >= e->opts.max_per_host) continue;
        list_remove(&e->pending, t);
        list_add(&e->active, t);
        put_place(t, PLACE_ACTIVE);
        if (curl_multi_add_handle(e->multi, t->easy) != CURLM_OK) complete(e, t, CURLE_FAILED_INIT);
    }
}

static void reap(ptmi_engine *e)
{
    int left = 0;
    for (CURLMsg *m; (m = curl_multi_info_read(e->multi, &left));) {
        ptmi_transfer *t = NULL;
        if (m->msg != CURLMSG_DONE) continue;
        CURLcode result = m->data.result;
        if (curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t) == CURLE_OK && t)
            complete(e, t, result);
    }
}

/* Readers that have bytes waiting but not enough to have been woken at once. */
static void wake_dirty(ptmi_engine *e)
{
    if (!e->any_dirty) return;
    e->any_dirty = false;
    pthread_mutex_lock(&e->lock);
    for (ptmi_transfer *t = e->active.first; t; t = t->next)
        if (t->dirty) wake(t);
    pthread_mutex_unlock(&e->lock);
}

/*
 * --limit-rate: a token bucket over all transfers. It holds a tenth of a second's worth, so that an
 * idle time is not followed by a burst. Returns milliseconds until somebody may go on, or
 * IDLE_POLL_MS.
 */
static int refill(ptmi_engine *e)
{
    int64_t rate = e->opts.limit_rate;
    if (rate <= 0) return IDLE_POLL_MS;
    int64_t now = ptmi_clock_ms(), most = rate / 10 + 1;
    int64_t gone = now - e->refilled_ms;
    if (gone > 1000) gone = 1000;
    int64_t add = rate / 1000 * gone + rate % 1000 * gone / 1000;
    if (add > 0) {
        e->tokens = e->tokens + add < most ? e->tokens + add : most;
        e->refilled_ms = now;
    }
    if (!e->any_throttled) return IDLE_POLL_MS;
    if (e->tokens <= 0) {
        int64_t wait = (-e->tokens + 1) * 1000 / rate + 1;
        return wait < 100 ? (int)wait : 100;
    }
    e->any_throttled = false;
    /* Whoever goes first now goes last the next time, or the tokens would always go to the same
     * ones. */
    if (e->active.n > 1) {
        ptmi_transfer *first = e->active.first;
        list_remove(&e->active, first);
        list_add(&e->active, first);
    }
    for (ptmi_transfer *t = e->active.first; t; t = t->next) {
        if (!t->throttled) continue;
        t->throttled = false;
        curl_easy_pause(t->easy, CURLPAUSE_CONT);
    }
    return 1;
}

static void *engine_main(void *arg)
{
    ptmi_engine *e = arg;
    while (obey_all(e)) {
        int running = 0;
        admit(e);
        curl_multi_perform(e->multi, &running);
        reap(e);
        admit(e); /* what has ended makes room before we sleep */
        int timeout = refill(e);
        wake_dirty(e);
        curl_multi_poll(e->multi, NULL, 0, timeout, NULL);
    }
    return NULL;
}

/* ---- opening and closing ---- */

static ptm_rc start_thread(ptmi_engine *e, struct ptm_err *err)
{
    /* No signal is ever delivered here: the program's handlers run on its own threads, and a closed
       TLS connection must not raise SIGPIPE. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&e->thread, NULL, engine_main, e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) return ptm_err_sys(err, rc, "starting the network thread");
    return PTM_OK;
}

static void engine_free(ptmi_engine *e)
{
    for (int i = 0; i < e->n_idle_easy; i++) curl_easy_cleanup(e->idle_easy[i]);
    for (int i = 0; i < e->n_idle_ring; i++) free(e->idle_ring[i]);
    if (e->multi) curl_multi_cleanup(e->multi);
    pthread_mutex_destroy(&e->lock);
    free(e->idle_easy);
    free(e->idle_ring);
    free(e->user_agent);
    free(e->ca_bundle);
    free(e);
    curl_global_cleanup();
}

ptm_rc ptmi_engine_open(ptm_ctx *ctx, const struct ptmi_engine_opts *opts, ptmi_engine **out,
                        struct ptm_err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return ptm_err_set(err, PTM_ENET, "libcurl does not start");
    ptmi_engine *e = calloc(1, sizeof *e);
    if (!e) {
        curl_global_cleanup();
        return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    }
    e->ctx = ctx;
    e->opts = *opts;
    e->refilled_ms = ptmi_clock_ms();
    pthread_mutex_init(&e->lock, NULL);
    e->multi = curl_multi_init();
    e->user_agent = strdup(opts->user_agent);
    e->ca_bundle = opts->ca_bundle ? strdup(opts->ca_bundle) : NULL;
    e->idle_easy = calloc((size_t)opts->max_total, sizeof(CURL *));
    e->idle_ring = calloc((size_t)opts->max_total, sizeof(char *));
    if (!e->multi || !e->user_agent || !e->idle_easy || !e->idle_ring ||
        (opts->ca_bundle && !e->ca_bundle)) {
        engine_free(e);
        return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    }
    curl_multi_setopt(e->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, (long)opts->max_total);
    ptm_rc rc = start_thread(e, err);
    if (rc != PTM_OK) {
        engine_free(e);
        return rc;
    }
    *out = e;
    return PTM_OK;
}

void ptmi_engine_close(ptmi_engine *e)
{
    if (!e) return;
    pthread_mutex_lock(&e->lock);
    e->stop = true;
    pthread_mutex_unlock(&e->lock);
    curl_multi_wakeup(e->multi);
    pthread_join(e->thread, NULL);
    engine_free(e);
}

/* ---- transfers, on the caller's thread ---- */

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
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
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
    if (!set_protocol(t, x) || !set_request(t, x) || !set_limits(t, x) || !set_callbacks(t))
        return ptm_err_set(err, PTM_EINVAL, "%s: libcurl refuses the request", t->url_shown);
    pthread_mutex_lock(&e->lock);
    ctl_push(t, CTL_SUBMIT);
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
        ctl_push(t, CTL_UNPAUSE);
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
        ctl_push(t, CTL_ABORT);
        pthread_mutex_unlock(&e->lock);
        curl_multi_wakeup(e->multi);
        pthread_mutex_lock(&e->lock);
        while (t->place != PLACE_DONE) wait_change(t);
    }
    pthread_mutex_unlock(&e->lock);
    transfer_clear(t);
}
