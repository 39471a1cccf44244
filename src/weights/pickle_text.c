/* SPDX-License-Identifier: MIT */
/*
 * pickle_text.c - the opcodes of protocol 0, whose argument is a line of text. CPython's C
 * unpickler takes more than its pickler writes, and so does this: it hands INT to strtol() with
 * base 0 (leading zero: octal), then to int(text, 0) (0x, 0o, 0b, underscores); a NUL ends any
 * number.
 */
#include "pickle_priv.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#include "../base/limits.h"

/* Where CPython's int() stops since 3.11 (the conversion is quadratic). */
#define DIGITS_MAX 4300

/* A number's text: up to a NUL or the end of the line. */
struct text {
    const uint8_t *p, *end;
};

static struct text number_text(const uint8_t *line, size_t len)
{
    const uint8_t *nul = len > 0 ? memchr(line, '\0', len) : NULL;
    return (struct text){line, nul ? nul : line + len};
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* 36: no digit. */
static unsigned digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10u : 36;
}

static void skip_space(struct text *t)
{
    while (t->p < t->end && is_space(*t->p)) t->p++;
}

/* Moves past a sign; true: it is '-'. */
static bool take_sign(struct text *t)
{
    if (t->p == t->end || (*t->p != '-' && *t->p != '+')) return false;
    return *t->p++ == '-';
}

/* --- strtol(text, .., 0) --- */

/* The base by a prefix, which is moved past. */
static unsigned c_base(struct text *t)
{
    if (t->p == t->end || *t->p != '0') return 10;
    if (t->end - t->p > 2 && (t->p[1] | 0x20) == 'x' && digit_of(t->p[2]) < 16) {
        t->p += 2;
        return 16;
    }
    return 8;
}

/* True when strtol() reads the whole text without overflow. */
static bool c_long(struct text t, int64_t *out)
{
    uint64_t value = 0;
    if (t.p == t.end) return *out = 0, true; /* nothing read is no error to it */
    skip_space(&t);
    bool negative = take_sign(&t);
    unsigned base = c_base(&t);
    if (t.p == t.end) return false;
    uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (; t.p < t.end; t.p++) {
        unsigned digit = digit_of(*t.p);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value) || value > most)
            return false;
    }
    *out = (int64_t)(negative ? 0 - value : value);
    return true;
}

/* --- int(text, base) --- */

/* The base by a prefix, which is moved past. *out_zero: only zeros may follow. */
static unsigned python_base(struct text *t, bool *out_zero)
{
    *out_zero = false;
    if (t->p == t->end || *t->p != '0') return 10;
    uint8_t c = t->end - t->p > 1 ? t->p[1] | 0x20 : 0;
    unsigned base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
    *out_zero = base == 10;
    if (base == 10) return 10;
    t->p += 2;
    if (t->p < t->end && *t->p == '_') t->p++;
    return base;
}

/* Cuts t to its digits: they and single underscores between them, then nothing but space. */
static bool python_digits(struct text *t, unsigned base, size_t *out_digits)
{
    const uint8_t *p = t->p;
    size_t n = 0;
    bool gap = true; /* an underscore may not stand here */
    for (; p < t->end && (*p == '_' || digit_of(*p) < base); p++) {
        if (*p == '_' && gap) return false;
        gap = *p == '_';
        n += !gap;
    }
    struct text rest = {p, t->end};
    skip_space(&rest);
    if (n == 0 || gap || rest.p != rest.end) return false;
    t->end = p;
    *out_digits = n;
    return true;
}

/* Little-endian bytes of digits to a base of 2, 8 or 16. Returns how many. */
static size_t binary_bytes(struct text t, unsigned base, uint8_t *out)
{
    unsigned width = base == 16 ? 4 : base == 8 ? 3 : 1, have = 0, bits = 0;
    size_t n = 0;
    while (t.end > t.p) {
        uint8_t c = *--t.end;
        if (c == '_') continue;
        bits |= digit_of(c) << have;
        have += width;
        if (have < 8) continue;
        out[n++] = (uint8_t)bits;
        bits >>= 8;
        have -= 8;
    }
    out[n++] = (uint8_t)bits;
    return n;
}

/* limbs = limbs * factor + add, 32 bits a limb; returns how many there are now. */
static size_t multiply(uint32_t *limbs, size_t n, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;
    for (size_t i = 0; i < n; i++) {
        carry += (uint64_t)limbs[i] * factor;
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) limbs[n++] = (uint32_t)carry;
    return n;
}

/* The same of decimal digits, at most DIGITS_MAX of them: nine at a time. */
static size_t decimal_bytes(struct text t, uint8_t *out)
{
    uint32_t limbs[DIGITS_MAX / 9 + 2], part = 0, factor = 1;
    size_t n = 0;
    for (; t.p < t.end; t.p++) {
        if (*t.p == '_') continue;
        part = part * 10 + digit_of(*t.p);
        factor *= 10;
        if (factor < 1000000000) continue;
        n = multiply(limbs, n, factor, part);
        part = 0;
        factor = 1;
    }
    if (factor > 1) n = multiply(limbs, n, factor, part);
    for (size_t i = 0; i < 4 * n; i++) out[i] = (uint8_t)(limbs[i / 4] >> 8 * (i % 4));
    return 4 * n;
}

static void negate(uint8_t *bytes, size_t n)
{
    unsigned carry = 1;
    for (size_t i = 0; i < n; i++) {
        carry += (uint8_t)~bytes[i];
        bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i]) return false;
    return true;
}

/* base 0: by its prefix. */
static ptm_rc python_int(struct ptmi_pkm *m, struct text t, unsigned base)
{
    size_t digits = 0;
    bool zero = false;
    uint8_t *bytes = NULL;
    skip_space(&t);
    bool negative = take_sign(&t);
    if (base == 0) base = python_base(&t, &zero);
    if (!python_digits(&t, base, &digits))
        return ptmi_pkm_fail(m, PTM_EFORMAT, "the line is no integer");
    size_t room = digits / (base == 16 ? 2 : base == 8 ? 2 : base == 2 ? 8 : 2) + 16;
    if (room > PTM_LIMIT_PICKLE_INT || (base == 10 && digits > DIGITS_MAX))
        return ptmi_pkm_fail(m, PTM_ELIMIT, "an integer of %zu digits", digits);
    PTM_TRY(ptmi_pkm_alloc(m, room, &bytes));
    size_t n = base == 10 ? decimal_bytes(t, bytes) : binary_bytes(t, base, bytes);
    bytes[n++] = 0; /* the sign */
    if (zero && !is_zero(bytes, n))
        return ptmi_pkm_fail(m, PTM_EFORMAT, "an integer that begins with 0");
    if (negative) negate(bytes, n);
    return ptmi_pkm_big(m, bytes, n);
}

ptm_rc ptmi_pkm_text_int(struct ptmi_pkm *m)
{
    const uint8_t *line = NULL;
    size_t len = 0;
    int64_t value = 0;
    PTM_TRY(ptmi_pkm_line(m, &line, &len));
    if (len == 0) return ptmi_pkm_fail(m, PTM_EFORMAT, "the line is empty");
    struct text t = number_text(line, len);
    if (!c_long(t, &value)) return python_int(m, t, 0);
    if (len == 2 && (value == 0 || value == 1)) return ptmi_pkm_bool(m, value == 1);
    return ptmi_pkm_int(m, value);
}

ptm_rc ptmi_pkm_text_long(struct ptmi_pkm *m)
{
    const uint8_t *line = NULL;
    size_t len = 0;
    PTM_TRY(ptmi_pkm_line(m, &line, &len));
    if (len == 0) return ptmi_pkm_fail(m, PTM_EFORMAT, "the line is empty");
    if (line[len - 1] == 'L') len--;
    return python_int(m, number_text(line, len), 0);
}

/* Digits alone, which is all that picklers write. */
static bool short_index(const uint8_t *line, size_t len, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        if (line[i] < '0' || line[i] > '9') return false;
        *out = *out * 10 + (line[i] - '0');
    }
    return len < 18;
}

ptm_rc ptmi_pkm_text_index(struct ptmi_pkm *m, const uint8_t *line, size_t len, uint64_t *out,
                           bool *out_large)
{
    if (len == 0) return ptmi_pkm_fail(m, PTM_EFORMAT, "the line is empty");
    *out_large = false;
    if (short_index(line, len, out)) return PTM_OK;
    PTM_TRY(python_int(m, number_text(line, len), 10));
    const struct ptmi_pk *node = m->stack[--m->n];
    *out = node->kind == PTMI_PK_INT && node->i >= 0 ? (uint64_t)node->i : UINT64_MAX;
    *out_large = node->kind == PTMI_PK_LONG && (uint8_t)node->bytes[node->n - 1] < 0x80;
    return PTM_OK;
}

/* --- FLOAT --- */

static void skip_digits(struct text *t, size_t *count)
{
    for (; t->p < t->end && *t->p >= '0' && *t->p <= '9'; t->p++) ++*count;
}

static bool take_word(struct text *t, const char *word)
{
    const uint8_t *p = t->p;
    for (; *word; word++, p++)
        if (p == t->end || (*p | 0x20) != *word) return false;
    t->p = p;
    return true;
}

/* Digits with a point and an exponent, or inf, infinity, nan; no space, no hexadecimal. */
static bool is_float(struct text t)
{
    size_t digits = 0, exponent = 0;
    (void)take_sign(&t);
    if (take_word(&t, "nan") || take_word(&t, "infinity") || take_word(&t, "inf"))
        return t.p == t.end;
    skip_digits(&t, &digits);
    if (t.p < t.end && *t.p == '.') t.p++;
    skip_digits(&t, &digits);
    if (digits == 0) return false;
    if (t.p == t.end) return true;
    if ((*t.p++ | 0x20) != 'e') return false;
    (void)take_sign(&t);
    skip_digits(&t, &exponent);
    return exponent > 0 && t.p == t.end;
}

/* What float() takes besides, by which the unpickler in Python reads: space around the number and
 * single underscores between digits. */
static bool is_python_float(struct text t)
{
    char plain[64];
    size_t n = 0;
    skip_space(&t);
    while (t.end > t.p && is_space(t.end[-1])) t.end--;
    for (const uint8_t *p = t.p; p < t.end; p++) {
        bool gap =
            *p == '_' && p > t.p && p + 1 < t.end && digit_of(p[-1]) < 10 && digit_of(p[1]) < 10;
        if (gap) continue;
        /* Of more digits the first ones tell as much: the value is nobody's. */
        bool more = digit_of(*p) < 10 && n == sizeof plain / 2;
        if (more) continue;
        if (n == sizeof plain) return false;
        plain[n++] = (char)*p;
    }
    return is_float((struct text){(const uint8_t *)plain, (const uint8_t *)plain + n});
}

/* In the C locale, whatever the process has set: a point is a point. text ends at what is no part
 * of a number. */
static ptm_rc to_double(struct ptmi_pkm *m, const uint8_t *text, double *out)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c) return ptmi_pkm_fail(m, PTM_ENOMEM, "out of memory");
    *out = strtod_l((const char *)text, NULL, c);
    freelocale(c);
    return PTM_OK;
}

ptm_rc ptmi_pkm_text_float(struct ptmi_pkm *m)
{
    const uint8_t *line = NULL;
    size_t len = 0;
    double value = 0;
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_line(m, &line, &len));
    if (len == 0) return ptmi_pkm_fail(m, PTM_EFORMAT, "the line is empty");
    struct text t = number_text(line, len);
    if (!is_float(t)) {
        ptm_rc rc = ptmi_pkm_fail(m, PTM_EFORMAT, "the line is no number");
        if (!is_python_float(t)) return rc;
        ptmi_pkm_go_on(m, rc);
    }
    PTM_TRY(to_double(m, line, &value)); /* it ends with '\n' */
    struct text word = t;
    (void)take_sign(&word);
    if (isinf(value) && (*word.p | 0x20) != 'i') /* float() makes it infinite */
        ptmi_pkm_go_on(m, ptmi_pkm_fail(m, PTM_EFORMAT, "the number is too large"));
    PTM_TRY(ptmi_pkm_node(m, PTMI_PK_FLOAT, &node));
    node->f = value;
    return ptmi_pkm_push(m, node);
}

/* --- STRING: repr() of a Python 2 str --- */

/* What \c stands for when it is one character; 0: another kind of escape. */
static uint8_t simple_escape(uint8_t c)
{
    switch (c) {
    case '\\':
    case '\'':
    case '"':
        return c;
    case 'a':
        return '\a';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'v':
        return '\v';
    default:
        return 0;
    }
}

/* Up to so many digits to the base; returns how many. */
static unsigned take_digits(struct text *t, unsigned base, unsigned most, uint32_t *out)
{
    unsigned n = 0;
    *out = 0;
    for (; n < most && t->p < t->end && digit_of(*t->p) < base; n++)
        *out = *out * base + digit_of(*t->p++);
    return n;
}

/* What follows a backslash, into *out, at most two bytes. */
static bool unescape(struct text *t, uint8_t **out)
{
    uint32_t value = 0;
    if (t->p == t->end) return false;
    uint8_t simple = simple_escape(*t->p);
    if (simple) {
        t->p++;
        *(*out)++ = simple;
    } else if (*t->p == 'x') {
        t->p++;
        if (take_digits(t, 16, 2, &value) != 2) return false;
        *(*out)++ = (uint8_t)value;
    } else if (take_digits(t, 8, 3, &value) > 0) {
        *(*out)++ = (uint8_t)value;
    } else { /* unknown ones stay as they are */
        *(*out)++ = '\\';
        *(*out)++ = *t->p++;
    }
    return true;
}

ptm_rc ptmi_pkm_text_string(struct ptmi_pkm *m)
{
    const uint8_t *line = NULL;
    size_t len = 0;
    uint8_t *text = NULL, *at;
    PTM_TRY(ptmi_pkm_line(m, &line, &len));
    if (len < 2 || (line[0] != '\'' && line[0] != '"') || line[len - 1] != line[0])
        return ptmi_pkm_fail(m, PTM_EFORMAT, "the string is not quoted");
    struct text t = {line + 1, line + len - 1};
    if (!memchr(line, '\\', len)) return ptmi_pkm_string(m, t.p, len - 2);
    PTM_TRY(ptmi_pkm_alloc(m, len, &text));
    for (at = text; t.p < t.end;) {
        uint8_t c = *t.p++;
        if (c != '\\')
            *at++ = c;
        else if (!unescape(&t, &at))
            return ptmi_pkm_fail(m, PTM_EFORMAT, "an escape of the string is cut short");
    }
    return ptmi_pkm_string(m, text, (uint64_t)(at - text));
}

/* --- UNICODE: Latin-1 with \uXXXX and \UXXXXXXXX --- */

static uint8_t *put_utf8(uint8_t *at, uint32_t point)
{
    if (point < 0x80) {
        *at++ = (uint8_t)point;
        return at;
    }
    unsigned more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    *at++ = (uint8_t)(lead[more] | point >> 6 * more);
    while (more-- > 0) *at++ = (uint8_t)(0x80 | (point >> 6 * more & 0x3f));
    return at;
}

/* One character, or an escape, which is never shorter than its UTF-8. */
static bool take_raw_unicode(struct text *t, uint8_t **out)
{
    uint32_t c = *t->p++;
    if (c == '\\' && t->p < t->end) {
        unsigned digits = *t->p == 'u' ? 4 : *t->p == 'U' ? 8 : 0;
        if (digits == 0) {
            *(*out)++ = '\\';
            c = *t->p++;
        } else {
            t->p++;
            if (take_digits(t, 16, digits, &c) != digits || c > 0x10ffff) return false;
        }
    }
    *out = put_utf8(*out, c);
    return true;
}

ptm_rc ptmi_pkm_text_unicode(struct ptmi_pkm *m)
{
    const uint8_t *line = NULL;
    size_t len = 0;
    uint8_t *text = NULL, *at;
    PTM_TRY(ptmi_pkm_line(m, &line, &len));
    if (ptmi_pkm_is_ascii(line, len) && !memchr(line, '\\', len))
        return ptmi_pkm_string_node(m, PTMI_PK_STR, line, len);
    PTM_TRY(ptmi_pkm_alloc(m, 2 * (uint64_t)len, &text));
    struct text t = {line, line + len};
    for (at = text; t.p < t.end;)
        if (!take_raw_unicode(&t, &at))
            return ptmi_pkm_fail(m, PTM_EFORMAT, "an escape of the text is cut short");
    return ptmi_pkm_string_node(m, PTMI_PK_STR, text, (uint64_t)(at - text));
}
