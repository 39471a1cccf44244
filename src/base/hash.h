/* SPDX-License-Identifier: MIT */
/* hash.h - SHA-256 and SHA-1 of OpenSSL's libcrypto (EVP). One thread at a time. */
#pragma once

#include <stddef.h>

#include <ptm/err.h>

typedef enum ptmi_hash_kind { PTMI_SHA256 = 1, PTMI_SHA1 } ptmi_hash_kind;
typedef struct ptmi_hash ptmi_hash;

PTM_MUST_USE ptm_rc ptmi_hash_new(ptmi_hash_kind kind, ptmi_hash **out, struct ptm_err *err);
void ptmi_hash_update(ptmi_hash *hash, const void *data, size_t len);
/* Lower-case hex with NUL: 65 bytes for SHA-256, 41 for SHA-1. The hash starts over. */
PTM_MUST_USE ptm_rc ptmi_hash_hex(ptmi_hash *hash, char *out, struct ptm_err *err);
void ptmi_hash_free(ptmi_hash *hash); /* NULL is a no-op */
PTM_MUST_USE ptm_rc ptmi_hash_bytes(ptmi_hash_kind kind, const void *data, size_t len, char *out,
                                    struct ptm_err *err);
/* Hashes fd from its current offset to its end; *out_size may be NULL. */
PTM_MUST_USE ptm_rc ptmi_hash_fd(ptmi_hash_kind kind, int fd, char *out, int64_t *out_size,
                                 struct ptm_err *err);
