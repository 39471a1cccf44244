/* SPDX-License-Identifier: MIT */
/*
 * out.h - results on standard output: tables, coloured words, JSON lines. The first write error is
 * kept and told at the end. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/err.h>

#include "../base/buf.h"

typedef enum ptmi_color {
    PTMI_PLAIN = 0,
    PTMI_BOLD,
    PTMI_GREEN,
    PTMI_YELLOW,
    PTMI_RED,
    PTMI_DIM,
} ptmi_color;

struct ptmi_out {
    bool json;
    bool colors_out; /* on standard output */
    bool colors_err; /* on standard error */
};
/* choice: of --color (0 auto, 1 always, 2 never). */
void ptmi_out_init(struct ptmi_out *out, bool json, int choice);
/* Escape sequence that begins a colour, or "" where there are none; PTMI_PLAIN ends it. */
const char *ptmi_out_code(bool colors, ptmi_color color);
PTM_PRINTF(2, 3) void ptmi_out_printf(struct ptmi_out *out, const char *fmt, ...);
/* Flushes; PTM_EIO or PTM_ENOSPC when anything could not be written. */
PTM_MUST_USE ptm_rc ptmi_out_finish(struct ptmi_out *out, struct ptm_err *err);

/* Columns a text takes on a terminal. */
size_t ptmi_out_width(const char *text);

/* A table: rows are collected, then printed with columns as wide as they need. Cells are made
 * printable. */
struct ptmi_table {
    size_t columns;
    const bool *right;  /* right-aligned columns; NULL: none */
    char **cells;       /* the header's first; owned */
    ptmi_color *colors; /* one a cell; owned */
    size_t n, cap;
    bool failed; /* out of memory: told by print */
};
void ptmi_table_cell(struct ptmi_table *table, ptmi_color color, const char *text);
void ptmi_table_count(struct ptmi_table *table, ptmi_color color,
                      int64_t n); /* "-" when negative, "" never */
PTM_MUST_USE ptm_rc ptmi_table_print(struct ptmi_table *table, struct ptmi_out *out,
                                     struct ptm_err *err);
void ptmi_table_clear(struct ptmi_table *table);

/*
 * Rows that are not kept: each is measured first, all of them are printed then. For tables of any
 * length; cells must be printable already.
 */
#define PTMI_COLUMNS_MAX 8
struct ptmi_columns {
    size_t n;
    bool right[PTMI_COLUMNS_MAX];
    size_t widths[PTMI_COLUMNS_MAX];
};
void ptmi_columns_measure(struct ptmi_columns *columns, const char *const *cells);
/* color: of the first cell. */
void ptmi_columns_print(const struct ptmi_columns *columns, const struct ptmi_out *out,
                        ptmi_color color, const char *const *cells);

/* One JSON object on one line. Errors of memory are kept until print. */
struct ptmi_json_line {
    struct ptmi_buf buf;
    bool comma;
    bool stream; /* print what there is now and then: no cap on the whole */
    ptm_rc rc;
};
void ptmi_json_line_begin(struct ptmi_json_line *line);
/* The same for an object of any length: only its single texts are bounded. Only for lines that
 * will be printed, since their beginning is printed before the end is known. */
void ptmi_json_line_begin_stream(struct ptmi_json_line *line);
void ptmi_json_line_str(struct ptmi_json_line *line, const char *name,
                        const char *value); /* NULL: null */
/* Name is NULL for an item of a list, here and below. */
void ptmi_json_line_int(struct ptmi_json_line *line, const char *name, int64_t value);
void ptmi_json_line_bool(struct ptmi_json_line *line, const char *name, bool value);
void ptmi_json_line_null(struct ptmi_json_line *line, const char *name);
/* The shortest text that gives the same number; null for what is none in JSON. */
void ptmi_json_line_double(struct ptmi_json_line *line, const char *name, double value);
void ptmi_json_line_open(struct ptmi_json_line *line, const char *name); /* a nested object */
void ptmi_json_line_close(struct ptmi_json_line *line);
void ptmi_json_line_list(struct ptmi_json_line *line, const char *name); /* a nested list */
void ptmi_json_line_list_end(struct ptmi_json_line *line);
/* Prints and frees. */
PTM_MUST_USE ptm_rc ptmi_json_line_print(struct ptmi_json_line *line, struct ptmi_out *out,
                                         struct ptm_err *err);
