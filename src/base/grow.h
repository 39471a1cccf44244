/* SPDX-License-Identifier: MIT */
/* grow.h - arrays that are filled one item after another. arena.h has the same for arenas. */
#pragma once

#include <stddef.h>
#include <stdlib.h>

/*
 * items, of which there are n and room for *cap, each of that size; where they are full, moved to
 * twice the room (16 items to begin with). NULL: out of memory, and items are as they were.
 * Nothing is counted or initialised. Thread-safe.
 */
static inline void *ptmi_grown(void *items, size_t n, size_t *cap, size_t item)
{
    size_t want = *cap ? *cap : 8, bytes;
    if (n < *cap) return items;
    if (__builtin_mul_overflow(want, 2u, &want) || __builtin_mul_overflow(want, item, &bytes))
        return NULL;
    void *more = realloc(items, bytes);
    if (more) *cap = want;
    return more;
}
