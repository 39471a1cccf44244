/* SPDX-License-Identifier: MIT */
/*
 * hubs.h - the plug-in interface of hubs, and their registry.
 *
 * A hub is one const ops table in one file, hub_<name>.c. It streams records, documents and resume
 * tokens to a sink and knows neither store nor catalogue; what it needs comes in by struct
 * ptmi_hub_env. To add one: its .c, a line in hub_registry.c, a line in meson.build, fixtures, a
 * page in docs/hubs/.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/model.h>
#include <ptm/net.h>

#include "../base/arena.h"

#define PTMI_HUB_ABI 1

/* Capability bits. */
enum {
    /* Has popularity counts: --top, --sort and the default share apply. */
    PTMI_HUB_SELECTABLE = 1u << 0,
    PTMI_HUB_RESUMABLE = 1u << 1,  /* list() loads and saves tokens */
    PTMI_HUB_HTML_PAGES = 1u << 2, /* parse() takes saved pages (--pages) */
};

/* Where list() and parse() deliver. All calls come from the thread that list() runs on. Anything
 * but PTM_OK must be passed on at once. */
struct ptmi_hub_sink {
    void *arg;
    /* One model, in the hub's own order. A key seen before in this listing updates the record and
     * keeps its place. */
    ptm_rc (*model)(void *arg, const struct ptm_model *model, struct ptm_err *err);
    /* A file of the hub's own metadata or HTML: path below HUB/ ("json/metadata/mh_metadata.json"),
     * bytes as they shall stand there. */
    ptm_rc (*document)(void *arg, const char *path, const void *data, size_t len,
                       const char *source_url, struct ptm_err *err);
    /* Everything delivered so far is to be kept, and list() can go on from token: one transaction.
     */
    ptm_rc (*checkpoint)(void *arg, const char *token, struct ptm_err *err);
    /* One item that could not be had or understood; the listing goes on. id names it, stage "list"
     * or "parse". */
    ptm_rc (*failure)(void *arg, const char *id, const char *url, const struct ptm_err *why,
                      struct ptm_err *err);
    /* Is key in the catalogue already, from this listing? For the second pass of a listing that had
     * to go by a mutable order. */
    ptm_rc (*known)(void *arg, const char *key, bool *out, struct ptm_err *err);
};

/* What a hub may use. Borrowed for the call. */
struct ptmi_hub_env {
    ptm_ctx *ctx;
    ptm_net *net;
    const char *token;     /* resume token of an unfinished listing, or NULL: start at the top */
    bool no_siblings;      /* --no-siblings */
    int jobs;              /* requests at once */
    const char *pages_dir; /* --pages, or NULL */
    uint64_t task;         /* progress task of the step */
    /* A clone of url at ref (NULL: default branch), made or updated by the mirror below HUB/repos;
     * *out_dir and *out_sha are malloc'ed. */
    ptm_rc (*checkout)(void *arg, const char *url, const char *ref, char **out_dir, char **out_sha,
                       struct ptm_err *err);
    void *arg;
};

/* Facts that a clone tells about a model; strings in the arena handed in. */
struct ptmi_facts {
    const char *task;
    const char *architecture;
    const char *license;
    const struct ptm_dataset *datasets;
    size_t n_datasets;
    const char *const *paper_dois;
    size_t n_paper_dois;
};

/* A file under HUB/ that is the array of the raw records whose metadata_file it is, in listing
 * order. */
struct ptmi_hub_array {
    const char *path;
    bool adds_id; /* each record gets a leading running "id" */
};

struct ptmi_hub_ops {
    int abi;             /* PTMI_HUB_ABI */
    const char *name;    /* "huggingface": folder, command line, HUB.json */
    const char *title;   /* ModelHubName */
    const char *url;     /* ModelHubURL */
    const char *url_v1;  /* ModelHubURL as the PTMTorrent scripts wrote it; NULL: the same */
    const char *summary; /* one line for help and README */
    const char *size;    /* what a full harvest takes, for people: "441 MB" */
    unsigned caps;
    const struct ptmi_hub_array *arrays; /* ends with {NULL} ; may be NULL */
    /* Fetches the listing. Required. */
    ptm_rc (*list)(const struct ptmi_hub_env *env, const struct ptmi_hub_sink *sink,
                   struct ptm_err *err);
    /* Turns what list fetched into records and HTML. NULL where list() delivers the records itself.
     * Runs without network where the checkout exists. */
    ptm_rc (*parse)(const struct ptmi_hub_env *env, const struct ptmi_hub_sink *sink,
                    struct ptm_err *err);
    /* Reads a clone: dir is the work tree (hostile), repo_path the model's own part of it or NULL.
     * NULL: ptmi_card_describe(). Any thread. */
    ptm_rc (*describe)(const char *dir, const char *repo_path, struct ptmi_arena *arena,
                       struct ptmi_facts *out, struct ptm_err *err);
    /* One model by name, at a revision (NULL: default branch): delivers it by sink->model as list()
     * would. NULL: the hub cannot. */
    ptm_rc (*one)(const struct ptmi_hub_env *env, const char *id, const char *rev,
                  const struct ptmi_hub_sink *sink, struct ptm_err *err);
    /* attempt-th other source of a large file (path within the repository) that its LFS server
     * lost. *out_url stays NULL when there is none. May be NULL. Any thread. */
    ptm_rc (*source)(const char *path, const char *oid, int attempt, char **out_url,
                     struct ptm_err *err);
};

/* NULL when there is no such hub. */
const struct ptmi_hub_ops *ptmi_hub_find(const char *name);
/* i-th hub in registry order, NULL past the end. */
const struct ptmi_hub_ops *ptmi_hub_at(size_t i);
