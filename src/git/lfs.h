/* SPDX-License-Identifier: MIT */
/*
 * lfs.h - Git LFS: pointers found by content, batch API, objects into the store, out to the work
 * tree. Specification: git-lfs docs/spec.md and docs/api/batch.md.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ptm/net.h>
#include <ptm/store.h>

#include "git.h"

struct ptmi_lfs_pointer {
    char oid[65];
    int64_t size;
};
/* Is this the text of a pointer (v1 or the old hawser URL, ext-* lines allowed, LF)? Never fails:
 * false is a plain file. */
bool ptmi_lfs_pointer_parse(const char *text, size_t len, struct ptmi_lfs_pointer *out);

/* --large */
typedef enum ptmi_large {
    PTMI_LARGE_AUTO = 0, /* of HEAD, honouring fetchinclude and fetchexclude of .lfsconfig */
    PTMI_LARGE_HEAD,     /* of HEAD */
    PTMI_LARGE_ALL,      /* of every commit of every branch and tag */
    PTMI_LARGE_NONE,
} ptmi_large;

/* --checkout */
typedef enum ptmi_checkout {
    PTMI_CHECKOUT_LINK = 0,
    PTMI_CHECKOUT_COPY,
    PTMI_CHECKOUT_NONE
} ptmi_checkout;

/* How one object ended. path is the first path it was found at. */
typedef enum ptmi_lfs_outcome {
    PTMI_LFS_PRESENT = 1, /* was in the store already */
    PTMI_LFS_FETCHED,
    PTMI_LFS_ELSEWHERE, /* fetched from another source (the hub's sources op) and proven by its hash
                         */
    PTMI_LFS_LOST,      /* upstream does not have it any more: recorded, not failed */
    PTMI_LFS_FAILED,
    PTMI_LFS_SKIPPED, /* not wanted: patterns or --max-size */
} ptmi_lfs_outcome;

struct ptmi_lfs_opts {
    ptmi_large large;
    ptmi_checkout checkout;
    const char *const *include; /* user's --include globs on paths in the repository; none: all */
    size_t n_include;
    const char *const *exclude;
    size_t n_exclude;
    int64_t max_size;  /* of one file, 0: no limit */
    int jobs;          /* transfers at once for this repository, 0: 8 */
    const char *hub;   /* for progress events */
    const char *label; /* the same: AUTHOR/NAME, or NULL */
    /*
     * Another place for an object that upstream lost: fills *out_url (malloc'ed) for the attempt-th
     * (0, 1, ..) source of path, or leaves it NULL when there is none. May be NULL. Called from
     * several threads.
     */
    ptm_rc (*source)(void *arg, const char *path, const char *oid, int attempt, char **out_url,
                     struct ptm_err *err);
    /* Told of every object once, from several threads; why is NULL unless LOST or FAILED.
     * source_url: where the bytes came from, or NULL. */
    void (*on_object)(void *arg, const char *path, const struct ptmi_lfs_pointer *pointer,
                      ptmi_lfs_outcome outcome, const char *source_url, const struct ptm_err *why);
    void *arg;
};

struct ptmi_lfs_report {
    int64_t wanted, present, fetched, lost, failed, skipped; /* objects */
    int64_t bytes_wanted, bytes_fetched;
};

/*
 * Everything for one clone: scan, batch, fetch into the store, link to .git/lfs/objects and the
 * work tree, refresh the index so that `git status` is clean. Objects that fail do not fail the
 * call (see on_object, report); PTM_ENOSPC, PTM_ECANCELED and the like do. url: the repository's
 * original URL; the LFS endpoint is URL.git/info/lfs, never what .lfsconfig says. Files that a
 * person changed are left alone.
 */
PTM_MUST_USE ptm_rc ptmi_lfs_mirror(ptmi_git *git, ptm_net *net, ptm_store *store, const char *url,
                                    const char *dir, const struct ptmi_lfs_opts *opts,
                                    struct ptmi_lfs_report *out, struct ptm_err *err);

/* One object that is wanted as a file, without a store. */
struct ptmi_lfs_want {
    struct ptmi_lfs_pointer pointer;
    const char *path; /* in the repository, for messages and progress */
    const char *part; /* where it is fetched to: resumed where something is there, whole afterwards.
                         The caller keeps others away. */
};
/*
 * Fetches them from the repository at url; no oid may stand there twice. All or an error that names
 * the first that could not be had: PTM_ENOTFOUND when upstream lost it. label: AUTHOR/NAME, for
 * progress events.
 */
PTM_MUST_USE ptm_rc ptmi_lfs_fetch_parts(ptmi_git *git, ptm_net *net, const char *url,
                                         const char *label, const struct ptmi_lfs_want *wants,
                                         size_t n, struct ptm_err *err);

/* Only counts what ptmi_lfs_mirror would want; no network. For estimates and --dry-run. */
PTM_MUST_USE ptm_rc ptmi_lfs_count(ptmi_git *git, ptm_store *store, const char *dir,
                                   const struct ptmi_lfs_opts *opts, struct ptmi_lfs_report *out,
                                   struct ptm_err *err);

/* The filter for `git` where git-lfs is not installed: op "clean" or "smudge" from fd_in to fd_out
 * (ptm's hidden verb). */
PTM_MUST_USE ptm_rc ptmi_lfs_filter(const char *op, const char *repo_dir, int fd_in, int fd_out,
                                    struct ptm_err *err);
