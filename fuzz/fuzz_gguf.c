/* SPDX-License-Identifier: MIT */
/* fuzz_gguf.c - any bytes as GGUF. */
#include "fuzz_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_table(&ptmi_format_gguf, data, size, "fuzz.gguf");
}
