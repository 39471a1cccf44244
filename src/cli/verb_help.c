/* SPDX-License-Identifier: MIT */
/* verb_help.c - help on standard output, at most 80 columns, from the tables. */
#include <stdio.h>
#include <string.h>

#include "../base/auto.h"
#include "../hubs/hubs.h"
#include "cli.h"
#include "help_text.h"

#define WIDTH 79
#define INDENT 2
#define COLUMN 24 /* where the words about an option begin */

struct printer {
    struct ptmi_out *out;
    int indent;
    bool inline_first; /* the first line goes on where the label ended */
};

static void print_indented(void *arg, const char *line)
{
    struct printer *printer = arg;
    int indent = *line && !printer->inline_first ? printer->indent : 0;
    ptmi_out_printf(printer->out, "%*s%s\n", indent, "", line);
    printer->inline_first = false;
}

/* A label, and its words beside it, or below where the label is too long for its column. */
static void print_item(struct ptmi_out *out, const char *label, const char *text)
{
    struct printer printer = {.out = out, .indent = COLUMN};
    int room = COLUMN - INDENT - 1;
    if ((int)strlen(label) <= room) {
        ptmi_out_printf(out, "%*s%-*s ", INDENT, "", room, label);
        printer.inline_first = true;
    } else {
        ptmi_out_printf(out, "%*s%s\n", INDENT, "", label);
    }
    ptmi_wrap(text, WIDTH - COLUMN, print_indented, &printer);
}

static void print_paragraphs(struct ptmi_out *out, const char *text)
{
    struct printer printer = {.out = out};
    ptmi_wrap(text, WIDTH, print_indented, &printer);
}

static void print_options(struct ptmi_out *out, const struct ptmi_verb *verb, bool common,
                          const char *title)
{
    const unsigned always = PTMI_GROUP_EVERY | PTMI_GROUP_ROOT | PTMI_GROUP_NET | PTMI_GROUP_JOBS;
    char label[64], text[1024];
    bool any = false;
    for (int id = 0; id < PTMI_OPT_COUNT; id++) {
        const struct ptmi_opt *opt = ptmi_opt_at(id);
        bool is_common = opt->groups & always;
        if (!ptmi_opt_in(id, verb->groups) || is_common != common) continue;
        if (!any) ptmi_out_printf(out, "\n%s:\n", title);
        any = true;
        ptmi_opt_label(opt, label, sizeof label);
        ptmi_opt_sentence(opt, text, sizeof text);
        print_item(out, label, text);
    }
}

static void print_examples(struct ptmi_out *out, const struct ptmi_verb *verb)
{
    const struct ptmi_example *example = verb->examples;
    if (!example->command) return;
    ptmi_out_printf(out, "\nExamples:\n");
    for (; example->command; example++) {
        ptmi_out_printf(out, "  ptm %s\n", example->command);
        if (example->what) ptmi_out_printf(out, "      %s\n", example->what);
    }
}

static void print_verbs_of(struct ptmi_out *out, const struct ptmi_verb *group)
{
    if (!(group->flags & PTMI_VERB_GROUP)) return;
    ptmi_out_printf(out, "\nVerbs:\n");
    for (size_t i = 0; ptmi_verb_at(i); i++)
        if (ptmi_verb_word(ptmi_verb_at(i), group))
            print_item(out, ptmi_verb_at(i)->name, ptmi_verb_at(i)->summary);
    ptmi_out_printf(out, "\n");
    print_paragraphs(out, "ptm help followed by one of these explains it.");
}

static void help_verb(struct ptmi_out *out, const struct ptmi_verb *verb)
{
    char usage[160];
    snprintf(usage, sizeof usage, "Usage: ptm %s%s%s [OPTION...]", verb->name,
             *verb->operands ? " " : "", verb->operands);
    print_paragraphs(out, usage);
    ptmi_out_printf(out, "\n");
    print_paragraphs(out, verb->summary);
    if (*verb->text) {
        ptmi_out_printf(out, "\n");
        print_paragraphs(out, verb->text);
    }
    print_verbs_of(out, verb);
    print_options(out, verb, false, "Options");
    print_options(out, verb, true, "Common options");
    print_examples(out, verb);
}

static void help_all(struct ptmi_out *out)
{
    print_paragraphs(out, "Usage: ptm VERB [OPERAND...] [OPTION...]");
    ptmi_out_printf(out, "\n");
    print_paragraphs(out, "ptm harvests and mirrors pre-trained models from public hubs: their "
                          "metadata, their git repositories and their large files, verified, "
                          "resumable, never stored twice; and describes them in one schema.");
    ptmi_out_printf(out, "\nTo begin with:\n"
                         "  ptm run modelhub --dry-run     what would one small hub take?\n"
                         "  ptm run modelhub               harvest it into ./data\n"
                         "  ptm run huggingface --top 100  the hundred most downloaded models\n"
                         "  ptm clone huggingface/openai-community/gpt2\n"
                         "                                 one model by name\n"
                         "  ptm status                     what is there, and what failed\n");
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const struct ptmi_verb *verb = ptmi_verb_at(i);
        if (verb->flags & (PTMI_VERB_HIDDEN | PTMI_VERB_GROUP)) continue;
        if (verb->heading) ptmi_out_printf(out, "\n%s:\n", verb->heading);
        print_item(out, verb->name, verb->summary);
    }
    ptmi_out_printf(out, "\nHubs:\n");
    for (size_t i = 0; ptmi_hub_at(i); i++)
        print_item(out, ptmi_hub_at(i)->name, ptmi_hub_at(i)->summary);
    ptmi_out_printf(out, "\n");
    print_paragraphs(out, "Exit status: 0 all done; 1 usage or configuration; 2 finished, but some "
                          "items failed; 3 could not go on; 130 interrupted; weights scan has more."
                          "\n\n"
                          "ptm help VERB explains a verb and its options, man ptm files and "
                          "environment variables.");
}

ptm_rc ptmi_verb_help(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    const struct ptmi_verb *verb = NULL;
    (void)status;
    if (cli->n_operands == 0) {
        help_all(&cli->out);
        return PTM_OK;
    }
    PTM_TRY(ptmi_verb_of_words(cli->operands, cli->n_operands, "ptm help ", &verb, err));
    help_verb(&cli->out, verb);
    return PTM_OK;
}

ptm_rc ptmi_verb_group(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    (void)status;
    (void)err;
    help_verb(&cli->out, cli->verb);
    return PTM_OK;
}
