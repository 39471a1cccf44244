/* SPDX-License-Identifier: MIT */
/*
 * git.h - repositories: cloned and updated by the git program, run safely; read by
 * libgit2 in process.
 *
 * Cloned repositories are hostile. Our git runs without system, user and (for what matters)
 * repository configuration: no hooks, submodules, filters, fsmonitor, templates, prompts; http and
 * https only; objects checked on the way in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ptm/ctx.h>
#include <ptm/err.h>
#include <ptm/net.h>

#include "../base/url.h"

typedef struct ptmi_git ptmi_git; /* immutable after open: any thread */

struct ptmi_git_opts {
    const struct ptmi_rewrite *rewrites; /* borrowed while open; become url.<to>.insteadOf */
    const char *hf_token; /* reach git through a credential helper scoped to the origin and an */
    const char *github_token; /* environment variable: never arguments, never configuration files */
    const char *ca_bundle;
    bool offline;
    int stall_seconds;       /* 0: 120; git is silent while a server packs */
    int retries, backoff_ms; /* as in ptm_net_opts */
};
/* Looks for git >= 2.34: PTM_ENOENT or PTM_EUNSUPPORTED say what to install. */
PTM_MUST_USE ptm_rc ptmi_git_open(ptm_ctx *ctx, const struct ptmi_git_opts *opts, ptmi_git **out,
                                  struct ptm_err *err);
void ptmi_git_close(ptmi_git *git);

struct ptmi_git_state {
    char sha[41];     /* HEAD; "" for an empty repository */
    char branch[256]; /* checked-out branch, "" when detached */
    bool changed;     /* this call moved HEAD or made the clone */
    bool bad_objects; /* harmless historic defects were let through: recorded, not failed */
};

struct ptmi_git_clone {
    const char *url;     /* original URL */
    const char *dest;    /* work tree; its parent exists. Appears by rename when whole */
    const char *tmp_dir; /* on the same file system: ROOT/.ptm/tmp; leavings of killed runs there
                            are removed first */
    const char *ref;     /* branch or tag, NULL: default branch */
    bool shallow;        /* --history shallow */
    const char *hub;     /* for progress events */
    const char *label;   /* AUTHOR/REPO */
};
/*
 * Clones all branches and tags (not refs/pr). Configures the clone so that git sees large files
 * in place as unchanged and nothing is ever pruned (core.trustctime=false, core.checkStat=minimal,
 * filter.lfs.*, gc settings), with the original URL as origin. PTM_ENOTFOUND, PTM_EGATED,
 * PTM_EAUTH, PTM_ENET, PTM_ENOSPC, PTM_ECORRUPT, PTM_EGIT by what git said, its own words in the
 * message.
 */
PTM_MUST_USE ptm_rc ptmi_git_clone(ptmi_git *git, const struct ptmi_git_clone *what,
                                   struct ptmi_git_state *out, struct ptm_err *err);
/*
 * Fetches and fast-forwards the clone at what->dest. PTM_EDIRTY and PTM_EDIVERGED when a person
 * changed it: nothing is touched (the fetched objects and remote-tracking refs stay). Large files
 * that we put in place do not count as changes.
 */
PTM_MUST_USE ptm_rc ptmi_git_update(ptmi_git *git, const struct ptmi_git_clone *what,
                                    struct ptmi_git_state *out, struct ptm_err *err);
/* One line of what a server has. Borrowed for the call. */
struct ptmi_git_ref {
    const char *name;   /* "HEAD", "refs/heads/main", "refs/tags/v1" */
    const char *id;     /* 40 hex digits; of a tag, the commit it stands for. NULL with a target */
    const char *target; /* HEAD only: "refs/heads/main" */
};
typedef ptm_rc (*ptmi_git_ref_fn)(void *arg, const struct ptmi_git_ref *ref, struct ptm_err *err);
/*
 * HEAD, branches and tags of a server, told as they come; runs no git. After a failure on the way
 * it is asked again from the beginning, so that a ref may be told twice. Names are as the server
 * said them. PTM_ELIMIT and PTM_ETIMEOUT when the list does not end, PTM_ENOTCLONABLE when what
 * answers is no git server, and those of ptm_net_perform().
 */
PTM_MUST_USE ptm_rc ptmi_git_ls_refs(ptm_net *net, const char *url, ptmi_git_ref_fn fn, void *arg,
                                     struct ptm_err *err);
/* Commit of a branch or tag at the server (ref NULL: HEAD). PTM_ENOENT: it has none of that name.
 */
PTM_MUST_USE ptm_rc ptmi_git_remote_commit(ptm_net *net, const char *url, const char *ref,
                                           char out_sha[41], struct ptm_err *err);
/*
 * The commit that begins with prefix (lower-case hex), if a branch or tag of url reaches it:
 * fetches commits only, into a repository at dir (absolute), which is gone afterwards. PTM_ENOENT:
 * none; PTM_EINVAL: more than one.
 */
PTM_MUST_USE ptm_rc ptmi_git_find_commit(ptmi_git *git, const char *url, const char *prefix,
                                         const char *dir, char out[41], struct ptm_err *err);
/* HEAD of a clone without running git. PTM_ENOENT when dir is no repository. */
PTM_MUST_USE ptm_rc ptmi_git_head(const char *dir, struct ptmi_git_state *out, struct ptm_err *err);
/* Is a branch or tag (here or at a remote) at the commit sha? Runs no git either. */
PTM_MUST_USE ptm_rc ptmi_git_is_named(const char *dir, const char *sha, bool *out,
                                      struct ptm_err *err);
/* Last commit that touched each path (out_shas[i] is "" for a path never seen): one walk for all.
 */
PTM_MUST_USE ptm_rc ptmi_git_last_commits(ptmi_git *git, const char *dir, const char *const *paths,
                                          size_t n, char (*out_shas)[41], struct ptm_err *err);
/* git fsck --full and a clean status: PTM_OK, PTM_ECORRUPT, PTM_EDIRTY. */
PTM_MUST_USE ptm_rc ptmi_git_verify(ptmi_git *git, const char *dir, struct ptm_err *err);
/* Whether work tree and index are as committed (large files of ours aside): PTM_OK or PTM_EDIRTY.
 */
PTM_MUST_USE ptm_rc ptmi_git_is_clean(ptmi_git *git, const char *dir, struct ptm_err *err);
/* Bytes of dir/.git (packs and loose objects, not .git/lfs). */
PTM_MUST_USE ptm_rc ptmi_git_size(const char *dir, int64_t *out, struct ptm_err *err);

/* Of the libgit2 that is here, or "none". */
void ptmi_git2_version(char *out, size_t size);
