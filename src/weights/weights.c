/* SPDX-License-Identifier: MIT */
/*
 * weights.c - opening a checkpoint: finds out its format by content and lets that format fill the
 * table through the builder (weights_build.c). Reading values is weights_read.c's.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ptm/weights.h>

#include "../base/adopt.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/url.h"
#include "weights_priv.h"

/* Bytes a format may be recognised by. */
#define HEAD 4096

static ptm_rc new_weights(const char *path, const struct ptm_weights_opts *opts, ptm_weights **out,
                          struct ptm_err *err)
{
    ptm_weights *weights = calloc(1, sizeof *weights);
    if (!weights) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    weights->arena.max = PTM_LIMIT_WEIGHTS_MEMORY;
    weights->format = weights->producer = "";
    weights->opts = (struct ptm_weights_opts)PTM_WEIGHTS_OPTS_INIT;
    ptmi_adopt(&weights->opts, sizeof weights->opts, opts);
    pthread_mutex_init(&weights->lock, NULL);
    weights->path = strdup(path);
    if (!weights->path) {
        ptm_weights_close(weights);
        return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    }
    *out = weights;
    return PTM_OK;
}

void ptm_weights_close(ptm_weights *weights)
{
    if (!weights) return;
    if (weights->format_free) weights->format_free(weights->format_state);
    for (size_t i = 0; i < weights->n_storages; i++) ptmi_source_unref(weights->from[i].source);
    ptmi_source_unref(weights->source);
    ptmi_arena_clear(&weights->arena);
    free(weights->tensors);
    free(weights->storages);
    free(weights->from);
    free(weights->metas);
    free(weights->by_name);
    free(weights->path);
    pthread_mutex_destroy(&weights->lock);
    free(weights);
}

PTM_DEFINE_CLEANUP(weights_closep, ptm_weights *, ptm_weights_close)

/* Last component of a path, or of a URL without its query. */
static ptm_rc file_name(const struct ptm_weights *weights, char **out, struct ptm_err *err)
{
    size_t len = strlen(weights->path);
    if (weights->net) len = strcspn(weights->path, "?#");
    PTM_AUTO(ptmi_freep) char *path = strndup(weights->path, len);
    *out = path ? strdup(ptmi_path_base(path)) : NULL;
    return *out ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "out of memory");
}

static ptm_rc find_format(struct ptm_weights *weights, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *name = NULL;
    struct ptmi_probe probe = {.size = ptmi_source_size(weights->source)};
    probe.head_len = probe.size < HEAD ? (size_t)probe.size : HEAD;
    PTM_TRY(ptmi_source_at(weights->source, 0, probe.head_len, &probe.head, err));
    PTM_TRY(file_name(weights, &name, err));
    probe.name = name;
    weights->ops = ptmi_weight_format_probe(&probe);
    if (weights->ops) return PTM_OK;
    const char *looks = ptmi_weight_looks_like(probe.head, probe.head_len);
    return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: no checkpoint that ptm knows%s%s", weights->path,
                       looks ? "; it is " : "", looks ? looks : "");
}

static ptm_rc fill(struct ptm_weights *weights, struct ptm_err *err)
{
    PTM_TRY(find_format(weights, err));
    weights->format = weights->ops->name;
    PTM_TRY(weights->ops->open(weights, weights->source, err));
    return ptmi_weights_total(weights, err);
}

/* The builder knows the names of tensors alone; messages from elsewhere have the file's. */
static ptm_rc name_file(const struct ptm_weights *weights, ptm_rc rc, struct ptm_err *err)
{
    if (!err || strstr(err->msg, weights->path)) return rc;
    return ptm_err_ctx(err, rc, "%s", weights->path);
}

ptm_rc ptmi_weights_open_source(ptmi_source *source, const char *path, ptm_net *net,
                                const struct ptm_weights_opts *opts, ptm_weights **out,
                                struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *mine = source;
    PTM_AUTO(weights_closep) ptm_weights *weights = NULL;
    PTM_TRY(new_weights(path, opts, &weights, err));
    weights->source = ptm_steal(&mine);
    weights->net = net;
    ptm_rc rc = fill(weights, err);
    if (rc != PTM_OK) return name_file(weights, rc, err);
    *out = ptm_steal(&weights);
    return PTM_OK;
}

ptm_rc ptm_weights_open(const char *path, const struct ptm_weights_opts *opts, ptm_weights **out,
                        struct ptm_err *err)
{
    ptmi_source *source = NULL;
    PTM_TRY(ptmi_source_open(path, opts && opts->writable, &source, err));
    return ptmi_weights_open_source(source, path, NULL, opts, out, err);
}

ptm_rc ptm_weights_open_url(ptm_net *net, const char *url, const struct ptm_weights_opts *opts,
                            ptm_weights **out, struct ptm_err *err)
{
    ptmi_source *source = NULL;
    PTM_TRY(ptmi_source_open_url(net, url, &source, err));
    return ptmi_weights_open_source(source, url, net, opts, out, err);
}

/* --- siblings --- */

static ptm_rc sibling_url(struct ptm_weights *weights, const char *relative, ptmi_source **out,
                          struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *encoded = ptmi_url_encode(relative, true);
    PTM_AUTO(ptmi_freep) char *url = NULL;
    if (!encoded) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(ptmi_url_join(weights->path, encoded, &url, err));
    return ptmi_source_open_url(weights->net, url, out, err);
}

/* Longest name of a blob: a SHA-256. */
#define BLOB_NAME 64

/*
 * In the cache of huggingface_hub every file of snapshots/REV is a link to ../../blobs/HASH (one ..
 * more for each folder within REV). Such a link, and no other, is followed: it can lead to files of
 * that cache alone. Is path, which ends in relative, one? Then name is its blob.
 */
static bool is_cache_link(const char *path, const char *relative, char name[BLOB_NAME + 1])
{
    char target[256];
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len < 0) return false;
    target[len] = '\0';
    size_t ups = 0, want = 2;
    for (const char *c = relative; *c; c++) want += *c == '/';
    const char *at = target;
    for (; strncmp(at, "../", 3) == 0; at += 3) ups++;
    if (ups != want || strncmp(at, "blobs/", 6) != 0) return false;
    at += 6;
    size_t n = strlen(at);
    if (n < 40 || n > BLOB_NAME || !ptmi_str_is_hex(at, n)) return false;
    memcpy(name, at, n + 1);
    return true;
}

static ptm_rc sibling_file(struct ptm_weights *weights, const char *relative, ptmi_source **out,
                           struct ptm_err *err)
{
    char blob[BLOB_NAME + 1];
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(weights->path);
    PTM_AUTO(ptmi_freep) char *path = dir ? ptmi_path_join(dir, relative) : NULL;
    PTM_AUTO(ptmi_freep) char *blobs = dir ? ptmi_path_join(dir, "../../blobs") : NULL;
    if (!path || !blobs) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (!is_cache_link(path, relative, blob))
        return ptmi_source_open_beneath(dir, relative, weights->opts.writable, out, err);
    return ptmi_source_open_beneath(blobs, blob, weights->opts.writable, out, err);
}

ptm_rc ptmi_weights_sibling(struct ptm_weights *weights, const char *relative, ptmi_source **out,
                            struct ptm_err *err)
{
    ptm_rc rc = ptmi_path_check_relative(relative, err);
    if (rc == PTM_OK && weights->net) {
        rc = sibling_url(weights, relative, out, err);
    } else if (rc == PTM_OK) {
        rc = sibling_file(weights, relative, out, err);
    }
    if (rc == PTM_OK) return PTM_OK;
    return ptm_err_ctx(err, rc, "%s: a file it refers to", weights->path);
}

/* --- what there is --- */

const char *ptm_weights_format(const ptm_weights *weights)
{
    return weights->format;
}

const char *ptm_weights_producer(const ptm_weights *weights)
{
    return weights->producer;
}

size_t ptm_weights_count(const ptm_weights *weights)
{
    return weights->n_tensors;
}

const struct ptm_tensor *ptm_weights_tensor(const ptm_weights *weights, size_t i)
{
    return i < weights->n_tensors ? weights->tensors[i] : NULL;
}

size_t ptm_weights_storage_count(const ptm_weights *weights)
{
    return weights->n_storages;
}

const struct ptm_storage *ptm_weights_storage(const ptm_weights *weights, size_t i)
{
    return i < weights->n_storages ? &weights->storages[i] : NULL;
}

size_t ptm_weights_meta_count(const ptm_weights *weights)
{
    return weights->n_metas;
}

const struct ptm_meta *ptm_weights_meta(const ptm_weights *weights, size_t i)
{
    return i < weights->n_metas ? &weights->metas[i] : NULL;
}

const struct ptm_value *ptm_weights_root(const ptm_weights *weights)
{
    return weights->root;
}

int64_t ptm_weights_parameters(const ptm_weights *weights)
{
    return weights->parameters;
}

int64_t ptm_weights_bytes(const ptm_weights *weights)
{
    return weights->bytes;
}
