/* SPDX-License-Identifier: MIT */
/* verb_retry.c - `ptm retry`: what failed, once more. */
#include <inttypes.h>

#include "../base/auto.h"
#include "../base/clock.h"
#include "harvest.h"
#include "look.h"

/* Nothing was listed, cloned or failed: the hub had no failures that can work now. */
static bool is_idle(const struct ptmi_report *r)
{
    return r->models + r->selected.repos + r->cloned + r->updated + r->unchanged + r->left_alone +
               r->failed + r->failures ==
           0;
}

/* Failures there may be all the same: those that only a person can mend. */
static ptm_rc say_idle(struct ptmi_drive *drive, const char *hub, struct ptm_err *err)
{
    struct ptmi_hub_status known = {0};
    PTM_TRY(ptmi_catalog_status(ptmi_mirror_catalog(drive->mirror), hub, &known, err));
    ptmi_out_printf(&drive->cli->out, "%s: nothing to try again", hub);
    if (known.failures)
        ptmi_out_printf(&drive->cli->out,
                        "; %" PRId64 " of its failures must be mended first (ptm failures %s), "
                        "then: ptm retry %s --force",
                        known.failures, hub, hub);
    ptmi_out_printf(&drive->cli->out, "\n");
    return PTM_OK;
}

static ptm_rc retry_hub(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub, void *arg,
                        struct ptm_err *err)
{
    const char *since = arg;
    struct ptmi_report report = {.hub = hub->name};
    struct ptm_err ignored = {0};
    bool force = ptmi_values_flag(&drive->cli->values, PTMI_OPT_FORCE, hub->name);
    ptm_rc rc = ptmi_mirror_retry(drive->mirror, hub, force, &report, err);
    if (rc == PTM_OK && is_idle(&report) && !ptmi_cli_json(drive->cli))
        return say_idle(drive, hub->name, err);
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

/* Hubs without failures are passed over, unless they were asked for by name. */
static ptm_rc keep_failed(struct ptmi_cli *cli, struct ptmi_targets *targets, struct ptm_err *err)
{
    PTM_AUTO(ptmi_catalog_closep) ptmi_catalog *catalog = NULL;
    size_t kept = 0;
    PTM_TRY(ptmi_look_open(cli, &catalog, err));
    for (size_t i = 0; i < targets->n_hubs; i++) {
        struct ptmi_hub_status known = {0};
        PTM_TRY(ptmi_catalog_status(catalog, targets->hubs[i]->name, &known, err));
        if (known.failures) targets->hubs[kept++] = targets->hubs[i];
    }
    targets->n_hubs = kept;
    if (kept == 0 && !ptmi_cli_json(cli)) ptmi_out_printf(&cli->out, "No failures.\n");
    return PTM_OK;
}

ptm_rc ptmi_verb_retry(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_targets_clear) struct ptmi_targets targets = PTMI_TARGETS_INIT;
    char since[32];
    ptmi_clock_now(since);
    PTM_TRY(ptmi_targets_read(cli, PTMI_TARGETS_ALL_IF_NONE, &targets, err));
    if (cli->n_operands == 0) PTM_TRY(keep_failed(cli, &targets, err));
    return ptmi_drive_each(cli, &targets, retry_hub, since, status, err);
}
