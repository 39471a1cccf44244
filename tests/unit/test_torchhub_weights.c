/* SPDX-License-Identifier: MIT */
/* test_torchhub_weights.c - names and hashes of checkpoints, where they go, what opens them, and
 * what is known not to be one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "torchhub_case.h"

#include "torchhub/torchhub_priv.h"

static struct hub_case c;

static void expect(ptm_rc rc, ptm_rc want, const char *says)
{
    expect_rc(&c, rc, want, says);
}

static void test_torchhub_weights__a_name_promises_a_hash(void **state)
{
    static const struct {
        const char *name, *prefix;
    } names[] = {
        {"resnet18-5c106cde.pth", "5c106cde"},
        {"resnet18-f37072fd0123.pth", "f37072fd0123"},
        {"yolov5s-7.0.pt", NULL},
        {"x-.pth", NULL},
        {"net-abc.v2-0123456789abcdef.pth", "0123456789abcdef"},
        {"net-0123abcd.tar.gz", "0123abcd"},
        {"net-5C106CDE.pth", NULL},
        {"net-5c106cde", NULL},
        {"net-5c106cd.pth", NULL},
        {"5c106cde.pth", NULL},
        {"a-b-5c106cde.pth", "5c106cde"},
        {"net-00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0.pth", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char got[65] = "";
        bool has = ptm_torchhub_hash_prefix(names[i].name, got);
        assert_int_equal(has, names[i].prefix != NULL);
        if (has) assert_string_equal(got, names[i].prefix);
    }
}

static void test_torchhub_weights__are_named_as_torch_names_them(void **state)
{
    static const struct {
        const char *url, *name;
    } urls[] = {
        {"https://download.pytorch.org/models/resnet18-5c106cde.pth", "resnet18-5c106cde.pth"},
        {"https://example.org/a/b.pth?download=1&x=/y.bin#frag", "b.pth"},
        {"https://example.org/my%20model.pth", "my%20model.pth"},
        {"https://example.org/%2e%2e", "%2e%2e"},
        {"https://example.org/a.pth;v=1", "a.pth"},
        {"file:///models/a.pt", "a.pt"},
        {"https://example.org/dir/", NULL},
        {"https://example.org", NULL},
        {"https://example.org?a=/b.pth", NULL},
        {"https://example.org/..", NULL},
        {"https://example.org/a\x01.pth", NULL},
        {"https://example.org/.git", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct ptm_err err = {0};
        PTM_AUTO(ptmi_freep) char *name = NULL;
        ptm_rc rc = ptmi_weights_name(urls[i].url, &name, &err);
        assert_int_equal(rc, urls[i].name ? PTM_OK : PTM_EINVAL);
        if (urls[i].name) assert_string_equal(name, urls[i].name);
        if (!urls[i].name) assert_non_null(strstr(err.msg, "--file-name"));
    }
}

static const char *what_is(const char *text)
{
    return ptmi_not_checkpoint(text, strlen(text));
}

static void test_torchhub_weights__what_came_instead_is_named(void **state)
{
    (void)state;
    assert_string_equal(what_is("\n <!DOCTYPE html><html>"), "an HTML page");
    assert_string_equal(what_is("\xef\xbb\xbf<HTML>"), "an HTML page");
    assert_string_equal(what_is("<?xml version='1.0'?><html xmlns=''>"), "an HTML page");
    assert_string_equal(what_is("<?xml version='1.0'?><Error><Code>AccessDenied"),
                        "an XML document");
    assert_string_equal(what_is("{\"error\": \"Repository not found\"}"), "a JSON document");
    assert_string_equal(what_is("404: Not Found"), "plain text");
    assert_string_equal(what_is("Forbidden\n"), "plain text");
    assert_string_equal(what_is("%PDF-1.7 \xff"), "a PDF document");
    assert_string_equal(what_is(""), "an empty file");
    assert_string_equal(what_is(" \n"), "an empty file");
    assert_string_equal(what_is("version https://git-lfs.github.com/spec/v1\noid sha256:"
                                "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
                                "size 12345\n"),
                        "a Git LFS pointer");
}

static void test_torchhub_weights__doubt_is_no_page(void **state)
{
    (void)state;
    assert_null(what_is("PK\x03\x04<html>"));
    assert_null(what_is("\x80\x02}q"));
    assert_null(what_is("(dp0\nS'a b'\np1\nI1\ns."));
    assert_null(what_is("ccollections\nOrderedDict\np0\n."));
    assert_null(what_is("S'a text'\np0\n."));
    assert_null(what_is("I42\n."));
    assert_null(what_is("\xff\xd8 some image"));
    /* A character that the end of the head cuts in two is no binary byte. */
    assert_string_equal(ptmi_not_checkpoint("not found: caf\xc3", 15), "plain text");
}

static const char *corpus_file(char url[4096])
{
    snprintf(url, 4096, "file://%s/../../fuzz/corpus/safetensors/order", getenv("PTM_TEST_DATA"));
    return url;
}

#define OPTS(...)                                                     \
    &(struct ptm_torchhub_weights_opts)                               \
    {                                                                 \
        .size = sizeof(struct ptm_torchhub_weights_opts), __VA_ARGS__ \
    }

static void test_torchhub_weights__go_to_the_checkpoints(void **state)
{
    char url[4096];
    bool checked = true;
    PTM_AUTO(ptmi_freep) char *path = NULL;
    (void)state;
    hub_begin_with(&c, NET_OPTS(.offline = true));
    expect(ptm_torchhub_weights(c.hub, corpus_file(url), OPTS(.check_hash = true), &path, &checked,
                                &c.err),
           PTM_OK, NULL);
    assert_string_equal(path, hub_file(&c, "hub/checkpoints/order"));
    assert_false(checked);
    assert_non_null(strstr(logged, "not checked"));
    hub_end(&c);
}

static void test_torchhub_weights__a_state_dict_is_opened(void **state)
{
    char url[4096];
    ptm_weights *weights = NULL;
    (void)state;
    hub_begin_with(&c, NET_OPTS(.offline = true));
    const char *dir = hub_file(&c, "models/of/mine");
    for (int i = 0; i < 2; i++) { /* the second time it is there */
        expect(ptm_torchhub_load_state_dict_from_url(
                   c.hub, corpus_file(url), OPTS(.model_dir = dir, .file_name = "m.safetensors"),
                   &weights, &c.err),
               PTM_OK, NULL);
        assert_string_equal(ptm_weights_format(weights), "safetensors");
        ptm_weights_close(weights);
    }
    assert_true(ptmi_fs_exists(hub_file(&c, "models/of/mine/m.safetensors")));
    expect(ptm_torchhub_load_state_dict_from_url(c.hub, url, OPTS(.file_name = "../m.pth"),
                                                 &weights, &c.err),
           PTM_EUNSAFE, NULL);
    hub_end(&c);
}

/* Torch never looks again at what is there; with check_hash we do. */
static void test_torchhub_weights__are_verified_when_they_are_there(void **state)
{
    char name[80], *sum;
    bool checked = false;
    PTM_AUTO(ptmi_freep) char *path = NULL, *other = NULL;
    (void)state;
    hub_begin(&c, "/bytes/5000");
    sum = httpd_get(&server, "/sha256/5000");
    httpd_reset(&server);
    snprintf(name, sizeof name, "net-%.10s.pth", sum);
    expect(ptmi_fs_mkdirs(hub_file(&c, "hub/checkpoints"), NULL), PTM_OK, NULL);
    unit_write(unit_path(hub_file(&c, "hub/checkpoints"), name), "\x80\x02 cut off");
    struct ptm_torchhub_weights_opts *opts = OPTS(.file_name = name);
    expect(ptm_torchhub_weights(c.hub, c.url, opts, &path, &checked, &c.err), PTM_OK, NULL);
    assert_int_equal(httpd_count(&server), 0);
    assert_false(checked);
    opts->check_hash = true;
    expect(ptm_torchhub_weights(c.hub, c.url, opts, &other, &checked, &c.err), PTM_OK, NULL);
    assert_int_equal(httpd_count(&server), 1);
    assert_true(checked);
    free(sum);
    hub_end(&c);
}

/* Nobody asked for a check: nothing is refused, but it is said. */
static void test_torchhub_weights__another_hash_than_the_name_says_is_told(void **state)
{
    PTM_AUTO(ptmi_freep) char *path = NULL;
    PTM_AUTO(ptmi_freep) char *again = NULL;
    (void)state;
    hub_begin(&c, "/bytes/5000");
    expect(ptm_torchhub_weights(c.hub, c.url, OPTS(.file_name = "net-0badcafe.pth"), &path, NULL,
                                &c.err),
           PTM_OK, NULL);
    assert_non_null(strstr(logged, "not the one in its name"));
    logged[logged_len = 0] = '\0';
    expect(ptm_torchhub_weights(c.hub, c.url, OPTS(.file_name = "net.pth"), &again, NULL, &c.err),
           PTM_OK, NULL);
    assert_null(strstr(logged, "in its name"));
    hub_end(&c);
}

/* check_new: a hash is one, eight decimal digits may be a date. */
static void test_torchhub_weights__a_new_file_has_the_hash_in_its_name(void **state)
{
    bool checked = true;
    PTM_AUTO(ptmi_freep) char *path = NULL;
    (void)state;
    hub_begin(&c, "/bytes/5000");
    expect(ptm_torchhub_weights(c.hub, c.url,
                                OPTS(.file_name = "net-0badcafe.pth", .check_new = true), &path,
                                NULL, &c.err),
           PTM_EHASH, "invalid hash value");
    expect(ptm_torchhub_weights(c.hub, c.url,
                                OPTS(.file_name = "net-20240131.pth", .check_new = true), &path,
                                &checked, &c.err),
           PTM_OK, NULL);
    assert_false(checked);
    assert_non_null(strstr(logged, "not the one in its name"));
    hub_end(&c);
}

static void test_torchhub_weights__a_page_in_the_cache_is_named(void **state)
{
    ptm_weights *weights = NULL;
    (void)state;
    hub_begin_with(&c, NET_OPTS(.offline = true));
    expect(ptmi_fs_mkdirs(hub_file(&c, "hub/checkpoints"), NULL), PTM_OK, NULL);
    unit_write(hub_file(&c, "hub/checkpoints/a.pth"),
               "<html><title>\n Google  Drive - \x1b[1mVirus scan </title>");
    expect(ptm_torchhub_load_state_dict_from_url(c.hub, "https://example.org/a.pth", NULL, &weights,
                                                 &c.err),
           PTM_EFORMAT, "an HTML page (title «Google Drive - ?[1mVirus scan»)");
    assert_non_null(strstr(c.err.msg, "hub/checkpoints/a.pth"));
    hub_end(&c);
}

static void test_torchhub_weights__what_cannot_be_opened_says_where_from(void **state)
{
    ptm_weights *weights = NULL;
    (void)state;
    hub_begin_with(&c, NET_OPTS(.offline = true));
    expect(ptmi_fs_mkdirs(hub_file(&c, "hub/checkpoints"), NULL), PTM_OK, NULL);
    unit_write(hub_file(&c, "hub/checkpoints/a.pth"), "\x80\x02 cut off");
    expect(ptm_torchhub_load_state_dict_from_url(
               c.hub, "https://me:sesame@example.org/a.pth?X-Amz-Signature=secret", NULL, &weights,
               &c.err),
           PTM_EFORMAT, "it came from https://example.org/a.pth");
    assert_null(strstr(c.err.msg, "sesame"));
    assert_null(strstr(c.err.msg, "secret"));
    hub_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchhub_weights__a_name_promises_a_hash),
        cmocka_unit_test(test_torchhub_weights__are_named_as_torch_names_them),
        cmocka_unit_test(test_torchhub_weights__what_came_instead_is_named),
        cmocka_unit_test(test_torchhub_weights__doubt_is_no_page),
        cmocka_unit_test(test_torchhub_weights__go_to_the_checkpoints),
        cmocka_unit_test(test_torchhub_weights__a_state_dict_is_opened),
        cmocka_unit_test(test_torchhub_weights__are_verified_when_they_are_there),
        cmocka_unit_test(test_torchhub_weights__another_hash_than_the_name_says_is_told),
        cmocka_unit_test(test_torchhub_weights__a_new_file_has_the_hash_in_its_name),
        cmocka_unit_test(test_torchhub_weights__a_page_in_the_cache_is_named),
        cmocka_unit_test(test_torchhub_weights__what_cannot_be_opened_says_where_from),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
