/* SPDX-License-Identifier: MIT */
/* verb_lfs_filter.c - `ptm lfs-filter clean|smudge|process`: hidden; git runs it in our clones
 * where git-lfs is not installed. */
#include <unistd.h>

#include "../git/lfs.h"
#include "cli.h"

ptm_rc ptmi_verb_lfs_filter(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    (void)status;
    /* git runs filters in the work tree's top folder, and may hand the path over as a second
     * operand. */
    if (cli->n_operands < 1)
        return ptm_err_set(err, PTM_EINVAL, "lfs-filter: clean, smudge or process; git calls it");
    return ptmi_lfs_filter(cli->operands[0], ".", STDIN_FILENO, STDOUT_FILENO, err);
}
