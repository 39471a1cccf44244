/* SPDX-License-Identifier: MIT */
/*
 * verb_weights_scan.c - `ptm weights scan PATH...`: files are scanned by a pool of threads and told
 * of in the order of the walk. A ring of results waits for the one that is next: a bounded number,
 * so memory does not grow with the files, however long one of them takes.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/log.h"
#include "../base/pool.h"
#include "../base/str.h"
#include "../base/walk.h"
#include "checkpoint.h"
#include "scan_out.h"

/* The exit status of each verdict. */
static const int statuses[] = {
    [PTM_CLEAN] = 0,
    [PTM_SUSPICIOUS] = 10,
    [PTM_UNREADABLE] = 11,
    [PTM_DANGEROUS] = 12,
};

/* One file, from the walk to its line. */
struct slot {
    struct scanner *scanner;
    char *path; /* owned */
    struct ptm_scan_report report;
    struct ptm_finding finding; /* the only one, of what could not even be opened by the walk */
    ptm_rc rc;
    struct ptm_err err;
    bool scanned; /* report is the library's */
    bool done;    /* under the lock */
};

struct scanner {
    struct ptmi_cli *cli;
    struct ptm_scan_opts opts;
    const char **allow; /* owned */
    struct ptmi_scan_out out;
    ptmi_pool *pool;
    pthread_mutex_t lock; /* over done of all slots */
    pthread_cond_t done;
    struct slot *slots; /* a ring of cap; owned */
    size_t cap, first, n;
    uint64_t task;
    int64_t told;
    struct ptmi_walk walk;
};

static void scan_job(void *arg)
{
    struct slot *slot = arg;
    struct scanner *scanner = slot->scanner;
    ptmi_sigbus_file(slot->path);
    ptm_rc rc = ptm_scan(scanner->cli->ctx, slot->path, &scanner->opts, &slot->report, &slot->err);
    pthread_mutex_lock(&scanner->lock);
    slot->rc = rc;
    slot->scanned = true;
    slot->done = true;
    pthread_cond_signal(&scanner->done);
    pthread_mutex_unlock(&scanner->lock);
}

static void slot_clear(struct slot *slot)
{
    if (slot->scanned) ptm_scan_clear(&slot->report);
    free(slot->path);
    *slot = (struct slot){0};
}

static bool is_done(struct scanner *scanner, const struct slot *slot, bool wait)
{
    pthread_mutex_lock(&scanner->lock);
    while (wait && !slot->done) pthread_cond_wait(&scanner->done, &scanner->lock);
    bool done = slot->done;
    pthread_mutex_unlock(&scanner->lock);
    return done;
}

/* Prints the first of the ring, and all after it that are finished too. wait: for the first one. */
static ptm_rc tell(struct scanner *scanner, bool wait, struct ptm_err *err)
{
    while (scanner->n) {
        struct slot *slot = &scanner->slots[scanner->first];
        if (!is_done(scanner, slot, wait)) return PTM_OK;
        wait = false;
        ptm_rc rc = slot->rc;
        if (rc < 0)
            *err = slot->err;
        else
            rc = ptmi_scan_out_file(&scanner->out, slot->path, &slot->report, err);
        slot_clear(slot);
        scanner->first = (scanner->first + 1) % scanner->cap;
        scanner->n--;
        ptmi_task_progress(scanner->cli->ctx, scanner->task, ++scanner->told, -1);
        if (rc < 0) return rc;
    }
    return PTM_OK;
}

/* why: NULL, or what the walk could not read it for. */
static ptm_rc add(struct scanner *scanner, const char *path, const struct ptm_err *why,
                  struct ptm_err *err)
{
    if (ptm_ctx_canceled(scanner->cli->ctx)) return ptm_err_set(err, PTM_ECANCELED, "%s", path);
    PTM_TRY(tell(scanner, scanner->n == scanner->cap, err));
    struct slot *slot = &scanner->slots[(scanner->first + scanner->n) % scanner->cap];
    slot->scanner = scanner;
    slot->path = strdup(path);
    if (!slot->path) return ptm_err_set(err, PTM_ENOMEM, "%s", path);
    scanner->n++;
    if (!why) {
        ptmi_pool_submit(scanner->pool, scan_job, slot);
        return PTM_OK;
    }
    slot->err = *why;
    slot->finding = (struct ptm_finding){
        .severity = PTM_UNREADABLE, .rule = "io", .message = slot->err.msg, .offset = -1};
    slot->report = (struct ptm_scan_report){
        .verdict = PTM_UNREADABLE, .format = "other", .findings = &slot->finding, .n_findings = 1};
    slot->done = true;
    return PTM_OK;
}

static ptm_rc on_file(void *arg, const char *path, const struct ptm_err *why, struct ptm_err *err)
{
    return add(arg, path, why, err);
}

static ptm_rc scan_paths(struct scanner *scanner, struct ptm_err *err)
{
    struct ptmi_cli *cli = scanner->cli;
    for (int i = 0; i < cli->n_operands; i++) {
        const char *path = cli->operands[i];
        struct stat st;
        bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        PTM_TRY(folder ? ptmi_walk(&scanner->walk, path, err) : add(scanner, path, NULL, err));
    }
    while (scanner->n) PTM_TRY(tell(scanner, true, err));
    return PTM_OK;
}

/* What was not looked at must not pass for clean in silence. */
static void say_passed_over(const struct scanner *scanner)
{
    const struct ptmi_walk *walk = &scanner->walk;
    if (walk->links)
        ptmi_log(scanner->cli->ctx, PTM_LOG_WARN, "scan",
                 "not looked at: %" PRId64 " link%s to folders or to nothing", walk->links,
                 walk->links == 1 ? "" : "s");
    if (walk->specials)
        ptmi_log(scanner->cli->ctx, PTM_LOG_WARN, "scan",
                 "not looked at: %" PRId64 " special file%s (sockets, pipes, devices)",
                 walk->specials, walk->specials == 1 ? "" : "s");
}

static ptm_rc run(struct scanner *scanner, int threads, struct ptm_err *err)
{
    struct ptm_err later = {0};
    PTM_TRY(ptmi_pool_new(threads, &scanner->pool, err));
    scanner->task = ptmi_task_begin(scanner->cli->ctx, PTM_TASK_STEP, NULL, "scan", -1);
    ptmi_scan_out_begin(&scanner->out);
    ptm_rc rc = scan_paths(scanner, err);
    ptmi_pool_free(scanner->pool); /* jobs of slots that nobody tells of any more end here */
    ptmi_task_end(scanner->cli->ctx, scanner->task, rc);
    for (size_t i = 0; i < scanner->cap; i++) slot_clear(&scanner->slots[i]);
    ptm_rc ended = ptmi_scan_out_end(&scanner->out, rc == PTM_OK, &later);
    if (rc == PTM_OK && ended < 0) {
        *err = later;
        rc = ended;
    }
    return rc;
}

static int threads_of(const struct ptmi_cli *cli)
{
    int64_t jobs = ptmi_values_int(&cli->values, PTMI_OPT_JOBS, NULL);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return jobs > 0 ? (int)jobs : cores > 0 ? (int)cores : 1;
}

static ptm_rc check_line(const struct ptmi_cli *cli, bool sarif, struct ptm_err *err)
{
    char shown[200];
    if (cli->n_operands == 0)
        return ptm_err_set(err, PTM_EINVAL, "weights scan: which file or folder?");
    if (sarif && cli->out.json)
        return ptm_err_set(err, PTM_EINVAL, "weights scan: --json and --sarif exclude each other");
    for (int i = 0; i < cli->n_operands; i++)
        if (ptmi_is_url(cli->operands[i]))
            return ptm_err_set(err, PTM_EINVAL,
                               "weights scan: '%s' is a URL; fetch the file first, a scan reads "
                               "all of it",
                               ptmi_str_printable(shown, sizeof shown, cli->operands[i]));
    return PTM_OK;
}

ptm_rc ptmi_verb_weights_scan(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    bool sarif = ptmi_values_flag(&cli->values, PTMI_OPT_SARIF, NULL);
    struct scanner scanner = {
        .cli = cli,
        .opts = PTM_SCAN_OPTS_INIT,
        .out = {.cli = cli, .sarif_wanted = sarif},
        .walk = {.fn = on_file, .arg = &scanner},
    };
    int threads = threads_of(cli);
    PTM_TRY(check_line(cli, sarif, err));
    PTM_TRY(ptmi_cli_start(cli, err));
    ptmi_catch_sigbus();
    PTM_TRY(ptmi_values_list(&cli->values, PTMI_OPT_ALLOW, NULL, &scanner.allow,
                             &scanner.opts.n_allow, err));
    PTM_AUTO(ptmi_freep) const char **allow = scanner.allow;
    scanner.opts.allow = allow;
    /* Room for results that wait for a slow one before them. */
    scanner.cap = 32 + 8 * (size_t)threads;
    scanner.slots = calloc(scanner.cap, sizeof *scanner.slots);
    if (!scanner.slots) return ptm_err_set(err, PTM_ENOMEM, "weights scan");
    pthread_mutex_init(&scanner.lock, NULL);
    pthread_cond_init(&scanner.done, NULL);
    ptm_rc rc = run(&scanner, threads, err);
    pthread_cond_destroy(&scanner.done);
    pthread_mutex_destroy(&scanner.lock);
    free(scanner.slots);
    if (rc == PTM_OK) say_passed_over(&scanner);
    if (rc == PTM_OK) *status = statuses[ptmi_scan_out_worst(&scanner.out)];
    return rc;
}
