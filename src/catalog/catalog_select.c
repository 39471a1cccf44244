/* SPDX-License-Identifier: MIT */
/*
 * catalog_select.c - which repositories are to be cloned: the models of the listing, filtered,
 * sorted and cut, then the repositories behind them in the order of their best model. Sorting is
 * SQLite's, which spills to disk: memory stays flat.
 */
#include "catalog_priv.h"

#include <string.h>

#include "../base/str.h"

struct sort_key {
    const char *name;
    const char *column; /* of models_view */
};
static const struct sort_key SORT_KEYS[] = {
    {"downloads", "downloads"},  {"downloadsAllTime", "downloads_all"},
    {"likes", "likes"},          {"lastModified", "last_modified"},
    {"createdAt", "created_at"}, {"usedStorage", "used_storage"},
};

static ptm_rc sort_column(const char *sort, const char **out, struct ptm_err *err)
{
    *out = SORT_KEYS[0].column;
    if (!sort) return PTM_OK;
    for (size_t i = 0; i < sizeof SORT_KEYS / sizeof SORT_KEYS[0]; i++) {
        if (strcmp(SORT_KEYS[i].name, sort) != 0) continue;
        *out = SORT_KEYS[i].column;
        return PTM_OK;
    }
    return ptm_err_set(
        err, PTM_EINVAL,
        "--sort %s: unknown; it is one of downloads, downloadsAllTime, likes, lastModified, "
        "createdAt, usedStorage",
        sort);
}

/* --- choosing: into temporary tables of the write connection, which are a file of their own and
 * lock nothing --- */

static ptm_rc make_tables(ptmi_catalog *catalog, struct ptm_err *err)
{
    return ptmi_db_exec(
        catalog, catalog->db,
        "CREATE TEMP TABLE IF NOT EXISTS chosen (rank INTEGER PRIMARY KEY, model_id "
        "INTEGER NOT NULL);"
        "CREATE TEMP TABLE IF NOT EXISTS wanted (name TEXT PRIMARY KEY) WITHOUT ROWID;"
        "DELETE FROM temp.chosen; DELETE FROM temp.wanted",
        err);
}

static ptm_rc fill_wanted(ptmi_catalog *catalog, const char *const *names, size_t n,
                          struct ptm_err *err)
{
    PTMI_Q add =
        ptmi_q_on(catalog, catalog->db, "INSERT OR IGNORE INTO temp.wanted (name) VALUES (?1)");
    for (size_t i = 0; i < n; i++) {
        ptmi_q_text(&add, names[i]);
        PTM_TRY(ptmi_q_run(&add, err));
    }
    return PTM_OK;
}

static bool by_list(const struct ptmi_select *what)
{
    return !what->all && (what->n_names || what->n_urls);
}

/* Is the model of this row on the list of names or URLs? */
static ptm_rc is_wanted(const struct ptmi_select *what, struct ptmi_q *find, sqlite3_stmt *row,
                        bool *out, struct ptm_err *err)
{
    *out = true;
    if (!by_list(what)) return PTM_OK;
    const char *text = (const char *)sqlite3_column_text(row, what->n_names ? 1 : 2);
    ptmi_q_text(find, text ? text : "");
    ptm_rc rc = ptmi_q_row(find, err);
    *out = rc == PTM_ITEM;
    ptmi_q_again(find);
    return rc < 0 ? rc : PTM_OK;
}

static ptm_rc step_error(struct ptmi_reader *reader, const struct filter_guard *guard, int rc,
                         struct ptm_err *err)
{
    if (guard->spent)
        return ptm_err_set(err, PTM_EINVAL,
                           "--filter: it does not come to an end: make it simpler");
    if ((rc & 0xff) == SQLITE_TOOBIG)
        return ptm_err_set(err, PTM_EINVAL, "--filter: it makes texts longer than 1 MiB");
    if ((rc & 0xff) == SQLITE_ERROR || (rc & 0xff) == SQLITE_AUTH)
        return ptm_err_set(err, PTM_EINVAL, "--filter: %s", sqlite3_errmsg(reader->db));
    return ptmi_db_error(reader->catalog, reader->db, rc, err);
}

/* Copies the models that pass into temp.chosen, best first. */
static ptm_rc copy_chosen(ptmi_catalog *catalog, const struct ptmi_select *what,
                          struct ptmi_reader *reader, sqlite3_stmt *rows,
                          const struct filter_guard *guard, struct ptm_err *err)
{
    PTMI_Q find = ptmi_q_on(catalog, catalog->db, "SELECT 1 FROM temp.wanted WHERE name = ?1");
    PTMI_Q add = ptmi_q_on(catalog, catalog->db, "INSERT INTO temp.chosen (model_id) VALUES (?1)");
    int rc;
    while ((rc = sqlite3_step(rows)) == SQLITE_ROW) {
        bool wanted;
        PTM_TRY(is_wanted(what, &find, rows, &wanted, err));
        if (!wanted) continue;
        ptmi_q_int(&add, sqlite3_column_int64(rows, 0));
        PTM_TRY(ptmi_q_run(&add, err));
    }
    return rc == SQLITE_DONE ? PTM_OK : step_error(reader, guard, rc, err);
}

static ptm_rc fill_chosen(ptmi_catalog *catalog, const struct ptmi_select *what,
                          struct ptmi_reader *reader, sqlite3_stmt *rows,
                          const struct filter_guard *guard, struct ptm_err *err)
{
    PTM_TRY(make_tables(catalog, err));
    if (by_list(what))
        PTM_TRY(what->n_names ? fill_wanted(catalog, what->names, what->n_names, err)
                              : fill_wanted(catalog, what->urls, what->n_urls, err));
    return copy_chosen(catalog, what, reader, rows, guard, err);
}

static void finalizep(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
}

/* Held. One transaction, since a commit a row would take longer than all else; it touches the
 * temporary file alone. */
static ptm_rc choose(ptmi_catalog *catalog, const struct ptmi_select *what, const char *column,
                     struct ptmi_reader *reader, struct ptm_err *err)
{
    /* Unknown figures come last; the position makes the order total. */
    PTM_AUTO(ptmi_freep)
    char *after = ptmi_str_printf(" ORDER BY v.%s DESC NULLS LAST, v.name, v.position", column);
    if (!after) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    struct filter_guard guard = {0};
    PTM_AUTO(finalizep) sqlite3_stmt *rows = NULL;
    PTM_TRY(ptmi_filter_prepare(
        reader,
        "SELECT v.model_id, v.name, v.clone_url FROM models_view v WHERE v.hub = ?1 "
        "AND ",
        what->filter && !what->all ? what->filter : "1", after, &guard, &rows, err));
    sqlite3_bind_text(rows, 1, what->hub, -1, SQLITE_STATIC);
    ptm_rc rc = ptmi_db_exec(catalog, catalog->db, "BEGIN", err);
    if (rc == PTM_OK) {
        rc = fill_chosen(catalog, what, reader, rows, &guard, err);
        const char *end = rc == PTM_OK ? "COMMIT" : "ROLLBACK";
        ptm_rc end_rc = ptmi_db_exec(catalog, catalog->db, end, rc == PTM_OK ? err : NULL);
        if (rc == PTM_OK) rc = end_rc;
    }
    sqlite3_finalize(ptm_steal(&rows));
    ptmi_filter_release(reader);
    return rc;
}

/* --- cutting and marking --- */

static ptm_rc number(ptmi_catalog *catalog, const char *literal, int64_t arg, int64_t *out,
                     struct ptm_err *err)
{
    PTMI_Q q = ptmi_q_on(catalog, catalog->db, literal);
    if (q.stmt && sqlite3_bind_parameter_count(q.stmt)) ptmi_q_int(&q, arg);
    PTM_TRY(ptmi_q_row(&q, err));
    *out = ptmi_q_get_int(&q, 0);
    return PTM_OK;
}

static int64_t how_many(const struct ptmi_select *what, int64_t passed)
{
    if (what->all || by_list(what)) return passed;
    if (what->count >= 0) return what->count < passed ? what->count : passed;
    /* As int(N * share), but 0.29 of 100 is 29. */
    int64_t n = (int64_t)((double)passed * what->share + 1e-9);
    if (n > passed) n = passed;
    return n == 0 && passed > 0 && what->share > 0 ? 1 : n;
}

static ptm_rc cut(ptmi_catalog *catalog, const struct ptmi_select *what, struct ptmi_selected *out,
                  struct ptm_err *err)
{
    int64_t passed;
    PTM_TRY(number(catalog, "SELECT count(*) FROM temp.chosen", 0, &passed, err));
    out->chosen_models = how_many(what, passed);
    PTMI_Q drop = ptmi_q_on(catalog, catalog->db, "DELETE FROM temp.chosen WHERE rank > ?1");
    ptmi_q_int(&drop, out->chosen_models);
    return ptmi_q_run(&drop, err);
}

static ptm_rc run_with(ptmi_catalog *catalog, const char *sql, int64_t a, int64_t b,
                       struct ptm_err *err)
{
    PTMI_Q q = ptmi_q_on(catalog, catalog->db, sql);
    ptmi_q_int(&q, a);
    ptmi_q_int(&q, b);
    return ptmi_q_run(&q, err);
}

#define BEST                                                                                   \
    "(SELECT m.repo_id AS id, min(c.rank) AS rank FROM temp.chosen c JOIN models m ON m.id = " \
    "c.model_id WHERE m.repo_id IS NOT NULL GROUP BY m.repo_id)"

/* What the run works on, and what the hub is wanted to hold: a list of names or URLs adds to that,
 * all else replaces it. */
static ptm_rc mark(ptmi_catalog *catalog, const struct ptmi_select *what, int64_t hub,
                   struct ptm_err *err)
{
    PTM_TRY(run_with(catalog, "DELETE FROM selections WHERE run_id = ?1 AND hub_id = ?2", what->run,
                     hub, err));
    PTM_TRY(run_with(
        catalog,
        "INSERT INTO selections (run_id, hub_id, rank, repo_id) SELECT ?1, ?2, rank, id FROM " BEST,
        what->run, hub, err));
    if (by_list(what)) {
        PTMI_Q also =
            ptmi_q_on(catalog, catalog->db,
                      "UPDATE repositories SET selected = 1 WHERE id IN (SELECT id FROM " BEST ")");
        return ptmi_q_run(&also, err);
    }
    PTM_TRY(run_with(catalog,
                     "UPDATE repositories SET selected = 0, rank = ?2 WHERE hub_id = ?1 AND "
                     "(selected OR rank <> ?2)",
                     hub, CATALOG_RANK_NONE, err));
    PTMI_Q chosen = ptmi_q_on(catalog, catalog->db,
                              "UPDATE repositories SET selected = 1, rank = best.rank FROM " BEST
                              " best WHERE repositories.id = best.id");
    return ptmi_q_run(&chosen, err);
}

static ptm_rc sum_up(ptmi_catalog *catalog, int64_t hub, struct ptmi_selected *out,
                     struct ptm_err *err)
{
    PTM_TRY(number(catalog,
                   "SELECT count(*) FROM hubs h JOIN listing_entries e ON e.listing_id = "
                   "h.shown_listing WHERE "
                   "h.id = ?1",
                   hub, &out->models, err));
    PTM_TRY(number(catalog,
                   "SELECT count(*) FROM temp.chosen c JOIN models m ON m.id = c.model_id WHERE "
                   "m.repo_id IS NULL",
                   0, &out->not_clonable, err));
    /* The figure is the repository's, told by each model in it. */
    PTMI_Q q = ptmi_q_on(
        catalog, catalog->db,
        "SELECT count(*), total(cloned), total(CASE WHEN NOT cloned THEN size END), total(NOT "
        "cloned AND size IS NULL) FROM (SELECT r.sha IS NOT NULL AS cloned, max(m.used_storage) AS "
        "size FROM temp.chosen c JOIN models m ON m.id = c.model_id JOIN repositories r ON r.id = "
        "m.repo_id GROUP BY r.id)");
    PTM_TRY(ptmi_q_row(&q, err));
    out->repos = ptmi_q_get_int(&q, 0);
    out->present = ptmi_q_get_int(&q, 1);
    out->bytes = ptmi_q_get_int(&q, 2);
    out->unknown_size = ptmi_q_get_int(&q, 3);
    return PTM_OK;
}

static ptm_rc apply(ptmi_catalog *catalog, const struct ptmi_select *what,
                    struct ptmi_selected *out, struct ptm_err *err)
{
    int64_t hub;
    PTM_TRY(ptmi_hub_id(catalog, what->hub, &hub, err));
    PTM_TRY(cut(catalog, what, out, err));
    PTM_TRY(mark(catalog, what, hub, err));
    return sum_up(catalog, hub, out, err);
}

ptm_rc ptmi_catalog_select(ptmi_catalog *catalog, const struct ptmi_select *what,
                           struct ptmi_selected *out, struct ptm_err *err)
{
    const char *column;
    struct ptmi_selected selected = {0};
    PTM_TRY(sort_column(what->sort, &column, err));
    if (what->count < 0 && !(what->share >= 0 && what->share <= 1))
        return ptm_err_set(err, PTM_EINVAL, "a share of %g: it is between 0 and 1", what->share);
    PTMI_READER reader = {0};
    PTM_TRY(ptmi_reader_take(catalog, &reader, err));
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_flush(catalog, err));
    PTM_TRY(choose(catalog, what, column, &reader, err));
    PTM_TRY(ptmi_write_begin(catalog, WRITE_ALONE, err));
    PTM_TRY(ptmi_write_end(catalog, WRITE_ALONE, apply(catalog, what, &selected, err), err));
    *out = selected;
    return PTM_OK;
}
