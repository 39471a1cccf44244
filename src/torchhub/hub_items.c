/* SPDX-License-Identifier: MIT */
/*
 * hub_items.c - what lies in the hub folder: copies of repositories, checkpoints, and what killed
 * runs left, ours and torch's. Ours are told by their locks; torch has none, so its unfinished
 * files count as leftovers when nobody has written to them for an hour.
 */
#include "hub_items.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/clock.h"
#include "../base/grow.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/walk.h"

#define QUIET_SECONDS 3600
#define OWN_TMP ".ptm/tmp"

/* One folder of the hub being looked through. */
struct scan {
    ptm_torchhub *hub;
    struct ptmi_hub_items *items;
    const char *sub; /* "" or the folder relative to the hub folder */
    char *dir;       /* its path */
    int64_t now;
};

static void item_clear(struct ptmi_hub_item *item)
{
    free(item->path);
    free(item->damage);
    ptmi_cached_copy_clear(&item->copy);
    *item = (struct ptmi_hub_item){0};
}

void ptmi_hub_items_clear(struct ptmi_hub_items *items)
{
    for (size_t i = 0; i < items->n; i++) item_clear(&items->items[i]);
    free(items->items);
    *items = (struct ptmi_hub_items){0};
}

/* --- sizes --- */

static ptm_rc add_size(void *arg, const char *path, const struct ptm_err *why, struct ptm_err *err)
{
    int64_t *total = arg;
    struct stat st;
    (void)err;
    if (!why && lstat(path, &st) == 0) *total += st.st_size;
    return PTM_OK;
}

/* What cannot be looked at counts as nothing: a size is for people. */
static int64_t size_of(const char *path, const struct stat *st)
{
    int64_t total = 0;
    struct ptm_err ignored;
    if (!S_ISDIR(st->st_mode)) return st->st_size;
    struct ptmi_walk walk = {.fn = add_size, .arg = &total, .no_links = true};
    return ptmi_walk(&walk, path, &ignored) < 0 ? 0 : total;
}

/* --- kinds --- */

static bool ends_in_hex(const char *name, size_t len, size_t least, size_t most, char before)
{
    size_t n = 0;
    while (n < len && strchr("0123456789abcdef", name[len - n - 1])) n++;
    return n >= least && n <= most && n < len && name[len - n - 1] == before;
}

/* "owner_name_ref" with something in each part. */
static bool is_repo_name(const char *name)
{
    const char *first = strchr(name, '_');
    const char *second = first ? strchr(first + 1, '_') : NULL;
    return second && first > name && second[1];
}

/* torch: what it unpacks archives to before it moves them ("owner-name-1a2b3c4"), and the archives
 * ("main.zip"). */
static bool is_torch_work(const char *name, const struct stat *st)
{
    if (S_ISREG(st->st_mode)) return ptmi_str_ends(name, ".zip");
    return S_ISDIR(st->st_mode) && strchr(name, '-') != strrchr(name, '-') &&
           ends_in_hex(name, strlen(name), 7, 40, '-');
}

/* torch: "x.pth.<32 digits>.partial", older ones "tmpabcd1234"; ours: ".x.ptm-1-2.tmp". */
static bool is_unfinished_file(const char *name)
{
    size_t len = strlen(name);
    if (ptmi_str_ends(name, ".partial"))
        return ends_in_hex(name, len - strlen(".partial"), 32, 32, '.');
    if (ptmi_str_starts(name, "."))
        return strstr(name, ".ptm-") != NULL && ptmi_str_ends(name, ".tmp");
    return ptmi_str_starts(name, "tmp") && len == 11 &&
           strspn(name + 3, "abcdefghijklmnopqrstuvwxyz0123456789_") == 8;
}

/* Lock of whoever writes the file that belongs to this one, malloc'ed; *out NULL: it is none of the
 * files of ptm_torchhub_download_url_to_file(). */
static ptm_rc download_lock(const char *path, char **out, struct ptm_err *err)
{
    size_t len = ptmi_download_stem(path);
    *out = len ? ptmi_str_printf("%.*s.ptm-lock", (int)len, path) : NULL;
    return len && !*out ? ptm_err_set(err, PTM_ENOMEM, "%s", path) : PTM_OK;
}

/* Length of the folder's name in "FOLDER.PID.N", "FOLDER.zip", ".zip.meta" and ".lfs" (what
 * fetch_archive.c keeps to go on with); 0: something else. */
static size_t work_folder(const char *name)
{
    static const char *const ends[] = {".zip", ".zip.meta", ".lfs"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ptmi_str_ends(name, ends[i])) return strlen(name) - strlen(ends[i]);
    return ptmi_hub_tmp_folder(name, NULL);
}

/* The lock of the folder that something in .ptm/tmp is made for; malloc'ed, NULL: of none. */
static ptm_rc work_lock(const char *dir, const char *name, char **out, struct ptm_err *err)
{
    size_t len = work_folder(name);
    *out = len ? ptmi_str_printf("%s/../locks/%.*s.lock", dir, (int)len, name) : NULL;
    return len && !*out ? ptm_err_set(err, PTM_ENOMEM, "%s", name) : PTM_OK;
}

/* Does anybody hold it? A lock without a file is nobody's. */
static bool is_held(ptm_torchhub *hub, const char *lock_path)
{
    struct ptm_err ignored;
    ptmi_lock *lock = NULL;
    if (!ptmi_fs_exists(lock_path)) return false;
    ptm_rc rc = ptmi_lock_try(hub->ctx, lock_path, &lock, &ignored);
    ptmi_lock_release(lock);
    return rc == PTM_EBUSY;
}

/* --- gathering --- */

static ptm_rc add(struct scan *scan, const char *name, ptm_cached_kind kind, const struct stat *st,
                  struct ptmi_hub_item **out, struct ptm_err *err)
{
    struct ptmi_hub_items *items = scan->items;
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(scan->sub, name);
    PTM_AUTO(ptmi_freep) char *full = ptmi_path_join(scan->dir, name);
    void *grown = ptmi_grown(items->items, items->n, &items->cap, sizeof *items->items);
    if (grown) items->items = grown;
    if (!path || !full || !grown) return ptm_err_set(err, PTM_ENOMEM, "%s", name);
    struct ptmi_hub_item *item = &items->items[items->n++];
    *item = (struct ptmi_hub_item){.kind = kind,
                                   .path = ptm_steal(&path),
                                   .bytes = size_of(full, st),
                                   .modified = st->st_mtime};
    if (out) *out = item;
    return PTM_OK;
}

static ptm_rc add_if_quiet(struct scan *scan, const char *name, const struct stat *st,
                           struct ptm_err *err)
{
    if (scan->now - st->st_mtime < QUIET_SECONDS) return PTM_OK;
    return add(scan, name, PTM_CACHED_LEFTOVER, st, NULL, err);
}

/* Owner, name and ref of a folder of torch's, where its name has one reading only. */
static ptm_rc name_copy(ptm_torchhub *hub, const char *folder, struct ptm_torchhub_repo *repo,
                        struct ptm_err *err)
{
    const char *first = strchr(folder, '_'), *second = strchr(first + 1, '_');
    repo->ambiguous = strchr(second + 1, '_') != NULL;
    if (repo->ambiguous) return PTM_OK;
    repo->host = strdup(hub->host);
    repo->owner = strndup(folder, (size_t)(first - folder));
    repo->name = strndup(first + 1, (size_t)(second - first - 1));
    repo->ref = strdup(second + 1);
    if (repo->host && repo->owner && repo->name && repo->ref) return PTM_OK;
    return ptm_err_set(err, PTM_ENOMEM, "%s", folder);
}

static ptm_rc keep_damage(struct ptmi_hub_item *item, const char *dir, const struct ptm_err *why,
                          struct ptm_err *err)
{
    item->damage = malloc(sizeof *item->damage);
    item->copy.repo.dir = strdup(dir);
    if (!item->damage || !item->copy.repo.dir) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    *item->damage = *why;
    return PTM_OK;
}

static ptm_rc add_folder(struct scan *scan, const char *name, const struct stat *st,
                         struct ptm_err *err)
{
    struct ptm_err why = {0};
    PTM_AUTO(ptmi_cached_copy_clear) struct ptmi_cached_copy copy = {0};
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_join(scan->dir, name);
    struct ptmi_hub_item *item = NULL;
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "%s", name);
    ptm_rc rc = is_repo_name(name) ? ptmi_cache_look(dir, &copy, &why) : PTM_ENOENT;
    if (rc == PTM_ENOENT)
        return is_torch_work(name, st) ? add_if_quiet(scan, name, st, err) : PTM_OK;
    PTM_TRY(add(scan, name, PTM_CACHED_REPO, st, &item, err));
    if (rc < 0) return keep_damage(item, dir, &why, err);
    item->copy = copy;
    copy = (struct ptmi_cached_copy){0};
    item->modified = item->copy.modified;
    return item->copy.repo.by_torch ? name_copy(scan->hub, name, &item->copy.repo, err) : PTM_OK;
}

static ptm_rc in_hub_dir(struct scan *scan, const char *name, const struct stat *st,
                         struct ptm_err *err)
{
    if (name[0] == '.') return PTM_OK;
    if (S_ISDIR(st->st_mode)) return add_folder(scan, name, st, err);
    return is_torch_work(name, st) ? add_if_quiet(scan, name, st, err) : PTM_OK;
}

static ptm_rc in_checkpoints(struct scan *scan, const char *name, const struct stat *st,
                             struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *lock = NULL;
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(scan->dir, name);
    if (!S_ISREG(st->st_mode)) return PTM_OK;
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", name);
    PTM_TRY(download_lock(path, &lock, err));
    if (lock && is_held(scan->hub, lock)) return PTM_OK;
    if (lock) return add(scan, name, PTM_CACHED_LEFTOVER, st, NULL, err);
    if (is_unfinished_file(name)) return add_if_quiet(scan, name, st, err);
    return add(scan, name, PTM_CACHED_CHECKPOINT, st, NULL, err);
}

static ptm_rc in_tmp(struct scan *scan, const char *name, const struct stat *st,
                     struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *lock = NULL;
    PTM_TRY(work_lock(scan->dir, name, &lock, err));
    if (!lock) return add_if_quiet(scan, name, st, err);
    return is_held(scan->hub, lock) ? PTM_OK : add(scan, name, PTM_CACHED_LEFTOVER, st, NULL, err);
}

static ptm_rc scan_folder(ptm_torchhub *hub, const char *sub,
                          ptm_rc (*fn)(struct scan *scan, const char *name, const struct stat *st,
                                       struct ptm_err *err),
                          struct ptmi_hub_items *items, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(ptm_torchhub_get_dir(hub), sub);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "hub folder");
    struct scan scan = {
        .hub = hub, .items = items, .sub = sub, .dir = path, .now = ptmi_clock_unix()};
    PTM_AUTO(ptmi_closedirp) DIR *dir = opendir(path);
    if (!dir) return errno == ENOENT ? PTM_OK : ptm_err_sys(err, errno, "%s: cannot read", path);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        struct stat st;
        if (ptmi_str_eq(entry->d_name, ".") || ptmi_str_eq(entry->d_name, "..")) continue;
        if (fstatat(dirfd(dir), entry->d_name, &st, 0) != 0) continue; /* gone, or a dead link */
        PTM_TRY(fn(&scan, entry->d_name, &st, err));
    }
    return PTM_OK;
}

static int by_kind_and_name(const void *a, const void *b)
{
    const struct ptmi_hub_item *x = a, *y = b;
    return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->path, y->path);
}

ptm_rc ptmi_hub_items_read(ptm_torchhub *hub, struct ptmi_hub_items *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_hub_items_clear) struct ptmi_hub_items items = {0};
    PTM_TRY(scan_folder(hub, "", in_hub_dir, &items, err));
    PTM_TRY(scan_folder(hub, "checkpoints", in_checkpoints, &items, err));
    PTM_TRY(scan_folder(hub, OWN_TMP, in_tmp, &items, err));
    if (items.n) qsort(items.items, items.n, sizeof *items.items, by_kind_and_name);
    *out = items;
    items = (struct ptmi_hub_items){0};
    return PTM_OK;
}

struct ptm_torchhub_cached ptmi_hub_item_show(const struct ptmi_hub_item *item)
{
    return (struct ptm_torchhub_cached){
        .kind = item->kind,
        .path = item->path,
        .repo = item->kind == PTM_CACHED_REPO ? &item->copy.repo : NULL,
        .bytes = item->bytes,
        .modified = item->modified,
        .why = item->damage,
    };
}

/* --- removing --- */

/* Whose lock protects a leftover; *out NULL: torch's have none. */
static ptm_rc leftover_lock(const char *path, char **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(path);
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "%s", path);
    if (ptmi_str_ends(dir, "/" OWN_TMP)) return work_lock(dir, ptmi_path_base(path), out, err);
    return download_lock(path, out, err);
}

static ptm_rc remove_leftover(ptm_torchhub *hub, const char *path, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *lock_path = NULL;
    PTM_AUTO(ptmi_lock_removep) ptmi_lock *lock = NULL;
    PTM_AUTO(ptmi_freep) char *locks = NULL;
    PTM_TRY(ptmi_torchhub_own_dir(hub, "locks", &locks, err)); /* to stand in */
    PTM_TRY(leftover_lock(path, &lock_path, err));
    if (lock_path) PTM_TRY(ptmi_lock_try(hub->ctx, lock_path, &lock, err));
    if (ptmi_str_eq(path, lock_path)) return PTM_OK; /* goes with its release */
    return ptmi_fs_remove_tree(path, err);
}

ptm_rc ptmi_hub_item_remove(ptm_torchhub *hub, const struct ptmi_hub_item *item,
                            struct ptm_err *err)
{
    PTM_AUTO(ptmi_lock_removep) ptmi_lock *lock = NULL;
    PTM_AUTO(ptmi_freep) char *path = ptmi_cache_path(hub, item->path);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", item->path);
    if (item->kind == PTM_CACHED_LEFTOVER) return remove_leftover(hub, path, err);
    if (item->kind == PTM_CACHED_CHECKPOINT)
        return unlink(path) == 0 || errno == ENOENT
                   ? PTM_OK
                   : ptm_err_sys(err, errno, "%s: cannot remove", path);
    PTM_TRY(ptmi_hub_lock(hub, item->path, &lock, err));
    return ptmi_hub_remove(hub, item->path, err);
}
