/* SPDX-License-Identifier: MIT */
/* verb_torch_dir.c - `ptm torch dir`: where the hub folder is. */
#include "../base/auto.h"
#include "torchhub_cli.h"

ptm_rc ptmi_verb_torch_dir(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_clear) struct ptmi_torch torch = {0};
    (void)status;
    PTM_TRY(ptmi_cli_no_operands(cli, err));
    PTM_TRY(ptmi_torch_open(cli, &torch, err));
    const char *dir = ptm_torchhub_get_dir(torch.hub);
    if (!ptmi_cli_json(cli)) {
        ptmi_out_printf(&cli->out, "%s\n", dir);
        return PTM_OK;
    }
    struct ptmi_json_line line;
    ptmi_json_line_begin(&line);
    ptmi_json_line_str(&line, "dir", dir);
    return ptmi_json_line_print(&line, &cli->out, err);
}
