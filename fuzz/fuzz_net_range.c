/* SPDX-License-Identifier: MIT */
/* fuzz_net_range.c - the Content-Range header. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ptmi_content_range range;
    char *text = strndup((const char *)data, size);
    if (text && ptmi_content_range_parse(text, &range)) {
        assert(range.last >= range.first);
        assert(range.total < 0 || range.last < range.total);
        assert(range.first >= 0 || range.total >= 0);
    }
    free(text);
    return 0;
}
