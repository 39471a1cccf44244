/* SPDX-License-Identifier: MIT */
/* torchhub_priv.h - what the files of this room share. Nothing here leaves the folder. */
#pragma once

#include <pthread.h>

#include <ptm/torchhub.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../git/git.h"

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
};
PTM_MUST_USE ptm_rc ptmi_torchhub_net(ptm_torchhub *hub, ptm_net **out, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_torchhub_git(ptm_torchhub *hub, ptmi_git **out, struct ptm_err *err);
/* HUB_DIR/.ptm/what, made with its parents; malloc'ed. what: "locks", "tmp". */
PTM_MUST_USE ptm_rc ptmi_torchhub_own_dir(ptm_torchhub *hub, const char *what, char **out,
                                          struct ptm_err *err);

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
/* Torch's names: "owner_name_ref" with "/" of the ref as "_", and "owner_name"; malloc'ed, NULL
 * when out of memory. */
char *ptmi_repo_spec_folder(const struct ptmi_repo_spec *spec, const char *ref);
char *ptmi_repo_spec_trust_name(const struct ptmi_repo_spec *spec);
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

/* --- cache_find.c: copies of a repository in the cache --- */

/*
 * The copy of spec in the cache: with a ref the folder of its name, without one the newest complete
 * one. PTM_ENOENT: none. PTM_EEXIST: the folder is there but belongs to another repository. Copies
 * that torch made have out->by_torch; out->ambiguous when the folder's name can be split into
 * another owner, name or ref.
 */
PTM_MUST_USE ptm_rc ptmi_cache_find(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                                    struct ptm_torchhub_repo *out, struct ptm_err *err);

/* --- trust.c --- */

/* The check before code of this repository may run, by opts->trust. PTM_EAUTH: refused. */
PTM_MUST_USE ptm_rc ptmi_trust_check(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                                     const struct ptm_torchhub_fetch_opts *opts,
                                     struct ptm_err *err);

/* --- refs.c: what a ref is, asked of the server --- */

struct ptmi_ref {
    char *name;      /* as cached under: "main", "v1.0", "0a1b2c3"; owned */
    char commit[41]; /* "" when not validated */
    enum { PTMI_REF_BRANCH = 1, PTMI_REF_TAG, PTMI_REF_COMMIT, PTMI_REF_UNKNOWN } kind;
};
/* spec->ref NULL: the default branch. PTM_ENOTFOUND with torch's words where it is none of the
 * repository's own. */
PTM_MUST_USE ptm_rc ptmi_ref_resolve(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                                     struct ptmi_ref *out, struct ptm_err *err);
void ptmi_ref_clear(struct ptmi_ref *ref);

/* --- fetch_archive.c: one archive, unpacked into a new folder --- */

/* dest is made: it must not exist; its parent is HUB_DIR/.ptm/tmp. Holds the repository's files
 * with LFS pointers resolved, and the two side files. repo: host, owner, name, ref; commit is
 * filled in where the archive tells it. */
PTM_MUST_USE ptm_rc ptmi_archive_fetch(ptm_torchhub *hub, const struct ptmi_ref *ref,
                                       struct ptm_torchhub_repo *repo, const char *dest,
                                       struct ptm_err *err);

/* --- where weights go, and what they are --- */

/* HUB_DIR/checkpoints; malloc'ed. */
char *ptmi_checkpoints_dir(ptm_torchhub *hub);
/* Last part of a URL's path, percent escapes kept, as torch names the file. PTM_EINVAL when it has
 * none or it may not become a path. malloc'ed. */
PTM_MUST_USE ptm_rc ptmi_weights_name(const char *url, char **out, struct ptm_err *err);
/* What a file that should be a checkpoint is instead: "an HTML page", "a Git LFS pointer", .. by
 * its first bytes; NULL: nothing that is known not to be one. Static. */
const char *ptmi_not_checkpoint(const void *head, size_t len);

PTM_DEFINE_CLEANUP(ptmi_hubconf_closep, ptm_hubconf *, ptm_hubconf_close)
