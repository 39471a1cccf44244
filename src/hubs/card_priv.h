/* SPDX-License-Identifier: MIT */
/* card_priv.h - what card.c, card_meta.c and card_describe.c share; leaves this folder in no case.
 */
#pragma once

#include <stddef.h>

#include "card.h"

#include <cmark-gfm.h>

struct card_key {
    const char *name;
    struct ptmi_arena_list values;
};

struct card_table {
    const char *anchor; /* or NULL */
    size_t rows;        /* without the header */
    size_t columns;
    struct ptmi_cell *cells; /* (rows + 1) * columns, the header first */
};

struct card_fence {
    const char *code;
    const char *info;
    int line;
};

struct ptmi_card {
    struct ptmi_arena arena; /* every string and array below */
    cmark_node *root;
    const char *title; /* or NULL */
    struct card_key *keys;
    size_t n_keys;
    struct card_table *tables;
    size_t n_tables;
    struct ptmi_arena_list links;
    struct card_fence *fences;
    size_t n_fences;
};

/* Room for one more item of size bytes in an array of n items that lives in arena; NULL: out of
 * memory or PTM_LIMIT_ITEMS. */
void *ptmi_card_grow(struct ptmi_arena *arena, void *items, size_t n, size_t size);

/* Reads a front matter (the YAML between the two lines of dashes) into card's keys. what names it
 * in errors. */
PTM_MUST_USE ptm_rc ptmi_card_read_meta(ptmi_card *card, const char *yaml, size_t len,
                                        const char *what, struct ptm_err *err);

/* Leaves nothing in the tree that a browser would run: see card_safe.c. */
PTM_MUST_USE ptm_rc ptmi_card_make_safe(cmark_node *root, struct ptm_err *err);

/* Where the body starts when text opens with a front matter, else 0; then *out_yaml and
 * *out_yaml_len are its YAML. */
size_t ptmi_card_split(const char *text, size_t len, const char **out_yaml, size_t *out_yaml_len);
