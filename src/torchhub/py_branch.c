/* SPDX-License-Identifier: MIT */
/*
 * py_branch.c - statements that go one of several ways. Where the source tells which, that one is
 * gone; else all are, each in names of its own, and what holds afterwards is one of theirs. A way
 * that ends in raise or return is none that goes on.
 */
#include <string.h>

#include "../base/auto.h"
#include "py_interp.h"

/* Ways of one statement: chains of elif for each model have been seen with 60. */
#define WAYS_MAX 128
/* Turns of a loop over known things. */
#define TURNS_MAX 5000

struct ways {
    struct ptmi_py_env *envs[WAYS_MAX];
    size_t n;
    ptmi_py_flow flow; /* of all that go on so far */
};

static void enter(ptmi_py *py, struct ptmi_py_env *env)
{
    struct ptmi_py_frame *frame = py->frame;
    frame->env = env;
    if (!frame->func) frame->module->now = env;
}

static void add_way(ptmi_py *py, struct ways *ways, struct ptmi_py_env *env, ptmi_py_flow flow)
{
    if (flow == PYX_END) return;
    if (ways->n >= WAYS_MAX) {
        py->exhausted = true;
        return;
    }
    ways->flow = ways->n == 0 || ways->flow == flow ? flow : PYX_NEXT;
    ways->envs[ways->n++] = env;
}

/* Up to two blocks one after another (either may be null) as one of the ways. */
static void go(ptmi_py *py, struct ways *ways, TSNode block, TSNode then)
{
    struct ptmi_py_env *before = py->frame->env, *env = ptmi_py_env_new(py, before, true);
    if (!env) return;
    enter(py, env);
    py->branches++;
    ptmi_py_flow flow = ts_node_is_null(block) ? PYX_NEXT : ptmi_py_exec_block(py, block);
    if (flow == PYX_NEXT && !ts_node_is_null(then)) flow = ptmi_py_exec_block(py, then);
    py->branches--;
    enter(py, before);
    add_way(py, ways, env, flow);
}

/* After the ways: where none of them goes on, neither does what stands behind. */
static ptmi_py_flow join(ptmi_py *py, struct ways *ways)
{
    if (ways->n == 0) return py->exhausted && py->rc == PTM_OK ? PYX_NEXT : PYX_END;
    ptmi_py_env_merge(py, py->frame->env, ways->envs, ways->n);
    return ways->flow;
}

static TSNode body_of(ptmi_py *py, TSNode node)
{
    return ptmi_py_field_of(&py->lang, node, PYF_BODY);
}

static const TSNode NOTHING = {0};

/* --- if --- */

static ptmi_py_flow if_statement(ptmi_py *py, TSNode node)
{
    struct ways ways;
    ways.n = 0;
    int truth = ptmi_py_truth(ptmi_py_eval(py, ptmi_py_field_of(&py->lang, node, PYF_CONDITION)));
    TSNode block = ptmi_py_field_of(&py->lang, node, PYF_CONSEQUENCE);
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (;;) {
        if (truth == 1 && ways.n == 0) return ptmi_py_exec_block(py, block);
        if (truth != 0) go(py, &ways, block, NOTHING);
        if (truth == 1) return join(py, &ways);
        TSNode kid = {0};
        while (ptmi_py_kids_next(&kids, &kid) && !ptmi_py_kids_in(&kids, PYF_ALTERNATIVE)) {
        }
        if (kids.over) break;
        bool is_else = ptmi_py_kind_of(&py->lang, kid) == PY_ELSE_CLAUSE;
        block = is_else ? body_of(py, kid) : ptmi_py_field_of(&py->lang, kid, PYF_CONSEQUENCE);
        truth =
            is_else
                ? 1
                : ptmi_py_truth(ptmi_py_eval(py, ptmi_py_field_of(&py->lang, kid, PYF_CONDITION)));
    }
    if (ways.n == 0 && truth == 0) return PYX_NEXT;
    go(py, &ways, NOTHING, NOTHING);
    return join(py, &ways);
}

/* --- try --- */

static TSNode block_in(ptmi_py *py, TSNode clause)
{
    TSNode block = {0};
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, clause);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);)
        if (ptmi_py_kind_of(&py->lang, kid) == PY_BLOCK) block = kid;
    return block;
}

static TSNode clause_of(ptmi_py *py, TSNode node, ptmi_py_kind kind)
{
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);)
        if (ptmi_py_kind_of(&py->lang, kid) == kind) return kid;
    return NOTHING;
}

static ptmi_py_flow try_statement(ptmi_py *py, TSNode node)
{
    struct ways ways;
    ways.n = 0;
    TSNode otherwise = clause_of(py, node, PY_ELSE_CLAUSE);
    TSNode finally = clause_of(py, node, PY_FINALLY_CLAUSE);
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, node);
    go(py, &ways, body_of(py, node), ts_node_is_null(otherwise) ? NOTHING : body_of(py, otherwise));
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        ptmi_py_kind kind = ptmi_py_kind_of(&py->lang, kid);
        if (kind != PY_EXCEPT_CLAUSE && kind != PY_EXCEPT_GROUP_CLAUSE) continue;
        go(py, &ways, block_in(py, kid), NOTHING);
    }
    ptmi_py_flow flow = join(py, &ways);
    if (ts_node_is_null(finally)) return flow;
    ptmi_py_flow last = ptmi_py_exec_block(py, block_in(py, finally));
    return last == PYX_NEXT ? flow : last;
}

/* --- loops --- */

static ptmi_py_flow turn(ptmi_py *py, TSNode node, struct ptmi_py_value *item)
{
    ptmi_py_assign(py, ptmi_py_field_of(&py->lang, node, PYF_LEFT), item, PYB_ASSIGNED);
    return ptmi_py_exec_block(py, body_of(py, node));
}

/* A loop that may turn any number of times: not at all, or once for all. */
static ptmi_py_flow turn_maybe(ptmi_py *py, TSNode node, bool has_target)
{
    struct ways ways;
    ways.n = 0;
    struct ptmi_py_env *before = py->frame->env, *env = ptmi_py_env_new(py, before, true);
    if (!env) return PYX_END;
    enter(py, env);
    py->branches++;
    ptmi_py_flow flow =
        has_target ? turn(py, node, &py->unknown) : ptmi_py_exec_block(py, body_of(py, node));
    py->branches--;
    enter(py, before);
    add_way(py, &ways, env, flow == PYX_END ? PYX_END : PYX_NEXT);
    go(py, &ways, NOTHING, NOTHING);
    return join(py, &ways);
}

static ptmi_py_flow loop_else(ptmi_py *py, TSNode node)
{
    TSNode otherwise = ptmi_py_field_of(&py->lang, node, PYF_ALTERNATIVE);
    return ts_node_is_null(otherwise) ? PYX_NEXT : ptmi_py_exec_block(py, body_of(py, otherwise));
}

static ptmi_py_flow for_statement(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *over = ptmi_py_eval(py, ptmi_py_field_of(&py->lang, node, PYF_RIGHT));
    struct ptmi_py_value *items = ptmi_py_items(py, over);
    if (items && items->n > TURNS_MAX) items = NULL;
    size_t n = items ? items->n : 0; /* the body may make it longer */
    for (size_t i = 0; i < n && ptmi_py_step(py); i++) {
        ptmi_py_flow flow = turn(py, node, items->items[i]);
        if (flow == PYX_END) return PYX_END;
        if (flow == PYX_BREAK) return PYX_NEXT;
    }
    if (!items || items->open) {
        ptmi_py_flow flow = turn_maybe(py, node, true);
        if (flow == PYX_END) return flow;
    }
    return loop_else(py, node);
}

static ptmi_py_flow while_statement(ptmi_py *py, TSNode node)
{
    int truth = ptmi_py_truth(ptmi_py_eval(py, ptmi_py_field_of(&py->lang, node, PYF_CONDITION)));
    if (truth == 0) return loop_else(py, node);
    if (truth == 1) { /* "while True": once at least, and its else never */
        ptmi_py_flow flow = ptmi_py_exec_block(py, body_of(py, node));
        return flow == PYX_END ? flow : PYX_NEXT;
    }
    ptmi_py_flow flow = turn_maybe(py, node, false);
    return flow == PYX_END ? flow : loop_else(py, node);
}

/* --- with, match --- */

static void with_item(ptmi_py *py, TSNode item)
{
    TSNode value = ptmi_py_field_of(&py->lang, item, PYF_VALUE);
    bool named = ptmi_py_kind_of(&py->lang, value) == PY_AS_PATTERN;
    (void)ptmi_py_eval(py, named ? ptmi_py_first(&py->lang, value) : value);
    if (named)
        ptmi_py_assign(py, ptmi_py_field_of(&py->lang, value, PYF_ALIAS), &py->unknown,
                       PYB_ASSIGNED);
}

static ptmi_py_flow with_statement(ptmi_py *py, TSNode node)
{
    TSNode clause = clause_of(py, node, PY_WITH_CLAUSE);
    if (!ts_node_is_null(clause)) {
        PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, clause);
        for (TSNode kid; ptmi_py_kids_next(&kids, &kid);)
            if (ptmi_py_kind_of(&py->lang, kid) == PY_WITH_ITEM) with_item(py, kid);
    }
    return ptmi_py_exec_block(py, body_of(py, node));
}

/* "case _:" takes whatever is left. */
static bool takes_all(ptmi_py *py, TSNode clause)
{
    TSNode pattern = clause_of(py, clause, PY_CASE_PATTERN);
    if (!ts_node_is_null(ptmi_py_field_of(&py->lang, clause, PYF_GUARD))) return false;
    return !ts_node_is_null(pattern) &&
           ptmi_py_span_is(ptmi_py_span_of(&py->frame->module->source, pattern), "_");
}

static ptmi_py_flow match_statement(ptmi_py *py, TSNode node)
{
    struct ways ways;
    ways.n = 0;
    bool all = false;
    (void)ptmi_py_eval(py, ptmi_py_field_of(&py->lang, node, PYF_SUBJECT));
    PTM_AUTO(ptmi_py_kids_end)
    struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, body_of(py, node));
    for (TSNode kid; !all && ptmi_py_kids_next(&kids, &kid);) {
        if (ptmi_py_kind_of(&py->lang, kid) != PY_CASE_CLAUSE) continue;
        go(py, &ways, ptmi_py_field_of(&py->lang, kid, PYF_CONSEQUENCE), NOTHING);
        all = takes_all(py, kid);
    }
    if (!all) go(py, &ways, NOTHING, NOTHING);
    return join(py, &ways);
}

ptmi_py_flow ptmi_py_exec_branching(ptmi_py *py, TSNode statement, ptmi_py_kind kind)
{
    switch (kind) {
    case PY_IF_STATEMENT:
        return if_statement(py, statement);
    case PY_TRY_STATEMENT:
        return try_statement(py, statement);
    case PY_FOR_STATEMENT:
        return for_statement(py, statement);
    case PY_WHILE_STATEMENT:
        return while_statement(py, statement);
    case PY_WITH_STATEMENT:
        return with_statement(py, statement);
    case PY_MATCH_STATEMENT:
        return match_statement(py, statement);
    default:
        return PYX_NEXT;
    }
}
