/* SPDX-License-Identifier: MIT */
/* fuzz_plain_pickle.c - any bytes as a file that is one pickle. */
#include "fuzz_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_table(&ptmi_format_pickle, data, size, "fuzz.pkl");
}
