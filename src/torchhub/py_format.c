/* SPDX-License-Identifier: MIT */
/* py_format.c - strings: literals with their parts, +, %, str.format(). A string of which one part
 * is unknown is unknown; one whose part is one of several is one of as many. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "py_interp.h"

/* One string: a URL is short, docstrings have been seen with 30 KB. */
#define STRING_MAX (1u << 20)
/* A list that is put together of two: __all__ and tables of names stay far below. */
#define LIST_MAX 20000

/* --- + --- */

static struct ptmi_py_value *concatenated(ptmi_py *py, const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    ptmi_py_toil(py, n + m);
    char *text = n + m < STRING_MAX ? ptmi_py_alloc(py, n + m + 1) : NULL;
    if (!text) return &py->data;
    memcpy(text, a, n);
    memcpy(text + n, b, m + 1);
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_STR);
    value->str = text;
    return value;
}

static struct ptmi_py_value *lists(ptmi_py *py, const struct ptmi_py_value *a,
                                   const struct ptmi_py_value *b)
{
    struct ptmi_py_value *list = ptmi_py_value_new(py, PYV_LIST);
    list->open = a->n + b->n > LIST_MAX;
    if (list->open) return list;
    py->steps += (a->n + b->n) / 8;
    for (size_t i = 0; i < a->n; i++) ptmi_py_list_add(py, list, a->items[i]);
    for (size_t i = 0; i < b->n; i++) ptmi_py_list_add(py, list, b->items[i]);
    list->open = a->open || b->open;
    return list;
}

/* A list and something unknown: a list of which this is known. */
static struct ptmi_py_value *list_and(ptmi_py *py, const struct ptmi_py_value *list)
{
    struct ptmi_py_value none = {.type = PYV_LIST, .open = true};
    return lists(py, list, &none);
}

static bool is_plain(const struct ptmi_py_value *value)
{
    return value->type == PYV_DATA || ptmi_py_is_const(value);
}

static struct ptmi_py_value *add_right(ptmi_py *py, struct ptmi_py_value *b, void *arg)
{
    struct ptmi_py_value *a = arg;
    int64_t sum;
    if (a->type == PYV_STR && b->type == PYV_STR) return concatenated(py, a->str, b->str);
    if (a->type == PYV_INT && b->type == PYV_INT && !__builtin_add_overflow(a->num, b->num, &sum))
        return ptmi_py_int(py, sum);
    if (a->type == PYV_LIST && b->type == PYV_LIST) return lists(py, a, b);
    if (a->type == PYV_LIST || b->type == PYV_LIST)
        return list_and(py, a->type == PYV_LIST ? a : b);
    return is_plain(a) || is_plain(b) ? &py->data : &py->unknown;
}

static struct ptmi_py_value *add_left(ptmi_py *py, struct ptmi_py_value *a, void *arg)
{
    return ptmi_py_map(py, arg, add_right, a);
}

struct ptmi_py_value *ptmi_py_add(ptmi_py *py, struct ptmi_py_value *a, struct ptmi_py_value *b)
{
    py->steps++; /* also for each part of a text that is put together */
    return ptmi_py_map(py, a, add_left, b);
}

/* --- values as text --- */

/* "02d", "3", "s", "d", ".3f": width and leading zeros of whole numbers, nothing else. */
static struct ptmi_py_value *number_text(ptmi_py *py, int64_t num, const char *spec)
{
    char text[64];
    bool zeros = *spec == '0';
    char *end;
    long width = strtol(spec, &end, 10);
    if (*end == 'd') end++;
    if (*end || width < 0 || width > 40) return &py->data;
    int n = zeros ? snprintf(text, sizeof text, "%0*lld", (int)width, (long long)num)
                  : snprintf(text, sizeof text, "%*lld", (int)width, (long long)num);
    return ptmi_py_str(py, text, (size_t)n);
}

static struct ptmi_py_value *text_of(ptmi_py *py, struct ptmi_py_value *value, void *arg)
{
    const char *spec = arg;
    if (value->type == PYV_INT) return number_text(py, value->num, strcmp(spec, "s") ? spec : "");
    if (*spec && strcmp(spec, "s") != 0) return &py->data;
    if (value->type == PYV_STR) return value;
    if (value->type == PYV_NONE) return ptmi_py_str(py, "None", 4);
    if (value->type == PYV_BOOL)
        return value->num ? ptmi_py_str(py, "True", 4) : ptmi_py_str(py, "False", 5);
    return &py->data;
}

static struct ptmi_py_value *add_text(ptmi_py *py, struct ptmi_py_value *to,
                                      struct ptmi_py_value *value, const char *spec)
{
    return ptmi_py_add(py, to, ptmi_py_map(py, value, text_of, (void *)spec));
}

static struct ptmi_py_value *add_literal(ptmi_py *py, struct ptmi_py_value *to, const char *text,
                                         size_t len)
{
    return len ? ptmi_py_add(py, to, ptmi_py_str(py, text, len)) : to;
}

/* --- literals --- */

/* f"{x=}" */
static bool says_itself(ptmi_py *py, TSNode node)
{
    TSNode expression = ptmi_py_field_of(&py->lang, node, PYF_EXPRESSION);
    size_t at = ts_node_end_byte(expression), end = ts_node_end_byte(node);
    const char *text = py->frame->module->source.text;
    if (ts_node_is_null(expression)) return false;
    ptmi_py_toil(py, end - at);
    while (at < end && (text[at] == ' ' || text[at] == '\t')) at++;
    return at < end && text[at] == '=';
}

static struct ptmi_py_value *interpolated(ptmi_py *py, TSNode node, struct ptmi_py_value *to)
{
    char spec[32] = "";
    TSNode conversion = ptmi_py_field_of(&py->lang, node, PYF_TYPE_CONVERSION);
    TSNode format = ptmi_py_field_of(&py->lang, node, PYF_FORMAT_SPECIFIER);
    struct ptmi_py_value *value =
        ptmi_py_eval(py, ptmi_py_field_of(&py->lang, node, PYF_EXPRESSION));
    if (!ts_node_is_null(format)) {
        struct ptmi_py_span text = ptmi_py_span_of(&py->frame->module->source, format);
        if (text.len == 0 || text.len > sizeof spec) return &py->data;
        memcpy(spec, text.text + 1, text.len - 1); /* behind its ":" */
        spec[text.len - 1] = '\0';
    }
    if (!ts_node_is_null(conversion) || says_itself(py, node)) value = &py->data;
    return add_text(py, to, value, spec);
}

static struct ptmi_py_value *content(ptmi_py *py, TSNode node, struct ptmi_py_quote quote,
                                     struct ptmi_py_value *to)
{
    struct ptmi_buf text = PTMI_BUF(STRING_MAX);
    struct ptmi_py_span span = ptmi_py_span_of(&py->frame->module->source, node);
    ptmi_py_toil(py, span.len);
    ptm_rc rc = ptmi_py_unescape(span, quote, &text, NULL);
    if (rc == PTM_ENOMEM) (void)ptmi_py_got(py, NULL);
    struct ptmi_py_value *value =
        rc == PTM_OK ? ptmi_py_str(py, text.data ? text.data : "", text.len) : &py->data;
    ptmi_buf_clear(&text);
    bool first = to->type == PYV_STR && !*to->str;
    return first ? value : ptmi_py_add(py, to, value);
}

static struct ptmi_py_value *one_string(ptmi_py *py, TSNode node, struct ptmi_py_value *to)
{
    struct ptmi_py_quote quote = {0};
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        ptmi_py_kind kind = ptmi_py_kind_of(&py->lang, kid);
        if (kind == PY_STRING_START) {
            quote = ptmi_py_quote_of(ptmi_py_span_of(&py->frame->module->source, kid));
            if (quote.bytes) return &py->data;
        } else if (kind == PY_STRING_CONTENT) {
            to = content(py, kid, quote, to);
        } else if (kind == PY_INTERPOLATION) {
            to = interpolated(py, kid, to);
        }
    }
    return to;
}

struct ptmi_py_value *ptmi_py_eval_string(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *text = ptmi_py_str(py, "", 0);
    if (ptmi_py_kind_of(&py->lang, node) == PY_STRING) return one_string(py, node, text);
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);)
        if (ptmi_py_kind_of(&py->lang, kid) == PY_STRING) text = one_string(py, kid, text);
    return text;
}

/* Texts with an "f" or "b" in front are none. */
static bool is_doc(ptmi_py *py, const struct ptmi_py_source *source, TSNode node)
{
    ptmi_py_kind kind = ptmi_py_kind_of(&py->lang, node);
    if (kind != PY_STRING && kind != PY_CONCATENATED_STRING) return false;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        if (kind == PY_CONCATENATED_STRING && !is_doc(py, source, kid)) return false;
        if (kind == PY_CONCATENATED_STRING) continue;
        struct ptmi_py_quote quote = ptmi_py_quote_of(ptmi_py_span_of(source, kid));
        return !quote.format && !quote.bytes;
    }
    return true;
}

struct ptmi_py_value *ptmi_py_doc(ptmi_py *py, struct ptmi_py_module *module, TSNode block)
{
    if (ts_node_is_null(block)) return &py->none;
    TSNode statement = ptmi_py_first(&py->lang, block);
    if (ptmi_py_kind_of(&py->lang, statement) != PY_EXPRESSION_STATEMENT) return &py->none;
    TSNode text = ptmi_py_first(&py->lang, statement);
    while (ptmi_py_kind_of(&py->lang, text) == PY_PARENTHESIZED_EXPRESSION)
        text = ptmi_py_first(&py->lang, text);
    if (ts_node_is_null(text) || !is_doc(py, &module->source, text)) return &py->none;
    struct ptmi_py_frame frame = {.up = py->frame, .module = module, .env = module->now};
    py->frame = &frame;
    struct ptmi_py_value *doc = ptmi_py_eval_string(py, text);
    py->frame = frame.up;
    return doc;
}

/* --- "%s" % x --- */

/* The value for the next conversion, "(name)" in front of it or not. */
static struct ptmi_py_value *percent_arg(ptmi_py *py, const char **at, struct ptmi_py_value *arg,
                                         size_t *next)
{
    if (**at != '(') {
        bool many = arg->type == PYV_LIST;
        struct ptmi_py_value *value = many && *next < arg->n ? arg->items[*next] : NULL;
        if (!many && *next == 0) value = arg;
        ++*next;
        return value ? value : &py->unknown;
    }
    const char *end = strchr(*at, ')');
    if (!end) return &py->unknown;
    struct ptmi_py_value *key = ptmi_py_str(py, *at + 1, (size_t)(end - *at - 1));
    *at = end + 1;
    return ptmi_py_subscript(py, arg, key);
}

static struct ptmi_py_value *percent(ptmi_py *py, struct ptmi_py_value *format, void *given)
{
    struct ptmi_py_value *arg = given, *made = ptmi_py_str(py, "", 0);
    size_t next = 0;
    if (format->type != PYV_STR) return is_plain(format) ? &py->data : &py->unknown;
    for (const char *at = format->str; *at;) {
        size_t plain = strcspn(at, "%");
        made = add_literal(py, made, at, plain);
        at += plain;
        if (!*at) break;
        at++;
        if (*at == '%') {
            made = add_literal(py, made, at++, 1);
            continue;
        }
        struct ptmi_py_value *value = percent_arg(py, &at, arg, &next);
        char spec[16];
        size_t len = strspn(at, "0123456789");
        if (len + 2 > sizeof spec || !at[len] || !strchr("sdi", at[len])) return &py->data;
        memcpy(spec, at, len);
        spec[len] = at[len] == 's' && len == 0 ? 's' : 'd';
        spec[len + 1] = '\0';
        at += len + 1;
        made = add_text(py, made, value, spec);
    }
    return made;
}

struct ptmi_py_value *ptmi_py_percent(ptmi_py *py, struct ptmi_py_value *format,
                                      struct ptmi_py_value *arg)
{
    return ptmi_py_map(py, format, percent, arg);
}

/* --- "{}".format(x) --- */

/* What stands between braces: "", "0", "name", each with ":spec". */
static struct ptmi_py_value *replaced(ptmi_py *py, const char *field, size_t len,
                                      const struct ptmi_py_args *args, size_t *next)
{
    char name[64], *end;
    size_t colon = 0;
    while (colon < len && field[colon] != ':') colon++;
    if (colon >= sizeof name) return &py->data;
    memcpy(name, field, colon);
    name[colon] = '\0';
    struct ptmi_py_value *value = NULL;
    py->steps += args->n / 16;
    size_t position = colon ? strtoul(name, &end, 10) : (*next)++;
    if (colon && *end)
        value = strpbrk(name, ".[!") ? NULL : ptmi_py_arg(args, SIZE_MAX, name);
    else
        value = ptmi_py_arg(args, position, NULL);
    char spec[32] = "";
    size_t spec_len = colon < len ? len - colon - 1 : 0;
    if (!value || spec_len >= sizeof spec) return &py->data;
    memcpy(spec, field + len - spec_len, spec_len);
    spec[spec_len] = '\0';
    return ptmi_py_map(py, value, text_of, spec);
}

static struct ptmi_py_value *format_one(ptmi_py *py, struct ptmi_py_value *format, void *given)
{
    const struct ptmi_py_args *args = given;
    struct ptmi_py_value *made = ptmi_py_str(py, "", 0);
    size_t next = 0;
    if (format->type != PYV_STR) return &py->data;
    for (const char *at = format->str; *at;) {
        size_t plain = strcspn(at, "{}");
        made = add_literal(py, made, at, plain);
        at += plain;
        if (!*at) break;
        if (at[1] == at[0]) {
            made = add_literal(py, made, at, 1);
            at += 2;
            continue;
        }
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (!end) return &py->data;
        made = ptmi_py_add(py, made, replaced(py, at + 1, (size_t)(end - at - 1), args, &next));
        at = end + 1;
    }
    return made;
}

struct ptmi_py_value *ptmi_py_format(ptmi_py *py, struct ptmi_py_value *format,
                                     const struct ptmi_py_args *args)
{
    return ptmi_py_map(py, format, format_one, (void *)args);
}
