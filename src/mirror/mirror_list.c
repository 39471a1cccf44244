/* SPDX-License-Identifier: MIT */
/*
 * mirror_list.c - a hub's list into the catalogue: stands between the hub (which knows no
 * catalogue) and the catalogue (which knows no hub). Gives hubs their checkouts. What is exported
 * from it stands in mirror_export.c.
 */
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/str.h"
#include "mirror_priv.h"

/* How many records a transaction of a hub without resume tokens holds: a kill costs no more than
   these, and writers of other processes never wait long. */
#define RECORDS_PER_TRANSACTION 200

struct feed {
    ptmi_mirror *mirror;
    const struct ptmi_hub_ops *hub;
    struct ptmi_listing listing;
    uint64_t task;
    int64_t models;
    int64_t failures;
    int uncommitted;
    bool only_present; /* checkouts are taken as they are where they exist */
    const char *rev;   /* of the one model asked for by name */
    bool one;
};

static ptm_rc delivered(struct feed *feed, struct ptm_err *err)
{
    if (ptm_ctx_canceled(feed->mirror->ctx))
        return ptm_err_set(err, PTM_ECANCELED, "%s: interrupted while listing", feed->hub->name);
    if (feed->one || (feed->hub->caps & PTMI_HUB_RESUMABLE)) return PTM_OK;
    if (++feed->uncommitted < RECORDS_PER_TRANSACTION) return PTM_OK;
    feed->uncommitted = 0;
    return ptmi_catalog_checkpoint(feed->mirror->catalog, feed->listing.id, NULL, err);
}

static ptm_rc on_failure(void *arg, const char *id, const char *url, const struct ptm_err *why,
                         struct ptm_err *err)
{
    struct feed *feed = arg;
    feed->failures++;
    return ptmi_mirror_fail(feed->mirror, feed->hub->name, id, feed->hub->parse ? "parse" : "list",
                            url, why, err);
}

/* The repository a model's link names: its row, or 0 with the reason where the link names none. */
static ptm_rc repo_of(struct feed *feed, const struct ptm_model *model, int64_t *out,
                      struct ptm_err *err)
{
    *out = 0;
    if (!model->clone_url) return PTM_OK;
    PTM_AUTO(ptmi_repo_ref_clear) struct ptmi_repo_ref ref = {0};
    struct ptm_err why = {0};
    ptm_rc rc = ptmi_url_to_repo(model->clone_url, &ref, &why);
    if (rc == PTM_OK)
        rc =
            ptmi_catalog_put_repo(feed->mirror->catalog, feed->hub->name, ref.clone_url, ref.author,
                                  ref.name, feed->rev ? feed->rev : model->repo_ref, out, &why);
    if (rc == PTM_OK) return PTM_OK;
    if (ptmi_mirror_is_fatal(rc)) {
        if (err) *err = why;
        return rc;
    }
    return on_failure(feed, model->name, model->clone_url, &why, err);
}

static ptm_rc on_model(void *arg, const struct ptm_model *model, struct ptm_err *err)
{
    struct feed *feed = arg;
    int64_t repo = 0;
    PTM_TRY(repo_of(feed, model, &repo, err));
    if (feed->one)
        PTM_TRY(
            ptmi_catalog_put_model_one(feed->mirror->catalog, feed->hub->name, model, repo, err));
    else
        PTM_TRY(ptmi_catalog_put_model(feed->mirror->catalog, feed->listing.id, model, repo, err));
    feed->models++;
    ptmi_task_progress(feed->mirror->ctx, feed->task, feed->listing.count + feed->models, -1);
    return delivered(feed, err);
}

static ptm_rc on_document(void *arg, const char *path, const void *data, size_t len,
                          const char *source_url, struct ptm_err *err)
{
    struct feed *feed = arg;
    PTM_TRY(ptmi_catalog_put_document(feed->mirror->catalog, feed->listing.id, path, data, len,
                                      source_url, err));
    return delivered(feed, err);
}

static ptm_rc on_checkpoint(void *arg, const char *token, struct ptm_err *err)
{
    struct feed *feed = arg;
    if (feed->one) return PTM_OK;
    return ptmi_catalog_checkpoint(feed->mirror->catalog, feed->listing.id, token, err);
}

static ptm_rc on_known(void *arg, const char *key, bool *out, struct ptm_err *err)
{
    struct feed *feed = arg;
    return ptmi_catalog_has_key(feed->mirror->catalog, feed->listing.id, key, out, err);
}

/* A person's changes in a source checkout are kept and used as they are, with a word about it. */
static ptm_rc update_checkout(struct feed *feed, const struct ptmi_git_clone *what,
                              struct ptmi_git_state *state, struct ptm_err *err)
{
    ptmi_mirror *mirror = feed->mirror;
    if (mirror->opts.no_update || mirror->opts.net.offline || feed->only_present)
        return ptmi_git_head(what->dest, state, err);
    struct ptm_err why = {0};
    ptm_rc rc = ptmi_git_update(mirror->git, what, state, &why);
    if (rc == PTM_EDIRTY || rc == PTM_EDIVERGED) {
        ptmi_log(mirror->ctx, PTM_LOG_WARN, "mirror", "%s; reading it as it is", why.msg);
        return ptmi_git_head(what->dest, state, err);
    }
    if (rc < 0 && err) *err = why;
    return rc;
}

static ptm_rc on_checkout(void *arg, const char *url, const char *ref, char **out_dir,
                          char **out_sha, struct ptm_err *err)
{
    struct feed *feed = arg;
    ptmi_mirror *mirror = feed->mirror;
    PTM_AUTO(ptmi_repo_ref_clear) struct ptmi_repo_ref repo_ref = {0};
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    PTM_AUTO(ptmi_freep) char *parent = NULL;
    PTM_AUTO(ptmi_freep) char *label = NULL;
    PTM_AUTO(ptmi_freep) char *sha = NULL;
    PTM_AUTO(ptmi_lock_releasep) ptmi_lock *lock = NULL;
    int64_t repo = 0;
    PTM_TRY(ptmi_url_to_repo(url, &repo_ref, err));
    PTM_TRY(ptmi_catalog_put_repo(mirror->catalog, feed->hub->name, repo_ref.clone_url,
                                  repo_ref.author, repo_ref.name, ref, &repo, err));
    PTM_TRY(
        ptmi_mirror_repo_path(mirror, feed->hub->name, repo_ref.author, repo_ref.name, &dir, err));
    parent = ptmi_str_printf("%s/%s/repos/%s", mirror->root, feed->hub->name, repo_ref.author);
    label = ptmi_str_printf("%s/%s", repo_ref.author, repo_ref.name);
    if (!parent || !label) return ptm_err_set(err, PTM_ENOMEM, "%s", url);
    PTM_TRY(ptmi_fs_mkdirs(parent, err));
    PTM_TRY(ptmi_mirror_lock_repo(mirror, dir, &lock, err));
    struct ptmi_git_clone what = {
        .url = repo_ref.clone_url,
        .dest = dir,
        .tmp_dir = mirror->tmp,
        .ref = ref,
        .shallow = mirror->opts.shallow,
        .hub = feed->hub->name,
        .label = label,
    };
    struct ptmi_git_state state = {0};
    if (ptmi_fs_exists(dir))
        PTM_TRY(update_checkout(feed, &what, &state, err));
    else
        PTM_TRY(ptmi_git_clone(mirror->git, &what, &state, err));
    sha = ptmi_str_printf("%s", state.sha);
    if (!sha) return ptm_err_set(err, PTM_ENOMEM, "%s", url);
    *out_dir = ptm_steal(&dir);
    *out_sha = ptm_steal(&sha);
    return PTM_OK;
}

static void fill_env(struct feed *feed, struct ptmi_hub_env *env, struct ptmi_hub_sink *sink)
{
    ptmi_mirror *mirror = feed->mirror;
    *env = (struct ptmi_hub_env){
        .ctx = mirror->ctx,
        .net = mirror->net,
        .token = feed->listing.token,
        .no_siblings = mirror->opts.no_siblings,
        .jobs = mirror->jobs,
        .pages_dir = mirror->opts.pages_dir,
        .task = feed->task,
        .checkout = on_checkout,
        .arg = feed,
    };
    *sink = (struct ptmi_hub_sink){
        .arg = feed,
        .model = on_model,
        .document = on_document,
        .checkpoint = on_checkpoint,
        .failure = on_failure,
        .known = on_known,
    };
}

/* What was asked of the listing: an unfinished one is only taken up when the same is asked again.
 */
static char *listing_params(const ptmi_mirror *mirror, const struct ptmi_hub_ops *hub)
{
    return ptmi_str_printf("abi=%d siblings=%d pages=%s", hub->abi, !mirror->opts.no_siblings,
                           mirror->opts.pages_dir ? mirror->opts.pages_dir : "");
}

/*
 * A list without one usable model, where there were some before or where all of it was refused, is
 * a hub (or something that answers in its place) having a bad day: what is known stays, and the
 * next run starts at the top.
 */
static ptm_rc check_not_empty(struct feed *feed, struct ptm_err *err)
{
    ptmi_catalog *catalog = feed->mirror->catalog;
    struct ptmi_hub_status status = {0};
    if (feed->listing.count + feed->models > 0) return PTM_OK;
    PTM_TRY(ptmi_catalog_status(catalog, feed->hub->name, &status, err));
    if (status.models == 0 && feed->failures == 0) return PTM_OK;
    PTM_TRY(ptmi_catalog_checkpoint(catalog, feed->listing.id, NULL, err));
    return ptm_err_set(err, PTM_EFORMAT,
                       "not one usable model in its list, %lld entries were refused; what is known "
                       "of %lld models stays",
                       (long long)feed->failures, (long long)status.models);
}

/* Runs op (the hub's list or parse, whichever delivers the records) as one listing of the
 * catalogue. */
static ptm_rc records_pass(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, const char *step,
                           ptm_rc (*op)(const struct ptmi_hub_env *, const struct ptmi_hub_sink *,
                                        struct ptm_err *),
                           struct ptmi_report *out, struct ptm_err *err)
{
    struct feed feed = {.mirror = mirror, .hub = hub, .only_present = op == hub->parse};
    struct ptmi_hub_env env;
    struct ptmi_hub_sink sink;
    PTM_AUTO(ptmi_freep) char *params = listing_params(mirror, hub);
    if (!params) return ptm_err_set(err, PTM_ENOMEM, "%s", hub->name);
    PTM_TRY(ptmi_catalog_listing_begin(mirror->catalog, hub->name, params, &feed.listing, err));
    if (feed.listing.resumed)
        ptmi_log(mirror->ctx, PTM_LOG_INFO, "mirror", "%s: taking up the list at %lld models",
                 hub->name, (long long)feed.listing.count);
    feed.task = ptmi_task_begin(mirror->ctx, PTM_TASK_STEP, hub->name, step, -1);
    fill_env(&feed, &env, &sink);
    /* A resumed listing does not meet again what failed in the pages it has behind it. */
    ptm_rc rc = feed.listing.resumed
                    ? PTM_OK
                    : ptmi_catalog_clear_failure(mirror->catalog, hub->name, NULL, step, err);
    if (rc == PTM_OK) rc = op(&env, &sink, err);
    if (rc == PTM_OK) rc = check_not_empty(&feed, err);
    if (rc == PTM_OK) rc = ptmi_catalog_listing_finish(mirror->catalog, feed.listing.id, err);
    if (rc < 0) ptmi_catalog_listing_abandon(mirror->catalog, feed.listing.id);
    ptmi_task_end(mirror->ctx, feed.task, rc);
    out->models = feed.listing.count + feed.models;
    out->failures += feed.failures;
    ptmi_listing_clear(&feed.listing);
    return rc < 0 ? ptm_err_ctx(err, rc, "%s: while listing", hub->name) : PTM_OK;
}

ptm_rc ptmi_mirror_list(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                        struct ptmi_report *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_lock_releasep) ptmi_lock *lock = NULL;
    PTM_AUTO(ptmi_freep) char *what = ptmi_str_printf("list-%s", hub->name);
    if (!what) return ptm_err_set(err, PTM_ENOMEM, "%s", hub->name);
    PTM_TRY(ptmi_mirror_lock(mirror, what, &lock, err));
    if (!hub->parse) return records_pass(mirror, hub, "list", hub->list, out, err);

    /* Such a hub's list is a repository: fetching it delivers no records yet. */
    struct feed feed = {.mirror = mirror, .hub = hub};
    struct ptmi_hub_env env;
    struct ptmi_hub_sink sink;
    feed.task = ptmi_task_begin(mirror->ctx, PTM_TASK_STEP, hub->name, "list", -1);
    fill_env(&feed, &env, &sink);
    ptm_rc rc = hub->list(&env, &sink, err);
    ptmi_task_end(mirror->ctx, feed.task, rc);
    out->failures += feed.failures;
    return rc < 0 ? ptm_err_ctx(err, rc, "%s: while listing", hub->name) : PTM_OK;
}

ptm_rc ptmi_mirror_parse(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                         struct ptmi_report *out, struct ptm_err *err)
{
    if (!hub->parse) return PTM_OK;
    PTM_AUTO(ptmi_lock_releasep) ptmi_lock *lock = NULL;
    PTM_AUTO(ptmi_freep) char *what = ptmi_str_printf("list-%s", hub->name);
    if (!what) return ptm_err_set(err, PTM_ENOMEM, "%s", hub->name);
    PTM_TRY(ptmi_mirror_lock(mirror, what, &lock, err));
    return records_pass(mirror, hub, "parse", hub->parse, out, err);
}

ptm_rc ptmi_mirror_list_one(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, const char *id,
                            const char *rev, struct ptmi_report *out, struct ptm_err *err)
{
    struct feed feed = {.mirror = mirror, .hub = hub, .rev = rev, .one = true};
    struct ptmi_hub_env env;
    struct ptmi_hub_sink sink;
    feed.task = ptmi_task_begin(mirror->ctx, PTM_TASK_STEP, hub->name, "list", 1);
    fill_env(&feed, &env, &sink);
    ptm_rc rc = hub->one(&env, id, rev, &sink, err);
    ptmi_task_end(mirror->ctx, feed.task, rc);
    out->models += feed.models;
    out->failures += feed.failures;
    return rc;
}
