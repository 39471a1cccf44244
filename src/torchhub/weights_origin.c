/* SPDX-License-Identifier: MIT */
/*
 * weights_origin.c - which URL a checkpoint in the cache came from, where its name carries no hash
 * that would tell: HUB_DIR/.ptm/from/NAME holds the SHA-256 of the URL (URLs may hold signatures).
 *
 * All repositories share one folder of checkpoints, by the last part of their URLs. --force-reload
 * replaces what a repository reaches, and nobody is asked about that repository: without this, one
 * could put its own file in the place of another's.
 */
#include <string.h>

#include "../base/hash.h"
#include "../base/path.h"
#include "torchhub_priv.h"

static ptm_rc origin_path(ptm_torchhub *hub, const char *name, char **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    PTM_TRY(ptmi_torchhub_own_dir(hub, "from", &dir, err));
    return ptmi_path_under(dir, name, out, err);
}

ptm_rc ptmi_weights_origin_note(ptm_torchhub *hub, const char *name, const char *url,
                                struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = NULL;
    char sha256[65];
    PTM_TRY(origin_path(hub, name, &path, err));
    PTM_TRY(ptmi_hash_bytes(PTMI_SHA256, url, strlen(url), sha256, err));
    return ptmi_fs_write_whole(path, sha256, strlen(sha256), NULL, err);
}

bool ptmi_weights_origin_is(ptm_torchhub *hub, const char *name, const char *url)
{
    PTM_AUTO(ptmi_freep) char *path = NULL;
    PTM_AUTO(ptmi_freep) char *noted = NULL;
    char sha256[65];
    size_t len;
    return origin_path(hub, name, &path, NULL) == PTM_OK &&
           ptmi_hash_bytes(PTMI_SHA256, url, strlen(url), sha256, NULL) == PTM_OK &&
           ptmi_fs_read(path, sizeof sha256, &noted, &len, NULL) == PTM_OK &&
           strcmp(noted, sha256) == 0;
}
