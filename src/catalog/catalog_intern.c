/* SPDX-License-Identifier: MIT */
/*
 * catalog_intern.c - values that many models share (tags, licences, source URLs, ..): a row each,
 * and a cache of their ids of fixed size, since a hub has more distinct tags than memory should
 * hold.
 */
#include "catalog_priv.h"

#include <stdint.h>
#include <string.h>

#define SLOTS 16384
#define LONGEST 95 /* longer texts are looked up every time */

struct slot {
    uint64_t hash;
    int64_t id; /* 0: empty */
    char text[LONGEST + 1];
};

struct intern_cache {
    int64_t undone; /* the catalogue's, when the first of the slots was filled */
    struct slot slots[SLOTS];
};

struct intern_sql {
    const char *find, *add;
};
static const struct intern_sql SQL[INTERN_KINDS] = {
    [INTERN_TAG] = {"SELECT id FROM tags WHERE name = ?1", "INSERT INTO tags (name) VALUES (?1)"},
    [INTERN_AUTHOR] = {"SELECT id FROM authors WHERE name = ?1",
                       "INSERT INTO authors (name) VALUES (?1)"},
    [INTERN_LICENCE] = {"SELECT id FROM licences WHERE name = ?1",
                        "INSERT INTO licences (name) VALUES (?1)"},
    [INTERN_PAPER] = {"SELECT id FROM papers WHERE doi = ?1",
                      "INSERT INTO papers (doi) VALUES (?1)"},
    [INTERN_SOURCE] = {"SELECT id FROM sources WHERE url = ?1",
                       "INSERT INTO sources (url) VALUES (?1)"},
    [INTERN_METADATA_FILE] = {"SELECT id FROM metadata_files WHERE path = ?1",
                              "INSERT INTO metadata_files (path) VALUES (?1)"},
};

struct intern_cache *ptmi_intern_new(void)
{
    return calloc(1, sizeof(struct intern_cache));
}

void ptmi_intern_free(struct intern_cache *cache)
{
    free(cache);
}

/* The cache without ids that a rollback may have taken away. */
static struct intern_cache *valid_cache(ptmi_catalog *catalog)
{
    struct intern_cache *cache = catalog->interned;
    if (cache->undone == catalog->undone) return cache;
    for (size_t i = 0; i < SLOTS; i++) cache->slots[i].id = 0;
    cache->undone = catalog->undone;
    return cache;
}

/* FNV-1a, seeded by the kind. */
static uint64_t hash_of(enum intern_kind kind, const char *text, size_t *out_len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)kind;
    const char *p = text;
    for (; *p; p++) hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    *out_len = (size_t)(p - text);
    return hash;
}

static ptm_rc look_up(ptmi_catalog *catalog, enum intern_kind kind, const char *text, int64_t *out,
                      struct ptm_err *err)
{
    PTMI_Q find = ptmi_q(catalog, SQL[kind].find);
    ptmi_q_text(&find, text);
    ptm_rc rc = ptmi_q_row(&find, err);
    if (rc == PTM_ITEM) *out = ptmi_q_get_int(&find, 0);
    if (rc != PTM_OK) return rc < 0 ? rc : PTM_OK;
    PTMI_Q add = ptmi_q(catalog, SQL[kind].add);
    ptmi_q_text(&add, text);
    PTM_TRY(ptmi_q_run(&add, err));
    *out = sqlite3_last_insert_rowid(catalog->db);
    return PTM_OK;
}

ptm_rc ptmi_intern(ptmi_catalog *catalog, enum intern_kind kind, const char *text, int64_t *out,
                   struct ptm_err *err)
{
    *out = 0;
    if (!text) return PTM_OK;
    size_t len;
    uint64_t hash = hash_of(kind, text, &len);
    struct slot *slot = &valid_cache(catalog)->slots[(hash ^ hash >> 32) % SLOTS];
    if (slot->id && slot->hash == hash && strcmp(slot->text, text) == 0) {
        *out = slot->id;
        return PTM_OK;
    }
    PTM_TRY(look_up(catalog, kind, text, out, err));
    if (len > LONGEST) return PTM_OK;
    memcpy(slot->text, text, len + 1);
    slot->hash = hash;
    slot->id = *out;
    return PTM_OK;
}

static const char *known(const char *text)
{
    return text ? text : "";
}

static void bind_dataset(struct ptmi_q *q, const struct ptm_dataset *dataset)
{
    ptmi_q_text(q, known(dataset->name));
    ptmi_q_text(q, known(dataset->url));
    ptmi_q_text(q, known(dataset->owner));
    ptmi_q_text(q, known(dataset->owner_url));
    ptmi_q_text(q, known(dataset->paper_doi));
}

ptm_rc ptmi_intern_dataset(ptmi_catalog *catalog, const struct ptm_dataset *dataset, int64_t *out,
                           struct ptm_err *err)
{
    PTMI_Q find =
        ptmi_q(catalog, "SELECT id FROM datasets WHERE name = ?1 AND url = ?2 AND owner = ?3 "
                        "AND owner_url = ?4 AND paper_doi = ?5");
    bind_dataset(&find, dataset);
    ptm_rc rc = ptmi_q_row(&find, err);
    if (rc == PTM_ITEM) *out = ptmi_q_get_int(&find, 0);
    if (rc != PTM_OK) return rc < 0 ? rc : PTM_OK;
    PTMI_Q add = ptmi_q(catalog, "INSERT INTO datasets (name, url, owner, owner_url, paper_doi) "
                                 "VALUES (?1, ?2, ?3, ?4, ?5)");
    bind_dataset(&add, dataset);
    PTM_TRY(ptmi_q_run(&add, err));
    *out = sqlite3_last_insert_rowid(catalog->db);
    return PTM_OK;
}
