/* SPDX-License-Identifier: MIT */
/* net_retry.h - when to try again, and how long to wait before. Thread-safe. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ptm/ctx.h>

/* Longest wait a server may ask for: three windows of Hugging Face's limits. More ends the request
 * instead. */
#define PTMI_RETRY_ASKED_MAX_MS (900 * 1000)

bool ptmi_retry_status(int status); /* a status that another try may cure */
/* 429, and the 403 that says so by its headers (GitHub). */
bool ptmi_retry_is_rate_limit(int status, const char *headers);
/* Milliseconds the server asks us to wait, or -1 when it does not say. */
int64_t ptmi_retry_asked_ms(int status, const char *headers, int64_t now_unix);
/* Full jitter: random in [0, min(40 * base_ms, base_ms * 2^n)], n counting from 0. */
int64_t ptmi_retry_backoff_ms(int base_ms, int n);
/* PTM_ECANCELED as soon as ctx is cancelled. */
PTM_MUST_USE ptm_rc ptmi_retry_wait(ptm_ctx *ctx, int64_t ms, struct ptm_err *err);
