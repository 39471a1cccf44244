/* SPDX-License-Identifier: MIT */
/*
 * card_meta.c - the front matter of a card: its top-level scalars and lists of scalars, by
 * libyaml's events. Events build no document and expand no alias, so that a "billion laughs" stays
 * a few hundred bytes; deeper structure is passed over.
 */
#include "card_priv.h"

#include <string.h>

#include <yaml.h>

#include "../base/auto.h"
#include "../base/limits.h"
#include "../base/str.h"

/* Events of one front matter: a model-index of the largest cards has some ten thousand. */
#define MAX_EVENTS 400000

/* Where the event stream is: depth counts open mappings and lists; the top-level mapping has
 * depth 1. */
struct meta_state {
    ptmi_card *card;
    const char *what;
    struct card_key *key; /* whose value comes next, or NULL: a key comes next */
    int depth;
    bool in_list; /* directly inside the list that is key's value */
};

size_t ptmi_card_split(const char *text, size_t len, const char **out_yaml, size_t *out_yaml_len)
{
    if (len < 4 || strncmp(text, "---", 3) != 0) return 0;
    const char *end = text + len;
    const char *line = text;
    for (bool first = true; line < end; first = false) {
        const char *eol = memchr(line, '\n', (size_t)(end - line));
        if (!eol) eol = end;
        size_t n = (size_t)(eol - line);
        while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t')) n--;
        bool dashes = n == 3 && strncmp(line, "---", 3) == 0;
        if (first && (!dashes || eol == end)) return 0;
        if (first) *out_yaml = eol + 1;
        if (!first && dashes) {
            *out_yaml_len = (size_t)(line - *out_yaml);
            return (size_t)((eol < end ? eol + 1 : end) - text);
        }
        line = eol + 1;
    }
    return 0;
}

/* YAML's spellings of "nothing" mean absent, but only where no quotes were put around them. */
static bool is_null(const yaml_event_t *event, const char *text)
{
    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return false;
    return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
           strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

static ptm_rc no_room(const struct meta_state *state, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ELIMIT, "%s: the front matter is too large", state->what);
}

static ptm_rc on_key(struct meta_state *state, const char *name, struct ptm_err *err)
{
    ptmi_card *card = state->card;
    struct card_key *keys = ptmi_card_grow(&card->arena, card->keys, card->n_keys, sizeof(*keys));
    char *copy = ptmi_arena_strdup(&card->arena, name);
    if (!keys || !copy) return no_room(state, err);
    card->keys = keys;
    state->key = &keys[card->n_keys++];
    state->key->name = copy;
    return PTM_OK;
}

static ptm_rc on_scalar(struct meta_state *state, const yaml_event_t *event, struct ptm_err *err)
{
    const char *text = (const char *)event->data.scalar.value;
    if (state->depth == 1 && !state->key) return on_key(state, text, err);
    bool wanted = state->key && (state->depth == 1 || (state->depth == 2 && state->in_list));
    /* A NUL that an escape brought in would cut the text short unnoticed. */
    if (wanted && strlen(text) == event->data.scalar.length && !is_null(event, text)) {
        char *copy = ptmi_arena_strdup(&state->card->arena, text);
        if (!copy || !ptmi_arena_list_add(&state->card->arena, &state->key->values, copy))
            return no_room(state, err);
    }
    if (state->depth == 1) state->key = NULL;
    return PTM_OK;
}

static ptm_rc on_open(struct meta_state *state, const yaml_event_t *event, struct ptm_err *err)
{
    if (state->depth == 0 && event->type != YAML_MAPPING_START_EVENT)
        return ptm_err_set(err, PTM_EFORMAT, "%s: the front matter is no YAML mapping",
                           state->what);
    if (state->depth == 1) {
        if (!state->key) /* a mapping or list as a key: legal, and nothing we could name */
            PTM_TRY(on_key(state, "", err));
        state->in_list = event->type == YAML_SEQUENCE_START_EVENT;
    }
    if (++state->depth > PTM_LIMIT_DEPTH)
        return ptm_err_set(err, PTM_ELIMIT, "%s:%zu: the front matter is nested too deeply",
                           state->what, event->start_mark.line + 2);
    return PTM_OK;
}

static void on_close(struct meta_state *state)
{
    state->depth--;
    if (state->depth == 1) {
        state->key = NULL;
        state->in_list = false;
    }
}

static ptm_rc on_event(struct meta_state *state, const yaml_event_t *event, struct ptm_err *err)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        if (state->depth == 0)
            return ptm_err_set(err, PTM_EFORMAT, "%s: the front matter is no YAML mapping",
                               state->what);
        return on_scalar(state, event, err);
    case YAML_ALIAS_EVENT: /* never expanded: a value that is one counts as absent */
        if (state->depth == 1 && !state->key) return on_key(state, "", err);
        if (state->depth == 1) state->key = NULL;
        return PTM_OK;
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return on_open(state, event, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_close(state);
        return PTM_OK;
    default:
        return PTM_OK;
    }
}

static ptm_rc read_events(struct meta_state *state, yaml_parser_t *parser, struct ptm_err *err)
{
    for (size_t n = 0; n < MAX_EVENTS; n++) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            if (parser->error == YAML_MEMORY_ERROR)
                return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", state->what);
            return ptm_err_set(err, PTM_EFORMAT, "%s:%zu: the front matter is not YAML: %s",
                               state->what, parser->problem_mark.line + 2,
                               parser->problem ? parser->problem : "malformed");
        }
        /* The front matter ends where its document ends; whatever follows a "..." is ignored. */
        bool last = event.type == YAML_STREAM_END_EVENT || event.type == YAML_DOCUMENT_END_EVENT;
        ptm_rc rc = on_event(state, &event, err);
        yaml_event_delete(&event);
        if (rc != PTM_OK || last) return rc;
    }
    return no_room(state, err);
}

ptm_rc ptmi_card_read_meta(ptmi_card *card, const char *yaml, size_t len, const char *what,
                           struct ptm_err *err)
{
    struct meta_state state = {.card = card, .what = what};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", what);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)yaml, len);
    ptm_rc rc = read_events(&state, &parser, err);
    yaml_parser_delete(&parser);
    return rc;
}

const char *ptmi_card_meta_item(const ptmi_card *card, const char *key, size_t i)
{
    /* The last one of equal keys counts, as in every YAML reader that lets them pass. */
    for (size_t k = card->n_keys; k-- > 0;) {
        const struct card_key *found = &card->keys[k];
        if (strcmp(found->name, key) == 0)
            return i < found->values.n ? found->values.items[i] : NULL;
    }
    return NULL;
}

const char *ptmi_card_meta(const ptmi_card *card, const char *key)
{
    return ptmi_card_meta_item(card, key, 0);
}
