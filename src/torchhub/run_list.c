/* SPDX-License-Identifier: MIT */
/* run_list.c - the entry points of a hubconf.py as Python sees them once it was run: for those that
 * parsing cannot tell. */
#include "run_job.h"

ptm_rc ptm_torchhub_run_list(ptm_torchhub *hub, const char *repo,
                             const struct ptm_torchhub_load_opts *opts, char **out,
                             struct ptm_err *err)
{
    struct ptm_torchhub_load_opts own = ptmi_run_adopt(opts);
    PTM_AUTO(ptmi_run_clear) struct ptmi_run run = {.hub = hub, .opts = &own, .label = repo};
    PTM_TRY(ptmi_run(&run, err));
    return ptmi_describe_list(yyjson_doc_get_root(run.answer), out, err);
}
