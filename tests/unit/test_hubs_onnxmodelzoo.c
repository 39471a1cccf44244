/* SPDX-License-Identifier: MIT */
/* The ONNX Model Zoo: our own sample of it, and the real READMEs and manifest where they are at
 * hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "hubs/hubs_priv.h"
#include "hubs_collect.h"
#include "unit_tmp.h"

#define CLASSES "json/metadata/omz_metadata.json"
#define ROWS "json/metadata/omz_models_metadata.json"
#define MANIFEST "json/metadata/omz_manifest.json"
#define SHA "b1eeaa1a00000000000000000000000000000000"

/* ---- the world of one test ---------------------------------------------- */

static ptm_rc give_checkout(void *arg, const char *url, const char *ref, char **out_dir,
                            char **out_sha, struct ptm_err *err)
{
    assert_string_equal(url, "https://github.com/onnx/models");
    assert_null(ref);
    if (!arg) return ptm_err_set(err, PTM_ENET, "no network in this test");
    *out_dir = strdup(arg);
    *out_sha = strdup(SHA);
    return PTM_OK;
}

static void parse_dir(struct collect *all, const char *dir)
{
    struct ptmi_hub_env env = {.checkout = give_checkout, .arg = (void *)(uintptr_t)dir};
    struct ptmi_hub_sink sink = collect_sink(all);
    struct ptm_err err = {0};
    if (ptmi_hub_onnxmodelzoo.parse(&env, &sink, &err) != PTM_OK) fail_msg("%s", err.msg);
}

static const struct collected_document *document(const struct collect *all, const char *path)
{
    for (size_t i = 0; i < all->n_documents; i++)
        if (strcmp(all->documents[i].path, path) == 0) return &all->documents[i];
    fail_msg("no document %s", path);
    return NULL;
}

static size_t count_html(const struct collect *all)
{
    size_t n = 0;
    for (size_t i = 0; i < all->n_documents; i++)
        n += ptmi_str_ends(all->documents[i].path, ".html");
    return n;
}

static yyjson_doc *json_of(const struct collect *all, const char *path)
{
    const struct collected_document *doc = document(all, path);
    yyjson_doc *json = NULL;
    struct ptm_err err = {0};
    if (ptmi_json_parse(doc->data, doc->len, path, &json, &err) != PTM_OK) fail_msg("%s", err.msg);
    return json;
}

static yyjson_val *row_of(yyjson_doc *json, size_t i)
{
    yyjson_val *row = yyjson_arr_get(yyjson_doc_get_root(json), i);
    assert_non_null(row);
    return row;
}

static void check_str(yyjson_val *row, const char *name, const char *want)
{
    const char *got = ptmi_json_str(row, name);
    if (!got || strcmp(got, want) != 0)
        fail_msg("%s: \"%s\" instead of \"%s\"", name, got ? got : "(none)", want);
}

static char *sample_dir(void)
{
    return ptmi_str_printf("%s/onnxmodelzoo", getenv("PTM_TEST_DATA"));
}

static char *real_dir(void)
{
    const char *hubdata = getenv("PTM_HUBDATA");
    char *dir = ptmi_str_printf("%s/onnxmodelzoo/tree", hubdata ? hubdata : "../shared/hubdata");
    if (ptmi_fs_is_dir(dir)) return dir;
    print_message("skipped: no %s (set PTM_HUBDATA)\n", dir);
    free(dir);
    return NULL;
}

/* ---- our own sample ----------------------------------------------------- */

static void test_hubs_onnxmodelzoo__list_asks_for_the_repository(void **state)
{
    (void)state;
    struct collect all;
    collect_init(&all);
    struct ptmi_hub_sink sink = collect_sink(&all);
    struct ptmi_hub_env env = {.checkout = give_checkout, .arg = (void *)(uintptr_t) "/nowhere"};
    struct ptm_err err = {0};
    assert_int_equal(ptmi_hub_onnxmodelzoo.list(&env, &sink, &err), PTM_OK);
    env.arg = NULL;
    assert_int_equal(ptmi_hub_onnxmodelzoo.list(&env, &sink, &err), PTM_ENET);
    assert_int_equal(all.n + all.n_documents, 0);
    collect_clear(&all);
}

static void test_hubs_onnxmodelzoo__classes_come_from_the_hub_readme(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample_dir();
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir);
    yyjson_doc *json = json_of(&all, CLASSES);
    assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(json)), 3);
    yyjson_val *row = row_of(json, 1);
    assert_int_equal(ptmi_json_int(row, "id", -1), 1);
    check_str(row, "ModelClass", "TinyNet_V2");
    check_str(row, "ModelREADMEPath", "validated/vision/classification/tinynet/README.md");
    check_str(row, "RepoREADMEPath", "README.md");
    check_str(row, "Paper", "https://arxiv.org/pdf/2101.00002.pdf");
    check_str(row, "Description", "A small net.");
    check_str(row, "HFSpaceURL", "https://huggingface.co/spaces/sample/TinyNet");
    check_str(row, "Category", "image_classification");
    row = row_of(json, 2);
    check_str(row, "ModelClass", "Wanted: a talker");
    check_str(row, "ModelREADMEPath", "N/A");
    check_str(row, "HFSpaceURL", "N/A");
    check_str(row, "Category", "speech");
    yyjson_doc_free(json);
    collect_clear(&all);
}

static void test_hubs_onnxmodelzoo__rows_become_models(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample_dir();
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir);
    /* audio first: READMEs are read in the order of their paths. Six rows, one of which lists a
     * download and is no model; then one of the manifest. */
    assert_int_equal(all.n, 6);
    const struct ptm_model *m = &all.models[0];
    assert_string_equal(m->name, "Ear");
    assert_string_equal(m->repo_path, "validated/audio/speech/tinynet");
    assert_string_equal(m->task, "speech");
    assert_string_equal(m->architecture, "TinyNet for ears");
    assert_int_equal(m->n_datasets, 1);
    assert_string_equal(m->datasets[0].name, "Voices");
    assert_null(m->datasets[0].url);
    assert_string_equal(all.models[1].repo_path, "validated/audio/speech/tinynet/model/ear-2.onnx");

    m = &all.models[2];
    assert_string_equal(m->name, "TinyNet v1");
    assert_string_equal(m->key, "validated/vision/classification/tinynet/model/tinynet-7.onnx#"
                                "TinyNet v1");
    assert_string_equal(m->object_id, "2");
    assert_true(m->object_id_is_int);
    assert_string_equal(m->owner, "ONNX");
    assert_string_equal(m->owner_url, "https://github.com/onnx");
    assert_string_equal(m->url, "https://github.com/onnx/models/tree/main/"
                                "validated/vision/classification/tinynet");
    assert_string_equal(m->clone_url, "https://github.com/onnx/models");
    assert_string_equal(m->repo_path,
                        "validated/vision/classification/tinynet/model/tinynet-7.onnx");
    assert_string_equal(m->task, "image_classification");
    assert_string_equal(m->architecture, "TinyNet_V1");
    assert_string_equal(m->license, "Apache-2.0");
    assert_string_equal(m->metadata_file, ROWS);
    assert_string_equal(m->source_url, "https://github.com/onnx/models/blob/" SHA
                                       "/validated/vision/classification/tinynet/README.md");
    assert_int_equal(m->n_paper_dois, 1);
    assert_string_equal(m->paper_dois[0], "10.48550/arXiv.2001.00001");
    assert_int_equal(m->n_datasets, 1);
    assert_string_equal(m->datasets[0].name, "sample/numbers");

    m = &all.models[3];
    assert_string_equal(m->architecture, "TinyNet_V2");
    assert_string_equal(m->repo_path,
                        "validated/vision/classification/tinynet/model/tiny net-8.onnx");
    assert_int_equal(m->n_paper_dois, 2);
    assert_string_equal(m->paper_dois[0], "10.48550/arXiv.2101.00002");
    /* The same row twice is two models all the same. */
    assert_string_equal(all.models[4].key,
                        "validated/vision/classification/tinynet/model/tiny net-8.onnx#"
                        "TinyNet v2#2");
    collect_clear(&all);
}

static void test_hubs_onnxmodelzoo__the_rows_file_holds_every_row(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample_dir();
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir);
    yyjson_doc *json = json_of(&all, ROWS);
    assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(json)), 6);
    yyjson_val *row = row_of(json, 2);
    check_str(row, "Model", "TinyNet v1");
    check_str(row, "Top-1% Accuracy", "50.5");
    check_str(row, "ModelSampleSize", "2 MB");
    check_str(ptmi_json_get(row, "OtherColumns"), "Top-5 error", "12");
    check_str(ptmi_json_get(row, "Manifest"), "onnx_version", "1.2");
    row = row_of(json, 5);
    check_str(row, "Model", "N/A");
    check_str(ptmi_json_get(row, "OtherColumns"), "Filename", "numbers.zip");
    /* A model's raw record is its line of the file, byte for byte. */
    const char *file = document(&all, ROWS)->data;
    for (size_t i = 0; i < 5; i++) assert_non_null(strstr(file, all.models[i].raw));
    yyjson_doc_free(json);
    collect_clear(&all);
}

static void test_hubs_onnxmodelzoo__the_manifest_is_merged_in(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample_dir();
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir);
    const struct ptm_model *m = &all.models[2]; /* its entry has the old path, without validated/ */
    assert_int_equal(m->n_files, 2);
    assert_string_equal(m->files[0].path, m->repo_path);
    assert_int_equal(m->files[0].size, 1000000);
    assert_string_equal(m->files[0].sha256,
                        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    assert_null(m->files[1].sha256);
    assert_int_equal(m->n_tags, 3);
    assert_int_equal(all.models[3].n_files, 1);
    assert_int_equal(all.models[3].files[0].size, -1);

    m = &all.models[5];
    assert_string_equal(m->name, "Only \"here\"");
    assert_string_equal(m->metadata_file, MANIFEST);
    assert_string_equal(m->object_id, "1");
    assert_string_equal(m->repo_path, "validated/text/qa/answerer/model/answerer-9.onnx");
    assert_string_equal(m->task, "qa");
    assert_string_equal(m->architecture, "answerer");
    assert_int_equal(m->files[0].size, 5);

    PTM_AUTO(ptmi_freep) char *path = ptmi_str_printf("%s/ONNX_HUB_MANIFEST.json", dir);
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0;
    assert_int_equal(ptmi_fs_read(path, 1 << 20, &text, &len, NULL), PTM_OK);
    const struct collected_document *doc = document(&all, MANIFEST);
    assert_int_equal(doc->len, len);
    assert_memory_equal(doc->data, text, len);
    /* Two entries have no path that could be used: said once, as one failure. */
    assert_int_equal(all.n_failures, 1);
    assert_string_equal(all.failures[0].id, "ONNX_HUB_MANIFEST.json");
    collect_clear(&all);
}

static void test_hubs_onnxmodelzoo__each_readme_has_its_own_page(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample_dir();
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir);
    assert_int_equal(count_html(&all), 4);
    const char *hub = document(&all, "html/metadata/README_models.html")->data;
    assert_non_null(strstr(hub, "<title>Sample Zoo</title>"));
    assert_non_null(strstr(hub, "<a name=\"image_classification\"/>"));
    assert_non_null(strstr(hub, "<table>"));
    assert_non_null(strstr(document(&all, "html/metadata/models/README_tinynet.html")->data,
                           "TinyNet for ears"));
    assert_non_null(
        strstr(document(&all, "html/metadata/models/README_classification_tinynet.html")->data,
               "TinyNet v1"));
    assert_non_null(document(&all, "html/metadata/models/README_answerer.html"));
    collect_clear(&all);
}

static void test_hubs_onnxmodelzoo__broken_files_are_failures_of_their_own(void **state)
{
    (void)state;
    struct unit_tmp tmp = unit_tmp_make();
    char path[256];
    snprintf(path, sizeof(path), "%s/validated/net", tmp.path);
    assert_int_equal(ptmi_fs_mkdirs(path, NULL), PTM_OK);
    snprintf(path, sizeof(path), "%s/validated/net/README.md", tmp.path);
    const char *text = "---\n[\n---\n";
    assert_int_equal(ptmi_fs_write_whole(path, text, strlen(text), NULL, NULL), PTM_OK);
    snprintf(path, sizeof(path), "%s/ONNX_HUB_MANIFEST.json", tmp.path);
    text = "<html>gone</html>";
    assert_int_equal(ptmi_fs_write_whole(path, text, strlen(text), NULL, NULL), PTM_OK);
    snprintf(path, sizeof(path), "%s/README.md", tmp.path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    struct collect all;
    collect_init(&all);
    parse_dir(&all, tmp.path);
    assert_int_equal(all.n, 0);
    assert_int_equal(all.n_failures, 3);
    assert_string_equal(all.failures[0].id, "README.md");
    assert_int_equal(all.failures[0].rc, PTM_EUNSAFE);
    assert_string_equal(all.failures[1].id, "validated/net/README.md");
    assert_string_equal(all.failures[2].id, "ONNX_HUB_MANIFEST.json");
    assert_string_equal(document(&all, ROWS)->data, "[\n]\n");
    collect_clear(&all);
    unit_tmp_remove(&tmp);
}

static void test_hubs_onnxmodelzoo__errors_of_the_sink_end_it(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample_dir();
    struct collect all;
    collect_init(&all);
    all.refuse_at = 3;
    struct ptmi_hub_env env = {.checkout = give_checkout, .arg = dir};
    struct ptmi_hub_sink sink = collect_sink(&all);
    struct ptm_err err = {0};
    assert_int_equal(ptmi_hub_onnxmodelzoo.parse(&env, &sink, &err), PTM_ENOSPC);
    assert_int_equal(all.n, 2);
    collect_clear(&all);
}

static void check_source(const char *path, int attempt, const char *want)
{
    char *url = NULL;
    struct ptm_err err = {0};
    assert_int_equal(ptmi_hub_onnxmodelzoo.source(path, "x", attempt, &url, &err), PTM_OK);
    if (want)
        assert_string_equal(url, want);
    else
        assert_null(url);
    free(url);
}

static void test_hubs_onnxmodelzoo__lost_files_have_other_sources(void **state)
{
    (void)state;
#define LEGACY "https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/"
    check_source("validated/vision/x y/a#1.onnx", 0, LEGACY "validated/vision/x%20y/a%231.onnx");
    check_source("validated/vision/x y/a#1.onnx", 1, LEGACY "vision/x%20y/a%231.onnx");
    check_source("vision/net/net.onnx", 1, LEGACY "validated/vision/net/net.onnx");
    check_source("Computer_Vision/net_Opset16_timm/net_Opset16.onnx", 1,
                 "https://huggingface.co/onnxmodelzoo/net_Opset16_timm/resolve/main/"
                 "net_Opset16.onnx");
    check_source("validated/a.onnx", 2,
                 "https://media.githubusercontent.com/media/onnx/models/main/validated/a.onnx");
    check_source("validated/a.onnx", 3, NULL);
    check_source("validated/a.onnx", -1, NULL);
    check_source("../../etc/passwd", 0, NULL);
}

/* ---- the real repository ------------------------------------------------ */

/* Written out from the README's text by eye, row by row. */
struct want_row {
    const char *folder; /* of the README, below validated/ */
    const char *model;  /* and the column that tells rows of one name apart: */
    const char *path;   /* below the folder; NULL: N/A */
    const char *size, *onnx, *opset, *sample_path, *sample_size;
    const char *category;
    const char *named[10]; /* further columns: name, value, ..; all others are N/A */
};

static const struct want_row want_rows[] = {
    {"text/machine_comprehension/bert-squad",
     "BERT-Squad",
     "model/bertsquad-8.onnx",
     "416 MB",
     "1.3",
     "8",
     "model/bertsquad-8.tar.gz",
     "385 MB",
     "machine_comprehension",
     {NULL}},
    {"text/machine_comprehension/bidirectional_attention_flow",
     "BiDAF-int8",
     "model/bidaf-11-int8.onnx",
     "12 MB",
     "1.13.1",
     "11",
     "model/bidaf-11-int8.tar.gz",
     "8.7 MB",
     "machine_comprehension",
     {"Accuracy", "EM of 65.93 in SQuAD v1.1"}},
    {"text/machine_comprehension/gpt-2",
     "GPT-2-LM-HEAD",
     "model/gpt2-lm-head-10.onnx",
     "664.87 MB",
     "1.6",
     "10",
     "model/gpt2-lm-head-10.tar.gz",
     "607 MB",
     "machine_comprehension",
     {"Accuracy", "mAP of 0.024"}},
    {"vision/body_analysis/age_gender",
     "vgg_ilsvrc_16_age_chalearn_iccv2015",
     "models/vgg_ilsvrc_16_age_chalearn_iccv2015.onnx",
     "513 MB",
     "1.6",
     "11",
     NULL,
     "N/A",
     "body_analysis",
     {"Dataset", "ChaLearn LAP 2015"}},
    {"vision/body_analysis/arcface",
     "LResNet100E-IR",
     "model/arcfaceresnet100-8.onnx",
     "248.9 MB",
     "1.3",
     "8",
     "model/arcfaceresnet100-8.tar.gz",
     "226.6 MB",
     "body_analysis",
     {"LFW * accuracy (%)", "99.77", "CFP-FF * accuracy (%)", "99.83", "CFP-FP * accuracy (%)",
      "94.21", "AgeDB-30 * accuracy (%)", "97.87"}},
    {"vision/classification/mnist",
     "MNIST-12-int8",
     "model/mnist-12-int8.onnx",
     "11 kB",
     "1.9",
     "12",
     "model/mnist-12-int8.tar.gz",
     "10 kB",
     "domain_based_image",
     {"Top-1 Error (%)", "1.1%"}},
    {"vision/classification/resnet",
     "ResNet50-qdq",
     "model/resnet50-v1-12-qdq.onnx",
     "24.6 MB",
     "1.10.0",
     "12",
     "model/resnet50-v1-12-qdq.tar.gz",
     "16.8 MB",
     "image_classification",
     {"Top-1% Accuracy", "74.43"}},
    {"vision/classification/shufflenet",
     "ShuffleNet-v2",
     "model/shufflenet-v2-10.onnx",
     "9.2MB",
     "1.6",
     "10",
     "model/shufflenet-v2-10.tar.gz",
     "8.7MB",
     "image_classification",
     {"Top-1 Error (%)", "30.64"}},
    {"vision/object_detection_segmentation/duc",
     "ResNet101_DUC_HDC-12-int8",
     "model/ResNet101-DUC-12-int8.onnx",
     "62.5 MB",
     "1.9.0",
     "12",
     "model/ResNet101-DUC-12-int8.tar.gz",
     "67.8 MB",
     "object_detection",
     {"mIOU", "81.62"}},
    {"vision/object_detection_segmentation/fcn",
     "FCN ResNet-101",
     "model/fcn-resnet101-11.onnx",
     "207 MB",
     "1.8.0",
     "11",
     "model/fcn-resnet101-11.tar.gz",
     "281 MB",
     "object_detection",
     {"Mean IoU", "63.7%"}},
    {"vision/object_detection_segmentation/ssd-mobilenetv1",
     "SSD-MobilenetV1-12-qdq",
     "model/ssd_mobilenet_v1_13-qdq.onnx",
     "9.6 MB",
     "1.9.0",
     "13",
     "model/ssd_mobilenet_v1_13-qdq.tar.gz",
     "5.7 MB",
     "object_detection",
     {"mAP", "0.2297"}},
    {"vision/super_resolution/sub_pixel_cnn_2016",
     "Super_Resolution",
     "model/super-resolution-10.onnx",
     "240 KB",
     "1.5.0",
     "10",
     "model/super-resolution-10.tar.gz",
     "7.6 MB",
     "image_manipulation",
     {NULL}},
};

static const char *const all_columns[] = {"Model",
                                          "ModelSize",
                                          "ModelPath",
                                          "ONNXVersion",
                                          "Top-1% Accuracy",
                                          "Top-5% Accuracy",
                                          "Accuracy",
                                          "mAP",
                                          "mIOU",
                                          "Mean IoU",
                                          "LFW * accuracy (%)",
                                          "CFP-FF * accuracy (%)",
                                          "CFP-FP * accuracy (%)",
                                          "AgeDB-30 * accuracy (%)",
                                          "Dataset",
                                          "OpsetVersion",
                                          "Top-1 Error (%)",
                                          "Category",
                                          "GitHub URL",
                                          "ModelSampleSize",
                                          "ModelSamplePath"};

/* What want says of a column; paths are put together in buf. */
static const char *wanted(const struct want_row *want, const char *column, char buf[512])
{
    bool sample = strcmp(column, "ModelSamplePath") == 0;
    if (sample || strcmp(column, "ModelPath") == 0) {
        const char *path = sample ? want->sample_path : want->path;
        if (!path) return "N/A";
        snprintf(buf, 512, "validated/%s/%s", want->folder, path);
        return buf;
    }
    if (strcmp(column, "GitHub URL") == 0) {
        snprintf(buf, 512, "https://github.com/onnx/models/tree/main/validated/%s", want->folder);
        return buf;
    }
    if (strcmp(column, "Model") == 0) return want->model;
    if (strcmp(column, "ModelSize") == 0) return want->size;
    if (strcmp(column, "ONNXVersion") == 0) return want->onnx;
    if (strcmp(column, "OpsetVersion") == 0) return want->opset;
    if (strcmp(column, "ModelSampleSize") == 0) return want->sample_size;
    if (strcmp(column, "Category") == 0) return want->category;
    for (size_t i = 0; i + 1 < 10 && want->named[i]; i += 2)
        if (strcmp(want->named[i], column) == 0) return want->named[i + 1];
    return "N/A";
}

static yyjson_val *find_row(yyjson_doc *json, const struct want_row *want)
{
    char path[512];
    snprintf(path, sizeof(path), "validated/%s/%s", want->folder, want->path);
    size_t i, n;
    yyjson_val *row;
    yyjson_arr_foreach(yyjson_doc_get_root(json), i, n, row)
    {
        if (ptmi_str_eq(ptmi_json_str(row, "ModelPath"), path)) return row;
    }
    fail_msg("no row of %s", path);
    return NULL;
}

static void test_hubs_onnxmodelzoo__the_real_zoo_gives_its_55_and_198_rows(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = real_dir();
    if (!dir) skip();
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir);
    assert_int_equal(all.n_failures, 0);
    assert_int_equal(count_html(&all), 40);
    yyjson_doc *classes = json_of(&all, CLASSES);
    assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(classes)), 55);
    yyjson_val *row = row_of(classes, 11);
    check_str(row, "ModelClass", "ShuffleNet_V1");
    check_str(row, "ModelREADMEPath", "validated/vision/classification/shufflenet/README.md");
    check_str(row, "Paper", "https://arxiv.org/abs/1707.01083");
    check_str(row, "HFSpaceURL", "N/A");
    check_str(row, "Category", "image_classification");
    row = row_of(classes, 16);
    check_str(row, "ModelClass", "Tiny YOLOv2");
    check_str(row, "Description",
              "A real-time CNN for object detection that detects 20 different classes. A smaller "
              "version of the more complex full YOLOv2 network.");
    yyjson_doc *rows = json_of(&all, ROWS);
    assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(rows)), 198);
    for (size_t i = 0; i < sizeof(want_rows) / sizeof(*want_rows); i++) {
        yyjson_val *found = find_row(rows, &want_rows[i]);
        char buf[512];
        for (size_t k = 0; k < sizeof(all_columns) / sizeof(*all_columns); k++)
            check_str(found, all_columns[k], wanted(&want_rows[i], all_columns[k], buf));
    }
    yyjson_doc_free(classes);
    yyjson_doc_free(rows);
    collect_clear(&all);
}

static void test_hubs_onnxmodelzoo__all_184_entries_of_the_real_manifest_are_used(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = real_dir();
    if (!dir) skip();
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir);
    yyjson_doc *manifest = json_of(&all, MANIFEST);
    yyjson_doc *rows = json_of(&all, ROWS);
    assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(manifest)), 184);
    size_t merged = 0, i, n;
    yyjson_val *row;
    yyjson_arr_foreach(yyjson_doc_get_root(rows), i, n, row)
    {
        yyjson_val *entry = ptmi_json_get(row, "Manifest");
        if (!entry) continue;
        merged++;
        assert_string_equal(ptmi_json_str(entry, "model_path"), ptmi_json_str(row, "ModelPath"));
    }
    size_t alone = 0, hashed = 0;
    for (size_t k = 0; k < all.n; k++) {
        alone += strcmp(all.models[k].metadata_file, MANIFEST) == 0;
        hashed += all.models[k].n_files > 0 && all.models[k].files[0].sha256 != NULL;
    }
    print_message("rows with an entry: %zu, models of the manifest alone: %zu, records: %zu\n",
                  merged, alone, all.n);
    assert_int_equal(hashed, merged + alone);
    /* 184 entries name 184 files: each is in a row or a model of its own. */
    assert_true(merged + alone >= 184);
    assert_int_equal(all.n, 196 + alone);
    yyjson_doc_free(manifest);
    yyjson_doc_free(rows);
    collect_clear(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubs_onnxmodelzoo__list_asks_for_the_repository),
        cmocka_unit_test(test_hubs_onnxmodelzoo__classes_come_from_the_hub_readme),
        cmocka_unit_test(test_hubs_onnxmodelzoo__rows_become_models),
        cmocka_unit_test(test_hubs_onnxmodelzoo__the_rows_file_holds_every_row),
        cmocka_unit_test(test_hubs_onnxmodelzoo__the_manifest_is_merged_in),
        cmocka_unit_test(test_hubs_onnxmodelzoo__each_readme_has_its_own_page),
        cmocka_unit_test(test_hubs_onnxmodelzoo__broken_files_are_failures_of_their_own),
        cmocka_unit_test(test_hubs_onnxmodelzoo__errors_of_the_sink_end_it),
        cmocka_unit_test(test_hubs_onnxmodelzoo__lost_files_have_other_sources),
        cmocka_unit_test(test_hubs_onnxmodelzoo__the_real_zoo_gives_its_55_and_198_rows),
        cmocka_unit_test(test_hubs_onnxmodelzoo__all_184_entries_of_the_real_manifest_are_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
