/* SPDX-License-Identifier: MIT */
/*
 * url_repo.c - from a link that people wrote (a page, a folder, a file of a repository) to what git
 * can clone.
 *
 * Works on original URLs, never on rewritten ones. It does not guess: where a link could be
 * anything, it says that no repository is named, and the model keeps its record without a clone.
 */
#include <stdlib.h>
#include <string.h>

#include "auto.h"
#include "buf.h"
#include "limits.h"
#include "path.h"
#include "str.h"
#include "url.h"

/* Deep enough for any repository: the longest real sub-path seen has 14. */
#define PARTS_MAX 64

/* A place that hosts repositories at known paths. */
struct forge {
    const char *host;
    const char *clone_host;
    int min_parts;               /* components that name a repository, at least */
    bool groups;                 /* more components than two may name one (GitLab) */
    const char *const *reserved; /* first components that are pages; NULL-terminated */
};

static const char *const github_pages[] = {
    "about",    "account",   "advisories", "apps",     "blog",          "codespaces", "collections",
    "contact",  "copilot",   "dashboard",  "docs",     "enterprise",    "events",     "explore",
    "features", "gist",      "issues",     "join",     "login",         "logout",     "marketplace",
    "models",   "new",       "nonprofit",  "orgs",     "notifications", "pricing",    "pulls",
    "readme",   "resources", "search",     "security", "sessions",      "settings",   "signup",
    "site",     "solutions", "sponsors",   "stars",    "team",          "topics",     "trending",
    "users",    "watching",  NULL,
};
static const char *const gitlab_pages[] = {"-",      "admin", "api",    "dashboard", "explore",
                                           "groups", "help",  "search", "users",     NULL};
static const char *const huggingface_pages[] = {"api",           "blog",
                                                "buckets",       "chat",
                                                "collections",   "datasets",
                                                "docs",          "enterprise",
                                                "join",          "kernels",
                                                "learn",         "login",
                                                "models",        "new",
                                                "organizations", "papers",
                                                "posts",         "pricing",
                                                "settings",      "spaces",
                                                "tasks",         "terms-of-service",
                                                "privacy",       NULL};
static const char *const no_pages[] = {NULL};

static const struct forge forges[] = {
    {"github.com", "github.com", 2, false, github_pages},
    {"raw.githubusercontent.com", "github.com", 2, false, no_pages},
    {"gitlab.com", "gitlab.com", 2, true, gitlab_pages},
    {"bitbucket.org", "bitbucket.org", 2, false, no_pages},
    {"codeberg.org", "codeberg.org", 2, false, no_pages},
    {"huggingface.co", "huggingface.co", 1, false, huggingface_pages},
    {"hf.co", "huggingface.co", 1, false, huggingface_pages},
};

/* Components behind a repository that lead to something within it. */
static const char *const views[] = {
    "-",         "tree",        "blob",           "raw",     "resolve", "src",  "wiki",
    "wikis",     "issues",      "merge_requests", "pulls",   "pull",    "tags", "commits",
    "commit",    "releases",    "branches",       "blame",   "archive", "edit", "graphs",
    "pipelines", "discussions", "upload",         "network", NULL};
/* Those followed by a branch, tag or commit, and then a path. */
static const char *const ref_views[] = {"tree", "blob", "raw", "resolve", "src", NULL};

/* A link taken apart. */
struct link {
    struct ptmi_url url;
    const struct forge *forge; /* NULL: any other host */
    char *parts[PARTS_MAX];    /* decoded path components, owned */
    size_t n;
};

static void link_clear(struct link *link)
{
    ptmi_url_clear(&link->url);
    for (size_t i = 0; i < link->n; i++) free(link->parts[i]);
    link->n = 0;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(text, *words) == 0) return true;
    return false;
}

static PTM_MUST_USE ptm_rc not_clonable(struct ptm_err *err, const char *text, const char *why)
{
    PTM_AUTO(ptmi_freep) char *shown = ptmi_url_redact(text);
    return ptm_err_set(err, PTM_ENOTCLONABLE, "%.300s: %s", shown ? shown : "", why);
}

static PTM_MUST_USE ptm_rc no_memory(struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ENOMEM, "link: out of memory");
}

static const struct forge *find_forge(const char *host, size_t len)
{
    if (len > 4 && strncasecmp(host, "www.", 4) == 0) {
        host += 4;
        len -= 4;
    }
    for (size_t i = 0; i < sizeof forges / sizeof forges[0]; i++)
        if (strlen(forges[i].host) == len && strncasecmp(host, forges[i].host, len) == 0)
            return &forges[i];
    return NULL;
}

/* The web form of what people write for git: "git@host:a/b", "ssh://git@host/a/b",
 * "git://host/a/b", "host/a/b". */
static char *as_web_link(const char *text)
{
    static const char *const schemes[] = {"ssh://git@", "git+https://", "git+ssh://git@",
                                          "git://",     "git@",         ""};
    if (ptmi_str_starts_nocase(text, "http://") || ptmi_str_starts_nocase(text, "https://"))
        return strdup(text);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (!ptmi_str_starts(text, schemes[i])) continue;
        const char *host = text + strlen(schemes[i]);
        size_t len = strcspn(host, "/:");
        if (host[len] && find_forge(host, len))
            return ptmi_str_printf("https://%.*s/%s", (int)len, host, host + len + 1);
    }
    return strdup(text);
}

/* Splits and decodes the path; empty components (doubled slashes) are passed over. */
static ptm_rc split_path(const char *text, struct link *link, struct ptm_err *err)
{
    for (const char *at = link->url.path; *at;) {
        size_t len = strcspn(at, "/");
        if (len > 0) {
            if (link->n == PARTS_MAX) return not_clonable(err, text, "too many folders");
            PTM_AUTO(ptmi_freep) char *raw = strndup(at, len);
            if (!raw) return no_memory(err);
            if (!ptmi_url_can_decode(raw))
                return not_clonable(err, text, "malformed % escape in the link");
            char *part = ptmi_url_decode(raw);
            if (!part) return no_memory(err);
            link->parts[link->n++] = part;
        }
        at += len + (at[len] == '/');
    }
    return PTM_OK;
}

static ptm_rc read_link(const char *text, struct link *link, struct ptm_err *err)
{
    while (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r') text++;
    size_t len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1])) len--;
    if (len == 0) return ptm_err_set(err, PTM_ENOTCLONABLE, "no link");
    PTM_AUTO(ptmi_freep) char *trimmed = strndup(text, len);
    PTM_AUTO(ptmi_freep) char *web = trimmed ? as_web_link(trimmed) : NULL;
    if (!web) return no_memory(err);
    ptm_rc rc = ptmi_url_parse(web, &link->url, err);
    if (rc == PTM_EFORMAT || rc == PTM_ELIMIT)
        return not_clonable(err, trimmed, "not a web link that git could clone");
    PTM_TRY(rc);
    link->forge = find_forge(link->url.host, strlen(link->url.host));
    return split_path(trimmed, link, err);
}

/* How many components name the repository, 0 for none. */
static size_t count_repo_parts(const struct link *link)
{
    const struct forge *forge = link->forge;
    size_t n = 0;
    if (!forge) { /* only what says so itself */
        while (n < link->n && !ptmi_str_ends(link->parts[n], ".git")) n++;
        return n < link->n ? n + 1 : 0;
    }
    if (forge->groups)
        while (n < link->n && (n < 2 || !is_one_of(link->parts[n], views))) n++;
    else
        n = link->n < 2 ? link->n : 2;
    /* A single-name repository and then a view of it: huggingface.co/gpt2/tree/main. */
    if (forge->min_parts == 1 && n == 2 && is_one_of(link->parts[1], views)) n = 1;
    return n < (size_t)forge->min_parts ? 0 : n;
}

static ptm_rc check_names_repo(const char *text, const struct link *link, size_t n,
                               struct ptm_err *err)
{
    const struct forge *forge = link->forge;
    if (ptmi_str_starts(link->url.host, "gist."))
        return not_clonable(err, text, "a gist, not a repository");
    if (!forge && n == 0) return not_clonable(err, text, "a web page, not a repository");
    if (link->n == 0) return not_clonable(err, text, "the front page of a site");
    if (forge && is_one_of(link->parts[0], forge->reserved))
        return not_clonable(err, text, "a page of the site, not a model's repository");
    if (n == 0) return not_clonable(err, text, "an owner, not a repository");
    return PTM_OK;
}

/* Takes ".git" off the end, in place. */
static void drop_dot_git(char *name)
{
    size_t len = strlen(name);
    if (len >= 4 && strcmp(name + len - 4, ".git") == 0) name[len - 4] = '\0';
}

/* Components from..to, joined by separator. NULL: out of memory. */
static char *join_parts(char *const *parts, size_t from, size_t to, const char *separator)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf text = PTMI_BUF(PTM_LIMIT_URL);
    for (size_t i = from; i < to; i++) {
        if (i > from && ptmi_buf_puts(&text, separator, NULL) != PTM_OK) return NULL;
        if (ptmi_buf_puts(&text, parts[i], NULL) != PTM_OK) return NULL;
    }
    return ptmi_buf_take(&text);
}

/*
 * author/name as folders. One component: the host is the author, as the reference has it. More than
 * two (groups of GitLab): the first is the author and the rest, with dots between, the name, so
 * that group/a/x and group/b/x stay apart.
 */
static ptm_rc name_it(struct link *link, size_t n, struct ptmi_repo_ref *out, struct ptm_err *err)
{
    const char *author = n > 1         ? link->parts[0]
                         : link->forge ? link->forge->clone_host
                                       : link->url.host;
    out->author = strdup(author);
    out->name = n > 1 ? join_parts(link->parts, 1, n, ".") : strdup(link->parts[0]);
    if (!out->author || !out->name) return no_memory(err);
    drop_dot_git(out->name);
    PTM_TRY(ptmi_path_check_name(out->author, err));
    for (size_t i = 0; i < n; i++)
        if (i + 1 < n || link->forge) PTM_TRY(ptmi_path_check_name(link->parts[i], err));
    return ptmi_path_check_name(out->name, err);
}

/* Known forges are reached by https and without ".git"; another host's link is kept as it is,
 * ".git" included. */
static ptm_rc make_clone_url(struct link *link, size_t n, struct ptmi_repo_ref *out,
                             struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep)
    char *origin = link->forge ? ptmi_str_printf("https://%s", link->forge->clone_host)
                               : ptmi_url_origin(&link->url);
    PTM_AUTO(ptmi_freep) char *path = join_parts(link->parts, 0, n, "/");
    PTM_AUTO(ptmi_freep) char *encoded = path ? ptmi_url_encode(path, true) : NULL;
    if (!origin || !encoded) return no_memory(err);
    out->clone_url = ptmi_str_printf("%s/%s", origin, encoded);
    return out->clone_url ? PTM_OK : no_memory(err);
}

/* A ref goes to git: nothing that looks like an option or leads out of refs/. */
static ptm_rc check_ref(const char *ref, struct ptm_err *err)
{
    if (ref[0] == '-')
        return ptm_err_set(err, PTM_EUNSAFE, "unsafe branch name \"%.80s\": it starts with '-'",
                           ref);
    return ptmi_path_check_relative(ref, err);
}

/* /tree/REF/path, /-/tree/REF/path, and for raw.githubusercontent.com /REF/path. */
static ptm_rc read_ref(struct link *link, size_t n, struct ptmi_repo_ref *out, struct ptm_err *err)
{
    bool raw_host = link->forge && strcmp(link->forge->host, link->forge->clone_host) != 0 &&
                    link->forge->min_parts == 2;
    size_t at = n;
    if (at < link->n && strcmp(link->parts[at], "-") == 0) at++;
    if (!raw_host) {
        if (at >= link->n || !is_one_of(link->parts[at], ref_views)) return PTM_OK;
        at++;
    }
    if (at >= link->n) return PTM_OK;
    PTM_TRY(check_ref(link->parts[at], err));
    out->ref = strdup(link->parts[at]);
    if (!out->ref) return no_memory(err);
    if (++at == link->n) return PTM_OK;
    out->subpath = join_parts(link->parts, at, link->n, "/");
    if (!out->subpath) return no_memory(err);
    return ptmi_path_check_relative(out->subpath, err);
}

ptm_rc ptmi_url_to_repo(const char *text, struct ptmi_repo_ref *out, struct ptm_err *err)
{
    PTM_AUTO(link_clear) struct link link = {0};
    PTM_AUTO(ptmi_repo_ref_clear) struct ptmi_repo_ref ref = {0};
    PTM_TRY(read_link(text, &link, err));
    size_t n = count_repo_parts(&link);
    PTM_TRY(check_names_repo(text, &link, n, err));
    PTM_TRY(read_ref(&link, n, &ref, err));
    if (link.forge) drop_dot_git(link.parts[n - 1]);
    if (link.parts[n - 1][0] == '\0' || strcmp(link.parts[n - 1], ".git") == 0)
        return not_clonable(err, text, "an owner, not a repository");
    PTM_TRY(name_it(&link, n, &ref, err));
    PTM_TRY(make_clone_url(&link, n, &ref, err));
    *out = ref;
    ref = (struct ptmi_repo_ref){0};
    return PTM_OK;
}

void ptmi_repo_ref_clear(struct ptmi_repo_ref *ref)
{
    free(ref->clone_url);
    free(ref->author);
    free(ref->name);
    free(ref->ref);
    free(ref->subpath);
    *ref = (struct ptmi_repo_ref){0};
}
