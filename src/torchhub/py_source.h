/* SPDX-License-Identifier: MIT */
/* py_source.h - one file of Python as text and tree: kinds of nodes, fields, children, lines. A
 * source is immutable once parsed; a lang belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tree_sitter/api.h>

#include <ptm/err.h>

#include "../base/arena.h"
#include "../base/buf.h"

/* Kinds of nodes that mean something to us: PY_IF_STATEMENT is the grammar's "if_statement". */
#define PTMI_PY_KINDS(X)                                  \
    X(aliased_import, ALIASED_IMPORT)                     \
    X(argument_list, ARGUMENT_LIST)                       \
    X(as_pattern, AS_PATTERN)                             \
    X(as_pattern_target, AS_PATTERN_TARGET)               \
    X(assert_statement, ASSERT_STATEMENT)                 \
    X(assignment, ASSIGNMENT)                             \
    X(attribute, ATTRIBUTE)                               \
    X(augmented_assignment, AUGMENTED_ASSIGNMENT)         \
    X(await, AWAIT)                                       \
    X(binary_operator, BINARY_OPERATOR)                   \
    X(block, BLOCK)                                       \
    X(boolean_operator, BOOLEAN_OPERATOR)                 \
    X(break_statement, BREAK_STATEMENT)                   \
    X(call, CALL)                                         \
    X(case_clause, CASE_CLAUSE)                           \
    X(case_pattern, CASE_PATTERN)                         \
    X(class_definition, CLASS_DEFINITION)                 \
    X(comment, COMMENT)                                   \
    X(comparison_operator, COMPARISON_OPERATOR)           \
    X(concatenated_string, CONCATENATED_STRING)           \
    X(conditional_expression, CONDITIONAL_EXPRESSION)     \
    X(continue_statement, CONTINUE_STATEMENT)             \
    X(decorated_definition, DECORATED_DEFINITION)         \
    X(decorator, DECORATOR)                               \
    X(default_parameter, DEFAULT_PARAMETER)               \
    X(delete_statement, DELETE_STATEMENT)                 \
    X(dictionary, DICTIONARY)                             \
    X(dictionary_comprehension, DICTIONARY_COMPREHENSION) \
    X(dictionary_splat, DICTIONARY_SPLAT)                 \
    X(dictionary_splat_pattern, DICTIONARY_SPLAT_PATTERN) \
    X(dotted_name, DOTTED_NAME)                           \
    X(elif_clause, ELIF_CLAUSE)                           \
    X(else_clause, ELSE_CLAUSE)                           \
    X(except_clause, EXCEPT_CLAUSE)                       \
    X(except_group_clause, EXCEPT_GROUP_CLAUSE)           \
    X(exec_statement, EXEC_STATEMENT)                     \
    X(expression_list, EXPRESSION_LIST)                   \
    X(expression_statement, EXPRESSION_STATEMENT)         \
    X(false, FALSE)                                       \
    X(finally_clause, FINALLY_CLAUSE)                     \
    X(float, FLOAT)                                       \
    X(for_in_clause, FOR_IN_CLAUSE)                       \
    X(for_statement, FOR_STATEMENT)                       \
    X(function_definition, FUNCTION_DEFINITION)           \
    X(future_import_statement, FUTURE_IMPORT_STATEMENT)   \
    X(generator_expression, GENERATOR_EXPRESSION)         \
    X(global_statement, GLOBAL_STATEMENT)                 \
    X(identifier, IDENTIFIER)                             \
    X(if_clause, IF_CLAUSE)                               \
    X(if_statement, IF_STATEMENT)                         \
    X(import_from_statement, IMPORT_FROM_STATEMENT)       \
    X(import_prefix, IMPORT_PREFIX)                       \
    X(import_statement, IMPORT_STATEMENT)                 \
    X(integer, INTEGER)                                   \
    X(interpolation, INTERPOLATION)                       \
    X(keyword_argument, KEYWORD_ARGUMENT)                 \
    X(keyword_separator, KEYWORD_SEPARATOR)               \
    X(lambda, LAMBDA)                                     \
    X(line_continuation, LINE_CONTINUATION)               \
    X(list, LIST)                                         \
    X(list_comprehension, LIST_COMPREHENSION)             \
    X(list_pattern, LIST_PATTERN)                         \
    X(list_splat, LIST_SPLAT)                             \
    X(list_splat_pattern, LIST_SPLAT_PATTERN)             \
    X(match_statement, MATCH_STATEMENT)                   \
    X(module, MODULE)                                     \
    X(named_expression, NAMED_EXPRESSION)                 \
    X(none, NONE)                                         \
    X(nonlocal_statement, NONLOCAL_STATEMENT)             \
    X(not_operator, NOT_OPERATOR)                         \
    X(pair, PAIR)                                         \
    X(parenthesized_expression, PARENTHESIZED_EXPRESSION) \
    X(pattern_list, PATTERN_LIST)                         \
    X(positional_separator, POSITIONAL_SEPARATOR)         \
    X(raise_statement, RAISE_STATEMENT)                   \
    X(relative_import, RELATIVE_IMPORT)                   \
    X(return_statement, RETURN_STATEMENT)                 \
    X(set, SET)                                           \
    X(set_comprehension, SET_COMPREHENSION)               \
    X(slice, SLICE)                                       \
    X(string, STRING)                                     \
    X(string_content, STRING_CONTENT)                     \
    X(string_end, STRING_END)                             \
    X(string_start, STRING_START)                         \
    X(subscript, SUBSCRIPT)                               \
    X(true, TRUE)                                         \
    X(try_statement, TRY_STATEMENT)                       \
    X(tuple, TUPLE)                                       \
    X(tuple_pattern, TUPLE_PATTERN)                       \
    X(type_conversion, TYPE_CONVERSION)                   \
    X(typed_default_parameter, TYPED_DEFAULT_PARAMETER)   \
    X(typed_parameter, TYPED_PARAMETER)                   \
    X(unary_operator, UNARY_OPERATOR)                     \
    X(while_statement, WHILE_STATEMENT)                   \
    X(wildcard_import, WILDCARD_IMPORT)                   \
    X(with_clause, WITH_CLAUSE)                           \
    X(with_item, WITH_ITEM)                               \
    X(with_statement, WITH_STATEMENT)                     \
    X(yield, YIELD)

#define PTMI_PY_KIND(name, NAME) PY_##NAME,
typedef enum ptmi_py_kind { PY_OTHER = 0, PY_ERROR, PTMI_PY_KINDS(PTMI_PY_KIND) } ptmi_py_kind;
#undef PTMI_PY_KIND

/* Fields of nodes: PYF_BODY is the grammar's "body". */
#define PTMI_PY_FIELDS(X)                 \
    X(alias, ALIAS)                       \
    X(alternative, ALTERNATIVE)           \
    X(argument, ARGUMENT)                 \
    X(arguments, ARGUMENTS)               \
    X(attribute, ATTRIBUTE)               \
    X(body, BODY)                         \
    X(condition, CONDITION)               \
    X(consequence, CONSEQUENCE)           \
    X(definition, DEFINITION)             \
    X(expression, EXPRESSION)             \
    X(format_specifier, FORMAT_SPECIFIER) \
    X(function, FUNCTION)                 \
    X(guard, GUARD)                       \
    X(key, KEY)                           \
    X(left, LEFT)                         \
    X(module_name, MODULE_NAME)           \
    X(name, NAME)                         \
    X(object, OBJECT)                     \
    X(operator, OPERATOR)                 \
    X(parameters, PARAMETERS)             \
    X(right, RIGHT)                       \
    X(subject, SUBJECT)                   \
    X(subscript, SUBSCRIPT)               \
    X(superclasses, SUPERCLASSES)         \
    X(type, TYPE)                         \
    X(type_conversion, TYPE_CONVERSION)   \
    X(value, VALUE)

#define PTMI_PY_FIELD(name, NAME) PYF_##NAME,
typedef enum ptmi_py_field { PTMI_PY_FIELDS(PTMI_PY_FIELD) PYF_COUNT } ptmi_py_field;
#undef PTMI_PY_FIELD

struct ptmi_py_lang {
    TSParser *parser;   /* owned */
    uint8_t kinds[512]; /* by the grammar's symbol */
    TSFieldId fields[PYF_COUNT];
    uint64_t *skipped; /* comments gone over are counted there; may be NULL */
};
PTM_MUST_USE ptm_rc ptmi_py_lang_init(struct ptmi_py_lang *lang, struct ptm_err *err);
void ptmi_py_lang_clear(struct ptmi_py_lang *lang);

/* A parsed file. text is UTF-8 whatever the file's own encoding, lines end with \n. */
struct ptmi_py_source {
    char *path; /* relative to the repository; owned */
    char *text; /* owned */
    size_t len;
    TSTree *tree; /* owned */
    TSNode root;
};
/* PTM_ENOENT, PTM_EUNSAFE (a link), PTM_ELIMIT (too large, or too long to parse). */
PTM_MUST_USE ptm_rc ptmi_py_source_read(struct ptmi_py_lang *lang, const char *dir,
                                        const char *path, struct ptmi_py_source *out,
                                        struct ptm_err *err);
void ptmi_py_source_clear(struct ptmi_py_source *source);
/* First line that is not Python; 0: none. */
int ptmi_py_source_damage(const struct ptmi_py_source *source);

ptmi_py_kind ptmi_py_kind_of(const struct ptmi_py_lang *lang, TSNode node);
TSNode ptmi_py_field_of(const struct ptmi_py_lang *lang, TSNode node, ptmi_py_field field);
int ptmi_py_line(TSNode node); /* from 1 */
/* The node's text, borrowed from the source, not NUL-terminated. */
struct ptmi_py_span {
    const char *text;
    size_t len;
};
struct ptmi_py_span ptmi_py_span_of(const struct ptmi_py_source *source, TSNode node);
bool ptmi_py_span_is(struct ptmi_py_span span, const char *text);

/* Named children but for comments, in one pass:
 *     PTM_AUTO(ptmi_py_kids_end) struct ptmi_py_kids kids = ptmi_py_kids_of(lang, node);
 *     for (TSNode kid; ptmi_py_kids_next(&kids, &kid);)                                    */
struct ptmi_py_kids {
    const struct ptmi_py_lang *lang;
    TSTreeCursor cursor;
    bool begun, over;
    TSFieldId field; /* of the child handed out last */
};
struct ptmi_py_kids ptmi_py_kids_of(const struct ptmi_py_lang *lang, TSNode node);
bool ptmi_py_kids_next(struct ptmi_py_kids *kids, TSNode *out);
bool ptmi_py_kids_in(const struct ptmi_py_kids *kids, ptmi_py_field field);
void ptmi_py_kids_end(struct ptmi_py_kids *kids);
/* The first named child; a null node: none. */
TSNode ptmi_py_first(const struct ptmi_py_lang *lang, TSNode node);

/* --- py_text.c: texts inside a source --- */

/* How a literal's first token ("rb'''") wants its content read. */
struct ptmi_py_quote {
    bool raw, bytes, format;
};
struct ptmi_py_quote ptmi_py_quote_of(struct ptmi_py_span start);
/* Appends the characters that the content of a literal means. */
PTM_MUST_USE ptm_rc ptmi_py_unescape(struct ptmi_py_span content, struct ptmi_py_quote quote,
                                     struct ptmi_buf *out, struct ptm_err *err);
/* As inspect.cleandoc(); in the arena, NULL when out of memory. */
char *ptmi_py_cleandoc(struct ptmi_arena *arena, const char *doc);
/* Source text on one line: white space folded, comments taken out, texts in quotes left alone. In
 * the arena, NULL when out of memory. */
char *ptmi_py_folded(struct ptmi_arena *arena, struct ptmi_py_span span);
