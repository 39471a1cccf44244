/* SPDX-License-Identifier: MIT */
/*
 * fuzz_scan.c - a whole scan of any bytes, under a name that promises a checkpoint and under one
 * that promises nothing: the verdict is the worst of what is told. Members may become 1 MiB, so
 * that bombs do not slow it down.
 */
#include <string.h>

#include "../src/weights/scan_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan(const uint8_t *data, size_t size, const char *name)
{
    struct ptm_scan_opts opts = PTM_SCAN_OPTS_INIT;
    struct ptm_scan_report report = {0};
    ptm_verdict worst = PTM_CLEAN;
    ptmi_source *source = NULL;
    opts.max_unpacked = 1 << 20;
    if (ptmi_source_lend(data, size, name, &source, NULL) != PTM_OK) return;
    if (ptmi_scan_source(NULL, source, name, &opts, &report, NULL) != PTM_OK) __builtin_trap();
    ptmi_source_unref(source);
    for (size_t i = 0; i < report.n_findings; i++) {
        const struct ptm_finding *finding = &report.findings[i];
        if (!finding->rule[0] || !finding->message[0] || finding->offset < -1) __builtin_trap();
        if (finding->severity > worst) worst = finding->severity;
    }
    for (size_t i = 0; i < report.n_globals; i++)
        if (report.globals[i].verdict > worst) __builtin_trap();
    if (worst != report.verdict || !report.format[0]) __builtin_trap();
    ptm_scan_clear(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    scan(data, size, "x.pt");
    scan(data, size, "x");
    return 0;
}
