/* SPDX-License-Identifier: MIT */
/*
 * scan_pickle.c - pickles judged: what they ask for, what they would call, and what no pickler
 * writes. What stands at the beginning of a file is run first and taken for a pickle afterwards, by
 * what it did; a stream goes on after STOP, as torch's legacy files do.
 *
 * The unpickler in C, which everybody uses, lets an argument run past the end of its frame where
 * the one in Python and pickletools do not: https://github.com/python/cpython/issues/154848. The
 * machine refuses that, and says what is behind it all the same; such a pickle is never clean.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "scan_priv.h"

/* Bytes looked at to tell text; opcodes that no accident makes. */
#define TEXT_HEAD 4096
#define SURE_OPS 8

/* What a pickle did. */
struct deeds {
    bool asks; /* for globals that could be names */
    bool acts; /* for something dangerous, or it calls or makes what it asks for */
};

static struct deeds deeds_of(const struct ptmi_scan *scan, const struct ptmi_pickle *pickle)
{
    const unsigned used = PTMI_USE_CALLED | PTMI_USE_NEW | PTMI_USE_BUILT;
    struct deeds deeds = {0};
    for (size_t i = 0; i < pickle->n_globals && !deeds.acts; i++) {
        const struct ptmi_pk *node = pickle->globals[i].node;
        if (!ptmi_policy_is_name(node->module, node->name)) continue;
        deeds.asks = true;
        deeds.acts = (node->uses & used) || ptmi_scan_trust(scan, node, NULL) == PTMI_DANGEROUS;
    }
    return deeds;
}

static bool is_magic(const struct ptmi_pk *root)
{
    static const char magic[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
    return root->kind == PTMI_PK_LONG && root->n == 10 && memcmp(root->bytes, magic, 10) == 0;
}

/* --- what is wrong with one --- */

static ptm_rc tell_globals(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                           const struct ptmi_pickle *pickle, struct ptm_err *err)
{
    for (size_t i = 0; i < pickle->n_globals; i++) {
        const struct ptmi_pk_global *global = &pickle->globals[i];
        /* What breaks off asks for whatever its bytes happen to say. */
        if (!pickle->root && !ptmi_policy_is_name(global->node->module, global->node->name))
            continue;
        PTM_TRY(ptmi_scan_asks(scan, item, global->node, global->at, err));
    }
    return PTM_OK;
}

static ptm_rc tell_oddities(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                            const struct ptmi_pickle *pickle, struct ptm_err *err)
{
    static const struct {
        unsigned odd;
        const char *rule, *message;
    } odds[] = {
        {PTMI_PK_ODD_PROTO_AGAIN, "pickle-proto-again", "PROTO in the middle of a pickle"},
        {PTMI_PK_ODD_PROTO_HIGH, "pickle-proto-high", "opcodes of a later protocol than it says"},
        {PTMI_PK_ODD_EXT, "pickle-ext",
         "asks for codes of the extension registry, which is none "
         "of the file's: what they stand for cannot be said"},
        {PTMI_PK_ODD_BUFFER, "pickle-buffer", "wants buffers that are not in the file"},
        {PTMI_PK_ODD_STACK, "pickle-stack", "leaves objects behind that are not in its result"},
        {PTMI_PK_ODD_MEMO_REUSE, "pickle-memo", "writes over an entry of its memo"},
        {PTMI_PK_ODD_DUP_POP, "pickle-pop", "makes objects and drops them"},
        {PTMI_PK_ODD_CHANGED, "pickle-changed",
         "changes a bytearray or an item of a list that it has made: what it hands over is not "
         "what stands in it"},
        {PTMI_PK_ODD_FRAME_REST, "pickle-frame",
         "ends before its frame does: some readers go on behind the frame"},
    };
    for (size_t i = 0; i < sizeof odds / sizeof *odds; i++)
        if (pickle->oddities & odds[i].odd)
            PTM_TRY(ptmi_scan_found(scan, item, PTM_SUSPICIOUS, odds[i].rule,
                                    (int64_t)pickle->begin, err, "%s", odds[i].message));
    return PTM_OK;
}

static ptm_rc tell_computed(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                            const struct ptmi_pickle *pickle, struct ptm_err *err)
{
    for (size_t i = 0; i < pickle->n_calls; i++)
        PTM_TRY(ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "pickle-call-computed",
                                (int64_t)pickle->calls[i]->at, err,
                                "calls or changes what it has computed: nobody can vouch for it"));
    return PTM_OK;
}

/* One that is trusted, and called otherwise than checkpoints do. */
static ptm_rc tell_call(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                        const struct ptmi_pk *node, struct ptm_err *err)
{
    const struct ptmi_pk *callee = node->callee;
    const char *why = NULL;
    if (callee->kind != PTMI_PK_GLOBAL) return PTM_OK; /* told as computed */
    /* Of what only the user vouches for nobody knows how it is meant to be called. */
    if (ptmi_policy_global(callee->module, callee->name, callee->uses, NULL) != PTMI_TRUSTED ||
        ptmi_policy_call(node, &why) == PTMI_TRUSTED)
        return PTM_OK;
    return ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "pickle-call", (int64_t)node->at, err,
                           "calls %.100s.%.100s otherwise than it is meant: %s", callee->module,
                           callee->name, why ? why : "");
}

static ptm_rc tell_calls(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                         const struct ptmi_pickle *pickle, struct ptm_err *err)
{
    for (size_t i = 0; i < pickle->n_objects; i++)
        PTM_TRY(tell_call(scan, item, pickle->objects[i], err));
    return PTM_OK;
}

/* Where only some readers break off the machine goes on, and lists what the others would ask for.
 */
static bool goes_on(const struct ptmi_pickle *pickle)
{
    return !pickle->root && pickle->n_globals > 0 &&
           pickle->globals[pickle->n_globals - 1].at >= pickle->end;
}

static ptm_rc tell_break(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                         const struct ptmi_pickle *pickle, const struct ptm_err *why,
                         struct ptm_err *err)
{
    int64_t end = (int64_t)pickle->end;
    PTM_TRY(ptmi_scan_failed(scan, item, "pickle-broken", end, why, err));
    if (!goes_on(pickle)) return PTM_OK;
    return ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "pickle-frame", end, err,
                           "some readers go on here: what they would ask for is told");
}

/* --- judging --- */

/* Where what a reader may have read of it ends. */
static uint64_t behind(const struct ptmi_scan_item *item, const struct ptmi_pickle *pickle)
{
    return goes_on(pickle) ? item->size : pickle->end;
}

/* Everything there is to tell of a pickle; why: how it broke off, if it did. */
static ptm_rc judge(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                    const struct ptmi_pickle *pickle, const struct ptm_err *why,
                    struct ptm_err *err)
{
    PTM_TRY(tell_globals(scan, item, pickle, err));
    PTM_TRY(tell_oddities(scan, item, pickle, err));
    PTM_TRY(tell_computed(scan, item, pickle, err));
    PTM_TRY(tell_calls(scan, item, pickle, err));
    if (!pickle->root) PTM_TRY(tell_break(scan, item, pickle, why, err));
    return ptmi_scan_nested(scan, item, pickle->begin, behind(item, pickle), err);
}

static void fill_run(const struct ptmi_scan_item *item, struct ptmi_scan_run *run,
                     struct ptmi_pickle *pickle)
{
    run->stopped = pickle->root != NULL;
    run->end = pickle->end;
    run->behind = behind(item, pickle);
    run->number = -1;
    run->magic = false;
    if (!run->stopped) return;
    run->magic = is_magic(pickle->root);
    if (pickle->root->kind == PTMI_PK_INT) run->number = pickle->root->i;
    if (!run->keep || !run->told) return;
    *run->keep = *pickle;
    *pickle = (struct ptmi_pickle){0};
}

/* --- what is taken for one --- */

static bool has_proto(const struct ptmi_scan_item *item, uint64_t pos)
{
    return item->size - pos >= 2 && item->data[pos] == 0x80 && item->data[pos + 1] <= 5;
}

/* Text that is nobody's checkpoint: "certifi\nchardet\n" asks for a global, as the machine has it.
 */
static bool is_text(const struct ptmi_scan_item *item)
{
    if (item->place == PTMI_SCAN_TEXT) return true;
    if (ptmi_scan_promises(item->name)) return false;
    size_t n = item->size < TEXT_HEAD ? (size_t)item->size : TEXT_HEAD;
    /* The last character may be cut. */
    for (size_t cut = 0; cut < 4 && cut < n; cut++)
        if (ptmi_str_is_text((const char *)item->data, n - cut)) return true;
    return false;
}

/* Sound up to the end of the data: one that was cut off. */
static bool is_cut(const struct ptmi_scan_item *item, uint64_t pos)
{
    uint64_t work = 0;
    return ptmi_skim(item->data, item->size, &pos, &work) == PTMI_SKIM_CUT;
}

/* Does what an item begins with break off before it could ask for anything, whatever would be made
 * of it? Most storages do at once, and need no machine to say so. FRAME (0x95) may change how what
 * follows is read. */
static bool breaks_off(const struct ptmi_scan_item *item, uint64_t pos)
{
    uint64_t work = 0, end = pos;
    if (item->place == PTMI_SCAN_FILE && ptmi_scan_promises(item->name)) return false;
    if (has_proto(item, pos)) return false;
    return ptmi_skim(item->data, item->size, &end, &work) == PTMI_SKIM_JUNK &&
           item->data[end] != 'c' && item->data[end] != 'i' &&
           !memchr(item->data + pos, 0x95, (size_t)(end - pos));
}

static bool always(const struct ptmi_scan *scan, const struct ptmi_scan_item *item,
                   const struct ptmi_pickle *pickle)
{
    (void)scan;
    (void)item;
    (void)pickle;
    return true;
}

static bool first_is_one(const struct ptmi_scan *scan, const struct ptmi_scan_item *item,
                         const struct ptmi_pickle *pickle)
{
    struct deeds deeds = deeds_of(scan, pickle);
    bool stopped = pickle->root != NULL, whole = stopped && pickle->end == item->size;
    bool proto = has_proto(item, pickle->begin);
    if (stopped && is_magic(pickle->root)) return true; /* what matters follows */
    if (item->place == PTMI_SCAN_FILE && ptmi_scan_promises(item->name)) {
        /* Named like one: it is one unless its first opcode says otherwise. */
        if (deeds.asks || stopped || pickle->n_ops > 1 || proto) return true;
    }
    if (is_text(item)) return deeds.acts;
    if (deeds.asks) return true;
    if (item->place == PTMI_SCAN_RECORD) return proto && whole;
    if (stopped) return whole || proto;
    return proto && (pickle->n_ops >= SURE_OPS || is_cut(item, pickle->begin));
}

static bool next_is_one(const struct ptmi_scan *scan, const struct ptmi_scan_item *item,
                        const struct ptmi_pickle *pickle)
{
    return pickle->root || has_proto(item, pickle->begin) || deeds_of(scan, pickle).asks;
}

static bool hidden_is_one(const struct ptmi_scan *scan, const struct ptmi_scan_item *item,
                          const struct ptmi_pickle *pickle)
{
    (void)item;
    return deeds_of(scan, pickle).asks;
}

/* --- running one --- */

/* Is what the machine went through a pickle at all? */
typedef bool (*is_one_fn)(const struct ptmi_scan *scan, const struct ptmi_scan_item *item,
                          const struct ptmi_pickle *pickle);

static ptm_rc run_at(struct ptmi_scan *scan, struct ptmi_scan_item *item, uint64_t pos,
                     is_one_fn is_one, struct ptmi_scan_run *run, struct ptm_err *err)
{
    struct ptmi_pickle pickle = {0};
    struct ptm_err why = {0};
    /* Half of the hidden ones are chance, with "strings" of any size: those are not recoded. */
    struct ptmi_pickle_opts opts = {.no_encoding = is_one == hidden_is_one};
    ptm_rc rc = ptmi_pickle_run(item->source, pos, item->size, &opts, &pickle, &why);
    if (rc == PTM_ENOMEM || rc == PTM_ECANCELED || rc == PTM_EBUG) {
        if (err) *err = why;
        ptmi_pickle_clear(&pickle);
        return rc;
    }
    /* What was too much for the machine may be none too much for others. */
    run->told = rc == PTM_ELIMIT || is_one(scan, item, &pickle);
    rc = run->told ? judge(scan, item, &pickle, &why, err) : PTM_OK;
    fill_run(item, run, &pickle);
    ptmi_pickle_clear(&pickle);
    return rc;
}

ptm_rc ptmi_scan_pickle(struct ptmi_scan *scan, struct ptmi_scan_item *item, uint64_t pos,
                        struct ptmi_scan_run *run, struct ptm_err *err)
{
    return run_at(scan, item, pos, always, run, err);
}

ptm_rc ptmi_scan_hidden_pickle(struct ptmi_scan *scan, struct ptmi_scan_item *item, uint64_t pos,
                               uint64_t *out_next, struct ptm_err *err)
{
    struct ptmi_scan_run run = {0};
    PTM_TRY(run_at(scan, item, pos, hidden_is_one, &run, err));
    scan->search_work += 1 + (run.end - pos) / 16;
    *out_next = pos + 1;
    if (!run.told) return PTM_OK;
    scan->search_work += 64 + (run.behind - pos) / 4;
    if (run.stopped) *out_next = run.end;
    return ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "embedded-pickle", (int64_t)pos, err,
                           "a pickle in the middle of other data, %s",
                           run.stopped ? "whole" : "broken off");
}

/* --- one after another --- */

/* What stands after one another from the beginning of an item on. */
struct stream {
    uint64_t pos;       /* where the next would begin */
    uint64_t first_end; /* behind the first */
    size_t n;
    bool magic;  /* the first is torch's magic number .. */
    bool legacy; /* .. or the second torch's protocol version */
};

static ptm_rc read_stream(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                          struct stream *stream, struct ptm_err *err)
{
    struct ptmi_scan_run run = {.keep = item->keep};
    while (stream->pos < item->size && !(stream->legacy && stream->n == 5)) {
        PTM_TRY(ptmi_scan_goes_on(scan, err));
        if (stream->n == 0 && breaks_off(item, stream->pos)) return PTM_OK;
        is_one_fn is_one = stream->n == 0 ? first_is_one : next_is_one;
        PTM_TRY(run_at(scan, item, stream->pos, is_one, &run, err));
        run.keep = NULL;
        if (!run.told) return PTM_OK;
        item->is_pickle = true;
        if (!run.stopped) {
            stream->n++;
            return PTM_OK; /* what follows is searched from its beginning on */
        }
        stream->pos = run.end;
        if (stream->n == 0) {
            stream->first_end = run.end;
            stream->magic = stream->legacy = run.magic;
        }
        if (stream->n == 1 && run.number == 1001) stream->legacy = true;
        if (++stream->n >= PTM_LIMIT_SCAN_PICKLES)
            return ptmi_scan_found(scan, item, PTM_UNREADABLE, "limit", (int64_t)run.end, err,
                                   "more than %d pickles one after another",
                                   PTM_LIMIT_SCAN_PICKLES);
    }
    return PTM_OK;
}

static ptm_rc tell_legacy(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                          const struct stream *stream, struct ptm_err *err)
{
    item->format = "pytorch-legacy";
    if (!stream->magic)
        PTM_TRY(ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "torch-magic", 0, err,
                                "torch's magic number is computed, or another one"));
    if (stream->n < 5)
        return ptmi_scan_found(scan, item, PTM_UNREADABLE, "torch-legacy", (int64_t)stream->pos,
                               err, "%zu pickles of a torch file, which has five", stream->n);
    return stream->magic ? ptmi_scan_whole(scan, item, err) : PTM_OK;
}

static ptm_rc tell_stream(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                          const struct stream *stream, struct ptm_err *err)
{
    if (stream->legacy) return tell_legacy(scan, item, stream, err);
    item->format = "pickle";
    if (stream->first_end == 0 || stream->first_end == item->size) return PTM_OK;
    return ptmi_scan_found(
        scan, item, PTM_SUSPICIOUS, "pickle-trailing", (int64_t)stream->first_end, err,
        "%" PRIu64 " bytes after the end of the pickle%s", item->size - stream->first_end,
        stream->n > 1 ? ", another pickle among them" : "");
}

ptm_rc ptmi_scan_pickles(struct ptmi_scan *scan, struct ptmi_scan_item *item, uint64_t begin,
                         struct ptm_err *err)
{
    struct stream stream = {.pos = begin};
    PTM_TRY(read_stream(scan, item, &stream, err));
    if (item->is_pickle) PTM_TRY(tell_stream(scan, item, &stream, err));
    if (stream.pos == item->size) return PTM_OK;
    /* A broken one was told: search behind its first byte. */
    bool broken = item->is_pickle && !stream.legacy && stream.first_end == 0;
    return ptmi_scan_search(scan, item, broken ? stream.pos + 1 : stream.pos, item->size, err);
}
