/* SPDX-License-Identifier: MIT */
/*
 * catalog_export.c - whole files out of the catalogue: HUB.json, the hub's documents, arrays of its
 * raw records. One read transaction each, so that a file shows one state; a record at a time, so
 * that memory does not grow with the hub.
 */
#include "catalog_priv.h"

#include <string.h>

#include "../base/fs.h"
#include "../base/json.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"

PTM_DEFINE_CLEANUP(wholep, ptmi_whole *, ptmi_whole_abort)

/* --- one export --- */

static void end_reading(struct ptmi_reader *reader)
{
    if (reader->db && !sqlite3_get_autocommit(reader->db))
        (void)sqlite3_exec(reader->db, "ROLLBACK", NULL, NULL, NULL);
    ptmi_reader_give(reader);
}

/* The hub's id and listing. *out_listing is 0 when there is nothing to show: never listed, and
 * nothing arrived. */
struct shown {
    int64_t hub, listing;
    bool finished;
};

static ptm_rc begin_reading(ptmi_catalog *catalog, const char *hub, struct ptmi_reader *reader,
                            struct shown *out, struct ptm_err *err)
{
    PTM_TRY(ptmi_reader_take(catalog, reader, err));
    PTM_TRY(ptmi_db_exec(catalog, reader->db, "BEGIN", err));
    PTMI_Q q = ptmi_q_on(
        catalog, reader->db,
        "SELECT id, CASE WHEN listed_at IS NOT NULL OR EXISTS (SELECT 1 FROM listing_entries "
        "WHERE listing_id = shown_listing) THEN shown_listing END, listed_at IS NOT NULL "
        "FROM hubs WHERE name = ?1");
    ptmi_q_text(&q, hub);
    ptm_rc rc = ptmi_q_row(&q, err);
    if (rc < 0) return rc;
    *out = (struct shown){0};
    if (rc == PTM_OK) return PTM_OK;
    out->hub = ptmi_q_get_int(&q, 0);
    out->listing = ptmi_q_get_int(&q, 1);
    out->finished = ptmi_q_get_int(&q, 2) != 0;
    return PTM_OK;
}

static ptm_rc open_file(const struct ptmi_export *what, const char *relative, ptmi_whole **out,
                        struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *base = NULL;
    PTM_AUTO(ptmi_freep) char *path = NULL;
    PTM_TRY(ptmi_path_under(what->root, what->hub, &base, err));
    PTM_TRY(ptmi_path_under(base, relative, &path, err));
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(path);
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(ptmi_fs_mkdirs(dir, err));
    return ptmi_whole_open(path, 0666, out, err);
}

static ptm_rc stopped(const ptmi_catalog *catalog, const char *what, struct ptm_err *err)
{
    if (ptm_ctx_canceled(catalog->ctx) < 2) return PTM_OK;
    return ptm_err_set(err, PTM_ECANCELED, "%s: interrupted; the file that was there stays", what);
}

static ptm_rc commit(ptmi_whole *file, bool *changed, struct ptm_err *err)
{
    bool this_changed = false;
    PTM_TRY(ptmi_whole_commit(file, &this_changed, err));
    *changed = *changed || this_changed;
    return PTM_OK;
}

/* --- ids of raw arrays: a record without id of its own has its place in its file --- */

enum { ARRAYS = 16 };

struct counters {
    struct {
        int64_t file, next;
    } items[ARRAYS];
    int n;
    struct ptmi_q has_raw;
};

static void counters_clear(struct counters *counters)
{
    ptmi_q_end(&counters->has_raw);
}

static ptm_rc counters_init(struct counters *counters, struct ptmi_reader *reader,
                            const struct ptmi_export *what, struct ptm_err *err)
{
    PTMI_Q find =
        ptmi_q_on(reader->catalog, reader->db, "SELECT id FROM metadata_files WHERE path = ?1");
    for (int i = 0; what->arrays && what->arrays[i] && counters->n < ARRAYS; i++) {
        if (!what->array_adds_id || !what->array_adds_id[i]) continue;
        ptmi_q_text(&find, what->arrays[i]);
        ptm_rc rc = ptmi_q_row(&find, err);
        if (rc < 0) return rc;
        if (rc == PTM_ITEM) counters->items[counters->n++].file = ptmi_q_get_int(&find, 0);
        ptmi_q_again(&find);
    }
    counters->has_raw =
        ptmi_q_on(reader->catalog, reader->db, "SELECT 1 FROM model_raw WHERE model_id = ?1");
    return PTM_OK;
}

/* Place of a model in its array, -1 when it has none. To be asked of every model, in order. */
static ptm_rc counters_next(struct counters *counters, int64_t file, int64_t model, int64_t *out,
                            struct ptm_err *err)
{
    *out = -1;
    for (int i = 0; i < counters->n; i++) {
        if (counters->items[i].file != file) continue;
        ptmi_q_int(&counters->has_raw, model);
        ptm_rc rc = ptmi_q_row(&counters->has_raw, err);
        ptmi_q_again(&counters->has_raw);
        if (rc < 0) return rc;
        if (rc == PTM_ITEM) *out = counters->items[i].next++;
    }
    return PTM_OK;
}

/* --- standard records --- */

static ptm_rc write_records(struct ptmi_reader *reader, const struct shown *shown,
                            const struct ptmi_export *what, ptmi_whole *file, int64_t *out_records,
                            struct ptm_err *err)
{
    PTM_AUTO(ptmi_record_writerp) struct record_writer *writer = NULL;
    PTM_AUTO(counters_clear) struct counters counters = {.n = 0};
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf line = PTMI_BUF(4ul * PTM_LIMIT_RECORD);
    PTM_TRY(ptmi_record_writer_new(reader, what, &writer, err));
    PTM_TRY(counters_init(&counters, reader, what, err));
    PTMI_Q rows = ptmi_q_on(
        reader->catalog, reader->db,
        "SELECT e.model_id, m.metadata_file_id FROM listing_entries e JOIN models m ON m.id = "
        "e.model_id WHERE e.listing_id = ?1 ORDER BY e.position");
    ptmi_q_int(&rows, shown->listing);
    int64_t n = 0, index;
    ptm_rc rc;
    while ((rc = ptmi_q_row(&rows, err)) == PTM_ITEM) {
        int64_t model = ptmi_q_get_int(&rows, 0);
        PTM_TRY(stopped(reader->catalog, what->hub, err));
        PTM_TRY(counters_next(&counters, ptmi_q_get_int(&rows, 1), model, &index, err));
        ptmi_buf_reset(&line);
        PTM_TRY(ptmi_buf_puts(&line, n ? ",\n" : "[\n", err));
        PTM_TRY(ptmi_record_write(writer, model, n++, index, &line, err));
        ptmi_whole_write(file, line.data, line.len);
    }
    if (rc < 0) return rc;
    ptmi_whole_puts(file, n ? "\n]\n" : "[]\n");
    *out_records = n;
    return PTM_OK;
}

static ptm_rc set_hub(ptmi_catalog *catalog, const struct ptmi_export *what, struct ptm_err *err)
{
    PTMI_Q set = ptmi_q(catalog, "UPDATE hubs SET title = ?1, url = ?2 WHERE name = ?3");
    ptmi_q_text(&set, what->title);
    ptmi_q_text(&set, what->url);
    ptmi_q_text(&set, what->hub);
    PTM_TRY(ptmi_q_run(&set, err));
    PTMI_Q number = ptmi_q(catalog, "UPDATE metadata_files SET numbered = 1 WHERE path = ?1");
    for (int i = 0; what->arrays && what->arrays[i]; i++) {
        if (!what->array_adds_id || !what->array_adds_id[i]) continue;
        ptmi_q_text(&number, what->arrays[i]);
        PTM_TRY(ptmi_q_run(&number, err));
    }
    return PTM_OK;
}

/* For `show`, which is told neither the hub's title nor which of its files number their records. */
static ptm_rc remember_hub(ptmi_catalog *catalog, const struct ptmi_export *what,
                           struct ptm_err *err)
{
    if (catalog->read_only || what->compat_v1) return PTM_OK;
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_ALONE, err));
    return ptmi_write_end(catalog, WRITE_ALONE, set_hub(catalog, what, err), err);
}

ptm_rc ptmi_catalog_export_records(ptmi_catalog *catalog, const struct ptmi_export *what,
                                   int64_t *out_records, bool *out_changed, struct ptm_err *err)
{
    PTM_AUTO(end_reading) struct ptmi_reader reader = {0};
    PTM_AUTO(wholep) ptmi_whole *file = NULL;
    PTM_AUTO(ptmi_freep) char *relative = ptmi_str_printf("json/%s.json", what->hub);
    struct shown shown;
    int64_t records = 0;
    bool changed = false;
    if (!relative) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(remember_hub(catalog, what, err));
    PTM_TRY(begin_reading(catalog, what->hub, &reader, &shown, err));
    if (shown.listing) {
        PTM_TRY(open_file(what, relative, &file, err));
        PTM_TRY(write_records(&reader, &shown, what, file, &records, err));
        PTM_TRY(commit(file, &changed, err));
    }
    if (out_records) *out_records = records;
    if (out_changed) *out_changed = changed;
    return PTM_OK;
}

/* --- documents --- */

static ptm_rc write_document(const struct ptmi_export *what, struct ptmi_q *row,
                             ZSTD_DCtx *unpacker, struct ptmi_buf *text, bool *changed,
                             struct ptm_err *err)
{
    const char *relative = ptmi_q_get_text(row, 0);
    PTM_AUTO(wholep) ptmi_whole *file = NULL;
    size_t len;
    const void *data = ptmi_q_get_blob(row, 2, &len);
    ptm_rc rc = ptmi_unpack(unpacker, data, len, ptmi_q_get_int(row, 1), text, err);
    if (rc != PTM_OK) return ptm_err_ctx(err, rc, "%s/%s", what->hub, relative);
    PTM_TRY(open_file(what, relative, &file, err));
    ptmi_whole_write(file, text->len ? text->data : "", text->len);
    return commit(file, changed, err);
}

/* Those of the last finished listing; before the first is finished, what has arrived. */
static ptm_rc write_documents(struct ptmi_reader *reader, const struct shown *shown,
                              const struct ptmi_export *what, bool *changed, struct ptm_err *err)
{
    PTM_AUTO(ptmi_unpackerp) ZSTD_DCtx *unpacker = ZSTD_createDCtx();
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf text = PTMI_BUF(PTM_LIMIT_JSON + 1ul);
    if (!unpacker) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTMI_Q rows = ptmi_q_on(
        reader->catalog, reader->db,
        "SELECT path, length, data FROM documents WHERE hub_id = ?1 AND CASE WHEN ?2 THEN "
        "pending = 0 ELSE pending <> 0 END ORDER BY path");
    ptmi_q_int(&rows, shown->hub);
    ptmi_q_int(&rows, shown->finished);
    ptm_rc rc;
    while ((rc = ptmi_q_row(&rows, err)) == PTM_ITEM) {
        PTM_TRY(stopped(reader->catalog, what->hub, err));
        PTM_TRY(write_document(what, &rows, unpacker, &text, changed, err));
    }
    return rc;
}

/* --- raw arrays --- */

/* The record's own bytes, with "id": n in front where it has none and is to have one. */
static ptm_rc raw_line(const struct ptmi_buf *raw, int64_t id, struct ptmi_buf *line,
                       struct ptm_err *err)
{
    const char *own;
    size_t own_len;
    bool adds =
        id >= 0 && raw->len && !ptmi_json_member_text(raw->data, raw->len, "id", &own, &own_len);
    size_t at = adds ? strspn(raw->data, " \t\r\n") : 0;
    if (!adds || raw->data[at] != '{') return ptmi_json_one_line(raw->data, raw->len, line, err);
    at++;
    at += strspn(raw->data + at, " \t\r\n");
    PTM_TRY(ptmi_buf_printf(line, err, "{\"id\":%lld%s", (long long)id,
                            raw->data[at] == '}' ? "" : ","));
    return ptmi_json_one_line(raw->data + at, raw->len - at, line, err);
}

static ptm_rc array_rows(struct ptmi_reader *reader, const char *path, bool adds_id,
                         struct ptmi_q *rows, ptmi_whole *file, struct ptm_err *err)
{
    PTM_AUTO(ptmi_unpackerp) ZSTD_DCtx *unpacker = ZSTD_createDCtx();
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf raw = PTMI_BUF(PTM_LIMIT_RECORD + 1ul);
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf line = PTMI_BUF(PTM_LIMIT_RECORD + 4096ul);
    if (!unpacker) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    int64_t n = 0;
    ptm_rc rc;
    while ((rc = ptmi_q_row(rows, err)) == PTM_ITEM) {
        size_t len;
        PTM_TRY(stopped(reader->catalog, path, err));
        const void *data = ptmi_q_get_blob(rows, 1, &len);
        PTM_TRY(ptmi_unpack(unpacker, data, len, ptmi_q_get_int(rows, 0), &raw, err));
        ptmi_buf_reset(&line);
        PTM_TRY(ptmi_buf_puts(&line, n ? ",\n" : "[\n", err));
        PTM_TRY(raw_line(&raw, adds_id ? n : -1, &line, err));
        ptmi_whole_write(file, line.data, line.len);
        n++;
    }
    ptmi_whole_puts(file, n ? "\n]\n" : "[]\n");
    return rc;
}

static ptm_rc write_array(struct ptmi_reader *reader, const struct shown *shown,
                          const struct ptmi_export *what, int i, bool *changed, struct ptm_err *err)
{
    PTM_AUTO(wholep) ptmi_whole *file = NULL;
    bool adds_id = what->array_adds_id && what->array_adds_id[i];
    PTM_TRY(open_file(what, what->arrays[i], &file, err));
    PTMI_Q rows = ptmi_q_on(
        reader->catalog, reader->db,
        "SELECT r.length, r.data FROM listing_entries e JOIN models m ON m.id = e.model_id JOIN "
        "model_raw r ON r.model_id = m.id WHERE e.listing_id = ?1 AND m.metadata_file_id = "
        "(SELECT id FROM metadata_files WHERE path = ?2) ORDER BY e.position");
    ptmi_q_int(&rows, shown->listing);
    ptmi_q_text(&rows, what->arrays[i]);
    ptm_rc rc = array_rows(reader, what->arrays[i], adds_id, &rows, file, err);
    if (rc != PTM_OK) return ptm_err_ctx(err, rc, "%s/%s", what->hub, what->arrays[i]);
    return commit(file, changed, err);
}

ptm_rc ptmi_catalog_export_metadata(ptmi_catalog *catalog, const struct ptmi_export *what,
                                    bool *out_changed, struct ptm_err *err)
{
    PTM_AUTO(end_reading) struct ptmi_reader reader = {0};
    struct shown shown;
    bool changed = false;
    PTM_TRY(begin_reading(catalog, what->hub, &reader, &shown, err));
    if (shown.hub) PTM_TRY(write_documents(&reader, &shown, what, &changed, err));
    for (int i = 0; shown.listing && what->arrays && what->arrays[i]; i++)
        PTM_TRY(write_array(&reader, &shown, what, i, &changed, err));
    if (out_changed) *out_changed = changed;
    return PTM_OK;
}
