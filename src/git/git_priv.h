/* SPDX-License-Identifier: MIT */
/*
 * git_priv.h - what the files of this room share about running git and reading repositories.
 * Nothing here leaves the folder.
 */
#pragma once

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/proc.h"
#include "git.h"
#include "git2_lazy.h"

/* Immutable after open. */
struct ptmi_git {
    ptm_ctx *ctx;
    const struct ptmi_rewrite *rewrites; /* borrowed, may be NULL */
    char **env;                          /* NULL-terminated, owned: all of git's settings */
    size_t n_env;
    int version; /* 20305 is 2.3.5 */
    int stall_seconds;
    int retries, backoff_ms;
    bool offline;
};

PTM_DEFINE_CLEANUP(ptmi_git2_repo_freep, git_repository *, git_repository_free)
PTM_DEFINE_CLEANUP(ptmi_git2_odb_freep, git_odb *, git_odb_free)
PTM_DEFINE_CLEANUP(ptmi_git2_obj_freep, git_odb_object *, git_odb_object_free)
PTM_DEFINE_CLEANUP(ptmi_git2_ref_freep, git_reference *, git_reference_free)
PTM_DEFINE_CLEANUP(ptmi_git2_object_freep, git_object *, git_object_free)
PTM_DEFINE_CLEANUP(ptmi_git2_commit_freep, git_commit *, git_commit_free)
PTM_DEFINE_CLEANUP(ptmi_git2_tree_freep, git_tree *, git_tree_free)
PTM_DEFINE_CLEANUP(ptmi_git2_entry_freep, git_tree_entry *, git_tree_entry_free)
PTM_DEFINE_CLEANUP(ptmi_git2_index_freep, git_index *, git_index_free)

/* --- git_run.c --- */

struct ptmi_git_cmd {
    const char *const *args; /* NULL-terminated, without "git" */
    const char *dir;         /* work tree of the repository it is about; NULL: none */
    const char *what;        /* for errors: "cloning" */
    const char *url;         /* it talks to this server; NULL: it needs no network */
    bool any_exit;           /* a non-zero exit status is a result */
    bool writes; /* a cancel of level 1 lets it finish: it is short and changes the work tree */
    ptm_rc (*on_stdout)(void *arg, const char *data, size_t len, struct ptm_err *err);
    void (*on_line)(void *arg, const char *line);
    void *arg;
};
/*
 * Runs git safely. A non-zero exit is classified by ptmi_git_reason(). *out is valid in every case,
 * to be cleared by ptmi_proc_result_clear(). Tries that failed for reasons that pass are repeated
 * by the caller (ptmi_git_wait_retry).
 */
PTM_MUST_USE ptm_rc ptmi_git_run(ptmi_git *git, const struct ptmi_git_cmd *cmd,
                                 struct ptmi_proc_result *out, struct ptm_err *err);
/* The same when nothing of the output is wanted. */
PTM_MUST_USE ptm_rc ptmi_git_do(ptmi_git *git, const struct ptmi_git_cmd *cmd, struct ptm_err *err);
/* After try number attempt (1, 2, ..) failed: waits, or is false when there should be no other: not
 * retryable, too many, or cancelled. */
bool ptmi_git_wait_retry(ptmi_git *git, int attempt, const struct ptm_err *err);
/* Messages of fsck that are let through as warnings. NULL-terminated pairs are made of it by
 * git_run.c. */
bool ptmi_git_is_historic_defect(const char *line);

/* --- git_reason.c --- */

/* What git's standard error means. url may be NULL; with_token: credentials for it were at hand.
 * Fills err, returns its rc. */
PTM_MUST_USE ptm_rc ptmi_git_reason(const char *text, int exit_status, const char *what,
                                    const char *url, bool with_token, struct ptm_err *err);

/* --- git_repo.c --- */

/* Turns libgit2's last error of this thread into ours. */
PTM_MUST_USE ptm_rc ptmi_git2_err(int code, struct ptm_err *err, const char *what);
/* libgit2, once a process: no system or user configuration. Never ended: its threads may still run.
 */
PTM_MUST_USE ptm_rc ptmi_git2_init(struct ptm_err *err);
/* Opens dir itself, never a parent of it. PTM_ENOENT when it is no repository. */
PTM_MUST_USE ptm_rc ptmi_git2_open(const char *dir, git_repository **out, struct ptm_err *err);
/* Commit a ref name or hex id points to; "" when there is none. */
void ptmi_git2_resolve(git_repository *repo, const char *name, char out[41]);
/* Is there a real .git folder in dir? */
bool ptmi_git_is_repo(const char *dir);

/* --- git_status.c --- */

/*
 * PTM_OK when work tree and index are as committed, large files in place of their pointers aside;
 * else PTM_EDIRTY, naming a path. mend: index entries of large files whose stat data no longer fits
 * (a copied mirror) are written anew, so that git sees them as we do, and damaged large files pass.
 * The caller holds the visit then.
 */
PTM_MUST_USE ptm_rc ptmi_git_status(ptmi_git *git, const char *dir, bool mend, struct ptm_err *err);

/* --- git_visit.c --- */

/*
 * One writer in a clone: holds .git/ptm.lock, and keeps a journal of what it is about to do to the
 * work tree, so that the next visitor can finish what a killed one began and remove the lock files
 * its git left.
 */
typedef struct ptmi_git_visit ptmi_git_visit;
PTM_MUST_USE ptm_rc ptmi_git_visit_open(ptmi_git *git, const char *dir, ptmi_git_visit **out,
                                        struct ptm_err *err);
/* The work tree is about to be moved from one commit to another (both 40 hex). */
PTM_MUST_USE ptm_rc ptmi_git_visit_moving(ptmi_git_visit *visit, const char *from, const char *to,
                                          struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_git_visit_moved(ptmi_git_visit *visit, struct ptm_err *err);
/* Remembers how the work ended, and returns rc: after one that was killed, the journal stays for
 * the next visitor. */
PTM_MUST_USE ptm_rc ptmi_git_visit_settle(ptmi_git_visit *visit, ptm_rc rc);
void ptmi_git_visit_close(ptmi_git_visit *visit); /* NULL is a no-op */
PTM_DEFINE_CLEANUP(ptmi_git_visit_closep, ptmi_git_visit *, ptmi_git_visit_close)

/* --- git_refs.c --- */

/* What ptmi_git_ls_refs() makes of a server's answers, one after the other, when they come in
 * pieces of chunk bytes: for tests. */
PTM_MUST_USE ptm_rc ptmi_git_refs_parse(const char *text, size_t len, size_t chunk,
                                        ptmi_git_ref_fn fn, void *arg, struct ptm_err *err);

/* --- git_clone.c --- */

/* Progress of one clone or fetch, read from git's standard error. */
struct ptmi_git_progress {
    ptm_ctx *ctx;
    uint64_t task;
    bool bad_objects; /* a historic defect was let through */
};
void ptmi_git_progress_line(void *arg, const char *line);
/* http and https only, so that a URL can be neither an option nor a path. */
PTM_MUST_USE ptm_rc ptmi_git_check_url(ptmi_git *git, const char *url, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_git_check_ref(const char *ref, struct ptm_err *err);
