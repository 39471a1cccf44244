/* SPDX-License-Identifier: MIT */
/* test_torchhub_cache_nomem.c - memory that runs out while the cache is read: an error, nothing
 * lost, and nothing wrong believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "torchhub/hub_items.h"
#include "torchhub_cached.h"

/* Enough for the longest of them; none may take more. */
#define TRIES 2000

static int setup(void **state)
{
    static struct cached_hub t;
    cached_open(&t, NULL);
    cached_by_us(&t, "o/n:main", "2026-01-01T00:00:00Z");
    cached_by_us(&t, "o/n_x:ci/x", "2026-01-01T00:00:00Z");
    cached_by_torch(&t, "o_n_dev");
    unit_write(unit_path(t.tmp.path, "trusted_list"), "a_b\no_n\n");
    if (mkdir(unit_path(t.tmp.path, "checkpoints"), 0777) != 0) abort();
    unit_write(unit_path(t.tmp.path, "checkpoints/x-2d711642.pth"), "x");
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    cached_close(*state);
    return 0;
}

/* Runs fn with the 1st, 2nd, .. allocation failing, until none does. */
static void until_it_works(struct cached_hub *t, ptm_rc (*fn)(struct cached_hub *t))
{
    for (int n = 1; n < TRIES; n++) {
        fail_alloc_arm(n);
        ptm_rc rc = fn(t);
        if (!fail_alloc_disarm()) {
            assert_int_equal(rc, PTM_OK);
            return;
        }
        assert_true(rc == PTM_ENOMEM || rc == PTM_OK);
    }
    fail_msg("it never ends");
}

static ptm_rc parse(struct cached_hub *t)
{
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    return ptmi_repo_spec_parse("o/n:ci/x", &spec, &t->err);
}

static ptm_rc find_by_ref(struct cached_hub *t)
{
    static char owner[] = "o", name[] = "n", ref[] = "main";
    struct ptmi_repo_spec spec = {.owner = owner, .name = name, .ref = ref};
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    return ptmi_cache_find(t->hub, &spec, &repo, &t->err);
}

static ptm_rc list(struct cached_hub *t)
{
    PTM_AUTO(ptmi_hub_items_clear) struct ptmi_hub_items items = {0};
    return ptmi_hub_items_read(t->hub, &items, &t->err);
}

static ptm_rc pass(void *arg, const struct ptm_torchhub_cached *item, struct ptm_err *err)
{
    (void)arg, (void)item, (void)err;
    return PTM_OK;
}

static ptm_rc verify(struct cached_hub *t)
{
    return ptm_torchhub_cache_verify(t->hub, pass, NULL, &t->err);
}

/* Out of memory, nobody is trusted who was not. */
static ptm_rc ask_trust(struct cached_hub *t)
{
    bool stranger = false, known = false;
    PTM_TRY(ptm_torchhub_trusted(t->hub, "evil/repo", &stranger, &t->err));
    assert_false(stranger);
    return ptm_torchhub_trusted(t->hub, "a/b", &known, &t->err);
}

static ptm_rc trust_and_back(struct cached_hub *t)
{
    PTM_TRY(ptm_torchhub_trust(t->hub, "new/one", &t->err));
    return ptm_torchhub_distrust(t->hub, "new/one", &t->err);
}

static void test_torchhub_cache_nomem__names_and_copies(void **state)
{
    until_it_works(*state, parse);
    until_it_works(*state, find_by_ref);
}

static void test_torchhub_cache_nomem__lists(void **state)
{
    until_it_works(*state, list);
    until_it_works(*state, verify);
}

static void test_torchhub_cache_nomem__trust(void **state)
{
    struct cached_hub *t = *state;
    until_it_works(t, ask_trust);
    until_it_works(t, trust_and_back);
    PTM_AUTO(ptmi_freep) char *text = unit_read(unit_path(t->tmp.path, "trusted_list"));
    assert_string_equal(text, "a_b\no_n\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_torchhub_cache_nomem__names_and_copies, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_torchhub_cache_nomem__lists, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torchhub_cache_nomem__trust, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
