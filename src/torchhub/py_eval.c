/* SPDX-License-Identifier: MIT */
/* py_eval.c - expressions. What is not known stays unknown; a result that can be none one calls
 * (arithmetic, comparisons, comprehensions) is at least known to be that. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "py_interp.h"

#define DOTTED_MAX 512

static TSNode field(ptmi_py *py, TSNode node, ptmi_py_field which)
{
    return ptmi_py_field_of(&py->lang, node, which);
}

static struct ptmi_py_span span(ptmi_py *py, TSNode node)
{
    return ptmi_py_span_of(&py->frame->module->source, node);
}

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
    if (strcmp(name, "parent") != 0 || !slash) return &py->data;
    return ptmi_py_str(py, of->str, slash == of->str ? 1 : (size_t)(slash - of->str));
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
        found = bound(py, ptmi_py_class_attr(py, of, name), of, true);
        break;
    case PYV_INSTANCE:
        return instance_attribute(py, of, name);
    case PYV_SUPER:
        return super_attribute(py, of, name);
    case PYV_STR:
        return path_attribute(py, of, name);
    case PYV_PARTIAL:
        return strcmp(name, "func") == 0 ? of->owner : &py->unknown;
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
    struct ptmi_py_value *object = ptmi_py_eval(py, field(py, node, PYF_VALUE));
    TSNode key = field(py, node, PYF_SUBSCRIPT);
    if (ptmi_py_kind_of(&py->lang, key) != PY_SLICE)
        return ptmi_py_subscript(py, object, ptmi_py_eval(py, key));
    if (object->type != PYV_LIST) return object->type == PYV_UNKNOWN ? object : &py->data;
    struct ptmi_py_value *part = ptmi_py_value_new(py, PYV_LIST); /* which part is not looked at */
    part->open = true;
    return part;
}

/* --- collections --- */

static void add_splat(ptmi_py *py, struct ptmi_py_value *list, TSNode splat)
{
    struct ptmi_py_value *items =
        ptmi_py_items(py, ptmi_py_eval(py, ptmi_py_first(&py->lang, splat)));
    if (!items || items->open) list->open = true;
    for (size_t i = 0; items && i < items->n; i++) ptmi_py_list_add(py, list, items->items[i]);
}

static struct ptmi_py_value *list_of(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *list = ptmi_py_value_new(py, PYV_LIST);
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        if (ptmi_py_kind_of(&py->lang, kid) == PY_LIST_SPLAT)
            add_splat(py, list, kid);
        else
            ptmi_py_list_add(py, list, ptmi_py_eval(py, kid));
    }
    return list;
}

static void add_dict(ptmi_py *py, struct ptmi_py_value *dict, const struct ptmi_py_value *more)
{
    if (more->type != PYV_DICT || more->open) dict->open = true;
    for (size_t i = 0; more->type == PYV_DICT && i < more->n; i++)
        ptmi_py_dict_set(py, dict, more->keys[i], more->items[i]);
}

static struct ptmi_py_value *dict_of(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *dict = ptmi_py_value_new(py, PYV_DICT);
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        if (ptmi_py_kind_of(&py->lang, kid) != PY_PAIR) {
            add_dict(py, dict, ptmi_py_eval(py, ptmi_py_first(&py->lang, kid)));
            continue;
        }
        struct ptmi_py_value *key = ptmi_py_eval(py, field(py, kid, PYF_KEY));
        if (!ptmi_py_is_const(key)) dict->open = true;
        ptmi_py_dict_set(py, dict, key, ptmi_py_eval(py, field(py, kid, PYF_VALUE)));
    }
    return dict;
}

struct comprehension {
    TSNode node;
    struct ptmi_py_value *result;
};

/* The i-th of its clauses; a null node past the last. */
static TSNode clause_at(ptmi_py *py, TSNode node, size_t i)
{
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);)
        if (!ptmi_py_kids_in(&kids, PYF_BODY) && i-- == 0) return kid;
    return (TSNode){0};
}

static void comprehend(ptmi_py *py, const struct comprehension *of, size_t clause);

static void comprehend_item(ptmi_py *py, const struct comprehension *of)
{
    TSNode body = field(py, of->node, PYF_BODY);
    if (of->result->type == PYV_DICT) {
        struct ptmi_py_value *key = ptmi_py_eval(py, field(py, body, PYF_KEY));
        if (!ptmi_py_is_const(key)) of->result->open = true;
        ptmi_py_dict_set(py, of->result, key, ptmi_py_eval(py, field(py, body, PYF_VALUE)));
    } else {
        ptmi_py_list_add(py, of->result, ptmi_py_eval(py, body));
    }
}

static void comprehend_for(ptmi_py *py, const struct comprehension *of, size_t clause, TSNode at)
{
    TSNode left = field(py, at, PYF_LEFT);
    struct ptmi_py_value *items = ptmi_py_items(py, ptmi_py_eval(py, field(py, at, PYF_RIGHT)));
    for (size_t i = 0; items && i < items->n && ptmi_py_step(py); i++) {
        ptmi_py_assign(py, left, items->items[i], PYB_ASSIGNED);
        comprehend(py, of, clause + 1);
    }
    if (items && !items->open) return;
    of->result->open = true;
    ptmi_py_assign(py, left, &py->unknown, PYB_ASSIGNED);
    comprehend(py, of, clause + 1);
}

static void comprehend(ptmi_py *py, const struct comprehension *of, size_t clause)
{
    TSNode at = clause_at(py, of->node, clause);
    if (!ptmi_py_step(py) || clause > 8) return;
    if (ts_node_is_null(at)) {
        comprehend_item(py, of);
    } else if (ptmi_py_kind_of(&py->lang, at) == PY_FOR_IN_CLAUSE) {
        comprehend_for(py, of, clause, at);
    } else {
        int truth = ptmi_py_truth(ptmi_py_eval(py, ptmi_py_first(&py->lang, at)));
        if (truth < 0) of->result->open = true;
        if (truth != 0) comprehend(py, of, clause + 1);
    }
}

/* Its names are its own. */
static struct ptmi_py_value *eval_comprehension(ptmi_py *py, TSNode node)
{
    bool is_dict = ptmi_py_kind_of(&py->lang, node) == PY_DICTIONARY_COMPREHENSION;
    struct comprehension of = {node, ptmi_py_value_new(py, is_dict ? PYV_DICT : PYV_LIST)};
    struct ptmi_py_env *before = py->frame->env, *env = ptmi_py_env_new(py, before, true);
    if (!env) return &py->data;
    py->frame->env = env;
    comprehend(py, &of, 0);
    py->frame->env = before;
    return of.result;
}

/* --- operators --- */

static struct ptmi_py_value *arithmetic(ptmi_py *py, char op, struct ptmi_py_value *a,
                                        struct ptmi_py_value *b)
{
    int64_t result;
    if (a->type != PYV_INT || b->type != PYV_INT) {
        bool data = a->type == PYV_DATA || b->type == PYV_DATA || ptmi_py_is_const(a) ||
                    ptmi_py_is_const(b);
        return data ? &py->data : &py->unknown;
    }
    bool over = op == '-'   ? __builtin_sub_overflow(a->num, b->num, &result)
                : op == '*' ? __builtin_mul_overflow(a->num, b->num, &result)
                            : true;
    return over ? &py->data : ptmi_py_int(py, result);
}

static struct ptmi_py_value *join_paths(ptmi_py *py, struct ptmi_py_value *a,
                                        struct ptmi_py_value *b)
{
    return ptmi_py_add(py, ptmi_py_add(py, a, ptmi_py_str(py, "/", 1)), b);
}

static struct ptmi_py_value *merged_dict(ptmi_py *py, const struct ptmi_py_value *a,
                                         const struct ptmi_py_value *b)
{
    struct ptmi_py_value *dict = ptmi_py_value_new(py, PYV_DICT);
    add_dict(py, dict, a);
    add_dict(py, dict, b);
    return dict;
}

static struct ptmi_py_value *binary(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *a = ptmi_py_eval(py, field(py, node, PYF_LEFT));
    struct ptmi_py_value *b = ptmi_py_eval(py, field(py, node, PYF_RIGHT));
    struct ptmi_py_span op = span(py, field(py, node, PYF_OPERATOR));
    if (ptmi_py_span_is(op, "+")) return ptmi_py_add(py, a, b);
    if (ptmi_py_span_is(op, "%")) return ptmi_py_percent(py, a, b);
    if (ptmi_py_span_is(op, "/") && (a->type == PYV_STR || b->type == PYV_STR))
        return join_paths(py, a, b);
    if (ptmi_py_span_is(op, "|") && a->type == PYV_DICT && b->type == PYV_DICT)
        return merged_dict(py, a, b);
    return arithmetic(py, op.len == 1 ? op.text[0] : ' ', a, b);
}

/* "a and b" is one of both unless a tells. */
static struct ptmi_py_value *boolean(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *a = ptmi_py_eval(py, field(py, node, PYF_LEFT));
    bool is_or = ptmi_py_span_is(span(py, field(py, node, PYF_OPERATOR)), "or");
    int truth = ptmi_py_truth(a);
    if (truth >= 0 && truth == is_or) return a;
    struct ptmi_py_value *b = ptmi_py_eval(py, field(py, node, PYF_RIGHT));
    if (truth >= 0) return b;
    int right = ptmi_py_truth(b);
    if (!is_or && right == 0) return &py->no; /* neither way is it true */
    return ptmi_py_either(py, a, b);
}

static int contains(ptmi_py *py, struct ptmi_py_value *in, const struct ptmi_py_value *what)
{
    if (in->type == PYV_STR && what->type == PYV_STR) return strstr(in->str, what->str) != NULL;
    struct ptmi_py_value *items = in->type == PYV_STR ? NULL : ptmi_py_items(py, in);
    if (!items || !ptmi_py_is_const(what)) return -1;
    int found = items->open ? -1 : 0;
    for (size_t i = 0; i < items->n && found != 1 && ptmi_py_step(py); i++) {
        int equal = ptmi_py_equal(items->items[i], what);
        if (equal != 0) found = equal == 1 ? 1 : -1;
    }
    return found;
}

static int is_same(const struct ptmi_py_value *a, const struct ptmi_py_value *b)
{
    if (a->type == PYV_NONE && b->type == PYV_NONE) return 1;
    const struct ptmi_py_value *other = a->type == PYV_NONE ? b : a;
    bool unclear = other->type == PYV_UNKNOWN || other->type == PYV_ANY ||
                   other->type == PYV_EXTERN || other->type == PYV_DATA;
    if (a->type != PYV_NONE && b->type != PYV_NONE) return ptmi_py_equal(a, b) == 1 ? 1 : -1;
    return unclear ? -1 : 0;
}

/* What stands between two operands: "not  in" as "not in". */
static void operator_between(ptmi_py *py, TSNode a, TSNode b, char out[8])
{
    const char *text = py->frame->module->source.text;
    size_t n = 0;
    for (size_t i = ts_node_end_byte(a); i < ts_node_start_byte(b) && n < 7; i++)
        if (!strchr(" \t\n\\()", text[i])) out[n++] = text[i];
    out[n] = '\0';
}

static int compare(ptmi_py *py, const char *op, struct ptmi_py_value *a, struct ptmi_py_value *b)
{
    int equal = ptmi_py_equal(a, b);
    if (strcmp(op, "==") == 0) return equal;
    if (strcmp(op, "!=") == 0) return equal < 0 ? -1 : !equal;
    if (strcmp(op, "is") == 0) return is_same(a, b);
    if (strcmp(op, "in") == 0) return contains(py, b, a);
    int truth = -1;
    if (strcmp(op, "isnot") == 0)
        truth = is_same(a, b);
    else if (strcmp(op, "notin") == 0)
        truth = contains(py, b, a);
    return truth < 0 ? -1 : !truth;
}

static struct ptmi_py_value *comparison(ptmi_py *py, TSNode node)
{
    TSNode operands[2] = {{{0}, NULL, NULL}, {{0}, NULL, NULL}};
    size_t n = 0;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        if (kids.field != 0) continue; /* an operator */
        if (n < 2) operands[n] = kid;
        n++;
    }
    if (n != 2) return &py->data;
    char op[8];
    struct ptmi_py_value *a = ptmi_py_eval(py, operands[0]), *b = ptmi_py_eval(py, operands[1]);
    operator_between(py, operands[0], operands[1], op);
    int truth = compare(py, op, a, b);
    return truth < 0 ? &py->data : ptmi_py_bool(py, truth == 1);
}

static struct ptmi_py_value *negated(ptmi_py *py, TSNode node)
{
    TSNode of = field(py, node, PYF_ARGUMENT);
    int truth = ptmi_py_truth(ptmi_py_eval(py, of));
    return truth < 0 ? &py->data : ptmi_py_bool(py, !truth);
}

static struct ptmi_py_value *unary(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *of = ptmi_py_eval(py, field(py, node, PYF_ARGUMENT));
    bool minus = ptmi_py_span_of(&py->frame->module->source, node).text[0] == '-';
    bool fits = of->type == PYV_INT && of->num != INT64_MIN;
    return minus && fits ? ptmi_py_int(py, -of->num) : &py->data;
}

/* "a if c else b": three children, of no field. */
static struct ptmi_py_value *conditional(ptmi_py *py, TSNode node)
{
    TSNode parts[3] = {{{0}, NULL, NULL}, {{0}, NULL, NULL}, {{0}, NULL, NULL}};
    size_t n = 0;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; n < 3 && ptmi_py_kids_next(&kids, &kid);) parts[n++] = kid;
    if (n < 3) return &py->unknown;
    int truth = ptmi_py_truth(ptmi_py_eval(py, parts[1]));
    if (truth == 1) return ptmi_py_eval(py, parts[0]);
    if (truth == 0) return ptmi_py_eval(py, parts[2]);
    struct ptmi_py_value *a = ptmi_py_eval(py, parts[0]);
    return ptmi_py_either(py, a, ptmi_py_eval(py, parts[2]));
}

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

static struct ptmi_py_value *attribute(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *object = ptmi_py_eval(py, field(py, node, PYF_OBJECT));
    struct ptmi_py_span name = span(py, field(py, node, PYF_ATTRIBUTE));
    char text[DOTTED_MAX];
    if (name.len >= sizeof text) return &py->unknown;
    memcpy(text, name.text, name.len);
    text[name.len] = '\0';
    return ptmi_py_attribute(py, object, text);
}

static struct ptmi_py_value *named(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *value = ptmi_py_eval(py, field(py, node, PYF_VALUE));
    ptmi_py_assign(py, field(py, node, PYF_NAME), value, PYB_ASSIGNED);
    return value;
}

static struct ptmi_py_value *evaluate(ptmi_py *py, TSNode node)
{
    switch (ptmi_py_kind_of(&py->lang, node)) {
    case PY_IDENTIFIER:
        return look_up(py, span(py, node));
    case PY_STRING:
    case PY_CONCATENATED_STRING:
        return ptmi_py_eval_string(py, node);
    case PY_INTEGER:
        return integer(py, span(py, node));
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
        return list_of(py, node);
    case PY_DICTIONARY:
        return dict_of(py, node);
    case PY_LIST_COMPREHENSION:
    case PY_SET_COMPREHENSION:
    case PY_GENERATOR_EXPRESSION:
    case PY_DICTIONARY_COMPREHENSION:
        return eval_comprehension(py, node);
    case PY_BINARY_OPERATOR:
        return binary(py, node);
    case PY_BOOLEAN_OPERATOR:
        return boolean(py, node);
    case PY_COMPARISON_OPERATOR:
        return comparison(py, node);
    case PY_NOT_OPERATOR:
        return negated(py, node);
    case PY_UNARY_OPERATOR:
        return unary(py, node);
    case PY_CONDITIONAL_EXPRESSION:
        return conditional(py, node);
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
