/* SPDX-License-Identifier: MIT */
/*
 * mirror.h - drives a harvest: plan -> list -> clone -> fetch large files -> describe -> export.
 * The job graph of every step is the same whether one step or all of them run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ptm/ctx.h>
#include <ptm/net.h>
#include <ptm/store.h>

#include "../catalog/catalog.h"
#include "../git/lfs.h"
#include "../hubs/hubs.h"

/* All that the command line, the environment and the configuration say; borrowed until close. */
struct ptmi_mirror_opts {
    const char *root;         /* data root */
    const char *catalog_path; /* --catalog, NULL: ROOT/.ptm/catalog.db */
    const char *command;      /* for the runs table: the verb and its arguments without secrets */
    int jobs;                 /* -j, 0: twice the cores, at least 4 */
    struct ptm_net_opts net;  /* rewrites, tokens, limits */
    bool shallow;             /* --history shallow */
    bool no_update;           /* --no-update */
    bool dry_run;
    bool yes;
    bool compat_v1; /* --compat v1 */
    bool no_siblings;
    bool scan;                /* --scan */
    int64_t keep_free;        /* --keep-free, bytes */
    struct ptmi_lfs_opts lfs; /* large, checkout, include, exclude, max_size */
    const char *top;          /* --top or HF_TORRENT_SHRINKAGE as checked by the CLI; NULL: 0.1 for
                                 selectable hubs */
    const char *sort;
    const char *filter;
    const char *pages_dir;
    const char *const *names; /* --ids */
    size_t n_names;
    const char *const *urls; /* --urls */
    size_t n_urls;
};

typedef struct ptmi_mirror ptmi_mirror; /* one thread at a time */

PTM_MUST_USE ptm_rc ptmi_mirror_open(ptm_ctx *ctx, const struct ptmi_mirror_opts *opts,
                                     ptmi_mirror **out, struct ptm_err *err);
void ptmi_mirror_close(ptmi_mirror *mirror,
                       int exit_status); /* NULL is a no-op; the status goes to the runs table */
ptmi_catalog *ptmi_mirror_catalog(ptmi_mirror *mirror); /* borrowed */

/* Steps, in order. Asking for one runs those it needs first (a clone needs a finished listing). */
enum {
    PTMI_STEP_SETUP = 1u << 0,
    PTMI_STEP_LIST = 1u << 1,
    PTMI_STEP_PARSE = 1u << 2,
    PTMI_STEP_CLONE = 1u << 3,
    PTMI_STEP_SCHEMA = 1u << 4,
    PTMI_STEP_ALL = 0x1f,
};

/* Files that --scan looked into, by verdict; those scanned before and unchanged are not counted. */
struct ptmi_scan_counts {
    int64_t files, checkpoints, suspicious, unreadable, dangerous;
};

/* What one hub's steps came to. */
struct ptmi_report {
    const char *hub; /* static */
    int64_t models;  /* in the listing */
    struct ptmi_selected selected;
    int64_t cloned, updated, unchanged, left_alone, failed; /* repositories */
    int64_t large_fetched, large_present, large_lost, large_failed;
    int64_t large_bytes_fetched;
    struct ptmi_scan_counts scanned;
    int64_t records;  /* in HUB.json */
    int64_t failures; /* rows added or renewed by this run */
    bool dry_run;
};
/*
 * PTM_OK also when single items failed (out->failures tells). Errors: PTM_ENOSPC (also when the
 * estimate does not fit), PTM_ECANCELED, and what makes going on senseless.
 */
PTM_MUST_USE ptm_rc ptmi_mirror_run(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                    unsigned steps, struct ptmi_report *out, struct ptm_err *err);
/* One model by name: HUB's ID at REV (NULL: default). Fetches its facts where the hub can, clones,
 * describes. */
PTM_MUST_USE ptm_rc ptmi_mirror_clone_one(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                          const char *id, const char *rev, struct ptmi_report *out,
                                          struct ptm_err *err);
/* Tries the hub's failures again: the retryable ones, or all. */
PTM_MUST_USE ptm_rc ptmi_mirror_retry(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, bool all,
                                      struct ptmi_report *out, struct ptm_err *err);
/* Is everything whole? fn hears of each thing that is not, and of progress through ctx. */
struct ptmi_verify_report {
    int64_t repos, repos_bad, objects, objects_bad, files, files_bad;
};
typedef void (*ptmi_verify_fn)(void *arg, const char *what, const struct ptm_err *why);
PTM_MUST_USE ptm_rc ptmi_mirror_verify(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                       ptmi_verify_fn fn, void *arg, struct ptmi_verify_report *out,
                                       struct ptm_err *err);
/* `ptm split`: the chosen repositories' URLs, best first, in at most that many files
 * split_urls/split_url_<N>.txt beside the root, none empty. */
PTM_MUST_USE ptm_rc ptmi_mirror_split(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                      int files, int *out_files, int64_t *out_urls,
                                      struct ptm_err *err);
/* Makes the folders of a hub: all of them, even those that stay empty. */
PTM_MUST_USE ptm_rc ptmi_mirror_setup(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                      struct ptm_err *err);
