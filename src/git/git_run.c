/* SPDX-License-Identifier: MIT */
/*
 * git_run.c - runs git so that a hostile repository can do nothing with it: no
 * configuration but ours and the clone's own, and of that nothing that starts a program. All
 * settings travel in the environment (GIT_CONFIG_COUNT), which wins over every file; secrets stand
 * in environment variables that only our credential helper reads, so that neither arguments nor
 * files hold them.
 */
#include "git_priv.h"

#include <stdio.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/log.h"
#include "../base/str.h"
#include "../net/net_retry.h"

/* 2.34 is the first with all of GIT_CONFIG_GLOBAL, GIT_CONFIG_COUNT and checked symbolic links in
 * .git* files. */
#define GIT_VERSION_MIN 23400
#define STALL_SECONDS_DEFAULT 120
/* Those of the net room, so that one option means the same for all that is fetched. */
#define RETRIES_DEFAULT 6
#define BACKOFF_MS_DEFAULT 500
/* As in the net room, where a server cannot be reached. Connections that broke and silence count,
 * too: git tells them apart in its words alone, and a clone begins anew with each try. */
#define UNREACHABLE_RETRIES 3
#define MAX_ARGS 64
#define FULL_BELOW ((int64_t)256 << 20)

struct setting {
    const char *key;
    const char *value;
};

static const struct setting safe_settings[] = {
    /* Nothing that runs a program or reads files of other places. */
    {"core.hooksPath", "/dev/null"},
    {"core.fsmonitor", "false"},
    {"core.attributesFile", "/dev/null"},
    {"core.excludesFile", "/dev/null"},
    {"core.sshCommand", "false"},
    {"core.askPass", ""},
    {"core.pager", "cat"},
    {"core.editor", "false"},
    {"gpg.program", "false"},
    {"log.showSignature", "false"},
    {"merge.verifySignatures", "false"},
    {"merge.autoStash", "false"},
    {"commit.gpgSign", "false"},
    {"init.templateDir", ""},
    {"submodule.recurse", "false"},
    {"fetch.recurseSubmodules", "false"},
    {"filter.lfs.clean", ""},
    {"filter.lfs.smudge", ""},
    {"filter.lfs.process", ""},
    {"filter.lfs.required", "false"},
    /* Paths that other systems would take for .git are refused everywhere: mirrors get copied. */
    {"core.protectHFS", "true"},
    {"core.protectNTFS", "true"},
    {"protocol.allow", "never"},
    {"protocol.http.allow", "always"},
    {"protocol.https.allow", "always"},
    {"http.followRedirects", "initial"},
    {"http.sslVerify", "true"},
    {"http.extraHeader", ""},
    {"http.cookieFile", ""},
    {"http.saveCookies", "false"},
    {"credential.helper", ""},
    {"transfer.fsckObjects", "true"},
    {"fetch.fsckObjects", "true"},
    {"transfer.bundleURI", "false"},
    /* What a mirror holds stays. */
    {"fetch.prune", "false"},
    {"fetch.pruneTags", "false"},
    {"gc.pruneExpire", "never"},
    {"gc.reflogExpire", "never"},
    {"gc.reflogExpireUnreachable", "never"},
    {"gc.autoDetach", "false"},
    {"core.logAllRefUpdates", "always"},
    /* How the index is compared and written, so that libgit2 can read it and copies of a mirror
       stay clean. */
    {"core.trustctime", "false"},
    {"core.checkStat", "minimal"},
    {"core.splitIndex", "false"},
    {"core.untrackedCache", "false"},
    {"core.autocrlf", "false"},
    {"index.version", "2"},
    {"index.sparse", "false"},
    {"index.skipHash", "false"},
    {"status.renames", "false"},
    {"diff.renames", "false"},
    {"status.showUntrackedFiles", "normal"},
    {"init.defaultBranch", "main"},
    {"advice.detachedHead", "false"},
    {"color.ui", "false"},
};

/*
 * Defects that old tools really wrote and that harm nobody. Anything about .gitmodules, paths and
 * symbolic links stays an error. since: fsck itself (unlike fetch) ends on a name it does not know.
 */
struct defect {
    const char *id;
    int since;
};
static const struct defect historic_defects[] = {
    {"zeroPaddedFilemode", 0},
    {"badFilemode", 0},
    {"missingSpaceBeforeDate", 0},
    {"zeroPaddedDate", 0},
    {"badDate", 0},
    {"badDateOverflow", 0},
    {"badTimezone", 0},
    {"missingNameBeforeEmail", 0},
    {"missingEmail", 0},
    {"missingSpaceBeforeEmail", 0},
    {"badEmail", 0},
    {"badName", 0},
    {"multipleAuthors", 0},
    {"missingTaggerEntry", 0},
    {"badTagName", 0},
    {"nulInCommit", 0},
    {"badGpgsig", 25000},
    {"badHeaderContinuation", 25000},
};

bool ptmi_git_is_historic_defect(const char *line)
{
    if (!ptmi_str_starts(line, "warning: ") && !ptmi_str_starts(line, "remote: warning: "))
        return false;
    for (size_t i = 0; i < sizeof historic_defects / sizeof historic_defects[0]; i++) {
        const char *at = strstr(line, historic_defects[i].id);
        if (at && at[strlen(historic_defects[i].id)] == ':') return true;
    }
    return false;
}

/* --- environment, built once --- */

struct env_builder {
    ptmi_git *git;
    size_t cap;
    int n_config;
    bool failed; /* out of memory: kept until the end, so that the table above needs no checks */
};

static void add_var(struct env_builder *b, char *text)
{
    ptmi_git *git = b->git;
    if (text && git->n_env + 1 >= b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        char **grown = realloc(git->env, cap * sizeof *grown);
        if (grown) {
            git->env = grown;
            b->cap = cap;
        }
    }
    if (!text || git->n_env + 1 >= b->cap) {
        free(text);
        b->failed = true;
        return;
    }
    git->env[git->n_env++] = text;
    git->env[git->n_env] = NULL;
}

static void add_config(struct env_builder *b, const char *key, const char *value)
{
    int n = b->n_config++;
    add_var(b, ptmi_str_printf("GIT_CONFIG_KEY_%d=%s", n, key));
    add_var(b, ptmi_str_printf("GIT_CONFIG_VALUE_%d=%s", n, value));
}

static void add_defects(struct env_builder *b)
{
    for (size_t i = 0; i < sizeof historic_defects / sizeof historic_defects[0]; i++) {
        const struct defect *defect = &historic_defects[i];
        if (b->git->version < defect->since) continue;
        PTM_AUTO(ptmi_freep) char *fetch = ptmi_str_printf("fetch.fsck.%s", defect->id);
        PTM_AUTO(ptmi_freep) char *fsck = ptmi_str_printf("fsck.%s", defect->id);
        if (!fetch || !fsck) {
            b->failed = true;
            return;
        }
        add_config(b, fetch, "warn");
        add_config(b, fsck, "warn");
    }
}

static void add_rewrites(struct env_builder *b)
{
    const struct ptmi_rewrite *rules = b->git->rewrites;
    for (size_t i = 0; rules && i < rules->n; i++) {
        PTM_AUTO(ptmi_freep) char *key = ptmi_str_printf("url.%s.insteadOf", rules->to[i]);
        if (!key)
            b->failed = true;
        else
            add_config(b, key, rules->from[i]);
    }
}

/*
 * Offers a token to one hub only. What git asks the helper for is the rewritten URL, so the scope
 * is the hub's rewritten prefix; the token itself never leaves the environment.
 */
static void add_credential(struct env_builder *b, const char *hub, const char *user,
                           const char *variable, const char *token)
{
    if (!token || !*token) return;
    PTM_AUTO(ptmi_freep) char *scope = ptmi_rewrite_apply(b->git->rewrites, hub);
    if (!scope) {
        b->failed = true;
        return;
    }
    for (size_t n = strlen(scope); n > 0 && scope[n - 1] == '/'; n--) scope[n - 1] = '\0';
    PTM_AUTO(ptmi_freep) char *key = ptmi_str_printf("credential.%s.helper", scope);
    PTM_AUTO(ptmi_freep)
    char *helper = ptmi_str_printf(
        "!f() { test \"$1\" = get && printf 'username=%s\\npassword=%%s\\n' \"$%s\"; }; f", user,
        variable);
    if (!key || !helper) {
        b->failed = true;
        return;
    }
    add_config(b, key, helper);
    add_var(b, ptmi_str_printf("%s=%s", variable, token));
}

static void add_http(struct env_builder *b, const struct ptmi_git_opts *opts)
{
    int v = b->git->version;
    PTM_AUTO(ptmi_freep)
    char *agent =
        ptmi_str_printf("git/%d.%d.%d ptm/%s", v / 10000, v / 100 % 100, v % 100, PTM_VERSION);
    PTM_AUTO(ptmi_freep) char *stall = ptmi_str_printf("%d", b->git->stall_seconds);
    if (!agent || !stall) {
        b->failed = true;
        return;
    }
    add_config(b, "http.userAgent", agent);
    add_config(b, "http.lowSpeedLimit", "1");
    add_config(b, "http.lowSpeedTime", stall);
    const char *bundle = opts->ca_bundle;
    if (!bundle) bundle = getenv("SSL_CERT_FILE");
    if (!bundle) bundle = getenv("CURL_CA_BUNDLE");
    if (bundle && *bundle) add_config(b, "http.sslCAInfo", bundle);
}

static ptm_rc build_env(ptmi_git *git, const struct ptmi_git_opts *opts, struct ptm_err *err)
{
    static const char *const fixed[] = {
        "LC_ALL=C", /* its words are classified */
        "LANGUAGE=",
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_SYSTEM=/dev/null",
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_ATTR_NOSYSTEM=1",
        "GIT_TERMINAL_PROMPT=0",
        "GIT_ASKPASS=",
        "SSH_ASKPASS=",
        "GIT_LFS_SKIP_SMUDGE=1",
        "GIT_PAGER=cat",
        "GIT_EDITOR=false",
        "GIT_PROTOCOL_FROM_USER=0",
        /* For reflogs only; without them git would look for the user's mail address. */
        "GIT_COMMITTER_NAME=ptm",
        "GIT_COMMITTER_EMAIL=ptm@localhost",
        "GIT_AUTHOR_NAME=ptm",
        "GIT_AUTHOR_EMAIL=ptm@localhost",
    };
    struct env_builder b = {.git = git};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) add_var(&b, strdup(fixed[i]));
    for (size_t i = 0; i < sizeof safe_settings / sizeof safe_settings[0]; i++)
        add_config(&b, safe_settings[i].key, safe_settings[i].value);
    add_defects(&b);
    add_rewrites(&b);
    add_credential(&b, "https://huggingface.co/", "hf", "PTM_GIT_HF_TOKEN", opts->hf_token);
    add_credential(&b, "https://github.com/", "x-access-token", "PTM_GIT_GITHUB_TOKEN",
                   opts->github_token);
    add_http(&b, opts);
    add_var(&b, ptmi_str_printf("GIT_CONFIG_COUNT=%d", b.n_config));
    return b.failed ? ptm_err_set(err, PTM_ENOMEM, "git's settings: out of memory") : PTM_OK;
}

/* --- open --- */

static ptm_rc find_version(ptm_ctx *ctx, int *out, struct ptm_err *err)
{
    const char *const argv[] = {"git", "version", NULL};
    struct ptmi_proc proc = {.argv = argv, .cwd = "/", .silent_seconds = 30};
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    ptm_rc rc = ptmi_proc_run(ctx, &proc, &result, err);
    if (rc == PTM_ENOENT)
        return ptm_err_set(err, rc, "git is not installed: install git 2.34 or newer");
    if (rc < 0) return rc;
    int major = 0, minor = 0, patch = 0;
    const char *text = result.out_text.data ? result.out_text.data : "";
    if (sscanf(text, "git version %d.%d.%d", &major, &minor, &patch) < 2 || major < 0 ||
        major > 1000 || minor < 0 || minor > 99 || patch < 0 || patch > 99)
        return ptm_err_set(err, PTM_EUNSUPPORTED, "git version: cannot make out \"%.60s\"", text);
    *out = major * 10000 + minor * 100 + patch;
    if (*out < GIT_VERSION_MIN)
        return ptm_err_set(err, PTM_EUNSUPPORTED, "git %d.%d is too old: install 2.34 or newer",
                           major, minor);
    return PTM_OK;
}

void ptmi_git_close(ptmi_git *git)
{
    if (!git) return;
    for (size_t i = 0; i < git->n_env; i++) {
        if (ptmi_str_starts(git->env[i], "PTM_GIT_"))
            explicit_bzero(git->env[i], strlen(git->env[i]));
        free(git->env[i]);
    }
    free(git->env);
    free(git);
}
PTM_DEFINE_CLEANUP(git_closep, ptmi_git *, ptmi_git_close)

ptm_rc ptmi_git_open(ptm_ctx *ctx, const struct ptmi_git_opts *opts, ptmi_git **out,
                     struct ptm_err *err)
{
    PTM_AUTO(git_closep) ptmi_git *git = calloc(1, sizeof *git);
    if (!git) return ptm_err_set(err, PTM_ENOMEM, "git: out of memory");
    git->ctx = ctx;
    git->rewrites = opts->rewrites;
    git->offline = opts->offline;
    git->stall_seconds = opts->stall_seconds > 0 ? opts->stall_seconds : STALL_SECONDS_DEFAULT;
    git->retries = opts->retries > 0 ? opts->retries : opts->retries < 0 ? 0 : RETRIES_DEFAULT;
    git->backoff_ms = opts->backoff_ms > 0 ? opts->backoff_ms : BACKOFF_MS_DEFAULT;
    PTM_TRY(find_version(ctx, &git->version, err));
    PTM_TRY(build_env(git, opts, err));
    PTM_TRY(ptmi_git2_init(err));
    *out = ptm_steal(&git);
    return PTM_OK;
}

/* --- run --- */

static bool has_token(const ptmi_git *git, const char *url)
{
    const char *variable = NULL;
    if (url && ptmi_url_same_origin(url, "https://huggingface.co/")) variable = "PTM_GIT_HF_TOKEN=";
    if (url && ptmi_url_same_origin(url, "https://github.com/")) variable = "PTM_GIT_GITHUB_TOKEN=";
    for (size_t i = 0; variable && i < git->n_env; i++)
        if (ptmi_str_starts(git->env[i], variable)) return true;
    return false;
}

/*
 * "unable to write file X", says git, and not why. Next to nothing free is why; what is left may
 * have held the beginning of a file that git took away again, so next to nothing is a lot.
 */
static ptm_rc explain_write(ptm_rc rc, const char *dir, struct ptm_err *err)
{
    int64_t free_bytes = 0;
    struct ptm_err ignored;
    if (rc != PTM_EIO || !dir || ptmi_fs_free_bytes(dir, &free_bytes, &ignored) < 0) return rc;
    if (free_bytes >= FULL_BELOW) return rc;
    if (err) err->rc = PTM_ENOSPC;
    return ptm_err_ctx(err, PTM_ENOSPC, "disk full");
}

/*
 * git names the URL it asked. Messages name the one that was meant: a mirror in between is the
 * user's affair. NULL when out of memory.
 */
static char *with_original_urls(const struct ptmi_rewrite *rules, const char *text)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf out = PTMI_BUF((size_t)1 << 20);
    ptm_rc rc = ptmi_buf_puts(&out, "", NULL);
    while (rc == PTM_OK && *text) {
        bool is_url = ptmi_str_starts(text, "http://") || ptmi_str_starts(text, "https://");
        const char *next = strstr(text + 1, "http");
        size_t len = is_url ? strcspn(text, " '\"\r\n")
                     : next ? (size_t)(next - text)
                            : strlen(text);
        PTM_AUTO(ptmi_freep) char *part = strndup(text, len);
        PTM_AUTO(ptmi_freep) char *original = part ? ptmi_rewrite_undo(rules, part) : NULL;
        rc = original ? ptmi_buf_puts(&out, original, NULL) : PTM_ENOMEM;
        text += len;
    }
    return rc == PTM_OK ? ptmi_buf_take(&out) : NULL;
}

ptm_rc ptmi_git_run(ptmi_git *git, const struct ptmi_git_cmd *cmd, struct ptmi_proc_result *out,
                    struct ptm_err *err)
{
    /* Everything of ours that git, its helpers or a credential manager would heed. */
    static const char *const unset[] = {"GIT_", "PTM_GIT_",    "XDG_CONFIG_HOME",
                                        "GCM_", "SSH_ASKPASS", NULL};
    const char *argv[MAX_ARGS] = {"git"};
    size_t n = 1;
    *out = (struct ptmi_proc_result){.exit_status = -1};
    if (cmd->url && git->offline)
        return ptm_err_set(err, PTM_EOFFLINE, "%s %s: --offline is in force", cmd->what, cmd->url);
    if (cmd->dir) {
        /* Named, so that git neither looks in parent folders nor minds who owns this one. */
        argv[n++] = "--git-dir=.git";
        argv[n++] = "--work-tree=.";
    }
    for (const char *const *arg = cmd->args; *arg; arg++) {
        PTM_ASSERT(n + 1 < MAX_ARGS, err);
        argv[n++] = *arg;
    }
    struct ptmi_proc proc = {
        .argv = argv,
        .env = (const char *const *)git->env,
        .unset = unset,
        .cwd = cmd->dir ? cmd->dir : "/",
        .on_stdout = cmd->on_stdout,
        .on_stderr_line = cmd->on_line,
        .arg = cmd->arg,
        .silent_seconds = cmd->url ? git->stall_seconds : 0,
        .interruptible = !cmd->writes,
    };
    ptm_rc rc = ptmi_proc_run(git->ctx, &proc, out, err);
    if (rc != PTM_OK)
        return rc < 0 ? ptm_err_ctx(err, rc, "%s %s", cmd->what, cmd->url ? cmd->url : cmd->dir)
                      : rc;
    if (out->exit_status == 0 || cmd->any_exit) return PTM_OK;
    const char *said = out->err_text.data ? out->err_text.data : "";
    PTM_AUTO(ptmi_freep) char *original = with_original_urls(git->rewrites, said);
    rc = ptmi_git_reason(original ? original : said, out->exit_status, cmd->what,
                         cmd->url ? cmd->url : cmd->dir, has_token(git, cmd->url), err);
    return explain_write(rc, cmd->dir, err);
}

ptm_rc ptmi_git_do(ptmi_git *git, const struct ptmi_git_cmd *cmd, struct ptm_err *err)
{
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    return ptmi_git_run(git, cmd, &result, err);
}

bool ptmi_git_wait_retry(ptmi_git *git, int attempt, const struct ptm_err *err)
{
    struct ptm_err ignored;
    int retries = git->retries;
    bool no_answer = (err->rc == PTM_ENET || err->rc == PTM_ETIMEOUT) && !err->http_status;
    if (no_answer && retries > UNREACHABLE_RETRIES) retries = UNREACHABLE_RETRIES;
    if (!err->retryable || attempt > retries) return false;
    ptmi_log(git->ctx, PTM_LOG_INFO, "git", "%s; trying again", err->msg);
    int64_t wait = ptmi_retry_backoff_ms(git->backoff_ms, attempt - 1);
    return ptmi_retry_wait(git->ctx, wait, &ignored) == PTM_OK;
}
