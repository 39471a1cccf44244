/* SPDX-License-Identifier: MIT */
/* verb_torch_download.c - `ptm torch download URL [DST]`: one file, whole and checked. */
#include <string.h>
#include <sys/stat.h>

#include "../base/auto.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../torchhub/weights_name.h"
#include "torchhub_cli.h"

/* Where it goes: DST, or the URL's own name in the folder DST or in the current one. */
static ptm_rc destination(const char *url, const char *dst, char **out, struct ptm_err *err)
{
    struct stat st;
    char shown[300];
    bool folder = dst && (ptmi_str_ends(dst, "/") || (stat(dst, &st) == 0 && S_ISDIR(st.st_mode)));
    PTM_AUTO(ptmi_freep) char *name = NULL;
    ptm_rc rc = !dst || folder ? ptmi_weights_name(url, &name, err) : PTM_OK;
    if (rc == PTM_EINVAL)
        return ptm_err_set(err, rc, "torch download: '%s' has no name for a file; give one as DST",
                           ptmi_str_printable(shown, sizeof shown, url));
    if (rc < 0) return rc;
    *out = folder ? ptmi_path_join(dst, name) : strdup(dst ? dst : name);
    return *out ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "%s", url);
}

ptm_rc ptmi_verb_torch_download(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_clear) struct ptmi_torch torch = {0};
    PTM_AUTO(ptmi_freep) char *path = NULL;
    char sha256[65] = "";
    (void)status;
    if (cli->n_operands != 1 && cli->n_operands != 2)
        return ptm_err_set(err, PTM_EINVAL, "torch download: wants URL, and perhaps DST");
    const char *url = cli->operands[0];
    PTM_TRY(destination(url, cli->n_operands == 2 ? cli->operands[1] : NULL, &path, err));
    PTM_TRY(ptmi_torch_open(cli, &torch, err));
    struct ptmi_torch_transfer transfer = {.ctx = cli->ctx, .name = ptmi_path_base(path)};
    struct ptm_torchhub_download_opts opts = PTM_TORCHHUB_DOWNLOAD_OPTS_INIT;
    opts.hash_prefix = ptmi_values_text(&cli->values, PTMI_OPT_HASH, NULL);
    opts.replace = ptmi_values_flag(&cli->values, PTMI_OPT_FORCE, NULL);
    opts.any_content = ptmi_values_flag(&cli->values, PTMI_OPT_ANY_CONTENT, NULL);
    opts.progress = ptmi_torch_transfer_progress;
    opts.progress_arg = &transfer;
    ptm_rc rc = ptm_torchhub_download_url_to_file(torch.hub, url, path, &opts, sha256, err);
    ptmi_torch_transfer_end(&transfer, rc);
    if (rc < 0) return rc;
    if (!*sha256) ptmi_torch_say(cli, "%s: is there already; --force fetches it anew", path);
    struct ptmi_torch_file file = {url, path, sha256, opts.hash_prefix != NULL};
    return ptmi_torch_print_file(cli, &file, err);
}
