/* SPDX-License-Identifier: MIT */
/*
 * scan_nested.c - what stands as bytes or text inside a pickle and would be one more pickle or an
 * archive for whom it is given to: torch.storage._load_from_bytes, pickle.loads, a state of some
 * object. Found by content, whoever asks for it.
 *
 * Protocols 0 to 2 have no bytes: Python 3 writes them as text of the same code points with a call
 * of _codecs.encode around it. So texts are looked at as Latin-1, escapes undone as the opcode has
 * them. A str of Python 2 is bytes to some readers and UTF-8 to others (torch): it is looked at in
 * both ways.
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

/* Is it worth an item of its own, as far as its beginning tells? Torch's own streams are several
 * pickles in a row. *out_cut: it ends in the middle of one. */
static bool begins_well(struct ptmi_scan *scan, const uint8_t *data, uint64_t n, bool *out_cut)
{
    enum ptmi_skim_end end = PTMI_SKIM_STOP;
    *out_cut = false;
    if (is_archive(data, n < HEAD ? (size_t)n : HEAD)) return true;
    for (uint64_t pos = 0; end == PTMI_SKIM_STOP && pos < n; pos++)
        end = ptmi_skim(data, n, &pos, &scan->search_work);
    *out_cut = end == PTMI_SKIM_STOP || end == PTMI_SKIM_CUT;
    return end == PTMI_SKIM_ASKS;
}

/* The same, or is a pickle in the middle? */
static bool is_worth(struct ptmi_scan *scan, const uint8_t *data, uint64_t n, bool *out_cut)
{
    return begins_well(scan, data, n, out_cut) || ptmi_search_proto(data, n, 0) < n;
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

/* What stands behind the backslash of a STRING; false: nothing that means anything, and the
 * backslash is one. */
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
    } else if (!(c == 'x' && hex(&next, end, 2, out))) {
        return false;
    }
    *at = next;
    return true;
}

/* The same of UNICODE. */
static bool unicode_escape(const uint8_t **at, const uint8_t *end, uint8_t *out)
{
    const uint8_t *next = *at + 1;
    unsigned digits = **at == 'u' ? 4 : **at == 'U' ? 8 : 0;
    if (digits == 0 || !hex(&next, end, digits, out)) return false;
    *at = next;
    return true;
}

/* A character at *at; false: it is no byte. *plain: a backslash took it along. */
static bool take_byte(const uint8_t **at, const uint8_t *end, enum ptmi_skim_form form, bool *plain,
                      uint8_t *out)
{
    uint8_t c = *out = *(*at)++;
    bool escaped = c == '\\' && !*plain && *at < end;
    *plain = false;
    if (form == PTMI_SKIM_UTF8 && c >= 0x80) {
        if (c < 0xc2 || c > 0xc3 || *at == end) return false;
        *out = (uint8_t)(c << 6 | (*(*at)++ & 0x3f));
    } else if (form == PTMI_SKIM_STRING && escaped) {
        if (!escape(at, end, out)) *out = '\\';
    } else if (form == PTMI_SKIM_UNICODE && escaped) {
        *plain = **at != 'u' && **at != 'U';
        return *plain || unicode_escape(at, end, out);
    }
    return true;
}

/* The bytes of a text into out, as many as it has at most; ends where a character is no byte. */
static size_t latin1(const uint8_t *at, const uint8_t *end, enum ptmi_skim_form form, uint8_t *out,
                     size_t max)
{
    size_t n = 0;
    bool plain = false;
    while (at < end && n < max && take_byte(&at, end, form, &plain, &out[n])) n++;
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
static bool has_mark(const uint8_t *at, size_t n, enum ptmi_skim_form form)
{
    if (form == PTMI_SKIM_UTF8) return memmem(at, n, "\xc2\x80", 2) != NULL;
    return memchr(at, 0x80, n) || memmem(at, n, "80", 2) || memmem(at, n, "\\200", 4);
}

/* --- one of them --- */

static ptm_rc look_inside(struct ptmi_scan *scan, struct ptmi_scan_item *item, ptmi_source *source,
                          bool text, uint64_t at, struct ptm_err *err)
{
    char inner[48];
    snprintf(inner, sizeof inner, "%s@%" PRIu64, text ? "text" : "bytes", at);
    struct ptmi_scan_item inside = {
        .source = source,
        .place = text ? PTMI_SCAN_TEXT : PTMI_SCAN_BYTES,
    };
    return ptmi_scan_inside(scan, item, inner, &inside, err);
}

static ptm_rc look_at_bytes(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                            const struct ptmi_skim_arg *arg, uint64_t at, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *part = NULL;
    bool cut = false;
    if (!is_worth(scan, item->data + at, arg->n, &cut)) return PTM_OK;
    PTM_TRY(ptmi_source_part(item->source, at, arg->n, "bytes in a pickle", &part, err));
    return look_inside(scan, item, part, false, at, err);
}

/* [begin, end) of a text is written so. */
struct written {
    const uint8_t *begin, *end;
    enum ptmi_skim_form form;
};

/* Is it worth to be undone as a whole? By its beginning, if that tells. */
static bool is_worth_all(struct ptmi_scan *scan, const struct written *text)
{
    uint8_t head[HEAD] = {0};
    size_t n = (size_t)(text->end - text->begin);
    bool cut = false;
    if (text->form == PTMI_SKIM_UTF8 && is_ascii(text->begin, n))
        return begins_well(scan, text->begin, n, &cut);
    size_t len = latin1(text->begin, text->end, text->form, head, sizeof head);
    if (is_worth(scan, head, len, &cut)) return true;
    return len == sizeof head && (cut || has_mark(text->begin, n, text->form));
}

static ptm_rc look_at_text(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                           const struct written *text, uint64_t at, struct ptm_err *err)
{
    size_t n = (size_t)(text->end - text->begin);
    bool cut = false;
    if (!is_worth_all(scan, text)) return PTM_OK;
    PTM_AUTO(ptmi_freep) uint8_t *bytes = malloc(n + 1);
    if (!bytes) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    n = latin1(text->begin, text->end, text->form, bytes, n);
    if (!is_worth(scan, bytes, n, &cut)) return PTM_OK;
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    PTM_TRY(ptmi_source_own(ptm_steal(&bytes), n, "text in a pickle", &source, err));
    return look_inside(scan, item, source, true, at, err);
}

/* A str of Python 2 as UTF-8, for who reads it so; escapes undone first. */
static ptm_rc look_at_str(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                          const struct written *text, uint64_t at, struct ptm_err *err)
{
    size_t n = (size_t)(text->end - text->begin);
    PTM_AUTO(ptmi_freep) uint8_t *bytes = NULL;
    struct written utf8 = {text->begin, text->end, PTMI_SKIM_UTF8};
    if (text->form == PTMI_SKIM_STRING) {
        bytes = malloc(n + 1);
        if (!bytes) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
        n = latin1(text->begin, text->end, text->form, bytes, n);
        utf8 = (struct written){bytes, bytes + n, PTMI_SKIM_UTF8};
    }
    /* What is ASCII has been looked at. */
    if (!memchr(utf8.begin, 0xc2, n) && !memchr(utf8.begin, 0xc3, n)) return PTM_OK;
    return look_at_text(scan, item, &utf8, at, err);
}

static ptm_rc look_at(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                      const struct ptmi_skim_arg *arg, uint64_t at, struct ptm_err *err)
{
    struct written text = {item->data + at, item->data + at + arg->n, arg->form};
    bool quoted = arg->form == PTMI_SKIM_STRING && (*text.begin == '\'' || *text.begin == '"');
    text.begin += quoted;
    text.end -= quoted;
    if (arg->form == PTMI_SKIM_BYTES || arg->form == PTMI_SKIM_STR8)
        PTM_TRY(look_at_bytes(scan, item, arg, at, err));
    else
        PTM_TRY(look_at_text(scan, item, &text, at, err));
    if (arg->form != PTMI_SKIM_STRING && arg->form != PTMI_SKIM_STR8) return PTM_OK;
    return look_at_str(scan, item, &text, at, err);
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
        PTM_TRY(look_at(scan, item, &arg, begin + arg.at, err));
    }
    return PTM_OK;
}
