/* SPDX-License-Identifier: MIT */
/*
 * catalog_listing.c - passes over a hub's list. Order and membership are rows of listing_entries: a
 * listing builds its own, and hubs.shown_listing turns to it when it is finished, so that one that
 * fails disturbs nothing.
 */
#include "catalog_priv.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/path.h"

void ptmi_listing_clear(struct ptmi_listing *listing)
{
    free(listing->token);
    *listing = (struct ptmi_listing){0};
}

struct open_listing *ptmi_listing_find(ptmi_catalog *catalog, int64_t listing)
{
    for (int i = 0; i < CATALOG_LISTINGS; i++)
        if (listing && catalog->listings[i].id == listing) return &catalog->listings[i];
    return NULL;
}

bool ptmi_listing_of_hub(const ptmi_catalog *catalog, int64_t hub)
{
    for (int i = 0; i < CATALOG_LISTINGS; i++)
        if (catalog->listings[i].id && catalog->listings[i].hub == hub) return true;
    return false;
}

/* The listing, if it is open and whole; else NULL, and *out_rc says why not. */
static struct open_listing *open_of(ptmi_catalog *catalog, int64_t listing, ptm_rc *out_rc,
                                    struct ptm_err *err)
{
    struct open_listing *open = ptmi_listing_find(catalog, listing);
    if (open && open->broken.rc == PTM_OK) return open;
    if (open && err) *err = open->broken;
    *out_rc = open ? open->broken.rc
                   : ptm_err_set(err, PTM_EINVAL, "%s: listing %lld is not open", catalog->path,
                                 (long long)listing);
    return NULL;
}

static ptm_rc by_id(ptmi_catalog *catalog, const char *literal, int64_t id, struct ptm_err *err)
{
    PTMI_Q q = ptmi_q(catalog, literal);
    ptmi_q_int(&q, id);
    return ptmi_q_run(&q, err);
}

/* --- where a listing goes on --- */

/* Back to the last checkpoint: what came after it will be delivered again. */
static ptm_rc roll_back(ptmi_catalog *catalog, int64_t listing, struct ptm_err *err)
{
    return by_id(
        catalog,
        "DELETE FROM listing_entries WHERE listing_id = ?1 AND position < " CATALOG_NAMED_SQL
        " AND position >= (SELECT count FROM listings WHERE id = ?1)",
        listing, err);
}

static ptm_rc drop_listings(ptmi_catalog *catalog, int64_t hub, int64_t but, struct ptm_err *err)
{
    static const char ENTRIES[] = "DELETE FROM listing_entries WHERE listing_id IN (SELECT id FROM "
                                  "listings WHERE state = 'open' AND "
                                  "hub_id = ?1 AND id <> ?2)";
    static const char DOCUMENTS[] =
        "DELETE FROM documents WHERE hub_id = ?1 AND pending <> 0 AND pending <> ?2";
    static const char LISTINGS[] = "UPDATE listings SET state = 'dropped', token = NULL WHERE "
                                   "hub_id = ?1 AND state = 'open' AND "
                                   "id <> ?2";
    const char *const SQL[] = {ENTRIES, DOCUMENTS, LISTINGS};
    for (size_t i = 0; i < sizeof SQL / sizeof SQL[0]; i++) {
        PTMI_Q q = ptmi_q(catalog, SQL[i]);
        ptmi_q_int(&q, hub);
        ptmi_q_int(&q, but);
        PTM_TRY(ptmi_q_run(&q, err));
    }
    return PTM_OK;
}

static ptm_rc take_up(ptmi_catalog *catalog, int64_t hub, const char *params,
                      struct ptmi_listing *out, struct ptm_err *err)
{
    PTMI_Q find = ptmi_q(catalog, "SELECT id, token, count FROM listings WHERE hub_id = ?1 "
                                  "AND state = 'open' AND params = ?2 ORDER BY id DESC LIMIT 1");
    ptmi_q_int(&find, hub);
    ptmi_q_text(&find, params);
    ptm_rc rc = ptmi_q_row(&find, err);
    if (rc != PTM_ITEM) return rc;
    const char *token = ptmi_q_get_text(&find, 1);
    out->id = ptmi_q_get_int(&find, 0);
    out->count = ptmi_q_get_int(&find, 2);
    out->token = token ? strdup(token) : NULL;
    out->resumed = true;
    if (token && !out->token) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    return PTM_OK;
}

static ptm_rc start(ptmi_catalog *catalog, int64_t hub, const char *params,
                    struct ptmi_listing *out, struct ptm_err *err)
{
    PTMI_Q add = ptmi_q(catalog, "INSERT INTO listings (hub_id, params, state, started_at) "
                                 "VALUES (?1, ?2, 'open', ?3)");
    ptmi_q_int(&add, hub);
    ptmi_q_text(&add, params);
    ptmi_q_int(&add, ptmi_clock_unix());
    PTM_TRY(ptmi_q_run(&add, err));
    out->id = sqlite3_last_insert_rowid(catalog->db);
    return PTM_OK;
}

/* --- put --- */

static ptm_rc next_position(ptmi_catalog *catalog, struct open_listing *open, struct ptm_err *err)
{
    if (open->next_tx == catalog->tx) return PTM_OK;
    PTMI_Q last = ptmi_q(catalog, "SELECT coalesce(max(position) + 1, 0) FROM listing_entries "
                                  "WHERE listing_id = ?1 AND position < " CATALOG_NAMED_SQL);
    ptmi_q_int(&last, open->id);
    PTM_TRY(ptmi_q_row(&last, err));
    open->next = ptmi_q_get_int(&last, 0);
    open->next_tx = catalog->tx;
    return PTM_OK;
}

static ptm_rc has_entry(ptmi_catalog *catalog, int64_t listing, int64_t model, bool *out,
                        struct ptm_err *err)
{
    PTMI_Q has =
        ptmi_q(catalog, "SELECT 1 FROM listing_entries WHERE listing_id = ?1 AND model_id = ?2");
    ptmi_q_int(&has, listing);
    ptmi_q_int(&has, model);
    ptm_rc rc = ptmi_q_row(&has, err);
    *out = rc == PTM_ITEM;
    return rc < 0 ? rc : PTM_OK;
}

static ptm_rc insert_entry(ptmi_catalog *catalog, int64_t listing, int64_t position, int64_t model,
                           struct ptm_err *err)
{
    PTMI_Q add = ptmi_q(catalog, "INSERT INTO listing_entries (listing_id, position, model_id) "
                                 "VALUES (?1, ?2, ?3)");
    ptmi_q_int(&add, listing);
    ptmi_q_int(&add, position);
    ptmi_q_int(&add, model);
    return ptmi_q_run(&add, err);
}

/* Behind all that are there; a model that is among them already keeps its place. */
static ptm_rc add_entry(ptmi_catalog *catalog, struct open_listing *open,
                        const struct put_result *put, struct ptm_err *err)
{
    bool has = false;
    if (!put->added) PTM_TRY(has_entry(catalog, open->id, put->model, &has, err));
    if (has) return PTM_OK;
    PTM_TRY(next_position(catalog, open, err));
    PTM_TRY(insert_entry(catalog, open->id, open->next, put->model, err));
    open->next++;
    return PTM_OK;
}

/* The hub lists a model that was fetched by name before: from now on it is like the others. */
static ptm_rc forget_name(ptmi_catalog *catalog, int64_t listing, int64_t model,
                          struct ptm_err *err)
{
    PTM_TRY(by_id(catalog, "UPDATE models SET named = 0 WHERE id = ?1", model, err));
    PTMI_Q drop =
        ptmi_q(catalog, "DELETE FROM listing_entries WHERE listing_id = ?1 AND model_id = ?2 "
                        "AND position >= " CATALOG_NAMED_SQL);
    ptmi_q_int(&drop, listing);
    ptmi_q_int(&drop, model);
    return ptmi_q_run(&drop, err);
}

static ptm_rc put_model(ptmi_catalog *catalog, struct open_listing *open,
                        const struct ptm_model *model, int64_t repo, struct ptm_err *err)
{
    struct put_result put = {0};
    PTM_TRY(ptmi_put_model_row(catalog, open->hub, model, repo, &put, err));
    if (put.named) PTM_TRY(forget_name(catalog, open->id, put.model, err));
    return add_entry(catalog, open, &put, err);
}

ptm_rc ptmi_catalog_put_model(ptmi_catalog *catalog, int64_t listing, const struct ptm_model *model,
                              int64_t repo, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    ptm_rc rc = PTM_OK;
    struct open_listing *open = open_of(catalog, listing, &rc, err);
    if (!open) return rc;
    PTM_TRY(ptmi_write_begin(catalog, WRITE_LISTING, err));
    rc = put_model(catalog, open, model, repo, err);
    return ptmi_write_end(catalog, WRITE_LISTING, rc, err);
}

/* --- models fetched by name: behind the listed ones, as they were first seen --- */

/* The shown listing, or one of their own before there is any. */
static ptm_rc listing_for_named(ptmi_catalog *catalog, int64_t hub, int64_t *out,
                                struct ptm_err *err)
{
    PTMI_Q shown = ptmi_q(catalog, "SELECT coalesce(shown_listing, 0) FROM hubs WHERE id = ?1");
    ptmi_q_int(&shown, hub);
    PTM_TRY(ptmi_q_row(&shown, err));
    *out = ptmi_q_get_int(&shown, 0);
    ptmi_q_again(&shown);
    if (*out) return PTM_OK;
    PTMI_Q add = ptmi_q(catalog, "INSERT INTO listings (hub_id, params, state, started_at) "
                                 "VALUES (?1, '', 'named', ?2)");
    ptmi_q_int(&add, hub);
    ptmi_q_int(&add, ptmi_clock_unix());
    PTM_TRY(ptmi_q_run(&add, err));
    *out = sqlite3_last_insert_rowid(catalog->db);
    PTMI_Q show = ptmi_q(catalog, "UPDATE hubs SET shown_listing = ?1 WHERE id = ?2");
    ptmi_q_int(&show, *out);
    ptmi_q_int(&show, hub);
    return ptmi_q_run(&show, err);
}

static ptm_rc put_model_one(ptmi_catalog *catalog, const char *hub, const struct ptm_model *model,
                            int64_t repo, struct ptm_err *err)
{
    int64_t hub_id, listing;
    struct put_result put = {0};
    PTM_TRY(ptmi_hub_id(catalog, hub, &hub_id, err));
    PTM_TRY(listing_for_named(catalog, hub_id, &listing, err));
    PTM_TRY(ptmi_put_model_row(catalog, hub_id, model, repo, &put, err));
    bool has;
    PTM_TRY(has_entry(catalog, listing, put.model, &has, err));
    if (has) return PTM_OK;
    PTM_TRY(by_id(catalog, "UPDATE models SET named = 1, removed_at = NULL WHERE id = ?1",
                  put.model, err));
    return insert_entry(catalog, listing, CATALOG_NAMED + put.model, put.model, err);
}

ptm_rc ptmi_catalog_put_model_one(ptmi_catalog *catalog, const char *hub,
                                  const struct ptm_model *model, int64_t repo, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_ALONE, err));
    ptm_rc rc = put_model_one(catalog, hub, model, repo, err);
    return ptmi_write_end(catalog, WRITE_ALONE, rc, err);
}

/* Into a listing that is, or is about to be, the shown one: all of them, or those whose clone is
 * there. */
static ptm_rc keep_named(ptmi_catalog *catalog, int64_t hub, int64_t listing, bool only_cloned,
                         struct ptm_err *err)
{
    PTMI_Q keep = ptmi_q(
        catalog, "INSERT OR IGNORE INTO listing_entries (listing_id, position, model_id) "
                 "SELECT ?1, " CATALOG_NAMED_SQL " + id, id FROM models WHERE hub_id = ?2 AND "
                 "named AND (NOT ?3 OR (SELECT r.sha IS NOT NULL FROM repositories r WHERE "
                 "r.id = repo_id))");
    ptmi_q_int(&keep, listing);
    ptmi_q_int(&keep, hub);
    ptmi_q_int(&keep, only_cloned);
    return ptmi_q_run(&keep, err);
}

/* --- begin --- */

static ptm_rc begin(ptmi_catalog *catalog, const char *hub, const char *params,
                    struct ptmi_listing *out, struct ptm_err *err)
{
    struct open_listing *free_slot = NULL;
    for (int i = 0; i < CATALOG_LISTINGS && !free_slot; i++)
        if (!catalog->listings[i].id) free_slot = &catalog->listings[i];
    if (!free_slot)
        return ptm_err_set(err, PTM_ELIMIT, "%s: more than %d listings at once", hub,
                           CATALOG_LISTINGS);

    int64_t hub_id;
    PTM_TRY(ptmi_hub_id(catalog, hub, &hub_id, err));
    PTM_TRY(take_up(catalog, hub_id, params, out, err));
    if (out->id) {
        PTM_TRY(roll_back(catalog, out->id, err));
    } else {
        PTM_TRY(start(catalog, hub_id, params, out, err));
    }
    PTM_TRY(drop_listings(catalog, hub_id, out->id, err));
    /* A first listing shows what has arrived, and what was fetched by name before it. */
    PTMI_Q show =
        ptmi_q(catalog, "UPDATE hubs SET shown_listing = ?1 WHERE id = ?2 AND listed_at IS NULL");
    ptmi_q_int(&show, out->id);
    ptmi_q_int(&show, hub_id);
    PTM_TRY(ptmi_q_run(&show, err));
    if (sqlite3_changes(catalog->db)) PTM_TRY(keep_named(catalog, hub_id, out->id, false, err));
    *free_slot = (struct open_listing){.id = out->id, .hub = hub_id};
    return PTM_OK;
}

ptm_rc ptmi_catalog_listing_begin(ptmi_catalog *catalog, const char *hub, const char *params,
                                  struct ptmi_listing *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_listing_clear) struct ptmi_listing listing = {0};
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_ALONE, err));
    ptm_rc rc = begin(catalog, hub, params ? params : "", &listing, err);
    rc = ptmi_write_end(catalog, WRITE_ALONE, rc, err);
    if (rc != PTM_OK) {
        struct open_listing *open = ptmi_listing_find(catalog, listing.id);
        if (open) *open = (struct open_listing){0};
        return rc;
    }
    *out = listing;
    listing = (struct ptmi_listing){0};
    return PTM_OK;
}

/* --- documents and keys --- */

static ptm_rc put_document(ptmi_catalog *catalog, const struct open_listing *open, const char *path,
                           const void *data, size_t len, const char *source_url,
                           struct ptm_err *err)
{
    PTM_TRY(ptmi_path_check_relative(path, err));
    const void *packed;
    size_t packed_len;
    PTM_TRY(ptmi_pack(catalog, data, len, &packed, &packed_len, err));
    PTMI_Q put =
        ptmi_q(catalog, "INSERT OR REPLACE INTO documents (hub_id, path, pending, length, data, "
                        "source_url, fetched_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    ptmi_q_int(&put, open->hub);
    ptmi_q_text(&put, path);
    ptmi_q_int(&put, open->id);
    ptmi_q_int(&put, (int64_t)len);
    ptmi_q_blob(&put, packed, packed_len);
    ptmi_q_text(&put, source_url);
    ptmi_q_int(&put, ptmi_clock_unix());
    catalog->tx_weight += (int64_t)packed_len;
    return ptmi_q_run(&put, err);
}

ptm_rc ptmi_catalog_put_document(ptmi_catalog *catalog, int64_t listing, const char *path,
                                 const void *data, size_t len, const char *source_url,
                                 struct ptm_err *err)
{
    PTMI_HELD(catalog);
    ptm_rc rc = PTM_OK;
    struct open_listing *open = open_of(catalog, listing, &rc, err);
    if (!open) return rc;
    PTM_TRY(ptmi_write_begin(catalog, WRITE_LISTING, err));
    rc = put_document(catalog, open, path, data, len, source_url, err);
    return ptmi_write_end(catalog, WRITE_LISTING, rc, err);
}

ptm_rc ptmi_catalog_has_key(ptmi_catalog *catalog, int64_t listing, const char *key, bool *out,
                            struct ptm_err *err)
{
    PTMI_HELD(catalog);
    ptm_rc rc = PTM_OK;
    struct open_listing *open = open_of(catalog, listing, &rc, err);
    if (!open) return rc;
    PTMI_Q find =
        ptmi_q(catalog, "SELECT 1 FROM models m JOIN listing_entries e ON e.listing_id = ?1 "
                        "AND e.model_id = m.id WHERE m.hub_id = ?2 AND m.key = ?3");
    ptmi_q_int(&find, listing);
    ptmi_q_int(&find, open->hub);
    ptmi_q_text(&find, key);
    rc = ptmi_q_row(&find, err);
    if (rc < 0) return rc;
    *out = rc == PTM_ITEM;
    return PTM_OK;
}

/* --- checkpoint, finish, abandon --- */

static ptm_rc checkpoint(ptmi_catalog *catalog, int64_t listing, const char *token,
                         struct ptm_err *err)
{
    PTMI_Q save = ptmi_q(catalog, "UPDATE listings SET token = ?1, saved_at = ?2, count = (SELECT "
                                  "coalesce(max(position) + 1, 0) FROM listing_entries WHERE "
                                  "listing_id = ?3 AND position < " CATALOG_NAMED_SQL ") "
                                  "WHERE id = ?3");
    ptmi_q_text(&save, token);
    ptmi_q_int(&save, ptmi_clock_unix());
    ptmi_q_int(&save, listing);
    return ptmi_q_run(&save, err);
}

ptm_rc ptmi_catalog_checkpoint(ptmi_catalog *catalog, int64_t listing, const char *token,
                               struct ptm_err *err)
{
    PTMI_HELD(catalog);
    ptm_rc rc = PTM_OK;
    struct open_listing *open = open_of(catalog, listing, &rc, err);
    if (!open) return rc;
    PTM_TRY(ptmi_write_begin(catalog, WRITE_LISTING, err));
    rc = checkpoint(catalog, listing, token, err);
    PTM_TRY(ptmi_write_end(catalog, WRITE_LISTING, rc, err));
    return ptmi_write_flush(catalog, err);
}

static ptm_rc mark_finished(ptmi_catalog *catalog, const struct open_listing *open, int64_t now,
                            struct ptm_err *err)
{
    PTM_TRY(checkpoint(catalog, open->id, NULL, err));
    PTMI_Q done =
        ptmi_q(catalog, "UPDATE listings SET state = 'finished', finished_at = ?1 WHERE id = ?2");
    ptmi_q_int(&done, now);
    ptmi_q_int(&done, open->id);
    PTM_TRY(ptmi_q_run(&done, err));
    PTMI_Q show =
        ptmi_q(catalog, "UPDATE hubs SET listed_at = ?1, shown_listing = ?2 WHERE id = ?3");
    ptmi_q_int(&show, now);
    ptmi_q_int(&show, open->id);
    ptmi_q_int(&show, open->hub);
    return ptmi_q_run(&show, err);
}

/* Tombstones for what left the list, and off those that came back. */
static ptm_rc mark_removed(ptmi_catalog *catalog, const struct open_listing *open, int64_t now,
                           struct ptm_err *err)
{
    PTMI_Q gone = ptmi_q(
        catalog, "UPDATE models SET removed_at = ?1 WHERE hub_id = ?2 AND removed_at IS NULL "
                 "AND NOT EXISTS (SELECT 1 FROM listing_entries WHERE listing_id = ?3 AND "
                 "model_id = models.id)");
    ptmi_q_int(&gone, now);
    ptmi_q_int(&gone, open->hub);
    ptmi_q_int(&gone, open->id);
    PTM_TRY(ptmi_q_run(&gone, err));
    PTMI_Q back = ptmi_q(
        catalog, "UPDATE models SET removed_at = NULL WHERE hub_id = ?1 AND removed_at IS NOT "
                 "NULL AND EXISTS (SELECT 1 FROM listing_entries WHERE listing_id = ?2 AND "
                 "model_id = models.id)");
    ptmi_q_int(&back, open->hub);
    ptmi_q_int(&back, open->id);
    return ptmi_q_run(&back, err);
}

static ptm_rc finish(ptmi_catalog *catalog, const struct open_listing *open, struct ptm_err *err)
{
    static const char OLD_ENTRIES[] = "DELETE FROM listing_entries WHERE listing_id IN (SELECT id "
                                      "FROM listings WHERE hub_id = ?1 AND "
                                      "id <> ?2)";
    static const char OLD_DOCUMENTS[] = "DELETE FROM documents WHERE hub_id = ?1 AND pending <> ?2";
    static const char NEW_DOCUMENTS[] =
        "UPDATE documents SET pending = 0 WHERE hub_id = ?1 AND pending = ?2";
    const char *const REPLACE[] = {OLD_ENTRIES, OLD_DOCUMENTS, NEW_DOCUMENTS};
    int64_t now = ptmi_clock_unix();
    PTM_TRY(mark_finished(catalog, open, now, err));
    PTM_TRY(by_id(
        catalog,
        "DELETE FROM listing_entries WHERE listing_id = ?1 AND position >= " CATALOG_NAMED_SQL,
        open->id, err));
    PTM_TRY(keep_named(catalog, open->hub, open->id, true, err));
    PTM_TRY(mark_removed(catalog, open, now, err));
    for (size_t i = 0; i < sizeof REPLACE / sizeof REPLACE[0]; i++) {
        PTMI_Q q = ptmi_q(catalog, REPLACE[i]);
        ptmi_q_int(&q, open->hub);
        ptmi_q_int(&q, open->id);
        PTM_TRY(ptmi_q_run(&q, err));
    }
    return PTM_OK;
}

ptm_rc ptmi_catalog_listing_finish(ptmi_catalog *catalog, int64_t listing, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    ptm_rc rc = PTM_OK;
    struct open_listing *open = open_of(catalog, listing, &rc, err);
    if (!open) return rc;
    PTM_TRY(ptmi_write_flush(catalog, err));
    PTM_TRY(ptmi_write_begin(catalog, WRITE_LISTING, err));
    PTM_TRY(ptmi_write_end(catalog, WRITE_LISTING, finish(catalog, open, err), err));
    PTM_TRY(ptmi_write_flush(catalog, err));
    *open = (struct open_listing){0};
    return PTM_OK;
}

void ptmi_catalog_listing_abandon(ptmi_catalog *catalog, int64_t listing)
{
    PTMI_HELD(catalog);
    struct open_listing *open = ptmi_listing_find(catalog, listing);
    if (!open) return;
    *open = (struct open_listing){0};
    struct ptm_err err = {0};
    ptm_rc rc = ptmi_write_begin(catalog, WRITE_ALONE, &err);
    if (rc == PTM_OK) {
        rc = roll_back(catalog, listing, &err);
        rc = ptmi_write_end(catalog, WRITE_ALONE, rc, &err);
    }
    /* Nothing is lost: the next begin rolls back as well. */
    if (rc != PTM_OK) ptmi_log(catalog->ctx, PTM_LOG_DEBUG, "catalog", "abandon: %s", err.msg);
}

ptm_rc ptmi_catalog_listed(ptmi_catalog *catalog, const char *hub, bool *out,
                           char out_finished_at[32], struct ptm_err *err)
{
    PTMI_READER reader = {0};
    PTM_TRY(ptmi_reader_take(catalog, &reader, err));
    PTMI_Q find = ptmi_q_on(catalog, reader.db, "SELECT listed_at FROM hubs WHERE name = ?1");
    ptmi_q_text(&find, hub);
    ptm_rc rc = ptmi_q_row(&find, err);
    if (rc < 0) return rc;
    int64_t at = rc == PTM_ITEM ? ptmi_q_get_count(&find, 0) : -1;
    *out = at >= 0;
    if (!out_finished_at) return PTM_OK;
    out_finished_at[0] = 0;
    if (at >= 0) ptmi_clock_iso(at, out_finished_at);
    return PTM_OK;
}
