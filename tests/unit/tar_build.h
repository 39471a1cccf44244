/* SPDX-License-Identifier: MIT */
/* tar_build.h - tar files for tests, with headers that may lie. Include after cmocka.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAR_SUM_UNSIGNED, TAR_SUM_SIGNED, TAR_SUM_WRONG };

/* Zero is "as it should be". */
struct tar_spec {
    const char *name;
    const char *prefix;
    const char *text; /* the data */
    const void *data; /* the data when it has NUL bytes */
    size_t len;
    char type;        /* 0: a file */
    bool old;         /* no "ustar", no type */
    const char *size; /* the 12 bytes of the field */
    int sum;
};

struct tar_build {
    uint8_t *data;
    size_t len;
};

static inline void tar_raw(struct tar_build *tar, const void *data, size_t len)
{
    if (len == 0) return;
    tar->data = realloc(tar->data, tar->len + len);
    assert_non_null(tar->data);
    memcpy(tar->data + tar->len, data, len);
    tar->len += len;
}

static inline void tar_free(struct tar_build *tar)
{
    free(tar->data);
    *tar = (struct tar_build){0};
}

static inline void tar_sum(uint8_t block[512], int form)
{
    int sum = 0;
    char text[8];
    memset(block + 148, ' ', 8);
    for (int i = 0; i < 512; i++) sum += form == TAR_SUM_SIGNED ? (int8_t)block[i] : block[i];
    if (form == TAR_SUM_WRONG) sum++;
    snprintf(text, sizeof text, "%06o", (unsigned)sum & 0777777);
    memcpy(block + 148, text, 7);
}

static inline void tar_fill(struct tar_build *tar)
{
    static const uint8_t zeros[512];
    tar_raw(tar, zeros, (512 - tar->len % 512) % 512);
}

static inline void tar_add(struct tar_build *tar, const struct tar_spec *spec)
{
    uint8_t block[512] = {0};
    char size[16];
    const void *data = spec->text ? spec->text : spec->data;
    size_t len = spec->text ? strlen(spec->text) : spec->len;
    tar_fill(tar);
    memcpy(block, spec->name, strlen(spec->name));
    snprintf(size, sizeof size, "%011o", (unsigned)len);
    memcpy(block + 124, spec->size ? spec->size : size, 12);
    if (!spec->old) {
        block[156] = (uint8_t)(spec->type ? spec->type : '0');
        memcpy(block + 257,
               "ustar\0"
               "00",
               8);
        if (spec->prefix) memcpy(block + 345, spec->prefix, strlen(spec->prefix));
    }
    tar_sum(block, spec->sum);
    tar_raw(tar, block, 512);
    tar_raw(tar, data, len);
    tar_fill(tar);
}

static inline void tar_end(struct tar_build *tar)
{
    static const uint8_t zeros[1024];
    tar_fill(tar);
    tar_raw(tar, zeros, sizeof zeros);
}
