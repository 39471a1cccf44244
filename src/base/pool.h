/* SPDX-License-Identifier: MIT */
/*
 * pool.h - a bounded pool of worker threads. A job has one owner: it is handed over at submit, and
 * its function frees it. Submit blocks while the queue is full, so that memory stays flat however
 * much work there is.
 */
#pragma once

#include <stddef.h>

#include <ptm/ctx.h>

typedef struct ptmi_pool ptmi_pool; /* locked inside; do not submit from a job of the same pool */
typedef void (*ptmi_job_fn)(void *job);

/* threads >= 1; the queue holds 2 * threads jobs. */
PTM_MUST_USE ptm_rc ptmi_pool_new(int threads, ptmi_pool **out, struct ptm_err *err);
void ptmi_pool_submit(ptmi_pool *pool, ptmi_job_fn fn, void *job);
void ptmi_pool_drain(ptmi_pool *pool); /* until all submitted jobs have run */
void ptmi_pool_free(ptmi_pool *pool);  /* drains, joins; NULL is a no-op */
