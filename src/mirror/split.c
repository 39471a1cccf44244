/* SPDX-License-Identifier: MIT */
/*
 * split.c - `ptm split`: the chosen repositories' URLs in text files beside the root, for those who
 * drive a cluster of their own. Names and place are the reference program's.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/path.h"
#include "../base/str.h"
#include "mirror_priv.h"

struct split {
    const char *dir;
    int64_t left; /* URLs not written yet */
    int files_left;
    int file;        /* number of the open file */
    int64_t in_file; /* lines that still go into it */
    ptmi_whole *whole;
};

static ptm_rc next_file(struct split *split, struct ptm_err *err)
{
    /* Sizes differ by one at most, the longer ones first. */
    split->in_file = (split->left + split->files_left - 1) / split->files_left;
    split->files_left--;
    PTM_AUTO(ptmi_freep)
    char *path = ptmi_str_printf("%s/split_url_%d.txt", split->dir, split->file++);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", split->dir);
    return ptmi_whole_open(path, 0666, &split->whole, err);
}

static ptm_rc write_url(void *arg, const struct ptmi_repo *repo, struct ptm_err *err)
{
    struct split *split = arg;
    if (split->left == 0) return PTM_OK;
    if (split->in_file == 0) PTM_TRY(next_file(split, err));
    ptmi_whole_puts(split->whole, repo->clone_url);
    ptmi_whole_puts(split->whole, "\n");
    split->left--;
    if (--split->in_file > 0) return PTM_OK;
    ptm_rc rc = ptmi_whole_commit(split->whole, NULL, err);
    ptmi_whole_abort(split->whole);
    split->whole = NULL;
    return rc;
}

/* Files of an earlier, longer split would be cloned too by whoever loops over the folder. */
static ptm_rc remove_stale(const char *dir, int files, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closedirp) DIR *stream = opendir(dir);
    if (!stream) return ptm_err_sys(err, errno, "%s", dir);
    for (struct dirent *entry; (entry = readdir(stream));) {
        int64_t number = 0;
        char digits[16];
        int end = 0; /* set only when the whole pattern fits: a split_url_7.txt.bak is not ours */
        if (sscanf(entry->d_name, "split_url_%15[0-9].txt%n", digits, &end) != 1) continue;
        if (end == 0 || entry->d_name[end]) continue;
        if (!ptmi_str_int(digits, files, INT32_MAX, &number)) continue;
        PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dir, entry->d_name);
        if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
        if (unlink(path) < 0) return ptm_err_sys(err, errno, "%s", path);
    }
    return PTM_OK;
}

ptm_rc ptmi_mirror_split(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, int files,
                         int *out_files, int64_t *out_urls, struct ptm_err *err)
{
    if (files < 1) return ptm_err_set(err, PTM_EINVAL, "-n %d: at least one file", files);
    bool listed = false;
    PTM_TRY(ptmi_catalog_listed(mirror->catalog, hub->name, &listed, NULL, err));
    if (!listed) {
        struct ptmi_report ignored = {0};
        unsigned steps = PTMI_STEP_SETUP | PTMI_STEP_LIST | PTMI_STEP_PARSE;
        PTM_TRY(ptmi_mirror_run(mirror, hub, steps, &ignored, err));
    }
    struct ptmi_select what;
    struct ptmi_selected chosen = {0};
    PTM_TRY(ptmi_mirror_selection(mirror, hub, &what, err));
    PTM_TRY(ptmi_catalog_select(mirror->catalog, &what, &chosen, err));
    PTM_AUTO(ptmi_freep) char *parent = ptmi_path_dir(mirror->root);
    PTM_AUTO(ptmi_freep) char *dir = parent ? ptmi_path_join(parent, "split_urls") : NULL;
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "%s", mirror->root);
    PTM_TRY(ptmi_fs_mkdirs(dir, err));
    struct split split = {
        .dir = dir,
        .left = chosen.repos,
        .files_left = chosen.repos < files ? (int)chosen.repos : files,
    };
    ptm_rc rc =
        ptmi_catalog_each_chosen(mirror->catalog, hub->name, mirror->run, write_url, &split, err);
    ptmi_whole_abort(split.whole);
    if (rc < 0) return rc;
    PTM_TRY(remove_stale(dir, split.file, err));
    *out_files = split.file;
    *out_urls = chosen.repos;
    return PTM_OK;
}
