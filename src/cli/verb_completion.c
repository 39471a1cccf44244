/* SPDX-License-Identifier: MIT */
/* verb_completion.c - `ptm completion bash|zsh|fish`: scripts made from the tables, hubs included.
 *
 * Each script first walks over the words before the cursor, to find the verb (one word, or two)
 * past options and their values: `ptm --log net:debug torch list help` is `torch list`. What may
 * follow there is a place.
 */
#include <stdio.h>
#include <string.h>

#include "../base/str.h"
#include "../hubs/hubs.h"
#include "cli.h"

/* Where the cursor may stand. Texts are borrowed. */
struct place {
    const char *words;             /* the verb so far: "", "torch", "torch list", "help torch" */
    unsigned groups;               /* of the options that may follow */
    bool verbs;                    /* a word of a verb follows: a first one, .. */
    const struct ptmi_verb *group; /* .. or one of this group */
    const struct ptmi_verb *verb;  /* else: whose operands follow */
};
typedef void place_fn(const struct place *place);

static bool takes(const struct ptmi_opt *opt, const char *arg)
{
    return opt->arg && strcmp(opt->arg, arg) == 0;
}

static bool takes_folder(const struct ptmi_opt *opt)
{
    return takes(opt, "DIR");
}

static bool takes_file(const struct ptmi_opt *opt)
{
    return takes(opt, "FILE") || takes(opt, "PROGRAM");
}

static bool takes_value(const struct ptmi_opt *opt)
{
    return opt->arg != NULL;
}

static void put_hubs(void)
{
    for (size_t i = 0; ptmi_hub_at(i); i++) printf("%s%s", i ? " " : "", ptmi_hub_at(i)->name);
}

static void put_choices(const struct ptmi_opt *opt)
{
    for (size_t i = 0; opt->choices[i]; i++) printf("%s%s", i ? " " : "", opt->choices[i]);
}

/* The word that could come next: a verb's first after ptm (group NULL), its second after the first
 * word of its group; NULL: none. */
static const char *next_word(const struct ptmi_verb *verb, const struct ptmi_verb *group)
{
    if (verb->flags & PTMI_VERB_HIDDEN) return NULL;
    if (group) return ptmi_verb_word(verb, group);
    return strchr(verb->name, ' ') ? NULL : verb->name;
}

static void put_verbs(const struct ptmi_verb *group)
{
    bool first = true;
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const char *word = next_word(ptmi_verb_at(i), group);
        if (!word) continue;
        printf("%s%s", first ? "" : " ", word);
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

/* Every option that can be asked for, with its letter. */
static void put_options(bool (*which)(const struct ptmi_opt *opt), const char *between)
{
    bool first = true;
    for (int id = 0; id < PTMI_OPT_COUNT; id++) {
        const struct ptmi_opt *opt = ptmi_opt_at(id);
        if ((opt->flags & PTMI_OPT_ENV_ONLY) || !which(opt)) continue;
        printf("%s--%s", first ? "" : between, opt->name);
        if (opt->letter) printf("%s-%c", between, opt->letter);
        first = false;
    }
}

static void place_of_verb(const struct ptmi_verb *verb, place_fn *fn)
{
    bool help = strcmp(verb->name, "help") == 0;
    bool group = verb->flags & PTMI_VERB_GROUP;
    fn(&(struct place){.words = verb->name,
                       .groups = verb->groups,
                       .verbs = group || help,
                       .group = group ? verb : NULL,
                       .verb = verb});
    if (!group) return;
    char words[64];
    snprintf(words, sizeof words, "help %s", verb->name);
    fn(&(struct place){
        .words = words, .groups = PTMI_GROUP_EVERY, .verbs = true, .group = verb, .verb = verb});
}

static void each_place(place_fn *fn)
{
    fn(&(struct place){.words = "", .groups = PTMI_GROUP_EVERY, .verbs = true});
    for (size_t i = 0; ptmi_verb_at(i); i++)
        if (!(ptmi_verb_at(i)->flags & PTMI_VERB_HIDDEN)) place_of_verb(ptmi_verb_at(i), fn);
}

/* "|'torch'": after these the next word is of the verb, too. */
static void put_open(const struct place *place)
{
    if (place->verbs && *place->words) printf("|'%s'", place->words);
}

static void fish_open(const struct place *place)
{
    if (place->verbs && *place->words) printf(" '%s'", place->words);
}

/* --- bash --- */

static void bash_choices(void)
{
    for (int id = 0; id < PTMI_OPT_COUNT; id++) {
        const struct ptmi_opt *opt = ptmi_opt_at(id);
        if (!opt->choices) continue;
        printf("    --%s) operands='", opt->name);
        put_choices(opt);
        puts("' ;;");
    }
}

static void bash_place(const struct place *place)
{
    const struct ptmi_verb *verb = place->verb;
    printf("    '%s')\n        ", place->words);
    if (verb && verb->flags & PTMI_VERB_FILES) fputs("files=yes ", stdout);
    fputs(verb && verb->words ? "[ $count != 0 ] || operands='" : "operands='", stdout);
    if (place->verbs)
        put_verbs(place->group);
    else if (verb->flags & PTMI_VERB_HUBS)
        put_hubs();
    else if (verb->words)
        fputs(verb->words, stdout);
    fputs("'\n        options='", stdout);
    for (int id = 0; id < PTMI_OPT_COUNT; id++)
        if (ptmi_opt_in(id, place->groups)) printf("--%s ", ptmi_opt_at(id)->name);
    puts("' ;;");
}

/* For bash, as a rule, = and : are words of their own: what follows = is a value, and what follows
 * : belongs to the word before. */
static void bash_walk(void)
{
    puts("    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "        if [ \"$word\" = = ]; then option=$last; continue; fi\n"
         "        if [ \"$word\" = : ] || [ \"$last\" = : ]; then last=$word; continue; fi\n"
         "        last=$word\n"
         "        if [ \"$option\" ]; then option=''; continue; fi\n"
         "        case $ended$word in\n"
         "        --) ended=yes; continue ;;");
    fputs("        ", stdout);
    put_options(takes_value, "|");
    puts(") option=$word; continue ;;\n"
         "        -*) continue ;;\n"
         "        esac\n"
         "        if [ \"$whole\" ]; then count=$((count + 1)); continue; fi\n"
         "        verb=${verb:+$verb }$word");
    fputs("        case $verb in ''", stdout);
    each_place(put_open);
    puts(") ;; *) whole=yes ;; esac\n"
         "    done\n"
         "    if [ \"$current\" = = ]; then option=$last current=''; fi");
}

/* File names are left to readline, which knows how to quote them: what is asked for by compopt. A
 * bash older than 4 has no compopt, and offers file names wherever nothing else fits. */
static void bash_values(void)
{
    puts("    compopt +o default 2>/dev/null\n"
         "    case $option in\n"
         "    '') ;;");
    bash_choices();
    fputs("    ", stdout);
    put_options(takes_folder, "|");
    puts(") compopt -o dirnames 2>/dev/null; return ;;");
    fputs("    ", stdout);
    put_options(takes_file, "|");
    puts(") compopt -o default 2>/dev/null; return ;;\n"
         "    *) return ;;\n"
         "    esac\n"
         "    if [ \"$option\" ]; then COMPREPLY=($(compgen -W \"$operands\" -- \"$current\")); "
         "return; fi");
}

static void bash(void)
{
    puts("# bash completion for ptm\n"
         "_ptm() {\n"
         "    local IFS=$' \\t\\n' current=${COMP_WORDS[COMP_CWORD]} word last='' option='' "
         "ended=''\n"
         "    local verb='' whole='' count=0 operands='' options='' files=''\n"
         "    COMPREPLY=()");
    bash_walk();
    bash_values();
    puts("    case $verb in");
    each_place(bash_place);
    puts("    esac\n"
         "    case $ended$current in\n"
         "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$current\")) ;;\n"
         "    *) if [ \"$files\" ]; then\n"
         "           compopt -o default 2>/dev/null\n"
         "       else\n"
         "           COMPREPLY=($(compgen -W \"$operands\" -- \"$current\"))\n"
         "       fi ;;\n"
         "    esac\n"
         "}\n"
         "complete -o default -F _ptm ptm");
}

/* --- zsh --- */

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

static void zsh_value(const struct ptmi_opt *opt)
{
    printf(":%s:", opt->arg);
    if (takes_folder(opt)) {
        fputs("_files -/", stdout);
    } else if (takes_file(opt)) {
        fputs("_files", stdout);
    } else if (opt->choices) {
        putchar('(');
        put_choices(opt);
        putchar(')');
    } else {
        putchar(' ');
    }
}

static void zsh_option(const struct ptmi_opt *opt)
{
    const char *value = opt->arg ? "=" : "";
    fputs("            ", stdout);
    if (opt->letter)
        printf("'(-%c --%s)'{-%c%s,--%s%s}'[", opt->letter, opt->name, opt->letter,
               opt->arg ? "+" : "", opt->name, value);
    else
        printf("'%s--%s%s[", opt->flags & PTMI_OPT_MANY ? "*" : "", opt->name, value);
    zsh_words(opt->help);
    putchar(']');
    if (opt->arg) zsh_value(opt);
    puts("' \\");
}

/* "word:summary" of the verbs that could come next, for _describe. */
static void zsh_verbs(const struct ptmi_verb *group)
{
    puts("        verbs=(");
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const char *word = next_word(ptmi_verb_at(i), group);
        if (!word) continue;
        printf("            '%s:", word);
        zsh_words(ptmi_verb_at(i)->summary);
        puts("'");
    }
    puts("        )");
}

static void zsh_operands(const struct place *place)
{
    const struct ptmi_verb *verb = place->verb;
    if (place->verbs) {
        fputs("'1:verb:{_describe verb verbs}'", stdout);
    } else if (verb->flags & PTMI_VERB_FILES) {
        fputs("'*:file:_files'", stdout);
    } else if (verb->flags & PTMI_VERB_HUBS) {
        fputs("'*:hub:(", stdout);
        put_hubs();
        fputs(")'", stdout);
    } else if (verb->words) {
        printf("'1:word:(%s)' '*:operand: '", verb->words);
    } else if (*verb->operands) {
        fputs("'*:operand: '", stdout);
    }
}

static void zsh_place(const struct place *place)
{
    printf("    '%s')\n", place->words);
    if (place->verbs) zsh_verbs(place->group);
    puts("        _arguments -S \\");
    for (int id = 0; id < PTMI_OPT_COUNT; id++)
        if (ptmi_opt_in(id, place->groups)) zsh_option(ptmi_opt_at(id));
    fputs("            ", stdout);
    zsh_operands(place);
    puts(" ;;");
}

/* at: the last word that is not for _arguments any more; while words of the verb are missing, what
 * stands before the cursor is not, but for an option that waits for its value. */
static void zsh_walk(void)
{
    puts("    for (( at = 2; at < CURRENT; at++ )); do\n"
         "        if [[ -n $option ]]; then option=; continue; fi\n"
         "        case $words[at] in");
    fputs("        ", stdout);
    put_options(takes_value, "|");
    puts(") option=$words[at]; continue ;;\n"
         "        -*) continue ;;\n"
         "        esac\n"
         "        verb=${verb:+$verb }$words[at]");
    fputs("        case $verb in ''", stdout);
    each_place(put_open);
    puts(") ;; *) break ;; esac\n"
         "    done\n"
         "    (( at < CURRENT )) || (( at = CURRENT - 1 - $#option[1] ))\n"
         "    words[2,at]=()\n"
         "    (( CURRENT -= at - 1 ))");
}

/* The last lines: the file is the function when zsh finds it in $fpath, and says whom it completes
 * when it is sourced. */
static void zsh(void)
{
    puts("#compdef ptm\n"
         "_ptm() {\n"
         "    local verb='' option=''\n"
         "    local -a verbs\n"
         "    integer at");
    zsh_walk();
    puts("    case $verb in");
    each_place(zsh_place);
    puts("    esac\n"
         "}\n"
         "if [[ $funcstack[1] == _ptm ]]; then _ptm \"$@\"; else compdef _ptm ptm; fi");
}

/* --- fish --- */

static void fish_option(const struct place *place, const struct ptmi_opt *opt)
{
    printf("complete -c ptm -n '__ptm_at \"%s\"' -l %s", place->words, opt->name);
    if (opt->letter) printf(" -s %c", opt->letter);
    if (takes_folder(opt))
        fputs(" -xa '(__ptm_folders)'", stdout);
    else if (opt->arg)
        fputs(takes_file(opt) ? " -rF" : " -x", stdout);
    if (opt->choices) {
        fputs(" -a '", stdout);
        put_choices(opt);
        putchar('\'');
    }
    fputs(" -d ", stdout);
    put_quoted(opt->help);
    putchar('\n');
}

static void fish_verbs(const struct place *place)
{
    for (size_t i = 0; ptmi_verb_at(i); i++) {
        const char *word = next_word(ptmi_verb_at(i), place->group);
        if (!word) continue;
        printf("complete -c ptm -n '__ptm_at \"%s\"' -a %s -d ", place->words, word);
        put_quoted(ptmi_verb_at(i)->summary);
        putchar('\n');
    }
}

static void fish_operands(const struct ptmi_verb *verb)
{
    if (verb->flags & PTMI_VERB_FILES) {
        printf("complete -c ptm -n '__ptm_at \"%s\"' -F\n", verb->name);
    } else if (verb->flags & PTMI_VERB_HUBS) {
        printf("complete -c ptm -n '__ptm_at \"%s\"' -a '", verb->name);
        put_hubs();
        puts("'");
    } else if (verb->words) {
        printf("complete -c ptm -n '__ptm_at \"%s\" first' -a '%s'\n", verb->name, verb->words);
    }
}

static void fish_place(const struct place *place)
{
    if (place->verbs)
        fish_verbs(place);
    else
        fish_operands(place->verb);
    for (int id = 0; id < PTMI_OPT_COUNT; id++)
        if (ptmi_opt_in(id, place->groups)) fish_option(place, ptmi_opt_at(id));
}

static void fish_walk(void)
{
    puts("function __ptm_words --description 'the verb before the cursor, and its operands, a line "
         "each'\n"
         "    set -l words (commandline -opc)\n"
         "    set -l option\n"
         "    set -l ended\n"
         "    set -l whole\n"
         "    set -l verb\n"
         "    set -l operands\n"
         "    for word in $words[2..-1]\n"
         "        if set -q option[1]\n"
         "            set option\n"
         "            continue\n"
         "        end\n"
         "        switch \"$ended$word\"\n"
         "            case --\n"
         "                set ended yes\n"
         "                continue");
    fputs("            case ", stdout);
    put_options(takes_value, " ");
    puts("\n                set option $word\n"
         "                continue\n"
         "            case '-*'\n"
         "                continue\n"
         "        end\n"
         "        if set -q whole[1]\n"
         "            set -a operands $word\n"
         "            continue\n"
         "        end\n"
         "        set -a verb $word\n"
         "        switch \"$verb\"");
    fputs("            case", stdout);
    each_place(fish_open);
    puts("\n            case '*'\n"
         "                set whole yes\n"
         "        end\n"
         "    end\n"
         "    string join \\n -- \"$verb\" $operands\n"
         "end");
}

static void fish(void)
{
    puts("# fish completion for ptm");
    fish_walk();
    puts("function __ptm_at --description 'is that the verb? with first: and no operand given "
         "yet?'\n"
         "    set -l words (__ptm_words)\n"
         "    test \"$words[1]\" = \"$argv[1]\"; or return 1\n"
         "    not set -q argv[2]; or test (count $words) -eq 1\n"
         "end\n"
         "function __ptm_folders --description 'what --out=PART would be completed to'\n"
         "    set -l part (string replace -r -- '^--[^=]*=' '' (commandline -ct))\n"
         "    __fish_complete_directories \"$part\"\n"
         "end\n"
         "complete -c ptm -f");
    each_place(fish_place);
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
