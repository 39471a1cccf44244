/* SPDX-License-Identifier: MIT */
/* fuzz_onnx_manifest.c - ONNX_HUB_MANIFEST.json, and rows merged with its entries. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "hubs/onnx_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PTM_AUTO(ptmi_arena_clear) struct ptmi_arena arena = PTMI_ARENA(8u << 20);
    struct ptmi_onnx_manifest manifest = {0};
    struct ptm_err err = {0};
    size_t bad = 0;
    ptm_rc rc = ptmi_onnx_read_manifest((const char *)data, size, &arena, &manifest, &bad, &err);
    if (rc != PTM_OK) {
        if (!*err.msg) abort();
        return 0;
    }
    if (bad > manifest.n) abort();
    const struct ptmi_onnx_row row = {.fields = {"net"}, .readme = "README.md"};
    for (size_t i = 0; i < manifest.n && i < 16; i++) {
        const struct ptmi_onnx_entry *entry = &manifest.items[i];
        if (entry->bytes < -1 || !entry->model != !entry->path) abort();
        struct ptmi_buf buf = PTMI_BUF(8u << 20);
        PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
        /* Whatever an entry holds, the row it is merged into is JSON and stays one line. */
        if (ptmi_onnx_row_json(&buf, i, &row, entry, NULL) != PTM_OK) abort();
        if (ptmi_json_parse(buf.data, buf.len, "row", &doc, &err) != PTM_OK && err.rc != PTM_ELIMIT)
            abort();
        if (memchr(buf.data, '\n', buf.len)) abort();
        ptmi_buf_clear(&buf);
    }
    return 0;
}
