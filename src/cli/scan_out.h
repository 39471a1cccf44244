/* SPDX-License-Identifier: MIT */
/* scan_out.h - what `ptm weights scan` prints, file by file: lines for people, JSON, or one SARIF
 * document. One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ptm/weights.h>

#include "cli.h"

/* More rules than a scan has; what is beyond them stays without its place in SARIF's list. */
#define PTMI_SARIF_RULES_MAX 256

/* Start with {0} and ptmi_sarif_begin(). */
struct ptmi_sarif {
    struct ptmi_json_line line;
    const char *rules[PTMI_SARIF_RULES_MAX]; /* static strings, in the order of their first use */
    size_t n_rules;
};
void ptmi_sarif_begin(struct ptmi_sarif *sarif);
/* The results of a file. PTM_ENOMEM alone can happen. */
PTM_MUST_USE ptm_rc ptmi_sarif_file(struct ptmi_sarif *sarif, const char *path,
                                    const struct ptm_scan_report *report, struct ptm_err *err);
/* complete: every file that was asked for has been looked at. Prints and frees. */
PTM_MUST_USE ptm_rc ptmi_sarif_end(struct ptmi_sarif *sarif, bool complete, struct ptmi_out *out,
                                   struct ptm_err *err);

struct ptmi_scan_out {
    struct ptmi_cli *cli;
    bool sarif_wanted;
    struct ptmi_sarif sarif;
    int64_t counts[PTM_DANGEROUS + 1]; /* files by verdict */
};
void ptmi_scan_out_begin(struct ptmi_scan_out *out);
PTM_MUST_USE ptm_rc ptmi_scan_out_file(struct ptmi_scan_out *out, const char *path,
                                       const struct ptm_scan_report *report, struct ptm_err *err);
/* complete: as above. */
PTM_MUST_USE ptm_rc ptmi_scan_out_end(struct ptmi_scan_out *out, bool complete,
                                      struct ptm_err *err);
/* The worst verdict of all files. */
ptm_verdict ptmi_scan_out_worst(const struct ptmi_scan_out *out);
