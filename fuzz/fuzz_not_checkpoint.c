/* SPDX-License-Identifier: MIT */
/* fuzz_not_checkpoint.c - any bytes as what came in place of a checkpoint, and as the name of one:
 * what is said is one printable line, a hash prefix is hex digits of the name. */
#include <string.h>

#include "../src/base/str.h"
#include "../src/torchhub/torchhub_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_name(const char *name)
{
    char prefix[65];
    if (ptm_torchhub_hash_prefix(name, prefix))
        if (!ptmi_str_is_hex(prefix, strlen(prefix)) || strlen(prefix) < 8 || !strstr(name, prefix))
            __builtin_trap();
    char *safe = NULL;
    if (ptmi_weights_name(name, &safe, NULL) == PTM_OK && (!*safe || strchr(safe, '/')))
        __builtin_trap();
    free(safe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ptm_err err = {0};
    char shown[PTM_ERR_MSG_MAX];
    char *bytes = malloc(size + 1);
    if (!bytes) return 0;
    memcpy(bytes, data, size);
    ptm_rc rc = ptmi_no_page("x", false, bytes, size, &err); /* not NUL-terminated for it */
    if ((rc == PTM_OK) != (ptmi_not_checkpoint(bytes, size) == NULL)) __builtin_trap();
    if (rc != PTM_OK && strcmp(ptmi_str_printable(shown, sizeof shown, err.msg), err.msg) != 0)
        __builtin_trap();
    bytes[size] = '\0';
    as_name(bytes);
    free(bytes);
    return 0;
}
