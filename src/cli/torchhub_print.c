/* SPDX-License-Identifier: MIT */
/* torchhub_print.c - repositories and entry points as JSON, and texts from outside as they may be
 * printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "torchhub_cli.h"

char *ptmi_torch_shown(const char *text, size_t len)
{
    PTM_AUTO(ptmi_freep) char *copy = strndup(text, len);
    char *shown = copy ? malloc(len + 1) : NULL;
    /* Every character that is replaced becomes shorter or stays as long. */
    return shown ? ptmi_str_printable(shown, len + 1, copy) : NULL;
}

void ptmi_torch_print_text(struct ptmi_cli *cli, const char *text, int indent, bool safe)
{
    for (;;) {
        size_t len = strcspn(text, "\n");
        PTM_AUTO(ptmi_freep) char *shown = safe ? ptmi_torch_shown(text, len) : NULL;
        if (shown)
            ptmi_out_printf(&cli->out, "%*s%s\n", len ? indent : 0, "", shown);
        else
            ptmi_out_printf(&cli->out, "%*s%.*s\n", len ? indent : 0, "", (int)len, text);
        if (text[len] == '\0') return;
        text += len + 1;
    }
}

void ptmi_torch_repo_json(struct ptmi_json_line *line, const struct ptm_torchhub_repo *repo)
{
    bool known = repo->owner && repo->name;
    PTM_AUTO(ptmi_freep) char *name = known ? ptmi_torch_repo_name(repo) : NULL;
    ptmi_json_line_str(line, "repository", name);
    ptmi_json_line_str(line, "host", repo->host);
    ptmi_json_line_str(line, "owner", repo->owner);
    ptmi_json_line_str(line, "name", repo->name);
    ptmi_json_line_str(line, "ref", repo->ref);
    ptmi_json_line_str(line, "commit", repo->commit);
    ptmi_json_line_str(line, "fetched", repo->fetched);
    ptmi_json_line_str(line, "dir", repo->dir);
    if (!known) return;
    ptmi_json_line_bool(line, "by_torch", repo->by_torch);
    ptmi_json_line_bool(line, "ambiguous", repo->ambiguous);
}

static const char *certainty_name(ptm_certainty certainty)
{
    switch (certainty) {
    case PTM_CERTAIN_SURE:
        return "sure";
    case PTM_CERTAIN_IMPORT:
        return "import";
    default:
        return "dynamic";
    }
}

void ptmi_torch_entry_json(struct ptmi_json_line *line, const struct ptm_hub_entry *entry)
{
    ptmi_json_line_str(line, "name", entry->name);
    ptmi_json_line_str(line, "kind", entry->kind);
    ptmi_json_line_str(line, "certainty", certainty_name(entry->certainty));
    ptmi_json_line_str(line, "file", entry->file);
    if (entry->line > 0)
        ptmi_json_line_int(line, "line", entry->line);
    else
        ptmi_json_line_null(line, "line");
    ptmi_json_line_str(line, "signature", entry->signature);
    ptmi_json_line_str(line, "doc", entry->doc);
    if (entry->text) ptmi_json_line_str(line, "text", entry->text);
    ptmi_json_line_list(line, "urls");
    for (size_t i = 0; i < entry->n_urls; i++) ptmi_json_line_str(line, NULL, entry->urls[i]);
    ptmi_json_line_list_end(line);
    ptmi_json_line_bool(line, "more_urls", entry->more_urls);
}

ptm_rc ptmi_torch_print_entry(struct ptmi_cli *cli, const struct ptm_hub_entry *entry,
                              struct ptm_err *err)
{
    struct ptmi_json_line line;
    ptmi_json_line_begin(&line);
    ptmi_torch_entry_json(&line, entry);
    return ptmi_json_line_print(&line, &cli->out, err);
}

ptm_rc ptmi_torch_print_file(struct ptmi_cli *cli, const struct ptmi_torch_file *file,
                             struct ptm_err *err)
{
    struct stat st;
    if (!ptmi_cli_json(cli)) {
        ptmi_out_printf(&cli->out, "%s\n", file->path);
        return PTM_OK;
    }
    struct ptmi_json_line line;
    ptmi_json_line_begin(&line);
    ptmi_json_line_str(&line, "url", file->url);
    ptmi_json_line_str(&line, "path", file->path);
    ptmi_json_line_int(&line, "bytes", stat(file->path, &st) == 0 ? (int64_t)st.st_size : -1);
    if (file->sha256) ptmi_json_line_str(&line, "sha256", *file->sha256 ? file->sha256 : NULL);
    ptmi_json_line_bool(&line, "checked", file->checked);
    return ptmi_json_line_print(&line, &cli->out, err);
}
