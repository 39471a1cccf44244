/* SPDX-License-Identifier: MIT */
/* adopt.h - options of a caller who may have been compiled against a header with fewer, or more, of
 * them. Pure; thread-safe. */
#pragma once

#include <stddef.h>
#include <string.h>

/* Copies *given over *own, the defaults, as far as both have members. The first member of either is
 * size_t size. given may be NULL. */
static inline void ptmi_adopt(void *own, size_t own_size, const void *given)
{
    size_t size = 0;
    if (!given) return;
    memcpy(&size, given, sizeof size);
    memcpy(own, given, size < own_size ? size : own_size);
}
