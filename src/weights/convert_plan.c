/* SPDX-License-Identifier: MIT */
/*
 * convert_plan.c - what a conversion to safetensors will write: which tensors it can hold, which of
 * them are one and the same view, which file each goes to and where it lies there.
 *
 * Files are filled in the order of the source, as huggingface_hub does, so that a layer's tensors
 * stay together. Inside a file the order is the reference implementation's: the dtype of the widest
 * alignment first, then by name, which leaves every tensor aligned.
 */
#include "convert_plan.h"

#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "safetensors.h"
#include "weights_priv.h"

void ptmi_plan_clear(struct ptmi_plan *plan)
{
    free(plan->items);
    free(plan->aliases);
    free(plan->shards);
}

static ptm_rc no_memory(const struct ptmi_plan *plan, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", plan->weights->path);
}

/* --- what safetensors can hold --- */

struct reason {
    char text[160];
};

/* May the values of such a lazy view be worked out? */
static bool can_resolve(const struct ptm_tensor *tensor)
{
    switch (tensor->dtype) {
    case PTM_FLOAT16:
    case PTM_FLOAT32:
    case PTM_FLOAT64:
    case PTM_COMPLEX64:
        return true;
    default:
        return !tensor->conj && !tensor->neg;
    }
}

static const char *name_trouble(const struct ptm_tensor *tensor)
{
    if (strcmp(tensor->name, "__metadata__") == 0)
        return "has the one name that safetensors keeps for itself";
    if (!ptmi_str_is_utf8(tensor->name, strlen(tensor->name)))
        return "has a name that is not UTF-8";
    return NULL;
}

static const char *data_trouble(const struct ptm_weights *weights, const struct ptm_tensor *tensor)
{
    if (tensor->nbytes == 0) return NULL;
    if (tensor->storage == PTM_NO_STORAGE) return "has no data (meta)";
    const struct ptmi_storage_from *from = &weights->from[tensor->storage];
    if (from->source || from->make) return NULL;
    return from->missing ? from->missing : "has no data (meta)";
}

static const char *packed_trouble(const struct ptm_tensor *tensor)
{
    int per_byte = ptm_dtype_info(tensor->dtype)->elements;
    int64_t elements = 1;
    for (int i = 0; i < tensor->n_dims; i++) elements *= tensor->shape[i];
    if (per_byte > 1 && elements % per_byte != 0) return "does not fill its last byte";
    if (per_byte > 1 && !ptmi_weights_is_contiguous(tensor))
        return "is a strided view of packed elements";
    if (tensor->dtype != PTM_FLOAT4_E2M1FN_X2) return NULL;
    /* Its last size is doubled. */
    if (tensor->n_dims == 0) return "is a pair of elements without a dimension";
    return tensor->shape[tensor->n_dims - 1] > INT64_MAX / 2 ? "is too large" : NULL;
}

/* NULL: it can be written, item says as what. Else why not, following "tensor NAME". */
static const char *why_not(const struct ptm_weights *weights, const struct ptm_tensor *tensor,
                           struct ptmi_plan_item *item, struct reason *reason)
{
    const char *why = name_trouble(tensor);
    if (why) return why;
    if (tensor->layout != PTM_STRIDED) {
        snprintf(reason->text, sizeof reason->text, "is %s; safetensors holds dense tensors alone",
                 ptm_layout_name(tensor->layout));
        return reason->text;
    }
    item->dtype = ptmi_safetensors_dtype_name(tensor->dtype, &item->rank);
    if (!item->dtype || tensor->qscheme != 0) {
        const struct ptm_dtype_info *info = ptm_dtype_info(tensor->dtype);
        snprintf(reason->text, sizeof reason->text, "is %s%s, which safetensors has no dtype for",
                 tensor->qscheme != 0 ? "quantised " : "", info ? info->name : "of no dtype");
        return reason->text;
    }
    if (!can_resolve(tensor)) return "is a negated or conjugated view of that dtype";
    why = packed_trouble(tensor);
    return why ? why : data_trouble(weights, tensor);
}

static ptm_rc leave_out(struct ptmi_plan *plan, const struct ptm_tensor *tensor, const char *why,
                        struct ptm_err *err)
{
    const struct ptm_convert_opts *opts = plan->opts;
    char buf[256];
    if (!opts->skip)
        return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: tensor %s %s", plan->weights->path,
                           ptmi_str_printable(buf, sizeof buf, tensor->name), why);
    plan->skipped++;
    if (opts->skipped) opts->skipped(opts->skipped_arg, tensor->name, why);
    return PTM_OK;
}

static ptm_rc take_tensors(struct ptmi_plan *plan, struct ptm_err *err)
{
    size_t n = ptm_weights_count(plan->weights);
    plan->items = calloc(n + 1, sizeof *plan->items);
    if (!plan->items) return no_memory(plan, err);
    for (size_t i = 0; i < n; i++) {
        struct ptmi_plan_item item = {.tensor = ptm_weights_tensor(plan->weights, i)};
        struct reason reason;
        const char *why = why_not(plan->weights, item.tensor, &item, &reason);
        if (why)
            PTM_TRY(leave_out(plan, item.tensor, why, err));
        else
            plan->items[plan->n_items++] = item;
    }
    return PTM_OK;
}

/* --- the same view twice --- */

static int order_of(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

/* Shapes, and strides where they count; of tensors that are not empty. */
static int by_geometry(const struct ptm_tensor *a, const struct ptm_tensor *b)
{
    int order = order_of(a->n_dims, b->n_dims);
    int64_t plain = 1; /* the stride of a contiguous one */
    for (int i = a->n_dims - 1; i >= 0 && order == 0; i--) {
        order = order_of(a->shape[i], b->shape[i]);
        if (order == 0 && a->shape[i] > 1)
            order = order_of(a->stride ? a->stride[i] : plain, b->stride ? b->stride[i] : plain);
        if (order == 0) plain *= a->shape[i];
    }
    return order;
}

static int by_view(const struct ptm_tensor *a, const struct ptm_tensor *b)
{
    int order = a->storage < b->storage ? -1 : a->storage > b->storage;
    if (order == 0) order = order_of(a->byte_offset, b->byte_offset);
    if (order == 0) order = order_of(a->dtype, b->dtype);
    if (order == 0) order = order_of(a->conj * 2 + a->neg, b->conj * 2 + b->neg);
    return order ? order : by_geometry(a, b);
}

static int by_view_and_name(const void *a, const void *b)
{
    const struct ptmi_plan_item *const *x = a, *const *y = b;
    int order = by_view((*x)->tensor, (*y)->tensor);
    return order ? order : strcmp((*x)->tensor->name, (*y)->tensor->name);
}

static int by_alias(const void *a, const void *b)
{
    const struct ptmi_plan_alias *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* sorted: items of views that hold something. All but the first by name of equal ones become
 * aliases. */
static void find_aliases(struct ptmi_plan *plan, struct ptmi_plan_item **sorted, size_t n)
{
    const struct ptmi_plan_item *target = NULL;
    for (size_t i = 0; i < n; i++) {
        struct ptmi_plan_item *item = sorted[i];
        if (!target || by_view(target->tensor, item->tensor) != 0) {
            target = item;
            continue;
        }
        /* As an alias it would be taken for what "format" says of the file. */
        if (strcmp(item->tensor->name, "format") == 0) continue;
        plan->aliases[plan->n_aliases++] =
            (struct ptmi_plan_alias){item->tensor->name, target->tensor->name, 0};
        item->tensor = NULL;
    }
}

static ptm_rc drop_aliases(struct ptmi_plan *plan, struct ptm_err *err)
{
    size_t n = 0, kept = 0;
    PTM_AUTO(ptmi_freep)
    struct ptmi_plan_item **sorted = calloc(plan->n_items + 1, sizeof *sorted);
    plan->aliases = calloc(plan->n_items + 1, sizeof *plan->aliases);
    if (!sorted || !plan->aliases) return no_memory(plan, err);
    for (size_t i = 0; i < plan->n_items; i++)
        if (plan->items[i].tensor->nbytes > 0) sorted[n++] = &plan->items[i];
    qsort(sorted, n, sizeof *sorted, by_view_and_name);
    find_aliases(plan, sorted, n);
    for (size_t i = 0; i < plan->n_items; i++)
        if (plan->items[i].tensor) plan->items[kept++] = plan->items[i];
    plan->n_items = kept;
    qsort(plan->aliases, plan->n_aliases, sizeof *plan->aliases, by_alias);
    return PTM_OK;
}

/* --- files --- */

static int by_address(const void *a, const void *b)
{
    const ptmi_source *const *x = a, *const *y = b;
    return *x < *y ? -1 : *x > *y;
}

static int64_t add_up(int64_t sum, uint64_t more)
{
    return more > (uint64_t)(INT64_MAX - sum) ? INT64_MAX : sum + (int64_t)more;
}

/* Bytes of the files that tensors lie in, each once however many storages it is said to hold, and
 * of what is unpacked from them. What a file says of storages that are not there counts nothing. */
static ptm_rc count_stored(const struct ptmi_plan *plan, int64_t *out, struct ptm_err *err)
{
    const struct ptm_weights *weights = plan->weights;
    size_t n = 0;
    PTM_AUTO(ptmi_freep)
    const ptmi_source **files = calloc(weights->n_storages + 1, sizeof(ptmi_source *));
    if (!files) return no_memory(plan, err);
    for (size_t i = 0; i < weights->n_storages; i++) {
        const struct ptmi_storage_from *from = &weights->from[i];
        if (from->make)
            *out = add_up(*out, (uint64_t)weights->storages[i].nbytes);
        else if (from->source)
            files[n++] = ptmi_source_root(from->source);
    }
    qsort(files, n, sizeof(ptmi_source *), by_address);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || files[i] != files[i - 1]) *out = add_up(*out, ptmi_source_size(files[i]));
    return PTM_OK;
}

/* Views of a few bytes may be of any number of elements (stride 0), and any number of views may be
 * of the same bytes: a small file must not fill the disk. */
static ptm_rc check_expansion(const struct ptmi_plan *plan, struct ptm_err *err)
{
    int64_t stored = 0, most;
    if (plan->bytes <= PTM_LIMIT_EXPANSION_FREE) return PTM_OK;
    PTM_TRY(count_stored(plan, &stored, err));
    if (__builtin_mul_overflow(stored, (int64_t)PTM_LIMIT_EXPANSION, &most)) return PTM_OK;
    if (plan->bytes <= most) return PTM_OK;
    return ptm_err_set(err, PTM_ELIMIT,
                       "%s: its tensors take %lld bytes when each is written out, more than %d "
                       "times the %lld that are stored",
                       plan->weights->path, (long long)plan->bytes, PTM_LIMIT_EXPANSION,
                       (long long)stored);
}

static ptm_rc add_bytes(struct ptmi_plan *plan, int64_t more, struct ptm_err *err)
{
    if (!__builtin_add_overflow(plan->bytes, more, &plan->bytes)) return PTM_OK;
    return ptm_err_set(err, PTM_ELIMIT, "%s: its tensors would take more bytes than a file can",
                       plan->weights->path);
}

static ptm_rc fill_shards(struct ptmi_plan *plan, struct ptm_err *err)
{
    int64_t cap = plan->opts->shard_size > 0 ? plan->opts->shard_size : INT64_MAX;
    plan->shards = calloc(plan->n_items + 1, sizeof *plan->shards);
    if (!plan->shards) return no_memory(plan, err);
    struct ptmi_plan_shard *shard = plan->shards;
    for (size_t i = 0; i < plan->n_items; i++) {
        int64_t nbytes = plan->items[i].tensor->nbytes;
        if (shard->n > 0 && (nbytes > cap || shard->bytes > cap - nbytes)) shard++;
        PTM_TRY(add_bytes(plan, nbytes, err));
        if (shard->n++ == 0) shard->first = i;
        shard->bytes += nbytes;
        plan->items[i].shard = (size_t)(shard - plan->shards);
    }
    plan->n_shards = (size_t)(shard - plan->shards) + 1;
    if (plan->n_shards <= PTM_LIMIT_SHARDS_WRITTEN) return PTM_OK;
    return ptm_err_set(err, PTM_ELIMIT, "%s: makes %zu files of that size, more than %d",
                       plan->weights->path, plan->n_shards, PTM_LIMIT_SHARDS_WRITTEN);
}

static int by_place(const void *a, const void *b)
{
    const struct ptmi_plan_item *x = a, *y = b;
    if (x->rank != y->rank) return y->rank - x->rank;
    return strcmp(x->tensor->name, y->tensor->name);
}

static void place_items(struct ptmi_plan *plan)
{
    for (size_t s = 0; s < plan->n_shards; s++) {
        struct ptmi_plan_shard *shard = &plan->shards[s];
        struct ptmi_plan_item *items = plan->items + shard->first;
        qsort(items, shard->n, sizeof *items, by_place);
        int64_t at = 0;
        for (size_t i = 0; i < shard->n; i++) {
            items[i].begin = at;
            at += items[i].tensor->nbytes;
        }
    }
}

static int by_target(const void *a, const void *b)
{
    const struct ptmi_plan_item *const *x = a, *const *y = b;
    return strcmp((*x)->tensor->name, (*y)->tensor->name);
}

/* Aliases stand in the file that has their target. */
static ptm_rc place_aliases(struct ptmi_plan *plan, struct ptm_err *err)
{
    if (plan->n_aliases == 0 || plan->n_shards == 1) return PTM_OK;
    PTM_AUTO(ptmi_freep)
    const struct ptmi_plan_item **sorted = calloc(plan->n_items, sizeof *sorted);
    if (!sorted) return no_memory(plan, err);
    for (size_t i = 0; i < plan->n_items; i++) sorted[i] = &plan->items[i];
    qsort(sorted, plan->n_items, sizeof *sorted, by_target);
    for (size_t i = 0; i < plan->n_aliases; i++) {
        struct ptm_tensor wanted = {.name = plan->aliases[i].target};
        const struct ptmi_plan_item item = {.tensor = &wanted}, *key = &item;
        const struct ptmi_plan_item **found =
            bsearch(&key, sorted, plan->n_items, sizeof *sorted, by_target);
        PTM_ASSERT(found, err);
        plan->aliases[i].shard = (*found)->shard;
    }
    return PTM_OK;
}

ptm_rc ptmi_plan_make(struct ptmi_plan *plan, struct ptm_err *err)
{
    PTM_TRY(take_tensors(plan, err));
    if (!plan->opts->split) PTM_TRY(drop_aliases(plan, err));
    PTM_TRY(fill_shards(plan, err));
    PTM_TRY(check_expansion(plan, err));
    place_items(plan);
    return place_aliases(plan, err);
}
