/* SPDX-License-Identifier: MIT */
/*
 * sandbox.h - runs a program in a system of its own (bubblewrap): no network, an own process table,
 * no capabilities, an environment that is handed in whole, and of the disk only what is shown to
 * it: /usr, a few files of /etc, and the paths named here, read-only. Nothing of the user's home
 * folder but these. /tmp and /dev/shm are memory and go with it. One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../base/arena.h"
#include "../base/proc.h"

struct ptmi_sandbox {
    struct ptmi_arena arena;
    struct ptmi_arena_list args; /* of bwrap, for what is shown */
    struct ptmi_arena_list seen; /* folders that are shown read-only at their own place */
    struct ptmi_arena_list env;  /* "NAME=value": all there is inside */
};
#define PTMI_SANDBOX                         \
    {                                        \
        .arena = PTMI_ARENA((size_t)1 << 20) \
    }
void ptmi_sandbox_clear(struct ptmi_sandbox *box);

/* Shows path read-only at its own place, and where its links lead. PTM_EUNSAFE for a folder that
 * holds the user's home folder, or the system's own: then all in it would be seen. */
PTM_MUST_USE ptm_rc ptmi_sandbox_show(struct ptmi_sandbox *box, const char *path,
                                      struct ptm_err *err);
/* Shows from as to (a path of our own choice). */
PTM_MUST_USE ptm_rc ptmi_sandbox_place(struct ptmi_sandbox *box, const char *from, const char *to,
                                       bool writable, struct ptm_err *err);
/* An empty folder where a folder that is shown has something that is not to be seen. */
PTM_MUST_USE ptm_rc ptmi_sandbox_hide(struct ptmi_sandbox *box, const char *path,
                                      struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_sandbox_setenv(struct ptmi_sandbox *box, const char *name,
                                        const char *value, struct ptm_err *err);
/* The same value as outside, where there is one. */
PTM_MUST_USE ptm_rc ptmi_sandbox_keepenv(struct ptmi_sandbox *box, const char *name,
                                         struct ptm_err *err);

/*
 * Runs proc (its argv and callbacks; env and unset are ours) inside, in the folder /tmp, as
 * ptmi_proc_run(). PTM_EUNSUPPORTED where bubblewrap is missing or the system forbids it: tried
 * before, so that this is never taken for a failure of the program.
 */
PTM_MUST_USE ptm_rc ptmi_sandbox_run(ptm_ctx *ctx, struct ptmi_sandbox *box,
                                     const struct ptmi_proc *proc, struct ptmi_proc_result *out,
                                     struct ptm_err *err);
