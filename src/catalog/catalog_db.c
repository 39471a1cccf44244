/* SPDX-License-Identifier: MIT */
/*
 * catalog_db.c - SQLite as this room uses it: what its errors mean for people, statements prepared
 * once, values bound in order, and writes that share a transaction. What the statements say is left
 * to the other files.
 */
#include "catalog_priv.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "../base/clock.h"
#include "../base/log.h"

/* A batch is committed when it has this many bytes or ms: large enough that commits cost nothing,
 * small enough for the WAL file. */
#define BATCH_BYTES (16 << 20)
#define BATCH_MS 2000

ptm_rc ptmi_db_damaged(const ptmi_catalog *catalog, const char *what, struct ptm_err *err)
{
    return ptm_err_set(
        err, PTM_ECORRUPT,
        "%s: the catalogue is damaged (%s): move it away and run again; it is rebuilt "
        "from the hubs and the clones that are there",
        catalog->path, what);
}

ptm_rc ptmi_db_error(const ptmi_catalog *catalog, sqlite3 *db, int sqlite_rc, struct ptm_err *err)
{
    int sys = db ? sqlite3_system_errno(db) : 0;
    const char *words = db ? sqlite3_errmsg(db) : sqlite3_errstr(sqlite_rc);
    switch (sqlite_rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ptmi_db_damaged(catalog, words, err);
    case SQLITE_FULL:
        return ptm_err_set(err, PTM_ENOSPC,
                           "%s: no space left for the catalogue: free some and run "
                           "again, nothing is lost",
                           catalog->path);
    case SQLITE_NOMEM:
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", catalog->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        if (ptm_ctx_canceled(catalog->ctx))
            return ptm_err_set(err, PTM_ECANCELED,
                               "%s: interrupted while another process was writing", catalog->path);
        return ptm_err_set(err, PTM_EBUSY, "%s: in use by another process (%s)", catalog->path,
                           words);
    case SQLITE_INTERRUPT:
        return ptm_err_set(err, PTM_ECANCELED, "%s: interrupted", catalog->path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ptm_err_set(
            err, PTM_EPERM,
            "%s: the catalogue cannot be written (%s): check the permissions of it and "
            "of its folder, or give --catalog PATH",
            catalog->path, words);
    case SQLITE_CANTOPEN:
        return ptm_err_set(err, sys == ENOSPC ? PTM_ENOSPC : PTM_EIO,
                           "%s: the catalogue cannot be opened (%s): check it and its folder, or "
                           "give another --catalog PATH",
                           catalog->path, sys ? strerror(sys) : words);
    case SQLITE_IOERR:
        if (sys) return ptm_err_sys(err, sys, "%s: %s", catalog->path, words);
        return ptm_err_set(err, PTM_EIO, "%s: %s", catalog->path, words);
    default:
        return ptm_err_set(err, PTM_EDB, "%s: %s", catalog->path, words);
    }
}

ptm_rc ptmi_db_exec(const ptmi_catalog *catalog, sqlite3 *db, const char *sql, struct ptm_err *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? PTM_OK : ptmi_db_error(catalog, db, rc, err);
}

/* Waits as long as it takes: giving up would lose work that only has to queue. Says so after two
 * seconds. */
int ptmi_db_busy(void *arg, int count)
{
    ptmi_catalog *catalog = arg;
    int64_t now = ptmi_clock_ms();
    if (count == 0) {
        catalog->busy_since = now;
        catalog->busy_told = now;
    }
    if (ptm_ctx_canceled(catalog->ctx) >= 2) return 0;
    bool first = catalog->busy_told == catalog->busy_since;
    if (now - catalog->busy_told >= (first ? 2000 : 30000)) {
        ptmi_log(catalog->ctx, PTM_LOG_WARN, "catalog",
                 "waiting for %s: another process is writing to it (%lld s so far)", catalog->path,
                 (long long)(now - catalog->busy_since) / 1000);
        catalog->busy_told = now;
    }
    long ms = count < 10 ? 1 + count : 10 + (long)ptmi_clock_random(30);
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
    return 1;
}

/* --- statements --- */

struct ptmi_q ptmi_q(ptmi_catalog *catalog, const char *literal)
{
    size_t slot = ((uintptr_t)literal >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 56;
    for (size_t i = 0; i < CATALOG_STATEMENTS; i++, slot++) {
        struct statement_slot *here = &catalog->statements[slot % CATALOG_STATEMENTS];
        if (here->sql == literal) return (struct ptmi_q){.catalog = catalog, .stmt = here->stmt};
        if (here->sql) continue;
        struct ptmi_q q = {.catalog = catalog};
        q.bad =
            sqlite3_prepare_v3(catalog->db, literal, -1, SQLITE_PREPARE_PERSISTENT, &q.stmt, NULL);
        if (q.bad) return q;
        *here = (struct statement_slot){literal, q.stmt};
        return q;
    }
    return ptmi_q_on(catalog, catalog->db, literal); /* table full: works, only slower */
}

struct ptmi_q ptmi_q_on(const ptmi_catalog *catalog, sqlite3 *db, const char *sql)
{
    struct ptmi_q q = {.catalog = catalog, .owned = true};
    q.bad = sqlite3_prepare_v2(db, sql, -1, &q.stmt, NULL);
    if (q.bad) ptmi_log(catalog->ctx, PTM_LOG_DEBUG, "catalog", "%s: %s", sqlite3_errmsg(db), sql);
    return q;
}

static void bound(struct ptmi_q *q, int rc)
{
    if (rc && !q->bad) q->bad = rc;
}

void ptmi_q_int(struct ptmi_q *q, int64_t value)
{
    if (q->stmt) bound(q, sqlite3_bind_int64(q->stmt, ++q->at, value));
}

void ptmi_q_count(struct ptmi_q *q, int64_t value)
{
    if (value >= 0) return ptmi_q_int(q, value);
    if (q->stmt) bound(q, sqlite3_bind_null(q->stmt, ++q->at));
}

void ptmi_q_id(struct ptmi_q *q, int64_t value)
{
    ptmi_q_count(q, value ? value : -1);
}

void ptmi_q_text(struct ptmi_q *q, const char *text)
{
    if (q->stmt) bound(q, sqlite3_bind_text(q->stmt, ++q->at, text, -1, SQLITE_STATIC));
}

void ptmi_q_blob(struct ptmi_q *q, const void *data, size_t len)
{
    if (q->stmt)
        bound(q, sqlite3_bind_blob64(q->stmt, ++q->at, len ? data : "", len, SQLITE_STATIC));
}

void ptmi_q_again(struct ptmi_q *q)
{
    if (q->stmt) sqlite3_reset(q->stmt);
    q->at = 0;
}

void ptmi_q_end(struct ptmi_q *q)
{
    if (!q->stmt) return;
    if (q->owned) {
        sqlite3_finalize(q->stmt);
    } else {
        sqlite3_reset(q->stmt);
        sqlite3_clear_bindings(q->stmt);
    }
    q->stmt = NULL;
}

static ptm_rc q_failed(struct ptmi_q *q, int sqlite_rc, struct ptm_err *err)
{
    if (q->stmt) return ptmi_db_error(q->catalog, sqlite3_db_handle(q->stmt), sqlite_rc, err);
    if (sqlite_rc == SQLITE_CORRUPT || sqlite_rc == SQLITE_NOTADB || sqlite_rc == SQLITE_ERROR)
        return ptmi_db_damaged(q->catalog, sqlite3_errstr(sqlite_rc), err);
    return ptmi_db_error(q->catalog, NULL, sqlite_rc, err);
}

ptm_rc ptmi_q_row(struct ptmi_q *q, struct ptm_err *err)
{
    if (q->bad) return q_failed(q, q->bad, err);
    int rc = sqlite3_step(q->stmt);
    if (rc == SQLITE_ROW) return PTM_ITEM;
    if (rc == SQLITE_DONE) return PTM_OK;
    ptm_rc out = q_failed(q, rc, err);
    sqlite3_reset(q->stmt);
    return out;
}

ptm_rc ptmi_q_run(struct ptmi_q *q, struct ptm_err *err)
{
    ptm_rc rc = PTM_ITEM;
    while (rc == PTM_ITEM) rc = ptmi_q_row(q, err);
    ptmi_q_again(q);
    return rc;
}

int64_t ptmi_q_get_int(struct ptmi_q *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

int64_t ptmi_q_get_count(struct ptmi_q *q, int column)
{
    return sqlite3_column_type(q->stmt, column) == SQLITE_NULL
               ? -1
               : sqlite3_column_int64(q->stmt, column);
}

const char *ptmi_q_get_text(struct ptmi_q *q, int column)
{
    return (const char *)sqlite3_column_text(q->stmt, column);
}

const void *ptmi_q_get_blob(struct ptmi_q *q, int column, size_t *out_len)
{
    const void *data = sqlite3_column_blob(q->stmt, column);
    *out_len = (size_t)sqlite3_column_bytes(q->stmt, column);
    return data ? data : "";
}

/* --- transactions --- */

ptmi_catalog *ptmi_catalog_lock(ptmi_catalog *catalog)
{
    pthread_mutex_lock(&catalog->lock);
    return catalog;
}

void ptmi_catalog_unlockp(ptmi_catalog **catalog)
{
    pthread_mutex_unlock(&(*catalog)->lock);
}

static void tx_ended(ptmi_catalog *catalog)
{
    catalog->in_tx = catalog->tx_light = catalog->tx_kept = false;
    catalog->tx_weight = 0;
}

/* Undone rows may have been interned; a full disk may have undone all of the transaction by itself.
 */
static void undone(ptmi_catalog *catalog)
{
    catalog->undone++;
    catalog->hub_id = 0;
    catalog->tx++; /* cached positions may be gone */
    if (sqlite3_get_autocommit(catalog->db)) tx_ended(catalog);
}

static void break_listings(ptmi_catalog *catalog, const struct ptm_err *why)
{
    for (int i = 0; i < CATALOG_LISTINGS; i++)
        if (catalog->listings[i].id && catalog->listings[i].broken.rc == PTM_OK)
            catalog->listings[i].broken = *why;
}

ptm_rc ptmi_write_flush(ptmi_catalog *catalog, struct ptm_err *err)
{
    if (!catalog->in_tx) return PTM_OK;
    struct ptm_err why = {0};
    ptm_rc rc = ptmi_db_exec(catalog, catalog->db, "COMMIT", &why);
    if (rc != PTM_OK) {
        (void)sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
        if (catalog->tx_light) break_listings(catalog, &why);
        undone(catalog);
        if (err) *err = why;
    }
    tx_ended(catalog);
    return rc;
}

static ptm_rc told_by_flusher(ptmi_catalog *catalog, struct ptm_err *err)
{
    ptm_rc rc = catalog->flush_err.rc;
    if (rc != PTM_OK && err) *err = catalog->flush_err;
    catalog->flush_err = (struct ptm_err){0};
    return rc;
}

static ptm_rc begin_tx(ptmi_catalog *catalog, struct ptm_err *err)
{
    PTM_TRY(ptmi_db_exec(catalog, catalog->db, "BEGIN IMMEDIATE", err));
    catalog->in_tx = true;
    catalog->tx++;
    catalog->tx_began = ptmi_clock_ms();
    if (catalog->flusher_runs) pthread_cond_signal(&catalog->wake);
    return PTM_OK;
}

ptm_rc ptmi_write_begin(ptmi_catalog *catalog, enum write_kind kind, struct ptm_err *err)
{
    if (catalog->read_only)
        return ptm_err_set(err, PTM_EPERM, "%s: the catalogue was opened for reading only",
                           catalog->path);
    PTM_TRY(told_by_flusher(catalog, err));
    if (kind == WRITE_LISTING && catalog->tx_kept) PTM_TRY(ptmi_write_flush(catalog, err));
    if (!catalog->in_tx) PTM_TRY(begin_tx(catalog, err));
    catalog->changes = sqlite3_total_changes64(catalog->db);
    if (kind == WRITE_LISTING) {
        catalog->tx_light = true;
        return PTM_OK;
    }
    PTMI_Q save = ptmi_q(catalog, "SAVEPOINT one_write");
    ptm_rc rc = ptmi_q_run(&save, err);
    if (rc != PTM_OK) undone(catalog);
    return rc;
}

/* A write that failed before it changed anything has nothing to undo. */
static void undo_listing_write(ptmi_catalog *catalog, ptm_rc rc, const struct ptm_err *err)
{
    bool lost = sqlite3_get_autocommit(catalog->db);
    if (!lost && sqlite3_total_changes64(catalog->db) == catalog->changes) return;
    struct ptm_err why = {.rc = rc};
    if (err) why = *err;
    if (!lost) (void)sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
    break_listings(catalog, &why);
    undone(catalog);
}

static void undo_to_savepoint(ptmi_catalog *catalog, const struct ptm_err *err)
{
    struct ptm_err why = {.rc = PTM_EDB};
    if (err) why = *err;
    if (!sqlite3_get_autocommit(catalog->db) &&
        sqlite3_exec(catalog->db, "ROLLBACK TO one_write; RELEASE one_write", NULL, NULL, NULL))
        (void)sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
    if (sqlite3_get_autocommit(catalog->db) && catalog->tx_light) break_listings(catalog, &why);
    undone(catalog);
}

static ptm_rc failed_write(ptmi_catalog *catalog, enum write_kind kind, ptm_rc rc,
                           const struct ptm_err *err)
{
    if (kind == WRITE_LISTING) {
        undo_listing_write(catalog, rc, err);
        return rc;
    }
    undo_to_savepoint(catalog, err);
    struct ptm_err flush = {0};
    /* What stood in the batch before is good and stays. */
    if (kind == WRITE_ALONE && ptmi_write_flush(catalog, &flush) != PTM_OK)
        catalog->flush_err = flush;
    return rc;
}

ptm_rc ptmi_write_end(ptmi_catalog *catalog, enum write_kind kind, ptm_rc rc, struct ptm_err *err)
{
    if (rc < 0) return failed_write(catalog, kind, rc, err);
    if (kind != WRITE_LISTING) {
        PTMI_Q release = ptmi_q(catalog, "RELEASE one_write");
        rc = ptmi_q_run(&release, err);
        if (rc < 0) return failed_write(catalog, kind, rc, err);
        catalog->tx_kept = true;
    }
    bool due = kind == WRITE_ALONE || (catalog->tx_kept && catalog->tx_light) ||
               catalog->tx_weight > BATCH_BYTES || ptmi_clock_ms() - catalog->tx_began > BATCH_MS;
    return due ? ptmi_write_flush(catalog, err) : PTM_OK;
}
