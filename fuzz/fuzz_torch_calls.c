/* SPDX-License-Identifier: MIT */
/* fuzz_torch_calls.c - example code of a card, in two blocks: a NUL byte parts them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "hubs/torch_calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PTM_AUTO(ptmi_arena_clear) struct ptmi_arena arena = PTMI_ARENA(8u << 20);
    struct ptmi_torch_calls calls = {.arena = &arena};
    const char *text = (const char *)data;
    const char *second = memchr(text, '\0', size);
    size_t first_len = second ? (size_t)(second - text) : size;
    if (!ptmi_torch_calls_scan(&calls, text, first_len, 1)) return 0;
    if (second && !ptmi_torch_calls_scan(&calls, second, size - first_len, 100)) return 0;
    for (size_t i = 0; i < calls.n; i++) {
        const struct ptm_entry_point *point = &calls.items[i];
        if (!point->code || point->line < 1 || (point->ref && !point->repo)) abort();
        if (point->name && !*point->name) abort();
        if (point->repo && strchr(point->repo, ':')) abort();
    }
    return 0;
}
