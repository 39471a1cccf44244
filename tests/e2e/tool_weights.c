/* SPDX-License-Identifier: MIT */
/*
 * tool_weights.c - what libptm reads in checkpoints, with a SHA-256 of every tensor's contiguous
 * values, for tests/e2e/test_weights_torch.py: one JSON object a file on stdout. Not installed.
 *
 *     tool_weights [--table] FILE|URL..
 *
 * --table: no values.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptm/weights.h>

#include "../../src/base/auto.h"
#include "../../src/base/buf.h"
#include "../../src/base/hash.h"

#define OUT_MAX (256u << 20)

PTM_DEFINE_CLEANUP(weights_closep, ptm_weights *, ptm_weights_close)
PTM_DEFINE_CLEANUP(net_closep, ptm_net *, ptm_net_close)
PTM_DEFINE_CLEANUP(ctx_freep, ptm_ctx *, ptm_ctx_free)

struct tool {
    ptm_net *net; /* for URLs */
    bool table;
    ptm_weights *weights;
    struct ptmi_buf *out;
    struct ptm_err *err;
};

static ptm_rc put_ints(struct tool *tool, const char *key, const int64_t *values, int n)
{
    if (!values && n > 0) return ptmi_buf_printf(tool->out, tool->err, ", \"%s\": null", key);
    PTM_TRY(ptmi_buf_printf(tool->out, tool->err, ", \"%s\": [", key));
    for (int i = 0; i < n; i++)
        PTM_TRY(
            ptmi_buf_printf(tool->out, tool->err, "%s%lld", i ? ", " : "", (long long)values[i]));
    return ptmi_buf_putc(tool->out, ']', tool->err);
}

static ptm_rc put_text(struct tool *tool, const char *key, const char *text)
{
    PTM_TRY(ptmi_buf_printf(tool->out, tool->err, ", \"%s\": ", key));
    return ptmi_buf_json_str(tool->out, text, tool->err);
}

/* The values' hash, or why they cannot be read. */
static ptm_rc put_values(struct tool *tool, const struct ptm_tensor *tensor)
{
    struct ptm_err why = {0};
    char hex[65];
    PTM_AUTO(ptmi_freep) void *values = malloc(tensor->nbytes ? (size_t)tensor->nbytes : 1);
    if (!values) return ptm_err_set(tool->err, PTM_ENOMEM, "out of memory");
    if (ptm_weights_read(tool->weights, tensor, values, (size_t)tensor->nbytes, &why) < 0)
        return put_text(tool, "unread", ptm_rc_name(why.rc));
    PTM_TRY(ptmi_hash_bytes(PTMI_SHA256, values, (size_t)tensor->nbytes, hex, tool->err));
    return put_text(tool, "sha256", hex);
}

static ptm_rc put_tensor(struct tool *tool, const struct ptm_tensor *tensor)
{
    PTM_TRY(ptmi_buf_printf(
        tool->out, tool->err,
        "{\"offset\": %lld, \"byte_offset\": %lld, \"nbytes\": %lld, \"storage\": %lld",
        (long long)tensor->offset, (long long)tensor->byte_offset, (long long)tensor->nbytes,
        tensor->storage == PTM_NO_STORAGE ? -1 : (long long)tensor->storage));
    PTM_TRY(put_text(tool, "name", tensor->name));
    PTM_TRY(put_text(tool, "dtype", ptm_dtype_info(tensor->dtype)->name));
    PTM_TRY(put_text(tool, "layout", ptm_layout_name(tensor->layout)));
    PTM_TRY(put_ints(tool, "shape", tensor->shape, tensor->n_dims));
    PTM_TRY(put_ints(tool, "stride", tensor->stride, tensor->n_dims));
    PTM_TRY(ptmi_buf_printf(
        tool->out, tool->err,
        ", \"flags\": {\"requires_grad\": %d, \"is_parameter\": %d, \"conj\": %d, \"neg\": %d, "
        "\"coalesced\": %d, \"fortran\": %d}",
        tensor->requires_grad, tensor->is_parameter, tensor->conj, tensor->neg, tensor->coalesced,
        tensor->fortran));
    if (tensor->qscheme) {
        PTM_TRY(put_text(tool, "qscheme", ptm_qscheme_name(tensor->qscheme)));
        PTM_TRY(ptmi_buf_printf(tool->out, tool->err,
                                ", \"scale\": %.17g, \"zero_point\": %lld, \"axis\": %d",
                                tensor->scale, (long long)tensor->zero_point, tensor->axis));
    }
    PTM_TRY(ptmi_buf_puts(tool->out, ", \"parts\": [", tool->err));
    for (size_t i = 0; i < tensor->n_parts; i++) {
        if (i) PTM_TRY(ptmi_buf_putc(tool->out, ',', tool->err));
        PTM_TRY(put_tensor(tool, &tensor->parts[i])); /* parts have no parts */
    }
    PTM_TRY(ptmi_buf_putc(tool->out, ']', tool->err));
    if (!tool->table) PTM_TRY(put_values(tool, tensor));
    return ptmi_buf_putc(tool->out, '}', tool->err);
}

static ptm_rc put_storage(struct tool *tool, const struct ptm_storage *storage)
{
    PTM_TRY(ptmi_buf_printf(tool->out, tool->err,
                            "{\"nbytes\": %lld, \"file_offset\": %lld, \"big_endian\": %s",
                            (long long)storage->nbytes, (long long)storage->file_offset,
                            storage->big_endian ? "true" : "false"));
    PTM_TRY(put_text(tool, "key", storage->key));
    PTM_TRY(put_text(tool, "device", storage->device));
    return ptmi_buf_putc(tool->out, '}', tool->err);
}

static ptm_rc put_tables(struct tool *tool)
{
    PTM_TRY(ptmi_buf_printf(tool->out, tool->err, ", \"parameters\": %lld, \"bytes\": %lld",
                            (long long)ptm_weights_parameters(tool->weights),
                            (long long)ptm_weights_bytes(tool->weights)));
    PTM_TRY(ptmi_buf_puts(tool->out, ", \"metadata\": {", tool->err));
    for (size_t i = 0; i < ptm_weights_meta_count(tool->weights); i++) {
        const struct ptm_meta *meta = ptm_weights_meta(tool->weights, i);
        if (i) PTM_TRY(ptmi_buf_putc(tool->out, ',', tool->err));
        PTM_TRY(ptmi_buf_json_str(tool->out, meta->key, tool->err));
        PTM_TRY(ptmi_buf_putc(tool->out, ':', tool->err));
        PTM_TRY(ptmi_buf_json_str(tool->out, meta->value, tool->err));
    }
    PTM_TRY(ptmi_buf_puts(tool->out, "}, \"storages\": [", tool->err));
    for (size_t i = 0; i < ptm_weights_storage_count(tool->weights); i++) {
        if (i) PTM_TRY(ptmi_buf_putc(tool->out, ',', tool->err));
        PTM_TRY(put_storage(tool, ptm_weights_storage(tool->weights, i)));
    }
    PTM_TRY(ptmi_buf_puts(tool->out, "], \"tensors\": [", tool->err));
    for (size_t i = 0; i < ptm_weights_count(tool->weights); i++) {
        if (i) PTM_TRY(ptmi_buf_putc(tool->out, ',', tool->err));
        PTM_TRY(put_tensor(tool, ptm_weights_tensor(tool->weights, i)));
    }
    return ptmi_buf_putc(tool->out, ']', tool->err);
}

static ptm_rc open_any(const struct tool *tool, const char *path, ptm_weights **out,
                       struct ptm_err *err)
{
    bool remote = strncmp(path, "http", 4) == 0;
    return remote ? ptm_weights_open_url(tool->net, path, NULL, out, err)
                  : ptm_weights_open(path, NULL, out, err);
}

/* A file that cannot be read is an object with its error. */
static ptm_rc put_file(struct tool *tool, const char *path)
{
    PTM_AUTO(weights_closep) ptm_weights *weights = NULL;
    struct ptm_err why = {0};
    PTM_TRY(ptmi_buf_puts(tool->out, "{\"file\": ", tool->err));
    PTM_TRY(ptmi_buf_json_str(tool->out, path, tool->err));
    if (open_any(tool, path, &weights, &why) < 0) {
        PTM_TRY(put_text(tool, "error", ptm_rc_name(why.rc)));
        PTM_TRY(put_text(tool, "message", why.msg));
        return ptmi_buf_puts(tool->out, "}\n", tool->err);
    }
    tool->weights = weights;
    PTM_TRY(put_text(tool, "format", ptm_weights_format(weights)));
    PTM_TRY(put_text(tool, "producer", ptm_weights_producer(weights)));
    PTM_TRY(put_tables(tool));
    return ptmi_buf_puts(tool->out, "}\n", tool->err);
}

static ptm_rc print_all(int n, char **paths, struct ptm_err *err)
{
    PTM_AUTO(ctx_freep) ptm_ctx *ctx = NULL;
    PTM_AUTO(net_closep) ptm_net *net = NULL;
    PTM_TRY(ptm_ctx_new(NULL, &ctx, err));
    PTM_TRY(ptm_net_open(ctx, NULL, &net, err));
    bool table = n > 0 && strcmp(paths[0], "--table") == 0;
    for (int i = table; i < n; i++) {
        PTM_AUTO(ptmi_buf_clear) struct ptmi_buf out = PTMI_BUF(OUT_MAX);
        struct tool tool = {.net = net, .table = table, .out = &out, .err = err};
        PTM_TRY(put_file(&tool, paths[i]));
        fputs(out.data, stdout);
    }
    return PTM_OK;
}

int main(int argc, char **argv)
{
    struct ptm_err err = {0};
    if (print_all(argc - 1, argv + 1, &err) >= 0) return 0;
    fprintf(stderr, "tool_weights: %s\n", err.msg);
    return 1;
}
