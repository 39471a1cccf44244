/* SPDX-License-Identifier: MIT */
/* Modelhub.ai: models.json over HTTP and as bytes, what a clone's config.json adds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/limits.h"
#include "hubs/hubs_priv.h"
#include "hubs_http.h"

#define LIST "/raw/modelhub-ai/modelhub/master/models.json"

static const struct ptmi_origin origin = {
    "https://raw.githubusercontent.com/modelhub-ai/modelhub/master/models.json",
    "2026-11-21T22:15:00Z"};

static ptm_rc take(struct collect *all, const char *json, size_t len, struct ptm_err *err)
{
    struct ptmi_hub_sink sink = collect_sink(all);
    return ptmi_mh_list(json, len, &origin, &sink, err);
}

static const char *hubdata(void)
{
    const char *dir = getenv("PTM_HUBDATA");
    if (dir && ptmi_fs_is_dir(dir)) return dir;
    print_message("skipped: no hubdata folder at PTM_HUBDATA\n");
    return NULL;
}

static void test_hubs_modelhub__lists_over_http(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    static const char json[] =
        "[ {\"id\": \"0001\", \"name\": \"net\", \"task_extended\": \"Organ segmentation\",\n"
        "\"github\": \"https://github.com/modelhub-ai/net.git\", \"github_branch\": \"master\",\n"
        "\"backend\": [\"colab\", \"pytorch\"]} ]\n";
    canned_rule(&b.server, LIST, 200, json);
    assert_int_equal(bench_list(&b, "modelhub"), PTM_OK);
    assert_int_equal(b.all.n, 1);
    const struct ptm_model *m = &b.all.models[0];
    assert_string_equal(m->key, "0001");
    assert_string_equal(m->object_id, "0001");
    assert_false(m->object_id_is_int);
    assert_string_equal(m->name, "net");
    assert_string_equal(m->owner, "modelhub-ai");
    assert_string_equal(m->owner_url, "https://github.com/modelhub-ai");
    assert_string_equal(m->url, "https://github.com/modelhub-ai/net.git");
    assert_string_equal(m->clone_url, "https://github.com/modelhub-ai/net");
    assert_string_equal(m->repo_ref, "master");
    assert_null(m->repo_path);
    assert_string_equal(m->task, "Organ segmentation");
    assert_string_equal(m->library, "pytorch");
    assert_int_equal(m->n_tags, 2);
    assert_string_equal(m->metadata_file, "json/metadata/mh_metadata.json");
    assert_string_equal(m->source_url, origin.url);
    assert_int_equal(b.all.n_documents, 1);
    assert_string_equal(b.all.documents[0].path, "json/metadata/mh_metadata.json");
    assert_int_equal(b.all.documents[0].len, sizeof json - 1);
    assert_memory_equal(b.all.documents[0].data, json, sizeof json - 1);
    bench_close(&b);
}

static void test_hubs_modelhub__lists_the_real_33(void **state)
{
    (void)state;
    const char *root = hubdata();
    if (!root) skip();
    char path[1024];
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len;
    struct ptm_err err = {0};
    struct collect all;
    collect_init(&all);
    snprintf(path, sizeof path, "%s/modelhub/models.json", root);
    assert_int_equal(ptmi_fs_read(path, PTM_LIMIT_TEXT, &text, &len, &err), PTM_OK);
    assert_int_equal(take(&all, text, len, &err), PTM_OK);
    assert_int_equal(all.n, 33);
    assert_int_equal(all.n_failures, 0);
    for (size_t i = 0; i < all.n; i++) {
        assert_non_null(all.models[i].clone_url);
        assert_non_null(all.models[i].task);
        /* The record's bytes are those of the file. */
        assert_non_null(strstr(text, all.models[i].raw));
    }
    assert_string_equal(all.models[0].name, "squeezenet");
    assert_string_equal(all.models[0].object_id, "d50796da-87f2-4493-846e-6eeb498acc63");
    collect_clear(&all);
}

static void test_hubs_modelhub__bad_entries_cost_only_themselves(void **state)
{
    (void)state;
    static const char json[] =
        "[{\"id\":\"1\",\"name\":\"ok\",\"github\":\"https://github.com/a/"
        "b\"},7,null,{\"id\":\"2\"},{\"name\":[]},"
        "{\"id\":3,\"name\":\"x\",\"task_extended\":{},\"github\":7,\"github_branch\":[],"
        "\"backend\":\"onnx\"},"
        "{\"id\":\"4\",\"name\":\"y\",\"github\":\"https://github.com/../..\"},"
        "{\"id\":\"5\",\"name\":\"z\",\"github\":\"not a link\"}]";
    struct collect all;
    struct ptm_err err = {0};
    collect_init(&all);
    assert_int_equal(take(&all, json, sizeof json - 1, &err), PTM_OK);
    assert_int_equal(all.n, 4);
    assert_int_equal(all.n_failures, 4);
    assert_string_equal(all.models[1].key, "x");
    assert_string_equal(all.models[1].library, "onnx");
    for (size_t i = 1; i < 4; i++) assert_non_null(all.models[i].not_clonable);
    collect_clear(&all);
}

static void test_hubs_modelhub__a_cut_file_delivers_nothing(void **state)
{
    (void)state;
    static const char json[] = "[{\"id\":\"1\",\"name\":\"a\",\"github\":\"https://github.com/a/"
                               "b\"},{\"id\":\"2\",\"name\":\"c\"}]";
    for (size_t len = 0; len + 1 < sizeof json; len++) {
        struct collect all;
        struct ptm_err err = {0};
        collect_init(&all);
        assert_int_equal(take(&all, json, len, &err), PTM_EFORMAT);
        assert_int_equal(all.n + all.n_documents + all.n_failures, 0);
        collect_clear(&all);
    }
}

static void test_hubs_modelhub__what_is_no_list_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "[]", "{}", "null", "<html></html>", "404: Not Found"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct collect all;
        struct ptm_err err = {0};
        collect_init(&all);
        assert_int_equal(take(&all, texts[i], strlen(texts[i]), &err), PTM_EFORMAT);
        assert_non_null(strstr(err.msg, origin.url));
        collect_clear(&all);
    }
}

/* --- config.json --- */

static ptm_rc config(const char *json, size_t len, struct ptmi_arena *arena,
                     struct ptmi_facts *facts)
{
    struct ptm_err err = {0};
    *facts = (struct ptmi_facts){0};
    return ptmi_mh_config(json, len, arena, facts, &err);
}

static void test_hubs_modelhub__config_tells_paper_data_and_architecture(void **state)
{
    (void)state;
    struct ptmi_arena arena = PTMI_ARENA(1u << 20);
    struct ptmi_facts facts;
    static const char json[] = "{\"meta\":{\"task_extended\":\"Survival\",\"data_source\":\"https:/"
                               "/www.example.org/data?x=1\"},"
                               "\"publication\":{\"url\":\"https://journals.plos.org/plosmedicine/"
                               "article?id=10.1371/journal.pmed.1002711\","
                               "\"bibtex\":\"@article{x, doi = {10.1000/182}, year = "
                               "2018}\"},\"model\":{\"architecture\":\"CNN\",\"license\":\"MIT\"}}";
    assert_int_equal(config(json, sizeof json - 1, &arena, &facts), PTM_OK);
    assert_string_equal(facts.task, "Survival");
    assert_string_equal(facts.architecture, "CNN");
    assert_string_equal(facts.license, "MIT");
    assert_int_equal(facts.n_paper_dois, 2);
    assert_string_equal(facts.paper_dois[0], "10.1371/journal.pmed.1002711");
    assert_string_equal(facts.paper_dois[1], "10.1000/182");
    assert_int_equal(facts.n_datasets, 1);
    assert_string_equal(facts.datasets[0].name, "example.org");
    assert_string_equal(facts.datasets[0].url, "https://www.example.org/data?x=1");
    assert_string_equal(facts.datasets[0].owner_url, "https://www.example.org/");
    ptmi_arena_clear(&arena);
}

static void test_hubs_modelhub__config_survives_wrong_types(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}",
        "[]",
        "7",
        "null",
        "{\"meta\":[],\"model\":7,\"publication\":\"x\"}",
        ("{\"meta\":{\"task_extended\":[],\"data_source\":7},\"model\":{\"architecture\":{},"
         "\"license\":[]},\"publication\":{\"url\":{},\"doi\":7,\"bibtex\":[]}}"),
        ("{\"meta\":{\"data_source\":\"Private\"},\"publication\":{\"url\":\"10.\","
         "\"bibtex\":\"doi\"}}"),
        "{\"meta\":{\"data_source\":\"http://\"},\"publication\":{\"bibtex\":\"doi 10.1234/\"}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct ptmi_arena arena = PTMI_ARENA(1u << 20);
        struct ptmi_facts facts;
        assert_int_equal(config(texts[i], strlen(texts[i]), &arena, &facts), PTM_OK);
        assert_int_equal(facts.n_datasets + facts.n_paper_dois, 0);
        assert_null(facts.architecture);
        ptmi_arena_clear(&arena);
    }
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    PTM_AUTO(ptmi_freep) char *folder = NULL;
    struct ptm_err err = {0};
    snprintf(path, sizeof path, "%s/%s", dir, name);
    folder = strdup(path);
    assert_non_null(folder);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(ptmi_fs_mkdirs(folder, &err), PTM_OK);
    assert_int_equal(ptmi_fs_write_whole(path, text, strlen(text), NULL, &err), PTM_OK);
}

static void test_hubs_modelhub__describes_a_clone(void **state)
{
    (void)state;
    char dir[] = "/tmp/ptm-modelhub-XXXXXX";
    struct ptmi_arena arena = PTMI_ARENA(1u << 20);
    struct ptmi_facts facts = {0};
    struct ptm_err err = {0};
    assert_non_null(mkdtemp(dir));
    const struct ptmi_hub_ops *hub = ptmi_hub_find("modelhub");
    /* An empty clone, one with a README alone, a config that is not JSON, a good one. */
    assert_int_equal(hub->describe(dir, NULL, &arena, &facts, &err), PTM_OK);
    write_file(dir, "README.md", "# x\n\n[paper](https://arxiv.org/abs/1602.07360)\n");
    write_file(dir, "contrib_src/model/config.json", "{");
    facts = (struct ptmi_facts){0};
    assert_int_equal(hub->describe(dir, NULL, &arena, &facts, &err), PTM_OK);
    assert_int_equal(facts.n_paper_dois, 1);
    write_file(dir, "contrib_src/model/config.json",
               "{\"model\":{\"architecture\":\"CNN\"},\"publication\":{\"url\":\"https://doi.org/"
               "10.1000/182\"}}");
    facts = (struct ptmi_facts){0};
    assert_int_equal(hub->describe(dir, NULL, &arena, &facts, &err), PTM_OK);
    assert_string_equal(facts.architecture, "CNN");
    assert_int_equal(facts.n_paper_dois, 2);
    assert_string_equal(facts.paper_dois[0], "10.1000/182");
    assert_string_equal(facts.paper_dois[1], "10.48550/arXiv.1602.07360");
    ptmi_arena_clear(&arena);
    assert_int_equal(ptmi_fs_remove_tree(dir, &err), PTM_OK);
}

static void test_hubs_modelhub__real_configs(void **state)
{
    (void)state;
    const char *root = hubdata();
    if (!root) skip();
    static const struct {
        const char *repo, *doi, *architecture;
    } some[] = {
        {"modelhub-ai+xception", "10.48550/arXiv.1610.02357", "Convolutional Neural Network (CNN)"},
        {"modelhub-ai+deep-prognosis", "10.1371/journal.pmed.1002711",
         "Convolutional neural network with fully connected layers."},
        {"modelhub-ai+colab_lungmask", "10.1186/s41747-020-00173-2", NULL},
        {"modelhub-ai+colab_totalsegmentator", "10.48550/arXiv.2208.05868", "pyTorch, nnUnet"},
        {"modelhub-ai+mic-dkfz-brats", "10.1007/978-3-030-11726-9_21", "CNN"},
        {"bhklab+DentalArtifactModel", "10.1088/1361-6560/ab63ba",
         "A three-dimensional (3D) convolutional neural network (CNN)."},
    };
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        char path[1024];
        PTM_AUTO(ptmi_freep) char *text = NULL;
        size_t len;
        struct ptm_err err = {0};
        struct ptmi_arena arena = PTMI_ARENA(1u << 20);
        struct ptmi_facts facts;
        snprintf(path, sizeof path, "%s/modelhub/configs/%s/config.json", root, some[i].repo);
        assert_int_equal(ptmi_fs_read(path, PTM_LIMIT_TEXT, &text, &len, &err), PTM_OK);
        assert_int_equal(config(text, len, &arena, &facts), PTM_OK);
        assert_true(facts.n_paper_dois >= 1);
        assert_string_equal(facts.paper_dois[0], some[i].doi);
        if (some[i].architecture)
            assert_string_equal(facts.architecture, some[i].architecture);
        else
            assert_null(facts.architecture);
        assert_non_null(facts.task);
        ptmi_arena_clear(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubs_modelhub__lists_over_http),
        cmocka_unit_test(test_hubs_modelhub__lists_the_real_33),
        cmocka_unit_test(test_hubs_modelhub__bad_entries_cost_only_themselves),
        cmocka_unit_test(test_hubs_modelhub__a_cut_file_delivers_nothing),
        cmocka_unit_test(test_hubs_modelhub__what_is_no_list_is_refused),
        cmocka_unit_test(test_hubs_modelhub__config_tells_paper_data_and_architecture),
        cmocka_unit_test(test_hubs_modelhub__config_survives_wrong_types),
        cmocka_unit_test(test_hubs_modelhub__describes_a_clone),
        cmocka_unit_test(test_hubs_modelhub__real_configs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
