/* SPDX-License-Identifier: MIT */
/*
 * card_describe.c - what a clone says of its model: README.md's front matter and links,
 * config.json's model type. The work tree is hostile; a file that is missing, too large, malformed
 * or a link out of the tree tells nothing and is no error.
 */
#include "card_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/json.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"

/* Papers and data sets of one card; a survey's bibliography has some hundred. */
#define MAX_FACTS 1000

PTM_DEFINE_CLEANUP(card_freep, ptmi_card *, ptmi_card_free)

struct facts {
    struct ptmi_arena *arena;
    struct ptmi_facts *out;
    struct ptmi_arena_list dois;
    struct ptm_dataset *sets;
    size_t n_sets;
};

/* Errors that are the clone's own doing, and so only mean that a file tells nothing. */
static bool is_content(ptm_rc rc, int sys_errno)
{
    return rc == PTM_ENOENT || rc == PTM_ELIMIT || rc == PTM_EFORMAT || rc == PTM_EUNSAFE ||
           rc == PTM_EPERM || rc == PTM_EINVAL || sys_errno == ENOTDIR || sys_errno == ELOOP ||
           sys_errno == EISDIR || sys_errno == ENXIO;
}

/* *out stays NULL where there is no such file to read. */
static ptm_rc read_file(const char *dir, const char *path, size_t max, char **out, size_t *out_len,
                        struct ptm_err *err)
{
    struct ptm_err why = {0};
    ptm_rc rc = ptmi_fs_read_beneath(dir, path, max, out, out_len, &why);
    if (rc == PTM_OK) return PTM_OK;
    *out = NULL;
    if (is_content(rc, why.sys_errno)) return PTM_OK;
    if (err) *err = why;
    return rc;
}

static void add_doi(struct facts *facts, const char *link)
{
    const char *doi = facts->dois.n < MAX_FACTS ? ptmi_card_doi(link, facts->arena) : NULL;
    if (doi) (void)ptmi_arena_list_add_new(facts->arena, &facts->dois, doi);
}

static void add_set(struct facts *facts, const struct ptm_dataset *set)
{
    for (size_t i = 0; i < facts->n_sets; i++) {
        if (strcmp(facts->sets[i].name, set->name) == 0) return;
    }
    if (facts->n_sets >= MAX_FACTS) return;
    struct ptm_dataset *sets =
        ptmi_card_grow(facts->arena, facts->sets, facts->n_sets, sizeof(*sets));
    if (!sets) return;
    facts->sets = sets;
    sets[facts->n_sets++] = *set;
}

/* A name of the front matter that is no id of the hub is a data set all the same, known by its name
 * alone. */
static void add_named_set(struct facts *facts, const char *name)
{
    struct ptm_dataset set = {0};
    if (!ptmi_card_hf_dataset(name, facts->arena, &set) &&
        !ptmi_card_dataset_link(name, facts->arena, &set)) {
        if (!*name || strlen(name) > PTM_LIMIT_NAME) return;
        set.name = ptmi_arena_strdup(facts->arena, name);
        if (!set.name) return;
    }
    add_set(facts, &set);
}

static const char *keep(struct facts *facts, const char *text)
{
    return text && *text ? ptmi_arena_strdup(facts->arena, text) : NULL;
}

/* "arxiv: 1706.03762" as well as "arxiv: https://arxiv.org/abs/..". */
static void add_arxiv(struct facts *facts, const char *value)
{
    size_t before = facts->dois.n;
    add_doi(facts, value);
    if (facts->dois.n == before) add_doi(facts, ptmi_arena_printf(facts->arena, "arxiv:%s", value));
}

static void read_front_matter(struct facts *facts, const ptmi_card *card)
{
    const char *value;
    const char *license = ptmi_card_meta(card, "license");
    if (license && strcmp(license, "other") == 0 && ptmi_card_meta(card, "license_name"))
        license = ptmi_card_meta(card, "license_name");
    if (!facts->out->license) facts->out->license = keep(facts, license);
    if (!facts->out->task) facts->out->task = keep(facts, ptmi_card_meta(card, "pipeline_tag"));
    for (size_t i = 0; (value = ptmi_card_meta_item(card, "datasets", i)); i++)
        add_named_set(facts, value);
    for (size_t i = 0; (value = ptmi_card_meta_item(card, "arxiv", i)); i++)
        add_arxiv(facts, value);
    for (size_t i = 0; (value = ptmi_card_meta_item(card, "doi", i)); i++) add_doi(facts, value);
    for (size_t i = 0; (value = ptmi_card_meta_item(card, "tags", i)); i++) {
        struct ptm_dataset set = {0};
        if (ptmi_str_starts(value, "arxiv:") || ptmi_str_starts(value, "doi:"))
            add_doi(facts, value);
        else if (ptmi_str_starts(value, "dataset:") &&
                 ptmi_card_hf_dataset(value + 8, facts->arena, &set))
            add_set(facts, &set);
    }
}

static void read_links(struct facts *facts, const ptmi_card *card)
{
    const char *link;
    for (size_t i = 0; (link = ptmi_card_link(card, i)); i++) {
        struct ptm_dataset set = {0};
        if (ptmi_card_dataset_link(link, facts->arena, &set))
            add_set(facts, &set);
        else
            add_doi(facts, link);
    }
}

/* A card whose front matter is broken still has a body. */
static ptm_rc parse_leniently(const char *text, size_t len, const char *what, ptmi_card **out,
                              struct ptm_err *err)
{
    ptm_rc rc = ptmi_card_parse(text, len, what, out, err);
    if (rc != PTM_EFORMAT) return rc;
    const char *second = strchr(text, '\n');
    const char *end = second ? strstr(second, "\n---") : NULL;
    if (!end) return rc;
    end += 4;
    return ptmi_card_parse(end, len - (size_t)(end - text), what, out, err);
}

/* *out_found: there is such a README. */
static ptm_rc read_readme(struct facts *facts, const char *dir, const char *path, bool *out_found,
                          struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = NULL;
    PTM_AUTO(card_freep) ptmi_card *card = NULL;
    size_t len = 0;
    PTM_TRY(read_file(dir, path, PTM_LIMIT_MARKDOWN, &text, &len, err));
    *out_found = text != NULL;
    if (!text) return PTM_OK;
    ptm_rc rc = parse_leniently(text, len, path, &card, err);
    if (rc != PTM_OK) return is_content(rc, 0) ? PTM_OK : rc;
    read_front_matter(facts, card);
    read_links(facts, card);
    return PTM_OK;
}

static ptm_rc read_config(struct facts *facts, const char *dir, const char *path,
                          struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = NULL;
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    size_t len = 0;
    PTM_TRY(read_file(dir, path, PTM_LIMIT_TEXT, &text, &len, err));
    if (!text) return PTM_OK;
    ptm_rc rc = ptmi_json_parse(text, len, path, &doc, err);
    if (rc != PTM_OK) return is_content(rc, 0) ? PTM_OK : rc;
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct ptmi_arena_list names = {0};
    (void)ptmi_json_strings(root, "architectures", facts->arena, &names);
    const char *type = ptmi_json_str(root, "model_type");
    if (!type && names.n > 0) type = names.items[0];
    if (!facts->out->architecture) facts->out->architecture = keep(facts, type);
    return PTM_OK;
}

/* Walks from the model's own part of a shared repository up to (not into) its root: the nearest
 * README and config.json tell. */
static ptm_rc read_part(struct facts *facts, const char *dir, const char *repo_path,
                        bool *out_found, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *part = strdup(repo_path);
    if (!part) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", repo_path);
    for (size_t n = strlen(part); n > 0 && part[n - 1] == '/'; n--) part[n - 1] = '\0';
    while (*part && !*out_found) {
        PTM_AUTO(ptmi_freep) char *readme = ptmi_path_join(part, "README.md");
        PTM_AUTO(ptmi_freep) char *config = ptmi_path_join(part, "config.json");
        if (!readme || !config) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", repo_path);
        PTM_TRY(read_readme(facts, dir, readme, out_found, err));
        PTM_TRY(read_config(facts, dir, config, err));
        char *slash = strrchr(part, '/');
        if (!slash) break;
        *slash = '\0';
    }
    return PTM_OK;
}

ptm_rc ptmi_card_describe(const char *dir, const char *repo_path, struct ptmi_arena *arena,
                          struct ptmi_facts *out, struct ptm_err *err)
{
    struct ptmi_facts found = {0};
    struct facts facts = {.arena = arena, .out = &found};
    bool part = false;
    if (repo_path && ptmi_path_check_relative(repo_path, NULL) == PTM_OK)
        PTM_TRY(read_part(&facts, dir, repo_path, &part, err));
    /* The front page of a repository shared by many names the papers of all of them: only where a
     * model has no page of its own. */
    bool root = false;
    if (!part) PTM_TRY(read_readme(&facts, dir, "README.md", &root, err));
    if (!repo_path) PTM_TRY(read_config(&facts, dir, "config.json", err));
    found.datasets = facts.sets;
    found.n_datasets = facts.n_sets;
    found.paper_dois = facts.dois.items;
    found.n_paper_dois = facts.dois.n;
    *out = found;
    return PTM_OK;
}
