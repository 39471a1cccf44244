/* SPDX-License-Identifier: MIT */
/* net_priv.h - what the files of this room share and nobody else sees. */
#pragma once

#include <pthread.h>
#include <string.h>

#include <ptm/net.h>

#include "../base/buf.h"
#include "../base/url.h"
#include "net_cred.h"
#include "net_engine.h"
#include "net_ratelimit.h"

/* Topics of X-HF-Warning told so far; a server that invents ever new ones is not listened to any
 * more. */
#define PTMI_NET_TOPICS 32
#define PTMI_NET_TOPIC_LEN 64

/* Copies a caller's struct over our own defaults; an older caller's is shorter. false: its size was
 * never set. */
#define PTMI_NET_ADOPT(own, theirs)              \
    ((theirs)->size >= sizeof((theirs)->size) && \
     memcpy((own), (theirs), (theirs)->size < sizeof *(own) ? (theirs)->size : sizeof *(own)))

struct ptm_net {
    ptm_ctx *ctx;
    ptmi_engine *engine;
    ptmi_ratelimits *limits;
    struct ptmi_rewrite rewrites;
    struct ptmi_cred cred;
    int retries;
    int backoff_ms;
    bool offline;
    bool no_netrc;
    bool public_only;
    pthread_mutex_t topics_lock;
    char topics[PTMI_NET_TOPICS][PTMI_NET_TOPIC_LEN];
    int n_topics;
};

/* What one try brought; valid to be cleared in every case. */
struct ptmi_try {
    int status;    /* of the last answer, 0: none came */
    char *url;     /* original form of the last hop's URL */
    char *headers; /* of the last hop */
    struct ptmi_buf body;
    int64_t received;
    int64_t asked_ms; /* the server's wish for the next try, -1: none */
    bool sunk;        /* the sink has had bytes */
    bool strayed;     /* the last hop was at another origin than the first */
    bool unreachable; /* no connection came about */
};
void ptmi_try_clear(struct ptmi_try *result);

/* Between the head and the body of the final answer, if its status is below 300; a non-OK code ends
 * the try. */
typedef ptm_rc (*ptmi_head_fn)(void *arg, int status, const char *headers, struct ptm_err *err);

struct ptmi_try_opts {
    ptmi_head_fn on_head; /* NULL: none */
    void *arg;
    bool bulk; /* a download: a connection of its own, no compression */
};

/*
 * One try: the request and its redirects. A status >= 400 is an error here whatever any_status
 * says, with *result filled; pacing and credentials are decided anew at every hop.
 */
PTM_MUST_USE ptm_rc ptmi_net_try(ptm_net *net, const struct ptm_net_request *request,
                                 const struct ptmi_try_opts *opts, struct ptmi_try *result,
                                 struct ptm_err *err);
/* How many of the retries allowed are worth it after this try. */
int ptmi_net_retries(int allowed, const struct ptmi_try *result);
/* Waits before try number n + 1 (n counts the failed ones): what the server asked for, else the
 * backoff. */
PTM_MUST_USE ptm_rc ptmi_net_pause(ptm_net *net, const char *url, int n, int64_t asked_ms,
                                   const struct ptm_err *why, struct ptm_err *err);
