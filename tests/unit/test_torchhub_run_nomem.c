/* SPDX-License-Identifier: MIT */
/* test_torchhub_run_nomem.c - memory that runs out around the run of an entry point: an error, and
 * nothing lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "torchhub/run_job.h"
#include "unit_tmp.h"

/* Enough for the longest of them; none may take more. */
#define TRIES 2000
#define ID "0123456789abcdef0123456789abcdef"

struct fixture {
    struct unit_tmp tmp;
    ptm_ctx *ctx;
    ptm_torchhub *hub;
    struct ptm_torchhub_load_opts opts;
};

static int setup(void **state)
{
    static struct fixture f;
    struct ptm_net_opts net = PTM_NET_OPTS_INIT;
    struct ptm_torchhub_opts opts = PTM_TORCHHUB_OPTS_INIT;
    f.tmp = unit_tmp_make();
    net.offline = true;
    opts.dir = f.tmp.path;
    opts.net = &net;
    f.opts = ptmi_run_adopt(NULL);
    if (ptm_ctx_new(NULL, &f.ctx, NULL) < 0) abort();
    if (ptm_torchhub_open(f.ctx, &opts, &f.hub, NULL) < 0) abort();
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ptm_torchhub_close(f->hub);
    ptm_ctx_free(f->ctx);
    unit_tmp_remove(&f->tmp);
    return 0;
}

/* Runs fn with the 1st, 2nd, .. allocation failing, until none does. */
static void until_it_works(struct fixture *f, ptm_rc (*fn)(struct fixture *f))
{
    for (int n = 1; n < TRIES; n++) {
        fail_alloc_arm(n);
        ptm_rc rc = fn(f);
        if (!fail_alloc_disarm()) {
            assert_int_equal(rc, PTM_OK);
            return;
        }
        assert_true(rc == PTM_ENOMEM || rc == PTM_OK);
    }
    fail_msg("it never ends");
}

static const char ANSWER[] =
    "{\"result\":{\"type\":\"x.Y\",\"kind\":\"tuple\",\"doc\":\"d\",\"items\":["
    "{\"name\":\"a\",\"offset\":0,\"bytes\":5,\"modules\":[{\"name\":\"m\",\"class\":\"c\"}]},"
    "{\"name\":\"A\",\"offset\":5,\"bytes\":4,\"methods\":[{\"name\":\"m\",\"doc\":\"c\"}]}]},"
    "\"entries\":[{\"name\":\"e\",\"kind\":\"function\"}],\"dependencies\":[\"torch\"]}";

static ptm_rc describe(struct fixture *f)
{
    static char dir[] = "/repo";
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    PTM_AUTO(ptmi_parts_clear) struct ptmi_parts parts = {0};
    PTM_AUTO(ptmi_freep) char *text = NULL;
    PTM_AUTO(ptmi_freep) char *list = NULL;
    PTM_TRY(ptmi_json_parse(ANSWER, strlen(ANSWER), "answer", &doc, NULL));
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct ptmi_run run = {.hub = f->hub, .opts = &f->opts, .entry = "e", .answer = doc};
    run.repo.dir = dir;
    PTM_TRY(ptmi_parts_find(ptmi_json_get(root, "result"), 9, &parts, NULL));
    PTM_TRY(ptmi_describe(&run, &parts, &text, NULL));
    PTM_TRY(ptmi_describe_list(root, &list, NULL));
    assert_int_equal(parts.n, 2);
    /* Of two names that one system takes for the same, one gives way. */
    assert_non_null(strstr(text, "part-"));
    return PTM_OK;
}

static ptm_rc hear(struct fixture *f)
{
    static const char line[] =
        "{\"id\":\"" ID "\",\"want\":\"https://files.example.org/x.pth\",\"name\":\"x.pth\"}\n";
    PTM_AUTO(ptmi_wants_freep) struct ptmi_wants *wants = NULL;
    PTM_TRY(ptmi_wants_new(f->hub, &f->opts, f->tmp.path, &wants, NULL));
    ptm_rc rc = ptmi_wants_hear(wants, line, strlen(line), NULL);
    return rc == PTM_ELIMIT ? PTM_ENOMEM : rc; /* the line's own buffer did not grow */
}

static ptm_rc show(struct fixture *f)
{
    PTM_AUTO(ptmi_sandbox_clear) struct ptmi_sandbox box = PTMI_SANDBOX;
    PTM_TRY(ptmi_sandbox_show(&box, f->tmp.path, NULL));
    PTM_TRY(ptmi_sandbox_setenv(&box, "A", "b", NULL) == PTM_OK ? PTM_OK : PTM_ENOMEM);
    return ptmi_sandbox_place(&box, f->tmp.path, "/x", true, NULL);
}

static void test_torchhub_run_nomem__the_description(void **state)
{
    until_it_works(*state, describe);
}

static void test_torchhub_run_nomem__questions(void **state)
{
    until_it_works(*state, hear);
}

static void test_torchhub_run_nomem__what_is_shown(void **state)
{
    until_it_works(*state, show);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchhub_run_nomem__the_description),
        cmocka_unit_test(test_torchhub_run_nomem__questions),
        cmocka_unit_test(test_torchhub_run_nomem__what_is_shown),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
