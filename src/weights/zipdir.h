/* SPDX-License-Identifier: MIT */
/*
 * zipdir.h - the directory of a zip file, read strictly, with every trick noted: what the central
 * directory and the local headers say, where each member's bytes lie. APPNOTE.TXT 6.3.10 is the
 * format's source. tardir.h is the same for tar.
 *
 * A directory is immutable once read; members are inflated by libdeflate into exactly the size
 * the directory declares, so that a bomb ends where it lied.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/err.h>

#include "../base/arena.h"
#include "source.h"

/* Something odd about a zip or tar file. Collected, not fatal: an opener refuses some of them, a
 * scan reports them all. */
enum {
    PTMI_ODD_DUPLICATE = 1, /* two members with one name, letter case aside */
    PTMI_ODD_LOCAL_NAME,    /* local header names it otherwise */
    PTMI_ODD_LOCAL_FIELDS,  /* local header tells other sizes, method or CRC */
    PTMI_ODD_FLAGS,         /* a flag bit besides 3 (data descriptor) and 11 (UTF-8) */
    PTMI_ODD_ENCRYPTED,     /* cannot be read */
    PTMI_ODD_METHOD,        /* neither stored nor deflated: cannot be read */
    PTMI_ODD_OVERLAP,       /* members share bytes, or a member and the directory do */
    PTMI_ODD_GAP,           /* bytes that belong to no member */
    PTMI_ODD_TRAILING,      /* data after the end record and its comment */
    PTMI_ODD_LEADING,       /* data before the first member */
    PTMI_ODD_NAME,          /* absolute, "..", control characters, backslash */
    PTMI_ODD_COUNT,         /* the end record counts other members than the directory has */
    PTMI_ODD_SPLIT,         /* several disks */
    PTMI_ODD_UNLISTED,      /* a local header that the directory does not list */
    PTMI_ODD_RATIO,         /* declared to become more than 1032 times its size, or stored with two
                               sizes: impossible */
    PTMI_ODD_END,           /* the end records contradict each other, or lead to two directories:
                               one program reads other members than another */
};
/* Bit of an oddity in odd_kinds. */
#define PTMI_ODD_BIT(what) (UINT32_C(1) << (what))

struct ptmi_odd {
    int what;           /* PTMI_ODD_.. */
    uint64_t offset;    /* in the source */
    const char *member; /* in the arena, or NULL */
    const char *detail; /* a line for people, in the arena */
};

struct ptmi_zip_member {
    const char *name;      /* as the central directory has it; in the arena, NUL-terminated */
    size_t name_len;       /* more than strlen(): it has NUL bytes inside, which is ODD_NAME */
    uint16_t method;       /* 0 stored, 8 deflated */
    uint16_t flags;        /* central */
    uint32_t crc;          /* central */
    uint64_t packed, size; /* bytes in the file, bytes unpacked */
    uint64_t local;        /* offset of its local header */
    uint64_t data;         /* offset of its bytes; 0 until ptmi_zip_locate() */
    /* Not encrypted, method known. A scan may set it to look at the bytes of one that only says it
     * is encrypted. */
    bool readable;
    bool is_dir; /* by its name; one that has bytes all the same is ODD_NAME */
};

/* Start with {0}; ptmi_zip_clear(). */
struct ptmi_zip {
    ptmi_source *source; /* a reference of its own */
    struct ptmi_arena arena;
    struct ptmi_zip_member *members; /* in the directory's order */
    size_t n_members;
    /* The first PTM_LIMIT_ODDS and the first of each kind; odd_kinds has them all. */
    struct ptmi_odd *odds;
    size_t n_odds;
    uint32_t odd_kinds;                /* PTMI_ODD_BIT() of each kind seen */
    struct ptmi_zip_member **by_name;  /* sorted, letter case aside */
    uint64_t directory, directory_end; /* where the central directory lies */
    uint64_t end;                      /* the first of the end records */
};
void ptmi_zip_clear(struct ptmi_zip *zip);

/* Does it begin like one (PK 3 4, or an empty one's PK 5 6)? */
bool ptmi_zip_is(const uint8_t *head, size_t len);
/*
 * Reads end record and directory. PTM_EFORMAT when there is none or it does not hold together.
 * Local headers are not read yet (over a URL each would be a request).
 */
PTM_MUST_USE ptm_rc ptmi_zip_read(ptmi_source *source, struct ptmi_zip *out, struct ptm_err *err);
/* Reads a member's local header: sets data, notes what differs. Cheap when done before; over a URL
 * a request. zip and member change: one thread at a time. */
PTM_MUST_USE ptm_rc ptmi_zip_locate(struct ptmi_zip *zip, struct ptmi_zip_member *member,
                                    struct ptm_err *err);
/* Locates all members, and looks for overlaps, gaps and unlisted local headers: for a scan. A
 * member without a local header is noted and no longer readable. */
PTM_MUST_USE ptm_rc ptmi_zip_check(struct ptmi_zip *zip, struct ptm_err *err);
/* The last member of exactly this name, or NULL. */
struct ptmi_zip_member *ptmi_zip_find(const struct ptmi_zip *zip, const char *name);
/* A member's bytes, unpacked: a part of the source when stored, memory of its own when deflated
 * (at most max bytes: PTM_ELIMIT). PTM_EFORMAT when it does not inflate to its size,
 * PTM_EUNSUPPORTED when it is not readable. The CRC is not looked at. Bytes behind the end of a
 * deflate stream are noted as a gap. As locate, one thread at a time. */
PTM_MUST_USE ptm_rc ptmi_zip_open(struct ptmi_zip *zip, struct ptmi_zip_member *member,
                                  uint64_t max, ptmi_source **out, struct ptm_err *err);
/* CRC-32 of bytes as zip files have it, going on from crc (0 to begin). */
uint32_t ptmi_zip_crc(uint32_t crc, const void *data, size_t len);

/* An oddity into a list in the arena; detail is a printf format of what comes after the member's
 * name. For zipdir*.c and tardir.c. */
struct ptmi_odd_list {
    struct ptmi_arena *arena;
    struct ptmi_odd **odds;
    size_t *n;
    uint32_t *kinds;
};
PTM_MUST_USE PTM_PRINTF(4, 5) ptm_rc
    ptmi_odd_add(const struct ptmi_odd_list *list, const struct ptmi_odd *odd, struct ptm_err *err,
                 const char *fmt, ...);
/* What is odd about a member's name ("has an absolute name"), or NULL. Static. */
const char *ptmi_odd_name(const char *name, size_t len);
