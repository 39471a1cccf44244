/* SPDX-License-Identifier: MIT */
/*
 * run_describe.c - description.json, and the answer of a list. The driver's text was made in a
 * process that ran the repository's code: of it only members we know, of the type they should have,
 * are written into a new text. Where tensors are, the same walk over the same text says twice.
 *
 *     {"entry", "repo", "commit", "args", "python", "torch", "urls",
 *      "result": {"type", "kind", "doc", "signature", "value", "length", "parameters",
 *                 "modules": [{"name", "class", "parameters"}],
 *                 "methods": [{"name", "signature", "doc"}],
 *                 "weights": "model.safetensors", "tensors",
 *                 "items": [{"name", .. as result}]}}
 */
#include <stdlib.h>
#include <string.h>

#include "../base/grow.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"
#include "run_job.h"

/* The driver's own caps: it writes no more, others may. */
#define PARTS_MAX 64
#define DEPTH_MAX 4
#define NAME_MAX_BYTES 100

void ptmi_parts_clear(struct ptmi_parts *parts)
{
    for (size_t i = 0; i < parts->n; i++) free(parts->items[i].name);
    free(parts->items);
    *parts = (struct ptmi_parts){0};
}

/* --- names of files --- */

static bool is_taken(const struct ptmi_parts *parts, const char *name)
{
    PTM_AUTO(ptmi_freep) char *folded = ptmi_path_fold(name);
    for (size_t i = 0; folded && i < parts->n; i++) {
        PTM_AUTO(ptmi_freep) char *other = ptmi_path_fold(parts->items[i].name);
        if (!other || strcmp(folded, other) == 0) return true;
    }
    return !folded;
}

/* What it is called in the result, where that may be a file's name and is no other's. */
static char *name_part(const struct ptmi_parts *parts, const char *name)
{
    bool fits = *name && *name != '.' && *name != '-' && strlen(name) <= NAME_MAX_BYTES &&
                ptmi_path_check_name(name, NULL) == PTM_OK;
    if (fits && !is_taken(parts, name)) return strdup(name);
    PTM_AUTO(ptmi_freep) char *plain = ptmi_str_printf("part-%zu", parts->n);
    for (int n = 2; plain && n < PARTS_MAX + 2 && is_taken(parts, plain); n++) {
        free(plain);
        plain = ptmi_str_printf("part-%zu-%d", parts->n, n);
    }
    return ptm_steal(&plain);
}

/* --- finding --- */

static ptm_rc find_part(yyjson_val *value, const char *name, int64_t state_bytes,
                        struct ptmi_parts *out, struct ptm_err *err)
{
    struct ptmi_part part = {.offset = ptmi_json_int(value, "offset", -1),
                             .bytes = ptmi_json_int(value, "bytes", -1)};
    bool lies = part.offset >= out->end && part.bytes > 0 &&
                part.bytes <= state_bytes - part.offset && part.offset <= state_bytes;
    if (!lies || out->n >= PARTS_MAX)
        return ptm_err_set(err, PTM_EFORMAT,
                           "the run's description: tensors at byte %lld of %lld are not there",
                           (long long)part.offset, (long long)state_bytes);
    struct ptmi_part *more = ptmi_grown(out->items, out->n, &out->cap, sizeof *more);
    if (more) out->items = more;
    part.name = more ? name_part(out, name) : NULL;
    if (!part.name) return ptm_err_set(err, PTM_ENOMEM, "parts of the result");
    out->end = part.offset + part.bytes;
    out->items[out->n++] = part;
    return PTM_OK;
}

static bool has_part(yyjson_val *value)
{
    return ptmi_json_get(value, "offset") != NULL;
}

/* prefix: names of what value stands in, "" for the result itself. */
static ptm_rc find_in(yyjson_val *value, const char *prefix, int depth, int64_t state_bytes,
                      struct ptmi_parts *out, struct ptm_err *err)
{
    size_t i, max;
    yyjson_val *item;
    if (has_part(value)) PTM_TRY(find_part(value, prefix, state_bytes, out, err));
    if (depth >= DEPTH_MAX) return PTM_OK;
    yyjson_arr_foreach(ptmi_json_get(value, "items"), i, max, item)
    {
        const char *name = ptmi_json_str(item, "name");
        PTM_AUTO(ptmi_freep)
        char *full = ptmi_str_printf("%s%s%s", prefix, *prefix ? "." : "", name ? name : "");
        if (!full) return ptm_err_set(err, PTM_ENOMEM, "parts of the result");
        PTM_TRY(find_in(item, full, depth + 1, state_bytes, out, err));
    }
    return PTM_OK;
}

ptm_rc ptmi_parts_find(yyjson_val *result, int64_t state_bytes, struct ptmi_parts *out,
                       struct ptm_err *err)
{
    PTM_TRY(find_in(result, "", 0, state_bytes, out, err));
    if (out->n != 1) return PTM_OK;
    free(out->items[0].name);
    out->items[0].name = strdup("model");
    return out->items[0].name ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "parts of the result");
}

/* --- writing --- */

/* A text being made. What cannot be added for want of memory is seen at its end. */
struct writer {
    yyjson_mut_doc *doc;
    const struct ptmi_parts *parts;
    size_t next; /* part */
    bool failed;
};

PTM_DEFINE_CLEANUP(mut_freep, yyjson_mut_doc *, yyjson_mut_doc_free)

static void check(struct writer *w, bool added)
{
    if (!added) w->failed = true;
}

static void put_text(struct writer *w, yyjson_mut_val *to, const char *name, const char *text)
{
    check(w, text ? yyjson_mut_obj_add_strcpy(w->doc, to, name, text)
                  : yyjson_mut_obj_add_null(w->doc, to, name));
}

/* A text of the driver's; left out where it told none. */
static void copy_text(struct writer *w, yyjson_mut_val *to, yyjson_val *from, const char *name)
{
    const char *text = ptmi_json_str(from, name);
    if (text) put_text(w, to, name, text);
}

static void copy_count(struct writer *w, yyjson_mut_val *to, yyjson_val *from, const char *name)
{
    int64_t count = ptmi_json_int(from, name, -1);
    if (count >= 0) check(w, yyjson_mut_obj_add_sint(w->doc, to, name, count));
}

/* Objects of texts and counts, each with the members named. */
static void copy_list(struct writer *w, yyjson_mut_val *to, yyjson_val *from, const char *name,
                      const char *const *texts)
{
    size_t i, max;
    yyjson_val *item, *list = ptmi_json_get(from, name);
    if (!yyjson_is_arr(list)) return;
    yyjson_mut_val *copy = yyjson_mut_obj_add_arr(w->doc, to, name);
    yyjson_arr_foreach(list, i, max, item)
    {
        yyjson_mut_val *object = copy ? yyjson_mut_arr_add_obj(w->doc, copy) : NULL;
        check(w, object != NULL);
        if (!object) return;
        for (const char *const *member = texts; *member; member++)
            copy_text(w, object, item, *member);
        copy_count(w, object, item, "parameters");
    }
}

static const char *known_kind(yyjson_val *value)
{
    static const char *const kinds[] = {"module", "tuple",     "list",    "dict",
                                        "tensor", "function",  "class",   "partial",
                                        "lambda", "tokenizer", "callable"};
    const char *kind = ptmi_json_str(value, "kind");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (ptmi_str_eq(kind, kinds[i])) return kinds[i];
    return "other";
}

static void put_weights(struct writer *w, yyjson_mut_val *to)
{
    if (w->next >= w->parts->n) return;
    const struct ptmi_part *part = &w->parts->items[w->next++];
    PTM_AUTO(ptmi_freep) char *file = ptmi_str_printf("%s.safetensors", part->name);
    check(w, file != NULL);
    if (!file) return;
    put_text(w, to, "weights", file);
    check(w, yyjson_mut_obj_add_sint(w->doc, to, "tensors", part->tensors));
}

static void put_value(struct writer *w, yyjson_mut_val *to, yyjson_val *from, int depth)
{
    static const char *const of_method[] = {"name", "signature", "doc", NULL};
    static const char *const of_module[] = {"name", "class", NULL};
    size_t i, max;
    yyjson_val *item, *items = ptmi_json_get(from, "items");
    copy_text(w, to, from, "type");
    put_text(w, to, "kind", known_kind(from));
    copy_text(w, to, from, "signature");
    copy_text(w, to, from, "value");
    copy_text(w, to, from, "doc");
    copy_count(w, to, from, "length");
    copy_count(w, to, from, "parameters");
    if (has_part(from)) put_weights(w, to);
    copy_list(w, to, from, "methods", of_method);
    copy_list(w, to, from, "modules", of_module);
    if (depth >= DEPTH_MAX || !yyjson_is_arr(items)) return;
    yyjson_mut_val *copies = yyjson_mut_obj_add_arr(w->doc, to, "items");
    yyjson_arr_foreach(items, i, max, item)
    {
        yyjson_mut_val *copy = copies ? yyjson_mut_arr_add_obj(w->doc, copies) : NULL;
        check(w, copy != NULL);
        if (!copy) return;
        copy_text(w, copy, item, "name");
        put_value(w, copy, item, depth + 1);
    }
}

static void put_strings(struct writer *w, yyjson_mut_val *to, const char *name,
                        const char *(*get)(const void *from, size_t i), const void *from)
{
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(w->doc, to, name);
    check(w, list != NULL);
    const char *text;
    for (size_t i = 0; list && (text = get(from, i)); i++)
        check(w, yyjson_mut_arr_add_strcpy(w->doc, list, text));
}

static const char *get_arg(const void *from, size_t i)
{
    const struct ptm_torchhub_load_opts *opts = from;
    return i < opts->n_args ? opts->args[i] : NULL;
}

static const char *get_url(const void *from, size_t i)
{
    return ptmi_wants_url(from, i);
}

/* "owner/name:ref", or the folder. */
static void put_repo(struct writer *w, yyjson_mut_val *to, const struct ptm_torchhub_repo *repo)
{
    PTM_AUTO(ptmi_freep)
    char *text = repo->owner ? ptmi_str_printf("%s/%s:%s", repo->owner, repo->name, repo->ref)
                             : strdup(repo->dir);
    check(w, text != NULL);
    put_text(w, to, "repo", text);
    put_text(w, to, "commit", repo->commit);
}

static ptm_rc end_text(struct writer *w, yyjson_mut_val *root, char **out, struct ptm_err *err)
{
    yyjson_mut_doc_set_root(w->doc, root);
    *out = w->failed ? NULL : yyjson_mut_write(w->doc, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);
    return *out ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "description of the result");
}

ptm_rc ptmi_describe(const struct ptmi_run *run, const struct ptmi_parts *parts, char **out,
                     struct ptm_err *err)
{
    PTM_AUTO(mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = doc ? yyjson_mut_obj(doc) : NULL;
    if (!root) return ptm_err_set(err, PTM_ENOMEM, "description of the result");
    struct writer w = {.doc = doc, .parts = parts};
    yyjson_val *answer = yyjson_doc_get_root(run->answer);
    put_text(&w, root, "entry", run->entry);
    put_repo(&w, root, &run->repo);
    put_strings(&w, root, "args", get_arg, run->opts);
    yyjson_mut_val *result = yyjson_mut_obj_add_obj(doc, root, "result");
    if (!result) return ptm_err_set(err, PTM_ENOMEM, "description of the result");
    put_value(&w, result, ptmi_json_get(answer, "result"), 0);
    put_text(&w, root, "python", ptmi_json_str(answer, "python"));
    put_text(&w, root, "torch", ptmi_json_str(answer, "torch"));
    put_strings(&w, root, "urls", get_url, run->wants);
    return end_text(&w, root, out, err);
}

ptm_rc ptmi_describe_list(yyjson_val *answer, char **out, struct ptm_err *err)
{
    static const char *const of_entry[] = {"name", "kind", "signature", "doc", NULL};
    PTM_AUTO(mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = doc ? yyjson_mut_obj(doc) : NULL;
    if (!root) return ptm_err_set(err, PTM_ENOMEM, "list of entry points");
    struct writer w = {.doc = doc};
    copy_list(&w, root, answer, "entries", of_entry);
    yyjson_mut_val *names = yyjson_mut_obj_add_arr(doc, root, "dependencies");
    size_t i, max;
    yyjson_val *name;
    yyjson_arr_foreach(ptmi_json_get(answer, "dependencies"), i, max, name)
    {
        if (ptmi_json_is_plain(name))
            check(&w, yyjson_mut_arr_add_strcpy(doc, names, yyjson_get_str(name)));
    }
    return end_text(&w, root, out, err);
}
