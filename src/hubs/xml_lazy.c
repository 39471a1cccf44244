/* SPDX-License-Identifier: MIT */
/* xml_lazy.c - the table of xml_lazy.h. */
#include "xml_lazy.h"

#ifdef PTM_LAZY_XML
struct ptmi_xml ptmi_xml;

static const char *const names[] = {PTMI_XML_CALLS(PTMI_LAZY_NAME)};
static struct ptmi_lazy library = {
    .soname = PTM_LAZY_XML,
    .need = "reading saved pages needs it",
    .names = names,
    .n = sizeof names / sizeof *names,
    .calls = &ptmi_xml,
};

ptm_rc ptmi_xml_load(struct ptm_err *err)
{
    return ptmi_lazy_load(&library, err);
}
#else
ptm_rc ptmi_xml_load(struct ptm_err *err)
{
    (void)err;
    return PTM_OK;
}
#endif
