/* SPDX-License-Identifier: MIT */
/* py_exec.c - statements: definitions, assignments, deletions. Those with branches and loops are in
 * py_branch.c, imports in py_import.c. */
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "py_interp.h"

/* Statements that nobody can tell about, of one module: more say no more. */
#define DYNAMICS_MAX 1000

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
    ptmi_py_env_set(py, py->frame->env, &bind);
}

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

/* --- what is assigned to --- */

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
    if (module->now) ptmi_py_env_set(py, module->now, &bind);
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
    if (object->type == PYV_MODULE && object->module == py->frame->module) {
        ptmi_py_set_global(py, object->module, name, value, at);
        return;
    }
    if (name->type != PYV_STR || !ptmi_py_may_change(py, object)) return;
    bool is_doc = strcmp(name->str, "__doc__") == 0;
    if (is_doc && (object->type == PYV_FUNC || object->type == PYV_CLASS)) {
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
        if (py->branches) object->open = true;
        ptmi_py_dict_set(py, object, key, value);
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
    if (!py->frame->func && ptmi_py_span_is(name, "__dir__"))
        ptmi_py_note_dynamic(py, py->frame->module, node);
    return value;
}

/* A decorator may put anything in a name's place; nearly all give a function of the same name and
 * signature, so that is what is told. Those of the repository are called for what else they do. */
static void decorate(ptmi_py *py, TSNode decorator, struct ptmi_py_value *value)
{
    TSNode by = ptmi_py_first(&py->lang, decorator);
    if (ts_node_is_null(by)) return;
    struct ptmi_py_span span = ptmi_py_span_of(&py->frame->module->source, by);
    value->static_method |= ptmi_py_span_is(span, "staticmethod");
    value->class_method |= ptmi_py_span_is(span, "classmethod");
    value->property |= ptmi_py_span_is(span, "property");
    value->decorated = true;
    if (py->frame->func) return;
    struct ptmi_py_value *callee = ptmi_py_eval(py, by), *items[] = {value};
    const char *names[] = {NULL};
    struct ptmi_py_args args = {.items = items, .names = names, .n = 1};
    if (callee->type == PYV_FUNC) (void)ptmi_py_call(py, callee, &args);
}

static void decorated(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *value = define(py, ptmi_py_field_of(&py->lang, node, PYF_DEFINITION));
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);)
        if (ptmi_py_kind_of(&py->lang, kid) == PY_DECORATOR) decorate(py, kid, value);
}

static void delete_names(ptmi_py *py, TSNode node)
{
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        if (ptmi_py_kind_of(&py->lang, kid) == PY_EXPRESSION_LIST) {
            delete_names(py, kid);
            continue;
        }
        struct ptmi_py_span name = ptmi_py_span_of(&py->frame->module->source, kid);
        if (ptmi_py_kind_of(&py->lang, kid) == PY_IDENTIFIER &&
            ptmi_py_env_find(py, py->frame->env, name.text, name.len))
            ptmi_py_bind_name(py, name.text, name.len, &py->gone, kid, PYB_ASSIGNED);
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
        return PYX_NEXT;
    }
    py->depth++;
    ptmi_py_flow flow = dispatch(py, statement);
    py->depth--;
    return flow;
}

ptmi_py_flow ptmi_py_exec_block(ptmi_py *py, TSNode block)
{
    ptmi_py_flow flow = PYX_NEXT;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, block);
    for (TSNode kid; flow == PYX_NEXT && ptmi_py_kids_next(&kids, &kid);) flow = exec_one(py, kid);
    return flow;
}
