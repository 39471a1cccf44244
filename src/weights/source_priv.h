/* SPDX-License-Identifier: MIT */
/*
 * source_priv.h - what is inside a source, for source.c and source_url.c alone.
 *
 * Every kind comes down to "data points at byte 0": of a mapping, of memory, of the address space
 * that is set aside for a URL. A part points into its root, the outermost source, and holds it.
 */
#pragma once

#include <stdatomic.h>

#include "source.h"

struct ptmi_source {
    atomic_size_t refs;
    const uint8_t *data; /* byte 0; NULL only when size is 0 */
    uint64_t size;
    ptmi_source *root; /* itself, or what it is a part of: then a reference */
    uint64_t in_root;  /* where byte 0 lies in root */

    /* Of roots alone. */
    int fd;                             /* of the mapped file, or -1 */
    bool writable;                      /* a mapping that may have been written to */
    void (*close)(ptmi_source *source); /* frees what data points at; NULL: it is lent */
    /* Of a URL: brings [offset, offset + len) here, which lies inside; NULL: all is here. */
    ptm_rc (*fetch)(ptmi_source *source, uint64_t offset, uint64_t len, struct ptm_err *err);
    /* Of a URL: the end of the bytes that are here from offset on, looking at most a little ahead.
     */
    uint64_t (*ready)(const ptmi_source *source, uint64_t offset);
    void *remote; /* source_url.c's own */

    char name[];
};

/* A root of its own with one reference and nothing in it yet. PTM_ENOMEM. */
PTM_MUST_USE ptm_rc ptmi_source_new(const char *name, ptmi_source **out, struct ptm_err *err);
