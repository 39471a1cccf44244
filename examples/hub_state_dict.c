/* SPDX-License-Identifier: MIT */
/*
 * hub_state_dict.c - torch.hub from C: fetches a repository, lists its entry points, fetches a
 * state dict by URL and prints its names and shapes. No Python, and nothing of the repository runs.
 *
 *     cc hub_state_dict.c -o hub_state_dict $(pkg-config --cflags --libs libptm)
 *     ./hub_state_dict pytorch/vision https://download.pytorch.org/models/resnet18-f37072fd.pth
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptm/torchhub.h>

#define REWRITES_MAX 32

/* A host's mirror, or a test's: "FROM=TO FROM=TO" in $PTM_REWRITE. words is cut up. */
static size_t split(char *words, const char *rules[REWRITES_MAX])
{
    size_t n = 0;
    for (char *at = strtok(words, " "); at && n < REWRITES_MAX; at = strtok(NULL, " "))
        rules[n++] = at;
    return n;
}

static ptm_rc fetch_and_list(ptm_torchhub *hub, const char *name, struct ptm_err *err)
{
    struct ptm_torchhub_repo repo = {0};
    ptm_hubconf *hubconf = NULL;
    ptm_rc rc = ptm_torchhub_fetch(hub, name, NULL, &repo, err);
    if (rc == PTM_OK) {
        printf("%s/%s at %s, commit %.12s\n", repo.owner, repo.name, repo.ref,
               repo.commit ? repo.commit : "unknown");
        rc = ptm_hubconf_open(repo.dir, &hubconf, err);
    }
    const struct ptm_hub_entry *entry;
    for (size_t i = 0; rc == PTM_OK && (entry = ptm_hubconf_entry(hubconf, i)); i++)
        if (entry->name) printf("  %s%s\n", entry->name, entry->signature ? entry->signature : "");
    ptm_hubconf_close(hubconf);
    ptm_torchhub_repo_clear(&repo);
    return rc;
}

static ptm_rc print_shapes(ptm_torchhub *hub, const char *url, struct ptm_err *err)
{
    struct ptm_torchhub_weights_opts opts = PTM_TORCHHUB_WEIGHTS_OPTS_INIT;
    ptm_weights *weights = NULL;
    opts.check_hash = true; /* by the digits in the file's name */
    ptm_rc rc = ptm_torchhub_load_state_dict_from_url(hub, url, &opts, &weights, err);
    if (rc != PTM_OK) return rc;
    for (size_t i = 0; i < ptm_weights_count(weights); i++) {
        const struct ptm_tensor *tensor = ptm_weights_tensor(weights, i);
        printf("%s %s [", tensor->name, ptm_dtype_info(tensor->dtype)->name);
        for (int d = 0; d < tensor->n_dims; d++)
            printf("%s%" PRId64, d ? ", " : "", tensor->shape[d]);
        printf("]\n");
    }
    ptm_weights_close(weights);
    return PTM_OK;
}

int main(int argc, char **argv)
{
    const char *rules[REWRITES_MAX], *env = getenv("PTM_REWRITE");
    char *words = strdup(env ? env : "");
    struct ptm_net_opts net = PTM_NET_OPTS_INIT;
    struct ptm_torchhub_opts opts = PTM_TORCHHUB_OPTS_INIT;
    struct ptm_err err = {0};
    ptm_ctx *ctx = NULL;
    ptm_torchhub *hub = NULL;
    if (argc != 3 || !words) {
        fprintf(stderr, "usage: hub_state_dict OWNER/NAME[:REF] URL\n");
        return 1;
    }
    net.n_rewrites = split(words, rules);
    net.rewrites = rules;
    opts.net = &net;
    ptm_rc rc = ptm_ctx_new(NULL, &ctx, &err);
    if (rc == PTM_OK) rc = ptm_torchhub_open(ctx, &opts, &hub, &err);
    if (rc == PTM_OK) rc = fetch_and_list(hub, argv[1], &err);
    if (rc == PTM_OK) rc = print_shapes(hub, argv[2], &err);
    if (rc != PTM_OK) fprintf(stderr, "hub_state_dict: %s\n", err.msg);
    ptm_torchhub_close(hub);
    ptm_ctx_free(ctx);
    free(words);
    return rc == PTM_OK ? 0 : 3;
}
