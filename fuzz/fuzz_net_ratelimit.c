/* SPDX-License-Identifier: MIT */
/* fuzz_net_ratelimit.c - RateLimit, RateLimit-Policy and Retry-After: two lines of input are a
 * limit and its policy. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ptmi_ratelimit limit;
    int64_t seconds = 0;
    char *text = strndup((const char *)data, size);
    if (!text) return 0;
    char *policy = strchr(text, '\n');
    if (policy) *policy++ = '\0';
    if (ptmi_ratelimit_parse(text, &limit)) {
        assert(limit.remaining >= 0 && strlen(limit.bucket) < PTMI_BUCKET_NAME);
        if (policy && ptmi_ratelimit_policy_parse(policy, &limit))
            assert(limit.quota >= -1 && limit.window_seconds >= -1);
    }
    if (ptmi_retry_after_parse(text, 1000, &seconds)) assert(seconds >= 0);
    free(text);
    return 0;
}
