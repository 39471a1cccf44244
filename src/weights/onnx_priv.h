/* SPDX-License-Identifier: MIT */
/* onnx_priv.h - what the files of the ONNX reader share: onnx.c walks models and graphs,
 * onnx_tensor.c reads a tensor's message, onnx_data.c finds its bytes. */
#pragma once

#include "../base/limits.h"
#include "onnx_wire.h"
#include "weights_priv.h"

/* A run of bytes in the file; len 0: absent or empty. */
struct ptmi_onnx_span {
    uint64_t pos, len;
};

/* One of the numbers that TensorProto.data_type may be. */
struct ptmi_onnx_type {
    ptm_dtype dtype;
    uint32_t field; /* which typed field holds it */
    uint8_t item;   /* bytes that an item of the typed field becomes; 0: strings */
    uint8_t per;    /* elements of the tensor in an item; 0: two items make an element (complex) */
};

/* Bits of fields that may stand in a TensorProto once. */
#define PTMI_ONNX_ONCE(number) (UINT32_C(1) << (number))
#define PTMI_ONNX_RAW PTMI_ONNX_ONCE(9)

/* A TensorProto, as it says. */
struct ptmi_onnx_proto {
    uint64_t where; /* its message */
    uint64_t end;
    uint32_t seen; /* PTMI_ONNX_ONCE() of those that stood there */
    int n_dims;
    int64_t shape[PTM_LIMIT_DIMS];
    const struct ptmi_onnx_type *type;
    struct ptmi_onnx_span name, raw;
    /* Typed data: of which field, how many items in how many runs, the last run. */
    uint32_t typed;
    uint64_t items, runs;
    struct ptmi_onnx_span run;
    bool external;
    struct ptmi_onnx_span location;
    int64_t external_offset, external_length; /* length 0: not told */
};

/* A file of external data. */
struct ptmi_onnx_file {
    const char *location; /* in the weights' arena */
    ptmi_source *source;  /* a reference; NULL: .. */
    const char *missing;  /* .. and why; in the arena or static */
};

struct ptmi_onnx {
    struct ptm_weights *weights;
    ptmi_source *source;          /* the weights' format_state keeps it */
    struct ptmi_onnx_file *files; /* sorted by location; owned */
    size_t n_files, cap_files;
};

/* --- onnx_tensor.c --- */

/* Adds a tensor under prefix + name; name NULL: the one the message has. */
PTM_MUST_USE ptm_rc ptmi_onnx_add_tensor(struct ptmi_onnx *onnx, const struct ptmi_wire *message,
                                         const char *prefix, const char *name, struct ptm_err *err);
/* The same of a SparseTensorProto; its name is that of its values. */
PTM_MUST_USE ptm_rc ptmi_onnx_add_sparse(struct ptmi_onnx *onnx, const struct ptmi_wire *message,
                                         const char *prefix, const char *name, struct ptm_err *err);

/* --- onnx_data.c --- */

/* Adds a storage of nbytes with what proto says its values are: raw, typed, external. */
PTM_MUST_USE ptm_rc ptmi_onnx_storage(struct ptmi_onnx *onnx, const struct ptmi_onnx_proto *proto,
                                      int64_t elements, int64_t nbytes, size_t *out,
                                      struct ptm_err *err);
/* Adds a storage of the indices of sparse that proto's linear ones (int64, one dimension) stand
 * for: a row a dimension. sparse's shape lives as long as the weights. */
PTM_MUST_USE ptm_rc ptmi_onnx_unravelled(struct ptmi_onnx *onnx,
                                         const struct ptmi_onnx_proto *proto,
                                         const struct ptm_tensor *sparse, size_t *out,
                                         struct ptm_err *err);
void ptmi_onnx_clear(struct ptmi_onnx *onnx);
