/* SPDX-License-Identifier: MIT */
/* fuzz_modelzoo.c - ModelZoo.co's list with each entry as a model, and the same bytes as a model's
 * own answer. */
#include "fuzz_hubs_sink.h"

#include "base/path.h"
#include "hubs/hubs_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ptmi_origin origin = {"https://modelzoo.co/api/models/0/",
                                              "2026-11-21T22:15:00Z"};
    struct fuzz_count count = {0};
    struct ptmi_hub_sink sink = fuzz_sink(&count);
    struct ptmi_mz_list list = {0};
    struct ptm_err err = {0};
    ptm_rc rc = ptmi_mz_parse_list((const char *)data, size, &origin, &sink, &list, &err);
    if (rc != PTM_OK && !*err.msg) abort();
    for (size_t i = 0; i < list.n; i++) {
        if (ptmi_path_check_name(list.entries[i].slug, &err) != PTM_OK) abort();
        rc = ptmi_mz_deliver(list.entries[i].raw, list.entries[i].raw_len, list.entries[i].slug,
                             (int64_t)i, &origin, &sink, &err);
        if (rc != PTM_OK && !*err.msg) abort();
    }
    ptmi_mz_list_clear(&list);
    rc = ptmi_mz_deliver((const char *)data, size, "slug", 0, &origin, &sink, &err);
    if (rc != PTM_OK && !*err.msg) abort();
    return 0;
}
