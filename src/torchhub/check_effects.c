/* SPDX-License-Identifier: MIT */
/*
 * check_effects.c - what happens to a user's program when hubconf.py is imported, which torch.hub
 * does for list and help, too; and pickles that are read without weights_only.
 *
 * Calls are known by the text of their callee, under the name it has where the file imports it from
 * ("from torch import load as _l"), leading underscores aside. What is assigned goes unnoticed.
 */
#include "check_priv.h"

#include <string.h>

#include "../base/str.h"

/* Names that one file imports: more than people write, and bounds what a hostile file costs. */
#define IMPORTS_MAX 256

/* "name" is the whole callee, "name." its beginning, "*.name" its last part. */
static const struct effect {
    const char *callee, *what;
} effects[] = {
    {"print", "prints"},
    {"input", "waits for someone to type"},
    {"os.system", "runs a program"},
    {"os.popen", "runs a program"},
    {"subprocess.", "runs a program"},
    {"pip.main", "installs packages"},
    {"*.check_requirements", "may install packages"},
    {"os.mkdir", "changes files"},
    {"os.makedirs", "changes files"},
    {"os.remove", "changes files"},
    {"os.unlink", "changes files"},
    {"os.rename", "changes files"},
    {"shutil.", "changes files"},
    {"os.chdir", "changes the folder that the user's program works in"},
    {"os.putenv", "changes the user's environment"},
    {"os.environ.setdefault", "changes the user's environment"},
    {"os.environ.update", "changes the user's environment"},
    {"sys.exit", "ends the user's program"},
    {"urllib.request.", "uses the network"},
    {"requests.", "uses the network"},
    {"gdown.", "uses the network"},
    {"wget.download", "uses the network"},
    {"torch.hub.", "uses the network"},
    {"*.urlopen", "uses the network"},
    {"*.urlretrieve", "uses the network"},
    {"*.load_url", "uses the network"},
    {"*.load_state_dict_from_url", "uses the network"},
    {"*.download_url_to_file", "uses the network"},
    {"*.hf_hub_download", "uses the network"},
    {"*.snapshot_download", "uses the network"},
    {"torch.cuda.", "looks for a GPU"},
    {"torch.set_", "changes torch's settings"},
    {"*.manual_seed", "sets seeds of the user's program"},
    {"random.seed", "sets seeds of the user's program"},
    {"np.random.seed", "sets seeds of the user's program"},
    {"numpy.random.seed", "sets seeds of the user's program"},
    {"logging.basicConfig", "changes the user's logging"},
    {"warnings.filterwarnings", "changes the user's warnings"},
    {"warnings.simplefilter", "changes the user's warnings"},
};

static bool is_callee(const char *text, const char *pattern)
{
    size_t len = strlen(pattern);
    if (pattern[0] == '*') {
        const char *dot = strrchr(text, '.');
        return strcmp(dot ? dot + 1 : text, pattern + 2) == 0;
    }
    if (pattern[len - 1] == '.' || pattern[len - 1] == '_') return ptmi_str_starts(text, pattern);
    return strcmp(text, pattern) == 0;
}

/* ---- names ---- */

/* What "import a.b as c" and "from a import b [as c]" bind: "c=a.b". Relative ones are the
 * repository's own. */
static ptm_rc see_import(struct ptmi_check *check, size_t i, TSNode node, ptmi_py_kind kind,
                         struct ptm_err *err)
{
    const struct ptmi_py_lang *lang = &check->lang;
    bool from = kind == PY_IMPORT_FROM_STATEMENT;
    if (!from && kind != PY_IMPORT_STATEMENT) return PTM_OK;
    TSNode source = ptmi_py_field_of(lang, node, PYF_MODULE_NAME);
    const char *module = from ? ptmi_check_module(check, i, source) : "";
    if (*module == '.') return PTM_OK;
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(lang, node);
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        bool renamed = ptmi_py_kind_of(lang, kid) == PY_ALIASED_IMPORT;
        if (!ptmi_py_kids_in(&kids, PYF_NAME) || !(from || renamed)) continue;
        const char *name = ptmi_check_module(check, i, kid), *bound = name;
        if (renamed)
            bound =
                ptmi_check_text(check, &check->files[i], ptmi_py_field_of(lang, kid, PYF_ALIAS));
        if (check->imports.n >= IMPORTS_MAX) return PTM_OK;
        if (!ptmi_arena_list_add(&check->arena, &check->imports,
                                 ptmi_arena_printf(&check->arena, "%s=%s%s%s", bound, module,
                                                   from ? "." : "", name)))
            return ptm_err_set(err, PTM_ENOMEM, "%s: too many imports", check->files[i].path);
    }
    return PTM_OK;
}

/* "torch.load" of "_l" and "T.load", as the file's imports have it. */
static const char *full_name(struct ptmi_check *check, const char *text)
{
    size_t len = strcspn(text, ".");
    for (size_t i = 0; i < check->imports.n; i++) {
        const char *item = check->imports.items[i], *full = NULL;
        if (strncmp(item, text, len) == 0 && item[len] == '=')
            full = ptmi_arena_printf(&check->arena, "%s%s", item + len + 1, text + len);
        if (full) return full;
    }
    return text;
}

/* ---- arguments ---- */

static const char *arguments(struct ptmi_check *check, size_t i, TSNode call)
{
    return ptmi_check_text(check, &check->files[i],
                           ptmi_py_field_of(&check->lang, call, PYF_ARGUMENTS));
}

/* Is name= given, or may it be: **kwargs? */
static bool has_keyword(struct ptmi_check *check, size_t i, TSNode call, const char *name)
{
    const struct ptmi_py_lang *lang = &check->lang;
    PTM_AUTO(ptmi_py_kids_end)
    struct ptmi_py_kids kids = ptmi_py_kids_of(lang, ptmi_py_field_of(lang, call, PYF_ARGUMENTS));
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid);) {
        ptmi_py_kind kind = ptmi_py_kind_of(lang, kid);
        if (kind == PY_DICTIONARY_SPLAT) return true;
        if (kind != PY_KEYWORD_ARGUMENT) continue;
        struct ptmi_py_span span =
            ptmi_py_span_of(&check->files[i], ptmi_py_field_of(lang, kid, PYF_NAME));
        if (ptmi_py_span_is(span, name)) return true;
    }
    return false;
}

/* open(..) with a mode that writes: its second argument, or mode=. */
static bool opens_to_write(struct ptmi_check *check, size_t i, TSNode call)
{
    const struct ptmi_py_lang *lang = &check->lang;
    PTM_AUTO(ptmi_py_kids_end)
    struct ptmi_py_kids kids = ptmi_py_kids_of(lang, ptmi_py_field_of(lang, call, PYF_ARGUMENTS));
    int at = 0;
    for (TSNode kid; ptmi_py_kids_next(&kids, &kid); at++) {
        const char *text = ptmi_check_text(check, &check->files[i], kid);
        bool is_mode = ptmi_str_starts(text, "mode") || (at == 1 && strchr("\"'", text[0]));
        const char *quote = is_mode ? strpbrk(text, "\"'") : NULL;
        const char *first = quote ? strpbrk(quote + 1, "wax+\"'") : NULL;
        if (first && strchr("wax+", *first)) return true;
    }
    return false;
}

/* What a call does that its arguments decide; NULL: nothing known. */
static const char *by_arguments(struct ptmi_check *check, size_t i, TSNode call, const char *callee)
{
    if (strcmp(callee, "open") == 0) return opens_to_write(check, i, call) ? "writes a file" : NULL;
    const char *given = arguments(check, i, call);
    if (ptmi_str_starts(callee, "sys.path.") && strpbrk(given, "\"'") &&
        !strstr(given, "__file__") && !strstr(given, "\"/") && !strstr(given, "'/"))
        return "looks for modules relative to the folder that the user's program works in";
    if (strcmp(callee, "torch.device") == 0 && strstr(given, "cuda")) return "asks for a GPU";
    return NULL;
}

/* ---- advice ---- */

static const char *callee_of(struct ptmi_check *check, size_t i, TSNode call)
{
    TSNode function = ptmi_py_field_of(&check->lang, call, PYF_FUNCTION);
    const char *text = full_name(check, ptmi_check_text(check, &check->files[i], function));
    return text + strspn(text, "_");
}

static ptm_rc at_import(struct ptmi_check *check, size_t i, TSNode node, ptmi_py_kind kind,
                        struct ptm_err *err)
{
    if (kind != PY_CALL) return PTM_OK;
    const char *callee = callee_of(check, i, node), *what = NULL;
    for (size_t e = 0; e < sizeof effects / sizeof *effects && !what; e++)
        if (is_callee(callee, effects[e].callee)) what = effects[e].what;
    if (!what) what = by_arguments(check, i, node, callee);
    if (!what) return PTM_OK;
    return ptmi_advise(
        check, PTMI_ADVICE(WARNING, "import-side-effect", check->files[i].path, ptmi_py_line(node)),
        err,
        "%.80s() %s when hubconf.py is imported, for torch.hub.list() already; move it into the "
        "function that needs it",
        callee, what);
}

static ptm_rc in_calls(struct ptmi_check *check, size_t i, TSNode node, ptmi_py_kind kind,
                       struct ptm_err *err)
{
    if (kind != PY_CALL) return PTM_OK;
    const char *callee = callee_of(check, i, node), *file = check->files[i].path;
    int line = ptmi_py_line(node);
    bool by_url =
        is_callee(callee, "*.load_state_dict_from_url") || is_callee(callee, "*.load_url");
    if (!by_url && strcmp(callee, "torch.load") != 0) return PTM_OK;
    if (!has_keyword(check, i, node, "weights_only"))
        PTM_TRY(ptmi_advise(check, PTMI_ADVICE(WARNING, "unsafe-pickle", file, line), err,
                            "%.80s() without weights_only=True runs whatever the file says, by "
                            "default in torch before 2.6 (by URL: in all); pass weights_only=True",
                            callee));
    if (!by_url || has_keyword(check, i, node, "check_hash")) return PTM_OK;
    return ptmi_advise(check, PTMI_ADVICE(NOTE, "weights-unchecked", file, line), err,
                       "%.80s() without check_hash=True takes a cut-off or swapped file as it is",
                       callee);
}

ptm_rc ptmi_check_effects(struct ptmi_check *check, struct ptm_err *err)
{
    for (size_t i = 0; i < check->n_files; i++) {
        check->imports.n = 0;
        PTM_TRY(ptmi_check_walk(check, i, true, see_import, err));
        PTM_TRY(ptmi_check_walk(check, i, false, at_import, err));
        PTM_TRY(ptmi_check_walk(check, i, true, in_calls, err));
    }
    return PTM_OK;
}
