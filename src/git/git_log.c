/* SPDX-License-Identifier: MIT */
/*
 * git_log.c - the last commit that touched each of many paths, by one walk of one `git log` instead
 * of one process a path.
 *
 * A candidate counts only if it left the path as HEAD has it: a side branch whose change was thrown
 * away when it was merged is passed over, as `git log -1 -- path` does.
 */
#include "git_priv.h"

#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"

/* --format puts this in front of the hash, so that a commit cannot be taken for the raw line of a
 * file (":100644 ..."). */
#define COMMIT_MARK '\001'

struct wanted {
    const char *path;
    size_t at;     /* in the caller's arrays */
    char blob[41]; /* what HEAD has there, "" for a folder or nothing */
};

struct walk {
    struct wanted *wanted; /* sorted by path */
    size_t n, left;
    char (*out)[41];
    struct ptmi_buf token;
    char commit[41];
    char blob[41]; /* of the raw line read last */
    bool is_path;  /* the next token is a path */
};

static int by_path(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static void found(struct walk *walk, struct wanted *wanted)
{
    if (walk->out[wanted->at][0]) return;
    if (wanted->blob[0] && !ptmi_str_eq(wanted->blob, walk->blob)) return;
    memcpy(walk->out[wanted->at], walk->commit, sizeof walk->commit);
    walk->left--;
}

/* path was touched: so were all folders above it. Cuts path while it goes up. */
static void touched(struct walk *walk, char *path)
{
    for (;;) {
        struct wanted key = {.path = path};
        struct wanted *hit = bsearch(&key, walk->wanted, walk->n, sizeof key, by_path);
        /* The same path may be asked for more than once. */
        while (hit && hit > walk->wanted && ptmi_str_eq(hit[-1].path, path)) hit--;
        for (; hit && hit < walk->wanted + walk->n && ptmi_str_eq(hit->path, path); hit++)
            found(walk, hit);
        char *slash = strrchr(path, '/');
        if (!slash) return;
        *slash = '\0';
    }
}

/* The blob after the change: of ":m1 m2 b1 b2 S" the second, of a merge's "::m m m b b b SS" the
 * last. */
static void raw_line(struct walk *walk, const char *line)
{
    int parents = (int)strspn(line, ":");
    const char *at = line + parents;
    for (int skip = 0; skip < 2 * parents + 1 && at; skip++) {
        at = strchr(at, ' ');
        if (at) at++;
    }
    walk->blob[0] = '\0';
    walk->is_path = true;
    if (!at || strlen(at) < 40) return;
    memcpy(walk->blob, at, 40);
    walk->blob[40] = '\0';
}

static void token(struct walk *walk)
{
    char *text = walk->token.data ? walk->token.data : (char[1]){0};
    if (walk->is_path) {
        walk->is_path = false;
        touched(walk, text);
        return;
    }
    while (*text == '\n') text++;
    if (*text == COMMIT_MARK && strlen(text + 1) >= 40) {
        memcpy(walk->commit, text + 1, 40);
        walk->commit[40] = '\0';
    } else if (*text == ':') {
        raw_line(walk, text);
    }
}

static ptm_rc hear(void *arg, const char *data, size_t len, struct ptm_err *err)
{
    struct walk *walk = arg;
    for (size_t i = 0; i < len;) {
        const char *nul = memchr(data + i, '\0', len - i);
        size_t part = nul ? (size_t)(nul - (data + i)) : len - i;
        PTM_TRY(ptmi_buf_append(&walk->token, data + i, part, err));
        i += part + (nul != NULL);
        if (!nul) break;
        token(walk);
        ptmi_buf_reset(&walk->token);
        if (walk->left == 0) return PTM_ITEM; /* nobody needs the rest of history */
    }
    return PTM_OK;
}

static void head_blobs(git_repository *repo, const char *sha, struct wanted *wanted, size_t n)
{
    PTM_AUTO(ptmi_git2_commit_freep) git_commit *commit = NULL;
    PTM_AUTO(ptmi_git2_tree_freep) git_tree *tree = NULL;
    git_oid oid;
    if (git_oid_fromstr(&oid, sha) < 0 || git_commit_lookup(&commit, repo, &oid) < 0 ||
        git_commit_tree(&tree, commit) < 0)
        return;
    for (size_t i = 0; i < n; i++) {
        PTM_AUTO(ptmi_git2_entry_freep) git_tree_entry *entry = NULL;
        if (git_tree_entry_bypath(&entry, tree, wanted[i].path) < 0) continue;
        if (git_tree_entry_type(entry) == GIT_OBJECT_BLOB)
            git_oid_tostr(wanted[i].blob, sizeof wanted[i].blob, git_tree_entry_id(entry));
    }
}

ptm_rc ptmi_git_last_commits(ptmi_git *git, const char *dir, const char *const *paths, size_t n,
                             char (*out_shas)[41], struct ptm_err *err)
{
    static const char *const args[] = {"log",
                                       "-z",
                                       "--raw",
                                       "-c",
                                       "--no-abbrev",
                                       "--no-renames",
                                       "--no-color",
                                       "--no-ext-diff",
                                       "--no-textconv",
                                       "--format=tformat:%x01%H",
                                       "HEAD",
                                       "--",
                                       NULL};
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    struct ptmi_git_state head = {0};
    for (size_t i = 0; i < n; i++) out_shas[i][0] = '\0';
    PTM_TRY(ptmi_git_head(dir, &head, err));
    if (n == 0 || !head.sha[0]) return PTM_OK;
    PTM_TRY(ptmi_git2_open(dir, &repo, err));
    PTM_AUTO(ptmi_freep) struct wanted *wanted = calloc(n, sizeof *wanted);
    if (!wanted) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", dir);
    for (size_t i = 0; i < n; i++) wanted[i] = (struct wanted){.path = paths[i], .at = i};
    head_blobs(repo, head.sha, wanted, n);
    qsort(wanted, n, sizeof *wanted, by_path);
    struct walk walk = {.wanted = wanted,
                        .n = n,
                        .left = n,
                        .out = out_shas,
                        .token = PTMI_BUF((size_t)PTM_LIMIT_PATH * 4)};
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    struct ptmi_git_cmd cmd = {.args = args,
                               .dir = dir,
                               .what = "reading the history of",
                               .on_stdout = hear,
                               .arg = &walk};
    ptm_rc rc = ptmi_git_run(git, &cmd, &result, err);
    ptmi_buf_clear(&walk.token);
    return rc < 0 ? rc : PTM_OK;
}
