/* SPDX-License-Identifier: MIT */
/*
 * hub_onnxmodelzoo.c - the ONNX Model Zoo: one repository, whose READMEs hold the tables that are
 * the hub's metadata.
 *
 * list() fetches the repository. parse() makes HTML of every README, reads the hub README's classes
 * and the model READMEs' rows, and merges the repository's own manifest in: an entry adds hash,
 * size and ports to the row of the same file; entries without a row become models of their own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/clock.h"
#include "../base/fs.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/url.h"
#include "hub_files.h"
#include "hubs_priv.h"
#include "onnx_rows.h"

#define REPO_URL "https://github.com/onnx/models"
#define README "README.md"
#define MANIFEST "ONNX_HUB_MANIFEST.json"
#define CLASSES_FILE "json/metadata/omz_metadata.json"
#define ROWS_FILE "json/metadata/omz_models_metadata.json"
#define MANIFEST_FILE "json/metadata/omz_manifest.json"
#define HUB_HTML "html/metadata/README_models.html"

/* Everything of one parse: the manifest's entries, all rows, paths. The real zoo needs 2 MB. */
#define PARSE_ARENA (64u << 20)

PTM_DEFINE_CLEANUP(card_freep, ptmi_card *, ptmi_card_free)

/* A model README: what its rows share. */
struct page {
    const char *path;
    const char *title;
    const char *license;
    const char *category;
    struct ptmi_found papers; /* and data sets, as its links tell */
};

struct zoo {
    const struct ptmi_hub_env *env;
    const struct ptmi_hub_sink *sink;
    const char *dir;
    const char *source; /* URL of the checkout's files, up to a path */
    struct ptmi_arena arena;
    struct ptmi_arena_list readmes;
    struct ptmi_arena_list
        html; /* folded paths of the HTML files, so that none overwrites another */
    struct ptmi_onnx_classes classes;
    struct ptmi_onnx_rows rows;
    struct page *pages;
    char *manifest_text;
    struct ptmi_onnx_manifest manifest;
    struct ptmi_arena_list keys;
    size_t matched;
    char now[32];
};

static ptm_rc no_room(struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ELIMIT, REPO_URL ": its metadata is too large");
}

/* One file that could not be read or understood: recorded, and the parse goes on, unless it is our
 * own trouble. */
static ptm_rc file_failed(struct zoo *zoo, const char *path, ptm_rc rc, const struct ptm_err *why,
                          struct ptm_err *err)
{
    if (rc == PTM_ENOMEM || rc == PTM_ENOSPC || rc == PTM_ECANCELED || rc == PTM_EDB) {
        if (err) *err = *why;
        return rc;
    }
    const char *url = ptmi_arena_printf(&zoo->arena, "%s%s", zoo->source, path);
    return zoo->sink->failure(zoo->sink->arg, path, url, why, err);
}

/* ---- READMEs ------------------------------------------------------------ */

static ptm_rc deliver_html(struct zoo *zoo, const ptmi_card *card, const char *readme,
                           const char *html_path, struct ptm_err *err)
{
    struct ptmi_buf buf = PTMI_BUF(PTM_LIMIT_TEXT * 4);
    const char *url = ptmi_arena_printf(&zoo->arena, "%s%s", zoo->source, readme);
    ptm_rc rc =
        ptmi_html_open(&buf, ptmi_card_title(card) ? ptmi_card_title(card) : readme, NULL, err);
    /* Raw HTML stays: the sections' anchors and the tables' links are written in it. */
    if (rc == PTM_OK) rc = ptmi_card_html(card, true, &buf, err);
    if (rc == PTM_OK) rc = ptmi_html_close(&buf, err);
    if (rc == PTM_OK)
        rc = zoo->sink->document(zoo->sink->arg, html_path, buf.data, buf.len, url, err);
    ptmi_buf_clear(&buf);
    return rc;
}

/* html/metadata/models/README_{folder}.html; a second folder of that name gets its parent's name in
 * front, then a number. */
static const char *html_name(struct zoo *zoo, const char *readme)
{
    PTM_AUTO(ptmi_freep) char *folder = ptmi_path_dir(readme);
    PTM_AUTO(ptmi_freep) char *parent = folder ? ptmi_path_dir(folder) : NULL;
    if (!folder || !parent) return NULL;
    for (int attempt = 0; attempt < 100; attempt++) {
        const char *name = ptmi_path_base(folder);
        const char *path =
            attempt == 0
                ? ptmi_arena_printf(&zoo->arena, "html/metadata/models/README_%s.html", name)
            : attempt == 1
                ? ptmi_arena_printf(&zoo->arena, "html/metadata/models/README_%s_%s.html",
                                    ptmi_path_base(parent), name)
                : ptmi_arena_printf(&zoo->arena, "html/metadata/models/README_%s_%d.html", name,
                                    attempt);
        if (!path || ptmi_path_check_relative(path, NULL) != PTM_OK) continue;
        PTM_AUTO(ptmi_freep) char *folded = ptmi_path_fold(path);
        char *copy = folded ? ptmi_arena_strdup(&zoo->arena, folded) : NULL;
        if (!copy) return NULL;
        size_t before = zoo->html.n;
        if (!ptmi_arena_list_add_new(&zoo->arena, &zoo->html, copy)) return NULL;
        if (zoo->html.n > before) return path;
    }
    return NULL;
}

static ptm_rc read_card(struct zoo *zoo, const char *path, char **out_text, ptmi_card **out,
                        struct ptm_err *err)
{
    size_t len = 0;
    PTM_TRY(ptmi_fs_read_beneath(zoo->dir, path, PTM_LIMIT_MARKDOWN, out_text, &len, err));
    return ptmi_card_parse(*out_text, len, path, out, err);
}

/* Copies a card's strings that rows and classes borrow: the card does not outlive its README. */
static bool keep(struct zoo *zoo, const char **text)
{
    if (!*text) return true;
    *text = ptmi_arena_strdup(&zoo->arena, *text);
    return *text != NULL;
}

static ptm_rc read_hub(struct zoo *zoo, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = NULL;
    PTM_AUTO(card_freep) ptmi_card *card = NULL;
    struct ptm_err why = {0};
    ptm_rc rc = read_card(zoo, README, &text, &card, &why);
    if (rc != PTM_OK) return file_failed(zoo, README, rc, &why, err);
    PTM_TRY(deliver_html(zoo, card, README, HUB_HTML, err));
    PTM_TRY(ptmi_onnx_read_classes(card, &zoo->arena, &zoo->classes, err));
    for (size_t i = 0; i < zoo->classes.n; i++) {
        struct ptmi_onnx_class *item = &zoo->classes.items[i];
        if (!keep(zoo, &item->name) || !keep(zoo, &item->paper) || !keep(zoo, &item->description) ||
            !keep(zoo, &item->space) || !keep(zoo, &item->category))
            return no_room(err);
    }
    return PTM_OK;
}

static ptm_rc put_field(struct ptmi_buf *buf, const char *name, const char *value,
                        struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_printf(buf, err, ",\"%s\":", name));
    return ptmi_buf_json_str(buf, value ? value : "N/A", err);
}

static ptm_rc put_classes(struct zoo *zoo, struct ptmi_buf *buf, struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_puts(buf, "[", err));
    for (size_t i = 0; i < zoo->classes.n; i++) {
        const struct ptmi_onnx_class *item = &zoo->classes.items[i];
        PTM_TRY(ptmi_buf_printf(buf, err, "%s\n{\"id\":%zu", i > 0 ? "," : "", i));
        PTM_TRY(put_field(buf, "ModelClass", item->name, err));
        PTM_TRY(put_field(buf, "ModelREADMEPath", item->readme, err));
        PTM_TRY(put_field(buf, "RepoREADMEPath", README, err));
        PTM_TRY(put_field(buf, "Paper", item->paper, err));
        PTM_TRY(put_field(buf, "Description", item->description, err));
        PTM_TRY(put_field(buf, "HFSpaceURL", item->space, err));
        PTM_TRY(put_field(buf, "Category", item->category, err));
        PTM_TRY(ptmi_buf_putc(buf, '}', err));
    }
    return ptmi_buf_puts(buf, "\n]\n", err);
}

static ptm_rc deliver_classes(struct zoo *zoo, struct ptm_err *err)
{
    struct ptmi_buf buf = PTMI_BUF(PTM_LIMIT_JSON);
    const char *url = ptmi_arena_printf(&zoo->arena, "%s" README, zoo->source);
    ptm_rc rc = put_classes(zoo, &buf, err);
    if (rc == PTM_OK)
        rc = zoo->sink->document(zoo->sink->arg, CLASSES_FILE, buf.data, buf.len, url, err);
    ptmi_buf_clear(&buf);
    return rc;
}

/* "<!--- SPDX-License-Identifier: MIT -->" on top of a README: what its authors put its folder
 * under. */
static const char *spdx(const char *text, struct ptmi_arena *arena)
{
    static const char mark[] = "SPDX-License-Identifier:";
    const char *at = strstr(text, mark);
    if (!at || at - text > 300) return NULL;
    at += sizeof(mark) - 1;
    while (*at == ' ') at++;
    size_t len = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-+");
    while (len > 0 && at[len - 1] == '-') len--;
    return len > 0 ? ptmi_arena_strndup(arena, at, len) : NULL;
}

/* The section of the hub README that lists this README, else the name of the folder its own stands
 * in. */
static const char *category_of(struct zoo *zoo, const char *readme)
{
    for (size_t i = 0; i < zoo->classes.n; i++) {
        const struct ptmi_onnx_class *item = &zoo->classes.items[i];
        if (item->readme && item->category && strcmp(item->readme, readme) == 0)
            return item->category;
    }
    PTM_AUTO(ptmi_freep) char *folder = ptmi_path_dir(readme);
    PTM_AUTO(ptmi_freep) char *parent = folder ? ptmi_path_dir(folder) : NULL;
    if (!parent || strcmp(parent, ".") == 0) return NULL;
    return ptmi_arena_strdup(&zoo->arena, ptmi_path_base(parent));
}

static void read_links(struct page *page, const ptmi_card *card)
{
    const char *link;
    for (size_t i = 0; (link = ptmi_card_link(card, i)); i++) {
        struct ptm_dataset set = {0};
        if (ptmi_card_dataset_link(link, page->papers.arena, &set))
            ptmi_found_add(&page->papers, &set);
        else
            ptmi_found_paper(&page->papers, link);
    }
}

static bool keep_row(struct zoo *zoo, struct ptmi_onnx_row *row)
{
    bool ok = true;
    for (size_t i = 0; i < PTMI_ONNX_FIELDS; i++) ok = keep(zoo, &row->fields[i]) && ok;
    for (size_t i = 0; i < row->n_extras; i++)
        ok = keep(zoo, &row->extras[i].name) && keep(zoo, &row->extras[i].value) && ok;
    return ok;
}

static ptm_rc read_page(struct zoo *zoo, size_t index, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = NULL;
    PTM_AUTO(card_freep) ptmi_card *card = NULL;
    struct page *page = &zoo->pages[index];
    struct ptm_err why = {0};
    page->path = zoo->readmes.items[index];
    page->papers.arena = &zoo->arena;
    ptm_rc rc = read_card(zoo, page->path, &text, &card, &why);
    if (rc != PTM_OK) return file_failed(zoo, page->path, rc, &why, err);
    const char *html = html_name(zoo, page->path);
    if (!html) return no_room(err);
    PTM_TRY(deliver_html(zoo, card, page->path, html, err));
    page->license = spdx(text, &zoo->arena);
    page->category = category_of(zoo, page->path);
    page->title = ptmi_card_title(card);
    if (!keep(zoo, &page->title)) return no_room(err);
    read_links(page, card);
    size_t first = zoo->rows.n;
    rc = ptmi_onnx_read_rows(card, page->path, &zoo->arena, &zoo->rows, err);
    for (size_t i = first; i < zoo->rows.n; i++) {
        struct ptmi_onnx_row *row = &zoo->rows.items[i];
        row->readme_index = index;
        row->fields[PTMI_ONNX_CATEGORY] = page->category;
        if (!keep_row(zoo, row)) return no_room(err);
    }
    return rc;
}

static bool is_readme(const char *name)
{
    return strcmp(name, README) == 0;
}

static ptm_rc read_pages(struct zoo *zoo, struct ptm_err *err)
{
    struct ptmi_arena_list found = {0};
    PTM_TRY(ptmi_hub_walk(zoo->dir, is_readme, &zoo->arena, &found, err));
    for (size_t i = 0; i < found.n; i++) {
        if (strcmp(found.items[i], README) == 0) continue;
        if (!ptmi_arena_list_add(&zoo->arena, &zoo->readmes, found.items[i])) return no_room(err);
    }
    zoo->pages = ptmi_arena_alloc(&zoo->arena, (zoo->readmes.n + 1) * sizeof(*zoo->pages));
    if (!zoo->pages) return no_room(err);
    for (size_t i = 0; i < zoo->readmes.n; i++) {
        if (zoo->env->ctx && ptm_ctx_canceled(zoo->env->ctx))
            return ptm_err_set(err, PTM_ECANCELED, "interrupted while reading READMEs");
        PTM_TRY(read_page(zoo, i, err));
    }
    return PTM_OK;
}

/* ---- manifest ----------------------------------------------------------- */

/* Old manifests name files as they lay before the folder "validated" was put above them. */
static bool same_file(const char *row_path, const char *manifest_path)
{
    if (strcmp(row_path, manifest_path) == 0) return true;
    return ptmi_str_starts(row_path, "validated/") && strcmp(row_path + 10, manifest_path) == 0;
}

static void match_rows(struct zoo *zoo)
{
    for (size_t i = 0; i < zoo->rows.n; i++) {
        struct ptmi_onnx_row *row = &zoo->rows.items[i];
        const char *path = row->fields[PTMI_ONNX_PATH];
        for (size_t k = 0; path && row->manifest == 0 && k < zoo->manifest.n; k++) {
            struct ptmi_onnx_entry *entry = &zoo->manifest.items[k];
            if (!entry->path || !same_file(path, entry->path)) continue;
            entry->used = true;
            row->manifest = k + 1;
            zoo->matched++;
        }
    }
}

static ptm_rc read_manifest(struct zoo *zoo, struct ptm_err *err)
{
    size_t len = 0;
    size_t bad = 0;
    struct ptm_err why = {0};
    ptm_rc rc =
        ptmi_fs_read_beneath(zoo->dir, MANIFEST, PTM_LIMIT_TEXT, &zoo->manifest_text, &len, &why);
    if (rc == PTM_ENOENT) return PTM_OK; /* the repository before 2021 has none */
    if (rc == PTM_OK)
        rc = ptmi_onnx_read_manifest(zoo->manifest_text, len, &zoo->arena, &zoo->manifest, &bad,
                                     &why);
    if (rc != PTM_OK) return file_failed(zoo, MANIFEST, rc, &why, err);
    if (bad > 0) {
        rc = ptm_err_set(&why, PTM_EFORMAT, MANIFEST ": %zu entries without a usable path", bad);
        PTM_TRY(file_failed(zoo, MANIFEST, rc, &why, err));
    }
    match_rows(zoo);
    const char *url = ptmi_arena_printf(&zoo->arena, "%s" MANIFEST, zoo->source);
    return zoo->sink->document(zoo->sink->arg, MANIFEST_FILE, zoo->manifest_text, len, url, err);
}

/* ---- models ------------------------------------------------------------- */

/* Letters and digits that two names have in common at their start, case and everything else aside.
 */
static size_t likeness(const char *a, const char *b)
{
    size_t n = 0;
    for (;;) {
        while (*a && !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", *a))
            a++;
        while (*b && !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", *b))
            b++;
        if (!*a || (*a | 0x20) != (*b | 0x20)) return n;
        a++;
        b++;
        n++;
    }
}

/* The class of a README's model: of several ("ShuffleNet_V1", "ShuffleNet_V2") the one whose name
 * is most like the model's. */
static const struct ptmi_onnx_class *class_of(const struct zoo *zoo, const char *readme,
                                              const char *model)
{
    const struct ptmi_onnx_class *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < zoo->classes.n; i++) {
        const struct ptmi_onnx_class *item = &zoo->classes.items[i];
        if (!item->readme || !item->name || strcmp(item->readme, readme) != 0) continue;
        size_t like = likeness(item->name, model);
        if (best && like <= most) continue;
        best = item;
        most = like;
    }
    return best;
}

/* "what#name", made unique by a number: stable as long as the READMEs' rows keep their order within
 * what. */
static const char *make_key(struct zoo *zoo, const char *what, const char *name)
{
    for (int n = 1; n < 10000; n++) {
        const char *key = n == 1 ? ptmi_arena_printf(&zoo->arena, "%s#%s", what, name)
                                 : ptmi_arena_printf(&zoo->arena, "%s#%s#%d", what, name, n);
        size_t before = zoo->keys.n;
        if (!key || !ptmi_arena_list_add_new(&zoo->arena, &zoo->keys, key)) return NULL;
        if (zoo->keys.n > before) return key;
    }
    return NULL;
}

/* Hash and size of the model's files as the manifest tells, and its tags. */
static void add_entry(const struct ptmi_onnx_entry *entry, const char *path,
                      struct ptm_file files[2], struct ptm_model *model)
{
    model->files = files;
    if (path) files[model->n_files++] = (struct ptm_file){path, entry ? entry->bytes : -1, NULL};
    if (path && entry) files[0].sha256 = entry->sha256;
    if (!entry) return;
    if (entry->data_path)
        files[model->n_files++] =
            (struct ptm_file){entry->data_path, entry->data_bytes, entry->data_sha256};
    model->tags = entry->tags.items;
    model->n_tags = entry->tags.n;
}

static void fill_common(const struct zoo *zoo, struct ptm_model *model)
{
    model->fetched_at = zoo->now;
    model->object_id_is_int = true;
    model->owner = "ONNX";
    model->owner_url = "https://github.com/onnx";
    model->clone_url = REPO_URL;
    model->library = "onnx";
}

/* One model of a row. buf holds the row's JSON. */
static ptm_rc deliver_row(struct zoo *zoo, size_t id, const struct ptmi_buf *buf,
                          struct ptm_err *err)
{
    const struct ptmi_onnx_row *row = &zoo->rows.items[id];
    const struct page *page = &zoo->pages[row->readme_index];
    const char *name = row->fields[PTMI_ONNX_MODEL];
    const char *path = row->fields[PTMI_ONNX_PATH];
    const struct ptmi_onnx_class *item = class_of(zoo, row->readme, name);
    struct ptm_model model = PTM_MODEL_INIT;
    struct ptm_file files[2] = {{0}};
    char number[24];
    snprintf(number, sizeof(number), "%zu", id);

    struct ptmi_found found = {.arena = &zoo->arena};
    if (item) ptmi_found_paper(&found, item->paper);
    ptmi_found_adopt(&found, &(struct ptmi_facts){.datasets = page->papers.datasets,
                                                  .n_datasets = page->papers.n_datasets,
                                                  .paper_dois = page->papers.papers.items,
                                                  .n_paper_dois = page->papers.papers.n});
    /* A name in a column is a name; that the Hugging Face hub has a data set called so would be a
     * guess. */
    if (row->fields[PTMI_ONNX_DATASET])
        ptmi_found_add(&found, &(struct ptm_dataset){.name = row->fields[PTMI_ONNX_DATASET]});

    fill_common(zoo, &model);
    model.key = make_key(zoo, path ? path : row->readme, name);
    model.object_id = number;
    model.name = name;
    model.url = row->fields[PTMI_ONNX_GITHUB];
    model.repo_path =
        path ? path : ptmi_arena_strndup(&zoo->arena, row->readme, strlen(row->readme) - 10);
    model.task = row->fields[PTMI_ONNX_CATEGORY];
    model.architecture = item ? item->name : page->title;
    model.license = page->license;
    model.datasets = found.datasets;
    model.n_datasets = found.n_datasets;
    model.paper_dois = found.papers.items;
    model.n_paper_dois = found.papers.n;
    add_entry(row->manifest ? &zoo->manifest.items[row->manifest - 1] : NULL, path, files, &model);
    model.raw = buf->data;
    model.raw_len = buf->len;
    model.metadata_file = ROWS_FILE;
    model.source_url = ptmi_arena_printf(&zoo->arena, "%s%s", zoo->source, row->readme);
    if (!model.key || !model.repo_path || found.failed) return no_room(err);
    return zoo->sink->model(zoo->sink->arg, &model, err);
}

/* The array of all rows as a document (two rows of the real zoo list downloads, not models: they
 * stand in it, too), and a model a row. */
static ptm_rc deliver_rows(struct zoo *zoo, struct ptmi_buf *all, struct ptmi_buf *one,
                           struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_puts(all, "[", err));
    for (size_t i = 0; i < zoo->rows.n; i++) {
        const struct ptmi_onnx_row *row = &zoo->rows.items[i];
        ptmi_buf_reset(one);
        PTM_TRY(ptmi_onnx_row_json(
            one, i, row, row->manifest ? &zoo->manifest.items[row->manifest - 1] : NULL, err));
        PTM_TRY(ptmi_buf_puts(all, i > 0 ? ",\n" : "\n", err));
        PTM_TRY(ptmi_buf_append(all, one->data, one->len, err));
        if (row->fields[PTMI_ONNX_MODEL]) PTM_TRY(deliver_row(zoo, i, one, err));
    }
    PTM_TRY(ptmi_buf_puts(all, "\n]\n", err));
    return zoo->sink->document(zoo->sink->arg, ROWS_FILE, all->data, all->len, REPO_URL, err);
}

/* A model that only the manifest knows. */
static ptm_rc deliver_entry(struct zoo *zoo, size_t index, struct ptm_err *err)
{
    const struct ptmi_onnx_entry *entry = &zoo->manifest.items[index];
    struct ptm_model model = PTM_MODEL_INIT;
    struct ptm_file files[2] = {{0}};
    char number[24];
    snprintf(number, sizeof(number), "%zu", index);
    fill_common(zoo, &model);
    model.key = make_key(zoo, entry->path, entry->model);
    model.object_id = number;
    model.name = entry->model;
    PTM_AUTO(ptmi_freep) char *folder = ptmi_path_dir(entry->path);
    model.url = folder ? ptmi_arena_printf(&zoo->arena, REPO_URL "/tree/main/%s", folder) : NULL;
    model.repo_path = entry->path;
    /* tags: domain, task, family ("vision", "classification", "resnet") */
    model.task = entry->tags.n > 1 ? entry->tags.items[1] : NULL;
    model.architecture = entry->tags.n > 2 ? entry->tags.items[2] : NULL;
    add_entry(entry, entry->path, files, &model);
    model.raw = entry->raw;
    model.raw_len = entry->raw_len;
    model.metadata_file = MANIFEST_FILE;
    model.source_url = ptmi_arena_printf(&zoo->arena, "%s" MANIFEST, zoo->source);
    if (!model.key || !model.url) return no_room(err);
    return zoo->sink->model(zoo->sink->arg, &model, err);
}

static ptm_rc deliver_models(struct zoo *zoo, struct ptm_err *err)
{
    struct ptmi_buf all = PTMI_BUF(PTM_LIMIT_JSON);
    struct ptmi_buf one = PTMI_BUF(PTM_LIMIT_RECORD);
    ptm_rc rc = deliver_rows(zoo, &all, &one, err);
    ptmi_buf_clear(&all);
    ptmi_buf_clear(&one);
    size_t alone = 0;
    for (size_t i = 0; rc == PTM_OK && i < zoo->manifest.n; i++) {
        const struct ptmi_onnx_entry *entry = &zoo->manifest.items[i];
        if (entry->used || !entry->path) continue;
        alone++;
        rc = deliver_entry(zoo, i, err);
    }
    if (rc == PTM_OK && zoo->env->ctx)
        ptmi_log(zoo->env->ctx, PTM_LOG_INFO, "hubs",
                 "onnxmodelzoo: %zu rows, %zu with one of the manifest's %zu entries; %zu entries "
                 "without a row",
                 zoo->rows.n, zoo->matched, zoo->manifest.n, alone);
    return rc;
}

/* ---- the ops ------------------------------------------------------------ */

static ptm_rc list_onnx(const struct ptmi_hub_env *env, const struct ptmi_hub_sink *sink,
                        struct ptm_err *err)
{
    (void)sink;
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    PTM_AUTO(ptmi_freep) char *sha = NULL;
    return env->checkout(env->arg, REPO_URL, NULL, &dir, &sha, err);
}

static ptm_rc parse_zoo(struct zoo *zoo, struct ptm_err *err)
{
    PTM_TRY(read_hub(zoo, err));
    PTM_TRY(deliver_classes(zoo, err));
    PTM_TRY(read_pages(zoo, err));
    PTM_TRY(read_manifest(zoo, err));
    return deliver_models(zoo, err);
}

static ptm_rc parse_onnx(const struct ptmi_hub_env *env, const struct ptmi_hub_sink *sink,
                         struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    PTM_AUTO(ptmi_freep) char *sha = NULL;
    PTM_TRY(env->checkout(env->arg, REPO_URL, NULL, &dir, &sha, err));
    struct zoo zoo = {.env = env, .sink = sink, .dir = dir, .arena = PTMI_ARENA(PARSE_ARENA)};
    zoo.source = ptmi_arena_printf(&zoo.arena, REPO_URL "/blob/%s/",
                                   sha && ptmi_str_is_hex(sha, 40) ? sha : "main");
    ptmi_clock_now(zoo.now);
    ptm_rc rc = zoo.source ? parse_zoo(&zoo, err) : no_room(err);
    free(zoo.manifest_text);
    ptmi_arena_clear(&zoo.arena);
    return rc;
}

/* The folders that came with the zoo's growth to 2,000 models; at the successor each of their
 * models is a repository of its own. */
static bool is_own_repository(const char *path)
{
    static const char *const folders[] = {"Computer_Vision/", "Natural_Language_Processing/",
                                          "Generative_AI/", "Graph_Machine_Learning/"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        if (ptmi_str_starts(path, folders[i])) return true;
    }
    return false;
}

/* The successor's address of a file under another name than its path. malloc'ed; NULL: out of
 * memory. */
static char *other_name(const char *path)
{
    if (is_own_repository(path)) {
        PTM_AUTO(ptmi_freep) char *folder = ptmi_path_dir(path);
        PTM_AUTO(ptmi_freep)
        char *repo = folder ? ptmi_url_encode(ptmi_path_base(folder), false) : NULL;
        PTM_AUTO(ptmi_freep) char *file = ptmi_url_encode(ptmi_path_base(path), false);
        if (!repo || !file) return NULL;
        return ptmi_str_printf("https://huggingface.co/onnxmodelzoo/%s/resolve/main/%s", repo,
                               file);
    }
    PTM_AUTO(ptmi_freep) char *encoded = ptmi_url_encode(path, true);
    if (!encoded) return NULL;
    bool validated = ptmi_str_starts(encoded, "validated/");
    return ptmi_str_printf("https://huggingface.co/onnxmodelzoo/legacy_models/resolve/main/%s%s",
                           validated ? "" : "validated/", validated ? encoded + 10 : encoded);
}

static ptm_rc source_onnx(const char *path, const char *oid, int attempt, char **out_url,
                          struct ptm_err *err)
{
    (void)oid;
    *out_url = NULL;
    if (attempt < 0 || attempt > 2 || ptmi_path_check_relative(path, NULL) != PTM_OK) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *encoded = ptmi_url_encode(path, true);
    if (!encoded) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", path);
    char *url = attempt == 0 ? ptmi_str_printf("https://huggingface.co/onnxmodelzoo/legacy_models/"
                                               "resolve/main/%s",
                                               encoded)
                : attempt == 1
                    ? other_name(path)
                    : ptmi_str_printf(
                          "https://media.githubusercontent.com/media/onnx/models/main/%s", encoded);
    if (!url) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", path);
    *out_url = url;
    return PTM_OK;
}

const struct ptmi_hub_ops ptmi_hub_onnxmodelzoo = {
    .abi = PTMI_HUB_ABI,
    .name = "onnxmodelzoo",
    .title = "Onnx Model Zoo",
    .url = REPO_URL,
    .summary = "the ONNX Model Zoo: one repository of models in ONNX's format, frozen in June 2025",
    .size = "441 MB",
    .list = list_onnx,
    .parse = parse_onnx,
    .source = source_onnx,
};
