/* SPDX-License-Identifier: MIT */
/*
 * store_put.c - keeps a file in a data root's store, once however often it is put, and says where.
 *
 *     cc store_put.c -o store_put $(pkg-config --cflags --libs libptm)
 *     ./store_put ./data model.safetensors
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ptm/ctx.h>
#include <ptm/store.h>

int main(int argc, char **argv)
{
    struct ptm_err err = {0};
    ptm_ctx *ctx = NULL;
    ptm_store *store = NULL;
    char oid[65], *path = NULL;
    int fd = argc == 3 ? open(argv[2], O_RDONLY) : -1;
    if (fd < 0) {
        fprintf(stderr, "usage: store_put ROOT FILE (which can be read)\n");
        return 1;
    }
    ptm_rc rc = ptm_ctx_new(NULL, &ctx, &err);
    if (rc == PTM_OK) rc = ptm_store_open(ctx, argv[1], &store, &err);
    if (rc == PTM_OK) rc = ptm_store_put_fd(store, fd, NULL, oid, &err);
    if (rc == PTM_OK) rc = ptm_store_path(store, oid, &path, &err);
    if (rc == PTM_OK)
        printf("%s  %s\n", oid, path);
    else
        fprintf(stderr, "store_put: %s (%s)\n", err.msg, ptm_rc_name(rc));
    free(path);
    ptm_store_close(store);
    ptm_ctx_free(ctx);
    close(fd);
    return rc == PTM_OK ? 0 : 1;
}
