/* SPDX-License-Identifier: MIT */
/*
 * opts.h - the one table of options, and the values they have: from the command line, the
 * environment, the configuration file and defaults. getopt_long, help, man pages, completion, `ptm
 * config` and docs/command.md are made from the table. To add an option: its line in opts.c, its
 * name in the enum below, its use.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ptm/err.h>

/* In the order of the table. */
enum {
    PTMI_OPT_ROOT,
    PTMI_OPT_CATALOG,
    PTMI_OPT_ALL,
    PTMI_OPT_TOP,
    PTMI_OPT_SORT,
    PTMI_OPT_FILTER,
    PTMI_OPT_URLS,
    PTMI_OPT_IDS,
    PTMI_OPT_INCLUDE,
    PTMI_OPT_EXCLUDE,
    PTMI_OPT_MAX_SIZE,
    PTMI_OPT_LARGE,
    PTMI_OPT_CHECKOUT,
    PTMI_OPT_HISTORY,
    PTMI_OPT_NO_UPDATE,
    PTMI_OPT_SCAN,
    PTMI_OPT_NO_SIBLINGS,
    PTMI_OPT_PAGES,
    PTMI_OPT_COMPAT,
    PTMI_OPT_FILES,
    PTMI_OPT_STAGE,
    PTMI_OPT_FORCE,
    PTMI_OPT_RAW,
    PTMI_OPT_TREE,
    PTMI_OPT_NO_TENSORS,
    PTMI_OPT_SHARD_SIZE,
    PTMI_OPT_SPLIT,
    PTMI_OPT_SKIP,
    PTMI_OPT_ALLOW,
    PTMI_OPT_SARIF,
    PTMI_OPT_HUB_DIR,
    PTMI_OPT_SOURCE,
    PTMI_OPT_FORCE_RELOAD,
    PTMI_OPT_REFRESH,
    PTMI_OPT_SKIP_VALIDATION,
    PTMI_OPT_RUN,
    PTMI_OPT_TRUST,
    PTMI_OPT_PYTHON,
    PTMI_OPT_NO_SANDBOX,
    PTMI_OPT_OUT,
    PTMI_OPT_HASH,
    PTMI_OPT_ANY_CONTENT,
    PTMI_OPT_MODEL_DIR,
    PTMI_OPT_FILE_NAME,
    PTMI_OPT_CHECK_HASH,
    PTMI_OPT_OLDER_THAN,
    PTMI_OPT_ONLINE,
    PTMI_OPT_DRY_RUN,
    PTMI_OPT_YES,
    PTMI_OPT_KEEP_FREE,
    PTMI_OPT_JOBS,
    PTMI_OPT_REWRITE,
    PTMI_OPT_OFFLINE,
    PTMI_OPT_LIMIT_RATE,
    PTMI_OPT_RETRIES,
    PTMI_OPT_CA_BUNDLE,
    PTMI_OPT_NO_NETRC,
    PTMI_OPT_HF_TOKEN,
    PTMI_OPT_GITHUB_TOKEN,
    PTMI_OPT_JSON,
    PTMI_OPT_QUIET,
    PTMI_OPT_VERBOSE,
    PTMI_OPT_LOG,
    PTMI_OPT_PROGRESS,
    PTMI_OPT_COLOR,
    PTMI_OPT_HELP,
    PTMI_OPT_VERSION,
    PTMI_OPT_COUNT,
};

/* Which verbs take an option: a verb names the groups it takes. */
enum {
    PTMI_GROUP_EVERY = 1u << 0,  /* every verb */
    PTMI_GROUP_ROOT = 1u << 1,   /* verbs that look at the data root */
    PTMI_GROUP_HUBS = 1u << 2,   /* verbs that must be told which hubs */
    PTMI_GROUP_NET = 1u << 3,    /* verbs that may use the network */
    PTMI_GROUP_SELECT = 1u << 4, /* verbs that choose what is cloned */
    PTMI_GROUP_CLONE = 1u << 5,  /* verbs that clone */
    PTMI_GROUP_LIST = 1u << 6,   /* verbs that fetch a listing */
    PTMI_GROUP_PARSE = 1u << 7,
    PTMI_GROUP_EXPORT = 1u << 8,
    PTMI_GROUP_NAMED = 1u << 9, /* clone: --urls, --ids */
    PTMI_GROUP_SPLIT = 1u << 10,
    PTMI_GROUP_FAILURES = 1u << 11,
    PTMI_GROUP_FORCE = 1u << 12, /* verbs that may do once more what is done */
    PTMI_GROUP_SHOW = 1u << 13,
    PTMI_GROUP_JOBS = 1u << 14, /* verbs that do several things at once */
    PTMI_GROUP_WEIGHTS_LS = 1u << 15,
    PTMI_GROUP_WEIGHTS_CONVERT = 1u << 16,
    PTMI_GROUP_WEIGHTS_SCAN = 1u << 17,
    PTMI_GROUP_TORCH = 1u << 18,        /* verbs that look at the hub folder */
    PTMI_GROUP_TORCH_REPO = 1u << 19,   /* torch verbs that may fetch a repository */
    PTMI_GROUP_TORCH_SOURCE = 1u << 20, /* those that take a folder, too */
    PTMI_GROUP_TORCH_RUN = 1u << 21,    /* those that may run its code */
    PTMI_GROUP_TORCH_LIST = 1u << 22,
    PTMI_GROUP_TORCH_LOAD = 1u << 23,
    PTMI_GROUP_TORCH_DOWNLOAD = 1u << 24,
    PTMI_GROUP_TORCH_WEIGHTS = 1u << 25,
    PTMI_GROUP_TORCH_CACHE = 1u << 26,
    PTMI_GROUP_TORCH_CHECK = 1u << 27,
};

/* What is said of an option beyond its value. */
enum {
    PTMI_OPT_FLAG = 1u << 0,      /* yes or no; --name alone means yes */
    PTMI_OPT_MANY = 1u << 1,      /* may be given more than once: a list */
    PTMI_OPT_MERGE = 1u << 2,     /* the lists of all sources together, the strongest last */
    PTMI_OPT_NO_CONFIG = 1u << 3, /* not a key of the configuration file */
    PTMI_OPT_ENV_ONLY = 1u << 4,  /* neither an option nor a key: never on a command line */
    PTMI_OPT_SECRET = 1u << 5,    /* printed as ***, wiped when freed */
    PTMI_OPT_PATH = 1u << 6,      /* a leading ~/ in the configuration file is the home folder */
};

struct ptmi_opt {
    const char *name; /* long, without dashes */
    char letter;      /* short form, 0: none */
    const char *arg;  /* "DIR"; NULL for flags */
    const char *help; /* one or two sentences for people */
    unsigned groups;
    unsigned flags;
    const char *fallback;       /* default as text, NULL: none */
    const char *const *choices; /* NULL-terminated, or NULL: any */
    const char *env;            /* variables that set it, for the docs; NULL: none */
    /* Is text a value of it? The message says what would be. NULL: any text that is not empty. */
    ptm_rc (*check)(const char *text, struct ptm_err *err);
};
const struct ptmi_opt *ptmi_opt_at(int id);
/* -1: no such option. len: of name. */
int ptmi_opt_find(const char *name);
bool ptmi_opt_in(int id, unsigned groups); /* does a verb of these groups take it? */
/* PTM_EINVAL: "...: VALUE is not WANTED"; where names the option as it was given. */
PTM_MUST_USE ptm_rc ptmi_opt_check(int id, const char *where, const char *text,
                                   struct ptm_err *err);

/* Weakest first. */
typedef enum ptmi_source {
    PTMI_SOURCE_DEFAULT = 0,
    PTMI_SOURCE_CONFIG,
    PTMI_SOURCE_ENV,
    PTMI_SOURCE_COMMAND,
} ptmi_source;

struct ptmi_value {
    int opt;
    ptmi_source source;
    char *text;  /* owned */
    char *where; /* "$PTM_ROOT", "/home/me/.config/ptm/config.ini:3", "--root"; owned */
    char *hub;   /* only for this hub (a section of the configuration file), or NULL; owned */
};
/* One thread at a time. Start with {0}. */
struct ptmi_values {
    struct ptmi_value *items;
    size_t n;
    size_t cap;
};
void ptmi_values_clear(struct ptmi_values *values); /* wipes secrets */
/* Copies its texts. The value must have been checked. hub may be NULL. */
PTM_MUST_USE ptm_rc ptmi_values_add(struct ptmi_values *values, int opt, ptmi_source source,
                                    const char *text, const char *where, const char *hub,
                                    struct ptm_err *err);

/* The value in force for a hub (NULL: for none in particular), or NULL. Strongest source, then the
 * hub's own over the general, then the last one given. */
const struct ptmi_value *ptmi_values_get(const struct ptmi_values *values, int opt,
                                         const char *hub);
/* Its text, else the default's, else NULL. Borrowed. */
const char *ptmi_values_text(const struct ptmi_values *values, int opt, const char *hub);
bool ptmi_values_flag(const struct ptmi_values *values, int opt, const char *hub);
int64_t ptmi_values_int(const struct ptmi_values *values, int opt, const char *hub);
int64_t ptmi_values_size(const struct ptmi_values *values, int opt, const char *hub);
/* Place of the text in the choices of the option; 0 when it has none. */
int ptmi_values_choice(const struct ptmi_values *values, int opt, const char *hub);
/*
 * A list option: a new array (to be freed) of borrowed texts; *out_n may be 0, then the array may
 * be NULL. PTM_ENOMEM alone can happen.
 */
PTM_MUST_USE ptm_rc ptmi_values_list(const struct ptmi_values *values, int opt, const char *hub,
                                     const char ***out, size_t *out_n, struct ptm_err *err);
/* A copy of text with what stands between :// and @, which may be a password, as ***; malloc'ed. */
char *ptmi_values_redact(const char *text);
/* Has any value been set for hubs of their own? Then each hub is driven with its own options. */
bool ptmi_values_per_hub(const struct ptmi_values *values);

/*
 * Reads argv from *index on: options of the groups, anywhere among the operands (after "--" all are
 * operands). Operands are collected in out_operands (an array of at least argc - *index pointers),
 * or, stop_at_operand, reading stops at the first one. PTM_EINVAL names the option, with a
 * did-you-mean. verb: for messages; NULL before the verb is known. Not reentrant: getopt_long keeps
 * state of its own.
 */
struct ptmi_opts_line {
    int argc;
    char **argv;
    unsigned groups;
    const char *verb;
    bool stop_at_operand;
};
PTM_MUST_USE ptm_rc ptmi_opts_parse(const struct ptmi_opts_line *line, int *index,
                                    struct ptmi_values *values, char **out_operands,
                                    int *out_n_operands, struct ptm_err *err);
