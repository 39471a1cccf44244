/* SPDX-License-Identifier: MIT */
/*
 * convert.c - any opened checkpoint to safetensors: one file, or several with an index. All files
 * are whole before the first gets its name, and the index comes last, so that who is interrupted
 * leaves nothing behind. What is written is convert_plan.c's, how is safetensors_write.c's.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ptm/weights.h>

#include "../base/adopt.h"
#include "../base/auto.h"
#include "../base/buf.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"
#include "convert_plan.h"
#include "safetensors_write.h"
#include "weights_priv.h"

#define SUFFIX ".safetensors"

/* One output file. */
struct output {
    char *path;
    ptmi_whole *whole; /* NULL: not begun */
    bool published;
};

struct conversion {
    struct ptm_convert_opts opts;
    struct ptmi_plan plan;
    struct ptmi_writing writing;
    struct output *outputs; /* a file a shard, and the index when there are several */
    size_t n_outputs;
    int64_t bytes; /* of all files */
    bool done;
};

/* Files that have their name already go too, unless they replaced others: nothing half is left. */
static void clear_conversion(struct conversion *conversion)
{
    for (size_t i = 0; i < conversion->n_outputs; i++) {
        struct output *output = &conversion->outputs[i];
        ptmi_whole_abort(output->whole);
        if (output->published && !conversion->done && !conversion->opts.force)
            (void)unlink(output->path);
        free(output->path);
    }
    free(conversion->outputs);
    ptmi_writing_clear(&conversion->writing);
    ptmi_plan_clear(&conversion->plan);
}

static bool has_index(const struct conversion *conversion)
{
    return conversion->plan.n_shards > 1;
}

/* --- where to --- */

static ptm_rc check_free(const struct conversion *conversion, const char *path, struct ptm_err *err)
{
    struct stat st;
    if (ptmi_fs_is_dir(path)) return ptm_err_set(err, PTM_EINVAL, "%s: is a folder", path);
    /* A file takes its name by rename(), which would do away with /dev/null. */
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return ptm_err_set(err, PTM_EINVAL, "%s: is no regular file", path);
    if (conversion->opts.force || !ptmi_fs_exists(path)) return PTM_OK;
    return ptm_err_set(err, PTM_EEXIST, "%s: is there already", path);
}

static ptm_rc name_outputs(struct conversion *conversion, const char *out_path, struct ptm_err *err)
{
    size_t n = conversion->plan.n_shards;
    conversion->outputs = calloc(n + 1, sizeof *conversion->outputs);
    if (!conversion->outputs) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", out_path);
    conversion->n_outputs = n + has_index(conversion);
    size_t stem = strlen(out_path);
    if (ptmi_str_ends(out_path, SUFFIX)) stem -= strlen(SUFFIX);
    for (size_t i = 0; i < conversion->n_outputs; i++) {
        char **path = &conversion->outputs[i].path;
        if (!has_index(conversion))
            *path = strdup(out_path);
        else if (i == n)
            *path = ptmi_str_printf("%.*s" SUFFIX ".index.json", (int)stem, out_path);
        else
            *path = ptmi_str_printf("%.*s-%05zu-of-%05zu" SUFFIX, (int)stem, out_path, i + 1, n);
        if (!*path) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", out_path);
        PTM_TRY(check_free(conversion, *path, err));
    }
    return PTM_OK;
}

/* --- the index --- */

static int by_name(const void *a, const void *b)
{
    const struct ptmi_plan_item *const *x = a, *const *y = b;
    return strcmp((*x)->tensor->name, (*y)->tensor->name);
}

static ptm_rc put_line(struct ptmi_buf *buf, const char *key, const char *value,
                       struct ptm_err *err)
{
    if (buf->data[buf->len - 1] != '{') PTM_TRY(ptmi_buf_putc(buf, ',', err));
    PTM_TRY(ptmi_buf_puts(buf, "\n    ", err));
    PTM_TRY(ptmi_buf_json_str(buf, key, err));
    PTM_TRY(ptmi_buf_puts(buf, ": ", err));
    return ptmi_buf_json_str(buf, value, err);
}

/* Laid out as huggingface_hub does, aliases in the metadata included. */
static ptm_rc make_index(const struct conversion *conversion, struct ptmi_buf *buf,
                         struct ptm_err *err)
{
    const struct ptmi_plan *plan = &conversion->plan;
    PTM_AUTO(ptmi_freep)
    const struct ptmi_plan_item **sorted = calloc(plan->n_items, sizeof *sorted);
    if (!sorted) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    for (size_t i = 0; i < plan->n_items; i++) sorted[i] = &plan->items[i];
    qsort(sorted, plan->n_items, sizeof *sorted, by_name);
    PTM_TRY(ptmi_buf_printf(buf, err, "{\n  \"metadata\": {\n    \"total_size\": %lld",
                            (long long)plan->bytes));
    for (size_t i = 0; i < plan->n_aliases; i++)
        if (strcmp(plan->aliases[i].name, "total_size") != 0)
            PTM_TRY(put_line(buf, plan->aliases[i].name, plan->aliases[i].target, err));
    PTM_TRY(ptmi_buf_puts(buf, "\n  },\n  \"weight_map\": {", err));
    for (size_t i = 0; i < plan->n_items; i++)
        PTM_TRY(put_line(buf, sorted[i]->tensor->name,
                         ptmi_path_base(conversion->outputs[sorted[i]->shard].path), err));
    return ptmi_buf_puts(buf, "\n  }\n}\n", err);
}

/* --- all of it --- */

static ptm_rc write_index(struct conversion *conversion, struct output *output, struct ptm_err *err)
{
    struct ptmi_buf text = PTMI_BUF(PTM_LIMIT_JSON);
    ptm_rc rc = make_index(conversion, &text, err);
    if (rc == PTM_OK) ptmi_whole_write(output->whole, text.data, text.len);
    conversion->bytes += (int64_t)text.len;
    ptmi_buf_clear(&text);
    return rc;
}

static ptm_rc write_output(struct conversion *conversion, size_t i, struct ptm_err *err)
{
    struct output *output = &conversion->outputs[i];
    int64_t size = 0;
    PTM_TRY(ptmi_whole_open(output->path, 0666, &output->whole, err));
    if (i == conversion->plan.n_shards) return write_index(conversion, output, err);
    ptm_rc rc = ptmi_safetensors_write(&conversion->writing, i, output->whole, &size, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "%s", output->path);
    conversion->bytes += size;
    return PTM_OK;
}

static ptm_rc write_all(struct conversion *conversion, struct ptm_err *err)
{
    for (size_t i = 0; i < conversion->n_outputs; i++) {
        PTM_TRY(write_output(conversion, i, err));
        /* A full disk is told of before the other files are made. */
        if (!ptmi_whole_ok(conversion->outputs[i].whole))
            return ptmi_whole_publish(conversion->outputs[i].whole, true, err);
    }
    for (size_t i = 0; i < conversion->n_outputs; i++) {
        struct output *output = &conversion->outputs[i];
        PTM_TRY(ptmi_whole_publish(output->whole, conversion->opts.force, err));
        output->published = true;
    }
    conversion->done = true;
    return PTM_OK;
}

static void fill_report(const struct conversion *conversion, struct ptm_convert_report *out)
{
    *out = (struct ptm_convert_report){
        .tensors = (int64_t)conversion->plan.n_items,
        .aliases = (int64_t)conversion->plan.n_aliases,
        .skipped = conversion->plan.skipped,
        .bytes = conversion->bytes,
        .files = (int64_t)conversion->n_outputs,
    };
}

ptm_rc ptm_weights_convert(ptm_ctx *ctx, ptm_weights *weights, const char *out_path,
                           const struct ptm_convert_opts *opts, struct ptm_convert_report *out,
                           struct ptm_err *err)
{
    PTM_AUTO(clear_conversion) struct conversion conversion = {.opts = PTM_CONVERT_OPTS_INIT};
    ptmi_adopt(&conversion.opts, sizeof conversion.opts, opts);
    if (strcmp(weights->format, "safetensors-index") == 0 && weights->opts.no_siblings)
        return ptm_err_set(err, PTM_EINVAL, "%s: opened without the files it names", weights->path);
    conversion.plan.weights = weights;
    conversion.plan.opts = &conversion.opts;
    conversion.writing.plan = &conversion.plan;
    conversion.writing.ctx = ctx;
    PTM_TRY(ptmi_plan_make(&conversion.plan, err));
    PTM_TRY(name_outputs(&conversion, out_path, err));
    PTM_TRY(write_all(&conversion, err));
    if (out) fill_report(&conversion, out);
    return PTM_OK;
}
