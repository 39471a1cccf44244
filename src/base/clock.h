/* SPDX-License-Identifier: MIT */
/* clock.h - time as we need it. Thread-safe. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

int64_t ptmi_clock_ms(void);                              /* monotonic milliseconds */
int64_t ptmi_clock_unix(void);                            /* seconds since 1970, UTC */
char *ptmi_clock_iso(int64_t unix_seconds, char buf[32]); /* "2026-11-21T22:15:00Z"; returns buf */
char *ptmi_clock_now(char buf[32]);                       /* the same for now */
bool ptmi_clock_parse_http(const char *text, int64_t *out); /* RFC 9110 dates */
bool ptmi_clock_parse_iso(const char *text, int64_t *out);
uint32_t ptmi_clock_random(uint32_t below); /* for jitter: not for secrets; below 0 gives 0 */
