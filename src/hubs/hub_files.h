/* SPDX-License-Identifier: MIT */
/* hub_files.h - what hubs that are a repository of Markdown share: finding files in a checkout, and
 * HTML pages made of cards. Pure but for reading; any thread. */
#pragma once

#include <stdbool.h>

#include "../base/arena.h"
#include "../base/buf.h"

/*
 * Paths (below dir, safe to become paths, sorted by bytes) of the regular files whose names keep()
 * wants. Symbolic links and folders whose names start with a dot are passed over. PTM_ELIMIT for a
 * tree beyond any real one.
 */
PTM_MUST_USE ptm_rc ptmi_hub_walk(const char *dir, bool (*keep)(const char *name),
                                  struct ptmi_arena *arena, struct ptmi_arena_list *out,
                                  struct ptm_err *err);

/* Text for an HTML body or a double-quoted attribute. NULL adds nothing. */
PTM_MUST_USE ptm_rc ptmi_html_text(struct ptmi_buf *buf, const char *text, struct ptm_err *err);
/* Document up to <body>, whose class body_class is (NULL: none). Scripts, frames and forms of the
 * content are forbidden by policy. */
PTM_MUST_USE ptm_rc ptmi_html_open(struct ptmi_buf *buf, const char *title, const char *body_class,
                                   struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_html_close(struct ptmi_buf *buf, struct ptm_err *err);
/* A safe address for href; NULL for any scheme but http, https and mailto. Relative ones are safe.
 */
const char *ptmi_html_href(const char *url);
