/* SPDX-License-Identifier: MIT */
/*
 * source.c - mapped files, memory, parts, and the cursor. URLs are in source_url.c.
 *
 * A file is mapped whole and privately. One that somebody cuts short while it is mapped ends the
 * process by SIGBUS when the lost bytes are touched: files that others write to are to be copied
 * first.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/fs.h"
#include "../base/path.h"
#include "source_priv.h"

/* A FIFO must not hang us, nor a terminal become ours. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

ptm_rc ptmi_source_new(const char *name, ptmi_source **out, struct ptm_err *err)
{
    size_t len = strlen(name) + 1;
    ptmi_source *source = calloc(1, sizeof *source + len);
    if (!source) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", name);
    atomic_init(&source->refs, 1);
    source->root = source;
    source->fd = -1;
    memcpy(source->name, name, len);
    *out = source;
    return PTM_OK;
}

ptmi_source *ptmi_source_ref(ptmi_source *source)
{
    atomic_fetch_add_explicit(&source->refs, 1, memory_order_relaxed);
    return source;
}

void ptmi_source_unref(ptmi_source *source)
{
    if (!source || atomic_fetch_sub_explicit(&source->refs, 1, memory_order_acq_rel) != 1) return;
    ptmi_source *root = source->root;
    if (source->close) source->close(source);
    if (source->fd >= 0) close(source->fd);
    if (root != source) ptmi_source_unref(root);
    free(source);
}

/* --- files --- */

static void close_mapping(ptmi_source *source)
{
    munmap((void *)(uintptr_t)source->data, (size_t)source->size);
}

static ptm_rc map_file(ptmi_source *source, uint64_t size, bool writable, struct ptm_err *err)
{
    source->writable = writable;
    if (size == 0) return PTM_OK; /* mmap() refuses to map nothing */
    if (size > SIZE_MAX)
        return ptm_err_set(err, PTM_ELIMIT, "%s: %" PRIu64 " bytes, more than can be mapped here",
                           source->name, size);
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *data = mmap(NULL, (size_t)size, protection, MAP_PRIVATE, source->fd, 0);
    if (data == MAP_FAILED) return ptm_err_sys(err, errno, "%s: cannot map", source->name);
    source->data = data;
    source->size = size;
    source->close = close_mapping;
    return PTM_OK;
}

/* fd becomes the source's, also when this fails. */
static ptm_rc open_fd(int fd, const char *name, bool writable, ptmi_source **out,
                      struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int owned = fd;
    struct stat st;
    if (fstat(fd, &st) != 0) return ptm_err_sys(err, errno, "%s: cannot look at it", name);
    if (!S_ISREG(st.st_mode)) return ptm_err_set(err, PTM_EINVAL, "%s: not a regular file", name);
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    PTM_TRY(ptmi_source_new(name, &source, err));
    source->fd = owned;
    owned = -1;
    PTM_TRY(map_file(source, (uint64_t)st.st_size, writable, err));
    *out = ptm_steal(&source);
    return PTM_OK;
}

ptm_rc ptmi_source_open(const char *path, bool writable, ptmi_source **out, struct ptm_err *err)
{
    int fd = open(path, OPEN_FLAGS);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", path);
    return open_fd(fd, path, writable, out, err);
}

ptm_rc ptmi_source_open_beneath(const char *dir, const char *relative, bool writable,
                                ptmi_source **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *name = ptmi_path_join(dir, relative);
    if (!name) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", dir);
    int fd = -1;
    PTM_TRY(ptmi_fs_open_beneath(dir, relative, &fd, err));
    return open_fd(fd, name, writable, out, err);
}

/* --- memory and parts --- */

static void close_memory(ptmi_source *source)
{
    free((void *)(uintptr_t)source->data);
}

ptm_rc ptmi_source_own(void *data, size_t len, const char *name, ptmi_source **out,
                       struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) void *owned = data;
    ptmi_source *source = NULL;
    PTM_TRY(ptmi_source_new(name, &source, err));
    source->data = ptm_steal(&owned);
    source->size = len;
    source->writable = true;
    source->close = close_memory;
    *out = source;
    return PTM_OK;
}

ptm_rc ptmi_source_lend(const void *data, size_t len, const char *name, ptmi_source **out,
                        struct ptm_err *err)
{
    ptmi_source *source = NULL;
    PTM_TRY(ptmi_source_new(name, &source, err));
    source->data = data;
    source->size = len;
    *out = source;
    return PTM_OK;
}

static ptm_rc check_inside(const ptmi_source *source, uint64_t offset, uint64_t len,
                           struct ptm_err *err)
{
    if (offset <= source->size && len <= source->size - offset) return PTM_OK;
    uint64_t left = offset <= source->size ? source->size - offset : 0;
    return ptm_err_set(err, PTM_EFORMAT,
                       "%s: byte %" PRIu64 ": %" PRIu64 " bytes are wanted, %" PRIu64 " are left",
                       source->name, offset, len, left);
}

ptm_rc ptmi_source_part(ptmi_source *whole, uint64_t offset, uint64_t len, const char *name,
                        ptmi_source **out, struct ptm_err *err)
{
    PTM_TRY(check_inside(whole, offset, len, err));
    ptmi_source *source = NULL;
    PTM_TRY(ptmi_source_new(name, &source, err));
    source->root = ptmi_source_ref(whole->root);
    source->in_root = whole->in_root + offset;
    source->data = whole->data ? whole->data + offset : NULL;
    source->size = len;
    *out = source;
    return PTM_OK;
}

/* --- what it is --- */

uint64_t ptmi_source_size(const ptmi_source *source)
{
    return source->size;
}

const char *ptmi_source_name(const ptmi_source *source)
{
    return source->name;
}

bool ptmi_source_is_remote(const ptmi_source *source)
{
    return source->root->fetch != NULL;
}

int ptmi_source_fd(const ptmi_source *source, uint64_t *out_offset)
{
    if (source->root->fd >= 0) *out_offset = source->in_root;
    return source->root->fd;
}

const ptmi_source *ptmi_source_root(const ptmi_source *source)
{
    return source->root;
}

bool ptmi_source_within(const ptmi_source *part, const ptmi_source *whole, uint64_t *out_offset)
{
    if (part->root != whole->root || part->in_root < whole->in_root) return false;
    uint64_t offset = part->in_root - whole->in_root;
    if (offset > whole->size || part->size > whole->size - offset) return false;
    *out_offset = offset;
    return true;
}

/* --- its bytes --- */

ptm_rc ptmi_source_at(ptmi_source *source, uint64_t offset, uint64_t len, const uint8_t **out,
                      struct ptm_err *err)
{
    static const uint8_t nothing[1];
    PTM_TRY(check_inside(source, offset, len, err));
    ptmi_source *root = source->root;
    if (root->fetch && len > 0) PTM_TRY(root->fetch(root, source->in_root + offset, len, err));
    *out = source->data ? source->data + offset : nothing;
    return PTM_OK;
}

/* madvise() for the whole pages inside (or, outward, those touched by) a range of a mapped file;
 * advice may be refused and nothing is lost. */
static void advise(const ptmi_source *source, uint64_t offset, uint64_t len, bool outward,
                   int advice)
{
    if (source->root->fd < 0 || len == 0) return;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), from = source->in_root + offset;
    uint64_t to = from + len;
    if (outward) {
        from = from / page * page;
    } else {
        from = (from + page - 1) / page * page;
        if (to < source->root->size) to = to / page * page;
    }
    if (from < to)
        (void)madvise((void *)(uintptr_t)(source->root->data + from), (size_t)(to - from), advice);
}

ptm_rc ptmi_source_prefetch(ptmi_source *source, uint64_t offset, uint64_t len, struct ptm_err *err)
{
    PTM_TRY(check_inside(source, offset, len, err));
    ptmi_source *root = source->root;
    if (root->fetch && len > 0) return root->fetch(root, source->in_root + offset, len, err);
    advise(source, offset, len, true, MADV_WILLNEED);
    return PTM_OK;
}

void ptmi_source_done_with(ptmi_source *source, uint64_t offset, uint64_t len)
{
    /* Pages of a writable mapping would lose what was written to them. */
    if (source->root->writable || offset > source->size || len > source->size - offset) return;
    advise(source, offset, len, false, MADV_DONTNEED);
}

/* --- the cursor --- */

ptm_rc ptmi_cursor_load(struct ptmi_cursor *cursor, uint64_t len, const uint8_t **out,
                        struct ptm_err *err)
{
    uint64_t left = cursor->pos <= cursor->end ? cursor->end - cursor->pos : 0;
    if (len > left)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": %" PRIu64 " bytes are wanted, %" PRIu64
                           " are left",
                           cursor->source->name, cursor->pos, len, left);
    const uint8_t *at = NULL;
    PTM_TRY(ptmi_source_at(cursor->source, cursor->pos, len, &at, err));
    const ptmi_source *source = cursor->source, *root = source->root;
    uint64_t ready = source->size;
    if (root->ready) {
        ready = root->ready(root, source->in_root + cursor->pos) - source->in_root;
        if (ready > source->size) ready = source->size;
    }
    cursor->ready = at;
    cursor->ready_from = cursor->pos;
    cursor->ready_to = ready;
    cursor->pos += len;
    *out = at;
    return PTM_OK;
}

ptm_rc ptmi_cursor_skip(struct ptmi_cursor *cursor, uint64_t len, struct ptm_err *err)
{
    uint64_t left = cursor->pos <= cursor->end ? cursor->end - cursor->pos : 0;
    if (len > left)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": %" PRIu64 " bytes are to be skipped, %" PRIu64
                           " are left",
                           cursor->source->name, cursor->pos, len, left);
    cursor->pos += len;
    return PTM_OK;
}
