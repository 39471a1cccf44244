/* SPDX-License-Identifier: MIT */
/*
 * hubs_collect.h - a sink that remembers, for the tests of hubs. It behaves as a catalogue would:
 * upserts by key in the order of first arrival, forgets what came after the last checkpoint when
 * the listing fails, and refuses half a record. Header-only; one thread at a time.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/auto.h"
#include "base/str.h"
#include "hubs/hubs.h"

#define COLLECT_MAX 4096

struct collected_document {
    const char *path;
    const char *data;
    size_t len;
};

struct collected_failure {
    const char *id;
    ptm_rc rc;
    int http_status;
    const char *msg;
};

struct collect {
    struct ptmi_arena arena; /* every copy lives here */
    struct ptm_model *models;
    size_t n, n_kept; /* n_kept: as of the last checkpoint */
    struct collected_document *documents;
    size_t n_documents;
    struct collected_failure *failures;
    size_t n_failures;
    const char *token; /* of the last checkpoint */
    size_t checkpoints;
    size_t refuse_at; /* the model call of that number (from 1) fails; 0: none */
    size_t calls;
    ptm_ctx *cancel_ctx; /* canceled at cancel_at */
    size_t cancel_at;
};

static inline const char *collect_str(struct collect *all, const char *text)
{
    return ptmi_arena_strdup(&all->arena, text);
}

static inline const char *const *collect_list(struct collect *all, const char *const *items,
                                              size_t n)
{
    const char **copy = ptmi_arena_alloc(&all->arena, (n + 1) * sizeof *copy);
    assert_non_null(copy);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(items[i]);
        copy[i] = collect_str(all, items[i]);
    }
    return copy;
}

static inline void collect_copy_parts(struct collect *all, const struct ptm_model *from,
                                      struct ptm_model *to)
{
    struct ptm_dataset *datasets =
        ptmi_arena_alloc(&all->arena, (from->n_datasets + 1) * sizeof *datasets);
    struct ptm_file *files = ptmi_arena_alloc(&all->arena, (from->n_files + 1) * sizeof *files);
    assert_true(datasets && files);
    for (size_t i = 0; i < from->n_datasets; i++) {
        const struct ptm_dataset *d = &from->datasets[i];
        assert_non_null(d->name);
        datasets[i] = (struct ptm_dataset){collect_str(all, d->name), collect_str(all, d->owner),
                                           collect_str(all, d->url), collect_str(all, d->owner_url),
                                           collect_str(all, d->paper_doi)};
    }
    for (size_t i = 0; i < from->n_files; i++) {
        assert_non_null(from->files[i].path);
        files[i] = (struct ptm_file){collect_str(all, from->files[i].path), from->files[i].size,
                                     collect_str(all, from->files[i].sha256)};
    }
    to->datasets = datasets;
    to->files = files;
    to->paper_dois = collect_list(all, from->paper_dois, from->n_paper_dois);
    to->tags = collect_list(all, from->tags, from->n_tags);
    to->authors = collect_list(all, from->authors, from->n_authors);
    to->base_models = collect_list(all, from->base_models, from->n_base_models);
    struct ptm_entry_point *points =
        ptmi_arena_alloc(&all->arena, (from->n_entry_points + 1) * sizeof *points);
    assert_non_null(points);
    for (size_t i = 0; i < from->n_entry_points; i++) {
        const struct ptm_entry_point *p = &from->entry_points[i];
        assert_non_null(p->code);
        points[i] =
            (struct ptm_entry_point){collect_str(all, p->repo), collect_str(all, p->ref),
                                     collect_str(all, p->name), collect_str(all, p->code), p->line};
    }
    to->entry_points = points;
}

static inline void collect_copy(struct collect *all, const struct ptm_model *from,
                                struct ptm_model *to)
{
    const char **strings[] = {
        &to->key,        &to->object_id,     &to->name,          &to->owner,      &to->url,
        &to->owner_url,  &to->clone_url,     &to->not_clonable,  &to->repo_ref,   &to->repo_path,
        &to->sha,        &to->task,          &to->architecture,  &to->library,    &to->license,
        &to->created_at, &to->last_modified, &to->metadata_file, &to->source_url, &to->fetched_at};
    *to = *from;
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++)
        *strings[i] = collect_str(all, *strings[i]);
    to->raw = ptmi_arena_strndup(&all->arena, from->raw, from->raw_len);
    collect_copy_parts(all, from, to);
}

/* What every record of every hub must have. */
static inline void collect_check(const struct ptm_model *m)
{
    assert_true(m->key && *m->key && m->object_id && *m->object_id && m->name && *m->name);
    assert_true(m->owner && *m->owner && m->url && *m->url && m->owner_url && *m->owner_url);
    assert_true((m->clone_url != NULL) != (m->not_clonable != NULL));
    assert_true(m->raw && m->raw_len > 0 && m->raw[0] == '{' && m->raw[m->raw_len - 1] == '}');
    assert_true(m->metadata_file && *m->metadata_file && m->source_url && *m->source_url &&
                m->fetched_at);
    assert_true(!m->sha || ptmi_str_is_hex(m->sha, 40));
    assert_true(m->downloads >= -1 && m->likes >= -1 && m->used_storage >= -1 &&
                m->parameters >= -1);
}

static inline struct ptm_model *collect_find(struct collect *all, const char *key)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->models[i].key, key) == 0) return &all->models[i];
    return NULL;
}

static inline ptm_rc collect_model(void *arg, const struct ptm_model *model, struct ptm_err *err)
{
    struct collect *all = arg;
    collect_check(model);
    all->calls++;
    if (all->refuse_at == all->calls) return ptm_err_set(err, PTM_ENOSPC, "the sink is full");
    if (all->cancel_ctx && all->cancel_at == all->calls) ptm_ctx_cancel(all->cancel_ctx, 1);
    struct ptm_model *place = collect_find(all, model->key);
    if (!place) {
        assert_true(all->n < COLLECT_MAX);
        place = &all->models[all->n++];
    }
    collect_copy(all, model, place);
    return PTM_OK;
}

static inline ptm_rc collect_document(void *arg, const char *path, const void *data, size_t len,
                                      const char *source_url, struct ptm_err *err)
{
    struct collect *all = arg;
    (void)err;
    assert_non_null(source_url);
    assert_true(all->n_documents < COLLECT_MAX);
    char *copy = ptmi_arena_alloc(&all->arena, len + 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    all->documents[all->n_documents++] =
        (struct collected_document){collect_str(all, path), copy, len};
    return PTM_OK;
}

static inline ptm_rc collect_checkpoint(void *arg, const char *token, struct ptm_err *err)
{
    struct collect *all = arg;
    (void)err;
    all->token = collect_str(all, token);
    all->n_kept = all->n;
    all->checkpoints++;
    return PTM_OK;
}

static inline ptm_rc collect_failure(void *arg, const char *id, const char *url,
                                     const struct ptm_err *why, struct ptm_err *err)
{
    struct collect *all = arg;
    (void)err;
    assert_true(id && *id && url && why && why->rc < 0 && *why->msg);
    assert_true(all->n_failures < COLLECT_MAX);
    all->failures[all->n_failures++] = (struct collected_failure){
        collect_str(all, id), why->rc, why->http_status, collect_str(all, why->msg)};
    return PTM_OK;
}

static inline ptm_rc collect_known(void *arg, const char *key, bool *out, struct ptm_err *err)
{
    (void)err;
    *out = collect_find(arg, key) != NULL;
    return PTM_OK;
}

static inline void collect_init(struct collect *all)
{
    *all = (struct collect){.arena = PTMI_ARENA((size_t)1 << 30)};
    all->models = calloc(COLLECT_MAX, sizeof *all->models);
    all->documents = calloc(COLLECT_MAX, sizeof *all->documents);
    all->failures = calloc(COLLECT_MAX, sizeof *all->failures);
    assert_true(all->models && all->documents && all->failures);
}

static inline void collect_clear(struct collect *all)
{
    free(all->models);
    free(all->documents);
    free(all->failures);
    ptmi_arena_clear(&all->arena);
}

/* The listing failed: what came after the last checkpoint is gone. */
static inline void collect_rollback(struct collect *all)
{
    all->n = all->n_kept;
}

static inline struct ptmi_hub_sink collect_sink(struct collect *all)
{
    return (struct ptmi_hub_sink){.arg = all,
                                  .model = collect_model,
                                  .document = collect_document,
                                  .checkpoint = collect_checkpoint,
                                  .failure = collect_failure,
                                  .known = collect_known};
}
