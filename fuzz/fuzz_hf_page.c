/* SPDX-License-Identifier: MIT */
/* fuzz_hf_page.c - a page of the Hugging Face list, both as a first and as a second pass. */
#include "fuzz_hubs_sink.h"

#include "hubs/hubs_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ptmi_origin origin = {"https://huggingface.co/api/models",
                                              "2026-11-21T22:15:00Z"};
    for (int only_new = 0; only_new < 2; only_new++) {
        struct fuzz_count count = {0};
        struct ptmi_hub_sink sink = fuzz_sink(&count);
        struct ptmi_hf_page page = {.only_new = only_new};
        struct ptm_err err = {0};
        ptm_rc rc = ptmi_hf_page((const char *)data, size, &origin, &sink, &page, &err);
        if (rc != PTM_OK && !*err.msg) abort();
        if (page.delivered != count.models) abort();
    }
    return 0;
}
