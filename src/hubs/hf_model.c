/* SPDX-License-Identifier: MIT */
/*
 * hf_model.c - one model of the Hugging Face API as a struct ptm_model. Every field is optional and
 * of any type: what has the wrong type counts as absent, only a missing or dangerous id makes the
 * item a failure. Fetching and paging are hub_huggingface.c's.
 */
#include "hubs_priv.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"

#define HF "https://huggingface.co/"

/* The hub's own rule: letters, digits, '_', '.', '-'. Anything else would also change the meaning
 * of the URL it goes into. */
static ptm_rc check_part(const char *id, const char *part, struct ptm_err *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    char shown[160];
    ptmi_str_printable(shown, sizeof shown, id);
    if (ptmi_path_check_name(part, err) != PTM_OK)
        return ptm_err_ctx(err, PTM_EUNSAFE, "model id \"%s\"", shown);
    if (part[strspn(part, allowed)])
        return ptm_err_set(err, PTM_EUNSAFE, "model id \"%s\": a character no id may have", shown);
    return PTM_OK;
}

ptm_rc ptmi_hf_check_id(const char *id, struct ptm_err *err)
{
    char owner[PTM_LIMIT_NAME + 1];
    const char *slash = strchr(id, '/');
    if (!slash) return check_part(id, id, err);
    size_t len = (size_t)(slash - id);
    if (len >= sizeof owner)
        return ptm_err_set(err, PTM_EUNSAFE, "model id of %zu bytes: its owner is too long",
                           strlen(id));
    memcpy(owner, id, len);
    owner[len] = '\0';
    PTM_TRY(check_part(id, owner, err));
    return check_part(id, slash + 1, err);
}

/* A time as the hub writes it, else NULL. */
static const char *iso(yyjson_val *obj, const char *name)
{
    int64_t seconds;
    const char *text = ptmi_json_str(obj, name);
    return text && ptmi_clock_parse_iso(text, &seconds) ? text : NULL;
}

static int64_t count(yyjson_val *obj, const char *name)
{
    int64_t n = ptmi_json_int(obj, name, -1);
    return n < 0 ? -1 : n;
}

/* First string of a string or list member. */
static const char *first_string(yyjson_val *obj, const char *name)
{
    const char *text = ptmi_json_str(obj, name);
    if (text) return *text ? text : NULL;
    yyjson_val *list = ptmi_json_get(obj, name);
    yyjson_val *item = yyjson_is_arr(list) ? yyjson_arr_get_first(list) : NULL;
    text = yyjson_is_str(item) ? yyjson_get_str(item) : NULL;
    return text && *text && strlen(text) == yyjson_get_len(item) ? text : NULL;
}

static ptm_access access_of(yyjson_val *obj)
{
    if (ptmi_json_bool(obj, "disabled", false)) return PTM_ACCESS_DISABLED;
    if (ptmi_json_bool(obj, "private", false)) return PTM_ACCESS_PRIVATE;
    /* false, true, or how the terms are granted: "auto", "manual". */
    const char *gated = ptmi_json_str(obj, "gated");
    if (ptmi_json_bool(obj, "gated", false) || (gated && *gated && !ptmi_str_eq(gated, "false")))
        return PTM_ACCESS_GATED;
    return PTM_ACCESS_OPEN;
}

static bool map_identity(yyjson_val *obj, struct ptmi_arena *arena, struct ptm_model *out)
{
    const char *id = out->name, *key = ptmi_json_str(obj, "_id");
    const char *author = ptmi_json_str(obj, "author"), *slash = strchr(id, '/');
    /* Names move, _id stays; an answer that leaves it out is keyed by its name. */
    bool usable = key && *key && strlen(key) <= 64 && ptmi_str_is_text(key, strlen(key));
    out->key = out->object_id = usable ? key : id;
    if (!author || !*author || ptmi_path_check_name(author, NULL) != PTM_OK) {
        author = slash ? ptmi_arena_strndup(arena, id, (size_t)(slash - id)) : NULL;
        if (slash && !author) return false;
    }
    /* A single-name model has no owner: the reference wrote the hub's own address there. */
    out->owner = author ? author : "http://huggingface.co/";
    out->owner_url = author ? ptmi_arena_printf(arena, HF "%s", author) : HF;
    out->url = out->clone_url = ptmi_arena_printf(arena, HF "%s", id);
    return out->url && out->owner_url;
}

static void map_scalars(yyjson_val *obj, struct ptm_model *out)
{
    yyjson_val *config = ptmi_json_get(obj, "config"), *gguf = ptmi_json_get(obj, "gguf");
    const char *sha = ptmi_json_str(obj, "sha");
    out->sha = sha && ptmi_str_is_hex(sha, 40) ? sha : NULL;
    out->task = ptmi_json_str(obj, "pipeline_tag");
    out->library = ptmi_json_str(obj, "library_name");
    out->architecture = first_string(config, "model_type");
    if (!out->architecture) out->architecture = first_string(config, "architectures");
    if (!out->architecture) out->architecture = first_string(gguf, "architecture");
    out->created_at = iso(obj, "createdAt");
    out->last_modified = iso(obj, "lastModified");
    out->access = access_of(obj);
    out->downloads = count(obj, "downloads");
    out->downloads_all = count(obj, "downloadsAllTime");
    out->likes = count(obj, "likes");
    out->used_storage = count(obj, "usedStorage");
    out->parameters = count(ptmi_json_get(obj, "safetensors"), "total");
    if (out->parameters < 0) out->parameters = count(gguf, "total");
}

static const char *after(const char *text, const char *prefix)
{
    return ptmi_str_starts(text, prefix) ? text + strlen(prefix) : NULL;
}

static void map_license(yyjson_val *card, struct ptm_model *out)
{
    for (size_t i = 0; i < out->n_tags && !out->license; i++)
        out->license = after(out->tags[i], "license:");
    if (!out->license) out->license = first_string(card, "license");
    /* "other" says nothing; the card then names the licence. */
    const char *name = first_string(card, "license_name");
    if (name && (!out->license || ptmi_str_eq(out->license, "other"))) out->license = name;
}

static bool too_many(yyjson_val *obj, const char *name)
{
    yyjson_val *list = ptmi_json_get(obj, name);
    return yyjson_is_arr(list) && yyjson_arr_size(list) > PTM_LIMIT_ITEMS;
}

/* Every string of a member that may be a string or a list. */
static void each_string(yyjson_val *obj, const char *name, struct ptmi_found *found,
                        void (*add)(struct ptmi_found *, const char *))
{
    struct ptmi_arena_list list = {0};
    if (too_many(obj, name)) return;
    if (!ptmi_json_strings(obj, name, found->arena, &list)) found->failed = true;
    for (size_t i = 0; i < list.n; i++) add(found, list.items[i]);
}

static void add_arxiv(struct ptmi_found *found, const char *id)
{
    /* A card writes the bare number as often as the link. */
    ptmi_found_paper(found, id);
    ptmi_found_paper(found, ptmi_arena_printf(found->arena, "arxiv:%s", id));
}

static void add_doi(struct ptmi_found *found, const char *id)
{
    ptmi_found_paper(found, id);
    ptmi_found_paper(found, ptmi_arena_printf(found->arena, "doi:%s", id));
}

static void map_found(yyjson_val *card, struct ptmi_found *found, struct ptm_model *out)
{
    static const char *const paper_keys[] = {"paper", "papers", "paper_url"};
    for (size_t i = 0; i < out->n_tags; i++) {
        const char *id = after(out->tags[i], "dataset:");
        if (id) ptmi_found_dataset(found, id);
        if (after(out->tags[i], "doi:") || after(out->tags[i], "arxiv:"))
            ptmi_found_paper(found, out->tags[i]);
    }
    each_string(card, "datasets", found, ptmi_found_dataset);
    each_string(card, "arxiv", found, add_arxiv);
    each_string(card, "doi", found, add_doi);
    for (size_t i = 0; i < sizeof paper_keys / sizeof paper_keys[0]; i++)
        each_string(card, paper_keys[i], found, ptmi_found_paper);
    out->datasets = found->datasets;
    out->n_datasets = found->n_datasets;
    out->paper_dois = found->papers.items;
    out->n_paper_dois = found->papers.n;
}

/* One {relation, models: [{_id, id}]}. */
static bool add_relation(yyjson_val *obj, struct ptmi_arena *arena, struct ptmi_arena_list *list)
{
    const char *relation = ptmi_json_str(obj, "relation");
    yyjson_val *models = ptmi_json_get(obj, "models"), *item;
    size_t i, n;
    if (!yyjson_is_arr(models)) return true;
    yyjson_arr_foreach(models, i, n, item)
    {
        const char *id = ptmi_json_str(item, "id");
        if (!id || !*id || list->n >= PTM_LIMIT_FACTS) continue;
        if (relation && *relation) id = ptmi_arena_printf(arena, "%s:%s", relation, id);
        if (!id || !ptmi_arena_list_add(arena, list, id)) return false;
    }
    return true;
}

/* Does list say more of this parent already ("quantized:parent")? */
static bool has_parent(const struct ptmi_arena_list *list, const char *parent)
{
    for (size_t i = 0; i < list->n; i++) {
        const char *colon = strchr(list->items[i], ':');
        if (ptmi_str_eq(colon ? colon + 1 : list->items[i], parent)) return true;
    }
    return false;
}

/* base_model:RELATION:PARENT and base_model:PARENT come side by side; the former first, the latter
 * where it adds something. */
static bool base_models_of_tags(const struct ptm_model *model, struct ptmi_arena *arena,
                                struct ptmi_arena_list *list)
{
    for (int plain = 0; plain < 2; plain++)
        for (size_t i = 0; i < model->n_tags && list->n < PTM_LIMIT_FACTS; i++) {
            const char *parent = after(model->tags[i], "base_model:");
            if (!parent || !*parent || (strchr(parent, ':') == NULL) != (plain == 1)) continue;
            if (plain && has_parent(list, parent)) continue;
            if (!ptmi_arena_list_add(arena, list, parent)) return false;
        }
    return true;
}

static bool map_base_models(yyjson_val *obj, struct ptmi_arena *arena, struct ptm_model *out)
{
    struct ptmi_arena_list list = {0};
    yyjson_val *base = ptmi_json_get(obj, "baseModels"), *item;
    size_t i, n;
    if (yyjson_is_obj(base) && !add_relation(base, arena, &list)) return false;
    if (yyjson_is_arr(base))
        yyjson_arr_foreach(base, i, n, item) if (!add_relation(item, arena, &list)) return false;
    if (!list.n && !base_models_of_tags(out, arena, &list)) return false;
    out->base_models = list.items;
    out->n_base_models = list.n;
    return true;
}

static bool map_files(yyjson_val *obj, struct ptmi_arena *arena, struct ptm_model *out)
{
    yyjson_val *siblings = ptmi_json_get(obj, "siblings"), *item;
    size_t i, n = yyjson_is_arr(siblings) ? yyjson_arr_size(siblings) : 0;
    if (n == 0) return true;
    struct ptm_file *files = ptmi_arena_alloc(arena, n * sizeof *files);
    if (!files) return false;
    yyjson_arr_foreach(siblings, i, n, item)
    {
        const char *path = ptmi_json_str(item, "rfilename");
        if (!path || !*path || strlen(path) > PTM_LIMIT_PATH) continue;
        yyjson_val *lfs = ptmi_json_get(item, "lfs");
        /* Without access the hub masks hashes with asterisks. */
        const char *sha256 = ptmi_json_str(lfs, "sha256");
        int64_t size = count(item, "size");
        files[out->n_files++] = (struct ptm_file){
            .path = path,
            .size = size >= 0 ? size : count(lfs, "size"),
            .sha256 = sha256 && ptmi_str_is_hex(sha256, 64) ? sha256 : NULL,
        };
    }
    out->files = files;
    return true;
}

ptm_rc ptmi_hf_map(yyjson_val *obj, struct ptmi_arena *arena, struct ptm_model *out,
                   struct ptm_err *err)
{
    struct ptm_model model = PTM_MODEL_INIT;
    struct ptmi_found found = {.arena = arena};
    struct ptmi_arena_list tags = {0};
    if (!yyjson_is_obj(obj)) return ptm_err_set(err, PTM_EFORMAT, "not a JSON object");
    model.name = ptmi_json_str(obj, "id");
    if (!model.name) model.name = ptmi_json_str(obj, "modelId");
    if (!model.name || !*model.name)
        return ptm_err_set(err, PTM_EFORMAT, "a model without a usable id");
    PTM_TRY(ptmi_hf_check_id(model.name, err));

    if (too_many(obj, "tags") || too_many(obj, "siblings"))
        return ptm_err_set(err, PTM_ELIMIT, "%s: a list of more than %d items", model.name,
                           PTM_LIMIT_ITEMS);

    /* Below these caps the arena holds whatever a record of PTM_LIMIT_RECORD bytes can hold: what
     * fails then is memory. */
    yyjson_val *card = ptmi_json_get(obj, "cardData");
    bool done = map_identity(obj, arena, &model) && ptmi_json_strings(obj, "tags", arena, &tags);
    model.tags = tags.items;
    model.n_tags = tags.n;
    map_scalars(obj, &model);
    map_license(card, &model);
    map_found(card, &found, &model);
    done = done && !found.failed && map_base_models(obj, arena, &model) &&
           map_files(obj, arena, &model);
    if (!done) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", model.name);
    model.metadata_file = "json/metadata/hf_metadata.json";
    *out = model;
    return PTM_OK;
}
