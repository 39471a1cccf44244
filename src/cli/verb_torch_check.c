/* SPDX-License-Identifier: MIT */
/* verb_torch_check.c - `ptm torch check [DIR]`: what users of a repository will meet, told to its
 * author. */
#include <stdio.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "torchhub_cli.h"

struct checker {
    struct ptmi_cli *cli;
    const char *dir; /* as it was given; "" for the current folder */
    size_t counts[PTM_ADVICE_NOTE + 1];
};

static const char *const names[] = {
    [PTM_ADVICE_ERROR] = "error", [PTM_ADVICE_WARNING] = "warning", [PTM_ADVICE_NOTE] = "note"};
static const ptmi_color colors[] = {[PTM_ADVICE_ERROR] = PTMI_RED,
                                    [PTM_ADVICE_WARNING] = PTMI_YELLOW,
                                    [PTM_ADVICE_NOTE] = PTMI_DIM};

static ptm_rc print_json(struct ptmi_cli *cli, const struct ptm_torchhub_advice *advice,
                         struct ptm_err *err)
{
    struct ptmi_json_line line;
    ptmi_json_line_begin(&line);
    ptmi_json_line_str(&line, "level", names[advice->level]);
    ptmi_json_line_str(&line, "code", advice->code);
    ptmi_json_line_str(&line, "file", advice->file);
    if (advice->line > 0)
        ptmi_json_line_int(&line, "line", advice->line);
    else
        ptmi_json_line_null(&line, "line");
    ptmi_json_line_str(&line, "text", advice->text);
    return ptmi_json_line_print(&line, &cli->out, err);
}

/* "DIR/hubconf.py:12: error: ..", as compilers print it and editors read it. */
static void print_line(const struct checker *checker, const struct ptm_torchhub_advice *advice)
{
    struct ptmi_cli *cli = checker->cli;
    char number[24] = "";
    const char *file = advice->file ? advice->file : "hubconf.py";
    size_t dir_len = strlen(checker->dir);
    bool slash = dir_len && checker->dir[dir_len - 1] != '/';
    PTM_AUTO(ptmi_freep)
    char *path = ptmi_str_printf("%s%s%s", checker->dir, slash ? "/" : "", file);
    PTM_AUTO(ptmi_freep) char *shown = path ? ptmi_torch_shown(path, strlen(path)) : NULL;
    PTM_AUTO(ptmi_freep) char *text = ptmi_torch_shown(advice->text, strlen(advice->text));
    if (advice->line > 0) snprintf(number, sizeof number, ":%d", advice->line);
    ptmi_out_printf(&cli->out, "%s%s: %s%s:%s %s [%s]\n", shown ? shown : "", number,
                    ptmi_out_code(cli->out.colors_out, colors[advice->level]), names[advice->level],
                    ptmi_out_code(cli->out.colors_out, PTMI_PLAIN), text ? text : "", advice->code);
}

static ptm_rc on_advice(void *arg, const struct ptm_torchhub_advice *advice, struct ptm_err *err)
{
    struct checker *checker = arg;
    ptm_rc rc = PTM_OK;
    PTM_ASSERT(advice->level >= PTM_ADVICE_ERROR && advice->level <= PTM_ADVICE_NOTE, err);
    checker->counts[advice->level]++;
    ptmi_progress_pause(checker->cli->progress);
    if (ptmi_cli_json(checker->cli))
        rc = print_json(checker->cli, advice, err);
    else
        print_line(checker, advice);
    fflush(stdout);
    ptmi_progress_resume(checker->cli->progress);
    return rc;
}

static void summarise(const struct checker *checker)
{
    size_t errors = checker->counts[PTM_ADVICE_ERROR];
    size_t warnings = checker->counts[PTM_ADVICE_WARNING];
    size_t notes = checker->counts[PTM_ADVICE_NOTE];
    if (errors + warnings + notes == 0)
        ptmi_torch_say(checker->cli, "Nothing to complain of.");
    else
        ptmi_torch_say(checker->cli, "%zu error%s, %zu warning%s, %zu note%s", errors,
                       errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s", notes,
                       notes == 1 ? "" : "s");
}

ptm_rc ptmi_verb_torch_check(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_clear) struct ptmi_torch torch = {0};
    struct checker checker = {.cli = cli, .dir = cli->n_operands ? cli->operands[0] : ""};
    bool online = ptmi_values_flag(&cli->values, PTMI_OPT_ONLINE, NULL);
    if (cli->n_operands > 1)
        return ptm_err_set(err, PTM_EINVAL, "torch check: one folder at a time");
    PTM_TRY(ptmi_torch_open(cli, &torch, err));
    PTM_TRY(ptm_torchhub_check(torch.hub, cli->n_operands ? cli->operands[0] : ".", online,
                               on_advice, &checker, err));
    summarise(&checker);
    if (checker.counts[PTM_ADVICE_ERROR]) *status = 2;
    return PTM_OK;
}
