/* SPDX-License-Identifier: MIT */
/* catalog_large.c - the large files of repositories: what became of each, and which objects of the
 * store are wanted. */
#include "catalog_priv.h"

#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/str.h"

static ptm_rc put_large(ptmi_catalog *catalog, int64_t repo, const struct ptmi_large_row *row,
                        struct ptm_err *err)
{
    if (!row->oid || !ptmi_str_is_hex(row->oid, 64))
        return ptm_err_set(err, PTM_EINVAL, "%s: not the SHA-256 of a large file", row->path);
    PTMI_Q put =
        ptmi_q(catalog, "INSERT INTO large_objects (repo_id, path, oid, size, outcome, source_url, "
                        "why, seen_at, stale) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0) "
                        "ON CONFLICT (repo_id, path, oid) DO UPDATE SET size = excluded.size, "
                        "outcome = excluded.outcome, source_url = coalesce(excluded.source_url, "
                        "source_url), why = excluded.why, seen_at = excluded.seen_at, stale = 0");
    ptmi_q_int(&put, repo);
    ptmi_q_text(&put, row->path);
    ptmi_q_text(&put, row->oid);
    ptmi_q_int(&put, row->size);
    ptmi_q_text(&put, row->outcome);
    ptmi_q_text(&put, row->source_url);
    ptmi_q_text(&put, row->why);
    ptmi_q_int(&put, ptmi_clock_unix());
    return ptmi_q_run(&put, err);
}

/* Batched: a repository may have tens of thousands, and a pass that is cut short is made again. */
ptm_rc ptmi_catalog_put_large(ptmi_catalog *catalog, int64_t repo, const struct ptmi_large_row *row,
                              struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_BATCHED, err));
    return ptmi_write_end(catalog, WRITE_BATCHED, put_large(catalog, repo, row, err), err);
}

static ptm_rc of_repo(ptmi_catalog *catalog, const char *literal, int64_t repo, struct ptm_err *err)
{
    PTMI_Q q = ptmi_q(catalog, literal);
    ptmi_q_int(&q, repo);
    return ptmi_q_run(&q, err);
}

ptm_rc ptmi_catalog_large_begin(ptmi_catalog *catalog, int64_t repo, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_BATCHED, err));
    ptm_rc rc =
        of_repo(catalog, "UPDATE large_objects SET stale = 1 WHERE repo_id = ?1", repo, err);
    return ptmi_write_end(catalog, WRITE_BATCHED, rc, err);
}

ptm_rc ptmi_catalog_large_end(ptmi_catalog *catalog, int64_t repo, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_ALONE, err));
    ptm_rc rc =
        of_repo(catalog, "DELETE FROM large_objects WHERE repo_id = ?1 AND stale", repo, err);
    return ptmi_write_end(catalog, WRITE_ALONE, rc, err);
}

struct object {
    char oid[65];
    int64_t size;
};

#define OBJECTS(where, oid)                                                                \
    "SELECT oid, max(size) FROM large_objects WHERE " where " AND outcome IN ('present', " \
    "'fetched', 'elsewhere') GROUP BY " oid " ORDER BY " oid " LIMIT ?3"
/* The + keeps the index over oid out of it: it would read the whole table for each repository. */
static const char OF_REPO[] = OBJECTS("repo_id = ?2 AND +oid > ?1", "+oid");
static const char OF_ALL[] = OBJECTS("oid > ?1 AND ?2 = 0", "oid");

/* The next objects after the one named, in the order of their names. */
static ptm_rc read_chunk(ptmi_catalog *catalog, int64_t repo, const char *after,
                         struct object *rows, size_t *out_n, struct ptm_err *err)
{
    PTMI_READER reader = {0};
    PTM_TRY(ptmi_reader_take(catalog, &reader, err));
    PTMI_Q q = ptmi_q_on(catalog, reader.db, repo ? OF_REPO : OF_ALL);
    ptmi_q_text(&q, after);
    ptmi_q_int(&q, repo);
    ptmi_q_int(&q, CATALOG_CHUNK);
    ptm_rc rc;
    *out_n = 0;
    while ((rc = ptmi_q_row(&q, err)) == PTM_ITEM) {
        struct object *row = &rows[*out_n];
        const char *oid = ptmi_q_get_text(&q, 0);
        if (!oid) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
        snprintf(row->oid, sizeof row->oid, "%s", oid);
        (*out_n)++;
        row->size = ptmi_q_get_int(&q, 1);
    }
    return rc;
}

ptm_rc ptmi_catalog_each_large(ptmi_catalog *catalog, int64_t repo, ptmi_large_fn fn, void *arg,
                               struct ptm_err *err)
{
    struct object rows[CATALOG_CHUNK];
    char after[65] = "";
    size_t n;
    do {
        PTM_TRY(read_chunk(catalog, repo, after, rows, &n, err));
        for (size_t i = 0; i < n; i++) {
            ptm_rc rc = fn(arg, rows[i].oid, rows[i].size, err);
            if (rc != PTM_OK) return rc;
        }
        if (n) memcpy(after, rows[n - 1].oid, sizeof after);
    } while (n == CATALOG_CHUNK);
    return PTM_OK;
}
