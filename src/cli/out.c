/* SPDX-License-Identifier: MIT */
/* out.c - tables, colours and JSON lines on standard output. */
#include "out.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "../base/auto.h"
#include "../base/limits.h"
#include "../base/str.h"

/* A cell longer than this is cut: messages, not data (those are in --json). */
#define CELL_MAX 400

void ptmi_out_init(struct ptmi_out *out, bool json, int choice)
{
    const char *term = getenv("TERM");
    bool able = term && *term && strcmp(term, "dumb") != 0;
    out->json = json;
    out->colors_out = choice == 1 || (choice == 0 && able && isatty(STDOUT_FILENO));
    out->colors_err = choice == 1 || (choice == 0 && able && isatty(STDERR_FILENO));
}

const char *ptmi_out_code(bool colors, ptmi_color color)
{
    static const char *const codes[] = {"\033[0m",  "\033[1m",  "\033[32m",
                                        "\033[33m", "\033[31m", "\033[2m"};
    return colors ? codes[color] : "";
}

void ptmi_out_printf(struct ptmi_out *out, const char *fmt, ...)
{
    (void)out; /* stdio keeps the first error (ferror), ptmi_out_finish tells it */
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
}

ptm_rc ptmi_out_finish(struct ptmi_out *out, struct ptm_err *err)
{
    (void)out;
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return PTM_OK;
    if (errno) return ptm_err_sys(err, errno, "standard output");
    /* an earlier write failed, and its errno is gone */
    return ptm_err_set(err, PTM_EIO, "standard output could not be written to");
}

size_t ptmi_out_width(const char *text)
{
    size_t width = 0;
    mbstate_t state = {0};
    while (*text) {
        if (*text >= ' ' && *text <= '~') { /* nearly all: a hundred thousand names are a table */
            width++;
            text++;
            continue;
        }
        wchar_t wide = 0;
        size_t len = mbrtowc(&wide, text, MB_LEN_MAX, &state);
        if (len == 0) break;
        if (len == (size_t)-1 || len == (size_t)-2) { /* the C locale: count bytes */
            memset(&state, 0, sizeof state);
            width++;
            text++;
            continue;
        }
        int columns = wcwidth(wide);
        width += columns < 0 ? 1 : (size_t)columns;
        text += len;
    }
    return width;
}

static bool table_grow(struct ptmi_table *table)
{
    if (table->n < table->cap) return true;
    size_t cap = table->cap ? table->cap * 2 : 64;
    char **cells = reallocarray(table->cells, cap, sizeof *cells);
    if (cells) table->cells = cells;
    ptmi_color *colors = reallocarray(table->colors, cap, sizeof *colors);
    if (colors) table->colors = colors;
    if (!cells || !colors) return false;
    table->cap = cap;
    return true;
}

void ptmi_table_cell(struct ptmi_table *table, ptmi_color color, const char *text)
{
    char shown[CELL_MAX];
    char *copy = strdup(ptmi_str_printable(shown, sizeof shown, text ? text : "-"));
    if (!copy || !table_grow(table)) {
        free(copy);
        table->failed = true;
        return;
    }
    table->cells[table->n] = copy;
    table->colors[table->n++] = color;
}

void ptmi_table_count(struct ptmi_table *table, ptmi_color color, int64_t n)
{
    char text[32] = "-";
    if (n >= 0) snprintf(text, sizeof text, "%lld", (long long)n);
    ptmi_table_cell(table, n > 0 ? color : PTMI_PLAIN, text);
}

static void put_text(const struct ptmi_out *out, ptmi_color color, const char *text)
{
    if (color != PTMI_PLAIN) fputs(ptmi_out_code(out->colors_out, color), stdout);
    fputs(text, stdout);
    if (color != PTMI_PLAIN) fputs(ptmi_out_code(out->colors_out, PTMI_PLAIN), stdout);
}

static void print_cell(const struct ptmi_table *table, struct ptmi_out *out, size_t i,
                       const size_t *widths)
{
    size_t column = i % table->columns;
    bool last = column + 1 == table->columns;
    bool right = table->right && table->right[column];
    int pad = (int)(widths[column] - ptmi_out_width(table->cells[i]));
    ptmi_color color = i < table->columns ? PTMI_BOLD : table->colors[i];
    if (column) fputs("  ", stdout);
    if (right) printf("%*s", pad, "");
    put_text(out, color, table->cells[i]);
    if (!right && !last) printf("%*s", pad, "");
    if (last) putchar('\n');
}

ptm_rc ptmi_table_print(struct ptmi_table *table, struct ptmi_out *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) size_t *widths = calloc(table->columns, sizeof *widths);
    if (table->failed || !widths) return ptm_err_set(err, PTM_ENOMEM, "table");
    PTM_ASSERT(table->n % table->columns == 0, err);
    for (size_t i = 0; i < table->n; i++) {
        size_t width = ptmi_out_width(table->cells[i]);
        if (width > widths[i % table->columns]) widths[i % table->columns] = width;
    }
    for (size_t i = 0; i < table->n; i++) print_cell(table, out, i, widths);
    return PTM_OK;
}

void ptmi_table_clear(struct ptmi_table *table)
{
    for (size_t i = 0; i < table->n; i++) free(table->cells[i]);
    free(table->cells);
    free(table->colors);
    table->cells = NULL;
    table->colors = NULL;
    table->n = table->cap = 0;
}

void ptmi_columns_measure(struct ptmi_columns *columns, const char *const *cells)
{
    for (size_t i = 0; i < columns->n; i++) {
        size_t width = ptmi_out_width(cells[i]);
        if (width > columns->widths[i]) columns->widths[i] = width;
    }
}

/* Nothing is printed behind the last cell that holds something. */
void ptmi_columns_print(const struct ptmi_columns *columns, const struct ptmi_out *out,
                        ptmi_color color, const char *const *cells)
{
    size_t spaces = 0;
    for (size_t i = 0; i < columns->n; i++) {
        size_t width = ptmi_out_width(cells[i]);
        size_t pad = columns->widths[i] > width ? columns->widths[i] - width : 0;
        if (columns->right[i]) spaces += pad, pad = 0;
        if (*cells[i]) {
            printf("%*s", (int)spaces, "");
            put_text(out, i ? PTMI_PLAIN : color, cells[i]);
            spaces = 0;
        } else {
            spaces += width;
        }
        spaces += pad + 2;
    }
    putchar('\n');
}

/* The first failure sticks; the line is not printed then. */
static void keep(struct ptmi_json_line *line, ptm_rc rc)
{
    if (line->rc == PTM_OK) line->rc = rc;
}

/* What a line that streams holds at most, a single text apart. */
#define STREAM_PIECE (64u << 10)

static void put_name(struct ptmi_json_line *line, const char *name)
{
    if (line->stream && line->buf.len > STREAM_PIECE && line->rc == PTM_OK) {
        fwrite(line->buf.data, 1, line->buf.len, stdout);
        ptmi_buf_reset(&line->buf);
    }
    if (line->comma) keep(line, ptmi_buf_putc(&line->buf, ',', NULL));
    if (name) {
        keep(line, ptmi_buf_json_str(&line->buf, name, NULL));
        keep(line, ptmi_buf_putc(&line->buf, ':', NULL));
    }
    line->comma = true;
}

void ptmi_json_line_begin(struct ptmi_json_line *line)
{
    *line = (struct ptmi_json_line){.buf = PTMI_BUF(PTM_LIMIT_RECORD)};
    ptmi_json_line_open(line, NULL);
}

void ptmi_json_line_begin_stream(struct ptmi_json_line *line)
{
    *line = (struct ptmi_json_line){.buf = PTMI_BUF(PTM_LIMIT_WEIGHTS_MEMORY), .stream = true};
    ptmi_json_line_open(line, NULL);
}

void ptmi_json_line_str(struct ptmi_json_line *line, const char *name, const char *value)
{
    put_name(line, name);
    keep(line, ptmi_buf_json_str(&line->buf, value, NULL));
}

void ptmi_json_line_int(struct ptmi_json_line *line, const char *name, int64_t value)
{
    put_name(line, name);
    keep(line, ptmi_buf_printf(&line->buf, NULL, "%lld", (long long)value));
}

void ptmi_json_line_bool(struct ptmi_json_line *line, const char *name, bool value)
{
    put_name(line, name);
    keep(line, ptmi_buf_puts(&line->buf, value ? "true" : "false", NULL));
}

void ptmi_json_line_null(struct ptmi_json_line *line, const char *name)
{
    put_name(line, name);
    keep(line, ptmi_buf_puts(&line->buf, "null", NULL));
}

void ptmi_json_line_double(struct ptmi_json_line *line, const char *name, double value)
{
    char text[40];
    int digits = 15;
    if (!isfinite(value)) {
        ptmi_json_line_null(line, name);
        return;
    }
    do snprintf(text, sizeof text, "%.*g", digits, value);
    while (strtod(text, NULL) != value && ++digits <= 17);
    put_name(line, name);
    keep(line, ptmi_buf_puts(&line->buf, text, NULL));
}

void ptmi_json_line_open(struct ptmi_json_line *line, const char *name)
{
    put_name(line, name);
    keep(line, ptmi_buf_putc(&line->buf, '{', NULL));
    line->comma = false;
}

void ptmi_json_line_close(struct ptmi_json_line *line)
{
    keep(line, ptmi_buf_putc(&line->buf, '}', NULL));
    line->comma = true;
}

void ptmi_json_line_list(struct ptmi_json_line *line, const char *name)
{
    put_name(line, name);
    keep(line, ptmi_buf_putc(&line->buf, '[', NULL));
    line->comma = false;
}

void ptmi_json_line_list_end(struct ptmi_json_line *line)
{
    keep(line, ptmi_buf_putc(&line->buf, ']', NULL));
    line->comma = true;
}

ptm_rc ptmi_json_line_print(struct ptmi_json_line *line, struct ptmi_out *out, struct ptm_err *err)
{
    (void)out;
    ptmi_json_line_close(line);
    ptm_rc rc = line->rc;
    if (rc == PTM_OK) printf("%s\n", line->buf.data);
    ptmi_buf_clear(&line->buf);
    return rc < 0 ? ptm_err_set(err, rc, "JSON line") : PTM_OK;
}
