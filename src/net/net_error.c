/* SPDX-License-Identifier: MIT */
/*
 * net_error.c - what a curl code or an HTTP status means to the user, and whether trying again may
 * help.
 *
 * Absent, gated, taken down and failed are four different things; Hugging Face tells them apart by
 * X-Error-Code and X-Error-Message rather than by the status alone.
 */
#include "net_error.h"

#include <string.h>

#include "../base/json.h"
#include "../base/str.h"
#include "../base/url.h"
#include "net_header.h"
#include "net_retry.h"

#define HF_ORIGIN "https://huggingface.co"
/* Error texts of servers are cut to this: enough for a sentence. */
#define TEXT_MAX 240

struct curl_meaning {
    CURLcode code;
    ptm_rc rc;
    bool retryable;
    const char *text;
};

static const struct curl_meaning curl_meanings[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, PTM_EUNSAFE, false, "only http and https are allowed"},
    {CURLE_URL_MALFORMAT, PTM_EINVAL, false, "not a URL"},
    {CURLE_COULDNT_RESOLVE_PROXY, PTM_ENET, true, "cannot resolve the proxy's name"},
    {CURLE_COULDNT_RESOLVE_HOST, PTM_ENET, true,
     "cannot resolve the host's name; is the network up?"},
    {CURLE_COULDNT_CONNECT, PTM_ENET, true, "cannot connect"},
    {CURLE_HTTP2, PTM_ENET, true, "HTTP/2 failure"},
    {CURLE_HTTP2_STREAM, PTM_ENET, true, "HTTP/2 stream failure"},
    {CURLE_PARTIAL_FILE, PTM_ENET, true, "the connection was closed before the end"},
    {CURLE_WRITE_ERROR, PTM_ENOMEM, false, "no memory for the answer"},
    {CURLE_OUT_OF_MEMORY, PTM_ENOMEM, false, "out of memory"},
    {CURLE_OPERATION_TIMEDOUT, PTM_ETIMEOUT, true, "no answer in time"},
    {CURLE_SSL_CONNECT_ERROR, PTM_ETLS, true, "the TLS handshake failed"},
    {CURLE_GOT_NOTHING, PTM_ENET, true, "the server closed the connection without an answer"},
    {CURLE_SEND_ERROR, PTM_ENET, true, "sending failed"},
    {CURLE_RECV_ERROR, PTM_ENET, true, "receiving failed"},
    {CURLE_BAD_CONTENT_ENCODING, PTM_ENET, true, "the compressed answer is damaged"},
    {CURLE_PEER_FAILED_VERIFICATION, PTM_ETLS, false,
     "the server's certificate is not trusted; behind a company's proxy set SSL_CERT_FILE to its "
     "CA bundle"},
    {CURLE_SSL_CACERT_BADFILE, PTM_ETLS, false, "the CA bundle cannot be read"},
    {CURLE_SSL_CERTPROBLEM, PTM_ETLS, false, "a problem with the local certificate"},
    {CURLE_SSL_CIPHER, PTM_ETLS, false, "no common cipher"},
    {CURLE_SSL_ISSUER_ERROR, PTM_ETLS, false, "the certificate's issuer is not trusted"},
    {CURLE_NOT_BUILT_IN, PTM_EUNSUPPORTED, false, "not supported by this libcurl"},
    {CURLE_WEIRD_SERVER_REPLY, PTM_ENET, false, "the answer is not HTTP"},
    {CURLE_ABORTED_BY_CALLBACK, PTM_ECANCELED, false, "interrupted"},
};

ptm_rc ptmi_net_curl_error(struct ptm_err *err, CURLcode code, const char *text,
                           const char *url_shown)
{
    struct curl_meaning meaning = {code, PTM_ENET, false, "the transfer failed"};
    for (size_t i = 0; i < sizeof curl_meanings / sizeof curl_meanings[0]; i++) {
        if (curl_meanings[i].code != code) continue;
        meaning = curl_meanings[i];
        break;
    }
    char shown[TEXT_MAX];
    ptmi_str_printable(shown, sizeof shown, text && *text ? text : curl_easy_strerror(code));
    ptm_rc rc = ptm_err_set(err, meaning.rc, "%s: %s (%s)", url_shown, meaning.text, shown);
    if (err) err->retryable = meaning.retryable;
    return rc;
}

ptm_rc ptmi_net_inside_error(struct ptm_err *err, const char *url_shown)
{
    return ptm_err_set(
        err, PTM_EUNSAFE,
        "%s: leads to an address of your own network, which whoever chose it may not "
        "reach",
        url_shown);
}

/* ---- statuses ---- */

/* The server's own words: X-Error-Message, or "error" or "message" of a JSON body; "" when there
 * are none. */
static void server_text(const struct ptmi_answer *a, char out[TEXT_MAX])
{
    char raw[TEXT_MAX * 2];
    out[0] = '\0';
    if (ptmi_header_copy(a->headers, "x-error-message", raw, sizeof raw)) {
        ptmi_str_printable(out, TEXT_MAX, raw);
        return;
    }
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    if (!a->body || !a->body_len || a->body[0] != '{') return;
    if (ptmi_json_parse(a->body, a->body_len, a->url_shown, &doc, NULL) != PTM_OK) return;
    const char *text = ptmi_json_str(yyjson_doc_get_root(doc), "error");
    if (!text) text = ptmi_json_str(yyjson_doc_get_root(doc), "message");
    if (text) ptmi_str_printable(out, TEXT_MAX, text);
}

struct meaning {
    ptm_rc rc;
    const char *text; /* NULL: the server's own words, or nothing */
};

static struct meaning meaning_of_401(const struct ptmi_answer *a, const char *code,
                                     const char *text)
{
    if (strstr(text, "Invalid credentials in Authorization header"))
        return (struct meaning){PTM_EAUTH, "the token is refused; check HF_TOKEN"};
    /* The hub says 401, not 404, to the anonymous, so as not to tell private names. */
    if (!a->token_sent && !*code && ptmi_url_same_origin(a->original_url, HF_ORIGIN))
        return (struct meaning){PTM_ENOTFOUND,
                                "missing or private; if it is private, set HF_TOKEN"};
    if (a->token_sent)
        return (struct meaning){PTM_EAUTH, "the credentials are refused; check the token"};
    return (struct meaning){PTM_EAUTH, "credentials are needed (a token, or an entry in ~/.netrc)"};
}

static struct meaning meaning_of(const struct ptmi_answer *a, const char *text)
{
    char code[64] = "";
    ptmi_header_copy(a->headers, "x-error-code", code, sizeof code);
    if (strcmp(code, "GatedRepo") == 0)
        return (struct meaning){
            PTM_EGATED,
            "access to this model is gated; accept its terms on its page and set HF_TOKEN"};
    if (strcmp(code, "RepoNotFound") == 0)
        return (struct meaning){PTM_ENOTFOUND, "there is no such repository, or it is private"};
    if (strcmp(code, "RevisionNotFound") == 0)
        return (struct meaning){PTM_ENOTFOUND, "there is no such revision"};
    if (strcmp(code, "EntryNotFound") == 0)
        return (struct meaning){PTM_ENOTFOUND, "there is no such file"};
    if (a->status == 403 && strcmp(text, "Access to this resource is disabled.") == 0)
        return (struct meaning){PTM_EDISABLED, "taken down by the hub"};
    if (ptmi_retry_is_rate_limit(a->status, a->headers))
        return (struct meaning){PTM_ERATE, "too many requests; try again later, or with a token"};
    switch (a->status) {
    case 401:
        return meaning_of_401(a, code, text);
    case 404:
        return (struct meaning){PTM_ENOTFOUND, "not found"};
    case 407:
        return (struct meaning){PTM_EAUTH, "the proxy wants credentials (http_proxy, https_proxy)"};
    case 410:
        return (struct meaning){PTM_ENOTFOUND, "gone"};
    case 451:
        return (struct meaning){PTM_EDISABLED, "taken down for legal reasons"};
    default:
        return (struct meaning){PTM_EHTTP, NULL};
    }
}

ptm_rc ptmi_net_status_error(struct ptm_err *err, const struct ptmi_answer *a)
{
    char text[TEXT_MAX];
    server_text(a, text);
    struct meaning m = meaning_of(a, text);
    const char *shown = m.text ? m.text : text;
    ptm_rc rc = ptm_err_set(err, m.rc, "%s: HTTP %d%s%s", a->url_shown, a->status,
                            *shown ? ": " : "", shown);
    if (err) {
        err->http_status = a->status;
        err->retryable = m.rc == PTM_ERATE || ptmi_retry_status(a->status);
    }
    return rc;
}
