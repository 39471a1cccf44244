/* SPDX-License-Identifier: MIT */
/*
 * test_weights_pickle.c - every opcode's result as text, every failure with its byte, frames, the
 * memo, what is listed. The comparison with CPython itself is tests/e2e/test_pickle_machine.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/base/buf.h"
#include "../../src/base/limits.h"
#include "../../src/base/str.h"
#include "../../src/weights/pickle.h"

struct bytes {
    const char *data;
    size_t len;
};
#define B(literal)                     \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

/* --- a node as text --- */

static void show(struct ptmi_buf *out, const struct ptmi_pk *node, int depth);

static void put(struct ptmi_buf *out, const char *text)
{
    assert_int_equal(ptmi_buf_puts(out, text, NULL), PTM_OK);
}

static void show_list(struct ptmi_buf *out, struct ptmi_pk *const *items, uint64_t n, int depth)
{
    for (uint64_t i = 0; i < n; i++) {
        if (i) put(out, " ");
        show(out, items[i], depth + 1);
    }
}

static void show_bytes(struct ptmi_buf *out, const char *prefix, const struct ptmi_pk *node)
{
    put(out, prefix);
    for (uint64_t i = 0; i < node->n; i++) {
        unsigned char c = (unsigned char)node->bytes[i];
        char text[8];
        snprintf(text, sizeof text, c >= 0x20 && c < 0x7f ? "%c" : "<%02x>", c);
        put(out, text);
    }
    put(out, "'");
}

static void show_object(struct ptmi_buf *out, const struct ptmi_pk *node, int depth)
{
    put(out, node->kind == PTMI_PK_CALL ? "call(" : node->inst ? "inst(" : "new(");
    show(out, node->callee, depth + 1);
    put(out, " ");
    show(out, node->args, depth + 1);
    if (node->kwargs) put(out, " "), show(out, node->kwargs, depth + 1);
    put(out, ")");
}

static void show_scalar(struct ptmi_buf *out, const struct ptmi_pk *node)
{
    char text[64] = "?";
    if (node->kind == PTMI_PK_NONE) snprintf(text, sizeof text, "None");
    if (node->kind == PTMI_PK_BOOL) snprintf(text, sizeof text, node->i ? "True" : "False");
    if (node->kind == PTMI_PK_INT) snprintf(text, sizeof text, "%lld", (long long)node->i);
    if (node->kind == PTMI_PK_EXT) snprintf(text, sizeof text, "ext%lld", (long long)node->i);
    if (node->kind == PTMI_PK_FLOAT) snprintf(text, sizeof text, "%gf", node->f);
    if (node->kind == PTMI_PK_BUFFER) snprintf(text, sizeof text, "buffer");
    put(out, text);
}

static void show_items(struct ptmi_buf *out, const char *open, const struct ptmi_pk *node,
                       int depth)
{
    put(out, open);
    show_list(out, node->items, node->n_items, depth);
    put(out, strchr(open, '(') ? ")" : strchr(open, '[') ? "]" : "}");
}

static void show_plain(struct ptmi_buf *out, const struct ptmi_pk *node, int depth)
{
    switch (node->kind) {
    case PTMI_PK_LONG:
        show_bytes(out, "long'", node);
        break;
    case PTMI_PK_STR:
        show_bytes(out, node->raw ? "raw'" : "'", node);
        break;
    case PTMI_PK_BYTES:
        show_bytes(out, "b'", node);
        break;
    case PTMI_PK_BYTEARRAY:
        show_bytes(out, "array'", node);
        break;
    case PTMI_PK_LIST:
        show_items(out, "[", node, depth);
        break;
    case PTMI_PK_TUPLE:
        show_items(out, "(", node, depth);
        break;
    case PTMI_PK_DICT:
        show_items(out, "{", node, depth);
        break;
    case PTMI_PK_SET:
        show_items(out, "set{", node, depth);
        break;
    case PTMI_PK_FROZENSET:
        show_items(out, "frozen{", node, depth);
        break;
    default:
        show_scalar(out, node);
    }
}

static void show(struct ptmi_buf *out, const struct ptmi_pk *node, int depth)
{
    if (depth > 6) {
        put(out, "..");
        return;
    }
    if (node->kind == PTMI_PK_GLOBAL) {
        put(out, node->module);
        put(out, ".");
        put(out, node->name);
    } else if (node->kind == PTMI_PK_CALL || node->kind == PTMI_PK_NEW) {
        show_object(out, node, depth);
    } else if (node->kind == PTMI_PK_PERSID) {
        put(out, "id(");
        show(out, node->args, depth + 1);
        put(out, ")");
    } else {
        show_plain(out, node, depth);
        return;
    }
    if (node->n_items)
        put(out, "+["), show_list(out, node->items, node->n_items, depth), put(out, "]");
    if (node->n_pairs)
        put(out, "+{"), show_list(out, node->pairs, node->n_pairs, depth), put(out, "}");
    if (node->state) put(out, "~"), show(out, node->state, depth + 1);
}

/* --- running --- */

struct ran {
    struct ptmi_pickle pickle;
    struct ptm_err err;
    ptm_rc rc;
    struct ptmi_buf text;
};

static struct ran run_with(const char *data, size_t len, const struct ptmi_pickle_opts *opts)
{
    struct ran ran = {.text = PTMI_BUF((size_t)1 << 20)};
    ptmi_source *source = NULL;
    char *copy = malloc(len ? len : 1); /* so that ASan sees its end */
    assert_non_null(copy);
    if (len > 0) memcpy(copy, data, len);
    assert_int_equal(ptmi_source_own(copy, len, "p", &source, NULL), PTM_OK);
    ran.rc = ptmi_pickle_run(source, 0, len, opts, &ran.pickle, &ran.err);
    ptmi_source_unref(source);
    if (ran.pickle.root) show(&ran.text, ran.pickle.root, 0);
    return ran;
}

static struct ran run(const char *data, size_t len)
{
    return run_with(data, len, NULL);
}

static void end(struct ran *ran)
{
    ptmi_pickle_clear(&ran->pickle);
    ptmi_buf_clear(&ran->text);
}

/* --- what opcodes make --- */

struct case_ok {
    struct bytes pickle;
    const char *text;
};

static void check_all(const struct case_ok *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct ran ran = run(cases[i].pickle.data, cases[i].pickle.len);
        if (ran.rc != PTM_OK) fail_msg("%zu: %s: %s", i, cases[i].text, ran.err.msg);
        assert_string_equal(ran.text.data, cases[i].text);
        assert_int_equal(ran.pickle.end, cases[i].pickle.len);
        end(&ran);
    }
}
#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof(cases)[0])

static void test_weights_pickle__numbers(void **state)
{
    static const struct case_ok cases[] = {
        {B("N."), "None"},
        {B("\x80\x02\x88."), "True"},
        {B("\x80\x02\x89."), "False"},
        {B("K\xff."), "255"},
        {B("M\x01\x02."), "513"},
        {B("J\xff\xff\xff\xff."), "-1"},
        {B("J\x00\x00\x00\x80."), "-2147483648"},
        {B("I42\n."), "42"},
        {B("I00\n."), "False"},
        {B("I01\n."), "True"},
        {B("I1\n."), "1"},
        {B("I-9223372036854775808\n."), "-9223372036854775808"},
        {B("I9223372036854775808\n."), "long'<00><00><00><00><00><00><00><80><00>'"},
        {B("I010\n."), "8"},    /* strtol() */
        {B("I0x_1f\n."), "31"}, /* int(text, 0) */
        {B("I 1_000 \n."), "1000"},
        {B("I1\0rest\n."), "1"},
        {B("I\0\n."), "0"},
        {B("L5L\n."), "5"},
        {B("L-5\n."), "-5"},
        {B("L0L\n."), "0"},
        {B("L-18446744073709551616L\n."), "long'<00><00><00><00><00><00><00><00><ff>'"},
        {B("L0xffffffffffffffffL\n."), "long'<ff><ff><ff><ff><ff><ff><ff><ff><00>'"},
        {B("L0o17\n."), "15"},
        {B("L0b101\n."), "5"},
        {B("\x80\x02\x8a\x00."), "0"},
        {B("\x80\x02\x8a\x01\xff."), "-1"},
        {B("\x80\x02\x8a\x09\xff\x00\x00\x00\x00\x00\x00\x00\x00."), "255"},
        {B("\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\xff."), "-9223372036854775808"},
        {B("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19."), "long'l<fc><9c>F<f9> j<a8>P<19>'"},
        {B("\x80\x02\x8b\x02\x00\x00\x00\x00\x01."), "256"},
        {B("G?\xf8\x00\x00\x00\x00\x00\x00."), "1.5f"},
        {B("F1.5\n."), "1.5f"},
        {B("F-.5e1\n."), "-5f"},
        {B("F-INFINITY\n."), "-inff"},
        {B("Fnan\n."), "nanf"},
        {B("F1e-400\n."), "0f"},
        {B("F2.\0x\n."), "2f"},
    };
    (void)state;
    CHECK_ALL(cases);
}

static void test_weights_pickle__strings(void **state)
{
    static const struct case_ok cases[] = {
        {B("S'a b'\n."), "'a b'"},
        {B("S\"it's\"\n."), "'it's'"},
        {B("S'\\n\\x41\\101\\\\\\'\\q'\n."), "'<0a>AA\\'\\q'"},
        {B("S'\\777'\n."), "'<c3><bf>'"},
        {B("S'\xe9'\n."), "'<c3><a9>'"},     /* Latin-1 */
        {B("S'\xc3\xa9'\n."), "'<c3><a9>'"}, /* UTF-8 */
        {B("U\x02hi."), "'hi'"},
        {B("T\x02\x00\x00\x00hi."), "'hi'"},
        {B("Va\\u00e9\\U0001f600\\n\xe9\n."), "'a<c3><a9><f0><9f><98><80>\\n<c3><a9>'"},
        {B("V\\\\u0041\n."), "'\\\\u0041'"},
        {B("V\\\n."), "'\\'"},
        {B("V\n."), "''"},
        {B("V\\ud800\n."), "'<ed><a0><80>'"},
        {B("X\x02\x00\x00\x00hi."), "'hi'"},
        {B("\x80\x04\x8c\x02hi."), "'hi'"},
        {B("\x80\x04\x8d\x02\x00\x00\x00\x00\x00\x00\x00hi."), "'hi'"},
        {B("X\x03\x00\x00\x00\xed\xa0\x80."), "'<ed><a0><80>'"}, /* surrogatepass */
        {B("\x80\x03"
           "B\x02\x00\x00\x00hi."),
         "b'hi'"},
        {B("\x80\x03"
           "C\x02hi."),
         "b'hi'"},
        {B("\x80\x04\x8e\x02\x00\x00\x00\x00\x00\x00\x00hi."), "b'hi'"},
        {B("\x80\x05\x96\x02\x00\x00\x00\x00\x00\x00\x00hi."), "array'hi'"},
    };
    (void)state;
    CHECK_ALL(cases);
}

static void test_weights_pickle__containers(void **state)
{
    static const struct case_ok cases[] = {
        {B("]."), "[]"},
        {B(")."), "()"},
        {B("}."), "{}"},
        {B("\x80\x04\x8f."), "set{}"},
        {B("(K\x01K\x02l."), "[1 2]"},
        {B("(K\x01K\x02t."), "(1 2)"},
        {B("(t."), "()"},
        {B("(K\x01K\x02"
           "d."),
         "{1 2}"},
        {B("]K\x01"
           "a."),
         "[1]"},
        {B("](K\x01K\x02"
           "e."),
         "[1 2]"},
        {B("](e."), "[]"},
        {B("N(e."), "None"}, /* nothing to do, whatever it is */
        {B("}K\x01Ns."), "{1 None}"},
        {B("}(K\x01NK\x02Nu."), "{1 None 2 None}"},
        {B("\x80\x02K\x01\x85."), "(1)"},
        {B("\x80\x02K\x01K\x02\x86."), "(1 2)"},
        {B("\x80\x02K\x01K\x02K\x03\x87."), "(1 2 3)"},
        {B("\x80\x04\x8f(K\x01K\x02\x90."), "set{1 2}"},
        {B("\x80\x04(K\x01K\x02\x91."), "frozen{1 2}"},
        {B("](NNeK\x01K\x05sJ\xff\xff\xff\xffK\x06s."), "[None 6]"}, /* list[1], list[-1] */
        {B("](Ne\x89K\x05s."), "[5]"},
        {B("\x80\x05\x96\x02\x00\x00\x00\x00\x00\x00\x00hiK\x00K\x61s(K\x62\x88"
           "e."),
         "array'aib<01>'"},
        {B("]q\x00h\x00"
           "a."),
         "[[[[[[[..]]]]]]]"}, /* a circle */
        {B("N(Nt0."), "None"},
    };
    (void)state;
    CHECK_ALL(cases);
}

static void test_weights_pickle__memo(void **state)
{
    static const struct case_ok cases[] = {
        {B("K\x01p0\n0g0\n."), "1"},
        {B("K\x01p 1_0\n0h\x0a."), "1"},
        {B("K\x01q\x05K\x02q\x06h\x05\x86."), "(2 1)"},
        {B("K\x01r\xff\xff\xff\xff"
           "0j\xff\xff\xff\xff."),
         "1"},
        {B("\x80\x04K\x07\x94K\x08\x94h\x00h\x01\x87."), "(8 7 8)"},
        {B("\x80\x04K\x07q\x05\x94K\x08\x94h\x01h\x02\x87."), "(8 7 8)"}, /* MEMOIZE: how many */
    };
    (void)state;
    CHECK_ALL(cases);
}

static void test_weights_pickle__a_memo_written_over_is_odd(void **state)
{
    static const char pickle[] = "\x80\x02K\x01q\x00K\x02q\x00h\x00\x87.";
    (void)state;
    struct ran ran = run(pickle, sizeof pickle - 1);
    assert_string_equal(ran.text.data, "(1 2 2)");
    assert_true(ran.pickle.oddities & PTMI_PK_ODD_MEMO_REUSE);
    end(&ran);
}

static void test_weights_pickle__memo_of_many_far_indices(void **state)
{
    struct ptmi_buf out = PTMI_BUF((size_t)1 << 20);
    (void)state;
    for (uint32_t i = 0; i < 3000; i++) {
        unsigned char op[] = {'M', (unsigned char)i, (unsigned char)(i >> 8), 'r', 0, 0, 0, 0, '0'};
        uint32_t index = i * 1000003u;
        memcpy(op + 4, &index, 4); /* little-endian here */
        assert_int_equal(ptmi_buf_append(&out, op, sizeof op, NULL), PTM_OK);
    }
    uint32_t index = 2999u * 1000003u;
    assert_int_equal(ptmi_buf_append(&out, "j", 1, NULL), PTM_OK);
    assert_int_equal(ptmi_buf_append(&out, &index, 4, NULL), PTM_OK);
    assert_int_equal(ptmi_buf_append(&out, ".", 1, NULL), PTM_OK);
    struct ran ran = run(out.data, out.len);
    assert_int_equal(ran.rc, PTM_OK);
    assert_string_equal(ran.text.data, "2999");
    end(&ran);
    ptmi_buf_clear(&out);
}

/* Indices that one multiplication sends to the same place: these would take minutes. */
static void test_weights_pickle__memo_indices_cannot_be_made_to_collide(void **state)
{
    const uint64_t inverse = 0xf1de83e19937733du; /* of 0x9e3779b97f4a7c15, modulo 2^64 */
    struct ptmi_buf out = PTMI_BUF((size_t)16 << 20);
    (void)state;
    assert_int_equal(ptmi_buf_append(&out, "N", 1, NULL), PTM_OK);
    for (uint64_t i = 1; i < 600000; i++)
        if (i * inverse >> 63 == 0)
            assert_int_equal(
                ptmi_buf_printf(&out, NULL, "p%llu\n", (unsigned long long)(i * inverse)), PTM_OK);
    assert_int_equal(ptmi_buf_append(&out, ".", 1, NULL), PTM_OK);
    struct ran ran = run(out.data, out.len);
    assert_int_equal(ran.rc, PTM_OK);
    end(&ran);
    ptmi_buf_clear(&out);
}

static void test_weights_pickle__calls(void **state)
{
    static const struct case_ok cases[] = {
        {B("cos\nsystem\n."), "os.system"},
        {B("c__builtin__\neval\n."), "builtins.eval"},
        {B("ccopy_reg\n_reconstructor\n."), "copyreg._reconstructor"},
        {B("c__builtin__\nunicode\n."), "builtins.str"},
        {B("cexceptions\nValueError\n."), "builtins.ValueError"},
        {B("curllib\nurlopen\n."), "urllib.request.urlopen"},
        {B("curllib\nother\n."), "urllib.other"},
        {B("\x80\x03"
           "c__builtin__\neval\n."),
         "__builtin__.eval"},
        {B("\x80\x04\x8c\x02os\x8c\x06system\x93."), "os.system"},
        {B("cos\nsystem\n(S'id'\ntR."), "call(os.system ('id'))"},
        {B("\x80\x02"
           "cm\nC\n)\x81."),
         "new(m.C ())"},
        {B("\x80\x04"
           "cm\nC\n)}\x92."),
         "new(m.C () {})"},
        {B("(K\x01im\nC\n."), "inst(m.C (1))"},
        {B("(cm\nC\nK\x01o."), "inst(m.C (1))"},
        {B("(cm\nC\no."), "inst(m.C ())"},
        {B("cm\nC\n)R}b."), "call(m.C ())~{}"},
        {B("cm\nC\n)RNa(NNe."), "call(m.C ())+[None None None]"},
        {B("cm\nC\n)RK\x01Ns."), "call(m.C ())+{1 None}"},
        {B("\x80\x04"
           "cm\nC\n)R(N\x90."),
         "call(m.C ())+[None]"},
        {B("cm\nC\n}b."), "m.C~{}"},
        {B("cm\nC\n)R)R."), "call(call(m.C ()) ())"},
        {B("Pab\n."), "id('ab')"},
        {B("K\x07Q."), "id(7)"},
        {B("\x80\x02\x82\x05."), "ext5"},
        {B("\x80\x02\x83\x05\x01."), "ext261"},
        {B("\x80\x02\x84\x05\x00\x01\x00."), "ext65541"},
        {B("\x80\x05\x97."), "buffer"},
        {B("\x80\x05"
           "C\x01x\x98."),
         "b'x'"},
        {B("\x80\x05\x96\x01\x00\x00\x00\x00\x00\x00\x00x\x98."), "buffer"},
        {B("]Nb."), "[]"},
        {B("](N}tb."), "[]"},
    };
    (void)state;
    CHECK_ALL(cases);
}

/* --- failing --- */

struct case_bad {
    struct bytes pickle;
    uint64_t at;
    const char *part; /* of the message */
};

static void test_weights_pickle__failures_name_their_byte(void **state)
{
    static const struct case_bad cases[] = {
        {B(""), 0, "byte 0: the data ends without STOP"},
        {B("N"), 1, "byte 1: the data ends without STOP"},
        {B("N\xff"), 1, "byte 1: 0xff is no opcode"},
        {B("."), 0, "byte 0: STOP: the stack has too few"},
        {B("N(."), 2, "byte 2: STOP: a mark is where"},
        {B("0"), 0, "POP: the stack has too few"},
        {B("1"), 0, "POP_MARK: there is no mark"},
        {B("2"), 0, "DUP: the stack"},
        {B("t"), 0, "TUPLE: there is no mark"},
        {B("l"), 0, "LIST: there is no mark"},
        {B("d"), 0, "DICT: there is no mark"},
        {B("e"), 0, "APPENDS: there is no mark"},
        {B("u"), 0, "SETITEMS: there is no mark"},
        {B("o"), 0, "OBJ: there is no mark"},
        {B("ios\nx\n"), 0, "INST: there is no mark"},
        {B("\x80\x04\x90"), 2, "ADDITEMS: there is no mark"},
        {B("\x80\x04\x91"), 2, "FROZENSET: there is no mark"},
        {B("a"), 0, "APPEND: the stack"},
        {B("Na"), 1, "APPEND: the stack"},
        {B("](Na"), 3, "APPEND: a mark"},
        {B("(e"), 1, "APPENDS: the stack"},
        {B("NNs"), 2, "SETITEM: the stack"},
        {B("}(NNs"), 4, "SETITEM: a mark"},
        {B("}(Nu"), 3, "SETITEMS: an odd number"},
        {B("(Nd"), 2, "DICT: an odd number"},
        {B("(]Nd"), 3, "DICT: a key or item of a type without a hash"},
        {B("}]Ns"), 3, "without a hash"},
        {B("}]\x85Ns"), 4, "without a hash"},
        {B("\x80\x04\x8f(}\x90"), 5, "without a hash"},
        {B("\x80\x04(\x8f\x91"), 4, "without a hash"},
        {B("}Na"), 2, "APPEND: a dict has no append()"},
        {B("K\x01Na"), 3, "an int has no append()"},
        {B("(tNa"), 3, "a tuple has no append()"},
        {B("\x80\x04](N\x90"), 5, "a list has no add()"},
        {B("(tNNs"), 4, "a tuple has no __setitem__()"},
        {B("]NNs"), 3, "no index within the list"},
        {B("]K\x00Ns"), 4, "no index within the list"},
        {B("\x80\x05\x96\x00\x00\x00\x00\x00\x00\x00\x00Na"), 12, "no byte"},
        {B("\x80\x05\x96\x00\x00\x00\x00\x00\x00\x00\x00M\x00\x01"
           "a"),
         14, "no byte"},
        {B("R"), 0, "REDUCE: the stack"},
        {B(")R"), 1, "REDUCE: the stack"},
        {B("N)R"), 2, "what is called is no function"},
        {B("cos\nx\n]R"), 7, "the arguments are no tuple"},
        {B("\x80\x02N)\x81"), 4, "of no class"},
        {B("\x80\x02"
           "cm\nC\nN\x81"),
         8, "the arguments are no tuple"},
        {B("\x80\x04"
           "cm\nC\n)N\x92"),
         9, "the named arguments are no dict"},
        {B("(o"), 1, "OBJ: the stack"},
        {B("(No"), 2, "OBJ: what is to be made is of no class"},
        {B("Nb"), 1, "BUILD: the stack"},
        {B("]}b"), 2, "a state for an object that has none"},
        {B("Q"), 0, "BINPERSID: the stack"},
        {B("P\xff\n"), 0, "PERSID: the persistent id is not ASCII"},
        {B("q\x00"), 0, "BINPUT: the stack"},
        {B("r\x00\x00\x00\x00"), 0, "LONG_BINPUT: the stack"},
        {B("p0\n"), 0, "PUT: the stack"},
        {B("\x80\x04\x94"), 2, "MEMOIZE: the stack"},
        {B("(q\x00"), 1, "BINPUT: a mark"},
        {B("Np-1\n"), 1, "PUT: an index below 0"},
        {B("Npx\n"), 1, "PUT: the line is no integer"},
        {B("Np\n"), 1, "PUT: the line is empty"},
        {B("h\x00"), 0, "BINGET: nothing is in the memo at 0"},
        {B("j\x00\x00\x00\x01"), 0, "nothing is in the memo at 16777216"},
        {B("g5\n"), 0, "GET: nothing is in the memo at 5"},
        {B("g-5\n"), 0, "GET: an index below 0"},
        {B("I\n"), 0, "INT: the line is empty"},
        {B("I1x\n"), 0, "INT: the line is no integer"},
        {B("I08\n"), 0, "begins with 0"},
        {B("I1__0\n"), 0, "no integer"},
        {B("L\n"), 0, "LONG: the line is empty"},
        {B("LL\n"), 0, "LONG: the line is no integer"},
        {B("F\n"), 0, "FLOAT: the line is empty"},
        {B("F1e\n"), 0, "FLOAT: the line is no number"},
        {B("F 1\n"), 0, "FLOAT: the line is no number"},
        {B("F1e400\n"), 0, "FLOAT: the number is too large"},
        {B("F0x1\n"), 0, "FLOAT: the line is no number"},
        {B("Sabc\n"), 0, "STRING: the string is not quoted"},
        {B("S'\n"), 0, "STRING: the string is not quoted"},
        {B("S'\\x4'\n"), 0, "STRING: an escape"},
        {B("S'\\'\n"), 0, "STRING: an escape"},
        {B("V\\u12\n"), 0, "UNICODE: an escape"},
        {B("V\\U00110000\n"), 0, "UNICODE: an escape"},
        {B("X\x01\x00\x00\x00\xff"), 0, "BINUNICODE: the text is not UTF-8"},
        {B("X\x05\x00\x00\x00hi"), 0, "5 bytes are wanted, 2 are left"},
        {B("I1"), 0, "INT: the line has no end"},
        {B("c\nx\n"), 0, "GLOBAL: the name of the module is empty"},
        {B("cos\n\n"), 0, "GLOBAL: the name is empty"},
        {B("co\xff\nx\n"), 0, "GLOBAL: the name of a global is not UTF-8"},
        {B("(ios\n\xc3\xa9\n"), 1, "INST: the name of a global is not ASCII"},
        {B("\x80\x04\x8c\x02osK\x01\x93"), 8, "STACK_GLOBAL: module and name"},
        {B("\x80\x04\x8c\x02os\x93"), 6, "STACK_GLOBAL: the stack"},
        {B("\x80\x06"), 0, "PROTO: protocol 6 is unknown"},
        {B("\x80\x02\x82\x00"), 2, "EXT1: an extension code below 1"},
        {B("\x80\x02\x84\x00\x00\x00\x80"), 2, "EXT4: an extension code below 1"},
        {B("\x80\x02\x85"), 2, "TUPLE1: the stack"},
        {B("\x80\x02N\x86"), 3, "TUPLE2: the stack"},
        {B("\x80\x02NN\x87"), 4, "TUPLE3: the stack"},
        {B("\x80\x02N(\x85"), 4, "TUPLE1: a mark"},
        {B("\x80\x02\x8b\xff\xff\xff\xff"), 2, "LONG4: a negative number"},
        {B("\x80\x05K\x01\x98"), 4, "READONLY_BUFFER: the object has no buffer"},
        {B("\x80\x05\x98"), 2, "READONLY_BUFFER: the stack"},
        {B("\x80\x04\x95\x09\x00\x00\x00\x00\x00\x00\x00N."), 2, "a frame of 9 bytes, 2 are left"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ran ran = run(cases[i].pickle.data, cases[i].pickle.len);
        if (ran.rc != PTM_EFORMAT || !strstr(ran.err.msg, cases[i].part))
            fail_msg("%zu: rc %d, %s; wanted %s", i, ran.rc, ran.err.msg, cases[i].part);
        assert_int_equal(ran.pickle.end, cases[i].at);
        assert_null(ran.pickle.root);
        assert_true(ptmi_str_starts(ran.err.msg, "p: byte "));
        end(&ran);
    }
}

static void test_weights_pickle__limits(void **state)
{
    static char digits[16 + 4400], hex[20000];
    struct ptmi_pickle_opts small = {.memory = 4096};
    (void)state;
    memset(digits, '7', sizeof digits);
    digits[0] = 'I';
    memcpy(digits + 1 + 4300, "\n.", 2);
    struct ran ran = run(digits, 1 + 4300 + 2);
    assert_int_equal(ran.rc, PTM_OK);
    end(&ran);
    digits[1 + 4300] = '7';
    memcpy(digits + 1 + 4301, "\n.", 2);
    ran = run(digits, 1 + 4301 + 2);
    assert_int_equal(ran.rc, PTM_ELIMIT);
    assert_string_equal(ran.err.msg, "p: byte 0: INT: an integer of 4301 digits");
    end(&ran);
    memset(hex, 'f', sizeof hex);
    memcpy(hex, "L0x", 3);
    hex[sizeof hex - 2] = '\n';
    hex[sizeof hex - 1] = '.';
    ran = run(hex, sizeof hex);
    assert_int_equal(ran.rc, PTM_ELIMIT);
    end(&ran);
    memcpy(hex, "\x8b\x01\x20\x00\x00", 5); /* 8193 bytes, which cost nothing */
    hex[5 + 8193] = '.';
    ran = run(hex, sizeof hex);
    assert_int_equal(ran.rc, PTM_OK);
    assert_int_equal(ran.pickle.root->kind, PTMI_PK_LONG);
    end(&ran);
    memset(hex, ']', sizeof hex);
    ran = run_with(hex, sizeof hex, &small);
    assert_int_equal(ran.rc, PTM_ELIMIT);
    assert_non_null(strstr(ran.err.msg, "4096 bytes of memory"));
    end(&ran);
    memset(hex, '2', sizeof hex);
    hex[0] = 'N';
    ran = run_with(hex, sizeof hex, &small);
    assert_int_equal(ran.rc, PTM_ELIMIT);
    end(&ran);
}

/* --- frames --- */

static void test_weights_pickle__frames(void **state)
{
    static const struct case_ok cases[] = {
        {B("\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00N."), "None"},
        {B("\x80\x04\x95\x01\x00\x00\x00\x00\x00\x00\x00N."), "None"},
        {B("\x80\x04\x95\x01\x00\x00\x00\x00\x00\x00\x00N\x95\x01\x00\x00\x00\x00\x00\x00\x00."),
         "None"},
        {B("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00\x95\x02\x00\x00\x00\x00\x00\x00\x00N."),
         "None"},
    };
    (void)state;
    CHECK_ALL(cases);
}

/* Where bytes that stand across the end of a frame hide a call. */
static void test_weights_pickle__broken_frames_are_refused_and_run_for_their_globals(void **state)
{
    static const struct {
        struct bytes pickle;
        uint64_t at;
        const char *names; /* of all globals */
    } cases[] = {
        /* BINBYTES longer than the frame: read whole by every reader. */
        {B("\x80\x04\x95\x07\x00\x00\x00\x00\x00\x00\x00"
           "B\x04\x00\x00\x00xxyy0cos\nsystem\n."),
         11, "os.system "},
        /* A short string: loads() goes on with U, load() drops the rest of the frame and meets c.
         */
        {B("\x80\x04\x95\x03\x00\x00\x00\x00\x00\x00\x00\x8c\x02xyUcos\nx\n."), 11, "os.x "},
        /* A line. */
        {B("\x80\x04\x95\x03\x00\x00\x00\x00\x00\x00\x00"
           "cosy\nmodule\n."),
         11, "osy.module y.module "},
        /* A frame in a frame. */
        {B("\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x95\x01\x00\x00\x00\x00\x00\x00\x00"
           "cos\nx\n."),
         11, "os.x "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ran ran = run(cases[i].pickle.data, cases[i].pickle.len);
        char names[200] = "";
        for (size_t k = 0; k < ran.pickle.n_globals; k++) {
            const struct ptmi_pk *node = ran.pickle.globals[k].node;
            size_t len = strlen(names);
            snprintf(names + len, sizeof names - len, "%s.%s ", node->module, node->name);
        }
        assert_int_equal(ran.rc, PTM_EFORMAT);
        assert_non_null(strstr(ran.err.msg, "frame"));
        assert_int_equal(ran.pickle.end, cases[i].at);
        assert_null(ran.pickle.root);
        assert_string_equal(names, cases[i].names);
        end(&ran);
    }
}

/* --- what is listed --- */

static unsigned uses_of(const struct ran *ran, size_t i)
{
    assert_true(i < ran->pickle.n_globals);
    return ran->pickle.globals[i].node->uses;
}

static void test_weights_pickle__uses_of_globals(void **state)
{
    static const struct {
        struct bytes pickle;
        unsigned uses; /* of the first global */
        size_t calls, objects, persids;
    } cases[] = {
        {B("cm\nf\n)R."), PTMI_USE_CALLED, 0, 1, 0},
        {B("cm\nf\n)\x81."), PTMI_USE_NEW, 0, 1, 0},
        {B("cm\nf\n)}\x92."), PTMI_USE_NEW, 0, 1, 0},
        {B("(im\nf\n."), PTMI_USE_NEW, 0, 1, 0},
        {B("(cm\nf\no."), PTMI_USE_NEW, 0, 1, 0},
        {B("cm\nf\n."), PTMI_USE_VALUE, 0, 0, 0},
        {B("Ncm\nf\n0."), PTMI_USE_DROPPED, 0, 0, 0},
        {B("N(cm\nf\n1."), PTMI_USE_DROPPED, 0, 0, 0},
        {B("cm\nf\nN."), PTMI_USE_DROPPED, 0, 0, 0},
        {B("](cm\nf\ne."), PTMI_USE_VALUE, 0, 0, 0},
        {B("cm\nf\n\x85."), PTMI_USE_VALUE, 0, 0, 0},
        {B("cm\nf\n\x85\x85."), PTMI_USE_VALUE, 0, 0, 0},
        {B("cm\nf\n\x85Q."), PTMI_USE_PERSID, 0, 0, 1},
        {B("cm\nf\n\x85\x85Q."), PTMI_USE_VALUE, 0, 0, 1},
        {B("cm\nf\n\x85q\x00Qh\x00\x86."), PTMI_USE_PERSID | PTMI_USE_VALUE, 0, 0, 1},
        {B("cm\nf\nQ."), PTMI_USE_PERSID, 0, 0, 1},
        {B("cm\nf\n}b."), PTMI_USE_BUILT | PTMI_USE_VALUE, 1, 0, 0},
        {B("cm\nf\nNNsNa."), PTMI_USE_BUILT | PTMI_USE_VALUE, 1, 0, 0},
        {B("cm\nf\n)R)R."), PTMI_USE_CALLED, 1, 2, 0},
        {B("cm\nf\n)R}b."), PTMI_USE_CALLED, 0, 1, 0},
        {B("cm\nf\n)R0cm\nf\n."), PTMI_USE_CALLED, 0, 1, 0},
        {B("Ncm\nf\n)R0."), PTMI_USE_CALLED, 0, 1, 0},
        {B("cm\nf\nPx\n\x85R."), PTMI_USE_CALLED, 0, 1, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ran ran = run(cases[i].pickle.data, cases[i].pickle.len);
        if (ran.rc != PTM_OK || uses_of(&ran, 0) != cases[i].uses)
            fail_msg("%zu: %s uses %x", i, ran.err.msg, uses_of(&ran, 0));
        assert_int_equal(ran.pickle.n_calls, cases[i].calls);
        assert_int_equal(ran.pickle.n_objects, cases[i].objects);
        assert_int_equal(ran.pickle.n_persids, cases[i].persids);
        end(&ran);
    }
}

static void test_weights_pickle__globals_before_a_failure_are_listed(void **state)
{
    static const char pickle[] = "cos\nsystem\n(S'id'\ntRh\x63";
    (void)state;
    struct ran ran = run(pickle, sizeof pickle - 1);
    assert_int_equal(ran.rc, PTM_EFORMAT);
    assert_int_equal(ran.pickle.n_globals, 1);
    assert_int_equal(ran.pickle.n_objects, 1);
    assert_string_equal(ran.pickle.globals[0].node->name, "system");
    assert_int_equal(uses_of(&ran, 0), PTMI_USE_CALLED);
    end(&ran);
}

/* The unpickler in Python, which joblib, dill and pandas use, goes on after these. */
static void test_weights_pickle__globals_behind_what_only_c_refuses_are_listed(void **state)
{
#define EVIL "0cos\nsystem\n(S'id'\ntR."
    static const struct bytes cases[] = {B("]}b" EVIL),
                                         B("]NNS''\n\x87"
                                           "b" EVIL),
                                         B("F 1.5 \n" EVIL),
                                         B("F1_0.5e1_0\n" EVIL),
                                         B("F1e999\n" EVIL),
                                         B("Np99999999999999999999\n" EVIL),
                                         B("\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00N" EVIL)};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ran ran = run(cases[i].data, cases[i].len);
        if (i == 1) { /* a state of three is none */
            assert_int_equal(ran.pickle.n_globals, 0);
        } else {
            assert_int_equal(ran.pickle.n_globals, 1);
            assert_true(uses_of(&ran, 0) & PTMI_USE_CALLED);
        }
        assert_int_equal(ran.rc, PTM_EFORMAT);
        assert_null(ran.pickle.root);
        end(&ran);
    }
#undef EVIL
}

static void test_weights_pickle__lines_have_an_end(void **state)
{
    static char line[(64 << 10) + 8];
    static const struct {
        char op, fill;
        ptm_rc rc;
    } cases[] = {{'I', ' ', PTM_ELIMIT},  {'L', '1', PTM_ELIMIT},  {'g', '_', PTM_ELIMIT},
                 {'I', 'z', PTM_EFORMAT}, {'c', 'a', PTM_EFORMAT}, {'P', '1', PTM_EFORMAT}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(line, cases[i].fill, sizeof line);
        line[0] = cases[i].op;
        line[sizeof line - 1] = '\n';
        struct ran ran = run(line, sizeof line);
        assert_int_equal(ran.rc, cases[i].rc);
        assert_non_null(strstr(ran.err.msg, "a line of more than 65536 bytes"));
        end(&ran);
    }
}

static void test_weights_pickle__names_with_nul_are_no_names(void **state)
{
    static const char pickle[] = "cos\0x\nsys\0tem\n.";
    (void)state;
    struct ran ran = run(pickle, sizeof pickle - 1);
    assert_int_equal(ran.rc, PTM_OK);
    assert_string_equal(ran.pickle.globals[0].node->module, "os?x");
    assert_string_equal(ran.pickle.globals[0].node->name, "sys?tem");
    end(&ran);
}

static void test_weights_pickle__oddities_and_protocol(void **state)
{
    static const struct {
        struct bytes pickle;
        unsigned oddities;
        int protocol;
    } cases[] = {
        {B("I1\n."), 0, 0},
        {B("K\x01."), 0, 1},
        {B("\x80\x02\x88."), 0, 2},
        {B("\x80\x04\x8c\x01x\x94."), 0, 4},
        {B("\x88."), PTMI_PK_ODD_PROTO_HIGH, 0},
        {B("\x80\x02\x8c\x01x."), PTMI_PK_ODD_PROTO_HIGH, 2},
        {B("\x80\x02\x80\x04N."), PTMI_PK_ODD_PROTO_AGAIN, 4},
        {B("N\x80\x02."), PTMI_PK_ODD_PROTO_AGAIN, 2},
        {B("\x80\x02\x82\x01."), PTMI_PK_ODD_EXT, 2},
        {B("\x80\x05\x97."), PTMI_PK_ODD_BUFFER, 5},
        {B("NN."), PTMI_PK_ODD_STACK, 0},
        {B("N2\x86."), PTMI_PK_ODD_DUP_POP | PTMI_PK_ODD_PROTO_HIGH, 0},
        {B("NN0."), PTMI_PK_ODD_DUP_POP, 0},
        {B("]NaK\x00Ns."), PTMI_PK_ODD_CHANGED, 1},
        {B("\x80\x05\x96\x00\x00\x00\x00\x00\x00\x00\x00K\x01"
           "a."),
         PTMI_PK_ODD_CHANGED, 5},
        {B("\x80\x04\x95\x03\x00\x00\x00\x00\x00\x00\x00N.N"), PTMI_PK_ODD_FRAME_REST, 4},
        {B("N(N1."), PTMI_PK_ODD_DUP_POP, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ran ran = run(cases[i].pickle.data, cases[i].pickle.len);
        if (ran.rc != PTM_OK) fail_msg("%zu: %s", i, ran.err.msg);
        if (ran.pickle.oddities != cases[i].oddities) fail_msg("%zu: %x", i, ran.pickle.oddities);
        assert_int_equal(ran.pickle.protocol, cases[i].protocol);
        end(&ran);
    }
}

static void test_weights_pickle__a_tuple_that_holds_itself_is_not_odd(void **state)
{
    /* As pickle writes t = ([t],): the tuple is made inside the list, then taken from the memo. */
    static const char pickle[] = "\x80\x02]q\x00h\x00\x85q\x01"
                                 "a0h\x01.";
    (void)state;
    struct ran ran = run(pickle, sizeof pickle - 1);
    assert_int_equal(ran.rc, PTM_OK);
    assert_int_equal(ran.pickle.oddities, 0);
    assert_string_equal(ran.text.data, "([([([(..)])])])");
    end(&ran);
}

static void test_weights_pickle__python2_strings_stay_raw_when_asked(void **state)
{
    struct ptmi_pickle_opts raw = {.no_encoding = true};
    (void)state;
    struct ran ran = run_with("U\x01\xe9.", 4, &raw);
    assert_string_equal(ran.text.data, "raw'<e9>'");
    end(&ran);
}

static void test_weights_pickle__begins_and_ends_where_told(void **state)
{
    struct ptmi_pickle pickle = {0};
    ptmi_source *source = NULL;
    struct ptm_err err = {0};
    (void)state;
    assert_int_equal(ptmi_source_lend("NNK\x05.K\x06.", 8, "p", &source, NULL), PTM_OK);
    assert_int_equal(ptmi_pickle_run(source, 2, 8, NULL, &pickle, &err), PTM_OK);
    assert_int_equal(pickle.end, 5);
    assert_int_equal(pickle.root->at, 2);
    ptmi_pickle_clear(&pickle);
    assert_int_equal(ptmi_pickle_run(source, 5, 7, NULL, &pickle, &err), PTM_EFORMAT);
    assert_int_equal(pickle.end, 7);
    ptmi_pickle_clear(&pickle);
    assert_int_equal(ptmi_pickle_run(source, 5, 9, NULL, &pickle, &err), PTM_EINVAL);
    ptmi_pickle_clear(&pickle);
    ptmi_source_unref(source);
}

/* A sample a protocol: nothing but the whole is a pickle. */
static void test_weights_pickle__truncation_at_every_byte(void **state)
{
    static const struct bytes samples[] = {
        B("(dp0\nVname\np1\n(lp2\nI5\naF1.5\naL7L\naS'x'\nacos\nsystem\n(tRaP7\nasg0\n0."),
        B("}q\x00(X\x04\x00\x00\x00nameq\x01]q\x02(K\x05M\x00\x01J\x00\x00\x01\x00G?\xf8\x00\x00"
          "\x00\x00\x00\x00T\x01\x00\x00\x00yU\x01zNej\x01\x00\x00\x00Nu."),
        B("\x80\x02"
          "cm\nC\nq\x00)\x81q\x01}q\x02(\x88\x89K\x01K\x02\x86\x8a\x01\x05ub."),
        B("\x80\x03]q\x00(C\x01xB\x01\x00\x00\x00ye."),
        B("\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94"
          "\x8c\x02id\x94\x85\x94R\x94\x8f\x94(K\x01\x90\x86."),
        B("\x80\x05\x95\x13\x00\x00\x00\x00\x00\x00\x00\x96\x01\x00\x00\x00\x00\x00\x00\x00x\x94"
          "(K\x01\x91\x94\x86\x94."),
    };
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        for (size_t n = 0; n <= samples[i].len; n++) {
            struct ran ran = run(samples[i].data, n);
            bool whole = n == samples[i].len;
            if (ran.rc != (whole ? PTM_OK : PTM_EFORMAT))
                fail_msg("%zu cut to %zu: %d %s", i, n, ran.rc, ran.err.msg);
            assert_true(ran.pickle.end <= n);
            end(&ran);
        }
}

static void test_weights_pickle__deep_and_long_ones_take_no_stack(void **state)
{
    enum { N = 300000 };
    char *data = malloc(2 * N + 2);
    (void)state;
    assert_non_null(data);
    memset(data, ')', 1);
    memset(data + 1, '\x85', N);
    data[1 + N] = '.';
    struct ran ran = run(data, N + 2);
    assert_int_equal(ran.rc, PTM_OK);
    assert_int_equal(ran.pickle.n_ops, N + 2);
    end(&ran);
    memset(data, ']', N);
    memset(data + N, 'a', N - 1);
    data[2 * N - 1] = '.';
    ran = run(data, 2 * N);
    assert_int_equal(ran.rc, PTM_OK);
    end(&ran);
    memset(data, '(', N);
    ran = run(data, N);
    assert_int_equal(ran.rc, PTM_EFORMAT);
    end(&ran);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_pickle__numbers),
        cmocka_unit_test(test_weights_pickle__strings),
        cmocka_unit_test(test_weights_pickle__containers),
        cmocka_unit_test(test_weights_pickle__memo),
        cmocka_unit_test(test_weights_pickle__a_memo_written_over_is_odd),
        cmocka_unit_test(test_weights_pickle__memo_of_many_far_indices),
        cmocka_unit_test(test_weights_pickle__memo_indices_cannot_be_made_to_collide),
        cmocka_unit_test(test_weights_pickle__calls),
        cmocka_unit_test(test_weights_pickle__failures_name_their_byte),
        cmocka_unit_test(test_weights_pickle__limits),
        cmocka_unit_test(test_weights_pickle__frames),
        cmocka_unit_test(test_weights_pickle__broken_frames_are_refused_and_run_for_their_globals),
        cmocka_unit_test(test_weights_pickle__uses_of_globals),
        cmocka_unit_test(test_weights_pickle__globals_before_a_failure_are_listed),
        cmocka_unit_test(test_weights_pickle__globals_behind_what_only_c_refuses_are_listed),
        cmocka_unit_test(test_weights_pickle__lines_have_an_end),
        cmocka_unit_test(test_weights_pickle__names_with_nul_are_no_names),
        cmocka_unit_test(test_weights_pickle__oddities_and_protocol),
        cmocka_unit_test(test_weights_pickle__a_tuple_that_holds_itself_is_not_odd),
        cmocka_unit_test(test_weights_pickle__python2_strings_stay_raw_when_asked),
        cmocka_unit_test(test_weights_pickle__begins_and_ends_where_told),
        cmocka_unit_test(test_weights_pickle__truncation_at_every_byte),
        cmocka_unit_test(test_weights_pickle__deep_and_long_ones_take_no_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
