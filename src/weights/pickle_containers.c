/* SPDX-License-Identifier: MIT */
/*
 * pickle_containers.c - lists, dicts and sets, and the opcodes that put things into objects. What
 * they do depends on the object: CPython calls its extend(), append(), add() or __setitem__(),
 * which lists, dicts, sets and bytearrays have in part, and which a symbol may have.
 */
#include "pickle_priv.h"

#include <string.h>

/* Room for n more in a node's array in the arena. The first time as many as asked for, which is all
 * that most get. */
static ptm_rc reserve(struct ptmi_pkm *m, struct ptmi_pk ***array, uint64_t used, uint32_t *cap,
                      uint64_t n)
{
    if (n <= *cap - used) return PTM_OK;
    uint64_t wanted = used + n, room = wanted;
    if (*cap > 0 && room < 2 * (uint64_t)*cap) room = 2 * (uint64_t)*cap;
    if (*cap == 0 && room < 4) room = 4;
    if (room > UINT32_MAX) return ptmi_pkm_fail(m, PTM_ELIMIT, "too many items");
    struct ptmi_pk **grown = NULL;
    PTM_TRY(ptmi_pkm_alloc(m, room * sizeof *grown, &grown));
    if (used > 0) memcpy(grown, *array, used * sizeof(struct ptmi_pk *));
    *array = grown;
    *cap = (uint32_t)room;
    return PTM_OK;
}

/* Moves all above from to the end of the node's items. */
static ptm_rc move_items(struct ptmi_pkm *m, struct ptmi_pk *node, size_t from)
{
    size_t n = m->n - from;
    uint32_t *cap = ptmi_pkm_is_plain(node) ? &node->cap_items : &node->cap_called;
    PTM_TRY(reserve(m, &node->items, node->n_items, cap, n));
    for (size_t i = 0; i < n; i++) {
        ptmi_pkm_use(m->stack[from + i], PTMI_USE_VALUE);
        node->items[node->n_items + i] = m->stack[from + i];
    }
    node->n_items += (uint32_t)n;
    m->n = from;
    return PTM_OK;
}

static ptm_rc move_pairs(struct ptmi_pkm *m, struct ptmi_pk *node, size_t from)
{
    size_t n = m->n - from;
    PTM_TRY(reserve(m, &node->pairs, node->n_pairs, &node->cap_pairs, n));
    for (size_t i = 0; i < n; i++) {
        ptmi_pkm_use(m->stack[from + i], PTMI_USE_VALUE);
        node->pairs[node->n_pairs + i] = m->stack[from + i];
    }
    node->n_pairs += (uint32_t)n;
    m->n = from;
    return PTM_OK;
}

/* step: 2 looks at the keys of pairs only. */
static ptm_rc need_hashable(struct ptmi_pkm *m, size_t from, size_t step)
{
    for (size_t i = from; i < m->n; i += step)
        if (!ptmi_pkm_hashable(m->stack[i]))
            return ptmi_pkm_fail(m, PTM_EFORMAT, "a key or item of a type without a hash");
    return PTM_OK;
}

/* Takes all above the mark into a new node. */
static ptm_rc collect(struct ptmi_pkm *m, ptmi_pk_kind kind, size_t from)
{
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_node(m, kind, &node));
    if (m->n > from) PTM_TRY(move_items(m, node, from));
    return ptmi_pkm_push(m, node);
}

ptm_rc ptmi_pkm_list(struct ptmi_pkm *m)
{
    size_t from = 0;
    PTM_TRY(ptmi_pkm_marker(m, &from));
    return collect(m, PTMI_PK_LIST, from);
}

ptm_rc ptmi_pkm_dict(struct ptmi_pkm *m)
{
    size_t from = 0;
    PTM_TRY(ptmi_pkm_marker(m, &from));
    if ((m->n - from) % 2 != 0)
        return ptmi_pkm_fail(m, PTM_EFORMAT, "an odd number of keys and values");
    PTM_TRY(need_hashable(m, from, 2));
    return collect(m, PTMI_PK_DICT, from);
}

ptm_rc ptmi_pkm_frozenset(struct ptmi_pkm *m)
{
    size_t from = 0;
    PTM_TRY(ptmi_pkm_marker(m, &from));
    PTM_TRY(need_hashable(m, from, 1));
    return collect(m, PTMI_PK_FROZENSET, from);
}

/* --- bytearrays: their bytes are the file's until they are changed --- */

static bool as_int(const struct ptmi_pk *node, int64_t *out)
{
    if (node->kind != PTMI_PK_INT && node->kind != PTMI_PK_BOOL) return false;
    *out = node->i;
    return true;
}

static ptm_rc own_bytes(struct ptmi_pkm *m, struct ptmi_pk *node, uint64_t more)
{
    if (node->cap_bytes > 0 && more <= node->cap_bytes - node->n) return PTM_OK;
    uint64_t room = node->n + more < 32 ? 64 : 2 * (node->n + more);
    if (room > UINT32_MAX) return ptmi_pkm_fail(m, PTM_ELIMIT, "a bytearray grows too large");
    char *copy = NULL;
    PTM_TRY(ptmi_pkm_alloc(m, room, &copy));
    if (node->n > 0) memcpy(copy, node->bytes, node->n);
    node->bytes = copy;
    node->cap_bytes = room;
    return PTM_OK;
}

/* The arena's copy is writable; what points at it is const for everybody else. */
static ptm_rc set_byte(struct ptmi_pkm *m, struct ptmi_pk *node, uint64_t at,
                       const struct ptmi_pk *value)
{
    int64_t byte = 0;
    if (!as_int(value, &byte) || byte < 0 || byte > 255)
        return ptmi_pkm_fail(m, PTM_EFORMAT, "an item of a bytearray is no byte");
    ((char *)(uintptr_t)node->bytes)[at] = (char)byte;
    return PTM_OK;
}

static ptm_rc extend_bytes(struct ptmi_pkm *m, struct ptmi_pk *node, size_t from)
{
    PTM_TRY(own_bytes(m, node, m->n - from));
    m->out->oddities |= PTMI_PK_ODD_CHANGED;
    uint64_t old = node->n;
    node->n += m->n - from;
    for (size_t i = from; i < m->n; i++) PTM_TRY(set_byte(m, node, old + (i - from), m->stack[i]));
    m->n = from;
    return PTM_OK;
}

/* --- APPEND, APPENDS, ADDITEMS, SETITEM, SETITEMS --- */

static ptm_rc refuse(struct ptmi_pkm *m, const struct ptmi_pk *node, const char *what)
{
    static const char *const names[] = {"None",   "a bool", "an int",      "an int", "a float",
                                        "a str",  "bytes",  "a bytearray", "a list", "a tuple",
                                        "a dict", "a set",  "a frozenset"};
    return ptmi_pkm_fail(m, PTM_EFORMAT, "%s has no %s", names[node->kind], what);
}

/* The object that all above from is for; NULL: there is nothing to do, whatever it is. */
static ptm_rc target(struct ptmi_pkm *m, size_t from, struct ptmi_pk **out)
{
    if (from > m->n || from <= m->fence) return ptmi_pkm_underflow(m);
    *out = m->n == from ? NULL : m->stack[from - 1];
    return PTM_OK;
}

static ptm_rc append_from(struct ptmi_pkm *m, size_t from)
{
    struct ptmi_pk *node = NULL;
    PTM_TRY(target(m, from, &node));
    if (!node) return PTM_OK;
    if (node->kind == PTMI_PK_LIST) return move_items(m, node, from);
    if (node->kind == PTMI_PK_BYTEARRAY) return extend_bytes(m, node, from);
    if (ptmi_pkm_is_plain(node)) return refuse(m, node, "append()");
    PTM_TRY(ptmi_pkm_changed(m, node));
    return move_items(m, node, from);
}

ptm_rc ptmi_pkm_append(struct ptmi_pkm *m)
{
    if (m->n <= m->fence + 1) return ptmi_pkm_underflow(m);
    return append_from(m, m->n - 1);
}

ptm_rc ptmi_pkm_appends(struct ptmi_pkm *m)
{
    size_t from = 0;
    PTM_TRY(ptmi_pkm_marker(m, &from));
    return append_from(m, from);
}

ptm_rc ptmi_pkm_additems(struct ptmi_pkm *m)
{
    size_t from = 0;
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_marker(m, &from));
    PTM_TRY(target(m, from, &node));
    if (!node) return PTM_OK;
    if (node->kind == PTMI_PK_SET) {
        PTM_TRY(need_hashable(m, from, 1));
        return move_items(m, node, from);
    }
    if (ptmi_pkm_is_plain(node)) return refuse(m, node, "add()");
    PTM_TRY(ptmi_pkm_changed(m, node));
    return move_items(m, node, from);
}

/* list[key] = value and bytearray[key] = value for all pairs. */
static ptm_rc set_indices(struct ptmi_pkm *m, struct ptmi_pk *node, size_t from)
{
    bool bytes = node->kind == PTMI_PK_BYTEARRAY;
    if (bytes) PTM_TRY(own_bytes(m, node, 0));
    m->out->oddities |= PTMI_PK_ODD_CHANGED;
    int64_t size = (int64_t)(bytes ? node->n : node->n_items);
    for (size_t i = from; i < m->n; i += 2) {
        int64_t at = 0;
        if (!as_int(m->stack[i], &at) || at < -size || at >= size)
            return ptmi_pkm_fail(m, PTM_EFORMAT, "no index within the %s",
                                 bytes ? "bytearray" : "list");
        if (at < 0) at += size;
        ptmi_pkm_use(m->stack[i + 1], PTMI_USE_VALUE);
        if (bytes)
            PTM_TRY(set_byte(m, node, (uint64_t)at, m->stack[i + 1]));
        else
            node->items[at] = m->stack[i + 1];
    }
    m->n = from;
    return PTM_OK;
}

static ptm_rc set_from(struct ptmi_pkm *m, size_t from)
{
    struct ptmi_pk *node = NULL;
    PTM_TRY(target(m, from, &node));
    if (!node) return PTM_OK;
    if ((m->n - from) % 2 != 0)
        return ptmi_pkm_fail(m, PTM_EFORMAT, "an odd number of keys and values");
    switch (node->kind) {
    case PTMI_PK_DICT:
        PTM_TRY(need_hashable(m, from, 2));
        return move_items(m, node, from);
    case PTMI_PK_LIST:
    case PTMI_PK_BYTEARRAY:
        return set_indices(m, node, from);
    default:
        if (ptmi_pkm_is_plain(node)) return refuse(m, node, "__setitem__()");
        PTM_TRY(ptmi_pkm_changed(m, node));
        return move_pairs(m, node, from);
    }
}

ptm_rc ptmi_pkm_setitem(struct ptmi_pkm *m)
{
    if (m->n < 3) return ptmi_pkm_underflow(m);
    return set_from(m, m->n - 2);
}

ptm_rc ptmi_pkm_setitems(struct ptmi_pkm *m)
{
    size_t from = 0;
    PTM_TRY(ptmi_pkm_marker(m, &from));
    return set_from(m, from);
}
