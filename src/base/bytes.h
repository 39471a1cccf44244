/* SPDX-License-Identifier: MIT */
/* bytes.h - integers as files have them, little or big end first. Pure; thread-safe. */
#pragma once

#include <stdint.h>

/* Integers at p, which need not be aligned. */
static inline uint16_t ptmi_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t ptmi_le32(const uint8_t *p)
{
    return (uint32_t)ptmi_le16(p) | (uint32_t)ptmi_le16(p + 2) << 16;
}
static inline uint64_t ptmi_le64(const uint8_t *p)
{
    return (uint64_t)ptmi_le32(p) | (uint64_t)ptmi_le32(p + 4) << 32;
}
static inline uint16_t ptmi_be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline uint32_t ptmi_be32(const uint8_t *p)
{
    return (uint32_t)ptmi_be16(p) << 16 | (uint32_t)ptmi_be16(p + 2);
}
static inline uint64_t ptmi_be64(const uint8_t *p)
{
    return (uint64_t)ptmi_be32(p) << 32 | (uint64_t)ptmi_be32(p + 4);
}
