/* SPDX-License-Identifier: MIT */
/*
 * run_python.c - asks a Python where its parts are. A virtual environment, pyenv, conda or
 * ~/.local keeps them in the home folder, of which a sandbox shows nothing else.
 */
#include "run_python.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/json.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/str.h"

/* Starting takes 20 ms; on a network file system with many packages some seconds. */
#define ANSWER_SECONDS 120
#define OLDEST_MINOR 8

/* For any Python 3, and to fail on none. The folder we stand in comes off the search path before
 * anything is imported: this is asked outside the sandbox, and who stands in a repository's folder
 * may have a json.py there. Outside a virtual environment the program is followed to
 * where it is: a link in ~/bin alone would not find its library inside the sandbox. */
static const char QUESTION[] =
    "import sys\n"
    "sys.path[:1] = [] if sys.path[:1] == [''] else sys.path[:1]\n"
    "import json, os, site\n"
    "own = sys.prefix != getattr(sys, 'base_prefix', sys.prefix)\n"
    "print(json.dumps({'program': sys.executable if own else os.path.realpath(sys.executable),\n"
    "  'version': '%d.%d.%d' % sys.version_info[:3], 'minor': sys.version_info[1],\n"
    "  'major': sys.version_info[0],\n"
    "  'user_base': site.getuserbase() if site.ENABLE_USER_SITE else None,\n"
    "  'paths': [sys.prefix, getattr(sys, 'base_prefix', sys.prefix), sys.exec_prefix,\n"
    "            getattr(sys, 'base_exec_prefix', sys.exec_prefix)] + sys.path}))\n";

void ptmi_python_clear(struct ptmi_python *python)
{
    ptmi_arena_clear(&python->arena);
    *python = (struct ptmi_python)PTMI_PYTHON;
}

static const char *keep(struct ptmi_python *out, yyjson_val *root, const char *name)
{
    return ptmi_arena_strdup(&out->arena, ptmi_json_str(root, name));
}

static ptm_rc read_answer(yyjson_val *root, const char *name, struct ptmi_python *out,
                          struct ptm_err *err)
{
    out->program = keep(out, root, "program");
    out->version = keep(out, root, "version");
    out->user_base = keep(out, root, "user_base");
    if (!out->program || !*out->program || !out->version)
        return ptm_err_set(err, PTM_EFORMAT, "%s: does not say where it is", name);
    if (ptmi_json_int(root, "major", 0) != 3 || ptmi_json_int(root, "minor", 0) < OLDEST_MINOR)
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s is Python %s; running an entry point needs 3.%d or newer (--python "
                           "names another)",
                           name, out->version, OLDEST_MINOR);
    if (!ptmi_json_strings(root, "paths", &out->arena, &out->paths))
        return ptm_err_set(err, PTM_ENOMEM, "%s: its search path is too long", name);
    return PTM_OK;
}

static ptm_rc ask(ptm_ctx *ctx, const char *name, struct ptmi_proc_result *result,
                  struct ptm_err *err)
{
    const char *const argv[] = {name, "-c", QUESTION, NULL};
    struct ptmi_proc proc = {.argv = argv, .silent_seconds = ANSWER_SECONDS, .interruptible = true};
    ptm_rc rc = ptmi_proc_run(ctx, &proc, result, err);
    if (rc == PTM_ENOENT)
        return ptm_err_set(err, PTM_ENOENT,
                           "%s: no such Python; install Python 3.%d or newer, or name yours "
                           "(--python)",
                           name, OLDEST_MINOR);
    if (rc < 0) return rc;
    if (result->exit_status == 0) return PTM_OK;
    char said[256];
    ptmi_proc_last_line(&result->err_text, said);
    return ptm_err_set(err, PTM_ENOENT, "%s: does not run as Python (exit status %d): %s", name,
                       result->exit_status, said);
}

ptm_rc ptmi_python_look(ptm_ctx *ctx, const char *name, struct ptmi_python *out,
                        struct ptm_err *err)
{
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    if (!name || !*name) name = "python3";
    PTM_TRY(ask(ctx, name, &result, err));
    /* The last line: start files may print before it. */
    char *text = result.out_text.data;
    size_t len = text ? result.out_text.len : 0;
    if (len > 0 && text[len - 1] == '\n') text[len - 1] = '\0';
    char *before = len > 0 ? strrchr(text, '\n') : NULL;
    const char *json = before ? before + 1 : len > 0 ? text : "";
    PTM_TRY(ptmi_json_parse(json, strlen(json), name, &doc, err));
    return read_answer(yyjson_doc_get_root(doc), name, out, err);
}

/* A folder that is not there, or not to be shown, is left out: Python does without, or says what
 * it lacks. */
static ptm_rc show_if(ptm_ctx *ctx, struct ptmi_sandbox *box, const char *path, struct ptm_err *err)
{
    struct ptm_err why = {0};
    if (path[0] != '/' || !ptmi_fs_exists(path)) return PTM_OK;
    ptm_rc rc = ptmi_sandbox_show(box, path, &why);
    if (rc == PTM_EUNSAFE)
        ptmi_log(ctx, PTM_LOG_WARN, "torchhub", "left out of Python's search path: %s", why.msg);
    return rc == PTM_ENOMEM ? ptm_err_set(err, rc, "%s", why.msg) : PTM_OK;
}

/* Folders of a variable like PATH. */
static ptm_rc show_each(ptm_ctx *ctx, struct ptmi_sandbox *box, const char *list,
                        struct ptm_err *err)
{
    while (list && *list) {
        size_t len = strcspn(list, ":");
        PTM_AUTO(ptmi_freep) char *path = strndup(list, len);
        if (!path) return ptm_err_set(err, PTM_ENOMEM, "search path of libraries");
        PTM_TRY(show_if(ctx, box, path, err));
        list += len + (list[len] == ':');
    }
    return PTM_OK;
}

ptm_rc ptmi_python_show(ptm_ctx *ctx, const struct ptmi_python *python, struct ptmi_sandbox *box,
                        struct ptm_err *err)
{
    for (size_t i = 0; i < python->paths.n; i++)
        PTM_TRY(show_if(ctx, box, python->paths.items[i], err));
    /* Modules of clusters find their libraries by it. */
    PTM_TRY(show_each(ctx, box, getenv("LD_LIBRARY_PATH"), err));
    if (python->user_base)
        PTM_TRY(ptmi_sandbox_setenv(box, "PYTHONUSERBASE", python->user_base, err));
    PTM_TRY(ptmi_sandbox_keepenv(box, "PYTHONPATH", err));
    return ptmi_sandbox_keepenv(box, "LD_LIBRARY_PATH", err);
}
