/* SPDX-License-Identifier: MIT */
/* weights_json.c - `ptm weights ls --json`: one object a file. The first keys are always there, in
 * this order; those after them only where they say something. */
#include "../base/auto.h"
#include "../base/str.h"
#include "checkpoint.h"

static void put_numbers(struct ptmi_json_line *line, const char *name, const int64_t *numbers,
                        int n)
{
    ptmi_json_line_list(line, name);
    for (int i = 0; i < n; i++) ptmi_json_line_int(line, NULL, numbers[i]);
    ptmi_json_line_list_end(line);
}

static void put_quantizer(struct ptmi_json_line *line, const struct ptm_tensor *tensor)
{
    bool channels = tensor->qscheme >= PTM_PER_CHANNEL_AFFINE;
    if (!tensor->qscheme) return;
    ptmi_json_line_open(line, "quantizer");
    ptmi_json_line_str(line, "scheme", ptm_qscheme_name(tensor->qscheme));
    if (channels) {
        ptmi_json_line_int(line, "axis", tensor->axis);
    } else {
        ptmi_json_line_double(line, "scale", tensor->scale);
        ptmi_json_line_int(line, "zero_point", tensor->zero_point);
    }
    ptmi_json_line_close(line);
}

static void put_flag(struct ptmi_json_line *line, const char *name, bool value)
{
    if (value) ptmi_json_line_bool(line, name, true);
}

/* name: NULL for a part of another tensor, which has none and no parts of its own. */
static void put_tensor(struct ptmi_json_line *line, const ptm_weights *weights,
                       const struct ptm_tensor *tensor, const char *name)
{
    const struct ptm_storage *storage =
        tensor->storage == PTM_NO_STORAGE ? NULL : ptm_weights_storage(weights, tensor->storage);
    ptmi_json_line_open(line, NULL);
    if (name) ptmi_json_line_str(line, "name", name);
    ptmi_json_line_str(line, "dtype", ptmi_dtype_name(tensor->dtype));
    put_numbers(line, "shape", tensor->shape, tensor->n_dims);
    if (tensor->stride)
        put_numbers(line, "stride", tensor->stride, tensor->n_dims);
    else
        ptmi_json_line_null(line, "stride");
    if (tensor->offset >= 0)
        ptmi_json_line_int(line, "offset", tensor->offset);
    else
        ptmi_json_line_null(line, "offset");
    ptmi_json_line_int(line, "nbytes", tensor->nbytes);
    ptmi_json_line_str(line, "storage", storage ? storage->key : NULL);
    if (tensor->layout != PTM_STRIDED)
        ptmi_json_line_str(line, "layout", ptm_layout_name(tensor->layout));
    put_quantizer(line, tensor);
    put_flag(line, "requires_grad", tensor->requires_grad);
    put_flag(line, "parameter", tensor->is_parameter);
    put_flag(line, "conj", tensor->conj);
    put_flag(line, "neg", tensor->neg);
    if (storage && storage->device && !ptmi_str_eq(storage->device, "cpu"))
        ptmi_json_line_str(line, "device", storage->device);
    if (name && tensor->n_parts) {
        ptmi_json_line_list(line, "parts");
        for (size_t i = 0; i < tensor->n_parts; i++)
            put_tensor(line, weights, &tensor->parts[i], NULL);
        ptmi_json_line_list_end(line);
    }
    ptmi_json_line_close(line);
}

static void put_metadata(struct ptmi_json_line *line, const ptm_weights *weights)
{
    ptmi_json_line_open(line, "metadata");
    for (size_t i = 0; i < ptm_weights_meta_count(weights); i++) {
        const struct ptm_meta *meta = ptm_weights_meta(weights, i);
        ptmi_json_line_str(line, meta->key, meta->value);
    }
    ptmi_json_line_close(line);
}

static void put_storages(struct ptmi_json_line *line, const ptm_weights *weights)
{
    ptmi_json_line_list(line, "storages");
    for (size_t i = 0; i < ptm_weights_storage_count(weights); i++) {
        const struct ptm_storage *storage = ptm_weights_storage(weights, i);
        ptmi_json_line_open(line, NULL);
        ptmi_json_line_str(line, "key", storage->key);
        ptmi_json_line_int(line, "nbytes", storage->nbytes);
        ptmi_json_line_str(line, "device", storage->device);
        if (storage->file_offset >= 0)
            ptmi_json_line_int(line, "file_offset", storage->file_offset);
        else
            ptmi_json_line_null(line, "file_offset");
        ptmi_json_line_bool(line, "big_endian", storage->big_endian);
        ptmi_json_line_close(line);
    }
    ptmi_json_line_list_end(line);
}

ptm_rc ptmi_weights_print_json(struct ptmi_cli *cli, const ptm_weights *weights,
                               const struct ptmi_listing *listing, struct ptm_err *err)
{
    struct ptmi_json_line line;
    const char *producer = ptm_weights_producer(weights);
    ptmi_json_line_begin_stream(&line);
    ptmi_json_line_str(&line, "file", listing->path);
    ptmi_json_line_str(&line, "format", ptm_weights_format(weights));
    ptmi_json_line_int(&line, "parameters", ptm_weights_parameters(weights));
    ptmi_json_line_int(&line, "bytes", ptm_weights_bytes(weights));
    put_metadata(&line, weights);
    ptmi_json_line_list(&line, "tensors");
    for (size_t i = 0; listing->tensors && i < ptm_weights_count(weights); i++) {
        const struct ptm_tensor *tensor = ptm_weights_tensor(weights, i);
        put_tensor(&line, weights, tensor, tensor->name);
    }
    ptmi_json_line_list_end(&line);
    if (producer && *producer) ptmi_json_line_str(&line, "producer", producer);
    if (listing->tensors) put_storages(&line, weights);
    return ptmi_json_line_print(&line, &cli->out, err);
}
