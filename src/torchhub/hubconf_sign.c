/* SPDX-License-Identifier: MIT */
/* hubconf_sign.c - signatures and docstrings of entry points, from the source. */
#include <string.h>

#include "../base/auto.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "hubconf_priv.h"

/* Partials of partials. */
#define PARTIALS_MAX 8

/* --- signatures --- */

/* What callers of this cannot give any more. */
struct bound {
    size_t positional;
    struct ptmi_py_value *const *names; /* NULL where positional */
    size_t n_names;
};

static struct ptmi_py_span span(const struct ptmi_py_value *func, TSNode node)
{
    return ptmi_py_span_of(&func->module->source, node);
}

/* The name of a parameter; a null node for "*args", "*", "/". */
static TSNode name_of(ptmi_py *py, TSNode parameter)
{
    switch (ptmi_py_kind_of(&py->lang, parameter)) {
    case PY_IDENTIFIER:
        return parameter;
    case PY_DEFAULT_PARAMETER:
    case PY_TYPED_DEFAULT_PARAMETER:
        return ptmi_py_field_of(&py->lang, parameter, PYF_NAME);
    case PY_TYPED_PARAMETER: {
        TSNode first = ptmi_py_first(&py->lang, parameter);
        return ptmi_py_kind_of(&py->lang, first) == PY_IDENTIFIER ? first : (TSNode){0};
    }
    default:
        return (TSNode){0};
    }
}

static bool is_bound(const struct bound *bound, struct ptmi_py_span name)
{
    for (size_t i = 0; i < bound->n_names; i++)
        if (bound->names[i] && ptmi_py_span_is(name, bound->names[i]->str)) return true;
    return false;
}

static ptm_rc put_parameter(ptmi_py *py, const struct ptmi_py_value *func, TSNode parameter,
                            struct ptmi_buf *out, struct ptmi_arena *arena)
{
    (void)py;
    char *text = ptmi_py_folded(arena, span(func, parameter));
    if (!text) return PTM_ENOMEM;
    if (out->len > 1) PTM_TRY(ptmi_buf_puts(out, ", ", NULL));
    return ptmi_buf_puts(out, text, NULL);
}

static ptm_rc put_parameters(ptmi_py *py, const struct ptmi_py_value *func,
                             const struct bound *bound, struct ptmi_buf *out,
                             struct ptmi_arena *arena)
{
    size_t left = bound->positional;
    TSNode list = ptmi_py_field_of(&py->lang, func->node, PYF_PARAMETERS);
    if (ts_node_is_null(list)) return PTM_OK;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, list);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        TSNode name = name_of(py, kid);
        bool first = out->len <= 1;
        if (ts_node_is_null(name)) {
            if (first && ptmi_py_kind_of(&py->lang, kid) == PY_POSITIONAL_SEPARATOR) continue;
        } else if (left > 0) {
            left--;
            continue;
        } else if (is_bound(bound, span(func, name))) {
            continue;
        }
        PTM_TRY(put_parameter(py, func, kid, out, arena));
    }
    return PTM_OK;
}

static char *function_signature(ptmi_py *py, const struct ptmi_py_value *func,
                                const struct bound *bound, struct ptmi_arena *arena)
{
    struct ptmi_buf out = PTMI_BUF(PTM_LIMIT_PYTHON);
    ptm_rc rc = ptmi_buf_putc(&out, '(', NULL);
    if (rc == PTM_OK) rc = put_parameters(py, func, bound, &out, arena);
    if (rc == PTM_OK) rc = ptmi_buf_putc(&out, ')', NULL);
    char *text = rc == PTM_OK ? ptmi_arena_strndup(arena, out.data, out.len) : NULL;
    ptmi_buf_clear(&out);
    return ptmi_py_got(py, text);
}

/* As inspect.signature() of a class: __init__, or __new__, of it or its bases. What stands outside
 * the repository, and what a decorator may write (dataclass), is unknown. */
static char *class_signature(ptmi_py *py, struct ptmi_py_value *class, struct bound bound,
                             struct ptmi_arena *arena)
{
    const struct ptmi_py_value *made = ptmi_py_class_attr(py, class, "__new__");
    if (!made) made = ptmi_py_class_attr(py, class, "__init__");
    bound.positional++;
    if (made && made->type == PYV_FUNC) return function_signature(py, made, &bound, arena);
    bool plain = !made && !class->decorated && ptmi_py_class_closed(py, class);
    return plain ? ptmi_py_got(py, ptmi_arena_strdup(arena, "()")) : NULL;
}

char *ptmi_hub_signature(ptmi_py *py, struct ptmi_py_value *value, struct ptmi_arena *arena)
{
    struct bound bound = {0};
    for (int i = 0; i < PARTIALS_MAX && value->type == PYV_PARTIAL; i++) {
        if (bound.n_names || value->open) return NULL; /* partials of partials with names */
        for (size_t j = 0; j < value->n; j++) bound.positional += value->keys[j] == NULL;
        bound.names = value->keys;
        bound.n_names = value->n;
        value = value->owner;
    }
    if (value->type == PYV_BOUND) {
        bound.positional++;
        value = value->inner;
    }
    if (value->type == PYV_FUNC) return function_signature(py, value, &bound, arena);
    if (value->type == PYV_CLASS) return class_signature(py, value, bound, arena);
    return NULL;
}

/* --- docstrings --- */

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

char *ptmi_hub_block_doc(ptmi_py *py, struct ptmi_py_module *module, TSNode block,
                         struct ptmi_arena *arena)
{
    if (ts_node_is_null(block)) return NULL;
    TSNode statement = ptmi_py_first(&py->lang, block);
    if (ptmi_py_kind_of(&py->lang, statement) != PY_EXPRESSION_STATEMENT) return NULL;
    TSNode text = ptmi_py_first(&py->lang, statement);
    if (ts_node_is_null(text) || !is_doc(py, &module->source, text)) return NULL;
    struct ptmi_py_frame frame = {.up = py->frame, .module = module, .env = module->now};
    py->frame = &frame;
    const struct ptmi_py_value *doc = ptmi_py_eval_string(py, text);
    py->frame = frame.up;
    return doc->type == PYV_STR ? ptmi_py_got(py, ptmi_py_cleandoc(arena, doc->str)) : NULL;
}

/* inspect.getdoc() goes to the bases of a class without one. */
static char *class_doc(ptmi_py *py, struct ptmi_py_value *class, struct ptmi_arena *arena)
{
    if (class->doc)
        return *class->doc ? ptmi_py_got(py, ptmi_py_cleandoc(arena, class->doc)) : NULL;
    char *doc = ptmi_hub_block_doc(py, class->module,
                                   ptmi_py_field_of(&py->lang, class->node, PYF_BODY), arena);
    if (!ptmi_py_step(py) || py->depth >= PTM_LIMIT_PYTHON_DEPTH) return doc;
    py->depth++;
    for (size_t i = 0; i < class->bases->n && !doc; i++) {
        if (class->bases->items[i]->type != PYV_CLASS) break; /* that may have one */
        doc = class_doc(py, class->bases->items[i], arena);
    }
    py->depth--;
    return doc;
}

/* Of a partial, that of what it calls: the one of functools.partial itself helps nobody. */
char *ptmi_hub_doc(ptmi_py *py, struct ptmi_py_value *value, struct ptmi_arena *arena)
{
    for (int i = 0; i < PARTIALS_MAX && value->type == PYV_PARTIAL; i++) value = value->owner;
    if (value->type == PYV_BOUND) value = value->inner;
    if (value->type == PYV_INSTANCE && value->owner) value = value->owner;
    if (value->type == PYV_CLASS) return class_doc(py, value, arena);
    if (value->type != PYV_FUNC) return NULL;
    if (value->doc)
        return *value->doc ? ptmi_py_got(py, ptmi_py_cleandoc(arena, value->doc)) : NULL;
    if (ptmi_py_kind_of(&py->lang, value->node) == PY_LAMBDA) return NULL;
    return ptmi_hub_block_doc(py, value->module, ptmi_py_field_of(&py->lang, value->node, PYF_BODY),
                              arena);
}
