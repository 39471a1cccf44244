/* SPDX-License-Identifier: MIT */
/* verb_torch_init.c - `ptm torch init [DIR]`: a starter hubconf.py. */
#include "../base/auto.h"
#include "../base/path.h"
#include "torchhub_cli.h"

ptm_rc ptmi_verb_torch_init(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    const char *dir = cli->n_operands ? cli->operands[0] : ".";
    (void)status;
    if (cli->n_operands > 1)
        return ptm_err_set(err, PTM_EINVAL, "torch init: one folder at a time");
    PTM_TRY(ptmi_cli_start(cli, err));
    PTM_TRY(ptm_torchhub_init(dir, err));
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dir, "hubconf.py");
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    if (ptmi_cli_json(cli)) {
        struct ptmi_json_line line;
        ptmi_json_line_begin(&line);
        ptmi_json_line_str(&line, "path", path);
        return ptmi_json_line_print(&line, &cli->out, err);
    }
    ptmi_out_printf(&cli->out, "%s\n", path);
    ptmi_torch_say(cli, "Fill it in; `ptm torch check %s` tells what users will meet.", dir);
    return PTM_OK;
}
