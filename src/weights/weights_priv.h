/* SPDX-License-Identifier: MIT */
/*
 * weights_priv.h - what the formats of this room share: the ops table a format is written against,
 * and the builder its tensors go through. Every check that is the same for all formats (sizes that
 * overflow, views that leave their storage, names, caps) is the builder's, in weights_build.c.
 *
 * To add a format: its file, a line in weight_registry.c, a line in meson.build, a fuzz target with
 * its corpus, a row in tests/contract/test_contract_weights.c, a page in docs/formats/.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/weights.h>

#include "../base/arena.h"
#include "source.h"

/* What a format is recognised by. */
struct ptmi_probe {
    const uint8_t *head; /* the first bytes, at most 4,096 */
    size_t head_len;
    uint64_t size;    /* of the file */
    const char *name; /* last component of path or URL, for formats without a magic number */
};

struct ptmi_weight_format {
    const char *name;
    /* 0: not this one; 100: a magic number says so; in between: less sure (ONNX has no magic). The
     * highest is opened. */
    int (*probe)(const struct ptmi_probe *probe);
    /* Fills weights by the builder below. One thread. On failure the caller closes weights. */
    ptm_rc (*open)(struct ptm_weights *weights, ptmi_source *source, struct ptm_err *err);
};
/* weight_registry.c */
const struct ptmi_weight_format *ptmi_weight_format_at(size_t i); /* NULL past the end */
const struct ptmi_weight_format *ptmi_weight_format_probe(const struct ptmi_probe *probe);
/* What bytes that are no checkpoint look like ("an HTML page", "a Git LFS pointer", "a 7z
 * archive"), or NULL. Static. Used by the opener's message and by the scan. */
const char *ptmi_weight_looks_like(const uint8_t *head, size_t len);

extern const struct ptmi_weight_format ptmi_format_pt_zip;      /* pt_zip.c, TorchScript too */
extern const struct ptmi_weight_format ptmi_format_pt_legacy;   /* pt_legacy.c */
extern const struct ptmi_weight_format ptmi_format_pt_tar;      /* pt_tar.c */
extern const struct ptmi_weight_format ptmi_format_pickle;      /* plain_pickle.c */
extern const struct ptmi_weight_format ptmi_format_safetensors; /* safetensors.c, index too */
extern const struct ptmi_weight_format ptmi_format_onnx;        /* onnx.c */
extern const struct ptmi_weight_format ptmi_format_gguf;        /* gguf.c */
extern const struct ptmi_weight_format ptmi_format_npy;         /* npz.c */
extern const struct ptmi_weight_format ptmi_format_npz;         /* npz.c */

/* Where the bytes of a storage come from. */
struct ptmi_storage_from {
    ptmi_source *source; /* a reference of its own; NULL: cannot be read (meta, absent sibling) */
    uint64_t offset;     /* of the first byte in source */
    /* Set instead of source for what must be unpacked or decoded first, once, at the first use:
     * returns a new source. arg lives in the weights' arena. */
    ptm_rc (*make)(struct ptm_weights *weights, void *arg, ptmi_source **out, struct ptm_err *err);
    void *make_arg;
    const char *missing; /* why it cannot be read, for the message; NULL: it is a meta storage */
};

struct ptm_weights {
    const struct ptmi_weight_format *ops;
    const char *format;   /* ptm_weights_format(); static or in the arena */
    const char *producer; /* in the arena or static */
    char *path;           /* path or URL it was opened by; owned */
    ptm_net *net;         /* NULL: a local file */
    struct ptm_weights_opts opts;
    ptmi_source *source; /* the file itself; a reference */
    struct ptmi_arena arena;
    struct ptm_tensor **tensors; /* in the arena; arrays owned */
    size_t n_tensors, cap_tensors;
    struct ptm_storage *storages;
    struct ptmi_storage_from *from; /* one a storage */
    size_t n_storages, cap_storages;
    struct ptm_meta *metas;
    size_t n_metas, cap_metas;
    uint32_t *by_name; /* hash table: place in tensors + 1, 0 free */
    size_t by_name_size;
    uint64_t seed;  /* of the hash */
    size_t doubles; /* numbers given to names that were there already */
    int64_t parameters, bytes;
    const struct ptm_value *root;
    uint64_t nested_bytes; /* of such streams so far, all taken together */
    uint64_t n_values;     /* values made of pickles, and references between them */
    unsigned nested;       /* streams inside streams that are being read now (torch_objects.h) */
    bool in_zip;           /* what is read now is the only file of a zip: once, not again inside */
    void *format_state;    /* of the format, freed by format_free at close */
    void (*format_free)(void *state);
    pthread_mutex_t lock; /* over lazily made storages */
};

/* --- the builder (weights_build.c) --- */

/* A copy in the arena of len bytes with a NUL added; PTM_ELIMIT or PTM_ENOMEM by *err. */
PTM_MUST_USE ptm_rc ptmi_weights_text(struct ptm_weights *weights, const char *text, size_t len,
                                      const char **out, struct ptm_err *err);
/* Zeroed memory of the arena. */
PTM_MUST_USE ptm_rc ptmi_weights_alloc(struct ptm_weights *weights, size_t size, void **out,
                                       struct ptm_err *err);
/*
 * storage's strings must be in the arena or static. from's source reference becomes the weights',
 * also on failure. Checked: source holds offset + nbytes bytes (PTM_EFORMAT). file_offset is worked
 * out from source when it is part of weights->source.
 */
PTM_MUST_USE ptm_rc ptmi_weights_add_storage(struct ptm_weights *weights,
                                             const struct ptm_storage *storage,
                                             struct ptmi_storage_from *from, size_t *out,
                                             struct ptm_err *err);
/*
 * Checks a tensor and works out nbytes and byte_offset (from offset, unless offset is -1): no
 * negative size, no overflow, whole bytes for packed dtypes, every element inside its storage
 * (strides are not negative). what: for messages. The arrays of tensor must be in the arena.
 */
PTM_MUST_USE ptm_rc ptmi_weights_check(struct ptm_weights *weights, const char *what,
                                       struct ptm_tensor *tensor, struct ptm_err *err);
/*
 * Checks it and puts a copy into the list under name, which is copied; a name that is there already
 * gets "#2", "#3".. *out (borrowed) may be NULL.
 */
PTM_MUST_USE ptm_rc ptmi_weights_add(struct ptm_weights *weights, const char *name,
                                     const struct ptm_tensor *tensor, const struct ptm_tensor **out,
                                     struct ptm_err *err);
/* Both are copied; control characters stay (printing is the caller's care). */
PTM_MUST_USE ptm_rc ptmi_weights_add_meta(struct ptm_weights *weights, const char *key,
                                          const char *value, struct ptm_err *err);
/* Elements of a shape. PTM_EFORMAT for negative sizes and overflow. */
PTM_MUST_USE ptm_rc ptmi_weights_elements(const char *what, int n_dims, const int64_t *shape,
                                          int64_t *out, struct ptm_err *err);
/* Bytes that so many elements take; PTM_EFORMAT for overflow and for blocks of ggml that are not
 * filled. A last byte that packed elements do not fill counts whole: a format that
 * forbids it checks that itself. */
PTM_MUST_USE ptm_rc ptmi_weights_size_of(const char *what, ptm_dtype dtype, int64_t elements,
                                         int64_t *out, struct ptm_err *err);
/* Opens a sibling of the file (a shard, external data) below its own folder, or, for a URL, beside
 * it: relative is untrusted. PTM_EUNSAFE. */
PTM_MUST_USE ptm_rc ptmi_weights_sibling(struct ptm_weights *weights, const char *relative,
                                         ptmi_source **out, struct ptm_err *err);
/* Works out weights->parameters and bytes; the last step of opening. */
PTM_MUST_USE ptm_rc ptmi_weights_total(struct ptm_weights *weights, struct ptm_err *err);

/* --- opening (weights.c) --- */

/*
 * ptm_weights_open() of a source that is there already, which becomes the weights', also on
 * failure: for URLs, members of archives, fuzzing. path: what messages call it, and where siblings
 * lie.
 */
PTM_MUST_USE ptm_rc ptmi_weights_open_source(ptmi_source *source, const char *path, ptm_net *net,
                                             const struct ptm_weights_opts *opts, ptm_weights **out,
                                             struct ptm_err *err);

/* --- reading (weights_read.c) --- */

/* Are its elements one after the other in C order? */
bool ptmi_weights_is_contiguous(const struct ptm_tensor *tensor);
/* As ptm_weights_read(), in a byte order of one's own. tensor may be a slice of one of weights'. */
PTM_MUST_USE ptm_rc ptmi_weights_read_as(ptm_weights *weights, const struct ptm_tensor *tensor,
                                         bool big_endian, void *out, size_t len,
                                         struct ptm_err *err);
