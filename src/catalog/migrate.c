/* SPDX-License-Identifier: MIT */
/*
 * migrate.c - brings a catalogue to the newest schema: the files of schema/ in the order of their
 * numbers, built into the program, each in one transaction with the version number that stands for
 * it.
 */
#include "catalog_priv.h"

#include <stdio.h>

#include "../base/log.h"

struct migration {
    const char *name;
    const unsigned char *sql;
};
#include "migrations.h" /* made from schema/ at build time */

#define NEWEST ((int)(sizeof MIGRATIONS / sizeof MIGRATIONS[0]))

int ptmi_migrate_newest(void)
{
    return NEWEST;
}

static ptm_rc version_of(ptmi_catalog *catalog, int64_t *out, struct ptm_err *err)
{
    PTMI_Q q = ptmi_q_on(catalog, catalog->db, "PRAGMA user_version");
    PTM_TRY(ptmi_q_row(&q, err));
    *out = ptmi_q_get_int(&q, 0);
    return PTM_OK;
}

/* Within the write transaction: another process may have done it while we waited. */
static ptm_rc apply_missing(ptmi_catalog *catalog, struct ptm_err *err)
{
    int64_t version;
    PTM_TRY(version_of(catalog, &version, err));
    for (int i = (int)version; i < NEWEST; i++) {
        const struct migration *migration = &MIGRATIONS[i];
        ptmi_log(catalog->ctx, PTM_LOG_DEBUG, "catalog", "%s: schema %s", catalog->path,
                 migration->name);
        ptm_rc rc = ptmi_db_exec(catalog, catalog->db, (const char *)migration->sql, err);
        if (rc != PTM_OK) return ptm_err_ctx(err, rc, "schema %s", migration->name);
    }
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d",
             CATALOG_APPLICATION_ID, NEWEST);
    return ptmi_db_exec(catalog, catalog->db, sql, err);
}

ptm_rc ptmi_migrate(ptmi_catalog *catalog, struct ptm_err *err)
{
    int64_t version;
    PTM_TRY(version_of(catalog, &version, err));
    if (version >= NEWEST) return PTM_OK;
    PTM_TRY(ptmi_db_exec(catalog, catalog->db, "BEGIN IMMEDIATE", err));
    ptm_rc rc = apply_missing(catalog, err);
    if (rc == PTM_OK) rc = ptmi_db_exec(catalog, catalog->db, "COMMIT", err);
    if (rc != PTM_OK) (void)sqlite3_exec(catalog->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}
