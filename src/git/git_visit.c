/* SPDX-License-Identifier: MIT */
/*
 * git_visit.c - one writer in a clone at a time, and what a killed one left is mended.
 *
 * git writes a new index and moves HEAD only after it has changed the files of the work tree.
 * Killed in between, it leaves a tree that looks edited by a person. So the move is written down
 * first (.git/ptm-visit: "move FROM TO"); the next visitor finishes it, but only if every file that
 * differs is explained by the move: absent, as in FROM, as in TO, or the first part of what TO has.
 * Else it is a person's work, and stays.
 */
#include "git_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/limits.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "lfs_priv.h"

#define JOURNAL_MAX 256
/* git's own blobs; a hub keeps larger ones in LFS. What is larger counts as unexplained. */
#define BLOB_MAX ((size_t)256 << 20)

PTM_DEFINE_CLEANUP(blob_freep, git_blob *, git_blob_free)

struct ptmi_git_visit {
    ptmi_git *git;
    char *dir;
    char *journal;
    ptmi_lock *lock;
    bool moving; /* the work tree may be between two commits */
    bool keep;   /* a git was killed, or a move not finished: the next visitor sees to it */
};

/* --- lock files of a git that is no more --- */

static bool is_leftover(const char *folder, const char *name)
{
    if (ptmi_str_eq(name, "ptm.lock")) return false;
    if (ptmi_str_ends(name, ".lock")) return true;
    return ptmi_str_ends(folder, "/pack") && ptmi_str_starts(name, "tmp_");
}

/* Removes leftovers below folder; errors are for the git that follows to find. */
static void sweep(const char *folder, int depth)
{
    PTM_AUTO(ptmi_closedirp) DIR *dir = opendir(folder);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        const char *name = entry->d_name;
        if (ptmi_str_eq(name, ".") || ptmi_str_eq(name, "..")) continue;
        PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(folder, name);
        if (!path) return;
        if (is_leftover(folder, name))
            (void)unlink(path);
        else if (depth > 0 && ptmi_fs_is_dir(path))
            sweep(path, depth - 1);
    }
}

static void sweep_locks(const char *dir)
{
    static const struct {
        const char *folder;
        int depth;
    } places[] = {
        {".git", 0}, {".git/refs", 32}, {".git/objects/pack", 0}, {".git/objects/info", 0}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        PTM_AUTO(ptmi_freep) char *folder = ptmi_path_join(dir, places[i].folder);
        if (folder) sweep(folder, places[i].depth);
    }
}

/* --- is this difference ours? --- */

struct move {
    ptmi_git *git;
    const char *dir;
    git_repository *repo;
    git_tree *from, *to;
};

/* Compares file with the blob tree has at path. *out_prefix: the file is its beginning. */
static bool same_as(struct move *move, git_tree *tree, const char *path, const char *data,
                    size_t len, bool prefix_will_do)
{
    PTM_AUTO(ptmi_git2_entry_freep) git_tree_entry *entry = NULL;
    PTM_AUTO(blob_freep) git_blob *blob = NULL;
    if (git_tree_entry_bypath(&entry, tree, path) < 0) return false;
    if (git_blob_lookup(&blob, move->repo, git_tree_entry_id(entry)) < 0) return false;
    size_t size = (size_t)git_blob_rawsize(blob);
    if (len > size || (len < size && !prefix_will_do)) return false;
    return len == 0 || memcmp(data, git_blob_rawcontent(blob), len) == 0;
}

/* A large file that stands for the pointer FROM or TO has. */
static bool is_large(struct move *move, git_tree *tree, const char *path)
{
    PTM_AUTO(ptmi_git2_entry_freep) git_tree_entry *entry = NULL;
    struct ptmi_lfs_pointer pointer;
    if (git_tree_entry_bypath(&entry, tree, path) < 0) return false;
    if (!ptmi_lfs_read_pointer(move->repo, git_tree_entry_id(entry), &pointer)) return false;
    return ptmi_lfs_is_content(move->dir, path, &pointer);
}

static bool is_link_explained(struct move *move, const char *path, const char *full)
{
    char target[PTM_LIMIT_PATH];
    ssize_t n = readlink(full, target, sizeof target);
    return n >= 0 && (same_as(move, move->from, path, target, (size_t)n, false) ||
                      same_as(move, move->to, path, target, (size_t)n, false));
}

static bool is_file_explained(struct move *move, const char *path)
{
    struct ptm_err ignored;
    size_t len = 0;
    char *data = NULL;
    if (is_large(move, move->from, path) || is_large(move, move->to, path)) return true;
    if (ptmi_fs_read_beneath(move->dir, path, BLOB_MAX, &data, &len, &ignored) < 0) return false;
    bool known = same_as(move, move->from, path, data, len, false) ||
                 same_as(move, move->to, path, data, len, true);
    free(data);
    return known;
}

static bool is_explained(struct move *move, const char *path)
{
    struct stat st;
    PTM_AUTO(ptmi_freep) char *full = ptmi_path_join(move->dir, path);
    if (!full) return false;
    if (lstat(full, &st) != 0) return errno == ENOENT || errno == ENOTDIR;
    if (S_ISLNK(st.st_mode)) return is_link_explained(move, path, full);
    return S_ISREG(st.st_mode) && is_file_explained(move, path);
}

/* Walks `git status -z`: "XY path\0". */
static bool all_explained(struct move *move, const char *text, size_t len)
{
    const char *end = text + len;
    for (const char *at = text; at < end; at += strlen(at) + 1)
        if (strlen(at) < 4 || !is_explained(move, at + 3)) return false;
    return true;
}

static ptm_rc tree_of(git_repository *repo, const char *sha, git_tree **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_git2_commit_freep) git_commit *commit = NULL;
    git_oid oid;
    int code = git_oid_fromstr(&oid, sha);
    if (code == 0) code = git_commit_lookup(&commit, repo, &oid);
    if (code == 0) code = git_commit_tree(out, commit);
    return code < 0 ? ptmi_git2_err(code, err, sha) : PTM_OK;
}

static ptm_rc finish_move(ptmi_git *git, const char *dir, const char *from, const char *to,
                          struct ptm_err *err)
{
    static const char *const status[] = {
        "status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignore-submodules=all", NULL};
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    PTM_AUTO(ptmi_git2_tree_freep) git_tree *from_tree = NULL;
    PTM_AUTO(ptmi_git2_tree_freep) git_tree *to_tree = NULL;
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    struct ptmi_git_state head = {0};
    PTM_TRY(ptmi_git_head(dir, &head, err));
    if (!ptmi_str_eq(head.sha, from)) return PTM_OK; /* git moves HEAD last: all was done */
    PTM_TRY(ptmi_git2_open(dir, &repo, err));
    PTM_TRY(tree_of(repo, from, &from_tree, err));
    PTM_TRY(tree_of(repo, to, &to_tree, err));
    struct ptmi_git_cmd cmd = {.args = status, .dir = dir, .what = "looking at", .writes = true};
    PTM_TRY(ptmi_git_run(git, &cmd, &result, err));
    struct move move = {git, dir, repo, from_tree, to_tree};
    if (!all_explained(&move, result.out_text.data ? result.out_text.data : "",
                       result.out_text.len))
        return PTM_OK; /* a person was here since: the caller will find it modified */
    ptmi_log(git->ctx, PTM_LOG_INFO, "git", "%s: finishing an update that was interrupted", dir);
    const char *const reset[] = {"reset", "--hard", "--quiet", to, NULL};
    cmd = (struct ptmi_git_cmd){
        .args = reset, .dir = dir, .what = "finishing the update of", .writes = true};
    return ptmi_git_do(git, &cmd, err);
}

/* --- visits --- */

static ptm_rc recover(ptmi_git_visit *visit, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0;
    struct ptm_err none = {0};
    char from[41] = "", to[41] = "";
    ptm_rc rc = ptmi_fs_read(visit->journal, JOURNAL_MAX, &text, &len, &none);
    if (rc == PTM_ENOENT) return PTM_OK;
    sweep_locks(visit->dir);
    if (rc == PTM_OK && sscanf(text, "move %40s %40s", from, to) == 2 &&
        ptmi_str_is_hex(from, 40) && ptmi_str_is_hex(to, 40))
        return finish_move(visit->git, visit->dir, from, to, err);
    return PTM_OK;
}

/* Not synced: it is for the next process of this machine, not for one after a power cut. */
static ptm_rc note(ptmi_git_visit *visit, const char *text, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep)
    int fd = open(visit->journal, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return ptm_err_sys(err, errno, "%s: cannot write", visit->journal);
    return PTM_OK;
}

static void visit_free(ptmi_git_visit *visit)
{
    if (!visit) return;
    ptmi_lock_release(visit->lock);
    free(visit->journal);
    free(visit->dir);
    free(visit);
}
PTM_DEFINE_CLEANUP(visit_freep, ptmi_git_visit *, visit_free)

ptm_rc ptmi_git_visit_open(ptmi_git *git, const char *dir, ptmi_git_visit **out,
                           struct ptm_err *err)
{
    PTM_AUTO(visit_freep) ptmi_git_visit *visit = calloc(1, sizeof *visit);
    PTM_AUTO(ptmi_freep) char *lock = ptmi_path_join(dir, ".git/ptm.lock");
    if (!ptmi_git_is_repo(dir)) return ptm_err_set(err, PTM_ENOENT, "%s: no git repository", dir);
    if (visit) {
        visit->git = git;
        visit->dir = strdup(dir);
        visit->journal = ptmi_path_join(dir, ".git/ptm-visit");
    }
    if (!visit || !lock || !visit->dir || !visit->journal)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", dir);
    PTM_TRY(ptmi_lock_take(git->ctx, lock, &visit->lock, err));
    PTM_TRY(recover(visit, err));
    PTM_TRY(note(visit, "here\n", err));
    *out = ptm_steal(&visit);
    return PTM_OK;
}

ptm_rc ptmi_git_visit_moving(ptmi_git_visit *visit, const char *from, const char *to,
                             struct ptm_err *err)
{
    char text[JOURNAL_MAX];
    snprintf(text, sizeof text, "move %s %s\n", from, to);
    visit->moving = true;
    return note(visit, text, err);
}

ptm_rc ptmi_git_visit_moved(ptmi_git_visit *visit, struct ptm_err *err)
{
    visit->moving = false;
    return note(visit, "here\n", err);
}

ptm_rc ptmi_git_visit_settle(ptmi_git_visit *visit, ptm_rc rc)
{
    visit->keep = visit->moving || rc == PTM_ETIMEOUT || rc == PTM_ECANCELED || rc == PTM_ELIMIT;
    return rc;
}

void ptmi_git_visit_close(ptmi_git_visit *visit)
{
    if (!visit) return;
    if (!visit->keep) (void)unlink(visit->journal);
    visit_free(visit);
}
