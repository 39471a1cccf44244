/* SPDX-License-Identifier: MIT */
/*
 * npy_header.c - the beginning of a .npy file.
 *
 *     93 "NUMPY"  u8 major, u8 minor     1.0, 2.0, 3.0
 *     header's length                    u16 LE in 1.0, u32 LE in 2.0 and 3.0
 *     header                             a Python dict, padded with spaces, LF:
 *         {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *     the array's bytes
 *
 * NumPy evaluates the header as a Python literal; here it is just these three keys, each once, in
 * any order. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
#include "npy_header.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/str.h"
#include "torch_objects.h" /* ptmi_numpy_dtype() */

#define MAGIC "\x93NUMPY"
#define MAGIC_LEN 6

/* Keys seen. */
enum { DESCR = 1, FORTRAN = 2, SHAPE = 4, ALL = 7 };

struct text {
    ptmi_source *source;
    const char *begin, *at, *end;
    uint64_t offset; /* of begin, in the source */
    bool python2;    /* integers may end in L */
};

PTM_MUST_USE PTM_PRINTF(3, 4) static ptm_rc
    bad(const struct text *text, struct ptm_err *err, const char *fmt, ...)
{
    char what[160];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": %s", ptmi_source_name(text->source),
                       text->offset + (uint64_t)(text->at - text->begin), what);
}

/* --- words of the literal --- */

static void skip_space(struct text *text)
{
    while (text->at < text->end &&
           (*text->at == ' ' || *text->at == '\t' || *text->at == '\n' || *text->at == '\r'))
        text->at++;
}

/* Moves past c when it comes next. */
static bool next_is(struct text *text, char c)
{
    skip_space(text);
    if (text->at == text->end || *text->at != c) return false;
    text->at++;
    return true;
}

static ptm_rc expect(struct text *text, char c, struct ptm_err *err)
{
    return next_is(text, c) ? PTM_OK : bad(text, err, "a '%c' is missing in the header", c);
}

static bool next_word(struct text *text, const char *word)
{
    size_t len = strlen(word);
    skip_space(text);
    if ((size_t)(text->end - text->at) < len || memcmp(text->at, word, len) != 0) return false;
    text->at += len;
    return true;
}

static ptm_rc take_string(struct text *text, char *out, size_t size, struct ptm_err *err)
{
    skip_space(text);
    char quote = text->at < text->end ? *text->at : '\0';
    if (quote != '\'' && quote != '"') return bad(text, err, "a string is missing in the header");
    const char *from = text->at + 1;
    const char *to = memchr(from, quote, (size_t)(text->end - from));
    if (!to) return bad(text, err, "a string without an end");
    size_t len = (size_t)(to - from);
    if (len >= size || memchr(from, '\\', len) || memchr(from, '\0', len))
        return bad(text, err, "a string that is none of NumPy's");
    memcpy(out, from, len);
    out[len] = '\0';
    text->at = to + 1;
    return PTM_OK;
}

static ptm_rc take_size(struct text *text, int64_t *out, struct ptm_err *err)
{
    skip_space(text);
    const char *from = text->at, *at = from;
    int64_t value = 0;
    for (; at < text->end && *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return bad(text, err, "a size of more than 63 bits");
    if (at == from || (*from == '0' && at - from > 1))
        return bad(text, err, "a size is missing in the shape");
    if (text->python2 && at < text->end && *at == 'L') at++;
    text->at = at;
    *out = value;
    return PTM_OK;
}

/* --- the three values --- */

static ptm_rc take_shape(struct text *text, struct ptmi_npy *out, struct ptm_err *err)
{
    PTM_TRY(expect(text, '(', err));
    for (out->n_dims = 0; !next_is(text, ')');) {
        if (out->n_dims == PTM_LIMIT_DIMS)
            return bad(text, err, "more than %d dimensions", PTM_LIMIT_DIMS);
        PTM_TRY(take_size(text, &out->shape[out->n_dims++], err));
        if (next_is(text, ',')) continue;
        /* (3) is an integer to Python, not a tuple. */
        if (out->n_dims == 1) return bad(text, err, "a ',' is missing in the shape");
        PTM_TRY(expect(text, ')', err));
        break;
    }
    return PTM_OK;
}

static ptm_rc take_descr(struct text *text, struct ptmi_npy *out, struct ptm_err *err)
{
    skip_space(text);
    if (text->at < text->end && (*text->at == '[' || *text->at == '(' || *text->at == '{'))
        return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: an array of records (structured dtype)",
                           ptmi_source_name(text->source));
    return take_string(text, out->descr, sizeof out->descr, err);
}

static ptm_rc take_fortran(struct text *text, struct ptmi_npy *out, struct ptm_err *err)
{
    out->fortran = next_word(text, "True");
    if (out->fortran || next_word(text, "False")) return PTM_OK;
    return bad(text, err, "fortran_order is neither True nor False");
}

static ptm_rc take_pair(struct text *text, int *seen, struct ptmi_npy *out, struct ptm_err *err)
{
    static const struct {
        const char *key;
        int bit;
        ptm_rc (*take)(struct text *text, struct ptmi_npy *out, struct ptm_err *err);
    } keys[] = {
        {"descr", DESCR, take_descr},
        {"fortran_order", FORTRAN, take_fortran},
        {"shape", SHAPE, take_shape},
    };
    char key[32];
    PTM_TRY(take_string(text, key, sizeof key, err));
    PTM_TRY(expect(text, ':', err));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!ptmi_str_eq(key, keys[i].key)) continue;
        if (*seen & keys[i].bit) return bad(text, err, "'%s' stands there twice", key);
        *seen |= keys[i].bit;
        return keys[i].take(text, out, err);
    }
    return bad(text, err, "a key of the header that is none of NumPy's");
}

static ptm_rc take_dict(struct text *text, struct ptmi_npy *out, struct ptm_err *err)
{
    int seen = 0;
    PTM_TRY(expect(text, '{', err));
    while (!next_is(text, '}')) {
        PTM_TRY(take_pair(text, &seen, out, err));
        if (next_is(text, ',')) continue;
        PTM_TRY(expect(text, '}', err));
        break;
    }
    if (seen != ALL) return bad(text, err, "the header lacks descr, fortran_order or shape");
    skip_space(text);
    return text->at == text->end ? PTM_OK : bad(text, err, "text after the header's dict");
}

/* --- the type --- */

/* "<U7", "|S3": bytes of an item; 0: it is no such type. */
static uint64_t text_item(const char *descr)
{
    int64_t n = 0;
    const char *code = *descr && strchr("<>=|", *descr) ? descr + 1 : descr;
    if (!*code || !strchr("SUa", *code)) return 0;
    if (!ptmi_str_int(code + 1, 0, INT32_MAX, &n) || n == 0) return 0;
    return (uint64_t)n * (*code == 'U' ? 4 : 1);
}

/* "<M8[ns]", "<m8": a time or a span of time, counted in 64 bits. */
static bool is_time(const char *descr)
{
    return descr[0] && strchr("<>=", descr[0]) && (descr[1] == 'M' || descr[1] == 'm') &&
           descr[2] == '8' && (descr[3] == '[' || descr[3] == '\0');
}

static ptm_rc set_type(struct text *text, struct ptmi_npy *out, struct ptm_err *err)
{
    const char *descr = out->descr;
    uint64_t item = text_item(descr);
    int64_t elements = 0;
    if (ptmi_str_eq(descr, "|O") || ptmi_str_eq(descr, "O"))
        return ptm_err_set(
            err, PTM_EUNSUPPORTED,
            "%s: an array of Python objects: a pickle; 'ptm weights scan' looks into "
            "it",
            ptmi_source_name(text->source));
    if (item) {
        out->dtype = PTM_STRING;
    } else if (is_time(descr)) {
        out->dtype = PTM_INT64;
        out->big_endian = descr[0] == '>';
    } else {
        ptm_rc rc = ptmi_numpy_dtype(descr, &out->dtype, &out->big_endian, err);
        if (rc != PTM_OK) return ptm_err_ctx(err, rc, "%s", ptmi_source_name(text->source));
    }
    if (!item) item = (uint64_t)ptm_dtype_info(out->dtype)->bytes;
    PTM_TRY(ptmi_weights_elements(ptmi_source_name(text->source), out->n_dims, out->shape,
                                  &elements, err));
    if (__builtin_mul_overflow((uint64_t)elements, item, &out->nbytes) || out->nbytes > INT64_MAX)
        return bad(text, err, "an array of more than 63 bits' worth of bytes");
    return PTM_OK;
}

/* --- all of it --- */

bool ptmi_npy_is(const uint8_t *head, size_t len)
{
    return len >= MAGIC_LEN + 2 && memcmp(head, MAGIC, MAGIC_LEN) == 0;
}

/* Version and length of the header; *out_at: where it begins. */
static ptm_rc take_head(ptmi_source *source, struct text *text, uint32_t *out_len,
                        struct ptm_err *err)
{
    const uint8_t *head = NULL;
    PTM_TRY(ptmi_source_at(source, 0, MAGIC_LEN + 4, &head, err));
    if (!ptmi_npy_is(head, MAGIC_LEN + 4))
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte 0: not a .npy file",
                           ptmi_source_name(source));
    int major = head[MAGIC_LEN], minor = head[MAGIC_LEN + 1];
    if (major < 1 || major > 3 || minor != 0)
        return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: .npy version %d.%d; 1.0 to 3.0 are known",
                           ptmi_source_name(source), major, minor);
    *out_len = ptmi_le16(head + MAGIC_LEN + 2);
    if (major > 1) {
        PTM_TRY(ptmi_source_at(source, MAGIC_LEN + 2, 4, &head, err));
        *out_len = ptmi_le32(head);
    }
    text->offset = MAGIC_LEN + (major > 1 ? 6 : 4);
    text->python2 = major < 3;
    return PTM_OK;
}

ptm_rc ptmi_npy_header(ptmi_source *source, struct ptmi_npy *out, struct ptm_err *err)
{
    struct text text = {.source = source};
    struct ptmi_npy npy = {0};
    uint32_t len = 0;
    const uint8_t *bytes = NULL;
    PTM_TRY(take_head(source, &text, &len, err));
    if (len > PTM_LIMIT_NPY_HEADER)
        return ptm_err_set(err, PTM_ELIMIT, "%s: a header of %" PRIu32 " bytes; %u are allowed",
                           ptmi_source_name(source), len, PTM_LIMIT_NPY_HEADER);
    PTM_TRY(ptmi_source_at(source, text.offset, len, &bytes, err));
    text.begin = text.at = (const char *)bytes;
    text.end = text.begin + len;
    PTM_TRY(take_dict(&text, &npy, err));
    PTM_TRY(set_type(&text, &npy, err));
    npy.data = text.offset + len;
    *out = npy;
    return PTM_OK;
}
