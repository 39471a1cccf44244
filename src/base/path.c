/* SPDX-License-Identifier: MIT */
/*
 * path.c - names from outside on their way to becoming paths. A name is refused rather than mended:
 * a mended name could be another model's.
 */
#include "path.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "limits.h"
#include "str.h"

/* How much of a refused name a message shows. */
#define SHOWN 80

static PTM_MUST_USE ptm_rc refuse(struct ptm_err *err, const char *name, const char *why)
{
    return ptm_err_set(err, PTM_EUNSAFE, "unsafe name \"%.*s\": %s", SHOWN, name, why);
}

/* Code points that HFS+ does not see in a name: ".g\u200cit" is ".git" there. */
static bool is_ignored_by_hfs(uint32_t point)
{
    return (point >= 0x200C && point <= 0x200F) || (point >= 0x202A && point <= 0x202E) ||
           (point >= 0x206A && point <= 0x206F) || point == 0xFEFF;
}

static bool is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0);
}

/* Is name, as some file system folds it, the folder git keeps its own things in? name is valid
 * UTF-8. */
static bool is_dot_git(const char *name)
{
    char seen[8];
    size_t n = 0;
    size_t left = strlen(name);
    while (left > 0 && n < sizeof seen - 1) {
        uint32_t point = 0;
        size_t bytes = ptmi_str_utf8_next(name, left, &point);
        if (bytes == 0 || point == ':') break; /* NTFS: the rest names a stream of the same file */
        name += bytes;
        left -= bytes;
        if (is_ignored_by_hfs(point)) continue;
        if ((point == '.' || point == ' ') && n > 0) { /* NTFS drops these at the end */
            size_t rest = strspn(name, ". ");
            if (name[rest] == '\0' || name[rest] == ':') break;
        }
        if (point >= 'A' && point <= 'Z') point += 32;
        seen[n++] = point < 0x80 ? (char)point : '?';
    }
    seen[n] = '\0';
    return strcmp(seen, ".git") == 0 || strcmp(seen, "git~1") == 0;
}

ptm_rc ptmi_path_check_name(const char *name, struct ptm_err *err)
{
    if (!name || !*name) return refuse(err, "", "it is empty");
    size_t len = strlen(name);
    if (len > PTM_LIMIT_NAME) return refuse(err, name, "it is too long");
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return refuse(err, name, "it is a way, not a name");
    for (size_t at = 0; at < len;) {
        uint32_t point = 0;
        size_t n = ptmi_str_utf8_next(name + at, len - at, &point);
        if (n == 0) return refuse(err, name, "it is not UTF-8");
        if (point == '/' || point == '\\') return refuse(err, name, "it has a slash");
        if (is_control(point)) return refuse(err, name, "it has a control character");
        at += n;
    }
    if (is_dot_git(name)) return refuse(err, name, "git keeps its own files under that name");
    if (name[len - 1] == '.' || name[len - 1] == ' ')
        return refuse(err, name, "it ends in a dot or a space");
    return PTM_OK;
}

ptm_rc ptmi_path_check_relative(const char *path, struct ptm_err *err)
{
    if (!path || !*path) return refuse(err, "", "it is empty");
    if (path[0] == '/') return refuse(err, path, "it is absolute");
    if (strlen(path) >= PTM_LIMIT_PATH) return refuse(err, path, "it is too long");
    for (const char *part = path;;) {
        size_t len = strcspn(part, "/");
        if (len > PTM_LIMIT_NAME) return refuse(err, part, "it is too long");
        char name[PTM_LIMIT_NAME + 1];
        memcpy(name, part, len);
        name[len] = '\0';
        ptm_rc rc = ptmi_path_check_name(name, err);
        if (rc != PTM_OK) return ptm_err_ctx(err, rc, "path \"%.*s\"", SHOWN, path);
        if (part[len] == '\0') return PTM_OK;
        part += len + 1;
    }
}

ptm_rc ptmi_path_under(const char *dir, const char *relative, char **out, struct ptm_err *err)
{
    PTM_TRY(ptmi_path_check_relative(relative, err));
    if (strlen(dir) + strlen(relative) + 1 >= PTM_LIMIT_PATH)
        return refuse(err, relative, "it is too long for its folder");
    char *path = ptmi_path_join(dir, relative);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", relative);
    *out = path;
    return PTM_OK;
}

char *ptmi_path_join(const char *a, const char *b)
{
    size_t len = strlen(a);
    if (len == 0) return strdup(b);
    while (len > 0 && a[len - 1] == '/') len--;
    while (*b == '/') b++;
    return ptmi_str_printf("%.*s/%s", (int)len, a, b);
}

char *ptmi_path_dir(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') len--;
    while (len > 0 && path[len - 1] != '/') len--;
    if (len == 0) return strdup(".");
    while (len > 1 && path[len - 1] == '/') len--;
    return strndup(path, len);
}

const char *ptmi_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Capital letters that stand 32 before their small ones. */
static bool is_capital_by_32(uint32_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) ||
           (c >= 0x391 && c <= 0x3AB && c != 0x3A2) || (c >= 0x410 && c <= 0x42F) ||
           (c >= 0xFF21 && c <= 0xFF3A);
}

/* Capital letters that alternate with their small ones, capitals even. */
static bool is_capital_even(uint32_t c)
{
    return c % 2 == 0 && ((c >= 0x100 && c <= 0x136 && c != 0x130) || (c >= 0x14A && c <= 0x176) ||
                          (c >= 0x460 && c <= 0x480) || (c >= 0x48A && c <= 0x4BE) ||
                          (c >= 0x4D0 && c <= 0x52E) || (c >= 0x1E00 && c <= 0x1E94) ||
                          (c >= 0x1EA0 && c <= 0x1EFE));
}

static bool is_capital_odd(uint32_t c)
{
    return c % 2 == 1 &&
           ((c >= 0x139 && c <= 0x147) || (c >= 0x179 && c <= 0x17D) || (c >= 0x4C1 && c <= 0x4CD));
}

static uint32_t fold_point(uint32_t c)
{
    if (is_capital_by_32(c)) return c + 32;
    if (is_capital_even(c) || is_capital_odd(c)) return c + 1;
    if (c >= 0x400 && c <= 0x40F) return c + 80;
    if (c == 0x3C2) return 0x3C3; /* final sigma */
    if (c == 0x178) return 0xFF;
    return c;
}

/* All folded letters keep the length of their sequence but U+0178, which keeps it too: 2 bytes. */
static void put_utf8(char *at, uint32_t c, size_t n)
{
    static const unsigned char marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i > 1; i--) {
        at[i - 1] = (char)(0x80u | (c & 0x3Fu));
        c >>= 6;
    }
    at[0] = (char)(marks[n] | c);
}

char *ptmi_path_fold(const char *path)
{
    char *folded = strdup(path);
    if (!folded) return NULL;
    size_t left = strlen(path);
    for (char *at = folded; left > 0;) {
        uint32_t point = 0;
        size_t n = ptmi_str_utf8_next(at, left, &point);
        if (n > 0) put_utf8(at, fold_point(point), n);
        if (n == 0) n = 1; /* not UTF-8: the byte stays */
        at += n;
        left -= n;
    }
    return folded;
}
