/* SPDX-License-Identifier: MIT */
/* look.c - opens the catalogue read-only. */
#include "look.h"

ptm_rc ptmi_look_open(struct ptmi_cli *cli, ptmi_catalog **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_cli_catalog_path(cli);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "catalogue");
    PTM_TRY(ptmi_cli_start(cli, err));
    ptm_rc rc = ptmi_catalog_open(cli->ctx, path, true, out, err);
    if (rc != PTM_ENOENT) return rc;
    return ptm_err_set(err, PTM_EINVAL,
                       "%s: no catalogue here: nothing has been harvested yet (ptm run HUB), or "
                       "--root names another folder",
                       path);
}
