/* SPDX-License-Identifier: MIT */
/*
 * lfs_filter.c - Git LFS's filter for a git without git-lfs: content to pointer (clean), pointer to
 * content (smudge), for one file a process or for many by git's long-running protocol ("process";
 * gitattributes(5), "Long Running Filter Process"). No network: what is not in .git/lfs/objects
 * stays a pointer.
 */
#include "lfs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/clock.h"
#include "../base/fs.h"
#include "../base/hash.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"

#define CHUNK ((size_t)64 << 10)
/* The most that fits a packet of git's protocol. */
#define PKT_MAX 65520
#define PKT_DATA (PKT_MAX - 4)

/* --- bytes in and out --- */

static ptm_rc write_all(int fd, const char *data, size_t len, struct ptm_err *err)
{
    int why = ptmi_fs_write_all(fd, data, len);
    return why ? ptm_err_sys(err, why, "LFS filter: cannot write") : PTM_OK;
}

/* Reads until len bytes are there or the input ends. */
static ptm_rc read_up_to(int fd, char *data, size_t len, size_t *out_n, struct ptm_err *err)
{
    *out_n = 0;
    while (*out_n < len) {
        ssize_t n = read(fd, data + *out_n, len - *out_n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ptm_err_sys(err, errno, "LFS filter: cannot read");
        if (n == 0) break;
        *out_n += (size_t)n;
    }
    return PTM_OK;
}

/* Where content comes from and goes to: plain descriptors, or packets. */
struct stream {
    int fd_in, fd_out;
    bool packets;
    bool ended; /* the flush packet after the content was read */
    char pkt[PKT_MAX];
    size_t pkt_at, pkt_len;
};

static ptm_rc read_packet(struct stream *s, bool *out_flush, struct ptm_err *err)
{
    char head[5] = {0};
    size_t n = 0;
    unsigned len = 0;
    PTM_TRY(read_up_to(s->fd_in, head, 4, &n, err));
    s->pkt_at = s->pkt_len = 0;
    *out_flush = true;
    if (n == 0) return ptm_err_set(err, PTM_ENOENT, "LFS filter: git has left");
    if (n < 4 || sscanf(head, "%4x", &len) != 1 || (len != 0 && len < 4) || len > PKT_MAX)
        return ptm_err_set(err, PTM_EFORMAT, "LFS filter: not a packet of git's");
    if (len == 0) return PTM_OK;
    *out_flush = false;
    PTM_TRY(read_up_to(s->fd_in, s->pkt, len - 4, &n, err));
    if (n < len - 4) return ptm_err_set(err, PTM_EFORMAT, "LFS filter: a packet was cut short");
    s->pkt_len = n;
    return PTM_OK;
}

static ptm_rc write_packet(struct stream *s, const char *data, size_t len, struct ptm_err *err)
{
    char head[5];
    snprintf(head, sizeof head, "%04x", (unsigned)(len ? len + 4 : 0) & 0xffff);
    PTM_TRY(write_all(s->fd_out, head, 4, err));
    return write_all(s->fd_out, data, len, err);
}

static ptm_rc write_flush(struct stream *s, struct ptm_err *err)
{
    return write_packet(s, NULL, 0, err);
}

/* The next bytes of the content; 0 at its end. */
static ptm_rc take(struct stream *s, char *data, size_t len, size_t *out_n, struct ptm_err *err)
{
    if (!s->packets) return read_up_to(s->fd_in, data, len, out_n, err);
    *out_n = 0;
    while (s->pkt_at == s->pkt_len && !s->ended) PTM_TRY(read_packet(s, &s->ended, err));
    if (s->ended) return PTM_OK;
    *out_n = s->pkt_len - s->pkt_at < len ? s->pkt_len - s->pkt_at : len;
    memcpy(data, s->pkt + s->pkt_at, *out_n);
    s->pkt_at += *out_n;
    return PTM_OK;
}

static ptm_rc give(struct stream *s, const char *data, size_t len, struct ptm_err *err)
{
    if (!s->packets) return write_all(s->fd_out, data, len, err);
    while (len > 0) {
        size_t part = len < PKT_DATA ? len : PKT_DATA;
        PTM_TRY(write_packet(s, data, part, err));
        data += part;
        len -= part;
    }
    return PTM_OK;
}

/* The first bytes, enough to tell a pointer: less than size when the content ends there. */
static ptm_rc take_head(struct stream *s, char *data, size_t size, size_t *out_n,
                        struct ptm_err *err)
{
    *out_n = 0;
    for (;;) {
        size_t n = 0;
        PTM_TRY(take(s, data + *out_n, size - *out_n, &n, err));
        if (n == 0) return PTM_OK;
        *out_n += n;
        if (*out_n == size) return PTM_OK;
    }
}

/* --- clean --- */

/* Content on its way into .git/lfs/objects. */
struct incoming {
    char *path;
    int fd;
    ptmi_hash *hash;
    int64_t size;
};

static void incoming_clear(struct incoming *in)
{
    if (in->path) (void)unlink(in->path);
    if (in->fd >= 0) close(in->fd);
    ptmi_hash_free(in->hash);
    free(in->path);
}

static ptm_rc incoming_open(const char *dir, struct incoming *in, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *folder = ptmi_path_join(dir, ".git/lfs/tmp");
    if (!folder) return ptm_err_set(err, PTM_ENOMEM, "LFS filter: out of memory");
    PTM_TRY(ptmi_fs_mkdirs(folder, err));
    in->path =
        ptmi_str_printf("%s/clean-%ld-%08x", folder, (long)getpid(), ptmi_clock_random(UINT32_MAX));
    if (!in->path) return ptm_err_set(err, PTM_ENOMEM, "LFS filter: out of memory");
    in->fd = open(in->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (in->fd < 0) return ptm_err_sys(err, errno, "%s: cannot make it", in->path);
    return ptmi_hash_new(PTMI_SHA256, &in->hash, err);
}

static ptm_rc incoming_add(struct incoming *in, const char *data, size_t len, struct ptm_err *err)
{
    ptmi_hash_update(in->hash, data, len);
    in->size += (int64_t)len;
    return write_all(in->fd, data, len, err);
}

static ptm_rc incoming_publish(const char *dir, struct incoming *in, char oid[65],
                               struct ptm_err *err)
{
    PTM_TRY(ptmi_hash_hex(in->hash, oid, err));
    PTM_AUTO(ptmi_freep) char *path = ptmi_lfs_local_path(dir, oid);
    PTM_AUTO(ptmi_freep) char *folder = path ? ptmi_path_dir(path) : NULL;
    if (!folder) return ptm_err_set(err, PTM_ENOMEM, "LFS filter: out of memory");
    if (ptmi_fs_exists(path)) return PTM_OK;
    PTM_TRY(ptmi_fs_mkdirs(folder, err));
    if (fsync(in->fd) != 0 || (rename(in->path, path) != 0))
        return ptm_err_sys(err, errno, "%s: cannot write", path);
    return PTM_OK;
}

/* Reads all content; text (a pointer, or nothing for an empty file) is what git is to keep of it.
 */
static ptm_rc clean(const char *dir, struct stream *s, char text[PTM_LIMIT_POINTER], size_t *out_n,
                    struct ptm_err *err)
{
    char oid[65];
    size_t n = 0;
    struct ptmi_lfs_pointer pointer;
    PTM_TRY(take_head(s, text, PTM_LIMIT_POINTER, out_n, err));
    /* Empty stays empty, a pointer stays a pointer. */
    if (*out_n == 0) return PTM_OK;
    if (*out_n < PTM_LIMIT_POINTER && ptmi_lfs_pointer_parse(text, *out_n, &pointer)) return PTM_OK;
    PTM_AUTO(incoming_clear) struct incoming in = {.fd = -1};
    PTM_AUTO(ptmi_freep) char *chunk = malloc(CHUNK);
    if (!chunk) return ptm_err_set(err, PTM_ENOMEM, "LFS filter: out of memory");
    PTM_TRY(incoming_open(dir, &in, err));
    PTM_TRY(incoming_add(&in, text, *out_n, err));
    for (;;) {
        PTM_TRY(take(s, chunk, CHUNK, &n, err));
        if (n == 0) break;
        PTM_TRY(incoming_add(&in, chunk, n, err));
    }
    PTM_TRY(incoming_publish(dir, &in, oid, err));
    *out_n =
        (size_t)snprintf(text, PTM_LIMIT_POINTER,
                         "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %lld\n",
                         oid, (long long)in.size);
    return PTM_OK;
}

/* --- smudge --- */

/* Opens the object when it is there whole, else -1. */
static int open_object(const char *dir, const struct ptmi_lfs_pointer *pointer)
{
    struct stat st;
    PTM_AUTO(ptmi_freep) char *path = ptmi_lfs_local_path(dir, pointer->oid);
    PTM_AUTO(ptmi_closep)
    int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != pointer->size)
        return -1;
    int found = fd;
    fd = -1;
    return found;
}

static ptm_rc pass_on(int fd, struct stream *from, struct stream *to, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *chunk = malloc(CHUNK);
    size_t n = 0;
    if (!chunk) return ptm_err_set(err, PTM_ENOMEM, "LFS filter: out of memory");
    for (;;) {
        PTM_TRY(from ? take(from, chunk, CHUNK, &n, err) : read_up_to(fd, chunk, CHUNK, &n, err));
        if (n == 0) return PTM_OK;
        PTM_TRY(give(to, chunk, n, err));
    }
}

/* What the head of the content asks for: an open object, or -1 to pass the content on as it is. */
static int find_object(const char *dir, const char *head, size_t n)
{
    struct ptmi_lfs_pointer pointer;
    if (n >= PTM_LIMIT_POINTER || !ptmi_lfs_pointer_parse(head, n, &pointer)) return -1;
    return open_object(dir, &pointer);
}

static ptm_rc smudge(const char *dir, struct stream *s, struct ptm_err *err)
{
    char head[PTM_LIMIT_POINTER];
    size_t n = 0;
    PTM_TRY(take_head(s, head, sizeof head, &n, err));
    PTM_AUTO(ptmi_closep) int fd = find_object(dir, head, n);
    if (fd >= 0) return pass_on(fd, NULL, s, err);
    PTM_TRY(give(s, head, n, err));
    return n < sizeof head ? PTM_OK : pass_on(-1, s, s, err);
}

/* --- process --- */

static ptm_rc say(struct stream *s, const char *line, struct ptm_err *err)
{
    return write_packet(s, line, strlen(line), err);
}

/* Reads the lines of one list; command gets the value of "command=". */
static ptm_rc read_list(struct stream *s, char *command, size_t size, struct ptm_err *err)
{
    bool flush = false;
    static const char key[] = "command=";
    for (;;) {
        PTM_TRY(read_packet(s, &flush, err));
        if (flush) return PTM_OK;
        size_t n = s->pkt_len;
        while (n > 0 && s->pkt[n - 1] == '\n') n--;
        if (!command || n < sizeof key - 1 || memcmp(s->pkt, key, sizeof key - 1) != 0) continue;
        size_t len = n - (sizeof key - 1);
        if (len >= size) len = size - 1;
        memcpy(command, s->pkt + sizeof key - 1, len);
        command[len] = '\0';
    }
}

static ptm_rc shake_hands(struct stream *s, struct ptm_err *err)
{
    PTM_TRY(read_list(s, NULL, 0, err)); /* git-filter-client, version=2 */
    PTM_TRY(say(s, "git-filter-server\n", err));
    PTM_TRY(say(s, "version=2\n", err));
    PTM_TRY(write_flush(s, err));
    PTM_TRY(read_list(s, NULL, 0, err)); /* what git can do */
    PTM_TRY(say(s, "capability=clean\n", err));
    PTM_TRY(say(s, "capability=smudge\n", err));
    return write_flush(s, err);
}

/*
 * git writes all of a file before it reads our answer, so the answer must not begin while the
 * content still comes: smudge holds back what is larger than a pointer in a file. Only files that
 * are no pointers take that way.
 */
static ptm_rc smudge_packets(const char *dir, struct stream *s, struct ptm_err *err)
{
    char head[PTM_LIMIT_POINTER];
    size_t n = 0;
    PTM_TRY(take_head(s, head, sizeof head, &n, err));
    if (n < sizeof head) {
        PTM_AUTO(ptmi_closep) int fd = find_object(dir, head, n);
        PTM_TRY(say(s, "status=success\n", err));
        PTM_TRY(write_flush(s, err));
        return fd >= 0 ? pass_on(fd, NULL, s, err) : give(s, head, n, err);
    }
    PTM_AUTO(incoming_clear) struct incoming in = {.fd = -1};
    PTM_AUTO(ptmi_freep) char *chunk = malloc(CHUNK);
    if (!chunk) return ptm_err_set(err, PTM_ENOMEM, "LFS filter: out of memory");
    PTM_TRY(incoming_open(dir, &in, err));
    for (const char *part = head; n > 0; part = chunk) {
        PTM_TRY(incoming_add(&in, part, n, err));
        PTM_TRY(take(s, chunk, CHUNK, &n, err));
    }
    PTM_AUTO(ptmi_closep) int fd = open(in.path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot read", in.path);
    PTM_TRY(say(s, "status=success\n", err));
    PTM_TRY(write_flush(s, err));
    return pass_on(fd, NULL, s, err);
}

static ptm_rc clean_packets(const char *dir, struct stream *s, struct ptm_err *err)
{
    char text[PTM_LIMIT_POINTER];
    size_t n = 0;
    PTM_TRY(clean(dir, s, text, &n, err));
    PTM_TRY(say(s, "status=success\n", err));
    PTM_TRY(write_flush(s, err));
    return give(s, text, n, err);
}

static ptm_rc process(const char *dir, struct stream *s, struct ptm_err *err)
{
    PTM_TRY(shake_hands(s, err));
    for (;;) {
        char command[16] = "";
        struct ptm_err left = {0};
        ptm_rc rc = read_list(s, command, sizeof command, &left);
        if (rc == PTM_ENOENT) return PTM_OK; /* git has no more files */
        if (rc < 0) {
            if (err) *err = left;
            return rc;
        }
        s->ended = false;
        PTM_TRY(ptmi_str_eq(command, "clean") ? clean_packets(dir, s, err)
                                              : smudge_packets(dir, s, err));
        PTM_TRY(write_flush(s, err)); /* end of content */
        PTM_TRY(write_flush(s, err)); /* the status of before holds */
    }
}

ptm_rc ptmi_lfs_filter(const char *op, const char *repo_dir, int fd_in, int fd_out,
                       struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) struct stream *s = calloc(1, sizeof *s);
    if (!s) return ptm_err_set(err, PTM_ENOMEM, "LFS filter: out of memory");
    s->fd_in = fd_in;
    s->fd_out = fd_out;
    if (ptmi_str_eq(op, "clean")) {
        char text[PTM_LIMIT_POINTER];
        size_t n = 0;
        PTM_TRY(clean(repo_dir, s, text, &n, err));
        return give(s, text, n, err);
    }
    if (ptmi_str_eq(op, "smudge")) return smudge(repo_dir, s, err);
    s->packets = true;
    if (ptmi_str_eq(op, "process")) return process(repo_dir, s, err);
    return ptm_err_set(err, PTM_EINVAL,
                       "lfs-filter: \"%.20s\" is none of clean, smudge and process", op);
}
