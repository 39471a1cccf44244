/* SPDX-License-Identifier: MIT */
/*
 * tool_git.c - drives the git room alone, for tests/e2e/test_git_lfs.py: one operation, one JSON
 * object on stdout. Not installed.
 *
 *     tool_git [OPTION=VALUE ..] clone URL DEST | update URL DEST | lfs URL DIR | count DIR | clean
 * DIR | verify DIR | ls-remote URL [REF] | last DIR PATH.. | size DIR | filter OP DIR
 */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../../src/base/auto.h"
#include "../../src/base/buf.h"
#include "../../src/base/fs.h"
#include "../../src/base/str.h"
#include "../../src/git/lfs.h"

#define PATTERNS_MAX 16

struct settings {
    const char *root, *ref, *hf_token, *source, *ca;
    struct ptmi_rewrite rewrites;
    const char *rewrite_texts[PATTERNS_MAX];
    size_t n_rewrites;
    const char *include[PATTERNS_MAX], *exclude[PATTERNS_MAX];
    bool shallow, offline;
    struct ptmi_lfs_opts lfs;
};

struct tool {
    struct settings settings;
    ptm_ctx *ctx;
    ptm_net *net;
    ptm_store *store;
    ptmi_git *git;
    pthread_mutex_t lock;
    struct ptmi_buf out;
    bool first;
};

/* For the signal handler alone. */
static ptm_ctx *the_ctx;

static void on_signal(int number)
{
    (void)number;
    ptm_ctx_cancel(the_ctx, 1);
}

static void must(ptm_rc rc, const struct ptm_err *err)
{
    if (rc >= 0) return;
    fprintf(stderr, "tool_git: %s\n", err ? err->msg : "out of memory");
    exit(1);
}

static void put(struct tool *tool, const char *name, const char *value)
{
    must(ptmi_buf_printf(&tool->out, NULL, "%s\"%s\":", tool->first ? "" : ",", name), NULL);
    must(ptmi_buf_json_str(&tool->out, value, NULL), NULL);
    tool->first = false;
}

static void put_number(struct tool *tool, const char *name, int64_t value)
{
    must(ptmi_buf_printf(&tool->out, NULL, "%s\"%s\":%lld", tool->first ? "" : ",", name,
                         (long long)value),
         NULL);
    tool->first = false;
}

static void put_state(struct tool *tool, const struct ptmi_git_state *state)
{
    put(tool, "sha", state->sha);
    put(tool, "branch", state->branch);
    put_number(tool, "changed", state->changed);
    put_number(tool, "bad_objects", state->bad_objects);
}

static void put_report(struct tool *tool, const struct ptmi_lfs_report *report)
{
    put_number(tool, "wanted", report->wanted);
    put_number(tool, "present", report->present);
    put_number(tool, "fetched", report->fetched);
    put_number(tool, "lost", report->lost);
    put_number(tool, "failed", report->failed);
    put_number(tool, "skipped", report->skipped);
    put_number(tool, "bytes_wanted", report->bytes_wanted);
    put_number(tool, "bytes_fetched", report->bytes_fetched);
}

static void on_object(void *arg, const char *path, const struct ptmi_lfs_pointer *pointer,
                      ptmi_lfs_outcome outcome, const char *source_url, const struct ptm_err *why)
{
    static const char *const names[] = {"",     "present", "fetched", "elsewhere",
                                        "lost", "failed",  "skipped"};
    struct tool *tool = arg;
    pthread_mutex_lock(&tool->lock);
    must(ptmi_buf_puts(&tool->out, tool->first ? "{" : ",{", NULL), NULL);
    tool->first = true;
    put(tool, "path", path);
    put(tool, "oid", pointer->oid);
    put(tool, "outcome", names[outcome]);
    put(tool, "source", source_url);
    put(tool, "why", why ? why->msg : NULL);
    put(tool, "reason", why ? ptm_rc_name(why->rc) : NULL);
    put_number(tool, "retryable", why && why->retryable);
    must(ptmi_buf_puts(&tool->out, "}", NULL), NULL);
    tool->first = false;
    pthread_mutex_unlock(&tool->lock);
}

static ptm_rc other_source(void *arg, const char *path, const char *oid, int attempt,
                           char **out_url, struct ptm_err *err)
{
    const struct tool *tool = arg;
    (void)path;
    if (attempt > 0) return PTM_OK;
    *out_url = ptmi_str_printf("%s/%s", tool->settings.source, oid);
    return *out_url ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "out of memory");
}

/* --- verbs --- */

static ptm_rc do_clone(struct tool *tool, char **args, struct ptm_err *err)
{
    struct ptmi_git_state state = {0};
    PTM_AUTO(ptmi_freep) char *tmp = ptmi_str_printf("%s/.ptm/tmp", tool->settings.root);
    struct ptmi_git_clone what = {
        .url = args[1],
        .dest = args[2],
        .tmp_dir = tmp,
        .ref = tool->settings.ref,
        .shallow = tool->settings.shallow,
        .hub = "test",
        .label = args[2],
    };
    PTM_TRY(ptmi_fs_mkdirs(tmp, err));
    ptm_rc rc = ptmi_str_eq(args[0], "clone") ? ptmi_git_clone(tool->git, &what, &state, err)
                                              : ptmi_git_update(tool->git, &what, &state, err);
    if (rc == PTM_OK) put_state(tool, &state);
    return rc;
}

static ptm_rc do_lfs(struct tool *tool, char **args, struct ptm_err *err)
{
    struct ptmi_lfs_report report = {0};
    struct ptmi_lfs_opts *opts = &tool->settings.lfs;
    opts->hub = "test";
    opts->label = args[2];
    opts->include = tool->settings.include;
    opts->exclude = tool->settings.exclude;
    opts->on_object = on_object;
    opts->source = tool->settings.source ? other_source : NULL;
    opts->arg = tool;
    must(ptmi_buf_puts(&tool->out, "\"objects\":[", NULL), NULL);
    ptm_rc rc =
        ptmi_lfs_mirror(tool->git, tool->net, tool->store, args[1], args[2], opts, &report, err);
    must(ptmi_buf_puts(&tool->out, "]", NULL), NULL);
    tool->first = false;
    put_report(tool, &report);
    return rc;
}

static ptm_rc do_count(struct tool *tool, char **args, struct ptm_err *err)
{
    struct ptmi_lfs_report report = {0};
    ptm_rc rc = ptmi_lfs_count(tool->git, tool->store, args[1], &tool->settings.lfs, &report, err);
    put_report(tool, &report);
    return rc;
}

static ptm_rc do_remote_commit(struct tool *tool, char **args, struct ptm_err *err)
{
    char sha[41];
    PTM_TRY(ptmi_git_remote_commit(tool->net, args[1], args[2], sha, err));
    put(tool, "sha", sha);
    return PTM_OK;
}

static ptm_rc do_last(struct tool *tool, char **args, struct ptm_err *err)
{
    char shas[PATTERNS_MAX][41];
    size_t n = 0;
    while (args[2 + n] && n < PATTERNS_MAX) n++;
    PTM_TRY(ptmi_git_last_commits(tool->git, args[1], (const char *const *)&args[2], n, shas, err));
    for (size_t i = 0; i < n; i++) put(tool, args[2 + i], shas[i]);
    return PTM_OK;
}

static ptm_rc do_size(struct tool *tool, char **args, struct ptm_err *err)
{
    int64_t bytes = -1;
    PTM_TRY(ptmi_git_size(args[1], &bytes, err));
    put_number(tool, "bytes", bytes);
    return PTM_OK;
}

static ptm_rc do_clean(struct tool *tool, char **args, struct ptm_err *err)
{
    return ptmi_git_is_clean(tool->git, args[1], err);
}

static ptm_rc do_verify(struct tool *tool, char **args, struct ptm_err *err)
{
    return ptmi_git_verify(tool->git, args[1], err);
}

static const struct {
    const char *name;
    int args;
    ptm_rc (*run)(struct tool *, char **, struct ptm_err *);
} verbs[] = {
    {"clone", 2, do_clone},
    {"update", 2, do_clone},
    {"lfs", 2, do_lfs},
    {"count", 1, do_count},
    {"clean", 1, do_clean},
    {"verify", 1, do_verify},
    {"remote-commit", 1, do_remote_commit},
    {"last", 1, do_last},
    {"size", 1, do_size},
};

/* --- options --- */

static void set_option(struct settings *s, int option, const char *value)
{
    int64_t number = 0;
    switch (option) {
    case 'r':
        s->root = value;
        break;
    case 'b':
        s->ref = value;
        break;
    case 't':
        s->hf_token = value;
        break;
    case 's':
        s->source = value;
        break;
    case 'w':
        s->rewrite_texts[s->n_rewrites++] = value;
        break;
    case 'i':
        s->include[s->lfs.n_include++] = value;
        break;
    case 'x':
        s->exclude[s->lfs.n_exclude++] = value;
        break;
    case 'd':
        s->shallow = true;
        break;
    case 'o':
        s->offline = true;
        break;
    case 'm':
        if (ptmi_str_int(value, 0, INT64_MAX, &number)) s->lfs.max_size = number;
        break;
    case 'l':
        s->lfs.large = ptmi_str_eq(value, "all")    ? PTMI_LARGE_ALL
                       : ptmi_str_eq(value, "head") ? PTMI_LARGE_HEAD
                       : ptmi_str_eq(value, "none") ? PTMI_LARGE_NONE
                                                    : PTMI_LARGE_AUTO;
        break;
    case 'c':
        s->lfs.checkout = ptmi_str_eq(value, "copy")   ? PTMI_CHECKOUT_COPY
                          : ptmi_str_eq(value, "none") ? PTMI_CHECKOUT_NONE
                                                       : PTMI_CHECKOUT_LINK;
        break;
    default:
        exit(1);
    }
}

static void read_options(struct settings *s, int argc, char **argv)
{
    static const struct option options[] = {
        {"root", 1, NULL, 'r'},     {"ref", 1, NULL, 'b'},     {"hf-token", 1, NULL, 't'},
        {"source", 1, NULL, 's'},   {"rewrite", 1, NULL, 'w'}, {"include", 1, NULL, 'i'},
        {"exclude", 1, NULL, 'x'},  {"shallow", 0, NULL, 'd'}, {"offline", 0, NULL, 'o'},
        {"max-size", 1, NULL, 'm'}, {"large", 1, NULL, 'l'},   {"checkout", 1, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    for (int c = getopt_long(argc, argv, "", options, NULL); c != -1;
         c = getopt_long(argc, argv, "", options, NULL))
        set_option(s, c, optarg);
}

static void watch_signals(ptm_ctx *ctx)
{
    the_ctx = ctx;
    (void)signal(SIGTERM, on_signal);
}

static void open_rooms(struct tool *tool)
{
    struct settings *s = &tool->settings;
    struct ptm_err err = {0};
    struct ptm_net_opts net = PTM_NET_OPTS_INIT;
    for (size_t i = 0; i < s->n_rewrites; i++)
        must(ptmi_rewrite_add(&s->rewrites, s->rewrite_texts[i], &err), &err);
    net.rewrites = s->rewrite_texts;
    net.n_rewrites = s->n_rewrites;
    net.hf_token = s->hf_token;
    net.offline = s->offline;
    net.retries = 2;
    net.backoff_ms = 20; /* nobody is to be spared here */
    struct ptmi_git_opts git = {.rewrites = &s->rewrites,
                                .hf_token = s->hf_token,
                                .offline = s->offline,
                                .retries = net.retries,
                                .backoff_ms = net.backoff_ms};
    must(ptm_ctx_new(NULL, &tool->ctx, &err), &err);
    watch_signals(tool->ctx);
    must(ptm_net_open(tool->ctx, &net, &tool->net, &err), &err);
    must(ptm_store_open(tool->ctx, s->root, &tool->store, &err), &err);
    must(ptmi_git_open(tool->ctx, &git, &tool->git, &err), &err);
}

static void close_rooms(struct tool *tool)
{
    ptmi_git_close(tool->git);
    ptm_store_close(tool->store);
    ptm_net_close(tool->net);
    ptm_ctx_free(tool->ctx);
    ptmi_rewrite_clear(&tool->settings.rewrites);
    ptmi_buf_clear(&tool->out);
}

static int run_filter(char **args)
{
    struct ptm_err err = {0};
    must(ptmi_lfs_filter(args[1], args[2], STDIN_FILENO, STDOUT_FILENO, &err), &err);
    return 0;
}

int main(int argc, char **argv)
{
    struct tool tool = {
        .lock = PTHREAD_MUTEX_INITIALIZER, .out = PTMI_BUF((size_t)64 << 20), .first = true};
    struct ptm_err err = {0};
    ptm_rc rc = PTM_EINVAL;
    tool.settings.root = ".";
    read_options(&tool.settings, argc, argv);
    char **args = argv + optind;
    int n = argc - optind;
    if (n == 3 && ptmi_str_eq(args[0], "filter")) return run_filter(args);
    open_rooms(&tool);
    must(ptmi_buf_puts(&tool.out, "{", NULL), NULL);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (n > verbs[i].args && ptmi_str_eq(args[0], verbs[i].name))
            rc = verbs[i].run(&tool, args, &err);
    put(&tool, "rc", ptm_rc_name(rc));
    put(&tool, "message", err.msg);
    put_number(&tool, "http_status", err.http_status);
    put_number(&tool, "retryable", err.retryable);
    printf("%s}\n", tool.out.data);
    close_rooms(&tool);
    return 0;
}
