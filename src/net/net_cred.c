/* SPDX-License-Identifier: MIT */
/* net_cred.c - tokens, each bound to the origins it was made for. */
#include "net_cred.h"

#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "../base/url.h"

#define TOKEN_MAX 4096

void ptmi_secret_free(char *text)
{
    if (!text) return;
    explicit_bzero(text, strlen(text));
    free(text);
}

static void base64(const char *text, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        unsigned v = (unsigned)(unsigned char)text[i] << 16;
        if (i + 1 < len) v |= (unsigned)(unsigned char)text[i + 1] << 8;
        if (i + 2 < len) v |= (unsigned char)text[i + 2];
        *out++ = digits[v >> 18];
        *out++ = digits[v >> 12 & 63];
        *out++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[v & 63] : '=';
    }
    *out = '\0';
}

/* A token becomes part of a header line: printable ASCII without spaces, or it could add headers of
 * its own. */
static ptm_rc check_token(const char *token, const char *name, struct ptm_err *err)
{
    if (strlen(token) > TOKEN_MAX)
        return ptm_err_set(err, PTM_ECONFIG, "%s is too long to be a token", name);
    for (const char *p = token; *p; p++)
        if (*p <= ' ' || *p > '~')
            return ptm_err_set(err, PTM_ECONFIG,
                               "%s contains a space or a control character; check how it was set",
                               name);
    return PTM_OK;
}

static char *basic_header(const char *user, const char *token)
{
    char *plain = ptmi_str_printf("%s:%s", user, token);
    size_t len = plain ? strlen(plain) : 0;
    char *coded = plain ? malloc(len / 3 * 4 + 5) : NULL;
    char *header = NULL;
    if (coded) {
        base64(plain, len, coded);
        header = ptmi_str_printf("Authorization: Basic %s", coded);
    }
    ptmi_secret_free(plain);
    ptmi_secret_free(coded);
    return header;
}

ptm_rc ptmi_cred_init(struct ptmi_cred *cred, const char *hf_token, const char *github_token,
                      struct ptm_err *err)
{
    *cred = (struct ptmi_cred){0};
    if (hf_token && *hf_token) {
        PTM_TRY(check_token(hf_token, "HF_TOKEN", err));
        cred->hf_header = ptmi_str_printf("Authorization: Bearer %s", hf_token);
        if (!cred->hf_header) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    }
    if (github_token && *github_token) {
        PTM_TRY(check_token(github_token, "GITHUB_TOKEN", err));
        cred->github_header = ptmi_str_printf("Authorization: Bearer %s", github_token);
        cred->github_basic = basic_header("x-access-token", github_token);
        if (!cred->github_header || !cred->github_basic)
            return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    }
    return PTM_OK;
}

void ptmi_cred_clear(struct ptmi_cred *cred)
{
    ptmi_secret_free(cred->hf_header);
    ptmi_secret_free(cred->github_header);
    ptmi_secret_free(cred->github_basic);
    *cred = (struct ptmi_cred){0};
}

const char *ptmi_cred_header(const struct ptmi_cred *cred, const char *original_url)
{
    const struct {
        const char *origin, *header;
    } bound[] = {
        {"https://huggingface.co", cred->hf_header},
        {"https://github.com", cred->github_basic},
        {"https://api.github.com", cred->github_header},
        {"https://raw.githubusercontent.com", cred->github_header},
        {"https://codeload.github.com", cred->github_header},
    };
    for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++)
        if (bound[i].header && ptmi_url_same_origin(original_url, bound[i].origin))
            return bound[i].header;
    return NULL;
}
