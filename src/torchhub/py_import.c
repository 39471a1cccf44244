/* SPDX-License-Identifier: MIT */
/* py_import.c - import statements. Names of files of the repository are looked up when they are
 * needed, not now: an entry point that is not asked about costs nothing. */
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "py_interp.h"

/* In the arena; "" when out of memory. */
static const char *text_of(ptmi_py *py, TSNode node)
{
    struct ptmi_py_span span = ptmi_py_span_of(&py->frame->module->source, node);
    char *text = ptmi_py_alloc(py, span.len + 1);
    size_t n = 0;
    for (size_t i = 0; text && i < span.len; i++) /* "a . b" is "a.b" */
        if (!strchr(" \t\n\\", span.text[i])) text[n++] = span.text[i];
    return text ? text : "";
}

static struct ptmi_py_value *module_value(ptmi_py *py, struct ptmi_py_module *module)
{
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_MODULE);
    value->module = module;
    return value;
}

/* Tables of the repository are filled by files that register what they define when they are
 * imported: who writes such a table into its names needs them all. */
static void go_through(ptmi_py *py, struct ptmi_py_module *module)
{
    if (py->eager && py->changing && module) (void)ptmi_py_module_load(py, module);
}

/* a, a.b, a.b.c */
static void go_along(ptmi_py *py, const char *dotted)
{
    size_t len = 0;
    while (py->eager && py->changing && ptmi_py_step(py)) {
        len += strcspn(dotted + len, ".");
        const struct ptmi_py_value *head = ptmi_py_str(py, dotted, len);
        if (head->type == PYV_STR) go_through(py, ptmi_py_module_find(py, head->str));
        if (!dotted[len++]) return;
    }
}

/* "import a.b" binds a, "import a.b as c" binds b as c. */
static void import_module(ptmi_py *py, TSNode node)
{
    TSNode alias = ptmi_py_field_of(&py->lang, node, PYF_ALIAS);
    bool aliased = !ts_node_is_null(alias);
    TSNode name = aliased ? ptmi_py_field_of(&py->lang, node, PYF_NAME) : node;
    const char *dotted = text_of(py, name);
    size_t first = strcspn(dotted, ".");
    go_along(py, dotted);
    struct ptmi_py_module *module = ptmi_py_module_find(py, dotted);
    if (module && dotted[first] && !aliased) {
        struct ptmi_py_value *head = ptmi_py_str(py, dotted, first);
        module = head->type == PYV_STR ? ptmi_py_module_find(py, head->str) : NULL;
    }
    struct ptmi_py_value *value =
        module ? module_value(py, module) : ptmi_py_extern(py, dotted, true);
    if (!module && !aliased && dotted[first] && value->type == PYV_EXTERN)
        ((char *)value->str)[first] = '\0';
    const char *bound = aliased ? text_of(py, alias) : dotted;
    ptmi_py_bind_name(py, bound, aliased ? strlen(bound) : first, value, node, PYB_IMPORTED);
}

/* Where `from X import` looks: *out NULL for outside, whose name stands in *dotted then. */
static bool from_where(ptmi_py *py, TSNode node, struct ptmi_py_module **out, const char **dotted)
{
    *dotted = text_of(py, node);
    if (ptmi_py_kind_of(&py->lang, node) != PY_RELATIVE_IMPORT) {
        go_along(py, *dotted);
        *out = ptmi_py_module_find(py, *dotted);
        return true;
    }
    size_t dots = strspn(*dotted, ".");
    *out = ptmi_py_module_relative(py, py->frame->module, (int)(dots < 64 ? dots : 64),
                                   *dotted + dots);
    go_through(py, *out);
    return *out != NULL;
}

static struct ptmi_py_value *name_from(ptmi_py *py, struct ptmi_py_module *module,
                                       const char *dotted, const char *name)
{
    if (!module) {
        char *full = ptmi_py_got(py, ptmi_arena_printf(py->arena, "%s.%s", dotted, name));
        return ptmi_py_extern(py, full ? full : name, false);
    }
    /* "from . import x" in a package itself: x is no name of it yet, but a file. */
    struct ptmi_py_module *own =
        module == py->frame->module ? ptmi_py_module_sub(py, module, name) : NULL;
    go_through(py, own);
    if (own) return module_value(py, own);
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_LAZY);
    value->str = name;
    value->module = module;
    if (py->eager && py->changing && module->state == PTMI_MODULE_READY) {
        const struct ptmi_py_value *found = ptmi_py_force(py, value);
        if (found->type == PYV_MODULE) go_through(py, found->module);
    }
    return value;
}

static void import_name(ptmi_py *py, struct ptmi_py_module *module, const char *dotted, TSNode node)
{
    TSNode alias = ptmi_py_field_of(&py->lang, node, PYF_ALIAS);
    bool aliased = !ts_node_is_null(alias);
    const char *name = text_of(py, aliased ? ptmi_py_field_of(&py->lang, node, PYF_NAME) : node);
    const char *bound = aliased ? text_of(py, alias) : name;
    struct ptmi_py_value *value =
        dotted ? name_from(py, module, dotted, name) : &py->unknown; /* a file that is missing */
    ptmi_py_bind_name(py, bound, strlen(bound), value, node, PYB_IMPORTED);
}

/* --- from x import * --- */

static void copy_bind(ptmi_py *py, struct ptmi_py_module *from, const char *name)
{
    struct ptmi_py_bind *bind = ptmi_py_env_own(py, from->now, name, strlen(name));
    if (bind) {
        struct ptmi_py_bind copy = *bind;
        ptmi_py_env_set(py, py->frame->env, &copy);
        return;
    }
    struct ptmi_py_module *sub = ptmi_py_module_sub(py, from, name);
    struct ptmi_py_bind made = {.name = name, .line = 1, .how = PYB_IMPORTED};
    made.value = sub ? module_value(py, sub) : &py->unknown; /* exec, or the file's __getattr__ */
    made.source = &from->source;
    ptmi_py_env_set(py, py->frame->env, &made);
}

/* False: there is no __all__, and all public names are meant. */
static bool star_all(ptmi_py *py, struct ptmi_py_module *from, TSNode statement)
{
    struct ptmi_py_bind *all = ptmi_py_env_own(py, from->now, "__all__", 7);
    struct ptmi_py_value *names = all ? ptmi_py_force(py, all->value) : NULL;
    if (!names) return false;
    bool known = names->type == PYV_LIST && !names->open && !all->maybe;
    for (size_t i = 0; names->type == PYV_LIST && i < names->n; i++) {
        if (names->items[i]->type == PYV_STR)
            copy_bind(py, from, names->items[i]->str);
        else
            known = false;
    }
    if (!known) ptmi_py_note_dynamic(py, py->frame->module, statement);
    return true;
}

/* What the other file makes that nobody can tell, it makes here, too. */
static void share_dynamics(ptmi_py *py, struct ptmi_py_module *from)
{
    struct ptmi_py_module *to = py->frame->module;
    for (struct ptmi_py_dynamic *at = from->dynamics; at; at = at->next) {
        struct ptmi_py_dynamic *copy = ptmi_py_alloc(py, sizeof *copy);
        if (!copy) return;
        *copy = (struct ptmi_py_dynamic){at->source, at->node, NULL};
        *(to->last_dynamic ? &to->last_dynamic->next : &to->dynamics) = copy;
        to->last_dynamic = copy;
    }
}

static void import_star(ptmi_py *py, struct ptmi_py_module *from, TSNode statement)
{
    if (from == py->frame->module) return;
    if (!from || !ptmi_py_module_load(py, from)) {
        ptmi_py_note_dynamic(py, py->frame->module, statement);
        return;
    }
    if (!from->now) return; /* a mere folder */
    if (star_all(py, from, statement)) return;
    for (size_t i = 0; i < from->now->n && ptmi_py_step(py); i++)
        if (from->now->binds[i].name[0] != '_' && from->now->binds[i].value->type != PYV_GONE)
            copy_bind(py, from, from->now->binds[i].name);
    share_dynamics(py, from);
}

static void import_from(ptmi_py *py, TSNode statement)
{
    struct ptmi_py_module *module = NULL;
    const char *dotted = NULL;
    TSNode where = ptmi_py_field_of(&py->lang, statement, PYF_MODULE_NAME);
    if (ts_node_is_null(where)) return;
    bool known = from_where(py, where, &module, &dotted);
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, statement);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        if (ptmi_py_kind_of(&py->lang, kid) == PY_WILDCARD_IMPORT)
            import_star(py, module, statement);
        else if (ptmi_py_kids_in(&kids, PYF_NAME))
            import_name(py, module, known ? dotted : NULL, kid);
    }
}

void ptmi_py_exec_import(ptmi_py *py, TSNode statement, ptmi_py_kind kind)
{
    if (kind == PY_FUTURE_IMPORT_STATEMENT) return; /* binds flags, nothing one calls */
    if (kind == PY_IMPORT_FROM_STATEMENT) {
        import_from(py, statement);
        return;
    }
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&py->lang, statement);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);)
        if (ptmi_py_kids_in(&kids, PYF_NAME)) import_module(py, kid);
}
