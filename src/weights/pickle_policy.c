/* SPDX-License-Identifier: MIT */
/*
 * pickle_policy.c - who vouches for a global: trusted is what the list names and only as it says,
 * dangerous what the other list covers by any reading of the name, unknown the rest. A name may be
 * dotted ("Bdb.run", "os.system" of a module that imports os): since protocol 4 every part is an
 * attribute, so every part is looked at as if it began a path of its own.
 */
#include "pickle_policy.h"

#include <stdio.h>
#include <string.h>

#include "../base/str.h"

static const char INTERNALS[] = "reaches into the insides of an object or module";
static const char MODULE[] = "gets at a module that another one imported";
static const char UNLISTED[] = "is on no list: what it does is not known";
/* Of joblib's modules the rest is denied; this one every joblib file with an array has. */
static const char RAW[] = "is an array of joblib, whose bytes stand in the middle of the pickle";
static const char OTHERWISE[] = "is used otherwise than checkpoints use it";

/* Modules that others import under their own name, so that ("logging", "os") is os. */
static const char *const imported[] = {
    "__builtins__", "builtins", "ctypes",     "importlib", "io",      "marshal",
    "nt",           "os",       "pickle",     "posix",     "runpy",   "shutil",
    "socket",       "ssl",      "subprocess", "sys",       "tempfile"};

static bool is_one_of(const char *const *list, size_t n, const char *text, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == len && memcmp(list[i], text, len) == 0) return true;
    return false;
}

/* --- torch's families of classes --- */

static const char *const families[] = {
    "BFloat16", "Bool",     "Byte",     "Char",   "ComplexDouble", "ComplexFloat",
    "Double",   "Float",    "Half",     "Int",    "Long",          "QInt32",
    "QInt8",    "QUInt2x4", "QUInt4x2", "QUInt8", "Short"};

/* torch's families of storage and tensor classes ("torch.cuda", "HalfStorage"). */
static bool is_torch_type(const char *module, const char *name)
{
    bool sparse = ptmi_str_eq(module, "torch.sparse") || ptmi_str_eq(module, "torch.cuda.sparse");
    bool dense = ptmi_str_eq(module, "torch") || ptmi_str_eq(module, "torch.cuda");
    size_t len = strlen(name), tail = 0;
    if (ptmi_str_ends(name, "Tensor")) tail = strlen("Tensor");
    if (ptmi_str_ends(name, "Storage") && !sparse) tail = strlen("Storage");
    return (sparse || dense) && tail > 0 &&
           is_one_of(families, sizeof families / sizeof *families, name, len - tail);
}

/* --- the list of what is dangerous --- */

/* The first denied path that path lies under: "os" of "os.system". */
static const char *denied_prefix(const char *path)
{
    for (const char *dot = strchr(path, '.');; dot = strchr(dot + 1, '.')) {
        const char *why = ptmi_policy_denied(path, dot ? (size_t)(dot - path) : strlen(path));
        if (why || !dot) return why;
    }
}

static bool is_internal(const char *part, size_t len)
{
    return len > 4 && memcmp(part, "__", 2) == 0 && memcmp(part + len - 2, "__", 2) == 0;
}

/* A part of a name, whose rest (with this part) is from. first: it is the whole name's first. */
static const char *denied_part(const char *from, size_t len, bool first)
{
    if (is_internal(from, len)) return INTERNALS;
    if (is_one_of(imported, sizeof imported / sizeof *imported, from, len)) return MODULE;
    /* In a dotted name a part may be a module; one that stands alone is a function far more often
     * ("code", "signal"). */
    return first && !from[len] ? NULL : denied_prefix(from);
}

static const char *denied_parts(const char *name)
{
    for (const char *part = name;; part++) {
        const char *dot = strchr(part, '.');
        size_t len = dot ? (size_t)(dot - part) : strlen(part);
        const char *why = denied_part(part, len, part == name);
        if (why || !dot) return why;
        part = dot;
    }
}

/* Longer names than that are nobody's. */
#define PATH_MAX_LEN 1024

static const char *denied(const char *module, const char *name)
{
    char path[PATH_MAX_LEN];
    int n = snprintf(path, sizeof path, "%s.%s", module, name);
    if (n < 0 || (size_t)n >= sizeof path) return "has a name that hides something by its length";
    const char *why = denied_prefix(path);
    return why ? why : denied_parts(name);
}

/* --- the face --- */

static ptmi_trust told(ptmi_trust trust, const char *why, const char **out_why)
{
    if (out_why) *out_why = why;
    return trust;
}

ptmi_trust ptmi_policy_global(const char *module, const char *name, unsigned uses,
                              const char **out_why)
{
    const struct ptmi_policy_rule *rule = ptmi_policy_find(module, name);
    unsigned allowed = PTMI_USE_DROPPED;
    if (rule) allowed |= rule->uses;
    bool family = is_torch_type(module, name);
    if (family) allowed |= PTMI_USE_VALUE | PTMI_USE_PERSID;
    if (rule || family) {
        if (uses & ~allowed) return told(PTMI_UNKNOWN, OTHERWISE, out_why);
        return told(PTMI_TRUSTED, "is what checkpoints are made of", out_why);
    }
    if (ptmi_str_eq(module, "joblib.numpy_pickle") && ptmi_str_eq(name, "NumpyArrayWrapper"))
        return told(PTMI_UNKNOWN, RAW, out_why);
    const char *why = denied(module, name);
    return why ? told(PTMI_DANGEROUS, why, out_why) : told(PTMI_UNKNOWN, UNLISTED, out_why);
}

/* Bytes above 0x7f belong to letters of other scripts. */
static bool is_identifier(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        bool digit = c >= '0' && c <= '9';
        if (!letter && c != '_' && c < 0x80 && !(digit && i > 0)) return false;
    }
    return len > 0;
}

static bool is_dotted(const char *text)
{
    for (const char *dot = strchr(text, '.'); dot; dot = strchr(text, '.')) {
        if (!is_identifier(text, (size_t)(dot - text))) return false;
        text = dot + 1;
    }
    return is_identifier(text, strlen(text));
}

bool ptmi_policy_is_name(const char *module, const char *name)
{
    return is_dotted(module) && is_dotted(name);
}
