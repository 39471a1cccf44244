/* SPDX-License-Identifier: MIT */
/*
 * progress_text.c - the words of the progress display, made from its state. On a terminal:
 *
 *     huggingface clone  [##########----------]  123/300  41%  12.3 MB/s  ETA 4m10s
 *       model.safetensors                                      1.2 GB of 5.0 GB  24%
 *
 * and what is transferred outside of a step as a step is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "out.h"
#include "progress_priv.h"

#define BAR_MAX 30
/* Wider lines are hard to read across, and nothing more would be said. */
#define WIDTH_MAX 160
/* Weight of the newest second in the smoothed rate: about ten seconds of memory. */
#define RATE_WEIGHT 0.1

void ptmi_progress_measure(struct progress_state *state, int64_t now_ms)
{
    state->now_ms = now_ms;
    int64_t elapsed = now_ms - state->rate_ms;
    if (elapsed < 1000) return;
    double newest = (double)(state->bytes - state->rate_bytes) * 1000.0 / (double)elapsed;
    double weight = RATE_WEIGHT * (double)elapsed / 1000.0;
    if (state->rate < 0 || weight > 1) weight = 1;
    state->rate = weight * newest + (1 - weight) * (state->rate < 0 ? 0 : state->rate);
    state->rate_ms = now_ms;
    state->rate_bytes = state->bytes;
}

/* "45s", "4m10s", "3h05m", "2d07h" */
static void write_duration(char *out, size_t size, int64_t seconds)
{
    if (seconds < 60)
        snprintf(out, size, "%" PRId64 "s", seconds);
    else if (seconds < 3600)
        snprintf(out, size, "%" PRId64 "m%02" PRId64 "s", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        snprintf(out, size, "%" PRId64 "h%02" PRId64 "m", seconds / 3600, seconds / 60 % 60);
    else
        snprintf(out, size, "%" PRId64 "d%02" PRId64 "h", seconds / 86400, seconds / 3600 % 24);
}

/* Seconds until a task is done, at the pace it had so far; -1 when nobody can know. */
static int64_t time_left(const struct progress_state *state, const struct progress_task *task)
{
    int64_t elapsed = state->now_ms - task->begun_ms;
    int64_t did = task->done - task->first_done;
    if (task->total <= task->done || did <= 0 || elapsed < 2000) return -1;
    double left = (double)(task->total - task->done) * (double)elapsed / (double)did / 1000.0;
    return left < 86400.0 * 999 ? (int64_t)left : -1;
}

/* Numerator and denominator as people read them; bytes for transfers, a bare percentage for clones.
 */
static void write_counts(char *out, size_t size, const struct progress_task *task)
{
    char done[32], total[32];
    int percent = task->total > 0 && task->done <= task->total
                      ? (int)((double)task->done * 100.0 / (double)task->total)
                      : -1;
    out[0] = '\0';
    if (task->kind == PTM_TASK_TRANSFER && task->total >= 0)
        snprintf(out, size, "%s of %s", ptmi_str_human_size(task->done, done),
                 ptmi_str_human_size(task->total, total));
    else if (task->kind == PTM_TASK_TRANSFER)
        snprintf(out, size, "%s", ptmi_str_human_size(task->done, done));
    else if (task->kind == PTM_TASK_STEP && task->total >= 0)
        snprintf(out, size, "%" PRId64 "/%" PRId64, task->done, task->total);
    else if (task->kind == PTM_TASK_STEP)
        snprintf(out, size, "%" PRId64, task->done);
    size_t len = strlen(out);
    if (percent >= 0) snprintf(out + len, size - len, "%s%d%%", len ? "  " : "", percent);
}

/* Appends at most columns columns of text; what does not fit ends in "..". Returns the columns
 * used. */
static ptm_rc put_cut(struct ptmi_buf *out, const char *text, size_t columns, size_t *out_used,
                      struct ptm_err *err)
{
    char cut[PROGRESS_NAME_MAX + PROGRESS_HUB_MAX];
    *out_used = ptmi_out_width(text);
    if (*out_used <= columns) return ptmi_buf_puts(out, text, err);
    *out_used = 0;
    if (columns < 3) return PTM_OK;
    size_t len = strlen(text);
    snprintf(cut, sizeof cut, "%s", text);
    if (len >= sizeof cut) len = sizeof cut - 1;
    while (len > 0 && ptmi_out_width(cut) > columns - 2) {
        do len--;
        while (len > 0 && ((unsigned char)cut[len] & 0xc0) == 0x80);
        cut[len] = '\0';
    }
    *out_used = ptmi_out_width(cut) + 2;
    return ptmi_buf_printf(out, err, "%s..", cut);
}

static ptm_rc put_spaces(struct ptmi_buf *out, size_t n, struct ptm_err *err)
{
    return ptmi_buf_printf(out, err, "%*s", (int)n, "");
}

/* The left part cut to what the right one leaves, the right one at the right edge. */
static ptm_rc put_edges(struct ptmi_buf *out, const char *left, const char *right, size_t width,
                        struct ptm_err *err)
{
    size_t right_width = ptmi_out_width(right), used = 0;
    if (right_width + 4 > width) right = "", right_width = 0;
    size_t room = width - right_width - (right_width ? 2 : 0);
    PTM_TRY(put_cut(out, left, room, &used, err));
    if (right_width) {
        PTM_TRY(put_spaces(out, width - right_width - used, err));
        PTM_TRY(ptmi_buf_puts(out, right, err));
    }
    return ptmi_buf_putc(out, '\n', err);
}

static ptm_rc put_step(const struct progress_state *state, const struct progress_task *task,
                       size_t width, struct ptmi_buf *out, struct ptm_err *err)
{
    char left[PROGRESS_NAME_MAX + PROGRESS_HUB_MAX + 8], right[160], counts[80], rate[32], eta[32];
    int64_t seconds = time_left(state, task);
    write_counts(counts, sizeof counts, task);
    snprintf(right, sizeof right, "%s", counts);
    if (state->rate >= 1) {
        size_t len = strlen(right);
        snprintf(right + len, sizeof right - len, "  %s/s",
                 ptmi_str_human_size((int64_t)state->rate, rate));
    }
    if (seconds >= 0) {
        size_t len = strlen(right);
        write_duration(eta, sizeof eta, seconds);
        snprintf(right + len, sizeof right - len, "  ETA %s", eta);
    }
    snprintf(left, sizeof left, "%s%s%s", task->hub, *task->hub ? " " : "", task->name);
    size_t taken = ptmi_out_width(left) + strlen(right) + 6;
    if (task->total > 0 && width > taken + 10) {
        size_t bar = width - taken < BAR_MAX ? width - taken : BAR_MAX;
        double part = (double)task->done / (double)task->total;
        size_t full = part >= 1 ? bar : part <= 0 ? 0 : (size_t)(part * (double)bar);
        size_t len = strlen(left);
        char *at = left + len;
        if (len + bar + 5 < sizeof left) {
            at = stpcpy(at, "  [");
            memset(at, '#', full);
            memset(at + full, '-', bar - full);
            strcpy(at + bar, "]");
        }
    }
    return put_edges(out, left, right, width, err);
}

static ptm_rc put_item(const struct progress_task *task, size_t width, struct ptmi_buf *out,
                       struct ptm_err *err)
{
    char left[PROGRESS_NAME_MAX + 4], counts[80];
    write_counts(counts, sizeof counts, task);
    snprintf(left, sizeof left, "  %s", task->name);
    return put_edges(out, left, counts, width, err);
}

static bool has_step(const struct progress_state *state)
{
    for (size_t i = 0; i < state->n; i++)
        if (state->tasks[i].kind == PTM_TASK_STEP) return true;
    return false;
}

/* A step speaks for what is under way in it; what belongs to no step speaks for itself. */
static bool leads(const struct progress_task *task, bool steps)
{
    return !steps || task->kind == PTM_TASK_STEP;
}

ptm_rc ptmi_progress_bars(const struct progress_state *state, size_t width, size_t max_lines,
                          struct ptmi_buf *out, size_t *out_lines, struct ptm_err *err)
{
    size_t lines = 0, hidden = 0;
    bool steps = has_step(state);
    if (width > WIDTH_MAX) width = WIDTH_MAX;
    for (size_t i = 0; i < state->n && lines < max_lines; i++) {
        if (!leads(&state->tasks[i], steps)) continue;
        PTM_TRY(put_step(state, &state->tasks[i], width, out, err));
        lines++;
    }
    for (size_t i = 0; i < state->n; i++) {
        const struct progress_task *task = &state->tasks[i];
        if (leads(task, steps)) continue;
        if (lines + 1 >= max_lines) {
            hidden++;
            continue;
        }
        PTM_TRY(put_item(task, width, out, err));
        lines++;
    }
    if (hidden && lines < max_lines) {
        char text[64];
        snprintf(text, sizeof text, "  and %zu more", hidden);
        PTM_TRY(put_edges(out, text, "", width, err));
        lines++;
    }
    if (out_lines) *out_lines = lines;
    return PTM_OK;
}

static size_t under_way(const struct progress_state *state, const char *hub)
{
    size_t n = 0;
    for (size_t i = 0; i < state->n; i++)
        n += state->tasks[i].kind != PTM_TASK_STEP &&
             (!*state->tasks[i].hub || strcmp(state->tasks[i].hub, hub) == 0);
    return n;
}

ptm_rc ptmi_progress_plain(const struct progress_state *state, struct ptmi_buf *out,
                           struct ptm_err *err)
{
    bool steps = has_step(state);
    for (size_t i = 0; i < state->n; i++) {
        const struct progress_task *task = &state->tasks[i];
        if (!leads(task, steps)) continue;
        char counts[80], text[32];
        write_counts(counts, sizeof counts, task);
        PTM_TRY(ptmi_buf_printf(out, err, "ptm: %s%s%s: %s", task->hub, *task->hub ? " " : "",
                                task->name, counts));
        if (state->rate >= 1)
            PTM_TRY(ptmi_buf_printf(out, err, ", %s/s",
                                    ptmi_str_human_size((int64_t)state->rate, text)));
        int64_t seconds = time_left(state, task);
        if (seconds >= 0) {
            write_duration(text, sizeof text, seconds);
            PTM_TRY(ptmi_buf_printf(out, err, ", ETA %s", text));
        }
        size_t busy = steps ? under_way(state, task->hub) : 0;
        if (busy) PTM_TRY(ptmi_buf_printf(out, err, ", %zu under way", busy));
        PTM_TRY(ptmi_buf_putc(out, '\n', err));
    }
    return PTM_OK;
}
