/* SPDX-License-Identifier: MIT */
/*
 * hub_pytorchhub.c - PyTorch Hub: the Markdown cards of the pytorch/hub repository, from which the
 * site was built, and on demand saved pages of the old site. A card wins over a page of the same
 * name.
 *
 * Each model's repository is the one its card links to, at its default branch; the refs that its
 * torch.hub.load calls name are kept as data.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/clock.h"
#include "../base/fs.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/url.h"
#include "hub_files.h"
#include "hubs_priv.h"
#include "pytorch_card.h"

#define REPO_URL "https://github.com/pytorch/hub"
#define SITE "https://pytorch.org/hub/"
#define MODELS_FILE "json/metadata/pyth_models_metadata.json"
#define INDEX_FILE "html/metadata/pyth_metadata.html"

/* Names and list entries of all cards; the 52 real ones need 30 KB. */
#define LIST_ARENA (32u << 20)

struct site {
    const struct ptmi_hub_env *env;
    const struct ptmi_hub_sink *sink;
    const char *source;           /* URL of the checkout's files, up to a path */
    struct ptmi_arena arena;      /* what lives as long as the parse */
    struct ptmi_arena_list slugs; /* folded names of the models delivered */
    struct ptmi_buf index;        /* the index page's list, as it grows */
    size_t n;
    char now[32];
};

static ptm_rc no_room(struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ELIMIT, REPO_URL ": its metadata is too large");
}

/* One file that could not be read or understood: recorded, and the parse goes on, unless it is our
 * own trouble. */
static ptm_rc file_failed(struct site *site, const char *path, const char *url, ptm_rc rc,
                          const struct ptm_err *why, struct ptm_err *err)
{
    if (rc == PTM_ENOMEM || rc == PTM_ENOSPC || rc == PTM_ECANCELED || rc == PTM_EDB) {
        if (err) *err = *why;
        return rc;
    }
    return site->sink->failure(site->sink->arg, path, url, why, err);
}

/* ---- a model ------------------------------------------------------------ */

/* What the site's tags say of the task: their domain. "scriptable" is a property, not a task. */
static const char *task_of(const struct ptmi_pt_model *model)
{
    static const char *const tasks[] = {"generative", "vision", "nlp", "audio"};
    for (size_t i = 0; i < sizeof(tasks) / sizeof(*tasks); i++) {
        for (size_t k = 0; k < model->tags.n; k++) {
            if (strcmp(model->tags.items[k], tasks[i]) == 0) return tasks[i];
        }
    }
    return NULL;
}

/* Repository, and owner where the author is not told. The link stays the model's URL as the card
 * gives it. */
static bool fill_links(const struct ptmi_pt_model *from, struct ptmi_arena *arena,
                       struct ptm_model *out)
{
    if (!ptmi_hub_link(from->github_url, arena, out)) return false;
    out->repo_path =
        NULL; /* a card is about its repository's newest commit, whatever file its link shows */
    if (from->author) out->owner = from->author;
    if (!out->owner || !*out->owner) out->owner = "PyTorch Hub";
    if (!out->owner_url || !*out->owner_url) out->owner_url = SITE;
    if (!out->url) out->url = ptmi_arena_printf(arena, SITE "%s/", from->slug);
    return out->url != NULL;
}

static ptm_rc add_to_index(struct site *site, const struct ptmi_pt_model *model,
                           struct ptm_err *err)
{
    struct ptmi_buf *buf = &site->index;
    PTM_TRY(ptmi_buf_printf(
        buf, err, "<div class=\"compact-hub-card-wrapper\" data-item-count=\"%zu\" data-tags=\"",
        site->n));
    for (size_t i = 0; i < model->tags.n; i++) {
        if (i > 0) PTM_TRY(ptmi_buf_putc(buf, ',', err));
        PTM_TRY(ptmi_html_text(buf, model->tags.items[i], err));
    }
    PTM_TRY(ptmi_buf_puts(buf, "\" data-id=\"", err));
    PTM_TRY(ptmi_html_text(buf, model->github_id, err));
    PTM_TRY(ptmi_buf_puts(buf, "\">\n<div class=\"compact-model-card\">\n<a href=\"models/", err));
    PTM_AUTO(ptmi_freep) char *encoded = ptmi_url_encode(model->slug, false);
    if (!encoded) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", model->slug);
    PTM_TRY(ptmi_html_text(buf, encoded, err));
    PTM_TRY(ptmi_buf_puts(buf, ".html\"><h4 class=\"compact-item-title\">", err));
    PTM_TRY(ptmi_html_text(buf, model->title ? model->title : model->slug, err));
    PTM_TRY(ptmi_buf_puts(buf, "</h4></a>\n<p class=\"compact-card-summary card-summary\">", err));
    PTM_TRY(ptmi_html_text(buf, model->summary, err));
    return ptmi_buf_puts(buf, "</p>\n</div>\n</div>\n", err);
}

static ptm_rc deliver_model(struct site *site, const struct ptmi_pt_model *from,
                            const char *source_url, struct ptmi_arena *arena, struct ptm_err *err)
{
    struct ptm_model model = PTM_MODEL_INIT;
    char number[24];
    snprintf(number, sizeof(number), "%zu", site->n);
    if (!fill_links(from, arena, &model)) return no_room(err);
    model.key = from->slug;
    model.object_id = number;
    model.object_id_is_int = true;
    model.name = from->title ? from->title : from->slug;
    model.task = task_of(from);
    model.architecture = from->title;
    model.library = "pytorch";
    model.tags = from->tags.items;
    model.n_tags = from->tags.n;
    model.datasets = from->found.datasets;
    model.n_datasets = from->found.n_datasets;
    model.paper_dois = from->found.papers.items;
    model.n_paper_dois = from->found.papers.n;
    model.entry_points = from->calls.items;
    model.n_entry_points = from->calls.n;
    model.metadata_file = MODELS_FILE;
    model.source_url = source_url;
    model.fetched_at = site->now;
    struct ptmi_buf raw = PTMI_BUF(PTM_LIMIT_RECORD);
    ptm_rc rc = ptmi_pt_json(&raw, from, err);
    model.raw = raw.data;
    model.raw_len = raw.len;
    if (rc == PTM_OK) rc = site->sink->model(site->sink->arg, &model, err);
    ptmi_buf_clear(&raw);
    if (rc == PTM_OK) rc = add_to_index(site, from, err);
    site->n++;
    return rc;
}

/* *out_new: no model of this name (letter case aside: it names a file) was delivered before. */
static ptm_rc take_slug(struct site *site, const char *slug, bool *out_new, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *folded = ptmi_path_fold(slug);
    char *copy = folded ? ptmi_arena_strdup(&site->arena, folded) : NULL;
    size_t before = site->slugs.n;
    if (!copy || !ptmi_arena_list_add_new(&site->arena, &site->slugs, copy)) return no_room(err);
    *out_new = site->slugs.n > before;
    return PTM_OK;
}

static ptm_rc deliver_html(struct site *site, const char *slug, const char *html, size_t len,
                           const char *source_url, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_str_printf("html/metadata/models/%s.html", slug);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", slug);
    return site->sink->document(site->sink->arg, path, html, len, source_url, err);
}

/* ---- cards -------------------------------------------------------------- */

static bool is_markdown(const char *name)
{
    return ptmi_str_ends(name, ".md") && strlen(name) > 3 &&
           strlen(name) + 2 <= PTM_LIMIT_NAME; /* ".html" is two longer */
}

static ptm_rc read_card(struct site *site, const char *dir, const char *path,
                        struct ptmi_arena *arena, struct ptmi_buf *html, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0;
    struct ptm_err why = {0};
    struct ptmi_pt_model model = {0};
    bool is_card = false;
    bool is_new = false;
    const char *url = ptmi_arena_printf(arena, "%s%s", site->source, path);
    const char *slug = ptmi_arena_strndup(arena, path, strlen(path) - 3);
    if (!url || !slug) return no_room(err);
    ptm_rc rc = ptmi_fs_read_beneath(dir, path, PTM_LIMIT_MARKDOWN, &text, &len, &why);
    if (rc == PTM_OK) rc = ptmi_pt_read_card(text, len, slug, arena, &model, &is_card, html, &why);
    if (rc != PTM_OK) return file_failed(site, path, url, rc, &why, err);
    if (!is_card) return PTM_OK;
    PTM_TRY(take_slug(site, slug, &is_new, err));
    if (!is_new) {
        rc = ptm_err_set(&why, PTM_EEXIST, "%s: another card's name differs only in case", path);
        return file_failed(site, path, url, rc, &why, err);
    }
    PTM_TRY(deliver_html(site, slug, html->data, html->len, url, err));
    return deliver_model(site, &model, url, arena, err);
}

static ptm_rc read_cards(struct site *site, const char *dir, struct ptm_err *err)
{
    struct ptmi_arena_list files = {0};
    PTM_TRY(ptmi_hub_walk(dir, is_markdown, &site->arena, &files, err));
    for (size_t i = 0; i < files.n; i++) {
        if (strchr(files.items[i], '/')) continue; /* cards stand at the top */
        if (site->env->ctx && ptm_ctx_canceled(site->env->ctx))
            return ptm_err_set(err, PTM_ECANCELED, "interrupted while reading cards");
        struct ptmi_arena arena = PTMI_ARENA(PTM_LIMIT_RECORD);
        struct ptmi_buf html = PTMI_BUF(PTM_LIMIT_TEXT * 4);
        ptm_rc rc = read_card(site, dir, files.items[i], &arena, &html, err);
        ptmi_buf_clear(&html);
        ptmi_arena_clear(&arena);
        if (rc != PTM_OK) return rc;
    }
    return PTM_OK;
}

/* ---- saved pages -------------------------------------------------------- */

#ifdef HAVE_LIBXML2
static bool is_html(const char *name)
{
    return ptmi_str_ends(name, ".html") || ptmi_str_ends(name, ".htm");
}

/* "slug/index.html" and "slug.html" are the page of slug. */
static const char *page_name(const char *path, struct ptmi_arena *arena)
{
    const char *base = ptmi_path_base(path);
    if (strncmp(base, "index.", 6) == 0 && base > path) {
        PTM_AUTO(ptmi_freep) char *folder = ptmi_path_dir(path);
        return folder ? ptmi_arena_strdup(arena, ptmi_path_base(folder)) : NULL;
    }
    return ptmi_arena_strndup(arena, base, (size_t)(strrchr(base, '.') - base));
}

/* A page that was read: delivered unless it is of another kind, or of a model that is known. */
static ptm_rc take_page(struct site *site, const char *path, const char *html, size_t len,
                        struct ptmi_arena *arena, struct ptm_err *err)
{
    struct ptm_err why = {0};
    struct ptmi_pt_model model = {0};
    bool is_page = false;
    bool is_new = false;
    const char *name = page_name(path, arena);
    if (!name) return no_room(err);
    ptm_rc rc = ptmi_pt_read_page(html, len, name, arena, &model, &is_page, &why);
    if (rc != PTM_OK) return file_failed(site, path, SITE, rc, &why, err);
    if (!is_page || ptmi_path_check_name(model.slug, NULL) != PTM_OK ||
        strlen(model.slug) + 5 > PTM_LIMIT_NAME)
        return PTM_OK;
    PTM_TRY(take_slug(site, model.slug, &is_new, err));
    if (!is_new) return PTM_OK;
    const char *url = ptmi_arena_printf(arena, SITE "%s/", model.slug);
    if (!url) return no_room(err);
    PTM_TRY(deliver_html(site, model.slug, html, len, url, err));
    return deliver_model(site, &model, url, arena, err);
}

static ptm_rc read_page(struct site *site, const char *path, struct ptmi_arena *arena,
                        struct ptm_err *err)
{
    char *html = NULL;
    size_t len = 0;
    struct ptm_err why = {0};
    ptm_rc rc =
        ptmi_fs_read_beneath(site->env->pages_dir, path, PTMI_PT_PAGE_MAX, &html, &len, &why);
    if (rc != PTM_OK) return file_failed(site, path, SITE, rc, &why, err);
    rc = take_page(site, path, html, len, arena, err);
    free(html);
    return rc;
}

static ptm_rc read_pages(struct site *site, struct ptm_err *err)
{
    struct ptmi_arena_list files = {0};
    ptm_rc rc = ptmi_hub_walk(site->env->pages_dir, is_html, &site->arena, &files, err);
    if (rc != PTM_OK) return ptm_err_ctx(err, rc, "--pages");
    for (size_t i = 0; rc == PTM_OK && i < files.n; i++) {
        if (site->env->ctx && ptm_ctx_canceled(site->env->ctx))
            return ptm_err_set(err, PTM_ECANCELED, "interrupted while reading pages");
        struct ptmi_arena arena = PTMI_ARENA(PTM_LIMIT_RECORD);
        rc = read_page(site, files.items[i], &arena, err);
        ptmi_arena_clear(&arena);
    }
    return rc;
}
#else
static ptm_rc read_pages(struct site *site, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EUNSUPPORTED,
                       "--pages %s: this ptm was built without libxml2; build it with "
                       "-Dhtml_pages=enabled",
                       site->env->pages_dir);
}
#endif

/* ---- the ops ------------------------------------------------------------ */

static ptm_rc deliver_index(struct site *site, struct ptm_err *err)
{
    struct ptmi_buf buf = PTMI_BUF(PTM_LIMIT_JSON);
    ptm_rc rc = ptmi_html_open(&buf, "PyTorch Hub", "hub", err);
    if (rc == PTM_OK) rc = ptmi_buf_puts(&buf, "<h1>PyTorch Hub</h1>\n", err);
    if (rc == PTM_OK && site->index.len > 0)
        rc = ptmi_buf_append(&buf, site->index.data, site->index.len, err);
    if (rc == PTM_OK) rc = ptmi_html_close(&buf, err);
    if (rc == PTM_OK)
        rc = site->sink->document(site->sink->arg, INDEX_FILE, buf.data, buf.len, REPO_URL, err);
    ptmi_buf_clear(&buf);
    return rc;
}

static ptm_rc parse_site(struct site *site, const char *dir, struct ptm_err *err)
{
    PTM_TRY(read_cards(site, dir, err));
    if (site->env->pages_dir) PTM_TRY(read_pages(site, err));
    return deliver_index(site, err);
}

static ptm_rc list_pytorch(const struct ptmi_hub_env *env, const struct ptmi_hub_sink *sink,
                           struct ptm_err *err)
{
    (void)sink;
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    PTM_AUTO(ptmi_freep) char *sha = NULL;
    return env->checkout(env->arg, REPO_URL, NULL, &dir, &sha, err);
}

static ptm_rc parse_pytorch(const struct ptmi_hub_env *env, const struct ptmi_hub_sink *sink,
                            struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    PTM_AUTO(ptmi_freep) char *sha = NULL;
    PTM_TRY(env->checkout(env->arg, REPO_URL, NULL, &dir, &sha, err));
    struct site site = {.env = env,
                        .sink = sink,
                        .arena = PTMI_ARENA(LIST_ARENA),
                        .index = PTMI_BUF(PTM_LIMIT_JSON / 2)};
    ptmi_clock_now(site.now);
    site.source = ptmi_arena_printf(&site.arena, REPO_URL "/blob/%s/",
                                    sha && ptmi_str_is_hex(sha, 40) ? sha : "master");
    ptm_rc rc = site.source ? parse_site(&site, dir, err) : no_room(err);
    ptmi_buf_clear(&site.index);
    ptmi_arena_clear(&site.arena);
    return rc;
}

/*
 * The card is what the hub says of a model; the README of its repository, which often holds dozens
 * of models, would add their papers and data sets to each of them.
 */
static ptm_rc describe_pytorch(const char *dir, const char *repo_path, struct ptmi_arena *arena,
                               struct ptmi_facts *out, struct ptm_err *err)
{
    (void)dir;
    (void)repo_path;
    (void)arena;
    (void)err;
    *out = (struct ptmi_facts){0};
    return PTM_OK;
}

static const struct ptmi_hub_array arrays[] = {{MODELS_FILE, true}, {NULL, false}};

const struct ptmi_hub_ops ptmi_hub_pytorchhub = {
    .abi = PTMI_HUB_ABI,
    .name = "pytorchhub",
    .title = "PyTorch Hub",
    .url = SITE,
    .url_v1 = "https://pytorch.com/hub/",
    .summary =
        "PyTorch Hub: the cards of the pytorch/hub repository and the repositories they load",
    .size = "1.5 GB",
#ifdef HAVE_LIBXML2
    .caps = PTMI_HUB_HTML_PAGES,
#endif
    .arrays = arrays,
    .list = list_pytorch,
    .parse = parse_pytorch,
    .describe = describe_pytorch,
};
