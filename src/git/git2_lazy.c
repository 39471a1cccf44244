/* SPDX-License-Identifier: MIT */
/* git2_lazy.c - the table of git2_lazy.h. */
#include "git2_lazy.h"

#ifdef PTM_LAZY_GIT2
struct ptmi_git2 ptmi_git2;

PTMI_LAZY_LIBRARY(PTMI_GIT2_CALLS, ptmi_git2, PTM_LAZY_GIT2, "reading git repositories needs it");

ptm_rc ptmi_git2_load(struct ptm_err *err)
{
    return ptmi_lazy_load(&library, err);
}
#else
ptm_rc ptmi_git2_load(struct ptm_err *err)
{
    (void)err;
    return PTM_OK;
}
#endif
