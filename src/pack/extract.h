/* SPDX-License-Identifier: MIT */
/*
 * extract.h - a zip archive from outside, unpacked into a folder of ours: it can neither leave the
 * folder nor fill the disk. Thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ptm/ctx.h>
#include <ptm/err.h>

struct ptmi_extract {
    const char *archive; /* zip file */
    const char *dest;    /* empty folder that exists */
    int64_t max_bytes;   /* of all files unpacked, 0: PTM_LIMIT_EXTRACT_BYTES */
    int64_t max_entries; /* 0: PTM_LIMIT_EXTRACT_ENTRIES */
    int64_t keep_free;   /* bytes that must stay free on the disk of dest */
    bool one_root; /* every entry lies in one folder (GitHub's archives), which is left out of the
                      paths */
    /* Told of every regular file once it is written: path relative to dest. May be NULL. */
    ptm_rc (*on_file)(void *arg, const char *path, int64_t size, const char sha256[65],
                      struct ptm_err *err);
    void *arg;
};
struct ptmi_extracted {
    int64_t files, bytes;
    char root[256];  /* name of that one folder */
    char commit[41]; /* git archive writes it as the comment of the zip; "" when it is not there */
};
/*
 * Regular files (with their executable bit), folders, and symbolic links that stay inside dest;
 * nothing else. PTM_EUNSAFE names the entry (absolute path, "..", backslash, link out, a name that
 * stands there twice, ..), PTM_ELIMIT, PTM_EFORMAT, PTM_ENOSPC, PTM_ECANCELED. What was written
 * before stays for the caller to remove.
 */
PTM_MUST_USE ptm_rc ptmi_extract_zip(ptm_ctx *ctx, const struct ptmi_extract *what,
                                     struct ptmi_extracted *out, struct ptm_err *err);
