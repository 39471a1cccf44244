/* SPDX-License-Identifier: MIT */
/*
 * catalog_filter.c - --filter EXPR: an SQLite expression over models_view, from a person or a
 * configuration file that may be anybody's.
 *
 * Three fences: a scan that it is one expression (balanced, no comment, no subselect), SQLite's
 * authorizer (reads of the view and functions without side effects, nothing else), and a budget of
 * machine steps so that it ends.
 */
#include "catalog_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../base/str.h"

#define LONGEST_FILTER 16384
/* SQLite's machine needs some 100 steps a row for the view and a few for each operator: a long
   filter over millions of models stays far below; what is above has run away. */
#define BUDGET (INT64_C(1) << 36)
#define STEPS_A_LOOK 100000
/* Longest text or blob of the connection while a filter runs: functions like replace() grow texts.
 */
#define LONGEST_VALUE (1 << 20)

static ptm_rc refuse(struct ptm_err *err, const char *why)
{
    return ptm_err_set(
        err, PTM_EINVAL,
        "--filter: %s; it is one SQLite expression, such as license = 'mit' AND downloads > 1000, "
        "over the columns that man ptm-run lists: name, owner, task, license, downloads, ..",
        why);
}

/* --- scan --- */

/* Past a quoted part that begins at p; NULL: it does not end. A doubled quote stands for itself. */
static const char *past_quoted(const char *p)
{
    char end = *p == '[' ? ']' : *p;
    for (p++; *p; p++) {
        if (*p != end) continue;
        if (end != ']' && p[1] == end) {
            p++;
            continue;
        }
        return p + 1;
    }
    return NULL;
}

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80);
}

/* Words that begin or belong to statements: without them there is no way to another table. */
static bool forbidden_word(const char *word, size_t len)
{
    static const char *const WORDS[] = {"select", "with",   "values", "from",   "union",  "attach",
                                        "detach", "pragma", "insert", "update", "delete", "raise",
                                        "over",   "window", "create", "drop",   "order",  "limit",
                                        "group",  "having", "join"};
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (strlen(WORDS[i]) == len && strncasecmp(WORDS[i], word, len) == 0) return true;
    return false;
}

static ptm_rc refuse_word(struct ptm_err *err, const char *word, size_t len)
{
    char why[96];
    snprintf(why, sizeof why, "%.*s is not allowed in it", (int)(len < 32 ? len : 32), word);
    return refuse(err, why);
}

/* One character or token at *p that is not quoted. */
static ptm_rc scan_token(const char **p, int *depth, struct ptm_err *err)
{
    const char *at = *p;
    if (strchr("?:@$#", *at)) return refuse(err, "parameters are not allowed in it");
    if (is_word_char(*at)) {
        size_t len = 1;
        while (is_word_char(at[len])) len++;
        *p = at + len;
        return forbidden_word(at, len) ? refuse_word(err, at, len) : PTM_OK;
    }
    if (at[0] == ';') return refuse(err, "';' is not allowed in it");
    if ((at[0] == '-' && at[1] == '-') || (at[0] == '/' && at[1] == '*'))
        return refuse(err, "comments are not allowed in it");
    if (iscntrl((unsigned char)*at) && !isspace((unsigned char)*at))
        return refuse(err, "it has control characters");
    *depth += (*at == '(') - (*at == ')');
    if (*depth < 0) return refuse(err, "')' without '('");
    (*p)++;
    return PTM_OK;
}

ptm_rc ptmi_filter_check(const char *filter, struct ptm_err *err)
{
    size_t len = strlen(filter);
    if (len > LONGEST_FILTER) return refuse(err, "it is longer than 16384 bytes");
    if (!ptmi_str_is_utf8(filter, len)) return refuse(err, "it is not UTF-8");
    if (filter[strspn(filter, " \t\r\n")] == 0) return refuse(err, "it is empty");
    int depth = 0;
    for (const char *p = filter; *p;) {
        if (*p == '\'' || *p == '"' || *p == '`' || *p == '[') {
            p = past_quoted(p);
            if (!p) return refuse(err, "a quotation does not end");
            continue;
        }
        PTM_TRY(scan_token(&p, &depth, err));
    }
    return depth == 0 ? PTM_OK : refuse(err, "'(' without ')'");
}

/* --- authorizer and budget --- */

static bool safe_function(const char *name)
{
    static const char *const NAMES[] = {
        "abs",       "char",       "coalesce", "date",      "datetime",  "format",
        "glob",      "hex",        "ifnull",   "iif",       "instr",     "json_array_length",
        "julianday", "length",     "like",     "lower",     "ltrim",     "max",
        "min",       "nullif",     "printf",   "quote",     "replace",   "round",
        "rtrim",     "sign",       "strftime", "substr",    "substring", "time",
        "trim",      "typeof",     "unicode",  "unixepoch", "upper",     "json_extract",
        "json_type", "json_valid", "likely",   "unlikely",  "->",        "->>",
    };
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (name && strcasecmp(NAMES[i], name) == 0) return true;
    return false;
}

/* What SQLite names as the view (or trigger) on whose behalf it reads. */
static bool within(const char *part)
{
    return part && strcmp(part, "models_view") == 0;
}

static int authorize(void *arg, int action, const char *a, const char *b, const char *database,
                     const char *part)
{
    (void)arg;
    (void)database;
    switch (action) {
    case SQLITE_SELECT:
        return SQLITE_OK; /* ours and the view's own: the scan lets no other through */
    case SQLITE_READ:
        /* An empty column: the view's table is joined for its rows alone (seen with SQLite 3.40).
         */
        return within(part) || within(a) || (b && !*b) ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_FUNCTION:
        /* The view's own aggregates come with its name as part, but not in every version of SQLite.
         */
        return within(part) || safe_function(b) || (b && strcmp(b, "json_group_array") == 0)
                   ? SQLITE_OK
                   : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

static int look(void *arg)
{
    struct filter_guard *guard = arg;
    guard->left -= STEPS_A_LOOK;
    guard->spent = guard->left <= 0;
    return guard->spent || ptm_ctx_canceled(guard->ctx) > 0;
}

void ptmi_filter_release(struct ptmi_reader *reader)
{
    sqlite3_set_authorizer(reader->db, NULL, NULL);
    sqlite3_progress_handler(reader->db, 0, NULL, NULL);
    sqlite3_limit(reader->db, SQLITE_LIMIT_LENGTH, 1000000000);
    sqlite3_limit(reader->db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50000);
    sqlite3_limit(reader->db, SQLITE_LIMIT_EXPR_DEPTH, 1000);
}

static void guard_connection(struct ptmi_reader *reader, struct filter_guard *guard)
{
    guard->ctx = reader->catalog->ctx;
    guard->left = BUDGET;
    guard->spent = false;
    sqlite3_limit(reader->db, SQLITE_LIMIT_LENGTH, LONGEST_VALUE);
    sqlite3_limit(reader->db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 500);
    sqlite3_limit(reader->db, SQLITE_LIMIT_EXPR_DEPTH, 200);
    sqlite3_set_authorizer(reader->db, authorize, NULL);
    sqlite3_progress_handler(reader->db, STEPS_A_LOOK, look, guard);
}

ptm_rc ptmi_filter_prepare(struct ptmi_reader *reader, const char *before, const char *filter,
                           const char *after, struct filter_guard *guard, sqlite3_stmt **out,
                           struct ptm_err *err)
{
    PTM_TRY(ptmi_filter_check(filter, err));
    PTM_AUTO(ptmi_freep) char *sql = ptmi_str_printf("%s(%s)%s", before, filter, after);
    if (!sql) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    guard_connection(reader, guard);
    if (sqlite3_prepare_v2(reader->db, sql, -1, out, NULL) == SQLITE_OK && *out) return PTM_OK;
    char why[300];
    snprintf(why, sizeof why, "%s", sqlite3_errmsg(reader->db));
    ptmi_filter_release(reader);
    return refuse(err, why);
}
