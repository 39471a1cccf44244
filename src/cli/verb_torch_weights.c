/* SPDX-License-Identifier: MIT */
/* verb_torch_weights.c - `ptm torch weights URL`: weights into the hub folder. */
#include "../base/auto.h"
#include "../torchhub/weights_name.h"
#include "torchhub_cli.h"

ptm_rc ptmi_verb_torch_weights(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_clear) struct ptmi_torch torch = {0};
    PTM_AUTO(ptmi_freep) char *path = NULL;
    PTM_AUTO(ptmi_freep) char *name = NULL;
    bool checked = false;
    (void)status;
    if (cli->n_operands != 1)
        return ptm_err_set(err, PTM_EINVAL, "torch weights: wants one operand, URL");
    const char *url = cli->operands[0];
    struct ptm_torchhub_weights_opts opts = PTM_TORCHHUB_WEIGHTS_OPTS_INIT;
    opts.model_dir = ptmi_values_text(&cli->values, PTMI_OPT_MODEL_DIR, NULL);
    opts.file_name = ptmi_values_text(&cli->values, PTMI_OPT_FILE_NAME, NULL);
    opts.check_hash = ptmi_values_flag(&cli->values, PTMI_OPT_CHECK_HASH, NULL);
    opts.check_new = true;
    opts.replace = ptmi_values_flag(&cli->values, PTMI_OPT_FORCE, NULL);
    if (!opts.file_name) PTM_TRY(ptmi_weights_name(url, &name, err));
    PTM_TRY(ptmi_torch_open(cli, &torch, err));
    struct ptmi_torch_transfer transfer = {.ctx = cli->ctx, .name = name ? name : opts.file_name};
    opts.progress = ptmi_torch_transfer_progress;
    opts.progress_arg = &transfer;
    ptm_rc rc = ptm_torchhub_weights(torch.hub, url, &opts, &path, &checked, err);
    ptmi_torch_transfer_end(&transfer, rc);
    if (rc < 0) return rc;
    struct ptmi_torch_file file = {url, path, NULL, checked};
    return ptmi_torch_print_file(cli, &file, err);
}
