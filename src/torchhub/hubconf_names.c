/* SPDX-License-Identifier: MIT */
/*
 * hubconf_names.c - which names of hubconf.py torch.hub would list, and how sure that is. Torch
 * lists what is callable and does not begin with "_"; so a name is listed here unless the source
 * says that it is none one calls.
 */
#include <string.h>

#include "../base/str.h"
#include "hubconf_priv.h"

/* Files a name goes through before it is defined. */
#define HOPS_MAX 64

struct ptmi_hub_name ptmi_hub_name_of(ptmi_py *py, const struct ptmi_py_bind *bind)
{
    struct ptmi_hub_name name = {*bind, bind->value, NULL};
    for (int i = 0; i < HOPS_MAX && name.value->type == PYV_LAZY; i++) {
        struct ptmi_py_module *module = name.value->module;
        const char *wanted = name.value->str;
        const struct ptmi_py_bind *next =
            ptmi_py_module_load(py, module) && module->now
                ? ptmi_py_env_own(py, module->now, wanted, strlen(wanted))
                : NULL;
        if (!next) break;
        bool maybe = name.bind.maybe || next->maybe;
        name.bind = *next;
        name.bind.maybe = maybe;
        name.value = next->value;
    }
    name.value = ptmi_py_force(py, name.value);
    return name;
}

char *ptmi_hub_statement(const struct ptmi_py_source *source, TSNode node, struct ptmi_arena *arena)
{
    size_t at = ts_node_start_byte(node);
    if (at > source->len) at = source->len;
    while (at > 0 && source->text[at - 1] != '\n') at--;
    const char *line = source->text + at + strspn(source->text + at, " \t");
    size_t len = strcspn(line, "\n");
    while (len > 0 && strchr(" \t", line[len - 1])) len--;
    return ptmi_arena_strndup(arena, line, len);
}

/* --- one thing a name may be --- */

struct look {
    const char *kind;
    ptm_certainty certainty; /* 0: nothing one calls */
};

static struct look look_instance(ptmi_py *py, const struct ptmi_py_value *value)
{
    struct ptmi_py_value *class = value->owner;
    if (class->type != PYV_CLASS) return (struct look){"dynamic", PTM_CERTAIN_DYNAMIC};
    if (ptmi_py_class_attr(py, class, "__call__"))
        return (struct look){"callable", PTM_CERTAIN_SURE};
    if (ptmi_py_class_closed(py, class)) return (struct look){NULL, 0};
    return (struct look){"callable", PTM_CERTAIN_DYNAMIC};
}

static struct look look_at(ptmi_py *py, const struct ptmi_py_value *value, ptmi_py_how how)
{
    bool alias = how == PYB_ALIAS;
    switch ((ptmi_py_type)value->type) {
    case PYV_FUNC: {
        bool lambda = ptmi_py_kind_of(&py->lang, value->node) == PY_LAMBDA;
        return (struct look){alias ? "alias" : lambda ? "lambda" : "function", PTM_CERTAIN_SURE};
    }
    case PYV_CLASS:
        return (struct look){alias ? "alias" : "class", PTM_CERTAIN_SURE};
    case PYV_PARTIAL:
        return (struct look){"partial", PTM_CERTAIN_SURE};
    case PYV_BOUND:
        return (struct look){"callable", PTM_CERTAIN_SURE};
    case PYV_BUILTIN:
        return (struct look){"alias", PTM_CERTAIN_SURE};
    case PYV_INSTANCE:
        return look_instance(py, value);
    case PYV_EXTERN:
        if (value->is_module || ptmi_str_ends(value->str, "TYPE_CHECKING"))
            return (struct look){NULL, 0};
        return (struct look){how == PYB_IMPORTED ? "import" : "alias", PTM_CERTAIN_IMPORT};
    case PYV_UNKNOWN:
    case PYV_SUPER:
        return (struct look){"dynamic", PTM_CERTAIN_DYNAMIC};
    default:
        return (struct look){NULL, 0};
    }
}

/* Of several things it may be, the first that can be called names it; the least certain one tells
 * how certain that is. */
static struct look look_at_all(ptmi_py *py, const struct ptmi_hub_name *name,
                               struct ptmi_py_value **out)
{
    struct look best = {NULL, 0};
    bool none = false;
    struct ptmi_py_value *choice;
    for (size_t i = 0; (choice = ptmi_py_choice(name->value, i)); i++) {
        struct look look = look_at(py, choice, (ptmi_py_how)name->bind.how);
        none |= look.certainty == 0;
        if (look.certainty == 0) continue;
        ptm_certainty worst = look.certainty > best.certainty ? look.certainty : best.certainty;
        if (best.certainty == 0) {
            best = look;
            *out = choice;
        }
        best.certainty = worst;
    }
    if (best.certainty && (none || name->bind.maybe)) best.certainty = PTM_CERTAIN_DYNAMIC;
    return best;
}

static char *bind_line(const struct ptmi_py_bind *bind, struct ptmi_arena *arena)
{
    const char *at = bind->source ? bind->source->text : NULL;
    for (int line = 1; at && line < bind->line; line++) {
        at = strchr(at, '\n');
        if (at) at++;
    }
    if (!at) at = "";
    at += strspn(at, " \t");
    return ptmi_arena_strndup(arena, at, strcspn(at, "\n"));
}

bool ptmi_hub_classify(ptmi_py *py, struct ptmi_hub_name *name, struct ptmi_arena *arena,
                       struct ptm_hub_entry *entry)
{
    struct ptmi_py_value *value = NULL;
    struct look look = look_at_all(py, name, &value);
    if (look.certainty == 0) return false;
    name->told = value;
    entry->kind = look.kind;
    entry->certainty = look.certainty;
    bool defined = (value->type == PYV_FUNC || value->type == PYV_CLASS) && value->module;
    const struct ptmi_py_source *source = defined ? &value->module->source : name->bind.source;
    entry->file = ptmi_py_got(
        py, ptmi_arena_strdup(arena, source && source->path ? source->path : PTMI_HUBCONF));
    entry->line = defined ? ptmi_py_line(value->node) : name->bind.line;
    if (value->type == PYV_EXTERN)
        entry->text = ptmi_py_got(py, ptmi_arena_strdup(arena, value->str));
    else if (look.certainty == PTM_CERTAIN_DYNAMIC)
        entry->text = ptmi_py_got(py, bind_line(&name->bind, arena));
    return true;
}
