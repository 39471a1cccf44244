/* SPDX-License-Identifier: MIT */
/*
 * catalog_priv.h - what the files of this room share: the connection and its transactions,
 * statements, interned values, packing. Functions whose comment says "held" are called with the
 * catalogue's lock taken.
 */
#pragma once

#include <pthread.h>
#include <sqlite3.h>
#include <zstd.h>

#include "../base/arena.h"
#include "../base/auto.h"
#include "../base/buf.h"
#include "../base/hash.h"
#include "catalog.h"

#define CATALOG_APPLICATION_ID 0x50544d31 /* "PTM1", in the file's header */
/* Positions from here on are of models that were fetched by name and stand in no listing. */
#define CATALOG_NAMED (INT64_C(1) << 40)
#define CATALOG_NAMED_SQL "1099511627776"
#define CATALOG_RANK_NONE (INT64_C(1) << 62)

enum {
    CATALOG_STATEMENTS =
        256, /* slots of the statement table, a power of two well above what the room has */
    CATALOG_LISTINGS = 16, /* listings open at once in one process */
    CATALOG_READERS = 4,   /* idle read connections kept */
    CATALOG_CHUNK =
        128, /* rows an iterator takes at a time, so that no read transaction outlives a callback */
};

/* A listing that this process is writing. */
struct open_listing {
    int64_t id; /* 0: free slot */
    int64_t hub;
    int64_t next;    /* position of the next new model, */
    int64_t next_tx; /* in this transaction: nobody else can add to the listing before it ends */
    struct ptm_err broken; /* what undid a part of it; nothing but abandon is possible then */
};

struct statement_slot {
    const char *sql; /* address of the literal: the key */
    sqlite3_stmt *stmt;
};

struct intern_cache;

struct ptmi_catalog {
    ptm_ctx *ctx;
    char *path;
    bool read_only;
    bool network; /* rollback journal */
    bool immutable;

    pthread_mutex_t lock; /* over everything below; the innermost lock of the program */
    sqlite3 *db;
    struct statement_slot statements[CATALOG_STATEMENTS];
    bool in_tx;
    bool tx_light;     /* holds writes of listings, which have no savepoint */
    bool tx_kept;      /* holds others, which must not be undone with them */
    int64_t changes;   /* of the connection, when the write began */
    int64_t tx;        /* number of the transaction */
    int64_t undone;    /* writes undone so far: ids cached before the last may be gone */
    int64_t tx_began;  /* monotonic ms */
    int64_t tx_weight; /* bytes written since, roughly */
    struct open_listing listings[CATALOG_LISTINGS];
    struct intern_cache *interned;
    char hub_name[64]; /* the hub asked for last, */
    int64_t hub_id;    /* and its id; 0: none */
    ZSTD_CCtx *packer;
    struct ptmi_buf packed, text;
    ptmi_hash *digest;
    int64_t busy_since; /* of the busy handler */
    int64_t busy_told;
    sqlite3 *idle[CATALOG_READERS];
    int n_idle;

    /* Commits a batch that nobody adds to any more, so that waiting for the network never holds the
     * write lock. */
    pthread_t flusher;
    pthread_cond_t wake;
    bool flusher_runs, stop;
    struct ptm_err flush_err; /* of the flusher's commit, told to the next writer */
};

/* --- catalog_db.c: errors, statements, transactions --- */

/* PTM_ECORRUPT, with what was found and the way out. */
PTM_MUST_USE ptm_rc ptmi_db_damaged(const ptmi_catalog *catalog, const char *what,
                                    struct ptm_err *err);
/* The error of the last call on db, with the file and the way out. */
PTM_MUST_USE ptm_rc ptmi_db_error(const ptmi_catalog *catalog, sqlite3 *db, int sqlite_rc,
                                  struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_db_exec(const ptmi_catalog *catalog, sqlite3 *db, const char *sql,
                                 struct ptm_err *err);
int ptmi_db_busy(void *catalog, int count); /* SQLite's busy handler */

/* A statement with the values bound to it one after the other; the first failure is kept until it
 * is stepped. */
struct ptmi_q {
    const ptmi_catalog *catalog;
    sqlite3_stmt *stmt;
    bool owned; /* finalized at the end, else reset and kept */
    int at;     /* parameters bound */
    int bad;    /* SQLite's code, or 0 */
};
struct ptmi_q ptmi_q(ptmi_catalog *catalog,
                     const char *literal); /* held; on the write connection; kept */
struct ptmi_q ptmi_q_on(const ptmi_catalog *catalog, sqlite3 *db, const char *sql);
void ptmi_q_int(struct ptmi_q *q, int64_t value);
void ptmi_q_count(struct ptmi_q *q, int64_t value); /* negative: NULL */
void ptmi_q_id(struct ptmi_q *q, int64_t value);    /* 0: NULL */
void ptmi_q_text(struct ptmi_q *q,
                 const char *text); /* NULL: NULL; borrowed until the next bind of the statement */
void ptmi_q_blob(struct ptmi_q *q, const void *data, size_t len);
PTM_MUST_USE ptm_rc ptmi_q_row(struct ptmi_q *q, struct ptm_err *err); /* PTM_ITEM: a row */
PTM_MUST_USE ptm_rc ptmi_q_run(struct ptmi_q *q,
                               struct ptm_err *err); /* to its end; then it may be bound again */
void ptmi_q_again(struct ptmi_q *q);                 /* reset, to be bound from the first value */
void ptmi_q_end(struct ptmi_q *q);
#define PTMI_Q PTM_AUTO(ptmi_q_end) struct ptmi_q

int64_t ptmi_q_get_int(struct ptmi_q *q, int column);      /* NULL: 0 */
int64_t ptmi_q_get_count(struct ptmi_q *q, int column);    /* NULL: -1 */
const char *ptmi_q_get_text(struct ptmi_q *q, int column); /* until the next step; NULL: NULL */
const void *ptmi_q_get_blob(struct ptmi_q *q, int column, size_t *out_len);

/* The lock as a scope: PTMI_HELD(catalog); */
ptmi_catalog *ptmi_catalog_lock(ptmi_catalog *catalog);
void ptmi_catalog_unlockp(ptmi_catalog **catalog);
#define PTMI_HELD(catalog)                                                          \
    PTM_AUTO(ptmi_catalog_unlockp) ptmi_catalog *held = ptmi_catalog_lock(catalog); \
    (void)held

/*
 * One write, held: begin, the statements, end with how they went. ALONE is committed at its end,
 * BATCHED with others: at the next checkpoint, after a fraction of a second, or when they grow
 * large; either is undone alone when it fails. A LISTING write is batched, and spared the
 * savepoint, which would cost more than the write: one that fails half-way undoes the batch and
 * breaks the listings that are open, so that they go back to their last checkpoint.
 */
enum write_kind { WRITE_ALONE, WRITE_BATCHED, WRITE_LISTING };
PTM_MUST_USE ptm_rc ptmi_write_begin(ptmi_catalog *catalog, enum write_kind kind,
                                     struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_write_end(ptmi_catalog *catalog, enum write_kind kind, ptm_rc rc,
                                   struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_write_flush(ptmi_catalog *catalog, struct ptm_err *err);

/* --- catalog.c --- */

/* The parts of open that tests turn: network as if the file system were one. */
PTM_MUST_USE ptm_rc ptmi_catalog_open_as(ptm_ctx *ctx, const char *path, bool read_only,
                                         bool network, ptmi_catalog **out, struct ptm_err *err);

/* A read connection that sees all this process has written; given back by its cleanup. Not held. */
struct ptmi_reader {
    ptmi_catalog *catalog;
    sqlite3 *db;
};
PTM_MUST_USE ptm_rc ptmi_reader_take(ptmi_catalog *catalog, struct ptmi_reader *out,
                                     struct ptm_err *err);
void ptmi_reader_give(struct ptmi_reader *reader);
#define PTMI_READER PTM_AUTO(ptmi_reader_give) struct ptmi_reader
PTM_MUST_USE ptm_rc ptmi_db_open(const ptmi_catalog *catalog, bool read_only, sqlite3 **out,
                                 struct ptm_err *err);

/* Row id of a hub, made when absent; held. */
PTM_MUST_USE ptm_rc ptmi_hub_id(ptmi_catalog *catalog, const char *hub, int64_t *out,
                                struct ptm_err *err);
/* The same without asking the database: 0 when it was not the last one asked for; held. */
int64_t ptmi_hub_known(const ptmi_catalog *catalog, const char *hub);
/* The same for reading: 0 when there is none. */
PTM_MUST_USE ptm_rc ptmi_hub_find_id(struct ptmi_reader *reader, const char *hub, int64_t *out,
                                     struct ptm_err *err);
/* A listing of this process; held. NULL: none with that id. */
struct open_listing *ptmi_listing_find(ptmi_catalog *catalog, int64_t listing);
bool ptmi_listing_of_hub(const ptmi_catalog *catalog, int64_t hub);

/* --- migrate.c --- */
PTM_MUST_USE ptm_rc ptmi_migrate(ptmi_catalog *catalog, struct ptm_err *err);
int ptmi_migrate_newest(void);

/* --- catalog_intern.c: values that many models share --- */
enum intern_kind {
    INTERN_TAG,
    INTERN_AUTHOR,
    INTERN_LICENCE,
    INTERN_PAPER,
    INTERN_SOURCE,
    INTERN_METADATA_FILE,
    INTERN_KINDS
};
struct intern_cache *ptmi_intern_new(void); /* NULL: out of memory */
void ptmi_intern_free(struct intern_cache *cache);
/* NULL text: id 0. Held. */
PTM_MUST_USE ptm_rc ptmi_intern(ptmi_catalog *catalog, enum intern_kind kind, const char *text,
                                int64_t *out, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_intern_dataset(ptmi_catalog *catalog, const struct ptm_dataset *dataset,
                                        int64_t *out, struct ptm_err *err);

/* --- catalog_pack.c --- */
/* A zstd frame of data, or data itself where that is not smaller; borrowed from catalog->packed or
 * data. Held. */
PTM_MUST_USE ptm_rc ptmi_pack(ptmi_catalog *catalog, const void *data, size_t len, const void **out,
                              size_t *out_len, struct ptm_err *err);
/* Back again, into out (which is reset); length as it was stored. PTM_ECORRUPT. */
PTM_MUST_USE ptm_rc ptmi_unpack(ZSTD_DCtx *unpacker, const void *data, size_t len, int64_t length,
                                struct ptmi_buf *out, struct ptm_err *err);
PTM_DEFINE_CLEANUP(ptmi_unpackerp, ZSTD_DCtx *, (void)ZSTD_freeDCtx)

/* --- catalog_put.c --- */
/* Upserts a model of hub; held, within a write. */
struct put_result {
    int64_t model;
    bool added; /* it was not there */
    bool named; /* it was there, fetched by name */
};
PTM_MUST_USE ptm_rc ptmi_put_model_row(ptmi_catalog *catalog, int64_t hub,
                                       const struct ptm_model *model, int64_t repo,
                                       struct put_result *out, struct ptm_err *err);
enum { LIST_HUB = 0, LIST_CLONE = 1 }; /* the source columns */
PTM_MUST_USE ptm_rc ptmi_put_datasets(ptmi_catalog *catalog, int64_t model, int source,
                                      const struct ptm_dataset *datasets, size_t n,
                                      struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_put_papers(ptmi_catalog *catalog, int64_t model, int source,
                                    const char *const *dois, size_t n, struct ptm_err *err);

/* --- catalog_filter.c --- */
/*
 * Is filter one expression over models_view and nothing more? *out_sql (malloc'ed) is it, ready to
 * stand behind WHERE. Fuzzed. guard and unguard put the authorizer, the limits and the budget on a
 * read connection and take them off.
 */
struct filter_guard {
    ptm_ctx *ctx;
    int64_t left; /* steps of SQLite's machine still allowed */
    bool spent;
};
PTM_MUST_USE ptm_rc ptmi_filter_check(const char *filter, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_filter_prepare(struct ptmi_reader *reader, const char *sql_before,
                                        const char *filter, const char *sql_after,
                                        struct filter_guard *guard, sqlite3_stmt **out,
                                        struct ptm_err *err);
void ptmi_filter_release(struct ptmi_reader *reader);

/* --- catalog_record.c: the standard record --- */
struct record_writer; /* statements and buffers for one export; one thread */
PTM_MUST_USE ptm_rc ptmi_record_writer_new(struct ptmi_reader *reader,
                                           const struct ptmi_export *what,
                                           struct record_writer **out, struct ptm_err *err);
void ptmi_record_writer_free(struct record_writer *writer);
PTM_DEFINE_CLEANUP(ptmi_record_writerp, struct record_writer *, ptmi_record_writer_free)
/* Appends the record of a model as one line of JSON without line break. index: its place in its raw
 * array, -1: none. */
PTM_MUST_USE ptm_rc ptmi_record_write(struct record_writer *writer, int64_t model, int64_t id,
                                      int64_t index, struct ptmi_buf *out, struct ptm_err *err);
/* Raw JSON on one line: unchanged unless it holds line breaks, then without the white space between
 * its tokens. */
PTM_MUST_USE ptm_rc ptmi_json_one_line(const char *raw, size_t len, struct ptmi_buf *out,
                                       struct ptm_err *err);
