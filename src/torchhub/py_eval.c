/* SPDX-License-Identifier: MIT */
/* py_eval.c - expressions: names, attributes, subscripts. Collections are in py_collect.c,
 * operators in py_operate.c, strings in py_format.c, calls in py_call.c. What is not known stays
 * unknown. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "py_eval.h"

#define DOTTED_MAX 512

/* --- names --- */

static struct ptmi_py_value *look_up(ptmi_py *py, struct ptmi_py_span name)
{
    struct ptmi_py_bind *bind = ptmi_py_env_find(py, py->frame->env, name.text, name.len);
    if (bind) return ptmi_py_force(py, bind->value);
    struct ptmi_py_value *text = ptmi_py_str(py, name.text, name.len);
    if (text->type != PYV_STR || !ptmi_py_is_builtin(text->str)) return &py->unknown;
    text->type = PYV_BUILTIN;
    return text;
}

static struct ptmi_py_value *integer(ptmi_py *py, struct ptmi_py_span text)
{
    char digits[32], *end;
    size_t n = 0;
    for (size_t i = 0; i < text.len && n < sizeof digits - 1; i++)
        if (text.text[i] != '_') digits[n++] = text.text[i];
    digits[n] = '\0';
    bool hex = n > 1 && (digits[1] | 0x20) == 'x';
    errno = 0;
    long long value = strtoll(digits, &end, hex ? 16 : 10);
    if (*end || errno == ERANGE || n == sizeof digits - 1) return &py->data;
    return ptmi_py_int(py, value);
}

/* --- attributes --- */

static struct ptmi_py_value *extern_attribute(ptmi_py *py, const struct ptmi_py_value *of,
                                              const char *name)
{
    char dotted[DOTTED_MAX];
    size_t a = strlen(of->str), b = strlen(name);
    if (a + b + 2 > sizeof dotted) return &py->unknown;
    memcpy(dotted, of->str, a);
    dotted[a] = '.';
    memcpy(dotted + a + 1, name, b + 1);
    return ptmi_py_extern(py, dotted, false);
}

/* A function found in a class becomes a method of self. */
static struct ptmi_py_value *bound(ptmi_py *py, struct ptmi_py_value *found,
                                   struct ptmi_py_value *self, bool on_class)
{
    if (!found || found->type != PYV_FUNC || found->static_method) return found;
    if (on_class && !found->class_method) return found;
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_BOUND);
    value->inner = found;
    value->owner = self;
    if (!found->property) return value;
    struct ptmi_py_args none = {0};
    return ptmi_py_call(py, value, &none);
}

static struct ptmi_py_value *instance_attribute(ptmi_py *py, struct ptmi_py_value *of,
                                                const char *name)
{
    struct ptmi_py_bind *own = ptmi_py_env_own(py, of->attrs, name, strlen(name));
    if (own) return ptmi_py_force(py, own->value);
    bool known_class = of->owner && of->owner->type == PYV_CLASS;
    struct ptmi_py_value *found =
        known_class ? bound(py, ptmi_py_class_attr(py, of->owner, name), of, false) : NULL;
    if (found) return found;
    return strcmp(name, "value") == 0 ? of : &py->unknown; /* a member of an Enum */
}

static struct ptmi_py_value *super_attribute(ptmi_py *py, struct ptmi_py_value *of,
                                             const char *name)
{
    struct ptmi_py_value *bases = of->bases;
    for (size_t i = 0; bases && i < bases->n; i++) {
        if (bases->items[i]->type != PYV_CLASS) continue;
        struct ptmi_py_value *found = ptmi_py_class_attr(py, bases->items[i], name);
        if (found) return bound(py, found, of->owner, false);
    }
    return &py->unknown;
}

/* pathlib.Path is kept as its text. */
static struct ptmi_py_value *path_attribute(ptmi_py *py, const struct ptmi_py_value *of,
                                            const char *name)
{
    const char *slash = strrchr(of->str, '/');
    ptmi_py_toil(py, strlen(of->str));
    if (strcmp(name, "parent") != 0 || !slash) return &py->data;
    return ptmi_py_str(py, of->str, slash == of->str ? 1 : (size_t)(slash - of->str));
}

static struct ptmi_py_value *doc_of(ptmi_py *py, const struct ptmi_py_value *of)
{
    TSNode body = ptmi_py_field_of(&py->lang, of->node, PYF_BODY);
    if (!of->doc) return ptmi_py_doc(py, of->module, body);
    return *of->doc ? ptmi_py_str(py, of->doc, strlen(of->doc)) : &py->none;
}

static struct ptmi_py_value *function_attribute(ptmi_py *py, const struct ptmi_py_value *of,
                                                const char *name)
{
    TSNode own = ptmi_py_part(py, of->node, PYF_NAME);
    if (strcmp(name, "__doc__") == 0) return doc_of(py, of);
    if (strcmp(name, "__name__") == 0 && !ts_node_is_null(own)) {
        struct ptmi_py_span text = ptmi_py_span_of(&of->module->source, own);
        return ptmi_py_str(py, text.text, text.len);
    }
    if (strcmp(name, "__globals__") != 0) return &py->unknown;
    struct ptmi_py_value *globals = ptmi_py_value_new(py, PYV_GLOBALS);
    globals->module = of->module;
    return globals;
}

static struct ptmi_py_value *attribute_of(ptmi_py *py, struct ptmi_py_value *of, void *arg)
{
    const char *name = arg;
    struct ptmi_py_value *found = NULL;
    switch ((ptmi_py_type)of->type) {
    case PYV_EXTERN:
        return extern_attribute(py, of, name);
    case PYV_MODULE:
        if (strcmp(name, "__dict__") == 0) {
            found = ptmi_py_value_new(py, PYV_GLOBALS);
            found->module = of->module;
            return found;
        }
        found = ptmi_py_module_get(py, of->module, name);
        break;
    case PYV_CLASS:
        if (strcmp(name, "__doc__") == 0) return doc_of(py, of);
        found = strcmp(name, "__name__") == 0
                    ? function_attribute(py, of, name)
                    : bound(py, ptmi_py_class_attr(py, of, name), of, true);
        break;
    case PYV_INSTANCE:
        return instance_attribute(py, of, name);
    case PYV_SUPER:
        return super_attribute(py, of, name);
    case PYV_STR:
        return path_attribute(py, of, name);
    case PYV_PARTIAL:
        return strcmp(name, "func") == 0 ? of->owner : &py->unknown;
    case PYV_FUNC:
        return function_attribute(py, of, name);
    case PYV_DATA:
        return &py->unknown;
    default:
        break;
    }
    return found ? found : &py->unknown;
}

struct ptmi_py_value *ptmi_py_attribute(ptmi_py *py, struct ptmi_py_value *object, const char *name)
{
    return ptmi_py_map(py, object, attribute_of, (void *)name);
}

/* --- subscripts --- */

static struct ptmi_py_value *any_item(ptmi_py *py, const struct ptmi_py_value *of)
{
    struct ptmi_py_value *any = of->open ? &py->unknown : NULL;
    for (size_t i = 0; i < of->n && ptmi_py_step(py); i++)
        any = ptmi_py_either(py, any, of->items[i]);
    return any ? any : &py->unknown;
}

static struct ptmi_py_value *any_member(ptmi_py *py, struct ptmi_py_value *class)
{
    struct ptmi_py_env *env = ptmi_py_class_env(py, class);
    struct ptmi_py_value *any = NULL;
    for (size_t i = 0; env && i < env->n && ptmi_py_step(py); i++)
        if (env->binds[i].value->type == PYV_INSTANCE || env->binds[i].value->type == PYV_STR)
            any = ptmi_py_either(py, any, env->binds[i].value);
    return any ? any : &py->unknown;
}

struct subscript {
    struct ptmi_py_value *of, *key;
};

static struct ptmi_py_value *item_of(ptmi_py *py, struct ptmi_py_value *key, void *arg)
{
    struct ptmi_py_value *of = arg, *found = NULL;
    bool known = ptmi_py_is_const(key);
    switch ((ptmi_py_type)of->type) {
    case PYV_DICT:
        if (!known) return any_item(py, of);
        found = ptmi_py_dict_get(py, of, key);
        break;
    case PYV_LIST: {
        if (key->type != PYV_INT) return known ? &py->unknown : any_item(py, of);
        int64_t at = key->num < 0 ? key->num + of->n : key->num;
        if (at >= 0 && at < of->n && (!of->open || key->num >= 0)) found = of->items[at];
        break;
    }
    case PYV_GLOBALS:
        if (key->type == PYV_STR) found = ptmi_py_module_get(py, of->module, key->str);
        break;
    case PYV_CLASS:
        if (key->type == PYV_STR)
            found = ptmi_py_class_attr(py, of, key->str);
        else if (!known)
            return any_member(py, of);
        break;
    case PYV_EXTERN:
        if (strcmp(of->str, "sys.path") == 0)
            return ptmi_py_str(py, PTMI_PY_TOP, strlen(PTMI_PY_TOP));
        if (strcmp(of->str, "sys.modules") == 0 && key->type == PYV_STR &&
            strcmp(key->str, py->frame->module->name) == 0) {
            found = ptmi_py_value_new(py, PYV_MODULE);
            found->module = py->frame->module;
        }
        break;
    case PYV_STR:
        return &py->data;
    default:
        break;
    }
    return found ? ptmi_py_force(py, found) : &py->unknown;
}

static struct ptmi_py_value *subscript_of(ptmi_py *py, struct ptmi_py_value *of, void *arg)
{
    return ptmi_py_map(py, arg, item_of, of);
}

struct ptmi_py_value *ptmi_py_subscript(ptmi_py *py, struct ptmi_py_value *object,
                                        struct ptmi_py_value *key)
{
    return ptmi_py_map(py, object, subscript_of, key);
}

static struct ptmi_py_value *subscript(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *object = ptmi_py_eval(py, ptmi_py_part(py, node, PYF_VALUE));
    TSNode key = ptmi_py_part(py, node, PYF_SUBSCRIPT);
    if (ptmi_py_kind_of(&py->lang, key) != PY_SLICE)
        return ptmi_py_subscript(py, object, ptmi_py_eval(py, key));
    if (object->type != PYV_LIST) return object->type == PYV_UNKNOWN ? object : &py->data;
    struct ptmi_py_value *part = ptmi_py_value_new(py, PYV_LIST); /* which part is not looked at */
    part->open = true;
    return part;
}

/* --- others --- */

static struct ptmi_py_value *lambda(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_FUNC);
    value->node = node;
    value->module = py->frame->module;
    value->env = py->frame->func ? py->frame->env : NULL;
    /* In a module's comprehension or branch, names of that are its own, too. */
    if (!value->env && py->frame->env != py->frame->module->now) value->env = py->frame->env;
    return value;
}

/* sys._getframe(1).f_globals[name] = ..: of any module that is being gone through. */
static void note_frames(ptmi_py *py, TSNode node)
{
    for (const struct ptmi_py_frame *frame = py->frame; frame; frame = frame->up)
        ptmi_py_note_dynamic(py, frame->module, node);
}

static struct ptmi_py_value *attribute(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *object = ptmi_py_eval(py, ptmi_py_part(py, node, PYF_OBJECT));
    struct ptmi_py_span name = ptmi_py_text(py, ptmi_py_part(py, node, PYF_ATTRIBUTE));
    char text[DOTTED_MAX];
    if (name.len >= sizeof text) return &py->unknown;
    memcpy(text, name.text, name.len);
    text[name.len] = '\0';
    if (strcmp(text, "f_globals") == 0) note_frames(py, node);
    return ptmi_py_attribute(py, object, text);
}

static struct ptmi_py_value *named(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *value = ptmi_py_eval(py, ptmi_py_part(py, node, PYF_VALUE));
    struct ptmi_py_env *before = py->frame->env,
                       *env = before; /* its names outlive a comprehension */
    while (env->comprehension && env->parent) env = env->parent;
    py->frame->env = env;
    ptmi_py_assign(py, ptmi_py_part(py, node, PYF_NAME), value, PYB_ASSIGNED);
    py->frame->env = before;
    return value;
}

static struct ptmi_py_value *evaluate(ptmi_py *py, TSNode node)
{
    ptmi_py_kind kind = ptmi_py_kind_of(&py->lang, node);
    switch (kind) {
    case PY_IDENTIFIER:
        return look_up(py, ptmi_py_text(py, node));
    case PY_STRING:
    case PY_CONCATENATED_STRING:
        return ptmi_py_eval_string(py, node);
    case PY_INTEGER:
        return integer(py, ptmi_py_text(py, node));
    case PY_FLOAT:
        return &py->data;
    case PY_TRUE:
        return &py->yes;
    case PY_FALSE:
        return &py->no;
    case PY_NONE:
        return &py->none;
    case PY_PARENTHESIZED_EXPRESSION:
    case PY_KEYWORD_ARGUMENT:
        return ptmi_py_eval(py, ptmi_py_first(&py->lang, node));
    case PY_ATTRIBUTE:
        return attribute(py, node);
    case PY_SUBSCRIPT:
        return subscript(py, node);
    case PY_CALL:
        return ptmi_py_eval_call(py, node);
    case PY_LIST:
    case PY_TUPLE:
    case PY_SET:
    case PY_EXPRESSION_LIST:
    case PY_DICTIONARY:
    case PY_LIST_COMPREHENSION:
    case PY_SET_COMPREHENSION:
    case PY_GENERATOR_EXPRESSION:
    case PY_DICTIONARY_COMPREHENSION:
        return ptmi_py_eval_collection(py, node, kind);
    case PY_BINARY_OPERATOR:
    case PY_BOOLEAN_OPERATOR:
    case PY_COMPARISON_OPERATOR:
    case PY_NOT_OPERATOR:
    case PY_UNARY_OPERATOR:
    case PY_CONDITIONAL_EXPRESSION:
        return ptmi_py_eval_operator(py, node, kind);
    case PY_LAMBDA:
        return lambda(py, node);
    case PY_NAMED_EXPRESSION:
        return named(py, node);
    case PY_AWAIT:
    case PY_YIELD:
        (void)ptmi_py_eval(py, ptmi_py_first(&py->lang, node));
        return &py->unknown;
    default:
        return &py->unknown;
    }
}

struct ptmi_py_value *ptmi_py_eval(ptmi_py *py, TSNode node)
{
    if (ts_node_is_null(node) || !ptmi_py_step(py)) return &py->unknown;
    if (py->depth >= PTM_LIMIT_PYTHON_DEPTH) {
        py->exhausted = true;
        return &py->unknown;
    }
    py->depth++;
    struct ptmi_py_value *value = evaluate(py, node);
    py->depth--;
    return value;
}
