/* SPDX-License-Identifier: MIT */
/*
 * catalog.h - the SQLite catalogue, ROOT/.ptm/catalog.db: the truth; everything under json/ and
 * html/ can be made again from it and the clones.
 *
 * One write connection with a lock inside; iterators read on connections of their own (WAL: readers
 * never block), so a callback may write. Any thread, any number of processes: a busy database is
 * waited for. On network file systems a rollback journal replaces WAL, with a warning. All texts
 * are bound, never pasted. Errors are PTM_EDB (with SQLite's words), PTM_ENOSPC, PTM_EPERM.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ptm/ctx.h>
#include <ptm/model.h>

typedef struct ptmi_catalog ptmi_catalog;

/* Opens or creates and migrates. read_only: PTM_ENOENT when absent. A newer schema than ours is
 * PTM_EUNSUPPORTED, a damaged file PTM_ECORRUPT. */
PTM_MUST_USE ptm_rc ptmi_catalog_open(ptm_ctx *ctx, const char *path, bool read_only,
                                      ptmi_catalog **out, struct ptm_err *err);
void ptmi_catalog_close(ptmi_catalog *catalog);

/* --- runs: one row a command that changed something --- */
PTM_MUST_USE ptm_rc ptmi_catalog_run_begin(ptmi_catalog *catalog, const char *command,
                                           int64_t *out_run, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_catalog_run_end(ptmi_catalog *catalog, int64_t run, int exit_status,
                                         struct ptm_err *err);

/* --- listings --- */
/*
 * One pass over a hub's list. Writes between two checkpoints are one transaction: a kill falls back
 * to the last checkpoint. Until finish, exports go on showing the last finished listing (order,
 * membership, documents); a first listing shows what has arrived. Two processes that list one hub
 * at once take up the same listing: keep them apart by a lock, or the one that finishes first takes
 * models that the other has still to deliver for removed.
 */
struct ptmi_listing {
    int64_t id;
    char *token;   /* where to go on, or NULL: from the top. malloc'ed */
    int64_t count; /* models delivered so far */
    bool resumed;
};
void ptmi_listing_clear(struct ptmi_listing *listing);
/* Takes up the hub's unfinished listing of the same params (a text of what was asked), else starts
 * one and drops an unfinished one of other params. */
PTM_MUST_USE ptm_rc ptmi_catalog_listing_begin(ptmi_catalog *catalog, const char *hub,
                                               const char *params, struct ptmi_listing *out,
                                               struct ptm_err *err);
/*
 * A model asked for by name, outside of any listing: the same upsert at once, in a transaction of
 * its own. A model that no listing has placed stands after all listed ones in exports, and the next
 * finished listing that lacks it does not remove it when its clone exists.
 */
PTM_MUST_USE ptm_rc ptmi_catalog_put_model_one(ptmi_catalog *catalog, const char *hub,
                                               const struct ptm_model *model, int64_t repo,
                                               struct ptm_err *err);
/* Upsert by (hub, key): first_seen stays, last_seen and all facts follow; lists (tags, data sets,
 * ..) from the hub are replaced. repo: 0 for none. */
PTM_MUST_USE ptm_rc ptmi_catalog_put_model(ptmi_catalog *catalog, int64_t listing,
                                           const struct ptm_model *model, int64_t repo,
                                           struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_catalog_put_document(ptmi_catalog *catalog, int64_t listing,
                                              const char *path, const void *data, size_t len,
                                              const char *source_url, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_catalog_has_key(ptmi_catalog *catalog, int64_t listing, const char *key,
                                         bool *out, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_catalog_checkpoint(ptmi_catalog *catalog, int64_t listing,
                                            const char *token, struct ptm_err *err);
/* Commits; models of the hub not seen in this listing get removed_at (a tombstone, not a delete),
 * documents not written in it go. */
PTM_MUST_USE ptm_rc ptmi_catalog_listing_finish(ptmi_catalog *catalog, int64_t listing,
                                                struct ptm_err *err);
/* Rolls back to the last checkpoint; the listing stays unfinished. No-op after finish. */
void ptmi_catalog_listing_abandon(ptmi_catalog *catalog, int64_t listing);
/* Has the hub a finished listing? *out_finished_at ("" when none) may be NULL. */
PTM_MUST_USE ptm_rc ptmi_catalog_listed(ptmi_catalog *catalog, const char *hub, bool *out,
                                        char out_finished_at[32], struct ptm_err *err);

/* --- repositories --- */
/* Upsert by clone_url within the hub; author and name make its folder. PTM_EUNSAFE when another
 * repository's folder folds to the same name. */
PTM_MUST_USE ptm_rc ptmi_catalog_put_repo(ptmi_catalog *catalog, const char *hub,
                                          const char *clone_url, const char *author,
                                          const char *name, const char *ref, int64_t *out_repo,
                                          struct ptm_err *err);

/* What is to be cloned. */
struct ptmi_select {
    const char *hub;
    int64_t run; /* the selection belongs to this run (ptmi_catalog_run_begin): two commands at once
                    do not disturb one another */
    bool all;    /* every repository of a listed model; the rest is ignored */
    double share; /* of the models listed (that pass the filter), 0..1; used when count < 0. A share
                     > 0 of a non-empty list that rounds to 0 is 1 */
    int64_t count;      /* -1: share */
    const char *sort;   /* downloads, downloadsAllTime, likes, lastModified, createdAt, usedStorage;
                           descending, ties by name */
    const char *filter; /* --filter: SQLite expression over view models_view, read-only authorizer;
                           NULL: none. PTM_EINVAL tells what is wrong */
    /* Only these model names (--ids), all of them whatever share and count say, or */
    const char *const *names;
    size_t n_names;
    const char *const *urls; /* only repositories of these clone URLs (--urls) */
    size_t n_urls;
};
struct ptmi_selected {
    int64_t models; /* models in the listing */
    int64_t chosen_models;
    int64_t repos;        /* distinct repositories chosen */
    int64_t present;      /* of those, already cloned */
    int64_t bytes;        /* used storage the listing tells of the ones not cloned yet */
    int64_t unknown_size; /* repositories without such a figure */
    int64_t not_clonable; /* chosen models without a repository */
};
/*
 * Keeps the chosen repositories, best first, as the selection of what->run, replacing an earlier
 * one of that run and hub; run_end drops it. Unless names or urls were given it also becomes the
 * hub's wanted set (ptmi_repo.selected, status): chosen ones marked, others unmarked; with names or
 * urls the chosen ones are marked in addition.
 */
PTM_MUST_USE ptm_rc ptmi_catalog_select(ptmi_catalog *catalog, const struct ptmi_select *what,
                                        struct ptmi_selected *out, struct ptm_err *err);

/* Strings are borrowed for the callback. */
struct ptmi_repo {
    int64_t id;
    const char *hub, *clone_url, *author, *name;
    const char *ref; /* NULL: default branch */
    const char *sha; /* HEAD of the clone, NULL: not cloned */
    const char *branch;
    const char *label; /* name of its best-placed model, for messages: "openai-community/gpt2" */
    ptm_access access; /* of that model */
    const char *cloned_at, *updated_at;
    int64_t git_bytes, large_objects, large_bytes; /* -1 unknown */
    int64_t models;
    bool selected;
};
typedef ptm_rc (*ptmi_repo_fn)(void *arg, const struct ptmi_repo *repo, struct ptm_err *err);
/* The selection of that run and hub, best first. Constant memory. */
PTM_MUST_USE ptm_rc ptmi_catalog_each_chosen(ptmi_catalog *catalog, const char *hub, int64_t run,
                                             ptmi_repo_fn fn, void *arg, struct ptm_err *err);
enum { PTMI_REPOS_ALL, PTMI_REPOS_SELECTED, PTMI_REPOS_CLONED, PTMI_REPOS_FAILED };
/* Best first (by the order of the last selection). hub NULL: all hubs. Constant memory. */
PTM_MUST_USE ptm_rc ptmi_catalog_each_repo(ptmi_catalog *catalog, const char *hub, int which,
                                           ptmi_repo_fn fn, void *arg, struct ptm_err *err);

struct ptmi_repo_state {
    const char *sha, *branch;
    bool changed;
    bool bad_objects;
    int64_t git_bytes;
    int64_t large_objects, large_bytes;
};
PTM_MUST_USE ptm_rc ptmi_catalog_repo_done(ptmi_catalog *catalog, int64_t repo,
                                           const struct ptmi_repo_state *state,
                                           struct ptm_err *err);

/* A large file of a repository; outcome as ptmi_lfs_outcome's name: "present", "fetched",
 * "elsewhere", "lost", "failed", "skipped". */
struct ptmi_large_row {
    const char *path, *oid;
    int64_t size;
    const char *outcome, *source_url, *why; /* the last two may be NULL */
};
PTM_MUST_USE ptm_rc ptmi_catalog_put_large(ptmi_catalog *catalog, int64_t repo,
                                           const struct ptmi_large_row *row, struct ptm_err *err);
/* Drops the rows of a repository that were not put since begin (files that left HEAD). */
PTM_MUST_USE ptm_rc ptmi_catalog_large_begin(ptmi_catalog *catalog, int64_t repo,
                                             struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_catalog_large_end(ptmi_catalog *catalog, int64_t repo,
                                           struct ptm_err *err);
/* Is oid wanted by any repository? For verify and later garbage collection. */
typedef ptm_rc (*ptmi_large_fn)(void *arg, const char *oid, int64_t size, struct ptm_err *err);
PTM_MUST_USE ptm_rc
ptmi_catalog_each_large(ptmi_catalog *catalog, int64_t repo, ptmi_large_fn fn, void *arg,
                        struct ptm_err *err); /* repo 0: all, distinct; only ones that we hold */

/* --- what --scan read in the files of a clone --- */
/* A scan of a repository: what it was of, and what it came to. */
struct ptmi_scan_row {
    const char *sha;     /* HEAD of the clone */
    int64_t objects;     /* large files at hand */
    const char *version; /* of ptm: what a newer one finds may differ */
    int64_t files, bytes;
    const char *verdict; /* ptm_verdict_name() of the worst */
};
/* Was the last finished scan of the same commit, large files and version? */
PTM_MUST_USE ptm_rc ptmi_catalog_scanned(ptmi_catalog *catalog, int64_t repo,
                                         const struct ptmi_scan_row *as, bool *out,
                                         struct ptm_err *err);
/* Begin, a row for each file worth one, end: rows that were not put since begin go. A scan that is
 * cut short leaves the repository as not scanned. */
PTM_MUST_USE ptm_rc ptmi_catalog_scan_begin(ptmi_catalog *catalog, int64_t repo,
                                            struct ptm_err *err);
struct ptmi_weight_row {
    const char *path; /* in the clone */
    int64_t bytes;
    const char *format;
    int64_t tensors, parameters; /* -1: the table could not be read, or there is none */
    const char *dtypes;          /* JSON {"float32": parameters, ..}, or NULL */
    const char *verdict;
    const char *findings; /* JSON */
    const char *why;      /* why the table could not be read, or NULL */
};
PTM_MUST_USE ptm_rc ptmi_catalog_put_weight_file(ptmi_catalog *catalog, int64_t repo,
                                                 const struct ptmi_weight_row *row,
                                                 struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_catalog_scan_end(ptmi_catalog *catalog, int64_t repo,
                                          const struct ptmi_scan_row *row, struct ptm_err *err);

/* --- models, as read back --- */
struct ptmi_model_row {
    int64_t id;
    const char *hub, *key, *name, *owner, *url;
    const char *repo_path;
    int64_t repo;         /* 0: none */
    const char *repo_sha; /* HEAD of its clone, or NULL */
    const char *sha;      /* as the hub lists it */
    const char *repo_author, *repo_name;
};
typedef ptm_rc (*ptmi_model_fn)(void *arg, const struct ptmi_model_row *row, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_catalog_each_model(ptmi_catalog *catalog, const char *hub, int64_t repo,
                                            ptmi_model_fn fn, void *arg,
                                            struct ptm_err *err); /* repo 0: all of the hub */

/* What a clone told of a model (DatasetS, DOIs, ..): kept apart from what the hub says, replaced as
 * a whole. */
struct ptmi_clone_facts {
    const char *sha; /* newest commit of the model's part of the repository */
    const char *task, *architecture, *license;
    const struct ptm_dataset *datasets;
    size_t n_datasets;
    const char *const *paper_dois;
    size_t n_paper_dois;
};
PTM_MUST_USE ptm_rc ptmi_catalog_put_facts(ptmi_catalog *catalog, int64_t model,
                                           const struct ptmi_clone_facts *facts,
                                           struct ptm_err *err);

/* --- failures --- */
struct ptmi_failure {
    const char *hub;
    const char *id;     /* model name, AUTHOR/REPO, or AUTHOR/REPO:path of a large file */
    const char *stage;  /* list, parse, clone, large, describe, export */
    const char *reason; /* ptm_rc_name() */
    const char *message;
    const char *url;  /* may be NULL */
    int http_status;  /* 0: none */
    const char *time; /* ISO 8601; NULL when putting: now */
    bool retryable;
    int64_t tries; /* times in a row; ignored when putting */
};
/* Upsert by (hub, id, stage). */
PTM_MUST_USE ptm_rc ptmi_catalog_put_failure(ptmi_catalog *catalog,
                                             const struct ptmi_failure *failure,
                                             struct ptm_err *err);
/* The thing works now. id NULL: all of that hub and stage; an id that ends with ':': all that begin
 * with it (large files of a repository). */
PTM_MUST_USE ptm_rc ptmi_catalog_clear_failure(ptmi_catalog *catalog, const char *hub,
                                               const char *id, const char *stage,
                                               struct ptm_err *err);
typedef ptm_rc (*ptmi_failure_fn)(void *arg, const struct ptmi_failure *failure,
                                  struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_catalog_each_failure(ptmi_catalog *catalog, const char *hub,
                                              const char *stage, ptmi_failure_fn fn, void *arg,
                                              struct ptm_err *err);

/* --- status --- */
struct ptmi_hub_status {
    char listed_at[32]; /* "" when never */
    bool listing_unfinished;
    int64_t models, removed, gated, private_, disabled;
    int64_t repos, selected, cloned, not_clonable;
    int64_t large_objects, large_bytes, large_lost, large_failed;
    int64_t failures, failures_retryable;
};
PTM_MUST_USE ptm_rc ptmi_catalog_status(ptmi_catalog *catalog, const char *hub,
                                        struct ptmi_hub_status *out, struct ptm_err *err);

/* --- exports: whole files, rewritten only when what they hold changed; constant memory --- */
struct ptmi_export {
    const char *root; /* data root: files go below ROOT/HUB/ */
    const char *hub;
    const char *title, *url; /* ModelHubName, ModelHubURL */
    bool compat_v1;
    const char *const *arrays; /* NULL-terminated paths of raw arrays (ptmi_hub_array) */
    const bool *array_adds_id; /* one each */
};
/* json/HUB.json; nothing is written for a hub of which no model is known and no listing finished.
   MetadataObjectID is object_id, but in a raw array that adds ids the running number there, unless
   object_id is a text. *out_records and *out_changed may be NULL. */
PTM_MUST_USE ptm_rc ptmi_catalog_export_records(ptmi_catalog *catalog,
                                                const struct ptmi_export *what,
                                                int64_t *out_records, bool *out_changed,
                                                struct ptm_err *err);
/* The hub's own metadata: documents and raw arrays. */
PTM_MUST_USE ptm_rc ptmi_catalog_export_metadata(ptmi_catalog *catalog,
                                                 const struct ptmi_export *what, bool *out_changed,
                                                 struct ptm_err *err);
/* One model with all we know of it as a JSON object into out (ptm show --json): record fields,
   facts, provenance, repository, large files, failures, raw. name: model name (or key). PTM_ENOENT.
 */
struct ptmi_buf;
PTM_MUST_USE ptm_rc ptmi_catalog_show(ptmi_catalog *catalog, const char *hub, const char *name,
                                      bool with_raw, struct ptmi_buf *out, struct ptm_err *err);
