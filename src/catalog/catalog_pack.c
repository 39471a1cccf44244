/* SPDX-License-Identifier: MIT */
/* catalog_pack.c - blobs of the catalogue: one zstd frame each, or plain where that would not be
 * smaller. */
#include "catalog_priv.h"

#include <string.h>

#include "../base/limits.h"

/* Fast enough to keep up with a listing; records of a few KB gain little from more. */
#define LEVEL 2
/* Below this a frame's header eats the gain. */
#define WORTH_PACKING 160

static const unsigned char ZSTD_FRAME[4] = {0x28, 0xb5, 0x2f, 0xfd};

ptm_rc ptmi_pack(ptmi_catalog *catalog, const void *data, size_t len, const void **out,
                 size_t *out_len, struct ptm_err *err)
{
    *out = data;
    *out_len = len;
    /* What would be taken for a frame when read back must be one. */
    bool looks_packed = len >= 4 && memcmp(data, ZSTD_FRAME, 4) == 0;
    if (len < WORTH_PACKING && !looks_packed) return PTM_OK;
    if (len > PTM_LIMIT_JSON)
        return ptm_err_set(err, PTM_ELIMIT, "%zu bytes for one row, more than %u", len,
                           (unsigned)PTM_LIMIT_JSON);
    struct ptmi_buf *buf = &catalog->packed;
    size_t bound = ZSTD_compressBound(len);
    if (buf->cap < bound) {
        ptmi_buf_clear(buf);
        buf->data = malloc(bound);
        if (!buf->data) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
        buf->cap = bound;
    }
    size_t n = ZSTD_compressCCtx(catalog->packer, buf->data, buf->cap, data, len, LEVEL);
    if (ZSTD_isError(n)) return ptm_err_set(err, PTM_EBUG, "zstd: %s", ZSTD_getErrorName(n));
    if (n >= len && !looks_packed) return PTM_OK;
    *out = buf->data;
    *out_len = n;
    return PTM_OK;
}

static ptm_rc unpack_frame(ZSTD_DCtx *unpacker, const void *data, size_t len, size_t length,
                           struct ptmi_buf *out, struct ptm_err *err)
{
    if (out->cap <= length) {
        ptmi_buf_clear(out);
        out->data = malloc(length + 1);
        if (!out->data) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
        out->cap = length + 1;
    }
    size_t n = ZSTD_decompressDCtx(unpacker, out->data, length, data, len);
    if (ZSTD_isError(n) || n != length)
        return ptm_err_set(err, PTM_ECORRUPT, "a packed value of the catalogue is damaged (%s)",
                           ZSTD_isError(n) ? ZSTD_getErrorName(n) : "wrong length");
    out->data[n] = 0;
    out->len = n;
    return PTM_OK;
}

ptm_rc ptmi_unpack(ZSTD_DCtx *unpacker, const void *data, size_t len, int64_t length,
                   struct ptmi_buf *out, struct ptm_err *err)
{
    ptmi_buf_reset(out);
    if (length < 0 || (uint64_t)length > PTM_LIMIT_JSON)
        return ptm_err_set(err, PTM_ECORRUPT, "a packed value of the catalogue claims %lld bytes",
                           (long long)length);
    if (len >= 4 && memcmp(data, ZSTD_FRAME, 4) == 0)
        return unpack_frame(unpacker, data, len, (size_t)length, out, err);
    if ((size_t)length != len)
        return ptm_err_set(err, PTM_ECORRUPT,
                           "a value of the catalogue has %zu bytes instead of %lld", len,
                           (long long)length);
    return ptmi_buf_append(out, data, len, err);
}
