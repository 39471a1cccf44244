/* SPDX-License-Identifier: MIT */
/*
 * safetensors_write.c - one safetensors file: its header, then the tensors' bytes. What lies in the
 * source just as it will lie in the file is copied inside the kernel, neighbours in one go; the
 * rest (strided, big-endian, lazily negated or conjugated values) is put together block by block.
 * The layout stands in safetensors.c; header text and order are those of the reference
 * implementation, so that equal tensors make equal files.
 */
#include "safetensors_write.h"

#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/buf.h"
#include "../base/limits.h"
#include "weights_priv.h"

/* Between two looks at the cancel flag; a copy of this takes some milliseconds. */
#define PIECE ((uint64_t)8 << 20)
/* Less is not worth a system call of its own. */
#define SMALL ((uint64_t)64 << 10)
#define ALIGN 8

void ptmi_writing_clear(struct ptmi_writing *writing)
{
    free(writing->block);
}

/* --- the header --- */

/* A key of the source that is not to be passed on: it would be wrong, or an alias has it. */
static bool is_stale(const struct ptmi_plan *plan, const char *key)
{
    static const char *const stale[] = {"total_size", "total_parameters"};
    bool of_index = strcmp(plan->weights->format, "safetensors-index") == 0;
    for (size_t i = 0; i < sizeof stale / sizeof *stale && of_index; i++)
        if (strcmp(key, stale[i]) == 0) return true;
    size_t low = 0, high = plan->n_aliases;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(plan->aliases[middle].name, key);
        if (order == 0) return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* "KEY":"VALUE" and a comma before all but the first. */
static ptm_rc put_pair(struct ptmi_buf *buf, const char *key, const char *value,
                       struct ptm_err *err)
{
    if (buf->data[buf->len - 1] != '{') PTM_TRY(ptmi_buf_putc(buf, ',', err));
    PTM_TRY(ptmi_buf_json_str(buf, key, err));
    PTM_TRY(ptmi_buf_putc(buf, ':', err));
    return ptmi_buf_json_str(buf, value, err);
}

/* Where the source is safetensors its properties come along. transformers refuses files without a
 * "format". */
static ptm_rc put_metadata(struct ptmi_buf *buf, const struct ptmi_plan *plan, size_t shard,
                           struct ptm_err *err)
{
    const ptm_weights *weights = plan->weights;
    bool has_format = false;
    PTM_TRY(ptmi_buf_puts(buf, "\"__metadata__\":{", err));
    bool keeps = strncmp(weights->format, "safetensors", strlen("safetensors")) == 0;
    for (size_t i = 0; keeps && i < weights->n_metas; i++) {
        const struct ptm_meta *meta = &weights->metas[i];
        if (is_stale(plan, meta->key)) continue;
        has_format = has_format || strcmp(meta->key, "format") == 0;
        PTM_TRY(put_pair(buf, meta->key, meta->value, err));
    }
    if (!has_format) PTM_TRY(put_pair(buf, "format", "pt", err));
    for (size_t i = 0; i < plan->n_aliases; i++)
        if (plan->aliases[i].shard == shard)
            PTM_TRY(put_pair(buf, plan->aliases[i].name, plan->aliases[i].target, err));
    return ptmi_buf_putc(buf, '}', err);
}

static ptm_rc put_tensor(struct ptmi_buf *buf, const struct ptmi_plan_item *item,
                         struct ptm_err *err)
{
    const struct ptm_tensor *tensor = item->tensor;
    PTM_TRY(ptmi_buf_putc(buf, ',', err));
    PTM_TRY(ptmi_buf_json_str(buf, tensor->name, err));
    PTM_TRY(ptmi_buf_printf(buf, err, ":{\"dtype\":\"%s\",\"shape\":[", item->dtype));
    for (int i = 0; i < tensor->n_dims; i++) {
        /* torch counts pairs of these, safetensors each. Their bytes were counted in 64 bits. */
        bool pairs = tensor->dtype == PTM_FLOAT4_E2M1FN_X2 && i == tensor->n_dims - 1;
        PTM_TRY(ptmi_buf_printf(buf, err, i > 0 ? ",%lld" : "%lld",
                                (long long)tensor->shape[i] * (pairs ? 2 : 1)));
    }
    return ptmi_buf_printf(buf, err, "],\"data_offsets\":[%lld,%lld]}", (long long)item->begin,
                           (long long)(item->begin + tensor->nbytes));
}

static ptm_rc make_header(struct ptmi_buf *buf, const struct ptmi_plan *plan, size_t shard,
                          struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_putc(buf, '{', err));
    PTM_TRY(put_metadata(buf, plan, shard, err));
    const struct ptmi_plan_item *items = plan->items + plan->shards[shard].first;
    for (size_t i = 0; i < plan->shards[shard].n; i++) PTM_TRY(put_tensor(buf, &items[i], err));
    PTM_TRY(ptmi_buf_putc(buf, '}', err));
    while (buf->len % ALIGN != 0) PTM_TRY(ptmi_buf_putc(buf, ' ', err));
    return PTM_OK;
}

/* --- bytes that are copied as they are --- */

/* Neighbours in the source that are neighbours in the file too. */
struct run {
    ptmi_source *source; /* borrowed; NULL: none yet */
    uint64_t at, len;
};

static ptm_rc step(struct ptmi_writing *writing, ptmi_whole *whole, uint64_t written,
                   struct ptm_err *err)
{
    const struct ptm_convert_opts *opts = writing->plan->opts;
    writing->done += (int64_t)written;
    bool last = writing->done == writing->plan->bytes;
    if (writing->ctx && ptm_ctx_canceled(writing->ctx))
        return ptm_err_set(err, PTM_ECANCELED, "interrupted");
    if (!last && writing->done - writing->told < (int64_t)PIECE) return PTM_OK;
    writing->told = writing->done;
    ptmi_whole_start_sync(whole);
    if (opts->progress) opts->progress(opts->progress_arg, writing->done, writing->plan->bytes);
    return PTM_OK;
}

static ptm_rc copy_piece(const struct ptmi_writing *writing, ptmi_whole *whole,
                         const struct run *run, uint64_t len, struct ptm_err *err)
{
    uint64_t base = 0;
    /* A writable mapping may hold other bytes than its file does. */
    int fd = writing->plan->weights->opts.writable ? -1 : ptmi_source_fd(run->source, &base);
    if (fd >= 0 && len >= SMALL) {
        ptmi_whole_copy(whole, fd, (int64_t)(base + run->at), (int64_t)len);
        return PTM_OK;
    }
    const uint8_t *data = NULL;
    PTM_TRY(ptmi_source_at(run->source, run->at, len, &data, err));
    ptmi_whole_write(whole, data, (size_t)len);
    if (len >= SMALL) ptmi_source_done_with(run->source, run->at, len);
    return PTM_OK;
}

/* Stops early when writing has failed: the end of whole tells of it. */
static ptm_rc flush_run(struct ptmi_writing *writing, ptmi_whole *whole, struct run *run,
                        struct ptm_err *err)
{
    while (run->len > 0 && ptmi_whole_ok(whole)) {
        uint64_t len = run->len < PIECE ? run->len : PIECE;
        PTM_TRY(copy_piece(writing, whole, run, len, err));
        run->at += len;
        run->len -= len;
        PTM_TRY(step(writing, whole, len, err));
    }
    return PTM_OK;
}

static bool is_plain(const struct ptm_weights *weights, const struct ptm_tensor *tensor)
{
    const struct ptm_dtype_info *info = ptm_dtype_info(tensor->dtype);
    bool other_order =
        weights->storages[tensor->storage].big_endian && info->elements == 1 && info->bytes > 1;
    return !other_order && !tensor->conj && !tensor->neg && ptmi_weights_is_contiguous(tensor);
}

static ptm_rc add_run(struct ptmi_writing *writing, ptmi_whole *whole, struct run *run,
                      const struct ptm_tensor *tensor, struct ptm_err *err)
{
    ptm_weights *weights = writing->plan->weights;
    const struct ptmi_storage_from *from = &weights->from[tensor->storage];
    void *unused = NULL; /* what must be unpacked first has its source from then on */
    if (from->make) PTM_TRY(ptm_weights_storage_data(weights, tensor->storage, &unused, err));
    uint64_t at = from->offset + (uint64_t)tensor->byte_offset;
    if (run->source != from->source || run->at + run->len != at) {
        PTM_TRY(flush_run(writing, whole, run, err));
        *run = (struct run){.source = from->source, .at = at};
    }
    run->len += (uint64_t)tensor->nbytes;
    return PTM_OK;
}

/* --- values that are put together --- */

static void flip_signs(uint8_t *data, size_t len, size_t first, size_t step_size)
{
    /* Little-endian: the sign is in the last byte of a number. */
    for (size_t at = first; at < len; at += step_size) data[at] ^= 0x80;
}

static void resolve(const struct ptm_tensor *tensor, uint8_t *data, size_t len)
{
    size_t size = (size_t)ptm_dtype_info(tensor->dtype)->bytes;
    size_t part = tensor->dtype == PTM_COMPLEX64 ? size / 2 : size;
    if (tensor->neg) flip_signs(data, len, part - 1, part);
    if (tensor->conj && tensor->dtype == PTM_COMPLEX64) flip_signs(data, len, size - 1, size);
}

static ptm_rc write_slice(struct ptmi_writing *writing, ptmi_whole *whole,
                          const struct ptm_tensor *slice, struct ptm_err *err)
{
    size_t len = (size_t)slice->nbytes;
    PTM_TRY(ptmi_weights_read_as(writing->plan->weights, slice, false, writing->block, len, err));
    resolve(slice, writing->block, len);
    ptmi_whole_write(whole, writing->block, len);
    return step(writing, whole, len, err);
}

/* The first dimension whose single steps fit into a block: at the latest the last one. */
static int slicing_dim(const struct ptm_tensor *tensor, int64_t *out_step_bytes)
{
    int dim = 0;
    int64_t bytes = tensor->nbytes / tensor->shape[0];
    while (bytes > (int64_t)PIECE) bytes /= tensor->shape[++dim];
    *out_step_bytes = bytes;
    return dim;
}

/* Slices of some steps of one dimension and one step of each before it, as an odometer. */
static ptm_rc write_slices(struct ptmi_writing *writing, ptmi_whole *whole,
                           const struct ptm_tensor *tensor, const int64_t *stride,
                           struct ptm_err *err)
{
    int64_t at[PTM_LIMIT_DIMS] = {0}, shape[PTM_LIMIT_DIMS], step_bytes = 0;
    int64_t element = ptm_dtype_info(tensor->dtype)->bytes;
    int dim = slicing_dim(tensor, &step_bytes), d;
    int64_t most = (int64_t)PIECE / step_bytes;
    struct ptm_tensor slice = *tensor;
    slice.offset = -1;
    slice.shape = shape;
    slice.stride = stride;
    for (int i = 0; i < tensor->n_dims; i++) shape[i] = i < dim ? 1 : tensor->shape[i];
    do {
        int64_t left = tensor->shape[dim] - at[dim];
        shape[dim] = left < most ? left : most;
        slice.nbytes = shape[dim] * step_bytes;
        slice.byte_offset = tensor->byte_offset;
        for (int i = 0; i <= dim; i++) slice.byte_offset += at[i] * stride[i] * element;
        PTM_TRY(write_slice(writing, whole, &slice, err));
        at[dim] += shape[dim];
        for (d = dim; d >= 0 && at[d] == tensor->shape[d]; d--) {
            at[d] = 0;
            if (d > 0) at[d - 1]++;
        }
    } while (d >= 0 && ptmi_whole_ok(whole));
    return PTM_OK;
}

static ptm_rc write_values(struct ptmi_writing *writing, ptmi_whole *whole,
                           const struct ptm_tensor *tensor, struct ptm_err *err)
{
    if (!writing->block) writing->block = malloc(PIECE);
    if (!writing->block) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (tensor->nbytes <= (int64_t)PIECE) return write_slice(writing, whole, tensor, err);
    int64_t stride[PTM_LIMIT_DIMS], plain = 1;
    for (int i = tensor->n_dims - 1; i >= 0; i--) {
        stride[i] = tensor->stride ? tensor->stride[i] : plain;
        plain *= tensor->shape[i];
    }
    return write_slices(writing, whole, tensor, stride, err);
}

/* --- the file --- */

static ptm_rc write_data(struct ptmi_writing *writing, size_t shard, ptmi_whole *whole,
                         struct ptm_err *err)
{
    const struct ptmi_plan *plan = writing->plan;
    const struct ptmi_plan_item *items = plan->items + plan->shards[shard].first;
    struct run run = {0};
    for (size_t i = 0; i < plan->shards[shard].n && ptmi_whole_ok(whole); i++) {
        const struct ptm_tensor *tensor = items[i].tensor;
        if (tensor->nbytes == 0) continue;
        if (is_plain(plan->weights, tensor)) {
            PTM_TRY(add_run(writing, whole, &run, tensor, err));
            continue;
        }
        PTM_TRY(flush_run(writing, whole, &run, err));
        PTM_TRY(write_values(writing, whole, tensor, err));
    }
    return flush_run(writing, whole, &run, err);
}

ptm_rc ptmi_safetensors_write(struct ptmi_writing *writing, size_t shard, ptmi_whole *whole,
                              int64_t *out_size, struct ptm_err *err)
{
    struct ptmi_buf header = PTMI_BUF(PTM_LIMIT_SAFETENSORS_HEADER);
    ptm_rc rc = make_header(&header, writing->plan, shard, err);
    if (rc == PTM_OK) {
        uint8_t length[8];
        for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)header.len >> 8 * i);
        ptmi_whole_write(whole, length, sizeof length);
        ptmi_whole_write(whole, header.data, header.len);
        *out_size = 8 + (int64_t)header.len + writing->plan->shards[shard].bytes;
    } else if (rc == PTM_ELIMIT) {
        rc = ptm_err_ctx(err, rc, "the header of one file; smaller files have smaller ones");
    }
    ptmi_buf_clear(&header);
    return rc < 0 ? rc : write_data(writing, shard, whole, err);
}
