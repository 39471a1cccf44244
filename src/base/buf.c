/* SPDX-License-Identifier: MIT */
/*
 * buf.c - the growing buffer. It doubles up to its cap, and the final NUL is always there and never
 * counted.
 */
#include "buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "str.h"

/* The first allocation: most lines and small documents fit. */
#define FIRST_CAP 256

/* Makes room for extra more bytes and the NUL. */
static ptm_rc reserve(struct ptmi_buf *buf, size_t extra, struct ptm_err *err)
{
    if (buf->len > buf->max || extra > buf->max - buf->len)
        return ptm_err_set(err, PTM_ELIMIT, "more than the %zu bytes that are allowed here",
                           buf->max);
    size_t need = 0;
    if (__builtin_add_overflow(buf->len + extra, 1, &need))
        return ptm_err_set(err, PTM_ELIMIT, "more bytes than memory can address");
    if (need <= buf->cap) return PTM_OK;

    size_t cap = buf->cap ? buf->cap : FIRST_CAP;
    while (cap < need) cap = cap > SIZE_MAX / 2 ? need : 2 * cap;
    if (cap - 1 > buf->max) cap = buf->max + 1;
    char *data = realloc(buf->data, cap);
    if (!data) return ptm_err_set(err, PTM_ENOMEM, "out of memory for %zu bytes", cap);
    buf->data = data;
    buf->cap = cap;
    return PTM_OK;
}

void ptmi_buf_clear(struct ptmi_buf *buf)
{
    free(buf->data);
    buf->data = NULL;
    buf->len = 0;
    buf->cap = 0;
}

void ptmi_buf_reset(struct ptmi_buf *buf)
{
    buf->len = 0;
    if (buf->data) buf->data[0] = '\0';
}

ptm_rc ptmi_buf_append(struct ptmi_buf *buf, const void *data, size_t len, struct ptm_err *err)
{
    PTM_TRY(reserve(buf, len, err));
    if (len > 0) memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return PTM_OK;
}

ptm_rc ptmi_buf_puts(struct ptmi_buf *buf, const char *text, struct ptm_err *err)
{
    return ptmi_buf_append(buf, text, strlen(text), err);
}

ptm_rc ptmi_buf_putc(struct ptmi_buf *buf, char c, struct ptm_err *err)
{
    return ptmi_buf_append(buf, &c, 1, err);
}

ptm_rc ptmi_buf_printf(struct ptmi_buf *buf, struct ptm_err *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) return ptm_err_set(err, PTM_EBUG, "a text could not be formatted");
    PTM_TRY(reserve(buf, (size_t)n, err));
    va_start(args, fmt);
    vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)n;
    return PTM_OK;
}

/* The escape of one ASCII character that JSON does not take as it is; NULL for the others. */
static const char *json_escape(unsigned char c, char out[8])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (c >= 0x20) return NULL;
        snprintf(out, 8, "\\u%04x", c);
        return out;
    }
}

ptm_rc ptmi_buf_json_str(struct ptmi_buf *buf, const char *text, struct ptm_err *err)
{
    if (!text) return ptmi_buf_puts(buf, "null", err);
    PTM_TRY(ptmi_buf_putc(buf, '"', err));
    size_t left = strlen(text);
    const char *plain = text; /* start of what can be copied as it stands */
    while (left > 0) {
        char hex[8];
        uint32_t point = 0;
        size_t n = ptmi_str_utf8_next(text, left, &point);
        const char *instead = n == 0   ? "\xEF\xBF\xBD"
                              : n == 1 ? json_escape((unsigned char)*text, hex)
                                       : NULL;
        if (instead) {
            PTM_TRY(ptmi_buf_append(buf, plain, (size_t)(text - plain), err));
            PTM_TRY(ptmi_buf_puts(buf, instead, err));
        }
        if (n == 0) n = 1;
        text += n;
        left -= n;
        if (instead) plain = text;
    }
    PTM_TRY(ptmi_buf_append(buf, plain, (size_t)(text - plain), err));
    return ptmi_buf_putc(buf, '"', err);
}

char *ptmi_buf_take(struct ptmi_buf *buf)
{
    if (!buf->data) return calloc(1, 1);
    char *data = buf->data;
    buf->data = NULL;
    buf->len = 0;
    buf->cap = 0;
    return data;
}
