/* SPDX-License-Identifier: MIT */
/*
 * err.h - how every function of libptm says what went wrong.
 *
 * A function returns a ptm_rc: 0 is success, negative is an error, and 1 is used only where the
 * function's comment says so (an iterator that has an item). The details travel in a struct ptm_err
 * that the caller owns and may leave out (NULL): nothing is kept behind the caller's back, so an
 * error can move with its job from thread to thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PTM_API __attribute__((visibility("default")))
#define PTM_MUST_USE __attribute__((warn_unused_result))
#define PTM_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
#else
#define PTM_API
#define PTM_MUST_USE
#define PTM_PRINTF(fmt_at, args_at)
#endif

/*
 * Every error code: X(code, number, name, text). Append only, numbers are ABI. The name is what
 * `ptm failures` and --json print as the reason, so absent, gated, removed and failed stay apart.
 */
#define PTM_RC_LIST(X)                                                              \
    X(PTM_OK, 0, "ok", "success")                                                   \
    X(PTM_ENOMEM, -1, "no_memory", "out of memory")                                 \
    X(PTM_EBUG, -2, "internal", "internal error, please report it")                 \
    X(PTM_EINVAL, -3, "invalid", "invalid argument")                                \
    X(PTM_ECONFIG, -4, "config", "bad configuration")                               \
    X(PTM_ECANCELED, -5, "interrupted", "interrupted")                              \
    X(PTM_ELIMIT, -6, "limit", "a safety limit was reached")                        \
    X(PTM_EFORMAT, -7, "malformed", "malformed input")                              \
    X(PTM_EUNSAFE, -8, "unsafe_name", "a name that may not become a path")          \
    X(PTM_EIO, -9, "io", "input or output error")                                   \
    X(PTM_ENOSPC, -10, "disk_full", "no space left")                                \
    X(PTM_EPERM, -11, "permission", "permission denied or read-only")               \
    X(PTM_ENOENT, -12, "absent", "no such file or entry")                           \
    X(PTM_EEXIST, -13, "exists", "already exists")                                  \
    X(PTM_EBUSY, -14, "busy", "in use by another process")                          \
    X(PTM_EHASH, -15, "hash_mismatch", "content does not match its hash")           \
    X(PTM_ESIZE, -16, "size_mismatch", "content does not have its declared size")   \
    X(PTM_ENET, -17, "network", "network failure")                                  \
    X(PTM_ETIMEOUT, -18, "timeout", "timed out")                                    \
    X(PTM_ETLS, -19, "tls", "TLS failure")                                          \
    X(PTM_EHTTP, -20, "http", "unexpected HTTP status")                             \
    X(PTM_EAUTH, -21, "credentials", "credentials missing or refused")              \
    X(PTM_EGATED, -22, "gated", "access is gated")                                  \
    X(PTM_ENOTFOUND, -23, "not_found", "the server has no such thing, or hides it") \
    X(PTM_EDISABLED, -24, "disabled", "taken down by the hub")                      \
    X(PTM_ERATE, -25, "rate_limited", "rate limit exhausted")                       \
    X(PTM_EOFFLINE, -26, "offline", "needs the network, and --offline is in force") \
    X(PTM_EGIT, -27, "git", "git failed")                                           \
    X(PTM_ECORRUPT, -28, "corrupt", "damaged data on disk")                         \
    X(PTM_EDB, -29, "database", "catalogue failure")                                \
    X(PTM_EDIRTY, -30, "modified", "changed by hand, left alone")                   \
    X(PTM_EDIVERGED, -31, "diverged", "diverged from upstream, left alone")         \
    X(PTM_ENOTCLONABLE, -32, "not_clonable", "no repository that git could clone")  \
    X(PTM_EUNSUPPORTED, -33, "unsupported", "not supported by this build or server")

typedef enum ptm_rc {
#define PTM_RC_ENUM(code, number, name, text) code = number,
    PTM_RC_LIST(PTM_RC_ENUM)
#undef PTM_RC_ENUM
} ptm_rc;

/* Returned where documented: the iterator produced an item. */
#define PTM_ITEM ((ptm_rc)1)

/* Longest message kept, the final NUL included; a longer one is cut at a character boundary. */
#define PTM_ERR_MSG_MAX 1024

/* One error. Plain data, the caller's; initialise with {0}. Not shared between threads at once. */
struct ptm_err {
    ptm_rc rc;
    int sys_errno;   /* errno at the time, or 0 */
    int http_status; /* last HTTP status, or 0 */
    bool retryable;  /* the same call may succeed later without anybody mending anything */
    char msg[PTM_ERR_MSG_MAX]; /* UTF-8, one line, names the thing; never a secret */
};

/*
 * Fills *err (rc and message; the other members are zeroed; set them afterwards) and returns rc, so
 * that a failing function ends with `return ptm_err_set(err, PTM_EIO, "%s: ...", path)`. err may be
 * NULL.
 */
PTM_API PTM_MUST_USE PTM_PRINTF(3, 4) ptm_rc
    ptm_err_set(struct ptm_err *err, ptm_rc rc, const char *fmt, ...);

/* As ptm_err_set(), takes rc, sys_errno and the text of errno from sys_errno (ENOSPC, EROFS, ...
 * mapped). */
PTM_API PTM_MUST_USE PTM_PRINTF(3, 4) ptm_rc
    ptm_err_sys(struct ptm_err *err, int sys_errno, const char *fmt, ...);

/* Puts "<text>: " in front of the message and returns rc unchanged: once per layer that knows more.
 */
PTM_API PTM_MUST_USE PTM_PRINTF(3, 4) ptm_rc
    ptm_err_ctx(struct ptm_err *err, ptm_rc rc, const char *fmt, ...);

/* Static strings: "gated", "access is gated"; for an unknown number "unknown". */
PTM_API const char *ptm_rc_name(ptm_rc rc);
PTM_API const char *ptm_rc_text(ptm_rc rc);

#ifdef __cplusplus
}
#endif
