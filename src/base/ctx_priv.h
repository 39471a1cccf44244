/* SPDX-License-Identifier: MIT */
/* ctx_priv.h - what ctx.c and log.c share: the inside of a context. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <ptm/ctx.h>

/* One "module:level" of the filter. */
struct ctx_filter {
    char module[24];
    int level; /* 0: nothing */
};

/* A task that has begun and not ended. */
struct ctx_task {
    struct ctx_task *next; /* owned by the list */
    uint64_t id;
    ptm_task_kind kind;
    char *hub; /* owned, or NULL */
    char *name;
    int64_t done;
    int64_t total;
    int64_t shown_ms; /* when its last progress event went out */
};

struct ptm_ctx {
    atomic_int cancel;    /* the only member a signal handler touches */
    pthread_mutex_t lock; /* guards the tasks and the calls of both sinks; taken alone */

    /* immutable after ptm_ctx_new() */
    ptm_log_fn log;
    void *log_arg;
    ptm_event_fn event;
    void *event_arg;
    struct ctx_filter *filters; /* owned */
    size_t n_filters;
    int other_level; /* modules no filter names */
    int most_level;  /* the most talkative of all: a cheap first test */

    /* under lock */
    struct ctx_task *tasks; /* owned; as many as there are threads, or a few more */
    uint64_t last_task;
};

void ptmi_ctx_task_free(struct ctx_task *task); /* NULL is a no-op */
