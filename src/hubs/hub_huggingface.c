/* SPDX-License-Identifier: MIT */
/*
 * hub_huggingface.c - the models of huggingface.co: the list API page by page, and one model by
 * name.
 *
 * The list is walked in ascending order of creation, the only order in which nothing is lost or
 * repeated while models come and counters move. Where the server will not have that, it is walked
 * downwards and then once more from the top to the first model known, for those created meanwhile.
 * The page reached is the resume token. Facts of one model: hf_model.c.
 */
#include "hubs_priv.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../base/clock.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/str.h"
#include "../base/url.h"
#include "../net/net_header.h"

#define API "https://huggingface.co/api/models"

enum {
    LIMIT_MAX = 1000, /* the largest page the hub serves */
    PAGE_RETRIES =
        2,          /* of a page that may still be halved: the same heavy page fails the same way */
    LIMIT_MIN = 10, /* smaller ones would take more requests than the hub's rate limit bears */
    RAISE_AFTER = 8,  /* pages without trouble before the page size is doubled again */
    TRIES_FORMAT = 3, /* of a page that is not whole JSON */
    TRIES_NET = 3,    /* of a page whose connection breaks although others came through */
    EMPTY_MAX = 10,   /* empty pages with a next link in a row: the hub never sends one */
};

static const char *const expands[] = {
    "author",
    "baseModels",
    "cardData",
    "config",
    "createdAt",
    "disabled",
    "downloads",
    "downloadsAllTime",
    "gated",
    "gguf",
    "lastModified",
    "library_name",
    "likes",
    "model-index",
    "pipeline_tag",
    "private",
    "safetensors",
    "sha",
    "siblings",
    "tags",
    "transformersInfo",
    "usedStorage",
};

/* How the list is being walked. */
enum mode {
    MODE_ASC,   /* oldest first */
    MODE_DESC,  /* newest first, because the server refuses or ignores `direction` */
    MODE_AGAIN, /* newest first, down to the first one known */
};
static const char *const mode_names[] = {"asc", "desc", "desc-again"};

struct walk {
    const struct ptmi_hub_env *env;
    const struct ptmi_hub_sink *sink;
    enum mode mode;
    bool full;    /* `expand` was refused: full, cardData and config instead */
    bool resumed; /* next came from an earlier run and has not worked yet */
    bool patient; /* the hub asked to slow down: retry as often as the net likes */
    bool done;
    unsigned tried; /* combinations of mode and full that were refused: bit 2 * descending + full */
    char *next;     /* URL of the next page, NULL: the top */
    int limit;
    int good;                /* pages in a row without trouble */
    int pages;               /* in this run */
    int bad_format, bad_net; /* tries of this page */
    int empty;
    /* Brent's cycle search over the first key of each page: in one pass no key can come twice. */
    char mark[72];
    uint64_t steps, power;
};

static void walk_clear(struct walk *walk)
{
    free(walk->next);
}

/* --- one page of JSON
 * ------------------------------------------------------------------------------ */

struct page_arg {
    const struct ptmi_origin *from;
    const struct ptmi_hub_sink *sink;
    struct ptmi_hf_page *page;
    struct ptmi_arena arena;
    size_t broken;   /* items that are no JSON */
    size_t no_model; /* those, and the ones that are no models */
};

static ptm_rc skip_item(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    (void)arg, (void)item, (void)len, (void)err;
    return PTM_OK;
}

static void note_order(struct ptmi_hf_page *page, const struct ptm_model *model)
{
    const char *created = model->created_at ? model->created_at : "";
    if (!*page->first_key) {
        snprintf(page->first_key, sizeof page->first_key, "%s", model->key);
        snprintf(page->first_created, sizeof page->first_created, "%s", created);
    }
    snprintf(page->last_created, sizeof page->last_created, "%s", created);
}

/* The item cannot be used: say which, go on. */
static ptm_rc fail_item(struct page_arg *page, yyjson_val *obj, size_t number,
                        const struct ptm_err *why, struct ptm_err *err)
{
    char id[160], raw_id[32];
    const char *name = ptmi_json_str(obj, "id");
    if (!name || !*name) name = ptmi_json_str(obj, "_id");
    if (!name || !*name) {
        snprintf(raw_id, sizeof raw_id, "item %zu of a page", number);
        name = raw_id;
    }
    return page->sink->failure(page->sink->arg, ptmi_str_printable(id, sizeof id, name),
                               page->from->url, why, err);
}

static ptm_rc deliver(struct page_arg *page, struct ptm_model *model, struct ptm_err *err)
{
    bool known = false;
    note_order(page->page, model);
    if (page->page->only_new) {
        PTM_TRY(page->sink->known(page->sink->arg, model->key, &known, err));
        page->page->met_known |= known;
        if (known) return PTM_OK;
    }
    PTM_TRY(page->sink->model(page->sink->arg, model, err));
    page->page->delivered++;
    return PTM_OK;
}

static ptm_rc take_item(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    struct page_arg *page = arg;
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    struct ptm_model model = PTM_MODEL_INIT;
    struct ptm_err why = {0};
    ptm_rc rc;
    page->page->items++;
    ptmi_arena_clear(&page->arena);
    if (len > PTM_LIMIT_RECORD)
        rc = ptm_err_set(&why, PTM_ELIMIT, "a record of %zu bytes, more than is kept of one model",
                         len);
    else
        rc = ptmi_json_parse(item, len, page->from->url, &doc, &why);
    if (rc == PTM_OK) rc = ptmi_hf_map(yyjson_doc_get_root(doc), &page->arena, &model, &why);
    if (rc == PTM_ENOMEM) return ptm_err_set(err, rc, "%s", why.msg);
    page->broken += !doc;
    page->no_model += rc == PTM_EFORMAT;
    if (rc != PTM_OK)
        return fail_item(page, doc ? yyjson_doc_get_root(doc) : NULL, page->page->items, &why, err);
    model.raw = item;
    model.raw_len = len;
    model.source_url = page->from->url;
    model.fetched_at = page->from->fetched_at;
    return deliver(page, &model, err);
}

ptm_rc ptmi_hf_page(const char *data, size_t len, const struct ptmi_origin *from,
                    const struct ptmi_hub_sink *sink, struct ptmi_hf_page *page,
                    struct ptm_err *err)
{
    struct page_arg arg = {from, sink, page, PTMI_ARENA(4 * (size_t)PTM_LIMIT_RECORD), 0, 0};
    page->items = page->delivered = 0;
    page->met_known = false;
    *page->first_key = *page->first_created = *page->last_created = '\0';
    /* Once to see that all of it is there: what was handed out of half a page would look known
     * afterwards. */
    PTM_TRY(ptmi_hub_each_item(data, len, from->url, skip_item, NULL, err));
    ptm_rc rc = ptmi_hub_each_item(data, len, from->url, take_item, &arg, err);
    ptmi_arena_clear(&arg.arena);
    if (rc == PTM_OK && page->items > 0 && arg.broken == page->items)
        return ptm_err_set(err, PTM_EFORMAT, "%s: not one of its %zu items is JSON", from->url,
                           page->items);
    /* One alone may be a broken record at the end of the list. */
    if (rc == PTM_OK && page->items > 1 && arg.no_model == page->items)
        return ptm_err_set(err, PTM_EFORMAT, "%s: not one of its %zu items is a model", from->url,
                           page->items);
    return rc;
}

/* --- URLs and tokens
 * ------------------------------------------------------------------------------- */

static ptm_rc add_fields(struct ptmi_buf *url, bool full, bool no_siblings, struct ptm_err *err)
{
    if (full) return ptmi_buf_puts(url, "&full=true&cardData=true&config=true", err);
    for (size_t i = 0; i < sizeof expands / sizeof expands[0]; i++)
        if (!no_siblings || !ptmi_str_eq(expands[i], "siblings"))
            PTM_TRY(ptmi_buf_printf(url, err, "&expand[]=%s", expands[i]));
    return PTM_OK;
}

/* URL of the page to get now; malloc'ed. A next link is taken as it is but for the page size. */
static ptm_rc page_url(const struct walk *walk, char **out, struct ptm_err *err)
{
    char limit[16];
    snprintf(limit, sizeof limit, "%d", walk->limit);
    if (walk->next) {
        *out = ptmi_url_set_param(walk->next, "limit", limit);
        return *out ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "out of memory");
    }
    struct ptmi_buf url = PTMI_BUF(PTM_LIMIT_PATH);
    ptm_rc rc = ptmi_buf_printf(&url, err, API "?limit=%s&sort=createdAt%s", limit,
                                walk->mode == MODE_ASC ? "&direction=1" : "");
    if (rc == PTM_OK) rc = add_fields(&url, walk->full, walk->env->no_siblings, err);
    if (rc == PTM_OK) {
        *out = ptmi_buf_take(&url);
        if (!*out) rc = ptm_err_set(err, PTM_ENOMEM, "out of memory");
    }
    ptmi_buf_clear(&url);
    return rc;
}

static ptm_rc save(const struct walk *walk, struct ptm_err *err)
{
    struct ptmi_buf token = PTMI_BUF(PTM_LIMIT_HEADERS * 2);
    ptm_rc rc = ptmi_buf_printf(
        &token, err,
        "{\"v\":1,\"mode\":\"%s\",\"full\":%s,\"tried\":%u,\"limit\":%d,\"done\":%s,\"next\":",
        mode_names[walk->mode], walk->full ? "true" : "false", walk->tried, walk->limit,
        walk->done ? "true" : "false");
    if (rc == PTM_OK) rc = ptmi_buf_json_str(&token, walk->next, err);
    if (rc == PTM_OK) rc = ptmi_buf_puts(&token, "}", err);
    if (rc == PTM_OK) rc = walk->sink->checkpoint(walk->sink->arg, token.data, err);
    ptmi_buf_clear(&token);
    return rc;
}

/* Takes up a saved walk; a token that is not ours (an older version's) means starting at the top.
 */
static ptm_rc load(struct walk *walk, const char *token, struct ptm_err *err)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    if (!token || ptmi_json_parse(token, strlen(token), "resume token", &doc, NULL) != PTM_OK)
        return PTM_OK;
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *mode = ptmi_json_str(root, "mode"), *next = ptmi_json_str(root, "next");
    if (ptmi_json_int(root, "v", 0) != 1 || !mode) return PTM_OK;
    for (int i = MODE_ASC; i <= MODE_AGAIN; i++)
        if (ptmi_str_eq(mode, mode_names[i])) walk->mode = (enum mode)i;
    walk->full = ptmi_json_bool(root, "full", false);
    walk->tried = (unsigned)ptmi_json_int(root, "tried", 0) & 15u;
    int64_t limit = ptmi_json_int(root, "limit", LIMIT_MAX);
    walk->limit = limit < LIMIT_MIN || limit > LIMIT_MAX ? LIMIT_MAX : (int)limit;
    walk->done = ptmi_json_bool(root, "done", false); /* killed on the last step */
    if (!next || !ptmi_url_same_origin(next, API)) return PTM_OK;
    walk->next = strdup(next);
    walk->resumed = true;
    return walk->next ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "out of memory");
}

static void to_top(struct walk *walk)
{
    free(ptm_steal(&walk->next));
    walk->resumed = false;
    walk->steps = walk->power = 0;
    walk->empty = 0;
    *walk->mark = '\0';
}

/* --- trouble
 * ----------------------------------------------------------------------------------------- */

static bool halve(struct walk *walk)
{
    if (walk->limit <= LIMIT_MIN) return false;
    walk->limit = walk->limit / 2 < LIMIT_MIN ? LIMIT_MIN : walk->limit / 2;
    walk->good = 0;
    ptmi_log(walk->env->ctx, PTM_LOG_INFO, "hubs", "huggingface: asking for pages of %d models",
             walk->limit);
    return true;
}

static bool mentions(const char *text, const char *word)
{
    return text && strcasestr(text, word);
}

/* The refusal's own words: a 400 is an error of perform(), so it is asked once more for its body.
 * NULL when there is none. */
static char *refusal_text(const struct walk *walk, const char *url)
{
    struct ptm_net_request request = PTM_NET_REQUEST_INIT;
    struct ptm_net_response answer = {0};
    char *text = NULL;
    request.url = url;
    request.any_status = true;
    request.max_body = PTM_LIMIT_PAGE;
    if (ptm_net_perform(walk->env->net, &request, &answer, NULL) == PTM_OK && answer.status == 400)
        text = ptm_steal(&answer.body);
    ptm_net_response_clear(&answer);
    return text;
}

/* The first combination of order and fields not refused yet: bits of tried are 2 * descending +
 * full. */
static bool next_combination(struct walk *walk)
{
    for (unsigned i = 0; i < 4; i++) {
        if (walk->tried & (1u << i)) continue;
        /* The second pass of a descending walk is one too. */
        if ((i & 2) == 0)
            walk->mode = MODE_ASC;
        else if (walk->mode == MODE_ASC)
            walk->mode = MODE_DESC;
        walk->full = i & 1;
        return true;
    }
    return false;
}

/* HTTP 400: finds out what was refused and asks for less, from the top (what came already is not
 * delivered as new: keys tell). */
static ptm_rc on_refusal(struct walk *walk, const char *url, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *text = refusal_text(walk, url);
    bool direction = mentions(text, "direction"), expand = mentions(text, "expand");
    char shown[200];
    ptmi_str_printable(shown, sizeof shown, text ? text : "");
    ptmi_log(walk->env->ctx, PTM_LOG_WARN, "hubs", "huggingface: HTTP 400: %s", shown);
    if (!direction && !expand && mentions(text, "limit") && halve(walk)) return PTM_OK;
    if (walk->resumed && direction == expand) {
        to_top(walk); /* a cursor of an earlier run that the hub no longer knows */
        return PTM_OK;
    }
    bool descending = walk->mode != MODE_ASC;
    if (direction && !expand) walk->tried |= 1u << 0 | 1u << 1;
    if (expand && !direction) walk->tried |= 1u << 0 | 1u << 2;
    walk->tried |= 1u << (2 * descending + walk->full);
    if (!next_combination(walk)) return ptm_err_set(err, PTM_EHTTP, "%s: HTTP 400: %s", url, shown);
    to_top(walk);
    return PTM_OK;
}

/* A page did not come: PTM_OK when there is something else to try. */
static ptm_rc on_trouble(struct walk *walk, const char *url, ptm_rc rc, struct ptm_err *err)
{
    int status = err->http_status;
    if (status == 400) {
        struct ptm_err refused = {0};
        ptm_rc next = on_refusal(walk, url, &refused);
        if (next != PTM_OK) *err = refused, err->http_status = status;
        return next;
    }
    /* Heavy pages die at a gateway; a lighter one from the same cursor gets through. */
    if (status >= 500 || rc == PTM_ETIMEOUT || rc == PTM_ELIMIT) return halve(walk) ? PTM_OK : rc;
    if (rc == PTM_ERATE && !walk->patient) {
        walk->patient = true;
        return PTM_OK;
    }
    if (rc == PTM_ENET && walk->pages > 0 && ++walk->bad_net < TRIES_NET) {
        (void)halve(walk);
        return PTM_OK;
    }
    return rc;
}

/* A page came that is not a whole array of JSON. */
static ptm_rc on_bad_format(struct walk *walk, ptm_rc rc)
{
    if (rc != PTM_EFORMAT || ++walk->bad_format >= TRIES_FORMAT) return rc;
    /* At once where it was cut on the way; where the hub is being restarted, a moment later. */
    struct timespec pause = {0, 100000000L + (long)ptmi_clock_random(100) * 1000000L};
    if (walk->bad_format > 1) nanosleep(&pause, NULL);
    (void)halve(walk);
    return PTM_OK;
}

/* --- the walk
 * ---------------------------------------------------------------------------------------- */

/* The next page's URL of the answer's Link headers, NULL at the end; malloc'ed. */
static ptm_rc next_link(const struct walk *walk, const struct ptm_net_response *answer,
                        const char *url, char **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *next = NULL;
    for (const char *line = answer->headers; line && *line && !next;) {
        const char *end = strchrnul(line, '\n');
        if (ptmi_str_starts(line, "link: ")) {
            PTM_AUTO(ptmi_freep) char *value = strndup(line + 6, (size_t)(end - line) - 6);
            PTM_AUTO(ptmi_freep) char *sent = value ? ptmi_link_next(value, url) : NULL;
            /* A next page that cannot be followed is not the end of the list. */
            if (value && !sent && (strstr(value, "rel=\"next\"") || strstr(value, "rel=next")))
                return ptm_err_set(err, PTM_EFORMAT, "%s: its next page is no http(s) URL", url);
            next = sent ? ptm_net_original_url(walk->env->net, sent) : NULL;
            if (!value || (sent && !next)) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
        }
        line = *end ? end + 1 : end;
    }
    if (next && !ptmi_url_same_origin(next, API))
        return ptm_err_set(err, PTM_EFORMAT, "%s: its next page is on another host: %s", url, next);
    if (next && ptmi_str_eq(next, url))
        return ptm_err_set(err, PTM_EFORMAT, "%s: its next page is itself", url);
    *out = ptm_steal(&next);
    return PTM_OK;
}

/* Fails when the pages go round in circles. */
static ptm_rc check_progress(struct walk *walk, const struct ptmi_hf_page *page, const char *url,
                             bool last, struct ptm_err *err)
{
    if (last) return PTM_OK;
    if (!*page->first_key) {
        if (++walk->empty < EMPTY_MAX) return PTM_OK;
        return ptm_err_set(err, PTM_EFORMAT, "%s: %d pages in a row without a model", url,
                           walk->empty);
    }
    walk->empty = 0;
    if (*walk->mark && ptmi_str_eq(walk->mark, page->first_key))
        return ptm_err_set(
            err, PTM_EFORMAT,
            "%s: starts with model %s as an earlier page did: the list goes in circles", url,
            walk->mark);
    if (walk->steps == walk->power) {
        memcpy(walk->mark, page->first_key, sizeof walk->mark);
        walk->power = walk->power ? walk->power * 2 : 1;
        walk->steps = 0;
    }
    walk->steps++;
    return PTM_OK;
}

static void adapt_limit(struct walk *walk, size_t bytes)
{
    if (++walk->good < RAISE_AFTER || walk->limit >= LIMIT_MAX) return;
    if (bytes > PTM_LIMIT_PAGE / 3) return; /* twice as much might not fit */
    walk->limit = walk->limit * 2 > LIMIT_MAX ? LIMIT_MAX : walk->limit * 2;
    walk->good = 0;
}

/* Where the walk goes after this page; takes next. */
static void advance(struct walk *walk, const struct ptmi_hf_page *page, char *next)
{
    if (walk->mode == MODE_ASC && strcmp(page->first_created, page->last_created) > 0 &&
        *page->last_created) {
        ptmi_log(walk->env->ctx, PTM_LOG_INFO, "hubs",
                 "huggingface: the server lists newest first whatever is asked");
        walk->mode = MODE_DESC;
    }
    walk->resumed = walk->patient = false;
    walk->bad_format = walk->bad_net = 0;
    walk->pages++;
    free(walk->next);
    walk->next = next;
    if (walk->mode == MODE_AGAIN && page->met_known) walk->done = true;
    if (!walk->next) {
        walk->done = walk->mode != MODE_DESC;
        if (walk->mode == MODE_DESC) {
            walk->mode = MODE_AGAIN;
            to_top(walk);
        }
    }
}

/* The page is delivered: finds the next one, sees that it is one, keeps all that. */
static ptm_rc leave_page(struct walk *walk, const struct ptm_net_response *answer, const char *url,
                         const struct ptmi_hf_page *page, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *next = NULL;
    PTM_TRY(next_link(walk, answer, url, &next, err));
    PTM_TRY(check_progress(walk, page, url, !next, err));
    adapt_limit(walk, answer->body_len);
    advance(walk, page, ptm_steal(&next));
    return save(walk, err);
}

static ptm_rc take_page(struct walk *walk, const struct ptm_net_response *answer, const char *url,
                        struct ptm_err *err)
{
    char now[32];
    struct ptmi_origin from = {url, ptmi_clock_now(now)};
    struct ptmi_hf_page page = {.only_new = walk->mode == MODE_AGAIN};
    ptm_rc rc = ptmi_hf_page(answer->body ? answer->body : "", answer->body_len, &from, walk->sink,
                             &page, err);
    if (rc != PTM_OK) return on_bad_format(walk, rc);
    return leave_page(walk, answer, url, &page, err);
}

static ptm_rc step(struct walk *walk, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *url = NULL;
    struct ptm_net_response answer = {0};
    if (ptm_ctx_canceled(walk->env->ctx))
        return ptm_err_set(err, PTM_ECANCELED, "interrupted while listing huggingface");
    PTM_TRY(page_url(walk, &url, err));
    /* At the smallest page there is nothing left to halve: take whatever a JSON text may be. */
    size_t max = walk->limit <= LIMIT_MIN ? PTM_LIMIT_JSON : PTM_LIMIT_PAGE;
    struct ptm_net_request request = PTM_NET_REQUEST_INIT;
    request.url = url;
    request.max_body = max;
    request.retries = walk->patient || walk->limit <= LIMIT_MIN ? 0 : PAGE_RETRIES;
    ptm_rc rc = ptm_net_perform(walk->env->net, &request, &answer, err);
    rc = rc == PTM_OK ? take_page(walk, &answer, url, err) : on_trouble(walk, url, rc, err);
    ptm_net_response_clear(&answer);
    return rc;
}

static ptm_rc list(const struct ptmi_hub_env *env, const struct ptmi_hub_sink *sink,
                   struct ptm_err *err)
{
    PTM_AUTO(walk_clear) struct walk walk = {.env = env, .sink = sink, .limit = LIMIT_MAX};
    struct ptm_err own = {0};
    if (!err) err = &own; /* decisions are made by its http_status */
    PTM_TRY(load(&walk, env->token, err));
    while (!walk.done) {
        *err = (struct ptm_err){0};
        ptm_rc rc = step(&walk, err);
        if (rc < 0) return rc;
    }
    return PTM_OK;
}

/* --- one model by name
 * -------------------------------------------------------------------------------- */

static ptm_rc one_url(const struct ptmi_hub_env *env, const char *id, const char *rev, bool full,
                      char **out, struct ptm_err *err)
{
    struct ptmi_buf url = PTMI_BUF(PTM_LIMIT_PATH * 2);
    PTM_AUTO(ptmi_freep) char *ref = rev ? ptmi_url_encode(rev, false) : NULL;
    if (rev && !ref) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    ptm_rc rc = ptmi_buf_printf(&url, err, API "/%s%s%s?blobs=true", id, ref ? "/revision/" : "",
                                ref ? ref : "");
    if (rc == PTM_OK && !full) rc = add_fields(&url, false, env->no_siblings, err);
    if (rc == PTM_OK) {
        *out = ptmi_buf_take(&url);
        if (!*out) rc = ptm_err_set(err, PTM_ENOMEM, "out of memory");
    }
    ptmi_buf_clear(&url);
    return rc;
}

static ptm_rc deliver_one(const struct ptm_net_response *answer, const char *url, const char *rev,
                          const struct ptmi_hub_sink *sink, struct ptm_err *err)
{
    char now[32];
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    struct ptmi_arena arena = PTMI_ARENA(4 * (size_t)PTM_LIMIT_RECORD);
    struct ptm_model model = PTM_MODEL_INIT;
    PTM_TRY(ptmi_json_parse(answer->body ? answer->body : "", answer->body_len, url, &doc, err));
    ptm_rc rc = ptmi_hf_map(yyjson_doc_get_root(doc), &arena, &model, err);
    if (rc != PTM_OK) {
        rc = ptm_err_ctx(err, rc, "%s", url);
    } else {
        model.raw = ptmi_hub_trim(answer->body, answer->body_len, &model.raw_len);
        model.source_url = url;
        model.fetched_at = ptmi_clock_now(now);
        model.repo_ref = rev;
        rc = sink->model(sink->arg, &model, err);
    }
    ptmi_arena_clear(&arena);
    return rc;
}

static ptm_rc one(const struct ptmi_hub_env *env, const char *id, const char *rev,
                  const struct ptmi_hub_sink *sink, struct ptm_err *err)
{
    struct ptm_err own = {0};
    if (!err) err = &own;
    PTM_TRY(ptmi_hf_check_id(id, err));
    for (int full = 0;; full++) {
        PTM_AUTO(ptmi_freep) char *url = NULL;
        struct ptm_net_response answer = {0};
        PTM_TRY(one_url(env, id, rev, full == 1, &url, err));
        ptm_rc rc = ptmi_hub_get(env, url, NULL, 0, PTM_LIMIT_RECORD, &answer, err);
        bool refused = rc != PTM_OK && err->http_status == 400 && full == 0;
        if (rc == PTM_OK) rc = deliver_one(&answer, url, rev, sink, err);
        ptm_net_response_clear(&answer);
        if (!refused) return rc == PTM_OK ? rc : ptm_err_ctx(err, rc, "huggingface/%s", id);
        *err = (struct ptm_err){0};
    }
}

static const struct ptmi_hub_array arrays[] = {{"json/metadata/hf_metadata.json", false}, {0}};

const struct ptmi_hub_ops ptmi_hub_huggingface = {
    .abi = PTMI_HUB_ABI,
    .name = "huggingface",
    .title = "Hugging Face",
    .url = "https://huggingface.co/",
    .summary = "the models of huggingface.co, the most downloaded share of them cloned",
    .size = "61 TB for the top 10% of early 2023, many times that today",
    .caps = PTMI_HUB_SELECTABLE | PTMI_HUB_RESUMABLE,
    .arrays = arrays,
    .list = list,
    .one = one,
};
