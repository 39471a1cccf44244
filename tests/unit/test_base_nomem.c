/* SPDX-License-Identifier: MIT */
/*
 * test_base_nomem.c - every allocation fails once: the call says so, writes no result, and leaks
 * nothing (which the build under ASan sees). Each job runs with the 1st, 2nd, 3rd ... allocation
 * failing, until none is left to fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/url.h"

#include "fail_alloc.h"

/* No job here needs more. */
#define MOST_ALLOCATIONS 200

/* PTM_OK or PTM_ENOMEM; a NULL where text was expected counts as the latter. */
typedef ptm_rc (*job_fn)(struct ptm_err *err);

static void torture(job_fn job)
{
    int n = 1;
    for (; n < MOST_ALLOCATIONS; n++) {
        struct ptm_err err = {0};
        fail_alloc_arm(n);
        ptm_rc rc = job(&err);
        if (!fail_alloc_disarm()) {
            assert_int_equal(rc, PTM_OK);
            break;
        }
        assert_int_equal(rc, PTM_ENOMEM);
        assert_true(err.rc == PTM_OK || (err.rc == PTM_ENOMEM && err.msg[0]));
    }
    assert_in_range(n, 2, MOST_ALLOCATIONS - 1);
}

/* Takes malloc'ed text over. */
static ptm_rc text_job(char *text)
{
    ptm_rc rc = text ? PTM_OK : PTM_ENOMEM;
    free(text);
    return rc;
}

static ptm_rc buf_job(struct ptm_err *err)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf buf = PTMI_BUF(100000);
    for (int i = 0; i < 500; i++) {
        size_t before = buf.len;
        ptm_rc rc = ptmi_buf_printf(&buf, err, "line %d ", i);
        if (rc != PTM_OK) assert_int_equal(buf.len, before); /* what was there stays */
        PTM_TRY(rc);
    }
    PTM_TRY(ptmi_buf_json_str(&buf, "a\"b\xff", err));
    return text_job(ptmi_buf_take(&buf));
}

static ptm_rc arena_job(struct ptm_err *err)
{
    (void)err;
    PTM_AUTO(ptmi_arena_clear) struct ptmi_arena arena = PTMI_ARENA(1u << 20);
    struct ptmi_arena_list list = {0};
    for (int i = 0; i < 2000; i++) {
        size_t before = list.n;
        bool added = ptmi_arena_list_add(&arena, &list, ptmi_arena_printf(&arena, "item %d", i));
        assert_int_equal(list.n, before + added);
        if (!added) return PTM_ENOMEM;
    }
    return PTM_OK;
}

static ptm_rc path_job(struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = NULL;
    ptm_rc rc = ptmi_path_under("/data", "a/b", &path, err);
    if (rc != PTM_OK) assert_null(path);
    PTM_TRY(rc);
    PTM_TRY(text_job(ptmi_path_dir(path)));
    PTM_TRY(text_job(ptmi_path_dir("name")));
    PTM_TRY(text_job(ptmi_path_join("", "b")));
    return text_job(ptmi_path_fold(path));
}

static ptm_rc url_job(struct ptm_err *err)
{
    PTM_AUTO(ptmi_url_clear) struct ptmi_url url = {0};
    ptm_rc rc = ptmi_url_parse("https://me@host:99/path?query#top", &url, err);
    if (rc != PTM_OK) assert_null(url.scheme);
    PTM_TRY(rc);
    PTM_TRY(text_job(ptmi_url_encode("a b", false)));
    PTM_TRY(text_job(ptmi_url_decode("a%20b")));
    PTM_TRY(text_job(ptmi_url_set_param("https://h/x?a=1&b=2", "b", "3")));
    return text_job(ptmi_url_redact("https://u:p@h/x?a=1&token=2"));
}

static ptm_rc join_job(struct ptm_err *err)
{
    static const char *const locations[] = {"/a?b#c", "../x", "?q", "//other/y", "https://h/z?q"};
    for (size_t i = 0; i < sizeof locations / sizeof locations[0]; i++) {
        PTM_AUTO(ptmi_freep) char *joined = NULL;
        ptm_rc rc = ptmi_url_join("https://h:8443/a/b?c", locations[i], &joined, err);
        if (rc != PTM_OK) assert_null(joined);
        PTM_TRY(rc);
    }
    return PTM_OK;
}

static ptm_rc rewrite_job(struct ptm_err *err)
{
    PTM_AUTO(ptmi_rewrite_clear) struct ptmi_rewrite rules = {0};
    PTM_TRY(ptmi_rewrite_add(&rules, "https://a.org/=http://b.org/x", err));
    PTM_TRY(ptmi_rewrite_add(&rules, "https://c.org=http://d.org", err));
    PTM_TRY(ptmi_rewrite_add(&rules, "https://a.org/=http://e.org", err));
    PTM_TRY(text_job(ptmi_rewrite_apply(&rules, "https://a.org/1")));
    return text_job(ptmi_rewrite_undo(&rules, "http://other.org/1"));
}

static ptm_rc repo_job(struct ptm_err *err)
{
    static const char *const links[] = {"git@github.com:a/b.git", "https://git.example.org/x.git",
                                        "https://gitlab.com/g/s/p/-/tree/main/x/y%20z",
                                        "https://huggingface.co/gpt2"};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        PTM_AUTO(ptmi_repo_ref_clear) struct ptmi_repo_ref ref = {0};
        ptm_rc rc = ptmi_url_to_repo(links[i], &ref, err);
        if (rc != PTM_OK) assert_null(ref.clone_url);
        PTM_TRY(rc);
    }
    return PTM_OK;
}

static void no_event(void *arg, const struct ptm_event *event)
{
    (void)arg, (void)event;
}

static ptm_rc ctx_job(struct ptm_err *err)
{
    struct ptm_ctx_opts opts = PTM_CTX_OPTS_INIT;
    opts.event = no_event;
    opts.log_filter = "net:debug";
    ptm_ctx *ctx = NULL;
    ptm_rc rc = ptm_ctx_new(&opts, &ctx, err);
    if (rc != PTM_OK) assert_null(ctx);
    PTM_TRY(rc);
    bool shown = true; /* a task without memory is not shown, and nothing else happens */
    for (int i = 0; i < 40; i++) {
        uint64_t task = ptmi_task_begin(ctx, PTM_TASK_STEP, "hub", "name", 1);
        shown = shown && task != 0;
        ptmi_task_progress(ctx, task, 1, 1);
        if (i % 2) ptmi_task_end(ctx, task, PTM_OK);
    }
    ptm_ctx_free(ctx);
    return shown ? PTM_OK : PTM_ENOMEM;
}

static ptm_rc hash_job(struct ptm_err *err)
{
    char hex[65];
    return ptmi_hash_bytes(PTMI_SHA256, "abc", 3, hex, err);
}

static ptm_rc add_item(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_append(arg, item, len, err));
    return ptmi_buf_putc(arg, '\n', err);
}

/* The splitter allocates nothing itself: what can fail is the sink, whose error comes through. */
static ptm_rc json_job(struct ptm_err *err)
{
    static const char text[] = "[{\"a\":[1,2,{\"b\":null}]},\"\\u00e9\",3]";
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf buf = PTMI_BUF(1000);
    return ptmi_json_each_item(text, strlen(text), "x", add_item, &buf, err);
}

#define TORTURE(name)                                 \
    static void test_base_nomem__##name(void **state) \
    {                                                 \
        (void)state;                                  \
        torture(name##_job);                          \
    }
TORTURE(buf)
TORTURE(arena)
TORTURE(path)
TORTURE(url)
TORTURE(join)
TORTURE(rewrite)
TORTURE(repo)
TORTURE(ctx)
TORTURE(hash)
TORTURE(json)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_nomem__buf),  cmocka_unit_test(test_base_nomem__arena),
        cmocka_unit_test(test_base_nomem__path), cmocka_unit_test(test_base_nomem__url),
        cmocka_unit_test(test_base_nomem__join), cmocka_unit_test(test_base_nomem__rewrite),
        cmocka_unit_test(test_base_nomem__repo), cmocka_unit_test(test_base_nomem__ctx),
        cmocka_unit_test(test_base_nomem__hash), cmocka_unit_test(test_base_nomem__json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
