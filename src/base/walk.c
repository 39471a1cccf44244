/* SPDX-License-Identifier: MIT */
/* walk.c - a folder's names are read and sorted whole before the first of them is visited, so that
 * no more than one folder is open at a time, and the order is the same everywhere. */
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auto.h"
#include "buf.h"
#include "grow.h"

/* The system itself takes no longer path than 4,096 bytes in one call. */
#define WALK_PATH_MAX (64u << 10)

struct names {
    char **items; /* owned, as each of them */
    size_t n, cap;
};

static void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->n; i++) free(names->items[i]);
    free(names->items);
    *names = (struct names){0};
}

/* A folder that is being walked through. */
struct level {
    struct names names;
    size_t at;       /* the next of them */
    size_t path_len; /* of the folder's path */
};

struct walker {
    struct ptmi_walk *walk;
    struct ptmi_buf path; /* of what is visited */
    struct level *levels; /* owned */
    size_t n, cap;
};

static void walker_clear(struct walker *walker)
{
    for (size_t i = 0; i < walker->n; i++) names_clear(&walker->levels[i].names);
    free(walker->levels);
    ptmi_buf_clear(&walker->path);
}

static ptm_rc names_add(struct names *names, const char *name, struct ptm_err *err)
{
    char **items = ptmi_grown(names->items, names->n, &names->cap, sizeof *items);
    if (!items) return ptm_err_set(err, PTM_ENOMEM, "names of a folder");
    names->items = items;
    names->items[names->n] = strdup(name);
    if (!names->items[names->n]) return ptm_err_set(err, PTM_ENOMEM, "names of a folder");
    names->n++;
    return PTM_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static ptm_rc read_names(const char *path, bool follow, struct names *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep)
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0) return ptm_err_sys(err, errno, "%s", path);
    PTM_AUTO(ptmi_closedirp) DIR *dir = fdopendir(fd);
    if (!dir) return ptm_err_sys(err, errno, "%s", path);
    fd = -1;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry && errno) return ptm_err_sys(err, errno, "%s", path);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            PTM_TRY(names_add(out, entry->d_name, err));
    }
    if (out->n) qsort(out->items, out->n, sizeof *out->items, by_name);
    return PTM_OK;
}

/* An error that is the folder's or entry's is the visitor's to judge. */
static ptm_rc tell(struct walker *walker, ptm_rc rc, struct ptm_err *why, struct ptm_err *err)
{
    struct ptmi_walk *walk = walker->walk;
    if (rc == PTM_ENOMEM) {
        if (err) *err = *why;
        return rc;
    }
    return walk->fn(walk->arg, walker->path.data, why, err);
}

static ptm_rc enter(struct walker *walker, struct ptm_err *err)
{
    struct level level = {.path_len = walker->path.len};
    struct ptm_err why = {0};
    struct level *levels = ptmi_grown(walker->levels, walker->n, &walker->cap, sizeof *levels);
    if (!levels) return ptm_err_set(err, PTM_ENOMEM, "%s", walker->path.data);
    walker->levels = levels;
    ptm_rc rc = read_names(walker->path.data, walker->n == 0, &level.names, &why);
    if (rc < 0) {
        names_clear(&level.names);
        return tell(walker, rc, &why, err);
    }
    walker->levels[walker->n++] = level;
    return PTM_OK;
}

static ptm_rc visit_link(struct walker *walker, struct ptm_err *err)
{
    struct ptmi_walk *walk = walker->walk;
    struct stat target;
    if (!walk->no_links && stat(walker->path.data, &target) == 0 && S_ISREG(target.st_mode))
        return walk->fn(walk->arg, walker->path.data, NULL, err);
    walk->links++;
    return PTM_OK;
}

static ptm_rc visit(struct walker *walker, const char *name, struct ptm_err *err)
{
    struct ptmi_walk *walk = walker->walk;
    struct ptm_err why = {0};
    struct stat st;
    if (lstat(walker->path.data, &st) < 0) {
        ptm_rc rc = ptm_err_sys(&why, errno, "%s", walker->path.data);
        return tell(walker, rc, &why, err);
    }
    if (S_ISREG(st.st_mode)) return walk->fn(walk->arg, walker->path.data, NULL, err);
    if (S_ISLNK(st.st_mode)) return visit_link(walker, err);
    if (S_ISDIR(st.st_mode)) {
        if (walk->skip_git && strcmp(name, ".git") == 0) return PTM_OK;
        return enter(walker, err);
    }
    walk->specials++;
    return PTM_OK;
}

static ptm_rc visit_next(struct walker *walker, struct ptm_err *err)
{
    struct level *level = &walker->levels[walker->n - 1];
    if (level->at == level->names.n) {
        names_clear(&level->names);
        walker->n--;
        return PTM_OK;
    }
    const char *name = level->names.items[level->at++];
    walker->path.len = level->path_len;
    const char *slash = level->path_len && walker->path.data[level->path_len - 1] == '/' ? "" : "/";
    PTM_TRY(ptmi_buf_printf(&walker->path, err, "%s%s", slash, name));
    return visit(walker, name, err);
}

ptm_rc ptmi_walk(struct ptmi_walk *walk, const char *dir, struct ptm_err *err)
{
    PTM_AUTO(walker_clear)
    struct walker walker = {.walk = walk, .path = PTMI_BUF(WALK_PATH_MAX)};
    PTM_TRY(ptmi_buf_puts(&walker.path, dir, err));
    PTM_TRY(enter(&walker, err));
    while (walker.n) PTM_TRY(visit_next(&walker, err));
    return PTM_OK;
}
