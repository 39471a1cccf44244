/* SPDX-License-Identifier: MIT */
/* torchhub_ask.c - the question whether a repository's code may run, put to a person at a terminal,
 * and the options that decide it without one. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../base/auto.h"
#include "torchhub_cli.h"

/* Who answers neither yes nor no so often means no. */
#define TRIES 3

int ptmi_torch_answer(const char *answer, size_t len)
{
    char word[4] = "";
    while (len && strchr(" \t\r\n", answer[len - 1])) len--;
    while (len && strchr(" \t", *answer)) answer++, len--;
    if (len >= sizeof word || memchr(answer, '\0', len)) return -1;
    memcpy(word, answer, len);
    if (strcasecmp(word, "y") == 0 || strcasecmp(word, "yes") == 0) return 1;
    return len == 0 || strcasecmp(word, "n") == 0 || strcasecmp(word, "no") == 0 ? 0 : -1;
}

/* A signal may come to another thread and wake nobody here. */
#define LOOK_MS 100

/* A line of the terminal. Waits by poll: a read would start over after Ctrl-C. *out_len 0: no more
 * will come. */
static ptm_rc read_line(ptm_ctx *ctx, char *line, size_t size, size_t *out_len, struct ptm_err *err)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int ready = 0;
    while (ready == 0) {
        ready = poll(&in, 1, LOOK_MS);
        if (ptm_ctx_canceled(ctx)) return ptm_err_set(err, PTM_ECANCELED, "question of trust");
        if (ready < 0 && errno != EINTR) return ptm_err_sys(err, errno, "standard input");
        if (ready < 0) ready = 0;
    }
    ssize_t n = read(STDIN_FILENO, line, size);
    if (n < 0) return ptm_err_sys(err, errno, "standard input");
    *out_len = (size_t)n;
    return PTM_OK;
}

static ptm_rc ask(struct ptmi_cli *cli, const char *text, bool *out_yes, struct ptm_err *err)
{
    char line[256];
    for (int i = 0; i < TRIES; i++) {
        size_t len = 0;
        fprintf(stderr, "%s%s ", i ? "Please answer y or n. " : "", i ? "" : text);
        PTM_TRY(read_line(cli->ctx, line, sizeof line, &len, err));
        int answer = ptmi_torch_answer(line, len);
        if (answer < 0) continue;
        *out_yes = answer;
        return PTM_OK;
    }
    return PTM_OK;
}

ptm_rc ptmi_torch_ask(void *arg, const char *text, bool *out_yes, struct ptm_err *err)
{
    struct ptmi_cli *cli = arg;
    PTM_AUTO(ptmi_freep) char *shown = ptmi_torch_shown(text, strlen(text));
    if (!shown) return ptm_err_set(err, PTM_ENOMEM, "question of trust");
    ptmi_progress_pause(cli->progress);
    ptm_rc rc = ask(cli, shown, out_yes, err);
    ptmi_progress_resume(cli->progress);
    return rc;
}

void ptmi_torch_run_opts(struct ptmi_cli *cli, struct ptm_torchhub_fetch_opts *out_fetch,
                         struct ptm_torchhub_load_opts *out)
{
    struct ptm_torchhub_load_opts opts = PTM_TORCHHUB_LOAD_OPTS_INIT;
    bool trusted = ptmi_values_flag(&cli->values, PTMI_OPT_TRUST, NULL);
    ptmi_torch_fetch_opts(cli, out_fetch);
    out_fetch->trust = trusted ? PTM_TRUST_ALWAYS : PTM_TRUST_CHECK;
    if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO)) {
        out_fetch->ask = ptmi_torch_ask;
        out_fetch->ask_arg = cli;
    }
    opts.fetch = out_fetch;
    opts.python = ptmi_values_text(&cli->values, PTMI_OPT_PYTHON, NULL);
    opts.no_sandbox = ptmi_values_flag(&cli->values, PTMI_OPT_NO_SANDBOX, NULL);
    *out = opts;
}
