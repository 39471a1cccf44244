/* SPDX-License-Identifier: MIT */
/* opts.c - the table of options, with what each may be. How values are read and layered stands in
 * opts_line.c, values.c and config.c. */
#include "opts.h"

#include <stdio.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/str.h"
#include "../base/url.h"

static ptm_rc check_jobs(const char *text, struct ptm_err *err)
{
    int64_t value = 0;
    if (ptmi_str_int(text, 1, 1024, &value)) return PTM_OK;
    return ptm_err_set(err, PTM_EINVAL, "'%s' is not a number from 1 to 1024", text);
}

static ptm_rc check_files(const char *text, struct ptm_err *err)
{
    int64_t value = 0;
    if (ptmi_str_int(text, 1, 1000000, &value)) return PTM_OK;
    return ptm_err_set(err, PTM_EINVAL, "'%s' is not a number from 1 to 1000000", text);
}

static ptm_rc check_retries(const char *text, struct ptm_err *err)
{
    int64_t value = 0;
    if (ptmi_str_int(text, 0, 100, &value)) return PTM_OK;
    return ptm_err_set(err, PTM_EINVAL, "'%s' is not a number from 0 to 100", text);
}

static ptm_rc check_days(const char *text, struct ptm_err *err)
{
    int64_t value = 0;
    if (ptmi_str_int(text, 0, 36500, &value)) return PTM_OK;
    return ptm_err_set(err, PTM_EINVAL, "'%s' is not a number of days", text);
}

/* Fewer digits than file names have by custom would check next to nothing. */
static ptm_rc check_hash(const char *text, struct ptm_err *err)
{
    size_t len = strlen(text);
    if (len >= 8 && len <= 64 && strspn(text, "0123456789abcdefABCDEF") == len) return PTM_OK;
    return ptm_err_set(err, PTM_EINVAL, "'%s' is not the first 8 to 64 hex digits of a SHA-256",
                       text);
}

static ptm_rc check_size(const char *text, struct ptm_err *err)
{
    int64_t value = 0;
    if (ptmi_str_size(text, &value)) return PTM_OK;
    return ptm_err_set(err, PTM_EINVAL, "'%s' is not a size: write 10G, 512M or a number of bytes",
                       text);
}

static ptm_rc check_rewrite(const char *text, struct ptm_err *err)
{
    PTM_AUTO(ptmi_rewrite_clear) struct ptmi_rewrite rules = {0};
    ptm_rc rc = ptmi_rewrite_add(&rules, text, NULL);
    if (rc == PTM_OK || rc == PTM_ENOMEM) return rc;
    PTM_AUTO(ptmi_freep) char *shown = ptmi_values_redact(text);
    return ptm_err_set(err, PTM_EINVAL,
                       "'%s' is not FROM=TO with two http or https URLs, as "
                       "https://github.com/=http://127.0.0.1:8080/gh/",
                       shown ? shown : "");
}

/* The order of enum ptmi_large and enum ptmi_checkout (git/lfs.h): the place in the list is the
 * value. */
static const char *const large_choices[] = {"auto", "head", "all", "none", NULL};
static const char *const checkout_choices[] = {"link", "copy", "none", NULL};
static const char *const history_choices[] = {"full", "shallow", NULL};
static const char *const compat_choices[] = {"none", "v1", NULL};
static const char *const progress_choices[] = {"auto", "bar", "plain", "none", NULL};
static const char *const color_choices[] = {"auto", "always", "never", NULL};
static const char *const sort_choices[] = {"downloads", "downloadsAllTime", "likes", "lastModified",
                                           "createdAt", "usedStorage",      NULL};
static const char *const source_choices[] = {"github", "local", NULL};
static const char *const stage_choices[] = {"list",  "parse",    "clone",  "update",
                                            "large", "describe", "export", NULL};

static const struct ptmi_opt table[PTMI_OPT_COUNT] = {
    [PTMI_OPT_ROOT] =
        {
            .name = "root",
            .arg = "DIR",
            .help = "The data root: where everything harvested is kept.",
            .groups = PTMI_GROUP_ROOT,
            .flags = PTMI_OPT_PATH,
            .fallback = "./data",
            .env = "PTM_ROOT",
        },
    [PTMI_OPT_CATALOG] =
        {
            .name = "catalog",
            .arg = "FILE",
            .help = "The catalogue, when it shall not stand in the root: a root on NFS or Lustre "
                    "wants it on a local disk. Default: DIR/.ptm/catalog.db.",
            .groups = PTMI_GROUP_ROOT,
            .flags = PTMI_OPT_PATH,
        },
    [PTMI_OPT_ALL] =
        {
            .name = "all",
            .letter = 'a',
            .help = "Every hub.",
            .groups = PTMI_GROUP_HUBS,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_TOP] =
        {
            .name = "top",
            .arg = "SHARE|N",
            .help = "How much of Hugging Face is cloned, best first: 10% or 0.1 is a share, a "
                    "whole number a count. All models are listed and described either way. "
                    "Default: HF_TORRENT_SHRINKAGE, else 0.1.",
            .groups = PTMI_GROUP_SELECT,
            .env = "HF_TORRENT_SHRINKAGE",
        },
    [PTMI_OPT_SORT] =
        {
            .name = "sort",
            .arg = "KEY",
            .help = "What 'best' means for --top, largest or newest first, ties by id.",
            .groups = PTMI_GROUP_SELECT,
            .fallback = "downloads",
            .choices = sort_choices,
        },
    [PTMI_OPT_FILTER] =
        {
            .name = "filter",
            .arg = "EXPR",
            .help = "Clone only models for which this SQLite expression holds, as "
                    "\"license = 'mit' and likes > 100\"; the columns are in the manual page.",
            .groups = PTMI_GROUP_SELECT,
        },
    [PTMI_OPT_URLS] =
        {
            .name = "urls",
            .arg = "FILE",
            .help = "Clone the repositories whose URLs the files list, one a line; blank lines "
                    "and lines that begin with # are passed over, - is standard input. Further "
                    "operands are files too.",
            .groups = PTMI_GROUP_NAMED,
            .flags = PTMI_OPT_MANY | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_IDS] =
        {
            .name = "ids",
            .arg = "FILE",
            .help = "Clone the models whose names the file lists, in the same form.",
            .groups = PTMI_GROUP_NAMED,
            .flags = PTMI_OPT_MANY | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_INCLUDE] =
        {
            .name = "include",
            .arg = "GLOB",
            .help = "Fetch only large files that match: *.safetensors, onnx/**. May be repeated.",
            .groups = PTMI_GROUP_CLONE,
            .flags = PTMI_OPT_MANY,
        },
    [PTMI_OPT_EXCLUDE] =
        {
            .name = "exclude",
            .arg = "GLOB",
            .help = "Fetch no large files that match. May be repeated.",
            .groups = PTMI_GROUP_CLONE,
            .flags = PTMI_OPT_MANY,
        },
    [PTMI_OPT_MAX_SIZE] =
        {
            .name = "max-size",
            .arg = "SIZE",
            .help = "Fetch no large file bigger than this: 5G, 500M.",
            .groups = PTMI_GROUP_CLONE,
            .check = check_size,
        },
    [PTMI_OPT_LARGE] =
        {
            .name = "large",
            .arg = "WHICH",
            .help = "Which Git LFS files: auto, those of HEAD that the repository's own "
                    ".lfsconfig does not exclude; head, all of HEAD; all, of every commit; none.",
            .groups = PTMI_GROUP_CLONE,
            .fallback = "auto",
            .choices = large_choices,
        },
    [PTMI_OPT_CHECKOUT] =
        {
            .name = "checkout",
            .arg = "HOW",
            .help = "How large files reach the work tree: link, without using disk twice (then "
                    "they are read-only); copy, writable; none, only pointers.",
            .groups = PTMI_GROUP_CLONE,
            .fallback = "link",
            .choices = checkout_choices,
        },
    [PTMI_OPT_HISTORY] =
        {
            .name = "history",
            .arg = "HOW",
            .help = "full clones every commit, shallow the newest alone.",
            .groups = PTMI_GROUP_CLONE,
            .fallback = "full",
            .choices = history_choices,
        },
    [PTMI_OPT_NO_UPDATE] =
        {
            .name = "no-update",
            .help = "Leave clones that are there as they are.",
            .groups = PTMI_GROUP_CLONE,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_SCAN] =
        {
            .name = "scan",
            .help = "Look into the files of each clone: formats, parameters, dtypes and verdicts "
                    "(as `ptm weights scan`) go to the catalogue, see `ptm show`. A clone that was "
                    "scanned and has not changed is not scanned again.",
            .groups = PTMI_GROUP_CLONE,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_NO_SIBLINGS] =
        {
            .name = "no-siblings",
            .help = "List Hugging Face without the names of each model's files: much smaller.",
            .groups = PTMI_GROUP_LIST,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_PAGES] =
        {
            .name = "pages",
            .arg = "DIR",
            .help = "pytorchhub: read saved pages of the old pytorch.org from this folder too.",
            .groups = PTMI_GROUP_PARSE,
            .flags = PTMI_OPT_PATH,
        },
    [PTMI_OPT_COMPAT] =
        {
            .name = "compat",
            .arg = "WHAT",
            .help = "v1 writes the records as the PTMTorrent scripts did: key Dataset, ids as "
                    "strings, their hub URLs.",
            .groups = PTMI_GROUP_EXPORT,
            .fallback = "none",
            .choices = compat_choices,
        },
    [PTMI_OPT_FILES] =
        {
            .name = "files",
            .letter = 'n',
            .arg = "N",
            .help = "Write at most so many files; none is empty.",
            .groups = PTMI_GROUP_SPLIT,
            .fallback = "100",
            .check = check_files,
        },
    [PTMI_OPT_STAGE] =
        {
            .name = "stage",
            .arg = "STAGE",
            .help = "Only failures of this stage.",
            .groups = PTMI_GROUP_FAILURES,
            .flags = PTMI_OPT_NO_CONFIG,
            .choices = stage_choices,
        },
    [PTMI_OPT_FORCE] =
        {
            .name = "force",
            .letter = 'f',
            .help = "retry: also try again what cannot work before somebody mends it (gated, not "
                    "found). weights convert: replace files that are there. torch download, "
                    "torch weights: fetch although it is there.",
            .groups = PTMI_GROUP_FORCE,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_RAW] =
        {
            .name = "raw",
            .help = "With the hub's own record as received (in --json).",
            .groups = PTMI_GROUP_SHOW,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_TREE] =
        {
            .name = "tree",
            .help = "Tensors as a tree of their dotted names, sorted, with subtotals.",
            .groups = PTMI_GROUP_WEIGHTS_LS,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_NO_TENSORS] =
        {
            .name = "no-tensors",
            .help = "Only what is said of a file as a whole; in --json, tensors is empty.",
            .groups = PTMI_GROUP_WEIGHTS_LS,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_SHARD_SIZE] =
        {
            .name = "shard-size",
            .arg = "SIZE",
            .help = "Write files of at most so many bytes of data, with an index: 5G. A larger "
                    "tensor has a file of its own.",
            .groups = PTMI_GROUP_WEIGHTS_CONVERT,
            .flags = PTMI_OPT_NO_CONFIG,
            .check = check_size,
        },
    [PTMI_OPT_SPLIT] =
        {
            .name = "split",
            .help = "Write every tensor, shared storages as often as they are used.",
            .groups = PTMI_GROUP_WEIGHTS_CONVERT,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_SKIP] =
        {
            .name = "skip",
            .help = "Leave out what safetensors cannot hold instead of refusing.",
            .groups = PTMI_GROUP_WEIGHTS_CONVERT,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_ALLOW] =
        {
            .name = "allow",
            .arg = "GLOBAL",
            .help = "Take this name for clean too: mymodel.Config, mymodel.*. May be repeated.",
            .groups = PTMI_GROUP_WEIGHTS_SCAN,
            .flags = PTMI_OPT_MANY | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_SARIF] =
        {
            .name = "sarif",
            .help = "One SARIF 2.1.0 document on standard output, for code scanning.",
            .groups = PTMI_GROUP_WEIGHTS_SCAN,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_HUB_DIR] =
        {
            .name = "hub-dir",
            .arg = "DIR",
            .help = "The hub folder, shared with torch: repositories, checkpoints, trusted_list. "
                    "Default: $TORCH_HOME/hub, else $XDG_CACHE_HOME/torch/hub, else "
                    "~/.cache/torch/hub.",
            .groups = PTMI_GROUP_TORCH,
            .flags = PTMI_OPT_PATH,
        },
    [PTMI_OPT_SOURCE] =
        {
            .name = "source",
            .arg = "WHAT",
            .help = "What REPO|DIR is: github, OWNER/NAME[:REF]; local, a folder. Without it, "
                    "what begins with . / or ~ or holds no / is a folder.",
            .groups = PTMI_GROUP_TORCH_SOURCE,
            .flags = PTMI_OPT_NO_CONFIG,
            .choices = source_choices,
        },
    [PTMI_OPT_FORCE_RELOAD] =
        {
            .name = "force-reload",
            .help = "Fetch the repository anew although it is there, and the weights it reaches "
                    "that are there (as torch.hub's documentation says; its code spares them).",
            .groups = PTMI_GROUP_TORCH_REPO,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_REFRESH] =
        {
            .name = "refresh",
            .help = "Ask the server whether there is a newer commit than the cached one. Nothing "
                    "is replaced; --force-reload does that.",
            .groups = PTMI_GROUP_TORCH_REPO,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_SKIP_VALIDATION] =
        {
            .name = "skip-validation",
            .help = "Believe REF without looking for it among the repository's branches and tags. "
                    "A commit that only a fork has passes then, too.",
            .groups = PTMI_GROUP_TORCH_REPO,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_RUN] =
        {
            .name = "run",
            .help = "Ask Python: runs hubconf.py in a sandbox, when the repository is trusted, "
                    "instead of parsing it.",
            .groups = PTMI_GROUP_TORCH_LIST,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_TRUST] =
        {
            .name = "trust",
            .help = "Trust the repository from now on, without a question: its code may run.",
            .groups = PTMI_GROUP_TORCH_RUN,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_PYTHON] =
        {
            .name = "python",
            .arg = "PROGRAM",
            .help = "The Python that has torch and what the repository depends on.",
            .groups = PTMI_GROUP_TORCH_RUN,
            .flags = PTMI_OPT_PATH,
            .fallback = "python3",
        },
    [PTMI_OPT_NO_SANDBOX] =
        {
            .name = "no-sandbox",
            .help = "Run the repository's code with all your rights, where there is no bubblewrap "
                    "or the system forbids it.",
            .groups = PTMI_GROUP_TORCH_RUN,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_OUT] =
        {
            .name = "out",
            .letter = 'o',
            .arg = "DIR",
            .help = "Where the state dict and its description go.",
            .groups = PTMI_GROUP_TORCH_LOAD,
            .flags = PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_HASH] =
        {
            .name = "hash",
            .arg = "PREFIX",
            .help = "The leading hex digits of its SHA-256, at least 8: what does not begin so is "
                    "refused.",
            .groups = PTMI_GROUP_TORCH_DOWNLOAD,
            .flags = PTMI_OPT_NO_CONFIG,
            .check = check_hash,
        },
    [PTMI_OPT_ANY_CONTENT] =
        {
            .name = "any-content",
            .help = "Keep it also when it is no checkpoint but an HTML page or the like.",
            .groups = PTMI_GROUP_TORCH_DOWNLOAD,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_MODEL_DIR] =
        {
            .name = "model-dir",
            .arg = "DIR",
            .help = "The folder for the weights. Default: checkpoints in the hub folder.",
            .groups = PTMI_GROUP_TORCH_WEIGHTS,
            .flags = PTMI_OPT_PATH | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_FILE_NAME] =
        {
            .name = "file-name",
            .arg = "NAME",
            .help = "The name of the file. Default: the last part of the URL's path.",
            .groups = PTMI_GROUP_TORCH_WEIGHTS,
            .flags = PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_CHECK_HASH] =
        {
            .name = "check-hash",
            .help =
                "Also when the file is there already, its SHA-256 must begin with the 8 or more "
                "hex digits that its name has between - and a dot; a wrong one is fetched anew.",
            .groups = PTMI_GROUP_TORCH_WEIGHTS,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_OLDER_THAN] =
        {
            .name = "older-than",
            .arg = "DAYS",
            .help = "prune: also what was not changed for so many days.",
            .groups = PTMI_GROUP_TORCH_CACHE,
            .flags = PTMI_OPT_NO_CONFIG,
            .check = check_days,
        },
    [PTMI_OPT_ONLINE] =
        {
            .name = "online",
            .help = "Ask the servers of the weights for their sizes.",
            .groups = PTMI_GROUP_TORCH_CHECK,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_DRY_RUN] =
        {
            .name = "dry-run",
            .help = "Say how many repositories and bytes it would be, and stop there. torch cache "
                    "prune: only say what would be removed.",
            .groups = PTMI_GROUP_SELECT | PTMI_GROUP_TORCH_CACHE,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_YES] =
        {
            .name = "yes",
            .letter = 'y',
            .help = "Go on although it may not fit the free disk space, --keep-free or not.",
            .groups = PTMI_GROUP_CLONE,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_KEEP_FREE] =
        {
            .name = "keep-free",
            .arg = "SIZE",
            .help = "Disk space that must stay free; with less in sight it stops, unless --yes.",
            .groups = PTMI_GROUP_CLONE,
            .fallback = "1G",
            .check = check_size,
        },
    [PTMI_OPT_JOBS] =
        {
            .name = "jobs",
            .letter = 'j',
            .arg = "N",
            .help = "Repositories and requests at once. Default: twice the cores, at least 4. "
                    "weights scan: files at once, by default as many as there are cores.",
            .groups = PTMI_GROUP_JOBS,
            .check = check_jobs,
        },
    [PTMI_OPT_REWRITE] =
        {
            .name = "rewrite",
            .arg = "FROM=TO",
            .help = "Ask TO for every URL that begins with FROM; the longest FROM wins. For "
                    "mirrors and proxies. Recorded URLs stay the original ones. May be repeated.",
            .groups = PTMI_GROUP_NET,
            .flags = PTMI_OPT_MANY | PTMI_OPT_MERGE,
            .env = "PTM_REWRITE (separated by spaces), HF_ENDPOINT (as the rewrite of "
                   "https://huggingface.co)",
            .check = check_rewrite,
        },
    [PTMI_OPT_OFFLINE] =
        {
            .name = "offline",
            .help = "Use no network: go by the lists, clones and copies there are. What needs "
                    "more fails at once.",
            .groups = PTMI_GROUP_NET,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_LIMIT_RATE] =
        {
            .name = "limit-rate",
            .arg = "SIZE",
            .help = "Bytes a second over all transfers: 2M.",
            .groups = PTMI_GROUP_NET,
            .check = check_size,
        },
    [PTMI_OPT_RETRIES] =
        {
            .name = "retries",
            .arg = "N",
            .help = "Tries of a request, or of git, after the first; at most 3 where no "
                    "connection comes about.",
            .groups = PTMI_GROUP_NET,
            .fallback = "6",
            .check = check_retries,
        },
    [PTMI_OPT_CA_BUNDLE] =
        {
            .name = "ca-bundle",
            .arg = "FILE",
            .help = "Certificates to trust instead of the system's.",
            .groups = PTMI_GROUP_NET,
            .flags = PTMI_OPT_PATH,
        },
    [PTMI_OPT_NO_NETRC] =
        {
            .name = "no-netrc",
            .help = "Take no credentials from ~/.netrc.",
            .groups = PTMI_GROUP_NET,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_HF_TOKEN] =
        {
            .name = "hf-token",
            .arg = "TOKEN",
            .help = "The token for Hugging Face.",
            .flags = PTMI_OPT_NO_CONFIG | PTMI_OPT_ENV_ONLY | PTMI_OPT_SECRET,
            .env = "HF_TOKEN, else the file $HF_TOKEN_PATH, $HF_HOME/token or "
                   "~/.cache/huggingface/token",
        },
    [PTMI_OPT_GITHUB_TOKEN] =
        {
            .name = "github-token",
            .arg = "TOKEN",
            .help = "The token for GitHub.",
            .flags = PTMI_OPT_NO_CONFIG | PTMI_OPT_ENV_ONLY | PTMI_OPT_SECRET,
            .env = "GITHUB_TOKEN",
        },
    [PTMI_OPT_JSON] =
        {
            .name = "json",
            .help = "Results as JSON on standard output, one object a line.",
            .groups = PTMI_GROUP_EVERY,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_QUIET] =
        {
            .name = "quiet",
            .letter = 'q',
            .help = "Only errors and results.",
            .groups = PTMI_GROUP_EVERY,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_VERBOSE] =
        {
            .name = "verbose",
            .letter = 'v',
            .help = "Say what is being done, in detail.",
            .groups = PTMI_GROUP_EVERY,
            .flags = PTMI_OPT_FLAG,
        },
    [PTMI_OPT_LOG] =
        {
            .name = "log",
            .arg = "FILTER",
            .help = "What is said on standard error, by module and level: "
                    "net:trace,git:debug,*:warn.",
            .groups = PTMI_GROUP_EVERY,
            .fallback = "mirror:info,torchhub:info,*:warn",
        },
    [PTMI_OPT_PROGRESS] =
        {
            .name = "progress",
            .arg = "HOW",
            .help = "bar on a terminal, plain (a line every 5 seconds) elsewhere, or none.",
            .groups = PTMI_GROUP_EVERY,
            .fallback = "auto",
            .choices = progress_choices,
        },
    [PTMI_OPT_COLOR] =
        {
            .name = "color",
            .arg = "WHEN",
            .help = "Colours in tables and messages: auto is on a terminal.",
            .groups = PTMI_GROUP_EVERY,
            .fallback = "auto",
            .choices = color_choices,
            .env = "NO_COLOR (set and not empty: never)",
        },
    [PTMI_OPT_HELP] =
        {
            .name = "help",
            .letter = 'h',
            .help = "This help.",
            .groups = PTMI_GROUP_EVERY,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
    [PTMI_OPT_VERSION] =
        {
            .name = "version",
            .letter = 'V',
            .help = "The version.",
            .groups = PTMI_GROUP_EVERY,
            .flags = PTMI_OPT_FLAG | PTMI_OPT_NO_CONFIG,
        },
};

const struct ptmi_opt *ptmi_opt_at(int id)
{
    return &table[id];
}

int ptmi_opt_find(const char *name)
{
    for (int id = 0; id < PTMI_OPT_COUNT; id++)
        if (strcmp(table[id].name, name) == 0) return id;
    return -1;
}

bool ptmi_opt_in(int id, unsigned groups)
{
    return (table[id].groups & groups) && !(table[id].flags & PTMI_OPT_ENV_ONLY);
}

static ptm_rc check_choice(const struct ptmi_opt *opt, const char *text, struct ptm_err *err)
{
    char listed[256] = "";
    for (size_t i = 0; opt->choices[i]; i++) {
        if (strcmp(opt->choices[i], text) == 0) return PTM_OK;
        size_t len = strlen(listed);
        snprintf(listed + len, sizeof listed - len, "%s%s", i ? ", " : "", opt->choices[i]);
    }
    return ptm_err_set(err, PTM_EINVAL, "'%s' is none of %s", text, listed);
}

static ptm_rc check_flag(const char *text, struct ptm_err *err)
{
    static const char *const words[] = {"yes", "no", "true", "false", "on", "off", "1", "0"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], text) == 0) return PTM_OK;
    return ptm_err_set(err, PTM_EINVAL, "'%s' is neither yes nor no", text);
}

static ptm_rc check_value(const struct ptmi_opt *opt, const char *text, struct ptm_err *err)
{
    if (opt->flags & PTMI_OPT_FLAG) return check_flag(text, err);
    if (*text == '\0') return ptm_err_set(err, PTM_EINVAL, "the value is missing");
    if (!ptmi_str_is_utf8(text, strlen(text)))
        return ptm_err_set(err, PTM_EINVAL, "the value is not UTF-8 text");
    if (opt->choices) return check_choice(opt, text, err);
    return opt->check ? opt->check(text, err) : PTM_OK;
}

ptm_rc ptmi_opt_check(int id, const char *where, const char *text, struct ptm_err *err)
{
    ptm_rc rc = check_value(&table[id], text, err);
    return rc < 0 ? ptm_err_ctx(err, rc, "%s", where) : PTM_OK;
}
