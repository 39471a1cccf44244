/* SPDX-License-Identifier: MIT */
/*
 * fuzz_url.c - whatever the link, what comes out is safe: http or https only, no userinfo, names
 * that may become paths, the same repository again when reduced twice. The input is two lines: a
 * base URL (or a rule) and a link.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/path.h"
#include "base/str.h"
#include "base/url.h"

#define CHECK(cond)           \
    do {                      \
        if (!(cond)) abort(); \
    } while (0)

static void check_repo(const char *link)
{
    PTM_AUTO(ptmi_repo_ref_clear) struct ptmi_repo_ref ref = {0};
    struct ptm_err err = {0};
    ptm_rc rc = ptmi_url_to_repo(link, &ref, &err);
    if (rc != PTM_OK) {
        CHECK(rc == PTM_ENOTCLONABLE || rc == PTM_EUNSAFE);
        CHECK(err.msg[0] && !ref.clone_url && !ref.author);
        return;
    }
    CHECK(ptmi_path_check_name(ref.author, NULL) == PTM_OK);
    CHECK(ptmi_path_check_name(ref.name, NULL) == PTM_OK);
    if (ref.ref) CHECK(ref.ref[0] != '-' && ptmi_path_check_relative(ref.ref, NULL) == PTM_OK);
    if (ref.subpath) CHECK(ptmi_path_check_relative(ref.subpath, NULL) == PTM_OK);
    PTM_AUTO(ptmi_url_clear) struct ptmi_url url = {0};
    CHECK(ptmi_url_parse(ref.clone_url, &url, NULL) == PTM_OK);
    CHECK(!url.query && !strchr(ref.clone_url, '@') && !strstr(url.path, "/../"));

    PTM_AUTO(ptmi_repo_ref_clear) struct ptmi_repo_ref again = {0};
    CHECK(ptmi_url_to_repo(ref.clone_url, &again, NULL) == PTM_OK);
    CHECK(strcmp(again.clone_url, ref.clone_url) == 0 && strcmp(again.author, ref.author) == 0 &&
          strcmp(again.name, ref.name) == 0);
}

static void check_join(const char *base, const char *location)
{
    PTM_AUTO(ptmi_freep) char *joined = NULL;
    if (ptmi_url_join(base, location, &joined, NULL) != PTM_OK) {
        CHECK(!joined);
        return;
    }
    PTM_AUTO(ptmi_url_clear) struct ptmi_url url = {0};
    CHECK(ptmi_url_parse(joined, &url, NULL) == PTM_OK);
    if (ptmi_str_starts_nocase(base, "https:")) CHECK(strcmp(url.scheme, "https") == 0);
    CHECK(!memchr(joined + 8, '@', strcspn(joined + 8, "/?")));
}

static void check_rewrite(const char *rule, const char *url)
{
    PTM_AUTO(ptmi_rewrite_clear) struct ptmi_rewrite rules = {0};
    if (ptmi_rewrite_add(&rules, rule, NULL) != PTM_OK) return;
    PTM_AUTO(ptmi_freep) char *there = ptmi_rewrite_apply(&rules, url);
    PTM_AUTO(ptmi_freep) char *back = ptmi_rewrite_undo(&rules, there);
    CHECK(there && back);
    /* Only what was rewritten has to come back, and scheme and host may come back in lower case. */
    if (strcmp(there, url) != 0 && strlen(back) == strlen(url))
        CHECK(ptmi_str_eq_nocase(back, url));
}

static void check_text(const char *text)
{
    PTM_AUTO(ptmi_freep) char *shown = ptmi_url_redact(text);
    PTM_AUTO(ptmi_freep) char *encoded = ptmi_url_encode(text, false);
    PTM_AUTO(ptmi_freep) char *decoded = ptmi_url_decode(encoded);
    CHECK(shown && strcmp(decoded, text) == 0);
    PTM_AUTO(ptmi_freep) char *raw = ptmi_url_decode(text);
    if (raw) CHECK(strlen(raw) <= strlen(text));
    PTM_AUTO(ptmi_freep) char *with = ptmi_url_set_param(text, "limit", "10");
    if (with) CHECK(strstr(with, "limit=10"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PTM_AUTO(ptmi_freep) char *text = strndup((const char *)data, size);
    CHECK(text);
    char *second = strchr(text, '\n');
    if (second) *second++ = '\0';
    const char *link = second ? second : text;
    check_repo(link);
    check_join(text, link);
    check_rewrite(text, link);
    check_text(link);
    return 0;
}
