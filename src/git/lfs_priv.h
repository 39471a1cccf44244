/* SPDX-License-Identifier: MIT */
/* lfs_priv.h - what the LFS files of this room share. Nothing here leaves the folder. */
#pragma once

#include "../base/arena.h"
#include "git_priv.h"
#include "lfs.h"

/* --- lfs_scan.c: which files are large --- */

/* A path of HEAD (or of any commit) whose blob is a pointer. */
struct ptmi_lfs_file {
    const char *path; /* in the list's arena */
    struct ptmi_lfs_pointer pointer;
    bool in_head;
    bool executable;
    bool wanted; /* by patterns and size; set by ptmi_lfs_select() */
};
struct ptmi_lfs_files {
    struct ptmi_arena arena;
    struct ptmi_lfs_file *items; /* in the arena */
    size_t n, cap;
};
/* Paths of a repository with as many pointers as fit: 100,000 files is the largest hub's own limit,
 * histories have more. */
#define PTMI_LFS_FILES_INIT                  \
    {                                        \
        .arena = PTMI_ARENA((size_t)1 << 30) \
    }
void ptmi_lfs_files_clear(struct ptmi_lfs_files *files);
PTM_MUST_USE ptm_rc ptmi_lfs_scan_head(const char *dir, struct ptmi_lfs_files *out,
                                       struct ptm_err *err);
/* Pointers of all commits of all branches and tags that are not in the list yet. */
PTM_MUST_USE ptm_rc ptmi_lfs_scan_history(ptmi_git *git, const char *dir,
                                          struct ptmi_lfs_files *out, struct ptm_err *err);
/* Is that blob a pointer? */
bool ptmi_lfs_read_pointer(git_repository *repo, const git_oid *blob, struct ptmi_lfs_pointer *out);

/* --- lfs_patterns.c --- */

struct ptmi_lfs_patterns {
    struct ptmi_arena arena;
    struct ptmi_arena_list include, exclude;
};
#define PTMI_LFS_PATTERNS_INIT               \
    {                                        \
        .arena = PTMI_ARENA((size_t)1 << 20) \
    }
/* Text of a .lfsconfig: lfs.fetchinclude and lfs.fetchexclude and nothing else. Never fails: what
 * cannot be read is passed over. */
void ptmi_lfs_patterns_parse(const char *text, size_t len, struct ptmi_lfs_patterns *out);
void ptmi_lfs_patterns_clear(struct ptmi_lfs_patterns *patterns);
bool ptmi_lfs_patterns_want(const char *const *include, size_t n_include,
                            const char *const *exclude, size_t n_exclude, const char *path);
/* Marks the files that opts (and .lfsconfig of HEAD) want. */
PTM_MUST_USE ptm_rc ptmi_lfs_select(const char *dir, const struct ptmi_lfs_opts *opts,
                                    struct ptmi_lfs_files *files, struct ptm_err *err);

/* --- lfs_batch.c --- */

/* Where an object can be had, or why it cannot. Owned strings. */
struct ptmi_lfs_answer {
    ptm_rc rc; /* PTM_OK, PTM_ENOTFOUND (404, 410), or another failure; details in err */
    struct ptm_err err;
    char *href; /* original form */
    char **headers;
    size_t n_headers;
    int64_t expires_at; /* Unix seconds, 0: not said */
    int64_t lifetime;   /* seconds from the answer to expires_at */
};
void ptmi_lfs_answer_clear(struct ptmi_lfs_answer *answer);

struct ptmi_lfs_server {
    ptm_net *net;
    const struct ptmi_rewrite *rewrites;
    char *batch_url; /* original form */
};
PTM_MUST_USE ptm_rc ptmi_lfs_server_init(ptmi_git *git, ptm_net *net, const char *url,
                                         struct ptmi_lfs_server *out, struct ptm_err *err);
void ptmi_lfs_server_clear(struct ptmi_lfs_server *server);
/* At most PTMI_LFS_BATCH objects. Fails only when the whole request did; answers (zeroed by the
 * caller) are filled for all n. */
#define PTMI_LFS_BATCH 100
PTM_MUST_USE ptm_rc ptmi_lfs_batch(const struct ptmi_lfs_server *server,
                                   const struct ptmi_lfs_pointer *const *asked, size_t n,
                                   struct ptmi_lfs_answer *answers, struct ptm_err *err);
/* The parser alone, for tests and fuzzing. */
PTM_MUST_USE ptm_rc ptmi_lfs_batch_parse(const struct ptmi_lfs_server *server, const char *json,
                                         size_t len, const struct ptmi_lfs_pointer *const *asked,
                                         size_t n, struct ptmi_lfs_answer *answers,
                                         struct ptm_err *err);
/* Is it too late to start with this answer? */
bool ptmi_lfs_answer_is_stale(const struct ptmi_lfs_answer *answer);

/* --- lfs_fetch.c --- */

/* One object, however many paths it has. */
struct ptmi_lfs_object {
    struct ptmi_lfs_pointer pointer;
    const char *path; /* the first it was found at */
    const char *part; /* a job without store: where it is fetched to, resumed; else NULL */
    bool wanted;
    bool have;  /* in the store */
    bool fresh; /* since this call: whatever stood for it before was not whole */
};
struct ptmi_lfs_job {
    ptmi_git *git;
    ptm_net *net;
    ptm_store *store; /* NULL: into the objects' parts */
    const char *url;  /* the repository's */
    const char *dir;
    const struct ptmi_lfs_opts *opts;
    struct ptmi_lfs_report *report;
};
/* Brings the wanted objects that are not there into the store. Sets have. Each oid stands once. */
PTM_MUST_USE ptm_rc ptmi_lfs_fetch(const struct ptmi_lfs_job *job, struct ptmi_lfs_object *objects,
                                   size_t n, struct ptm_err *err);

/* --- lfs_checkout.c --- */

/* objects: sorted by oid. Links every object that is in the store to .git/lfs/objects, and the
 * wanted files of HEAD into the work tree; refreshes the index. */
PTM_MUST_USE ptm_rc ptmi_lfs_place(const struct ptmi_lfs_job *job,
                                   const struct ptmi_lfs_files *files,
                                   const struct ptmi_lfs_object *objects, size_t n,
                                   struct ptm_err *err);
/* Is the file at dir/path (no symbolic link on the way) the very file of .git/lfs/objects? Says
 * nothing of its bytes. */
bool ptmi_lfs_is_link(const char *dir, const char *path, const char *oid);
/* Has it the size and the SHA-256 that pointer names? */
bool ptmi_lfs_is_content(const char *dir, const char *path, const struct ptmi_lfs_pointer *pointer);
/* Writes the stat data of dir/path into its entry of index, in memory; false when it cannot. */
bool ptmi_lfs_restat(const char *dir, git_index *index, const char *path);
/* dir/.git/lfs/objects/aa/bb/oid; malloc'ed. */
char *ptmi_lfs_local_path(const char *dir, const char *oid);
