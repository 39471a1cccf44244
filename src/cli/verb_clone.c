/* SPDX-License-Identifier: MIT */
/* verb_clone.c - `ptm clone`: hubs, lists of URLs or names, and single models HUB/ID@REV. */
#include "../base/auto.h"
#include "../base/clock.h"
#include "harvest.h"

static void add_up(struct ptmi_report *sum, const struct ptmi_report *one)
{
    sum->dry_run = one->dry_run;
    sum->models = one->models ? one->models : sum->models;
    sum->selected.models = one->selected.models;
    sum->selected.chosen_models += one->selected.chosen_models;
    sum->selected.repos += one->selected.repos;
    sum->selected.present += one->selected.present;
    sum->selected.bytes += one->selected.bytes;
    sum->selected.unknown_size += one->selected.unknown_size;
    sum->selected.not_clonable += one->selected.not_clonable;
    sum->cloned += one->cloned;
    sum->updated += one->updated;
    sum->unchanged += one->unchanged;
    sum->left_alone += one->left_alone;
    sum->failed += one->failed;
    sum->large_fetched += one->large_fetched;
    sum->large_present += one->large_present;
    sum->large_lost += one->large_lost;
    sum->large_failed += one->large_failed;
    sum->large_bytes_fetched += one->large_bytes_fetched;
    sum->records = one->records;
    sum->failures += one->failures;
}

/* What is wrong with one model, and not with the world, does not stop the others: exit status 2. */
static bool is_of_one_model(ptm_rc rc)
{
    switch (rc) {
    case PTM_EGATED:
    case PTM_EAUTH:
    case PTM_ENOTFOUND:
    case PTM_EDISABLED:
    case PTM_ENOTCLONABLE:
    case PTM_EUNSAFE:
    case PTM_EUNSUPPORTED:
    case PTM_EFORMAT:
    case PTM_EGIT:
    case PTM_EDIRTY:
    case PTM_EDIVERGED:
    case PTM_EHASH:
    case PTM_ESIZE:
    case PTM_EHTTP:
        return true;
    default:
        return false;
    }
}

static ptm_rc clone_models(struct ptmi_drive *drive, const struct ptmi_targets *targets,
                           const struct ptmi_hub_ops *hub, struct ptmi_report *sum,
                           struct ptm_err *err)
{
    for (size_t i = 0; i < targets->n_models; i++) {
        const struct ptmi_named_model *model = &targets->models[i];
        struct ptmi_report report = {.hub = hub->name};
        struct ptm_err why = {0};
        if (model->hub != hub) continue;
        ptm_rc rc = ptmi_mirror_clone_one(drive->mirror, hub, model->id, model->rev, &report, &why);
        add_up(sum, &report);
        if (rc == PTM_OK) continue;
        if (!is_of_one_model(rc)) {
            *err = why;
            return rc;
        }
        ptmi_cli_complain(drive->cli, &why);
        if (drive->status == 0) drive->status = 2;
    }
    return PTM_OK;
}

/* The models of a hub that were named, in the order given, and the account of them all. */
static ptm_rc clone_named(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub, void *arg,
                          struct ptm_err *err)
{
    const struct ptmi_targets *targets = arg;
    struct ptmi_report sum = {.hub = hub->name};
    struct ptm_err ignored = {0};
    char since[32];
    ptmi_clock_now(since);
    ptm_rc rc = clone_models(drive, targets, hub, &sum, err);
    struct ptmi_account account = {
        .report = &sum,
        .steps = PTMI_STEP_CLONE | PTMI_STEP_SCHEMA,
        .why = rc < 0 ? err : NULL,
        .since = since,
    };
    ptm_rc printed =
        ptmi_report_print(drive->cli, ptmi_mirror_catalog(drive->mirror), &account, &ignored);
    if (sum.failures && drive->status == 0) drive->status = 2;
    if (rc < 0) return rc;
    if (printed < 0) *err = ignored;
    return printed;
}

static int worse(int a, int b)
{
    return a > b ? a : b;
}

ptm_rc ptmi_verb_clone(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_targets_clear) struct ptmi_targets targets = PTMI_TARGETS_INIT;
    int of_hubs = 0, of_models = 0;
    PTM_TRY(ptmi_targets_read(cli, PTMI_TARGETS_MODELS, &targets, err));
    if (targets.n_hubs) PTM_TRY(ptmi_harvest(cli, &targets, PTMI_STEP_CLONE, &of_hubs, err));
    if (targets.n_models) {
        struct ptmi_targets hubs = PTMI_TARGETS_INIT;
        for (size_t i = 0; i < targets.n_models; i++) {
            size_t k = 0;
            while (k < hubs.n_hubs && hubs.hubs[k] != targets.models[i].hub) k++;
            if (k == hubs.n_hubs && k < PTMI_HUBS_MAX)
                hubs.hubs[hubs.n_hubs++] = targets.models[i].hub;
        }
        PTM_TRY(ptmi_drive_each(cli, &hubs, clone_named, &targets, &of_models, err));
    }
    *status = worse(of_hubs, of_models);
    return PTM_OK;
}
