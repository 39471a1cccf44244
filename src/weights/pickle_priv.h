/* SPDX-License-Identifier: MIT */
/*
 * pickle_priv.h - the machine's own state, shared by pickle*.c alone. Functions push what they make
 * and fail with the offset of the opcode that is being run.
 */
#pragma once

#include <string.h>

#include "pickle.h"

/* What a frame's end means. A pickle that breaks a frame is refused, but CPython's C unpickler runs
 * it, in one of two ways: all globals that either would ask for are to be listed. */
typedef enum ptmi_pkm_frames {
    PTMI_PKM_STRICT = 0, /* crossing one is an error */
    PTMI_PKM_IGNORE,     /* loads(): bytes follow one another */
    PTMI_PKM_DISCARD,    /* load() of a file without peek(): the rest of the frame is thrown away */
} ptmi_pkm_frames;

struct ptmi_pkm_memo {
    struct ptmi_pk **dense; /* by index; NULL: nothing there */
    size_t n_dense, cap;    /* nothing is written from n_dense on */
    uint64_t *keys; /* open addressing for what dense is not worth growing to; key + 1, 0: free */
    struct ptmi_pk **values;
    size_t n_sparse, cap_sparse;
    uint64_t seed; /* of their hashes */
    uint64_t n;    /* entries in all: what MEMOIZE uses next */
};

struct ptmi_pkm {
    const uint8_t *p;         /* the next byte */
    const uint8_t *limit;     /* no further without ptmi_pkm_more() */
    const uint8_t *base;      /* byte begin of the source */
    const uint8_t *here;      /* bytes before it have been fetched */
    const uint8_t *end;       /* of the data */
    const uint8_t *frame_end; /* NULL: not in a frame */
    const uint8_t *op;        /* the opcode that is being run */
    uint64_t n_ops;

    struct ptmi_pk **stack;
    size_t n, cap;
    size_t fence; /* nothing below is to be popped: the last mark */
    size_t *marks;
    size_t n_marks, cap_marks;
    struct ptmi_pkm_memo memo;

    unsigned char *room; /* of the arena: nodes and small arrays are cut off it */
    size_t room_left;
    struct ptmi_pk *none, *bools[2], *empty_tuple, *ints[256]; /* made when first asked for */

    int protocol; /* of PROTO, 0 before it: decides about names as in CPython */
    int ceiling;  /* highest protocol whose opcodes are no surprise */
    ptmi_pkm_frames frames;
    ptm_rc broken; /* what failed first that some readers do not fail with; 0: nothing */
    uint64_t broken_at;
    bool no_encoding;
    size_t heap, heap_max; /* bytes of the arrays above */
    size_t cap_globals, cap_calls, cap_persids, cap_objects;
    struct ptmi_pickle *out;
    struct ptm_err *err; /* NULL after ptmi_pkm_go_on(): the first message stays */
};

/* A TUPLE's own bits in uses. */
enum {
    PTMI_PKM_TUPLE_UNHASHABLE = 1u << 7,
};

/* --- pickle.c --- */
/* "NAME: byte N: OPCODE: ..": offset of the running opcode. */
PTM_MUST_USE PTM_PRINTF(3, 4) ptm_rc
    ptmi_pkm_fail(struct ptmi_pkm *m, ptm_rc rc, const char *fmt, ...);
/* After rc some readers go on, and so does the machine, for what they would ask for: the pickle
 * fails with rc all the same. */
void ptmi_pkm_go_on(struct ptmi_pkm *m, ptm_rc rc);
/* Makes len bytes at m->p ready, past the end of a frame or of what was fetched. whole: the bytes
 * are read by a way that never discards (BINBYTES and its like). */
PTM_MUST_USE ptm_rc ptmi_pkm_more(struct ptmi_pkm *m, uint64_t len, bool whole);
/* A line without its newline. */
PTM_MUST_USE ptm_rc ptmi_pkm_line(struct ptmi_pkm *m, const uint8_t **out, size_t *out_len);
/* Memory of the arena, past the end of the room there is. */
PTM_MUST_USE ptm_rc ptmi_pkm_alloc_more(struct ptmi_pkm *m, uint64_t size, void *out);
/* Doubles a malloc'ed array of *cap items. */
PTM_MUST_USE ptm_rc ptmi_pkm_grow(struct ptmi_pkm *m, void *array, size_t *cap, size_t item);

static inline uint64_t ptmi_pkm_at(const struct ptmi_pkm *m)
{
    return m->out->begin + (uint64_t)(m->op - m->base);
}

PTM_MUST_USE static inline ptm_rc ptmi_pkm_take(struct ptmi_pkm *m, uint64_t len,
                                                const uint8_t **out)
{
    if (len > (uint64_t)(m->limit - m->p)) PTM_TRY(ptmi_pkm_more(m, len, false));
    *out = m->p;
    m->p += len;
    return PTM_OK;
}

/* Memory of the arena, zeroed, aligned for pointers; PTM_ELIMIT or PTM_ENOMEM. size: not near
 * UINT64_MAX. */
PTM_MUST_USE static inline ptm_rc ptmi_pkm_alloc(struct ptmi_pkm *m, uint64_t size, void *out)
{
    size = (size + 7) & ~(uint64_t)7;
    if (size > m->room_left) return ptmi_pkm_alloc_more(m, size, out);
    memcpy(out, &m->room, sizeof m->room);
    m->room += size;
    m->room_left -= (size_t)size;
    return PTM_OK;
}

PTM_MUST_USE static inline ptm_rc ptmi_pkm_node(struct ptmi_pkm *m, ptmi_pk_kind kind,
                                                struct ptmi_pk **out)
{
    PTM_TRY(ptmi_pkm_alloc(m, ptmi_pk_size(kind), out));
    (*out)->kind = (uint8_t)kind;
    (*out)->at = ptmi_pkm_at(m);
    return PTM_OK;
}

PTM_MUST_USE static inline ptm_rc ptmi_pkm_push(struct ptmi_pkm *m, struct ptmi_pk *node)
{
    if (m->n == m->cap) PTM_TRY(ptmi_pkm_grow(m, &m->stack, &m->cap, sizeof *m->stack));
    m->stack[m->n++] = node;
    return PTM_OK;
}

/* Objects of CPython that are known for sure; the others are symbols. */
static inline bool ptmi_pkm_is_plain(const struct ptmi_pk *node)
{
    return node->kind <= PTMI_PK_FROZENSET;
}

/* --- pickle_stack.c: MARK, POP, DUP, what takes nodes off the stack --- */
PTM_MUST_USE ptm_rc ptmi_pkm_underflow(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_pop(struct ptmi_pkm *m, struct ptmi_pk **out);
PTM_MUST_USE ptm_rc ptmi_pkm_top(struct ptmi_pkm *m, struct ptmi_pk **out);
PTM_MUST_USE ptm_rc ptmi_pkm_mark(struct ptmi_pkm *m);
/* Ends the last mark; *out: the stack's size when it was set. */
PTM_MUST_USE ptm_rc ptmi_pkm_marker(struct ptmi_pkm *m, size_t *out);
PTM_MUST_USE ptm_rc ptmi_pkm_drop(struct ptmi_pkm *m);      /* POP */
PTM_MUST_USE ptm_rc ptmi_pkm_drop_mark(struct ptmi_pkm *m); /* POP_MARK */
PTM_MUST_USE ptm_rc ptmi_pkm_dup(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_empty(struct ptmi_pkm *m, ptmi_pk_kind kind);
PTM_MUST_USE ptm_rc ptmi_pkm_tuple(struct ptmi_pkm *m, size_t from); /* of all above from */
/* Notes that a node was used; the items of a tuple were then used too. */
void ptmi_pkm_use_tuple(struct ptmi_pk *tuple, unsigned how);
static inline void ptmi_pkm_use(struct ptmi_pk *node, unsigned how)
{
    if (node->kind == PTMI_PK_GLOBAL)
        node->uses |= how;
    else if (node->kind == PTMI_PK_TUPLE && !(node->uses & how))
        ptmi_pkm_use_tuple(node, how);
}
static inline bool ptmi_pkm_hashable(const struct ptmi_pk *node)
{
    switch (node->kind) {
    case PTMI_PK_LIST:
    case PTMI_PK_DICT:
    case PTMI_PK_SET:
    case PTMI_PK_BYTEARRAY:
        return false;
    case PTMI_PK_TUPLE:
        return !(node->uses & PTMI_PKM_TUPLE_UNHASHABLE);
    default:
        return true;
    }
}

/* --- pickle_containers.c: lists, dicts and sets, and what fills them --- */
PTM_MUST_USE ptm_rc ptmi_pkm_list(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_dict(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_frozenset(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_append(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_appends(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_setitem(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_setitems(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_additems(struct ptmi_pkm *m);

/* --- pickle_calls.c: globals, and what CPython would call --- */
PTM_MUST_USE ptm_rc ptmi_pkm_global(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_stack_global(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_inst(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_obj(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_newobj(struct ptmi_pkm *m, bool with_kwargs);
PTM_MUST_USE ptm_rc ptmi_pkm_reduce(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_build(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_persid(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_binpersid(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_ext(struct ptmi_pkm *m, unsigned len);
PTM_MUST_USE ptm_rc ptmi_pkm_next_buffer(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_readonly_buffer(struct ptmi_pkm *m);
/* A global itself was changed: it joins calls[] the first time. */
PTM_MUST_USE ptm_rc ptmi_pkm_changed(struct ptmi_pkm *m, struct ptmi_pk *node);

/* --- pickle_scalars.c: numbers and strings --- */
PTM_MUST_USE ptm_rc ptmi_pkm_int(struct ptmi_pkm *m, int64_t value);
PTM_MUST_USE ptm_rc ptmi_pkm_bool(struct ptmi_pkm *m, bool value);
PTM_MUST_USE ptm_rc ptmi_pkm_none(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_binfloat(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_counted_long(struct ptmi_pkm *m, unsigned len);
/* len: bytes of the count. */
PTM_MUST_USE ptm_rc ptmi_pkm_counted_text(struct ptmi_pkm *m, unsigned len);
PTM_MUST_USE ptm_rc ptmi_pkm_counted_string(struct ptmi_pkm *m, unsigned len);
PTM_MUST_USE ptm_rc ptmi_pkm_counted_bytes(struct ptmi_pkm *m, unsigned len, ptmi_pk_kind kind);
/* A Python 2 string. */
PTM_MUST_USE ptm_rc ptmi_pkm_string(struct ptmi_pkm *m, const uint8_t *bytes, uint64_t n);
PTM_MUST_USE ptm_rc ptmi_pkm_string_node(struct ptmi_pkm *m, ptmi_pk_kind kind,
                                         const uint8_t *bytes, uint64_t n);
/* Two's complement, little-endian: INT where it fits in 64 bits. */
PTM_MUST_USE ptm_rc ptmi_pkm_big(struct ptmi_pkm *m, const uint8_t *bytes, size_t n);
bool ptmi_pkm_is_ascii(const uint8_t *bytes, uint64_t n);
bool ptmi_pkm_is_utf8(const uint8_t *bytes, uint64_t n, bool surrogates);

/* --- pickle_text.c: opcodes whose argument is a line --- */
PTM_MUST_USE ptm_rc ptmi_pkm_text_int(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_text_long(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_text_float(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_text_string(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_text_unicode(struct ptmi_pkm *m);
/* The index of GET and PUT; UINT64_MAX: one that C's memo does not have, since it is below 0 or
 * *out_large. */
PTM_MUST_USE ptm_rc ptmi_pkm_text_index(struct ptmi_pkm *m, const uint8_t *line, size_t len,
                                        uint64_t *out, bool *out_large);

/* --- pickle_memo.c --- */
PTM_MUST_USE ptm_rc ptmi_pkm_put(struct ptmi_pkm *m, uint64_t index);
PTM_MUST_USE ptm_rc ptmi_pkm_get(struct ptmi_pkm *m, uint64_t index);
PTM_MUST_USE ptm_rc ptmi_pkm_text_put(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_text_get(struct ptmi_pkm *m);
PTM_MUST_USE ptm_rc ptmi_pkm_memoize(struct ptmi_pkm *m);
void ptmi_pkm_memo_clear(struct ptmi_pkm_memo *memo);

/* --- pickle_names.c --- */
/* Python 2's names of before its modules were renamed, as CPython maps them below protocol 3;
 * names that did not change are left alone. Static results. */
void ptmi_pkm_map_names(const char **module, const char **name);
