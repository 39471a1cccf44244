/* SPDX-License-Identifier: MIT */
/*
 * net.h - HTTP requests: one engine on one curl multi handle, shared by all threads.
 *
 * Calls block the calling thread; concurrency comes from many threads calling. The engine's own
 * thread only moves bytes into a bounded queue of the request; sinks, hashing and file writes run
 * on the caller's thread. Retries, rate limits, redirects, rewriting and credentials are handled
 * inside: docs/internals/net.md says how.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/ctx.h>
#include <ptm/err.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ptm_net ptm_net; /* locked inside: any thread */

struct ptm_net_opts {
    size_t size;                 /* PTM_NET_OPTS_INIT */
    const char *user_agent;      /* NULL: "ptm/VERSION (ptmtorrent)" */
    const char *const *rewrites; /* "FROM=TO" each, borrowed for the call; longest FROM wins */
    size_t n_rewrites;
    int max_total;       /* connections at once, 0: 64 */
    int max_per_host;    /* 0: 16 */
    int64_t limit_rate;  /* bytes a second over all transfers, 0: no limit */
    int retries;         /* tries after the first, 0: 6, -1: none; at most 3 where no connection
                            comes about */
    int stall_seconds;   /* no byte for so long is a failed try, 0: 30 */
    int connect_seconds; /* 0: 20 */
    bool offline;        /* every request fails with PTM_EOFFLINE */
    bool no_netrc;
    const char *ca_bundle;    /* NULL: system's, or $SSL_CERT_FILE / $CURL_CA_BUNDLE */
    const char *hf_token;     /* bound to https://huggingface.co; NULL: none */
    const char *github_token; /* bound to https://github.com and its api, raw and codeload hosts;
                                 NULL: none */
    int backoff_ms; /* the first wait is random below this, doubling up to 40 times this; 0: 500 */
    /* URLs that strangers chose: nothing is asked of addresses of the user's own network, wherever
     * redirects and names lead, but for those that a rewriting rule names: PTM_EUNSAFE. With a
     * proxy only the URL's host is looked at: the proxy looks up the address, and is asked for
     * hosts in no_proxy, too. */
    bool public_only;
};
#define PTM_NET_OPTS_INIT                   \
    {                                       \
        .size = sizeof(struct ptm_net_opts) \
    }

/* Starts the engine thread. ctx must outlive it. Tokens are copied and wiped at close. */
PTM_API PTM_MUST_USE ptm_rc ptm_net_open(ptm_ctx *ctx, const struct ptm_net_opts *opts,
                                         ptm_net **out, struct ptm_err *err);
PTM_API void ptm_net_close(ptm_net *net); /* after all calls have returned; NULL is a no-op */

/*
 * Body bytes as they come, on the caller's thread; anything but PTM_OK ends the request with that
 * code. A sink must not wait for another request of the same net: it holds one of its places.
 */
typedef ptm_rc (*ptm_net_sink)(void *arg, const void *data, size_t len, struct ptm_err *err);

struct ptm_net_request {
    size_t size;        /* PTM_NET_REQUEST_INIT */
    const char *url;    /* original URL; rewriting is applied inside */
    const char *method; /* NULL: GET, or POST with a body */
    /* "Name: value" each; Authorization here goes to the first origin only. */
    const char *const *headers;
    size_t n_headers;
    const void *body;
    size_t body_len;
    size_t max_body; /* cap of a body kept in memory, 0: 64 MiB; more is PTM_ELIMIT */
    /* NULL: the body is kept in memory. Not called for a status >= 300, nor for tries that are
     * retried. A try that fails after bytes were sunk is retried only if restart is set. */
    ptm_net_sink sink;
    void *sink_arg;
    /* The sink must forget what it got. May be NULL. */
    ptm_rc (*restart)(void *arg, struct ptm_err *err);
    bool no_follow;      /* return the 3xx itself */
    bool any_status;     /* a status >= 400 is a result, not an error (after retries) */
    bool no_credentials; /* do not add tokens or netrc */
    int retries;         /* as in ptm_net_opts for this request alone; 0: the net's */
};
#define PTM_NET_REQUEST_INIT                   \
    {                                          \
        .size = sizeof(struct ptm_net_request) \
    }

/* Owned by the caller: ptm_net_response_clear(). */
struct ptm_net_response {
    int status;
    char *url;     /* final URL, mapped back to its original form where it was rewritten */
    char *headers; /* "name: value\n" lines of the last hop, names in lower case */
    char *body;    /* NUL added after body_len bytes; NULL when a sink took it */
    size_t body_len;
    int64_t received; /* body bytes over all tries */
    int tries;
};
PTM_API void ptm_net_response_clear(struct ptm_net_response *response);

/*
 * One request with its retries and redirects. Errors name the URL and say the way out: PTM_EAUTH
 * (401), PTM_EGATED, PTM_EDISABLED, PTM_ENOTFOUND (404, 410), PTM_ERATE (429 to the end), PTM_EHTTP
 * (other), PTM_ENET, PTM_ETIMEOUT, PTM_ETLS, PTM_EOFFLINE, PTM_ECANCELED, PTM_ELIMIT;
 * err->http_status and err->retryable are set.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_net_perform(ptm_net *net, const struct ptm_net_request *request,
                                            struct ptm_net_response *out, struct ptm_err *err);

/*
 * A URL that came in a body or header from a rewritten host (next page, LFS href), mapped back to
 * its original form; malloc'ed, NULL when out of memory. Requests do this themselves: it is for
 * what is recorded.
 */
PTM_API char *ptm_net_original_url(const ptm_net *net, const char *url);

/* Value of the first header of that name (lower case) in response->headers, copied into buf; false
 * when absent or too long. */
PTM_API bool ptm_net_header(const struct ptm_net_response *response, const char *name, char *buf,
                            size_t buf_size);

struct ptm_net_download {
    size_t size; /* PTM_NET_DOWNLOAD_INIT */
    const char *url;
    const char *const *headers; /* as in ptm_net_request: to the first origin only */
    size_t n_headers;
    /* Partial file: kept when interrupted, resumed by Range + If-Range. The caller holds whatever
     * lock keeps a second writer away, and moves the finished file. */
    const char *part_path;
    int64_t expected_size;       /* -1: unknown */
    const char *expected_sha256; /* 64 hex; NULL: unknown */
    /* > 0: files larger than this are fetched as ranges of this size, since Hugging Face's servers
     * refuse answers of more than 50 GB. */
    int64_t chunk_size;
    /* Called when the link has expired (401, 403, 410): gives a fresh one, malloc'ed; a NULL URL
     * gives up. May be NULL. */
    ptm_rc (*renew)(void *arg, char **out_url, char ***out_headers, size_t *out_n,
                    struct ptm_err *err);
    void *renew_arg;
    void (*progress)(void *arg, int64_t done, int64_t total); /* NULL: none; caller's thread */
    void *progress_arg;
    int64_t max_bytes; /* of a file whose size nobody knows before: more is PTM_ELIMIT, and removes
                          the part; 0: no cap */
};
#define PTM_NET_DOWNLOAD_INIT                                        \
    {                                                                \
        .size = sizeof(struct ptm_net_download), .expected_size = -1 \
    }

/*
 * Fetches into part_path, resuming what is there, hashing while it streams. On success the file is
 * complete, fsynced, and its SHA-256 (65 bytes with NUL) in out_sha256 equals the expected one.
 * Bytes that came and are wrong in hash or number remove the part (PTM_EHASH, PTM_ESIZE); a server
 * that announces another size (PTM_ESIZE) does not. *out_fetched, which may be NULL, counts the
 * body bytes of this call alone, also when it fails. Beside the part a small PART.meta may stand
 * while it is unfinished. Cancelling ctx (level 1) ends it at once and keeps the part.
 */
PTM_API PTM_MUST_USE ptm_rc ptm_net_fetch(ptm_net *net, const struct ptm_net_download *download,
                                          char out_sha256[65], int64_t *out_fetched,
                                          struct ptm_err *err);

#ifdef __cplusplus
}
#endif
