/* SPDX-License-Identifier: MIT */
/*
 * proc.c - runs one program and listens to it (proc.h). The child leads a session of its own: it
 * has no terminal to ask on, and one signal reaches all it started. It is reaped only when its
 * group was told to end, so that the number is still its own.
 */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auto.h"
#include "base_priv.h"
#include "clock.h"
#include "limits.h"
#include "path.h"
#include "str.h"

#define READ_CHUNK ((size_t)64 << 10)
/* A longer line of standard error is handed out in pieces. */
#define LINE_MAX_BYTES ((size_t)8 << 10)
/* How soon a cancel or a time-out is seen. */
#define TICK_MS 100
/* Between SIGTERM and SIGKILL. */
#define TERM_GRACE_MS 5000
/* A program has ended, something it started keeps its pipes: no longer than this. */
#define ORPHAN_GRACE_MS 1000

extern char **environ;

struct run {
    ptm_ctx *ctx;
    const struct ptmi_proc *proc;
    struct ptmi_proc_result *out;
    const char *name; /* argv[0], for errors */
    pid_t pid;
    int fd_out, fd_err;                           /* -1 at their end */
    bool ended;                                   /* the child is a zombie, waiting for us */
    int64_t ended_at, heard_at, term_at, kill_at; /* ms; 0: not (yet) */
    ptm_rc rc;                                    /* why it is being stopped, PTM_OK: it is not */
    struct ptm_err *err;
    char line[LINE_MAX_BYTES + 1];
    size_t line_len;
    char chunk[READ_CHUNK];
};

/* --- names and environment --- */

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *ptmi_proc_which(const char *name)
{
    if (strchr(name, '/')) return is_program(name) ? strdup(name) : NULL;
    const char *path = getenv("PATH");
    if (!path) path = "/usr/local/bin:/usr/bin:/bin";
    for (const char *at = path; *at;) {
        size_t len = strcspn(at, ":");
        /* Only absolute folders: a program must not come from where we happen to stand. */
        if (len > 0 && at[0] == '/') {
            PTM_AUTO(ptmi_freep) char *candidate = ptmi_str_printf("%.*s/%s", (int)len, at, name);
            if (candidate && is_program(candidate)) return ptm_steal(&candidate);
        }
        at += len + (at[len] == ':');
    }
    return NULL;
}

static bool same_variable(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");
    return strncmp(a, b, len) == 0 && (b[len] == '=' || b[len] == '\0');
}

static bool is_dropped(const struct ptmi_proc *proc, const char *entry)
{
    for (const char *const *prefix = proc->unset; prefix && *prefix; prefix++)
        if (ptmi_str_starts(entry, *prefix)) return true;
    for (const char *const *own = proc->env; own && *own; own++)
        if (same_variable(*own, entry)) return true;
    return false;
}

static size_t count(const char *const *list)
{
    size_t n = 0;
    while (list && list[n]) n++;
    return n;
}

/* The array is malloc'ed, its strings are borrowed. */
static const char **make_env(const struct ptmi_proc *proc)
{
    const char *const *ours = (const char *const *)environ;
    size_t n = 0;
    const char **env = calloc(count(ours) + count(proc->env) + 1, sizeof *env);
    if (!env) return NULL;
    for (; ours && *ours; ours++)
        if (!is_dropped(proc, *ours)) env[n++] = *ours;
    for (const char *const *own = proc->env; own && *own; own++) env[n++] = *own;
    return env;
}

/* --- start --- */

/* Standard input as a file: no pipe to fill while the child talks, and no SIGPIPE when it does not
 * read. */
static int input_file(const struct ptmi_proc *proc, struct ptm_err *err)
{
    if (!proc->input) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return fd >= 0 ? fd : (int)ptm_err_sys(err, errno, "/dev/null: cannot open");
    }
    PTM_AUTO(ptmi_closep) int fd = ptmi_os_memory_file();
    if (fd < 0) {
        char name[] = "/tmp/ptm-input-XXXXXX";
        fd = mkostemp(name, O_CLOEXEC);
        if (fd >= 0) (void)unlink(name);
    }
    if (fd < 0) return (int)ptm_err_sys(err, errno, "cannot prepare the program's input");
    const char *at = proc->input;
    for (size_t left = proc->input_len; left > 0;) {
        ssize_t put = write(fd, at, left);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return (int)ptm_err_sys(err, errno, "cannot prepare the program's input");
        at += put;
        left -= (size_t)put;
    }
    if (lseek(fd, 0, SEEK_SET) != 0)
        return (int)ptm_err_sys(err, errno, "cannot prepare the program's input");
    int ready = fd;
    fd = -1;
    return ready;
}

struct start {
    const char *path;
    const char *const *argv;
    const char **env;
    const char *cwd;
    int std[3];
    int report; /* the child writes errno here when exec fails; closed by exec when it works */
    pid_t parent;
};

/* Moves a descriptor out of 0..2, so that dup2 below cannot overwrite one still needed. */
static int lift(int fd)
{
    return fd > 2 ? fd : fcntl(fd, F_DUPFD, 3);
}

/* Runs in the child: only async-signal-safe calls, since other threads' locks were copied in
 * whatever state. */
__attribute__((noreturn)) static void become_program(const struct start *start)
{
    static const int reset[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGPIPE, SIGTERM,
                                SIGCHLD, SIGALRM, SIGUSR1, SIGUSR2};
    ptmi_os_die_with_parent();
    if (getppid() != start->parent) _exit(127); /* it died before we asked to be told */
    (void)setsid();
    for (size_t i = 0; i < sizeof reset / sizeof reset[0]; i++) (void)signal(reset[i], SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int std[3];
    for (int i = 0; i < 3; i++) std[i] = lift(start->std[i]);
    int report = lift(start->report);
    int why = 0;
    for (int i = 0; i < 3; i++)
        if (dup2(std[i], i) < 0) why = errno;
    ptmi_os_close_on_exec_from(3);
    if (!why && start->cwd && chdir(start->cwd) != 0) why = errno;
    if (!why) {
        (void)execve(start->path, (char *const *)(uintptr_t)start->argv,
                     (char *const *)(uintptr_t)start->env);
        why = errno;
    }
    (void)!write(report, &why, sizeof why);
    _exit(127);
}

/* Forks with all signals held, so that none of our handlers runs in the child. */
static pid_t fork_quietly(const struct start *start)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) become_program(start);
    int why = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return pid;
}

static void reap(pid_t pid, int *status)
{
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
}

/* 0 when the child became the program, else the errno of what failed (the child is gone then). */
static int await_exec(int fd, pid_t pid)
{
    int why = 0;
    ssize_t got;
    do got = read(fd, &why, sizeof why);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof why) return 0;
    reap(pid, NULL);
    return why;
}

static int open_pipe(int ends[2])
{
    return pipe2(ends, O_CLOEXEC);
}

static void keep_end(int *from, int *to)
{
    *to = *from;
    *from = -1;
    int flags = fcntl(*to, F_GETFL);
    (void)fcntl(*to, F_SETFL, flags | O_NONBLOCK);
}

static ptm_rc start_program(struct run *run, const char *path, struct ptm_err *err)
{
    const struct ptmi_proc *proc = run->proc;
    PTM_AUTO(ptmi_freep) const char **env = make_env(proc);
    if (!env) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", run->name);
    PTM_AUTO(ptmi_closep) int in = input_file(proc, err);
    if (in < 0) return (ptm_rc)in;
    PTM_AUTO(ptmi_closep) int out_r = -1;
    PTM_AUTO(ptmi_closep) int out_w = -1;
    PTM_AUTO(ptmi_closep) int err_r = -1;
    PTM_AUTO(ptmi_closep) int err_w = -1;
    PTM_AUTO(ptmi_closep) int report_r = -1;
    PTM_AUTO(ptmi_closep) int report_w = -1;
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    int failed = open_pipe(pipes[0]) || open_pipe(pipes[1]) || open_pipe(pipes[2]);
    int why = errno;
    out_r = pipes[0][0], out_w = pipes[0][1];
    err_r = pipes[1][0], err_w = pipes[1][1];
    report_r = pipes[2][0], report_w = pipes[2][1];
    if (failed) return ptm_err_sys(err, why, "%s: cannot make a pipe to it", run->name);
    struct start start = {path, proc->argv, env, proc->cwd, {in, out_w, err_w}, report_w, getpid()};
    pid_t pid = fork_quietly(&start);
    if (pid < 0) return ptm_err_sys(err, errno, "%s: cannot start it", run->name);
    close(report_w);
    report_w = -1;
    why = await_exec(report_r, pid);
    if (why)
        return ptm_err_sys(err, why, "%s: cannot start it%s%s", run->name, proc->cwd ? " in " : "",
                           proc->cwd ? proc->cwd : "");
    run->pid = pid;
    keep_end(&out_r, &run->fd_out);
    keep_end(&err_r, &run->fd_err);
    return PTM_OK;
}

/* --- stop --- */

static void signal_group(const struct run *run, int signo)
{
    (void)kill(-run->pid, signo);
}

/* Remembers why the run ends (the first reason stays) and starts ending it. */
static void stop(struct run *run, ptm_rc rc, int signo)
{
    if (run->rc == PTM_OK) run->rc = rc;
    int64_t now = ptmi_clock_ms();
    if (signo == SIGTERM && !run->term_at) {
        run->term_at = now;
        signal_group(run, SIGTERM);
        signal_group(run, SIGCONT); /* a stopped program would not hear it */
    }
    if (signo == SIGKILL && !run->kill_at) {
        run->kill_at = now;
        signal_group(run, SIGKILL);
    }
}

static ptm_rc canceled(struct run *run)
{
    return ptm_err_set(run->err, PTM_ECANCELED, "%s: interrupted", run->name);
}

static ptm_rc silent(struct run *run)
{
    ptm_rc rc = ptm_err_set(run->err, PTM_ETIMEOUT, "%s: no output for %d seconds, stopped",
                            run->name, run->proc->silent_seconds);
    if (run->err) run->err->retryable = true;
    return rc;
}

/* Looks at the cancel flag and the clocks. */
static void watch(struct run *run)
{
    int64_t now = ptmi_clock_ms();
    int level = ptm_ctx_canceled(run->ctx);
    if (level >= 2 && !run->kill_at) stop(run, run->rc ? run->rc : canceled(run), SIGKILL);
    if (level == 1 && run->proc->interruptible && !run->rc) stop(run, canceled(run), SIGTERM);
    if (run->term_at && now - run->term_at > TERM_GRACE_MS) stop(run, run->rc, SIGKILL);
    int64_t limit = (int64_t)run->proc->silent_seconds * 1000;
    if (limit > 0 && !run->rc && now - run->heard_at > limit) stop(run, silent(run), SIGKILL);
}

/* --- listen --- */

static void end_line(struct run *run)
{
    run->line[run->line_len] = '\0';
    if (run->line_len > 0 && run->proc->on_stderr_line)
        run->proc->on_stderr_line(run->proc->arg, run->line);
    run->line_len = 0;
}

static void split_lines(struct run *run, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n' || data[i] == '\r') {
            end_line(run);
            continue;
        }
        if (run->line_len == LINE_MAX_BYTES) end_line(run);
        run->line[run->line_len++] = data[i] ? data[i] : '?';
    }
}

/* Keeps the last bytes: the reason of a failure stands at the end. */
static ptm_rc keep_tail(struct ptmi_buf *buf, const char *data, size_t len, struct ptm_err *err)
{
    if (len > buf->max) {
        data += len - buf->max;
        len = buf->max;
    }
    if (buf->len > buf->max - len) {
        size_t gone = buf->len - (buf->max - len);
        memmove(buf->data, buf->data + gone, buf->len - gone);
        buf->len -= gone;
    }
    return ptmi_buf_append(buf, data, len, err);
}

static ptm_rc hear_stdout(struct run *run, const char *data, size_t len)
{
    if (run->proc->on_stdout) return run->proc->on_stdout(run->proc->arg, data, len, run->err);
    return ptmi_buf_append(&run->out->out_text, data, len, run->err);
}

static ptm_rc hear_stderr(struct run *run, const char *data, size_t len)
{
    split_lines(run, data, len);
    return keep_tail(&run->out->err_text, data, len, run->err);
}

/* Reads one chunk; closes the pipe at its end. What comes after a stop is thrown away. */
static void hear(struct run *run, int *fd, ptm_rc (*take)(struct run *, const char *, size_t))
{
    ssize_t got = read(*fd, run->chunk, sizeof run->chunk);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (got <= 0) {
        close(*fd);
        *fd = -1;
        return;
    }
    if (!run->rc) {
        ptm_rc rc = take(run, run->chunk, (size_t)got);
        if (rc != PTM_OK) stop(run, rc, SIGKILL);
    }
    run->heard_at = ptmi_clock_ms();
}

static bool look_if_ended(struct run *run)
{
    if (run->ended) return true;
    siginfo_t info = {0};
    int found = waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    /* ECHILD: somebody ignores SIGCHLD for the whole process, and there is nothing to wait for. */
    run->ended = found == 0 ? info.si_pid == run->pid : errno == ECHILD;
    if (run->ended) run->ended_at = ptmi_clock_ms();
    return run->ended;
}

/* One round: waits for output or a tick. *nap grows while nothing is left but to wait for the end.
 */
static void listen_once(struct run *run, int *nap)
{
    struct pollfd fds[2] = {{run->fd_out, POLLIN, 0}, {run->fd_err, POLLIN, 0}};
    bool open = run->fd_out >= 0 || run->fd_err >= 0;
    int wait = open && !run->ended ? TICK_MS : *nap;
    if (poll(fds, 2, wait) > 0) {
        if (fds[0].revents) hear(run, &run->fd_out, hear_stdout);
        if (fds[1].revents) hear(run, &run->fd_err, hear_stderr);
        return;
    }
    if (!open || run->ended) *nap = *nap * 2 < TICK_MS ? *nap * 2 : TICK_MS;
}

static bool is_over(struct run *run)
{
    bool open = run->fd_out >= 0 || run->fd_err >= 0;
    /* Looked at when it has closed its pipes, and now and then: it may have left them to a child.
     */
    if (!look_if_ended(run)) return false;
    if (!open) return true;
    int64_t since = run->heard_at > run->ended_at ? run->heard_at : run->ended_at;
    return run->kill_at || ptmi_clock_ms() - since > ORPHAN_GRACE_MS;
}

static void listen_to(struct run *run)
{
    run->heard_at = ptmi_clock_ms();
    for (int nap = 1; !is_over(run);) {
        watch(run);
        listen_once(run, &nap);
    }
    end_line(run);
}

/* Ends what is left of the group while the number is still ours, then reaps. */
static void finish(struct run *run)
{
    bool open = run->fd_out >= 0 || run->fd_err >= 0;
    if (open || run->rc != PTM_OK) signal_group(run, SIGKILL);
    if (run->fd_out >= 0) close(run->fd_out);
    if (run->fd_err >= 0) close(run->fd_err);
    int status = 0;
    reap(run->pid, &status);
    if (WIFEXITED(status)) run->out->exit_status = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) run->out->exit_status = 128 + WTERMSIG(status);
}

ptm_rc ptmi_proc_run(ptm_ctx *ctx, const struct ptmi_proc *proc, struct ptmi_proc_result *out,
                     struct ptm_err *err)
{
    *out = (struct ptmi_proc_result){
        .exit_status = -1,
        .out_text = PTMI_BUF(PTM_LIMIT_STDOUT),
        .err_text = PTMI_BUF(PTM_LIMIT_STDERR),
    };
    const char *name = proc->argv[0];
    int level = ptm_ctx_canceled(ctx);
    if (level >= 2 || (level == 1 && proc->interruptible))
        return ptm_err_set(err, PTM_ECANCELED, "%s: interrupted before it started", name);
    PTM_AUTO(ptmi_freep) char *path = ptmi_proc_which(name);
    if (!path) return ptm_err_set(err, PTM_ENOENT, "%s: no such program in PATH; install it", name);
    PTM_AUTO(ptmi_freep) struct run *run = calloc(1, sizeof *run);
    if (!run) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", name);
    run->ctx = ctx;
    run->proc = proc;
    run->out = out;
    run->err = err;
    run->name = name;
    run->fd_out = run->fd_err = -1;
    PTM_TRY(start_program(run, path, err));
    listen_to(run);
    finish(run);
    return run->rc;
}

void ptmi_proc_result_clear(struct ptmi_proc_result *result)
{
    ptmi_buf_clear(&result->out_text);
    ptmi_buf_clear(&result->err_text);
}

void ptmi_proc_last_line(struct ptmi_buf *text, char out[256])
{
    size_t len = text->data ? text->len : 0;
    while (len > 0 && text->data[len - 1] == '\n') len--;
    if (len > 0) text->data[len] = '\0';
    const char *start = len > 0 ? strrchr(text->data, '\n') : NULL;
    ptmi_str_printable(out, 256, start ? start + 1 : len > 0 ? text->data : "");
}
