/* SPDX-License-Identifier: MIT */
/*
 * httpd.h - starts tests/httpd/faulty.py for a unit test and reads its request log. Include after
 * cmocka.h.
 *
 * The server ends when its standard input closes: a test that crashes leaves nothing behind.
 */
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yyjson.h>

struct httpd {
    pid_t pid;
    int in;      /* closing it ends the server */
    int port[3]; /* the second stands for another host, the third speaks TLS if asked for */
    const char
        *absent; /* what is missing for it to start: the test skips, saying so. NULL: nothing */
};

static inline const char *httpd_script(char path[4096])
{
    const char *data = getenv("PTM_TEST_DATA");
    snprintf(path, 4096, "%s/../httpd/faulty.py", data ? data : "tests/data");
    return path;
}

/* false: it does not run; h->absent then says what is not there, NULL that it should have run. */
static inline bool httpd_start_tls(struct httpd *h, const char *pem)
{
    int to[2], from[2];
    char script[4096], line[128] = "";
    h->absent = access(httpd_script(script), R_OK) ? "tests/httpd/faulty.py" : NULL;
    if (h->absent || pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC)) return false;
    h->pid = fork();
    if (h->pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        execlp("python3", "python3", script, "--ports", "2", pem ? "--tls" : (char *)NULL, pem,
               (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    h->in = to[1];
    FILE *out = fdopen(from[0], "r");
    bool ok = h->pid > 0 && out && fgets(line, sizeof line, out) &&
              sscanf(line, "port %d %d %d", &h->port[0], &h->port[1], &h->port[2]) == (pem ? 3 : 2);
    if (out) fclose(out);
    int status = 0;
    if (!ok && h->pid > 0 && waitpid(h->pid, &status, 0) == h->pid) {
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127) h->absent = "python3";
        h->pid = 0;
    }
    return ok;
}

static inline bool httpd_start(struct httpd *h)
{
    return httpd_start_tls(h, NULL);
}

static inline void httpd_stop(struct httpd *h)
{
    if (h->pid <= 0) return;
    close(h->in);
    kill(h->pid, SIGTERM);
    waitpid(h->pid, NULL, 0);
    h->pid = 0;
}

/* Body of the answer to a request of a client of our own, so that the test does not lean on what it
 * tests; malloc'ed. */
static inline char *httpd_ask(const struct httpd *h, const char *method, const char *path,
                              const void *data, size_t data_len)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)h->port[0]),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char request[1024];
    size_t len = 0, cap = 1u << 16;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char *all = malloc(cap);
    assert_non_null(all);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int n = snprintf(request, sizeof request,
                     "%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", method,
                     path, data_len);
    assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
    for (size_t sent = 0; sent < data_len;) {
        ssize_t more = send(fd, (const char *)data + sent, data_len - sent, MSG_NOSIGNAL);
        assert_true(more > 0);
        sent += (size_t)more;
    }
    for (ssize_t got; (got = read(fd, all + len, cap - len - 1)) > 0;) {
        len += (size_t)got;
        if (len + 1 < cap) continue;
        all = realloc(all, cap *= 2);
        assert_non_null(all);
    }
    close(fd);
    all[len] = '\0';
    char *body = strstr(all, "\r\n\r\n");
    assert_non_null(body);
    memmove(all, body + 4, strlen(body + 4) + 1);
    return all;
}

static inline char *httpd_get(const struct httpd *h, const char *path)
{
    return httpd_ask(h, "GET", path, NULL, 0);
}

/* What /kept/PATH gives from now on. */
static inline void httpd_put(const struct httpd *h, const char *path, const void *body, size_t len)
{
    free(httpd_ask(h, "PUT", path, body, len));
}

static inline void httpd_reset(const struct httpd *h)
{
    free(httpd_get(h, "/__reset"));
}

/* All requests since the last reset: yyjson_doc_free(). */
static inline yyjson_doc *httpd_log(const struct httpd *h)
{
    char *text = httpd_get(h, "/__log");
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    free(text);
    assert_non_null(doc);
    return doc;
}

static inline int httpd_count(const struct httpd *h)
{
    yyjson_doc *doc = httpd_log(h);
    int n = (int)yyjson_arr_size(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return n;
}

/* A request header (lower-case name) of the nth request, copied; "" when it was not sent. */
static inline void httpd_header(const struct httpd *h, size_t nth, const char *name, char *buf,
                                size_t size)
{
    yyjson_doc *doc = httpd_log(h);
    yyjson_val *entry = yyjson_arr_get(yyjson_doc_get_root(doc), nth);
    assert_non_null(entry);
    const char *value = yyjson_get_str(yyjson_obj_get(yyjson_obj_get(entry, "headers"), name));
    snprintf(buf, size, "%s", value ? value : "");
    yyjson_doc_free(doc);
}

/* "http://127.0.0.1:PORT" + path; which: 0 or 1. */
#define HTTPD_URL 4096
static inline char *httpd_url(const struct httpd *h, int which, const char *path,
                              char buf[HTTPD_URL])
{
    int n = snprintf(buf, HTTPD_URL, "http://127.0.0.1:%d%s", h->port[which], path);
    assert_in_range(n, 1, HTTPD_URL - 1);
    return buf;
}
