/* SPDX-License-Identifier: MIT */
/*
 * scan_search.c - pickles hidden among numbers: \x80, a protocol from 2 to 5 and an opcode, at any
 * byte. In random numbers that is found every 60,000 bytes; then opcodes are told apart
 * (scan_skim.c), and what could ask for a global is run. A pickle that asks for none can do
 * nothing, and chance makes some (\x80\x02N. every 100 MB): it is not told.
 *
 * Pickles of protocol 0 and 1 have no mark to search for: they are found at the beginning of
 * members and of bytes in pickles alone.
 *
 * Bytes that begin a pickle everywhere would make the search quadratic: the steps spent on places
 * that came to nothing are counted, and at one a byte (and some millions to begin with) the search
 * gives up and says so.
 */
#include <string.h>

#include "../base/limits.h"
#include "scan_priv.h"

/* Stays in the second-level cache, so that CRC and search read memory once. */
#define STEP ((uint64_t)1 << 18)
/* Pages are given back in runs of this size: a system call each. */
#define RELEASE ((uint64_t)32 << 20)

/* GNU C's vectors: gcc and clang make SSE2, NEON or plain words of them. */
typedef uint8_t v16 __attribute__((vector_size(16)));
typedef uint64_t v2 __attribute__((vector_size(16)));

static v16 load(const uint8_t *at)
{
    v16 v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* 0xff where 16 bytes from at on are \x80 followed by 2..5. */
static v16 protos(const uint8_t *at)
{
    v16 next = load(at + 1) - (uint8_t)2;
    return (v16)(load(at) == (uint8_t)0x80) & (v16)(next < (uint8_t)4);
}

/* Opcodes that a pickle may have after PROTO: those that need nothing on the stack. */
static bool begins(uint8_t opcode)
{
    return opcode != 0 && strchr("(.FIJKLMNPSTUVXc}gh]j)GBC\x80\x82\x83\x84\x88\x89\x8a\x8b\x8c\x8d"
                                 "\x8e\x8f\x95\x96\x97",
                                 opcode) != NULL;
}

static bool is_proto(const uint8_t *at)
{
    return at[0] == 0x80 && at[1] >= 2 && at[1] <= 5 && begins(at[2]);
}

uint64_t ptmi_search_proto(const uint8_t *data, uint64_t size, uint64_t pos)
{
    while (size - pos >= 66) {
        const uint8_t *at = data + pos;
        v16 any = protos(at) | protos(at + 16) | protos(at + 32) | protos(at + 48);
        v2 halves = (v2)any;
        if (halves[0] | halves[1])
            for (unsigned i = 0; i < 64; i++)
                if (is_proto(at + i)) return pos + i;
        pos += 64;
    }
    for (; size - pos >= 3; pos++)
        if (is_proto(data + pos)) return pos;
    return size;
}

/* Something that begins like a pickle at pos: *out_next is where to search on. */
static ptm_rc look_at(struct ptmi_scan *scan, struct ptmi_scan_item *item, uint64_t pos,
                      uint64_t *out_next, struct ptm_err *err)
{
    uint64_t at = pos;
    *out_next = pos + 1;
    if (ptmi_skim(item->data, item->size, &at, &scan->search_work) != PTMI_SKIM_ASKS) return PTM_OK;
    return ptmi_scan_hidden_pickle(scan, item, pos, out_next, err);
}

/* Searches for pickles that begin in [pos, end); *pos: where to go on. */
static ptm_rc search_step(struct ptmi_scan *scan, struct ptmi_scan_item *item, uint64_t *pos,
                          uint64_t end, struct ptm_err *err)
{
    /* A pickle that begins in this step has its third byte in the next. */
    uint64_t see = item->size - end < 2 ? item->size : end + 2;
    while (*pos < end) {
        uint64_t found = ptmi_search_proto(item->data, see, *pos);
        if (found >= end) break;
        PTM_TRY(look_at(scan, item, found, pos, err));
        if (scan->search_work > scan->may_search)
            return ptmi_scan_found(scan, item, PTM_UNREADABLE, "limit", (int64_t)found, err,
                                   "too many places look like the beginning of a pickle: the "
                                   "search for hidden ones ends here");
    }
    if (*pos < end) *pos = end;
    return PTM_OK;
}

ptm_rc ptmi_scan_search(struct ptmi_scan *scan, struct ptmi_scan_item *item, uint64_t begin,
                        uint64_t end, struct ptm_err *err)
{
    uint64_t search = begin, released = begin;
    bool with_crc = item->want_crc && begin == 0 && end == item->size;
    for (uint64_t at = begin; at < end;) {
        uint64_t next = end - at < STEP ? end : at + STEP;
        PTM_TRY(ptmi_scan_goes_on(scan, err));
        if (with_crc) item->crc = ptmi_zip_crc(item->crc, item->data + at, (size_t)(next - at));
        if (search < next && scan->search_work <= scan->may_search)
            PTM_TRY(search_step(scan, item, &search, next, err));
        at = next;
        if (at - released < RELEASE && (at < end || released == begin)) continue;
        ptmi_source_done_with(item->source, released, at - released);
        released = at;
    }
    if (with_crc) item->have_crc = true;
    return PTM_OK;
}
