/* SPDX-License-Identifier: MIT */
/* weights_dtype.c - the tables of dtypes, layouts and quantisation schemes, by number and by name.
 */
#include <string.h>

#include <ptm/weights.h>

static const struct ptm_dtype_info dtypes[] = {
#define ROW(code, number, name, elements, bytes) {code, name, elements, bytes},
    PTM_DTYPE_LIST(ROW)
#undef ROW
};

const struct ptm_dtype_info *ptm_dtype_info(ptm_dtype dtype)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (dtypes[i].dtype == dtype) return &dtypes[i];
    return NULL;
}

ptm_dtype ptm_dtype_find(const char *name)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].name, name) == 0) return dtypes[i].dtype;
    return PTM_DTYPE_NONE;
}

const char *ptm_layout_name(ptm_layout layout)
{
    static const char *const names[] = {
        [PTM_STRIDED] = "strided",       [PTM_SPARSE_COO] = "sparse_coo",
        [PTM_SPARSE_CSR] = "sparse_csr", [PTM_SPARSE_CSC] = "sparse_csc",
        [PTM_SPARSE_BSR] = "sparse_bsr", [PTM_SPARSE_BSC] = "sparse_bsc",
        [PTM_NESTED] = "nested",
    };
    size_t i = (size_t)layout;
    return i < sizeof names / sizeof *names ? names[i] : "unknown";
}

const char *ptm_qscheme_name(ptm_qscheme scheme)
{
    static const char *const names[] = {
        [PTM_PER_TENSOR_AFFINE] = "per_tensor_affine",
        [PTM_PER_TENSOR_SYMMETRIC] = "per_tensor_symmetric",
        [PTM_PER_CHANNEL_AFFINE] = "per_channel_affine",
        [PTM_PER_CHANNEL_SYMMETRIC] = "per_channel_symmetric",
        [PTM_PER_CHANNEL_AFFINE_FLOAT_QPARAMS] = "per_channel_affine_float_qparams",
    };
    size_t i = (size_t)scheme;
    return i < sizeof names / sizeof *names && names[i] ? names[i] : "unknown";
}

const char *ptm_verdict_name(ptm_verdict verdict)
{
    static const char *const names[] = {
        [PTM_CLEAN] = "clean",
        [PTM_SUSPICIOUS] = "suspicious",
        [PTM_UNREADABLE] = "unreadable",
        [PTM_DANGEROUS] = "dangerous",
    };
    size_t i = (size_t)verdict;
    return i < sizeof names / sizeof *names ? names[i] : "unknown";
}
