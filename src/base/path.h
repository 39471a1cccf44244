/* SPDX-License-Identifier: MIT */
/*
 * path.h - the one place where names from outside become paths.
 *
 * A name is one path component. Refused with PTM_EUNSAFE and the reason: empty, ".", "..", a '/' or
 * '\' inside, control characters, invalid UTF-8, a trailing dot or space, more than PTM_LIMIT_NAME
 * bytes, and whatever some file system takes for ".git" (any case, "git~1", code points that HFS+
 * ignores, NTFS streams). Windows device names pass: Linux first.
 */
#pragma once

#include <ptm/err.h>

PTM_MUST_USE ptm_rc ptmi_path_check_name(const char *name, struct ptm_err *err);
/* A relative path of safe names; "a//b", "a/./b", absolute and over-long paths are refused. */
PTM_MUST_USE ptm_rc ptmi_path_check_relative(const char *path, struct ptm_err *err);
/* dir + "/" + relative after ptmi_path_check_relative(relative); malloc'ed. The way for every name
 * from outside. */
PTM_MUST_USE ptm_rc ptmi_path_under(const char *dir, const char *relative, char **out,
                                    struct ptm_err *err);
/* a/b with exactly one slash between, for paths that are our own; malloc'ed, NULL when out of
 * memory. */
char *ptmi_path_join(const char *a, const char *b);
/* Folder part, malloc'ed: "a/b" -> "a", "a" -> ".", "/a" -> "/". */
char *ptmi_path_dir(const char *path);
/* What follows the last slash, borrowed from path. */
const char *ptmi_path_base(const char *path);
/* Case-folded form (Latin, Greek, Cyrillic; no locale involved) to find names that clash on other
 * systems; malloc'ed. */
char *ptmi_path_fold(const char *path);
