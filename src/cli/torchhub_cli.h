/* SPDX-License-Identifier: MIT */
/*
 * torchhub_cli.h - what the verbs of `ptm torch` share: the hub folder opened from the options,
 * repositories and folders as operands, the question of trust, entry points as people and programs
 * read them.
 */
#pragma once

#include <stdbool.h>

#include <ptm/torchhub.h>

#include "cli.h"

/* One thread. Start with {0}. */
struct ptmi_torch {
    struct ptmi_cli *cli;
    ptm_torchhub *hub; /* owned */
};
/* Starts the command, too. Uses neither disk nor network. */
PTM_MUST_USE ptm_rc ptmi_torch_open(struct ptmi_cli *cli, struct ptmi_torch *out,
                                    struct ptm_err *err);
void ptmi_torch_clear(struct ptmi_torch *torch);

/* Of the web, which git and archives are fetched from, and of the API. */
#define PTMI_TORCH_HOST_RULES 2
/*
 * The rewriting rules and the host that $GH_HOST asks for; all NULL when text is NULL, empty or
 * github.com. Rules are malloc'ed, *out_host is borrowed from text. PTM_ECONFIG when text is no
 * name of a host.
 */
PTM_MUST_USE ptm_rc ptmi_torch_host(const char *text, const char **out_host,
                                    char *out_rules[PTMI_TORCH_HOST_RULES], struct ptm_err *err);

/* Is the operand REPO|DIR a folder, by --source or by how it looks? */
bool ptmi_torch_is_folder(const struct ptmi_cli *cli, const char *operand);

/* The options of fetching, as the command line has them; the code of the repository will not be
 * run. */
void ptmi_torch_fetch_opts(const struct ptmi_cli *cli, struct ptm_torchhub_fetch_opts *out);
/* The options of running code: trusted by --trust, or asked about on a terminal. *out_fetch is
 * lent to *out. */
void ptmi_torch_run_opts(struct ptmi_cli *cli, struct ptm_torchhub_fetch_opts *out_fetch,
                         struct ptm_torchhub_load_opts *out);
/* The question on the terminal; for ptm_torchhub_fetch_opts. arg: struct ptmi_cli. */
PTM_MUST_USE ptm_rc ptmi_torch_ask(void *arg, const char *text, bool *out_yes, struct ptm_err *err);
/* y or yes is 1, n, no or nothing 0, in any case; -1: neither. len: of answer. */
int ptmi_torch_answer(const char *answer, size_t len);

/* A repository or folder, and what its hubconf.py offers. Start with {0}. */
struct ptmi_torch_repo {
    struct ptm_torchhub_repo repo; /* of a folder, only dir */
    bool folder;
    ptm_hubconf *hubconf; /* owned */
};
void ptmi_torch_repo_clear(struct ptmi_torch_repo *repo);
/*
 * Does fn to each operand from the first on. What cannot be done with one is told, makes the status
 * 2 and does not stop the others, unless it would be the same for them; of one alone it is
 * returned.
 */
PTM_MUST_USE ptm_rc ptmi_torch_each(struct ptmi_torch *torch, int first,
                                    ptm_rc (*fn)(struct ptmi_torch *torch, const char *operand,
                                                 struct ptm_err *err),
                                    int *status, struct ptm_err *err);
/* Fetched where it is not cached; not parsed. Tells of newer commits (--refresh). */
PTM_MUST_USE ptm_rc ptmi_torch_fetch(struct ptmi_torch *torch, const char *operand,
                                     struct ptm_torchhub_repo *out, struct ptm_err *err);
/* The same or a folder, parsed; urls: with those of weights. Tells of what is no Python. */
PTM_MUST_USE ptm_rc ptmi_torch_parse(struct ptmi_torch *torch, const char *operand, bool urls,
                                     struct ptmi_torch_repo *out, struct ptm_err *err);
/* Lent; PTM_EINVAL with a did-you-mean. */
PTM_MUST_USE ptm_rc ptmi_torch_entry(const struct ptmi_torch_repo *repo, const char *operand,
                                     const char *name, const struct ptm_hub_entry **out,
                                     struct ptm_err *err);

/* "owner/name:ref", malloc'ed; of a folder its path. */
char *ptmi_torch_repo_name(const struct ptm_torchhub_repo *repo);
void ptmi_torch_repo_json(struct ptmi_json_line *line, const struct ptm_torchhub_repo *repo);

/* A file that is there now; borrows its texts. */
struct ptmi_torch_file {
    const char *url, *path;
    const char *sha256; /* "": unknown; NULL: not told of */
    bool checked;       /* against a hash */
};
/* Its path on a line, or --json all of it. */
PTM_MUST_USE ptm_rc ptmi_torch_print_file(struct ptmi_cli *cli, const struct ptmi_torch_file *file,
                                          struct ptm_err *err);
/* The members of an entry point, into an object that is open. */
void ptmi_torch_entry_json(struct ptmi_json_line *line, const struct ptm_hub_entry *entry);
/* The same as a line of its own. */
PTM_MUST_USE ptm_rc ptmi_torch_print_entry(struct ptmi_cli *cli, const struct ptm_hub_entry *entry,
                                           struct ptm_err *err);
/* Path in the checkpoints of the hub folder that a URL's weights have or would have; malloc'ed,
 * NULL when its name may not become one. */
char *ptmi_torch_checkpoint(const struct ptmi_torch *torch, const char *url);

/* A line on standard error, unless -q. */
PTM_PRINTF(2, 3) void ptmi_torch_say(struct ptmi_cli *cli, const char *fmt, ...);
/* A line from outside as it may be printed; malloc'ed, NULL when out of memory. */
char *ptmi_torch_shown(const char *text, size_t len);
/* Text of several lines, indented. safe: control characters in it are replaced. */
void ptmi_torch_print_text(struct ptmi_cli *cli, const char *text, int indent, bool safe);

/* The display of a transfer that tells its progress to us: pass on_progress with the transfer. */
struct ptmi_torch_transfer {
    ptm_ctx *ctx;
    const char *name;
    uint64_t task; /* 0: nothing came yet */
};
void ptmi_torch_transfer_progress(void *arg, int64_t done, int64_t total);
void ptmi_torch_transfer_end(struct ptmi_torch_transfer *transfer, ptm_rc rc);
