/* SPDX-License-Identifier: MIT */
/* catalog_testing.h - what the catalogue's tests share: a folder of their own, a context, models
 * made on the spot. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "catalog/catalog_priv.h"

struct fixture {
    char root[64];
    char path[128]; /* of the catalogue */
    ptm_ctx *ctx;
    ptmi_catalog *catalog; /* open, unless a test closed it */
    char log[4096];
};

#define assert_ok(call)                                             \
    do {                                                            \
        struct ptm_err ok_err = {0};                                \
        struct ptm_err *err = &ok_err;                              \
        ptm_rc ok_rc = (call);                                      \
        if (ok_rc != PTM_OK) fail_msg("%s: %s", #call, ok_err.msg); \
        (void)err;                                                  \
    } while (0)
/* The call fails with this code and says this. */
#define assert_error(call, code, words)                                                      \
    do {                                                                                     \
        struct ptm_err no_err = {0};                                                         \
        struct ptm_err *err = &no_err;                                                       \
        ptm_rc no_rc = (call);                                                               \
        (void)err;                                                                           \
        if (no_rc != (code)) fail_msg("%s: %s (%s)", #call, ptm_rc_name(no_rc), no_err.msg); \
        if (!strstr(no_err.msg, words)) fail_msg("%s: says '%s'", #call, no_err.msg);        \
    } while (0)

static inline void keep_log(void *arg, ptm_log_level level, const char *module, const char *line)
{
    struct fixture *fixture = arg;
    (void)level;
    (void)module;
    size_t len = strlen(fixture->log);
    snprintf(fixture->log + len, sizeof fixture->log - len, "%s\n", line);
}

static inline void open_catalog(struct fixture *fixture)
{
    assert_ok(ptmi_catalog_open(fixture->ctx, fixture->path, false, &fixture->catalog, err));
}

static inline void close_catalog(struct fixture *fixture)
{
    ptmi_catalog_close(fixture->catalog);
    fixture->catalog = NULL;
}

static inline int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct ptm_ctx_opts opts = PTM_CTX_OPTS_INIT;
    assert_non_null(fixture);
    opts.log = keep_log;
    opts.log_arg = fixture;
    opts.log_filter = "*:warn";
    assert_ok(ptm_ctx_new(&opts, &fixture->ctx, err));
    snprintf(fixture->root, sizeof fixture->root, "/tmp/ptm-catalog-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    snprintf(fixture->path, sizeof fixture->path, "%s/.ptm/catalog.db", fixture->root);
    open_catalog(fixture);
    *state = fixture;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *fixture = *state;
    ptmi_catalog_close(fixture->catalog);
    assert_ok(ptmi_fs_remove_tree(fixture->root, err));
    ptm_ctx_free(fixture->ctx);
    free(fixture);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* A model named n; strings live in static memory of the caller's struct. */
struct made {
    struct ptm_model model;
    char key[32], name[64], url[96], raw[160];
};

static inline struct ptm_model *make_model(struct made *made, int n)
{
    *made = (struct made){.model = PTM_MODEL_INIT};
    snprintf(made->key, sizeof made->key, "k%06d", n);
    snprintf(made->name, sizeof made->name, "owner%d/model-%d", n % 7, n);
    snprintf(made->url, sizeof made->url, "https://hub.example/%s", made->name);
    snprintf(made->raw, sizeof made->raw,
             "{\"_id\":\"%s\",\"id\":\"%s\",\"downloads\":%d,\"x\":1.50}", made->key, made->name,
             n);
    made->model.key = made->model.object_id = made->key;
    made->model.name = made->name;
    made->model.owner = "owner";
    made->model.url = made->model.clone_url = made->url;
    made->model.owner_url = "https://hub.example/owner";
    made->model.downloads = n;
    made->model.raw = made->raw;
    made->model.raw_len = strlen(made->raw);
    made->model.metadata_file = "json/metadata/all.json";
    made->model.source_url = "https://hub.example/api?page=1";
    made->model.fetched_at = "2026-11-21T00:00:00Z";
    return &made->model;
}

static inline int64_t begin_listing(struct fixture *fixture, const char *hub, const char *params)
{
    struct ptmi_listing listing = {0};
    assert_ok(ptmi_catalog_listing_begin(fixture->catalog, hub, params, &listing, err));
    int64_t id = listing.id;
    ptmi_listing_clear(&listing);
    return id;
}

static inline void put(struct fixture *fixture, int64_t listing, int n)
{
    struct made made;
    make_model(&made, n);
    assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, 0, err));
}

/* A finished listing of hub with models from <= n < to, each with a repository when repos. */
static inline void list_range(struct fixture *fixture, const char *hub, int from, int to,
                              bool repos)
{
    int64_t listing = begin_listing(fixture, hub, "all");
    for (int n = from; n < to; n++) {
        struct made made;
        int64_t repo = 0;
        char author[16], name[32];
        make_model(&made, n);
        snprintf(author, sizeof author, "owner%d", n % 7);
        snprintf(name, sizeof name, "model-%d", n);
        if (repos)
            assert_ok(ptmi_catalog_put_repo(fixture->catalog, hub, made.url, author, name, NULL,
                                            &repo, err));
        assert_ok(ptmi_catalog_put_model(fixture->catalog, listing, &made.model, repo, err));
    }
    assert_ok(ptmi_catalog_listing_finish(fixture->catalog, listing, err));
}

static const char *const ARRAYS[] = {"json/metadata/all.json", NULL};
static const bool NO_IDS[] = {false};

static inline struct ptmi_export export_of(const struct fixture *fixture, const char *hub)
{
    return (struct ptmi_export){.root = fixture->root,
                                .hub = hub,
                                .title = "Hub",
                                .url = "https://hub.example/",
                                .arrays = ARRAYS,
                                .array_adds_id = NO_IDS};
}

/* A file below the root, to be freed. (Inlined, gcc 12 takes what is found in it for a pointer to
 * the local.) */
__attribute__((noinline, unused)) static char *read_below(const struct fixture *fixture,
                                                          const char *relative)
{
    char path[256];
    char *text = NULL;
    size_t len;
    snprintf(path, sizeof path, "%s/%s", fixture->root, relative);
    assert_ok(ptmi_fs_read(path, 256u << 20, &text, &len, err));
    return text;
}

static inline bool is_below(const struct fixture *fixture, const char *relative)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", fixture->root, relative);
    return ptmi_fs_exists(path);
}

static inline char *export_records(struct fixture *fixture, const char *hub)
{
    struct ptmi_export what = export_of(fixture, hub);
    char relative[64];
    assert_ok(ptmi_catalog_export_records(fixture->catalog, &what, NULL, NULL, err));
    snprintf(relative, sizeof relative, "%s/json/%s.json", hub, hub);
    return read_below(fixture, relative);
}

/* How often needle is in text. */
static inline int count_of(const char *text, const char *needle)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, needle)); p += strlen(needle)) n++;
    return n;
}

/* Where needle is; it is there. */
static inline ptrdiff_t place_of(const char *text, const char *needle)
{
    const char *found = strstr(text, needle);
    if (!found) fail_msg("no '%s' in it", needle);
    return found - text;
}

/* One number of an SQL query on a connection of its own: what another program would see. */
static inline int64_t sql_int(const struct fixture *fixture, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open_v2(fixture->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

/* Runs fn in a child process; waits. Returns the wait status. */
static inline int in_child(void (*fn)(struct fixture *), struct fixture *fixture)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        fn(fixture);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}
