/* SPDX-License-Identifier: MIT */
/*
 * url_rewrite.c - mirrors, proxies and tests: prefixes of URLs replaced on the way out and put back
 * on the way in.
 */
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "str.h"
#include "url.h"

/* Bytes of "scheme://host:port" at the front of url, 0 when there is no "://". */
static size_t origin_length(const char *url)
{
    const char *slashes = strstr(url, "://");
    return slashes ? (size_t)(slashes + 3 - url) + strcspn(slashes + 3, "/?#") : 0;
}

/*
 * One side of a rule, checked and made ready: scheme and host in lower case, "/" behind a bare host
 * (else the rule for https://a.org would also take https://a.org.evil.net).
 */
static ptm_rc ready_side(const char *rule, const char *side, char **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_url_clear) struct ptmi_url url = {0};
    ptm_rc rc = ptmi_url_parse(side, &url, err);
    /* A URL from a server may be malformed; a rule is what somebody typed. */
    if (rc == PTM_EFORMAT || rc == PTM_ELIMIT) rc = PTM_EINVAL;
    if (rc != PTM_OK) return ptm_err_ctx(err, rc, "rewrite rule \"%.200s\"", rule);
    if (url.query || strchr(side, '#'))
        return ptm_err_set(err, PTM_EINVAL, "rewrite rule \"%.200s\": no '?' or '#' there", rule);
    PTM_AUTO(ptmi_freep) char *origin = ptmi_url_origin(&url);
    char *ready = origin ? ptmi_str_printf("%s%s", origin, url.path) : NULL;
    if (!ready) return ptm_err_set(err, PTM_ENOMEM, "rewrite rule: out of memory");
    *out = ready;
    return PTM_OK;
}

/* Both sides end in a slash or neither does: else paths would come out with two slashes, or none.
 */
static bool even_slashes(char **from, char **to)
{
    bool from_slash = ptmi_str_ends(*from, "/");
    bool to_slash = ptmi_str_ends(*to, "/");
    if (from_slash == to_slash) return true;
    char **side = from_slash ? to : from;
    char *longer = ptmi_str_printf("%s/", *side);
    if (!longer) return false;
    free(*side);
    *side = longer;
    return true;
}

static ptm_rc split_rule(const char *rule, char **from, char **to, struct ptm_err *err)
{
    const char *equals = strstr(rule, "=http");
    if (!equals || equals == rule)
        return ptm_err_set(err, PTM_EINVAL,
                           "rewrite rule \"%.200s\": expected FROM=TO, both http:// or https://",
                           rule);
    *from = strndup(rule, (size_t)(equals - rule));
    *to = strdup(equals + 1);
    return *from && *to ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "rewrite rule: out of memory");
}

/* Takes both strings over. A rule for the same FROM is replaced: the later one was said closer to
 * the user. */
static bool keep_rule(struct ptmi_rewrite *rules, char **from, char **to)
{
    for (size_t i = 0; i < rules->n; i++)
        if (strcmp(rules->from[i], *from) == 0) {
            free(rules->to[i]);
            rules->to[i] = ptm_steal(to);
            return true;
        }
    char **more_from = realloc(rules->from, (rules->n + 1) * sizeof *more_from);
    if (!more_from) return false;
    rules->from = more_from;
    char **more_to = realloc(rules->to, (rules->n + 1) * sizeof *more_to);
    if (!more_to) return false;
    rules->to = more_to;
    rules->from[rules->n] = ptm_steal(from);
    rules->to[rules->n] = ptm_steal(to);
    rules->n++;
    return true;
}

/* Both sides of rule, ready for use; the caller frees them in every case. */
static ptm_rc read_rule(const char *rule, char **from, char **to, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *raw_from = NULL;
    PTM_AUTO(ptmi_freep) char *raw_to = NULL;
    ptm_rc rc = split_rule(rule, &raw_from, &raw_to, err);
    if (rc != PTM_OK || !raw_from || !raw_to) return rc;
    PTM_TRY(ready_side(rule, raw_from, from, err));
    PTM_TRY(ready_side(rule, raw_to, to, err));
    return even_slashes(from, to) ? PTM_OK
                                  : ptm_err_set(err, PTM_ENOMEM, "rewrite rule: out of memory");
}

ptm_rc ptmi_rewrite_add(struct ptmi_rewrite *rules, const char *from_eq_to, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *from = NULL;
    PTM_AUTO(ptmi_freep) char *to = NULL;
    ptm_rc rc = read_rule(from_eq_to, &from, &to, err);
    if (rc != PTM_OK || !from || !to) return rc;
    if (!keep_rule(rules, &from, &to))
        return ptm_err_set(err, PTM_ENOMEM, "rewrite rule: out of memory");
    return PTM_OK;
}

void ptmi_rewrite_clear(struct ptmi_rewrite *rules)
{
    for (size_t i = 0; i < rules->n; i++) {
        free(rules->from[i]);
        free(rules->to[i]);
    }
    free(rules->from);
    free(rules->to);
    *rules = (struct ptmi_rewrite){0};
}

/* Bytes of url that prefix covers, 0 for none. A bare host is covered without its slash. */
static size_t covered(const char *url, const char *prefix)
{
    size_t origin = origin_length(prefix);
    for (size_t i = 0; i < origin; i++) {
        char c = url[i] >= 'A' && url[i] <= 'Z' ? (char)(url[i] + 32) : url[i];
        if (c != prefix[i]) return 0;
    }
    if (strcmp(prefix + origin, "/") == 0 && (url[origin] == '\0' || url[origin] == '?'))
        return origin;
    return ptmi_str_starts(url + origin, prefix + origin) ? strlen(prefix) : 0;
}

static char *replace(char *const *prefixes, char *const *instead, size_t n, const char *url)
{
    size_t best = 0;
    size_t best_covered = 0;
    for (size_t i = 0; i < n; i++) {
        size_t here = covered(url, prefixes[i]);
        if (here > best_covered) {
            best = i;
            best_covered = here;
        }
    }
    if (best_covered == 0) return strdup(url);
    return ptmi_str_printf("%s%s", instead[best], url + best_covered);
}

char *ptmi_rewrite_apply(const struct ptmi_rewrite *rules, const char *url)
{
    return rules ? replace(rules->from, rules->to, rules->n, url) : strdup(url);
}

char *ptmi_rewrite_undo(const struct ptmi_rewrite *rules, const char *url)
{
    return rules ? replace(rules->to, rules->from, rules->n, url) : strdup(url);
}
