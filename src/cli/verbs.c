/* SPDX-License-Identifier: MIT */
/* verbs.c - the table of verbs, in the order of help. */
#include "verbs.h"

#include <string.h>

#include "../base/str.h"
#include "../base/suggest.h"
#include "opts.h"

enum {
    EVERY = PTMI_GROUP_EVERY,
    LOOK = EVERY | PTMI_GROUP_ROOT,
    STEP = LOOK | PTMI_GROUP_HUBS | PTMI_GROUP_NET | PTMI_GROUP_JOBS | PTMI_GROUP_LIST,
    WEIGHTS = EVERY | PTMI_GROUP_NET,
    CLONE = PTMI_GROUP_SELECT | PTMI_GROUP_CLONE,
    TORCH = EVERY | PTMI_GROUP_TORCH,
    TORCH_NET = TORCH | PTMI_GROUP_NET,
    TORCH_REPO = TORCH_NET | PTMI_GROUP_TORCH_REPO,
    TORCH_LOOK = TORCH_REPO | PTMI_GROUP_TORCH_SOURCE,
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
        .groups = (STEP & ~PTMI_GROUP_HUBS) | CLONE | PTMI_GROUP_EXPORT | PTMI_GROUP_FORCE,
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
        .name = "weights",
        .operands = "VERB [OPERAND...]",
        .summary = "Checkpoint files: list, convert and scan them.",
        .text =
            "Reads PyTorch files (.pt, .pth, .bin: zip, legacy, tar, TorchScript), safetensors, "
            "ONNX, GGUF, NumPy (.npy, .npz) and plain pickles, told apart by what is in them. "
            "Nothing in a file is ever executed or imported, and neither Python nor torch is "
            "needed.",
        .examples = {{"weights ls model.safetensors", "what is in a file"},
                     {"weights scan ~/models", "what its files would do to whoever loads them"},
                     {"weights convert model.pt model.safetensors", NULL},
                     {NULL, NULL}},
        .groups = EVERY,
        .flags = PTMI_VERB_GROUP | PTMI_VERB_BARE,
        .run = ptmi_verb_group,
    },
    {
        .heading = "Checkpoint files",
        .name = "weights ls",
        .operands = "FILE|DIR|URL...",
        .summary = "List tensors: names, dtypes, shapes, sizes.",
        .text =
            "Prints of each file its format, who made it, parameters, bytes and metadata, and a "
            "table of its tensors. Of a folder all checkpoints below it are listed, found by "
            "content or suffix. Of a URL only the ranges are fetched that the table needs: a few "
            "requests for a file of any size.\n\n"
            "--json prints one object a file: file, format, parameters, bytes, metadata, and "
            "tensors with name, dtype, shape, stride and offset (in elements; null where a format "
            "has none), nbytes and storage (null where a format has no name for it). Views of the "
            "same elements count once among parameters and bytes. A file that cannot be read is "
            "told on standard error, and the exit status is 2 then.",
        .examples = {{"weights ls model.pt", NULL},
                     {"weights ls --tree model.safetensors", "with subtotals of modules"},
                     {"weights ls --no-tensors ~/models", "a few lines a file"},
                     {"weights ls https://huggingface.co/gpt2/resolve/main/model.safetensors",
                      "without downloading it"},
                     {NULL, NULL}},
        .groups = WEIGHTS | PTMI_GROUP_WEIGHTS_LS,
        .flags = PTMI_VERB_TOKENS | PTMI_VERB_FILES,
        .run = ptmi_verb_weights_ls,
    },
    {
        .name = "weights convert",
        .operands = "FILE|URL OUT.safetensors",
        .summary = "Write the tensors of any format as safetensors.",
        .text = "Values are kept bit by bit. Tensors that are the same view of one storage are "
                "written once, and the other names stand in __metadata__ as the safetensors "
                "package writes them (--split writes each). What safetensors cannot hold "
                "(complex128, quantised, sparse and string tensors, GGUF's blocks) is refused by "
                "name, or left out and told of with --skip. The file appears whole or not at all.",
        .examples = {{"weights convert pytorch_model.bin model.safetensors", NULL},
                     {"weights convert model.pt model.safetensors --shard-size 5G",
                      "model-00001-of-0000N.safetensors with an index"},
                     {NULL, NULL}},
        .groups = WEIGHTS | PTMI_GROUP_WEIGHTS_CONVERT | PTMI_GROUP_FORCE,
        .flags = PTMI_VERB_TOKENS | PTMI_VERB_FILES,
        .run = ptmi_verb_weights_convert,
    },
    {
        .name = "weights scan",
        .operands = "PATH...",
        .summary = "What would a file do to whoever loads it?",
        .text =
            "Looks into files of every kind, and into all files below folders, by content and not "
            "by name: pickles in every container are followed opcode by opcode, and archives are "
            "checked for tricks. A file is clean, suspicious (asks for something nobody has "
            "vouched for, or plays a trick), dangerous (runs code, reaches files or the network), "
            "or unreadable: what could not be read to its end is never called clean.\n\n"
            "Exit status: 0 clean, 10 suspicious, 11 unreadable, 12 dangerous, the worst of all "
            "files; others as everywhere. --json prints one object a file: file, verdict, "
            "findings with severity, rule, message, global, offset and member, and globals. "
            "Links to files are followed, links to folders are not, and are counted.",
        .examples = {{"weights scan model.pt", NULL},
                     {"weights scan ~/.cache/huggingface/hub", "everything that was downloaded"},
                     {"weights scan --allow 'mymodel.*' checkpoint.pt",
                      "names of your own are fine"},
                     {"weights scan --sarif . > scan.sarif", "for code scanning"},
                     {NULL, NULL}},
        .groups = EVERY | PTMI_GROUP_JOBS | PTMI_GROUP_WEIGHTS_SCAN,
        .flags = PTMI_VERB_FILES,
        .run = ptmi_verb_weights_scan,
    },
    {
        .name = "torch",
        .operands = "VERB [OPERAND...]",
        .summary = "torch.hub without torch: entry points, weights, the hub cache.",
        .text = "What torch.hub does, without torch, and with the cache that torch uses. "
                "Repositories are OWNER/NAME[:REF] on GitHub, or folders. Entry points are found "
                "by parsing hubconf.py: nothing of a repository is run, and nobody is asked about "
                "trust, except by torch load and torch list --run.",
        .examples = {{"torch list pytorch/vision", "entry points, a name a line"},
                     {"torch help pytorch/vision resnet18", "the docstring of one"},
                     {"torch weights "
                      "https://download.pytorch.org/models/resnet18-f37072fd.pth",
                      "fetch weights into the hub folder"},
                     {"torch cache ls", "what is in the hub folder"},
                     {NULL, NULL}},
        .groups = TORCH,
        .flags = PTMI_VERB_GROUP | PTMI_VERB_BARE,
        .run = ptmi_verb_group,
    },
    {
        .heading = "torch.hub",
        .name = "torch list",
        .operands = "REPO|DIR",
        .summary = "List the entry points of a repository.",
        .text =
            "REPO is OWNER/NAME[:REF]. What is cached is used as it is, without the network; else "
            "it is fetched. Without REF it is the newest copy in the cache, else the branch main, "
            "else master, else the server's default branch.\n\n"
            "Prints a name a line: functions, classes and other callables of hubconf.py, and what "
            "it imports. Statements that make names which only running them would tell are counted "
            "on standard error. --json prints an object a line: name, kind, certainty (sure; "
            "import: whether it can be called, only the package it is from can tell; dynamic: "
            "only running it tells whether the name is there, or, where name is null, which names "
            "the statement makes), file, line, signature, doc, text (of an import what it is, of "
            "dynamic ones the statement), urls of the weights it reaches, and more_urls when there "
            "are some that only running it would tell.",
        .examples = {{"torch list pytorch/vision:v0.10.0", NULL},
                     {"torch list . --json", "the repository this is"},
                     {"torch list rwightman/pytorch-image-models --run", "ask Python"},
                     {NULL, NULL}},
        .groups = TORCH_LOOK | PTMI_GROUP_TORCH_LIST | PTMI_GROUP_TORCH_RUN,
        .flags = PTMI_VERB_TOKENS | PTMI_VERB_FILES,
        .run = ptmi_verb_torch_list,
    },
    {
        .name = "torch help",
        .operands = "REPO|DIR ENTRY",
        .summary = "Print the docstring of an entry point.",
        .text = "The docstring alone is on standard output, as torch.hub.help() returns it. "
                "Nothing is run.",
        .examples = {{"torch help pytorch/vision resnet18", NULL}, {NULL, NULL}},
        .groups = TORCH_LOOK,
        .flags = PTMI_VERB_TOKENS | PTMI_VERB_FILES,
        .run = ptmi_verb_torch_help,
    },
    {
        .name = "torch show",
        .operands = "REPO|DIR [ENTRY]",
        .summary = "All that is known of a repository or an entry point.",
        .text = "Where the repository is, which commit it is and when it was fetched; what "
                "hubconf.py depends on; each entry point with its signature, the first line of its "
                "docstring, where it is defined, and the weights it reaches with whether they are "
                "among the checkpoints already. With ENTRY that one alone, with all of its "
                "docstring. --json prints one object.",
        .examples = {{"torch show pytorch/vision", NULL},
                     {"torch show pytorch/vision resnet18 --json", NULL},
                     {NULL, NULL}},
        .groups = TORCH_LOOK,
        .flags = PTMI_VERB_TOKENS | PTMI_VERB_FILES,
        .run = ptmi_verb_torch_show,
    },
    {
        .name = "torch load",
        .operands = "REPO|DIR ENTRY [ARG...] [NAME=VALUE...] --out DIR",
        .summary = "Run an entry point in a sandbox, and keep its state dict.",
        .text =
            "The only verb, with torch list --run, that runs a repository's code. It runs in "
            "Python, in a sandbox (bubblewrap): no network, nothing writable but its own output. "
            "Weights that it asks for are fetched by ptm and handed in. Into the output folder go "
            "the "
            "state dict as safetensors and description.json: class, modules, methods with their "
            "docstrings. "
            "Python needs torch and what hubconf.py depends on.\n\n"
            "A value is JSON (true, 3, \"text\", null, [1, 2]), one of Python's True, False, "
            "None, or else taken as a text. What "
            "begins with a dash stands behind --.\n\n"
            "A repository must be trusted: its owner is facebookresearch, facebookincubator, "
            "pytorch or fairinternal, or it stands in the list of the hub folder (ptm torch "
            "trust), or torch.hub has fetched it already. Else the question comes on a terminal; "
            "where there is none, it is refused. Folders are yours: nobody asks.",
        .examples = {{"torch load pytorch/vision resnet18 weights=DEFAULT --out resnet18", NULL},
                     {"torch load . mnist pretrained=true --out mnist", "the repository this is"},
                     {NULL, NULL}},
        .groups = TORCH_LOOK | PTMI_GROUP_TORCH_RUN | PTMI_GROUP_TORCH_LOAD,
        .flags = PTMI_VERB_TOKENS | PTMI_VERB_FILES,
        .run = ptmi_verb_torch_load,
    },
    {
        .name = "torch fetch",
        .operands = "REPO...",
        .summary = "Fetch repositories into the hub folder.",
        .text =
            "Prints the folder of each; what is cached is not fetched again. A REF is a branch, a "
            "tag, or a commit, full or short, that a branch or tag of the repository itself "
            "reaches: authors publish branches and tags, and GitHub shows commits of forks under "
            "the original's name, too. Any number of calls at once fetch once, and the folder "
            "appears whole.\n\n"
            "Fetching runs nothing: nobody is asked about trust, and ptm torch load still asks. "
            "torch.hub itself does not: it takes whatever is in the cache for trusted.",
        .examples = {{"torch fetch pytorch/vision:v0.10.0", NULL},
                     {"torch fetch pytorch/vision --refresh", "is there a newer commit?"},
                     {"torch fetch pytorch/vision --force-reload", "take it"},
                     {NULL, NULL}},
        .groups = TORCH_REPO,
        .flags = PTMI_VERB_TOKENS,
        .run = ptmi_verb_torch_fetch,
    },
    {
        .name = "torch download",
        .operands = "URL [DST]",
        .summary = "Fetch a file, whole and checked.",
        .text =
            "DST is a file or a folder; without it the file has the name it has in the URL and "
            "goes into the current folder. A body that is shorter than announced is not taken "
            "for the file; interrupted, the same command goes on where it was. An HTML page in "
            "place of a checkpoint is named as such. What is there already stays as it is, unless "
            "its hash is not the wanted one, or --force is given.",
        .examples = {{"torch download https://example.org/net.pth", NULL},
                     {"torch download https://example.org/net.pth weights/ --hash 1a2b3c4d5e6f",
                      NULL},
                     {NULL, NULL}},
        .groups = TORCH_NET | PTMI_GROUP_TORCH_DOWNLOAD | PTMI_GROUP_FORCE,
        .flags = PTMI_VERB_TOKENS | PTMI_VERB_FILES,
        .run = ptmi_verb_torch_download,
    },
    {
        .name = "torch weights",
        .operands = "URL",
        .summary = "Fetch weights into the hub folder; print the path.",
        .text = "What torch.hub.load_state_dict_from_url() would fetch, under the name it would "
                "have there; what is there is not fetched again. Where the name holds a hash "
                "(net-1a2b3c4d.pth), what is fetched must have it. ptm weights ls shows what is in "
                "it, ptm weights scan whether loading it is safe.",
        .examples = {{"torch weights https://download.pytorch.org/models/resnet18-f37072fd.pth",
                      NULL},
                     {"torch weights https://example.org/net-1a2b3c4d.pth --check-hash", NULL},
                     {NULL, NULL}},
        .groups = TORCH_NET | PTMI_GROUP_TORCH_WEIGHTS | PTMI_GROUP_FORCE,
        .flags = PTMI_VERB_TOKENS,
        .run = ptmi_verb_torch_weights,
    },
    {
        .name = "torch dir",
        .operands = "",
        .summary = "Print the hub folder.",
        .text = "--hub-dir, else $TORCH_HOME/hub, else $XDG_CACHE_HOME/torch/hub, else "
                "~/.cache/torch/hub. It need not exist.",
        .examples = {{"torch dir", NULL}, {NULL, NULL}},
        .groups = TORCH,
        .run = ptmi_verb_torch_dir,
    },
    {
        .name = "torch cache",
        .operands = "ls | rm ITEM... | prune | verify",
        .words = "ls rm prune verify",
        .summary = "Look at the hub folder, clean it up, check it.",
        .text =
            "ls lists repositories, checkpoints, and what runs that were killed left behind. rm "
            "removes what is named: OWNER/NAME (all its copies), OWNER/NAME:REF, or a name as ls "
            "prints it. prune removes leftovers, and with --older-than what was not changed for so "
            "many days. verify reads everything again: repositories against the list made when "
            "they were fetched, checkpoints against the hash in their name; the exit status is 2 "
            "when something is wrong. Nothing is ever cleaned up without being asked for.",
        .examples = {{"torch cache ls", NULL},
                     {"torch cache rm pytorch/vision:v0.10.0", NULL},
                     {"torch cache prune --older-than 90 --dry-run", NULL},
                     {"torch cache verify", NULL},
                     {NULL, NULL}},
        .groups = TORCH | PTMI_GROUP_TORCH_CACHE,
        .run = ptmi_verb_torch_cache,
    },
    {
        .name = "torch trust",
        .operands = "[ls] | add OWNER/NAME... | rm OWNER/NAME...",
        .words = "ls add rm",
        .summary = "Repositories whose code may run without a question.",
        .text = "The list is the file trusted_list in the hub folder, which torch uses, too; its "
                "lines are OWNER_NAME. What facebookresearch, facebookincubator, pytorch and "
                "fairinternal own is trusted without standing there, and so is what torch.hub has "
                "fetched.",
        .examples = {{"torch trust", NULL},
                     {"torch trust add ultralytics/yolov5", NULL},
                     {NULL, NULL}},
        .groups = TORCH,
        .run = ptmi_verb_torch_trust,
    },
    {
        .name = "torch check",
        .operands = "[DIR]",
        .summary = "Tell an author what users of the repository will meet.",
        .text = "Looks at hubconf.py in the folder (default: the current one) as users will: names "
                "in dependencies that cannot be imported, entry points without docstring or "
                "example, weights without a hash or over 2 GB, what an import would do, names that "
                "collide. Prints FILE:LINE: error|warning|note: TEXT [CODE]; the exit status is 2 "
                "when there are errors. Nothing is run.",
        .examples = {{"torch check", NULL}, {"torch check . --online --json", NULL}, {NULL, NULL}},
        .groups = TORCH_NET | PTMI_GROUP_TORCH_CHECK,
        .flags = PTMI_VERB_TOKENS | PTMI_VERB_FILES,
        .run = ptmi_verb_torch_check,
    },
    {
        .name = "torch init",
        .operands = "[DIR]",
        .summary = "Write a starter hubconf.py.",
        .text = "Into the folder (default: the current one). A hubconf.py that is there is never "
                "touched.",
        .examples = {{"torch init", NULL}, {NULL, NULL}},
        .groups = TORCH,
        .flags = PTMI_VERB_FILES,
        .run = ptmi_verb_torch_init,
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
        .groups = TORCH | STEP | CLONE | PTMI_GROUP_PARSE | PTMI_GROUP_EXPORT | PTMI_GROUP_SPLIT,
        .flags = PTMI_VERB_TOKENS,
        .run = ptmi_verb_config,
    },
    {
        .name = "completion",
        .operands = "bash | zsh | fish",
        .words = "bash zsh fish",
        .summary = "Print a completion script for a shell.",
        .text = "Installed packages bring these scripts along; this is for everybody else. For zsh "
                "it is "
                "a file _ptm in a folder of $fpath (put fpath+=(~/.zfunc) before compinit in "
                "~/.zshrc).",
        .examples = {{"completion bash > ~/.local/share/bash-completion/completions/ptm", NULL},
                     {"completion zsh > ~/.zfunc/_ptm", NULL},
                     {"completion fish > ~/.config/fish/completions/ptm.fish", NULL},
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

const char *ptmi_verb_word(const struct ptmi_verb *verb, const struct ptmi_verb *group)
{
    size_t len = strlen(group->name);
    bool of = strncmp(verb->name, group->name, len) == 0 && verb->name[len] == ' ';
    return of ? verb->name + len + 1 : NULL;
}

/* A word that could stand where word stands: the verb's own, or NULL. */
static const char *candidate(const struct ptmi_verb *verb, const struct ptmi_verb *group)
{
    if (verb->flags & PTMI_VERB_HIDDEN) return NULL;
    if (group) return ptmi_verb_word(verb, group);
    return strchr(verb->name, ' ') ? NULL : verb->name;
}

ptm_rc ptmi_verb_unknown(const struct ptmi_verb *group, const char *word, const char *before,
                         struct ptm_err *err)
{
    char shown[64];
    const char *first = group ? group->name : "", *space = group ? " " : "";
    struct ptmi_suggest near = {.word = word};
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const char *offered = candidate(&table[i], group);
        if (offered) ptmi_suggest_offer(&near, offered);
    }
    ptmi_str_printable(shown, sizeof shown, word);
    if (near.best)
        return ptm_err_set(err, PTM_EINVAL, "no verb '%s%s%s'; did you mean '%s%s%s%s'?", first,
                           space, shown, before, first, space, near.best);
    return ptm_err_set(err, PTM_EINVAL, "no verb '%s%s%s'; see 'ptm help%s%s'", first, space, shown,
                       space, first);
}

static const struct ptmi_verb *find_in(const struct ptmi_verb *group, const char *word)
{
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const char *second = ptmi_verb_word(&table[i], group);
        if (second && strcmp(second, word) == 0) return &table[i];
    }
    return NULL;
}

ptm_rc ptmi_verb_of_words(char *const *words, int n, const char *before,
                          const struct ptmi_verb **out, struct ptm_err *err)
{
    const struct ptmi_verb *verb = ptmi_verb_find(words[0]);
    if (!verb) return ptmi_verb_unknown(NULL, words[0], before, err);
    if (n > 1 && (verb->flags & PTMI_VERB_GROUP)) {
        const struct ptmi_verb *group = verb;
        verb = find_in(group, words[1]);
        if (!verb) return ptmi_verb_unknown(group, words[1], before, err);
    }
    *out = verb;
    return PTM_OK;
}
