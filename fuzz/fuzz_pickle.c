/* SPDX-License-Identifier: MIT */
/* fuzz_pickle.c - any bytes as a pickle: whatever happens, what the machine lists is whole, a
 * failure names a byte within the data, and the policy has a word on all of it. */
#include <string.h>

#include "../src/weights/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_node(const struct ptmi_pk *node)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < node->n_items; i++) n += node->items[i]->kind > PTMI_PK_EXT;
    /* Smaller kinds of nodes end before their pairs. */
    uint64_t n_pairs = node->kind >= PTMI_PK_GLOBAL ? node->n_pairs : 0;
    for (uint64_t i = 0; i < n_pairs; i++) n += node->pairs[i]->kind > PTMI_PK_EXT;
    if (n > 0 || n_pairs % 2 != 0) __builtin_trap();
}

static void check_lists(const struct ptmi_pickle *pickle)
{
    const char *why = NULL;
    for (size_t i = 0; i < pickle->n_globals; i++) {
        const struct ptmi_pk *node = pickle->globals[i].node;
        (void)ptmi_policy_is_name(node->module, node->name);
        (void)ptmi_policy_global(node->module, node->name, node->uses, &why);
        if (node->uses == 0 || !why) __builtin_trap();
    }
    for (size_t i = 0; i < pickle->n_objects; i++) {
        (void)ptmi_policy_call(pickle->objects[i], &why);
        check_node(pickle->objects[i]);
        if (!why) __builtin_trap();
    }
    for (size_t i = 0; i < pickle->n_persids; i++) check_node(pickle->persids[i]->args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ptmi_pickle pickle = {0};
    struct ptmi_pickle_opts opts = {.memory = (size_t)64 << 20, .no_encoding = size % 2};
    ptmi_source *source = NULL;
    struct ptm_err err = {0};
    if (ptmi_source_lend(data, size, "fuzz", &source, NULL) != PTM_OK) return 0;
    ptm_rc rc = ptmi_pickle_run(source, 0, size, &opts, &pickle, &err);
    if ((rc == PTM_OK) != (pickle.root != NULL) || pickle.end > size) __builtin_trap();
    if (rc != PTM_OK && !strstr(err.msg, "fuzz: byte ")) __builtin_trap();
    if (pickle.root) check_node(pickle.root);
    check_lists(&pickle);
    ptmi_pickle_clear(&pickle);
    ptmi_source_unref(source);
    return 0;
}
