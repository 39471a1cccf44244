/* SPDX-License-Identifier: MIT */
/*
 * log.c - lines and progress events on their way to the caller's sinks: filtered, made printable,
 * thinned out.
 */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "clock.h"
#include "ctx_priv.h"
#include "str.h"

/* Longer lines are cut: a log is read by people. */
#define LINE_MAX_BYTES 2048

/* Between two progress events of one task: 20 a second is as fluid as anybody can see. */
#define PROGRESS_MS 50

static int level_of_module(const ptm_ctx *ctx, const char *module)
{
    /* The last one that names the module wins, so that a later option overrides an earlier one. */
    for (size_t i = ctx->n_filters; i > 0; i--)
        if (strcmp(ctx->filters[i - 1].module, module) == 0) return ctx->filters[i - 1].level;
    return ctx->other_level;
}

void ptmi_log(ptm_ctx *ctx, ptm_log_level level, const char *module, const char *fmt, ...)
{
    if (!ctx || !ctx->log || (int)level > ctx->most_level) return;
    if ((int)level > level_of_module(ctx, module)) return;

    char raw[LINE_MAX_BYTES];
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(raw, sizeof raw, fmt, args);
    va_end(args);
    if (n < 0) return;
    ptmi_str_printable(line, sizeof line, raw);

    pthread_mutex_lock(&ctx->lock);
    ctx->log(ctx->log_arg, level, module, line);
    pthread_mutex_unlock(&ctx->lock);
}

static void tell(ptm_ctx *ctx, const struct ctx_task *task, ptm_event_kind kind, ptm_rc rc)
{
    struct ptm_event event = {
        .kind = kind,
        .task_kind = task->kind,
        .task = task->id,
        .hub = task->hub,
        .name = task->name,
        .done = task->done,
        .total = task->total,
        .rc = rc,
    };
    ctx->event(ctx->event_arg, &event);
}

/* Where the list points at the task, or at its end. Under lock. */
static struct ctx_task **find_task(ptm_ctx *ctx, uint64_t id)
{
    struct ctx_task **at = &ctx->tasks;
    while (*at && (*at)->id != id) at = &(*at)->next;
    return at;
}

PTM_DEFINE_CLEANUP(task_freep, struct ctx_task *, ptmi_ctx_task_free)

/* NULL when out of memory. */
static struct ctx_task *new_task(ptm_task_kind kind, const char *hub, const char *name,
                                 int64_t total)
{
    PTM_AUTO(task_freep) struct ctx_task *task = calloc(1, sizeof *task);
    if (!task) return NULL;
    task->kind = kind;
    task->total = total;
    task->shown_ms = ptmi_clock_ms();
    task->name = strdup(name ? name : "");
    task->hub = hub ? strdup(hub) : NULL;
    if (!task->name || (hub && !task->hub)) return NULL;
    return ptm_steal(&task);
}

uint64_t ptmi_task_begin(ptm_ctx *ctx, ptm_task_kind kind, const char *hub, const char *name,
                         int64_t total)
{
    if (!ctx || !ctx->event) return 0;
    struct ctx_task *task = new_task(kind, hub, name, total);
    if (!task) return 0; /* the work goes on without being shown */
    pthread_mutex_lock(&ctx->lock);
    uint64_t id = ++ctx->last_task;
    task->id = id;
    task->next = ctx->tasks;
    ctx->tasks = task;
    tell(ctx, task, PTM_EVENT_BEGIN, PTM_OK);
    pthread_mutex_unlock(&ctx->lock);
    return id;
}

void ptmi_task_progress(ptm_ctx *ctx, uint64_t id, int64_t done, int64_t total)
{
    if (!ctx || !ctx->event || id == 0) return;
    int64_t now = ptmi_clock_ms();
    pthread_mutex_lock(&ctx->lock);
    struct ctx_task *task = *find_task(ctx, id);
    if (task) {
        task->done = done;
        task->total = total;
        if (now - task->shown_ms >= PROGRESS_MS) {
            task->shown_ms = now;
            tell(ctx, task, PTM_EVENT_PROGRESS, PTM_OK);
        }
    }
    pthread_mutex_unlock(&ctx->lock);
}

void ptmi_task_end(ptm_ctx *ctx, uint64_t id, ptm_rc rc)
{
    if (!ctx || !ctx->event || id == 0) return;
    pthread_mutex_lock(&ctx->lock);
    struct ctx_task **at = find_task(ctx, id);
    struct ctx_task *task = *at;
    if (task) {
        *at = task->next;
        tell(ctx, task, PTM_EVENT_END, rc);
        ptmi_ctx_task_free(task);
    }
    pthread_mutex_unlock(&ctx->lock);
}
