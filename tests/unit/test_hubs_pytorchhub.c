/* SPDX-License-Identifier: MIT */
/* PyTorch Hub: our own sample cards and saved pages, and the real ones where they are at hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "hubs/hubs_priv.h"
#include "hubs_collect.h"

#define MODELS "json/metadata/pyth_models_metadata.json"
#define INDEX "html/metadata/pyth_metadata.html"
#define SHA "c7895df700000000000000000000000000000000"

static ptm_rc give_checkout(void *arg, const char *url, const char *ref, char **out_dir,
                            char **out_sha, struct ptm_err *err)
{
    (void)err;
    assert_string_equal(url, "https://github.com/pytorch/hub");
    assert_null(ref);
    *out_dir = strdup(arg);
    *out_sha = strdup(SHA);
    return PTM_OK;
}

static ptm_rc parse_into(struct collect *all, const char *dir, const char *pages,
                         struct ptm_err *err)
{
    struct ptmi_hub_env env = {
        .checkout = give_checkout, .arg = (void *)(uintptr_t)dir, .pages_dir = pages};
    struct ptmi_hub_sink sink = collect_sink(all);
    return ptmi_hub_pytorchhub.parse(&env, &sink, err);
}

static void parse_dir(struct collect *all, const char *dir, const char *pages)
{
    struct ptm_err err = {0};
    if (parse_into(all, dir, pages, &err) != PTM_OK) fail_msg("%s", err.msg);
}

static const struct collected_document *find_document(const struct collect *all, const char *path)
{
    for (size_t i = 0; i < all->n_documents; i++)
        if (strcmp(all->documents[i].path, path) == 0) return &all->documents[i];
    return NULL;
}

static const char *document(const struct collect *all, const char *path)
{
    const struct collected_document *doc = find_document(all, path);
    if (!doc) fail_msg("no document %s", path);
    return doc->data;
}

static const struct ptm_model *model(struct collect *all, const char *key)
{
    const struct ptm_model *found = collect_find(all, key);
    if (!found) fail_msg("no model %s", key);
    return found;
}

static char *sample(const char *part)
{
    return ptmi_str_printf("%s/pytorchhub/%s", getenv("PTM_TEST_DATA"), part);
}

static char *real(const char *part)
{
    const char *hubdata = getenv("PTM_HUBDATA");
    char *dir = ptmi_str_printf("%s/pytorchhub/%s", hubdata ? hubdata : "../shared/hubdata", part);
    if (ptmi_fs_is_dir(dir)) return dir;
    print_message("skipped: no %s (set PTM_HUBDATA)\n", dir);
    free(dir);
    return NULL;
}

static bool pages_built(void)
{
    if (ptmi_hub_pytorchhub.caps & PTMI_HUB_HTML_PAGES) return true;
    print_message("skipped: built without libxml2\n");
    return false;
}

static void check_point(const struct ptm_model *m, size_t i, const char *repo, const char *ref,
                        const char *name, int line)
{
    assert_true(i < m->n_entry_points);
    const struct ptm_entry_point *p = &m->entry_points[i];
    assert_true(ptmi_str_eq(p->repo, repo));
    assert_true(ptmi_str_eq(p->ref, ref));
    assert_true(ptmi_str_eq(p->name, name));
    assert_int_equal(p->line, line);
}

/* ---- our own sample ----------------------------------------------------- */

static void test_hubs_pytorchhub__a_card_becomes_a_model(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample("cards");
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir, NULL);
    assert_int_equal(all.n, 3);
    const struct ptm_model *m = &all.models[1];
    assert_string_equal(m->key, "acme_nets_tiny");
    assert_string_equal(m->object_id, "1");
    assert_true(m->object_id_is_int);
    assert_string_equal(m->name, "TinyNet");
    assert_string_equal(m->owner, "Acme \"Research\"");
    assert_string_equal(m->url, "https://github.com/acme/nets/blob/main/nets/tiny.py");
    assert_string_equal(m->owner_url, "https://github.com/acme");
    assert_string_equal(m->clone_url, "https://github.com/acme/nets");
    assert_null(m->repo_ref);
    assert_null(m->repo_path);
    assert_null(m->sha);
    assert_string_equal(m->task, "vision");
    assert_string_equal(m->architecture, "TinyNet");
    assert_int_equal(m->n_tags, 2);
    assert_int_equal(m->n_paper_dois, 1);
    assert_string_equal(m->paper_dois[0], "10.48550/arXiv.2001.00001");
    assert_int_equal(m->n_datasets, 1);
    assert_string_equal(m->datasets[0].name, "acme/numbers");
    assert_string_equal(m->metadata_file, MODELS);
    assert_string_equal(m->source_url,
                        "https://github.com/pytorch/hub/blob/" SHA "/acme_nets_tiny.md");
    assert_int_equal(m->n_entry_points, 4);
    check_point(m, 0, "acme/nets", "v1", "tiny", 21);
    check_point(m, 1, "acme/nets", "v1", "small", 23);
    check_point(m, 2, "acme/nets", NULL, "large", 31);
    check_point(m, 3, "acme/nets", NULL, NULL, 32);
    collect_clear(&all);
}

static void test_hubs_pytorchhub__crlf_and_ids_in_place_of_links_are_read(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample("cards");
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir, NULL);
    const struct ptm_model *m = model(&all, "acme_ears");
    assert_string_equal(m->name, "Ears");
    assert_string_equal(m->clone_url, "https://github.com/acme/ears");
    assert_int_equal(m->n_entry_points, 1);
    check_point(m, 0, "acme/ears", NULL, "ears", 10);
    assert_null(strchr(m->entry_points[0].code, '\r'));
    collect_clear(&all);
}

static void test_hubs_pytorchhub__cards_without_a_repository_say_so(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample("cards");
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir, NULL);
    const struct ptm_model *m = model(&all, "no_link");
    assert_null(m->clone_url);
    assert_non_null(m->not_clonable);
    assert_string_equal(m->url, "https://pytorch.org/hub/no_link/");
    assert_int_equal(m->n_entry_points, 0);
    /* A broken card is a failure of its own; files of another kind are none. */
    assert_int_equal(all.n_failures, 1);
    assert_string_equal(all.failures[0].id, "broken.md");
    collect_clear(&all);
}

static void test_hubs_pytorchhub__the_record_has_all_fields(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample("cards");
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir, NULL);
    const struct ptm_model *m = model(&all, "acme_nets_tiny");
    yyjson_doc *json = NULL;
    assert_int_equal(ptmi_json_parse(m->raw, m->raw_len, "raw", &json, NULL), PTM_OK);
    yyjson_val *root = yyjson_doc_get_root(json);
    static const char *const want[][2] = {
        {"ModelName", "TinyNet"},
        {"ModelAuthor", "Acme \"Research\""},
        {"ModelDescription", "A net that fits <anywhere> & is quick"},
        {"ModelURL", "https://pytorch.org/hub/acme_nets_tiny/"},
        {"GitHubURL", "https://github.com/acme/nets/blob/main/nets/tiny.py"},
        {"ColabURL", "https://colab.research.google.com/github/pytorch/pytorch.github.io/blob/"
                     "master/assets/hub/acme_nets_tiny.ipynb"},
        {"DemoURL", "https://demo.example/tiny"},
        {"CardPath", "acme_nets_tiny.md"},
        {"Category", "researchers"},
        {"Accelerator", "cuda-optional"},
        {"GitHubID", "acme/nets"},
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
        assert_non_null(ptmi_json_str(root, want[i][0]));
        assert_string_equal(ptmi_json_str(root, want[i][0]), want[i][1]);
    }
    yyjson_val *points = ptmi_json_get(root, "EntryPoints");
    assert_int_equal(yyjson_arr_size(points), 4);
    yyjson_val *last = yyjson_arr_get(points, 3);
    assert_true(yyjson_is_null(ptmi_json_get(last, "Name")));
    assert_string_equal(ptmi_json_str(last, "Code"), "torch.hub.load(repo, f\"net_{size}\")");
    yyjson_doc_free(json);
    m = model(&all, "acme_ears");
    assert_non_null(strstr(m->raw, "\"DemoURL\":null"));
    assert_non_null(strstr(m->raw, "\"ModelDescription\":null"));
    collect_clear(&all);
}

static void test_hubs_pytorchhub__pages_have_the_old_sites_classes(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample("cards");
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir, NULL);
    const char *page = document(&all, "html/metadata/models/acme_nets_tiny.html");
    assert_non_null(strstr(page, "<h1>TinyNet</h1>"));
    assert_non_null(strstr(page, "<p class=\"detail-lead\">By Acme &quot;Research&quot;</p>"));
    assert_non_null(strstr(page, "<p class=\"detail-lead lead-summary\">A net that fits "
                                 "&lt;anywhere&gt; &amp; is quick</p>"));
    assert_non_null(strstr(page, "<a href=\"https://github.com/acme/nets/blob/main/nets/tiny.py\">"
                                 "<button class=\"btn detail-github-link\">"));
    assert_non_null(strstr(page, "detail-colab-link"));
    assert_non_null(strstr(page, "detail-web-demo-link"));
    assert_null(strstr(page, "<script"));
    assert_non_null(strstr(page, "default-src 'none'"));
    const char *index = document(&all, INDEX);
    assert_non_null(strstr(index, "<a href=\"models/acme_ears.html\">"));
    assert_non_null(strstr(index, "data-tags=\"scriptable,vision\" data-id=\"acme/nets\""));
    assert_non_null(strstr(index, "compact-card-summary"));
    assert_null(find_document(&all, "html/metadata/models/README.html"));
    assert_null(find_document(&all, "html/metadata/models/not_at_the_top.html"));
    collect_clear(&all);
}

static void test_hubs_pytorchhub__saved_pages_add_what_no_card_has(void **state)
{
    (void)state;
    if (!pages_built()) skip();
    PTM_AUTO(ptmi_freep) char *dir = sample("cards");
    PTM_AUTO(ptmi_freep) char *pages = sample("pages");
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir, pages);
    assert_int_equal(all.n, 5);
    assert_string_equal(model(&all, "acme_nets_tiny")->name,
                        "TinyNet"); /* the card's, not the page's */
    const struct ptm_model *m =
        model(&all, "acme_old-ears"); /* the page's own name, not its folder's */
    assert_string_equal(m->object_id, "3");
    assert_string_equal(m->name, "Old Ears & more");
    assert_string_equal(m->owner, "Acme \u00d6l");
    assert_string_equal(m->url, "https://github.com/acme/old-ears/tree/master");
    assert_string_equal(m->clone_url, "https://github.com/acme/old-ears");
    assert_int_equal(m->n_paper_dois, 1);
    assert_string_equal(m->paper_dois[0], "10.48550/arXiv.1910.00002");
    assert_int_equal(m->n_entry_points, 2);
    assert_string_equal(m->entry_points[0].ref, "v2");
    assert_string_equal(m->entry_points[1].name, "big_ears");
    assert_non_null(strstr(m->raw, "\"ModelDescription\":\"Hears A > B\""));
    assert_non_null(strstr(m->raw, "\"DemoURL\":\"https://demo.example/ears\""));
    assert_non_null(strstr(m->raw, "\"CardPath\":null"));
    assert_non_null(strstr(document(&all, "html/metadata/models/acme_old-ears.html"), "Old Ears"));
    m = model(&all, "acme_plain");
    assert_non_null(m->not_clonable);
    collect_clear(&all);
}

static void test_hubs_pytorchhub__a_missing_pages_folder_is_an_error(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = sample("cards");
    struct collect all;
    collect_init(&all);
    struct ptm_err err = {0};
    ptm_rc rc = parse_into(&all, dir, "/nowhere/at/all", &err);
    assert_true(rc == PTM_ENOENT || rc == PTM_EUNSUPPORTED);
    assert_non_null(strstr(err.msg, "--pages"));
    collect_clear(&all);
}

/* ---- the real cards and pages ------------------------------------------- */

static void test_hubs_pytorchhub__every_real_card_is_a_whole_record(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = real("cards");
    if (!dir) skip();
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir, NULL);
    assert_int_equal(all.n_failures, 0);
    assert_int_equal(all.n, 52);
    assert_int_equal(all.n_documents, 53);
    for (size_t i = 0; i < all.n; i++) {
        const struct ptm_model *m = &all.models[i];
        char path[256];
        snprintf(path, sizeof(path), "html/metadata/models/%s.html", m->key);
        assert_non_null(document(&all, path));
        assert_non_null(strstr(document(&all, INDEX), m->key));
        assert_non_null(strstr(m->raw, "\"ModelAuthor\":\""));
        if (!m->clone_url) fail_msg("%s: no repository", m->key);
        size_t named = 0;
        for (size_t k = 0; k < m->n_entry_points; k++)
            named += m->entry_points[k].repo && m->entry_points[k].name;
        if (named == 0) fail_msg("%s: no entry point", m->key);
        if (m->n_entry_points != named) print_message("%s: a dynamic call\n", m->key);
    }
    collect_clear(&all);
}

/* Counted in the cards' text by eye. */
static void test_hubs_pytorchhub__entry_points_of_real_cards(void **state)
{
    static const struct {
        const char *key;
        size_t n;
        const char *repo, *ref, *name;
        int line;
        const char *clone_url;
    } want[] = {
        {"pytorch_vision_resnet", 5, "pytorch/vision", "v0.10.0", "resnet18", 22,
         "https://github.com/pytorch/vision"},
        {"facebookresearch_pytorch-gan-zoo_pgan", 2, "facebookresearch/pytorch_GAN_zoo", "hub",
         "PGAN", 27, "https://github.com/facebookresearch/pytorch_GAN_zoo"},
        {"facebookresearch_pytorchvideo_x3d", 1, "facebookresearch/pytorchvideo", NULL, "x3d_s", 29,
         "https://github.com/facebookresearch/pytorchvideo"},
        {"intelisl_midas_v2", 4, "intel-isl/MiDaS", NULL, "DPT_Large", 51,
         "https://github.com/intel-isl/MiDaS"},
        {"pytorch_vision_once_for_all", 3, "mit-han-lab/once-for-all", NULL,
         "ofa_supernet_mbv3_w10", 32, "https://github.com/mit-han-lab/once-for-all"},
        {"snakers4_silero-vad_vad", 1, "snakers4/silero-vad", NULL, "silero_vad", 33,
         "https://github.com/snakers4/silero-vad"},
        {"facebookresearch_semi-supervised-ImageNet1K-models_resnext", 12,
         "facebookresearch/semi-supervised-ImageNet1K-models", NULL, "resnet18_swsl", 24,
         "https://github.com/facebookresearch/semi-supervised-ImageNet1K-models"},
        {"nvidia_deeplearningexamples_gpunet", 2, "NVIDIA/DeepLearningExamples", "torchhub",
         "nvidia_gpunet", 77, "https://github.com/NVIDIA/DeepLearningExamples"},
        {"simplenet", 8, "coderx7/simplenet_pytorch", "v1.0.0", "simplenetv1_5m_m1", 22,
         "https://github.com/Coderx7/SimpleNet_Pytorch"},
        {"pytorch_vision_vgg", 8, "pytorch/vision", "v0.10.0", "vgg11", 22,
         "https://github.com/pytorch/vision"},
    };
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = real("cards");
    if (!dir) skip();
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir, NULL);
    for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
        const struct ptm_model *m = model(&all, want[i].key);
        print_message("%s\n", m->key);
        assert_int_equal(m->n_entry_points, want[i].n);
        check_point(m, 0, want[i].repo, want[i].ref, want[i].name, want[i].line);
        assert_string_equal(m->clone_url, want[i].clone_url);
    }
    collect_clear(&all);
}

static void test_hubs_pytorchhub__the_42_real_pages_are_read(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *pages = real("pages-2021");
    if (!pages || !pages_built()) skip();
    PTM_AUTO(ptmi_freep) char *none = sample("pages/list"); /* a checkout without cards */
    struct collect all;
    collect_init(&all);
    parse_dir(&all, none, pages);
    assert_int_equal(all.n_failures, 0);
    assert_int_equal(all.n, 42);
    for (size_t i = 0; i < all.n; i++) {
        const struct ptm_model *m = &all.models[i];
        if (!m->clone_url || m->n_entry_points == 0) fail_msg("%s: not whole", m->key);
        assert_null(strstr(m->raw, "\"ModelDescription\":null"));
    }
    const struct ptm_model *m = model(&all, "snakers4_silero-vad_number");
    assert_string_equal(m->name, "Silero Number Detector");
    assert_string_equal(m->owner, "Silero AI Team");
    m = model(&all, "pytorch_vision_resnet");
    assert_int_equal(m->n_entry_points, 5);
    assert_string_equal(m->entry_points[0].ref, "v0.9.0");
    assert_int_equal(m->n_paper_dois, 1);
    assert_string_equal(m->paper_dois[0], "10.48550/arXiv.1512.03385");
    collect_clear(&all);
}

static void test_hubs_pytorchhub__real_cards_win_over_pages(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *dir = real("cards");
    PTM_AUTO(ptmi_freep) char *pages = real("pages-2021");
    if (!dir || !pages || !pages_built()) skip();
    struct collect all;
    collect_init(&all);
    parse_dir(&all, dir, pages);
    /* Two of the 42 pages have no card any more. */
    assert_int_equal(all.n, 54);
    assert_string_equal(model(&all, "pytorch_vision_resnet")->entry_points[0].ref, "v0.10.0");
    assert_non_null(model(&all, "snakers4_silero-vad_language"));
    collect_clear(&all);
}

static void test_hubs_pytorchhub__templates_and_excerpts_of_the_site(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *pages = real("pytorch.org-excerpts");
    if (!pages || !pages_built()) skip();
    PTM_AUTO(ptmi_freep) char *none = sample("pages/list");
    struct collect all;
    collect_init(&all);
    parse_dir(&all, none, pages);
    assert_int_equal(all.n, 1);
    const struct ptm_model *m = &all.models[0];
    assert_string_equal(m->key, "mateuszbuda_brain-segmentation-pytorch_unet");
    assert_string_equal(m->name, "U-Net for brain MRI");
    assert_string_equal(m->clone_url, "https://github.com/mateuszbuda/brain-segmentation-pytorch");
    collect_clear(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubs_pytorchhub__a_card_becomes_a_model),
        cmocka_unit_test(test_hubs_pytorchhub__crlf_and_ids_in_place_of_links_are_read),
        cmocka_unit_test(test_hubs_pytorchhub__cards_without_a_repository_say_so),
        cmocka_unit_test(test_hubs_pytorchhub__the_record_has_all_fields),
        cmocka_unit_test(test_hubs_pytorchhub__pages_have_the_old_sites_classes),
        cmocka_unit_test(test_hubs_pytorchhub__saved_pages_add_what_no_card_has),
        cmocka_unit_test(test_hubs_pytorchhub__a_missing_pages_folder_is_an_error),
        cmocka_unit_test(test_hubs_pytorchhub__every_real_card_is_a_whole_record),
        cmocka_unit_test(test_hubs_pytorchhub__entry_points_of_real_cards),
        cmocka_unit_test(test_hubs_pytorchhub__the_42_real_pages_are_read),
        cmocka_unit_test(test_hubs_pytorchhub__real_cards_win_over_pages),
        cmocka_unit_test(test_hubs_pytorchhub__templates_and_excerpts_of_the_site),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
