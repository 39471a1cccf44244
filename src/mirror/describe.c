/* SPDX-License-Identifier: MIT */
/*
 * describe.c - what a clone tells of the models in it: newest commit, README, config. Reading is
 * the hub's (or the shared card reader's) part; this file finds the models of a repository and
 * keeps what was read.
 */
#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "../hubs/card.h"
#include "mirror_priv.h"

/* The models of one repository: one for most, a few hundred for the ONNX zoo. */
struct rows {
    struct ptmi_arena arena;
    int64_t *ids;
    const char **paths; /* NULL: the whole repository */
    size_t n, cap;
};

static void rows_clear(struct rows *rows)
{
    ptmi_arena_clear(&rows->arena);
    free(rows->ids);
    free(rows->paths);
}

static ptm_rc grow(struct rows *rows, struct ptm_err *err)
{
    size_t cap = rows->cap ? 2 * rows->cap : 16;
    int64_t *ids = realloc(rows->ids, cap * sizeof *ids);
    if (ids) rows->ids = ids;
    const char **paths = realloc(rows->paths, cap * sizeof *paths);
    if (paths) rows->paths = paths;
    if (!ids || !paths) return ptm_err_set(err, PTM_ENOMEM, "models of a repository");
    rows->cap = cap;
    return PTM_OK;
}

static ptm_rc collect(void *arg, const struct ptmi_model_row *row, struct ptm_err *err)
{
    struct rows *rows = arg;
    if (rows->n >= PTM_LIMIT_ITEMS)
        return ptm_err_set(err, PTM_ELIMIT, "more than %d models in one repository",
                           PTM_LIMIT_ITEMS);
    if (rows->n == rows->cap) PTM_TRY(grow(rows, err));
    rows->ids[rows->n] = row->id;
    rows->paths[rows->n] = ptmi_arena_strdup(&rows->arena, row->repo_path);
    if (row->repo_path && !rows->paths[rows->n]) return ptm_err_set(err, PTM_ENOMEM, "models");
    rows->n++;
    return PTM_OK;
}

/* Newest commit of every model that is a part of the repository; NULL when there is none such. */
static ptm_rc part_commits(ptmi_mirror *mirror, const char *dir, const struct rows *rows,
                           char (**out)[41], struct ptm_err *err)
{
    size_t n = 0;
    *out = NULL;
    PTM_AUTO(ptmi_freep) const char **paths = calloc(rows->n ? rows->n : 1, sizeof *paths);
    PTM_AUTO(ptmi_freep) char(*found)[41] = calloc(rows->n ? rows->n : 1, sizeof *found);
    PTM_AUTO(ptmi_freep) char(*all)[41] = calloc(rows->n ? rows->n : 1, sizeof *all);
    if (!paths || !found || !all) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    for (size_t i = 0; i < rows->n; i++)
        if (rows->paths[i]) paths[n++] = rows->paths[i];
    if (n == 0) return PTM_OK;
    PTM_TRY(ptmi_git_last_commits(mirror->git, dir, paths, n, found, err));
    for (size_t i = 0, j = 0; i < rows->n; i++)
        if (rows->paths[i]) memcpy(all[i], found[j++], sizeof *all);
    *out = ptm_steal(&all);
    return PTM_OK;
}

static ptm_rc describe_one(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, int64_t model,
                           const char *dir, const char *path, const char *sha, struct ptm_err *err)
{
    PTM_AUTO(ptmi_arena_clear) struct ptmi_arena arena = PTMI_ARENA(PTM_LIMIT_RECORD);
    struct ptmi_facts facts = {0};
    PTM_TRY(hub->describe ? hub->describe(dir, path, &arena, &facts, err)
                          : ptmi_card_describe(dir, path, &arena, &facts, err));
    struct ptmi_clone_facts clone_facts = {
        .sha = sha,
        .task = facts.task,
        .architecture = facts.architecture,
        .license = facts.license,
        .datasets = facts.datasets,
        .n_datasets = facts.n_datasets,
        .paper_dois = facts.paper_dois,
        .n_paper_dois = facts.n_paper_dois,
    };
    return ptmi_catalog_put_facts(mirror->catalog, model, &clone_facts, err);
}

ptm_rc ptmi_mirror_describe(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, int64_t repo,
                            const char *dir, const char *head, struct ptm_err *err)
{
    PTM_AUTO(rows_clear) struct rows rows = {.arena = PTMI_ARENA(PTM_LIMIT_TEXT)};
    PTM_AUTO(ptmi_freep) char(*commits)[41] = NULL;
    PTM_TRY(ptmi_catalog_each_model(mirror->catalog, hub->name, repo, collect, &rows, err));
    PTM_TRY(part_commits(mirror, dir, &rows, &commits, err));
    for (size_t i = 0; i < rows.n; i++) {
        const char *sha = commits && rows.paths[i] && commits[i][0] ? commits[i] : head;
        PTM_TRY(describe_one(mirror, hub, rows.ids[i], dir, rows.paths[i], sha, err));
    }
    return PTM_OK;
}
