/* SPDX-License-Identifier: MIT */
/*
 * onnx_rows.h - the tables of the ONNX Model Zoo's READMEs as rows, and its manifest. Shared by
 * hub_onnxmodelzoo.c, its tests and its fuzz target; strings live in the arena handed in or are
 * borrowed from the card or manifest text.
 */
#pragma once

#include "card.h"

/* A row of the hub README's tables: a class of models. Absent: NULL. */
struct ptmi_onnx_class {
    const char *name;
    const char *readme; /* its models' README, repository-relative */
    const char *paper;
    const char *description;
    const char *space;
    const char *category; /* anchor of the section */
};

/* Columns of a model README's tables, in the order of omz_models_metadata.json. */
enum ptmi_onnx_field {
    PTMI_ONNX_MODEL,
    PTMI_ONNX_SIZE,
    PTMI_ONNX_PATH,
    PTMI_ONNX_VERSION,
    PTMI_ONNX_TOP1,
    PTMI_ONNX_TOP5,
    PTMI_ONNX_ACCURACY,
    PTMI_ONNX_MAP,
    PTMI_ONNX_MIOU,
    PTMI_ONNX_MEAN_IOU,
    PTMI_ONNX_LFW,
    PTMI_ONNX_CFP_FF,
    PTMI_ONNX_CFP_FP,
    PTMI_ONNX_AGEDB,
    PTMI_ONNX_DATASET,
    PTMI_ONNX_OPSET,
    PTMI_ONNX_TOP1_ERROR,
    PTMI_ONNX_CATEGORY,
    PTMI_ONNX_GITHUB,
    PTMI_ONNX_SAMPLE_SIZE,
    PTMI_ONNX_SAMPLE_PATH,
    PTMI_ONNX_FIELDS,
};

/* A column that has no field of its own. */
struct ptmi_onnx_extra {
    const char *name;
    const char *value;
};

struct ptmi_onnx_row {
    const char *fields[PTMI_ONNX_FIELDS]; /* NULL: absent ("N/A" in the file) */
    struct ptmi_onnx_extra *extras;
    size_t n_extras;
    const char *readme;  /* repository-relative */
    size_t readme_index; /* which of the READMEs, for the caller */
    size_t manifest;     /* index of its manifest entry + 1; 0: none */
};

struct ptmi_onnx_rows {
    struct ptmi_onnx_row *items;
    size_t n;
};

struct ptmi_onnx_classes {
    struct ptmi_onnx_class *items;
    size_t n;
};

/* One entry of ONNX_HUB_MANIFEST.json. */
struct ptmi_onnx_entry {
    const char *raw; /* as received; borrowed from the manifest's text */
    size_t raw_len;
    const char *model;
    const char *path;
    const char *sha256;                  /* 64 hex digits, or NULL */
    int64_t bytes;                       /* -1: not told */
    const char *data_path, *data_sha256; /* the archive with sample data */
    int64_t data_bytes;
    struct ptmi_arena_list tags;
    bool used; /* a row names the same file */
};

struct ptmi_onnx_manifest {
    struct ptmi_onnx_entry *items;
    size_t n;
};

/* Rows of the tables with a column "Model Class". folder: of the README within the repository, ""
 * for its root. */
PTM_MUST_USE ptm_rc ptmi_onnx_read_classes(const ptmi_card *card, struct ptmi_arena *arena,
                                           struct ptmi_onnx_classes *out, struct ptm_err *err);
/* Rows of a model README's tables, notes (rows that start with '>') left out. Category and extras
 * of the README's class are the caller's. */
PTM_MUST_USE ptm_rc ptmi_onnx_read_rows(const ptmi_card *card, const char *readme,
                                        struct ptmi_arena *arena, struct ptmi_onnx_rows *out,
                                        struct ptm_err *err);
/* Entries that are no object with a model and a safe model_path are passed over and counted. */
PTM_MUST_USE ptm_rc ptmi_onnx_read_manifest(const char *text, size_t len, struct ptmi_arena *arena,
                                            struct ptmi_onnx_manifest *out, size_t *out_bad,
                                            struct ptm_err *err);
/* A link found in folder ("" for the root) as a path of the repository; NULL when it leads
 * elsewhere. */
const char *ptmi_onnx_path(const char *link, const char *folder, struct ptmi_arena *arena);
/* The row as one line of JSON (id first); entry may be NULL. */
PTM_MUST_USE ptm_rc ptmi_onnx_row_json(struct ptmi_buf *buf, size_t id,
                                       const struct ptmi_onnx_row *row,
                                       const struct ptmi_onnx_entry *entry, struct ptm_err *err);
