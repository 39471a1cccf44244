/* SPDX-License-Identifier: MIT */
/*
 * mix.h - hashes for tables whose keys a file chooses. Seeded by the process and mixed both ways,
 * so that no file can be made whose keys all fall together, not even those that differ in their
 * highest bits alone. Nothing here is for telling whether two things are the same.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

/* fallback: an address, better than a seed known beforehand. */
static inline uint64_t ptmi_mix_seed(const void *fallback)
{
    uint64_t seed = 0;
    return getentropy(&seed, sizeof seed) == 0 ? seed : (uint64_t)(uintptr_t)fallback;
}

/* One more value into a hash, which begins as the seed. Each bit reaches all others: down by the
 * shifts, up by the multiplications (their numbers are those of MurmurHash3's finaliser). */
static inline uint64_t ptmi_mix(uint64_t hash, uint64_t value)
{
    hash ^= value;
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

static inline uint64_t ptmi_mix_bytes(uint64_t hash, const char *bytes, size_t len)
{
    uint64_t word;
    hash = ptmi_mix(hash, len);
    for (; len >= sizeof word; len -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = ptmi_mix(hash, word);
    }
    word = 0;
    if (len > 0) memcpy(&word, bytes, len);
    return ptmi_mix(hash, word);
}
