/* SPDX-License-Identifier: MIT */
/*
 * card_safe.c - takes out of a card what a browser would run: links with schemes that are programs,
 * and in raw HTML every element, attribute and comment that is not known to be harmless. Elements
 * that are not become visible text. Works on the tree, before it is rendered.
 */
#include <string.h>
#include <strings.h>

#include "../base/auto.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "card_priv.h"

static const char *const elements[] = {
    "a",  "abbr", "b",       "blockquote", "br",      "caption", "center",  "code",  "col",
    "dd", "del",  "details", "div",        "dl",      "dt",      "em",      "font",  "h1",
    "h2", "h3",   "h4",      "h5",         "h6",      "hr",      "i",       "img",   "ins",
    "li", "kbd",  "ol",      "p",          "pre",     "q",       "s",       "samp",  "small",
    "u",  "span", "strong",  "sub",        "summary", "sup",     "table",   "tbody", "td",
    "th", "tr",   "tfoot",   "thead",      "tt",      "ul",      "colgroup"};
static const char *const attributes[] = {
    "align", "alt",     "border", "class", "color", "colspan", "height", "href",   "id",   "name",
    "rel",   "rowspan", "size",   "src",   "start", "target",  "title",  "valign", "width"};

static bool is_in(const char *const *list, size_t n, const char *word, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == len && strncasecmp(list[i], word, len) == 0) return true;
    return false;
}

/* A link that leads somewhere and runs nothing. What a browser drops before it looks for the
 * scheme (control characters, white space) and what it decodes first (entities) is refused. */
static bool is_safe_link(const char *url, size_t len)
{
    static const char *const schemes[] = {"http", "https", "mailto", "ftp"};
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)url[i];
        if (c == '/' || c == '?' || c == '#') return true;
        if (c == ':') return is_in(schemes, sizeof schemes / sizeof *schemes, url, i);
        if (c <= ' ' || c == '&' || c == 0x7f) return false;
    }
    return true;
}

/* --- one raw tag: < [/] name attributes [/] > --- */

struct tag {
    const char *at, *end; /* not read yet */
    struct ptmi_buf *out;
    struct ptm_err *err;
};

static void skip_space(struct tag *tag)
{
    while (tag->at < tag->end && strchr(" \t\r\n\f/", *tag->at) && *tag->at) tag->at++;
}

static size_t span(const struct tag *tag, const char *stops)
{
    size_t n = 0;
    while (tag->at + n < tag->end && tag->at[n] && !strchr(stops, tag->at[n])) n++;
    return n;
}

/* Moves past a value; false: it has no end. */
static bool take_value(struct tag *tag, const char **out, size_t *out_len)
{
    char quote = tag->at < tag->end ? *tag->at : '\0';
    const char quotes[] = {quote, '\0'};
    bool quoted = quote == '"' || quote == '\'';
    tag->at += quoted;
    *out = tag->at;
    *out_len = span(tag, quoted ? quotes : " \t\r\n\f>\"'`=<");
    tag->at += *out_len;
    if (!quoted) return true;
    if (tag->at == tag->end || *tag->at != quote) return false;
    tag->at++;
    return true;
}

/* Copies an attribute that is harmless. *ok: it was well formed. */
static ptm_rc take_attribute(struct tag *tag, bool *ok)
{
    const char *name = tag->at, *value = NULL;
    size_t name_len = span(tag, " \t\r\n\f/>=\"'<"), len = 0;
    tag->at += name_len;
    *ok = name_len > 0;
    size_t space = 0;
    while (tag->at + space < tag->end && strchr(" \t\r\n\f", tag->at[space]) && tag->at[space])
        space++;
    if (tag->at + space < tag->end && tag->at[space] == '=') {
        tag->at += space + 1;
        while (tag->at < tag->end && strchr(" \t\r\n\f", *tag->at) && *tag->at) tag->at++;
        *ok = *ok && take_value(tag, &value, &len);
    }
    bool link = is_in((const char *const[]){"href", "src"}, 2, name, name_len);
    if (!*ok || !is_in(attributes, sizeof attributes / sizeof *attributes, name, name_len) ||
        (link && !is_safe_link(value ? value : "", len)))
        return PTM_OK;
    PTM_TRY(ptmi_buf_printf(tag->out, tag->err, " %.*s", (int)name_len, name));
    if (!value) return PTM_OK;
    char quote = memchr(value, '"', len) ? '\'' : '"';
    PTM_TRY(ptmi_buf_printf(tag->out, tag->err, "=%c", quote));
    PTM_TRY(ptmi_buf_append(tag->out, value, len, tag->err));
    return ptmi_buf_putc(tag->out, quote, tag->err);
}

/* Copies the tag that text begins with. *out_len is how much of it was read; 0: it is none that may
 * stay, and nothing was written. */
static ptm_rc take_tag(const char *text, const char *end, struct ptmi_buf *out, size_t *out_len,
                       struct ptm_err *err)
{
    struct tag tag = {text + 1, end, out, err};
    size_t before = out->len;
    bool closing = tag.at < end && *tag.at == '/', ok = true;
    *out_len = 0;
    tag.at += closing;
    const char *name = tag.at;
    size_t len = span(&tag, " \t\r\n\f/>");
    if (!is_in(elements, sizeof elements / sizeof *elements, name, len)) return PTM_OK;
    tag.at += len;
    PTM_TRY(ptmi_buf_printf(out, err, "<%s%.*s", closing ? "/" : "", (int)len, name));
    for (skip_space(&tag); ok && tag.at < end && *tag.at != '>'; skip_space(&tag))
        PTM_TRY(take_attribute(&tag, &ok));
    if (!ok || tag.at == end) {
        out->len = before;
        return PTM_OK;
    }
    *out_len = (size_t)(tag.at + 1 - text);
    return ptmi_buf_puts(out, tag.at[-1] == '/' ? "/>" : ">", err);
}

/* Of a comment (whose end browsers find in more places than one) nothing stays. *open: no comment
 * ends from here on, which is looked for once. */
static size_t comment_length(const char *text, bool *open)
{
    if (*open || strncmp(text, "<!--", 4) != 0) return 0;
    const char *close = strstr(text + 4, "-->");
    *open = !close;
    return close ? (size_t)(close + 3 - text) : 0;
}

static ptm_rc clean(const char *text, struct ptmi_buf *out, struct ptm_err *err)
{
    const char *end = text + strlen(text);
    bool open = false;
    while (text < end) {
        size_t plain = strcspn(text, "<"), taken = 0;
        PTM_TRY(ptmi_buf_append(out, text, plain, err));
        text += plain;
        if (text == end) break;
        taken = comment_length(text, &open);
        if (!taken) PTM_TRY(take_tag(text, end, out, &taken, err));
        if (!taken) PTM_TRY(ptmi_buf_puts(out, "&lt;", err));
        text += taken ? taken : 1;
    }
    return PTM_OK;
}

/* --- the tree --- */

static ptm_rc clean_node(cmark_node *node, struct ptmi_buf *buf, struct ptm_err *err)
{
    cmark_node_type type = cmark_node_get_type(node);
    int done = 1;
    if (type == CMARK_NODE_LINK || type == CMARK_NODE_IMAGE) {
        const char *url = cmark_node_get_url(node);
        if (url && !is_safe_link(url, strlen(url))) done = cmark_node_set_url(node, "");
    } else if (type == CMARK_NODE_HTML_BLOCK || type == CMARK_NODE_HTML_INLINE) {
        const char *literal = cmark_node_get_literal(node);
        ptmi_buf_reset(buf);
        PTM_TRY(clean(literal ? literal : "", buf, err));
        done = cmark_node_set_literal(node, buf->len ? buf->data : "");
    }
    return done ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "rendering a card: out of memory");
}

ptm_rc ptmi_card_make_safe(cmark_node *root, struct ptm_err *err)
{
    /* "<" becomes "&lt;": at most four times as long. */
    struct ptmi_buf buf = PTMI_BUF(4 * (size_t)PTM_LIMIT_MARKDOWN + 64);
    cmark_iter *iter = cmark_iter_new(root);
    ptm_rc rc = iter ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "rendering a card: out of memory");
    cmark_event_type event;
    while (rc == PTM_OK && (event = cmark_iter_next(iter)) != CMARK_EVENT_DONE)
        if (event == CMARK_EVENT_ENTER) rc = clean_node(cmark_iter_get_node(iter), &buf, err);
    if (iter) cmark_iter_free(iter);
    ptmi_buf_clear(&buf);
    return rc;
}
