/* SPDX-License-Identifier: MIT */
/* verb_docs.c - `ptm docs`: hidden; the build makes the manual pages with it, and tests/lint
 * compares docs/command.md with it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../base/auto.h"
#include "../hubs/hubs.h"
#include "cli.h"
#include "help_text.h"

/* Of the manual pages; they are made from the sources alone, so that two builds give the same
 * bytes. */
#define DATE "2026-11-21"

/* Text of ours for roff: nothing of it may be a request or an escape. */
static void put_roff(const char *text)
{
    bool line_start = true;
    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", stdout);
        line_start = *text == '\n';
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\'')
            fputs("\\(aq", stdout);
        else if (*text == '"')
            fputs("\\(dq", stdout);
        else if (*text == '~')
            fputs("\\(ti", stdout);
        else
            putchar(*text);
    }
}

static void roff_line(void *arg, const char *line)
{
    (void)arg;
    if (*line) {
        put_roff(line);
        putchar('\n');
    } else {
        puts(".PP");
    }
}

static void roff_text(const char *text)
{
    ptmi_wrap(text, 68, roff_line, NULL); /* escapes make lines longer; 80 is what mandoc likes */
}

static void roff_item(const char *label, const char *text)
{
    puts(".TP");
    fputs(".B ", stdout);
    put_roff(label);
    putchar('\n');
    roff_text(text);
}

static void roff_topics(const char *title, const struct ptmi_topic *topics)
{
    printf(".SH %s\n", title);
    for (; topics->name; topics++) roff_item(topics->name, topics->text);
}

static void roff_head(const char *page, const char *summary)
{
    fputs(".TH ", stdout);
    for (const char *at = page; *at; at++) putchar(toupper((unsigned char)*at));
    printf(" 1 " DATE " \"ptm " PTM_VERSION "\" \"ptmtorrent\"\n.SH NAME\n");
    put_roff(page);
    fputs(" \\- ", stdout);
    put_roff(summary);
    fputs("\n.SH SYNOPSIS\n", stdout);
}

static void roff_examples(const struct ptmi_verb *verb)
{
    const struct ptmi_example *example = verb->examples;
    if (!example->command) return;
    puts(".SH EXAMPLES");
    for (; example->command; example++) {
        fputs(".TP\n.B ptm ", stdout);
        put_roff(example->command);
        putchar('\n');
        roff_text(example->what ? example->what : verb->summary);
    }
}

/* "ptm-weights-ls" */
static void page_name(char *out, size_t size, const struct ptmi_verb *verb)
{
    snprintf(out, size, "ptm-%s", verb->name);
    for (char *at = out; (at = strchr(at, ' '));) *at = '-';
}

static void roff_verb_item(const struct ptmi_verb *verb)
{
    char page[64], label[72];
    page_name(page, sizeof page, verb);
    snprintf(label, sizeof label, "%s(1)", page);
    roff_item(label, verb->summary);
}

static void roff_verbs_of(const struct ptmi_verb *group)
{
    if (!(group->flags & PTMI_VERB_GROUP)) return;
    puts(".SH VERBS");
    for (size_t i = 0; ptmi_verb_at(i); i++)
        if (ptmi_verb_word(ptmi_verb_at(i), group)) roff_verb_item(ptmi_verb_at(i));
}

static void man_verb(const struct ptmi_verb *verb)
{
    char page[64], label[64], text[1024];
    page_name(page, sizeof page, verb);
    roff_head(page, verb->summary);
    printf(".B ptm ");
    put_roff(verb->name);
    putchar('\n');
    if (*verb->operands) {
        put_roff(verb->operands);
        putchar('\n');
    }
    puts("[OPTION...]\n.SH DESCRIPTION");
    roff_text(*verb->text ? verb->text : verb->summary);
    roff_verbs_of(verb);
    puts(".SH OPTIONS");
    for (int id = 0; id < PTMI_OPT_COUNT; id++) {
        if (!ptmi_opt_in(id, verb->groups)) continue;
        ptmi_opt_label(ptmi_opt_at(id), label, sizeof label);
        ptmi_opt_sentence(ptmi_opt_at(id), text, sizeof text);
        roff_item(label + strspn(label, " "), text);
    }
    if (verb->groups & PTMI_GROUP_SELECT)
        roff_topics("COLUMNS OF \\-\\-FILTER", ptmi_filter_topics);
    roff_examples(verb);
    roff_topics("EXIT STATUS", ptmi_exit_topics);
    puts(".SH SEE ALSO\n.BR ptm (1)");
}

static void man_all(void)
{
    roff_head("ptm", "harvest and mirror pre-trained models from public hubs");
    puts(".B ptm\nVERB [OPERAND...] [OPTION...]\n.SH DESCRIPTION");
    roff_text("ptm lists the models of public hubs, clones the wanted repositories with their git "
              "history and the real content of their Git LFS files, describes each model by a "
              "standard record, and keeps it all verified, resumable, and never stored twice. "
              "Results go to standard output, progress and messages to standard error.");
    puts(".SH VERBS");
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const struct ptmi_verb *verb = ptmi_verb_at(i);
        if (!(verb->flags & PTMI_VERB_HIDDEN)) roff_verb_item(verb);
    }
    puts(".SH HUBS");
    for (size_t i = 0; ptmi_hub_at(i); i++)
        roff_item(ptmi_hub_at(i)->name, ptmi_hub_at(i)->summary);
    roff_topics("EXIT STATUS", ptmi_exit_topics);
    roff_topics("ENVIRONMENT", ptmi_environment_topics);
    roff_topics("FILES", ptmi_file_topics);
    puts(".SH SEE ALSO\n.BR git (1),\n.BR sqlite3 (1)");
}

/* Between back quotes nothing needs escaping; elsewhere < would begin HTML, and * emphasis. */
static void put_markdown(const char *text)
{
    for (; *text; text++) {
        if (strchr("<*|_[", *text) && *text) putchar('\\');
        putchar(*text);
    }
}

static void markdown_topics(const char *title, const struct ptmi_topic *topics)
{
    printf("\n%s\n\n", title);
    for (; topics->name; topics++) {
        printf("- `%s`: ", topics->name);
        put_markdown(topics->text);
        putchar('\n');
    }
}

static void markdown_verb(const struct ptmi_verb *verb)
{
    printf("\n## ptm %s\n\n    ptm %s%s%s [OPTION...]\n\n", verb->name, verb->name,
           *verb->operands ? " " : "", verb->operands);
    put_markdown(verb->summary);
    if (*verb->text) {
        fputs("\n\n", stdout);
        put_markdown(verb->text);
    }
    fputs("\n\nOptions:", stdout);
    const char *between = " ";
    for (int id = 0; id < PTMI_OPT_COUNT; id++) {
        if (!ptmi_opt_in(id, verb->groups)) continue;
        printf("%s`--%s`", between, ptmi_opt_at(id)->name);
        between = ", ";
    }
    puts(".");
    if (!verb->examples[0].command) return;
    puts("\n```sh");
    for (const struct ptmi_example *example = verb->examples; example->command; example++)
        printf("ptm %s%s%s\n", example->command, example->what ? "   # " : "",
               example->what ? example->what : "");
    puts("```");
}

static void markdown_options(void)
{
    char label[64], text[1024];
    puts("\n## Options\n\n"
         "Every option but those for the command line alone is also a key of the configuration "
         "file.\n");
    for (int id = 0; id < PTMI_OPT_COUNT; id++) {
        const struct ptmi_opt *opt = ptmi_opt_at(id);
        if (opt->flags & PTMI_OPT_ENV_ONLY) continue;
        ptmi_opt_label(opt, label, sizeof label);
        ptmi_opt_sentence(opt, text, sizeof text);
        printf("- `%s`: ", label + strspn(label, " "));
        put_markdown(text);
        if (opt->flags & PTMI_OPT_NO_CONFIG) fputs(" Command line alone.", stdout);
        putchar('\n');
    }
}

static void markdown_all(void)
{
    puts("# The command\n\n"
         "Made by `ptm docs markdown` from the tables of verbs and options; a test compares it "
         "with them.");
    for (size_t i = 0; ptmi_verb_at(i); i++)
        if (!(ptmi_verb_at(i)->flags & PTMI_VERB_HIDDEN)) markdown_verb(ptmi_verb_at(i));
    markdown_options();
    markdown_topics("## Columns of --filter", ptmi_filter_topics);
    markdown_topics("## Exit status", ptmi_exit_topics);
    markdown_topics("## Environment", ptmi_environment_topics);
    markdown_topics("## Files", ptmi_file_topics);
}

ptm_rc ptmi_verb_docs(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    const char *what = cli->n_operands ? cli->operands[0] : "";
    (void)status;
    if (strcmp(what, "markdown") == 0 && cli->n_operands == 1) {
        markdown_all();
        return PTM_OK;
    }
    if (strcmp(what, "man") != 0)
        return ptm_err_set(err, PTM_EINVAL, "docs: 'man', 'man VERB' or 'markdown'");
    if (cli->n_operands == 1) {
        man_all();
        return PTM_OK;
    }
    const struct ptmi_verb *verb = NULL;
    PTM_TRY(
        ptmi_verb_of_words(cli->operands + 1, cli->n_operands - 1, "ptm docs man ", &verb, err));
    man_verb(verb);
    return PTM_OK;
}
