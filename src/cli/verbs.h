/* SPDX-License-Identifier: MIT */
/*
 * verbs.h - the table of verbs: what each is called, takes and does. Help, man pages, completion
 * and docs/command.md are made from it. To add a verb: its file verb_<name>.c, its line in verbs.c,
 * its name in meson.build and docs/man/meson.build.
 *
 * Verbs of two words ("weights ls") belong to a group: the entry of their first word, which only
 * prints what there is.
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
    PTMI_VERB_GROUP = 1u << 4,  /* the first word of others; in no list of verbs */
    PTMI_VERB_FILES = 1u << 5,  /* operands are names of files (completion) */
};

struct ptmi_verb {
    const char *heading;  /* in the list of verbs, above the first of a group; else NULL */
    const char *name;     /* one word, or two with a space between */
    const char *operands; /* for the synopsis: "HUB... | --all"; "" when there are none */
    const char *words;    /* operands that are words of a small set (completion); NULL: none are */
    const char *summary;  /* one line */
    const char *text;     /* paragraphs, an empty line between them */
    struct ptmi_example examples[5]; /* ends with {NULL} */
    unsigned groups;                 /* of options (opts.h) */
    unsigned flags;
    /*
     * Does it. *status is 0 and may be set to 2 (some items failed) or 3 (some hub could not go on,
     * and was complained of) by a verb that returns PTM_OK, or, by `weights scan`, to 10, 11 or 12
     * (the worst verdict); an error returned is printed once, by main, and gives the exit status
     * (ptmi_cli_status).
     */
    ptm_rc (*run)(struct ptmi_cli *cli, int *status, struct ptm_err *err);
};

/* i-th verb in the order of help, NULL past the end. */
const struct ptmi_verb *ptmi_verb_at(size_t i);
const struct ptmi_verb *ptmi_verb_find(const char *name); /* NULL: none */
/* The second word of a verb of that group, borrowed from its name; NULL: it is none of the group's.
 */
const char *ptmi_verb_word(const struct ptmi_verb *verb, const struct ptmi_verb *group);
/* PTM_EINVAL with a did-you-mean, which begins with before ("ptm "). group: NULL, or word is the
 * second one. */
PTM_MUST_USE ptm_rc ptmi_verb_unknown(const struct ptmi_verb *group, const char *word,
                                      const char *before, struct ptm_err *err);
/* The verb that one or two words name, which may also come as one ("weights ls"). before: as
 * above. */
PTM_MUST_USE ptm_rc ptmi_verb_of_words(char *const *words, int n, const char *before,
                                       const struct ptmi_verb **out, struct ptm_err *err);

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
PTMI_VERB_FN(weights_ls);
PTMI_VERB_FN(weights_convert);
PTMI_VERB_FN(weights_scan);
PTMI_VERB_FN(torch_list);
PTMI_VERB_FN(torch_help);
PTMI_VERB_FN(torch_show);
PTMI_VERB_FN(torch_load);
PTMI_VERB_FN(torch_fetch);
PTMI_VERB_FN(torch_download);
PTMI_VERB_FN(torch_weights);
PTMI_VERB_FN(torch_dir);
PTMI_VERB_FN(torch_cache);
PTMI_VERB_FN(torch_trust);
PTMI_VERB_FN(torch_check);
PTMI_VERB_FN(torch_init);
PTMI_VERB_FN(group);
PTMI_VERB_FN(config);
PTMI_VERB_FN(completion);
PTMI_VERB_FN(help);
PTMI_VERB_FN(version);
PTMI_VERB_FN(lfs_filter);
PTMI_VERB_FN(docs);
