/* SPDX-License-Identifier: MIT */
/*
 * torch_calls.c - a scanner for torch.hub.load(...) in example code. It knows Python's strings,
 * brackets and comments, and assignments of string literals to names; everything else is skipped.
 * What it cannot be sure of it reports as not known, never as a guess.
 *
 * Variants that authors leave in comments are read too: a commented call is a call, a commented
 * assignment is one more value that the name may have (so is one inside an if or a loop).
 */
#include "torch_calls.h"

#include <ctype.h>
#include <string.h>

#include "../base/str.h"

/* The longest real call has 400 bytes. Caps on what is scanned again and again keep hostile text
 * linear. */
#define MAX_CALL 4096
#define MAX_RHS 1024
#define MAX_LITERAL 512
#define MAX_CALLS 1000
#define MAX_VARS 1000
#define MAX_VALUES 32
/* Calls and values without an end: more of them is no example code any more. */
#define MAX_BROKEN 1000

struct torch_var {
    const char *name;
    struct ptmi_arena_list live;     /* values that run */
    struct ptmi_arena_list variants; /* values that are commented out */
    bool dynamic;                    /* assigned something that is no literal */
    bool used;                       /* by a call since: the next assignment starts afresh */
};

struct cursor {
    const char *at;
    const char *end;
    int line;
    bool comment; /* inside a comment */
};

enum value_kind { VALUE_OTHER, VALUE_LITERAL, VALUE_NAME };

struct value {
    enum value_kind kind;
    char text[MAX_LITERAL + 1]; /* the literal, or the name */
    size_t len;
};

/* ---- characters --------------------------------------------------------- */

static bool is_ident_start(char c)
{
    return isalpha((unsigned char)c) || c == '_' || (c & 0x80);
}

static bool is_ident(char c)
{
    return is_ident_start(c) || isdigit((unsigned char)c);
}

static bool done(const struct cursor *cur)
{
    return cur->at >= cur->end;
}

/* The character n places on, '\0' past the end. */
static char peek(const struct cursor *cur, size_t n)
{
    return (size_t)(cur->end - cur->at) > n ? cur->at[n] : '\0';
}

static void skip_line(struct cursor *cur)
{
    while (!done(cur) && *cur->at != '\n') cur->at++;
}

static void skip_blanks(struct cursor *cur)
{
    while (!done(cur) && (*cur->at == ' ' || *cur->at == '\t')) cur->at++;
}

/* Passes a line end within a call. A commented call goes on only in the next line's comment. */
static bool next_line(struct cursor *cur)
{
    cur->at++;
    cur->line++;
    if (!cur->comment) return true;
    skip_blanks(cur);
    if (peek(cur, 0) != '#') return false;
    while (peek(cur, 0) == '#') cur->at++;
    return true;
}

/* White space, line ends (where lines is set) and trailing comments. false: a commented call ends
 * here. */
static bool skip_space(struct cursor *cur, bool lines)
{
    while (!done(cur)) {
        char c = *cur->at;
        if (c == ' ' || c == '\t' || c == '\r') {
            cur->at++;
        } else if (c == '\\' && peek(cur, 1) == '\n') {
            cur->at++;
            if (!next_line(cur)) return false;
        } else if (lines && c == '\n') {
            if (!next_line(cur)) return false;
        } else if (lines && c == '#') {
            skip_line(cur);
        } else {
            break;
        }
    }
    return true;
}

/* ---- strings ------------------------------------------------------------ */

/* A string's prefix (r, b, f, u and pairs of them) at the cursor; its length, or -1 when no string
 * starts here. */
static int string_prefix(const struct cursor *cur)
{
    int n = 0;
    while (n < 2 && peek(cur, (size_t)n) && strchr("rRbBfFuU", peek(cur, (size_t)n))) n++;
    char quote = peek(cur, (size_t)n);
    return quote == '"' || quote == '\'' ? n : -1;
}

static bool has_letter(const char *text, int n, char lower)
{
    for (int i = 0; i < n; i++) {
        if (tolower((unsigned char)text[i]) == lower) return true;
    }
    return false;
}

static bool add_char(struct value *out, char c)
{
    if (out->len >= MAX_LITERAL) return false;
    out->text[out->len++] = c;
    return true;
}

/* Decodes the escape after a backslash. false: one that is beyond us. */
static bool add_escape(struct value *out, char c)
{
    switch (c) {
    case '\\':
    case '\'':
    case '"':
        return add_char(out, c);
    case '\n':
        return true;
    case 'n':
        return add_char(out, '\n');
    case 't':
        return add_char(out, '\t');
    default:
        return false;
    }
}

/*
 * Passes the string at the cursor, whose prefix has n letters, and appends it to out unless out is
 * NULL. *known becomes false when its value cannot be told. false: not closed; the cursor is at the
 * end of the line then.
 */
static bool read_string(struct cursor *cur, int n, struct value *out, bool *known)
{
    bool raw = has_letter(cur->at, n, 'r');
    bool format = has_letter(cur->at, n, 'f');
    if (has_letter(cur->at, n, 'b')) *known = false;
    cur->at += n;
    char quote = *cur->at;
    size_t width = peek(cur, 1) == quote && peek(cur, 2) == quote ? 3 : 1;
    cur->at += width;
    while (!done(cur)) {
        char c = *cur->at;
        if (c == quote && (width == 1 || (peek(cur, 1) == quote && peek(cur, 2) == quote))) {
            cur->at += width;
            return true;
        }
        if (c == '\n' && width == 1) return false;
        bool escape = c == '\\' && cur->at + 1 < cur->end;
        if (escape) cur->at++;
        if (*cur->at == '\n') cur->line++;
        if (format && (c == '{' || c == '}')) *known = false;
        if (out && *known) {
            bool ok = true;
            if (escape && !raw)
                ok = add_escape(out, *cur->at);
            else if (escape)
                ok = add_char(out, '\\') && add_char(out, *cur->at);
            else
                ok = add_char(out, c);
            if (!ok) *known = false;
        }
        cur->at++;
    }
    return false;
}

/* ---- values ------------------------------------------------------------- */

/* Is the cursor where a value ends: in a call at ',' or ')', on the right of an assignment at the
 * end of the statement? */
static bool at_end(const struct cursor *cur, bool in_call)
{
    char c = peek(cur, 0);
    if (in_call) return c == ',' || c == ')';
    return done(cur) || c == '\n' || c == ';' || c == '#';
}

/* Passes anything up to the end of the value. false: there is none. */
static bool skip_value(struct cursor *cur, bool in_call)
{
    int depth = 0;
    bool known = true;
    while (skip_space(cur, in_call || depth > 0)) {
        if (depth == 0 && at_end(cur, in_call)) return true;
        if (done(cur)) return false;
        char c = *cur->at;
        int prefix = string_prefix(cur);
        if (prefix >= 0) {
            if (!read_string(cur, prefix, NULL, &known)) return false;
            continue;
        }
        if (is_ident_start(
                c)) { /* as a whole, so that no letter of it is taken for a string's prefix */
            while (!done(cur) && is_ident(*cur->at)) cur->at++;
            continue;
        }
        if (c == '(' || c == '[' || c == '{') depth++;
        if ((c == ')' || c == ']' || c == '}') && --depth < 0) return false;
        cur->at++;
    }
    return false;
}

/* One literal (adjacent strings are one) or name, in any number of parentheses. false: it is
 * something else. */
static bool read_simple(struct cursor *cur, bool in_call, struct value *out)
{
    int open = 0;
    if (!skip_space(cur, in_call)) return false;
    while (peek(cur, 0) == '(') {
        cur->at++;
        open++;
        if (!skip_space(cur, true)) return false;
    }
    bool known = true;
    int prefix = string_prefix(cur);
    if (prefix >= 0) {
        out->kind = VALUE_LITERAL;
        while (prefix >= 0) {
            if (!read_string(cur, prefix, out, &known)) return false;
            if (!skip_space(cur, in_call || open > 0)) return false;
            prefix = string_prefix(cur);
        }
    } else if (!done(cur) && is_ident_start(*cur->at)) {
        out->kind = VALUE_NAME;
        while (known && !done(cur) && is_ident(*cur->at)) known = add_char(out, *cur->at++);
        if (!skip_space(cur, in_call || open > 0)) return false;
    } else {
        return false;
    }
    while (open > 0 && peek(cur, 0) == ')') {
        cur->at++;
        open--;
        if (!skip_space(cur, in_call || open > 0)) return false;
    }
    out->text[out->len] = '\0';
    return known && open == 0 && at_end(cur, in_call) && ptmi_str_is_text(out->text, out->len) &&
           strlen(out->text) == out->len && !strpbrk(out->text, "\n\r\t");
}

/* false: no end of the value was found. */
static bool read_value(struct cursor *cur, bool in_call, struct value *out)
{
    struct cursor start = *cur;
    memset(out, 0, sizeof(*out));
    if (read_simple(cur, in_call, out)) return true;
    memset(out, 0, sizeof(*out));
    *cur = start;
    return skip_value(cur, in_call);
}

/* ---- names -------------------------------------------------------------- */

static struct torch_var *find_var(struct ptmi_torch_calls *calls, const char *name, size_t len)
{
    for (size_t i = 0; i < calls->n_vars; i++) {
        if (strlen(calls->vars[i].name) == len && memcmp(calls->vars[i].name, name, len) == 0)
            return &calls->vars[i];
    }
    return NULL;
}

/* NULL: out of memory, or too many (then calls that use the name count as dynamic). */
static struct torch_var *make_var(struct ptmi_torch_calls *calls, const char *name, size_t len)
{
    struct torch_var *var = find_var(calls, name, len);
    if (var || calls->n_vars >= MAX_VARS) return var;
    if (!calls->vars) calls->vars = ptmi_arena_alloc(calls->arena, MAX_VARS * sizeof(*calls->vars));
    char *copy = ptmi_arena_strndup(calls->arena, name, len);
    if (!calls->vars || !copy) return NULL;
    var = &calls->vars[calls->n_vars++];
    var->name = copy;
    return var;
}

static void forget(struct torch_var *var)
{
    const char *name = var->name;
    memset(var, 0, sizeof(*var));
    var->name = name;
}

/* certain: at the top level of the code, so that it is sure to run. */
static bool assign(struct ptmi_torch_calls *calls, struct torch_var *var, const struct value *value,
                   bool comment, bool certain)
{
    if (comment && value->kind != VALUE_LITERAL) return true;
    if (var->used && !comment && certain) forget(var);
    if (value->kind != VALUE_LITERAL) {
        var->dynamic = true;
        return true;
    }
    struct ptmi_arena_list *list = comment ? &var->variants : &var->live;
    if (!comment && certain) {
        list->n = 0;
        var->dynamic = false;
    }
    if (list->n >= MAX_VALUES) return true;
    char *copy = ptmi_arena_strdup(calls->arena, value->text);
    return copy && ptmi_arena_list_add_new(calls->arena, list, copy);
}

/* ---- calls -------------------------------------------------------------- */

struct call {
    struct value repo, model, source;
    bool has_repo, has_model, has_source;
};

/* The argument's own name when it is given by one ("model="); the cursor is behind the '=' then. */
static bool read_keyword(struct cursor *cur, char name[32])
{
    struct cursor start = *cur;
    size_t n = 0;
    while (!done(cur) && is_ident(*cur->at) && n < 31) name[n++] = *cur->at++;
    name[n] = '\0';
    bool ok = n > 0 && skip_space(cur, true) && peek(cur, 0) == '=' && peek(cur, 1) != '=';
    if (ok)
        cur->at++;
    else
        *cur = start;
    return ok;
}

/* Where the value of an argument belongs, by name or by position; NULL: nowhere. */
static struct value *slot(struct call *call, const char *keyword, int position)
{
    bool repo = keyword ? strcmp(keyword, "repo_or_dir") == 0 || strcmp(keyword, "github") == 0
                        : position == 0;
    bool model = keyword ? strcmp(keyword, "model") == 0 : position == 1;
    if (repo) {
        call->has_repo = true;
        return &call->repo;
    }
    if (model) {
        call->has_model = true;
        return &call->model;
    }
    if (keyword && strcmp(keyword, "source") == 0) {
        call->has_source = true;
        return &call->source;
    }
    return NULL;
}

/* From behind the '(' to behind the ')'. false: no such end. */
static bool read_call(struct cursor *cur, struct call *call)
{
    int position = 0;
    struct value other;
    while (skip_space(cur, true) && !done(cur)) {
        if (*cur->at == ')') {
            cur->at++;
            return true;
        }
        char keyword[32];
        struct value *to = NULL;
        if (*cur->at == '*') {
            if (peek(cur, 1) != '*') position = 2; /* *args: what stands behind is anywhere */
        } else {
            bool named = read_keyword(cur, keyword);
            to = slot(call, named ? keyword : NULL, position);
            if (!named) position++;
        }
        const char *before = cur->at;
        if (!read_value(cur, true, to ? to : &other) || cur->at == before) return false;
        if (!skip_space(cur, true)) return false;
        if (peek(cur, 0) == ',') cur->at++;
    }
    return false;
}

/* The call's own text: the marks of commented lines are taken out. */
static char *call_text(struct ptmi_arena *arena, const char *start, const char *end, bool comment)
{
    char *text = ptmi_arena_strndup(arena, start, (size_t)(end - start));
    if (!text || !comment) return text;
    char *to = text;
    for (const char *from = text; *from; from++) {
        *to++ = *from;
        if (*from != '\n') continue;
        const char *mark = from + 1;
        while (*mark == ' ' || *mark == '\t') mark++;
        while (*mark == '#') mark++;
        from = mark - 1;
    }
    *to = '\0';
    return text;
}

/* "owner/name[:ref]" into point; anything else (a folder, a URL) leaves it without a repository. */
static bool set_repo(struct ptm_entry_point *point, const char *text, struct ptmi_arena *arena)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    size_t slashes = 0;
    for (size_t i = 0; i < len; i++) {
        slashes += text[i] == '/';
        if (!isalnum((unsigned char)text[i]) && !strchr("-_./", text[i])) return true;
    }
    if (slashes != 1 || len < 3 || text[0] == '/' || text[len - 1] == '/' || text[0] == '.')
        return true;
    point->repo = ptmi_arena_strndup(arena, text, len);
    if (colon && colon[1]) point->ref = ptmi_arena_strdup(arena, colon + 1);
    return point->repo && (!colon || !colon[1] || point->ref);
}

static bool same(const struct ptm_entry_point *a, const struct ptm_entry_point *b)
{
    return ptmi_str_eq(a->repo, b->repo) && ptmi_str_eq(a->ref, b->ref) &&
           ptmi_str_eq(a->name, b->name) && strcmp(a->code, b->code) == 0;
}

static bool add_point(struct ptmi_torch_calls *calls, const struct ptm_entry_point *point)
{
    for (size_t i = 0; i < calls->n; i++) {
        if (same(&calls->items[i], point)) return true;
    }
    if (calls->n >= MAX_CALLS) return true;
    if (!calls->items)
        calls->items = ptmi_arena_alloc(calls->arena, MAX_CALLS * sizeof(*calls->items));
    if (!calls->items) return false;
    calls->items[calls->n++] = *point;
    return true;
}

/* The one text a value stands for, NULL when that cannot be told. Borrowed. */
static const char *single(struct ptmi_torch_calls *calls, const struct value *value)
{
    if (value->kind == VALUE_LITERAL) return value->text;
    if (value->kind != VALUE_NAME) return NULL;
    struct torch_var *var = find_var(calls, value->text, value->len);
    if (!var) return NULL;
    var->used = true;
    return !var->dynamic && var->live.n == 1 ? var->live.items[0] : NULL;
}

/* One entry point for each value that the model's name may have. */
static bool add_models(struct ptmi_torch_calls *calls, const struct value *model,
                       struct ptm_entry_point *point)
{
    struct torch_var *var =
        model->kind == VALUE_NAME ? find_var(calls, model->text, model->len) : NULL;
    if (var) var->used = true;
    if (!var || var->dynamic || var->live.n == 0) {
        point->name = model->kind == VALUE_LITERAL && model->len > 0
                          ? ptmi_arena_strdup(calls->arena, model->text)
                          : NULL;
        if (model->kind == VALUE_LITERAL && model->len > 0 && !point->name) return false;
        return add_point(calls, point);
    }
    const struct ptmi_arena_list *const lists[] = {&var->live, &var->variants};
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < lists[l]->n; i++) {
            const char *name = lists[l]->items[i];
            point->name = *name ? name : NULL; /* "" is filled in by code that we do not see */
            if (!add_point(calls, point)) return false;
        }
    }
    return true;
}

static bool add_call(struct ptmi_torch_calls *calls, const struct call *call, const char *code,
                     int line)
{
    struct ptm_entry_point point = {.code = code, .line = line};
    const char *repo = single(calls, &call->repo);
    const char *source = call->has_source ? single(calls, &call->source) : "github";
    bool github = source && strcmp(source, "github") == 0;
    if (repo && github && !set_repo(&point, repo, calls->arena)) return false;
    return add_models(calls, &call->model, &point);
}

/* ---- statements --------------------------------------------------------- */

/* The cursor is behind the name of the function. Goes on behind the call, or stays when it is none.
 */
static bool on_call(struct ptmi_torch_calls *calls, struct cursor *cur, const char *start)
{
    struct cursor ahead = *cur;
    skip_blanks(&ahead);
    if (peek(&ahead, 0) != '(') return true;
    ahead.at++;
    if (ahead.end - ahead.at > MAX_CALL) ahead.end = ahead.at + MAX_CALL;
    struct call call = {0};
    if (calls->broken > MAX_BROKEN) return true;
    if (!read_call(&ahead, &call)) {
        calls->broken++;
        return true;
    }
    if (!call.has_repo) return true;
    char *code = call_text(calls->arena, start, ahead.at, cur->comment);
    int line = cur->line;
    cur->at = ahead.at;
    cur->line = ahead.line;
    return code && add_call(calls, &call, code, line);
}

/* The cursor is at the first name of a statement: "name = .." or "a, b = ..", else nothing happens.
 * It does not move. */
static bool on_statement(struct ptmi_torch_calls *calls, const struct cursor *cur, bool indented)
{
    struct cursor ahead = *cur;
    struct value value = {.kind = VALUE_OTHER};
    const char *name = ahead.at;
    while (!done(&ahead) && is_ident(*ahead.at)) ahead.at++;
    size_t len = (size_t)(ahead.at - name);
    if (len == 3 && memcmp(name, "for", 3) == 0) { /* the loop's name has many values */
        skip_blanks(&ahead);
        name = ahead.at;
        while (!done(&ahead) && is_ident(*ahead.at)) ahead.at++;
        len = (size_t)(ahead.at - name);
    } else {
        skip_blanks(&ahead);
        char c = peek(&ahead, 0);
        bool plain = c == '=' && peek(&ahead, 1) != '=';
        bool changed = c && strchr("+-*/%&|^@", c) && peek(&ahead, 1) == '=';
        if (!plain && !changed && c != ',') return true;
        if (c == ',' && cur->comment) return true; /* prose */
        if (plain) {
            ahead.at++;
            if (ahead.end - ahead.at > MAX_RHS) ahead.end = ahead.at + MAX_RHS;
            if (calls->broken > MAX_BROKEN || !read_value(&ahead, false, &value)) {
                calls->broken++;
                value.kind = VALUE_OTHER;
            }
        }
    }
    /* Names assigned other things matter only where a literal was assigned before. */
    struct torch_var *var =
        value.kind == VALUE_LITERAL ? make_var(calls, name, len) : find_var(calls, name, len);
    if (!var) return value.kind != VALUE_LITERAL || calls->n_vars >= MAX_VARS;
    return assign(calls, var, &value, cur->comment, !indented);
}

/* At the start of a line: passes indentation, a doctest's prompt and comment marks. *out_indented:
 * the code is indented. */
static void start_line(struct cursor *cur, bool *out_indented)
{
    const char *start = cur->at;
    skip_blanks(cur);
    cur->comment = peek(cur, 0) == '#';
    while (peek(cur, 0) == '#') cur->at++;
    *out_indented = !cur->comment && cur->at > start;
    if (cur->comment) skip_blanks(cur);
    bool prompt = (peek(cur, 0) == '>' && peek(cur, 1) == '>' && peek(cur, 2) == '>') ||
                  (peek(cur, 0) == '.' && peek(cur, 1) == '.' && peek(cur, 2) == '.');
    if (prompt) {
        cur->at += 3;
        skip_blanks(cur);
    }
}

/* Passes a name with its dots; a call of torch.hub.load is taken up. */
static bool on_name(struct ptmi_torch_calls *calls, struct cursor *cur)
{
    const char *start = cur->at;
    while (!done(cur) && (is_ident(*cur->at) || *cur->at == '.')) cur->at++;
    size_t len = (size_t)(cur->at - start);
    bool load = (len == 14 && memcmp(start, "torch.hub.load", 14) == 0) ||
                (len == 8 && memcmp(start, "hub.load", 8) == 0);
    return !load || on_call(calls, cur, start);
}

bool ptmi_torch_calls_scan(struct ptmi_torch_calls *calls, const char *code, size_t len,
                           int first_line)
{
    struct cursor cur = {.at = code, .end = code + len, .line = first_line};
    bool at_line = true;      /* nothing of the line has been read */
    bool at_statement = true; /* .. or nothing since a ';' */
    bool indented = false;
    bool known = true;
    while (!done(&cur)) {
        if (at_line) start_line(&cur, &indented);
        at_line = false;
        if (done(&cur)) break;
        char c = *cur.at;
        int prefix =
            cur.comment ? -1 : string_prefix(&cur); /* an apostrophe in prose is no string */
        if (prefix >= 0) {
            (void)read_string(&cur, prefix, NULL, &known);
            at_statement = false;
        } else if (is_ident_start(c)) {
            if (at_statement && !on_statement(calls, &cur, indented)) return false;
            if (!on_name(calls, &cur)) return false;
            at_statement = false;
        } else {
            at_line = c == '\n';
            at_statement =
                at_line || (c == ';' && !cur.comment) || (at_statement && (c == ' ' || c == '\t'));
            if (at_line) cur.line++;
            cur.comment = !at_line && (cur.comment || c == '#');
            cur.at++;
        }
    }
    return true;
}
