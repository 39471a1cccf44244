/* SPDX-License-Identifier: MIT */
/*
 * torch_objects.c - from the symbols of a pickle to values and tensors: all values are made first,
 * then each is told whether a tensor lies in it, then the tensors are listed by the paths to them.
 */
#include "torch_objects.h"

#include <stdlib.h>

#include "torch_objects_priv.h"

/* Passes over all containers until nothing changes. Containers stand before what they hold but for
 * what is shared or circular, so that a few passes backwards do; a file that needs more gets walked
 * without the knowledge. */
#define PASSES 8

static bool child_holds(const struct ptm_value *value)
{
    return value && ((const struct ptmi_made *)(const void *)value)->holds_tensor;
}

/* Something changed. */
static bool tell_holders(struct ptmi_objects *o)
{
    bool changed = false;
    for (size_t i = o->n_queue; i-- > 0;) {
        struct ptmi_made *made = o->queue[i];
        bool holds = made->holds_tensor || child_holds(made->value.state);
        for (size_t k = 0; !holds && k < made->value.n_items; k++)
            holds = child_holds(made->value.items[k]);
        changed |= holds != made->holds_tensor;
        made->holds_tensor = holds;
    }
    return changed;
}

static void tell_all(struct ptmi_objects *o)
{
    for (int i = 0; i < PASSES; i++)
        if (!tell_holders(o)) return;
    for (size_t i = 0; i < o->n_queue; i++) o->queue[i]->holds_tensor = true;
}

static void objects_clear(struct ptmi_objects *o)
{
    free(o->queue);
}

static ptm_rc make_root(struct ptm_weights *weights, struct ptmi_pickle *pickle,
                        const struct ptmi_storage_lookup *lookup, struct ptmi_made **out,
                        struct ptm_err *err)
{
    PTM_AUTO(objects_clear)
    struct ptmi_objects o = {.weights = weights, .pickle = pickle, .lookup = lookup};
    PTM_ASSERT(pickle->root, err);
    PTM_TRY(ptmi_make(&o, pickle->root, out, err));
    PTM_TRY(ptmi_made_fill_all(&o, err));
    tell_all(&o);
    return PTM_OK;
}

ptm_rc ptmi_torch_objects_value(struct ptm_weights *weights, struct ptmi_pickle *pickle,
                                const struct ptmi_storage_lookup *lookup,
                                const struct ptm_value **out, struct ptm_err *err)
{
    struct ptmi_made *root = NULL;
    PTM_TRY(make_root(weights, pickle, lookup, &root, err));
    *out = &root->value;
    return PTM_OK;
}

ptm_rc ptmi_torch_objects(struct ptm_weights *weights, struct ptmi_pickle *pickle,
                          const struct ptmi_storage_lookup *lookup, struct ptm_err *err)
{
    struct ptmi_made *root = NULL;
    PTM_TRY(make_root(weights, pickle, lookup, &root, err));
    PTM_TRY(ptmi_paths_list(weights, root, err));
    weights->root = &root->value;
    return PTM_OK;
}
