/* SPDX-License-Identifier: MIT */
/* verb_torch_trust.c - `ptm torch trust [ls]|add|rm`: the list of trusted repositories. */
#include <string.h>

#include "../base/auto.h"
#include "torchhub_cli.h"

static ptm_rc print_line(void *arg, const char *text, struct ptm_err *err)
{
    struct ptmi_cli *cli = arg;
    if (ptmi_cli_json(cli)) {
        struct ptmi_json_line line;
        ptmi_json_line_begin(&line);
        ptmi_json_line_str(&line, "trusted", text);
        return ptmi_json_line_print(&line, &cli->out, err);
    }
    PTM_AUTO(ptmi_freep) char *shown = ptmi_torch_shown(text, strlen(text));
    if (!shown) return ptm_err_set(err, PTM_ENOMEM, "list of trusted repositories");
    ptmi_out_printf(&cli->out, "%s\n", shown);
    return PTM_OK;
}

static ptm_rc trust(struct ptmi_torch *torch, const char *repo, struct ptm_err *err)
{
    return ptm_torchhub_trust(torch->hub, repo, err);
}

static ptm_rc distrust(struct ptmi_torch *torch, const char *repo, struct ptm_err *err)
{
    return ptm_torchhub_distrust(torch->hub, repo, err);
}

ptm_rc ptmi_verb_torch_trust(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_clear) struct ptmi_torch torch = {0};
    const char *word = cli->n_operands ? cli->operands[0] : "ls";
    bool ls = strcmp(word, "ls") == 0, add = strcmp(word, "add") == 0;
    if (!ls && !add && strcmp(word, "rm") != 0)
        return ptm_err_set(err, PTM_EINVAL, "torch trust: ls, add OWNER/NAME or rm OWNER/NAME");
    if (ls && cli->n_operands > 1)
        return ptm_err_set(err, PTM_EINVAL, "torch trust ls: takes no operand");
    if (!ls && cli->n_operands == 1)
        return ptm_err_set(err, PTM_EINVAL,
                           "torch trust %s: which repository? Name it as "
                           "OWNER/NAME",
                           word);
    PTM_TRY(ptmi_torch_open(cli, &torch, err));
    if (ls) return ptm_torchhub_trust_each(torch.hub, print_line, cli, err);
    return ptmi_torch_each(&torch, 1, add ? trust : distrust, status, err);
}
