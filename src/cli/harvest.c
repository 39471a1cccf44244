/* SPDX-License-Identifier: MIT */
/* harvest.c - options turned into the mirror's, and one hub after another driven with them. */
#include "harvest.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/clock.h"
#include "../base/str.h"
#include "netopts.h"

/* The command as it is recorded in the runs table: no passwords of URLs. */
static char *recorded_command(int argc, char **argv)
{
    struct ptmi_buf text = PTMI_BUF(64u << 10);
    ptm_rc rc = ptmi_buf_puts(&text, "ptm", NULL);
    for (int i = 1; i < argc && rc == PTM_OK; i++) {
        PTM_AUTO(ptmi_freep) char *shown = ptmi_values_redact(argv[i]);
        rc = ptmi_buf_printf(&text, NULL, " %s", shown ? shown : "?");
    }
    char *command = ptmi_buf_take(&text);
    ptmi_buf_clear(&text);
    return command;
}

static void forget_options(struct ptmi_drive *drive)
{
    free(drive->rewrites);
    free(drive->include);
    free(drive->exclude);
    free(drive->command);
    drive->rewrites = drive->include = drive->exclude = NULL;
    drive->command = NULL;
}

static ptm_rc read_large(struct ptmi_drive *drive, const char *hub, struct ptm_err *err)
{
    const struct ptmi_values *values = &drive->cli->values;
    struct ptmi_lfs_opts *lfs = &drive->opts.lfs;
    PTM_TRY(ptmi_values_list(values, PTMI_OPT_INCLUDE, hub, &drive->include, &lfs->n_include, err));
    PTM_TRY(ptmi_values_list(values, PTMI_OPT_EXCLUDE, hub, &drive->exclude, &lfs->n_exclude, err));
    lfs->include = drive->include;
    lfs->exclude = drive->exclude;
    lfs->large = (ptmi_large)ptmi_values_choice(values, PTMI_OPT_LARGE, hub);
    lfs->checkout = (ptmi_checkout)ptmi_values_choice(values, PTMI_OPT_CHECKOUT, hub);
    lfs->max_size = ptmi_values_size(values, PTMI_OPT_MAX_SIZE, hub);
    return PTM_OK;
}

/* The configuration file speaks as --top does and is weaker than the environment. */
static void read_top(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub)
{
    const struct ptmi_value *option = ptmi_values_get(&drive->cli->values, PTMI_OPT_TOP, hub->name);
    const char *environment = getenv("HF_TORRENT_SHRINKAGE");
    bool by_option = option && (option->source == PTMI_SOURCE_COMMAND || !environment);
    ptmi_top_resolve(by_option ? option->text : NULL, environment, &drive->top);
    drive->opts.top = drive->top.text;
}

/* Once, and only when a hub that is chosen from by popularity is at work. */
static void notice_top(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub)
{
    if (!(hub->caps & PTMI_HUB_SELECTABLE) || !*drive->top.notice || drive->noticed) return;
    char line[sizeof drive->top.notice + 8];
    snprintf(line, sizeof line, "ptm: %s", drive->top.notice);
    ptmi_progress_say(drive->cli->progress, line);
    drive->noticed = true;
}

static ptm_rc read_options(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub,
                           struct ptm_err *err)
{
    struct ptmi_cli *cli = drive->cli;
    const struct ptmi_values *values = &cli->values;
    const char *name = hub->name;
    forget_options(drive);
    drive->command = recorded_command(cli->argc, cli->argv);
    drive->opts = (struct ptmi_mirror_opts){
        .root = ptmi_values_text(values, PTMI_OPT_ROOT, NULL),
        .catalog_path = ptmi_values_text(values, PTMI_OPT_CATALOG, NULL),
        .command = drive->command,
        .jobs = (int)ptmi_values_int(values, PTMI_OPT_JOBS, name),
        .shallow = ptmi_values_choice(values, PTMI_OPT_HISTORY, name) == 1,
        .no_update = ptmi_values_flag(values, PTMI_OPT_NO_UPDATE, name),
        .dry_run = ptmi_values_flag(values, PTMI_OPT_DRY_RUN, name),
        .yes = ptmi_values_flag(values, PTMI_OPT_YES, name),
        .compat_v1 = ptmi_values_choice(values, PTMI_OPT_COMPAT, name) == 1,
        .scan = ptmi_values_flag(values, PTMI_OPT_SCAN, name),
        .no_siblings = ptmi_values_flag(values, PTMI_OPT_NO_SIBLINGS, name),
        .keep_free = ptmi_values_size(values, PTMI_OPT_KEEP_FREE, name),
        .sort = ptmi_values_text(values, PTMI_OPT_SORT, name),
        .filter = ptmi_values_text(values, PTMI_OPT_FILTER, name),
        .pages_dir = ptmi_values_text(values, PTMI_OPT_PAGES, name),
    };
    if (drive->targets) {
        drive->opts.names = drive->targets->ids.items;
        drive->opts.n_names = drive->targets->ids.n;
        drive->opts.urls = drive->targets->urls.items;
        drive->opts.n_urls = drive->targets->urls.n;
    }
    read_top(drive, hub);
    PTM_TRY(ptmi_net_options(values, name, &drive->opts.net, &drive->rewrites, err));
    return read_large(drive, name, err);
}

ptm_rc ptmi_drive_open(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub,
                       struct ptm_err *err)
{
    if (drive->mirror && !ptmi_values_per_hub(&drive->cli->values)) {
        notice_top(drive, hub);
        return PTM_OK;
    }
    ptmi_drive_close(drive, PTM_OK);
    PTM_TRY(read_options(drive, hub, err));
    notice_top(drive, hub);
    return ptmi_mirror_open(drive->cli->ctx, &drive->opts, &drive->mirror, err);
}

void ptmi_drive_close(struct ptmi_drive *drive, ptm_rc rc)
{
    ptmi_mirror_close(drive->mirror, rc < 0 ? ptmi_cli_status(rc) : drive->status);
    drive->mirror = NULL;
    forget_options(drive);
}

bool ptmi_drive_ends(ptm_rc rc)
{
    return rc == PTM_ENOSPC || rc == PTM_ECANCELED || rc == PTM_EINVAL || rc == PTM_ECONFIG ||
           rc == PTM_ENOMEM || rc == PTM_EBUG || rc == PTM_EDB;
}

static ptm_rc each_hub(struct ptmi_drive *drive, const struct ptmi_targets *targets,
                       ptmi_drive_fn fn, void *arg, struct ptm_err *err)
{
    for (size_t i = 0; i < targets->n_hubs; i++) {
        struct ptm_err why = {0};
        if (ptm_ctx_canceled(drive->cli->ctx))
            return ptm_err_set(err, PTM_ECANCELED,
                               "interrupted before %s; the same command goes on",
                               targets->hubs[i]->name);
        PTM_TRY(ptmi_drive_open(drive, targets->hubs[i], err));
        ptm_rc rc = fn(drive, targets->hubs[i], arg, &why);
        if (rc == PTM_OK) continue;
        if (ptmi_drive_ends(rc)) {
            *err = why;
            return rc;
        }
        ptmi_cli_complain(drive->cli, &why);
        drive->status = 3;
    }
    return PTM_OK;
}

ptm_rc ptmi_drive_each(struct ptmi_cli *cli, const struct ptmi_targets *targets, ptmi_drive_fn fn,
                       void *arg, int *status, struct ptm_err *err)
{
    struct ptmi_drive drive = {.cli = cli, .targets = targets};
    PTM_TRY(ptmi_cli_start(cli, err));
    signal(SIGPIPE, SIG_IGN); /* a server or a pager that hangs up must not end a harvest */
    ptm_rc rc = each_hub(&drive, targets, fn, arg, err);
    ptmi_drive_close(&drive, rc);
    *status = drive.status;
    return rc;
}

struct harvest {
    unsigned steps;
    char since[32];
};

static ptm_rc harvest_hub(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub, void *arg,
                          struct ptm_err *err)
{
    struct harvest *harvest = arg;
    struct ptmi_report report = {.hub = hub->name};
    struct ptm_err ignored = {0};
    ptm_rc rc = ptmi_mirror_run(drive->mirror, hub, harvest->steps, &report, err);
    if (ptmi_cli_status(rc) == 1) return rc; /* a wrong option: there is nothing to account for */
    struct ptmi_account account = {
        .report = &report,
        .steps = harvest->steps,
        .why = rc < 0 ? err : NULL,
        .since = harvest->since,
    };
    ptm_rc printed =
        ptmi_report_print(drive->cli, ptmi_mirror_catalog(drive->mirror), &account, &ignored);
    if (report.failures && drive->status == 0) drive->status = 2;
    if (rc < 0) return rc;
    if (printed < 0) *err = ignored;
    return printed;
}

ptm_rc ptmi_harvest(struct ptmi_cli *cli, const struct ptmi_targets *targets, unsigned steps,
                    int *status, struct ptm_err *err)
{
    struct harvest harvest = {.steps = steps};
    ptmi_clock_now(harvest.since);
    return ptmi_drive_each(cli, targets, harvest_hub, &harvest, status, err);
}
