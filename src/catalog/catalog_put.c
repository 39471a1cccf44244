/* SPDX-License-Identifier: MIT */
/*
 * catalog_put.c - one model into its rows. A digest of all facts tells whether the hub says the
 * same as before: then only times and provenance are written, which is what makes listing millions
 * of models again cheap. Transactions are the caller's.
 */
#include "catalog_priv.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/limits.h"
#include "../base/str.h"

/* --- digest --- */

/* Text with its length before it, so that neighbours cannot run into each other; NULL differs from
 * "". */
static void digest_text(ptmi_hash *hash, const char *text)
{
    uint64_t len = text ? strlen(text) : UINT64_MAX;
    ptmi_hash_update(hash, &len, sizeof len);
    if (text) ptmi_hash_update(hash, text, (size_t)len);
}

static void digest_list(ptmi_hash *hash, const char *const *items, size_t n)
{
    ptmi_hash_update(hash, &n, sizeof n);
    for (size_t i = 0; i < n; i++) digest_text(hash, items[i]);
}

static void digest_lists(ptmi_hash *hash, const struct ptm_model *model)
{
    ptmi_hash_update(hash, &model->n_datasets, sizeof model->n_datasets);
    for (size_t i = 0; i < model->n_datasets; i++) {
        const struct ptm_dataset *dataset = &model->datasets[i];
        digest_text(hash, dataset->name);
        digest_text(hash, dataset->owner);
        digest_text(hash, dataset->url);
        digest_text(hash, dataset->owner_url);
        digest_text(hash, dataset->paper_doi);
    }
    digest_list(hash, model->paper_dois, model->n_paper_dois);
    digest_list(hash, model->tags, model->n_tags);
    digest_list(hash, model->authors, model->n_authors);
    digest_list(hash, model->base_models, model->n_base_models);
    ptmi_hash_update(hash, &model->n_files, sizeof model->n_files);
    for (size_t i = 0; i < model->n_files; i++) {
        digest_text(hash, model->files[i].path);
        digest_text(hash, model->files[i].sha256);
        ptmi_hash_update(hash, &model->files[i].size, sizeof model->files[i].size);
    }
    ptmi_hash_update(hash, &model->n_entry_points, sizeof model->n_entry_points);
    for (size_t i = 0; i < model->n_entry_points; i++) {
        const struct ptm_entry_point *point = &model->entry_points[i];
        digest_text(hash, point->repo);
        digest_text(hash, point->ref);
        digest_text(hash, point->name);
        digest_text(hash, point->code);
        ptmi_hash_update(hash, &point->line, sizeof point->line);
    }
}

/* Everything but where and when it was fetched. Strings in the order of ptm_model. */
static ptm_rc digest_model(ptmi_catalog *catalog, const struct ptm_model *model, char out[65],
                           struct ptm_err *err)
{
    ptmi_hash *hash = catalog->digest;
    const char *const texts[] = {
        model->object_id,     model->name,      model->owner,        model->url,
        model->owner_url,     model->clone_url, model->not_clonable, model->repo_ref,
        model->repo_path,     model->sha,       model->task,         model->architecture,
        model->library,       model->license,   model->created_at,   model->last_modified,
        model->metadata_file,
    };
    const int64_t numbers[] = {
        model->object_id_is_int,
        model->access,
        model->downloads,
        model->downloads_all,
        model->likes,
        model->used_storage,
        model->parameters,
        (int64_t)model->raw_len,
    };
    digest_list(hash, texts, sizeof texts / sizeof texts[0]);
    ptmi_hash_update(hash, numbers, sizeof numbers);
    if (model->raw) ptmi_hash_update(hash, model->raw, model->raw_len);
    digest_lists(hash, model);
    return ptmi_hash_hex(hash, out, err);
}

/* --- lists --- */

static ptm_rc drop_rows(ptmi_catalog *catalog, const char *literal, int64_t model,
                        struct ptm_err *err)
{
    PTMI_Q drop = ptmi_q(catalog, literal);
    ptmi_q_int(&drop, model);
    return ptmi_q_run(&drop, err);
}

static ptm_rc drop_lists(ptmi_catalog *catalog, int64_t model, struct ptm_err *err)
{
    PTM_TRY(drop_rows(catalog, "DELETE FROM model_raw WHERE model_id = ?1", model, err));
    PTM_TRY(drop_rows(catalog, "DELETE FROM files WHERE model_id = ?1", model, err));
    PTM_TRY(drop_rows(catalog, "DELETE FROM model_tags WHERE model_id = ?1", model, err));
    PTM_TRY(drop_rows(catalog, "DELETE FROM model_authors WHERE model_id = ?1", model, err));
    PTM_TRY(drop_rows(catalog, "DELETE FROM base_models WHERE model_id = ?1", model, err));
    PTM_TRY(drop_rows(catalog, "DELETE FROM entry_points WHERE model_id = ?1", model, err));
    PTM_TRY(drop_rows(catalog, "DELETE FROM model_datasets WHERE model_id = ?1 AND source = 0",
                      model, err));
    return drop_rows(catalog, "DELETE FROM model_papers WHERE model_id = ?1 AND source = 0", model,
                     err);
}

ptm_rc ptmi_put_datasets(ptmi_catalog *catalog, int64_t model, int source,
                         const struct ptm_dataset *datasets, size_t n, struct ptm_err *err)
{
    for (size_t i = 0; i < n; i++) {
        int64_t dataset;
        PTM_TRY(ptmi_intern_dataset(catalog, &datasets[i], &dataset, err));
        PTMI_Q add =
            ptmi_q(catalog, "INSERT INTO model_datasets (model_id, source, ordinal, dataset_id) "
                            "VALUES (?1, ?2, ?3, ?4)");
        ptmi_q_int(&add, model);
        ptmi_q_int(&add, source);
        ptmi_q_int(&add, (int64_t)i);
        ptmi_q_int(&add, dataset);
        PTM_TRY(ptmi_q_run(&add, err));
    }
    return PTM_OK;
}

ptm_rc ptmi_put_papers(ptmi_catalog *catalog, int64_t model, int source, const char *const *dois,
                       size_t n, struct ptm_err *err)
{
    for (size_t i = 0; i < n; i++) {
        int64_t paper;
        PTM_TRY(ptmi_intern(catalog, INTERN_PAPER, dois[i], &paper, err));
        PTMI_Q add =
            ptmi_q(catalog, "INSERT INTO model_papers (model_id, source, ordinal, paper_id) "
                            "VALUES (?1, ?2, ?3, ?4)");
        ptmi_q_int(&add, model);
        ptmi_q_int(&add, source);
        ptmi_q_int(&add, (int64_t)i);
        ptmi_q_int(&add, paper);
        PTM_TRY(ptmi_q_run(&add, err));
    }
    return PTM_OK;
}

static ptm_rc put_tags(ptmi_catalog *catalog, int64_t model, const struct ptm_model *from,
                       struct ptm_err *err)
{
    for (size_t i = 0; i < from->n_tags; i++) {
        int64_t tag;
        PTM_TRY(ptmi_intern(catalog, INTERN_TAG, from->tags[i], &tag, err));
        PTMI_Q add =
            ptmi_q(catalog, "INSERT OR IGNORE INTO model_tags (model_id, tag_id) VALUES (?1, ?2)");
        ptmi_q_int(&add, model);
        ptmi_q_int(&add, tag);
        PTM_TRY(ptmi_q_run(&add, err));
    }
    return PTM_OK;
}

static ptm_rc put_authors(ptmi_catalog *catalog, int64_t model, const struct ptm_model *from,
                          struct ptm_err *err)
{
    for (size_t i = 0; i < from->n_authors; i++) {
        int64_t author;
        PTM_TRY(ptmi_intern(catalog, INTERN_AUTHOR, from->authors[i], &author, err));
        PTMI_Q add = ptmi_q(catalog, "INSERT INTO model_authors (model_id, ordinal, author_id) "
                                     "VALUES (?1, ?2, ?3)");
        ptmi_q_int(&add, model);
        ptmi_q_int(&add, (int64_t)i);
        ptmi_q_int(&add, author);
        PTM_TRY(ptmi_q_run(&add, err));
    }
    return PTM_OK;
}

/* "relation:id" or "id"; ids may hold colons, relations are words. */
static ptm_rc put_base(ptmi_catalog *catalog, int64_t model, int64_t ordinal, const char *text,
                       struct ptm_err *err)
{
    size_t word = strspn(text, "abcdefghijklmnopqrstuvwxyz_");
    bool has_relation = word > 0 && text[word] == ':';
    PTM_AUTO(ptmi_freep) char *relation = has_relation ? strndup(text, word) : NULL;
    if (has_relation && !relation) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTMI_Q add = ptmi_q(catalog, "INSERT INTO base_models (model_id, ordinal, relation, base) "
                                 "VALUES (?1, ?2, ?3, ?4)");
    ptmi_q_int(&add, model);
    ptmi_q_int(&add, ordinal);
    ptmi_q_text(&add, relation);
    ptmi_q_text(&add, has_relation ? text + word + 1 : text);
    return ptmi_q_run(&add, err);
}

static ptm_rc put_entry_points(ptmi_catalog *catalog, int64_t model, const struct ptm_model *from,
                               struct ptm_err *err)
{
    for (size_t i = 0; i < from->n_entry_points; i++) {
        const struct ptm_entry_point *point = &from->entry_points[i];
        PTMI_Q add =
            ptmi_q(catalog, "INSERT INTO entry_points (model_id, ordinal, repo, ref, name, code, "
                            "line) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        ptmi_q_int(&add, model);
        ptmi_q_int(&add, (int64_t)i);
        ptmi_q_text(&add, point->repo);
        ptmi_q_text(&add, point->ref);
        ptmi_q_text(&add, point->name);
        ptmi_q_text(&add, point->code);
        ptmi_q_int(&add, point->line);
        PTM_TRY(ptmi_q_run(&add, err));
    }
    return PTM_OK;
}

static ptm_rc file_json(struct ptmi_buf *text, const struct ptm_file *file, struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_puts(text, "{\"path\":", err));
    PTM_TRY(ptmi_buf_json_str(text, file->path ? file->path : "", err));
    if (file->size >= 0)
        PTM_TRY(ptmi_buf_printf(text, err, ",\"size\":%lld", (long long)file->size));
    if (file->sha256) {
        PTM_TRY(ptmi_buf_puts(text, ",\"sha256\":", err));
        PTM_TRY(ptmi_buf_json_str(text, file->sha256, err));
    }
    return ptmi_buf_putc(text, '}', err);
}

static ptm_rc put_files(ptmi_catalog *catalog, int64_t model, const struct ptm_model *from,
                        struct ptm_err *err)
{
    if (from->n_files == 0) return PTM_OK;
    struct ptmi_buf *text = &catalog->text;
    int64_t bytes = 0;
    ptmi_buf_reset(text);
    for (size_t i = 0; i < from->n_files; i++) {
        PTM_TRY(ptmi_buf_putc(text, i ? ',' : '[', err));
        PTM_TRY(file_json(text, &from->files[i], err));
        bool told = bytes >= 0 && from->files[i].size >= 0;
        if (!told || __builtin_add_overflow(bytes, from->files[i].size, &bytes)) bytes = -1;
    }
    PTM_TRY(ptmi_buf_putc(text, ']', err));
    const void *packed;
    size_t packed_len;
    PTM_TRY(ptmi_pack(catalog, text->data, text->len, &packed, &packed_len, err));
    PTMI_Q add = ptmi_q(catalog, "INSERT INTO files (model_id, count, bytes, length, list) "
                                 "VALUES (?1, ?2, ?3, ?4, ?5)");
    ptmi_q_int(&add, model);
    ptmi_q_int(&add, (int64_t)from->n_files);
    ptmi_q_count(&add, bytes);
    ptmi_q_int(&add, (int64_t)text->len);
    ptmi_q_blob(&add, packed, packed_len);
    catalog->tx_weight += (int64_t)packed_len;
    return ptmi_q_run(&add, err);
}

static ptm_rc put_raw(ptmi_catalog *catalog, int64_t model, const struct ptm_model *from,
                      struct ptm_err *err)
{
    if (!from->raw) return PTM_OK;
    const void *packed;
    size_t packed_len;
    PTM_TRY(ptmi_pack(catalog, from->raw, from->raw_len, &packed, &packed_len, err));
    PTMI_Q add =
        ptmi_q(catalog, "INSERT INTO model_raw (model_id, length, data) VALUES (?1, ?2, ?3)");
    ptmi_q_int(&add, model);
    ptmi_q_int(&add, (int64_t)from->raw_len);
    ptmi_q_blob(&add, packed, packed_len);
    catalog->tx_weight += (int64_t)packed_len;
    return ptmi_q_run(&add, err);
}

static ptm_rc put_lists(ptmi_catalog *catalog, int64_t model, const struct ptm_model *from,
                        struct ptm_err *err)
{
    PTM_TRY(put_raw(catalog, model, from, err));
    PTM_TRY(put_files(catalog, model, from, err));
    PTM_TRY(put_tags(catalog, model, from, err));
    PTM_TRY(put_authors(catalog, model, from, err));
    for (size_t i = 0; i < from->n_base_models; i++)
        PTM_TRY(put_base(catalog, model, (int64_t)i, from->base_models[i], err));
    PTM_TRY(put_entry_points(catalog, model, from, err));
    PTM_TRY(ptmi_put_datasets(catalog, model, LIST_HUB, from->datasets, from->n_datasets, err));
    return ptmi_put_papers(catalog, model, LIST_HUB, from->paper_dois, from->n_paper_dois, err);
}

/* --- the row --- */

/* What a write needs besides the model's own fields. */
struct row {
    int64_t hub, repo, licence, metadata_file, source, now;
    const char *fetched_at, *digest;
};

static const char INSERT_MODEL[] =
    "INSERT INTO models (hub_id, repo_id, licence_id, metadata_file_id, source_id, fetched_at, "
    "last_seen, changed_at, digest, object_id, object_id_is_int, name, owner, url, owner_url, "
    "repo_path, not_clonable, sha, task, architecture, library, created_at, last_modified, access, "
    "downloads, downloads_all, likes, used_storage, parameters, key, first_seen) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, "
    "?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)";
static const char UPDATE_MODEL[] =
    "UPDATE models SET hub_id = ?1, repo_id = ?2, licence_id = ?3, metadata_file_id = ?4, "
    "source_id = ?5, fetched_at = ?6, last_seen = ?7, changed_at = ?8, digest = ?9, "
    "object_id = ?10, object_id_is_int = ?11, name = ?12, owner = ?13, url = ?14, owner_url = ?15, "
    "repo_path = ?16, not_clonable = ?17, sha = ?18, task = ?19, architecture = ?20, library = "
    "?21, "
    "created_at = ?22, last_modified = ?23, access = ?24, downloads = ?25, downloads_all = ?26, "
    "likes = ?27, used_storage = ?28, parameters = ?29 WHERE id = ?30";

/* Values 1 to 29, the same for both. */
static void bind_model(struct ptmi_q *q, const struct row *row, const struct ptm_model *model)
{
    ptmi_q_int(q, row->hub);
    ptmi_q_id(q, row->repo);
    ptmi_q_id(q, row->licence);
    ptmi_q_id(q, row->metadata_file);
    ptmi_q_id(q, row->source);
    ptmi_q_text(q, row->fetched_at);
    ptmi_q_int(q, row->now);
    ptmi_q_int(q, row->now);
    ptmi_q_blob(q, row->digest, 32);
    ptmi_q_text(q, model->object_id);
    ptmi_q_int(q, model->object_id_is_int);
    ptmi_q_text(q, model->name);
    ptmi_q_text(q, model->owner);
    ptmi_q_text(q, model->url);
    ptmi_q_text(q, model->owner_url);
    ptmi_q_text(q, model->repo_path);
    ptmi_q_text(q, model->not_clonable);
    ptmi_q_text(q, model->sha);
    ptmi_q_text(q, model->task);
    ptmi_q_text(q, model->architecture);
    ptmi_q_text(q, model->library);
    ptmi_q_text(q, model->created_at);
    ptmi_q_text(q, model->last_modified);
    ptmi_q_int(q, model->access);
    ptmi_q_count(q, model->downloads);
    ptmi_q_count(q, model->downloads_all);
    ptmi_q_count(q, model->likes);
    ptmi_q_count(q, model->used_storage);
    ptmi_q_count(q, model->parameters);
}

static ptm_rc insert_model(ptmi_catalog *catalog, const struct row *row,
                           const struct ptm_model *model, int64_t *out, struct ptm_err *err)
{
    PTMI_Q add = ptmi_q(catalog, INSERT_MODEL);
    bind_model(&add, row, model);
    ptmi_q_text(&add, model->key);
    ptmi_q_int(&add, row->now);
    PTM_TRY(ptmi_q_run(&add, err));
    *out = sqlite3_last_insert_rowid(catalog->db);
    return put_lists(catalog, *out, model, err);
}

static ptm_rc update_model(ptmi_catalog *catalog, const struct row *row,
                           const struct ptm_model *model, int64_t id, struct ptm_err *err)
{
    PTMI_Q update = ptmi_q(catalog, UPDATE_MODEL);
    bind_model(&update, row, model);
    ptmi_q_int(&update, id);
    PTM_TRY(ptmi_q_run(&update, err));
    PTM_TRY(drop_lists(catalog, id, err));
    return put_lists(catalog, id, model, err);
}

static ptm_rc touch_model(ptmi_catalog *catalog, const struct row *row, int64_t id,
                          struct ptm_err *err)
{
    PTMI_Q touch =
        ptmi_q(catalog, "UPDATE models SET last_seen = ?1, fetched_at = ?2, source_id = ?3, "
                        "repo_id = ?4 WHERE id = ?5");
    ptmi_q_int(&touch, row->now);
    ptmi_q_text(&touch, row->fetched_at);
    ptmi_q_id(&touch, row->source);
    ptmi_q_id(&touch, row->repo);
    ptmi_q_int(&touch, id);
    return ptmi_q_run(&touch, err);
}

static ptm_rc check_model(const struct ptm_model *model, struct ptm_err *err)
{
    if (!model->key || !*model->key || !model->name || !*model->name)
        return ptm_err_set(err, PTM_EINVAL, "a model without %s: the hub's record cannot be kept",
                           model->key && *model->key ? "name" : "key");
    if (model->raw_len > PTM_LIMIT_RECORD)
        return ptm_err_set(err, PTM_ELIMIT, "%s: a record of %zu bytes, more than %u", model->name,
                           model->raw_len, (unsigned)PTM_LIMIT_RECORD);
    if (model->n_files > PTM_LIMIT_ITEMS || model->n_tags > PTM_LIMIT_ITEMS ||
        model->n_datasets > PTM_LIMIT_ITEMS || model->n_paper_dois > PTM_LIMIT_ITEMS ||
        model->n_authors > PTM_LIMIT_ITEMS || model->n_base_models > PTM_LIMIT_ITEMS ||
        model->n_entry_points > PTM_LIMIT_ITEMS)
        return ptm_err_set(err, PTM_ELIMIT, "%s: a list of more than %u items", model->name,
                           (unsigned)PTM_LIMIT_ITEMS);
    return PTM_OK;
}

static ptm_rc put_row(ptmi_catalog *catalog, int64_t hub, const struct ptm_model *model,
                      int64_t repo, struct put_result *out, struct ptm_err *err)
{
    char digest[65], now[32];
    struct row row = {.hub = hub, .repo = repo, .now = ptmi_clock_unix(), .digest = digest};
    row.fetched_at = model->fetched_at ? model->fetched_at : ptmi_clock_now(now);
    PTM_TRY(digest_model(catalog, model, digest, err));
    PTM_TRY(ptmi_intern(catalog, INTERN_LICENCE, model->license, &row.licence, err));
    PTM_TRY(
        ptmi_intern(catalog, INTERN_METADATA_FILE, model->metadata_file, &row.metadata_file, err));
    PTM_TRY(ptmi_intern(catalog, INTERN_SOURCE, model->source_url, &row.source, err));
    catalog->tx_weight += 1000; /* the row and its index entries */

    PTMI_Q find =
        ptmi_q(catalog, "SELECT id, digest, named FROM models WHERE hub_id = ?1 AND key = ?2");
    ptmi_q_int(&find, hub);
    ptmi_q_text(&find, model->key);
    ptm_rc rc = ptmi_q_row(&find, err);
    if (rc < 0) return rc;
    out->added = rc == PTM_OK;
    if (out->added) return insert_model(catalog, &row, model, &out->model, err);
    size_t len;
    const void *had = ptmi_q_get_blob(&find, 1, &len);
    out->model = ptmi_q_get_int(&find, 0);
    out->named = ptmi_q_get_int(&find, 2) != 0;
    bool same = len == 32 && memcmp(had, digest, 32) == 0;
    ptmi_q_again(&find);
    return same ? touch_model(catalog, &row, out->model, err)
                : update_model(catalog, &row, model, out->model, err);
}

ptm_rc ptmi_put_model_row(ptmi_catalog *catalog, int64_t hub, const struct ptm_model *model,
                          int64_t repo, struct put_result *out, struct ptm_err *err)
{
    PTM_TRY(check_model(model, err));
    ptm_rc rc = put_row(catalog, hub, model, repo, out, err);
    return rc == PTM_OK ? rc : ptm_err_ctx(err, rc, "%s", model->name);
}
