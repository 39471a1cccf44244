/* SPDX-License-Identifier: MIT */
/* test_base_url.c - parts, joining, showing, rewriting, and the repository behind a link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/url.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void test_base_url__parts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *scheme, *host;
        int port;
        const char *path, *query;
    } cases[] = {
        {"https://github.com/a/b", "https", "github.com", 443, "/a/b", NULL},
        {"HTTP://GitHub.COM", "http", "github.com", 80, "/", NULL},
        {"http://127.0.0.1:8080/x?y=1&z#f?", "http", "127.0.0.1", 8080, "/x", "y=1&z"},
        {"https://h?q", "https", "h", 443, "/", "q"},
        {"https://h/?", "https", "h", 443, "/", ""},
        {"https://h:/x", "https", "h", 443, "/x", NULL},
        {"https://user:pw@h:444/x@y", "https", "h", 444, "/x@y", NULL},
        {"http://[::1]:99/", "http", "[::1]", 99, "/", NULL},
        {"https://h/\xc3\xa9", "https", "h", 443, "/\xc3\xa9", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        PTM_AUTO(ptmi_url_clear) struct ptmi_url url = {0};
        struct ptm_err err = {0};
        if (ptmi_url_parse(cases[i].text, &url, &err) != PTM_OK) fail_msg("%s", err.msg);
        assert_string_equal(url.scheme, cases[i].scheme);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_string_equal(url.path, cases[i].path);
        assert_true(ptmi_str_eq(url.query, cases[i].query));
    }
}

static void test_base_url__what_programs_read_differently_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "github.com/a",
                                      "ftp://h/x",
                                      "file:///etc/passwd",
                                      "javascript:alert(1)",
                                      "https:/h/x",
                                      "https://",
                                      "https:///x",
                                      "https://h:0/",
                                      "https://h:65536/",
                                      "https://h:8x/",
                                      "https://a@b@c/",
                                      "https://good\\@evil/",
                                      "https://h/a b",
                                      "https://h/a\nb",
                                      "https://h/a\r\nHost: x",
                                      "https://h\xff/",
                                      "https://h%2e/",
                                      "https://-x/",
                                      "https://[::1/",
                                      "https://[::g]/",
                                      "https://h\xc3\xa9/"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct ptmi_url url = {0};
        if (ptmi_url_parse(bad[i], &url, NULL) != PTM_EFORMAT) fail_msg("%s passed", bad[i]);
        assert_null(url.host); /* outs are all or none */
    }
    PTM_AUTO(ptmi_freep) char *text = malloc(PTM_LIMIT_URL + 2);
    memset(text, 'a', PTM_LIMIT_URL + 1);
    text[PTM_LIMIT_URL + 1] = '\0';
    memcpy(text, "https://h/", 10);
    struct ptmi_url url = {0};
    assert_int_equal(ptmi_url_parse(text, &url, NULL), PTM_ELIMIT);
}

static void test_base_url__messages_hold_no_secret(void **state)
{
    (void)state;
    struct ptmi_url url = {0};
    struct ptm_err err = {0};
    assert_int_equal(ptmi_url_parse("https://me:pass@h:99999/x?token=abc", &url, &err),
                     PTM_EFORMAT);
    assert_null(strstr(err.msg, "pass@"));
    assert_null(strstr(err.msg, "abc"));
}

static void test_base_url__origins(void **state)
{
    (void)state;
    assert_true(ptmi_url_same_origin("https://h/a", "HTTPS://H:443/b?c"));
    assert_true(ptmi_url_same_origin("https://u:p@h/a", "https://h/"));
    assert_false(ptmi_url_same_origin("https://h/", "http://h/"));
    assert_false(ptmi_url_same_origin("https://h/", "https://h:444/"));
    assert_false(ptmi_url_same_origin("https://h/", "https://h.evil/"));
    assert_false(ptmi_url_same_origin("x", "x"));
}

static void test_base_url__joins_as_rfc_3986(void **state)
{
    (void)state;
    static const struct {
        const char *base, *location, *joined;
    } cases[] = {
        {"http://a/b/c/d;p?q", "g", "http://a/b/c/g"},
        {"http://a/b/c/d;p?q", "./g", "http://a/b/c/g"},
        {"http://a/b/c/d;p?q", "g/", "http://a/b/c/g/"},
        {"http://a/b/c/d;p?q", "/g", "http://a/g"},
        {"http://a/b/c/d;p?q", "//g", "http://g/"},
        {"http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"},
        {"http://a/b/c/d;p?q", "g?y#s", "http://a/b/c/g?y"},
        {"http://a/b/c/d;p?q", "", "http://a/b/c/d;p?q"},
        {"http://a/b/c/d;p?q", "#s", "http://a/b/c/d;p?q"},
        {"http://a/b/c/d;p?q", ".", "http://a/b/c/"},
        {"http://a/b/c/d;p?q", "..", "http://a/b/"},
        {"http://a/b/c/d;p?q", "../g", "http://a/b/g"},
        {"http://a/b/c/d;p?q", "../..", "http://a/"},
        {"http://a/b/c/d;p?q", "../../../../g", "http://a/g"},
        {"http://a/b/c/d;p?q", "/./g/../h", "http://a/h"},
        {"http://a/b/c/d;p?q", "g;x=1/../y", "http://a/b/c/y"},
        {"http://a/b/c/d;p?q", "..g", "http://a/b/c/..g"},
        {"http://a:8080/b", "/c", "http://a:8080/c"},
        {"http://a/b", "https://B:443/c?d=%2F#e", "https://b/c?d=%2F"},
        {"https://a/b", "https://user:pw@c/d", "https://c/d"},
        {"http://a", "b", "http://a/b"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        PTM_AUTO(ptmi_freep) char *joined = NULL;
        struct ptm_err err = {0};
        if (ptmi_url_join(cases[i].base, cases[i].location, &joined, &err) != PTM_OK)
            fail_msg("%s: %s", cases[i].location, err.msg);
        assert_string_equal(joined, cases[i].joined);
    }
}

static void test_base_url__joins_never_leave_http_or_lose_tls(void **state)
{
    (void)state;
    static const struct {
        const char *base, *location;
        ptm_rc rc;
    } cases[] = {
        {"https://a/b", "http://a/c", PTM_EUNSAFE},
        {"https://a/b", "HTTP://a/c", PTM_EUNSAFE},
        {"http://a/b", "file:///etc/passwd", PTM_EFORMAT},
        {"http://a/b", "javascript:x", PTM_EFORMAT},
        {"http://a/b", "gopher://x/", PTM_EFORMAT},
        {"http://a/b", "/x\r\nSet-Cookie: y", PTM_EFORMAT},
        {"http://a/b", "\\\\evil/", PTM_EFORMAT},
        {"http://a/b", "//", PTM_EFORMAT},
        {"x", "/y", PTM_EFORMAT},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *joined = NULL;
        assert_int_equal(ptmi_url_join(cases[i].base, cases[i].location, &joined, NULL),
                         cases[i].rc);
        assert_null(joined);
    }
}

static void test_base_url__encoding(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *segment = ptmi_url_encode("a b/c~\xc3\xa9?%", false);
    assert_string_equal(segment, "a%20b%2Fc~%C3%A9%3F%25");
    PTM_AUTO(ptmi_freep) char *path = ptmi_url_encode("a b/c", true);
    assert_string_equal(path, "a%20b/c");
    PTM_AUTO(ptmi_freep) char *back = ptmi_url_decode(segment);
    assert_string_equal(back, "a b/c~\xc3\xa9?%");
    static const char *const bad[] = {"%", "%4", "%4g", "%00", "a%zz"};
    for (size_t i = 0; i < COUNT(bad); i++) assert_null(ptmi_url_decode(bad[i]));
}

static void test_base_url__parameters_are_replaced_or_added(void **state)
{
    (void)state;
    static const struct {
        const char *url, *result;
    } cases[] = {
        {"https://h/x", "https://h/x?limit=5%2F0"},
        {"https://h/x?", "https://h/x?limit=5%2F0"},
        {"https://h/x?a=1", "https://h/x?a=1&limit=5%2F0"},
        {"https://h/x?limit=1000&cursor=a%3D#f", "https://h/x?limit=5%2F0&cursor=a%3D"},
        {"https://h/x?a&limit&b&limit=2", "https://h/x?a&limit=5%2F0&b"},
        {"https://h/x?limits=1&xlimit=2&", "https://h/x?limits=1&xlimit=2&limit=5%2F0"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        PTM_AUTO(ptmi_freep) char *result = ptmi_url_set_param(cases[i].url, "limit", "5/0");
        assert_string_equal(result, cases[i].result);
    }
}

#define TENS "1234567890123456789012345678901234567890" /* 40 */
static void test_base_url__redacts(void **state)
{
    (void)state;
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"https://h/x?a=1", "https://h/x?a=1"},
        {"https://u:p@h/x", "https://h/x"},
        {"https://u:p@ss@h/x", "https://h/x"},
        {"https://h/a@b", "https://h/a@b"},
        {"https://h/x?Signature=abc&Expires=5&Key-Pair-Id=K",
         "https://h/x?Signature=***&Expires=5&Key-Pair-Id=K"},
        {"https://h/x?X-Amz-Signature=1&x-amz-credential=2&X-Goog-Foo=3",
         "https://h/x?X-Amz-Signature=***&x-amz-credential=***&X-Goog-Foo=***"},
        {"https://h/x?token=1&access_token=2&key=3&Policy=4&sig=5&%74oken=6",
         "https://h/x?token=***&access_token=***&key=***&Policy=***&sig=***&%74oken=***"},
        {"https://h/x?author=me&keyword=x&design=y", "https://h/x?author=me&keyword=x&design=y"},
        {"https://h/x#access_token=1", "https://h/x"},
        {"https://h/x?n=1&e[]=a&e[]=b&e[]=c&cursor=q", "https://h/x?n=1&e[]=a&..&cursor=q"},
        {"https://h/x?sig=a&sig=b&sigma=c&sigma", "https://h/x?sig=***&..&sigma=c&sigma"},
        {"https://h/x?%zz=1", "https://h/x?%zz=***"},
        {"https://h/x?a=" TENS TENS "&b=2", "https://h/x?a=" TENS TENS "&b=2"},
        {"https://h/x/" TENS TENS TENS TENS "?a=" TENS TENS TENS TENS,
         "https://h/x/" TENS TENS TENS TENS "?a=" TENS TENS "12345678901234567890123456789"
         "012345678\u2026"},
        {"no url at all", "no url at all"},
        {"ssh://git:pw@h/x", "ssh://h/x"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        PTM_AUTO(ptmi_freep) char *shown = ptmi_url_redact(cases[i].url);
        assert_string_equal(shown, cases[i].shown);
    }
}

static void test_base_url__rewrites_and_back(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_rewrite_clear) struct ptmi_rewrite rules = {0};
    static const char *const texts[] = {
        "https://github.com/=http://127.0.0.1:8080/gh/",
        "https://github.com/onnx/=http://127.0.0.1:8080/onnx/",
        "https://huggingface.co=http://127.0.0.1:8081",
        "https://modelzoo.co/=http://127.0.0.1:8080/zoo", /* the slash it lacks is added */
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(ptmi_rewrite_add(&rules, texts[i], NULL), PTM_OK);
    static const struct {
        const char *original, *rewritten;
    } cases[] = {
        {"https://github.com/a/b", "http://127.0.0.1:8080/gh/a/b"},
        {"https://github.com/onnx/models", "http://127.0.0.1:8080/onnx/models"},
        {"https://huggingface.co/api/models?limit=1", "http://127.0.0.1:8081/api/models?limit=1"},
        {"https://huggingface.co", "http://127.0.0.1:8081/"},
        {"https://modelzoo.co/api/models/0/", "http://127.0.0.1:8080/zoo/api/models/0/"},
        {"https://huggingface.co.evil.net/x", "https://huggingface.co.evil.net/x"},
        {"https://huggingface.co:444/x", "https://huggingface.co:444/x"},
        {"https://other.org/", "https://other.org/"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        PTM_AUTO(ptmi_freep) char *there = ptmi_rewrite_apply(&rules, cases[i].original);
        assert_string_equal(there, cases[i].rewritten);
        PTM_AUTO(ptmi_freep) char *back = ptmi_rewrite_undo(&rules, there);
        assert_true(ptmi_str_starts(back, cases[i].original));
    }
    PTM_AUTO(ptmi_freep) char *upper = ptmi_rewrite_apply(&rules, "HTTPS://GitHub.com/A");
    assert_string_equal(upper, "http://127.0.0.1:8080/gh/A");

    size_t before = rules.n;
    assert_int_equal(ptmi_rewrite_add(&rules, "https://GITHUB.com=http://127.0.0.1:9/x?", NULL),
                     PTM_EINVAL);
    assert_int_equal(ptmi_rewrite_add(&rules, "https://GITHUB.com=http://127.0.0.1:9/", NULL),
                     PTM_OK);
    assert_int_equal(rules.n, before); /* the later rule replaces the earlier */
    PTM_AUTO(ptmi_freep) char *again = ptmi_rewrite_apply(&rules, "https://github.com/a");
    assert_string_equal(again, "http://127.0.0.1:9/a");
    PTM_AUTO(ptmi_freep) char *same = ptmi_rewrite_apply(NULL, "https://x/");
    assert_string_equal(same, "https://x/");
}

static void test_base_url__bad_rules_are_named(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "=",
                                      "https://a/",
                                      "https://a/=",
                                      "=http://b/",
                                      "https://a/=ftp://b/",
                                      "a=http://b/",
                                      "https://a b/=http://c/"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        PTM_AUTO(ptmi_rewrite_clear) struct ptmi_rewrite rules = {0};
        struct ptm_err err = {0};
        assert_int_equal(ptmi_rewrite_add(&rules, bad[i], &err), PTM_EINVAL);
        assert_non_null(strstr(err.msg, "rewrite rule"));
        assert_int_equal(rules.n, 0);
    }
}

static void test_base_url__repositories_behind_links(void **state)
{
    (void)state;
    static const struct {
        const char *link, *clone_url, *author, *name, *ref, *subpath;
    } cases[] = {
        {"https://github.com/onnx/models", "https://github.com/onnx/models", "onnx", "models", NULL,
         NULL},
        {"http://www.github.com/a/b/", "https://github.com/a/b", "a", "b", NULL, NULL},
        {" https://GitHub.com/A/b.git \n", "https://github.com/A/b", "A", "b", NULL, NULL},
        {"https://github.com/a/b/tree/main", "https://github.com/a/b", "a", "b", "main", NULL},
        {"https://github.com/a/b/tree/main/x/y/", "https://github.com/a/b", "a", "b", "main",
         "x/y"},
        {"https://github.com/a/b/blob/v1.0/m.py#L3", "https://github.com/a/b", "a", "b", "v1.0",
         "m.py"},
        {"https://github.com/a/b?tab=readme", "https://github.com/a/b", "a", "b", NULL, NULL},
        {"https://github.com/a/b#readme", "https://github.com/a/b", "a", "b", NULL, NULL},
        {"https://github.com/a/b/wiki", "https://github.com/a/b", "a", "b", NULL, NULL},
        {"https://github.com/a/b/releases/tag/v1", "https://github.com/a/b", "a", "b", NULL, NULL},
        {"https://github.com//a//b", "https://github.com/a/b", "a", "b", NULL, NULL},
        {"github.com/a/b", "https://github.com/a/b", "a", "b", NULL, NULL},
        {"git@github.com:a/b.git", "https://github.com/a/b", "a", "b", NULL, NULL},
        {"ssh://git@github.com/a/b.git", "https://github.com/a/b", "a", "b", NULL, NULL},
        {"git://github.com/a/b", "https://github.com/a/b", "a", "b", NULL, NULL},
        {"https://raw.githubusercontent.com/a/b/main/x.json", "https://github.com/a/b", "a", "b",
         "main", "x.json"},
        {"https://user:pw@github.com/a/b", "https://github.com/a/b", "a", "b", NULL, NULL},
        {"https://gitlab.com/g/p", "https://gitlab.com/g/p", "g", "p", NULL, NULL},
        {"https://gitlab.com/g/s/p/-/tree/main/x", "https://gitlab.com/g/s/p", "g", "s.p", "main",
         "x"},
        {"https://gitlab.com/g/p/tree/dev", "https://gitlab.com/g/p", "g", "p", "dev", NULL},
        {"https://bitbucket.org/a/b/src/master/x", "https://bitbucket.org/a/b", "a", "b", "master",
         "x"},
        {"https://huggingface.co/gpt2", "https://huggingface.co/gpt2", "huggingface.co", "gpt2",
         NULL, NULL},
        {"https://huggingface.co/gpt2/tree/main", "https://huggingface.co/gpt2", "huggingface.co",
         "gpt2", "main", NULL},
        {"https://huggingface.co/a/b/resolve/refs%2Fpr%2F1/c.bin", "https://huggingface.co/a/b",
         "a", "b", "refs/pr/1", "c.bin"},
        {"https://hf.co/a/b", "https://huggingface.co/a/b", "a", "b", NULL, NULL},
        {"https://git.example.org/x/y.git", "https://git.example.org/x/y.git", "x", "y", NULL,
         NULL},
        {"http://git.example.org:8080/y.git/", "http://git.example.org:8080/y.git",
         "git.example.org", "y", NULL, NULL},
        {"https://git.example.org/a/b/c.git", "https://git.example.org/a/b/c.git", "a", "b.c", NULL,
         NULL},
        {"https://github.com/a/b%20c", "https://github.com/a/b%20c", "a", "b c", NULL, NULL},
        {"https://github.com/tree/blob", "https://github.com/tree/blob", "tree", "blob", NULL,
         NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        PTM_AUTO(ptmi_repo_ref_clear) struct ptmi_repo_ref ref = {0};
        struct ptm_err err = {0};
        if (ptmi_url_to_repo(cases[i].link, &ref, &err) != PTM_OK)
            fail_msg("%s: %s", cases[i].link, err.msg);
        assert_string_equal(ref.clone_url, cases[i].clone_url);
        assert_string_equal(ref.author, cases[i].author);
        assert_string_equal(ref.name, cases[i].name);
        if (!ptmi_str_eq(ref.ref, cases[i].ref)) fail_msg("%s: ref %s", cases[i].link, ref.ref);
        if (!ptmi_str_eq(ref.subpath, cases[i].subpath))
            fail_msg("%s: subpath %s", cases[i].link, ref.subpath);
    }
}

static void test_base_url__links_without_a_repository_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *link, *why;
    } cases[] = {
        {"", "no link"},
        {"  ", "no link"},
        {"see the paper", "not a web link"},
        {"ftp://h/x.git", "not a web link"},
        {"https://github.com", "front page"},
        {"https://github.com/a", "an owner"},
        {"https://github.com/a/", "an owner"},
        {"https://github.com/a/.git", "an owner"},
        {"https://github.com/topics/nlp", "a page of the site"},
        {"https://github.com/orgs/a/repositories", "a page of the site"},
        {"https://gist.github.com/a/0123456789abcdef", "a gist"},
        {"https://gist.github.com/a/0123.git", "a gist"},
        {"https://a.github.io/b/", "a web page"},
        {"https://gitlab.com/g", "an owner"},
        {"https://gitlab.com/explore/projects", "a page of the site"},
        {"https://huggingface.co/datasets/squad", "a page of the site"},
        {"https://huggingface.co/", "front page"},
        {"https://arxiv.org/abs/1706.03762", "a web page"},
        {"https://example.org", "a web page"},
        {"https://github.com/a/b%zz", "malformed %"},
        {"https://github.com/a b/c", "not a web link"},
        {"https://git.example.org/.git", "an owner"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ptmi_repo_ref ref = {0};
        struct ptm_err err = {0};
        ptm_rc rc = ptmi_url_to_repo(cases[i].link, &ref, &err);
        if (rc != PTM_ENOTCLONABLE) fail_msg("%s: rc %d", cases[i].link, rc);
        if (!strstr(err.msg, cases[i].why)) fail_msg("%s: %s", cases[i].link, err.msg);
        assert_null(ref.clone_url);
    }
}

static void test_base_url__links_that_are_path_tricks_are_unsafe(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "https://github.com/../b",
        "https://github.com/a/..",
        "https://github.com/%2e%2e/b",
        "https://github.com/a/..%2f..%2fb",
        "https://github.com/a/b%5cc",
        "https://github.com/a/b%0ac",
        "https://github.com/.git/b",
        "https://github.com/a/...git",
        "https://github.com/a/.GIT",
        "https://github.com/a/git~1",
        "https://github.com/a/b/tree/--upload-pack=x",
        "https://github.com/a/b/tree/%2e%2e/x",
        "https://github.com/a/b/tree/main/../../x",
        "https://github.com/a/b/tree/main/.git/hooks",
        "https://gitlab.com/a/../../b",
        "https://git.example.org/../x.git",
        "https://git.example.org/a/%2e%2e/x.git",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct ptmi_repo_ref ref = {0};
        struct ptm_err err = {0};
        ptm_rc rc = ptmi_url_to_repo(bad[i], &ref, &err);
        if (rc != PTM_EUNSAFE) fail_msg("%s: rc %d %s", bad[i], rc, err.msg);
        assert_null(ref.author);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_url__parts),
        cmocka_unit_test(test_base_url__what_programs_read_differently_is_refused),
        cmocka_unit_test(test_base_url__messages_hold_no_secret),
        cmocka_unit_test(test_base_url__origins),
        cmocka_unit_test(test_base_url__joins_as_rfc_3986),
        cmocka_unit_test(test_base_url__joins_never_leave_http_or_lose_tls),
        cmocka_unit_test(test_base_url__encoding),
        cmocka_unit_test(test_base_url__parameters_are_replaced_or_added),
        cmocka_unit_test(test_base_url__redacts),
        cmocka_unit_test(test_base_url__rewrites_and_back),
        cmocka_unit_test(test_base_url__bad_rules_are_named),
        cmocka_unit_test(test_base_url__repositories_behind_links),
        cmocka_unit_test(test_base_url__links_without_a_repository_say_why),
        cmocka_unit_test(test_base_url__links_that_are_path_tricks_are_unsafe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
