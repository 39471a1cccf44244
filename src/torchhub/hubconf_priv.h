/* SPDX-License-Identifier: MIT */
/* hubconf_priv.h - what the files about hubconf.py share: an entry point while it is being looked
 * at, with the value the interpreter has for it. */
#pragma once

#include "py_interp.h"
#include "torchhub_priv.h"

struct ptmi_hub_name {
    struct ptmi_py_bind bind;    /* where it is defined: followed through imports */
    struct ptmi_py_value *value; /* never NULL */
    struct ptmi_py_value *told;  /* the one of its choices that stands for all; set by classify */
};

/* --- hubconf_names.c --- */

/* What a name of the main module is, followed to where it was made. */
struct ptmi_hub_name ptmi_hub_name_of(ptmi_py *py, const struct ptmi_py_bind *bind);
/* Fills name->told, and kind, certainty, file, line, text of *entry, strings in the arena. False:
 * it is nothing one calls. */
bool ptmi_hub_classify(ptmi_py *py, struct ptmi_hub_name *name, struct ptmi_arena *arena,
                       struct ptm_hub_entry *entry);
/* The first line of the statement a node stands in, in the arena. */
char *ptmi_hub_statement(const struct ptmi_py_source *source, TSNode node,
                         struct ptmi_arena *arena);

/* --- hubconf_sign.c --- */

/* NULL: unknown. */
char *ptmi_hub_signature(ptmi_py *py, struct ptmi_py_value *value, struct ptmi_arena *arena);
char *ptmi_hub_doc(ptmi_py *py, struct ptmi_py_value *value, struct ptmi_arena *arena);
/* The docstring a block or module begins with. */
char *ptmi_hub_block_doc(ptmi_py *py, struct ptmi_py_module *module, TSNode block,
                         struct ptmi_arena *arena);

/* --- hubconf_urls.c --- */

/* Fills urls, n_urls, more_urls: what calling value with any arguments would fetch. */
void ptmi_hub_urls(ptmi_py *py, struct ptmi_py_value *value, struct ptmi_arena *arena,
                   struct ptm_hub_entry *entry);
