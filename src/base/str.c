/* SPDX-License-Identifier: MIT */
/*
 * str.c - comparing, formatting and reading of short strings, UTF-8, and what is fit for a
 * terminal. Patterns over paths are glob.c.
 */
#include "str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool ptmi_str_eq(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool ptmi_str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool ptmi_str_starts_nocase(const char *text, const char *prefix)
{
    while (*prefix && lower(*text) == lower(*prefix)) {
        text++;
        prefix++;
    }
    return *prefix == '\0';
}

bool ptmi_str_eq_nocase(const char *a, const char *b)
{
    return strlen(a) == strlen(b) && ptmi_str_starts_nocase(a, b);
}

bool ptmi_str_ends(const char *text, const char *suffix)
{
    size_t len = strlen(text);
    size_t suffix_len = strlen(suffix);
    return len >= suffix_len && memcmp(text + len - suffix_len, suffix, suffix_len) == 0;
}

char *ptmi_str_printf(const char *fmt, ...)
{
    char most[256]; /* nearly all fit: formatting twice costs twice */
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(most, sizeof most, fmt, args);
    va_end(args);
    if (n < 0) return NULL;
    char *text = malloc((size_t)n + 1);
    if (!text) return NULL;
    if ((size_t)n < sizeof most) return memcpy(text, most, (size_t)n + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}

bool ptmi_str_int(const char *text, int64_t min, int64_t max, int64_t *out)
{
    bool negative = text[0] == '-';
    const char *digit = text + negative;
    if (!*digit || (negative && *digit == '0')) return false;
    int64_t value = 0;
    for (; *digit; digit++) {
        if (!is_digit(*digit)) return false;
        int n = negative ? '0' - *digit : *digit - '0';
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, n, &value))
            return false;
    }
    if (value < min || value > max) return false;
    *out = value;
    return true;
}

/* The unit behind a number: "", "B", "k", "KB", "KiB", ... 0 for anything else. */
static int64_t size_unit(const char *text)
{
    if (!*text) return 1;
    const char *letters = "bkmgtp";
    const char *letter = strchr(letters, lower(*text));
    if (!letter) return 0;
    text++;
    if (letter > letters && lower(*text) == 'i') {
        if (lower(text[1]) != 'b') return 0;
        text++;
    }
    if (letter > letters && lower(*text) == 'b') text++;
    return *text ? 0 : (int64_t)1 << (10 * (letter - letters));
}

bool ptmi_str_size(const char *text, int64_t *out)
{
    if (!is_digit(*text)) return false;
    int64_t whole = 0;
    for (; is_digit(*text); text++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, *text - '0', &whole))
            return false;

    /* Six digits of a fraction are more than anybody means, and cannot overflow below. */
    int64_t fraction = 0;
    int64_t scale = 1;
    bool dotted = *text == '.';
    if (dotted) {
        text++;
        if (!is_digit(*text)) return false;
        for (; is_digit(*text); text++) {
            if (scale == 1000000) continue;
            fraction = 10 * fraction + (*text - '0');
            scale *= 10;
        }
    }
    int64_t unit = size_unit(text);
    if (unit == 0 || (dotted && unit == 1)) return false;
    int64_t bytes = 0;
    /* unit / scale first would lose the fraction of a kilobyte: split so that neither order
     * overflows. */
    int64_t part = unit / scale * fraction + unit % scale * fraction / scale;
    if (__builtin_mul_overflow(whole, unit, &bytes) || __builtin_add_overflow(bytes, part, &bytes))
        return false;
    *out = bytes;
    return true;
}

char *ptmi_str_human_size(int64_t bytes, char buf[32])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 0) {
        snprintf(buf, 32, "unknown");
        return buf;
    }
    if (bytes < 1000) {
        snprintf(buf, 32, "%d B", (int)bytes);
        return buf;
    }
    double value = (double)bytes / 1000;
    size_t unit = 0;
    while (value >= 999.95 && unit + 1 < sizeof units / sizeof units[0]) { /* would print 1000.0 */
        value /= 1000;
        unit++;
    }
    snprintf(buf, 32, "%.1f %s", value, units[unit]);
    return buf;
}

/* Bytes a sequence has by its first byte, and the bits that byte brings; 0 for no first byte. */
static size_t sequence_length(unsigned char first, uint32_t *bits)
{
    if (first < 0x80) {
        *bits = first;
        return 1;
    }
    if (first >= 0xC2 && first < 0xE0) {
        *bits = first & 0x1Fu;
        return 2;
    }
    if (first >= 0xE0 && first < 0xF0) {
        *bits = first & 0x0Fu;
        return 3;
    }
    if (first >= 0xF0 && first < 0xF5) {
        *bits = first & 0x07u;
        return 4;
    }
    return 0;
}

size_t ptmi_str_utf8_next(const char *text, size_t len, uint32_t *out)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (len == 0) return 0;
    uint32_t point = 0;
    size_t n = sequence_length((unsigned char)text[0], &point);
    if (n == 0 || n > len) return 0;
    for (size_t i = 1; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c & 0xC0u) != 0x80) return 0;
        point = point << 6 | (c & 0x3Fu);
    }
    if (point < smallest[n] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return 0;
    *out = point;
    return n;
}

bool ptmi_str_is_utf8(const char *text, size_t len)
{
    while (len > 0) {
        uint32_t point = 0;
        size_t n = ptmi_str_utf8_next(text, len, &point);
        if (n == 0) return false;
        text += n;
        len -= n;
    }
    return true;
}

bool ptmi_str_is_text(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r') return false;
    }
    return ptmi_str_is_utf8(text, len);
}

bool ptmi_str_is_hex(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_digit(text[i]) && !(text[i] >= 'a' && text[i] <= 'f')) return false;
    return text[n] == '\0';
}

/* What could move the cursor, end the line or turn the text around it. */
static bool is_unprintable(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0) || point == 0x061C ||
           (point >= 0x200E && point <= 0x200F) || (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2066 && point <= 0x2069);
}

char *ptmi_str_printable(char *dst, size_t dst_size, const char *src)
{
    if (dst_size == 0) return dst;
    size_t left = src ? strlen(src) : 0;
    size_t used = 0;
    while (left > 0) {
        uint32_t point = 0;
        size_t n = ptmi_str_utf8_next(src, left, &point);
        bool bad = n == 0 || is_unprintable(point);
        if (n == 0) n = 1;
        size_t wanted = bad ? 1 : n;
        if (used + wanted >= dst_size) break;
        if (bad)
            dst[used] = '?';
        else
            memcpy(dst + used, src, n);
        used += wanted;
        src += n;
        left -= n;
    }
    dst[used] = '\0';
    return dst;
}
