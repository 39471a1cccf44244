/* SPDX-License-Identifier: MIT */
/* test_weights_source.c - bytes of files, memory, parts and URLs, and the cursor over them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../src/base/auto.h"
#include "../../src/weights/source.h"

#include "../httpd/canned.h"
#include "net_fixture.h"
#include "unit_tmp.h"

static ptmi_source *lent(const char *text)
{
    ptmi_source *source = NULL;
    assert_int_equal(ptmi_source_lend(text, strlen(text), "lent", &source, NULL), PTM_OK);
    return source;
}

static void assert_bytes(ptmi_source *source, uint64_t offset, const char *want)
{
    const uint8_t *p = NULL;
    struct ptm_err err = {0};
    if (ptmi_source_at(source, offset, strlen(want), &p, &err) != PTM_OK) fail_msg("%s", err.msg);
    assert_memory_equal(p, want, strlen(want));
}

/* --- files --- */

static void test_weights_source__maps_files(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "file");
    unit_write(path, "0123456789");
    ptmi_source *source = NULL;
    uint64_t offset = 7;
    assert_int_equal(ptmi_source_open(path, false, &source, NULL), PTM_OK);
    assert_int_equal(ptmi_source_size(source), 10);
    assert_string_equal(ptmi_source_name(source), path);
    assert_false(ptmi_source_is_remote(source));
    assert_bytes(source, 0, "0123456789");
    assert_bytes(source, 3, "345");
    assert_true(ptmi_source_fd(source, &offset) >= 0);
    assert_int_equal(offset, 0);
    assert_int_equal(ptmi_source_prefetch(source, 2, 8, NULL), PTM_OK);
    ptmi_source_done_with(source, 0, 10);
    assert_bytes(source, 0, "0123456789");
    ptmi_source_unref(source);
}

static void test_weights_source__empty_files_are_fine(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const uint8_t *p = NULL;
    ptmi_source *source = NULL;
    unit_write(unit_path(tmp.path, "empty"), "");
    assert_int_equal(ptmi_source_open(unit_path(tmp.path, "empty"), true, &source, NULL), PTM_OK);
    assert_int_equal(ptmi_source_size(source), 0);
    assert_int_equal(ptmi_source_at(source, 0, 0, &p, NULL), PTM_OK);
    assert_non_null(p);
    assert_int_equal(ptmi_source_at(source, 0, 1, &p, NULL), PTM_EFORMAT);
    ptmi_source_unref(source);
}

static void test_weights_source__refuses_what_has_no_bytes(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    ptmi_source *source = NULL;
    assert_int_equal(mkfifo(unit_path(tmp.path, "fifo"), 0600), 0);
    assert_int_equal(ptmi_source_open(tmp.path, false, &source, NULL), PTM_EINVAL);
    assert_int_equal(ptmi_source_open(unit_path(tmp.path, "fifo"), false, &source, NULL),
                     PTM_EINVAL);
    assert_int_equal(ptmi_source_open("/dev/zero", false, &source, NULL), PTM_EINVAL);
    assert_int_equal(ptmi_source_open(unit_path(tmp.path, "none"), false, &source, NULL),
                     PTM_ENOENT);
    assert_null(source);
}

static void test_weights_source__writing_changes_only_the_mapping(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "file");
    unit_write(path, "0123456789");
    ptmi_source *source = NULL;
    const uint8_t *p = NULL;
    assert_int_equal(ptmi_source_open(path, true, &source, NULL), PTM_OK);
    assert_int_equal(ptmi_source_at(source, 0, 10, &p, NULL), PTM_OK);
    ((uint8_t *)(uintptr_t)p)[0] = 'X';
    ptmi_source_done_with(source, 0, 10); /* must not lose it */
    assert_bytes(source, 0, "X123");
    PTM_AUTO(ptmi_freep) char *text = unit_read(path);
    assert_string_equal(text, "0123456789");
    ptmi_source_unref(source);
}

static void test_weights_source__a_file_beneath_follows_no_link(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    assert_int_equal(mkdir(unit_path(tmp.path, "dir"), 0755), 0);
    unit_write(unit_path(tmp.path, "secret"), "secret");
    unit_write(unit_path(tmp.path, "dir/shard"), "shard");
    assert_int_equal(symlink("../secret", unit_path(tmp.path, "dir/link")), 0);
    const char *dir = unit_path(tmp.path, "dir");
    ptmi_source *source = NULL;
    assert_int_equal(ptmi_source_open_beneath(dir, "link", false, &source, NULL), PTM_EUNSAFE);
    assert_int_equal(ptmi_source_open_beneath(dir, "../secret", false, &source, NULL), PTM_EUNSAFE);
    assert_int_equal(ptmi_source_open_beneath(dir, "/etc/passwd", false, &source, NULL),
                     PTM_EUNSAFE);
    assert_int_equal(ptmi_source_open_beneath(tmp.path, "dir", false, &source, NULL), PTM_EINVAL);
    assert_int_equal(ptmi_source_open_beneath(dir, "none", false, &source, NULL), PTM_ENOENT);
    assert_int_equal(ptmi_source_open_beneath(dir, "shard", false, &source, NULL), PTM_OK);
    assert_string_equal(ptmi_source_name(source), unit_path(dir, "shard"));
    assert_bytes(source, 0, "shard");
    ptmi_source_unref(source);
}

/* --- memory and parts --- */

static void test_weights_source__a_read_past_the_end_names_the_byte(void **state)
{
    (void)state;
    ptmi_source *source = lent("0123456789");
    const uint8_t *p = NULL;
    struct ptm_err err = {0};
    assert_int_equal(ptmi_source_at(source, 7, 8, &p, &err), PTM_EFORMAT);
    assert_string_equal(err.msg, "lent: byte 7: 8 bytes are wanted, 3 are left");
    assert_int_equal(ptmi_source_at(source, 11, 0, &p, NULL), PTM_EFORMAT);
    assert_int_equal(ptmi_source_at(source, UINT64_MAX, 2, &p, NULL), PTM_EFORMAT);
    assert_int_equal(ptmi_source_at(source, 2, UINT64_MAX, &p, NULL), PTM_EFORMAT);
    assert_int_equal(ptmi_source_at(source, 10, 0, &p, NULL), PTM_OK);
    ptmi_source_unref(source);
}

static void test_weights_source__parts_hold_the_whole(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    unit_write(unit_path(tmp.path, "file"), "0123456789");
    ptmi_source *whole = NULL, *part = NULL, *inner = NULL, *other = lent("x");
    const uint8_t *p = NULL;
    uint64_t offset = 0;
    assert_int_equal(ptmi_source_open(unit_path(tmp.path, "file"), false, &whole, NULL), PTM_OK);
    assert_int_equal(ptmi_source_part(whole, 2, 6, "part", &part, NULL), PTM_OK);
    assert_int_equal(ptmi_source_part(part, 1, 3, "inner", &inner, NULL), PTM_OK);
    assert_true(ptmi_source_within(inner, part, &offset));
    assert_int_equal(offset, 1);
    assert_true(ptmi_source_within(whole, whole, &offset));
    assert_false(ptmi_source_within(whole, part, &offset));
    assert_false(ptmi_source_within(other, whole, &offset));
    ptmi_source_unref(whole);
    ptmi_source_unref(part);
    assert_string_equal(ptmi_source_name(inner), "inner");
    assert_int_equal(ptmi_source_size(inner), 3);
    assert_bytes(inner, 0, "345");
    assert_int_equal(ptmi_source_at(inner, 0, 4, &p, NULL), PTM_EFORMAT);
    assert_true(ptmi_source_fd(inner, &offset) >= 0);
    assert_int_equal(offset, 3);
    assert_int_equal(ptmi_source_part(inner, 2, 2, "p", &part, NULL), PTM_EFORMAT);
    assert_int_equal(ptmi_source_part(inner, 3, 0, "p", &part, NULL), PTM_OK);
    ptmi_source_unref(part);
    ptmi_source_unref(inner);
    ptmi_source_unref(other);
}

static void test_weights_source__memory_that_was_made_lies_in_no_file(void **state)
{
    (void)state;
    ptmi_source *source = NULL, *part = NULL;
    uint64_t offset = 0;
    assert_int_equal(ptmi_source_own(strdup("made"), 4, "made", &source, NULL), PTM_OK);
    assert_int_equal(ptmi_source_part(source, 1, 2, "part", &part, NULL), PTM_OK);
    assert_int_equal(ptmi_source_fd(part, &offset), -1);
    ptmi_source_unref(source);
    assert_bytes(part, 0, "ad");
    ptmi_source_unref(part);
    ptmi_source_unref(NULL);
}

/* --- the cursor --- */

static void test_weights_source__the_cursor_takes_integers_of_both_orders(void **state)
{
    (void)state;
    ptmi_source *source = lent("\1\1\2\3\4\1\2\3\4\5\6\7\10");
    for (int big = 0; big < 2; big++) {
        struct ptmi_cursor cursor = PTMI_CURSOR(source, 0, 13);
        uint8_t u8 = 0;
        uint32_t u32 = 0;
        uint64_t u64 = 0;
        cursor.big_endian = big;
        assert_int_equal(ptmi_cursor_u8(&cursor, &u8, NULL), PTM_OK);
        assert_int_equal(ptmi_cursor_u32(&cursor, &u32, NULL), PTM_OK);
        assert_int_equal(ptmi_cursor_left(&cursor), 8);
        assert_int_equal(ptmi_cursor_u64(&cursor, &u64, NULL), PTM_OK);
        assert_int_equal(u8, 1);
        assert_int_equal(u32, big ? 0x01020304 : 0x04030201);
        assert_int_equal(u64, big ? 0x0102030405060708 : 0x0807060504030201);
        assert_int_equal(ptmi_cursor_left(&cursor), 0);
        assert_int_equal(ptmi_cursor_u8(&cursor, &u8, NULL), PTM_EFORMAT);
    }
    ptmi_source_unref(source);
}

static void test_weights_source__the_cursor_never_passes_its_end(void **state)
{
    (void)state;
    ptmi_source *source = lent("0123456789");
    struct ptmi_cursor cursor = PTMI_CURSOR(source, 2, 6);
    const uint8_t *p = NULL;
    struct ptm_err err = {0};
    uint32_t u32 = 0;
    assert_int_equal(ptmi_cursor_take(&cursor, 1, &p, NULL), PTM_OK);
    assert_int_equal(*p, '2');
    assert_int_equal(ptmi_cursor_u32(&cursor, &u32, &err), PTM_EFORMAT);
    assert_string_equal(err.msg, "lent: byte 3: 4 bytes are wanted, 3 are left");
    assert_int_equal(cursor.pos, 3);
    assert_int_equal(ptmi_cursor_skip(&cursor, 4, NULL), PTM_EFORMAT);
    assert_int_equal(ptmi_cursor_skip(&cursor, UINT64_MAX, NULL), PTM_EFORMAT);
    assert_int_equal(ptmi_cursor_skip(&cursor, 3, NULL), PTM_OK);
    assert_int_equal(ptmi_cursor_take(&cursor, 0, &p, NULL), PTM_OK);
    assert_int_equal(ptmi_cursor_take(&cursor, 1, &p, NULL), PTM_EFORMAT);
    /* A reader may set its place and end anew. */
    cursor.pos = 0;
    assert_int_equal(ptmi_cursor_take(&cursor, 2, &p, NULL), PTM_OK);
    assert_int_equal(*p, '0');
    cursor.end = 20; /* past the source's */
    cursor.pos = 9;
    assert_int_equal(ptmi_cursor_take(&cursor, 2, &p, NULL), PTM_EFORMAT);
    cursor.pos = 21;
    assert_int_equal(ptmi_cursor_take(&cursor, 0, &p, NULL), PTM_EFORMAT);
    assert_int_equal(ptmi_cursor_skip(&cursor, 0, NULL), PTM_OK);
    ptmi_source_unref(source);
}

/* --- URLs --- */

/* A URL of the test server's content, opened. */
static ptm_rc open_url(struct net_case *c, const char *path, ptmi_source **out, struct ptm_err *err)
{
    char url[HTTPD_URL];
    return ptmi_source_open_url(c->net, httpd_url(&server, 0, path, url), out, err);
}

static void assert_range(size_t nth, const char *want)
{
    char range[64];
    httpd_header(&server, nth, "range", range, sizeof range);
    assert_string_equal(range, want);
}

static void test_weights_source__a_url_is_read_by_few_ranges(void **state)
{
    (void)state;
    struct net_case c;
    case_open(&c, NET_OPTS(.no_netrc = true));
    ptmi_source *source = NULL;
    struct ptm_err err = {0};
    const uint8_t *p = NULL, *tail = NULL;
    if (open_url(&c, "/bytes/50000000?seed=a", &source, &err) != PTM_OK) fail_msg("%s", err.msg);
    assert_int_equal(ptmi_source_size(source), 50000000);
    assert_true(ptmi_source_is_remote(source));
    assert_int_equal(ptmi_source_at(source, 0, 65536, &p, NULL), PTM_OK);
    assert_int_equal(httpd_count(&server), 1);
    assert_range(0, "bytes=0-65535");
    /* As the zip reader: the last 64 KiB and 21 bytes more, then a piece in the middle. */
    assert_int_equal(ptmi_source_at(source, 50000000 - 65557, 65557, &tail, NULL), PTM_OK);
    assert_int_equal(ptmi_source_prefetch(source, 20000000, 3000000, NULL), PTM_OK);
    assert_int_equal(ptmi_source_at(source, 20000000, 3000000, &p, NULL), PTM_OK);
    assert_int_equal(httpd_count(&server), 3);
    assert_range(1, "bytes=49872896-49999999");
    /* Each MiB of the content begins with its number; what was handed out stays. */
    assert_int_equal(ptmi_source_at(source, 20 << 20, 8, &p, NULL), PTM_OK);
    assert_int_equal(ptmi_le64(p), 20);
    assert_int_equal(httpd_count(&server), 3);
    assert_int_equal(ptmi_source_at(source, 0, 8, &p, NULL), PTM_OK);
    assert_int_equal(ptmi_le64(p), 0);
    assert_int_equal(ptmi_source_at(source, 50000000, 1, &p, NULL), PTM_EFORMAT);
    ptmi_source_unref(source);
    case_close(&c);
}

static void test_weights_source__who_reads_on_gets_ever_more(void **state)
{
    (void)state;
    struct net_case c;
    case_open(&c, NET_OPTS(.no_netrc = true));
    ptmi_source *source = NULL;
    assert_int_equal(open_url(&c, "/bytes/20000000", &source, NULL), PTM_OK);
    struct ptmi_cursor cursor = PTMI_CURSOR(source, 0, 20000000);
    for (int i = 0; i < 20000000 / 16; i++) {
        const uint8_t *p = NULL;
        assert_int_equal(ptmi_cursor_take(&cursor, 16, &p, NULL), PTM_OK);
        if (i % 65536 == 0) assert_int_equal(ptmi_le64(p), i / 65536);
    }
    assert_in_range(httpd_count(&server), 8, 12);
    ptmi_source_unref(source);
    case_close(&c);
}

static void test_weights_source__holes_are_filled_without_fetching_twice(void **state)
{
    (void)state;
    struct net_case c;
    case_open(&c, NET_OPTS(.no_netrc = true));
    ptmi_source *source = NULL;
    const uint8_t *p = NULL;
    assert_int_equal(open_url(&c, "/bytes/1000000", &source, NULL), PTM_OK);
    assert_int_equal(ptmi_source_at(source, 400000, 10, &p, NULL), PTM_OK);
    assert_int_equal(ptmi_source_at(source, 0, 1000000, &p, NULL), PTM_OK);
    assert_int_equal(httpd_count(&server), 4);
    assert_range(1, "bytes=393216-458751");
    assert_range(2, "bytes=65536-393215");
    assert_range(3, "bytes=458752-999999");
    ptmi_source_unref(source);
    case_close(&c);
}

static void test_weights_source__a_small_file_may_come_whole(void **state)
{
    (void)state;
    struct net_case c;
    case_open(&c, NET_OPTS(.no_netrc = true));
    static const struct {
        const char *path;
        uint64_t size;
    } files[] = {{"/bytes/200000?norange=1", 200000},
                 {"/bytes/1000", 1000},
                 {"/bytes/65536", 65536},
                 {"/bytes/0", 0},
                 {"/bytes/0?norange=1", 0}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        ptmi_source *source = NULL;
        const uint8_t *p = NULL;
        struct ptm_err err = {0};
        httpd_reset(&server);
        if (open_url(&c, files[i].path, &source, &err) != PTM_OK)
            fail_msg("%s: %s", files[i].path, err.msg);
        assert_int_equal(ptmi_source_size(source), files[i].size);
        assert_int_equal(ptmi_source_at(source, 0, files[i].size, &p, NULL), PTM_OK);
        assert_int_equal(httpd_count(&server), 1);
        ptmi_source_unref(source);
    }
    case_close(&c);
}

static void test_weights_source__servers_without_ranges_are_told(void **state)
{
    (void)state;
    struct net_case c;
    case_open(&c, NET_OPTS(.retries = -1));
    static const struct {
        const char *path;
        ptm_rc rc;
        const char *says;
    } files[] = {
        {"/bytes/3000000?norange=1", PTM_EUNSUPPORTED, "download the file first"},
        {"/endless", PTM_EUNSUPPORTED, "download the file first"},
        {"/bytes/3000000?wrongrange=1", PTM_EIO, "were asked for"},
        {"/bytes/3000000?cut=1000", PTM_ENET, ""},
        {"/status/204", PTM_EUNSUPPORTED, "HTTP 204"},
        {"/status/404", PTM_ENOTFOUND, "404"},
        {"/status/403", PTM_EGATED, "403"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        ptmi_source *source = NULL;
        struct ptm_err err = {0};
        ptm_rc rc = open_url(&c, files[i].path, &source, &err);
        if (rc != files[i].rc && !(files[i].rc == PTM_EGATED && err.http_status == 403))
            fail_msg("%s gave %d: %s", files[i].path, rc, err.msg);
        if (!strstr(err.msg, files[i].says)) fail_msg("%s: %s", files[i].path, err.msg);
        assert_null(source);
    }
    case_close(&c);
}

static void test_weights_source__a_cut_answer_is_asked_for_again(void **state)
{
    (void)state;
    struct net_case c;
    case_open(&c, NET_OPTS(.no_netrc = true));
    ptmi_source *source = NULL;
    const uint8_t *p = NULL;
    struct ptm_err err = {0};
    ptm_rc rc = open_url(&c, "/bytes/3000000?cut=1000&times=2&key=again", &source, &err);
    if (rc != PTM_OK) fail_msg("%s", err.msg);
    assert_int_equal(httpd_count(&server), 3);
    assert_int_equal(ptmi_source_at(source, 1 << 20, 8, &p, NULL), PTM_OK);
    assert_int_equal(ptmi_le64(p), 1);
    ptmi_source_unref(source);
    case_close(&c);
}

/* The second answer of a server that says other things than in its first. */
struct second {
    const char *range, *etag, *modified;
    size_t len;
    int status;
    ptm_rc rc;
    const char *says;
};

static void answer(struct canned *canned, const struct second *with, bool first)
{
    PTM_AUTO(ptmi_freep) char *body = calloc(1, with->len + 1);
    assert_non_null(body);
    memset(body, first ? '1' : '2', with->len);
    yyjson_mut_val *rule = canned_rule(canned, "/file", with->status, body);
    if (first) canned_int(canned, rule, "times", 1);
    if (with->range) canned_header(canned, rule, "Content-Range", with->range);
    if (with->etag) canned_header(canned, rule, "ETag", with->etag);
    if (with->modified) canned_header(canned, rule, "Last-Modified", with->modified);
}

static void read_twice(ptm_net *net, struct canned *canned, const struct second *second)
{
    static const struct second first = {
        "bytes 0-65535/131072", "\"a\"", "today", 65536, 206, 0, NULL};
    char url[64];
    struct ptm_err err = {0};
    const uint8_t *p = NULL;
    canned_reset(canned);
    answer(canned, &first, true);
    answer(canned, second, false);
    canned_apply(canned);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/file", canned->port);
    ptmi_source *source = NULL;
    if (ptmi_source_open_url(net, url, &source, &err) != PTM_OK) fail_msg("%s", err.msg);
    ptm_rc rc = ptmi_source_at(source, 65536, 65536, &p, &err);
    if (rc != second->rc || (rc != PTM_OK && !strstr(err.msg, second->says)))
        fail_msg("%s gave %d: %s", second->range ? second->range : "none", rc, err.msg);
    if (rc == PTM_OK) assert_int_equal(*p, '2');
    assert_bytes(source, 65530, "111111"); /* what came first stays */
    ptmi_source_unref(source);
}

static void test_weights_source__a_file_that_changes_is_noticed(void **state)
{
    (void)state;
    static const char changed[] = "changed on the server";
    static const struct second seconds[] = {
        {"bytes 65536-131071/131072", "\"a\"", "today", 65536, 206, PTM_OK, NULL},
        {"bytes 65536-131071/131072", "\"b\"", "today", 65536, 206, PTM_EIO, changed},
        {"bytes 65536-131071/131072", NULL, "today", 65536, 206, PTM_EIO, changed},
        {"bytes 65536-131071/131072", "\"a\"", "tomorrow", 65536, 206, PTM_EIO, changed},
        {"bytes 65536-131071/131073", "\"a\"", "today", 65536, 206, PTM_EIO, changed},
        {"bytes 65536-131071/131072", "\"a\"", "today", 100, 206, PTM_EIO, "100 bytes of"},
        {"bytes 65536-65635/131072", "\"a\"", "today", 100, 206, PTM_EIO, "were asked for"},
        {"bytes 0-65535/131072", "\"a\"", "today", 65536, 206, PTM_EIO, "were asked for"},
        {"bytes 65536-131072/131073", "\"a\"", "today", 65537, 206, PTM_EUNSUPPORTED, "more than"},
        {"bytes */131072", "\"a\"", "today", 65536, 206, PTM_EUNSUPPORTED, "which bytes"},
        {"bytes 65536-131071/*", "\"a\"", "today", 65536, 206, PTM_EUNSUPPORTED, "how many"},
        {NULL, "\"a\"", "today", 65536, 206, PTM_EUNSUPPORTED, "which bytes"},
        {NULL, "\"a\"", "today", 65536, 200, PTM_EUNSUPPORTED, "does not serve ranges"},
        {NULL, "\"a\"", "today", 10, 416, PTM_EHTTP, "416"},
    };
    struct canned canned;
    struct ptm_net_opts opts = PTM_NET_OPTS_INIT;
    ptm_ctx *ctx = NULL;
    ptm_net *net = NULL;
    opts.retries = -1;
    canned_start(&canned);
    if (canned.port == 0) {
        canned_stop(&canned);
        skip();
    }
    assert_int_equal(ptm_ctx_new(NULL, &ctx, NULL), PTM_OK);
    assert_int_equal(ptm_net_open(ctx, &opts, &net, NULL), PTM_OK);
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++)
        read_twice(net, &canned, &seconds[i]);
    ptm_net_close(net);
    ptm_ctx_free(ctx);
    canned_stop(&canned);
}

static void test_weights_source__a_server_that_packs_is_told(void **state)
{
    (void)state;
    struct net_case c;
    case_open(&c, NET_OPTS(.retries = -1));
    ptmi_source *source = NULL;
    struct ptm_err err = {0};
    assert_int_equal(open_url(&c, "/bytes/1000?header=Content-Encoding:gzip", &source, &err),
                     PTM_EUNSUPPORTED);
    assert_non_null(strstr(err.msg, "packs the file"));
    assert_int_equal(
        open_url(&c, "/bytes/1000?norange=1&header=Content-Encoding:br", &source, &err),
        PTM_EUNSUPPORTED);
    assert_int_equal(open_url(&c, "/bytes/1000?header=Content-Encoding:identity", &source, NULL),
                     PTM_OK);
    ptmi_source_unref(source);
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_source__maps_files),
        cmocka_unit_test(test_weights_source__empty_files_are_fine),
        cmocka_unit_test(test_weights_source__refuses_what_has_no_bytes),
        cmocka_unit_test(test_weights_source__writing_changes_only_the_mapping),
        cmocka_unit_test(test_weights_source__a_file_beneath_follows_no_link),
        cmocka_unit_test(test_weights_source__a_read_past_the_end_names_the_byte),
        cmocka_unit_test(test_weights_source__parts_hold_the_whole),
        cmocka_unit_test(test_weights_source__memory_that_was_made_lies_in_no_file),
        cmocka_unit_test(test_weights_source__the_cursor_takes_integers_of_both_orders),
        cmocka_unit_test(test_weights_source__the_cursor_never_passes_its_end),
        cmocka_unit_test(test_weights_source__a_url_is_read_by_few_ranges),
        cmocka_unit_test(test_weights_source__who_reads_on_gets_ever_more),
        cmocka_unit_test(test_weights_source__holes_are_filled_without_fetching_twice),
        cmocka_unit_test(test_weights_source__a_small_file_may_come_whole),
        cmocka_unit_test(test_weights_source__servers_without_ranges_are_told),
        cmocka_unit_test(test_weights_source__a_cut_answer_is_asked_for_again),
        cmocka_unit_test(test_weights_source__a_file_that_changes_is_noticed),
        cmocka_unit_test(test_weights_source__a_server_that_packs_is_told),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
