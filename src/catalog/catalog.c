/* SPDX-License-Identifier: MIT */
/*
 * catalog.c - opens and closes the catalogue: journal mode by file system, the first look for
 * damage, read connections, the thread that commits what nobody adds to any more; hubs and runs.
 * Tables are migrate.c's, everything else the other files'.
 */
#include "catalog_priv.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../base/clock.h"
#include "../base/fs.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/url.h"

/* After so long without a commit a batch is committed for it: others may be waiting for the write
 * lock. */
#define FLUSH_MS 100
/* PRAGMA quick_check reads everything: affordable below this size, at every start. */
#define CHECK_WHOLE (4 << 20)

PTM_DEFINE_CLEANUP(catalogp, ptmi_catalog *, ptmi_catalog_close)

/* --- connections --- */

/* A read-only folder cannot hold the WAL's index: a database without WAL file can still be read as
 * one that nobody changes. */
static bool must_be_immutable(const char *path)
{
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(path);
    PTM_AUTO(ptmi_freep) char *wal = ptmi_str_printf("%s-wal", path);
    struct stat st;
    if (!dir || !wal || access(dir, W_OK) == 0) return false;
    return stat(wal, &st) != 0 || st.st_size == 0;
}

static ptm_rc connect(const ptmi_catalog *catalog, int flags, sqlite3 **db, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *uri = NULL;
    const char *name = catalog->path;
    if (catalog->immutable) {
        PTM_AUTO(ptmi_freep) char *encoded = ptmi_url_encode(catalog->path, true);
        uri = encoded ? ptmi_str_printf("file:%s?immutable=1", encoded) : NULL;
        if (!uri) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", catalog->path);
        name = uri;
        flags |= SQLITE_OPEN_URI;
    }
    int rc = sqlite3_open_v2(name, db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    return rc == SQLITE_OK ? PTM_OK : ptmi_db_error(catalog, *db, rc, err);
}

static void db_closep(sqlite3 **db)
{
    if (*db) sqlite3_close_v2(*db);
}

ptm_rc ptmi_db_open(const ptmi_catalog *catalog, bool read_only, sqlite3 **out, struct ptm_err *err)
{
    PTM_AUTO(db_closep) sqlite3 *db = NULL;
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    PTM_TRY(connect(catalog, flags, &db, err));
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_handler(db, ptmi_db_busy, (void *)catalog);
    /* Not TRUSTED_SCHEMA off: SQLite 3.40 then refuses json_group_array in our own view. No
       function with side effects is registered, and the schema may not be written to directly. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    PTM_TRY(ptmi_db_exec(catalog, db,
                         read_only
                             ? "PRAGMA cache_size=-4000"
                             : "PRAGMA cache_size=-8000; PRAGMA foreign_keys=ON;"
                               "PRAGMA journal_size_limit=67108864; PRAGMA wal_autocheckpoint=8192",
                         err));
    *out = ptm_steal(&db);
    return PTM_OK;
}

ptm_rc ptmi_reader_take(ptmi_catalog *catalog, struct ptmi_reader *out, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_flush(catalog, err)); /* a process sees what it has written */
    out->catalog = catalog;
    if (catalog->n_idle > 0) {
        out->db = catalog->idle[--catalog->n_idle];
        return PTM_OK;
    }
    return ptmi_db_open(catalog, true, &out->db, err);
}

void ptmi_reader_give(struct ptmi_reader *reader)
{
    if (!reader->db) return;
    ptmi_catalog *catalog = reader->catalog;
    {
        PTMI_HELD(catalog);
        if (sqlite3_get_autocommit(reader->db) && catalog->n_idle < CATALOG_READERS)
            catalog->idle[catalog->n_idle++] = ptm_steal(&reader->db);
    }
    if (reader->db) sqlite3_close_v2(ptm_steal(&reader->db));
}

/* --- the flusher --- */

static void *flusher(void *arg)
{
    ptmi_catalog *catalog = arg;
    PTMI_HELD(catalog);
    while (!catalog->stop) {
        if (!catalog->in_tx) {
            pthread_cond_wait(&catalog->wake, &catalog->lock);
            continue;
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += FLUSH_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&catalog->wake, &catalog->lock, &until);
        if (!catalog->in_tx || ptmi_clock_ms() - catalog->tx_began < FLUSH_MS) continue;
        struct ptm_err err = {0};
        if (ptmi_write_flush(catalog, &err) != PTM_OK && catalog->flush_err.rc == PTM_OK)
            catalog->flush_err = err;
    }
    return NULL;
}

/* --- open --- */

static ptm_rc pragma_int(const ptmi_catalog *catalog, const char *sql, int64_t *out,
                         struct ptm_err *err)
{
    PTMI_Q q = ptmi_q_on(catalog, catalog->db, sql);
    *out = 0;
    ptm_rc rc = ptmi_q_row(&q, err);
    if (rc == PTM_ITEM) *out = ptmi_q_get_int(&q, 0);
    return rc < 0 ? rc : PTM_OK;
}

/* What tells a file of ours from another program's. Within one transaction: read one by one, the
 * numbers of a catalogue that another process makes just now would not belong together. */
struct file_marks {
    int64_t id, version, tables;
};

static ptm_rc read_marks(const ptmi_catalog *catalog, struct file_marks *out, struct ptm_err *err)
{
    PTM_TRY(ptmi_db_exec(catalog, catalog->db, "BEGIN", err));
    PTM_TRY(pragma_int(catalog, "PRAGMA application_id", &out->id, err));
    PTM_TRY(pragma_int(catalog, "PRAGMA user_version", &out->version, err));
    PTM_TRY(pragma_int(catalog, "SELECT count(*) FROM sqlite_schema", &out->tables, err));
    return ptmi_db_exec(catalog, catalog->db, "COMMIT", err);
}

static ptm_rc whose_file(const ptmi_catalog *catalog, struct ptm_err *err)
{
    struct file_marks marks = {0};
    PTM_TRY(read_marks(catalog, &marks, err));
    if (marks.id != CATALOG_APPLICATION_ID && (marks.id || marks.version || marks.tables))
        return ptm_err_set(
            err, PTM_EINVAL,
            "%s: a database of another program, not a catalogue of ptm: give another "
            "--catalog PATH",
            catalog->path);
    if (marks.version < 0) return ptmi_db_damaged(catalog, "a negative schema version", err);
    if (marks.version > ptmi_migrate_newest())
        return ptm_err_set(
            err, PTM_EUNSUPPORTED,
            "%s: the catalogue was written by a newer ptm (schema %lld, this one knows "
            "%d): use that one, or give another --catalog PATH",
            catalog->path, (long long)marks.version, ptmi_migrate_newest());
    return PTM_OK;
}

static ptm_rc set_journal(ptmi_catalog *catalog, struct ptm_err *err)
{
    const char *sql = catalog->network ? "PRAGMA journal_mode=DELETE" : "PRAGMA journal_mode=WAL";
    /* SQLite does not ask the busy handler everywhere in a change of mode; another process may be
     * making the same change. */
    int count = 0, rc;
    while ((rc = sqlite3_exec(catalog->db, sql, NULL, NULL, NULL)) != SQLITE_OK)
        if ((rc & 0xff) != SQLITE_BUSY || !ptmi_db_busy(catalog, count++))
            return ptmi_db_error(catalog, catalog->db, rc, err);
    /* NORMAL in WAL mode survives every crash of the program, and of the machine but for the last
     * commits; without WAL only FULL does. */
    sql = catalog->network ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL";
    return ptmi_db_exec(catalog, catalog->db, sql, err);
}

/* Cheap looks at every start: a file cut short, and all of a small one. */
static ptm_rc look_for_damage(const ptmi_catalog *catalog, struct ptm_err *err)
{
    int64_t pages, page_size;
    struct stat st, wal_st;
    PTM_AUTO(ptmi_freep) char *wal = ptmi_str_printf("%s-wal", catalog->path);
    PTM_TRY(pragma_int(catalog, "PRAGMA page_count", &pages, err));
    PTM_TRY(pragma_int(catalog, "PRAGMA page_size", &page_size, err));
    if (!wal || stat(catalog->path, &st) != 0) return PTM_OK;
    bool has_wal = stat(wal, &wal_st) == 0 && wal_st.st_size > 0;
    if (!has_wal && st.st_size < pages * page_size)
        return ptmi_db_damaged(catalog, "cut short", err);
    if (st.st_size > CHECK_WHOLE) return PTM_OK;
    PTMI_Q check = ptmi_q_on(catalog, catalog->db, "PRAGMA quick_check(1)");
    PTM_TRY(ptmi_q_row(&check, err));
    const char *words = ptmi_q_get_text(&check, 0);
    if (ptmi_str_eq(words, "ok")) return PTM_OK;
    return ptmi_db_damaged(catalog, words ? words : "?", err);
}

static ptm_rc open_db(ptmi_catalog *catalog, struct ptm_err *err)
{
    PTM_TRY(ptmi_db_open(catalog, catalog->read_only, &catalog->db, err));
    PTM_TRY(whose_file(catalog, err));
    if (!catalog->read_only) PTM_TRY(set_journal(catalog, err));
    PTM_TRY(look_for_damage(catalog, err));
    if (!catalog->read_only) return ptmi_migrate(catalog, err);
    int64_t version;
    PTM_TRY(pragma_int(catalog, "PRAGMA user_version", &version, err));
    if (version == 0)
        return ptm_err_set(err, PTM_ENOENT, "%s: an empty catalogue: list a hub first",
                           catalog->path);
    if (version < ptmi_migrate_newest())
        return ptm_err_set(
            err, PTM_EUNSUPPORTED,
            "%s: the catalogue is of an older ptm: run `ptm list` once to bring it up "
            "to date",
            catalog->path);
    return PTM_OK;
}

static ptm_rc prepare_folder(const ptmi_catalog *catalog, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(catalog->path);
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", catalog->path);
    PTM_TRY(ptmi_fs_mkdirs(dir, err));
    if (catalog->network)
        ptmi_log(catalog->ctx, PTM_LOG_WARN, "catalog",
                 "%s is on a network file system: a rollback journal is used, which is slower; "
                 "--catalog PATH puts the catalogue on a local disk",
                 catalog->path);
    return PTM_OK;
}

static ptm_rc make_tools(ptmi_catalog *catalog, struct ptm_err *err)
{
    catalog->interned = ptmi_intern_new();
    catalog->packer = ZSTD_createCCtx();
    if (!catalog->interned || !catalog->packer)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", catalog->path);
    PTM_TRY(ptmi_hash_new(PTMI_SHA256, &catalog->digest, err));
    catalog->flusher_runs = pthread_create(&catalog->flusher, NULL, flusher, catalog) == 0;
    return PTM_OK;
}

static ptm_rc open_parts(ptmi_catalog *catalog, struct ptm_err *err)
{
    if (catalog->read_only) {
        if (!ptmi_fs_exists(catalog->path))
            return ptm_err_set(err, PTM_ENOENT, "%s: no catalogue here yet: `ptm list` makes one",
                               catalog->path);
        catalog->immutable = must_be_immutable(catalog->path);
        return open_db(catalog, err);
    }
    PTM_TRY(prepare_folder(catalog, err));
    PTM_TRY(open_db(catalog, err));
    return make_tools(catalog, err);
}

/* By a clock that nobody sets back: a batch that waits holds the write lock. */
static void init_wake(pthread_cond_t *wake)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(wake, &attr);
    pthread_condattr_destroy(&attr);
}

ptm_rc ptmi_catalog_open_as(ptm_ctx *ctx, const char *path, bool read_only, bool network,
                            ptmi_catalog **out, struct ptm_err *err)
{
    PTM_AUTO(catalogp) ptmi_catalog *catalog = calloc(1, sizeof *catalog);
    if (!catalog) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", path);
    catalog->ctx = ctx;
    catalog->read_only = read_only;
    catalog->network = network;
    catalog->packed.max = catalog->text.max = ZSTD_COMPRESSBOUND(PTM_LIMIT_JSON);
    pthread_mutex_init(&catalog->lock, NULL);
    init_wake(&catalog->wake);
    catalog->path = strdup(path);
    if (!catalog->path) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", path);
    PTM_TRY(open_parts(catalog, err));
    *out = ptm_steal(&catalog);
    return PTM_OK;
}

ptm_rc ptmi_catalog_open(ptm_ctx *ctx, const char *path, bool read_only, ptmi_catalog **out,
                         struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(path);
    /* The nearest folder that is there tells the file system. */
    while (dir && !ptmi_fs_exists(dir) && strcmp(dir, "/") != 0 && strcmp(dir, ".") != 0) {
        char *up = ptmi_path_dir(dir);
        free(dir);
        dir = up;
    }
    return ptmi_catalog_open_as(ctx, path, read_only, dir && ptmi_fs_is_network(dir), out, err);
}

static void stop_flusher(ptmi_catalog *catalog)
{
    if (!catalog->flusher_runs) return;
    {
        PTMI_HELD(catalog);
        catalog->stop = true;
        pthread_cond_signal(&catalog->wake);
    }
    pthread_join(catalog->flusher, NULL);
}

void ptmi_catalog_close(ptmi_catalog *catalog)
{
    if (!catalog) return;
    stop_flusher(catalog);
    /* A commit of the flusher that failed, if no writer came to be told. */
    struct ptm_err err = catalog->flush_err;
    if (ptmi_write_flush(catalog, &err) != PTM_OK || err.rc != PTM_OK)
        ptmi_log(catalog->ctx, PTM_LOG_ERROR, "catalog", "%s", err.msg);
    for (int i = 0; i < catalog->n_idle; i++) sqlite3_close_v2(catalog->idle[i]);
    for (int i = 0; i < CATALOG_STATEMENTS; i++) sqlite3_finalize(catalog->statements[i].stmt);
    sqlite3_close_v2(catalog->db);
    ptmi_intern_free(catalog->interned);
    ZSTD_freeCCtx(catalog->packer);
    ptmi_hash_free(catalog->digest);
    ptmi_buf_clear(&catalog->packed);
    ptmi_buf_clear(&catalog->text);
    pthread_cond_destroy(&catalog->wake);
    pthread_mutex_destroy(&catalog->lock);
    free(catalog->path);
    free(catalog);
}

/* --- hubs --- */

static ptm_rc find_or_add_hub(ptmi_catalog *catalog, const char *hub, int64_t *out,
                              struct ptm_err *err)
{
    PTMI_Q find = ptmi_q(catalog, "SELECT id FROM hubs WHERE name = ?1");
    ptmi_q_text(&find, hub);
    ptm_rc rc = ptmi_q_row(&find, err);
    if (rc == PTM_ITEM) *out = ptmi_q_get_int(&find, 0);
    if (rc != PTM_OK) return rc < 0 ? rc : PTM_OK;
    PTMI_Q add = ptmi_q(catalog, "INSERT INTO hubs (name) VALUES (?1)");
    ptmi_q_text(&add, hub);
    PTM_TRY(ptmi_q_run(&add, err));
    *out = sqlite3_last_insert_rowid(catalog->db);
    return PTM_OK;
}

int64_t ptmi_hub_known(const ptmi_catalog *catalog, const char *hub)
{
    return catalog->hub_id && strcmp(catalog->hub_name, hub) == 0 ? catalog->hub_id : 0;
}

ptm_rc ptmi_hub_id(ptmi_catalog *catalog, const char *hub, int64_t *out, struct ptm_err *err)
{
    *out = ptmi_hub_known(catalog, hub);
    if (*out) return PTM_OK;
    PTM_TRY(find_or_add_hub(catalog, hub, out, err));
    bool fits = strlen(hub) < sizeof catalog->hub_name;
    if (fits) strcpy(catalog->hub_name, hub);
    catalog->hub_id = fits ? *out : 0;
    return PTM_OK;
}

ptm_rc ptmi_hub_find_id(struct ptmi_reader *reader, const char *hub, int64_t *out,
                        struct ptm_err *err)
{
    PTMI_Q find = ptmi_q_on(reader->catalog, reader->db, "SELECT id FROM hubs WHERE name = ?1");
    ptmi_q_text(&find, hub);
    ptm_rc rc = ptmi_q_row(&find, err);
    *out = rc == PTM_ITEM ? ptmi_q_get_int(&find, 0) : 0;
    return rc < 0 ? rc : PTM_OK;
}

/* --- runs --- */

static ptm_rc drop_selection(ptmi_catalog *catalog, int64_t run, struct ptm_err *err)
{
    PTMI_Q drop = ptmi_q(catalog, "DELETE FROM selections WHERE run_id = ?1");
    ptmi_q_int(&drop, run);
    return ptmi_q_run(&drop, err);
}

/* Killed runs leave their selection behind. A process of another machine cannot be asked whether it
 * lives: its rows stay. */
static ptm_rc drop_dead(ptmi_catalog *catalog, const char *host, struct ptm_err *err)
{
    int64_t dead[64];
    int n = 0;
    ptm_rc rc;
    PTMI_Q find =
        ptmi_q(catalog, "SELECT id, pid FROM runs WHERE ended_at IS NULL AND host = ?1 AND id IN "
                        "(SELECT DISTINCT run_id FROM selections)");
    ptmi_q_text(&find, host);
    while ((rc = ptmi_q_row(&find, err)) == PTM_ITEM && n < 64)
        if (kill((pid_t)ptmi_q_get_int(&find, 1), 0) != 0 && errno == ESRCH)
            dead[n++] = ptmi_q_get_int(&find, 0);
    ptmi_q_again(&find);
    if (rc < 0) return rc;
    for (int i = 0; i < n; i++) PTM_TRY(drop_selection(catalog, dead[i], err));
    return PTM_OK;
}

static ptm_rc run_begin(ptmi_catalog *catalog, const char *command, int64_t *out_run,
                        struct ptm_err *err)
{
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    PTM_TRY(drop_dead(catalog, host, err));
    PTMI_Q add = ptmi_q(catalog, "INSERT INTO runs (command, version, host, pid, started_at) "
                                 "VALUES (?1, ?2, ?3, ?4, ?5)");
    ptmi_q_text(&add, command ? command : "");
    ptmi_q_text(&add, PTM_VERSION);
    ptmi_q_text(&add, host);
    ptmi_q_int(&add, getpid());
    ptmi_q_int(&add, ptmi_clock_unix());
    PTM_TRY(ptmi_q_run(&add, err));
    *out_run = sqlite3_last_insert_rowid(catalog->db);
    return PTM_OK;
}

ptm_rc ptmi_catalog_run_begin(ptmi_catalog *catalog, const char *command, int64_t *out_run,
                              struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_ALONE, err));
    return ptmi_write_end(catalog, WRITE_ALONE, run_begin(catalog, command, out_run, err), err);
}

static ptm_rc run_end(ptmi_catalog *catalog, int64_t run, int exit_status, struct ptm_err *err)
{
    PTMI_Q end = ptmi_q(catalog, "UPDATE runs SET ended_at = ?1, exit_status = ?2 WHERE id = ?3");
    ptmi_q_int(&end, ptmi_clock_unix());
    ptmi_q_int(&end, exit_status);
    ptmi_q_int(&end, run);
    PTM_TRY(ptmi_q_run(&end, err));
    return drop_selection(catalog, run, err);
}

ptm_rc ptmi_catalog_run_end(ptmi_catalog *catalog, int64_t run, int exit_status,
                            struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_ALONE, err));
    return ptmi_write_end(catalog, WRITE_ALONE, run_end(catalog, run, exit_status, err), err);
}
