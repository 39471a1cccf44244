/* SPDX-License-Identifier: MIT */
/*
 * pickle_calls.c - the opcodes that make CPython import and call: each leaves a node that says what
 * would have been asked for. What a symbol's type is nobody knows here, so only what no object
 * could do is refused: calling a list, NEWOBJ of an int.
 */
#include "pickle_priv.h"

#include <stdlib.h>
#include <string.h>

/* --- lists of the result --- */

static ptm_rc note(struct ptmi_pkm *m, struct ptmi_pk ***list, size_t *n, size_t *cap,
                   struct ptmi_pk *node)
{
    if (*n == *cap) PTM_TRY(ptmi_pkm_grow(m, list, cap, sizeof **list));
    (*list)[(*n)++] = node;
    return PTM_OK;
}

static ptm_rc note_call(struct ptmi_pkm *m, struct ptmi_pk *node)
{
    return note(m, &m->out->calls, &m->out->n_calls, &m->cap_calls, node);
}

ptm_rc ptmi_pkm_changed(struct ptmi_pkm *m, struct ptmi_pk *node)
{
    if (node->kind != PTMI_PK_GLOBAL || (node->uses & PTMI_USE_BUILT)) return PTM_OK;
    node->uses |= PTMI_USE_BUILT;
    return note_call(m, node);
}

/* --- globals --- */

/* bytes as a C string. A NUL inside, which no name that can be imported has, becomes '?': such a
 * name is on no list either. */
static ptm_rc name_copy(struct ptmi_pkm *m, const uint8_t *bytes, uint64_t n, const char **out)
{
    char *copy = NULL;
    PTM_TRY(ptmi_pkm_alloc(m, n + 1, &copy));
    if (n > 0) memcpy(copy, bytes, n);
    for (char *nul = memchr(copy, '\0', n); nul;
         nul = memchr(nul, '\0', n - (uint64_t)(nul - copy)))
        *nul = '?';
    *out = copy;
    return PTM_OK;
}

struct span {
    const uint8_t *bytes;
    uint64_t n;
};

static ptm_rc new_global(struct ptmi_pkm *m, struct span module, struct span name,
                         struct ptmi_pk **out)
{
    struct ptmi_pickle *pickle = m->out;
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_node(m, PTMI_PK_GLOBAL, &node));
    PTM_TRY(name_copy(m, module.bytes, module.n, &node->module));
    PTM_TRY(name_copy(m, name.bytes, name.n, &node->name));
    if (m->protocol < 3) ptmi_pkm_map_names(&node->module, &node->name);
    if (pickle->n_globals == m->cap_globals)
        PTM_TRY(ptmi_pkm_grow(m, &pickle->globals, &m->cap_globals, sizeof *pickle->globals));
    pickle->globals[pickle->n_globals++] = (struct ptmi_pk_global){node, node->at};
    *out = node;
    return PTM_OK;
}

/* Two lines, neither empty. */
static ptm_rc two_lines(struct ptmi_pkm *m, struct span *module, struct span *name)
{
    size_t len = 0;
    PTM_TRY(ptmi_pkm_line(m, &module->bytes, &len));
    module->n = len;
    if (len == 0) return ptmi_pkm_fail(m, PTM_EFORMAT, "the name of the module is empty");
    PTM_TRY(ptmi_pkm_line(m, &name->bytes, &len));
    name->n = len;
    if (len == 0) return ptmi_pkm_fail(m, PTM_EFORMAT, "the name is empty");
    return PTM_OK;
}

ptm_rc ptmi_pkm_global(struct ptmi_pkm *m)
{
    struct span module = {0}, name = {0};
    struct ptmi_pk *node = NULL;
    PTM_TRY(two_lines(m, &module, &name));
    if (!ptmi_pkm_is_utf8(module.bytes, module.n, false) ||
        !ptmi_pkm_is_utf8(name.bytes, name.n, false))
        return ptmi_pkm_fail(m, PTM_EFORMAT, "the name of a global is not UTF-8");
    PTM_TRY(new_global(m, module, name, &node));
    return ptmi_pkm_push(m, node);
}

ptm_rc ptmi_pkm_stack_global(struct ptmi_pkm *m)
{
    struct ptmi_pk *name = NULL, *module = NULL, *node = NULL;
    PTM_TRY(ptmi_pkm_pop(m, &name));
    PTM_TRY(ptmi_pkm_pop(m, &module));
    if (name->kind != PTMI_PK_STR || module->kind != PTMI_PK_STR)
        return ptmi_pkm_fail(m, PTM_EFORMAT, "module and name are not both a str");
    PTM_TRY(new_global(m, (struct span){(const uint8_t *)module->bytes, module->n},
                       (struct span){(const uint8_t *)name->bytes, name->n}, &node));
    return ptmi_pkm_push(m, node);
}

/* --- calls --- */

/* Takes over what was popped: callee.. */
static ptm_rc push_object(struct ptmi_pkm *m, struct ptmi_pk *node, unsigned how)
{
    struct ptmi_pickle *out = m->out;
    if (node->callee->kind == PTMI_PK_GLOBAL)
        node->callee->uses |= how;
    else
        PTM_TRY(note_call(m, node));
    ptmi_pkm_use(node->args, PTMI_USE_VALUE);
    if (node->kwargs) ptmi_pkm_use(node->kwargs, PTMI_USE_VALUE);
    PTM_TRY(note(m, &out->objects, &out->n_objects, &m->cap_objects, node));
    return ptmi_pkm_push(m, node);
}

/* The unpickler in Python calls f(*args), which takes whatever can be gone over. */
static void need_tuple(struct ptmi_pkm *m, const struct ptmi_pk *args)
{
    if (ptmi_pkm_is_plain(args) && args->kind != PTMI_PK_TUPLE)
        ptmi_pkm_go_on(m, ptmi_pkm_fail(m, PTM_EFORMAT, "the arguments are no tuple"));
}

ptm_rc ptmi_pkm_reduce(struct ptmi_pkm *m)
{
    struct ptmi_pk *args = NULL, *callee = NULL, *node = NULL;
    PTM_TRY(ptmi_pkm_pop(m, &args));
    PTM_TRY(ptmi_pkm_pop(m, &callee));
    if (ptmi_pkm_is_plain(callee))
        return ptmi_pkm_fail(m, PTM_EFORMAT, "what is called is no function");
    need_tuple(m, args);
    PTM_TRY(ptmi_pkm_node(m, PTMI_PK_CALL, &node));
    node->callee = callee;
    node->args = args;
    return push_object(m, node, PTMI_USE_CALLED);
}

ptm_rc ptmi_pkm_newobj(struct ptmi_pkm *m, bool with_kwargs)
{
    struct ptmi_pk *kwargs = NULL, *args = NULL, *class = NULL, *node = NULL;
    if (with_kwargs) PTM_TRY(ptmi_pkm_pop(m, &kwargs));
    PTM_TRY(ptmi_pkm_pop(m, &args));
    PTM_TRY(ptmi_pkm_pop(m, &class));
    if (ptmi_pkm_is_plain(class))
        return ptmi_pkm_fail(m, PTM_EFORMAT, "what is to be made is of no class");
    need_tuple(m, args);
    if (kwargs && ptmi_pkm_is_plain(kwargs) && kwargs->kind != PTMI_PK_DICT)
        return ptmi_pkm_fail(m, PTM_EFORMAT, "the named arguments are no dict");
    PTM_TRY(ptmi_pkm_node(m, PTMI_PK_NEW, &node));
    node->callee = class;
    node->args = args;
    node->kwargs = kwargs;
    return push_object(m, node, PTMI_USE_NEW);
}

/* INST and OBJ: class with the arguments above from. */
static ptm_rc instantiate(struct ptmi_pkm *m, struct ptmi_pk *class, size_t from)
{
    struct ptmi_pk *args = NULL, *node = NULL;
    PTM_TRY(ptmi_pkm_tuple(m, from));
    args = m->stack[--m->n];
    PTM_TRY(ptmi_pkm_node(m, PTMI_PK_NEW, &node));
    node->inst = true;
    node->callee = class;
    node->args = args;
    return push_object(m, node, PTMI_USE_NEW);
}

ptm_rc ptmi_pkm_inst(struct ptmi_pkm *m)
{
    struct span module = {0}, name = {0};
    struct ptmi_pk *class = NULL;
    size_t from = 0;
    PTM_TRY(ptmi_pkm_marker(m, &from));
    PTM_TRY(two_lines(m, &module, &name));
    if (!ptmi_pkm_is_ascii(module.bytes, module.n) || !ptmi_pkm_is_ascii(name.bytes, name.n))
        return ptmi_pkm_fail(m, PTM_EFORMAT, "the name of a global is not ASCII");
    PTM_TRY(new_global(m, module, name, &class));
    return instantiate(m, class, from);
}

ptm_rc ptmi_pkm_obj(struct ptmi_pkm *m)
{
    size_t from = 0;
    PTM_TRY(ptmi_pkm_marker(m, &from));
    if (m->n <= from) return ptmi_pkm_underflow(m);
    struct ptmi_pk *class = m->stack[from];
    if (ptmi_pkm_is_plain(class))
        return ptmi_pkm_fail(m, PTM_EFORMAT, "what is to be made is of no class");
    PTM_TRY(instantiate(m, class, from + 1));
    m->stack[from] = m->stack[m->n - 1]; /* in place of the class */
    m->n = from + 1;
    return PTM_OK;
}

/* --- BUILD --- */

/* What the unpickler in Python takes for no state at all. */
static bool is_false(const struct ptmi_pk *node)
{
    switch (node->kind) {
    case PTMI_PK_NONE:
        return true;
    case PTMI_PK_BOOL:
    case PTMI_PK_INT:
        return node->i == 0;
    case PTMI_PK_FLOAT:
        return node->f == 0;
    case PTMI_PK_STR:
    case PTMI_PK_BYTES:
    case PTMI_PK_BYTEARRAY:
        return node->n == 0;
    default:
        return ptmi_pkm_is_plain(node) && node->kind != PTMI_PK_LONG && node->n_items == 0;
    }
}

static bool is_false_state(const struct ptmi_pk *state)
{
    return is_false(state) || (state->kind == PTMI_PK_TUPLE && state->n_items == 2 &&
                               is_false(state->items[0]) && is_false(state->items[1]));
}

/* No built-in type has __setstate__ or __dict__: only a state that says nothing is no error. */
static bool says_nothing(const struct ptmi_pk *state)
{
    if (state->kind == PTMI_PK_NONE) return true;
    return state->kind == PTMI_PK_TUPLE && state->n_items == 2 &&
           state->items[0]->kind == PTMI_PK_NONE && state->items[1]->kind == PTMI_PK_DICT &&
           state->items[1]->n_items == 0;
}

ptm_rc ptmi_pkm_build(struct ptmi_pkm *m)
{
    struct ptmi_pk *state = NULL, *node = NULL;
    if (m->n < m->fence + 2) return ptmi_pkm_underflow(m);
    PTM_TRY(ptmi_pkm_pop(m, &state));
    PTM_TRY(ptmi_pkm_top(m, &node));
    ptmi_pkm_use(state, PTMI_USE_VALUE);
    if (ptmi_pkm_is_plain(node)) {
        if (says_nothing(state)) return PTM_OK;
        ptm_rc rc = ptmi_pkm_fail(m, PTM_EFORMAT, "a state for an object that has none");
        if (!is_false_state(state)) return rc;
        ptmi_pkm_go_on(m, rc);
        return PTM_OK;
    }
    node->state = state;
    if (node->n_states < UINT32_MAX) node->n_states++;
    return ptmi_pkm_changed(m, node);
}

/* --- persistent ids, extensions, buffers --- */

static ptm_rc push_persid(struct ptmi_pkm *m, struct ptmi_pk *id)
{
    struct ptmi_pickle *out = m->out;
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_node(m, PTMI_PK_PERSID, &node));
    node->args = id;
    ptmi_pkm_use(id, PTMI_USE_PERSID);
    PTM_TRY(note(m, &out->persids, &out->n_persids, &m->cap_persids, node));
    return ptmi_pkm_push(m, node);
}

ptm_rc ptmi_pkm_persid(struct ptmi_pkm *m)
{
    const uint8_t *line = NULL;
    size_t len = 0;
    PTM_TRY(ptmi_pkm_line(m, &line, &len));
    for (size_t i = 0; i < len; i++)
        if (line[i] >= 0x80) return ptmi_pkm_fail(m, PTM_EFORMAT, "the persistent id is not ASCII");
    PTM_TRY(ptmi_pkm_string_node(m, PTMI_PK_STR, line, len));
    return push_persid(m, m->stack[--m->n]);
}

ptm_rc ptmi_pkm_binpersid(struct ptmi_pkm *m)
{
    struct ptmi_pk *id = NULL;
    PTM_TRY(ptmi_pkm_pop(m, &id));
    return push_persid(m, id);
}

ptm_rc ptmi_pkm_ext(struct ptmi_pkm *m, unsigned len)
{
    const uint8_t *p = NULL;
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_take(m, len, &p));
    int64_t code = len == 1 ? p[0] : len == 2 ? ptmi_le16(p) : (int32_t)ptmi_le32(p);
    m->out->oddities |= PTMI_PK_ODD_EXT;
    if (code <= 0) return ptmi_pkm_fail(m, PTM_EFORMAT, "an extension code below 1");
    PTM_TRY(ptmi_pkm_node(m, PTMI_PK_EXT, &node));
    node->i = code;
    return ptmi_pkm_push(m, node);
}

ptm_rc ptmi_pkm_next_buffer(struct ptmi_pkm *m)
{
    m->out->oddities |= PTMI_PK_ODD_BUFFER;
    return ptmi_pkm_empty(m, PTMI_PK_BUFFER);
}

/* A read-only view of the object on top, which stays itself when it is read-only already. */
ptm_rc ptmi_pkm_readonly_buffer(struct ptmi_pkm *m)
{
    struct ptmi_pk *node = NULL;
    m->out->oddities |= PTMI_PK_ODD_BUFFER;
    PTM_TRY(ptmi_pkm_top(m, &node));
    if (!ptmi_pkm_is_plain(node) || node->kind == PTMI_PK_BYTES) return PTM_OK;
    if (node->kind != PTMI_PK_BYTEARRAY)
        return ptmi_pkm_fail(m, PTM_EFORMAT, "the object has no buffer");
    m->n--;
    return ptmi_pkm_empty(m, PTMI_PK_BUFFER);
}
