/* SPDX-License-Identifier: MIT */
/*
 * hub_modelzoo.c - ModelZoo.co: one list of models, then one request a model, several at once.
 *
 * Answers come in any order; a ring of jobs keeps as many under way as are wanted, and the listing
 * thread delivers them in list order, so that two runs write the same files. The models'
 * repositories are wherever their links point: mostly GitHub, often into a folder, sometimes
 * nowhere.
 */
#include "hubs_priv.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/grow.h"
#include "../base/hash.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/pool.h"
#include "../base/str.h"
#include "../base/url.h"

#define SITE "https://modelzoo.co/"
#define LIST_URL SITE "api/models/0/"
#define LIST_FILE "json/metadata/mz_metadata.json"
#define MODELS_FILE "json/metadata/mz_models_metadata.json"
#define SUFFIX "_metadata.json"

/* The site answers its API only to requests that seem to come from its own pages. */
static const char *const headers[] = {"Referer: " SITE};

enum {
    CHECKPOINT_EVERY = 50, /* models: what a kill costs at most */
    GIVE_UP_AFTER = 20, /* models in a row that the network or the site kept from us: it is not the
                           models' fault then */
};

/* --- the list
 * ------------------------------------------------------------------------------------------ */

void ptmi_mz_list_clear(struct ptmi_mz_list *list)
{
    for (size_t i = 0; i < list->n; i++) free(list->entries[i].slug);
    free(list->entries);
    *list = (struct ptmi_mz_list){0};
}

static int by_slug(const void *a, const void *b)
{
    const struct ptmi_mz_entry *const *x = a, *const *y = b;
    int order = strcmp((*x)->slug, (*y)->slug);
    return order ? order : (*x < *y ? -1 : *x > *y);
}

/* Keeps the first entry of each slug, in list order. */
static ptm_rc drop_doubles(struct ptmi_mz_list *list, struct ptm_err *err)
{
    size_t kept = 0;
    PTM_AUTO(ptmi_freep) struct ptmi_mz_entry **sorted = calloc(list->n + 1, sizeof *sorted);
    PTM_AUTO(ptmi_freep) bool *is_double = calloc(list->n + 1, sizeof *is_double);
    if (!sorted || !is_double) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    for (size_t i = 0; i < list->n; i++) sorted[i] = &list->entries[i];
    qsort(sorted, list->n, sizeof *sorted, by_slug);
    for (size_t i = 1; i < list->n; i++)
        if (strcmp(sorted[i]->slug, sorted[i - 1]->slug) == 0)
            is_double[sorted[i] - list->entries] = true;
    for (size_t i = 0; i < list->n; i++) {
        if (is_double[i])
            free(list->entries[i].slug);
        else
            list->entries[kept++] = list->entries[i];
    }
    list->n = kept;
    return PTM_OK;
}

struct list_arg {
    const struct ptmi_origin *from;
    const struct ptmi_hub_sink *sink;
    struct ptmi_mz_list *list;
    size_t seen;
};

static ptm_rc add_entry(struct ptmi_mz_list *list, const char *slug, const char *raw, size_t len,
                        struct ptm_err *err)
{
    struct ptmi_mz_entry *grown = ptmi_grown(list->entries, list->n, &list->cap, sizeof *grown);
    if (!grown) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    list->entries = grown;
    char *copy = strdup(slug);
    if (!copy) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    list->entries[list->n++] = (struct ptmi_mz_entry){copy, raw, len};
    return PTM_OK;
}

/* The slug names a file and a URL: it must be a plain name, short enough for its suffix. */
static ptm_rc check_slug(const char *slug, struct ptm_err *err)
{
    char shown[160];
    if (!slug || !*slug)
        return ptm_err_set(err, PTM_EFORMAT, "an entry of the list without a slug");
    ptmi_str_printable(shown, sizeof shown, slug);
    if (strlen(slug) + strlen(SUFFIX) > PTM_LIMIT_NAME)
        return ptm_err_set(err, PTM_EUNSAFE, "slug \"%s\": too long for a file name", shown);
    ptm_rc rc = ptmi_path_check_name(slug, err);
    return rc == PTM_OK ? rc : ptm_err_ctx(err, rc, "slug \"%s\"", shown);
}

static ptm_rc take_entry(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    struct list_arg *list = arg;
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    struct ptm_err why = {0};
    char id[160];
    const char *slug = NULL;
    if (++list->seen > PTM_LIMIT_ITEMS)
        return ptm_err_set(err, PTM_ELIMIT, "%s: more than %d models", list->from->url,
                           PTM_LIMIT_ITEMS);
    ptm_rc rc = len > PTM_LIMIT_RECORD ? ptm_err_set(&why, PTM_ELIMIT, "an entry of %zu bytes", len)
                                       : ptmi_json_parse(item, len, list->from->url, &doc, &why);
    if (rc == PTM_OK) {
        slug = ptmi_json_str(yyjson_doc_get_root(doc), "slug");
        rc = check_slug(slug, &why);
    }
    if (rc == PTM_OK) return add_entry(list->list, slug, item, len, err);
    if (rc == PTM_ENOMEM) return ptm_err_set(err, rc, "%s", why.msg);
    if (slug && *slug)
        ptmi_str_printable(id, sizeof id, slug);
    else
        snprintf(id, sizeof id, "entry %zu", list->seen);
    return list->sink->failure(list->sink->arg, id, list->from->url, &why, err);
}

static ptm_rc count_entry(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    (void)item, (void)len, (void)err;
    ++*(size_t *)arg;
    return PTM_OK;
}

/* The array of the answer. One record that is no JSON must not take the list with it, so only what
 * is not whole at all goes to the strict reader, for its words. */
static ptm_rc find_models(const char *data, size_t len, const struct ptmi_origin *from,
                          const char **out, size_t *out_len, struct ptm_err *err)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    if (ptmi_hub_member(data, len, "models", out, out_len)) return PTM_OK;
    PTM_TRY(ptmi_json_parse(data, len, from->url, &doc, err));
    return ptm_err_set(err, PTM_EFORMAT, "%s: has no \"models\"", from->url);
}

ptm_rc ptmi_mz_parse_list(const char *data, size_t len, const struct ptmi_origin *from,
                          const struct ptmi_hub_sink *sink, struct ptmi_mz_list *out,
                          struct ptm_err *err)
{
    PTM_AUTO(ptmi_mz_list_clear) struct ptmi_mz_list list = {0};
    struct list_arg arg = {from, sink, &list, 0};
    const char *models = NULL;
    size_t models_len = 0, entries = 0;
    PTM_TRY(find_models(data, len, from, &models, &models_len, err));
    PTM_TRY(ptmi_hub_each_item(models, models_len, from->url, count_entry, &entries, err));
    if (entries == 0) return ptm_err_set(err, PTM_EFORMAT, "%s: lists no models", from->url);
    PTM_TRY(ptmi_hub_each_item(models, models_len, from->url, take_entry, &arg, err));
    PTM_TRY(drop_doubles(&list, err));
    *out = list;
    list = (struct ptmi_mz_list){0};
    return PTM_OK;
}

/* --- one model
 * ------------------------------------------------------------------------------------------- */

static void map_categories(yyjson_val *obj, struct ptmi_arena *arena, struct ptm_model *out)
{
    yyjson_val *list = ptmi_json_get(obj, "categories"), *item;
    struct ptmi_arena_list tags = {0};
    size_t i, n;
    if (!yyjson_is_arr(list)) return;
    yyjson_arr_foreach(list, i, n, item)
    {
        const char *title = ptmi_json_str(item, "title"), *slug = ptmi_json_str(item, "slug");
        if (i == 0 && title && *title) out->task = title;
        if (slug && *slug && !ptmi_arena_list_add(arena, &tags, slug)) break;
    }
    out->tags = tags.items;
    out->n_tags = tags.n;
}

/* papers: {title: url} or null. */
static void map_papers(yyjson_val *obj, struct ptmi_found *found, struct ptm_model *out)
{
    yyjson_val *papers = ptmi_json_get(obj, "papers"), *name, *value;
    size_t i, n;
    if (!yyjson_is_obj(papers)) return;
    yyjson_obj_foreach(papers, i, n, name, value)
    {
        (void)name;
        const char *link = yyjson_is_str(value) ? yyjson_get_str(value) : NULL;
        if (!link || strlen(link) != yyjson_get_len(value)) continue;
        ptmi_found_paper(found, link);
        ptmi_found_paper(found, ptmi_doi_in(link, found->arena));
    }
    out->paper_dois = found->papers.items;
    out->n_paper_dois = found->papers.n;
}

static ptm_rc map_model(yyjson_val *obj, const char *slug, int64_t number, struct ptmi_arena *arena,
                        struct ptm_model *out, struct ptm_err *err)
{
    struct ptmi_found found = {.arena = arena};
    if (!yyjson_is_obj(obj)) return ptm_err_set(err, PTM_EFORMAT, "not a JSON object");
    out->key = slug;
    out->object_id = ptmi_arena_printf(arena, "%" PRId64, number);
    out->object_id_is_int = true;
    out->name = ptmi_json_str(obj, "title");
    if (!out->name || !*out->name) out->name = slug;
    bool done = ptmi_hub_link(ptmi_json_str(obj, "link"), arena, out);
    if (!out->url) out->url = ptmi_arena_printf(arena, SITE "model/%s/", slug);
    if (!out->owner) out->owner = "modelzoo.co";
    if (!out->owner_url) out->owner_url = SITE;
    out->library = ptmi_json_str(obj, "framework");
    map_categories(obj, arena, out);
    map_papers(obj, &found, out);
    out->metadata_file = MODELS_FILE;
    if (!done || found.failed || !out->object_id || !out->url)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", slug);
    return PTM_OK;
}

ptm_rc ptmi_mz_deliver(const char *data, size_t len, const char *slug, int64_t number,
                       const struct ptmi_origin *from, const struct ptmi_hub_sink *sink,
                       struct ptm_err *err)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    struct ptmi_arena arena = PTMI_ARENA(4 * (size_t)PTM_LIMIT_RECORD);
    struct ptm_model model = PTM_MODEL_INIT;
    PTM_TRY(ptmi_json_parse(data, len, from->url, &doc, err));
    ptm_rc rc = map_model(yyjson_doc_get_root(doc), slug, number, &arena, &model, err);
    if (rc != PTM_OK) {
        rc = ptm_err_ctx(err, rc, "%s", from->url);
    } else {
        model.raw = ptmi_hub_trim(data, len, &model.raw_len);
        model.source_url = from->url;
        model.fetched_at = from->fetched_at;
        rc = sink->model(sink->arg, &model, err);
    }
    ptmi_arena_clear(&arena);
    return rc;
}

/* Does data hold what a model's page should? The reference saved error statuses ("404") as models.
 */
static ptm_rc check_model(const char *data, size_t len, const char *url, struct ptm_err *err)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    PTM_TRY(ptmi_json_parse(data, len, url, &doc, err));
    if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
        return ptm_err_set(err, PTM_EFORMAT, "%s: not a JSON object", url);
    return PTM_OK;
}

/* --- many models at once
 * ----------------------------------------------------------------------------------- */

struct ring;
struct job {
    struct ring *ring;
    char *url;
    struct ptm_net_response answer;
    struct ptm_err err;
    ptm_rc rc;
    char fetched_at[32];
    bool finished; /* under ring->lock */
};

struct ring {
    const struct ptmi_hub_env *env;
    const struct ptmi_hub_sink *sink;
    struct ptmi_mz_list list;
    char list_hash[65];
    char list_time[32];
    pthread_mutex_t lock;
    pthread_cond_t finished;
    ptmi_pool *pool;
    struct job *jobs; /* job of entry i is jobs[i % n_jobs] */
    size_t n_jobs;
    size_t submitted;
};

static void run_job(void *arg)
{
    struct job *job = arg;
    struct ring *ring = job->ring;
    if (ptm_ctx_canceled(ring->env->ctx))
        job->rc = ptm_err_set(&job->err, PTM_ECANCELED, "interrupted");
    else
        job->rc =
            ptmi_hub_get(ring->env, job->url, headers, 1, PTM_LIMIT_TEXT, &job->answer, &job->err);
    if (job->rc == PTM_OK)
        job->rc = check_model(job->answer.body ? job->answer.body : "", job->answer.body_len,
                              job->url, &job->err);
    ptmi_clock_now(job->fetched_at);
    pthread_mutex_lock(&ring->lock);
    job->finished = true;
    pthread_cond_signal(&ring->finished); /* only the listing thread waits */
    pthread_mutex_unlock(&ring->lock);
}

static void job_reset(struct job *job)
{
    struct ring *ring = job->ring;
    free(job->url);
    ptm_net_response_clear(&job->answer);
    *job = (struct job){.ring = ring};
}

/* Keeps the ring full up to entry at + n_jobs. */
static ptm_rc submit(struct ring *ring, size_t at, struct ptm_err *err)
{
    while (ring->submitted < ring->list.n && ring->submitted < at + ring->n_jobs) {
        struct job *job = &ring->jobs[ring->submitted % ring->n_jobs];
        job_reset(job);
        PTM_AUTO(ptmi_freep)
        char *slug = ptmi_url_encode(ring->list.entries[ring->submitted].slug, false);
        job->url = slug ? ptmi_str_printf(SITE "api/models/%s/", slug) : NULL;
        if (!job->url) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
        ring->submitted++;
        ptmi_pool_submit(ring->pool, run_job, job);
    }
    return PTM_OK;
}

static struct job *await(struct ring *ring, size_t at)
{
    struct job *job = &ring->jobs[at % ring->n_jobs];
    pthread_mutex_lock(&ring->lock);
    while (!job->finished) pthread_cond_wait(&ring->finished, &ring->lock);
    pthread_mutex_unlock(&ring->lock);
    return job;
}

/* No use in asking for the others when it is not this model's fault. */
static bool is_fatal(ptm_rc rc)
{
    return rc == PTM_ECANCELED || rc == PTM_ENOMEM || rc == PTM_EOFFLINE || rc == PTM_ECONFIG;
}

static ptm_rc deliver_answer(struct ring *ring, size_t at, const struct job *job,
                             struct ptm_err *err)
{
    const struct ptmi_mz_entry *entry = &ring->list.entries[at];
    const struct ptmi_origin from = {job->url, job->fetched_at};
    char path[PTM_LIMIT_NAME + 64];
    snprintf(path, sizeof path, "json/metadata/models/%s" SUFFIX, entry->slug);
    PTM_TRY(ring->sink->document(ring->sink->arg, path, job->answer.body, job->answer.body_len,
                                 job->url, err));
    return ptmi_mz_deliver(job->answer.body, job->answer.body_len, entry->slug, (int64_t)at, &from,
                           ring->sink, err);
}

/* What the model's own page does not tell, its line in the list does. */
static ptm_rc deliver_entry(struct ring *ring, size_t at, const struct job *job,
                            struct ptm_err *err)
{
    const struct ptmi_mz_entry *entry = &ring->list.entries[at];
    const struct ptmi_origin from = {LIST_URL, ring->list_time};
    PTM_TRY(ring->sink->failure(ring->sink->arg, entry->slug, job->url, &job->err, err));
    return ptmi_mz_deliver(entry->raw, entry->raw_len, entry->slug, (int64_t)at, &from, ring->sink,
                           err);
}

static ptm_rc save(const struct ring *ring, size_t next, struct ptm_err *err)
{
    char token[160];
    snprintf(token, sizeof token, "{\"v\":1,\"list\":\"%s\",\"next\":%zu}", ring->list_hash, next);
    return ring->sink->checkpoint(ring->sink->arg, token, err);
}

/* Where an unfinished listing goes on: only when the list is still the same. */
static size_t resume_at(const struct ring *ring)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    const char *token = ring->env->token;
    if (!token || ptmi_json_parse(token, strlen(token), "resume token", &doc, NULL) != PTM_OK)
        return 0;
    yyjson_val *root = yyjson_doc_get_root(doc);
    int64_t next = ptmi_json_int(root, "next", 0);
    bool same = ptmi_str_eq(ptmi_json_str(root, "list"), ring->list_hash);
    return same && next > 0 && (uint64_t)next <= ring->list.n ? (size_t)next : 0;
}

/* The answer of one entry into the sink; *lost counts those in a row that a later try may bring. */
static ptm_rc deliver_one(struct ring *ring, size_t at, const struct job *job, int *lost,
                          struct ptm_err *err)
{
    *lost = job->rc != PTM_OK && job->err.retryable ? *lost + 1 : 0;
    if (job->rc == PTM_ECANCELED) PTM_TRY(save(ring, at, err));
    if (job->rc != PTM_OK && (is_fatal(job->rc) || *lost >= GIVE_UP_AFTER)) {
        if (err) *err = job->err;
        return job->rc;
    }
    return job->rc == PTM_OK ? deliver_answer(ring, at, job, err)
                             : deliver_entry(ring, at, job, err);
}

static ptm_rc deliver_all(struct ring *ring, struct ptm_err *err)
{
    size_t start = resume_at(ring), saved = start;
    int lost = 0;
    ring->submitted = start;
    for (size_t at = start; at < ring->list.n; at++) {
        if (ptm_ctx_canceled(ring->env->ctx)) {
            PTM_TRY(save(ring, at, err));
            return ptm_err_set(err, PTM_ECANCELED, "interrupted");
        }
        PTM_TRY(submit(ring, at, err));
        PTM_TRY(deliver_one(ring, at, await(ring, at), &lost, err));
        ptmi_task_progress(ring->env->ctx, ring->env->task, (int64_t)at + 1, (int64_t)ring->list.n);
        /* Not amid failures: after giving up, the next run asks for these again. */
        if (lost > 0 || at + 1 - saved < CHECKPOINT_EVERY) continue;
        saved = at + 1;
        PTM_TRY(save(ring, saved, err));
    }
    return save(ring, ring->list.n, err);
}

static ptm_rc fetch_models(struct ring *ring, struct ptm_err *err)
{
    int threads = ring->env->jobs > 0 ? ring->env->jobs : 1;
    ring->n_jobs = 2 * (size_t)threads;
    ring->jobs = calloc(ring->n_jobs, sizeof *ring->jobs);
    if (!ring->jobs) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    for (size_t i = 0; i < ring->n_jobs; i++) ring->jobs[i].ring = ring;
    PTM_TRY(ptmi_pool_new(threads, &ring->pool, err));
    ptm_rc rc = deliver_all(ring, err);
    ptmi_pool_free(ring->pool); /* waits: nobody writes to the jobs any more */
    return rc;
}

static ptm_rc fetch_list(struct ring *ring, struct ptm_net_response *answer, struct ptm_err *err)
{
    PTM_TRY(ptmi_hub_get(ring->env, LIST_URL, headers, 1, PTM_LIMIT_PAGE, answer, err));
    const char *body = answer->body ? answer->body : "";
    struct ptmi_origin from = {LIST_URL, ptmi_clock_now(ring->list_time)};
    PTM_TRY(ptmi_hash_bytes(PTMI_SHA256, body, answer->body_len, ring->list_hash, err));
    PTM_TRY(ptmi_mz_parse_list(body, answer->body_len, &from, ring->sink, &ring->list, err));
    return ring->sink->document(ring->sink->arg, LIST_FILE, body, answer->body_len, LIST_URL, err);
}

static ptm_rc list(const struct ptmi_hub_env *env, const struct ptmi_hub_sink *sink,
                   struct ptm_err *err)
{
    struct ptm_net_response answer = {0}; /* list entries point into it */
    struct ring ring = {.env = env,
                        .sink = sink,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .finished = PTHREAD_COND_INITIALIZER};
    ptm_rc rc = fetch_list(&ring, &answer, err);
    if (rc == PTM_OK) rc = fetch_models(&ring, err);
    for (size_t i = 0; ring.jobs && i < ring.n_jobs; i++) job_reset(&ring.jobs[i]);
    free(ring.jobs);
    ptmi_mz_list_clear(&ring.list);
    ptm_net_response_clear(&answer);
    pthread_cond_destroy(&ring.finished);
    pthread_mutex_destroy(&ring.lock);
    return rc;
}

static const struct ptmi_hub_array arrays[] = {{MODELS_FILE, true}, {0}};

const struct ptmi_hub_ops ptmi_hub_modelzoo = {
    .abi = PTMI_HUB_ABI,
    .name = "modelzoo",
    .title = "ModelZoo",
    .url = "https://modelzoo.co",
    .summary = "the models of modelzoo.co, repositories all over GitHub",
    .size = "151 GB",
    .caps = PTMI_HUB_RESUMABLE,
    .arrays = arrays,
    .list = list,
};
