/* SPDX-License-Identifier: MIT */
/* pickle_policy.h - the policy's tables, shared by pickle_policy*.c alone. */
#pragma once

#include "pickle.h"

/* What may happen to the result of a trusted call besides. */
enum {
    PTMI_MAY_ITEMS = 1u << 0,   /* APPEND, ADDITEMS */
    PTMI_MAY_PAIRS = 1u << 1,   /* SETITEM */
    PTMI_MAY_DICT = 1u << 2,    /* BUILD with a dict */
    PTMI_MAY_TUPLE = 1u << 3,   /* BUILD with a tuple */
    PTMI_MAY_DTYPE = 1u << 4,   /* BUILD with the state of a numpy.dtype */
    PTMI_MAY_ARRAY = 1u << 5,   /* BUILD with the state of a numpy.ndarray */
    PTMI_MAY_REBUILD = 1u << 6, /* no permission: may be what _rebuild_from_type() calls */
};

/*
 * A trusted name. args: a letter an argument; '-' before the first that may be left out, '|'
 * between alternatives, '*' before one that may come any number of times:
 *
 *   b bool             i int from 0 on    I int             s str           c "latin1"
 *   x None, number, str or bytes          B bytes           F bytes or a buffer
 *   z sizes: a tuple of ints from 0 on, or torch.Size of one                0 the tuple (0,)
 *   g global           k a class: global  f global or None  l layout        d numpy.dtype
 *   r rebuild function: its arguments are those of the tuple after the next one
 *   S storage          t tensor           T tuple           h empty hooks   D dict or None
 *   L list, tuple, dict or set            o anything
 *
 * Globals among the arguments are judged by themselves.
 */
struct ptmi_policy_rule {
    const char *module, *name;
    unsigned uses; /* PTMI_USE_.. */
    const char *args;
    unsigned may; /* PTMI_MAY_.. */
};

/* NULL: not on the list. */
const struct ptmi_policy_rule *ptmi_policy_find(const char *module, const char *name);
/* Why exactly this path is denied; NULL: it is not. */
const char *ptmi_policy_denied(const char *path, size_t len);
