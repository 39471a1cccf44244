/* SPDX-License-Identifier: MIT */
/*
 * py_modules.c - files of the repository as modules: where Python would find them, each gone
 * through once and only when something of it is asked for. What is in none of the folders of the
 * repository that are on sys.path is outside.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/auto.h"
#include "../base/mix.h"
#include "../base/path.h"
#include "../base/str.h"
#include "py_interp.h"

ptm_rc ptmi_py_init(ptmi_py *py, const char *dir, struct ptm_err *err)
{
    *py = (ptmi_py){
        .dir = dir,
        .keep = PTMI_ARENA(PTM_LIMIT_PYTHON_MEMORY),
        .scratch = PTMI_ARENA(PTM_LIMIT_PYTHON_MEMORY),
        .data = {.type = PYV_DATA},
        .none = {.type = PYV_NONE},
        .yes = {.type = PYV_BOOL, .num = 1},
        .no = {.type = PYV_BOOL},
        .gone = {.type = PYV_GONE},
        .max_steps = PTM_LIMIT_PYTHON_STEPS,
    };
    py->arena = &py->keep;
    py->seed = ptmi_mix_seed(py);
    PTM_TRY(ptmi_py_lang_init(&py->lang, err));
    py->lang.skipped = &py->steps;
    if (!ptmi_arena_list_add(&py->keep, &py->roots, ""))
        return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    return PTM_OK;
}

void ptmi_py_clear(ptmi_py *py)
{
    for (struct ptmi_py_module *module = py->modules; module; module = module->next) {
        ptmi_py_source_clear(&module->source);
        free(module->path);
    }
    ptmi_py_lang_clear(&py->lang);
    ptmi_arena_clear(&py->scratch);
    ptmi_arena_clear(&py->keep);
    py->modules = NULL;
}

/* --- where modules are --- */

static mode_t mode_of(ptmi_py *py, const char *path)
{
    struct stat st;
    PTM_AUTO(ptmi_freep) char *full = ptmi_py_got(py, ptmi_path_join(py->dir, path));
    return full && lstat(full, &st) == 0 ? st.st_mode & S_IFMT : 0;
}

/* path: owned by the module from here on, too when it fails. */
static struct ptmi_py_module *module_at(ptmi_py *py, char *path, const char *name,
                                        const char *folder)
{
    for (struct ptmi_py_module *module = py->modules; module; module = module->next) {
        if (!ptmi_str_eq(module->path, path)) continue;
        free(path);
        return module;
    }
    struct ptmi_py_module *module = ptmi_py_got(py, ptmi_arena_alloc(&py->keep, sizeof *module));
    if (!module) {
        free(path);
        return NULL;
    }
    module->path = path;
    module->name = ptmi_py_got(py, ptmi_arena_strdup(&py->keep, name));
    module->folder = folder ? ptmi_py_got(py, ptmi_arena_strdup(&py->keep, folder)) : NULL;
    module->next = py->modules;
    py->modules = module;
    return module;
}

static struct ptmi_py_module *file_or_none(ptmi_py *py, char *path, const char *name,
                                           const char *folder)
{
    PTM_AUTO(ptmi_freep) char *owned = ptmi_py_got(py, path);
    if (!path || mode_of(py, path) != S_IFREG) return NULL;
    return module_at(py, ptm_steal(&owned), name, folder);
}

/* What name is inside a folder: a package, a module, or, with plain, a mere folder. */
static struct ptmi_py_module *below(ptmi_py *py, const char *folder, const char *dotted,
                                    const char *name, bool plain)
{
    PTM_AUTO(ptmi_freep)
    char *at = ptmi_py_got(py, *folder ? ptmi_str_printf("%s/%s", folder, name) : strdup(name));
    if (!at || strlen(at) > PTM_LIMIT_PATH || strchr(name, '/')) return NULL;
    bool is_folder = mode_of(py, at) == S_IFDIR;
    struct ptmi_py_module *module =
        is_folder ? file_or_none(py, ptmi_str_printf("%s/__init__.py", at), dotted, at) : NULL;
    if (!module) module = file_or_none(py, ptmi_str_printf("%s.py", at), dotted, NULL);
    if (module || !is_folder || !plain) return module;
    PTM_AUTO(ptmi_freep) char *path = ptmi_py_got(py, strdup(at));
    return path ? module_at(py, ptm_steal(&path), dotted, at) : NULL;
}

struct ptmi_py_module *ptmi_py_module_sub(ptmi_py *py, const struct ptmi_py_module *package,
                                          const char *name)
{
    if (!package->folder) return NULL;
    PTM_AUTO(ptmi_freep)
    char *dotted = ptmi_py_got(py, *package->name ? ptmi_str_printf("%s.%s", package->name, name)
                                                  : strdup(name));
    return dotted ? below(py, package->folder, dotted, name, true) : NULL;
}

/* Packages and files in any folder of sys.path come before mere folders; src/, where many keep
 * their package, comes last, although only installing the repository would put it there. */
static struct ptmi_py_module *top(ptmi_py *py, const char *name)
{
    struct ptmi_py_module *module = NULL;
    for (int plain = 0; plain < 2 && !module; plain++)
        for (size_t i = 0; i < py->roots.n && !module; i++)
            module = below(py, py->roots.items[i], name, name, plain);
    return module ? module : below(py, "src", name, name, false);
}

/* From module on along "a.b.c"; NULL when one of them is missing. */
static struct ptmi_py_module *along(ptmi_py *py, struct ptmi_py_module *module, const char *dotted)
{
    PTM_AUTO(ptmi_freep) char *copy = ptmi_py_got(py, strdup(dotted));
    for (char *name = copy, *next; name && *name; name = next) {
        size_t len = strcspn(name, ".");
        next = name[len] ? name + len + 1 : NULL;
        name[len] = '\0';
        module = module ? ptmi_py_module_sub(py, module, name) : top(py, name);
        if (!module) return NULL;
    }
    return copy ? module : NULL;
}

struct ptmi_py_module *ptmi_py_module_find(ptmi_py *py, const char *dotted)
{
    return along(py, NULL, dotted);
}

/* The folder a module stands in; for packages their own. In the arena. */
static char *home_of(ptmi_py *py, const struct ptmi_py_module *module)
{
    if (module->folder) return ptmi_arena_strdup(&py->keep, module->folder);
    const char *slash = strrchr(module->path, '/');
    return ptmi_arena_strndup(&py->keep, module->path, slash ? (size_t)(slash - module->path) : 0);
}

/* hubconf.py itself is in no package: relative imports fail there, as in Python. */
struct ptmi_py_module *ptmi_py_module_relative(ptmi_py *py, const struct ptmi_py_module *from,
                                               int dots, const char *dotted)
{
    char *home = ptmi_py_got(py, home_of(py, from));
    if (!home || !*home) return NULL;
    for (int i = 1; i < dots; i++) {
        char *slash = strrchr(home, '/');
        if (!slash) return NULL;
        *slash = '\0';
    }
    const char *base = strrchr(home, '/');
    PTM_AUTO(ptmi_freep)
    char *above = ptmi_py_got(py, base ? strndup(home, (size_t)(base - home)) : strdup(""));
    PTM_AUTO(ptmi_freep) char *name = ptmi_py_got(py, strdup(home));
    for (char *c = name; c && *c; c++) *c = *c == '/' ? '.' : *c;
    if (!above || !name) return NULL;
    struct ptmi_py_module *package = below(py, above, name, base ? base + 1 : home, true);
    return package && *dotted ? along(py, package, dotted) : package;
}

void ptmi_py_add_root(ptmi_py *py, struct ptmi_py_value *path, bool first)
{
    size_t top_len = strlen(PTMI_PY_TOP);
    if (path->type != PYV_STR) return;
    const char *folder = path->str;
    if (strncmp(folder, PTMI_PY_TOP, top_len) == 0)
        folder += top_len;
    else if (*folder == '/')
        return;
    while (*folder == '/' || ptmi_str_starts(folder, "./")) folder += *folder == '/' ? 1 : 2;
    if (strcmp(folder, ".") == 0) folder = "";
    PTM_AUTO(ptmi_freep) char *copy = ptmi_py_got(py, strdup(folder));
    size_t len = copy ? strlen(copy) : 0;
    while (len > 0 && copy[len - 1] == '/') copy[--len] = '\0';
    if (!copy || ptmi_str_starts(copy, "..") || strstr(copy, "/..") || py->roots.n >= 64) return;
    for (size_t i = 0; i < py->roots.n; i++)
        if (strcmp(py->roots.items[i], copy) == 0) return;
    if (!ptmi_arena_list_add(&py->keep, &py->roots, ptmi_arena_strdup(&py->keep, copy))) {
        (void)ptmi_py_got(py, NULL);
        return;
    }
    if (!first) return;
    const char *added = py->roots.items[py->roots.n - 1];
    memmove(py->roots.items + 1, py->roots.items, (py->roots.n - 1) * sizeof *py->roots.items);
    py->roots.items[0] = added;
}

/* --- going through them --- */

static void bind_own(ptmi_py *py, struct ptmi_py_module *module, const char *name, const char *text)
{
    struct ptmi_py_bind bind = {.name = name, .source = &module->source, .line = 1};
    bind.value = text ? ptmi_py_str(py, text, strlen(text)) : &py->data;
    ptmi_py_env_set(py, module->env, &bind);
}

static void set_up_names(ptmi_py *py, struct ptmi_py_module *module)
{
    char *file = ptmi_py_got(py, ptmi_arena_printf(&py->keep, "%s/%s", PTMI_PY_TOP, module->path));
    bind_own(py, module, "__name__", module->name ? module->name : "");
    bind_own(py, module, "__file__", file ? file : "");
    bind_own(py, module, "__doc__", NULL);
}

static bool parse_module(ptmi_py *py, struct ptmi_py_module *module)
{
    if (py->n_files >= PTM_LIMIT_PYTHON_FILES || py->bytes >= PTM_LIMIT_PYTHON_BYTES) {
        py->exhausted = true;
        return ptm_err_set(&module->err, PTM_ELIMIT, "%s: too many files", module->path) == PTM_OK;
    }
    py->n_files++;
    if (ptmi_py_source_read(&py->lang, py->dir, module->path, &module->source, &module->err) < 0) {
        if (module->err.rc == PTM_ENOMEM) (void)ptmi_py_got(py, NULL);
        return false;
    }
    py->bytes += module->source.len;
    return true;
}

static void run(ptmi_py *py, struct ptmi_py_module *module)
{
    ptmi_py_exec_block(py, module->source.root);
}

bool ptmi_py_may_make_names(const struct ptmi_py_module *module)
{
    static const char *const WORDS[] = {"globals(", "vars(", "locals(", "setattr(", "global "};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (module->source.text && strstr(module->source.text, WORDS[i])) return true;
    return false;
}

/* Whatever is being done now waits, and finds everything as it was. */
static void run_apart(ptmi_py *py, struct ptmi_py_module *module)
{
    struct ptmi_py_frame frame = {.up = py->frame, .module = module};
    struct ptmi_arena *arena = py->arena;
    bool changing = py->changing, eager = py->eager;
    uint32_t way = py->way;
    py->eager = eager || ptmi_py_may_make_names(module);
    py->arena = &py->keep;
    py->changing = true;
    py->way = 0;
    py->frame = &frame;
    module->env = frame.env = module->now = ptmi_py_env_new(py, NULL, false);
    if (frame.env) {
        set_up_names(py, module);
        run(py, module);
    }
    py->frame = frame.up;
    py->way = way;
    py->changing = changing;
    py->eager = eager;
    py->arena = arena;
}

bool ptmi_py_module_load(ptmi_py *py, struct ptmi_py_module *module)
{
    if (module->state == PTMI_MODULE_BROKEN) return false;
    if (module->state != PTMI_MODULE_NEW) return true;
    bool is_file = ptmi_str_ends(module->path, ".py");
    if (py->depth >= PTM_LIMIT_PYTHON_DEPTH) { /* from further up it may be reached yet */
        py->exhausted = true;
        return false;
    }
    if (is_file && !parse_module(py, module)) {
        module->state = PTMI_MODULE_BROKEN;
        return false;
    }
    module->state = PTMI_MODULE_BUSY;
    py->depth += 8; /* modules that import modules: each takes more of the stack */
    if (is_file) run_apart(py, module);
    py->depth -= 8;
    module->state = PTMI_MODULE_READY;
    return true;
}

ptm_rc ptmi_py_module_main(ptmi_py *py, const char *path, struct ptmi_py_module **out,
                           struct ptm_err *err)
{
    char *copy = strdup(path);
    struct ptmi_py_module *module = copy ? module_at(py, copy, "hubconf.py", NULL) : NULL;
    if (!module) return ptm_err_set(err, PTM_ENOMEM, "%s", path);
    if (!ptmi_py_module_load(py, module)) {
        if (err) *err = module->err;
        return module->err.rc < 0 ? (ptm_rc)module->err.rc : PTM_ELIMIT;
    }
    *out = module;
    return PTM_OK;
}

struct ptmi_py_value *ptmi_py_module_get(ptmi_py *py, struct ptmi_py_module *module,
                                         const char *name)
{
    if (!ptmi_py_module_load(py, module)) return &py->unknown;
    struct ptmi_py_bind *bind =
        module->now ? ptmi_py_env_find(py, module->now, name, strlen(name)) : NULL;
    if (bind) return ptmi_py_force(py, bind->value);
    struct ptmi_py_module *sub = ptmi_py_module_sub(py, module, name);
    if (!sub) return NULL;
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_MODULE);
    value->module = sub;
    return value;
}

struct ptmi_py_value *ptmi_py_force(ptmi_py *py, struct ptmi_py_value *value)
{
    if (value->type != PYV_LAZY) return value;
    if (value->inner) return value->inner;
    value->inner = &py->unknown; /* for who comes round to it again */
    if (++py->depth < PTM_LIMIT_PYTHON_DEPTH) {
        struct ptmi_arena *arena = py->arena;
        py->arena = &py->keep;
        struct ptmi_py_value *found = ptmi_py_module_get(py, value->module, value->str);
        py->arena = arena;
        if (found) value->inner = found;
    }
    py->depth--;
    return value->inner;
}
