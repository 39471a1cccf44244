/* SPDX-License-Identifier: MIT */
/* config_env.c - what the environment says: PTM_ROOT, PTM_REWRITE, HF_ENDPOINT, NO_COLOR, and the
 * tokens. */
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/str.h"
#include "config.h"

#define HF_ORIGIN "https://huggingface.co"

/* A token is a line of a few dozen bytes; a file with more is no token file. */
#define TOKEN_FILE_MAX 4096

static ptm_rc add(struct ptmi_values *values, int id, const char *name, const char *text,
                  struct ptm_err *err)
{
    ptm_rc rc = ptmi_opt_check(id, name, text, err);
    if (rc == PTM_EINVAL) {
        if (err) err->rc = PTM_ECONFIG;
        return PTM_ECONFIG;
    }
    if (rc < 0) return rc;
    return ptmi_values_add(values, id, PTMI_SOURCE_ENV, text, name, NULL, err);
}

static ptm_rc add_rewrites(const char *text, struct ptmi_values *values, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *copy = strdup(text);
    if (!copy) return ptm_err_set(err, PTM_ENOMEM, "$PTM_REWRITE");
    char *rest = NULL;
    for (char *word = strtok_r(copy, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest))
        PTM_TRY(add(values, PTMI_OPT_REWRITE, "$PTM_REWRITE", word, err));
    return PTM_OK;
}

/* Both ends get their slash: a prefix without one would also fit https://huggingface.community. */
static ptm_rc add_endpoint(const char *text, struct ptmi_values *values, struct ptm_err *err)
{
    size_t len = strlen(text);
    while (len && text[len - 1] == '/') len--;
    if (len == strlen(HF_ORIGIN) && strncmp(text, HF_ORIGIN, len) == 0) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *rule = ptmi_str_printf(HF_ORIGIN "/=%.*s/", (int)len, text);
    if (!rule) return ptm_err_set(err, PTM_ENOMEM, "$HF_ENDPOINT");
    return add(values, PTMI_OPT_REWRITE, "$HF_ENDPOINT", rule, err);
}

ptm_rc ptmi_config_environment(const struct ptmi_env *env, struct ptmi_values *values,
                               struct ptm_err *err)
{
    const char *root = ptmi_env_get(env, "PTM_ROOT");
    const char *rewrites = ptmi_env_get(env, "PTM_REWRITE");
    const char *endpoint = ptmi_env_get(env, "HF_ENDPOINT");
    const char *no_color = ptmi_env_get(env, "NO_COLOR");
    if (root && *root) PTM_TRY(add(values, PTMI_OPT_ROOT, "$PTM_ROOT", root, err));
    /* Of two rules for one FROM the later one holds, and ptm's own variable is the nearer one. */
    if (endpoint && *endpoint) PTM_TRY(add_endpoint(endpoint, values, err));
    if (rewrites) PTM_TRY(add_rewrites(rewrites, values, err));
    if (no_color && *no_color) PTM_TRY(add(values, PTMI_OPT_COLOR, "$NO_COLOR", "never", err));
    return PTM_OK;
}

/* A token goes into a header: what is no plain word is no token. */
static ptm_rc add_token(struct ptmi_values *values, int id, const char *where, char *text,
                        struct ptm_err *err)
{
    size_t lead = strspn(text, " \t\r\n");
    size_t len = strlen(text);
    while (len > lead && strchr(" \t\r\n", text[len - 1])) text[--len] = '\0';
    if (len == lead) return PTM_OK;
    for (const char *at = text + lead; *at; at++)
        if (*at <= ' ' || *at > '~')
            return ptm_err_set(err, PTM_ECONFIG, "%s: holds no token: a token is one word", where);
    return ptmi_values_add(values, id, PTMI_SOURCE_ENV, text + lead, where, NULL, err);
}

static ptm_rc add_token_variable(const struct ptmi_env *env, const char *name, int id,
                                 struct ptmi_values *values, struct ptm_err *err)
{
    const char *text = ptmi_env_get(env, name);
    if (!text) return PTM_OK;
    char *copy = strdup(text);
    PTM_AUTO(ptmi_freep) char *where = ptmi_str_printf("$%s", name);
    ptm_rc rc = copy && where ? add_token(values, id, where, copy, err)
                              : ptm_err_set(err, PTM_ENOMEM, "$%s", name);
    if (copy) explicit_bzero(copy, strlen(copy));
    free(copy);
    return rc;
}

/* Where huggingface_hub keeps it. */
static char *token_path(const struct ptmi_env *env)
{
    const char *path = ptmi_env_get(env, "HF_TOKEN_PATH");
    if (path && *path) return ptmi_str_printf("%s", path);
    const char *hf_home = ptmi_env_get(env, "HF_HOME");
    if (hf_home && *hf_home) return ptmi_str_printf("%s/token", hf_home);
    const char *cache = ptmi_env_get(env, "XDG_CACHE_HOME");
    if (cache && *cache) return ptmi_str_printf("%s/huggingface/token", cache);
    const char *home = ptmi_env_get(env, "HOME");
    return home && *home ? ptmi_str_printf("%s/.cache/huggingface/token", home) : NULL;
}

static ptm_rc add_token_file(const struct ptmi_env *env, struct ptmi_values *values,
                             struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = token_path(env);
    char *text = NULL;
    size_t len = 0;
    if (!path) return PTM_OK;
    ptm_rc rc = ptmi_fs_read(path, TOKEN_FILE_MAX, &text, &len, err);
    if (rc == PTM_ENOENT) return PTM_OK;
    if (rc < 0) return ptm_err_ctx(err, rc, "the token file of Hugging Face");
    rc = strlen(text) == len
             ? add_token(values, PTMI_OPT_HF_TOKEN, path, text, err)
             : ptm_err_set(err, PTM_ECONFIG, "%s: holds no token: a token is one word", path);
    explicit_bzero(text, len);
    free(text);
    return rc;
}

ptm_rc ptmi_config_tokens(const struct ptmi_env *env, struct ptmi_values *values,
                          struct ptm_err *err)
{
    PTM_TRY(add_token_variable(env, "HF_TOKEN", PTMI_OPT_HF_TOKEN, values, err));
    if (!ptmi_values_get(values, PTMI_OPT_HF_TOKEN, NULL))
        PTM_TRY(add_token_file(env, values, err));
    return add_token_variable(env, "GITHUB_TOKEN", PTMI_OPT_GITHUB_TOKEN, values, err);
}
