/* SPDX-License-Identifier: MIT */
/*
 * scan_nested.c - what stands as bytes or text inside a pickle and would be one more pickle or an
 * archive for whom it is given to: torch.storage._load_from_bytes, pickle.loads, a state of some
 * object. Found by content, whoever asks for it.
 *
 * Protocols 0 to 2 have no bytes: Python 3 writes them as text of the same code points with a call
 * of _codecs.encode around it. So texts are looked at as Latin-1, escapes undone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scan_priv.h"
#include "tardir.h"
#include "unpack.h"

/* No pickle that asks for something is shorter: "ca\nb\n." */
#define SHORTEST 6
/* What is enough to tell an archive (tar: a block) and most texts. */
#define HEAD 1024

static bool is_archive(const uint8_t *head, size_t len)
{
    return ptmi_zip_is(head, len) || ptmi_tar_is(head, len) || ptmi_unpack_kind(head, len) ||
           ptmi_scan_closed_archive(head, len);
}

/* Is it worth an item of its own, as far as its beginning tells? */
static bool begins_well(struct ptmi_scan *scan, const uint8_t *data, uint64_t n)
{
    uint64_t pos = 0;
    if (is_archive(data, n < HEAD ? (size_t)n : HEAD)) return true;
    return ptmi_skim(data, n, &pos, &scan->search_work) == PTMI_SKIM_ASKS;
}

/* --- text as Latin-1 --- */

static unsigned hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16;
}

/* So many hexadecimal digits at *at; false: they are none, or more than a byte. */
static bool hex(const uint8_t **at, const uint8_t *end, unsigned digits, uint8_t *out)
{
    unsigned value = 0;
    if (end - *at < (ptrdiff_t)digits) return false;
    for (unsigned i = 0; i < digits; i++) {
        unsigned digit = hex_digit((*at)[i]);
        if (digit > 15 || value > 15) return false;
        value = value << 4 | digit;
    }
    *at += digits;
    *out = (uint8_t)value;
    return true;
}

/* What stands behind a backslash; false: nothing that means anything, and the backslash is one. */
static bool escape(const uint8_t **at, const uint8_t *end, uint8_t *out)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const uint8_t *next = *at + 1;
    uint8_t c = **at;
    const char *simple = c ? strchr(from, (char)c) : NULL;
    if (simple) {
        *out = (uint8_t)to[simple - from];
    } else if (c >= '0' && c <= '7') {
        unsigned value = c - '0';
        for (int i = 0; i < 2 && next < end && *next >= '0' && *next <= '7'; i++)
            value = value * 8 + (*next++ - '0');
        *out = (uint8_t)value;
    } else if (!(c == 'x' && hex(&next, end, 2, out)) && !(c == 'u' && hex(&next, end, 4, out)) &&
               !(c == 'U' && hex(&next, end, 8, out))) {
        return false;
    }
    *at = next;
    return true;
}

/* The bytes of a text into out, as many as it has at most; ends where a character is no byte. */
static size_t latin1(const uint8_t *at, const uint8_t *end, bool escaped, uint8_t *out, size_t max)
{
    size_t n = 0;
    while (at < end && n < max) {
        uint8_t c = *at++;
        if (escaped && c == '\\' && at < end) {
            if (!escape(&at, end, &c)) c = '\\';
        } else if (!escaped && c >= 0x80) {
            if (c < 0xc2 || c > 0xc3 || at == end) break;
            c = (uint8_t)(c << 6 | (*at++ & 0x3f));
        }
        out[n++] = c;
    }
    return n;
}

/* Most texts: they are their own bytes, and no pickle hides in the middle. */
static bool is_ascii(const uint8_t *at, uint64_t n)
{
    uint64_t word = 0, all = 0;
    uint8_t rest = 0;
    for (; n >= sizeof word; at += sizeof word, n -= sizeof word) {
        memcpy(&word, at, sizeof word);
        all |= word;
    }
    while (n > 0) rest |= at[--n];
    return !(all & 0x8080808080808080u) && rest < 0x80;
}

/* Could there be a pickle in the middle? \x80 in the text's own writing. */
static bool has_mark(const uint8_t *at, size_t n, bool escaped)
{
    if (!escaped) return memmem(at, n, "\xc2\x80", 2) != NULL;
    return memchr(at, 0x80, n) || memmem(at, n, "\\x80", 4) || memmem(at, n, "\\200", 4) ||
           memmem(at, n, "80", 2); /* \u0080, \U00000080 */
}

/* --- one of them --- */

static ptm_rc look_inside(struct ptmi_scan *scan, struct ptmi_scan_item *item, ptmi_source *source,
                          const struct ptmi_skim_arg *arg, uint64_t at, struct ptm_err *err)
{
    char inner[48];
    snprintf(inner, sizeof inner, "%s@%" PRIu64, arg->text || arg->escaped ? "text" : "bytes", at);
    struct ptmi_scan_item inside = {
        .source = source,
        .place = arg->text || arg->escaped ? PTMI_SCAN_TEXT : PTMI_SCAN_BYTES,
    };
    return ptmi_scan_inside(scan, item, inner, &inside, err);
}

static ptm_rc look_at_bytes(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                            const struct ptmi_skim_arg *arg, uint64_t at, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *part = NULL;
    const uint8_t *data = item->data + at;
    if (!begins_well(scan, data, arg->n) && ptmi_search_proto(data, arg->n, 0) == arg->n)
        return PTM_OK;
    PTM_TRY(ptmi_source_part(item->source, at, arg->n, "bytes in a pickle", &part, err));
    return look_inside(scan, item, part, arg, at, err);
}

static bool is_worth(struct ptmi_scan *scan, const uint8_t *begin, const uint8_t *end, bool escaped)
{
    uint8_t head[HEAD];
    size_t n = latin1(begin, end, escaped, head, sizeof head);
    if (begins_well(scan, head, n) || ptmi_search_proto(head, n, 0) < n) return true;
    return n == sizeof head && has_mark(begin, (size_t)(end - begin), escaped);
}

static ptm_rc look_at_text(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                           const struct ptmi_skim_arg *arg, uint64_t at, struct ptm_err *err)
{
    const uint8_t *begin = item->data + at, *end = begin + arg->n;
    if (arg->escaped && arg->n > 0 && (*begin == '\'' || *begin == '"')) {
        begin++;
        end -= end > begin;
    }
    bool worth = !arg->escaped && is_ascii(begin, arg->n)
                     ? begins_well(scan, begin, arg->n < HEAD ? arg->n : HEAD)
                     : is_worth(scan, begin, end, arg->escaped);
    if (!worth) return PTM_OK;
    PTM_AUTO(ptmi_freep) uint8_t *bytes = malloc((size_t)(end - begin) + 1);
    if (!bytes) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    size_t n = latin1(begin, end, arg->escaped, bytes, (size_t)(end - begin));
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    PTM_TRY(ptmi_source_own(ptm_steal(&bytes), n, "text in a pickle", &source, err));
    return look_inside(scan, item, source, arg, at, err);
}

ptm_rc ptmi_scan_nested(struct ptmi_scan *scan, struct ptmi_scan_item *item, uint64_t begin,
                        uint64_t end, struct ptm_err *err)
{
    const uint8_t *data = item->data + begin;
    struct ptmi_skim_arg arg;
    uint64_t pos = 0;
    if (end > item->size) end = item->size;
    while (!scan->over && ptmi_skim_arg(data, end - begin, &pos, &arg)) {
        if (arg.n < SHORTEST) continue;
        if (arg.text || arg.escaped)
            PTM_TRY(look_at_text(scan, item, &arg, begin + arg.at, err));
        else
            PTM_TRY(look_at_bytes(scan, item, &arg, begin + arg.at, err));
    }
    return PTM_OK;
}
