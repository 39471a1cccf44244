/* SPDX-License-Identifier: MIT */
/*
 * scan_priv.h - what the files of the scan share. A scan goes through a file depth first: every
 * container hands what is in it, one member after another, to ptmi_scan_item(), so that one chain
 * of open members is in memory at a time. The depth is PTM_LIMIT_ARCHIVE_DEPTH, never more.
 *
 *   scan.c          ptm_scan(); what an item is by its content, and who looks at it
 *   scan_report.c   findings, globals, verdict
 *   scan_pickle.c   one pickle judged, and pickles one after another
 *   scan_nested.c   bytes and texts inside pickles
 *   scan_skim.c     opcodes told apart without running them: fast, for searching
 *   scan_search.c   pickles hidden among numbers
 *   scan_zip.c      zip files; scan_torch.c: what a torch zip must be besides
 *   scan_archive.c  tar files and compressed streams
 *   scan_formats.c  formats that hold no code: are they whole
 *
 * What is wrong with a file is a finding; functions fail only for what is not the file's doing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/weights.h>

#include "../base/arena.h"
#include "pickle.h"
#include "source.h"
#include "weights_priv.h"
#include "zipdir.h"

/* Where an item was found: decides what it is expected to be. */
enum ptmi_scan_place {
    PTMI_SCAN_FILE,   /* the file itself, or a member of an archive */
    PTMI_SCAN_RECORD, /* a record of numbers in a torch zip: chance makes no pickle of it */
    PTMI_SCAN_BYTES,  /* bytes in a pickle */
    PTMI_SCAN_TEXT,   /* text in a pickle, as Latin-1 */
};

/* Bytes that are to be looked at, and what came out of it. The caller's. */
struct ptmi_scan_item {
    ptmi_source *source;           /* borrowed */
    struct ptmi_scan_item *parent; /* what it was found in; NULL: the file itself */
    const char *inner;             /* its name in parent; borrowed */
    const char *name;              /* what its suffix is taken from; "" none */
    const char *member;            /* its path, for findings; NULL: not made yet */
    int depth;
    enum ptmi_scan_place place;
    const uint8_t *data; /* all bytes: set by ptmi_scan_item() */
    uint64_t size;
    struct ptmi_pickle *keep; /* the first pickle is moved here, {0} before; NULL: it is not */
    /* Out: */
    const char *format;      /* static */
    bool is_pickle;          /* begins with a pickle */
    bool want_crc, have_crc; /* in, out: its CRC-32, when all of it is gone over anyway */
    uint32_t crc;
};

struct ptmi_scan {
    ptm_ctx *ctx; /* may be NULL */
    struct ptm_scan_opts opts;
    struct ptmi_arena *arena; /* of the report */
    struct ptm_finding *findings;
    size_t n_findings, cap_findings, more_findings;
    struct ptm_scan_global *globals;
    size_t n_globals, cap_globals;
    uint32_t *by_name; /* hash table over globals: place + 1 */
    size_t by_name_size;
    ptm_verdict verdict;
    uint64_t looked;     /* bytes looked at */
    uint64_t may_look;   /* so many in all: members that overlap must not make it endless */
    uint64_t may_unpack; /* bytes that may still come out of compressed members */
    uint64_t may_open;   /* members that may still be opened */
    bool over;           /* one of these was reached: the rest is left out, which was told */
    uint64_t search_work, may_search; /* steps spent on what looked like a hidden pickle */
};

/* --- scan.c --- */

/*
 * ptm_scan() of bytes that are there already: for fuzzing. name: its suffix tells what the bytes
 * are expected to be. Does not take the source.
 */
PTM_MUST_USE ptm_rc ptmi_scan_source(ptm_ctx *ctx, ptmi_source *source, const char *name,
                                     const struct ptm_scan_opts *opts, struct ptm_scan_report *out,
                                     struct ptm_err *err);
/* Looks at an item, whatever it is. */
PTM_MUST_USE ptm_rc ptmi_scan_item(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                   struct ptm_err *err);
/* The same for something in parent, which is called inner there: fills *inside's parent, inner,
 * depth, and, where it is NULL, name. */
PTM_MUST_USE ptm_rc ptmi_scan_inside(struct ptmi_scan *scan, struct ptmi_scan_item *parent,
                                     const char *inner, struct ptmi_scan_item *inside,
                                     struct ptm_err *err);
/* Does the name promise a pickle or a checkpoint? Then what cannot be read is not clean. */
bool ptmi_scan_promises(const char *name);
/* PTM_ECANCELED when the context says so. */
PTM_MUST_USE ptm_rc ptmi_scan_goes_on(const struct ptmi_scan *scan, struct ptm_err *err);

/* --- scan_report.c --- */

/* offset: -1 none. The message is copied, made printable. Beyond PTM_LIMIT_FINDINGS only the
 * verdict is kept. */
PTM_MUST_USE PTM_PRINTF(7, 8) ptm_rc
    ptmi_scan_found(struct ptmi_scan *scan, struct ptmi_scan_item *item, ptm_verdict severity,
                    const char *rule, int64_t offset, struct ptm_err *err, const char *fmt, ...);
/* As ptmi_scan_found() of something that failed: an "unreadable" finding with its message; errors
 * that are not the file's doing are passed on. PTM_ELIMIT has the rule "limit" instead. */
PTM_MUST_USE ptm_rc ptmi_scan_failed(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                     const char *rule, int64_t offset, const struct ptm_err *why,
                                     struct ptm_err *err);
/* A global asked for; a finding when nobody vouches for it, once a name and member. */
PTM_MUST_USE ptm_rc ptmi_scan_asks(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                   const struct ptmi_pk *global, uint64_t at, struct ptm_err *err);
/* What a global is worth to this scan, opts.allow considered. */
ptmi_trust ptmi_scan_trust(const struct ptmi_scan *scan, const struct ptmi_pk *global,
                           const char **out_why);
PTM_MUST_USE ptm_rc ptmi_scan_report_end(struct ptmi_scan *scan, struct ptm_err *err);

/* --- scan_skim.c --- */

enum ptmi_skim_end {
    PTMI_SKIM_JUNK, /* an opcode that is none, or an argument that does not fit */
    PTMI_SKIM_STOP, /* STOP, and no global before it */
    PTMI_SKIM_ASKS, /* something that the machine must look at */
    PTMI_SKIM_CUT,  /* sound up to the end of the data */
};
/* Goes from *pos on; *pos: where it ended. *work is raised by what it cost. */
enum ptmi_skim_end ptmi_skim(const uint8_t *data, uint64_t size, uint64_t *pos, uint64_t *work);

/* How a run of bytes or text that stands in a pickle is written. */
enum ptmi_skim_form {
    PTMI_SKIM_BYTES,
    PTMI_SKIM_STR8,    /* BINSTRING: bytes, or text in the encoding that the reader was told */
    PTMI_SKIM_UTF8,    /* BINUNICODE */
    PTMI_SKIM_STRING,  /* STRING: as STR8, quoted, with all of Python's escapes */
    PTMI_SKIM_UNICODE, /* UNICODE: Latin-1; \u and \U are escapes, nothing else is */
};
struct ptmi_skim_arg {
    uint64_t at, n; /* its bytes, in the data */
    enum ptmi_skim_form form;
};
/* The next one from *pos on, at most to end; false: no more. */
bool ptmi_skim_arg(const uint8_t *data, uint64_t end, uint64_t *pos, struct ptmi_skim_arg *out);

/* --- scan_search.c --- */

/* The first place from pos on where PROTO 2 to 5 and a likely opcode follow; size: none. */
uint64_t ptmi_search_proto(const uint8_t *data, uint64_t size, uint64_t pos);
/*
 * Goes over [begin, end) of an item's bytes, searching for pickles that begin there; works out the
 * CRC of all of them on the way when item wants it. Pages are given back behind it.
 */
PTM_MUST_USE ptm_rc ptmi_scan_search(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                     uint64_t begin, uint64_t end, struct ptm_err *err);

/* --- scan_pickle.c --- */

/* How a pickle ended. */
struct ptmi_scan_run {
    bool stopped;             /* reached STOP */
    bool told;                /* taken for a pickle, and judged */
    uint64_t end;             /* behind STOP, or where it breaks off .. */
    uint64_t behind;          /* .. and how far it was looked through for what stands in it */
    int64_t number;           /* its object, when that is a whole number; else -1 */
    bool magic;               /* its object is the number that torch's legacy streams begin with */
    struct ptmi_pickle *keep; /* in: the pickle is moved here when it stopped; NULL: it is not */
};
/* The pickle at pos, where one is expected: judged whatever it is. */
PTM_MUST_USE ptm_rc ptmi_scan_pickle(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                     uint64_t pos, struct ptmi_scan_run *run, struct ptm_err *err);
/* An item that may begin with a pickle at begin; then whatever follows. */
PTM_MUST_USE ptm_rc ptmi_scan_pickles(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                      uint64_t begin, struct ptm_err *err);
/* The one at pos, which was found in the middle of something. *out_next: where to search on. */
PTM_MUST_USE ptm_rc ptmi_scan_hidden_pickle(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                            uint64_t pos, uint64_t *out_next, struct ptm_err *err);

/* --- scan_nested.c --- */

/* Bytes and texts that stand in the pickle [begin, end) of item. */
PTM_MUST_USE ptm_rc ptmi_scan_nested(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                     uint64_t begin, uint64_t end, struct ptm_err *err);

/* --- containers --- */

PTM_MUST_USE ptm_rc ptmi_scan_zip(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                  struct ptmi_zip *zip, struct ptm_err *err);
/* What a zip file that torch reads must be besides. data_pkl: place of that member; pickle: what is
 * in it, {0} when it is broken. */
PTM_MUST_USE ptm_rc ptmi_scan_torch_zip(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                        struct ptmi_zip *zip, size_t data_pkl,
                                        const struct ptmi_pickle *pickle, struct ptm_err *err);
/* So many bytes came out of something compressed. */
void ptmi_scan_unpacked(struct ptmi_scan *scan, uint64_t bytes);
PTM_MUST_USE ptm_rc ptmi_scan_tar(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                  struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_scan_compressed(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                         const char *kind, bool *out_is, struct ptm_err *err);

/* --- scan_formats.c --- */

/* A format that holds no code by itself (safetensors, GGUF, ONNX, HDF5, NumPy, ..): sets
 * item->format and says what is wrong with it. NULL format: none of them. */
PTM_MUST_USE ptm_rc ptmi_scan_format(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                     struct ptm_err *err);
/* Does the reader of its format (of those that there are for ptm_weights_open()) find it whole? */
PTM_MUST_USE ptm_rc ptmi_scan_whole(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                    struct ptm_err *err);
/* The rule for archives that are not looked into, or NULL. */
const char *ptmi_scan_closed_archive(const uint8_t *head, size_t len);
