/* SPDX-License-Identifier: MIT */
/* mirror_priv.h - what the files of this room share. */
#pragma once

#include "../base/auto.h"
#include "../base/fs.h"
#include "mirror.h"

PTM_DEFINE_CLEANUP(ptmi_lock_releasep, ptmi_lock *, ptmi_lock_release)

struct ptmi_mirror {
    ptm_ctx *ctx;                 /* borrowed */
    struct ptmi_mirror_opts opts; /* strings borrowed from the caller until close */
    char *root;
    char *tmp;
    struct ptmi_rewrite rewrites;
    ptmi_catalog *catalog;
    ptm_net *net;
    ptmi_git *git;
    ptm_store *store;
    int64_t run; /* row of this command in the runs table */
    int jobs;
};

/* ROOT/HUB/relative; relative is our own text. malloc'ed, NULL when out of memory. */
char *ptmi_mirror_hub_path(const ptmi_mirror *mirror, const char *hub, const char *relative);
/* ROOT/HUB/repos/AUTHOR/NAME, both checked as names from outside. */
PTM_MUST_USE ptm_rc ptmi_mirror_repo_path(const ptmi_mirror *mirror, const char *hub,
                                          const char *author, const char *name, char **out,
                                          struct ptm_err *err);
/* One holder among all threads and processes. what: "list-HUB", "export-HUB". */
PTM_MUST_USE ptm_rc ptmi_mirror_lock(ptmi_mirror *mirror, const char *what, ptmi_lock **out,
                                     struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_mirror_lock_repo(ptmi_mirror *mirror, const char *dir, ptmi_lock **out,
                                          struct ptm_err *err);
/* Puts a failure of one item into the catalogue: for who tells of it otherwise. */
PTM_MUST_USE ptm_rc ptmi_mirror_record(ptmi_mirror *mirror, const char *hub, const char *id,
                                       const char *stage, const char *url,
                                       const struct ptm_err *why, struct ptm_err *err);
/* The same, and a warning. The caller counts it. */
PTM_MUST_USE ptm_rc ptmi_mirror_fail(ptmi_mirror *mirror, const char *hub, const char *id,
                                     const char *stage, const char *url, const struct ptm_err *why,
                                     struct ptm_err *err);
/* Does this error end the whole run (disk full, cancelled, catalogue broken, out of memory), or one
 * item only? */
bool ptmi_mirror_is_fatal(ptm_rc rc);

/* mirror_list.c: fetch and parse a hub's list into the catalogue. */
PTM_MUST_USE ptm_rc ptmi_mirror_list(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                     struct ptmi_report *out, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_mirror_parse(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                      struct ptmi_report *out, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_mirror_list_one(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                         const char *id, const char *rev, struct ptmi_report *out,
                                         struct ptm_err *err);
/* plan.c: choose, tell what it will take, refuse what cannot fit. *out_go is false for --dry-run
 * and when nothing is to be done. */
PTM_MUST_USE ptm_rc ptmi_mirror_plan(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                     const struct ptmi_select *what, struct ptmi_report *out,
                                     bool *out_go, struct ptm_err *err);
/* The selection that the options ask for. */
PTM_MUST_USE ptm_rc ptmi_mirror_selection(const ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                          struct ptmi_select *out, struct ptm_err *err);
/* unlisted.c: failures for what --urls and --ids name and the list does not, after the plan. */
PTM_MUST_USE ptm_rc ptmi_mirror_unlisted(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                         struct ptmi_report *out, struct ptm_err *err);
/* mirror_clone.c: the repositories that plan has chosen, in parallel. */
PTM_MUST_USE ptm_rc ptmi_mirror_clone(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                      const char *rev, struct ptmi_report *out,
                                      struct ptm_err *err);
/* describe.c: what a clone tells of the models in it. */
PTM_MUST_USE ptm_rc ptmi_mirror_describe(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                         int64_t repo, const char *dir, const char *head,
                                         struct ptm_err *err);
/* mirror_scan.c: looks into the files of a clone, unless that was done for this commit and as many
 * large files at hand. */
struct ptmi_scan_what {
    int64_t repo;
    const char *dir; /* of the clone */
    const char *sha; /* its HEAD */
    int64_t objects; /* large files at hand */
};
PTM_MUST_USE ptm_rc ptmi_mirror_scan(ptmi_mirror *mirror, const struct ptmi_scan_what *what,
                                     struct ptmi_scan_counts *out, struct ptm_err *err);
/* mirror_export.c */
PTM_MUST_USE ptm_rc ptmi_mirror_export(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                                       bool records, struct ptmi_report *out, struct ptm_err *err);
