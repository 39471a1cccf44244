/* SPDX-License-Identifier: MIT */
/* git2_lazy.c - the table of git2_lazy.h. */
#include "git2_lazy.h"

#ifdef PTM_LAZY_GIT2
struct ptmi_git2 ptmi_git2;

static const char *const names[] = {PTMI_GIT2_CALLS(PTMI_LAZY_NAME)};
static struct ptmi_lazy library = {
    .soname = PTM_LAZY_GIT2,
    .need = "reading git repositories needs it",
    .names = names,
    .n = sizeof names / sizeof *names,
    .calls = &ptmi_git2,
};

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
