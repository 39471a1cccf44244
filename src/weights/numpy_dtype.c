/* SPDX-License-Identifier: MIT */
/*
 * numpy_dtype.c - NumPy's type strings of plain numbers: byte order, kind, bytes of an item.
 *
 *     [<>=|]  b1 | i1 i2 i4 i8 | u1 u2 u4 u8 | f2 f4 f8 | c8 c16
 *
 * Files name the order of items of more than one byte; "=", "|" and none at all mean this
 * machine's, as in NumPy, which pickles dtypes without it and tells the order later.
 * https://numpy.org/doc/stable/reference/arrays.interface.html
 */
#include <string.h>

#include "torch_objects.h"

static const struct {
    const char *code;
    ptm_dtype dtype;
} kinds[] = {
    {"b1", PTM_BOOL},      {"i1", PTM_INT8},        {"i2", PTM_INT16},   {"i4", PTM_INT32},
    {"i8", PTM_INT64},     {"u1", PTM_UINT8},       {"u2", PTM_UINT16},  {"u4", PTM_UINT32},
    {"u8", PTM_UINT64},    {"f2", PTM_FLOAT16},     {"f4", PTM_FLOAT32}, {"f8", PTM_FLOAT64},
    {"c8", PTM_COMPLEX64}, {"c16", PTM_COMPLEX128},
};

/* What people call the kinds that hold no numbers of ours. */
static const char *kind_name(char kind)
{
    switch (kind) {
    case 'O':
        return "Python objects";
    case 'S':
    case 'a':
    case 'U':
        return "text";
    case 'V':
        return "raw or structured bytes";
    case 'M':
    case 'm':
        return "dates or times";
    default:
        return "a type that is not known";
    }
}

static bool is_order(char c)
{
    return c == '<' || c == '>' || c == '=' || c == '|';
}

ptm_rc ptmi_numpy_dtype(const char *descr, ptm_dtype *out, bool *out_big_endian,
                        struct ptm_err *err)
{
    const char *code = is_order(*descr) ? descr + 1 : descr;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].code, code) != 0) continue;
        bool native_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
        *out = kinds[i].dtype;
        *out_big_endian = *descr == '>' || (*descr != '<' && native_big);
        return PTM_OK;
    }
    return ptm_err_set(err, PTM_EUNSUPPORTED, "NumPy dtype \"%.40s\": %s", descr, kind_name(*code));
}
