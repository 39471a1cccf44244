/* SPDX-License-Identifier: MIT */
/*
 * err.c - fills struct ptm_err: one printable line that names the thing, whatever the outside sent.
 * Nothing is kept anywhere else: the error is the caller's.
 */
#include <ptm/err.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "str.h"

/* Room for a format's result before control characters are taken out (which never makes it longer).
 */
#define RAW_MAX (2 * PTM_ERR_MSG_MAX)

struct errno_rule {
    int sys_errno;
    ptm_rc rc;
};

static const struct errno_rule errno_rules[] = {
    {ENOMEM, PTM_ENOMEM},       {ENOSPC, PTM_ENOSPC},
    {EDQUOT, PTM_ENOSPC},       {EACCES, PTM_EPERM},
    {EPERM, PTM_EPERM},         {EROFS, PTM_EPERM},
    {ENOENT, PTM_ENOENT},       {ENOTDIR, PTM_ENOENT},
    {EEXIST, PTM_EEXIST},       {ENOTEMPTY, PTM_EEXIST},
    {EBUSY, PTM_EBUSY},         {ETXTBSY, PTM_EBUSY},
    {EAGAIN, PTM_EBUSY},        {EMFILE, PTM_ELIMIT},
    {ENFILE, PTM_ELIMIT},       {EFBIG, PTM_ELIMIT},
    {ELOOP, PTM_EUNSAFE},       {ENAMETOOLONG, PTM_EUNSAFE},
    {EINVAL, PTM_EINVAL},       {ETIMEDOUT, PTM_ETIMEOUT},
    {ENOSYS, PTM_EUNSUPPORTED}, {EOPNOTSUPP, PTM_EUNSUPPORTED},
};

static ptm_rc rc_of_errno(int sys_errno)
{
    for (size_t i = 0; i < sizeof errno_rules / sizeof errno_rules[0]; i++)
        if (errno_rules[i].sys_errno == sys_errno) return errno_rules[i].rc;
    return PTM_EIO;
}

/* strerror_r() returns a pointer in glibc and a status elsewhere: the type picks the right one. */
static inline const char *text_of_pointer(const char *text, const char *buf)
{
    (void)buf;
    return text;
}
static inline const char *text_of_status(int status, const char *buf)
{
    return status == 0 ? buf : "unknown error";
}
#define ERRNO_TEXT(number, buf, size) \
    _Generic(strerror_r(number, buf, size), char *: text_of_pointer, int: text_of_status)(         \
        strerror_r(number, buf, size), buf)

static void fill(struct ptm_err *err, ptm_rc rc, const char *raw)
{
    *err = (struct ptm_err){.rc = rc};
    ptmi_str_printable(err->msg, sizeof err->msg, raw);
}

/* The result is made aside first: an argument may point into err->msg itself. */
static PTM_PRINTF(2, 0) void format(char *raw, const char *fmt, va_list args)
{
    if (vsnprintf(raw, RAW_MAX, fmt, args) < 0) raw[0] = '\0';
}

/* Names in parentheses: the analyzer's build has macros of them (tools/analyzer.h). */
ptm_rc(ptm_err_set)(struct ptm_err *err, ptm_rc rc, const char *fmt, ...)
{
    if (!err) return rc;
    char raw[RAW_MAX];
    va_list args;
    va_start(args, fmt);
    format(raw, fmt, args);
    va_end(args);
    fill(err, rc, raw);
    return rc;
}

ptm_rc(ptm_err_sys)(struct ptm_err *err, int sys_errno, const char *fmt, ...)
{
    ptm_rc rc = rc_of_errno(sys_errno);
    if (!err) return rc;
    char raw[RAW_MAX];
    va_list args;
    va_start(args, fmt);
    format(raw, fmt, args);
    va_end(args);

    char text[128] = "";
    char joined[RAW_MAX + sizeof text + 2];
    snprintf(joined, sizeof joined, "%s: %s", raw, ERRNO_TEXT(sys_errno, text, sizeof text));
    fill(err, rc, joined);
    err->sys_errno = sys_errno;
    return rc;
}

ptm_rc(ptm_err_ctx)(struct ptm_err *err, ptm_rc rc, const char *fmt, ...)
{
    if (!err) return rc;
    char raw[RAW_MAX];
    va_list args;
    va_start(args, fmt);
    format(raw, fmt, args);
    va_end(args);

    const char *inner = err->msg[0] ? err->msg : ptm_rc_text(rc);
    char joined[RAW_MAX + PTM_ERR_MSG_MAX + 2];
    snprintf(joined, sizeof joined, "%s: %s", raw, inner);
    ptmi_str_printable(err->msg, sizeof err->msg, joined);
    err->rc = rc;
    return rc;
}

const char *ptm_rc_name(ptm_rc rc)
{
    switch ((int)rc) {
#define NAME_CASE(code, number, name, text) \
    case number:                            \
        return name;
        PTM_RC_LIST(NAME_CASE)
#undef NAME_CASE
    default:
        return "unknown";
    }
}

const char *ptm_rc_text(ptm_rc rc)
{
    switch ((int)rc) {
#define TEXT_CASE(code, number, name, text) \
    case number:                            \
        return text;
        PTM_RC_LIST(TEXT_CASE)
#undef TEXT_CASE
    default:
        return "unknown";
    }
}
