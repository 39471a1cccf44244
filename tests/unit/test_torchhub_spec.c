/* SPDX-License-Identifier: MIT */
/* test_torchhub_spec.c - "owner/name[:ref]": what is accepted, what is refused and how, the names
 * torch makes of it; and the side file that keeps what those names lose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "torchhub/torchhub_priv.h"
#include "unit_tmp.h"

static ptm_rc parse(const char *text, struct ptmi_repo_spec *out, struct ptm_err *err)
{
    ptmi_repo_spec_clear(out);
    *err = (struct ptm_err){0};
    return ptmi_repo_spec_parse(text, out, err);
}

static void test_torchhub_spec__takes_what_github_has(void **state)
{
    static const struct {
        const char *text, *owner, *name, *ref, *folder;
    } cases[] = {
        {"pytorch/vision", "pytorch", "vision", NULL, NULL},
        {"pytorch/vision:main", "pytorch", "vision", "main", "pytorch_vision_main"},
        {"ailzhang/torchhub_example:ci/test_slash", "ailzhang", "torchhub_example", "ci/test_slash",
         "ailzhang_torchhub_example_ci_test_slash"},
        {"a/b:refs/heads/x", "a", "b", "refs/heads/x", "a_b_refs_heads_x"},
        {"corp_emu/my.model-1:v1.0", "corp_emu", "my.model-1", "v1.0", "corp_emu_my.model-1_v1.0"},
        {"o/-n:4e2c216", "o", "-n", "4e2c216", "o_-n_4e2c216"},
        {"o/.github:\xc3\xbc", "o", ".github", "\xc3\xbc", "o_.github_\xc3\xbc"},
    };
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    struct ptm_err err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].text, &spec, &err), PTM_OK);
        assert_string_equal(spec.owner, cases[i].owner);
        assert_string_equal(spec.name, cases[i].name);
        assert_true(ptmi_str_eq(spec.ref, cases[i].ref));
        if (!spec.ref) continue;
        PTM_AUTO(ptmi_freep) char *folder = ptmi_repo_spec_folder(&spec, spec.ref);
        assert_string_equal(folder, cases[i].folder);
    }
    PTM_AUTO(ptmi_freep) char *url = ptmi_repo_spec_url(&spec);
    assert_string_equal(url, "https://github.com/o/.github");
    PTM_AUTO(ptmi_freep) char *trust = ptmi_repo_spec_trust_name(&spec);
    assert_string_equal(trust, "o_.github");
}

static void test_torchhub_spec__refuses_the_rest_and_says_what_is_expected(void **state)
{
    static const char *const bad[] = {
        "",
        "vision",
        "vision:main",
        "/vision",
        "pytorch/",
        "a/b/c",
        "https://github.com/pytorch/vision",
        "-o/n",
        "o p/n",
        "../n",
        "o/..",
        "o/.",
        "o/n.git",
        "o/n:",
        "o/n:-f",
        "o/n:a..b",
        "o/n:../../etc",
        "o/n:/a",
        "o/n:a/",
        "o/n:a//b",
        "o/n:.a",
        "o/n:a/.b",
        "o/n:a.lock",
        "o/n:a.lock/b",
        "o/n:a.",
        "o/n:@",
        "o/n:a@{1}",
        "o/n:a b",
        "o/n:a:b",
        "o/n:a~1",
        "o/n:a^",
        "o/n:a?",
        "o/n:a*",
        "o/n:a[b",
        "o/n:a\\b",
        "o/n:a\nb",
        "o/n:a\x7f",
        "o/n:\xff\xfe",
        "o/n\x01:a",
        "o\xc3\xbc/n",
    };
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    struct ptm_err err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(parse(bad[i], &spec, &err), PTM_EINVAL);
        assert_non_null(strstr(err.msg, "expected OWNER/NAME[:REF]"));
        assert_null(spec.owner);
        assert_null(strpbrk(err.msg, "\n\x01\x7f"));
    }
}

/* What people paste: the address has slashes, and a word about a missing one would be none. */
static void test_torchhub_spec__says_what_is_wrong_with_what_people_paste(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"https://github.com/pytorch/vision", "that is an address, not a name"},
        {"git@github.com:pytorch/vision.git", "that is an address, not a name"},
        {"pytorch/vision:", "\"pytorch/vision:\": the ref is missing"},
        {"vision:main", "there is no \"/\""},
        {"o/n:a@b", NULL},
    };
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    struct ptm_err err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ptm_rc rc = parse(cases[i].text, &spec, &err);
        assert_int_equal(rc, cases[i].said ? PTM_EINVAL : PTM_OK);
        if (cases[i].said) assert_non_null(strstr(err.msg, cases[i].said));
    }
}

static void test_torchhub_spec__refuses_what_no_folder_can_be_named(void **state)
{
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    struct ptm_err err;
    char text[400] = "owner/name:";
    (void)state;
    memset(text + strlen(text), 'a', 200);
    assert_int_equal(parse(text, &spec, &err), PTM_OK);
    memset(text + strlen("owner/name:"), 'a', 215);
    assert_int_equal(parse(text, &spec, &err), PTM_EINVAL);
}

static void test_torchhub_spec__knows_other_readings(void **state)
{
    static const struct {
        const char *text, *other;
        bool ambiguous, ambiguous_line;
    } cases[] = {
        {"o/n:main", "o/n:main", false, false},    {"o/n_a:main", "o/n:a_main", true, true},
        {"o/n:a_main", "o/n_a:main", true, false}, {"o/n:a/main", "o/n_a:main", true, false},
        {"o_x/n:main", "o/x_n:main", true, true},
    };
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    struct ptm_err err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].text, &spec, &err), PTM_OK);
        assert_int_equal(ptmi_spec_is_ambiguous(&spec, spec.ref), cases[i].ambiguous);
        assert_int_equal(ptmi_spec_is_ambiguous(&spec, NULL), cases[i].ambiguous_line);
        PTM_AUTO(ptmi_freep) char *other = ptmi_spec_other_reading(&spec, spec.ref);
        assert_string_equal(other, cases[i].other);
    }
}

/* --- the side file --- */

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static struct ptm_torchhub_repo sample(void)
{
    static char host[] = "github.com", owner[] = "o", name[] = "n", ref[] = "ci/x",
                commit[] = COMMIT, fetched[] = "2026-01-31T12:00:00Z";
    return (struct ptm_torchhub_repo){.host = host,
                                      .owner = owner,
                                      .name = name,
                                      .ref = ref,
                                      .commit = commit,
                                      .fetched = fetched};
}

static void test_torchhub_side__is_read_as_written(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct ptm_err err = {0};
    struct ptm_torchhub_repo repo = sample();
    assert_int_equal(ptmi_side_write(tmp.path, &repo, &err), PTM_OK);
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo back = {0};
    assert_int_equal(ptmi_side_read(tmp.path, &back, &err), PTM_OK);
    assert_string_equal(back.host, "github.com");
    assert_string_equal(back.owner, "o");
    assert_string_equal(back.name, "n");
    assert_string_equal(back.ref, "ci/x");
    assert_string_equal(back.commit, COMMIT);
    assert_string_equal(back.fetched, "2026-01-31T12:00:00Z");
    PTM_AUTO(ptmi_freep) char *text = unit_read(unit_path(tmp.path, PTMI_SIDE_FILE));
    assert_non_null(strstr(text, "\"url\": \"https://github.com/o/n\""));
}

static void test_torchhub_side__commit_may_be_unknown(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct ptm_err err = {0};
    struct ptm_torchhub_repo repo = sample();
    repo.commit = repo.fetched = NULL;
    assert_int_equal(ptmi_side_write(tmp.path, &repo, &err), PTM_OK);
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo back = {0};
    assert_int_equal(ptmi_side_read(tmp.path, &back, &err), PTM_OK);
    assert_null(back.commit);
    assert_null(back.fetched);
}

static void test_torchhub_side__refuses_what_nobody_wrote(void **state)
{
#define GOOD "\"host\":\"h\",\"owner\":\"o\",\"name\":\"n\",\"ref\":\"r\""
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "not json",
        "{\"format\":2," GOOD "}",
        "{" GOOD "}",
        "{\"format\":1,\"host\":\"h\",\"owner\":\"o\",\"name\":\"n\"}",
        "{\"format\":1,\"host\":\"h/x\",\"owner\":\"o\",\"name\":\"n\",\"ref\":\"r\"}",
        "{\"format\":1,\"host\":\"h\",\"owner\":\"../o\",\"name\":\"n\",\"ref\":\"r\"}",
        "{\"format\":1,\"host\":\"h\",\"owner\":\"o\",\"name\":\"n\",\"ref\":\"../../r\"}",
        "{\"format\":1,\"host\":\"h\",\"owner\":\"o\",\"name\":7,\"ref\":\"r\"}",
        "{\"format\":1,\"commit\":\"abc\"," GOOD "}",
        "{\"format\":1,\"fetched\":\"yesterday\"," GOOD "}",
        "{\"format\":1,\"host\":\"h\\u0000\",\"owner\":\"o\",\"name\":\"n\",\"ref\":\"r\"}",
    };
    struct ptm_err err;
    struct ptm_torchhub_repo back = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(ptmi_side_parse(bad[i], strlen(bad[i]), "side", &back, &err), PTM_EFORMAT);
    const char *good = "{\"format\":1," GOOD "}";
    assert_int_equal(ptmi_side_parse(good, strlen(good), "side", &back, &err), PTM_OK);
    ptm_torchhub_repo_clear(&back);
}

static void test_torchhub_side__links_are_not_followed(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct ptm_err err = {0};
    struct ptm_torchhub_repo repo = sample(), back = {0};
    const char *dir = unit_path(tmp.path, "d");
    assert_int_equal(mkdir(dir, 0777), 0);
    assert_int_equal(ptmi_side_read(dir, &back, &err), PTM_ENOENT);
    assert_int_equal(ptmi_side_write(tmp.path, &repo, &err), PTM_OK);
    assert_int_equal(symlink("../" PTMI_SIDE_FILE, unit_path(dir, PTMI_SIDE_FILE)), 0);
    assert_int_equal(ptmi_side_read(dir, &back, &err), PTM_EUNSAFE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchhub_spec__takes_what_github_has),
        cmocka_unit_test(test_torchhub_spec__refuses_the_rest_and_says_what_is_expected),
        cmocka_unit_test(test_torchhub_spec__says_what_is_wrong_with_what_people_paste),
        cmocka_unit_test(test_torchhub_spec__refuses_what_no_folder_can_be_named),
        cmocka_unit_test(test_torchhub_spec__knows_other_readings),
        cmocka_unit_test(test_torchhub_side__is_read_as_written),
        cmocka_unit_test(test_torchhub_side__commit_may_be_unknown),
        cmocka_unit_test(test_torchhub_side__refuses_what_nobody_wrote),
        cmocka_unit_test(test_torchhub_side__links_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
