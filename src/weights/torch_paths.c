/* SPDX-License-Identifier: MIT */
/*
 * torch_paths.c - the walk over values that finds tensors and names them by the way there:
 *
 *     dict       its keys          list, tuple, set    0, 1, ..
 *     object     keys of its state; arguments 0, 1, ..; what it holds as a list or dict directly
 *
 * _modules, _parameters and _buffers are left out below objects, so that a pickled module's tensors
 * have the names of its state_dict(). A container met again by another way is walked again, as
 * torch would; a circle is cut. What holds no tensor is not walked at all, and the rest at most in
 * proportion to what there is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "torch_objects_priv.h"

/* Longest name of a tensor: real ones stay under 300 bytes. */
#define NAME_MAX_BYTES 4096
/* Visits beyond the proportional ones: for files so small that sharing looks like an explosion. */
#define VISITS_ANYWAY 100000
/* Bytes of names: a value has some ten in a real file, and containers that are shared may repeat a
 * long one a million times. */
#define NAME_BYTES_A_VALUE 64
#define NAME_BYTES_ANYWAY ((uint64_t)64 << 20)

struct frame {
    struct ptmi_made *made;
    size_t next;     /* child to look at */
    size_t path_len; /* of the path to made */
    bool attributes; /* its keys are attributes of an object */
};

struct walk {
    struct ptm_weights *weights;
    struct frame frames[PTM_LIMIT_PICKLE_DEPTH];
    size_t depth;
    struct ptmi_buf path;
    uint64_t visits, max_visits;
    uint64_t name_bytes, max_name_bytes;
};

/* --- names --- */

/* Names are C strings: NUL becomes U+FFFD. */
static ptm_rc put_text(struct ptmi_buf *path, const char *text, size_t len, struct ptm_err *err)
{
    for (size_t i = 0; i < len;) {
        size_t plain = i;
        while (plain < len && text[plain] != '\0') plain++;
        PTM_TRY(ptmi_buf_append(path, text + i, plain - i, err));
        if (plain < len) PTM_TRY(ptmi_buf_puts(path, "\xef\xbf\xbd", err));
        i = plain + 1;
    }
    return PTM_OK;
}

static ptm_rc put_scalar(struct ptmi_buf *path, const struct ptm_value *key, struct ptm_err *err)
{
    switch (key->kind) {
    case PTM_VALUE_NONE:
        return ptmi_buf_puts(path, "None", err);
    case PTM_VALUE_BOOL:
        return ptmi_buf_puts(path, key->i ? "True" : "False", err);
    case PTM_VALUE_INT:
        return ptmi_buf_printf(path, err, "%" PRId64, key->i);
    case PTM_VALUE_FLOAT:
        return ptmi_buf_printf(path, err, "%.17g", key->f);
    case PTM_VALUE_STR:
    case PTM_VALUE_BYTES:
    case PTM_VALUE_BIGINT:
        return put_text(path, key->text, key->len, err);
    case PTM_VALUE_GLOBAL:
        return ptmi_buf_puts(path, key->class_name, err);
    default:
        return ptmi_buf_puts(path, "?", err);
    }
}

/* A tuple as Python writes it, but for quotes; one inside another is cut short. */
static ptm_rc put_tuple(struct ptmi_buf *path, const struct ptm_value *key, struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_putc(path, '(', err));
    for (size_t i = 0; i < key->n_items; i++) {
        if (i > 0) PTM_TRY(ptmi_buf_puts(path, ", ", err));
        PTM_TRY(put_scalar(path, key->items[i], err));
    }
    return ptmi_buf_puts(path, key->n_items == 1 ? ",)" : ")", err);
}

static ptm_rc put_dot(struct ptmi_buf *path, struct ptm_err *err)
{
    return path->len > 0 ? ptmi_buf_putc(path, '.', err) : PTM_OK;
}

/* Keys that are objects or tensors have no text of their own: their place has. */
static ptm_rc put_key(struct ptmi_buf *path, const struct ptm_value *key, size_t place,
                      struct ptm_err *err)
{
    PTM_TRY(put_dot(path, err));
    if (key->kind == PTM_VALUE_TUPLE) return put_tuple(path, key, err);
    if (key->kind == PTM_VALUE_TENSOR || key->kind == PTM_VALUE_OBJECT)
        return ptmi_buf_printf(path, err, "[%zu]", place);
    return put_scalar(path, key, err);
}

static bool is_transparent(const struct ptm_value *key, const struct ptm_value *value)
{
    static const char *const names[] = {"_modules", "_parameters", "_buffers"};
    if (key->kind != PTM_VALUE_STR || value->kind != PTM_VALUE_DICT) return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (key->len == strlen(names[i]) && strcmp(key->text, names[i]) == 0) return true;
    return false;
}

/* --- the walk --- */

static ptm_rc too_shared(const struct walk *walk, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ELIMIT,
                       "%s: its tensors are shared by so many containers that they cannot be "
                       "listed",
                       walk->weights->path);
}

static ptm_rc list(struct walk *walk, struct ptmi_made *made, struct ptm_err *err)
{
    const char *name = walk->path.len > 0 ? walk->path.data : "tensor";
    const struct ptm_tensor *tensor = NULL;
    walk->name_bytes += walk->path.len;
    if (walk->name_bytes > walk->max_name_bytes) return too_shared(walk, err);
    PTM_TRY(ptmi_weights_add(walk->weights, name, made->value.tensor, &tensor, err));
    if (!made->listed) made->value.tensor = tensor;
    made->listed = true;
    return PTM_OK;
}

/* Goes into a value whose path is in walk->path now. */
static ptm_rc enter(struct walk *walk, struct ptmi_made *made, bool attributes, struct ptm_err *err)
{
    if (!made->holds_tensor || made->on_path) return PTM_OK;
    if (made->value.kind == PTM_VALUE_TENSOR) PTM_TRY(list(walk, made, err));
    if (!made->queued) return PTM_OK;
    if (walk->depth == PTM_LIMIT_PICKLE_DEPTH)
        return ptm_err_set(err, PTM_ELIMIT, "%s: tensors more than %d containers deep",
                           walk->weights->path, PTM_LIMIT_PICKLE_DEPTH);
    made->on_path = true;
    walk->frames[walk->depth++] = (struct frame){made, 0, walk->path.len, attributes};
    return PTM_OK;
}

static struct ptmi_made *made_of(const struct ptm_value *value)
{
    return (struct ptmi_made *)(uintptr_t)value; /* each begins with its value */
}

/* Key and value of a dict take turns: even children are keys. */
static ptm_rc enter_pair(struct walk *walk, const struct frame *frame, size_t i,
                         struct ptm_err *err)
{
    const struct ptm_value *key = frame->made->value.items[i & ~(size_t)1];
    struct ptmi_made *child = made_of(frame->made->value.items[i]);
    if (!child->holds_tensor) return PTM_OK;
    ptm_rc rc = PTM_OK;
    if (!frame->attributes || !is_transparent(key, &child->value))
        rc = put_key(&walk->path, key, i / 2, err);
    if (rc == PTM_OK && i % 2 == 0) rc = ptmi_buf_puts(&walk->path, ".key", err);
    if (rc != PTM_OK) return ptm_err_ctx(err, rc, "%s: a tensor's name", walk->weights->path);
    return enter(walk, child, false, err);
}

/* What an object has as its own: state, keyword arguments, list items; no name of its own. */
static bool is_own(const struct frame *frame, size_t i)
{
    const struct ptmi_made *made = frame->made;
    if (i >= made->value.n_items) return true;
    if (made->value.kind == PTM_VALUE_OBJECT) return i >= made->n_args;
    /* (attributes, slots): both are attributes. */
    return frame->attributes && made->value.kind == PTM_VALUE_TUPLE && made->value.n_items == 2;
}

static ptm_rc enter_child(struct walk *walk, const struct frame *frame, size_t i,
                          struct ptm_err *err)
{
    const struct ptm_value *value = &frame->made->value;
    if (i < value->n_items && value->kind == PTM_VALUE_DICT) return enter_pair(walk, frame, i, err);
    struct ptmi_made *child = made_of(i < value->n_items ? value->items[i] : value->state);
    if (!child->holds_tensor) return PTM_OK;
    if (is_own(frame, i)) return enter(walk, child, true, err);
    ptm_rc rc = put_dot(&walk->path, err);
    if (rc == PTM_OK) rc = ptmi_buf_printf(&walk->path, err, "%zu", i);
    if (rc != PTM_OK) return ptm_err_ctx(err, rc, "%s: a tensor's name", walk->weights->path);
    return enter(walk, child, false, err);
}

static void cut_path(struct walk *walk, size_t len)
{
    walk->path.len = len;
    if (walk->path.data) walk->path.data[len] = '\0';
}

static ptm_rc step(struct walk *walk, struct ptm_err *err)
{
    struct frame *frame = &walk->frames[walk->depth - 1];
    const struct ptm_value *value = &frame->made->value;
    cut_path(walk, frame->path_len);
    if (frame->next == value->n_items + (value->state ? 1 : 0)) {
        frame->made->on_path = false;
        walk->depth--;
        return PTM_OK;
    }
    if (++walk->visits > walk->max_visits) return too_shared(walk, err);
    struct frame here = *frame; /* entering changes the top */
    return enter_child(walk, &here, frame->next++, err);
}

static void walk_freep(struct walk **walk)
{
    if (!*walk) return;
    /* Left early: the marks are of no use to anybody, but they are ours. */
    for (size_t i = 0; i < (*walk)->depth; i++) (*walk)->frames[i].made->on_path = false;
    ptmi_buf_clear(&(*walk)->path);
    free(*walk);
}

ptm_rc ptmi_paths_list(struct ptm_weights *weights, struct ptmi_made *root, struct ptm_err *err)
{
    PTM_AUTO(walk_freep) struct walk *walk = calloc(1, sizeof *walk);
    if (!walk) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    walk->weights = weights;
    walk->path = (struct ptmi_buf)PTMI_BUF(NAME_MAX_BYTES);
    walk->max_visits = 4 * weights->n_values + VISITS_ANYWAY;
    walk->max_name_bytes = NAME_BYTES_A_VALUE * weights->n_values + NAME_BYTES_ANYWAY;
    PTM_TRY(enter(walk, root, false, err));
    while (walk->depth > 0) PTM_TRY(step(walk, err));
    return PTM_OK;
}
