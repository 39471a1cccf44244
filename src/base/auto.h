/* SPDX-License-Identifier: MIT */
/*
 * auto.h - cleanup attributes: an owned local frees itself on every way out.
 *
 *     PTM_AUTO(ptmi_freep) char *path = NULL;
 *     ...
 *     *out = ptm_steal(&path);
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PTM_AUTO(fn) __attribute__((__cleanup__(fn)))

/* Takes the value out of *p and leaves NULL behind: ownership moves, the cleanup does nothing. */
#define ptm_steal(p)                        \
    __extension__({                         \
        __typeof__(*(p)) ptm_stolen = *(p); \
        *(p) = NULL;                        \
        ptm_stolen;                         \
    })

/* Defines a cleanup NAME for a local of TYPE that is ended by FN and is a no-op when NULL. */
#define PTM_DEFINE_CLEANUP(name, type, fn) \
    static inline void name(type *p)       \
    {                                      \
        if (*p) fn(*p);                    \
    }

static inline void ptmi_freep(void *p)
{
    free(*(void **)p);
}

static inline void ptmi_closep(int *fd)
{
    if (*fd >= 0) close(*fd);
}

PTM_DEFINE_CLEANUP(ptmi_fclosep, FILE *, fclose)
PTM_DEFINE_CLEANUP(ptmi_closedirp, DIR *, closedir)

/* Guards our own logic: aborts in debug and test builds, makes the function return PTM_EBUG in
 * release. */
#ifdef NDEBUG
#define PTM_ASSERT(cond, err)                                                                     \
    do {                                                                                          \
        if (!(cond)) return ptm_err_set((err), PTM_EBUG, "%s:%d: %s", __FILE__, __LINE__, #cond); \
    } while (0)
#else
#define PTM_ASSERT(cond, err)                                                            \
    do {                                                                                 \
        (void)(err);                                                                     \
        if (!(cond)) {                                                                   \
            fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #cond); \
            abort();                                                                     \
        }                                                                                \
    } while (0)
#endif

/* Passes an error on as it is. */
#define PTM_TRY(call)                          \
    do {                                       \
        ptm_rc ptm_try_rc = (call);            \
        if (ptm_try_rc < 0) return ptm_try_rc; \
    } while (0)
