/* SPDX-License-Identifier: MIT */
/* test_base_ctx.c - log filter, printable lines, thinned-out progress, the cancel flag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/log.h"

PTM_DEFINE_CLEANUP(ctx_freep, ptm_ctx *, ptm_ctx_free)

struct seen {
    char log[4096];
    struct ptm_event events[64];
    char name[64]; /* of the last event */
    size_t n_events;
};

static void on_log(void *arg, ptm_log_level level, const char *module, const char *line)
{
    struct seen *seen = arg;
    size_t used = strlen(seen->log);
    snprintf(seen->log + used, sizeof seen->log - used, "%d %s %s|", (int)level, module, line);
}

static void on_event(void *arg, const struct ptm_event *event)
{
    struct seen *seen = arg;
    if (seen->n_events < 64) seen->events[seen->n_events++] = *event;
    snprintf(seen->name, sizeof seen->name, "%s", event->name);
}

static ptm_ctx *new_ctx(struct seen *seen, const char *filter)
{
    struct ptm_ctx_opts opts = PTM_CTX_OPTS_INIT;
    opts.log = on_log;
    opts.log_arg = seen;
    opts.log_filter = filter;
    opts.event = on_event;
    opts.event_arg = seen;
    ptm_ctx *ctx = NULL;
    assert_int_equal(ptm_ctx_new(&opts, &ctx, NULL), PTM_OK);
    return ctx;
}

static void say_all(ptm_ctx *ctx, const char *module)
{
    for (int level = PTM_LOG_ERROR; level <= PTM_LOG_TRACE; level++)
        ptmi_log(ctx, (ptm_log_level)level, module, "%s", "x");
}

static void test_base_ctx__filter_chooses_by_module_and_level(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *module, *expected;
    } cases[] = {
        {NULL, "net", "1 net x|2 net x|"},
        {"", "net", "1 net x|2 net x|"},
        {"net:debug", "net", "1 net x|2 net x|3 net x|4 net x|"},
        {"net:debug", "git", "1 git x|2 git x|"},
        {"net:trace,*:error", "git", "1 git x|"},
        {"*:error,net:info", "net", "1 net x|2 net x|3 net x|"},
        {"info", "git", "1 git x|2 git x|3 git x|"},
        {"net:trace,net:off", "net", ""},
        {"*:off", "net", ""},
        {",,net:error,", "net", "1 net x|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seen seen = {0};
        PTM_AUTO(ctx_freep) ptm_ctx *ctx = new_ctx(&seen, cases[i].filter);
        say_all(ctx, cases[i].module);
        assert_string_equal(seen.log, cases[i].expected);
    }
}

static void test_base_ctx__bad_filter_is_named(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "net", "net:", ":debug", "net:loud", "net:debug,x", "a_module_with_a_very_long_name:debug"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct ptm_ctx_opts opts = PTM_CTX_OPTS_INIT;
        opts.log_filter = bad[i];
        ptm_ctx *ctx = NULL;
        struct ptm_err err = {0};
        assert_int_equal(ptm_ctx_new(&opts, &ctx, &err), PTM_EINVAL);
        assert_null(ctx);
        assert_non_null(strstr(err.msg, "log filter \""));
    }
}

static void test_base_ctx__options_of_an_older_caller_are_enough(void **state)
{
    (void)state;
    ptm_ctx *ctx = NULL;
    assert_int_equal(ptm_ctx_new(NULL, &ctx, NULL), PTM_OK);
    say_all(ctx, "net");
    ptm_ctx_free(ctx);
    ptm_ctx_free(NULL);

    struct seen seen = {0};
    struct ptm_ctx_opts opts = PTM_CTX_OPTS_INIT;
    opts.size = offsetof(struct ptm_ctx_opts, event);
    opts.log = on_log;
    opts.log_arg = &seen;
    opts.event = on_event; /* beyond the size it gave: not to be read */
    assert_int_equal(ptm_ctx_new(&opts, &ctx, NULL), PTM_OK);
    assert_int_equal(ptmi_task_begin(ctx, PTM_TASK_STEP, "h", "n", 1), 0);
    ptm_ctx_free(ctx);

    opts.size = 0;
    assert_int_equal(ptm_ctx_new(&opts, &ctx, NULL), PTM_EINVAL);
}

static void test_base_ctx__lines_are_printable_and_bounded(void **state)
{
    (void)state;
    struct seen seen = {0};
    PTM_AUTO(ctx_freep) ptm_ctx *ctx = new_ctx(&seen, NULL);
    ptmi_log(ctx, PTM_LOG_WARN, "net", "a%sb", "\x1b]0;evil\a\r\n");
    assert_string_equal(seen.log, "2 net a?]0;evil???b|");
    seen.log[0] = '\0';
    ptmi_log(ctx, PTM_LOG_WARN, "net", "%0*d", 3000, 7);
    assert_true(strlen(seen.log) < 2100);
    ptmi_log(NULL, PTM_LOG_ERROR, "net", "no context, no line");
}

static void test_base_ctx__progress_is_thinned_out_and_the_end_is_exact(void **state)
{
    (void)state;
    struct seen seen = {0};
    PTM_AUTO(ctx_freep) ptm_ctx *ctx = new_ctx(&seen, NULL);
    uint64_t task = ptmi_task_begin(ctx, PTM_TASK_TRANSFER, "huggingface", "a/model.bin", -1);
    assert_true(task != 0);
    for (int64_t i = 1; i <= 1000000; i++) ptmi_task_progress(ctx, task, i, 2000000);
    ptmi_task_end(ctx, task, PTM_EHASH);
    /* How many come through depends on the machine; a million do not. */
    assert_true(seen.n_events < 64);
    const struct ptm_event *last = &seen.events[seen.n_events - 1];
    assert_int_equal(seen.events[0].kind, PTM_EVENT_BEGIN);
    assert_int_equal(seen.events[0].total, -1);
    assert_int_equal(last->kind, PTM_EVENT_END);
    assert_int_equal(last->done, 1000000);
    assert_int_equal(last->total, 2000000);
    assert_int_equal(last->rc, PTM_EHASH);
    assert_int_equal(last->task_kind, PTM_TASK_TRANSFER);
    assert_string_equal(seen.name, "a/model.bin");
    size_t before = seen.n_events;
    ptmi_task_progress(ctx, task, 1, 1); /* it has ended */
    ptmi_task_end(ctx, task, PTM_OK);
    assert_int_equal(seen.n_events, before);
}

static void test_base_ctx__tasks_do_not_mix(void **state)
{
    (void)state;
    struct seen seen = {0};
    PTM_AUTO(ctx_freep) ptm_ctx *ctx = new_ctx(&seen, NULL);
    uint64_t ids[20];
    for (int i = 0; i < 20; i++) {
        char name[8];
        snprintf(name, sizeof name, "t%d", i);
        ids[i] = ptmi_task_begin(ctx, PTM_TASK_CLONE, NULL, name, 100);
        for (int j = 0; j < i; j++) assert_true(ids[j] != ids[i]);
    }
    for (int i = 0; i < 19; i += 2) {
        char name[8];
        snprintf(name, sizeof name, "t%d", i);
        ptmi_task_end(ctx, ids[i], PTM_OK);
        assert_string_equal(seen.name, name);
        assert_true(seen.events[seen.n_events - 1].task == ids[i]);
    }
    /* The others are still open: ptm_ctx_free() frees them. */
}

#define THREADS 4
#define ROUNDS 2000

static void *work(void *arg)
{
    ptm_ctx *ctx = arg;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t task = ptmi_task_begin(ctx, PTM_TASK_STEP, "hub", "step", 10);
        ptmi_log(ctx, PTM_LOG_ERROR, "t", "%d", i);
        ptmi_task_progress(ctx, task, 5, 10);
        ptmi_task_end(ctx, task, PTM_OK);
    }
    return NULL;
}

static void count_log(void *arg, ptm_log_level level, const char *module, const char *line)
{
    (void)level, (void)module, (void)line;
    ++*(int *)arg; /* one call at a time: no lock of its own */
}

static void count_event(void *arg, const struct ptm_event *event)
{
    (void)event;
    ++*(int *)arg;
}

static void test_base_ctx__sinks_are_called_one_at_a_time(void **state)
{
    (void)state;
    int count = 0;
    struct ptm_ctx_opts opts = PTM_CTX_OPTS_INIT;
    opts.log = count_log;
    opts.event = count_event;
    opts.log_arg = opts.event_arg = &count;
    PTM_AUTO(ctx_freep) ptm_ctx *ctx = NULL;
    assert_int_equal(ptm_ctx_new(&opts, &ctx, NULL), PTM_OK);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, ctx), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    /* BEGIN, END and a line each; progress only after 50 ms, which a loaded machine may reach. */
    assert_true(count >= 3 * THREADS * ROUNDS && count <= 4 * THREADS * ROUNDS);
}

static ptm_ctx *signalled; /* a handler has no other way to its context */

static void on_signal(int number)
{
    (void)number;
    ptm_ctx_cancel(signalled, ptm_ctx_canceled(signalled) + 1);
}

static void test_base_ctx__cancel_only_rises_also_from_a_signal_handler(void **state)
{
    (void)state;
    struct seen seen = {0};
    PTM_AUTO(ctx_freep) ptm_ctx *ctx = new_ctx(&seen, NULL);
    assert_int_equal(ptm_ctx_canceled(ctx), 0);
    ptm_ctx_cancel(ctx, 0);
    ptm_ctx_cancel(ctx, -3);
    assert_int_equal(ptm_ctx_canceled(ctx), 0);

    signalled = ctx;
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    raise(SIGUSR1);
    assert_int_equal(ptm_ctx_canceled(ctx), 1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigaction(SIGUSR1, &before, NULL);
    assert_int_equal(ptm_ctx_canceled(ctx), 2);
    ptm_ctx_cancel(ctx, 1);
    assert_int_equal(ptm_ctx_canceled(ctx), 2);
    ptm_ctx_cancel(NULL, 2);
    assert_int_equal(ptm_ctx_canceled(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_ctx__filter_chooses_by_module_and_level),
        cmocka_unit_test(test_base_ctx__bad_filter_is_named),
        cmocka_unit_test(test_base_ctx__options_of_an_older_caller_are_enough),
        cmocka_unit_test(test_base_ctx__lines_are_printable_and_bounded),
        cmocka_unit_test(test_base_ctx__progress_is_thinned_out_and_the_end_is_exact),
        cmocka_unit_test(test_base_ctx__tasks_do_not_mix),
        cmocka_unit_test(test_base_ctx__sinks_are_called_one_at_a_time),
        cmocka_unit_test(test_base_ctx__cancel_only_rises_also_from_a_signal_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
