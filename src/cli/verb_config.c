/* SPDX-License-Identifier: MIT */
/* verb_config.c - `ptm config`: the settings in force, and where each was set. */
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "config.h"
#include "cli.h"

static const char *source_name(ptmi_source source)
{
    static const char *const names[] = {"default", "config", "environment", "command line"};
    return names[source];
}

static char *shown_value(const struct ptmi_opt *opt, const char *text)
{
    return opt->flags & PTMI_OPT_SECRET ? strdup("***") : ptmi_values_redact(text);
}

static ptm_rc print_setting(struct ptmi_cli *cli, struct ptmi_table *table,
                            const struct ptmi_opt *opt, const struct ptmi_value *value,
                            struct ptm_err *err)
{
    const char *text = value ? value->text : opt->fallback;
    const char *hub = value ? value->hub : NULL;
    const char *where = value ? value->where : "default";
    PTM_AUTO(ptmi_freep) char *shown = text ? shown_value(opt, text) : NULL;
    if (text && !shown) return ptm_err_set(err, PTM_ENOMEM, "%s", opt->name);
    if (ptmi_cli_json(cli)) {
        struct ptmi_json_line line;
        ptmi_json_line_begin(&line);
        ptmi_json_line_str(&line, "key", opt->name);
        ptmi_json_line_str(&line, "hub", hub);
        ptmi_json_line_str(&line, "value", shown);
        ptmi_json_line_str(&line, "source",
                           source_name(value ? value->source : PTMI_SOURCE_DEFAULT));
        ptmi_json_line_str(&line, "where", where);
        return ptmi_json_line_print(&line, &cli->out, err);
    }
    PTM_AUTO(ptmi_freep)
    char *key = hub ? ptmi_str_printf("[%s] %s", hub, opt->name) : strdup(opt->name);
    const char *flag = opt->flags & PTMI_OPT_FLAG ? "no" : "-";
    ptmi_table_cell(table, PTMI_PLAIN, key);
    ptmi_table_cell(table, PTMI_DIM, where);
    ptmi_table_cell(table, value ? PTMI_GREEN : PTMI_PLAIN, shown ? shown : flag);
    return PTM_OK;
}

/* Is the value the one in force, or one of a list in force? */
static bool in_force(const struct ptmi_values *values, const struct ptmi_value *value)
{
    const struct ptmi_value *best = ptmi_values_get(values, value->opt, value->hub);
    unsigned flags = ptmi_opt_at(value->opt)->flags;
    if (value == best || (flags & PTMI_OPT_MERGE)) return true;
    return (flags & PTMI_OPT_MANY) && best && best->source == value->source &&
           !best->hub == !value->hub;
}

static bool is_setting(const struct ptmi_opt *opt)
{
    return !(opt->flags & PTMI_OPT_NO_CONFIG) || (opt->flags & PTMI_OPT_ENV_ONLY);
}

/* HF_TORRENT_SHRINKAGE has rules of its own (top.h) and stands beside the values. */
static ptm_rc print_option(struct ptmi_cli *cli, struct ptmi_table *table, int id,
                           struct ptm_err *err)
{
    const struct ptmi_opt *opt = ptmi_opt_at(id);
    size_t printed = 0;
    if (!is_setting(opt)) return PTM_OK;
    for (size_t i = 0; i < cli->values.n; i++) {
        const struct ptmi_value *value = &cli->values.items[i];
        if (value->opt != id || !in_force(&cli->values, value)) continue;
        PTM_TRY(print_setting(cli, table, opt, value, err));
        printed += !value->hub;
    }
    return printed ? PTM_OK : print_setting(cli, table, opt, NULL, err);
}

static ptm_rc add_shrinkage(struct ptmi_cli *cli, struct ptm_err *err)
{
    const char *text = getenv("HF_TORRENT_SHRINKAGE");
    const struct ptmi_value *top = ptmi_values_get(&cli->values, PTMI_OPT_TOP, NULL);
    if (!text || (top && top->source == PTMI_SOURCE_COMMAND)) return PTM_OK;
    return ptmi_values_add(&cli->values, PTMI_OPT_TOP, PTMI_SOURCE_ENV, text,
                           "$HF_TORRENT_SHRINKAGE", NULL, err);
}

ptm_rc ptmi_verb_config(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_table_clear) struct ptmi_table table = {.columns = 3};
    PTM_AUTO(ptmi_freep) char *path = ptmi_config_path(NULL);
    (void)status;
    PTM_TRY(ptmi_cli_no_operands(cli, err));
    PTM_TRY(add_shrinkage(cli, err));
    ptmi_table_cell(&table, PTMI_BOLD, "KEY");
    ptmi_table_cell(&table, PTMI_BOLD, "FROM");
    ptmi_table_cell(&table, PTMI_BOLD, "VALUE"); /* last: rewrite rules are long */
    for (int id = 0; id < PTMI_OPT_COUNT; id++) PTM_TRY(print_option(cli, &table, id, err));
    if (ptmi_cli_json(cli)) return PTM_OK;
    PTM_TRY(ptmi_table_print(&table, &cli->out, err));
    if (path) ptmi_out_printf(&cli->out, "Configuration file: %s\n", path);
    return PTM_OK;
}
