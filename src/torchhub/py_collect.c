/* SPDX-License-Identifier: MIT */
/* py_collect.c - lists, dicts and comprehensions. What is not known of them makes them open: they
 * have further items. */
#include "../base/auto.h"
#include "py_eval.h"

/* --- lists and dicts --- */

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

void ptmi_py_dict_add(ptmi_py *py, struct ptmi_py_value *dict, const struct ptmi_py_value *more)
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
            ptmi_py_dict_add(py, dict, ptmi_py_eval(py, ptmi_py_first(&py->lang, kid)));
            continue;
        }
        struct ptmi_py_value *key = ptmi_py_eval(py, ptmi_py_part(py, kid, PYF_KEY));
        if (!ptmi_py_is_const(key)) dict->open = true;
        ptmi_py_dict_set(py, dict, key, ptmi_py_eval(py, ptmi_py_part(py, kid, PYF_VALUE)));
    }
    return dict;
}

/* --- comprehensions --- */

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
    TSNode body = ptmi_py_part(py, of->node, PYF_BODY);
    if (of->result->type == PYV_DICT) {
        struct ptmi_py_value *key = ptmi_py_eval(py, ptmi_py_part(py, body, PYF_KEY));
        if (!ptmi_py_is_const(key)) of->result->open = true;
        ptmi_py_dict_set(py, of->result, key, ptmi_py_eval(py, ptmi_py_part(py, body, PYF_VALUE)));
    } else {
        ptmi_py_list_add(py, of->result, ptmi_py_eval(py, body));
    }
}

static void comprehend_for(ptmi_py *py, const struct comprehension *of, size_t clause, TSNode at)
{
    TSNode left = ptmi_py_part(py, at, PYF_LEFT);
    struct ptmi_py_value *items =
        ptmi_py_items(py, ptmi_py_eval(py, ptmi_py_part(py, at, PYF_RIGHT)));
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
    py->steps += clause;
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
    env->comprehension = true;
    py->frame->env = env;
    comprehend(py, &of, 0);
    py->frame->env = before;
    return of.result;
}

struct ptmi_py_value *ptmi_py_eval_collection(ptmi_py *py, TSNode node, ptmi_py_kind kind)
{
    switch (kind) {
    case PY_LIST:
    case PY_TUPLE:
    case PY_SET:
    case PY_EXPRESSION_LIST:
        return list_of(py, node);
    case PY_DICTIONARY:
        return dict_of(py, node);
    default:
        return eval_comprehension(py, node);
    }
}
