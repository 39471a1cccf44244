/* SPDX-License-Identifier: MIT */
/*
 * store.h - content-addressed files: ROOT/.ptm/objects/sha256/aa/bb/<oid>, every large file once.
 *
 * An object is absent, or whole and verified: it is written beside the tree (.ptm/tmp), hashed,
 * fsynced and published by a hard link (rename where links are impossible), never replaced. Objects
 * are read-only and have an mtime in the past, so that a git index written at once never takes them
 * for racily clean.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ptm/ctx.h>
#include <ptm/err.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ptm_store ptm_store; /* locked inside: any thread, any number of processes */

/* How an object reaches its place in a work tree. */
typedef enum ptm_link_mode {
    PTM_LINK_AUTO = 0, /* reflink, else read-only hard link, else copy */
    PTM_LINK_COPY,     /* a writable file of its own (a reflink where possible) */
} ptm_link_mode;

/* root: the data root; ROOT/.ptm/objects and ROOT/.ptm/tmp are made when absent. */
PTM_API PTM_MUST_USE ptm_rc ptm_store_open(ptm_ctx *ctx, const char *root, ptm_store **out,
                                           struct ptm_err *err);
PTM_API void ptm_store_close(ptm_store *store);

/* Is oid (64 lower-case hex) there? *out_size may be NULL. An invalid oid is not there. */
PTM_API bool ptm_store_has(ptm_store *store, const char *oid, int64_t *out_size);

/* Path of an object, present or not; malloc'ed. */
PTM_API PTM_MUST_USE ptm_rc ptm_store_path(ptm_store *store, const char *oid, char **out,
                                           struct ptm_err *err);

/*
 * A place to fetch oid into: the only writer of ROOT/.ptm/tmp/<oid>.part among all threads and
 * processes. Waits while another has it (with a message), and then finds the object there: *out is
 * NULL and *out_present true.
 */
typedef struct ptm_store_slot ptm_store_slot; /* one thread at a time */
PTM_API PTM_MUST_USE ptm_rc ptm_store_slot_open(ptm_store *store, const char *oid,
                                                ptm_store_slot **out, bool *out_present,
                                                struct ptm_err *err);
PTM_API const char *ptm_store_slot_part(const ptm_store_slot *slot); /* path, borrowed from slot */
/*
 * Publishes the part. The caller vouches that its SHA-256 is oid (ptm_net_fetch has checked it);
 * size is checked again unless -1. The slot stays open: close it next.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_store_slot_commit(ptm_store_slot *slot, int64_t size,
                                                  struct ptm_err *err);
/* Gives the slot back. An uncommitted part stays for the next try, unless it is empty. NULL is a
 * no-op. */
PTM_API void ptm_store_slot_close(ptm_store_slot *slot);

/* Reads all of fd, hashes and publishes it. expected_oid may be NULL; out_oid (65 bytes) may be
 * NULL. */
PTM_API PTM_MUST_USE ptm_rc ptm_store_put_fd(ptm_store *store, int fd, const char *expected_oid,
                                             char out_oid[65], struct ptm_err *err);

/*
 * Puts the object at dest (which appears whole; an existing regular file is replaced by rename).
 * executable: the tree entry's mode. A hard link shares the object's inode, so an executable entry
 * is copied. *out_how may be NULL.
 */
typedef enum ptm_linked { PTM_LINKED_REFLINK = 1, PTM_LINKED_HARD, PTM_LINKED_COPY } ptm_linked;
PTM_API PTM_MUST_USE ptm_rc ptm_store_link(ptm_store *store, const char *oid, const char *dest,
                                           ptm_link_mode mode, bool executable, ptm_linked *out_how,
                                           struct ptm_err *err);

/* Hashes one object again: PTM_OK, PTM_ENOENT, PTM_ECORRUPT. */
PTM_API PTM_MUST_USE ptm_rc ptm_store_verify(ptm_store *store, const char *oid,
                                             struct ptm_err *err);

/*
 * Takes an object out of the store, so that a damaged one can be fetched again; absent is fine.
 * Hard links that work trees have to it keep their bytes: link the new object over them.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_store_remove(ptm_store *store, const char *oid,
                                             struct ptm_err *err);

/* Every object, in no order; anything but PTM_OK from fn ends the walk with it. */
typedef ptm_rc (*ptm_store_each_fn)(void *arg, const char *oid, int64_t size, struct ptm_err *err);
PTM_API PTM_MUST_USE ptm_rc ptm_store_each(ptm_store *store, ptm_store_each_fn fn, void *arg,
                                           struct ptm_err *err);

#ifdef __cplusplus
}
#endif
