/* SPDX-License-Identifier: MIT */
/* zipdir_priv.h - what zipdir.c and zipdir_check.c share. */
#pragma once

#include "zipdir.h"

#define PTMI_ZIP_SIG_LOCAL 0x04034b50u
#define PTMI_ZIP_STORED 0
#define PTMI_ZIP_DEFLATED 8
#define PTMI_ZIP_FLAG_DESCRIPTOR 0x0008u
#define PTMI_ZIP_FLAG_UTF8 0x0800u
#define PTMI_ZIP_FLAGS_USUAL (PTMI_ZIP_FLAG_DESCRIPTOR | PTMI_ZIP_FLAG_UTF8)
/* Encrypted, strongly encrypted, headers masked. */
#define PTMI_ZIP_FLAGS_ENCRYPTED 0x2041u
#define PTMI_ZIP_EXTRA_ZIP64 0x0001u
#define PTMI_ZIP_EXTRA_UNICODE_NAME 0x7075u

struct ptmi_odd_list ptmi_zip_odds(struct ptmi_zip *zip);
/* Notes what a member is or has. */
PTM_MUST_USE ptm_rc ptmi_zip_note(struct ptmi_zip *zip, int what,
                                  const struct ptmi_zip_member *member, const char *detail,
                                  struct ptm_err *err);
/* The bytes of the first extra field of that kind; false when there is none. */
bool ptmi_zip_extra(const uint8_t *extra, size_t len, uint16_t id, const uint8_t **out,
                    size_t *out_len);
