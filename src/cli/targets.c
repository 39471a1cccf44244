/* SPDX-License-Identifier: MIT */
/* targets.c - operands: names of hubs, --all, HUB/ID[@REV], and the files of --urls and --ids. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "../base/suggest.h"
#include "../base/url.h"
#include "harvest.h"

/* Ten million names of a line each are about this much. */
#define LIST_FILE_MAX (1u << 30)

void ptmi_targets_clear(struct ptmi_targets *targets)
{
    ptmi_arena_clear(&targets->arena);
    *targets = (struct ptmi_targets)PTMI_TARGETS_INIT;
}

static ptm_rc no_memory(struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ENOMEM, "the operands are more than memory can hold");
}

static void add_hub(struct ptmi_targets *targets, const struct ptmi_hub_ops *hub)
{
    for (size_t i = 0; i < targets->n_hubs; i++)
        if (targets->hubs[i] == hub) return;
    if (targets->n_hubs < PTMI_HUBS_MAX) targets->hubs[targets->n_hubs++] = hub;
}

static void add_all(struct ptmi_targets *targets)
{
    for (size_t i = 0; ptmi_hub_at(i); i++) add_hub(targets, ptmi_hub_at(i));
}

static void write_hubs(char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; ptmi_hub_at(i) && len < size; i++) {
        snprintf(out + len, size - len, "%s%s", i ? ", " : "", ptmi_hub_at(i)->name);
        len = strlen(out);
    }
}

static ptm_rc no_such_hub(const struct ptmi_cli *cli, const char *word, struct ptm_err *err)
{
    char shown[64], hubs[256];
    struct ptmi_suggest near = {.word = word};
    for (size_t i = 0; ptmi_hub_at(i); i++) ptmi_suggest_offer(&near, ptmi_hub_at(i)->name);
    ptmi_str_printable(shown, sizeof shown, word);
    if (near.best)
        return ptm_err_set(err, PTM_EINVAL, "%s: no hub '%s'; did you mean %s?", cli->verb->name,
                           shown, near.best);
    write_hubs(hubs, sizeof hubs);
    return ptm_err_set(err, PTM_EINVAL, "%s: no hub '%s'; there are %s", cli->verb->name, shown,
                       hubs);
}

/* "huggingface/openai-community/gpt2@main": hub, id, revision. */
static ptm_rc add_model(const struct ptmi_cli *cli, struct ptmi_targets *targets, const char *word,
                        struct ptm_err *err)
{
    const char *slash = strchr(word, '/');
    char *name = ptmi_arena_strndup(&targets->arena, word, (size_t)(slash - word));
    char *id = ptmi_arena_strdup(&targets->arena, slash + 1);
    if (!targets->models) /* no more models than operands */
        targets->models =
            ptmi_arena_alloc(&targets->arena, (size_t)cli->n_operands * sizeof *targets->models);
    if (!name || !id || !targets->models) return no_memory(err);
    struct ptmi_named_model model = {.hub = ptmi_hub_find(name), .id = id};
    if (!model.hub) return no_such_hub(cli, name, err);
    char *at = strrchr(id, '@');
    if (at) {
        *at = '\0';
        model.rev = at + 1;
    }
    if (*id == '\0' || (model.rev && *model.rev == '\0'))
        return ptm_err_set(err, PTM_EINVAL, "%s: '%s' is not HUB/ID or HUB/ID@REV", cli->verb->name,
                           word);
    targets->models[targets->n_models++] = model;
    return PTM_OK;
}

/* A pipe will do as well as a file: --urls <(grep ...) is how people choose. */
static ptm_rc read_stream(FILE *stream, const char *path, char **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf text = PTMI_BUF(LIST_FILE_MAX);
    char block[16384];
    size_t n = 0;
    while ((n = fread(block, 1, sizeof block, stream)) > 0) {
        ptm_rc rc = ptmi_buf_append(&text, block, n, err);
        if (rc < 0) return ptm_err_ctx(err, rc, "%s", path);
    }
    if (ferror(stream)) return ptm_err_sys(err, errno, "%s: cannot read", path);
    if (text.data && strlen(text.data) != text.len)
        return ptm_err_set(err, PTM_EINVAL, "%s: not a text file", path);
    *out = ptmi_buf_take(&text);
    return *out ? PTM_OK : no_memory(err);
}

static ptm_rc read_file(const char *path, char **out, struct ptm_err *err)
{
    if (strcmp(path, "-") == 0) return read_stream(stdin, "standard input", out, err);
    PTM_AUTO(ptmi_fclosep) FILE *stream = fopen(path, "re");
    if (!stream && errno == ENOENT)
        return ptm_err_set(err, PTM_EINVAL, "%s: no such file, and no hub of that name", path);
    if (!stream) return ptm_err_sys(err, errno, "%s: cannot open", path);
    return read_stream(stream, path, out, err);
}

/* A URL as the catalogue keeps it: without ".git", "/tree/main" and the like. What is no link to a
 * repository stays as it is, and will be told as one that no list has. */
static char *plain_url(struct ptmi_targets *targets, const char *line)
{
    PTM_AUTO(ptmi_repo_ref_clear) struct ptmi_repo_ref ref = {0};
    bool reduced = ptmi_url_to_repo(line, &ref, NULL) == PTM_OK;
    return ptmi_arena_strdup(&targets->arena, reduced ? ref.clone_url : line);
}

/* Not ptmi_arena_list_add(): its cap is for lists from outside, and a tenth of Hugging Face is
 * more. */
static bool add_item(struct ptmi_targets *targets, struct ptmi_arena_list *list, const char *item)
{
    const char **items =
        ptmi_arena_grown(&targets->arena, list->items, list->n, &list->cap, sizeof *items);
    if (!items) return false;
    list->items = items;
    list->items[list->n++] = item;
    return true;
}

/* One item a line; blank lines and lines that begin with # are passed over. */
static ptm_rc read_items(struct ptmi_targets *targets, const char *path,
                         struct ptmi_arena_list *list, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = NULL;
    PTM_TRY(read_file(path, &text, err));
    char *rest = NULL;
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        line += strspn(line, " \t");
        size_t end = strlen(line);
        while (end && strchr(" \t", line[end - 1])) line[--end] = '\0';
        if (*line == '\0' || *line == '#') continue;
        char *item = list == &targets->urls ? plain_url(targets, line)
                                            : ptmi_arena_strdup(&targets->arena, line);
        if (!item || !add_item(targets, list, item)) return no_memory(err);
    }
    return PTM_OK;
}

static ptm_rc read_files(struct ptmi_cli *cli, struct ptmi_targets *targets, int opt,
                         struct ptmi_arena_list *list, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) const char **files = NULL;
    size_t n = 0;
    PTM_TRY(ptmi_values_list(&cli->values, opt, NULL, &files, &n, err));
    for (size_t i = 0; i < n; i++) PTM_TRY(read_items(targets, files[i], list, err));
    targets->from_files = targets->from_files || n > 0;
    return PTM_OK;
}

/* With --urls, what names no hub is a further file: a shell makes many words of a pattern. */
static ptm_rc add_operand(struct ptmi_cli *cli, unsigned what, struct ptmi_targets *targets,
                          const char *word, struct ptm_err *err)
{
    const struct ptmi_hub_ops *hub = ptmi_hub_find(word);
    if (hub) {
        add_hub(targets, hub);
        return PTM_OK;
    }
    if (ptmi_values_get(&cli->values, PTMI_OPT_URLS, NULL))
        return read_items(targets, word, &targets->urls, err);
    if ((what & PTMI_TARGETS_MODELS) && strchr(word, '/'))
        return add_model(cli, targets, word, err);
    return no_such_hub(cli, word, err);
}

static ptm_rc check_files(const struct ptmi_cli *cli, const struct ptmi_targets *targets,
                          struct ptm_err *err)
{
    if (!targets->from_files) return PTM_OK;
    if (targets->n_hubs != 1 || targets->n_models)
        return ptm_err_set(err, PTM_EINVAL,
                           "%s: --urls and --ids go with one hub: ptm %s HUB --urls FILE",
                           cli->verb->name, cli->verb->name);
    if (targets->urls.n && targets->ids.n)
        return ptm_err_set(err, PTM_EINVAL, "%s: --urls or --ids, not both", cli->verb->name);
    if (!targets->urls.n && !targets->ids.n)
        return ptm_err_set(err, PTM_EINVAL, "%s: the files list nothing", cli->verb->name);
    return PTM_OK;
}

ptm_rc ptmi_targets_read(struct ptmi_cli *cli, unsigned what, struct ptmi_targets *out,
                         struct ptm_err *err)
{
    char hubs[256];
    bool with_all = strstr(cli->verb->operands, "--all");
    PTM_TRY(read_files(cli, out, PTMI_OPT_URLS, &out->urls, err));
    PTM_TRY(read_files(cli, out, PTMI_OPT_IDS, &out->ids, err));
    for (int i = 0; i < cli->n_operands; i++)
        PTM_TRY(add_operand(cli, what, out, cli->operands[i], err));
    if (ptmi_values_flag(&cli->values, PTMI_OPT_ALL, NULL)) add_all(out);
    if (!out->n_hubs && !out->n_models && (what & PTMI_TARGETS_ALL_IF_NONE)) add_all(out);
    PTM_TRY(check_files(cli, out, err));
    if (out->n_hubs || out->n_models) return PTM_OK;
    write_hubs(hubs, sizeof hubs);
    if (what & PTMI_TARGETS_MODELS)
        return ptm_err_set(err, PTM_EINVAL,
                           "%s: which hub or model? Name one or more of %s, --all, or models as "
                           "HUB/ID",
                           cli->verb->name, hubs);
    return ptm_err_set(err, PTM_EINVAL, "%s: which hub? Name %s of %s%s", cli->verb->name,
                       with_all ? "one or more" : "one", hubs, with_all ? ", or --all" : "");
}
