/* SPDX-License-Identifier: MIT */
/*
 * hash.c - SHA-256 and SHA-1 by libcrypto's EVP. An error of an update is kept until the result is
 * asked for.
 */
#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "auto.h"

/* Large enough that the read calls do not show beside the hashing. */
#define READ_SIZE ((size_t)256 << 10)

struct ptmi_hash {
    EVP_MD_CTX *md; /* owned */
    const EVP_MD *kind;
    bool failed;
};

PTM_DEFINE_CLEANUP(hash_freep, ptmi_hash *, ptmi_hash_free)

ptm_rc ptmi_hash_new(ptmi_hash_kind kind, ptmi_hash **out, struct ptm_err *err)
{
    PTM_AUTO(hash_freep) ptmi_hash *hash = calloc(1, sizeof *hash);
    if (!hash) return ptm_err_set(err, PTM_ENOMEM, "hash: out of memory");
    hash->kind = kind == PTMI_SHA1 ? EVP_sha1() : EVP_sha256();
    hash->md = EVP_MD_CTX_new();
    if (!hash->md) return ptm_err_set(err, PTM_ENOMEM, "hash: out of memory");
    if (!EVP_DigestInit_ex(hash->md, hash->kind, NULL))
        return ptm_err_set(err, PTM_EUNSUPPORTED, "hash: libcrypto refuses %s here",
                           kind == PTMI_SHA1 ? "SHA-1" : "SHA-256");
    *out = ptm_steal(&hash);
    return PTM_OK;
}

void ptmi_hash_update(ptmi_hash *hash, const void *data, size_t len)
{
    if (!EVP_DigestUpdate(hash->md, data, len)) hash->failed = true;
}

ptm_rc ptmi_hash_hex(ptmi_hash *hash, char *out, struct ptm_err *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    if (hash->failed || !EVP_DigestFinal_ex(hash->md, sum, &n) ||
        !EVP_DigestInit_ex(hash->md, hash->kind, NULL))
        return ptm_err_set(err, PTM_EBUG, "hash: libcrypto failed");
    for (unsigned int i = 0; i < n; i++) {
        out[2 * i] = digits[sum[i] >> 4];
        out[2 * i + 1] = digits[sum[i] & 15];
    }
    out[2 * n] = '\0';
    return PTM_OK;
}

void ptmi_hash_free(ptmi_hash *hash)
{
    if (!hash) return;
    EVP_MD_CTX_free(hash->md);
    free(hash);
}

ptm_rc ptmi_hash_bytes(ptmi_hash_kind kind, const void *data, size_t len, char *out,
                       struct ptm_err *err)
{
    PTM_AUTO(hash_freep) ptmi_hash *hash = NULL;
    ptm_rc rc = ptmi_hash_new(kind, &hash, err);
    if (!hash) return rc;
    ptmi_hash_update(hash, data, len);
    return ptmi_hash_hex(hash, out, err);
}

ptm_rc ptmi_hash_fd(ptmi_hash_kind kind, int fd, char *out, int64_t *out_size, struct ptm_err *err)
{
    PTM_AUTO(hash_freep) ptmi_hash *hash = NULL;
    ptm_rc rc = ptmi_hash_new(kind, &hash, err);
    if (!hash) return rc;
    PTM_AUTO(ptmi_freep) char *data = malloc(READ_SIZE);
    if (!data) return ptm_err_set(err, PTM_ENOMEM, "hash: out of memory");
    int64_t size = 0;
    for (;;) {
        ssize_t n = read(fd, data, READ_SIZE);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ptm_err_sys(err, errno, "reading to hash");
        if (n == 0) break;
        ptmi_hash_update(hash, data, (size_t)n);
        size += n;
    }
    PTM_TRY(ptmi_hash_hex(hash, out, err));
    if (out_size) *out_size = size;
    return PTM_OK;
}
