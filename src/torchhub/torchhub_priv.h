/* SPDX-License-Identifier: MIT */
/* torchhub_priv.h - what the files of this room share. Nothing here leaves the folder. */
#pragma once

#include <pthread.h>
#include <time.h>

#include <ptm/torchhub.h>

#include "../base/arena.h"
#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/limits.h"
#include "../git/git.h"
#include "weights_name.h"

#define PTMI_HUBCONF "hubconf.py" /* makes a folder a repository of torch.hub */

/* --- torchhub.c: the handle --- */

struct ptm_torchhub {
    ptm_ctx *ctx;
    char *set_dir;                /* as given to set_dir, NULL: by the environment */
    char *dir;                    /* what get_dir lent last */
    char *host;                   /* "github.com" */
    struct ptm_net_opts net_opts; /* deep copy, secrets wiped at close */
    pthread_mutex_t lock;         /* of the members below */
    ptm_net *net;                 /* opened at the first use */
    ptmi_git *git;                /* the same */
    struct ptmi_rewrite rewrites; /* borrowed by git */
    int64_t keep_free; /* > 0: what downloads leave free on the disk; set before the first one */
};
PTM_MUST_USE ptm_rc ptmi_torchhub_net(ptm_torchhub *hub, ptm_net **out, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_torchhub_git(ptm_torchhub *hub, ptmi_git **out, struct ptm_err *err);
/* HUB_DIR/.ptm/what, made with its parents; malloc'ed. what: "locks", "tmp". */
PTM_MUST_USE ptm_rc ptmi_torchhub_own_dir(ptm_torchhub *hub, const char *what, char **out,
                                          struct ptm_err *err);

/* As Python's os.path.expanduser(), "~user/.." and an empty HOME included: torch takes folders so,
 * and ours have to be the same. malloc'ed, NULL when out of memory. */
char *ptmi_expand_home(const char *path);

/* --- repo_spec.c: "owner/name[:ref]" --- */

struct ptmi_repo_spec {
    char *owner, *name;
    char *ref; /* NULL: not given */
};
/* PTM_EINVAL says what is wrong. Owner, name and ref are checked to be what GitHub and git allow,
 * so that they may stand in URLs and paths. */
PTM_MUST_USE ptm_rc ptmi_repo_spec_parse(const char *text, struct ptmi_repo_spec *out,
                                         struct ptm_err *err);
void ptmi_repo_spec_clear(struct ptmi_repo_spec *spec);
/* Is ref what git allows, and may "owner_name_ref" name a folder? PTM_EINVAL. For refs that the
 * server told. */
PTM_MUST_USE ptm_rc ptmi_repo_ref_check(const struct ptmi_repo_spec *spec, const char *ref,
                                        struct ptm_err *err);
/* Torch's names: "owner_name_ref" with "/" of the ref as "_", and "owner_name"; malloc'ed, NULL
 * when out of memory. */
char *ptmi_repo_spec_folder(const struct ptmi_repo_spec *spec, const char *ref);
char *ptmi_repo_spec_trust_name(const struct ptmi_repo_spec *spec);
/* Is text a folder rather than "owner/name": by local, or because it begins as no owner does? */
bool ptmi_repo_is_folder(const char *text, bool local);
/* "https://github.com/owner/name"; malloc'ed. */
char *ptmi_repo_spec_url(const struct ptmi_repo_spec *spec);

/* --- cache_side.c: .ptm-hub.json in a cached folder, and .ptm-hub.sha256 beside it --- */

#define PTMI_SIDE_FILE ".ptm-hub.json"
/* Lines of sha256sum for every regular file, so that `sha256sum -c` can check them, too. */
#define PTMI_SIDE_SUMS ".ptm-hub.sha256"

/* Fills host, owner, name, ref, commit, fetched of *out. PTM_ENOENT: none there; PTM_EFORMAT. */
PTM_MUST_USE ptm_rc ptmi_side_read(const char *dir, struct ptm_torchhub_repo *out,
                                   struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_side_write(const char *dir, const struct ptm_torchhub_repo *repo,
                                    struct ptm_err *err);
/* The text of a side file; what names it in errors. */
PTM_MUST_USE ptm_rc ptmi_side_parse(const char *data, size_t len, const char *what,
                                    struct ptm_torchhub_repo *out, struct ptm_err *err);

/* --- cache_find.c: copies of a repository in the cache --- */

/*
 * The copy of spec in the cache: with a ref the folder of its name, without one the newest complete
 * one. PTM_ENOENT: none. PTM_EEXIST: the folder is there but belongs to another repository. Copies
 * that torch made have out->by_torch; out->ambiguous when the folder's name can be split into
 * another owner, name or ref.
 */
PTM_MUST_USE ptm_rc ptmi_cache_find(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                                    struct ptm_torchhub_repo *out, struct ptm_err *err);

/* What lies in one folder of the cache. */
struct ptmi_cached_copy {
    struct ptm_torchhub_repo repo; /* by_torch: only dir is known */
    int64_t modified;              /* when it was fetched; of torch's the folder's time */
    struct timespec folder_time;   /* which of two that were fetched in one second is newer */
};
static inline void ptmi_cached_copy_clear(struct ptmi_cached_copy *copy)
{
    ptm_torchhub_repo_clear(&copy->repo);
}
/* PTM_ENOENT: no complete copy (torch's are complete when they have a hubconf.py). PTM_EFORMAT: its
 * side file is damaged. */
PTM_MUST_USE ptm_rc ptmi_cache_look(const char *dir, struct ptmi_cached_copy *out,
                                    struct ptm_err *err);
/* Is repo, which has a side file, a copy of spec's repository on the hub's host? Of any ref. */
bool ptmi_cache_is_of(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                      const struct ptm_torchhub_repo *repo);
/* HUB_DIR/folder; malloc'ed. */
char *ptmi_cache_path(ptm_torchhub *hub, const char *folder);
/* Can "owner_name_ref" (ref NULL: "owner_name") be split in another way? And one of them, for
 * messages; malloc'ed. */
bool ptmi_spec_is_ambiguous(const struct ptmi_repo_spec *spec, const char *ref);
char *ptmi_spec_other_reading(const struct ptmi_repo_spec *spec, const char *ref);

/* --- trust.c --- */

/* The check before code of this repository may run, by opts->trust. PTM_EAUTH: refused. */
PTM_MUST_USE ptm_rc ptmi_trust_check(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                                     const struct ptm_torchhub_fetch_opts *opts,
                                     struct ptm_err *err);

/* --- refs.c: what a ref is, asked of the server --- */

struct ptmi_ref {
    char *name;      /* as cached under: "main", "v1.0", "0a1b2c3"; owned */
    char commit[41]; /* "" when not validated */
    bool tag_too;    /* a branch as well as a tag */
    enum { PTMI_REF_BRANCH = 1, PTMI_REF_TAG, PTMI_REF_COMMIT, PTMI_REF_UNKNOWN } kind;
};
/* Fills host, owner, name, ref, commit, tag_too of *out, to be cleared in every case. */
PTM_MUST_USE ptm_rc ptmi_ref_describe(const ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                                      const struct ptmi_ref *ref, struct ptm_torchhub_repo *out,
                                      struct ptm_err *err);
/* spec->ref NULL: the default branch. PTM_ENOTFOUND with torch's words where it is none of the
 * repository's own. */
PTM_MUST_USE ptm_rc ptmi_ref_resolve(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                                     struct ptmi_ref *out, struct ptm_err *err);
void ptmi_ref_clear(struct ptmi_ref *ref);

/* What a server said, as far as it matters for one ref: fed by ptmi_refs_see(). */
struct ptmi_refs_seen {
    const char *ref; /* asked for, borrowed; NULL: the default branch */
    char prefix[41]; /* ref as lower-case hex digits, when it may be a commit; else "" */
    char *head;      /* the server's default branch, owned; NULL: it did not say */
    char head_id[41], main_id[41], master_id[41];
    char branch_id[41], tag_id[41]; /* of that name */
    char commit[41];                /* end of a branch or tag that begins with prefix */
    bool many_commits;              /* there are others, too */
};
void ptmi_refs_seen_init(struct ptmi_refs_seen *seen, const char *ref);
void ptmi_refs_seen_clear(struct ptmi_refs_seen *seen);
ptm_rc ptmi_refs_see(void *seen, const struct ptmi_git_ref *ref, struct ptm_err *err);
/* What to take of it: PTM_OK, PTM_ENOTFOUND (pick: it may still be an older commit), PTM_ENOMEM. */
PTM_MUST_USE ptm_rc ptmi_refs_default(const struct ptmi_refs_seen *seen, struct ptmi_ref *out);
PTM_MUST_USE ptm_rc ptmi_refs_pick(const struct ptmi_refs_seen *seen, struct ptmi_ref *out);

/* --- hub_publish.c: folders of the cache appear and vanish whole --- */

PTM_DEFINE_CLEANUP(ptmi_lock_removep, ptmi_lock *, ptmi_lock_remove)
/* The lock of HUB_DIR/folder: who holds it may replace or remove that folder. Ended by
 * ptmi_lock_remove(), so that .ptm/locks stays small. */
PTM_MUST_USE ptm_rc ptmi_hub_lock(ptm_torchhub *hub, const char *folder, ptmi_lock **out,
                                  struct ptm_err *err);
/* A free name below HUB_DIR/.ptm/tmp for work on folder: absolute, malloc'ed; nothing is there. */
PTM_MUST_USE ptm_rc ptmi_hub_tmp_name(ptm_torchhub *hub, const char *folder, char **out,
                                      struct ptm_err *err);
/* Is name (in HUB_DIR/.ptm/tmp) of ptmi_hub_tmp_name() for this folder (NULL: any)? Length of the
 * folder's name in it, or 0. */
size_t ptmi_hub_tmp_folder(const char *name, const char *folder);
/* Removes what killed runs left of their work on folder. The caller holds its lock. */
void ptmi_hub_sweep(ptm_torchhub *hub, const char *folder);
/* dir, finished, becomes HUB_DIR/folder at once, in place of what is there. The caller holds the
 * lock. */
PTM_MUST_USE ptm_rc ptmi_hub_publish(ptm_torchhub *hub, const char *dir, const char *folder,
                                     struct ptm_err *err);
/* HUB_DIR/folder vanishes at once, then its files go. The caller holds the lock. */
PTM_MUST_USE ptm_rc ptmi_hub_remove(ptm_torchhub *hub, const char *folder, struct ptm_err *err);

/* --- fetch_archive.c: one archive, unpacked into a new folder --- */

/* dest is made: it must not exist; its parent is HUB_DIR/.ptm/tmp. Holds the repository's files
 * with LFS pointers resolved, and the two side files. repo: host, owner, name, ref; commit is
 * filled in where the archive tells it. What was fetched of an archive or of large files stays as
 * HUB_DIR/.ptm/tmp/FOLDER.zip and FOLDER.lfs where it was interrupted, for the next call: the
 * caller holds the folder's lock. */
PTM_MUST_USE ptm_rc ptmi_archive_fetch(ptm_torchhub *hub, const struct ptmi_ref *ref,
                                       struct ptm_torchhub_repo *repo, const char *dest,
                                       struct ptm_err *err);

/* --- archive_files.c: the files of an unpacked archive --- */

struct ptmi_archive_file {
    const char *path; /* in the arena */
    char sha256[65];  /* of the large file, where it is a pointer */
    int64_t large;    /* size of the large file that a pointer stands for; -1: it is none */
};
struct ptmi_archive_files {
    struct ptmi_arena arena;
    struct ptmi_archive_file *items; /* owned */
    size_t n, cap;
    size_t n_large;
};
/* As many paths as an archive's directory may hold. */
#define PTMI_ARCHIVE_FILES_INIT                                      \
    {                                                                \
        .arena = PTMI_ARENA(2 * (size_t)PTM_LIMIT_EXTRACT_DIRECTORY) \
    }
void ptmi_archive_files_clear(struct ptmi_archive_files *files);
/* A file that was written to dest/path: small ones are looked at, whether they are LFS pointers. */
PTM_MUST_USE ptm_rc ptmi_archive_files_add(struct ptmi_archive_files *files, const char *dest,
                                           const struct ptmi_archive_file *file, int64_t size,
                                           struct ptm_err *err);
/* Writes dest/.ptm-hub.sha256, in the order of the paths. */
PTM_MUST_USE ptm_rc ptmi_archive_files_sums(struct ptmi_archive_files *files, const char *dest,
                                            struct ptm_err *err);

/* --- resolve_lfs.c --- */

/* Puts the large files in the place of their pointers. work: a folder that may be made for what
 * comes, kept when it is interrupted. PTM_ENOTFOUND names a file that upstream lost. */
PTM_MUST_USE ptm_rc ptmi_archive_resolve_lfs(ptm_torchhub *hub,
                                             const struct ptm_torchhub_repo *repo,
                                             const struct ptmi_archive_files *files,
                                             const char *dest, const char *work,
                                             struct ptm_err *err);

/* --- weights_origin.c --- */

/* Notes where a checkpoint without a hash in its name came from. */
PTM_MUST_USE ptm_rc ptmi_weights_origin_note(ptm_torchhub *hub, const char *name, const char *url,
                                             struct ptm_err *err);
/* false also where nothing was noted: torch fetched it. */
bool ptmi_weights_origin_is(ptm_torchhub *hub, const char *name, const char *url);

/* --- where weights go, and what they are --- */

/* HUB_DIR/checkpoints; malloc'ed. */
char *ptmi_checkpoints_dir(ptm_torchhub *hub);
/* Removes what ptm_net_fetch() left at part_path, and its notes beside it. */
void ptmi_drop_part(const char *part_path);
/* Bytes of the name that a file of an unfinished download (the part, its notes, the lock) stands
 * beside; 0: it is none. */
size_t ptmi_download_stem(const char *path);
/* What a file that should be a checkpoint is instead: "an HTML page", "a Git LFS pointer", .. by
 * its first bytes; NULL: nothing that is known not to be one. Static. */
const char *ptmi_not_checkpoint(const void *head, size_t len);
/* Does a file's name say that it holds weights? */
bool ptmi_promises_checkpoint(const char *name);
/* PTM_EFORMAT for what ptmi_not_checkpoint() names, with the page's title and the way out. shown:
 * where it is from; there: it did not just come, but was there already. */
PTM_MUST_USE ptm_rc ptmi_no_page(const char *shown, bool there, const char *head, size_t len,
                                 struct ptm_err *err);

/* --- hubconf.c --- */

/* As ptm_hubconf_open(); without URLS it does not look which weights the entries reach: listing is
 * faster so. */
#define PTMI_HUBCONF_URLS 1u
PTM_MUST_USE ptm_rc ptmi_hubconf_open(const char *dir, unsigned flags, ptm_hubconf **out,
                                      struct ptm_err *err);
PTM_DEFINE_CLEANUP(ptmi_hubconf_closep, ptm_hubconf *, ptm_hubconf_close)
