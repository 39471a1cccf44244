/* SPDX-License-Identifier: MIT */
/*
 * lfs_scan.c - finds the pointers of a repository by content: small blobs of HEAD's tree, or of all
 * of history. .gitattributes is not asked; it may lie, and it changes between commits.
 */
#include "lfs_priv.h"

#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"

#define FILES_MAX ((size_t)4 << 20)

void ptmi_lfs_files_clear(struct ptmi_lfs_files *files)
{
    ptmi_arena_clear(&files->arena);
    files->items = NULL;
    files->n = files->cap = 0;
}

static ptm_rc make_room(struct ptmi_lfs_files *files, struct ptm_err *err)
{
    if (files->n < files->cap) return PTM_OK;
    size_t cap = files->cap ? files->cap * 2 : 256;
    if (cap > FILES_MAX)
        return ptm_err_set(err, PTM_ELIMIT, "more than %zu large files in one repository",
                           FILES_MAX);
    /* Old arrays stay in the arena: together they are no larger than the last one. */
    struct ptmi_lfs_file *grown = ptmi_arena_alloc(&files->arena, cap * sizeof *grown);
    if (!grown) return ptm_err_set(err, PTM_ENOMEM, "list of large files: out of memory");
    if (files->n > 0) memcpy(grown, files->items, files->n * sizeof *grown);
    files->items = grown;
    files->cap = cap;
    return PTM_OK;
}

static ptm_rc add(struct ptmi_lfs_files *files, const struct ptmi_lfs_file *file,
                  struct ptm_err *err)
{
    PTM_TRY(make_room(files, err));
    char *path = ptmi_arena_strdup(&files->arena, file->path);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "list of large files: out of memory");
    files->items[files->n] = *file;
    files->items[files->n++].path = path;
    return PTM_OK;
}

static bool read_pointer(git_odb *odb, const git_oid *blob, struct ptmi_lfs_pointer *out)
{
    PTM_AUTO(ptmi_git2_obj_freep) git_odb_object *object = NULL;
    size_t len = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    /* The header alone says for nearly every blob that it is none. */
    if (git_odb_read_header(&len, &type, odb, blob) < 0) return false;
    if (type != GIT_OBJECT_BLOB || len == 0 || len >= PTM_LIMIT_POINTER) return false;
    if (git_odb_read(&object, odb, blob) < 0) return false;
    return ptmi_lfs_pointer_parse(git_odb_object_data(object), git_odb_object_size(object), out);
}

bool ptmi_lfs_read_pointer(git_repository *repo, const git_oid *blob, struct ptmi_lfs_pointer *out)
{
    PTM_AUTO(ptmi_git2_odb_freep) git_odb *odb = NULL;
    if (git_repository_odb(&odb, repo) < 0) return false;
    return read_pointer(odb, blob, out);
}

/* --- HEAD --- */

struct walk {
    git_odb *odb;
    struct ptmi_lfs_files *files;
    struct ptm_err *err;
    ptm_rc rc;
};

static int visit(const char *root, const git_tree_entry *entry, void *arg)
{
    struct walk *walk = arg;
    struct ptmi_lfs_file file = {.in_head = true};
    git_filemode_t mode = git_tree_entry_filemode(entry);
    if (mode != GIT_FILEMODE_BLOB && mode != GIT_FILEMODE_BLOB_EXECUTABLE) return 0;
    if (!read_pointer(walk->odb, git_tree_entry_id(entry), &file.pointer)) return 0;
    PTM_AUTO(ptmi_freep) char *path = ptmi_str_printf("%s%s", root, git_tree_entry_name(entry));
    file.path = path;
    file.executable = mode == GIT_FILEMODE_BLOB_EXECUTABLE;
    walk->rc = path ? add(walk->files, &file, walk->err)
                    : ptm_err_set(walk->err, PTM_ENOMEM, "%s: out of memory", root);
    return walk->rc < 0 ? -1 : 0;
}

ptm_rc ptmi_lfs_scan_head(const char *dir, struct ptmi_lfs_files *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    PTM_AUTO(ptmi_git2_odb_freep) git_odb *odb = NULL;
    PTM_AUTO(ptmi_git2_object_freep) git_object *tree = NULL;
    struct ptmi_git_state head = {0};
    PTM_TRY(ptmi_git_head(dir, &head, err));
    if (!head.sha[0]) return PTM_OK;
    PTM_TRY(ptmi_git2_open(dir, &repo, err));
    int code = git_repository_odb(&odb, repo);
    if (code == 0) code = git_revparse_single(&tree, repo, "HEAD^{tree}");
    if (code < 0) return ptmi_git2_err(code, err, dir);
    struct walk walk = {.odb = odb, .files = out, .err = err};
    code = git_tree_walk((git_tree *)tree, GIT_TREEWALK_PRE, visit, &walk);
    if (walk.rc < 0) return walk.rc;
    return code < 0 ? ptmi_git2_err(code, err, dir) : PTM_OK;
}

/* --- history --- */

struct history {
    git_odb *odb;
    struct ptmi_lfs_files *files;
    struct ptmi_buf line;
};

/* "<sha> <path>" of rev-list; commits have no path, trees are told by their type. */
static ptm_rc take_line(struct history *history, const char *line, struct ptm_err *err)
{
    struct ptmi_lfs_file file = {0};
    git_oid oid;
    char hex[41];
    if (strlen(line) < 42 || line[40] != ' ') return PTM_OK;
    memcpy(hex, line, 40);
    hex[40] = '\0';
    if (git_oid_fromstr(&oid, hex) < 0 || !read_pointer(history->odb, &oid, &file.pointer))
        return PTM_OK;
    file.path = line + 41;
    return add(history->files, &file, err);
}

static ptm_rc hear(void *arg, const char *data, size_t len, struct ptm_err *err)
{
    struct history *history = arg;
    for (size_t i = 0; i < len;) {
        const char *lf = memchr(data + i, '\n', len - i);
        size_t part = lf ? (size_t)(lf - (data + i)) : len - i;
        PTM_TRY(ptmi_buf_append(&history->line, data + i, part, err));
        i += part + (lf != NULL);
        if (!lf) break;
        PTM_TRY(take_line(history, history->line.data ? history->line.data : "", err));
        ptmi_buf_reset(&history->line);
    }
    return PTM_OK;
}

ptm_rc ptmi_lfs_scan_history(ptmi_git *git, const char *dir, struct ptmi_lfs_files *out,
                             struct ptm_err *err)
{
    /* git leaves out the large blobs, so that what is read here stays small. */
    static const char *const args[] = {"rev-list", "--objects", "--all", "--filter=blob:limit=1024",
                                       NULL};
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    PTM_AUTO(ptmi_git2_odb_freep) git_odb *odb = NULL;
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    PTM_TRY(ptmi_git2_open(dir, &repo, err));
    int code = git_repository_odb(&odb, repo);
    if (code < 0) return ptmi_git2_err(code, err, dir);
    struct history history = {
        .odb = odb, .files = out, .line = PTMI_BUF((size_t)PTM_LIMIT_PATH * 4)};
    struct ptmi_git_cmd cmd = {.args = args,
                               .dir = dir,
                               .what = "reading the history of",
                               .on_stdout = hear,
                               .arg = &history};
    ptm_rc rc = ptmi_git_run(git, &cmd, &result, err);
    ptmi_buf_clear(&history.line);
    return rc;
}
