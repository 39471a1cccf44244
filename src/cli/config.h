/* SPDX-License-Identifier: MIT */
/* config.h - values from the configuration file and the environment, into ptmi_values. Nothing here
 * opens anything heavy. */
#pragma once

#include "opts.h"

/* getenv-like, so that tests bring an environment of their own. */
typedef const char *(*ptmi_getenv_fn)(void *arg, const char *name);
struct ptmi_env {
    ptmi_getenv_fn get; /* NULL: the process's own */
    void *arg;
};
const char *ptmi_env_get(const struct ptmi_env *env, const char *name); /* NULL when unset */

/* $XDG_CONFIG_HOME/ptm/config.ini, else ~/.config/ptm/config.ini; NULL when neither variable is
 * set. malloc'ed. */
char *ptmi_config_path(const struct ptmi_env *env);

/*
 * Reads the text of a configuration file: "key = value", keys are the long names of options, [HUB]
 * begins what holds for one hub alone. hubs: NULL-terminated names. PTM_ECONFIG: "PATH:LINE: ...".
 */
PTM_MUST_USE ptm_rc ptmi_config_parse(const char *path, const char *text, const char *const *hubs,
                                      const struct ptmi_env *env, struct ptmi_values *values,
                                      struct ptm_err *err);
/* The file at path; an absent one is fine. */
PTM_MUST_USE ptm_rc ptmi_config_load(const char *path, const char *const *hubs,
                                     const struct ptmi_env *env, struct ptmi_values *values,
                                     struct ptm_err *err);

/* PTM_ROOT, PTM_REWRITE, HF_ENDPOINT, NO_COLOR. HF_TORRENT_SHRINKAGE is read where --top is
 * resolved (top.h). */
PTM_MUST_USE ptm_rc ptmi_config_environment(const struct ptmi_env *env, struct ptmi_values *values,
                                            struct ptm_err *err);
/* HF_TOKEN or its file, GITHUB_TOKEN: only for verbs that use them. */
PTM_MUST_USE ptm_rc ptmi_config_tokens(const struct ptmi_env *env, struct ptmi_values *values,
                                       struct ptm_err *err);
