/* SPDX-License-Identifier: MIT */
/* cli.h - what one call of ptm carries from verb to verb. One thread. */
#pragma once

#include <stdbool.h>

#include <ptm/ctx.h>

#include "opts.h"
#include "out.h"
#include "progress.h"
#include "verbs.h"

struct ptmi_cli {
    int argc;
    char **argv;
    const struct ptmi_verb *verb;
    struct ptmi_values values;
    char **operands; /* owned array, borrowed texts */
    int n_operands;
    struct ptmi_out out;
    struct ptmi_progress *progress; /* NULL before ptmi_cli_start() */
    ptm_ctx *ctx;                   /* NULL before ptmi_cli_start() */
};

/* Context, log and progress display; catches signals. For verbs that do more than print. */
PTM_MUST_USE ptm_rc ptmi_cli_start(struct ptmi_cli *cli, struct ptm_err *err);
/* Ends the display and gives everything back. Also after no or a failed start. */
void ptmi_cli_finish(struct ptmi_cli *cli);

/* The exit status of an error: 1 usage or configuration, 130 interrupted, 3 could not go
 * on. */
int ptmi_cli_status(ptm_rc rc);
/* Prints an error on stderr, once, as "ptm: MESSAGE". */
void ptmi_cli_complain(struct ptmi_cli *cli, const struct ptm_err *err);

/* PTM_EINVAL when operands are there and none are wanted. */
PTM_MUST_USE ptm_rc ptmi_cli_no_operands(const struct ptmi_cli *cli, struct ptm_err *err);
/* ROOT/.ptm/catalog.db or --catalog; malloc'ed. */
char *ptmi_cli_catalog_path(const struct ptmi_cli *cli);
bool ptmi_cli_json(const struct ptmi_cli *cli);
