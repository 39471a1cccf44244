/* SPDX-License-Identifier: MIT */
/* test_catalog_export.c - HUB.json, documents and raw arrays: the fields, the bytes, and that equal
 * content makes equal files. */
#include "catalog_testing.h"

#include <dirent.h>
#include <sys/stat.h>

/* --- records --- */

static void put_full(struct fixture *fixture, int64_t listing, int64_t repo)
{
    struct made made;
    const char *dois[] = {"10.48550/arXiv.1706.03762", "10.57967/hf/0039",
                          "10.48550/arxiv.1706.03762"};
    struct ptm_dataset datasets[] = {
        {"squad", NULL, NULL, NULL, NULL},
        {"c4", "allenai", "https://huggingface.co/datasets/allenai/c4",
         "https://huggingface.co/allenai", NULL},
        {"C4 (mirror)", NULL, "https://huggingface.co/datasets/allenai/c4", NULL, "10.1/x"},
    };
    struct ptm_model *model = make_model(&made, 1);
    model->datasets = datasets;
    model->n_datasets = 3;
    model->paper_dois = dois;
    model->n_paper_dois = 3;
    model->sha = "1111111111111111111111111111111111111111";
    model->task = "text \"generation\"\n";
    assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, model, repo, err));
}

static void test_catalog_export__records_join_hub_and_clone(void **state)
{
    struct fixture *fixture = *state;
    int64_t repo = 0;
    int64_t listing = begin_listing(fixture, "h", "all");
    assert_ok(ptmi_catalog_put_repo(fixture->catalog, "h", "https://hub.example/a/b", "a", "b",
                                    NULL, &repo, err));
    put_full(fixture, listing, repo);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    char *text = export_records(fixture, "h");
    assert_string_equal(
        text,
        "[\n"
        "{\"id\":0,\"ModelHub\":{\"ModelHubName\":\"Hub\",\"ModelHubURL\":\"https://hub.example/\","
        "\"MetadataFilePath\":\"h/json/metadata/all.json\",\"MetadataObjectID\":\"k000001\"},"
        "\"ModelName\":\"owner1/model-1\",\"ModelOwner\":\"owner\",\"ModelURL\":\"https://"
        "hub.example/owner1/model-1\","
        "\"ModelOwnerURL\":\"https://hub.example/owner\","
        "\"LatestGitCommitSHA\":\"1111111111111111111111111111111111111111\","
        "\"Datasets\":[{\"DatasetName\":\"squad\",\"DatasetOwner\":\"\",\"DatasetURL\":\"\","
        "\"DatasetOwnerURL\":\"\"},"
        "{\"DatasetName\":\"c4\",\"DatasetOwner\":\"allenai\",\"DatasetURL\":\"https://"
        "huggingface.co/datasets/allenai/c4\","
        "\"DatasetOwnerURL\":\"https://huggingface.co/allenai\",\"DatasetPaperDOI\":\"10.1/x\"}],"
        "\"ModelPaperDOIs\":[\"10.48550/arXiv.1706.03762\",\"10.57967/hf/0039\"],"
        "\"ModelTask\":\"text \\\"generation\\\"\\n\"}\n"
        "]\n");
    free(text);

    struct ptm_dataset told[] = {{"squad", "rajpurkar", "https://hub.example/squad", NULL, NULL},
                                 {"imagenet", NULL, NULL, NULL, NULL}};
    const char *dois[] = {"10.57967/HF/0039", "10.5/new"};
    struct ptmi_clone_facts facts = {.sha = "3333333333333333333333333333333333333333",
                                     .task = "ignored: the hub told one",
                                     .architecture = "gpt2",
                                     .datasets = told,
                                     .n_datasets = 2,
                                     .paper_dois = dois,
                                     .n_paper_dois = 2};
    int64_t model = sql_int(fixture, "SELECT id FROM models");
    struct ptmi_repo_state done = {
        .sha = "2222222222222222222222222222222222222222", .branch = "main", .changed = true};
    assert_ok(ptmi_catalog_repo_done(fixture->catalog, repo, &done, err));
    text = export_records(fixture, "h");
    assert_non_null(
        strstr(text, "\"LatestGitCommitSHA\":\"2222222222222222222222222222222222222222\""));
    free(text);
    for (int again = 0; again < 2; again++)
        assert_ok(ptmi_catalog_put_facts(fixture->catalog, model, &facts, err));
    text = export_records(fixture, "h");
    assert_non_null(
        strstr(text, "\"LatestGitCommitSHA\":\"3333333333333333333333333333333333333333\""));
    assert_non_null(
        strstr(text, "{\"DatasetName\":\"squad\",\"DatasetOwner\":\"rajpurkar\",\"DatasetURL\":"
                     "\"https://hub.example/squad\",\"DatasetOwnerURL\":\"\"}"));
    assert_int_equal(count_of(text, "\"DatasetName\""), 3);
    assert_non_null(
        strstr(text, "[\"10.48550/arXiv.1706.03762\",\"10.57967/hf/0039\",\"10.5/new\"]"));
    assert_non_null(strstr(text, "\"ModelArchitecture\":\"gpt2\"}"));
    assert_null(strstr(text, "ignored"));
    free(text);

    /* A listing without change keeps what the clone told. */
    listing = begin_listing(fixture, "h", "all");
    put_full(fixture, listing, repo);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    text = export_records(fixture, "h");
    assert_non_null(strstr(text, "imagenet"));
    free(text);
}

static void test_catalog_export__compat_v1_writes_what_the_reference_wrote(void **state)
{
    struct fixture *fixture = *state;
    struct made made;
    int64_t listing = begin_listing(fixture, "h", "all");
    make_model(&made, 1)->object_id = "17";
    made.model.object_id_is_int = true;
    assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, 0, err));
    make_model(&made, 2)->object_id = "seventeen";
    made.model.object_id_is_int = true;
    assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, 0, err));
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    char *text = export_records(fixture, "h");
    assert_non_null(strstr(text, "\"MetadataObjectID\":17}"));
    assert_non_null(strstr(text, "\"MetadataObjectID\":\"seventeen\"}"));
    free(text);
    struct ptmi_export what = export_of(fixture, "h");
    what.compat_v1 = true;
    what.url = "https://old.example";
    assert_ok(ptmi_catalog_export_records(fixture->catalog, &what, NULL, NULL, err));
    text = read_below(fixture, "h/json/h.json");
    assert_non_null(strstr(text, "\"MetadataObjectID\":\"17\"}"));
    assert_non_null(strstr(text, "\"ModelHubURL\":\"https://old.example\""));
    assert_int_equal(count_of(text, "\"Dataset\":[]"), 2);
    assert_int_equal(count_of(text, "\"Datasets\""), 0);
    free(text);
}

static void put_shuffled(struct fixture *fixture, int64_t listing, int n)
{
    struct made made;
    const char *tags[] = {"b", "a"};
    struct ptm_dataset datasets[] = {{"d2", NULL, NULL, NULL, NULL},
                                     {"d1", NULL, NULL, NULL, NULL}};
    struct ptm_model *model = make_model(&made, n);
    model->tags = tags;
    model->n_tags = 2;
    model->datasets = datasets;
    model->n_datasets = (size_t)(n % 3);
    assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, model, 0, err));
}

/* What the catalogue went through before must not show in the bytes. */
static void test_catalog_export__bytes_depend_on_content_alone(void **state)
{
    struct fixture *fixture = *state;
    struct ptmi_export what = export_of(fixture, "h");
    int64_t listing = begin_listing(fixture, "h", "all");
    for (int n = 0; n < 200; n++) put_shuffled(fixture, listing, n);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    char *direct = export_records(fixture, "h");
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err));
    char *raw = read_below(fixture, "h/json/metadata/all.json");

    close_catalog(fixture);
    assert_int_equal(unlink(fixture->path), 0);
    open_catalog(fixture);
    listing = begin_listing(fixture, "h", "other");
    for (int n = 250; n > 30; n--) put_shuffled(fixture, listing, n);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    listing = begin_listing(fixture, "h", "all");
    for (int n = 0; n < 120; n++) put_shuffled(fixture, listing, n);
    assert_ok(ptmi_catalog_checkpoint(fixture->catalog, listing, "120", err));
    for (int n = 120; n < 130; n++) put_shuffled(fixture, listing, n);
    ptmi_catalog_listing_abandon(fixture->catalog, listing);
    listing = begin_listing(fixture, "h", "all");
    for (int n = 120; n < 200; n++) put_shuffled(fixture, listing, n);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    char *devious = export_records(fixture, "h");
    assert_string_equal(direct, devious);
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err));
    char *devious_raw = read_below(fixture, "h/json/metadata/all.json");
    assert_string_equal(raw, devious_raw);
    free(direct);
    free(raw);
    free(devious);
    free(devious_raw);
}

static void test_catalog_export__files_are_written_only_when_they_change(void **state)
{
    struct fixture *fixture = *state;
    struct ptmi_export what = export_of(fixture, "h");
    bool changed;
    int64_t records;
    struct stat before, after;
    char path[128];
    snprintf(path, sizeof path, "%s/h/json/h.json", fixture->root);
    list_range(fixture, "h", 0, 10, false);
    assert_ok(ptmi_catalog_export_records(fixture->catalog, &what, &records, &changed, err));
    assert_true(changed);
    assert_int_equal(records, 10);
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, &changed, err));
    assert_true(changed);
    assert_int_equal(stat(path, &before), 0);
    list_range(fixture, "h", 0, 10, false);
    assert_ok(ptmi_catalog_export_records(fixture->catalog, &what, &records, &changed, err));
    assert_false(changed);
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, &changed, err));
    assert_false(changed);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

/* --- documents and arrays --- */

static void test_catalog_export__documents_stand_as_they_came(void **state)
{
    struct fixture *fixture = *state;
    struct ptmi_export what = export_of(fixture, "h");
    char large[5000];
    int64_t listing = begin_listing(fixture, "h", "all");
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = 0;
    assert_ok(ptmi_catalog_put_document(fixture->catalog, listing, "html/metadata/models/a.html",
                                        "<p>a</p>", 8, "https://hub.example/a", err));
    assert_ok(ptmi_catalog_put_document(fixture->catalog, listing, "html/metadata/large.html",
                                        large, sizeof large - 1, NULL, err));
    assert_ok(ptmi_catalog_put_document(fixture->catalog, listing, "json/metadata/empty.json", "",
                                        0, NULL, err));
    /* Would be taken for a packed value when read back. */
    assert_ok(ptmi_catalog_put_document(fixture->catalog, listing, "json/metadata/odd",
                                        "\x28\xb5\x2f\xfd!", 5, NULL, err));
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err));
    char *text = read_below(fixture, "h/html/metadata/models/a.html");
    assert_string_equal(text, "<p>a</p>");
    free(text);
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err));
    text = read_below(fixture, "h/html/metadata/large.html");
    assert_string_equal(text, large);
    free(text);
    text = read_below(fixture, "h/json/metadata/empty.json");
    assert_string_equal(text, "");
    free(text);
    text = read_below(fixture, "h/json/metadata/odd");
    assert_memory_equal(text, "\x28\xb5\x2f\xfd!", 5);
    free(text);
    /* One not written in the next listing is no longer the hub's. */
    listing = begin_listing(fixture, "h", "all");
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    assert_int_equal(sql_int(fixture, "SELECT count(*) FROM documents"), 0);
}

static void put_raw(struct fixture *fixture, int64_t listing, int n, const char *raw,
                    const char *file)
{
    struct made made;
    make_model(&made, n)->raw = raw;
    made.model.raw_len = strlen(raw);
    made.model.metadata_file = file;
    made.model.object_id = NULL;
    assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, 0, err));
}

static void test_catalog_export__arrays_number_records_without_id(void **state)
{
    struct fixture *fixture = *state;
    static const char *const PATHS[] = {"json/metadata/a.json", "json/metadata/b.json", NULL};
    static const bool ADDS[] = {true, false};
    struct ptmi_export what = export_of(fixture, "h");
    what.arrays = PATHS;
    what.array_adds_id = ADDS;
    int64_t listing = begin_listing(fixture, "h", "all");
    put_raw(fixture, listing, 0, "{\"x\": 1.0}", PATHS[0]);
    put_raw(fixture, listing, 1, "{\"y\":2}", PATHS[1]);
    put_raw(fixture, listing, 2, "{\n  \"a b\" : \"c \\\" \\\\\",\r\n\t\"d\": [ 1, 2 ]\n}",
            PATHS[0]);
    put_raw(fixture, listing, 3, "{}", PATHS[0]);
    put_raw(fixture, listing, 4, "{\"id\":\"own\",\"z\":1e400}", PATHS[0]);
    /* The hub counted one that could not be had: the file has no gap. */
    struct made made;
    make_model(&made, 5)->object_id = "99";
    made.model.object_id_is_int = true;
    made.model.raw = "{\"w\":3}";
    made.model.raw_len = 7;
    made.model.metadata_file = PATHS[0];
    assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, 0, err));
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err));
    char *text = read_below(fixture, "h/json/metadata/a.json");
    assert_string_equal(
        text,
        "[\n{\"id\":0,\"x\": 1.0},\n{\"id\":1,\"a b\":\"c \\\" \\\\\",\"d\":[1,2]},\n{\"id\":2},\n"
        "{\"id\":\"own\",\"z\":1e400},\n{\"id\":4,\"w\":3}\n]\n");
    free(text);
    text = read_below(fixture, "h/json/metadata/b.json");
    assert_string_equal(text, "[\n{\"y\":2}\n]\n");
    free(text);
    /* The record names the id that the file holds. */
    assert_ok(ptmi_catalog_export_records(fixture->catalog, &what, NULL, NULL, err));
    text = read_below(fixture, "h/json/h.json");
    assert_non_null(
        strstr(text, "\"MetadataFilePath\":\"h/json/metadata/a.json\",\"MetadataObjectID\":1}"));
    assert_non_null(
        strstr(text, "\"MetadataFilePath\":\"h/json/metadata/b.json\",\"MetadataObjectID\":\"\"}"));
    assert_non_null(strstr(text, "\"MetadataObjectID\":4}"));
    free(text);
    struct ptmi_buf json = PTMI_BUF(1 << 20);
    assert_ok(ptmi_catalog_show(fixture->catalog, "h", "owner5/model-5", false, &json, err));
    assert_non_null(strstr(json.data, "\"MetadataObjectID\":4}"));
    ptmi_buf_clear(&json);
}

/* --- the real records --- */

struct round_trip {
    struct fixture *fixture;
    int64_t listing;
    struct ptmi_buf expected;
    int n;
};

static ptm_rc put_real(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    struct round_trip *trip = arg;
    struct made made;
    struct ptm_model *model = make_model(&made, trip->n++);
    model->raw = item;
    model->raw_len = len;
    model->metadata_file = "json/metadata/all.json";
    PTM_TRY(ptmi_buf_puts(&trip->expected, trip->n > 1 ? ",\n" : "[\n", err));
    PTM_TRY(ptmi_json_one_line(item, len, &trip->expected, err));
    return ptmi_catalog_put_model(trip->fixture->catalog, trip->listing, model, 0, err);
}

static void put_file(struct round_trip *trip, const char *path)
{
    char *text = NULL;
    size_t len = 0;
    assert_ok(ptmi_fs_read(path, 64u << 20, &text, &len, err));
    if (text[strspn(text, " \t\r\n")] == '[') {
        assert_ok(ptmi_json_each_item(text, len, path, put_real, trip, err));
    } else {
        while (len && strchr(" \t\r\n", text[len - 1])) len--;
        struct ptm_err err = {0};
        assert_int_equal(put_real(trip, text, len, &err), PTM_OK);
    }
    free(text);
}

static int put_folder(struct round_trip *trip, const char *hubdata, const char *name)
{
    char path[1024];
    int files = 0;
    snprintf(path, sizeof path, "%s/huggingface/%s", hubdata, name);
    DIR *dir = opendir(path);
    if (!dir) return 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!ptmi_str_ends(entry->d_name, ".json")) continue;
        snprintf(path, sizeof path, "%s/huggingface/%s/%s", hubdata, name, entry->d_name);
        put_file(trip, path);
        files++;
    }
    closedir(dir);
    return files;
}

/* Is every byte of every real record there again, number texts and key order included? */
static void test_catalog_export__real_records_come_back_byte_for_byte(void **state)
{
    struct fixture *fixture = *state;
    static const char *const FOLDERS[] = {"list_pages_raw", "model_info",       "models_json_web",
                                          "derived",        "gguf_transcribed", "gated_observed"};
    const char *hubdata = getenv("PTM_HUBDATA");
    struct round_trip trip = {fixture, begin_listing(fixture, "huggingface", "all"),
                              PTMI_BUF(256u << 20), 0};
    int files = 0;
    for (size_t i = 0; hubdata && i < sizeof FOLDERS / sizeof FOLDERS[0]; i++)
        files += put_folder(&trip, hubdata, FOLDERS[i]);
    if (!files) {
        print_message("skipped: no hub data at %s\n", hubdata ? hubdata : "$PTM_HUBDATA");
        ptmi_buf_clear(&trip.expected);
        skip();
    }
    assert_ok(ptmi_buf_puts(&trip.expected, "\n]\n", err));
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, trip.listing, err));
    struct ptmi_export what = export_of(fixture, "huggingface");
    assert_ok(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err));
    char *text = read_below(fixture, "huggingface/json/metadata/all.json");
    assert_int_equal(strlen(text), trip.expected.len);
    assert_memory_equal(text, trip.expected.data, trip.expected.len);
    print_message("%d records of %d files, %zu bytes\n", trip.n, files, trip.expected.len);
    free(text);
    ptmi_buf_clear(&trip.expected);
}

static void test_catalog_export__damage_within_a_record_is_named(void **state)
{
    struct fixture *fixture = *state;
    sqlite3 *db = NULL;
    list_range(fixture, "h", 0, 3, false);
    close_catalog(fixture);
    assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "UPDATE model_raw SET data = x'28b52ffd00', length = 400 WHERE model_id = 2",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    open_catalog(fixture);
    struct ptmi_export what = export_of(fixture, "h");
    assert_error(ptmi_catalog_export_metadata(fixture->catalog, &what, NULL, err), PTM_ECORRUPT,
                 "json/metadata/all.json");
    assert_false(is_below(fixture, "h/json/metadata/all.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_catalog_export__records_join_hub_and_clone),
        TEST(test_catalog_export__compat_v1_writes_what_the_reference_wrote),
        TEST(test_catalog_export__bytes_depend_on_content_alone),
        TEST(test_catalog_export__files_are_written_only_when_they_change),
        TEST(test_catalog_export__documents_stand_as_they_came),
        TEST(test_catalog_export__arrays_number_records_without_id),
        TEST(test_catalog_export__real_records_come_back_byte_for_byte),
        TEST(test_catalog_export__damage_within_a_record_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
