/* SPDX-License-Identifier: MIT */
/*
 * hub_modelhub.c - Modelhub.ai: one file, models.json, names its repositories; each of them says
 * more in contrib_src/model/config.json.
 */
#include "hubs_priv.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/fs.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "../base/url.h"

#define LIST_URL "https://raw.githubusercontent.com/modelhub-ai/modelhub/master/models.json"
#define DOCUMENT "json/metadata/mh_metadata.json"
#define CONFIG "contrib_src/model/config.json"

/* --- the list --- */

struct listing {
    const struct ptmi_origin *from;
    const struct ptmi_hub_sink *sink;
    struct ptmi_arena arena;
    size_t n;
};

static ptm_rc map_entry(yyjson_val *obj, struct ptmi_arena *arena, struct ptm_model *out,
                        struct ptm_err *err)
{
    struct ptmi_arena_list backends = {0};
    out->name = ptmi_json_str(obj, "name");
    out->object_id = ptmi_json_str(obj, "id");
    if (!out->name || !*out->name)
        return ptm_err_set(err, PTM_EFORMAT, "an entry of models.json without a name");
    if (!out->object_id || !*out->object_id) out->object_id = out->name;
    out->key = out->object_id;
    out->task = ptmi_json_str(obj, "task_extended");
    out->repo_ref = ptmi_json_str(obj, "github_branch");
    if (out->repo_ref && !*out->repo_ref) out->repo_ref = NULL;
    bool done = ptmi_hub_link(ptmi_json_str(obj, "github"), arena, out) &&
                ptmi_json_strings(obj, "backend", arena, &backends);
    if (!done) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", out->name);
    if (!out->url) out->url = "https://modelhub.ai";
    if (!out->owner) out->owner = "modelhub.ai";
    if (!out->owner_url) out->owner_url = "https://modelhub.ai";
    out->tags = backends.items;
    out->n_tags = backends.n;
    /* "colab" is where a notebook runs, not what the model is made with. */
    for (size_t i = 0; i < backends.n && !out->library; i++)
        if (!ptmi_str_eq(backends.items[i], "colab")) out->library = backends.items[i];
    out->metadata_file = DOCUMENT;
    return PTM_OK;
}

static ptm_rc take_entry(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    struct listing *listing = arg;
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    struct ptm_model model = PTM_MODEL_INIT;
    struct ptm_err why = {0};
    char id[160], number[32];
    listing->n++;
    ptmi_arena_clear(&listing->arena);
    ptm_rc rc = ptmi_json_parse(item, len, listing->from->url, &doc, &why);
    if (rc == PTM_OK) rc = map_entry(yyjson_doc_get_root(doc), &listing->arena, &model, &why);
    if (rc == PTM_OK) {
        model.raw = item;
        model.raw_len = len;
        model.source_url = listing->from->url;
        model.fetched_at = listing->from->fetched_at;
        return listing->sink->model(listing->sink->arg, &model, err);
    }
    if (rc == PTM_ENOMEM) return ptm_err_set(err, rc, "%s", why.msg);
    snprintf(number, sizeof number, "entry %zu", listing->n);
    const char *name = doc ? ptmi_json_str(yyjson_doc_get_root(doc), "id") : NULL;
    ptmi_str_printable(id, sizeof id, name && *name ? name : number);
    return listing->sink->failure(listing->sink->arg, id, listing->from->url, &why, err);
}

static ptm_rc count_entry(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    (void)item, (void)len, (void)err;
    ++*(size_t *)arg;
    return PTM_OK;
}

ptm_rc ptmi_mh_list(const char *data, size_t len, const struct ptmi_origin *from,
                    const struct ptmi_hub_sink *sink, struct ptm_err *err)
{
    struct listing listing = {from, sink, PTMI_ARENA(4 * (size_t)PTM_LIMIT_RECORD), 0};
    size_t entries = 0;
    /* A cut file must not pass for a short list. */
    PTM_TRY(ptmi_hub_each_item(data, len, from->url, count_entry, &entries, err));
    if (entries == 0) return ptm_err_set(err, PTM_EFORMAT, "%s: lists no models", from->url);
    PTM_TRY(sink->document(sink->arg, DOCUMENT, data, len, from->url, err));
    ptm_rc rc = ptmi_hub_each_item(data, len, from->url, take_entry, &listing, err);
    ptmi_arena_clear(&listing.arena);
    return rc;
}

static ptm_rc list(const struct ptmi_hub_env *env, const struct ptmi_hub_sink *sink,
                   struct ptm_err *err)
{
    char now[32];
    struct ptm_net_response answer = {0};
    struct ptmi_origin from = {LIST_URL, now};
    ptm_rc rc = ptmi_hub_get(env, LIST_URL, NULL, 0, PTM_LIMIT_TEXT, &answer, err);
    ptmi_clock_now(now);
    if (rc == PTM_OK)
        rc = ptmi_mh_list(answer.body ? answer.body : "", answer.body_len, &from, sink, err);
    ptm_net_response_clear(&answer);
    return rc;
}

/* --- what a clone says --- */

static const char *text_of(yyjson_val *obj, const char *name)
{
    const char *text = ptmi_json_str(obj, name);
    return text && *text ? text : NULL;
}

/* doi = {10.x/y} of a BibTeX entry, and the arXiv number its other fields may hold as a link. */
static void papers_of_bibtex(const char *bibtex, struct ptmi_found *found)
{
    const char *at = bibtex ? strcasestr(bibtex, "doi") : NULL;
    if (at) ptmi_found_paper(found, ptmi_doi_in(at, found->arena));
}

/* A page that tells of the data is what the config has instead of a name:
 * "http://www.image-net.org/". */
static void dataset_of_source(const char *source, struct ptmi_found *found)
{
    struct ptm_dataset dataset = {0};
    struct ptmi_url url = {0};
    if (!source) return;
    if (ptmi_card_dataset_link(source, found->arena, &dataset)) {
        ptmi_found_add(found, &dataset);
    } else if (ptmi_url_parse(source, &url, NULL) == PTM_OK) {
        bool www = ptmi_str_starts(url.host, "www.") && url.host[4];
        const char *host = www ? url.host + 4 : url.host;
        dataset.name = dataset.owner = ptmi_arena_strdup(found->arena, host);
        dataset.url = ptmi_arena_strdup(found->arena, source);
        dataset.owner_url = ptmi_arena_printf(found->arena, "%s://%s/", url.scheme, url.host);
        if (dataset.name && *dataset.name) ptmi_found_add(found, &dataset);
    }
    ptmi_url_clear(&url);
}

ptm_rc ptmi_mh_config(const char *data, size_t len, struct ptmi_arena *arena,
                      struct ptmi_facts *facts, struct ptm_err *err)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    struct ptmi_found found = {.arena = arena};
    PTM_TRY(ptmi_json_parse(data, len, CONFIG, &doc, err));
    yyjson_val *root = yyjson_doc_get_root(doc), *meta = ptmi_json_get(root, "meta"),
               *model = ptmi_json_get(root, "model"), *paper = ptmi_json_get(root, "publication");
    const char *task = text_of(meta, "task_extended"), *license = text_of(model, "license");
    const char *architecture = text_of(model, "architecture");
    const char *url = text_of(paper, "url"), *doi = text_of(paper, "doi");

    /* Its own words on the model come before what a README's links suggest. */
    if (url) url = ptmi_arena_strdup(arena, url);
    ptmi_found_paper(&found, doi ? ptmi_doi_in(doi, arena) : NULL);
    ptmi_found_paper(&found, url);
    ptmi_found_paper(&found, url ? ptmi_doi_in(url, arena) : NULL);
    papers_of_bibtex(text_of(paper, "bibtex"), &found);
    dataset_of_source(text_of(meta, "data_source"), &found);
    ptmi_found_adopt(&found, facts);
    if (architecture) facts->architecture = ptmi_arena_strdup(arena, architecture);
    if (task) facts->task = ptmi_arena_strdup(arena, task);
    if (license && !facts->license) facts->license = ptmi_arena_strdup(arena, license);
    facts->datasets = found.datasets;
    facts->n_datasets = found.n_datasets;
    facts->paper_dois = found.papers.items;
    facts->n_paper_dois = found.papers.n;
    return found.failed ? ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", CONFIG) : PTM_OK;
}

static ptm_rc describe(const char *dir, const char *repo_path, struct ptmi_arena *arena,
                       struct ptmi_facts *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0;
    struct ptm_err why = {0};
    PTM_TRY(ptmi_card_describe(dir, repo_path, arena, out, err));
    ptm_rc rc = ptmi_fs_read_beneath(dir, CONFIG, PTM_LIMIT_TEXT, &text, &len, &why);
    if (rc == PTM_OK) rc = ptmi_mh_config(text, len, arena, out, &why);
    /* A repository without one, or with one that is not JSON, is described by the rest. */
    if (rc == PTM_OK || rc == PTM_ENOENT || rc == PTM_EFORMAT || rc == PTM_EUNSAFE) return PTM_OK;
    return ptm_err_set(err, rc, "%s", why.msg);
}

const struct ptmi_hub_ops ptmi_hub_modelhub = {
    .abi = PTMI_HUB_ABI,
    .name = "modelhub",
    .title = "Modelhub.ai",
    .url = "https://modelhub.ai",
    .summary = "33 medical and vision models of modelhub.ai, on GitHub",
    .size = "721 MB",
    .list = list,
    .describe = describe,
};
