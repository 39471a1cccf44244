/* SPDX-License-Identifier: MIT */
/* fuzz_modelhub.c - Modelhub.ai's models.json, and the same bytes as a model's config.json. */
#include "fuzz_hubs_sink.h"

#include "base/limits.h"
#include "hubs/hubs_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ptmi_origin origin = {"https://example.org/models.json",
                                              "2026-11-21T22:15:00Z"};
    struct fuzz_count count = {0};
    struct ptmi_hub_sink sink = fuzz_sink(&count);
    struct ptmi_arena arena = PTMI_ARENA(PTM_LIMIT_RECORD);
    struct ptmi_facts facts = {0};
    struct ptm_err err = {0};
    if (ptmi_mh_list((const char *)data, size, &origin, &sink, &err) != PTM_OK && !*err.msg)
        abort();
    if (ptmi_mh_config((const char *)data, size, &arena, &facts, &err) == PTM_OK) {
        for (size_t i = 0; i < facts.n_datasets; i++)
            fuzz_read(&count, facts.datasets[i].name, true);
        for (size_t i = 0; i < facts.n_paper_dois; i++)
            fuzz_read(&count, facts.paper_dois[i], true);
        fuzz_read(&count, facts.architecture, false);
        fuzz_read(&count, facts.task, false);
    }
    ptmi_arena_clear(&arena);
    return 0;
}
