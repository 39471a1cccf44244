/* SPDX-License-Identifier: MIT */
/* py_value.c - values of the interpreter, and names bound to them. */
#include <stdlib.h>
#include <string.h>

#include "../base/mix.h"
#include "../base/str.h"
#include "py_interp.h"

/* Alternatives of one value. A repository's table of weights has tens, timm's has 1,500. */
#define CHOICES_MAX 4096
/* Fewer names than this are looked through one by one. */
#define INDEX_FROM 12

void *ptmi_py_alloc(ptmi_py *py, size_t size)
{
    void *memory = ptmi_arena_alloc(py->arena, size);
    if (!memory && py->rc == PTM_OK)
        py->rc = py->arena->used + size > py->arena->max ? PTM_ELIMIT : PTM_ENOMEM;
    return memory;
}

void *ptmi_py_got(ptmi_py *py, void *memory)
{
    if (!memory && py->rc == PTM_OK) py->rc = PTM_ENOMEM;
    return memory;
}

bool ptmi_py_step(ptmi_py *py)
{
    if (py->rc == PTM_OK && py->steps < py->max_steps) {
        py->steps++;
        return true;
    }
    py->exhausted = true;
    return false;
}

struct ptmi_py_value *ptmi_py_value_new(ptmi_py *py, ptmi_py_type type)
{
    struct ptmi_py_value *value = ptmi_py_alloc(py, sizeof *value);
    if (!value) {
        py->spill = (struct ptmi_py_value){0};
        return &py->spill;
    }
    value->type = (uint8_t)type;
    value->kept = py->arena == &py->keep;
    value->way = py->way;
    return value;
}

struct ptmi_py_value *ptmi_py_str(ptmi_py *py, const char *text, size_t len)
{
    if (memchr(text, '\0', len)) return &py->data; /* texts of ours end there */
    char *copy = ptmi_py_alloc(py, len + 1);
    if (!copy) return &py->data;
    memcpy(copy, text, len);
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_STR);
    value->str = copy;
    return value;
}

struct ptmi_py_value *ptmi_py_int(ptmi_py *py, int64_t num)
{
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_INT);
    value->num = num;
    return value;
}

struct ptmi_py_value *ptmi_py_bool(ptmi_py *py, bool value)
{
    return value ? &py->yes : &py->no;
}

struct ptmi_py_value *ptmi_py_extern(ptmi_py *py, const char *dotted, bool is_module)
{
    struct ptmi_py_value *value = ptmi_py_str(py, dotted, strlen(dotted));
    if (value->type != PYV_STR) return &py->unknown;
    value->type = PYV_EXTERN;
    value->is_module = is_module;
    return value;
}

/* Room for one more in items and, where there are any, keys. */
static bool grow(ptmi_py *py, struct ptmi_py_value *list, bool keys)
{
    if (list->n < list->cap) return true;
    if (list->n >= PTM_LIMIT_ITEMS) {
        list->open = py->exhausted = true;
        return false;
    }
    uint32_t cap = list->cap ? 2 * list->cap : 4;
    struct ptmi_py_value **items = ptmi_py_alloc(py, cap * sizeof *items);
    struct ptmi_py_value **names = keys ? ptmi_py_alloc(py, cap * sizeof *names) : NULL;
    if (!items || (keys && !names)) return false;
    if (list->n) memcpy(items, list->items, list->n * sizeof *items);
    if (list->n && keys) memcpy(names, list->keys, list->n * sizeof *names);
    list->items = items;
    if (keys) list->keys = names;
    list->cap = cap;
    return true;
}

void ptmi_py_list_add(ptmi_py *py, struct ptmi_py_value *list, struct ptmi_py_value *item)
{
    if (grow(py, list, false)) list->items[list->n++] = item;
}

/* Texts that begin alike for so long are nobody's names. */
#define LONG_TEXT 256

/* Each of n that a value is compared with is part of a step; long texts count by all their bytes,
 * which may be the same in each. */
static void toil_comparing(ptmi_py *py, size_t n, const struct ptmi_py_value *with)
{
    size_t len = with->type == PYV_STR ? strlen(with->str) : 0;
    py->steps += n / 32;
    ptmi_py_toil(py, n * (len > LONG_TEXT ? len : len / 32));
}

/* Tables with many keys are not free. */
static size_t dict_position(ptmi_py *py, const struct ptmi_py_value *dict,
                            const struct ptmi_py_value *key)
{
    toil_comparing(py, dict->n, key);
    for (size_t i = dict->n; i-- > 0;)
        if (ptmi_py_equal(dict->keys[i], key) == 1) return i;
    return SIZE_MAX;
}

void ptmi_py_dict_set(ptmi_py *py, struct ptmi_py_value *dict, struct ptmi_py_value *key,
                      struct ptmi_py_value *value)
{
    size_t at = dict_position(py, dict, key);
    if (ptmi_py_may_not_be(py, dict)) {
        dict->open = true;
        value = ptmi_py_either(py, at == SIZE_MAX ? &py->unknown : dict->items[at], value);
    }
    if (at != SIZE_MAX) {
        dict->items[at] = value;
    } else if (grow(py, dict, true)) {
        dict->keys[dict->n] = key;
        dict->items[dict->n++] = value;
    }
}

void ptmi_py_forget(struct ptmi_py_value *value)
{
    value->n = 0;
    value->open = true;
}

void ptmi_py_dict_drop(ptmi_py *py, struct ptmi_py_value *dict, const struct ptmi_py_value *key)
{
    size_t at = ptmi_py_is_const(key) ? dict_position(py, dict, key) : SIZE_MAX;
    if (at == SIZE_MAX || ptmi_py_may_not_be(py, dict)) {
        ptmi_py_forget(dict);
        return;
    }
    size_t behind = --dict->n - at;
    py->steps += behind / 8;
    memmove(dict->items + at, dict->items + at + 1, behind * sizeof *dict->items);
    memmove(dict->keys + at, dict->keys + at + 1, behind * sizeof *dict->keys);
}

struct ptmi_py_value *ptmi_py_dict_get(ptmi_py *py, const struct ptmi_py_value *dict,
                                       const struct ptmi_py_value *key)
{
    size_t at = dict_position(py, dict, key);
    return at == SIZE_MAX ? NULL : dict->items[at];
}

bool ptmi_py_is_const(const struct ptmi_py_value *value)
{
    return value->type >= PYV_NONE && value->type <= PYV_STR;
}

static bool is_same(const struct ptmi_py_value *a, const struct ptmi_py_value *b)
{
    if (a == b) return true;
    if (a->type != b->type) return false;
    if (a->type == PYV_STR || a->type == PYV_EXTERN || a->type == PYV_BUILTIN)
        return strcmp(a->str, b->str) == 0;
    if (a->type == PYV_INT || a->type == PYV_BOOL) return a->num == b->num;
    return a->type == PYV_NONE || a->type == PYV_UNKNOWN || a->type == PYV_DATA;
}

int ptmi_py_equal(const struct ptmi_py_value *a, const struct ptmi_py_value *b)
{
    if (!ptmi_py_is_const(a) || !ptmi_py_is_const(b)) return -1;
    bool numbers =
        (a->type == PYV_INT || a->type == PYV_BOOL) && (b->type == PYV_INT || b->type == PYV_BOOL);
    return numbers ? a->num == b->num : is_same(a, b);
}

int ptmi_py_truth(const struct ptmi_py_value *value)
{
    switch ((ptmi_py_type)value->type) {
    case PYV_NONE:
        return 0;
    case PYV_BOOL:
    case PYV_INT:
        return value->num != 0;
    case PYV_STR:
        return *value->str != '\0';
    case PYV_LIST:
    case PYV_DICT:
        return value->n > 0 ? 1 : value->open ? -1 : 0;
    case PYV_FUNC:
    case PYV_CLASS:
    case PYV_PARTIAL:
    case PYV_BOUND:
    case PYV_MODULE:
        return 1;
    case PYV_EXTERN:
        return ptmi_str_ends(value->str, "TYPE_CHECKING") ? 0 : -1;
    case PYV_ANY:
        break;
    default:
        return -1;
    }
    int all = ptmi_py_truth(value->items[0]);
    for (size_t i = 1; i < value->n; i++)
        if (ptmi_py_truth(value->items[i]) != all) return -1;
    return all;
}

struct ptmi_py_value *ptmi_py_choice(struct ptmi_py_value *value, size_t i)
{
    if (value->type != PYV_ANY) return i == 0 ? value : NULL;
    return i < value->n ? value->items[i] : NULL;
}

static bool has_choice(ptmi_py *py, struct ptmi_py_value *any, const struct ptmi_py_value *choice)
{
    toil_comparing(py, any->n, choice);
    for (size_t i = 0; i < any->n; i++)
        if (is_same(any->items[i], choice)) return true;
    return false;
}

static void add_choices(ptmi_py *py, struct ptmi_py_value *any, struct ptmi_py_value *value)
{
    struct ptmi_py_value *choice;
    for (size_t i = 0; (choice = ptmi_py_choice(value, i)); i++) {
        if (any->n >= CHOICES_MAX) choice = &py->unknown;
        if (!has_choice(py, any, choice)) ptmi_py_list_add(py, any, choice);
        if (any->n > CHOICES_MAX) return;
    }
}

struct ptmi_py_value *ptmi_py_either(ptmi_py *py, struct ptmi_py_value *a, struct ptmi_py_value *b)
{
    if (!a || !b) return a ? a : b;
    if (is_same(a, b)) return a;
    struct ptmi_py_value *any = ptmi_py_value_new(py, PYV_ANY);
    add_choices(py, any, a);
    add_choices(py, any, b);
    if (any->n == 0 || any->type != PYV_ANY) return &py->unknown;
    return any->n == 1 ? any->items[0] : any;
}

struct ptmi_py_value *ptmi_py_map(ptmi_py *py, struct ptmi_py_value *value, ptmi_py_map_fn fn,
                                  void *arg)
{
    if (value->type != PYV_ANY) return fn(py, value, arg);
    struct ptmi_py_value *any = ptmi_py_value_new(py, PYV_ANY);
    for (size_t i = 0; i < value->n && ptmi_py_step(py); i++)
        add_choices(py, any, fn(py, value->items[i], arg));
    if (any->n == 0 || any->type != PYV_ANY) return &py->unknown;
    return any->n == 1 ? any->items[0] : any;
}

/* --- names --- */

struct ptmi_py_env *ptmi_py_env_new(ptmi_py *py, struct ptmi_py_env *parent, bool branch)
{
    struct ptmi_py_env *env = ptmi_py_alloc(py, sizeof *env);
    if (!env) return NULL;
    env->parent = parent;
    env->branch = branch;
    return env;
}

static bool is_name(const struct ptmi_py_bind *bind, const char *name, size_t len)
{
    return strncmp(bind->name, name, len) == 0 && bind->name[len] == '\0';
}

static size_t slot_of(ptmi_py *py, const struct ptmi_py_env *env, const char *name, size_t len)
{
    size_t slot = ptmi_mix_bytes(py->seed, name, len) & (env->slots - 1);
    while (env->index[slot] && !is_name(&env->binds[env->index[slot] - 1], name, len))
        slot = (slot + 1) & (env->slots - 1);
    return slot;
}

static struct ptmi_py_bind *find_own(ptmi_py *py, const struct ptmi_py_env *env, const char *name,
                                     size_t len)
{
    ptmi_py_toil(py, len);
    if (env->index) {
        uint32_t at = env->index[slot_of(py, env, name, len)];
        return at ? &env->binds[at - 1] : NULL;
    }
    for (size_t i = 0; i < env->n; i++)
        if (is_name(&env->binds[i], name, len)) return &env->binds[i];
    return NULL;
}

struct ptmi_py_bind *ptmi_py_env_own(ptmi_py *py, const struct ptmi_py_env *env, const char *name,
                                     size_t len)
{
    struct ptmi_py_bind *bind = env ? find_own(py, env, name, len) : NULL;
    return bind && bind->value->type != PYV_GONE ? bind : NULL;
}

struct ptmi_py_bind *ptmi_py_env_find(ptmi_py *py, const struct ptmi_py_env *env, const char *name,
                                      size_t len)
{
    for (; env; env = env->parent) {
        struct ptmi_py_bind *bind = find_own(py, env, name, len);
        if (bind) return bind->value->type == PYV_GONE ? NULL : bind;
    }
    return NULL;
}

/* An index that stays three quarters empty. */
static bool make_index(ptmi_py *py, struct ptmi_py_env *env)
{
    env->slots = 8;
    while (env->slots < 4 * env->cap) env->slots *= 2;
    env->index = ptmi_py_alloc(py, env->slots * sizeof *env->index);
    if (!env->index) return false;
    for (size_t i = 0; i < env->n; i++)
        env->index[slot_of(py, env, env->binds[i].name, strlen(env->binds[i].name))] =
            (uint32_t)(i + 1);
    return true;
}

static bool grow_env(ptmi_py *py, struct ptmi_py_env *env)
{
    if (env->n < env->cap) return true;
    if (env->n >= PTM_LIMIT_ITEMS) {
        py->exhausted = true;
        return false;
    }
    size_t cap = env->cap ? 2 * env->cap : 4;
    struct ptmi_py_bind *binds = ptmi_py_alloc(py, cap * sizeof *binds);
    if (!binds) return false;
    if (env->n) memcpy(binds, env->binds, env->n * sizeof *binds);
    env->binds = binds;
    env->cap = cap;
    return cap < INDEX_FROM || make_index(py, env);
}

void ptmi_py_env_set(ptmi_py *py, struct ptmi_py_env *env, const struct ptmi_py_bind *bind)
{
    size_t len = strlen(bind->name);
    struct ptmi_py_bind *own = find_own(py, env, bind->name, len);
    if (own) {
        const char *name = own->name;
        *own = *bind;
        own->name = name;
        return;
    }
    if (!grow_env(py, env)) return;
    char *name = ptmi_py_alloc(py, len + 1);
    if (!name) return;
    memcpy(name, bind->name, len + 1);
    if (env->index) env->index[slot_of(py, env, name, len)] = (uint32_t)(env->n + 1);
    env->binds[env->n] = *bind;
    env->binds[env->n++].name = name;
}

/* What a name is after the branches: that of each which binds it, that of before for the others. */
static void merge_name(ptmi_py *py, struct ptmi_py_env *env, struct ptmi_py_env *const *branches,
                       size_t n, const char *name)
{
    size_t len = strlen(name);
    py->steps += n / 4;
    struct ptmi_py_bind merged = {.name = name};
    struct ptmi_py_bind *before = NULL;
    for (const struct ptmi_py_env *at = env; at && !before; at = at->branch ? at->parent : NULL)
        before = find_own(py, at, name, len);
    for (size_t i = 0; i < n; i++) {
        const struct ptmi_py_bind *bind = find_own(py, branches[i], name, len);
        if (!bind) bind = before;
        if (!bind || bind->value->type == PYV_GONE) {
            merged.maybe = true;
            continue;
        }
        struct ptmi_py_value *value = ptmi_py_either(py, merged.value, bind->value);
        bool maybe = merged.maybe || bind->maybe;
        if (!merged.value) merged = *bind;
        merged.name = name;
        merged.value = value;
        merged.maybe = maybe;
    }
    if (!merged.value) merged.value = &py->gone;
    ptmi_py_env_set(py, env, &merged);
}

void ptmi_py_env_merge(ptmi_py *py, struct ptmi_py_env *env, struct ptmi_py_env *const *branches,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; branches[i] && j < branches[i]->n; j++) {
            const char *name = branches[i]->binds[j].name;
            bool done = false;
            for (size_t k = 0; k < i && !done; k++)
                done = find_own(py, branches[k], name, strlen(name)) != NULL;
            if (!done) merge_name(py, env, branches, n, name);
        }
    }
}
