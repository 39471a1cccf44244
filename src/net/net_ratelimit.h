/* SPDX-License-Identifier: MIT */
/*
 * net_ratelimit.h - keeps below the limits that servers announce, before they have to say 429.
 * Locked inside.
 *
 * A limit belongs to an origin and a bucket. Which bucket a path draws from is Hugging Face's rule
 * at first (/api/, /resolve/, the rest) and whatever the server's RateLimit header says from then
 * on.
 */
#pragma once

#include <stdint.h>

#include <ptm/err.h>

typedef struct ptmi_ratelimits ptmi_ratelimits;

PTM_MUST_USE ptm_rc ptmi_ratelimits_new(ptmi_ratelimits **out, struct ptm_err *err);
void ptmi_ratelimits_free(ptmi_ratelimits *limits); /* NULL is a no-op */

/*
 * Asks to send one request. 0: go, and hand *out_ticket to ptmi_ratelimit_done() afterwards. More:
 * wait so many milliseconds and ask again; nothing is held meanwhile. now_ms is ptmi_clock_ms().
 */
int64_t ptmi_ratelimit_ask(ptmi_ratelimits *limits, const char *original_url, int64_t now_ms,
                           int *out_ticket);
/* headers NULL: no answer came. asked_ms: what ptmi_retry_asked_ms() made of the answer, or -1. */
void ptmi_ratelimit_done(ptmi_ratelimits *limits, int ticket, const char *original_url,
                         const char *headers, int64_t asked_ms, int64_t now_ms);
