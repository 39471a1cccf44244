/* SPDX-License-Identifier: MIT */
/*
 * catalog_record.c - one model as a standard record (docs/formats/records.md): what the hub says
 * and what the clone told, joined. Key order and list order depend on content alone, so that equal
 * catalogues export equal bytes.
 */
#include "catalog_priv.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"

struct record_writer {
    const struct ptmi_export *what;
    struct ptmi_q model, datasets, papers;
    struct ptmi_arena arena;
};

/* The clone's commit stands before the listing's, and the model's part of a shared repository
 * before its HEAD. */
static const char MODEL_SQL[] =
    "SELECT h.name, m.name, m.owner, m.url, m.owner_url, m.object_id, m.object_id_is_int, f.path, "
    "coalesce(CASE WHEN r.sha IS NOT NULL THEN coalesce(c.sha, r.sha) END, m.sha, ''), "
    "coalesce(m.task, c.task), coalesce(m.architecture, c.architecture) FROM models m "
    "JOIN hubs h ON h.id = m.hub_id LEFT JOIN repositories r ON r.id = m.repo_id "
    "LEFT JOIN clone_facts c ON c.model_id = m.id "
    "LEFT JOIN metadata_files f ON f.id = m.metadata_file_id WHERE m.id = ?1";
static const char DATASETS_SQL[] =
    "SELECT d.name, d.owner, d.url, d.owner_url, d.paper_doi FROM model_datasets md JOIN datasets "
    "d "
    "ON d.id = md.dataset_id WHERE md.model_id = ?1 ORDER BY md.source, md.ordinal";
static const char PAPERS_SQL[] =
    "SELECT p.doi FROM model_papers mp JOIN papers p ON p.id = mp.paper_id WHERE mp.model_id = ?1 "
    "ORDER BY mp.source, mp.ordinal";

/* --- a set of strings, for lists that may be long --- */

struct string_set {
    struct {
        const char *text;
        size_t index;
    } * slots;
    size_t mask;
};

static bool set_init(struct string_set *set, struct ptmi_arena *arena, size_t n)
{
    size_t size = 16;
    while (size < 4 * n) size *= 2;
    set->slots = ptmi_arena_alloc(arena, size * sizeof *set->slots);
    set->mask = size - 1;
    return set->slots != NULL;
}

/* Index of an equal string (ASCII letters without regard to case), or SIZE_MAX after it was added
 * with this index. */
static size_t set_put(struct string_set *set, const char *text, size_t index)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *p = text; *p; p++)
        hash = (hash ^ (uint64_t)tolower((unsigned char)*p)) * UINT64_C(0x100000001b3);
    for (size_t at = hash & set->mask;; at = (at + 1) & set->mask) {
        if (!set->slots[at].text) {
            set->slots[at].text = text;
            set->slots[at].index = index;
            return SIZE_MAX;
        }
        if (strcasecmp(set->slots[at].text, text) == 0) return set->slots[at].index;
    }
}

/* --- data sets --- */

struct dataset_list {
    struct ptm_dataset *items;
    size_t n, cap;
};

static struct ptm_dataset *add_dataset(struct dataset_list *list, struct ptmi_arena *arena)
{
    struct ptm_dataset *items =
        ptmi_arena_grown(arena, list->items, list->n, &list->cap, sizeof *items);
    if (!items) return NULL;
    list->items = items;
    return &list->items[list->n++];
}

static ptm_rc read_datasets(struct record_writer *writer, int64_t model, struct dataset_list *out,
                            struct ptm_err *err)
{
    struct ptmi_q *q = &writer->datasets;
    ptm_rc rc;
    ptmi_q_int(q, model);
    while ((rc = ptmi_q_row(q, err)) == PTM_ITEM) {
        const char *texts[5];
        bool whole = true;
        for (int i = 0; i < 5; i++) {
            texts[i] = ptmi_arena_strdup(&writer->arena, ptmi_q_get_text(q, i));
            whole = whole && texts[i];
        }
        struct ptm_dataset *dataset = whole ? add_dataset(out, &writer->arena) : NULL;
        if (!dataset) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
        *dataset = (struct ptm_dataset){texts[0], texts[1], texts[2], texts[3], texts[4]};
    }
    ptmi_q_again(q);
    return rc;
}

/* What one source knows and the other does not. */
static void merge_dataset(struct ptm_dataset *into, const struct ptm_dataset *from)
{
    if (!*into->owner) into->owner = from->owner;
    if (!*into->url) into->url = from->url;
    if (!*into->owner_url) into->owner_url = from->owner_url;
    if (!*into->paper_doi) into->paper_doi = from->paper_doi;
}

/* The same URL is the same data set; so is the same name, unless both have a URL and those differ.
 */
static ptm_rc unite_datasets(struct record_writer *writer, struct dataset_list *list,
                             struct ptm_err *err)
{
    struct string_set names, urls;
    if (list->n < 2) return PTM_OK;
    if (!set_init(&names, &writer->arena, list->n) || !set_init(&urls, &writer->arena, list->n))
        return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++) {
        struct ptm_dataset *dataset = &list->items[i];
        size_t same = *dataset->url ? set_put(&urls, dataset->url, kept) : SIZE_MAX;
        if (same == SIZE_MAX) {
            same = set_put(&names, dataset->name, kept);
            const char *other = same == SIZE_MAX ? "" : list->items[same].url;
            if (*other && *dataset->url && strcasecmp(other, dataset->url) != 0) same = SIZE_MAX;
        }
        if (same == SIZE_MAX) {
            list->items[kept++] = *dataset;
        } else {
            merge_dataset(&list->items[same], dataset);
        }
    }
    list->n = kept;
    return PTM_OK;
}

/* ,"name":"text" with the comma unless first. */
static ptm_rc member(struct ptmi_buf *out, const char *name, const char *text, struct ptm_err *err)
{
    if (out->data[out->len - 1] != '{') PTM_TRY(ptmi_buf_putc(out, ',', err));
    PTM_TRY(ptmi_buf_json_str(out, name, err));
    PTM_TRY(ptmi_buf_putc(out, ':', err));
    return ptmi_buf_json_str(out, text ? text : "", err);
}

static ptm_rc write_dataset(struct ptmi_buf *out, const struct ptm_dataset *dataset,
                            struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_putc(out, '{', err));
    PTM_TRY(member(out, "DatasetName", dataset->name, err));
    PTM_TRY(member(out, "DatasetOwner", dataset->owner, err));
    PTM_TRY(member(out, "DatasetURL", dataset->url, err));
    PTM_TRY(member(out, "DatasetOwnerURL", dataset->owner_url, err));
    if (*dataset->paper_doi) PTM_TRY(member(out, "DatasetPaperDOI", dataset->paper_doi, err));
    return ptmi_buf_putc(out, '}', err);
}

static ptm_rc write_datasets(struct record_writer *writer, int64_t model, struct ptmi_buf *out,
                             struct ptm_err *err)
{
    struct dataset_list list = {0};
    PTM_TRY(read_datasets(writer, model, &list, err));
    PTM_TRY(unite_datasets(writer, &list, err));
    PTM_TRY(
        ptmi_buf_puts(out, writer->what->compat_v1 ? ",\"Dataset\":[" : ",\"Datasets\":[", err));
    for (size_t i = 0; i < list.n; i++) {
        if (i) PTM_TRY(ptmi_buf_putc(out, ',', err));
        PTM_TRY(write_dataset(out, &list.items[i], err));
    }
    return ptmi_buf_putc(out, ']', err);
}

/* --- papers --- */

static ptm_rc write_papers(struct record_writer *writer, int64_t model, struct ptmi_buf *out,
                           struct ptm_err *err)
{
    struct ptmi_arena_list list = {0};
    struct ptmi_q *q = &writer->papers;
    ptm_rc rc;
    ptmi_q_int(q, model);
    while ((rc = ptmi_q_row(q, err)) == PTM_ITEM) {
        char *doi = ptmi_arena_strdup(&writer->arena, ptmi_q_get_text(q, 0));
        if (!doi || !ptmi_arena_list_add(&writer->arena, &list, doi))
            return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    }
    ptmi_q_again(q);
    if (rc < 0) return rc;
    struct string_set seen = {0};
    if (list.n > 1 && !set_init(&seen, &writer->arena, list.n))
        return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(ptmi_buf_puts(out, ",\"ModelPaperDOIs\":[", err));
    for (size_t i = 0; i < list.n; i++) {
        if (list.n > 1 && set_put(&seen, list.items[i], i) != SIZE_MAX) continue;
        if (i) PTM_TRY(ptmi_buf_putc(out, ',', err));
        PTM_TRY(ptmi_buf_json_str(out, list.items[i], err));
    }
    return ptmi_buf_putc(out, ']', err);
}

/* --- record --- */

/*
 * A number where the hub has one; the reference program wrote strings throughout. In a file that
 * numbers its records (index >= 0) it is that number, whatever the hub counted: a model that could
 * not be had leaves no gap there.
 */
static ptm_rc write_object_id(struct record_writer *writer, int64_t index, struct ptmi_buf *out,
                              struct ptm_err *err)
{
    struct ptmi_q *q = &writer->model;
    const char *text = ptmi_q_get_text(q, 5);
    int64_t number = index;
    bool told_int = text && ptmi_q_get_int(q, 6);
    bool is_int = index >= 0 && (!text || told_int);
    if (!is_int && told_int) is_int = ptmi_str_int(text, INT64_MIN, INT64_MAX, &number);
    PTM_TRY(ptmi_buf_puts(out, ",\"MetadataObjectID\":", err));
    if (!is_int) return ptmi_buf_json_str(out, text ? text : "", err);
    const char *quote = writer->what->compat_v1 ? "\"" : "";
    return ptmi_buf_printf(out, err, "%s%lld%s", quote, (long long)number, quote);
}

static ptm_rc write_hub(struct record_writer *writer, int64_t index, struct ptmi_buf *out,
                        struct ptm_err *err)
{
    struct ptmi_q *q = &writer->model;
    const char *file = ptmi_q_get_text(q, 7);
    char *path =
        ptmi_arena_printf(&writer->arena, "%s/%s", ptmi_q_get_text(q, 0), file ? file : "");
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(ptmi_buf_puts(out, ",\"ModelHub\":{", err));
    PTM_TRY(member(out, "ModelHubName", writer->what->title, err));
    PTM_TRY(member(out, "ModelHubURL", writer->what->url, err));
    PTM_TRY(member(out, "MetadataFilePath", file ? path : "", err));
    PTM_TRY(write_object_id(writer, index, out, err));
    return ptmi_buf_putc(out, '}', err);
}

static ptm_rc write_model(struct record_writer *writer, int64_t model, int64_t id, int64_t index,
                          struct ptmi_buf *out, struct ptm_err *err)
{
    struct ptmi_q *q = &writer->model;
    const char *task = ptmi_q_get_text(q, 9), *architecture = ptmi_q_get_text(q, 10);
    PTM_TRY(ptmi_buf_printf(out, err, "{\"id\":%lld", (long long)id));
    PTM_TRY(write_hub(writer, index, out, err));
    PTM_TRY(member(out, "ModelName", ptmi_q_get_text(q, 1), err));
    PTM_TRY(member(out, "ModelOwner", ptmi_q_get_text(q, 2), err));
    PTM_TRY(member(out, "ModelURL", ptmi_q_get_text(q, 3), err));
    PTM_TRY(member(out, "ModelOwnerURL", ptmi_q_get_text(q, 4), err));
    PTM_TRY(member(out, "LatestGitCommitSHA", ptmi_q_get_text(q, 8), err));
    PTM_TRY(write_datasets(writer, model, out, err));
    PTM_TRY(write_papers(writer, model, out, err));
    if (task && *task) PTM_TRY(member(out, "ModelTask", task, err));
    if (architecture && *architecture) PTM_TRY(member(out, "ModelArchitecture", architecture, err));
    return ptmi_buf_putc(out, '}', err);
}

ptm_rc ptmi_record_write(struct record_writer *writer, int64_t model, int64_t id, int64_t index,
                         struct ptmi_buf *out, struct ptm_err *err)
{
    ptmi_q_int(&writer->model, model);
    ptm_rc rc = ptmi_q_row(&writer->model, err);
    if (rc == PTM_OK) rc = ptm_err_set(err, PTM_EBUG, "model %lld has no row", (long long)model);
    if (rc == PTM_ITEM) rc = write_model(writer, model, id, index, out, err);
    ptmi_q_again(&writer->model);
    ptmi_arena_clear(&writer->arena);
    return rc;
}

void ptmi_record_writer_free(struct record_writer *writer)
{
    if (!writer) return;
    ptmi_q_end(&writer->model);
    ptmi_q_end(&writer->datasets);
    ptmi_q_end(&writer->papers);
    ptmi_arena_clear(&writer->arena);
    free(writer);
}

ptm_rc ptmi_record_writer_new(struct ptmi_reader *reader, const struct ptmi_export *what,
                              struct record_writer **out, struct ptm_err *err)
{
    struct record_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    writer->what = what;
    writer->arena = (struct ptmi_arena)PTMI_ARENA(4ul * PTM_LIMIT_RECORD);
    writer->model = ptmi_q_on(reader->catalog, reader->db, MODEL_SQL);
    writer->datasets = ptmi_q_on(reader->catalog, reader->db, DATASETS_SQL);
    writer->papers = ptmi_q_on(reader->catalog, reader->db, PAPERS_SQL);
    *out = writer;
    return PTM_OK;
}

/* --- raw records on one line --- */

ptm_rc ptmi_json_one_line(const char *raw, size_t len, struct ptmi_buf *out, struct ptm_err *err)
{
    if (!memchr(raw, '\n', len) && !memchr(raw, '\r', len))
        return ptmi_buf_append(out, raw, len, err);
    bool quoted = false;
    size_t from = 0; /* start of what is not copied yet */
    for (size_t i = 0; i < len; i++) {
        char c = raw[i];
        if (quoted && c == '\\') {
            i++;
            continue;
        }
        if (c == '"') quoted = !quoted;
        if (quoted || (c != ' ' && c != '\t' && c != '\n' && c != '\r')) continue;
        PTM_TRY(ptmi_buf_append(out, raw + from, i - from, err));
        from = i + 1;
    }
    return from < len ? ptmi_buf_append(out, raw + from, len - from, err) : PTM_OK;
}
