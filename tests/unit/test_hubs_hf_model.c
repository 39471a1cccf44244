/* SPDX-License-Identifier: MIT */
/* Hugging Face records and pages as bytes: mapping, wrong types, hostile ids, real answers. Paging
 * over HTTP is test_hubs_huggingface.c's. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "hubs/hubs_priv.h"
#include "hubs_collect.h"

static const struct ptmi_origin origin = {"https://huggingface.co/api/models?limit=1000",
                                          "2026-11-21T22:15:00Z"};

static ptm_rc page_of(struct collect *all, const char *json, size_t len, struct ptmi_hf_page *page,
                      struct ptm_err *err)
{
    struct ptmi_hub_sink sink = collect_sink(all);
    return ptmi_hf_page(json, len, &origin, &sink, page, err);
}

static ptm_rc take(struct collect *all, const char *json)
{
    struct ptmi_hf_page page = {0};
    struct ptm_err err = {0};
    collect_init(all);
    return page_of(all, json, strlen(json), &page, &err);
}

static void test_hubs_hf_model__maps_every_field(void **state)
{
    (void)state;
    struct collect all;
    static const char json[] =
        "[ "
        "{\"_id\":\"621ffdc136468d709f17a5fd\",\"id\":\"acme/"
        "rooms-bert\",\"author\":\"acme\",\"gated\":\"auto\",\"private\":false,"
        "\"disabled\":false,\"sha\":\"cbf50ba81465d4d8676b8bab348e31835147541b\",\"pipeline_tag\":"
        "\"fill-mask\","
        "\"library_name\":\"transformers\",\"downloads\":12,\"downloadsAllTime\":3456,\"likes\":7,"
        "\"usedStorage\":5000000000,"
        "\"createdAt\":\"2024-03-18T08:00:40.000Z\",\"lastModified\":\"2025-03-18T08:00:40.000Z\","
        "\"config\":{\"architectures\":[\"BertForMaskedLM\"],\"model_type\":\"bert\"},"
        "\"safetensors\":{\"parameters\":{\"F32\":10},\"total\":10},\"gguf\":{\"total\":11,"
        "\"architecture\":\"llama\"},"
        "\"cardData\":{\"license\":\"apache-2.0\",\"datasets\":\"acme/"
        "rooms\",\"arxiv\":[\"1706.03762\"]},"
        "\"tags\":[\"license:mit\",\"dataset:squad\",\"dataset:acme/"
        "rooms\",\"arxiv:1810.04805\",\"doi:10.57967/hf/1234\","
        "\"base_model:acme/base\",\"base_model:finetune:acme/base\",\"region:us\"],"
        "\"siblings\":[{\"rfilename\":\"a.bin\",\"size\":5,\"lfs\":{\"sha256\":"
        "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"size\":5}},{"
        "\"rfilename\":\"b\"}]} ]";
    assert_int_equal(take(&all, json), PTM_OK);
    assert_int_equal(all.n, 1);
    const struct ptm_model *m = &all.models[0];
    assert_string_equal(m->key, "621ffdc136468d709f17a5fd");
    assert_string_equal(m->object_id, "621ffdc136468d709f17a5fd");
    assert_false(m->object_id_is_int);
    assert_string_equal(m->name, "acme/rooms-bert");
    assert_string_equal(m->owner, "acme");
    assert_string_equal(m->owner_url, "https://huggingface.co/acme");
    assert_string_equal(m->url, "https://huggingface.co/acme/rooms-bert");
    assert_string_equal(m->clone_url, "https://huggingface.co/acme/rooms-bert");
    assert_int_equal(m->access, PTM_ACCESS_GATED);
    assert_string_equal(m->sha, "cbf50ba81465d4d8676b8bab348e31835147541b");
    assert_string_equal(m->task, "fill-mask");
    assert_string_equal(m->architecture, "bert");
    assert_string_equal(m->library, "transformers");
    assert_string_equal(m->license, "mit");
    assert_string_equal(m->created_at, "2024-03-18T08:00:40.000Z");
    assert_string_equal(m->last_modified, "2025-03-18T08:00:40.000Z");
    assert_int_equal(m->downloads, 12);
    assert_int_equal(m->downloads_all, 3456);
    assert_int_equal(m->likes, 7);
    assert_true(m->used_storage == 5000000000);
    assert_int_equal(m->parameters, 10);
    assert_int_equal(m->n_datasets, 2);
    assert_string_equal(m->datasets[0].name, "squad");
    assert_string_equal(m->datasets[1].name, "acme/rooms");
    assert_int_equal(m->n_paper_dois, 3);
    assert_string_equal(m->paper_dois[0], "10.48550/arXiv.1810.04805");
    assert_string_equal(m->paper_dois[1], "10.57967/hf/1234");
    assert_string_equal(m->paper_dois[2], "10.48550/arXiv.1706.03762");
    assert_int_equal(m->n_base_models, 1);
    assert_string_equal(m->base_models[0], "finetune:acme/base");
    assert_int_equal(m->n_tags, 8);
    assert_int_equal(m->n_files, 2);
    assert_int_equal(m->files[0].size, 5);
    assert_non_null(m->files[0].sha256);
    assert_int_equal(m->files[1].size, -1);
    assert_null(m->files[1].sha256);
    assert_string_equal(m->source_url, origin.url);
    assert_string_equal(m->fetched_at, origin.fetched_at);
    assert_string_equal(m->metadata_file, "json/metadata/hf_metadata.json");
    assert_memory_equal(m->raw, json + 2, sizeof json - 5);
    assert_int_equal(m->raw_len, sizeof json - 5);
    collect_clear(&all);
}

static void test_hubs_hf_model__tells_access_apart(void **state)
{
    (void)state;
    static const struct {
        const char *field;
        ptm_access access;
    } cases[] = {
        {"\"gated\":false", PTM_ACCESS_OPEN},
        {"\"gated\":\"manual\"", PTM_ACCESS_GATED},
        {"\"gated\":true", PTM_ACCESS_GATED},
        {"\"gated\":null", PTM_ACCESS_OPEN},
        {"\"gated\":\"\"", PTM_ACCESS_OPEN},
        {"\"private\":true", PTM_ACCESS_PRIVATE},
        {"\"disabled\":true", PTM_ACCESS_DISABLED},
        {"\"gated\":\"auto\",\"disabled\":true", PTM_ACCESS_DISABLED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct collect all;
        char json[200];
        snprintf(json, sizeof json, "[{\"id\":\"a/b\",%s}]", cases[i].field);
        assert_int_equal(take(&all, json), PTM_OK);
        assert_int_equal(all.models[0].access, cases[i].access);
        collect_clear(&all);
    }
}

static void test_hubs_hf_model__single_name_models_have_the_hub_as_owner(void **state)
{
    (void)state;
    struct collect all;
    assert_int_equal(take(&all, "[{\"_id\":\"1\",\"id\":\"gpt2\"}]"), PTM_OK);
    assert_string_equal(all.models[0].owner, "http://huggingface.co/");
    assert_string_equal(all.models[0].owner_url, "https://huggingface.co/");
    assert_string_equal(all.models[0].clone_url, "https://huggingface.co/gpt2");
    collect_clear(&all);
}

static void test_hubs_hf_model__fills_gaps_from_the_next_best_field(void **state)
{
    (void)state;
    struct collect all;
    assert_int_equal(
        take(&all, "[{\"id\":\"a/b\",\"config\":{\"architectures\":[\"X\"]},\"gguf\":{\"total\":3},"
                   "\"cardData\":{\"license\":\"other\",\"license_name\":\"house-1.0\"},"
                   "\"tags\":[\"license:other\",\"base_model:q/r\"],"
                   "\"baseModels\":{\"relation\":\"merge\",\"models\":[{\"_id\":\"1\",\"id\":\"c/"
                   "d\"},{\"id\":\"e/f\"}]}},"
                   "{\"id\":\"a/"
                   "c\",\"gguf\":{\"architecture\":\"llama\"},\"cardData\":{\"license\":[\"mit\"]},"
                   "\"tags\":[\"base_model:q/r\",\"base_model:quantized:q/s\"]}]"),
        PTM_OK);
    assert_string_equal(all.models[0].architecture, "X");
    assert_int_equal(all.models[0].parameters, 3);
    assert_string_equal(all.models[0].license, "house-1.0");
    assert_int_equal(all.models[0].n_base_models, 2);
    assert_string_equal(all.models[0].base_models[1], "merge:e/f");
    assert_string_equal(all.models[0].key, "a/b");
    assert_string_equal(all.models[0].owner, "a");
    assert_string_equal(all.models[1].architecture, "llama");
    assert_string_equal(all.models[1].license, "mit");
    assert_int_equal(all.models[1].n_base_models, 2);
    assert_string_equal(all.models[1].base_models[0], "quantized:q/s");
    assert_string_equal(all.models[1].base_models[1], "q/r");
    collect_clear(&all);
}

/* Every field in turn with a value of every other type: the model stays, the field counts as
 * absent. */
static void test_hubs_hf_model__wrong_types_count_as_absent(void **state)
{
    (void)state;
    static const char *const fields[] = {"_id",
                                         "author",
                                         "baseModels",
                                         "cardData",
                                         "config",
                                         "createdAt",
                                         "disabled",
                                         "downloads",
                                         "downloadsAllTime",
                                         "gated",
                                         "gguf",
                                         "likes",
                                         "lastModified",
                                         "library_name",
                                         "model-index",
                                         "private",
                                         "safetensors",
                                         "sha",
                                         "siblings",
                                         "tags",
                                         "pipeline_tag",
                                         "transformersInfo",
                                         "usedStorage",
                                         "modelId"};
    static const char *const values[] = {
        "null",
        "true",
        "-1",
        "1.5",
        "1e999",
        "\"\"",
        "\"x\\u0000y\"",
        "[]",
        "{}",
        "[null,1,{},[]]",
        ("{\"total\":\"x\",\"models\":[1],\"relation\":3,\"license\":{},\"datasets\":[[]],"
         "\"model_type\":[1]}"),
        "[{\"rfilename\":1},{\"rfilename\":\"ok\",\"size\":\"big\",\"lfs\":[]}]"};
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++)
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            struct collect all;
            char json[400];
            snprintf(json, sizeof json, "[{\"id\":\"a/b\",\"%s\":%s}]", fields[f], values[v]);
            assert_int_equal(take(&all, json), PTM_OK);
            assert_int_equal(all.n, 1);
            assert_int_equal(all.n_failures, 0);
            assert_int_equal(all.models[0].n_datasets, 0);
            assert_int_equal(all.models[0].downloads, -1);
            assert_null(all.models[0].sha);
            collect_clear(&all);
        }
}

static void test_hubs_hf_model__hostile_ids_become_failures(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "\"../x\"",   "\"a/b/c\"",     "\"a/..\"", "\"/etc\"",  "\"a/\"",  "\"\\u0001\"",
        "\"a\\\\b\"", "\"a/.git\"",    "\"a b\"",  "\"a?x=1\"", "\"a#b\"", "\"a%2f\"",
        "\"a/b\\n\"", "\"\\u202eab\"", "\".\"",    "\"a//b\"",  "\"..\"",  "\"a/b@c\""};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct collect all;
        char json[200];
        snprintf(json, sizeof json, "[{\"_id\":\"1\",\"id\":%s},{\"_id\":\"2\",\"id\":\"a/b\"}]",
                 ids[i]);
        assert_int_equal(take(&all, json), PTM_OK);
        assert_int_equal(all.n, 1);
        assert_int_equal(all.n_failures, 1);
        assert_int_equal(all.failures[0].rc, PTM_EUNSAFE);
        for (const char *c = all.failures[0].id; *c; c++) assert_true((unsigned char)*c >= 0x20);
        collect_clear(&all);
    }
}

static void test_hubs_hf_model__ids_of_wrong_type_become_failures(void **state)
{
    (void)state;
    static const char *const items[] = {
        "{}",   "{\"id\":7}", "{\"id\":\"\"}", "{\"id\":null}",         "7",
        "null", "[]",         "\"a/b\"",       "{\"id\":\"a\\u0000b\"}"};
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        struct collect all;
        char json[200];
        snprintf(json, sizeof json, "[{\"id\":\"a/b\"},%s]", items[i]);
        assert_int_equal(take(&all, json), PTM_OK);
        assert_int_equal(all.n, 1);
        assert_int_equal(all.n_failures, 1);
        assert_int_equal(all.failures[0].rc, PTM_EFORMAT);
        collect_clear(&all);
    }
}

/* One author's card must not be able to stop everybody's harvest. */
static void test_hubs_hf_model__a_broken_record_costs_only_itself(void **state)
{
    (void)state;
    struct collect all;
    char json[2000] = "[{\"id\":\"a/b\"},{\"id\":\"deep/one\",\"cardData\":";
    for (int i = 0; i < 300; i++) strcat(json, "[");
    for (int i = 0; i < 300; i++) strcat(json, "]");
    strcat(json, "},{\"id\":\"half/pair\",\"x\":\"\\ud83d\"},{\"id\":\"bad/"
                 "utf8\",\"x\":\"\xff\"},{\"id\":\"c/d\"}]");
    assert_int_equal(take(&all, json), PTM_OK);
    assert_int_equal(all.n, 2);
    assert_int_equal(all.n_failures, 3);
    collect_clear(&all);
}

static void test_hubs_hf_model__a_cut_page_delivers_nothing(void **state)
{
    (void)state;
    static const char json[] = "[{\"id\":\"a/b\",\"tags\":[\"x]\",\"y\\\"\"]},{\"id\":\"c/d\"}]\n";
    for (size_t len = 0; len + 2 < sizeof json; len++) {
        struct collect all;
        struct ptmi_hf_page page = {0};
        struct ptm_err err = {0};
        collect_init(&all);
        assert_int_equal(page_of(&all, json, len, &page, &err), PTM_EFORMAT);
        assert_non_null(strstr(err.msg, origin.url));
        assert_int_equal(all.n, 0);
        assert_int_equal(all.n_failures, 0);
        collect_clear(&all);
    }
}

static void test_hubs_hf_model__what_is_no_list_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      " ",   "<!DOCTYPE html><html>", "{\"error\":\"busy\"}",        "null",        "[}",
        "[1,]x", "[{]", "[<html>,<body>]",       "[{\"id\":\"a/b\"}] trailing", "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct collect all;
        struct ptmi_hf_page page = {0};
        struct ptm_err err = {0};
        collect_init(&all);
        assert_int_equal(page_of(&all, texts[i], strlen(texts[i]), &page, &err), PTM_EFORMAT);
        assert_non_null(strstr(err.msg, "huggingface.co"));
        assert_int_equal(all.n, 0);
        collect_clear(&all);
    }
}

static void test_hubs_hf_model__an_empty_page_is_fine(void **state)
{
    (void)state;
    struct collect all;
    assert_int_equal(take(&all, " [ ] "), PTM_OK);
    assert_int_equal(all.n, 0);
    collect_clear(&all);
}

static void test_hubs_hf_model__only_new_skips_what_is_known(void **state)
{
    (void)state;
    struct collect all;
    struct ptmi_hf_page page = {0};
    struct ptm_err err = {0};
    assert_int_equal(take(&all, "[{\"_id\":\"2\",\"id\":\"a/b\",\"likes\":1}]"), PTM_OK);
    static const char json[] = "[{\"_id\":\"3\",\"id\":\"a/c\"},{\"_id\":\"2\",\"id\":\"a/"
                               "b\",\"likes\":2},{\"_id\":\"1\",\"id\":\"a/d\"}]";
    page.only_new = true;
    assert_int_equal(page_of(&all, json, strlen(json), &page, &err), PTM_OK);
    assert_true(page.met_known);
    assert_int_equal(page.delivered, 2);
    assert_int_equal(all.models[0].likes, 1);
    assert_string_equal(page.first_key, "3");
    collect_clear(&all);
}

static void test_hubs_hf_model__a_refusing_sink_ends_the_page(void **state)
{
    (void)state;
    struct collect all;
    struct ptmi_hf_page page = {0};
    struct ptm_err err = {0};
    static const char json[] = "[{\"id\":\"a/b\"},{\"id\":\"a/c\"},{\"id\":\"a/d\"}]";
    collect_init(&all);
    all.refuse_at = 2;
    assert_int_equal(page_of(&all, json, strlen(json), &page, &err), PTM_ENOSPC);
    assert_int_equal(all.n, 1);
    collect_clear(&all);
}

/* --- real answers --- */

static const char *hubdata(void)
{
    const char *dir = getenv("PTM_HUBDATA");
    if (dir && ptmi_fs_is_dir(dir)) return dir;
    print_message("skipped: no hubdata folder at PTM_HUBDATA\n");
    return NULL;
}

/* One object through the page reader: delivered with its very bytes. */
static void take_real(struct collect *all, const char *object, size_t len)
{
    struct ptmi_hf_page page = {0};
    struct ptm_err err = {0};
    size_t failures = all->n_failures;
    char *json = malloc(len + 3);
    assert_non_null(json);
    json[0] = '[';
    memcpy(json + 1, object, len);
    memcpy(json + 1 + len, "]", 2);
    all->n = 0;
    assert_int_equal(page_of(all, json, len + 2, &page, &err), PTM_OK);
    if (all->n_failures != failures)
        fail_msg("%s: %s", all->failures[failures].id, all->failures[failures].msg);
    assert_int_equal(all->n, 1);
    assert_int_equal(all->models[0].raw_len, len);
    assert_memory_equal(all->models[0].raw, object, len);
    free(json);
}

static size_t real_lists(struct collect *all, const char *root)
{
    char dir[512], path[1024];
    size_t n = 0;
    snprintf(dir, sizeof dir, "%s/huggingface/list_pages_raw", root);
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        PTM_AUTO(ptmi_freep) char *text = NULL;
        size_t len;
        struct ptmi_hf_page page = {0};
        struct ptm_err err = {0};
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        assert_int_equal(ptmi_fs_read(path, PTM_LIMIT_JSON, &text, &len, &err), PTM_OK);
        assert_int_equal(page_of(all, text, len, &page, &err), PTM_OK);
        assert_int_equal(page.items, page.delivered);
        n += page.delivered;
    }
    closedir(d);
    return n;
}

static size_t real_infos(struct collect *all, const char *root)
{
    char dir[512], path[1024];
    size_t n = 0;
    snprintf(dir, sizeof dir, "%s/huggingface/model_info", root);
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        PTM_AUTO(ptmi_freep) char *text = NULL;
        size_t len;
        struct ptm_err err = {0};
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        assert_int_equal(ptmi_fs_read(path, PTM_LIMIT_JSON, &text, &len, &err), PTM_OK);
        const char *object = ptmi_hub_trim(text, len, &len);
        take_real(all, object, len);
        n++;
    }
    closedir(d);
    return n;
}

/* The model answers among the recorded exchanges. */
static size_t real_pairs(struct collect *all, const char *root, const char *name,
                         const char *body_of)
{
    char path[1024];
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len, n = 0;
    struct ptm_err err = {0};
    snprintf(path, sizeof path, "%s/huggingface/%s", root, name);
    assert_int_equal(ptmi_fs_read(path, PTM_LIMIT_JSON, &text, &len, &err), PTM_OK);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL, *inner = NULL;
        assert_int_equal(ptmi_json_parse(line, (size_t)(end - line), name, &doc, &err), PTM_OK);
        yyjson_val *root_val = yyjson_doc_get_root(doc);
        const char *body =
            ptmi_json_str(*body_of ? ptmi_json_get(root_val, body_of) : root_val, "body");
        if (!body || ptmi_json_parse(body, strlen(body), name, &inner, NULL) != PTM_OK) continue;
        yyjson_val *model = yyjson_doc_get_root(inner);
        if (!ptmi_json_str(model, "_id") || !ptmi_json_str(model, "id") ||
            ptmi_json_get(model, "xetEnabled"))
            continue;
        size_t body_len;
        const char *object = ptmi_hub_trim(body, strlen(body), &body_len);
        take_real(all, object, body_len);
        n++;
    }
    return n;
}

static void test_hubs_hf_model__real_answers_pass_without_loss(void **state)
{
    (void)state;
    const char *root = hubdata();
    if (!root) skip();
    struct collect all;
    collect_init(&all);
    assert_int_equal(real_lists(&all, root), 78);
    assert_int_equal(real_infos(&all, root), 35);
    assert_true(real_pairs(&all, root, "http_pairs.jsonl", "response") >= 60);
    assert_true(real_pairs(&all, root, "gated_observed/http_pairs.jsonl", "") >= 2);
    assert_int_equal(all.n_failures, 0);
    collect_clear(&all);
}

static void test_hubs_hf_model__a_real_record_maps_as_it_reads(void **state)
{
    (void)state;
    const char *root = hubdata();
    if (!root) skip();
    char path[1024];
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len;
    struct ptm_err err = {0};
    struct collect all;
    snprintf(path, sizeof path, "%s/huggingface/model_info/deepset__roberta-base-squad2__v2.json",
             root);
    assert_int_equal(ptmi_fs_read(path, PTM_LIMIT_JSON, &text, &len, &err), PTM_OK);
    collect_init(&all);
    const char *object = ptmi_hub_trim(text, len, &len);
    take_real(&all, object, len);
    const struct ptm_model *m = &all.models[0];
    assert_string_equal(m->name, "deepset/roberta-base-squad2");
    assert_string_equal(m->license, "cc-by-4.0");
    assert_string_equal(m->architecture, "roberta");
    assert_string_equal(m->task, "question-answering");
    assert_true(m->parameters == 124056578 + 514 || m->parameters > 0);
    assert_true(m->n_datasets >= 1);
    assert_string_equal(m->datasets[0].name, "squad_v2");
    assert_true(m->n_files > 5);
    collect_clear(&all);
}

/* Lists of {id, ...} that others made of the API's values: thousands of real ids, types as their
 * publishers keep them. */
static void take_derived(struct collect *all, yyjson_val *models, size_t *n)
{
    size_t i, max;
    yyjson_val *item;
    if (!yyjson_is_arr(models)) return;
    yyjson_arr_foreach(models, i, max, item)
    {
        size_t len;
        char *text = yyjson_val_write(item, YYJSON_WRITE_NOFLAG, &len);
        assert_non_null(text);
        take_real(all, text, len);
        free(text);
        ++*n;
    }
}

static void test_hubs_hf_model__derived_records_pass(void **state)
{
    (void)state;
    const char *root = hubdata();
    if (!root) skip();
    char path[1024];
    struct collect all;
    struct ptm_err err = {0};
    size_t n = 0, len;
    PTM_AUTO(ptmi_freep) char *day = NULL, *jarvis = NULL;
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    collect_init(&all);
    snprintf(path, sizeof path, "%s/huggingface/derived/namhyeokwoo__2026-08-07.json", root);
    assert_int_equal(ptmi_fs_read(path, PTM_LIMIT_JSON, &day, &len, &err), PTM_OK);
    assert_int_equal(ptmi_json_parse(day, len, path, &doc, &err), PTM_OK);
    take_derived(&all, ptmi_json_get(yyjson_doc_get_root(doc), "models"), &n);
    snprintf(path, sizeof path, "%s/huggingface/derived/microsoft__JARVIS__p0_models.jsonl", root);
    assert_int_equal(ptmi_fs_read(path, PTM_LIMIT_JSON, &jarvis, &len, &err), PTM_OK);
    for (char *line = jarvis, *end; (end = strchr(line, '\n')); line = end + 1) {
        PTM_AUTO(ptmi_json_freep) yyjson_doc *record = NULL;
        /* Some of its lines hold Python's NaN. */
        if (ptmi_json_parse(line, (size_t)(end - line), path, &record, NULL) != PTM_OK) continue;
        take_real(&all, line, (size_t)(end - line));
        n++;
    }
    print_message("%zu derived records\n", n);
    assert_true(n > 500);
    collect_clear(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubs_hf_model__maps_every_field),
        cmocka_unit_test(test_hubs_hf_model__tells_access_apart),
        cmocka_unit_test(test_hubs_hf_model__single_name_models_have_the_hub_as_owner),
        cmocka_unit_test(test_hubs_hf_model__fills_gaps_from_the_next_best_field),
        cmocka_unit_test(test_hubs_hf_model__wrong_types_count_as_absent),
        cmocka_unit_test(test_hubs_hf_model__hostile_ids_become_failures),
        cmocka_unit_test(test_hubs_hf_model__ids_of_wrong_type_become_failures),
        cmocka_unit_test(test_hubs_hf_model__a_broken_record_costs_only_itself),
        cmocka_unit_test(test_hubs_hf_model__a_cut_page_delivers_nothing),
        cmocka_unit_test(test_hubs_hf_model__what_is_no_list_is_refused_by_name),
        cmocka_unit_test(test_hubs_hf_model__an_empty_page_is_fine),
        cmocka_unit_test(test_hubs_hf_model__only_new_skips_what_is_known),
        cmocka_unit_test(test_hubs_hf_model__a_refusing_sink_ends_the_page),
        cmocka_unit_test(test_hubs_hf_model__real_answers_pass_without_loss),
        cmocka_unit_test(test_hubs_hf_model__a_real_record_maps_as_it_reads),
        cmocka_unit_test(test_hubs_hf_model__derived_records_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
