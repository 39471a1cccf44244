/* SPDX-License-Identifier: MIT */
/* verb_split.c - `ptm split`: lists of URLs for those who drive their own cluster. */
#include <inttypes.h>

#include "../base/auto.h"
#include "../base/path.h"
#include "harvest.h"

static ptm_rc split_hub(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub, void *arg,
                        struct ptm_err *err)
{
    struct ptmi_cli *cli = drive->cli;
    int64_t urls = 0;
    int files = 0;
    int most = (int)ptmi_values_int(&cli->values, PTMI_OPT_FILES, hub->name);
    (void)arg;
    PTM_TRY(ptmi_mirror_split(drive->mirror, hub, most, &files, &urls, err));
    PTM_AUTO(ptmi_freep) char *parent = ptmi_path_dir(drive->opts.root);
    PTM_AUTO(ptmi_freep) char *folder = parent ? ptmi_path_join(parent, "split_urls") : NULL;
    if (!folder) return ptm_err_set(err, PTM_ENOMEM, "split_urls");
    if (!ptmi_cli_json(cli)) {
        ptmi_out_printf(&cli->out, "%s: %" PRId64 " URLs in %d files, %s/split_url_<N>.txt\n",
                        hub->name, urls, files, folder);
        return PTM_OK;
    }
    struct ptmi_json_line line;
    ptmi_json_line_begin(&line);
    ptmi_json_line_str(&line, "hub", hub->name);
    ptmi_json_line_int(&line, "files", files);
    ptmi_json_line_int(&line, "urls", urls);
    ptmi_json_line_str(&line, "folder", folder);
    return ptmi_json_line_print(&line, &cli->out, err);
}

ptm_rc ptmi_verb_split(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_targets_clear) struct ptmi_targets targets = PTMI_TARGETS_INIT;
    PTM_TRY(ptmi_targets_read(cli, 0, &targets, err));
    if (targets.n_hubs != 1)
        return ptm_err_set(err, PTM_EINVAL,
                           "split: one hub at a time: the files of a second one "
                           "would take the names of the first's");
    return ptmi_drive_each(cli, &targets, split_hub, NULL, status, err);
}
