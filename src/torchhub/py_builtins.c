/* SPDX-License-Identifier: MIT */
/* py_builtins.c - Python's builtin functions, as far as tables of weights and names of entry points
 * are made with them; of the others, that one can call them. */
#include <stdlib.h>
#include <string.h>

#include "py_eval.h"

/* Sorted. What they are is known: one can call them. */
static const char *const BUILTINS[] = {
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "Exception",
    "FileNotFoundError",
    "ImportError",
    "IndexError",
    "KeyError",
    "ModuleNotFoundError",
    "NotImplementedError",
    "OSError",
    "RuntimeError",
    "TypeError",
    "ValueError",
    "Warning",
    "__import__",
    "abs",
    "all",
    "any",
    "bool",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, *(const char *const *)b);
}

bool ptmi_py_is_builtin(const char *name)
{
    return bsearch(name, BUILTINS, sizeof BUILTINS / sizeof *BUILTINS, sizeof *BUILTINS,
                   compare_names) != NULL;
}

static struct ptmi_py_value *range(ptmi_py *py, const struct ptmi_py_args *args)
{
    int64_t from = 0, to, step = 1;
    for (size_t i = 0; i < args->n; i++)
        if (args->items[i]->type != PYV_INT) return &py->data;
    if (args->n == 0 || args->n > 3 || args->open) return &py->data;
    to = args->items[args->n > 1]->num;
    if (args->n > 1) from = args->items[0]->num;
    if (args->n > 2) step = args->items[2]->num;
    struct ptmi_py_value *list = ptmi_py_value_new(py, PYV_LIST);
    for (int64_t at = from; step != 0 && (step > 0 ? at < to : at > to);) {
        if (list->n >= PTMI_PY_RANGE || !ptmi_py_step(py)) return &py->data;
        ptmi_py_list_add(py, list, ptmi_py_int(py, at));
        if (__builtin_add_overflow(at, step, &at)) break;
    }
    return list;
}

static struct ptmi_py_value *enumerated(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *items = args->n ? ptmi_py_items(py, args->items[0]) : NULL;
    const struct ptmi_py_value *start = ptmi_py_arg(args, 1, "start");
    if (!items || items->open || (start && start->type != PYV_INT)) return &py->data;
    struct ptmi_py_value *list = ptmi_py_value_new(py, PYV_LIST);
    for (size_t i = 0; i < items->n && ptmi_py_step(py); i++)
        ptmi_py_list_add(
            py, list,
            ptmi_py_pair(py, ptmi_py_int(py, (int64_t)i + (start ? start->num % 1000000 : 0)),
                         items->items[i]));
    return list;
}

static struct ptmi_py_value *zipped(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *list = ptmi_py_value_new(py, PYV_LIST);
    size_t least = args->n ? SIZE_MAX : 0;
    for (size_t i = 0; i < args->n; i++) {
        const struct ptmi_py_value *items = ptmi_py_items(py, args->items[i]);
        if (!items || items->open) return &py->data;
        if (items->n < least) least = items->n;
    }
    for (size_t j = 0; j < least && ptmi_py_step(py); j++) {
        struct ptmi_py_value *row = ptmi_py_value_new(py, PYV_LIST);
        for (size_t i = 0; i < args->n; i++)
            ptmi_py_list_add(py, row, ptmi_py_items(py, args->items[i])->items[j]);
        ptmi_py_list_add(py, list, row);
    }
    return list;
}

/* map(f, items): called at once, though Python waits until somebody asks. */
static struct ptmi_py_value *mapped(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *items = args->n == 2 ? ptmi_py_items(py, args->items[1]) : NULL;
    if (!items) return &py->data;
    struct ptmi_py_value *list = ptmi_py_value_new(py, PYV_LIST);
    list->open = items->open;
    for (size_t i = 0; i < items->n && ptmi_py_step(py); i++) {
        struct ptmi_py_value *one[] = {items->items[i]};
        struct ptmi_py_args given = {.items = one, .names = (const char *[]){NULL}, .n = 1};
        ptmi_py_list_add(py, list, ptmi_py_call(py, args->items[0], &given));
    }
    return list;
}

static struct ptmi_py_value *make_dict(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *dict = ptmi_py_value_new(py, PYV_DICT);
    ptmi_py_dict_update(py, dict, args);
    return dict;
}

static struct ptmi_py_value *make_list(ptmi_py *py, const struct ptmi_py_args *args)
{
    if (args->n == 0) return ptmi_py_value_new(py, PYV_LIST);
    return ptmi_py_list_copy(py, ptmi_py_items(py, args->items[0]));
}

static struct ptmi_py_value *sorted_list(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *list = make_list(py, args);
    if (list->type == PYV_LIST) ptmi_py_list_sort(py, list, args);
    return list;
}

static struct ptmi_py_value *reversed_list(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *list = make_list(py, args);
    for (uint32_t i = 0; list->type == PYV_LIST && i < list->n / 2; i++) {
        struct ptmi_py_value *one = list->items[i];
        list->items[i] = list->items[list->n - 1 - i];
        list->items[list->n - 1 - i] = one;
    }
    return list;
}

static struct ptmi_py_value *text(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *format = ptmi_py_str(py, "{}", 2);
    return args->n == 1 && !args->names[0] ? ptmi_py_format(py, format, args) : &py->data;
}

static struct ptmi_py_value *get_attribute(ptmi_py *py, const struct ptmi_py_args *args)
{
    if (args->n < 2) return &py->unknown;
    struct ptmi_py_value *found = NULL, *name;
    for (size_t i = 0; (name = ptmi_py_choice(args->items[1], i)); i++)
        found =
            ptmi_py_either(py, found,
                           name->type == PYV_STR ? ptmi_py_attribute(py, args->items[0], name->str)
                                                 : &py->unknown);
    return found && args->n > 2 ? ptmi_py_either(py, found, args->items[2]) : found;
}

static struct ptmi_py_value *set_attribute(ptmi_py *py, const struct ptmi_py_args *args)
{
    if (args->n == 3)
        ptmi_py_set_attribute(py, args->items[0], args->items[1], args->items[2], py->call);
    return &py->none;
}

/* locals() and vars() of a module are its globals. */
static struct ptmi_py_value *namespace(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_GLOBALS);
    value->module = py->frame->module;
    if (args->n == 1 && args->items[0]->type == PYV_MODULE)
        value->module = args->items[0]->module;
    else if (args->n > 0)
        return &py->unknown;
    return value;
}

static struct ptmi_py_value *local_names(ptmi_py *py, const struct ptmi_py_args *args)
{
    return py->frame->func && args->n == 0 ? &py->unknown : namespace(py, args);
}

static struct ptmi_py_value *super_of(ptmi_py *py, const struct ptmi_py_args *args)
{
    const struct ptmi_py_frame *frame = py->frame;
    (void)args;
    if (!frame->func || frame->func->type != PYV_FUNC || !frame->func->owner || !frame->self)
        return &py->unknown;
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_SUPER);
    value->bases = frame->func->owner->bases;
    value->owner = frame->self;
    return value;
}

static struct ptmi_py_value *execute(ptmi_py *py, const struct ptmi_py_args *args)
{
    (void)args;
    ptmi_py_note_dynamic(py, py->frame->module, py->call);
    return &py->none;
}

static struct ptmi_py_value *length(ptmi_py *py, const struct ptmi_py_args *args)
{
    const struct ptmi_py_value *of = args->n == 1 ? args->items[0] : &py->unknown;
    bool known = (of->type == PYV_LIST || of->type == PYV_DICT) && !of->open;
    return known ? ptmi_py_int(py, of->n) : &py->data;
}

static struct ptmi_py_value *something(ptmi_py *py, const struct ptmi_py_args *args)
{
    (void)args;
    return &py->unknown;
}

static const struct {
    const char *name;
    struct ptmi_py_value *(*call)(ptmi_py *py, const struct ptmi_py_args *args);
} CALLS[] = {
    {"range", range},
    {"enumerate", enumerated},
    {"zip", zipped},
    {"map", mapped},
    {"dict", make_dict},
    {"list", make_list},
    {"tuple", make_list},
    {"set", make_list},
    {"frozenset", make_list},
    {"sorted", sorted_list},
    {"reversed", reversed_list},
    {"str", text},
    {"getattr", get_attribute},
    {"setattr", set_attribute},
    {"globals", namespace},
    {"locals", local_names},
    {"vars", local_names},
    {"super", super_of},
    {"exec", execute},
    {"len", length},
    {"eval", something},
    {"__import__", something},
    {"type", something},
    {"next", something},
    {"max", something},
    {"min", something},
    {"property", something},
    {"staticmethod", something},
    {"classmethod", something},
};

struct ptmi_py_value *ptmi_py_call_builtin(ptmi_py *py, const char *name,
                                           const struct ptmi_py_args *args)
{
    for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++)
        if (strcmp(CALLS[i].name, name) == 0) {
            struct ptmi_py_value *value = CALLS[i].call(py, args);
            return value ? value : &py->unknown;
        }
    return &py->data; /* int, isinstance, open, ..: nothing one can call */
}
