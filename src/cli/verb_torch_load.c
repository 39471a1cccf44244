/* SPDX-License-Identifier: MIT */
/* verb_torch_load.c - `ptm torch load REPO|DIR ENTRY`: an entry point, run in a sandbox. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "../base/walk.h"
#include "torchhub_cli.h"

struct written {
    struct ptmi_cli *cli;
    struct ptmi_json_line line;
};

static ptm_rc print_file(void *arg, const char *path, const struct ptm_err *why,
                         struct ptm_err *err)
{
    struct written *written = arg;
    struct stat st;
    char size[32];
    (void)err;
    if (why || lstat(path, &st) != 0) return PTM_OK;
    if (ptmi_cli_json(written->cli)) {
        ptmi_json_line_open(&written->line, NULL);
        ptmi_json_line_str(&written->line, "path", path);
        ptmi_json_line_int(&written->line, "bytes", (int64_t)st.st_size);
        ptmi_json_line_close(&written->line);
        return PTM_OK;
    }
    PTM_AUTO(ptmi_freep) char *shown = ptmi_torch_shown(path, strlen(path));
    ptmi_out_printf(&written->cli->out, "%s (%s)\n", shown ? shown : "",
                    ptmi_str_human_size(st.st_size, size));
    return PTM_OK;
}

/* What is in the output folder, which is its own. */
static ptm_rc print(struct ptmi_cli *cli, const char *out_dir, struct ptm_err *err)
{
    struct written written = {.cli = cli};
    struct ptmi_walk walk = {.fn = print_file, .arg = &written, .no_links = true};
    if (!ptmi_cli_json(cli)) return ptmi_walk(&walk, out_dir, err);
    ptmi_json_line_begin_stream(&written.line);
    ptmi_json_line_str(&written.line, "repository", cli->operands[0]);
    ptmi_json_line_str(&written.line, "entry", cli->operands[1]);
    ptmi_json_line_str(&written.line, "out", out_dir);
    ptmi_json_line_list(&written.line, "files");
    ptm_rc rc = ptmi_walk(&walk, out_dir, err);
    ptmi_json_line_list_end(&written.line);
    ptm_rc printed = ptmi_json_line_print(&written.line, &cli->out, rc < 0 ? NULL : err);
    return rc < 0 ? rc : printed;
}

ptm_rc ptmi_verb_torch_load(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_clear) struct ptmi_torch torch = {0};
    struct ptm_torchhub_fetch_opts fetch;
    struct ptm_torchhub_load_opts opts;
    const char *out_dir = ptmi_values_text(&cli->values, PTMI_OPT_OUT, NULL);
    (void)status;
    if (cli->n_operands < 2)
        return ptm_err_set(err, PTM_EINVAL,
                           "torch load: wants REPO or DIR, an entry point, and its arguments");
    if (!out_dir)
        return ptm_err_set(err, PTM_EINVAL, "torch load: --out DIR says where the state dict goes");
    ptmi_torch_run_opts(cli, &fetch, &opts);
    fetch.local = ptmi_torch_is_folder(cli, cli->operands[0]);
    opts.args = (const char *const *)cli->operands + 2;
    opts.n_args = (size_t)cli->n_operands - 2;
    PTM_TRY(ptmi_torch_open(cli, &torch, err));
    PTM_TRY(ptm_torchhub_load(torch.hub, cli->operands[0], cli->operands[1], &opts, out_dir, err));
    return print(cli, out_dir, err);
}
