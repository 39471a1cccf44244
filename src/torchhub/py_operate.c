/* SPDX-License-Identifier: MIT */
/* py_operate.c - operators. A result that can be none one calls (arithmetic, comparisons) is at
 * least known to be that. */
#include <string.h>

#include "../base/auto.h"
#include "py_eval.h"

/* --- two operands --- */

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
    ptmi_py_dict_add(py, dict, a);
    ptmi_py_dict_add(py, dict, b);
    return dict;
}

static struct ptmi_py_value *binary(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *a = ptmi_py_eval(py, ptmi_py_part(py, node, PYF_LEFT));
    struct ptmi_py_value *b = ptmi_py_eval(py, ptmi_py_part(py, node, PYF_RIGHT));
    struct ptmi_py_span op = ptmi_py_text(py, ptmi_py_part(py, node, PYF_OPERATOR));
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
    struct ptmi_py_value *a = ptmi_py_eval(py, ptmi_py_part(py, node, PYF_LEFT));
    bool is_or = ptmi_py_span_is(ptmi_py_text(py, ptmi_py_part(py, node, PYF_OPERATOR)), "or");
    int truth = ptmi_py_truth(a);
    if (truth >= 0 && truth == is_or) return a;
    struct ptmi_py_value *b = ptmi_py_eval(py, ptmi_py_part(py, node, PYF_RIGHT));
    if (truth >= 0) return b;
    int right = ptmi_py_truth(b);
    if (!is_or && right == 0) return &py->no; /* neither way is it true */
    return ptmi_py_either(py, a, b);
}

static int contains(ptmi_py *py, struct ptmi_py_value *in, const struct ptmi_py_value *what)
{
    size_t len = in->type == PYV_STR ? strlen(in->str) : 0;
    ptmi_py_toil(py, len);
    if (in->type == PYV_STR && what->type == PYV_STR) /* strstr() may take len * len(what) */
        return memmem(in->str, len, what->str, strlen(what->str)) != NULL;
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
    size_t n = 0, end = ts_node_start_byte(b);
    ptmi_py_toil(py, end - ts_node_end_byte(a));
    for (size_t i = ts_node_end_byte(a); i < end && n < 7; i++)
        if (!strchr(" \t\n\\()", text[i])) out[n++] = text[i];
    out[n] = '\0';
}

static int compare(ptmi_py *py, const char *op, struct ptmi_py_value *a, struct ptmi_py_value *b)
{
    if (a->type == PYV_STR) ptmi_py_toil(py, strlen(a->str));
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

/* --- one operand, or three --- */

static struct ptmi_py_value *negated(ptmi_py *py, TSNode node)
{
    TSNode of = ptmi_py_part(py, node, PYF_ARGUMENT);
    int truth = ptmi_py_truth(ptmi_py_eval(py, of));
    return truth < 0 ? &py->data : ptmi_py_bool(py, !truth);
}

static struct ptmi_py_value *unary(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *of = ptmi_py_eval(py, ptmi_py_part(py, node, PYF_ARGUMENT));
    bool minus = ptmi_py_text(py, node).text[0] == '-';
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

struct ptmi_py_value *ptmi_py_eval_operator(ptmi_py *py, TSNode node, ptmi_py_kind kind)
{
    switch (kind) {
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
    default:
        return conditional(py, node);
    }
}
