/* SPDX-License-Identifier: MIT */
/* verb_failures.c - `ptm failures`: each thing that failed: hub, id, stage, reason, HTTP status,
 * time, retryable, message. */
#include <inttypes.h>
#include <stdio.h>

#include "../base/auto.h"
#include "harvest.h"
#include "look.h"

struct listing {
    struct ptmi_cli *cli;
    int64_t n;
};

static ptm_rc print_json(struct ptmi_cli *cli, const struct ptmi_failure *failure,
                         struct ptm_err *err)
{
    struct ptmi_json_line line;
    ptmi_json_line_begin(&line);
    ptmi_json_line_str(&line, "hub", failure->hub);
    ptmi_json_line_str(&line, "id", failure->id);
    ptmi_json_line_str(&line, "stage", failure->stage);
    ptmi_json_line_str(&line, "reason", failure->reason);
    if (failure->http_status)
        ptmi_json_line_int(&line, "http_status", failure->http_status);
    else
        ptmi_json_line_null(&line, "http_status");
    ptmi_json_line_str(&line, "time", failure->time);
    ptmi_json_line_bool(&line, "retryable", failure->retryable);
    ptmi_json_line_int(&line, "tries", failure->tries);
    ptmi_json_line_str(&line, "url", failure->url);
    ptmi_json_line_str(&line, "message", failure->message);
    return ptmi_json_line_print(&line, &cli->out, err);
}

/* Two lines each: there may be hundreds of thousands, so nothing is collected into columns. */
static ptm_rc print_failure(void *arg, const struct ptmi_failure *failure, struct ptm_err *err)
{
    struct listing *listing = arg;
    struct ptmi_cli *cli = listing->cli;
    bool colors = cli->out.colors_out;
    char http[24] = "";
    listing->n++;
    if (ptmi_cli_json(cli)) return print_json(cli, failure, err);
    if (failure->http_status) snprintf(http, sizeof http, " HTTP %d", failure->http_status);
    ptmi_out_printf(&cli->out, "%s%s/%s%s  %s: %s%s%s%s  %s  %s", ptmi_out_code(colors, PTMI_BOLD),
                    failure->hub, failure->id, ptmi_out_code(colors, PTMI_PLAIN), failure->stage,
                    ptmi_out_code(colors, PTMI_RED), failure->reason,
                    ptmi_out_code(colors, PTMI_PLAIN), http, failure->time,
                    failure->retryable ? "retryable" : "not retryable");
    if (failure->tries > 1) ptmi_out_printf(&cli->out, ", %" PRId64 " tries", failure->tries);
    ptmi_out_printf(&cli->out, "\n    %s\n", failure->message ? failure->message : "");
    return PTM_OK;
}

ptm_rc ptmi_verb_failures(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_targets_clear) struct ptmi_targets targets = PTMI_TARGETS_INIT;
    PTM_AUTO(ptmi_catalog_closep) ptmi_catalog *catalog = NULL;
    struct listing listing = {.cli = cli};
    const char *stage = ptmi_values_text(&cli->values, PTMI_OPT_STAGE, NULL);
    (void)status;
    PTM_TRY(ptmi_targets_read(cli, PTMI_TARGETS_ALL_IF_NONE, &targets, err));
    PTM_TRY(ptmi_look_open(cli, &catalog, err));
    for (size_t i = 0; i < targets.n_hubs; i++)
        PTM_TRY(ptmi_catalog_each_failure(catalog, targets.hubs[i]->name, stage, print_failure,
                                          &listing, err));
    if (listing.n == 0 && !ptmi_cli_json(cli)) ptmi_out_printf(&cli->out, "No failures.\n");
    return PTM_OK;
}
