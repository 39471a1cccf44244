/* SPDX-License-Identifier: MIT */
/*
 * publish_check.c - looks at a repository as its users will meet it: entry points, their
 * documentation, the state that is checked out. What it says has a code, which docs/torch-hub.md
 * explains; what is looked at elsewhere stands in check_*.c.
 */
#include "check_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/path.h"
#include "../base/str.h"

/* Texts of advice, and of the sources that they name. */
#define MEMORY_MAX (64u << 20)
/* Nobody reads more. */
#define ADVICE_MAX 1000

ptm_rc ptmi_advise(struct ptmi_check *check, const struct ptm_torchhub_advice *what,
                   struct ptm_err *err, const char *fmt, ...)
{
    char text[PTM_ERR_MSG_MAX];
    struct ptm_torchhub_advice advice = *what;
    size_t before = check->told.n;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *key = ptmi_arena_printf(&check->arena, "%s %s:%d %s", what->code,
                                        what->file ? what->file : "", what->line, text);
    if (before >= ADVICE_MAX) return PTM_OK;
    if (!ptmi_arena_list_add_new(&check->arena, &check->told, key))
        return ptm_err_set(err, PTM_ENOMEM, "%s: too much to say", check->dir);
    if (check->told.n == before) return PTM_OK;
    advice.text = text;
    return check->fn(check->arg, &advice, err);
}

/* ---- entry points ---- */

static bool shows_example(const char *doc)
{
    static const char *const marks[] = {">>>", "torch.hub.load", "```", "::\n", "code-block"};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strstr(doc, marks[i])) return true;
    return false;
}

static ptm_rc check_doc(struct ptmi_check *check, const struct ptm_hub_entry *entry,
                        struct ptm_err *err)
{
    if (!entry->doc)
        return ptmi_advise(check, PTMI_ADVICE(WARNING, "no-docstring", entry->file, entry->line),
                           err, "%s has no docstring: torch.hub.help() has nothing to show",
                           entry->name);
    if (shows_example(entry->doc)) return PTM_OK;
    return ptmi_advise(
        check, PTMI_ADVICE(NOTE, "no-example", entry->file, entry->line), err,
        "%s: its docstring shows no call; add one (>>> torch.hub.load(\"OWNER/NAME\","
        " \"%s\"))",
        entry->name, entry->name);
}

static ptm_rc check_entry(struct ptmi_check *check, const struct ptm_hub_entry *entry,
                          struct ptm_err *err)
{
    if (!entry->name)
        return ptmi_advise(
            check, PTMI_ADVICE(WARNING, "dynamic-names", entry->file, entry->line), err,
            "names are made here that nobody can see without running the file: %s; write them out",
            entry->text ? entry->text : "");
    if (entry->certainty == PTM_CERTAIN_IMPORT)
        return ptmi_advise(check, PTMI_ADVICE(NOTE, "entry-type", PTMI_HUBCONF, entry->line), err,
                           "%s is imported (%s) and, when it can be called, listed as an entry "
                           "point; import it \"as _%s\", or in the functions that need it",
                           entry->name, entry->text ? entry->text : "", entry->name);
    return check_doc(check, entry, err);
}

static ptm_rc check_entries(struct ptmi_check *check, struct ptm_err *err)
{
    size_t i = 0;
    for (const struct ptm_hub_entry *entry; (entry = ptm_hubconf_entry(check->hubconf, i)); i++)
        PTM_TRY(check_entry(check, entry, err));
    if (i > 0) return PTM_OK;
    return ptmi_advise(check, PTMI_ADVICE(ERROR, "no-entries", PTMI_HUBCONF, 0), err,
                       "there is no entry point: define a function whose name does not begin with "
                       "\"_\"");
}

/* ---- what is checked out ---- */

/* Users name a branch or a tag; a commit that neither is at can be had by its number alone, and
 * torch refuses even that. */
static ptm_rc check_ref(struct ptmi_check *check, struct ptm_err *err)
{
    struct ptmi_git_state state = {0};
    bool named = false;
    PTM_AUTO(ptmi_freep) char *git = ptmi_path_join(check->dir, ".git");
    if (!git || !ptmi_fs_exists(git)) return PTM_OK;
    if (ptmi_git_head(check->dir, &state, NULL) < 0 || state.branch[0] || !state.sha[0])
        return PTM_OK;
    PTM_TRY(ptmi_git_is_named(check->dir, state.sha, &named, err));
    if (named) return PTM_OK;
    return ptmi_advise(check, PTMI_ADVICE(WARNING, "ref", NULL, 0), err,
                       "commit %.12s, which is checked out, is the head of no branch and no tag: "
                       "torch.hub takes only those; tag it (git tag v1.0 && git push --tags)",
                       state.sha);
}

/* ---- all of it ---- */

static void check_clear(struct ptmi_check *check)
{
    for (size_t i = 0; i < check->n_files; i++) ptmi_py_source_clear(&check->files[i]);
    free(check->files);
    ptm_hubconf_close(check->hubconf);
    ptmi_py_lang_clear(&check->lang);
    ptmi_arena_clear(&check->arena);
}

static ptm_rc check_syntax(struct ptmi_check *check, struct ptm_err *err)
{
    int line = ptm_hubconf_damage(check->hubconf);
    if (line == 0) return PTM_OK;
    return ptmi_advise(check, PTMI_ADVICE(ERROR, "syntax", PTMI_HUBCONF, line), err,
                       "this is not Python: nothing of the repository can be loaded");
}

static ptm_rc check_all(struct ptmi_check *check, struct ptm_err *err)
{
    PTM_TRY(ptmi_py_lang_init(&check->lang, err));
    PTM_TRY(ptmi_check_files(check, err));
    PTM_TRY(check_syntax(check, err));
    PTM_TRY(check_entries(check, err));
    PTM_TRY(ptmi_check_dependencies(check, err));
    PTM_TRY(ptmi_check_effects(check, err));
    PTM_TRY(ptmi_check_modules(check, err));
    PTM_TRY(ptmi_check_weights(check, err));
    PTM_TRY(ptmi_check_pointers(check, err));
    return check_ref(check, err);
}

ptm_rc ptm_torchhub_check(ptm_torchhub *hub, const char *dir, bool online,
                          ptm_torchhub_advice_fn fn, void *arg, struct ptm_err *err)
{
    PTM_AUTO(check_clear)
    struct ptmi_check check = {.hub = hub,
                               .dir = dir,
                               .online = online,
                               .fn = fn,
                               .arg = arg,
                               .arena = PTMI_ARENA(MEMORY_MAX)};
    struct ptm_err why = {0};
    if (!ptmi_fs_exists(dir)) return ptm_err_set(err, PTM_ENOENT, "%s: no such folder", dir);
    ptm_rc rc = ptm_hubconf_open(dir, &check.hubconf, &why);
    if (rc == PTM_ENOENT)
        return ptmi_advise(&check, PTMI_ADVICE(ERROR, "no-hubconf", PTMI_HUBCONF, 0), err,
                           "there is no hubconf.py in %s; `ptm torch init %s` writes one", dir,
                           dir);
    if (rc == PTM_OK) return check_all(&check, err);
    if (err) *err = why;
    return rc;
}
