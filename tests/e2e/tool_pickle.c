/* SPDX-License-Identifier: MIT */
/*
 * tool_pickle.c - drives the pickle machine alone, for tests/e2e/test_pickle_machine.py: pickles on
 * stdin, each after its length (32 bits, little-endian); one JSON object a line on stdout: did it
 * reach STOP, where it ended, the globals, what the policy says, and the value as a Python
 * expression. Not installed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/base/auto.h"
#include "../../src/base/buf.h"
#include "../../src/weights/pickle.h"

/* Values that are deeper or longer are cut: the test does not compare those. */
#define DEPTH_MAX 40
#define VALUE_MAX ((size_t)8 << 10)

static void must(ptm_rc rc)
{
    if (rc >= 0) return;
    fprintf(stderr, "tool_pickle: %s\n", ptm_rc_text(rc));
    exit(1);
}

/* --- a node as an expression; the test defines F, U, B, Y, D, E, Z, X --- */

static void put_hex(struct ptmi_buf *out, char kind, const struct ptmi_pk *node)
{
    must(ptmi_buf_printf(out, NULL, "%c('", kind));
    for (uint64_t i = 0; i < node->n; i++)
        must(ptmi_buf_printf(out, NULL, "%02x", (unsigned char)node->bytes[i]));
    must(ptmi_buf_puts(out, "')", NULL));
}

static void put_big(struct ptmi_buf *out, const struct ptmi_pk *node)
{
    must(ptmi_buf_puts(out, "I('", NULL));
    for (uint64_t i = 0; i < node->n; i++)
        must(ptmi_buf_printf(out, NULL, "%02x", (unsigned char)node->bytes[i]));
    must(ptmi_buf_puts(out, "')", NULL));
}

static void put_value(struct ptmi_buf *out, const struct ptmi_pk *node, int depth);

static void put_items(struct ptmi_buf *out, const char *open, const struct ptmi_pk *node, int depth)
{
    must(ptmi_buf_puts(out, open, NULL));
    for (uint64_t i = 0; i < node->n_items && out->len < VALUE_MAX; i++) {
        put_value(out, node->items[i], depth + 1);
        must(ptmi_buf_putc(out, ',', NULL));
    }
    must(ptmi_buf_putc(out, open[strlen(open) - 1] == '[' ? ']' : ')', NULL));
}

static void put_float(struct ptmi_buf *out, const struct ptmi_pk *node)
{
    uint64_t bits = 0;
    memcpy(&bits, &node->f, sizeof bits);
    must(ptmi_buf_printf(out, NULL, "F(%llu,%llu)", (unsigned long long)bits,
                         (unsigned long long)node->at));
}

static void put_value(struct ptmi_buf *out, const struct ptmi_pk *node, int depth)
{
    if (depth > DEPTH_MAX || out->len >= VALUE_MAX) {
        must(ptmi_buf_puts(out, "CUT", NULL));
        return;
    }
    switch (node->kind) {
    case PTMI_PK_NONE:
        must(ptmi_buf_puts(out, "None", NULL));
        break;
    case PTMI_PK_BOOL:
        must(ptmi_buf_puts(out, node->i ? "True" : "False", NULL));
        break;
    case PTMI_PK_INT:
        must(ptmi_buf_printf(out, NULL, "%lld", (long long)node->i));
        break;
    case PTMI_PK_LONG:
        put_big(out, node);
        break;
    case PTMI_PK_FLOAT:
        put_float(out, node);
        break;
    case PTMI_PK_STR:
        put_hex(out, 'U', node);
        break;
    case PTMI_PK_BYTES:
        put_hex(out, 'B', node);
        break;
    case PTMI_PK_BYTEARRAY:
        put_hex(out, 'Y', node);
        break;
    case PTMI_PK_LIST:
        put_items(out, "[", node, depth);
        break;
    case PTMI_PK_TUPLE:
        put_items(out, "T(", node, depth);
        break;
    case PTMI_PK_DICT:
        put_items(out, "D(", node, depth);
        break;
    case PTMI_PK_SET:
        put_items(out, "E(", node, depth);
        break;
    case PTMI_PK_FROZENSET:
        put_items(out, "Z(", node, depth);
        break;
    case PTMI_PK_EXT: /* one object a code */
        must(ptmi_buf_printf(out, NULL, "X(%lld)", -(long long)node->i));
        break;
    default:
        must(ptmi_buf_printf(out, NULL, "X(%llu)", (unsigned long long)node->at));
    }
}

/* --- a pickle --- */

/* As the scan judges, in short. */
static const char *verdict(const struct ptmi_pickle *pickle)
{
    static const char *const names[] = {"trusted", "unknown", "dangerous"};
    ptmi_trust worst =
        pickle->n_calls > 0 || (pickle->oddities & PTMI_PK_ODD_EXT) ? PTMI_UNKNOWN : PTMI_TRUSTED;
    for (size_t i = 0; i < pickle->n_globals; i++) {
        const struct ptmi_pk *node = pickle->globals[i].node;
        ptmi_trust trust = ptmi_policy_global(node->module, node->name, node->uses, NULL);
        if (trust > worst) worst = trust;
    }
    for (size_t i = 0; i < pickle->n_objects; i++)
        if (worst == PTMI_TRUSTED) worst = ptmi_policy_call(pickle->objects[i], NULL);
    return names[worst];
}

static void put_globals(struct ptmi_buf *out, const struct ptmi_pickle *pickle)
{
    for (size_t i = 0; i < pickle->n_globals; i++) {
        const struct ptmi_pk *node = pickle->globals[i].node;
        must(ptmi_buf_puts(out, i ? ",[" : "[", NULL));
        must(ptmi_buf_json_str(out, node->module, NULL));
        must(ptmi_buf_putc(out, ',', NULL));
        must(ptmi_buf_json_str(out, node->name, NULL));
        must(ptmi_buf_putc(out, ']', NULL));
    }
}

static void run(const uint8_t *data, size_t len, struct ptmi_buf *out)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    struct ptmi_pickle pickle = {0};
    struct ptm_err err = {0};
    must(ptmi_source_lend(data, len, "pickle", &source, &err));
    ptm_rc rc = ptmi_pickle_run(source, 0, len, NULL, &pickle, &err);
    ptmi_buf_reset(out);
    must(ptmi_buf_printf(out, NULL, "{\"rc\":\"%s\",\"end\":%llu,\"verdict\":\"%s\",\"error\":",
                         ptm_rc_name(rc), (unsigned long long)pickle.end, verdict(&pickle)));
    must(ptmi_buf_json_str(out, err.msg, NULL));
    must(ptmi_buf_puts(out, ",\"globals\":[", NULL));
    put_globals(out, &pickle);
    must(ptmi_buf_puts(out, "],\"value\":\"", NULL));
    if (pickle.root) put_value(out, pickle.root, 0);
    must(ptmi_buf_puts(out, "\"}\n", NULL));
    fwrite(out->data, 1, out->len, stdout);
    ptmi_pickle_clear(&pickle);
}

int main(void)
{
    struct ptmi_buf out = PTMI_BUF((size_t)64 << 20);
    unsigned char head[4];
    while (fread(head, 1, 4, stdin) == 4) {
        size_t len = ptmi_le32(head);
        PTM_AUTO(ptmi_freep) uint8_t *data = malloc(len ? len : 1); /* ASan sees its end */
        if (!data || fread(data, 1, len, stdin) != len) return 1;
        run(data, len, &out);
    }
    ptmi_buf_clear(&out);
    return 0;
}
