/* SPDX-License-Identifier: MIT */
/* test_git_reason.c - git's words, sorted into reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/git/git_priv.h"

#define HF "https://huggingface.co/acme/model"
#define GH "https://github.com/acme/model"

static const struct {
    const char *text;
    const char *url;
    bool token;
    ptm_rc rc;
    int status;
    bool retryable;
} cases[] = {
    {"Cloning into '/x'...\nremote: Access to model acme/model is restricted. You must have access "
     "to it and be authenticated to "
     "access it. Please log in.\nfatal: unable to access '" HF
     "/': The requested URL returned error: 403\n",
     HF, true, PTM_EGATED, 403, false},
    {"remote: Access to model acme/model is restricted and you are not in the authorized "
     "list.\nfatal: Authentication failed for '" HF "/'\n",
     HF, true, PTM_EGATED, 0, false},
    {"remote: Your request to access model acme/model is awaiting a review from the repo "
     "authors.\nfatal: unable to access 'u': The "
     "requested URL returned error: 403",
     HF, true, PTM_EGATED, 403, false},
    {"fatal: unable to access '" HF "/': The requested URL returned error: 403", HF, true,
     PTM_EGATED, 403, false},
    {"fatal: unable to access '" GH "/': The requested URL returned error: 403", GH, true,
     PTM_EAUTH, 403, false},
    {"remote: Access to this resource is disabled.\nfatal: unable to access 'x': The requested URL "
     "returned error: 403",
     HF, true, PTM_EDISABLED, 403, false},
    {"remote: Repository unavailable due to DMCA takedown.\nfatal: unable to access 'x': The "
     "requested URL returned error: 451",
     GH, false, PTM_EDISABLED, 451, false},
    {"remote: Repository not found\nfatal: repository '" HF "/' not found\n", HF, true,
     PTM_ENOTFOUND, 0, false},
    {"fatal: repository 'https://example.org/a/b/' not found\n", "https://example.org/a/b", false,
     PTM_ENOTFOUND, 0, false},
    {"fatal: unable to access 'x': The requested URL returned error: 404", GH, false, PTM_ENOTFOUND,
     404, false},
    /* A stranger is told 401 for what does not exist: missing or private, not wrong credentials. */
    {"fatal: could not read Username for 'https://github.com': terminal prompts disabled\n", GH,
     false, PTM_ENOTFOUND, 0, false},
    {"fatal: could not read Username for 'https://huggingface.co': terminal prompts disabled\n", HF,
     false, PTM_ENOTFOUND, 0, false},
    {"fatal: could not read Username for 'https://example.org': terminal prompts disabled\n",
     "https://example.org/a", false, PTM_EAUTH, 0, false},
    {"remote: Invalid username or password.\nfatal: Authentication failed for '" GH "/'\n", GH,
     true, PTM_EAUTH, 0, false},
    {"remote: Invalid credentials in Authorization header\nfatal: Authentication failed for '" HF
     "/'",
     HF, true, PTM_EAUTH, 0, false},
    {"fatal: unable to access 'x': The requested URL returned error: 500\n", HF, false, PTM_EHTTP,
     500, true},
    {"fatal: unable to access 'x': The requested URL returned error: 429\n", HF, false, PTM_ERATE,
     429, true},
    {"error: RPC failed; HTTP 504 curl 22 The requested URL returned error: 504\nfatal: expected "
     "'packfile'\n",
     HF, false, PTM_EHTTP, 504, true},
    {"error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nerror: 1 "
     "bytes of body are still expected\n"
     "fetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF\nfatal: "
     "fetch-pack: invalid index-pack output\n",
     GH, false, PTM_ENET, 0, true},
    {"fatal: unable to access 'x': Could not resolve host: huggingface.co\n", HF, false, PTM_ENET,
     0, true},
    {"fatal: unable to access 'x': Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't "
     "connect to server\n",
     HF, false, PTM_ENET, 0, true},
    {"fatal: unable to access 'x': Operation too slow. Less than 1 bytes/sec transferred the last "
     "120 seconds\n",
     HF, false, PTM_ETIMEOUT, 0, true},
    {"fatal: unable to access 'x': server certificate verification failed. CAfile: none CRLfile: "
     "none\n",
     HF, false, PTM_ETLS, 0, false},
    {"fatal: unable to access 'x': SSL certificate problem: self-signed certificate\n", HF, false,
     PTM_ETLS, 0, false},
    {"error: file write error: No space left on device\nfatal: fetch-pack: invalid index-pack "
     "output\nfatal: early EOF\n",
     HF, false, PTM_ENOSPC, 0, false},
    {"fatal: write error: No space left on device\nfatal: sha1 file '/x/tmp_pack' write "
     "error\nfatal: index-pack failed",
     HF, false, PTM_ENOSPC, 0, false},
    {"fatal: '/x/.git/index.lock' write error. Out of diskspace\n", HF, false, PTM_ENOSPC, 0,
     false},
    {"error: unable to write file a/b.bin\nUpdating 1..2\n", NULL, false, PTM_EIO, 0, false},
    {"fatal: could not create work tree dir '/x': Read-only file system\n", HF, false, PTM_EPERM, 0,
     false},
    /* The server's disk is full, not ours. */
    {"remote: fatal: write error: No space left on device\nfatal: early EOF\n", HF, false, PTM_ENET,
     0, true},
    {"error: object 8f2a: hasDotgit: contains '.git'\nfatal: fsck error in packed object\nfatal: "
     "fetch-pack: invalid index-pack output\n",
     HF, false, PTM_ECORRUPT, 0, false},
    {"error: inflate: data stream error (incorrect header check)\nfatal: pack has bad object at "
     "offset 12: inflate returned -3\n"
     "fatal: index-pack failed\n",
     HF, false, PTM_ECORRUPT, 0, false},
    {"error: invalid path 'a/.git/b'\n", HF, false, PTM_EUNSAFE, 0, false},
    {"fatal: transport 'file' not allowed\n", "file:///x", false, PTM_ENOTCLONABLE, 0, false},
    {"fatal: https://example.org/info/refs not valid: is this a git repository?\n",
     "https://example.org", false, PTM_ENOTCLONABLE, 0, false},
    {"fatal: Remote branch dev not found in upstream origin\n", GH, false, PTM_ENOENT, 0, false},
    {"fatal: Unable to create '/x/.git/index.lock': File exists.\n\nAnother git process seems to "
     "be running in this repository",
     NULL, false, PTM_EBUSY, 0, true},
    /* Names may say anything. */
    {"fatal: unable to access 'https://huggingface.co/x/corrupt/': Could not resolve host: "
     "huggingface.co\n",
     HF, false, PTM_ENET, 0, true},
    {"fatal: unable to access 'https://huggingface.co/x/is-gated-repo/gated repo': The requested "
     "URL returned error: 502\n",
     HF, false, PTM_EHTTP, 502, true},
    {"warning: object 12: zeroPaddedFilemode: contains zero-padded file modes\nfatal: something "
     "new\n",
     HF, false, PTM_EGIT, 0, false},
    {"", HF, false, PTM_EGIT, 0, false},
    {"\r\n\r\r\n", NULL, false, PTM_EGIT, 0, false},
};

static void test_git_reason__sorts_what_git_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ptm_err err = {0};
        ptm_rc rc =
            ptmi_git_reason(cases[i].text, 128, "cloning", cases[i].url, cases[i].token, &err);
        if (rc != cases[i].rc || err.rc != rc || err.http_status != cases[i].status ||
            err.retryable != cases[i].retryable)
            fail_msg("case %zu: %s, HTTP %d, retryable %d: %s", i, ptm_rc_name(rc), err.http_status,
                     err.retryable, err.msg);
        assert_true(ptmi_git_reason(cases[i].text, 128, "cloning", cases[i].url, cases[i].token,
                                    NULL) == rc);
    }
}

static void test_git_reason__says_what_and_the_way_out(void **state)
{
    struct ptm_err err = {0};
    (void)state;
    ptm_rc rc = ptmi_git_reason(cases[0].text, 128, "cloning", HF, true, &err);
    assert_int_equal(rc, PTM_EGATED);
    assert_non_null(strstr(err.msg, HF));
    assert_non_null(strstr(err.msg, "is restricted"));
    assert_non_null(strstr(err.msg, "HF_TOKEN"));
    rc = ptmi_git_reason("fatal: \x1b[31mred\x07 \xe2\x80\xae\n", 1, "cloning", HF, false, &err);
    assert_int_equal(rc, PTM_EGIT);
    assert_null(strpbrk(err.msg, "\x1b\x07\n"));
    rc = ptmi_git_reason("", 139, "cloning", HF, false, &err);
    assert_int_equal(rc, PTM_EGIT);
    assert_non_null(strstr(err.msg, "139"));
}

static void test_git_reason__shows_the_telling_line(void **state)
{
    struct ptm_err err = {0};
    (void)state;
    ptm_rc rc = ptmi_git_reason(
        "remote: Enumerating objects: 3, done.\nerror: no such thing\n * [new tag] v1 -> v1\n", 1,
        "fetching", GH, false, &err);
    assert_int_equal(rc, PTM_EGIT);
    assert_non_null(strstr(err.msg, "no such thing"));
}

static void test_git_reason__long_lines_are_cut(void **state)
{
    static char text[100000];
    struct ptm_err err = {0};
    (void)state;
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "fatal: ", 7);
    ptm_rc rc = ptmi_git_reason(text, 1, "cloning", GH, false, &err);
    assert_int_equal(rc, PTM_EGIT);
    assert_true(strlen(err.msg) < PTM_ERR_MSG_MAX);
}

static void test_git_reason__knows_historic_defects(void **state)
{
    (void)state;
    assert_true(ptmi_git_is_historic_defect(
        "warning: object 8f2a: zeroPaddedFilemode: contains zero-padded file modes"));
    assert_true(ptmi_git_is_historic_defect("remote: warning: object 8f2a: badTimezone: invalid "
                                            "author/committer line - bad time zone"));
    assert_false(ptmi_git_is_historic_defect("warning: object 8f2a: hasDotgit: contains '.git'"));
    assert_false(ptmi_git_is_historic_defect("error: object 8f2a: badTimezone: x"));
    assert_false(
        ptmi_git_is_historic_defect("warning: You appear to have cloned an empty repository."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_git_reason__sorts_what_git_says),
        cmocka_unit_test(test_git_reason__says_what_and_the_way_out),
        cmocka_unit_test(test_git_reason__shows_the_telling_line),
        cmocka_unit_test(test_git_reason__long_lines_are_cut),
        cmocka_unit_test(test_git_reason__knows_historic_defects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
