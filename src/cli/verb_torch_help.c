/* SPDX-License-Identifier: MIT */
/* verb_torch_help.c - `ptm torch help REPO|DIR ENTRY`: the docstring. */
#include <string.h>
#include <unistd.h>

#include "../base/auto.h"
#include "torchhub_cli.h"

/* Byte for byte into a pipe or file, but nothing that would steer a terminal. */
static ptm_rc print(struct ptmi_cli *cli, const struct ptm_hub_entry *entry, struct ptm_err *err)
{
    if (ptmi_cli_json(cli)) return ptmi_torch_print_entry(cli, entry, err);
    if (entry->doc)
        ptmi_torch_print_text(cli, entry->doc, 0, isatty(STDOUT_FILENO));
    else if (entry->certainty == PTM_CERTAIN_IMPORT)
        ptmi_torch_say(cli, "%s:%d: %s is imported (%s): its docstring is not in the repository",
                       entry->file, entry->line, entry->name, entry->text ? entry->text : "");
    else
        ptmi_torch_say(cli, "%s:%d: %s has no docstring", entry->file, entry->line, entry->name);
    return PTM_OK;
}

ptm_rc ptmi_verb_torch_help(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_clear) struct ptmi_torch torch = {0};
    PTM_AUTO(ptmi_torch_repo_clear) struct ptmi_torch_repo repo = {0};
    const struct ptm_hub_entry *entry = NULL;
    (void)status;
    if (cli->n_operands != 2)
        return ptm_err_set(err, PTM_EINVAL,
                           "torch help: wants two operands, REPO or DIR and an entry point; ptm "
                           "help torch explains the verbs");
    PTM_TRY(ptmi_torch_open(cli, &torch, err));
    PTM_TRY(ptmi_torch_parse(&torch, cli->operands[0], ptmi_cli_json(cli), &repo, err));
    PTM_TRY(ptmi_torch_entry(&repo, cli->operands[0], cli->operands[1], &entry, err));
    return print(cli, entry, err);
}
