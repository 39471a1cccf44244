/* SPDX-License-Identifier: MIT */
/*
 * pickle_build.h - pickles out of a short notation, so that a test can be read:
 *
 *     None True False  12 -3 1.5  'text' b'\x00' a'bytearray' r'bytes of a Python 2 str'
 *     (1, 2) [1, 2] {'a': 1} <1, 2>      tuple, list, dict, set; (1) is a tuple too
 *     @torch._utils._rebuild_tensor      a global: module up to the last dot
 *     @m.f(1, 2)  @m.c*(1)  @m.c*(1)**{} REDUCE, NEWOBJ, NEWOBJ_EX
 *     x!state  x+[1]  x+{'a': 1}         BUILD, APPENDS, SETITEMS
 *     Px                                 x as a persistent id
 *     =3x  #3                            puts x into the memo (containers before they are filled),
 *                                        gets it
 */
#pragma once

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Start with {0}; pickle_put() appends a whole pickle. */
struct pickle_out {
    uint8_t *data; /* owned by the caller: free() */
    size_t len, cap;
    const char *at; /* what is left of the notation */
};

static inline void pk_bytes(struct pickle_out *out, const void *data, size_t len)
{
    while (out->cap - out->len < len) {
        out->cap = out->cap ? 2 * out->cap : 4096;
        out->data = realloc(out->data, out->cap);
        assert(out->data);
    }
    if (len > 0) memcpy(out->data + out->len, data, len);
    out->len += len;
}

static inline void pk_op(struct pickle_out *out, int opcode)
{
    uint8_t byte = (uint8_t)opcode;
    pk_bytes(out, &byte, 1);
}

static inline void pk_le(struct pickle_out *out, uint64_t value, int size)
{
    for (int i = 0; i < size; i++) pk_op(out, (int)(value >> 8 * i & 255));
}

static inline bool pk_next(struct pickle_out *out, char c)
{
    while (*out->at == ' ' || *out->at == '\n') out->at++;
    if (*out->at != c) return false;
    out->at++;
    return true;
}

static inline void pk_value(struct pickle_out *out);

/* Values up to the closing character, after a MARK. Returns how many. */
static inline int pk_items(struct pickle_out *out, char close)
{
    int n = 0;
    pk_op(out, '(');
    while (!pk_next(out, close)) {
        assert(*out->at);
        if (n > 0 && !pk_next(out, ',') && !pk_next(out, ':')) assert(!"a comma");
        if (pk_next(out, close)) break;
        pk_value(out);
        n++;
    }
    return n;
}

static inline void pk_quoted(struct pickle_out *out, int opcode, int size)
{
    uint8_t text[65536];
    size_t n = 0;
    for (; *out->at != '\''; out->at++) {
        assert(*out->at && n < sizeof text);
        if (out->at[0] == '\\' && out->at[1] == 'x') {
            char hex[3] = {out->at[2], out->at[3], 0};
            text[n++] = (uint8_t)strtoul(hex, NULL, 16);
            out->at += 3;
        } else {
            text[n++] = (uint8_t)*out->at;
        }
    }
    out->at++;
    pk_op(out, opcode);
    pk_le(out, n, size);
    pk_bytes(out, text, n);
}

static inline void pk_number(struct pickle_out *out)
{
    char *end = NULL;
    long long number = strtoll(out->at, &end, 10);
    if (*end == '.' || *end == 'e') {
        double real = strtod(out->at, &end);
        uint64_t bits;
        memcpy(&bits, &real, 8);
        pk_op(out, 'G');
        for (int i = 0; i < 8; i++) pk_op(out, (int)(bits >> 8 * (7 - i) & 255));
    } else if (number >= INT32_MIN && number <= INT32_MAX) {
        pk_op(out, 'J');
        pk_le(out, (uint64_t)number, 4);
    } else {
        pk_op(out, 0x8a); /* LONG1 */
        pk_op(out, 8);
        pk_le(out, (uint64_t)number, 8);
    }
    out->at = end;
}

static inline void pk_global(struct pickle_out *out)
{
    size_t n = 0, dot = 0;
    for (; isalnum((unsigned char)out->at[n]) || out->at[n] == '_' || out->at[n] == '.'; n++)
        if (out->at[n] == '.') dot = n;
    pk_op(out, 'c');
    pk_bytes(out, out->at, dot);
    pk_op(out, '\n');
    pk_bytes(out, out->at + dot + 1, n - dot - 1);
    pk_op(out, '\n');
    out->at += n;
}

static inline bool pk_word(struct pickle_out *out, const char *word, int opcode)
{
    if (strncmp(out->at, word, strlen(word)) != 0) return false;
    out->at += strlen(word);
    pk_op(out, opcode);
    return true;
}

static inline void pk_put(struct pickle_out *out, int memo)
{
    if (memo < 0) return;
    pk_op(out, 'q');
    pk_op(out, memo);
}

static inline void pk_container(struct pickle_out *out, int empty, char close, int fill, int memo)
{
    pk_op(out, empty);
    pk_put(out, memo);
    pk_items(out, close);
    pk_op(out, fill);
}

/* memo: where to put a container before it is filled; -1: nowhere. Returns whether it was one. */
static inline bool pk_first(struct pickle_out *out, int memo)
{
    while (*out->at == ' ' || *out->at == '\n') out->at++;
    char c = *out->at;
    if (c == '[' || c == '{' || c == '<') {
        out->at++;
        if (c == '[') pk_container(out, ']', ']', 'e', memo);
        if (c == '{') pk_container(out, '}', '}', 'u', memo);
        if (c == '<') pk_container(out, 0x8f, '>', 0x90, memo);
        return true;
    }
    if (c == 'b' || c == 'a' || c == 'r') out->at += 2;
    if (c == '(' || c == '\'' || c == '@' || c == '#' || c == 'P') out->at++;
    if (c == 'b') pk_quoted(out, 'B', 4);
    if (c == 'a') pk_quoted(out, 0x96, 8);
    if (c == 'r') pk_quoted(out, 'T', 4);
    if (c == '\'') pk_quoted(out, 'X', 4);
    if (c == '@') pk_global(out);
    if (c == '(') {
        pk_items(out, ')');
        pk_op(out, 't');
    }
    if (c == '#') {
        pk_op(out, 'h');
        pk_op(out, (int)strtol(out->at, (char **)&out->at, 10));
    }
    if (c == 'P') {
        pk_first(out, -1);
        pk_op(out, 'Q');
    }
    if (c == 'N' || c == 'T' || c == 'F')
        if (!pk_word(out, "None", 'N') && !pk_word(out, "True", 0x88) &&
            !pk_word(out, "False", 0x89))
            assert(!"a word");
    if (isdigit((unsigned char)c) || c == '-') pk_number(out);
    assert(c && strchr("bar('@#PNTF-0123456789", c));
    return false;
}

/* state: of a BUILD, whose own state must not be taken for another of the object. */
static inline void pk_chain(struct pickle_out *out, bool state)
{
    int memo = -1;
    if (pk_next(out, '=')) memo = (int)strtol(out->at, (char **)&out->at, 10);
    if (pk_first(out, memo)) memo = -1;
    for (;;) {
        if (pk_next(out, '(')) {
            pk_items(out, ')');
            pk_op(out, 't');
            pk_op(out, 'R');
        } else if (pk_next(out, '*')) {
            assert(*out->at == '(');
            pk_first(out, -1);
            bool ex = strncmp(out->at, "**", 2) == 0;
            if (ex) {
                out->at += 2;
                pk_first(out, -1);
            }
            pk_op(out, ex ? 0x92 : 0x81);
        } else if (!state && pk_next(out, '!')) {
            pk_chain(out, true);
            pk_op(out, 'b');
        } else if (pk_next(out, '+')) {
            bool list = pk_next(out, '[');
            if (!list && !pk_next(out, '{')) assert(!"[ or {");
            pk_items(out, list ? ']' : '}');
            pk_op(out, list ? 'e' : 'u');
        } else {
            pk_put(out, memo);
            return;
        }
    }
}

static inline void pk_value(struct pickle_out *out)
{
    pk_chain(out, false);
}

static inline void pickle_put(struct pickle_out *out, const char *notation)
{
    out->at = notation;
    pk_bytes(out, "\x80\x05", 2);
    pk_value(out);
    while (*out->at == ' ' || *out->at == '\n') out->at++;
    assert(!*out->at);
    pk_op(out, '.');
}
