/* SPDX-License-Identifier: MIT */
/*
 * run_entry.c - load: what an entry point returned becomes a folder of safetensors files and a
 * description. The tensors come as zips of torch.save that the repository's code could have made
 * itself: our readers look at them as at any file from outside, and nothing in them is run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "run_job.h"

#define NAME_TRIES 100

PTM_DEFINE_CLEANUP(weights_closep, ptm_weights *, ptm_weights_close)
PTM_DEFINE_CLEANUP(whole_abortp, ptmi_whole *, ptmi_whole_abort)

/* Removes a folder and frees its name: for what was not finished. What stays is told by its name.
 */
static void drop_tree(char **path)
{
    if (*path) (void)!ptmi_fs_remove_tree(*path, NULL);
    free(*path);
    *path = NULL;
}

/* --- the folder that appears --- */

static bool is_empty_dir(const char *path)
{
    PTM_AUTO(ptmi_closedirp) DIR *dir = opendir(path);
    if (!dir) return false;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) return false;
    return true;
}

/* Before anything is run: an hour later is late. */
static ptm_rc check_out(const char *out_dir, struct ptm_err *err)
{
    if (!*out_dir) return ptm_err_set(err, PTM_EINVAL, "no folder is named for the result");
    if (!ptmi_fs_exists(out_dir) || is_empty_dir(out_dir)) return PTM_OK;
    return ptm_err_set(err, PTM_EEXIST, "%s: is there and not empty; name another folder (--out)",
                       out_dir);
}

/* A new folder beside the target, so that one rename makes it appear. */
static ptm_rc make_beside(const char *target, char **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(target);
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "%s", target);
    PTM_TRY(ptmi_fs_mkdirs(dir, err));
    for (int i = 0; i < NAME_TRIES; i++) {
        PTM_AUTO(ptmi_freep)
        char *path = ptmi_str_printf("%s/.%.150s.ptm-%u.tmp", dir, ptmi_path_base(target),
                                     (unsigned)ptmi_clock_random(UINT32_MAX));
        if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", target);
        if (mkdir(path, 0777) == 0) {
            *out = ptm_steal(&path);
            return PTM_OK;
        }
        if (errno != EEXIST) return ptm_err_sys(err, errno, "%s: cannot make it", path);
    }
    return ptm_err_set(err, PTM_EEXIST, "%s: no free name beside it", target);
}

/* Renaming onto an empty folder replaces it; onto anything else fails. */
static ptm_rc appear(const char *from, const char *target, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(target);
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "%s", target);
    PTM_TRY(ptmi_fs_fsync_dir(from, err));
    if (rename(from, target) != 0)
        return ptm_err_sys(err, errno, "%s: cannot put the result there", target);
    return ptmi_fs_fsync_dir(dir, err);
}

/* --- tensors --- */

/* Part of the run's file as a file of its own. The only one is that file. */
static ptm_rc cut_out(const char *state, const struct ptmi_part *part, int64_t state_bytes,
                      const char *to, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int fd = open(state, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    PTM_AUTO(whole_abortp) ptmi_whole *whole = NULL;
    if (fd < 0) return ptm_err_sys(err, errno, "%s", state);
    if (part->offset == 0 && part->bytes == state_bytes)
        return rename(state, to) == 0 ? PTM_OK : ptm_err_sys(err, errno, "%s", to);
    PTM_TRY(ptmi_whole_open(to, 0600, &whole, err));
    ptmi_whole_copy(whole, fd, part->offset, part->bytes);
    return ptmi_whole_publish(whole, true, err);
}

static void on_skipped(void *arg, const char *tensor, const char *why)
{
    const struct ptmi_run *run = arg;
    ptmi_log(run->hub->ctx, PTM_LOG_WARN, "torchhub", "%s: left out: %s", tensor, why);
}

/* The driver writes nothing else: what is there otherwise was put there by the repository's code.
 */
static ptm_rc check_format(const ptm_weights *weights, struct ptm_err *err)
{
    if (strcmp(ptm_weights_format(weights), "pytorch-zip") == 0 && ptm_weights_count(weights) > 0)
        return PTM_OK;
    return ptm_err_set(err, PTM_EFORMAT, "they are not as torch.save writes state dicts");
}

static ptm_rc convert(struct ptmi_run *run, const char *from, const char *to,
                      struct ptmi_part *part, struct ptm_err *err)
{
    PTM_AUTO(weights_closep) ptm_weights *weights = NULL;
    struct ptm_convert_report report = {0};
    struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
    opts.skip = true;
    opts.skipped = on_skipped;
    opts.skipped_arg = run;
    ptm_rc rc = ptm_weights_open(from, NULL, &weights, err);
    if (rc == PTM_OK) rc = check_format(weights, err);
    if (rc == PTM_OK) rc = ptm_weights_convert(run->hub->ctx, weights, to, &opts, &report, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "tensors that %s returned", run->entry);
    part->tensors = report.tensors + report.aliases;
    return PTM_OK;
}

static ptm_rc convert_part(struct ptmi_run *run, struct ptmi_part *part, int64_t state_bytes,
                           const char *dir, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *state = ptmi_run_state(run);
    PTM_AUTO(ptmi_freep) char *cut = ptmi_path_join(run->dir, "part");
    PTM_AUTO(ptmi_freep) char *to = ptmi_str_printf("%s/%s.safetensors", dir, part->name);
    if (!state || !cut || !to) return ptm_err_set(err, PTM_ENOMEM, "%s", part->name);
    PTM_TRY(cut_out(state, part, state_bytes, cut, err));
    PTM_TRY(convert(run, cut, to, part, err));
    (void)unlink(cut); /* the disk need not hold all of them twice */
    return PTM_OK;
}

static ptm_rc state_size(const struct ptmi_run *run, int64_t *out, struct ptm_err *err)
{
    struct stat st;
    PTM_AUTO(ptmi_freep) char *state = ptmi_run_state(run);
    if (!state) return ptm_err_set(err, PTM_ENOMEM, "%s", run->dir);
    if (lstat(state, &st) != 0) return ptm_err_sys(err, errno, "%s", state);
    if (!S_ISREG(st.st_mode)) return ptm_err_set(err, PTM_EUNSAFE, "%s: is no file", state);
    *out = st.st_size;
    return PTM_OK;
}

/* --- load --- */

static ptm_rc fill(struct ptmi_run *run, const char *dir, struct ptm_err *err)
{
    PTM_AUTO(ptmi_parts_clear) struct ptmi_parts parts = {0};
    PTM_AUTO(ptmi_freep) char *text = NULL;
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dir, "description.json");
    yyjson_val *answer = yyjson_doc_get_root(run->answer);
    int64_t state_bytes = 0;
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    PTM_TRY(state_size(run, &state_bytes, err));
    PTM_TRY(ptmi_parts_find(ptmi_json_get(answer, "result"), state_bytes, &parts, err));
    for (size_t i = 0; i < parts.n; i++)
        PTM_TRY(convert_part(run, &parts.items[i], state_bytes, dir, err));
    PTM_TRY(ptmi_describe(run, &parts, &text, err));
    return ptmi_fs_write_whole(path, text, strlen(text), NULL, err);
}

/* "out/" and "out" are one folder; a name beside it needs the second. */
static char *without_slashes(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') len--;
    return strndup(path, len);
}

ptm_rc ptm_torchhub_load(ptm_torchhub *hub, const char *repo, const char *entry,
                         const struct ptm_torchhub_load_opts *opts, const char *out_dir,
                         struct ptm_err *err)
{
    struct ptm_torchhub_load_opts own = ptmi_run_adopt(opts);
    PTM_AUTO(ptmi_run_clear)
    struct ptmi_run run = {.hub = hub, .opts = &own, .entry = entry, .label = repo};
    PTM_AUTO(ptmi_freep) char *target = without_slashes(out_dir);
    PTM_AUTO(drop_tree) char *beside = NULL;
    if (!target) return ptm_err_set(err, PTM_ENOMEM, "%s", out_dir);
    PTM_TRY(check_out(target, err));
    PTM_TRY(ptmi_run(&run, err));
    PTM_TRY(make_beside(target, &beside, err));
    PTM_TRY(fill(&run, beside, err));
    PTM_TRY(appear(beside, target, err));
    free(ptm_steal(&beside));
    return PTM_OK;
}
