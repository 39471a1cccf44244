/* SPDX-License-Identifier: MIT */
/*
 * pt_legacy.c - what torch.save wrote before 1.6, and writes still when asked to: five pickles back
 * to back, then the storages.
 *
 *     pickle   0x1950a86a20f9469cfc6c           the magic number, as a literal
 *     pickle   1001                             the protocol
 *     pickle   {'protocol_version', 'little_endian', 'type_sizes'}
 *     pickle   the object; its persistent ids are
 *              ('storage', class, key, location, elements, None | (view key, offset, elements))
 *              ('module', class, source file, source text)
 *     pickle   [key, ..]                        the storages there are, in their order
 *     int64    elements                         a key, not aligned
 *     bytes    elements * their size
 *
 * Numbers are little-endian whatever little_endian says: torch swaps while it writes and reads
 * (torch/csrc/serialization.cpp). What follows the last storage is not looked at, as torch has it:
 * several checkpoints may stand in one file. Source: torch/serialization.py, _legacy_load().
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/limits.h"
#include "pt_storages.h"
#include "weights_priv.h"

static const uint8_t magic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
/* The same as protocols 0 and 1 have it. */
static const char magic_text[] = "L119547037146038801333356L\n.";
#define PROTOCOL 1001
/* Bytes of streams inside pickles that are read in any file: of a small one that was deflated come
 * more than it has. */
#define NESTED_ANYWAY (16u << 20)
/* What it costs to begin one, in bytes read: an honest one has 250 of its own in the file. */
#define NESTED_COST 1024

/* One stream while it is read. */
struct stream {
    struct ptm_weights *weights;
    ptmi_source *source; /* borrowed */
    bool lazy;           /* do not look at the storages' headers yet: each would be a request */
    uint64_t pos;        /* where the next thing begins */
    int protocol;        /* of the object's pickle */
    struct ptmi_pickle object;
    struct ptmi_pt_storages storages;
};

static void stream_clear(struct stream *stream)
{
    ptmi_pickle_clear(&stream->object);
    ptmi_pt_storages_clear(&stream->storages);
}

static ptm_rc next_pickle(struct stream *stream, const char *what, struct ptmi_pickle *out,
                          struct ptm_err *err)
{
    ptm_rc rc = ptmi_pickle_run(stream->source, stream->pos, ptmi_source_size(stream->source),
                                PTMI_TORCH_PICKLE, out, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "its pickle of %s", what);
    stream->pos = out->end;
    return PTM_OK;
}

/* --- the three pickles before the object --- */

/* The number itself, and nothing that could have made it: a scanner that looks for these bytes, and
 * torch, which runs whatever is there, must see the same. */
static ptm_rc read_magic(struct stream *stream, struct ptm_err *err)
{
    PTM_AUTO(ptmi_pickle_clear) struct ptmi_pickle pickle = {0};
    PTM_TRY(next_pickle(stream, "the magic number", &pickle, err));
    const struct ptmi_pk *root = pickle.root;
    if (root->kind == PTMI_PK_LONG && root->n == sizeof magic &&
        memcmp(root->bytes, magic, sizeof magic) == 0 && pickle.n_globals == 0 &&
        pickle.n_calls == 0 && pickle.n_persids == 0)
        return PTM_OK;
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": not the magic number of torch.save",
                       ptmi_source_name(stream->source), pickle.begin);
}

static ptm_rc read_protocol(struct stream *stream, struct ptm_err *err)
{
    PTM_AUTO(ptmi_pickle_clear) struct ptmi_pickle pickle = {0};
    PTM_TRY(next_pickle(stream, "the protocol", &pickle, err));
    if (pickle.root->kind == PTMI_PK_INT && pickle.root->i == PROTOCOL) return PTM_OK;
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": not protocol %d of torch.save",
                       ptmi_source_name(stream->source), pickle.begin, PROTOCOL);
}

static bool text_is(const struct ptmi_pk *node, const char *text)
{
    return node->kind == PTMI_PK_STR && node->n == strlen(text) &&
           memcmp(node->bytes, text, node->n) == 0;
}

/* Says nothing that reading needs (see above), but must be what torch writes. */
static ptm_rc read_sys_info(struct stream *stream, const char **out_order, struct ptm_err *err)
{
    PTM_AUTO(ptmi_pickle_clear) struct ptmi_pickle pickle = {0};
    PTM_TRY(next_pickle(stream, "the system", &pickle, err));
    const struct ptmi_pk *root = pickle.root;
    if (root->kind != PTMI_PK_DICT)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": the system's description is no dictionary",
                           ptmi_source_name(stream->source), pickle.begin);
    *out_order = NULL;
    for (uint64_t i = 0; i + 1 < root->n_items; i += 2)
        if (text_is(root->items[i], "little_endian") && root->items[i + 1]->kind == PTMI_PK_BOOL)
            *out_order = root->items[i + 1]->i ? "little" : "big";
    return PTM_OK;
}

/* --- where the storages are --- */

/* The count before a storage's bytes must be the one its persistent id told. */
static ptm_rc check_count(ptmi_source *source, uint64_t at, int64_t numel, struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    PTM_TRY(ptmi_source_at(source, at, 8, &bytes, err));
    int64_t count = (int64_t)ptmi_le64(bytes);
    if (count == numel) return PTM_OK;
    return ptm_err_set(err, PTM_EFORMAT,
                       "%s: byte %" PRIu64 ": a storage of %" PRId64
                       " elements, of which the object says %" PRId64,
                       ptmi_source_name(source), at, count, numel);
}

/* The storage of a key in the list. */
static struct ptmi_pt_storage *find(const struct stream *stream, const struct ptmi_pk *key)
{
    char text[PTM_LIMIT_NAME + 1];
    if (key->kind == PTMI_PK_INT) {
        snprintf(text, sizeof text, "%" PRId64, key->i);
        return ptmi_pt_storages_find(&stream->storages, text);
    }
    if (key->kind != PTMI_PK_STR && key->kind != PTMI_PK_BYTES) return NULL;
    if (key->n >= sizeof text || (key->n > 0 && memchr(key->bytes, 0, key->n))) return NULL;
    if (key->n > 0) memcpy(text, key->bytes, key->n);
    text[key->n] = 0;
    return ptmi_pt_storages_find(&stream->storages, text);
}

static ptm_rc place(struct stream *stream, const struct ptmi_pk *key, struct ptm_err *err)
{
    const char *name = ptmi_source_name(stream->source);
    struct ptmi_pt_storage *storage = find(stream, key);
    if (!storage)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": a storage's key that the object does not use",
                           name, key->at);
    if (storage->placed)
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": storage %s is listed twice",
                           name, key->at, storage->key);
    uint64_t end;
    if (__builtin_add_overflow(stream->pos, (uint64_t)storage->first_nbytes + 8, &end) ||
        end > ptmi_source_size(stream->source))
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": storage %s has %" PRId64
                           " bytes, the file ends before",
                           name, stream->pos, storage->key, storage->first_nbytes);
    if (!stream->lazy) PTM_TRY(check_count(stream->source, stream->pos, storage->numel, err));
    storage->at = stream->pos + 8;
    storage->placed = true;
    stream->pos = end;
    return PTM_OK;
}

static ptm_rc read_keys(struct stream *stream, struct ptm_err *err)
{
    PTM_AUTO(ptmi_pickle_clear) struct ptmi_pickle pickle = {0};
    PTM_TRY(next_pickle(stream, "the storages' keys", &pickle, err));
    const struct ptmi_pk *root = pickle.root;
    if (root->kind != PTMI_PK_LIST)
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": the storages' keys are no list",
                           ptmi_source_name(stream->source), pickle.begin);
    for (uint64_t i = 0; i < root->n_items; i++) PTM_TRY(place(stream, root->items[i], err));
    for (size_t i = 0; i < stream->storages.n; i++)
        if (!stream->storages.items[i].placed)
            return ptm_err_set(
                err, PTM_EFORMAT, "%s: byte %" PRIu64 ": storage %s is not among the keys",
                ptmi_source_name(stream->source), pickle.begin, stream->storages.items[i].key);
    return PTM_OK;
}

/* All but the tensors. */
static ptm_rc read_stream(struct stream *stream, const char **out_order, struct ptm_err *err)
{
    PTM_TRY(read_magic(stream, err));
    PTM_TRY(read_protocol(stream, err));
    PTM_TRY(read_sys_info(stream, out_order, err));
    PTM_TRY(next_pickle(stream, "the object", &stream->object, err));
    stream->protocol = stream->object.protocol;
    PTM_TRY(ptmi_pt_storages_collect(stream->weights, &stream->object, &stream->storages, err));
    return read_keys(stream, err);
}

/* --- the storages --- */

/* A storage whose count is checked when its bytes are asked for. In the arena. */
struct later {
    uint64_t at;
    int64_t numel, nbytes;
};

static ptm_rc make_storage(struct ptm_weights *weights, void *arg, ptmi_source **out,
                           struct ptm_err *err)
{
    const struct later *later = arg;
    PTM_TRY(check_count(weights->source, later->at - 8, later->numel, err));
    return ptmi_source_part(weights->source, later->at, (uint64_t)later->nbytes, weights->path, out,
                            err);
}

static ptm_rc add_storage(struct stream *stream, struct ptmi_pt_storage *storage,
                          struct ptm_err *err)
{
    struct ptm_storage added = {
        .key = storage->key, .device = storage->device, .nbytes = storage->first_nbytes};
    struct ptmi_storage_from from = {0};
    if (stream->lazy) {
        struct later *later = NULL;
        PTM_TRY(ptmi_weights_alloc(stream->weights, sizeof *later, (void **)&later, err));
        *later = (struct later){storage->at, storage->numel, storage->first_nbytes};
        from.make = make_storage;
        from.make_arg = later;
    } else {
        from.source = ptmi_source_ref(stream->source);
        from.offset = storage->at;
    }
    return ptmi_weights_add_storage(stream->weights, &added, &from, &storage->index, err);
}

static ptm_rc look_up(void *arg, const struct ptmi_pk *id, size_t *out, ptm_dtype *out_element,
                      int64_t *out_offset, struct ptm_err *err)
{
    struct stream *stream = arg;
    struct ptmi_storage_id read = {0};
    PTM_TRY(ptmi_storage_id_read(stream->weights, id, &read, err));
    struct ptmi_pt_storage *storage = ptmi_pt_storages_find(&stream->storages, read.key);
    PTM_ASSERT(storage, err); /* all ids were collected */
    if (storage->index == PTM_NO_STORAGE) PTM_TRY(add_storage(stream, storage, err));
    *out = storage->index;
    *out_element = read.element;
    /* Storages were parts of others once; the part lies inside, as was checked. */
    *out_offset = read.has_view ? read.view_offset : 0;
    return PTM_OK;
}

/* --- streams inside pickles --- */

/*
 * One stream's bytes may be referred to any number of times, and each time be read anew: in all no
 * more is read than a file of streams inside each other can honestly hold.
 */
static ptm_rc spend(struct ptm_weights *weights, ptmi_source *source, struct ptm_err *err)
{
    uint64_t most = ptmi_source_size(weights->source) * PTM_LIMIT_ARCHIVE_DEPTH + NESTED_ANYWAY;
    weights->nested_bytes += ptmi_source_size(source) + NESTED_COST;
    if (weights->nested < PTM_LIMIT_ARCHIVE_DEPTH && weights->nested_bytes <= most) return PTM_OK;
    return ptm_err_set(err, PTM_ELIMIT, "%s: more checkpoints inside each other than %d deep",
                       ptmi_source_name(source), PTM_LIMIT_ARCHIVE_DEPTH);
}

static ptm_rc read_nested(struct stream *stream, const struct ptm_value **out, struct ptm_err *err)
{
    const struct ptmi_storage_lookup lookup = {.storage = look_up, .arg = stream};
    const char *order;
    PTM_TRY(read_stream(stream, &order, err));
    return ptmi_torch_objects_value(stream->weights, &stream->object, &lookup, out, err);
}

ptm_rc ptmi_legacy_nested(struct ptm_weights *weights, ptmi_source *source,
                          const struct ptm_value **out, struct ptm_err *err)
{
    PTM_AUTO(stream_clear) struct stream stream = {.weights = weights, .source = source};
    PTM_TRY(spend(weights, source, err));
    weights->nested++;
    ptm_rc rc = read_nested(&stream, out, err);
    weights->nested--;
    return rc;
}

/* --- the format --- */

/* PROTO, from protocol 4 on FRAME, LONG1 10; or the number as text. */
static int probe(const struct ptmi_probe *probe)
{
    const uint8_t *p = probe->head;
    size_t len = probe->head_len, at = 2;
    if (len >= sizeof magic_text - 1 && memcmp(p, magic_text, sizeof magic_text - 1) == 0)
        return 100;
    if (len < 3 || p[0] != 0x80) return 0;
    if (p[1] >= 4 && p[2] == 0x95) at += 9;
    if (len < at + 2 + sizeof magic || p[at] != 0x8a || p[at + 1] != sizeof magic) return 0;
    return memcmp(p + at + 2, magic, sizeof magic) == 0 ? 100 : 0;
}

static ptm_rc open_legacy(struct ptm_weights *weights, ptmi_source *source, struct ptm_err *err)
{
    PTM_AUTO(stream_clear) struct stream stream = {.weights = weights, .source = source};
    const char *order = NULL;
    char producer[64];
    /* Made later of weights->source, hence not for a stream inside a zip. */
    stream.lazy = source == weights->source && ptmi_source_is_remote(source);
    PTM_TRY(read_stream(&stream, &order, err));
    snprintf(producer, sizeof producer, "torch.save (legacy, protocol %d)", stream.protocol);
    PTM_TRY(ptmi_weights_text(weights, producer, strlen(producer), &weights->producer, err));
    if (order) PTM_TRY(ptmi_weights_add_meta(weights, "sys_info.byteorder", order, err));
    const struct ptmi_storage_lookup lookup = {.storage = look_up, .arg = &stream};
    return ptmi_torch_objects(weights, &stream.object, &lookup, err);
}

const struct ptmi_weight_format ptmi_format_pt_legacy = {
    .name = "pytorch-legacy",
    .probe = probe,
    .open = open_legacy,
};
