/* SPDX-License-Identifier: MIT */
/*
 * onnx_wire.c - protobuf's encoding.
 *
 *     message = field*     field = tag value      tag = varint: number << 3 | type
 *     type 0: varint       1: 8 bytes             2: varint length, bytes       5: 4 bytes
 */
#include "onnx_wire.h"

#include <inttypes.h>

#include "../base/limits.h"

#define MAX_VARINT 10

PTM_MUST_USE static ptm_rc bad(ptmi_source *source, uint64_t where, struct ptm_err *err,
                               const char *what)
{
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": %s", ptmi_source_name(source),
                       where, what);
}

ptm_rc ptmi_wire_varint(struct ptmi_cursor *at, uint64_t *out, struct ptm_err *err)
{
    uint64_t value = 0, begins = at->pos;
    for (int i = 0; i < MAX_VARINT; i++) {
        uint8_t byte = 0;
        PTM_TRY(ptmi_cursor_u8(at, &byte, err));
        if (i == MAX_VARINT - 1 && byte > 1) break;
        value |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            *out = value;
            return PTM_OK;
        }
    }
    return bad(at->source, begins, err, "a number of more than 64 bits");
}

static ptm_rc take_value(struct ptmi_cursor *at, struct ptmi_wire_field *field, struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    switch (field->type) {
    case PTMI_WIRE_VARINT:
        return ptmi_wire_varint(at, &field->value, err);
    case PTMI_WIRE_FIXED64:
    case PTMI_WIRE_FIXED32:
        field->len = field->type == PTMI_WIRE_FIXED64 ? 8 : 4;
        field->pos = at->pos;
        PTM_TRY(ptmi_cursor_take(at, field->len, &bytes, err));
        field->value = field->len == 8 ? ptmi_le64(bytes) : ptmi_le32(bytes);
        return PTM_OK;
    case PTMI_WIRE_BYTES:
        PTM_TRY(ptmi_wire_varint(at, &field->len, err));
        field->pos = at->pos;
        return ptmi_cursor_skip(at, field->len, err);
    default:
        return bad(at->source, field->where, err, "no type of a protobuf field (or a group)");
    }
}

ptm_rc ptmi_wire_next(struct ptmi_wire *wire, struct ptmi_wire_field *out, struct ptm_err *err)
{
    uint64_t tag = 0;
    struct ptmi_wire_field field = {.where = wire->at.pos};
    if (ptmi_cursor_left(&wire->at) == 0) return PTM_OK;
    PTM_TRY(ptmi_wire_varint(&wire->at, &tag, err));
    if (tag >> 3 == 0 || tag > UINT32_MAX)
        return bad(wire->at.source, field.where, err, "no number of a protobuf field");
    field.number = (uint32_t)(tag >> 3);
    field.type = (int)(tag & 7);
    PTM_TRY(take_value(&wire->at, &field, err));
    *out = field;
    return PTM_ITEM;
}

ptm_rc ptmi_wire_expect(const struct ptmi_wire *wire, const struct ptmi_wire_field *field, int type,
                        struct ptm_err *err)
{
    if (field->type == type) return PTM_OK;
    return ptm_err_set(err, PTM_EFORMAT,
                       "%s: byte %" PRIu64 ": field %" PRIu32 " has the protobuf type %d, not %d",
                       ptmi_source_name(wire->at.source), field->where, field->number, field->type,
                       type);
}

ptm_rc ptmi_wire_enter(const struct ptmi_wire *wire, const struct ptmi_wire_field *field,
                       struct ptmi_wire *out, struct ptm_err *err)
{
    PTM_TRY(ptmi_wire_expect(wire, field, PTMI_WIRE_BYTES, err));
    if (wire->depth + 1 >= PTM_LIMIT_PROTOBUF_DEPTH)
        return ptm_err_set(err, PTM_ELIMIT, "%s: byte %" PRIu64 ": messages more than %d deep",
                           ptmi_source_name(wire->at.source), field->where,
                           PTM_LIMIT_PROTOBUF_DEPTH);
    *out = (struct ptmi_wire){.at = wire->at, .depth = wire->depth + 1};
    out->at.pos = field->pos;
    out->at.end = field->pos + field->len;
    return PTM_OK;
}

ptm_rc ptmi_wire_bytes(const struct ptmi_wire *wire, const struct ptmi_wire_field *field,
                       const uint8_t **out, struct ptm_err *err)
{
    PTM_TRY(ptmi_wire_expect(wire, field, PTMI_WIRE_BYTES, err));
    return ptmi_source_at(wire->at.source, field->pos, field->len, out, err);
}

ptm_rc ptmi_wire_count(const struct ptmi_wire *wire, const struct ptmi_wire_field *field,
                       uint64_t *out, struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    uint64_t count = 0;
    PTM_TRY(ptmi_wire_bytes(wire, field, &bytes, err));
    for (uint64_t i = 0; i < field->len; i++) count += bytes[i] < 0x80;
    if (field->len > 0 && bytes[field->len - 1] >= 0x80)
        return bad(wire->at.source, field->pos + field->len - 1, err,
                   "a number that goes on past its run");
    *out = count;
    return PTM_OK;
}
