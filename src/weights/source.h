/* SPDX-License-Identifier: MIT */
/*
 * source.h - where the bytes of a checkpoint come from: a mapped file, a URL read by ranges,
 * memory, or a part of another source. All readers go through ptmi_source_at(), which is the bounds
 * check and, for a URL, what fetches: a reader never learns which it has.
 *
 * Local files are mapped. A URL has address space of its size set aside, which blocks are fetched
 * into as they are asked for, so that pointers stay good until the last reference is gone.
 *
 * One thread at a time while a URL may still be fetched from; afterwards, and for all other kinds,
 * any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/err.h>
#include <ptm/net.h>

#include "../base/auto.h"
#include "../base/bytes.h"

typedef struct ptmi_source ptmi_source; /* counted: every holder has a reference of its own */

/* PTM_EINVAL for folders and other things without bytes of their own. writable: the mapping is
 * private and may be written to. */
PTM_MUST_USE ptm_rc ptmi_source_open(const char *path, bool writable, ptmi_source **out,
                                     struct ptm_err *err);
/* As open, of a file below dir, following no symbolic link and never leaving dir: names out of a
 * file (shards, external data). PTM_EUNSAFE. */
PTM_MUST_USE ptm_rc ptmi_source_open_beneath(const char *dir, const char *relative, bool writable,
                                             ptmi_source **out, struct ptm_err *err);
/* Fetches the first block; net outlives the source. Data is writable. PTM_EUNSUPPORTED where the
 * server does not serve ranges; a file that changes between two requests is PTM_EIO. */
PTM_MUST_USE ptm_rc ptmi_source_open_url(ptm_net *net, const char *url, ptmi_source **out,
                                         struct ptm_err *err);
/* Memory that is malloc'ed and becomes the source's, also when this fails; name is copied. */
PTM_MUST_USE ptm_rc ptmi_source_own(void *data, size_t len, const char *name, ptmi_source **out,
                                    struct ptm_err *err);
/* Memory that the caller keeps until the source is gone. */
PTM_MUST_USE ptm_rc ptmi_source_lend(const void *data, size_t len, const char *name,
                                     ptmi_source **out, struct ptm_err *err);
/* Bytes [offset, offset + len) of another, which it keeps a reference to. name: for messages,
 * copied. */
PTM_MUST_USE ptm_rc ptmi_source_part(ptmi_source *whole, uint64_t offset, uint64_t len,
                                     const char *name, ptmi_source **out, struct ptm_err *err);
ptmi_source *ptmi_source_ref(ptmi_source *source);
void ptmi_source_unref(ptmi_source *source); /* NULL is a no-op */
PTM_DEFINE_CLEANUP(ptmi_source_unrefp, ptmi_source *, ptmi_source_unref)

uint64_t ptmi_source_size(const ptmi_source *source);
const char *ptmi_source_name(const ptmi_source *source); /* for messages; borrowed */
bool ptmi_source_is_remote(const ptmi_source *source);
/* The descriptor of the file behind it and where the source begins in it, so that bytes can be
 * copied inside the kernel; -1 when there is none. */
int ptmi_source_fd(const ptmi_source *source, uint64_t *out_offset);
/* What it is a part of, or itself: the same for all parts of one file. Borrowed. */
const ptmi_source *ptmi_source_root(const ptmi_source *source);
/* Does part lie in whole (or is it whole itself)? Then *out_offset is where it begins there. */
bool ptmi_source_within(const ptmi_source *part, const ptmi_source *whole, uint64_t *out_offset);

/*
 * *out points at bytes [offset, offset + len), good while a reference is held (and writable, for a
 * writable source). Past the end: PTM_EFORMAT "NAME: byte 40: 8 bytes are wanted, 3 are left". len
 * may be 0.
 */
PTM_MUST_USE ptm_rc ptmi_source_at(ptmi_source *source, uint64_t offset, uint64_t len,
                                   const uint8_t **out, struct ptm_err *err);
/* Fetches what is not here yet of a range with as few requests as possible; a hint for local ones.
 */
PTM_MUST_USE ptm_rc ptmi_source_prefetch(ptmi_source *source, uint64_t offset, uint64_t len,
                                         struct ptm_err *err);
/* These bytes will not be looked at again soon: keeps memory flat over large files. */
void ptmi_source_done_with(ptmi_source *source, uint64_t offset, uint64_t len);

/* --- a cursor: reads on from a place and never past its end --- */

struct ptmi_cursor {
    ptmi_source *source; /* borrowed */
    uint64_t pos, end;   /* in the source */
    bool big_endian;     /* of the integers taken */
    /* The window known to be here, so that taking a byte is a comparison and an addition: ready
     * points at byte ready_from of the source. The cursor's own. */
    const uint8_t *ready;
    uint64_t ready_from, ready_to;
};
#define PTMI_CURSOR(source_, pos_, end_)                  \
    {                                                     \
        .source = (source_), .pos = (pos_), .end = (end_) \
    }
/* Bytes left. */
static inline uint64_t ptmi_cursor_left(const struct ptmi_cursor *cursor)
{
    return cursor->end - cursor->pos;
}
/* ptmi_cursor_take() outside of the window: for that function alone. */
PTM_MUST_USE ptm_rc ptmi_cursor_load(struct ptmi_cursor *cursor, uint64_t len, const uint8_t **out,
                                     struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_cursor_skip(struct ptmi_cursor *cursor, uint64_t len, struct ptm_err *err);

/* The next len bytes; the cursor moves past them. PTM_EFORMAT names the byte. */
PTM_MUST_USE static inline ptm_rc ptmi_cursor_take(struct ptmi_cursor *cursor, uint64_t len,
                                                   const uint8_t **out, struct ptm_err *err)
{
    uint64_t limit = cursor->ready_to < cursor->end ? cursor->ready_to : cursor->end;
    if (cursor->pos < cursor->ready_from || cursor->pos > limit || len > limit - cursor->pos ||
        !cursor->ready)
        return ptmi_cursor_load(cursor, len, out, err);
    *out = cursor->ready + (cursor->pos - cursor->ready_from);
    cursor->pos += len;
    return PTM_OK;
}
PTM_MUST_USE static inline ptm_rc ptmi_cursor_u8(struct ptmi_cursor *cursor, uint8_t *out,
                                                 struct ptm_err *err)
{
    const uint8_t *at = NULL;
    ptm_rc rc = ptmi_cursor_take(cursor, 1, &at, err);
    if (rc == PTM_OK) *out = *at;
    return rc;
}
PTM_MUST_USE static inline ptm_rc ptmi_cursor_u32(struct ptmi_cursor *cursor, uint32_t *out,
                                                  struct ptm_err *err)
{
    const uint8_t *at = NULL;
    ptm_rc rc = ptmi_cursor_take(cursor, 4, &at, err);
    if (rc == PTM_OK) *out = cursor->big_endian ? ptmi_be32(at) : ptmi_le32(at);
    return rc;
}
PTM_MUST_USE static inline ptm_rc ptmi_cursor_u64(struct ptmi_cursor *cursor, uint64_t *out,
                                                  struct ptm_err *err)
{
    const uint8_t *at = NULL;
    ptm_rc rc = ptmi_cursor_take(cursor, 8, &at, err);
    if (rc == PTM_OK) *out = cursor->big_endian ? ptmi_be64(at) : ptmi_le64(at);
    return rc;
}
