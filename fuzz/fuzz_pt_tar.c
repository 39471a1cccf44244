/* SPDX-License-Identifier: MIT */
/*
 * fuzz_pt_tar.c - any bytes as a tar checkpoint of torch, or as the members of one (whose headers
 * have checksums).
 */
#include "../src/weights/tardir.h"
#include "../tests/unit/torch_files.h"
#include "fuzz_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the builder has room for, several times over. */
#define FUZZ_MOST_WRAPPED 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes storages = {0}, tensors = {0}, pickle = {0}, file = {0};
    if (size < 4 || size > FUZZ_MOST_WRAPPED || ptmi_tar_is(data, size))
        return fuzz_table(&ptmi_format_pt_tar, data, size, "fuzz.pt");
    size_t left = size - 4, first = data[0] | (size_t)data[1] << 8;
    size_t second = data[2] | (size_t)data[3] << 8;
    if (first > left) first = left;
    if (second > left - first) second = left - first;
    bytes_put(&storages, data + 4, first);
    bytes_put(&tensors, data + 4 + first, second);
    bytes_put(&pickle, data + 4 + first + second, left - first - second);
    tar_add(&file, "storages", storages.data, storages.len);
    tar_add(&file, "tensors", tensors.data, tensors.len);
    tar_add(&file, "pickle", pickle.data, pickle.len);
    return fuzz_table(&ptmi_format_pt_tar, file.data, file.len, "fuzz.pt");
}
