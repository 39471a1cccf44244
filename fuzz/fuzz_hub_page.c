/* SPDX-License-Identifier: MIT */
/* fuzz_hub_page.c - a page of PyTorch Hub: as a card, and (where libxml2 was found) as a saved
 * page. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/json.h"
#include "hubs/pytorch_card.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct ptmi_pt_model *model)
{
    struct ptmi_buf buf = PTMI_BUF(64u << 20);
    struct ptm_err err = {0};
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    if (!model->slug || ptmi_pt_json(&buf, model, &err) != PTM_OK) abort();
    if (ptmi_json_parse(buf.data, buf.len, "record", &doc, &err) != PTM_OK) abort();
    ptmi_buf_clear(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PTM_AUTO(ptmi_arena_clear) struct ptmi_arena arena = PTMI_ARENA(16u << 20);
    struct ptmi_pt_model model = {0};
    struct ptm_err err = {0};
    struct ptmi_buf html = PTMI_BUF(8u << 20);
    bool is = false;
    const char *text = (const char *)data;
    if (ptmi_pt_read_card(text, size, "slug", &arena, &model, &is, &html, &err) == PTM_OK && is)
        check(&model);
    ptmi_buf_clear(&html);
#ifdef HAVE_LIBXML2
    is = false;
    if (ptmi_pt_read_page(text, size, "slug", &arena, &model, &is, &err) == PTM_OK && is)
        check(&model);
#endif
    return 0;
}
