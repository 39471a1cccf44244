/* SPDX-License-Identifier: MIT */
/* checkpoint.c - opening by path or URL, SIGBUS, and small facts of tensors. */
#include "checkpoint.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "netopts.h"

bool ptmi_is_url(const char *text)
{
    return ptmi_str_starts_nocase(text, "http://") || ptmi_str_starts_nocase(text, "https://");
}

void ptmi_opener_clear(struct ptmi_opener *opener)
{
    ptm_net_close(opener->net);
    free(opener->rewrites);
    *opener = (struct ptmi_opener){0};
}

static ptm_rc open_net(struct ptmi_opener *opener, struct ptm_err *err)
{
    struct ptm_net_opts net;
    if (opener->net) return PTM_OK;
    free(opener->rewrites);
    opener->rewrites = NULL;
    PTM_TRY(ptmi_net_options(&opener->cli->values, NULL, &net, &opener->rewrites, err));
    signal(SIGPIPE, SIG_IGN); /* a server that hangs up must not end the command */
    return ptm_net_open(opener->cli->ctx, &net, &opener->net, err);
}

ptm_rc ptmi_opener_open(struct ptmi_opener *opener, const char *path, ptm_weights **out,
                        struct ptm_err *err)
{
    ptmi_sigbus_file(path);
    if (!ptmi_is_url(path)) return ptm_weights_open(path, NULL, out, err);
    PTM_TRY(open_net(opener, err));
    return ptm_weights_open_url(opener->net, path, NULL, out, err);
}

/* The signal comes to the thread that touched the page. A handler is given nothing else. */
static _Thread_local char mapped_file[256];

void ptmi_sigbus_file(const char *path)
{
    ptmi_str_printable(mapped_file, sizeof mapped_file, path ? path : "");
}

static void say(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n; /* there is nobody left to tell */
}

static void on_sigbus(int number)
{
    (void)number;
    say("ptm: ");
    say(*mapped_file ? mapped_file : "a file");
    say(": became shorter while it was being read, or the disk cannot read it\n");
    _exit(3);
}

void ptmi_catch_sigbus(void)
{
    struct sigaction action = {.sa_handler = on_sigbus};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGBUS, &action, NULL);
}

char *ptmi_human_count(int64_t n, char buf[32])
{
    static const char units[] = "kMBT";
    double value = (double)n;
    size_t unit = 0;
    if (n < 1000) {
        snprintf(buf, 32, "%lld", (long long)n);
        return buf;
    }
    value /= 1000;
    /* 999.95 would be printed as 1000.0 */
    while (value >= 999.95 && unit + 1 < sizeof units - 1) {
        value /= 1000;
        unit++;
    }
    snprintf(buf, 32, "%.1f %c", value, units[unit]);
    return buf;
}

int64_t ptmi_tensor_elements(const struct ptm_tensor *tensor)
{
    int64_t n = 1;
    bool over = false;
    for (int i = 0; i < tensor->n_dims; i++) {
        if (tensor->shape[i] == 0) return 0;
        over = over || __builtin_mul_overflow(n, tensor->shape[i], &n);
    }
    return over ? INT64_MAX : n;
}

int64_t ptmi_tensor_bytes(const struct ptm_tensor *tensor)
{
    int64_t bytes = 0;
    if (tensor->layout == PTM_STRIDED || tensor->n_parts == 0) return tensor->nbytes;
    for (size_t i = 0; i < tensor->n_parts; i++)
        if (__builtin_add_overflow(bytes, tensor->parts[i].nbytes, &bytes)) return INT64_MAX;
    return bytes;
}

const char *ptmi_dtype_name(ptm_dtype dtype)
{
    const struct ptm_dtype_info *info = ptm_dtype_info(dtype);
    return info ? info->name : "unknown";
}

/* --- sharing --- */

struct extent {
    size_t tensor, storage;
    int64_t begin, end; /* bytes in the storage */
};

static int by_place(const void *a, const void *b)
{
    const struct extent *x = a, *y = b;
    if (x->storage != y->storage) return x->storage < y->storage ? -1 : 1;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return x->tensor < y->tensor ? -1 : x->tensor > y->tensor;
}

/* One past the last byte it touches: beyond begin + nbytes when its strides leave gaps. */
static int64_t end_of(const struct ptm_tensor *tensor)
{
    const struct ptm_dtype_info *info = ptm_dtype_info(tensor->dtype);
    int64_t last = 0, end = 0, step = 0;
    bool over = !tensor->stride || !info || info->elements != 1;
    for (int i = 0; !over && i < tensor->n_dims; i++)
        over = __builtin_mul_overflow(tensor->shape[i] - 1, tensor->stride[i], &step) ||
               __builtin_add_overflow(last, step, &last);
    over = over || __builtin_mul_overflow(last + 1, (int64_t)info->bytes, &end);
    if (over) end = tensor->nbytes;
    return __builtin_add_overflow(tensor->byte_offset, end, &end) ? INT64_MAX : end;
}

/* Extents that touch one another, from..to: all of them share with the first of the file. */
static void join(const struct extent *extents, size_t from, size_t to, struct ptmi_sharing *sharing)
{
    size_t first = extents[from].tensor;
    for (size_t i = from; i < to; i++)
        if (extents[i].tensor < first) first = extents[i].tensor;
    for (size_t i = from; i < to; i++) {
        sharing->with[extents[i].tensor] = first;
        /* Equal extents stand in the order of the file. */
        if (i > from && extents[i].begin == extents[i - 1].begin &&
            extents[i].end == extents[i - 1].end)
            sharing->same[extents[i].tensor] = sharing->same[extents[i - 1].tensor];
    }
}

static void join_all(const struct extent *extents, size_t n, struct ptmi_sharing *sharing)
{
    size_t from = 0;
    int64_t end = 0;
    for (size_t i = 0; i < n; i++) {
        bool apart = extents[i].storage != extents[from].storage || extents[i].begin >= end;
        if (i > from && apart) {
            join(extents, from, i, sharing);
            from = i;
        }
        if (i == from || extents[i].end > end) end = extents[i].end;
    }
    if (n) join(extents, from, n, sharing);
}

ptm_rc ptmi_sharing_find(const ptm_weights *weights, struct ptmi_sharing *out, struct ptm_err *err)
{
    size_t n = ptm_weights_count(weights), stored = 0;
    PTM_AUTO(ptmi_freep) struct extent *extents = calloc(n + 1, sizeof *extents);
    PTM_AUTO(ptmi_freep) size_t *with = calloc(n + 1, sizeof *with);
    PTM_AUTO(ptmi_freep) size_t *same = calloc(n + 1, sizeof *same);
    if (!extents || !with || !same) return ptm_err_set(err, PTM_ENOMEM, "table of tensors");
    for (size_t i = 0; i < n; i++) {
        const struct ptm_tensor *tensor = ptm_weights_tensor(weights, i);
        with[i] = same[i] = i;
        if (tensor->storage == PTM_NO_STORAGE || tensor->nbytes == 0) continue;
        extents[stored++] = (struct extent){
            .tensor = i,
            .storage = tensor->storage,
            .begin = tensor->byte_offset,
            .end = end_of(tensor),
        };
    }
    if (stored) qsort(extents, stored, sizeof *extents, by_place);
    out->with = ptm_steal(&with);
    out->same = ptm_steal(&same);
    join_all(extents, stored, out);
    return PTM_OK;
}

void ptmi_sharing_clear(struct ptmi_sharing *sharing)
{
    free(sharing->with);
    free(sharing->same);
    *sharing = (struct ptmi_sharing){0};
}
