/* SPDX-License-Identifier: MIT */
/*
 * pickle.c - runs a pickle: opcodes one after another, their arguments, and the frames around them.
 *
 *     opcode: 1 byte | argument: none, 1 to 8 bytes, counted bytes, or lines
 *     0x80 n         PROTO: the first opcode since protocol 2
 *     0x95 n[8]      FRAME: the next n bytes are read at once; opcodes do not cross its end
 *     '.'            STOP: the object on top of the stack is the result
 *
 * What an opcode does is in pickle_stack.c, _fill.c, _calls.c, _scalars.c, _text.c and _memo.c.
 *
 * A pickle that breaks a frame is refused, yet CPython's C unpickler runs it, and what it runs then
 * depends on where it reads from: loads() goes on as if there were no frame, load() of a file
 * throws the rest of the frame away. Both are run here for the globals they ask for. So is what the
 * C unpickler refuses and the one in Python, which joblib, dill and pandas use, does not.
 */
#include "pickle_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/limits.h"

/* Memory for the nodes of a pickle: a byte can make a node and its place in a list (EMPTY_LIST in
 * APPENDS), some 150 bytes; the factor leaves room for growing lists. */
#define MEMORY_FIRST ((uint64_t)64 << 20)
#define MEMORY_PER_BYTE 512

/* What is taken from the arena at once. */
#define ROOM_FIRST ((size_t)1 << 10)
#define ROOM_LAST ((size_t)64 << 10)

/* Of a source that is fetched as it is read, so much ahead at least, doubled up to so much. */
#define WINDOW_FIRST ((uint64_t)256 << 10)
#define WINDOW_LAST ((uint64_t)16 << 20)

/* Opcodes with the protocol that brought them. */
#define OPCODES(X)               \
    X('(', MARK, 0)              \
    X('.', STOP, 0)              \
    X('0', POP, 0)               \
    X('1', POP_MARK, 1)          \
    X('2', DUP, 0)               \
    X('F', FLOAT, 0)             \
    X('I', INT, 0)               \
    X('J', BININT, 1)            \
    X('K', BININT1, 1)           \
    X('L', LONG, 0)              \
    X('M', BININT2, 1)           \
    X('N', NONE, 0)              \
    X('P', PERSID, 0)            \
    X('Q', BINPERSID, 1)         \
    X('R', REDUCE, 0)            \
    X('S', STRING, 0)            \
    X('T', BINSTRING, 1)         \
    X('U', SHORT_BINSTRING, 1)   \
    X('V', UNICODE, 0)           \
    X('X', BINUNICODE, 1)        \
    X('a', APPEND, 0)            \
    X('b', BUILD, 0)             \
    X('c', GLOBAL, 0)            \
    X('d', DICT, 0)              \
    X('}', EMPTY_DICT, 1)        \
    X('e', APPENDS, 1)           \
    X('g', GET, 0)               \
    X('h', BINGET, 1)            \
    X('i', INST, 0)              \
    X('j', LONG_BINGET, 1)       \
    X('l', LIST, 0)              \
    X(']', EMPTY_LIST, 1)        \
    X('o', OBJ, 1)               \
    X('p', PUT, 0)               \
    X('q', BINPUT, 1)            \
    X('r', LONG_BINPUT, 1)       \
    X('s', SETITEM, 0)           \
    X('t', TUPLE, 0)             \
    X(')', EMPTY_TUPLE, 1)       \
    X('u', SETITEMS, 1)          \
    X('G', BINFLOAT, 1)          \
    X(0x80, PROTO, 0)            \
    X(0x81, NEWOBJ, 2)           \
    X(0x82, EXT1, 2)             \
    X(0x83, EXT2, 2)             \
    X(0x84, EXT4, 2)             \
    X(0x85, TUPLE1, 2)           \
    X(0x86, TUPLE2, 2)           \
    X(0x87, TUPLE3, 2)           \
    X(0x88, NEWTRUE, 2)          \
    X(0x89, NEWFALSE, 2)         \
    X(0x8a, LONG1, 2)            \
    X(0x8b, LONG4, 2)            \
    X('B', BINBYTES, 3)          \
    X('C', SHORT_BINBYTES, 3)    \
    X(0x8c, SHORT_BINUNICODE, 4) \
    X(0x8d, BINUNICODE8, 4)      \
    X(0x8e, BINBYTES8, 4)        \
    X(0x8f, EMPTY_SET, 4)        \
    X(0x90, ADDITEMS, 4)         \
    X(0x91, FROZENSET, 4)        \
    X(0x92, NEWOBJ_EX, 4)        \
    X(0x93, STACK_GLOBAL, 4)     \
    X(0x94, MEMOIZE, 4)          \
    X(0x95, FRAME, 4)            \
    X(0x96, BYTEARRAY8, 5)       \
    X(0x97, NEXT_BUFFER, 5)      \
    X(0x98, READONLY_BUFFER, 5)
#define PROTOCOL_LAST 5

enum {
#define OPCODE_ENUM(code, name, protocol) OP_##name = code,
    OPCODES(OPCODE_ENUM)
#undef OPCODE_ENUM
};

static const char *const op_names[256] = {
#define OPCODE_NAME(code, name, protocol) [code] = #name,
    OPCODES(OPCODE_NAME)
#undef OPCODE_NAME
};

static const uint8_t op_protocols[256] = {
#define OPCODE_PROTOCOL(code, name, protocol) [code] = protocol,
    OPCODES(OPCODE_PROTOCOL)
#undef OPCODE_PROTOCOL
};

/* --- failing, memory --- */

ptm_rc ptmi_pkm_fail(struct ptmi_pkm *m, ptm_rc rc, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *op = m->op < m->here ? op_names[*m->op] : NULL;
    return ptm_err_set(m->err, rc, "%s: byte %llu: %s%s%s", ptmi_source_name(m->out->source),
                       (unsigned long long)ptmi_pkm_at(m), op ? op : "", op ? ": " : "", text);
}

/* An eighth of what was used before, from 1 to 64 KiB: more would be a block of its own to the
 * arena. Less at the end of what is allowed. */
static size_t next_room(const struct ptmi_arena *arena)
{
    size_t left = (arena->max - arena->used) & ~(size_t)15, room = arena->used / 8 & ~(size_t)15;
    if (room < ROOM_FIRST) room = ROOM_FIRST;
    if (room > ROOM_LAST) room = ROOM_LAST;
    return room < left ? room : left;
}

ptm_rc ptmi_pkm_alloc_more(struct ptmi_pkm *m, uint64_t size, void *out)
{
    struct ptmi_arena *arena = &m->out->arena;
    size_t room = next_room(arena);
    bool alone = size > room / 8;
    if (size > arena->max - arena->used)
        return ptmi_pkm_fail(m, PTM_ELIMIT, "more than %zu bytes of memory would be needed",
                             arena->max);
    unsigned char *memory = ptmi_arena_alloc(arena, alone ? (size_t)size : room);
    if (!memory) return ptmi_pkm_fail(m, PTM_ENOMEM, "out of memory");
    memcpy(out, &memory, sizeof memory);
    if (alone) return PTM_OK;
    m->room = memory + size;
    m->room_left = room - (size_t)size;
    return PTM_OK;
}

ptm_rc ptmi_pkm_grow(struct ptmi_pkm *m, void *array, size_t *cap, size_t item)
{
    size_t more = *cap ? *cap : 64;
    void *old = NULL;
    if (more * item > m->heap_max - m->heap)
        return ptmi_pkm_fail(m, PTM_ELIMIT, "more than %zu bytes of memory would be needed",
                             m->heap_max);
    memcpy(&old, array, sizeof old);
    void *grown = realloc(old, (*cap + more) * item);
    if (!grown) return ptmi_pkm_fail(m, PTM_ENOMEM, "out of memory");
    memcpy(array, &grown, sizeof grown);
    m->heap += more * item;
    *cap += more;
    return PTM_OK;
}

/* --- where the bytes come from, and frames --- */

static void set_limit(struct ptmi_pkm *m)
{
    const uint8_t *stop = m->frame_end ? m->frame_end : m->end;
    m->limit = stop < m->here ? stop : m->here;
}

/* Makes bytes up to to ready, and some more when they are fetched from afar. */
static ptm_rc fetch(struct ptmi_pkm *m, const uint8_t *to)
{
    uint64_t have = (uint64_t)(m->here - m->base), left = (uint64_t)(m->end - m->here);
    uint64_t window = have < WINDOW_FIRST ? WINDOW_FIRST : have > WINDOW_LAST ? WINDOW_LAST : have;
    uint64_t len = (uint64_t)(to - m->here);
    const uint8_t *p = NULL;
    if (len < window) len = window;
    if (len > left) len = left;
    PTM_TRY(ptmi_source_at(m->out->source, m->out->begin + have, len, &p, m->err));
    PTM_ASSERT(p == m->here, m->err);
    m->here += len;
    set_limit(m);
    return PTM_OK;
}

void ptmi_pkm_go_on(struct ptmi_pkm *m, ptm_rc rc)
{
    m->err = NULL; /* the first error stays */
    if (m->broken) return;
    m->broken = rc;
    m->broken_at = ptmi_pkm_at(m);
}

static void ignore_frames(struct ptmi_pkm *m)
{
    m->frames = PTMI_PKM_IGNORE;
    m->frame_end = NULL;
    set_limit(m);
}

/* What is being read crosses the end of a frame, or begins one inside another. */
static ptm_rc broken_frame(struct ptmi_pkm *m, const char *what)
{
    ptmi_pkm_go_on(m, ptmi_pkm_fail(m, PTM_EFORMAT, "%s", what));
    ignore_frames(m);
    return PTM_OK;
}

/* len bytes do not fit into the frame. */
static ptm_rc leave_frame(struct ptmi_pkm *m, bool whole)
{
    if (m->frames == PTMI_PKM_STRICT) return broken_frame(m, "crosses the end of its frame");
    if (!whole) m->p = m->frame_end;
    m->frame_end = NULL;
    set_limit(m);
    return PTM_OK;
}

ptm_rc ptmi_pkm_more(struct ptmi_pkm *m, uint64_t len, bool whole)
{
    if (m->frame_end && len > (uint64_t)(m->frame_end - m->p)) PTM_TRY(leave_frame(m, whole));
    if (len > (uint64_t)(m->end - m->p))
        return ptmi_pkm_fail(m, PTM_EFORMAT, "%llu bytes are wanted, %llu are left",
                             (unsigned long long)len, (unsigned long long)(m->end - m->p));
    if (len > (uint64_t)(m->here - m->p)) return fetch(m, m->p + len);
    return PTM_OK;
}

/* Could a line that is longer than allowed be one that CPython reads? Names never are. */
static bool may_be_line(uint8_t op, const uint8_t *line, uint64_t len)
{
    if (op == OP_UNICODE) return true;
    if (op == OP_STRING) return *line == '\'' || *line == '"';
    if (op == OP_GLOBAL || op == OP_INST || op == OP_PERSID) return false;
    const uint8_t *nul = memchr(line, '\0', (size_t)len); /* ends a number */
    const uint8_t *end = nul ? nul : line + len;
    while (line < end && *line && strchr("0123456789abcdefxoABCDEFXOL_+-. \t\v\f\r", *line)) line++;
    return line == end;
}

/* The newline of the line at p; NULL: none before the end of the frame or of all. */
static ptm_rc find_newline(struct ptmi_pkm *m, const uint8_t **out)
{
    bool text = *m->op == OP_STRING || *m->op == OP_UNICODE;
    uint64_t most = text ? PTM_LIMIT_PICKLE_LINE : PTM_LIMIT_PICKLE_WORD;
    const uint8_t *from = m->p, *stop = most < (uint64_t)(m->end - m->p) ? m->p + most : NULL;
    for (;;) {
        const uint8_t *to = stop && stop < m->limit ? stop : m->limit;
        *out = from < to ? memchr(from, '\n', (size_t)(to - from)) : NULL;
        if (*out) return PTM_OK;
        if (to == stop)
            return ptmi_pkm_fail(m, may_be_line(*m->op, m->p, most) ? PTM_ELIMIT : PTM_EFORMAT,
                                 "a line of more than %llu bytes", (unsigned long long)most);
        if (m->limit == m->frame_end || m->here == m->end) return PTM_OK;
        from = m->here;
        PTM_TRY(fetch(m, m->here + 1));
    }
}

ptm_rc ptmi_pkm_line(struct ptmi_pkm *m, const uint8_t **out, size_t *out_len)
{
    const uint8_t *newline = NULL;
    PTM_TRY(find_newline(m, &newline));
    if (!newline && m->frame_end) {
        PTM_TRY(leave_frame(m, false));
        PTM_TRY(find_newline(m, &newline));
    }
    if (!newline) return ptmi_pkm_fail(m, PTM_EFORMAT, "the line has no end");
    *out = m->p;
    *out_len = (size_t)(newline - m->p);
    m->p = newline + 1;
    return PTM_OK;
}

static ptm_rc run_frame(struct ptmi_pkm *m)
{
    const uint8_t *p = NULL;
    PTM_TRY(ptmi_pkm_take(m, 8, &p));
    uint64_t len = ptmi_le64(p);
    if (m->frame_end && m->p < m->frame_end && m->frames == PTMI_PKM_STRICT)
        PTM_TRY(broken_frame(m, "begins inside another frame"));
    if (m->frames == PTMI_PKM_DISCARD && m->frame_end) {
        if (len <= (uint64_t)(m->frame_end - m->p)) return PTM_OK;
        m->p = m->frame_end;
    }
    if (len > (uint64_t)(m->end - m->p)) { /* the unpickler in Python takes what is there */
        ptmi_pkm_go_on(m,
                       ptmi_pkm_fail(m, PTM_EFORMAT, "a frame of %llu bytes, %llu are left",
                                     (unsigned long long)len, (unsigned long long)(m->end - m->p)));
        ignore_frames(m);
    }
    if (m->frames != PTMI_PKM_IGNORE) m->frame_end = m->p + len;
    set_limit(m);
    return PTM_OK;
}

/* --- opcodes --- */

static ptm_rc run_proto(struct ptmi_pkm *m)
{
    const uint8_t *p = NULL;
    PTM_TRY(ptmi_pkm_take(m, 1, &p));
    if (*p > PROTOCOL_LAST) return ptmi_pkm_fail(m, PTM_EFORMAT, "protocol %d is unknown", *p);
    if (m->n_ops > 1) m->out->oddities |= PTMI_PK_ODD_PROTO_AGAIN;
    m->protocol = m->out->protocol = m->ceiling = *p;
    return PTM_OK;
}

/* An opcode of a protocol that is higher than promised. Without PROTO 0 and 1 are told apart by
 * their opcodes. */
static void note_protocol(struct ptmi_pkm *m, int protocol)
{
    if (protocol == 1 && m->ceiling == 0)
        m->out->protocol = m->ceiling = 1;
    else {
        m->out->oddities |= PTMI_PK_ODD_PROTO_HIGH;
        m->ceiling = PROTOCOL_LAST;
    }
}

static ptm_rc run_stop(struct ptmi_pkm *m)
{
    struct ptmi_pk *root = NULL;
    PTM_TRY(ptmi_pkm_pop(m, &root));
    ptmi_pkm_use(root, PTMI_USE_VALUE);
    if (m->n > 0) m->out->oddities |= PTMI_PK_ODD_STACK;
    if (m->frame_end && m->p < m->frame_end) m->out->oddities |= PTMI_PK_ODD_FRAME_REST;
    m->out->root = root;
    return PTM_OK;
}

static ptm_rc small_tuple(struct ptmi_pkm *m, size_t n)
{
    if (m->n - m->fence < n) return ptmi_pkm_underflow(m);
    return ptmi_pkm_tuple(m, m->n - n);
}

static ptm_rc marked_tuple(struct ptmi_pkm *m)
{
    size_t from = 0;
    PTM_TRY(ptmi_pkm_marker(m, &from));
    return ptmi_pkm_tuple(m, from);
}

/* len: 1, 2 or 4, the last one signed. */
static ptm_rc run_binint(struct ptmi_pkm *m, unsigned len)
{
    const uint8_t *p = NULL;
    PTM_TRY(ptmi_pkm_take(m, len, &p));
    return ptmi_pkm_int(m, len == 1 ? p[0] : len == 2 ? ptmi_le16(p) : (int32_t)ptmi_le32(p));
}

static ptm_rc run_put(struct ptmi_pkm *m, unsigned len)
{
    const uint8_t *p = NULL;
    PTM_TRY(ptmi_pkm_take(m, len, &p));
    return ptmi_pkm_put(m, len == 1 ? p[0] : ptmi_le32(p));
}

static ptm_rc run_get(struct ptmi_pkm *m, unsigned len)
{
    const uint8_t *p = NULL;
    PTM_TRY(ptmi_pkm_take(m, len, &p));
    return ptmi_pkm_get(m, len == 1 ? p[0] : ptmi_le32(p));
}

/* A flat switch over all opcodes. */
static ptm_rc run_op(struct ptmi_pkm *m, uint8_t op)
{
    switch (op) {
    case OP_BINPUT:
        return run_put(m, 1);
    case OP_BINGET:
        return run_get(m, 1);
    case OP_LONG_BINPUT:
        return run_put(m, 4);
    case OP_LONG_BINGET:
        return run_get(m, 4);
    case OP_MEMOIZE:
        return ptmi_pkm_memoize(m);
    case OP_MARK:
        return ptmi_pkm_mark(m);
    case OP_BININT1:
        return run_binint(m, 1);
    case OP_BININT2:
        return run_binint(m, 2);
    case OP_BININT:
        return run_binint(m, 4);
    case OP_BINUNICODE:
        return ptmi_pkm_counted_text(m, 4);
    case OP_SHORT_BINUNICODE:
        return ptmi_pkm_counted_text(m, 1);
    case OP_BINUNICODE8:
        return ptmi_pkm_counted_text(m, 8);
    case OP_TUPLE:
        return marked_tuple(m);
    case OP_EMPTY_TUPLE:
        return ptmi_pkm_tuple(m, m->n);
    case OP_TUPLE1:
        return small_tuple(m, 1);
    case OP_TUPLE2:
        return small_tuple(m, 2);
    case OP_TUPLE3:
        return small_tuple(m, 3);
    case OP_REDUCE:
        return ptmi_pkm_reduce(m);
    case OP_BINPERSID:
        return ptmi_pkm_binpersid(m);
    case OP_BINFLOAT:
        return ptmi_pkm_binfloat(m);
    case OP_NONE:
        return ptmi_pkm_none(m);
    case OP_NEWTRUE:
        return ptmi_pkm_bool(m, true);
    case OP_NEWFALSE:
        return ptmi_pkm_bool(m, false);
    case OP_SETITEM:
        return ptmi_pkm_setitem(m);
    case OP_SETITEMS:
        return ptmi_pkm_setitems(m);
    case OP_APPEND:
        return ptmi_pkm_append(m);
    case OP_APPENDS:
        return ptmi_pkm_appends(m);
    case OP_ADDITEMS:
        return ptmi_pkm_additems(m);
    case OP_BUILD:
        return ptmi_pkm_build(m);
    case OP_EMPTY_DICT:
        return ptmi_pkm_empty(m, PTMI_PK_DICT);
    case OP_EMPTY_LIST:
        return ptmi_pkm_empty(m, PTMI_PK_LIST);
    case OP_EMPTY_SET:
        return ptmi_pkm_empty(m, PTMI_PK_SET);
    case OP_DICT:
        return ptmi_pkm_dict(m);
    case OP_LIST:
        return ptmi_pkm_list(m);
    case OP_FROZENSET:
        return ptmi_pkm_frozenset(m);
    case OP_GLOBAL:
        return ptmi_pkm_global(m);
    case OP_STACK_GLOBAL:
        return ptmi_pkm_stack_global(m);
    case OP_NEWOBJ:
        return ptmi_pkm_newobj(m, false);
    case OP_NEWOBJ_EX:
        return ptmi_pkm_newobj(m, true);
    case OP_INST:
        return ptmi_pkm_inst(m);
    case OP_OBJ:
        return ptmi_pkm_obj(m);
    case OP_PERSID:
        return ptmi_pkm_persid(m);
    case OP_EXT1:
        return ptmi_pkm_ext(m, 1);
    case OP_EXT2:
        return ptmi_pkm_ext(m, 2);
    case OP_EXT4:
        return ptmi_pkm_ext(m, 4);
    case OP_LONG1:
        return ptmi_pkm_counted_long(m, 1);
    case OP_LONG4:
        return ptmi_pkm_counted_long(m, 4);
    case OP_SHORT_BINBYTES:
        return ptmi_pkm_counted_bytes(m, 1, PTMI_PK_BYTES);
    case OP_BINBYTES:
        return ptmi_pkm_counted_bytes(m, 4, PTMI_PK_BYTES);
    case OP_BINBYTES8:
        return ptmi_pkm_counted_bytes(m, 8, PTMI_PK_BYTES);
    case OP_BYTEARRAY8:
        return ptmi_pkm_counted_bytes(m, 8, PTMI_PK_BYTEARRAY);
    case OP_SHORT_BINSTRING:
        return ptmi_pkm_counted_string(m, 1);
    case OP_BINSTRING:
        return ptmi_pkm_counted_string(m, 4);
    case OP_INT:
        return ptmi_pkm_text_int(m);
    case OP_LONG:
        return ptmi_pkm_text_long(m);
    case OP_FLOAT:
        return ptmi_pkm_text_float(m);
    case OP_STRING:
        return ptmi_pkm_text_string(m);
    case OP_UNICODE:
        return ptmi_pkm_text_unicode(m);
    case OP_PUT:
        return ptmi_pkm_text_put(m);
    case OP_GET:
        return ptmi_pkm_text_get(m);
    case OP_POP:
        return ptmi_pkm_drop(m);
    case OP_POP_MARK:
        return ptmi_pkm_drop_mark(m);
    case OP_DUP:
        return ptmi_pkm_dup(m);
    case OP_NEXT_BUFFER:
        return ptmi_pkm_next_buffer(m);
    case OP_READONLY_BUFFER:
        return ptmi_pkm_readonly_buffer(m);
    case OP_PROTO:
        return run_proto(m);
    case OP_FRAME:
        return run_frame(m);
    case OP_STOP:
        return run_stop(m);
    default:
        return ptmi_pkm_fail(m, PTM_EFORMAT, "0x%02x is no opcode", op);
    }
}

/* At the end of a frame, of what was fetched, or of all. */
static ptm_rc next_place(struct ptmi_pkm *m)
{
    m->frame_end = NULL;
    set_limit(m);
    if (m->p == m->end) return ptmi_pkm_fail(m, PTM_EFORMAT, "the data ends without STOP");
    return m->p == m->here ? fetch(m, m->p + 1) : PTM_OK;
}

static ptm_rc run(struct ptmi_pkm *m)
{
    for (;;) {
        m->op = m->p;
        if (m->p == m->limit) PTM_TRY(next_place(m));
        uint8_t op = *m->p++;
        m->n_ops++;
        if (op_protocols[op] > m->ceiling) note_protocol(m, op_protocols[op]);
        PTM_TRY(run_op(m, op));
        if (op == OP_STOP) return PTM_OK;
    }
}

/* --- the whole --- */

static void clear_machine(struct ptmi_pkm *m)
{
    free(m->stack);
    free(m->marks);
    ptmi_pkm_memo_clear(&m->memo);
}

/* A machine that goes on filling in out's lists. */
static struct ptmi_pkm new_machine(const struct ptmi_pkm *like)
{
    return (struct ptmi_pkm){
        .p = like->base,
        .limit = like->base,
        .base = like->base,
        .here = like->here,
        .end = like->end,
        .op = like->base,
        .heap_max = like->heap_max,
        .no_encoding = like->no_encoding,
        .cap_globals = like->cap_globals,
        .cap_calls = like->cap_calls,
        .cap_persids = like->cap_persids,
        .cap_objects = like->cap_objects,
        .out = like->out,
    };
}

static bool same_global(const struct ptmi_pk_global *a, const struct ptmi_pk_global *b)
{
    return a->at == b->at && strcmp(a->node->module, b->node->module) == 0 &&
           strcmp(a->node->name, b->node->name) == 0;
}

/* Leaves of the globals from n on those that are not among the n before them. Both were listed in
 * the order of their places. */
static void keep_new_globals(struct ptmi_pickle *out, size_t n)
{
    size_t kept = n, before = 0;
    for (size_t i = n; i < out->n_globals; i++) {
        while (before < n && out->globals[before].at < out->globals[i].at) before++;
        if (before < n && same_global(&out->globals[before], &out->globals[i])) continue;
        out->globals[kept++] = out->globals[i];
    }
    out->n_globals = kept;
}

/* Globals that a file's reader asks for. */
static ptm_rc run_discarding(const struct ptmi_pkm *first)
{
    struct ptmi_pkm m = new_machine(first);
    size_t n = m.out->n_globals;
    m.frames = PTMI_PKM_DISCARD;
    set_limit(&m);
    ptm_rc rc = run(&m);
    clear_machine(&m);
    keep_new_globals(m.out, n);
    return rc;
}

static ptm_rc run_broken(struct ptmi_pkm *m, ptm_rc rc, struct ptm_err *err)
{
    if (rc != PTM_ENOMEM) rc = run_discarding(m);
    m->out->root = NULL;
    m->out->end = m->broken_at;
    if (rc == PTM_ENOMEM) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    return m->broken;
}

static void finish(struct ptmi_pickle *out)
{
    for (size_t i = 0; i < out->n_globals; i++) {
        struct ptmi_pk *node = out->globals[i].node;
        if (node->uses == 0) node->uses = PTMI_USE_DROPPED;
    }
}

static size_t memory_for(uint64_t bytes)
{
    if (bytes > (PTM_LIMIT_PICKLE_MEMORY - MEMORY_FIRST) / MEMORY_PER_BYTE)
        return PTM_LIMIT_PICKLE_MEMORY;
    return (size_t)(MEMORY_FIRST + bytes * MEMORY_PER_BYTE);
}

ptm_rc ptmi_pickle_run(ptmi_source *source, uint64_t begin, uint64_t end,
                       const struct ptmi_pickle_opts *opts, struct ptmi_pickle *out,
                       struct ptm_err *err)
{
    const uint8_t *base = NULL;
    size_t memory = opts && opts->memory ? opts->memory : memory_for(end - begin);
    *out = (struct ptmi_pickle){.source = ptmi_source_ref(source),
                                .arena = PTMI_ARENA(memory),
                                .begin = begin,
                                .end = begin};
    if (begin > end || end > ptmi_source_size(source))
        return ptm_err_set(err, PTM_EINVAL, "%s: no bytes %llu to %llu", ptmi_source_name(source),
                           (unsigned long long)begin, (unsigned long long)end);
    bool far = ptmi_source_is_remote(source);
    PTM_TRY(ptmi_source_at(source, begin, far ? 0 : end - begin, &base, err));
    struct ptmi_pkm start = {.base = base,
                             .here = base + (far ? 0 : end - begin),
                             .end = base + (end - begin),
                             .heap_max = memory,
                             .no_encoding = opts && opts->no_encoding,
                             .out = out};
    struct ptmi_pkm m = new_machine(&start);
    m.err = err;
    set_limit(&m);
    ptm_rc rc = run(&m);
    out->end = begin + (uint64_t)((rc == PTM_OK ? m.p : m.op) - base);
    out->n_ops = m.n_ops;
    clear_machine(&m);
    if (m.broken) rc = run_broken(&m, rc, err);
    finish(out);
    return rc;
}

void ptmi_pickle_clear(struct ptmi_pickle *pickle)
{
    free(pickle->globals);
    free(pickle->calls);
    free(pickle->persids);
    free(pickle->objects);
    ptmi_arena_clear(&pickle->arena);
    ptmi_source_unref(pickle->source);
    *pickle = (struct ptmi_pickle){0};
}
