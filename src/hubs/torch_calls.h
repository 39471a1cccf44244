/* SPDX-License-Identifier: MIT */
/*
 * torch_calls.h - finds torch.hub.load(...) in the Python of a card, without running or even fully
 * parsing it. One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <ptm/model.h>

#include "../base/arena.h"

struct torch_var;

/* The calls of one card, and the literals its code assigned so far. Start with {.arena = ..};
 * everything lives in the arena. */
struct ptmi_torch_calls {
    struct ptmi_arena *arena;
    struct ptm_entry_point *items;
    size_t n;
    struct torch_var *vars;
    size_t n_vars;
    size_t broken; /* calls and values whose end was not found */
};

/*
 * Adds the calls of one code block whose first line is line first_line of the card. Blocks are
 * given in order: a name may have been assigned in an earlier one. Calls and assignments that are
 * commented out count as variants. A repository or entry point that is not a literal stays NULL.
 * false: out of memory (a cap on their number is not an error: the rest is left out).
 */
bool ptmi_torch_calls_scan(struct ptmi_torch_calls *calls, const char *code, size_t len,
                           int first_line);
