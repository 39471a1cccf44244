/* SPDX-License-Identifier: MIT */
/*
 * source_url.c - a file on a server, read by ranges (RFC 9110, section 14).
 *
 *     address space of the file's size, nothing in it:   |....|####|....|....|####|####|..|
 *     a bit a block of 64 KiB: is it here?                 0    1    0    0    1    1   0
 *
 * The kernel gives memory only for blocks that are fetched. Bytes that were handed out are never
 * written again: what a reader has checked stays as it was, whatever the server says later.
 *
 * Who reads on where the last request ended gets more than was asked for, twice as much each time;
 * who jumps gets the blocks that were asked for.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "../base/url.h"
#include "../net/net_header.h"
#include "source_priv.h"

#define BLOCK ((uint64_t)64 << 10)
/* What is fetched beyond what was asked for, at most. */
#define AHEAD_MAX ((uint64_t)4 << 20)
/* One request: a retry costs at most this, and servers' caps (50 GB) are far. */
#define REQUEST_MAX ((uint64_t)256 << 20)
/* How far ready() looks, in blocks: it is asked again behind that. */
#define READY_BLOCKS 64
/* A whole file that comes instead of its first block is taken up to this size. */
#define WHOLE_MAX ((size_t)1 << 20)
#define VALIDATOR_MAX 256

struct remote {
    ptm_net *net;
    char *url;
    uint8_t *here; /* a bit a block */
    char etag[VALIDATOR_MAX],
        modified[VALIDATOR_MAX]; /* of the first answer; "" when it had none */
    uint64_t last_end, ahead;
};

/* --- blocks --- */

static bool is_here(const struct remote *remote, uint64_t block)
{
    return remote->here[block / 8] >> block % 8 & 1;
}

static void mark_here(struct remote *remote, uint64_t offset, uint64_t len)
{
    for (uint64_t block = offset / BLOCK; block * BLOCK < offset + len; block++)
        remote->here[block / 8] |= (uint8_t)(1u << block % 8);
}

static uint64_t url_ready(const ptmi_source *source, uint64_t offset)
{
    const struct remote *remote = source->remote;
    uint64_t end = offset;
    for (int i = 0; i < READY_BLOCKS && end < source->size && is_here(remote, end / BLOCK); i++)
        end = (end / BLOCK + 1) * BLOCK;
    return end < source->size ? end : source->size;
}

/* The first run of blocks that are not here in [offset, end), in bytes; false: all are here. */
static bool missing_run(const ptmi_source *source, uint64_t offset, uint64_t end, uint64_t *out_at,
                        uint64_t *out_len)
{
    const struct remote *remote = source->remote;
    uint64_t block = offset / BLOCK;
    while (block * BLOCK < end && is_here(remote, block)) block++;
    uint64_t at = block * BLOCK;
    while (block * BLOCK < end && block * BLOCK - at < REQUEST_MAX && !is_here(remote, block))
        block++;
    *out_at = at;
    *out_len = (block * BLOCK < source->size ? block * BLOCK : source->size) - at;
    return at < end;
}

/* --- one request --- */

/* Where the bytes of an answer go. */
struct landing {
    const char *name;
    uint8_t *to;
    size_t room, got;
    bool overflow;
};

static ptm_rc land(void *arg, const void *data, size_t len, struct ptm_err *err)
{
    struct landing *landing = arg;
    if (len > landing->room - landing->got) {
        landing->overflow = true;
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: the server sends more than the range that was asked for; download "
                           "the file first",
                           landing->name);
    }
    memcpy(landing->to + landing->got, data, len);
    landing->got += len;
    return PTM_OK;
}

static ptm_rc land_again(void *arg, struct ptm_err *err)
{
    (void)err;
    ((struct landing *)arg)->got = 0;
    return PTM_OK;
}

static ptm_rc ask(const struct remote *remote, uint64_t offset, uint64_t len,
                  struct landing *landing, struct ptm_net_response *out, struct ptm_err *err)
{
    char range[80];
    const char *headers[] = {range};
    snprintf(range, sizeof range, "Range: bytes=%" PRIu64 "-%" PRIu64, offset, offset + len - 1);
    struct ptm_net_request request = PTM_NET_REQUEST_INIT;
    request.url = remote->url;
    request.headers = headers;
    request.n_headers = 1;
    request.sink = land;
    request.sink_arg = landing;
    request.restart = land_again;
    return ptm_net_perform(remote->net, &request, out, err);
}

/* Ranges of a file that is packed on the way are ranges of something else. */
static ptm_rc check_encoding(const char *name, const struct ptm_net_response *response,
                             struct ptm_err *err)
{
    char value[64];
    size_t len = 0;
    if (!ptmi_header_find(response->headers, "content-encoding", &len)) return PTM_OK;
    if (ptm_net_header(response, "content-encoding", value, sizeof value) &&
        ptmi_str_eq_nocase(value, "identity"))
        return PTM_OK;
    return ptm_err_set(err, PTM_EUNSUPPORTED,
                       "%s: the server packs the file although it was asked not to; download the "
                       "file first",
                       name);
}

/* Which bytes of what the answer says it has. */
static ptm_rc answered_range(const char *name, const struct ptm_net_response *response,
                             struct ptmi_content_range *out, struct ptm_err *err)
{
    char value[128];
    if (response->status != 206)
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: HTTP %d: the server does not serve ranges; download the file first",
                           name, response->status);
    if (!ptm_net_header(response, "content-range", value, sizeof value) ||
        !ptmi_content_range_parse(value, out) || out->first < 0 || out->total < 0)
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: the server does not say which bytes of how many it sends; download "
                           "the file first",
                           name);
    return PTM_OK;
}

static ptm_rc check_range(const struct ptmi_content_range *range, uint64_t offset, uint64_t len,
                          const struct landing *landing, struct ptm_err *err)
{
    if (range->first == (int64_t)offset && range->last == (int64_t)(offset + len - 1) &&
        landing->got == len)
        return PTM_OK;
    return ptm_err_set(err, PTM_EIO,
                       "%s: bytes %" PRIu64 " to %" PRIu64 " were asked for, %zu bytes of %" PRId64
                       " to %" PRId64 " came",
                       landing->name, offset, offset + len - 1, landing->got, range->first,
                       range->last);
}

static void read_validators(const struct ptm_net_response *response, char etag[VALIDATOR_MAX],
                            char modified[VALIDATOR_MAX])
{
    if (!ptm_net_header(response, "etag", etag, VALIDATOR_MAX)) etag[0] = '\0';
    if (!ptm_net_header(response, "last-modified", modified, VALIDATOR_MAX)) modified[0] = '\0';
}

static ptm_rc check_same_file(const ptmi_source *source, const struct ptm_net_response *response,
                              const struct ptmi_content_range *range, struct ptm_err *err)
{
    const struct remote *remote = source->remote;
    char etag[VALIDATOR_MAX], modified[VALIDATOR_MAX];
    read_validators(response, etag, modified);
    if ((uint64_t)range->total == source->size && strcmp(etag, remote->etag) == 0 &&
        strcmp(modified, remote->modified) == 0)
        return PTM_OK;
    return ptm_err_set(err, PTM_EIO, "%s: it changed on the server while it was read",
                       source->name);
}

/* Blocks [offset, offset + len), none of which is here. */
static ptm_rc fetch_run(ptmi_source *source, uint64_t offset, uint64_t len, struct ptm_err *err)
{
    struct remote *remote = source->remote;
    struct landing landing = {.name = source->name,
                              .to = (uint8_t *)(uintptr_t)source->data + offset,
                              .room = (size_t)len};
    PTM_AUTO(ptm_net_response_clear) struct ptm_net_response response = {0};
    struct ptmi_content_range range = {0};
    PTM_TRY(ask(remote, offset, len, &landing, &response, err));
    PTM_TRY(check_encoding(source->name, &response, err));
    PTM_TRY(answered_range(source->name, &response, &range, err));
    PTM_TRY(check_same_file(source, &response, &range, err));
    PTM_TRY(check_range(&range, offset, len, &landing, err));
    mark_here(remote, offset, len);
    remote->last_end = offset + len;
    return PTM_OK;
}

/* The end of a run that begins at `at`, read ahead of when it goes on from the last one. */
static uint64_t wanted_end(const ptmi_source *source, uint64_t at, uint64_t end)
{
    struct remote *remote = source->remote;
    if (at == remote->last_end)
        remote->ahead = remote->ahead ? 2 * remote->ahead : BLOCK;
    else
        remote->ahead = 0;
    if (remote->ahead > AHEAD_MAX) remote->ahead = AHEAD_MAX;
    return remote->ahead < source->size - end ? end + remote->ahead : source->size;
}

static ptm_rc url_fetch(ptmi_source *source, uint64_t offset, uint64_t len, struct ptm_err *err)
{
    uint64_t at = 0, run = 0, end = offset + len;
    while (missing_run(source, offset, end, &at, &run)) {
        uint64_t further = wanted_end(source, at, end);
        (void)missing_run(source, at, further, &at, &run);
        PTM_TRY(fetch_run(source, at, run, err));
    }
    return PTM_OK;
}

/* --- opening --- */

static void free_remote(struct remote *remote)
{
    free(remote->url);
    free(remote->here);
    free(remote);
}

static void close_url(ptmi_source *source)
{
    if (source->data) munmap((void *)(uintptr_t)source->data, (size_t)source->size);
    if (source->remote) free_remote(source->remote);
}

/* Address space for the whole of it. */
static ptm_rc reserve(ptmi_source *source, uint64_t size, struct ptm_err *err)
{
    struct remote *remote = source->remote;
    if (size > PTM_LIMIT_URL_FILE)
        return ptm_err_set(err, PTM_ELIMIT, "%s: %" PRIu64 " bytes, more than are read from a URL",
                           source->name, size);
    source->writable = true;
    source->fetch = url_fetch;
    source->ready = url_ready;
    remote->here = calloc(size / BLOCK / 8 + 1, 1);
    if (!remote->here) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", source->name);
    if (size == 0) return PTM_OK;
    void *data = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
        return ptm_err_sys(err, errno, "%s: no address space for %" PRIu64 " bytes", source->name,
                           size);
    source->data = data;
    source->size = size;
    return PTM_OK;
}

/* The answer to the first request: the file's size and validators, and its first bytes. */
static ptm_rc take_first(ptmi_source *source, const struct ptm_net_response *response,
                         const struct landing *landing, struct ptm_err *err)
{
    struct remote *remote = source->remote;
    struct ptmi_content_range range = {0, -1, (int64_t)landing->got};
    PTM_TRY(check_encoding(source->name, response, err));
    /* A server without ranges sends all of it: fine where all of it has arrived. */
    if (response->status != 200) {
        PTM_TRY(answered_range(source->name, response, &range, err));
        uint64_t want = (uint64_t)range.total < BLOCK ? (uint64_t)range.total : BLOCK;
        PTM_TRY(check_range(&range, 0, want, landing, err));
    }
    read_validators(response, remote->etag, remote->modified);
    PTM_TRY(reserve(source, (uint64_t)range.total, err));
    if (landing->got == 0) return PTM_OK;
    memcpy((uint8_t *)(uintptr_t)source->data, landing->to, landing->got);
    mark_here(remote, 0, landing->got);
    remote->last_end = landing->got;
    return PTM_OK;
}

static ptm_rc first_request(ptmi_source *source, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) uint8_t *bytes = malloc(WHOLE_MAX);
    if (!bytes) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", source->name);
    struct landing landing = {.name = source->name, .to = bytes, .room = WHOLE_MAX};
    PTM_AUTO(ptm_net_response_clear) struct ptm_net_response response = {0};
    struct ptm_err why = {0};
    ptm_rc rc = ask(source->remote, 0, BLOCK, &landing, &response, &why);
    if (rc == PTM_OK) return take_first(source, &response, &landing, err);
    /* No range of an empty file can be satisfied. */
    if (why.http_status == 416) return reserve(source, 0, err);
    if (landing.overflow)
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: the server does not serve ranges; download the file first",
                           source->name);
    if (err) *err = why;
    return rc;
}

ptm_rc ptmi_source_open_url(ptm_net *net, const char *url, ptmi_source **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *name = ptmi_url_redact(url);
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    if (!name) return ptm_err_set(err, PTM_ENOMEM, "out of memory for a URL");
    PTM_TRY(ptmi_source_new(name, &source, err));
    struct remote *remote = calloc(1, sizeof *remote);
    source->remote = remote;
    source->close = close_url;
    if (remote) remote->url = strdup(url);
    if (!remote || !remote->url) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", name);
    remote->net = net;
    PTM_TRY(first_request(source, err));
    *out = ptm_steal(&source);
    return PTM_OK;
}
