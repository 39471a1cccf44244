/* SPDX-License-Identifier: MIT */
/* str.h - small things about strings that C leaves out. All functions are pure and thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/err.h>

bool ptmi_str_eq(const char *a, const char *b);        /* NULL equals only NULL */
bool ptmi_str_eq_nocase(const char *a, const char *b); /* ASCII; neither may be NULL */
bool ptmi_str_starts(const char *text, const char *prefix);
bool ptmi_str_starts_nocase(const char *text, const char *prefix); /* ASCII */
bool ptmi_str_ends(const char *text, const char *suffix);
/* malloc'ed; NULL when out of memory. */
PTM_PRINTF(1, 2) char *ptmi_str_printf(const char *fmt, ...);
/* True when the whole text is a decimal integer in [min, max]: digits, at most one '-', no '+', no
 * spaces. */
bool ptmi_str_int(const char *text, int64_t min, int64_t max, int64_t *out);
/* Bytes from "10G", "512M", "100k", "5.5GB", "1TiB", "123": units are powers of 1024. */
bool ptmi_str_size(const char *text, int64_t *out);
/* "10.4 GB" for people (powers of 1000; "unknown" below 0), into buf. Returns buf. */
char *ptmi_str_human_size(int64_t bytes, char buf[32]);
/* The code point at text: returns its bytes (1 to 4), 0 when they are not UTF-8 or len is 0. */
size_t ptmi_str_utf8_next(const char *text, size_t len, uint32_t *out);
/* True for valid UTF-8: no overlong forms, no surrogates. */
bool ptmi_str_is_utf8(const char *text, size_t len);
/* True for valid UTF-8 whose only control characters below U+0020 are \t, \n and \r. */
bool ptmi_str_is_text(const char *text, size_t len);
/* n lower-case hex digits and nothing else. */
bool ptmi_str_is_hex(const char *text, size_t n);
/* Shell-style pattern over a /-separated path: * and ? do not cross '/', ** does; a pattern without
   '/' matches the last component, one ending in '/' or naming a folder matches all below it (as Git
   LFS's fetchinclude does). A leading '/' means the top; [a-z], [!a-z] and \x work as in a shell.
   Time is at most pattern times path length. */
bool ptmi_str_glob(const char *pattern, const char *path);
/* Copies src into dst for a terminal or log: control characters, invalid UTF-8 and bidirectional
   overrides become '?'. Cut at a character boundary, NUL-terminated. Returns dst. */
char *ptmi_str_printable(char *dst, size_t dst_size, const char *src);
