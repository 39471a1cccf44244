/* SPDX-License-Identifier: MIT */
/* test_catalog_select.c - what is chosen to be cloned: shares, counts, orders, lists, filters, and
 * filters that must be refused. */
#include "catalog_testing.h"

struct names {
    char text[4096];
    int n;
};

static ptm_rc note(void *arg, const struct ptmi_repo *repo, struct ptm_err *err)
{
    struct names *names = arg;
    (void)err;
    size_t len = strlen(names->text);
    snprintf(names->text + len, sizeof names->text - len, "%s ", repo->name);
    names->n++;
    return PTM_OK;
}

static struct names chosen(struct fixture *fixture, int64_t run)
{
    struct names names = {.n = 0};
    assert_ok(ptmi_catalog_each_chosen(fixture->catalog, "h", run, note, &names, err));
    return names;
}

static struct ptmi_selected choose(struct fixture *fixture, const struct ptmi_select *what)
{
    struct ptmi_selected selected;
    assert_ok(ptmi_catalog_select(fixture->catalog, what, &selected, err));
    return selected;
}

/* Thirty models with repositories: downloads 0..29, likes the other way round, licences in turn. */
static void list_thirty(struct fixture *fixture)
{
    static const char *const LICENCES[] = {"mit", "apache-2.0", NULL};
    int64_t listing = begin_listing(fixture, "h", "all");
    for (int n = 0; n < 30; n++) {
        struct made made;
        char name[32];
        const char *tags[] = {n % 2 ? "gguf" : "safetensors"};
        int64_t repo = 0;
        struct ptm_model *model = make_model(&made, n);
        snprintf(name, sizeof name, "m%d", n);
        model->likes = 100 - n;
        model->license = LICENCES[n % 3];
        model->tags = tags;
        model->n_tags = 1;
        model->used_storage = n < 25 ? 1000 : -1;
        if (n == 29) model->downloads = -1;
        if (n != 5)
            assert_ok(ptmi_catalog_put_repo(fixture->catalog, "h", made.url, "owner", name, NULL,
                                            &repo, err));
        assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, model, repo, err));
    }
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
}

static void test_catalog_select__share_and_count_take_the_best(void **state)
{
    struct fixture *fixture = *state;
    list_thirty(fixture);
    struct ptmi_select what = {.hub = "h", .run = 1, .share = 0.1, .count = -1};
    struct ptmi_selected selected = choose(fixture, &what);
    assert_int_equal(selected.models, 30);
    assert_int_equal(selected.chosen_models, 3);
    assert_int_equal(selected.repos, 3);
    assert_int_equal(selected.unknown_size, 3);
    assert_string_equal(chosen(fixture, 1).text, "m28 m27 m26 "); /* m29 has no figure */

    what.share = 0.001;
    assert_int_equal(choose(fixture, &what).chosen_models, 1);
    what.share = 0;
    assert_int_equal(choose(fixture, &what).chosen_models, 0);
    what.share = 1;
    selected = choose(fixture, &what);
    assert_int_equal(selected.chosen_models, 30);
    assert_int_equal(selected.repos, 29);
    assert_int_equal(selected.not_clonable, 1);
    assert_int_equal(selected.bytes, 24000);
    what.share = 0.29; /* of 30: 8.7 */
    assert_int_equal(choose(fixture, &what).chosen_models, 8);
    what.count = 2;
    what.sort = "likes";
    choose(fixture, &what);
    assert_string_equal(chosen(fixture, 1).text, "m0 m1 ");
    what.count = 1000;
    assert_int_equal(choose(fixture, &what).chosen_models, 30);
    what.all = true;
    what.filter = "nonsense((";
    assert_int_equal(choose(fixture, &what).repos, 29);

    what = (struct ptmi_select){.hub = "nobody", .run = 1, .share = 0.5, .count = -1};
    assert_int_equal(choose(fixture, &what).chosen_models, 0);
    what.share = 1.5;
    assert_error(ptmi_catalog_select(fixture->catalog, &what, &selected, err), PTM_EINVAL,
                 "between 0 and 1");
    what.share = 1;
    what.sort = "size; DROP TABLE models";
    assert_error(ptmi_catalog_select(fixture->catalog, &what, &selected, err), PTM_EINVAL,
                 "--sort");
}

static void test_catalog_select__lists_choose_exactly_those(void **state)
{
    struct fixture *fixture = *state;
    list_thirty(fixture);
    const char *names[] = {"owner3/model-3", "owner0/model-7", "nobody/nothing", "owner3/model-3"};
    const char *urls[] = {"https://hub.example/owner4/model-4"};
    struct ptmi_select what = {.hub = "h", .run = 1, .share = 0.5, .count = -1};
    choose(fixture, &what);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM repositories WHERE selected"), 15);
    what = (struct ptmi_select){.hub = "h", .run = 1, .count = -1, .names = names, .n_names = 4};
    struct ptmi_selected selected = choose(fixture, &what);
    assert_int_equal(selected.chosen_models, 2);
    assert_string_equal(chosen(fixture, 1).text, "m7 m3 ");
    /* Marked in addition to what the hub is wanted to hold. */
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM repositories WHERE selected"), 17);
    what = (struct ptmi_select){.hub = "h", .run = 1, .count = -1, .urls = urls, .n_urls = 1};
    choose(fixture, &what);
    assert_string_equal(chosen(fixture, 1).text, "m4 ");
}

static void test_catalog_select__runs_do_not_disturb_one_another(void **state)
{
    struct fixture *fixture = *state;
    int64_t first, second;
    list_thirty(fixture);
    assert_ok(ptmi_catalog_run_begin(fixture->catalog, "run h", &first, err));
    assert_ok(ptmi_catalog_run_begin(fixture->catalog, "clone h", &second, err));
    struct ptmi_select what = {.hub = "h", .run = first, .count = 2};
    choose(fixture, &what);
    what.run = second;
    what.sort = "likes";
    choose(fixture, &what);
    assert_string_equal(chosen(fixture, first).text, "m28 m27 ");
    assert_string_equal(chosen(fixture, second).text, "m0 m1 ");
    assert_ok(ptmi_catalog_run_end(fixture->catalog, first, 0, err));
    assert_string_equal(chosen(fixture, first).text, "");
    assert_string_equal(chosen(fixture, second).text, "m0 m1 ");
}

static void test_catalog_select__killed_runs_leave_no_selection(void **state)
{
    struct fixture *fixture = *state;
    int64_t run;
    list_thirty(fixture);
    assert_ok(ptmi_catalog_run_begin(fixture->catalog, "run h", &run, err));
    struct ptmi_select what = {.hub = "h", .run = run, .count = 2};
    choose(fixture, &what);
    close_catalog(fixture);
    pid_t dead = fork();
    if (dead == 0) _exit(0);
    assert_int_equal(waitpid(dead, NULL, 0), dead);
    sqlite3 *db = NULL;
    char sql[80];
    snprintf(sql, sizeof sql, "UPDATE runs SET pid = %d", (int)dead);
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    open_catalog(fixture);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM selections"), 2);
    assert_ok(ptmi_catalog_run_begin(fixture->catalog, "run h", &run, err));
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM selections"), 0);
}

/* --- filters --- */

static int64_t passing(struct fixture *fixture, const char *filter)
{
    struct ptmi_select what = {.hub = "h", .run = 1, .share = 1, .count = -1, .filter = filter};
    return choose(fixture, &what).chosen_models;
}

static void test_catalog_select__filters_see_the_view(void **state)
{
    struct fixture *fixture = *state;
    list_thirty(fixture);
    assert_int_equal(passing(fixture, "license = 'mit'"), 10);
    assert_int_equal(passing(fixture, "license IS NULL"), 10);
    assert_int_equal(passing(fixture, "downloads >= 20 AND likes > 75 AND access = 'open'"), 5);
    assert_int_equal(passing(fixture, "tags LIKE '%\"gguf\"%'"), 15);
    assert_int_equal(passing(fixture, "name GLOB 'owner1/*' OR (used_storage IS NULL)"), 9);
    assert_int_equal(passing(fixture, "NOT clonable"), 1);
    assert_int_equal(
        passing(
            fixture,
            "lower(substr(name, 1, 5)) IN ('owner', 'x') AND json_extract(tags, '$[0]') = 'gguf'"),
        15);
    assert_int_equal(passing(fixture, "CASE WHEN downloads < 3 THEN 1 ELSE 0 END"), 3);
    assert_int_equal(passing(fixture, "first_seen > '2020' AND clone_url IS NOT NULL"), 29);
    assert_int_equal(passing(fixture, "'select ; -- ) from' = 'x' OR downloads = 1"), 1);
    struct ptmi_select what = {
        .hub = "h", .run = 1, .share = 0.5, .count = -1, .filter = "license = 'mit'"};
    assert_int_equal(choose(fixture, &what).chosen_models, 5); /* half of those that pass */
}

static void test_catalog_select__hostile_filters_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const HOSTILE[] = {
        "",
        "   ",
        "1; DROP TABLE models",
        "1) OR (SELECT 1",
        "1) UNION SELECT 1, 2, 3 --",
        "(SELECT count(*) FROM sqlite_schema) > 0",
        "EXISTS (SELECT 1 FROM model_raw)",
        "name IN (VALUES ('a'))",
        "name IN failures",
        "name IN pragma_table_info('models')",
        "(WITH models_view AS (SELECT 1) SELECT 1 FROM models_view)",
        "ATTACH 'x' AS y",
        "load_extension('/tmp/x.so')",
        "readfile('/etc/passwd')",
        "writefile('/tmp/x', name)",
        "randomblob(1000000000)",
        "zeroblob(999999999)",
        "fts3_tokenizer('simple')",
        "sqlite_version() > ''",
        "digest IS NOT NULL",
        "models.key = 'x'",
        "m.key = 'x'",
        "downloads > ?",
        "downloads > :n",
        "downloads > @n",
        "downloads > $n",
        "license = \"mit\"",
        "'unfinished",
        "((((1)",
        "1)) OR ((1",
        "1 /* x */",
        "1 -- x",
        "count(*) > 1",
        "row_number() OVER () = 1",
        "RAISE(ABORT, 'x')",
        "1 ORDER BY 1",
        "name MATCH 'x'",
        "name REGEXP 'x'",
        "\x01 = 1",
        "name = '\xff\xfe'",
        "no_such_column = 1",
        "group_concat(name) > ''",
    };
    list_thirty(fixture);
    for (size_t i = 0; i < sizeof HOSTILE / sizeof HOSTILE[0]; i++) {
        struct ptmi_select what = {
            .hub = "h", .run = 1, .share = 1, .count = -1, .filter = HOSTILE[i]};
        struct ptmi_selected selected;
        struct ptm_err err = {0};
        ptm_rc rc = ptmi_catalog_select(fixture->catalog, &what, &selected, &err);
        if (rc != PTM_EINVAL) fail_msg("%s: %s %s", HOSTILE[i], ptm_rc_name(rc), err.msg);
        if (!strstr(err.msg, "--filter")) fail_msg("%s: says %s", HOSTILE[i], err.msg);
    }
    PTM_AUTO(ptmi_freep) char *long_one = calloc(1, 40001);
    assert_non_null(long_one);
    memset(long_one, ' ', 40000);
    assert_error(ptmi_filter_check(long_one, err), PTM_EINVAL, "longer");
    memset(long_one, '(', 8000);
    memset(long_one + 8000, ')', 8000);
    long_one[16000] = 0;
    struct ptmi_select what = {.hub = "h", .run = 1, .share = 1, .count = -1, .filter = long_one};
    struct ptmi_selected selected;
    assert_error(ptmi_catalog_select(fixture->catalog, &what, &selected, err), PTM_EINVAL,
                 "--filter");
    /* The connection that checked them is as before. */
    assert_int_equal(passing(fixture, "license = 'mit'"), 10);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models"), 30);
    struct ptmi_hub_status status;
    assert_ok(ptmi_catalog_status(fixture->catalog, "h", &status, err));
    assert_int_equal(status.models, 30);
}

/* Functions that make long texts stop at the limit: refused or not, nothing grows and the answer
 * comes. */
static void test_catalog_select__filters_cannot_grow_texts(void **state)
{
    static const char *const GROWING[] = {
        "printf('%1000000000d', 1) = 'x'",
        "length(replace(replace(replace(printf('%9999s', 'a'), ' ', printf('%99s', 'a')), ' ', "
        "printf('%99s', 'a')), ' ', printf('%99s', 'a'))) > 2000000",
    };
    struct fixture *fixture = *state;
    list_thirty(fixture);
    for (size_t i = 0; i < sizeof GROWING / sizeof GROWING[0]; i++) {
        struct ptmi_select what = {
            .hub = "h", .run = 1, .share = 1, .count = -1, .filter = GROWING[i]};
        struct ptmi_selected selected = {0};
        struct ptm_err err = {0};
        ptm_rc rc = ptmi_catalog_select(fixture->catalog, &what, &selected, &err);
        assert_true(rc == PTM_EINVAL || (rc == PTM_OK && selected.chosen_models == 0));
    }
}

static void test_catalog_select__ctrl_c_ends_a_filter(void **state)
{
    struct fixture *fixture = *state;
    list_range(fixture, "h", 0, 3000, false);
    ptm_ctx_cancel(fixture->ctx, 1);
    struct ptmi_select what = {
        .hub = "h",
        .run = 1,
        .share = 1,
        .count = -1,
        .filter = "tags NOT LIKE '%x%' AND datasets NOT LIKE '%y%' AND papers NOT LIKE '%z%'"};
    struct ptmi_selected selected;
    assert_error(ptmi_catalog_select(fixture->catalog, &what, &selected, err), PTM_ECANCELED,
                 "interrupted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_catalog_select__share_and_count_take_the_best),
        TEST(test_catalog_select__lists_choose_exactly_those),
        TEST(test_catalog_select__runs_do_not_disturb_one_another),
        TEST(test_catalog_select__killed_runs_leave_no_selection),
        TEST(test_catalog_select__filters_see_the_view),
        TEST(test_catalog_select__hostile_filters_are_refused),
        TEST(test_catalog_select__filters_cannot_grow_texts),
        TEST(test_catalog_select__ctrl_c_ends_a_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
