/* SPDX-License-Identifier: MIT */
/* verb_status.c - `ptm status`: what is there, a hub a row. Reads the catalogue; never waits for a
 * writer. */
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "harvest.h"
#include "look.h"

static ptm_rc print_json(struct ptmi_cli *cli, const char *hub, const struct ptmi_hub_status *s,
                         struct ptm_err *err)
{
    struct ptmi_json_line line;
    ptmi_json_line_begin(&line);
    ptmi_json_line_str(&line, "hub", hub);
    ptmi_json_line_str(&line, "listed_at", *s->listed_at ? s->listed_at : NULL);
    ptmi_json_line_bool(&line, "listing_unfinished", s->listing_unfinished);
    ptmi_json_line_int(&line, "models", s->models);
    ptmi_json_line_int(&line, "removed", s->removed);
    ptmi_json_line_int(&line, "gated", s->gated);
    ptmi_json_line_int(&line, "private", s->private_);
    ptmi_json_line_int(&line, "disabled", s->disabled);
    ptmi_json_line_int(&line, "repositories", s->repos);
    ptmi_json_line_int(&line, "selected", s->selected);
    ptmi_json_line_int(&line, "cloned", s->cloned);
    ptmi_json_line_int(&line, "not_clonable", s->not_clonable);
    ptmi_json_line_int(&line, "large_objects", s->large_objects);
    ptmi_json_line_int(&line, "large_bytes", s->large_bytes);
    ptmi_json_line_int(&line, "large_lost", s->large_lost);
    ptmi_json_line_int(&line, "large_failed", s->large_failed);
    ptmi_json_line_int(&line, "failures", s->failures);
    ptmi_json_line_int(&line, "failures_retryable", s->failures_retryable);
    return ptmi_json_line_print(&line, &cli->out, err);
}

static void add_header(struct ptmi_table *table)
{
    static const char *const names[] = {"HUB",    "LISTED", "MODELS",      "SELECTED",
                                        "CLONED", "LARGE",  "LARGE BYTES", "FAILURES"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ptmi_table_cell(table, PTMI_BOLD, names[i]);
}

/* "2026-11-21 22:15": seconds and zone say nothing here. */
static void add_time(struct ptmi_table *table, const struct ptmi_hub_status *s)
{
    char text[48] = "";
    snprintf(text, sizeof text, "%.16s", s->listed_at);
    char *t = strchr(text, 'T');
    if (t) *t = ' ';
    if (!*text) snprintf(text, sizeof text, "%s", s->listing_unfinished ? "unfinished" : "never");
    if (*s->listed_at && s->listing_unfinished) strcat(text, "+");
    ptmi_table_cell(table, *s->listed_at ? PTMI_PLAIN : PTMI_DIM, text);
}

static void add_row(struct ptmi_table *table, const char *hub, const struct ptmi_hub_status *s)
{
    char bytes[32];
    ptmi_table_cell(table, PTMI_PLAIN, hub);
    add_time(table, s);
    ptmi_table_count(table, PTMI_PLAIN, s->models);
    ptmi_table_count(table, PTMI_PLAIN, s->selected);
    ptmi_table_count(table, s->cloned < s->selected ? PTMI_YELLOW : PTMI_GREEN, s->cloned);
    ptmi_table_count(table, PTMI_PLAIN, s->large_objects);
    ptmi_table_cell(table, PTMI_PLAIN, ptmi_str_human_size(s->large_bytes, bytes));
    ptmi_table_count(table, PTMI_RED, s->failures);
}

static ptm_rc print_status(struct ptmi_cli *cli, ptmi_catalog *catalog,
                           const struct ptmi_targets *targets, struct ptm_err *err)
{
    static const bool right[] = {false, false, true, true, true, true, true, true};
    PTM_AUTO(ptmi_table_clear) struct ptmi_table table = {.columns = 8, .right = right};
    int64_t failures = 0;
    add_header(&table);
    for (size_t i = 0; i < targets->n_hubs; i++) {
        struct ptmi_hub_status status = {0};
        const char *hub = targets->hubs[i]->name;
        PTM_TRY(ptmi_catalog_status(catalog, hub, &status, err));
        failures += status.failures;
        if (ptmi_cli_json(cli))
            PTM_TRY(print_json(cli, hub, &status, err));
        else
            add_row(&table, hub, &status);
    }
    if (ptmi_cli_json(cli)) return PTM_OK;
    PTM_TRY(ptmi_table_print(&table, &cli->out, err));
    if (failures)
        ptmi_out_printf(&cli->out, "What failed and why: ptm failures. Again: ptm retry\n");
    return PTM_OK;
}

ptm_rc ptmi_verb_status(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_targets_clear) struct ptmi_targets targets = PTMI_TARGETS_INIT;
    PTM_AUTO(ptmi_catalog_closep) ptmi_catalog *catalog = NULL;
    (void)status;
    PTM_TRY(ptmi_targets_read(cli, PTMI_TARGETS_ALL_IF_NONE, &targets, err));
    PTM_TRY(ptmi_look_open(cli, &catalog, err));
    return print_status(cli, catalog, &targets, err);
}
