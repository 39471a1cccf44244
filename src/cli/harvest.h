/* SPDX-License-Identifier: MIT */
/*
 * harvest.h - what the verbs that drive a mirror share: operands that name hubs and models, options
 * turned into the mirror's, one hub after another, the account at the end. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../base/arena.h"
#include "../hubs/hubs.h"
#include "../mirror/mirror.h"
#include "cli.h"
#include "top.h"

/* More hubs than there will ever be, so that lists of them need no memory. */
#define PTMI_HUBS_MAX 64

/* HUB/ID@REV */
struct ptmi_named_model {
    const struct ptmi_hub_ops *hub;
    const char *id;  /* in the arena */
    const char *rev; /* NULL: the default branch */
};

/* The operands. Start with PTMI_TARGETS_INIT. */
struct ptmi_targets {
    const struct ptmi_hub_ops *hubs[PTMI_HUBS_MAX];
    size_t n_hubs;
    struct ptmi_named_model *models; /* in the arena */
    size_t n_models;
    struct ptmi_arena_list urls, ids;
    bool from_files; /* --urls or --ids was given */
    struct ptmi_arena arena;
};
#define PTMI_TARGETS_MEMORY (1u << 30)
#define PTMI_TARGETS_INIT                        \
    {                                            \
        .arena = PTMI_ARENA(PTMI_TARGETS_MEMORY) \
    }
void ptmi_targets_clear(struct ptmi_targets *targets);
enum {
    PTMI_TARGETS_ALL_IF_NONE = 1, /* no operand means every hub */
    PTMI_TARGETS_MODELS = 2,      /* HUB/ID[@REV] is allowed */
};
/* Reads cli's operands, --all, --urls and --ids. PTM_EINVAL, with a did-you-mean for hubs. */
PTM_MUST_USE ptm_rc ptmi_targets_read(struct ptmi_cli *cli, unsigned what, struct ptmi_targets *out,
                                      struct ptm_err *err);

/* The mirror, opened for the options of a hub. Start with {.cli = cli}. */
struct ptmi_drive {
    struct ptmi_cli *cli;
    const struct ptmi_targets *targets; /* names and URLs of files, or NULL */
    ptmi_mirror *mirror;
    struct ptmi_mirror_opts opts;
    struct ptmi_top top;
    const char **rewrites, **include, **exclude; /* owned arrays */
    char *command;                               /* owned */
    bool noticed;                                /* the notice about --top was given */
    int status;                                  /* what the hubs came to so far: 0, 2 or 3 */
};
/* drive->mirror is open and has the hub's options. */
PTM_MUST_USE ptm_rc ptmi_drive_open(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub,
                                    struct ptm_err *err);
void ptmi_drive_close(struct ptmi_drive *drive, ptm_rc rc);
/* Does an error of one hub end the command (disk full, interrupted, a wrong option)? Else the next
 * hub is taken up. */
bool ptmi_drive_ends(ptm_rc rc);

/* One hub's part of a command. */
typedef ptm_rc (*ptmi_drive_fn)(struct ptmi_drive *drive, const struct ptmi_hub_ops *hub, void *arg,
                                struct ptm_err *err);
/* fn for each hub; errors that concern one hub are printed, and *status is 3 then. */
PTM_MUST_USE ptm_rc ptmi_drive_each(struct ptmi_cli *cli, const struct ptmi_targets *targets,
                                    ptmi_drive_fn fn, void *arg, int *status, struct ptm_err *err);

/* The steps of targets' hubs, with the account of each: run, setup, list, parse, clone, schema. */
PTM_MUST_USE ptm_rc ptmi_harvest(struct ptmi_cli *cli, const struct ptmi_targets *targets,
                                 unsigned steps, int *status, struct ptm_err *err);

/* report.c: what a hub's steps came to, for people or as JSON. why: the error that stopped it, or
 * NULL. since: when the command began. */
struct ptmi_account {
    const struct ptmi_report *report;
    unsigned steps;
    const struct ptm_err *why;
    const char *since;
};
PTM_MUST_USE ptm_rc ptmi_report_print(struct ptmi_cli *cli, ptmi_catalog *catalog,
                                      const struct ptmi_account *account, struct ptm_err *err);
