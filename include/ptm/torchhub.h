/* SPDX-License-Identifier: MIT */
/*
 * torchhub.h - torch.hub without torch: the hub cache, GitHub archives, trust, what a hubconf.py
 * offers, downloads of weights.
 *
 * The seven functions of torch.hub stand here under their names: list, help, load,
 * download_url_to_file, load_state_dict_from_url, get_dir, set_dir. Only load and run_list ever run
 * a repository's code, in Python and in a sandbox; everything else parses.
 *
 * The cache is shared with torch (docs/torch-hub.md): folders HUB_DIR/OWNER_NAME_REF, checkpoints
 * in HUB_DIR/checkpoints, trust in HUB_DIR/trusted_list. What is ours beside them: the file
 * .ptm-hub.json in each folder we made, which holds the true owner, name, ref and commit that
 * torch's joined names lose, and HUB_DIR/.ptm for locks and unfinished work.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/ctx.h>
#include <ptm/err.h>
#include <ptm/net.h>
#include <ptm/weights.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Locked inside: any thread may use it, but set_dir must not run beside other calls. Across threads
 * and processes the hub folder is guarded by lock files in HUB_DIR/.ptm/locks. */
typedef struct ptm_torchhub ptm_torchhub;

struct ptm_torchhub_opts {
    size_t size;     /* PTM_TORCHHUB_OPTS_INIT */
    const char *dir; /* as set_dir; copied. NULL: see ptm_torchhub_get_dir() */
    /* How the network is reached; copied. NULL: all defaults. The engine starts at the first call
     * that needs it. */
    const struct ptm_net_opts *net;
    /* Host the repositories are on, for what is recorded and for trust; copied. NULL: "github.com".
     * For another one, net has the rewrite of https://github.com/ to it. */
    const char *host;
};
#define PTM_TORCHHUB_OPTS_INIT                   \
    {                                            \
        .size = sizeof(struct ptm_torchhub_opts) \
    }

/* Touches neither disk nor network. ctx must outlive it. */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_open(ptm_ctx *ctx, const struct ptm_torchhub_opts *opts,
                                              ptm_torchhub **out, struct ptm_err *err);
PTM_API void ptm_torchhub_close(ptm_torchhub *hub); /* NULL is a no-op */

/*
 * The hub folder: what was set, else $TORCH_HOME/hub, else $XDG_CACHE_HOME/torch/hub, else
 * ~/.cache/torch/hub ("~" at the beginning is the home folder). It need not exist. Never NULL; ""
 * when out of memory. Borrowed until set_dir or close, or until a call after one of those variables
 * has changed.
 */
PTM_API const char *ptm_torchhub_get_dir(ptm_torchhub *hub);
/* Makes nothing. PTM_EINVAL for an empty name. */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_set_dir(ptm_torchhub *hub, const char *dir,
                                                 struct ptm_err *err);

/* --- repositories --- */

/* Who is asked before a repository's code may run. Values of torch's trust_repo. */
typedef enum ptm_trust {
    PTM_TRUST_SKIP = 0, /* nothing will be run: no question, nothing written */
    PTM_TRUST_CHECK,    /* "check": ask unless trusted already */
    PTM_TRUST_ALWAYS,   /* True: trusted from now on */
    PTM_TRUST_ASK,      /* False: ask even when trusted */
} ptm_trust;

/* A repository in the cache. Strings owned: ptm_torchhub_repo_clear(). */
struct ptm_torchhub_repo {
    char *host;
    char *owner, *name;
    char *ref;      /* branch, tag or commit, as the folder's name has it */
    char *commit;   /* 40 hex digits; NULL: unknown (the copy was made by torch) */
    char *dir;      /* where its files are */
    char *fetched;  /* "2026-01-31T12:00:00Z"; NULL: unknown */
    char *newest;   /* refresh: the commit its ref has now, when it is another; else NULL */
    bool cached;    /* this call fetched nothing */
    bool by_torch;  /* no side file of ours: the copy was made by torch */
    bool ambiguous; /* by_torch, and the folder's name has another reading */
    bool tag_too;   /* the server was asked: ref is a branch as well as a tag; the branch counts */
};
/* Frees what repo holds and zeroes it; {0} is fine. */
PTM_API void ptm_torchhub_repo_clear(struct ptm_torchhub_repo *repo);

struct ptm_torchhub_fetch_opts {
    size_t size;       /* PTM_TORCHHUB_FETCH_OPTS_INIT */
    bool local;        /* repo is a folder: for list, help and load, as there is nothing to fetch */
    bool force_reload; /* replace the cached copy */
    bool fresh_weights; /* with force_reload: checkpoints it reaches that are there are fetched anew
                           (torch's documentation says so, its code does not) */
    bool refresh;       /* ask the server whether ref has a newer commit; fills repo->newest */
    bool skip_validation; /* believe ref: one request, no look at branches and tags */
    ptm_trust trust;
    /* Asked where trust says so, in the caller's thread; *out_yes is false before. text is the
     * whole question. Also asked, unless trust is SKIP, whether a folder of torch's with two
     * readings is this repository. NULL: nobody can be asked, which is a refusal (PTM_EAUTH;
     * PTM_EEXIST). */
    ptm_rc (*ask)(void *arg, const char *text, bool *out_yes, struct ptm_err *err);
    void *ask_arg;
};
#define PTM_TORCHHUB_FETCH_OPTS_INIT                   \
    {                                                  \
        .size = sizeof(struct ptm_torchhub_fetch_opts) \
    }

/*
 * Makes sure that "owner/name[:ref]" is in the cache; opts NULL: all defaults. Without ref: the
 * newest complete copy in the cache; where there is none, or with force_reload, the branch main,
 * else master, else the server's default. Processes that come at once fetch once: the others wait
 * (a message is logged).
 *
 * PTM_EINVAL for a malformed text, or the beginning of several commits; PTM_ENOTFOUND where the
 * repository or ref does not exist, a commit belongs to a fork only, or a large file is gone
 * upstream; PTM_EAUTH where it is not trusted; PTM_EEXIST where the folder holds another
 * repository; PTM_EFORMAT for a damaged copy (force_reload replaces it) or archive; PTM_EUNSAFE and
 * PTM_ELIMIT for a hostile archive, PTM_ECORRUPT for one of another commit; PTM_ENOSPC before a
 * full disk; PTM_EUNSUPPORTED where a commit is looked for and git is not there (skip_validation
 * does without); PTM_EOFFLINE, and those of ptm_net_fetch().
 */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_fetch(ptm_torchhub *hub, const char *repo,
                                               const struct ptm_torchhub_fetch_opts *opts,
                                               struct ptm_torchhub_repo *out, struct ptm_err *err);

/*
 * What the server says that "owner/name[:ref]" is, by the rules of fetch: fills host, owner, name,
 * ref (without one the default branch), commit and tag_too. Looks at no cache, fetches no files.
 * Errors as those of fetch.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_resolve(ptm_torchhub *hub, const char *repo,
                                                 struct ptm_torchhub_repo *out,
                                                 struct ptm_err *err);

/*
 * The list of trusted repositories; repo is "owner/name[:ref]", of which ref only says which copy
 * in the cache counts. Is it trusted: by its owner, by the list, or by a copy in the cache that
 * torch made (torch's rule)? PTM_EINVAL for a malformed text, here and below.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_trusted(ptm_torchhub *hub, const char *repo, bool *out,
                                                 struct ptm_err *err);
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_trust(ptm_torchhub *hub, const char *repo,
                                               struct ptm_err *err);
/* Takes it off the list; PTM_ENOENT: it is not there. A copy of torch's in the cache, or its owner,
 * may go on speaking for it: that is logged. */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_distrust(ptm_torchhub *hub, const char *repo,
                                                  struct ptm_err *err);
/* Each line of torch's list, "owner_name", without the white space around it. Anything but PTM_OK
 * from fn ends it, and is returned. */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_trust_each(ptm_torchhub *hub,
                                                    ptm_rc (*fn)(void *arg, const char *line,
                                                                 struct ptm_err *err),
                                                    void *arg, struct ptm_err *err);

/* --- the cache --- */

typedef enum ptm_cached_kind {
    PTM_CACHED_REPO = 1,
    PTM_CACHED_CHECKPOINT,
    PTM_CACHED_LEFTOVER, /* of a run that was killed, ours or torch's: no one uses it */
} ptm_cached_kind;

/* One thing in the hub folder; strings borrowed for the call. */
struct ptm_torchhub_cached {
    ptm_cached_kind kind;
    const char *path; /* relative to the hub folder: what remove takes */
    /* Of repositories, else NULL. Only dir is sure to be there: owner, name and ref are NULL where
     * the folder's name does not tell (ambiguous) or its side file is damaged. */
    const struct ptm_torchhub_repo *repo;
    int64_t bytes;
    int64_t modified; /* seconds since 1970; of repositories of ours: when it was fetched */
    /* What is wrong with it, NULL: nothing. Damaged side files are always told, the rest by verify
     * alone. */
    const struct ptm_err *why;
    bool checked; /* verify: there was something to compare it with */
};
typedef ptm_rc (*ptm_torchhub_cached_fn)(void *arg, const struct ptm_torchhub_cached *item,
                                         struct ptm_err *err);

/* Repositories, checkpoints, leftovers, each in the order of their names. A missing folder is
 * empty. Here and below, anything but PTM_OK from fn ends it, and is returned. */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_cache_each(ptm_torchhub *hub, ptm_torchhub_cached_fn fn,
                                                    void *arg, struct ptm_err *err);
/* Reads everything again: files of repositories against the list made when they were fetched,
 * checkpoints against the hash in their name. What is wrong is told to fn, not returned. */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_cache_verify(ptm_torchhub *hub, ptm_torchhub_cached_fn fn,
                                                      void *arg, struct ptm_err *err);
/* path: that of an item, or "owner/name[:ref]" (without ref: all its copies). PTM_ENOENT: not
 * there; PTM_EBUSY: a leftover that is in use after all. */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_cache_remove(ptm_torchhub *hub, const char *path,
                                                      struct ptm_err *err);
/* Removes leftovers, and with days >= 0 repositories and checkpoints that were not changed for so
 * long. fn (may be NULL) is told of each that went; dry_run: of each that would. */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_cache_prune(ptm_torchhub *hub, int days, bool dry_run,
                                                     ptm_torchhub_cached_fn fn, void *arg,
                                                     struct ptm_err *err);

/* --- what a hubconf.py offers --- */

typedef enum ptm_certainty {
    PTM_CERTAIN_SURE = 1, /* the source says it: a callable of that name */
    PTM_CERTAIN_IMPORT,   /* imported from outside the repository: whether it is callable, only that
                             package can tell */
    PTM_CERTAIN_DYNAMIC, /* only running it would tell: whether this name is bound to a callable, or
                            (without a name) which names a statement makes */
} ptm_certainty;

/* One entry point; everything is borrowed until ptm_hubconf_close(). */
struct ptm_hub_entry {
    const char *name; /* NULL: a statement that makes names (then PTM_CERTAIN_DYNAMIC) */
    /* What it is, or is on some ways through the source: "function", "class", "lambda", "partial",
     * "alias", "callable", "import"; "dynamic": nothing is known of it. Static. */
    const char *kind;
    ptm_certainty certainty;
    const char *file; /* where it is defined, relative to the repository */
    int line;         /* from 1 */
    /* "(pretrained: bool = False, **kwargs)" as the source has it, white space folded; NULL:
     * unknown. */
    const char *signature;
    const char *doc;  /* as inspect.getdoc() would give it; NULL: none */
    const char *text; /* dynamic: the statement, cut at a line; import: "package.module.name" */
    const char *const *urls; /* of weights it reaches, as far as the source tells; n_urls */
    size_t n_urls;
    bool more_urls; /* it also reaches downloads whose URL only running it would tell */
};

typedef struct ptm_hubconf ptm_hubconf; /* immutable once open: any thread */

/* Parses dir/hubconf.py and the files of dir it imports from. Runs nothing. PTM_ENOENT when there
 * is no hubconf.py, PTM_EUNSAFE when it is a link or no file, PTM_ELIMIT when it is too large. Text
 * that is not valid Python is read as far as it can be: see ptm_hubconf_damage(). */
PTM_API PTM_MUST_USE ptm_rc ptm_hubconf_open(const char *dir, ptm_hubconf **out,
                                             struct ptm_err *err);
PTM_API void ptm_hubconf_close(ptm_hubconf *hubconf); /* NULL is a no-op */
/* In the order of their names as torch.hub.list sorts them (by code point), nameless ones last by
 * line. NULL past the end. */
PTM_API const struct ptm_hub_entry *ptm_hubconf_entry(const ptm_hubconf *hubconf, size_t i);
/* Any callable of the file, also names that begin with "_", which list leaves out. NULL: none. */
PTM_API const struct ptm_hub_entry *ptm_hubconf_find(const ptm_hubconf *hubconf, const char *name);
/* Names in `dependencies`; NULL past the end. out_sure may be NULL; *out_sure is false when some of
 * the list only running the file would tell. */
PTM_API const char *ptm_hubconf_dependency(const ptm_hubconf *hubconf, size_t i, bool *out_sure);
PTM_API const char *ptm_hubconf_doc(const ptm_hubconf *hubconf); /* of the module; NULL: none */
/* Line of the first place in hubconf.py that is not Python; 0: none. */
PTM_API int ptm_hubconf_damage(const ptm_hubconf *hubconf);

/*
 * torch.hub.list and torch.hub.help, by parsing; so trust does not matter, whatever opts say (NULL:
 * all defaults). repo: "owner/name[:ref]", or a folder when it begins with ".", "/" or "~" or
 * opts->local is set. list: as ptm_hubconf_open(), but without looking for the URLs, which takes
 * longer. help: *out is malloc'ed, NULL when the source has no docstring for it; PTM_EINVAL with a
 * did-you-mean when there is no such entry point. Both: those of ptm_torchhub_fetch() and
 * ptm_hubconf_open(), too.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_list(ptm_torchhub *hub, const char *repo,
                                              const struct ptm_torchhub_fetch_opts *opts,
                                              ptm_hubconf **out, struct ptm_err *err);
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_help(ptm_torchhub *hub, const char *repo,
                                              const char *entry,
                                              const struct ptm_torchhub_fetch_opts *opts,
                                              char **out, struct ptm_err *err);

/* What an author is told before users are. */
typedef enum ptm_advice_level {
    PTM_ADVICE_ERROR = 1,
    PTM_ADVICE_WARNING,
    PTM_ADVICE_NOTE
} ptm_advice_level;
struct ptm_torchhub_advice {
    ptm_advice_level level;
    const char *code; /* "dependency-name", "no-docstring", ..: docs/torch-hub.md lists them */
    const char *file; /* relative to the repository; NULL: it is about all of it */
    int line;         /* 0: the whole file */
    const char *text;
};
typedef ptm_rc (*ptm_torchhub_advice_fn)(void *arg, const struct ptm_torchhub_advice *advice,
                                         struct ptm_err *err);
/* Looks at the repository in dir as its users will; strings are borrowed for the call of fn.
 * online: the servers are asked about the weights. What is wrong with the repository is told to fn,
 * not returned. */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_check(ptm_torchhub *hub, const char *dir, bool online,
                                               ptm_torchhub_advice_fn fn, void *arg,
                                               struct ptm_err *err);
/* Writes a starter hubconf.py. PTM_EEXIST when there is one. */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_init(const char *dir, struct ptm_err *err);

/* --- weights --- */

struct ptm_torchhub_download_opts {
    size_t size;             /* PTM_TORCHHUB_DOWNLOAD_OPTS_INIT */
    const char *hash_prefix; /* leading hex digits of its SHA-256; NULL: unknown */
    bool replace;     /* fetch even when dst is there; else what is there is kept (and checked
                         against hash_prefix: one that fails is fetched anew) */
    bool any_content; /* do not look whether it is a checkpoint */
    void (*progress)(void *arg, int64_t done, int64_t total); /* NULL: none; caller's thread */
    void *progress_arg;
};
#define PTM_TORCHHUB_DOWNLOAD_OPTS_INIT                   \
    {                                                     \
        .size = sizeof(struct ptm_torchhub_download_opts) \
    }

/*
 * Fetches url (http, https, file) to the file dst ("~" is the home folder), which appears whole,
 * with the permissions of the umask; interrupted, the next call goes on where it stopped
 * (DST.ptm-part stands beside it). Who comes meanwhile waits, and finds the file. out_sha256 may be
 * NULL; it is "" when dst was there and nothing asked for its hash.
 *
 * PTM_EHASH with torch's words `invalid hash value (expected "..", got "..")`; PTM_ESIZE for a body
 * that is not as long as announced; PTM_EFORMAT for a web page or the like where dst's name
 * promises a checkpoint (not with hash_prefix, which says more, nor with any_content); PTM_ENOENT
 * where dst's folder is missing; PTM_EINVAL for a dst that is a folder and a hash_prefix that is
 * none; PTM_EUNSUPPORTED for other schemes; those of ptm_net_fetch().
 */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_download_url_to_file(
    ptm_torchhub *hub, const char *url, const char *dst,
    const struct ptm_torchhub_download_opts *opts, char out_sha256[65], struct ptm_err *err);

struct ptm_torchhub_weights_opts {
    size_t size;           /* PTM_TORCHHUB_WEIGHTS_OPTS_INIT */
    const char *model_dir; /* made where it is missing; NULL: HUB_DIR/checkpoints */
    const char *file_name; /* NULL: the last part of the URL's path */
    bool check_hash;       /* by the prefix in the file name, also when it is there already */
    /* The same for what this call fetches. Eight decimal digits, which may be a date, are only told
     * of when they are not the hash. */
    bool check_new;
    bool replace; /* fetch even when it is there */
    void (*progress)(void *arg, int64_t done, int64_t total);
    void *progress_arg;
};
#define PTM_TORCHHUB_WEIGHTS_OPTS_INIT                   \
    {                                                    \
        .size = sizeof(struct ptm_torchhub_weights_opts) \
    }

/* The hash prefix that a file's name promises: "-" and 8 or more hex digits before a ".". Copied
 * into out (65 bytes); false: none. */
PTM_API bool ptm_torchhub_hash_prefix(const char *file_name, char out[65]);

/* Only fetches: *out_path (malloc'ed) is the file in model_dir. out_hash_checked may be NULL; it is
 * false where check_hash found no hash in the name, which is logged. PTM_EINVAL where the URL ends
 * without a name or the name may not be a file's, else as ptm_torchhub_download_url_to_file(). */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_weights(ptm_torchhub *hub, const char *url,
                                                 const struct ptm_torchhub_weights_opts *opts,
                                                 char **out_path, bool *out_hash_checked,
                                                 struct ptm_err *err);
/* Fetches and opens: nothing in the file is run. *out: ptm_weights_close(). */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_load_state_dict_from_url(
    ptm_torchhub *hub, const char *url, const struct ptm_torchhub_weights_opts *opts,
    ptm_weights **out, struct ptm_err *err);

/* --- running an entry point --- */

struct ptm_torchhub_load_opts {
    size_t size;                                 /* PTM_TORCHHUB_LOAD_OPTS_INIT */
    const struct ptm_torchhub_fetch_opts *fetch; /* NULL: trust is PTM_TRUST_CHECK, nobody to ask */
    /* JSON each, or Python's True, False, None, or else taken as a string; or NAME=VALUE. */
    const char *const *args;
    size_t n_args;
    const char *python; /* a program in PATH, or its path; NULL: python3 */
    bool no_sandbox;    /* run it with all rights of the user */
};
#define PTM_TORCHHUB_LOAD_OPTS_INIT                   \
    {                                                 \
        .size = sizeof(struct ptm_torchhub_load_opts) \
    }

/*
 * Runs an entry point in Python, in a sandbox (bubblewrap: no network, nothing writable but its own
 * folder), and leaves out_dir/model.safetensors, or one file a module, and out_dir/description.json
 * (docs/torch-hub.md). out_dir must not be there, or be empty; it appears whole. Weights it asks
 * for are fetched by us and handed in.
 *
 * PTM_EUNSUPPORTED where there is no sandbox or Python is too old; PTM_ENOENT where Python, torch,
 * a dependency or hubconf.py is missing; PTM_EINVAL when there is no such entry point, or for the
 * arguments; PTM_EEXIST where out_dir holds something; PTM_EFORMAT for an exception of the code;
 * PTM_EIO when it was killed or ended itself; PTM_ELIMIT; those of ptm_torchhub_fetch().
 */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_load(ptm_torchhub *hub, const char *repo,
                                              const char *entry,
                                              const struct ptm_torchhub_load_opts *opts,
                                              const char *out_dir, struct ptm_err *err);
/* What Python says is in hubconf.py, from the same sandbox: *out (malloc'ed) is a JSON object
 * {"entries": [{"name", "kind", "signature", "doc"}..], "dependencies": [..]}. args are ignored.
 * Errors as of ptm_torchhub_load(). */
PTM_API PTM_MUST_USE ptm_rc ptm_torchhub_run_list(ptm_torchhub *hub, const char *repo,
                                                  const struct ptm_torchhub_load_opts *opts,
                                                  char **out, struct ptm_err *err);

#ifdef __cplusplus
}
#endif
