/* SPDX-License-Identifier: MIT */
/*
 * pt_zip.c - what torch.save writes since 1.6, and torch.jit.save: a zip file, all of it in one
 * folder, all of it stored (TorchScript's code apart).
 *
 *     x/data.pkl                 the object; persistent ids ('storage', class, key, location,
 *                                elements)
 *     x/.format_version          "1"          \ of later versions
 *     x/.storage_alignment       "64"          |
 *     x/byteorder                "little"      | "big"; little when there is none
 *     x/.data/serialization_id   40 digits    /
 *     x/data/<key>               a storage's bytes; it may be longer than the object says
 *     x/version                  "3"; or x/.data/version
 *
 *     x/constants.pkl            TorchScript: a tuple, whose storages are
 *     x/constants/<key>          here
 *     x/code/..                  TorchScript: source text, which is not looked at
 *
 * A zip file with nothing but one checkpoint of another kind inside is opened as that: torch.hub
 * unpacks such. Where readers of zip files disagree (two members of one name, letter case aside;
 * local headers that say something else than the directory; flags) the file is refused, since this
 * reader and the one that loads it must see the same. Over a URL a storage's local header is looked
 * at when its bytes are asked for. Sources: caffe2/serialize/inline_container.cc,
 * torch/serialization.py, torch/csrc/jit/serialization/.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "pt_storages.h"
#include "weights_priv.h"
#include "zipdir.h"

/* A record that is a word or a number. */
#define RECORD_MAX 4096

/* What a zip must not have anywhere, and what must not be said of a member that is used. */
#define REFUSED_DIRECTORY                                                                       \
    (PTMI_ODD_BIT(PTMI_ODD_DUPLICATE) | PTMI_ODD_BIT(PTMI_ODD_ENCRYPTED) |                      \
     PTMI_ODD_BIT(PTMI_ODD_SPLIT) | PTMI_ODD_BIT(PTMI_ODD_COUNT) | PTMI_ODD_BIT(PTMI_ODD_END) | \
     PTMI_ODD_BIT(PTMI_ODD_RATIO))
#define REFUSED_MEMBER                                                         \
    (PTMI_ODD_BIT(PTMI_ODD_LOCAL_NAME) | PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS) | \
     PTMI_ODD_BIT(PTMI_ODD_FLAGS))
/* Data descriptor, UTF-8, and how hard deflate tried, which says nothing of the content. */
#define FLAGS_TAKEN (0x0008u | 0x0800u | 0x0006u)

struct reader {
    struct ptm_weights *weights;
    struct ptmi_zip *zip;             /* of the weights' format_state */
    const char *top;                  /* "archive/", in the arena */
    const char *folder;               /* of the storages of this pickle: "archive/data/" */
    struct ptmi_pt_storages storages; /* of this pickle */
    bool big_endian;
};

/* --- members --- */

static ptm_rc refuse(const struct ptmi_zip *zip, unsigned kinds, struct ptm_err *err)
{
    const struct ptmi_odd *odd = NULL;
    for (size_t i = zip->n_odds; i-- > 0 && !odd;)
        if (PTMI_ODD_BIT(zip->odds[i].what) & kinds) odd = &zip->odds[i];
    return ptm_err_set(err, PTM_EFORMAT,
                       "%s: byte %" PRIu64 ": %s: not all programs would read the same here",
                       ptmi_source_name(zip->source), odd ? odd->offset : 0,
                       odd ? odd->detail : "an odd zip file");
}

/* Finds a member's bytes, unless its own header disagrees with the directory. */
static ptm_rc locate(struct ptmi_zip *zip, struct ptmi_zip_member *member, struct ptm_err *err)
{
    char name[200];
    if (member->flags & ~FLAGS_TAKEN)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: member '%s' has the flags 0x%04x, which no program writes for a "
                           "checkpoint",
                           ptmi_source_name(zip->source),
                           ptmi_str_printable(name, sizeof name, member->name), member->flags);
    uint32_t before = zip->odd_kinds;
    zip->odd_kinds = 0;
    ptm_rc rc = ptmi_zip_locate(zip, member, err);
    uint32_t found = zip->odd_kinds;
    zip->odd_kinds |= before;
    if (rc < 0 || !(found & REFUSED_MEMBER)) return rc;
    member->data = 0; /* the next call looks again */
    return refuse(zip, REFUSED_MEMBER, err);
}

static ptm_rc open_member(struct ptmi_zip *zip, struct ptmi_zip_member *member, uint64_t max,
                          ptmi_source **out, struct ptm_err *err)
{
    PTM_TRY(locate(zip, member, err));
    return ptmi_zip_open(zip, member, max, out, err);
}

/* The member top/name, or NULL. PTM_EFORMAT for names that are too long to be one. */
static ptm_rc find(const struct reader *reader, const char *folder, const char *name,
                   struct ptmi_zip_member **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_str_printf("%s%s", folder, name);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", reader->weights->path);
    *out = ptmi_zip_find(reader->zip, path);
    return PTM_OK;
}

/* --- records of a line --- */

/* Its text without white space at the end; *out NULL: there is none, or it is not text. */
static ptm_rc read_record(struct reader *reader, const char *name, const char **out,
                          struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    struct ptmi_zip_member *member = NULL;
    const uint8_t *text = NULL;
    *out = NULL;
    PTM_TRY(find(reader, reader->top, name, &member, err));
    if (!member) return PTM_OK;
    if (member->size > RECORD_MAX)
        return ptm_err_set(err, PTM_EFORMAT, "%s: %" PRIu64 " bytes in the record %s",
                           reader->weights->path, member->size, name);
    PTM_TRY(open_member(reader->zip, member, RECORD_MAX, &source, err));
    size_t len = (size_t)member->size;
    PTM_TRY(ptmi_source_at(source, 0, len, &text, err));
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' ')) len--;
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e) return PTM_OK;
    return ptmi_weights_text(reader->weights, (const char *)text, len, out, err);
}

/* A word about the file for people. */
static ptm_rc add_record(struct reader *reader, const char *name, struct ptm_err *err)
{
    const char *text = NULL;
    PTM_TRY(read_record(reader, name, &text, err));
    return text ? ptmi_weights_add_meta(reader->weights, name, text, err) : PTM_OK;
}

static ptm_rc read_version(struct reader *reader, int64_t *out, struct ptm_err *err)
{
    const char *text = NULL;
    PTM_TRY(read_record(reader, "version", &text, err));
    if (!text) PTM_TRY(read_record(reader, ".data/version", &text, err));
    if (!text || !ptmi_str_int(text, 1, INT32_MAX, out))
        return ptm_err_set(err, PTM_EFORMAT, "%s: the record %sversion is missing or no number",
                           reader->weights->path, reader->top);
    return ptmi_weights_add_meta(reader->weights, "version", text, err);
}

static ptm_rc read_byteorder(struct reader *reader, struct ptm_err *err)
{
    struct ptmi_zip_member *member = NULL;
    const char *text = NULL;
    PTM_TRY(find(reader, reader->top, "byteorder", &member, err));
    if (!member) return PTM_OK;
    PTM_TRY(read_record(reader, "byteorder", &text, err));
    bool big = text && strcmp(text, "big") == 0;
    if (!big && !(text && strcmp(text, "little") == 0))
        return ptm_err_set(err, PTM_EFORMAT, "%s: the record %sbyteorder is neither little nor big",
                           reader->weights->path, reader->top);
    reader->big_endian = big;
    return ptmi_weights_add_meta(reader->weights, "byteorder", text, err);
}

static ptm_rc read_records(struct reader *reader, int64_t *out_version, struct ptm_err *err)
{
    PTM_TRY(read_version(reader, out_version, err));
    PTM_TRY(read_byteorder(reader, err));
    PTM_TRY(add_record(reader, ".format_version", err));
    PTM_TRY(add_record(reader, ".storage_alignment", err));
    return add_record(reader, ".data/serialization_id", err);
}

/* --- storages --- */

/* A member whose bytes are found, or inflated, when they are asked for. In the arena. */
struct later {
    struct ptmi_zip *zip;
    struct ptmi_zip_member *member;
};

static ptm_rc make_storage(struct ptm_weights *weights, void *arg, ptmi_source **out,
                           struct ptm_err *err)
{
    struct later *later = arg;
    (void)weights;
    return open_member(later->zip, later->member, PTM_LIMIT_INFLATED, out, err);
}

static ptm_rc from_member(struct reader *reader, struct ptmi_zip_member *member,
                          struct ptmi_storage_from *out, struct ptm_err *err)
{
    struct later *later = NULL;
    if (member->method == 0 && !ptmi_source_is_remote(reader->zip->source)) {
        PTM_TRY(locate(reader->zip, member, err));
        out->source = ptmi_source_ref(reader->zip->source);
        out->offset = member->data;
        return PTM_OK;
    }
    PTM_TRY(ptmi_weights_alloc(reader->weights, sizeof *later, (void **)&later, err));
    *later = (struct later){reader->zip, member};
    out->make = make_storage;
    out->make_arg = later;
    return PTM_OK;
}

/* Torch before 2.10 would read on behind a record that is too short (CVE-2026-24747). */
static ptm_rc check_size(const struct reader *reader, const struct ptmi_pt_storage *storage,
                         const struct ptmi_zip_member *member, struct ptm_err *err)
{
    char name[200];
    if (!member->readable)
        return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: member '%s' cannot be unpacked",
                           reader->weights->path,
                           ptmi_str_printable(name, sizeof name, member->name));
    if ((uint64_t)storage->nbytes <= member->size) return PTM_OK;
    return ptm_err_set(err, PTM_EFORMAT,
                       "%s: member '%s' has %" PRIu64 " bytes, its tensors need %" PRId64,
                       reader->weights->path, ptmi_str_printable(name, sizeof name, member->name),
                       member->size, storage->nbytes);
}

static ptm_rc add_storage(struct reader *reader, struct ptmi_pt_storage *storage,
                          struct ptm_err *err)
{
    struct ptmi_zip_member *member = NULL;
    struct ptm_storage added = {.key = storage->key,
                                .device = storage->device,
                                .nbytes = storage->nbytes,
                                .big_endian = reader->big_endian};
    struct ptmi_storage_from from = {0};
    PTM_TRY(find(reader, reader->folder, storage->key, &member, err));
    if (member) {
        PTM_TRY(check_size(reader, storage, member, err));
        PTM_TRY(from_member(reader, member, &from, err));
    } else if (!storage->device || strcmp(storage->device, "meta") != 0) {
        from.missing = "has no record in the file";
    }
    return ptmi_weights_add_storage(reader->weights, &added, &from, &storage->index, err);
}

static ptm_rc look_up(void *arg, const struct ptmi_pk *id, size_t *out, ptm_dtype *out_element,
                      int64_t *out_offset, struct ptm_err *err)
{
    struct reader *reader = arg;
    struct ptmi_storage_id read = {0};
    PTM_TRY(ptmi_storage_id_read(reader->weights, id, &read, err));
    struct ptmi_pt_storage *storage = ptmi_pt_storages_find(&reader->storages, read.key);
    PTM_ASSERT(storage, err); /* all ids were collected */
    if (storage->index == PTM_NO_STORAGE) PTM_TRY(add_storage(reader, storage, err));
    *out = storage->index;
    *out_element = read.element;
    *out_offset = 0;
    return PTM_OK;
}

/* --- pickles --- */

/* A tuple under a name of its own, as if the pickle were {name: tuple}. */
static ptm_rc put_under(struct ptmi_pickle *pickle, const char *name, struct ptm_err *err)
{
    struct ptmi_pk *dict = ptmi_arena_alloc(&pickle->arena, sizeof *dict);
    struct ptmi_pk *key = ptmi_arena_alloc(&pickle->arena, sizeof *key);
    struct ptmi_pk **items = ptmi_arena_alloc(&pickle->arena, 2 * sizeof *items);
    if (!dict || !key || !items) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    key->kind = PTMI_PK_STR;
    key->bytes = name;
    key->n = strlen(name);
    items[0] = key;
    items[1] = pickle->root;
    dict->kind = PTMI_PK_DICT;
    dict->items = items;
    dict->n_items = 2;
    pickle->root = dict;
    return PTM_OK;
}

/* The pickle top/NAME.pkl with its storages in top/NAME/. under: NULL, or what its tensors' names
 * begin with. */
static ptm_rc read_pickle(struct reader *reader, const char *name, const char *under,
                          int *out_protocol, struct ptm_err *err)
{
    PTM_AUTO(ptmi_pickle_clear) struct ptmi_pickle pickle = {0};
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    PTM_AUTO(ptmi_freep) char *folder = ptmi_str_printf("%s%s/", reader->top, name);
    PTM_AUTO(ptmi_freep) char *file = ptmi_str_printf("%s.pkl", name);
    struct ptmi_zip_member *member = NULL;
    if (!folder || !file)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", reader->weights->path);
    PTM_TRY(find(reader, reader->top, file, &member, err));
    PTM_ASSERT(member, err);
    PTM_TRY(open_member(reader->zip, member, PTM_LIMIT_PICKLE, &source, err));
    PTM_TRY(ptmi_source_prefetch(source, 0, member->size, err)); /* from a URL in one request */
    PTM_TRY(ptmi_pickle_run(source, 0, member->size, PTMI_TORCH_PICKLE, &pickle, err));
    if (pickle.end != member->size)
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": data after the pickle",
                           ptmi_source_name(source), pickle.end);
    *out_protocol = pickle.protocol;
    if (under) PTM_TRY(put_under(&pickle, under, err));
    reader->folder = folder;
    ptmi_pt_storages_clear(&reader->storages);
    PTM_TRY(ptmi_pt_storages_collect(reader->weights, &pickle, &reader->storages, err));
    const struct ptmi_storage_lookup lookup = {.storage = look_up, .arg = reader};
    return ptmi_torch_objects(reader->weights, &pickle, &lookup, err);
}

/* --- torch.save and torch.jit.save --- */

static ptm_rc count_code(struct reader *reader, struct ptm_err *err)
{
    char text[24];
    size_t n = 0, top_len = strlen(reader->top);
    for (size_t i = 0; i < reader->zip->n_members; i++) {
        const struct ptmi_zip_member *member = &reader->zip->members[i];
        const char *name = member->name;
        if (strncmp(name, reader->top, top_len) != 0) continue;
        if (strncmp(name + top_len, "code/", 5) == 0 && ptmi_str_ends(name, ".py")) n++;
    }
    snprintf(text, sizeof text, "%zu", n);
    return ptmi_weights_add_meta(reader->weights, "code_files", text, err);
}

static ptm_rc read_script(struct reader *reader, int64_t version, struct ptm_err *err)
{
    struct ptm_weights *weights = reader->weights;
    char producer[80];
    int protocol = 0;
    weights->format = "torchscript";
    snprintf(producer, sizeof producer, "torch.jit.save (version %" PRId64 ")", version);
    PTM_TRY(ptmi_weights_text(weights, producer, strlen(producer), &weights->producer, err));
    PTM_TRY(count_code(reader, err));
    PTM_TRY(read_pickle(reader, "data", NULL, &protocol, err));
    const struct ptm_value *root = weights->root; /* of the module, not of its constants */
    PTM_TRY(read_pickle(reader, "constants", "constants", &protocol, err));
    weights->root = root;
    return PTM_OK;
}

static ptm_rc read_saved(struct reader *reader, int64_t version, struct ptm_err *err)
{
    struct ptm_weights *weights = reader->weights;
    char producer[80];
    int protocol = 0;
    weights->format = "pytorch-zip";
    PTM_TRY(read_pickle(reader, "data", NULL, &protocol, err));
    snprintf(producer, sizeof producer, "torch.save (zip, version %" PRId64 ", protocol %d)",
             version, protocol);
    return ptmi_weights_text(weights, producer, strlen(producer), &weights->producer, err);
}

/* What to make of a zip file: the one data.pkl in a folder, whose folder is all there is. */
static ptm_rc find_top(struct reader *reader, struct ptm_err *err)
{
    static const char tail[] = "/data.pkl";
    const struct ptmi_zip_member *found = NULL;
    for (size_t i = 0; i < reader->zip->n_members; i++) {
        const struct ptmi_zip_member *member = &reader->zip->members[i];
        size_t len = strlen(member->name), n = sizeof tail - 1;
        if (len != member->name_len || len <= n || strcmp(member->name + len - n, tail) != 0)
            continue;
        if (found)
            return ptm_err_set(err, PTM_EFORMAT, "%s: two members are called data.pkl",
                               reader->weights->path);
        found = member;
    }
    if (!found) return PTM_OK;
    return ptmi_weights_text(reader->weights, found->name, found->name_len - strlen("data.pkl"),
                             &reader->top, err);
}

static void reader_clear(struct reader *reader)
{
    ptmi_pt_storages_clear(&reader->storages);
}

static ptm_rc read_torch(struct reader *reader, struct ptm_err *err)
{
    struct ptmi_zip_member *constants = NULL;
    int64_t version = 0;
    PTM_TRY(find(reader, reader->top, "constants.pkl", &constants, err));
    PTM_TRY(read_records(reader, &version, err));
    return constants ? read_script(reader, version, err) : read_saved(reader, version, err);
}

/* --- checkpoints of other kinds inside a zip --- */

static ptm_rc format_of(struct ptm_weights *weights, ptmi_source *source, const char *name,
                        const struct ptmi_weight_format **out, struct ptm_err *err)
{
    struct ptmi_probe probe = {.size = ptmi_source_size(source), .name = name};
    probe.head_len = probe.size < 4096 ? (size_t)probe.size : 4096;
    PTM_TRY(ptmi_source_at(source, 0, probe.head_len, &probe.head, err));
    *out = ptmi_weight_format_probe(&probe);
    if (*out && !weights->in_zip) return PTM_OK;
    return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: a zip file whose only member is no checkpoint",
                       weights->path);
}

/* The one member that is no folder; NULL when there are none or several. */
static struct ptmi_zip_member *only_file(const struct ptmi_zip *zip)
{
    struct ptmi_zip_member *only = NULL;
    for (size_t i = 0; i < zip->n_members; i++) {
        if (zip->members[i].is_dir) continue;
        if (only) return NULL;
        only = &zip->members[i];
    }
    return only;
}

static ptm_rc open_only(struct ptm_weights *weights, struct ptmi_zip *zip,
                        struct ptmi_zip_member *member, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    const struct ptmi_weight_format *format = NULL;
    PTM_TRY(open_member(zip, member, PTM_LIMIT_INFLATED, &source, err));
    PTM_TRY(format_of(weights, source, member->name, &format, err));
    weights->format = format->name;
    weights->in_zip = true;
    PTM_TRY(ptmi_weights_add_meta(weights, "zip_member", member->name, err));
    return format->open(weights, source, err);
}

static ptm_rc open_other(struct ptm_weights *weights, struct ptmi_zip *zip, struct ptm_err *err)
{
    size_t n_arrays = 0;
    for (size_t i = 0; i < zip->n_members; i++)
        n_arrays += ptmi_str_ends(zip->members[i].name, ".npy");
    if (n_arrays > 0) {
        weights->format = ptmi_format_npz.name;
        return ptmi_format_npz.open(weights, zip->source, err);
    }
    struct ptmi_zip_member *only = only_file(zip);
    if (only) return open_only(weights, zip, only, err);
    return ptm_err_set(err, PTM_EUNSUPPORTED,
                       "%s: a zip file without data.pkl in a folder: no checkpoint of torch",
                       weights->path);
}

/* --- the format --- */

static int probe(const struct ptmi_probe *probe)
{
    return ptmi_zip_is(probe->head, probe->head_len) ? 90 : 0;
}

static void zip_free(void *state)
{
    ptmi_zip_clear(state);
    free(state);
}
PTM_DEFINE_CLEANUP(zip_freep, struct ptmi_zip *, zip_free)

static ptm_rc check_directory(const struct ptmi_zip *zip, struct ptm_err *err)
{
    unsigned bad = zip->odd_kinds & REFUSED_DIRECTORY;
    return bad ? refuse(zip, bad, err) : PTM_OK;
}

static ptm_rc open_zip(struct ptm_weights *weights, ptmi_source *source, struct ptm_err *err)
{
    PTM_AUTO(zip_freep) struct ptmi_zip *zip = calloc(1, sizeof *zip);
    if (!zip) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    PTM_AUTO(reader_clear) struct reader reader = {.weights = weights, .zip = zip};
    PTM_TRY(ptmi_zip_read(source, zip, err));
    PTM_TRY(check_directory(zip, err));
    PTM_TRY(find_top(&reader, err));
    if (!reader.top) return open_other(weights, zip, err);
    /* It stays: storages are found in it when their bytes are asked for. */
    weights->format_state = ptm_steal(&zip);
    weights->format_free = zip_free;
    return read_torch(&reader, err);
}

const struct ptmi_weight_format ptmi_format_pt_zip = {
    .name = "pytorch-zip",
    .probe = probe,
    .open = open_zip,
};
