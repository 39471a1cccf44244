/* SPDX-License-Identifier: MIT */
/*
 * walk.h - all files below a folder, in the order of their names. One thread. Memory grows with the
 * entries of a folder and those above it, never with the tree.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ptm/err.h>

/*
 * A regular file, or (unless no_links) a link to one. why: NULL, or what path (a folder, or an
 * entry that is gone) could not be read for. Anything but PTM_OK ends the walk.
 */
typedef ptm_rc (*ptmi_walk_fn)(void *arg, const char *path, const struct ptm_err *why,
                               struct ptm_err *err);

struct ptmi_walk {
    ptmi_walk_fn fn;
    void *arg;
    bool skip_git;    /* no look into folders named .git */
    bool no_links;    /* links to files are counted as the others, not followed */
    int64_t links;    /* counted: links to folders, to nothing, or to what is no file */
    int64_t specials; /* counted: sockets, pipes, devices */
};

/* dir itself may be a link. Links to folders are not followed, so the walk ends. */
PTM_MUST_USE ptm_rc ptmi_walk(struct ptmi_walk *walk, const char *dir, struct ptm_err *err);
