/* SPDX-License-Identifier: MIT */
/*
 * fuzz_path.c - names that pass hold no way out and nothing of git's, judged here by other means
 * than in path.c; patterns and printable text, which take the same hostile strings, run along. The
 * input is two lines.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"

#define CHECK(cond)           \
    do {                      \
        if (!(cond)) abort(); \
    } while (0)

static void check_name(const char *name)
{
    if (ptmi_path_check_name(name, NULL) != PTM_OK) return;
    size_t len = strlen(name);
    CHECK(len > 0 && len <= PTM_LIMIT_NAME);
    CHECK(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
    CHECK(!strpbrk(name, "/\\\n\r\t\x1b\x7f"));
    CHECK(strcasecmp(name, ".git") != 0 && strncasecmp(name, ".git:", 5) != 0);
    CHECK(name[len - 1] != '.' && name[len - 1] != ' ');
    CHECK(ptmi_str_is_utf8(name, len));
    CHECK(ptmi_path_check_relative(name, NULL) == PTM_OK);
}

/* Follows the path as a file system would: the depth never falls, and every part is a good name. */
static void check_relative(const char *path)
{
    PTM_AUTO(ptmi_freep) char *under = NULL;
    if (ptmi_path_under("/root", path, &under, NULL) != PTM_OK) {
        CHECK(!under);
        return;
    }
    CHECK(strncmp(under, "/root/", 6) == 0 && strcmp(under + 6, path) == 0);
    for (char *part = under + 6; part;) {
        char *slash = strchr(part, '/');
        if (slash) *slash = '\0';
        CHECK(ptmi_path_check_name(part, NULL) == PTM_OK);
        part = slash ? slash + 1 : NULL;
    }
}

static void check_helpers(const char *text)
{
    PTM_AUTO(ptmi_freep) char *folded = ptmi_path_fold(text);
    PTM_AUTO(ptmi_freep) char *twice = ptmi_path_fold(folded);
    CHECK(strlen(folded) == strlen(text) && strcmp(folded, twice) == 0);
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(text);
    CHECK(dir[0]);
    char shown[64];
    ptmi_str_printable(shown, sizeof shown, text);
    CHECK(strlen(shown) < sizeof shown && ptmi_str_is_utf8(shown, strlen(shown)));
    for (const char *c = shown; *c; c++) CHECK((unsigned char)*c >= 0x20 && *c != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PTM_AUTO(ptmi_freep) char *text = strndup((const char *)data, size);
    CHECK(text);
    char *second = strchr(text, '\n');
    if (second) *second++ = '\0';
    check_name(text);
    check_relative(text);
    check_helpers(text);
    if (second) {
        ptmi_str_glob(second, text);
        check_helpers(second);
        check_relative(second);
    }
    return 0;
}
