/* SPDX-License-Identifier: MIT */
/* net_fixture.h - a server, a context whose log is kept, and an engine, for the tests of net. */
#pragma once

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <ptm/net.h>

#include "httpd.h"

static struct httpd server;
static bool have_server;

static char logged[1 << 20];
static size_t logged_len;
static pthread_mutex_t logged_lock = PTHREAD_MUTEX_INITIALIZER;

static inline void keep_log(void *arg, ptm_log_level level, const char *module, const char *line)
{
    (void)arg, (void)level, (void)module;
    pthread_mutex_lock(&logged_lock);
    int n = snprintf(logged + logged_len, sizeof logged - logged_len, "%s\n", line);
    if (n > 0 && (size_t)n < sizeof logged - logged_len) logged_len += (size_t)n;
    pthread_mutex_unlock(&logged_lock);
}

/* While other threads may log. */
static inline bool was_logged(const char *text)
{
    pthread_mutex_lock(&logged_lock);
    bool found = strstr(logged, text) != NULL;
    pthread_mutex_unlock(&logged_lock);
    return found;
}

/* What the machine is set up with must not steer the tests. */
static inline void clean_environment(void)
{
    static const char *const proxies[] = {"http_proxy", "https_proxy", "all_proxy",
                                          "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) unsetenv(proxies[i]);
    setenv("NETRC", "/nonexistent/netrc", 1);
}

static inline int server_up(void **state)
{
    (void)state;
    clean_environment();
    have_server = httpd_start(&server);
    return 0;
}

static inline int server_down(void **state)
{
    (void)state;
    httpd_stop(&server);
    return 0;
}

/* A test's own context and engine. */
struct net_case {
    ptm_ctx *ctx;
    ptm_net *net;
};

#define NET_OPTS(...)                                                     \
    &(struct ptm_net_opts)                                                \
    {                                                                     \
        .size = sizeof(struct ptm_net_opts), .backoff_ms = 2, __VA_ARGS__ \
    }

static inline void case_open(struct net_case *c, const struct ptm_net_opts *opts)
{
    struct ptm_ctx_opts ctx_opts = PTM_CTX_OPTS_INIT;
    struct ptm_err err = {0};
    if (!have_server) {
        if (!server.absent) fail_msg("the test server does not start");
        print_message("%s is absent\n", server.absent);
        skip();
    }
    logged_len = 0;
    logged[0] = '\0';
    ctx_opts.log = keep_log;
    ctx_opts.log_filter = "*:trace";
    httpd_reset(&server);
    assert_int_equal(ptm_ctx_new(&ctx_opts, &c->ctx, &err), PTM_OK);
    if (ptm_net_open(c->ctx, opts, &c->net, &err) != PTM_OK) fail_msg("%s", err.msg);
}

static inline void case_close(struct net_case *c)
{
    ptm_net_close(c->net);
    ptm_ctx_free(c->ctx);
}

/* "FROM=http://127.0.0.1:PORT/" */
static inline char *rewrite_to(const char *from, int which, char buf[256])
{
    snprintf(buf, 256, "%s=http://127.0.0.1:%d/", from, server.port[which]);
    return buf;
}
