/* SPDX-License-Identifier: MIT */
/* test_cli_progress.c - bars that fit, plain lines, and messages that tear no bar (on a real
 * pseudo-terminal). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "cli/out.h"
#include "cli/progress.h"

PTM_DEFINE_CLEANUP(progress_freep, struct ptmi_progress *, ptmi_progress_free)
#define BUF PTM_AUTO(ptmi_buf_clear) struct ptmi_buf

static void event(struct ptmi_progress *progress, ptm_event_kind kind, ptm_task_kind task_kind,
                  uint64_t task, const char *name, int64_t done, int64_t total)
{
    struct ptm_event what = {.kind = kind,
                             .task_kind = task_kind,
                             .task = task,
                             .hub = "huggingface",
                             .name = name,
                             .done = done,
                             .total = total};
    ptmi_progress_event(progress, &what);
}

static struct ptmi_progress *some_work(void)
{
    struct ptmi_progress *progress = NULL;
    assert_int_equal(ptmi_progress_new(STDERR_FILENO, PTMI_PROGRESS_NONE, false, &progress, NULL),
                     PTM_OK);
    event(progress, PTM_EVENT_BEGIN, PTM_TASK_STEP, 1, "clone", 0, 300);
    event(progress, PTM_EVENT_PROGRESS, PTM_TASK_STEP, 1, "clone", 123, 300);
    for (uint64_t i = 2; i < 14; i++) {
        event(progress, PTM_EVENT_BEGIN, PTM_TASK_TRANSFER, i,
              "a-very-long-folder-name/\xe6\xa8\xa1\xe5\x9e\x8b/"
              "a-very-long-file-name-indeed.safetensors",
              0, 5000000000);
        event(progress, PTM_EVENT_PROGRESS, PTM_TASK_TRANSFER, i, "", 1000000000, 5000000000);
    }
    return progress;
}

static void test_cli_progress__lines_fit_any_width(void **state)
{
    (void)state;
    PTM_AUTO(progress_freep) struct ptmi_progress *progress = some_work();
    for (size_t width = 8; width < 200; width++) {
        BUF text = PTMI_BUF(65536);
        size_t lines = 0, counted = 0;
        assert_int_equal(ptmi_progress_render(progress, width, 6, &text, &lines, NULL), PTM_OK);
        assert_int_equal(lines, 6);
        char *rest = NULL;
        for (char *line = strtok_r(text.data, "\n", &rest); line;
             line = strtok_r(NULL, "\n", &rest)) {
            assert_true(ptmi_out_width(line) <= width);
            counted++;
        }
        assert_int_equal(counted, lines);
    }
}

static void test_cli_progress__says_counts_and_what_is_under_way(void **state)
{
    (void)state;
    PTM_AUTO(progress_freep) struct ptmi_progress *progress = some_work();
    BUF bars = PTMI_BUF(65536);
    BUF plain = PTMI_BUF(65536);
    assert_int_equal(ptmi_progress_render(progress, 100, 6, &bars, NULL, NULL), PTM_OK);
    assert_non_null(strstr(bars.data, "huggingface clone"));
    assert_non_null(strstr(bars.data, "123/300  41%"));
    assert_non_null(strstr(bars.data, "1.0 GB of 5.0 GB  20%"));
    assert_non_null(strstr(bars.data, "and 8 more"));
    assert_int_equal(ptmi_progress_render_plain(progress, &plain, NULL), PTM_OK);
    assert_string_equal(plain.data, "ptm: huggingface clone: 123/300  41%, 12 under way\n");
}

static void test_cli_progress__a_transfer_of_no_step_speaks_for_itself(void **state)
{
    (void)state;
    PTM_AUTO(progress_freep) struct ptmi_progress *progress = NULL;
    BUF bars = PTMI_BUF(65536);
    BUF plain = PTMI_BUF(65536);
    assert_int_equal(ptmi_progress_new(STDERR_FILENO, PTMI_PROGRESS_NONE, false, &progress, NULL),
                     PTM_OK);
    struct ptm_event what = {.kind = PTM_EVENT_BEGIN,
                             .task_kind = PTM_TASK_TRANSFER,
                             .task = 1,
                             .name = "net.pth",
                             .total = 4000000};
    ptmi_progress_event(progress, &what);
    what.kind = PTM_EVENT_PROGRESS;
    what.done = 1000000;
    ptmi_progress_event(progress, &what);
    assert_int_equal(ptmi_progress_render_plain(progress, &plain, NULL), PTM_OK);
    assert_string_equal(plain.data, "ptm: net.pth: 1.0 MB of 4.0 MB  25%\n");
    assert_int_equal(ptmi_progress_render(progress, 60, 6, &bars, NULL, NULL), PTM_OK);
    assert_non_null(strstr(bars.data, "net.pth  [#"));
    assert_non_null(strstr(bars.data, "1.0 MB of 4.0 MB  25%"));
}

static void test_cli_progress__ended_tasks_are_gone(void **state)
{
    (void)state;
    PTM_AUTO(progress_freep) struct ptmi_progress *progress = some_work();
    BUF text = PTMI_BUF(65536);
    for (uint64_t i = 1; i < 14; i++) event(progress, PTM_EVENT_END, PTM_TASK_STEP, i, "", 0, 0);
    event(progress, PTM_EVENT_END, PTM_TASK_STEP, 99, "", 0, 0); /* never begun */
    size_t lines = 1;
    assert_int_equal(ptmi_progress_render(progress, 80, 6, &text, &lines, NULL), PTM_OK);
    assert_int_equal(lines, 0);
}

static void test_cli_progress__names_from_outside_cannot_steer_the_terminal(void **state)
{
    (void)state;
    PTM_AUTO(progress_freep) struct ptmi_progress *progress = some_work();
    BUF text = PTMI_BUF(65536);
    event(progress, PTM_EVENT_BEGIN, PTM_TASK_STEP, 50, "x\033[2Jy\nz", 0, 1);
    assert_int_equal(ptmi_progress_render(progress, 80, 8, &text, NULL, NULL), PTM_OK);
    assert_null(strchr(text.data, '\033'));
    assert_non_null(strstr(text.data, "x?[2Jy?z"));
}

/* A terminal that understands what the display sends: cursor up, erase below, carriage return, and
 * text. */
struct screen {
    char rows[64][256];
    size_t row, column;
    bool cursor;
};

static void screen_put(struct screen *screen, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\033') {
            int n = 0;
            i += 2; /* the bracket */
            bool question = text[i] == '?';
            i += question;
            while (text[i] >= '0' && text[i] <= '9') n = n * 10 + text[i++] - '0';
            if (text[i] == 'A') screen->row -= (size_t)(n ? n : 1);
            if (text[i] == 'J')
                for (size_t k = screen->row; k < 64; k++) memset(screen->rows[k], 0, 256);
            if (question && n == 25) screen->cursor = text[i] == 'h';
            continue;
        }
        if (text[i] == '\r') screen->column = 0;
        if (text[i] == '\n') screen->row++, screen->column = 0;
        if ((unsigned char)text[i] >= ' ') screen->rows[screen->row][screen->column++] = text[i];
        assert_true(screen->row < 64 && screen->column < 255);
    }
}

static int open_terminal(int *out_slave)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) return -1;
    *out_slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    struct winsize size = {.ws_row = 30, .ws_col = 70};
    return *out_slave >= 0 && ioctl(*out_slave, TIOCSWINSZ, &size) == 0 ? master : -1;
}

struct reader {
    int fd;
    char text[1 << 18];
    size_t len;
};

static void *read_all(void *arg)
{
    struct reader *reader = arg;
    ssize_t n = 0;
    while (reader->len < sizeof reader->text - 1 &&
           (n = read(reader->fd, reader->text + reader->len,
                     sizeof reader->text - 1 - reader->len)) > 0)
        reader->len += (size_t)n;
    return NULL;
}

static void test_cli_progress__messages_tear_no_bar(void **state)
{
    (void)state;
    static struct reader reader;
    static struct screen screen;
    struct ptmi_progress *progress = NULL;
    pthread_t thread;
    int slave = -1;
    reader = (struct reader){.fd = open_terminal(&slave)};
    screen = (struct screen){.cursor = true};
    if (reader.fd < 0) {
        print_message("skipped: no pseudo-terminal\n");
        skip();
    }
    assert_int_equal(pthread_create(&thread, NULL, read_all, &reader), 0);
    assert_int_equal(ptmi_progress_new(slave, PTMI_PROGRESS_BAR, false, &progress, NULL), PTM_OK);
    event(progress, PTM_EVENT_BEGIN, PTM_TASK_STEP, 1, "clone", 0, 10);
    event(progress, PTM_EVENT_BEGIN, PTM_TASK_TRANSFER, 2, "model.bin", 0, 1000);
    for (int i = 0; i < 10; i++) {
        char line[40];
        snprintf(line, sizeof line, "message %d", i);
        event(progress, PTM_EVENT_PROGRESS, PTM_TASK_STEP, 1, "clone", i, 10);
        ptmi_progress_log(progress, PTM_LOG_INFO, "mirror", line);
        usleep(60000);
    }
    ptmi_progress_free(progress);
    close(slave);
    pthread_join(thread, NULL);
    close(reader.fd);
    screen_put(&screen, reader.text, reader.len);
    for (size_t i = 0; i < 10; i++) {
        char line[40];
        snprintf(line, sizeof line, "ptm: message %zu", i);
        assert_string_equal(screen.rows[i], line);
    }
    assert_string_equal(screen.rows[10], ""); /* the bars are gone, and the cursor is back */
    assert_true(screen.cursor);
    assert_non_null(strstr(reader.text, "model.bin")); /* they were there */
}

static size_t times_in(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at++) n++;
    return n;
}

/* Told while there is something to wait for: at once before the first task, when no display runs,
 * and with the next look of a display that does. */
static void signal_is_told(ptmi_progress_mode mode, bool with_task)
{
    int ends[2];
    char text[4096] = "";
    size_t len = 0;
    ssize_t n = 0;
    struct ptmi_progress *progress = NULL;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ptmi_progress_new(ends[1], mode, false, &progress, NULL), PTM_OK);
    if (with_task) event(progress, PTM_EVENT_BEGIN, PTM_TASK_STEP, 1, "clone", 0, 10);
    ptmi_progress_signal(progress, 1);
    while (!strstr(text, "at once\n")) {
        n = read(ends[0], text + len, sizeof text - 1 - len);
        assert_true(n > 0);
        len += (size_t)n;
    }
    if (with_task) event(progress, PTM_EVENT_END, PTM_TASK_STEP, 1, "clone", 10, 10);
    ptmi_progress_free(progress);
    close(ends[1]);
    while ((n = read(ends[0], text + len, sizeof text - 1 - len)) > 0) len += (size_t)n;
    close(ends[0]);
    assert_int_equal(times_in(text, "Interrupt again to stop at once\n"), 1);
}

static void test_cli_progress__signal_is_told_once(void **state)
{
    (void)state;
    signal_is_told(PTMI_PROGRESS_NONE, false);
    signal_is_told(PTMI_PROGRESS_PLAIN, false);
    signal_is_told(PTMI_PROGRESS_BAR, false);
    signal_is_told(PTMI_PROGRESS_PLAIN, true);
    signal_is_told(PTMI_PROGRESS_BAR, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cli_progress__lines_fit_any_width),
        cmocka_unit_test(test_cli_progress__says_counts_and_what_is_under_way),
        cmocka_unit_test(test_cli_progress__a_transfer_of_no_step_speaks_for_itself),
        cmocka_unit_test(test_cli_progress__ended_tasks_are_gone),
        cmocka_unit_test(test_cli_progress__names_from_outside_cannot_steer_the_terminal),
        cmocka_unit_test(test_cli_progress__messages_tear_no_bar),
        cmocka_unit_test(test_cli_progress__signal_is_told_once),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
