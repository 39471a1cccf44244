/* SPDX-License-Identifier: MIT */
/*
 * checkpoint.h - what the verbs of `ptm weights` share: files and URLs opened as checkpoints, what
 * is said of them for people and as JSON.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/net.h>
#include <ptm/weights.h>

#include "cli.h"

/* Opens files and URLs. Start with {.cli = cli} after ptmi_cli_start(). One thread. */
struct ptmi_opener {
    struct ptmi_cli *cli;
    ptm_net *net;          /* made for the first URL; owned */
    const char **rewrites; /* owned */
};
void ptmi_opener_clear(struct ptmi_opener *opener); /* after what it opened was closed */
bool ptmi_is_url(const char *text);
PTM_MUST_USE ptm_rc ptmi_opener_open(struct ptmi_opener *opener, const char *path,
                                     ptm_weights **out, struct ptm_err *err);
static inline void ptmi_weights_closep(ptm_weights **weights)
{
    ptm_weights_close(*weights);
}

/*
 * From now on a file that is shortened while it is mapped ends the command with a message and exit
 * status 3 instead of a signal that nobody understands.
 */
void ptmi_catch_sigbus(void);
/* Which file the calling thread is at, for that message; NULL: none. Copied. */
void ptmi_sigbus_file(const char *path);

/* "25.6 M" for people; a plain number below 1,000. Returns buf. */
char *ptmi_human_count(int64_t n, char buf[32]);
/* Elements of a shape; INT64_MAX when they are more. */
int64_t ptmi_tensor_elements(const struct ptm_tensor *tensor);
/* Bytes that are stored of it: of a sparse tensor those of its parts. */
int64_t ptmi_tensor_bytes(const struct ptm_tensor *tensor);
const char *ptmi_dtype_name(ptm_dtype dtype);

/* Which tensors of a file use the same bytes. Start with {0}. */
struct ptmi_sharing {
    size_t *with; /* of each tensor: the first one whose bytes touch its own, or itself; owned */
    size_t *same; /* of each: the first one that has just the same bytes, or itself; owned */
};
PTM_MUST_USE ptm_rc ptmi_sharing_find(const ptm_weights *weights, struct ptmi_sharing *out,
                                      struct ptm_err *err);
void ptmi_sharing_clear(struct ptmi_sharing *sharing);

struct ptmi_listing {
    const char *path; /* as it was given */
    bool tensors;     /* not only what is said of the file as a whole */
    bool tree;
};
PTM_MUST_USE ptm_rc ptmi_weights_print(struct ptmi_cli *cli, const ptm_weights *weights,
                                       const struct ptmi_listing *listing, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_weights_print_json(struct ptmi_cli *cli, const ptm_weights *weights,
                                            const struct ptmi_listing *listing,
                                            struct ptm_err *err);
