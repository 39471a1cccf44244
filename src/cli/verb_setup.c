/* SPDX-License-Identifier: MIT */
/* verb_setup.c - `ptm setup`: the folders, and where they are. */
#include <stdio.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "harvest.h"

static ptm_rc setup_hub(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub, void *arg,
                        struct ptm_err *err)
{
    struct ptmi_cli *cli = drive->cli;
    struct ptmi_report report = {0};
    (void)arg;
    PTM_TRY(ptmi_mirror_run(drive->mirror, hub, PTMI_STEP_SETUP, &report, err));
    PTM_AUTO(ptmi_freep) char *path = ptmi_str_printf("%s/%s", drive->opts.root, hub->name);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", hub->name);
    if (!ptmi_cli_json(cli)) {
        ptmi_out_printf(&cli->out, "%s\n", path);
        return PTM_OK;
    }
    struct ptmi_json_line line;
    ptmi_json_line_begin(&line);
    ptmi_json_line_str(&line, "hub", hub->name);
    ptmi_json_line_str(&line, "path", path);
    return ptmi_json_line_print(&line, &cli->out, err);
}

ptm_rc ptmi_verb_setup(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_targets_clear) struct ptmi_targets targets = PTMI_TARGETS_INIT;
    PTM_TRY(ptmi_targets_read(cli, 0, &targets, err));
    return ptmi_drive_each(cli, &targets, setup_hub, NULL, status, err);
}
