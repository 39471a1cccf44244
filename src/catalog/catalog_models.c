/* SPDX-License-Identifier: MIT */
/* catalog_models.c - models as they are read back, and what their clones told of them. */
#include "catalog_priv.h"

#include <string.h>

#include "../base/clock.h"

/* --- facts of clones --- */

static ptm_rc put_facts(ptmi_catalog *catalog, int64_t model, const struct ptmi_clone_facts *facts,
                        struct ptm_err *err)
{
    int64_t licence;
    PTM_TRY(ptmi_intern(catalog, INTERN_LICENCE, facts->license, &licence, err));
    PTMI_Q put =
        ptmi_q(catalog, "INSERT OR REPLACE INTO clone_facts (model_id, sha, task, architecture, "
                        "licence_id, read_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    ptmi_q_int(&put, model);
    ptmi_q_text(&put, facts->sha);
    ptmi_q_text(&put, facts->task);
    ptmi_q_text(&put, facts->architecture);
    ptmi_q_id(&put, licence);
    ptmi_q_int(&put, ptmi_clock_unix());
    PTM_TRY(ptmi_q_run(&put, err));
    static const char *const DROP[] = {
        "DELETE FROM model_datasets WHERE model_id = ?1 AND source = 1",
        "DELETE FROM model_papers WHERE model_id = ?1 AND source = 1",
    };
    for (size_t i = 0; i < 2; i++) {
        PTMI_Q drop = ptmi_q(catalog, DROP[i]);
        ptmi_q_int(&drop, model);
        PTM_TRY(ptmi_q_run(&drop, err));
    }
    PTM_TRY(ptmi_put_datasets(catalog, model, LIST_CLONE, facts->datasets, facts->n_datasets, err));
    return ptmi_put_papers(catalog, model, LIST_CLONE, facts->paper_dois, facts->n_paper_dois, err);
}

/* Batched: 198 models may share one clone, and a description that was cut short is made again. */
ptm_rc ptmi_catalog_put_facts(ptmi_catalog *catalog, int64_t model,
                              const struct ptmi_clone_facts *facts, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_BATCHED, err));
    return ptmi_write_end(catalog, WRITE_BATCHED, put_facts(catalog, model, facts, err), err);
}

/* --- walk --- */

#define MODEL_COLUMNS                                                                             \
    "SELECT m.id, e.position, h.name, m.key, m.name, m.owner, m.url, m.repo_path, r.sha, m.sha, " \
    "r.author, r.name, m.repo_id FROM hubs h JOIN listing_entries e ON e.listing_id = "           \
    "h.shown_listing JOIN models m ON m.id = e.model_id LEFT JOIN repositories r ON r.id = "      \
    "m.repo_id "
static const char OF_HUB[] =
    MODEL_COLUMNS "WHERE h.name = ?1 AND e.position > ?2 AND ?3 = 0 ORDER BY e.position LIMIT ?4";
/* Found by the index on repo_id, not by reading the listing. */
static const char OF_REPO[] = MODEL_COLUMNS
    "WHERE h.name = ?1 AND e.position > ?2 AND m.id IN (SELECT id FROM models WHERE repo_id = ?3) "
    "ORDER BY e.position LIMIT ?4";

struct chunk {
    struct ptmi_model_row rows[CATALOG_CHUNK];
    size_t n;
    int64_t position; /* of the last one */
    struct ptmi_arena arena;
};

static void chunk_clear(struct chunk *chunk)
{
    ptmi_arena_clear(&chunk->arena);
}

static bool take_row(struct chunk *chunk, struct ptmi_q *q)
{
    struct ptmi_model_row *row = &chunk->rows[chunk->n++];
    const char **const texts[] = {&row->hub,         &row->key,       &row->name,     &row->owner,
                                  &row->url,         &row->repo_path, &row->repo_sha, &row->sha,
                                  &row->repo_author, &row->repo_name};
    row->id = ptmi_q_get_int(q, 0);
    row->repo = ptmi_q_get_int(q, 12);
    chunk->position = ptmi_q_get_int(q, 1);
    for (int i = 0; i < 10; i++) {
        const char *text = ptmi_q_get_text(q, 2 + i);
        *texts[i] = ptmi_arena_strdup(&chunk->arena, text);
        if (text && !*texts[i]) return false;
    }
    return true;
}

static ptm_rc read_chunk(ptmi_catalog *catalog, const char *hub, int64_t repo, struct chunk *chunk,
                         struct ptm_err *err)
{
    PTMI_READER reader = {0};
    PTM_TRY(ptmi_reader_take(catalog, &reader, err));
    PTMI_Q q = ptmi_q_on(catalog, reader.db, repo ? OF_REPO : OF_HUB);
    ptmi_q_text(&q, hub);
    ptmi_q_int(&q, chunk->position);
    ptmi_q_int(&q, repo);
    ptmi_q_int(&q, CATALOG_CHUNK);
    ptmi_arena_clear(&chunk->arena);
    chunk->n = 0;
    ptm_rc rc;
    while ((rc = ptmi_q_row(&q, err)) == PTM_ITEM)
        if (!take_row(chunk, &q)) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    return rc;
}

ptm_rc ptmi_catalog_each_model(ptmi_catalog *catalog, const char *hub, int64_t repo,
                               ptmi_model_fn fn, void *arg, struct ptm_err *err)
{
    PTM_AUTO(chunk_clear)
    struct chunk chunk = {.position = -1, .arena = PTMI_ARENA(64u << 20)};
    do {
        PTM_TRY(read_chunk(catalog, hub, repo, &chunk, err));
        for (size_t i = 0; i < chunk.n; i++) {
            ptm_rc rc = fn(arg, &chunk.rows[i], err);
            if (rc != PTM_OK) return rc;
        }
    } while (chunk.n == CATALOG_CHUNK);
    return PTM_OK;
}
