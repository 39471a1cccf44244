/* SPDX-License-Identifier: MIT */
/*
 * net_cred.h - tokens, each bound to the origins it was made for. Immutable once built;
 * thread-safe.
 *
 * The question is always asked with the original URL of a hop: a user who rewrites an origin to a
 * mirror sends its token there too, while a redirect to anywhere else gets none.
 */
#pragma once

#include <stdbool.h>

#include <ptm/err.h>

struct ptmi_cred {
    char *hf_header;     /* "Authorization: ..." lines, or NULL */
    char *github_header; /* api, raw, codeload */
    char *github_basic;  /* github.com itself: git and LFS take Basic only */
};

PTM_MUST_USE ptm_rc ptmi_cred_init(struct ptmi_cred *cred, const char *hf_token,
                                   const char *github_token, struct ptm_err *err);
void ptmi_cred_clear(struct ptmi_cred *cred); /* wipes */
/* The header line for this URL, borrowed; NULL: none. */
const char *ptmi_cred_header(const struct ptmi_cred *cred, const char *original_url);
/* Frees a string after overwriting it. */
void ptmi_secret_free(char *text);
