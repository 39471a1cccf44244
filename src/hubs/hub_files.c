/* SPDX-License-Identifier: MIT */
/* hub_files.c - files of a checkout, and the frame of the HTML pages that are made of its cards. */
#include "hub_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/path.h"
#include "../base/str.h"

/* Each level of the walk holds a descriptor; real checkouts are 8 deep. */
#define MAX_DEPTH 32
/* Entries looked at: onnx/models has some 10,000. */
#define MAX_ENTRIES 2000000

struct walk {
    const char *root;
    bool (*keep)(const char *name);
    struct ptmi_arena *arena;
    struct ptmi_arena_list *out;
    size_t entries;
};

static ptm_rc walk_folder(struct walk *walk, int fd, const char *path, int depth,
                          struct ptm_err *err);

static ptm_rc walk_entry(struct walk *walk, int dir_fd, const char *path, const char *name,
                         int depth, struct ptm_err *err)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return PTM_OK; /* gone meanwhile */
    if (!S_ISDIR(st.st_mode) && !(S_ISREG(st.st_mode) && walk->keep(name))) return PTM_OK;
    if (ptmi_path_check_name(name, NULL) != PTM_OK) return PTM_OK;
    const char *below = *path ? ptmi_arena_printf(walk->arena, "%s/%s", path, name)
                              : ptmi_arena_strdup(walk->arena, name);
    if (!below) return ptm_err_set(err, PTM_ELIMIT, "%s: too many files", walk->root);
    if (S_ISREG(st.st_mode))
        return ptmi_arena_list_add(walk->arena, walk->out, below)
                   ? PTM_OK
                   : ptm_err_set(err, PTM_ELIMIT, "%s: too many files", walk->root);
    if (depth >= MAX_DEPTH)
        return ptm_err_set(err, PTM_ELIMIT, "%s/%s: folders nested too deeply", walk->root, below);
    PTM_AUTO(ptmi_closep)
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return PTM_OK;
    return walk_folder(walk, fd, below, depth + 1, err);
}

static ptm_rc walk_folder(struct walk *walk, int fd, const char *path, int depth,
                          struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) return ptm_err_sys(err, errno, "%s/%s", walk->root, path);
    PTM_AUTO(ptmi_closedirp) DIR *dir = fdopendir(copy);
    if (!dir) return ptm_err_sys(err, errno, "%s/%s", walk->root, path);
    copy = -1; /* dir's now */
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.') continue;
        if (++walk->entries > MAX_ENTRIES)
            return ptm_err_set(err, PTM_ELIMIT, "%s: too many files", walk->root);
        PTM_TRY(walk_entry(walk, fd, path, entry->d_name, depth, err));
    }
    return PTM_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

ptm_rc ptmi_hub_walk(const char *dir, bool (*keep)(const char *name), struct ptmi_arena *arena,
                     struct ptmi_arena_list *out, struct ptm_err *err)
{
    struct walk walk = {.root = dir, .keep = keep, .arena = arena, .out = out};
    PTM_AUTO(ptmi_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", dir);
    PTM_TRY(walk_folder(&walk, fd, "", 0, err));
    if (out->n > 0) qsort(out->items, out->n, sizeof(*out->items), by_bytes);
    return PTM_OK;
}

ptm_rc ptmi_html_text(struct ptmi_buf *buf, const char *text, struct ptm_err *err)
{
    for (; text && *text; text++) {
        switch (*text) {
        case '&':
            PTM_TRY(ptmi_buf_puts(buf, "&amp;", err));
            break;
        case '<':
            PTM_TRY(ptmi_buf_puts(buf, "&lt;", err));
            break;
        case '>':
            PTM_TRY(ptmi_buf_puts(buf, "&gt;", err));
            break;
        case '"':
            PTM_TRY(ptmi_buf_puts(buf, "&quot;", err));
            break;
        default:
            PTM_TRY(ptmi_buf_putc(buf, *text, err));
        }
    }
    return PTM_OK;
}

const char *ptmi_html_href(const char *url)
{
    if (!url) return NULL;
    size_t scheme = strcspn(url, ":/?#");
    if (url[scheme] != ':') return url;
    bool safe = ptmi_str_starts_nocase(url, "https:") || ptmi_str_starts_nocase(url, "http:") ||
                ptmi_str_starts_nocase(url, "mailto:");
    return safe ? url : NULL;
}

ptm_rc ptmi_html_open(struct ptmi_buf *buf, const char *title, const char *body_class,
                      struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_puts(
        buf,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        /* The page is somebody's Markdown, opened from a disk: it may show, and do nothing else. */
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "img-src https: data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
        "<title>",
        err));
    PTM_TRY(ptmi_html_text(buf, title, err));
    PTM_TRY(ptmi_buf_puts(buf, "</title>\n</head>\n<body", err));
    if (body_class) PTM_TRY(ptmi_buf_printf(buf, err, " class=\"%s\"", body_class));
    return ptmi_buf_puts(buf, ">\n", err);
}

ptm_rc ptmi_html_close(struct ptmi_buf *buf, struct ptm_err *err)
{
    return ptmi_buf_puts(buf, "</body>\n</html>\n", err);
}
