/* SPDX-License-Identifier: MIT */
/* verb_verify.c - `ptm verify`: is everything whole? What is not is a line of the result. */
#include <inttypes.h>
#include <string.h>

#include "../base/auto.h"
#include "harvest.h"
#include "look.h"

struct check {
    struct ptmi_cli *cli;
    const char *hub;
    bool failed; /* a line could not be made */
};

static void on_bad(void *arg, const char *what, const struct ptm_err *why)
{
    struct check *check = arg;
    struct ptmi_cli *cli = check->cli;
    ptmi_progress_pause(cli->progress);
    if (ptmi_cli_json(cli)) {
        struct ptmi_json_line line;
        ptmi_json_line_begin(&line);
        ptmi_json_line_str(&line, "hub", check->hub);
        ptmi_json_line_str(&line, "what", what);
        ptmi_json_line_str(&line, "reason", ptm_rc_name(why->rc));
        ptmi_json_line_str(&line, "message", why->msg);
        if (ptmi_json_line_print(&line, &cli->out, NULL) < 0) check->failed = true;
    } else {
        ptmi_out_printf(&cli->out, "%s %s: %s%s%s: %s\n", check->hub, what,
                        ptmi_out_code(cli->out.colors_out, PTMI_RED), ptm_rc_name(why->rc),
                        ptmi_out_code(cli->out.colors_out, PTMI_PLAIN), why->msg);
    }
    fflush(stdout);
    ptmi_progress_resume(cli->progress);
}

static ptm_rc print_sum(struct ptmi_cli *cli, const char *hub,
                        const struct ptmi_verify_report *report, struct ptm_err *err)
{
    int64_t bad = report->repos_bad + report->objects_bad + report->files_bad;
    ptm_rc rc = PTM_OK;
    ptmi_progress_pause(cli->progress);
    if (ptmi_cli_json(cli)) {
        struct ptmi_json_line line;
        ptmi_json_line_begin(&line);
        ptmi_json_line_str(&line, "hub", hub);
        ptmi_json_line_bool(&line, "ok", bad == 0);
        ptmi_json_line_int(&line, "repositories", report->repos);
        ptmi_json_line_int(&line, "repositories_bad", report->repos_bad);
        ptmi_json_line_int(&line, "large_files", report->objects);
        ptmi_json_line_int(&line, "large_files_bad", report->objects_bad);
        ptmi_json_line_int(&line, "exports", report->files);
        ptmi_json_line_int(&line, "exports_bad", report->files_bad);
        rc = ptmi_json_line_print(&line, &cli->out, err);
    } else if (bad == 0) {
        ptmi_out_printf(&cli->out,
                        "%s: whole (repositories: %" PRId64 ", large files: %" PRId64 ")\n", hub,
                        report->repos, report->objects);
    } else {
        ptmi_out_printf(&cli->out,
                        "%s: %" PRId64 " of %" PRId64 " repositories, %" PRId64 " of %" PRId64
                        " large files and %" PRId64 " exports are not whole; ptm retry %s mends\n",
                        hub, report->repos_bad, report->repos, report->objects_bad, report->objects,
                        report->files_bad, hub);
    }
    fflush(stdout);
    ptmi_progress_resume(cli->progress);
    return rc;
}

static ptm_rc verify_hub(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub, void *arg,
                         struct ptm_err *err)
{
    struct check check = {.cli = drive->cli, .hub = hub->name};
    struct ptmi_verify_report report = {0};
    (void)arg;
    PTM_TRY(ptmi_mirror_verify(drive->mirror, hub, on_bad, &check, &report, err));
    if (check.failed) return ptm_err_set(err, PTM_ENOMEM, "%s", hub->name);
    if (report.repos_bad + report.objects_bad + report.files_bad && drive->status == 0)
        drive->status = 2;
    return print_sum(drive->cli, hub->name, &report, err);
}

/* Hubs that were never listed have nothing that could be broken; asked for by name they are looked
 * at all the same. */
static ptm_rc keep_listed(struct ptmi_cli *cli, struct ptmi_targets *targets, struct ptm_err *err)
{
    PTM_AUTO(ptmi_catalog_closep) ptmi_catalog *catalog = NULL;
    size_t kept = 0;
    PTM_TRY(ptmi_look_open(cli, &catalog, err));
    for (size_t i = 0; i < targets->n_hubs; i++) {
        struct ptmi_hub_status status = {0};
        PTM_TRY(ptmi_catalog_status(catalog, targets->hubs[i]->name, &status, err));
        if (status.models || status.cloned || *status.listed_at)
            targets->hubs[kept++] = targets->hubs[i];
    }
    targets->n_hubs = kept;
    if (kept == 0 && !ptmi_cli_json(cli))
        ptmi_out_printf(&cli->out, "Nothing to verify: no hub was listed yet.\n");
    return PTM_OK;
}

ptm_rc ptmi_verb_verify(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_targets_clear) struct ptmi_targets targets = PTMI_TARGETS_INIT;
    PTM_TRY(ptmi_targets_read(cli, PTMI_TARGETS_ALL_IF_NONE, &targets, err));
    if (cli->n_operands == 0) PTM_TRY(keep_listed(cli, &targets, err));
    return ptmi_drive_each(cli, &targets, verify_hub, NULL, status, err);
}
