/* SPDX-License-Identifier: MIT */
/*
 * scan_formats.c - formats that hold no code of their own. Their readers say whether they are
 * whole; their numbers are searched for hidden pickles like any others. Three of them can hold code
 * all the same: NumPy's arrays of objects are pickles, Keras writes the byte code of Lambda layers
 * into its configuration, and TensorFlow's graphs have operations for files and for Python.
 */
#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "npy_header.h"
#include "scan_priv.h"

#define HEAD 4096
/* Keras' configurations have some hundred KB; larger texts are no configuration. */
#define CONFIG_MAX ((uint64_t)64 << 20)

/* --- whole or not --- */

/* Opens the item by its reader; *why has rc PTM_OK when that went well. */
static void open_by_reader(const struct ptmi_scan_item *item, struct ptm_err *why)
{
    const struct ptm_weights_opts opts = {.size = sizeof opts, .no_siblings = true};
    ptm_weights *weights = NULL;
    why->rc = ptmi_weights_open_source(ptmi_source_ref(item->source), item->name, NULL, &opts,
                                       &weights, why);
    ptm_weights_close(weights);
}

ptm_rc ptmi_scan_whole(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_err *err)
{
    struct ptm_err why = {0};
    open_by_reader(item, &why);
    /* What the reader does not support may be whole. */
    if (why.rc == PTM_OK || why.rc == PTM_EUNSUPPORTED || why.rc == PTM_ENOENT) return PTM_OK;
    return ptmi_scan_failed(scan, item, "broken", -1, &why, err);
}

/* --- code in them --- */

static const uint8_t *find(const struct ptmi_scan_item *item, const char *text)
{
    return memmem(item->data, (size_t)item->size, text, strlen(text));
}

/* Is the backslash at at the first of an escape, not the second of one? */
static bool begins_escape(const struct ptmi_scan_item *item, const uint8_t *at)
{
    size_t before = 0;
    while (at - before > item->data && at[-1 - (ptrdiff_t)before] == '\\') before++;
    return before % 2 == 0;
}

/* Of JSON: a letter of ASCII or '_' as an escape, which no writer makes of one. */
static const uint8_t *find_hidden_letter(const struct ptmi_scan_item *item)
{
    static const char first[] = "4567", second[] = "0123456789abcdefABCDEF";
    const uint8_t *end = item->data + item->size, *at = find(item, "\\u00");
    while (at && end - at >= 6) {
        const char *high = memchr(first, at[4], 4), *low = memchr(second, at[5], 22);
        if (high && low) {
            long digit = low - second < 16 ? low - second : low - second - 6;
            long c = (high - first + 4) * 16 + digit, letter = c | 0x20;
            if ((c == '_' || (letter >= 'a' && letter <= 'z')) && begins_escape(item, at))
                return at;
        }
        at = memmem(at + 1, (size_t)(end - at - 1), "\\u00", 4);
    }
    return NULL;
}

/* The first value of a key "module" that is none of Keras' own. */
static const uint8_t *find_foreign_module(const struct ptmi_scan_item *item)
{
    static const char key[] = "\"module\"";
    const uint8_t *end = item->data + item->size, *at = find(item, key);
    while (at) {
        at += sizeof key - 1;
        while (at < end && (*at == ' ' || *at == ':')) at++;
        size_t left = (size_t)(end - at);
        bool own = left < 9 || *at != '"' || memcmp(at + 1, "keras", 5) == 0 ||
                   memcmp(at + 1, "builtins", 8) == 0;
        if (!own) return at;
        at = memmem(at, left, key, sizeof key - 1);
    }
    return NULL;
}

/* Names of classes in a configuration decide what Keras imports and makes. */
static ptm_rc tell_keras(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_err *err)
{
    const uint8_t *at = find_hidden_letter(item);
    bool keras = at || find(item, "\"class_name\"");
    if (!at) at = find(item, "\"Lambda\"");
    if (!keras) return PTM_OK;
    if (at)
        PTM_TRY(ptmi_scan_found(
            scan, item, PTM_SUSPICIOUS, "keras-lambda", at - item->data, err,
            "a Lambda layer of Keras, or a name that may hide one: Python code that runs when the "
            "model is used"));
    at = find(item, "\"registered_name\"") ? find_foreign_module(item) : NULL;
    if (!at) return PTM_OK;
    return ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "keras-module", at - item->data, err,
                           "a configuration of Keras that wants a module which is none of Keras'");
}

/* NodeDef.op is field 2: a length and the name. */
static ptm_rc tell_file_ops(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                            struct ptm_err *err)
{
    static const char *const ops[] = {"\x12\x08ReadFile", "\x12\x09WriteFile", "\x12\x06PyFunc",
                                      ("\x12\x0b"
                                       "EagerPyFunc"),
                                      "\x12\x0fPyFuncStateless"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        const uint8_t *at = memmem(item->data, (size_t)item->size, ops[i], strlen(ops[i]));
        if (!at) continue;
        item->format = "tensorflow";
        PTM_TRY(ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "tf-op", at - item->data, err,
                                "a graph of TensorFlow with the operation %s", ops[i] + 2));
    }
    return PTM_OK;
}

/* --- NumPy --- */

/* Is 'O' a type in the header: the description itself, or the type of a field? */
static bool has_objects(const uint8_t *header, size_t len)
{
    uint8_t before = 0; /* the last character outside of quotes and spaces */
    for (size_t at = 0; at < len; at++) {
        if (header[at] != '\'' && header[at] != '"') {
            if (header[at] != ' ') before = header[at];
            continue;
        }
        const uint8_t *end = memchr(header + at + 1, header[at], len - at - 1);
        if (!end) return true; /* no header that NumPy would read */
        const uint8_t *text = header + at + 1;
        text += text < end && strchr("|<>=", *text) && *text;
        if (text < end && *text == 'O' && (before == ':' || before == ',')) return true;
        at = (size_t)(end - header);
        before = 0;
    }
    return false;
}

/* Where the array begins; 0: the header is not all there. */
static uint64_t npy_data(const struct ptmi_scan_item *item)
{
    const uint8_t *p = item->data;
    if (item->size < 12) return 0;
    uint64_t at = p[6] == 1 ? 10 : 12, len = p[6] == 1 ? ptmi_le16(p + 8) : ptmi_le32(p + 8);
    return len <= item->size - at ? at + len : 0;
}

static ptm_rc scan_npy(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_err *err)
{
    struct ptmi_scan_run run = {0};
    uint64_t data = npy_data(item), header = item->size >= 7 && item->data[6] == 1 ? 10 : 12;
    item->format = "npy";
    if (data == 0)
        return ptmi_scan_found(scan, item, PTM_UNREADABLE, "broken", 0, err,
                               "a .npy file that ends within its header");
    if (!has_objects(item->data + header, (size_t)(data - header))) {
        /* A literal of Python can say 'O' in more ways than are worth telling apart. */
        uint64_t next = 0;
        if (data < item->size) PTM_TRY(ptmi_scan_hidden_pickle(scan, item, data, &next, err));
        PTM_TRY(ptmi_scan_whole(scan, item, err));
        return ptmi_scan_search(scan, item, 0, item->size, err);
    }
    item->is_pickle = true;
    PTM_TRY(ptmi_scan_pickle(scan, item, data, &run, err));
    if (!run.stopped || run.end == item->size) return PTM_OK;
    PTM_TRY(ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "pickle-trailing", (int64_t)run.end, err,
                            "bytes after the end of the array's pickle"));
    return ptmi_scan_search(scan, item, run.end, item->size, err);
}

/* --- all of them --- */

/* At byte 0, or behind a block that is the user's: 512 bytes, 1,024, and so on. */
static bool is_hdf5(const struct ptmi_scan_item *item)
{
    static const char magic[] = "\x89HDF\r\n\x1a\n";
    for (uint64_t at = 0; at < item->size && item->size - at >= 8; at = at ? 2 * at : 512)
        if (memcmp(item->data + at, magic, 8) == 0) return true;
    return false;
}

static bool is_json(const struct ptmi_scan_item *item)
{
    uint64_t at = 0;
    while (at < item->size && at < HEAD && strchr(" \t\r\n", item->data[at]) && item->data[at])
        at++;
    return at < item->size && item->data[at] == '{' && item->size <= CONFIG_MAX;
}

/* By the readers' own probes; what torch and pickle are is told by others. */
static const char *readers_format(const struct ptmi_scan_item *item, int *out_score)
{
    static const char *const ours[] = {"safetensors", "safetensors-index", "gguf", "onnx"};
    struct ptmi_probe probe = {.head = item->data,
                               .head_len = item->size < HEAD ? (size_t)item->size : HEAD,
                               .size = item->size,
                               .name = item->name};
    const struct ptmi_weight_format *format = ptmi_weight_format_probe(&probe);
    *out_score = format ? format->probe(&probe) : 0;
    for (size_t i = 0; format && i < sizeof ours / sizeof *ours; i++)
        if (strcmp(format->name, ours[i]) == 0) return ours[i];
    return NULL;
}

static ptm_rc by_reader(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_err *err)
{
    int score = 0;
    const char *format = readers_format(item, &score);
    if (!format) return PTM_OK;
    if (score < 100 && !ptmi_scan_promises(item->name)) {
        struct ptm_err why = {0};
        open_by_reader(item, &why);
        if (why.rc != PTM_OK) return PTM_OK; /* it only looked so */
    } else {
        PTM_TRY(ptmi_scan_whole(scan, item, err));
    }
    item->format = format;
    return PTM_OK;
}

ptm_rc ptmi_scan_format(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_err *err)
{
    uint64_t next = 0;
    if (is_json(item)) PTM_TRY(tell_keras(scan, item, err));
    if (item->size >= 6 && memcmp(item->data, "\x93NUMPY", 6) == 0)
        return scan_npy(scan, item, err);
    if (item->size >= 3 && memcmp(item->data, "\x08\x01\x12", 3) == 0)
        PTM_TRY(tell_file_ops(scan, item, err));
    if (is_hdf5(item)) {
        PTM_TRY(tell_keras(scan, item, err));
        item->format = "hdf5";
    } else if (!item->format && item->place == PTMI_SCAN_FILE) {
        PTM_TRY(by_reader(scan, item, err));
    }
    if (!item->format) return PTM_OK;
    PTM_TRY(ptmi_scan_hidden_pickle(scan, item, 0, &next, err));
    return ptmi_scan_search(scan, item, 0, item->size, err);
}
