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

static bool two_words(const struct ptmi_verb *verb)
{
    return strchr(verb->name, ' ') != NULL;
}

/* The word that could come next: a verb's first after ptm (group NULL), its second after the first
 * word of its group; NULL: none. */
static const char *next_word(const struct ptmi_verb *verb, const struct ptmi_verb *group)
{
    if (!visible(verb)) return NULL;
    if (group) return ptmi_verb_word(verb, group);
    return two_words(verb) ? NULL : verb->name;
}

static void put_verbs(const struct ptmi_verb *group, const char *between)
{
    bool first = true;
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const char *word = next_word(ptmi_verb_at(i), group);
        if (!word) continue;
        printf("%s%s", first ? "" : between, word);
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
    else if (verb->flags & PTMI_VERB_GROUP)
        put_verbs(verb, " ");
    else if (strcmp(verb->name, "help") == 0)
        put_verbs(NULL, " ");
    else if (verb->words)
        fputs(verb->words, stdout);
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
         "    local verb='' word options='' operands='' files=''\n"
         "    COMPREPLY=()\n"
         "    case $previous in");
    bash_values();
    puts("    esac\n"
         "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "        case $word in -*) continue ;; esac\n"
         "        verb=${verb:+$verb }$word");
    fputs("        case $verb in ", stdout);
    bool first = true;
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        if (!(ptmi_verb_at(i)->flags & PTMI_VERB_GROUP)) continue;
        printf("%s%s", first ? "" : "|", ptmi_verb_at(i)->name);
        first = false;
    }
    puts(") ;; *) break ;; esac\n"
         "    done\n"
         "    case $verb in");
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const struct ptmi_verb *verb = ptmi_verb_at(i);
        if (!visible(verb)) continue;
        printf("    '%s')\n        %soperands='", verb->name,
               verb->flags & PTMI_VERB_FILES ? "files=yes " : "");
        put_operands(verb);
        fputs("'\n        options='", stdout);
        for (int id = 0; id < PTMI_OPT_COUNT; id++)
            if (ptmi_opt_in(id, verb->groups)) printf("--%s ", ptmi_opt_at(id)->name);
        puts("' ;;");
    }
    fputs("    *) operands='", stdout);
    put_verbs(NULL, " ");
    puts("' options='--help --version' ;;\n"
         "    esac\n"
         "    case $current in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;\n"
         "    *) if [ \"$files\" ]; then\n"
         "           local IFS=$'\\n'\n"
         "           compopt -o filenames 2>/dev/null\n"
         "           COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "       else\n"
         "           COMPREPLY=($(compgen -W \"$operands\" -- \"$current\"))\n"
         "       fi ;;\n"
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

/* "name:summary" of the verbs that could come next, for _describe. */
static void zsh_verbs(const struct ptmi_verb *group, int indent)
{
    printf("%*sverbs=(\n", indent, "");
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const char *word = next_word(ptmi_verb_at(i), group);
        if (!word) continue;
        printf("%*s    '%s:", indent, "", word);
        zsh_words(ptmi_verb_at(i)->summary);
        puts("'");
    }
    printf("%*s)\n%*sif (( CURRENT == 2 )); then _describe verb verbs; return; fi\n", indent, "",
           indent, "");
}

static void zsh_verb(const struct ptmi_verb *verb, const char *word)
{
    printf("    %s)\n        shift words; (( CURRENT-- ))\n        _arguments \\\n", word);
    for (int id = 0; id < PTMI_OPT_COUNT; id++)
        if (ptmi_opt_in(id, verb->groups)) zsh_option(ptmi_opt_at(id));
    if (verb->flags & PTMI_VERB_FILES) {
        puts("            '*:operand:_files' ;;");
        return;
    }
    fputs("            '*:operand:(", stdout);
    put_operands(verb);
    puts(")' ;;");
}

/* After the first word of a group the same is done once more with what follows it. */
static void zsh_group(const struct ptmi_verb *group)
{
    printf("    %s)\n        shift words; (( CURRENT-- ))\n", group->name);
    zsh_verbs(group, 8);
    puts("        case $words[2] in");
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const char *word = next_word(ptmi_verb_at(i), group);
        if (word) zsh_verb(ptmi_verb_at(i), word);
    }
    puts("        esac ;;");
}

static void zsh(void)
{
    puts("#compdef ptm\n"
         "_ptm() {\n"
         "    local -a verbs\n"
         "    local curcontext=$curcontext state");
    zsh_verbs(NULL, 4);
    puts("    case $words[2] in");
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const struct ptmi_verb *verb = ptmi_verb_at(i);
        if (!next_word(verb, NULL)) continue;
        if (verb->flags & PTMI_VERB_GROUP)
            zsh_group(verb);
        else
            zsh_verb(verb, verb->name);
    }
    puts("    esac\n"
         "}\n"
         "_ptm \"$@\"");
}

static void fish_option(const char *condition, const struct ptmi_opt *opt)
{
    printf("complete -c ptm -n '%s' -l %s", condition, opt->name);
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

static void fish_begin(const char *condition, const char *word, const char *summary)
{
    printf("complete -c ptm -f -n '%s' -a %s -d ", condition, word);
    put_quoted(summary);
    putchar('\n');
}

/* fish asks whether a word was given anywhere: `ptm torch list` must not pass for `ptm list`. The
 * group that has a verb of that name, too, or NULL. */
static const struct ptmi_verb *other_group(const char *name)
{
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const struct ptmi_verb *group = ptmi_verb_at(i);
        if (!(group->flags & PTMI_VERB_GROUP)) continue;
        for (size_t j = 0; ptmi_verb_at(j); j++) {
            const char *word = next_word(ptmi_verb_at(j), group);
            if (word && strcmp(word, name) == 0) return group;
        }
    }
    return NULL;
}

/* "the first word was given, and not one of a group that has it for its second" */
static void fish_first_word(char *out, size_t size, const char *name)
{
    const struct ptmi_verb *other = other_group(name);
    snprintf(out, size, "__fish_seen_subcommand_from %s%s%s", name,
             other ? "; and not __fish_seen_subcommand_from " : "", other ? other->name : "");
}

/* What must hold for a verb's options: its words were given, in any place. */
static void fish_verb(const struct ptmi_verb *verb, const struct ptmi_verb *group)
{
    char condition[160];
    const char *word = next_word(verb, group);
    if (group)
        snprintf(condition, sizeof condition,
                 "__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s", group->name,
                 word);
    else
        fish_first_word(condition, sizeof condition, word);
    for (int id = 0; id < PTMI_OPT_COUNT; id++)
        if (ptmi_opt_in(id, verb->groups)) fish_option(condition, ptmi_opt_at(id));
    if (verb->flags & PTMI_VERB_FILES) {
        printf("complete -c ptm -F -n '%s'\n", condition);
        return;
    }
    printf("complete -c ptm -f -n '%s' -a '", condition);
    put_operands(verb);
    puts("'");
}

static void fish_group(const struct ptmi_verb *group)
{
    char condition[320], first[128], words[128] = "";
    fish_first_word(first, sizeof first, group->name);
    for (size_t i = 0, len = 0; ptmi_verb_at(i); i++) {
        const char *word = next_word(ptmi_verb_at(i), group);
        if (word && len < sizeof words)
            len += (size_t)snprintf(words + len, sizeof words - len, " %s", word);
    }
    snprintf(condition, sizeof condition, "%s; and not __fish_seen_subcommand_from%s", first,
             words);
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const struct ptmi_verb *verb = ptmi_verb_at(i);
        const char *word = next_word(verb, group);
        if (!word) continue;
        fish_begin(condition, word, verb->summary);
        fish_verb(verb, group);
    }
}

static void fish(void)
{
    puts("# fish completion for ptm");
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const struct ptmi_verb *verb = ptmi_verb_at(i);
        if (!next_word(verb, NULL)) continue;
        fish_begin("__fish_use_subcommand", verb->name, verb->summary);
        if (verb->flags & PTMI_VERB_GROUP)
            fish_group(verb);
        else
            fish_verb(verb, NULL);
    }
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
