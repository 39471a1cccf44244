/* SPDX-License-Identifier: MIT */
/*
 * onnx_wire.h - a cursor over protobuf messages: fields one after the other, each inside its
 * message, nothing copied, lengths passed over without looking at their bytes.
 * https://protobuf.dev/programming-guides/encoding/
 */
#pragma once

#include "source.h"

enum { PTMI_WIRE_VARINT = 0, PTMI_WIRE_FIXED64 = 1, PTMI_WIRE_BYTES = 2, PTMI_WIRE_FIXED32 = 5 };

/* One message. */
struct ptmi_wire {
    struct ptmi_cursor at;
    int depth; /* messages around it */
};

struct ptmi_wire_field {
    uint32_t number;
    int type;          /* PTMI_WIRE_.. */
    uint64_t where;    /* of its tag in the source, for messages */
    uint64_t value;    /* of a number */
    uint64_t pos, len; /* where its bytes (or a fixed number's) lie in the source */
};

/* The message at bytes [pos, end) of source. */
static inline struct ptmi_wire ptmi_wire_of(ptmi_source *source, uint64_t pos, uint64_t end)
{
    return (struct ptmi_wire){.at = PTMI_CURSOR(source, pos, end)};
}

/* The next field: PTM_ITEM; PTM_OK at the end of the message. PTM_EFORMAT for groups (which no
 * ONNX file has), numbers of more than 64 bits and lengths that leave the message. */
PTM_MUST_USE ptm_rc ptmi_wire_next(struct ptmi_wire *wire, struct ptmi_wire_field *out,
                                   struct ptm_err *err);
/* The message inside a field. PTM_ELIMIT beyond PTM_LIMIT_PROTOBUF_DEPTH. */
PTM_MUST_USE ptm_rc ptmi_wire_enter(const struct ptmi_wire *wire,
                                    const struct ptmi_wire_field *field, struct ptmi_wire *out,
                                    struct ptm_err *err);
/* The field is of this type, or PTM_EFORMAT. */
PTM_MUST_USE ptm_rc ptmi_wire_expect(const struct ptmi_wire *wire,
                                     const struct ptmi_wire_field *field, int type,
                                     struct ptm_err *err);
/* The bytes of a field; borrowed from the source. */
PTM_MUST_USE ptm_rc ptmi_wire_bytes(const struct ptmi_wire *wire,
                                    const struct ptmi_wire_field *field, const uint8_t **out,
                                    struct ptm_err *err);
/* A number of up to 64 bits, seven in a byte, the low ones first. */
PTM_MUST_USE ptm_rc ptmi_wire_varint(struct ptmi_cursor *at, uint64_t *out, struct ptm_err *err);
/* How many numbers a packed run of them has; its bytes are looked at. */
PTM_MUST_USE ptm_rc ptmi_wire_count(const struct ptmi_wire *wire,
                                    const struct ptmi_wire_field *field, uint64_t *out,
                                    struct ptm_err *err);
