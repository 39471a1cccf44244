/* SPDX-License-Identifier: MIT */
/*
 * weights_read.c - values: a storage's bytes where they lie, and one tensor's as a contiguous copy
 * in this machine's byte order.
 */
#include <string.h>

#include <ptm/weights.h>

#include "../base/limits.h"
#include "weights_priv.h"

/* Makes what must be unpacked or decoded first; under the lock. */
static ptm_rc make_storage(struct ptm_weights *weights, size_t storage, struct ptm_err *err)
{
    struct ptmi_storage_from *from = &weights->from[storage];
    const char *key = weights->storages[storage].key;
    if (from->source) return PTM_OK;
    if (!from->make)
        return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: storage %s %s", weights->path,
                           key ? key : "", from->missing ? from->missing : "has no data (meta)");
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *made = NULL;
    PTM_TRY(from->make(weights, from->make_arg, &made, err));
    int64_t nbytes = weights->storages[storage].nbytes;
    if (ptmi_source_size(made) < (uint64_t)nbytes)
        return ptm_err_set(err, PTM_EFORMAT, "%s: storage %s has %llu bytes, %lld are declared",
                           weights->path, key ? key : "",
                           (unsigned long long)ptmi_source_size(made), (long long)nbytes);
    from->offset = 0;
    from->source = ptm_steal(&made);
    return PTM_OK;
}

ptm_rc ptm_weights_storage_data(ptm_weights *weights, size_t storage, void **out,
                                struct ptm_err *err)
{
    if (storage >= weights->n_storages)
        return ptm_err_set(err, PTM_EINVAL, "%s: there is no storage %zu", weights->path, storage);
    const uint8_t *data = NULL;
    pthread_mutex_lock(&weights->lock);
    ptm_rc rc = make_storage(weights, storage, err);
    if (rc == PTM_OK) {
        const struct ptmi_storage_from *from = &weights->from[storage];
        rc = ptmi_source_at(from->source, from->offset, (uint64_t)weights->storages[storage].nbytes,
                            &data, err);
    }
    pthread_mutex_unlock(&weights->lock);
    if (rc != PTM_OK) return rc;
    *out = (void *)(uintptr_t)data; /* writable where the mapping is */
    return PTM_OK;
}

bool ptmi_weights_is_contiguous(const struct ptm_tensor *tensor)
{
    if (!tensor->stride) return true;
    int64_t want = 1;
    for (int i = tensor->n_dims - 1; i >= 0; i--) {
        if (tensor->shape[i] == 1) continue;
        if (tensor->stride[i] != want) return false;
        want *= tensor->shape[i]; /* checked when the tensor was added */
    }
    return true;
}

/* One run along the last dimension. */
static void copy_run(uint8_t *to, const uint8_t *from, int64_t n, int64_t step, size_t size)
{
    if (step == (int64_t)size) {
        memcpy(to, from, (size_t)n * size);
        return;
    }
    switch (size) { /* constant sizes, so that memcpy becomes one move */
#define CASE(bytes)                                                                     \
    case bytes:                                                                         \
        for (int64_t i = 0; i < n; i++) memcpy(to + i * bytes, from + i * step, bytes); \
        return;
        CASE(1)
        CASE(2)
        CASE(4)
        CASE(8)
        CASE(16)
#undef CASE
    default:
        for (int64_t i = 0; i < n; i++) memcpy(to + (size_t)i * size, from + i * step, size);
    }
}

/* Walks all but the last dimension as an odometer. from is the first element. */
static void copy_strided(const struct ptm_tensor *tensor, const uint8_t *from, size_t size,
                         uint8_t *to)
{
    int64_t at[PTM_LIMIT_DIMS] = {0};
    int last = tensor->n_dims - 1;
    int64_t run = tensor->shape[last], step = tensor->stride[last] * (int64_t)size;
    for (;;) {
        copy_run(to, from, run, step, size);
        to += (size_t)run * size;
        int d = last - 1;
        for (; d >= 0; d--) {
            from += tensor->stride[d] * (int64_t)size;
            if (++at[d] < tensor->shape[d]) break;
            from -= tensor->stride[d] * tensor->shape[d] * (int64_t)size;
            at[d] = 0;
        }
        if (d < 0) return;
    }
}

/* Bytes that are swapped together: half an element for complex numbers. */
static size_t swap_unit(const struct ptm_dtype_info *info)
{
    switch (info->dtype) {
    case PTM_COMPLEX32:
    case PTM_COMPLEX64:
    case PTM_COMPLEX128:
        return (size_t)info->bytes / 2;
    default:
        return info->elements == 1 ? (size_t)info->bytes : 1;
    }
}

static void swap_bytes(uint8_t *data, size_t len, size_t unit)
{
    for (size_t at = 0; at + unit <= len; at += unit) {
        for (size_t i = 0; i < unit / 2; i++) {
            uint8_t byte = data[at + i];
            data[at + i] = data[at + unit - 1 - i];
            data[at + unit - 1 - i] = byte;
        }
    }
}

static bool machine_is_big_endian(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 0;
}

static ptm_rc can_read(const ptm_weights *weights, const struct ptm_tensor *tensor, size_t len,
                       struct ptm_err *err)
{
    const char *why = NULL;
    if (tensor->layout != PTM_STRIDED)
        why = "is made of parts: read those";
    else if (tensor->dtype == PTM_STRING)
        why = "holds strings";
    else if (tensor->storage == PTM_NO_STORAGE)
        why = "has no data (meta)";
    if (why)
        return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: tensor %s %s", weights->path, tensor->name,
                           why);
    if (len != (size_t)tensor->nbytes)
        return ptm_err_set(err, PTM_ESIZE, "%s: tensor %s has %lld bytes, room is for %zu",
                           weights->path, tensor->name, (long long)tensor->nbytes, len);
    return PTM_OK;
}

/* Bytes from the first element to the last one; what they may be was checked when the tensor was
 * added. */
static uint64_t span_of(const struct ptm_tensor *tensor, const struct ptm_dtype_info *info)
{
    if (ptmi_weights_is_contiguous(tensor)) return (uint64_t)tensor->nbytes;
    int64_t last = 0;
    for (int i = 0; i < tensor->n_dims; i++) last += (tensor->shape[i] - 1) * tensor->stride[i];
    return (uint64_t)(last + 1) * (uint64_t)info->bytes;
}

/* The tensor's own part of its storage: of a file on a server nothing else is fetched. */
static ptm_rc data_of(ptm_weights *weights, const struct ptm_tensor *tensor, const uint8_t **out,
                      struct ptm_err *err)
{
    uint64_t span = span_of(tensor, ptm_dtype_info(tensor->dtype));
    pthread_mutex_lock(&weights->lock);
    ptm_rc rc = make_storage(weights, tensor->storage, err);
    const struct ptmi_storage_from *from = &weights->from[tensor->storage];
    if (rc == PTM_OK)
        rc = ptmi_source_at(from->source, from->offset + (uint64_t)tensor->byte_offset, span, out,
                            err);
    pthread_mutex_unlock(&weights->lock);
    return rc;
}

ptm_rc ptmi_weights_read_as(ptm_weights *weights, const struct ptm_tensor *tensor, bool big_endian,
                            void *out, size_t len, struct ptm_err *err)
{
    PTM_TRY(can_read(weights, tensor, len, err));
    if (len == 0) return PTM_OK;
    const struct ptm_dtype_info *info = ptm_dtype_info(tensor->dtype);
    bool contiguous = ptmi_weights_is_contiguous(tensor);
    if (!contiguous && info->elements != 1)
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: tensor %s is a strided view of packed elements (%s)", weights->path,
                           tensor->name, info->name);
    const uint8_t *from = NULL;
    PTM_TRY(data_of(weights, tensor, &from, err));
    if (contiguous)
        memcpy(out, from, len);
    else
        copy_strided(tensor, from, (size_t)info->bytes, out);
    if (weights->storages[tensor->storage].big_endian != big_endian)
        swap_bytes(out, len, swap_unit(info));
    return PTM_OK;
}

ptm_rc ptm_weights_read(ptm_weights *weights, const struct ptm_tensor *tensor, void *out,
                        size_t len, struct ptm_err *err)
{
    return ptmi_weights_read_as(weights, tensor, machine_is_big_endian(), out, len, err);
}
