/* SPDX-License-Identifier: MIT */
/* main.c - `ptm`: finds the verb, reads options, environment and configuration, runs it, prints an
 * error once, exits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../hubs/hubs.h"
#include "cli.h"
#include "config.h"
#include "harvest.h"

static ptm_rc read_operands(struct ptmi_cli *cli, int at, struct ptm_err *err)
{
    struct ptmi_opts_line line = {
        .argc = cli->argc,
        .argv = cli->argv,
        .groups = cli->verb->groups,
        .verb = cli->verb->name,
    };
    return ptmi_opts_parse(&line, &at, &cli->values, cli->operands, &cli->n_operands, err);
}

/* Options may stand before the verb; they must be the verb's all the same. */
static ptm_rc check_early_options(const struct ptmi_cli *cli, size_t n, struct ptm_err *err)
{
    for (size_t i = 0; i < n; i++) {
        int id = cli->values.items[i].opt;
        if (!ptmi_opt_in(id, cli->verb->groups))
            return ptm_err_set(err, PTM_EINVAL, "%s: has no option --%s; see 'ptm help %s'",
                               cli->verb->name, ptmi_opt_at(id)->name, cli->verb->name);
    }
    return PTM_OK;
}

static bool asked(const struct ptmi_cli *cli, int opt)
{
    return ptmi_values_flag(&cli->values, opt, NULL);
}

/* Reads options up to the next operand: *at is its place, or argc. */
static ptm_rc read_to_operand(struct ptmi_cli *cli, int *at, struct ptm_err *err)
{
    struct ptmi_opts_line line = {
        .argc = cli->argc,
        .argv = cli->argv,
        .groups = ~0u,
        .stop_at_operand = true,
    };
    return ptmi_opts_parse(&line, at, &cli->values, cli->operands, &cli->n_operands, err);
}

/* The verb at *at, one word or two, with options between them; *at is behind it afterwards. */
static ptm_rc read_verb(struct ptmi_cli *cli, int *at, struct ptm_err *err)
{
    char *words[2] = {cli->argv[(*at)++], NULL};
    PTM_TRY(ptmi_verb_of_words(words, 1, "ptm ", &cli->verb, err));
    if (!(cli->verb->flags & PTMI_VERB_GROUP)) return PTM_OK;
    PTM_TRY(read_to_operand(cli, at, err));
    if (*at == cli->argc) return PTM_OK;
    words[1] = cli->argv[(*at)++];
    return ptmi_verb_of_words(words, 2, "ptm ", &cli->verb, err);
}

/* The words of the command line: *cli has its verb, operands and values afterwards. */
static ptm_rc read_line(struct ptmi_cli *cli, struct ptm_err *err)
{
    int at = 1;
    cli->verb = ptmi_verb_find("help");
    cli->operands = calloc((size_t)cli->argc + 1, sizeof *cli->operands);
    if (!cli->operands) return ptm_err_set(err, PTM_ENOMEM, "command line");
    PTM_TRY(read_to_operand(cli, &at, err));
    size_t early = cli->values.n;
    if (at < cli->argc) {
        PTM_TRY(read_verb(cli, &at, err));
        PTM_TRY(check_early_options(cli, cli->values.n, err));
        PTM_TRY(read_operands(cli, at, err));
    } else if (early && !asked(cli, PTMI_OPT_HELP) && !asked(cli, PTMI_OPT_VERSION)) {
        return ptm_err_set(err, PTM_EINVAL, "which verb? See 'ptm help'");
    }
    return PTM_OK;
}

static ptm_rc read_settings(struct ptmi_cli *cli, struct ptm_err *err)
{
    const char *hubs[PTMI_HUBS_MAX + 1] = {NULL};
    if (cli->verb->flags & PTMI_VERB_BARE) return PTM_OK;
    for (size_t i = 0; i < PTMI_HUBS_MAX && ptmi_hub_at(i); i++) hubs[i] = ptmi_hub_at(i)->name;
    PTM_AUTO(ptmi_freep) char *path = ptmi_config_path(NULL);
    if (path) PTM_TRY(ptmi_config_load(path, hubs, NULL, &cli->values, err));
    PTM_TRY(ptmi_config_environment(NULL, &cli->values, err));
    if (cli->verb->flags & PTMI_VERB_TOKENS) PTM_TRY(ptmi_config_tokens(NULL, &cli->values, err));
    return PTM_OK;
}

/* `ptm VERB --help` is `ptm help VERB`. */
static void turn_to_help(struct ptmi_cli *cli)
{
    bool verb_named = strcmp(cli->verb->name, "help") != 0;
    if (verb_named) cli->operands[0] = (char *)cli->verb->name;
    cli->n_operands = verb_named ? 1 : cli->n_operands;
    cli->verb = ptmi_verb_find("help");
}

static ptm_rc run(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_TRY(read_line(cli, err));
    if (asked(cli, PTMI_OPT_HELP)) turn_to_help(cli);
    if (asked(cli, PTMI_OPT_VERSION)) {
        printf("ptm %s\n", PTM_VERSION);
        return PTM_OK;
    }
    PTM_TRY(read_settings(cli, err));
    ptmi_out_init(&cli->out, asked(cli, PTMI_OPT_JSON),
                  ptmi_values_choice(&cli->values, PTMI_OPT_COLOR, NULL));
    return cli->verb->run(cli, status, err);
}

int main(int argc, char **argv)
{
    struct ptmi_cli cli = {.argc = argc, .argv = argv};
    struct ptm_err err = {0};
    int status = 0;
    ptm_rc rc = run(&cli, &status, &err);
    if (rc == PTM_OK) rc = ptmi_out_finish(&cli.out, &err);
    if (rc < 0) {
        err.rc = rc;
        /* Which of many transfers noticed it first is nobody's concern. */
        if (rc == PTM_ECANCELED)
            snprintf(err.msg, sizeof err.msg,
                     "interrupted; what is finished is kept, and the same command goes on");
        ptmi_cli_complain(&cli, &err);
        status = ptmi_cli_status(rc);
    }
    ptmi_cli_finish(&cli);
    ptmi_values_clear(&cli.values);
    free(cli.operands);
    return status;
}
