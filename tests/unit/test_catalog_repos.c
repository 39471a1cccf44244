/* SPDX-License-Identifier: MIT */
/* test_catalog_repos.c - repositories and their folders, their clones' state, large files, models
 * of a repository. */
#include "catalog_testing.h"

static int64_t put_repo(struct fixture *fixture, const char *url, const char *author,
                        const char *name)
{
    int64_t repo = 0;
    assert_ok(ptmi_catalog_put_repo(fixture->catalog, "h", url, author, name, NULL, &repo, err));
    return repo;
}

static void test_catalog_repos__one_row_a_clone_url(void **state)
{
    struct fixture *fixture = *state;
    int64_t repo = put_repo(fixture, "https://github.com/a/b", "a", "b"), again = 0;
    assert_ok(ptmi_catalog_put_repo(fixture->catalog, "h", "https://github.com/a/b", "a", "b", "v1",
                                    &again, err));
    assert_int_equal(repo, again);
    assert_int_equal(sql_int(fixture, "SELECT ref = 'v1' FROM repositories"), 1);
    assert_int_not_equal(put_repo(fixture, "https://github.com/a/c", "a", "c"), repo);
    assert_ok(ptmi_catalog_put_repo(fixture->catalog, "other", "https://github.com/a/b", "a", "b",
                                    NULL, &again, err));
    assert_int_not_equal(again, repo);
}

static void test_catalog_repos__folders_that_fold_alike_are_refused(void **state)
{
    struct fixture *fixture = *state;
    int64_t repo = put_repo(fixture, "https://git.example/Author/Model", "Author", "Model"),
            other = 0;
    assert_error(ptmi_catalog_put_repo(fixture->catalog, "h", "https://git.example/author/model",
                                       "author", "model", NULL, &other, err),
                 PTM_EUNSAFE, "Author/Model");
    assert_error(ptmi_catalog_put_repo(fixture->catalog, "h", "https://x.example/a/b", "..", "b",
                                       NULL, &other, err),
                 PTM_EUNSAFE, "");
    assert_error(ptmi_catalog_put_repo(fixture->catalog, "h", "https://x.example/a/.git", "a",
                                       ".git", NULL, &other, err),
                 PTM_EUNSAFE, "");
    /* GitHub does not tell letters apart: it is the same repository. */
    repo = put_repo(fixture, "https://github.com/Facebook/Repo", "Facebook", "Repo");
    assert_int_equal(put_repo(fixture, "https://github.com/facebook/repo", "facebook", "repo"),
                     repo);
}

struct seen {
    char text[2048];
    struct ptmi_repo last;
};

static ptm_rc note(void *arg, const struct ptmi_repo *repo, struct ptm_err *err)
{
    struct seen *seen = arg;
    (void)err;
    size_t len = strlen(seen->text);
    snprintf(seen->text + len, sizeof seen->text - len, "%s=%s ", repo->name, repo->label);
    seen->last = *repo;
    return PTM_OK;
}

static struct seen walk(struct fixture *fixture, const char *hub, int which)
{
    struct seen seen = {.text = ""};
    assert_ok(ptmi_catalog_each_repo(fixture->catalog, hub, which, note, &seen, err));
    return seen;
}

static void test_catalog_repos__walk_tells_state_and_best_model(void **state)
{
    struct fixture *fixture = *state;
    int64_t listing = begin_listing(fixture, "h", "all");
    int64_t shared = put_repo(fixture, "https://github.com/onnx/models", "onnx", "models");
    int64_t single = put_repo(fixture, "https://github.com/a/b", "a", "b");
    for (int n = 0; n < 3; n++) {
        struct made made;
        make_model(&made, n)->access = n == 0 ? PTM_ACCESS_GATED : PTM_ACCESS_OPEN;
        assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, &made.model,
                                         n < 2 ? shared : single, err));
    }
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    assert_string_equal(walk(fixture, "h", PTMI_REPOS_ALL).text,
                        "models=owner0/model-0 b=owner2/model-2 ");
    assert_string_equal(walk(fixture, "h", PTMI_REPOS_CLONED).text, "");
    struct ptmi_select what = {.hub = "h", .run = 1, .count = 1, .sort = "downloads"};
    struct ptmi_selected selected;
    assert_ok(ptmi_catalog_select(fixture->catalog, &what, &selected, err));
    assert_string_equal(walk(fixture, NULL, PTMI_REPOS_SELECTED).text, "b=owner2/model-2 ");
    assert_string_equal(walk(fixture, NULL, PTMI_REPOS_ALL).text,
                        "b=owner2/model-2 models=owner0/model-0 ");
    struct ptmi_failure failure = {
        .hub = "h", .id = "onnx/models:x.onnx", .stage = "large", .reason = "absent"};
    assert_ok(ptmi_catalog_put_failure(fixture->catalog, &failure, err));
    struct seen seen = walk(fixture, "h", PTMI_REPOS_FAILED);
    assert_string_equal(seen.text, "models=owner0/model-0 ");
    assert_int_equal(seen.last.models, 2);
    assert_int_equal(seen.last.access, PTM_ACCESS_GATED);
    assert_int_equal(seen.last.git_bytes, -1);

    struct ptmi_repo_state done = {.sha = "abc",
                                   .branch = "main",
                                   .changed = true,
                                   .git_bytes = 10,
                                   .large_objects = 2,
                                   .large_bytes = 99};
    assert_ok(ptmi_catalog_repo_done(fixture->catalog, shared, &done, err));
    seen = walk(fixture, "h", PTMI_REPOS_CLONED);
    assert_int_equal(seen.last.id, shared);
    assert_int_equal(seen.last.large_bytes, 99);
    assert_ok(ptmi_catalog_select(
        fixture->catalog, &(struct ptmi_select){.hub = "h", .run = 1, .share = 1, .count = -1},
        &selected, err));
    assert_int_equal(selected.present, 1);
}

static ptm_rc count_models(void *arg, const struct ptmi_model_row *row, struct ptm_err *err)
{
    (void)err;
    int *n = arg;
    ++*n;
    assert_non_null(row->repo_author);
    assert_true(row->repo != 0);
    return PTM_OK;
}

static void test_catalog_repos__models_of_one_are_found(void **state)
{
    struct fixture *fixture = *state;
    int64_t listing = begin_listing(fixture, "h", "all");
    int64_t shared = put_repo(fixture, "https://github.com/onnx/models", "onnx", "models");
    int64_t single = put_repo(fixture, "https://github.com/a/b", "a", "b");
    for (int n = 0; n < 300; n++) {
        struct made made;
        make_model(&made, n);
        assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, &made.model,
                                         n == 7 ? single : shared, err));
    }
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    int n = 0;
    assert_ok(ptmi_catalog_each_model(fixture->catalog, "h", shared, count_models, &n, err));
    assert_int_equal(n, 299);
    n = 0;
    assert_ok(ptmi_catalog_each_model(fixture->catalog, "h", 0, count_models, &n, err));
    assert_int_equal(n, 300);
}

/* --- large files --- */

static void put_large(struct fixture *fixture, int64_t repo, const char *path, char digit,
                      const char *outcome)
{
    char oid[65];
    memset(oid, digit, 64);
    oid[64] = 0;
    struct ptmi_large_row row = {path, oid, 100, outcome, NULL, NULL};
    assert_ok(ptmi_catalog_put_large(fixture->catalog, repo, &row, err));
}

static ptm_rc note_large(void *arg, const char *oid, int64_t size, struct ptm_err *err)
{
    char *text = arg;
    (void)err;
    assert_int_equal(size, 100);
    size_t len = strlen(text);
    text[len] = oid[0];
    text[len + 1] = 0;
    return PTM_OK;
}

static void test_catalog_repos__large_files_that_left_go(void **state)
{
    struct fixture *fixture = *state;
    char text[64] = "";
    int64_t one = put_repo(fixture, "https://github.com/a/b", "a", "b");
    int64_t two = put_repo(fixture, "https://github.com/a/c", "a", "c");
    assert_ok(ptmi_catalog_large_begin(fixture->catalog, one, err));
    put_large(fixture, one, "x", '1', "fetched");
    put_large(fixture, one, "y", '2', "lost");
    put_large(fixture, one, "z", '3', "present");
    assert_ok(ptmi_catalog_large_end(fixture->catalog, one, err));
    put_large(fixture, two, "x", '1', "elsewhere");
    put_large(fixture, two, "w", '4', "failed");
    assert_ok(ptmi_catalog_each_large(fixture->catalog, 0, note_large, text, err));
    assert_string_equal(text, "13");
    struct ptmi_hub_status status;
    assert_ok(ptmi_catalog_status(fixture->catalog, "h", &status, err));
    assert_int_equal(status.large_objects, 2);
    assert_int_equal(status.large_bytes, 200);
    assert_int_equal(status.large_lost, 1);
    assert_int_equal(status.large_failed, 1);

    assert_ok(ptmi_catalog_large_begin(fixture->catalog, one, err));
    put_large(fixture, one, "x", '5', "fetched");
    text[0] = 0;
    assert_ok(ptmi_catalog_each_large(fixture->catalog, one, note_large, text, err));
    assert_string_equal(text, "135"); /* until the pass ends nothing is forgotten */
    assert_ok(ptmi_catalog_large_end(fixture->catalog, one, err));
    text[0] = 0;
    assert_ok(ptmi_catalog_each_large(fixture->catalog, one, note_large, text, err));
    assert_string_equal(text, "5");
    struct ptmi_large_row bad = {"x", "../../etc", 1, "fetched", NULL, NULL};
    assert_error(ptmi_catalog_put_large(fixture->catalog, one, &bad, err), PTM_EINVAL, "SHA-256");
}

/* PTM_OK when all of the WAL can be moved away: no reader stands in the middle of it. */
static ptm_rc no_reader(void *arg, const struct ptmi_repo *repo, struct ptm_err *err)
{
    const struct fixture *fixture = arg;
    sqlite3 *db = NULL;
    int pages = 0, moved = -1;
    (void)repo;
    (void)err;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &pages, &moved), SQLITE_OK);
    sqlite3_close(db);
    return PTM_OK;
}

static void test_catalog_repos__a_walk_holds_no_transaction(void **state)
{
    struct fixture *fixture = *state;
    list_range(fixture, "h", 0, 300, true);
    assert_ok(
        ptmi_catalog_each_repo(fixture->catalog, "h", PTMI_REPOS_ALL, no_reader, fixture, err));
    int64_t run;
    struct ptmi_selected out;
    assert_ok(ptmi_catalog_run_begin(fixture->catalog, "run", &run, err));
    struct ptmi_select what = {.hub = "h", .run = run, .all = true};
    assert_ok(ptmi_catalog_select(fixture->catalog, &what, &out, err));
    assert_int_equal(out.repos, 300);
    assert_ok(ptmi_catalog_each_chosen(fixture->catalog, "h", run, no_reader, fixture, err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_catalog_repos__one_row_a_clone_url),
        TEST(test_catalog_repos__folders_that_fold_alike_are_refused),
        TEST(test_catalog_repos__walk_tells_state_and_best_model),
        TEST(test_catalog_repos__models_of_one_are_found),
        TEST(test_catalog_repos__large_files_that_left_go),
        TEST(test_catalog_repos__a_walk_holds_no_transaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
