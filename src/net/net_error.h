/* SPDX-License-Identifier: MIT */
/* net_error.h - what a curl code or an HTTP status means to the user, and whether trying again may
 * help. Pure; thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <ptm/err.h>

#include "net_curl.h"

/* code is not CURLE_OK; text is curl's own or "". Sets err->retryable. */
PTM_MUST_USE ptm_rc ptmi_net_curl_error(struct ptm_err *err, CURLcode code, const char *text,
                                        const char *url_shown);

/* The URL, or where it leads, is an address of the user's own network (public_only). */
PTM_MUST_USE ptm_rc ptmi_net_inside_error(struct ptm_err *err, const char *url_shown);

/* An answer that is no success. Strings are borrowed for the call. */
struct ptmi_answer {
    const char *url_shown;    /* redacted */
    const char *original_url; /* before rewriting: its origin tells whose rules hold */
    int status;
    const char *headers; /* "name: value\n" */
    const char *body;    /* start of it, may be NULL */
    size_t body_len;
    bool token_sent;
};
PTM_MUST_USE ptm_rc ptmi_net_status_error(struct ptm_err *err, const struct ptmi_answer *answer);
