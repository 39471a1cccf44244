/* SPDX-License-Identifier: MIT */
/* fuzz_git_refs.c - names of refs are the server's. The first byte says how the text is cut. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "git/git_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ptm_rc check(void *arg, const struct ptmi_git_ref *ref, struct ptm_err *err)
{
    size_t *n = arg;
    (void)err;
    if (!ref->name || (!ref->id) == (!ref->target)) abort();
    if (ref->id && !ptmi_str_is_hex(ref->id, 40)) abort();
    if (strpbrk(ref->name, "\n\r\x1b ")) abort();
    if (ref->target && strpbrk(ref->target, "\n\r\x1b ")) abort();
    *n += 1;
    return PTM_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ptm_err err;
    size_t in_pieces = 0, at_once = 0;
    if (size < 2) return 0;
    const char *text = (const char *)data + 1;
    ptm_rc a = ptmi_git_refs_parse(text, size - 1, 1 + data[0] % 64u, check, &in_pieces, &err);
    ptm_rc b = ptmi_git_refs_parse(text, size - 1, size, check, &at_once, &err);
    if (a != b || in_pieces != at_once) abort();
    return 0;
}
