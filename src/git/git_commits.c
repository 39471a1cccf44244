/* SPDX-License-Identifier: MIT */
/*
 * git_commits.c - all commits that the branches and tags of a server reach, without files (a clone
 * with --filter=tree:0), and one of them by its first digits.
 */
#include "git_priv.h"

#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"

/* Lines are commits. */
#define LINE_MAX_BYTES ((size_t)256)

/* Output of git, cut into lines as it comes. */
struct lines {
    struct ptmi_buf line;
    int64_t n;
    ptm_rc (*fn)(void *arg, char *line, struct ptm_err *err);
    void *arg;
};

static ptm_rc end_line(struct lines *lines, struct ptm_err *err)
{
    if (lines->line.len == 0) return PTM_OK;
    if (++lines->n > PTM_LIMIT_COMMITS)
        return ptm_err_set(err, PTM_ELIMIT, "more than %d commits", PTM_LIMIT_COMMITS);
    ptm_rc rc = lines->fn(lines->arg, lines->line.data, err);
    ptmi_buf_reset(&lines->line);
    return rc;
}

static ptm_rc take_output(void *arg, const char *data, size_t len, struct ptm_err *err)
{
    struct lines *lines = arg;
    for (const char *end = data + len; data < end;) {
        const char *stop = memchr(data, '\n', (size_t)(end - data));
        size_t part = (size_t)((stop ? stop : end) - data);
        PTM_TRY(ptmi_buf_append(&lines->line, data, part, err));
        data += part + (stop != NULL);
        if (stop) PTM_TRY(end_line(lines, err));
    }
    return PTM_OK;
}

/* Runs git and hands its lines out; a last one without an end counts. */
static ptm_rc run_lines(ptmi_git *git, struct ptmi_git_cmd *cmd, struct lines *lines,
                        struct ptm_err *err)
{
    lines->line = (struct ptmi_buf)PTMI_BUF(LINE_MAX_BYTES);
    cmd->on_stdout = take_output;
    cmd->arg = lines;
    ptm_rc rc = ptmi_git_do(git, cmd, err);
    if (rc == PTM_OK) rc = end_line(lines, err);
    ptmi_buf_clear(&lines->line);
    return rc;
}

/*
 * No blobs, no trees: a server that cannot filter sends everything, which git then tells us. A
 * clone and no fetch: it writes all refs as one file, where a fetch writes a file each and looks at
 * all of them for the next (16,000 refs: 0.3 s, not 15).
 */
static ptm_rc clone_commits(ptmi_git *git, const char *url, const char *dir, struct ptm_err *err)
{
    const char *const args[] = {"clone",
                                "--quiet",
                                "--no-checkout",
                                "--template=",
                                "--origin=origin",
                                "--filter=tree:0",
                                "--",
                                url,
                                dir,
                                NULL};
    struct ptmi_git_cmd cmd = {.args = args, .what = "fetching the commits of", .url = url};
    for (int attempt = 1;; attempt++) {
        struct ptm_err why = {0};
        ptm_rc rc = ptmi_git_do(git, &cmd, &why);
        if (rc == PTM_OK) return PTM_OK;
        if (ptmi_git_wait_retry(git, attempt, &why)) continue;
        if (err) *err = why;
        return rc;
    }
}

struct commit_search {
    const char *prefix;
    char found[41];
    int n;
};

static ptm_rc take_commit(void *arg, char *line, struct ptm_err *err)
{
    struct commit_search *search = arg;
    (void)err;
    if (!ptmi_str_is_hex(line, 40) || !ptmi_str_starts(line, search->prefix)) return PTM_OK;
    if (search->n++ == 0) memcpy(search->found, line, sizeof search->found);
    return PTM_OK;
}

/*
 * What branches and tags reach is walked rather than the one commit looked up: a repository with a
 * filter asks its server for whatever it lacks, and the server would hand out forks' commits.
 */
static ptm_rc search_commits(ptmi_git *git, const char *dir, struct commit_search *search,
                             struct ptm_err *err)
{
    const char *const args[] = {"rev-list", "--remotes", "--tags", NULL};
    struct ptmi_git_cmd cmd = {.args = args, .dir = dir, .what = "reading commits in"};
    struct lines lines = {.fn = take_commit, .arg = search};
    return run_lines(git, &cmd, &lines, err);
}

static ptm_rc find_commit(ptmi_git *git, const char *url, const char *dir,
                          struct commit_search *search, struct ptm_err *err)
{
    PTM_TRY(clone_commits(git, url, dir, err));
    return search_commits(git, dir, search, err);
}

ptm_rc ptmi_git_find_commit(ptmi_git *git, const char *url, const char *prefix, const char *dir,
                            char out[41], struct ptm_err *err)
{
    struct commit_search search = {.prefix = prefix};
    struct ptm_err ignored;
    PTM_TRY(ptmi_git_check_url(git, url, err));
    PTM_TRY(ptmi_fs_mkdirs(dir, err));
    ptm_rc rc = find_commit(git, url, dir, &search, err);
    (void)!ptmi_fs_remove_tree(dir, &ignored);
    if (rc < 0) return rc;
    if (search.n == 0)
        return ptm_err_set(err, PTM_ENOENT, "%s: no branch or tag reaches %s", url, prefix);
    if (search.n > 1)
        return ptm_err_set(err, PTM_EINVAL,
                           "%s: %s is the beginning of %d commits: give more digits", url, prefix,
                           search.n);
    memcpy(out, search.found, sizeof search.found);
    return PTM_OK;
}
