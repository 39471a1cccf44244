/* SPDX-License-Identifier: MIT */
/*
 * pytorch_pages.c - saved pages of the old pytorch.org/hub, by libxml2's HTML parser: no network,
 * no entities from elsewhere, a cap on the page, and walks that follow pointers instead of
 * recursing.
 */
#include "pytorch_card.h"

#include <string.h>

#include <libxml/HTMLparser.h>
#include <libxml/tree.h>

#include "../base/auto.h"
#include "../base/lazy.h"
#include "../base/path.h"
#include "../base/str.h"

/* libxml2 comes with the first page (base/lazy.h): it brings the tables of Unicode along. */
#ifdef PTM_LAZY_XML
#define CALLS(X)      \
    X(htmlReadMemory) \
    X(xmlFree) X(xmlFreeDoc) X(xmlGetLineNo) X(xmlGetNoNsProp) X(xmlNodeGetContent)
static struct calls {
    CALLS(PTMI_LAZY_MEMBER)
} calls;
#define htmlReadMemory (*calls.htmlReadMemory)
#define xmlFree (*calls.xmlFree)
#define xmlFreeDoc (*calls.xmlFreeDoc)
#define xmlGetLineNo (*calls.xmlGetLineNo)
#define xmlGetNoNsProp (*calls.xmlGetNoNsProp)
#define xmlNodeGetContent (*calls.xmlNodeGetContent)

static ptm_rc load_libxml2(struct ptm_err *err)
{
    PTMI_LAZY_LIBRARY(CALLS, calls, PTM_LAZY_XML, "reading saved pages needs it");
    return ptmi_lazy_load(&library, err);
}
#else
static ptm_rc load_libxml2(struct ptm_err *err)
{
    (void)err;
    return PTM_OK;
}
#endif

PTM_DEFINE_CLEANUP(doc_freep, htmlDocPtr, xmlFreeDoc)

struct page {
    struct ptmi_arena *arena;
    struct ptmi_pt_model *out;
    bool failed; /* the arena is full */
};

static bool is_element(const xmlNode *node, const char *name)
{
    return node && node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

/* An attribute's value, copied; NULL when it has none. */
static const char *attribute(struct page *page, xmlNode *node, const char *name)
{
    xmlChar *value = xmlGetNoNsProp(node, (const xmlChar *)name);
    if (!value) return NULL;
    char *copy = ptmi_arena_strdup(page->arena, (const char *)value);
    xmlFree(value);
    if (!copy) page->failed = true;
    return copy;
}

static bool has_class(struct page *page, xmlNode *node, const char *name)
{
    const char *all = attribute(page, node, "class");
    size_t len = strlen(name);
    for (const char *at = all; at && (at = strstr(at, name)); at += len) {
        bool starts = at == all || at[-1] == ' ' || at[-1] == '\n' || at[-1] == '\t';
        if (starts && (at[len] == '\0' || strchr(" \n\t", at[len]))) return true;
    }
    return false;
}

/* Text of all that is in node, as it stands. */
static const char *content(struct page *page, xmlNode *node)
{
    xmlChar *text = xmlNodeGetContent(node);
    if (!text) return NULL;
    char *copy = ptmi_arena_strdup(page->arena, (const char *)text);
    xmlFree(text);
    if (!copy) page->failed = true;
    return copy;
}

/* The same with each run of white space as one space and none at the ends; NULL when nothing is
 * left. */
static const char *words(struct page *page, xmlNode *node)
{
    const char *text = content(page, node);
    char *out = text ? ptmi_arena_strdup(page->arena, text) : NULL;
    if (!out) return NULL;
    size_t n = 0;
    for (; *text; text++) {
        bool space = strchr(" \t\r\n", *text) != NULL;
        if (space && (n == 0 || out[n - 1] == ' ')) continue;
        out[n++] = space ? ' ' : *text;
    }
    if (n > 0 && out[n - 1] == ' ') n--;
    out[n] = '\0';
    return n > 0 ? out : NULL;
}

static void on_lead(struct page *page, xmlNode *node)
{
    const char *text = words(page, node);
    if (!text) return;
    if (has_class(page, node, "lead-summary")) {
        if (!page->out->summary) page->out->summary = text;
    } else if (!page->out->author) {
        page->out->author = ptmi_str_starts(text, "By ") ? text + 3 : text;
    }
}

/* A button tells by its class what the link around it is. */
static void on_button(struct page *page, xmlNode *node)
{
    struct ptmi_pt_model *out = page->out;
    if (!is_element(node->parent, "a")) return;
    const char **to = has_class(page, node, "detail-github-link")     ? &out->github_url
                      : has_class(page, node, "detail-colab-link")    ? &out->colab_url
                      : has_class(page, node, "detail-web-demo-link") ? &out->demo_url
                                                                      : NULL;
    const char *href = to && !*to ? attribute(page, node->parent, "href") : NULL;
    if (href && *href) *to = href;
}

static void on_code(struct page *page, xmlNode *node)
{
    const char *code = content(page, node);
    if (!code) return;
    if (!ptmi_torch_calls_scan(&page->out->calls, code, strlen(code), (int)xmlGetLineNo(node)))
        page->failed = true;
}

static void on_link(struct page *page, xmlNode *node)
{
    const char *href = attribute(page, node, "href");
    struct ptm_dataset set = {0};
    if (!href) return;
    if (ptmi_card_dataset_link(href, page->arena, &set))
        ptmi_found_add(&page->out->found, &set);
    else
        ptmi_found_paper(&page->out->found, href);
}

/* true: what is inside the node has been read, too. */
static bool on_node(struct page *page, xmlNode *node, bool in_article)
{
    if (node->type != XML_ELEMENT_NODE) return false;
    if (is_element(node, "h1") && !page->out->title)
        page->out->title = words(page, node);
    else if (is_element(node, "p") && has_class(page, node, "detail-lead"))
        on_lead(page, node);
    else if (is_element(node, "button"))
        on_button(page, node);
    else if (is_element(node, "a") && in_article)
        on_link(page, node);
    if (is_element(node, "pre")) on_code(page, node);
    return is_element(node, "pre");
}

static xmlNode *next_node(xmlNode *node, bool skip_inside)
{
    if (node->children && !skip_inside) return node->children;
    while (node && !node->next) node = node->parent;
    return node ? node->next : NULL;
}

/* The site named a card's notebook after the card. */
static const char *own_slug(const struct ptmi_pt_model *model, struct ptmi_arena *arena)
{
    const char *name = model->colab_url ? strstr(model->colab_url, "/assets/hub/") : NULL;
    if (!name) return NULL;
    name += 12;
    size_t len = strlen(name);
    if (len <= 6 || strcmp(name + len - 6, ".ipynb") != 0) return NULL;
    const char *slug = ptmi_arena_strndup(arena, name, len - 6);
    return slug && ptmi_path_check_name(slug, NULL) == PTM_OK ? slug : NULL;
}

ptm_rc ptmi_pt_read_page(const char *html, size_t len, const char *fallback_slug,
                         struct ptmi_arena *arena, struct ptmi_pt_model *out, bool *out_is_page,
                         struct ptm_err *err)
{
    *out_is_page = false;
    if (len > PTMI_PT_PAGE_MAX)
        return ptm_err_set(err, PTM_ELIMIT, "%s: a page of %zu bytes", fallback_slug, len);
    PTM_TRY(load_libxml2(err));
    PTM_AUTO(doc_freep)
    htmlDocPtr doc =
        htmlReadMemory(html, (int)len, NULL, "UTF-8",
                       HTML_PARSE_RECOVER | HTML_PARSE_NONET | HTML_PARSE_NOERROR |
                           HTML_PARSE_NOWARNING | HTML_PARSE_NODEFDTD | HTML_PARSE_NOIMPLIED);
    if (!doc) return PTM_OK; /* nothing that could be read as HTML at all */
    struct ptmi_pt_model model = {.calls = {.arena = arena}, .found = {.arena = arena}};
    struct page page = {.arena = arena, .out = &model};
    /* The article's links are the model's; all others are the site's. after: what follows the
     * article. */
    const xmlNode *after = NULL;
    bool in_article = false;
    xmlNode *node = doc->children;
    while (node && !page.failed) {
        if (in_article && node == after) in_article = false;
        if (!in_article && is_element(node, "article")) {
            in_article = true;
            after = next_node(node, true);
        }
        node = next_node(node, on_node(&page, node, in_article));
    }
    if (page.failed || model.found.failed)
        return ptm_err_set(err, PTM_ELIMIT, "%s: the page holds too much", fallback_slug);
    model.slug = own_slug(&model, arena);
    if (!model.slug) model.slug = ptmi_arena_strdup(arena, fallback_slug);
    if (!model.slug) return ptm_err_set(err, PTM_ELIMIT, "%s: out of memory", fallback_slug);
    /* Lists of models have no such lead; the site's own templates still have their {{ placeholders
     * }}. */
    *out_is_page = model.title && model.author && !strstr(model.title, "{{");
    if (*out_is_page) *out = model;
    return PTM_OK;
}
