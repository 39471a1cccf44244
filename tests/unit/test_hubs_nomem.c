/* SPDX-License-Identifier: MIT */
/*
 * test_hubs_nomem.c - every allocation of a hub's parser fails once: out of memory is said, no half
 * record is delivered, and nothing leaks (which the build under ASan sees). A record must not be
 * called too large, or a repository not clonable, because memory was short.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hubs/hubs_priv.h"

#include "fail_alloc.h"

/* No job here needs more. */
#define MOST_ALLOCATIONS 400

static const struct ptmi_origin origin = {"https://example.org/list", "2026-11-21T22:15:00Z"};

struct seen {
    int models, failures;
};

static ptm_rc see_model(void *arg, const struct ptm_model *m, struct ptm_err *err)
{
    struct seen *seen = arg;
    (void)err;
    seen->models++;
    assert_true(m->key && m->object_id && m->name && m->owner && m->url && m->owner_url && m->raw &&
                m->metadata_file);
    assert_non_null(m->clone_url);
    assert_string_not_equal(m->owner, "http://huggingface.co/");
    return PTM_OK;
}

static ptm_rc see_document(void *arg, const char *path, const void *data, size_t len,
                           const char *source_url, struct ptm_err *err)
{
    (void)arg, (void)path, (void)data, (void)len, (void)source_url, (void)err;
    return PTM_OK;
}

static ptm_rc see_failure(void *arg, const char *id, const char *url, const struct ptm_err *why,
                          struct ptm_err *err)
{
    struct seen *seen = arg;
    (void)id, (void)url, (void)why, (void)err;
    seen->failures++;
    return PTM_OK;
}

static struct ptmi_hub_sink sink_of(struct seen *seen)
{
    return (struct ptmi_hub_sink){
        .arg = seen, .model = see_model, .document = see_document, .failure = see_failure};
}

typedef ptm_rc (*job_fn)(struct seen *seen, struct ptm_err *err);

static void torture(job_fn job, int models)
{
    int n = 1;
    for (; n < MOST_ALLOCATIONS; n++) {
        struct ptm_err err = {0};
        struct seen seen = {0};
        fail_alloc_arm(n);
        ptm_rc rc = job(&seen, &err);
        bool failed = fail_alloc_disarm();
        assert_int_equal(seen.failures, 0);
        assert_true(rc == PTM_OK || (failed && rc == PTM_ENOMEM && *err.msg));
        if (rc == PTM_OK) assert_int_equal(seen.models, models);
        if (!failed) break;
    }
    assert_in_range(n, 2, MOST_ALLOCATIONS - 1);
}

static ptm_rc hf_job(struct seen *seen, struct ptm_err *err)
{
    static const char json[] =
        "[{\"_id\":\"k1\",\"id\":\"acme/"
        "one\",\"tags\":[\"license:mit\",\"dataset:squad\",\"arxiv:1810.04805\",\"base_model:a/"
        "b\"],"
        "\"cardData\":{\"datasets\":[\"acme/"
        "d\"],\"arxiv\":\"1706.03762\"},\"siblings\":[{\"rfilename\":\"x\"}],"
        "\"baseModels\":{\"relation\":\"merge\",\"models\":[{\"id\":\"a/b\"}]}},{\"id\":\"acme/"
        "two\"}]";
    struct ptmi_hub_sink sink = sink_of(seen);
    struct ptmi_hf_page page = {0};
    return ptmi_hf_page(json, sizeof json - 1, &origin, &sink, &page, err);
}

static ptm_rc modelhub_job(struct seen *seen, struct ptm_err *err)
{
    static const char json[] = "[{\"id\":\"1\",\"name\":\"one\",\"github\":\"https://github.com/"
                               "acme/one\",\"backend\":[\"onnx\",\"x\"]}]";
    struct ptmi_hub_sink sink = sink_of(seen);
    return ptmi_mh_list(json, sizeof json - 1, &origin, &sink, err);
}

static ptm_rc modelhub_config_job(struct seen *seen, struct ptm_err *err)
{
    static const char json[] = "{\"meta\":{\"task_extended\":\"T\",\"data_source\":\"https://"
                               "example.org/d\"},\"model\":{\"architecture\":\"CNN\"},"
                               "\"publication\":{\"url\":\"https://doi.org/10.1000/"
                               "182\",\"bibtex\":\"doi = {10.1000/183}\"}}";
    struct ptmi_arena arena = PTMI_ARENA(1u << 20);
    struct ptmi_facts facts = {0};
    (void)seen;
    ptm_rc rc = ptmi_mh_config(json, sizeof json - 1, &arena, &facts, err);
    for (size_t i = 0; rc == PTM_OK && i < facts.n_datasets; i++)
        assert_non_null(facts.datasets[i].name);
    ptmi_arena_clear(&arena);
    return rc;
}

static ptm_rc modelzoo_job(struct seen *seen, struct ptm_err *err)
{
    static const char json[] =
        "{\"models\":[{\"slug\":\"a\",\"link\":\"https://github.com/o/r/tree/main/"
        "x\",\"papers\":{\"P\":\"https://arxiv.org/abs/1810.04805\"},"
        "\"categories\":[{\"title\":\"C\",\"slug\":\"c\"}]},{\"slug\":\"b\",\"link\":\"https://"
        "github.com/o/s\"},{\"slug\":\"a\"}]}";
    struct ptmi_hub_sink sink = sink_of(seen);
    struct ptmi_mz_list list = {0};
    ptm_rc rc = ptmi_mz_parse_list(json, sizeof json - 1, &origin, &sink, &list, err);
    for (size_t i = 0; rc == PTM_OK && i < list.n; i++)
        rc = ptmi_mz_deliver(list.entries[i].raw, list.entries[i].raw_len, list.entries[i].slug,
                             (int64_t)i, &origin, &sink, err);
    ptmi_mz_list_clear(&list);
    return rc;
}

static void test_hubs_nomem__huggingface(void **state)
{
    (void)state;
    torture(hf_job, 2);
}

static void test_hubs_nomem__modelhub(void **state)
{
    (void)state;
    torture(modelhub_job, 1);
    torture(modelhub_config_job, 0);
}

static void test_hubs_nomem__modelzoo(void **state)
{
    (void)state;
    torture(modelzoo_job, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubs_nomem__huggingface),
        cmocka_unit_test(test_hubs_nomem__modelhub),
        cmocka_unit_test(test_hubs_nomem__modelzoo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
