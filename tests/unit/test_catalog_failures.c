/* SPDX-License-Identifier: MIT */
/* test_catalog_failures.c - failures: one row a thing and stage, counted, cleared, walked while
 * they change; and status. */
#include "catalog_testing.h"

static void fail_at(struct fixture *fixture, const char *id, const char *stage, bool retryable)
{
    struct ptmi_failure failure = {.hub = "h",
                                   .id = id,
                                   .stage = stage,
                                   .reason = "gated",
                                   .message = "access is gated",
                                   .url = "https://hub.example/x",
                                   .http_status = 403,
                                   .retryable = retryable};
    assert_ok(ptmi_catalog_put_failure(fixture->catalog, &failure, err));
}

struct seen {
    struct fixture *fixture;
    int n;
    int64_t tries;
    char ids[1024], time[32];
    bool add;
};

static ptm_rc note(void *arg, const struct ptmi_failure *failure, struct ptm_err *err)
{
    struct seen *seen = arg;
    (void)err;
    size_t len = strlen(seen->ids);
    snprintf(seen->ids + len, sizeof seen->ids - len, "%s ", failure->id);
    snprintf(seen->time, sizeof seen->time, "%s", failure->time);
    seen->n++;
    seen->tries = failure->tries;
    if (!seen->add) return PTM_OK;
    char id[48];
    snprintf(id, sizeof id, "new-%d", seen->n);
    fail_at(seen->fixture, id, "clone", true);
    return ptmi_catalog_clear_failure(seen->fixture->catalog, "h", failure->id, failure->stage,
                                      err);
}

static struct seen walk(struct fixture *fixture, const char *hub, const char *stage)
{
    struct seen seen = {.fixture = fixture};
    assert_ok(ptmi_catalog_each_failure(fixture->catalog, hub, stage, note, &seen, err));
    return seen;
}

static void test_catalog_failures__count_tries_in_a_row(void **state)
{
    struct fixture *fixture = *state;
    fail_at(fixture, "a/b", "clone", true);
    fail_at(fixture, "a/b", "clone", true);
    fail_at(fixture, "a/b", "large", false);
    struct seen seen = walk(fixture, "h", "clone");
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.tries, 2);
    assert_int_equal(strlen(seen.time), 20);
    assert_int_equal(walk(fixture, NULL, NULL).n, 2);
    assert_int_equal(walk(fixture, "other", NULL).n, 0);
    assert_ok(ptmi_catalog_clear_failure(fixture->catalog, "h", "a/b", "clone", err));
    fail_at(fixture, "a/b", "clone", true);
    assert_int_equal(walk(fixture, "h", "clone").tries, 1);
}

static void test_catalog_failures__clear_one_all_or_those_below(void **state)
{
    struct fixture *fixture = *state;
    fail_at(fixture, "a/b:x.bin", "large", true);
    fail_at(fixture, "a/b:y.bin", "large", true);
    fail_at(fixture, "a/bc:z.bin", "large", true);
    fail_at(fixture, "a/b", "large", true);
    fail_at(fixture, "a/b", "clone", true);
    assert_ok(ptmi_catalog_clear_failure(fixture->catalog, "h", "a/b:", "large", err));
    assert_string_equal(walk(fixture, "h", "large").ids, "a/bc:z.bin a/b ");
    assert_ok(ptmi_catalog_clear_failure(fixture->catalog, "h", NULL, "large", err));
    assert_string_equal(walk(fixture, "h", NULL).ids, "a/b ");
}

/* A retry that fails again, in other words, must not be walked for ever. */
static void test_catalog_failures__walk_ends_while_they_change(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 300; i++) {
        char id[32];
        snprintf(id, sizeof id, "old-%d", i);
        fail_at(fixture, id, "clone", true);
    }
    struct seen seen = {.fixture = fixture, .add = true};
    assert_ok(ptmi_catalog_each_failure(fixture->catalog, "h", NULL, note, &seen, err));
    assert_int_equal(seen.n, 300);
    assert_int_equal(walk(fixture, "h", NULL).n, 300);
}

static void test_catalog_failures__status_counts_everything(void **state)
{
    struct fixture *fixture = *state;
    struct ptmi_hub_status status;
    assert_ok(ptmi_catalog_status(fixture->catalog, "h", &status, err));
    assert_string_equal(status.listed_at, "");
    assert_int_equal(status.models, 0);
    int64_t listing = begin_listing(fixture, "h", "all");
    for (int n = 0; n < 4; n++) {
        struct made made;
        make_model(&made, n)->access = (ptm_access)n;
        assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, 0, err));
    }
    assert_ok(ptmi_catalog_status(fixture->catalog, "h", &status, err));
    assert_true(status.listing_unfinished);
    assert_string_equal(status.listed_at, "");
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    fail_at(fixture, "a/b", "clone", true);
    fail_at(fixture, "a/c", "clone", false);
    assert_ok(ptmi_catalog_status(fixture->catalog, "h", &status, err));
    assert_false(status.listing_unfinished);
    assert_int_equal(strlen(status.listed_at), 20);
    assert_int_equal(status.models, 4);
    assert_int_equal(status.gated, 1);
    assert_int_equal(status.private_, 1);
    assert_int_equal(status.disabled, 1);
    assert_int_equal(status.not_clonable, 4);
    assert_int_equal(status.failures, 2);
    assert_int_equal(status.failures_retryable, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_catalog_failures__count_tries_in_a_row),
        TEST(test_catalog_failures__clear_one_all_or_those_below),
        TEST(test_catalog_failures__walk_ends_while_they_change),
        TEST(test_catalog_failures__status_counts_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
