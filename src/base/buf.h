/* SPDX-License-Identifier: MIT */
/* buf.h - the only thing bytes grow in: a buffer with a cap from birth. One thread at a time. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include <ptm/err.h>

/* data is NUL-terminated after len bytes once anything was appended (NULL before). Owned by the
 * struct. */
struct ptmi_buf {
    char *data;
    size_t len;
    size_t cap; /* allocated */
    size_t max; /* never more than this many bytes: PTM_ELIMIT */
};

#define PTMI_BUF(max_bytes)     \
    {                           \
        NULL, 0, 0, (max_bytes) \
    }

void ptmi_buf_clear(struct ptmi_buf *buf); /* frees; max stays */
void ptmi_buf_reset(struct ptmi_buf *buf); /* len 0, memory stays */
PTM_MUST_USE ptm_rc ptmi_buf_append(struct ptmi_buf *buf, const void *data, size_t len,
                                    struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_buf_puts(struct ptmi_buf *buf, const char *text, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_buf_putc(struct ptmi_buf *buf, char c, struct ptm_err *err);
PTM_MUST_USE PTM_PRINTF(3, 4) ptm_rc
    ptmi_buf_printf(struct ptmi_buf *buf, struct ptm_err *err, const char *fmt, ...);
/* Text as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. NULL becomes null. */
PTM_MUST_USE ptm_rc ptmi_buf_json_str(struct ptmi_buf *buf, const char *text, struct ptm_err *err);
/* The data, which the caller frees; "" (malloc'ed) when empty; NULL when out of memory. buf is
 * empty afterwards. */
char *ptmi_buf_take(struct ptmi_buf *buf);
