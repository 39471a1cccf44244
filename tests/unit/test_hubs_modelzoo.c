/* SPDX-License-Identifier: MIT */
/* ModelZoo.co: the list, one request a model in parallel, links that are no repositories, resuming.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "hubs/hubs_priv.h"
#include "hubs_http.h"

#define LIST "/mz/api/models/0/"

static const struct ptmi_origin origin = {"https://modelzoo.co/api/models/0/",
                                          "2026-11-21T22:15:00Z"};

/* A list of n models m0.., each with its own page. */
static void add_models(struct bench *b, int n)
{
    struct ptmi_buf list = PTMI_BUF(1u << 20);
    assert_int_equal(ptmi_buf_puts(&list, "{\"models\": [", NULL), PTM_OK);
    for (int i = 0; i < n; i++) {
        char path[64], body[512];
        assert_int_equal(
            ptmi_buf_printf(&list, NULL,
                            "%s{\"slug\":\"m%d\",\"title\":\"Listed %d\",\"link\":null}",
                            i ? "," : "", i, i),
            PTM_OK);
        snprintf(path, sizeof path, "/mz/api/models/m%d/", i);
        snprintf(body, sizeof body,
                 "{\"title\":\"Model "
                 "%d\",\"link\":\"https://github.com/o/r%d\",\"framework\":\"keras\"}\n",
                 i, i);
        canned_rule(&b->server, path, 200, body);
    }
    assert_int_equal(ptmi_buf_puts(&list, "]}", NULL), PTM_OK);
    canned_rule(&b->server, LIST, 200, list.data);
    ptmi_buf_clear(&list);
}

static yyjson_mut_val *add_first(struct bench *b, const char *path, int status, const char *body)
{
    yyjson_mut_val *rule = canned_rule(&b->server, path, status, body);
    yyjson_mut_arr_remove_last(b->server.rules);
    yyjson_mut_arr_prepend(b->server.rules, rule);
    return rule;
}

static void test_hubs_modelzoo__delivers_in_list_order(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_models(&b, 60);
    /* The first answers last. */
    canned_number(&b.server, add_first(&b, "/mz/api/models/m0/", 200, "{\"title\":\"Slow\"}"),
                  "delay", 0.3);
    assert_int_equal(bench_list(&b, "modelzoo"), PTM_OK);
    assert_int_equal(b.all.n, 60);
    assert_string_equal(b.all.models[0].name, "Slow");
    for (int i = 0; i < 60; i++) {
        char text[64];
        snprintf(text, sizeof text, "m%d", i);
        assert_string_equal(b.all.models[i].key, text);
        snprintf(text, sizeof text, "%d", i);
        assert_string_equal(b.all.models[i].object_id, text);
        assert_true(b.all.models[i].object_id_is_int);
        snprintf(text, sizeof text, "json/metadata/models/m%d_metadata.json", i);
        assert_string_equal(b.all.documents[i + 1].path, text);
    }
    assert_string_equal(b.all.documents[0].path, "json/metadata/mz_metadata.json");
    assert_int_equal(b.all.n_documents, 61);
    assert_int_equal(canned_requests(&b.server), 61);
    PTM_AUTO(ptmi_freep) char *log = canned_log(&b.server);
    assert_non_null(strstr(log, "\"Referer\": \"https://modelzoo.co/\""));
    assert_non_null(strstr(log, "\"User-Agent\": \""));
    bench_close(&b);
}

static void test_hubs_modelzoo__maps_every_field(void **state)
{
    (void)state;
    struct collect all;
    struct ptm_err err = {0};
    static const char json[] = "{\"title\":\"Mask "
                               "R-CNN\",\"description\":\"d\",\"stars\":12,\"long_desc\":\"...\","
                               "\"link\":\"https://github.com/own/repo/tree/master/sub/dir\","
                               "\"papers\":{\"Mask "
                               "R-CNN\":\"https://arxiv.org/abs/1703.06870v3\",\"Page\":\"https://"
                               "example.org/x\"},\"framework\":\"keras\","
                               "\"categories\":[{\"id\":1,\"slug\":\"computer-vision\",\"title\":"
                               "\"Computer Vision\",\"short_title\":\"CV\"},"
                               "{\"id\":2,\"slug\":\"graph\",\"title\":\"Graph\"}]}";
    collect_init(&all);
    struct ptmi_hub_sink sink = collect_sink(&all);
    assert_int_equal(
        ptmi_mz_deliver(json, sizeof json - 1, "mask-r-cnn-keras", 7, &origin, &sink, &err),
        PTM_OK);
    const struct ptm_model *m = &all.models[0];
    assert_string_equal(m->key, "mask-r-cnn-keras");
    assert_string_equal(m->object_id, "7");
    assert_string_equal(m->name, "Mask R-CNN");
    assert_string_equal(m->url, "https://github.com/own/repo/tree/master/sub/dir");
    assert_string_equal(m->clone_url, "https://github.com/own/repo");
    assert_string_equal(m->owner, "own");
    assert_string_equal(m->owner_url, "https://github.com/own");
    assert_string_equal(m->repo_path, "sub/dir");
    assert_null(m->repo_ref);
    assert_string_equal(m->library, "keras");
    assert_string_equal(m->task, "Computer Vision");
    assert_int_equal(m->n_tags, 2);
    assert_int_equal(m->n_paper_dois, 1);
    assert_string_equal(m->paper_dois[0], "10.48550/arXiv.1703.06870");
    assert_string_equal(m->metadata_file, "json/metadata/mz_models_metadata.json");
    collect_clear(&all);
}

static void test_hubs_modelzoo__links_that_are_no_repositories(void **state)
{
    (void)state;
    static const struct {
        const char *link, *owner, *url;
    } cases[] = {
        {"null", "modelzoo.co", "https://modelzoo.co/model/s/"},
        {"7", "modelzoo.co", "https://modelzoo.co/model/s/"},
        {"\"\"", "modelzoo.co", "https://modelzoo.co/model/s/"},
        {"\"https://gist.github.com/user/0123456789abcdef\"", "gist.github.com",
         "https://gist.github.com/user/0123456789abcdef"},
        {"\"https://www.tensorflow.org/tutorials/x.html\"", NULL,
         "https://www.tensorflow.org/tutorials/x.html"},
        {"\"javascript:alert(1)\"", "modelzoo.co", "javascript:alert(1)"},
        {"\"https://github.com/../..\"", NULL, "https://github.com/../.."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct collect all;
        struct ptm_err err = {0};
        char json[256];
        collect_init(&all);
        struct ptmi_hub_sink sink = collect_sink(&all);
        snprintf(json, sizeof json, "{\"title\":\"t\",\"link\":%s}", cases[i].link);
        assert_int_equal(ptmi_mz_deliver(json, strlen(json), "s", 0, &origin, &sink, &err), PTM_OK);
        const struct ptm_model *m = &all.models[0];
        assert_null(m->clone_url);
        assert_true(m->not_clonable && *m->not_clonable);
        if (cases[i].owner) assert_string_equal(m->owner, cases[i].owner);
        assert_string_equal(m->url, cases[i].url);
        collect_clear(&all);
    }
}

static void test_hubs_modelzoo__wrong_types_count_as_absent(void **state)
{
    (void)state;
    static const char *const fields[] = {"title",      "link",  "papers",     "framework",
                                         "categories", "stars", "description"};
    static const char *const values[] = {"null",
                                         "7",
                                         "true",
                                         "[]",
                                         "{}",
                                         "\"\"",
                                         "[null,{\"title\":7,\"slug\":[]}]",
                                         "{\"t\":7,\"u\":null}",
                                         "1e999"};
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++)
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            struct collect all;
            struct ptm_err err = {0};
            char json[256];
            collect_init(&all);
            struct ptmi_hub_sink sink = collect_sink(&all);
            snprintf(json, sizeof json, "{\"%s\":%s}", fields[f], values[v]);
            assert_int_equal(ptmi_mz_deliver(json, strlen(json), "slug", 0, &origin, &sink, &err),
                             PTM_OK);
            assert_string_equal(all.models[0].name, "slug");
            assert_int_equal(all.models[0].n_paper_dois, 0);
            assert_null(all.models[0].task);
            collect_clear(&all);
        }
}

static void test_hubs_modelzoo__hostile_and_double_slugs(void **state)
{
    (void)state;
    static const char json[] =
        "{\"x\":1,\"models\":[{\"slug\":\"../"
        "up\"},{\"slug\":\"b\",\"n\":1},{\"slug\":7},{},{\"slug\":\"a\"},{\"slug\":\"b\",\"n\":2},"
        "{\"slug\":\".git\"},{\"slug\":\"a/b\"},null,{\"slug\":\"\"}]}";
    struct collect all;
    struct ptmi_mz_list list = {0};
    struct ptm_err err = {0};
    collect_init(&all);
    struct ptmi_hub_sink sink = collect_sink(&all);
    assert_int_equal(ptmi_mz_parse_list(json, sizeof json - 1, &origin, &sink, &list, &err),
                     PTM_OK);
    assert_int_equal(list.n, 2);
    assert_string_equal(list.entries[0].slug, "b");
    assert_memory_equal(list.entries[0].raw, "{\"slug\":\"b\",\"n\":1}", list.entries[0].raw_len);
    assert_string_equal(list.entries[1].slug, "a");
    assert_int_equal(all.n_failures, 7);
    ptmi_mz_list_clear(&list);
    collect_clear(&all);
}

static void test_hubs_modelzoo__a_broken_entry_does_not_take_the_list_with_it(void **state)
{
    (void)state;
    static const char json[] = " {\"a\":\"}]\", \"models\" : [{\"slug\":\"a\"},"
                               "{\"slug\":\"b\",\"title\":\"\\ud800\"},{\"slug\":\"c\"}] } ";
    struct collect all;
    struct ptmi_mz_list list = {0};
    struct ptm_err err = {0};
    collect_init(&all);
    struct ptmi_hub_sink sink = collect_sink(&all);
    assert_int_equal(ptmi_mz_parse_list(json, sizeof json - 1, &origin, &sink, &list, &err),
                     PTM_OK);
    assert_int_equal(list.n, 2);
    assert_string_equal(list.entries[1].slug, "c");
    assert_int_equal(all.n_failures, 1);
    ptmi_mz_list_clear(&list);
    /* Cut anywhere, it is no list. */
    for (size_t len = 0; len < sizeof json - 3; len++) {
        assert_int_equal(ptmi_mz_parse_list(json, len, &origin, &sink, &list, &err), PTM_EFORMAT);
        ptmi_mz_list_clear(&list);
    }
    assert_int_equal(all.n_failures, 1);
    collect_clear(&all);
}

static void test_hubs_modelzoo__a_list_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"models\":7}",
                                        "{\"models\":[]}",
                                        "{\"models\":[{\"slug\":\"a\"}",
                                        "<html>",
                                        "404",
                                        "{\"models\":[{\"slug\":\"a\"}]} x"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct collect all;
        struct ptmi_mz_list list = {0};
        struct ptm_err err = {0};
        collect_init(&all);
        struct ptmi_hub_sink sink = collect_sink(&all);
        assert_int_equal(
            ptmi_mz_parse_list(texts[i], strlen(texts[i]), &origin, &sink, &list, &err),
            PTM_EFORMAT);
        assert_non_null(strstr(err.msg, origin.url));
        assert_int_equal(all.n_failures, 0);
        collect_clear(&all);
    }
}

static void test_hubs_modelzoo__a_failing_page_leaves_the_list_entry(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_models(&b, 6);
    add_first(&b, "/mz/api/models/m1/", 404, "gone");
    add_first(&b, "/mz/api/models/m2/", 200, "<html>oops</html>");
    add_first(&b, "/mz/api/models/m3/", 200, "404");
    add_first(&b, "/mz/api/models/m4/", 500, "boom");
    assert_int_equal(bench_list(&b, "modelzoo"), PTM_OK);
    assert_int_equal(b.all.n, 6);
    assert_int_equal(b.all.n_failures, 4);
    assert_string_equal(b.all.failures[0].id, "m1");
    assert_int_equal(b.all.failures[0].rc, PTM_ENOTFOUND);
    assert_int_equal(b.all.failures[0].http_status, 404);
    assert_int_equal(b.all.failures[1].rc, PTM_EFORMAT);
    assert_int_equal(b.all.failures[2].rc, PTM_EFORMAT);
    assert_int_equal(b.all.failures[3].rc, PTM_EHTTP);
    for (int i = 1; i < 5; i++) {
        char title[32];
        snprintf(title, sizeof title, "Listed %d", i);
        assert_string_equal(b.all.models[i].name, title);
        assert_string_equal(b.all.models[i].source_url, origin.url);
    }
    assert_string_equal(b.all.models[5].name, "Model 5");
    assert_int_equal(b.all.n_documents, 3);
    bench_close(&b);
}

static void test_hubs_modelzoo__resumes_behind_what_was_kept(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_models(&b, 120);
    b.all.refuse_at = 110;
    assert_int_equal(bench_list(&b, "modelzoo"), PTM_ENOSPC);
    assert_int_equal(b.all.n, 100);
    assert_int_equal(bench_list(&b, "modelzoo"), PTM_OK);
    assert_int_equal(b.all.n, 120);
    assert_string_equal(b.all.models[119].object_id, "119");
    assert_int_equal(canned_requests(&b.server), 21);
    bench_close(&b);
}

static void test_hubs_modelzoo__a_changed_list_starts_over(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_models(&b, 60);
    b.all.refuse_at = 55;
    assert_int_equal(bench_list(&b, "modelzoo"), PTM_ENOSPC);
    canned_reset(&b.server);
    add_models(&b, 61);
    assert_int_equal(bench_list(&b, "modelzoo"), PTM_OK);
    assert_int_equal(b.all.n, 61);
    assert_int_equal(canned_requests(&b.server), 62);
    bench_close(&b);
}

static void test_hubs_modelzoo__a_site_that_went_away_ends_the_listing(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_models(&b, 90);
    for (int i = 60; i < 90; i++) {
        char path[64];
        snprintf(path, sizeof path, "/mz/api/models/m%d/", i);
        add_first(&b, path, 503, "down");
    }
    assert_int_equal(bench_list(&b, "modelzoo"), PTM_EHTTP);
    assert_int_equal(b.err.http_status, 503);
    assert_int_equal(b.all.n, 50);
    bench_close(&b);
}

static void test_hubs_modelzoo__cancel_keeps_what_came(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add_models(&b, 40);
    b.all.cancel_ctx = b.ctx;
    b.all.cancel_at = 7;
    assert_int_equal(bench_list(&b, "modelzoo"), PTM_ECANCELED);
    assert_int_equal(b.all.n, 7);
    bench_close(&b);
}

static void test_hubs_modelzoo__real_slugs_are_safe_names(void **state)
{
    (void)state;
    const char *root = getenv("PTM_HUBDATA");
    char path[1024];
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len, n = 0;
    struct ptm_err err = {0};
    snprintf(path, sizeof path, "%s/modelzoo/slugs_real.txt", root ? root : "");
    if (ptmi_fs_read(path, PTM_LIMIT_TEXT, &text, &len, &err) != PTM_OK) {
        print_message("skipped: no hubdata folder at PTM_HUBDATA\n");
        skip();
    }
    struct ptmi_buf list = PTMI_BUF(1u << 20);
    struct collect all;
    struct ptmi_mz_list out = {0};
    assert_int_equal(ptmi_buf_puts(&list, "{\"models\":[", &err), PTM_OK);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n++)
        assert_int_equal(ptmi_buf_printf(&list, &err, "%s{\"slug\":\"%s\"}", n ? "," : "", line),
                         PTM_OK);
    assert_int_equal(ptmi_buf_puts(&list, "]}", &err), PTM_OK);
    collect_init(&all);
    struct ptmi_hub_sink sink = collect_sink(&all);
    assert_int_equal(ptmi_mz_parse_list(list.data, list.len, &origin, &sink, &out, &err), PTM_OK);
    assert_int_equal(out.n, 50);
    assert_int_equal(n, 50);
    assert_int_equal(all.n_failures, 0);
    ptmi_mz_list_clear(&out);
    collect_clear(&all);
    ptmi_buf_clear(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubs_modelzoo__delivers_in_list_order),
        cmocka_unit_test(test_hubs_modelzoo__maps_every_field),
        cmocka_unit_test(test_hubs_modelzoo__links_that_are_no_repositories),
        cmocka_unit_test(test_hubs_modelzoo__wrong_types_count_as_absent),
        cmocka_unit_test(test_hubs_modelzoo__hostile_and_double_slugs),
        cmocka_unit_test(test_hubs_modelzoo__a_broken_entry_does_not_take_the_list_with_it),
        cmocka_unit_test(test_hubs_modelzoo__a_list_that_is_none_is_refused),
        cmocka_unit_test(test_hubs_modelzoo__a_failing_page_leaves_the_list_entry),
        cmocka_unit_test(test_hubs_modelzoo__resumes_behind_what_was_kept),
        cmocka_unit_test(test_hubs_modelzoo__a_changed_list_starts_over),
        cmocka_unit_test(test_hubs_modelzoo__a_site_that_went_away_ends_the_listing),
        cmocka_unit_test(test_hubs_modelzoo__cancel_keeps_what_came),
        cmocka_unit_test(test_hubs_modelzoo__real_slugs_are_safe_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
