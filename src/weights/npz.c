/* SPDX-License-Identifier: MIT */
/*
 * npz.c - NumPy's files: .npy, one array (npy_header.c has its layout), and .npz, a zip file of
 * them, stored (savez) or deflated (savez_compressed).
 *
 *     weights.npy      the array "weights"
 *     conv/bias.npy    the array "conv/bias"
 *
 * Bytes of stored arrays are used where they lie. Of a deflated one just the header is inflated to
 * list it, all of it when its values are asked for. Arrays of objects (pickles) and of records are
 * told as properties and passed over.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "../pack/archive_lazy.h"
#include "npy_header.h"
#include "weights_priv.h"
#include "zipdir.h"

/* Where programs that read zip files would not read the same: nothing of it is believed. */
#define REFUSED                                                                                 \
    (PTMI_ODD_BIT(PTMI_ODD_LOCAL_NAME) | PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS) |                  \
     PTMI_ODD_BIT(PTMI_ODD_SPLIT) | PTMI_ODD_BIT(PTMI_ODD_COUNT) | PTMI_ODD_BIT(PTMI_ODD_END) | \
     PTMI_ODD_BIT(PTMI_ODD_RATIO))
/* Bytes of a member that hold any header that is read. */
#define HEAD (PTM_LIMIT_NPY_HEADER + 12)

PTM_DEFINE_CLEANUP(archive_freep, struct archive *, archive_read_free)

/* --- one array --- */

/* Strides in elements: the format has an order, so they are told. */
static ptm_rc set_strides(struct ptm_weights *weights, const struct ptmi_npy *npy,
                          struct ptm_tensor *tensor, struct ptm_err *err)
{
    size_t size = (size_t)npy->n_dims * sizeof *npy->shape;
    void *memory = NULL;
    PTM_TRY(ptmi_weights_alloc(weights, 2 * size + 1, &memory, err));
    int64_t *shape = memory, *stride = shape + npy->n_dims, step = 1;
    if (size) memcpy(shape, npy->shape, size);
    for (int i = 0; i < npy->n_dims; i++) {
        int d = npy->fortran ? i : npy->n_dims - 1 - i;
        stride[d] = step;
        /* Sizes but zeros were seen to multiply to 63 bits. */
        if (shape[d] > 0) step *= shape[d];
    }
    tensor->shape = shape;
    tensor->stride = stride;
    return PTM_OK;
}

/* What the dtype does not tell: the unit of times, the width of texts. */
static ptm_rc add_descr(struct ptm_weights *weights, const char *name, const struct ptmi_npy *npy,
                        struct ptm_err *err)
{
    const char *kind = strpbrk(npy->descr, "SUaMm");
    if (!kind) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *key = ptmi_str_printf("%s.descr", name);
    if (!key) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    return ptmi_weights_add_meta(weights, key, npy->descr, err);
}

/* from's reference is taken over, also on failure. there: bytes that follow the header. */
static ptm_rc add_array(struct ptm_weights *weights, const char *name, const struct ptmi_npy *npy,
                        uint64_t there, struct ptmi_storage_from *from, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *held = from->source;
    const struct ptm_tensor *added = NULL;
    struct ptm_storage storage = {.nbytes = (int64_t)npy->nbytes, .big_endian = npy->big_endian};
    struct ptm_tensor tensor = {.dtype = npy->dtype,
                                .n_dims = npy->n_dims,
                                .fortran = npy->fortran,
                                .storage = PTM_NO_STORAGE};
    if (npy->nbytes > there)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": array %s has %" PRIu64 " bytes, %" PRIu64
                           " are there",
                           weights->path, npy->data, name, npy->nbytes, there);
    PTM_TRY(set_strides(weights, npy, &tensor, err));
    if (npy->dtype != PTM_STRING) {
        held = NULL; /* the storage's, also on failure */
        PTM_TRY(ptmi_weights_add_storage(weights, &storage, from, &tensor.storage, err));
    }
    PTM_TRY(ptmi_weights_add(weights, name, &tensor, &added, err));
    if (!ptmi_str_eq(added->name, name))
        return ptm_err_set(err, PTM_EFORMAT, "%s: two members have the name %s.npy", weights->path,
                           name);
    return add_descr(weights, name, npy, err);
}

/* --- .npy --- */

static ptm_rc open_npy(struct ptm_weights *weights, ptmi_source *source, struct ptm_err *err)
{
    struct ptmi_npy npy;
    char number[32];
    PTM_TRY(ptmi_npy_header(source, &npy, err));
    uint64_t there = ptmi_source_size(source) - npy.data;
    struct ptmi_storage_from from = {.source = ptmi_source_ref(source), .offset = npy.data};
    PTM_TRY(add_array(weights, "tensor", &npy, there, &from, err));
    if (there == npy.nbytes) return PTM_OK;
    /* numpy.save() to one file more than once: NumPy's load gives the first array, as here. */
    snprintf(number, sizeof number, "%" PRIu64, there - npy.nbytes);
    return ptmi_weights_add_meta(weights, "trailing_bytes", number, err);
}

static int probe_npy(const struct ptmi_probe *probe)
{
    return ptmi_npy_is(probe->head, probe->head_len) ? 100 : 0;
}

/* --- the beginning of a deflated member --- */

/* Hands libarchive the member's deflate stream as gzip: a header before it, a trailer after it. */
struct feed {
    ptmi_source *source;
    uint64_t at, end;
    enum { HEADER, BODY, TRAILER, DONE } next;
    ptm_rc rc;
    struct ptm_err *err;
};

static la_ssize_t feed_more(struct archive *archive, void *arg, const void **out)
{
    static const uint8_t header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};
    static const uint8_t trailer[8] = {0}; /* not compared by libarchive */
    struct feed *feed = arg;
    const uint8_t *bytes = NULL;
    (void)archive;
    if (feed->next == BODY && feed->at == feed->end) feed->next = TRAILER;
    switch (feed->next) {
    case HEADER:
        *out = header;
        feed->next = BODY;
        return sizeof header;
    case BODY: {
        uint64_t left = feed->end - feed->at, len = left < 16384 ? left : 16384;
        feed->rc = ptmi_source_at(feed->source, feed->at, len, &bytes, feed->err);
        if (feed->rc != PTM_OK) return -1;
        *out = bytes;
        feed->at += len;
        return (la_ssize_t)len;
    }
    case TRAILER:
        *out = trailer;
        feed->next = DONE;
        return sizeof trailer;
    default:
        return 0;
    }
}

/* At most size bytes of what the member inflates to. */
static ptm_rc inflate_head(struct ptmi_zip *zip, const struct ptmi_zip_member *member, void *out,
                           size_t size, size_t *out_len, struct ptm_err *err)
{
    struct feed feed = {.source = zip->source,
                        .at = member->data,
                        .end = member->data + member->packed,
                        .err = err};
    struct archive_entry *entry = NULL;
    PTM_TRY(ptmi_archive_load(err));
    PTM_AUTO(archive_freep) struct archive *archive = archive_read_new();
    if (!archive) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    archive_read_support_filter_gzip(archive);
    archive_read_support_format_raw(archive);
    la_ssize_t len = -1;
    if (archive_read_open(archive, &feed, NULL, feed_more, NULL) == ARCHIVE_OK &&
        archive_read_next_header(archive, &entry) == ARCHIVE_OK)
        len = archive_read_data(archive, out, size);
    if (feed.rc != PTM_OK) return feed.rc;
    if (len < 0)
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": damaged deflate data",
                           ptmi_source_name(zip->source), member->data);
    *out_len = (size_t)len;
    return PTM_OK;
}

static ptm_rc read_packed_header(struct ptmi_zip *zip, struct ptmi_zip_member *member,
                                 struct ptmi_npy *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    PTM_AUTO(ptmi_freep) char *name = NULL;
    size_t len = 0, size = member->size < HEAD ? (size_t)member->size : HEAD;
    PTM_AUTO(ptmi_freep) void *head = malloc(size + 1);
    if (!head) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(inflate_head(zip, member, head, size, &len, err));
    name = ptmi_str_printf("%s: %s", ptmi_source_name(zip->source), member->name);
    if (!name) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(ptmi_source_lend(head, len, name, &source, err));
    return ptmi_npy_header(source, out, err);
}

/* --- .npz --- */

/* A deflated array, until it is asked for. */
struct packed {
    struct ptmi_zip *zip; /* the weights' format_state */
    struct ptmi_zip_member *member;
    uint64_t data, nbytes;
};

static ptm_rc inflate_array(struct ptm_weights *weights, void *arg, ptmi_source **out,
                            struct ptm_err *err)
{
    const struct packed *packed = arg;
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *whole = NULL;
    const uint8_t *bytes = NULL;
    (void)weights;
    PTM_TRY(ptmi_zip_open(packed->zip, packed->member, PTM_LIMIT_INFLATED, &whole, err));
    PTM_TRY(ptmi_source_at(whole, 0, packed->member->size, &bytes, err));
    if (ptmi_zip_crc(0, bytes, (size_t)packed->member->size) != packed->member->crc)
        return ptm_err_set(err, PTM_EFORMAT, "%s: its bytes do not have its CRC",
                           ptmi_source_name(whole));
    return ptmi_source_part(whole, packed->data, packed->nbytes, ptmi_source_name(whole), out, err);
}

/* What a member holds, and where its bytes come from. */
static ptm_rc look_at(struct ptm_weights *weights, struct ptmi_zip *zip,
                      struct ptmi_zip_member *member, struct ptmi_npy *out,
                      struct ptmi_storage_from *out_from, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    void *packed = NULL;
    if (member->method == 0 || !member->readable) {
        PTM_TRY(ptmi_zip_open(zip, member, UINT64_MAX, &source, err));
        PTM_TRY(ptmi_npy_header(source, out, err));
        *out_from = (struct ptmi_storage_from){.source = ptm_steal(&source), .offset = out->data};
        return PTM_OK;
    }
    PTM_TRY(ptmi_zip_locate(zip, member, err));
    PTM_TRY(read_packed_header(zip, member, out, err));
    PTM_TRY(ptmi_weights_alloc(weights, sizeof(struct packed), &packed, err));
    *(struct packed *)packed = (struct packed){zip, member, out->data, out->nbytes};
    *out_from = (struct ptmi_storage_from){.make = inflate_array, .make_arg = packed};
    return PTM_OK;
}

/* Says of a member that it was passed over. */
static ptm_rc pass_over(struct ptm_weights *weights, const char *member, const char *why,
                        struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *key = ptmi_str_printf("skipped: %s", member);
    if (!key) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    return ptmi_weights_add_meta(weights, key, why, err);
}

static ptm_rc refuse_tricks(const struct ptmi_zip *zip, struct ptm_err *err)
{
    if (!(zip->odd_kinds & REFUSED)) return PTM_OK;
    const struct ptmi_odd *odd = zip->odds;
    while (!(PTMI_ODD_BIT(odd->what) & REFUSED)) odd++;
    return ptm_err_set(err, PTM_EFORMAT,
                       "%s: byte %" PRIu64 ": %s: not all programs would read the same here",
                       ptmi_source_name(zip->source), odd->offset, odd->detail);
}

/* What follows "FILE: MEMBER: " in a message. */
static const char *reason(const struct ptm_err *err, const struct ptmi_zip_member *member)
{
    const char *after = strstr(err->msg, member->name);
    after = after ? strstr(after, ": ") : NULL;
    return after ? after + 2 : err->msg;
}

static ptm_rc take_member(struct ptm_weights *weights, struct ptmi_zip *zip,
                          struct ptmi_zip_member *member, struct ptm_err *err)
{
    struct ptmi_npy npy = {0};
    struct ptmi_storage_from from = {0};
    struct ptm_err why = {0};
    if (member->is_dir) return PTM_OK;
    if (strlen(member->name) != member->name_len ||
        !ptmi_str_is_utf8(member->name, member->name_len))
        return ptm_err_set(err, PTM_EFORMAT, "%s: a member's name that is no text", weights->path);
    if (!ptmi_str_ends(member->name, ".npy"))
        return pass_over(weights, member->name, "no .npy file", err);
    ptm_rc rc = look_at(weights, zip, member, &npy, &from, &why);
    if (rc == PTM_EUNSUPPORTED) return pass_over(weights, member->name, reason(&why, member), err);
    if (rc != PTM_OK) {
        if (err) *err = why;
        return rc;
    }
    PTM_AUTO(ptmi_freep) char *name = strndup(member->name, member->name_len - 4);
    if (!name) {
        ptmi_source_unref(from.source);
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    }
    return add_array(weights, name, &npy, member->size - npy.data, &from, err);
}

static void zip_free(void *state)
{
    ptmi_zip_clear(state);
    free(state);
}

static ptm_rc open_npz(struct ptm_weights *weights, ptmi_source *source, struct ptm_err *err)
{
    struct ptmi_zip *zip = calloc(1, sizeof *zip);
    if (!zip) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    weights->format_state = zip;
    weights->format_free = zip_free;
    PTM_TRY(ptmi_zip_read(source, zip, err));
    for (size_t i = 0; i < zip->n_members; i++) {
        PTM_TRY(take_member(weights, zip, &zip->members[i], err));
        PTM_TRY(refuse_tricks(zip, err));
    }
    return refuse_tricks(zip, err);
}

/* By the name of the first member, which is that of an array, or by the file's own. */
static int probe_npz(const struct ptmi_probe *probe)
{
    if (!ptmi_zip_is(probe->head, probe->head_len)) return 0;
    if (ptmi_str_ends(probe->name, ".npz")) return 95;
    if (probe->head_len < 30) return 0;
    size_t len = ptmi_le16(probe->head + 26);
    if (len < 4 || len > probe->head_len - 30) return 0;
    return memcmp(probe->head + 30 + len - 4, ".npy", 4) == 0 ? 95 : 0;
}

const struct ptmi_weight_format ptmi_format_npy = {"npy", probe_npy, open_npy};
const struct ptmi_weight_format ptmi_format_npz = {"npz", probe_npz, open_npz};
