/* SPDX-License-Identifier: MIT */
/* arena.h - memory that is freed all at once: the strings of one record. One thread at a time. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include <ptm/err.h>

struct ptmi_arena_block;
struct ptmi_arena {
    struct ptmi_arena_block *blocks;
    size_t used; /* bytes handed out in all */
    size_t max;  /* NULL is returned beyond this */
};
#define PTMI_ARENA(max_bytes) \
    {                         \
        NULL, 0, (max_bytes)  \
    }

void ptmi_arena_clear(struct ptmi_arena *arena); /* frees all; may be used again */
/* Zeroed, aligned for any type; NULL when out of memory or over the cap. */
void *ptmi_arena_alloc(struct ptmi_arena *arena, size_t size);
/* As ptmi_grown() (grow.h), the array in the arena: the old ones stay in it, together no larger
 * than the last. */
void *ptmi_arena_grown(struct ptmi_arena *arena, void *items, size_t n, size_t *cap, size_t item);
char *ptmi_arena_strdup(struct ptmi_arena *arena, const char *text); /* NULL gives NULL */
char *ptmi_arena_strndup(struct ptmi_arena *arena, const char *text, size_t len);
PTM_PRINTF(2, 3) char *ptmi_arena_printf(struct ptmi_arena *arena, const char *fmt, ...);

/* A growing list of strings, its array in the arena. */
struct ptmi_arena_list {
    const char **items;
    size_t n;
    size_t cap;
};
/* Appends text as it is (not copied). false: out of memory, over the cap, PTM_LIMIT_ITEMS reached,
 * or text is NULL. */
bool ptmi_arena_list_add(struct ptmi_arena *arena, struct ptmi_arena_list *list, const char *text);
/* The same, unless an equal string is there already. Linear: for short lists. */
bool ptmi_arena_list_add_new(struct ptmi_arena *arena, struct ptmi_arena_list *list,
                             const char *text);
