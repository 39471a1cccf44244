/* SPDX-License-Identifier: MIT */
/*
 * net_header.c - parsers of the response headers that steer us: Link, Content-Range, RateLimit,
 * Retry-After.
 *
 * Every parser walks a cursor that only moves forward and gives up at the first thing it does not
 * understand: a header that is half understood would steer us wrong.
 */
#include "net_header.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/auto.h"
#include "../base/clock.h"
#include "../base/str.h"
#include "../base/url.h"

/* Longer header values than this are nothing a real server sends; it bounds every loop below. */
#define VALUE_MAX 16384

static const char *skip_space(const char *p)
{
    while (*p == ' ' || *p == '\t') p++;
    return p;
}

/* Digits only, no sign; false on overflow and on none. */
static bool take_number(const char **p, int64_t *out)
{
    const char *s = *p;
    int64_t value = 0;
    if (*s < '0' || *s > '9') return false;
    for (; *s >= '0' && *s <= '9'; s++) {
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_add_overflow(value, *s - '0', &value)) return false;
    }
    *p = s;
    *out = value;
    return true;
}

/* A token or a quoted string; the text without its quotes is [*out, *out + *len). Backslashes stay
 * as they are. */
static bool take_word(const char **p, const char **out, size_t *len)
{
    const char *s = *p;
    if (*s == '"') {
        *out = ++s;
        while (*s && *s != '"') s += (*s == '\\' && s[1]) ? 2 : 1;
        if (*s != '"') return false;
        *len = (size_t)(s - *out);
        *p = s + 1;
        return true;
    }
    *out = s;
    while (*s && !strchr(";,= \t\"<>", *s)) s++;
    *len = (size_t)(s - *out);
    *p = s;
    return *len > 0;
}

/* ---- Link ---- */

/* rel="prev next": a list of words. */
static bool has_word(const char *text, size_t len, const char *word)
{
    size_t want = strlen(word);
    for (size_t i = 0; i < len;) {
        while (i < len && text[i] == ' ') i++;
        size_t start = i;
        while (i < len && text[i] != ' ') i++;
        if (i - start == want && strncasecmp(text + start, word, want) == 0) return true;
    }
    return false;
}

/* The parameters after <target>, up to the comma or the end; tells whether one is rel=next. */
static bool take_link_params(const char **p, bool *is_next)
{
    const char *s = skip_space(*p);
    bool seen_rel = false;
    while (*s == ';') {
        const char *name, *value = "";
        size_t name_len, value_len = 0;
        s = skip_space(s + 1);
        if (*s == ';' || *s == ',' || !*s) continue;
        if (!take_word(&s, &name, &name_len)) return false;
        s = skip_space(s);
        if (*s == '=') {
            s = skip_space(s + 1);
            if (!take_word(&s, &value, &value_len)) return false;
            s = skip_space(s);
        }
        /* RFC 8288: the first rel of a link is the one that counts. */
        if (name_len == 3 && strncasecmp(name, "rel", 3) == 0 && !seen_rel) {
            seen_rel = true;
            *is_next = has_word(value, value_len, "next");
        }
    }
    *p = s;
    return *s == ',' || !*s;
}

static char *absolute(const char *target, const char *base_url)
{
    /* An absolute target stands as it is, even http below https: behind a rewriting rule it may
     * name the mirror. */
    if (ptmi_str_starts_nocase(target, "http://") || ptmi_str_starts_nocase(target, "https://")) {
        struct ptmi_url parts = {0};
        bool ok = ptmi_url_parse(target, &parts, NULL) == PTM_OK;
        ptmi_url_clear(&parts);
        return ok ? strdup(target) : NULL;
    }
    char *joined = NULL;
    if (!base_url || ptmi_url_join(base_url, target, &joined, NULL) != PTM_OK) return NULL;
    return joined;
}

char *ptmi_link_next(const char *link_value, const char *base_url)
{
    if (!link_value || strlen(link_value) > VALUE_MAX) return NULL;
    const char *s = link_value;
    for (;;) {
        while (*s == ' ' || *s == '\t' || *s == ',') s++;
        if (*s != '<') return NULL;
        const char *target = ++s;
        s = strchr(s, '>');
        if (!s) return NULL;
        size_t len = (size_t)(s - target);
        bool is_next = false;
        s++;
        if (!take_link_params(&s, &is_next)) return NULL;
        if (is_next) {
            PTM_AUTO(ptmi_freep) char *copy = strndup(target, len);
            return copy ? absolute(copy, base_url) : NULL;
        }
    }
}

/* ---- Content-Range ---- */

bool ptmi_content_range_parse(const char *value, struct ptmi_content_range *out)
{
    struct ptmi_content_range range = {-1, -1, -1};
    const char *s = skip_space(value);
    if (strncasecmp(s, "bytes", 5) != 0 || (s[5] != ' ' && s[5] != '\t')) return false;
    s = skip_space(s + 5);
    if (*s == '*') {
        s++;
    } else {
        if (!take_number(&s, &range.first) || *s++ != '-') return false;
        if (!take_number(&s, &range.last) || range.last < range.first) return false;
    }
    if (*s++ != '/') return false;
    if (*s == '*')
        s++;
    else if (!take_number(&s, &range.total) || range.last >= range.total)
        return false;
    if (*skip_space(s)) return false;
    if (range.first < 0 && range.total < 0) return false;
    *out = range;
    return true;
}

/* ---- RateLimit ---- */

struct rate_item {
    char name[PTMI_BUCKET_NAME];
    int64_t r, t, q, w;
};

static int64_t *rate_param(struct rate_item *item, const char *name, size_t len)
{
    if (len != 1) return NULL;
    switch (name[0]) {
    case 'r':
        return &item->r;
    case 't':
        return &item->t;
    case 'q':
        return &item->q;
    case 'w':
        return &item->w;
    default:
        return NULL;
    }
}

/* One item of the list: names and parameters between semicolons. */
static bool take_rate_item(const char **p, struct rate_item *item)
{
    const char *s = *p;
    *item = (struct rate_item){.r = -1, .t = -1, .q = -1, .w = -1};
    for (;;) {
        const char *word;
        size_t len;
        s = skip_space(s);
        bool quoted = *s == '"';
        if (!take_word(&s, &word, &len)) return false;
        s = skip_space(s);
        if (*s == '=') {
            s = skip_space(s + 1);
            int64_t *slot = rate_param(item, word, len);
            const char *skipped;
            size_t skipped_len;
            if (slot ? !take_number(&s, slot) : !take_word(&s, &skipped, &skipped_len))
                return false;
            s = skip_space(s);
        } else if (quoted || !item->name[0]) {
            if (len >= sizeof item->name) return false;
            memcpy(item->name, word, len);
            item->name[len] = '\0';
        }
        if (*s != ';') break;
        s++;
    }
    if (*s && *s != ',') return false;
    *p = *s ? s + 1 : s;
    return item->name[0] != '\0';
}

bool ptmi_ratelimit_parse(const char *value, struct ptmi_ratelimit *out)
{
    bool found = false;
    if (strlen(value) > VALUE_MAX) return false;
    for (const char *s = skip_space(value); *s; s = skip_space(s)) {
        struct rate_item item;
        if (!take_rate_item(&s, &item)) return found;
        if (item.r < 0 || (found && item.r >= out->remaining)) continue;
        *out = (struct ptmi_ratelimit){.remaining = item.r,
                                       .reset_seconds = item.t,
                                       .quota = item.q,
                                       .window_seconds = item.w};
        memcpy(out->bucket, item.name, sizeof out->bucket);
        found = true;
    }
    return found;
}

bool ptmi_ratelimit_policy_parse(const char *value, struct ptmi_ratelimit *out)
{
    if (strlen(value) > VALUE_MAX) return false;
    for (const char *s = skip_space(value); *s; s = skip_space(s)) {
        struct rate_item item;
        if (!take_rate_item(&s, &item)) return false;
        if (strcmp(item.name, out->bucket) != 0) continue;
        out->quota = item.q;
        out->window_seconds = item.w;
        return true;
    }
    return false;
}

/* ---- Retry-After ---- */

bool ptmi_retry_after_parse(const char *value, int64_t now_unix, int64_t *out_seconds)
{
    const char *s = skip_space(value);
    int64_t number = 0;
    if (take_number(&s, &number)) {
        if (*skip_space(s)) return false;
        *out_seconds = number;
        return true;
    }
    int64_t when = 0;
    if (!ptmi_clock_parse_http(skip_space(value), &when)) return false;
    *out_seconds = when > now_unix ? when - now_unix : 0;
    return true;
}

/* ---- our own header lines ---- */

const char *ptmi_header_find(const char *headers, const char *name, size_t *out_len)
{
    size_t want = strlen(name);
    for (const char *line = headers; line && *line;) {
        const char *end = line + strcspn(line, "\n");
        if (strncmp(line, name, want) == 0 && line[want] == ':') {
            const char *value = skip_space(line + want + 1);
            if (value > end) value = end;
            *out_len = (size_t)(end - value);
            return value;
        }
        line = *end ? end + 1 : end;
    }
    return NULL;
}

bool ptmi_header_copy(const char *headers, const char *name, char *buf, size_t buf_size)
{
    size_t len = 0;
    const char *value = ptmi_header_find(headers, name, &len);
    if (!value || len >= buf_size) return false;
    memcpy(buf, value, len);
    buf[len] = '\0';
    return true;
}
