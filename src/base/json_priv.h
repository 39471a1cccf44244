/* SPDX-License-Identifier: MIT */
/* json_priv.h - what json.c lends to json_split.c. */
#pragma once

#include <stddef.h>

#include <ptm/err.h>

/* Bytes of a UTF-8 byte order mark at the front: 3 or 0. */
size_t ptmi_json_skip_bom(const char *data, size_t len);
/* PTM_EFORMAT, saying that the text is empty or HTML where it is, else why it is not JSON at byte
 * at. */
PTM_MUST_USE ptm_rc ptmi_json_refuse(const char *data, size_t len, const char *what, size_t at,
                                     const char *why, struct ptm_err *err);
