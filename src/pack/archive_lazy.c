/* SPDX-License-Identifier: MIT */
/* archive_lazy.c - the table of archive_lazy.h. */
#include "archive_lazy.h"

#ifdef PTM_LAZY_ARCHIVE
struct ptmi_archive ptmi_archive;

static const char *const names[] = {PTMI_ARCHIVE_CALLS(PTMI_LAZY_NAME)};
static struct ptmi_lazy library = {
    .soname = PTM_LAZY_ARCHIVE,
    .need = "unpacking needs it",
    .names = names,
    .n = sizeof names / sizeof *names,
    .calls = &ptmi_archive,
};

ptm_rc ptmi_archive_load(struct ptm_err *err)
{
    return ptmi_lazy_load(&library, err);
}
#else
ptm_rc ptmi_archive_load(struct ptm_err *err)
{
    (void)err;
    return PTM_OK;
}
#endif
