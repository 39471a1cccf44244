/* SPDX-License-Identifier: MIT */
/*
 * scan_skim.c - opcodes told apart without running them. Pickles have no jumps: every opcode says
 * where the next one begins, so that what stands in a pickle can be listed in one pass, and bytes
 * that are none are told from pickles in a few steps, hundreds of times faster than by the machine.
 *
 * Nothing is judged here: whatever could ask for a global is the machine's. Codes of the extension
 * registry are passed over: the registry is empty unless a program fills it.
 *
 * The arguments are those of CPython's Lib/pickletools.py.
 */
#include <string.h>

#include "../base/limits.h"
#include "scan_priv.h"

/* How an opcode's argument is written. */
enum {
    JUNK = 0, /* no opcode */
    NO_ARG,
    FIXED1, /* so many bytes */
    FIXED2,
    FIXED4,
    FIXED8,
    LEN1, /* a length of so many bytes, then the argument */
    LEN4,
    LEN8,
    LINE,
    TWO_LINES, /* GLOBAL, INST */
    ASKS,      /* STACK_GLOBAL */
    PROTO,
    STOP,
};

static const uint8_t kinds[256] = {
    ['('] = NO_ARG,  ['.'] = STOP,    ['0'] = NO_ARG,    ['1'] = NO_ARG,    ['2'] = NO_ARG,
    ['F'] = LINE,    ['I'] = LINE,    ['J'] = FIXED4,    ['K'] = FIXED1,    ['L'] = LINE,
    ['M'] = FIXED2,  ['N'] = NO_ARG,  ['P'] = LINE,      ['Q'] = NO_ARG,    ['R'] = NO_ARG,
    ['S'] = LINE,    ['T'] = LEN4,    ['U'] = LEN1,      ['V'] = LINE,      ['X'] = LEN4,
    ['a'] = NO_ARG,  ['b'] = NO_ARG,  ['c'] = TWO_LINES, ['d'] = NO_ARG,    ['}'] = NO_ARG,
    ['e'] = NO_ARG,  ['g'] = LINE,    ['h'] = FIXED1,    ['i'] = TWO_LINES, ['j'] = FIXED4,
    ['l'] = NO_ARG,  [']'] = NO_ARG,  ['o'] = NO_ARG,    ['p'] = LINE,      ['q'] = FIXED1,
    ['r'] = FIXED4,  ['s'] = NO_ARG,  ['t'] = NO_ARG,    [')'] = NO_ARG,    ['u'] = NO_ARG,
    ['G'] = FIXED8,  ['B'] = LEN4,    ['C'] = LEN1,      [0x80] = PROTO,    [0x81] = NO_ARG,
    [0x82] = FIXED1, [0x83] = FIXED2, [0x84] = FIXED4,   [0x85] = NO_ARG,   [0x86] = NO_ARG,
    [0x87] = NO_ARG, [0x88] = NO_ARG, [0x89] = NO_ARG,   [0x8a] = LEN1,     [0x8b] = LEN4,
    [0x8c] = LEN1,   [0x8d] = LEN8,   [0x8e] = LEN8,     [0x8f] = NO_ARG,   [0x90] = NO_ARG,
    [0x91] = NO_ARG, [0x92] = NO_ARG, [0x93] = ASKS,     [0x94] = NO_ARG,   [0x95] = FIXED8,
    [0x96] = LEN8,   [0x97] = NO_ARG, [0x98] = NO_ARG,
};

/* One opcode with its argument. */
struct op {
    uint8_t code, kind;
    uint64_t arg, n; /* where the argument's bytes are */
    uint64_t next;
    bool long_line; /* its line may go on beyond what was looked at */
};

/* Reads a little-endian length of so many bytes; false: it does not fit. */
static bool counted(const uint8_t *data, uint64_t end, unsigned width, struct op *op)
{
    if (width > end - op->arg) return false;
    const uint8_t *at = data + op->arg;
    op->n = width == 1 ? at[0] : width == 4 ? ptmi_le32(at) : ptmi_le64(at);
    op->arg += width;
    return op->n <= end - op->arg;
}

/* Longer lines than the machine takes are not searched to their end: op->long_line. */
static bool line(const uint8_t *data, uint64_t end, uint64_t from, struct op *op, uint64_t *out_end)
{
    uint64_t most =
        op->code == 'S' || op->code == 'V' ? PTM_LIMIT_PICKLE_LINE : PTM_LIMIT_PICKLE_WORD;
    op->long_line = most < end - from;
    if (op->long_line) end = from + most;
    const uint8_t *lf = memchr(data + from, '\n', (size_t)(end - from));
    if (!lf) return false;
    *out_end = (uint64_t)(lf - data);
    return true;
}

/* The argument of op; false: it goes past the end. */
static bool argument(const uint8_t *data, uint64_t end, struct op *op)
{
    static const uint8_t width[] = {
        [FIXED1] = 1, [FIXED2] = 2, [FIXED4] = 4, [FIXED8] = 8, [LEN1] = 1,
        [LEN4] = 4,   [LEN8] = 8,   [PROTO] = 1,  [STOP] = 0};
    uint64_t lf = 0;
    switch (op->kind) {
    case LEN1:
    case LEN4:
    case LEN8:
        if (!counted(data, end, width[op->kind], op)) return false;
        op->next = op->arg + op->n;
        return true;
    case LINE:
    case TWO_LINES:
        if (!line(data, end, op->arg, op, &lf)) return false;
        op->n = lf - op->arg;
        if (op->kind == TWO_LINES && !line(data, end, lf + 1, op, &lf)) return false;
        op->next = lf + 1;
        return true;
    default:
        op->n = width[op->kind];
        op->next = op->arg + op->n;
        return op->n <= end - op->arg;
    }
}

/* Could the line be the name of a module, as far as its first letter tells? */
static bool could_be_name(const uint8_t *at, uint64_t n)
{
    return n > 0 && (*at >= 0x80 || *at == '_' || ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z'));
}

enum ptmi_skim_end ptmi_skim(const uint8_t *data, uint64_t size, uint64_t *pos, uint64_t *work)
{
    while (*pos < size) {
        struct op op = {.code = data[*pos], .kind = kinds[data[*pos]], .arg = *pos + 1};
        if (op.kind == JUNK) return PTMI_SKIM_JUNK;
        if (!argument(data, size, &op)) {
            bool is_line = op.kind == LINE || op.kind == TWO_LINES;
            uint64_t most =
                size - *pos < PTM_LIMIT_PICKLE_LINE ? size - *pos : PTM_LIMIT_PICKLE_LINE;
            *work += is_line ? most / 16 : 1;
            return is_line && op.long_line ? PTMI_SKIM_ASKS : PTMI_SKIM_CUT;
        }
        *work += 1 + (op.kind == LINE || op.kind == TWO_LINES ? (op.next - *pos) / 16 : 0);
        if (op.kind == STOP) return PTMI_SKIM_STOP;
        if (op.kind == ASKS) return PTMI_SKIM_ASKS;
        if (op.kind == TWO_LINES)
            return could_be_name(data + op.arg, op.n) ? PTMI_SKIM_ASKS : PTMI_SKIM_JUNK;
        if (op.kind == PROTO && data[op.arg] > 5) return PTMI_SKIM_JUNK;
        *pos = op.next;
    }
    return PTMI_SKIM_CUT;
}

/* What stands as bytes or text in a pickle. */
static const bool is_arg[256] = {
    ['S'] = true, ['V'] = true,  ['T'] = true,  ['U'] = true,  ['X'] = true, ['B'] = true,
    ['C'] = true, [0x8c] = true, [0x8d] = true, [0x8e] = true, [0x96] = true};

/* Bytes that an opcode of a kind takes with its argument, where all have as many; 0: the others.
 */
static const uint8_t steps[] = {[NO_ARG] = 1, [FIXED1] = 2, [FIXED2] = 3, [FIXED4] = 5,
                                [FIXED8] = 9, [PROTO] = 2,  [ASKS] = 1,   [STOP] = 0};

/* Steps over opcodes from *pos on until one whose argument is bytes or text; false at the end. */
static bool next_arg(const uint8_t *data, uint64_t end, uint64_t *pos, struct op *op)
{
    uint64_t at = *pos;
    for (;;) {
        uint64_t step = 0;
        while (at < end && (step = steps[kinds[data[at]]]) > 0) at += step;
        if (at >= end) return false;
        *op = (struct op){.code = data[at], .kind = kinds[data[at]], .arg = at + 1};
        if (op->kind == JUNK || op->kind == STOP || !argument(data, end, op)) return false;
        *pos = at = op->next;
        if (is_arg[op->code]) return true;
    }
}

static enum ptmi_skim_form form_of(uint8_t code)
{
    switch (code) {
    case 'S':
        return PTMI_SKIM_STRING;
    case 'V':
        return PTMI_SKIM_UNICODE;
    case 'T':
    case 'U':
        return PTMI_SKIM_STR8;
    case 'X':
    case 0x8c:
    case 0x8d:
        return PTMI_SKIM_UTF8;
    default:
        return PTMI_SKIM_BYTES;
    }
}

bool ptmi_skim_arg(const uint8_t *data, uint64_t end, uint64_t *pos, struct ptmi_skim_arg *out)
{
    struct op op;
    if (!next_arg(data, end, pos, &op)) return false;
    *out = (struct ptmi_skim_arg){.at = op.arg, .n = op.n, .form = form_of(op.code)};
    return true;
}
