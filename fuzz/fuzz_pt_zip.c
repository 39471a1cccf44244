/* SPDX-License-Identifier: MIT */
/* fuzz_pt_zip.c - any bytes as a zip checkpoint of torch, or as the object and the storage inside
 * one. */
#include "../src/weights/zipdir.h"
#include "../tests/unit/torch_files.h"
#include "fuzz_tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the builder has room for, several times over. */
#define FUZZ_MOST_WRAPPED 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct made_zip zip; /* too large for a stack */
    struct bytes pickle = {0};
    if (ptmi_zip_is(data, size) || size < 2 || size > FUZZ_MOST_WRAPPED)
        return fuzz_table(&ptmi_format_pt_zip, data, size, "fuzz.pt");
    zip = (struct made_zip){.deflate = data[0] & 1};
    bytes_put(&pickle, data + 2, size - 2);
    zip_add_bytes(&zip, "a/data.pkl", &pickle);
    if (data[0] & 2) zip_add_bytes(&zip, "a/constants.pkl", &pickle);
    if (data[0] & 4) zip_add_text(&zip, "a/byteorder", "big");
    zip_add(&zip, "a/data/0", data, data[1] < size ? data[1] : size);
    zip_add_text(&zip, "a/version", "3\n");
    zip_end(&zip);
    return fuzz_table(&ptmi_format_pt_zip, zip.out.data, zip.out.len, "fuzz.pt");
}
