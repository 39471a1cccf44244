/* SPDX-License-Identifier: MIT */
/* fuzz_npy.c - any bytes as a .npy file of NumPy. */
#include "fuzz_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_table(&ptmi_format_npy, data, size, "fuzz.npy");
}
