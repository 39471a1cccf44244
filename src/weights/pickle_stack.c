/* SPDX-License-Identifier: MIT */
/*
 * pickle_stack.c - the stack and the marks on it. As in CPython's C unpickler marks are a stack of
 * their own, and nothing below the last one can be popped until it is ended.
 */
#include "pickle_priv.h"

#include <string.h>

ptm_rc ptmi_pkm_underflow(struct ptmi_pkm *m)
{
    return ptmi_pkm_fail(m, PTM_EFORMAT, "%s",
                         m->n_marks ? "a mark is where an object should be"
                                    : "the stack has too few objects");
}

ptm_rc ptmi_pkm_pop(struct ptmi_pkm *m, struct ptmi_pk **out)
{
    if (m->n <= m->fence) return ptmi_pkm_underflow(m);
    *out = m->stack[--m->n];
    return PTM_OK;
}

ptm_rc ptmi_pkm_top(struct ptmi_pkm *m, struct ptmi_pk **out)
{
    if (m->n <= m->fence) return ptmi_pkm_underflow(m);
    *out = m->stack[m->n - 1];
    return PTM_OK;
}

ptm_rc ptmi_pkm_mark(struct ptmi_pkm *m)
{
    if (m->n_marks == m->cap_marks)
        PTM_TRY(ptmi_pkm_grow(m, &m->marks, &m->cap_marks, sizeof *m->marks));
    m->marks[m->n_marks++] = m->fence = m->n;
    return PTM_OK;
}

static void end_mark(struct ptmi_pkm *m)
{
    m->n_marks--;
    m->fence = m->n_marks ? m->marks[m->n_marks - 1] : 0;
}

ptm_rc ptmi_pkm_marker(struct ptmi_pkm *m, size_t *out)
{
    if (m->n_marks == 0) return ptmi_pkm_fail(m, PTM_EFORMAT, "there is no mark");
    *out = m->marks[m->n_marks - 1];
    end_mark(m);
    return PTM_OK;
}

/* Picklers write POP only to throw away what turned out to be in the memo by then (tuples and
 * frozensets that hold themselves): another POP or a GET follows. */
static void note_drop(struct ptmi_pkm *m)
{
    if (m->p < m->limit && memchr("01gjh", *m->p, 5)) return;
    m->out->oddities |= PTMI_PK_ODD_DUP_POP;
}

ptm_rc ptmi_pkm_drop(struct ptmi_pkm *m)
{
    note_drop(m);
    if (m->n_marks > 0 && m->marks[m->n_marks - 1] == m->n) {
        end_mark(m);
        return PTM_OK;
    }
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_pop(m, &node));
    ptmi_pkm_use(node, PTMI_USE_DROPPED);
    return PTM_OK;
}

ptm_rc ptmi_pkm_drop_mark(struct ptmi_pkm *m)
{
    size_t from = 0;
    note_drop(m);
    PTM_TRY(ptmi_pkm_marker(m, &from));
    while (m->n > from) ptmi_pkm_use(m->stack[--m->n], PTMI_USE_DROPPED);
    return PTM_OK;
}

ptm_rc ptmi_pkm_dup(struct ptmi_pkm *m)
{
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_top(m, &node));
    m->out->oddities |= PTMI_PK_ODD_DUP_POP;
    return ptmi_pkm_push(m, node);
}

ptm_rc ptmi_pkm_empty(struct ptmi_pkm *m, ptmi_pk_kind kind)
{
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_node(m, kind, &node));
    return ptmi_pkm_push(m, node);
}

/* What a tuple's items were used as is known only when the tuple is: those of a persistent id are
 * no values. Each way is told to a tuple once, however often it is used. */
void ptmi_pkm_use_tuple(struct ptmi_pk *tuple, unsigned how)
{
    unsigned items = how == PTMI_USE_PERSID ? PTMI_USE_PERSID : PTMI_USE_VALUE;
    tuple->uses |= how;
    for (uint64_t i = 0; i < tuple->n_items; i++)
        if (tuple->items[i]->kind == PTMI_PK_GLOBAL) tuple->items[i]->uses |= items;
}

static ptm_rc empty_tuple(struct ptmi_pkm *m)
{
    if (!m->empty_tuple) PTM_TRY(ptmi_pkm_node(m, PTMI_PK_TUPLE, &m->empty_tuple));
    return ptmi_pkm_push(m, m->empty_tuple);
}

ptm_rc ptmi_pkm_tuple(struct ptmi_pkm *m, size_t from)
{
    struct ptmi_pk *tuple = NULL;
    size_t n = m->n - from;
    if (n == 0) return empty_tuple(m);
    if (n > UINT32_MAX) return ptmi_pkm_fail(m, PTM_ELIMIT, "too many items");
    PTM_TRY(ptmi_pkm_node(m, PTMI_PK_TUPLE, &tuple));
    PTM_TRY(ptmi_pkm_alloc(m, n * sizeof *tuple->items, &tuple->items));
    for (size_t i = 0; i < n; i++) {
        struct ptmi_pk *item = m->stack[from + i];
        if (item->kind == PTMI_PK_TUPLE) ptmi_pkm_use(item, PTMI_USE_VALUE);
        if (!ptmi_pkm_hashable(item)) tuple->uses |= PTMI_PKM_TUPLE_UNHASHABLE;
        tuple->items[i] = item;
    }
    tuple->n_items = (uint32_t)n;
    m->n = from;
    return ptmi_pkm_push(m, tuple);
}
