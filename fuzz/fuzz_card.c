/* SPDX-License-Identifier: MIT */
/* fuzz_card.c - a model card: every getter, both kinds of HTML, and the readers of the ONNX Model
 * Zoo's tables. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "hubs/card.h"
#include "hubs/onnx_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const ptmi_card *card, struct ptmi_arena *arena)
{
    struct ptm_dataset set = {0};
    const char *text;
    for (size_t t = 0; t < ptmi_card_tables(card); t++) {
        for (int r = -1; r < (int)ptmi_card_rows(card, t); r++) {
            for (size_t c = 0; c < ptmi_card_columns(card, t); c++) {
                struct ptmi_cell cell = ptmi_card_cell(card, t, r, c);
                if (!cell.text) abort();
                if (cell.href) (void)ptmi_onnx_path(cell.href, "a/b", arena);
            }
        }
    }
    for (size_t i = 0; (text = ptmi_card_link(card, i)); i++) {
        (void)ptmi_card_doi(text, arena);
        (void)ptmi_card_dataset_link(text, arena, &set);
        (void)ptmi_card_hf_dataset(text, arena, &set);
    }
    int line = 0;
    for (size_t i = 0; (text = ptmi_card_fence(card, i, NULL, &line)); i++)
        if (line < 1) abort();
    for (size_t i = 0; ptmi_card_meta_item(card, "datasets", i); i++) continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ptmi_card *card = NULL;
    struct ptm_err err = {0};
    if (ptmi_card_parse((const char *)data, size, "card", &card, &err) != PTM_OK) {
        if (!*err.msg || card) abort();
        return 0;
    }
    PTM_AUTO(ptmi_arena_clear) struct ptmi_arena arena = PTMI_ARENA(8u << 20);
    read_all(card, &arena);
    struct ptmi_onnx_classes classes = {0};
    struct ptmi_onnx_rows rows = {0};
    (void)!ptmi_onnx_read_classes(card, &arena, &classes, NULL);
    (void)!ptmi_onnx_read_rows(card, "validated/net/README.md", &arena, &rows, NULL);
    for (int unsafe = 0; unsafe < 2; unsafe++) {
        struct ptmi_buf html = PTMI_BUF(8u << 20);
        (void)!ptmi_card_html(card, unsafe, &html, NULL);
        ptmi_buf_clear(&html);
    }
    ptmi_card_free(card);
    return 0;
}
