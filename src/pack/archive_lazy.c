/* SPDX-License-Identifier: MIT */
/* archive_lazy.c - the table of archive_lazy.h. */
#include "archive_lazy.h"

#ifdef PTM_LAZY_ARCHIVE
struct ptmi_archive ptmi_archive;

PTMI_LAZY_LIBRARY(PTMI_ARCHIVE_CALLS, ptmi_archive, PTM_LAZY_ARCHIVE, "unpacking needs it");

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
