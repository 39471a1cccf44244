/* SPDX-License-Identifier: MIT */
/*
 * test_contract_hubs.c - one suite over every registered hub: whatever the network, the server or a
 * checkout does, a hub ends with an error, or well with failures named; never with a crash, a hang
 * or half a record. Of a new hub it wants a row in `goods`: the answers or files of a small good
 * day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/path.h"
#include "base/str.h"
#include "hubs_http.h"

/* One answer (path: target's beginning on the canned server) or one file of the checkout (path:
 * within it). */
struct piece {
    const char *path;
    const char *text;
};

struct good {
    const char *hub;
    size_t models;
    struct piece answers[4];
    struct piece files[5];
};

#define CARD                                                                                 \
    "---\ntitle: Net\nsummary: A small net\ncategory: researchers\nauthor: The Team\ntags: " \
    "[vision]\n"                                                                             \
    "github-link: https://github.com/acme/net\ngithub-id: acme/net\naccelerator: "           \
    "cuda-optional\norder: 10\n---\n\n"                                                      \
    "```python\nimport torch\nmodel = torch.hub.load('acme/net:v1', 'net', "                 \
    "pretrained=True)\n```\n\n"                                                              \
    "See [the paper](https://arxiv.org/abs/1810.04805).\n"

static const struct good goods[] = {
    {"huggingface",
     2,
     {{"/hf/api/models?", "[{\"_id\":\"65f0c0ffee0123456789abcd\",\"id\":\"acme/"
                          "one\",\"tags\":[\"license:mit\",\"dataset:squad\"],\"likes\":1},"
                          "{\"_id\":\"65f0c0ffee0123456789abce\",\"id\":\"two\",\"cardData\":{"
                          "\"license\":\"mit\"}}]"}},
     {{0}}},
    {"modelhub",
     2,
     {{"/raw/", "[{\"id\":\"0001\",\"name\":\"one\",\"github\":\"https://github.com/acme/"
                "one\",\"backend\":[\"onnx\"]},"
                "{\"id\":\"0002\",\"name\":\"two\",\"github\":\"https://example.org/two.html\"}]"}},
     {{0}}},
    {"modelzoo",
     2,
     {{"/mz/api/models/0/", "{\"models\":[{\"slug\":\"one\",\"title\":\"One\",\"link\":\"https://"
                            "github.com/acme/one\"},{\"slug\":\"two\",\"title\":\"Two\"}]}"},
      {"/mz/api/models/one/", "{\"title\":\"One\",\"link\":\"https://github.com/acme/one/tree/main/"
                              "x\",\"papers\":{\"P\":\"https://arxiv.org/abs/1810.04805\"}}"},
      {"/mz/api/models/two/", "{\"title\":\"Two\",\"link\":null,\"papers\":null}"}},
     {{0}}},
    {"onnxmodelzoo",
     1,
     {{0}},
     {{"README.md",
       "# Zoo\n\n### Image Classification <a name=\"image_classification\"/>\n\n|Model Class "
       "|Reference |Description |Huggingface Spaces|\n|-|-|-|-|\n"
       "|<b>[Net](validated/vision/net)</b>|[A et al.](https://arxiv.org/abs/1810.04805)|A "
       "net.|\n"},
      {"validated/vision/net/README.md",
       "# Net\n\n## Model\n|Model|Download|Download (with sample test data)|ONNX version|Opset "
       "version|\n|-|:-|:-|:-|:-|\n"
       "|Net-7|[26 kB](model/net-7.onnx)|[25 kB](model/net-7.tar.gz)|1.2|7|\n"},
      {"ONNX_HUB_MANIFEST.json",
       "[{\"model\":\"Net-7\",\"model_path\":\"validated/vision/net/model/"
       "net-7.onnx\",\"onnx_version\":\"1.2\",\"opset_version\":7,"
       "\"metadata\":{\"model_sha\":"
       "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"model_bytes\":7,"
       "\"tags\":[\"vision\"]}}]\n"}}},
    {"pytorchhub", 1, {{0}}, {{"acme_net.md", CARD}, {"README.md", "# Hub\n"}}},
};

static const struct good *good_of(const struct ptmi_hub_ops *hub)
{
    for (size_t i = 0; i < sizeof goods / sizeof goods[0]; i++)
        if (ptmi_str_eq(goods[i].hub, hub->name)) return &goods[i];
    fail_msg("%s has no row in goods", hub->name);
    return NULL;
}

/* --- a hub, its server and its checkout --- */

struct trial {
    struct bench bench; /* first: the environment's argument is the trial */
    const struct ptmi_hub_ops *hub;
    const struct good *good;
    char dir[64];
    ptm_rc checkout_fails;
    int http_requests;
};

static ptm_rc checkout(void *arg, const char *url, const char *ref, char **out_dir, char **out_sha,
                       struct ptm_err *err)
{
    struct trial *t = arg;
    (void)ref;
    if (ptm_ctx_canceled(t->bench.ctx))
        return ptm_err_set(err, PTM_ECANCELED, "%s: interrupted", url);
    if (t->checkout_fails) return ptm_err_set(err, t->checkout_fails, "%s: no checkout", url);
    *out_dir = strdup(t->dir);
    *out_sha = strdup("0123456789abcdef0123456789abcdef01234567");
    assert_true(*out_dir && *out_sha);
    return PTM_OK;
}

static void put_file(const struct trial *t, const char *path, const char *text, size_t len)
{
    struct ptm_err err = {0};
    PTM_AUTO(ptmi_freep) char *full = ptmi_path_join(t->dir, path);
    PTM_AUTO(ptmi_freep) char *folder = full ? ptmi_path_dir(full) : NULL;
    assert_non_null(folder);
    assert_int_equal(ptmi_fs_mkdirs(folder, &err), PTM_OK);
    assert_int_equal(ptmi_fs_write_whole(full, text, len, NULL, &err), PTM_OK);
}

/* Piece number cut (answers, then files) ends after len bytes; the rest is good. cut < 0: all is.
 */
static void serve(struct trial *t, int cut, size_t len)
{
    int n = 0;
    canned_reset(&t->bench.server);
    for (const struct piece *p = t->good->answers; p->path; p++, n++) {
        PTM_AUTO(ptmi_freep) char *text = strndup(p->text, n == cut ? len : strlen(p->text));
        canned_rule(&t->bench.server, p->path, 200, text);
    }
    for (const struct piece *p = t->good->files; p->path; p++, n++)
        put_file(t, p->path, p->text, n == cut ? len : strlen(p->text));
}

static const struct piece *piece_at(const struct good *good, int at)
{
    for (const struct piece *p = good->answers; p->path; p++)
        if (at-- == 0) return p;
    for (const struct piece *p = good->files; p->path; p++)
        if (at-- == 0) return p;
    return NULL;
}

static void trial_open(struct trial *t, const struct ptmi_hub_ops *hub)
{
    struct ptm_err err = {0};
    memset(t, 0, sizeof *t);
    t->hub = hub;
    t->good = good_of(hub);
    bench_open(&t->bench);
    snprintf(t->dir, sizeof t->dir, "/tmp/ptm-contract-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    t->bench.env.checkout = checkout;
    t->bench.env.arg = t;
    (void)err;
    serve(t, -1, 0);
}

static void trial_close(struct trial *t)
{
    struct ptm_err err = {0};
    bench_close(&t->bench);
    assert_int_equal(ptmi_fs_remove_tree(t->dir, &err), PTM_OK);
}

/* Forgets what was delivered, then lists and parses as a harvest does. An error carries its code
 * and says something. */
static ptm_rc run(struct trial *t)
{
    struct bench *b = &t->bench;
    struct ptmi_hub_sink sink = b->sink;
    collect_clear(&b->all);
    size_t refuse_at = b->all.refuse_at;
    ptm_ctx *cancel_ctx = b->all.cancel_ctx;
    size_t cancel_at = b->all.cancel_at;
    collect_init(&b->all);
    b->all.refuse_at = refuse_at;
    b->all.cancel_ctx = cancel_ctx;
    b->all.cancel_at = cancel_at;
    canned_apply(&b->server);
    b->err = (struct ptm_err){0};
    b->env.token = NULL;
    ptm_rc rc = t->hub->list(&b->env, &sink, &b->err);
    if (rc == PTM_OK && t->hub->parse) rc = t->hub->parse(&b->env, &sink, &b->err);
    t->http_requests = canned_requests(&b->server);
    assert_true(rc <= 0);
    assert_int_equal(b->err.rc, rc);
    if (rc < 0) assert_true(*b->err.msg);
    return rc;
}

/* Every answer of the server is this one. */
static void answer_all(struct trial *t, int status, const char *body)
{
    canned_reset(&t->bench.server);
    canned_rule(&t->bench.server, "/", status, body);
}

static void each_hub(void (*check)(struct trial *t))
{
    const struct ptmi_hub_ops *hub;
    for (size_t i = 0; (hub = ptmi_hub_at(i)); i++) {
        struct trial t;
        print_message("    %s\n", hub->name);
        trial_open(&t, hub);
        check(&t);
        trial_close(&t);
    }
}

/* --- the contract --- */

static void test_contract_hubs__tables_are_complete(void **state)
{
    (void)state;
    const struct ptmi_hub_ops *hub;
    size_t n = 0;
    for (; (hub = ptmi_hub_at(n)); n++) {
        assert_int_equal(hub->abi, PTMI_HUB_ABI);
        assert_int_equal(ptmi_path_check_name(hub->name, NULL), PTM_OK);
        assert_ptr_equal(ptmi_hub_find(hub->name), hub);
        assert_true(*hub->title && *hub->url && *hub->summary && *hub->size);
        assert_true(ptmi_str_starts(hub->url, "https://"));
        assert_non_null(hub->list);
        for (const struct ptmi_hub_array *a = hub->arrays; a && a->path; a++)
            assert_int_equal(ptmi_path_check_relative(a->path, NULL), PTM_OK);
    }
    assert_true(n >= 3);
    assert_null(ptmi_hub_find("nosuchhub"));
    assert_null(ptmi_hub_find(NULL));
    assert_null(ptmi_hub_at(n + 1000));
}

static void check_good(struct trial *t)
{
    assert_int_equal(run(t), PTM_OK);
    assert_int_equal(t->bench.all.n, t->good->models);
    assert_int_equal(t->bench.all.n_failures, 0);
    for (size_t i = 0; i < t->bench.all.n; i++)
        assert_int_equal(ptmi_path_check_relative(t->bench.all.models[i].metadata_file, NULL),
                         PTM_OK);
    for (size_t i = 0; i < t->bench.all.n_documents; i++)
        assert_int_equal(ptmi_path_check_relative(t->bench.all.documents[i].path, NULL), PTM_OK);
}

static void test_contract_hubs__a_good_day(void **state)
{
    (void)state;
    each_hub(check_good);
}

static void check_same_twice(struct trial *t)
{
    char *keys[64];
    assert_int_equal(run(t), PTM_OK);
    size_t n = t->bench.all.n;
    for (size_t i = 0; i < n; i++) keys[i] = strdup(t->bench.all.models[i].key);
    assert_int_equal(run(t), PTM_OK);
    assert_int_equal(t->bench.all.n, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(t->bench.all.models[i].key, keys[i]);
        free(keys[i]);
    }
}

static void test_contract_hubs__twice_gives_the_same_keys_in_the_same_order(void **state)
{
    (void)state;
    each_hub(check_same_twice);
}

static void check_canceled(struct trial *t)
{
    ptm_ctx_cancel(t->bench.ctx, 1);
    assert_int_equal(run(t), PTM_ECANCELED);
    assert_int_equal(t->bench.all.n, 0);
}

static void test_contract_hubs__cancel_before_the_start(void **state)
{
    (void)state;
    each_hub(check_canceled);
}

static void check_canceled_midway(struct trial *t)
{
    t->bench.all.cancel_ctx = t->bench.ctx;
    t->bench.all.cancel_at = 1;
    ptm_rc rc = run(t);
    /* Small enough to be over already, or else interrupted. */
    assert_true(rc == PTM_OK || rc == PTM_ECANCELED);
}

static void test_contract_hubs__cancel_midway(void **state)
{
    (void)state;
    each_hub(check_canceled_midway);
}

static void check_refused(struct trial *t)
{
    t->bench.all.refuse_at = 1;
    assert_int_equal(run(t), PTM_ENOSPC);
    assert_int_equal(t->bench.all.calls, 1);
}

static void test_contract_hubs__a_refusing_sink_is_obeyed_at_once(void **state)
{
    (void)state;
    each_hub(check_refused);
}

/* Of a hub that asks nothing of a server, the checkout is what fails. */
static void expect_bad(struct trial *t, ptm_rc rc, int status)
{
    if (t->http_requests == 0) return;
    assert_true(rc < 0);
    if (status) assert_int_equal(t->bench.err.http_status, status);
    assert_int_equal(t->bench.all.n, 0);
}

static void check_statuses(struct trial *t)
{
    static const int statuses[] = {401, 403, 404, 410, 418, 429, 500, 503};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        answer_all(t, statuses[i], "{\"error\":\"no\"}");
        ptm_rc rc = run(t);
        expect_bad(t, rc, statuses[i]);
    }
}

static void test_contract_hubs__error_statuses(void **state)
{
    (void)state;
    each_hub(check_statuses);
}

static void check_bodies(struct trial *t)
{
    static const char *const bodies[] = {"",
                                         " \n",
                                         "<!DOCTYPE html><html><body>Sorry</body></html>",
                                         "null",
                                         "true",
                                         "0",
                                         "\"\"",
                                         "{}",
                                         "{\"error\":\"busy\"}",
                                         "\xef\xbb\xbf",
                                         "[",
                                         "{\"models\":",
                                         "[[[[[[[[[[",
                                         "\\u0000"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        answer_all(t, 200, bodies[i]);
        ptm_rc rc = run(t);
        expect_bad(t, rc, 0);
        if (t->http_requests) assert_int_equal(rc, PTM_EFORMAT);
    }
}

static void test_contract_hubs__answers_that_are_no_list(void **state)
{
    (void)state;
    each_hub(check_bodies);
}

static void check_cut(struct trial *t)
{
    canned_reset(&t->bench.server);
    for (const struct piece *p = t->good->answers; p->path; p++)
        canned_int(&t->bench.server, canned_rule(&t->bench.server, p->path, 200, p->text), "cut",
                   (int64_t)strlen(p->text) / 2);
    ptm_rc rc = run(t);
    expect_bad(t, rc, 0);
}

static void test_contract_hubs__cut_bodies(void **state)
{
    (void)state;
    each_hub(check_cut);
}

/* Names and keys may only be those of the good day, however little of it arrived. */
static void expect_known_models(struct trial *t, const char *const *keys, size_t n)
{
    /* What one file of a checkout no longer tells, another may tell under another key. */
    if (t->http_requests == 0) return;
    assert_true(t->bench.all.n <= n);
    for (size_t i = 0; i < t->bench.all.n; i++) {
        bool found = false;
        for (size_t k = 0; k < n; k++) found |= ptmi_str_eq(t->bench.all.models[i].key, keys[k]);
        if (!found) fail_msg("half a record: key \"%s\"", t->bench.all.models[i].key);
    }
}

static void check_truncated(struct trial *t)
{
    char *keys[64];
    assert_int_equal(run(t), PTM_OK);
    size_t n = t->bench.all.n;
    for (size_t i = 0; i < n; i++) keys[i] = strdup(t->bench.all.models[i].key);
    for (int at = 0; piece_at(t->good, at); at++) {
        size_t whole = strlen(piece_at(t->good, at)->text), step = whole / 24 + 1;
        for (size_t len = 0; len < whole; len += step) {
            serve(t, at, len);
            ptm_rc rc = run(t);
            (void)rc; /* either is fine; run() has looked at it */
            expect_known_models(t, (const char *const *)keys, n);
        }
    }
    for (size_t i = 0; i < n; i++) free(keys[i]);
}

static void test_contract_hubs__truncated_answers_and_files(void **state)
{
    (void)state;
    each_hub(check_truncated);
}

static void check_no_checkout(struct trial *t)
{
    static const ptm_rc codes[] = {PTM_ENET, PTM_ENOTFOUND, PTM_ENOSPC, PTM_ECANCELED};
    if (!t->good->files[0].path) return;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        t->checkout_fails = codes[i];
        assert_int_equal(run(t), codes[i]);
        assert_int_equal(t->bench.all.n, 0);
    }
}

static void test_contract_hubs__a_checkout_that_fails(void **state)
{
    (void)state;
    each_hub(check_no_checkout);
}

/* Files that are folders, links out of the tree, pipes and garbage where a hub looks for text. */
static void check_hostile_checkout(struct trial *t)
{
    static const char garbage[] = "\0\xff\xfe|a|b|\n|-|\n---\n: [\n```\n<a name=\"";
    struct ptm_err err = {0};
    for (int kind = 0; kind < 4; kind++) {
        for (const struct piece *p = t->good->files; p->path; p++) {
            PTM_AUTO(ptmi_freep) char *full = ptmi_path_join(t->dir, p->path);
            assert_non_null(full);
            assert_int_equal(ptmi_fs_remove_tree(full, &err), PTM_OK);
            if (kind == 0) put_file(t, p->path, garbage, sizeof garbage);
            if (kind == 1) assert_int_equal(ptmi_fs_mkdirs(full, &err), PTM_OK);
            if (kind == 2) assert_int_equal(symlink("/etc/passwd", full), 0);
            if (kind == 3) assert_int_equal(mkfifo(full, 0600), 0);
        }
        ptm_rc rc = run(t);
        (void)rc;
        for (size_t i = 0; i < t->bench.all.n_documents; i++)
            assert_null(strstr(t->bench.all.documents[i].data, "root:"));
    }
}

static void test_contract_hubs__a_hostile_checkout(void **state)
{
    (void)state;
    each_hub(check_hostile_checkout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contract_hubs__tables_are_complete),
        cmocka_unit_test(test_contract_hubs__a_good_day),
        cmocka_unit_test(test_contract_hubs__twice_gives_the_same_keys_in_the_same_order),
        cmocka_unit_test(test_contract_hubs__cancel_before_the_start),
        cmocka_unit_test(test_contract_hubs__cancel_midway),
        cmocka_unit_test(test_contract_hubs__a_refusing_sink_is_obeyed_at_once),
        cmocka_unit_test(test_contract_hubs__error_statuses),
        cmocka_unit_test(test_contract_hubs__answers_that_are_no_list),
        cmocka_unit_test(test_contract_hubs__cut_bodies),
        cmocka_unit_test(test_contract_hubs__truncated_answers_and_files),
        cmocka_unit_test(test_contract_hubs__a_checkout_that_fails),
        cmocka_unit_test(test_contract_hubs__a_hostile_checkout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
