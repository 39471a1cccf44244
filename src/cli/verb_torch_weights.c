/* SPDX-License-Identifier: MIT */
/* verb_torch_weights.c - `ptm torch weights URL`: weights into the hub folder. */
#include <string.h>
#include <sys/stat.h>

#include "../base/auto.h"
#include "../torchhub/weights_name.h"
#include "torchhub_cli.h"

static ptm_rc print(struct ptmi_cli *cli, const char *path, bool checked, struct ptm_err *err)
{
    struct stat st;
    if (!ptmi_cli_json(cli)) {
        ptmi_out_printf(&cli->out, "%s\n", path);
        return PTM_OK;
    }
    struct ptmi_json_line line;
    ptmi_json_line_begin(&line);
    ptmi_json_line_str(&line, "url", cli->operands[0]);
    ptmi_json_line_str(&line, "path", path);
    ptmi_json_line_int(&line, "bytes", stat(path, &st) == 0 ? (int64_t)st.st_size : -1);
    ptmi_json_line_bool(&line, "checked", checked);
    return ptmi_json_line_print(&line, &cli->out, err);
}

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
    return print(cli, path, checked, err);
}
