/* SPDX-License-Identifier: MIT */
/* fuzz_safetensors.c - any bytes as a safetensors file or index: what is accepted can be read, and
 * its tensors cover the data. */
#include <stdlib.h>
#include <string.h>

#include <ptm/weights.h>

#include "../src/weights/weights_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t read_all(ptm_weights *weights)
{
    int64_t sum = 0;
    for (size_t i = 0; i < ptm_weights_count(weights); i++) {
        const struct ptm_tensor *tensor = ptm_weights_tensor(weights, i);
        void *values = malloc((size_t)tensor->nbytes + 1);
        if (!values) return -1;
        if (ptm_weights_read(weights, tensor, values, (size_t)tensor->nbytes, NULL) != PTM_OK)
            __builtin_trap();
        free(values);
        if (ptm_weights_find(weights, tensor->name) != tensor) __builtin_trap();
        sum += tensor->nbytes;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The folder does not exist: an index finds none of its files. */
    static const char path[] = "/nonexistent/x.safetensors";
    struct ptmi_probe probe = {data, size < 4096 ? size : 4096, size, "x.safetensors"};
    ptmi_source *source = NULL;
    ptm_weights *weights = NULL;
    if (ptmi_format_safetensors.probe(&probe) == 0) return 0; /* other formats have their own */
    if (ptmi_source_lend(data, size, path, &source, NULL) != PTM_OK) return 0;
    if (ptmi_weights_open_source(source, path, NULL, NULL, &weights, NULL) != PTM_OK) return 0;
    if (strcmp(ptm_weights_format(weights), "safetensors") == 0 &&
        read_all(weights) != ptm_weights_storage(weights, 0)->nbytes)
        __builtin_trap();
    ptm_weights_close(weights);
    return 0;
}
