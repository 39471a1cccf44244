/* SPDX-License-Identifier: MIT */
/*
 * sarif.c - findings as SARIF 2.1.0 (OASIS, https://docs.oasis-open.org/sarif/sarif/v2.1.0/): one
 * document, one run. It is printed while the scan goes on, so the list of rules, which is known at
 * the end, follows the results.
 *
 * An offset is a region of the file only when it counts from the file's beginning: what lies in a
 * member of an archive is a logical location, and its offset a property.
 */
#include <string.h>

#include "../base/auto.h"
#include "../base/hash.h"
#include "../base/str.h"
#include "../base/url.h"
#include "scan_out.h"

#define SCHEMA "https://json.schemastore.org/sarif-2.1.0.json"

void ptmi_sarif_begin(struct ptmi_sarif *sarif)
{
    struct ptmi_json_line *line = &sarif->line;
    ptmi_json_line_begin_stream(line);
    ptmi_json_line_str(line, "$schema", SCHEMA);
    ptmi_json_line_str(line, "version", "2.1.0");
    ptmi_json_line_list(line, "runs");
    ptmi_json_line_open(line, NULL);
    ptmi_json_line_list(line, "results");
}

/* Its place in the list of rules; -1: there is no more room in it. */
static int rule_index(struct ptmi_sarif *sarif, const char *rule)
{
    for (size_t i = 0; i < sarif->n_rules; i++)
        if (strcmp(sarif->rules[i], rule) == 0) return (int)i;
    if (sarif->n_rules == PTMI_SARIF_RULES_MAX) return -1;
    sarif->rules[sarif->n_rules] = rule;
    return (int)sarif->n_rules++;
}

static const char *level(ptm_verdict severity)
{
    switch (severity) {
    case PTM_DANGEROUS:
        return "error";
    case PTM_SUSPICIOUS:
    case PTM_UNREADABLE:
        return "warning";
    default:
        return "note";
    }
}

/* A relative reference as the paths were given; an absolute path is a file: URL. */
static char *uri_of(const char *path)
{
    while (ptmi_str_starts(path, "./")) path += 2 + strspn(path + 2, "/");
    PTM_AUTO(ptmi_freep) char *encoded = ptmi_url_encode(path, true);
    if (!encoded) return NULL;
    /* "//" at the beginning would be a host */
    return ptmi_str_printf("%s%s", *path == '/' ? "file://" : "", encoded);
}

static void put_location(struct ptmi_json_line *line, const char *uri,
                         const struct ptm_finding *finding)
{
    ptmi_json_line_list(line, "locations");
    ptmi_json_line_open(line, NULL);
    ptmi_json_line_open(line, "physicalLocation");
    ptmi_json_line_open(line, "artifactLocation");
    ptmi_json_line_str(line, "uri", uri);
    ptmi_json_line_close(line);
    if (finding->offset >= 0 && !finding->member) {
        ptmi_json_line_open(line, "region");
        ptmi_json_line_int(line, "byteOffset", finding->offset);
        ptmi_json_line_close(line);
    }
    ptmi_json_line_close(line);
    if (finding->member) {
        ptmi_json_line_list(line, "logicalLocations");
        ptmi_json_line_open(line, NULL);
        ptmi_json_line_str(line, "fullyQualifiedName", finding->member);
        ptmi_json_line_str(line, "kind", "member");
        ptmi_json_line_close(line);
        ptmi_json_line_list_end(line);
    }
    ptmi_json_line_close(line);
    ptmi_json_line_list_end(line);
}

/* What makes a finding the same one after the file was moved or has grown: rule, global, member. */
static ptm_rc fingerprint(const struct ptm_finding *finding, char out[65], struct ptm_err *err)
{
    const char *global = finding->global ? finding->global : "";
    const char *member = finding->member ? finding->member : "";
    PTM_AUTO(ptmi_freep) char *text = ptmi_str_printf("%s\n%s\n%s", finding->rule, global, member);
    if (!text) return ptm_err_set(err, PTM_ENOMEM, "SARIF");
    return ptmi_hash_bytes(PTMI_SHA256, text, strlen(text), out, err);
}

static void put_properties(struct ptmi_json_line *line, const struct ptm_finding *finding)
{
    ptmi_json_line_open(line, "properties");
    ptmi_json_line_str(line, "verdict", ptm_verdict_name(finding->severity));
    if (finding->global) ptmi_json_line_str(line, "global", finding->global);
    if (finding->member) ptmi_json_line_str(line, "member", finding->member);
    if (finding->offset >= 0) ptmi_json_line_int(line, "offset", finding->offset);
    ptmi_json_line_close(line);
}

ptm_rc ptmi_sarif_file(struct ptmi_sarif *sarif, const char *path,
                       const struct ptm_scan_report *report, struct ptm_err *err)
{
    struct ptmi_json_line *line = &sarif->line;
    PTM_AUTO(ptmi_freep) char *uri = uri_of(path);
    char print[65];
    if (!uri) return ptm_err_set(err, PTM_ENOMEM, "SARIF");
    for (size_t i = 0; i < report->n_findings; i++) {
        const struct ptm_finding *finding = &report->findings[i];
        int rule = rule_index(sarif, finding->rule);
        PTM_TRY(fingerprint(finding, print, err));
        ptmi_json_line_open(line, NULL);
        ptmi_json_line_str(line, "ruleId", finding->rule);
        if (rule >= 0) ptmi_json_line_int(line, "ruleIndex", rule);
        ptmi_json_line_str(line, "level", level(finding->severity));
        ptmi_json_line_open(line, "message");
        ptmi_json_line_str(line, "text", finding->message);
        ptmi_json_line_close(line);
        put_location(line, uri, finding);
        ptmi_json_line_open(line, "partialFingerprints");
        ptmi_json_line_str(line, "ptmFinding/v1", print);
        ptmi_json_line_close(line);
        put_properties(line, finding);
        ptmi_json_line_close(line);
    }
    return PTM_OK;
}

static void put_tool(struct ptmi_sarif *sarif)
{
    struct ptmi_json_line *line = &sarif->line;
    ptmi_json_line_open(line, "tool");
    ptmi_json_line_open(line, "driver");
    ptmi_json_line_str(line, "name", "ptm weights scan");
    ptmi_json_line_str(line, "version", PTM_VERSION);
    ptmi_json_line_list(line, "rules");
    for (size_t i = 0; i < sarif->n_rules; i++) {
        ptmi_json_line_open(line, NULL);
        ptmi_json_line_str(line, "id", sarif->rules[i]);
        ptmi_json_line_close(line);
    }
    ptmi_json_line_list_end(line);
    ptmi_json_line_close(line);
    ptmi_json_line_close(line);
}

ptm_rc ptmi_sarif_end(struct ptmi_sarif *sarif, bool complete, struct ptmi_out *out,
                      struct ptm_err *err)
{
    struct ptmi_json_line *line = &sarif->line;
    ptmi_json_line_list_end(line);
    ptmi_json_line_list(line, "invocations");
    ptmi_json_line_open(line, NULL);
    ptmi_json_line_bool(line, "executionSuccessful", complete);
    ptmi_json_line_close(line);
    ptmi_json_line_list_end(line);
    put_tool(sarif);
    ptmi_json_line_close(line);
    ptmi_json_line_list_end(line);
    return ptmi_json_line_print(line, out, err);
}
