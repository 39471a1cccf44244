/* SPDX-License-Identifier: MIT */
/* report.c - the honest account: what a hub's steps came to, and what failed, by reason. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "harvest.h"

/* There are as many reasons as error codes. */
#define REASONS_MAX 64

struct reasons {
    const char *since;
    size_t n;
    struct {
        char name[40];
        int64_t count;
    } items[REASONS_MAX];
};

static ptm_rc count_reason(void *arg, const struct ptmi_failure *failure, struct ptm_err *err)
{
    struct reasons *reasons = arg;
    (void)err;
    if (reasons->since && failure->time && strcmp(failure->time, reasons->since) < 0) return PTM_OK;
    size_t i = 0;
    while (i < reasons->n && strcmp(reasons->items[i].name, failure->reason) != 0) i++;
    if (i == REASONS_MAX) return PTM_OK;
    if (i == reasons->n) {
        snprintf(reasons->items[i].name, sizeof reasons->items[i].name, "%s", failure->reason);
        reasons->n++;
    }
    reasons->items[i].count++;
    return PTM_OK;
}

static ptm_rc print_json(struct ptmi_cli *cli, const struct ptmi_account *account,
                         const struct reasons *reasons, struct ptm_err *err)
{
    const struct ptmi_report *r = account->report;
    struct ptmi_json_line line;
    ptmi_json_line_begin(&line);
    ptmi_json_line_str(&line, "hub", r->hub);
    ptmi_json_line_bool(&line, "ok", !account->why && r->failures == 0);
    ptmi_json_line_bool(&line, "dry_run", r->dry_run);
    ptmi_json_line_int(&line, "models", r->models ? r->models : r->selected.models);
    ptmi_json_line_int(&line, "chosen_models", r->selected.chosen_models);
    ptmi_json_line_int(&line, "chosen_repositories", r->selected.repos);
    ptmi_json_line_int(&line, "present_repositories", r->selected.present);
    ptmi_json_line_int(&line, "bytes_to_fetch", r->selected.bytes);
    ptmi_json_line_int(&line, "unknown_size", r->selected.unknown_size);
    ptmi_json_line_int(&line, "not_clonable", r->selected.not_clonable);
    ptmi_json_line_int(&line, "cloned", r->cloned);
    ptmi_json_line_int(&line, "updated", r->updated);
    ptmi_json_line_int(&line, "unchanged", r->unchanged);
    ptmi_json_line_int(&line, "left_alone", r->left_alone);
    ptmi_json_line_int(&line, "failed", r->failed);
    ptmi_json_line_int(&line, "large_fetched", r->large_fetched);
    ptmi_json_line_int(&line, "large_bytes_fetched", r->large_bytes_fetched);
    ptmi_json_line_int(&line, "large_present", r->large_present);
    ptmi_json_line_int(&line, "large_lost", r->large_lost);
    ptmi_json_line_int(&line, "large_failed", r->large_failed);
    ptmi_json_line_int(&line, "scanned", r->scanned.files);
    ptmi_json_line_int(&line, "checkpoints", r->scanned.checkpoints);
    ptmi_json_line_int(&line, "suspicious", r->scanned.suspicious);
    ptmi_json_line_int(&line, "unreadable", r->scanned.unreadable);
    ptmi_json_line_int(&line, "dangerous", r->scanned.dangerous);
    ptmi_json_line_int(&line, "records", r->records);
    ptmi_json_line_int(&line, "failures", r->failures);
    ptmi_json_line_open(&line, "failed_by_reason");
    for (size_t i = 0; i < reasons->n; i++)
        ptmi_json_line_int(&line, reasons->items[i].name, reasons->items[i].count);
    ptmi_json_line_close(&line);
    if (account->why) {
        ptmi_json_line_open(&line, "error");
        ptmi_json_line_str(&line, "reason", ptm_rc_name(account->why->rc));
        ptmi_json_line_str(&line, "message", account->why->msg);
        ptmi_json_line_int(&line, "http_status", account->why->http_status);
        ptmi_json_line_bool(&line, "retryable", account->why->retryable);
        ptmi_json_line_close(&line);
    } else {
        ptmi_json_line_null(&line, "error");
    }
    return ptmi_json_line_print(&line, &cli->out, err);
}

/* "12 cloned, 3 updated": what is zero is left out, but the first. */
struct phrase {
    char text[256];
    size_t n;
};

static void add_count(struct phrase *phrase, int64_t count, const char *what, bool always)
{
    size_t len = strlen(phrase->text);
    if (count == 0 && !always) return;
    snprintf(phrase->text + len, sizeof phrase->text - len, "%s%" PRId64 " %s",
             phrase->n++ ? ", " : "", count, what);
}

static void print_line(struct ptmi_cli *cli, const char *what, const char *text)
{
    ptmi_out_printf(&cli->out, "  %-13s %s\n", what, text);
}

static void print_models(struct ptmi_cli *cli, const struct ptmi_account *account)
{
    const struct ptmi_report *r = account->report;
    struct phrase phrase = {0};
    add_count(&phrase, r->models ? r->models : r->selected.models, "listed", true);
    if (account->steps & PTMI_STEP_CLONE) {
        add_count(&phrase, r->selected.chosen_models, "chosen", true);
        add_count(&phrase, r->selected.not_clonable, "of those without a repository", false);
    }
    print_line(cli, "models", phrase.text);
}

static void print_clones(struct ptmi_cli *cli, const struct ptmi_report *r)
{
    struct phrase repos = {0}, large = {0};
    char bytes[32];
    if (r->dry_run) {
        add_count(&repos, r->selected.repos, "chosen", true);
        add_count(&repos, r->selected.present, "here already", true);
        add_count(&repos, r->selected.unknown_size, "of unknown size", false);
        print_line(cli, "repositories", repos.text);
        bool unknown = r->selected.bytes == 0 && r->selected.unknown_size > 0;
        print_line(cli, "to fetch",
                   unknown ? "unknown" : ptmi_str_human_size(r->selected.bytes, bytes));
        return;
    }
    add_count(&repos, r->cloned, "cloned", true);
    add_count(&repos, r->updated, "updated", false);
    add_count(&repos, r->unchanged, "unchanged", false);
    add_count(&repos, r->left_alone, "left alone", false);
    add_count(&repos, r->failed, "failed", false);
    print_line(cli, "repositories", repos.text);
    add_count(&large, r->large_fetched, "fetched", true);
    size_t len = strlen(large.text);
    if (r->large_fetched)
        snprintf(large.text + len, sizeof large.text - len, " (%s)",
                 ptmi_str_human_size(r->large_bytes_fetched, bytes));
    add_count(&large, r->large_present, "present", false);
    add_count(&large, r->large_lost, "lost upstream", false);
    add_count(&large, r->large_failed, "failed", false);
    print_line(cli, "large files", large.text);
}

/* Only what is new: files of clones that were scanned before are in the catalogue already. */
static void print_scan(struct ptmi_cli *cli, const struct ptmi_report *r)
{
    struct phrase phrase = {0};
    if (!r->scanned.files) return;
    add_count(&phrase, r->scanned.files, "files looked into", true);
    add_count(&phrase, r->scanned.checkpoints, "of them checkpoints", true);
    add_count(&phrase, r->scanned.suspicious, "suspicious", false);
    add_count(&phrase, r->scanned.unreadable, "unreadable", false);
    add_count(&phrase, r->scanned.dangerous, "dangerous", false);
    print_line(cli, "scan", phrase.text);
}

static void print_failures(struct ptmi_cli *cli, const struct ptmi_report *r,
                           const struct reasons *reasons)
{
    struct phrase phrase = {0};
    if (!r->failures) return;
    for (size_t i = 0; i < reasons->n; i++)
        add_count(&phrase, reasons->items[i].count, reasons->items[i].name, false);
    ptmi_out_printf(&cli->out, "  %sfailures%s      %" PRId64 "%s%s; see: ptm failures %s\n",
                    ptmi_out_code(cli->out.colors_out, PTMI_RED),
                    ptmi_out_code(cli->out.colors_out, PTMI_PLAIN), r->failures,
                    phrase.n ? ": " : "", phrase.text, r->hub);
}

static void print_people(struct ptmi_cli *cli, const struct ptmi_account *account,
                         const struct reasons *reasons)
{
    const struct ptmi_report *r = account->report;
    char text[32];
    ptmi_out_printf(&cli->out, "%s%s%s%s\n", ptmi_out_code(cli->out.colors_out, PTMI_BOLD), r->hub,
                    ptmi_out_code(cli->out.colors_out, PTMI_PLAIN),
                    account->why ? " (stopped)"
                    : r->dry_run ? " (dry run: nothing was cloned)"
                                 : "");
    if (account->steps & (PTMI_STEP_LIST | PTMI_STEP_PARSE | PTMI_STEP_CLONE))
        print_models(cli, account);
    if (account->steps & PTMI_STEP_CLONE) {
        print_clones(cli, r);
        print_scan(cli, r);
    }
    if ((account->steps & PTMI_STEP_SCHEMA) && !r->dry_run) {
        snprintf(text, sizeof text, "%" PRId64, r->records);
        print_line(cli, "records", text);
    }
    print_failures(cli, r, reasons);
}

ptm_rc ptmi_report_print(struct ptmi_cli *cli, ptmi_catalog *catalog,
                         const struct ptmi_account *account, struct ptm_err *err)
{
    struct reasons reasons = {.since = account->since};
    ptm_rc rc = PTM_OK;
    if (account->report->failures)
        PTM_TRY(ptmi_catalog_each_failure(catalog, account->report->hub, NULL, count_reason,
                                          &reasons, err));
    ptmi_progress_pause(cli->progress);
    if (ptmi_cli_json(cli))
        rc = print_json(cli, account, &reasons, err);
    else
        print_people(cli, account, &reasons);
    fflush(stdout);
    ptmi_progress_resume(cli->progress);
    return rc;
}
