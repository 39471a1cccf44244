/* SPDX-License-Identifier: MIT */
/*
 * config.c - the configuration file, read by inih. inih tells handlers no line numbers in Debian's
 * build and cuts long lines silently, so it gets its lines from a reader of ours that counts them
 * and refuses what does not fit.
 */
#include "config.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "../base/suggest.h"

struct parser {
    const char *path;
    const char *next; /* rest of the text */
    int line;         /* of what the reader gave out last */
    const char *const *hubs;
    const struct ptmi_env *env;
    struct ptmi_values *values;
    size_t first; /* of the values of this file */
    ptm_rc rc;    /* the first error */
    struct ptm_err *err;
};

const char *ptmi_env_get(const struct ptmi_env *env, const char *name)
{
    return env && env->get ? env->get(env->arg, name) : getenv(name);
}

char *ptmi_config_path(const struct ptmi_env *env)
{
    const char *folder = ptmi_env_get(env, "XDG_CONFIG_HOME");
    /* The XDG specification: a relative path there is to be ignored. */
    if (folder && *folder == '/') return ptmi_str_printf("%s/ptm/config.ini", folder);
    const char *home = ptmi_env_get(env, "HOME");
    return home && *home ? ptmi_str_printf("%s/.config/ptm/config.ini", home) : NULL;
}

/* As fgets: a line with its newline, NULL at the end. */
static char *read_line(char *into, int size, void *arg)
{
    struct parser *parser = arg;
    if (*parser->next == '\0' || parser->rc < 0) return NULL;
    size_t len = strcspn(parser->next, "\n");
    len += parser->next[len] == '\n';
    parser->line++;
    if (len >= (size_t)size) {
        parser->rc =
            ptm_err_set(parser->err, PTM_ECONFIG, "%s:%d: the line is longer than %d bytes",
                        parser->path, parser->line, size - 2);
        return NULL;
    }
    memcpy(into, parser->next, len);
    into[len] = '\0';
    parser->next += len;
    return into;
}

static bool is_hub(const struct parser *parser, const char *name)
{
    for (size_t i = 0; parser->hubs[i]; i++)
        if (strcmp(parser->hubs[i], name) == 0) return true;
    return false;
}

static ptm_rc unknown_section(struct parser *parser, const char *where, const char *name)
{
    char shown[64];
    struct ptmi_suggest near = {.word = name};
    for (size_t i = 0; parser->hubs[i]; i++) ptmi_suggest_offer(&near, parser->hubs[i]);
    ptmi_str_printable(shown, sizeof shown, name);
    if (near.best)
        return ptm_err_set(parser->err, PTM_ECONFIG, "%s: no hub '%s'; did you mean [%s]?", where,
                           shown, near.best);
    return ptm_err_set(parser->err, PTM_ECONFIG, "%s: no hub '%s': a section is the name of a hub",
                       where, shown);
}

static ptm_rc unknown_key(struct parser *parser, const char *where, const char *name)
{
    char shown[64];
    struct ptmi_suggest near = {.word = name};
    ptmi_str_printable(shown, sizeof shown, name);
    int id = ptmi_opt_find(name);
    if (id >= 0 && (ptmi_opt_at(id)->flags & PTMI_OPT_SECRET))
        return ptm_err_set(parser->err, PTM_ECONFIG,
                           "%s: '%s' may not stand in this file; it comes from %s", where, shown,
                           ptmi_opt_at(id)->env);
    if (id >= 0)
        return ptm_err_set(parser->err, PTM_ECONFIG, "%s: '%s' is for the command line alone",
                           where, shown);
    for (id = 0; id < PTMI_OPT_COUNT; id++)
        if (!(ptmi_opt_at(id)->flags & PTMI_OPT_NO_CONFIG))
            ptmi_suggest_offer(&near, ptmi_opt_at(id)->name);
    if (near.best)
        return ptm_err_set(parser->err, PTM_ECONFIG, "%s: unknown key '%s'; did you mean '%s'?",
                           where, shown, near.best);
    return ptm_err_set(parser->err, PTM_ECONFIG,
                       "%s: unknown key '%s': keys are the long names of options (ptm config)",
                       where, shown);
}

static bool given_before(const struct parser *parser, int id, const char *hub)
{
    for (size_t i = parser->first; i < parser->values->n; i++) {
        const struct ptmi_value *value = &parser->values->items[i];
        if (value->opt == id && ptmi_str_eq(value->hub, hub)) return true;
    }
    return false;
}

/* What only makes sense for the process as a whole. */
static bool for_all_hubs(int id)
{
    unsigned groups = ptmi_opt_at(id)->groups;
    return (groups & (PTMI_GROUP_EVERY | PTMI_GROUP_ROOT)) != 0;
}

static ptm_rc add(struct parser *parser, const char *where, const char *hub, int id,
                  const char *value)
{
    const struct ptmi_opt *opt = ptmi_opt_at(id);
    PTM_AUTO(ptmi_freep) char *expanded = NULL;
    if (hub && for_all_hubs(id))
        return ptm_err_set(parser->err, PTM_ECONFIG,
                           "%s: '%s' cannot differ from hub to hub: put "
                           "it above the first section",
                           where, opt->name);
    if (!(opt->flags & PTMI_OPT_MANY) && given_before(parser, id, hub))
        return ptm_err_set(parser->err, PTM_ECONFIG, "%s: '%s' is given twice", where, opt->name);
    const char *home = ptmi_env_get(parser->env, "HOME");
    if ((opt->flags & PTMI_OPT_PATH) && ptmi_str_starts(value, "~/") && home) {
        expanded = ptmi_str_printf("%s%s", home, value + 1);
        if (!expanded) return ptm_err_set(parser->err, PTM_ENOMEM, "%s", where);
        value = expanded;
    }
    PTM_AUTO(ptmi_freep) char *named = ptmi_str_printf("%s: %s", where, opt->name);
    if (!named) return ptm_err_set(parser->err, PTM_ENOMEM, "%s", where);
    ptm_rc rc = ptmi_opt_check(id, named, value, parser->err);
    if (rc == PTM_EINVAL) {
        if (parser->err) parser->err->rc = PTM_ECONFIG;
        return PTM_ECONFIG;
    }
    if (rc < 0) return rc;
    return ptmi_values_add(parser->values, id, PTMI_SOURCE_CONFIG, value, where, hub, parser->err);
}

static ptm_rc take(struct parser *parser, const char *section, const char *name, const char *value)
{
    PTM_AUTO(ptmi_freep) char *where = ptmi_str_printf("%s:%d", parser->path, parser->line);
    if (!where) return ptm_err_set(parser->err, PTM_ENOMEM, "%s", parser->path);
    const char *hub = *section ? section : NULL;
    if (hub && !is_hub(parser, hub)) return unknown_section(parser, where, hub);
    int id = ptmi_opt_find(name);
    if (id < 0 || (ptmi_opt_at(id)->flags & PTMI_OPT_NO_CONFIG))
        return unknown_key(parser, where, name);
    return add(parser, where, hub, id, value ? value : "");
}

static int on_pair(void *arg, const char *section, const char *name, const char *value)
{
    struct parser *parser = arg;
    if (parser->rc == PTM_OK) parser->rc = take(parser, section, name, value);
    return parser->rc == PTM_OK;
}

ptm_rc ptmi_config_parse(const char *path, const char *text, const char *const *hubs,
                         const struct ptmi_env *env, struct ptmi_values *values,
                         struct ptm_err *err)
{
    struct parser parser = {
        .path = path,
        .next = text,
        .hubs = hubs,
        .env = env,
        .values = values,
        .first = values->n,
        .err = err,
    };
    int bad_line = ini_parse_stream(read_line, &parser, on_pair, &parser);
    if (parser.rc < 0) return parser.rc;
    if (bad_line > 0)
        return ptm_err_set(err, PTM_ECONFIG, "%s:%d: neither 'key = value' nor '[HUB]'", path,
                           bad_line);
    return bad_line < 0 ? ptm_err_set(err, PTM_ENOMEM, "%s", path) : PTM_OK;
}

ptm_rc ptmi_config_load(const char *path, const char *const *hubs, const struct ptmi_env *env,
                        struct ptmi_values *values, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0;
    ptm_rc rc = ptmi_fs_read(path, PTM_LIMIT_TEXT, &text, &len, err);
    if (rc == PTM_ENOENT) return PTM_OK;
    if (rc < 0) return rc;
    if (strlen(text) != len || !ptmi_str_is_utf8(text, len))
        return ptm_err_set(err, PTM_ECONFIG, "%s: not UTF-8 text", path);
    return ptmi_config_parse(path, text, hubs, env, values, err);
}
