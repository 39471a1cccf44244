/* SPDX-License-Identifier: MIT */
/*
 * torch_objects.h - what the symbols of a pickle mean in a checkpoint: torch's rebuild functions
 * and NumPy's become tensors, their arguments checked one by one; dicts, lists and scalars become
 * ptm_values; everything else stays an object that was never made, searched for tensors by its
 * attributes. Sources: torch/_utils.py, torch/_tensor.py, numpy/core/multiarray.
 */
#pragma once

#include "pickle.h"
#include "weights_priv.h"

/* How the pickles of checkpoints are run: a str of Python 2 may be text or an array's bytes, so it
 * stays as it is. */
#define PTMI_TORCH_PICKLE (&(const struct ptmi_pickle_opts){.no_encoding = true})

/* Finds the storage a persistent id means. id: its node (a tuple, or whatever the file has). The
 * container's: zip, legacy and tar each know theirs. */
struct ptmi_storage_lookup {
    /*
     * *out: the storage, added to weights at the first call for its key. element: the dtype its
     * class says (PTM_UINT8 for UntypedStorage). *out_offset: elements to add to the tensor's
     * offset (views of legacy files).
     */
    ptm_rc (*storage)(void *arg, const struct ptmi_pk *id, size_t *out, ptm_dtype *out_element,
                      int64_t *out_offset, struct ptm_err *err);
    /* A persistent id that is a tensor itself (tar files); NULL: none are. *out is in the arena;
     * left NULL when the id is none of a tensor: storage() is asked then. Asked for every use of
     * the id, so that a tensor should be made once. */
    ptm_rc (*tensor)(void *arg, const struct ptmi_pk *id, const struct ptm_tensor **out,
                     struct ptm_err *err);
    void *arg;
};
/* What ('storage', StorageClass, key, location, numel[, view]) says, checked. PTM_EFORMAT. */
struct ptmi_storage_id {
    ptm_dtype element; /* PTM_UINT8 for UntypedStorage, with untyped set */
    bool untyped;
    const char *key, *location; /* NUL-terminated, in weights' arena */
    int64_t numel;
    int64_t nbytes;
    bool has_view; /* legacy: (view_key, offset, numel) */
    int64_t view_offset, view_numel;
};
PTM_MUST_USE ptm_rc ptmi_storage_id_read(struct ptm_weights *weights, const struct ptmi_pk *id,
                                         struct ptmi_storage_id *out, struct ptm_err *err);
/* dtype of a torch storage class by its name ("FloatStorage"); PTM_DTYPE_NONE: no such class. */
ptm_dtype ptmi_storage_class_dtype(const char *name);

/*
 * Adds all tensors of pickle's root to weights, in the order they are met, under dotted paths, and
 * sets weights->root. Values and tensors copy what they need: the pickle may be cleared afterwards,
 * its source stays as long as storages lie in it. _modules, _parameters and _buffers are left out
 * of paths below objects, so that the tensors of a pickled module have the names its state_dict()
 * gives them.
 */
PTM_MUST_USE ptm_rc ptmi_torch_objects(struct ptm_weights *weights, struct ptmi_pickle *pickle,
                                       const struct ptmi_storage_lookup *lookup,
                                       struct ptm_err *err);

/* The same for a stream inside another: only makes the root's value, lists no tensor, leaves
 * weights->root alone. Streams nest at most PTM_LIMIT_ARCHIVE_DEPTH deep (weights->nested). */
PTM_MUST_USE ptm_rc ptmi_torch_objects_value(struct ptm_weights *weights,
                                             struct ptmi_pickle *pickle,
                                             const struct ptmi_storage_lookup *lookup,
                                             const struct ptm_value **out, struct ptm_err *err);

/* pt_legacy.c: the legacy stream inside bytes (torch.storage._load_from_bytes): its root's value as
 * ptmi_torch_objects_value() makes it, tensors not yet listed. A root that is a storage is a tensor
 * of one dimension. It counts how deep streams nest, and their bytes: PTM_ELIMIT. */
PTM_MUST_USE ptm_rc ptmi_legacy_nested(struct ptm_weights *weights, ptmi_source *source,
                                       const struct ptm_value **out, struct ptm_err *err);
/* NumPy's type strings: "<f4", "|b1", ">i8". PTM_EUNSUPPORTED names others ("object" too). */
PTM_MUST_USE ptm_rc ptmi_numpy_dtype(const char *descr, ptm_dtype *out, bool *out_big_endian,
                                     struct ptm_err *err);
