/* SPDX-License-Identifier: MIT */
/*
 * proc.h - runs a program: no shell, closed descriptors, a session of its own, killed when ctx is
 * cancelled at level 2 or when it has been silent for too long. Never passes a secret as an
 * argument. Thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <ptm/ctx.h>

#include "buf.h"

struct ptmi_proc {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
    /* "NAME=value" each, added to or replacing ours; NULL-terminated; NULL: none. */
    const char *const *env;
    /* Beginnings of names to drop from ours ("GIT_"); NULL-terminated; NULL: none. */
    const char *const *unset;
    const char *cwd;   /* NULL: ours */
    const void *input; /* fed to standard input; NULL: /dev/null */
    size_t input_len;
    /* Output as it comes; NULL: kept in out_text (PTM_LIMIT_STDOUT). Non-OK kills the program with
     * that code. */
    ptm_rc (*on_stdout)(void *arg, const char *data, size_t len, struct ptm_err *err);
    /* One call a line (ended by \n or \r); the last PTM_LIMIT_STDERR bytes are kept in err_text
     * anyway. */
    void (*on_stderr_line)(void *arg, const char *line);
    void *arg;
    int silent_seconds; /* kill after so long without output on either pipe; 0: never */
    bool interruptible; /* cancel level 1 ends it too (SIGTERM, then SIGKILL after 5 s) */
};

struct ptmi_proc_result {
    int exit_status;          /* 128 + signal when killed by one */
    struct ptmi_buf out_text; /* cleared by ptmi_proc_result_clear() */
    struct ptmi_buf err_text;
};

/*
 * PTM_OK when the program ran and ended, whatever its exit status; PTM_ENOENT when there is no such
 * program, PTM_ETIMEOUT, PTM_ECANCELED, PTM_ELIMIT, PTM_EIO. *out is valid (to be cleared) in every
 * case.
 */
PTM_MUST_USE ptm_rc ptmi_proc_run(ptm_ctx *ctx, const struct ptmi_proc *proc,
                                  struct ptmi_proc_result *out, struct ptm_err *err);
void ptmi_proc_result_clear(struct ptmi_proc_result *result);
/* The last line of text, made printable; "" when there is none. text loses the newlines after it.
 */
void ptmi_proc_last_line(struct ptmi_buf *text, char out[256]);
/* Full path of a program in PATH, malloc'ed, or NULL. */
char *ptmi_proc_which(const char *name);
