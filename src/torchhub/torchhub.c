/* SPDX-License-Identifier: MIT */
/* torchhub.c - the handle: where the hub folder is, and the network and git, opened when something
 * first needs them: listing what is in the cache starts neither. */
#include "torchhub_priv.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/adopt.h"
#include "../base/path.h"
#include "../base/str.h"

static void wipe_free(const char *text)
{
    if (!text) return;
    explicit_bzero((char *)text, strlen(text));
    free((char *)text);
}

static void clear_net_opts(struct ptm_net_opts *opts)
{
    for (size_t i = 0; opts->rewrites && i < opts->n_rewrites; i++) free((char *)opts->rewrites[i]);
    free((void *)opts->rewrites);
    free((char *)opts->user_agent);
    free((char *)opts->ca_bundle);
    wipe_free(opts->hf_token);
    wipe_free(opts->github_token);
}

static bool copy_text(const char **text)
{
    if (!*text) return true;
    *text = strdup(*text);
    return *text != NULL;
}

static ptm_rc copy_rewrites(struct ptm_net_opts *opts, const char *const *from, size_t n,
                            struct ptm_err *err)
{
    char **copy = calloc(n ? n : 1, sizeof *copy);
    if (!copy) return ptm_err_set(err, PTM_ENOMEM, "rewriting rules");
    opts->rewrites = (const char *const *)copy;
    for (; opts->n_rewrites < n; opts->n_rewrites++) {
        copy[opts->n_rewrites] = strdup(from[opts->n_rewrites]);
        if (!copy[opts->n_rewrites]) return ptm_err_set(err, PTM_ENOMEM, "rewriting rules");
    }
    return PTM_OK;
}

/* from may be NULL: defaults. *out can be cleared in every case. */
static ptm_rc copy_net_opts(const struct ptm_net_opts *from, struct ptm_net_opts *out,
                            struct ptm_err *err)
{
    struct ptm_net_opts own = PTM_NET_OPTS_INIT;
    ptmi_adopt(&own, sizeof own, from);
    *out = own;
    out->rewrites = NULL;
    out->n_rewrites = 0;
    bool all = copy_text(&out->user_agent);
    all = copy_text(&out->ca_bundle) && all;
    all = copy_text(&out->hf_token) && all;
    all = copy_text(&out->github_token) && all;
    if (!all) return ptm_err_set(err, PTM_ENOMEM, "options of the network");
    return copy_rewrites(out, own.rewrites, own.n_rewrites, err);
}

static ptm_rc set_up(ptm_torchhub *hub, const struct ptm_torchhub_opts *opts, struct ptm_err *err)
{
    struct ptm_torchhub_opts own = PTM_TORCHHUB_OPTS_INIT;
    ptmi_adopt(&own, sizeof own, opts);
    PTM_TRY(copy_net_opts(own.net, &hub->net_opts, err));
    for (size_t i = 0; i < hub->net_opts.n_rewrites; i++)
        PTM_TRY(ptmi_rewrite_add(&hub->rewrites, hub->net_opts.rewrites[i], err));
    hub->host = strdup(own.host ? own.host : "github.com");
    if (!hub->host) return ptm_err_set(err, PTM_ENOMEM, "host");
    return own.dir ? ptm_torchhub_set_dir(hub, own.dir, err) : PTM_OK;
}

ptm_rc ptm_torchhub_open(ptm_ctx *ctx, const struct ptm_torchhub_opts *opts, ptm_torchhub **out,
                         struct ptm_err *err)
{
    ptm_torchhub *hub = calloc(1, sizeof *hub);
    if (!hub) return ptm_err_set(err, PTM_ENOMEM, "hub");
    hub->ctx = ctx;
    pthread_mutex_init(&hub->lock, NULL);
    ptm_rc rc = set_up(hub, opts, err);
    if (rc < 0)
        ptm_torchhub_close(hub);
    else
        *out = hub;
    return rc;
}

void ptm_torchhub_close(ptm_torchhub *hub)
{
    if (!hub) return;
    ptm_net_close(hub->net);
    if (hub->git) ptmi_git_close(hub->git);
    clear_net_opts(&hub->net_opts);
    ptmi_rewrite_clear(&hub->rewrites);
    pthread_mutex_destroy(&hub->lock);
    free(hub->set_dir);
    free(hub->dir);
    free(hub->host);
    free(hub);
}

static ptm_rc open_git(ptm_torchhub *hub, struct ptm_err *err)
{
    struct ptmi_git_opts opts = {
        .rewrites = &hub->rewrites,
        .github_token = hub->net_opts.github_token,
        .ca_bundle = hub->net_opts.ca_bundle,
        .offline = hub->net_opts.offline,
        .retries = hub->net_opts.retries,
        .backoff_ms = hub->net_opts.backoff_ms,
    };
    return ptmi_git_open(hub->ctx, &opts, &hub->git, err);
}

ptm_rc ptmi_torchhub_net(ptm_torchhub *hub, ptm_net **out, struct ptm_err *err)
{
    pthread_mutex_lock(&hub->lock);
    ptm_rc rc = hub->net ? PTM_OK : ptm_net_open(hub->ctx, &hub->net_opts, &hub->net, err);
    if (rc == PTM_OK) *out = hub->net;
    pthread_mutex_unlock(&hub->lock);
    return rc;
}

ptm_rc ptmi_torchhub_git(ptm_torchhub *hub, ptmi_git **out, struct ptm_err *err)
{
    pthread_mutex_lock(&hub->lock);
    ptm_rc rc = hub->git ? PTM_OK : open_git(hub, err);
    if (rc == PTM_OK) *out = hub->git;
    pthread_mutex_unlock(&hub->lock);
    return rc;
}

/* Of the user with that name; "": of who runs us. Malloc'ed; NULL: nobody knows. */
static char *home_of(const char *name)
{
    char text[4096];
    struct passwd entry, *user = NULL;
    const char *home = *name ? NULL : getenv("HOME");
    if (home) return strdup(home);
    /* Services and cron jobs may have no HOME. */
    int rc = *name ? getpwnam_r(name, &entry, text, sizeof text, &user)
                   : getpwuid_r(getuid(), &entry, text, sizeof text, &user);
    return rc == 0 && user ? strdup(user->pw_dir) : NULL;
}

char *ptmi_expand_home(const char *path)
{
    if (path[0] != '~') return strdup(path);
    const char *rest = path + strcspn(path, "/");
    PTM_AUTO(ptmi_freep) char *name = strndup(path + 1, (size_t)(rest - path) - 1);
    PTM_AUTO(ptmi_freep) char *home = name ? home_of(name) : NULL;
    if (!name || !home) return name ? strdup(path) : NULL;
    size_t len = strlen(home);
    while (len > 0 && home[len - 1] == '/') len--;
    if (len == 0 && !*rest) return strdup("/");
    return ptmi_str_printf("%.*s%s", (int)len, home, rest);
}

/* Torch takes a variable that is set but empty as it is; so do we, for the folder to be the same.
 */
static char *default_dir(void)
{
    const char *home = getenv("TORCH_HOME"), *cache = getenv("XDG_CACHE_HOME");
    PTM_AUTO(ptmi_freep)
    char *plain = home ? strdup(home) : ptmi_path_join(cache ? cache : "~/.cache", "torch");
    PTM_AUTO(ptmi_freep) char *torch_home = plain ? ptmi_expand_home(plain) : NULL;
    return torch_home ? ptmi_path_join(torch_home, "hub") : NULL;
}

const char *ptm_torchhub_get_dir(ptm_torchhub *hub)
{
    if (hub->set_dir) return hub->set_dir;
    pthread_mutex_lock(&hub->lock);
    char *dir = default_dir();
    /* What was lent stays valid: it is only replaced when the environment changed. */
    if (dir && ptmi_str_eq(dir, hub->dir)) {
        free(dir);
    } else if (dir) {
        free(hub->dir);
        hub->dir = dir;
    }
    const char *lent = hub->dir ? hub->dir : "";
    pthread_mutex_unlock(&hub->lock);
    return lent;
}

ptm_rc ptm_torchhub_set_dir(ptm_torchhub *hub, const char *dir, struct ptm_err *err)
{
    if (!*dir) return ptm_err_set(err, PTM_EINVAL, "hub folder: the name is empty");
    char *copy = ptmi_expand_home(dir);
    if (!copy) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    free(hub->set_dir);
    hub->set_dir = copy;
    return PTM_OK;
}

ptm_rc ptmi_torchhub_own_dir(ptm_torchhub *hub, const char *what, char **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep)
    char *dir = ptmi_str_printf("%s/.ptm/%s", ptm_torchhub_get_dir(hub), what);
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "hub folder");
    PTM_TRY(ptmi_fs_mkdirs(dir, err));
    *out = ptm_steal(&dir);
    return PTM_OK;
}

void ptm_torchhub_repo_clear(struct ptm_torchhub_repo *repo)
{
    free(repo->host);
    free(repo->owner);
    free(repo->name);
    free(repo->ref);
    free(repo->commit);
    free(repo->dir);
    free(repo->fetched);
    free(repo->newest);
    *repo = (struct ptm_torchhub_repo){0};
}
