/* SPDX-License-Identifier: MIT */
/* fuzz_net_link.c - the Link header. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/net_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    char *next = text ? ptmi_link_next(text, "https://huggingface.co/api/models?limit=1") : NULL;
    if (next) assert(strncasecmp(next, "http", 4) == 0);
    free(next);
    free(text);
    return 0;
}
