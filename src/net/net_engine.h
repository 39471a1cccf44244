/* SPDX-License-Identifier: MIT */
/*
 * net_engine.h - one thread that owns curl's multi handle, and transfers that other threads read
 * from.
 *
 *     caller's thread                              engine's thread
 *     ptmi_transfer_start()  -- control list -->   curl_multi_add_handle()
 *     ptmi_transfer_head()   <-- condition ---     header callback: last header line seen
 *     ptmi_transfer_read()   <-- ring, bounded --  write callback; pauses when the ring is full
 *     ptmi_transfer_free()   -- abort, wait -->    curl_multi_remove_handle()
 *
 * One transfer is one exchange: no redirect, no retry, no decision about credentials. Those are
 * net_request.c's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/ctx.h>

#include "net_curl.h"

typedef struct ptmi_engine ptmi_engine;     /* locked inside */
typedef struct ptmi_transfer ptmi_transfer; /* one thread at a time */

struct ptmi_engine_opts {
    int max_total;
    int max_per_host;
    int64_t limit_rate; /* bytes a second over all, 0: none */
    int stall_seconds;
    int connect_seconds;
    const char *user_agent; /* copied */
    const char *ca_bundle;  /* copied; NULL: curl's own */
};

/* What one exchange asks for. Everything is borrowed until ptmi_transfer_free(). */
struct ptmi_exchange {
    const char *url;   /* as it goes out: after rewriting */
    const char *shown; /* the name for it in messages */
    const char *method;
    const struct curl_slist *headers;
    const void *body; /* NULL: none */
    size_t body_len;
    int64_t max_bytes; /* decoded body bytes more than this end it, 0: no cap */
    bool gzip;         /* offer gzip, hand out decoded bytes */
    bool bulk;         /* a stream of its own: HTTP/1.1, so that its pauses hold up nobody else */
    bool netrc;
    bool public_only; /* no connection to an address of a private network */
};

PTM_MUST_USE ptm_rc ptmi_engine_open(ptm_ctx *ctx, const struct ptmi_engine_opts *opts,
                                     ptmi_engine **out, struct ptm_err *err);
void ptmi_engine_close(ptmi_engine *engine); /* all transfers must be freed; NULL is a no-op */

PTM_MUST_USE ptm_rc ptmi_transfer_start(ptmi_engine *engine, const struct ptmi_exchange *exchange,
                                        ptmi_transfer **out, struct ptm_err *err);
/* Waits for the final status and headers ("name: value\n", lower-case names; borrowed until free).
 */
PTM_MUST_USE ptm_rc ptmi_transfer_head(ptmi_transfer *transfer, int *out_status,
                                       const char **out_headers, struct ptm_err *err);
/* Waits for bytes; borrowed until ptmi_transfer_consume(). *out_len 0: the body has ended well. */
PTM_MUST_USE ptm_rc ptmi_transfer_read(ptmi_transfer *transfer, const char **out, size_t *out_len,
                                       struct ptm_err *err);
void ptmi_transfer_consume(ptmi_transfer *transfer, size_t len);
/* After it failed: no connection came about, so that the server was never asked. */
bool ptmi_transfer_unreachable(const ptmi_transfer *transfer);
int64_t ptmi_transfer_received(const ptmi_transfer *transfer); /* bytes handed out so far */
void ptmi_transfer_free(ptmi_transfer *transfer); /* ends it if need be; NULL is a no-op */
