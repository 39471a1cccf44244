/* SPDX-License-Identifier: MIT */
/*
 * torch_files.h - checkpoints of torch built by hand: pickles, and the zip, legacy and tar
 * containers around them. For unit tests and fuzz targets.
 */
#pragma once

#include "weights_bytes.h"

/* A literal with NUL bytes, and its length. */
#define LIT(text) (text), sizeof(text) - 1

/* --- pickles --- */

static inline void pickle_text(struct bytes *to, const char *text)
{
    bytes_text(to, "X");
    bytes_int(to, strlen(text), 4);
    bytes_text(to, text);
}

static inline void pickle_int(struct bytes *to, int32_t value)
{
    bytes_text(to, "J");
    bytes_int(to, (uint32_t)value, 4);
}

/* ('storage', torch.FloatStorage, key, device, numel) as a persistent id; legacy streams have one
 * item more, view being opcodes. */
static inline void pickle_storage(struct bytes *to, const char *key, const char *device,
                                  int32_t numel, const char *view)
{
    bytes_text(to, "(");
    pickle_text(to, "storage");
    bytes_text(to, "ctorch\nFloatStorage\n");
    pickle_text(to, key);
    pickle_text(to, device);
    pickle_int(to, numel);
    if (view) bytes_text(to, view);
    bytes_text(to, "tQ");
}

/* _rebuild_tensor_v2(storage, offset, (size,), (1,), False, OrderedDict()) */
static inline void pickle_tensor(struct bytes *to, const struct bytes *storage, int32_t offset,
                                 int32_t size)
{
    bytes_text(to, "ctorch._utils\n_rebuild_tensor_v2\n(");
    bytes_put(to, storage->data, storage->len);
    pickle_int(to, offset);
    pickle_int(to, size);
    bytes_text(to, "\x85");
    pickle_int(to, 1);
    bytes_text(to, "\x85\x89"
                   "ccollections\nOrderedDict\n)RtR");
}

/* {'w': tensor of 4 float32 of storage 0} */
static inline void pickle_dict_of(struct bytes *to, const char *device, int32_t numel,
                                  const char *view)
{
    struct bytes storage = {0};
    bytes_text(to, "\x80\x02}");
    pickle_text(to, "w");
    pickle_storage(&storage, "0", device, numel, view);
    pickle_tensor(to, &storage, 0, 4);
    bytes_text(to, "s.");
}

static const float four[4] = {1.0f, -2.5f, 3.25f, 1e30f};

/* --- zip --- */

struct made_zip {
    struct bytes out, directory;
    int n;
    uint16_t flags;       /* of the next members, in both headers */
    uint16_t local_flags; /* added to those of the local header */
    const char *local_name;
    bool deflate;
};

static inline void zip_header(struct bytes *to, const struct made_zip *zip, uint16_t flags,
                              size_t size)
{
    bytes_int(to, flags, 2);
    bytes_int(to, zip->deflate ? 8 : 0, 2);
    bytes_int(to, 0, 4); /* time */
    bytes_int(to, 0, 4); /* CRC, not looked at */
    bytes_int(to, zip->deflate ? size + 5 : size, 4);
    bytes_int(to, size, 4);
}

static inline void zip_add(struct made_zip *zip, const char *name, const void *data, size_t size)
{
    const char *local = zip->local_name ? zip->local_name : name;
    size_t at = zip->out.len;
    bytes_put(&zip->out, LIT("PK\3\4\0\0"));
    zip_header(&zip->out, zip, zip->flags | zip->local_flags, size);
    bytes_int(&zip->out, strlen(local), 2);
    bytes_int(&zip->out, 0, 2);
    bytes_text(&zip->out, local);
    if (zip->deflate) { /* one block that is stored */
        bytes_put(&zip->out, "\1", 1);
        bytes_int(&zip->out, size, 2);
        bytes_int(&zip->out, ~size & 0xffff, 2);
    }
    bytes_put(&zip->out, data, size);
    bytes_put(&zip->directory, LIT("PK\1\2\0\0\0\0"));
    zip_header(&zip->directory, zip, zip->flags, size);
    bytes_int(&zip->directory, strlen(name), 2);
    bytes_put(&zip->directory, LIT("\0\0\0\0\0\0\0\0\0\0\0\0"));
    bytes_int(&zip->directory, at, 4);
    bytes_text(&zip->directory, name);
    zip->n++;
}

static inline void zip_add_text(struct made_zip *zip, const char *name, const char *text)
{
    zip_add(zip, name, text, strlen(text));
}

static inline void zip_add_bytes(struct made_zip *zip, const char *name, const struct bytes *data)
{
    zip_add(zip, name, data->data, data->len);
}

static inline void zip_end(struct made_zip *zip)
{
    size_t at = zip->out.len;
    bytes_put(&zip->out, zip->directory.data, zip->directory.len);
    bytes_put(&zip->out, LIT("PK\5\6\0\0\0\0"));
    bytes_int(&zip->out, (uint64_t)zip->n, 2);
    bytes_int(&zip->out, (uint64_t)zip->n, 2);
    bytes_int(&zip->out, zip->directory.len, 4);
    bytes_int(&zip->out, at, 4);
    bytes_int(&zip->out, 0, 2);
}

/* The checkpoint that the tests begin with. */
static inline void zip_checkpoint(struct made_zip *zip)
{
    struct bytes pickle = {0};
    pickle_dict_of(&pickle, "cpu", 4, NULL);
    zip_add_bytes(zip, "a/data.pkl", &pickle);
    zip_add_text(zip, "a/byteorder", "little");
    zip_add(zip, "a/data/0", four, sizeof four);
    zip_add_text(zip, "a/version", "3\n");
    zip_end(zip);
}

/* --- legacy --- */

#define LEGACY_MAGIC LIT("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.")
#define LEGACY_PROTOCOL LIT("\x80\x02M\xe9\x03.")
#define LEGACY_SYSTEM LIT("\x80\x02}X\x0d\0\0\0little_endian\x88s.")

static inline void legacy_head(struct bytes *to)
{
    bytes_put(to, LEGACY_MAGIC);
    bytes_put(to, LEGACY_PROTOCOL);
    bytes_put(to, LEGACY_SYSTEM);
}

static inline void legacy_keys(struct bytes *to, int n, const char *const *keys)
{
    bytes_text(to, "\x80\x02](");
    for (int i = 0; i < n; i++) pickle_text(to, keys[i]);
    bytes_text(to, "e.");
}

static inline void legacy_storage(struct bytes *to, int64_t numel, const void *data, size_t len)
{
    bytes_int(to, (uint64_t)numel, 8);
    bytes_put(to, data, len);
}

static inline void legacy_checkpoint(struct bytes *to)
{
    legacy_head(to);
    pickle_dict_of(to, "cpu", 4, "N");
    legacy_keys(to, 1, (const char *const[]){"0"});
    legacy_storage(to, 4, four, sizeof four);
}

/* --- tar --- */

static inline void tar_add(struct bytes *to, const char *name, const void *data, size_t len)
{
    char header[512] = {0};
    unsigned sum = 0;
    snprintf(header, 100, "%s", name);
    snprintf(header + 100, 8, "0000644");
    snprintf(header + 124, 12, "%011o", (unsigned)len);
    snprintf(header + 136, 12, "%011o", 0);
    header[156] = '0';
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < sizeof header; i++) sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    bytes_put(to, header, sizeof header);
    bytes_put(to, data, len);
    bytes_align(to, 512);
}

/* The two members with numbers in them; views: opcodes of the list's items. */
static inline void tar_storages(struct bytes *to, int64_t numel, const char *views)
{
    bytes_put(to, LIT("\x80\x02K\x01."));
    bytes_put(to, LIT("\x80\x02K\x07X\x03\0\0\0cpuctorch\nFloatStorage\n\x87."));
    legacy_storage(to, numel, four, sizeof four);
    bytes_text(to, "\x80\x02](");
    bytes_text(to, views);
    bytes_text(to, "e.");
}

static inline void tar_tensors(struct bytes *to, int storage, int64_t size)
{
    bytes_put(to, LIT("\x80\x02K\x01.\x80\x02K\x09"));
    pickle_int(to, storage);
    bytes_text(to, "ctorch\nFloatTensor\n\x87.");
    bytes_int(to, 1, 4); /* dimensions */
    bytes_int(to, 0, 4);
    bytes_int(to, (uint64_t)size, 8);
    bytes_int(to, 1, 8); /* stride */
    bytes_int(to, 0, 8); /* offset */
}

static inline void tar_checkpoint_of(struct bytes *to, const struct bytes *storages,
                                     const struct bytes *tensors)
{
    struct bytes pickle = {0};
    bytes_text(&pickle, "\x80\x02}");
    pickle_text(&pickle, "w");
    pickle_text(&pickle, "9");
    bytes_text(&pickle, "Qs.");
    tar_add(to, "sys_info", LIT("\x80\x02}."));
    tar_add(to, "pickle", pickle.data, pickle.len);
    tar_add(to, "tensors", tensors->data, tensors->len);
    tar_add(to, "storages", storages->data, storages->len);
    static const char zeros[1024];
    bytes_put(to, zeros, sizeof zeros);
}

static inline void tar_checkpoint(struct bytes *to)
{
    struct bytes storages = {0}, tensors = {0};
    tar_storages(&storages, 4, "");
    tar_tensors(&tensors, 7, 4);
    tar_checkpoint_of(to, &storages, &tensors);
}
