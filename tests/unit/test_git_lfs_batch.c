/* SPDX-License-Identifier: MIT */
/* test_git_lfs_batch.c - answers of LFS servers: links, errors, and what they may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/base/clock.h"
#include "../../src/base/str.h"
#include "../../src/git/lfs_priv.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct fixture {
    struct ptmi_rewrite rules;
    struct ptmi_lfs_server server;
    struct ptmi_lfs_pointer a, b;
    struct ptmi_lfs_answer answers[2];
    struct ptm_err err;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.a = {A, 10}, .b = {B, 20}};
    f.server.rewrites = &f.rules;
    f.server.batch_url =
        (char *)(uintptr_t) "https://huggingface.co/acme/m.git/info/lfs/objects/batch";
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) ptmi_lfs_answer_clear(&f->answers[i]);
    ptmi_rewrite_clear(&f->rules);
    return 0;
}

static ptm_rc parse(struct fixture *f, const char *json)
{
    const struct ptmi_lfs_pointer *asked[] = {&f->a, &f->b};
    for (int i = 0; i < 2; i++) ptmi_lfs_answer_clear(&f->answers[i]);
    f->err = (struct ptm_err){0};
    return ptmi_lfs_batch_parse(&f->server, json, strlen(json), asked, 2, f->answers, &f->err);
}

static void test_git_lfs_batch__gives_links_and_errors(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        parse(f, "{\"transfer\":\"basic\",\"hash_algo\":\"sha256\",\"objects\":[{\"oid\":\"" B
                 "\",\"size\":20,\"error\":{\"code\":404,\"message\":\"gone\"}},{\"oid\":\"" A
                 "\",\"size\":10,\"authenticated\":true,\"actions\":{\"download\":{\"href\":"
                 "\"https://cdn.example/a?sig=1\","
                 "\"header\":{\"X-Key\":\"v\"},\"expires_in\":3600}}}]}"),
        PTM_OK);
    assert_int_equal(f->answers[0].rc, PTM_OK);
    assert_string_equal(f->answers[0].href, "https://cdn.example/a?sig=1");
    assert_int_equal(f->answers[0].n_headers, 1);
    assert_string_equal(f->answers[0].headers[0], "X-Key: v");
    assert_int_equal(f->answers[0].lifetime, 3600);
    assert_false(ptmi_lfs_answer_is_stale(&f->answers[0]));
    assert_int_equal(f->answers[1].rc, PTM_ENOTFOUND);
    assert_int_equal(f->answers[1].err.http_status, 404);
    assert_non_null(strstr(f->answers[1].err.msg, "gone"));
}

static void test_git_lfs_batch__sorts_errors(void **state)
{
    static const struct {
        const char *code;
        ptm_rc rc;
        bool retryable;
    } cases[] = {
        {"404", PTM_ENOTFOUND, false}, {"410", PTM_ENOTFOUND, false}, {"403", PTM_EAUTH, false},
        {"422", PTM_EHTTP, false},     {"500", PTM_EHTTP, true},      {"429", PTM_ERATE, true},
        {"\"x\"", PTM_EHTTP, false},   {"-5", PTM_EHTTP, false},      {"1e99", PTM_EHTTP, false},
    };
    struct fixture *f = *state;
    char json[512];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(json, sizeof json, "{\"objects\":[{\"oid\":\"" A "\",\"error\":{\"code\":%s}}]}",
                 cases[i].code);
        assert_int_equal(parse(f, json), PTM_OK);
        assert_int_equal(f->answers[0].rc, cases[i].rc);
        assert_int_equal(f->answers[0].err.retryable, cases[i].retryable);
    }
}

static void test_git_lfs_batch__what_is_left_out_failed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "{\"objects\":[{\"oid\":\"" A
                              "\",\"size\":10},{\"oid\":7},null,[],{\"oid\":\"c\"}]}"),
                     PTM_OK);
    assert_int_equal(f->answers[0].rc, PTM_EFORMAT);
    assert_int_equal(f->answers[1].rc, PTM_EFORMAT);
}

static void test_git_lfs_batch__refuses_other_answers(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "<html>"), PTM_EFORMAT);
    assert_int_equal(parse(f, "{}"), PTM_EFORMAT);
    assert_int_equal(parse(f, "[]"), PTM_EFORMAT);
    assert_int_equal(parse(f, "{\"objects\":{}}"), PTM_EFORMAT);
    assert_int_equal(parse(f, "{\"transfer\":\"ssh\",\"objects\":[]}"), PTM_EUNSUPPORTED);
    assert_int_equal(parse(f, "{\"hash_algo\":\"md5\",\"objects\":[]}"), PTM_EUNSUPPORTED);
}

static ptm_rc parse_href(struct fixture *f, const char *href)
{
    char json[512];
    snprintf(json, sizeof json,
             "{\"objects\":[{\"oid\":\"" A "\",\"actions\":{\"download\":{\"href\":\"%s\"}}}]}",
             href);
    assert_int_equal(parse(f, json), PTM_OK);
    return f->answers[0].rc;
}

static void test_git_lfs_batch__hrefs_stay_http_and_get_no_weaker(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse_href(f, "/files/a"), PTM_OK);
    assert_string_equal(f->answers[0].href, "https://huggingface.co/files/a");
    assert_true(parse_href(f, "http://cdn.example/a") < 0);
    assert_true(parse_href(f, "file:///etc/passwd") < 0);
    assert_null(f->answers[0].href);
}

static void test_git_lfs_batch__hrefs_of_a_rewritten_server_are_mapped_back(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        ptmi_rewrite_add(&f->rules, "https://huggingface.co/=http://127.0.0.1:8080/hf/", &f->err),
        PTM_OK);
    assert_int_equal(parse_href(f, "http://127.0.0.1:8080/hf/acme/m.git/obj"), PTM_OK);
    assert_string_equal(f->answers[0].href, "https://huggingface.co/acme/m.git/obj");
    assert_int_equal(parse_href(f, "http://127.0.0.1:9999/elsewhere"), PTM_OK);
    assert_string_equal(f->answers[0].href, "http://127.0.0.1:9999/elsewhere");
}

static void test_git_lfs_batch__headers_cannot_take_over_the_request(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        parse(f, "{\"objects\":[{\"oid\":\"" A
                 "\",\"actions\":{\"download\":{\"href\":\"https://cdn.example/a\",\"header\":{"
                 "\"Host\":\"x\",\"range\":\"bytes=0-1\",\"A b\":\"x\",\"X\":\"a\\r\\nY: "
                 "b\",\"\":\"x\",\"N\":7,"
                 "\"Authorization\":\"Bearer t\"}}}}]}"),
        PTM_OK);
    assert_int_equal(f->answers[0].n_headers, 1);
    assert_string_equal(f->answers[0].headers[0], "Authorization: Bearer t");
}

static void test_git_lfs_batch__links_expire(void **state)
{
    struct fixture *f = *state;
    char iso[32], json[512];
    struct ptmi_lfs_answer old = {.href = (char *)(uintptr_t) "x", .expires_at = 1, .lifetime = 10};
    assert_true(ptmi_lfs_answer_is_stale(&old));
    snprintf(json, sizeof json,
             "{\"objects\":[{\"oid\":\"" A
             "\",\"actions\":{\"download\":{\"href\":\"https://c/a\",\"expires_at\":\"%s\"}}}]}",
             ptmi_clock_iso(ptmi_clock_unix() + 600, iso));
    assert_int_equal(parse(f, json), PTM_OK);
    assert_in_range(f->answers[0].lifetime, 590, 600);
    assert_false(ptmi_lfs_answer_is_stale(&f->answers[0]));
    /* Nonsense is no expiry. */
    assert_int_equal(parse(f,
                           "{\"objects\":[{\"oid\":\"" A
                           "\",\"actions\":{\"download\":{\"href\":\"https://c/a\",\"expires_in\":"
                           "9223372036854775807,\"expires_at\":\"soon\"}}}]}"),
                     PTM_OK);
    assert_int_equal(f->answers[0].expires_at, 0);
    assert_false(ptmi_lfs_answer_is_stale(&f->answers[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_git_lfs_batch__gives_links_and_errors, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_git_lfs_batch__sorts_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_git_lfs_batch__what_is_left_out_failed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_git_lfs_batch__refuses_other_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_git_lfs_batch__hrefs_stay_http_and_get_no_weaker,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_git_lfs_batch__hrefs_of_a_rewritten_server_are_mapped_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_git_lfs_batch__headers_cannot_take_over_the_request,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_git_lfs_batch__links_expire, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
