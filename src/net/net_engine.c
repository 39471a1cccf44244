/* SPDX-License-Identifier: MIT */
/*
 * net_engine.c - one thread that owns curl's multi handle: which exchange may run, what ends, how
 * fast all of them go together. What comes in is net_receive.c's, what callers see
 * net_transfer.c's.
 *
 * Which exchange may run is decided here and not by curl's own connection limits: a handle that
 * waits inside curl has its connect time-out running.
 */
#include "net_engine_priv.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/clock.h"

/* Longest sleep of the engine with nothing due; every request wakes it. */
#define IDLE_POLL_MS 1000

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
void ptmi_transfer_tell(ptmi_transfer *t, int what)
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
        if (t->dirty) ptmi_transfer_wake(t);
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
    PTM_TRY(ptmi_curl_load(err));
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
