/* SPDX-License-Identifier: MIT */
/* top.h - how much of a hub with popularity counts is cloned: --top, HF_TORRENT_SHRINKAGE, 0.1.
 * Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct ptmi_top {
    double share;  /* of the models listed, 0 to 1; used when count is -1 */
    int64_t count; /* -1: share */
    char text[40]; /* the same in the words of --top, as the mirror takes it: "0.1", "1.0", "500" */
    char notice[160]; /* what was wrong with the value that was given; "" when nothing was */
};

/*
 * option: what --top says ("10%", "0.1" or "500": with % or a decimal point a share, a whole number
 * a count), or NULL. environment: what HF_TORRENT_SHRINKAGE says (a share, 0 to 1 inclusive), or
 * NULL; it counts only where option is NULL. A value out of range or no number gives the notice and
 * 0.1; neither value is silent and 0.1.
 */
void ptmi_top_resolve(const char *option, const char *environment, struct ptmi_top *out);
