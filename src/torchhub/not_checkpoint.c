/* SPDX-License-Identifier: MIT */
/*
 * not_checkpoint.c - what came in place of a checkpoint: servers answer 200 with a page that asks
 * to log in, a Drive link with one that asks to confirm, a bucket with an error in XML. Only what
 * is surely not weights is named: unknown binary bytes pass, and so does text that could be a
 * pickle of protocol 0.
 */
#include "torchhub_priv.h"

#include <stdio.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../git/lfs.h"

#define TITLE_MAX 80

/* Names that say: here are weights, or an archive of them. */
bool ptmi_promises_checkpoint(const char *name)
{
    static const char *const endings[] = {
        ".pt",  ".pth", ".ckpt", ".bin",    ".safetensors", ".onnx", ".gguf",
        ".npz", ".npy", ".pkl",  ".pickle", ".pyth",        ".tar",  ".zip",
        ".gz",  ".tgz", ".h5",   ".th",     ".mar",         ".ptl",
    };
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);
        if (len > n && ptmi_str_eq_nocase(name + len - n, endings[i])) return true;
    }
    return false;
}

static const char *skip_space(const char *at, const char *end)
{
    if (end - at >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) at += 3;
    while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r'))) at++;
    return at;
}

/* Where a word stands in [at, end), letter case aside; NULL: nowhere. */
static const char *find_word(const char *at, const char *end, const char *word)
{
    size_t n = strlen(word);
    for (; (size_t)(end - at) >= n; at++) {
        size_t same = 0;
        while (same < n && (at[same] | 0x20) == (word[same] | 0x20)) same++;
        if (same == n) return at;
    }
    return NULL;
}

static bool begins(const char *at, const char *end, const char *word)
{
    size_t n = strlen(word);
    return (size_t)(end - at) >= n && find_word(at, at + n, word) == at;
}

static const char *markup(const char *at, const char *end)
{
    static const char *const html[] = {"<!doctype html", "<html", "<head", "<body", "<script"};
    for (size_t i = 0; i < sizeof html / sizeof *html; i++)
        if (begins(at, end, html[i])) return "an HTML page";
    if (!begins(at, end, "<?xml") && !begins(at, end, "<!--") && !begins(at, end, "<error"))
        return NULL;
    return find_word(at, end, "<html") ? "an HTML page" : "an XML document";
}

/* The whole is valid text, but for a character that the end of the head cuts in two. */
static bool is_text(const char *head, size_t len)
{
    for (size_t cut = 0; cut < 4 && cut < len; cut++)
        if (ptmi_str_is_text(head, len - cut)) return true;
    return false;
}

/*
 * A pickle of protocol 0 is text, too: its first line is an opcode and what belongs to it, without
 * a space but in texts, which begin with S or V, and it ends with a full stop.
 */
static bool could_be_pickle(const char *at, const char *end)
{
    const char *line = memchr(at, '\n', (size_t)(end - at));
    if (strchr("(]})", *at)) return true;
    if (!line || line + 1 == end) return end[-1] == '.';
    return (*at == 'S' && strchr("'\"", at[1])) || !memchr(at, ' ', (size_t)(line - at));
}

const char *ptmi_not_checkpoint(const void *bytes, size_t len)
{
    const char *head = bytes, *end = head + len;
    if (len == 0) return "an empty file";
    struct ptmi_lfs_pointer pointer;
    if (len <= PTM_LIMIT_POINTER && ptmi_lfs_pointer_parse(head, len, &pointer))
        return "a Git LFS pointer";
    if (begins(head, end, "%PDF-")) return "a PDF document";
    const char *at = skip_space(head, end);
    if (at == end) return "an empty file";
    const char *what = markup(at, end);
    if (what) return what;
    if (!is_text(head, len)) return NULL;
    if (*at == '{' || *at == '[') return "a JSON document";
    return could_be_pickle(at, end) ? NULL : "plain text";
}

/* Text between <title> and </title>, white space folded, or "". */
static void page_title(const char *head, size_t len, char out[TITLE_MAX])
{
    char raw[TITLE_MAX];
    size_t n = 0;
    const char *end = head + len, *at = find_word(head, end, "<title");
    out[0] = '\0';
    at = at ? memchr(at, '>', (size_t)(end - at)) : NULL;
    if (!at) return;
    at = skip_space(at + 1, end);
    for (bool space = false; at < end && *at != '<' && n + 2 < sizeof raw; at++) {
        bool blank = *at == ' ' || (*at >= '\t' && *at <= '\r');
        if (!blank && space && n > 0) raw[n++] = ' ';
        if (!blank) raw[n++] = *at;
        space = blank;
    }
    raw[n] = '\0';
    ptmi_str_printable(out, TITLE_MAX, raw);
}

static const char *way_out(const char *what, bool there)
{
    if (there) return "remove it, and it is fetched anew";
    if (strstr(what, "LFS"))
        return "fetch the file itself (GitHub has it at media.githubusercontent.com/media/..)";
    if (strstr(what, "empty")) return "nothing was published there, or its upload failed";
    return "open the link in a browser to see why (a Google Drive link needs its direct download "
           "address)";
}

ptm_rc ptmi_no_page(const char *shown, bool there, const char *head, size_t len,
                    struct ptm_err *err)
{
    char title[TITLE_MAX] = "", named[TITLE_MAX + 16] = "";
    const char *what = ptmi_not_checkpoint(head, len);
    if (!what) return PTM_OK;
    page_title(head, len, title);
    if (title[0] && strstr(what, "HTML")) snprintf(named, sizeof named, " (title «%s»)", title);
    return ptm_err_set(err, PTM_EFORMAT, "%s: what %s is %s%s, not a checkpoint; %s", shown,
                       there ? "stands there" : "came", what, named, way_out(what, there));
}
