/* SPDX-License-Identifier: MIT */
/*
 * scan_report.c - what a scan has to tell: findings in the order they were made, each global once a
 * member, and the worst of all as the verdict. A file cannot make the report endless: what is
 * beyond the caps counts for the verdict, and one last finding says how much there is.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/grow.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "scan_priv.h"

/* A name of a global as shown: Python's own have 60 letters. */
#define NAME 256

static ptm_rc no_memory(struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ENOMEM, "out of memory");
}

/* Of one component: longer ones are cut, "!/" stays readable. */
#define COMPONENT 512

/* The path of members to item, joined by "!/", in the arena; *out NULL: the file itself. Made when
 * first asked for: most members have nothing to tell. */
static ptm_rc member_path(struct ptmi_scan *scan, struct ptmi_scan_item *item, const char **out,
                          struct ptm_err *err)
{
    char inner[COMPONENT];
    const char *outer = NULL;
    *out = item->member;
    if (item->member || !item->parent) return PTM_OK;
    PTM_TRY(member_path(scan, item->parent, &outer, err)); /* at most ARCHIVE_DEPTH deep */
    ptmi_str_printable(inner, sizeof inner, item->inner);
    item->member =
        ptmi_arena_printf(scan->arena, "%s%s%s", outer ? outer : "", outer ? "!/" : "", inner);
    *out = item->member;
    return *out ? PTM_OK : no_memory(err);
}

/* A finding with its texts as they are. */
static ptm_rc add(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_finding finding,
                  const char *message, const char *global, struct ptm_err *err)
{
    if (finding.severity > scan->verdict) scan->verdict = finding.severity;
    if (scan->n_findings >= PTM_LIMIT_FINDINGS) {
        scan->more_findings++;
        return PTM_OK;
    }
    struct ptm_finding *findings =
        ptmi_grown(scan->findings, scan->n_findings, &scan->cap_findings, sizeof *findings);
    if (!findings) return no_memory(err);
    scan->findings = findings;
    PTM_TRY(member_path(scan, item, &finding.member, err));
    finding.message = ptmi_arena_strdup(scan->arena, message);
    finding.global = ptmi_arena_strdup(scan->arena, global);
    if (!finding.message || (global && !finding.global)) return no_memory(err);
    scan->findings[scan->n_findings++] = finding;
    return PTM_OK;
}

ptm_rc ptmi_scan_found(struct ptmi_scan *scan, struct ptmi_scan_item *item, ptm_verdict severity,
                       const char *rule, int64_t offset, struct ptm_err *err, const char *fmt, ...)
{
    char text[PTM_ERR_MSG_MAX], message[PTM_ERR_MSG_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    struct ptm_finding finding = {.severity = severity, .rule = rule, .offset = offset};
    return add(scan, item, finding, ptmi_str_printable(message, sizeof message, text), NULL, err);
}

/* What stands behind "NAME: "; the whole message when it does not begin so. */
static const char *behind_name(const char *message, const char *name)
{
    size_t len = strlen(name);
    bool begins =
        len > 0 && strncmp(message, name, len) == 0 && ptmi_str_starts(message + len, ": ");
    return begins ? message + len + 2 : message;
}

/* An error's message without the name that the finding has anyway: the source's, or the shorter one
 * that readers are given. */
static const char *without_name(const struct ptmi_scan_item *item, const char *message)
{
    if (!item->source) return message;
    const char *rest = behind_name(message, ptmi_source_name(item->source));
    return rest == message && item->name ? behind_name(message, item->name) : rest;
}

ptm_rc ptmi_scan_failed(struct ptmi_scan *scan, struct ptmi_scan_item *item, const char *rule,
                        int64_t offset, const struct ptm_err *why, struct ptm_err *err)
{
    if (why->rc == PTM_ENOMEM || why->rc == PTM_ECANCELED || why->rc == PTM_EBUG) {
        if (err) *err = *why;
        return why->rc;
    }
    return ptmi_scan_found(scan, item, PTM_UNREADABLE, why->rc == PTM_ELIMIT ? "limit" : rule,
                           offset, err, "%s", without_name(item, why->msg));
}

/* --- globals --- */

/* Is name what pattern says: the same, or, where it ends in '*', the same up to there? */
static bool allows(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*') return strncmp(pattern, name, len - 1) == 0;
    return strcmp(pattern, name) == 0;
}

static void name_of(const struct ptmi_pk *global, char out[NAME])
{
    char raw[NAME];
    snprintf(raw, sizeof raw, "%s.%s", global->module, global->name);
    ptmi_str_printable(out, NAME, raw);
}

ptmi_trust ptmi_scan_trust(const struct ptmi_scan *scan, const struct ptmi_pk *global,
                           const char **out_why)
{
    char name[NAME];
    ptmi_trust trust = ptmi_policy_global(global->module, global->name, global->uses, out_why);
    if (trust != PTMI_UNKNOWN || scan->opts.n_allow == 0) return trust;
    /* A name that is cut, or shown otherwise than it is, is not what the user allowed. */
    size_t module = strlen(global->module), rest = strlen(global->name);
    if (module + 1 + rest >= sizeof name) return trust;
    memcpy(name, global->module, module);
    name[module] = '.';
    memcpy(name + module + 1, global->name, rest + 1);
    for (size_t i = 0; i < scan->opts.n_allow; i++)
        if (allows(scan->opts.allow[i], name)) return PTMI_TRUSTED;
    return trust;
}

static size_t hash(const char *name, const char *member)
{
    uint64_t h = 14695981039346656037u ^ (uint64_t)(uintptr_t)member;
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        h = (h ^ *c) * 1099511628211u;
    return (size_t)(h ^ h >> 29);
}

/* Where the name is in the table, or the free place for it. */
static uint32_t *slot_of(struct ptmi_scan *scan, const char *name, const char *member)
{
    size_t mask = scan->by_name_size - 1;
    for (size_t i = hash(name, member) & mask;; i = (i + 1) & mask) {
        uint32_t at = scan->by_name[i];
        if (at == 0) return &scan->by_name[i];
        const struct ptm_scan_global *global = &scan->globals[at - 1];
        if (global->member == member && strcmp(global->name, name) == 0) return &scan->by_name[i];
    }
}

/* Keeps the table at most half full. */
static ptm_rc grow_table(struct ptmi_scan *scan, struct ptm_err *err)
{
    if (2 * (scan->n_globals + 1) <= scan->by_name_size) return PTM_OK;
    size_t size = scan->by_name_size ? 2 * scan->by_name_size : 64;
    uint32_t *table = calloc(size, sizeof *table);
    if (!table) return no_memory(err);
    free(scan->by_name);
    scan->by_name = table;
    scan->by_name_size = size;
    for (size_t i = 0; i < scan->n_globals; i++)
        *slot_of(scan, scan->globals[i].name, scan->globals[i].member) = (uint32_t)i + 1;
    return PTM_OK;
}

static ptm_rc global_found(struct ptmi_scan *scan, struct ptmi_scan_item *item, ptm_verdict verdict,
                           const char *name, int64_t at, const char *why, struct ptm_err *err)
{
    char message[NAME + 256];
    struct ptm_finding finding = {.severity = verdict, .rule = "pickle-global", .offset = at};
    snprintf(message, sizeof message, "asks for %s: %s", name, why ? why : "nobody vouches for it");
    return add(scan, item, finding, message, name, err);
}

static ptm_rc global_listed(struct ptmi_scan *scan, uint32_t *slot, const char *name,
                            struct ptm_scan_global global, struct ptm_err *err)
{
    struct ptm_scan_global *globals =
        ptmi_grown(scan->globals, scan->n_globals, &scan->cap_globals, sizeof *globals);
    if (!globals) return no_memory(err);
    scan->globals = globals;
    global.name = ptmi_arena_strdup(scan->arena, name);
    if (!global.name) return no_memory(err);
    scan->globals[scan->n_globals++] = global;
    *slot = (uint32_t)scan->n_globals;
    return PTM_OK;
}

ptm_rc ptmi_scan_asks(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                      const struct ptmi_pk *global, uint64_t at, struct ptm_err *err)
{
    static const ptm_verdict verdicts[] = {[PTMI_TRUSTED] = PTM_CLEAN,
                                           [PTMI_UNKNOWN] = PTM_SUSPICIOUS,
                                           [PTMI_DANGEROUS] = PTM_DANGEROUS};
    const char *why = NULL, *member = NULL;
    char name[NAME];
    ptm_verdict verdict = verdicts[ptmi_scan_trust(scan, global, &why)];
    name_of(global, name);
    if (scan->n_globals >= PTM_LIMIT_SCAN_GLOBALS)
        return verdict == PTM_CLEAN
                   ? PTM_OK
                   : global_found(scan, item, verdict, name, (int64_t)at, why, err);
    PTM_TRY(member_path(scan, item, &member, err));
    PTM_TRY(grow_table(scan, err));
    uint32_t *slot = slot_of(scan, name, member);
    struct ptm_scan_global *known = *slot ? &scan->globals[*slot - 1] : NULL;
    if (known && known->verdict >= verdict) return PTM_OK;
    if (verdict > PTM_CLEAN)
        PTM_TRY(global_found(scan, item, verdict, name, (int64_t)at, why, err));
    if (known) {
        known->verdict = verdict;
        return PTM_OK;
    }
    return global_listed(
        scan, slot, name,
        (struct ptm_scan_global){.verdict = verdict, .offset = (int64_t)at, .member = member}, err);
}

ptm_rc ptmi_scan_report_end(struct ptmi_scan *scan, struct ptm_err *err)
{
    if (scan->more_findings == 0) return PTM_OK;
    char message[128];
    struct ptm_finding *last = &scan->findings[scan->n_findings - 1];
    snprintf(message, sizeof message, "and %zu more findings, which are not listed",
             scan->more_findings + 1);
    const char *text = ptmi_arena_strdup(scan->arena, message);
    if (!text) return no_memory(err);
    *last = (struct ptm_finding){
        .severity = scan->verdict, .rule = "more", .message = text, .offset = -1};
    return PTM_OK;
}
