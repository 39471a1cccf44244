/* SPDX-License-Identifier: MIT */
/*
 * net_part.h - the partial file of a download: its bytes, the hash over them, and the validator
 * they belong to.
 *
 *     PART        the first `offset` bytes of the file, appended as they come
 *     PART.meta   one line: the ETag or Last-Modified of the answer they came from; only
 *                 where no SHA-256 is expected, which would prove the bytes by itself
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ptm/ctx.h>

#include "../base/hash.h"

struct ptmi_part {
    const char *path; /* borrowed */
    char *meta_path;
    int fd;
    int64_t offset;    /* bytes that are there and hashed */
    int64_t inherited; /* of these, from an earlier call; 0 once started over */
    bool proven;       /* a SHA-256 is expected: no validator needed */
    char *validator;   /* strong ETag or a date, fit for If-Range; NULL: none */
    int64_t flushed;   /* up to here the kernel has been told to write */
    ptmi_hash *hash;
};

/*
 * Opens or creates path and hashes what is there; starts over when it may not be resumed (no
 * validator and not proven) or is longer than expected_size (-1: unknown).
 */
PTM_MUST_USE ptm_rc ptmi_part_open(ptm_ctx *ctx, const char *path, bool proven,
                                   int64_t expected_size, struct ptmi_part *out,
                                   struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_part_append(struct ptmi_part *part, const void *data, size_t len,
                                     struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_part_restart(struct ptmi_part *part, struct ptm_err *err); /* from zero */
/* Asks the file system for the room now, so that a full disk shows before hours of transfer. */
PTM_MUST_USE ptm_rc ptmi_part_reserve(struct ptmi_part *part, int64_t size, struct ptm_err *err);
/* Remembers the validator of an answer's headers, on disk too unless proven. */
PTM_MUST_USE ptm_rc ptmi_part_learn(struct ptmi_part *part, const char *headers,
                                    struct ptm_err *err);
bool ptmi_part_resumable(const struct ptmi_part *part);
PTM_MUST_USE ptm_rc ptmi_part_finish(struct ptmi_part *part,
                                     struct ptm_err *err); /* fsync; no side file */
void ptmi_part_remove(struct ptmi_part *part);             /* the files */
void ptmi_part_close(struct ptmi_part *part);              /* the descriptor; the files stay */
