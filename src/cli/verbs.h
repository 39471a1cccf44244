/* SPDX-License-Identifier: MIT */
/*
 * verbs.h - the table of verbs: what each is called, takes and does. Help, man pages, completion
 * and docs/command.md are made from it. To add a verb: its file verb_<name>.c, its line in verbs.c,
 * its name in meson.build and docs/man/meson.build.
 */
#pragma once

#include <stddef.h>

#include <ptm/err.h>

struct ptmi_cli;

struct ptmi_example {
    const char *command; /* after "ptm " */
    const char *what;    /* what it does, one line; NULL: nothing to say */
};

enum {
    PTMI_VERB_HIDDEN = 1u << 0, /* not for people: in no list */
    PTMI_VERB_HUBS = 1u << 1,   /* operands are names of hubs (completion) */
    PTMI_VERB_TOKENS = 1u << 2, /* wants the tokens of the environment */
    PTMI_VERB_BARE = 1u << 3,   /* reads neither environment nor configuration file */
};

struct ptmi_verb {
    const char *heading; /* in the list of verbs, above the first of a group; else NULL */
    const char *name;
    const char *operands; /* for the synopsis: "HUB... | --all"; "" when there are none */
    const char *summary;  /* one line */
    const char *text;     /* paragraphs, an empty line between them */
    struct ptmi_example examples[5]; /* ends with {NULL} */
    unsigned groups;                 /* of options (opts.h) */
    unsigned flags;
    /*
     * Does it. *status is 0 and may be set to 2 (some items failed) or 3 (some hub could not go on,
     * and was complained of) by a verb that returns PTM_OK; an error returned is printed once, by
     * main, and gives the exit status (ptmi_cli_status).
     */
    ptm_rc (*run)(struct ptmi_cli *cli, int *status, struct ptm_err *err);
};

/* i-th verb in the order of help, NULL past the end. */
const struct ptmi_verb *ptmi_verb_at(size_t i);
const struct ptmi_verb *ptmi_verb_find(const char *name); /* NULL: none */
/* The nearest visible verb by edit distance, or NULL. */
const char *ptmi_verb_suggest(const char *word);

#define PTMI_VERB_FN(name) \
    PTM_MUST_USE ptm_rc ptmi_verb_##name(struct ptmi_cli *cli, int *status, struct ptm_err *err)
PTMI_VERB_FN(run);
PTMI_VERB_FN(setup);
PTMI_VERB_FN(list);
PTMI_VERB_FN(parse);
PTMI_VERB_FN(clone);
PTMI_VERB_FN(schema);
PTMI_VERB_FN(split);
PTMI_VERB_FN(status);
PTMI_VERB_FN(failures);
PTMI_VERB_FN(retry);
PTMI_VERB_FN(show);
PTMI_VERB_FN(verify);
PTMI_VERB_FN(config);
PTMI_VERB_FN(completion);
PTMI_VERB_FN(help);
PTMI_VERB_FN(version);
PTMI_VERB_FN(lfs_filter);
PTMI_VERB_FN(docs);
