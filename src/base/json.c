/* SPDX-License-Identifier: MIT */
/*
 * json.c - whole documents by yyjson, and getters that never trust a type. Splitting without a
 * document is json_split.c.
 */
#include "json.h"

#include <math.h>
#include <string.h>

#include "json_priv.h"
#include "limits.h"
#include "str.h"

size_t ptmi_json_skip_bom(const char *data, size_t len)
{
    return len >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

static size_t skip_space(const char *data, size_t len, size_t at)
{
    while (at < len && strchr(" \t\r\n", data[at]) && data[at]) at++;
    return at;
}

/* Says what stands there instead of JSON, where that can be told. */
ptm_rc ptmi_json_refuse(const char *data, size_t len, const char *what, size_t at, const char *why,
                        struct ptm_err *err)
{
    size_t start = skip_space(data, len, ptmi_json_skip_bom(data, len));
    if (start == len) return ptm_err_set(err, PTM_EFORMAT, "%s: empty, not JSON", what);
    if (data[start] == '<')
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: HTML where JSON was expected (an error page, a login page or a "
                           "proxy's notice)",
                           what);
    return ptm_err_set(err, PTM_EFORMAT, "%s: not JSON at byte %zu: %s", what, at, why);
}

/* yyjson itself does not recurse, but whoever walks its tree does: the depth is checked before
 * anything is built. */
static bool is_too_deep(const char *data, size_t len)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > PTM_LIMIT_DEPTH) return true;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

ptm_rc ptmi_json_parse(const char *data, size_t len, const char *what, yyjson_doc **out,
                       struct ptm_err *err)
{
    if (len > PTM_LIMIT_JSON)
        return ptm_err_set(err, PTM_ELIMIT, "%s: JSON of %zu bytes, more than %u", what, len,
                           PTM_LIMIT_JSON);
    if (len == 0) return ptmi_json_refuse("", 0, what, 0, "empty", err); /* data may be NULL */
    if (is_too_deep(data, len))
        return ptm_err_set(err, PTM_ELIMIT, "%s: JSON nested deeper than %d", what,
                           PTM_LIMIT_DEPTH);
    size_t bom = ptmi_json_skip_bom(data, len);
    yyjson_read_err why = {0};
    /* Without YYJSON_READ_INSITU the text is only read, whatever the parameter's type says. */
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)(data + bom), len - bom,
                                       YYJSON_READ_BIGNUM_AS_RAW, NULL, &why);
    if (doc) {
        *out = doc;
        return PTM_OK;
    }
    if (why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory for %zu bytes of JSON", what, len);
    return ptmi_json_refuse(data, len, what, bom + why.pos, why.msg ? why.msg : "malformed", err);
}

yyjson_val *ptmi_json_get(yyjson_val *obj, const char *name)
{
    return yyjson_is_obj(obj) ? yyjson_obj_get(obj, name) : NULL;
}

bool ptmi_json_is_plain(yyjson_val *val)
{
    const char *text = yyjson_get_str(val);
    return text && strlen(text) == yyjson_get_len(val);
}

/* The text of a string value that is one to C as well. */
static const char *plain_text(yyjson_val *val)
{
    return ptmi_json_is_plain(val) ? yyjson_get_str(val) : NULL;
}

const char *ptmi_json_str(yyjson_val *obj, const char *name)
{
    return plain_text(ptmi_json_get(obj, name));
}

int64_t ptmi_json_int(yyjson_val *obj, const char *name, int64_t fallback)
{
    yyjson_val *val = ptmi_json_get(obj, name);
    if (yyjson_is_sint(val)) return yyjson_get_sint(val);
    if (yyjson_is_uint(val)) {
        uint64_t number = yyjson_get_uint(val);
        return number <= INT64_MAX ? (int64_t)number : fallback;
    }
    if (yyjson_is_real(val)) {
        double number = yyjson_get_real(val);
        /* 2^63 and more, and what has a fraction, is no int64_t; neither is NaN, which fails all
         * comparisons. */
        if (number >= -0x1p63 && number < 0x1p63 && trunc(number) == number) return (int64_t)number;
        return fallback;
    }
    const char *text = plain_text(val);
    int64_t number = 0;
    return text && ptmi_str_int(text, INT64_MIN, INT64_MAX, &number) ? number : fallback;
}

bool ptmi_json_bool(yyjson_val *obj, const char *name, bool fallback)
{
    yyjson_val *val = ptmi_json_get(obj, name);
    return yyjson_is_bool(val) ? yyjson_get_bool(val) : fallback;
}

static bool add_string(yyjson_val *val, struct ptmi_arena *arena, struct ptmi_arena_list *list)
{
    const char *text = plain_text(val);
    return !text || ptmi_arena_list_add(arena, list, ptmi_arena_strdup(arena, text));
}

bool ptmi_json_strings(yyjson_val *obj, const char *name, struct ptmi_arena *arena,
                       struct ptmi_arena_list *list)
{
    yyjson_val *val = ptmi_json_get(obj, name);
    if (!yyjson_is_arr(val)) return add_string(val, arena, list);
    yyjson_arr_iter iter;
    yyjson_arr_iter_init(val, &iter);
    for (yyjson_val *item = yyjson_arr_iter_next(&iter); item; item = yyjson_arr_iter_next(&iter))
        if (!add_string(item, arena, list)) return false;
    return true;
}
