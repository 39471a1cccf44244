/* SPDX-License-Identifier: MIT */
/* test_base_proc.c - child processes: output, input, environment, cancelling, silence, and no
 * zombie on any path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>

#include "base/auto.h"
#include "base/limits.h"
#include "base/proc.h"
#include "unit_tmp.h"

PTM_DEFINE_CLEANUP(free_ctx, ptm_ctx *, ptm_ctx_free)
#define RESULT(name) PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result name = {0}
#define SH(script) ((const char *const[]){"sh", "-c", script, NULL})

static ptm_ctx *new_ctx(void)
{
    ptm_ctx *ctx = NULL;
    assert_int_equal(ptm_ctx_new(NULL, &ctx, NULL), PTM_OK);
    return ctx;
}

/* No child of ours may be left, dead or alive. */
static void assert_no_children(void)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void test_base_proc__gives_output_and_status(void **state)
{
    (void)state;
    RESULT(out);
    struct ptmi_proc proc = {.argv = SH("echo out; echo err >&2; exit 3")};
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, NULL), PTM_OK);
    assert_int_equal(out.exit_status, 3);
    assert_string_equal(out.out_text.data, "out\n");
    assert_string_equal(out.err_text.data, "err\n");
    assert_no_children();
}

static void test_base_proc__signal_becomes_128_and_more(void **state)
{
    (void)state;
    RESULT(out);
    struct ptmi_proc proc = {.argv = SH("kill -9 $$")};
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, NULL), PTM_OK);
    assert_int_equal(out.exit_status, 128 + SIGKILL);
    assert_no_children();
}

static void test_base_proc__missing_program_and_folder_are_named(void **state)
{
    (void)state;
    struct ptm_err err = {0};
    RESULT(out);
    struct ptmi_proc proc = {.argv = (const char *const[]){"ptm-no-such-program", NULL}};
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, &err), PTM_ENOENT);
    assert_non_null(strstr(err.msg, "ptm-no-such-program"));
    RESULT(second);
    struct ptmi_proc away = {.argv = SH("true"), .cwd = "/no/such/folder"};
    assert_int_equal(ptmi_proc_run(NULL, &away, &second, &err), PTM_ENOENT);
    assert_non_null(strstr(err.msg, "/no/such/folder"));
    assert_no_children();
}

static void test_base_proc__feeds_input_and_dev_null(void **state)
{
    (void)state;
    size_t len =
        3u << 20; /* far more than a pipe holds: writer and reader must not wait for each other */
    PTM_AUTO(ptmi_freep) char *big = malloc(len + 1);
    memset(big, 'x', len);
    big[len] = '\0';
    RESULT(out);
    struct ptmi_proc proc = {.argv = SH("cat"), .input = big, .input_len = len};
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, NULL), PTM_OK);
    assert_int_equal(out.out_text.len, len);
    RESULT(deaf);
    struct ptmi_proc ignore = {.argv = SH("exec true"), .input = big, .input_len = len};
    assert_int_equal(ptmi_proc_run(NULL, &ignore, &deaf, NULL), PTM_OK);
    assert_int_equal(deaf.exit_status, 0);
    RESULT(none);
    struct ptmi_proc null = {.argv = SH("cat; echo end")};
    assert_int_equal(ptmi_proc_run(NULL, &null, &none, NULL), PTM_OK);
    assert_string_equal(none.out_text.data, "end\n");
}

static void test_base_proc__environment_is_added_and_dropped(void **state)
{
    (void)state;
    setenv("PTMTEST_KEEP", "kept", 1);
    setenv("PTMTEST_CHANGE", "old", 1);
    setenv("PTMDROP_ONE", "1", 1);
    setenv("PTMDROP_TWO", "2", 1);
    RESULT(out);
    struct ptmi_proc proc = {
        .argv = SH("echo $PTMTEST_KEEP $PTMTEST_CHANGE ${PTMDROP_ONE-gone} $PTMDROP_TWO; env | "
                   "grep -c '^PTMTEST_CHANGE='"),
        .env = (const char *const[]){"PTMTEST_CHANGE=new", "PTMDROP_TWO=again", NULL},
        .unset = (const char *const[]){"PTMDROP_", NULL},
    };
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, NULL), PTM_OK);
    assert_string_equal(out.out_text.data, "kept new gone again\n1\n");
    unsetenv("PTMTEST_KEEP"), unsetenv("PTMTEST_CHANGE"), unsetenv("PTMDROP_ONE"),
        unsetenv("PTMDROP_TWO");
}

static void test_base_proc__runs_in_cwd_without_our_descriptors(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    int leak = open("/dev/null", O_RDONLY); /* on purpose without O_CLOEXEC */
    RESULT(out);
    char script[128];
    snprintf(script, sizeof script, "pwd -P; test -e /proc/self/fd/%d && echo leaked; tty", leak);
    struct ptmi_proc proc = {.argv = SH(script), .cwd = tmp.path};
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, NULL), PTM_OK);
    close(leak);
    PTM_AUTO(ptmi_freep) char *here = realpath(tmp.path, NULL);
    assert_int_equal(strncmp(out.out_text.data, here, strlen(here)), 0);
    assert_null(strstr(out.out_text.data, "leaked"));
}

struct lines {
    int n;
    char text[16][64];
};

static void keep_line(void *arg, const char *line)
{
    struct lines *lines = arg;
    if (lines->n < 16) snprintf(lines->text[lines->n++], sizeof lines->text[0], "%s", line);
}

static void test_base_proc__splits_stderr_at_both_line_ends(void **state)
{
    (void)state;
    struct lines lines = {0};
    RESULT(out);
    struct ptmi_proc proc = {
        .argv = SH("printf 'one\\ntwo 1%%\\rtwo 2%%\\r\\nthree\\000x\\n\\nlast' >&2"),
        .on_stderr_line = keep_line,
        .arg = &lines,
    };
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, NULL), PTM_OK);
    static const char *const want[] = {"one", "two 1%", "two 2%", "three?x", "last"};
    assert_int_equal(lines.n, 5);
    for (int i = 0; i < 5; i++) assert_string_equal(lines.text[i], want[i]);
}

static void test_base_proc__keeps_the_end_of_stderr(void **state)
{
    (void)state;
    RESULT(out);
    struct ptmi_proc proc = {
        .argv = SH("head -c 300000 /dev/zero | tr '\\0' 'e' >&2; echo 'fatal: the end' >&2")};
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, NULL), PTM_OK);
    assert_int_equal(out.err_text.len, PTM_LIMIT_STDERR);
    assert_non_null(strstr(out.err_text.data, "fatal: the end\n"));
}

struct gather {
    size_t total, stop_at;
};

static ptm_rc gather(void *arg, const char *data, size_t len, struct ptm_err *err)
{
    (void)data;
    struct gather *sum = arg;
    sum->total += len;
    if (sum->stop_at && sum->total >= sum->stop_at)
        return ptm_err_set(err, PTM_EFORMAT, "enough of this");
    return PTM_OK;
}

static void test_base_proc__callback_gets_all_and_can_end_it(void **state)
{
    (void)state;
    struct gather sum = {0};
    RESULT(out);
    struct ptmi_proc proc = {
        .argv = SH("head -c 1000000 /dev/zero"), .on_stdout = gather, .arg = &sum};
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, NULL), PTM_OK);
    assert_int_equal(sum.total, 1000000);
    struct gather stop = {.stop_at = 100000};
    RESULT(second);
    struct ptm_err err = {0};
    struct ptmi_proc endless = {.argv = SH("cat /dev/zero"), .on_stdout = gather, .arg = &stop};
    assert_int_equal(ptmi_proc_run(NULL, &endless, &second, &err), PTM_EFORMAT);
    assert_string_equal(err.msg, "enough of this");
    assert_no_children();
}

static void test_base_proc__endless_output_meets_the_cap(void **state)
{
    (void)state;
    RESULT(out);
    struct ptmi_proc proc = {.argv = SH("cat /dev/zero")};
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, NULL), PTM_ELIMIT);
    assert_no_children();
}

static void test_base_proc__silence_ends_it_with_all_it_started(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    RESULT(out);
    struct ptm_err err = {0};
    struct ptmi_proc proc = {
        .argv = SH("sleep 600 & echo $! > child; wait"), .cwd = tmp.path, .silent_seconds = 1};
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, &err), PTM_ETIMEOUT);
    assert_non_null(strstr(err.msg, "sh"));
    assert_true(err.retryable);
    PTM_AUTO(ptmi_freep) char *pid = unit_read(unit_path(tmp.path, "child"));
    assert_non_null(pid);
    /* The grandchild was killed too; whoever inherited it reaps it in its own time. */
    char stat_path[64], *stat = NULL;
    for (int i = 0; i < 200; i++) {
        free(stat);
        snprintf(stat_path, sizeof stat_path, "/proc/%ld/stat", strtol(pid, NULL, 10));
        stat = unit_read(stat_path);
        if (!stat || strstr(stat, ") Z")) break;
        usleep(10000);
    }
    assert_true(!stat || strstr(stat, ") Z"));
    free(stat);
    assert_no_children();
}

/* Cancels ctx as soon as the child has said something. */
struct canceler {
    ptm_ctx *ctx;
    int level;
};

static ptm_rc cancel_on_output(void *arg, const char *data, size_t len, struct ptm_err *err)
{
    (void)data, (void)len, (void)err;
    struct canceler *canceler = arg;
    ptm_ctx_cancel(canceler->ctx, canceler->level);
    return PTM_OK;
}

static void run_canceled(const char *script, int level, bool interruptible, ptm_rc want,
                         int want_status)
{
    PTM_AUTO(free_ctx) ptm_ctx *ctx = new_ctx();
    struct canceler canceler = {ctx, level};
    RESULT(out);
    struct ptm_err err = {0};
    struct ptmi_proc proc = {.argv = SH(script),
                             .on_stdout = cancel_on_output,
                             .arg = &canceler,
                             .interruptible = interruptible};
    assert_int_equal(ptmi_proc_run(ctx, &proc, &out, &err), want);
    assert_int_equal(out.exit_status, want_status);
    assert_no_children();
}

static void test_base_proc__cancel_levels(void **state)
{
    (void)state;
    run_canceled("echo go; exec sleep 600", 1, true, PTM_ECANCELED, 128 + SIGTERM);
    run_canceled("trap 'exit 7' TERM; echo go; while :; do sleep 0.1; done", 1, true, PTM_ECANCELED,
                 7);
    run_canceled("echo go; sleep 0.3; exit 4", 1, false, PTM_OK, 4);
    run_canceled("trap '' TERM; echo go; exec sleep 600", 2, false, PTM_ECANCELED, 128 + SIGKILL);
}

static void test_base_proc__deaf_programs_are_killed_in_the_end(void **state)
{
    (void)state;
    run_canceled("trap '' TERM; echo go; while :; do sleep 0.1; done", 1, true, PTM_ECANCELED,
                 128 + SIGKILL);
}

static void test_base_proc__does_not_start_when_cancelled(void **state)
{
    (void)state;
    PTM_AUTO(free_ctx) ptm_ctx *ctx = new_ctx();
    ptm_ctx_cancel(ctx, 2);
    RESULT(out);
    struct ptmi_proc proc = {.argv = SH("true")};
    assert_int_equal(ptmi_proc_run(ctx, &proc, &out, NULL), PTM_ECANCELED);
}

/* A program that leaves a daemon with its pipes must not hold us up. */
static void test_base_proc__does_not_wait_for_daemons(void **state)
{
    (void)state;
    RESULT(out);
    struct ptmi_proc proc = {.argv = SH("sleep 600 & echo done")};
    assert_int_equal(ptmi_proc_run(NULL, &proc, &out, NULL), PTM_OK);
    assert_int_equal(out.exit_status, 0);
    assert_string_equal(out.out_text.data, "done\n");
    assert_no_children();
}

static void *run_many(void *arg)
{
    int *bad = arg;
    for (int i = 0; i < 25; i++) {
        RESULT(out);
        struct ptmi_proc proc = {.argv = SH("cat; echo x >&2"), .input = "abc", .input_len = 3};
        if (ptmi_proc_run(NULL, &proc, &out, NULL) != PTM_OK || out.exit_status != 0 ||
            out.out_text.len != 3)
            ++*bad;
    }
    return NULL;
}

static void test_base_proc__many_threads_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    int bad[4] = {0};
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_many, &bad[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(bad[i], 0);
    }
    assert_no_children();
}

/* kill -9 of us takes the program with us: it must not go on writing into folders of the next run.
 */
static int parent_that_dies(void *arg)
{
    RESULT(out);
    struct ptmi_proc proc = {.argv = SH("echo $$ > pid.new; mv pid.new pid; sleep 600; :"),
                             .cwd = arg};
    pid_t killer = fork();
    if (killer == 0) {
        for (int i = 0; i < 1000 && !ptmi_fs_exists(unit_path(arg, "pid")); i++) usleep(10000);
        (void)kill(getppid(), SIGKILL);
        _exit(0);
    }
    (void)!ptmi_proc_run(NULL, &proc, &out, NULL);
    return 1;
}

static void test_base_proc__dies_with_us(void **state)
{
    (void)state;
#ifndef __linux__
    UNIT_SKIP_TEST("no parent-death signal on this system");
#endif
    UNIT_TMP(tmp);
    assert_int_equal(unit_in_child(parent_that_dies, tmp.path), 128 + SIGKILL);
    PTM_AUTO(ptmi_freep) char *pid = unit_read(unit_path(tmp.path, "pid"));
    assert_non_null(pid);
    bool alive = true;
    for (int i = 0; i < 500 && alive; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%ld/stat", strtol(pid, NULL, 10));
        PTM_AUTO(ptmi_freep) char *stat = unit_read(path);
        alive = stat && !strstr(stat, ") Z");
        if (alive) usleep(10000);
    }
    assert_false(alive);
}

static void test_base_proc__which_looks_in_path_only(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *sh = ptmi_proc_which("sh");
    assert_non_null(sh);
    assert_int_equal(sh[0], '/');
    assert_null(ptmi_proc_which("ptm-no-such-program"));
    assert_null(ptmi_proc_which("/etc"));
    assert_null(ptmi_proc_which(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_proc__gives_output_and_status),
        cmocka_unit_test(test_base_proc__signal_becomes_128_and_more),
        cmocka_unit_test(test_base_proc__missing_program_and_folder_are_named),
        cmocka_unit_test(test_base_proc__feeds_input_and_dev_null),
        cmocka_unit_test(test_base_proc__environment_is_added_and_dropped),
        cmocka_unit_test(test_base_proc__runs_in_cwd_without_our_descriptors),
        cmocka_unit_test(test_base_proc__splits_stderr_at_both_line_ends),
        cmocka_unit_test(test_base_proc__keeps_the_end_of_stderr),
        cmocka_unit_test(test_base_proc__callback_gets_all_and_can_end_it),
        cmocka_unit_test(test_base_proc__endless_output_meets_the_cap),
        cmocka_unit_test(test_base_proc__silence_ends_it_with_all_it_started),
        cmocka_unit_test(test_base_proc__cancel_levels),
        cmocka_unit_test(test_base_proc__deaf_programs_are_killed_in_the_end),
        cmocka_unit_test(test_base_proc__does_not_start_when_cancelled),
        cmocka_unit_test(test_base_proc__does_not_wait_for_daemons),
        cmocka_unit_test(test_base_proc__many_threads_at_once),
        cmocka_unit_test(test_base_proc__dies_with_us),
        cmocka_unit_test(test_base_proc__which_looks_in_path_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
