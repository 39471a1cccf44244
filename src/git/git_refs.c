/* SPDX-License-Identifier: MIT */
/*
 * git_refs.c - what a server has: HEAD, branches and tags, asked for over HTTP in git's own
 * protocol. By us, not by `git ls-remote`: that keeps a whole answer in memory before it prints the
 * first line, asks for pull requests, too, and knows neither our retries nor our limits.
 *
 *     GET URL/info/refs      "# service=git-upload-pack" 0000 "version 2" capabilities 0000
 *     POST URL/git-upload-pack      ls-refs -> "ID NAME[ symref-target:NAME][ peeled:ID]" .. 0000
 *
 * A server that knows no version 2 answers the GET with all its refs: "ID NAME\0capabilities", then
 * "ID NAME", then 0000. Each packet begins with its length, four hexadecimal digits; 0000 ends a
 * part. gitprotocol-common(5), gitprotocol-http(5), gitprotocol-v2(5).
 */
#include "git_priv.h"

#include <ctype.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "../base/url.h"

#define DIGITS 4
/* The protocol's own limit, the digits included. */
#define PACKET_MAX 65520
#define FIRST "/info/refs?service=git-upload-pack"

static const char ls_refs[] = "0014command=ls-refs\n"
                              "0001"
                              "0009peel\n"
                              "000csymrefs\n"
                              "0014ref-prefix HEAD\n"
                              "001bref-prefix refs/heads/\n"
                              "001aref-prefix refs/tags/\n"
                              "0000";

/* What the next packet is part of. */
enum part {
    PART_SERVICE,      /* must say that this is git; 0000 follows */
    PART_VERSION,      /* "version N", or the first ref of an old server */
    PART_CAPABILITIES, /* of version 2 */
    PART_REFS_OLD,
    PART_REFS,
    PART_OVER,
};

struct answer {
    const char *url; /* for errors */
    ptmi_git_ref_fn fn;
    void *arg;
    enum part part;
    struct ptmi_buf packet; /* with its digits */
    size_t want;            /* bytes of packet until there is something to do */
    int64_t n, bytes;
    int64_t deadline; /* ms; of all tries together */
    /* A tag of an old server waits for the next line, which may tell the commit it stands for. */
    char *tag;
    char tag_id[41];
};

static void answer_init(struct answer *a, const char *url, ptmi_git_ref_fn fn, void *arg)
{
    *a = (struct answer){
        .url = url,
        .fn = fn,
        .arg = arg,
        .part = PART_SERVICE,
        .packet = PTMI_BUF(PACKET_MAX),
        .want = DIGITS,
        .deadline = ptmi_clock_ms() + (int64_t)PTM_LIMIT_REFS_SECONDS * 1000,
    };
}

static void answer_clear(struct answer *a)
{
    ptmi_buf_clear(&a->packet);
    free(ptm_steal(&a->tag));
}

/* --- refs --- */

static ptm_rc tell(struct answer *a, const struct ptmi_git_ref *ref, struct ptm_err *err)
{
    return a->fn(a->arg, ref, err);
}

/* git lets no name have blanks or control characters. */
static bool is_name(const char *name)
{
    for (; *name; name++)
        if ((unsigned char)*name <= ' ' || *name == 0x7F) return false;
    return true;
}

/* Servers may send what was not asked for. */
static bool is_asked_for(const char *name)
{
    return (ptmi_str_eq(name, "HEAD") || ptmi_str_starts(name, "refs/heads/") ||
            ptmi_str_starts(name, "refs/tags/")) &&
           is_name(name);
}

static ptm_rc tell_head(struct answer *a, const char *target, struct ptm_err *err)
{
    struct ptmi_git_ref head = {.name = "HEAD", .target = target};
    return is_name(target) ? tell(a, &head, err) : PTM_OK;
}

static ptm_rc count_ref(struct answer *a, struct ptm_err *err)
{
    if (++a->n <= PTM_LIMIT_REFS) return PTM_OK;
    return ptm_err_set(err, PTM_ELIMIT, "%s: more than %d branches and tags", a->url,
                       PTM_LIMIT_REFS);
}

static ptm_rc check_format(const struct answer *a, const char *capability, struct ptm_err *err)
{
    if (!ptmi_str_starts(capability, "object-format=") ||
        ptmi_str_eq(capability, "object-format=sha1"))
        return PTM_OK;
    return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: only SHA-1 repositories are supported", a->url);
}

/* "ID NAME[ ATTRIBUTE].."; "unborn HEAD .." of an empty repository is none. */
static ptm_rc take_ref(struct answer *a, char *line, struct ptm_err *err)
{
    char *rest = line;
    struct ptmi_git_ref ref = {0};
    PTM_TRY(count_ref(a, err));
    ref.id = strsep(&rest, " ");
    ref.name = strsep(&rest, " ");
    if (!ref.name || !is_asked_for(ref.name) || !ptmi_str_is_hex(ref.id, 40)) return PTM_OK;
    for (char *word; (word = strsep(&rest, " "));) {
        const char *value = strchr(word, ':');
        if (ptmi_str_starts(word, "symref-target:") && ptmi_str_eq(ref.name, "HEAD"))
            PTM_TRY(tell_head(a, value + 1, err));
        if (ptmi_str_starts(word, "peeled:") && ptmi_str_is_hex(value + 1, 40)) ref.id = value + 1;
    }
    return tell(a, &ref, err);
}

/* --- refs of old servers --- */

static ptm_rc flush_tag(struct answer *a, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *tag = ptm_steal(&a->tag);
    return tag ? tell(a, &(struct ptmi_git_ref){.name = tag, .id = a->tag_id}, err) : PTM_OK;
}

static ptm_rc keep_tag(struct answer *a, const char *name, const char *id, struct ptm_err *err)
{
    PTM_TRY(flush_tag(a, err));
    a->tag = strdup(name);
    memcpy(a->tag_id, id, sizeof a->tag_id);
    return a->tag ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "names of tags");
}

/* "refs/tags/v1^{}" is what the tag before it stands for. */
static void peel_tag(struct answer *a, const char *name, const char *id)
{
    size_t len = a->tag ? strlen(a->tag) : 0;
    if (len > 0 && strncmp(name, a->tag, len) == 0 && ptmi_str_eq(name + len, "^{}"))
        memcpy(a->tag_id, id, sizeof a->tag_id);
}

static ptm_rc take_capabilities(struct answer *a, char *words, struct ptm_err *err)
{
    static const char symref[] = "symref=HEAD:";
    for (char *word; (word = strsep(&words, " "));) {
        PTM_TRY(check_format(a, word, err));
        if (ptmi_str_starts(word, symref)) PTM_TRY(tell_head(a, word + strlen(symref), err));
    }
    return PTM_OK;
}

static ptm_rc take_ref_old(struct answer *a, char *line, size_t len, struct ptm_err *err)
{
    size_t first = strlen(line);
    if (a->n == 0 && first < len) PTM_TRY(take_capabilities(a, line + first + 1, err));
    PTM_TRY(count_ref(a, err));
    char *name = line;
    const char *id = strsep(&name, " ");
    if (!name || !is_asked_for(name) || !ptmi_str_is_hex(id, 40)) return PTM_OK;
    if (!ptmi_str_starts(name, "refs/tags/"))
        return tell(a, &(struct ptmi_git_ref){.name = name, .id = id}, err);
    if (!ptmi_str_ends(name, "^{}")) return keep_tag(a, name, id, err);
    peel_tag(a, name, id);
    return PTM_OK;
}

/* --- packets --- */

static ptm_rc no_git(const struct answer *a, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ENOTCLONABLE,
                       "%s: what answers is no git server (is the address right, and is there a "
                       "page to log in before the network?)",
                       a->url);
}

static ptm_rc take_version(struct answer *a, char *line, size_t len, struct ptm_err *err)
{
    bool two = ptmi_str_eq(line, "version 2");
    a->part = two ? PART_CAPABILITIES : PART_REFS_OLD;
    return ptmi_str_starts(line, "version ") ? PTM_OK : take_ref_old(a, line, len, err);
}

static ptm_rc take_line(struct answer *a, char *line, size_t len, struct ptm_err *err)
{
    char said[200];
    if (ptmi_str_starts(line, "ERR "))
        return ptm_err_set(err, PTM_EGIT, "%s: the git server says: %s", a->url,
                           ptmi_str_printable(said, sizeof said, line + strlen("ERR ")));
    switch (a->part) {
    case PART_SERVICE: /* some leave the service out in version 2 */
        if (ptmi_str_eq(line, "# service=git-upload-pack")) return PTM_OK;
        return ptmi_str_eq(line, "version 2") ? take_version(a, line, len, err) : no_git(a, err);
    case PART_VERSION:
        return take_version(a, line, len, err);
    case PART_CAPABILITIES:
        return check_format(a, line, err);
    case PART_REFS_OLD:
        return take_ref_old(a, line, len, err);
    case PART_REFS:
        return take_ref(a, line, err);
    default:
        return PTM_OK;
    }
}

static void end_part(struct answer *a)
{
    if (a->part == PART_SERVICE)
        a->part = PART_VERSION;
    else if (a->part == PART_CAPABILITIES)
        a->part = PART_REFS;
    else
        a->part = PART_OVER;
}

/* Its digits are there. Packets shorter than they are marks, of which only 0000 matters here. */
static ptm_rc take_length(struct answer *a, struct ptm_err *err)
{
    for (size_t i = 0; i < DIGITS; i++)
        if (!isxdigit((unsigned char)a->packet.data[i])) return no_git(a, err);
    size_t len = strtoul(a->packet.data, NULL, 16);
    if (len > PACKET_MAX)
        return ptm_err_set(err, PTM_EFORMAT, "%s: a packet of git's is too long", a->url);
    if (len == 0) end_part(a);
    if (len > DIGITS)
        a->want = len;
    else
        ptmi_buf_reset(&a->packet);
    return PTM_OK;
}

static ptm_rc take_packet(struct answer *a, struct ptm_err *err)
{
    if (a->want == DIGITS) return take_length(a, err);
    char *line = a->packet.data + DIGITS;
    size_t len = a->packet.len - DIGITS;
    if (line[len - 1] == '\n') line[--len] = '\0';
    ptm_rc rc = take_line(a, line, len, err);
    ptmi_buf_reset(&a->packet);
    a->want = DIGITS;
    return rc;
}

static ptm_rc check_limits(const struct answer *a, struct ptm_err *err)
{
    if (a->bytes > PTM_LIMIT_REFS_BYTES)
        return ptm_err_set(err, PTM_ELIMIT, "%s: more than %lld MB of branches and tags", a->url,
                           (long long)(PTM_LIMIT_REFS_BYTES >> 20));
    if (ptmi_clock_ms() > a->deadline)
        return ptm_err_set(err, PTM_ETIMEOUT,
                           "%s: the list of branches and tags did not end within %d seconds",
                           a->url, PTM_LIMIT_REFS_SECONDS);
    return PTM_OK;
}

static ptm_rc take_bytes(void *arg, const void *data, size_t len, struct ptm_err *err)
{
    struct answer *a = arg;
    a->bytes += (int64_t)len;
    PTM_TRY(check_limits(a, err));
    for (const char *at = data; len > 0;) {
        size_t part = a->want - a->packet.len < len ? a->want - a->packet.len : len;
        PTM_TRY(ptmi_buf_append(&a->packet, at, part, err));
        at += part;
        len -= part;
        if (a->packet.len == a->want) PTM_TRY(take_packet(a, err));
    }
    return PTM_OK;
}

static ptm_rc finish(struct answer *a, struct ptm_err *err)
{
    if (a->part == PART_SERVICE) return no_git(a, err);
    if (a->part != PART_OVER)
        return ptm_err_set(err, PTM_ENET, "%s: the list of branches and tags is cut off", a->url);
    return flush_tag(a, err);
}

ptm_rc ptmi_git_refs_parse(const char *text, size_t len, size_t chunk, ptmi_git_ref_fn fn,
                           void *arg, struct ptm_err *err)
{
    PTM_AUTO(answer_clear) struct answer a = {0};
    answer_init(&a, "server", fn, arg);
    for (size_t at = 0; at < len; at += chunk)
        PTM_TRY(take_bytes(&a, text + at, len - at < chunk ? len - at : chunk, err));
    return finish(&a, err);
}

/* --- asking --- */

struct asking {
    ptm_net *net;
    struct answer answer;
    bool anonymous;
    enum part begins; /* with what the answer of this request begins */
};

static void begin_answer(struct asking *q, enum part part)
{
    struct answer *a = &q->answer;
    ptmi_buf_reset(&a->packet);
    free(ptm_steal(&a->tag));
    a->want = DIGITS;
    a->n = a->bytes = 0;
    a->part = q->begins = part;
}

/* The deadline stays: a server that breaks off again and again gains nothing by it. */
static ptm_rc begin_again(void *arg, struct ptm_err *err)
{
    struct asking *q = arg;
    (void)err;
    begin_answer(q, q->begins);
    return PTM_OK;
}

static ptm_rc sink(void *arg, const void *data, size_t len, struct ptm_err *err)
{
    struct asking *q = arg;
    return take_bytes(&q->answer, data, len, err);
}

/* GitHub shows what is git's to programs whose name begins with git's. */
static const char agent[] = "User-Agent: git/ptm-" PTM_VERSION;

/* body NULL: GET. */
static ptm_rc request(struct asking *q, const char *url, const char *body,
                      struct ptm_net_response *out, struct ptm_err *err)
{
    static const char *const headers[] = {"Git-Protocol: version=2", agent,
                                          "Content-Type: application/x-git-upload-pack-request"};
    struct ptm_net_request request = PTM_NET_REQUEST_INIT;
    request.url = url;
    request.headers = headers;
    request.n_headers = sizeof headers / sizeof headers[0];
    request.body = body;
    request.body_len = body ? strlen(body) : 0;
    request.sink = sink;
    request.restart = begin_again;
    request.sink_arg = q;
    request.no_credentials = q->anonymous;
    return ptm_net_perform(q->net, &request, out, err);
}

/* A repository that was renamed is asked where the first question was led to, as git does. */
static ptm_rc ask_more(struct asking *q, const char *answered, struct ptm_err *err)
{
    PTM_AUTO(ptm_net_response_clear) struct ptm_net_response response = {0};
    if (!ptmi_str_ends(answered, FIRST))
        return ptm_err_set(err, PTM_ENOTCLONABLE, "%s: redirected to %s, which is no repository",
                           q->answer.url, answered);
    int base = (int)(strlen(answered) - strlen(FIRST));
    PTM_AUTO(ptmi_freep) char *url = ptmi_str_printf("%.*s/git-upload-pack", base, answered);
    if (!url) return ptm_err_set(err, PTM_ENOMEM, "%s", answered);
    /* Nobody on the way chooses the host whose password of ~/.netrc is then sent in clear. */
    if (ptmi_str_starts_nocase(url, "http:") && !ptmi_url_same_origin(url, q->answer.url))
        q->anonymous = true;
    begin_answer(q, PART_REFS);
    return request(q, url, ls_refs, &response, err);
}

static ptm_rc ask(struct asking *q, struct ptm_err *err)
{
    PTM_AUTO(ptm_net_response_clear) struct ptm_net_response response = {0};
    PTM_AUTO(ptmi_freep) char *url = ptmi_str_printf("%s" FIRST, q->answer.url);
    if (!url) return ptm_err_set(err, PTM_ENOMEM, "%s", q->answer.url);
    begin_answer(q, PART_SERVICE);
    PTM_TRY(request(q, url, NULL, &response, err));
    if (q->answer.part == PART_REFS) PTM_TRY(ask_more(q, response.url, err));
    return finish(&q->answer, err);
}

/* As git does, without credentials first: GitHub refuses wrong ones also for what is public. */
ptm_rc ptmi_git_ls_refs(ptm_net *net, const char *url, ptmi_git_ref_fn fn, void *arg,
                        struct ptm_err *err)
{
    struct asking q = {.net = net, .anonymous = true};
    struct ptm_err why = {0};
    answer_init(&q.answer, url, fn, arg);
    ptm_rc rc = ask(&q, &why);
    if (rc < 0 && why.http_status == 401) {
        q.anonymous = false;
        rc = ask(&q, &why);
    }
    answer_clear(&q.answer);
    if (rc < 0 && err) *err = why;
    return rc;
}

/* --- one of them --- */

struct wanted {
    const char *ref; /* NULL: HEAD */
    char branch[41], tag[41];
};

static ptm_rc keep_wanted(void *arg, const struct ptmi_git_ref *ref, struct ptm_err *err)
{
    struct wanted *wanted = arg;
    static const char heads[] = "refs/heads/", tags[] = "refs/tags/";
    (void)err;
    if (!ref->id) return PTM_OK;
    bool branch = wanted->ref ? ptmi_str_starts(ref->name, heads) &&
                                    ptmi_str_eq(ref->name + strlen(heads), wanted->ref)
                              : ptmi_str_eq(ref->name, "HEAD");
    bool tag = wanted->ref && ptmi_str_starts(ref->name, tags) &&
               ptmi_str_eq(ref->name + strlen(tags), wanted->ref);
    if (branch) memcpy(wanted->branch, ref->id, sizeof wanted->branch);
    if (tag) memcpy(wanted->tag, ref->id, sizeof wanted->tag);
    return PTM_OK;
}

ptm_rc ptmi_git_remote_commit(ptm_net *net, const char *url, const char *ref, char out_sha[41],
                              struct ptm_err *err)
{
    struct wanted wanted = {.ref = ref};
    PTM_TRY(ptmi_git_ls_refs(net, url, keep_wanted, &wanted, err));
    const char *found = wanted.branch[0] ? wanted.branch : wanted.tag;
    if (!found[0])
        return ptm_err_set(err, PTM_ENOENT, "%s: has no %s", url, ref ? ref : "commit yet");
    memcpy(out_sha, found, 41);
    return PTM_OK;
}
