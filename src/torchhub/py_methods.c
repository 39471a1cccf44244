/* SPDX-License-Identifier: MIT */
/* py_methods.c - methods of strings, lists and dicts, as far as tables of weights and names of
 * entry points are made with them. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../base/str.h"
#include "py_eval.h"

/* --- things one can go through --- */

static struct ptmi_py_value *characters(ptmi_py *py, const char *text)
{
    struct ptmi_py_value *list = ptmi_py_value_new(py, PYV_LIST);
    size_t len = strlen(text), n;
    if (len > PTMI_PY_RANGE) return NULL;
    for (uint32_t c; len > 0; text += n, len -= n) {
        n = ptmi_str_utf8_next(text, len, &c);
        if (n == 0) return NULL;
        ptmi_py_list_add(py, list, ptmi_py_str(py, text, n));
    }
    return list;
}

/* A key that may not be there: its value may be unknown, as ptmi_py_dict_set() left it. */
static struct ptmi_py_value *key_at(ptmi_py *py, const struct ptmi_py_value *dict, size_t i)
{
    struct ptmi_py_value *choice;
    for (size_t j = 0; dict->open && (choice = ptmi_py_choice(dict->items[i], j)); j++)
        if (choice->type == PYV_UNKNOWN) return ptmi_py_either(py, dict->keys[i], &py->unknown);
    return dict->keys[i];
}

static struct ptmi_py_value *keys_of(ptmi_py *py, const struct ptmi_py_value *dict)
{
    struct ptmi_py_value *list = ptmi_py_value_new(py, PYV_LIST);
    for (size_t i = 0; i < dict->n; i++) ptmi_py_list_add(py, list, key_at(py, dict, i));
    list->open = dict->open;
    py->steps += dict->n / 8;
    return list;
}

struct ptmi_py_value *ptmi_py_items(ptmi_py *py, struct ptmi_py_value *value)
{
    switch ((ptmi_py_type)value->type) {
    case PYV_LIST:
        return value;
    case PYV_DICT:
        return keys_of(py, value);
    case PYV_STR:
        return characters(py, value->str);
    default:
        return NULL;
    }
}

struct ptmi_py_value *ptmi_py_pair(ptmi_py *py, struct ptmi_py_value *a, struct ptmi_py_value *b)
{
    struct ptmi_py_value *both = ptmi_py_value_new(py, PYV_LIST);
    ptmi_py_list_add(py, both, a);
    ptmi_py_list_add(py, both, b);
    return both;
}

static struct ptmi_py_value *pairs_of(ptmi_py *py, const struct ptmi_py_value *dict)
{
    struct ptmi_py_value *list = ptmi_py_value_new(py, PYV_LIST);
    for (size_t i = 0; i < dict->n; i++)
        ptmi_py_list_add(py, list, ptmi_py_pair(py, key_at(py, dict, i), dict->items[i]));
    list->open = dict->open;
    py->steps += dict->n;
    return list;
}

struct ptmi_py_value *ptmi_py_list_copy(ptmi_py *py, const struct ptmi_py_value *of)
{
    struct ptmi_py_value *list = ptmi_py_value_new(py, PYV_LIST);
    list->open = !of || of->open;
    for (size_t i = 0; of && i < of->n; i++) ptmi_py_list_add(py, list, of->items[i]);
    py->steps += of ? of->n / 8 : 0;
    return list;
}

static struct ptmi_py_value *values_of(ptmi_py *py, const struct ptmi_py_value *dict)
{
    return ptmi_py_list_copy(py, dict); /* items of a dict are its values */
}

/* [(key, value), ..] */
static void update_by_pairs(ptmi_py *py, struct ptmi_py_value *dict,
                            const struct ptmi_py_value *pairs)
{
    dict->open |= pairs->open;
    for (size_t i = 0; i < pairs->n; i++) {
        const struct ptmi_py_value *one = pairs->items[i];
        if (one->type == PYV_LIST && one->n == 2)
            ptmi_py_dict_set(py, dict, one->items[0], one->items[1]);
        else
            dict->open = true;
    }
}

void ptmi_py_dict_update(ptmi_py *py, struct ptmi_py_value *dict, const struct ptmi_py_args *args)
{
    for (size_t i = 0; i < args->n; i++) {
        const char *name = args->names[i];
        if (name)
            ptmi_py_dict_set(py, dict, ptmi_py_str(py, name, strlen(name)), args->items[i]);
        else if (args->items[i]->type == PYV_LIST)
            update_by_pairs(py, dict, args->items[i]);
        else
            ptmi_py_dict_add(py, dict, args->items[i]);
    }
    dict->open |= args->open;
}

/* get, pop, setdefault */
static struct ptmi_py_value *dict_lookup(ptmi_py *py, struct ptmi_py_value *dict, const char *name,
                                         const struct ptmi_py_args *args)
{
    bool pops = strcmp(name, "pop") == 0, sets = strcmp(name, "setdefault") == 0;
    struct ptmi_py_value *key = ptmi_py_arg(args, 0, "key"),
                         *otherwise = ptmi_py_arg(args, 1, NULL);
    if ((!pops && !sets && strcmp(name, "get") != 0) || !key) return &py->unknown;
    bool known = ptmi_py_is_const(key), may = ptmi_py_may_change(py, dict);
    struct ptmi_py_value *found = known ? ptmi_py_dict_get(py, dict, key) : NULL, *all = found;
    if (!otherwise) otherwise = pops ? &py->unknown : &py->none;
    if (!found)
        all = known && !dict->open
                  ? otherwise
                  : ptmi_py_either(py, ptmi_py_subscript(py, dict, key), otherwise);
    if (pops && may && (found || !known || dict->open)) ptmi_py_dict_drop(py, dict, key);
    if (sets && may && !known) dict->open = true;
    if (sets && may && !found) ptmi_py_dict_set(py, dict, key, all);
    return all;
}

static struct ptmi_py_value *dict_method(ptmi_py *py, struct ptmi_py_value *dict, const char *name,
                                         const struct ptmi_py_args *args)
{
    if (strcmp(name, "items") == 0) return pairs_of(py, dict);
    if (strcmp(name, "values") == 0) return values_of(py, dict);
    if (strcmp(name, "keys") == 0) return keys_of(py, dict);
    if (strcmp(name, "copy") == 0 || strcmp(name, "update") == 0) {
        struct ptmi_py_value *copy = dict;
        struct ptmi_py_args self = {.items = &dict, .names = (const char *[]){NULL}, .n = 1};
        if (*name == 'c')
            ptmi_py_dict_update(py, copy = ptmi_py_value_new(py, PYV_DICT), &self);
        else if (ptmi_py_may_change(py, dict))
            ptmi_py_dict_update(py, dict, args);
        return *name == 'c' ? copy : &py->none;
    }
    if (strcmp(name, "clear") == 0 || strcmp(name, "popitem") == 0) {
        bool all = *name == 'c' && !ptmi_py_may_not_be(py, dict);
        if (!ptmi_py_may_change(py, dict)) return &py->unknown;
        ptmi_py_forget(dict);
        dict->open = !all;
        return all ? &py->none : &py->unknown;
    }
    return dict_lookup(py, dict, name, args);
}

static void add_item(ptmi_py *py, struct ptmi_py_value *list, struct ptmi_py_value *item,
                     bool maybe)
{
    if (maybe) list->open = true;
    ptmi_py_list_add(py, list, maybe ? ptmi_py_either(py, item, &py->unknown) : item);
}

static int compare_texts(const void *a, const void *b)
{
    const struct ptmi_py_value *const *x = a, *const *y = b;
    return strcmp((*x)->str, (*y)->str);
}

static int compare_numbers(const void *a, const void *b)
{
    const struct ptmi_py_value *const *x = a, *const *y = b;
    return (*x)->num < (*y)->num ? -1 : (*x)->num > (*y)->num;
}

/* Texts, or whole numbers. Of anything else, and of sorts with a key, the order stays as it was:
 * those who sort names go through all of them. */
void ptmi_py_list_sort(ptmi_py *py, struct ptmi_py_value *list, const struct ptmi_py_args *args)
{
    const struct ptmi_py_value *reverse = ptmi_py_arg(args, SIZE_MAX, "reverse");
    bool texts = true, numbers = true;
    for (size_t i = 0; i < list->n; i++) {
        texts = texts && list->items[i]->type == PYV_STR;
        numbers = numbers && list->items[i]->type == PYV_INT;
        if (texts) ptmi_py_toil(py, 16 * strlen(list->items[i]->str));
    }
    py->steps += list->n;
    if (!ptmi_py_step(py) || list->n < 2 || (!texts && !numbers) ||
        ptmi_py_arg(args, SIZE_MAX, "key"))
        return;
    qsort(list->items, list->n, sizeof *list->items, texts ? compare_texts : compare_numbers);
    for (size_t i = 0, j = list->n - 1; reverse && ptmi_py_truth(reverse) == 1 && i < j; i++, j--) {
        struct ptmi_py_value *swapped = list->items[i];
        list->items[i] = list->items[j];
        list->items[j] = swapped;
    }
}

static struct ptmi_py_value *list_method(ptmi_py *py, struct ptmi_py_value *list, const char *name,
                                         const struct ptmi_py_args *args)
{
    struct ptmi_py_value *first = ptmi_py_arg(args, 0, NULL);
    if (strcmp(name, "copy") == 0) return ptmi_py_list_copy(py, list);
    if (!ptmi_py_may_change(py, list)) return &py->unknown;
    bool extends = strcmp(name, "extend") == 0, maybe = ptmi_py_may_not_be(py, list);
    if (strcmp(name, "append") == 0 || strcmp(name, "add") == 0) {
        add_item(py, list, first ? first : &py->unknown, maybe);
    } else if (extends || strcmp(name, "update") == 0) {
        struct ptmi_py_value *items = first ? ptmi_py_items(py, first) : NULL;
        size_t n = items ? items->n : 0;
        if (!items || items->open) list->open = true;
        for (size_t i = 0; i < n && ptmi_py_step(py); i++)
            add_item(py, list, items->items[i], maybe);
    } else if (strcmp(name, "sort") == 0 && !maybe) {
        ptmi_py_list_sort(py, list, args);
    } else if (strcmp(name, "index") != 0 && strcmp(name, "count") != 0) {
        ptmi_py_forget(list); /* remove, pop, insert, reverse, .. */
        return &py->unknown;
    }
    return &py->none;
}

/* --- strings --- */

static struct ptmi_py_value *cased(ptmi_py *py, const char *text, bool upper)
{
    struct ptmi_py_value *value = ptmi_py_str(py, text, strlen(text));
    if (value->type != PYV_STR) return value;
    for (char *c = (char *)value->str; *c; c++)
        *c = (char)(upper ? (*c >= 'a' && *c <= 'z' ? *c - 32 : *c)
                          : (*c >= 'A' && *c <= 'Z' ? *c + 32 : *c));
    return value;
}

static struct ptmi_py_value *stripped(ptmi_py *py, const char *text, const char *name)
{
    size_t len = strlen(text), begin = 0;
    while (name[0] != 'r' && begin < len && isspace((unsigned char)text[begin])) begin++;
    while (name[0] != 'l' && len > begin && isspace((unsigned char)text[len - 1])) len--;
    return ptmi_py_str(py, text + begin, len - begin);
}

static struct ptmi_py_value *replaced(ptmi_py *py, const char *text, const char *from,
                                      const char *to)
{
    struct ptmi_buf out = PTMI_BUF(1u << 20);
    const char *stop = text + strlen(text);
    size_t len = strlen(from);
    ptm_rc rc = PTM_OK;
    for (const char *hit; len && rc == PTM_OK; text = hit + len) {
        hit = memmem(text, (size_t)(stop - text), from, len); /* strstr() may be quadratic */
        if (!hit) break;
        py->steps++;
        rc = ptmi_buf_append(&out, text, (size_t)(hit - text), NULL);
        if (rc == PTM_OK) rc = ptmi_buf_puts(&out, to, NULL);
    }
    if (rc == PTM_OK) rc = ptmi_buf_puts(&out, text, NULL);
    if (rc == PTM_ENOMEM) (void)ptmi_py_got(py, NULL);
    struct ptmi_py_value *value =
        rc == PTM_OK && out.data ? ptmi_py_str(py, out.data, out.len) : &py->data;
    ptmi_buf_clear(&out);
    return value;
}

static struct ptmi_py_value *split(ptmi_py *py, const char *text, const char *by)
{
    struct ptmi_py_value *list = ptmi_py_value_new(py, PYV_LIST);
    size_t len = by ? strlen(by) : 0;
    const char *stop = text + strlen(text);
    if (by && len == 0) return &py->unknown;
    while (ptmi_py_step(py)) {
        if (!by) text += strspn(text, " \t\n\f\v\r");
        if (!by && !*text) break;
        const char *end =
            by ? memmem(text, (size_t)(stop - text), by, len) : text + strcspn(text, " \t\n\f\v\r");
        size_t n = end ? (size_t)(end - text) : strlen(text);
        ptmi_py_list_add(py, list, ptmi_py_str(py, text, n));
        if (!end || !*end) break;
        text = end + len;
    }
    return list;
}

static struct ptmi_py_value *joined(ptmi_py *py, struct ptmi_py_value *by,
                                    struct ptmi_py_value *what)
{
    struct ptmi_py_value *items = what ? ptmi_py_items(py, what) : NULL;
    struct ptmi_py_value *text = ptmi_py_str(py, "", 0);
    if (!items || items->open) return &py->data;
    for (size_t i = 0; i < items->n && ptmi_py_step(py); i++) {
        if (i) text = ptmi_py_add(py, text, by);
        text = ptmi_py_add(py, text, items->items[i]);
    }
    return text;
}

/* pathlib's, too: a path is kept as its text. */
static struct ptmi_py_value *path_method(ptmi_py *py, struct ptmi_py_value *path, const char *name,
                                         const struct ptmi_py_args *args)
{
    if (strcmp(name, "resolve") == 0 || strcmp(name, "absolute") == 0 ||
        strcmp(name, "as_posix") == 0)
        return path;
    if (strcmp(name, "joinpath") != 0) return &py->data;
    for (size_t i = 0; i < args->n; i++) {
        path = ptmi_py_add(py, path, ptmi_py_str(py, "/", 1));
        path = ptmi_py_add(py, path, args->items[i]);
    }
    return path;
}

/* ASCII without the separators that are white space to Python alone: what is letter and what is
 * space is as in C. */
static bool is_simple(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80 || (*text >= 0x1c && *text <= 0x1f)) return false;
    return true;
}

static struct ptmi_py_value *str_method(ptmi_py *py, struct ptmi_py_value *object, const char *name,
                                        const struct ptmi_py_args *args)
{
    const char *text = object->str;
    const struct ptmi_py_value *a = ptmi_py_arg(args, 0, NULL), *b = ptmi_py_arg(args, 1, NULL);
    const char *first = a && a->type == PYV_STR ? a->str : NULL;
    const char *second = b && b->type == PYV_STR ? b->str : NULL;
    ptmi_py_toil(py, 2 * strlen(text));
    if (strcmp(name, "format") == 0) return ptmi_py_format(py, object, args);
    if (strcmp(name, "join") == 0) return joined(py, object, ptmi_py_arg(args, 0, NULL));
    bool cases = strcmp(name, "lower") == 0 || strcmp(name, "upper") == 0;
    bool strips = ptmi_str_ends(name, "strip"), splits = strcmp(name, "split") == 0;
    if (!a && (cases || strips || splits) && !is_simple(text))
        return splits ? &py->unknown : &py->data;
    if (cases) return cased(py, text, *name == 'u');
    if (!a && strips) return stripped(py, text, name);
    if (splits && (!a || first) && !b) return split(py, text, first);
    if (strcmp(name, "replace") == 0 && first && second && args->n == 2)
        return replaced(py, text, first, second);
    if (strcmp(name, "startswith") == 0 && first)
        return ptmi_py_bool(py, ptmi_str_starts(text, first));
    if (strcmp(name, "endswith") == 0 && first) return ptmi_py_bool(py, ptmi_str_ends(text, first));
    return path_method(py, object, name, args);
}

static struct ptmi_py_value *globals_method(ptmi_py *py, struct ptmi_py_value *globals,
                                            const char *name, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *first = ptmi_py_arg(args, 0, NULL);
    if (strcmp(name, "get") == 0 && first) return ptmi_py_subscript(py, globals, first);
    bool sets = strcmp(name, "setdefault") == 0 || strcmp(name, "__setitem__") == 0;
    bool drops = strcmp(name, "pop") == 0 || strcmp(name, "__delitem__") == 0;
    if (drops && first) {
        ptmi_py_unset_global(py, globals->module, first);
    } else if (sets && args->n > 1) {
        ptmi_py_set_global(py, globals->module, args->items[0], args->items[1], py->call);
    } else if (strcmp(name, "update") == 0) {
        struct ptmi_py_value *given = ptmi_py_value_new(py, PYV_DICT);
        ptmi_py_dict_update(py, given, args);
        ptmi_py_update_globals(py, globals->module, given, py->call);
    }
    return &py->unknown;
}

struct ptmi_py_value *ptmi_py_method(ptmi_py *py, struct ptmi_py_value *object, const char *name,
                                     const struct ptmi_py_args *args)
{
    switch ((ptmi_py_type)object->type) {
    case PYV_STR:
        return str_method(py, object, name, args);
    case PYV_LIST:
        return list_method(py, object, name, args);
    case PYV_DICT:
        return dict_method(py, object, name, args);
    case PYV_GLOBALS:
        return globals_method(py, object, name, args);
    default:
        return NULL;
    }
}
