/* SPDX-License-Identifier: MIT */
/* test_catalog_listing.c - listings: order, resuming, failing, removal, models fetched by name,
 * many at once, memory. */
#include "catalog_testing.h"

#include <signal.h>
#include <time.h>

/* Its shadow memory counts as ours. */
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN true
#endif
#endif
#ifndef WITH_ASAN
#define WITH_ASAN false
#endif

static void test_catalog_listing__keeps_the_hubs_order_and_first_place(void **state)
{
    struct fixture *fixture = *state;
    int64_t listing = begin_listing(fixture, "h", "all");
    const int order[] = {5, 3, 9, 3, 1};
    bool has;
    for (int i = 0; i < 5; i++) put(fixture, listing, order[i]);
    assert_ok(ptmi_catalog_has_key(fixture->catalog, listing, "k000003", &has, err));
    assert_true(has);
    assert_ok(ptmi_catalog_has_key(fixture->catalog, listing, "k000004", &has, err));
    assert_false(has);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    char *text = export_records(fixture, "h");
    assert_true(place_of(text, "model-5\"") < place_of(text, "model-3\""));
    assert_true(place_of(text, "model-3\"") < place_of(text, "model-9\""));
    assert_true(place_of(text, "model-9\"") < place_of(text, "model-1\""));
    assert_int_equal(count_of(text, "\"ModelHub\""), 4);
    free(text);
}

static void test_catalog_listing__same_params_resume_other_params_start_over(void **state)
{
    struct fixture *fixture = *state;
    struct ptmi_listing listing = {0};
    int64_t first = begin_listing(fixture, "h", "siblings");
    put(fixture, first, 1);
    put(fixture, first, 2);
    assert_ok(ptmi_catalog_checkpoint(fixture->catalog, first, "page2", err));
    put(fixture, first, 3);
    ptmi_catalog_listing_abandon(fixture->catalog, first);
    ptmi_catalog_listing_abandon(fixture->catalog, first);

    assert_ok(ptmi_catalog_listing_begin(fixture->catalog, "h", "siblings", &listing, err));
    assert_true(listing.resumed);
    assert_int_equal(listing.id, first);
    assert_string_equal(listing.token, "page2");
    assert_int_equal(listing.count, 2);
    bool has;
    assert_ok(ptmi_catalog_has_key(fixture->catalog, listing.id, "k000003", &has, err));
    assert_false(has); /* came after the checkpoint */
    ptmi_catalog_listing_abandon(fixture->catalog, listing.id);
    ptmi_listing_clear(&listing);

    assert_ok(ptmi_catalog_listing_begin(fixture->catalog, "h", "no siblings", &listing, err));
    assert_false(listing.resumed);
    assert_null(listing.token);
    assert_int_equal(listing.count, 0);
    assert_int_not_equal(listing.id, first);
    ptmi_listing_clear(&listing);
    assert_error(ptmi_catalog_checkpoint(fixture->catalog, first, "x", err), PTM_EINVAL,
                 "not open");
}

static void list_until_killed(struct fixture *fixture)
{
    ptmi_catalog *catalog = NULL;
    struct ptmi_listing listing = {0};
    struct ptm_err err = {0};
    if (ptmi_catalog_open(fixture->ctx, fixture->path, false, &catalog, &err) != PTM_OK) _exit(1);
    if (ptmi_catalog_listing_begin(catalog, "h", "all", &listing, &err) != PTM_OK) _exit(2);
    for (int n = (int)listing.count;; n++) {
        struct made made;
        make_model(&made, n);
        if (ptmi_catalog_put_model(catalog, listing.id, &made.model, 0, &err) != PTM_OK) _exit(3);
        char token[16];
        snprintf(token, sizeof token, "%d", n + 1);
        if (n % 50 == 49 && ptmi_catalog_checkpoint(catalog, listing.id, token, &err) != PTM_OK)
            _exit(4);
    }
}

static void test_catalog_listing__survives_kill_at_the_checkpoint(void **state)
{
    struct fixture *fixture = *state;
    close_catalog(fixture);
    for (int round = 0; round < 5; round++) {
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            list_until_killed(fixture);
            _exit(0);
        }
        nanosleep(&(struct timespec){.tv_nsec = (40 + 31 * round) * 1000000L}, NULL);
        int status = 0;
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
    }
    open_catalog(fixture);
    struct ptmi_listing listing = {0};
    assert_ok(ptmi_catalog_listing_begin(fixture->catalog, "h", "all", &listing, err));
    int64_t count = listing.count;
    assert_true(count == 0 || listing.resumed);
    assert_int_equal(count % 50, 0);
    if (count) assert_int_equal(atoll(listing.token), count);
    for (int n = (int)count; n < (int)count + 10; n++) put(fixture, listing.id, n);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing.id, err));
    ptmi_listing_clear(&listing);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models_view"), count + 10);
    assert_int_equal(
        sql_int(fixture, "SELECT count(DISTINCT position) = 1 + max(position) FROM models_view"),
        1);
    assert_int_equal(
        sql_int(fixture,
                "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1);
}

static void test_catalog_listing__a_failing_one_disturbs_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct ptmi_export what = export_of(fixture, "h");
    int64_t listing = begin_listing(fixture, "h", "all");
    for (int n = 0; n < 10; n++) put(fixture, listing, n);
    assert_ok(ptmi_catalog_put_document(fixture->catalog, listing, "json/metadata/doc.json", "old",
                                        3, NULL, err));
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    char *before = export_records(fixture, "h");

    listing = begin_listing(fixture, "h", "all");
    for (int n = 9; n >= 5; n--) put(fixture, listing, n);
    put(fixture, listing, 77);
    assert_ok(ptmi_catalog_put_document(fixture->catalog, listing, "json/metadata/doc.json", "new",
                                        3, NULL, err));
    assert_ok(ptmi_catalog_checkpoint(fixture->catalog, listing, "t", err));
    char *during = export_records(fixture, "h");
    assert_string_equal(before, during);
    ptmi_catalog_listing_abandon(fixture->catalog, listing);
    char *after = export_records(fixture, "h");
    assert_string_equal(before, after);
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err));
    char *doc = read_below(fixture, "h/json/metadata/doc.json");
    assert_string_equal(doc, "old");
    free(doc);
    free(before);
    free(during);
    free(after);

    bool listed;
    char at[32];
    assert_ok(ptmi_catalog_listed(fixture->catalog, "h", &listed, at, err));
    assert_true(listed);
    assert_int_equal(strlen(at), 20);
    assert_ok(ptmi_catalog_listed(fixture->catalog, "other", &listed, at, err));
    assert_false(listed);
    assert_string_equal(at, "");
}

static void test_catalog_listing__first_one_shows_what_arrived(void **state)
{
    struct fixture *fixture = *state;
    struct ptmi_export what = export_of(fixture, "h");
    bool changed = true;
    int64_t records = 7;
    assert_ok(ptmi_catalog_export_records(fixture->catalog, &what, &records, &changed, err));
    assert_false(changed);
    assert_int_equal(records, 0);
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err));
    assert_false(is_below(fixture, "h/json/metadata/all.json"));

    int64_t listing = begin_listing(fixture, "h", "all");
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err));
    assert_false(is_below(fixture, "h/json/metadata/all.json"));
    put(fixture, listing, 1);
    char *text = export_records(fixture, "h");
    assert_int_equal(count_of(text, "ModelHub\""), 1);
    free(text);
    ptmi_catalog_listing_abandon(fixture->catalog, listing);

    listing = begin_listing(fixture, "empty", "all");
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    what.hub = "empty";
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err));
    text = read_below(fixture, "empty/json/metadata/all.json");
    assert_string_equal(text, "[]\n");
    free(text);
}

static void test_catalog_listing__removed_models_leave_a_tombstone(void **state)
{
    struct fixture *fixture = *state;
    list_range(fixture, "h", 0, 10, false);
    int64_t first_seen = sql_int(fixture, "SELECT first_seen FROM models WHERE key = 'k000003'");
    list_range(fixture, "h", 5, 12, false);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models WHERE removed_at IS NOT NULL"),
                     5);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models_view"), 7);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM listing_entries"), 7);
    struct ptmi_hub_status status;
    assert_ok(ptmi_catalog_status(fixture->catalog, "h", &status, err));
    assert_int_equal(status.models, 7);
    assert_int_equal(status.removed, 5);
    list_range(fixture, "h", 0, 10, false);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models WHERE removed_at IS NOT NULL"),
                     2);
    assert_int_equal(sql_int(fixture, "SELECT first_seen FROM models WHERE key = 'k000003'"),
                     first_seen);
}

static void test_catalog_listing__facts_follow_and_lists_are_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct made made;
    const char *tags[] = {"gguf", "license:mit", "gguf"};
    const char *authors[] = {"Ann", "Bob"};
    const char *bases[] = {"finetune:a/b", "c/d", "hub:80/x"};
    struct ptm_dataset datasets[] = {{"squad", NULL, NULL, NULL, NULL}};
    struct ptm_file files[] = {{"a.bin", 5, NULL}, {"b.bin", -1, NULL}};
    struct ptm_entry_point points[] = {
        {"pytorch/vision", "v0.10.0", "resnet18", "torch.hub.load(..)", 12}};
    for (int round = 0; round < 2; round++) {
        int64_t listing = begin_listing(fixture, "h", "all");
        struct ptm_model *model = make_model(&made, 1);
        model->tags = tags;
        model->n_tags = round ? 1 : 3;
        model->authors = authors;
        model->n_authors = round ? 0 : 2;
        model->base_models = bases;
        model->n_base_models = 3;
        model->datasets = datasets;
        model->n_datasets = round ? 0 : 1;
        model->files = files;
        model->n_files = 2;
        model->entry_points = points;
        model->n_entry_points = 1;
        model->license = round ? "apache-2.0" : "mit";
        assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, model, 0, err));
        assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
        assert_int_equal(sql_int(fixture, "SELECT count(*) FROM model_tags"), round ? 1 : 2);
        assert_int_equal(sql_int(fixture, "SELECT count(*) FROM model_authors"), round ? 0 : 2);
        assert_int_equal(sql_int(fixture, "SELECT count(*) FROM model_datasets"), round ? 0 : 1);
        assert_int_equal(sql_int(fixture, "SELECT count(*) FROM base_models"), 3);
        assert_int_equal(
            sql_int(
                fixture,
                "SELECT count(*) FROM base_models WHERE relation = 'finetune' AND base = 'a/b'"),
            1);
        assert_int_equal(
            sql_int(fixture, "SELECT count(*) FROM files WHERE count = 2 AND bytes IS NULL"), 1);
        assert_int_equal(sql_int(fixture, "SELECT license = 'mit' FROM models_view"), !round);
    }
    struct ptmi_buf json = PTMI_BUF(1 << 20);
    assert_ok(ptmi_catalog_show(fixture->catalog, "h", "owner1/model-1", true, &json, err));
    assert_non_null(
        strstr(json.data, "\"entry_points\":[{\"repo\":\"pytorch/vision\",\"ref\":\"v0.10.0\""));
    assert_non_null(strstr(json.data, "{\"path\":\"a.bin\",\"size\":5},{\"path\":\"b.bin\"}"));
    assert_non_null(strstr(json.data, "\"tags\":[\"gguf\"]"));
    assert_non_null(strstr(json.data, "\"source_url\":\"https://hub.example/api?page=1\""));
    assert_non_null(strstr(json.data, made.raw));
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    assert_ok(ptmi_json_parse(json.data, json.len, "show", &doc, err));
    ptmi_buf_clear(&json);
    assert_error(ptmi_catalog_show(fixture->catalog, "h", "nobody/nothing", true, &json, err),
                 PTM_ENOENT, "h/nobody/nothing");
}

static void test_catalog_listing__refuses_what_cannot_be_kept(void **state)
{
    struct fixture *fixture = *state;
    struct made made;
    int64_t listing = begin_listing(fixture, "h", "all");
    make_model(&made, 1)->key = "";
    assert_error(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, 0, err), PTM_EINVAL,
                 "key");
    make_model(&made, 1)->name = NULL;
    assert_error(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, 0, err), PTM_EINVAL,
                 "name");
    make_model(&made, 1)->n_tags = 1u << 30;
    assert_error(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, 0, err), PTM_ELIMIT,
                 "model-1");
    assert_error(
        ptmi_catalog_put_document(fixture->catalog, listing, "../../etc/x", "a", 1, NULL, err),
        PTM_EUNSAFE, "");
    /* The bad ones left nothing behind, the good one stays. */
    put(fixture, listing, 2);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models"), 1);
}

/* A write that fails half-way must not let a listing finish that has lost a part. */
static void test_catalog_listing__a_broken_one_goes_back_to_its_checkpoint(void **state)
{
    struct fixture *fixture = *state;
    struct made made;
    struct ptmi_listing again = {0};
    int64_t listing = begin_listing(fixture, "h", "all");
    put(fixture, listing, 1);
    assert_ok(ptmi_catalog_checkpoint(fixture->catalog, listing, "t", err));
    put(fixture, listing, 2);
    make_model(&made, 3)->license = "a new one";
    assert_error(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, 4711, err), PTM_EDB,
                 "FOREIGN KEY");
    make_model(&made, 4);
    assert_error(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, 0, err), PTM_EDB,
                 "FOREIGN KEY");
    assert_error(ptmi_catalog_listing_finish(fixture->catalog, listing, err), PTM_EDB,
                 "FOREIGN KEY");
    ptmi_catalog_listing_abandon(fixture->catalog, listing);
    assert_ok(ptmi_catalog_listing_begin(fixture->catalog, "h", "all", &again, err));
    assert_int_equal(again.count, 1);
    assert_string_equal(again.token, "t");
    make_model(&made, 3)->license = "a new one"; /* interned by the write that was undone */
    assert_ok(ptmi_catalog_put_model(fixture->catalog, again.id, &made.model, 0, err));
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, again.id, err));
    ptmi_listing_clear(&again);
    assert_int_equal(
        sql_int(fixture, "SELECT count(*) FROM models_view WHERE license = 'a new one'"), 1);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models_view"), 2);
}

static void test_catalog_listing__models_by_name_stand_behind(void **state)
{
    struct fixture *fixture = *state;
    struct made made;
    int64_t repo;
    make_model(&made, 50);
    assert_ok(ptmi_catalog_put_repo(fixture->catalog, "h", made.url, "owner1", "model-50", NULL,
                                    &repo, err));
    assert_ok(ptmi_catalog_put_model_one(fixture->catalog, "h", &made.model, repo, err));
    make_model(&made, 51);
    assert_ok(ptmi_catalog_put_model_one(fixture->catalog, "h", &made.model, 0, err));
    assert_ok(ptmi_catalog_put_model_one(fixture->catalog, "h", &made.model, 0, err));
    char *text = export_records(fixture, "h");
    assert_int_equal(count_of(text, "\"ModelHub\""), 2);
    free(text);

    /* A listing without them keeps the one whose clone is there. */
    struct ptmi_repo_state done = {.sha = "aa", .branch = "main", .changed = true};
    assert_ok(ptmi_catalog_repo_done(fixture->catalog, repo, &done, err));
    list_range(fixture, "h", 0, 3, false);
    text = export_records(fixture, "h");
    assert_int_equal(count_of(text, "\"ModelHub\""), 4);
    assert_non_null(strstr(text, "{\"id\":3,"));
    assert_true(place_of(text, "model-50") > place_of(text, "model-2\""));
    assert_null(strstr(text, "model-51"));
    free(text);
    struct ptmi_buf json = PTMI_BUF(1 << 20);
    assert_ok(ptmi_catalog_show(fixture->catalog, "h", "owner1/model-50", false, &json, err));
    assert_non_null(strstr(json.data, "\"record\":{\"id\":3,"));
    ptmi_buf_clear(&json);

    /* One that lists it makes it a model like any other. */
    list_range(fixture, "h", 49, 52, true);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models WHERE named"), 0);
    assert_int_equal(
        sql_int(fixture, "SELECT position FROM models_view WHERE name = 'owner1/model-50'"), 1);
    list_range(fixture, "h", 0, 3, false);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models_view"), 3);
}

/* --- at once --- */

static void list_other_hub(struct fixture *fixture)
{
    struct fixture other = *fixture;
    other.catalog = NULL;
    open_catalog(&other);
    list_range(&other, "other", 0, 3000, true);
    close_catalog(&other);
}

static void test_catalog_listing__two_processes_write_at_once(void **state)
{
    struct fixture *fixture = *state;
    close_catalog(fixture);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        list_other_hub(fixture);
        _exit(0);
    }
    open_catalog(fixture);
    list_range(fixture, "h", 0, 3000, true);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models_view WHERE hub = 'h'"), 3000);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models_view WHERE hub = 'other'"),
                     3000);
}

/* A hub that waits for the network between two models must not keep others from writing. */
static void test_catalog_listing__an_idle_listing_holds_no_lock(void **state)
{
    struct fixture *fixture = *state;
    int go[2];
    char byte = 0;
    close_catalog(fixture); /* SQLite's connections do not survive a fork */
    assert_int_equal(pipe(go), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (read(go[0], &byte, 1) != 1) _exit(1);
        alarm(60); /* instead of waiting for ever for a lock */
        list_other_hub(fixture);
        _exit(0);
    }
    open_catalog(fixture);
    int64_t listing = begin_listing(fixture, "h", "all");
    put(fixture, listing, 1);
    assert_int_equal(write(go[1], &byte, 1), 1);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(go[0]);
    close(go[1]);
    put(fixture, listing, 2);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models_view"), 3002);
}

struct reading {
    struct fixture *fixture;
    int64_t listing;
    int n;
};

static ptm_rc write_while_reading(void *arg, const struct ptmi_model_row *row, struct ptm_err *err)
{
    struct reading *reading = arg;
    struct made made;
    (void)row;
    make_model(&made, 10000 + reading->n++);
    return ptmi_catalog_put_model(reading->fixture->catalog, reading->listing, &made.model, 0, err);
}

static void test_catalog_listing__readers_and_writers_do_not_wait(void **state)
{
    struct fixture *fixture = *state;
    list_range(fixture, "h", 0, 500, false);
    struct reading reading = {fixture, begin_listing(fixture, "h", "all"), 0};
    assert_ok(
        ptmi_catalog_each_model(fixture->catalog, "h", 0, write_while_reading, &reading, err));
    assert_int_equal(reading.n, 500);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, reading.listing, err));
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models_view"), 500);
}

/* Threads of one process share the write connection: each sees its own writes, none loses any. */
struct worker {
    struct fixture *fixture;
    int n;
    bool ok;
};

static ptm_rc note_nothing(void *arg, const struct ptmi_repo *repo, struct ptm_err *err)
{
    (void)arg;
    (void)repo;
    (void)err;
    return PTM_OK;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    ptmi_catalog *catalog = worker->fixture->catalog;
    struct ptm_err err = {0};
    for (int i = 0; i < 60; i++) {
        char url[64], name[32];
        int64_t repo;
        snprintf(name, sizeof name, "r%d-%d", worker->n, i);
        snprintf(url, sizeof url, "https://other.example/%s", name);
        struct ptmi_repo_state done = {.sha = "abc", .branch = "main"};
        struct ptmi_failure failure = {
            .hub = "other", .id = name, .stage = "clone", .reason = "absent"};
        struct ptmi_hub_status status;
        if (ptmi_catalog_put_repo(catalog, "other", url, "a", name, NULL, &repo, &err) != PTM_OK ||
            ptmi_catalog_repo_done(catalog, repo, &done, &err) != PTM_OK ||
            ptmi_catalog_put_failure(catalog, &failure, &err) != PTM_OK ||
            ptmi_catalog_each_repo(catalog, "other", PTMI_REPOS_CLONED, note_nothing, NULL, &err) !=
                PTM_OK ||
            ptmi_catalog_status(catalog, "h", &status, &err) != PTM_OK)
            return NULL;
    }
    worker->ok = true;
    return NULL;
}

static void test_catalog_listing__threads_share_one_writer(void **state)
{
    struct fixture *fixture = *state;
    struct worker workers[4];
    pthread_t threads[4];
    int64_t listing = begin_listing(fixture, "h", "all");
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){fixture, i, false};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int n = 0; n < 2000; n++) put(fixture, listing, n);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(workers[i].ok);
    }
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM repositories WHERE sha = 'abc'"), 240);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM failures"), 240);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models_view"), 2000);
}

static void limit_pages(struct fixture *fixture, int more)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d",
             more ? (int)sql_int(fixture, "PRAGMA page_count") + more : 1000000);
    assert_int_equal(sqlite3_exec(fixture->catalog->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void test_catalog_listing__a_full_disk_loses_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct ptmi_listing again = {0};
    struct ptm_err full = {0};
    int64_t listing = begin_listing(fixture, "h", "all");
    for (int n = 0; n < 100; n++) put(fixture, listing, n);
    assert_ok(ptmi_catalog_checkpoint(fixture->catalog, listing, "100", err));
    limit_pages(fixture, 20);
    ptm_rc rc = PTM_OK;
    for (int n = 100; n < 5000 && rc == PTM_OK; n++) {
        struct made made;
        rc = ptmi_catalog_put_model(fixture->catalog, listing, make_model(&made, n), 0, &full);
    }
    assert_int_equal(rc, PTM_ENOSPC);
    assert_non_null(strstr(full.msg, "no space left"));
    assert_error(ptmi_catalog_listing_finish(fixture->catalog, listing, err), PTM_ENOSPC,
                 "no space left");
    ptmi_catalog_listing_abandon(fixture->catalog, listing);
    limit_pages(fixture, 0);
    assert_ok(ptmi_catalog_listing_begin(fixture->catalog, "h", "all", &again, err));
    assert_int_equal(again.count, 100);
    for (int n = 100; n < 1000; n++) put(fixture, again.id, n);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, again.id, err));
    ptmi_listing_clear(&again);
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM models_view"), 1000);
    assert_int_equal(
        sql_int(fixture,
                "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1);
}

/* --- memory --- */

/* AddressSanitizer keeps freed memory, so that the figure would be its own: fewer are enough there.
 */
enum { MANY = WITH_ASAN ? 10000 : 100000 };

static long peak_kb(void)
{
    char line[256];
    long kb = -1;
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) return -1;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %ld kB", &kb) == 1) break;
    fclose(file);
    return kb;
}

static void list_synthetic(struct fixture *fixture, int n)
{
    static const char *const TAGS[] = {"transformers",        "safetensors", "text-generation",
                                       "license:mit",         "region:us",   "en",
                                       "endpoints_compatible"};
    struct ptmi_listing listing = {0};
    struct timespec from, to;
    clock_t cpu = clock();
    clock_gettime(CLOCK_MONOTONIC, &from);
    assert_ok(ptmi_catalog_listing_begin(fixture->catalog, "huggingface", "all", &listing, err));
    for (int i = 0; i < n; i++) {
        struct made made;
        char own_tag[48], raw[700];
        const char *tags[8];
        memcpy(tags, TAGS, sizeof TAGS);
        snprintf(own_tag, sizeof own_tag, "base_model:owner/base-%d", i / 3);
        tags[7] = own_tag;
        struct ptm_model *model = make_model(&made, i);
        snprintf(raw, sizeof raw,
                 "{\"_id\":\"%s\",\"id\":\"%s\",\"likes\":%d,\"private\":false,\"downloads\":%d,"
                 "\"tags\":["
                 "\"transformers\",\"safetensors\",\"text-generation\",\"license:mit\",\"region:"
                 "us\",\"en\","
                 "\"endpoints_compatible\",\"%s\"],\"pipeline_tag\":\"text-generation\",\"library_"
                 "name\":"
                 "\"transformers\",\"createdAt\":\"2026-04-22T06:04:45.000Z\",\"modelId\":\"%s\"}",
                 made.key, made.name, i % 100, i, own_tag, made.name);
        model->raw = raw;
        model->raw_len = strlen(raw);
        model->tags = tags;
        model->n_tags = 8;
        model->task = "text-generation";
        model->library = "transformers";
        model->license = "mit";
        model->created_at = "2026-04-22T06:04:45.000Z";
        int64_t repo;
        char author[16], name[32];
        snprintf(author, sizeof author, "owner%d", i % 7);
        snprintf(name, sizeof name, "model-%d", i);
        assert_ok(ptmi_catalog_put_repo(fixture->catalog, "huggingface", made.url, author, name,
                                        NULL, &repo, err));
        assert_ok(ptmi_catalog_put_model(fixture->catalog, listing.id, model, repo, err));
        if (i % 1000 == 999)
            assert_ok(ptmi_catalog_checkpoint(fixture->catalog, listing.id, "next", err));
    }
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing.id, err));
    ptmi_listing_clear(&listing);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    double busy = (double)(clock() - cpu) / CLOCKS_PER_SEC;
    print_message("%d models listed in %.1f s (%.1f s of one core), %.0f a second; peak %ld kB\n",
                  n, s, busy, n / s, peak_kb());
}

static void test_catalog_listing__memory_does_not_grow_with_models(void **state)
{
    struct fixture *fixture = *state;
    list_synthetic(fixture, MANY / 10);
    list_synthetic(fixture, MANY); /* most of them new */
    list_synthetic(fixture, MANY); /* the same again */
    struct ptmi_export what = export_of(fixture, "huggingface");
    int64_t records = 0;
    assert_ok(ptmi_catalog_export_records(fixture->catalog, &what, &records, NULL, err));
    assert_int_equal(records, MANY);
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err));
    struct ptmi_select select = {
        .hub = "huggingface", .share = 0.1, .count = -1, .filter = "license = 'mit'"};
    struct ptmi_selected selected;
    assert_ok(ptmi_catalog_select(fixture->catalog, &select, &selected, err));
    assert_int_equal(selected.repos, MANY / 10);
    long peak = peak_kb();
    print_message("after exports and selection: peak %ld kB\n", peak);
    if (peak > 0 && !WITH_ASAN) assert_true(peak < 128 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_catalog_listing__keeps_the_hubs_order_and_first_place),
        TEST(test_catalog_listing__same_params_resume_other_params_start_over),
        TEST(test_catalog_listing__survives_kill_at_the_checkpoint),
        TEST(test_catalog_listing__a_failing_one_disturbs_nothing),
        TEST(test_catalog_listing__first_one_shows_what_arrived),
        TEST(test_catalog_listing__removed_models_leave_a_tombstone),
        TEST(test_catalog_listing__facts_follow_and_lists_are_replaced),
        TEST(test_catalog_listing__refuses_what_cannot_be_kept),
        TEST(test_catalog_listing__a_broken_one_goes_back_to_its_checkpoint),
        TEST(test_catalog_listing__models_by_name_stand_behind),
        TEST(test_catalog_listing__two_processes_write_at_once),
        TEST(test_catalog_listing__an_idle_listing_holds_no_lock),
        TEST(test_catalog_listing__readers_and_writers_do_not_wait),
        TEST(test_catalog_listing__threads_share_one_writer),
        TEST(test_catalog_listing__a_full_disk_loses_nothing),
        TEST(test_catalog_listing__memory_does_not_grow_with_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
