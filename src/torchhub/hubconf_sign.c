/* SPDX-License-Identifier: MIT */
/* hubconf_sign.c - signatures and docstrings of entry points, from the source. */
#include <inttypes.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "hubconf_priv.h"

/* Partials of partials; classes above a class. */
#define PARTIALS_MAX 8
#define BASES_MAX 64

/* --- signatures --- */

/* What a partial, or an object, gives already. */
struct bound {
    size_t positional;
    struct ptmi_py_value *const *names; /* NULL where positional */
    struct ptmi_py_value *const *values;
    size_t n_names;
};

/* A signature while it is written. */
struct writer {
    ptmi_py *py;
    const struct ptmi_py_value *func;
    const struct bound *bound;
    struct ptmi_arena *arena;
    struct ptmi_buf out;
    size_t left;    /* positional ones that are given already */
    bool by_name;   /* parameters from here on are taken by name alone */
    bool star_owed; /* and the "*" that says so is not written yet */
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

/* The value that is given by name; NULL: none. */
static const struct ptmi_py_value *given(const struct bound *bound, struct ptmi_py_span name)
{
    for (size_t i = 0; i < bound->n_names; i++)
        if (bound->names[i] && ptmi_py_span_is(name, bound->names[i]->str)) return bound->values[i];
    return NULL;
}

static ptm_rc put(struct writer *writer, const char *text)
{
    if (!text) return PTM_ENOMEM;
    if (writer->out.len > 1) PTM_TRY(ptmi_buf_puts(&writer->out, ", ", NULL));
    return ptmi_buf_puts(&writer->out, text, NULL);
}

static ptm_rc put_value(struct writer *writer, const struct ptmi_py_value *value)
{
    struct ptmi_buf *out = &writer->out;
    switch (value->type) {
    case PYV_NONE:
        return ptmi_buf_puts(out, "None", NULL);
    case PYV_BOOL:
        return ptmi_buf_puts(out, value->num ? "True" : "False", NULL);
    case PYV_INT:
        return ptmi_buf_printf(out, NULL, "%" PRId64, value->num);
    case PYV_STR: /* as Python's repr() of what needs no escapes */
        if (!strpbrk(value->str, "'\\\n\r\t"))
            return ptmi_buf_printf(out, NULL, "'%s'", value->str);
        return ptmi_buf_puts(out, "...", NULL);
    default:
        return ptmi_buf_puts(out, "...", NULL);
    }
}

/* "*args", "*", "/", "**kwargs" */
static ptm_rc put_nameless(struct writer *writer, const char *text)
{
    if (!text) return PTM_ENOMEM;
    if (text[0] == '/') return writer->out.len > 1 ? put(writer, text) : PTM_OK;
    if (text[0] == '*' && text[1] != '*') {
        bool dropped = writer->by_name; /* nothing positional may follow what is given by name */
        writer->by_name = true;
        if (text[1] == '\0' && !dropped) writer->star_owed = true;
        if (text[1] == '\0' || dropped) return PTM_OK;
    }
    return put(writer, text);
}

/* As inspect.signature() of a partial: what is given by name stays, with another default, and can
 * only be given by name from there on. */
static ptm_rc put_named(struct writer *writer, TSNode parameter, TSNode name)
{
    const struct ptmi_py_lang *lang = &writer->py->lang;
    const struct ptmi_py_value *value = given(writer->bound, span(writer->func, name));
    TSNode type = ptmi_py_field_of(lang, parameter, PYF_TYPE);
    if (value && !writer->by_name) writer->by_name = writer->star_owed = true;
    if (writer->star_owed) PTM_TRY(put(writer, "*"));
    writer->star_owed = false;
    if (!value) return put(writer, ptmi_py_folded(writer->arena, span(writer->func, parameter)));
    PTM_TRY(put(writer, ptmi_py_folded(writer->arena, span(writer->func, name))));
    if (ts_node_is_null(type)) {
        PTM_TRY(ptmi_buf_putc(&writer->out, '=', NULL));
    } else {
        char *text = ptmi_py_folded(writer->arena, span(writer->func, type));
        if (!text) return PTM_ENOMEM;
        PTM_TRY(ptmi_buf_printf(&writer->out, NULL, ": %s = ", text));
    }
    return put_value(writer, value);
}

static ptm_rc put_parameters(struct writer *writer)
{
    const struct ptmi_py_lang *lang = &writer->py->lang;
    TSNode list = ptmi_py_field_of(lang, writer->func->node, PYF_PARAMETERS);
    if (ts_node_is_null(list)) return PTM_OK;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(lang, list);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        TSNode name = name_of(writer->py, kid);
        if (ts_node_is_null(name)) {
            char *text = ptmi_py_folded(writer->arena, span(writer->func, kid));
            PTM_TRY(put_nameless(writer, text));
        } else if (writer->left > 0 && !writer->by_name) {
            writer->left--;
        } else {
            PTM_TRY(put_named(writer, kid, name));
        }
    }
    return PTM_OK;
}

static char *function_signature(ptmi_py *py, const struct ptmi_py_value *func,
                                const struct bound *bound, struct ptmi_arena *arena)
{
    struct writer writer = {.py = py,
                            .func = func,
                            .bound = bound,
                            .arena = arena,
                            .out = PTMI_BUF(PTM_LIMIT_PYTHON),
                            .left = bound->positional};
    ptm_rc rc = ptmi_buf_putc(&writer.out, '(', NULL);
    if (rc == PTM_OK) rc = put_parameters(&writer);
    if (rc == PTM_OK) rc = ptmi_buf_putc(&writer.out, ')', NULL);
    char *text = rc == PTM_OK ? ptmi_arena_strndup(arena, writer.out.data, writer.out.len) : NULL;
    ptmi_buf_clear(&writer.out);
    return ptmi_py_got(py, text);
}

/* Python finds it where we do: in the class itself, or in the first of its bases, not in one that
 * another, from outside or further up, may come before. */
static bool is_first(ptmi_py *py, struct ptmi_py_value *class, const char *name)
{
    for (int i = 0; i < BASES_MAX && class->type == PYV_CLASS; i++) {
        if (ptmi_py_env_own(py, ptmi_py_class_env(py, class), name, strlen(name))) return true;
        if (class->bases->n == 0) return false;
        bool only = class->bases->n == 1;
        class = class->bases->items[0];
        if (!only && class->type == PYV_CLASS)
            return ptmi_py_env_own(py, ptmi_py_class_env(py, class), name, strlen(name)) != NULL;
    }
    return false;
}

/* As inspect.signature() of a class: __init__, or __new__, of it or its bases. What stands outside
 * the repository, and what a decorator may write (dataclass), is unknown. */
static char *class_signature(ptmi_py *py, struct ptmi_py_value *class, struct bound bound,
                             struct ptmi_arena *arena)
{
    const struct ptmi_py_value *made = ptmi_py_class_attr(py, class, "__new__");
    const char *by = made ? "__new__" : "__init__";
    if (!made) made = ptmi_py_class_attr(py, class, by);
    if (made && !is_first(py, class, by)) return NULL;
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
        bound.values = value->items;
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

char *ptmi_hub_block_doc(ptmi_py *py, struct ptmi_py_module *module, TSNode block,
                         struct ptmi_arena *arena)
{
    const struct ptmi_py_value *doc = ptmi_py_doc(py, module, block);
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
