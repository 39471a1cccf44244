/* SPDX-License-Identifier: MIT */
/*
 * pickle.h - the pickle machine: runs every opcode of protocols 0 to 5 with CPython's exact stack
 * and memo semantics, on symbols: a GLOBAL makes a node that names it, REDUCE a node that says what
 * would be called. Nothing is imported, nothing called; what the nodes mean is for others
 * (torch_objects.c for checkpoints, pickle_policy.c for verdicts).
 *
 * Fails closed, naming the byte: unknown opcode, stack or mark underflow, missing memo entry, an
 * argument or opcode that crosses the end of its frame, a frame inside a frame, a type that
 * CPython's own unpickler would refuse to work on (APPEND to a dict made here). Every global asked
 * for before the failure is in the list, since CPython would have imported it by then.
 *
 * Sources: CPython's Lib/pickletools.py (opcodes), Modules/_pickle.c (what really happens),
 * Lib/_compat_pickle.py (names of Python 2). docs/formats/pickle.md explains.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/err.h>

#include "../base/arena.h"
#include "source.h"

typedef enum ptmi_pk_kind {
    PTMI_PK_NONE = 0,
    PTMI_PK_BOOL,      /* i */
    PTMI_PK_INT,       /* i */
    PTMI_PK_LONG,      /* bytes, n: two's complement, little-endian, more than 64 bits */
    PTMI_PK_FLOAT,     /* f */
    PTMI_PK_STR,       /* bytes, n: UTF-8 (surrogatepass); flag RAW: bytes of a Python 2 str */
    PTMI_PK_BYTES,     /* bytes, n */
    PTMI_PK_BYTEARRAY, /* bytes, n */
    PTMI_PK_LIST,      /* items */
    PTMI_PK_TUPLE,     /* items */
    PTMI_PK_DICT,      /* items: key, value, .. */
    PTMI_PK_SET,       /* items */
    PTMI_PK_FROZENSET, /* items */
    PTMI_PK_GLOBAL,    /* module, name */
    PTMI_PK_CALL,      /* REDUCE: callee(*args) */
    PTMI_PK_NEW, /* NEWOBJ, NEWOBJ_EX, INST, OBJ: callee.__new__(*args, **kwargs), or callee(*args)
                  */
    PTMI_PK_PERSID, /* args: the persistent id (BINPERSID: any node; PERSID: a string) */
    PTMI_PK_BUFFER, /* NEXT_BUFFER: out-of-band data, not in the file */
    PTMI_PK_EXT,    /* i: code of the extension registry */
} ptmi_pk_kind;

/* How a global's node was used: decides whether the allow-list covers it. */
enum {
    PTMI_USE_CALLED = 1u << 0,  /* callee of REDUCE */
    PTMI_USE_NEW = 1u << 1,     /* class of NEWOBJ, NEWOBJ_EX, INST, OBJ */
    PTMI_USE_BUILT = 1u << 2,   /* BUILD, APPEND, SETITEM on the global itself */
    PTMI_USE_VALUE = 1u << 3,   /* item, argument, key, state */
    PTMI_USE_PERSID = 1u << 4,  /* item of a persistent id */
    PTMI_USE_DROPPED = 1u << 5, /* popped off the stack, or never used */
};

/* A node. In the pickle's arena; shared by reference as the memo shares objects, circles included.
 * Most files are nodes for the greater part: they are small, and those of Python's own types (up to
 * FROZENSET) end before kwargs. */
struct ptmi_pk {
    uint8_t kind;
    uint8_t uses;  /* GLOBAL: PTMI_USE_.. */
    uint8_t mark;  /* for who walks the graph: 0 to begin with */
    bool raw : 1;  /* STR: bytes of a Python 2 str */
    bool inst : 1; /* NEW: by INST or OBJ, which call the class itself */
    uint32_t n_items;
    uint64_t at; /* offset of the opcode that made it, in the source */
    void *made;  /* for who walks the graph: what the node was turned into */
    union {
        int64_t i;
        double f;
        struct {
            const char *bytes; /* into the source or the arena; not NUL-terminated */
            uint64_t n;
        };
        struct {
            const char *module,
                *name; /* NUL-terminated, in the arena, after the Python 2 mapping */
        };
        struct {
            struct ptmi_pk *callee, *args; /* args may be NULL */
        };
        uint32_t cap_items; /* LIST DICT SET FROZENSET */
    };
    /* LIST TUPLE DICT SET FROZENSET, and what APPEND(S), SETITEM(S), ADDITEMS put into the result
     * of a CALL or NEW: sequence items in items, pairs in pairs (key, value, ..). */
    union {
        struct ptmi_pk **items;
        uint64_t cap_bytes; /* BYTEARRAY: 0 while its bytes are the file's */
    };
    /* From GLOBAL on: */
    struct ptmi_pk *kwargs; /* may be NULL */
    struct ptmi_pk **pairs;
    uint32_t n_pairs; /* nodes: twice the pairs */
    uint32_t cap_pairs, cap_called;
    uint32_t n_states;     /* how often BUILD was applied */
    struct ptmi_pk *state; /* the last BUILD's argument; NULL: none */
};
/* Bytes of a node. */
static inline size_t ptmi_pk_size(ptmi_pk_kind kind)
{
    return kind < PTMI_PK_GLOBAL ? offsetof(struct ptmi_pk, kwargs) : sizeof(struct ptmi_pk);
}

/* Every GLOBAL asked for, in order, one entry a place in the file. */
struct ptmi_pk_global {
    struct ptmi_pk *node; /* node->uses is complete when the machine has ended */
    uint64_t at;
};

struct ptmi_pickle_opts {
    size_t memory;    /* cap of the arena; 0: derived from the bytes there are, at most
                         PTM_LIMIT_PICKLE_MEMORY */
    bool no_encoding; /* Python 2 strings stay raw (else: they are taken as latin-1 text when not
                         UTF-8) */
};

/* Start with {0}; ptmi_pickle_clear(). Nodes live until then; bytes may point into the source,
 * which it keeps a reference to. */
struct ptmi_pickle {
    ptmi_source *source;
    struct ptmi_arena arena;
    struct ptmi_pk *root; /* NULL unless STOP was reached */
    struct ptmi_pk_global *globals;
    size_t n_globals;
    struct ptmi_pk **calls; /* every CALL and NEW whose callee is no GLOBAL node, and every BUILD,
                               SETITEM.. on one: nobody can vouch for them */
    size_t n_calls;
    struct ptmi_pk **persids; /* every PERSID node, in order: containers need the sizes of all
                                 storages before they know where one lies */
    size_t n_persids;
    struct ptmi_pk **objects; /* every CALL and NEW node, in order, also those that nothing holds
                                 any more: each was made, for ptmi_policy_call() */
    size_t n_objects;
    uint64_t begin, end; /* first byte, and the one after STOP (or where it failed) */
    uint64_t n_ops;
    int protocol;      /* of PROTO; 0 or 1 by its opcodes when there is none */
    unsigned oddities; /* PTMI_PK_ODD_.. */
};
enum {
    PTMI_PK_ODD_PROTO_AGAIN = 1u << 0, /* PROTO that is not the first opcode */
    PTMI_PK_ODD_PROTO_HIGH = 1u << 1,  /* an opcode of a later protocol than PROTO says */
    PTMI_PK_ODD_EXT = 1u << 2,         /* EXT1, EXT2, EXT4 */
    PTMI_PK_ODD_BUFFER = 1u << 3,      /* NEXT_BUFFER, READONLY_BUFFER */
    PTMI_PK_ODD_STACK = 1u << 4,       /* STOP with more than one object on the stack */
    PTMI_PK_ODD_MEMO_REUSE = 1u << 5,  /* a memo entry overwritten */
    PTMI_PK_ODD_DUP_POP = 1u << 6,     /* DUP, POP, POP_MARK: no pickler writes them so */
    PTMI_PK_ODD_CHANGED = 1u << 7,     /* a bytearray or an item of a list made here is changed */
    PTMI_PK_ODD_FRAME_REST = 1u << 8,  /* STOP before the end of its frame: where the next pickle
                                          begins depends on the reader */
};

/*
 * Runs one pickle from begin on, at most to end. On failure out holds what was seen before it
 * (globals, n_ops, end: the offending byte), and must still be cleared. PTM_EFORMAT, PTM_ELIMIT,
 * PTM_ENOMEM, and what the source fails with. opts may be NULL.
 */
PTM_MUST_USE ptm_rc ptmi_pickle_run(ptmi_source *source, uint64_t begin, uint64_t end,
                                    const struct ptmi_pickle_opts *opts, struct ptmi_pickle *out,
                                    struct ptm_err *err);
void ptmi_pickle_clear(struct ptmi_pickle *pickle);

/* --- pickle_policy.c: who vouches for a global --- */

typedef enum ptmi_trust {
    PTMI_TRUSTED = 0, /* on the allow-list, and used as there */
    PTMI_UNKNOWN,     /* on neither list, or used otherwise than the list says */
    PTMI_DANGEROUS,   /* runs code, opens files or the network, or gets at what does */
} ptmi_trust;
/* *out_why (may be NULL): a static line for people ("runs a command"). uses: PTMI_USE_.. */
ptmi_trust ptmi_policy_global(const char *module, const char *name, unsigned uses,
                              const char **out_why);
/* Could the name be one at all: dotted identifiers? Text that happens to parse has none. */
bool ptmi_policy_is_name(const char *module, const char *name);
/*
 * A call of a trusted callee whose arguments are not what the list says (_codecs.encode with
 * another codec, a rebuild function with a computed size): PTMI_UNKNOWN with the reason.
 */
ptmi_trust ptmi_policy_call(const struct ptmi_pk *call, const char **out_why);
