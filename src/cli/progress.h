/* SPDX-License-Identifier: MIT */
/*
 * progress.h - what is under way, on standard error: bars redrawn in place on a terminal, a plain
 * line every few seconds elsewhere, or nothing; and every message, so that none tears a bar. Locked
 * inside: events and log lines come from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <ptm/ctx.h>

#include "../base/buf.h"

typedef enum ptmi_progress_mode {
    PTMI_PROGRESS_AUTO = 0, /* the order of --progress */
    PTMI_PROGRESS_BAR,
    PTMI_PROGRESS_PLAIN,
    PTMI_PROGRESS_NONE,
} ptmi_progress_mode;

struct ptmi_progress;

/* fd: standard error. AUTO: bars on a terminal that can do them, else plain. */
PTM_MUST_USE ptm_rc ptmi_progress_new(int fd, ptmi_progress_mode mode, bool colors,
                                      struct ptmi_progress **out, struct ptm_err *err);
/* Takes the bars away, restores the cursor, ends the thread. NULL is a no-op. */
void ptmi_progress_free(struct ptmi_progress *progress);

/* For struct ptm_ctx_opts; arg is the display. */
void ptmi_progress_event(void *arg, const struct ptm_event *event);
void ptmi_progress_log(void *arg, ptm_log_level level, const char *module, const char *line);
/* One line, above the bars. */
void ptmi_progress_say(struct ptmi_progress *progress, const char *line);

/* Takes the bars away while standard output is written to, and lets them come back. */
void ptmi_progress_pause(struct ptmi_progress *progress);
void ptmi_progress_resume(struct ptmi_progress *progress);

/* Told by a signal handler: async-signal-safe. The line is written at once where no bar can be
 * torn, else by the display. */
void ptmi_progress_signal(struct ptmi_progress *progress, int level);

/*
 * The bars as text: lines of at most width columns, at most max_lines, without colours or cursor
 * movement. *out_lines may be NULL. For the display and its tests.
 */
PTM_MUST_USE ptm_rc ptmi_progress_render(struct ptmi_progress *progress, size_t width,
                                         size_t max_lines, struct ptmi_buf *out, size_t *out_lines,
                                         struct ptm_err *err);
/* The plain line(s). */
PTM_MUST_USE ptm_rc ptmi_progress_render_plain(struct ptmi_progress *progress, struct ptmi_buf *out,
                                               struct ptm_err *err);
