/* SPDX-License-Identifier: MIT */
/*
 * fetch.c - makes sure that a repository is in the cache: trust, then the cache, then, under the
 * lock of its folder, the network. What is asked of the server is in refs.c, what comes from it in
 * fetch_archive.c, how the folder appears in hub_publish.c.
 */
#include "torchhub_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/adopt.h"
#include "../base/clock.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"

/* One call; borrows all but the spec. */
struct fetching {
    ptm_torchhub *hub;
    struct ptm_torchhub_fetch_opts opts;
    struct ptmi_repo_spec spec;
    struct ptmi_ref ref; /* what the server said of spec.ref; no name: not asked yet */
};

static void fetching_clear(struct fetching *f)
{
    ptmi_repo_spec_clear(&f->spec);
    ptmi_ref_clear(&f->ref);
}

/* --- copies of torch's whose folder may be another repository's --- */

/* Remembered as the answer is: the next call need not ask. */
static void keep_answer(const struct fetching *f, const struct ptm_torchhub_repo *repo)
{
    struct ptm_err why = {0};
    if (ptmi_side_write(repo->dir, repo, &why) < 0)
        ptmi_log(f->hub->ctx, PTM_LOG_DEBUG, "torchhub", "%s", why.msg);
}

static ptm_rc ask_whose(const struct fetching *f, const struct ptm_torchhub_repo *repo,
                        const char *other, struct ptm_err *err)
{
    bool yes = false;
    PTM_AUTO(ptmi_freep)
    char *text =
        ptmi_str_printf("%s was made by torch.hub and may also be %s: use it as %s/%s:%s (y/N)?",
                        repo->dir, other, repo->owner, repo->name, repo->ref);
    if (!text) return ptm_err_set(err, PTM_ENOMEM, "%s", repo->dir);
    if (f->opts.ask) PTM_TRY(f->opts.ask(f->opts.ask_arg, text, &yes, err));
    if (yes) {
        keep_answer(f, repo);
        return PTM_OK;
    }
    return ptm_err_set(err, PTM_EEXIST,
                       "%s: made by torch.hub, whose folder names do not tell %s/%s:%s from %s; "
                       "fetch it anew with --force-reload, or remove it with `ptm torch cache rm "
                       "%s`",
                       repo->dir, repo->owner, repo->name, repo->ref, other,
                       ptmi_path_base(repo->dir));
}

static ptm_rc settle_ambiguity(const struct fetching *f, const struct ptm_torchhub_repo *repo,
                               struct ptm_err *err)
{
    if (!repo->ambiguous) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *other = ptmi_spec_other_reading(&f->spec, repo->ref);
    if (!other) return ptm_err_set(err, PTM_ENOMEM, "%s", repo->dir);
    if (f->opts.trust != PTM_TRUST_SKIP) return ask_whose(f, repo, other, err);
    ptmi_log(f->hub->ctx, PTM_LOG_WARN, "torchhub", "%s: made by torch.hub, and may also be %s",
             repo->dir, other);
    return PTM_OK;
}

/* --- the cache --- */

/* Is ref a commit, in full or its beginning? Those do not move. */
static bool is_commit_of(const char *ref, const char *commit)
{
    return commit && strlen(ref) >= 7 && strncasecmp(ref, commit, strlen(ref)) == 0;
}

/* Whether the ref of a cached copy has moved on; a copy of torch's has no commit to compare. */
static ptm_rc look_for_newer(const struct fetching *f, struct ptm_torchhub_repo *repo,
                             struct ptm_err *err)
{
    PTM_AUTO(ptmi_ref_clear) struct ptmi_ref ref = {0};
    struct ptmi_repo_spec spec = {.owner = repo->owner, .name = repo->name, .ref = repo->ref};
    if (is_commit_of(repo->ref, repo->commit)) return PTM_OK;
    PTM_TRY(ptmi_ref_resolve(f->hub, &spec, &ref, err));
    if (!ref.commit[0] || ptmi_str_eq(ref.commit, repo->commit)) return PTM_OK;
    repo->newest = strdup(ref.commit);
    return repo->newest ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "%s", repo->dir);
}

static ptm_rc use_cached(const struct fetching *f, struct ptm_torchhub_repo *repo,
                         struct ptm_err *err)
{
    PTM_TRY(settle_ambiguity(f, repo, err));
    repo->cached = true;
    if (!f->spec.ref && !ptmi_str_eq(repo->ref, "main") && !ptmi_str_eq(repo->ref, "master"))
        ptmi_log(f->hub->ctx, PTM_LOG_INFO, "torchhub",
                 "%s/%s: without a ref the newest copy in the cache is taken: %s", repo->owner,
                 repo->name, repo->ref);
    return f->opts.refresh ? look_for_newer(f, repo, err) : PTM_OK;
}

/* PTM_ENOENT: not there, or to be replaced. With force_reload only another's folder matters. */
static ptm_rc from_cache(const struct fetching *f, struct ptm_torchhub_repo *out,
                         struct ptm_err *err)
{
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    if (f->opts.force_reload && !f->spec.ref) return PTM_ENOENT;
    ptm_rc rc = ptmi_cache_find(f->hub, &f->spec, &repo, err);
    if (f->opts.force_reload) return rc == PTM_OK || rc == PTM_EFORMAT ? PTM_ENOENT : rc;
    if (rc == PTM_EFORMAT)
        return ptm_err_ctx(err, rc, "a cached copy is damaged (--force-reload replaces it)");
    if (rc < 0) return rc;
    PTM_TRY(use_cached(f, &repo, err));
    *out = repo;
    repo = (struct ptm_torchhub_repo){0};
    return PTM_OK;
}

/* --- the network --- */

/* Torch's words for it, with ours around them. */
static PTM_MUST_USE ptm_rc no_network(const struct fetching *f, ptm_rc rc, struct ptm_err *err)
{
    return ptm_err_ctx(err, rc,
                       "%s/%s: It looks like there is no internet connection and the repo could "
                       "not be found in the cache (%s)",
                       f->spec.owner, f->spec.name, ptm_torchhub_get_dir(f->hub));
}

static ptm_rc believe_ref(const char *name, struct ptmi_ref *out, struct ptm_err *err)
{
    struct ptmi_ref ref = {.name = strdup(name), .kind = PTMI_REF_UNKNOWN};
    if (!ref.name) return ptm_err_set(err, PTM_ENOMEM, "%s", name);
    *out = ref;
    return PTM_OK;
}

/* Asks once a call: fills f->ref. */
static ptm_rc resolve(struct fetching *f, struct ptm_err *err)
{
    struct ptm_err why = {0};
    if (f->ref.name) return PTM_OK;
    if (f->opts.skip_validation && f->spec.ref) return believe_ref(f->spec.ref, &f->ref, err);
    ptm_rc rc = ptmi_ref_resolve(f->hub, &f->spec, &f->ref, &why);
    if (err) *err = why;
    return rc == PTM_ENET || rc == PTM_EOFFLINE ? no_network(f, rc, err) : rc;
}

static ptm_rc describe(const struct fetching *f, struct ptm_torchhub_repo *out, struct ptm_err *err)
{
    char now[32];
    PTM_TRY(ptmi_ref_describe(f->hub, &f->spec, &f->ref, out, err));
    out->fetched = strdup(ptmi_clock_now(now));
    return out->fetched ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "copy");
}

/* The folder a copy is made in, below .ptm/tmp: what is still there when the call ends goes. */
struct workshop {
    ptm_torchhub *hub;
    char *dir;
};

static void workshop_clear(struct workshop *shop)
{
    struct ptm_err why = {0};
    if (shop->dir && ptmi_fs_remove_tree(shop->dir, &why) < 0)
        ptmi_log(shop->hub->ctx, PTM_LOG_WARN, "torchhub", "%s: %s", shop->dir, why.msg);
    free(shop->dir);
}

/* The caller holds the folder's lock. */
static ptm_rc download(struct fetching *f, const char *folder, struct ptm_torchhub_repo *out,
                       struct ptm_err *err)
{
    PTM_AUTO(workshop_clear) struct workshop shop = {.hub = f->hub};
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    ptmi_hub_sweep(f->hub, folder);
    PTM_TRY(resolve(f, err));
    PTM_TRY(describe(f, &repo, err));
    PTM_TRY(ptmi_hub_tmp_name(f->hub, folder, &shop.dir, err));
    PTM_TRY(ptmi_archive_fetch(f->hub, &f->ref, &repo, shop.dir, err));
    PTM_TRY(ptmi_hub_publish(f->hub, shop.dir, folder, err));
    free(repo.dir);
    repo.dir = ptmi_cache_path(f->hub, folder);
    if (!repo.dir) return ptm_err_set(err, PTM_ENOMEM, "%s", folder);
    *out = repo;
    repo = (struct ptm_torchhub_repo){0};
    return PTM_OK;
}

/* Who waited for the lock finds what the other fetched. */
static ptm_rc fetch_locked(struct fetching *f, struct ptm_torchhub_repo *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_lock_removep) ptmi_lock *lock = NULL;
    PTM_AUTO(ptmi_freep) char *folder = ptmi_repo_spec_folder(&f->spec, f->spec.ref);
    if (!folder) return ptm_err_set(err, PTM_ENOMEM, "%s/%s", f->spec.owner, f->spec.name);
    PTM_TRY(ptmi_hub_lock(f->hub, folder, &lock, err));
    struct ptm_err why = {0};
    ptm_rc rc = from_cache(f, out, &why);
    if (rc == PTM_ENOENT) return download(f, folder, out, err);
    if (rc < 0 && err) *err = why;
    return rc;
}

static PTM_MUST_USE ptm_rc is_offline(const struct fetching *f, struct ptm_err *err)
{
    if (f->opts.force_reload)
        return ptm_err_set(err, PTM_EOFFLINE,
                           "%s/%s: fetching it anew needs the network, and --offline is in force",
                           f->spec.owner, f->spec.name);
    return no_network(f, ptm_err_set(err, PTM_EOFFLINE, "--offline is in force"), err);
}

/* The default branch names the folder. The caller holds a lock, so that of many only one asks. */
static ptm_rc fetch_default(struct fetching *f, struct ptm_torchhub_repo *out, struct ptm_err *err)
{
    struct ptm_err why = {0};
    ptm_rc rc = from_cache(f, out, &why);
    if (rc != PTM_ENOENT) {
        if (rc < 0 && err) *err = why;
        return rc;
    }
    PTM_TRY(resolve(f, err));
    f->spec.ref = strdup(f->ref.name);
    return f->spec.ref ? fetch_locked(f, out, err) : ptm_err_set(err, PTM_ENOMEM, "names of refs");
}

static ptm_rc from_network(struct fetching *f, struct ptm_torchhub_repo *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_lock_removep) ptmi_lock *lock = NULL;
    if (f->hub->net_opts.offline) return is_offline(f, err);
    if (f->spec.ref) return fetch_locked(f, out, err);
    /* "owner_name_" is no folder's name. */
    PTM_AUTO(ptmi_freep) char *any = ptmi_str_printf("%s_%s_", f->spec.owner, f->spec.name);
    if (!any) return ptm_err_set(err, PTM_ENOMEM, "%s/%s", f->spec.owner, f->spec.name);
    PTM_TRY(ptmi_hub_lock(f->hub, any, &lock, err));
    return fetch_default(f, out, err);
}

/* --- weights that the new copy reaches --- */

/* Of one refresh: entry points share weights. */
struct refresh {
    ptm_torchhub *hub;
    const char *repo;
    struct ptmi_arena arena;
    struct ptmi_arena_list urls; /* fetched, lent by the hubconf */
};

static void refresh_clear(struct refresh *refresh)
{
    ptmi_arena_clear(&refresh->arena);
}

/*
 * Nobody was asked about this repository, and checkpoints are shared by all: what a hubconf.py
 * names comes from the network, not from this machine's files, and takes the place of what is there
 * only where it has the hash its name promises, where that came from the same URL, or where the
 * repository is trusted.
 */
static bool may_replace(const struct refresh *refresh, const char *name, const char *url)
{
    char prefix[65];
    bool trusted = false;
    if (ptm_torchhub_hash_prefix(name, prefix)) return true;
    if (ptmi_weights_origin_is(refresh->hub, name, url)) return true;
    if (ptm_torchhub_trusted(refresh->hub, refresh->repo, &trusted, NULL) == PTM_OK && trusted)
        return true;
    ptmi_log(refresh->hub->ctx, PTM_LOG_WARN, "torchhub",
             "%s is left as it is: it came from elsewhere, its name has no hash, and %s is not "
             "trusted",
             name, refresh->repo);
    return false;
}

static ptm_rc fetch_weights_anew(struct refresh *refresh, const char *url, struct ptm_err *err)
{
    ptm_torchhub *hub = refresh->hub;
    size_t before = refresh->urls.n;
    if (!ptmi_str_starts_nocase(url, "http://") && !ptmi_str_starts_nocase(url, "https://"))
        return PTM_OK;
    PTM_AUTO(ptmi_freep) char *name = NULL;
    PTM_AUTO(ptmi_freep) char *dir = ptmi_checkpoints_dir(hub);
    PTM_AUTO(ptmi_freep) char *out = NULL;
    struct ptm_err ignored;
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "%s", url);
    if (ptmi_weights_name(url, &name, &ignored) < 0) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dir, name);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", url);
    if (!ptmi_fs_exists(path)) return PTM_OK;
    if (!ptmi_arena_list_add_new(&refresh->arena, &refresh->urls, url))
        return ptm_err_set(err, PTM_ENOMEM, "%s", url);
    if (refresh->urls.n == before || !may_replace(refresh, name, url)) return PTM_OK;
    struct ptm_torchhub_weights_opts opts = PTM_TORCHHUB_WEIGHTS_OPTS_INIT;
    opts.replace = opts.check_hash = true;
    return ptm_torchhub_weights(hub, url, &opts, &out, NULL, err);
}

/* The repository is new already: what cannot be read of it is no reason to call that a failure. */
static ptm_rc open_hubconf(ptm_torchhub *hub, const char *dir, ptm_hubconf **out,
                           struct ptm_err *err)
{
    struct ptm_err why = {0};
    ptm_rc rc = ptm_hubconf_open(dir, out, &why);
    if (rc == PTM_OK || rc == PTM_ENOENT) return PTM_OK; /* listing it will tell */
    if (rc == PTM_ENOMEM || rc == PTM_ECANCELED) return ptm_err_set(err, rc, "%s", why.msg);
    ptmi_log(hub->ctx, PTM_LOG_WARN, "torchhub", "%s: which weights it reaches is unknown: %s", dir,
             why.msg);
    return PTM_OK;
}

static ptm_rc refresh_weights(ptm_torchhub *hub, const char *repo, const char *dir,
                              struct ptm_err *err)
{
    PTM_AUTO(ptmi_hubconf_closep) ptm_hubconf *hubconf = NULL;
    PTM_AUTO(refresh_clear)
    struct refresh refresh = {.hub = hub, .repo = repo, .arena = PTMI_ARENA((size_t)4 << 20)};
    PTM_TRY(open_hubconf(hub, dir, &hubconf, err));
    const struct ptm_hub_entry *entry = NULL;
    for (size_t i = 0; hubconf && (entry = ptm_hubconf_entry(hubconf, i)); i++)
        for (size_t k = 0; k < entry->n_urls; k++) {
            ptm_rc rc = fetch_weights_anew(&refresh, entry->urls[k], err);
            if (rc < 0)
                return ptm_err_ctx(err, rc, "%s is new, but weights it reaches are not", dir);
        }
    return PTM_OK;
}

/* --- entry --- */

static ptm_rc run(struct fetching *f, struct ptm_torchhub_repo *out, struct ptm_err *err)
{
    struct ptm_err why = {0};
    if (f->opts.trust != PTM_TRUST_SKIP) PTM_TRY(ptmi_trust_check(f->hub, &f->spec, &f->opts, err));
    ptm_rc rc = from_cache(f, out, &why);
    if (rc == PTM_ENOENT) return from_network(f, out, err);
    if (rc < 0 && err) *err = why;
    return rc;
}

ptm_rc ptm_torchhub_fetch(ptm_torchhub *hub, const char *repo,
                          const struct ptm_torchhub_fetch_opts *opts, struct ptm_torchhub_repo *out,
                          struct ptm_err *err)
{
    PTM_AUTO(fetching_clear) struct fetching f = {.hub = hub};
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo got = {0};
    ptmi_adopt(&f.opts, sizeof f.opts, opts);
    if (f.opts.local)
        return ptm_err_set(err, PTM_EINVAL, "%s: a folder has nothing to fetch: use it as it is",
                           repo);
    PTM_TRY(ptmi_repo_spec_parse(repo, &f.spec, err));
    PTM_TRY(run(&f, &got, err));
    if (f.opts.force_reload && f.opts.fresh_weights)
        PTM_TRY(refresh_weights(hub, repo, got.dir, err));
    *out = got;
    got = (struct ptm_torchhub_repo){0};
    return PTM_OK;
}
