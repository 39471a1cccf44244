/* SPDX-License-Identifier: MIT */
/*
 * sandbox.c - the command line of bubblewrap (0.4 or newer; Debian 12 has 0.8).
 *
 *     bwrap --unshare-all --die-with-parent --new-session --cap-drop ALL [--disable-userns]
 *           /usr, /bin .. read-only; /etc: what programs need to start
 *           --proc /proc --dev /dev --tmpfs /tmp
 *           what is shown, in the order it was asked for; then / itself read-only
 *           -- program
 *
 * An allow-list: what nobody thought of is not there, rather than readable. The environment is
 * cleaned before bwrap starts, not by its --clearenv: /proc/1/environ inside is bwrap's own.
 */
#include "sandbox.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/str.h"

/* The trial takes milliseconds; a system that answers it later than this has other troubles. */
#define TRIAL_SECONDS 60

/* Programs and their libraries. Links (as /bin -> usr/bin) are made again as links. */
static const char *const SYSTEM[] = {"/usr",   "/bin",    "/sbin", "/lib",       "/lib32",
                                     "/lib64", "/libx32", "/opt",  "/nix/store", "/gnu/store"};
/* Of /etc what programs need to start and to know names and time; no keys, no shadow. */
static const char *const ETC[] = {"/etc/alternatives", "/etc/fonts",         "/etc/group",
                                  "/etc/host.conf",    "/etc/hosts",         "/etc/ld.so.cache",
                                  "/etc/ld.so.conf",   "/etc/ld.so.conf.d",  "/etc/localtime",
                                  "/etc/mime.types",   "/etc/nsswitch.conf", "/etc/passwd",
                                  "/etc/python3",      "/etc/timezone"};
/* Folders that are never shown themselves: parts of them are secrets, or are made anew inside. */
static const char *const NEVER[] = {"/etc",  "/proc", "/sys", "/dev", "/run", "/var",
                                    "/root", "/home", "/tmp", "/srv", "/mnt", "/media"};

/* Of /proc what is the whole machine's. Its files ask for the number of a user, not for rights: the
 * code of a root's sandbox could name itself as the program that the kernel starts on a crash.
 * Bubblewrap means to cover some of them, and leaves out those whose folder cannot be written. */
static const char *const KERNEL[] = {
    "/proc/sys",  "/proc/sysrq-trigger", "/proc/irq",    "/proc/bus",  "/proc/fs",
    "/proc/acpi", "/proc/scsi",          "/proc/driver", "/proc/mtrr", "/proc/pressure"};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

void ptmi_sandbox_clear(struct ptmi_sandbox *box)
{
    ptmi_arena_clear(&box->arena);
    box->args = box->seen = box->env = (struct ptmi_arena_list){0};
}

static ptm_rc add(struct ptmi_sandbox *box, struct ptmi_arena_list *list, const char *text,
                  struct ptm_err *err)
{
    if (ptmi_arena_list_add(&box->arena, list, ptmi_arena_strdup(&box->arena, text))) return PTM_OK;
    return ptm_err_set(err, PTM_ENOMEM, "the sandbox's command line: too much is to be shown");
}

static ptm_rc add_args(struct ptmi_sandbox *box, const char *a, const char *b, const char *c,
                       struct ptm_err *err)
{
    PTM_TRY(add(box, &box->args, a, err));
    if (b) PTM_TRY(add(box, &box->args, b, err));
    return c ? add(box, &box->args, c, err) : PTM_OK;
}

/* --- what may be shown --- */

/* Is path the folder dir, or below it? Both absolute. */
static bool is_within(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    if (len == 1) return true;
    return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

static bool holds_home(const char *path, const char *home)
{
    if (!home || home[0] != '/') return false;
    PTM_AUTO(ptmi_freep) char *real = realpath(home, NULL);
    /* A home that is "/" is that of a service, which has nothing there. */
    bool as_named = home[1] && is_within(home, path);
    return as_named || (real && real[1] && is_within(real, path));
}

static bool is_too_much(const char *path)
{
    for (size_t i = 0; i < COUNT(NEVER); i++)
        if (is_within(NEVER[i], path)) return true;
    char text[4096];
    struct passwd entry, *user = NULL;
    if (getpwuid_r(geteuid(), &entry, text, sizeof text, &user) != 0) user = NULL;
    return holds_home(path, getenv("HOME")) || holds_home(path, user ? user->pw_dir : NULL);
}

static bool is_shown(const struct ptmi_sandbox *box, const char *path)
{
    for (size_t i = 0; i < box->seen.n; i++)
        if (is_within(path, box->seen.items[i])) return true;
    for (size_t i = 0; i < COUNT(SYSTEM); i++)
        if (is_within(path, SYSTEM[i])) return true;
    return false;
}

static ptm_rc show_at(struct ptmi_sandbox *box, const char *path, struct ptm_err *err)
{
    if (is_shown(box, path)) return PTM_OK;
    PTM_TRY(add(box, &box->seen, path, err));
    return add_args(box, "--ro-bind", path, path, err);
}

ptm_rc ptmi_sandbox_show(struct ptmi_sandbox *box, const char *path, struct ptm_err *err)
{
    if (path[0] != '/') return ptm_err_set(err, PTM_EINVAL, "%s: not an absolute path", path);
    PTM_AUTO(ptmi_freep) char *real = realpath(path, NULL);
    if (!real) return ptm_err_sys(err, errno, "%s", path);
    if (is_too_much(path) || is_too_much(real))
        return ptm_err_set(err, PTM_EUNSAFE,
                           "%s: holds your home folder or the system's own, all of which the "
                           "sandbox would show; use a folder that has only what is needed",
                           path);
    PTM_TRY(show_at(box, real, err));
    /* As named too, for what compares names; not where the name itself goes astray. */
    bool plain = !strstr(path, "/../") && !strstr(path, "/./");
    return plain ? show_at(box, path, err) : PTM_OK;
}

ptm_rc ptmi_sandbox_place(struct ptmi_sandbox *box, const char *from, const char *to, bool writable,
                          struct ptm_err *err)
{
    return add_args(box, writable ? "--bind" : "--ro-bind", from, to, err);
}

ptm_rc ptmi_sandbox_hide(struct ptmi_sandbox *box, const char *path, struct ptm_err *err)
{
    return add_args(box, "--tmpfs", path, NULL, err);
}

/* --- environment --- */

ptm_rc ptmi_sandbox_setenv(struct ptmi_sandbox *box, const char *name, const char *value,
                           struct ptm_err *err)
{
    const char *text = ptmi_arena_printf(&box->arena, "%s=%s", name, value);
    if (text && ptmi_arena_list_add(&box->arena, &box->env, text)) return PTM_OK;
    return ptm_err_set(err, PTM_ELIMIT, "%s: too long for the sandbox's environment", name);
}

ptm_rc ptmi_sandbox_keepenv(struct ptmi_sandbox *box, const char *name, struct ptm_err *err)
{
    const char *value = getenv(name);
    return value ? ptmi_sandbox_setenv(box, name, value, err) : PTM_OK;
}

/* --- the command line --- */

/* What every program sees. */
static ptm_rc add_system(struct ptmi_sandbox *box, struct ptmi_arena_list *argv,
                         struct ptm_err *err)
{
    for (size_t i = 0; i < COUNT(SYSTEM); i++) {
        char target[PATH_MAX];
        ssize_t len = readlink(SYSTEM[i], target, sizeof target - 1);
        if (len < 0 && !ptmi_fs_is_dir(SYSTEM[i])) continue;
        target[len < 0 ? 0 : len] = '\0';
        PTM_TRY(add(box, argv, len < 0 ? "--ro-bind" : "--symlink", err));
        PTM_TRY(add(box, argv, len < 0 ? SYSTEM[i] : target, err));
        PTM_TRY(add(box, argv, SYSTEM[i], err));
    }
    for (size_t i = 0; i < COUNT(ETC); i++) {
        if (!ptmi_fs_exists(ETC[i])) continue;
        PTM_TRY(add(box, argv, "--ro-bind-try", err));
        PTM_TRY(add(box, argv, ETC[i], err));
        PTM_TRY(add(box, argv, ETC[i], err));
    }
    /* How many processors there are and what they can: OpenMP and torch ask. */
    static const char *const rest[] = {"--ro-bind-try",
                                       "/sys/devices/system/cpu",
                                       "/sys/devices/system/cpu",
                                       "--proc",
                                       "/proc",
                                       "--dev",
                                       "/dev",
                                       "--tmpfs",
                                       "/tmp"};
    for (size_t i = 0; i < COUNT(rest); i++) PTM_TRY(add(box, argv, rest[i], err));
    for (size_t i = 0; i < COUNT(KERNEL); i++) {
        PTM_TRY(add(box, argv, "--ro-bind-try", err));
        PTM_TRY(add(box, argv, KERNEL[i], err));
        PTM_TRY(add(box, argv, KERNEL[i], err));
    }
    return PTM_OK;
}

static ptm_rc add_list(struct ptmi_sandbox *box, struct ptmi_arena_list *argv,
                       const char *const *items, struct ptm_err *err)
{
    for (; *items; items++) PTM_TRY(add(box, argv, *items, err));
    return PTM_OK;
}

/* Puts the NULL that arguments and environments end with; not counted. */
static ptm_rc end_list(struct ptmi_sandbox *box, struct ptmi_arena_list *list, struct ptm_err *err)
{
    const char **items =
        ptmi_arena_grown(&box->arena, list->items, list->n, &list->cap, sizeof *items);
    if (!items) return ptm_err_set(err, PTM_ENOMEM, "the sandbox's command line");
    items[list->n] = NULL;
    list->items = items;
    return PTM_OK;
}

/* shown: NULL for the trial, which needs nothing of it. */
static ptm_rc make_argv(struct ptmi_sandbox *box, bool no_nesting,
                        const struct ptmi_arena_list *shown, const char *const *program,
                        struct ptmi_arena_list *argv, struct ptm_err *err)
{
    static const char *const always[] = {"bwrap",
                                         "--unshare-all",
                                         "--unshare-user",
                                         "--die-with-parent",
                                         "--new-session",
                                         "--cap-drop",
                                         "ALL",
                                         NULL};
    /* Bubblewrap's own first process outlives the program's end for as long as others run, and
     * bwrap does not wait for it: what the program left behind would go on writing while we read.
     * With a shell in its place all is over when bwrap is. */
    static const char *const end[] = {
        "--chdir", "/tmp", "--remount-ro",     "/",  "--as-pid-1", "--",
        "sh",      "-c",   "\"$@\" & wait $!", "sh", NULL};
    PTM_TRY(add_list(box, argv, always, err));
    if (no_nesting) PTM_TRY(add(box, argv, "--disable-userns", err));
    PTM_TRY(add_system(box, argv, err));
    for (size_t i = 0; shown && i < shown->n; i++) PTM_TRY(add(box, argv, shown->items[i], err));
    PTM_TRY(add_list(box, argv, end, err));
    PTM_TRY(add_list(box, argv, program, err));
    return end_list(box, argv, err);
}

/* --- running --- */

/* Nothing but the sandbox: does the system allow it? */
static ptm_rc try_once(ptm_ctx *ctx, struct ptmi_sandbox *box, bool no_nesting, char why[256],
                       struct ptm_err *err)
{
    static const char *const program[] = {"true", NULL};
    static const char *const all[] = {"", NULL};
    static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    struct ptmi_arena_list argv = {0};
    PTM_TRY(make_argv(box, no_nesting, NULL, program, &argv, err));
    PTM_AUTO(ptmi_proc_result_clear) struct ptmi_proc_result result = {0};
    struct ptmi_proc proc = {.argv = argv.items,
                             .env = env,
                             .unset = all,
                             .silent_seconds = TRIAL_SECONDS,
                             .interruptible = true};
    PTM_TRY(ptmi_proc_run(ctx, &proc, &result, err));
    ptmi_proc_last_line(&result.err_text, why);
    return result.exit_status == 0 ? PTM_OK : PTM_ITEM;
}

/* *no_nesting: bwrap can forbid further user namespaces, which are where kernels have had their
 * holes (0.8 and newer, and not inside most containers). */
static ptm_rc try_out(ptm_ctx *ctx, struct ptmi_sandbox *box, bool *no_nesting, struct ptm_err *err)
{
    char why[256] = "";
    PTM_AUTO(ptmi_freep) char *path = ptmi_proc_which("bwrap");
    if (!path)
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "no sandbox: bubblewrap (bwrap) is not there; install the package "
                           "bubblewrap, or run the repository's code with all your rights "
                           "(--no-sandbox)");
    for (int plain = 0; plain < 2; plain++) {
        ptm_rc rc = try_once(ctx, box, !plain, why, err);
        if (rc < 0) return rc;
        *no_nesting = !plain;
        if (rc == PTM_OK) return PTM_OK;
    }
    return ptm_err_set(err, PTM_EUNSUPPORTED,
                       "no sandbox: this system does not allow bubblewrap one (%s); where user "
                       "namespaces can be allowed, do, or run the repository's code with all your "
                       "rights (--no-sandbox)",
                       *why ? why : "no reason told");
}

ptm_rc ptmi_sandbox_run(ptm_ctx *ctx, struct ptmi_sandbox *box, const struct ptmi_proc *proc,
                        struct ptmi_proc_result *out, struct ptm_err *err)
{
    static const char *const all[] = {"", NULL};
    bool no_nesting = false;
    struct ptmi_arena_list argv = {0};
    *out = (struct ptmi_proc_result){.exit_status = -1};
    PTM_TRY(try_out(ctx, box, &no_nesting, err));
    PTM_TRY(make_argv(box, no_nesting, &box->args, proc->argv, &argv, err));
    PTM_TRY(end_list(box, &box->env, err));
    struct ptmi_proc inside = *proc;
    inside.argv = argv.items;
    inside.env = box->env.items;
    inside.unset = all;
    return ptmi_proc_run(ctx, &inside, out, err);
}
