/* SPDX-License-Identifier: MIT */
/*
 * torch_values.c - a node of a pickle becomes a value, once. What has children is queued and filled
 * when its turn comes, so that neither depth nor circles cost any stack; only tensors inside the
 * arguments of tensors are made at once.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../base/grow.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "torch_objects_priv.h"

/* Items of containers and calls: so many a byte of the pickle, and so many of the smallest
 * one. */
#define PLACES_A_BYTE 8
#define PLACES_ANYWAY 1000000

#define BUSY 1 /* of a node's mark: its value is being made */

ptm_rc ptmi_made_new(struct ptmi_objects *o, ptm_value_kind kind, struct ptmi_made **out,
                     struct ptm_err *err)
{
    void *memory = NULL;
    PTM_TRY(ptmi_weights_alloc(o->weights, sizeof(struct ptmi_made), &memory, err));
    struct ptmi_made *made = memory;
    made->value.kind = kind;
    o->weights->n_values++;
    *out = made;
    return PTM_OK;
}

ptm_rc ptmi_made_queue(struct ptmi_objects *o, struct ptmi_made *made, struct ptm_err *err)
{
    struct ptmi_made **queue = ptmi_grown(o->queue, o->n_queue, &o->cap_queue, sizeof(void *));
    if (!queue) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", o->weights->path);
    o->queue = queue;
    o->queue[o->n_queue++] = made;
    made->queued = true;
    return PTM_OK;
}

/* --- text and numbers --- */

/* Raw text of a Python 2 file that is not UTF-8 is Latin-1: each byte a character. */
static ptm_rc latin1_text(struct ptmi_objects *o, const struct ptmi_pk *node, struct ptm_value *out,
                          struct ptm_err *err)
{
    void *memory = NULL;
    size_t high = 0, n = (size_t)node->n;
    for (size_t i = 0; i < n; i++) high += (unsigned char)node->bytes[i] >= 0x80;
    PTM_TRY(ptmi_weights_alloc(o->weights, n + high + 1, &memory, err));
    char *text = memory;
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)node->bytes[i];
        if (c >= 0x80) text[len++] = (char)(0xc0 | c >> 6);
        text[len++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
    }
    out->text = text;
    out->len = len;
    return PTM_OK;
}

static ptm_rc make_text(struct ptmi_objects *o, const struct ptmi_pk *node, struct ptm_value *out,
                        struct ptm_err *err)
{
    if (node->kind == PTMI_PK_STR && node->raw && !ptmi_str_is_utf8(node->bytes, (size_t)node->n))
        return latin1_text(o, node, out, err);
    out->len = (size_t)node->n;
    return ptmi_weights_text(o->weights, node->bytes, out->len, &out->text, err);
}

/* Digits are made by dividing: quadratic, so only for so many bytes (616 digits). */
#define DECIMAL_BYTES 256

/* Decimal text of a little-endian number that is used up. Returns where it begins in buf. */
static char *decimal(uint8_t *number, size_t n, char *end)
{
    *--end = '\0';
    for (bool more = true; more;) {
        unsigned rest = 0;
        more = false;
        for (size_t i = n; i-- > 0;) {
            unsigned value = rest << 8 | number[i];
            number[i] = (uint8_t)(value / 10);
            rest = value % 10;
            more |= number[i] != 0;
        }
        *--end = (char)('0' + rest);
    }
    return end;
}

static char *hexadecimal(const uint8_t *number, size_t n, char *end)
{
    *--end = '\0';
    while (n > 1 && number[n - 1] == 0) n--;
    for (size_t i = 0; i < n; i++) {
        *--end = "0123456789abcdef"[number[i] & 15];
        *--end = "0123456789abcdef"[number[i] >> 4];
    }
    *--end = 'x';
    *--end = '0';
    return end;
}

/* Two's complement of any length. */
static ptm_rc make_long(struct ptmi_objects *o, const struct ptmi_pk *node, struct ptm_value *out,
                        struct ptm_err *err)
{
    size_t n = (size_t)node->n;
    if (n > PTM_LIMIT_PICKLE_INT)
        return ptm_err_set(err, PTM_ELIMIT, "%s: an integer of %zu bytes", o->weights->path, n);
    bool negative = n > 0 && ((unsigned char)node->bytes[n - 1] & 0x80);
    PTM_AUTO(ptmi_freep) uint8_t *number = calloc(1, n + 1);
    size_t room = n * 3 + 8; /* 2.41 digits a byte, a sign and 0x */
    PTM_AUTO(ptmi_freep) char *buf = calloc(1, room);
    if (!number || !buf) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", o->weights->path);
    unsigned carry = 1;
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)node->bytes[i];
        unsigned sum = negative ? (uint8_t)~byte + carry : byte;
        number[i] = (uint8_t)sum;
        carry = sum >> 8;
    }
    number[n] = (uint8_t)(negative ? carry : 0);
    char *text = n <= DECIMAL_BYTES ? decimal(number, n + 1, buf + room)
                                    : hexadecimal(number, n + 1, buf + room);
    if (negative) *--text = '-';
    out->kind = PTM_VALUE_BIGINT;
    out->len = strlen(text);
    return ptmi_weights_text(o->weights, text, out->len, &out->text, err);
}

/* --- classes, calls, persistent ids --- */

static ptm_rc make_global(struct ptmi_objects *o, const struct ptmi_pk *node,
                          struct ptmi_made *made, struct ptm_err *err)
{
    made->known = ptmi_known_find(node->module, node->name);
    made->state = node->state;
    made->value.class_name =
        ptmi_arena_printf(&o->weights->arena, "%s.%s", node->module, node->name);
    if (!made->value.class_name)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", o->weights->path);
    return made->state ? ptmi_made_queue(o, made, err) : PTM_OK;
}

/* The class a global or a persistent id names; NULL: neither does. */
static struct ptmi_pk *class_of(struct ptmi_pk *node)
{
    if (!node || node->kind == PTMI_PK_GLOBAL) return node;
    if (node->kind != PTMI_PK_PERSID || !node->args || node->args->kind != PTMI_PK_TUPLE)
        return NULL;
    /* ('module', class, file, source) of streams, (class, file, source) of tar files: modules were
     * saved with their source code. An id in place of the class is nobody's: ids in ids would be as
     * deep as the file says. */
    struct ptmi_pk **items = node->args->items;
    uint64_t n = node->args->n_items, at = 0;
    if (n >= 2 && ptmi_pk_is_tag(items[0], "module")) at = 1;
    return n > at && items[at]->kind == PTMI_PK_GLOBAL ? items[at] : NULL;
}

/* A callee that is known makes what it makes; all others are told. */
static ptm_rc make_call(struct ptmi_objects *o, struct ptmi_pk *node, struct ptmi_made **out,
                        struct ptm_err *err)
{
    struct ptmi_call call = {.name = "", .class_name = "", .node = node};
    struct ptmi_pk *class = class_of(node->callee);
    if (node->args) (void)ptmi_pk_sequence(node->args, &call.args, &call.n_args);
    if (!class) return ptmi_made_object(o, &call, out, err);
    struct ptmi_made *global = NULL;
    PTM_TRY(ptmi_make(o, class, &global, err));
    PTM_ASSERT(global, err);
    call.name = class->name;
    call.class_name = global->value.class_name;
    bool plain = !node->kwargs || node->kwargs->n_items == 0;
    if (global->known && plain) PTM_TRY(ptmi_made_call(o, global->known, &call, out, err));
    return *out ? PTM_OK : ptmi_made_object(o, &call, out, err);
}

static ptm_rc check_new_tensor(struct ptmi_objects *o, const struct ptmi_call *call,
                               struct ptm_tensor *tensor, struct ptm_err *err)
{
    ptm_rc rc = ptmi_weights_check(o->weights, call->name, tensor, err);
    if (rc == PTM_OK) return PTM_OK;
    return ptm_err_ctx(err, rc, "%s: byte %" PRIu64, ptmi_source_name(o->pickle->source),
                       call->node->at);
}

ptm_rc ptmi_made_tensor(struct ptmi_objects *o, const struct ptmi_call *call,
                        struct ptmi_new_tensor *new, struct ptmi_made **out, struct ptm_err *err)
{
    struct ptmi_made *made = NULL;
    void *memory = NULL;
    PTM_TRY(check_new_tensor(o, call, &new->tensor, err));
    PTM_TRY(ptmi_weights_alloc(o->weights, sizeof new->tensor, &memory, err));
    memcpy(memory, &new->tensor, sizeof new->tensor);
    PTM_TRY(ptmi_made_new(o, PTM_VALUE_TENSOR, &made, err));
    made->value.tensor = memory;
    made->value.class_name = new->class_name;
    made->holds_tensor = true;
    made->is_storage = new->is_storage;
    made->state = new->state;
    if (made->state) PTM_TRY(ptmi_made_queue(o, made, err));
    *out = made;
    return PTM_OK;
}

ptm_rc ptmi_made_call(struct ptmi_objects *o, const struct ptmi_known *known,
                      const struct ptmi_call *call, struct ptmi_made **out, struct ptm_err *err)
{
    struct ptmi_new_tensor new = {.tensor = {.name = "", .storage = PTM_NO_STORAGE}};
    struct ptmi_pk *node = call->node;
    ptm_rc rc = known->value ? known->value(o, call, out, err) : known->tensor(o, call, &new, err);
    if (rc == PTM_ITEM) *out = NULL;
    if (rc != PTM_OK || known->value) return rc < 0 ? rc : PTM_OK;
    /* torch would run these on the tensor it made: into memory it does not own. */
    if (node->n_items > 0 || node->n_pairs > 0)
        return ptmi_call_bad(o, call, err, "items are put into a tensor");
    if (node->n_states > 1) return ptmi_call_bad(o, call, err, "BUILD more than once");
    return ptmi_made_tensor(o, call, &new, out, err);
}

/* A storage outside of a rebuild function: its elements in a row. */
static ptm_rc storage_view(struct ptmi_objects *o, const struct ptmi_call *call,
                           struct ptmi_new_tensor *new, struct ptm_err *err)
{
    struct ptmi_pk *id = call->node->args;
    struct ptmi_storage_ref ref = {.element = PTM_DTYPE_NONE};
    struct ptmi_storage_id said = {0};
    void *memory = NULL;
    PTM_TRY(ptmi_arg_storage(o, PTMI_ARG(call, "storage", call->node), &ref, err));
    const struct ptm_dtype_info *info = ptm_dtype_info(ref.element);
    bool stored = ref.index < o->weights->n_storages;
    int64_t bytes = stored ? o->weights->storages[ref.index].nbytes : 0;
    if (id->kind == PTMI_PK_TUPLE && id->n_items >= 5) {
        PTM_TRY(ptmi_storage_id_read(o->weights, id, &said, err));
        bytes = said.has_view ? said.view_numel * info->bytes : said.nbytes;
    }
    PTM_TRY(ptmi_weights_alloc(o->weights, 2 * sizeof(int64_t), &memory, err));
    int64_t *numbers = memory;
    numbers[0] = bytes / info->bytes * info->elements;
    numbers[1] = 1;
    new->tensor.dtype = ref.element;
    new->tensor.n_dims = 1;
    new->tensor.shape = numbers;
    new->tensor.stride = numbers + 1;
    new->tensor.storage = ref.index;
    new->tensor.offset = ref.offset;
    return PTM_OK;
}

static ptm_rc make_storage(struct ptmi_objects *o, struct ptmi_pk *node, struct ptmi_made **out,
                           struct ptm_err *err)
{
    struct ptmi_new_tensor new = {.tensor = {.name = "", .storage = PTM_NO_STORAGE},
                                  .is_storage = true};
    struct ptmi_call call = {.name = "storage", .node = node};
    struct ptmi_made *class = NULL;
    PTM_TRY(storage_view(o, &call, &new, err));
    if (node->args->kind == PTMI_PK_TUPLE && node->args->n_items >= 5) {
        PTM_TRY(ptmi_make(o, node->args->items[1], &class, err));
        PTM_ASSERT(class, err);
        new.class_name = class->value.class_name;
    }
    return ptmi_made_tensor(o, &call, &new, out, err);
}

static ptm_rc make_persid(struct ptmi_objects *o, struct ptmi_pk *node, struct ptmi_made **out,
                          struct ptm_err *err)
{
    struct ptmi_pk *class = class_of(node);
    if (class) return ptmi_make(o, class, out, err);
    struct ptmi_call call = {.name = "tensor",
                             .class_name = "persistent_id",
                             .args = &node->args,
                             .n_args = 1,
                             .node = node};
    struct ptmi_new_tensor new = {.tensor = {0}};
    const struct ptm_tensor *tensor = NULL;
    if (o->lookup && o->lookup->tensor)
        PTM_TRY(o->lookup->tensor(o->lookup->arg, node->args, &tensor, err));
    if (tensor) {
        new.tensor = *tensor;
        return ptmi_made_tensor(o, &call, &new, out, err);
    }
    if (o->lookup && o->lookup->storage) return make_storage(o, node, out, err);
    return ptmi_made_object(o, &call, out, err);
}

/* --- any node --- */

static ptm_rc make_container(struct ptmi_objects *o, struct ptmi_pk *node, struct ptmi_made *made,
                             struct ptm_err *err)
{
    static const uint8_t kinds[] = {
        [PTMI_PK_LIST] = PTM_VALUE_LIST,     [PTMI_PK_TUPLE] = PTM_VALUE_TUPLE,
        [PTMI_PK_DICT] = PTM_VALUE_DICT,     [PTMI_PK_SET] = PTM_VALUE_SET,
        [PTMI_PK_FROZENSET] = PTM_VALUE_SET,
    };
    made->value.kind = (ptm_value_kind)kinds[node->kind];
    made->value.flag = node->kind == PTMI_PK_FROZENSET;
    made->from = node->items;
    made->n_from = node->n_items;
    return made->n_from > 0 ? ptmi_made_queue(o, made, err) : PTM_OK;
}

/* What is told of a node that stands for something outside of the file. */
static ptm_rc make_outside(struct ptmi_objects *o, const struct ptmi_pk *node,
                           struct ptmi_made *made, struct ptm_err *err)
{
    made->value.kind = PTM_VALUE_OBJECT;
    made->value.class_name = "pickle.PickleBuffer";
    if (node->kind == PTMI_PK_BUFFER) return PTM_OK;
    made->value.class_name =
        ptmi_arena_printf(&o->weights->arena, "copyreg.extension.%" PRId64, node->i);
    if (made->value.class_name) return PTM_OK;
    return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", o->weights->path);
}

static ptm_rc make_plain(struct ptmi_objects *o, struct ptmi_pk *node, struct ptmi_made *made,
                         struct ptm_err *err)
{
    struct ptm_value *value = &made->value;
    switch ((ptmi_pk_kind)node->kind) {
    case PTMI_PK_NONE:
        return PTM_OK;
    case PTMI_PK_BOOL:
    case PTMI_PK_INT:
        value->kind = node->kind == PTMI_PK_INT ? PTM_VALUE_INT : PTM_VALUE_BOOL;
        value->i = node->i;
        return PTM_OK;
    case PTMI_PK_FLOAT:
        value->kind = PTM_VALUE_FLOAT;
        value->f = node->f;
        return PTM_OK;
    case PTMI_PK_LONG:
        return make_long(o, node, value, err);
    case PTMI_PK_STR:
        value->kind = PTM_VALUE_STR;
        return make_text(o, node, value, err);
    case PTMI_PK_BYTES:
    case PTMI_PK_BYTEARRAY:
        value->kind = PTM_VALUE_BYTES;
        value->flag = node->kind == PTMI_PK_BYTEARRAY;
        return make_text(o, node, value, err);
    case PTMI_PK_GLOBAL:
        value->kind = PTM_VALUE_GLOBAL;
        return make_global(o, node, made, err);
    case PTMI_PK_BUFFER:
    case PTMI_PK_EXT:
        return make_outside(o, node, made, err);
    default:
        return make_container(o, node, made, err);
    }
}

static ptm_rc make_node(struct ptmi_objects *o, struct ptmi_pk *node, struct ptmi_made **out,
                        struct ptm_err *err)
{
    *out = NULL;
    if (node->kind == PTMI_PK_CALL || node->kind == PTMI_PK_NEW)
        return make_call(o, node, out, err);
    if (node->kind == PTMI_PK_PERSID) return make_persid(o, node, out, err);
    PTM_TRY(ptmi_made_new(o, PTM_VALUE_NONE, out, err));
    return make_plain(o, node, *out, err);
}

ptm_rc ptmi_make(struct ptmi_objects *o, struct ptmi_pk *node, struct ptmi_made **out,
                 struct ptm_err *err)
{
    if (node->made) {
        *out = node->made;
        return PTM_OK;
    }
    const char *why = node->mark == BUSY ? "an argument that contains its own call"
                                         : "tensors inside tensors, too many";
    if (node->mark == BUSY || o->depth >= PTMI_MAKE_DEPTH)
        return ptm_err_set(err, node->mark == BUSY ? PTM_EFORMAT : PTM_ELIMIT,
                           "%s: byte %" PRIu64 ": %s", ptmi_source_name(o->pickle->source),
                           node->at, why);
    node->mark = BUSY;
    o->depth++;
    ptm_rc rc = make_node(o, node, out, err);
    o->depth--;
    node->mark = 0;
    if (rc == PTM_OK) node->made = *out;
    return rc;
}

/* --- objects, and filling --- */

/* What a call that is only told has besides its arguments. */
static uint64_t extra_items(const struct ptmi_made *made)
{
    const struct ptmi_pk *node = made->node;
    if (!node) return 0;
    return (uint64_t)(node->kwargs && node->kwargs->n_items > 0) + (node->n_pairs > 0) +
           (node->n_items > 0) + (*made->value.class_name == '\0');
}

ptm_rc ptmi_made_object(struct ptmi_objects *o, const struct ptmi_call *call,
                        struct ptmi_made **out, struct ptm_err *err)
{
    struct ptmi_pk *node = call->node;
    struct ptmi_made *made = NULL;
    PTM_TRY(ptmi_made_new(o, PTM_VALUE_OBJECT, &made, err));
    made->value.class_name = call->class_name;
    made->state = node->state;
    made->from = call->args;
    made->n_from = call->n_args;
    bool called = node->kind == PTMI_PK_CALL || node->kind == PTMI_PK_NEW;
    bool bare = called && call->n_args == 0 && *call->class_name &&
                (!node->kwargs || node->kwargs->n_items == 0);
    if (bare && (node->n_pairs > 0) != (node->n_items > 0)) {
        /* A subclass of dict or list: its content says which. */
        made->value.kind = node->n_pairs > 0 ? PTM_VALUE_DICT : PTM_VALUE_LIST;
        made->from = node->n_pairs > 0 ? node->pairs : node->items;
        made->n_from = node->n_pairs > 0 ? node->n_pairs : node->n_items;
    } else if (called) {
        made->node = node;
    }
    *out = made;
    if (made->n_from == 0 && !made->state && extra_items(made) == 0) return PTM_OK;
    return ptmi_made_queue(o, made, err);
}

/* A byte of a pickle puts one item somewhere, and a few more when calls share. */
ptm_rc ptmi_made_count(struct ptmi_objects *o, uint64_t n, struct ptm_err *err)
{
    uint64_t bytes = o->pickle->end - o->pickle->begin;
    if (n > PTM_LIMIT_WEIGHTS_MEMORY / sizeof(void *) ||
        o->n_places + n > PLACES_A_BYTE * bytes + PLACES_ANYWAY)
        return ptm_err_set(err, PTM_ELIMIT,
                           "%s: so many calls share their arguments that they cannot be listed",
                           o->weights->path);
    o->n_places += n;
    return PTM_OK;
}

/* Room for n items. */
static ptm_rc items_alloc(struct ptmi_objects *o, uint64_t n, const struct ptm_value ***out,
                          struct ptm_err *err)
{
    void *memory = NULL;
    PTM_TRY(ptmi_made_count(o, n, err));
    PTM_TRY(ptmi_weights_alloc(o->weights, (size_t)n * sizeof(void *), &memory, err));
    o->weights->n_values += n;
    *out = memory;
    return PTM_OK;
}

static ptm_rc append(struct ptmi_objects *o, struct ptmi_pk *node, const struct ptm_value **items,
                     size_t *n, struct ptm_err *err)
{
    struct ptmi_made *made = NULL;
    PTM_TRY(ptmi_make(o, node, &made, err));
    items[(*n)++] = &made->value;
    return PTM_OK;
}

/* What was put into a call's result by APPEND or SETITEM, as a list or dict of its own. */
static ptm_rc append_content(struct ptmi_objects *o, ptm_value_kind kind, struct ptmi_made *whole,
                             const struct ptm_value **items, struct ptm_err *err)
{
    struct ptmi_made *made = NULL;
    struct ptmi_pk *node = whole->node;
    bool dict = kind == PTM_VALUE_DICT;
    if ((dict ? node->n_pairs : node->n_items) == 0) return PTM_OK;
    PTM_TRY(ptmi_made_new(o, kind, &made, err));
    made->from = dict ? node->pairs : node->items;
    made->n_from = dict ? node->n_pairs : node->n_items;
    items[whole->value.n_items++] = &made->value;
    return ptmi_made_queue(o, made, err);
}

static ptm_rc fill_object(struct ptmi_objects *o, struct ptmi_made *made,
                          const struct ptm_value **items, struct ptm_err *err)
{
    struct ptmi_pk *node = made->node;
    made->n_args = made->value.n_items;
    if (!node) return PTM_OK;
    if (*made->value.class_name == '\0') /* what is called has no name: it is the value of a call */
        PTM_TRY(append(o, node->callee, items, &made->value.n_items, err));
    if (node->kwargs && node->kwargs->n_items > 0)
        PTM_TRY(append(o, node->kwargs, items, &made->value.n_items, err));
    PTM_TRY(append_content(o, PTM_VALUE_DICT, made, items, err));
    return append_content(o, PTM_VALUE_LIST, made, items, err);
}

/* Keys and values out of [(key, value), ..], which Python 2 gave to OrderedDict. */
static ptm_rc fill_pairs(struct ptmi_objects *o, const struct ptmi_made *made,
                         const struct ptm_value **items, size_t *n, struct ptm_err *err)
{
    struct ptmi_pk **pair = NULL;
    uint64_t n_pair = 0;
    for (uint64_t i = 0; i < made->n_from; i++) {
        if (!ptmi_pk_sequence(made->from[i], &pair, &n_pair) || n_pair != 2)
            return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": no pair of key and value",
                               ptmi_source_name(o->pickle->source), made->from[i]->at);
        PTM_TRY(append(o, pair[0], items, n, err));
        PTM_TRY(append(o, pair[1], items, n, err));
    }
    return PTM_OK;
}

static ptm_rc fill(struct ptmi_objects *o, struct ptmi_made *made, struct ptm_err *err)
{
    const struct ptm_value **items = NULL;
    bool object = made->value.kind == PTM_VALUE_OBJECT;
    bool dict = made->value.kind == PTM_VALUE_DICT && made->node;
    uint64_t n = made->n_from * (made->from_pairs ? 2 : 1);
    if (object) n += extra_items(made);
    if (dict) n += made->node->n_pairs;
    PTM_TRY(items_alloc(o, n, &items, err));
    made->value.items = items;
    if (made->from_pairs) PTM_TRY(fill_pairs(o, made, items, &made->value.n_items, err));
    for (uint64_t i = 0; !made->from_pairs && i < made->n_from; i++)
        PTM_TRY(append(o, made->from[i], items, &made->value.n_items, err));
    if (object) PTM_TRY(fill_object(o, made, items, err));
    for (uint64_t i = 0; dict && i < made->node->n_pairs; i++)
        PTM_TRY(append(o, made->node->pairs[i], items, &made->value.n_items, err));
    if (made->value.kind == PTM_VALUE_DICT) PTM_TRY(ptmi_made_unite_keys(o, made, items, err));
    if (!made->state) return PTM_OK;
    struct ptmi_made *state = NULL;
    PTM_TRY(ptmi_make(o, made->state, &state, err));
    made->value.state = &state->value;
    return PTM_OK;
}

ptm_rc ptmi_made_fill_all(struct ptmi_objects *o, struct ptm_err *err)
{
    for (size_t i = 0; i < o->n_queue; i++) PTM_TRY(fill(o, o->queue[i], err));
    return PTM_OK;
}
