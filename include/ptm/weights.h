/* SPDX-License-Identifier: MIT */
/*
 * weights.h - checkpoint files without running what is inside them: PyTorch (.pt, .pth: zip, legacy
 * stream, tar, TorchScript), safetensors, ONNX, GGUF, NumPy (.npy, .npz) and plain pickles.
 *
 *   ptm_weights_open()     the table of tensors: names, dtypes, shapes, where their bytes lie
 *   ptm_weights_read()     one tensor's values, contiguous
 *   ptm_weights_convert()  any of them to safetensors
 *   ptm_scan()             what a file would do to whoever unpickles it
 *
 * Every byte of a file is taken for hostile: nothing in it is executed or imported, sizes and
 * offsets are checked before they are used, an error names the byte. docs/formats/ has a page a
 * format with its layout and sources.
 *
 * A file that is shortened while it is open can end the process (SIGBUS), as with every mapping.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/ctx.h>
#include <ptm/err.h>
#include <ptm/net.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- dtypes --- */

/*
 * Every dtype: X(code, number, name, elements, bytes): that many elements take that many bytes.
 * Names are torch's without "torch."; "ggml:..." and "string" where torch has none. Append only,
 * numbers are ABI. torch's own int1..int7 and uint1..uint7 take a byte an element; those of ONNX
 * are packed (the _PACKED codes), under the same names. float6 and float4_e2m1fn are those of
 * safetensors and ONNX, packed; float4_e2m1fn_x2 is torch's pair in a byte. Sources: torch's
 * c10/core/ScalarType.h, the safetensors and ONNX specifications, ggml.h.
 */
#define PTM_DTYPE_LIST(X)                                 \
    X(PTM_FLOAT64, 1, "float64", 1, 8)                    \
    X(PTM_FLOAT32, 2, "float32", 1, 4)                    \
    X(PTM_FLOAT16, 3, "float16", 1, 2)                    \
    X(PTM_BFLOAT16, 4, "bfloat16", 1, 2)                  \
    X(PTM_INT64, 5, "int64", 1, 8)                        \
    X(PTM_INT32, 6, "int32", 1, 4)                        \
    X(PTM_INT16, 7, "int16", 1, 2)                        \
    X(PTM_INT8, 8, "int8", 1, 1)                          \
    X(PTM_UINT64, 9, "uint64", 1, 8)                      \
    X(PTM_UINT32, 10, "uint32", 1, 4)                     \
    X(PTM_UINT16, 11, "uint16", 1, 2)                     \
    X(PTM_UINT8, 12, "uint8", 1, 1)                       \
    X(PTM_BOOL, 13, "bool", 1, 1)                         \
    X(PTM_COMPLEX32, 14, "complex32", 1, 4)               \
    X(PTM_COMPLEX64, 15, "complex64", 1, 8)               \
    X(PTM_COMPLEX128, 16, "complex128", 1, 16)            \
    X(PTM_QINT8, 17, "qint8", 1, 1)                       \
    X(PTM_QUINT8, 18, "quint8", 1, 1)                     \
    X(PTM_QINT32, 19, "qint32", 1, 4)                     \
    X(PTM_QUINT4X2, 20, "quint4x2", 2, 1)                 \
    X(PTM_QUINT2X4, 21, "quint2x4", 4, 1)                 \
    X(PTM_FLOAT8_E5M2, 22, "float8_e5m2", 1, 1)           \
    X(PTM_FLOAT8_E4M3FN, 23, "float8_e4m3fn", 1, 1)       \
    X(PTM_FLOAT8_E5M2FNUZ, 24, "float8_e5m2fnuz", 1, 1)   \
    X(PTM_FLOAT8_E4M3FNUZ, 25, "float8_e4m3fnuz", 1, 1)   \
    X(PTM_FLOAT8_E8M0FNU, 26, "float8_e8m0fnu", 1, 1)     \
    X(PTM_FLOAT4_E2M1FN_X2, 27, "float4_e2m1fn_x2", 1, 1) \
    X(PTM_BITS8, 28, "bits8", 1, 1)                       \
    X(PTM_BITS16, 29, "bits16", 1, 2)                     \
    X(PTM_BITS1X8, 30, "bits1x8", 1, 1)                   \
    X(PTM_BITS2X4, 31, "bits2x4", 1, 1)                   \
    X(PTM_BITS4X2, 32, "bits4x2", 1, 1)                   \
    X(PTM_INT1, 33, "int1", 1, 1)                         \
    X(PTM_INT2, 34, "int2", 1, 1)                         \
    X(PTM_INT3, 35, "int3", 1, 1)                         \
    X(PTM_INT4, 36, "int4", 1, 1)                         \
    X(PTM_INT5, 37, "int5", 1, 1)                         \
    X(PTM_INT6, 38, "int6", 1, 1)                         \
    X(PTM_INT7, 39, "int7", 1, 1)                         \
    X(PTM_UINT1, 40, "uint1", 1, 1)                       \
    X(PTM_UINT2, 41, "uint2", 1, 1)                       \
    X(PTM_UINT3, 42, "uint3", 1, 1)                       \
    X(PTM_UINT4, 43, "uint4", 1, 1)                       \
    X(PTM_UINT5, 44, "uint5", 1, 1)                       \
    X(PTM_UINT6, 45, "uint6", 1, 1)                       \
    X(PTM_UINT7, 46, "uint7", 1, 1)                       \
    X(PTM_INT4_PACKED, 47, "int4", 2, 1)                  \
    X(PTM_UINT4_PACKED, 48, "uint4", 2, 1)                \
    X(PTM_INT2_PACKED, 49, "int2", 4, 1)                  \
    X(PTM_UINT2_PACKED, 50, "uint2", 4, 1)                \
    X(PTM_FLOAT4_E2M1FN, 51, "float4_e2m1fn", 2, 1)       \
    X(PTM_FLOAT6_E2M3FN, 52, "float6_e2m3fn", 4, 3)       \
    X(PTM_FLOAT6_E3M2FN, 53, "float6_e3m2fn", 4, 3)       \
    X(PTM_STRING, 54, "string", 1, 0)                     \
    X(PTM_GGML_Q4_0, 64, "ggml:q4_0", 32, 18)             \
    X(PTM_GGML_Q4_1, 65, "ggml:q4_1", 32, 20)             \
    X(PTM_GGML_Q5_0, 66, "ggml:q5_0", 32, 22)             \
    X(PTM_GGML_Q5_1, 67, "ggml:q5_1", 32, 24)             \
    X(PTM_GGML_Q8_0, 68, "ggml:q8_0", 32, 34)             \
    X(PTM_GGML_Q8_1, 69, "ggml:q8_1", 32, 36)             \
    X(PTM_GGML_Q2_K, 70, "ggml:q2_k", 256, 84)            \
    X(PTM_GGML_Q3_K, 71, "ggml:q3_k", 256, 110)           \
    X(PTM_GGML_Q4_K, 72, "ggml:q4_k", 256, 144)           \
    X(PTM_GGML_Q5_K, 73, "ggml:q5_k", 256, 176)           \
    X(PTM_GGML_Q6_K, 74, "ggml:q6_k", 256, 210)           \
    X(PTM_GGML_Q8_K, 75, "ggml:q8_k", 256, 292)           \
    X(PTM_GGML_IQ2_XXS, 76, "ggml:iq2_xxs", 256, 66)      \
    X(PTM_GGML_IQ2_XS, 77, "ggml:iq2_xs", 256, 74)        \
    X(PTM_GGML_IQ3_XXS, 78, "ggml:iq3_xxs", 256, 98)      \
    X(PTM_GGML_IQ1_S, 79, "ggml:iq1_s", 256, 50)          \
    X(PTM_GGML_IQ4_NL, 80, "ggml:iq4_nl", 32, 18)         \
    X(PTM_GGML_IQ3_S, 81, "ggml:iq3_s", 256, 110)         \
    X(PTM_GGML_IQ2_S, 82, "ggml:iq2_s", 256, 82)          \
    X(PTM_GGML_IQ4_XS, 83, "ggml:iq4_xs", 256, 136)       \
    X(PTM_GGML_IQ1_M, 84, "ggml:iq1_m", 256, 56)          \
    X(PTM_GGML_TQ1_0, 85, "ggml:tq1_0", 256, 54)          \
    X(PTM_GGML_TQ2_0, 86, "ggml:tq2_0", 256, 66)          \
    X(PTM_GGML_MXFP4, 87, "ggml:mxfp4", 32, 17)           \
    X(PTM_GGML_NVFP4, 88, "ggml:nvfp4", 64, 36)           \
    X(PTM_GGML_Q1_0, 89, "ggml:q1_0", 128, 18)

typedef enum ptm_dtype {
    PTM_DTYPE_NONE = 0,
#define PTM_DTYPE_ENUM(code, number, name, elements, bytes) code = number,
    PTM_DTYPE_LIST(PTM_DTYPE_ENUM)
#undef PTM_DTYPE_ENUM
} ptm_dtype;

struct ptm_dtype_info {
    ptm_dtype dtype;
    const char *name; /* static */
    int elements;     /* so many elements .. */
    int bytes;        /* .. take so many bytes; 0 for strings */
};
/* NULL for a number that is no dtype. Static. */
PTM_API const struct ptm_dtype_info *ptm_dtype_info(ptm_dtype dtype);
/* By name, the unpacked code where two share it; PTM_DTYPE_NONE: no such name. */
PTM_API ptm_dtype ptm_dtype_find(const char *name);

/* --- the one model of a tensor --- */

typedef enum ptm_layout {
    PTM_STRIDED = 0,
    PTM_SPARSE_COO, /* parts: indices, values */
    PTM_SPARSE_CSR, /* parts: crow_indices, col_indices, values */
    PTM_SPARSE_CSC, /* parts: ccol_indices, row_indices, values */
    PTM_SPARSE_BSR, /* as CSR, values in blocks */
    PTM_SPARSE_BSC, /* as CSC, values in blocks */
    PTM_NESTED,     /* parts: buffer, sizes, strides, offsets */
} ptm_layout;
/* "strided", "sparse_coo", ..: torch's names. Static. */
PTM_API const char *ptm_layout_name(ptm_layout layout);

/* How a quantised tensor maps to real numbers. Plain data inside its tensor. */
typedef enum ptm_qscheme {
    PTM_PER_TENSOR_AFFINE = 1,
    PTM_PER_TENSOR_SYMMETRIC,
    PTM_PER_CHANNEL_AFFINE,              /* parts: scales, zero points */
    PTM_PER_CHANNEL_SYMMETRIC,           /* the same */
    PTM_PER_CHANNEL_AFFINE_FLOAT_QPARAMS /* the same */
} ptm_qscheme;
PTM_API const char *ptm_qscheme_name(ptm_qscheme scheme); /* "per_tensor_affine", .. */

#define PTM_NO_STORAGE ((size_t)-1) /* a meta tensor, or one made of parts */

/* One run of bytes that tensors are views of. Strings belong to the ptm_weights. */
struct ptm_storage {
    const char *key;    /* its name in the file ("0", "data.bin"); NULL: the format has none */
    const char *device; /* "cpu", "cuda:0", as saved; NULL: the format has none */
    int64_t nbytes;
    int64_t file_offset; /* of its first byte; -1: it does not lie in the file in one piece as it is
                            (compressed, decoded from typed fields, in another file) */
    bool big_endian;     /* its elements are; ptm_weights_read() swaps them */
};

/* Strings, arrays and parts belong to the ptm_weights and live until it is closed. Immutable. */
struct ptm_tensor {
    const char *name; /* dotted path of keys and attributes; a file of one bare tensor calls it
                         "tensor"; unique within the file */
    ptm_dtype dtype;
    ptm_layout layout;
    int n_dims;
    const int64_t *shape;  /* n_dims of them */
    const int64_t *stride; /* in elements; NULL where the format has none: then it is contiguous */
    int64_t offset;        /* of the first element in its storage, in elements; -1 as above: then
                              byte_offset rules */
    int64_t byte_offset;   /* of the first element in its storage */
    int64_t nbytes;        /* of the values: elements (of the shape) times their size */
    size_t storage;        /* which ptm_weights_storage(), or PTM_NO_STORAGE */
    bool requires_grad, is_parameter;
    bool conj, neg;      /* the values are to be conjugated, negated (torch's lazy views): as saved,
                            ptm_weights_read() leaves the stored bytes as they are */
    ptm_qscheme qscheme; /* 0: not quantised */
    double scale;        /* per tensor */
    int64_t zero_point;  /* per tensor */
    int axis;            /* per channel */
    const struct ptm_tensor *parts; /* what a sparse, nested or per-channel quantised tensor is
                                       made of, each with no name of its own ("") */
    size_t n_parts;
    bool coalesced; /* sparse COO: known to be */
    bool fortran;   /* .npy: Fortran order; stride tells it too */
};

/* A name with its value: safetensors' __metadata__, GGUF and ONNX properties, torch's own. */
struct ptm_meta {
    const char *key;
    const char *value; /* UTF-8 text; numbers and lists as JSON */
};

/* --- values around the tensors, as torch.load would give them --- */

typedef enum ptm_value_kind {
    PTM_VALUE_NONE = 0,
    PTM_VALUE_BOOL,    /* i */
    PTM_VALUE_INT,     /* i */
    PTM_VALUE_BIGINT,  /* text: decimal, hexadecimal with 0x when long */
    PTM_VALUE_FLOAT,   /* f */
    PTM_VALUE_COMPLEX, /* f, f2 */
    PTM_VALUE_STR,     /* text, len: UTF-8, surrogates passed as WTF-8; may hold NUL */
    PTM_VALUE_BYTES,   /* text, len; flag: a bytearray */
    PTM_VALUE_LIST,    /* items */
    PTM_VALUE_TUPLE,   /* items */
    PTM_VALUE_SET,     /* items; flag: a frozenset */
    PTM_VALUE_DICT,    /* items: key, value, key, value ..; class_name when not plain */
    PTM_VALUE_TENSOR,  /* tensor */
    PTM_VALUE_GLOBAL,  /* class_name: a class or function named, not called */
    PTM_VALUE_OBJECT, /* class_name; items: its arguments; state: what __setstate__ would get. Never
                         made: it is told what would have been called */
} ptm_value_kind;

/* A node of a graph that may share nodes and have circles. Belongs to the ptm_weights. Immutable.
 */
struct ptm_value {
    ptm_value_kind kind;
    bool flag;
    int64_t i;
    double f, f2;
    const char *text;
    size_t len;
    const char *class_name; /* "collections.OrderedDict" */
    const struct ptm_value *const *items;
    size_t n_items;
    const struct ptm_value *state; /* NULL: none */
    const struct ptm_tensor *tensor;
};

/* --- opening --- */

/* An opened checkpoint. Its tables are immutable: any thread may read them.
 * ptm_weights_storage_data() and ptm_weights_read() are locked inside. */
typedef struct ptm_weights ptm_weights;

struct ptm_weights_opts {
    size_t size;      /* PTM_WEIGHTS_OPTS_INIT */
    bool writable;    /* map private and writable: changes stay in this process */
    bool no_siblings; /* do not open other files (shards, external data): their tensors are listed
                         where this file knows them, and cannot be read */
};
#define PTM_WEIGHTS_OPTS_INIT                   \
    {                                           \
        .size = sizeof(struct ptm_weights_opts) \
    }

/*
 * Finds out the format by content and reads the table of tensors. opts may be NULL. PTM_EFORMAT
 * (with the byte offset), PTM_ELIMIT, PTM_EUNSUPPORTED (no format of ours; what it looks like is
 * said: HTML page, Git LFS pointer, 7z, TensorFlow..), PTM_ENOENT, PTM_EIO. An
 * *.index.json of safetensors opens all shards; an ONNX model its external data, from its own
 * folder alone.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_weights_open(const char *path, const struct ptm_weights_opts *opts,
                                             ptm_weights **out, struct ptm_err *err);
/* The same over HTTP by ranges: only what the table needs is fetched. net must outlive it.
 * PTM_EUNSUPPORTED where the server does not serve ranges, PTM_EIO when the file changes between
 * two requests, and what requests fail with (net.h). */
PTM_API PTM_MUST_USE ptm_rc ptm_weights_open_url(ptm_net *net, const char *url,
                                                 const struct ptm_weights_opts *opts,
                                                 ptm_weights **out, struct ptm_err *err);
PTM_API void ptm_weights_close(ptm_weights *weights); /* NULL is a no-op */

/* "pytorch-zip", "pytorch-legacy", "pytorch-tar", "torchscript", "safetensors",
 * "safetensors-index", "onnx", "gguf", "npy", "npz", "pickle". */
PTM_API const char *ptm_weights_format(const ptm_weights *weights);
/* Who made it, for people: "torch.save (zip, protocol 2)", "pytorch 1.13.1 (ONNX opset 14)"; ""
 * when nothing is known. */
PTM_API const char *ptm_weights_producer(const ptm_weights *weights);
PTM_API size_t ptm_weights_count(const ptm_weights *weights);
PTM_API const struct ptm_tensor *ptm_weights_tensor(const ptm_weights *weights, size_t i);
/* NULL: none of that name. */
PTM_API const struct ptm_tensor *ptm_weights_find(const ptm_weights *weights, const char *name);
PTM_API size_t ptm_weights_storage_count(const ptm_weights *weights);
PTM_API const struct ptm_storage *ptm_weights_storage(const ptm_weights *weights, size_t i);
PTM_API size_t ptm_weights_meta_count(const ptm_weights *weights);
PTM_API const struct ptm_meta *ptm_weights_meta(const ptm_weights *weights, size_t i);
/* The object as saved, tensors in their places; NULL for formats that are only a table. */
PTM_API const struct ptm_value *ptm_weights_root(const ptm_weights *weights);
/* Elements and bytes of all tensors, each view of the same elements counted once. */
PTM_API int64_t ptm_weights_parameters(const ptm_weights *weights);
PTM_API int64_t ptm_weights_bytes(const ptm_weights *weights);

/*
 * Bytes of a storage as they are in the file (big-endian ones too), nbytes of them, mapped where
 * that is possible, inflated once where not; borrowed until close. Not for meta storages.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_weights_storage_data(ptm_weights *weights, size_t storage,
                                                     void **out, struct ptm_err *err);
/*
 * Values of a strided tensor, contiguous in C order, in this machine's byte order, into out of
 * exactly tensor->nbytes bytes. Parts are tensors too. PTM_EUNSUPPORTED for sparse and nested ones
 * (read their parts), for strings and meta tensors; PTM_ESIZE when len is wrong.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_weights_read(ptm_weights *weights, const struct ptm_tensor *tensor,
                                             void *out, size_t len, struct ptm_err *err);

/* --- converting --- */

struct ptm_convert_opts {
    size_t size;        /* PTM_CONVERT_OPTS_INIT */
    int64_t shard_size; /* > 0: files of at most so many bytes of data (a single larger tensor has
                           its own), named OUT-00001-of-0000N.safetensors, and an index */
    bool split;         /* write every tensor, shared storages as often as they are used */
    bool skip;          /* leave out what safetensors cannot hold, instead of refusing */
    bool force;         /* replace files that are there (else: PTM_EEXIST) */
    /* What was left out, and why; may be NULL. */
    void (*skipped)(void *arg, const char *tensor, const char *why);
    void *skipped_arg;
    void (*progress)(void *arg, int64_t done, int64_t total); /* bytes; may be NULL */
    void *progress_arg;
};
#define PTM_CONVERT_OPTS_INIT                   \
    {                                           \
        .size = sizeof(struct ptm_convert_opts) \
    }
struct ptm_convert_report {
    int64_t tensors; /* written */
    int64_t aliases; /* named in __metadata__ instead */
    int64_t skipped;
    int64_t bytes; /* of all files written */
    int64_t files;
};
/*
 * Writes weights to out_path as safetensors, values bit-exact, whole or not at all. A tensor whose
 * elements another one has too (the same view of a storage) is written once and named in
 * __metadata__: {"alias": "target"}, as the safetensors package's save_model does. PTM_EUNSUPPORTED
 * names the first tensor that cannot be held; PTM_EEXIST without force; PTM_ECANCELED. opts and out
 * may be NULL. The callbacks are called from the calling thread, before it returns.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_weights_convert(ptm_ctx *ctx, ptm_weights *weights,
                                                const char *out_path,
                                                const struct ptm_convert_opts *opts,
                                                struct ptm_convert_report *out,
                                                struct ptm_err *err);

/* --- scanning --- */

/* From good to bad; a file's verdict is the worst of its findings. */
typedef enum ptm_verdict {
    PTM_CLEAN = 0,
    PTM_SUSPICIOUS, /* calls or names something that nobody has vouched for, or plays a trick */
    PTM_UNREADABLE, /* could not be read to its end: nothing can be said for it */
    PTM_DANGEROUS,  /* calls what runs code, or reaches files or the network */
} ptm_verdict;
PTM_API const char *ptm_verdict_name(ptm_verdict verdict); /* "clean", .. */

/* Something that was found. Strings belong to the report. */
struct ptm_finding {
    ptm_verdict severity;
    const char *rule; /* "pickle-global", "zip-crc", ..: docs/formats/scan.md lists all; static */
    const char *message; /* for people, one line */
    const char *global;  /* "os.system"; NULL: the finding is of something else */
    int64_t offset;      /* in the member (or the file, when there is none); -1: none */
    const char *member;  /* "archive/data.pkl", nested ones joined by "!/"; NULL: the file itself */
};
/* A global that a pickle of the file asks for. */
struct ptm_scan_global {
    const char *name; /* "collections.OrderedDict" */
    ptm_verdict verdict;
    int64_t offset;
    const char *member;
};
/* Owned by the caller: ptm_scan_clear(). Start with {0}. */
struct ptm_scan_report {
    ptm_verdict verdict;
    const char *format; /* what it was taken for: "pytorch-zip", "zip", "7z", "other", .. */
    const struct ptm_finding *findings;
    size_t n_findings;
    const struct ptm_scan_global *globals; /* each name once a member, first use */
    size_t n_globals;
    int64_t bytes; /* looked at */
    void *owned;
};
struct ptm_scan_opts {
    size_t size;              /* PTM_SCAN_OPTS_INIT */
    const char *const *allow; /* further globals to take for clean: "numpy.ndarray", "mymodel.*" */
    size_t n_allow;
    int64_t max_unpacked; /* bytes that compressed members may become in all, 0: 64 GiB; more is
                             "unreadable" */
};
#define PTM_SCAN_OPTS_INIT                   \
    {                                        \
        .size = sizeof(struct ptm_scan_opts) \
    }
/*
 * Looks into a file of any kind, whatever its name. An error is returned only for what is not the
 * file's doing (PTM_ENOMEM, PTM_ECANCELED, PTM_EINVAL): a file that cannot be opened or read gets
 * the verdict "unreadable". opts may be NULL. Several threads may scan at once.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_scan(ptm_ctx *ctx, const char *path,
                                     const struct ptm_scan_opts *opts, struct ptm_scan_report *out,
                                     struct ptm_err *err);
PTM_API void ptm_scan_clear(struct ptm_scan_report *report);

#ifdef __cplusplus
}
#endif
