/* SPDX-License-Identifier: MIT */
/* fuzz_npz.c - any bytes as a .npz file of NumPy. */
#include "fuzz_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_table(&ptmi_format_npz, data, size, "fuzz.npz");
}
