/* SPDX-License-Identifier: MIT */
/* fuzz_lfs_patterns.c - any bytes as a .lfsconfig, its patterns tried on a few paths. */
#include "../src/git/lfs_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ptmi_lfs_patterns p = PTMI_LFS_PATTERNS_INIT;
    ptmi_lfs_patterns_parse((const char *)data, size, &p);
    (void)ptmi_lfs_patterns_want(p.include.items, p.include.n, p.exclude.items, p.exclude.n,
                                 "a/b/model.onnx");
    (void)ptmi_lfs_patterns_want(p.include.items, p.include.n, p.exclude.items, p.exclude.n, "x");
    ptmi_lfs_patterns_clear(&p);
    return 0;
}
