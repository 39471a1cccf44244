/* SPDX-License-Identifier: MIT */
/* verb_torch_fetch.c - `ptm torch fetch REPO...`: repositories into the hub folder. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/auto.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/walk.h"
#include "torchhub_cli.h"

struct content {
    size_t files;
    int64_t bytes;
};

/* Our own two files in the folder are none of the repository's. */
static ptm_rc count(void *arg, const char *path, const struct ptm_err *why, struct ptm_err *err)
{
    struct content *content = arg;
    struct stat st;
    (void)why;
    (void)err;
    if (ptmi_str_starts(ptmi_path_base(path), ".ptm-hub.") || lstat(path, &st) != 0) return PTM_OK;
    content->files++;
    content->bytes += st.st_size;
    return PTM_OK;
}

static ptm_rc print(struct ptmi_cli *cli, const struct ptm_torchhub_repo *repo, struct ptm_err *err)
{
    struct content content = {0};
    struct ptmi_walk walk = {.fn = count, .arg = &content, .no_links = true};
    char size[32];
    PTM_TRY(ptmi_walk(&walk, repo->dir, err));
    if (ptmi_cli_json(cli)) {
        struct ptmi_json_line line;
        ptmi_json_line_begin(&line);
        ptmi_torch_repo_json(&line, repo);
        ptmi_json_line_bool(&line, "cached", repo->cached);
        ptmi_json_line_str(&line, "newest", repo->newest);
        ptmi_json_line_int(&line, "files", (int64_t)content.files);
        ptmi_json_line_int(&line, "bytes", content.bytes);
        return ptmi_json_line_print(&line, &cli->out, err);
    }
    PTM_AUTO(ptmi_freep) char *name = ptmi_torch_repo_name(repo);
    ptmi_torch_say(cli, "%s%s%.12s, %zu file%s, %s%s", name ? name : "", repo->commit ? " at " : "",
                   repo->commit ? repo->commit : "", content.files, content.files == 1 ? "" : "s",
                   ptmi_str_human_size(content.bytes, size),
                   repo->cached ? ", in the cache already" : "");
    ptmi_progress_pause(cli->progress);
    ptmi_out_printf(&cli->out, "%s\n", repo->dir);
    fflush(stdout);
    ptmi_progress_resume(cli->progress);
    return PTM_OK;
}

static ptm_rc fetch(struct ptmi_torch *torch, const char *operand, struct ptm_err *err)
{
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    PTM_TRY(ptmi_torch_fetch(torch, operand, &repo, err));
    return print(torch->cli, &repo, err);
}

ptm_rc ptmi_verb_torch_fetch(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_clear) struct ptmi_torch torch = {0};
    if (cli->n_operands == 0)
        return ptm_err_set(err, PTM_EINVAL,
                           "torch fetch: which repository? Name it as OWNER/NAME[:REF]");
    PTM_TRY(ptmi_torch_open(cli, &torch, err));
    return ptmi_torch_each(&torch, 0, fetch, status, err);
}
