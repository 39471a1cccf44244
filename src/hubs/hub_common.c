/* SPDX-License-Identifier: MIT */
/*
 * hub_common.c - what several hubs need: data sets and papers without doubles, the repository
 * behind a link, one GET into memory. What a link or an id means is card.c's and url.c's business.
 */
#include "hubs_priv.h"

#include <ctype.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/url.h"

void ptmi_found_add(struct ptmi_found *found, const struct ptm_dataset *dataset)
{
    for (size_t i = 0; i < found->n_datasets; i++)
        if (ptmi_str_eq(found->datasets[i].name, dataset->name)) return;
    if (found->n_datasets >= PTM_LIMIT_FACTS) return;
    struct ptm_dataset *grown = ptmi_arena_grown(found->arena, found->datasets, found->n_datasets,
                                                 &found->cap_datasets, sizeof *grown);
    if (!grown) {
        found->failed = true;
        return;
    }
    found->datasets = grown;
    found->datasets[found->n_datasets++] = *dataset;
}

void ptmi_found_dataset(struct ptmi_found *found, const char *id)
{
    struct ptm_dataset dataset = {0};
    if (!id || !*id) return;
    if (!ptmi_card_dataset_link(id, found->arena, &dataset) &&
        !ptmi_card_hf_dataset(id, found->arena, &dataset)) {
        /* Free text in a card ("in-house recordings") is still what the model says of its data; an
         * essay is not a name. */
        size_t len = strlen(id);
        if (len > PTM_LIMIT_NAME || !ptmi_str_is_text(id, len) || strpbrk(id, "\r\n\t")) return;
        dataset = (struct ptm_dataset){.name = id};
    }
    ptmi_found_add(found, &dataset);
}

void ptmi_found_paper(struct ptmi_found *found, const char *link)
{
    const char *doi = link ? ptmi_card_doi(link, found->arena) : NULL;
    if (!doi || found->papers.n >= PTM_LIMIT_FACTS) return;
    if (!ptmi_arena_list_add_new(found->arena, &found->papers, doi)) found->failed = true;
}

void ptmi_found_adopt(struct ptmi_found *found, const struct ptmi_facts *facts)
{
    for (size_t i = 0; i < facts->n_datasets; i++) ptmi_found_add(found, &facts->datasets[i]);
    for (size_t i = 0; i < facts->n_paper_dois && found->papers.n < PTM_LIMIT_FACTS; i++)
        if (!ptmi_arena_list_add_new(found->arena, &found->papers, facts->paper_dois[i]))
            found->failed = true;
}

const char *ptmi_doi_in(const char *text, struct ptmi_arena *arena)
{
    for (const char *at = text; (at = strstr(at, "10.")); at += 3) {
        if (at > text && (isalnum((unsigned char)at[-1]) || at[-1] == '.')) continue;
        size_t digits = strspn(at + 3, "0123456789");
        if (digits < 4 || digits > 9 || at[3 + digits] != '/') continue;
        size_t len = strcspn(at, "?#&\"'<>{}, \t\r\n");
        while (len && strchr("/.;)", at[len - 1])) len--;
        if (len <= 4 + digits || len > PTM_LIMIT_NAME) continue;
        const char *doi = ptmi_arena_strndup(arena, at, len);
        return doi ? ptmi_card_doi(ptmi_arena_printf(arena, "doi:%s", doi), arena) : NULL;
    }
    return NULL;
}

/* "https://host/owner/repo" less its last part, as the reference names an owner's page. */
static const char *less_last_part(const char *url, struct ptmi_arena *arena)
{
    const char *slash = strrchr(url, '/');
    return slash ? ptmi_arena_strndup(arena, url, (size_t)(slash - url)) : NULL;
}

/* Owner of a link that git cannot clone: its host. false: out of memory. */
static bool owner_is_host(const char *link, struct ptmi_arena *arena, struct ptm_model *out)
{
    struct ptmi_url url = {0};
    ptm_rc rc = ptmi_url_parse(link, &url, NULL);
    if (rc == PTM_OK) {
        out->owner = ptmi_arena_strdup(arena, url.host);
        out->owner_url = ptmi_arena_printf(arena, "%s://%s/", url.scheme, url.host);
    }
    ptmi_url_clear(&url);
    return rc != PTM_ENOMEM && (rc != PTM_OK || (out->owner && out->owner_url));
}

/* The folder a link points into; of a file (/blob/) the one that holds it. NULL stays: the whole
 * repository. false: out of memory. */
static bool set_part(const char *link, const char *subpath, struct ptmi_arena *arena,
                     struct ptm_model *out)
{
    const char *slash = strstr(link, "/blob/") ? strrchr(subpath, '/') : subpath + strlen(subpath);
    if (!slash) return true;
    const char *part = ptmi_arena_strndup(arena, subpath, (size_t)(slash - subpath));
    if (part && ptmi_path_check_relative(part, NULL) == PTM_OK) out->repo_path = part;
    return part != NULL;
}

bool ptmi_hub_link(const char *link, struct ptmi_arena *arena, struct ptm_model *out)
{
    if (!link || !*link) {
        out->not_clonable = "the hub gives no link for it";
        return true;
    }
    out->url = link;
    struct ptmi_repo_ref ref = {0};
    struct ptm_err why = {0};
    ptm_rc rc = ptmi_url_to_repo(link, &ref, &why);
    if (rc != PTM_OK) {
        ptmi_repo_ref_clear(&ref);
        if (rc == PTM_ENOMEM) return false;
        out->not_clonable = ptmi_arena_strdup(arena, why.msg);
        return owner_is_host(link, arena, out) && out->not_clonable;
    }
    out->clone_url = ptmi_arena_strdup(arena, ref.clone_url);
    out->owner = ptmi_arena_strdup(arena, ref.author);
    out->owner_url = out->clone_url ? less_last_part(out->clone_url, arena) : NULL;
    bool part = !ref.subpath || set_part(link, ref.subpath, arena, out);
    ptmi_repo_ref_clear(&ref);
    return part && out->clone_url && out->owner && out->owner_url;
}

ptm_rc ptmi_hub_get(const struct ptmi_hub_env *env, const char *url, const char *const *headers,
                    size_t n_headers, size_t max, struct ptm_net_response *out, struct ptm_err *err)
{
    struct ptm_net_request request = PTM_NET_REQUEST_INIT;
    request.url = url;
    request.headers = headers;
    request.n_headers = n_headers;
    request.max_body = max;
    return ptm_net_perform(env->net, &request, out, err);
}

const char *ptmi_hub_trim(const char *data, size_t len, size_t *out_len)
{
    if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) data += 3, len -= 3;
    while (len && strchr(" \t\r\n", *data) && *data) data++, len--;
    while (len && strchr(" \t\r\n", data[len - 1]) && data[len - 1]) len--;
    *out_len = len;
    return data;
}

/* Behind the value at data[at]: the ',' or the closing bracket of its list or object that ends it,
 * or len when the text is cut. */
static size_t end_of_item(const char *data, size_t len, size_t at, char close)
{
    size_t depth = 0;
    bool in_string = false;
    for (; at < len; at++) {
        char c = data[at];
        if (in_string) {
            if (c == '\\')
                at++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"')
            in_string = true;
        else if (c == '{' || c == '[')
            depth++;
        else if (depth == 0 && (c == ',' || c == close))
            return at;
        else if (c == '}' || c == ']')
            depth -= depth > 0;
    }
    return len;
}

ptm_rc ptmi_hub_each_item(const char *data, size_t len, const char *what, ptmi_json_item_fn fn,
                          void *arg, struct ptm_err *err)
{
    size_t at = 0;
    const char *text = ptmi_hub_trim(data, len, &len);
    /* What is no list at all is described by the strict reader: empty, HTML, an object with an
     * error. */
    if (len < 2 || text[0] != '[' || len > PTM_LIMIT_JSON) {
        PTM_TRY(ptmi_json_each_item(data, len, what, fn, arg, err));
        return ptm_err_set(err, PTM_EFORMAT, "%s: a JSON list was expected", what);
    }
    do {
        size_t item_len, end = end_of_item(text, len, ++at, ']');
        if (end >= len || (text[end] == ']') != (end == len - 1))
            return ptm_err_set(err, PTM_EFORMAT, "%s: the list is cut or broken at byte %zu of %zu",
                               what, end, len);
        const char *item = ptmi_hub_trim(text + at, end - at, &item_len);
        if (item_len == 0 && at == 1 && text[end] == ']') return PTM_OK;
        PTM_TRY(fn(arg, item, item_len, err));
        at = end;
    } while (text[at] != ']');
    return PTM_OK;
}

/* Is text a member "name": .. of an object? *out is what follows the colon then. */
static bool is_member(const char *text, size_t len, const char *name, const char **out,
                      size_t *out_len)
{
    size_t name_len = strlen(name);
    if (len < name_len + 3 || text[0] != '"' || memcmp(text + 1, name, name_len) != 0 ||
        text[name_len + 1] != '"')
        return false;
    size_t at = name_len + 2;
    while (at < len && strchr(" \t\r\n", text[at]) && text[at]) at++;
    if (at == len || text[at] != ':') return false;
    *out = ptmi_hub_trim(text + at + 1, len - at - 1, out_len);
    return true;
}

bool ptmi_hub_member(const char *data, size_t len, const char *name, const char **out,
                     size_t *out_len)
{
    const char *text = ptmi_hub_trim(data, len, &len);
    bool found = false;
    if (len < 2 || text[0] != '{' || len > PTM_LIMIT_JSON) return false;
    for (size_t at = 1, end;; at = end + 1) {
        size_t item_len;
        end = end_of_item(text, len, at, '}');
        if (end >= len || (text[end] == '}') != (end == len - 1)) return false;
        const char *item = ptmi_hub_trim(text + at, end - at, &item_len);
        found = found || is_member(item, item_len, name, out, out_len);
        if (text[end] == '}') return found;
    }
}
