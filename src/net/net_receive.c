/* SPDX-License-Identifier: MIT */
/*
 * net_receive.c - curl's callbacks, on the engine's thread: header lines into their list, body
 * bytes into the ring, and a pause when it is full.
 */
#include "net_engine_priv.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/auto.h"

/* A reader is woken when so much is waiting, or at the end of a round: one switch of threads for
 * many small pieces. */
#define WAKE_BYTES (256u << 10)

/* With the lock held. */
void ptmi_transfer_wake(ptmi_transfer *t)
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

size_t ptmi_transfer_on_body(char *data, size_t size, size_t n, void *arg)
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
        ptmi_transfer_wake(t);
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
    if (t->ring_len >= WAKE_BYTES) ptmi_transfer_wake(t);
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

size_t ptmi_transfer_on_header(char *data, size_t size, size_t n, void *arg)
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
        ptmi_transfer_wake(t);
        pthread_mutex_unlock(&t->engine->lock);
        return all;
    }
    t->headers_rc = keep_header(t, data, len);
    return t->headers_rc == PTM_OK ? all : 0;
}
