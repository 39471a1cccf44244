/* SPDX-License-Identifier: MIT */
/*
 * url.c - parts of a URL, joining, encoding, and what of it may be shown. Stricter than the
 * standards where they are lenient: what two programs could read differently is refused.
 * Repositories are url_repo.c, rewriting is url_rewrite.c.
 */
#include "url.h"

#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "buf.h"
#include "limits.h"
#include "str.h"

static PTM_MUST_USE ptm_rc malformed(struct ptm_err *err, const char *text, const char *why)
{
    PTM_AUTO(ptmi_freep) char *shown = ptmi_url_redact(text);
    return ptm_err_set(err, PTM_EFORMAT, "URL \"%.200s\": %s", shown ? shown : "", why);
}

static PTM_MUST_USE ptm_rc no_memory(struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ENOMEM, "URL: out of memory");
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static void make_lower(char *text)
{
    for (; *text; text++)
        if (*text >= 'A' && *text <= 'Z') *text = (char)(*text + 32);
}

/* Spaces, controls and backslashes are read differently by different programs. */
static bool has_strange_bytes(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= 0x20 || *c == 0x7F || *c == '\\') return true;
    return !ptmi_str_is_utf8(text, strlen(text));
}

static bool is_host(const char *host)
{
    size_t len = strlen(host);
    if (len == 0 || len > 253) return false;
    if (host[0] == '[')
        return host[len - 1] == ']' && len > 3 &&
               strspn(host + 1, "0123456789abcdefABCDEF:.") == len - 2;
    for (const char *c = host; *c; c++)
        if (!is_alnum(*c) && *c != '.' && *c != '-' && *c != '_') return false;
    return host[0] != '.' && host[0] != '-';
}

/* "host", "host:port", "[::1]:port", into out. */
static ptm_rc parse_authority(const char *text, const char *authority, struct ptmi_url *out,
                              struct ptm_err *err)
{
    const char *at = strchr(authority, '@');
    if (at && strchr(at + 1, '@')) return malformed(err, text, "more than one '@'");
    const char *host = at ? at + 1 : authority;
    const char *bracket = host[0] == '[' ? strchr(host, ']') : NULL;
    const char *colon = strchr(bracket ? bracket : host, ':');
    out->host = colon ? strndup(host, (size_t)(colon - host)) : strdup(host);
    if (!out->host) return no_memory(err);
    make_lower(out->host);
    if (!is_host(out->host)) return malformed(err, text, "no valid host name");
    out->port = strcmp(out->scheme, "https") == 0 ? 443 : 80;
    if (!colon || !colon[1]) return PTM_OK;
    int64_t port = 0;
    if (!ptmi_str_int(colon + 1, 1, 65535, &port)) return malformed(err, text, "no valid port");
    out->port = (int)port;
    return PTM_OK;
}

static ptm_rc parse_parts(const char *text, struct ptmi_url *out, struct ptm_err *err)
{
    size_t scheme_len = ptmi_str_starts_nocase(text, "https://")  ? 5
                        : ptmi_str_starts_nocase(text, "http://") ? 4
                                                                  : 0;
    if (scheme_len == 0) return malformed(err, text, "not http:// or https://");
    out->scheme = strndup(text, scheme_len);
    if (!out->scheme) return no_memory(err);
    make_lower(out->scheme);

    const char *start = text + scheme_len + 3;
    size_t authority_len = strcspn(start, "/?#");
    PTM_AUTO(ptmi_freep) char *authority = strndup(start, authority_len);
    if (!authority) return no_memory(err);
    PTM_TRY(parse_authority(text, authority, out, err));

    const char *path = start + authority_len;
    size_t path_len = strcspn(path, "?#");
    out->path = path_len > 0 ? strndup(path, path_len) : strdup("/");
    if (!out->path) return no_memory(err);
    if (path[path_len] != '?') return PTM_OK;
    const char *query = path + path_len + 1;
    out->query = strndup(query, strcspn(query, "#"));
    return out->query ? PTM_OK : no_memory(err);
}

ptm_rc ptmi_url_parse(const char *text, struct ptmi_url *out, struct ptm_err *err)
{
    if (strlen(text) > PTM_LIMIT_URL)
        return ptm_err_set(err, PTM_ELIMIT, "URL of more than %u bytes: %.80s...", PTM_LIMIT_URL,
                           text);
    if (has_strange_bytes(text))
        return malformed(err, text, "spaces, control characters or backslashes in it");
    PTM_AUTO(ptmi_url_clear) struct ptmi_url url = {0};
    PTM_TRY(parse_parts(text, &url, err));
    *out = url;
    url = (struct ptmi_url){0};
    return PTM_OK;
}

void ptmi_url_clear(struct ptmi_url *url)
{
    free(url->scheme);
    free(url->host);
    free(url->path);
    free(url->query);
    *url = (struct ptmi_url){0};
}

bool ptmi_url_same_origin(const char *a, const char *b)
{
    PTM_AUTO(ptmi_url_clear) struct ptmi_url one = {0};
    PTM_AUTO(ptmi_url_clear) struct ptmi_url other = {0};
    return ptmi_url_parse(a, &one, NULL) == PTM_OK && ptmi_url_parse(b, &other, NULL) == PTM_OK &&
           strcmp(one.scheme, other.scheme) == 0 && strcmp(one.host, other.host) == 0 &&
           one.port == other.port;
}

bool ptmi_url_is_inside(const struct ptmi_url *url)
{
    static const char *const own[] = {".localhost", ".local",      ".internal", ".intranet",
                                      ".lan",       ".home",       ".corp",     ".private",
                                      ".arpa",      ".localdomain"};
    const char *host = url->host, *last = strrchr(host, '.');
    if (!last || host[0] == '[') return true;
    if (last[1] == '\0' || (last[1] >= '0' && last[1] <= '9')) return true;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (ptmi_str_ends(host, own[i])) return true;
    return false;
}

char *ptmi_url_origin(const struct ptmi_url *url)
{
    bool usual = url->port == (strcmp(url->scheme, "https") == 0 ? 443 : 80);
    return usual ? ptmi_str_printf("%s://%s", url->scheme, url->host)
                 : ptmi_str_printf("%s://%s:%d", url->scheme, url->host, url->port);
}

/* Is the first segment of path, up to '/' or the end, this one? */
static bool segment_is(const char *path, const char *segment)
{
    size_t len = strlen(segment);
    return strncmp(path, segment, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* RFC 3986, 5.2.4, in place; path starts with '/'. */
static void remove_dots(char *path)
{
    const char *from = path;
    char *to = path;
    while (*from) { /* from is at a '/' */
        const char *segment = from + 1;
        size_t len = strcspn(segment, "/");
        bool last = segment[len] == '\0';
        if (segment_is(segment, ".") || segment_is(segment, "..")) {
            if (len == 2)
                while (to > path && *--to != '/') {
                }
            if (last) *to++ = '/';
        } else {
            memmove(to, from, len + 1);
            to += len + 1;
        }
        from = segment + len;
    }
    if (to == path) *to++ = '/';
    *to = '\0';
}

/* base's path up to its last '/', then relative; dots resolved. NULL: out of memory. */
static char *merge_path(const char *base, const char *relative)
{
    size_t keep = relative[0] == '/' ? 0 : (size_t)(strrchr(base, '/') - base + 1);
    char *path = ptmi_str_printf("%.*s%s", (int)keep, base, relative);
    if (path) remove_dots(path);
    return path;
}

/* A location without a scheme and without a host. */
static ptm_rc join_relative(const struct ptmi_url *base, const char *location, char **out,
                            struct ptm_err *err)
{
    size_t path_len = strcspn(location, "?#");
    const char *query = location[path_len] == '?' ? location + path_len + 1 : NULL;
    PTM_AUTO(ptmi_freep) char *relative = strndup(location, path_len);
    PTM_AUTO(ptmi_freep) char *own_query = query ? strndup(query, strcspn(query, "#")) : NULL;
    if (!relative || (query && !own_query)) return no_memory(err);

    PTM_AUTO(ptmi_freep) char *origin = ptmi_url_origin(base);
    PTM_AUTO(ptmi_freep)
    char *path = path_len > 0 ? merge_path(base->path, relative) : strdup(base->path);
    if (!origin || !path) return no_memory(err);
    const char *shown = query ? own_query : path_len == 0 ? base->query : NULL;
    char *joined = ptmi_str_printf("%s%s%s%s", origin, path, shown ? "?" : "", shown ? shown : "");
    if (!joined) return no_memory(err);
    *out = joined;
    return PTM_OK;
}

/* A location with a host of its own: put together anew, so that a user name in it is not used as a
 * credential. */
static ptm_rc join_absolute(const struct ptmi_url *base, const char *location, char **out,
                            struct ptm_err *err)
{
    PTM_AUTO(ptmi_url_clear) struct ptmi_url target = {0};
    PTM_TRY(ptmi_url_parse(location, &target, err));
    if (strcmp(base->scheme, "https") == 0 && strcmp(target.scheme, "http") == 0)
        return ptm_err_set(err, PTM_EUNSAFE, "redirect from https to http://%s refused",
                           target.host);
    PTM_AUTO(ptmi_freep) char *origin = ptmi_url_origin(&target);
    if (!origin) return no_memory(err);
    char *joined = ptmi_str_printf("%s%s%s%s", origin, target.path, target.query ? "?" : "",
                                   target.query ? target.query : "");
    if (!joined) return no_memory(err);
    *out = joined;
    return PTM_OK;
}

/* Does text start with "scheme:"? */
static bool has_scheme(const char *text)
{
    size_t n = 0;
    while (is_alnum(text[n]) || text[n] == '+' || text[n] == '-' || text[n] == '.') n++;
    return n > 0 && text[n] == ':';
}

ptm_rc ptmi_url_join(const char *base, const char *location, char **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_url_clear) struct ptmi_url from = {0};
    PTM_TRY(ptmi_url_parse(base, &from, err));
    if (strlen(location) > PTM_LIMIT_URL)
        return ptm_err_set(err, PTM_ELIMIT, "redirect of more than %u bytes", PTM_LIMIT_URL);
    if (has_strange_bytes(location))
        return malformed(err, location, "spaces, control characters or backslashes in it");
    if (has_scheme(location)) return join_absolute(&from, location, out, err);
    if (!ptmi_str_starts(location, "//")) return join_relative(&from, location, out, err);
    PTM_AUTO(ptmi_freep) char *whole = ptmi_str_printf("%s:%s", from.scheme, location);
    if (!whole) return no_memory(err);
    return join_absolute(&from, whole, out, err);
}

char *ptmi_url_encode(const char *text, bool keep_slash)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = strlen(text);
    char *encoded = len < SIZE_MAX / 3 ? malloc(3 * len + 1) : NULL;
    if (!encoded) return NULL;
    char *to = encoded;
    for (const char *from = text; *from; from++) {
        unsigned char c = (unsigned char)*from;
        if (is_alnum(*from) || strchr("-._~", c) || (keep_slash && c == '/')) {
            *to++ = *from;
        } else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    *to = '\0';
    return encoded;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool ptmi_url_can_decode(const char *text)
{
    for (; *text; text++) {
        if (*text != '%') continue;
        int high = hex_value(text[1]);
        int low = high < 0 ? -1 : hex_value(text[2]);
        if (low < 0 || (high == 0 && low == 0)) return false;
        text += 2;
    }
    return true;
}

char *ptmi_url_decode(const char *text)
{
    if (!ptmi_url_can_decode(text)) return NULL;
    char *decoded = malloc(strlen(text) + 1);
    if (!decoded) return NULL;
    char *to = decoded;
    for (const char *from = text; *from; from++) {
        bool escaped = *from == '%';
        *to++ = escaped ? (char)(hex_value(from[1]) << 4 | hex_value(from[2])) : *from;
        if (escaped) from += 2;
    }
    *to = '\0';
    return decoded;
}

/* Appends "&" where one is needed, then text. */
static ptm_rc add_param(struct ptmi_buf *query, const char *text, size_t len)
{
    if (query->len > 0) PTM_TRY(ptmi_buf_putc(query, '&', NULL));
    return ptmi_buf_append(query, text, len, NULL);
}

static bool param_is(const char *param, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    return len >= name_len && memcmp(param, name, name_len) == 0 &&
           (len == name_len || param[name_len] == '=');
}

char *ptmi_url_set_param(const char *url, const char *name, const char *value)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf query = PTMI_BUF(PTM_LIMIT_URL);
    PTM_AUTO(ptmi_freep) char *encoded = ptmi_url_encode(value, false);
    PTM_AUTO(ptmi_freep) char *wanted = encoded ? ptmi_str_printf("%s=%s", name, encoded) : NULL;
    if (!wanted) return NULL;

    size_t front = strcspn(url, "?#");
    const char *param = url[front] == '?' ? url + front + 1 : "";
    size_t left = strcspn(param, "#");
    bool put = false;
    while (left > 0) {
        size_t len = strcspn(param, "&#");
        bool same = param_is(param, len, name);
        if (same && !put && add_param(&query, wanted, strlen(wanted)) != PTM_OK) return NULL;
        if (!same && len > 0 && add_param(&query, param, len) != PTM_OK) return NULL;
        put |= same;
        if (len == left) break;
        param += len + 1;
        left -= len + 1;
    }
    if (!put && add_param(&query, wanted, strlen(wanted)) != PTM_OK) return NULL;
    return ptmi_str_printf("%.*s?%s", (int)front, url, query.data);
}

/* Names of query parameters whose values give access to something. */
static bool is_secret_name(const char *name)
{
    static const char *const whole[] = {"sig",    "key",     "auth",   "jwt", "code",
                                        "policy", "session", "apikey", "pwd"};
    static const char *const parts[] = {"signature",  "token", "secret", "passw",
                                        "credential", "-key",  "_key",   "authorization"};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (ptmi_str_eq_nocase(name, whole[i])) return true;
    if (ptmi_str_starts_nocase(name, "x-amz-") || ptmi_str_starts_nocase(name, "x-goog-"))
        return true;
    for (; *name; name++)
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            if (ptmi_str_starts_nocase(name, parts[i])) return true;
    return false;
}

/* One "name=value" into out, the value as *** where it is a secret. */
static ptm_rc redact_param(struct ptmi_buf *out, const char *param, size_t len)
{
    const char *equals = memchr(param, '=', len);
    size_t name_len = equals ? (size_t)(equals - param) : len;
    PTM_AUTO(ptmi_freep) char *raw = strndup(param, name_len);
    PTM_AUTO(ptmi_freep) char *name = raw ? ptmi_url_decode(raw) : NULL;
    if (!raw || (!name && ptmi_url_can_decode(raw))) return PTM_ENOMEM;
    /* A name that cannot be read may hide what it is. */
    if (!equals || (name && !is_secret_name(name))) return ptmi_buf_append(out, param, len, NULL);
    PTM_TRY(ptmi_buf_append(out, param, name_len + 1, NULL));
    return ptmi_buf_puts(out, "***", NULL);
}

/* The part before the query, without "user:password@". */
static ptm_rc redact_front(struct ptmi_buf *out, const char *url, size_t len)
{
    const char *slashes = strstr(url, "://");
    if (!slashes || (size_t)(slashes - url) + 3 > len) return ptmi_buf_append(out, url, len, NULL);
    const char *authority = slashes + 3;
    size_t authority_len = strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', authority_len);
    if (!at) return ptmi_buf_append(out, url, len, NULL);
    PTM_TRY(ptmi_buf_append(out, url, (size_t)(authority - url), NULL));
    return ptmi_buf_append(out, at + 1, len - (size_t)(at + 1 - url), NULL);
}

static bool same_name(const char *a, size_t a_len, const char *b, size_t b_len)
{
    const char *end = memchr(a, '=', a_len);
    size_t len = end ? (size_t)(end - a) : 0;
    return len > 0 && len < b_len && b[len] == '=' && memcmp(a, b, len) == 0;
}

/* Longest query in a message. */
#define QUERY_SHOWN 120

/* Cuts a long query, not in the middle of a character. */
static ptm_rc shorten_query(struct ptmi_buf *out)
{
    const char *query = memchr(out->data, '?', out->len);
    size_t most = query ? (size_t)(query - out->data) + 1 + QUERY_SHOWN : out->len;
    if (out->len <= most) return PTM_OK;
    while ((out->data[most] & 0xc0) == 0x80) most--;
    out->len = most;
    return ptmi_buf_puts(out, "\u2026", NULL);
}

/* A fragment is left out: it is never sent, and some sign-in pages put tokens there. Of neighbours
 * of one name the first stands for all, "expand[]=author&..": twenty of them hide what went wrong.
 */
static ptm_rc redact(struct ptmi_buf *out, const char *url)
{
    size_t front = strcspn(url, "?#");
    PTM_TRY(redact_front(out, url, front));
    if (url[front] != '?') return PTM_OK;
    const char *param = url + front, *last = "";
    size_t last_len = 0;
    bool told = false; /* that some were left out */
    do {
        char before = *param++;
        size_t len = strcspn(param, "&#");
        if (!same_name(last, last_len, param, len)) {
            PTM_TRY(ptmi_buf_putc(out, before, NULL));
            PTM_TRY(redact_param(out, param, len));
            told = false;
        } else if (!told) {
            PTM_TRY(ptmi_buf_puts(out, "&..", NULL));
            told = true;
        }
        last = param;
        last_len = len;
        param += len;
    } while (*param == '&');
    return shorten_query(out);
}

char *ptmi_url_redact(const char *url)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf out = PTMI_BUF(4 * PTM_LIMIT_URL);
    ptm_rc rc = redact(&out, url);
    if (rc == PTM_ELIMIT) return strdup("(a very long URL)");
    return rc == PTM_OK ? ptmi_buf_take(&out) : NULL;
}
