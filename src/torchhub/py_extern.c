/* SPDX-License-Identifier: MIT */
/* py_extern.c - functions from outside the repository that mean something to us: those that fetch
 * weights, those that make paths, sys.path, functools.partial. Told by their names. */
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "py_interp.h"

static struct ptmi_py_value *fetch(ptmi_py *py, struct ptmi_py_value *url)
{
    if (py->on_fetch && !py->changing) py->on_fetch(py->fetch_arg, url ? url : &py->unknown);
    return &py->unknown;
}

/* load_state_dict_from_url(url, ..) and its like. */
static struct ptmi_py_value *fetch_url(ptmi_py *py, const struct ptmi_py_args *args)
{
    return fetch(py, ptmi_py_arg(args, 0, "url"));
}

/* from_pretrained(..): fetches, from where only that library knows. */
static struct ptmi_py_value *fetch_somehow(ptmi_py *py, const struct ptmi_py_args *args)
{
    (void)args;
    return fetch(py, NULL);
}

/* --- paths --- */

static struct ptmi_py_value *first(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *value = ptmi_py_arg(args, 0, NULL);
    return value ? value : &py->unknown;
}

static struct ptmi_py_value *dirname_of(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *path = first(py, args);
    return path->type == PYV_STR ? ptmi_py_attribute(py, path, "parent") : &py->data;
}

static struct ptmi_py_value *join_path(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *path = first(py, args);
    for (size_t i = 1; i < args->n; i++) {
        path = ptmi_py_add(py, path, ptmi_py_str(py, "/", 1));
        path = ptmi_py_add(py, path, args->items[i]);
    }
    return path;
}

/* The folder Python was started in is not the repository, but those who put "src" on sys.path
 * start it there. */
static struct ptmi_py_value *here(ptmi_py *py, const struct ptmi_py_args *args)
{
    (void)args;
    return ptmi_py_str(py, PTMI_PY_TOP, strlen(PTMI_PY_TOP));
}

static struct ptmi_py_value *path_append(ptmi_py *py, const struct ptmi_py_args *args)
{
    ptmi_py_add_root(py, first(py, args), false);
    return &py->none;
}

static struct ptmi_py_value *path_insert(ptmi_py *py, const struct ptmi_py_args *args)
{
    struct ptmi_py_value *path = ptmi_py_arg(args, 1, NULL);
    if (path) ptmi_py_add_root(py, path, true);
    return &py->none;
}

static struct ptmi_py_value *path_extend(ptmi_py *py, const struct ptmi_py_args *args)
{
    const struct ptmi_py_value *list = first(py, args);
    for (size_t i = 0; list->type == PYV_LIST && i < list->n; i++)
        ptmi_py_add_root(py, list->items[i], false);
    return &py->none;
}

/* --- others --- */

static struct ptmi_py_value *import_module(ptmi_py *py, const struct ptmi_py_args *args)
{
    const struct ptmi_py_value *name = first(py, args);
    if (name->type != PYV_STR) return &py->unknown;
    size_t dots = strspn(name->str, ".");
    if (strcmp(name->str, py->frame->module->name) == 0) dots = 0;
    struct ptmi_py_module *module =
        dots ? ptmi_py_module_relative(py, py->frame->module, (int)(dots < 64 ? dots : 64),
                                       name->str + dots)
             : ptmi_py_module_find(py, name->str);
    if (!module) return dots ? &py->unknown : ptmi_py_extern(py, name->str, true);
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_MODULE);
    value->module = module;
    return value;
}

static struct ptmi_py_value *partial(ptmi_py *py, const struct ptmi_py_args *args)
{
    if (args->n == 0 || args->names[0]) return &py->unknown;
    struct ptmi_py_value *value = ptmi_py_value_new(py, PYV_PARTIAL);
    value->owner = args->items[0];
    value->open = args->open;
    value->items = ptmi_py_alloc(py, args->n * sizeof *value->items);
    value->keys = ptmi_py_alloc(py, args->n * sizeof *value->keys);
    if (!value->items || !value->keys) return &py->unknown;
    for (size_t i = 1; i < args->n; i++) {
        const char *name = args->names[i];
        value->items[value->n] = args->items[i];
        value->keys[value->n++] = name ? ptmi_py_str(py, name, strlen(name)) : NULL;
    }
    return value;
}

static struct ptmi_py_value *as_dict(ptmi_py *py, const struct ptmi_py_args *args)
{
    return ptmi_py_call_builtin(py, "dict", args);
}

/* Results one cannot call. */
static struct ptmi_py_value *data(ptmi_py *py, const struct ptmi_py_args *args)
{
    (void)args;
    return &py->data;
}

/* By the whole name, or, with a leading ".", by its end. */
static const struct known {
    const char *name;
    struct ptmi_py_value *(*call)(ptmi_py *py, const struct ptmi_py_args *args);
} KNOWN[] = {
    {".load_state_dict_from_url", fetch_url},
    {".load_url", fetch_url},
    {".download_url_to_file", fetch_url},
    {".download_url", fetch_url},
    {".load_file_from_url", fetch_url},
    {".urlretrieve", fetch_url},
    {"gdown.download", fetch_url},
    {"wget.download", fetch_url},
    {"torch.hub.load", fetch_somehow},
    {".from_pretrained", fetch_somehow},
    {".hf_hub_download", fetch_somehow},
    {".snapshot_download", fetch_somehow},
    {"os.path.dirname", dirname_of},
    {"os.path.abspath", first},
    {"os.path.realpath", first},
    {"os.path.normpath", first},
    {"os.path.expanduser", first},
    {"os.fspath", first},
    {"os.path.join", join_path},
    {"os.getcwd", here},
    {"pathlib.Path", join_path},
    {"pathlib.Path.cwd", here},
    {"sys.path.append", path_append},
    {"sys.path.insert", path_insert},
    {"sys.path.extend", path_extend},
    {"importlib.import_module", import_module},
    {"functools.partial", partial},
    {"functools.update_wrapper", first},
    {"copy.deepcopy", first},
    {"copy.copy", first},
    {"collections.OrderedDict", as_dict},
    {"collections.defaultdict", data},
    {"logging.getLogger", data},
    {"os.getenv", data},
    {"os.environ.get", data},
    {"os.path.exists", data},
    {"os.path.isfile", data},
    {"os.path.basename", data},
    {"re.compile", data},
    {"torch.device", data},
    {"torch.cuda.is_available", data},
};

static const struct known *known_as(const char *name)
{
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        const char *known = KNOWN[i].name;
        if (strcmp(known, name) == 0) return &KNOWN[i];
        if (*known == '.' && (ptmi_str_ends(name, known) || strcmp(known + 1, name) == 0))
            return &KNOWN[i];
    }
    return NULL;
}

/* models.resnet18(pretrained=True), resnet18(weights=Weights.DEFAULT), create_model(..). */
static bool asks_for_weights(const struct ptmi_py_args *args)
{
    const struct ptmi_py_value *pretrained = ptmi_py_arg(args, SIZE_MAX, "pretrained");
    const struct ptmi_py_value *weights = ptmi_py_arg(args, SIZE_MAX, "weights");
    if (pretrained && ptmi_py_truth(pretrained) != 0) return true;
    return weights && (weights->type == PYV_STR || weights->type == PYV_EXTERN);
}

/* NULL: nothing is known of it. */
struct ptmi_py_value *ptmi_py_call_extern(ptmi_py *py, struct ptmi_py_value *callee,
                                          const struct ptmi_py_args *args)
{
    const struct known *known = known_as(callee->str);
    if (known) return known->call(py, args);
    if (asks_for_weights(args)) (void)fetch(py, NULL);
    return NULL;
}

/* A function of the repository that has the name of one that fetches is likely to be one, however
 * it does it: its URL counts where it is known. */
void ptmi_py_note_own_fetch(ptmi_py *py, struct ptmi_py_value *func,
                            const struct ptmi_py_args *args)
{
    if (!py->on_fetch || py->changing) return;
    TSNode node = ptmi_py_field_of(&py->lang, func->node, PYF_NAME);
    struct ptmi_py_value *url = ptmi_py_arg(args, 0, "url"), *choice;
    if (!url || ts_node_is_null(node)) return;
    struct ptmi_py_span name = ptmi_py_span_of(&func->module->source, node);
    const struct ptmi_py_value *text = ptmi_py_str(py, name.text, name.len);
    const struct known *known = text->type == PYV_STR ? known_as(text->str) : NULL;
    if (!known || known->call != fetch_url) return;
    for (size_t i = 0; (choice = ptmi_py_choice(url, i)); i++)
        if (choice->type == PYV_STR && strstr(choice->str, "://")) (void)fetch(py, choice);
}
