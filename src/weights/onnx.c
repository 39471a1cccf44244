/* SPDX-License-Identifier: MIT */
/*
 * onnx.c - ONNX models: a protobuf message without a magic number. Only what leads to tensors is
 * looked into:
 *
 *     ModelProto      1 ir_version  2 producer_name  3 producer_version  4 domain  5 model_version
 *                     6 doc_string  7 graph  8 opset_import  14 metadata_props  20 training_info
 *                     25 functions
 *     GraphProto      1 node  2 name  5 initializer  15 sparse_initializer
 *     NodeProto       2 output  3 name  4 op_type  5 attribute
 *     AttributeProto  1 name  5 t  6 g  10 tensors  11 graphs  22 sparse_tensor  23 sparse_tensors
 *     FunctionProto   1 name  7 node  10 domain  11 attribute_proto
 *
 * Names: an initializer's own; a Constant's output; of another node's attribute "NODE.ATTRIBUTE",
 * ".0", ".1" behind it in a list; inside a subgraph, function or training graph with its path in
 * front. Graphs nest three messages deep each, so that PTM_LIMIT_PROTOBUF_DEPTH bounds the
 * recursion. https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/str.h"
#include "onnx_priv.h"
#include "meta_text.h"

#define MAX_NAME (64u << 10)
/* All opset_imports, as JSON. */
#define MAX_OPSETS (64u << 10)

/* What a node says of itself before its attributes are looked at. */
struct node {
    struct ptmi_buf name; /* its name, or that of its first output, or its operator */
    bool is_constant;
    bool has_attributes;
};

static ptm_rc walk_graph(struct ptmi_onnx *onnx, const struct ptmi_wire *message,
                         const char *prefix, struct ptm_err *err);

PTM_MUST_USE static ptm_rc text_of(const struct ptmi_wire *wire,
                                   const struct ptmi_wire_field *field, struct ptmi_buf *out,
                                   struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    ptmi_buf_reset(out);
    PTM_TRY(ptmi_wire_bytes(wire, field, &bytes, err));
    PTM_TRY(ptmi_buf_puts(out, "", err));
    return ptmi_meta_text(out, bytes, field->len, err);
}

/* --- attributes --- */

static bool is_list(const struct ptmi_wire_field *field)
{
    return field->number == 10 || field->number == 11 || field->number == 23;
}

/* One tensor, or graph, of an attribute called name. */
static ptm_rc walk_value(struct ptmi_onnx *onnx, const struct ptmi_wire *attribute,
                         const struct ptmi_wire_field *field, const char *name, struct ptm_err *err)
{
    struct ptmi_wire value;
    PTM_TRY(ptmi_wire_enter(attribute, field, &value, err));
    switch (field->number) {
    case 5:
    case 10:
        return ptmi_onnx_add_tensor(onnx, &value, "", name, err);
    case 22:
    case 23:
        return ptmi_onnx_add_sparse(onnx, &value, "", name, err);
    default: { /* 6, 11 */
        PTM_AUTO(ptmi_buf_clear) struct ptmi_buf prefix = PTMI_BUF(MAX_NAME);
        PTM_TRY(ptmi_buf_printf(&prefix, err, "%s.", name));
        return walk_graph(onnx, &value, prefix.data, err);
    }
    }
}

/* Values of an attribute whose path is name; items of lists have their number behind it. */
static ptm_rc walk_values(struct ptmi_onnx *onnx, const struct ptmi_wire *message, const char *name,
                          struct ptm_err *err)
{
    struct ptmi_wire wire = *message;
    struct ptmi_wire_field field;
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf item = PTMI_BUF(MAX_NAME);
    uint64_t n = 0;
    uint32_t seen = 0;
    ptm_rc rc;
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM) {
        if (is_list(&field)) {
            ptmi_buf_reset(&item);
            PTM_TRY(ptmi_buf_printf(&item, err, "%s.%" PRIu64, name, n++));
            PTM_TRY(walk_value(onnx, &wire, &field, item.data, err));
        } else if (field.number == 5 || field.number == 6 || field.number == 22) {
            if (seen & 1u << field.number)
                return ptm_err_set(err, PTM_EFORMAT,
                                   "%s: byte %" PRIu64 ": a value of an attribute stands there "
                                   "twice",
                                   ptmi_source_name(onnx->source), field.where);
            seen |= 1u << field.number;
            PTM_TRY(walk_value(onnx, &wire, &field, name, err));
        }
    }
    return rc;
}

/* Its name, and whether there is anything in it to walk to. */
static ptm_rc look_at_attribute(const struct ptmi_wire *message, struct ptmi_buf *name,
                                bool *out_worth, struct ptm_err *err)
{
    struct ptmi_wire wire = *message;
    struct ptmi_wire_field field;
    ptm_rc rc;
    *out_worth = false;
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM) {
        if (field.number == 1) PTM_TRY(text_of(&wire, &field, name, err));
        if (is_list(&field) || field.number == 5 || field.number == 6 || field.number == 22)
            *out_worth = true;
    }
    return rc;
}

/* constant: the attribute of a Constant, whose tensor is the node's output. */
static ptm_rc walk_attribute(struct ptmi_onnx *onnx, const struct ptmi_wire *message,
                             const char *path, bool constant, struct ptm_err *err)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf name = PTMI_BUF(MAX_NAME), full = PTMI_BUF(MAX_NAME);
    bool worth = false;
    PTM_TRY(look_at_attribute(message, &name, &worth, err));
    if (!worth) return PTM_OK;
    bool is_value = ptmi_str_eq(name.data, "value") || ptmi_str_eq(name.data, "sparse_value");
    if (constant && is_value) return walk_values(onnx, message, path, err);
    PTM_TRY(ptmi_buf_printf(&full, err, "%s.%s", path, name.data ? name.data : ""));
    return walk_values(onnx, message, full.data, err);
}

/* --- nodes and graphs --- */

static void node_clear(struct node *node)
{
    ptmi_buf_clear(&node->name);
}

/* A Constant is called by its first output, any other node by its name when it has one. */
static ptm_rc look_at_node(const struct ptmi_wire *message, struct node *out, struct ptm_err *err)
{
    struct ptmi_wire wire = *message;
    struct ptmi_wire_field field, output = {0}, name = {0}, type = {0};
    const uint8_t *bytes = NULL;
    ptm_rc rc;
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM) {
        if (field.number == 2 && !output.number) output = field;
        if (field.number == 3) name = field;
        if (field.number == 4) type = field;
        if (field.number == 5) out->has_attributes = true;
    }
    if (rc != PTM_OK || !out->has_attributes) return rc;
    if (type.number) PTM_TRY(ptmi_wire_bytes(&wire, &type, &bytes, err));
    out->is_constant = type.len == 8 && memcmp(bytes, "Constant", 8) == 0;
    bool by_output = output.len > 0 && (out->is_constant || name.len == 0);
    const struct ptmi_wire_field *called = by_output ? &output : name.len > 0 ? &name : &type;
    if (!called->number) return ptmi_buf_puts(&out->name, "node", err);
    return text_of(&wire, called, &out->name, err);
}

static ptm_rc walk_node(struct ptmi_onnx *onnx, const struct ptmi_wire *message, const char *prefix,
                        struct ptm_err *err)
{
    struct ptmi_wire wire = *message, attribute;
    struct ptmi_wire_field field;
    PTM_AUTO(node_clear) struct node node = {.name = PTMI_BUF(MAX_NAME)};
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf path = PTMI_BUF(MAX_NAME);
    ptm_rc rc;
    PTM_TRY(look_at_node(message, &node, err));
    if (!node.has_attributes) return PTM_OK;
    PTM_TRY(ptmi_buf_printf(&path, err, "%s%s", prefix, node.name.data));
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM) {
        if (field.number != 5) continue;
        PTM_TRY(ptmi_wire_enter(&wire, &field, &attribute, err));
        PTM_TRY(walk_attribute(onnx, &attribute, path.data, node.is_constant, err));
    }
    return rc;
}

static ptm_rc walk_graph(struct ptmi_onnx *onnx, const struct ptmi_wire *message,
                         const char *prefix, struct ptm_err *err)
{
    struct ptmi_wire wire = *message, inner;
    struct ptmi_wire_field field;
    ptm_rc rc;
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM) {
        if (field.number != 1 && field.number != 5 && field.number != 15) continue;
        PTM_TRY(ptmi_wire_enter(&wire, &field, &inner, err));
        if (field.number == 1) PTM_TRY(walk_node(onnx, &inner, prefix, err));
        if (field.number == 5) PTM_TRY(ptmi_onnx_add_tensor(onnx, &inner, prefix, NULL, err));
        if (field.number == 15) PTM_TRY(ptmi_onnx_add_sparse(onnx, &inner, prefix, NULL, err));
    }
    return rc;
}

/* "DOMAIN.NAME" */
static ptm_rc function_path(const struct ptmi_wire *message, struct ptmi_buf *out,
                            struct ptm_err *err)
{
    struct ptmi_wire wire = *message;
    struct ptmi_wire_field field;
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf name = PTMI_BUF(MAX_NAME), domain = PTMI_BUF(MAX_NAME);
    ptm_rc rc;
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM) {
        if (field.number == 1) PTM_TRY(text_of(&wire, &field, &name, err));
        if (field.number == 10) PTM_TRY(text_of(&wire, &field, &domain, err));
    }
    if (rc != PTM_OK) return rc;
    return ptmi_buf_printf(out, err, "%s%s%s", domain.len ? domain.data : "", domain.len ? "." : "",
                           name.len ? name.data : "function");
}

static ptm_rc walk_function(struct ptmi_onnx *onnx, const struct ptmi_wire *message,
                            struct ptm_err *err)
{
    struct ptmi_wire wire = *message, inner;
    struct ptmi_wire_field field;
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf path = PTMI_BUF(MAX_NAME), prefix = PTMI_BUF(MAX_NAME);
    ptm_rc rc;
    PTM_TRY(function_path(message, &path, err));
    PTM_TRY(ptmi_buf_printf(&prefix, err, "%s.", path.data));
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM) {
        if (field.number != 7 && field.number != 11) continue;
        PTM_TRY(ptmi_wire_enter(&wire, &field, &inner, err));
        if (field.number == 7)
            PTM_TRY(walk_node(onnx, &inner, prefix.data, err));
        else /* the default of an attribute */
            PTM_TRY(walk_attribute(onnx, &inner, path.data, false, err));
    }
    return rc;
}

/* TrainingInfoProto: 1 initialization, 2 algorithm, both graphs. */
static ptm_rc walk_training(struct ptmi_onnx *onnx, const struct ptmi_wire *message,
                            struct ptm_err *err)
{
    struct ptmi_wire wire = *message, graph;
    struct ptmi_wire_field field;
    ptm_rc rc;
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM) {
        if (field.number != 1 && field.number != 2) continue;
        const char *prefix = field.number == 1 ? "training.initialization." : "training.algorithm.";
        PTM_TRY(ptmi_wire_enter(&wire, &field, &graph, err));
        PTM_TRY(walk_graph(onnx, &graph, prefix, err));
    }
    return rc;
}

/* --- the model --- */

struct model {
    struct ptmi_onnx onnx;
    struct ptmi_buf opsets; /* JSON: {"ai.onnx":17,..} */
    uint64_t opset;         /* of the standard operators */
    bool has_graph;
};

static void model_clear(struct model *model)
{
    ptmi_onnx_clear(&model->onnx);
    ptmi_buf_clear(&model->opsets);
}

/* {1 key, 2 value}, or {1 domain, 2 version}. */
static ptm_rc take_pair(const struct ptmi_wire *message, const struct ptmi_wire_field *field,
                        struct ptmi_buf *key, struct ptmi_wire_field *value, struct ptm_err *err)
{
    struct ptmi_wire pair;
    struct ptmi_wire_field part;
    ptm_rc rc;
    *value = (struct ptmi_wire_field){0};
    PTM_TRY(ptmi_buf_puts(key, "", err));
    PTM_TRY(ptmi_wire_enter(message, field, &pair, err));
    while ((rc = ptmi_wire_next(&pair, &part, err)) == PTM_ITEM) {
        if (part.number == 1) PTM_TRY(text_of(&pair, &part, key, err));
        if (part.number == 2) *value = part;
    }
    return rc;
}

static ptm_rc take_opset(struct model *model, const struct ptmi_wire *message,
                         const struct ptmi_wire_field *field, struct ptm_err *err)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf domain = PTMI_BUF(MAX_NAME);
    struct ptmi_wire_field version;
    PTM_TRY(take_pair(message, field, &domain, &version, err));
    bool standard = domain.len == 0 || ptmi_str_eq(domain.data, "ai.onnx");
    if (standard) model->opset = version.value;
    PTM_TRY(ptmi_buf_putc(&model->opsets, model->opsets.len ? ',' : '{', err));
    PTM_TRY(ptmi_buf_json_str(&model->opsets, standard ? "ai.onnx" : domain.data, err));
    return ptmi_buf_printf(&model->opsets, err, ":%" PRId64, (int64_t)version.value);
}

static ptm_rc take_property(struct model *model, const struct ptmi_wire *message,
                            const struct ptmi_wire_field *field, struct ptm_err *err)
{
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf key = PTMI_BUF(MAX_NAME);
    struct ptmi_wire_field value;
    const uint8_t *bytes = NULL;
    PTM_TRY(take_pair(message, field, &key, &value, err));
    if (value.number) PTM_TRY(ptmi_wire_bytes(message, &value, &bytes, err));
    return ptmi_table_meta(model->onnx.weights, key.data, bytes, value.len, err);
}

/* Fields that are properties of the model as they are. */
static const struct {
    uint32_t number;
    int type;
    const char *key;
} properties[] = {
    {1, PTMI_WIRE_VARINT, "ir_version"},      {2, PTMI_WIRE_BYTES, "producer_name"},
    {3, PTMI_WIRE_BYTES, "producer_version"}, {4, PTMI_WIRE_BYTES, "domain"},
    {5, PTMI_WIRE_VARINT, "model_version"},   {6, PTMI_WIRE_BYTES, "doc_string"},
};

static ptm_rc take_plain(struct model *model, const struct ptmi_wire *message,
                         const struct ptmi_wire_field *field, struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    char number[32];
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        if (properties[i].number != field->number) continue;
        PTM_TRY(ptmi_wire_expect(message, field, properties[i].type, err));
        if (field->type == PTMI_WIRE_VARINT) {
            snprintf(number, sizeof number, "%" PRId64, (int64_t)field->value);
            return ptmi_weights_add_meta(model->onnx.weights, properties[i].key, number, err);
        }
        if (field->len == 0) return PTM_OK;
        PTM_TRY(ptmi_wire_bytes(message, field, &bytes, err));
        return ptmi_table_meta(model->onnx.weights, properties[i].key, bytes, field->len, err);
    }
    return PTM_OK;
}

static ptm_rc take_field(struct model *model, const struct ptmi_wire *message,
                         const struct ptmi_wire_field *field, struct ptm_err *err)
{
    struct ptmi_wire inner;
    switch (field->number) {
    case 7:
        model->has_graph = true;
        PTM_TRY(ptmi_wire_enter(message, field, &inner, err));
        return walk_graph(&model->onnx, &inner, "", err);
    case 8:
        return take_opset(model, message, field, err);
    case 14:
        return take_property(model, message, field, err);
    case 20:
        PTM_TRY(ptmi_wire_enter(message, field, &inner, err));
        return walk_training(&model->onnx, &inner, err);
    case 25:
        PTM_TRY(ptmi_wire_enter(message, field, &inner, err));
        return walk_function(&model->onnx, &inner, err);
    default:
        return take_plain(model, message, field, err);
    }
}

static const char *property(const struct ptm_weights *weights, const char *key)
{
    for (size_t i = 0; i < weights->n_metas; i++)
        if (ptmi_str_eq(weights->metas[i].key, key)) return weights->metas[i].value;
    return "";
}

/* "pytorch 1.13.1 (ONNX opset 14)" */
static ptm_rc finish(struct model *model, struct ptm_err *err)
{
    struct ptm_weights *weights = model->onnx.weights;
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf text = PTMI_BUF(4 * PTM_LIMIT_META);
    if (!model->has_graph)
        return ptm_err_set(err, PTM_EFORMAT, "%s: no graph: not an ONNX model", weights->path);
    if (model->opsets.len) {
        PTM_TRY(ptmi_buf_putc(&model->opsets, '}', err));
        PTM_TRY(ptmi_weights_add_meta(weights, "opset_import", model->opsets.data, err));
    }
    const char *name = property(weights, "producer_name");
    const char *version = property(weights, "producer_version");
    PTM_TRY(
        ptmi_buf_printf(&text, err, "%.200s%s%.200s", name, *name && *version ? " " : "", version));
    if (model->opset)
        PTM_TRY(ptmi_buf_printf(&text, err, "%s(ONNX opset %" PRIu64 ")", text.len ? " " : "",
                                model->opset));
    return ptmi_weights_text(weights, text.data, text.len, &weights->producer, err);
}

static void source_free(void *state)
{
    ptmi_source_unref(state);
}

static ptm_rc open_onnx(struct ptm_weights *weights, ptmi_source *source, struct ptm_err *err)
{
    struct ptmi_wire wire = ptmi_wire_of(source, 0, ptmi_source_size(source));
    struct ptmi_wire_field field;
    PTM_AUTO(model_clear)
    struct model model = {.onnx = {.weights = weights, .source = source},
                          .opsets = PTMI_BUF(MAX_OPSETS)};
    ptm_rc rc;
    /* What is decoded later is decoded from it. */
    weights->format_state = ptmi_source_ref(source);
    weights->format_free = source_free;
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM)
        PTM_TRY(take_field(&model, &wire, &field, err));
    if (rc != PTM_OK) return rc;
    return finish(&model, err);
}

/* --- is it one? --- */

/* A varint of the head; false when it goes on past it or is too long. */
static bool peek_varint(const struct ptmi_probe *probe, size_t *at, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 63 && *at < probe->head_len; shift += 7) {
        uint8_t byte = probe->head[(*at)++];
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

/* The type that a field of a model has; -1: it has no such field. */
static int type_in_model(uint64_t number)
{
    if (number == 1 || number == 5) return PTMI_WIRE_VARINT;
    bool known = (number >= 2 && number <= 8) || number == 14 || number == 20 || number == 25 ||
                 number == 26;
    return known ? PTMI_WIRE_BYTES : -1;
}

/* Does the graph at this byte of the head begin with a field that a graph has? */
static bool graph_begins(const struct ptmi_probe *probe, size_t at, uint64_t len)
{
    uint64_t tag = 0;
    if (len == 0) return true;
    if (!peek_varint(probe, &at, &tag) || (tag & 7) != PTMI_WIRE_BYTES) return false;
    uint64_t number = tag >> 3;
    return number == 1 || number == 2 || number == 5 || (number >= 10 && number <= 16);
}

/* Walks the fields of the head: all must be a model's, an ir_version in sight. *out_graph: a graph
 * was met, whose beginning looks like one. */
static bool is_model(const struct ptmi_probe *probe, bool *out_graph)
{
    bool has_version = false;
    for (size_t at = 0; at < probe->head_len;) {
        uint64_t tag = 0, value = 0;
        if (!peek_varint(probe, &at, &tag)) return has_version && at == probe->head_len && at > 8;
        if (type_in_model(tag >> 3) != (int)(tag & 7)) return false;
        if (!peek_varint(probe, &at, &value)) return has_version && at == probe->head_len;
        if (tag >> 3 == 1) {
            if (value < 1 || value > 100) return false;
            has_version = true;
        }
        if ((tag & 7) != PTMI_WIRE_BYTES) continue;
        if (value > probe->size - at) return false;
        /* Who made it: a line. In TensorFlow's saved models it is all of the model. */
        if (tag >> 3 <= 4 && value > 1024) return false;
        if (tag >> 3 == 7) *out_graph = graph_begins(probe, at, value);
        if (tag >> 3 == 7 && !*out_graph && at < probe->head_len) return false;
        if (value >= probe->head_len - at) break;
        at += (size_t)value;
    }
    return has_version;
}

static int probe_onnx(const struct ptmi_probe *probe)
{
    bool graph = false, named = ptmi_str_ends(probe->name, ".onnx");
    if (is_model(probe, &graph)) return named ? 90 : graph ? 60 : 30;
    /* One that is damaged or cut short is to be called that. */
    return named && probe->head_len > 1 && probe->head[0] == 0x08 ? 20 : 0;
}

const struct ptmi_weight_format ptmi_format_onnx = {"onnx", probe_onnx, open_onnx};
