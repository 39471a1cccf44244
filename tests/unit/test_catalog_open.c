/* SPDX-License-Identifier: MIT */
/* test_catalog_open.c - a catalogue that is new, foreign, damaged, newer, read-only, or on a
 * network file system. */
#include "catalog_testing.h"

#include <fcntl.h>
#include <sys/stat.h>

static void test_catalog_open__makes_folder_and_schema(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(sql_int(fixture, "PRAGMA user_version"), ptmi_migrate_newest());
    assert_int_equal(sql_int(fixture, "PRAGMA application_id"), 0x50544d31);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models_view"), 0);
    close_catalog(fixture);
    assert_int_equal(
        sql_int(fixture,
                "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1);
}

static void test_catalog_open__read_only_needs_a_catalogue(void **state)
{
    struct fixture *fixture = *state;
    ptmi_catalog *other = NULL;
    char absent[160];
    snprintf(absent, sizeof absent, "%s/none.db", fixture->root);
    assert_error(ptmi_catalog_open(fixture->ctx, absent, true, &other, err), PTM_ENOENT, "none.db");
    assert_false(ptmi_fs_exists(absent));

    assert_ok(ptmi_catalog_open(fixture->ctx, fixture->path, true, &other, err));
    assert_error(ptmi_catalog_clear_failure(other, "h", NULL, "list", err), PTM_EPERM,
                 "reading only");
    ptmi_catalog_close(other);
}

static void spoil(const struct fixture *fixture, off_t at, const char *bytes, size_t len)
{
    int fd = open(fixture->path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    close(fd);
}

static void test_catalog_open__damage_tells_the_way_out(void **state)
{
    struct fixture *fixture = *state;
    list_range(fixture, "h", 0, 2000, true);
    close_catalog(fixture);
    struct stat st;
    assert_int_equal(stat(fixture->path, &st), 0);
    assert_int_equal(truncate(fixture->path, st.st_size / 2), 0);
    assert_error(ptmi_catalog_open(fixture->ctx, fixture->path, false, &fixture->catalog, err),
                 PTM_ECORRUPT, "move it away and run again");
    assert_null(fixture->catalog);

    spoil(fixture, 0, "this is not a database at all, sorry", 36);
    assert_error(ptmi_catalog_open(fixture->ctx, fixture->path, false, &fixture->catalog, err),
                 PTM_ECORRUPT, fixture->path);
    assert_error(ptmi_catalog_open(fixture->ctx, fixture->path, true, &fixture->catalog, err),
                 PTM_ECORRUPT, fixture->path);
}

static void test_catalog_open__garbage_inside_is_found(void **state)
{
    struct fixture *fixture = *state;
    list_range(fixture, "h", 0, 200, true);
    close_catalog(fixture);
    char garbage[4096];
    memset(garbage, 0xa5, sizeof garbage);
    for (off_t page = 4; page < 30; page++) spoil(fixture, page * 4096, garbage, sizeof garbage);
    assert_error(ptmi_catalog_open(fixture->ctx, fixture->path, false, &fixture->catalog, err),
                 PTM_ECORRUPT, "damaged");
}

static void test_catalog_open__refuses_other_programs_databases(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    sqlite3 *db = NULL;
    ptmi_catalog *other = NULL;
    snprintf(path, sizeof path, "%s/browser.db", fixture->root);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE history (url TEXT)", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    assert_error(ptmi_catalog_open(fixture->ctx, path, false, &other, err), PTM_EINVAL,
                 "another program");
}

static void test_catalog_open__refuses_a_newer_schema(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *db = NULL;
    close_catalog(fixture);
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=999", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_error(ptmi_catalog_open(fixture->ctx, fixture->path, false, &fixture->catalog, err),
                 PTM_EUNSUPPORTED, "newer ptm");
}

static void test_catalog_open__refuses_a_negative_schema(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *db = NULL;
    close_catalog(fixture);
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=-1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_error(ptmi_catalog_open(fixture->ctx, fixture->path, false, &fixture->catalog, err),
                 PTM_ECORRUPT, "negative schema version");
}

static void test_catalog_open__network_file_systems_get_a_rollback_journal(void **state)
{
    struct fixture *fixture = *state;
    close_catalog(fixture);
    assert_ok(
        ptmi_catalog_open_as(fixture->ctx, fixture->path, false, true, &fixture->catalog, err));
    assert_non_null(strstr(fixture->log, "network file system"));
    list_range(fixture, "h", 0, 300, true);
    char wal[160];
    snprintf(wal, sizeof wal, "%s-wal", fixture->path);
    assert_false(ptmi_fs_exists(wal));
    char *text = export_records(fixture, "h");
    assert_int_equal(count_of(text, "\"ModelName\""), 300);
    free(text);
}

/* Writing from a callback must not wait for the walk's own read. */
static ptm_rc write_in_walk(void *arg, const struct ptmi_repo *repo, struct ptm_err *err)
{
    struct ptmi_repo_state done = {.sha = "0123", .branch = "main", .changed = true};
    return ptmi_catalog_repo_done(arg, repo->id, &done, err);
}

static void test_catalog_open__callbacks_may_write_without_wal(void **state)
{
    struct fixture *fixture = *state;
    close_catalog(fixture);
    assert_ok(
        ptmi_catalog_open_as(fixture->ctx, fixture->path, false, true, &fixture->catalog, err));
    list_range(fixture, "h", 0, 300, true);
    assert_ok(ptmi_catalog_each_repo(fixture->catalog, "h", PTMI_REPOS_ALL, write_in_walk,
                                     fixture->catalog, err));
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM repositories WHERE sha = '0123'"), 300);
}

static void try_read_only(struct fixture *fixture)
{
    ptmi_catalog *other = NULL;
    struct ptm_err err = {0};
    if (setuid(65534) != 0) _exit(9);
    if (ptmi_catalog_open(fixture->ctx, fixture->path, false, &other, &err) != PTM_EPERM) _exit(1);
    if (!strstr(err.msg, fixture->path) && !strstr(err.msg, fixture->root)) _exit(2);
    if (ptmi_catalog_open(fixture->ctx, fixture->path, true, &other, &err) != PTM_OK) _exit(3);
    struct ptmi_hub_status status;
    if (ptmi_catalog_status(other, "h", &status, &err) != PTM_OK || status.models != 5) _exit(4);
    ptmi_catalog_close(other);
}

static void test_catalog_open__read_only_root_is_readable(void **state)
{
    struct fixture *fixture = *state;
    if (getuid() != 0) {
        print_message("skipped: needs root to become another user\n");
        skip();
    }
    list_range(fixture, "h", 0, 5, false);
    close_catalog(fixture);
    assert_int_equal(chmod(fixture->root, 0755), 0);
    int status = in_child(try_read_only, fixture);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void open_and_list(struct fixture *fixture, int start)
{
    char go;
    if (read(start, &go, 1) != 0) _exit(4); /* ends when all are there */
    ptmi_catalog *catalog = NULL;
    struct ptm_err err = {0};
    int64_t run;
    if (ptmi_catalog_open(fixture->ctx, fixture->path, false, &catalog, &err) != PTM_OK) {
        fprintf(stderr, "%s\n", err.msg);
        _exit(1);
    }
    for (int i = 0; i < 20; i++) {
        if (ptmi_catalog_run_begin(catalog, "test", &run, &err) != PTM_OK) _exit(2);
        if (ptmi_catalog_run_end(catalog, run, 0, &err) != PTM_OK) _exit(3);
    }
    ptmi_catalog_close(catalog);
}

static void make_at_once(struct fixture *fixture)
{
    pid_t pids[6];
    int start[2];
    assert_int_equal(pipe(start), 0);
    fflush(NULL);
    for (int i = 0; i < 6; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            close(start[1]);
            open_and_list(fixture, start[0]);
            _exit(0);
        }
    }
    close(start[0]);
    close(start[1]);
    for (int i = 0; i < 6; i++) {
        int status = 0;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
}

static void test_catalog_open__many_processes_make_it_at_once(void **state)
{
    struct fixture *fixture = *state;
    close_catalog(fixture);
    char folder[160];
    snprintf(folder, sizeof folder, "%s/.ptm", fixture->root);
    for (int round = 0; round < 20; round++) {
        assert_ok(ptmi_fs_remove_tree(folder, err)); /* the -wal file, too */
        make_at_once(fixture);
        assert_int_equal(sql_int(fixture, "SELECT count(*) FROM runs WHERE ended_at IS NOT NULL"),
                         120);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_catalog_open__makes_folder_and_schema),
        TEST(test_catalog_open__read_only_needs_a_catalogue),
        TEST(test_catalog_open__damage_tells_the_way_out),
        TEST(test_catalog_open__garbage_inside_is_found),
        TEST(test_catalog_open__refuses_other_programs_databases),
        TEST(test_catalog_open__refuses_a_newer_schema),
        TEST(test_catalog_open__refuses_a_negative_schema),
        TEST(test_catalog_open__network_file_systems_get_a_rollback_journal),
        TEST(test_catalog_open__callbacks_may_write_without_wal),
        TEST(test_catalog_open__read_only_root_is_readable),
        TEST(test_catalog_open__many_processes_make_it_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
