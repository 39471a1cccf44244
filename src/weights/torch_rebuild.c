/* SPDX-License-Identifier: MIT */
/*
 * torch_rebuild.c - rebuild functions of strided tensors and of what wraps them:
 *
 *     _rebuild_tensor(storage, offset, size, stride)
 *     _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])
 *     _rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype[, metadata])
 *     _rebuild_parameter(data, requires_grad, hooks)
 *     _rebuild_parameter_with_state(data, requires_grad, hooks, state)
 *     _rebuild_from_type_v2(function, class, arguments, state)
 *     _rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)
 *     _rebuild_wrapper_subclass(class, dtype, size, stride, offset, layout, device, requires_grad)
 *     _rebuild_device_tensor_from_numpy(data, dtype, device, requires_grad), from_cpu_tensor
 *
 * and the classes themselves, with the state BUILD gives them, as torch before 0.4 wrote it.
 * Sources: torch/_utils.py, torch/_tensor.py, torch 0.3's torch/tensor.py and autograd/variable.py.
 */
#include <string.h>

#include "torch_objects_priv.h"

/* (.., requires_grad, hooks): both checked, hooks never run. */
static ptm_rc grad_and_hooks(const struct ptmi_objects *o, const struct ptmi_call *call,
                             struct ptmi_pk *const two[2], struct ptm_tensor *tensor,
                             struct ptm_err *err)
{
    PTM_TRY(ptmi_arg_bool(o, PTMI_ARG(call, "requires_grad", two[0]), &tensor->requires_grad, err));
    return ptmi_arg_hooks(o, PTMI_ARG(call, "backward_hooks", two[1]), err);
}

/* {'conj': True, 'neg': True}: lazy views that the values still need. */
static ptm_rc metadata(const struct ptmi_objects *o, const struct ptmi_call *call,
                       const struct ptmi_pk *node, struct ptm_tensor *tensor, struct ptm_err *err)
{
    if (node->kind == PTMI_PK_NONE) return PTM_OK;
    if (node->kind != PTMI_PK_DICT) return ptmi_call_bad(o, call, err, "metadata is no dictionary");
    for (uint64_t i = 0; i + 1 < node->n_items; i += 2) {
        bool *flag = NULL;
        if (ptmi_pk_is_text(node->items[i], "conj")) flag = &tensor->conj;
        if (ptmi_pk_is_text(node->items[i], "neg")) flag = &tensor->neg;
        if (!flag) return ptmi_call_bad(o, call, err, "metadata that is not known");
        PTM_TRY(ptmi_arg_bool(o, PTMI_ARG(call, "metadata", node->items[i + 1]), flag, err));
    }
    return PTM_OK;
}

/* Takes over data as it is; its own flags are the wrapper's to give. PTM_ITEM: data is an object
 * that nobody knows how to make (a subclass with a function of its own), so this is one too. */
static ptm_rc wrap(struct ptmi_objects *o, const struct ptmi_call *call, struct ptmi_pk *data,
                   struct ptm_tensor *out, struct ptm_err *err)
{
    const struct ptm_tensor *tensor = NULL;
    struct ptmi_made *made = NULL;
    if (data->kind == PTMI_PK_CALL || data->kind == PTMI_PK_NEW) {
        PTM_TRY(ptmi_make(o, data, &made, err));
        if (made->value.kind == PTM_VALUE_OBJECT) return PTM_ITEM;
    }
    PTM_TRY(ptmi_arg_tensor(o, PTMI_ARG(call, "data", data), &tensor, err));
    *out = *tensor;
    return PTM_OK;
}

/* --- BUILD: Tensor.__setstate__ --- */

/* Variables of torch 0.1: (data, grad, hooks, requires_grad, volatile). */
static ptm_rc old_variable(struct ptmi_objects *o, const struct ptmi_call *call,
                           const struct ptmi_pk *state, struct ptm_tensor *tensor,
                           struct ptm_err *err)
{
    bool parameter = tensor->is_parameter;
    struct ptmi_pk *two[2] = {state->items[3], state->items[2]};
    ptm_rc rc = wrap(o, call, state->items[0], tensor, err);
    if (rc != PTM_OK) return rc;
    tensor->is_parameter = parameter;
    return grad_and_hooks(o, call, two, tensor, err);
}

/* A state that is no tuple gives attributes. */
static ptm_rc apply_state(struct ptmi_objects *o, const struct ptmi_call *call,
                          struct ptmi_pk *state, struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct ptm_tensor *tensor = &out->tensor;
    struct ptmi_pk **items = state->items;
    if (state->kind == PTMI_PK_DICT) {
        out->state = state;
        return PTM_OK;
    }
    if (state->kind != PTMI_PK_TUPLE) return ptmi_call_bad(o, call, err, "its state is no tuple");
    if (state->n_items != 3 && tensor->n_parts > 0)
        return ptmi_call_bad(o, call, err, "another storage for a tensor that is made of parts");
    if (state->n_items == 4) return ptmi_arg_view(o, call, items, PTM_DTYPE_NONE, tensor, err);
    if (state->n_items == 5 && items[1]->kind == PTMI_PK_INT) {
        PTM_TRY(ptmi_arg_view(o, call, items, PTM_DTYPE_NONE, tensor, err));
        return ptmi_arg_bool(o, PTMI_ARG(call, "requires_grad", items[4]), &tensor->requires_grad,
                             err);
    }
    if (state->n_items == 5) return old_variable(o, call, state, tensor, err);
    if (state->n_items != 3) return ptmi_call_bad(o, call, err, "a state of another length");
    struct ptmi_pk *two[2] = {items[0], items[2]};
    return grad_and_hooks(o, call, two, tensor, err);
}

static ptm_rc state_of(struct ptmi_objects *o, const struct ptmi_call *call,
                       struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct ptmi_pk *state = call->node->state;
    return state ? apply_state(o, call, state, out, err) : PTM_OK;
}

/* --- strided tensors --- */

ptm_rc ptmi_rebuild_tensor(struct ptmi_objects *o, const struct ptmi_call *call,
                           struct ptmi_new_tensor *out, struct ptm_err *err)
{
    PTM_TRY(ptmi_arg_count(o, call, 4, 4, err));
    PTM_TRY(ptmi_arg_view(o, call, call->args, PTM_DTYPE_NONE, &out->tensor, err));
    return state_of(o, call, out, err);
}

ptm_rc ptmi_rebuild_tensor_v2(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct ptm_tensor *tensor = &out->tensor;
    PTM_TRY(ptmi_arg_count(o, call, 6, 7, err));
    PTM_TRY(ptmi_arg_view(o, call, call->args, PTM_DTYPE_NONE, tensor, err));
    PTM_TRY(grad_and_hooks(o, call, call->args + 4, tensor, err));
    if (call->n_args > 6) PTM_TRY(metadata(o, call, call->args[6], tensor, err));
    return state_of(o, call, out, err);
}

/* For dtypes that no storage class has: it names the dtype, the storage counts bytes. */
ptm_rc ptmi_rebuild_tensor_v3(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct ptm_tensor *tensor = &out->tensor;
    ptm_dtype dtype = PTM_DTYPE_NONE;
    PTM_TRY(ptmi_arg_count(o, call, 7, 8, err));
    PTM_TRY(ptmi_arg_dtype(o, PTMI_ARG(call, "dtype", call->args[6]), &dtype, err));
    PTM_TRY(ptmi_arg_view(o, call, call->args, dtype, tensor, err));
    PTM_TRY(grad_and_hooks(o, call, call->args + 4, tensor, err));
    if (call->n_args > 7) PTM_TRY(metadata(o, call, call->args[7], tensor, err));
    return state_of(o, call, out, err);
}

/* --- what wraps a tensor --- */

ptm_rc ptmi_rebuild_parameter(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_new_tensor *out, struct ptm_err *err)
{
    bool with_state = strcmp(call->name, "_rebuild_parameter_with_state") == 0;
    PTM_TRY(ptmi_arg_count(o, call, with_state ? 4 : 3, with_state ? 4 : 3, err));
    ptm_rc rc = wrap(o, call, call->args[0], &out->tensor, err);
    if (rc != PTM_OK) return rc;
    PTM_TRY(grad_and_hooks(o, call, call->args + 1, &out->tensor, err));
    out->tensor.is_parameter = true;
    if (with_state) out->state = call->args[3];
    return state_of(o, call, out, err);
}

/* Parameter(data[, requires_grad]), Variable(data), and BUILD (requires_grad, volatile, hooks). */
ptm_rc ptmi_rebuild_parameter_class(struct ptmi_objects *o, const struct ptmi_call *call,
                                    struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct ptmi_pk *state = call->node->state;
    if (call->n_args == 0 && (!state || state->kind != PTMI_PK_TUPLE || state->n_items != 5))
        return PTM_ITEM; /* no data */
    PTM_TRY(ptmi_arg_count(o, call, 0, 2, err));
    ptm_rc rc = PTM_OK;
    if (call->n_args > 0) rc = wrap(o, call, call->args[0], &out->tensor, err);
    if (rc != PTM_OK) return rc;
    out->tensor.is_parameter = strcmp(call->name, "Parameter") == 0;
    out->tensor.requires_grad = out->tensor.is_parameter;
    if (call->n_args > 1)
        PTM_TRY(ptmi_arg_bool(o, PTMI_ARG(call, "requires_grad", call->args[1]),
                              &out->tensor.requires_grad, err));
    return state_of(o, call, out, err);
}

/* torch.FloatTensor() with BUILD (storage, offset, size, stride). Sizes as arguments would make one
 * without values. */
ptm_rc ptmi_rebuild_tensor_class(struct ptmi_objects *o, const struct ptmi_call *call,
                                 struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct ptmi_pk *state = call->node->state;
    if (call->n_args != 0 || !state || state->kind != PTMI_PK_TUPLE || state->n_items < 4)
        return PTM_ITEM;
    return state_of(o, call, out, err);
}

/* The data of a device that cannot be saved: a NumPy array or tensor of the CPU. What is stored
 * counts; a bfloat16 of XLA is stored as float32. */
ptm_rc ptmi_rebuild_from_data(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_new_tensor *out, struct ptm_err *err)
{
    ptm_dtype dtype = PTM_DTYPE_NONE;
    PTM_TRY(ptmi_arg_count(o, call, 4, 4, err));
    ptm_rc rc = wrap(o, call, call->args[0], &out->tensor, err);
    if (rc != PTM_OK) return rc;
    PTM_TRY(ptmi_arg_dtype(o, PTMI_ARG(call, "dtype", call->args[1]), &dtype, err));
    PTM_TRY(ptmi_arg_bool(o, PTMI_ARG(call, "requires_grad", call->args[3]),
                          &out->tensor.requires_grad, err));
    return state_of(o, call, out, err);
}

/* function(*arguments) of a subclass, with its attributes. The function must make a tensor. */
ptm_rc ptmi_rebuild_from_type(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct ptmi_made *function = NULL, *class = NULL;
    PTM_TRY(ptmi_arg_count(o, call, 4, 4, err));
    if (call->args[0]->kind != PTMI_PK_GLOBAL || call->args[1]->kind != PTMI_PK_GLOBAL ||
        call->args[2]->kind != PTMI_PK_TUPLE)
        return ptmi_call_bad(o, call, err, "no function, class and arguments");
    PTM_TRY(ptmi_make(o, call->args[0], &function, err));
    if (!function->known || !function->known->tensor) return PTM_ITEM;
    if (function->known->tensor == ptmi_rebuild_from_type)
        return ptmi_call_bad(o, call, err, "calls itself");
    PTM_TRY(ptmi_make(o, call->args[1], &class, err));
    struct ptmi_call inner = *call;
    inner.name = call->args[0]->name;
    inner.class_name = function->value.class_name;
    inner.args = call->args[2]->items;
    inner.n_args = call->args[2]->n_items;
    ptm_rc rc = function->known->tensor(o, &inner, out, err);
    if (rc != PTM_OK) return rc;
    out->class_name = class->value.class_name;
    if (call->args[3]->kind != PTMI_PK_NONE) out->state = call->args[3];
    return PTM_OK;
}

/* --- tensors without data --- */

ptm_rc ptmi_rebuild_meta(struct ptmi_objects *o, const struct ptmi_call *call,
                         struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct ptm_tensor *t = &out->tensor;
    int n = 0;
    PTM_TRY(ptmi_arg_count(o, call, 4, 4, err));
    PTM_TRY(ptmi_arg_dtype(o, PTMI_ARG(call, "dtype", call->args[0]), &t->dtype, err));
    PTM_TRY(ptmi_arg_sizes(o, PTMI_ARG(call, "size", call->args[1]), &t->n_dims, &t->shape, err));
    PTM_TRY(ptmi_arg_sizes(o, PTMI_ARG(call, "stride", call->args[2]), &n, &t->stride, err));
    if (n != t->n_dims) return ptmi_call_bad(o, call, err, "%d sizes and %d strides", t->n_dims, n);
    PTM_TRY(
        ptmi_arg_bool(o, PTMI_ARG(call, "requires_grad", call->args[3]), &t->requires_grad, err));
    return state_of(o, call, out, err);
}

ptm_rc ptmi_rebuild_wrapper(struct ptmi_objects *o, const struct ptmi_call *call,
                            struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct ptm_tensor *t = &out->tensor;
    struct ptmi_made *class = NULL;
    int n = 0;
    PTM_TRY(ptmi_arg_count(o, call, 8, 8, err));
    if (call->args[0]->kind != PTMI_PK_GLOBAL)
        return ptmi_call_bad(o, call, err, "cls is no class");
    PTM_TRY(ptmi_make(o, call->args[0], &class, err));
    PTM_TRY(ptmi_arg_dtype(o, PTMI_ARG(call, "dtype", call->args[1]), &t->dtype, err));
    PTM_TRY(ptmi_arg_sizes(o, PTMI_ARG(call, "size", call->args[2]), &t->n_dims, &t->shape, err));
    PTM_TRY(ptmi_arg_sizes(o, PTMI_ARG(call, "stride", call->args[3]), &n, &t->stride, err));
    if (n != t->n_dims) return ptmi_call_bad(o, call, err, "%d sizes and %d strides", t->n_dims, n);
    PTM_TRY(ptmi_arg_natural(o, PTMI_ARG(call, "storage_offset", call->args[4]), &t->offset, err));
    PTM_TRY(
        ptmi_arg_bool(o, PTMI_ARG(call, "requires_grad", call->args[7]), &t->requires_grad, err));
    out->class_name = class->value.class_name;
    return state_of(o, call, out, err);
}
