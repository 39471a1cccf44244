/* SPDX-License-Identifier: MIT */
/* verb_weights_convert.c - `ptm weights convert IN OUT.safetensors`. */
#include <inttypes.h>
#include <stdio.h>

#include "../base/arena.h"
#include "../base/auto.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/str.h"
#include "checkpoint.h"

struct conversion {
    struct ptmi_cli *cli;
    const char *in, *out;
    struct ptmi_arena arena;
    struct ptmi_arena_list skipped, why; /* pairs */
    bool incomplete;                     /* no memory for all of them */
    uint64_t task;
};

static void on_skipped(void *arg, const char *tensor, const char *why)
{
    struct conversion *conversion = arg;
    struct ptmi_arena *arena = &conversion->arena;
    char shown[200], reason[200];
    PTM_AUTO(ptmi_freep)
    char *line =
        ptmi_str_printf("ptm: left out: %s: %s", ptmi_str_printable(shown, sizeof shown, tensor),
                        ptmi_str_printable(reason, sizeof reason, why));
    if (line) ptmi_progress_say(conversion->cli->progress, line);
    if (!ptmi_arena_list_add(arena, &conversion->skipped, ptmi_arena_strdup(arena, tensor)) ||
        !ptmi_arena_list_add(arena, &conversion->why, ptmi_arena_strdup(arena, why)))
        conversion->incomplete = true;
}

static void on_progress(void *arg, int64_t done, int64_t total)
{
    struct conversion *conversion = arg;
    ptmi_task_progress(conversion->cli->ctx, conversion->task, done, total);
}

static ptm_rc print_json(const struct conversion *conversion,
                         const struct ptm_convert_report *report, struct ptm_err *err)
{
    struct ptmi_json_line line;
    ptmi_json_line_begin_stream(&line);
    ptmi_json_line_str(&line, "file", conversion->in);
    ptmi_json_line_str(&line, "output", conversion->out);
    ptmi_json_line_int(&line, "tensors", report->tensors);
    ptmi_json_line_int(&line, "aliases", report->aliases);
    ptmi_json_line_int(&line, "bytes", report->bytes);
    ptmi_json_line_int(&line, "files", report->files);
    ptmi_json_line_list(&line, "skipped");
    for (size_t i = 0; i < conversion->why.n; i++) {
        ptmi_json_line_open(&line, NULL);
        ptmi_json_line_str(&line, "name", conversion->skipped.items[i]);
        ptmi_json_line_str(&line, "reason", conversion->why.items[i]);
        ptmi_json_line_close(&line);
    }
    ptmi_json_line_list_end(&line);
    return ptmi_json_line_print(&line, &conversion->cli->out, err);
}

static void print_summary(const struct conversion *conversion,
                          const struct ptm_convert_report *report)
{
    struct ptmi_out *out = &conversion->cli->out;
    char path[400], size[32];
    ptmi_out_printf(out, "%s: %" PRId64 " tensor%s",
                    ptmi_str_printable(path, sizeof path, conversion->out), report->tensors,
                    report->tensors == 1 ? "" : "s");
    if (report->aliases)
        ptmi_out_printf(out, ", %" PRId64 " more name%s for them", report->aliases,
                        report->aliases == 1 ? "" : "s");
    if (report->skipped) ptmi_out_printf(out, ", %" PRId64 " left out", report->skipped);
    ptmi_out_printf(out, ", %s", ptmi_str_human_size(report->bytes, size));
    if (report->files > 1) ptmi_out_printf(out, " in %" PRId64 " files", report->files);
    ptmi_out_printf(out, "\n");
}

static ptm_rc convert(struct conversion *conversion, struct ptm_err *err)
{
    struct ptmi_cli *cli = conversion->cli;
    PTM_AUTO(ptmi_opener_clear) struct ptmi_opener opener = {.cli = cli};
    PTM_AUTO(ptmi_weights_closep) ptm_weights *weights = NULL;
    struct ptm_convert_report report = {0};
    struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
    opts.shard_size = ptmi_values_size(&cli->values, PTMI_OPT_SHARD_SIZE, NULL);
    opts.split = ptmi_values_flag(&cli->values, PTMI_OPT_SPLIT, NULL);
    opts.skip = ptmi_values_flag(&cli->values, PTMI_OPT_SKIP, NULL);
    opts.force = ptmi_values_flag(&cli->values, PTMI_OPT_FORCE, NULL);
    opts.skipped = on_skipped;
    opts.skipped_arg = conversion;
    opts.progress = on_progress;
    opts.progress_arg = conversion;
    PTM_TRY(ptmi_opener_open(&opener, conversion->in, &weights, err));
    conversion->task = ptmi_task_begin(cli->ctx, PTM_TASK_TRANSFER, NULL, conversion->out,
                                       ptm_weights_bytes(weights));
    ptm_rc rc = ptm_weights_convert(cli->ctx, weights, conversion->out, &opts, &report, err);
    ptmi_task_end(cli->ctx, conversion->task, rc);
    if (rc == PTM_EEXIST) {
        char why[PTM_ERR_MSG_MAX];
        snprintf(why, sizeof why, "%s", err->msg);
        return ptm_err_set(err, rc, "%s; --force replaces it", why);
    }
    if (rc < 0) return rc;
    if (conversion->incomplete) return ptm_err_set(err, PTM_ENOMEM, "list of what was left out");
    if (ptmi_cli_json(cli)) return print_json(conversion, &report, err);
    print_summary(conversion, &report);
    return PTM_OK;
}

ptm_rc ptmi_verb_weights_convert(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    (void)status;
    if (cli->n_operands != 2)
        return ptm_err_set(err, PTM_EINVAL,
                           "weights convert: wants two operands, FILE and OUT.safetensors");
    struct conversion conversion = {
        .cli = cli,
        .in = cli->operands[0],
        .out = cli->operands[1],
        .arena = PTMI_ARENA(PTM_LIMIT_WEIGHTS_MEMORY),
    };
    if (ptmi_is_url(conversion.out))
        return ptm_err_set(err, PTM_EINVAL, "weights convert: OUT is a file, not a URL");
    PTM_TRY(ptmi_cli_start(cli, err));
    ptmi_catch_sigbus();
    ptm_rc rc = convert(&conversion, err);
    ptmi_arena_clear(&conversion.arena);
    return rc;
}
