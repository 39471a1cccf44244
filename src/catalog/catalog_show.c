/* SPDX-License-Identifier: MIT */
/*
 * catalog_show.c - one model with all we know of it, as JSON. Rows become objects by the names of
 * their columns: a name that ends with '?' is a truth value, one with '#' is JSON already; NULL
 * leaves the member out.
 */
#include "catalog_priv.h"

#include <string.h>

#include "../base/limits.h"

static ptm_rc comma(struct ptmi_buf *out, struct ptm_err *err)
{
    char last = out->data[out->len - 1];
    return last == '{' || last == '[' ? PTM_OK : ptmi_buf_putc(out, ',', err);
}

static ptm_rc key(struct ptmi_buf *out, const char *name, size_t len, struct ptm_err *err)
{
    PTM_TRY(comma(out, err));
    return ptmi_buf_printf(out, err, "\"%.*s\":", (int)len, name);
}

static ptm_rc column(struct ptmi_q *q, int i, struct ptmi_buf *out, struct ptm_err *err)
{
    int type = sqlite3_column_type(q->stmt, i);
    const char *name = sqlite3_column_name(q->stmt, i);
    size_t len = strlen(name);
    char mark = name[len - 1];
    if (type == SQLITE_NULL) return PTM_OK;
    PTM_TRY(key(out, name, mark == '?' || mark == '#' ? len - 1 : len, err));
    if (mark == '?') return ptmi_buf_puts(out, ptmi_q_get_int(q, i) ? "true" : "false", err);
    if (mark == '#') return ptmi_buf_puts(out, ptmi_q_get_text(q, i), err);
    if (type == SQLITE_INTEGER)
        return ptmi_buf_printf(out, err, "%lld", (long long)ptmi_q_get_int(q, i));
    return ptmi_buf_json_str(out, ptmi_q_get_text(q, i), err);
}

static ptm_rc columns(struct ptmi_q *q, struct ptmi_buf *out, struct ptm_err *err)
{
    int n = sqlite3_column_count(q->stmt);
    for (int i = 0; i < n; i++) PTM_TRY(column(q, i, out, err));
    return PTM_OK;
}

/* "name":{...} of the one row; nothing without a row. */
static ptm_rc object(struct ptmi_reader *reader, const char *name, const char *sql, int64_t model,
                     struct ptmi_buf *out, struct ptm_err *err)
{
    PTMI_Q q = ptmi_q_on(reader->catalog, reader->db, sql);
    ptmi_q_int(&q, model);
    ptm_rc rc = ptmi_q_row(&q, err);
    if (rc != PTM_ITEM) return rc;
    PTM_TRY(key(out, name, strlen(name), err));
    PTM_TRY(ptmi_buf_putc(out, '{', err));
    PTM_TRY(columns(&q, out, err));
    return ptmi_buf_putc(out, '}', err);
}

/* "name":[{...},...] */
static ptm_rc array(struct ptmi_reader *reader, const char *name, const char *sql, int64_t model,
                    struct ptmi_buf *out, struct ptm_err *err)
{
    PTMI_Q q = ptmi_q_on(reader->catalog, reader->db, sql);
    ptmi_q_int(&q, model);
    PTM_TRY(key(out, name, strlen(name), err));
    PTM_TRY(ptmi_buf_putc(out, '[', err));
    ptm_rc rc;
    while ((rc = ptmi_q_row(&q, err)) == PTM_ITEM) {
        PTM_TRY(comma(out, err));
        PTM_TRY(ptmi_buf_putc(out, '{', err));
        PTM_TRY(columns(&q, out, err));
        PTM_TRY(ptmi_buf_putc(out, '}', err));
    }
    if (rc < 0) return rc;
    return ptmi_buf_putc(out, ']', err);
}

/* "name": the JSON of a packed column, on one line. */
static ptm_rc packed(struct ptmi_reader *reader, const char *name, const char *sql, int64_t model,
                     struct ptmi_buf *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_unpackerp) ZSTD_DCtx *unpacker = ZSTD_createDCtx();
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf text = PTMI_BUF(PTM_LIMIT_JSON + 1ul);
    if (!unpacker) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTMI_Q q = ptmi_q_on(reader->catalog, reader->db, sql);
    ptmi_q_int(&q, model);
    ptm_rc rc = ptmi_q_row(&q, err);
    if (rc != PTM_ITEM) return rc;
    size_t len;
    const void *data = ptmi_q_get_blob(&q, 1, &len);
    PTM_TRY(ptmi_unpack(unpacker, data, len, ptmi_q_get_int(&q, 0), &text, err));
    PTM_TRY(key(out, name, strlen(name), err));
    return ptmi_json_one_line(text.data ? text.data : "", text.len, out, err);
}

/* --- what is shown --- */

#define ISO(column) "strftime('%Y-%m-%dT%H:%M:%SZ', " column ", 'unixepoch')"

static const char FACTS[] =
    "SELECT CASE m.access WHEN 0 THEN 'open' WHEN 1 THEN 'gated' WHEN 2 THEN 'private' ELSE "
    "'disabled' END "
    "AS access, l.name AS license, m.library, m.sha, m.created_at, m.last_modified, m.downloads, "
    "m.downloads_all, m.likes, m.used_storage, m.parameters, m.not_clonable, m.repo_path, "
    "(SELECT json_group_array(name) FROM (SELECT t.name FROM model_tags mt JOIN tags t ON t.id = "
    "mt.tag_id "
    "WHERE mt.model_id = m.id ORDER BY t.name)) AS 'tags#', "
    "(SELECT json_group_array(name) FROM (SELECT a.name FROM model_authors ma JOIN authors a ON "
    "a.id = "
    "ma.author_id WHERE ma.model_id = m.id ORDER BY ma.ordinal)) AS 'authors#' "
    "FROM models m LEFT JOIN licences l ON l.id = m.licence_id WHERE m.id = ?1";
static const char CLONE_FACTS[] = "SELECT c.sha, c.task, c.architecture, l.name AS license, " ISO(
    "c.read_at") " AS read_at "
                 "FROM clone_facts c LEFT JOIN licences l ON l.id = c.licence_id WHERE c.model_id "
                 "= ?1";
static const char BASES[] =
    "SELECT relation, base FROM base_models WHERE model_id = ?1 ORDER BY ordinal";
static const char ENTRY_POINTS[] =
    "SELECT repo, ref, name, code, line FROM entry_points WHERE model_id = ?1 ORDER BY ordinal";
/* Laid out by hand: clang-format breaks texts that are joined by a macro at every few letters. */
/* clang-format off */
static const char PROVENANCE[] =
    "SELECT s.url AS source_url, m.fetched_at, "
    ISO("m.first_seen") " AS first_seen, " ISO("m.last_seen") " AS last_seen, "
    ISO("m.changed_at") " AS changed_at, " ISO("m.removed_at") " AS removed_at "
    "FROM models m LEFT JOIN sources s ON s.id = m.source_id WHERE m.id = ?1";
static const char REPOSITORY[] =
    "SELECT r.clone_url, h.name || '/repos/' || r.author || '/' || r.name AS path, r.ref, r.sha, "
    "r.branch, r.selected AS 'selected?', r.bad_objects AS 'bad_objects?', r.git_bytes, "
    "r.large_objects, r.large_bytes, "
    ISO("r.cloned_at") " AS cloned_at, " ISO("r.updated_at") " AS updated_at, "
    ISO("r.checked_at") " AS checked_at "
    "FROM models m JOIN repositories r ON r.id = m.repo_id JOIN hubs h ON h.id = r.hub_id "
    "WHERE m.id = ?1";
/* Of a repository shared by many models only what lies below the model's own path (a file or a
 * folder). */
#define BELOW(path)                                      \
    "(m.repo_path IS NULL OR " path " = m.repo_path OR " \
    "substr(" path ", 1, length(m.repo_path) + 1) = m.repo_path || '/')"
static const char LARGE_FILES[] =
    "SELECT o.path, o.oid, o.size, o.outcome, o.source_url, o.why, "
    ISO("o.seen_at") " AS seen_at "
    "FROM models m JOIN large_objects o ON o.repo_id = m.repo_id WHERE m.id = ?1 "
    "AND " BELOW("o.path") " ORDER BY o.path, o.oid";
static const char WEIGHTS[] =
    "SELECT w.path, w.oid, w.bytes, w.format, w.tensors, w.parameters, w.dtypes AS 'dtypes#', "
    "w.verdict, w.findings AS 'findings#', w.why, "
    ISO("w.scanned_at") " AS scanned_at "
    "FROM models m JOIN weight_files w ON w.repo_id = m.repo_id WHERE m.id = ?1 "
    "AND " BELOW("w.path") " ORDER BY w.path";
/* clang-format on */
static const char FAILURES[] =
    "SELECT f.item AS id, f.stage, f.reason, f.message, f.url, f.http_status, f.retryable AS "
    "'retryable?', "
    "f.tries, f.first_time, f.time FROM models m LEFT JOIN repositories r ON r.id = m.repo_id "
    "JOIN failures f ON f.hub_id = m.hub_id AND (f.item = m.name OR f.item = m.key OR f.item = "
    "r.author || '/' "
    "|| r.name OR (f.item >= r.author || '/' || r.name || ':' AND f.item < r.author || '/' || "
    "r.name || ';')) "
    "WHERE m.id = ?1 ORDER BY f.item, f.stage";
static const char FILES[] = "SELECT length, list FROM files WHERE model_id = ?1";
static const char RAW[] = "SELECT length, data FROM model_raw WHERE model_id = ?1";

/* By name, else by key; of several with one name (a hub may list versions) the first of the
 * listing, else one that was removed. */
static const char FIND[] =
    "SELECT m.id, e.position, m.key, m.name FROM hubs h JOIN models m ON m.hub_id = h.id LEFT JOIN "
    "listing_entries e ON e.listing_id = h.shown_listing AND e.model_id = m.id WHERE h.name = ?1 "
    "AND "
    "m.id IN (SELECT id FROM models WHERE hub_id = h.id AND name = ?2 UNION ALL SELECT id FROM "
    "models "
    "WHERE hub_id = h.id AND key = ?2) ORDER BY m.name <> ?2, e.position IS NULL, e.position LIMIT "
    "1";
static const char INDEX[] =
    "SELECT count(*) FROM hubs h JOIN listing_entries e ON e.listing_id = h.shown_listing JOIN "
    "models m ON "
    "m.id = e.model_id JOIN model_raw w ON w.model_id = m.id WHERE h.name = ?1 AND e.position < ?2 "
    "AND "
    "m.metadata_file_id IS (SELECT metadata_file_id FROM models WHERE id = ?3)";

static ptm_rc place_in_array(struct ptmi_reader *reader, const char *hub, int64_t position,
                             int64_t model, int64_t *out, struct ptm_err *err)
{
    PTMI_Q numbered = ptmi_q_on(
        reader->catalog, reader->db,
        "SELECT f.numbered AND EXISTS (SELECT 1 FROM model_raw WHERE model_id = m.id) "
        "FROM models m JOIN metadata_files f ON f.id = m.metadata_file_id WHERE m.id = ?1");
    ptmi_q_int(&numbered, model);
    *out = -1;
    ptm_rc rc = ptmi_q_row(&numbered, err);
    if (rc != PTM_ITEM) return rc;
    if (!ptmi_q_get_int(&numbered, 0)) return PTM_OK;
    PTMI_Q q = ptmi_q_on(reader->catalog, reader->db, INDEX);
    ptmi_q_text(&q, hub);
    ptmi_q_int(&q, position);
    ptmi_q_int(&q, model);
    PTM_TRY(ptmi_q_row(&q, err));
    *out = ptmi_q_get_int(&q, 0);
    return PTM_OK;
}

/* The place among the shown: the position, but for models fetched by name, whose positions have
 * gaps. */
static ptm_rc record_id(struct ptmi_reader *reader, const char *hub, int64_t position, int64_t *out,
                        struct ptm_err *err)
{
    *out = position;
    if (position < CATALOG_NAMED) return PTM_OK;
    PTMI_Q q = ptmi_q_on(
        reader->catalog, reader->db,
        "SELECT count(*) FROM hubs h JOIN listing_entries e ON e.listing_id = h.shown_listing "
        "WHERE h.name = ?1 AND e.position < ?2");
    ptmi_q_text(&q, hub);
    ptmi_q_int(&q, position);
    PTM_TRY(ptmi_q_row(&q, err));
    *out = ptmi_q_get_int(&q, 0);
    return PTM_OK;
}

/* Title and URL of the hub are those of its last export: the catalogue does not know hubs by
 * itself. */
static ptm_rc record(struct ptmi_reader *reader, const char *hub, int64_t model, int64_t position,
                     struct ptmi_buf *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_record_writerp) struct record_writer *writer = NULL;
    PTMI_Q q =
        ptmi_q_on(reader->catalog, reader->db,
                  "SELECT coalesce(title, name), coalesce(url, '') FROM hubs WHERE name = ?1");
    ptmi_q_text(&q, hub);
    PTM_TRY(ptmi_q_row(&q, err));
    struct ptmi_export what = {
        .hub = hub, .title = ptmi_q_get_text(&q, 0), .url = ptmi_q_get_text(&q, 1)};
    int64_t index, id;
    PTM_TRY(place_in_array(reader, hub, position, model, &index, err));
    PTM_TRY(record_id(reader, hub, position, &id, err));
    PTM_TRY(ptmi_record_writer_new(reader, &what, &writer, err));
    PTM_TRY(key(out, "record", 6, err));
    return ptmi_record_write(writer, model, id, index, out, err);
}

static ptm_rc all_parts(struct ptmi_reader *reader, int64_t model, bool with_raw,
                        struct ptmi_buf *out, struct ptm_err *err)
{
    PTM_TRY(object(reader, "facts", FACTS, model, out, err));
    PTM_TRY(object(reader, "clone_facts", CLONE_FACTS, model, out, err));
    PTM_TRY(array(reader, "base_models", BASES, model, out, err));
    PTM_TRY(array(reader, "entry_points", ENTRY_POINTS, model, out, err));
    PTM_TRY(object(reader, "provenance", PROVENANCE, model, out, err));
    PTM_TRY(object(reader, "repository", REPOSITORY, model, out, err));
    PTM_TRY(array(reader, "large_files", LARGE_FILES, model, out, err));
    PTM_TRY(array(reader, "weights", WEIGHTS, model, out, err));
    PTM_TRY(array(reader, "failures", FAILURES, model, out, err));
    PTM_TRY(packed(reader, "files", FILES, model, out, err));
    return with_raw ? packed(reader, "raw", RAW, model, out, err) : PTM_OK;
}

ptm_rc ptmi_catalog_show(ptmi_catalog *catalog, const char *hub, const char *name, bool with_raw,
                         struct ptmi_buf *out, struct ptm_err *err)
{
    PTMI_READER reader = {0};
    PTM_TRY(ptmi_reader_take(catalog, &reader, err));
    PTMI_Q find = ptmi_q_on(catalog, reader.db, FIND);
    ptmi_q_text(&find, hub);
    ptmi_q_text(&find, name);
    ptm_rc rc = ptmi_q_row(&find, err);
    if (rc == PTM_OK)
        return ptm_err_set(err, PTM_ENOENT,
                           "%s/%s: not in the catalogue: `ptm list %s` brings it up to date", hub,
                           name, hub);
    if (rc < 0) return rc;
    int64_t model = ptmi_q_get_int(&find, 0), position = ptmi_q_get_count(&find, 1);
    PTM_TRY(ptmi_buf_putc(out, '{', err));
    PTM_TRY(key(out, "hub", 3, err));
    PTM_TRY(ptmi_buf_json_str(out, hub, err));
    PTM_TRY(key(out, "name", 4, err));
    PTM_TRY(ptmi_buf_json_str(out, ptmi_q_get_text(&find, 3), err));
    PTM_TRY(key(out, "key", 3, err));
    PTM_TRY(ptmi_buf_json_str(out, ptmi_q_get_text(&find, 2), err));
    /* A model that the hub no longer lists has no record in HUB.json. */
    if (position >= 0) PTM_TRY(record(&reader, hub, model, position, out, err));
    PTM_TRY(all_parts(&reader, model, with_raw, out, err));
    return ptmi_buf_putc(out, '}', err);
}
