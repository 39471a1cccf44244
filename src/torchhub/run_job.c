/* SPDX-License-Identifier: MIT */
/*
 * run_job.c - from "owner/name" and an entry point to what Python answers (run_job.h).
 *
 *     HUB_DIR/.ptm/tmp/run-..../        in the sandbox: /ptm, read-only
 *         driver.py job.json            what is run, what is to be done
 *         answers/                      run_wants.c
 *         state description             the only two files that can be written
 *
 * Two files instead of a folder, so that the size limit of files is a limit for the disk. The hub
 * folder is shown at its own place: what we fetch while the code runs appears there.
 */
#include "run_job.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/adopt.h"
#include "../base/clock.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/suggest.h"
#include "hub_driver.h"

/* Where the job's folder is in the sandbox. */
#define INSIDE "/ptm"
/* What tensors must leave free on the disk. */
#define KEEP_FREE ((int64_t)1 << 30)
#define JOB_MAX ((size_t)4 << 20)
#define DESCRIPTION_MAX PTM_LIMIT_RECORD

struct ptm_torchhub_load_opts ptmi_run_adopt(const struct ptm_torchhub_load_opts *opts)
{
    static const struct ptm_torchhub_fetch_opts check = {.size = sizeof check,
                                                         .trust = PTM_TRUST_CHECK};
    struct ptm_torchhub_load_opts own = PTM_TORCHHUB_LOAD_OPTS_INIT;
    ptmi_adopt(&own, sizeof own, opts);
    if (!own.fetch) own.fetch = &check;
    return own;
}

void ptmi_run_clear(struct ptmi_run *run)
{
    struct ptm_err why = {0};
    if (run->dir && ptmi_fs_remove_tree(run->dir, &why) < 0)
        ptmi_log(run->hub->ctx, PTM_LOG_WARN, "torchhub", "%s", why.msg);
    ptmi_lock_remove(run->lock);
    ptmi_wants_free(run->wants);
    ptmi_python_clear(&run->python);
    ptm_torchhub_repo_clear(&run->repo);
    yyjson_doc_free(run->answer);
    free(run->dir);
    run->dir = NULL;
    run->wants = NULL;
    run->lock = NULL;
    run->answer = NULL;
}

char *ptmi_run_state(const struct ptmi_run *run)
{
    return ptmi_path_join(run->dir, "state");
}

/* --- the repository --- */

static ptm_rc find_folder(struct ptmi_run *run, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_expand_home(run->label);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", run->label);
    run->repo.dir = realpath(path, NULL);
    if (!run->repo.dir) return ptm_err_sys(err, errno, "%s", path);
    return PTM_OK;
}

/* Code is going to run: PTM_TRUST_SKIP, which says that none will, counts as a check. */
static ptm_rc fetch_trusted(struct ptmi_run *run, struct ptm_err *err)
{
    struct ptm_torchhub_fetch_opts opts = PTM_TORCHHUB_FETCH_OPTS_INIT;
    ptmi_adopt(&opts, sizeof opts, run->opts->fetch);
    if (opts.trust == PTM_TRUST_SKIP) opts.trust = PTM_TRUST_CHECK;
    opts.fresh_weights = false; /* those that the code asks for are fetched anew when it does */
    PTM_TRY(ptm_torchhub_fetch(run->hub, run->label, &opts, &run->repo, err));
    char *real = realpath(run->repo.dir, NULL);
    if (!real) return ptm_err_sys(err, errno, "%s", run->repo.dir);
    free(run->repo.dir);
    run->repo.dir = real;
    return PTM_OK;
}

static ptm_rc find_repo(struct ptmi_run *run, struct ptm_err *err)
{
    bool folder = ptmi_repo_is_folder(run->label, run->opts->fetch->local);
    PTM_TRY(folder ? find_folder(run, err) : fetch_trusted(run, err));
    PTM_AUTO(ptmi_freep) char *hubconf = ptmi_path_join(run->repo.dir, PTMI_HUBCONF);
    if (!hubconf) return ptm_err_set(err, PTM_ENOMEM, "%s", run->label);
    if (ptmi_fs_exists(hubconf)) return PTM_OK;
    return ptm_err_set(err, PTM_ENOENT, "%s: has no hubconf.py, which lists entry points",
                       run->repo.dir);
}

/* --- the folder of the job --- */

/* Locked, so that `ptm torch cache prune` sees that it is in use. */
static ptm_rc make_in_hub(struct ptmi_run *run, struct ptm_err *err)
{
    char name[64];
    snprintf(name, sizeof name, "run-%ld-%u", (long)getpid(),
             (unsigned)ptmi_clock_random(UINT32_MAX));
    PTM_TRY(ptmi_hub_lock(run->hub, name, &run->lock, err));
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    PTM_TRY(ptmi_hub_tmp_name(run->hub, name, &dir, err));
    if (mkdir(dir, 0700) != 0) return ptm_err_sys(err, errno, "%s: cannot make it", dir);
    run->dir = ptm_steal(&dir);
    return PTM_OK;
}

/* A hub folder that is another's to write, as those that clusters share. */
static ptm_rc make_elsewhere(struct ptmi_run *run, struct ptm_err *err)
{
    const char *tmp = getenv("TMPDIR");
    PTM_AUTO(ptmi_freep)
    char *dir = ptmi_path_join(tmp && tmp[0] == '/' ? tmp : "/tmp", "ptm-run-XXXXXX");
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "folder for a run");
    if (!mkdtemp(dir)) return ptm_err_sys(err, errno, "%s: cannot make it", dir);
    run->dir = ptm_steal(&dir);
    return PTM_OK;
}

static ptm_rc write_file(const struct ptmi_run *run, const char *name, const void *data, size_t len,
                         struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(run->dir, name);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", name);
    PTM_AUTO(ptmi_closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int why = fd < 0 ? errno : ptmi_fs_write_all(fd, data, len);
    return why ? ptm_err_sys(err, why, "%s: cannot write", path) : PTM_OK;
}

static ptm_rc make_dir(struct ptmi_run *run, char **answers, struct ptm_err *err)
{
    if (make_in_hub(run, err) < 0) {
        ptmi_lock_remove(run->lock);
        run->lock = NULL;
        PTM_TRY(make_elsewhere(run, err));
    }
    *answers = ptmi_path_join(run->dir, "answers");
    if (!*answers) return ptm_err_set(err, PTM_ENOMEM, "%s", run->dir);
    if (mkdir(*answers, 0700) != 0) return ptm_err_sys(err, errno, "%s", *answers);
    PTM_TRY(write_file(run, "driver.py", hub_driver, sizeof hub_driver - 1, err));
    PTM_TRY(write_file(run, "state", "", 0, err));
    return write_file(run, "description", "", 0, err);
}

/* HUB_DIR as it is named inside and outside. */
static ptm_rc hub_dir(const struct ptmi_run *run, char **out, struct ptm_err *err)
{
    const char *dir = ptm_torchhub_get_dir(run->hub);
    PTM_AUTO(ptmi_freep) char *checkpoints = ptmi_checkpoints_dir(run->hub);
    if (!checkpoints) return ptm_err_set(err, PTM_ENOMEM, "checkpoints");
    /* A cache that cannot be written is good for what is in it. */
    ptm_rc rc = ptmi_fs_mkdirs(checkpoints, err);
    *out = realpath(dir, NULL);
    if (*out) return PTM_OK;
    return rc < 0 ? rc : ptm_err_sys(err, errno, "%s", dir);
}

static int64_t state_limit(const struct ptmi_run *run)
{
    int64_t spare = 0;
    if (ptmi_fs_free_bytes(run->dir, &spare, NULL) < 0) return PTM_LIMIT_RUN_STATE;
    spare -= KEEP_FREE;
    if (spare < KEEP_FREE) spare = KEEP_FREE;
    return spare < PTM_LIMIT_RUN_STATE ? spare : PTM_LIMIT_RUN_STATE;
}

static ptm_rc put(struct ptmi_buf *job, const char *name, const char *value, const char *below,
                  struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep)
    char *joined = below ? ptmi_str_printf("%s/%s", value, below) : NULL;
    if (below && !joined) return ptm_err_set(err, PTM_ENOMEM, "job");
    PTM_TRY(ptmi_buf_printf(job, err, "%s\"%s\":", job->len > 1 ? "," : "", name));
    return ptmi_buf_json_str(job, joined ? joined : value, err);
}

static ptm_rc put_args(struct ptmi_buf *job, const struct ptmi_run *run, struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_puts(job, ",\"args\":[", err));
    for (size_t i = 0; run->entry && i < run->opts->n_args; i++) {
        const char *arg = run->opts->args[i];
        if (!ptmi_str_is_utf8(arg, strlen(arg)))
            return ptm_err_set(err, PTM_EINVAL, "argument %zu: not UTF-8", i + 1);
        if (i) PTM_TRY(ptmi_buf_putc(job, ',', err));
        PTM_TRY(ptmi_buf_json_str(job, arg, err));
    }
    return ptmi_buf_putc(job, ']', err);
}

static ptm_rc write_job(const struct ptmi_run *run, const char *hub, struct ptm_err *err)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf job = PTMI_BUF(JOB_MAX);
    bool inside = !run->opts->no_sandbox;
    const char *base = inside ? INSIDE : run->dir;
    const struct ptm_torchhub_fetch_opts *fetch = run->opts->fetch;
    PTM_TRY(ptmi_buf_putc(&job, '{', err));
    PTM_TRY(put(&job, "mode", run->entry ? "load" : "list", NULL, err));
    PTM_TRY(put(&job, "entry", run->entry, NULL, err));
    PTM_TRY(put(&job, "repo_dir", run->repo.dir, NULL, err));
    PTM_TRY(put(&job, "hub_dir", hub, NULL, err));
    PTM_TRY(put(&job, "answers", base, "answers", err));
    PTM_TRY(put(&job, "state", base, "state", err));
    PTM_TRY(put(&job, "description", base, "description", err));
    PTM_TRY(put_args(&job, run, err));
    PTM_TRY(ptmi_buf_printf(&job, err, ",\"sandboxed\":%s,\"fresh\":%s,\"file_limit\":%lld}",
                            inside ? "true" : "false",
                            fetch->force_reload && fetch->fresh_weights ? "true" : "false",
                            (long long)state_limit(run)));
    return write_file(run, "job.json", job.data, job.len, err);
}

/* --- the sandbox --- */

/* A file of the user's that is named to the entry point by its whole path is shown to it. */
static ptm_rc show_args(const struct ptmi_run *run, struct ptmi_sandbox *box, struct ptm_err *err)
{
    for (size_t i = 0; run->entry && i < run->opts->n_args; i++) {
        const char *arg = run->opts->args[i];
        const char *value = arg[0] == '/' ? arg : strchr(arg, '=');
        if (value && *value == '=') value++;
        struct stat st;
        if (value && value[0] == '/' && stat(value, &st) == 0 && S_ISREG(st.st_mode))
            PTM_TRY(ptmi_sandbox_show(box, value, err));
    }
    return PTM_OK;
}

static ptm_rc show_hub(struct ptmi_sandbox *box, const char *hub, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *own = ptmi_path_join(hub, ".ptm");
    PTM_AUTO(ptmi_freep) char *home = ptmi_path_dir(hub);
    PTM_AUTO(ptmi_freep) char *checkpoints = ptmi_path_join(hub, "checkpoints");
    if (!own || !home || !checkpoints) return ptm_err_set(err, PTM_ENOMEM, "%s", hub);
    ptm_rc rc = ptmi_sandbox_show(box, hub, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "hub folder");
    if (ptmi_fs_is_dir(own)) PTM_TRY(ptmi_sandbox_hide(box, own, err));
    /* Programs that the code starts find the cache by TORCH_HOME, which is the folder above. */
    if (ptmi_str_eq(ptmi_path_base(hub), "hub"))
        return ptmi_sandbox_setenv(box, "TORCH_HOME", home, err);
    if (ptmi_fs_is_dir(checkpoints))
        PTM_TRY(ptmi_sandbox_place(box, checkpoints, "/torch/hub/checkpoints", false, err));
    return ptmi_sandbox_setenv(box, "TORCH_HOME", "/torch", err);
}

static ptm_rc place_job(const struct ptmi_run *run, struct ptmi_sandbox *box, struct ptm_err *err)
{
    static const char *const writable[] = {"state", "description"};
    PTM_TRY(ptmi_sandbox_place(box, run->dir, INSIDE, false, err));
    for (size_t i = 0; i < 2; i++) {
        char to[64];
        PTM_AUTO(ptmi_freep) char *from = ptmi_path_join(run->dir, writable[i]);
        if (!from) return ptm_err_set(err, PTM_ENOMEM, "%s", run->dir);
        snprintf(to, sizeof to, "%s/%s", INSIDE, writable[i]);
        PTM_TRY(ptmi_sandbox_place(box, from, to, true, err));
    }
    return PTM_OK;
}

/* No secrets, and nothing by which a program would look for them. */
static ptm_rc make_env(struct ptmi_sandbox *box, struct ptm_err *err)
{
    static const char *const own[][2] = {{"HOME", "/tmp"},
                                         {"TMPDIR", "/tmp"},
                                         {"PYTHONDONTWRITEBYTECODE", "1"},
                                         {"LC_ALL", "C.UTF-8"}};
    static const char *const kept[] = {"PATH", "LANG", "TZ", "OMP_NUM_THREADS", "MKL_NUM_THREADS"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        PTM_TRY(ptmi_sandbox_setenv(box, own[i][0], own[i][1], err));
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        PTM_TRY(ptmi_sandbox_keepenv(box, kept[i], err));
    return PTM_OK;
}

static ptm_rc furnish(const struct ptmi_run *run, const char *hub, struct ptmi_sandbox *box,
                      struct ptm_err *err)
{
    PTM_TRY(make_env(box, err));
    PTM_TRY(ptmi_python_show(run->hub->ctx, &run->python, box, err));
    ptm_rc rc = ptmi_sandbox_show(box, run->repo.dir, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "repository");
    PTM_TRY(show_args(run, box, err));
    PTM_TRY(show_hub(box, hub, err)); /* last: what it hides could lie below the others */
    return place_job(run, box, err);
}

/* --- the run --- */

static ptm_rc on_stdout(void *arg, const char *data, size_t len, struct ptm_err *err)
{
    struct ptmi_run *run = arg;
    return ptmi_wants_hear(run->wants, data, len, err);
}

/* What the repository's code prints, and Python's warnings and tracebacks. */
static void on_line(void *arg, const char *line)
{
    struct ptmi_run *run = arg;
    ptmi_log(run->hub->ctx, PTM_LOG_INFO, "torchhub", "%s: %s",
             run->entry ? run->entry : "hubconf.py", line);
}

static ptm_rc run_python(struct ptmi_run *run, const char *hub, struct ptmi_proc_result *result,
                         struct ptm_err *err)
{
    static const char *const env[] = {"PYTHONDONTWRITEBYTECODE=1", NULL};
    const char *base = run->opts->no_sandbox ? run->dir : INSIDE;
    PTM_AUTO(ptmi_freep) char *driver = ptmi_path_join(base, "driver.py");
    PTM_AUTO(ptmi_freep) char *job = ptmi_path_join(base, "job.json");
    if (!driver || !job) return ptm_err_set(err, PTM_ENOMEM, "%s", run->dir);
    const char *const argv[] = {run->python.program, "-u", driver, job, NULL};
    struct ptmi_proc proc = {.argv = argv,
                             .env = env,
                             .on_stdout = on_stdout,
                             .on_stderr_line = on_line,
                             .arg = run,
                             .interruptible = true};
    ptmi_log(run->hub->ctx, PTM_LOG_INFO, "torchhub", "%s: running %s%s", run->label,
             run->entry ? run->entry : "hubconf.py", run->opts->no_sandbox ? "" : " in a sandbox");
    if (run->opts->no_sandbox) return ptmi_proc_run(run->hub->ctx, &proc, result, err);
    PTM_AUTO(ptmi_sandbox_clear) struct ptmi_sandbox box = PTMI_SANDBOX;
    PTM_TRY(furnish(run, hub, &box, err));
    return ptmi_sandbox_run(run->hub->ctx, &box, &proc, result, err);
}

/* --- the answer --- */

static const char *nearest(yyjson_val *names, const char *entry)
{
    struct ptmi_suggest suggest = {.word = entry};
    size_t i, max;
    yyjson_val *name;
    yyjson_arr_foreach(names, i, max, name)
    {
        if (ptmi_json_is_plain(name)) ptmi_suggest_offer(&suggest, yyjson_get_str(name));
    }
    return suggest.best;
}

/* The driver's word for what happened, as ours. */
static ptm_rc told_error(const struct ptmi_run *run, yyjson_val *root, struct ptm_err *err)
{
    char said[PTM_ERR_MSG_MAX], near[128] = "";
    const char *kind = ptmi_json_str(root, "kind");
    const char *text = ptmi_json_str(root, "error");
    ptmi_str_printable(said, sizeof said, text ? text : "failed");
    if (ptmi_str_eq(kind, "missing"))
        return ptm_err_set(err, PTM_ENOENT,
                           "%s: %s; install what is missing for %s, or name another Python "
                           "(--python)",
                           run->label, said, run->python.program);
    if (ptmi_str_eq(kind, "entry")) {
        const char *best = nearest(ptmi_json_get(root, "names"), run->entry ? run->entry : "");
        ptmi_str_printable(near, sizeof near, best ? best : "");
        return ptm_err_set(err, PTM_EINVAL, "%s: %s%s%s%s", run->label, said,
                           best ? "; did you mean '" : "", near, best ? "'?" : "");
    }
    ptm_rc rc = ptmi_str_eq(kind, "argument") ? PTM_EINVAL
                : ptmi_str_eq(kind, "result") ? PTM_ELIMIT
                                              : PTM_EFORMAT;
    return ptm_err_set(err, rc, "%s: %s%s%s", run->label, run->entry ? run->entry : "",
                       run->entry ? ": " : "", said);
}

/* A run that ended without an answer: killed, crashed, or ended by the code itself. */
static ptm_rc no_answer(const struct ptmi_run *run, struct ptmi_proc_result *result,
                        struct ptm_err *err)
{
    char said[256] = "", how[64];
    ptmi_proc_last_line(&result->err_text, said);
    if (result->exit_status > 128)
        snprintf(how, sizeof how, "was ended by signal %d", result->exit_status - 128);
    else
        snprintf(how, sizeof how, "ended with status %d", result->exit_status);
    return ptm_err_set(err, PTM_EIO, "%s: Python %s without an answer%s%s", run->label, how,
                       *said ? "; it said last: " : "", said);
}

static ptm_rc read_answer(struct ptmi_run *run, struct ptmi_proc_result *result,
                          struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(run->dir, "description");
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0;
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "description");
    ptm_rc rc = ptmi_fs_read(path, DESCRIPTION_MAX, &text, &len, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "what the entry point told of its result");
    if (len == 0) return no_answer(run, result, err);
    PTM_TRY(ptmi_json_parse(text, len, "the run's description", &run->answer, err));
    yyjson_val *root = yyjson_doc_get_root(run->answer);
    if (!yyjson_is_obj(root))
        return ptm_err_set(err, PTM_EFORMAT, "%s: its description is no object", run->label);
    return ptmi_json_get(root, "error") ? told_error(run, root, err) : PTM_OK;
}

ptm_rc ptmi_run(struct ptmi_run *run, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *answers = NULL;
    PTM_AUTO(ptmi_freep) char *hub = NULL;
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    run->python = (struct ptmi_python)PTMI_PYTHON;
    PTM_TRY(ptmi_python_look(run->hub->ctx, run->opts->python, &run->python, err));
    PTM_TRY(find_repo(run, err));
    PTM_TRY(hub_dir(run, &hub, err));
    PTM_TRY(make_dir(run, &answers, err));
    PTM_TRY(write_job(run, hub, err));
    PTM_TRY(ptmi_wants_new(run->hub, run->opts, answers, &run->wants, err));
    PTM_TRY(run_python(run, hub, &result, err));
    return read_answer(run, &result, err);
}
