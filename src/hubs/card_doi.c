/* SPDX-License-Identifier: MIT */
/*
 * card_doi.c - what a link or an id says: paper DOIs and Hugging Face data sets. Pure text in,
 * strings in the caller's arena out. Nothing is looked up anywhere: a DOI is formed by the rules of
 * doi.org and of arXiv's own registrations.
 */
#include "card.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "../base/str.h"

#define HF_SITE "https://huggingface.co"

/* Longest DOI kept: registrants may go further, real ones stay under 128. */
#define DOI_MAX 256
/* The hub's own limit on one part of an id. */
#define HF_PART_MAX 96

/* Skips "http://" or "https://" and the host when it is one of hosts (NULL-terminated); the path
 * without its '/', else NULL. */
static const char *path_on(const char *link, const char *const *hosts)
{
    if (ptmi_str_starts_nocase(link, "https://"))
        link += 8;
    else if (ptmi_str_starts_nocase(link, "http://"))
        link += 7;
    else if (ptmi_str_starts(link, "//"))
        link += 2;
    for (; *hosts; hosts++) {
        size_t n = strlen(*hosts);
        if (strncasecmp(link, *hosts, n) == 0 && link[n] == '/') return link + n + 1;
    }
    return NULL;
}

static size_t digits(const char *text)
{
    size_t n = 0;
    while (isdigit((unsigned char)text[n])) n++;
    return n;
}

/* Length of an arXiv id at text without its version: 1706.03762, cs/0112017, math.GT/0309136; 0:
 * none. */
static size_t arxiv_id_len(const char *text)
{
    size_t n = digits(text);
    if (n == 4 && text[4] == '.') {
        size_t m = digits(text + 5);
        return m == 4 || m == 5 ? 5 + m : 0;
    }
    n = 0;
    while (islower((unsigned char)text[n]) || text[n] == '-') n++;
    if (n == 0 || n > 16) return 0;
    if (text[n] == '.' && isupper((unsigned char)text[n + 1]) &&
        isupper((unsigned char)text[n + 2]))
        n += 3;
    if (text[n] != '/' || digits(text + n + 1) != 7) return 0;
    return n + 8;
}

/* What may follow an id: a version, ".pdf", the end, or the start of something else that a link may
 * carry. */
static bool arxiv_tail_ok(const char *tail)
{
    if (*tail == 'v' && isdigit((unsigned char)tail[1])) {
        tail++;
        tail += digits(tail);
    }
    if (ptmi_str_starts_nocase(tail, ".pdf")) tail += 4;
    return !isalnum((unsigned char)*tail);
}

static const char *arxiv_doi(const char *id, struct ptmi_arena *arena)
{
    size_t n = arxiv_id_len(id);
    if (n == 0 || !arxiv_tail_ok(id + n)) return NULL;
    return ptmi_arena_printf(arena, "10.48550/arXiv.%.*s", (int)n, id);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copies a DOI's text: percent-decoded, up to a query, fragment, space or control character.
 * Returns its length, 0: too long. */
static size_t copy_doi(char out[DOI_MAX + 1], const char *text, bool is_url)
{
    size_t n = 0;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (is_url && (c == '?' || c == '#')) break;
        if (is_url && c == '%' && hex_value(text[1]) >= 0 && hex_value(text[2]) >= 0) {
            c = (unsigned char)(hex_value(text[1]) * 16 + hex_value(text[2]));
            text += 2;
        }
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>') break;
        if (n == DOI_MAX) return 0;
        out[n++] = (char)c;
    }
    /* Sentence ends and closing brackets that an autolink or a careless author took along. */
    while (n > 0 && strchr(".,;:/*_'", out[n - 1])) n--;
    if (n > 0 && out[n - 1] == ')' && !memchr(out, '(', n)) n--;
    out[n] = '\0';
    return n;
}

/* "10.", four to nine digits (with parts: 10.1000.10), "/", a suffix. */
static const char *plain_doi(const char *text, bool is_url, struct ptmi_arena *arena)
{
    char doi[DOI_MAX + 1];
    size_t len = copy_doi(doi, text, is_url);
    if (len < 8 || strncmp(doi, "10.", 3) != 0) return NULL;
    size_t n = digits(doi + 3);
    if (n < 4 || n > 9) return NULL;
    n += 3;
    while (doi[n] == '.' && digits(doi + n + 1) > 0) n += 1 + digits(doi + n + 1);
    if (doi[n] != '/' || doi[n + 1] == '\0') return NULL;
    /* One spelling for arXiv's DOIs, whose names are case-insensitive, so that lists hold each
     * paper once. */
    if (strncasecmp(doi, "10.48550/arxiv.", 15) == 0) {
        const char *id = arxiv_doi(doi + 15, arena);
        if (id) return id;
    }
    return ptmi_arena_strdup(arena, doi);
}

const char *ptmi_card_doi(const char *link, struct ptmi_arena *arena)
{
    static const char *const doi_hosts[] = {"doi.org", "dx.doi.org", "www.doi.org", NULL};
    static const char *const arxiv_hosts[] = {"arxiv.org", "www.arxiv.org", "export.arxiv.org",
                                              NULL};
    static const char *const kinds[] = {"abs/", "pdf/", "html/", "format/", NULL};
    static const char *const hf_hosts[] = {"huggingface.co", "hf.co", "www.huggingface.co", NULL};
    if (!link) return NULL;
    while (isspace((unsigned char)*link)) link++;
    const char *path = path_on(link, doi_hosts);
    if (path) return plain_doi(path, true, arena);
    path = path_on(link, arxiv_hosts);
    if (path) {
        for (const char *const *kind = kinds; *kind; kind++) {
            if (ptmi_str_starts(path, *kind)) return arxiv_doi(path + strlen(*kind), arena);
        }
        return NULL;
    }
    path = path_on(link, hf_hosts);
    if (path) /* the hub's paper pages are named by their arXiv id */
        return ptmi_str_starts(path, "papers/") ? arxiv_doi(path + 7, arena) : NULL;
    if (ptmi_str_starts_nocase(link, "arxiv:")) return arxiv_doi(link + 6, arena);
    if (ptmi_str_starts_nocase(link, "doi:")) {
        link += 4;
        while (*link == ' ') link++;
        path = path_on(link, doi_hosts);
        return path ? plain_doi(path, true, arena) : plain_doi(link, false, arena);
    }
    return ptmi_str_starts(link, "10.") ? plain_doi(link, false, arena) : NULL;
}

/* Length of one part of a Hugging Face id at text: letters, digits, '-', '_', '.'; 0: none, or one
 * the hub itself refuses. */
static size_t hf_part_len(const char *text)
{
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || (text[n] && strchr("-_.", text[n]))) n++;
    if (n == 0 || n > HF_PART_MAX) return 0;
    if (text[0] == '.' || text[0] == '-' || text[n - 1] == '.' || text[n - 1] == '-') return 0;
    return n;
}

/* Fills out from "name" or "owner/name" of these lengths; owner_len 0: a data set without an owner,
 * held by the hub itself. */
static bool fill_hf(const char *id, size_t owner_len, size_t len, struct ptmi_arena *arena,
                    struct ptm_dataset *out)
{
    struct ptm_dataset set = {0};
    set.name = ptmi_arena_strndup(arena, id, len);
    set.owner = owner_len > 0 ? ptmi_arena_strndup(arena, id, owner_len) : "huggingface.co";
    set.url = ptmi_arena_printf(arena, HF_SITE "/datasets/%.*s", (int)len, id);
    set.owner_url =
        owner_len > 0 ? ptmi_arena_printf(arena, HF_SITE "/%.*s", (int)owner_len, id) : HF_SITE;
    if (!set.name || !set.owner || !set.url || !set.owner_url) return false;
    *out = set;
    return true;
}

bool ptmi_card_hf_dataset(const char *id, struct ptmi_arena *arena, struct ptm_dataset *out)
{
    if (!id) return false;
    size_t first = hf_part_len(id);
    if (first == 0) return false;
    if (id[first] == '\0') return fill_hf(id, 0, first, arena, out);
    if (id[first] != '/') return false;
    size_t second = hf_part_len(id + first + 1);
    if (second == 0 || id[first + 1 + second] != '\0') return false;
    return fill_hf(id, first, first + 1 + second, arena, out);
}

/* The end of a path component within a link. */
static bool ends_part(char c)
{
    return c == '\0' || c == '/' || c == '?' || c == '#';
}

/* Pages below a data set's own address: what follows a name that has no owner. */
static bool is_page_name(const char *text, size_t len)
{
    static const char *const pages[] = {"tree",        "blob",    "viewer",      "resolve", "raw",
                                        "discussions", "commits", "settings",    "embed",   "edit",
                                        "commit",      "refs",    "sql-console", NULL};
    for (const char *const *page = pages; *page; page++) {
        if (strlen(*page) == len && strncmp(*page, text, len) == 0) return true;
    }
    return false;
}

bool ptmi_card_dataset_link(const char *link, struct ptmi_arena *arena, struct ptm_dataset *out)
{
    static const char *const hosts[] = {"huggingface.co", "hf.co", "www.huggingface.co", NULL};
    if (!link) return false;
    while (isspace((unsigned char)*link)) link++;
    const char *id = path_on(link, hosts);
    if (!id || !ptmi_str_starts(id, "datasets/")) return false;
    id += 9;
    size_t first = hf_part_len(id);
    if (first == 0 || !ends_part(id[first])) return false;
    if (id[first] != '/') return fill_hf(id, 0, first, arena, out);
    const char *rest = id + first + 1;
    size_t second = hf_part_len(rest);
    if (second == 0 || !ends_part(rest[second]))
        return ends_part(*rest) && fill_hf(id, 0, first, arena, out);
    if (is_page_name(rest, second)) return fill_hf(id, 0, first, arena, out);
    return fill_hf(id, first, first + 1 + second, arena, out);
}
