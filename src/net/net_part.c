/* SPDX-License-Identifier: MIT */
/* net_part.c - the partial file of a download: its bytes, the hash over them, and the validator
 * they belong to. */
#include "net_part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/clock.h"
#include "../base/fs.h"
#include "../base/str.h"
#include "net_header.h"

#define REHASH_BYTES (1u << 20)
#define META_MAX 1024
/* The disk starts writing while the network still delivers, so that the final fsync finds little
 * left to do. */
#define FLUSH_BYTES (32 << 20)
/* Smaller files are not worth a system call. */
#define RESERVE_MIN (64 << 20)

static ptm_rc new_hash(struct ptmi_part *part, struct ptm_err *err)
{
    ptmi_hash_free(part->hash);
    part->hash = NULL;
    return ptmi_hash_new(PTMI_SHA256, &part->hash, err);
}

static void load_validator(struct ptmi_part *part)
{
    char *text = NULL;
    size_t len = 0;
    if (part->proven || ptmi_fs_read(part->meta_path, META_MAX, &text, &len, NULL) != PTM_OK)
        return;
    text[strcspn(text, "\r\n")] = '\0';
    if (*text && ptmi_str_is_text(text, strlen(text)))
        part->validator = text;
    else
        free(text);
}

static ptm_rc rehash(ptm_ctx *ctx, struct ptmi_part *part, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *chunk = malloc(REHASH_BYTES);
    if (!chunk) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    for (;;) {
        if (ptm_ctx_canceled(ctx) > 0)
            return ptm_err_set(err, PTM_ECANCELED, "%s: interrupted", part->path);
        ssize_t n = pread(part->fd, chunk, REHASH_BYTES, part->offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ptm_err_sys(err, errno, "%s", part->path);
        if (n == 0) return PTM_OK;
        ptmi_hash_update(part->hash, chunk, (size_t)n);
        part->offset += n;
    }
}

static ptm_rc load(ptm_ctx *ctx, struct ptmi_part *part, int64_t expected_size, struct ptm_err *err)
{
    struct stat st;
    if (fstat(part->fd, &st)) return ptm_err_sys(err, errno, "%s", part->path);
    if (!S_ISREG(st.st_mode))
        return ptm_err_set(err, PTM_EIO, "%s: not a regular file", part->path);
    load_validator(part);
    bool too_long = expected_size >= 0 && st.st_size > expected_size;
    if (st.st_size > 0 && (too_long || !ptmi_part_resumable(part)))
        return ptmi_part_restart(part, err);
    PTM_TRY(rehash(ctx, part, err));
    part->inherited = part->flushed = part->offset;
    return PTM_OK;
}

ptm_rc ptmi_part_open(ptm_ctx *ctx, const char *path, bool proven, int64_t expected_size,
                      struct ptmi_part *out, struct ptm_err *err)
{
    *out = (struct ptmi_part){.path = path, .fd = -1, .proven = proven};
    out->meta_path = ptmi_str_printf("%s.meta", path);
    if (!out->meta_path) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    out->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (out->fd < 0) return ptm_err_sys(err, errno, "%s", path);
    PTM_TRY(new_hash(out, err));
    return load(ctx, out, expected_size, err);
}

ptm_rc ptmi_part_append(struct ptmi_part *part, const void *data, size_t len, struct ptm_err *err)
{
    const char *at = data;
    for (size_t left = len; left > 0;) {
        ssize_t n = pwrite(part->fd, at, left, part->offset + (at - (const char *)data));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ptm_err_sys(err, errno, "%s", part->path);
        at += n;
        left -= (size_t)n;
    }
    ptmi_hash_update(part->hash, data, len);
    part->offset += (int64_t)len;
#ifdef SYNC_FILE_RANGE_WRITE
    if (part->offset - part->flushed >= FLUSH_BYTES) {
        sync_file_range(part->fd, part->flushed, part->offset - part->flushed,
                        SYNC_FILE_RANGE_WRITE);
        part->flushed = part->offset;
    }
#endif
    return PTM_OK;
}

ptm_rc ptmi_part_restart(struct ptmi_part *part, struct ptm_err *err)
{
    if (ftruncate(part->fd, 0)) return ptm_err_sys(err, errno, "%s", part->path);
    unlink(part->meta_path);
    free(part->validator);
    part->validator = NULL;
    part->offset = part->inherited = part->flushed = 0;
    return new_hash(part, err);
}

ptm_rc ptmi_part_reserve(struct ptmi_part *part, int64_t size, struct ptm_err *err)
{
#ifdef FALLOC_FL_KEEP_SIZE
    /* The size must stay the number of bytes that came: it is what a resume goes by. */
    if (size - part->offset < RESERVE_MIN) return PTM_OK;
    if (fallocate(part->fd, FALLOC_FL_KEEP_SIZE, part->offset, size - part->offset) &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return ptm_err_sys(err, errno, "%s: no room for %lld more bytes", part->path,
                           (long long)(size - part->offset));
#else
    (void)part, (void)size, (void)err;
#endif
    return PTM_OK;
}

/* A date is a strong validator only if the file had not changed within the second before the answer
 * (RFC 9110, 8.8.2.2). */
static bool strong_date(const char *modified, const char *headers)
{
    char value[64];
    int64_t changed = 0, answered = 0;
    if (!ptmi_clock_parse_http(modified, &changed)) return false;
    if (!ptmi_header_copy(headers, "date", value, sizeof value)) return false;
    return ptmi_clock_parse_http(value, &answered) && answered > changed;
}

ptm_rc ptmi_part_learn(struct ptmi_part *part, const char *headers, struct ptm_err *err)
{
    char value[META_MAX / 2];
    if (part->proven || part->validator) return PTM_OK;
    bool usable = ptmi_header_copy(headers, "etag", value, sizeof value) && value[0] == '"';
    if (!usable)
        usable = ptmi_header_copy(headers, "last-modified", value, sizeof value) &&
                 strong_date(value, headers);
    if (!usable) return PTM_OK;
    part->validator = strdup(value);
    if (!part->validator) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    return ptmi_fs_write_whole(part->meta_path, value, strlen(value), NULL, err);
}

bool ptmi_part_resumable(const struct ptmi_part *part)
{
    return part->proven || part->validator;
}

ptm_rc ptmi_part_finish(struct ptmi_part *part, struct ptm_err *err)
{
    /* A write that failed half way may have left bytes beyond those that count. */
    if (ftruncate(part->fd, part->offset) || fsync(part->fd))
        return ptm_err_sys(err, errno, "%s", part->path);
    unlink(part->meta_path);
    return PTM_OK;
}

void ptmi_part_remove(struct ptmi_part *part)
{
    unlink(part->path);
    unlink(part->meta_path);
}

void ptmi_part_close(struct ptmi_part *part)
{
    if (part->fd >= 0) close(part->fd);
    ptmi_hash_free(part->hash);
    free(part->meta_path);
    free(part->validator);
    *part = (struct ptmi_part){.fd = -1};
}
