/* SPDX-License-Identifier: MIT */
/* verb_retry.c - `ptm retry`: what failed, once more. */
#include "../base/auto.h"
#include "../base/clock.h"
#include "harvest.h"

/* Nothing was listed, cloned or failed: the hub had no failures that can work now. */
static bool is_idle(const struct ptmi_report *r)
{
    return r->models + r->selected.repos + r->cloned + r->updated + r->unchanged + r->left_alone +
               r->failed + r->failures ==
           0;
}

static ptm_rc retry_hub(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub, void *arg,
                        struct ptm_err *err)
{
    const char *since = arg;
    struct ptmi_report report = {.hub = hub->name};
    struct ptm_err ignored = {0};
    bool force = ptmi_values_flag(&drive->cli->values, PTMI_OPT_FORCE, hub->name);
    ptm_rc rc = ptmi_mirror_retry(drive->mirror, hub, force, &report, err);
    if (rc == PTM_OK && is_idle(&report) && !ptmi_cli_json(drive->cli)) {
        ptmi_out_printf(&drive->cli->out, "%s: nothing to try again\n", hub->name);
        return PTM_OK;
    }
    struct ptmi_account account = {
        .report = &report,
        .steps = PTMI_STEP_CLONE | PTMI_STEP_SCHEMA,
        .why = rc < 0 ? err : NULL,
        .since = since,
    };
    ptm_rc printed =
        ptmi_report_print(drive->cli, ptmi_mirror_catalog(drive->mirror), &account, &ignored);
    if (report.failures && drive->status == 0) drive->status = 2;
    if (rc < 0) return rc;
    if (printed < 0) *err = ignored;
    return printed;
}

ptm_rc ptmi_verb_retry(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_targets_clear) struct ptmi_targets targets = PTMI_TARGETS_INIT;
    char since[32];
    ptmi_clock_now(since);
    PTM_TRY(ptmi_targets_read(cli, PTMI_TARGETS_ALL_IF_NONE, &targets, err));
    return ptmi_drive_each(cli, &targets, retry_hub, since, status, err);
}
