/* SPDX-License-Identifier: MIT */
#include "extract.h"
__attribute__((weak)) ptm_rc ptmi_extract_zip(ptm_ctx *ctx, const struct ptmi_extract *what,
                                              struct ptmi_extracted *out, struct ptm_err *err)
{
    (void)ctx;
    (void)what;
    (void)out;
    return ptm_err_set(err, PTM_EUNSUPPORTED, "not built yet");
}
