/* SPDX-License-Identifier: MIT */
/*
 * fuzz_filter.c - --filter: whatever the text, the answer comes, the catalogue is unchanged, and
 * nothing but models_view was read. The catalogue is made once, in memory-backed storage where
 * there is some.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "catalog/catalog.h"

static struct {
    ptm_ctx *ctx;
    ptmi_catalog *catalog;
    char dir[64];
} fuzz;

static void clean_up(void)
{
    struct ptm_err err;
    ptmi_catalog_close(fuzz.catalog);
    ptm_ctx_free(fuzz.ctx);
    if (ptmi_fs_remove_tree(fuzz.dir, &err) != PTM_OK) fprintf(stderr, "%s\n", err.msg);
}

static void check(ptm_rc rc, const struct ptm_err *err)
{
    if (rc == PTM_OK) return;
    fprintf(stderr, "%s\n", err->msg);
    abort();
}

static void fill(void)
{
    struct ptm_err err = {0};
    struct ptmi_listing listing = {0};
    const char *tags[] = {"gguf", "license:mit"};
    check(ptmi_catalog_listing_begin(fuzz.catalog, "h", "", &listing, &err), &err);
    for (int n = 0; n < 5; n++) {
        char name[16];
        struct ptm_model model = PTM_MODEL_INIT;
        snprintf(name, sizeof name, "a/m%d", n);
        model.key = model.name = name;
        model.tags = tags;
        model.n_tags = (size_t)(n % 3);
        model.downloads = n;
        model.license = n % 2 ? "mit" : NULL;
        check(ptmi_catalog_put_model(fuzz.catalog, listing.id, &model, 0, &err), &err);
    }
    check(ptmi_catalog_listing_finish(fuzz.catalog, listing.id, &err), &err);
    ptmi_listing_clear(&listing);
}

static void start(void)
{
    struct ptm_err err = {0};
    char path[96];
    check(ptm_ctx_new(NULL, &fuzz.ctx, &err), &err);
    snprintf(fuzz.dir, sizeof fuzz.dir, "%s/ptm-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(fuzz.dir)) abort();
    snprintf(path, sizeof path, "%s/catalog.db", fuzz.dir);
    check(ptmi_catalog_open(fuzz.ctx, path, false, &fuzz.catalog, &err), &err);
    fill();
    atexit(clean_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!fuzz.catalog) start();
    char *filter = malloc(size + 1);
    if (!filter) abort();
    if (size) memcpy(filter, data, size);
    filter[size] = 0;
    struct ptmi_select what = {.hub = "h", .run = 1, .share = 1, .count = -1, .filter = filter};
    struct ptmi_selected selected;
    struct ptm_err err = {0};
    ptm_rc rc = ptmi_catalog_select(fuzz.catalog, &what, &selected, &err);
    if (rc != PTM_OK && (rc != PTM_EINVAL || !strstr(err.msg, "--filter"))) {
        fprintf(stderr, "%s: %s\n", filter, err.msg);
        abort();
    }
    if (rc == PTM_OK && (selected.models != 5 || selected.chosen_models > 5)) abort();
    free(filter);
    return 0;
}
