/* SPDX-License-Identifier: MIT */
/*
 * torch_dict.c - a key that a dict is given twice keeps its place and gets the later value, as in
 * Python: what is listed under a name must be what torch would load under it. Text and integers
 * are compared; other keys cannot be told apart here and stay as they are.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/mix.h"
#include "torch_objects_priv.h"

static bool is_integer(const struct ptm_value *key)
{
    return key->kind == PTM_VALUE_INT || key->kind == PTM_VALUE_BOOL; /* True is 1 */
}

static bool is_comparable(const struct ptm_value *key)
{
    return key->kind == PTM_VALUE_STR || is_integer(key);
}

static bool same_key(const struct ptm_value *a, const struct ptm_value *b)
{
    if (a == b) return true;
    if (is_integer(a)) return is_integer(b) && a->i == b->i;
    return b->kind == PTM_VALUE_STR && a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static uint64_t hash_key(uint64_t seed, const struct ptm_value *key)
{
    if (is_integer(key)) return ptmi_mix(seed, (uint64_t)key->i);
    return ptmi_mix_bytes(seed, key->text, key->len);
}

/* Puts the pair at from to the end of those kept, or its value into the one that has its key. */
static void keep(const struct ptm_value **items, size_t from, size_t *kept, size_t *slot)
{
    if (*slot != 0) {
        items[*slot] = items[from + 1]; /* slots are places of values, never 0 */
        return;
    }
    items[*kept] = items[from];
    items[*kept + 1] = items[from + 1];
    *slot = *kept + 1;
    *kept += 2;
}

ptm_rc ptmi_made_unite_keys(struct ptmi_objects *o, struct ptmi_made *made,
                            const struct ptm_value **items, struct ptm_err *err)
{
    size_t n = made->value.n_items, size = 16, kept = 0;
    if (n < 4) return PTM_OK;
    if (o->seed == 0) o->seed = ptmi_mix_seed(o);
    while (size < n) size *= 2; /* n is twice the pairs: half full at most */
    PTM_AUTO(ptmi_freep) size_t *table = calloc(size, sizeof *table);
    if (!table) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", o->weights->path);
    for (size_t i = 0; i + 1 < n; i += 2) {
        size_t none = 0, at;
        if (!is_comparable(items[i])) {
            keep(items, i, &kept, &none);
            continue;
        }
        at = (size_t)hash_key(o->seed, items[i]) & (size - 1);
        while (table[at] != 0 && !same_key(items[table[at] - 1], items[i]))
            at = (at + 1) & (size - 1);
        keep(items, i, &kept, &table[at]);
    }
    made->value.n_items = kept;
    return PTM_OK;
}
