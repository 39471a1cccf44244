/* SPDX-License-Identifier: MIT */
/* py_exec.c - statements: definitions, assignments, deletions. Those with branches and loops are in
 * py_branch.c, imports in py_import.c. */
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "py_interp.h"

/* Statements that nobody can tell about, of one module: more say no more. */
#define DYNAMICS_MAX 1000

void ptmi_py_note_dynamic(ptmi_py *py, struct ptmi_py_module *module, TSNode node)
{
    size_t n = 0;
    if (!py->changing) return;
    for (struct ptmi_py_dynamic *at = module->dynamics; at; at = at->next)
        if (ts_node_eq(at->node, node) || ++n >= DYNAMICS_MAX) return;
    struct ptmi_py_dynamic *dynamic = ptmi_py_alloc(py, sizeof *dynamic);
    if (!dynamic) return;
    *dynamic = (struct ptmi_py_dynamic){&py->frame->module->source, node, NULL};
    *(module->last_dynamic ? &module->last_dynamic->next : &module->dynamics) = dynamic;
    module->last_dynamic = dynamic;
}

bool ptmi_py_may_change(const ptmi_py *py, const struct ptmi_py_value *object)
{
    return !object->kept || py->changing;
}

bool ptmi_py_may_not_be(const ptmi_py *py, const struct ptmi_py_value *object)
{
    return object->way < py->way;
}

/* --- what is assigned to --- */

/* Inside a function called by a module, on a way that the function may not go. A module's own ways
 * have names of their own (module->now). */
static bool in_doubt(const ptmi_py *py)
{
    uint32_t begun = py->way;
    for (const struct ptmi_py_frame *at = py->frame; at && at->func; at = at->up) begun = at->way;
    return begun < py->way;
}

/* What a name is after a way that may not be gone: this, or what it was. */
static void soften(ptmi_py *py, const struct ptmi_py_module *module, struct ptmi_py_bind *bind)
{
    const struct ptmi_py_bind *before =
        ptmi_py_env_find(py, module->now, bind->name, strlen(bind->name));
    if (!before) {
        bind->maybe = true;
        return;
    }
    bind->maybe = before->maybe;
    bind->value = ptmi_py_either(py, before->value, bind->value);
}

static void bind_global(ptmi_py *py, struct ptmi_py_module *module, const char *name,
                        struct ptmi_py_value *value, bool maybe)
{
    struct ptmi_py_bind bind = {
        .name = name,
        .value = value,
        .source = &py->frame->module->source,
        .maybe = maybe,
    };
    bool defined = value->type == PYV_FUNC || value->type == PYV_CLASS;
    if (defined) bind.line = ptmi_py_line(value->node);
    bind.how = defined ? PYB_DEFINED : PYB_ASSIGNED;
    if (defined && value->module) bind.source = &value->module->source;
    if (module->now && (maybe || in_doubt(py))) soften(py, module, &bind);
    if (module->now) ptmi_py_env_set(py, module->now, &bind);
}

/* Names that `global` or `nonlocal` says are another scope's. What a function does to those of the
 * one around it is known only to that call, so it is one of both. */
static bool bind_outside(ptmi_py *py, const struct ptmi_py_bind *bind)
{
    struct ptmi_py_frame *frame = py->frame;
    size_t len = strlen(bind->name);
    const struct ptmi_py_bind *found = ptmi_py_env_own(py, frame->globals, bind->name, len);
    if (!found || !py->changing) return false;
    if (found->value == &py->yes) {
        struct ptmi_py_bind global = *bind;
        if (in_doubt(py) && frame->module->now) soften(py, frame->module, &global);
        if (frame->module->now) ptmi_py_env_set(py, frame->module->now, &global);
        return true;
    }
    struct ptmi_py_bind *outer =
        ptmi_py_env_find(py, ptmi_py_outer_env(frame->func), bind->name, len);
    if (outer) outer->value = ptmi_py_either(py, outer->value, bind->value);
    return outer != NULL;
}

void ptmi_py_bind_name(ptmi_py *py, const char *name, size_t len, struct ptmi_py_value *value,
                       TSNode at, ptmi_py_how how)
{
    struct ptmi_py_bind bind = {
        .value = value,
        .source = &py->frame->module->source,
        .line = ptmi_py_line(at),
        .how = (uint8_t)how,
    };
    char *copy = ptmi_py_alloc(py, len + 1);
    if (!copy || len == 0) return;
    memcpy(copy, name, len);
    bind.name = copy;
    if (!py->frame->func && strcmp(copy, "__dir__") == 0 && value->type != PYV_GONE)
        ptmi_py_note_dynamic(py, py->frame->module, at);
    if (py->frame->globals && bind_outside(py, &bind)) return;
    ptmi_py_env_set(py, py->frame->env, &bind);
}

/* Any of the names may have gone. */
static void doubt_all(ptmi_py *py, struct ptmi_py_module *module)
{
    for (struct ptmi_py_env *env = module->now; env; env = env->branch ? env->parent : NULL) {
        for (size_t i = 0; i < env->n && ptmi_py_step(py); i++) {
            struct ptmi_py_bind bind = env->binds[i];
            if (env != module->now &&
                !ptmi_py_env_find(py, module->now, bind.name, strlen(bind.name)))
                continue;
            bind.maybe = true;
            if (env == module->now)
                env->binds[i].maybe = true;
            else if (!ptmi_py_env_own(py, module->now, bind.name, strlen(bind.name)))
                ptmi_py_env_set(py, module->now, &bind);
        }
    }
}

void ptmi_py_unset_global(ptmi_py *py, struct ptmi_py_module *module, struct ptmi_py_value *key)
{
    if (!py->changing || !module->now) return;
    if (key->type != PYV_STR) {
        doubt_all(py, module);
        return;
    }
    const struct ptmi_py_bind *was = ptmi_py_env_find(py, module->now, key->str, strlen(key->str));
    if (!was) return;
    struct ptmi_py_bind bind = *was;
    bind.maybe = true;
    if (!in_doubt(py)) bind.value = &py->gone;
    ptmi_py_env_set(py, module->now, &bind);
}

void ptmi_py_set_global(ptmi_py *py, struct ptmi_py_module *module, struct ptmi_py_value *key,
                        struct ptmi_py_value *value, TSNode at)
{
    if (!py->changing) return;
    struct ptmi_py_value *name;
    for (size_t i = 0; (name = ptmi_py_choice(key, i)); i++) {
        if (name->type != PYV_STR) {
            ptmi_py_note_dynamic(py, module, at);
            continue;
        }
        bind_global(py, module, name->str, value, key->type == PYV_ANY);
        struct ptmi_py_bind *bind = ptmi_py_env_own(py, module->now, name->str, strlen(name->str));
        if (bind && bind->line == 0) bind->line = ptmi_py_line(at);
    }
}

void ptmi_py_update_globals(ptmi_py *py, struct ptmi_py_module *module, struct ptmi_py_value *items,
                            TSNode at)
{
    if (items->type != PYV_DICT || items->open) ptmi_py_note_dynamic(py, module, at);
    for (size_t i = 0; items->type == PYV_DICT && i < items->n; i++)
        ptmi_py_set_global(py, module, items->keys[i], items->items[i], at);
}

static void set_member(ptmi_py *py, struct ptmi_py_env *env, const char *name,
                       struct ptmi_py_value *value, TSNode at)
{
    struct ptmi_py_bind bind = {.name = name, .value = value, .line = ptmi_py_line(at)};
    bind.source = &py->frame->module->source;
    ptmi_py_env_set(py, env, &bind);
}

void ptmi_py_set_attribute(ptmi_py *py, struct ptmi_py_value *object, struct ptmi_py_value *name,
                           struct ptmi_py_value *value, TSNode at)
{
    if (object->type == PYV_MODULE && py->changing && ptmi_py_module_load(py, object->module)) {
        ptmi_py_set_global(py, object->module, name, value, at);
        return;
    }
    if (name->type != PYV_STR || !ptmi_py_may_change(py, object)) return;
    bool is_doc = strcmp(name->str, "__doc__") == 0;
    if (is_doc && (object->type == PYV_FUNC || object->type == PYV_CLASS)) {
        /* Not known: the text it had says more than none. */
        object->doc = value->type == PYV_STR ? value->str : value->type == PYV_NONE ? "" : NULL;
    } else if (object->type == PYV_INSTANCE && object->attrs) {
        set_member(py, object->attrs, name->str, value, at);
    } else if (object->type == PYV_CLASS && ptmi_py_class_env(py, object)) {
        set_member(py, object->attrs, name->str, value, at);
    }
}

static void set_item(ptmi_py *py, TSNode target, struct ptmi_py_value *value)
{
    TSNode of = ptmi_py_field_of(&py->lang, target, PYF_VALUE);
    struct ptmi_py_value *object = ptmi_py_eval(py, of);
    struct ptmi_py_value *key =
        ptmi_py_eval(py, ptmi_py_field_of(&py->lang, target, PYF_SUBSCRIPT));
    if (object->type == PYV_GLOBALS) {
        ptmi_py_set_global(py, object->module, key, value, target);
    } else if (object->type == PYV_DICT && ptmi_py_may_change(py, object)) {
        if (!ptmi_py_is_const(key)) object->open = true;
        ptmi_py_dict_set(py, object, key, value);
    } else if (object->type == PYV_LIST && ptmi_py_may_change(py, object)) {
        ptmi_py_forget(object);
    }
}

/* a, *b = value */
static void unpack(ptmi_py *py, TSNode target, struct ptmi_py_value *value)
{
    struct ptmi_py_value *items = ptmi_py_items(py, value);
    bool whole = items && !items->open;
    size_t i = 0;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, target);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid); i++) {
        bool splat = ptmi_py_kind_of(&py->lang, kid) == PY_LIST_SPLAT_PATTERN;
        if (splat) whole = false;
        struct ptmi_py_value *rest = splat ? &py->data : &py->unknown; /* a list, of what ever */
        ptmi_py_assign(py, kid, whole && i < items->n ? items->items[i] : rest, PYB_ASSIGNED);
    }
}

void ptmi_py_assign(ptmi_py *py, TSNode target, struct ptmi_py_value *value, ptmi_py_how how)
{
    struct ptmi_py_span span = ptmi_py_span_of(&py->frame->module->source, target);
    if (!ptmi_py_step(py) || py->depth > PTM_LIMIT_PYTHON_DEPTH) return;
    py->depth++;
    switch (ptmi_py_kind_of(&py->lang, target)) {
    case PY_IDENTIFIER:
        ptmi_py_bind_name(py, span.text, span.len, value, target, how);
        break;
    case PY_PATTERN_LIST:
    case PY_TUPLE_PATTERN:
    case PY_LIST_PATTERN:
    case PY_TUPLE:
    case PY_EXPRESSION_LIST:
    case PY_LIST:
        unpack(py, target, value);
        break;
    case PY_LIST_SPLAT_PATTERN:
    case PY_AS_PATTERN_TARGET:
    case PY_PARENTHESIZED_EXPRESSION:
        ptmi_py_assign(py, ptmi_py_first(&py->lang, target), value, how);
        break;
    case PY_SUBSCRIPT:
        set_item(py, target, value);
        break;
    case PY_ATTRIBUTE: {
        struct ptmi_py_value *object =
            ptmi_py_eval(py, ptmi_py_field_of(&py->lang, target, PYF_OBJECT));
        struct ptmi_py_span name = ptmi_py_span_of(
            &py->frame->module->source, ptmi_py_field_of(&py->lang, target, PYF_ATTRIBUTE));
        ptmi_py_set_attribute(py, object, ptmi_py_str(py, name.text, name.len), value, target);
        break;
    }
    default:
        break;
    }
    py->depth--;
}

/* a = b = value: the right side first, then the names from left to right. */
static struct ptmi_py_value *assignment(ptmi_py *py, TSNode node, ptmi_py_how *out_how)
{
    TSNode right = ptmi_py_field_of(&py->lang, node, PYF_RIGHT);
    if (ts_node_is_null(right) || !ptmi_py_step(py)) return NULL;
    struct ptmi_py_value *value = NULL;
    ptmi_py_kind kind = ptmi_py_kind_of(&py->lang, right);
    *out_how = kind == PY_IDENTIFIER || kind == PY_ATTRIBUTE ? PYB_ALIAS : PYB_ASSIGNED;
    if (kind == PY_ASSIGNMENT && py->depth < PTM_LIMIT_PYTHON_DEPTH) {
        py->depth++;
        value = assignment(py, right, out_how);
        py->depth--;
    } else {
        value = ptmi_py_eval(py, right);
    }
    if (value) ptmi_py_assign(py, ptmi_py_field_of(&py->lang, node, PYF_LEFT), value, *out_how);
    return value;
}

/* x += y: lists grow in place, anything else is bound anew. */
static void augmented(ptmi_py *py, TSNode node)
{
    TSNode left = ptmi_py_field_of(&py->lang, node, PYF_LEFT);
    struct ptmi_py_span op = ptmi_py_span_of(&py->frame->module->source,
                                             ptmi_py_field_of(&py->lang, node, PYF_OPERATOR));
    struct ptmi_py_value *before = ptmi_py_eval(py, left);
    struct ptmi_py_value *by = ptmi_py_eval(py, ptmi_py_field_of(&py->lang, node, PYF_RIGHT));
    struct ptmi_py_value *after =
        ptmi_py_span_is(op, "+=") ? ptmi_py_add(py, before, by) : &py->data;
    ptmi_py_assign(py, left, after, PYB_ASSIGNED);
}

static void expression_statement(ptmi_py *py, TSNode node)
{
    ptmi_py_how how;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        switch (ptmi_py_kind_of(&py->lang, kid)) {
        case PY_ASSIGNMENT:
            (void)assignment(py, kid, &how);
            break;
        case PY_AUGMENTED_ASSIGNMENT:
            augmented(py, kid);
            break;
        case PY_STRING:
            break; /* docstrings: thousands of lines that bind nothing */
        default:
            (void)ptmi_py_eval(py, kid);
            break;
        }
    }
}

/* --- definitions --- */

/* Functions of a module look names up in what the module has when they are called, those inside a
 * class not in the class. */
static void remember_scope(ptmi_py *py, struct ptmi_py_value *value)
{
    struct ptmi_py_frame *frame = py->frame;
    value->module = frame->module;
    bool in_class = frame->func && frame->func->type == PYV_CLASS;
    if (in_class) {
        value->owner = frame->func;
        value->env = frame->func->env;
    } else {
        value->env = frame->func ? frame->env : NULL;
    }
}

struct ptmi_py_env *ptmi_py_outer_env(const struct ptmi_py_value *definition)
{
    return definition->env ? definition->env : definition->module->now;
}

static struct ptmi_py_value *function_value(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_FUNC);
    value->node = node;
    remember_scope(py, value);
    return value;
}

static struct ptmi_py_value *class_value(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_CLASS);
    value->node = node;
    remember_scope(py, value);
    value->owner = NULL;
    value->bases = ptmi_py_value_new(py, PYV_LIST);
    TSNode bases = ptmi_py_field_of(&py->lang, node, PYF_SUPERCLASSES);
    if (ts_node_is_null(bases)) return value;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, bases);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        bool keyword = ptmi_py_kind_of(&py->lang, kid) == PY_KEYWORD_ARGUMENT; /* metaclass=.. */
        ptmi_py_list_add(py, value->bases, keyword ? &py->unknown : ptmi_py_eval(py, kid));
    }
    return value;
}

static struct ptmi_py_value *define(ptmi_py *py, TSNode node)
{
    bool is_class = ptmi_py_kind_of(&py->lang, node) == PY_CLASS_DEFINITION;
    struct ptmi_py_span name =
        ptmi_py_span_of(&py->frame->module->source, ptmi_py_field_of(&py->lang, node, PYF_NAME));
    struct ptmi_py_value *value = is_class ? class_value(py, node) : function_value(py, node);
    ptmi_py_bind_name(py, name.text, name.len, value, node, PYB_DEFINED);
    return value;
}

/* A decorator may put anything in a name's place; nearly all give a function of the same name and
 * signature, so that is what is told. Those of the repository are called for what else they do. */
static struct ptmi_py_value *decorate(ptmi_py *py, TSNode decorator, struct ptmi_py_value *value)
{
    TSNode by = ptmi_py_first(&py->lang, decorator);
    if (ts_node_is_null(by)) return value;
    struct ptmi_py_span span = ptmi_py_span_of(&py->frame->module->source, by);
    value->static_method |= ptmi_py_span_is(span, "staticmethod");
    value->class_method |= ptmi_py_span_is(span, "classmethod");
    value->property |= ptmi_py_span_is(span, "property");
    value->decorated = true;
    if (py->frame->func) return value;
    struct ptmi_py_value *callee = ptmi_py_eval(py, by), *items[] = {value}, *choice;
    const char *names[] = {NULL};
    struct ptmi_py_args args = {.items = items, .names = names, .n = 1};
    if (callee->type == PYV_BUILTIN && strcmp(callee->str, "property") == 0) return &py->data;
    if (callee->type != PYV_FUNC) return value;
    struct ptmi_py_value *made = ptmi_py_call(py, callee, &args);
    bool all = true, any = false; /* of what it may give: nothing one calls */
    for (size_t i = 0; (choice = ptmi_py_choice(made, i)); i++) {
        bool plain = choice->type >= PYV_DATA && choice->type <= PYV_DICT;
        all &= plain;
        any |= plain;
    }
    return all ? made : any ? ptmi_py_either(py, value, &py->data) : value;
}

static void decorated(ptmi_py *py, TSNode node)
{
    TSNode definition = ptmi_py_field_of(&py->lang, node, PYF_DEFINITION);
    struct ptmi_py_value *value = define(py, definition), *last = value;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        if (ptmi_py_kind_of(&py->lang, kid) != PY_DECORATOR) continue;
        struct ptmi_py_value *made = decorate(py, kid, value);
        if (last == value) last = made; /* the topmost is called last */
    }
    if (last != value)
        ptmi_py_assign(py, ptmi_py_field_of(&py->lang, definition, PYF_NAME), last, PYB_ASSIGNED);
}

static void delete_item(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *object = ptmi_py_eval(py, ptmi_py_field_of(&py->lang, node, PYF_VALUE));
    struct ptmi_py_value *key = ptmi_py_eval(py, ptmi_py_field_of(&py->lang, node, PYF_SUBSCRIPT));
    if (object->type == PYV_GLOBALS)
        ptmi_py_unset_global(py, object->module, key);
    else if (object->type == PYV_DICT && ptmi_py_may_change(py, object))
        ptmi_py_dict_drop(py, object, key);
    else if (object->type == PYV_LIST && ptmi_py_may_change(py, object))
        ptmi_py_forget(object);
}

static void delete_one(ptmi_py *py, TSNode node);

/* "del a, (b, [c])" */
static void delete_names(ptmi_py *py, TSNode node)
{
    if (!ptmi_py_step(py) || py->depth >= PTM_LIMIT_PYTHON_DEPTH) return;
    py->depth++;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) delete_one(py, kid);
    py->depth--;
}

static void delete_one(ptmi_py *py, TSNode node)
{
    struct ptmi_py_span name = ptmi_py_span_of(&py->frame->module->source, node);
    switch (ptmi_py_kind_of(&py->lang, node)) {
    case PY_EXPRESSION_LIST:
    case PY_TUPLE:
    case PY_LIST:
    case PY_PARENTHESIZED_EXPRESSION:
        delete_names(py, node);
        break;
    case PY_SUBSCRIPT:
        delete_item(py, node);
        break;
    case PY_IDENTIFIER:
        if (ptmi_py_env_find(py, py->frame->env, name.text, name.len))
            ptmi_py_bind_name(py, name.text, name.len, &py->gone, node, PYB_ASSIGNED);
        break;
    default:
        break;
    }
}

/* global a, b: what they are bound to from here on, they are in the module. */
static void names_outside(ptmi_py *py, TSNode node, bool is_global)
{
    struct ptmi_py_frame *frame = py->frame;
    if (!frame->func) return;
    if (!frame->globals) frame->globals = ptmi_py_env_new(py, NULL, false);
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; frame->globals && ptmi_py_kids_next(&kids, &kid);) {
        struct ptmi_py_span name = ptmi_py_span_of(&frame->module->source, kid);
        const struct ptmi_py_value *text = ptmi_py_str(py, name.text, name.len);
        struct ptmi_py_bind bind = {.name = text->type == PYV_STR ? text->str : "",
                                    .value = is_global ? &py->yes : &py->no};
        ptmi_py_env_set(py, frame->globals, &bind);
    }
}

static void give_back(ptmi_py *py, TSNode node)
{
    TSNode what = ptmi_py_first(&py->lang, node);
    struct ptmi_py_value *value = ts_node_is_null(what) ? &py->none : ptmi_py_eval(py, what);
    py->frame->result = ptmi_py_either(py, py->frame->result, value);
}

static void eval_kids(ptmi_py *py, TSNode node)
{
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) (void)ptmi_py_eval(py, kid);
}

/* --- all of them --- */

static ptmi_py_flow dispatch(ptmi_py *py, TSNode node)
{
    ptmi_py_kind kind = ptmi_py_kind_of(&py->lang, node);
    switch (kind) {
    case PY_EXPRESSION_STATEMENT:
        expression_statement(py, node);
        break;
    case PY_FUNCTION_DEFINITION:
    case PY_CLASS_DEFINITION:
        (void)define(py, node);
        break;
    case PY_DECORATED_DEFINITION:
        decorated(py, node);
        break;
    case PY_FUTURE_IMPORT_STATEMENT:
    case PY_IMPORT_STATEMENT:
    case PY_IMPORT_FROM_STATEMENT:
        ptmi_py_exec_import(py, node, kind);
        break;
    case PY_IF_STATEMENT:
    case PY_FOR_STATEMENT:
    case PY_WHILE_STATEMENT:
    case PY_TRY_STATEMENT:
    case PY_WITH_STATEMENT:
    case PY_MATCH_STATEMENT:
        return ptmi_py_exec_branching(py, node, kind);
    case PY_DELETE_STATEMENT:
        delete_names(py, node);
        break;
    case PY_ASSERT_STATEMENT:
        eval_kids(py, node);
        break;
    case PY_RETURN_STATEMENT:
        give_back(py, node);
        return PYX_END;
    case PY_RAISE_STATEMENT:
        return PYX_END;
    case PY_BREAK_STATEMENT:
        return PYX_BREAK;
    case PY_CONTINUE_STATEMENT:
        return PYX_CONTINUE;
    case PY_GLOBAL_STATEMENT:
    case PY_NONLOCAL_STATEMENT:
        names_outside(py, node, kind == PY_GLOBAL_STATEMENT);
        break;
    case PY_EXEC_STATEMENT:
        ptmi_py_note_dynamic(py, py->frame->module, node);
        break;
    case PY_BLOCK:
    case PY_ERROR:
        return ptmi_py_exec_block(py, node);
    default:
        break;
    }
    return PYX_NEXT;
}

static ptmi_py_flow exec_one(ptmi_py *py, TSNode statement)
{
    if (!ptmi_py_step(py)) { /* what comes from here on is not known */
        ptmi_py_note_dynamic(py, py->frame->module, statement);
        return PYX_END;
    }
    if (py->depth >= PTM_LIMIT_PYTHON_DEPTH) {
        py->exhausted = true;
        if (!py->frame->func) ptmi_py_note_dynamic(py, py->frame->module, statement);
        return PYX_NEXT;
    }
    py->depth++;
    ptmi_py_flow flow = dispatch(py, statement);
    py->depth--;
    return flow;
}

/* Only while a module is gone through: what entry points fetch is told of all ways alike. */
ptmi_py_flow ptmi_py_exec_kids(ptmi_py *py, struct ptmi_py_kids *kids)
{
    const struct ptmi_py_frame *frame = py->frame;
    ptmi_py_flow flow = PYX_NEXT;
    for (TSNode kid; flow == PYX_NEXT;) {
        if (py->changing && (frame->left & ~frame->guarded)) return ptmi_py_exec_rest(py, kids);
        if (!ptmi_py_kids_next(kids, &kid)) break;
        flow = exec_one(py, kid);
    }
    return flow;
}

ptmi_py_flow ptmi_py_exec_block(ptmi_py *py, TSNode block)
{
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, block);
    return ptmi_py_exec_kids(py, &kids);
}
