/* SPDX-License-Identifier: MIT */
/*
 * json.h - JSON from outside: yyjson behind caps on size and depth, getters that never trust a
 * type. A document belongs to one thread at a time; strings are borrowed from it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yyjson.h>

#include <ptm/err.h>

#include "arena.h"
#include "auto.h"
#include "buf.h"

PTM_DEFINE_CLEANUP(ptmi_json_freep, yyjson_doc *, yyjson_doc_free)

/*
 * Parses len bytes (a UTF-8 BOM is skipped). what names the source in errors: "URL: not JSON at
 * byte 17: ...". An answer that is HTML is named as such. PTM_EFORMAT, PTM_ELIMIT (PTM_LIMIT_JSON,
 * PTM_LIMIT_DEPTH), PTM_ENOMEM. A number that neither 64 bits nor a double can hold is not an
 * error: it stays as its text (yyjson_is_raw()).
 */
PTM_MUST_USE ptm_rc ptmi_json_parse(const char *data, size_t len, const char *what,
                                    yyjson_doc **out, struct ptm_err *err);

/* Member by name; NULL when obj is not an object or has none. */
yyjson_val *ptmi_json_get(yyjson_val *obj, const char *name);
/* Is it a string that C can hold: without NUL bytes inside? */
bool ptmi_json_is_plain(yyjson_val *val);
/* A string without NUL bytes inside, else NULL (also for numbers, lists, null). */
const char *ptmi_json_str(yyjson_val *obj, const char *name);
/* An integer, a float without fraction, or a decimal string; else fallback. */
int64_t ptmi_json_int(yyjson_val *obj, const char *name, int64_t fallback);
bool ptmi_json_bool(yyjson_val *obj, const char *name, bool fallback);
/* Copies a string, or the strings of a list (other items are passed over), into arena and list.
 * false: out of memory or cap. */
bool ptmi_json_strings(yyjson_val *obj, const char *name, struct ptmi_arena *arena,
                       struct ptmi_arena_list *list);

/*
 * Splits a JSON array into its items without building a document: fn gets each item's own bytes (as
 * received: number texts, key order and spacing kept), so that raw records are stored untouched.
 * Bounded memory. Fails as ptmi_json_parse(); a truncated array fails after its whole items were
 * handed out, so hand them to a transaction.
 */
typedef ptm_rc (*ptmi_json_item_fn)(void *arg, const char *item, size_t len, struct ptm_err *err);
PTM_MUST_USE ptm_rc ptmi_json_each_item(const char *data, size_t len, const char *what,
                                        ptmi_json_item_fn fn, void *arg, struct ptm_err *err);
/* Finds the bytes of one member's value in an object's own text; false when absent. For
 * {"models":[...]} without copying. */
bool ptmi_json_member_text(const char *object, size_t len, const char *name, const char **out,
                           size_t *out_len);
