/* SPDX-License-Identifier: MIT */
/* verb_torch_list.c - `ptm torch list REPO|DIR`: the names of entry points, by parsing, or by
 * asking Python. */
#include <string.h>

#include "../base/auto.h"
#include "../base/buf.h"
#include "../base/json.h"
#include "torchhub_cli.h"

/* Statements that are named one by one; more are only counted. */
#define STATEMENTS_SHOWN 3
/* A line that people read; more names end in "..". */
#define NAMES_MAX 1000

static ptm_rc print_name(struct ptmi_cli *cli, const char *name, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *shown = ptmi_torch_shown(name, strlen(name));
    if (!shown) return ptm_err_set(err, PTM_ENOMEM, "list of entry points");
    ptmi_out_printf(&cli->out, "%s\n", shown);
    return PTM_OK;
}

static bool is_doubtful(const struct ptm_hub_entry *entry)
{
    return entry->name && entry->certainty == PTM_CERTAIN_DYNAMIC;
}

/* What is listed and may be missing: defined under a condition that parsing cannot decide. */
static void tell_doubtful(struct ptmi_cli *cli, const ptm_hubconf *hubconf)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf names = PTMI_BUF(NAMES_MAX);
    const struct ptm_hub_entry *entry = NULL;
    size_t n = 0;
    ptm_rc rc = PTM_OK;
    for (size_t i = 0; (entry = ptm_hubconf_entry(hubconf, i)); i++)
        if (is_doubtful(entry) && rc == PTM_OK)
            rc = ptmi_buf_printf(&names, NULL, "%s%s", n++ ? ", " : "", entry->name);
    if (n)
        ptmi_torch_say(cli, "only running hubconf.py tells whether these are there: %s%s",
                       names.data ? names.data : "", rc < 0 ? ", .." : "");
}

/* What the list cannot name must not be hidden either. */
static void tell_nameless(struct ptmi_cli *cli, const ptm_hubconf *hubconf)
{
    const struct ptm_hub_entry *entry = NULL;
    size_t n = 0, shown = 0;
    for (size_t i = 0; (entry = ptm_hubconf_entry(hubconf, i)); i++) n += !entry->name;
    if (n == 0) return;
    ptmi_torch_say(
        cli, "%zu statement%s names that only running hubconf.py tells; --run asks Python:", n,
        n == 1 ? " makes" : "s make");
    for (size_t i = 0; (entry = ptm_hubconf_entry(hubconf, i)) && shown < STATEMENTS_SHOWN; i++) {
        if (entry->name) continue;
        ptmi_torch_say(cli, "  %s:%d: %s", entry->file, entry->line,
                       entry->text ? entry->text : "");
        shown++;
    }
    if (n > shown) ptmi_torch_say(cli, "  and %zu more", n - shown);
}

static ptm_rc list_parsed(struct ptmi_torch *torch, const char *operand, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_repo_clear) struct ptmi_torch_repo repo = {0};
    const struct ptm_hub_entry *entry = NULL;
    bool json = ptmi_cli_json(torch->cli);
    PTM_TRY(ptmi_torch_parse(torch, operand, json, &repo, err));
    for (size_t i = 0; (entry = ptm_hubconf_entry(repo.hubconf, i)); i++) {
        if (json)
            PTM_TRY(ptmi_torch_print_entry(torch->cli, entry, err));
        else if (entry->name)
            PTM_TRY(print_name(torch->cli, entry->name, err));
    }
    if (json) return PTM_OK;
    tell_doubtful(torch->cli, repo.hubconf);
    tell_nameless(torch->cli, repo.hubconf);
    return PTM_OK;
}

/* --- what Python says --- */

static ptm_rc print_run_entry(struct ptmi_cli *cli, yyjson_val *item, struct ptm_err *err)
{
    struct ptm_hub_entry entry = {
        .name = ptmi_json_str(item, "name"),
        .kind = ptmi_json_str(item, "kind"),
        .certainty = PTM_CERTAIN_SURE,
        .signature = ptmi_json_str(item, "signature"),
        .doc = ptmi_json_str(item, "doc"),
    };
    if (!entry.name) return PTM_OK;
    return ptmi_cli_json(cli) ? ptmi_torch_print_entry(cli, &entry, err)
                              : print_name(cli, entry.name, err);
}

static ptm_rc list_run(struct ptmi_torch *torch, const char *operand, struct ptm_err *err)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    PTM_AUTO(ptmi_freep) char *json = NULL;
    struct ptm_torchhub_fetch_opts fetch;
    struct ptm_torchhub_load_opts opts;
    ptmi_torch_run_opts(torch->cli, &fetch, &opts);
    fetch.local = ptmi_torch_is_folder(torch->cli, operand);
    PTM_TRY(ptm_torchhub_run_list(torch->hub, operand, &opts, &json, err));
    PTM_TRY(ptmi_json_parse(json, strlen(json), "what Python said of hubconf.py", &doc, err));
    yyjson_val *item = NULL;
    size_t i = 0, n = 0;
    yyjson_arr_foreach(ptmi_json_get(yyjson_doc_get_root(doc), "entries"), i, n, item)
        PTM_TRY(print_run_entry(torch->cli, item, err));
    return PTM_OK;
}

ptm_rc ptmi_verb_torch_list(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_clear) struct ptmi_torch torch = {0};
    (void)status;
    if (cli->n_operands != 1)
        return ptm_err_set(err, PTM_EINVAL, "torch list: wants one operand, REPO or DIR");
    PTM_TRY(ptmi_torch_open(cli, &torch, err));
    if (ptmi_values_flag(&cli->values, PTMI_OPT_RUN, NULL))
        return list_run(&torch, cli->operands[0], err);
    return list_parsed(&torch, cli->operands[0], err);
}
