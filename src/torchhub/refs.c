/* SPDX-License-Identifier: MIT */
/*
 * refs.c - what a ref is: a branch, a tag or a commit of the repository's own. GitHub serves the
 * commits of all forks under every one of them, so a commit counts only when a branch or tag of
 * this repository reaches it. Asked in git's protocol, never by GitHub's API, whose few requests an
 * hour are what torch.hub fails by.
 */
#include "torchhub_priv.h"

#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/url.h"

/* git itself takes no less. */
#define COMMIT_DIGITS_MIN 4
#define HEADS "refs/heads/"
#define TAGS "refs/tags/"

void ptmi_ref_clear(struct ptmi_ref *ref)
{
    free(ref->name);
    *ref = (struct ptmi_ref){0};
}

/* --- what the server has, as far as it matters --- */

void ptmi_refs_seen_init(struct ptmi_refs_seen *seen, const char *ref)
{
    *seen = (struct ptmi_refs_seen){.ref = ref};
    size_t len = ref ? strlen(ref) : 0;
    if (len < COMMIT_DIGITS_MIN || len > 40) return;
    for (size_t i = 0; i < len; i++) {
        char c = ref[i];
        if (c >= 'A' && c <= 'F') c = (char)(c + 32);
        seen->prefix[i] = c;
    }
    if (!ptmi_str_is_hex(seen->prefix, len)) seen->prefix[0] = '\0';
}

/* Is it the one that was asked for: by its short or its full name? */
static bool is_asked(const struct ptmi_refs_seen *seen, const char *full, size_t kind_len)
{
    return seen->ref && (ptmi_str_eq(full + kind_len, seen->ref) || ptmi_str_eq(full, seen->ref));
}

static void copy_id(char to[41], const char *id)
{
    memcpy(to, id, 40);
    to[40] = '\0';
}

static void see_prefix(struct ptmi_refs_seen *seen, const char *id)
{
    if (!seen->prefix[0] || !ptmi_str_starts(id, seen->prefix)) return;
    if (seen->commit[0] && !ptmi_str_eq(seen->commit, id)) seen->many_commits = true;
    copy_id(seen->commit, id);
}

ptm_rc ptmi_refs_see(void *arg, const struct ptmi_git_ref *ref, struct ptm_err *err)
{
    struct ptmi_refs_seen *seen = arg;
    if (ref->target) {
        if (!ptmi_str_eq(ref->name, "HEAD") || !ptmi_str_starts(ref->target, HEADS)) return PTM_OK;
        free(seen->head);
        seen->head = strdup(ref->target + strlen(HEADS));
        return seen->head ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "names of branches");
    }
    bool branch = ptmi_str_starts(ref->name, HEADS), tag = ptmi_str_starts(ref->name, TAGS);
    if (!branch && !tag) return PTM_OK;
    see_prefix(seen, ref->id);
    if (branch && ptmi_str_eq(ref->name, HEADS "main")) copy_id(seen->main_id, ref->id);
    if (branch && ptmi_str_eq(ref->name, HEADS "master")) copy_id(seen->master_id, ref->id);
    if (branch && ptmi_str_eq(ref->name + strlen(HEADS), seen->head))
        copy_id(seen->head_id, ref->id);
    if (branch && is_asked(seen, ref->name, strlen(HEADS))) copy_id(seen->branch_id, ref->id);
    if (tag && is_asked(seen, ref->name, strlen(TAGS))) copy_id(seen->tag_id, ref->id);
    return PTM_OK;
}

void ptmi_refs_seen_clear(struct ptmi_refs_seen *seen)
{
    free(seen->head);
    seen->head = NULL;
}

static ptm_rc take(struct ptmi_ref *out, const char *name, const char *id, int kind)
{
    out->name = strdup(name);
    out->kind = kind;
    copy_id(out->commit, id);
    return out->name ? PTM_OK : PTM_ENOMEM;
}

ptm_rc ptmi_refs_default(const struct ptmi_refs_seen *seen, struct ptmi_ref *out)
{
    if (seen->main_id[0]) return take(out, "main", seen->main_id, PTMI_REF_BRANCH);
    if (seen->master_id[0]) return take(out, "master", seen->master_id, PTMI_REF_BRANCH);
    if (seen->head_id[0]) return take(out, seen->head, seen->head_id, PTMI_REF_BRANCH);
    return PTM_ENOTFOUND;
}

ptm_rc ptmi_refs_pick(const struct ptmi_refs_seen *seen, struct ptmi_ref *out)
{
    if (seen->branch_id[0]) return take(out, seen->ref, seen->branch_id, PTMI_REF_BRANCH);
    if (seen->tag_id[0]) return take(out, seen->ref, seen->tag_id, PTMI_REF_TAG);
    if (seen->commit[0] && !seen->many_commits)
        return take(out, seen->ref, seen->commit, PTMI_REF_COMMIT);
    return PTM_ENOTFOUND;
}

/* --- asking --- */

/* Torch's words: its users and their programs know them. */
static PTM_MUST_USE ptm_rc not_found(const struct ptmi_repo_spec *spec,
                                     const struct ptmi_refs_seen *seen, struct ptm_err *err)
{
    return ptm_err_set(
        err, PTM_ENOTFOUND,
        "Cannot find %s in https://github.com/%s/%s. If it's a commit from a forked repo, please "
        "call hub.load() with forked repo directly. (No branch or tag has that name%s%s%s)",
        spec->ref, spec->owner, spec->name, seen->prefix[0] ? " or reaches such a commit" : "",
        seen->head ? "; the default branch is " : "", seen->head ? seen->head : "");
}

/* In a folder of ours, under a lock of its own: who asks may hold the lock of the copy, or none. */
static ptm_rc search_commits(ptm_torchhub *hub, const char *folder, const char *url,
                             const struct ptmi_refs_seen *seen, char out[41], struct ptm_err *err)
{
    ptmi_git *git = NULL;
    PTM_AUTO(ptmi_lock_removep) ptmi_lock *lock = NULL;
    PTM_AUTO(ptmi_freep) char *work = ptmi_str_printf("%s.commits", folder);
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    if (!work) return ptm_err_set(err, PTM_ENOMEM, "%s", folder);
    ptm_rc rc = ptmi_torchhub_git(hub, &git, err);
    if (rc == PTM_ENOENT || rc == PTM_EUNSUPPORTED)
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: a commit that is the end of no branch or tag is looked for by git: "
                           "install 2.34 or newer (--skip-validation does without)",
                           url);
    if (rc < 0) return rc;
    PTM_TRY(ptmi_hub_lock(hub, work, &lock, err));
    ptmi_hub_sweep(hub, work);
    PTM_TRY(ptmi_hub_tmp_name(hub, work, &dir, err));
    return ptmi_git_find_commit(git, url, seen->prefix, dir, out, err);
}

/* Commits that are the end of no branch: fetched, without files, and looked through. */
static ptm_rc find_commit(ptm_torchhub *hub, const struct ptmi_repo_spec *spec, const char *url,
                          const struct ptmi_refs_seen *seen, struct ptmi_ref *out,
                          struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *folder = ptmi_repo_spec_folder(spec, spec->ref);
    struct ptm_err why = {0};
    char commit[41] = "";
    if (!folder) return ptm_err_set(err, PTM_ENOMEM, "%s", spec->ref);
    ptmi_log(hub->ctx, PTM_LOG_INFO, "torchhub",
             "%s/%s: %s is the end of no branch or tag: looking through the commits", spec->owner,
             spec->name, spec->ref);
    ptm_rc rc = search_commits(hub, folder, url, seen, commit, &why);
    if (rc == PTM_ENOENT) return not_found(spec, seen, err);
    if (rc < 0) {
        if (err) *err = why;
        return rc;
    }
    return take(out, spec->ref, commit, PTMI_REF_COMMIT) < 0 ? ptm_err_set(err, PTM_ENOMEM, "ref")
                                                             : PTM_OK;
}

static ptm_rc ask(ptm_torchhub *hub, const char *url, struct ptmi_refs_seen *seen,
                  struct ptm_err *err)
{
    ptm_net *net = NULL;
    struct ptm_err why = {0};
    PTM_TRY(ptmi_torchhub_net(hub, &net, err));
    ptm_rc rc = ptmi_git_ls_refs(net, url, ptmi_refs_see, seen, &why);
    bool github = ptmi_url_same_origin(url, "https://github.com/");
    bool stranger = !hub->net_opts.github_token || !*hub->net_opts.github_token;
    /* To strangers GitHub says 401 of what is not there and of what is private. */
    if (github && (rc == PTM_ENOTFOUND || (why.http_status == 401 && stranger)))
        return ptm_err_set(err, PTM_ENOTFOUND, "%s: no such repository, or %s", url,
                           stranger ? "a private one; set GITHUB_TOKEN if you may see it"
                                    : "one that GITHUB_TOKEN may not see");
    if (rc < 0 && err) *err = why;
    return rc;
}

/* The server's default branch is any text until it is checked. */
static ptm_rc resolve_default(const struct ptmi_repo_spec *spec, const struct ptmi_refs_seen *seen,
                              struct ptmi_ref *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_ref_clear) struct ptmi_ref ref = {0};
    ptm_rc rc = ptmi_refs_default(seen, &ref);
    if (rc == PTM_ENOMEM) return ptm_err_set(err, rc, "name of a branch");
    if (rc < 0)
        return ptm_err_set(err, PTM_ENOTFOUND,
                           "https://github.com/%s/%s: has no default branch (is it empty?); name "
                           "one: %s/%s:REF",
                           spec->owner, spec->name, spec->owner, spec->name);
    PTM_TRY(ptmi_repo_ref_check(spec, ref.name, err));
    *out = ref;
    ref = (struct ptmi_ref){0};
    return PTM_OK;
}

static ptm_rc resolve_named(ptm_torchhub *hub, const struct ptmi_repo_spec *spec, const char *url,
                            const struct ptmi_refs_seen *seen, struct ptmi_ref *out,
                            struct ptm_err *err)
{
    if (seen->branch_id[0] && seen->tag_id[0])
        ptmi_log(hub->ctx, PTM_LOG_WARN, "torchhub",
                 "The ref %s is ambiguous. Perhaps it is both a tag and a branch in the repo? The "
                 "branch is taken; say refs/heads/%s or refs/tags/%s to choose",
                 spec->ref, spec->ref, spec->ref);
    ptm_rc rc = ptmi_refs_pick(seen, out);
    if (rc == PTM_ENOMEM) return ptm_err_set(err, rc, "name of a ref");
    out->tag_too = seen->branch_id[0] && seen->tag_id[0];
    if (rc == PTM_OK) return rc;
    if (seen->many_commits)
        return ptm_err_set(err, PTM_EINVAL,
                           "%s: %s is the beginning of several commits: give more digits", url,
                           spec->ref);
    if (seen->prefix[0]) return find_commit(hub, spec, url, seen, out, err);
    return not_found(spec, seen, err);
}

ptm_rc ptmi_ref_resolve(ptm_torchhub *hub, const struct ptmi_repo_spec *spec, struct ptmi_ref *out,
                        struct ptm_err *err)
{
    PTM_AUTO(ptmi_refs_seen_clear) struct ptmi_refs_seen seen = {0};
    PTM_AUTO(ptmi_freep) char *url = ptmi_repo_spec_url(spec);
    ptmi_refs_seen_init(&seen, spec->ref);
    if (!url) return ptm_err_set(err, PTM_ENOMEM, "%s/%s", spec->owner, spec->name);
    PTM_TRY(ask(hub, url, &seen, err));
    return spec->ref ? resolve_named(hub, spec, url, &seen, out, err)
                     : resolve_default(spec, &seen, out, err);
}

ptm_rc ptmi_ref_describe(const ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                         const struct ptmi_ref *ref, struct ptm_torchhub_repo *out,
                         struct ptm_err *err)
{
    out->host = strdup(hub->host);
    out->owner = strdup(spec->owner);
    out->name = strdup(spec->name);
    out->ref = strdup(ref->name);
    out->commit = ref->commit[0] ? strdup(ref->commit) : NULL;
    out->tag_too = ref->tag_too;
    bool all = out->host && out->owner && out->name && out->ref;
    return all && (out->commit || !ref->commit[0]) ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "copy");
}

ptm_rc ptm_torchhub_resolve(ptm_torchhub *hub, const char *repo, struct ptm_torchhub_repo *out,
                            struct ptm_err *err)
{
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    PTM_AUTO(ptmi_ref_clear) struct ptmi_ref ref = {0};
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo got = {0};
    PTM_TRY(ptmi_repo_spec_parse(repo, &spec, err));
    PTM_TRY(ptmi_ref_resolve(hub, &spec, &ref, err));
    PTM_TRY(ptmi_ref_describe(hub, &spec, &ref, &got, err));
    *out = got;
    got = (struct ptm_torchhub_repo){0};
    return PTM_OK;
}
