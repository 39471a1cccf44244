/* SPDX-License-Identifier: MIT */
/*
 * git_update.c - brings an existing clone to what upstream has, unless a person changed it: fetch
 * always, move the work tree only when it is clean and nothing but forward.
 */
#include "git_priv.h"

#include <string.h>

#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"

#define MAX_ARGS 16

/* --- fetch --- */

static bool is_shallow(const char *dir)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dir, ".git/shallow");
    return path && ptmi_fs_exists(path);
}

/*
 * Branches and tags, forced: remote-tracking refs and tags are upstream's (old values stay in the
 * reflogs). A shallow clone stays on its one branch until --history full asks for all of it.
 */
static ptm_rc fetch_once(ptmi_git *git, const struct ptmi_git_clone *what, const char *branch,
                         struct ptmi_git_progress *progress, struct ptm_err *err)
{
    const char *args[MAX_ARGS];
    size_t n = 0;
    bool shallow = is_shallow(what->dest);
    bool one = shallow && what->shallow && *branch && !what->ref;
    PTM_AUTO(ptmi_freep)
    char *spec = one ? ptmi_str_printf("+refs/heads/%s:refs/remotes/origin/%s", branch, branch)
                     : strdup("+refs/heads/*:refs/remotes/origin/*");
    if (!spec) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", what->url);
    args[n++] = "fetch";
    args[n++] = "--progress";
    args[n++] = "--no-recurse-submodules";
    args[n++] = "--no-write-fetch-head";
    if (shallow && !what->shallow) args[n++] = "--unshallow";
    if (one) args[n++] = "--no-tags";
    args[n++] = "--";
    args[n++] = what->url;
    args[n++] = spec;
    if (!one) args[n++] = "+refs/tags/*:refs/tags/*";
    args[n] = NULL;
    struct ptmi_git_cmd cmd = {
        .args = args,
        .dir = what->dest,
        .what = "fetching",
        .url = what->url,
        .on_line = ptmi_git_progress_line,
        .arg = progress,
    };
    return ptmi_git_do(git, &cmd, err);
}

/* Upstream replaced branch "a" by "a/b": the remote-tracking ref that is gone upstream stands in
 * the way of the new one. */
static bool refs_clash(const struct ptm_err *why)
{
    return why->rc == PTM_EGIT &&
           (strstr(why->msg, "cannot lock ref") || strstr(why->msg, "could not be updated"));
}

static ptm_rc prune(ptmi_git *git, const struct ptmi_git_clone *what, struct ptm_err *err)
{
    const char *const args[] = {"remote", "prune", "origin", NULL};
    struct ptmi_git_cmd cmd = {
        .args = args, .dir = what->dest, .what = "pruning", .url = what->url};
    return ptmi_git_do(git, &cmd, err);
}

static ptm_rc fetch(ptmi_git *git, const struct ptmi_git_clone *what, const char *branch,
                    struct ptmi_git_progress *progress, struct ptm_err *err)
{
    bool pruned = false;
    for (int attempt = 1;; attempt++) {
        struct ptm_err why = {0};
        ptm_rc rc = fetch_once(git, what, branch, progress, &why);
        if (rc == PTM_OK) return rc;
        if (refs_clash(&why) && !pruned) {
            pruned = true;
            PTM_TRY(prune(git, what, err));
            continue;
        }
        if (ptmi_git_wait_retry(git, attempt, &why)) continue;
        if (err) *err = why;
        return rc;
    }
}

/* --- where to go --- */

struct target {
    char sha[41];       /* "" : nowhere, stay */
    const char *branch; /* local branch to be on, "" for a detached HEAD */
};

/* What ref (or, without one, the branch that is checked out) means upstream now. */
static ptm_rc find_target(const struct ptmi_git_clone *what, const struct ptmi_git_state *head,
                          struct target *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    const char *branch = what->ref ? what->ref : head->branch;
    *out = (struct target){.branch = branch};
    if (!*branch) return PTM_OK;
    PTM_TRY(ptmi_git2_open(what->dest, &repo, err));
    PTM_AUTO(ptmi_freep) char *remote = ptmi_str_printf("refs/remotes/origin/%s", branch);
    PTM_AUTO(ptmi_freep) char *tag = ptmi_str_printf("refs/tags/%s", branch);
    if (!remote || !tag) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", what->dest);
    ptmi_git2_resolve(repo, remote, out->sha);
    if (out->sha[0] || !what->ref) return PTM_OK;
    out->branch = "";
    ptmi_git2_resolve(repo, tag, out->sha);
    if (!out->sha[0] && ptmi_str_is_hex(what->ref, 40))
        ptmi_git2_resolve(repo, what->ref, out->sha);
    if (out->sha[0]) return PTM_OK;
    return ptm_err_set(err, PTM_ENOENT, "%s: upstream has no branch, tag or commit %s", what->url,
                       what->ref);
}

/* --- may we? --- */

static ptm_rc is_ancestor(ptmi_git *git, const char *dir, const char *older, const char *newer,
                          bool *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    const char *const args[] = {"merge-base", "--is-ancestor", older, newer, NULL};
    struct ptmi_git_cmd cmd = {.args = args, .dir = dir, .what = "comparing", .any_exit = true};
    PTM_TRY(ptmi_git_run(git, &cmd, &result, err));
    *out = result.exit_status == 0;
    if (result.exit_status <= 1) return PTM_OK;
    return ptmi_git_reason(result.err_text.data ? result.err_text.data : "", result.exit_status,
                           "comparing", dir, false, err);
}

/*
 * Was HEAD upstream's once? Told by the remote-tracking branch's reflog, which keeps what a forced
 * push took away. A clone's first value is in it from the first change on.
 */
static bool was_upstream(const char *dir, const struct ptmi_git_state *head)
{
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    PTM_AUTO(ptmi_freep) char *name = ptmi_str_printf("refs/remotes/origin/%s", head->branch);
    git_reflog *log = NULL;
    git_oid oid;
    bool found = false;
    if (!name || ptmi_git2_open(dir, &repo, NULL) < 0 || git_oid_fromstr(&oid, head->sha) < 0 ||
        git_reflog_read(&log, repo, name) < 0)
        return false;
    for (size_t i = 0; i < git_reflog_entrycount(log) && !found; i++) {
        const git_reflog_entry *entry = git_reflog_entry_byindex(log, i);
        found = git_oid_equal(git_reflog_entry_id_old(entry), &oid) ||
                git_oid_equal(git_reflog_entry_id_new(entry), &oid);
    }
    git_reflog_free(log);
    return found;
}

/* Are there commits at HEAD that no remote-tracking branch and no tag has? */
static ptm_rc has_own_commits(ptmi_git *git, const char *dir, bool *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    const char *const args[] = {"rev-list", "-n1", "HEAD", "--not", "--remotes", "--tags", NULL};
    struct ptmi_git_cmd cmd = {.args = args, .dir = dir, .what = "comparing"};
    PTM_TRY(ptmi_git_run(git, &cmd, &result, err));
    *out = result.out_text.len > 0;
    return PTM_OK;
}

static ptm_rc check_forward(ptmi_git *git, const struct ptmi_git_clone *what,
                            const struct ptmi_git_state *head, const struct target *target,
                            struct ptm_err *err)
{
    bool forward = true, own = false;
    if (!head->sha[0]) return PTM_OK;
    if (ptmi_str_eq(head->branch, target->branch) && *target->branch)
        PTM_TRY(is_ancestor(git, what->dest, head->sha, target->sha, &forward, err));
    else
        PTM_TRY(has_own_commits(git, what->dest, &own, err));
    if (forward && !own) return PTM_OK;
    if (was_upstream(what->dest, head))
        return ptm_err_set(err, PTM_EDIVERGED,
                           "%s: upstream rewrote its history, left alone; to follow it: git -C %s "
                           "reset --hard %.12s",
                           what->dest, what->dest, target->sha);
    return ptm_err_set(
        err, PTM_EDIVERGED,
        "%s: has commits of its own, left alone; move them to a branch to follow upstream",
        what->dest);
}

/* --- move --- */

static ptm_rc move_head(ptmi_git *git, const struct ptmi_git_clone *what,
                        const struct ptmi_git_state *head, const struct target *target,
                        struct ptm_err *err)
{
    const char *const merge[] = {"merge", "--ff-only", "--quiet", "--no-stat", target->sha, NULL};
    const char *const detach[] = {"checkout", "--quiet", "--detach", target->sha, "--", NULL};
    PTM_AUTO(ptmi_freep) char *remote = ptmi_str_printf("refs/remotes/origin/%s", target->branch);
    if (!remote) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", what->dest);
    /* -B: a local branch of that name without commits of its own is upstream's. */
    const char *const change[] = {"checkout",     "--quiet", "--track", "-B",
                                  target->branch, remote,    "--",      NULL};
    struct ptmi_git_cmd cmd = {.dir = what->dest, .what = "updating", .writes = true};
    bool stay = ptmi_str_eq(head->branch, target->branch) && *target->branch;
    cmd.args = stay ? merge : *target->branch ? change : detach;
    ptm_rc rc = ptmi_git_do(git, &cmd, err);
    if (rc == PTM_EGIT && err && (strstr(err->msg, "would be overwritten")))
        return ptm_err_set(err, PTM_EDIRTY,
                           "%s: files of its own are in the way of an update, left alone",
                           what->dest);
    return rc;
}

/* A local branch that we would reset must hold nothing of its own. */
static ptm_rc check_other_branch(ptmi_git *git, const char *dir, const struct ptmi_git_state *head,
                                 const struct target *target, struct ptm_err *err)
{
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    char sha[41];
    bool forward = false;
    if (!*target->branch || ptmi_str_eq(head->branch, target->branch)) return PTM_OK;
    PTM_TRY(ptmi_git2_open(dir, &repo, err));
    PTM_AUTO(ptmi_freep) char *local = ptmi_str_printf("refs/heads/%s", target->branch);
    if (!local) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", dir);
    ptmi_git2_resolve(repo, local, sha);
    if (!*sha) return PTM_OK;
    PTM_TRY(is_ancestor(git, dir, sha, target->sha, &forward, err));
    if (forward) return PTM_OK;
    return ptm_err_set(err, PTM_EDIVERGED, "%s: branch %s has commits of its own, left alone", dir,
                       target->branch);
}

static ptm_rc advance(ptmi_git *git, ptmi_git_visit *visit, const struct ptmi_git_clone *what,
                      bool *out_changed, struct ptm_err *err)
{
    struct ptmi_git_state head = {0};
    struct target target;
    PTM_TRY(ptmi_git_head(what->dest, &head, err));
    PTM_TRY(find_target(what, &head, &target, err));
    PTM_TRY(ptmi_git_status(git, what->dest, true, err));
    *out_changed = false;
    if (!target.sha[0]) return PTM_OK;
    if (ptmi_str_eq(head.sha, target.sha) && ptmi_str_eq(head.branch, target.branch)) return PTM_OK;
    /* At the same commit, on another branch or none: there is nothing to fetch for, and nothing to
     * gain. */
    if (ptmi_str_eq(head.sha, target.sha)) return PTM_OK;
    PTM_TRY(check_forward(git, what, &head, &target, err));
    PTM_TRY(check_other_branch(git, what->dest, &head, &target, err));
    /* An empty repository that got its first commit has no files to explain. */
    if (head.sha[0]) PTM_TRY(ptmi_git_visit_moving(visit, head.sha, target.sha, err));
    PTM_TRY(move_head(git, what, &head, &target, err));
    PTM_TRY(ptmi_git_visit_moved(visit, err));
    *out_changed = true;
    return PTM_OK;
}

static ptm_rc update(ptmi_git *git, ptmi_git_visit *visit, const struct ptmi_git_clone *what,
                     struct ptmi_git_state *out, struct ptm_err *err)
{
    struct ptmi_git_progress progress = {.ctx = git->ctx};
    struct ptmi_git_state state = {0};
    bool changed = false;
    PTM_TRY(ptmi_git_head(what->dest, &state, err));
    progress.task = ptmi_task_begin(git->ctx, PTM_TASK_CLONE, what->hub, what->label, 100);
    ptm_rc rc = fetch(git, what, state.branch, &progress, err);
    if (rc == PTM_OK) rc = advance(git, visit, what, &changed, err);
    ptmi_task_end(git->ctx, progress.task, rc);
    if (rc < 0) return rc;
    PTM_TRY(ptmi_git_head(what->dest, &state, err));
    state.changed = changed;
    state.bad_objects = progress.bad_objects;
    *out = state;
    return PTM_OK;
}

ptm_rc ptmi_git_update(ptmi_git *git, const struct ptmi_git_clone *what, struct ptmi_git_state *out,
                       struct ptm_err *err)
{
    PTM_AUTO(ptmi_git_visit_closep) ptmi_git_visit *visit = NULL;
    PTM_TRY(ptmi_git_check_url(git, what->url, err));
    PTM_TRY(ptmi_git_check_ref(what->ref, err));
    PTM_TRY(ptmi_git_visit_open(git, what->dest, &visit, err));
    return ptmi_git_visit_settle(visit, update(git, visit, what, out, err));
}
