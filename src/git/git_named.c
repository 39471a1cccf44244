/* SPDX-License-Identifier: MIT */
/* git_named.c - whether a commit has a name: is a branch or a tag, here or at a remote, at it? */
#include "git_priv.h"

#include <string.h>

#include "../base/str.h"

PTM_DEFINE_CLEANUP(iterator_freep, git_reference_iterator *, git_reference_iterator_free)

static bool is_name(const char *ref)
{
    return ptmi_str_starts(ref, "refs/heads/") || ptmi_str_starts(ref, "refs/tags/") ||
           ptmi_str_starts(ref, "refs/remotes/");
}

ptm_rc ptmi_git_is_named(const char *dir, const char *sha, bool *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    PTM_AUTO(iterator_freep) git_reference_iterator *refs = NULL;
    const char *name = NULL;
    char at[41];
    PTM_TRY(ptmi_git2_open(dir, &repo, err));
    int code = git_reference_iterator_new(&refs, repo);
    if (code < 0) return ptmi_git2_err(code, err, dir);
    *out = false;
    while (!*out && git_reference_next_name(&name, refs) == 0) {
        if (!is_name(name)) continue;
        ptmi_git2_resolve(repo, name, at);
        *out = strcmp(at, sha) == 0;
    }
    return PTM_OK;
}
