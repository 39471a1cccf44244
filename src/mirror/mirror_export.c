/* SPDX-License-Identifier: MIT */
/* mirror_export.c - the files of a hub made from the catalogue: its own metadata, HTML, and the
 * standard records. */
#include "../base/log.h"
#include "../base/str.h"
#include "mirror_priv.h"

/* Arrays of one hub: three at most today. */
#define MAX_ARRAYS 8

ptm_rc ptmi_mirror_export(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, bool records,
                          struct ptmi_report *out, struct ptm_err *err)
{
    const char *arrays[MAX_ARRAYS + 1] = {NULL};
    bool adds_id[MAX_ARRAYS] = {false};
    for (size_t i = 0; hub->arrays && hub->arrays[i].path; i++) {
        PTM_ASSERT(i < MAX_ARRAYS, err);
        arrays[i] = hub->arrays[i].path;
        adds_id[i] = hub->arrays[i].adds_id;
    }
    struct ptmi_export what = {
        .root = mirror->root,
        .hub = hub->name,
        .title = hub->title,
        .url = mirror->opts.compat_v1 && hub->url_v1 ? hub->url_v1 : hub->url,
        .compat_v1 = mirror->opts.compat_v1,
        .arrays = arrays,
        .array_adds_id = adds_id,
    };
    PTM_AUTO(ptmi_lock_releasep) ptmi_lock *lock = NULL;
    PTM_AUTO(ptmi_freep) char *name = ptmi_str_printf("export-%s", hub->name);
    if (!name) return ptm_err_set(err, PTM_ENOMEM, "%s", hub->name);
    PTM_TRY(ptmi_mirror_lock(mirror, name, &lock, err));
    PTM_TRY(ptmi_mirror_setup(mirror, hub, err));
    PTM_TRY(ptmi_catalog_export_metadata(mirror->catalog, &what, NULL, err));
    if (!records) return PTM_OK;
    bool changed = false;
    PTM_TRY(ptmi_catalog_export_records(mirror->catalog, &what, &out->records, &changed, err));
    ptmi_log(mirror->ctx, PTM_LOG_DEBUG, "mirror", "%s: %lld records%s", hub->name,
             (long long)out->records, changed ? "" : ", unchanged");
    return PTM_OK;
}
