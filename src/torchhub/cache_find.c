/* SPDX-License-Identifier: MIT */
/*
 * cache_find.c - copies of a repository in the hub folder. A copy is ours when it has our side
 * file, which says whose it is; one without was made by torch, and only its folder's name speaks
 * for it, which may have more than one reading.
 */
#include "torchhub_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"

char *ptmi_cache_path(ptm_torchhub *hub, const char *folder)
{
    return ptmi_path_join(ptm_torchhub_get_dir(hub), folder);
}

/* A link to a folder counts, too: hub folders are put together by hand. */
static ptm_rc check_folder(const char *dir, struct ptmi_cached_copy *out, struct ptm_err *err)
{
    struct stat st;
    if (stat(dir, &st) != 0) return ptm_err_sys(err, errno, "%s: cannot look at it", dir);
    if (!S_ISDIR(st.st_mode))
        return ptm_err_set(err, PTM_EEXIST, "%s: is no folder; move it away", dir);
    out->modified = st.st_mtime;
    out->folder_time = st.st_mtim;
    return PTM_OK;
}

/* A side file that is a link, no file, or too large is as bad as one that says nothing. */
static bool is_damage(ptm_rc rc)
{
    return rc == PTM_EFORMAT || rc == PTM_EUNSAFE || rc == PTM_ELIMIT || rc == PTM_EINVAL;
}

ptm_rc ptmi_cache_look(const char *dir, struct ptmi_cached_copy *out, struct ptm_err *err)
{
    struct ptm_err why = {0};
    struct ptmi_cached_copy copy = {0};
    PTM_AUTO(ptmi_freep) char *hubconf = ptmi_path_join(dir, PTMI_HUBCONF);
    if (!hubconf) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    PTM_TRY(check_folder(dir, &copy, err));
    ptm_rc rc = ptmi_side_read(dir, &copy.repo, &why);
    if (rc < 0 && rc != PTM_ENOENT)
        return ptm_err_set(err, is_damage(rc) ? PTM_EFORMAT : rc, "%s", why.msg);
    if (rc == PTM_ENOENT && !ptmi_fs_exists(hubconf))
        return ptm_err_set(err, PTM_ENOENT, "%s: has no hubconf.py", dir);
    copy.repo.by_torch = rc == PTM_ENOENT;
    if (copy.repo.fetched) (void)ptmi_clock_parse_iso(copy.repo.fetched, &copy.modified);
    copy.repo.dir = strdup(dir);
    if (!copy.repo.dir) {
        ptm_torchhub_repo_clear(&copy.repo);
        return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    }
    *out = copy;
    return PTM_OK;
}

/* GitHub does not tell names apart by their case. */
bool ptmi_cache_is_of(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                      const struct ptm_torchhub_repo *repo)
{
    return ptmi_str_eq_nocase(repo->host, hub->host) &&
           ptmi_str_eq_nocase(repo->owner, spec->owner) &&
           ptmi_str_eq_nocase(repo->name, spec->name);
}

bool ptmi_spec_is_ambiguous(const struct ptmi_repo_spec *spec, const char *ref)
{
    return strchr(spec->owner, '_') || strchr(spec->name, '_') || (ref && strpbrk(ref, "_/"));
}

char *ptmi_spec_other_reading(const struct ptmi_repo_spec *spec, const char *ref)
{
    const char *cut = strchr(spec->name, '_');
    if (cut)
        return ptmi_str_printf("%s/%.*s:%s_%s", spec->owner, (int)(cut - spec->name), spec->name,
                               cut + 1, ref);
    cut = strpbrk(ref, "_/");
    if (cut)
        return ptmi_str_printf("%s/%s_%.*s:%s", spec->owner, spec->name, (int)(cut - ref), ref,
                               cut + 1);
    cut = strchr(spec->owner, '_');
    return cut ? ptmi_str_printf("%.*s/%s_%s:%s", (int)(cut - spec->owner), spec->owner, cut + 1,
                                 spec->name, ref)
               : ptmi_str_printf("%s/%s:%s", spec->owner, spec->name, ref);
}

/* Names a copy of torch's after what was asked for. */
static ptm_rc name_copy(ptm_torchhub *hub, const struct ptmi_repo_spec *spec, const char *ref,
                        struct ptm_torchhub_repo *repo, struct ptm_err *err)
{
    repo->host = strdup(hub->host);
    repo->owner = strdup(spec->owner);
    repo->name = strdup(spec->name);
    repo->ref = strdup(ref);
    repo->ambiguous = ptmi_spec_is_ambiguous(spec, ref);
    if (repo->host && repo->owner && repo->name && repo->ref) return PTM_OK;
    return ptm_err_set(err, PTM_ENOMEM, "%s", repo->dir);
}

static PTM_MUST_USE ptm_rc is_anothers(const struct ptmi_repo_spec *spec,
                                       const struct ptm_torchhub_repo *repo, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EEXIST,
                       "%s: holds %s/%s:%s of %s, and %s/%s:%s would have the same folder; remove "
                       "it with `ptm torch cache rm %s`, or use another --hub-dir",
                       repo->dir, repo->owner, repo->name, repo->ref, repo->host, spec->owner,
                       spec->name, spec->ref, ptmi_path_base(repo->dir));
}

static ptm_rc find_ref(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                       struct ptm_torchhub_repo *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_cached_copy_clear) struct ptmi_cached_copy copy = {0};
    PTM_AUTO(ptmi_freep) char *folder = ptmi_repo_spec_folder(spec, spec->ref);
    PTM_AUTO(ptmi_freep) char *dir = folder ? ptmi_cache_path(hub, folder) : NULL;
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "%s/%s", spec->owner, spec->name);
    PTM_TRY(ptmi_cache_look(dir, &copy, err));
    if (copy.repo.by_torch)
        PTM_TRY(name_copy(hub, spec, spec->ref, &copy.repo, err));
    else if (!ptmi_cache_is_of(hub, spec, &copy.repo) || !ptmi_str_eq(copy.repo.ref, spec->ref))
        return is_anothers(spec, &copy.repo, err);
    *out = copy.repo;
    copy.repo = (struct ptm_torchhub_repo){0};
    return PTM_OK;
}

/* --- without a ref --- */

struct search {
    ptm_torchhub *hub;
    const struct ptmi_repo_spec *spec;
    const char *prefix; /* "owner_name_" */
    struct ptmi_cached_copy best;
};

/* Ours stand before torch's, and of those the branches torch would take by itself. */
static int rank(const struct ptm_torchhub_repo *repo)
{
    if (!repo->by_torch) return 3;
    if (ptmi_str_eq(repo->ref, "main")) return 2;
    return ptmi_str_eq(repo->ref, "master") ? 1 : 0;
}

static bool is_better(const struct ptmi_cached_copy *copy, const struct ptmi_cached_copy *best)
{
    if (!best->repo.dir) return true;
    int a = rank(&copy->repo), b = rank(&best->repo);
    if (a != b) return a > b;
    if (copy->modified != best->modified) return copy->modified > best->modified;
    const struct timespec *c = &copy->folder_time, *d = &best->folder_time;
    if (c->tv_sec != d->tv_sec) return c->tv_sec > d->tv_sec;
    if (c->tv_nsec != d->tv_nsec) return c->tv_nsec > d->tv_nsec;
    return strcmp(copy->repo.ref, best->repo.ref) < 0; /* the same whatever readdir's order */
}

/* A copy of a copy under another name is nobody's: the name would promise another ref. */
static bool is_in_place(const struct ptmi_repo_spec *spec, const struct ptm_torchhub_repo *repo,
                        const char *folder)
{
    PTM_AUTO(ptmi_freep) char *own = ptmi_repo_spec_folder(spec, repo->ref);
    return own && ptmi_str_eq(own, folder);
}

static ptm_rc consider(struct search *search, const char *folder, struct ptm_err *err)
{
    struct ptm_err why = {0};
    PTM_AUTO(ptmi_cached_copy_clear) struct ptmi_cached_copy copy = {0};
    PTM_AUTO(ptmi_freep) char *dir = ptmi_cache_path(search->hub, folder);
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "%s", folder);
    const char *ref = folder + strlen(search->prefix);
    ptm_rc rc = ptmi_cache_look(dir, &copy, &why);
    if (rc == PTM_EFORMAT) ptmi_log(search->hub->ctx, PTM_LOG_WARN, "torchhub", "%s", why.msg);
    if (rc < 0) return PTM_OK; /* another copy may do */
    if (copy.repo.by_torch) {
        if (ptmi_repo_ref_check(search->spec, ref, &why) < 0) return PTM_OK;
        PTM_TRY(name_copy(search->hub, search->spec, ref, &copy.repo, err));
    } else if (!ptmi_cache_is_of(search->hub, search->spec, &copy.repo) ||
               !is_in_place(search->spec, &copy.repo, folder)) {
        return PTM_OK;
    }
    if (!is_better(&copy, &search->best)) return PTM_OK;
    struct ptmi_cached_copy worse = search->best;
    search->best = copy;
    copy = worse;
    return PTM_OK;
}

static ptm_rc find_newest(struct search *search, struct ptm_err *err)
{
    const char *hub_dir = ptm_torchhub_get_dir(search->hub);
    PTM_AUTO(ptmi_closedirp) DIR *dir = opendir(hub_dir);
    if (!dir && errno != ENOENT) return ptm_err_sys(err, errno, "%s: cannot read", hub_dir);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        if (ptmi_str_starts(entry->d_name, search->prefix) && entry->d_name[strlen(search->prefix)])
            PTM_TRY(consider(search, entry->d_name, err));
    return PTM_OK;
}

ptm_rc ptmi_cache_find(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                       struct ptm_torchhub_repo *out, struct ptm_err *err)
{
    if (spec->ref) return find_ref(hub, spec, out, err);
    PTM_AUTO(ptmi_freep) char *prefix = ptmi_str_printf("%s_%s_", spec->owner, spec->name);
    if (!prefix) return ptm_err_set(err, PTM_ENOMEM, "%s/%s", spec->owner, spec->name);
    struct search search = {.hub = hub, .spec = spec, .prefix = prefix};
    ptm_rc rc = find_newest(&search, err);
    if (rc == PTM_OK && !search.best.repo.dir)
        rc = ptm_err_set(err, PTM_ENOENT, "%s/%s: no copy in %s", spec->owner, spec->name,
                         ptm_torchhub_get_dir(hub));
    if (rc == PTM_OK)
        *out = search.best.repo;
    else
        ptmi_cached_copy_clear(&search.best);
    return rc;
}
