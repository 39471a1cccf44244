/* SPDX-License-Identifier: MIT */
/* test_catalog_scan.c - what --scan read: rows a file, when a repository counts as scanned, and the
 * schema's second step. */
#include "catalog_testing.h"

static int64_t put_repo(struct fixture *fixture)
{
    int64_t repo = 0;
    assert_ok(ptmi_catalog_put_repo(fixture->catalog, "h", "https://github.com/a/b", "a", "b", NULL,
                                    &repo, err));
    return repo;
}

static const struct ptmi_scan_row OF = {.sha = "c0ffee",
                                        .objects = 2,
                                        .version = "1.0",
                                        .files = 5,
                                        .bytes = 99,
                                        .verdict = "dangerous"};

static void put_file(struct fixture *fixture, int64_t repo, const char *path, const char *verdict)
{
    struct ptmi_weight_row row = {.path = path,
                                  .bytes = 10,
                                  .format = "pytorch-zip",
                                  .tensors = 2,
                                  .parameters = 7,
                                  .dtypes = "{\"float32\":7}",
                                  .verdict = verdict,
                                  .findings = "[]"};
    assert_ok(ptmi_catalog_put_weight_file(fixture->catalog, repo, &row, err));
}

/* What the batch holds is written, so that another connection sees it. */
static int64_t flushed_int(struct fixture *fixture, const char *sql)
{
    PTMI_HELD(fixture->catalog);
    assert_ok(ptmi_write_flush(fixture->catalog, err));
    return sql_int(fixture, sql);
}

static bool is_scanned(struct fixture *fixture, int64_t repo, const struct ptmi_scan_row *as)
{
    bool done = false;
    assert_ok(ptmi_catalog_scanned(fixture->catalog, repo, as, &done, err));
    return done;
}

static void test_catalog_scan__counts_for_one_commit_its_objects_and_version(void **state)
{
    struct fixture *fixture = *state;
    int64_t repo = put_repo(fixture);
    assert_false(is_scanned(fixture, repo, &OF));
    assert_ok(ptmi_catalog_scan_begin(fixture->catalog, repo, err));
    assert_false(is_scanned(fixture, repo, &OF));
    assert_ok(ptmi_catalog_scan_end(fixture->catalog, repo, &OF, err));
    assert_true(is_scanned(fixture, repo, &OF));
    struct ptmi_scan_row other = OF;
    other.sha = "decaf";
    assert_false(is_scanned(fixture, repo, &other));
    other = OF;
    other.objects = 3;
    assert_false(is_scanned(fixture, repo, &other));
    other = OF;
    other.version = "1.1";
    assert_false(is_scanned(fixture, repo, &other));
    /* One that is cut short must be made again. */
    assert_ok(ptmi_catalog_scan_begin(fixture->catalog, repo, err));
    assert_false(is_scanned(fixture, repo, &OF));
}

static void test_catalog_scan__files_that_left_go(void **state)
{
    struct fixture *fixture = *state;
    int64_t repo = put_repo(fixture);
    assert_ok(ptmi_catalog_scan_begin(fixture->catalog, repo, err));
    put_file(fixture, repo, "model.pt", "clean");
    put_file(fixture, repo, "old.pt", "dangerous");
    assert_ok(ptmi_catalog_scan_end(fixture->catalog, repo, &OF, err));
    assert_ok(ptmi_catalog_scan_begin(fixture->catalog, repo, err));
    put_file(fixture, repo, "model.pt", "suspicious");
    assert_int_equal(flushed_int(fixture, "SELECT count(*) FROM weight_files"), 2);
    assert_ok(ptmi_catalog_scan_end(fixture->catalog, repo, &OF, err));
    assert_int_equal(flushed_int(fixture, "SELECT count(*) FROM weight_files"), 1);
    assert_int_equal(flushed_int(fixture,
                                 "SELECT verdict = 'suspicious' AND parameters = 7 AND path = "
                                 "'h/repos/a/b/model.pt' FROM weight_files_view"),
                     1);
}

static void test_catalog_scan__a_large_file_has_its_oid(void **state)
{
    struct fixture *fixture = *state;
    int64_t repo = put_repo(fixture);
    struct ptmi_large_row large = {
        .path = "model.pt",
        .oid = "0123456789012345678901234567890123456789012345678901234567890123",
        .size = 10,
        .outcome = "fetched"};
    assert_ok(ptmi_catalog_put_large(fixture->catalog, repo, &large, err));
    put_file(fixture, repo, "model.pt", "clean");
    put_file(fixture, repo, "small.pt", "clean");
    assert_int_equal(flushed_int(fixture,
                                 "SELECT count(*) FROM weight_files WHERE path = 'model.pt' "
                                 "AND oid LIKE '01234%'"),
                     1);
    assert_int_equal(flushed_int(fixture, "SELECT oid IS NULL FROM weight_files WHERE path = "
                                          "'small.pt'"),
                     1);
}

static void test_catalog_scan__an_older_catalogue_gets_the_tables(void **state)
{
    struct fixture *fixture = *state;
    int64_t repo = put_repo(fixture);
    ptmi_catalog_close(fixture->catalog);
    fixture->catalog = NULL;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "DROP VIEW weight_files_view; DROP TABLE weight_files; DROP "
                                  "TABLE weight_scans; PRAGMA user_version = 1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_ok(ptmi_catalog_open(fixture->ctx, fixture->path, false, &fixture->catalog, err));
    assert_ok(ptmi_catalog_scan_begin(fixture->catalog, repo, err));
    assert_ok(ptmi_catalog_scan_end(fixture->catalog, repo, &OF, err));
    assert_true(is_scanned(fixture, repo, &OF));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_catalog_scan__counts_for_one_commit_its_objects_and_version),
        TEST(test_catalog_scan__files_that_left_go),
        TEST(test_catalog_scan__a_large_file_has_its_oid),
        TEST(test_catalog_scan__an_older_catalogue_gets_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
