/* SPDX-License-Identifier: MIT */
/* fuzz_onnx.c - any bytes as an ONNX model. */
#include "fuzz_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_table(&ptmi_format_onnx, data, size, "fuzz.onnx");
}
