/* SPDX-License-Identifier: MIT */
/* verb_weights_ls.c - `ptm weights ls FILE|DIR|URL`: the tables of tensors. */
#include <stdio.h>
#include <sys/stat.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "../base/walk.h"
#include "checkpoint.h"

struct lister {
    struct ptmi_cli *cli;
    struct ptmi_opener opener;
    bool tensors, tree;
    size_t printed, failed;
};

/* Names that promise a checkpoint: what they cannot keep is told. */
static bool is_checkpoint_name(const char *path)
{
    static const char *const suffixes[] = {
        ".pt",   ".pth", ".bin",  ".ckpt", ".safetensors", ".safetensors.index.json",
        ".onnx", ".npy", ".gguf", ".npz",  ".pkl",         ".pickle"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (ptmi_str_ends(path, suffixes[i])) return true;
    return false;
}

/* What is not this file's fault ends the command. */
static bool ends(ptm_rc rc)
{
    return rc == PTM_ENOMEM || rc == PTM_ECANCELED || rc == PTM_EBUG;
}

static ptm_rc print(struct lister *lister, const char *path, const ptm_weights *weights,
                    struct ptm_err *err)
{
    struct ptmi_cli *cli = lister->cli;
    struct ptmi_listing listing = {.path = path, .tensors = lister->tensors, .tree = lister->tree};
    bool json = ptmi_cli_json(cli);
    ptmi_progress_pause(cli->progress);
    if (lister->printed++ && !json) ptmi_out_printf(&cli->out, "\n");
    ptm_rc rc = json ? ptmi_weights_print_json(cli, weights, &listing, err)
                     : ptmi_weights_print(cli, weights, &listing, err);
    fflush(stdout);
    ptmi_progress_resume(cli->progress);
    return rc;
}

static ptm_rc fail(struct lister *lister, ptm_rc rc, struct ptm_err *why, struct ptm_err *err)
{
    if (ends(rc)) {
        *err = *why;
        return rc;
    }
    why->rc = rc;
    ptmi_cli_complain(lister->cli, why);
    lister->failed++;
    return PTM_OK;
}

/* silent: a file of a folder, which need not be a checkpoint. */
static ptm_rc list_file(struct lister *lister, const char *path, bool silent, struct ptm_err *err)
{
    PTM_AUTO(ptmi_weights_closep) ptm_weights *weights = NULL;
    struct ptm_err why = {0};
    if (ptm_ctx_canceled(lister->cli->ctx)) return ptm_err_set(err, PTM_ECANCELED, "%s", path);
    ptm_rc rc = ptmi_opener_open(&lister->opener, path, &weights, &why);
    if (rc == PTM_EUNSUPPORTED && silent && !is_checkpoint_name(path)) return PTM_OK;
    if (rc < 0) return fail(lister, rc, &why, err);
    return print(lister, path, weights, err);
}

static ptm_rc on_file(void *arg, const char *path, const struct ptm_err *why, struct ptm_err *err)
{
    struct lister *lister = arg;
    if (!why) return list_file(lister, path, true, err);
    ptmi_cli_complain(lister->cli, why);
    lister->failed++;
    return PTM_OK;
}

static ptm_rc list_folder(struct lister *lister, const char *dir, struct ptm_err *err)
{
    struct ptmi_walk walk = {.fn = on_file, .arg = lister, .skip_git = true};
    size_t before = lister->printed + lister->failed;
    PTM_TRY(ptmi_walk(&walk, dir, err));
    if (lister->printed + lister->failed > before || ptmi_cli_json(lister->cli)) return PTM_OK;
    struct ptm_err why = {.rc = PTM_ENOENT};
    char shown[400];
    snprintf(why.msg, sizeof why.msg, "%s: no checkpoint is in this folder",
             ptmi_str_printable(shown, sizeof shown, dir));
    ptmi_cli_complain(lister->cli, &why);
    return PTM_OK;
}

static ptm_rc list_all(struct lister *lister, struct ptm_err *err)
{
    struct ptmi_cli *cli = lister->cli;
    for (int i = 0; i < cli->n_operands; i++) {
        const char *path = cli->operands[i];
        struct stat st;
        bool folder = !ptmi_is_url(path) && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        PTM_TRY(folder ? list_folder(lister, path, err) : list_file(lister, path, false, err));
    }
    return PTM_OK;
}

ptm_rc ptmi_verb_weights_ls(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    struct lister lister = {
        .cli = cli,
        .opener = {.cli = cli},
        .tensors = !ptmi_values_flag(&cli->values, PTMI_OPT_NO_TENSORS, NULL),
        .tree = ptmi_values_flag(&cli->values, PTMI_OPT_TREE, NULL),
    };
    if (cli->n_operands == 0)
        return ptm_err_set(err, PTM_EINVAL, "weights ls: which file, folder or URL?");
    PTM_TRY(ptmi_cli_start(cli, err));
    ptmi_catch_sigbus();
    ptm_rc rc = list_all(&lister, err);
    ptmi_opener_clear(&lister.opener);
    *status = lister.failed ? 2 : 0;
    return rc;
}
