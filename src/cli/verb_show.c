/* SPDX-License-Identifier: MIT */
/* verb_show.c - `ptm show HUB/NAME`: all that is known of a model, as a card for people or as JSON.
 */
#include <stdio.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/json.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "harvest.h"
#include "look.h"

/* Items of a list that are shown; the rest is counted. */
#define ITEMS_SHOWN 8
#define SHOW_MAX (2u * PTM_LIMIT_RECORD)

static void print_value(struct ptmi_cli *cli, yyjson_val *value)
{
    char text[512];
    if (yyjson_is_str(value))
        ptmi_out_printf(&cli->out, "%s",
                        ptmi_str_printable(text, sizeof text, yyjson_get_str(value)));
    else if (yyjson_is_bool(value))
        ptmi_out_printf(&cli->out, "%s", yyjson_get_bool(value) ? "yes" : "no");
    else if (yyjson_is_int(value))
        ptmi_out_printf(&cli->out, "%lld", (long long)yyjson_get_sint(value));
    else if (yyjson_is_real(value))
        ptmi_out_printf(&cli->out, "%g", yyjson_get_real(value));
    else
        ptmi_out_printf(&cli->out, "-");
}

static bool is_empty(yyjson_val *value)
{
    return yyjson_is_null(value) || (yyjson_is_ctn(value) && yyjson_get_len(value) == 0) ||
           (yyjson_is_str(value) && yyjson_get_len(value) == 0);
}

static void print_object(struct ptmi_cli *cli, yyjson_val *object, int depth);

/* One line for an object in a list: its values, named. */
static void print_item(struct ptmi_cli *cli, yyjson_val *item, int depth)
{
    ptmi_out_printf(&cli->out, "%*s- ", 2 * depth, "");
    if (!yyjson_is_obj(item)) {
        print_value(cli, item);
        ptmi_out_printf(&cli->out, "\n");
        return;
    }
    size_t i, n, shown = 0;
    yyjson_val *key, *value;
    yyjson_obj_foreach(item, i, n, key, value)
    {
        if (is_empty(value) || yyjson_is_ctn(value)) continue;
        ptmi_out_printf(&cli->out, "%s%s: ", shown++ ? ", " : "", yyjson_get_str(key));
        print_value(cli, value);
    }
    ptmi_out_printf(&cli->out, "\n");
}

static void print_list(struct ptmi_cli *cli, yyjson_val *list, int depth)
{
    size_t i, n;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, n, item)
    {
        if (i == ITEMS_SHOWN) {
            ptmi_out_printf(&cli->out, "%*sand %zu more (--json shows all)\n", 2 * depth, "",
                            n - i);
            return;
        }
        print_item(cli, item, depth);
    }
}

static void print_member(struct ptmi_cli *cli, const char *name, yyjson_val *value, int depth)
{
    int width = 22 - 2 * depth;
    if (yyjson_is_ctn(value)) {
        ptmi_out_printf(&cli->out, "%*s%s\n", 2 * depth, "", name);
        if (yyjson_is_obj(value))
            print_object(cli, value, depth + 1);
        else
            print_list(cli, value, depth + 1);
        return;
    }
    ptmi_out_printf(&cli->out, "%*s%-*s ", 2 * depth, "", width, name);
    print_value(cli, value);
    ptmi_out_printf(&cli->out, "\n");
}

/* What is empty is left out, and so is the raw record: it is for --json. */
static void print_object(struct ptmi_cli *cli, yyjson_val *object, int depth)
{
    size_t i, n;
    yyjson_val *key, *value;
    if (depth > 8) return; /* our own JSON is flat */
    yyjson_obj_foreach(object, i, n, key, value)
    {
        if (!is_empty(value) && !yyjson_equals_str(key, "raw"))
            print_member(cli, yyjson_get_str(key), value, depth);
    }
}

static ptm_rc print_card(struct ptmi_cli *cli, const char *what, const struct ptmi_buf *json,
                         struct ptm_err *err)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    PTM_TRY(ptmi_json_parse(json->data, json->len, what, &doc, err));
    ptmi_out_printf(&cli->out, "%s%s%s\n", ptmi_out_code(cli->out.colors_out, PTMI_BOLD), what,
                    ptmi_out_code(cli->out.colors_out, PTMI_PLAIN));
    print_object(cli, yyjson_doc_get_root(doc), 1);
    return PTM_OK;
}

static ptm_rc show_model(struct ptmi_cli *cli, ptmi_catalog *catalog, const char *word,
                         struct ptm_err *err)
{
    char hub[64], shown[200];
    const char *slash = strchr(word, '/');
    struct ptmi_buf json = PTMI_BUF(SHOW_MAX);
    bool raw = ptmi_values_flag(&cli->values, PTMI_OPT_RAW, NULL);
    ptmi_str_printable(shown, sizeof shown, word);
    snprintf(hub, sizeof hub, "%.*s", slash ? (int)(slash - word) : 0, word);
    if (slash && slash[1] && !ptmi_hub_find(hub))
        return ptm_err_set(err, PTM_EINVAL, "show: '%s': there is no such hub; ptm help names them",
                           shown);
    if (!slash || !slash[1])
        return ptm_err_set(err, PTM_EINVAL,
                           "show: '%s' is not HUB/NAME, as "
                           "huggingface/openai-community/gpt2",
                           shown);
    ptm_rc rc = ptmi_catalog_show(catalog, hub, slash + 1, raw, &json, err);
    if (rc == PTM_ENOENT)
        rc = ptm_err_set(err, PTM_EINVAL,
                         "%s: no such model in the catalogue; ptm list %s renews it", shown, hub);
    if (rc == PTM_OK && ptmi_cli_json(cli))
        ptmi_out_printf(&cli->out, "%s\n", json.data);
    else if (rc == PTM_OK)
        rc = print_card(cli, shown, &json, err);
    ptmi_buf_clear(&json);
    return rc;
}

ptm_rc ptmi_verb_show(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_catalog_closep) ptmi_catalog *catalog = NULL;
    (void)status;
    if (cli->n_operands == 0)
        return ptm_err_set(err, PTM_EINVAL, "show: which model? Name it as HUB/NAME");
    PTM_TRY(ptmi_look_open(cli, &catalog, err));
    for (int i = 0; i < cli->n_operands; i++)
        PTM_TRY(show_model(cli, catalog, cli->operands[i], err));
    return PTM_OK;
}
