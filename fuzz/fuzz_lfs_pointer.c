/* SPDX-License-Identifier: MIT */
/* fuzz_lfs_pointer.c - any bytes as a pointer: what is accepted has a whole oid and a size, and
 * says the same written anew. */
#include <stdio.h>
#include <string.h>

#include "../src/base/str.h"
#include "../src/git/lfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ptmi_lfs_pointer p, again;
    char text[256];
    if (!ptmi_lfs_pointer_parse((const char *)data, size, &p)) return 0;
    if (!ptmi_str_is_hex(p.oid, 64) || p.size < 0) __builtin_trap();
    int n = snprintf(text, sizeof text,
                     "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %lld\n",
                     p.oid, (long long)p.size);
    if (!ptmi_lfs_pointer_parse(text, (size_t)n, &again) || again.size != p.size ||
        strcmp(again.oid, p.oid) != 0)
        __builtin_trap();
    return 0;
}
