/* SPDX-License-Identifier: MIT */
/*
 * onnx_rows.c - the ONNX Model Zoo's tables and manifest. Column names are matched without regard
 * to case, since the READMEs were written by many hands; a column that has no field is kept under
 * its own name.
 */
#include "onnx_rows.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/json.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/url.h"
#include "card_priv.h"

/* The zoo has 198; more than this is not a README any more. */
#define MAX_ROWS 10000

#define REPO_URL "https://github.com/onnx/models"

static const char *const field_names[PTMI_ONNX_FIELDS] = {
    [PTMI_ONNX_MODEL] = "Model",
    [PTMI_ONNX_SIZE] = "ModelSize",
    [PTMI_ONNX_PATH] = "ModelPath",
    [PTMI_ONNX_VERSION] = "ONNXVersion",
    [PTMI_ONNX_TOP1] = "Top-1% Accuracy",
    [PTMI_ONNX_TOP5] = "Top-5% Accuracy",
    [PTMI_ONNX_ACCURACY] = "Accuracy",
    [PTMI_ONNX_MAP] = "mAP",
    [PTMI_ONNX_MIOU] = "mIOU",
    [PTMI_ONNX_MEAN_IOU] = "Mean IoU",
    [PTMI_ONNX_LFW] = "LFW * accuracy (%)",
    [PTMI_ONNX_CFP_FF] = "CFP-FF * accuracy (%)",
    [PTMI_ONNX_CFP_FP] = "CFP-FP * accuracy (%)",
    [PTMI_ONNX_AGEDB] = "AgeDB-30 * accuracy (%)",
    [PTMI_ONNX_DATASET] = "Dataset",
    [PTMI_ONNX_OPSET] = "OpsetVersion",
    [PTMI_ONNX_TOP1_ERROR] = "Top-1 Error (%)",
    [PTMI_ONNX_CATEGORY] = "Category",
    [PTMI_ONNX_GITHUB] = "GitHub URL",
    [PTMI_ONNX_SAMPLE_SIZE] = "ModelSampleSize",
    [PTMI_ONNX_SAMPLE_PATH] = "ModelSamplePath",
};

/* How the READMEs head their columns. A download column fills two fields: link is the one for its
 * target. */
static const struct column {
    const char *header;
    int field;
    int link;
} columns[] = {
    {"Model", PTMI_ONNX_MODEL, -1},
    {"Download", PTMI_ONNX_SIZE, PTMI_ONNX_PATH},
    {"Download (with sample test data)", PTMI_ONNX_SAMPLE_SIZE, PTMI_ONNX_SAMPLE_PATH},
    {"ONNX version", PTMI_ONNX_VERSION, -1},
    {"Opset version", PTMI_ONNX_OPSET, -1},
    {"Top-1 accuracy (%)", PTMI_ONNX_TOP1, -1},
    {"Top-5 accuracy (%)", PTMI_ONNX_TOP5, -1},
    {"Accuracy", PTMI_ONNX_ACCURACY, -1},
    {"mAP", PTMI_ONNX_MAP, -1},
    {"mIOU", PTMI_ONNX_MIOU, -1},
    {"mIOU (%)", PTMI_ONNX_MIOU, -1},
    {"Mean IoU", PTMI_ONNX_MEAN_IOU, -1},
    {"Mean IoU (%)", PTMI_ONNX_MEAN_IOU, -1},
    {"LFW * accuracy (%)", PTMI_ONNX_LFW, -1},
    {"CFP-FF * accuracy (%)", PTMI_ONNX_CFP_FF, -1},
    {"CFP-FP * accuracy (%)", PTMI_ONNX_CFP_FP, -1},
    {"AgeDB-30 * accuracy (%)", PTMI_ONNX_AGEDB, -1},
    {"Dataset", PTMI_ONNX_DATASET, -1},
    {"Top-1 error", PTMI_ONNX_TOP1_ERROR, -1},
    {"Top-1 error (%)", PTMI_ONNX_TOP1_ERROR, -1},
};

static const struct column *find_column(const char *header)
{
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
        if (strcasecmp(columns[i].header, header) == 0) return &columns[i];
    }
    return NULL;
}

static ptm_rc too_large(const char *what, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ELIMIT, "%s: its tables are too large", what);
}

/* ---- paths -------------------------------------------------------------- */

/* Takes "." and ".." out of a path in place. false: it leaves the repository. */
static bool normalize(char *path)
{
    char *out = path;
    for (char *part = path; *part;) {
        size_t len = strcspn(part, "/");
        char *next = part[len] ? part + len + 1 : part + len;
        bool dot = len == 0 || (len == 1 && part[0] == '.');
        bool up = len == 2 && part[0] == '.' && part[1] == '.';
        if (up && out == path) return false;
        if (up) {
            out--;
            while (out > path && out[-1] != '/') out--;
        } else if (!dot) {
            memmove(out, part, len);
            out += len;
            *out++ = '/';
        }
        part = next;
    }
    if (out > path) out--;
    *out = '\0';
    return *path != '\0';
}

/* What follows the ref in a link to the repository's own pages (/blob/main/..); NULL: another link.
 */
static const char *own_page(const char *link)
{
    if (!ptmi_str_starts(link, REPO_URL "/")) return NULL;
    const char *kind = link + strlen(REPO_URL "/");
    const char *ref = strchr(kind, '/');
    const char *path = ref ? strchr(ref + 1, '/') : NULL;
    bool page = ptmi_str_starts(kind, "blob/") || ptmi_str_starts(kind, "tree/") ||
                ptmi_str_starts(kind, "raw/");
    return page && path ? path + 1 : NULL;
}

const char *ptmi_onnx_path(const char *link, const char *folder, struct ptmi_arena *arena)
{
    if (!link || !*link || *link == '#') return NULL;
    const char *own = own_page(link);
    if (own) {
        link = own;
        folder = "";
    } else if (link[strcspn(link, ":/?#")] == ':' || ptmi_str_starts(link, "//")) {
        return NULL;
    } else if (*link == '/') { /* as GitHub reads it: from the repository's root */
        folder = "";
    }
    char *plain = ptmi_arena_strndup(arena, link, strcspn(link, "?#"));
    char *decoded = plain ? ptmi_url_decode(plain) : NULL;
    if (!decoded) return NULL;
    char *path = ptmi_arena_printf(arena, "%s/%s", folder, decoded);
    free(decoded);
    if (!path || !normalize(path) || ptmi_path_check_relative(path, NULL) != PTM_OK) return NULL;
    return path;
}

/* ---- the hub's README --------------------------------------------------- */

static const char *text_or_null(struct ptmi_cell cell)
{
    return *cell.text ? cell.text : NULL;
}

static ptm_rc read_class(const ptmi_card *card, size_t table, size_t row, struct ptmi_arena *arena,
                         struct ptmi_onnx_class *out, struct ptm_err *err)
{
    out->category = ptmi_card_table_anchor(card, table);
    for (size_t column = 0; column < ptmi_card_columns(card, table); column++) {
        const char *header = ptmi_card_cell(card, table, -1, column).text;
        struct ptmi_cell cell = ptmi_card_cell(card, table, (int)row, column);
        if (strcasecmp(header, "Model Class") == 0) {
            out->name = text_or_null(cell);
            const char *folder = cell.href ? ptmi_onnx_path(cell.href, "", arena) : NULL;
            if (folder) {
                out->readme = ptmi_str_ends(folder, ".md")
                                  ? folder
                                  : ptmi_arena_printf(arena, "%s/README.md", folder);
                if (!out->readme) return too_large("README.md", err);
            }
        } else if (strcasecmp(header, "Reference") == 0) {
            out->paper = cell.href ? cell.href : text_or_null(cell);
        } else if (strcasecmp(header, "Description") == 0) {
            out->description = text_or_null(cell);
        } else if (strcasecmp(header, "Huggingface Spaces") == 0 ||
                   strcasecmp(header, "Hugging Face Spaces") == 0) {
            out->space = cell.href;
        }
    }
    return PTM_OK;
}

ptm_rc ptmi_onnx_read_classes(const ptmi_card *card, struct ptmi_arena *arena,
                              struct ptmi_onnx_classes *out, struct ptm_err *err)
{
    for (size_t table = 0; table < ptmi_card_tables(card); table++) {
        if (strcasecmp(ptmi_card_cell(card, table, -1, 0).text, "Model Class") != 0) continue;
        for (size_t row = 0; row < ptmi_card_rows(card, table); row++) {
            struct ptmi_onnx_class *items =
                out->n < MAX_ROWS ? ptmi_card_grow(arena, out->items, out->n, sizeof(*items))
                                  : NULL;
            if (!items) return too_large("README.md", err);
            out->items = items;
            PTM_TRY(read_class(card, table, row, arena, &items[out->n], err));
            out->n++;
        }
    }
    return PTM_OK;
}

/* ---- model READMEs ------------------------------------------------------ */

static ptm_rc read_cells(const ptmi_card *card, size_t table, size_t row, const char *folder,
                         struct ptmi_arena *arena, struct ptmi_onnx_row *out, struct ptm_err *err)
{
    for (size_t i = 0; i < ptmi_card_columns(card, table); i++) {
        const char *header = ptmi_card_cell(card, table, -1, i).text;
        struct ptmi_cell cell = ptmi_card_cell(card, table, (int)row, i);
        const struct column *column = find_column(header);
        if (!column && *cell.text) {
            struct ptmi_onnx_extra *extras =
                ptmi_card_grow(arena, out->extras, out->n_extras, sizeof(*extras));
            if (!extras) return too_large(out->readme, err);
            out->extras = extras;
            extras[out->n_extras++] = (struct ptmi_onnx_extra){header, cell.text};
        }
        if (!column) continue;
        out->fields[column->field] = text_or_null(cell);
        if (column->link >= 0)
            out->fields[column->link] = cell.href ? ptmi_onnx_path(cell.href, folder, arena) : NULL;
    }
    return PTM_OK;
}

ptm_rc ptmi_onnx_read_rows(const ptmi_card *card, const char *readme, struct ptmi_arena *arena,
                           struct ptmi_onnx_rows *out, struct ptm_err *err)
{
    const char *slash = strrchr(readme, '/');
    const char *folder = ptmi_arena_strndup(arena, readme, slash ? (size_t)(slash - readme) : 0);
    const char *url = slash ? ptmi_arena_printf(arena, REPO_URL "/tree/main/%s", folder) : REPO_URL;
    if (!folder || !url) return too_large(readme, err);
    for (size_t table = 0; table < ptmi_card_tables(card); table++) {
        for (size_t row = 0; row < ptmi_card_rows(card, table); row++) {
            if (*ptmi_card_cell(card, table, (int)row, 0).text == '>') continue;
            struct ptmi_onnx_row *items =
                out->n < MAX_ROWS ? ptmi_card_grow(arena, out->items, out->n, sizeof(*items))
                                  : NULL;
            if (!items) return too_large(readme, err);
            out->items = items;
            struct ptmi_onnx_row *item = &items[out->n];
            item->readme = readme;
            item->fields[PTMI_ONNX_GITHUB] = url;
            PTM_TRY(read_cells(card, table, row, folder, arena, item, err));
            out->n++;
        }
    }
    return PTM_OK;
}

/* ---- the manifest ------------------------------------------------------- */

struct manifest_arg {
    struct ptmi_arena *arena;
    struct ptmi_onnx_manifest *out;
    size_t bad;
};

/* A string of obj, copied; NULL when there is none. */
static const char *copy_str(yyjson_val *obj, const char *name, struct ptmi_arena *arena)
{
    return ptmi_arena_strdup(arena, ptmi_json_str(obj, name));
}

static const char *copy_path(yyjson_val *obj, const char *name, struct ptmi_arena *arena)
{
    const char *path = ptmi_json_str(obj, name);
    if (!path || ptmi_path_check_relative(path, NULL) != PTM_OK) return NULL;
    return ptmi_arena_strdup(arena, path);
}

static const char *copy_sha(yyjson_val *obj, const char *name, struct ptmi_arena *arena)
{
    const char *sha = ptmi_json_str(obj, name);
    return sha && ptmi_str_is_hex(sha, 64) ? ptmi_arena_strdup(arena, sha) : NULL;
}

static ptm_rc on_entry(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    struct manifest_arg *manifest = arg;
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    PTM_TRY(ptmi_json_parse(item, len, "ONNX_HUB_MANIFEST.json", &doc, err));
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *meta = ptmi_json_get(root, "metadata");
    struct ptmi_onnx_entry entry = {.raw = item, .raw_len = len};
    entry.model = copy_str(root, "model", manifest->arena);
    entry.path = copy_path(root, "model_path", manifest->arena);
    entry.sha256 = copy_sha(meta, "model_sha", manifest->arena);
    entry.bytes = ptmi_json_int(meta, "model_bytes", -1);
    entry.data_path = copy_path(meta, "model_with_data_path", manifest->arena);
    entry.data_sha256 = copy_sha(meta, "model_with_data_sha", manifest->arena);
    entry.data_bytes = ptmi_json_int(meta, "model_with_data_bytes", -1);
    struct ptmi_arena_list tags = {0};
    if (!ptmi_json_strings(meta, "tags", manifest->arena, &tags))
        return ptm_err_set(err, PTM_ELIMIT, "ONNX_HUB_MANIFEST.json: too many tags");
    for (size_t i = 0; i < tags.n; i++) { /* json_strings may lend: the document goes */
        const char *tag = ptmi_arena_strdup(manifest->arena, tags.items[i]);
        if (!tag || !ptmi_arena_list_add(manifest->arena, &entry.tags, tag))
            return ptm_err_set(err, PTM_ELIMIT, "ONNX_HUB_MANIFEST.json: too many tags");
    }
    /* Kept even when it is no use, so that an entry's place in the list stays its id. */
    if (!entry.model || !entry.path) {
        manifest->bad++;
        entry.model = entry.path = NULL;
    }
    if (entry.bytes < 0) entry.bytes = -1;
    if (entry.data_bytes < 0) entry.data_bytes = -1;
    struct ptmi_onnx_manifest *out = manifest->out;
    struct ptmi_onnx_entry *items =
        out->n < MAX_ROWS ? ptmi_card_grow(manifest->arena, out->items, out->n, sizeof(*items))
                          : NULL;
    if (!items) return ptm_err_set(err, PTM_ELIMIT, "ONNX_HUB_MANIFEST.json: too many entries");
    out->items = items;
    items[out->n++] = entry;
    return PTM_OK;
}

ptm_rc ptmi_onnx_read_manifest(const char *text, size_t len, struct ptmi_arena *arena,
                               struct ptmi_onnx_manifest *out, size_t *out_bad, struct ptm_err *err)
{
    struct ptmi_onnx_manifest manifest = {0};
    struct manifest_arg arg = {.arena = arena, .out = &manifest};
    PTM_TRY(ptmi_json_each_item(text, len, "ONNX_HUB_MANIFEST.json", on_entry, &arg, err));
    *out = manifest;
    *out_bad = arg.bad;
    return PTM_OK;
}

/* ---- JSON --------------------------------------------------------------- */

/* JSON text as received, less the white space between its tokens: one record stays one line. */
static ptm_rc put_compact(struct ptmi_buf *buf, const char *json, size_t len, struct ptm_err *err)
{
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = json[i];
        if (in_string && c == '\\' && i + 1 < len) {
            PTM_TRY(ptmi_buf_putc(buf, c, err));
            c = json[++i];
        } else if (c == '"') {
            in_string = !in_string;
        }
        bool space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
        if (in_string || !space) PTM_TRY(ptmi_buf_putc(buf, c, err));
    }
    return PTM_OK;
}

ptm_rc ptmi_onnx_row_json(struct ptmi_buf *buf, size_t id, const struct ptmi_onnx_row *row,
                          const struct ptmi_onnx_entry *entry, struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_printf(buf, err, "{\"id\":%zu", id));
    for (size_t i = 0; i < PTMI_ONNX_FIELDS; i++) {
        PTM_TRY(ptmi_buf_printf(buf, err, ",\"%s\":", field_names[i]));
        PTM_TRY(ptmi_buf_json_str(buf, row->fields[i] ? row->fields[i] : "N/A", err));
    }
    for (size_t i = 0; i < row->n_extras; i++) {
        PTM_TRY(ptmi_buf_puts(buf, i == 0 ? ",\"OtherColumns\":{" : ",", err));
        PTM_TRY(ptmi_buf_json_str(buf, row->extras[i].name, err));
        PTM_TRY(ptmi_buf_putc(buf, ':', err));
        PTM_TRY(ptmi_buf_json_str(buf, row->extras[i].value, err));
    }
    if (row->n_extras > 0) PTM_TRY(ptmi_buf_putc(buf, '}', err));
    if (entry) {
        PTM_TRY(ptmi_buf_puts(buf, ",\"Manifest\":", err));
        PTM_TRY(put_compact(buf, entry->raw, entry->raw_len, err));
    }
    return ptmi_buf_putc(buf, '}', err);
}
