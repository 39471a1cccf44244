/* SPDX-License-Identifier: MIT */
/*
 * py_source.c - a file of Python read into a tree by tree-sitter. Its grammar knows Python 2 and 3,
 * and goes on after what it does not understand. Texts in other encodings than UTF-8 become UTF-8
 * before they are parsed, lines that end as on Windows or old Macs end with \n as Python has them.
 */
#include "py_source.h"

#include <ctype.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/limits.h"
#include "../base/str.h"

const TSLanguage *tree_sitter_python(void);

/* --- the grammar --- */

struct kind_name {
    const char *name;
    ptmi_py_kind kind;
};
#define KIND_NAME(name, NAME) {#name, PY_##NAME},
static const struct kind_name KIND_NAMES[] = {PTMI_PY_KINDS(KIND_NAME)}; /* in order of names */
#undef KIND_NAME
#define FIELD_NAME(name, NAME) #name,
static const char *const FIELD_NAMES[] = {PTMI_PY_FIELDS(FIELD_NAME)};
#undef FIELD_NAME

static int compare_kind(const void *name, const void *kind)
{
    return strcmp(name, ((const struct kind_name *)kind)->name);
}

static uint8_t kind_named(const char *name)
{
    const struct kind_name *found = bsearch(
        name, KIND_NAMES, sizeof KIND_NAMES / sizeof *KIND_NAMES, sizeof *KIND_NAMES, compare_kind);
    return found ? (uint8_t)found->kind : PY_OTHER;
}

ptm_rc ptmi_py_lang_init(struct ptmi_py_lang *lang, struct ptm_err *err)
{
    const TSLanguage *python = tree_sitter_python();
    uint32_t n = ts_language_symbol_count(python);
    for (uint32_t i = 0; i < n && i < sizeof lang->kinds; i++)
        if (ts_language_symbol_type(python, (TSSymbol)i) == TSSymbolTypeRegular)
            lang->kinds[i] = kind_named(ts_language_symbol_name(python, (TSSymbol)i));
    for (int i = 0; i < PYF_COUNT; i++)
        lang->fields[i] =
            ts_language_field_id_for_name(python, FIELD_NAMES[i], (uint32_t)strlen(FIELD_NAMES[i]));
    lang->parser = ts_parser_new();
    if (!lang->parser) return ptm_err_set(err, PTM_ENOMEM, "parser of Python");
    if (!ts_parser_set_language(lang->parser, python))
        return ptm_err_set(err, PTM_EBUG, "the grammar of Python is not one for this tree-sitter");
    ts_parser_set_timeout_micros(lang->parser, PTM_LIMIT_PYTHON_MICROS);
    return PTM_OK;
}

void ptmi_py_lang_clear(struct ptmi_py_lang *lang)
{
    if (lang->parser) ts_parser_delete(lang->parser);
    lang->parser = NULL;
}

/* --- encodings --- */

/* Those that files of Python have been seen in, and none that carry states. */
static const char *const ENCODINGS[] = {
    "big5",        "cp1250",     "cp1251",  "cp1252",  "cp936",  "cp949",
    "euc-jp",      "euc-kr",     "gb18030", "gb2312",  "gbk",    "iso-8859-1",
    "iso-8859-15", "iso-8859-2", "koi8-r",  "latin-1", "latin1", "shift_jis",
};

static const char *known_encoding(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof ENCODINGS / sizeof *ENCODINGS; i++)
        if (strlen(ENCODINGS[i]) == len && strncasecmp(ENCODINGS[i], name, len) == 0)
            return ptmi_str_eq(ENCODINGS[i], "latin-1") ? "latin1" : ENCODINGS[i];
    return NULL;
}

/* PEP 263: a comment in one of the first two lines that holds "coding:" or "coding=". */
static const char *cookie(const char *text)
{
    for (int line = 0; line < 2 && text; line++) {
        const char *end = strchr(text, '\n'), *at = text + strspn(text, " \t\f");
        const char *coding = *at == '#' ? strstr(at, "coding") : NULL;
        if (coding && (!end || coding < end) && (coding[6] == ':' || coding[6] == '=')) {
            const char *name = coding + 7 + strspn(coding + 7, " \t");
            return known_encoding(name, strcspn(name, " \t\r\n;*"));
        }
        if (*at != '#' && *at != '\n' && *at != '\r') return NULL;
        text = end ? end + 1 : NULL;
    }
    return NULL;
}

/* Copies byte by byte what no encoding explains: U+FFFD for each. */
static ptm_rc replace_bad(const char *text, size_t len, struct ptmi_buf *out, struct ptm_err *err)
{
    uint32_t code;
    for (size_t at = 0; at < len;) {
        size_t n = ptmi_str_utf8_next(text + at, len - at, &code);
        PTM_TRY(n ? ptmi_buf_append(out, text + at, n, err)
                  : ptmi_buf_puts(out, "\xef\xbf\xbd", err));
        at += n ? n : 1;
    }
    return PTM_OK;
}

static ptm_rc convert(const char *encoding, const char *text, size_t len, struct ptmi_buf *out,
                      struct ptm_err *err)
{
    char chunk[4096], *in = (char *)text;
    iconv_t to = iconv_open("UTF-8", encoding);
    if (to == (iconv_t)-1) return replace_bad(text, len, out, err);
    ptm_rc rc = PTM_OK;
    while (len > 0 && rc == PTM_OK) {
        char *at = chunk;
        size_t room = sizeof chunk, before = len;
        (void)iconv(to, &in, &len, &at, &room);
        rc = ptmi_buf_append(out, chunk, sizeof chunk - room, err);
        if (rc == PTM_OK && len == before && room == sizeof chunk) { /* a byte it cannot read */
            rc = ptmi_buf_puts(out, "\xef\xbf\xbd", err);
            in++;
            len--;
        }
    }
    iconv_close(to);
    return rc;
}

static ptm_rc to_utf8(char **text, size_t *len, struct ptm_err *err)
{
    const char *encoding = cookie(*text);
    if (!encoding && ptmi_str_is_utf8(*text, *len)) return PTM_OK;
    struct ptmi_buf out = PTMI_BUF(4 * (size_t)PTM_LIMIT_PYTHON);
    ptm_rc rc =
        encoding ? convert(encoding, *text, *len, &out, err) : replace_bad(*text, *len, &out, err);
    size_t made = out.len;
    char *taken = rc == PTM_OK ? ptmi_buf_take(&out) : NULL;
    ptmi_buf_clear(&out);
    if (rc < 0) return rc;
    if (!taken) return ptm_err_set(err, PTM_ENOMEM, "text of a file");
    free(*text);
    *text = taken;
    *len = made;
    return PTM_OK;
}

/* In place: "\r\n" and "\r" become "\n". */
static size_t unix_lines(char *text, size_t len)
{
    char *to = memchr(text, '\r', len);
    if (!to) return len;
    for (const char *at = to, *end = text + len; at < end; at++) {
        if (*at == '\r' && at + 1 < end && at[1] == '\n') continue;
        *to++ = *at == '\r' ? '\n' : *at;
    }
    *to = '\0';
    return (size_t)(to - text);
}

/* --- reading --- */

/* No fewer than the parser can take the text for, whatever state it is in: a word (one that begins
 * with a digit may be two), a sign, and for each line its end, and an indent with its dedent. */
static size_t count_tokens(const char *text, size_t len)
{
    size_t n = 3;
    bool in_word = false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool word = c == '_' || (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (word)
            n += in_word ? 0 : c <= '9' ? 2 : 1;
        else if (c == '\n')
            n += 3;
        else if (c != ' ' && c != '\t' && (c < 0x80 || c >= 0xc0))
            n++;
        in_word = word;
    }
    return n;
}

static ptm_rc parse(struct ptmi_py_lang *lang, struct ptmi_py_source *source, struct ptm_err *err)
{
    size_t skip = ptmi_str_starts(source->text, "\xef\xbb\xbf") ? 3 : 0;
    if (skip) memmove(source->text, source->text + skip, source->len - skip + 1);
    source->len -= skip;
    PTM_TRY(to_utf8(&source->text, &source->len, err));
    source->len = unix_lines(source->text, source->len);
    if (count_tokens(source->text, source->len) > PTM_LIMIT_PYTHON_TOKENS)
        return ptm_err_set(err, PTM_ELIMIT, "%s: more than %d words and signs", source->path,
                           PTM_LIMIT_PYTHON_TOKENS);
    ts_parser_reset(lang->parser);
    source->tree = ts_parser_parse_string(lang->parser, NULL, source->text, (uint32_t)source->len);
    if (!source->tree)
        return ptm_err_set(err, PTM_ELIMIT, "%s: takes too long to parse", source->path);
    source->root = ts_tree_root_node(source->tree);
    return PTM_OK;
}

ptm_rc ptmi_py_source_read(struct ptmi_py_lang *lang, const char *dir, const char *path,
                           struct ptmi_py_source *out, struct ptm_err *err)
{
    struct ptmi_py_source source = {0};
    PTM_TRY(ptmi_fs_read_beneath(dir, path, PTM_LIMIT_PYTHON, &source.text, &source.len, err));
    source.path = strdup(path);
    ptm_rc rc = source.path ? parse(lang, &source, err) : ptm_err_set(err, PTM_ENOMEM, "%s", path);
    if (rc < 0)
        ptmi_py_source_clear(&source);
    else
        *out = source;
    return rc;
}

void ptmi_py_source_clear(struct ptmi_py_source *source)
{
    if (source->tree) ts_tree_delete(source->tree);
    free(source->path);
    free(source->text);
    *source = (struct ptmi_py_source){0};
}

/* Goes down towards the first child with an error in it: a path, not the tree. */
int ptmi_py_source_damage(const struct ptmi_py_source *source)
{
    TSNode at = source->root;
    if (!ts_node_has_error(at)) return 0;
    TSTreeCursor cursor = ts_tree_cursor_new(at);
    while (!ts_node_is_missing(at) && ts_node_symbol(at) != (TSSymbol)-1 &&
           ts_tree_cursor_goto_first_child(&cursor)) {
        bool deeper;
        while (!(deeper = ts_node_has_error(ts_tree_cursor_current_node(&cursor))) &&
               ts_tree_cursor_goto_next_sibling(&cursor)) {
        }
        if (!deeper) break;
        at = ts_tree_cursor_current_node(&cursor);
    }
    ts_tree_cursor_delete(&cursor);
    return ptmi_py_line(at);
}

/* --- nodes --- */

ptmi_py_kind ptmi_py_kind_of(const struct ptmi_py_lang *lang, TSNode node)
{
    if (ts_node_is_null(node)) return PY_OTHER;
    TSSymbol symbol = ts_node_symbol(node);
    if (symbol == (TSSymbol)-1) return PY_ERROR;
    return symbol < sizeof lang->kinds ? (ptmi_py_kind)lang->kinds[symbol] : PY_OTHER;
}

TSNode ptmi_py_field_of(const struct ptmi_py_lang *lang, TSNode node, ptmi_py_field field)
{
    return ts_node_child_by_field_id(node, lang->fields[field]);
}

int ptmi_py_line(TSNode node)
{
    return (int)ts_node_start_point(node).row + 1;
}

struct ptmi_py_span ptmi_py_span_of(const struct ptmi_py_source *source, TSNode node)
{
    size_t begin = ts_node_start_byte(node), end = ts_node_end_byte(node);
    if (end > source->len) end = source->len;
    if (begin > end) begin = end;
    return (struct ptmi_py_span){source->text + begin, end - begin};
}

bool ptmi_py_span_is(struct ptmi_py_span span, const char *text)
{
    return strlen(text) == span.len && memcmp(span.text, text, span.len) == 0;
}

struct ptmi_py_kids ptmi_py_kids_of(const struct ptmi_py_lang *lang, TSNode node)
{
    return (struct ptmi_py_kids){
        .lang = lang, .cursor = ts_tree_cursor_new(node), .over = ts_node_is_null(node)};
}

bool ptmi_py_kids_next(struct ptmi_py_kids *kids, TSNode *out)
{
    while (!kids->over) {
        bool more = kids->begun ? ts_tree_cursor_goto_next_sibling(&kids->cursor)
                                : ts_tree_cursor_goto_first_child(&kids->cursor);
        kids->begun = true;
        kids->over = !more;
        if (!more) return false;
        *out = ts_tree_cursor_current_node(&kids->cursor);
        if (!ts_node_is_named(*out)) continue;
        ptmi_py_kind kind = ptmi_py_kind_of(kids->lang, *out);
        if (kind == PY_COMMENT || kind == PY_LINE_CONTINUATION) {
            if (kids->lang->skipped) ++*kids->lang->skipped;
            continue;
        }
        kids->field = ts_tree_cursor_current_field_id(&kids->cursor);
        return true;
    }
    return false;
}

bool ptmi_py_kids_in(const struct ptmi_py_kids *kids, ptmi_py_field field)
{
    return kids->field == kids->lang->fields[field];
}

void ptmi_py_kids_end(struct ptmi_py_kids *kids)
{
    ts_tree_cursor_delete(&kids->cursor);
}

TSNode ptmi_py_first(const struct ptmi_py_lang *lang, TSNode node)
{
    PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(lang, node);
    TSNode kid = {0};
    return ptmi_py_kids_next(&kids, &kid) ? kid : (TSNode){0};
}
