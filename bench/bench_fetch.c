/* SPDX-License-Identifier: MIT */
/*
 * bench_fetch.c - one large file by ptm_net_fetch alone: what the engine costs without git, store
 * and catalogue.
 *
 *     bench_fetch URL FILE [SHA256]
 *
 * Like every transfer of ptm it hashes while it streams and syncs the file before it says that it
 * is there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <ptm/ctx.h>
#include <ptm/net.h>

static ptm_rc fetch(ptm_ctx *ctx, const struct ptm_net_download *download, struct ptm_err *err)
{
    ptm_net *net = NULL;
    struct ptm_net_opts opts = PTM_NET_OPTS_INIT;
    char sha256[65];
    int64_t fetched = 0;
    ptm_rc rc = ptm_net_open(ctx, &opts, &net, err);
    if (rc == PTM_OK) rc = ptm_net_fetch(net, download, sha256, &fetched, err);
    if (rc == PTM_OK) printf("%s %" PRId64 "\n", sha256, fetched);
    ptm_net_close(net);
    return rc;
}

int main(int argc, char **argv)
{
    ptm_ctx *ctx = NULL;
    struct ptm_err err = {0};
    struct ptm_net_download download = PTM_NET_DOWNLOAD_INIT;
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: bench_fetch URL FILE [SHA256]\n");
        return 1;
    }
    download.url = argv[1];
    download.part_path = argv[2];
    download.expected_sha256 = argv[3]; /* NULL when it was not given */
    ptm_rc rc = ptm_ctx_new(NULL, &ctx, &err);
    if (rc == PTM_OK) rc = fetch(ctx, &download, &err);
    if (rc != PTM_OK) fprintf(stderr, "bench_fetch: %s\n", err.msg);
    ptm_ctx_free(ctx);
    return rc == PTM_OK ? 0 : 3;
}
