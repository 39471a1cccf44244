/* SPDX-License-Identifier: MIT */
/*
 * weights_bytes.h - files of the weights room built byte by byte in memory, and opened there. A
 * test that includes it writes with bytes_put..() and looks with open_bytes().
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/weights_priv.h"

/* Start with {0}; big_endian: of the integers put from now on. */
struct bytes {
    uint8_t data[1 << 16];
    size_t len;
    bool big_endian;
};

static inline void bytes_put(struct bytes *to, const void *data, size_t len)
{
    assert(len <= sizeof to->data - to->len);
    memcpy(to->data + to->len, data, len);
    to->len += len;
}

static inline void bytes_int(struct bytes *to, uint64_t value, int size)
{
    for (int i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(value >> 8 * (to->big_endian ? size - 1 - i : i));
        bytes_put(to, &byte, 1);
    }
}

static inline void bytes_text(struct bytes *to, const char *text)
{
    bytes_put(to, text, strlen(text));
}

static inline void bytes_align(struct bytes *to, size_t alignment)
{
    while (to->len % alignment != 0) bytes_put(to, "", 1);
}

/* Opens the bytes as a file of that name; they stay the caller's. A copy of exactly their length,
 * so that a sanitizer sees a read past the end. */
static inline ptm_rc open_named(const void *data, size_t len, const char *name, ptm_weights **out,
                                struct ptm_err *err)
{
    ptmi_source *source = NULL;
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (len) memcpy(copy, data, len);
    ptm_rc rc = ptmi_source_own(copy, len, name, &source, err);
    if (rc != PTM_OK) return rc;
    return ptmi_weights_open_source(source, name, NULL, NULL, out, err);
}

static inline ptm_rc open_bytes(const struct bytes *from, const char *name, ptm_weights **out,
                                struct ptm_err *err)
{
    return open_named(from->data, from->len, name, out, err);
}

/* The value of a property, or NULL. */
static inline const char *meta_of(const ptm_weights *weights, const char *key)
{
    for (size_t i = 0; i < ptm_weights_meta_count(weights); i++)
        if (strcmp(ptm_weights_meta(weights, i)->key, key) == 0)
            return ptm_weights_meta(weights, i)->value;
    return NULL;
}
