/* SPDX-License-Identifier: MIT */
/*
 * git_repo.c - what a clone says of itself, read in process by libgit2: HEAD, refs, sizes. Nothing
 * here starts a program or writes.
 */
#include "git_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"

/* Folders below .git: objects/aa is 2 deep, refs follow branch names. */
#define DEPTH_MAX 64

static void start_libgit2(void)
{
    git_libgit2_init();
    static const git_config_level_t levels[] = {GIT_CONFIG_LEVEL_PROGRAMDATA,
                                                GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                                                GIT_CONFIG_LEVEL_GLOBAL};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, levels[i], "");
    /* Mirrors are read by others than who made them; we run nothing that their configuration names.
     */
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
}

ptm_rc ptmi_git2_init(struct ptm_err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    PTM_TRY(ptmi_git2_load(err));
    pthread_once(&once, start_libgit2);
    return PTM_OK;
}

void ptmi_git2_version(char *out, size_t size)
{
    int major = 0, minor = 0, patch = 0;
    snprintf(out, size, "none");
    if (ptmi_git2_load(NULL) != PTM_OK) return;
    git_libgit2_version(&major, &minor, &patch);
    snprintf(out, size, "%d.%d.%d", major, minor, patch);
}

ptm_rc ptmi_git2_err(int code, struct ptm_err *err, const char *what)
{
    const git_error *last = git_error_last();
    const char *text = last && last->message ? last->message : "unknown failure";
    char shown[400];
    ptmi_str_printable(shown, sizeof shown, text);
    ptm_rc rc = PTM_EGIT;
    if (code == GIT_ENOTFOUND) rc = PTM_ENOENT;
    if (code == GIT_ELOCKED) rc = PTM_EBUSY;
    if (last && last->klass == GIT_ERROR_NOMEMORY) rc = PTM_ENOMEM;
    if (last && last->klass == GIT_ERROR_OS && errno == ENOSPC) rc = PTM_ENOSPC;
    if (last && (last->klass == GIT_ERROR_ODB || last->klass == GIT_ERROR_ZLIB)) rc = PTM_ECORRUPT;
    rc = ptm_err_set(err, rc, "%s: %s", what, shown);
    if (err) err->retryable = rc == PTM_EBUSY;
    return rc;
}

bool ptmi_git_is_repo(const char *dir)
{
    PTM_AUTO(ptmi_freep) char *git = ptmi_path_join(dir, ".git");
    PTM_AUTO(ptmi_freep) char *head = git ? ptmi_path_join(git, "HEAD") : NULL;
    return head && ptmi_fs_is_dir(git) && ptmi_fs_exists(head);
}

ptm_rc ptmi_git2_open(const char *dir, git_repository **out, struct ptm_err *err)
{
    PTM_TRY(ptmi_git2_init(err));
    if (!ptmi_git_is_repo(dir)) return ptm_err_set(err, PTM_ENOENT, "%s: no git repository", dir);
    int code = git_repository_open_ext(out, dir, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
    return code < 0 ? ptmi_git2_err(code, err, dir) : PTM_OK;
}

void ptmi_git2_resolve(git_repository *repo, const char *name, char out[41])
{
    PTM_AUTO(ptmi_git2_object_freep) git_object *object = NULL;
    PTM_AUTO(ptmi_git2_object_freep) git_object *commit = NULL;
    git_oid oid;
    out[0] = '\0';
    int code = ptmi_str_is_hex(name, 40) ? git_oid_fromstr(&oid, name)
                                         : git_reference_name_to_id(&oid, repo, name);
    if (code < 0) return;
    if (git_object_lookup(&object, repo, &oid, GIT_OBJECT_ANY) < 0) return;
    if (git_object_peel(&commit, object, GIT_OBJECT_COMMIT) < 0) return;
    git_oid_tostr(out, 41, git_object_id(commit));
}

ptm_rc ptmi_git_head(const char *dir, struct ptmi_git_state *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    PTM_AUTO(ptmi_git2_ref_freep) git_reference *head = NULL;
    struct ptmi_git_state state = {0};
    PTM_TRY(ptmi_git2_open(dir, &repo, err));
    int code = git_reference_lookup(&head, repo, "HEAD");
    if (code < 0) return ptmi_git2_err(code, err, dir);
    const char *target = git_reference_symbolic_target(head);
    if (target && ptmi_str_starts(target, "refs/heads/")) {
        const char *branch = target + strlen("refs/heads/");
        if (strlen(branch) >= sizeof state.branch)
            return ptm_err_set(err, PTM_ELIMIT, "%s: branch name of %zu bytes", dir,
                               strlen(branch));
        memcpy(state.branch, branch, strlen(branch) + 1);
    }
    ptmi_git2_resolve(repo, "HEAD", state.sha);
    *out = state;
    return PTM_OK;
}

/* --- size --- */

PTM_DEFINE_CLEANUP(folder_freep, DIR *, closedir)

static ptm_rc add_folder(int parent, const char *name, int depth, int64_t *total,
                         struct ptm_err *err);

static ptm_rc add_entry(int dir, const char *name, int depth, int64_t *total, struct ptm_err *err)
{
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? PTM_OK : ptm_err_sys(err, errno, "%s: cannot look at it", name);
    if (S_ISREG(st.st_mode)) *total += st.st_size;
    return S_ISDIR(st.st_mode) ? add_folder(dir, name, depth + 1, total, err) : PTM_OK;
}

static ptm_rc add_folder(int parent, const char *name, int depth, int64_t *total,
                         struct ptm_err *err)
{
    if (depth > DEPTH_MAX) return ptm_err_set(err, PTM_ELIMIT, "%s: too many folders deep", name);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open folder", name);
    PTM_AUTO(folder_freep) DIR *dir = fdopendir(fd);
    if (!dir) {
        int why = errno;
        close(fd);
        return ptm_err_sys(err, why, "%s: cannot read folder", name);
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        const char *item = entry->d_name;
        if (ptmi_str_eq(item, ".") || ptmi_str_eq(item, "..")) continue;
        if (depth == 0 && ptmi_str_eq(item, "lfs")) continue;
        PTM_TRY(add_entry(fd, item, depth, total, err));
    }
    return PTM_OK;
}

ptm_rc ptmi_git_size(const char *dir, int64_t *out, struct ptm_err *err)
{
    int64_t total = 0;
    PTM_AUTO(ptmi_freep) char *git = ptmi_path_join(dir, ".git");
    if (!git) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", dir);
    ptm_rc rc = add_folder(AT_FDCWD, git, 0, &total, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "%s", dir);
    *out = total;
    return PTM_OK;
}
