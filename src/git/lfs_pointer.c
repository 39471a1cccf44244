/* SPDX-License-Identifier: MIT */
/*
 * lfs_pointer.c - is this text a Git LFS pointer?
 *
 *     version https://git-lfs.github.com/spec/v1      first; then the others by alphabet
 *     ext-0-name sha256:...                           any number, ignored
 *     oid sha256:<64 lower-case hex digits>
 *     size <bytes>
 *
 * Strict where git-lfs is: LF only, one space, nothing else in the file.
 * https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
 */
#include "lfs.h"

#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"

static const char *const versions[] = {
    "https://git-lfs.github.com/spec/v1",
    "http://git-media.io/v/2",
    "https://hawser.github.com/spec/v1",
};

/* One "key value" line, both NUL-terminated copies. */
struct line {
    char key[64];
    char value[192];
};

/* Reads the line at *at and moves past its LF. A last line without one is accepted, as git-lfs
 * does. */
static bool next_line(const char **at, const char *end, struct line *out)
{
    const char *lf = memchr(*at, '\n', (size_t)(end - *at));
    const char *stop = lf ? lf : end;
    const char *space = memchr(*at, ' ', (size_t)(stop - *at));
    if (!space || space == *at || space + 1 == stop) return false;
    size_t key_len = (size_t)(space - *at), value_len = (size_t)(stop - space - 1);
    if (key_len >= sizeof out->key || value_len >= sizeof out->value) return false;
    memcpy(out->key, *at, key_len);
    out->key[key_len] = '\0';
    memcpy(out->value, space + 1, value_len);
    out->value[value_len] = '\0';
    if (strlen(out->key) != key_len || strlen(out->value) != value_len) return false;
    *at = lf ? lf + 1 : end;
    return true;
}

static bool is_version(const struct line *line)
{
    if (!ptmi_str_eq(line->key, "version")) return false;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
        if (ptmi_str_eq(line->value, versions[i])) return true;
    return false;
}

static bool take_oid(const char *value, char out[65])
{
    static const char prefix[] = "sha256:";
    if (!ptmi_str_starts(value, prefix)) return false;
    const char *hex = value + sizeof prefix - 1;
    if (!ptmi_str_is_hex(hex, 64)) return false;
    memcpy(out, hex, 65);
    return true;
}

bool ptmi_lfs_pointer_parse(const char *text, size_t len, struct ptmi_lfs_pointer *out)
{
    struct ptmi_lfs_pointer pointer = {.size = -1};
    struct line line;
    char last[64] = "";
    const char *at = text, *end = text + len;
    if (len == 0 || len >= PTM_LIMIT_POINTER) return false;
    if (!next_line(&at, end, &line) || !is_version(&line)) return false;
    while (at < end) {
        if (!next_line(&at, end, &line)) return false;
        /* Sorted, hence none twice. */
        if (strcmp(last, line.key) >= 0) return false;
        memcpy(last, line.key, sizeof last);
        if (ptmi_str_eq(line.key, "oid")) {
            if (!take_oid(line.value, pointer.oid)) return false;
        } else if (ptmi_str_eq(line.key, "size")) {
            if (!ptmi_str_int(line.value, 0, INT64_MAX, &pointer.size)) return false;
        } else if (!ptmi_str_starts(line.key, "ext-")) {
            return false;
        }
    }
    if (!pointer.oid[0] || pointer.size < 0) return false;
    *out = pointer;
    return true;
}
