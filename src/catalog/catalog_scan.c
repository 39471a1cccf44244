/* SPDX-License-Identifier: MIT */
/* catalog_scan.c - what --scan read in the files of clones: formats, parameters, dtypes, verdicts.
 */
#include "catalog_priv.h"

#include "../base/clock.h"

ptm_rc ptmi_catalog_scanned(ptmi_catalog *catalog, int64_t repo, const struct ptmi_scan_row *as,
                            bool *out, struct ptm_err *err)
{
    PTMI_READER reader = {0};
    PTM_TRY(ptmi_reader_take(catalog, &reader, err));
    PTMI_Q q = ptmi_q_on(catalog, reader.db,
                         "SELECT 1 FROM weight_scans WHERE repo_id = ?1 AND sha = ?2 AND objects = "
                         "?3 AND version = ?4");
    ptmi_q_int(&q, repo);
    ptmi_q_text(&q, as->sha);
    ptmi_q_int(&q, as->objects);
    ptmi_q_text(&q, as->version);
    ptm_rc rc = ptmi_q_row(&q, err);
    if (rc < 0) return rc;
    *out = rc == PTM_ITEM;
    return PTM_OK;
}

static ptm_rc of_repo(ptmi_catalog *catalog, const char *literal, int64_t repo, struct ptm_err *err)
{
    PTMI_Q q = ptmi_q(catalog, literal);
    ptmi_q_int(&q, repo);
    return ptmi_q_run(&q, err);
}

ptm_rc ptmi_catalog_scan_begin(ptmi_catalog *catalog, int64_t repo, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_BATCHED, err));
    ptm_rc rc = of_repo(catalog, "DELETE FROM weight_scans WHERE repo_id = ?1", repo, err);
    if (rc == PTM_OK)
        rc = of_repo(catalog, "UPDATE weight_files SET stale = 1 WHERE repo_id = ?1", repo, err);
    return ptmi_write_end(catalog, WRITE_BATCHED, rc, err);
}

/* The oid is the large file's that was last seen at this path, when there is one. */
static ptm_rc put_weight_file(ptmi_catalog *catalog, int64_t repo,
                              const struct ptmi_weight_row *row, struct ptm_err *err)
{
    PTMI_Q put = ptmi_q(
        catalog,
        "INSERT OR REPLACE INTO weight_files (repo_id, path, oid, bytes, format, tensors, "
        "parameters, dtypes, verdict, findings, why, scanned_at, stale) VALUES (?1, ?2, (SELECT "
        "oid FROM large_objects WHERE repo_id = ?1 AND path = ?2 ORDER BY stale, seen_at DESC "
        "LIMIT 1), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0)");
    ptmi_q_int(&put, repo);
    ptmi_q_text(&put, row->path);
    ptmi_q_int(&put, row->bytes);
    ptmi_q_text(&put, row->format);
    ptmi_q_count(&put, row->tensors);
    ptmi_q_count(&put, row->parameters);
    ptmi_q_text(&put, row->dtypes);
    ptmi_q_text(&put, row->verdict);
    ptmi_q_text(&put, row->findings);
    ptmi_q_text(&put, row->why);
    ptmi_q_int(&put, ptmi_clock_unix());
    return ptmi_q_run(&put, err);
}

ptm_rc ptmi_catalog_put_weight_file(ptmi_catalog *catalog, int64_t repo,
                                    const struct ptmi_weight_row *row, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_BATCHED, err));
    return ptmi_write_end(catalog, WRITE_BATCHED, put_weight_file(catalog, repo, row, err), err);
}

static ptm_rc put_scan(ptmi_catalog *catalog, int64_t repo, const struct ptmi_scan_row *row,
                       struct ptm_err *err)
{
    PTM_TRY(of_repo(catalog, "DELETE FROM weight_files WHERE repo_id = ?1 AND stale", repo, err));
    PTMI_Q put = ptmi_q(catalog, "INSERT OR REPLACE INTO weight_scans (repo_id, sha, objects, "
                                 "version, files, bytes, verdict, scanned_at) VALUES (?1, ?2, ?3, "
                                 "?4, ?5, ?6, ?7, ?8)");
    ptmi_q_int(&put, repo);
    ptmi_q_text(&put, row->sha);
    ptmi_q_int(&put, row->objects);
    ptmi_q_text(&put, row->version);
    ptmi_q_int(&put, row->files);
    ptmi_q_int(&put, row->bytes);
    ptmi_q_text(&put, row->verdict);
    ptmi_q_int(&put, ptmi_clock_unix());
    return ptmi_q_run(&put, err);
}

ptm_rc ptmi_catalog_scan_end(ptmi_catalog *catalog, int64_t repo, const struct ptmi_scan_row *row,
                             struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_BATCHED, err));
    return ptmi_write_end(catalog, WRITE_BATCHED, put_scan(catalog, repo, row, err), err);
}
