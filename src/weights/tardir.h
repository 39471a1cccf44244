/* SPDX-License-Identifier: MIT */
/* tardir.h - the members of a tar file (ustar, PAX and GNU long names) with where their bytes lie.
 * POSIX.1-2017 pax is the format's source. */
#pragma once

#include "zipdir.h"

struct ptmi_tar_member {
    const char *name;
    char type; /* '0' file, '5' folder, '1' '2' links, ... */
    uint64_t data, size;
};
/* Start with {0}; ptmi_tar_clear(). */
struct ptmi_tar {
    ptmi_source *source; /* a reference of its own */
    struct ptmi_arena arena;
    struct ptmi_tar_member *members;
    size_t n_members;
    struct ptmi_odd *odds;
    size_t n_odds;
    uint32_t odd_kinds; /* as in struct ptmi_zip */
};
void ptmi_tar_clear(struct ptmi_tar *tar);
/* Is the first block a header whose checksum is right? */
bool ptmi_tar_is(const uint8_t *head, size_t len);
PTM_MUST_USE ptm_rc ptmi_tar_read(ptmi_source *source, struct ptmi_tar *out, struct ptm_err *err);
struct ptmi_tar_member *ptmi_tar_find(const struct ptmi_tar *tar, const char *name);
PTM_MUST_USE ptm_rc ptmi_tar_open(struct ptmi_tar *tar, const struct ptmi_tar_member *member,
                                  ptmi_source **out, struct ptm_err *err);
