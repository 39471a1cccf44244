/* SPDX-License-Identifier: MIT */
/* run_python.h - which Python runs a repository, and which folders it needs to be there. */
#pragma once

#include "../base/arena.h"
#include "sandbox.h"

struct ptmi_python {
    struct ptmi_arena arena;
    const char *program; /* what runs, with the wrappers of version managers gone */
    const char *version; /* "3.11.2" */
    const char *user_base;
    struct ptmi_arena_list paths; /* prefixes and sys.path, absolute */
};
#define PTMI_PYTHON                          \
    {                                        \
        .arena = PTMI_ARENA((size_t)4 << 20) \
    }
void ptmi_python_clear(struct ptmi_python *python);

/* name: a program in PATH or a path; NULL: python3. PTM_ENOENT when there is none, PTM_EUNSUPPORTED
 * when it is older than the driver needs. Runs it, with its own start files: they are the user's.
 */
PTM_MUST_USE ptm_rc ptmi_python_look(ptm_ctx *ctx, const char *name, struct ptmi_python *out,
                                     struct ptm_err *err);
/* Shows a sandbox all that this Python is made of. What may not be shown is told to the log. */
PTM_MUST_USE ptm_rc ptmi_python_show(ptm_ctx *ctx, const struct ptmi_python *python,
                                     struct ptmi_sandbox *box, struct ptm_err *err);
