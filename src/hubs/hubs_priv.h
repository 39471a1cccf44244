/* SPDX-License-Identifier: MIT */
/*
 * hubs_priv.h - what hub files share: the ops tables of the registry, fact lists without doubles,
 * fetching into memory, and the parsers that tests and fuzz targets drive without a network. Never
 * leaves this folder but for them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/json.h"
#include "card.h"
#include "hubs.h"

extern const struct ptmi_hub_ops ptmi_hub_huggingface;
extern const struct ptmi_hub_ops ptmi_hub_modelhub;
extern const struct ptmi_hub_ops ptmi_hub_modelzoo;
extern const struct ptmi_hub_ops ptmi_hub_onnxmodelzoo;
extern const struct ptmi_hub_ops ptmi_hub_pytorchhub;

/* --- facts of one record ------------------------------------------------------------------------
 */

/* Data sets and papers, each once, in the order found; everything lives in arena. Start with
 * {.arena = &arena}. */
struct ptmi_found {
    struct ptmi_arena *arena;
    struct ptm_dataset *datasets;
    size_t n_datasets;
    size_t cap_datasets;
    struct ptmi_arena_list papers;
    bool failed; /* the arena's cap was reached: the record is too large */
};
/* Takes up what describe read already. */
void ptmi_found_adopt(struct ptmi_found *found, const struct ptmi_facts *facts);
void ptmi_found_paper(struct ptmi_found *found,
                      const char *link); /* passed over unless it is a DOI or arXiv id */
/* A Hugging Face id, a link to one, else the text itself as a bare name. */
void ptmi_found_dataset(struct ptmi_found *found, const char *id);
void ptmi_found_add(struct ptmi_found *found, const struct ptm_dataset *dataset);

/* The DOI that a publisher's link holds in its path or query
 * ("..?id=10.1371/journal.pmed.1002711"), in arena; NULL: none. */
const char *ptmi_doi_in(const char *text, struct ptmi_arena *arena);

/* --- repository of a record --- */

/* Fills clone_url or not_clonable, repo_path, and url, owner, owner_url of link; link may be NULL.
 * false: out of memory. */
bool ptmi_hub_link(const char *link, struct ptmi_arena *arena, struct ptm_model *out);

/* --- fetching --- */

/* GET into memory (at most max bytes); any status but 2xx is an error. *out is to be cleared in
 * every case. */
PTM_MUST_USE ptm_rc ptmi_hub_get(const struct ptmi_hub_env *env, const char *url,
                                 const char *const *headers, size_t n_headers, size_t max,
                                 struct ptm_net_response *out, struct ptm_err *err);

/* The JSON text of an answer without the white space (and byte order mark) around it. */
const char *ptmi_hub_trim(const char *data, size_t len, size_t *out_len);

/*
 * As ptmi_json_each_item(), but one record that is no JSON (nested too deep, half a surrogate pair
 * in its card) does not take the list with it: items are found by brackets and strings alone, fn
 * parses. A list that is cut, or not a list, is PTM_EFORMAT.
 */
PTM_MUST_USE ptm_rc ptmi_hub_each_item(const char *data, size_t len, const char *what,
                                       ptmi_json_item_fn fn, void *arg, struct ptm_err *err);

/* The bytes of a member of a JSON object, found by brackets and strings alone as above. false:
 * there is none, or the object is cut. */
bool ptmi_hub_member(const char *data, size_t len, const char *name, const char **out,
                     size_t *out_len);

/* Where a record's bytes came from. */
struct ptmi_origin {
    const char *url;        /* original URL of the answer */
    const char *fetched_at; /* ISO 8601 */
};

/* --- Hugging Face --- */

/* "name" or "owner/name" of the characters the hub allows: PTM_EUNSAFE otherwise. */
PTM_MUST_USE ptm_rc ptmi_hf_check_id(const char *id, struct ptm_err *err);
/* Fills *out from one model object; strings are borrowed from obj and arena. PTM_EFORMAT: no model;
 * PTM_EUNSAFE: its id. */
PTM_MUST_USE ptm_rc ptmi_hf_map(yyjson_val *obj, struct ptmi_arena *arena, struct ptm_model *out,
                                struct ptm_err *err);

/* What one page of the list held. */
struct ptmi_hf_page {
    bool only_new; /* in: deliver only keys that sink->known does not know */
    size_t items;  /* of the array */
    size_t delivered;
    bool met_known;
    char first_key[72];     /* "" when the page is empty */
    char first_created[32]; /* createdAt of the first and last model, "" when absent */
    char last_created[32];
};
/* Checks that the page is a whole JSON array, then delivers each item: a page is delivered whole or
 * not at all. */
PTM_MUST_USE ptm_rc ptmi_hf_page(const char *data, size_t len, const struct ptmi_origin *from,
                                 const struct ptmi_hub_sink *sink, struct ptmi_hf_page *page,
                                 struct ptm_err *err);

/* --- Modelhub.ai --- */

/* models.json: the document, then one model an entry. */
PTM_MUST_USE ptm_rc ptmi_mh_list(const char *data, size_t len, const struct ptmi_origin *from,
                                 const struct ptmi_hub_sink *sink, struct ptm_err *err);
/* contrib_src/model/config.json into facts that a card already filled. */
PTM_MUST_USE ptm_rc ptmi_mh_config(const char *data, size_t len, struct ptmi_arena *arena,
                                   struct ptmi_facts *facts, struct ptm_err *err);

/* --- ModelZoo.co --- */

/* One entry of the hub's list: slug, and its own bytes within the answer. */
struct ptmi_mz_entry {
    char *slug;
    const char *raw;
    size_t raw_len;
};
struct ptmi_mz_list {
    struct ptmi_mz_entry *entries; /* slugs distinct and fit for a file name */
    size_t n;
    size_t cap;
};
/* {"models":[..]}: entries without a usable slug go to sink->failure, doubles are passed over. data
 * must outlive *out. */
PTM_MUST_USE ptm_rc ptmi_mz_parse_list(const char *data, size_t len, const struct ptmi_origin *from,
                                       const struct ptmi_hub_sink *sink, struct ptmi_mz_list *out,
                                       struct ptm_err *err);
void ptmi_mz_list_clear(struct ptmi_mz_list *list);
/* Delivers one model of its own JSON or of its list entry. number: its place in
 * mz_models_metadata.json. */
PTM_MUST_USE ptm_rc ptmi_mz_deliver(const char *data, size_t len, const char *slug, int64_t number,
                                    const struct ptmi_origin *from,
                                    const struct ptmi_hub_sink *sink, struct ptm_err *err);
