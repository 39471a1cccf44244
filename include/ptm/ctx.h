/* SPDX-License-Identifier: MIT */
/*
 * ctx.h - the context all state hangs off: log sink, progress sink, cancel flag. There are no
 * globals.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <ptm/err.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Locked inside: any thread may use it. Must outlive everything that was opened with it. */
typedef struct ptm_ctx ptm_ctx;

typedef enum ptm_log_level {
    PTM_LOG_ERROR = 1,
    PTM_LOG_WARN,
    PTM_LOG_INFO,
    PTM_LOG_DEBUG,
    PTM_LOG_TRACE,
} ptm_log_level;

/* What happens to a task: a hub's step, a repository's clone, a large file's transfer. */
typedef enum ptm_event_kind {
    PTM_EVENT_BEGIN = 1,
    PTM_EVENT_PROGRESS,
    PTM_EVENT_END,
} ptm_event_kind;

typedef enum ptm_task_kind {
    PTM_TASK_STEP = 1, /* a step of a hub ("list", "clone"); unit: items */
    PTM_TASK_CLONE,    /* one repository; unit: percent of git's own stages */
    PTM_TASK_TRANSFER, /* one large file; unit: bytes */
} ptm_task_kind;

/* One progress event. Strings are borrowed for the call. */
struct ptm_event {
    ptm_event_kind kind;
    ptm_task_kind task_kind;
    uint64_t task;    /* the same number from BEGIN to END */
    const char *hub;  /* "huggingface", or NULL */
    const char *name; /* step name, AUTHOR/REPO, or AUTHOR/REPO: file path */
    int64_t done;     /* units finished */
    int64_t total;    /* units in all, -1 when unknown */
    ptm_rc rc;        /* at END: how it ended */
};

/* Called with ctx's lock held, by any thread, one call at a time: be quick, call nothing of ptm. */
typedef void (*ptm_log_fn)(void *arg, ptm_log_level level, const char *module, const char *line);
typedef void (*ptm_event_fn)(void *arg, const struct ptm_event *event);

struct ptm_ctx_opts {
    size_t size;    /* sizeof(struct ptm_ctx_opts), set by PTM_CTX_OPTS_INIT */
    ptm_log_fn log; /* NULL: no log */
    void *log_arg;
    const char *log_filter; /* "net:trace,store:debug,*:warn"; NULL: "*:warn" */
    ptm_event_fn event;     /* NULL: no progress */
    void *event_arg;
};
#define PTM_CTX_OPTS_INIT                                         \
    {                                                             \
        sizeof(struct ptm_ctx_opts), NULL, NULL, NULL, NULL, NULL \
    }

/* opts may be NULL for all defaults. *out is owned by the caller: ptm_ctx_free(). */
PTM_API PTM_MUST_USE ptm_rc ptm_ctx_new(const struct ptm_ctx_opts *opts, ptm_ctx **out,
                                        struct ptm_err *err);
PTM_API void ptm_ctx_free(ptm_ctx *ctx); /* NULL is a no-op */

/*
 * Asks everything under way to stop: level 1, finish nothing new and save; level 2, stop now. Only
 * rises. Async-signal-safe: a signal handler may call it.
 */
PTM_API void ptm_ctx_cancel(ptm_ctx *ctx, int level);
PTM_API int ptm_ctx_canceled(const ptm_ctx *ctx); /* 0, 1 or 2 */

/* Version of the library, "0.1.0". Static. */
PTM_API const char *ptm_version(void);

#ifdef __cplusplus
}
#endif
