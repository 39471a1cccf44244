/* SPDX-License-Identifier: MIT */
/*
 * pickle_policy_calls.c - is a trusted function called as checkpoints call it? Names alone do not
 * make a pickle harmless: bytearray(10**12), a tensor with the storage of another size, a dtype
 * whose flags make NumPy take bytes for pointers.
 */
#include "pickle_policy.h"

#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"

static bool is_call_of(const struct ptmi_pk *node, const char *module, const char *name)
{
    return (node->kind == PTMI_PK_CALL || node->kind == PTMI_PK_NEW) &&
           node->callee->kind == PTMI_PK_GLOBAL && ptmi_str_eq(node->callee->module, module) &&
           ptmi_str_eq(node->callee->name, name);
}

static bool is_text(const struct ptmi_pk *node, const char *text)
{
    return node->kind == PTMI_PK_STR && node->n == strlen(text) &&
           memcmp(node->bytes, text, node->n) == 0;
}

static bool is_int(const struct ptmi_pk *node, int64_t least)
{
    return node->kind == PTMI_PK_INT && node->i >= least;
}

static bool is_made(const struct ptmi_pk *node)
{
    return node->kind == PTMI_PK_CALL || node->kind == PTMI_PK_NEW || node->kind == PTMI_PK_PERSID;
}

/* bytes, or what stands for them before protocol 3. */
static bool is_bytes(const struct ptmi_pk *node)
{
    return node->kind == PTMI_PK_BYTES || node->kind == PTMI_PK_BYTEARRAY ||
           node->kind == PTMI_PK_STR || is_call_of(node, "_codecs", "encode") ||
           is_call_of(node, "builtins", "bytes") || is_call_of(node, "builtins", "bytearray");
}

static bool are_sizes(const struct ptmi_pk *node)
{
    if (is_call_of(node, "torch", "Size") && node->args->kind == PTMI_PK_TUPLE &&
        node->args->n_items == 1)
        node = node->args->items[0];
    if (node->kind != PTMI_PK_TUPLE || node->n_items > PTM_LIMIT_DIMS) return false;
    for (uint64_t i = 0; i < node->n_items; i++)
        if (!is_int(node->items[i], 0)) return false;
    return true;
}

/* backward_hooks would be called later: nothing may be in them. */
static bool are_no_hooks(const struct ptmi_pk *node)
{
    if (node->kind == PTMI_PK_NONE) return true;
    if (node->kind == PTMI_PK_DICT) return node->n_items == 0;
    return is_call_of(node, "collections", "OrderedDict") && node->args->kind == PTMI_PK_TUPLE &&
           node->args->n_items == 0 && node->n_pairs == 0 && node->n_states == 0;
}

static bool is_container(const struct ptmi_pk *node)
{
    return node->kind == PTMI_PK_LIST || node->kind == PTMI_PK_TUPLE ||
           node->kind == PTMI_PK_DICT || node->kind == PTMI_PK_SET ||
           node->kind == PTMI_PK_FROZENSET;
}

/* Does an argument fit its letter? A flat switch over pickle_policy.h's table. */
static bool fits(const struct ptmi_pk *node, char letter)
{
    switch (letter) {
    case 'b':
        return node->kind == PTMI_PK_BOOL ||
               (node->kind == PTMI_PK_INT && (node->i == 0 || node->i == 1));
    case 'i':
        return is_int(node, 0);
    case 'I':
        return is_int(node, INT64_MIN);
    case 's':
        return node->kind == PTMI_PK_STR;
    case 'c':
        return is_text(node, "latin1") || is_text(node, "latin-1");
    case 'x':
        return node->kind <= PTMI_PK_BYTES;
    case 'B':
        return is_bytes(node);
    case 'F':
        return is_bytes(node) || node->kind == PTMI_PK_BUFFER;
    case 'z':
        return are_sizes(node);
    case '0':
        return node->kind == PTMI_PK_TUPLE && node->n_items == 1 &&
               node->items[0]->kind == PTMI_PK_INT && node->items[0]->i == 0;
    case 'g':
    case 'k':
    case 'r':
        return node->kind == PTMI_PK_GLOBAL;
    case 'f':
        return node->kind == PTMI_PK_GLOBAL || node->kind == PTMI_PK_NONE;
    case 'l':
        return is_call_of(node, "torch.serialization", "_get_layout");
    case 'd':
        return is_call_of(node, "numpy", "dtype");
    case 'S':
    case 't':
        return is_made(node);
    case 'T':
        return node->kind == PTMI_PK_TUPLE;
    case 'h':
        return are_no_hooks(node);
    case 'D':
        return node->kind == PTMI_PK_DICT || node->kind == PTMI_PK_NONE;
    case 'L':
        return is_container(node);
    default: /* 'o' */
        return true;
    }
}

/* Do all of args fit one alternative of a rule, from letters to its '|'? */
static bool fits_one(const struct ptmi_pk *args, const char *letters)
{
    uint64_t i = 0;
    bool optional = false, repeated = false;
    for (; *letters && *letters != '|'; letters++) {
        if (*letters == '-' || *letters == '*') {
            optional = true;
            repeated = *letters == '*';
            continue;
        }
        if (i == args->n_items) return optional;
        do {
            if (!fits(args->items[i++], *letters)) return false;
        } while (repeated && i < args->n_items);
    }
    return i == args->n_items;
}

static bool fit(const struct ptmi_pk *args, const char *letters)
{
    if (args->kind != PTMI_PK_TUPLE) return false;
    for (;;) {
        if (fits_one(args, letters)) return true;
        letters = strchr(letters, '|');
        if (!letters) return false;
        letters++;
    }
}

/* _rebuild_from_type(function, type, arguments, ..) calls the first with the third. */
static bool rebuild_fits(const struct ptmi_pk *args)
{
    const struct ptmi_pk *function = args->items[0];
    const struct ptmi_policy_rule *rule = ptmi_policy_find(function->module, function->name);
    return rule && (rule->may & PTMI_MAY_REBUILD) && fit(args->items[2], rule->args);
}

/* --- NumPy's states --- */

/* HASOBJECT, LIST_PICKLE, ITEM_IS_POINTER: items are references. */
#define REFERENCES (0x01 | 0x02 | 0x04)
/* Nodes of a type, which bounds how deep it goes too: a record has some per field. */
#define DTYPE_NODES 1000

/* A type as NumPy writes it before a state, the kind and the size: 'f4'. NumPy itself takes far
 * more: "object", "i4,O". */
static bool is_plain_descr(const struct ptmi_pk *descr)
{
    if (descr->kind != PTMI_PK_STR || descr->n < 2 || !memchr("?bBiufcmMOSUV", descr->bytes[0], 13))
        return false;
    for (uint64_t i = 1; i < descr->n; i++)
        if (descr->bytes[i] < '0' || descr->bytes[i] > '9') return false;
    return true;
}

/* May anything in node, a dtype or what its state holds, refer to objects? *steps: so many nodes
 * may be gone over. */
static bool has_references(const struct ptmi_pk *node, unsigned *steps)
{
    if (*steps == 0) return true;
    --*steps;
    if (fits(node, 'd')) {
        const struct ptmi_pk *args = node->args;
        if (args->kind != PTMI_PK_TUPLE || args->n_items == 0 || !is_plain_descr(args->items[0]))
            return true;
        return args->items[0]->bytes[0] == 'O' ||
               (node->state && has_references(node->state, steps));
    }
    if (node->kind != PTMI_PK_TUPLE && node->kind != PTMI_PK_DICT)
        return node->kind > PTMI_PK_BYTES;
    for (uint64_t i = 0; i < node->n_items; i++)
        if (has_references(node->items[i], steps)) return true;
    return false;
}

/* (version, byte order, subtype, names, fields, size, alignment, flags[, metadata]). The flags say
 * that items are references to objects: all of them for the type 'O', none for others, or NumPy
 * takes bytes for pointers. */
static bool is_dtype_state(const struct ptmi_pk *call)
{
    const struct ptmi_pk *state = call->state, *descr = call->args->items[0];
    if (state->kind != PTMI_PK_TUPLE || state->n_items < 8 || state->n_items > 9) return false;
    const struct ptmi_pk *const *item = (const struct ptmi_pk *const *)state->items;
    if (!is_int(item[0], 0) || item[1]->kind != PTMI_PK_STR || !is_int(item[5], -1) ||
        !is_int(item[6], -1) || !is_int(item[7], INT8_MIN)) /* old NumPy: a signed char */
        return false;
    if (!is_plain_descr(descr)) return false;
    if (descr->bytes[0] == 'O') return (item[7]->i & REFERENCES) == REFERENCES;
    unsigned steps = DTYPE_NODES;
    return (item[7]->i & REFERENCES) == 0 && !has_references(item[2], &steps) &&
           !has_references(item[4], &steps);
}

/* (version, shape, dtype, Fortran order, bytes or list of objects). */
static bool is_array_state(const struct ptmi_pk *state)
{
    if (state->kind != PTMI_PK_TUPLE || state->n_items != 5) return false;
    struct ptmi_pk *const *item = state->items;
    return is_int(item[0], 0) && are_sizes(item[1]) && fits(item[2], 'd') && fits(item[3], 'b') &&
           (is_bytes(item[4]) || item[4]->kind == PTMI_PK_LIST);
}

static bool state_fits(const struct ptmi_pk *call, unsigned may)
{
    if (call->n_states == 0) return true;
    if (call->n_states > 1) return false;
    if ((may & PTMI_MAY_DICT) && call->state->kind == PTMI_PK_DICT) return true;
    if ((may & PTMI_MAY_TUPLE) && call->state->kind == PTMI_PK_TUPLE) return true;
    if (may & PTMI_MAY_DTYPE) return is_dtype_state(call);
    return (may & PTMI_MAY_ARRAY) && is_array_state(call->state);
}

/* --- the face --- */

/* NULL: nothing is wrong. */
static const char *complaint(const struct ptmi_pk *call, const struct ptmi_policy_rule *rule)
{
    if (!fit(call->args, rule->args)) return "is called with other arguments than checkpoints do";
    if (rule->args[0] == 'r' && !rebuild_fits(call->args))
        return "is called with a function or arguments that checkpoints do not use";
    if (call->kwargs && (call->kwargs->kind != PTMI_PK_DICT || call->kwargs->n_items > 0))
        return "is called with named arguments";
    if ((call->n_items > 0 && !(rule->may & PTMI_MAY_ITEMS)) ||
        (call->n_pairs > 0 && !(rule->may & PTMI_MAY_PAIRS)))
        return "makes an object that nothing is put into in checkpoints";
    if (!state_fits(call, rule->may)) return "makes an object that is given a state unlike its own";
    return NULL;
}

ptmi_trust ptmi_policy_call(const struct ptmi_pk *call, const char **out_why)
{
    const struct ptmi_pk *callee = call->callee;
    const char *why = "calls what was computed: nobody can vouch for it";
    if (callee->kind == PTMI_PK_GLOBAL) {
        const struct ptmi_policy_rule *rule = ptmi_policy_find(callee->module, callee->name);
        if (!rule) return ptmi_policy_global(callee->module, callee->name, callee->uses, out_why);
        why = complaint(call, rule);
    }
    if (out_why) *out_why = why ? why : "is called as checkpoints do";
    return why ? PTMI_UNKNOWN : PTMI_TRUSTED;
}
