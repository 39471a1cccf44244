/* SPDX-License-Identifier: MIT */
/*
 * weights_table.c - `ptm weights ls` for people: what a file is, its dtypes, a table or a tree of
 * its tensors. Rows are made twice, to be measured and to be printed, so that a file of a million
 * tensors needs no memory for text.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "checkpoint.h"

/* Metadata that is shown; the rest is counted. GGUF files have some thirty of it. */
#define METAS_SHOWN 40
#define META_VALUE_MAX 100
/* Modules in modules that become levels of the tree: no model comes near. */
#define TREE_DEPTH 32
/* A dtype is a number below this. */
#define DTYPES_MAX 256

enum { NAME, DTYPE, SHAPE, BYTES, NOTES, N_COLUMNS };

struct row {
    char name[512];
    char dtype[64];
    char shape[256];
    char bytes[32];
    char notes[512];
    ptmi_color color;
};

struct table {
    const struct ptmi_out *out;
    const ptm_weights *weights;
    const struct ptmi_sharing *sharing;
    struct ptmi_columns columns;
    bool measuring;
    size_t *counted; /* of each tensor: the last group that has counted its bytes */
    size_t groups;   /* so far: the number of the one that is being counted */
    struct row row;  /* being made */
};

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static void put_row(struct table *table)
{
    const struct row *row = &table->row;
    const char *cells[N_COLUMNS] = {row->name, row->dtype, row->shape, row->bytes, row->notes};
    if (table->measuring)
        ptmi_columns_measure(&table->columns, cells);
    else
        ptmi_columns_print(&table->columns, table->out, row->color, cells);
}

/* Appends to a list in a cell; what does not fit is left out. */
static PTM_PRINTF(3, 4) void add(char *cell, size_t size, const char *fmt, ...)
{
    size_t len = strlen(cell);
    va_list args;
    va_start(args, fmt);
    vsnprintf(cell + len, size - len, fmt, args);
    va_end(args);
}

static PTM_PRINTF(2, 3) void note(struct row *row, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add(row->notes, sizeof row->notes, "%s%s", *row->notes ? ", " : "", text);
}

static void write_sizes(char *cell, size_t size, const int64_t *sizes, int n)
{
    add(cell, size, "[");
    for (int i = 0; i < n; i++) add(cell, size, "%s%lld", i ? ", " : "", (long long)sizes[i]);
    add(cell, size, "]");
}

/* Are its elements one after the other in C order? */
static bool is_contiguous(const struct ptm_tensor *tensor)
{
    int64_t expected = 1;
    if (!tensor->stride || tensor->nbytes == 0) return true;
    for (int i = tensor->n_dims; i-- > 0;) {
        if (tensor->shape[i] != 1 && tensor->stride[i] != expected) return false;
        if (__builtin_mul_overflow(expected, tensor->shape[i], &expected)) return false;
    }
    return true;
}

static void note_quantizer(struct row *row, const struct ptm_tensor *tensor)
{
    if (!tensor->qscheme) return;
    const char *scheme = ptm_qscheme_name(tensor->qscheme);
    if (tensor->qscheme >= PTM_PER_CHANNEL_AFFINE)
        note(row, "%s, axis %d", scheme, tensor->axis);
    else
        note(row, "%s, scale %.6g, zero point %lld", scheme, tensor->scale,
             (long long)tensor->zero_point);
}

static void note_storage(struct row *row, const ptm_weights *weights,
                         const struct ptm_tensor *tensor)
{
    char shown[64];
    if (tensor->storage == PTM_NO_STORAGE) {
        if (tensor->n_parts == 0) note(row, "meta");
        return;
    }
    const struct ptm_storage *storage = ptm_weights_storage(weights, tensor->storage);
    if (storage->device && !ptmi_str_eq(storage->device, "cpu"))
        note(row, "%s", ptmi_str_printable(shown, sizeof shown, storage->device));
    if (storage->big_endian) note(row, "big-endian");
}

static void note_all(struct table *table, size_t i)
{
    const struct ptm_tensor *tensor = ptm_weights_tensor(table->weights, i);
    struct row *row = &table->row;
    char text[400] = "";
    if (tensor->layout != PTM_STRIDED) note(row, "%s", ptm_layout_name(tensor->layout));
    note_quantizer(row, tensor);
    if (!is_contiguous(tensor)) {
        write_sizes(text, sizeof text, tensor->stride, tensor->n_dims);
        note(row, "stride %s", text);
    }
    if (table->sharing->with[i] != i) {
        const struct ptm_tensor *other =
            ptm_weights_tensor(table->weights, table->sharing->with[i]);
        note(row, "shared with %s", ptmi_str_printable(text, sizeof text, other->name));
    }
    if (tensor->conj) note(row, "conj");
    if (tensor->neg) note(row, "neg");
    note_storage(row, table->weights, tensor);
}

/* name: the whole one, or its last part in a tree. */
static void put_tensor(struct table *table, size_t i, int indent, const char *name)
{
    const struct ptm_tensor *tensor = ptm_weights_tensor(table->weights, i);
    struct row *row = &table->row;
    *row = (struct row){0};
    snprintf(row->name, sizeof row->name, "%*s", indent, "");
    ptmi_str_printable(row->name + indent, sizeof row->name - (size_t)indent, name);
    snprintf(row->dtype, sizeof row->dtype, "%s", ptmi_dtype_name(tensor->dtype));
    write_sizes(row->shape, sizeof row->shape, tensor->shape, tensor->n_dims);
    ptmi_str_human_size(ptmi_tensor_bytes(tensor), row->bytes);
    note_all(table, i);
    put_row(table);
}

static void put_head(struct table *table)
{
    table->row = (struct row){.name = "NAME",
                              .dtype = "DTYPE",
                              .shape = "SHAPE",
                              .bytes = "BYTES",
                              .notes = "NOTES",
                              .color = PTMI_BOLD};
    put_row(table);
}

static void put_list(struct table *table)
{
    put_head(table);
    for (size_t i = 0; i < ptm_weights_count(table->weights); i++)
        put_tensor(table, i, 0, ptm_weights_tensor(table->weights, i)->name);
}

/* --- the tree --- */

struct leaf {
    const char *name;
    size_t tensor;
};

struct sum {
    size_t tensors;
    int64_t elements, bytes;
};

/* One part of a dotted name: numbers first and by their value, so that layer 10 follows layer 9. */
static int compare_parts(const char *a, size_t a_len, const char *b, size_t b_len)
{
    bool a_number = strspn(a, "0123456789") >= a_len, b_number = strspn(b, "0123456789") >= b_len;
    if (a_number != b_number) return a_number ? -1 : 1;
    if (a_number && a_len != b_len) return a_len < b_len ? -1 : 1;
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    if (order) return order;
    return a_len < b_len ? -1 : a_len > b_len;
}

static int by_dotted_name(const void *x, const void *y)
{
    const char *a = ((const struct leaf *)x)->name, *b = ((const struct leaf *)y)->name;
    for (;;) {
        size_t a_len = strcspn(a, "."), b_len = strcspn(b, ".");
        int order = compare_parts(a, a_len, b, b_len);
        if (order) return order;
        if (!a[a_len] || !b[b_len]) return !a[a_len] == !b[b_len] ? 0 : a[a_len] ? 1 : -1;
        a += a_len + 1;
        b += b_len + 1;
    }
}

/* Bytes of the first depth parts of a name with the dot behind them; 0: it has no more parts than
 * that, and the last one is the tensor's own. */
static size_t group_len(const char *name, int depth)
{
    size_t len = 0;
    for (int i = 0; i < depth; i++) {
        size_t part = strcspn(name + len, ".");
        if (!name[len + part]) return 0;
        len += part + 1;
    }
    return len;
}

static void add_to_sum(struct sum *sum, const struct ptm_tensor *tensor)
{
    if (__builtin_add_overflow(sum->elements, ptmi_tensor_elements(tensor), &sum->elements))
        sum->elements = INT64_MAX;
    if (__builtin_add_overflow(sum->bytes, ptmi_tensor_bytes(tensor), &sum->bytes))
        sum->bytes = INT64_MAX;
}

/* Tensors below a module, from the first of leaves on; the same bytes count once in it. */
static struct sum sum_group(struct table *table, const struct leaf *leaves, size_t n, size_t len)
{
    struct sum sum = {0};
    size_t group = ++table->groups;
    for (size_t i = 0; i < n && strncmp(leaves[i].name, leaves[0].name, len) == 0; i++) {
        size_t same = table->sharing->same[leaves[i].tensor];
        sum.tensors++;
        if (table->counted[same] == group) continue;
        table->counted[same] = group;
        add_to_sum(&sum, ptm_weights_tensor(table->weights, leaves[i].tensor));
    }
    return sum;
}

/* The row of a module: what its tensors have together. */
static void put_group(struct table *table, const struct leaf *leaves, size_t n, int depth)
{
    struct row *row = &table->row;
    size_t len = group_len(leaves[0].name, depth), before = group_len(leaves[0].name, depth - 1);
    struct sum sum = sum_group(table, leaves, n, len);
    char part[400], count[32];
    *row = (struct row){.color = PTMI_BOLD};
    snprintf(part, sizeof part, "%.*s", (int)(len - before - 1), leaves[0].name + before);
    snprintf(row->name, sizeof row->name, "%*s", 2 * (depth - 1), "");
    ptmi_str_printable(row->name + strlen(row->name), sizeof row->name - strlen(row->name), part);
    ptmi_str_human_size(sum.bytes, row->bytes);
    note(row, "%s parameter%s in %zu tensor%s", ptmi_human_count(sum.elements, count),
         plural(sum.elements), sum.tensors, plural((int64_t)sum.tensors));
    put_row(table);
}

/* How many groups two neighbours have in common. */
static int common_depth(const char *a, const char *b)
{
    int depth = 0;
    for (; *a && *a == *b; a++, b++) depth += *a == '.';
    return depth;
}

static void put_tree(struct table *table, const struct leaf *leaves, size_t n)
{
    put_head(table);
    for (size_t i = 0; i < n; i++) {
        int depth = i ? common_depth(leaves[i - 1].name, leaves[i].name) : 0;
        if (depth > TREE_DEPTH) depth = TREE_DEPTH;
        while (depth < TREE_DEPTH && group_len(leaves[i].name, depth + 1))
            put_group(table, leaves + i, n - i, ++depth);
        put_tensor(table, leaves[i].tensor, 2 * depth,
                   leaves[i].name + group_len(leaves[i].name, depth));
    }
}

static ptm_rc print_tree(struct table *table, struct ptm_err *err)
{
    size_t n = ptm_weights_count(table->weights);
    PTM_AUTO(ptmi_freep) struct leaf *leaves = calloc(n + 1, sizeof *leaves);
    PTM_AUTO(ptmi_freep) size_t *counted = calloc(n + 1, sizeof *counted);
    if (!leaves || !counted) return ptm_err_set(err, PTM_ENOMEM, "tree of tensors");
    table->counted = counted;
    for (size_t i = 0; i < n; i++)
        leaves[i] = (struct leaf){.name = ptm_weights_tensor(table->weights, i)->name, .tensor = i};
    qsort(leaves, n, sizeof *leaves, by_dotted_name);
    put_tree(table, leaves, n);
    table->measuring = false;
    put_tree(table, leaves, n);
    return PTM_OK;
}

/* --- the file as a whole --- */

static void print_what(struct ptmi_cli *cli, const ptm_weights *weights)
{
    char producer[200], count[32], size[32];
    size_t n = ptm_weights_count(weights);
    const char *by = ptm_weights_producer(weights);
    ptmi_str_printable(producer, sizeof producer, by ? by : "");
    ptmi_out_printf(&cli->out, "  %s%s%s\n", ptm_weights_format(weights), *producer ? ", " : "",
                    producer);
    int64_t parameters = ptm_weights_parameters(weights);
    ptmi_out_printf(&cli->out, "  %s parameter%s in %zu tensor%s, %s\n",
                    ptmi_human_count(parameters, count), plural(parameters), n, plural((int64_t)n),
                    ptmi_str_human_size(ptm_weights_bytes(weights), size));
}

static void print_dtypes(struct ptmi_cli *cli, const ptm_weights *weights,
                         const struct ptmi_sharing *sharing)
{
    struct sum sums[DTYPES_MAX] = {{0}};
    char count[32], size[32];
    for (size_t i = 0; i < ptm_weights_count(weights); i++) {
        const struct ptm_tensor *tensor = ptm_weights_tensor(weights, i);
        struct sum *sum = &sums[(unsigned)tensor->dtype % DTYPES_MAX];
        sum->tensors++;
        if (sharing->same[i] == i) add_to_sum(sum, tensor);
    }
    for (int dtype = 0; dtype < DTYPES_MAX; dtype++) {
        const struct sum *sum = &sums[dtype];
        if (!sum->tensors) continue;
        ptmi_out_printf(&cli->out, "  %s %zu tensor%s, %s parameter%s, %s\n",
                        ptmi_dtype_name((ptm_dtype)dtype), sum->tensors,
                        plural((int64_t)sum->tensors), ptmi_human_count(sum->elements, count),
                        plural(sum->elements), ptmi_str_human_size(sum->bytes, size));
    }
}

static void print_metadata(struct ptmi_cli *cli, const ptm_weights *weights)
{
    size_t n = ptm_weights_meta_count(weights);
    char key[100], value[META_VALUE_MAX];
    for (size_t i = 0; i < n && i < METAS_SHOWN; i++) {
        const struct ptm_meta *meta = ptm_weights_meta(weights, i);
        ptmi_str_printable(key, sizeof key, meta->key);
        ptmi_str_printable(value, sizeof value, meta->value);
        ptmi_out_printf(&cli->out, "  %s = %s%s\n", key, value,
                        strlen(meta->value) >= sizeof value ? ".." : "");
    }
    if (n > METAS_SHOWN)
        ptmi_out_printf(&cli->out, "  and %zu more (--json shows all)\n", n - METAS_SHOWN);
}

ptm_rc ptmi_weights_print(struct ptmi_cli *cli, const ptm_weights *weights,
                          const struct ptmi_listing *listing, struct ptm_err *err)
{
    PTM_AUTO(ptmi_sharing_clear) struct ptmi_sharing sharing = {0};
    char path[1024];
    struct table table = {
        .out = &cli->out,
        .weights = weights,
        .sharing = &sharing,
        .columns = {.n = N_COLUMNS, .right = {[BYTES] = true}},
        .measuring = true,
    };
    PTM_TRY(ptmi_sharing_find(weights, &sharing, err));
    ptmi_out_printf(&cli->out, "%s%s%s\n", ptmi_out_code(cli->out.colors_out, PTMI_BOLD),
                    ptmi_str_printable(path, sizeof path, listing->path),
                    ptmi_out_code(cli->out.colors_out, PTMI_PLAIN));
    print_what(cli, weights);
    print_dtypes(cli, weights, &sharing);
    print_metadata(cli, weights);
    if (!listing->tensors || ptm_weights_count(weights) == 0) return PTM_OK;
    ptmi_out_printf(&cli->out, "\n");
    if (listing->tree) return print_tree(&table, err);
    put_list(&table);
    table.measuring = false;
    put_list(&table);
    return PTM_OK;
}
