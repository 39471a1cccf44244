/* SPDX-License-Identifier: MIT */
/*
 * extract.c - an archive unpacked: everything that its directory tells is checked first
 * (zip_index.c, extract_names.c), then libarchive hands out the bytes, which are counted, hashed
 * and written (extract_tree.c). Links come last: nothing is written through one.
 *
 * Nothing is fsynced: who publishes the folder does that once for all of it.
 */
#include "extract.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/grow.h"
#include "../base/hash.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "archive_lazy.h"
#include "extract_priv.h"

/* What is read at once: libarchive seeks to each entry, and drops what it has read ahead. */
#define BLOCK ((size_t)128 << 10)
/* A file takes whole blocks of the disk, and a folder one. */
#define DISK_BLOCK 4096

/* Texts of all targets: one is as long as a path. */
#define LINKS_MAX ((size_t)64 << 20)

struct link {
    const char *path, *target; /* in the index, in the arena */
};
struct job {
    ptm_ctx *ctx;
    const struct ptmi_extract *what;
    struct ptmi_extracted done;
    struct ptmi_zip_index index;
    struct ptmi_names names;
    struct ptmi_tree tree;
    struct archive *archive;
    ptmi_hash *hash;
    struct link *links;
    size_t n_links, links_cap;
    struct ptmi_arena targets;
    size_t skip; /* bytes of paths that are left out */
    int fd;
};

static void clear_job(struct job *job)
{
    ptmi_zip_index_clear(&job->index);
    ptmi_names_clear(&job->names);
    ptmi_tree_close(&job->tree);
    if (job->archive) archive_read_free(job->archive);
    ptmi_hash_free(job->hash);
    free(job->links);
    ptmi_arena_clear(&job->targets);
    if (job->fd >= 0) close(job->fd);
}

/* --- before anything is written --- */

/* The folder that all entries lie in: its name goes to done.root. */
static ptm_rc find_root(struct job *job, struct ptm_err *err)
{
    const struct ptmi_zip_index *index = &job->index;
    const char *first = index->entries[0].name;
    size_t len = strcspn(first, "/");
    if (len >= sizeof job->done.root)
        return ptmi_zip_refuse(index, first, "has too long a name", err);
    memcpy(job->done.root, first, len);
    for (size_t i = 0; i < index->n; i++) {
        const struct ptmi_zip_entry *entry = &index->entries[i];
        bool in = strncmp(entry->name, first, len) == 0;
        if (in && entry->name[len] == '/') continue;
        if (in && entry->name[len] == '\0' && entry->kind == PTMI_ENTRY_FOLDER) continue;
        return ptmi_zip_refuse(index, entry->name, "is not in the one folder all should be in",
                               err);
    }
    job->skip = len + 1;
    return PTM_OK;
}

static ptm_rc check_disk(struct job *job, struct ptm_err *err)
{
    int64_t has = 0, need = (int64_t)job->names.n_folders * DISK_BLOCK;
    for (size_t i = 0; i < job->index.n; i++)
        need += (job->index.entries[i].size + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK;
    PTM_TRY(ptmi_fs_free_bytes(job->what->dest, &has, err));
    if (has - job->what->keep_free >= need) return PTM_OK;
    char needed[32], free_now[32], kept[32];
    return ptm_err_set(err, PTM_ENOSPC, "%s: needs %s there; %s are free, and %s must stay so",
                       job->what->dest, ptmi_str_human_size(need, needed),
                       ptmi_str_human_size(has, free_now),
                       ptmi_str_human_size(job->what->keep_free, kept));
}

static ptm_rc open_archive(struct job *job, struct ptm_err *err)
{
    PTM_TRY(ptmi_archive_load(err));
    job->archive = archive_read_new();
    if (!job->archive) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", job->what->archive);
    if (archive_read_support_format_zip_seekable(job->archive) != ARCHIVE_OK ||
        archive_read_set_options(job->archive, "zip:!mac-ext") != ARCHIVE_OK ||
        archive_read_open_fd(job->archive, job->fd, BLOCK) != ARCHIVE_OK)
        return ptm_err_set(err, PTM_EFORMAT, "%s: cannot open the zip archive: %s",
                           job->what->archive, archive_error_string(job->archive));
    return PTM_OK;
}

static ptm_rc look_at(struct job *job, struct ptm_err *err)
{
    const char *path = job->what->archive;
    job->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (job->fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", path);
    PTM_TRY(ptmi_zip_index_read(job->fd, &job->index, err));
    if (job->what->one_root) PTM_TRY(find_root(job, err));
    PTM_TRY(ptmi_names_read(&job->names, &job->index, job->skip, err));
    PTM_TRY(ptmi_tree_open(&job->tree, job->what->dest, err));
    PTM_TRY(check_disk(job, err));
    PTM_TRY(ptmi_hash_new(PTMI_SHA256, &job->hash, err));
    return open_archive(job, err);
}

/* --- files --- */

static ptm_rc bad_data(struct job *job, const char *path, struct ptm_err *err)
{
    const char *why = archive_error_string(job->archive);
    ptm_rc rc = archive_errno(job->archive) == ENOMEM ? PTM_ENOMEM : PTM_EFORMAT;
    return ptm_err_set(err, rc, "%s: entry \"%s\": %s", job->what->archive, path,
                       why ? why : "damaged data");
}

static ptm_rc write_hashed(struct job *job, int fd, const char *path, const void *data, size_t len,
                           struct ptm_err *err)
{
    int why = ptmi_fs_write_all(fd, data, len);
    if (why) return ptm_err_sys(err, why, "%s/%s: cannot write", job->what->dest, path);
    ptmi_hash_update(job->hash, data, len);
    return PTM_OK;
}

/* What is really there may not be more than what was declared: that was allowed, and no more. */
static ptm_rc copy_data(struct job *job, const struct ptmi_zip_entry *entry, int fd,
                        const char *path, struct ptm_err *err)
{
    int64_t left = entry->size;
    for (;;) {
        const void *data = NULL;
        size_t len = 0;
        la_int64_t offset = 0;
        int status = archive_read_data_block(job->archive, &data, &len, &offset);
        if (status == ARCHIVE_EOF) break;
        if (status != ARCHIVE_OK) return bad_data(job, path, err);
        if ((int64_t)len > left)
            return ptmi_zip_refuse(&job->index, path, "holds more bytes than it declares", err);
        left -= (int64_t)len;
        PTM_TRY(write_hashed(job, fd, path, data, len, err));
    }
    if (left > 0)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: entry \"%s\": ends %" PRId64 " bytes before its declared size",
                           job->what->archive, path, left);
    return PTM_OK;
}

static ptm_rc make_file(struct job *job, const struct ptmi_zip_entry *entry, const char *path,
                        struct ptm_err *err)
{
    char sha256[65];
    PTM_AUTO(ptmi_closep) int fd = -1;
    PTM_TRY(ptmi_tree_file(&job->tree, path, entry->executable, &fd, err));
    PTM_TRY(copy_data(job, entry, fd, path, err));
    PTM_TRY(ptmi_hash_hex(job->hash, sha256, err));
    /* File systems of a network tell of a full disk only here. */
    int closed = close(fd);
    fd = -1;
    if (closed != 0) return ptm_err_sys(err, errno, "%s/%s: cannot write", job->what->dest, path);
    job->done.files++;
    job->done.bytes += entry->size;
    if (!job->what->on_file) return PTM_OK;
    return job->what->on_file(job->what->arg, path, entry->size, sha256, err);
}

/* --- links --- */

static ptm_rc keep_link(struct job *job, struct archive_entry *header, const char *path,
                        struct ptm_err *err)
{
    const char *target = archive_entry_symlink(header);
    PTM_TRY(ptmi_names_check_link(&job->names, &job->index, path, target ? target : "", err));
    struct link *more = ptmi_grown(job->links, job->n_links, &job->links_cap, sizeof *more);
    if (more) job->links = more;
    const char *kept = ptmi_arena_strdup(&job->targets, target);
    if (!more || !kept)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory for its links", job->what->archive);
    more[job->n_links++] = (struct link){path, kept};
    return PTM_OK;
}

/* --- all of it --- */

/* libarchive goes through the same directory: what it hands out must be what was checked. */
static ptm_rc next_header(struct job *job, const struct ptmi_zip_entry *entry,
                          struct archive_entry **out, struct ptm_err *err)
{
    PTM_TRY(ptmi_zip_index_check_local(job->fd, &job->index, entry, err));
    int status = archive_read_next_header(job->archive, out);
    /* A warning is about names, which are not taken from it. */
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return bad_data(job, entry->name, err);
    mode_t type = archive_entry_filetype(*out);
    mode_t want = entry->kind == PTMI_ENTRY_LINK     ? S_IFLNK
                  : entry->kind == PTMI_ENTRY_FOLDER ? S_IFDIR
                                                     : S_IFREG;
    if (type != want || archive_entry_hardlink(*out) || archive_entry_is_encrypted(*out))
        return ptmi_zip_refuse(&job->index, entry->name, "is not what its directory says", err);
    return PTM_OK;
}

static ptm_rc make_entry(struct job *job, const struct ptmi_zip_entry *entry, struct ptm_err *err)
{
    struct archive_entry *header = NULL;
    if (job->ctx && ptm_ctx_canceled(job->ctx))
        return ptm_err_set(err, PTM_ECANCELED, "%s: interrupted", job->what->archive);
    PTM_TRY(next_header(job, entry, &header, err));
    if (strlen(entry->name) < job->skip) return PTM_OK; /* the one folder itself */
    const char *path = entry->name + job->skip;
    switch (entry->kind) {
    case PTMI_ENTRY_FOLDER:
        return ptmi_tree_folder(&job->tree, path, err);
    case PTMI_ENTRY_LINK:
        return keep_link(job, header, path, err);
    case PTMI_ENTRY_FILE:
        break;
    }
    return make_file(job, entry, path, err);
}

static ptm_rc make_all(struct job *job, struct ptm_err *err)
{
    for (size_t i = 0; i < job->index.n; i++) PTM_TRY(make_entry(job, &job->index.entries[i], err));
    for (size_t i = 0; i < job->n_links; i++)
        PTM_TRY(ptmi_tree_link(&job->tree, job->links[i].path, job->links[i].target, err));
    return PTM_OK;
}

ptm_rc ptmi_extract_zip(ptm_ctx *ctx, const struct ptmi_extract *what, struct ptmi_extracted *out,
                        struct ptm_err *err)
{
    PTM_AUTO(clear_job)
    struct job job = {
        .ctx = ctx,
        .what = what,
        .index = {.archive = what->archive,
                  .max_bytes = what->max_bytes ? what->max_bytes : PTM_LIMIT_EXTRACT_BYTES,
                  .max_entries = what->max_entries ? what->max_entries : PTM_LIMIT_EXTRACT_ENTRIES},
        .names = PTMI_NAMES_INIT,
        .targets = PTMI_ARENA(LINKS_MAX),
        .tree = {.root = -1, .at = -1},
        .fd = -1,
    };
    PTM_TRY(look_at(&job, err));
    /* Targets of links come as libarchive has them, which converts texts that say they are UTF-8 to
     * what the locale has: from plain C it falls back on the bytes as they are. */
    locale_t plain = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
    if (!plain) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", what->archive);
    locale_t before = uselocale(plain);
    ptm_rc rc = make_all(&job, err);
    uselocale(before);
    freelocale(plain);
    if (rc < 0) return rc;
    memcpy(job.done.commit, job.index.commit, sizeof job.done.commit);
    *out = job.done;
    return PTM_OK;
}
