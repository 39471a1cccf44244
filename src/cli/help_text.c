/* SPDX-License-Identifier: MIT */
/* help_text.c - wrapping, labels of options, and the words that belong to no single option. */
#include "help_text.h"

#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES 256

const struct ptmi_topic ptmi_exit_topics[] = {
    {"0", "All done."},
    {"1", "Usage or configuration: an unknown option, a wrong value, a missing catalogue."},
    {"2", "Finished, but some items failed (those of a harvest are in `ptm failures`). torch "
          "check: there are "
          "errors. torch cache verify: something is wrong."},
    {"3", "Could not go on: disk full, no network, catalogue damaged."},
    {"10, 11, 12", "weights scan alone: the worst of its files is suspicious, unreadable or "
                   "dangerous."},
    {"130", "Interrupted; the same command goes on where it was."},
    {NULL, NULL},
};

const struct ptmi_topic ptmi_environment_topics[] = {
    {"PTM_ROOT", "The data root, as --root."},
    {"PTM_REWRITE", "Rewriting rules FROM=TO, separated by spaces, as --rewrite."},
    {"HF_ENDPOINT", "A mirror of Hugging Face: the same as --rewrite "
                    "https://huggingface.co/=ENDPOINT/."},
    {"HF_TORRENT_SHRINKAGE", "The share of Hugging Face to clone, 0 to 1 inclusive: 1 is all, 0 "
                             "lists and describes but clones nothing. Weaker than --top."},
    {"HF_TOKEN", "The token for Hugging Face. Else it is read from the file $HF_TOKEN_PATH, "
                 "$HF_HOME/token or ~/.cache/huggingface/token."},
    {"GITHUB_TOKEN", "The token for GitHub."},
    {"GH_HOST",
     "torch: the host of a GitHub Enterprise server. Repositories are fetched from there: "
     "the same as --rewrite https://github.com/=https://GH_HOST/ --rewrite "
     "https://api.github.com/=https://GH_HOST/api/v3/."},
    {"TORCH_HOME", "torch: the hub folder is $TORCH_HOME/hub, unless --hub-dir says otherwise."},
    {"XDG_CACHE_HOME",
     "torch: without TORCH_HOME the hub folder is $XDG_CACHE_HOME/torch/hub, else "
     "~/.cache/torch/hub."},
    {"NO_COLOR", "Set and not empty: no colours."},
    {"XDG_CONFIG_HOME", "Where the folder ptm with the configuration file is; else ~/.config."},
    {NULL, NULL},
};

const struct ptmi_topic ptmi_file_topics[] = {
    {"~/.config/ptm/config.ini", "Configuration: key = value, keys are the long names of options; "
                                 "below [HUB] what holds for one hub alone."},
    {"~/.cache/torch/hub", "The hub folder, shared with torch: OWNER_NAME_REF/ of each repository, "
                           "checkpoints/, trusted_list."},
    {"ROOT/HUB/json/HUB.json", "The standard records of a hub."},
    {"ROOT/HUB/json/metadata, ROOT/HUB/html/metadata", "The hub's own metadata."},
    {"ROOT/HUB/repos/AUTHOR/MODEL", "A git work tree with its full history."},
    {"ROOT/.ptm/catalog.db", "The catalogue, an SQLite database."},
    {"ROOT/.ptm/objects", "Every large file once."},
    {NULL, NULL},
};

/* As the view models_view of the catalogue has them. */
const struct ptmi_topic ptmi_filter_topics[] = {
    {"name, owner, url, hub", "Text."},
    {"task, architecture, library, license", "Text, NULL where the hub does not say."},
    {"access", "'open', 'gated', 'private' or 'disabled'."},
    {"downloads, downloads_all, likes, used_storage, parameters, files",
     "Numbers, NULL where the hub does not say; used_storage in bytes."},
    {"created_at, last_modified, first_seen, last_seen, fetched_at",
     "ISO 8601, comparable as text: last_modified >= '2025'."},
    {"tags, datasets, papers, base_models", "JSON arrays: tags like '%\"gguf\"%'."},
    {"clonable, cloned", "1 or 0."},
    {NULL, NULL},
};

void ptmi_wrap(const char *text, size_t width, ptmi_line_fn fn, void *arg)
{
    char line[LINE_MAX_BYTES];
    size_t len = 0;
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (word) {
            if (len && len + 1 + word > width) {
                fn(arg, line);
                len = 0;
            }
            if (word > sizeof line - len - 2) word = sizeof line - len - 2;
            len += (size_t)snprintf(line + len, sizeof line - len, "%s%.*s", len ? " " : "",
                                    (int)word, text);
            text += word;
        }
        if (strncmp(text, "\n\n", 2) == 0) {
            if (len) fn(arg, line);
            fn(arg, "");
            len = 0;
        }
        text += strspn(text, " \n");
    }
    if (len) fn(arg, line);
}

void ptmi_opt_label(const struct ptmi_opt *opt, char *out, size_t size)
{
    char letter[8] = "    ";
    if (opt->letter) snprintf(letter, sizeof letter, "-%c, ", opt->letter);
    snprintf(out, size, "%s--%s%s%s", letter, opt->name, opt->arg ? " " : "",
             opt->arg ? opt->arg : "");
}

void ptmi_opt_sentence(const struct ptmi_opt *opt, char *out, size_t size)
{
    size_t len = (size_t)snprintf(out, size, "%s", opt->help);
    if (opt->choices) {
        len += (size_t)snprintf(out + len, size - len, " One of");
        for (size_t i = 0; opt->choices[i]; i++)
            len += (size_t)snprintf(out + len, size - len, "%s %s", i ? "," : "", opt->choices[i]);
        len += (size_t)snprintf(out + len, size - len, ".");
    }
    if (opt->fallback)
        len += (size_t)snprintf(out + len, size - len, " Default: %s.", opt->fallback);
    if (opt->env && !strstr(opt->help, opt->env))
        snprintf(out + len, size - len, " Environment: %s.", opt->env);
}
