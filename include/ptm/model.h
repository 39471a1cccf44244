/* SPDX-License-Identifier: MIT */
/*
 * model.h - what a hub says of one model: the vocabulary that hubs, catalogue and exports share.
 *
 * Plain data. All pointers are borrowed: they are valid during the call that was handed the record
 * and no longer, unless that call's comment says otherwise. A NULL string or a count of -1 means
 * "the hub does not say", which is not the same as "" or 0. Strings are UTF-8 without NUL inside.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* May everybody have it? Absent, gated, private and taken down are different things. */
typedef enum ptm_access {
    PTM_ACCESS_OPEN = 0,
    PTM_ACCESS_GATED, /* terms to accept on its page, then a token */
    PTM_ACCESS_PRIVATE,
    PTM_ACCESS_DISABLED, /* taken down by the hub */
} ptm_access;

/* A data set a model names. name is required, the rest may be NULL. */
struct ptm_dataset {
    const char *name;
    const char *owner;
    const char *url;
    const char *owner_url;
    const char *paper_doi;
};

/* A file the listing names; size -1 and sha256 NULL (64 lower-case hex) when it does not tell. */
struct ptm_file {
    const char *path;
    int64_t size;
    const char *sha256;
};

/* One torch.hub.load() call found in a card. */
struct ptm_entry_point {
    const char *repo; /* "owner/name", NULL when not a literal */
    const char *ref;  /* NULL: default branch, or not a literal */
    const char *name; /* NULL when it cannot be known without running the code */
    const char *code; /* the call's source text */
    int line;         /* in the card, from 1 */
};

struct ptm_model {
    /* identity */
    const char *key;       /* unique and stable within the hub (Hugging Face: _id) */
    const char *object_id; /* MetadataObjectID: the hub's own id, as text */
    bool object_id_is_int; /* it is a number in the hub's metadata */
    const char *name;      /* ModelName */
    const char *owner;     /* ModelOwner */
    const char *url;       /* ModelURL */
    const char *owner_url; /* ModelOwnerURL */

    /* where its repository is */
    const char *clone_url;    /* already reduced to what git can clone; NULL: see not_clonable */
    const char *not_clonable; /* why there is nothing to clone; NULL when clone_url is set */
    const char *repo_ref;     /* branch or tag to check out; NULL: the default branch */
    const char *repo_path;    /* path of this model within a repository shared by many, or NULL */

    /* facts */
    const char *sha; /* newest commit as the listing tells, 40 hex, or NULL */
    const char *task;
    const char *architecture;
    const char *library;
    const char *license;
    const char *created_at;    /* ISO 8601 */
    const char *last_modified; /* ISO 8601 */
    ptm_access access;
    int64_t downloads;
    int64_t downloads_all;
    int64_t likes;
    int64_t used_storage; /* bytes */
    int64_t parameters;

    const struct ptm_dataset *datasets;
    size_t n_datasets;
    const char *const *paper_dois; /* "10.48550/arXiv.1706.03762" */
    size_t n_paper_dois;
    const char *const *tags;
    size_t n_tags;
    const char *const *authors; /* people or teams as written; the owner is not repeated */
    size_t n_authors;
    const char *const *base_models; /* "relation:id" or "id" */
    size_t n_base_models;
    const struct ptm_file *files;
    size_t n_files;
    const struct ptm_entry_point *entry_points;
    size_t n_entry_points;

    /* provenance */
    const char *raw; /* the hub's own JSON of this model, byte for byte */
    size_t raw_len;
    const char *metadata_file; /* that holds it, below HUB/: "json/metadata/hf_metadata.json" */
    const char *source_url;    /* original (never rewritten) URL the facts came from */
    const char *fetched_at;    /* ISO 8601 UTC */
};

/* All counts -1, all else zero. */
#define PTM_MODEL_INIT                                                                          \
    {                                                                                           \
        .downloads = -1, .downloads_all = -1, .likes = -1, .used_storage = -1, .parameters = -1 \
    }

#ifdef __cplusplus
}
#endif
