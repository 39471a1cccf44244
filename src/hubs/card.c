/* SPDX-License-Identifier: MIT */
/*
 * card.c - model cards: Markdown by cmark-gfm with tables, into plain arrays of tables, links and
 * fences. The front matter is card_meta.c's, what a card says of a model card_describe.c's.
 *
 * cmark's blocks and inlines are lists and stacks on the heap, never recursion; what is left to
 * guard against is time and memory: see guard().
 */
#include "card_priv.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm-extension_api.h>

#include "../base/auto.h"
#include "../base/limits.h"
#include "../base/str.h"

/* Strings and arrays of one card: a few times its text, and 16 bytes a table cell. */
#define CARD_ARENA (64u << 20)

/*
 * Short lines of a wide table are filled up with empty cells of some 240 bytes each: 2 MB of text
 * would become 100 GB. Half a million cells are 120 MB, and a hundred times the largest table seen.
 */
#define MAX_CELLS 500000
/* cmark walks all open blocks at every line: 100 deep, 2 MB of empty lines take 4 s; 1,000 deep, 45
 * s. */
#define MAX_NESTING 100
/* Columns of indentation in front of a list item, which is the other way to nest. */
#define MAX_INDENT 400
/* In one run of lines without a blank one: quadratic in cmark-gfm 0.29 (measured: 100 s and more
 * for 2 MB of either). */
#define MAX_RUN_IMAGES 5000
#define MAX_RUN_ATS 5000

/* ---- the guard ---------------------------------------------------------- */

struct guard {
    size_t images, ats; /* in the run */
    size_t columns;     /* of the table the run may be in */
    size_t cells;       /* of all tables so far */
};

/* Depth of containers that a line's start opens or continues. */
static size_t line_nesting(const char *line, size_t len)
{
    size_t depth = 0;
    size_t indent = 0;
    size_t i = 0;
    while (i < len) {
        size_t start = i;
        if (line[i] == '>') {
            depth++;
            i++;
        } else if (strchr("-+*", line[i]) && i + 1 < len && isspace((unsigned char)line[i + 1])) {
            depth++;
            i++;
        } else if (isdigit((unsigned char)line[i])) {
            while (i < len && isdigit((unsigned char)line[i])) i++;
            if (i >= len || (line[i] != '.' && line[i] != ')')) break;
            depth++;
            i++;
        } else if (line[i] == ' ' || line[i] == '\t') {
            if (depth == 0) indent += line[i] == '\t' ? 4 : 1;
            i++;
        } else {
            break;
        }
        if (i == start) break;
    }
    return depth > 0 && indent > MAX_INDENT ? MAX_NESTING + 1 : depth;
}

/* Columns of a line that can be a table's delimiter row, 0 for any other. */
static size_t delimiter_columns(const char *line, size_t len)
{
    size_t pipes = 0;
    bool dash = false;
    for (size_t i = 0; i < len; i++) {
        if (!strchr("|:- \t\v\f>", line[i]) || line[i] == '\0') return 0;
        pipes += line[i] == '|';
        dash |= line[i] == '-';
    }
    return dash ? pipes + 1 : 0;
}

static ptm_rc guard_line(struct guard *guard, const char *line, size_t len, const char *what,
                         size_t number, struct ptm_err *err)
{
    size_t blank = 0;
    while (blank < len && (line[blank] == ' ' || line[blank] == '\t')) blank++;
    if (blank == len) {
        guard->images = guard->ats = guard->columns = 0;
        return PTM_OK;
    }
    for (size_t i = 0; i < len; i++) {
        guard->images += line[i] == '!' && i + 1 < len && line[i + 1] == '[';
        guard->ats += line[i] == '@';
    }
    size_t columns = delimiter_columns(line, len);
    if (columns > guard->columns) guard->columns = columns;
    guard->cells += guard->columns;
    if (guard->images > MAX_RUN_IMAGES || guard->ats > MAX_RUN_ATS || guard->cells > MAX_CELLS ||
        line_nesting(line, len) > MAX_NESTING)
        return ptm_err_set(err, PTM_ELIMIT,
                           "%s:%zu: Markdown of a kind that only exhausts its reader", what,
                           number);
    return PTM_OK;
}

static ptm_rc guard_text(const char *text, size_t len, const char *what, struct ptm_err *err)
{
    struct guard guard = {0};
    size_t number = 1;
    for (const char *line = text; line < text + len; number++) {
        const char *eol = memchr(line, '\n', (size_t)(text + len - line));
        if (!eol) eol = text + len;
        PTM_TRY(guard_line(&guard, line, (size_t)(eol - line), what, number, err));
        line = eol + 1;
    }
    return PTM_OK;
}

/* ---- cmark -------------------------------------------------------------- */

/* cmark keeps its extensions in a list of its own, filled without any lock. */
static pthread_once_t extensions_once = PTHREAD_ONCE_INIT;

static cmark_node *parse_markdown(const char *text, size_t len)
{
    static const char *const extensions[] = {"table", "autolink"};
    pthread_once(&extensions_once, cmark_gfm_core_extensions_ensure_registered);
    cmark_parser *parser = cmark_parser_new(CMARK_OPT_VALIDATE_UTF8);
    if (!parser) return NULL;
    for (size_t i = 0; i < sizeof(extensions) / sizeof(*extensions); i++) {
        cmark_syntax_extension *extension = cmark_find_syntax_extension(extensions[i]);
        if (extension) cmark_parser_attach_syntax_extension(parser, extension);
    }
    cmark_parser_feed(parser, text, len);
    cmark_node *root = cmark_parser_finish(parser);
    cmark_parser_free(parser);
    return root;
}

/* cmark gives the types of extensions' nodes numbers at run time; their names are fixed. */
static bool is_type(cmark_node *node, const char *name)
{
    return strcmp(cmark_node_get_type_string(node), name) == 0;
}

void *ptmi_card_grow(struct ptmi_arena *arena, void *items, size_t n, size_t size)
{
    /* Full exactly at the powers of two from 8 on, so that no capacity needs to be kept. */
    if (n >= PTM_LIMIT_ITEMS) return NULL;
    if (n != 0 && (n < 8 || (n & (n - 1)) != 0)) return items;
    void *grown = ptmi_arena_alloc(arena, (n == 0 ? 8 : 2 * n) * size);
    if (grown && n > 0) memcpy(grown, items, n * size);
    return grown;
}

/* ---- raw HTML ----------------------------------------------------------- */

/* Value of attribute name in the tag text[0..len): in the arena, NULL when it has none. */
static const char *tag_attribute(struct ptmi_arena *arena, const char *tag, size_t len,
                                 const char *name)
{
    size_t name_len = strlen(name);
    for (size_t i = 1; i + name_len + 1 < len; i++) {
        if (!isspace((unsigned char)tag[i - 1]) || strncasecmp(tag + i, name, name_len) != 0)
            continue;
        size_t at = i + name_len;
        while (at < len && isspace((unsigned char)tag[at])) at++;
        if (at >= len || tag[at] != '=') continue;
        at++;
        while (at < len && isspace((unsigned char)tag[at])) at++;
        if (at >= len) return NULL;
        char quote = tag[at] == '"' || tag[at] == '\'' ? tag[at] : '\0';
        size_t start = quote ? at + 1 : at;
        size_t end = start;
        while (end < len &&
               (quote ? tag[end] != quote : !isspace((unsigned char)tag[end]) && tag[end] != '>'))
            end++;
        return ptmi_arena_strndup(arena, tag + start, end - start);
    }
    return NULL;
}

/* The <a> tags of a piece of raw HTML: links are taken up, the last name becomes *anchor. */
static void read_html(ptmi_card *card, const char *html, const char **anchor)
{
    for (const char *tag = html; (tag = strchr(tag, '<'));) {
        tag++;
        if ((*tag != 'a' && *tag != 'A') || !isspace((unsigned char)tag[1])) continue;
        const char *end = strchr(tag, '>');
        if (!end) return;
        const char *name = tag_attribute(&card->arena, tag, (size_t)(end - tag), "name");
        const char *href = tag_attribute(&card->arena, tag, (size_t)(end - tag), "href");
        if (name && *name) *anchor = name;
        if (href && *href) (void)ptmi_arena_list_add(&card->arena, &card->links, href);
        tag = end;
    }
}

/* ---- tables ------------------------------------------------------------- */

/* Appends text with every run of white space as one space, none at the start. */
static ptm_rc add_words(struct ptmi_buf *buf, const char *text, struct ptm_err *err)
{
    for (; *text; text++) {
        bool space = isspace((unsigned char)*text) != 0;
        if (space && (buf->len == 0 || buf->data[buf->len - 1] == ' ')) continue;
        PTM_TRY(ptmi_buf_putc(buf, space ? ' ' : *text, err));
    }
    return PTM_OK;
}

static ptm_rc add_inline(cmark_node *node, struct ptmi_buf *buf, struct ptm_err *err)
{
    const char *literal = cmark_node_get_literal(node);
    switch (cmark_node_get_type(node)) {
    case CMARK_NODE_TEXT:
    case CMARK_NODE_CODE:
        return literal ? add_words(buf, literal, err) : PTM_OK;
    case CMARK_NODE_SOFTBREAK:
    case CMARK_NODE_LINEBREAK:
        return add_words(buf, " ", err);
    case CMARK_NODE_HTML_INLINE: /* a line break in a table can only be written so */
        return literal && strncasecmp(literal, "<br", 3) == 0 ? add_words(buf, " ", err) : PTM_OK;
    default:
        return PTM_OK;
    }
}

/* Plain text of everything in node, trimmed; the first link's target into *href unless href is
 * NULL. */
static ptm_rc read_text(ptmi_card *card, cmark_node *node, const char **text, const char **href,
                        struct ptmi_buf *buf, struct ptm_err *err)
{
    ptmi_buf_reset(buf);
    cmark_iter *iter = cmark_iter_new(node);
    ptm_rc rc = PTM_OK;
    cmark_event_type event;
    while (rc == PTM_OK && (event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
        cmark_node *inner = cmark_iter_get_node(iter);
        if (event != CMARK_EVENT_ENTER) continue;
        if (href && !*href && cmark_node_get_type(inner) == CMARK_NODE_LINK)
            *href = ptmi_arena_strdup(&card->arena, cmark_node_get_url(inner));
        rc = add_inline(inner, buf, err);
    }
    cmark_iter_free(iter);
    if (rc != PTM_OK) return rc;
    size_t len = buf->len;
    if (len > 0 && buf->data[len - 1] == ' ') len--;
    *text = len > 0 ? ptmi_arena_strndup(&card->arena, buf->data, len) : "";
    return *text ? PTM_OK : ptm_err_set(err, PTM_ELIMIT, "the card's tables are too large");
}

static ptm_rc read_table(ptmi_card *card, cmark_node *node, const char *anchor,
                         struct ptmi_buf *buf, struct ptm_err *err)
{
    struct card_table table = {.anchor = anchor,
                               .columns = cmark_gfm_extensions_get_table_columns(node)};
    size_t lines = 0;
    for (cmark_node *row = cmark_node_first_child(node); row; row = cmark_node_next(row)) lines++;
    if (lines == 0 || table.columns == 0) return PTM_OK;
    table.rows = lines - 1;
    table.cells = ptmi_arena_alloc(&card->arena, lines * table.columns * sizeof(*table.cells));
    struct card_table *tables =
        ptmi_card_grow(&card->arena, card->tables, card->n_tables, sizeof(*tables));
    if (!table.cells || !tables)
        return ptm_err_set(err, PTM_ELIMIT, "the card's tables are too large");
    struct ptmi_cell *cells = table.cells;
    for (cmark_node *row = cmark_node_first_child(node); row; row = cmark_node_next(row)) {
        size_t column = 0;
        for (cmark_node *cell = cmark_node_first_child(row); cell && column < table.columns;
             cell = cmark_node_next(cell)) {
            PTM_TRY(read_text(card, cell, &cells[column].text, &cells[column].href, buf, err));
            column++;
        }
        while (column < table.columns) cells[column++].text = "";
        cells += table.columns;
    }
    tables[card->n_tables++] = table;
    card->tables = tables;
    return PTM_OK;
}

/* ---- the walk ----------------------------------------------------------- */

static ptm_rc read_fence(ptmi_card *card, cmark_node *node, int body_line, struct ptm_err *err)
{
    int length, offset;
    char character;
    if (!cmark_node_get_fenced(node, &length, &offset, &character)) return PTM_OK;
    struct card_fence *fences =
        ptmi_card_grow(&card->arena, card->fences, card->n_fences, sizeof(*fences));
    char *code = ptmi_arena_strdup(&card->arena, cmark_node_get_literal(node));
    char *info = ptmi_arena_strdup(&card->arena, cmark_node_get_fence_info(node));
    if (!fences || !code || !info)
        return ptm_err_set(err, PTM_ELIMIT, "the card has too much code");
    card->fences = fences;
    fences[card->n_fences++] = (struct card_fence){
        .code = code, .info = info, .line = cmark_node_get_start_line(node) + 1 + body_line};
    return PTM_OK;
}

static ptm_rc read_link(ptmi_card *card, cmark_node *node, struct ptm_err *err)
{
    const char *url = cmark_node_get_url(node);
    char *copy = url && *url ? ptmi_arena_strdup(&card->arena, url) : NULL;
    if (url && *url && (!copy || !ptmi_arena_list_add(&card->arena, &card->links, copy)))
        return ptm_err_set(err, PTM_ELIMIT, "the card has too many links");
    return PTM_OK;
}

/* body_line: number of the lines before the body. */
static ptm_rc walk(ptmi_card *card, int body_line, struct ptm_err *err)
{
    struct ptmi_buf buf = PTMI_BUF(PTM_LIMIT_MARKDOWN);
    const char *anchor = NULL;
    cmark_iter *iter = cmark_iter_new(card->root);
    ptm_rc rc = PTM_OK;
    cmark_event_type event;
    while (rc == PTM_OK && (event = cmark_iter_next(iter)) != CMARK_EVENT_DONE) {
        cmark_node *node = cmark_iter_get_node(iter);
        if (event != CMARK_EVENT_ENTER) continue;
        cmark_node_type type = cmark_node_get_type(node);
        if (type == CMARK_NODE_LINK)
            rc = read_link(card, node, err);
        else if (type == CMARK_NODE_CODE_BLOCK)
            rc = read_fence(card, node, body_line, err);
        else if (type == CMARK_NODE_HTML_BLOCK || type == CMARK_NODE_HTML_INLINE)
            read_html(card, cmark_node_get_literal(node), &anchor);
        else if (type == CMARK_NODE_HEADING && (!card->title || !*card->title))
            rc = read_text(card, node, &card->title, NULL, &buf, err);
        else if (is_type(node, "table"))
            rc = read_table(card, node, anchor, &buf, err);
    }
    cmark_iter_free(iter);
    ptmi_buf_clear(&buf);
    return rc;
}

/* A copy with LF for CRLF and CR, without a byte order mark; *len is updated. NULL: out of memory.
 */
static char *normalize(const char *text, size_t *len)
{
    size_t n = *len;
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        n -= 3;
    }
    char *copy = malloc(n + 1);
    if (!copy) return NULL;
    size_t out = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\r' && i + 1 < n && text[i + 1] == '\n') continue;
        copy[out++] = text[i] == '\r' ? '\n' : text[i]; /* to cmark a CR alone ends a line, too */
    }
    copy[out] = '\0';
    *len = out;
    return copy;
}

static int count_lines(const char *text, size_t len)
{
    int n = 0;
    for (size_t i = 0; i < len; i++) n += text[i] == '\n';
    return n;
}

static ptm_rc fill(ptmi_card *card, const char *text, size_t len, const char *what,
                   struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *copy = normalize(text, &len);
    if (!copy) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", what);
    const char *yaml = NULL;
    size_t yaml_len = 0;
    size_t body = ptmi_card_split(copy, len, &yaml, &yaml_len);
    if (body > 0) PTM_TRY(ptmi_card_read_meta(card, yaml, yaml_len, what, err));
    PTM_TRY(guard_text(copy + body, len - body, what, err));
    card->root = parse_markdown(copy + body, len - body);
    if (!card->root) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", what);
    ptm_rc rc = walk(card, count_lines(copy, body), err);
    return rc == PTM_OK ? PTM_OK : ptm_err_ctx(err, rc, "%s", what);
}

PTM_DEFINE_CLEANUP(card_freep, ptmi_card *, ptmi_card_free)

ptm_rc ptmi_card_parse(const char *text, size_t len, const char *what, ptmi_card **out,
                       struct ptm_err *err)
{
    if (len > PTM_LIMIT_MARKDOWN)
        return ptm_err_set(err, PTM_ELIMIT, "%s: %zu bytes of Markdown, at most %u are read", what,
                           len, PTM_LIMIT_MARKDOWN);
    PTM_AUTO(card_freep) ptmi_card *card = calloc(1, sizeof(*card));
    if (!card) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", what);
    card->arena.max = CARD_ARENA;
    PTM_TRY(fill(card, text, len, what, err));
    *out = ptm_steal(&card);
    return PTM_OK;
}

void ptmi_card_free(ptmi_card *card)
{
    if (!card) return;
    if (card->root) cmark_node_free(card->root);
    ptmi_arena_clear(&card->arena);
    free(card);
}

ptm_rc ptmi_card_html(const ptmi_card *card, bool raw_html, struct ptmi_buf *out,
                      struct ptm_err *err)
{
    if (raw_html) PTM_TRY(ptmi_card_make_safe(card->root, err));
    cmark_mem *mem = cmark_get_default_mem_allocator();
    char *html =
        cmark_render_html(card->root, raw_html ? CMARK_OPT_UNSAFE : CMARK_OPT_DEFAULT, NULL);
    if (!html) return ptm_err_set(err, PTM_ENOMEM, "rendering a card: out of memory");
    ptm_rc rc = ptmi_buf_puts(out, html, err);
    mem->free(html);
    return rc;
}

const char *ptmi_card_title(const ptmi_card *card)
{
    return card->title;
}

size_t ptmi_card_tables(const ptmi_card *card)
{
    return card->n_tables;
}

size_t ptmi_card_rows(const ptmi_card *card, size_t table)
{
    return table < card->n_tables ? card->tables[table].rows : 0;
}

size_t ptmi_card_columns(const ptmi_card *card, size_t table)
{
    return table < card->n_tables ? card->tables[table].columns : 0;
}

struct ptmi_cell ptmi_card_cell(const ptmi_card *card, size_t table, int row, size_t column)
{
    struct ptmi_cell none = {.text = ""};
    if (table >= card->n_tables || row < -1) return none;
    const struct card_table *found = &card->tables[table];
    size_t line = (size_t)(row + 1);
    if (line > found->rows || column >= found->columns) return none;
    return found->cells[line * found->columns + column];
}

const char *ptmi_card_table_anchor(const ptmi_card *card, size_t table)
{
    return table < card->n_tables ? card->tables[table].anchor : NULL;
}

const char *ptmi_card_link(const ptmi_card *card, size_t i)
{
    return i < card->links.n ? card->links.items[i] : NULL;
}

const char *ptmi_card_fence(const ptmi_card *card, size_t i, const char **out_info, int *out_line)
{
    if (i >= card->n_fences) return NULL;
    if (out_info) *out_info = card->fences[i].info;
    if (out_line) *out_line = card->fences[i].line;
    return card->fences[i].code;
}
