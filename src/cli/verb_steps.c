/* SPDX-License-Identifier: MIT */
/* verb_steps.c - `ptm list`, `parse`, `schema`: one step of `ptm run` each, alike but for its bit.
 */
#include "../base/auto.h"
#include "harvest.h"

static ptm_rc one_step(struct ptmi_cli *cli, unsigned step, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_targets_clear) struct ptmi_targets targets = PTMI_TARGETS_INIT;
    PTM_TRY(ptmi_targets_read(cli, 0, &targets, err));
    return ptmi_harvest(cli, &targets, step, status, err);
}

ptm_rc ptmi_verb_list(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    return one_step(cli, PTMI_STEP_LIST, status, err);
}

ptm_rc ptmi_verb_parse(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    return one_step(cli, PTMI_STEP_PARSE, status, err);
}

ptm_rc ptmi_verb_schema(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    return one_step(cli, PTMI_STEP_SCHEMA, status, err);
}
