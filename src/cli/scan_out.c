/* SPDX-License-Identifier: MIT */
/* scan_out.c - files that are not clean for people, every file as JSON, and the sum at the end. */
#include "scan_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/str.h"

static ptmi_color color_of(ptm_verdict verdict)
{
    static const ptmi_color colors[] = {
        [PTM_CLEAN] = PTMI_GREEN,
        [PTM_SUSPICIOUS] = PTMI_YELLOW,
        [PTM_UNREADABLE] = PTMI_YELLOW,
        [PTM_DANGEROUS] = PTMI_RED,
    };
    return colors[verdict];
}

/* --- for people --- */

static void print_verdict(struct ptmi_out *out, ptm_verdict verdict)
{
    ptmi_out_printf(out, "%s%s%s", ptmi_out_code(out->colors_out, color_of(verdict)),
                    ptm_verdict_name(verdict), ptmi_out_code(out->colors_out, PTMI_PLAIN));
}

/* "  dangerous pickle-global: MESSAGE (byte 17 of archive/data.pkl)", with the global in front
 * where the message does not name it. */
static void print_finding(struct ptmi_out *out, const struct ptm_finding *finding)
{
    char text[1000];
    const char *between = " (";
    bool global = finding->global && !strstr(finding->message, finding->global);
    ptmi_out_printf(out, "  ");
    print_verdict(out, finding->severity);
    ptmi_out_printf(out, " %s: %s", finding->rule,
                    ptmi_str_printable(text, sizeof text, finding->message));
    if (global) {
        ptmi_out_printf(out, "%s%s", between,
                        ptmi_str_printable(text, sizeof text, finding->global));
        between = "; ";
    }
    if (finding->offset >= 0 || finding->member) ptmi_out_printf(out, "%s", between);
    if (finding->offset >= 0) ptmi_out_printf(out, "byte %" PRId64, finding->offset);
    if (finding->member)
        ptmi_out_printf(out, "%s%s", finding->offset >= 0 ? " of " : "in ",
                        ptmi_str_printable(text, sizeof text, finding->member));
    if (global || finding->member || finding->offset >= 0) ptmi_out_printf(out, ")");
    ptmi_out_printf(out, "\n");
}

static void print_file(struct ptmi_out *out, const char *path, const struct ptm_scan_report *report)
{
    char text[1000];
    if (report->verdict == PTM_CLEAN) return;
    ptmi_out_printf(out, "%s: ", ptmi_str_printable(text, sizeof text, path));
    print_verdict(out, report->verdict);
    ptmi_out_printf(out, "\n");
    for (size_t i = 0; i < report->n_findings; i++) print_finding(out, &report->findings[i]);
}

static void print_sum(const struct ptmi_scan_out *out)
{
    struct ptmi_out *to = &out->cli->out;
    int64_t files = 0;
    const char *between = ": ";
    for (int i = PTM_CLEAN; i <= PTM_DANGEROUS; i++) files += out->counts[i];
    ptmi_out_printf(to, "%" PRId64 " file%s", files, files == 1 ? "" : "s");
    for (int i = PTM_CLEAN; i <= PTM_DANGEROUS; i++) {
        if (!out->counts[i]) continue;
        ptmi_out_printf(to, "%s%" PRId64 " ", between, out->counts[i]);
        print_verdict(to, (ptm_verdict)i);
        between = ", ";
    }
    ptmi_out_printf(to, "\n");
}

/* --- JSON --- */

static void put_offset(struct ptmi_json_line *line, int64_t offset)
{
    if (offset >= 0)
        ptmi_json_line_int(line, "offset", offset);
    else
        ptmi_json_line_null(line, "offset");
}

static void put_finding(struct ptmi_json_line *line, const struct ptm_finding *finding)
{
    ptmi_json_line_open(line, NULL);
    ptmi_json_line_str(line, "severity", ptm_verdict_name(finding->severity));
    ptmi_json_line_str(line, "rule", finding->rule);
    ptmi_json_line_str(line, "message", finding->message);
    ptmi_json_line_str(line, "global", finding->global);
    put_offset(line, finding->offset);
    ptmi_json_line_str(line, "member", finding->member);
    ptmi_json_line_close(line);
}

static ptm_rc print_json(struct ptmi_out *out, const char *path,
                         const struct ptm_scan_report *report, struct ptm_err *err)
{
    struct ptmi_json_line line;
    ptmi_json_line_begin_stream(&line);
    ptmi_json_line_str(&line, "file", path);
    ptmi_json_line_str(&line, "verdict", ptm_verdict_name(report->verdict));
    ptmi_json_line_list(&line, "findings");
    for (size_t i = 0; i < report->n_findings; i++) put_finding(&line, &report->findings[i]);
    ptmi_json_line_list_end(&line);
    ptmi_json_line_list(&line, "globals");
    for (size_t i = 0; i < report->n_globals; i++) {
        const struct ptm_scan_global *global = &report->globals[i];
        ptmi_json_line_open(&line, NULL);
        ptmi_json_line_str(&line, "name", global->name);
        ptmi_json_line_str(&line, "verdict", ptm_verdict_name(global->verdict));
        put_offset(&line, global->offset);
        ptmi_json_line_str(&line, "member", global->member);
        ptmi_json_line_close(&line);
    }
    ptmi_json_line_list_end(&line);
    ptmi_json_line_str(&line, "format", report->format);
    ptmi_json_line_int(&line, "bytes", report->bytes);
    return ptmi_json_line_print(&line, out, err);
}

/* --- all of it --- */

void ptmi_scan_out_begin(struct ptmi_scan_out *out)
{
    if (out->sarif_wanted) ptmi_sarif_begin(&out->sarif);
}

ptm_rc ptmi_scan_out_file(struct ptmi_scan_out *out, const char *path,
                          const struct ptm_scan_report *report, struct ptm_err *err)
{
    struct ptmi_cli *cli = out->cli;
    ptm_rc rc = PTM_OK;
    out->counts[report->verdict]++;
    if (out->sarif_wanted) return ptmi_sarif_file(&out->sarif, path, report, err);
    if (!ptmi_cli_json(cli) && report->verdict == PTM_CLEAN) return PTM_OK;
    ptmi_progress_pause(cli->progress);
    if (ptmi_cli_json(cli))
        rc = print_json(&cli->out, path, report, err);
    else
        print_file(&cli->out, path, report);
    fflush(stdout);
    ptmi_progress_resume(cli->progress);
    return rc;
}

ptm_rc ptmi_scan_out_end(struct ptmi_scan_out *out, bool complete, struct ptm_err *err)
{
    ptm_rc rc = PTM_OK;
    ptmi_progress_pause(out->cli->progress);
    if (out->sarif_wanted)
        rc = ptmi_sarif_end(&out->sarif, complete, &out->cli->out, err);
    else if (complete && !ptmi_cli_json(out->cli))
        print_sum(out);
    ptmi_progress_resume(out->cli->progress);
    return rc;
}

ptm_verdict ptmi_scan_out_worst(const struct ptmi_scan_out *out)
{
    int worst = PTM_DANGEROUS;
    while (worst > PTM_CLEAN && !out->counts[worst]) worst--;
    return (ptm_verdict)worst;
}
