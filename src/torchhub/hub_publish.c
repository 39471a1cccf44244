/* SPDX-License-Identifier: MIT */
/*
 * hub_publish.c - folders of the cache appear and vanish whole: made below HUB_DIR/.ptm/tmp, then
 * renamed. Names there tell the folder they are for; whoever holds that folder's lock knows that
 * all the others with its name are leavings of killed runs.
 */
#include "torchhub_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"

/* Hub folders are shared: others may read what is there, and nothing else. */
static PTM_MUST_USE ptm_rc tell_read_only(ptm_torchhub *hub, ptm_rc rc, struct ptm_err *err)
{
    if (rc != PTM_EPERM) return rc;
    return ptm_err_ctx(err, rc,
                       "the hub folder %s cannot be written here; another one: --hub-dir, or "
                       "TORCH_HOME",
                       ptm_torchhub_get_dir(hub));
}

ptm_rc ptmi_hub_lock(ptm_torchhub *hub, const char *folder, ptmi_lock **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    PTM_TRY(tell_read_only(hub, ptmi_torchhub_own_dir(hub, "locks", &dir, err), err));
    PTM_AUTO(ptmi_freep) char *path = ptmi_str_printf("%s/%s.lock", dir, folder);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", folder);
    return tell_read_only(hub, ptmi_lock_take(hub->ctx, path, out, err), err);
}

ptm_rc ptmi_hub_tmp_name(ptm_torchhub *hub, const char *folder, char **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    PTM_TRY(ptmi_torchhub_own_dir(hub, "tmp", &dir, err));
    PTM_AUTO(ptmi_freep) char *real = realpath(dir, NULL);
    if (!real) return ptm_err_sys(err, errno, "%s: cannot work in it", dir);
    char *name = ptmi_str_printf("%s/%s.%ld.%u", real, folder, (long)getpid(),
                                 (unsigned)ptmi_clock_random(UINT32_MAX));
    if (!name) return ptm_err_set(err, PTM_ENOMEM, "%s", folder);
    *out = name;
    return PTM_OK;
}

/* Takes ".digits" off the end of name[0..len). 0: there is no such end. */
static size_t cut_number(const char *name, size_t len)
{
    size_t at = len;
    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9') at--;
    return at < len && at > 1 && name[at - 1] == '.' ? at - 1 : 0;
}

size_t ptmi_hub_tmp_folder(const char *name, const char *folder)
{
    size_t len = cut_number(name, cut_number(name, strlen(name)));
    if (len == 0 || !folder) return len;
    return strlen(folder) == len && strncmp(folder, name, len) == 0 ? len : 0;
}

void ptmi_hub_sweep(ptm_torchhub *hub, const char *folder)
{
    struct ptm_err why = {0};
    PTM_AUTO(ptmi_freep) char *tmp = NULL;
    if (ptmi_torchhub_own_dir(hub, "tmp", &tmp, &why) < 0) return;
    PTM_AUTO(ptmi_closedirp) DIR *dir = opendir(tmp);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (!ptmi_hub_tmp_folder(entry->d_name, folder)) continue;
        PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(tmp, entry->d_name);
        if (path && ptmi_fs_remove_tree(path, &why) < 0)
            ptmi_log(hub->ctx, PTM_LOG_WARN, "torchhub", "%s: cannot remove: %s", path, why.msg);
    }
}

/* What was there before goes by itself later when it cannot go now. */
static void remove_old(ptm_torchhub *hub, const char *path)
{
    struct ptm_err why = {0};
    if (ptmi_fs_remove_tree(path, &why) < 0)
        ptmi_log(hub->ctx, PTM_LOG_WARN, "torchhub", "%s: cannot remove: %s", path, why.msg);
}

/* Without an exchange there is a moment without the folder, but never with half of it: a kill in
 * between costs a fetch. */
static ptm_rc replace_in_two(ptm_torchhub *hub, const char *dir, const char *target,
                             struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *old = NULL;
    PTM_TRY(ptmi_hub_tmp_name(hub, ptmi_path_base(target), &old, err));
    if (rename(target, old) != 0) return ptm_err_sys(err, errno, "%s: cannot move away", target);
    if (rename(dir, target) != 0) {
        int why = errno;
        if (rename(old, target) != 0)
            ptmi_log(hub->ctx, PTM_LOG_WARN, "torchhub", "%s: is now %s", target, old);
        return ptm_err_sys(err, why, "%s: cannot put the copy there", target);
    }
    remove_old(hub, old);
    return PTM_OK;
}

static ptm_rc put_in_place(ptm_torchhub *hub, const char *dir, const char *target,
                           struct ptm_err *err)
{
    if (!ptmi_fs_exists(target)) {
        if (rename(dir, target) == 0) return PTM_OK;
        return ptm_err_sys(err, errno, "%s: cannot put the copy there", target);
    }
    if (!ptmi_fs_exchange(dir, target)) return replace_in_two(hub, dir, target, err);
    remove_old(hub, dir);
    return PTM_OK;
}

ptm_rc ptmi_hub_publish(ptm_torchhub *hub, const char *dir, const char *folder, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *target = ptmi_cache_path(hub, folder);
    if (!target) return ptm_err_set(err, PTM_ENOMEM, "%s", folder);
    PTM_TRY(put_in_place(hub, dir, target, err));
    return ptmi_fs_fsync_dir(ptm_torchhub_get_dir(hub), err);
}

ptm_rc ptmi_hub_remove(ptm_torchhub *hub, const char *folder, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_cache_path(hub, folder);
    PTM_AUTO(ptmi_freep) char *old = NULL;
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", folder);
    PTM_TRY(ptmi_hub_tmp_name(hub, folder, &old, err));
    if (rename(path, old) != 0) {
        int why = errno;
        if (why == ENOENT && !ptmi_fs_exists(path)) return PTM_OK; /* another was faster */
        return ptm_err_sys(err, why, "%s: cannot remove", path);
    }
    return ptmi_fs_remove_tree(old, err);
}
