/* SPDX-License-Identifier: MIT */
/* suggest.c - edit distance (optimal string alignment) for short words: verbs, hubs, .. */
#include "suggest.h"

#include <stdint.h>
#include <string.h>

/* Longer than any verb or option; keeps the table on the stack. */
#define WORD_MAX 63

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

size_t ptmi_suggest_distance(const char *a, const char *b)
{
    size_t table[WORD_MAX + 1][WORD_MAX + 1];
    size_t len_a = strlen(a), len_b = strlen(b);
    if (len_a > WORD_MAX || len_b > WORD_MAX) return len_a > len_b ? len_a : len_b;
    for (size_t i = 0; i <= len_a; i++) table[i][0] = i;
    for (size_t j = 0; j <= len_b; j++) table[0][j] = j;
    for (size_t i = 1; i <= len_a; i++) {
        for (size_t j = 1; j <= len_b; j++) {
            size_t replace = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            table[i][j] = min3(table[i - 1][j] + 1, table[i][j - 1] + 1, replace);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                table[i][j] = min3(table[i][j], table[i - 2][j - 2] + 1, SIZE_MAX);
        }
    }
    return table[len_a][len_b];
}

/* A third of the word may be wrong, and a word that was only begun ("hugging") counts as near. */
void ptmi_suggest_offer(struct ptmi_suggest *suggest, const char *candidate)
{
    size_t len = strlen(suggest->word);
    size_t limit = len < 3 ? 1 : (len + 2) / 3;
    size_t distance = ptmi_suggest_distance(suggest->word, candidate);
    if (len >= 3 && strncmp(suggest->word, candidate, len) == 0 && distance > limit)
        distance = limit;
    if (distance > limit || (suggest->best && distance >= suggest->distance)) return;
    suggest->best = candidate;
    suggest->distance = distance;
}
