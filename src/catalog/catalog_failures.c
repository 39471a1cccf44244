/* SPDX-License-Identifier: MIT */
/* catalog_failures.c - what failed and why, one row a thing and stage; and the counts of `ptm
 * status`. */
#include "catalog_priv.h"

#include <string.h>

#include "../base/clock.h"

/* --- failures --- */

static ptm_rc put_failure(ptmi_catalog *catalog, const struct ptmi_failure *failure,
                          struct ptm_err *err)
{
    int64_t hub;
    char now[32];
    PTM_TRY(ptmi_hub_id(catalog, failure->hub, &hub, err));
    PTMI_Q put = ptmi_q(
        catalog, "INSERT INTO failures (hub_id, item, stage, reason, message, url, http_status, "
                 "retryable, tries, first_time, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, "
                 "?9, ?9) ON CONFLICT (hub_id, item, stage) DO UPDATE SET reason = "
                 "excluded.reason, message = excluded.message, url = excluded.url, http_status = "
                 "excluded.http_status, retryable = excluded.retryable, tries = tries + 1, "
                 "time = excluded.time");
    ptmi_q_int(&put, hub);
    ptmi_q_text(&put, failure->id ? failure->id : "");
    ptmi_q_text(&put, failure->stage ? failure->stage : "");
    ptmi_q_text(&put, failure->reason ? failure->reason : "");
    ptmi_q_text(&put, failure->message ? failure->message : "");
    ptmi_q_text(&put, failure->url);
    ptmi_q_id(&put, failure->http_status);
    ptmi_q_int(&put, failure->retryable);
    ptmi_q_text(&put, failure->time ? failure->time : ptmi_clock_now(now));
    return ptmi_q_run(&put, err);
}

ptm_rc ptmi_catalog_put_failure(ptmi_catalog *catalog, const struct ptmi_failure *failure,
                                struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_ALONE, err));
    return ptmi_write_end(catalog, WRITE_ALONE, put_failure(catalog, failure, err), err);
}

/* ';' follows ':' in ASCII, so the range holds exactly what begins with the id. */
static const char CLEAR[] =
    "DELETE FROM failures WHERE hub_id = (SELECT id FROM hubs WHERE name = ?1) AND "
    "stage = ?2 AND (?3 IS NULL OR item = ?3 OR (substr(?3, -1) = ':' AND item > ?3 AND "
    "item < substr(?3, 1, length(?3) - 1) || ';'))";

static ptm_rc clear_failure(ptmi_catalog *catalog, const char *hub, const char *id,
                            const char *stage, struct ptm_err *err)
{
    PTMI_Q drop = ptmi_q(catalog, CLEAR);
    ptmi_q_text(&drop, hub);
    ptmi_q_text(&drop, stage);
    ptmi_q_text(&drop, id);
    return ptmi_q_run(&drop, err);
}

ptm_rc ptmi_catalog_clear_failure(ptmi_catalog *catalog, const char *hub, const char *id,
                                  const char *stage, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_BATCHED, err));
    return ptmi_write_end(catalog, WRITE_BATCHED, clear_failure(catalog, hub, id, stage, err), err);
}

struct chunk {
    struct ptmi_failure rows[CATALOG_CHUNK];
    size_t n;
    int64_t id; /* of the last one */
    struct ptmi_arena arena;
};

static void chunk_clear(struct chunk *chunk)
{
    ptmi_arena_clear(&chunk->arena);
}

static bool take_row(struct chunk *chunk, struct ptmi_q *q)
{
    struct ptmi_failure *row = &chunk->rows[chunk->n++];
    const char **const texts[] = {&row->hub,     &row->id,  &row->stage, &row->reason,
                                  &row->message, &row->url, &row->time};
    chunk->id = ptmi_q_get_int(q, 0);
    row->http_status = (int)ptmi_q_get_int(q, 8);
    row->retryable = ptmi_q_get_int(q, 9) != 0;
    row->tries = ptmi_q_get_int(q, 10);
    for (int i = 0; i < 7; i++) {
        const char *text = ptmi_q_get_text(q, 1 + i);
        *texts[i] = ptmi_arena_strdup(&chunk->arena, text);
        if (text && !*texts[i]) return false;
    }
    return true;
}

static ptm_rc read_chunk(ptmi_catalog *catalog, const char *hub, const char *stage, int64_t newest,
                         struct chunk *chunk, struct ptm_err *err)
{
    PTMI_READER reader = {0};
    PTM_TRY(ptmi_reader_take(catalog, &reader, err));
    PTMI_Q q = ptmi_q_on(
        catalog, reader.db,
        "SELECT f.id, h.name, f.item, f.stage, f.reason, f.message, f.url, f.time, "
        "f.http_status, f.retryable, f.tries FROM failures f JOIN hubs h ON h.id = f.hub_id "
        "WHERE f.id > ?1 AND f.id <= ?2 AND (?3 IS NULL OR h.name = ?3) AND (?4 IS NULL OR "
        "f.stage = ?4) ORDER BY f.id LIMIT ?5");
    ptmi_q_int(&q, chunk->id);
    ptmi_q_int(&q, newest);
    ptmi_q_text(&q, hub);
    ptmi_q_text(&q, stage);
    ptmi_q_int(&q, CATALOG_CHUNK);
    ptmi_arena_clear(&chunk->arena);
    chunk->n = 0;
    ptm_rc rc;
    while ((rc = ptmi_q_row(&q, err)) == PTM_ITEM)
        if (!take_row(chunk, &q)) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    return rc;
}

/* A callback that tries again may add failures: those are not for this walk. */
static ptm_rc newest_failure(ptmi_catalog *catalog, int64_t *out, struct ptm_err *err)
{
    PTMI_READER reader = {0};
    PTM_TRY(ptmi_reader_take(catalog, &reader, err));
    PTMI_Q q = ptmi_q_on(catalog, reader.db, "SELECT coalesce(max(id), 0) FROM failures");
    PTM_TRY(ptmi_q_row(&q, err));
    *out = ptmi_q_get_int(&q, 0);
    return PTM_OK;
}

ptm_rc ptmi_catalog_each_failure(ptmi_catalog *catalog, const char *hub, const char *stage,
                                 ptmi_failure_fn fn, void *arg, struct ptm_err *err)
{
    PTM_AUTO(chunk_clear) struct chunk chunk = {.arena = PTMI_ARENA(64u << 20)};
    int64_t newest;
    PTM_TRY(newest_failure(catalog, &newest, err));
    do {
        PTM_TRY(read_chunk(catalog, hub, stage, newest, &chunk, err));
        for (size_t i = 0; i < chunk.n; i++) {
            ptm_rc rc = fn(arg, &chunk.rows[i], err);
            if (rc != PTM_OK) return rc;
        }
    } while (chunk.n == CATALOG_CHUNK);
    return PTM_OK;
}

/* --- status --- */

/* One row of numbers; ?1 is the hub's id. */
static ptm_rc numbers(struct ptmi_reader *reader, const char *sql, int64_t hub, int64_t *const *out,
                      struct ptm_err *err)
{
    PTMI_Q q = ptmi_q_on(reader->catalog, reader->db, sql);
    ptmi_q_int(&q, hub);
    PTM_TRY(ptmi_q_row(&q, err));
    for (int i = 0; out[i]; i++) *out[i] = ptmi_q_get_int(&q, i);
    return PTM_OK;
}

static ptm_rc status_of(struct ptmi_reader *reader, int64_t hub, struct ptmi_hub_status *out,
                        struct ptm_err *err)
{
    int64_t listed_at = -1, unfinished = 0;
    PTM_TRY(numbers(
        reader,
        "SELECT coalesce(listed_at, -1), EXISTS (SELECT 1 FROM listings WHERE hub_id = ?1 AND "
        "state = 'open') FROM hubs WHERE id = ?1",
        hub, (int64_t *[]){&listed_at, &unfinished, NULL}, err));
    if (listed_at >= 0) ptmi_clock_iso(listed_at, out->listed_at);
    out->listing_unfinished = unfinished != 0;
    PTM_TRY(
        numbers(reader,
                "SELECT count(*), total(m.access = 1), total(m.access = 2), total(m.access = 3), "
                "total(m.repo_id IS NULL) FROM hubs h JOIN listing_entries e ON e.listing_id = "
                "h.shown_listing JOIN models m ON m.id = e.model_id WHERE h.id = ?1",
                hub,
                (int64_t *[]){&out->models, &out->gated, &out->private_, &out->disabled,
                              &out->not_clonable, NULL},
                err));
    PTM_TRY(numbers(reader,
                    "SELECT count(*) FROM models WHERE hub_id = ?1 AND removed_at IS NOT NULL", hub,
                    (int64_t *[]){&out->removed, NULL}, err));
    PTM_TRY(
        numbers(reader,
                "SELECT count(*), total(selected), total(sha IS NOT NULL) FROM repositories WHERE "
                "hub_id = ?1",
                hub, (int64_t *[]){&out->repos, &out->selected, &out->cloned, NULL}, err));
    PTM_TRY(numbers(
        reader,
        "SELECT count(*), total(size) FROM (SELECT l.oid, max(l.size) AS size FROM large_objects l "
        "JOIN repositories r ON r.id = l.repo_id WHERE r.hub_id = ?1 AND l.outcome IN ('present', "
        "'fetched', 'elsewhere') GROUP BY l.oid)",
        hub, (int64_t *[]){&out->large_objects, &out->large_bytes, NULL}, err));
    PTM_TRY(numbers(
        reader,
        "SELECT total(l.outcome = 'lost'), total(l.outcome = 'failed') FROM large_objects l JOIN "
        "repositories r ON r.id = l.repo_id WHERE r.hub_id = ?1",
        hub, (int64_t *[]){&out->large_lost, &out->large_failed, NULL}, err));
    return numbers(reader, "SELECT count(*), total(retryable) FROM failures WHERE hub_id = ?1", hub,
                   (int64_t *[]){&out->failures, &out->failures_retryable, NULL}, err);
}

ptm_rc ptmi_catalog_status(ptmi_catalog *catalog, const char *hub, struct ptmi_hub_status *out,
                           struct ptm_err *err)
{
    PTMI_READER reader = {0};
    struct ptmi_hub_status status = {0};
    int64_t id;
    PTM_TRY(ptmi_reader_take(catalog, &reader, err));
    PTM_TRY(ptmi_hub_find_id(&reader, hub, &id, err));
    if (id) PTM_TRY(status_of(&reader, id, &status, err));
    *out = status;
    return PTM_OK;
}
