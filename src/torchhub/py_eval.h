/* SPDX-License-Identifier: MIT */
/* py_eval.h - what the files about expressions share. */
#pragma once

#include "py_interp.h"

static inline TSNode ptmi_py_part(ptmi_py *py, TSNode node, ptmi_py_field which)
{
    return ptmi_py_field_of(&py->lang, node, which);
}

/* Of the source that is being gone through. */
static inline struct ptmi_py_span ptmi_py_text(ptmi_py *py, TSNode node)
{
    return ptmi_py_span_of(&py->frame->module->source, node);
}

/* --- py_collect.c --- */

/* Lists, tuples, sets, dicts and comprehensions. */
struct ptmi_py_value *ptmi_py_eval_collection(ptmi_py *py, TSNode node, ptmi_py_kind kind);
/* What more holds goes into dict, too; anything but a known dict makes it open. */
void ptmi_py_dict_add(ptmi_py *py, struct ptmi_py_value *dict, const struct ptmi_py_value *more);

/* --- py_operate.c --- */

/* Arithmetic, comparisons, and, or, not, "a if c else b". */
struct ptmi_py_value *ptmi_py_eval_operator(ptmi_py *py, TSNode node, ptmi_py_kind kind);

/* --- py_methods.c --- */

/* What is counted or gone through of a range(), or of a text. */
#define PTMI_PY_RANGE 10000
struct ptmi_py_value *ptmi_py_pair(ptmi_py *py, struct ptmi_py_value *a, struct ptmi_py_value *b);
/* of NULL: unknown, which makes an open list. */
struct ptmi_py_value *ptmi_py_list_copy(ptmi_py *py, const struct ptmi_py_value *of);
/* By what sort() and sorted() were called with. */
void ptmi_py_list_sort(ptmi_py *py, struct ptmi_py_value *list, const struct ptmi_py_args *args);
/* By what dict() and update() were called with. */
void ptmi_py_dict_update(ptmi_py *py, struct ptmi_py_value *dict, const struct ptmi_py_args *args);
