/* SPDX-License-Identifier: MIT */
/* test_weights_objects.c - pickled objects as values, and the names of the tensors in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "objects_looks.h"

static const struct ptm_value *item(const struct ptm_value *value, size_t i)
{
    assert_true(i < value->n_items);
    return value->items[i];
}

static void assert_text(const struct ptm_value *value, ptm_value_kind kind, const char *text)
{
    assert_int_equal(value->kind, kind);
    assert_int_equal(value->len, strlen(text));
    assert_memory_equal(value->text, text, value->len);
}

/* --- values --- */

static void test_weights_objects__plain_values(void **state)
{
    (void)state;
    ptm_weights *w =
        open_notation("[None, True, -3, 1.5, 'a\xc3\xa9', b'\\x00\\xff', a'x', (1, 2), "
                      "<1>, {'k': 2}, @torch.float16]");
    const struct ptm_value *root = ptm_weights_root(w);
    assert_int_equal(root->kind, PTM_VALUE_LIST);
    assert_int_equal(root->n_items, 11);
    assert_int_equal(item(root, 0)->kind, PTM_VALUE_NONE);
    assert_int_equal(item(root, 1)->kind, PTM_VALUE_BOOL);
    assert_int_equal(item(root, 1)->i, 1);
    assert_int_equal(item(root, 2)->kind, PTM_VALUE_INT);
    assert_int_equal(item(root, 2)->i, -3);
    assert_true(item(root, 3)->kind == PTM_VALUE_FLOAT && item(root, 3)->f == 1.5);
    assert_text(item(root, 4), PTM_VALUE_STR, "a\xc3\xa9");
    assert_int_equal(item(root, 5)->kind, PTM_VALUE_BYTES);
    assert_int_equal(item(root, 5)->len, 2);
    assert_memory_equal(item(root, 5)->text, "\0\xff", 2);
    assert_false(item(root, 5)->flag);
    assert_text(item(root, 6), PTM_VALUE_BYTES, "x");
    assert_true(item(root, 6)->flag);
    assert_int_equal(item(root, 7)->kind, PTM_VALUE_TUPLE);
    assert_int_equal(item(item(root, 7), 1)->i, 2);
    assert_int_equal(item(root, 8)->kind, PTM_VALUE_SET);
    assert_int_equal(item(root, 9)->kind, PTM_VALUE_DICT);
    assert_text(item(item(root, 9), 0), PTM_VALUE_STR, "k");
    assert_int_equal(item(root, 10)->kind, PTM_VALUE_GLOBAL);
    assert_string_equal(item(root, 10)->class_name, "torch.float16");
    ptm_weights_close(w);
}

static void test_weights_objects__a_python_2_str_is_text(void **state)
{
    (void)state;
    ptm_weights *w = open_notation("[r'weight', r'caf\\xe9', r'caf\\xc3\\xa9']");
    const struct ptm_value *root = ptm_weights_root(w);
    assert_text(item(root, 0), PTM_VALUE_STR, "weight");
    assert_text(item(root, 1), PTM_VALUE_STR, "caf\xc3\xa9");
    assert_text(item(root, 2), PTM_VALUE_STR, "caf\xc3\xa9");
    ptm_weights_close(w);
}

/* LONG1 and LONG4 with more than 64 bits. */
static void assert_long(const uint8_t *bytes, size_t n, const char *text)
{
    struct pickle_out out = {0};
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    pk_bytes(&out, "\x80\x02\x8b", 3);
    pk_le(&out, n, 4);
    pk_bytes(&out, bytes, n);
    pk_op(&out, '.');
    if (objects_run(out.data, out.len, &w, &err) < 0) fail_msg("%s", err.msg);
    free(out.data);
    assert_text(ptm_weights_root(w), PTM_VALUE_BIGINT, text);
    ptm_weights_close(w);
}

static void test_weights_objects__integers_of_any_length(void **state)
{
    uint8_t bytes[300] = {0};
    char text[640] = "0x1";
    (void)state;
    bytes[8] = 1;
    assert_long(bytes, 9, "18446744073709551616");
    memset(bytes, 0, sizeof bytes);
    bytes[8] = 0xff;
    assert_long(bytes, 9, "-18446744073709551616");
    memset(bytes, 0xff, sizeof bytes);
    bytes[8] = 0xfe;
    assert_long(bytes, 9, "-18446744073709551617");
    memset(bytes, 0, sizeof bytes);
    bytes[299] = 1;
    memset(text + 3, '0', 598);
    memmove(text + 3, text + 2, 599);
    text[2] = '0';
    text[602] = '\0';
    assert_long(bytes, 300, text);
}

static void test_weights_objects__known_calls(void **state)
{
    (void)state;
    ptm_weights *w = open_notation(
        "[@builtins.set([1, 2]), @builtins.frozenset([3]), @builtins.complex(1.0, -2.0), "
        "@_codecs.encode('\xc3\xbf\x01', 'latin1'), @builtins.bytes(), "
        "@builtins.bytearray('ab', 'latin-1'), @torch.Size((2, 3)), @collections.Counter({'a': "
        "1}), "
        "@collections.defaultdict(@builtins.list)+{'x': 4}, @builtins.bytearray(b'q')]");
    const struct ptm_value *root = ptm_weights_root(w);
    assert_int_equal(item(root, 0)->kind, PTM_VALUE_SET);
    assert_int_equal(item(root, 0)->n_items, 2);
    assert_true(item(root, 1)->flag);
    assert_true(item(root, 2)->kind == PTM_VALUE_COMPLEX && item(root, 2)->f2 == -2.0);
    assert_text(item(root, 3), PTM_VALUE_BYTES, "\xff\x01");
    assert_text(item(root, 4), PTM_VALUE_BYTES, "");
    assert_text(item(root, 5), PTM_VALUE_BYTES, "ab");
    assert_true(item(root, 5)->flag);
    assert_int_equal(item(root, 6)->kind, PTM_VALUE_TUPLE);
    assert_string_equal(item(root, 6)->class_name, "torch.Size");
    assert_int_equal(item(root, 6)->n_items, 2);
    assert_int_equal(item(root, 7)->kind, PTM_VALUE_DICT);
    assert_string_equal(item(root, 7)->class_name, "collections.Counter");
    assert_int_equal(item(root, 7)->n_items, 2);
    assert_string_equal(item(root, 8)->class_name, "collections.defaultdict");
    assert_int_equal(item(item(root, 8), 1)->i, 4);
    assert_text(item(root, 9), PTM_VALUE_BYTES, "q");
    ptm_weights_close(w);
}

static void test_weights_objects__known_calls_in_other_ways_are_told(void **state)
{
    static const char *const calls[] = {
        "@builtins.set(1)",
        "@builtins.set([1], 2)",
        "@builtins.complex('a', 1)",
        "@builtins.bytes(3)",
        "@builtins.bytearray(3)",
        "@_codecs.encode('a', 'rot13')",
        "@_codecs.encode('\xe2\x82\xac', 'latin1')",
        "@collections.OrderedDict([1])",
        "@collections.OrderedDict([(1)])",
        "@collections.Counter(7)",
        "@torch.Size(3)",
        "@torch.device('cuda', 0)",
    };
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        ptm_weights *w = open_notation(calls[i]);
        if (ptm_weights_root(w)->kind != PTM_VALUE_OBJECT) fail_msg("%s", calls[i]);
        assert_true(ptm_weights_root(w)->n_items > 0);
        ptm_weights_close(w);
    }
}

static void test_weights_objects__an_ordered_dict_keeps_its_state(void **state)
{
    (void)state;
    ptm_weights *w = open_notation(HOOKS "+{'w': 1}!{'_metadata': {}}");
    const struct ptm_value *root = ptm_weights_root(w);
    assert_int_equal(root->kind, PTM_VALUE_DICT);
    assert_string_equal(root->class_name, "collections.OrderedDict");
    assert_int_equal(root->n_items, 2);
    assert_non_null(root->state);
    assert_text(item(root->state, 0), PTM_VALUE_STR, "_metadata");
    ptm_weights_close(w);
    /* Python 2 gave it a list of lists. */
    w = open_notation("@collections.OrderedDict([['a', 1], ('b', 2)])");
    root = ptm_weights_root(w);
    assert_int_equal(root->n_items, 4);
    assert_text(item(root, 2), PTM_VALUE_STR, "b");
    ptm_weights_close(w);
}

static void test_weights_objects__unknown_classes_are_told(void **state)
{
    (void)state;
    ptm_weights *w = open_notation("@argparse.Namespace*()!{'lr': 0.5}");
    const struct ptm_value *root = ptm_weights_root(w);
    assert_int_equal(root->kind, PTM_VALUE_OBJECT);
    assert_string_equal(root->class_name, "argparse.Namespace");
    assert_int_equal(root->n_items, 0);
    assert_int_equal(root->state->kind, PTM_VALUE_DICT);
    ptm_weights_close(w);
    w = open_notation("@os.system('true')");
    assert_string_equal(ptm_weights_root(w)->class_name, "os.system");
    assert_text(item(ptm_weights_root(w), 0), PTM_VALUE_STR, "true");
    ptm_weights_close(w);
    w = open_notation("@easydict.EasyDict*()+{'a': 1}");
    assert_int_equal(ptm_weights_root(w)->kind, PTM_VALUE_DICT);
    assert_string_equal(ptm_weights_root(w)->class_name, "easydict.EasyDict");
    ptm_weights_close(w);
    w = open_notation("@m.List*()+[1]");
    assert_int_equal(ptm_weights_root(w)->kind, PTM_VALUE_LIST);
    ptm_weights_close(w);
    w = open_notation("@m.C*(1)**{'k': 2}+[3]");
    assert_int_equal(ptm_weights_root(w)->n_items, 3);
    ptm_weights_close(w);
    w = open_notation("@functools.partial(@os.system)('true')");
    assert_string_equal(ptm_weights_root(w)->class_name, "");
    assert_string_equal(item(ptm_weights_root(w), 1)->class_name, "functools.partial");
    ptm_weights_close(w);
    w = open_notation("@copyreg._reconstructor(@m.C, @builtins.object, None)!{'a': 1}");
    assert_string_equal(ptm_weights_root(w)->class_name, "m.C");
    assert_int_equal(ptm_weights_root(w)->n_items, 0);
    assert_non_null(ptm_weights_root(w)->state);
    ptm_weights_close(w);
}

static void test_weights_objects__shared_and_circular_values(void **state)
{
    (void)state;
    ptm_weights *w = open_notation("=0[1, #0, =1{'self': #0}, #1]");
    const struct ptm_value *root = ptm_weights_root(w);
    assert_ptr_equal(item(root, 1), root);
    assert_ptr_equal(item(root, 2), item(root, 3));
    assert_ptr_equal(item(item(root, 2), 1), root);
    ptm_weights_close(w);
}

static void test_weights_objects__script_tags_hand_on(void **state)
{
    (void)state;
    ptm_weights *w = open_notation("@torch.jit._pickle.restore_type_tag("
                                   "@torch.jit._pickle.build_intlist([1, 2]), 'List[int]')");
    assert_int_equal(ptm_weights_root(w)->kind, PTM_VALUE_LIST);
    assert_int_equal(ptm_weights_root(w)->n_items, 2);
    ptm_weights_close(w);
}

/* --- names --- */

static void test_weights_objects__names_are_paths_of_keys(void **state)
{
    (void)state;
    assert_names(MATRIX, " tensor");
    assert_names("{'w': " MATRIX ", 'epoch': 3}", " w");
    assert_names("{'state': {0: {'exp_avg': " MATRIX "}}, 'groups': [1, (" MATRIX ")]}",
                 " state.0.exp_avg groups.1.0");
    assert_names("{True: " MATRIX ", None: " MATRIX ", 1.5: " MATRIX ", (1, 'a'): " MATRIX
                 ", b'x': " MATRIX ", @torch.float16: " MATRIX "}",
                 " True None 1.5 (1, a) x torch.float16");
    assert_names("{'a\\x00b': " MATRIX ", r'\\xe9': " MATRIX "}", " a\xef\xbf\xbd"
                                                                  "b \xc3\xa9");
    assert_names("[" MATRIX "]", " 0");
    assert_names("{'': " MATRIX "}", " tensor");
}

static void test_weights_objects__names_of_modules_are_those_of_state_dict(void **state)
{
    (void)state;
    assert_names("@m.Net*()!{'training': True, '_parameters': " HOOKS "+{'scale': " MATRIX
                 "}, '_buffers': " HOOKS "+{'mean': " MATRIX ", 'none': None}, '_modules': " HOOKS
                 "+{'conv': @torch.nn.modules.conv.Conv2d*()!{'_parameters': {'weight': " MATRIX
                 "}, '_modules': {}}}, 'extra': [" MATRIX "]}",
                 " scale mean conv.weight extra.0");
    /* The same keys of a plain dict are keys. */
    assert_names("{'_parameters': {'w': " MATRIX "}}", " _parameters.w");
    assert_names("{'model': @m.Net*()!{'_parameters': {'w': " MATRIX "}}}", " model.w");
}

/* Python's dict: the place of the first, the value of the last. */
static void test_weights_objects__a_key_given_twice(void **state)
{
    (void)state;
    ptm_weights *w = open_notation("{'a': " VECTOR("1") ", 'b': " VECTOR("2") ", 'a': " VECTOR(
        "3") ", 1: 'x', True: 'y', 1.0: 'z', None: 1, None: 2, 'aa': 3}");
    const struct ptm_value *root = ptm_weights_root(w);
    assert_int_equal(ptm_weights_count(w), 2);
    assert_string_equal(ptm_weights_tensor(w, 0)->name, "a");
    assert_int_equal(ptm_weights_tensor(w, 0)->shape[0], 3);
    assert_int_equal(root->n_items, 14);
    assert_text(item(root, 5), PTM_VALUE_STR, "y");
    ptm_weights_close(w);
    assert_names(HOOKS "+{'a': " MATRIX "}+{'b': 1}+{'a': 2}", "");
}

static void test_weights_objects__many_keys_given_twice(void **state)
{
    static char text[1 << 16];
    size_t n = (size_t)snprintf(text, sizeof text, "{");
    (void)state;
    for (int i = 0; i < 3000; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "'key%d': %d, ", i % 1000, i);
    snprintf(text + n, sizeof text - n, "}");
    ptm_weights *w = open_notation(text);
    const struct ptm_value *root = ptm_weights_root(w);
    assert_int_equal(root->n_items, 2000);
    for (size_t i = 0; i < 1000; i++) assert_int_equal(item(root, 2 * i + 1)->i, 2000 + (int)i);
    ptm_weights_close(w);
}

static void test_weights_objects__tensors_inside_objects(void **state)
{
    (void)state;
    assert_names("@m.C*()!({'a': " MATRIX "}, {'slot': " MATRIX "})", " a slot");
    assert_names("@m.C*()!(None, {'_parameters': {'w': " MATRIX "}})", " w");
    assert_names("@m.C*()!(" MATRIX ", 2, 3)", " 0");
    assert_names("{'x': @m.C*()!" MATRIX "}", " x");
    assert_names("@m.f(" MATRIX ", {'k': " MATRIX "})", " 0 1.k");
    assert_names("@m.C*(1)**{'data': " MATRIX "}", " data");
    assert_names("@m.D*(1)+{'data': " MATRIX "}", " data");
    assert_names("{@m.C*(): " MATRIX ", " MATRIX ": 5}", " [0] [1].key");
    assert_names("@m.f(1)(" MATRIX ")", " 0");
}

static void test_weights_objects__a_tensor_met_again_is_listed_again(void **state)
{
    (void)state;
    ptm_weights *w = open_notation("{'a': =1" MATRIX ", 'b': #1, 'c': =2{'d': #1}, 'e': #2}");
    assert_int_equal(ptm_weights_count(w), 4);
    assert_string_equal(ptm_weights_tensor(w, 3)->name, "e.d");
    /* Its value is one, and points at the first. */
    const struct ptm_value *root = ptm_weights_root(w);
    assert_ptr_equal(item(root, 1), item(root, 3));
    assert_ptr_equal(item(root, 1)->tensor, ptm_weights_tensor(w, 0));
    ptm_weights_close(w);
}

static void test_weights_objects__circles_are_cut(void **state)
{
    (void)state;
    assert_names("=0[" MATRIX ", #0, =1{'up': #0, 'w': " MATRIX "}, #1]", " 0 2.w 3.w");
}

static void test_weights_objects__sharing_does_not_explode(void **state)
{
    char text[8192];
    (void)state;
    /* Each list holds the one before twice: 2^40 ways to the tensor. */
    size_t n = 0;
    n += (size_t)snprintf(text + n, sizeof text - n, "[=0[%s]", MATRIX);
    for (int i = 1; i < 40; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ", =%d[#%d, #%d]", i, i - 1, i - 1);
    snprintf(text + n, sizeof text - n, "]");
    assert_refused(text, PTM_ELIMIT, "shared by so many containers");
    /* Without a tensor there is nothing to look for. */
    n = (size_t)snprintf(text, sizeof text, "[=0[1]");
    for (int i = 1; i < 40; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ", =%d[#%d, #%d]", i, i - 1, i - 1);
    snprintf(text + n, sizeof text - n, ", %s]", MATRIX);
    assert_names(text, " 40");
}

/* objects_run() of what is in out, which is freed. */
static ptm_rc run_out(struct pickle_out *out, struct ptm_err *err)
{
    ptm_weights *weights = NULL;
    ptm_rc rc = objects_run(out->data, out->len, &weights, err);
    if (rc == PTM_OK) ptm_weights_close(weights);
    free(out->data);
    return rc;
}

/* Integers that differ in their highest bits alone: a weak hash would take minutes. */
static void test_weights_objects__keys_cannot_be_made_to_collide(void **state)
{
    struct pickle_out out = {0};
    (void)state;
    pk_bytes(&out, "}(", 2);
    for (uint64_t i = 0; i < 1 << 18; i++) {
        pk_bytes(&out, "\x8a\x08", 2);
        pk_le(&out, i << 46, 8);
        pk_op(&out, 'N');
    }
    pk_bytes(&out, "u.", 2);
    assert_int_equal(run_out(&out, NULL), PTM_OK);
}

static void test_weights_objects__shared_arguments_do_not_explode(void **state)
{
    enum { MANY = 10000 };
    struct pickle_out out = {0};
    struct ptm_err err = {0};
    (void)state;
    /* (None, None, ..) once, and a call of m.f with it again and again. */
    pk_op(&out, '(');
    for (int i = 0; i < MANY; i++) pk_op(&out, 'N');
    pk_bytes(&out,
             "tq\0"
             "0cm\nf\nq\1"
             "0](",
             14);
    for (int i = 0; i < MANY; i++) pk_bytes(&out, "h\1h\0R", 5);
    pk_bytes(&out, "e.", 2);
    assert_int_equal(run_out(&out, &err), PTM_ELIMIT);
    assert_non_null(strstr(err.msg, "share their arguments"));
}

/* Nor do lists of pairs, which are looked at before a dict is made of them. */
static void test_weights_objects__shared_pairs_do_not_explode(void **state)
{
    enum { MANY = 100000 };
    struct pickle_out out = {0};
    struct ptm_err err = {0};
    (void)state;
    pk_bytes(&out, "](", 2);
    for (int i = 0; i < MANY; i++) pk_bytes(&out, "NN\x86", 3);
    pk_bytes(&out,
             "e\x85q\0"
             "0ccollections\nOrderedDict\nq\1"
             "0](",
             35);
    for (int i = 0; i < MANY; i++) pk_bytes(&out, "h\1h\0R", 5);
    pk_bytes(&out, "e.", 2);
    assert_int_equal(run_out(&out, &err), PTM_ELIMIT);
    assert_non_null(strstr(err.msg, "share their arguments"));
}

static void test_weights_objects__long_names_of_shared_containers_do_not_explode(void **state)
{
    enum { LONG = 4000, MANY = 40000 };
    struct pickle_out out = {0};
    struct ptm_err err = {0};
    (void)state;
    /* {long name: tensor} once, and a list of nothing else. */
    out.at = MATRIX;
    pk_value(&out);
    pk_bytes(&out,
             "q\2"
             "0}q\1X",
             7);
    pk_le(&out, LONG, 4);
    for (int i = 0; i < LONG; i++) pk_op(&out, 'n');
    pk_bytes(&out, "h\2s0](", 6);
    for (int i = 0; i < MANY; i++) pk_bytes(&out, "h\1", 2);
    pk_bytes(&out, "e.", 2);
    assert_int_equal(run_out(&out, &err), PTM_ELIMIT);
    assert_non_null(strstr(err.msg, "shared by so many containers"));
}

static char *nested(const char *inner, size_t n)
{
    size_t len = strlen(inner);
    char *text = malloc(len + 2 * n + 1);
    assert_non_null(text);
    memset(text, '[', n);
    memcpy(text + n, inner, len);
    memset(text + n + len, ']', n);
    text[2 * n + len] = '\0';
    return text;
}

/* Values may be as deep as the machine allows; tensors are looked for so deep and no deeper. */
static void test_weights_objects__depth_is_capped(void **state)
{
    char *deep = nested("1", 900);
    (void)state;
    ptm_weights *w = open_notation(deep);
    assert_int_equal(ptm_weights_count(w), 0);
    ptm_weights_close(w);
    free(deep);
    deep = nested(MATRIX, 1001);
    assert_refused(deep, PTM_ELIMIT, "deep");
    free(deep);
}

/* Else a chain of ids would be walked as far as the file says, once for each of them. */
static void test_weights_objects__a_class_is_no_id(void **state)
{
    (void)state;
    assert_refused("P('module', P('module', @m.Net, 'net.py', ''), 'net.py', '')", PTM_EFORMAT,
                   "persistent id");
    /* What kind of id it is may be bytes, for torch too. */
    assert_names("P(b'module', @m.Net, 'net.py', '')()!{'_parameters': {'w': " MATRIX "}}", " w");
}

static void test_weights_objects__long_names_are_refused(void **state)
{
    char *text = calloc(1, 8192);
    (void)state;
    assert_non_null(text);
    strcpy(text, "{'");
    memset(text + 2, 'x', 4200);
    strcat(text, "': " MATRIX "}");
    assert_refused(text, PTM_ELIMIT, "a tensor's name");
    free(text);
}

/* --- persistent ids --- */

static void test_weights_objects__bare_storages_are_tensors(void **state)
{
    (void)state;
    ptm_weights *w = open_notation("{'s': " FLOATS("0") ", 't': P7, 'u': " BYTES(
        "1") ", 'v': P('storage', @torch.LongStorage, '2', None, 4, "
             "('2v', 1, 2))}");
    assert_int_equal(ptm_weights_count(w), 4);
    const struct ptm_tensor *t = ptm_weights_find(w, "s");
    assert_true(t->dtype == PTM_FLOAT32 && t->n_dims == 1 && t->shape[0] == 6);
    t = ptm_weights_find(w, "t");
    assert_true(t->dtype == PTM_INT16 && t->shape[0] == 3);
    t = ptm_weights_find(w, "u");
    assert_true(t->dtype == PTM_UINT8 && t->shape[0] == 24);
    t = ptm_weights_find(w, "v");
    assert_true(t->dtype == PTM_INT64 && t->shape[0] == 2 && t->offset == 1);
    assert_string_equal(item(ptm_weights_root(w), 1)->class_name, "torch.FloatStorage");
    ptm_weights_close(w);
}

static void test_weights_objects__classes_saved_with_their_source(void **state)
{
    (void)state;
    assert_names("P('module', @m.Net, 'net.py', 'class Net: pass')*()!{'_parameters': {'w': " MATRIX
                 "}}",
                 " w");
    assert_names("P(@m.Net, 'net.py', 'class Net: pass')*()!{'w': " MATRIX "}", " w");
}

static void test_weights_objects__storage_ids_are_checked(void **state)
{
    static const struct {
        const char *id, *why;
    } bad[] = {
        {"P'0'", "no tuple of five or six"},
        {"P('storage', @torch.FloatStorage, '0', 'cpu')", "no tuple of five or six"},
        {"P('storage', @torch.FloatStorage, '0', 'cpu', 1, None, 1)", "no tuple of five or six"},
        {"P('store', @torch.FloatStorage, '0', 'cpu', 1)", "does not begin with 'storage'"},
        {"P(1, @torch.FloatStorage, '0', 'cpu', 1)", "does not begin with 'storage'"},
        {"P('storage', 'FloatStorage', '0', 'cpu', 1)", "the storage class is none"},
        {"P('storage', @torch.MyStorage, '0', 'cpu', 1)", "class that is not known"},
        {"P('storage', @os.FloatStorage, '0', 'cpu', 1)", "class that is not known"},
        {"P('storage', @torch.FloatStorage, None, 'cpu', 1)", "the key is no text"},
        {"P('storage', @torch.FloatStorage, 'a\\x00b', 'cpu', 1)", "the key is no text"},
        {"P('storage', @torch.FloatStorage, '0', 1, 1)", "the location is no text"},
        {"P('storage', @torch.FloatStorage, '0', 'cpu', '1')", "a size that is none"},
        {"P('storage', @torch.FloatStorage, '0', 'cpu', -1)", "a size that is none"},
        {"P('storage', @torch.FloatStorage, '0', 'cpu', 4611686018427387904)", "64 bits"},
        {"P('storage', @torch.FloatStorage, '0', 'cpu', 1, 2)", "no tuple of three"},
        {"P('storage', @torch.FloatStorage, '0', 'cpu', 1, ('v', 0))", "no tuple of three"},
        {"P('storage', @torch.FloatStorage, '0', 'cpu', 1, ('v', 1, 1))", "leaves its storage"},
        {"P('storage', @torch.FloatStorage, '0', 'cpu', 1, ('v', -1, 1))", "a size that is none"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i].id, PTM_EFORMAT, bad[i].why);
    ptm_weights *w = open_notation("[P('storage', @torch.cuda.HalfStorage, 12, b'cuda:1', 3), "
                                   "P(r'storage', @torch._UntypedStorage, r'k', None, 3)]");
    assert_string_equal(ptm_weights_storage(w, 0)->key, "12");
    assert_string_equal(ptm_weights_storage(w, 0)->device, "cuda:1");
    assert_int_equal(ptm_weights_storage(w, 0)->nbytes, 6);
    assert_null(ptm_weights_storage(w, 1)->device);
    assert_int_equal(ptm_weights_storage(w, 1)->nbytes, 3);
    ptm_weights_close(w);
}

/* --- streams inside streams --- */

/* A legacy stream around one storage of two floats, as a bytes literal of the notation. */
static char *nested_storage(void)
{
    struct pickle_out out = {0};
    pk_bytes(&out, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    pickle_put(&out, "1001");
    pickle_put(&out, "{'protocol_version': 1001, 'little_endian': True, 'type_sizes': {'short': 2, "
                     "'int': 4, 'long': 4}}");
    pickle_put(&out, "P('storage', @torch.FloatStorage, '7', 'cpu', 2, None)");
    pickle_put(&out, "['7']");
    pk_le(&out, 2, 8);
    pk_bytes(&out, "\0\0\x80\x3f\0\0\0\x40", 8);
    char *text = calloc(1, out.len * 4 + 4);
    assert_non_null(text);
    char *to = text + sprintf(text, "b'");
    for (size_t i = 0; i < out.len; i++) to += sprintf(to, "\\x%02x", out.data[i]);
    sprintf(to, "'");
    free(out.data);
    return text;
}

/* pickle.dump() of a tensor: its storage is a stream of its own. */
static void test_weights_objects__storages_in_streams_of_their_own(void **state)
{
    float two[2];
    char *nested = nested_storage(), notation[8192];
    (void)state;
    snprintf(notation, sizeof notation,
             "{'w': " V2
             "(=1@torch.storage._load_from_bytes(%s), 0, (2), (1), False, None), 's': #1, "
             "'v': " V2 "(#1, 1, (1), (1), False, None)}",
             nested);
    ptm_weights *w = open_notation(notation);
    assert_int_equal(ptm_weights_count(w), 3);
    assert_int_equal(ptm_weights_storage_count(w), 1); /* still shared */
    assert_int_equal(ptm_weights_read(w, ptm_weights_tensor(w, 0), two, sizeof two, NULL), PTM_OK);
    assert_true(two[0] == 1 && two[1] == 2);
    assert_int_equal(ptm_weights_find(w, "v")->offset, 1);
    assert_true(ptm_weights_storage(w, 0)->file_offset > 0);
    ptm_weights_close(w);
    free(nested);
    assert_refused("@torch.storage._load_from_bytes(b'abc')", PTM_EFORMAT, "in the bytes at byte");
    assert_names("@torch.storage._load_from_bytes(1)", "");
}

/* Every prefix of a file with all kinds of things fails, and nothing else happens. */
static void test_weights_objects__cut_at_every_byte(void **state)
{
    struct pickle_out out = {0};
    struct ptm_err err = {0};
    ptm_weights *w = NULL;
    (void)state;
    pickle_put(&out, "{'a': " MATRIX ", 'b': @m.C*()!{'x': [1, <2>]}, 's': " FLOATS("1") "}");
    for (size_t len = 0; len < out.len; len++)
        if (objects_run(out.data, len, &w, &err) == PTM_OK) fail_msg("%zu bytes are enough", len);
    assert_int_equal(objects_run(out.data, out.len, &w, &err), PTM_OK);
    ptm_weights_close(w);
    free(out.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_objects__plain_values),
        cmocka_unit_test(test_weights_objects__a_python_2_str_is_text),
        cmocka_unit_test(test_weights_objects__integers_of_any_length),
        cmocka_unit_test(test_weights_objects__known_calls),
        cmocka_unit_test(test_weights_objects__known_calls_in_other_ways_are_told),
        cmocka_unit_test(test_weights_objects__an_ordered_dict_keeps_its_state),
        cmocka_unit_test(test_weights_objects__unknown_classes_are_told),
        cmocka_unit_test(test_weights_objects__shared_and_circular_values),
        cmocka_unit_test(test_weights_objects__script_tags_hand_on),
        cmocka_unit_test(test_weights_objects__names_are_paths_of_keys),
        cmocka_unit_test(test_weights_objects__names_of_modules_are_those_of_state_dict),
        cmocka_unit_test(test_weights_objects__a_key_given_twice),
        cmocka_unit_test(test_weights_objects__many_keys_given_twice),
        cmocka_unit_test(test_weights_objects__tensors_inside_objects),
        cmocka_unit_test(test_weights_objects__a_tensor_met_again_is_listed_again),
        cmocka_unit_test(test_weights_objects__circles_are_cut),
        cmocka_unit_test(test_weights_objects__sharing_does_not_explode),
        cmocka_unit_test(test_weights_objects__keys_cannot_be_made_to_collide),
        cmocka_unit_test(test_weights_objects__shared_arguments_do_not_explode),
        cmocka_unit_test(test_weights_objects__shared_pairs_do_not_explode),
        cmocka_unit_test(test_weights_objects__long_names_of_shared_containers_do_not_explode),
        cmocka_unit_test(test_weights_objects__depth_is_capped),
        cmocka_unit_test(test_weights_objects__a_class_is_no_id),
        cmocka_unit_test(test_weights_objects__long_names_are_refused),
        cmocka_unit_test(test_weights_objects__bare_storages_are_tensors),
        cmocka_unit_test(test_weights_objects__classes_saved_with_their_source),
        cmocka_unit_test(test_weights_objects__storage_ids_are_checked),
        cmocka_unit_test(test_weights_objects__storages_in_streams_of_their_own),
        cmocka_unit_test(test_weights_objects__cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
