/* SPDX-License-Identifier: MIT */
/*
 * glob.c - ptmi_str_glob(): shell-style patterns over paths.
 *
 * Patterns come from outside too (.lfsconfig), so there is no recursion and no exponential search:
 * only the last star and the last double star are ever taken back, which is enough, since what an
 * earlier one could win a later one wins as well.
 */
#include <string.h>

#include "str.h"

/* Places to go on from when the match fails further on. */
struct retry {
    const char *pattern; /* behind the star; NULL: none */
    const char *path;    /* where it was tried last */
    bool folders;        /* "**" with a slash behind it: only whole folders are skipped */
};

static bool in_range(const char **pattern, unsigned char c)
{
    const unsigned char *p = (const unsigned char *)*pattern;
    unsigned char low = p[0];
    unsigned char high = low;
    *pattern += 1;
    if (p[1] == '-' && p[2] != ']' && p[2] != '\0') {
        high = p[2];
        *pattern += 2;
    }
    return c >= low && c <= high;
}

/* A "[...]" at *pattern against c; moves *pattern behind it. A class without an end is an ordinary
 * '['. */
static bool match_class(const char **pattern, char c)
{
    const char *p = *pattern + 1;
    bool negated = *p == '!' || *p == '^';
    p += negated;
    const char *end = *p ? strchr(p + 1, ']') : NULL;
    if (!end) {
        *pattern += 1;
        return c == '[';
    }
    bool found = false;
    while (p < end) found |= in_range(&p, (unsigned char)c);
    *pattern = end + 1;
    return found != negated && c != '/';
}

/* One character of the path against the next piece of the pattern; moves *pattern on. */
static bool match_one(const char **pattern, char c)
{
    switch (**pattern) {
    case '\0':
        return false;
    case '?':
        *pattern += 1;
        return c != '/';
    case '[':
        return match_class(pattern, c);
    case '\\':
        if ((*pattern)[1]) *pattern += 1;
        break;
    default:
        break;
    }
    bool same = **pattern == c;
    *pattern += 1;
    return same;
}

/* Takes one more character into a star; false when it cannot. */
static bool extend(struct retry *retry, const char **pattern, const char **path)
{
    if (!retry->pattern || !*retry->path) return false;
    if (retry->folders) {
        const char *slash = strchr(retry->path, '/');
        if (!slash) return false;
        retry->path = slash;
    }
    retry->path++;
    *pattern = retry->pattern;
    *path = retry->path;
    return true;
}

static bool extend_star(struct retry *star, const char **pattern, const char **path)
{
    return star->pattern && *star->path != '/' && extend(star, pattern, path);
}

/* At the end of the pattern: is what was matched the path, or a folder the path lies in? */
static bool at_end(const char *path, bool folder_only)
{
    return *path == '/' || (*path == '\0' && !folder_only);
}

static bool match(const char *pattern, const char *path, bool any_depth)
{
    size_t pattern_len = strlen(pattern);
    bool folder_only = pattern[pattern_len - 1] == '/';
    struct retry star = {NULL, NULL, false};
    struct retry stars = {any_depth ? pattern : NULL, path, true};
    for (;;) {
        bool ends = *pattern == '\0' || (folder_only && pattern[0] == '/' && pattern[1] == '\0');
        if (ends && at_end(path, folder_only)) return true;
        if (!ends && pattern[0] == '*' && pattern[1] == '*') {
            pattern += 2;
            bool folders = pattern[0] == '/' && pattern[1] != '\0';
            if (folders) pattern++;
            stars = (struct retry){pattern, path, folders};
            star = (struct retry){NULL, NULL, false};
            continue;
        }
        if (!ends && pattern[0] == '*') {
            pattern++;
            star = (struct retry){pattern, path, false};
            continue;
        }
        if (!ends && *path && match_one(&pattern, *path)) {
            path++;
            continue;
        }
        if (extend_star(&star, &pattern, &path)) continue;
        star = (struct retry){NULL, NULL, false};
        if (!extend(&stars, &pattern, &path)) return false;
    }
}

bool ptmi_str_glob(const char *pattern, const char *path)
{
    bool anchored = pattern[0] == '/';
    if (anchored) pattern++;
    if (pattern[0] == '\0') return false;
    const char *slash = strchr(pattern, '/');
    bool has_folder = slash && slash[1] != '\0';
    return match(pattern, path, !anchored && !has_folder);
}
