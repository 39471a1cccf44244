/* SPDX-License-Identifier: MIT */
/*
 * git_status.c - did a person change this clone? git's own status without filters, less the large
 * files that stand where their pointers were. And the full verification of a clone.
 */
#include "git_priv.h"

#include <fcntl.h>
#include <string.h>

#include "../base/str.h"
#include "lfs_priv.h"

struct check {
    const char *dir;
    git_repository *repo;
    git_index *index;
    bool mend;
    bool mended;
};

/* Is path, which git calls modified, the content of the pointer its index entry has? */
static bool is_ours(struct check *check, const char *path)
{
    struct ptmi_lfs_pointer pointer;
    const git_index_entry *entry = git_index_get_bypath(check->index, path, 0);
    if (!entry || !ptmi_lfs_read_pointer(check->repo, &entry->id, &pointer)) return false;
    if (ptmi_lfs_is_content(check->dir, path, &pointer)) {
        if (check->mend && ptmi_lfs_restat(check->dir, check->index, path)) check->mended = true;
        return true;
    }
    /* A link of ours whose object was damaged: no person's work, and put right when the object
     * comes again. */
    return check->mend && ptmi_lfs_is_link(check->dir, path, pointer.oid);
}

/* One "XY path" of status: false when a person made it so. */
static bool is_fine(struct check *check, const char *item)
{
    return strlen(item) > 3 && item[0] == ' ' && item[1] == 'M' && is_ours(check, item + 3);
}

static ptm_rc dirty(const char *dir, const char *item, struct ptm_err *err)
{
    char path[200];
    const char *how = item[0] == '?' ? "is not of the repository" : "was changed";
    ptmi_str_printable(path, sizeof path, strlen(item) > 3 ? item + 3 : item);
    return ptm_err_set(err, PTM_EDIRTY, "%s: %s %s by hand, left alone", dir, path, how);
}

static ptm_rc judge(struct check *check, const char *text, size_t len, struct ptm_err *err)
{
    int code = git_repository_index(&check->index, check->repo);
    if (code < 0) return ptmi_git2_err(code, err, check->dir);
    for (const char *at = text; at < text + len; at += strlen(at) + 1)
        if (!is_fine(check, at)) return dirty(check->dir, at, err);
    code = check->mended ? git_index_write(check->index) : 0;
    return code < 0 ? ptmi_git2_err(code, err, check->dir) : PTM_OK;
}

ptm_rc ptmi_git_status(ptmi_git *git, const char *dir, bool mend, struct ptm_err *err)
{
    static const char *const args[] = {"--no-optional-locks",     "status", "--porcelain=v1", "-z",
                                       "--ignore-submodules=all", NULL};
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    struct ptmi_git_cmd cmd = {.args = args, .dir = dir, .what = "looking at"};
    if (!ptmi_git_is_repo(dir)) return ptm_err_set(err, PTM_ENOENT, "%s: no git repository", dir);
    PTM_TRY(ptmi_git_run(git, &cmd, &result, err));
    if (result.out_text.len == 0) return PTM_OK;
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    PTM_TRY(ptmi_git2_open(dir, &repo, err));
    struct check check = {.dir = dir, .repo = repo, .mend = mend};
    ptm_rc rc = judge(&check, result.out_text.data, result.out_text.len, err);
    git_index_free(check.index);
    return rc;
}

ptm_rc ptmi_git_is_clean(ptmi_git *git, const char *dir, struct ptm_err *err)
{
    return ptmi_git_status(git, dir, false, err);
}

ptm_rc ptmi_git_verify(ptmi_git *git, const char *dir, struct ptm_err *err)
{
    static const char *const args[] = {"fsck", "--full", "--no-dangling", "--no-progress", NULL};
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    struct ptmi_git_cmd cmd = {.args = args, .dir = dir, .what = "verifying", .any_exit = true};
    if (!ptmi_git_is_repo(dir)) return ptm_err_set(err, PTM_ENOENT, "%s: no git repository", dir);
    PTM_TRY(ptmi_git_run(git, &cmd, &result, err));
    if (result.exit_status != 0) {
        ptm_rc rc = ptmi_git_reason(result.err_text.data ? result.err_text.data : "",
                                    result.exit_status, "verifying", dir, false, err);
        if (rc != PTM_EGIT) return rc;
        /* Whatever else fsck says with a failing status, it is about damage. */
        if (err) err->rc = PTM_ECORRUPT;
        return PTM_ECORRUPT;
    }
    return ptmi_git_status(git, dir, false, err);
}
