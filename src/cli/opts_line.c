/* SPDX-License-Identifier: MIT */
/* opts_line.c - the command line, read by getopt_long over the table of options. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "../base/str.h"
#include "../base/suggest.h"
#include "opts.h"

/* getopt_long's val of an option: beyond every character. */
#define VAL(id) (256 + (id))

struct getopt_tables {
    char letters[2 * PTMI_OPT_COUNT + 4];
    struct option names[PTMI_OPT_COUNT + 1];
};

/* "+" stops at the first operand, "-" hands operands over one by one in their place; ":" tells a
 * missing value from an unknown option. */
static void make_tables(const struct ptmi_opts_line *line, struct getopt_tables *out)
{
    size_t n = 0, letters = 0;
    out->letters[letters++] = line->stop_at_operand ? '+' : '-';
    out->letters[letters++] = ':';
    for (int id = 0; id < PTMI_OPT_COUNT; id++) {
        const struct ptmi_opt *opt = ptmi_opt_at(id);
        if (!ptmi_opt_in(id, line->groups)) continue;
        bool flag = opt->flags & PTMI_OPT_FLAG;
        out->names[n++] = (struct option){
            .name = opt->name,
            .has_arg = flag ? optional_argument : required_argument,
            .val = VAL(id),
        };
        if (!opt->letter) continue;
        out->letters[letters++] = opt->letter;
        if (!flag) out->letters[letters++] = ':';
    }
    out->names[n] = (struct option){0};
    out->letters[letters] = '\0';
}

static int option_of(int val)
{
    if (val >= VAL(0)) return val - VAL(0);
    for (int id = 0; id < PTMI_OPT_COUNT; id++)
        if (ptmi_opt_at(id)->letter == val) return id;
    return -1;
}

/* "run: ", before what is wrong on its line; a line without a verb has the program's name alone. */
static const char *said_of(const struct ptmi_opts_line *line, char out[64])
{
    snprintf(out, 64, "%s%s", line->verb ? line->verb : "", line->verb ? ": " : "");
    return out;
}

static ptm_rc unknown(const struct ptmi_opts_line *line, const char *given, struct ptm_err *err)
{
    char word[64], of[64];
    const char *verb = line->verb ? line->verb : "", *space = *verb ? " " : "";
    said_of(line, of);
    if (given[0] == '-' && given[1] != '-')
        return ptm_err_set(err, PTM_EINVAL, "%sunknown option -%c; see 'ptm help%s%s'", of, optopt,
                           space, verb);
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given + 2, "="), given + 2);
    struct ptmi_suggest near = {.word = word};
    for (int id = 0; id < PTMI_OPT_COUNT; id++)
        if (ptmi_opt_in(id, line->groups)) ptmi_suggest_offer(&near, ptmi_opt_at(id)->name);
    if (near.best)
        return ptm_err_set(err, PTM_EINVAL, "%sunknown option --%s; did you mean --%s?", of, word,
                           near.best);
    return ptm_err_set(err, PTM_EINVAL, "%sunknown option --%s; see 'ptm help%s%s'", of, word,
                       space, verb);
}

/* The beginning of several names. getopt_long takes a beginning of one name alone for that name. */
static bool ambiguous(const struct ptmi_opts_line *line, const char *given)
{
    int fits = 0;
    size_t len = strcspn(given + 2, "=");
    for (int id = 0; id < PTMI_OPT_COUNT; id++)
        fits +=
            ptmi_opt_in(id, line->groups) && strncmp(ptmi_opt_at(id)->name, given + 2, len) == 0;
    return fits > 1;
}

static ptm_rc complain(const struct ptmi_opts_line *line, int val, const char *given,
                       struct ptm_err *err)
{
    char of[64];
    said_of(line, of);
    if (val == ':') {
        int id = option_of(optopt);
        return ptm_err_set(err, PTM_EINVAL, "%s--%s needs %s", of, ptmi_opt_at(id)->name,
                           ptmi_opt_at(id)->arg);
    }
    if (ptmi_str_starts(given, "--") && ambiguous(line, given))
        return ptm_err_set(err, PTM_EINVAL, "%s%s is the beginning of several options", of, given);
    return unknown(line, given, err);
}

static ptm_rc take(const struct ptmi_opts_line *line, int id, const char *text,
                   struct ptmi_values *values, struct ptm_err *err)
{
    const struct ptmi_opt *opt = ptmi_opt_at(id);
    char where[96], of[64];
    if (!text) text = "yes";
    snprintf(where, sizeof where, "%s--%s", said_of(line, of), opt->name);
    ptm_rc rc = ptmi_opt_check(id, where, text, err);
    if (rc < 0) return rc;
    snprintf(where, sizeof where, "--%s", opt->name);
    return ptmi_values_add(values, id, PTMI_SOURCE_COMMAND, text, where, NULL, err);
}

ptm_rc ptmi_opts_parse(const struct ptmi_opts_line *line, int *index, struct ptmi_values *values,
                       char **out_operands, int *out_n_operands, struct ptm_err *err)
{
    struct getopt_tables tables;
    int n = 0;
    make_tables(line, &tables);
    /* getopt starts over at optind 0, and takes the element before the first option for the
     * program's name. */
    char **argv = line->argv + *index - 1;
    int argc = line->argc - *index + 1;
    optind = 0;
    opterr = 0;
    for (;;) {
        int at = optind ? optind : 1;
        int val = getopt_long(argc, argv, tables.letters, tables.names, NULL);
        if (val == -1) break;
        if (val == 1) {
            out_operands[n++] = optarg;
            continue;
        }
        if (val == '?' || val == ':')
            return complain(line, val, argv[at < argc ? at : argc - 1], err);
        ptm_rc rc = take(line, option_of(val), optarg, values, err);
        if (rc < 0) return rc;
    }
    int end = optind;
    while (!line->stop_at_operand && end < argc) out_operands[n++] = argv[end++];
    *index += end - 1;
    *out_n_operands = n;
    return PTM_OK;
}
