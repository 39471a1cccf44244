/* SPDX-License-Identifier: MIT */
/* fuzz_run_answer.c - what a run of a repository's code answers: where its tensors are, and the
 * description that is made of it; and URLs it may ask for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "torchhub/run_job.h"

/* The description is JSON again, and holds no file outside its folder. */
static void describe(yyjson_doc *doc, const struct ptmi_parts *parts)
{
    struct ptm_torchhub_load_opts opts = ptmi_run_adopt(NULL);
    struct ptmi_run run = {.opts = &opts, .entry = "x", .answer = doc};
    run.repo.dir = (char *)"/repo";
    PTM_AUTO(ptmi_freep) char *text = NULL;
    PTM_AUTO(ptmi_json_freep) yyjson_doc *again = NULL;
    if (ptmi_describe(&run, parts, &text, NULL) < 0) abort();
    if (ptmi_json_parse(text, strlen(text), "again", &again, NULL) < 0) abort();
}

static void check_names(const struct ptmi_parts *parts)
{
    for (size_t i = 0; i < parts->n; i++) {
        const char *name = parts->items[i].name;
        if (!*name || *name == '.' || strchr(name, '/')) abort();
        for (size_t k = 0; k < i; k++)
            if (strcmp(name, parts->items[k].name) == 0) abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    PTM_AUTO(ptmi_parts_clear) struct ptmi_parts parts = {0};
    PTM_AUTO(ptmi_freep) char *url = strndup((const char *)data, size);
    PTM_AUTO(ptmi_freep) char *list = NULL;
    if (url) (void)ptmi_wants_refuse(url);
    if (ptmi_json_parse((const char *)data, size, "answer", &doc, NULL) < 0) return 0;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (ptmi_describe_list(root, &list, NULL) < 0) abort();
    if (ptmi_parts_find(ptmi_json_get(root, "result"), 1 << 20, &parts, NULL) < 0) return 0;
    check_names(&parts);
    describe(doc, &parts);
    return 0;
}
