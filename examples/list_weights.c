/* SPDX-License-Identifier: MIT */
/*
 * list_weights.c - the tensors of a checkpoint of any format, with the sum of each.
 *
 *     cc list_weights.c $(pkg-config --cflags --libs libptm) -o list_weights
 *     ./list_weights resnet18.pth
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <ptm/weights.h>

/* Sum of a float32 tensor's values; other dtypes are left to the reader. */
static ptm_rc sum(ptm_weights *weights, const struct ptm_tensor *tensor, double *out,
                  struct ptm_err *err)
{
    float *values = malloc((size_t)tensor->nbytes + 1);
    if (!values) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    ptm_rc rc = ptm_weights_read(weights, tensor, values, (size_t)tensor->nbytes, err);
    *out = 0;
    for (int64_t i = 0; rc == PTM_OK && i < tensor->nbytes / (int64_t)sizeof *values; i++)
        *out += (double)values[i];
    free(values);
    return rc;
}

static ptm_rc list(ptm_weights *weights, struct ptm_err *err)
{
    for (size_t i = 0; i < ptm_weights_count(weights); i++) {
        const struct ptm_tensor *tensor = ptm_weights_tensor(weights, i);
        printf("%s %s [", tensor->name, ptm_dtype_info(tensor->dtype)->name);
        for (int d = 0; d < tensor->n_dims; d++)
            printf("%s%" PRId64, d ? ", " : "", tensor->shape[d]);
        printf("]");
        if (tensor->dtype == PTM_FLOAT32 && tensor->storage != PTM_NO_STORAGE) {
            double total = 0;
            ptm_rc rc = sum(weights, tensor, &total, err);
            if (rc != PTM_OK) return rc;
            printf(" sum %g", total);
        }
        printf("\n");
    }
    return PTM_OK;
}

int main(int argc, char **argv)
{
    struct ptm_err err = {0};
    ptm_weights *weights = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: list_weights FILE\n");
        return 1;
    }
    ptm_rc rc = ptm_weights_open(argv[1], NULL, &weights, &err);
    if (rc == PTM_OK) rc = list(weights, &err);
    ptm_weights_close(weights);
    if (rc != PTM_OK) fprintf(stderr, "list_weights: %s\n", err.msg);
    return rc == PTM_OK ? 0 : 3;
}
