/* SPDX-License-Identifier: MIT */
/* log.h - what rooms say to the log and the progress display; the sinks are the caller's (ctx.h).
 * Thread-safe. */
#pragma once

#include <stdint.h>

#include <ptm/ctx.h>

/* Cheap when filtered out. The line is made printable (no control characters of outside text). */
PTM_PRINTF(4, 5)
void ptmi_log(ptm_ctx *ctx, ptm_log_level level, const char *module, const char *fmt, ...);

/* A task of the progress display. begin returns its number; all calls are no-ops without a sink. */
uint64_t ptmi_task_begin(ptm_ctx *ctx, ptm_task_kind kind, const char *hub, const char *name,
                         int64_t total);
/* done and total are absolute; calls more often than about 20 a second for a task are dropped. */
void ptmi_task_progress(ptm_ctx *ctx, uint64_t task, int64_t done, int64_t total);
void ptmi_task_end(ptm_ctx *ctx, uint64_t task, ptm_rc rc);
