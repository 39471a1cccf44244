/* SPDX-License-Identifier: MIT */
/* meta_text.c - texts of binary tables made fit for C strings, JSON and terminals' eyes. */
#include "meta_text.h"

#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"

/* Bytes at the beginning that are text as they are. */
static size_t good_prefix(const uint8_t *bytes, size_t len)
{
    size_t at = 0;
    while (at < len) {
        uint32_t code;
        size_t n = ptmi_str_utf8_next((const char *)bytes + at, len - at, &code);
        if (n == 0 || code == 0) break;
        at += n;
    }
    return at;
}

ptm_rc ptmi_meta_text(struct ptmi_buf *buf, const uint8_t *bytes, size_t len, struct ptm_err *err)
{
    for (size_t at = 0; at < len;) {
        size_t good = good_prefix(bytes + at, len - at);
        PTM_TRY(ptmi_buf_append(buf, bytes + at, good, err));
        at += good;
        if (at == len) break;
        PTM_TRY(ptmi_buf_append(buf, "\xef\xbf\xbd", 3, err));
        at++;
    }
    return PTM_OK;
}

ptm_rc ptmi_table_meta(struct ptm_weights *weights, const char *key, const uint8_t *bytes,
                       size_t len, struct ptm_err *err)
{
    /* A byte may become the three of U+FFFD; room for the other wording too. */
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf text = PTMI_BUF(3 * PTM_LIMIT_META + 64);
    if (len > PTM_LIMIT_META)
        PTM_TRY(ptmi_buf_printf(&text, err, "{\"type\":\"string\",\"bytes\":%zu}", len));
    else
        PTM_TRY(ptmi_meta_text(&text, bytes, len, err));
    return ptmi_weights_add_meta(weights, key, text.data ? text.data : "", err);
}
