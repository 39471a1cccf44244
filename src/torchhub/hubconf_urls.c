/* SPDX-License-Identifier: MIT */
/* hubconf_urls.c - the weights an entry point reaches: it is gone through as if it were called with
 * any arguments, and every call on the way that fetches says what from. */
#include <string.h>

#include "../base/str.h"
#include "hubconf_priv.h"

/* URLs of one entry point: one that takes the model's name reaches the whole table. */
#define URLS_MAX 4096

struct reached {
    ptmi_py *py;
    struct ptmi_arena *arena;
    struct ptmi_arena_list urls;
    bool more;
};

static void add_url(struct reached *to, const char *url)
{
    char *copy = ptmi_py_got(to->py, ptmi_arena_strdup(to->arena, url));
    if (to->urls.n >= URLS_MAX)
        to->more = true;
    else if (copy && !ptmi_arena_list_add_new(to->arena, &to->urls, copy))
        (void)ptmi_py_got(to->py, NULL);
}

/* None is an entry of a table that has no weights. */
static void on_fetch(void *arg, struct ptmi_py_value *url)
{
    struct reached *to = arg;
    struct ptmi_py_value *choice;
    for (size_t i = 0; (choice = ptmi_py_choice(url, i)); i++) {
        if (choice->type == PYV_STR && strstr(choice->str, "://") &&
            strlen(choice->str) < PTM_LIMIT_URL)
            add_url(to, choice->str);
        else if (choice->type != PYV_NONE)
            to->more = true;
    }
}

static bool can_be_called(const struct ptmi_py_value *value)
{
    return value->type == PYV_FUNC || value->type == PYV_CLASS || value->type == PYV_PARTIAL ||
           value->type == PYV_BOUND || value->type == PYV_EXTERN;
}

void ptmi_hub_urls(ptmi_py *py, struct ptmi_py_value *value, struct ptmi_arena *arena,
                   struct ptm_hub_entry *entry)
{
    struct reached to = {.py = py, .arena = arena};
    struct ptmi_py_args any = {.open = true};
    struct ptmi_py_value *choice;
    py->on_fetch = on_fetch;
    py->fetch_arg = &to;
    py->exhausted = false;
    py->arena = &py->scratch;
    for (size_t i = 0; (choice = ptmi_py_choice(value, i)); i++)
        if (can_be_called(choice)) (void)ptmi_py_call(py, choice, &any);
    py->arena = &py->keep;
    py->on_fetch = NULL;
    ptmi_arena_clear(&py->scratch);
    entry->urls = to.urls.items;
    entry->n_urls = to.urls.n;
    entry->more_urls = to.more || py->exhausted;
}
