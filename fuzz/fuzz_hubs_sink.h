/* SPDX-License-Identifier: MIT */
/* fuzz_hubs_sink.h - a sink that reads every byte it is handed, so that sanitizers see a bad
 * pointer, and refuses half a record by aborting. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "hubs/hubs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_count {
    size_t bytes;
    size_t models;
};

static inline void fuzz_read(struct fuzz_count *count, const char *text, bool required)
{
    if (required && (!text || !*text)) abort();
    if (text) count->bytes += strlen(text);
}

static inline ptm_rc fuzz_model(void *arg, const struct ptm_model *m, struct ptm_err *err)
{
    struct fuzz_count *count = arg;
    const char *required[] = {m->key, m->object_id, m->name,          m->owner,
                              m->url, m->owner_url, m->metadata_file, m->source_url};
    const char *optional[] = {m->clone_url, m->not_clonable, m->repo_ref,     m->repo_path,
                              m->sha,       m->task,         m->architecture, m->library,
                              m->license,   m->created_at,   m->last_modified};
    (void)err;
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++)
        fuzz_read(count, required[i], true);
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++)
        fuzz_read(count, optional[i], false);
    for (size_t i = 0; i < m->n_datasets; i++) fuzz_read(count, m->datasets[i].name, true);
    for (size_t i = 0; i < m->n_paper_dois; i++) fuzz_read(count, m->paper_dois[i], true);
    for (size_t i = 0; i < m->n_tags; i++) fuzz_read(count, m->tags[i], false);
    for (size_t i = 0; i < m->n_base_models; i++) fuzz_read(count, m->base_models[i], true);
    for (size_t i = 0; i < m->n_files; i++) fuzz_read(count, m->files[i].path, true);
    if (!m->raw || m->raw_len == 0 || m->raw[0] != '{' || m->raw[m->raw_len - 1] != '}') abort();
    if (!m->clone_url == !m->not_clonable) abort();
    if (m->clone_url && strstr(m->clone_url, "/../")) abort();
    count->models++;
    return PTM_OK;
}

static inline ptm_rc fuzz_document(void *arg, const char *path, const void *data, size_t len,
                                   const char *source_url, struct ptm_err *err)
{
    struct fuzz_count *count = arg;
    (void)err;
    fuzz_read(count, path, true);
    fuzz_read(count, source_url, true);
    for (size_t i = 0; i < len; i++) count->bytes += ((const unsigned char *)data)[i];
    return PTM_OK;
}

static inline ptm_rc fuzz_checkpoint(void *arg, const char *token, struct ptm_err *err)
{
    (void)err;
    fuzz_read(arg, token, true);
    return PTM_OK;
}

static inline ptm_rc fuzz_failure(void *arg, const char *id, const char *url,
                                  const struct ptm_err *why, struct ptm_err *err)
{
    (void)err;
    fuzz_read(arg, id, true);
    fuzz_read(arg, url, true);
    fuzz_read(arg, why->msg, true);
    return PTM_OK;
}

static inline ptm_rc fuzz_known(void *arg, const char *key, bool *out, struct ptm_err *err)
{
    (void)arg, (void)err;
    *out = strlen(key) % 3 == 0;
    return PTM_OK;
}

static inline struct ptmi_hub_sink fuzz_sink(struct fuzz_count *count)
{
    return (struct ptmi_hub_sink){count,           fuzz_model,   fuzz_document,
                                  fuzz_checkpoint, fuzz_failure, fuzz_known};
}
