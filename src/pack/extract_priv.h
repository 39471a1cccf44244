/* SPDX-License-Identifier: MIT */
/* extract_priv.h - what the files that unpack zip archives share. Nothing here leaves the folder.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/arena.h"
#include "extract.h"

/* --- zip_index.c: the directory of an archive, checked before anything is written --- */

typedef enum ptmi_entry_kind {
    PTMI_ENTRY_FILE = 1,
    PTMI_ENTRY_FOLDER,
    PTMI_ENTRY_LINK
} ptmi_entry_kind;

struct ptmi_zip_entry {
    const char *name; /* a safe relative path, without the slash of folders; in the index */
    uint64_t local;   /* offset of its local header */
    uint64_t packed;
    int64_t size; /* as declared */
    ptmi_entry_kind kind;
    uint16_t method;
    bool executable;
};
/* The first three are set by the caller, the rest zeroed. */
struct ptmi_zip_index {
    const char *archive; /* for messages; borrowed */
    int64_t max_bytes, max_entries;
    uint8_t *directory; /* owned; names point into it */
    struct ptmi_zip_entry *entries;
    size_t n, cap;
    int64_t bytes;   /* sum of all sizes */
    char commit[41]; /* the comment, where that is one; "" */
};
/*
 * Entries come in the order of their local headers. PTM_EUNSAFE and PTM_ELIMIT name the entry;
 * PTM_EFORMAT for a directory that does not hold together.
 */
PTM_MUST_USE ptm_rc ptmi_zip_index_read(int fd, struct ptmi_zip_index *index, struct ptm_err *err);
void ptmi_zip_index_clear(struct ptmi_zip_index *index);
/* Does the local header of an entry say what the directory says? PTM_EUNSAFE, PTM_EFORMAT. */
PTM_MUST_USE ptm_rc ptmi_zip_index_check_local(int fd, const struct ptmi_zip_index *index,
                                               const struct ptmi_zip_entry *entry,
                                               struct ptm_err *err);
/* PTM_EUNSAFE: ARCHIVE: entry "NAME" WHY. */
PTM_MUST_USE ptm_rc ptmi_zip_refuse(const struct ptmi_zip_index *index, const char *name,
                                    const char *why, struct ptm_err *err);

/* --- extract_names.c: all paths of an archive together --- */

/* An entry, or a folder that one lies in. Texts in the index and the arena, without NUL. */
struct ptmi_name {
    const char *folded, *exact;
    size_t folded_len, exact_len;
    bool folder;
};
struct ptmi_names {
    struct ptmi_arena arena;
    struct ptmi_name *items; /* owned; sorted by folded */
    size_t n, cap;
    size_t n_folders; /* different ones */
};
/* Folded paths are about as long as the paths. */
#define PTMI_NAMES_INIT                                                \
    {                                                                  \
        .arena = PTMI_ARENA(4 * (size_t)(PTM_LIMIT_EXTRACT_DIRECTORY)) \
    }
/* Takes the paths of index without their first skip bytes. PTM_EUNSAFE where two are one on some
 * system, or one lies below a file or link. */
PTM_MUST_USE ptm_rc ptmi_names_read(struct ptmi_names *names, const struct ptmi_zip_index *index,
                                    size_t skip, struct ptm_err *err);
void ptmi_names_clear(struct ptmi_names *names);
/* May a link at path have that target? PTM_EUNSAFE: it leads out, or may do so through another
 * link. */
PTM_MUST_USE ptm_rc ptmi_names_check_link(const struct ptmi_names *names,
                                          const struct ptmi_zip_index *index, const char *path,
                                          const char *target, struct ptm_err *err);

/* --- extract_tree.c: files, folders and links made beneath a folder --- */

struct ptmi_tree {
    int root;     /* descriptor of the folder */
    int at;       /* of the folder written to last, -1: none */
    char *at_dir; /* its path */
    const char *dest;
};
PTM_MUST_USE ptm_rc ptmi_tree_open(struct ptmi_tree *tree, const char *dest, struct ptm_err *err);
void ptmi_tree_close(struct ptmi_tree *tree);
/* All make the folders above. Nothing that is there is followed or replaced. */
PTM_MUST_USE ptm_rc ptmi_tree_folder(struct ptmi_tree *tree, const char *path, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_tree_file(struct ptmi_tree *tree, const char *path, bool executable,
                                   int *out_fd, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_tree_link(struct ptmi_tree *tree, const char *path, const char *target,
                                   struct ptm_err *err);
