/* SPDX-License-Identifier: MIT */
/* test_torchhub_refs.c - what is made of a server's list of branches and tags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "torchhub/torchhub_priv.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "abbbcccccccccccccccccccccccccccccccccccc"

struct line {
    const char *name, *id, *target;
};

static const struct line lines[] = {
    {"HEAD", NULL, "refs/heads/develop"}, {"HEAD", ID_A, NULL},
    {"refs/heads/ci/x", ID_B, NULL},      {"refs/heads/develop", ID_A, NULL},
    {"refs/heads/v1", ID_A, NULL},        {"refs/pull/1/head", ID_C, NULL},
    {"refs/tags/v1", ID_B, NULL},         {"refs/tags/v2", ID_C, NULL},
};
#define N_LINES (sizeof lines / sizeof lines[0])

static void see(struct ptmi_refs_seen *seen, const struct line *line)
{
    struct ptm_err err;
    struct ptmi_git_ref ref = {.name = line->name, .id = line->id, .target = line->target};
    assert_int_equal(ptmi_refs_see(seen, &ref, &err), PTM_OK);
}

static struct ptmi_refs_seen seen_for(const char *ref)
{
    struct ptmi_refs_seen seen;
    ptmi_refs_seen_init(&seen, ref);
    for (size_t i = 0; i < N_LINES; i++) see(&seen, &lines[i]);
    return seen;
}

/* What is picked for ref; kind 0: nothing. */
static void expect(const char *ref, int kind, const char *commit)
{
    PTM_AUTO(ptmi_ref_clear) struct ptmi_ref out = {0};
    PTM_AUTO(ptmi_refs_seen_clear) struct ptmi_refs_seen seen = seen_for(ref);
    ptm_rc rc = ref ? ptmi_refs_pick(&seen, &out) : ptmi_refs_default(&seen, &out);
    if (!kind) {
        assert_int_equal(rc, PTM_ENOTFOUND);
        return;
    }
    assert_int_equal(rc, PTM_OK);
    assert_int_equal(out.kind, kind);
    assert_string_equal(out.commit, commit);
    if (ref) assert_string_equal(out.name, ref);
}

static void test_torchhub_refs__picks_branches_tags_and_ends(void **state)
{
    (void)state;
    expect("develop", PTMI_REF_BRANCH, ID_A);
    expect("ci/x", PTMI_REF_BRANCH, ID_B);
    expect("refs/heads/ci/x", PTMI_REF_BRANCH, ID_B);
    expect("v2", PTMI_REF_TAG, ID_C);
    expect("refs/tags/v1", PTMI_REF_TAG, ID_B);
    expect(ID_C, PTMI_REF_COMMIT, ID_C);
    expect("aaaa", PTMI_REF_COMMIT, ID_A);
    expect("ABBBC", PTMI_REF_COMMIT, ID_C);
}

static void test_torchhub_refs__a_branch_wins_over_a_tag(void **state)
{
    (void)state;
    expect("v1", PTMI_REF_BRANCH, ID_A);
}

static void test_torchhub_refs__leaves_the_rest_to_a_look_at_the_commits(void **state)
{
    (void)state;
    expect("nothere", 0, NULL);
    expect("pull/1/head", 0, NULL);
    expect("abc", 0, NULL);  /* too short for a commit */
    expect("abbb", 0, NULL); /* the beginning of two */
    expect("dddd", 0, NULL);
    PTM_AUTO(ptmi_refs_seen_clear) struct ptmi_refs_seen seen = seen_for("abbb");
    assert_true(seen.many_commits);
    assert_string_equal(seen.prefix, "abbb");
}

static void
test_torchhub_refs__the_default_is_main_then_master_then_what_the_server_says(void **state)
{
    static const struct line more[] = {{"refs/heads/master", ID_B, NULL},
                                       {"refs/heads/main", ID_C, NULL}};
    static const char *const expected[] = {"develop", "master", "main"};
    PTM_AUTO(ptmi_refs_seen_clear) struct ptmi_refs_seen seen = seen_for(NULL);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        PTM_AUTO(ptmi_ref_clear) struct ptmi_ref out = {0};
        assert_int_equal(ptmi_refs_default(&seen, &out), PTM_OK);
        assert_string_equal(out.name, expected[i]);
        if (i < 2) see(&seen, &more[i]);
    }
}

static void test_torchhub_refs__an_empty_repository_has_no_default(void **state)
{
    PTM_AUTO(ptmi_ref_clear) struct ptmi_ref out = {0};
    struct ptmi_refs_seen seen;
    (void)state;
    ptmi_refs_seen_init(&seen, NULL);
    assert_int_equal(ptmi_refs_default(&seen, &out), PTM_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchhub_refs__picks_branches_tags_and_ends),
        cmocka_unit_test(test_torchhub_refs__a_branch_wins_over_a_tag),
        cmocka_unit_test(test_torchhub_refs__leaves_the_rest_to_a_look_at_the_commits),
        cmocka_unit_test(
            test_torchhub_refs__the_default_is_main_then_master_then_what_the_server_says),
        cmocka_unit_test(test_torchhub_refs__an_empty_repository_has_no_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
