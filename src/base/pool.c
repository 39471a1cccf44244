/* SPDX-License-Identifier: MIT */
/* pool.c - worker threads with a bounded queue (pool.h). One lock; three reasons to wait: for work,
 * for room, for the end. */
#include "pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "auto.h"

struct pool_job {
    ptmi_job_fn fn;
    void *job;
};

struct ptmi_pool {
    pthread_mutex_t lock;   /* of all below */
    pthread_cond_t work;    /* queued > 0, or closing */
    pthread_cond_t room;    /* queued < cap */
    pthread_cond_t idle;    /* queued == 0 and running == 0 */
    struct pool_job *queue; /* ring of cap */
    size_t cap, head, queued;
    int running;
    bool closing;
    int n_threads;
    pthread_t threads[];
};

/* Next job to run, counted as running; false when the pool closes. */
static bool take_job(ptmi_pool *pool, struct pool_job *out)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->queued == 0 && !pool->closing) pthread_cond_wait(&pool->work, &pool->lock);
    bool have = pool->queued > 0;
    if (have) {
        *out = pool->queue[pool->head];
        pool->head = (pool->head + 1) % pool->cap;
        pool->queued--;
        pool->running++;
        pthread_cond_signal(&pool->room);
    }
    pthread_mutex_unlock(&pool->lock);
    return have;
}

static void job_done(ptmi_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->running--;
    if (pool->running == 0 && pool->queued == 0) pthread_cond_broadcast(&pool->idle);
    pthread_mutex_unlock(&pool->lock);
}

static void *worker(void *arg)
{
    ptmi_pool *pool = arg;
    for (struct pool_job job; take_job(pool, &job);) {
        job.fn(job.job);
        job_done(pool);
    }
    return NULL;
}

/* Signals are for the thread that handles them, not for a worker in the middle of something; those
 * that a thread causes itself (a mapped file became shorter) come to nobody else. */
static int start_worker(ptmi_pool *pool)
{
    static const int own[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&all, own[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int why = pthread_create(&pool->threads[pool->n_threads], NULL, worker, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (why == 0) pool->n_threads++;
    return why;
}

ptm_rc ptmi_pool_new(int threads, ptmi_pool **out, struct ptm_err *err)
{
    if (threads < 1) return ptm_err_set(err, PTM_EINVAL, "a pool needs a thread, not %d", threads);
    size_t n = (size_t)threads;
    PTM_AUTO(ptmi_freep) ptmi_pool *pool = calloc(1, sizeof *pool + n * sizeof pool->threads[0]);
    PTM_AUTO(ptmi_freep) struct pool_job *queue = calloc(2 * n, sizeof *queue);
    if (!pool || !queue) return ptm_err_set(err, PTM_ENOMEM, "worker pool: out of memory");
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->room, NULL);
    pthread_cond_init(&pool->idle, NULL);
    pool->queue = ptm_steal(&queue);
    pool->cap = 2 * n;
    int why = 0;
    while (why == 0 && pool->n_threads < threads) why = start_worker(pool);
    if (why != 0) {
        ptmi_pool_free(ptm_steal(&pool));
        return ptm_err_sys(err, why, "cannot start %d threads; try a smaller -j", threads);
    }
    *out = ptm_steal(&pool);
    return PTM_OK;
}

void ptmi_pool_submit(ptmi_pool *pool, ptmi_job_fn fn, void *job)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->queued == pool->cap) pthread_cond_wait(&pool->room, &pool->lock);
    pool->queue[(pool->head + pool->queued) % pool->cap] = (struct pool_job){fn, job};
    pool->queued++;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

void ptmi_pool_drain(ptmi_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->queued > 0 || pool->running > 0) pthread_cond_wait(&pool->idle, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

void ptmi_pool_free(ptmi_pool *pool)
{
    if (!pool) return;
    ptmi_pool_drain(pool);
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->n_threads; i++) pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->idle);
    pthread_cond_destroy(&pool->room);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool->queue);
    free(pool);
}
