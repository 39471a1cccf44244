/* SPDX-License-Identifier: MIT */
/* verbs.c - the table of verbs, in the order of help. */
#include "verbs.h"

#include <string.h>

#include "opts.h"
#include "suggest.h"

enum {
    EVERY = PTMI_GROUP_EVERY,
    LOOK = EVERY | PTMI_GROUP_ROOT,
    STEP = LOOK | PTMI_GROUP_HUBS | PTMI_GROUP_NET | PTMI_GROUP_LIST,
    CLONE = PTMI_GROUP_SELECT | PTMI_GROUP_CLONE,
};

static const struct ptmi_verb table[] = {
    {
        .heading = "Harvest",
        .name = "run",
        .operands = "HUB... | --all",
        .summary = "Harvest hubs: list, choose, clone, describe, export.",
        .text =
            "Does everything, in order: makes the folders, fetches the hub's list, chooses what is "
            "to be cloned, clones or updates it with its large files, describes every model by a "
            "standard record, and writes the JSON and HTML files. Everything is checked, resumed "
            "where it was interrupted, and never stored twice; the same command again brings the "
            "mirror up to date. Clones that a person changed are left alone.\n\n"
            "Before fetching it says how many repositories and, where the listing tells, how many "
            "bytes it will be, and stops when they do not fit (exit status 3) unless --yes is "
            "given. An account of each hub stands at the end.",
        .examples = {{"run huggingface --top 10%", "the most downloaded tenth of Hugging Face"},
                     {"run modelhub pytorchhub", "two hubs, one after the other"},
                     {"run --all --dry-run", "say what all of them would take, and stop there"},
                     {"run huggingface --top 1000 --filter \"license = 'mit'\"",
                      "the first thousand that are under MIT"},
                     {NULL, NULL}},
        .groups = STEP | CLONE | PTMI_GROUP_PARSE | PTMI_GROUP_EXPORT,
        .flags = PTMI_VERB_HUBS | PTMI_VERB_TOKENS,
        .run = ptmi_verb_run,
    },
    {
        .name = "clone",
        .operands = "HUB... | HUB/ID[@REV]... | HUB --urls FILE... | HUB --ids FILE",
        .summary = "Clone repositories with their large files.",
        .text =
            "Clones what the options choose of a hub, what files list, or single models by name, "
            "with full history and the content of their Git LFS files. What is there already is "
            "brought up to date by fast-forward (--no-update leaves it). A hub that was never "
            "listed is listed first; models by name need no listing where the hub can be asked "
            "for one.",
        .examples = {{"clone huggingface/openai-community/gpt2@main", "one model at a revision"},
                     {"clone huggingface --ids names.txt", "the models a file names"},
                     {"clone huggingface --urls split_urls/split_url_*.txt",
                      "what `ptm split` wrote"},
                     {"clone modelzoo --large none", "without large files"},
                     {NULL, NULL}},
        .groups = STEP | CLONE | PTMI_GROUP_NAMED,
        .flags = PTMI_VERB_HUBS | PTMI_VERB_TOKENS,
        .run = ptmi_verb_clone,
    },
    {
        .name = "retry",
        .operands = "[HUB...]",
        .summary = "Try what failed once more.",
        .text = "Takes up the failures that may work now; with --force all of them, for example "
                "after terms were accepted and HF_TOKEN was set.",
        .examples = {{"retry", NULL}, {"retry huggingface --force", NULL}, {NULL, NULL}},
        .groups = (STEP & ~PTMI_GROUP_HUBS) | CLONE | PTMI_GROUP_EXPORT | PTMI_GROUP_RETRY,
        .flags = PTMI_VERB_HUBS | PTMI_VERB_TOKENS,
        .run = ptmi_verb_retry,
    },
    {
        .heading = "Look and check",
        .name = "status",
        .operands = "[HUB...]",
        .summary = "What is there, a hub a row.",
        .text = "When each hub was listed, how many models it has, how many repositories are "
                "selected and cloned, how many large files with how many bytes, and how much "
                "failed. Uses no network and waits for nobody.",
        .examples = {{"status", NULL}, {"status huggingface --json", NULL}, {NULL, NULL}},
        .groups = LOOK,
        .flags = PTMI_VERB_HUBS,
        .run = ptmi_verb_status,
    },
    {
        .name = "failures",
        .operands = "[HUB...]",
        .summary = "What failed, where, and why.",
        .text = "Each failure with hub, id, stage, reason, HTTP status, time, whether trying "
                "again can help, and the message. Gated, absent, taken down and failed are "
                "different reasons.",
        .examples = {{"failures", NULL},
                     {"failures huggingface --stage clone --json", NULL},
                     {NULL, NULL}},
        .groups = LOOK | PTMI_GROUP_FAILURES,
        .flags = PTMI_VERB_HUBS,
        .run = ptmi_verb_failures,
    },
    {
        .name = "show",
        .operands = "HUB/NAME...",
        .summary = "All that is known of a model.",
        .text = "Record, facts with where they came from and when, repository, large files and "
                "failures of a model. With --json as one object a line; --raw adds the hub's own "
                "record as received.",
        .examples = {{"show huggingface/openai-community/gpt2", NULL},
                     {"show modelhub/AlexNet --json --raw", NULL},
                     {NULL, NULL}},
        .groups = LOOK | PTMI_GROUP_SHOW,
        .run = ptmi_verb_show,
    },
    {
        .name = "verify",
        .operands = "[HUB...]",
        .summary = "Is everything whole?",
        .text = "Reads everything again: every clone by git fsck and git status, every large file "
                "by its SHA-256. What is not whole is printed and noted as a failure, which `ptm "
                "retry` mends; the exit status is 2 then.",
        .examples = {{"verify", NULL}, {"verify onnxmodelzoo", NULL}, {NULL, NULL}},
        .groups = LOOK,
        .flags = PTMI_VERB_HUBS,
        .run = ptmi_verb_verify,
    },
    {
        .heading = "Single steps of a harvest",
        .name = "setup",
        .operands = "HUB... | --all",
        .summary = "Make the folders of hubs, and print where they are.",
        .text = "All folders of a hub exist afterwards, also those that stay empty.",
        .examples = {{"setup --all", NULL}, {NULL, NULL}},
        .groups = STEP,
        .flags = PTMI_VERB_HUBS,
        .run = ptmi_verb_setup,
    },
    {
        .name = "list",
        .operands = "HUB... | --all",
        .summary = "Fetch the lists of hubs into the catalogue.",
        .text = "Fetches the hub's own metadata of every model and writes it below json/metadata, "
                "as received. A listing that was interrupted goes on where it was.",
        .examples = {{"list huggingface --no-siblings", "without the names of files"},
                     {"list --all", NULL},
                     {NULL, NULL}},
        .groups = STEP,
        .flags = PTMI_VERB_HUBS | PTMI_VERB_TOKENS,
        .run = ptmi_verb_list,
    },
    {
        .name = "parse",
        .operands = "HUB... | --all",
        .summary = "Turn what was listed into records and HTML.",
        .text = "Reads the cards and READMEs of the hubs that keep their models in a repository "
                "(onnxmodelzoo, pytorchhub), into json/metadata and html/metadata.",
        .examples = {{"parse onnxmodelzoo", NULL},
                     {"parse pytorchhub --pages saved/", "with saved pages of the old site"},
                     {NULL, NULL}},
        .groups = STEP | PTMI_GROUP_PARSE,
        .flags = PTMI_VERB_HUBS | PTMI_VERB_TOKENS,
        .run = ptmi_verb_parse,
    },
    {
        .name = "schema",
        .operands = "HUB... | --all",
        .summary = "Write the standard records, json/HUB.json.",
        .text = "Writes one record for every model of the catalogue. The file is replaced whole, "
                "and only when what it holds changed.",
        .examples = {{"schema --all", NULL},
                     {"schema modelhub --compat v1", "as the PTMTorrent scripts wrote it"},
                     {NULL, NULL}},
        .groups = STEP | PTMI_GROUP_EXPORT,
        .flags = PTMI_VERB_HUBS | PTMI_VERB_TOKENS,
        .run = ptmi_verb_schema,
    },
    {
        .name = "split",
        .operands = "HUB",
        .summary = "Write lists of URLs for many machines.",
        .text = "Writes the URLs of the chosen repositories, best first, to "
                "split_urls/split_url_<N>.txt beside the root: at most -n files, none of them "
                "empty. Each is work for one `ptm clone HUB --urls FILE`.",
        .examples = {{"split huggingface -n 100 --top 10%", NULL}, {NULL, NULL}},
        .groups = STEP | PTMI_GROUP_SELECT | PTMI_GROUP_SPLIT,
        .flags = PTMI_VERB_HUBS | PTMI_VERB_TOKENS,
        .run = ptmi_verb_split,
    },
    {
        .heading = "About ptm",
        .name = "config",
        .operands = "",
        .summary = "The settings in force, and where each was set.",
        .text =
            "Prints each setting with its value and where it was set: command line, environment, "
            "configuration file with its line, or default. Secrets are printed as ***.\n\n"
            "The configuration file is $XDG_CONFIG_HOME/ptm/config.ini, else "
            "~/.config/ptm/config.ini. Its keys are the long names of options; what stands below "
            "[HUB] holds for that hub alone. The command line is stronger than the environment, "
            "the environment than the file.",
        .examples = {{"config", NULL}, {NULL, NULL}},
        .groups = EVERY | STEP | CLONE | PTMI_GROUP_PARSE | PTMI_GROUP_EXPORT | PTMI_GROUP_SPLIT,
        .flags = PTMI_VERB_TOKENS,
        .run = ptmi_verb_config,
    },
    {
        .name = "completion",
        .operands = "bash | zsh | fish",
        .summary = "Print a completion script for a shell.",
        .text = "Installed packages bring these scripts along; this is for everybody else.",
        .examples = {{"completion bash > ~/.local/share/bash-completion/completions/ptm", NULL},
                     {NULL, NULL}},
        .groups = EVERY,
        .flags = PTMI_VERB_BARE,
        .run = ptmi_verb_completion,
    },
    {
        .name = "help",
        .operands = "[VERB]",
        .summary = "This help, or that of a verb.",
        .text = "The same as ptm VERB --help.",
        .examples = {{"help run", NULL}, {NULL, NULL}},
        .groups = EVERY,
        .flags = PTMI_VERB_BARE,
        .run = ptmi_verb_help,
    },
    {
        .name = "version",
        .operands = "",
        .summary = "The version of ptm and of what it stands on.",
        .text = "Put this into bug reports.",
        .examples = {{"version", NULL}, {NULL, NULL}},
        .groups = EVERY,
        .flags = PTMI_VERB_BARE,
        .run = ptmi_verb_version,
    },
    {
        .name = "lfs-filter",
        .operands = "clean|smudge|process [PATH]",
        .summary = "The filter of Git LFS, run by git.",
        .text = "",
        .groups = EVERY,
        .flags = PTMI_VERB_HIDDEN | PTMI_VERB_BARE,
        .run = ptmi_verb_lfs_filter,
    },
    {
        .name = "docs",
        .operands = "man [VERB] | markdown",
        .summary = "Manual pages and docs/command.md, made from the tables.",
        .text = "",
        .groups = EVERY,
        .flags = PTMI_VERB_HIDDEN | PTMI_VERB_BARE,
        .run = ptmi_verb_docs,
    },
};

const struct ptmi_verb *ptmi_verb_at(size_t i)
{
    return i < sizeof table / sizeof *table ? &table[i] : NULL;
}

const struct ptmi_verb *ptmi_verb_find(const char *name)
{
    for (size_t i = 0; ptmi_verb_at(i); i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

const char *ptmi_verb_suggest(const char *word)
{
    struct ptmi_suggest near = {.word = word};
    for (size_t i = 0; ptmi_verb_at(i); i++)
        if (!(table[i].flags & PTMI_VERB_HIDDEN)) ptmi_suggest_offer(&near, table[i].name);
    return near.best;
}
