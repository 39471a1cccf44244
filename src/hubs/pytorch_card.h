/* SPDX-License-Identifier: MIT */
/*
 * pytorch_card.h - one model of PyTorch Hub, whether it comes from a card of the pytorch/hub
 * repository or from a saved page of the old pytorch.org. Shared by hub_pytorchhub.c and
 * pytorch_pages.c, their tests and fuzz targets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../base/arena.h"
#include "../base/buf.h"
#include "hubs_priv.h"
#include "torch_calls.h"

/* Strings in the arena; NULL: the source does not say. */
struct ptmi_pt_model {
    const char *slug; /* the card's own name: safe as a file name */
    const char *title, *author, *summary;
    const char *github_url, *colab_url, *demo_url;
    const char *card_path; /* in the repository; NULL for a saved page */
    const char *category, *accelerator, *github_id;
    struct ptmi_arena_list tags;
    struct ptmi_torch_calls calls;
    struct ptmi_found found; /* papers and data sets of its links */
};

/* Reads a card. *out_is_card false: a Markdown file of another kind, and *out is not to be used.
 * html gets the page's whole HTML (NULL: not wanted). */
PTM_MUST_USE ptm_rc ptmi_pt_read_card(const char *text, size_t len, const char *slug,
                                      struct ptmi_arena *arena, struct ptmi_pt_model *out,
                                      bool *out_is_card, struct ptmi_buf *html,
                                      struct ptm_err *err);

/* The largest saved page that is read; the site's own stayed under 100 KB. */
#define PTMI_PT_PAGE_MAX (1u << 20)

#ifdef HAVE_LIBXML2
/* Reads a saved page; fallback_slug is taken when the page does not tell its own. *out_is_page
 * false: another kind of page. */
PTM_MUST_USE ptm_rc ptmi_pt_read_page(const char *html, size_t len, const char *fallback_slug,
                                      struct ptmi_arena *arena, struct ptmi_pt_model *out,
                                      bool *out_is_page, struct ptm_err *err);
#endif

/* The record as one line of JSON, without an id. */
PTM_MUST_USE ptm_rc ptmi_pt_json(struct ptmi_buf *buf, const struct ptmi_pt_model *model,
                                 struct ptm_err *err);
