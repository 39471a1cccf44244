/* SPDX-License-Identifier: MIT */
/*
 * url.h - URLs: parts, joining, origins, rewriting, and the reduction of a hub's link to what git
 * can clone. Pure; thread-safe. It stands in base, not in net, because git, hubs and the catalogue
 * need it without any HTTP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <ptm/err.h>

/* Parts of an absolute http(s) URL; strings owned by the struct. "user:password@" and "#fragment"
 * are not kept. */
struct ptmi_url {
    char *scheme; /* lower case */
    char *host;   /* lower case, brackets of IPv6 kept */
    int port;     /* explicit, else 80 or 443 */
    char *path;   /* "/..." as written; "/" when empty */
    char *query;  /* without '?', or NULL */
};
/* PTM_EFORMAT, PTM_ELIMIT, PTM_ENOMEM. Spaces, controls and backslashes are refused: programs
 * differ about them. */
PTM_MUST_USE ptm_rc ptmi_url_parse(const char *text, struct ptmi_url *out, struct ptm_err *err);
void ptmi_url_clear(struct ptmi_url *url);
/* "scheme://host", with ":port" where it is not the scheme's own; malloc'ed, NULL when out of
 * memory. */
char *ptmi_url_origin(const struct ptmi_url *url);
/* Same scheme, host and port. Either may be unparseable: then false. */
bool ptmi_url_same_origin(const char *a, const char *b);
/* Does its host, by its name alone, stand in the user's own network: an address in numbers (also as
 * 0x7f000001 or 2130706433), a name without a dot, or one that such networks use? */
bool ptmi_url_is_inside(const struct ptmi_url *url);
/* Resolves a Location header against base; malloc'ed. Only http and https come out; https to http
 * is PTM_EUNSAFE. */
PTM_MUST_USE ptm_rc ptmi_url_join(const char *base, const char *location, char **out,
                                  struct ptm_err *err);
/* Percent-encodes one path segment (keep_slash: a path); malloc'ed. */
char *ptmi_url_encode(const char *text, bool keep_slash);
/* False for a malformed escape and for %00. */
bool ptmi_url_can_decode(const char *text);
/* Decodes %XX; NULL for what ptmi_url_can_decode() refuses; malloc'ed. */
char *ptmi_url_decode(const char *text);
/* Replaces or adds one query parameter; malloc'ed. */
char *ptmi_url_set_param(const char *url, const char *name, const char *value);
/* URL without user:password@ and with values of query parameters that look like signatures or
 * tokens as ***, and repeated ones (expand[]=a&expand[]=b) as "..", the query cut at 120 bytes, for
 * messages; malloc'ed. */
char *ptmi_url_redact(const char *url);

/*
 * Rewriting rules: immutable once built; the longest FROM wins, undo goes by the longest
 * TO. A bare host gets a "/" on both sides, so that the rules mean the same to git's insteadOf; a
 * second rule for a FROM replaces the first.
 */
struct ptmi_rewrite {
    char **from;
    char **to;
    size_t n;
};
PTM_MUST_USE ptm_rc ptmi_rewrite_add(struct ptmi_rewrite *rules, const char *from_eq_to,
                                     struct ptm_err *err);
void ptmi_rewrite_clear(struct ptmi_rewrite *rules);
char *ptmi_rewrite_apply(const struct ptmi_rewrite *rules, const char *url); /* malloc'ed, always */
char *ptmi_rewrite_undo(const struct ptmi_rewrite *rules,
                        const char *url); /* back to the original; malloc'ed */

/*
 * Reduces a link to a repository: scheme, host, ".git", trailing "/", "/tree/...",
 * "/blob/..." taken off. One path component: author is the host. clone_url is
 * "scheme://host/author/repo"; known forges by https, on other hosts a ".git" at the end stays.
 * Groups of GitLab (a/b/c): author a, name "b.c". PTM_ENOTCLONABLE with the reason when the link
 * names no repository (a web page, a gist, an owner alone on a forge), PTM_EUNSAFE when a part may
 * not become a path. Takes original URLs, never rewritten ones. Strings owned by the struct.
 */
struct ptmi_repo_ref {
    char *clone_url;
    char *author;
    char *name;
    char *ref;     /* from /tree/REF or /blob/REF, or NULL */
    char *subpath; /* what followed REF, or NULL */
};
PTM_MUST_USE ptm_rc ptmi_url_to_repo(const char *link, struct ptmi_repo_ref *out,
                                     struct ptm_err *err);
void ptmi_repo_ref_clear(struct ptmi_repo_ref *ref);
