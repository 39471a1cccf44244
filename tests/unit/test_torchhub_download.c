/* SPDX-License-Identifier: MIT */
/* test_torchhub_download.c - ptm_torchhub_download_url_to_file: whole, right and no web page, or
 * not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/stat.h>

#include "torchhub/torchhub_priv.h"
#include "torchhub_case.h"

#include "base/auto.h"
#include "base/hash.h"

#define BYTES "/bytes/300000"
#define DIGEST "/sha256/300000"

static struct hub_case c;

static void begin(const char *path)
{
    hub_begin(&c, path);
}

static ptm_rc fetch_as(const char *name, const struct ptm_torchhub_download_opts *opts,
                       char sum[65])
{
    c.err = (struct ptm_err){0};
    return ptm_torchhub_download_url_to_file(c.hub, c.url, hub_file(&c, name), opts, sum, &c.err);
}

static void expect(ptm_rc rc, ptm_rc want, const char *says)
{
    expect_rc(&c, rc, want, says);
}

#define OPTS(...)                                                      \
    &(struct ptm_torchhub_download_opts)                               \
    {                                                                  \
        .size = sizeof(struct ptm_torchhub_download_opts), __VA_ARGS__ \
    }

/* Nothing but the named file in the scratch folder (NULL: nothing at all). */
static void expect_alone(const char *name)
{
    assert_int_equal(unit_entries(c.tmp.path), name ? 1 : 0);
    if (name) assert_true(ptmi_fs_exists(hub_file(&c, name)));
}

static void expect_sum(const char *name, const char *want)
{
    char sum[65];
    int fd = open(hub_file(&c, name), O_RDONLY | O_CLOEXEC);
    assert_int_equal(ptmi_hash_fd(PTMI_SHA256, fd, sum, NULL, NULL), PTM_OK);
    close(fd);
    assert_string_equal(sum, want);
}

static void test_torchhub_download__brings_the_file_with_the_umask(void **state)
{
    struct stat st;
    char sum[65], *want;
    (void)state;
    begin(BYTES);
    want = httpd_get(&server, DIGEST);
    mode_t before = umask(027);
    expect(fetch_as("a.pth", NULL, sum), PTM_OK, NULL);
    umask(before);
    assert_string_equal(sum, want);
    expect_sum("a.pth", want);
    assert_int_equal(stat(hub_file(&c, "a.pth"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    expect_alone("a.pth");
    free(want);
    hub_end(&c);
}

static void test_torchhub_download__checks_a_prefix_in_torchs_words(void **state)
{
    char prefix[65], says[256], *want;
    (void)state;
    begin(BYTES);
    want = httpd_get(&server, DIGEST);
    for (int i = 0; i < 12; i++) prefix[i] = (char)(want[i] >= 'a' ? want[i] - 32 : want[i]);
    prefix[12] = '\0';
    expect(fetch_as("a.pth", OPTS(.hash_prefix = prefix), NULL), PTM_OK, NULL);
    expect(fetch_as("b.pth", OPTS(.hash_prefix = want), NULL), PTM_OK, NULL);
    prefix[3] = prefix[3] == '0' ? '1' : '0';
    snprintf(says, sizeof says, "invalid hash value (expected \"%s\", got \"%s\")", prefix, want);
    expect(fetch_as("c.pth", OPTS(.hash_prefix = prefix), NULL), PTM_EHASH, says);
    assert_int_equal(unit_entries(c.tmp.path), 2);
    expect(fetch_as("d.pth", OPTS(.hash_prefix = "xyz"), NULL), PTM_EINVAL, "hex digits");
    expect(fetch_as("d.pth", OPTS(.hash_prefix = ""), NULL), PTM_OK, NULL);
    free(want);
    hub_end(&c);
}

static void test_torchhub_download__keeps_what_is_there(void **state)
{
    char sum[65];
    (void)state;
    begin(BYTES);
    unit_write(hub_file(&c, "a.pth"), "\x80\x02 mine");
    expect(fetch_as("a.pth", NULL, sum), PTM_OK, NULL);
    assert_string_equal(sum, "");
    assert_int_equal(httpd_count(&server), 0);
    expect(fetch_as("a.pth", OPTS(.replace = true), sum), PTM_OK, NULL);
    char *want = httpd_get(&server, DIGEST);
    expect_sum("a.pth", want);
    assert_string_equal(sum, want);
    free(want);
    hub_end(&c);
}

static void test_torchhub_download__fetches_a_wrong_file_anew(void **state)
{
    char sum[65], *want;
    (void)state;
    begin(BYTES);
    want = httpd_get(&server, DIGEST);
    httpd_reset(&server);
    unit_write(hub_file(&c, "a.pth"), "wrong");
    expect(fetch_as("a.pth", OPTS(.hash_prefix = want), sum), PTM_OK, NULL);
    const char *told = strstr(logged, "fetching it anew");
    assert_non_null(told);
    assert_null(strstr(told + 1, "fetching it anew")); /* looked at once, not again with the lock */
    assert_int_equal(httpd_count(&server), 1);
    expect(fetch_as("a.pth", OPTS(.hash_prefix = want), sum), PTM_OK, NULL);
    assert_string_equal(sum, want);
    assert_int_equal(httpd_count(&server), 1);
    free(want);
    hub_end(&c);
}

static void test_torchhub_download__of_nothing_leaves_nothing(void **state)
{
    (void)state;
    begin("/nowhere");
    assert_true(fetch_as("a.pth", NULL, NULL) < 0);
    assert_int_equal(c.err.http_status, 404);
    expect_alone(NULL);
    hub_end(&c);
}

static void test_torchhub_download__refuses_a_short_body(void **state)
{
    (void)state;
    begin(BYTES "?cut=1000&times=1000&norange=1");
    ptm_torchhub_close(c.hub);
    struct ptm_torchhub_opts opts = PTM_TORCHHUB_OPTS_INIT;
    opts.dir = hub_file(&c, "hub");
    opts.net = NET_OPTS(.retries = 1);
    assert_int_equal(ptm_torchhub_open(c.ctx, &opts, &c.hub, NULL), PTM_OK);
    assert_true(fetch_as("a.pth", NULL, NULL) < 0);
    assert_false(ptmi_fs_exists(hub_file(&c, "a.pth")));
    assert_false(ptmi_fs_exists(hub_file(&c, "a.pth.ptm-lock")));
    hub_end(&c);
}

static void test_torchhub_download__resumes(void **state)
{
    char range[64], *want;
    (void)state;
    begin(BYTES "?cut=100000&times=1");
    want = httpd_get(&server, DIGEST);
    httpd_reset(&server);
    ptm_torchhub_close(c.hub);
    struct ptm_torchhub_opts opts = PTM_TORCHHUB_OPTS_INIT;
    opts.net = NET_OPTS(.retries = -1);
    assert_int_equal(ptm_torchhub_open(c.ctx, &opts, &c.hub, NULL), PTM_OK);
    assert_true(fetch_as("a.pth", NULL, NULL) < 0);
    assert_true(ptmi_fs_exists(hub_file(&c, "a.pth.ptm-part")));
    expect(fetch_as("a.pth", OPTS(.hash_prefix = want), NULL), PTM_OK, NULL);
    httpd_header(&server, 1, "range", range, sizeof range);
    assert_string_equal(range, "bytes=100000-");
    expect_alone("a.pth");
    free(want);
    hub_end(&c);
}

/* The part says which version it is of, and its bytes are others all the same. */
static void test_torchhub_download__starts_over_when_the_part_was_wrong(void **state)
{
    char sum[65], *want;
    (void)state;
    begin(BYTES "?etag=same");
    want = httpd_get(&server, DIGEST);
    httpd_reset(&server);
    unit_write(hub_file(&c, "a.pth.ptm-part"), "wrong bytes");
    unit_write(hub_file(&c, "a.pth.ptm-part.meta"), "\"same\"");
    expect(fetch_as("a.pth", OPTS(.hash_prefix = want), sum), PTM_OK, NULL);
    assert_int_equal(httpd_count(&server), 2);
    assert_non_null(strstr(logged, "from the start"));
    expect_alone("a.pth");
    free(want);
    hub_end(&c);
}

static void test_torchhub_download__leaves_room_on_the_disk_where_told(void **state)
{
    (void)state;
    begin(BYTES);
    c.hub->keep_free = INT64_MAX / 2;
    expect(fetch_as("a.pth", NULL, NULL), PTM_ENOSPC, "nearly full");
    assert_int_equal(unit_entries(c.tmp.path), 0);
    c.hub->keep_free = 1;
    expect(fetch_as("a.pth", NULL, NULL), PTM_OK, NULL);
    hub_end(&c);
}

static void test_torchhub_download__names_a_page(void **state)
{
    (void)state;
    begin("/html");
    expect(fetch_as("a.pth", NULL, NULL), PTM_EFORMAT, "is an HTML page");
    assert_non_null(strstr(c.err.msg, c.url));
    assert_non_null(strstr(c.err.msg, "browser"));
    expect_alone(NULL);
    expect(fetch_as("page.html", NULL, NULL), PTM_OK, NULL);
    expect(fetch_as("b.pth", OPTS(.any_content = true), NULL), PTM_OK, NULL);
    /* It stands there from now on, as one that torch had put there would. */
    httpd_reset(&server);
    expect(fetch_as("b.pth", NULL, NULL), PTM_EFORMAT, "remove it");
    assert_int_equal(httpd_count(&server), 0);
    hub_end(&c);
}

static void test_torchhub_download__names_the_folder_that_is_missing(void **state)
{
    (void)state;
    begin(BYTES);
    expect(fetch_as("no/such/a.pth", NULL, NULL), PTM_ENOENT, "no/such: no such folder");
    expect(fetch_as(".", NULL, NULL), PTM_EINVAL, "is a folder");
    expect(ptm_torchhub_download_url_to_file(c.hub, c.url, "", NULL, NULL, &c.err), PTM_EINVAL,
           "no file name");
    snprintf(c.url, sizeof c.url, "ftp://me:sesame@127.0.0.1/a.pth");
    expect(fetch_as("a.pth", NULL, NULL), PTM_EUNSUPPORTED, "http, https and file");
    assert_null(strstr(c.err.msg, "sesame"));
    expect(ptm_torchhub_download_url_to_file(c.hub, c.url, "", NULL, NULL, &c.err), PTM_EINVAL,
           "no file name");
    assert_null(strstr(c.err.msg, "sesame"));
    expect_alone(NULL);
    hub_end(&c);
}

static void test_torchhub_download__copies_file_urls(void **state)
{
    char sum[65];
    (void)state;
    hub_begin_with(&c, NET_OPTS(.offline = true));
    unit_write(hub_file(&c, "my model.txt"), "weights");
    snprintf(c.url, sizeof c.url, "file://%s/my%%20model.txt", c.tmp.path);
    expect(fetch_as("a.bin.txt", NULL, sum), PTM_OK, NULL);
    PTM_AUTO(ptmi_freep) char *text = unit_read(hub_file(&c, "a.bin.txt"));
    assert_string_equal(text, "weights");
    expect(fetch_as("b", OPTS(.hash_prefix = "0000"), NULL), PTM_EHASH, "invalid hash value");
    snprintf(c.url, sizeof c.url, "file://elsewhere/a");
    expect(fetch_as("b", NULL, NULL), PTM_EINVAL, "no path of a file on this machine");
    snprintf(c.url, sizeof c.url, "file://%s/none", c.tmp.path);
    expect(fetch_as("b", NULL, NULL), PTM_ENOENT, "none");
    snprintf(c.url, sizeof c.url, "file://%s", c.tmp.path);
    expect(fetch_as("b", NULL, NULL), PTM_EINVAL, "no regular file");
    assert_int_equal(unit_entries(c.tmp.path), 2);
    snprintf(c.url, sizeof c.url, "http://127.0.0.1:9/a");
    expect(fetch_as("b", NULL, NULL), PTM_EOFFLINE, "offline");
    hub_end(&c);
}

/* A link planted at the part's name is not written through. */
static void test_torchhub_download__follows_no_planted_link(void **state)
{
    (void)state;
    hub_begin_with(&c, NET_OPTS(.offline = true));
    unit_write(hub_file(&c, "victim"), "precious");
    unit_write(hub_file(&c, "from"), "weights");
    assert_int_equal(symlink("victim", hub_file(&c, "a.ptm-part")), 0);
    snprintf(c.url, sizeof c.url, "file://%s/from", c.tmp.path);
    assert_true(fetch_as("a", NULL, NULL) < 0);
    PTM_AUTO(ptmi_freep) char *text = unit_read(hub_file(&c, "victim"));
    assert_string_equal(text, "precious");
    hub_end(&c);
}

static void *fetch_thread(void *arg)
{
    struct ptm_err err = {0};
    ptm_rc rc =
        ptm_torchhub_download_url_to_file(c.hub, c.url, hub_file(&c, "a.pth"), arg, NULL, &err);
    if (rc != PTM_OK) fprintf(stderr, "%s\n", err.msg);
    return rc == PTM_OK ? NULL : arg;
}

static void all_at_once(const struct ptm_torchhub_download_opts *opts)
{
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, fetch_thread, (void *)opts), 0);
    for (int i = 0; i < 8; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

static void test_torchhub_download__many_at_once_fetch_once(void **state)
{
    (void)state;
    begin(BYTES "?drip=2&piece=20000");
    all_at_once(OPTS(.any_content = true));
    assert_int_equal(httpd_count(&server), 1);
    expect_alone("a.pth");
    hub_end(&c);
}

/* Another replaced the file while we waited: that one is as new as can be. */
static void test_torchhub_download__who_waited_to_replace_takes_what_came(void **state)
{
    pthread_t thread;
    void *failed = NULL;
    ptmi_lock *lock = NULL;
    (void)state;
    hub_begin_with(&c, NET_OPTS(.offline = true));
    unit_write(hub_file(&c, "a.pth"), "old");
    unit_write(hub_file(&c, "new"), "another's");
    unit_write(hub_file(&c, "from"), "fetched");
    snprintf(c.url, sizeof c.url, "file://%s/from", c.tmp.path);
    assert_int_equal(ptmi_lock_take(c.ctx, hub_file(&c, "a.pth.ptm-lock"), &lock, NULL), PTM_OK);
    assert_int_equal(
        pthread_create(&thread, NULL, fetch_thread, OPTS(.any_content = true, .replace = true)), 0);
    for (int i = 0; i < 3000 && !was_logged("waiting for"); i++) usleep(10000);
    assert_true(was_logged("waiting for"));
    char to[512];
    snprintf(to, sizeof to, "%s", hub_file(&c, "a.pth"));
    assert_int_equal(rename(hub_file(&c, "new"), to), 0);
    ptmi_lock_remove(lock);
    pthread_join(thread, &failed);
    assert_null(failed);
    PTM_AUTO(ptmi_freep) char *text = unit_read(hub_file(&c, "a.pth"));
    assert_string_equal(text, "another's");
    hub_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchhub_download__brings_the_file_with_the_umask),
        cmocka_unit_test(test_torchhub_download__checks_a_prefix_in_torchs_words),
        cmocka_unit_test(test_torchhub_download__keeps_what_is_there),
        cmocka_unit_test(test_torchhub_download__fetches_a_wrong_file_anew),
        cmocka_unit_test(test_torchhub_download__of_nothing_leaves_nothing),
        cmocka_unit_test(test_torchhub_download__refuses_a_short_body),
        cmocka_unit_test(test_torchhub_download__resumes),
        cmocka_unit_test(test_torchhub_download__starts_over_when_the_part_was_wrong),
        cmocka_unit_test(test_torchhub_download__leaves_room_on_the_disk_where_told),
        cmocka_unit_test(test_torchhub_download__names_a_page),
        cmocka_unit_test(test_torchhub_download__names_the_folder_that_is_missing),
        cmocka_unit_test(test_torchhub_download__copies_file_urls),
        cmocka_unit_test(test_torchhub_download__follows_no_planted_link),
        cmocka_unit_test(test_torchhub_download__many_at_once_fetch_once),
        cmocka_unit_test(test_torchhub_download__who_waited_to_replace_takes_what_came),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
