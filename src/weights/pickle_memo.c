/* SPDX-License-Identifier: MIT */
/*
 * pickle_memo.c - the memo: an array for the indices that picklers write (0, 1, 2 ..), a hash table
 * for those that only a forger would, so that LONG_BINPUT of 4294967295 costs an entry and not the
 * 32 GB that an array up to there takes.
 */
#include "pickle_priv.h"

#include <stdlib.h>
#include <string.h>

#include "../base/mix.h"

/* The array may be so many times larger than what is in it, and this much beyond. */
#define SLACK_FACTOR 4
#define SLACK 4096

/* The slot of key, or the free one where it belongs. */
static size_t sparse_slot(const struct ptmi_pkm_memo *memo, uint64_t key)
{
    size_t mask = memo->cap_sparse - 1;
    size_t at = (size_t)ptmi_mix(memo->seed, key) & mask;
    while (memo->keys[at] != 0 && memo->keys[at] != key + 1) at = (at + 1) & mask;
    return at;
}

static struct ptmi_pk *find(const struct ptmi_pkm_memo *memo, uint64_t index)
{
    if (index < memo->n_dense && memo->dense[index]) return memo->dense[index];
    if (memo->n_sparse == 0) return NULL;
    size_t at = sparse_slot(memo, index);
    return memo->keys[at] ? memo->values[at] : NULL;
}

static ptm_rc sparse_grow(struct ptmi_pkm *m)
{
    struct ptmi_pkm_memo *memo = &m->memo, old = *memo;
    size_t cap = old.cap_sparse ? 2 * old.cap_sparse : 64;
    size_t bytes = cap * (sizeof *memo->keys + sizeof *memo->values);
    if (bytes > m->heap_max - m->heap)
        return ptmi_pkm_fail(m, PTM_ELIMIT, "the memo has too many entries");
    uint64_t *keys = calloc(cap, sizeof *keys);
    struct ptmi_pk **values = calloc(cap, sizeof(struct ptmi_pk *));
    if (!keys || !values) {
        free(keys);
        free(values);
        return ptmi_pkm_fail(m, PTM_ENOMEM, "out of memory");
    }
    m->heap += bytes;
    if (old.cap_sparse == 0) memo->seed = ptmi_mix_seed(m);
    memo->keys = keys;
    memo->values = values;
    memo->cap_sparse = cap;
    for (size_t i = 0; i < old.cap_sparse; i++) {
        if (old.keys[i] == 0) continue;
        size_t at = sparse_slot(memo, old.keys[i] - 1);
        keys[at] = old.keys[i];
        values[at] = old.values[i];
    }
    free(old.keys);
    free(old.values);
    return PTM_OK;
}

static ptm_rc put_sparse(struct ptmi_pkm *m, uint64_t index, struct ptmi_pk *node)
{
    struct ptmi_pkm_memo *memo = &m->memo;
    if (4 * (memo->n_sparse + 1) > 3 * memo->cap_sparse) PTM_TRY(sparse_grow(m));
    size_t at = sparse_slot(memo, index);
    if (memo->keys[at] == 0) memo->n_sparse++;
    memo->keys[at] = index + 1;
    memo->values[at] = node;
    return PTM_OK;
}

static ptm_rc put_dense(struct ptmi_pkm *m, uint64_t index, struct ptmi_pk *node)
{
    struct ptmi_pkm_memo *memo = &m->memo;
    while (index >= memo->cap)
        PTM_TRY(ptmi_pkm_grow(m, &memo->dense, &memo->cap, sizeof *memo->dense));
    while (memo->n_dense <= index) memo->dense[memo->n_dense++] = NULL;
    memo->dense[index] = node;
    return PTM_OK;
}

ptm_rc ptmi_pkm_put(struct ptmi_pkm *m, uint64_t index)
{
    struct ptmi_pkm_memo *memo = &m->memo;
    struct ptmi_pk *node = NULL;
    PTM_TRY(ptmi_pkm_top(m, &node));
    if (index == memo->n_dense && index < memo->cap && memo->n_sparse == 0) { /* nearly always */
        memo->dense[memo->n_dense++] = node;
        memo->n++;
        return PTM_OK;
    }
    /* No 64-bit index plus one overflows: PUT's are Py_ssize_t. */
    bool again = find(memo, index) != NULL;
    if (again) m->out->oddities |= PTMI_PK_ODD_MEMO_REUSE;
    if (index >= memo->cap && (index > SLACK_FACTOR * memo->n + SLACK || memo->n_sparse > 0))
        PTM_TRY(put_sparse(m, index, node));
    else
        PTM_TRY(put_dense(m, index, node));
    if (!again) memo->n++;
    return PTM_OK;
}

ptm_rc ptmi_pkm_get(struct ptmi_pkm *m, uint64_t index)
{
    struct ptmi_pk *node = find(&m->memo, index);
    if (!node)
        return ptmi_pkm_fail(m, PTM_EFORMAT, "nothing is in the memo at %llu",
                             (unsigned long long)index);
    return ptmi_pkm_push(m, node);
}

/* Of a line. In Python's memo, a dict, an index has no largest; all that are too large for C share
 * one place here, since the pickle fails anyway. */
static ptm_rc take_index(struct ptmi_pkm *m, uint64_t *out)
{
    const uint8_t *line = NULL;
    size_t len = 0;
    bool large = false;
    PTM_TRY(ptmi_pkm_line(m, &line, &len));
    PTM_TRY(ptmi_pkm_text_index(m, line, len, out, &large));
    if (*out != UINT64_MAX) return PTM_OK;
    ptm_rc rc = ptmi_pkm_fail(m, PTM_EFORMAT, "an index below 0 or too large");
    if (!large) return rc;
    ptmi_pkm_go_on(m, rc);
    *out = INT64_MAX;
    return PTM_OK;
}

ptm_rc ptmi_pkm_text_put(struct ptmi_pkm *m)
{
    uint64_t index = 0;
    PTM_TRY(take_index(m, &index));
    return ptmi_pkm_put(m, index);
}

ptm_rc ptmi_pkm_text_get(struct ptmi_pkm *m)
{
    uint64_t index = 0;
    PTM_TRY(take_index(m, &index));
    return ptmi_pkm_get(m, index);
}

ptm_rc ptmi_pkm_memoize(struct ptmi_pkm *m)
{
    return ptmi_pkm_put(m, m->memo.n);
}

void ptmi_pkm_memo_clear(struct ptmi_pkm_memo *memo)
{
    free(memo->dense);
    free(memo->keys);
    free(memo->values);
    *memo = (struct ptmi_pkm_memo){0};
}
