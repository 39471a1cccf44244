/* SPDX-License-Identifier: MIT */
/*
 * catalog_repos.c - repositories: their rows and folders, how their clones stand, and a walk over
 * them that holds no transaction while its callback (a clone may take hours) runs.
 */
#include "catalog_priv.h"

#include <string.h>

#include "../base/clock.h"
#include "../base/path.h"
#include "../base/str.h"

/* --- put --- */

/* Forges that treat names without regard to case: there a link in other letters is the same
 * repository. */
static bool same_repository(const char *a, const char *b)
{
    static const char *const FORGES[] = {"https://github.com/", "https://gitlab.com/",
                                         "https://bitbucket.org/"};
    if (strcmp(a, b) == 0) return true;
    for (size_t i = 0; i < sizeof FORGES / sizeof FORGES[0]; i++)
        if (ptmi_str_starts_nocase(a, FORGES[i]) && strcasecmp(a, b) == 0) return true;
    return false;
}

static ptm_rc update_ref(ptmi_catalog *catalog, int64_t repo, const char *ref, struct ptm_err *err)
{
    PTMI_Q update =
        ptmi_q(catalog, "UPDATE repositories SET ref = ?1 WHERE id = ?2 AND ref IS NOT ?1");
    ptmi_q_text(&update, ref);
    ptmi_q_int(&update, repo);
    return ptmi_q_run(&update, err);
}

/* PTM_ITEM: known, *out is it. */
static ptm_rc find_by_url(ptmi_catalog *catalog, int64_t hub, const char *clone_url,
                          const char *ref, int64_t *out, struct ptm_err *err)
{
    PTMI_Q find =
        ptmi_q(catalog, "SELECT id, ref FROM repositories WHERE hub_id = ?1 AND clone_url = ?2");
    ptmi_q_int(&find, hub);
    ptmi_q_text(&find, clone_url);
    ptm_rc rc = ptmi_q_row(&find, err);
    if (rc != PTM_ITEM) return rc;
    *out = ptmi_q_get_int(&find, 0);
    bool same = ptmi_str_eq(ptmi_q_get_text(&find, 1), ref);
    ptmi_q_again(&find);
    if (!same) PTM_TRY(update_ref(catalog, *out, ref, err));
    return PTM_ITEM;
}

static ptm_rc find_by_folder(ptmi_catalog *catalog, int64_t hub, const char *folder,
                             const char *clone_url, int64_t *out, struct ptm_err *err)
{
    PTMI_Q find = ptmi_q(catalog, "SELECT id, clone_url, author || '/' || name FROM repositories "
                                  "WHERE hub_id = ?1 AND folder = ?2");
    ptmi_q_int(&find, hub);
    ptmi_q_text(&find, folder);
    ptm_rc rc = ptmi_q_row(&find, err);
    if (rc != PTM_ITEM) return rc;
    *out = ptmi_q_get_int(&find, 0);
    const char *other = ptmi_q_get_text(&find, 1);
    if (same_repository(clone_url, other)) return PTM_ITEM;
    return ptm_err_set(
        err, PTM_EUNSAFE,
        "%s: its folder would be that of %s (%s): only one of them can be cloned under "
        "one root",
        clone_url, other, ptmi_q_get_text(&find, 2));
}

struct repo_key {
    const char *clone_url, *author, *name, *ref;
};

static ptm_rc put_repo(ptmi_catalog *catalog, const char *hub, const struct repo_key *key,
                       int64_t *out_repo, struct ptm_err *err)
{
    int64_t hub_id;
    PTM_TRY(ptmi_hub_id(catalog, hub, &hub_id, err));
    ptm_rc rc = find_by_url(catalog, hub_id, key->clone_url, key->ref, out_repo, err);
    if (rc != PTM_OK) return rc < 0 ? rc : PTM_OK;
    PTM_TRY(ptmi_path_check_name(key->author, err));
    PTM_TRY(ptmi_path_check_name(key->name, err));
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(key->author, key->name);
    PTM_AUTO(ptmi_freep) char *folder = path ? ptmi_path_fold(path) : NULL;
    if (!folder) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    rc = find_by_folder(catalog, hub_id, folder, key->clone_url, out_repo, err);
    if (rc != PTM_OK) return rc < 0 ? rc : PTM_OK;

    PTMI_Q add =
        ptmi_q(catalog, "INSERT INTO repositories (hub_id, clone_url, author, name, folder, ref, "
                        "first_seen) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    ptmi_q_int(&add, hub_id);
    ptmi_q_text(&add, key->clone_url);
    ptmi_q_text(&add, key->author);
    ptmi_q_text(&add, key->name);
    ptmi_q_text(&add, folder);
    ptmi_q_text(&add, key->ref);
    ptmi_q_int(&add, ptmi_clock_unix());
    PTM_TRY(ptmi_q_run(&add, err));
    *out_repo = sqlite3_last_insert_rowid(catalog->db);
    catalog->tx_weight += 300;
    return PTM_OK;
}

/* In a listing of the hub a repository is written with its models. */
static ptm_rc kind_for(ptmi_catalog *catalog, const char *hub, enum write_kind *out,
                       struct ptm_err *err)
{
    int64_t id = ptmi_hub_known(catalog, hub);
    if (!id) {
        PTMI_Q find = ptmi_q(catalog, "SELECT id FROM hubs WHERE name = ?1");
        ptmi_q_text(&find, hub);
        ptm_rc rc = ptmi_q_row(&find, err);
        if (rc != PTM_ITEM) return rc;
        id = ptmi_q_get_int(&find, 0);
    }
    if (ptmi_listing_of_hub(catalog, id)) *out = WRITE_LISTING;
    return PTM_OK;
}

ptm_rc ptmi_catalog_put_repo(ptmi_catalog *catalog, const char *hub, const char *clone_url,
                             const char *author, const char *name, const char *ref,
                             int64_t *out_repo, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    struct repo_key key = {clone_url, author, name, ref};
    int64_t repo = 0;
    enum write_kind kind = WRITE_ALONE;
    PTM_TRY(kind_for(catalog, hub, &kind, err));
    PTM_TRY(ptmi_write_begin(catalog, kind, err));
    ptm_rc rc = put_repo(catalog, hub, &key, &repo, err);
    PTM_TRY(ptmi_write_end(catalog, kind, rc, err));
    *out_repo = repo;
    return PTM_OK;
}

static ptm_rc repo_done(ptmi_catalog *catalog, int64_t repo, const struct ptmi_repo_state *state,
                        struct ptm_err *err)
{
    PTMI_Q done = ptmi_q(
        catalog, "UPDATE repositories SET sha = ?1, branch = ?2, bad_objects = ?3, "
                 "git_bytes = ?4, large_objects = ?5, large_bytes = ?6, checked_at = ?7, "
                 "updated_at = CASE WHEN ?8 OR updated_at IS NULL THEN ?7 ELSE updated_at END, "
                 "cloned_at = coalesce(cloned_at, ?7) WHERE id = ?9");
    ptmi_q_text(&done, state->sha);
    ptmi_q_text(&done, state->branch);
    ptmi_q_int(&done, state->bad_objects);
    ptmi_q_count(&done, state->git_bytes);
    ptmi_q_count(&done, state->large_objects);
    ptmi_q_count(&done, state->large_bytes);
    ptmi_q_int(&done, ptmi_clock_unix());
    ptmi_q_int(&done, state->changed);
    ptmi_q_int(&done, repo);
    return ptmi_q_run(&done, err);
}

ptm_rc ptmi_catalog_repo_done(ptmi_catalog *catalog, int64_t repo,
                              const struct ptmi_repo_state *state, struct ptm_err *err)
{
    PTMI_HELD(catalog);
    PTM_TRY(ptmi_write_begin(catalog, WRITE_ALONE, err));
    return ptmi_write_end(catalog, WRITE_ALONE, repo_done(catalog, repo, state, err), err);
}

/* --- walk --- */

#define OF_REPO                                                                                \
    "FROM models m JOIN listing_entries e ON e.listing_id = h.shown_listing AND e.model_id = " \
    "m.id "                                                                                    \
    "WHERE m.repo_id = r.id"
#define SELECT_REPOS(rank, from)                                                             \
    "SELECT r.id, " rank ", h.name, r.clone_url, r.author, r.name, r.ref, r.sha, r.branch, " \
    "strftime('%Y-%m-%dT%H:%M:%SZ', r.cloned_at, 'unixepoch'), "                             \
    "strftime('%Y-%m-%dT%H:%M:%SZ', r.updated_at, 'unixepoch'), "                            \
    "r.git_bytes, r.large_objects, r.large_bytes, r.selected, "                              \
    "coalesce((SELECT m.name " OF_REPO                                                       \
    " ORDER BY e.position LIMIT 1), r.author || '/' || r.name), "                            \
    "coalesce((SELECT m.access " OF_REPO " ORDER BY e.position LIMIT 1), 0), "               \
    "(SELECT count(*) " OF_REPO ") FROM " from
#define ALL_REPOS                                                           \
    SELECT_REPOS("r.rank", "repositories r JOIN hubs h ON h.id = r.hub_id") \
    " WHERE r.hub_id = ?1 AND (r.rank, r.id) > (?2, ?3) AND ?5 IS NOT NULL "
#define IN_ORDER " ORDER BY r.rank, r.id LIMIT ?4"
/* Failures name a repository as AUTHOR/REPO, a large file of it as AUTHOR/REPO:path, or a model of
 * it. ';' follows ':' in ASCII. */
#define HAS_FAILED                                                                               \
    "AND EXISTS (SELECT 1 FROM failures f WHERE f.hub_id = r.hub_id AND f.stage IN ('clone', "   \
    "'update', 'large', 'describe') AND (f.item = r.author || '/' || r.name OR (f.item >= "      \
    "r.author || '/' "                                                                           \
    "|| r.name || ':' AND f.item < r.author || '/' || r.name || ';') OR f.item IN (SELECT name " \
    "FROM models WHERE repo_id = r.id)))"

/* ?1 hub, ?2 and ?3 rank and id after which to go on, ?4 how many, ?5 run. */
enum { REPOS_CHOSEN = PTMI_REPOS_FAILED + 1 };
static const char *const WALK_SQL[] = {
    [PTMI_REPOS_ALL] = ALL_REPOS IN_ORDER,
    [PTMI_REPOS_SELECTED] = ALL_REPOS "AND r.selected" IN_ORDER,
    [PTMI_REPOS_CLONED] = ALL_REPOS "AND r.sha IS NOT NULL" IN_ORDER,
    [PTMI_REPOS_FAILED] = ALL_REPOS HAS_FAILED IN_ORDER,
    [REPOS_CHOSEN] = SELECT_REPOS(
        "s.rank",
        "selections s JOIN repositories r ON r.id = s.repo_id "
        "JOIN hubs h ON h.id = r.hub_id") " WHERE s.run_id = ?5 AND s.hub_id = ?1 AND s.rank > ?2 "
                                          "AND ?3 IS NOT NULL ORDER BY s.rank "
                                          "LIMIT ?4",
};

struct walk {
    ptmi_catalog *catalog;
    int64_t hub, run;
    int which;
    ptmi_repo_fn fn;
    void *arg;
};

struct chunk {
    struct ptmi_repo rows[CATALOG_CHUNK];
    size_t n;
    int64_t rank, id; /* of the last one */
    struct ptmi_arena arena;
};

static void chunk_clear(struct chunk *chunk)
{
    ptmi_arena_clear(&chunk->arena);
}

static bool take_text(struct chunk *chunk, struct ptmi_q *q, int column, const char **out)
{
    const char *text = ptmi_q_get_text(q, column);
    *out = ptmi_arena_strdup(&chunk->arena, text);
    return !text || *out;
}

static bool take_row(struct chunk *chunk, struct ptmi_q *q)
{
    struct ptmi_repo *repo = &chunk->rows[chunk->n];
    chunk->id = repo->id = ptmi_q_get_int(q, 0);
    chunk->rank = ptmi_q_get_int(q, 1);
    repo->git_bytes = ptmi_q_get_count(q, 11);
    repo->large_objects = ptmi_q_get_count(q, 12);
    repo->large_bytes = ptmi_q_get_count(q, 13);
    repo->selected = ptmi_q_get_int(q, 14) != 0;
    repo->access = (ptm_access)ptmi_q_get_int(q, 16);
    repo->models = ptmi_q_get_int(q, 17);
    const char **const texts[] = {&repo->hub,    &repo->clone_url, &repo->author,
                                  &repo->name,   &repo->ref,       &repo->sha,
                                  &repo->branch, &repo->cloned_at, &repo->updated_at};
    for (int i = 0; i < 9; i++)
        if (!take_text(chunk, q, 2 + i, texts[i])) return false;
    chunk->n++;
    return take_text(chunk, q, 15, &repo->label);
}

static ptm_rc read_chunk(const struct walk *walk, struct chunk *chunk, struct ptm_err *err)
{
    PTMI_READER reader = {0};
    PTM_TRY(ptmi_reader_take(walk->catalog, &reader, err));
    PTMI_Q q = ptmi_q_on(walk->catalog, reader.db, WALK_SQL[walk->which]);
    ptmi_q_int(&q, walk->hub);
    ptmi_q_int(&q, chunk->rank);
    ptmi_q_int(&q, chunk->id);
    ptmi_q_int(&q, CATALOG_CHUNK);
    ptmi_q_int(&q, walk->run);
    ptmi_arena_clear(&chunk->arena);
    chunk->n = 0;
    ptm_rc rc;
    while ((rc = ptmi_q_row(&q, err)) == PTM_ITEM)
        if (!take_row(chunk, &q)) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    return rc;
}

static ptm_rc walk_hub(const struct walk *walk, struct ptm_err *err)
{
    PTM_AUTO(chunk_clear)
    struct chunk chunk = {.rank = -1, .id = -1, .arena = PTMI_ARENA(64u << 20)};
    do {
        PTM_TRY(read_chunk(walk, &chunk, err));
        for (size_t i = 0; i < chunk.n; i++) {
            ptm_rc rc = walk->fn(walk->arg, &chunk.rows[i], err);
            if (rc != PTM_OK) return rc;
        }
    } while (chunk.n == CATALOG_CHUNK);
    return PTM_OK;
}

/* Ids of the hubs asked for; a handful. */
static ptm_rc hubs_of(ptmi_catalog *catalog, const char *hub, int64_t *ids, int max, int *out_n,
                      struct ptm_err *err)
{
    PTMI_READER reader = {0};
    PTM_TRY(ptmi_reader_take(catalog, &reader, err));
    PTMI_Q q = ptmi_q_on(catalog, reader.db,
                         "SELECT id FROM hubs WHERE ?1 IS NULL OR name = ?1 ORDER BY id LIMIT ?2");
    ptmi_q_text(&q, hub);
    ptmi_q_int(&q, max);
    ptm_rc rc;
    *out_n = 0;
    while ((rc = ptmi_q_row(&q, err)) == PTM_ITEM) ids[(*out_n)++] = ptmi_q_get_int(&q, 0);
    return rc;
}

ptm_rc ptmi_catalog_each_repo(ptmi_catalog *catalog, const char *hub, int which, ptmi_repo_fn fn,
                              void *arg, struct ptm_err *err)
{
    int64_t hubs[256];
    int n;
    PTM_ASSERT(which >= PTMI_REPOS_ALL && which <= PTMI_REPOS_FAILED, err);
    PTM_TRY(hubs_of(catalog, hub, hubs, 256, &n, err));
    for (int i = 0; i < n; i++) {
        struct walk walk = {catalog, hubs[i], 0, which, fn, arg};
        ptm_rc rc = walk_hub(&walk, err);
        if (rc != PTM_OK) return rc;
    }
    return PTM_OK;
}

ptm_rc ptmi_catalog_each_chosen(ptmi_catalog *catalog, const char *hub, int64_t run,
                                ptmi_repo_fn fn, void *arg, struct ptm_err *err)
{
    int64_t id;
    int n;
    PTM_TRY(hubs_of(catalog, hub, &id, 1, &n, err));
    if (n == 0) return PTM_OK;
    struct walk walk = {catalog, id, run, REPOS_CHOSEN, fn, arg};
    return walk_hub(&walk, err);
}
