/* SPDX-License-Identifier: MIT */
/* py_call.c - calls. Functions and classes of the repository are gone through with what is known of
 * their arguments, a few levels deep; nothing else is. */
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "py_interp.h"

/* Functions inside each other: entry point, builder, model, layer. The same one twice: recursion
 * over known things. */
#define CALLS_MAX 24
#define SAME_MAX 2

/* --- arguments --- */

static void add_arg(ptmi_py *py, struct ptmi_py_args *args, struct ptmi_py_value *value,
                    const char *name)
{
    if (args->n == args->cap) {
        size_t cap = args->cap ? 2 * args->cap : 4;
        struct ptmi_py_value **items = ptmi_py_alloc(py, cap * sizeof *items);
        const char **names = ptmi_py_alloc(py, cap * sizeof *names);
        if (!items || !names) return;
        if (args->n) memcpy(items, args->items, args->n * sizeof *items);
        if (args->n) memcpy(names, args->names, args->n * sizeof *names);
        args->items = items;
        args->names = names;
        args->cap = cap;
    }
    args->items[args->n] = value;
    args->names[args->n++] = name;
}

struct ptmi_py_value *ptmi_py_arg(const struct ptmi_py_args *args, size_t position,
                                  const char *name)
{
    for (size_t i = 0; i < args->n; i++) {
        if (!args->names[i] && position-- == 0) return args->items[i];
        if (args->names[i] && name && strcmp(args->names[i], name) == 0) return args->items[i];
    }
    return NULL;
}

static void add_splat(ptmi_py *py, struct ptmi_py_args *args, TSNode node)
{
    struct ptmi_py_value *value = ptmi_py_eval(py, ptmi_py_first(&py->lang, node));
    bool named = ptmi_py_kind_of(&py->lang, node) == PY_DICTIONARY_SPLAT;
    bool known = value->type == (named ? PYV_DICT : PYV_LIST);
    if (!known || value->open) args->open = true;
    for (size_t i = 0; known && i < value->n; i++) {
        if (named && value->keys[i]->type != PYV_STR) continue;
        add_arg(py, args, value->items[i], named ? value->keys[i]->str : NULL);
    }
}

static void add_keyword(ptmi_py *py, struct ptmi_py_args *args, TSNode node)
{
    struct ptmi_py_span name =
        ptmi_py_span_of(&py->frame->module->source, ptmi_py_field_of(&py->lang, node, PYF_NAME));
    struct ptmi_py_value *text = ptmi_py_str(py, name.text, name.len);
    struct ptmi_py_value *value = ptmi_py_eval(py, ptmi_py_field_of(&py->lang, node, PYF_VALUE));
    if (text->type == PYV_STR) add_arg(py, args, value, text->str);
}

static void collect(ptmi_py *py, TSNode list, struct ptmi_py_args *args)
{
    if (ptmi_py_kind_of(&py->lang, list) == PY_GENERATOR_EXPRESSION) {
        add_arg(py, args, ptmi_py_eval(py, list), NULL);
        return;
    }
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, list);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        ptmi_py_kind kind = ptmi_py_kind_of(&py->lang, kid);
        if (kind == PY_LIST_SPLAT || kind == PY_DICTIONARY_SPLAT)
            add_splat(py, args, kid);
        else if (kind == PY_KEYWORD_ARGUMENT)
            add_keyword(py, args, kid);
        else
            add_arg(py, args, ptmi_py_eval(py, kid), NULL);
    }
}

/* --- parameters --- */

struct binding {
    const struct ptmi_py_args *args;
    struct ptmi_py_env *outer, *inner; /* where defaults are looked up, where names go */
    struct ptmi_py_value *self;        /* taken by the first parameter, then NULL */
    size_t position;
    bool by_name; /* behind "*" */
};

static struct ptmi_py_value *given(ptmi_py *py, struct binding *to, const char *name, TSNode value)
{
    struct ptmi_py_value *self = to->self;
    to->self = NULL;
    if (self) return self;
    py->steps += to->args->n / 16;
    struct ptmi_py_value *found =
        ptmi_py_arg(to->args, to->by_name ? SIZE_MAX : to->position++, name);
    if (found) return found;
    struct ptmi_py_value *otherwise = NULL;
    if (!ts_node_is_null(value)) {
        py->frame->env = to->outer;
        otherwise = ptmi_py_eval(py, value);
        py->frame->env = to->inner;
    }
    if (!otherwise) return &py->unknown;
    return to->args->open ? ptmi_py_either(py, otherwise, &py->unknown) : otherwise;
}

static struct ptmi_py_value *rest(ptmi_py *py, struct binding *to, bool named)
{
    struct ptmi_py_value *value = ptmi_py_value_new(py, named ? PYV_DICT : PYV_LIST);
    value->open = to->args->open;
    size_t position = 0;
    for (size_t i = 0; i < to->args->n; i++) {
        const char *name = to->args->names[i];
        if (!name && !named && position++ >= to->position)
            ptmi_py_list_add(py, value, to->args->items[i]);
        if (name && named && !ptmi_py_env_own(py, to->inner, name, strlen(name)))
            ptmi_py_dict_set(py, value, ptmi_py_str(py, name, strlen(name)), to->args->items[i]);
    }
    to->by_name = true;
    return value;
}

static void bind_parameter(ptmi_py *py, struct binding *to, TSNode node)
{
    ptmi_py_kind kind = ptmi_py_kind_of(&py->lang, node);
    TSNode name = node, value = {0};
    if (kind == PY_KEYWORD_SEPARATOR) to->by_name = true;
    if (kind == PY_DEFAULT_PARAMETER || kind == PY_TYPED_DEFAULT_PARAMETER) {
        name = ptmi_py_field_of(&py->lang, node, PYF_NAME);
        value = ptmi_py_field_of(&py->lang, node, PYF_VALUE);
    } else if (kind == PY_TYPED_PARAMETER) {
        name = ptmi_py_first(&py->lang, node);
    }
    kind = ptmi_py_kind_of(&py->lang, name);
    bool star = kind == PY_LIST_SPLAT_PATTERN, stars = kind == PY_DICTIONARY_SPLAT_PATTERN;
    if (star || stars) name = ptmi_py_first(&py->lang, name);
    if (ptmi_py_kind_of(&py->lang, name) != PY_IDENTIFIER) return;
    struct ptmi_py_span span = ptmi_py_span_of(&py->frame->module->source, name);
    struct ptmi_py_value *text = ptmi_py_str(py, span.text, span.len);
    if (text->type != PYV_STR) return;
    struct ptmi_py_value *bound =
        star || stars ? rest(py, to, stars) : given(py, to, text->str, value);
    ptmi_py_bind_name(py, text->str, span.len, bound, name, PYB_ASSIGNED);
}

static void bind_parameters(ptmi_py *py, struct binding *to, TSNode list)
{
    if (ts_node_is_null(list)) return;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, list);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) bind_parameter(py, to, kid);
}

/* --- functions --- */

static bool too_deep(const ptmi_py *py, const struct ptmi_py_value *func)
{
    size_t depth = 0, same = 0;
    for (const struct ptmi_py_frame *frame = py->frame; frame; frame = frame->up) {
        depth++;
        same += frame->func && frame->func->type == PYV_FUNC &&
                ts_node_eq(frame->func->node, func->node);
    }
    return depth > CALLS_MAX || same >= SAME_MAX || py->depth + 8 >= PTM_LIMIT_PYTHON_DEPTH;
}

static struct ptmi_py_value *run_body(ptmi_py *py, TSNode node)
{
    TSNode body = ptmi_py_field_of(&py->lang, node, PYF_BODY);
    if (ptmi_py_kind_of(&py->lang, node) == PY_LAMBDA) return ptmi_py_eval(py, body);
    ptmi_py_flow flow = ptmi_py_exec_block(py, body);
    struct ptmi_py_value *result = py->frame->result;
    if (flow != PYX_END || !result) result = ptmi_py_either(py, result, &py->none);
    return result;
}

static struct ptmi_py_value *call_func(ptmi_py *py, struct ptmi_py_value *func,
                                       struct ptmi_py_value *self, const struct ptmi_py_args *args)
{
    if (!ptmi_py_module_load(py, func->module)) return &py->unknown;
    if (too_deep(py, func) || !ptmi_py_step(py)) {
        /* Recursion is common, and not worth a word where it can make no names. */
        if (ptmi_py_may_make_names(func->module)) ptmi_py_note_dynamic(py, func->module, py->call);
        return &py->unknown;
    }
    struct ptmi_py_env *outer = ptmi_py_outer_env(func);
    struct ptmi_py_env *inner = ptmi_py_env_new(py, outer, false);
    if (!inner) return &py->unknown;
    struct ptmi_py_frame frame = {
        .up = py->frame, .module = func->module, .env = inner, .func = func, .self = self};
    frame.way = py->way;
    struct binding to = {.args = args, .outer = outer, .inner = inner, .self = self};
    py->frame = &frame;
    bind_parameters(py, &to, ptmi_py_field_of(&py->lang, func->node, PYF_PARAMETERS));
    struct ptmi_py_value *result = run_body(py, func->node);
    py->frame = frame.up;
    return result;
}

/* --- classes --- */

struct ptmi_py_env *ptmi_py_class_env(ptmi_py *py, struct ptmi_py_value *class)
{
    if (class->attrs || py->depth + 8 >= PTM_LIMIT_PYTHON_DEPTH) return class->attrs;
    struct ptmi_arena *arena = py->arena;
    if (class->kept) py->arena = &py->keep;
    class->attrs = ptmi_py_env_new(py, ptmi_py_outer_env(class), false);
    struct ptmi_py_frame frame = {
        .up = py->frame, .module = class->module, .env = class->attrs, .func = class};
    frame.way = py->way;
    if (class->attrs) {
        py->frame = &frame;
        py->depth += 4;
        (void)ptmi_py_exec_block(py, ptmi_py_field_of(&py->lang, class->node, PYF_BODY));
        py->depth -= 4;
        py->frame = frame.up;
    }
    py->arena = arena;
    return class->attrs;
}

/* Bases from left to right, each with its own first: Python's order but for diamonds. */
struct ptmi_py_value *ptmi_py_class_attr(ptmi_py *py, struct ptmi_py_value *class, const char *name)
{
    const struct ptmi_py_env *env = ptmi_py_class_env(py, class);
    struct ptmi_py_bind *bind = ptmi_py_env_own(py, env, name, strlen(name));
    if (bind) return ptmi_py_force(py, bind->value);
    struct ptmi_py_value *found = NULL;
    if (!ptmi_py_step(py) || py->depth >= PTM_LIMIT_PYTHON_DEPTH) return NULL;
    py->depth++;
    for (size_t i = 0; i < class->bases->n && !found; i++)
        if (class->bases->items[i]->type == PYV_CLASS)
            found = ptmi_py_class_attr(py, class->bases->items[i], name);
    py->depth--;
    return found;
}

bool ptmi_py_class_closed(ptmi_py *py, struct ptmi_py_value *class)
{
    bool closed = ptmi_py_step(py) && py->depth < PTM_LIMIT_PYTHON_DEPTH;
    py->depth++;
    for (size_t i = 0; i < class->bases->n && closed; i++) {
        struct ptmi_py_value *base = class->bases->items[i];
        if (base->type == PYV_BUILTIN)
            closed = strcmp(base->str, "object") == 0;
        else
            closed = base->type == PYV_CLASS && ptmi_py_class_closed(py, base);
    }
    py->depth--;
    return closed;
}

/* Without an __init__ that can be seen, what was given by name is what it has: dataclasses, named
 * tuples, classes from outside. */
static struct ptmi_py_value *instance(ptmi_py *py, struct ptmi_py_value *of,
                                      const struct ptmi_py_args *args)
{
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_INSTANCE);
    value->owner = of;
    value->attrs = ptmi_py_env_new(py, NULL, false);
    struct ptmi_py_value *init =
        of->type == PYV_CLASS ? ptmi_py_class_attr(py, of, "__init__") : NULL;
    if (init && init->type == PYV_FUNC) {
        (void)call_func(py, init, value, args);
        return value;
    }
    for (size_t i = 0; i < args->n && value->attrs; i++) {
        if (!args->names[i]) continue;
        struct ptmi_py_bind bind = {.name = args->names[i], .value = args->items[i]};
        ptmi_py_env_set(py, value->attrs, &bind);
    }
    return value;
}

/* --- calls --- */

static struct ptmi_py_value *call_partial(ptmi_py *py, const struct ptmi_py_value *partial,
                                          const struct ptmi_py_args *more)
{
    struct ptmi_py_args args = {.open = more->open || partial->open};
    for (size_t i = 0; i < partial->n; i++) {
        struct ptmi_py_value *name = partial->keys[i];
        py->steps += more->n / 16;
        if (name && ptmi_py_arg(more, SIZE_MAX, name->str)) continue; /* given anew */
        add_arg(py, &args, partial->items[i], name ? name->str : NULL);
    }
    for (size_t i = 0; i < more->n; i++) add_arg(py, &args, more->items[i], more->names[i]);
    return ptmi_py_call(py, partial->owner, &args);
}

static struct ptmi_py_value *call_one(ptmi_py *py, struct ptmi_py_value *callee, void *given)
{
    const struct ptmi_py_args *args = given;
    struct ptmi_py_value *found = NULL;
    switch ((ptmi_py_type)callee->type) {
    case PYV_FUNC:
        ptmi_py_note_own_fetch(py, callee, args);
        return call_func(py, callee, NULL, args);
    case PYV_BOUND:
        return call_func(py, callee->inner, callee->owner, args);
    case PYV_CLASS:
        return instance(py, callee, args);
    case PYV_PARTIAL:
        return call_partial(py, callee, args);
    case PYV_BUILTIN:
        return ptmi_py_call_builtin(py, callee->str, args);
    case PYV_EXTERN:
        found = ptmi_py_call_extern(py, callee, args);
        return found ? found : instance(py, callee, args);
    case PYV_INSTANCE:
        found = callee->owner->type == PYV_CLASS ? ptmi_py_class_attr(py, callee->owner, "__call__")
                                                 : NULL;
        if (found && found->type == PYV_FUNC) return call_func(py, found, callee, args);
        return &py->unknown;
    default:
        return &py->unknown;
    }
}

/* What is not gone through may write into a module's names that it is given. */
static void note_given_globals(ptmi_py *py, const struct ptmi_py_value *callee,
                               const struct ptmi_py_args *args)
{
    if (callee->type != PYV_EXTERN && callee->type != PYV_UNKNOWN) return;
    for (size_t i = 0; i < args->n; i++)
        if (args->items[i]->type == PYV_GLOBALS)
            ptmi_py_note_dynamic(py, args->items[i]->module, py->call);
}

struct ptmi_py_value *ptmi_py_call(ptmi_py *py, struct ptmi_py_value *callee,
                                   const struct ptmi_py_args *args)
{
    note_given_globals(py, callee, args);
    if (py->depth >= PTM_LIMIT_PYTHON_DEPTH || !ptmi_py_step(py)) return &py->unknown;
    py->depth++;
    struct ptmi_py_value *value = ptmi_py_map(py, callee, call_one, (void *)args);
    py->depth--;
    return value;
}

struct method_call {
    const char *name;
    const struct ptmi_py_args *args;
};

static struct ptmi_py_value *call_method(ptmi_py *py, struct ptmi_py_value *object, void *given)
{
    const struct method_call *call = given;
    struct ptmi_py_value *value = ptmi_py_method(py, object, call->name, call->args);
    if (value) return value;
    struct ptmi_py_value *callee = ptmi_py_attribute(py, object, call->name);
    if (callee->type == PYV_UNKNOWN) callee = ptmi_py_extern(py, call->name, false);
    return ptmi_py_call(py, callee, call->args);
}

struct ptmi_py_value *ptmi_py_eval_call(ptmi_py *py, TSNode node)
{
    struct ptmi_py_args args = {0};
    TSNode function = ptmi_py_field_of(&py->lang, node, PYF_FUNCTION);
    TSNode list = ptmi_py_field_of(&py->lang, node, PYF_ARGUMENTS);
    if (ptmi_py_kind_of(&py->lang, function) != PY_ATTRIBUTE) {
        struct ptmi_py_value *callee = ptmi_py_eval(py, function);
        collect(py, list, &args);
        py->call = node;
        return ptmi_py_call(py, callee, &args);
    }
    struct ptmi_py_value *object =
        ptmi_py_eval(py, ptmi_py_field_of(&py->lang, function, PYF_OBJECT));
    struct ptmi_py_span name = ptmi_py_span_of(
        &py->frame->module->source, ptmi_py_field_of(&py->lang, function, PYF_ATTRIBUTE));
    struct ptmi_py_value *text = ptmi_py_str(py, name.text, name.len);
    collect(py, list, &args);
    py->call = node;
    if (text->type != PYV_STR) return &py->unknown;
    struct method_call call = {text->str, &args};
    return ptmi_py_map(py, object, call_method, &call);
}
