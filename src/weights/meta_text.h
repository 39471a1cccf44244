/* SPDX-License-Identifier: MIT */
/* meta_text.h - texts of binary tables (GGUF, ONNX): bytes with a length, in whatever encoding. */
#pragma once

#include "../base/buf.h"
#include "weights_priv.h"

/* Appends bytes as UTF-8 text without NUL: what is none becomes U+FFFD. */
PTM_MUST_USE ptm_rc ptmi_meta_text(struct ptmi_buf *buf, const uint8_t *bytes, size_t len,
                                   struct ptm_err *err);
/* Adds a property; one of more than PTM_LIMIT_META bytes as {"type":"string","bytes":N}. */
PTM_MUST_USE ptm_rc ptmi_table_meta(struct ptm_weights *weights, const char *key,
                                    const uint8_t *bytes, size_t len, struct ptm_err *err);
