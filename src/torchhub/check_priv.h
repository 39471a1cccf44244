/* SPDX-License-Identifier: MIT */
/* check_priv.h - what the files of `check` share: advice to an author before users meet the trouble
 * themselves. One thread. */
#pragma once

#include "py_source.h"
#include "torchhub_priv.h"

struct ptmi_check {
    ptm_torchhub *hub;
    const char *dir;
    bool online;
    ptm_torchhub_advice_fn fn;
    void *arg;
    ptm_hubconf *hubconf;
    struct ptmi_py_lang lang;
    struct ptmi_py_source *files; /* what importing hubconf.py runs, that file first */
    size_t n_files, cap_files;
    struct ptmi_arena arena;
    struct ptmi_arena_list imports; /* check_effects.c: names of the file that is looked at */
    struct ptmi_arena_list told;    /* what was said of which line: once is enough */
};

/* Tells it, unless the very same was told before. what: all but the text. */
PTM_MUST_USE PTM_PRINTF(4, 5) ptm_rc
    ptmi_advise(struct ptmi_check *check, const struct ptm_torchhub_advice *what,
                struct ptm_err *err, const char *fmt, ...);
#define PTMI_ADVICE(level_, code_, file_, line_)                                        \
    &(struct ptm_torchhub_advice)                                                       \
    {                                                                                   \
        .level = PTM_ADVICE_##level_, .code = (code_), .file = (file_), .line = (line_) \
    }

/* check_files.c: reads hubconf.py and, transitively, the files of the repository that importing it
 * runs, as far as imports say so plainly. */
PTM_MUST_USE ptm_rc ptmi_check_files(struct ptmi_check *check, struct ptm_err *err);
/* Called for the nodes of file i: those that importing it runs (no bodies of functions, nothing
 * under `if __name__ == "__main__"`), with all the others, too. Anything but PTM_OK ends it. */
typedef ptm_rc (*ptmi_check_visit)(struct ptmi_check *check, size_t i, TSNode node,
                                   ptmi_py_kind kind, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_check_walk(struct ptmi_check *check, size_t i, bool all,
                                    ptmi_check_visit visit, struct ptm_err *err);
/* A node's text in the arena; "" when out of memory. */
const char *ptmi_check_text(struct ptmi_check *check, const struct ptmi_py_source *file,
                            TSNode node);
/* The name that an import statement of file i has, without white space and without "as ..". */
const char *ptmi_check_module(struct ptmi_check *check, size_t i, TSNode node);

/* check_effects.c: what those files do when they are imported, and with pickles. */
PTM_MUST_USE ptm_rc ptmi_check_effects(struct ptmi_check *check, struct ptm_err *err);
/* check_names.c: dependencies, and module names that clash with others'. */
PTM_MUST_USE ptm_rc ptmi_check_dependencies(struct ptmi_check *check, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_check_modules(struct ptmi_check *check, struct ptm_err *err);
/* check_weights.c: what the entry points download, and large files of the repository itself. */
PTM_MUST_USE ptm_rc ptmi_check_weights(struct ptmi_check *check, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_check_pointers(struct ptmi_check *check, struct ptm_err *err);
