/* SPDX-License-Identifier: MIT */
/* verb_run.c - `ptm run`: every step of the hubs, in order. */
#include "../base/auto.h"
#include "harvest.h"

ptm_rc ptmi_verb_run(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_targets_clear) struct ptmi_targets targets = PTMI_TARGETS_INIT;
    PTM_TRY(ptmi_targets_read(cli, 0, &targets, err));
    return ptmi_harvest(cli, &targets, PTMI_STEP_ALL, status, err);
}
