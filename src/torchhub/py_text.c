/* SPDX-License-Identifier: MIT */
/* py_text.c - what literals mean, docstrings as inspect.cleandoc() lays them out, and source text
 * folded onto one line. */
#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "py_source.h"

/* --- literals --- */

struct ptmi_py_quote ptmi_py_quote_of(struct ptmi_py_span start)
{
    struct ptmi_py_quote quote = {0};
    for (size_t i = 0; i < start.len; i++) {
        char c = (char)(start.text[i] | 0x20);
        quote.raw |= c == 'r';
        quote.bytes |= c == 'b';
        quote.format |= c == 'f';
    }
    return quote;
}

static ptm_rc put_code_point(uint32_t code, struct ptmi_buf *out, struct ptm_err *err)
{
    char utf8[4];
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) code = 0xfffd, n = 3;
    static const uint8_t LEAD[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; code >>= 6) utf8[i] = (char)(0x80 | (code & 0x3f));
    utf8[0] = (char)(LEAD[n] | code);
    return ptmi_buf_append(out, utf8, n, err);
}

/* Up to max digits of base 8 or 16 at text[*at]. */
static uint32_t digits(struct ptmi_py_span text, size_t *at, int max, unsigned base)
{
    uint32_t value = 0;
    for (; max-- > 0 && *at < text.len; ++*at) {
        int c = (unsigned char)text.text[*at];
        unsigned digit = isdigit(c)    ? (unsigned)(c - '0')
                         : isxdigit(c) ? (unsigned)((c | 0x20) - 'a' + 10)
                                       : 99;
        if (digit >= base) break;
        value = value * base + digit;
    }
    return value;
}

/* text[*at] follows a backslash. */
static ptm_rc escape(struct ptmi_py_span text, size_t *at, struct ptmi_buf *out,
                     struct ptm_err *err)
{
    static const char FROM[] = "\\'\"abfnrtv", TO[] = "\\'\"\a\b\f\n\r\t\v";
    char c = text.text[*at];
    const char *simple = c ? strchr(FROM, c) : NULL;
    if (c >= '0' && c <= '7') return put_code_point(digits(text, at, 3, 8), out, err);
    ++*at;
    if (simple) return ptmi_buf_putc(out, TO[simple - FROM], err);
    if (c == '\n') return PTM_OK;
    if (c == 'x') return put_code_point(digits(text, at, 2, 16), out, err);
    if (c == 'u') return put_code_point(digits(text, at, 4, 16), out, err);
    if (c == 'U') return put_code_point(digits(text, at, 8, 16), out, err);
    PTM_TRY(ptmi_buf_putc(out, '\\', err)); /* unknown ones stay, \N{..} with them */
    return ptmi_buf_putc(out, c, err);
}

ptm_rc ptmi_py_unescape(struct ptmi_py_span content, struct ptmi_py_quote quote,
                        struct ptmi_buf *out, struct ptm_err *err)
{
    for (size_t at = 0; at < content.len;) {
        char c = content.text[at++];
        if (c == '\\' && !quote.raw && at < content.len) {
            PTM_TRY(escape(content, &at, out, err));
            continue;
        }
        if (quote.format && (c == '{' || c == '}') && at < content.len && content.text[at] == c)
            at++;
        PTM_TRY(ptmi_buf_putc(out, c, err));
    }
    return PTM_OK;
}

/* --- docstrings --- */

/* Bytes of the white space at text, as str.lstrip() has it; 0: none. */
static size_t space_at(const char *text, size_t len)
{
    uint32_t c;
    size_t n = ptmi_str_utf8_next(text, len, &c);
    if (n == 0) return 0;
    bool space = (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
                 c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
                 c == 0x202f || c == 0x205f || c == 0x3000;
    return space ? n : 0;
}

static size_t char_at(const char *text, size_t len)
{
    uint32_t c;
    size_t n = ptmi_str_utf8_next(text, len, &c);
    return n ? n : 1;
}

/* Tabs to columns of eight, counted in characters, as str.expandtabs(). */
static char *expand_tabs(const char *text)
{
    struct ptmi_buf out = PTMI_BUF(8 * (size_t)PTM_LIMIT_PYTHON);
    size_t column = 0, len = strlen(text);
    ptm_rc rc = PTM_OK;
    for (size_t at = 0, n; at < len && rc == PTM_OK; at += n) {
        n = char_at(text + at, len - at);
        if (text[at] == '\t') {
            rc = ptmi_buf_append(&out, "        ", 8 - column % 8, NULL);
            column += 8 - column % 8;
            continue;
        }
        column = text[at] == '\n' || text[at] == '\r' ? 0 : column + 1;
        rc = ptmi_buf_append(&out, text + at, n, NULL);
    }
    char *made = rc == PTM_OK ? ptmi_buf_take(&out) : NULL;
    ptmi_buf_clear(&out);
    return made;
}

/* Characters of white space before a line's content; SIZE_MAX for a line without content. */
static size_t indent_of(const char *line, size_t len)
{
    size_t count = 0, at = 0;
    for (size_t n; at < len && (n = space_at(line + at, len - at)) > 0; at += n) count++;
    return at < len ? count : SIZE_MAX;
}

static size_t margin_of(const char *text)
{
    size_t margin = SIZE_MAX;
    for (const char *line = strchr(text, '\n'); line; line = strchr(line, '\n')) {
        line++;
        size_t indent = indent_of(line, strcspn(line, "\n"));
        if (indent < margin) margin = indent;
    }
    return margin;
}

/* The first line loses all white space before it, the others the margin. to may be text. */
static void cut_margin(char *text)
{
    size_t margin = margin_of(text), len;
    char *to = text;
    bool first = true;
    for (const char *line = text;; line += len + 1) {
        len = strcspn(line, "\n");
        size_t at = 0;
        for (size_t i = 0, n; at < len && (first || (margin != SIZE_MAX && i < margin)); i++) {
            n = first ? space_at(line + at, len - at) : char_at(line + at, len - at);
            if (n == 0) break;
            at += n;
        }
        bool last = line[len] == '\0';
        memmove(to, line + at, len - at);
        to += len - at;
        first = false;
        if (last) break;
        *to++ = '\n';
    }
    *to = '\0';
}

char *ptmi_py_cleandoc(struct ptmi_arena *arena, const char *doc)
{
    PTM_AUTO(ptmi_freep) char *text = expand_tabs(doc);
    if (!text) return NULL;
    cut_margin(text);
    size_t len = strlen(text), begin = 0;
    while (len > 0 && text[len - 1] == '\n') len--;
    while (begin < len && text[begin] == '\n') begin++;
    return ptmi_arena_strndup(arena, text + begin, len - begin);
}

/* --- folding --- */

/* Bytes of the quoted text at span[at], its quotes with it. */
static size_t quoted(struct ptmi_py_span span, size_t at)
{
    char quote = span.text[at];
    size_t n =
        at + 2 < span.len && span.text[at + 1] == quote && span.text[at + 2] == quote ? 3 : 1;
    for (size_t i = at + n; i < span.len; i++) {
        if (span.text[i] == '\\') {
            i++;
            continue;
        }
        size_t same = 0;
        while (same < n && i + same < span.len && span.text[i + same] == quote) same++;
        if (same == n) return i + n - at;
    }
    return span.len - at;
}

/* Is a space between these two what was only a line's end? */
static bool space_matters(char before, char after)
{
    return before != '(' && before != '[' && before != '{' && before != '\0' && after != ')' &&
           after != ']' && after != '}' && after != ',';
}

/* "[a,\n]" is "[a]"; "(a,\n)" stays, which may be a tuple of one. */
static size_t drop_comma(const char *to, size_t n, char next)
{
    return n > 1 && next == ']' && to[n - 1] == ',' ? n - 1 : n;
}

char *ptmi_py_folded(struct ptmi_arena *arena, struct ptmi_py_span span)
{
    char *to = ptmi_arena_alloc(arena, span.len + 1);
    size_t n = 0;
    bool space = false, folded = false;
    for (size_t at = 0; to && at < span.len;) {
        char c = span.text[at];
        if (isspace((unsigned char)c) || c == '\\' || c == '#') {
            folded |= c == '\n';
            space = true;
            at += c == '#' ? strcspn(span.text + at, "\n") : 1;
            continue;
        }
        if (folded) n = drop_comma(to, n, c);
        if (space && space_matters(n ? to[n - 1] : '\0', c)) to[n++] = ' ';
        space = folded = false;
        size_t len = c == '"' || c == '\'' ? quoted(span, at) : 1;
        memcpy(to + n, span.text + at, len);
        n += len;
        at += len;
    }
    if (to) to[n] = '\0';
    return to;
}
