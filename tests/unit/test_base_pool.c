/* SPDX-License-Identifier: MIT */
/* test_base_pool.c - every job runs once, the queue is bounded, drain and free wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/pool.h"

struct tally {
    atomic_int ran, started, running, most_running;
    pthread_mutex_t gate; /* held by the test: jobs that look at it wait */
};

static void count_job(void *job)
{
    struct tally *tally = job;
    int now = atomic_fetch_add(&tally->running, 1) + 1;
    int most = atomic_load(&tally->most_running);
    while (now > most && !atomic_compare_exchange_weak(&tally->most_running, &most, now))
        ;
    atomic_fetch_add(&tally->ran, 1);
    atomic_fetch_sub(&tally->running, 1);
}

static void gated_job(void *job)
{
    struct tally *tally = job;
    atomic_fetch_add(&tally->started, 1);
    pthread_mutex_lock(&tally->gate);
    pthread_mutex_unlock(&tally->gate);
    atomic_fetch_add(&tally->ran, 1);
}

static void test_base_pool__runs_every_job_once(void **state)
{
    (void)state;
    struct tally tally = {0};
    ptmi_pool *pool = NULL;
    assert_int_equal(ptmi_pool_new(4, &pool, NULL), PTM_OK);
    for (int i = 0; i < 10000; i++) ptmi_pool_submit(pool, count_job, &tally);
    ptmi_pool_drain(pool);
    assert_int_equal(atomic_load(&tally.ran), 10000);
    assert_true(atomic_load(&tally.most_running) <= 4);
    ptmi_pool_drain(pool);
    ptmi_pool_submit(pool, count_job, &tally); /* a drained pool goes on */
    ptmi_pool_free(pool);
    assert_int_equal(atomic_load(&tally.ran), 10001);
}

struct feeder {
    ptmi_pool *pool;
    struct tally *tally;
    atomic_int submitted;
};

static void *feed(void *arg)
{
    struct feeder *feeder = arg;
    for (int i = 0; i < 50; i++) {
        ptmi_pool_submit(feeder->pool, gated_job, feeder->tally);
        atomic_fetch_add(&feeder->submitted, 1);
    }
    return NULL;
}

static void test_base_pool__submit_waits_while_the_queue_is_full(void **state)
{
    (void)state;
    struct tally tally = {.gate = PTHREAD_MUTEX_INITIALIZER};
    struct feeder feeder = {.tally = &tally};
    assert_int_equal(ptmi_pool_new(2, &feeder.pool, NULL), PTM_OK);
    pthread_mutex_lock(&tally.gate);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, feed, &feeder), 0);
    /* Two run, four wait in the queue, and the seventh is not taken. */
    while (atomic_load(&tally.started) < 2 || atomic_load(&feeder.submitted) < 6) sched_yield();
    for (int i = 0; i < 1000; i++) sched_yield();
    assert_int_equal(atomic_load(&feeder.submitted), 6);
    pthread_mutex_unlock(&tally.gate);
    pthread_join(thread, NULL);
    ptmi_pool_free(feeder.pool);
    assert_int_equal(atomic_load(&tally.ran), 50);
}

static void test_base_pool__free_of_an_idle_pool_and_bad_sizes(void **state)
{
    (void)state;
    ptmi_pool *pool = NULL;
    struct ptm_err err = {0};
    assert_int_equal(ptmi_pool_new(0, &pool, &err), PTM_EINVAL);
    assert_null(pool);
    assert_int_equal(ptmi_pool_new(3, &pool, NULL), PTM_OK);
    ptmi_pool_free(pool);
    ptmi_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_pool__runs_every_job_once),
        cmocka_unit_test(test_base_pool__submit_waits_while_the_queue_is_full),
        cmocka_unit_test(test_base_pool__free_of_an_idle_pool_and_bad_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
