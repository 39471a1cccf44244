/* SPDX-License-Identifier: MIT */
/*
 * run_job.h - one run of a repository's code by hub_driver.py: its folder, its sandbox, its
 * questions and its answer. For load and run_list. One thread at a time.
 */
#pragma once

#include "../base/json.h"
#include "run_python.h"
#include "torchhub_priv.h"

struct ptmi_wants;

struct ptmi_run {
    ptm_torchhub *hub;
    const struct ptm_torchhub_load_opts *opts; /* never NULL */
    const char *entry;                         /* NULL: list */
    const char *label;                         /* the repository as the caller named it */
    struct ptm_torchhub_repo repo; /* dir is absolute; of a folder of the user's nothing else */
    struct ptmi_python python;
    struct ptmi_wants *wants;
    char *dir;       /* ours: driver.py, job.json, answers/, state, description */
    ptmi_lock *lock; /* says that dir is in use; NULL where it is not in the hub folder */
    yyjson_doc *answer;
};

/* Fills opts where the caller's may be shorter or NULL; a run is never without a trust check. */
struct ptm_torchhub_load_opts ptmi_run_adopt(const struct ptm_torchhub_load_opts *opts);
/*
 * Trust, sandbox, run: run->answer is the driver's object, its member "error" already made an
 * error. What it says was in the hands of the repository's code and is to be taken as any text from
 * outside. run has hub, opts, entry and label; ptmi_run_clear() in every case.
 */
PTM_MUST_USE ptm_rc ptmi_run(struct ptmi_run *run, struct ptm_err *err);
void ptmi_run_clear(struct ptmi_run *run);
/* The file of tensors, malloc'ed. */
char *ptmi_run_state(const struct ptmi_run *run);

/* --- run_wants.c: downloads that the code asks for, done out here --- */

/* opts: of the load. dir: where answers go. */
PTM_MUST_USE ptm_rc ptmi_wants_new(ptm_torchhub *hub, const struct ptm_torchhub_load_opts *opts,
                                   const char *dir, struct ptmi_wants **out, struct ptm_err *err);
void ptmi_wants_free(struct ptmi_wants *wants); /* NULL is a no-op */
/* Standard output of the driver as it comes. Fails only for what ends the run: an interrupt, too
 * much of everything. */
PTM_MUST_USE ptm_rc ptmi_wants_hear(struct ptmi_wants *wants, const char *data, size_t len,
                                    struct ptm_err *err);
/* The i-th that was fetched, as it may be shown; NULL past the end, and of NULL. */
const char *ptmi_wants_url(const struct ptmi_wants *wants, size_t i);

/* NULL, or why a URL may not be fetched for code that must not see the user's network. Static. */
const char *ptmi_wants_refuse(const char *url);

/* --- run_describe.c: what the driver told, understood and written anew --- */

/* A state dict in the run's file, where the driver says it is, and the file it becomes. */
struct ptmi_part {
    int64_t offset, bytes;
    char *name; /* "model", "encoder"; ".safetensors" follows. Free of what paths may not have */
    int64_t tensors; /* told by us, once written */
};
struct ptmi_parts {
    struct ptmi_part *items;
    size_t n, cap;
    int64_t end; /* of the last one */
};
/* state_bytes: length of the file. PTM_EFORMAT where they do not lie in it one after the other. */
PTM_MUST_USE ptm_rc ptmi_parts_find(yyjson_val *result, int64_t state_bytes, struct ptmi_parts *out,
                                    struct ptm_err *err);
void ptmi_parts_clear(struct ptmi_parts *parts);
/* description.json: malloc'ed. */
PTM_MUST_USE ptm_rc ptmi_describe(const struct ptmi_run *run, const struct ptmi_parts *parts,
                                  char **out, struct ptm_err *err);
/* The answer of a list: malloc'ed. */
PTM_MUST_USE ptm_rc ptmi_describe_list(yyjson_val *answer, char **out, struct ptm_err *err);

PTM_DEFINE_CLEANUP(ptmi_wants_freep, struct ptmi_wants *, ptmi_wants_free)
