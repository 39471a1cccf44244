/* SPDX-License-Identifier: MIT */
/*
 * progress.c - takes events and messages in, draws on the terminal. One lock guards the state and
 * every write to standard error, so that messages and bars never mix; a thread of the display
 * redraws at most ten times a second. It starts with the first task: what only prints a few lines
 * is over before there is anything to show. The terminal's size is asked at every drawing, which
 * makes a handler for SIGWINCH superfluous.
 */
#include "progress.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/clock.h"
#include "../base/grow.h"
#include "../base/str.h"
#include "out.h"
#include "progress_priv.h"

#define BAR_MS 100
#define PLAIN_MS 5000
/* Bars never take more of the screen than this. */
#define LINES_MAX 8
#define TEXT_MAX (64u << 10)

#define HIDE_CURSOR "\033[?25l"
#define SHOW_CURSOR "\033[?25h"
/* Without wrapping, a line that became too wide by a resize stays one line. */
#define WRAP_OFF "\033[?7l"
#define WRAP_ON "\033[?7h"

struct ptmi_progress {
    int fd;
    bool bars, colors;
    bool wanted;          /* --progress is not none */
    atomic_bool threaded; /* the display runs */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    struct progress_state state;
    struct ptmi_buf text; /* being drawn */
    struct ptmi_buf last; /* plain: what was said last */
    size_t drawn;         /* lines of bars on the screen */
    int paused;
    bool ending;
    atomic_int signaled; /* level of the interrupt to be told */
    atomic_int told;
};

static void write_all(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; /* a terminal that is gone must not end a harvest */
        text += n;
        len -= (size_t)n;
    }
}

static void write_text(int fd, const char *text)
{
    write_all(fd, text, strlen(text));
}

static void terminal_size(int fd, size_t *out_width, size_t *out_height)
{
    struct winsize size = {0};
    bool known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    *out_width = known ? size.ws_col : 80;
    *out_height = known ? size.ws_row : 24;
}

/* Lock held, as for all that draws. */
static void erase_bars(struct ptmi_progress *progress)
{
    char up[32];
    if (!progress->drawn) return;
    snprintf(up, sizeof up, "\r\033[%zuA\033[J", progress->drawn);
    write_text(progress->fd, up);
    progress->drawn = 0;
}

static void show_cursor(struct ptmi_progress *progress)
{
    if (progress->bars) write_text(progress->fd, WRAP_ON SHOW_CURSOR);
}

static void draw_bars(struct ptmi_progress *progress)
{
    size_t width = 0, height = 0, lines = 0;
    char up[32] = "";
    terminal_size(progress->fd, &width, &height);
    if (height <= 1 || progress->paused) return;
    size_t most = height - 1 < LINES_MAX ? height - 1 : LINES_MAX;
    ptmi_buf_reset(&progress->text);
    if (progress->drawn) snprintf(up, sizeof up, "\r\033[%zuA\033[J", progress->drawn);
    if (ptmi_buf_printf(&progress->text, NULL, HIDE_CURSOR WRAP_OFF "%s", up) < 0) return;
    if (ptmi_progress_bars(&progress->state, width, most, &progress->text, &lines, NULL) < 0)
        return;
    if (ptmi_buf_puts(&progress->text, WRAP_ON SHOW_CURSOR, NULL) < 0) return;
    if (lines || progress->drawn) write_all(progress->fd, progress->text.data, progress->text.len);
    progress->drawn = lines;
}

static void say_plain(struct ptmi_progress *progress)
{
    ptmi_buf_reset(&progress->text);
    if (ptmi_progress_plain(&progress->state, &progress->text, NULL) < 0) return;
    if (!progress->text.len || ptmi_str_eq(progress->text.data, progress->last.data)) return;
    write_all(progress->fd, progress->text.data, progress->text.len);
    ptmi_buf_reset(&progress->last);
    if (ptmi_buf_append(&progress->last, progress->text.data, progress->text.len, NULL) < 0)
        ptmi_buf_reset(&progress->last);
}

static const char *signal_text(int level)
{
    if (level == 1)
        return "ptm: interrupted: finishing what is under way; the same command goes on from "
               "here later. Interrupt again to stop at once\n";
    return "ptm: stopping at once; nothing that is finished is lost\n";
}

static void tell_signal(struct ptmi_progress *progress)
{
    int level = atomic_load(&progress->signaled);
    if (level <= atomic_load(&progress->told)) return;
    atomic_store(&progress->told, level);
    erase_bars(progress);
    write_text(progress->fd, signal_text(level));
}

static void *display(void *arg)
{
    struct ptmi_progress *progress = arg;
    pthread_mutex_lock(&progress->lock);
    while (!progress->ending) {
        struct timespec until;
        int64_t ms = progress->bars ? BAR_MS : PLAIN_MS;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += ms / 1000;
        until.tv_nsec += ms % 1000 * 1000000;
        if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
        int rc = 0;
        while (!progress->ending && rc != ETIMEDOUT)
            rc = pthread_cond_timedwait(&progress->wake, &progress->lock, &until);
        if (progress->ending) break;
        ptmi_progress_measure(&progress->state, ptmi_clock_ms());
        if (progress->bars) {
            tell_signal(progress);
            draw_bars(progress);
        } else {
            say_plain(progress);
        }
    }
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

static bool can_draw(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

static void init_sync(struct ptmi_progress *progress)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&progress->lock, NULL);
}

ptm_rc ptmi_progress_new(int fd, ptmi_progress_mode mode, bool colors, struct ptmi_progress **out,
                         struct ptm_err *err)
{
    struct ptmi_progress *progress = calloc(1, sizeof *progress);
    if (!progress) return ptm_err_set(err, PTM_ENOMEM, "progress display");
    if (mode == PTMI_PROGRESS_AUTO) mode = can_draw(fd) ? PTMI_PROGRESS_BAR : PTMI_PROGRESS_PLAIN;
    progress->fd = fd;
    progress->bars = mode == PTMI_PROGRESS_BAR;
    progress->wanted = mode != PTMI_PROGRESS_NONE;
    progress->colors = colors;
    progress->text = (struct ptmi_buf)PTMI_BUF(TEXT_MAX);
    progress->last = (struct ptmi_buf)PTMI_BUF(TEXT_MAX);
    progress->state.rate = -1;
    init_sync(progress);
    *out = progress;
    return PTM_OK;
}

void ptmi_progress_free(struct ptmi_progress *progress)
{
    if (!progress) return;
    pthread_mutex_lock(&progress->lock);
    progress->ending = true;
    pthread_cond_signal(&progress->wake);
    pthread_mutex_unlock(&progress->lock);
    if (progress->threaded) {
        pthread_join(progress->thread, NULL);
        erase_bars(progress);
        show_cursor(progress); /* a signal that is not told yet: what it led to has been */
    }
    pthread_cond_destroy(&progress->wake);
    pthread_mutex_destroy(&progress->lock);
    ptmi_buf_clear(&progress->text);
    ptmi_buf_clear(&progress->last);
    free(progress->state.tasks);
    free(progress);
}

/* Lock held. Without a thread there is no display, as if none were wanted: no task fails by that.
 */
static void start_display(struct ptmi_progress *progress)
{
    if (!progress->wanted || progress->threaded) return;
    progress->state.rate_ms = ptmi_clock_ms();
    progress->threaded = pthread_create(&progress->thread, NULL, display, progress) == 0;
}

static struct progress_task *find_task(struct progress_state *state, uint64_t id)
{
    for (size_t i = 0; i < state->n; i++)
        if (state->tasks[i].id == id) return &state->tasks[i];
    return NULL;
}

static void begin_task(struct progress_state *state, const struct ptm_event *event)
{
    struct progress_task *tasks = ptmi_grown(state->tasks, state->n, &state->cap, sizeof *tasks);
    if (!tasks) return; /* a task that is not shown harms nothing */
    state->tasks = tasks;
    struct progress_task *task = &state->tasks[state->n++];
    *task = (struct progress_task){
        .id = event->task,
        .kind = event->task_kind,
        .done = event->done > 0 ? event->done : 0,
        .first_done = event->done > 0 ? event->done : 0,
        .total = event->total,
        .begun_ms = ptmi_clock_ms(),
    };
    ptmi_str_printable(task->hub, sizeof task->hub, event->hub ? event->hub : "");
    ptmi_str_printable(task->name, sizeof task->name, event->name ? event->name : "");
}

/* Bytes that a resumed transfer found on disk come with its first event and are no speed. */
static void move_task(struct progress_state *state, const struct ptm_event *event)
{
    struct progress_task *task = find_task(state, event->task);
    if (!task) return;
    if (!task->seen) {
        task->seen = true;
        if (task->kind != PTM_TASK_STEP) task->first_done = event->done;
    } else if (task->kind == PTM_TASK_TRANSFER && event->done > task->done) {
        state->bytes += event->done - task->done;
    }
    task->done = event->done;
    task->total = event->total;
}

static void end_task(struct progress_state *state, const struct ptm_event *event)
{
    struct progress_task *task = find_task(state, event->task);
    if (!task) return;
    size_t at = (size_t)(task - state->tasks);
    memmove(task, task + 1, (state->n - at - 1) * sizeof *task);
    state->n--;
}

void ptmi_progress_event(void *arg, const struct ptm_event *event)
{
    struct ptmi_progress *progress = arg;
    pthread_mutex_lock(&progress->lock);
    if (event->kind == PTM_EVENT_BEGIN) {
        begin_task(&progress->state, event);
        start_display(progress);
    }
    if (event->kind == PTM_EVENT_PROGRESS) move_task(&progress->state, event);
    if (event->kind == PTM_EVENT_END) end_task(&progress->state, event);
    pthread_mutex_unlock(&progress->lock);
}

/* One write a message: lines of several processes on one terminal do not mix either. */
static void say(struct ptmi_progress *progress, const char *before, const char *line)
{
    const char *end = *before ? ptmi_out_code(progress->colors, PTMI_PLAIN) : "";
    char *text = ptmi_str_printf("%s%s%s\n", before, line, progress->colors ? end : "");
    pthread_mutex_lock(&progress->lock);
    if (progress->bars) erase_bars(progress);
    if (text) write_text(progress->fd, text);
    pthread_mutex_unlock(&progress->lock);
    free(text);
}

void ptmi_progress_say(struct ptmi_progress *progress, const char *line)
{
    say(progress, "", line);
}

void ptmi_progress_log(void *arg, ptm_log_level level, const char *module, const char *line)
{
    struct ptmi_progress *progress = arg;
    ptmi_color color = level == PTM_LOG_ERROR  ? PTMI_RED
                       : level == PTM_LOG_WARN ? PTMI_YELLOW
                                               : PTMI_DIM;
    const char *before = level == PTM_LOG_INFO ? "" : ptmi_out_code(progress->colors, color);
    const char *kind = level == PTM_LOG_ERROR  ? "error: "
                       : level == PTM_LOG_WARN ? "warning: "
                                               : "";
    char *text = level >= PTM_LOG_DEBUG ? ptmi_str_printf("ptm: %s: %s", module, line)
                                        : ptmi_str_printf("ptm: %s%s", kind, line);
    if (text) say(progress, before, text);
    free(text);
}

void ptmi_progress_pause(struct ptmi_progress *progress)
{
    if (!progress) return;
    pthread_mutex_lock(&progress->lock);
    progress->paused++;
    if (progress->bars) {
        erase_bars(progress);
        show_cursor(progress);
    }
    pthread_mutex_unlock(&progress->lock);
}

void ptmi_progress_resume(struct ptmi_progress *progress)
{
    if (!progress) return;
    pthread_mutex_lock(&progress->lock);
    progress->paused--;
    pthread_mutex_unlock(&progress->lock);
}

void ptmi_progress_signal(struct ptmi_progress *progress, int level)
{
    /* The display tells it within a tenth of a second. */
    bool leave = progress->bars && atomic_load(&progress->threaded);
    if (!leave) atomic_store(&progress->told, level);
    atomic_store(&progress->signaled, level);
    if (leave) return;
    int saved = errno;
    write_text(progress->fd, signal_text(level));
    errno = saved;
}

ptm_rc ptmi_progress_render(struct ptmi_progress *progress, size_t width, size_t max_lines,
                            struct ptmi_buf *out, size_t *out_lines, struct ptm_err *err)
{
    pthread_mutex_lock(&progress->lock);
    progress->state.now_ms = ptmi_clock_ms();
    ptm_rc rc = ptmi_progress_bars(&progress->state, width, max_lines, out, out_lines, err);
    pthread_mutex_unlock(&progress->lock);
    return rc;
}

ptm_rc ptmi_progress_render_plain(struct ptmi_progress *progress, struct ptmi_buf *out,
                                  struct ptm_err *err)
{
    pthread_mutex_lock(&progress->lock);
    progress->state.now_ms = ptmi_clock_ms();
    ptm_rc rc = ptmi_progress_plain(&progress->state, out, err);
    pthread_mutex_unlock(&progress->lock);
    return rc;
}
