/* SPDX-License-Identifier: MIT */
/* fuzz_lfs_batch.c - any bytes as the answer of an LFS server: every object asked for ends with a
 * link over http or with a reason. */
#include <string.h>

#include "../src/base/str.h"
#include "../src/git/lfs_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ptmi_lfs_pointer a = {
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1};
    static const struct ptmi_lfs_pointer b = {
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", 2};
    const struct ptmi_lfs_pointer *asked[] = {&a, &b};
    char url[] = "https://example.org/m.git/info/lfs/objects/batch";
    struct ptmi_lfs_server server = {.batch_url = url};
    struct ptmi_lfs_answer answers[2] = {0};
    ptm_rc rc = ptmi_lfs_batch_parse(&server, (const char *)data, size, asked, 2, answers, NULL);
    for (size_t i = 0; i < 2; i++) {
        struct ptmi_lfs_answer *answer = &answers[i];
        if (rc == PTM_OK && (answer->rc == PTM_OK) != (answer->href != NULL)) __builtin_trap();
        if (answer->href && !ptmi_str_starts(answer->href, "https://")) __builtin_trap();
        for (size_t h = 0; h < answer->n_headers; h++)
            if (strpbrk(answer->headers[h], "\r\n")) __builtin_trap();
        (void)ptmi_lfs_answer_is_stale(answer);
        ptmi_lfs_answer_clear(answer);
    }
    return 0;
}
