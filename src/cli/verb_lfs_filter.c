/* SPDX-License-Identifier: MIT */
/* verb_lfs_filter.c - `ptm lfs-filter clean|smudge`: hidden; git runs it in our clones where
 * git-lfs is not installed. */
#include <string.h>
#include <unistd.h>

#include "../git/lfs.h"
#include "cli.h"

ptm_rc ptmi_verb_lfs_filter(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    (void)status;
    /* git runs filters in the work tree's top folder, and may hand the path over as a second
     * operand. */
    if (cli->n_operands < 1 ||
        (strcmp(cli->operands[0], "clean") != 0 && strcmp(cli->operands[0], "smudge") != 0))
        return ptm_err_set(err, PTM_EINVAL, "lfs-filter: 'clean' or 'smudge'; git calls it");
    return ptmi_lfs_filter(cli->operands[0], ".", STDIN_FILENO, STDOUT_FILENO, err);
}
