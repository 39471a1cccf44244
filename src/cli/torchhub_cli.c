/* SPDX-License-Identifier: MIT */
/* torchhub_cli.c - the hub folder opened as the command line says, repositories and folders as
 * operands. */
#include "torchhub_cli.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/suggest.h"
#include "../torchhub/weights_name.h"
#include "netopts.h"

/* --- the hub folder --- */

ptm_rc ptmi_torch_host(const char *text, const char **out_host,
                       char *out_rules[PTMI_TORCH_HOST_RULES], struct ptm_err *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789.-:";
    char shown[100];
    *out_host = NULL;
    out_rules[0] = out_rules[1] = NULL;
    if (!text || !*text || strcmp(text, "github.com") == 0) return PTM_OK;
    if (strlen(text) > 255 || text[strspn(text, allowed)] != '\0')
        return ptm_err_set(err, PTM_ECONFIG,
                           "$GH_HOST: '%s' is not the name of a host, as github.example.org",
                           ptmi_str_printable(shown, sizeof shown, text));
    PTM_AUTO(ptmi_freep) char *web = ptmi_str_printf("https://github.com/=https://%s/", text);
    PTM_AUTO(ptmi_freep)
    char *api = ptmi_str_printf("https://api.github.com/=https://%s/api/v3/", text);
    if (!web || !api) return ptm_err_set(err, PTM_ENOMEM, "$GH_HOST");
    *out_host = text;
    out_rules[0] = ptm_steal(&web);
    out_rules[1] = ptm_steal(&api);
    return PTM_OK;
}

/* Of two rules for one FROM the later one holds: what the user wrote out is nearer than GH_HOST. */
static const char **rules_first(char *const first[PTMI_TORCH_HOST_RULES], const char *const *rules,
                                size_t n)
{
    const char **all = calloc(n + PTMI_TORCH_HOST_RULES, sizeof *all);
    if (!all) return NULL;
    for (size_t i = 0; i < PTMI_TORCH_HOST_RULES; i++) all[i] = first[i];
    for (size_t i = 0; i < n; i++) all[i + PTMI_TORCH_HOST_RULES] = rules[i];
    return all;
}

static void rules_clear(char *(*rules)[PTMI_TORCH_HOST_RULES])
{
    for (size_t i = 0; i < PTMI_TORCH_HOST_RULES; i++) free((*rules)[i]);
}

ptm_rc ptmi_torch_open(struct ptmi_cli *cli, struct ptmi_torch *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) const char **rewrites = NULL;
    PTM_AUTO(ptmi_freep) const char **with_host = NULL;
    PTM_AUTO(rules_clear) char *rules[PTMI_TORCH_HOST_RULES] = {NULL};
    struct ptm_net_opts net;
    struct ptm_torchhub_opts opts = PTM_TORCHHUB_OPTS_INIT;
    PTM_TRY(ptmi_torch_host(getenv("GH_HOST"), &opts.host, rules, err));
    PTM_TRY(ptmi_net_options(&cli->values, NULL, &net, &rewrites, err));
    if (opts.host) {
        with_host = rules_first(rules, net.rewrites, net.n_rewrites);
        if (!with_host) return ptm_err_set(err, PTM_ENOMEM, "$GH_HOST");
        net.rewrites = with_host;
        net.n_rewrites += PTMI_TORCH_HOST_RULES;
    }
    opts.dir = ptmi_values_text(&cli->values, PTMI_OPT_HUB_DIR, NULL);
    opts.net = &net;
    PTM_TRY(ptmi_cli_start(cli, err));
    out->cli = cli;
    return ptm_torchhub_open(cli->ctx, &opts, &out->hub, err);
}

void ptmi_torch_clear(struct ptmi_torch *torch)
{
    /* The engine's thread takes no signals; but connections that are open say good-bye here. */
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    ptm_torchhub_close(torch->hub);
    if (before != SIG_ERR) signal(SIGPIPE, before);
    *torch = (struct ptmi_torch){0};
}

/* --- what is said --- */

void ptmi_torch_say(struct ptmi_cli *cli, const char *fmt, ...)
{
    char line[2048], shown[2048];
    if (ptmi_values_flag(&cli->values, PTMI_OPT_QUIET, NULL)) return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    fflush(stdout); /* what is said of results comes after them */
    ptmi_progress_say(cli->progress, ptmi_str_printable(shown, sizeof shown, line));
}

void ptmi_torch_transfer_progress(void *arg, int64_t done, int64_t total)
{
    struct ptmi_torch_transfer *transfer = arg;
    if (!transfer->task)
        transfer->task =
            ptmi_task_begin(transfer->ctx, PTM_TASK_TRANSFER, NULL, transfer->name, total);
    ptmi_task_progress(transfer->ctx, transfer->task, done, total);
}

void ptmi_torch_transfer_end(struct ptmi_torch_transfer *transfer, ptm_rc rc)
{
    if (transfer->task) ptmi_task_end(transfer->ctx, transfer->task, rc);
    transfer->task = 0;
}

/* --- operands --- */

bool ptmi_torch_is_folder(const struct ptmi_cli *cli, const char *operand)
{
    const char *source = ptmi_values_text(&cli->values, PTMI_OPT_SOURCE, NULL);
    if (source) return strcmp(source, "local") == 0;
    return strchr("./~", *operand) || !strchr(operand, '/');
}

void ptmi_torch_fetch_opts(const struct ptmi_cli *cli, struct ptm_torchhub_fetch_opts *out)
{
    struct ptm_torchhub_fetch_opts opts = PTM_TORCHHUB_FETCH_OPTS_INIT;
    opts.force_reload = ptmi_values_flag(&cli->values, PTMI_OPT_FORCE_RELOAD, NULL);
    opts.fresh_weights = opts.force_reload;
    opts.refresh = ptmi_values_flag(&cli->values, PTMI_OPT_REFRESH, NULL);
    opts.skip_validation = ptmi_values_flag(&cli->values, PTMI_OPT_SKIP_VALIDATION, NULL);
    opts.trust = PTM_TRUST_SKIP;
    *out = opts;
}

void ptmi_torch_repo_clear(struct ptmi_torch_repo *repo)
{
    ptm_hubconf_close(repo->hubconf);
    ptm_torchhub_repo_clear(&repo->repo);
    *repo = (struct ptmi_torch_repo){0};
}

char *ptmi_torch_repo_name(const struct ptm_torchhub_repo *repo)
{
    if (!repo->owner || !repo->name) return strdup(repo->dir ? repo->dir : "");
    return ptmi_str_printf("%s/%s%s%s", repo->owner, repo->name, repo->ref ? ":" : "",
                           repo->ref ? repo->ref : "");
}

static void tell_newer(struct ptmi_cli *cli, const struct ptm_torchhub_repo *repo)
{
    PTM_AUTO(ptmi_freep) char *name = ptmi_torch_repo_name(repo);
    if (!ptmi_values_flag(&cli->values, PTMI_OPT_REFRESH, NULL) || !repo->cached || !name) return;
    if (repo->newest)
        ptmi_torch_say(cli, "%s: there is a newer commit, %.12s; --force-reload fetches it", name,
                       repo->newest);
    else if (repo->commit)
        ptmi_torch_say(cli, "%s: %.12s is the newest commit", name, repo->commit);
    else
        ptmi_torch_say(cli,
                       "%s: torch fetched it, so its commit is not known; --force-reload "
                       "fetches the newest",
                       name);
}

/* Who forgets the "./" is told: owner/name is always a repository. */
static ptm_rc failed(const char *operand, ptm_rc rc, struct ptm_err *err)
{
    char why[PTM_ERR_MSG_MAX], shown[200];
    if (!err || !ptmi_fs_is_dir(operand)) return rc;
    struct ptm_err before = *err;
    snprintf(why, sizeof why, "%s", err->msg);
    rc = ptm_err_set(err, rc, "%s; for the folder of that name write ./%s", why,
                     ptmi_str_printable(shown, sizeof shown, operand));
    err->http_status = before.http_status;
    err->retryable = before.retryable;
    return rc;
}

ptm_rc ptmi_torch_fetch(struct ptmi_torch *torch, const char *operand,
                        struct ptm_torchhub_repo *out, struct ptm_err *err)
{
    struct ptm_torchhub_fetch_opts opts;
    ptmi_torch_fetch_opts(torch->cli, &opts);
    ptm_rc rc = ptm_torchhub_fetch(torch->hub, operand, &opts, out, err);
    if (rc < 0) return failed(operand, rc, err);
    tell_newer(torch->cli, out);
    return PTM_OK;
}

static bool ends_all(ptm_rc rc)
{
    return rc == PTM_ENOMEM || rc == PTM_ECANCELED || rc == PTM_EBUG || rc == PTM_ENOSPC;
}

ptm_rc ptmi_torch_each(struct ptmi_torch *torch, int first,
                       ptm_rc (*fn)(struct ptmi_torch *torch, const char *operand,
                                    struct ptm_err *err),
                       int *status, struct ptm_err *err)
{
    struct ptmi_cli *cli = torch->cli;
    for (int i = first; i < cli->n_operands; i++) {
        ptm_rc rc = fn(torch, cli->operands[i], err);
        if (rc == PTM_OK) continue;
        if (cli->n_operands == first + 1 || ends_all(rc)) return rc;
        err->rc = rc;
        ptmi_cli_complain(cli, err);
        *status = 2;
    }
    return PTM_OK;
}

/* A word alone may have been meant for a repository. */
static ptm_rc check_folder(const char *operand, struct ptm_err *err)
{
    char shown[200];
    struct stat st;
    if (stat(operand, &st) == 0 && S_ISDIR(st.st_mode)) return PTM_OK;
    ptmi_str_printable(shown, sizeof shown, operand);
    if (strchr(operand, '/')) return ptm_err_set(err, PTM_ENOENT, "%s: no such folder", shown);
    return ptm_err_set(err, PTM_EINVAL, "'%s' is neither a folder here nor OWNER/NAME[:REF]",
                       shown);
}

static ptm_rc find_folder(const char *operand, struct ptmi_torch_repo *out, struct ptm_err *err)
{
    PTM_TRY(check_folder(operand, err));
    out->folder = true;
    out->repo.dir = strdup(operand);
    return out->repo.dir ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "%s", operand);
}

ptm_rc ptmi_torch_parse(struct ptmi_torch *torch, const char *operand, bool urls,
                        struct ptmi_torch_repo *out, struct ptm_err *err)
{
    if (ptmi_torch_is_folder(torch->cli, operand))
        PTM_TRY(find_folder(operand, out, err));
    else
        PTM_TRY(ptmi_torch_fetch(torch, operand, &out->repo, err));
    /* Weights are looked for in all that an entry point calls: names need not wait for that. */
    struct ptm_torchhub_fetch_opts there = PTM_TORCHHUB_FETCH_OPTS_INIT;
    there.local = true;
    if (urls)
        PTM_TRY(ptm_hubconf_open(out->repo.dir, &out->hubconf, err));
    else
        PTM_TRY(ptm_torchhub_list(torch->hub, out->repo.dir, &there, &out->hubconf, err));
    int line = ptm_hubconf_damage(out->hubconf);
    if (line)
        ptmi_torch_say(torch->cli,
                       "hubconf.py:%d: is not Python there; what stands here is what "
                       "could be read",
                       line);
    return PTM_OK;
}

ptm_rc ptmi_torch_entry(const struct ptmi_torch_repo *repo, const char *operand, const char *name,
                        const struct ptm_hub_entry **out, struct ptm_err *err)
{
    char where[200], shown[100];
    struct ptmi_suggest near = {.word = name};
    *out = ptm_hubconf_find(repo->hubconf, name);
    if (*out) return PTM_OK;
    const struct ptm_hub_entry *entry = NULL;
    for (size_t i = 0; (entry = ptm_hubconf_entry(repo->hubconf, i)); i++)
        if (entry->name) ptmi_suggest_offer(&near, entry->name);
    ptmi_str_printable(where, sizeof where, operand);
    ptmi_str_printable(shown, sizeof shown, name);
    if (near.best)
        return ptm_err_set(err, PTM_EINVAL, "%s: no entry point '%s'; did you mean '%s'?", where,
                           shown, near.best);
    return ptm_err_set(err, PTM_EINVAL, "%s: no entry point '%s'; ptm torch list %s names them",
                       where, shown, where);
}

char *ptmi_torch_checkpoint(const struct ptmi_torch *torch, const char *url)
{
    PTM_AUTO(ptmi_freep) char *name = NULL;
    if (ptmi_weights_name(url, &name, NULL) < 0) return NULL;
    return ptmi_str_printf("%s/checkpoints/%s", ptm_torchhub_get_dir(torch->hub), name);
}
