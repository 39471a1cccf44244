/* SPDX-License-Identifier: MIT */
/*
 * fuzz_json.c - the splitter of lists against yyjson: what one takes the other takes, item for
 * item, and neither reads beyond its bytes. Only depth and numbers that overflow are ours alone.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"

#define CHECK(cond)           \
    do {                      \
        if (!(cond)) abort(); \
    } while (0)

struct walk {
    const char *data;
    size_t len;
    yyjson_arr_iter expected; /* of yyjson's own reading of the whole */
    bool whole;               /* there is one */
    size_t count;
};

static ptm_rc on_item(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    (void)err;
    struct walk *walk = arg;
    CHECK(item >= walk->data && len > 0 && item + len <= walk->data + walk->len);
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    CHECK(ptmi_json_parse(item, len, "item", &doc, NULL) == PTM_OK);
    if (walk->whole)
        CHECK(yyjson_equals(yyjson_doc_get_root(doc), yyjson_arr_iter_next(&walk->expected)));
    walk->count++;
    return PTM_OK;
}

static void check_split(const char *data, size_t len)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    ptm_rc parsed = ptmi_json_parse(data, len, "all", &doc, NULL);
    yyjson_val *root = parsed == PTM_OK ? yyjson_doc_get_root(doc) : NULL;
    struct walk walk = {.data = data, .len = len, .whole = yyjson_is_arr(root)};
    if (walk.whole) yyjson_arr_iter_init(root, &walk.expected);
    struct ptm_err err = {0};
    ptm_rc rc = ptmi_json_each_item(data, len, "all", on_item, &walk, &err);
    if (walk.whole) {
        CHECK(rc == PTM_OK && walk.count == yyjson_arr_size(root));
    } else {
        CHECK(rc == PTM_EFORMAT || rc == PTM_ELIMIT);
        CHECK(err.rc == rc && err.msg[0]);
    }
}

/* The text of a member is what yyjson finds under its name. */
static void check_member(const char *data, size_t len)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    bool parsed = ptmi_json_parse(data, len, "all", &doc, NULL) == PTM_OK;
    yyjson_val *expected = parsed ? ptmi_json_get(yyjson_doc_get_root(doc), "models") : NULL;
    const char *text = NULL;
    size_t text_len = 0;
    bool found = ptmi_json_member_text(data, len, "models", &text, &text_len);
    if (parsed) CHECK(found == (expected != NULL));
    if (!found) return;
    CHECK(text >= data && text + text_len <= data + len);
    PTM_AUTO(ptmi_json_freep) yyjson_doc *part = NULL;
    CHECK(ptmi_json_parse(text, text_len, "part", &part, NULL) == PTM_OK);
    if (expected) CHECK(yyjson_equals(yyjson_doc_get_root(part), expected));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_split((const char *)data, size);
    check_member((const char *)data, size);
    return 0;
}
