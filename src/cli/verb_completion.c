/* SPDX-License-Identifier: MIT */
/* verb_completion.c - `ptm completion bash|zsh|fish`: scripts made from the tables, hubs included.
 */
#include <stdio.h>
#include <string.h>

#include "../base/str.h"
#include "../hubs/hubs.h"
#include "cli.h"

static bool visible(const struct ptmi_verb *verb)
{
    return !(verb->flags & PTMI_VERB_HIDDEN);
}

static bool takes_file(const struct ptmi_opt *opt)
{
    return opt->arg && (strcmp(opt->arg, "FILE") == 0 || strcmp(opt->arg, "DIR") == 0);
}

static void put_hubs(const char *between)
{
    for (size_t i = 0; ptmi_hub_at(i); i++) printf("%s%s", i ? between : "", ptmi_hub_at(i)->name);
}

static void put_verbs(const char *between)
{
    bool first = true;
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        if (!visible(ptmi_verb_at(i))) continue;
        printf("%s%s", first ? "" : between, ptmi_verb_at(i)->name);
        first = false;
    }
}

/* Words of ours within single quotes, for all three shells. */
static void put_quoted(const char *text)
{
    putchar('\'');
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*text);
    }
    putchar('\'');
}

static void put_operands(const struct ptmi_verb *verb)
{
    if (verb->flags & PTMI_VERB_HUBS)
        put_hubs(" ");
    else if (strcmp(verb->name, "help") == 0)
        put_verbs(" ");
    else if (strcmp(verb->name, "completion") == 0)
        fputs("bash zsh fish", stdout);
}

static void bash_values(void)
{
    for (int id = 0; id < PTMI_OPT_COUNT; id++) {
        const struct ptmi_opt *opt = ptmi_opt_at(id);
        if (!opt->choices) continue;
        printf("    --%s) COMPREPLY=($(compgen -W '", opt->name);
        for (size_t i = 0; opt->choices[i]; i++) printf("%s%s", i ? " " : "", opt->choices[i]);
        puts("' -- \"$current\")); return ;;");
    }
    fputs("    ", stdout);
    bool first = true;
    for (int id = 0; id < PTMI_OPT_COUNT; id++) {
        if (!takes_file(ptmi_opt_at(id))) continue;
        printf("%s--%s", first ? "" : "|", ptmi_opt_at(id)->name);
        first = false;
    }
    puts(") COMPREPLY=($(compgen -f -- \"$current\")); return ;;");
}

static void bash(void)
{
    puts("# bash completion for ptm\n"
         "_ptm() {\n"
         "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "    local verb='' word options='' operands=''\n"
         "    COMPREPLY=()\n"
         "    case $previous in");
    bash_values();
    puts("    esac\n"
         "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "        case $word in -*) ;; *) verb=$word; break ;; esac\n"
         "    done\n"
         "    case $verb in");
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const struct ptmi_verb *verb = ptmi_verb_at(i);
        if (!visible(verb)) continue;
        printf("    %s)\n        operands='", verb->name);
        put_operands(verb);
        fputs("'\n        options='", stdout);
        for (int id = 0; id < PTMI_OPT_COUNT; id++)
            if (ptmi_opt_in(id, verb->groups)) printf("--%s ", ptmi_opt_at(id)->name);
        puts("' ;;");
    }
    fputs("    *) operands='", stdout);
    put_verbs(" ");
    puts("' options='--help --version' ;;\n"
         "    esac\n"
         "    case $current in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;\n"
         "    *) COMPREPLY=($(compgen -W \"$operands\" -- \"$current\")) ;;\n"
         "    esac\n"
         "}\n"
         "complete -o default -F _ptm ptm");
}

/* "[words]" of zsh's _arguments: brackets and colons within would end it. */
static void zsh_words(const char *text)
{
    for (; *text && *text != '\n'; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh_option(const struct ptmi_opt *opt)
{
    printf("            '%s--%s%s[", opt->flags & PTMI_OPT_MANY ? "*" : "", opt->name,
           opt->arg ? "=" : "");
    zsh_words(opt->help);
    putchar(']');
    if (opt->arg) {
        printf(":%s:", opt->arg);
        if (takes_file(opt)) fputs("_files", stdout);
        if (opt->choices) {
            putchar('(');
            for (size_t i = 0; opt->choices[i]; i++) printf("%s%s", i ? " " : "", opt->choices[i]);
            putchar(')');
        }
    }
    puts("' \\");
}

static void zsh(void)
{
    puts("#compdef ptm\n"
         "_ptm() {\n"
         "    local -a verbs\n"
         "    local curcontext=$curcontext state\n"
         "    verbs=(");
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        if (!visible(ptmi_verb_at(i))) continue;
        printf("        '%s:", ptmi_verb_at(i)->name);
        zsh_words(ptmi_verb_at(i)->summary);
        puts("'");
    }
    puts("    )\n"
         "    if (( CURRENT == 2 )); then _describe verb verbs; return; fi\n"
         "    case $words[2] in");
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const struct ptmi_verb *verb = ptmi_verb_at(i);
        if (!visible(verb)) continue;
        printf("    %s)\n        shift words; (( CURRENT-- ))\n        _arguments \\\n",
               verb->name);
        for (int id = 0; id < PTMI_OPT_COUNT; id++)
            if (ptmi_opt_in(id, verb->groups)) zsh_option(ptmi_opt_at(id));
        fputs("            '*:operand:(", stdout);
        put_operands(verb);
        puts(")' ;;");
    }
    puts("    esac\n"
         "}\n"
         "_ptm \"$@\"");
}

static void fish_verb(const struct ptmi_verb *verb)
{
    printf("complete -c ptm -f -n __fish_use_subcommand -a %s -d ", verb->name);
    put_quoted(verb->summary);
    putchar('\n');
    for (int id = 0; id < PTMI_OPT_COUNT; id++) {
        const struct ptmi_opt *opt = ptmi_opt_at(id);
        if (!ptmi_opt_in(id, verb->groups)) continue;
        printf("complete -c ptm -n '__fish_seen_subcommand_from %s' -l %s", verb->name, opt->name);
        if (opt->letter) printf(" -s %c", opt->letter);
        if (opt->arg) fputs(takes_file(opt) ? " -rF" : " -x", stdout);
        if (opt->choices) {
            fputs(" -a '", stdout);
            for (size_t i = 0; opt->choices[i]; i++) printf("%s%s", i ? " " : "", opt->choices[i]);
            putchar('\'');
        }
        fputs(" -d ", stdout);
        put_quoted(opt->help);
        putchar('\n');
    }
    printf("complete -c ptm -f -n '__fish_seen_subcommand_from %s' -a '", verb->name);
    put_operands(verb);
    puts("'");
}

static void fish(void)
{
    puts("# fish completion for ptm");
    for (size_t i = 0; ptmi_verb_at(i); i++)
        if (visible(ptmi_verb_at(i))) fish_verb(ptmi_verb_at(i));
}

ptm_rc ptmi_verb_completion(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    const char *shell = cli->n_operands == 1 ? cli->operands[0] : "";
    char shown[64];
    (void)status;
    if (strcmp(shell, "bash") == 0)
        bash();
    else if (strcmp(shell, "zsh") == 0)
        zsh();
    else if (strcmp(shell, "fish") == 0)
        fish();
    else if (*shell)
        return ptm_err_set(err, PTM_EINVAL, "completion: no shell '%s'; there are bash, zsh, fish",
                           ptmi_str_printable(shown, sizeof shown, shell));
    else
        return ptm_err_set(err, PTM_EINVAL, "completion: which shell? bash, zsh or fish");
    return PTM_OK;
}
