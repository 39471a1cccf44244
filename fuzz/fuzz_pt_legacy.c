/* SPDX-License-Identifier: MIT */
/* fuzz_pt_legacy.c - any bytes as a legacy stream of torch. */
#include "fuzz_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_table(&ptmi_format_pt_legacy, data, size, "fuzz.pt");
}
