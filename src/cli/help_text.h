/* SPDX-License-Identifier: MIT */
/* help_text.h - words shared by help, manual pages and docs/command.md, all made from the tables.
 */
#pragma once

#include <stddef.h>

#include "opts.h"
#include "verbs.h"

/* Words of text in lines of at most width columns: fn gets each line. Paragraphs are parted by an
 * empty line. */
typedef void (*ptmi_line_fn)(void *arg, const char *line);
void ptmi_wrap(const char *text, size_t width, ptmi_line_fn fn, void *arg);

/* "-j, --jobs N" */
void ptmi_opt_label(const struct ptmi_opt *opt, char *out, size_t size);
/* help with choices, default and environment: one paragraph. */
void ptmi_opt_sentence(const struct ptmi_opt *opt, char *out, size_t size);

/* An environment variable or file, for the reference pages. */
struct ptmi_topic {
    const char *name;
    const char *text;
};
/* Ends with {NULL}. */
extern const struct ptmi_topic ptmi_exit_topics[];
extern const struct ptmi_topic ptmi_environment_topics[];
extern const struct ptmi_topic ptmi_file_topics[];
extern const struct ptmi_topic ptmi_filter_topics[];
