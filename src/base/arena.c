/* SPDX-License-Identifier: MIT */
/*
 * arena.c - blocks that grow from 4 KiB to 8 MiB, each handed out from its front. Alignment is that
 * of the most demanding type; what is larger than a quarter of a block gets a block of its own.
 */
#include "arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base_priv.h"
#include "limits.h"

#define FIRST_BLOCK ((size_t)4 << 10)
#define LARGEST_BLOCK ((size_t)8 << 20)
/* Faulting in hundreds of MB for a pickle's nodes 4 KB at a time takes longer than making them. */
#define LARGE_PAGES_FROM ((size_t)4 << 20)
#define ALIGNMENT _Alignof(max_align_t)

struct ptmi_arena_block {
    struct ptmi_arena_block *next;
    size_t size; /* of data */
    size_t used;
    _Alignas(max_align_t) unsigned char data[];
};

static struct ptmi_arena_block *new_block(size_t size)
{
    struct ptmi_arena_block *block = calloc(1, sizeof *block + size);
    if (block) block->size = size;
    if (block && size >= LARGE_PAGES_FROM) ptmi_os_large_pages(block, sizeof *block + size);
    return block;
}

/* The block size bytes are to be taken from; NULL when out of memory. */
static struct ptmi_arena_block *block_for(struct ptmi_arena *arena, size_t size)
{
    struct ptmi_arena_block *head = arena->blocks;
    if (head && size <= head->size - head->used) return head;
    size_t normal = FIRST_BLOCK;
    if (head) normal = head->size < LARGEST_BLOCK / 2 ? 2 * head->size : LARGEST_BLOCK;
    bool alone = size > normal / 4;
    struct ptmi_arena_block *block = new_block(alone ? size : normal);
    if (!block) return NULL;
    if (alone && head) { /* behind the head, whose rest stays in use */
        block->next = head->next;
        head->next = block;
    } else {
        block->next = head;
        arena->blocks = block;
    }
    return block;
}

void ptmi_arena_clear(struct ptmi_arena *arena)
{
    struct ptmi_arena_block *block = arena->blocks;
    while (block) {
        struct ptmi_arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena->blocks = NULL;
    arena->used = 0;
}

void *ptmi_arena_alloc(struct ptmi_arena *arena, size_t size)
{
    if (size == 0) size = 1;
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (arena->used > arena->max || size > arena->max - arena->used) return NULL;
    struct ptmi_arena_block *block = block_for(arena, size);
    if (!block) return NULL;
    void *memory = block->data + block->used;
    block->used += size;
    arena->used += size;
    return memory;
}

char *ptmi_arena_strndup(struct ptmi_arena *arena, const char *text, size_t len)
{
    if (!text || len == SIZE_MAX) return NULL;
    char *copy = ptmi_arena_alloc(arena, len + 1);
    if (!copy) return NULL;
    memcpy(copy, text, len);
    return copy; /* its NUL is there: arena memory is zeroed */
}

char *ptmi_arena_strdup(struct ptmi_arena *arena, const char *text)
{
    return text ? ptmi_arena_strndup(arena, text, strlen(text)) : NULL;
}

char *ptmi_arena_printf(struct ptmi_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) return NULL;
    char *text = ptmi_arena_alloc(arena, (size_t)n + 1);
    if (!text) return NULL;
    va_start(args, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}

void *ptmi_arena_grown(struct ptmi_arena *arena, void *items, size_t n, size_t *cap, size_t item)
{
    size_t want = *cap ? *cap : 4, bytes;
    if (n < *cap) return items;
    if (__builtin_mul_overflow(want, 2u, &want) || __builtin_mul_overflow(want, item, &bytes))
        return NULL;
    void *more = ptmi_arena_alloc(arena, bytes);
    if (!more) return NULL;
    if (n > 0) memcpy(more, items, n * item);
    *cap = want;
    return more;
}

bool ptmi_arena_list_add(struct ptmi_arena *arena, struct ptmi_arena_list *list, const char *text)
{
    if (!text || list->n >= PTM_LIMIT_ITEMS) return false;
    const char **items = ptmi_arena_grown(arena, list->items, list->n, &list->cap, sizeof *items);
    if (!items) return false;
    list->items = items;
    list->items[list->n++] = text;
    return true;
}

bool ptmi_arena_list_add_new(struct ptmi_arena *arena, struct ptmi_arena_list *list,
                             const char *text)
{
    if (!text) return false;
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i], text) == 0) return true;
    return ptmi_arena_list_add(arena, list, text);
}
