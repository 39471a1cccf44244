/* SPDX-License-Identifier: MIT */
/*
 * torch_objects_priv.h - what the files that give a pickle's symbols their meaning share.
 *
 *   torch_objects.c   the two entry points: values first, then the list of tensors
 *   torch_values.c    a node becomes a value; containers are filled from a queue, never recursively
 *   torch_dict.c      keys given twice
 *   torch_callees.c     the table of known callees, and those that make plain values
 *   torch_storage_id.c  what the persistent id of a storage says
 *   torch_args.c      arguments: integers, sizes, dtypes, storages, tensors, each checked
 *   torch_rebuild.c   rebuild functions of strided tensors
 *   torch_layouts.c   those of quantised, sparse and nested ones
 *   numpy_objects.c   arrays, scalars and dtypes of NumPy
 *   torch_paths.c     the walk that finds tensors and names them
 */
#pragma once

#include "torch_objects.h"

/* Tensors inside the arguments of tensors (a parameter of a subclass of ..): more than anybody
 * nests, and little stack. */
#define PTMI_MAKE_DEPTH 64

struct ptmi_known;

/* A value, and what is needed to fill it and to walk over it. In weights' arena. */
struct ptmi_made {
    struct ptm_value value; /* first: a ptm_value of this room's pickles is one of these */
    struct ptmi_pk *state;  /* to become value.state */
    struct ptmi_pk **from;  /* to become value.items; what node has comes after them */
    uint64_t n_from;
    struct ptmi_pk *node;           /* OBJECT: the call it stands for */
    const struct ptmi_known *known; /* GLOBAL: what its call would mean; NULL: nothing known */
    size_t n_args;     /* OBJECT: items after so many are its own content, not arguments */
    bool from_pairs;   /* from: sequences of two, to become keys and values */
    bool queued;       /* has something to fill, or children to walk */
    bool holds_tensor; /* itself, or somewhere below */
    bool on_path;      /* being walked: met again, it is a circle */
    bool listed;       /* TENSOR: value.tensor is a listed one */
    bool is_storage;   /* TENSOR: made of a bare storage */
};

struct ptmi_objects {
    struct ptm_weights *weights;
    struct ptmi_pickle *pickle;
    const struct ptmi_storage_lookup *lookup; /* NULL: no persistent ids are known */
    struct ptmi_made **queue;                 /* containers in the order they were met; owned */
    size_t n_queue, cap_queue;
    uint64_t seed;     /* of hashes; 0: not yet chosen */
    uint64_t n_places; /* in containers so far */
    int depth;         /* of ptmi_make() */
};

/* A call as its handler sees it. */
struct ptmi_call {
    const char *name;       /* "_rebuild_tensor_v2" */
    const char *class_name; /* "torch._utils._rebuild_tensor_v2", in weights' arena */
    struct ptmi_pk **args;
    uint64_t n_args;
    struct ptmi_pk *node; /* CALL or NEW */
};

/* What a tensor-making callee fills in. */
struct ptmi_new_tensor {
    struct ptm_tensor tensor;
    const char *class_name; /* NULL: torch.Tensor */
    struct ptmi_pk *state;  /* attributes; NULL: none */
    bool is_storage;        /* a bare storage's elements */
};

/*
 * A callee that is known. Exactly one of the two is set. PTM_ITEM from either: not called in a way
 * that is known, it becomes an object that was never made.
 */
struct ptmi_known {
    const char *module, *name;
    ptm_rc (*value)(struct ptmi_objects *o, const struct ptmi_call *call, struct ptmi_made **out,
                    struct ptm_err *err);
    ptm_rc (*tensor)(struct ptmi_objects *o, const struct ptmi_call *call,
                     struct ptmi_new_tensor *out, struct ptm_err *err);
};

/* --- torch_values.c --- */

/* The value of a node, made at the first call. Children are made later, from the queue. */
PTM_MUST_USE ptm_rc ptmi_make(struct ptmi_objects *o, struct ptmi_pk *node, struct ptmi_made **out,
                              struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_made_new(struct ptmi_objects *o, ptm_value_kind kind,
                                  struct ptmi_made **out, struct ptm_err *err);
/* It will be filled: from, state and node are set before. */
PTM_MUST_USE ptm_rc ptmi_made_queue(struct ptmi_objects *o, struct ptmi_made *made,
                                    struct ptm_err *err);
/* n items are looked at for a call, or put into a container. Calls may share one tuple or list of
 * any length: PTM_ELIMIT when that is all they do. */
PTM_MUST_USE ptm_rc ptmi_made_count(struct ptmi_objects *o, uint64_t n, struct ptm_err *err);
/* Fills what is queued, and what that queues. */
PTM_MUST_USE ptm_rc ptmi_made_fill_all(struct ptmi_objects *o, struct ptm_err *err);
/* A call of something else: told, not made. */
PTM_MUST_USE ptm_rc ptmi_made_object(struct ptmi_objects *o, const struct ptmi_call *call,
                                     struct ptmi_made **out, struct ptm_err *err);
/* What the call of a known callee makes; *out NULL: it is not called in a way that is known. */
PTM_MUST_USE ptm_rc ptmi_made_call(struct ptmi_objects *o, const struct ptmi_known *known,
                                   const struct ptmi_call *call, struct ptmi_made **out,
                                   struct ptm_err *err);
/* A tensor, checked, that is not listed yet. */
PTM_MUST_USE ptm_rc ptmi_made_tensor(struct ptmi_objects *o, const struct ptmi_call *call,
                                     struct ptmi_new_tensor *tensor, struct ptmi_made **out,
                                     struct ptm_err *err);

/* --- torch_dict.c --- */

/* Of a filled DICT, whose items they are. */
PTM_MUST_USE ptm_rc ptmi_made_unite_keys(struct ptmi_objects *o, struct ptmi_made *made,
                                         const struct ptm_value **items, struct ptm_err *err);

/* --- torch_callees.c --- */

const struct ptmi_known *ptmi_known_find(const char *module, const char *name);

/* --- torch_args.c --- */

/* "NAME: byte 12: _rebuild_tensor_v2: <text>", PTM_EFORMAT. */
PTM_MUST_USE PTM_PRINTF(4, 5) ptm_rc
    ptmi_call_bad(const struct ptmi_objects *o, const struct ptmi_call *call, struct ptm_err *err,
                  const char *fmt, ...);
PTM_MUST_USE ptm_rc ptmi_arg_count(const struct ptmi_objects *o, const struct ptmi_call *call,
                                   uint64_t min, uint64_t max, struct ptm_err *err);

/* An argument (or a part of one) and what it is called in messages. */
struct ptmi_arg {
    const struct ptmi_call *call;
    const char *what;
    struct ptmi_pk *node;
};
#define PTMI_ARG(call_, what_, node_) (&(struct ptmi_arg){(call_), (what_), (node_)})

/* Zero or more. */
PTM_MUST_USE ptm_rc ptmi_arg_natural(const struct ptmi_objects *o, const struct ptmi_arg *arg,
                                     int64_t *out, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_arg_bool(const struct ptmi_objects *o, const struct ptmi_arg *arg,
                                  bool *out, struct ptm_err *err);
/* A tuple, a list, a torch.Size of integers that are not negative; in weights' arena. */
PTM_MUST_USE ptm_rc ptmi_arg_sizes(struct ptmi_objects *o, const struct ptmi_arg *arg, int *out_n,
                                   const int64_t **out, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_arg_dtype(const struct ptmi_objects *o, const struct ptmi_arg *arg,
                                   ptm_dtype *out, struct ptm_err *err);
/* Any that its own call makes. *out is not listed, and lives in weights' arena. */
PTM_MUST_USE ptm_rc ptmi_arg_tensor(struct ptmi_objects *o, const struct ptmi_arg *arg,
                                    const struct ptm_tensor **out, struct ptm_err *err);
/* A strided one of one of the integer dtypes. */
PTM_MUST_USE ptm_rc ptmi_arg_indices(struct ptmi_objects *o, const struct ptmi_arg *arg,
                                     const struct ptm_tensor **out, struct ptm_err *err);
/* Hooks are never run; what they would have to be is checked. */
PTM_MUST_USE ptm_rc ptmi_arg_hooks(const struct ptmi_objects *o, const struct ptmi_arg *arg,
                                   struct ptm_err *err);
struct ptmi_storage_ref {
    size_t index;
    ptm_dtype element;
    int64_t offset; /* elements to be added */
};
PTM_MUST_USE ptm_rc ptmi_arg_storage(struct ptmi_objects *o, const struct ptmi_arg *arg,
                                     struct ptmi_storage_ref *out, struct ptm_err *err);
/* (storage, offset, size, stride) into tensor. dtype: PTM_DTYPE_NONE for the storage's own. */
PTM_MUST_USE ptm_rc ptmi_arg_view(struct ptmi_objects *o, const struct ptmi_call *call,
                                  struct ptmi_pk *const four[4], ptm_dtype dtype,
                                  struct ptm_tensor *tensor, struct ptm_err *err);
/* Items of a tuple or list; false: it is neither. */
bool ptmi_pk_sequence(const struct ptmi_pk *node, struct ptmi_pk ***out, uint64_t *out_n);
bool ptmi_pk_is_text(const struct ptmi_pk *node, const char *text);
/* The same for the first item of a persistent id, which torch takes as bytes too. */
bool ptmi_pk_is_tag(const struct ptmi_pk *node, const char *text);
bool ptmi_pk_is_global(const struct ptmi_pk *node, const char *module, const char *name);
/* Bytes of any spelling: BYTES, a Python 2 str, _codecs.encode(..). PTM_ITEM: it is something else.
 * *out is a reference, and has the bytes from *out_offset on. */
PTM_MUST_USE ptm_rc ptmi_arg_bytes(struct ptmi_objects *o, struct ptmi_pk *node, ptmi_source **out,
                                   uint64_t *out_offset, uint64_t *out_n, struct ptm_err *err);

/* --- torch_rebuild.c --- */

ptm_rc ptmi_rebuild_tensor(struct ptmi_objects *o, const struct ptmi_call *call,
                           struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_rebuild_tensor_v2(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_rebuild_tensor_v3(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_rebuild_parameter(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_rebuild_parameter_class(struct ptmi_objects *o, const struct ptmi_call *call,
                                    struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_rebuild_tensor_class(struct ptmi_objects *o, const struct ptmi_call *call,
                                 struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_rebuild_meta(struct ptmi_objects *o, const struct ptmi_call *call,
                         struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_rebuild_wrapper(struct ptmi_objects *o, const struct ptmi_call *call,
                            struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_rebuild_from_data(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_rebuild_from_type(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_new_tensor *out, struct ptm_err *err);

/* --- torch_layouts.c --- */

ptm_rc ptmi_rebuild_qtensor(struct ptmi_objects *o, const struct ptmi_call *call,
                            struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_rebuild_sparse(struct ptmi_objects *o, const struct ptmi_call *call,
                           struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_rebuild_nested(struct ptmi_objects *o, const struct ptmi_call *call,
                           struct ptmi_new_tensor *out, struct ptm_err *err);

/* --- numpy_objects.c --- */

ptm_rc ptmi_numpy_reconstruct(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_made **out, struct ptm_err *err);
ptm_rc ptmi_numpy_frombuffer(struct ptmi_objects *o, const struct ptmi_call *call,
                             struct ptmi_new_tensor *out, struct ptm_err *err);
ptm_rc ptmi_numpy_scalar(struct ptmi_objects *o, const struct ptmi_call *call,
                         struct ptmi_made **out, struct ptm_err *err);

/* --- torch_paths.c --- */

/* Lists every tensor that root leads to. */
PTM_MUST_USE ptm_rc ptmi_paths_list(struct ptm_weights *weights, struct ptmi_made *root,
                                    struct ptm_err *err);
