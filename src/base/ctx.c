/* SPDX-License-Identifier: MIT */
/*
 * ctx.c - makes and ends a context, reads the log filter, holds the cancel flag.
 * What goes through the sinks is log.c.
 */
#include <ptm/ctx.h>

#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "ctx_priv.h"

PTM_DEFINE_CLEANUP(ctx_freep, ptm_ctx *, ptm_ctx_free)

/* A signal handler may only touch lock-free atomics. */
_Static_assert(ATOMIC_INT_LOCK_FREE == 2, "the cancel flag must be usable in a signal handler");

/* Filters come from a command line: nobody writes more. */
#define FILTERS_MAX 64

static const char *const level_names[] = {"off", "error", "warn", "info", "debug", "trace"};

static int level_by_name(const char *text, size_t len)
{
    for (int i = 0; i < (int)(sizeof level_names / sizeof level_names[0]); i++)
        if (strlen(level_names[i]) == len && memcmp(level_names[i], text, len) == 0) return i;
    return -1;
}

static void remember_filter(ptm_ctx *ctx, const char *module, size_t len, int level)
{
    if (len == 0 || (len == 1 && module[0] == '*')) {
        ctx->other_level = level;
        return;
    }
    struct ctx_filter *filter = &ctx->filters[ctx->n_filters++];
    memcpy(filter->module, module, len);
    filter->module[len] = '\0';
    filter->level = level;
}

/* One "module:level", or a bare "level" for all modules. */
static ptm_rc parse_filter_part(ptm_ctx *ctx, const char *part, size_t len, struct ptm_err *err)
{
    const char *colon = memchr(part, ':', len);
    size_t module_len = colon ? (size_t)(colon - part) : 0;
    const char *level_text = colon ? colon + 1 : part;
    int level = level_by_name(level_text, len - (size_t)(level_text - part));
    if (level < 0 || module_len >= sizeof ctx->filters->module || (colon && module_len == 0))
        return ptm_err_set(err, PTM_EINVAL,
                           "log filter \"%.*s\": expected MODULE:LEVEL with a level of error, "
                           "warn, info, debug, trace or off",
                           (int)(len < 80 ? len : 80), part);
    remember_filter(ctx, part, module_len, level);
    return PTM_OK;
}

static ptm_rc parse_filters(ptm_ctx *ctx, const char *text, struct ptm_err *err)
{
    ctx->filters = calloc(FILTERS_MAX, sizeof *ctx->filters);
    if (!ctx->filters) return ptm_err_set(err, PTM_ENOMEM, "log filter: out of memory");
    while (text && *text) {
        size_t len = strcspn(text, ",");
        if (ctx->n_filters == FILTERS_MAX)
            return ptm_err_set(err, PTM_EINVAL, "log filter: more than %d parts", FILTERS_MAX);
        if (len > 0) PTM_TRY(parse_filter_part(ctx, text, len, err));
        text += len + (text[len] == ',');
    }
    ctx->most_level = ctx->other_level;
    for (size_t i = 0; i < ctx->n_filters; i++)
        if (ctx->filters[i].level > ctx->most_level) ctx->most_level = ctx->filters[i].level;
    return PTM_OK;
}

ptm_rc ptm_ctx_new(const struct ptm_ctx_opts *opts, ptm_ctx **out, struct ptm_err *err)
{
    struct ptm_ctx_opts own = PTM_CTX_OPTS_INIT;
    if (opts) {
        if (opts->size < sizeof opts->size)
            return ptm_err_set(err, PTM_EINVAL,
                               "ptm_ctx_opts: size is not set, start with PTM_CTX_OPTS_INIT");
        /* An older caller's struct is shorter: what it does not have stays at its default. */
        memcpy(&own, opts, opts->size < sizeof own ? opts->size : sizeof own);
    }
    PTM_AUTO(ctx_freep) ptm_ctx *ctx = calloc(1, sizeof *ctx);
    if (!ctx) return ptm_err_set(err, PTM_ENOMEM, "context: out of memory");
    if (pthread_mutex_init(&ctx->lock, NULL) != 0) {
        free(ptm_steal(&ctx));
        return ptm_err_set(err, PTM_ENOMEM, "context: no lock to be had");
    }
    ctx->log = own.log;
    ctx->log_arg = own.log_arg;
    ctx->event = own.event;
    ctx->event_arg = own.event_arg;
    ctx->other_level = PTM_LOG_WARN;
    PTM_TRY(parse_filters(ctx, own.log_filter, err));
    *out = ptm_steal(&ctx);
    return PTM_OK;
}

void ptmi_ctx_task_free(struct ctx_task *task)
{
    if (!task) return;
    free(task->hub);
    free(task->name);
    free(task);
}

void ptm_ctx_free(ptm_ctx *ctx)
{
    if (!ctx) return;
    while (ctx->tasks) {
        struct ctx_task *next = ctx->tasks->next;
        ptmi_ctx_task_free(ctx->tasks);
        ctx->tasks = next;
    }
    free(ctx->filters);
    pthread_mutex_destroy(&ctx->lock);
    free(ctx);
}

void ptm_ctx_cancel(ptm_ctx *ctx, int level)
{
    if (!ctx) return;
    if (level > 2) level = 2;
    int seen = atomic_load(&ctx->cancel);
    while (seen < level && !atomic_compare_exchange_weak(&ctx->cancel, &seen, level)) {
    }
}

int ptm_ctx_canceled(const ptm_ctx *ctx)
{
    return ctx ? atomic_load(&((ptm_ctx *)ctx)->cancel) : 0;
}

const char *ptm_version(void)
{
    return PTM_VERSION;
}
