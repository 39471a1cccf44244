/* SPDX-License-Identifier: MIT */
/* verb_torch_show.c - `ptm torch show REPO|DIR [ENTRY]`: all that is known without running it. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/auto.h"
#include "../base/path.h"
#include "../base/str.h"
#include "torchhub_cli.h"

struct shown {
    struct ptmi_torch *torch;
    const struct ptmi_torch_repo *repo;
    const struct ptm_hub_entry *only; /* NULL: all of them */
};

/* Bytes of the checkpoint that a URL would be fetched to; -1: it is not there. */
static int64_t bytes_there(const struct shown *shown, const char *url)
{
    struct stat st;
    PTM_AUTO(ptmi_freep) char *path = ptmi_torch_checkpoint(shown->torch, url);
    return path && stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
}

/* --- for people --- */

/* Nothing is printed for what is not known. */
static void print_fact(struct ptmi_cli *cli, const char *name, const char *value)
{
    if (!value) return;
    PTM_AUTO(ptmi_freep) char *shown = ptmi_torch_shown(value, strlen(value));
    ptmi_out_printf(&cli->out, "  %-13s %s\n", name, shown ? shown : "");
}

static void print_title(struct ptmi_cli *cli, const char *title)
{
    PTM_AUTO(ptmi_freep) char *shown = ptmi_torch_shown(title, strlen(title));
    ptmi_out_printf(&cli->out, "%s%s%s\n", ptmi_out_code(cli->out.colors_out, PTMI_BOLD),
                    shown ? shown : "", ptmi_out_code(cli->out.colors_out, PTMI_PLAIN));
}

static void print_dependencies(const struct shown *shown)
{
    struct ptmi_cli *cli = shown->torch->cli;
    const ptm_hubconf *hubconf = shown->repo->hubconf;
    const char *name = NULL;
    bool sure = true;
    if (!ptm_hubconf_dependency(hubconf, 0, &sure) && sure) return;
    ptmi_out_printf(&cli->out, "  %-13s", "dependencies");
    for (size_t i = 0; (name = ptm_hubconf_dependency(hubconf, i, NULL)); i++) {
        PTM_AUTO(ptmi_freep) char *text = ptmi_torch_shown(name, strlen(name));
        ptmi_out_printf(&cli->out, "%s %s", i ? "," : "", text ? text : "");
    }
    ptmi_out_printf(&cli->out, "%s\n", sure ? "" : " (and what only running hubconf.py tells)");
}

static void print_repo(const struct shown *shown)
{
    struct ptmi_cli *cli = shown->torch->cli;
    const struct ptm_torchhub_repo *repo = &shown->repo->repo;
    PTM_AUTO(ptmi_freep) char *name = ptmi_torch_repo_name(repo);
    const char *doc = ptm_hubconf_doc(shown->repo->hubconf);
    print_title(cli, name ? name : "");
    if (!shown->repo->folder) {
        if (repo->host && strcmp(repo->host, "github.com") != 0)
            print_fact(cli, "host", repo->host);
        print_fact(cli, "commit", repo->commit);
        print_fact(cli, "fetched",
                   repo->by_torch ? "by torch, which keeps no commit and time" : repo->fetched);
        if (repo->ambiguous)
            print_fact(cli, "", "the name of its folder may belong to another repository, too");
        print_fact(cli, "folder", repo->dir);
    }
    print_dependencies(shown);
    if (doc) {
        ptmi_out_printf(&cli->out, "\n");
        ptmi_torch_print_text(cli, doc, 2, true);
    }
}

static void print_url(const struct shown *shown, const char *url)
{
    char size[32];
    int64_t bytes = bytes_there(shown, url);
    PTM_AUTO(ptmi_freep) char *text = ptmi_torch_shown(url, strlen(url));
    ptmi_out_printf(&shown->torch->cli->out, "    %s", text ? text : "");
    if (bytes < 0)
        ptmi_out_printf(&shown->torch->cli->out, " (not fetched)\n");
    else
        ptmi_out_printf(&shown->torch->cli->out, " (%s in checkpoints)\n",
                        ptmi_str_human_size(bytes, size));
}

static void print_doc(const struct shown *shown, const char *doc)
{
    size_t len = strlen(doc);
    size_t first = strcspn(doc, "\n");
    PTM_AUTO(ptmi_freep) char *line = ptmi_torch_shown(doc, first);
    if (shown->only)
        ptmi_torch_print_text(shown->torch->cli, doc, 4, true);
    else
        ptmi_out_printf(&shown->torch->cli->out, "    %s%s\n", line ? line : "",
                        first < len ? " .." : "");
}

static void print_entry(const struct shown *shown, const struct ptm_hub_entry *entry)
{
    struct ptmi_cli *cli = shown->torch->cli;
    const char *name = entry->name ? entry->name : entry->text ? entry->text : "";
    const char *signature = entry->name && entry->signature ? entry->signature : "";
    bool colors = cli->out.colors_out;
    PTM_AUTO(ptmi_freep) char *bold = ptmi_torch_shown(name, strlen(name));
    PTM_AUTO(ptmi_freep) char *rest = ptmi_torch_shown(signature, strlen(signature));
    ptmi_out_printf(&cli->out, "\n  %s%s%s%s\n", ptmi_out_code(colors, PTMI_BOLD), bold ? bold : "",
                    ptmi_out_code(colors, PTMI_PLAIN), rest ? rest : "");
    if (entry->doc) print_doc(shown, entry->doc);
    ptmi_out_printf(&cli->out, "    %s%s:%d, %s%s", ptmi_out_code(colors, PTMI_DIM), entry->file,
                    entry->line, entry->name ? entry->kind : "names that only running it tells",
                    ptmi_out_code(colors, PTMI_PLAIN));
    if (entry->certainty == PTM_CERTAIN_IMPORT && entry->text) {
        PTM_AUTO(ptmi_freep) char *text = ptmi_torch_shown(entry->text, strlen(entry->text));
        ptmi_out_printf(&cli->out, " of %s", text ? text : "");
    }
    if (entry->certainty == PTM_CERTAIN_DYNAMIC && entry->name)
        ptmi_out_printf(&cli->out, ", if it is there: only running it tells");
    ptmi_out_printf(&cli->out, "\n");
    for (size_t i = 0; i < entry->n_urls; i++) print_url(shown, entry->urls[i]);
    if (entry->more_urls && entry->certainty != PTM_CERTAIN_IMPORT)
        ptmi_out_printf(&cli->out, "    and weights whose URL only running it tells\n");
}

static void print_people(const struct shown *shown)
{
    const struct ptm_hub_entry *entry = NULL;
    if (shown->only) {
        PTM_AUTO(ptmi_freep) char *name = ptmi_torch_repo_name(&shown->repo->repo);
        print_title(shown->torch->cli, name ? name : "");
        print_entry(shown, shown->only);
        return;
    }
    print_repo(shown);
    for (size_t i = 0; (entry = ptm_hubconf_entry(shown->repo->hubconf, i)); i++)
        print_entry(shown, entry);
}

/* --- for programs --- */

static void json_weights(struct ptmi_json_line *line, const struct shown *shown,
                         const struct ptm_hub_entry *entry)
{
    ptmi_json_line_list(line, "weights");
    for (size_t i = 0; i < entry->n_urls; i++) {
        PTM_AUTO(ptmi_freep) char *path = ptmi_torch_checkpoint(shown->torch, entry->urls[i]);
        int64_t bytes = bytes_there(shown, entry->urls[i]);
        ptmi_json_line_open(line, NULL);
        ptmi_json_line_str(line, "url", entry->urls[i]);
        ptmi_json_line_str(line, "file", path ? ptmi_path_base(path) : NULL);
        ptmi_json_line_str(line, "path", bytes >= 0 ? path : NULL);
        if (bytes >= 0)
            ptmi_json_line_int(line, "bytes", bytes);
        else
            ptmi_json_line_null(line, "bytes");
        ptmi_json_line_close(line);
    }
    ptmi_json_line_list_end(line);
}

static void json_entry(struct ptmi_json_line *line, const struct shown *shown,
                       const struct ptm_hub_entry *entry)
{
    ptmi_json_line_open(line, NULL);
    ptmi_torch_entry_json(line, entry);
    json_weights(line, shown, entry);
    ptmi_json_line_close(line);
}

static ptm_rc print_json(const struct shown *shown, struct ptm_err *err)
{
    const ptm_hubconf *hubconf = shown->repo->hubconf;
    const struct ptm_hub_entry *entry = NULL;
    const char *name = NULL;
    struct ptmi_json_line line;
    bool sure = true;
    ptmi_json_line_begin_stream(&line);
    ptmi_torch_repo_json(&line, &shown->repo->repo);
    ptmi_json_line_list(&line, "dependencies");
    for (size_t i = 0; (name = ptm_hubconf_dependency(hubconf, i, &sure)); i++)
        ptmi_json_line_str(&line, NULL, name);
    ptmi_json_line_list_end(&line);
    ptmi_json_line_bool(&line, "dependencies_sure", sure);
    ptmi_json_line_str(&line, "doc", ptm_hubconf_doc(hubconf));
    if (ptm_hubconf_damage(hubconf))
        ptmi_json_line_int(&line, "not_python_at", ptm_hubconf_damage(hubconf));
    else
        ptmi_json_line_null(&line, "not_python_at");
    ptmi_json_line_list(&line, "entries");
    if (shown->only) json_entry(&line, shown, shown->only);
    for (size_t i = 0; !shown->only && (entry = ptm_hubconf_entry(hubconf, i)); i++)
        json_entry(&line, shown, entry);
    ptmi_json_line_list_end(&line);
    return ptmi_json_line_print(&line, &shown->torch->cli->out, err);
}

ptm_rc ptmi_verb_torch_show(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    PTM_AUTO(ptmi_torch_clear) struct ptmi_torch torch = {0};
    PTM_AUTO(ptmi_torch_repo_clear) struct ptmi_torch_repo repo = {0};
    struct shown shown = {.torch = &torch, .repo = &repo};
    (void)status;
    if (cli->n_operands != 1 && cli->n_operands != 2)
        return ptm_err_set(err, PTM_EINVAL,
                           "torch show: wants REPO or DIR, and perhaps an entry point");
    PTM_TRY(ptmi_torch_open(cli, &torch, err));
    PTM_TRY(ptmi_torch_parse(&torch, cli->operands[0], true, &repo, err));
    if (cli->n_operands == 2)
        PTM_TRY(ptmi_torch_entry(&repo, cli->operands[0], cli->operands[1], &shown.only, err));
    if (ptmi_cli_json(cli)) return print_json(&shown, err);
    print_people(&shown);
    return PTM_OK;
}
