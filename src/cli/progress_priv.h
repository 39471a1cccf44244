/* SPDX-License-Identifier: MIT */
/* progress_priv.h - what progress.c (events, terminal) and progress_text.c (the words) share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "progress.h"

#define PROGRESS_HUB_MAX 32
#define PROGRESS_NAME_MAX 200

/* One task under way. */
struct progress_task {
    uint64_t id;
    ptm_task_kind kind;
    char hub[PROGRESS_HUB_MAX];
    char name[PROGRESS_NAME_MAX];
    int64_t done, total;
    /* Where the first event stood: what was there before does not count as speed. */
    int64_t first_done;
    int64_t begun_ms;
    bool seen;
};

/* Everything the words are made from. */
struct progress_state {
    struct progress_task *tasks;
    size_t n, cap;
    int64_t bytes; /* of all transfers since the start */
    int64_t now_ms;
    int64_t rate_ms;    /* when rate was measured last */
    int64_t rate_bytes; /* bytes then */
    double rate;        /* bytes a second, smoothed; < 0: not known yet */
};

void ptmi_progress_measure(struct progress_state *state, int64_t now_ms);
PTM_MUST_USE ptm_rc ptmi_progress_bars(const struct progress_state *state, size_t width,
                                       size_t max_lines, struct ptmi_buf *out, size_t *out_lines,
                                       struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_progress_plain(const struct progress_state *state, struct ptmi_buf *out,
                                        struct ptm_err *err);
