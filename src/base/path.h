/* SPDX-License-Identifier: MIT */
/*
 * path.h - the one place where names from outside become paths (DESIGN 5).
 *
 * A name is one path component. Refused with PTM_EUNSAFE and the reason: empty, ".", "..", '/', '\', control characters,
 * invalid UTF-8, anything that folds to ".git" (also ".git " "git~1" and HFS-ignorable code points), a trailing dot or
 * space, Windows device names are allowed (Linux first), longer than PTM_LIMIT_NAME.
 */
#pragma once

#include <ptm/err.h>

PTM_MUST_USE ptm_rc ptmi_path_check_name(const char *name, struct ptm_err *err);
/* A relative path of safe names; "a//b", "a/./b", absolute and over-long paths are refused. */
PTM_MUST_USE ptm_rc ptmi_path_check_relative(const char *path, struct ptm_err *err);
/* dir + "/" + relative after ptmi_path_check_relative(relative); malloc'ed. The way for every name from outside. */
PTM_MUST_USE ptm_rc ptmi_path_under(const char *dir, const char *relative, char **out,
                                    struct ptm_err *err);
/* a/b with exactly one slash between, for paths that are our own; malloc'ed, NULL when out of memory. */
char *ptmi_path_join(const char *a, const char *b);
/* Folder part, malloc'ed: "a/b" -> "a", "a" -> ".", "/a" -> "/". */
char *ptmi_path_dir(const char *path);
/* Last component, borrowed from path. */
const char *ptmi_path_base(const char *path);
/* Case-folded form (ASCII and Latin-1/Greek/Cyrillic by towlower of the C.UTF-8 tables) for clash detection; malloc'ed. */
char *ptmi_path_fold(const char *path);
