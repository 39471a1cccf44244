/* SPDX-License-Identifier: MIT */
/* Paper DOIs and data sets out of links and ids (src/hubs/card_doi.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hubs/card.h"

#include <string.h>

static void check_doi(const char *link, const char *want)
{
    struct ptmi_arena arena = PTMI_ARENA(1 << 16);
    const char *doi = ptmi_card_doi(link, &arena);
    if (want) {
        assert_non_null(doi);
        assert_string_equal(doi, want);
    } else {
        assert_null(doi);
    }
    ptmi_arena_clear(&arena);
}

static void test_hubs_doi__doi_links_give_their_doi(void **state)
{
    (void)state;
    check_doi("https://doi.org/10.5281/zenodo.4501935", "10.5281/zenodo.4501935");
    check_doi("http://dx.doi.org/10.1109/CVPR.2016.90", "10.1109/CVPR.2016.90");
    check_doi("https://doi.org/10.1000%2Fxyz123?utm=1#top", "10.1000/xyz123");
    check_doi("doi:10.57967/hf/0003", "10.57967/hf/0003");
    check_doi("DOI: 10.1145/3292500.3330701", "10.1145/3292500.3330701");
    check_doi("10.1145/3292500.3330701", "10.1145/3292500.3330701");
    check_doi("https://doi.org/10.1016/S0140-6736(20)30183-5)", "10.1016/S0140-6736(20)30183-5)");
    check_doi("https://doi.org/10.1000/182).", "10.1000/182");
}

static void test_hubs_doi__arxiv_links_give_the_registered_doi(void **state)
{
    (void)state;
    check_doi("https://arxiv.org/abs/1706.03762", "10.48550/arXiv.1706.03762");
    check_doi("https://arxiv.org/pdf/1409.4842.pdf", "10.48550/arXiv.1409.4842");
    check_doi("https://arxiv.org/pdf/1505.00468v6.pdf", "10.48550/arXiv.1505.00468");
    check_doi("http://www.arxiv.org/abs/2203.09035v2", "10.48550/arXiv.2203.09035");
    check_doi("https://export.arxiv.org/abs/cs/0112017", "10.48550/arXiv.cs/0112017");
    check_doi("https://arxiv.org/abs/math.GT/0309136v1", "10.48550/arXiv.math.GT/0309136");
    check_doi("arxiv:1810.04805", "10.48550/arXiv.1810.04805");
    check_doi("arXiv:1810.04805v2", "10.48550/arXiv.1810.04805");
    check_doi("https://huggingface.co/papers/1810.04805", "10.48550/arXiv.1810.04805");
    check_doi("https://doi.org/10.48550/ARXIV.1810.04805", "10.48550/arXiv.1810.04805");
}

static void test_hubs_doi__other_links_give_none(void **state)
{
    (void)state;
    check_doi(NULL, NULL);
    check_doi("", NULL);
    check_doi("https://example.org/abs/1706.03762", NULL);
    check_doi("https://arxiv.org/list/cs.CL/recent", NULL);
    check_doi("https://arxiv.org/abs/", NULL);
    check_doi("https://arxiv.org/abs/1706.037", NULL);
    check_doi("https://arxiv.org/abs/1706.0376299", NULL);
    check_doi("https://doi.org/", NULL);
    check_doi("https://doi.org/10.12/short", NULL);
    check_doi("https://doi.org/10.1000/", NULL);
    check_doi("arxiv:none", NULL);
    check_doi("10.0", NULL);
    check_doi("https://notdoi.org/10.1000/182", NULL);
    check_doi("https://doi.org.example.org/10.1000/182", NULL);
}

static void check_set(const struct ptm_dataset *set, const char *name, const char *owner,
                      const char *url, const char *owner_url)
{
    assert_string_equal(set->name, name);
    assert_string_equal(set->owner, owner);
    assert_string_equal(set->url, url);
    assert_string_equal(set->owner_url, owner_url);
    assert_null(set->paper_doi);
}

static void test_hubs_doi__dataset_ids_are_filled_in(void **state)
{
    (void)state;
    struct ptmi_arena arena = PTMI_ARENA(1 << 16);
    struct ptm_dataset set = {0};
    assert_true(ptmi_card_hf_dataset("squad", &arena, &set));
    check_set(&set, "squad", "huggingface.co", "https://huggingface.co/datasets/squad",
              "https://huggingface.co");
    assert_true(ptmi_card_hf_dataset("allenai/c4", &arena, &set));
    check_set(&set, "allenai/c4", "allenai", "https://huggingface.co/datasets/allenai/c4",
              "https://huggingface.co/allenai");
    assert_false(ptmi_card_hf_dataset(NULL, &arena, &set));
    assert_false(ptmi_card_hf_dataset("", &arena, &set));
    assert_false(ptmi_card_hf_dataset("SQuAD 2.0", &arena, &set));
    assert_false(ptmi_card_hf_dataset("a/b/c", &arena, &set));
    assert_false(ptmi_card_hf_dataset("../etc", &arena, &set));
    assert_false(ptmi_card_hf_dataset("https://huggingface.co/datasets/squad", &arena, &set));
    ptmi_arena_clear(&arena);
}

static void test_hubs_doi__dataset_links_are_recognised(void **state)
{
    (void)state;
    struct ptmi_arena arena = PTMI_ARENA(1 << 16);
    struct ptm_dataset set = {0};
    assert_true(ptmi_card_dataset_link("https://huggingface.co/datasets/allenai/c4", &arena, &set));
    assert_string_equal(set.name, "allenai/c4");
    assert_true(ptmi_card_dataset_link("https://huggingface.co/datasets/allenai/c4/tree/main/en",
                                       &arena, &set));
    assert_string_equal(set.name, "allenai/c4");
    assert_true(
        ptmi_card_dataset_link("https://huggingface.co/datasets/squad/viewer?row=1", &arena, &set));
    assert_string_equal(set.name, "squad");
    assert_true(ptmi_card_dataset_link("https://hf.co/datasets/squad#files", &arena, &set));
    assert_string_equal(set.name, "squad");
    assert_true(ptmi_card_dataset_link("https://huggingface.co/datasets/squad/", &arena, &set));
    assert_string_equal(set.name, "squad");
    assert_false(ptmi_card_dataset_link("https://huggingface.co/datasets?search=x", &arena, &set));
    assert_false(ptmi_card_dataset_link("https://huggingface.co/datasets/", &arena, &set));
    assert_false(ptmi_card_dataset_link("https://huggingface.co/gpt2", &arena, &set));
    assert_false(ptmi_card_dataset_link("https://example.org/datasets/squad", &arena, &set));
    assert_false(ptmi_card_dataset_link(NULL, &arena, &set));
    ptmi_arena_clear(&arena);
}

static void test_hubs_doi__a_full_arena_gives_none(void **state)
{
    (void)state;
    struct ptmi_arena arena = PTMI_ARENA(4);
    struct ptm_dataset set = {0};
    assert_null(ptmi_card_doi("https://arxiv.org/abs/1706.03762", &arena));
    assert_false(ptmi_card_hf_dataset("allenai/c4", &arena, &set));
    assert_null(set.name);
    ptmi_arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubs_doi__doi_links_give_their_doi),
        cmocka_unit_test(test_hubs_doi__arxiv_links_give_the_registered_doi),
        cmocka_unit_test(test_hubs_doi__other_links_give_none),
        cmocka_unit_test(test_hubs_doi__dataset_ids_are_filled_in),
        cmocka_unit_test(test_hubs_doi__dataset_links_are_recognised),
        cmocka_unit_test(test_hubs_doi__a_full_arena_gives_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
