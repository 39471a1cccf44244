/* SPDX-License-Identifier: MIT */
/*
 * card.h - model cards and READMEs, read without trust: Markdown by cmark-gfm (tables), front
 * matter by libyaml. Shared by all hubs. A card belongs to one thread at a time.
 */
#pragma once

#include <ptm/model.h>

#include "../base/arena.h"
#include "../base/buf.h"
#include "hubs.h"

typedef struct ptmi_card ptmi_card;

/* Copies text (at most PTM_LIMIT_MARKDOWN; CRLF is read as LF). A front matter that is not YAML is
 * PTM_EFORMAT. */
PTM_MUST_USE ptm_rc ptmi_card_parse(const char *text, size_t len, const char *what, ptmi_card **out,
                                    struct ptm_err *err);
void ptmi_card_free(ptmi_card *card); /* NULL is a no-op */

/* Top-level scalar of the front matter, or the first item of a list; NULL when absent. Borrowed
 * from card. */
const char *ptmi_card_meta(const ptmi_card *card, const char *key);
/* i-th item of a top-level list, or (i = 0) the scalar; NULL past the end. Borrowed from card. */
const char *ptmi_card_meta_item(const ptmi_card *card, const char *key, size_t i);

/* Body as HTML. raw_html: raw HTML passes as far as it is harmless (no scripts, handlers, styles,
 * comments; http, https, mailto and relative links only), else it is dropped. */
PTM_MUST_USE ptm_rc ptmi_card_html(const ptmi_card *card, bool raw_html, struct ptmi_buf *out,
                                   struct ptm_err *err);

/* Text of the first heading, plain; NULL when there is none. Borrowed from card. */
const char *ptmi_card_title(const ptmi_card *card);

/* Tables. Cell text is plain (links as their text), trimmed; href is the first link's target or
 * NULL. Borrowed from card. */
struct ptmi_cell {
    const char *text;
    const char *href;
};
size_t ptmi_card_tables(const ptmi_card *card);
size_t ptmi_card_rows(const ptmi_card *card, size_t table); /* without the header row */
size_t ptmi_card_columns(const ptmi_card *card, size_t table);
/* row -1: header. Out of range: an empty cell. */
struct ptmi_cell ptmi_card_cell(const ptmi_card *card, size_t table, int row, size_t column);
/* Name of the last <a name="..."> before the table, or NULL. */
const char *ptmi_card_table_anchor(const ptmi_card *card, size_t table);

/* Every link target of the body, in order; NULL past the last. */
const char *ptmi_card_link(const ptmi_card *card, size_t i);
/* Fenced code blocks; NULL past the last. *out_line: first line of the code in the file, from 1. */
const char *ptmi_card_fence(const ptmi_card *card, size_t i, const char **out_info, int *out_line);

/* DOI of a paper link: doi.org/10.x -> "10.x", arxiv.org/abs|pdf/N[vK] -> "10.48550/arXiv.N";
 * "arxiv:N" and "doi:10.x" too. NULL: not one. In arena. */
const char *ptmi_card_doi(const char *link, struct ptmi_arena *arena);
/* A data set by its Hugging Face id ("squad", "org/name"), filled in with owner and URLs. false:
 * not an id, or out of memory. */
bool ptmi_card_hf_dataset(const char *id, struct ptmi_arena *arena, struct ptm_dataset *out);
/* A data set of a link (huggingface.co/datasets/..). false: not one. */
bool ptmi_card_dataset_link(const char *link, struct ptmi_arena *arena, struct ptm_dataset *out);

/* The default describe op: README.md's front matter and links, config.json's model_type /
 * architectures. Missing files are no error. */
PTM_MUST_USE ptm_rc ptmi_card_describe(const char *dir, const char *repo_path,
                                       struct ptmi_arena *arena, struct ptmi_facts *out,
                                       struct ptm_err *err);
