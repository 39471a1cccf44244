/* SPDX-License-Identifier: MIT */
/* top.c - the rules of --top and HF_TORRENT_SHRINKAGE, in one pure function. */
#include "top.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/str.h"

/* What the reference program clones when nobody says how much. */
#define DEFAULT_SHARE 0.1

/* Blanks around the number are forgiven, as Python's float() does. Hexadecimal, inf and nan are not
 * numbers here. */
static bool read_number(const char *text, double *out, const char **out_end)
{
    while (*text == ' ' || *text == '\t') text++;
    if (strcspn(text, "xXnN") != strlen(text)) return false;
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || errno == ERANGE) return false;
    while (*end == ' ' || *end == '\t' || *end == '\n') end++;
    *out = value;
    *out_end = end;
    return true;
}

static bool is_share(double value)
{
    return value >= 0.0 && value <= 1.0;
}

static bool parse_environment(const char *text, double *out_share)
{
    const char *end = NULL;
    return read_number(text, out_share, &end) && *end == '\0' && is_share(*out_share);
}

static bool parse_option(const char *text, double *out_share, int64_t *out_count)
{
    const char *end = NULL;
    double value = 0;
    if (ptmi_str_int(text, 0, INT64_MAX, out_count)) return true;
    *out_count = -1;
    if (!read_number(text, &value, &end)) return false;
    if (end[0] == '%' && end[1] == '\0')
        value /= 100.0;
    else if (*end != '\0' || !strpbrk(text, ".eE"))
        return false;
    *out_share = value;
    return is_share(value);
}

/* A share always carries a decimal point, so that 1 (all) never reads as a count of one; the fewest
 * digits that give it back. */
static void write_share(struct ptmi_top *out)
{
    for (int digits = 1; digits <= 24; digits++) {
        snprintf(out->text, sizeof out->text, "%.*f", digits, out->share);
        if (strtod(out->text, NULL) == out->share) return;
    }
}

static void refuse(struct ptmi_top *out, const char *name, const char *value, const char *wanted)
{
    char shown[40];
    out->share = DEFAULT_SHARE;
    out->count = -1;
    ptmi_str_printable(shown, sizeof shown, value);
    snprintf(out->notice, sizeof out->notice, "%s is '%s', not %s: taking 0.1", name, shown,
             wanted);
}

void ptmi_top_resolve(const char *option, const char *environment, struct ptmi_top *out)
{
    *out = (struct ptmi_top){.share = DEFAULT_SHARE, .count = -1};
    if (option && !parse_option(option, &out->share, &out->count))
        refuse(out, "--top", option, "a share (10%, 0.1) or a whole number");
    else if (!option && environment && !parse_environment(environment, &out->share))
        refuse(out, "HF_TORRENT_SHRINKAGE", environment, "a number from 0 to 1");
    if (out->count >= 0)
        snprintf(out->text, sizeof out->text, "%lld", (long long)out->count);
    else
        write_share(out);
}
