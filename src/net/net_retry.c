/* SPDX-License-Identifier: MIT */
/* net_retry.c - when to try again, and how long to wait before. */
#include "net_retry.h"

#include <string.h>
#include <time.h>

#include "../base/clock.h"
#include "net_header.h"

/* A wait looks at the cancel flag so often. */
#define SLICE_MS 50
/* With the default base of 500 ms: 20 seconds. */
#define CAP_FACTOR 40

bool ptmi_retry_status(int status)
{
    if (status == 408 || status == 425 || status == 429) return true;
    /* 501, 505: never cured by waiting. 507, 508, 509: full, looping, out of quota. 510, 511: a
     * protocol's or a portal's demand. */
    if (status == 501 || status == 505 || (status >= 507 && status <= 511)) return false;
    return status >= 500 && status <= 599;
}

bool ptmi_retry_is_rate_limit(int status, const char *headers)
{
    char value[32];
    if (status == 429) return true;
    if (status != 403) return false;
    if (ptmi_header_copy(headers, "x-ratelimit-remaining", value, sizeof value) &&
        strcmp(value, "0") == 0)
        return true;
    return ptmi_header_copy(headers, "retry-after", value, sizeof value);
}

static int64_t in_ms(int64_t seconds)
{
    return seconds > INT32_MAX ? (int64_t)INT32_MAX * 1000 : seconds * 1000;
}

int64_t ptmi_retry_asked_ms(int status, const char *headers, int64_t now_unix)
{
    char value[256];
    int64_t seconds = 0;
    struct ptmi_ratelimit limit;
    if (!ptmi_retry_status(status) && !ptmi_retry_is_rate_limit(status, headers)) return -1;
    if (status == 429 && ptmi_header_copy(headers, "ratelimit", value, sizeof value) &&
        ptmi_ratelimit_parse(value, &limit) && limit.remaining == 0 && limit.reset_seconds >= 0)
        return in_ms(limit.reset_seconds) + 1000;
    if (ptmi_header_copy(headers, "retry-after", value, sizeof value) &&
        ptmi_retry_after_parse(value, now_unix, &seconds))
        return in_ms(seconds);
    if (ptmi_retry_is_rate_limit(status, headers) &&
        ptmi_header_copy(headers, "x-ratelimit-reset", value, sizeof value) &&
        ptmi_retry_after_parse(value, now_unix, &seconds) && seconds > now_unix)
        return in_ms(seconds - now_unix) + 1000;
    return -1;
}

int64_t ptmi_retry_backoff_ms(int base_ms, int n)
{
    int64_t top = (int64_t)base_ms * CAP_FACTOR;
    /* 2^6 is above the cap already. */
    int64_t grown = n < 6 ? (int64_t)base_ms << n : top;
    if (grown < top) top = grown;
    if (top > INT32_MAX) top = INT32_MAX;
    return ptmi_clock_random((uint32_t)top + 1);
}

ptm_rc ptmi_retry_wait(ptm_ctx *ctx, int64_t ms, struct ptm_err *err)
{
    int64_t until = ptmi_clock_ms() + ms;
    for (;;) {
        if (ptm_ctx_canceled(ctx) > 0) return ptm_err_set(err, PTM_ECANCELED, "interrupted");
        int64_t left = until - ptmi_clock_ms();
        if (left <= 0) return PTM_OK;
        if (left > SLICE_MS) left = SLICE_MS;
        struct timespec nap = {0, (long)left * 1000000L};
        nanosleep(&nap, NULL);
    }
}
