/* SPDX-License-Identifier: MIT */
/*
 * check_files.c - the files that importing hubconf.py runs: it, and what import statements name
 * below the repository, followed from file to file. Imports that only running would tell are left
 * out: this is for advice, not for the list of entry points.
 */
#include "check_priv.h"

#include <string.h>

#include "../base/grow.h"
#include "../base/limits.h"
#include "../base/str.h"

/* A walk stands on the stack; sources nest less than this, but for hostile ones. */
#define DEPTH_MAX PTM_LIMIT_PYTHON_DEPTH

const char *ptmi_check_text(struct ptmi_check *check, const struct ptmi_py_source *file,
                            TSNode node)
{
    if (ts_node_is_null(node)) return "";
    struct ptmi_py_span span = ptmi_py_span_of(file, node);
    const char *text = ptmi_arena_strndup(&check->arena, span.text, span.len);
    return text ? text : "";
}

/* ---- walking ---- */

/* `if __name__ == "__main__"` and `if TYPE_CHECKING`: not run when imported. */
static bool never_runs(struct ptmi_check *check, size_t i, TSNode statement)
{
    TSNode condition = ptmi_py_field_of(&check->lang, statement, PYF_CONDITION);
    const char *text = ptmi_check_text(check, &check->files[i], condition);
    return strstr(text, "__name__") || strstr(text, "TYPE_CHECKING");
}

struct walk {
    struct ptmi_check *check;
    size_t i;
    bool all;
    ptmi_check_visit visit;
};

static ptm_rc walk_node(const struct walk *walk, TSNode node, int depth, struct ptm_err *err)
{
    const struct ptmi_py_lang *lang = &walk->check->lang;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(lang, node);
    ptmi_py_kind parent = ptmi_py_kind_of(lang, node);
    bool later = parent == PY_FUNCTION_DEFINITION || parent == PY_LAMBDA;
    if (depth > DEPTH_MAX) return PTM_OK;
    if (parent == PY_IF_STATEMENT && !walk->all && never_runs(walk->check, walk->i, node))
        return PTM_OK;
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        if (later && !walk->all && ptmi_py_kids_in(&kids, PYF_BODY)) continue;
        PTM_TRY(walk->visit(walk->check, walk->i, kid, ptmi_py_kind_of(lang, kid), err));
        PTM_TRY(walk_node(walk, kid, depth + 1, err));
    }
    return PTM_OK;
}

ptm_rc ptmi_check_walk(struct ptmi_check *check, size_t i, bool all, ptmi_check_visit visit,
                       struct ptm_err *err)
{
    struct walk walk = {check, i, all, visit};
    return walk_node(&walk, check->files[i].root, 0, err);
}

/* ---- following imports ---- */

static bool is_known(const struct ptmi_check *check, const char *path)
{
    for (size_t i = 0; i < check->n_files; i++)
        if (strcmp(check->files[i].path, path) == 0) return true;
    return false;
}

/* A file that is not there, or that cannot be read, is none of ours: no error. */
static ptm_rc add_file(struct ptmi_check *check, const char *path, struct ptm_err *err)
{
    struct ptmi_py_source source = {0};
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", check->dir);
    if (check->n_files >= PTM_LIMIT_PYTHON_FILES || is_known(check, path)) return PTM_OK;
    ptm_rc rc = ptmi_py_source_read(&check->lang, check->dir, path, &source, NULL);
    if (rc == PTM_ENOMEM) return ptm_err_set(err, rc, "%s: out of memory", path);
    if (rc != PTM_OK) return PTM_OK;
    struct ptmi_py_source *files =
        ptmi_grown(check->files, check->n_files, &check->cap_files, sizeof *files);
    if (!files) {
        ptmi_py_source_clear(&source);
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", path);
    }
    check->files = files;
    check->files[check->n_files++] = source;
    return PTM_OK;
}

/* The module dotted below the folder base ("" or "a/b/"), and the packages on the way to it. */
static ptm_rc add_module(struct ptmi_check *check, const char *base, const char *dotted,
                         struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_str_printf("%s%s", base, dotted);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", check->dir);
    for (char *at = path + strlen(base);; at++) {
        if (*at != '.' && *at != '\0') continue;
        bool last = *at == '\0';
        *at = '\0';
        PTM_TRY(add_file(check, ptmi_arena_printf(&check->arena, "%s/__init__.py", path), err));
        PTM_TRY(add_file(check, ptmi_arena_printf(&check->arena, "%s.py", path), err));
        if (last) return PTM_OK;
        *at = '/';
    }
}

/* "pkg/" of "pkg/mod.py", n folders further up; in the arena. NULL: above the repository. */
static const char *folder_of(struct ptmi_check *check, const char *path, size_t up)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 0;
    for (; up > 0; up--) {
        if (len == 0) return NULL;
        for (len--; len > 0 && path[len - 1] != '/'; len--)
            ;
    }
    return ptmi_arena_strndup(&check->arena, path, len);
}

const char *ptmi_check_module(struct ptmi_check *check, size_t i, TSNode node)
{
    if (ptmi_py_kind_of(&check->lang, node) == PY_ALIASED_IMPORT)
        node = ptmi_py_field_of(&check->lang, node, PYF_NAME);
    char *text = (char *)ptmi_check_text(check, &check->files[i], node), *to = text;
    for (const char *at = text; *at; at++)
        if (!strchr(" \t\n\\", *at)) *to++ = *at;
    if (*text) *to = '\0';
    return text;
}

static ptm_rc follow_from(struct ptmi_check *check, size_t i, TSNode statement, struct ptm_err *err)
{
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&check->lang, statement);
    const char *base = "",
               *module = ptmi_check_module(
                   check, i, ptmi_py_field_of(&check->lang, statement, PYF_MODULE_NAME));
    size_t dots = strspn(module, ".");
    module += dots;
    if (dots > 0) base = folder_of(check, check->files[i].path, dots - 1);
    if (!base) return PTM_OK;
    if (*module) PTM_TRY(add_module(check, base, module, err));
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        if (!ptmi_py_kids_in(&kids, PYF_NAME)) continue;
        const char *name = ptmi_check_module(check, i, kid);
        const char *dotted =
            ptmi_arena_printf(&check->arena, "%s%s%s", module, *module ? "." : "", name);
        if (!dotted) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", check->dir);
        PTM_TRY(add_module(check, base, dotted, err));
    }
    return PTM_OK;
}

static ptm_rc follow(struct ptmi_check *check, size_t i, TSNode node, ptmi_py_kind kind,
                     struct ptm_err *err)
{
    if (kind == PY_IMPORT_FROM_STATEMENT) return follow_from(check, i, node, err);
    if (kind != PY_IMPORT_STATEMENT) return PTM_OK;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(&check->lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);)
        PTM_TRY(add_module(check, "", ptmi_check_module(check, i, kid), err));
    return PTM_OK;
}

ptm_rc ptmi_check_files(struct ptmi_check *check, struct ptm_err *err)
{
    PTM_TRY(add_file(check, PTMI_HUBCONF, err));
    for (size_t i = 0; i < check->n_files; i++) {
        if (ptm_ctx_canceled(check->hub->ctx))
            return ptm_err_set(err, PTM_ECANCELED, "%s: interrupted", check->dir);
        PTM_TRY(ptmi_check_walk(check, i, false, follow, err));
    }
    return PTM_OK;
}
