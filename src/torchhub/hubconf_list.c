/* SPDX-License-Identifier: MIT */
/* hubconf_list.c - torch.hub.list and torch.hub.help: a repository from the cache or the network,
 * or a folder, and its hubconf.py. Nothing is run, so nobody is asked whether to trust it. */
#include "torchhub_priv.h"

#include <stdlib.h>
#include <string.h>

#include "../base/adopt.h"
#include "../base/str.h"
#include "../base/suggest.h"

/* *out: where its files are, malloc'ed. */
static ptm_rc folder_of(ptm_torchhub *hub, const char *repo,
                        const struct ptm_torchhub_fetch_opts *opts, char **out, struct ptm_err *err)
{
    struct ptm_torchhub_fetch_opts quiet = PTM_TORCHHUB_FETCH_OPTS_INIT;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo fetched = {0};
    ptmi_adopt(&quiet, sizeof quiet, opts);
    if (ptmi_repo_is_folder(repo, quiet.local)) {
        *out = ptmi_expand_home(repo);
        return *out ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "%s", repo);
    }
    quiet.trust = PTM_TRUST_SKIP;
    PTM_TRY(ptm_torchhub_fetch(hub, repo, &quiet, &fetched, err));
    *out = ptm_steal(&fetched.dir);
    return PTM_OK;
}

ptm_rc ptm_torchhub_list(ptm_torchhub *hub, const char *repo,
                         const struct ptm_torchhub_fetch_opts *opts, ptm_hubconf **out,
                         struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    PTM_TRY(folder_of(hub, repo, opts, &dir, err));
    return ptmi_hubconf_open(dir, 0, out, err);
}

/* Names that only running the file would tell may be meant, too. */
static ptm_rc no_such_entry(const ptm_hubconf *hubconf, const char *repo, const char *entry,
                            struct ptm_err *err)
{
    struct ptmi_suggest suggest = {.word = entry};
    const struct ptm_hub_entry *at;
    bool dynamic = false;
    for (size_t i = 0; (at = ptm_hubconf_entry(hubconf, i)); i++) {
        if (at->name) ptmi_suggest_offer(&suggest, at->name);
        dynamic |= !at->name;
    }
    const char *hint =
        dynamic ? "; its hubconf.py makes names that only running it would tell" : "";
    if (!suggest.best)
        return ptm_err_set(err, PTM_EINVAL, "%s: Cannot find callable %s in hubconf%s", repo, entry,
                           hint);
    return ptm_err_set(err, PTM_EINVAL,
                       "%s: Cannot find callable %s in hubconf; did you mean %s?%s", repo, entry,
                       suggest.best, hint);
}

ptm_rc ptm_torchhub_help(ptm_torchhub *hub, const char *repo, const char *entry,
                         const struct ptm_torchhub_fetch_opts *opts, char **out,
                         struct ptm_err *err)
{
    PTM_AUTO(ptmi_hubconf_closep) ptm_hubconf *hubconf = NULL;
    PTM_TRY(ptm_torchhub_list(hub, repo, opts, &hubconf, err));
    const struct ptm_hub_entry *found = ptm_hubconf_find(hubconf, entry);
    if (!found) return no_such_entry(hubconf, repo, entry, err);
    char *doc = found->doc ? strdup(found->doc) : NULL;
    if (found->doc && !doc) return ptm_err_set(err, PTM_ENOMEM, "%s", entry);
    *out = doc;
    return PTM_OK;
}
