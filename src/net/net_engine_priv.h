/* SPDX-License-Identifier: MIT */
/*
 * net_engine_priv.h - what the engine's three files share: net_engine.c (the thread), net_receive.c
 * (curl's callbacks on it) and net_transfer.c (the callers' side).
 *
 * One lock guards the control list and the state of all transfers; it is held for a few
 * instructions only and never across a call into curl, whose callbacks take it. The ring of a
 * transfer has one writer (the engine) and one reader (the caller), so bytes are copied and used
 * outside the lock.
 */
#pragma once

#include <pthread.h>

#include "../base/buf.h"
#include "../base/limits.h"
#include "net_engine.h"

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
    bool inside;       /* the connection would have led into the user's own network */
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

/* Hands a transfer to the engine's thread: CTL_...; with the lock held. The caller then wakes
 * curl's multi handle. (net_engine.c) */
void ptmi_transfer_tell(ptmi_transfer *transfer, int what);

/* --- net_public.c: on the engine's thread --- */
/* CURLOPT_OPENSOCKETFUNCTION of transfers that may go to the outside alone. */
curl_socket_t ptmi_transfer_on_socket(void *transfer, curlsocktype purpose,
                                      struct curl_sockaddr *address);

/* --- net_receive.c: on the engine's thread --- */
/* Wakes the caller that waits; with the lock held. */
void ptmi_transfer_wake(ptmi_transfer *transfer);
size_t ptmi_transfer_on_body(char *data, size_t size, size_t n, void *transfer);
size_t ptmi_transfer_on_header(char *data, size_t size, size_t n, void *transfer);
