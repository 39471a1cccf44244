/* SPDX-License-Identifier: MIT */
/*
 * pytorch_card.c - a card of the pytorch/hub repository: its front matter, the page the old site
 * would have made of it (with that site's class names, so that parsers written for it still work),
 * and the record as JSON.
 */
#include "pytorch_card.h"

#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "../base/url.h"
#include "hub_files.h"

PTM_DEFINE_CLEANUP(card_freep, ptmi_card *, ptmi_card_free)

static const char *copy_meta(const ptmi_card *card, const char *key, struct ptmi_arena *arena)
{
    const char *text = ptmi_card_meta(card, key);
    if (!text) return NULL;
    while (*text == ' ') text++;
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == ' ') len--;
    return len > 0 ? ptmi_arena_strndup(arena, text, len) : NULL;
}

/* The card's link, else what its id says; ids are "owner/name", but some authors wrote the whole
 * URL. */
static const char *github_url(const ptmi_card *card, struct ptmi_arena *arena)
{
    const char *link = copy_meta(card, "github-link", arena);
    if (link) return link;
    const char *id = copy_meta(card, "github-id", arena);
    if (!id) return NULL;
    return strstr(id, "://") ? id : ptmi_arena_printf(arena, "https://github.com/%s", id);
}

static bool read_front_matter(const ptmi_card *card, struct ptmi_arena *arena,
                              struct ptmi_pt_model *out)
{
    out->title = copy_meta(card, "title", arena);
    out->author = copy_meta(card, "author", arena);
    out->summary = copy_meta(card, "summary", arena);
    out->category = copy_meta(card, "category", arena);
    out->accelerator = copy_meta(card, "accelerator", arena);
    out->github_id = copy_meta(card, "github-id", arena);
    out->demo_url = copy_meta(card, "demo-model-link", arena);
    out->github_url = github_url(card, arena);
    const char *tag;
    for (size_t i = 0; (tag = ptmi_card_meta_item(card, "tags", i)); i++) {
        tag = ptmi_arena_strdup(arena, tag);
        if (!tag || !ptmi_arena_list_add_new(arena, &out->tags, tag)) return false;
    }
    return true;
}

static bool read_body(const ptmi_card *card, struct ptmi_arena *arena, struct ptmi_pt_model *out)
{
    const char *code;
    int line = 0;
    for (size_t i = 0; (code = ptmi_card_fence(card, i, NULL, &line)); i++) {
        if (!ptmi_torch_calls_scan(&out->calls, code, strlen(code), line)) return false;
    }
    const char *link;
    for (size_t i = 0; (link = ptmi_card_link(card, i)); i++) {
        struct ptm_dataset set = {0};
        if (ptmi_card_dataset_link(link, arena, &set))
            ptmi_found_add(&out->found, &set);
        else
            ptmi_found_paper(&out->found, link);
    }
    return !out->found.failed;
}

static ptm_rc put_button(struct ptmi_buf *buf, const char *url, const char *kind, const char *label,
                         struct ptm_err *err)
{
    url = ptmi_html_href(url);
    if (!url) return PTM_OK;
    PTM_TRY(ptmi_buf_puts(buf, "<a href=\"", err));
    PTM_TRY(ptmi_html_text(buf, url, err));
    return ptmi_buf_printf(buf, err, "\"><button class=\"btn %s\">%s</button></a>\n", kind, label);
}

static ptm_rc put_page(struct ptmi_buf *buf, const ptmi_card *card,
                       const struct ptmi_pt_model *model, struct ptm_err *err)
{
    const char *title = model->title ? model->title : model->slug;
    PTM_TRY(ptmi_html_open(buf, title, "hub hub-detail", err));
    PTM_TRY(ptmi_buf_puts(buf, "<div class=\"jumbotron\">\n<h1>", err));
    PTM_TRY(ptmi_html_text(buf, title, err));
    PTM_TRY(ptmi_buf_puts(buf, "</h1>\n", err));
    if (model->author) {
        PTM_TRY(ptmi_buf_puts(buf, "<p class=\"detail-lead\">By ", err));
        PTM_TRY(ptmi_html_text(buf, model->author, err));
        PTM_TRY(ptmi_buf_puts(buf, "</p>\n", err));
    }
    if (model->summary) {
        PTM_TRY(ptmi_buf_puts(buf, "<p class=\"detail-lead lead-summary\">", err));
        PTM_TRY(ptmi_html_text(buf, model->summary, err));
        PTM_TRY(ptmi_buf_puts(buf, "</p>\n", err));
    }
    PTM_TRY(ptmi_buf_puts(buf, "<div class=\"detail-button-container\">\n", err));
    PTM_TRY(put_button(buf, model->github_url, "detail-github-link", "GitHub", err));
    PTM_TRY(put_button(buf, model->colab_url, "detail-colab-link", "Colab", err));
    PTM_TRY(put_button(buf, model->demo_url, "detail-web-demo-link", "Demo", err));
    PTM_TRY(ptmi_buf_puts(buf, "</div>\n</div>\n<article class=\"pytorch-article\">\n", err));
    PTM_TRY(ptmi_card_html(card, true, buf, err));
    PTM_TRY(ptmi_buf_puts(buf, "</article>\n", err));
    return ptmi_html_close(buf, err);
}

ptm_rc ptmi_pt_read_card(const char *text, size_t len, const char *slug, struct ptmi_arena *arena,
                         struct ptmi_pt_model *out, bool *out_is_card, struct ptmi_buf *html,
                         struct ptm_err *err)
{
    PTM_AUTO(card_freep) ptmi_card *card = NULL;
    *out_is_card = false;
    PTM_TRY(ptmi_card_parse(text, len, slug, &card, err));
    bool is_card = ptmi_str_eq(ptmi_card_meta(card, "layout"), "hub_detail") ||
                   ptmi_card_meta(card, "github-link");
    if (!is_card) return PTM_OK;
    struct ptmi_pt_model model = {.calls = {.arena = arena}, .found = {.arena = arena}};
    model.slug = ptmi_arena_strdup(arena, slug);
    model.card_path = ptmi_arena_printf(arena, "%s.md", slug);
    PTM_AUTO(ptmi_freep) char *encoded = ptmi_url_encode(slug, false);
    /* Where the site's build put the notebook of every card. */
    if (encoded)
        model.colab_url = ptmi_arena_printf(
            arena,
            "https://colab.research.google.com/github/pytorch/pytorch.github.io/blob/master/"
            "assets/hub/%s.ipynb",
            encoded);
    if (!model.slug || !model.card_path || !model.colab_url ||
        !read_front_matter(card, arena, &model) || !read_body(card, arena, &model))
        return ptm_err_set(err, PTM_ELIMIT, "%s: the card holds too much", slug);
    if (html) PTM_TRY(put_page(html, card, &model, err));
    *out = model;
    *out_is_card = true;
    return PTM_OK;
}

/* ---- JSON --------------------------------------------------------------- */

static ptm_rc put_field(struct ptmi_buf *buf, const char *name, const char *value,
                        struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_printf(buf, err, "%c\"%s\":", buf->len == 0 ? '{' : ',', name));
    return ptmi_buf_json_str(buf, value, err);
}

static ptm_rc put_points(struct ptmi_buf *buf, const struct ptmi_torch_calls *calls,
                         struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_puts(buf, ",\"EntryPoints\":[", err));
    for (size_t i = 0; i < calls->n; i++) {
        const struct ptm_entry_point *point = &calls->items[i];
        PTM_TRY(ptmi_buf_puts(buf, i > 0 ? ",{\"Repo\":" : "{\"Repo\":", err));
        PTM_TRY(ptmi_buf_json_str(buf, point->repo, err));
        PTM_TRY(put_field(buf, "Ref", point->ref, err));
        PTM_TRY(put_field(buf, "Name", point->name, err));
        PTM_TRY(ptmi_buf_printf(buf, err, ",\"Line\":%d", point->line));
        PTM_TRY(put_field(buf, "Code", point->code, err));
        PTM_TRY(ptmi_buf_putc(buf, '}', err));
    }
    return ptmi_buf_putc(buf, ']', err);
}

ptm_rc ptmi_pt_json(struct ptmi_buf *buf, const struct ptmi_pt_model *model, struct ptm_err *err)
{
    PTM_TRY(put_field(buf, "ModelName", model->title ? model->title : model->slug, err));
    PTM_TRY(put_field(buf, "ModelAuthor", model->author, err));
    PTM_TRY(put_field(buf, "ModelDescription", model->summary, err));
    PTM_AUTO(ptmi_freep) char *encoded = ptmi_url_encode(model->slug, false);
    PTM_AUTO(ptmi_freep)
    char *url = encoded ? ptmi_str_printf("https://pytorch.org/hub/%s/", encoded) : NULL;
    if (!url) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", model->slug);
    PTM_TRY(put_field(buf, "ModelURL", url, err));
    PTM_TRY(put_field(buf, "GitHubURL", model->github_url, err));
    PTM_TRY(put_field(buf, "ColabURL", model->colab_url, err));
    PTM_TRY(put_field(buf, "DemoURL", model->demo_url, err));
    PTM_TRY(put_field(buf, "CardPath", model->card_path, err));
    PTM_TRY(put_field(buf, "Category", model->category, err));
    PTM_TRY(put_field(buf, "Accelerator", model->accelerator, err));
    PTM_TRY(put_field(buf, "GitHubID", model->github_id, err));
    PTM_TRY(ptmi_buf_puts(buf, ",\"Tags\":[", err));
    for (size_t i = 0; i < model->tags.n; i++) {
        if (i > 0) PTM_TRY(ptmi_buf_putc(buf, ',', err));
        PTM_TRY(ptmi_buf_json_str(buf, model->tags.items[i], err));
    }
    PTM_TRY(ptmi_buf_putc(buf, ']', err));
    PTM_TRY(put_points(buf, &model->calls, err));
    return ptmi_buf_putc(buf, '}', err);
}
