/* SPDX-License-Identifier: MIT */
/*
 * py_interp.h - what the source of a repository says without running it: an abstract interpreter.
 *
 * It goes through the statements of a module in their order with values that are known, or one of
 * several, or unknown, and never does what a statement would do outside: nothing is imported from
 * outside the repository, read, written or fetched. A branch whose condition is unknown is taken
 * and not taken; a loop over known things is gone through, another once. Everything is bounded:
 * steps, depth, memory, files. What a bound cuts off is unknown, never guessed.
 *
 * One thread at a time. Values live in the arena that was current when they were made and change
 * only while the module that made them is being gone through.
 */
#pragma once

#include "py_source.h"

#include "../base/limits.h"

typedef enum ptmi_py_type {
    PYV_UNKNOWN = 0,
    PYV_GONE, /* a name that was deleted */
    PYV_DATA, /* unknown, but nothing one can call */
    PYV_NONE,
    PYV_BOOL,     /* num */
    PYV_INT,      /* num */
    PYV_STR,      /* str */
    PYV_LIST,     /* list: lists, tuples, sets, ranges */
    PYV_DICT,     /* list of values, and keys */
    PYV_ANY,      /* list: one of these */
    PYV_FUNC,     /* def or lambda of the repository */
    PYV_CLASS,    /* class of the repository */
    PYV_PARTIAL,  /* functools.partial(inner, *args, **kwargs) */
    PYV_BOUND,    /* method inner of self */
    PYV_INSTANCE, /* what calling a class, or something outside, gave */
    PYV_SUPER,    /* super() in a method of owner, for self */
    PYV_MODULE,   /* a file or folder of the repository */
    PYV_EXTERN,   /* str: dotted name outside the repository */
    PYV_BUILTIN,  /* str: name */
    PYV_GLOBALS,  /* globals() of module */
    PYV_LAZY,     /* name str of module, looked up when asked for */
} ptmi_py_type;

struct ptmi_py_module;
struct ptmi_py_env;

struct ptmi_py_value {
    uint8_t type;
    bool open;      /* list, dict: has further items that are not known */
    bool is_module; /* extern: `import x`, and lazy ones */
    bool static_method, class_method, property, decorated;
    bool kept;    /* made by a module: what one entry point makes must not get into it */
    uint32_t way; /* that was being gone when it was made */
    uint32_t n, cap;
    union {
        int64_t num;
        const char *str;
        struct ptmi_py_value **items; /* list, dict, any; partial: arguments */
    };
    union {
        struct ptmi_py_value **keys; /* dict; partial: names, NULL for the first ones */
        struct ptmi_py_value *inner; /* bound, lazy: what was found; */
        TSNode node;                 /* func, class: the definition */
    };
    struct ptmi_py_module *module; /* func, class, module, globals, lazy */
    struct ptmi_py_env *env;       /* func, class: where it was defined */
    struct ptmi_py_env *attrs;     /* class, instance */
    struct ptmi_py_value *owner;   /* func: class it is in; bound: self; instance: class or callee;
                                      partial: what is called; super: class */
    struct ptmi_py_value *bases;   /* class: list */
    const char *doc;               /* func, class: set from outside */
};

/* How a name came to be bound. */
typedef enum ptmi_py_how {
    PYB_ASSIGNED = 0,
    PYB_ALIAS, /* f = g, f = m.g */
    PYB_DEFINED,
    PYB_IMPORTED,
} ptmi_py_how;

struct ptmi_py_bind {
    const char *name;
    struct ptmi_py_value *value;
    const struct ptmi_py_source *source;
    int line;
    uint8_t how;
    bool maybe; /* bound on some ways only */
};

struct ptmi_py_env {
    struct ptmi_py_env *parent; /* looked into next; NULL: none */
    struct ptmi_py_bind *binds;
    size_t n, cap;
    uint32_t *index; /* open addressing, 0: free, else 1 + position; NULL while n is small */
    size_t slots;
    bool branch; /* of a statement inside the same scope */
    bool comprehension;
};

/* A statement that makes names nobody can tell without running it. */
struct ptmi_py_dynamic {
    const struct ptmi_py_source *source;
    TSNode node;
    struct ptmi_py_dynamic *next;
};

struct ptmi_py_module {
    struct ptmi_py_module *next;
    char *path;         /* "a/b.py", "a/b/__init__.py", or "a/b" for a folder without; relative */
    const char *name;   /* dotted */
    const char *folder; /* "a/b" of a package, "" for the top, NULL: no package */
    struct ptmi_py_source source;
    struct ptmi_py_env *env;
    struct ptmi_py_env *now; /* env or the branch of it that is being gone through */
    struct ptmi_py_dynamic *dynamics, *last_dynamic;
    enum { PTMI_MODULE_NEW, PTMI_MODULE_BUSY, PTMI_MODULE_READY, PTMI_MODULE_BROKEN } state;
    struct ptm_err err; /* broken: why */
};

struct ptmi_py_frame {
    struct ptmi_py_frame *up;
    struct ptmi_py_module *module;
    struct ptmi_py_env *env;
    struct ptmi_py_value *func;   /* or the class whose body it is; NULL: a module */
    struct ptmi_py_value *self;   /* of a method */
    struct ptmi_py_value *result; /* one of what was returned so far */
    struct ptmi_py_env *globals;  /* names of `global`, `nonlocal` */
    uint32_t way;                 /* that was being gone when it began */
    unsigned left, guarded;       /* how it may have been left before; what of that is heeded */
};

struct ptmi_py_args {
    struct ptmi_py_value **items;
    const char **names; /* NULL: positional */
    size_t n, cap;
    bool open; /* further ones are not known */
};

typedef struct ptmi_py ptmi_py;
struct ptmi_py {
    const char *dir;
    struct ptmi_py_lang lang;
    struct ptmi_arena keep;    /* what modules made */
    struct ptmi_arena scratch; /* what one call from outside made */
    struct ptmi_arena *arena;  /* one of them */
    struct ptmi_py_module *modules;
    struct ptmi_arena_list roots; /* sys.path inside the repository: "", "src" */
    struct ptmi_py_frame *frame;
    struct ptmi_py_value unknown, data, none, yes, no, gone;
    struct ptmi_py_value spill; /* stands in where memory is out */
    TSNode call;                /* the one that is being made */
    uint64_t seed;
    uint64_t steps, max_steps;
    int depth;
    /* The innermost way that may not be taken; 0: what is done is done. Each has a higher number
     * than those it is inside of. */
    uint32_t way, ways;
    size_t n_files, bytes;
    bool changing;  /* a module's own statements run: lists and dicts may change */
    bool eager;     /* what a file imports is gone through at once: it may fill its tables */
    bool exhausted; /* a bound was met since this was cleared */
    ptm_rc rc;      /* first failure that ends it all */
    /* A call that fetches: what it would fetch, one of several, or unknown. NULL: not asked. */
    void (*on_fetch)(void *arg, struct ptmi_py_value *url);
    void *fetch_arg;
};

PTM_MUST_USE ptm_rc ptmi_py_init(ptmi_py *py, const char *dir, struct ptm_err *err);
void ptmi_py_clear(ptmi_py *py);
/* One more step; false when there are to be no more. */
bool ptmi_py_step(ptmi_py *py);
/* Bytes that one step goes through are work, too: long ones count as many steps. */
static inline void ptmi_py_toil(ptmi_py *py, size_t bytes)
{
    py->steps += bytes / 128;
}
void *ptmi_py_alloc(ptmi_py *py, size_t size); /* NULL: rc is set */
/* memory as it is; NULL sets rc: out of memory. */
void *ptmi_py_got(ptmi_py *py, void *memory);

/* --- py_value.c --- */

struct ptmi_py_value *ptmi_py_value_new(ptmi_py *py, ptmi_py_type type); /* never NULL */
struct ptmi_py_value *ptmi_py_str(ptmi_py *py, const char *text, size_t len);
struct ptmi_py_value *ptmi_py_int(ptmi_py *py, int64_t num);
struct ptmi_py_value *ptmi_py_bool(ptmi_py *py, bool value);
struct ptmi_py_value *ptmi_py_extern(ptmi_py *py, const char *dotted, bool is_module);
void ptmi_py_list_add(ptmi_py *py, struct ptmi_py_value *list, struct ptmi_py_value *item);
void ptmi_py_dict_set(ptmi_py *py, struct ptmi_py_value *dict, struct ptmi_py_value *key,
                      struct ptmi_py_value *value);
/* Takes a key out. */
void ptmi_py_dict_drop(ptmi_py *py, struct ptmi_py_value *dict, const struct ptmi_py_value *key);
/* What a list or dict has is no longer known. */
void ptmi_py_forget(struct ptmi_py_value *value);
/* NULL: no such key. */
struct ptmi_py_value *ptmi_py_dict_get(ptmi_py *py, const struct ptmi_py_value *dict,
                                       const struct ptmi_py_value *key);
/* One of both. */
struct ptmi_py_value *ptmi_py_either(ptmi_py *py, struct ptmi_py_value *a, struct ptmi_py_value *b);
/* The i-th of what value may be (itself, if it is not PYV_ANY); NULL past the end. */
struct ptmi_py_value *ptmi_py_choice(struct ptmi_py_value *value, size_t i);
/* fn of each that value may be, put together. */
typedef struct ptmi_py_value *(*ptmi_py_map_fn)(ptmi_py *py, struct ptmi_py_value *value,
                                                void *arg);
struct ptmi_py_value *ptmi_py_map(ptmi_py *py, struct ptmi_py_value *value, ptmi_py_map_fn fn,
                                  void *arg);
/* Known to be equal (1), known not to be (0), unknown (-1). */
int ptmi_py_equal(const struct ptmi_py_value *a, const struct ptmi_py_value *b);
int ptmi_py_truth(const struct ptmi_py_value *value);     /* 1, 0, -1 unknown */
bool ptmi_py_is_const(const struct ptmi_py_value *value); /* none, bool, int, str */

struct ptmi_py_env *ptmi_py_env_new(ptmi_py *py, struct ptmi_py_env *parent, bool branch);
/* Only in env itself, or in those above it, too. NULL: not there. */
struct ptmi_py_bind *ptmi_py_env_own(ptmi_py *py, const struct ptmi_py_env *env, const char *name,
                                     size_t len);
struct ptmi_py_bind *ptmi_py_env_find(ptmi_py *py, const struct ptmi_py_env *env, const char *name,
                                      size_t len);
/* bind->name is copied when it is new. */
void ptmi_py_env_set(ptmi_py *py, struct ptmi_py_env *env, const struct ptmi_py_bind *bind);
/* What is bound after one of these branches of env was taken. */
void ptmi_py_env_merge(ptmi_py *py, struct ptmi_py_env *env, struct ptmi_py_env *const *branches,
                       size_t n);

/* --- py_eval.c, py_format.c, py_methods.c, py_builtins.c --- */

/* Never NULL. */
struct ptmi_py_value *ptmi_py_eval(ptmi_py *py, TSNode node);
struct ptmi_py_value *ptmi_py_attribute(ptmi_py *py, struct ptmi_py_value *object,
                                        const char *name);
struct ptmi_py_value *ptmi_py_subscript(ptmi_py *py, struct ptmi_py_value *object,
                                        struct ptmi_py_value *key);
struct ptmi_py_value *ptmi_py_eval_string(ptmi_py *py, TSNode node);
/* What a block begins with as a docstring, or None. */
struct ptmi_py_value *ptmi_py_doc(ptmi_py *py, struct ptmi_py_module *module, TSNode block);
struct ptmi_py_value *ptmi_py_add(ptmi_py *py, struct ptmi_py_value *a, struct ptmi_py_value *b);
struct ptmi_py_value *ptmi_py_percent(ptmi_py *py, struct ptmi_py_value *format,
                                      struct ptmi_py_value *arg);
struct ptmi_py_value *ptmi_py_format(ptmi_py *py, struct ptmi_py_value *format,
                                     const struct ptmi_py_args *args);
/* Method of a string, list or dict; NULL: none that is known. */
struct ptmi_py_value *ptmi_py_method(ptmi_py *py, struct ptmi_py_value *object, const char *name,
                                     const struct ptmi_py_args *args);
struct ptmi_py_value *ptmi_py_call_builtin(ptmi_py *py, const char *name,
                                           const struct ptmi_py_args *args);
bool ptmi_py_is_builtin(const char *name);
/* The known items of value; NULL: it is no list, dict or string that is known as a whole. */
struct ptmi_py_value *ptmi_py_items(ptmi_py *py, struct ptmi_py_value *value);

/* --- py_call.c, py_extern.c --- */

struct ptmi_py_value *ptmi_py_eval_call(ptmi_py *py, TSNode node);
struct ptmi_py_value *ptmi_py_call(ptmi_py *py, struct ptmi_py_value *callee,
                                   const struct ptmi_py_args *args);
struct ptmi_py_value *ptmi_py_call_extern(ptmi_py *py, struct ptmi_py_value *callee,
                                          const struct ptmi_py_args *args);
void ptmi_py_note_own_fetch(ptmi_py *py, struct ptmi_py_value *func,
                            const struct ptmi_py_args *args);
struct ptmi_py_value *ptmi_py_arg(const struct ptmi_py_args *args, size_t position,
                                  const char *name); /* NULL: not given */
/* Attribute of a class, its bases' too; NULL: not there, or not known. */
struct ptmi_py_value *ptmi_py_class_attr(ptmi_py *py, struct ptmi_py_value *class,
                                         const char *name);
/* True when all bases are known classes of the repository (or object). */
bool ptmi_py_class_closed(ptmi_py *py, struct ptmi_py_value *class);

/* --- py_exec.c, py_branch.c, py_import.c --- */

/* How a statement ends: with the next one, by break or continue, by return or raise. */
typedef enum ptmi_py_flow { PYX_NEXT, PYX_BREAK, PYX_CONTINUE, PYX_END } ptmi_py_flow;

ptmi_py_flow ptmi_py_exec_block(ptmi_py *py, TSNode block);
ptmi_py_flow ptmi_py_exec_branching(ptmi_py *py, TSNode statement, ptmi_py_kind kind);
void ptmi_py_exec_import(ptmi_py *py, TSNode statement, ptmi_py_kind kind);
void ptmi_py_assign(ptmi_py *py, TSNode target, struct ptmi_py_value *value, ptmi_py_how how);
void ptmi_py_bind_name(ptmi_py *py, const char *name, size_t len, struct ptmi_py_value *value,
                       TSNode at, ptmi_py_how how);
void ptmi_py_note_dynamic(ptmi_py *py, struct ptmi_py_module *module, TSNode node);
/* The rest of a block, as a way that may not be taken. */
ptmi_py_flow ptmi_py_exec_rest(ptmi_py *py, struct ptmi_py_kids *kids);
ptmi_py_flow ptmi_py_exec_kids(ptmi_py *py, struct ptmi_py_kids *kids);
/* True when object may be changed now. */
bool ptmi_py_may_change(const ptmi_py *py, const struct ptmi_py_value *object);
/* True when a change made to object now may not be made: it is older than the way that is gone. */
bool ptmi_py_may_not_be(const ptmi_py *py, const struct ptmi_py_value *object);
/* globals()[key] = value */
void ptmi_py_set_global(ptmi_py *py, struct ptmi_py_module *module, struct ptmi_py_value *key,
                        struct ptmi_py_value *value, TSNode at);
/* del globals()[key] */
void ptmi_py_unset_global(ptmi_py *py, struct ptmi_py_module *module, struct ptmi_py_value *key);
/* globals().update(items) */
void ptmi_py_update_globals(ptmi_py *py, struct ptmi_py_module *module, struct ptmi_py_value *items,
                            TSNode at);
void ptmi_py_set_attribute(ptmi_py *py, struct ptmi_py_value *object, struct ptmi_py_value *name,
                           struct ptmi_py_value *value, TSNode at);
/* Attributes that a class's own body makes. */
struct ptmi_py_env *ptmi_py_class_env(ptmi_py *py, struct ptmi_py_value *class);
/* What env a scope begun here looks names up in next. */
struct ptmi_py_env *ptmi_py_outer_env(const struct ptmi_py_value *definition);

/* --- py_modules.c --- */

/* The module "a.b" below one of the roots; NULL: outside the repository. */
struct ptmi_py_module *ptmi_py_module_find(ptmi_py *py, const char *dotted);
/* "..a.b" of a module; NULL: not there. */
struct ptmi_py_module *ptmi_py_module_relative(ptmi_py *py, const struct ptmi_py_module *from,
                                               int dots, const char *dotted);
struct ptmi_py_module *ptmi_py_module_sub(ptmi_py *py, const struct ptmi_py_module *package,
                                          const char *name);
/* hubconf.py; *out is gone through. */
PTM_MUST_USE ptm_rc ptmi_py_module_main(ptmi_py *py, const char *path, struct ptmi_py_module **out,
                                        struct ptm_err *err);
/* Goes through it, once. false: it cannot be read. */
bool ptmi_py_module_load(ptmi_py *py, struct ptmi_py_module *module);
/* True when its text could write into its own names: what other files do matters to it. */
bool ptmi_py_may_make_names(const struct ptmi_py_module *module);
/* A name of it, a module below it too; NULL: none. */
struct ptmi_py_value *ptmi_py_module_get(ptmi_py *py, struct ptmi_py_module *module,
                                         const char *name);
/* What a lazy value stands for; any other as it is. */
struct ptmi_py_value *ptmi_py_force(ptmi_py *py, struct ptmi_py_value *value);
/* sys.path got one more folder. */
void ptmi_py_add_root(ptmi_py *py, struct ptmi_py_value *path, bool first);
/* What __file__ begins with: no real path, so that none can be taken for it. */
#define PTMI_PY_TOP "/<repository>"
