/* SPDX-License-Identifier: MIT */
/*
 * cli.c - what verbs share: the context with its log and progress display, signals, exit statuses,
 * errors.
 */
#include "cli.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/str.h"

/*
 * A signal handler is given nothing but the number of the signal: the one place where state must be
 * static. Set before the handlers are installed, cleared after they are gone.
 */
static ptm_ctx *_Atomic signal_ctx;
static struct ptmi_progress *_Atomic signal_progress;
static atomic_int signals_seen;

/* Once: finish what is under way. Twice: stop now. A third time nobody wants to wait for anything;
 * a kill costs only unfinished work. */
static void on_signal(int number)
{
    int saved = errno;
    int level = atomic_fetch_add(&signals_seen, 1) + 1;
    (void)number;
    if (level >= 3) _exit(130);
    ptm_ctx *ctx = atomic_load(&signal_ctx);
    struct ptmi_progress *progress = atomic_load(&signal_progress);
    if (ctx) ptm_ctx_cancel(ctx, level);
    if (progress) ptmi_progress_signal(progress, level);
    errno = saved;
}

static void handle_signals(void (*handler)(int))
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction old = {0};
        /* nohup ignores SIGHUP on purpose */
        if (handler != SIG_DFL && sigaction(numbers[i], NULL, &old) == 0 &&
            old.sa_handler == SIG_IGN)
            continue;
        struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        (void)sigaction(numbers[i], &action, NULL);
    }
}

/* --log, else what -v or -q ask for, the command line's word over the configuration file's. */
static const char *log_filter(const struct ptmi_values *values)
{
    const struct ptmi_value *log = ptmi_values_get(values, PTMI_OPT_LOG, NULL);
    const struct ptmi_value *verbose = ptmi_values_get(values, PTMI_OPT_VERBOSE, NULL);
    const struct ptmi_value *quiet = ptmi_values_get(values, PTMI_OPT_QUIET, NULL);
    bool be_verbose = ptmi_values_flag(values, PTMI_OPT_VERBOSE, NULL);
    bool be_quiet = ptmi_values_flag(values, PTMI_OPT_QUIET, NULL);
    if (be_verbose && (!log || verbose->source > log->source)) return "*:debug";
    if (be_quiet && (!log || quiet->source > log->source)) return "*:error";
    return ptmi_values_text(values, PTMI_OPT_LOG, NULL);
}

static ptmi_progress_mode progress_mode(const struct ptmi_values *values)
{
    const struct ptmi_value *how = ptmi_values_get(values, PTMI_OPT_PROGRESS, NULL);
    bool quiet = ptmi_values_flag(values, PTMI_OPT_QUIET, NULL);
    if (quiet && (!how || how->source != PTMI_SOURCE_COMMAND)) return PTMI_PROGRESS_NONE;
    return (ptmi_progress_mode)ptmi_values_choice(values, PTMI_OPT_PROGRESS, NULL);
}

ptm_rc ptmi_cli_start(struct ptmi_cli *cli, struct ptm_err *err)
{
    if (cli->ctx) return PTM_OK;
    setlocale(LC_CTYPE, ""); /* column widths; numbers stay in the C locale */
    PTM_TRY(ptmi_progress_new(STDERR_FILENO, progress_mode(&cli->values), cli->out.colors_err,
                              &cli->progress, err));
    struct ptm_ctx_opts opts = PTM_CTX_OPTS_INIT;
    opts.log = ptmi_progress_log;
    opts.log_arg = cli->progress;
    opts.log_filter = log_filter(&cli->values);
    opts.event = ptmi_progress_event;
    opts.event_arg = cli->progress;
    PTM_TRY(ptm_ctx_new(&opts, &cli->ctx, err));
    atomic_store(&signal_ctx, cli->ctx);
    atomic_store(&signal_progress, cli->progress);
    handle_signals(on_signal);
    return PTM_OK;
}

void ptmi_cli_finish(struct ptmi_cli *cli)
{
    if (cli->ctx) handle_signals(SIG_DFL);
    atomic_store(&signal_ctx, NULL);
    atomic_store(&signal_progress, NULL);
    ptmi_progress_free(cli->progress);
    ptm_ctx_free(cli->ctx);
    cli->progress = NULL;
    cli->ctx = NULL;
}

int ptmi_cli_status(ptm_rc rc)
{
    switch (rc) {
    case PTM_OK:
        return 0;
    case PTM_EINVAL:
    case PTM_ECONFIG:
    case PTM_EUNSAFE:
        return 1;
    case PTM_ECANCELED:
        return 130;
    default:
        return 3;
    }
}

void ptmi_cli_complain(struct ptmi_cli *cli, const struct ptm_err *err)
{
    const char *text = *err->msg ? err->msg : ptm_rc_text(err->rc);
    const char *red = ptmi_out_code(cli->out.colors_err, PTMI_RED);
    const char *plain = ptmi_out_code(cli->out.colors_err, PTMI_PLAIN);
    PTM_AUTO(ptmi_freep) char *line = ptmi_str_printf("%sptm:%s %s", red, plain, text);
    if (cli->progress && line)
        ptmi_progress_say(cli->progress, line);
    else
        fprintf(stderr, "ptm: %s\n", text);
}

ptm_rc ptmi_cli_no_operands(const struct ptmi_cli *cli, struct ptm_err *err)
{
    char shown[64];
    if (cli->n_operands == 0) return PTM_OK;
    return ptm_err_set(err, PTM_EINVAL, "%s: takes no operand, and '%s' is one", cli->verb->name,
                       ptmi_str_printable(shown, sizeof shown, cli->operands[0]));
}

char *ptmi_cli_catalog_path(const struct ptmi_cli *cli)
{
    const char *path = ptmi_values_text(&cli->values, PTMI_OPT_CATALOG, NULL);
    if (path) return strdup(path);
    return ptmi_str_printf("%s/.ptm/catalog.db",
                           ptmi_values_text(&cli->values, PTMI_OPT_ROOT, NULL));
}

bool ptmi_cli_json(const struct ptmi_cli *cli)
{
    return cli->out.json;
}
