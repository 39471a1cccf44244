/* SPDX-License-Identifier: MIT */
/*
 * lfs_patterns.c - which large files are wanted: the user's patterns and sizes, and
 * lfs.fetchinclude and lfs.fetchexclude of the repository's own .lfsconfig. That file is from
 * outside, so it is read by this small parser of git's configuration format instead of libgit2's,
 * which would follow its include.path; its URLs are never looked at.
 */
#include "lfs_priv.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "../base/limits.h"
#include "../base/str.h"

#define CONFIG_MAX ((size_t)64 << 10)
#define VALUE_MAX ((size_t)16 << 10)

struct cursor {
    const char *at, *end;
};

static bool more(const struct cursor *c)
{
    return c->at < c->end;
}

static void skip_line(struct cursor *c)
{
    while (more(c) && *c->at != '\n') c->at++;
    if (more(c)) c->at++;
}

static void skip_blanks(struct cursor *c)
{
    while (more(c) && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r')) c->at++;
}

/* "[lfs]": true for exactly that section. "[lfs "https://..."]" is another. */
static bool read_section(struct cursor *c)
{
    char name[8];
    size_t n = 0;
    c->at++;
    skip_blanks(c);
    while (more(c) && *c->at != ']' && *c->at != '\n') {
        if (n < sizeof name - 1) name[n++] = *c->at;
        c->at++;
    }
    bool closed = more(c) && *c->at == ']';
    if (closed) c->at++;
    while (n > 0 && (name[n - 1] == ' ' || name[n - 1] == '\t')) n--;
    name[n] = '\0';
    return closed && strcasecmp(name, "lfs") == 0;
}

/* A name of letters, digits and '-'. Longer than any we look for is cut: it matches none. */
static void read_key(struct cursor *c, char *key, size_t size)
{
    size_t n = 0;
    while (more(c) && (isalnum((unsigned char)*c->at) || *c->at == '-')) {
        if (n < size - 1) key[n++] = *c->at;
        c->at++;
    }
    key[n] = '\0';
}

static char escaped(char c)
{
    return (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'b' ? '\b' : c);
}

/* A value up to the end of its line: quotes, escapes, comments and continued lines as git reads
 * them. */
static bool read_value(struct cursor *c, char *value)
{
    size_t n = 0, keep = 0; /* keep: without trailing blanks */
    bool quoted = false;
    for (; more(c) && n < VALUE_MAX - 1; c->at++) {
        char ch = *c->at;
        if (ch == '\n') break;
        if (!quoted && (ch == '#' || ch == ';')) break;
        if (ch == '"') {
            quoted = !quoted;
            keep = n;
            continue;
        }
        if (ch == '\\') {
            if (c->end - c->at >= 2 && c->at[1] == '\n') {
                c->at++;
                continue;
            }
            if (c->end - c->at < 2) return false;
            value[n++] = escaped(*++c->at);
            keep = n;
            continue;
        }
        if (ch == '\0') return false;
        value[n++] = ch;
        if (quoted || !isspace((unsigned char)ch)) keep = n;
    }
    value[keep] = '\0';
    return !quoted && n < VALUE_MAX - 1;
}

/* Splits at commas; a later value replaces an earlier one, as in git. */
static void set_list(struct ptmi_arena *arena, struct ptmi_arena_list *list, const char *value)
{
    list->n = 0;
    for (const char *at = value; *at;) {
        size_t len = strcspn(at, ",");
        const char *from = at;
        size_t n = len;
        at += len + (at[len] == ',');
        while (n > 0 && isspace((unsigned char)*from)) from++, n--;
        while (n > 0 && isspace((unsigned char)from[n - 1])) n--;
        if (n > 1 && *from == '/') from++, n--; /* from the root: where all paths start */
        if (n == 0) continue;
        const char *item = ptmi_arena_strndup(arena, from, n);
        if (!item || !ptmi_arena_list_add(arena, list, item)) return;
    }
}

static void read_setting(struct cursor *c, bool in_lfs, char *value, struct ptmi_lfs_patterns *out)
{
    char key[32];
    read_key(c, key, sizeof key);
    skip_blanks(c);
    if (!key[0] || !more(c) || *c->at != '=') {
        skip_line(c);
        return;
    }
    c->at++;
    skip_blanks(c);
    bool whole = read_value(c, value);
    skip_line(c);
    if (!in_lfs || !whole) return;
    if (strcasecmp(key, "fetchinclude") == 0) set_list(&out->arena, &out->include, value);
    if (strcasecmp(key, "fetchexclude") == 0) set_list(&out->arena, &out->exclude, value);
}

void ptmi_lfs_patterns_parse(const char *text, size_t len, struct ptmi_lfs_patterns *out)
{
    struct cursor c = {text, text + len};
    bool in_lfs = false;
    PTM_AUTO(ptmi_freep) char *value = malloc(VALUE_MAX);
    if (!value || len > CONFIG_MAX) return;
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) c.at += 3;
    while (more(&c)) {
        skip_blanks(&c);
        if (!more(&c)) return;
        if (*c.at == '[')
            in_lfs = read_section(&c); /* a setting may follow on the same line */
        else if (*c.at == '#' || *c.at == ';' || *c.at == '\n')
            skip_line(&c);
        else
            read_setting(&c, in_lfs, value, out);
    }
}

void ptmi_lfs_patterns_clear(struct ptmi_lfs_patterns *patterns)
{
    ptmi_arena_clear(&patterns->arena);
}

/* --- selection --- */

static bool any(const char *const *patterns, size_t n, const char *path)
{
    for (size_t i = 0; i < n; i++)
        if (ptmi_str_glob(patterns[i], path)) return true;
    return false;
}

bool ptmi_lfs_patterns_want(const char *const *include, size_t n_include,
                            const char *const *exclude, size_t n_exclude, const char *path)
{
    if (n_include > 0 && !any(include, n_include, path)) return false;
    return !any(exclude, n_exclude, path);
}

/* .lfsconfig as HEAD has it, not the work tree's: the answer must not depend on who was there. */
static ptm_rc read_config(const char *dir, struct ptmi_lfs_patterns *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    PTM_AUTO(ptmi_git2_object_freep) git_object *object = NULL;
    PTM_TRY(ptmi_git2_open(dir, &repo, err));
    if (git_revparse_single(&object, repo, "HEAD:.lfsconfig") < 0) return PTM_OK;
    if (git_object_type(object) != GIT_OBJECT_BLOB) return PTM_OK;
    const git_blob *blob = (const git_blob *)object;
    git_object_size_t size = git_blob_rawsize(blob);
    if (size == 0 || size > CONFIG_MAX) return PTM_OK;
    ptmi_lfs_patterns_parse(git_blob_rawcontent(blob), (size_t)size, out);
    return PTM_OK;
}

ptm_rc ptmi_lfs_select(const char *dir, const struct ptmi_lfs_opts *opts,
                       struct ptmi_lfs_files *files, struct ptm_err *err)
{
    PTM_AUTO(ptmi_lfs_patterns_clear) struct ptmi_lfs_patterns own = PTMI_LFS_PATTERNS_INIT;
    /* Who names files gets them: as with git-lfs, patterns of the command line replace the
     * repository's. */
    if (opts->large == PTMI_LARGE_AUTO && opts->n_include == 0)
        PTM_TRY(read_config(dir, &own, err));
    for (size_t i = 0; i < files->n; i++) {
        struct ptmi_lfs_file *file = &files->items[i];
        file->wanted = opts->large != PTMI_LARGE_NONE &&
                       (opts->max_size <= 0 || file->pointer.size <= opts->max_size) &&
                       ptmi_lfs_patterns_want(own.include.items, own.include.n, own.exclude.items,
                                              own.exclude.n, file->path) &&
                       ptmi_lfs_patterns_want(opts->include, opts->n_include, opts->exclude,
                                              opts->n_exclude, file->path);
    }
    return PTM_OK;
}
