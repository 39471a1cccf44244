/* SPDX-License-Identifier: MIT */
/*
 * hubconf.c - what a hubconf.py offers, by parsing. The interpreter (py_interp.h) goes through the
 * file; what it leaves bound becomes entries here, in the order torch lists them. Everything is
 * copied: trees and values are gone when this is open.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "hubconf_priv.h"

struct ptm_hubconf {
    struct ptmi_arena arena;
    struct ptm_hub_entry *entries; /* public ones, nameless ones, then names that begin with "_" */
    size_t n, n_listed;            /* n_listed <= n */
    struct ptmi_arena_list dependencies;
    bool dependencies_sure;
    char *doc;
    int damage;
};

/* Not all of it is in the arena of the entries: two arenas, and one interpreter. */
struct reading {
    ptmi_py py;
    ptm_hubconf *hubconf;
    struct ptmi_py_module *module;
    bool with_urls;
    bool has_dir;       /* a __dir__() tells torch which names there are */
    uint64_t url_steps; /* of all entries so far */
};

/* --- entries --- */

static void look_deeper(struct reading *reading, const struct ptmi_hub_name *name,
                        struct ptm_hub_entry *entry)
{
    ptmi_py *py = &reading->py;
    struct ptmi_arena *arena = &reading->hubconf->arena;
    entry->signature = ptmi_hub_signature(py, name->told, arena);
    entry->doc = ptmi_hub_doc(py, name->told, arena);
    if (!reading->with_urls) return;
    if (reading->url_steps >= PTM_LIMIT_PYTHON_STEPS) {
        entry->more_urls = true;
        return;
    }
    uint64_t steps = py->steps, max_steps = py->max_steps;
    py->steps = 0;
    py->max_steps = PTM_LIMIT_PYTHON_ENTRY_STEPS;
    ptmi_hub_urls(py, name->value, arena, entry);
    reading->url_steps += py->steps;
    py->steps = steps;
    py->max_steps = max_steps;
}

static void add_entry(struct reading *reading, const struct ptmi_py_bind *bind)
{
    ptm_hubconf *hubconf = reading->hubconf;
    struct ptmi_hub_name name = ptmi_hub_name_of(&reading->py, bind);
    struct ptm_hub_entry *entry = &hubconf->entries[hubconf->n];
    *entry = (struct ptm_hub_entry){0};
    if (!ptmi_hub_classify(&reading->py, &name, &hubconf->arena, entry)) return;
    if (reading->has_dir) entry->certainty = PTM_CERTAIN_DYNAMIC;
    entry->name = ptmi_py_got(&reading->py, ptmi_arena_strdup(&hubconf->arena, bind->name));
    if (!entry->name || reading->py.rc < 0) return;
    look_deeper(reading, &name, entry);
    hubconf->n++;
}

static void add_dynamic(struct reading *reading, const struct ptmi_py_dynamic *dynamic)
{
    ptm_hubconf *hubconf = reading->hubconf;
    hubconf->entries[hubconf->n++] = (struct ptm_hub_entry){
        .kind = "dynamic",
        .certainty = PTM_CERTAIN_DYNAMIC,
        .file =
            ptmi_py_got(&reading->py, ptmi_arena_strdup(&hubconf->arena, dynamic->source->path)),
        .line = ptmi_py_line(dynamic->node),
        .text = ptmi_py_got(&reading->py,
                            ptmi_hub_statement(dynamic->source, dynamic->node, &hubconf->arena)),
    };
}

/* 0: listed; 1: nameless; 2: begins with "_". */
static int rank(const struct ptm_hub_entry *entry)
{
    return !entry->name ? 1 : entry->name[0] == '_' ? 2 : 0;
}

static int compare_entries(const void *a, const void *b)
{
    const struct ptm_hub_entry *x = a, *y = b;
    if (rank(x) != rank(y)) return rank(x) - rank(y);
    if (x->name) return strcmp(x->name, y->name);
    return x->line != y->line ? (x->line < y->line ? -1 : 1) : strcmp(x->file, y->file);
}

static ptm_rc why_it_failed(const struct reading *reading, struct ptm_err *err)
{
    if (reading->py.rc == PTM_ELIMIT)
        return ptm_err_set(err, PTM_ELIMIT, "%s/%s: takes more memory than %u MB to understand",
                           reading->py.dir, PTMI_HUBCONF, PTM_LIMIT_PYTHON_MEMORY >> 20);
    return ptm_err_set(err, PTM_ENOMEM, "%s/%s: out of memory", reading->py.dir, PTMI_HUBCONF);
}

static ptm_rc collect_entries(struct reading *reading, struct ptm_err *err)
{
    ptm_hubconf *hubconf = reading->hubconf;
    struct ptmi_py_env *env = reading->module->now;
    size_t n = env->n;
    reading->has_dir = ptmi_py_env_own(&reading->py, env, "__dir__", 7) != NULL;
    for (struct ptmi_py_dynamic *at = reading->module->dynamics; at; at = at->next) n++;
    hubconf->entries = ptmi_arena_alloc(&hubconf->arena, (n + 1) * sizeof *hubconf->entries);
    if (!hubconf->entries) return ptm_err_set(err, PTM_ENOMEM, "entries of %s", PTMI_HUBCONF);
    for (size_t i = 0; i < env->n && hubconf->n < n; i++)
        if (env->binds[i].value->type != PYV_GONE) add_entry(reading, &env->binds[i]);
    for (struct ptmi_py_dynamic *at = reading->module->dynamics; at && hubconf->n < n;
         at = at->next)
        add_dynamic(reading, at);
    if (reading->py.rc < 0) return why_it_failed(reading, err);
    qsort(hubconf->entries, hubconf->n, sizeof *hubconf->entries, compare_entries);
    for (size_t i = 0; i < hubconf->n; i++) hubconf->n_listed += rank(&hubconf->entries[i]) < 2;
    return PTM_OK;
}

/* --- the rest of the file --- */

/* One, or one of several. */
static void add_dependency(struct reading *reading, struct ptmi_py_value *name)
{
    ptm_hubconf *hubconf = reading->hubconf;
    struct ptmi_py_value *choice;
    if (name->type != PYV_STR) hubconf->dependencies_sure = false;
    for (size_t i = 0; (choice = ptmi_py_choice(name, i)); i++) {
        if (choice->type != PYV_STR) continue;
        if (!ptmi_arena_list_add(&hubconf->arena, &hubconf->dependencies,
                                 ptmi_arena_strdup(&hubconf->arena, choice->str)))
            (void)ptmi_py_got(&reading->py, NULL);
    }
}

static void collect_dependencies(struct reading *reading)
{
    ptm_hubconf *hubconf = reading->hubconf;
    struct ptmi_py_bind *bind =
        ptmi_py_env_own(&reading->py, reading->module->now, "dependencies", 12);
    hubconf->dependencies_sure = true;
    if (!bind) return;
    struct ptmi_py_value *value = ptmi_py_force(&reading->py, bind->value);
    struct ptmi_py_value *items = ptmi_py_items(&reading->py, value);
    bool none = value->type == PYV_NONE;
    hubconf->dependencies_sure = !bind->maybe && (none || (items && !items->open));
    for (size_t i = 0; items && i < items->n; i++) add_dependency(reading, items->items[i]);
}

static ptm_rc read_all(struct reading *reading, struct ptm_err *err)
{
    ptmi_py *py = &reading->py;
    ptm_hubconf *hubconf = reading->hubconf;
    ptm_rc rc = ptmi_py_module_main(py, PTMI_HUBCONF, &reading->module, err);
    if (rc == PTM_ENOENT)
        return ptm_err_set(err, PTM_ENOENT, "%s: has no %s; is it a repository for torch.hub?",
                           py->dir, PTMI_HUBCONF);
    PTM_TRY(rc);
    if (!reading->module->now) return why_it_failed(reading, err);
    struct ptmi_py_frame frame = {.module = reading->module, .env = reading->module->now};
    py->frame = &frame;
    hubconf->damage = ptmi_py_source_damage(&reading->module->source);
    hubconf->doc =
        ptmi_hub_block_doc(py, reading->module, reading->module->source.root, &hubconf->arena);
    py->max_steps += PTM_LIMIT_PYTHON_STEPS; /* for the names there are */
    collect_dependencies(reading);
    if (py->rc == PTM_OK) PTM_TRY(collect_entries(reading, err));
    py->frame = NULL;
    return py->rc < 0 ? why_it_failed(reading, err) : PTM_OK;
}

ptm_rc ptmi_hubconf_open(const char *dir, unsigned flags, ptm_hubconf **out, struct ptm_err *err)
{
    struct reading reading = {.with_urls = flags & PTMI_HUBCONF_URLS};
    PTM_AUTO(ptmi_hubconf_closep) ptm_hubconf *hubconf = calloc(1, sizeof *hubconf);
    if (!hubconf) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    hubconf->arena.max = PTM_LIMIT_PYTHON_MEMORY;
    reading.hubconf = hubconf;
    ptm_rc rc = ptmi_py_init(&reading.py, dir, err);
    if (rc == PTM_OK) rc = read_all(&reading, err);
    ptmi_py_clear(&reading.py);
    if (rc == PTM_OK) *out = ptm_steal(&hubconf);
    return rc;
}

ptm_rc ptm_hubconf_open(const char *dir, ptm_hubconf **out, struct ptm_err *err)
{
    return ptmi_hubconf_open(dir, PTMI_HUBCONF_URLS, out, err);
}

void ptm_hubconf_close(ptm_hubconf *hubconf)
{
    if (!hubconf) return;
    ptmi_arena_clear(&hubconf->arena);
    free(hubconf);
}

const struct ptm_hub_entry *ptm_hubconf_entry(const ptm_hubconf *hubconf, size_t i)
{
    return i < hubconf->n_listed ? &hubconf->entries[i] : NULL;
}

const struct ptm_hub_entry *ptm_hubconf_find(const ptm_hubconf *hubconf, const char *name)
{
    for (size_t i = 0; i < hubconf->n; i++)
        if (hubconf->entries[i].name && strcmp(hubconf->entries[i].name, name) == 0)
            return &hubconf->entries[i];
    return NULL;
}

const char *ptm_hubconf_dependency(const ptm_hubconf *hubconf, size_t i, bool *out_sure)
{
    if (out_sure) *out_sure = hubconf->dependencies_sure;
    return i < hubconf->dependencies.n ? hubconf->dependencies.items[i] : NULL;
}

const char *ptm_hubconf_doc(const ptm_hubconf *hubconf)
{
    return hubconf->doc;
}

int ptm_hubconf_damage(const ptm_hubconf *hubconf)
{
    return hubconf->damage;
}
