/* SPDX-License-Identifier: MIT */
/*
 * hub_registry.c - the list of hubs, in the order the command line shows them. A new hub is one
 * line here.
 */
#include "hubs.h"

#include "../base/str.h"
#include "hubs_priv.h"

static const struct ptmi_hub_ops *const hubs[] = {
    &ptmi_hub_huggingface,  &ptmi_hub_modelhub,   &ptmi_hub_modelzoo,
    &ptmi_hub_onnxmodelzoo, &ptmi_hub_pytorchhub,
};

const struct ptmi_hub_ops *ptmi_hub_find(const char *name)
{
    for (size_t i = 0; i < sizeof hubs / sizeof hubs[0]; i++)
        if (ptmi_str_eq(hubs[i]->name, name)) return hubs[i];
    return NULL;
}

const struct ptmi_hub_ops *ptmi_hub_at(size_t i)
{
    return i < sizeof hubs / sizeof hubs[0] ? hubs[i] : NULL;
}
