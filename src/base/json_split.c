/* SPDX-License-Identifier: MIT */
/*
 * json_split.c - finds where the values of a JSON text begin and end, without building anything.
 *
 * A scanner over RFC 8259, as strict as yyjson: what it hands out yyjson parses. Nesting is kept in
 * a fixed stack of brackets, so that hostile input can take neither the C stack nor memory.
 */
#include <stdint.h>
#include <string.h>

#include "auto.h"
#include "json.h"
#include "json_priv.h"
#include "limits.h"
#include "str.h"

struct scan {
    const char *data;
    size_t len;
    size_t at;
    const char *why; /* what was wrong at `at`; NULL: nothing yet */
    bool too_deep;
    size_t outer; /* brackets already open around the value */
};

static bool fail(struct scan *s, const char *why)
{
    if (!s->why) s->why = why;
    return false;
}

/* The byte here, '\0' at the end (a NUL inside is no JSON either, so they need not be told apart).
 */
static char peek(const struct scan *s)
{
    return s->at < s->len ? s->data[s->at] : '\0';
}

static void skip_space(struct scan *s)
{
    while (s->at < s->len) {
        char c = s->data[s->at];
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r') return;
        s->at++;
    }
}

static bool take(struct scan *s, char c)
{
    if (peek(s) != c || s->at >= s->len) return false;
    s->at++;
    return true;
}

static bool scan_hex4(struct scan *s, uint32_t *out)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = peek(s);
        uint32_t digit = 0;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            digit = (uint32_t)((c | 32) - 'a' + 10);
        else
            return fail(s, "bad \\u escape");
        value = value << 4 | digit;
        s->at++;
    }
    *out = value;
    return true;
}

/* Behind a backslash. */
static bool scan_escape(struct scan *s)
{
    char c = peek(s);
    if (c != '\0' && strchr("\"\\/bfnrt", c)) {
        s->at++;
        return true;
    }
    uint32_t unit = 0;
    if (!take(s, 'u')) return fail(s, "unknown escape");
    if (!scan_hex4(s, &unit)) return false;
    if (unit >= 0xDC00 && unit < 0xE000) return fail(s, "half of a surrogate pair");
    if (unit < 0xD800 || unit >= 0xE000) return true;
    if (!take(s, '\\') || !take(s, 'u')) return fail(s, "half of a surrogate pair");
    if (!scan_hex4(s, &unit)) return false;
    return (unit >= 0xDC00 && unit < 0xE000) || fail(s, "half of a surrogate pair");
}

static bool scan_string(struct scan *s)
{
    if (!take(s, '"')) return fail(s, "a string was expected");
    while (s->at < s->len) {
        unsigned char c = (unsigned char)s->data[s->at];
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < 0x20) return fail(s, "a control character in a string");
        if (c == '\\') {
            s->at++;
            if (!scan_escape(s)) return false;
            continue;
        }
        uint32_t point = 0;
        size_t n = c < 0x80 ? 1 : ptmi_str_utf8_next(s->data + s->at, s->len - s->at, &point);
        if (n == 0) return fail(s, "invalid UTF-8");
        s->at += n;
    }
    return fail(s, "the text ends in a string");
}

static bool scan_digits(struct scan *s)
{
    size_t start = s->at;
    while (peek(s) >= '0' && peek(s) <= '9') s->at++;
    return s->at > start || fail(s, "a digit was expected");
}

static bool scan_number(struct scan *s)
{
    take(s, '-');
    if (!take(s, '0') && !scan_digits(s)) return false;
    if (take(s, '.') && !scan_digits(s)) return false;
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+')) take(s, '-');
        if (!scan_digits(s)) return false;
    }
    return true;
}

static bool scan_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    if (s->len - s->at < n || memcmp(s->data + s->at, word, n) != 0)
        return fail(s, "a value was expected");
    s->at += n;
    return true;
}

static bool scan_scalar(struct scan *s)
{
    switch (peek(s)) {
    case '"':
        return scan_string(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        return scan_number(s) || fail(s, "a value was expected");
    }
}

static bool scan_key(struct scan *s)
{
    skip_space(s);
    if (!scan_string(s)) return false;
    skip_space(s);
    return take(s, ':') || fail(s, "':' was expected");
}

/* Behind a value: closes what ends here. True in *done when the outermost value is complete. */
static bool close_values(struct scan *s, char *open, size_t *depth, bool *done)
{
    while (*depth > 0) {
        skip_space(s);
        char bracket = open[*depth - 1];
        if (take(s, ',')) return bracket == '{' ? scan_key(s) : true;
        if (!take(s, bracket == '{' ? '}' : ']')) return fail(s, "',' or an end was expected");
        --*depth;
    }
    *done = true;
    return true;
}

/* One whole value at s->at; s->at is behind it afterwards. */
static bool scan_value(struct scan *s)
{
    char open[PTM_LIMIT_DEPTH];
    size_t depth = 0;
    bool done = false;
    while (!done) {
        skip_space(s);
        char c = peek(s);
        if (c == '{' || c == '[') {
            if (s->outer + depth >= PTM_LIMIT_DEPTH) {
                s->too_deep = true;
                return fail(s, "nested too deep");
            }
            open[depth++] = c;
            s->at++;
            skip_space(s);
            char end = c == '{' ? '}' : ']';
            if (peek(s) != end) {
                if (c == '{' && !scan_key(s)) return false;
                continue;
            }
            s->at++;
            depth--;
        } else if (!scan_scalar(s)) {
            return false;
        }
        if (!close_values(s, open, &depth, &done)) return false;
    }
    return true;
}

static ptm_rc refuse(const struct scan *s, const char *what, struct ptm_err *err)
{
    if (s->too_deep)
        return ptm_err_set(err, PTM_ELIMIT, "%s: JSON nested deeper than %d", what,
                           PTM_LIMIT_DEPTH);
    const char *why = s->why ? s->why : "malformed";
    if (s->at >= s->len && s->len > 0) why = "the text ends too early";
    return ptmi_json_refuse(s->data, s->len, what, s->at, why, err);
}

/* A hub that is in trouble answers with an object that says so: its first words belong into the
 * message. */
static ptm_rc refuse_no_array(const struct scan *s, const char *what, struct ptm_err *err)
{
    char c = peek(s);
    if (c != '{' && c != '"')
        return ptmi_json_refuse(s->data, s->len, what, s->at, "a list was expected", err);
    size_t left = s->len - s->at;
    return ptm_err_set(err, PTM_EFORMAT, "%s: a JSON list was expected, not %.*s%s", what,
                       (int)(left < 160 ? left : 160), s->data + s->at, left > 160 ? "..." : "");
}

static ptm_rc hand_out_items(struct scan *s, const char *what, ptmi_json_item_fn fn, void *arg,
                             struct ptm_err *err)
{
    skip_space(s);
    if (take(s, ']')) return PTM_OK;
    for (;;) {
        skip_space(s);
        size_t start = s->at;
        if (!scan_value(s)) return refuse(s, what, err);
        size_t end = s->at;
        skip_space(s);
        /* An item counts only with what ends it: of a cut text "1" may be the start of 12. */
        bool more = take(s, ',');
        if (!more && !take(s, ']')) {
            fail(s, "',' or ']' was expected");
            return refuse(s, what, err);
        }
        ptm_rc rc = fn(arg, s->data + start, end - start, err);
        if (rc != PTM_OK || !more) return rc;
    }
}

ptm_rc ptmi_json_each_item(const char *data, size_t len, const char *what, ptmi_json_item_fn fn,
                           void *arg, struct ptm_err *err)
{
    if (len > PTM_LIMIT_JSON)
        return ptm_err_set(err, PTM_ELIMIT, "%s: JSON of %zu bytes, more than %u", what, len,
                           PTM_LIMIT_JSON);
    if (len == 0) data = ""; /* it may be NULL */
    struct scan s = {.data = data, .len = len, .at = ptmi_json_skip_bom(data, len), .outer = 1};
    skip_space(&s);
    if (!take(&s, '[')) return refuse_no_array(&s, what, err);
    PTM_TRY(hand_out_items(&s, what, fn, arg, err));
    skip_space(&s);
    if (s.at < len)
        return ptmi_json_refuse(data, len, what, s.at, "something follows the list", err);
    return PTM_OK;
}

/* Is the key with its quotes, at key, the one called name? */
static bool key_is(const char *key, size_t len, const char *name)
{
    if (!memchr(key, '\\', len))
        return len - 2 == strlen(name) && memcmp(key + 1, name, len - 2) == 0;
    PTM_AUTO(ptmi_json_freep)
    yyjson_doc *doc = yyjson_read(key, len, YYJSON_READ_NOFLAG);
    return doc && yyjson_equals_str(yyjson_doc_get_root(doc), name);
}

bool ptmi_json_member_text(const char *object, size_t len, const char *name, const char **out,
                           size_t *out_len)
{
    struct scan s = {.data = object, .len = len, .at = ptmi_json_skip_bom(object, len), .outer = 1};
    skip_space(&s);
    if (!take(&s, '{')) return false;
    do {
        skip_space(&s);
        size_t key = s.at;
        if (!scan_string(&s)) return false;
        bool wanted = key_is(object + key, s.at - key, name);
        skip_space(&s);
        if (!take(&s, ':')) return false;
        skip_space(&s);
        size_t start = s.at;
        if (!scan_value(&s)) return false;
        if (wanted) {
            *out = object + start;
            *out_len = s.at - start;
            return true;
        }
        skip_space(&s);
    } while (take(&s, ','));
    return false;
}
