/* SPDX-License-Identifier: MIT */
/*
 * torch_callees.c - the callees whose meaning is known, and those of them that make plain values:
 * collections, sets, bytes, numbers, and the wrappers that only hand on what they are given. How a
 * callee that runs nothing is called wrongly does not matter: it becomes an object that was never
 * made.
 */
#include <string.h>

#include "../base/str.h"
#include "torch_objects_priv.h"

/* --- collections --- */

/* The one argument as a list of items; true for no argument at all. */
static bool optional_sequence(const struct ptmi_call *call, struct ptmi_pk ***out, uint64_t *out_n)
{
    *out = NULL;
    *out_n = 0;
    if (call->n_args == 0) return true;
    return call->n_args == 1 && ptmi_pk_sequence(call->args[0], out, out_n);
}

static bool all_pairs(struct ptmi_pk **items, uint64_t n)
{
    struct ptmi_pk **pair;
    uint64_t n_pair;
    for (uint64_t i = 0; i < n; i++)
        if (!ptmi_pk_sequence(items[i], &pair, &n_pair) || n_pair != 2) return false;
    return true;
}

/* Queued when there is anything in it. */
static ptm_rc finish(struct ptmi_objects *o, struct ptmi_made *made, struct ptm_err *err)
{
    bool content = made->n_from > 0 || made->state || (made->node && made->node->n_pairs > 0);
    return content ? ptmi_made_queue(o, made, err) : PTM_OK;
}

/* OrderedDict(), OrderedDict([(k, v), ..]), Counter({..}), and what SETITEMS puts into it. */
static ptm_rc call_dict(struct ptmi_objects *o, const struct ptmi_call *call,
                        struct ptmi_made **out, struct ptm_err *err)
{
    struct ptmi_pk **items = NULL;
    uint64_t n = 0;
    bool dict = call->n_args == 1 && call->args[0]->kind == PTMI_PK_DICT;
    if (call->node->n_items > 0) return PTM_ITEM;
    if (!dict && !optional_sequence(call, &items, &n)) return PTM_ITEM;
    PTM_TRY(ptmi_made_count(o, n, err));
    if (!dict && !all_pairs(items, n)) return PTM_ITEM;
    PTM_TRY(ptmi_made_new(o, PTM_VALUE_DICT, out, err));
    struct ptmi_made *made = *out;
    if (strcmp(call->class_name, "builtins.dict") != 0) made->value.class_name = call->class_name;
    made->from = dict ? call->args[0]->items : items;
    made->n_from = dict ? call->args[0]->n_items : n;
    made->from_pairs = !dict && n > 0;
    made->node = call->node;
    made->state = call->node->state;
    return finish(o, made, err);
}

/* defaultdict(factory): the factory is named, not needed. */
static ptm_rc call_defaultdict(struct ptmi_objects *o, const struct ptmi_call *call,
                               struct ptmi_made **out, struct ptm_err *err)
{
    struct ptmi_call inner = *call;
    if (call->n_args > 0) {
        inner.args++;
        inner.n_args--;
    }
    return call_dict(o, &inner, out, err);
}

/* set([..]), frozenset([..]), list(), torch.Size((..)): one list of items. */
static ptm_rc sequence(struct ptmi_objects *o, const struct ptmi_call *call, ptm_value_kind kind,
                       struct ptmi_made **out, struct ptm_err *err)
{
    struct ptmi_pk **items = NULL;
    uint64_t n = 0;
    if (!optional_sequence(call, &items, &n) || call->node->n_items + call->node->n_pairs > 0)
        return PTM_ITEM;
    PTM_TRY(ptmi_made_new(o, kind, out, err));
    (*out)->from = items;
    (*out)->n_from = n;
    return finish(o, *out, err);
}

static ptm_rc call_set(struct ptmi_objects *o, const struct ptmi_call *call, struct ptmi_made **out,
                       struct ptm_err *err)
{
    return sequence(o, call, PTM_VALUE_SET, out, err);
}

static ptm_rc call_frozenset(struct ptmi_objects *o, const struct ptmi_call *call,
                             struct ptmi_made **out, struct ptm_err *err)
{
    ptm_rc rc = sequence(o, call, PTM_VALUE_SET, out, err);
    if (rc == PTM_OK) (*out)->value.flag = true;
    return rc;
}

static ptm_rc call_size(struct ptmi_objects *o, const struct ptmi_call *call,
                        struct ptmi_made **out, struct ptm_err *err)
{
    ptm_rc rc = sequence(o, call, PTM_VALUE_TUPLE, out, err);
    if (rc == PTM_OK) (*out)->value.class_name = call->class_name;
    return rc;
}

/* --- bytes and numbers --- */

static bool is_latin1(const struct ptmi_pk *codec)
{
    static const char *const names[] = {"latin1", "latin-1", "iso-8859-1", "latin_1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ptmi_pk_is_text(codec, names[i])) return true;
    return false;
}

/* Characters U+0000 to U+00FF back to bytes; false: there are others. */
static bool narrow(const struct ptmi_pk *text, char *to, size_t *out_n)
{
    size_t n = 0;
    for (uint64_t i = 0; i < text->n; i++) {
        unsigned char c = (unsigned char)text->bytes[i];
        if (c >= 0x80) {
            if ((c != 0xc2 && c != 0xc3) || i + 1 >= text->n) return false;
            c = (unsigned char)((c & 3) << 6 | (text->bytes[++i] & 0x3f));
        }
        to[n++] = (char)c;
    }
    *out_n = n;
    return true;
}

/* The bytes that a str stands for in pickles before protocol 3. */
static ptm_rc encoded(struct ptmi_objects *o, const struct ptmi_pk *text, struct ptmi_made **out,
                      struct ptm_err *err)
{
    void *memory = NULL;
    size_t n = 0;
    PTM_TRY(ptmi_weights_alloc(o->weights, (size_t)text->n + 1, &memory, err));
    if (!narrow(text, memory, &n)) return PTM_ITEM;
    PTM_TRY(ptmi_made_new(o, PTM_VALUE_BYTES, out, err));
    (*out)->value.text = memory;
    (*out)->value.len = n;
    return PTM_OK;
}

static ptm_rc call_encode(struct ptmi_objects *o, const struct ptmi_call *call,
                          struct ptmi_made **out, struct ptm_err *err)
{
    if (call->n_args != 2 || call->args[0]->kind != PTMI_PK_STR || call->args[0]->raw ||
        !is_latin1(call->args[1]))
        return PTM_ITEM;
    return encoded(o, call->args[0], out, err);
}

/* bytes(): protocol 2 writes b'' so. */
static ptm_rc call_bytes(struct ptmi_objects *o, const struct ptmi_call *call,
                         struct ptmi_made **out, struct ptm_err *err)
{
    if (call->n_args != 0) return PTM_ITEM;
    PTM_TRY(ptmi_made_new(o, PTM_VALUE_BYTES, out, err));
    (*out)->value.text = "";
    return PTM_OK;
}

/* bytearray(), bytearray(b'..'), bytearray('..', 'latin-1'). */
static ptm_rc call_bytearray(struct ptmi_objects *o, const struct ptmi_call *call,
                             struct ptmi_made **out, struct ptm_err *err)
{
    ptm_rc rc = PTM_ITEM;
    struct ptmi_made *bytes = NULL;
    if (call->n_args == 0) {
        rc = call_bytes(o, call, out, err);
    } else if (call->n_args == 2) {
        rc = call_encode(o, call, out, err);
    } else if (call->n_args == 1 &&
               (call->args[0]->kind == PTMI_PK_BYTES || call->args[0]->kind == PTMI_PK_CALL)) {
        PTM_TRY(ptmi_make(o, call->args[0], &bytes, err));
        if (bytes->value.kind != PTM_VALUE_BYTES) return PTM_ITEM;
        PTM_TRY(ptmi_made_new(o, PTM_VALUE_BYTES, out, err));
        (*out)->value = bytes->value;
        rc = PTM_OK;
    }
    if (rc == PTM_OK) (*out)->value.flag = true;
    return rc;
}

static bool is_number(const struct ptmi_pk *node)
{
    return node->kind == PTMI_PK_FLOAT || node->kind == PTMI_PK_INT;
}

static ptm_rc call_complex(struct ptmi_objects *o, const struct ptmi_call *call,
                           struct ptmi_made **out, struct ptm_err *err)
{
    if (call->n_args != 2 || !is_number(call->args[0]) || !is_number(call->args[1]))
        return PTM_ITEM;
    PTM_TRY(ptmi_made_new(o, PTM_VALUE_COMPLEX, out, err));
    const struct ptmi_pk *re = call->args[0], *im = call->args[1];
    (*out)->value.f = re->kind == PTMI_PK_FLOAT ? re->f : (double)re->i;
    (*out)->value.f2 = im->kind == PTMI_PK_FLOAT ? im->f : (double)im->i;
    return PTM_OK;
}

/* --- what hands on --- */

/* TorchScript's type tags: restore_type_tag(value, 'Dict[str, Tensor]'), build_intlist([..]). */
static ptm_rc call_first(struct ptmi_objects *o, const struct ptmi_call *call,
                         struct ptmi_made **out, struct ptm_err *err)
{
    return call->n_args > 0 ? ptmi_make(o, call->args[0], out, err) : PTM_ITEM;
}

/* copyreg._reconstructor(cls, object, None): protocols 0 and 1 make objects so. */
static ptm_rc call_reconstructor(struct ptmi_objects *o, const struct ptmi_call *call,
                                 struct ptmi_made **out, struct ptm_err *err)
{
    if (call->n_args != 3 || call->args[0]->kind != PTMI_PK_GLOBAL ||
        !ptmi_pk_is_global(call->args[1], "builtins", "object"))
        return PTM_ITEM;
    struct ptmi_made *class = NULL;
    PTM_TRY(ptmi_make(o, call->args[0], &class, err));
    struct ptmi_call inner = {
        .name = call->args[0]->name, .class_name = class->value.class_name, .node = call->node};
    return ptmi_made_object(o, &inner, out, err);
}

/* copyreg.__newobj__(cls, *args) is NEWOBJ in words. */
static ptm_rc call_newobj(struct ptmi_objects *o, const struct ptmi_call *call,
                          struct ptmi_made **out, struct ptm_err *err)
{
    struct ptmi_made *class = NULL;
    if (call->n_args == 0 || call->args[0]->kind != PTMI_PK_GLOBAL) return PTM_ITEM;
    PTM_TRY(ptmi_make(o, call->args[0], &class, err));
    struct ptmi_call inner = {.name = call->args[0]->name,
                              .class_name = class->value.class_name,
                              .args = call->args + 1,
                              .n_args = call->n_args - 1,
                              .node = call->node};
    if (class->known && class->known->value != call_newobj)
        PTM_TRY(ptmi_made_call(o, class->known, &inner, out, err));
    return *out ? PTM_OK : ptmi_made_object(o, &inner, out, err);
}

/* torch.storage._load_from_bytes(b'..'): a whole stream inside this one. */
static ptm_rc call_load_from_bytes(struct ptmi_objects *o, const struct ptmi_call *call,
                                   struct ptmi_made **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *bytes = NULL, *part = NULL;
    uint64_t offset = 0, n = 0;
    const struct ptm_value *value = NULL;
    if (call->n_args != 1 || call->node->n_items + call->node->n_pairs + call->node->n_states > 0)
        return PTM_ITEM;
    ptm_rc rc = ptmi_arg_bytes(o, call->args[0], &bytes, &offset, &n, err);
    if (rc != PTM_OK) return rc;
    PTM_TRY(ptmi_source_part(bytes, offset, n, ptmi_source_name(bytes), &part, err));
    rc = ptmi_legacy_nested(o->weights, part, &value, err);
    if (rc != PTM_OK)
        return ptm_err_ctx(err, rc, "in the bytes at byte %llu",
                           (unsigned long long)call->args[0]->at);
    /* Values of this room's pickles begin with their ptm_value. */
    *out = (struct ptmi_made *)(uintptr_t)value;
    return PTM_OK;
}

/* --- the table --- */

#define UTILS "torch._utils"
#define JIT "torch.jit._pickle"

static const struct ptmi_known known_calls[] = {
    {UTILS, "_rebuild_tensor_v2", NULL, ptmi_rebuild_tensor_v2},
    {UTILS, "_rebuild_tensor", NULL, ptmi_rebuild_tensor},
    {UTILS, "_rebuild_tensor_v3", NULL, ptmi_rebuild_tensor_v3},
    {UTILS, "_rebuild_parameter", NULL, ptmi_rebuild_parameter},
    {UTILS, "_rebuild_parameter_with_state", NULL, ptmi_rebuild_parameter},
    {UTILS, "_rebuild_qtensor", NULL, ptmi_rebuild_qtensor},
    {UTILS, "_rebuild_sparse_tensor", NULL, ptmi_rebuild_sparse},
    {UTILS, "_rebuild_sparse_csr_tensor", NULL, ptmi_rebuild_sparse},
    {UTILS, "_rebuild_nested_tensor", NULL, ptmi_rebuild_nested},
    {UTILS, "_rebuild_meta_tensor_no_storage", NULL, ptmi_rebuild_meta},
    {UTILS, "_rebuild_wrapper_subclass", NULL, ptmi_rebuild_wrapper},
    {UTILS, "_rebuild_device_tensor_from_numpy", NULL, ptmi_rebuild_from_data},
    {UTILS, "_rebuild_device_tensor_from_cpu_tensor", NULL, ptmi_rebuild_from_data},
    {UTILS, "_rebuild_xla_tensor", NULL, ptmi_rebuild_from_data},
    {UTILS, "_rebuild_mlc_tensor", NULL, ptmi_rebuild_from_data},
    {"torch._tensor", "_rebuild_from_type_v2", NULL, ptmi_rebuild_from_type},
    {"torch._tensor", "_rebuild_from_type", NULL, ptmi_rebuild_from_type},
    {"torch.tensor", "_rebuild_from_type", NULL, ptmi_rebuild_from_type},
    {"torch.nn.parameter", "Parameter", NULL, ptmi_rebuild_parameter_class},
    {"torch.autograd.variable", "Variable", NULL, ptmi_rebuild_parameter_class},
    {"torch", "Tensor", NULL, ptmi_rebuild_tensor_class},
    {"torch._tensor", "Tensor", NULL, ptmi_rebuild_tensor_class},
    {"torch.tensor", "Tensor", NULL, ptmi_rebuild_tensor_class},
    {"torch.storage", "_load_from_bytes", call_load_from_bytes, NULL},
    {"torch", "Size", call_size, NULL},
    {JIT, "restore_type_tag", call_first, NULL},
    {JIT, "build_intlist", call_first, NULL},
    {JIT, "build_tensorlist", call_first, NULL},
    {JIT, "build_doublelist", call_first, NULL},
    {JIT, "build_boollist", call_first, NULL},
    {"collections", "OrderedDict", call_dict, NULL},
    {"collections", "Counter", call_dict, NULL},
    {"collections", "defaultdict", call_defaultdict, NULL},
    {"builtins", "dict", call_dict, NULL},
    {"builtins", "set", call_set, NULL},
    {"builtins", "frozenset", call_frozenset, NULL},
    {"builtins", "bytes", call_bytes, NULL},
    {"builtins", "bytearray", call_bytearray, NULL},
    {"builtins", "complex", call_complex, NULL},
    {"_codecs", "encode", call_encode, NULL},
    {"copyreg", "_reconstructor", call_reconstructor, NULL},
    {"copyreg", "__newobj__", call_newobj, NULL},
    {"numpy.core.multiarray", "_reconstruct", ptmi_numpy_reconstruct, NULL},
    {"numpy._core.multiarray", "_reconstruct", ptmi_numpy_reconstruct, NULL},
    {"numpy.core.multiarray", "scalar", ptmi_numpy_scalar, NULL},
    {"numpy._core.multiarray", "scalar", ptmi_numpy_scalar, NULL},
    {"numpy.core.numeric", "_frombuffer", NULL, ptmi_numpy_frombuffer},
    {"numpy._core.numeric", "_frombuffer", NULL, ptmi_numpy_frombuffer},
};

/* torch.FloatTensor, torch.cuda.FloatTensor: classes of before torch 0.4. */
static const struct ptmi_known old_tensor_class = {NULL, NULL, NULL, ptmi_rebuild_tensor_class};

static bool is_old_tensor_class(const char *module, const char *name)
{
    char storage[64];
    size_t len = strlen(name);
    if (strcmp(module, "torch") != 0 && strcmp(module, "torch.cuda") != 0) return false;
    if (len > 40 || !ptmi_str_ends(name, "Tensor")) return false;
    memcpy(storage, name, len - strlen("Tensor"));
    memcpy(storage + len - strlen("Tensor"), "Storage", sizeof "Storage");
    return ptmi_storage_class_dtype(storage) != PTM_DTYPE_NONE;
}

const struct ptmi_known *ptmi_known_find(const char *module, const char *name)
{
    for (size_t i = 0; i < sizeof known_calls / sizeof *known_calls; i++)
        if (strcmp(known_calls[i].name, name) == 0 && strcmp(known_calls[i].module, module) == 0)
            return &known_calls[i];
    return is_old_tensor_class(module, name) ? &old_tensor_class : NULL;
}
