/* SPDX-License-Identifier: MIT */
/* suggest.h - "did you mean": the nearest of some words by edit distance. Pure. */
#pragma once

#include <stddef.h>

/* Edits (insert, delete, replace, swap of neighbours) between two words. Words longer than 63 bytes
 * are taken as far apart. */
size_t ptmi_suggest_distance(const char *a, const char *b);

/* Keeps the best of the words offered. Start with {.word = the wrong one}. */
struct ptmi_suggest {
    const char *word;
    const char *best; /* NULL: nothing is near */
    size_t distance;
};
void ptmi_suggest_offer(struct ptmi_suggest *suggest, const char *candidate);
