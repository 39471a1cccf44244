/* SPDX-License-Identifier: MIT */
/* test_net_download.c - files fetched whatever the server does: resumed, ranged, renewed, verified.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "net_fixture.h"

#include "base/fs.h"
#include "base/hash.h"

#define SIZE 700001

static struct ptm_err err;

/* A folder of the test's own with one part file, and what is expected of it. */
struct fixture {
    struct net_case c;
    char dir[64], part[96], meta[104];
    char url[HTTPD_URL];
    char *sha256;
    struct ptm_net_download d;
    char got[65];
    int64_t fetched;
};

static void begin_with(struct fixture *f, const char *path, const struct ptm_net_opts *opts)
{
    char sum[256];
    case_open(&f->c, opts);
    snprintf(f->dir, sizeof f->dir, "/tmp/ptm_fetch_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->part, sizeof f->part, "%s/file.part", f->dir);
    snprintf(f->meta, sizeof f->meta, "%s.meta", f->part);
    long long size = SIZE;
    if (strncmp(path, "/bytes/", 7) == 0) size = atoll(path + 7);
    snprintf(sum, sizeof sum, "/sha256/%lld", size);
    f->sha256 = httpd_get(&server, sum);
    httpd_reset(&server);
    f->d = (struct ptm_net_download)PTM_NET_DOWNLOAD_INIT;
    f->d.url = httpd_url(&server, 0, path, f->url);
    f->d.part_path = f->part;
    f->d.expected_size = size;
    f->d.expected_sha256 = f->sha256;
    f->fetched = -1;
    err = (struct ptm_err){0};
}

static void begin(struct fixture *f, const char *path)
{
    begin_with(f, path, NET_OPTS());
}

static void end(struct fixture *f)
{
    case_close(&f->c);
    free(f->sha256);
    assert_int_equal(ptmi_fs_remove_tree(f->dir, NULL), PTM_OK);
}

static ptm_rc fetch(struct fixture *f)
{
    return ptm_net_fetch(f->c.net, &f->d, f->got, &f->fetched, &err);
}

static void expect_whole(struct fixture *f)
{
    char sum[65];
    ptm_rc rc = fetch(f);
    if (rc != PTM_OK) fail_msg("%s: %s", ptm_rc_name(rc), err.msg);
    assert_string_equal(f->got, f->sha256);
    int fd = open(f->part, O_RDONLY | O_CLOEXEC);
    int64_t size = -1;
    assert_int_equal(ptmi_hash_fd(PTMI_SHA256, fd, sum, &size, NULL), PTM_OK);
    close(fd);
    assert_string_equal(sum, f->sha256);
    assert_false(ptmi_fs_exists(f->meta));
}

static void expect_failure(struct fixture *f, ptm_rc want, const char *says)
{
    ptm_rc rc = fetch(f);
    if (rc != want) fail_msg("%s, not %s: %s", ptm_rc_name(rc), ptm_rc_name(want), err.msg);
    if (!strstr(err.msg, says)) fail_msg("\"%s\" does not say \"%s\"", err.msg, says);
}

static int64_t part_size(const struct fixture *f)
{
    struct stat st;
    return stat(f->part, &st) ? -1 : (int64_t)st.st_size;
}

static void expect_sent(size_t nth, const char *header, const char *want)
{
    char value[256];
    httpd_header(&server, nth, header, value, sizeof value);
    assert_string_equal(value, want);
}

static void put_part(const struct fixture *f, const char *bytes, size_t len)
{
    int fd = open(f->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_int_equal(write(fd, bytes, len), (ssize_t)len);
    close(fd);
}

/* The first bytes of the server's content, as an earlier call would have left them. */
static void put_true_part(const struct fixture *f, size_t len)
{
    char path[64];
    snprintf(path, sizeof path, "/bytes/%d", SIZE);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server.port[0]),
                             .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char request[128], *all = malloc(SIZE + 4096);
    size_t got = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", path);
    assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
    for (ssize_t r; (r = read(fd, all + got, SIZE + 4096 - got)) > 0;) got += (size_t)r;
    close(fd);
    assert_true(got > SIZE);
    put_part(f, all + got - SIZE, len);
    free(all);
    httpd_reset(&server);
}

static void test_net_download__a_file_comes_whole(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001");
    expect_whole(&f);
    assert_int_equal(f.fetched, SIZE);
    assert_int_equal(httpd_count(&server), 1);
    expect_sent(0, "accept-encoding", "identity");
    expect_sent(0, "range", "");
    /* Once more: the hash of what is there says all. */
    expect_whole(&f);
    assert_int_equal(f.fetched, 0);
    assert_int_equal(httpd_count(&server), 1);
    end(&f);
}

static void test_net_download__without_size_and_hash(void **state)
{
    (void)state;
    static const char *const paths[] = {"/bytes/700001", "/bytes/700001?chunked=1",
                                        "/bytes/700001?chunked=1&etag=none&lm=none"};
    for (size_t i = 0; i < 3; i++) {
        struct fixture f;
        begin(&f, paths[i]);
        f.d.expected_size = -1;
        f.d.expected_sha256 = NULL;
        expect_whole(&f);
        end(&f);
    }
}

static void test_net_download__an_empty_file(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/0");
    expect_whole(&f);
    f.d.expected_size = -1;
    f.d.chunk_size = 1000;
    f.d.expected_sha256 = NULL;
    assert_int_equal(unlink(f.part), 0);
    expect_whole(&f);
    end(&f);
}

static void test_net_download__a_cut_body_goes_on_at_the_offset(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001?cut=200000&times=3");
    expect_whole(&f);
    assert_int_equal(f.fetched, SIZE);
    expect_sent(1, "range", "bytes=200000-");
    expect_sent(2, "range", "bytes=400000-");
    expect_sent(3, "range", "bytes=600000-");
    end(&f);
}

static void test_net_download__a_long_file_may_break_often(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, "/bytes/22000000?cut=2000000", NET_OPTS(.retries = 1));
    expect_whole(&f);
    assert_int_equal(httpd_count(&server), 11);
    end(&f);
}

static void test_net_download__tries_without_progress_end(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, "/bytes/700001?cut=10", NET_OPTS(.retries = 3));
    expect_failure(&f, PTM_ENET, "before the end");
    assert_true(err.retryable);
    assert_int_equal(httpd_count(&server), 4);
    assert_int_equal(part_size(&f), 40);
    end(&f);
}

static void test_net_download__resumes_what_an_earlier_call_left(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001");
    put_true_part(&f, 300000);
    expect_whole(&f);
    assert_int_equal(f.fetched, SIZE - 300000);
    expect_sent(0, "range", "bytes=300000-");
    expect_sent(0, "if-range",
                ""); /* the hash proves it; at a CDN the ETag may differ from the hub's */
    end(&f);
}

/* Without a hash only the validator of the first answer makes a resume safe. */
static void test_net_download__without_a_hash_it_takes_a_validator(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, "/bytes/700001?cut=300000&times=1", NET_OPTS(.retries = -1));
    f.d.expected_sha256 = NULL;
    expect_failure(&f, PTM_ENET, "before the end");
    assert_int_equal(part_size(&f), 300000);
    assert_true(ptmi_fs_exists(f.meta));
    expect_whole(&f);
    assert_int_equal(f.fetched, SIZE - 300000);
    expect_sent(1, "range", "bytes=300000-");
    expect_sent(1, "if-range", "\"0-700001\"");
    end(&f);
}

static void test_net_download__a_date_serves_where_there_is_no_strong_tag(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, "/bytes/700001?cut=300000&times=1&etag=weak", NET_OPTS(.retries = -1));
    f.d.expected_sha256 = NULL;
    expect_failure(&f, PTM_ENET, "before the end");
    expect_whole(&f);
    assert_int_equal(f.fetched, SIZE - 300000);
    expect_sent(1, "if-range", "Sun, 13 Sep 2020 12:26:40 GMT");
    end(&f);
}

static void test_net_download__no_validator_no_resume(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001?cut=300000&times=1&etag=weak&lm=none");
    f.d.expected_sha256 = NULL;
    expect_whole(&f);
    assert_int_equal(f.fetched, SIZE + 300000);
    expect_sent(1, "range", "");
    end(&f);
}

/* What is there is the beginning of another version. */
static void begin_changed(struct fixture *f, const char *path)
{
    begin(f, path);
    f->d.expected_sha256 = NULL;
    put_part(f, "old version", 11);
    assert_int_equal(ptmi_fs_write_whole(f->meta, "\"old-tag\"", 9, NULL, NULL), PTM_OK);
}

static void test_net_download__a_changed_file_starts_over(void **state)
{
    (void)state;
    struct fixture f;
    begin_changed(&f, "/bytes/700001");
    expect_whole(&f);
    expect_sent(0, "if-range", "\"old-tag\"");
    assert_int_equal(f.fetched, SIZE);
    end(&f);
}

/* If-Range is not heeded: what came would be the head of one file and the tail of another. */
static void test_net_download__a_part_of_a_changed_file_is_not_appended(void **state)
{
    (void)state;
    struct fixture f;
    begin_changed(&f, "/bytes/700001?anyversion=1");
    expect_whole(&f);
    assert_int_equal(f.fetched, SIZE);
    end(&f);
}

static void test_net_download__a_server_without_ranges_starts_over(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001?norange=1&cut=300000&times=2");
    expect_whole(&f);
    assert_int_equal(f.fetched, SIZE + 600000);
    end(&f);
}

static void test_net_download__a_wrong_range_is_not_appended(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001?wrongrange=1");
    put_true_part(&f, 300000);
    expect_whole(&f);
    assert_int_equal(httpd_count(&server), 2);
    expect_sent(1, "range", "");
    end(&f);
}

static void test_net_download__complete_but_unproven_asks_and_gets_416(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001");
    put_true_part(&f, SIZE);
    f.d.expected_sha256 = NULL;
    assert_int_equal(ptmi_fs_write_whole(f.meta, "\"0-700001\"", 10, NULL, NULL), PTM_OK);
    expect_whole(&f);
    assert_int_equal(f.fetched, 0);
    assert_int_equal(httpd_count(&server), 1);
    end(&f);
}

static void test_net_download__a_part_of_something_longer_starts_over(void **state)
{
    (void)state;
    struct fixture f;
    char *rubbish = calloc(1, SIZE + 5);
    begin(&f, "/bytes/700001");
    put_part(&f, rubbish, SIZE + 5);
    expect_whole(&f);
    /* The same when only the server knows the size: 416. */
    put_part(&f, rubbish, SIZE + 5);
    f.d.expected_size = -1;
    httpd_reset(&server);
    expect_whole(&f);
    assert_int_equal(httpd_count(&server), 2);
    free(rubbish);
    end(&f);
}

static void test_net_download__rubbish_in_the_part_costs_one_more_download(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001");
    put_part(&f, "rubbish", 7);
    expect_whole(&f);
    assert_int_equal(httpd_count(&server), 2);
    assert_int_equal(f.fetched, SIZE - 7 + SIZE);
    end(&f);
}

static void test_net_download__a_wrong_hash_removes_the_part(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001?corrupt=1");
    expect_failure(&f, PTM_EHASH, "its SHA-256 is ");
    assert_int_equal(part_size(&f), -1);
    assert_false(err.retryable);
    assert_int_equal(httpd_count(&server), 1);
    end(&f);
}

static void test_net_download__a_wrong_size_is_seen_early(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001");
    f.d.expected_size = 500000;
    expect_failure(&f, PTM_ESIZE, "700001 bytes, expected 500000");
    assert_int_equal(f.fetched, 0);
    f.d.expected_size = 800000;
    expect_failure(&f, PTM_ESIZE, "700001 bytes, expected 800000");
    assert_int_equal(f.fetched, 0);
    /* Without a length it shows while it streams. */
    f.d.url = httpd_url(&server, 0, "/bytes/700001?chunked=1", f.url);
    f.d.expected_size = 500000;
    expect_failure(&f, PTM_ESIZE, "more than the 500000 bytes expected");
    assert_int_equal(part_size(&f), -1);
    f.d.url = httpd_url(&server, 0, "/endless", f.url);
    expect_failure(&f, PTM_ESIZE, "more than the 500000 bytes expected");
    /* A length that is a lie. */
    f.d.url = httpd_url(&server, 0, "/bytes/400000?declare=500000&norange=1", f.url);
    expect_failure(&f, PTM_ENET, "before the end");
    end(&f);
}

static void test_net_download__a_cap_on_what_has_no_size(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/endless");
    f.d.expected_size = -1;
    f.d.expected_sha256 = NULL;
    f.d.max_bytes = 500000;
    expect_failure(&f, PTM_ELIMIT, "more than the 500000 bytes allowed");
    assert_true(f.fetched <= 500000);
    assert_int_equal(part_size(&f), -1);
    /* A length that is told is enough to know. */
    f.d.url = httpd_url(&server, 0, "/bytes/700001", f.url);
    expect_failure(&f, PTM_ELIMIT, "more than the 500000 bytes allowed");
    assert_int_equal(f.fetched, 0);
    f.d.max_bytes = SIZE;
    expect_whole(&f);
    end(&f);
}

static void test_net_download__a_choice_instead_of_a_file(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/status/300?body=two");
    f.d.expected_size = -1;
    f.d.expected_sha256 = NULL;
    expect_failure(&f, PTM_EHTTP, "HTTP 300 instead of the file");
    assert_int_equal(err.http_status, 300);
    assert_int_equal(httpd_count(&server), 1);
    end(&f);
}

static void test_net_download__html_instead_of_a_file(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/html");
    put_true_part(&f, 300000);
    expect_failure(&f, PTM_ESIZE, "35 bytes, expected 700001");
    /* A portal's page is no reason to throw the partial file away. */
    assert_int_equal(part_size(&f), 300000);
    end(&f);
}

static void test_net_download__ranges_get_past_a_wall(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, "/bytes/700001?wall=200000", NET_OPTS(.retries = -1));
    expect_failure(&f, PTM_EHTTP, "HTTP 403");
    f.d.chunk_size = 200000;
    expect_whole(&f);
    assert_int_equal(httpd_count(&server), 5);
    expect_sent(1, "range", "bytes=0-199999");
    expect_sent(4, "range", "bytes=600000-799999");
    /* The size may be unknown at first. */
    assert_int_equal(unlink(f.part), 0);
    httpd_reset(&server);
    f.d.expected_size = -1;
    expect_whole(&f);
    assert_int_equal(httpd_count(&server), 4);
    /* A file below the size is asked for as it is. */
    assert_int_equal(unlink(f.part), 0);
    httpd_reset(&server);
    f.d.url = httpd_url(&server, 0, "/bytes/700001", f.url);
    f.d.expected_size = SIZE;
    f.d.chunk_size = SIZE;
    expect_whole(&f);
    expect_sent(0, "range", "");
    end(&f);
}

static void test_net_download__chunks_of_a_server_without_ranges(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001?norange=1");
    f.d.chunk_size = 200000;
    expect_whole(&f);
    assert_int_equal(httpd_count(&server), 1);
    end(&f);
}

struct renewer {
    int calls;
    ptm_rc rc;
    bool give_up;
};

/* Links of a Git LFS server: valid for two answers, then a new signature is needed. */
static ptm_rc renew(void *arg, char **out_url, char ***out_headers, size_t *out_n,
                    struct ptm_err *e)
{
    struct renewer *r = arg;
    char path[128], url[HTTPD_URL];
    r->calls++;
    if (r->rc) return ptm_err_set(e, r->rc, "the hub says no");
    if (r->give_up) return PTM_OK;
    snprintf(path, sizeof path, "/bytes/700001?cut=100000&expire=2&sig=%d", r->calls);
    *out_url = strdup(httpd_url(&server, 0, path, url));
    *out_headers = calloc(1, sizeof(char *));
    (*out_headers)[0] = strdup("X-Key: renewed");
    *out_n = 1;
    return PTM_OK;
}

static void test_net_download__an_expired_link_is_renewed_midway(void **state)
{
    (void)state;
    struct fixture f;
    struct renewer r = {0};
    begin_with(&f, "/bytes/700001?cut=100000&expire=2&sig=0", NET_OPTS(.retries = 20));
    f.d.renew = renew;
    f.d.renew_arg = &r;
    expect_whole(&f);
    assert_int_equal(f.fetched, SIZE);
    assert_int_equal(r.calls, 3);
    expect_sent(0, "x-key", "");
    expect_sent(3, "x-key", "renewed");
    expect_sent(3, "range", "bytes=200000-");
    end(&f);
}

static void test_net_download__renewing_may_fail_or_give_up(void **state)
{
    (void)state;
    struct fixture f;
    struct renewer r = {.rc = PTM_EGATED};
    begin(&f, "/status/403");
    f.d.renew = renew;
    f.d.renew_arg = &r;
    expect_failure(&f, PTM_EGATED, "the hub says no");
    r = (struct renewer){.give_up = true};
    expect_failure(&f, PTM_EHTTP, "HTTP 403");
    assert_int_equal(r.calls, 1);
    end(&f);
}

static void test_net_download__a_redirects_link_is_asked_for_anew(void **state)
{
    (void)state;
    struct fixture f;
    char path[256];
    begin(&f, "/bytes/700001");
    snprintf(path, sizeof path,
             "/redirect?to=http://127.0.0.1:%d/bytes/700001%%3Fcut=300000%%26times=1",
             server.port[1]);
    f.d.url = httpd_url(&server, 0, path, f.url);
    expect_whole(&f);
    assert_int_equal(httpd_count(&server), 4);
    expect_sent(2, "range", "bytes=300000-");
    expect_sent(3, "range", "bytes=300000-");
    /* A signed link that is refused: the hub is asked for another. */
    assert_int_equal(unlink(f.part), 0);
    httpd_reset(&server);
    snprintf(path, sizeof path, "/redirect?to=http://127.0.0.1:%d/fail/403/bytes/700001%%3Ftimes=1",
             server.port[1]);
    f.d.url = httpd_url(&server, 0, path, f.url);
    expect_whole(&f);
    assert_int_equal(httpd_count(&server), 4);
    end(&f);
}

static void test_net_download__absent_is_absent(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/status/404");
    put_true_part(&f, 100);
    expect_failure(&f, PTM_ENOTFOUND, "not found");
    assert_int_equal(part_size(&f), 100);
    assert_int_equal(httpd_count(&server), 1);
    end(&f);
}

static void test_net_download__offline_proves_what_is_there(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, "/bytes/700001", NET_OPTS(.offline = true));
    expect_failure(&f, PTM_EOFFLINE, "--offline");
    put_true_part(&f, SIZE);
    expect_whole(&f);
    assert_int_equal(httpd_count(&server), 0);
    end(&f);
}

/* The server stalls there, so that nothing is under way when the cancel comes. */
static void *cancel_at_the_stall(void *arg)
{
    struct fixture *f = arg;
    for (int i = 0; i < 6000 && part_size(f) < 400000; i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    ptm_ctx_cancel(f->c.ctx, 1);
    return NULL;
}

static void test_net_download__interrupted_keeps_the_part(void **state)
{
    (void)state;
    struct fixture f;
    pthread_t thread;
    begin_with(&f, "/bytes/700001?stall=400000", NET_OPTS(.stall_seconds = 100));
    pthread_create(&thread, NULL, cancel_at_the_stall, &f);
    expect_failure(&f, PTM_ECANCELED, "400000 bytes are kept");
    pthread_join(thread, NULL);
    assert_int_equal(part_size(&f), 400000);
    end(&f);
}

static void test_net_download__a_stalled_server_is_left_and_resumed(void **state)
{
    (void)state;
    struct fixture f;
    begin_with(&f, "/bytes/700001?stall=400000", NET_OPTS(.stall_seconds = 1));
    expect_whole(&f);
    expect_sent(1, "range", "bytes=400000-");
    end(&f);
}

/* The child is killed with no warning while bytes trickle in; what it had written is not fetched
 * again. */
static void test_net_download__survives_a_kill(void **state)
{
    (void)state;
    struct fixture f;
    char range[64], want[64];
    begin(&f, "/bytes/700001?piece=10000&drip=20&times=1");
    case_close(&f.c); /* threads do not survive a fork: each side opens its own */
    pid_t child = fork();
    if (child == 0) {
        struct ptm_ctx_opts ctx_opts = PTM_CTX_OPTS_INIT;
        if (ptm_ctx_new(&ctx_opts, &f.c.ctx, NULL) == PTM_OK &&
            ptm_net_open(f.c.ctx, NET_OPTS(), &f.c.net, NULL) == PTM_OK)
            _exit(fetch(&f) == PTM_OK ? 0 : 1);
        _exit(2);
    }
    for (int i = 0; i < 1000 && part_size(&f) < 100000; i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    kill(child, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    int64_t left = part_size(&f);
    assert_in_range(left, 100000, SIZE - 1);
    case_open(&f.c, NET_OPTS());
    f.d.url = httpd_url(&server, 0, "/bytes/700001", f.url);
    expect_whole(&f);
    assert_int_equal(f.fetched, SIZE - left);
    snprintf(want, sizeof want, "bytes=%lld-", (long long)left);
    yyjson_doc *log = httpd_log(&server);
    size_t last = yyjson_arr_size(yyjson_doc_get_root(log)) - 1;
    yyjson_doc_free(log);
    httpd_header(&server, last, "range", range, sizeof range);
    assert_string_equal(range, want);
    end(&f);
}

static void test_net_download__errors_of_the_disk(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "/bytes/700001");
    f.d.part_path = "/nonexistent/x.part";
    expect_failure(&f, PTM_ENOENT, "/nonexistent/x.part");
    f.d.part_path = f.part;
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){200000, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    ptm_rc rc = fetch(&f);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    if (rc != PTM_ELIMIT) fail_msg("%s: %s", ptm_rc_name(rc), err.msg);
    assert_non_null(strstr(err.msg, f.part));
    assert_int_equal(symlink("elsewhere", f.meta), 0);
    expect_whole(&f);
    end(&f);
}

/* A part path that is a link could make us write anywhere. */
static void test_net_download__does_not_write_through_a_link(void **state)
{
    (void)state;
    struct fixture f;
    char target[128];
    begin(&f, "/bytes/700001");
    snprintf(target, sizeof target, "%s/target", f.dir);
    assert_int_equal(symlink(target, f.part), 0);
    assert_true(fetch(&f) < 0);
    assert_false(ptmi_fs_exists(target));
    end(&f);
}

static void track(void *arg, int64_t done, int64_t total)
{
    int64_t *last = arg;
    assert_true(done >= *last && done <= total);
    *last = done;
}

/* 256 MiB through a reader that is slower than the server: memory stays where it was. */
static void test_net_download__memory_stays_flat(void **state)
{
    (void)state;
    struct fixture f;
    struct rusage before, after;
    int64_t last = 0;
    begin(&f, "/bytes/268435456");
    f.d.progress = track;
    f.d.progress_arg = &last;
    getrusage(RUSAGE_SELF, &before);
    expect_whole(&f);
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(last, 268435456);
    /* KiB. A plain build needs 2 MiB; ASan keeps what was freed for a while. */
    assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 128 << 10);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net_download__memory_stays_flat),
        cmocka_unit_test(test_net_download__a_file_comes_whole),
        cmocka_unit_test(test_net_download__without_size_and_hash),
        cmocka_unit_test(test_net_download__an_empty_file),
        cmocka_unit_test(test_net_download__a_cut_body_goes_on_at_the_offset),
        cmocka_unit_test(test_net_download__a_long_file_may_break_often),
        cmocka_unit_test(test_net_download__tries_without_progress_end),
        cmocka_unit_test(test_net_download__resumes_what_an_earlier_call_left),
        cmocka_unit_test(test_net_download__without_a_hash_it_takes_a_validator),
        cmocka_unit_test(test_net_download__a_date_serves_where_there_is_no_strong_tag),
        cmocka_unit_test(test_net_download__no_validator_no_resume),
        cmocka_unit_test(test_net_download__a_changed_file_starts_over),
        cmocka_unit_test(test_net_download__a_part_of_a_changed_file_is_not_appended),
        cmocka_unit_test(test_net_download__a_server_without_ranges_starts_over),
        cmocka_unit_test(test_net_download__a_wrong_range_is_not_appended),
        cmocka_unit_test(test_net_download__complete_but_unproven_asks_and_gets_416),
        cmocka_unit_test(test_net_download__a_part_of_something_longer_starts_over),
        cmocka_unit_test(test_net_download__rubbish_in_the_part_costs_one_more_download),
        cmocka_unit_test(test_net_download__a_wrong_hash_removes_the_part),
        cmocka_unit_test(test_net_download__a_wrong_size_is_seen_early),
        cmocka_unit_test(test_net_download__a_cap_on_what_has_no_size),
        cmocka_unit_test(test_net_download__a_choice_instead_of_a_file),
        cmocka_unit_test(test_net_download__html_instead_of_a_file),
        cmocka_unit_test(test_net_download__ranges_get_past_a_wall),
        cmocka_unit_test(test_net_download__chunks_of_a_server_without_ranges),
        cmocka_unit_test(test_net_download__an_expired_link_is_renewed_midway),
        cmocka_unit_test(test_net_download__renewing_may_fail_or_give_up),
        cmocka_unit_test(test_net_download__a_redirects_link_is_asked_for_anew),
        cmocka_unit_test(test_net_download__absent_is_absent),
        cmocka_unit_test(test_net_download__offline_proves_what_is_there),
        cmocka_unit_test(test_net_download__interrupted_keeps_the_part),
        cmocka_unit_test(test_net_download__a_stalled_server_is_left_and_resumed),
        cmocka_unit_test(test_net_download__survives_a_kill),
        cmocka_unit_test(test_net_download__errors_of_the_disk),
        cmocka_unit_test(test_net_download__does_not_write_through_a_link),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
