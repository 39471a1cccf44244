/* SPDX-License-Identifier: MIT */
/* unpack.h - compressed streams (gzip, bzip2, xz, lzma, zstd, lz4, zlib) unpacked into memory by
 * libarchive, with a cap. Thread-safe. */
#pragma once

#include "source.h"

/* "gzip", "bzip2", "xz", "lzma", "zstd", "lz4", "zlib" by the first bytes; NULL: none of them. */
const char *ptmi_unpack_kind(const uint8_t *head, size_t len);
/* PTM_ELIMIT beyond max bytes, PTM_EFORMAT for a damaged stream, PTM_EUNSUPPORTED where libarchive
 * was built without the filter. */
PTM_MUST_USE ptm_rc ptmi_unpack_stream(ptmi_source *source, uint64_t max, ptmi_source **out,
                                       struct ptm_err *err);
