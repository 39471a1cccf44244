/* SPDX-License-Identifier: MIT */
/* Listing huggingface over HTTP: paging, resuming, page sizes, refusals, endless lists; one model
 * by name. Mapping is test_hubs_hf_model.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "hubs_http.h"

#define HF "/hf/api/models"

/* Page number n of `pages`, two models each (x/m<2n>, x/m<2n+1>), created in ascending or
 * descending order. */
static yyjson_mut_val *add_page(struct bench *b, int n, int pages, bool descending)
{
    char body[1024], cursor[64], link[256];
    int first = 2 * n, second = 2 * n + 1;
    int t0 = descending ? 90 - first : 10 + first, t1 = descending ? 90 - second : 10 + second;
    snprintf(body, sizeof body,
             "[{\"_id\":\"k%02d\",\"id\":\"x/m%d\",\"createdAt\":\"2024-01-01T00:00:%02d.000Z\"},"
             "{\"_id\":\"k%02d\",\"id\":\"x/m%d\",\"createdAt\":\"2024-01-01T00:00:%02d.000Z\"}]",
             t0, t0, t0 % 60, t1, t1, t1 % 60);
    yyjson_mut_val *rule = canned_rule(&b->server, HF "?", 200, body);
    snprintf(cursor, sizeof cursor, "cursor=p%d&", n);
    if (n > 0)
        canned_list(&b->server, rule, "has", cursor);
    else
        canned_list(&b->server, rule, "lacks", "cursor=");
    if (n + 1 < pages) {
        snprintf(link, sizeof link,
                 "<http://127.0.0.1:{port}" HF
                 "?cursor=p%d&limit=1000&sort=createdAt>; rel=\"next\"",
                 n + 1);
        canned_header(&b->server, rule, "Link", link);
    }
    return rule;
}

static void add_pages(struct bench *b, int pages, bool descending)
{
    for (int i = 0; i < pages; i++) add_page(b, i, pages, descending);
}

/* A rule in front of all others. */
static yyjson_mut_val *add_first(struct bench *b, const char *has, int status, const char *body)
{
    yyjson_mut_val *rule = canned_rule(&b->server, HF, status, body);
    yyjson_mut_arr_remove_last(b->server.rules);
    yyjson_mut_arr_prepend(b->server.rules, rule);
    if (has) canned_list(&b->server, rule, "has", has);
    return rule;
}

static void assert_log(struct bench *b, const char *text, bool present)
{
    PTM_AUTO(ptmi_freep) char *log = canned_log(&b->server);
    if ((strstr(log, text) != NULL) != present)
        fail_msg("\"%s\" %s in:\n%s", text, present ? "is not" : "is", log);
}

static void test_hubs_huggingface__walks_all_pages_oldest_first(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_pages(&b, 5, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 10);
    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof name, "x/m%d", 10 + i);
        assert_string_equal(b.all.models[i].name, name);
    }
    assert_int_equal(b.all.checkpoints, 5);
    assert_int_equal(canned_requests(&b.server), 5);
    /* Original URLs, whatever host answered. */
    assert_string_equal(b.all.models[2].source_url,
                        "https://huggingface.co/api/models?cursor=p1&limit=1000&sort=createdAt");
    assert_log(&b,
               HF "?limit=1000&sort=createdAt&direction=1&expand[]=author&expand[]=baseModels&"
                  "expand[]=cardData&expand[]=config"
                  "&expand[]=createdAt&expand[]=disabled&expand[]=downloads&expand[]="
                  "downloadsAllTime&expand[]=gated&expand[]=gguf"
                  "&expand[]=lastModified&expand[]=library_name&expand[]=likes&expand[]=model-"
                  "index&expand[]=pipeline_tag"
                  "&expand[]=private&expand[]=safetensors&expand[]=sha&expand[]=siblings&expand[]="
                  "tags&expand[]=transformersInfo"
                  "&expand[]=usedStorage\t",
               true);
    bench_close(&b);
}

static void test_hubs_huggingface__follows_the_link_verbatim_but_for_limit(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    yyjson_mut_val *rule = canned_rule(&b.server, HF "?", 200, "[{\"_id\":\"k1\",\"id\":\"x/a\"}]");
    canned_list(&b.server, rule, "lacks", "cursor=");
    canned_header(
        &b.server, rule, "Link",
        "<http://127.0.0.1:{port}/static/x.css>; rel=preload, <http://127.0.0.1:{port}" HF
        "?limit=77&expand%5B%5D=sha&cursor=eyIkb3IiOlt7ImEiOjF9XX0%3D&x=a%20b>; rel=\"next\"");
    canned_rule(&b.server, HF "?", 200, "[{\"_id\":\"k2\",\"id\":\"x/b\"}]");
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 2);
    assert_log(&b, HF "?limit=1000&expand%5B%5D=sha&cursor=eyIkb3IiOlt7ImEiOjF9XX0%3D&x=a%20b\t",
               true);
    bench_close(&b);
}

static void test_hubs_huggingface__leaves_siblings_out_when_asked(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_pages(&b, 1, false);
    b.env.no_siblings = true;
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_log(&b, "siblings", false);
    assert_log(&b, "expand[]=sha", true);
    bench_close(&b);
}

static void test_hubs_huggingface__resumes_at_the_page_that_failed(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_first(&b, "cursor=p2", 403, "{\"error\":\"no\"}");
    add_pages(&b, 5, false);
    assert_true(bench_list(&b, "huggingface") < 0);
    assert_int_equal(b.err.http_status, 403);
    assert_int_equal(b.all.n, 4);
    canned_reset(&b.server);
    add_pages(&b, 5, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 10);
    assert_int_equal(canned_requests(&b.server), 3);
    assert_log(&b, "direction=1", false);
    bench_close(&b);
}

static void test_hubs_huggingface__a_listing_that_was_done_stays_done(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_pages(&b, 2, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    /* Killed after the last checkpoint: nothing is left to ask for. */
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(canned_requests(&b.server), 0);
    assert_int_equal(b.all.n, 4);
    bench_close(&b);
}

static void test_hubs_huggingface__halves_the_page_and_keeps_the_cursor(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    yyjson_mut_val *rule = add_first(&b, "cursor=p1", 504, "gateway");
    canned_list(&b.server, rule, "has", "limit=1000");
    rule = add_first(&b, "cursor=p1", 503, "busy");
    canned_list(&b.server, rule, "has", "limit=500");
    add_pages(&b, 3, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 6);
    assert_log(&b, HF "?cursor=p1&limit=250&sort=createdAt\t", true);
    assert_log(&b, HF "?cursor=p2&limit=250&sort=createdAt\t", true);
    bench_close(&b);
}

static void test_hubs_huggingface__gives_up_at_the_smallest_page(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_first(&b, NULL, 500, "boom");
    assert_int_equal(bench_list(&b, "huggingface"), PTM_EHTTP);
    assert_int_equal(b.err.http_status, 500);
    assert_log(&b, "limit=10&", true);
    assert_log(&b, "limit=5&", false);
    bench_close(&b);
}

static void test_hubs_huggingface__raises_the_page_size_again(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    yyjson_mut_val *rule = add_first(&b, "limit=1000", 500, "boom");
    canned_int(&b.server, rule, "times", 3);
    add_pages(&b, 12, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 24);
    assert_log(&b, "cursor=p7&limit=500", true);
    assert_log(&b, "cursor=p8&limit=1000", true);
    bench_close(&b);
}

static void test_hubs_huggingface__an_over_long_page_is_asked_for_in_parts(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    /* 33 MiB of spaces behind a good page: more than is kept in memory of one. */
    char path[128];
    snprintf(path, sizeof path, "%s/long", b.server.dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("[]", file) >= 0);
    char *spaces = malloc(1u << 20);
    assert_non_null(spaces);
    memset(spaces, ' ', 1u << 20);
    for (int i = 0; i < 33; i++) assert_int_equal(fwrite(spaces, 1, 1u << 20, file), 1u << 20);
    free(spaces);
    assert_int_equal(fclose(file), 0);
    yyjson_mut_val *rule = add_first(&b, "limit=1000", 200, NULL);
    yyjson_mut_obj_add_strcpy(b.server.doc, rule, "file", path);
    add_pages(&b, 1, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 2);
    assert_log(&b, "limit=500", true);
    unlink(path);
    bench_close(&b);
}

static void test_hubs_huggingface__refused_direction_walks_down_and_once_more(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    yyjson_mut_val *rule =
        canned_rule(&b.server, HF, 400, "{\"error\":\"Unrecognized key: \\\"direction\\\"\"}");
    canned_list(&b.server, rule, "has", "direction");
    /* The first look at the top, then with a model created meanwhile. */
    rule = add_page(&b, 0, 3, true);
    canned_int(&b.server, rule, "times", 1);
    rule = canned_rule(
        &b.server, HF "?", 200,
        "[{\"_id\":\"new\",\"id\":\"x/new\",\"createdAt\":\"2024-01-01T00:01:59.000Z\"},"
        "{\"_id\":\"k90\",\"id\":\"x/m90\",\"createdAt\":\"2024-01-01T00:00:30.000Z\"}]");
    canned_list(&b.server, rule, "lacks", "cursor=");
    canned_header(&b.server, rule, "Link",
                  "<http://127.0.0.1:{port}" HF "?cursor=p1&limit=1000>; rel=\"next\"");
    add_page(&b, 1, 3, true);
    add_page(&b, 2, 3, true);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 7);
    assert_string_equal(b.all.models[0].name, "x/m90");
    assert_string_equal(b.all.models[5].name, "x/m85");
    assert_string_equal(b.all.models[6].name, "x/new");
    /* Refusal (twice: its words are read), three pages, the top again. */
    assert_int_equal(canned_requests(&b.server), 6);
    assert_log(&b, "limit=1000&sort=createdAt&expand[]=author", true);
    bench_close(&b);
}

static void test_hubs_huggingface__a_second_pass_is_resumed_as_one(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    canned_list(&b.server, canned_rule(&b.server, HF, 400, "{\"error\":\"direction\"}"), "has",
                "direction");
    canned_int(&b.server, add_page(&b, 0, 2, true), "times", 1);
    add_page(&b, 1, 2, true);
    canned_rule(&b.server, HF, 403, "{}"); /* the top, the second time */
    assert_true(bench_list(&b, "huggingface") < 0);
    assert_int_equal(b.all.n, 4);
    assert_non_null(strstr(b.all.token, "desc-again"));
    canned_reset(&b.server);
    add_pages(&b, 2, true);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(canned_requests(&b.server), 1);
    assert_int_equal(b.all.n, 4);
    bench_close(&b);
}

static void test_hubs_huggingface__an_ignored_direction_is_noticed(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_pages(&b, 3, true);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 6);
    assert_int_equal(canned_requests(&b.server), 4);
    bench_close(&b);
}

static void test_hubs_huggingface__refused_expand_asks_for_full(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_first(&b, "expand", 400, "{\"error\":\"Invalid option at expand[3]\"}");
    add_pages(&b, 3, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 6);
    assert_log(&b,
               HF "?limit=1000&sort=createdAt&direction=1&full=true&cardData=true&config=true\t",
               true);
    bench_close(&b);
}

static void test_hubs_huggingface__a_silent_refusal_is_found_by_trying(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_first(&b, "direction", 400, "Bad Request");
    add_pages(&b, 2, true);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 4);
    /* expand was given up first, and taken up again when that was not it. */
    assert_log(&b, "direction=1&full=true", true);
    assert_log(&b, "limit=1000&sort=createdAt&expand[]=author", true);
    bench_close(&b);
}

static void test_hubs_huggingface__a_hub_that_refuses_everything_is_an_error(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_first(&b, NULL, 400, "{\"error\":\"go away\"}");
    assert_int_equal(bench_list(&b, "huggingface"), PTM_EHTTP);
    assert_int_equal(b.err.http_status, 400);
    assert_non_null(strstr(b.err.msg, "go away"));
    assert_int_equal(canned_requests(&b.server), 8);
    bench_close(&b);
}

static void test_hubs_huggingface__an_expired_cursor_starts_at_the_top(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_first(&b, "cursor=p1", 403, "{}");
    add_pages(&b, 3, false);
    assert_true(bench_list(&b, "huggingface") < 0);
    canned_reset(&b.server);
    yyjson_mut_val *rule = add_first(&b, "cursor=p1", 400, "{\"error\":\"Invalid cursor\"}");
    canned_int(&b.server, rule, "times", 2);
    add_pages(&b, 3, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 6);
    assert_log(&b, "direction=1&expand", true);
    bench_close(&b);
}

static void test_hubs_huggingface__a_model_listed_twice_is_one_model(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    yyjson_mut_val *rule =
        add_first(&b, "cursor=p1", 200,
                  "[{\"_id\":\"k14\",\"id\":\"x/m14\"},{\"_id\":\"k10\",\"id\":\"x/renamed\"}]");
    (void)rule;
    add_pages(&b, 2, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 3);
    assert_string_equal(b.all.models[0].name, "x/renamed");
    bench_close(&b);
}

static void test_hubs_huggingface__a_cut_page_is_fetched_again(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    yyjson_mut_val *rule = add_first(
        &b, "cursor=p1", 200, "[{\"_id\":\"k12\",\"id\":\"x/m12\"},{\"_id\":\"k13\",\"id\":\"x");
    canned_int(&b.server, rule, "times", 1);
    rule = add_page(&b, 2, 3, false);
    canned_int(&b.server, rule, "cut", 30);
    canned_int(&b.server, rule, "times", 1);
    add_pages(&b, 3, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 6);
    bench_close(&b);
}

static void check_bad_page(const char *body)
{
    struct bench b;
    bench_open(&b);
    add_first(&b, "cursor=p1", 200, body);
    add_pages(&b, 3, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_EFORMAT);
    assert_non_null(strstr(b.err.msg, "https://huggingface.co/api/models?cursor=p1"));
    assert_int_equal(b.all.n, 2);
    canned_reset(&b.server);
    add_pages(&b, 3, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 6);
    bench_close(&b);
}

static void test_hubs_huggingface__a_page_that_stays_bad_ends_a_resumable_listing(void **state)
{
    (void)state;
    check_bad_page("[{\"_id\":\"k12\",\"id\":\"x/m12\"},{\"_id\":");
    check_bad_page("<html><body>We are down for maintenance</body></html>");
    check_bad_page("{\"error\":\"Internal error\"}");
    check_bad_page("");
    check_bad_page("[1,2,{\"id\":7}]");
}

static void check_endless(const char *link, const char *words)
{
    struct bench b;
    bench_open(&b);
    yyjson_mut_val *rule = canned_rule(
        &b.server, HF, 200, "[{\"_id\":\"k1\",\"id\":\"x/y\"},{\"_id\":\"k2\",\"id\":\"x/z\"}]");
    canned_header(&b.server, rule, "Link", link);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_EFORMAT);
    if (!strstr(b.err.msg, words)) fail_msg("%s", b.err.msg);
    assert_true(canned_requests(&b.server) < 5);
    bench_close(&b);
}

static void test_hubs_huggingface__endless_lists_end_with_an_error(void **state)
{
    (void)state;
    check_endless("<http://127.0.0.1:{port}" HF "?limit=1000&cursor=same>; rel=\"next\"",
                  "next page is itself");
    check_endless("<https://elsewhere.example/api/models?cursor=p2>; rel=\"next\"", "another host");
    check_endless("<ftp://127.0.0.1/api/models?cursor=p2>; rel=\"next\"", "next page");
}

static void test_hubs_huggingface__pages_in_a_circle_end_with_an_error(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    /* a -> b -> c -> a with cursors that always change: only the models tell. */
    for (int i = 0; i < 400; i++) {
        char body[64], cursor[32], link[128];
        snprintf(body, sizeof body, "[{\"_id\":\"%c\",\"id\":\"x/%c\"}]", "abc"[i % 3],
                 "abc"[i % 3]);
        yyjson_mut_val *rule = canned_rule(&b.server, HF "?", 200, body);
        snprintf(cursor, sizeof cursor, "cursor=p%d&", i);
        if (i)
            canned_list(&b.server, rule, "has", cursor);
        else
            canned_list(&b.server, rule, "lacks", "cursor=");
        snprintf(link, sizeof link,
                 "<http://127.0.0.1:{port}" HF "?cursor=p%d&limit=1000>; rel=\"next\"", i + 1);
        canned_header(&b.server, rule, "Link", link);
    }
    assert_int_equal(bench_list(&b, "huggingface"), PTM_EFORMAT);
    assert_non_null(strstr(b.err.msg, "circles"));
    assert_true(canned_requests(&b.server) < 20);
    bench_close(&b);
}

static void test_hubs_huggingface__empty_pages_for_ever_end_with_an_error(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    for (int i = 0; i < 60; i++) {
        char cursor[32], link[128];
        yyjson_mut_val *rule = canned_rule(&b.server, HF "?", 200, "[]");
        snprintf(cursor, sizeof cursor, "cursor=p%d&", i);
        if (i)
            canned_list(&b.server, rule, "has", cursor);
        else
            canned_list(&b.server, rule, "lacks", "cursor=");
        snprintf(link, sizeof link,
                 "<http://127.0.0.1:{port}" HF "?cursor=p%d&limit=1000>; rel=\"next\"", i + 1);
        canned_header(&b.server, rule, "Link", link);
    }
    assert_int_equal(bench_list(&b, "huggingface"), PTM_EFORMAT);
    assert_int_equal(canned_requests(&b.server), 10);
    bench_close(&b);
}

static void test_hubs_huggingface__too_many_requests_are_waited_out(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    yyjson_mut_val *rule = add_first(&b, "cursor=p1", 429, "{\"error\":\"slow down\"}");
    canned_int(&b.server, rule, "times", 4); /* more than the tries of one request */
    canned_header(&b.server, rule, "Retry-After", "0");
    add_pages(&b, 3, false);
    assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
    assert_int_equal(b.all.n, 6);
    assert_log(&b, "limit=500", false);
    bench_close(&b);
}

static void test_hubs_huggingface__cancel_stops_at_a_page(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_pages(&b, 5, false);
    b.all.cancel_ctx = b.ctx;
    b.all.cancel_at = 3;
    assert_int_equal(bench_list(&b, "huggingface"), PTM_ECANCELED);
    assert_int_equal(b.all.n, 4);
    assert_non_null(strstr(b.all.token, "cursor=p2"));
    bench_close(&b);
}

static void test_hubs_huggingface__a_refusing_sink_ends_the_listing(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_pages(&b, 3, false);
    b.all.refuse_at = 4;
    assert_int_equal(bench_list(&b, "huggingface"), PTM_ENOSPC);
    assert_int_equal(b.all.n, 2);
    assert_int_equal(canned_requests(&b.server), 2);
    bench_close(&b);
}

static void test_hubs_huggingface__a_token_of_another_version_starts_over(void **state)
{
    (void)state;
    static const char *const tokens[] = {
        "",
        "x",
        "{}",
        "[]",
        "{\"v\":2,\"mode\":\"asc\",\"next\":\"https://huggingface.co/api/models?cursor=p1&\"}",
        "{\"v\":1,\"mode\":\"asc\",\"next\":\"https://evil.example/x\"}",
        "{\"v\":1,\"mode\":\"asc\",\"limit\":-7,\"tried\":999,\"count\":\"x\",\"next\":5}"};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        struct bench b;
        bench_open(&b);
        add_pages(&b, 2, false);
        b.all.token = tokens[i];
        assert_int_equal(bench_list(&b, "huggingface"), PTM_OK);
        assert_int_equal(b.all.n, 4);
        bench_close(&b);
    }
}

/* --- one model --- */

static ptm_rc get_one(struct bench *b, const char *id, const char *rev)
{
    canned_apply(&b->server);
    b->err = (struct ptm_err){0};
    return ptmi_hub_find("huggingface")->one(&b->env, id, rev, &b->sink, &b->err);
}

static void test_hubs_huggingface__one_model_by_name(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    canned_rule(&b.server, HF "/acme/tiny?", 200,
                "{\"_id\":\"k1\",\"id\":\"acme/tiny\",\"likes\":3}\n");
    assert_int_equal(get_one(&b, "acme/tiny", NULL), PTM_OK);
    assert_int_equal(b.all.n, 1);
    assert_int_equal(b.all.models[0].likes, 3);
    assert_null(b.all.models[0].repo_ref);
    assert_log(&b, "expand[]=safetensors", true);
    bench_close(&b);
}

static void test_hubs_huggingface__one_model_at_a_revision(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    canned_rule(&b.server, HF "/acme/tiny/revision/refs%2Fpr%2F1?", 200,
                "{\"_id\":\"k1\",\"id\":\"acme/tiny\"}");
    assert_int_equal(get_one(&b, "acme/tiny", "refs/pr/1"), PTM_OK);
    assert_string_equal(b.all.models[0].repo_ref, "refs/pr/1");
    bench_close(&b);
}

static void test_hubs_huggingface__one_model_under_its_new_name(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    yyjson_mut_val *rule = canned_rule(&b.server, HF "/gpt2?", 307, "moved");
    canned_header(&b.server, rule, "Location", HF "/openai-community/gpt2");
    canned_rule(&b.server, HF "/openai-community/gpt2", 200,
                "{\"_id\":\"k1\",\"id\":\"openai-community/gpt2\"}");
    assert_int_equal(get_one(&b, "gpt2", NULL), PTM_OK);
    assert_string_equal(b.all.models[0].name, "openai-community/gpt2");
    bench_close(&b);
}

static void test_hubs_huggingface__one_model_without_expand(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    canned_list(&b.server, canned_rule(&b.server, HF, 400, "{\"error\":\"expand\"}"), "has",
                "expand");
    canned_rule(&b.server, HF "/acme/tiny", 200, "{\"_id\":\"k1\",\"id\":\"acme/tiny\"}");
    assert_int_equal(get_one(&b, "acme/tiny", NULL), PTM_OK);
    bench_close(&b);
}

static void test_hubs_huggingface__one_model_that_cannot_be_had(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    canned_rule(&b.server, HF "/acme/html", 200, "<html></html>");
    canned_rule(&b.server, HF "/acme/list", 200, "[1]");
    canned_rule(&b.server, HF "/acme/trick", 200, "{\"id\":\"../../etc\"}");
    assert_int_equal(get_one(&b, "acme/gone", NULL), PTM_ENOTFOUND);
    assert_non_null(strstr(b.err.msg, "huggingface/acme/gone"));
    assert_int_equal(get_one(&b, "acme/html", NULL), PTM_EFORMAT);
    assert_int_equal(get_one(&b, "acme/list", NULL), PTM_EFORMAT);
    assert_int_equal(get_one(&b, "acme/trick", NULL), PTM_EUNSAFE);
    assert_int_equal(get_one(&b, "../etc", NULL), PTM_EUNSAFE);
    assert_int_equal(get_one(&b, "a/b/c", NULL), PTM_EUNSAFE);
    assert_int_equal(get_one(&b, "", NULL), PTM_EUNSAFE);
    assert_int_equal(canned_requests(&b.server), 0);
    assert_int_equal(b.all.n, 0);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubs_huggingface__walks_all_pages_oldest_first),
        cmocka_unit_test(test_hubs_huggingface__follows_the_link_verbatim_but_for_limit),
        cmocka_unit_test(test_hubs_huggingface__leaves_siblings_out_when_asked),
        cmocka_unit_test(test_hubs_huggingface__resumes_at_the_page_that_failed),
        cmocka_unit_test(test_hubs_huggingface__a_listing_that_was_done_stays_done),
        cmocka_unit_test(test_hubs_huggingface__halves_the_page_and_keeps_the_cursor),
        cmocka_unit_test(test_hubs_huggingface__gives_up_at_the_smallest_page),
        cmocka_unit_test(test_hubs_huggingface__raises_the_page_size_again),
        cmocka_unit_test(test_hubs_huggingface__an_over_long_page_is_asked_for_in_parts),
        cmocka_unit_test(test_hubs_huggingface__refused_direction_walks_down_and_once_more),
        cmocka_unit_test(test_hubs_huggingface__a_second_pass_is_resumed_as_one),
        cmocka_unit_test(test_hubs_huggingface__an_ignored_direction_is_noticed),
        cmocka_unit_test(test_hubs_huggingface__refused_expand_asks_for_full),
        cmocka_unit_test(test_hubs_huggingface__a_silent_refusal_is_found_by_trying),
        cmocka_unit_test(test_hubs_huggingface__a_hub_that_refuses_everything_is_an_error),
        cmocka_unit_test(test_hubs_huggingface__an_expired_cursor_starts_at_the_top),
        cmocka_unit_test(test_hubs_huggingface__a_model_listed_twice_is_one_model),
        cmocka_unit_test(test_hubs_huggingface__a_cut_page_is_fetched_again),
        cmocka_unit_test(test_hubs_huggingface__a_page_that_stays_bad_ends_a_resumable_listing),
        cmocka_unit_test(test_hubs_huggingface__endless_lists_end_with_an_error),
        cmocka_unit_test(test_hubs_huggingface__pages_in_a_circle_end_with_an_error),
        cmocka_unit_test(test_hubs_huggingface__empty_pages_for_ever_end_with_an_error),
        cmocka_unit_test(test_hubs_huggingface__too_many_requests_are_waited_out),
        cmocka_unit_test(test_hubs_huggingface__cancel_stops_at_a_page),
        cmocka_unit_test(test_hubs_huggingface__a_refusing_sink_ends_the_listing),
        cmocka_unit_test(test_hubs_huggingface__a_token_of_another_version_starts_over),
        cmocka_unit_test(test_hubs_huggingface__one_model_by_name),
        cmocka_unit_test(test_hubs_huggingface__one_model_at_a_revision),
        cmocka_unit_test(test_hubs_huggingface__one_model_under_its_new_name),
        cmocka_unit_test(test_hubs_huggingface__one_model_without_expand),
        cmocka_unit_test(test_hubs_huggingface__one_model_that_cannot_be_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
