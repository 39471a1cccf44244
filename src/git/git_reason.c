/* SPDX-License-Identifier: MIT */
/*
 * git_reason.c - what git's standard error means: absent, gated, wrong credentials, network, disk
 * full, damaged. git has exit statuses for none of it, so its words are the interface; they are in
 * English because we run it under LC_ALL=C.
 */
#include "git_priv.h"

#include <string.h>

#include "../base/str.h"

/* Who must have said it. A server's disk being full is not ours being full. */
enum who { WHO_ANY, WHO_LOCAL };

struct rule {
    const char *needle; /* compared without regard to case */
    enum who who;
    ptm_rc rc;
    bool retryable;
};

/* The first rule that fits any line wins: what is certain stands before what is only a consequence.
 */
static const struct rule rules[] = {
    {"no space left on device", WHO_LOCAL, PTM_ENOSPC, false},
    {"out of diskspace", WHO_LOCAL, PTM_ENOSPC, false},
    {"disk quota exceeded", WHO_LOCAL, PTM_ENOSPC, false},
    {"read-only file system", WHO_LOCAL, PTM_EPERM, false},
    {"cannot allocate memory", WHO_LOCAL, PTM_ENOMEM, false},
    {"out of memory", WHO_LOCAL, PTM_ENOMEM, false},
    {"is restricted", WHO_ANY, PTM_EGATED, false},
    {"awaiting a review", WHO_ANY, PTM_EGATED, false},
    {"is gated", WHO_ANY, PTM_EGATED, false},
    {"gated repo", WHO_ANY, PTM_EGATED, false},
    {"resource is disabled", WHO_ANY, PTM_EDISABLED, false},
    {"has been disabled", WHO_ANY, PTM_EDISABLED, false},
    {"dmca takedown", WHO_ANY, PTM_EDISABLED, false},
    {"invalid credentials", WHO_ANY, PTM_EAUTH, false},
    {"bad credentials", WHO_ANY, PTM_EAUTH, false},
    {"password authentication was removed", WHO_ANY, PTM_EAUTH, false},
    {"repository not found", WHO_ANY, PTM_ENOTFOUND, false},
    {"' not found", WHO_LOCAL, PTM_ENOTFOUND, false},
    {"not found in upstream", WHO_LOCAL, PTM_ENOENT,
     false}, /* the repository is there, the ref not */
    {"couldn't find remote ref", WHO_LOCAL, PTM_ENOENT, false},
    {"error: object ", WHO_LOCAL, PTM_ECORRUPT, false}, /* which one, and what is wrong with it */
    {"fsck error", WHO_LOCAL, PTM_ECORRUPT, false},
    {"error in object", WHO_LOCAL, PTM_ECORRUPT, false},
    {"cannot lock ref", WHO_LOCAL, PTM_EGIT, false},
    {"invalid path", WHO_LOCAL, PTM_EUNSAFE, false},
    {"not allowed", WHO_LOCAL, PTM_ENOTCLONABLE, false},
    {"is this a git repository", WHO_LOCAL, PTM_ENOTCLONABLE, false},
    {"does not appear to be a git repository", WHO_LOCAL, PTM_ENOTCLONABLE, false},
    {"mismatched algorithms", WHO_LOCAL, PTM_EUNSUPPORTED, false},
    {"could not resolve", WHO_LOCAL, PTM_ENET, true},
    {"failed to connect", WHO_LOCAL, PTM_ENET, true},
    {"couldn't connect", WHO_LOCAL, PTM_ENET, true},
    {"connection refused", WHO_LOCAL, PTM_ENET, true},
    {"connection reset", WHO_LOCAL, PTM_ENET, true},
    {"network is unreachable", WHO_LOCAL, PTM_ENET, true},
    {"timed out", WHO_LOCAL, PTM_ETIMEOUT, true},
    {"operation too slow", WHO_LOCAL, PTM_ETIMEOUT, true},
    {"ssl certificate", WHO_LOCAL, PTM_ETLS, false},
    {"certificate verif", WHO_LOCAL, PTM_ETLS, false},
    {"cafile", WHO_LOCAL, PTM_ETLS, false},
    {"gnutls_handshake", WHO_LOCAL, PTM_ETLS, false},
    {"ssl connect error", WHO_LOCAL, PTM_ETLS, false},
    {"empty reply from server", WHO_LOCAL, PTM_ENET, true},
    {"early eof", WHO_LOCAL, PTM_ENET, true},
    {"rpc failed", WHO_LOCAL, PTM_ENET, true},
    {"hung up unexpectedly", WHO_LOCAL, PTM_ENET, true},
    {"unexpected disconnect", WHO_LOCAL, PTM_ENET, true},
    {"recv failure", WHO_LOCAL, PTM_ENET, true},
    {"transfer closed", WHO_LOCAL, PTM_ENET, true},
    {"bad line length character", WHO_LOCAL, PTM_ENET, true},
    {"unable to update url base", WHO_LOCAL, PTM_ENOTCLONABLE, false},
    {"file exists", WHO_LOCAL, PTM_EBUSY, true},
    {"another git process", WHO_LOCAL, PTM_EBUSY, true},
    {"permission denied", WHO_LOCAL, PTM_EPERM, false},
    {"input/output error", WHO_LOCAL, PTM_EIO, false},
    {"unable to write file", WHO_LOCAL, PTM_EIO, false},
    {"write error", WHO_LOCAL, PTM_EIO, false},
    {"corrupt", WHO_LOCAL, PTM_ECORRUPT, false},
    {"inflate:", WHO_LOCAL, PTM_ECORRUPT, false},
    {"sha1 mismatch", WHO_LOCAL, PTM_ECORRUPT, false},
    {"bad object", WHO_LOCAL, PTM_ECORRUPT, false},
    {"missing blob", WHO_LOCAL, PTM_ECORRUPT, false},
    {"missing tree", WHO_LOCAL, PTM_ECORRUPT, false},
    {"missing commit", WHO_LOCAL, PTM_ECORRUPT, false},
    {"broken link", WHO_LOCAL, PTM_ECORRUPT, false},
    {"index-pack failed", WHO_LOCAL, PTM_ECORRUPT, false},
    {"unable to access", WHO_LOCAL, PTM_ENET, true},
};

#define N_RULES (sizeof rules / sizeof rules[0])
#define LINE_SIZE 600

/* Copies the line at *text; *text moves past it. false at the end. */
static bool next_line(const char **text, char line[LINE_SIZE])
{
    while (**text == '\n' || **text == '\r') ++*text;
    if (!**text) return false;
    size_t len = strcspn(*text, "\r\n");
    size_t keep = len < LINE_SIZE - 1 ? len : LINE_SIZE - 1;
    memcpy(line, *text, keep);
    line[keep] = '\0';
    *text += len;
    return true;
}

static bool is_remote(const char *line)
{
    return ptmi_str_starts(line, "remote:");
}

/* What the server says on the way is no reason: "remote: Counting objects". A warning is none
 * either. */
static bool is_chatter(const char *line)
{
    static const char *const starts[] = {
        "remote: Enumerating", "remote: Counting", "remote: Compressing", "remote: Total",
        "Receiving objects",   "Resolving deltas", "Unpacking objects",   "Updating files",
        "Cloning into",        "warning:",         "Filtering content",   "Checking",
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (ptmi_str_starts(line, starts[i])) return true;
    return false;
}

/* Takes URLs out of a line: a repository may be called anything, "corrupt" included. */
static void without_urls(const char *line, char out[LINE_SIZE])
{
    size_t n = 0;
    for (const char *at = line; *at;) {
        if (ptmi_str_starts(at, "http://") || ptmi_str_starts(at, "https://"))
            at += strcspn(at, " '\"");
        else
            out[n++] = *at++;
    }
    out[n] = '\0';
}

static bool fits(const struct rule *rule, const char *line)
{
    char bare[LINE_SIZE];
    if (rule->who == WHO_LOCAL && is_remote(line)) return false;
    if (is_chatter(line)) return false;
    without_urls(line, bare);
    return strcasestr(bare, rule->needle) != NULL;
}

/* The first line a rule fits. */
static const struct rule *find_rule(const char *text, char line[LINE_SIZE])
{
    for (size_t i = 0; i < N_RULES; i++) {
        const char *at = text;
        while (next_line(&at, line))
            if (fits(&rules[i], line)) return &rules[i];
    }
    return NULL;
}

static bool find_status(const char *text, int *out, char line[LINE_SIZE])
{
    static const char *const marks[] = {
        "requested url returned error: ", "http code = ", "RPC failed; HTTP "};
    const char *at = text;
    while (next_line(&at, line)) {
        for (size_t i = 0; i < sizeof marks / sizeof marks[0] && !is_remote(line); i++) {
            const char *mark = strcasestr(line, marks[i]);
            char digits[4] = {0};
            int64_t value = 0;
            if (!mark) continue;
            memcpy(digits, mark + strlen(marks[i]), strnlen(mark + strlen(marks[i]), 3));
            if (!ptmi_str_int(digits, 100, 599, &value)) continue;
            *out = (int)value;
            return true;
        }
    }
    return false;
}

static bool is_verdict(const char *line)
{
    return ptmi_str_starts(line, "fatal:") || ptmi_str_starts(line, "error:");
}

/* Best line to show when no rule fits: the last that says "fatal" or "error", else the last that is
 * not chatter. */
static void last_words(const char *text, char out[LINE_SIZE])
{
    char line[LINE_SIZE];
    bool found = false;
    out[0] = '\0';
    while (next_line(&text, line)) {
        if (is_chatter(line) || (found && !is_verdict(line))) continue;
        found |= is_verdict(line);
        memcpy(out, line, sizeof line);
    }
}

static ptm_rc by_status(int status, const char *url, bool *retryable)
{
    bool hf = url && ptmi_url_same_origin(url, "https://huggingface.co/");
    *retryable = status == 408 || status == 429 || status >= 500;
    switch (status) {
    case 401:
        return PTM_EAUTH;
    case 403:
        return hf ? PTM_EGATED : PTM_EAUTH;
    case 404:
    case 410:
        return PTM_ENOTFOUND;
    case 408:
        return PTM_ETIMEOUT;
    case 429:
        return PTM_ERATE;
    case 451:
        return PTM_EDISABLED;
    default:
        return PTM_EHTTP;
    }
}

/*
 * "could not read Username" and "Authentication failed" are git's words for 401. The two big hubs
 * answer 401 to strangers for what does not exist just as for what is private.
 */
static bool asks_for_login(const char *text)
{
    return strcasestr(text, "could not read username") ||
           strcasestr(text, "could not read password") ||
           strcasestr(text, "authentication failed") || strcasestr(text, "invalid username or");
}

static ptm_rc login_reason(const char *url, bool with_token)
{
    bool hides = url && (ptmi_url_same_origin(url, "https://huggingface.co/") ||
                         ptmi_url_same_origin(url, "https://github.com/"));
    return hides && !with_token ? PTM_ENOTFOUND : PTM_EAUTH;
}

static const char *way_out(ptm_rc rc, const char *url)
{
    bool hf = url && ptmi_url_same_origin(url, "https://huggingface.co/");
    bool github = url && ptmi_url_same_origin(url, "https://github.com/");
    switch (rc) {
    case PTM_EGATED:
        return "; access is gated: accept its terms on its page and set HF_TOKEN";
    case PTM_EAUTH:
        return hf       ? "; check HF_TOKEN"
               : github ? "; check GITHUB_TOKEN"
                        : "; the server wants credentials: put them into ~/.netrc";
    case PTM_ENOTFOUND:
        return hf       ? "; set HF_TOKEN if you may see it"
               : github ? "; set GITHUB_TOKEN if you may see it"
                        : "";
    case PTM_ENOSPC:
        return "; free some space and run again";
    case PTM_ENET:
    case PTM_ETIMEOUT:
        return "; run again when the network is back";
    case PTM_ETLS:
        return "; name the right certificates with SSL_CERT_FILE";
    case PTM_EBUSY:
        return "; end the other git that works there, or remove its lock file";
    default:
        return "";
    }
}

ptm_rc ptmi_git_reason(const char *text, int exit_status, const char *what, const char *url,
                       bool with_token, struct ptm_err *err)
{
    char line[LINE_SIZE] = "", shown[LINE_SIZE];
    int status = 0;
    bool retryable = false;
    ptm_rc rc = PTM_EGIT;
    char status_line[LINE_SIZE] = "";
    bool has_status = find_status(text, &status, status_line);
    const struct rule *rule = find_rule(text, line);
    /* A status says more than the "RPC failed" or "unable to access" that comes with it. */
    bool vague = rule && (rule->rc == PTM_ENET || rule->rc == PTM_EBUSY);
    if (has_status && (!rule || vague)) {
        rc = by_status(status, url, &retryable);
        memcpy(line, status_line, sizeof line);
        if (status == 401) rc = login_reason(url, with_token);
    } else if (!rule || (vague && asks_for_login(text))) {
        last_words(text, line);
        if (asks_for_login(text)) rc = login_reason(url, with_token);
    } else {
        rc = rule->rc;
        retryable = rule->retryable;
    }
    ptmi_str_printable(shown, sizeof shown, line);
    if (rc == PTM_ENOTFOUND) /* git's words would only repeat the address, and after rewriting
                                another one */
        rc = ptm_err_set(err, rc, "%s%s%s: no such repository, or a private one%s", what,
                         url ? " " : "", url ? url : "", way_out(rc, url));
    else
        rc = ptm_err_set(err, rc, "%s%s%s: git: %s%s", what, url ? " " : "", url ? url : "",
                         *shown ? shown : "ended without a word", way_out(rc, url));
    if (!*shown) rc = ptm_err_ctx(err, rc, "exit status %d", exit_status);
    if (err) {
        err->http_status = status;
        err->retryable = retryable;
    }
    return rc;
}
