/* SPDX-License-Identifier: MIT */
/*
 * pickle_scalars.c - numbers and strings of the binary opcodes. Strings point into the file, ints
 * of a byte, None and the bools are shared by all who ask for them.
 */
#include "pickle_priv.h"

#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"

static ptm_rc new_int(struct ptmi_pkm *m, int64_t value, struct ptmi_pk **out)
{
    PTM_TRY(ptmi_pkm_node(m, PTMI_PK_INT, out));
    (*out)->i = value;
    return PTM_OK;
}

ptm_rc ptmi_pkm_int(struct ptmi_pkm *m, int64_t value)
{
    struct ptmi_pk *node = NULL;
    if (value < 0 || value > 255) {
        PTM_TRY(new_int(m, value, &node));
        return ptmi_pkm_push(m, node);
    }
    if (!m->ints[value]) PTM_TRY(new_int(m, value, &m->ints[value]));
    return ptmi_pkm_push(m, m->ints[value]);
}

ptm_rc ptmi_pkm_bool(struct ptmi_pkm *m, bool value)
{
    if (!m->bools[value]) {
        PTM_TRY(ptmi_pkm_node(m, PTMI_PK_BOOL, &m->bools[value]));
        m->bools[value]->i = value;
    }
    return ptmi_pkm_push(m, m->bools[value]);
}

ptm_rc ptmi_pkm_none(struct ptmi_pkm *m)
{
    if (!m->none) PTM_TRY(ptmi_pkm_node(m, PTMI_PK_NONE, &m->none));
    return ptmi_pkm_push(m, m->none);
}

/* The one big-endian number of the format. */
ptm_rc ptmi_pkm_binfloat(struct ptmi_pkm *m)
{
    const uint8_t *p = NULL;
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_take(m, 8, &p));
    PTM_TRY(ptmi_pkm_node(m, PTMI_PK_FLOAT, &node));
    uint64_t bits = ptmi_be64(p);
    memcpy(&node->f, &bits, sizeof node->f);
    return ptmi_pkm_push(m, node);
}

ptm_rc ptmi_pkm_big(struct ptmi_pkm *m, const uint8_t *bytes, size_t n)
{
    /* Bytes on top that only repeat the sign say nothing. */
    while (n > 1 && (bytes[n - 1] == 0 || bytes[n - 1] == 0xff) &&
           (bytes[n - 1] ^ bytes[n - 2]) < 0x80)
        n--;
    if (n > 8) return ptmi_pkm_string_node(m, PTMI_PK_LONG, bytes, n);
    uint64_t value = n > 0 && bytes[n - 1] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = n; i > 0; i--) value = value << 8 | bytes[i - 1];
    return ptmi_pkm_int(m, (int64_t)value);
}

/* A count of so many bytes, little-endian. */
static ptm_rc take_count(struct ptmi_pkm *m, unsigned len, uint64_t *out)
{
    const uint8_t *p = NULL;
    PTM_TRY(ptmi_pkm_take(m, len, &p));
    *out = len == 1 ? p[0] : len == 4 ? ptmi_le32(p) : ptmi_le64(p);
    return PTM_OK;
}

ptm_rc ptmi_pkm_counted_long(struct ptmi_pkm *m, unsigned len)
{
    const uint8_t *p = NULL;
    uint64_t n = 0;
    PTM_TRY(take_count(m, len, &n));
    if (n > INT32_MAX) return ptmi_pkm_fail(m, PTM_EFORMAT, "a negative number of bytes");
    PTM_TRY(ptmi_pkm_take(m, n, &p));
    return ptmi_pkm_big(m, p, (size_t)n);
}

ptm_rc ptmi_pkm_string_node(struct ptmi_pkm *m, ptmi_pk_kind kind, const uint8_t *bytes, uint64_t n)
{
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_node(m, kind, &node));
    node->bytes = (const char *)bytes;
    node->n = n;
    return ptmi_pkm_push(m, node);
}

/* Bytes at the front below 0x80. */
static uint64_t ascii_run(const uint8_t *bytes, uint64_t n)
{
    uint64_t i = 0, word;
    for (; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        if (word & 0x8080808080808080u) break;
    }
    while (i < n && bytes[i] < 0x80) i++;
    return i;
}

bool ptmi_pkm_is_ascii(const uint8_t *bytes, uint64_t n)
{
    return ascii_run(bytes, n) == n;
}

static bool is_surrogate(const uint8_t *p, uint64_t n)
{
    return n >= 3 && p[0] == 0xed && p[1] >= 0xa0 && p[1] <= 0xbf && (p[2] & 0xc0) == 0x80;
}

bool ptmi_pkm_is_utf8(const uint8_t *bytes, uint64_t n, bool surrogates)
{
    uint64_t i = ascii_run(bytes, n);
    while (i < n) {
        uint32_t point = 0;
        size_t len = ptmi_str_utf8_next((const char *)bytes + i, n - i, &point);
        if (len == 0 && surrogates && is_surrogate(bytes + i, n - i)) len = 3;
        if (len == 0) return false;
        i += len;
        i += ascii_run(bytes + i, n - i);
    }
    return true;
}

ptm_rc ptmi_pkm_counted_text(struct ptmi_pkm *m, unsigned len)
{
    const uint8_t *p = NULL;
    uint64_t n = 0;
    PTM_TRY(take_count(m, len, &n));
    PTM_TRY(ptmi_pkm_take(m, n, &p));
    if (!ptmi_pkm_is_utf8(p, n, true))
        return ptmi_pkm_fail(m, PTM_EFORMAT, "the text is not UTF-8");
    return ptmi_pkm_string_node(m, PTMI_PK_STR, p, n);
}

/* CPython reads these by a way of its own, which does not discard the rest of a frame. */
ptm_rc ptmi_pkm_counted_bytes(struct ptmi_pkm *m, unsigned len, ptmi_pk_kind kind)
{
    uint64_t n = 0;
    PTM_TRY(take_count(m, len, &n));
    if (n > (uint64_t)(m->limit - m->p)) PTM_TRY(ptmi_pkm_more(m, n, true));
    const uint8_t *p = m->p;
    m->p += n;
    return ptmi_pkm_string_node(m, kind, p, n);
}

static ptm_rc latin1_to_utf8(struct ptmi_pkm *m, const uint8_t *bytes, uint64_t n)
{
    uint64_t at = 0;
    uint8_t *text = NULL;
    PTM_TRY(ptmi_pkm_alloc(m, 2 * n, &text));
    for (uint64_t i = 0; i < n; i++) {
        if (bytes[i] >= 0x80) text[at++] = (uint8_t)(0xc0 | bytes[i] >> 6);
        text[at++] = bytes[i] >= 0x80 ? (uint8_t)(0x80 | (bytes[i] & 0x3f)) : bytes[i];
    }
    return ptmi_pkm_string_node(m, PTMI_PK_STR, text, at);
}

ptm_rc ptmi_pkm_string(struct ptmi_pkm *m, const uint8_t *bytes, uint64_t n)
{
    if (!m->no_encoding && !ptmi_pkm_is_utf8(bytes, n, false)) return latin1_to_utf8(m, bytes, n);
    PTM_TRY(ptmi_pkm_string_node(m, PTMI_PK_STR, bytes, n));
    m->stack[m->n - 1]->raw = m->no_encoding;
    return PTM_OK;
}

ptm_rc ptmi_pkm_counted_string(struct ptmi_pkm *m, unsigned len)
{
    const uint8_t *p = NULL;
    uint64_t n = 0;
    PTM_TRY(take_count(m, len, &n));
    PTM_TRY(ptmi_pkm_take(m, n, &p));
    return ptmi_pkm_string(m, p, n);
}
