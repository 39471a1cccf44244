/* SPDX-License-Identifier: MIT */
/*
 * net_header.h - parsers of the response headers that steer us: Link, Content-Range, RateLimit,
 * Retry-After. All text comes from servers: every parser is bounded, pure and thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The target of rel="next" in a Link header's value (RFC 8288; several links, several headers
 * joined by commas), made absolute against base_url. malloc'ed; NULL when there is none, or when it
 * is not an http(s) URL.
 */
char *ptmi_link_next(const char *link_value, const char *base_url);

/* "bytes 0-99/1000", "bytes 0-99/" + "*", "bytes " + "*" + "/1000": an absent number is -1. */
struct ptmi_content_range {
    int64_t first;
    int64_t last; /* inclusive */
    int64_t total;
};
bool ptmi_content_range_parse(const char *value, struct ptmi_content_range *out);

/*
 * RateLimit: "api";r=499;t=300 and RateLimit-Policy: "fixed window";"api";q=500;w=300. The name is
 * the last quoted string of an item; of several items the one with the least remaining (RateLimit)
 * or of the wanted name (policy) counts. Absent numbers are -1.
 */
#define PTMI_BUCKET_NAME 48
struct ptmi_ratelimit {
    char bucket[PTMI_BUCKET_NAME];
    int64_t remaining;
    int64_t reset_seconds;
    int64_t quota;
    int64_t window_seconds;
};
bool ptmi_ratelimit_parse(const char *value, struct ptmi_ratelimit *out);
/* Fills quota and window_seconds for out->bucket. */
bool ptmi_ratelimit_policy_parse(const char *value, struct ptmi_ratelimit *out);

/* Seconds, or an HTTP date against now_unix; >= 0. */
bool ptmi_retry_after_parse(const char *value, int64_t now_unix, int64_t *out_seconds);

/*
 * Value of the first header of that lower-case name in "name: value\n" lines, borrowed: *out_len
 * bytes, not NUL-terminated. NULL when absent. The copying form is false when absent or too long
 * for buf.
 */
const char *ptmi_header_find(const char *headers, const char *name, size_t *out_len);
bool ptmi_header_copy(const char *headers, const char *name, char *buf, size_t buf_size);
