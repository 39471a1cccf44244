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
    unsigned flows; /* how those ended that were gone, a bit each */
};

#define BIT(flow) (1u << (flow))

static void enter(ptmi_py *py, struct ptmi_py_env *env)
{
    struct ptmi_py_frame *frame = py->frame;
    frame->env = env;
    if (!frame->func) frame->module->now = env;
}

static void add_way(ptmi_py *py, struct ways *ways, struct ptmi_py_env *env, ptmi_py_flow flow)
{
    ways->flows |= BIT(flow);
    if (flow == PYX_END) return;
    if (ways->n >= WAYS_MAX) {
        py->exhausted = true;
        return;
    }
    ways->envs[ways->n++] = env;
}

/* Where a way began. */
struct fork {
    struct ptmi_py_env *before, *env;
    uint32_t way;
};

static bool set_out(ptmi_py *py, struct fork *fork)
{
    *fork = (struct fork){.before = py->frame->env, .way = py->way};
    fork->env = ptmi_py_env_new(py, fork->before, true);
    if (!fork->env) return false;
    enter(py, fork->env);
    py->way = ++py->ways;
    return true;
}

static void come_back(ptmi_py *py, const struct fork *fork)
{
    py->way = fork->way;
    enter(py, fork->before);
}

/* Up to two blocks one after another (either may be null) as one of the ways. */
static void go(ptmi_py *py, struct ways *ways, TSNode block, TSNode then)
{
    struct fork fork;
    if (!set_out(py, &fork)) return;
    ptmi_py_flow flow = ts_node_is_null(block) ? PYX_NEXT : ptmi_py_exec_block(py, block);
    if (flow == PYX_NEXT && !ts_node_is_null(then)) flow = ptmi_py_exec_block(py, then);
    come_back(py, &fork);
    add_way(py, ways, fork.env, flow);
}

/* After the ways: where none of them goes on, neither does what stands behind. Where one does and
 * another left the loop or the function, what stands behind may not be reached. */
static ptmi_py_flow join(ptmi_py *py, struct ways *ways)
{
    struct ptmi_py_frame *frame = py->frame;
    if (ways->n == 0) return py->exhausted && py->rc == PTM_OK ? PYX_NEXT : PYX_END;
    ptmi_py_env_merge(py, frame->env, ways->envs, ways->n);
    ptmi_py_flow flow = ways->flows & BIT(PYX_NEXT)       ? PYX_NEXT
                        : ways->flows & BIT(PYX_CONTINUE) ? PYX_CONTINUE
                                                          : PYX_BREAK;
    unsigned left = ways->flows & ~(BIT(PYX_NEXT) | BIT(flow));
    if (!frame->result) left &= ~BIT(PYX_END); /* by raise: nothing is reached then */
    frame->left |= left;
    return flow;
}

/* How the block goes on that was left before its rest came to an end. */
static ptmi_py_flow as_left(const struct ptmi_py_frame *frame)
{
    return frame->left & BIT(PYX_CONTINUE) ? PYX_CONTINUE
           : frame->left & BIT(PYX_BREAK)  ? PYX_BREAK
                                           : PYX_END;
}

ptmi_py_flow ptmi_py_exec_rest(ptmi_py *py, struct ptmi_py_kids *kids)
{
    struct ptmi_py_frame *frame = py->frame;
    unsigned guarded = frame->guarded;
    struct fork fork;
    if (!set_out(py, &fork)) return PYX_END;
    frame->guarded = frame->left;
    ptmi_py_flow flow = ptmi_py_exec_kids(py, kids);
    frame->guarded = guarded;
    come_back(py, &fork);
    if (flow == PYX_END) return as_left(frame);
    struct ptmi_py_env *none = ptmi_py_env_new(py, fork.before, true);
    if (none) ptmi_py_env_merge(py, fork.before, (struct ptmi_py_env *[]){fork.env, none}, 2);
    return flow;
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
    ways.n = ways.flows = 0;
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
    ways.n = ways.flows = 0;
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

/* How a loop was left is its own matter, but for return. */
struct loop {
    unsigned left, guarded;
};

static struct loop begin_loop(ptmi_py *py)
{
    struct loop loop = {py->frame->left, py->frame->guarded};
    py->frame->left = py->frame->guarded = 0;
    return loop;
}

static void end_loop(ptmi_py *py, const struct loop *loop)
{
    py->frame->left = loop->left | (py->frame->left & BIT(PYX_END));
    py->frame->guarded = loop->guarded;
}

/* What the turns before this one may have made of a name that counts or collects: anything. */
static bool widen(ptmi_py *py, const struct ptmi_py_env *turned, struct ptmi_py_env *env)
{
    bool any = false;
    for (size_t i = 0; i < turned->n && ptmi_py_step(py); i++) {
        struct ptmi_py_bind bind = turned->binds[i];
        const struct ptmi_py_bind *before =
            ptmi_py_env_find(py, turned->parent, bind.name, strlen(bind.name));
        if (!before || before->value == bind.value || !ptmi_py_is_const(before->value)) continue;
        bind.value = &py->data;
        ptmi_py_env_set(py, env, &bind);
        any = true;
    }
    return any;
}

static ptmi_py_flow turn_once(ptmi_py *py, TSNode node, bool has_target)
{
    return has_target ? turn(py, node, &py->unknown) : ptmi_py_exec_block(py, body_of(py, node));
}

/* A loop that may turn any number of times: not at all, once, or, where a module's own loop counts,
 * once more for all others. */
static ptmi_py_flow turn_maybe(ptmi_py *py, TSNode node, bool has_target)
{
    struct ways ways;
    ways.n = ways.flows = 0;
    struct fork first, more;
    if (!set_out(py, &first)) return PYX_END;
    ptmi_py_flow flow = turn_once(py, node, has_target);
    come_back(py, &first);
    add_way(py, &ways, first.env, flow == PYX_END ? PYX_END : PYX_NEXT);
    if (py->changing && flow != PYX_END && flow != PYX_BREAK && set_out(py, &more)) {
        if (widen(py, first.env, more.env)) (void)turn_once(py, node, has_target);
        come_back(py, &more);
        add_way(py, &ways, more.env, PYX_NEXT);
    }
    go(py, &ways, NOTHING, NOTHING);
    return join(py, &ways);
}

/* BREAK: one of the turns ended the loop. */
static ptmi_py_flow for_turns(ptmi_py *py, TSNode node)
{
    struct ptmi_py_value *over = ptmi_py_eval(py, ptmi_py_field_of(&py->lang, node, PYF_RIGHT));
    struct ptmi_py_value *items = ptmi_py_items(py, over);
    if (items && items->n > TURNS_MAX) items = NULL;
    size_t n = items ? items->n : 0; /* the body may make it longer, or shorter */
    for (size_t i = 0; i < n && i < items->n && ptmi_py_step(py); i++) {
        ptmi_py_flow flow = turn(py, node, items->items[i]);
        if (flow == PYX_END || flow == PYX_BREAK) return flow;
        py->frame->left &= ~BIT(PYX_CONTINUE);
    }
    return !items || items->open ? turn_maybe(py, node, true) : PYX_NEXT;
}

/* "while True", "while 1": no turn ends it but by break. */
static bool on_purpose(ptmi_py *py, TSNode node)
{
    TSNode condition = ptmi_py_field_of(&py->lang, node, PYF_CONDITION);
    ptmi_py_kind kind = ptmi_py_kind_of(&py->lang, condition);
    return kind == PY_TRUE || kind == PY_INTEGER;
}

/* "while True" turns once at least, and its else never is. */
static ptmi_py_flow while_turns(ptmi_py *py, TSNode node)
{
    int truth = ptmi_py_truth(ptmi_py_eval(py, ptmi_py_field_of(&py->lang, node, PYF_CONDITION)));
    if (truth == 0) return PYX_NEXT;
    if (truth < 0) return turn_maybe(py, node, false);
    ptmi_py_flow flow = ptmi_py_exec_block(py, body_of(py, node));
    if (flow == PYX_END || flow == PYX_BREAK) return flow;
    py->frame->left &= ~BIT(PYX_CONTINUE);
    if (py->changing) (void)turn_maybe(py, node, false);
    return on_purpose(py, node) ? PYX_BREAK : PYX_NEXT;
}

static ptmi_py_flow loop_statement(ptmi_py *py, TSNode node, bool is_for)
{
    struct loop loop = begin_loop(py);
    ptmi_py_flow flow = is_for ? for_turns(py, node) : while_turns(py, node);
    bool maybe = py->changing && (py->frame->left & BIT(PYX_BREAK));
    end_loop(py, &loop);
    if (flow == PYX_END) return flow;
    if (flow == PYX_BREAK) return PYX_NEXT;
    TSNode otherwise = ptmi_py_field_of(&py->lang, node, PYF_ALTERNATIVE);
    if (ts_node_is_null(otherwise)) return PYX_NEXT;
    if (!maybe) return ptmi_py_exec_block(py, body_of(py, otherwise));
    struct ways ways;
    ways.n = ways.flows = 0;
    go(py, &ways, body_of(py, otherwise), NOTHING);
    go(py, &ways, NOTHING, NOTHING);
    return join(py, &ways);
}

/* --- with, match --- */

/* __exit__() of the repository that may return what is true. */
static bool exit_may_suppress(ptmi_py *py, struct ptmi_py_value *class)
{
    struct ptmi_py_value *leave = ptmi_py_class_attr(py, class, "__exit__");
    const struct ptmi_py_args unknown = {.open = true};
    if (!leave || leave->type != PYV_FUNC) return false;
    return ptmi_py_truth(ptmi_py_call(py, leave, &unknown)) != 0;
}

/* True for contextlib.suppress(..) and its like, after which it goes on where the block was left.
 */
static bool with_item(ptmi_py *py, TSNode item)
{
    TSNode value = ptmi_py_field_of(&py->lang, item, PYF_VALUE), alias = value;
    bool named = ptmi_py_kind_of(&py->lang, value) == PY_AS_PATTERN;
    if (named) value = ptmi_py_first(&py->lang, value);
    const struct ptmi_py_value *manager = ptmi_py_eval(py, value);
    if (named)
        ptmi_py_assign(py, ptmi_py_field_of(&py->lang, alias, PYF_ALIAS), &py->unknown,
                       PYB_ASSIGNED);
    if (manager->type != PYV_INSTANCE) return false;
    if (manager->owner->type == PYV_EXTERN)
        return strcmp(manager->owner->str, "contextlib.suppress") == 0;
    return manager->owner->type == PYV_CLASS && exit_may_suppress(py, manager->owner);
}

static ptmi_py_flow with_statement(ptmi_py *py, TSNode node)
{
    TSNode clause = clause_of(py, node, PY_WITH_CLAUSE);
    bool suppresses = false;
    if (!ts_node_is_null(clause)) {
        PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, clause);
        for (TSNode kid; ptmi_py_kids_next(&kids, &kid);)
            if (ptmi_py_kind_of(&py->lang, kid) == PY_WITH_ITEM) suppresses |= with_item(py, kid);
    }
    if (!suppresses) return ptmi_py_exec_block(py, body_of(py, node));
    struct ways ways;
    ways.n = ways.flows = 0;
    go(py, &ways, body_of(py, node), NOTHING);
    go(py, &ways, NOTHING, NOTHING);
    return join(py, &ways);
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
    ways.n = ways.flows = 0;
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
    case PY_WHILE_STATEMENT:
        return loop_statement(py, statement, kind == PY_FOR_STATEMENT);
    case PY_WITH_STATEMENT:
        return with_statement(py, statement);
    case PY_MATCH_STATEMENT:
        return match_statement(py, statement);
    default:
        return PYX_NEXT;
    }
}
