/* SPDX-License-Identifier: MIT */
/* test_weights_policy.c - which names are trusted, used how and called with what; which are
 * dangerous, however they are spelt; that all others are unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../src/weights/pickle.h"

static ptmi_trust judge(const char *module, const char *name, unsigned uses)
{
    const char *why = NULL;
    ptmi_trust trust = ptmi_policy_global(module, name, uses, &why);
    assert_non_null(why);
    assert_int_equal(trust, ptmi_policy_global(module, name, uses, NULL));
    return trust;
}

static void test_weights_policy__trusts_names_used_as_listed(void **state)
{
    static const struct {
        const char *module, *name;
        unsigned uses;
    } rows[] = {
        {"collections", "OrderedDict", PTMI_USE_CALLED},
        {"torch._utils", "_rebuild_tensor_v2", PTMI_USE_CALLED},
        {"torch._utils", "_rebuild_tensor_v3", PTMI_USE_CALLED},
        {"torch._utils", "_rebuild_parameter", PTMI_USE_CALLED | PTMI_USE_DROPPED},
        {"torch._tensor", "_rebuild_from_type_v2", PTMI_USE_CALLED},
        {"torch", "FloatStorage", PTMI_USE_PERSID},
        {"torch.cuda", "BFloat16Storage", PTMI_USE_PERSID},
        {"torch.storage", "UntypedStorage", PTMI_USE_PERSID},
        {"torch.sparse", "HalfTensor", PTMI_USE_VALUE},
        {"torch", "QUInt4x2Storage", PTMI_USE_PERSID},
        {"torch", "float8_e4m3fn", PTMI_USE_VALUE},
        {"torch", "uint7", PTMI_USE_VALUE},
        {"torch", "per_channel_affine", PTMI_USE_VALUE},
        {"torch", "Size", PTMI_USE_CALLED},
        {"torch.storage", "_load_from_bytes", PTMI_USE_CALLED},
        {"torch.jit._pickle", "build_intlist", PTMI_USE_CALLED},
        {"numpy.core.multiarray", "_reconstruct", PTMI_USE_CALLED},
        {"numpy._core.multiarray", "scalar", PTMI_USE_CALLED},
        {"numpy", "dtype", PTMI_USE_CALLED},
        {"numpy", "ndarray", PTMI_USE_VALUE},
        {"_codecs", "encode", PTMI_USE_CALLED},
        {"builtins", "set", PTMI_USE_CALLED},
        {"builtins", "complex", PTMI_USE_CALLED},
        {"datetime", "datetime", PTMI_USE_CALLED},
        {"pathlib", "PosixPath", PTMI_USE_CALLED},
        {"uuid", "UUID", PTMI_USE_NEW},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (judge(rows[i].module, rows[i].name, rows[i].uses) != PTMI_TRUSTED)
            fail_msg("%s.%s", rows[i].module, rows[i].name);
}

static void test_weights_policy__other_uses_are_unknown(void **state)
{
    (void)state;
    assert_int_equal(judge("torch", "FloatStorage", PTMI_USE_CALLED), PTMI_UNKNOWN);
    assert_int_equal(judge("torch", "FloatStorage", PTMI_USE_NEW), PTMI_UNKNOWN);
    assert_int_equal(judge("torch", "float32", PTMI_USE_CALLED), PTMI_UNKNOWN);
    assert_int_equal(judge("numpy", "ndarray", PTMI_USE_CALLED), PTMI_UNKNOWN);
    assert_int_equal(judge("_codecs", "encode", PTMI_USE_VALUE), PTMI_UNKNOWN);
    assert_int_equal(judge("torch.storage", "_load_from_bytes", PTMI_USE_VALUE), PTMI_UNKNOWN);
    assert_int_equal(judge("collections", "OrderedDict", PTMI_USE_BUILT), PTMI_UNKNOWN);
    assert_int_equal(judge("collections", "OrderedDict", PTMI_USE_CALLED | PTMI_USE_BUILT),
                     PTMI_UNKNOWN);
}

static void test_weights_policy__the_unlisted_are_unknown(void **state)
{
    static const char *const rows[][2] = {
        {"mymodel", "Net"},
        {"__main__", "Config"},
        {"torch.nn.modules.linear", "Linear"},
        {"torch", "float33"},
        {"torch", "XStorage"},
        {"torch", "Storage"},
        {"torch.sparse", "FloatStorage"},
        {"collections", "ordereddict"},
        {"collections ", "OrderedDict"},
        {"osx", "thing"},
        {"posixpath", "join"},
        {"builtins", "print"},
        {"test", "Net"},
        {"enum", "Enum"},
        {"", ""},
        {"mymodel", "code"},
        {"mymodel", "Net.inner"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (judge(rows[i][0], rows[i][1], PTMI_USE_CALLED) != PTMI_UNKNOWN)
            fail_msg("%s.%s", rows[i][0], rows[i][1]);
}

static void test_weights_policy__what_runs_code_is_dangerous(void **state)
{
    static const char *const rows[][2] = {
        {"os", "system"},
        {"posix", "system"},
        {"nt", "system"},
        {"subprocess", "Popen"},
        {"builtins", "eval"},
        {"builtins", "exec"},
        {"builtins", "getattr"},
        {"builtins", "__import__"},
        {"builtins", "open"},
        {"importlib", "import_module"},
        {"runpy", "_run_code"},
        {"pip", "main"},
        {"pip._internal.cli.main", "main"},
        {"asyncio.unix_events", "_UnixSubprocessTransport._start"},
        {"numpy.testing._private.utils", "runstring"},
        {"numpy.f2py.crackfortran", "getlincoef"},
        {"pty", "spawn"},
        {"bdb", "Bdb.run"},
        {"builtins", "eval.__call__"},
        {"torch._dynamo.guards", "GuardBuilder.get"},
        {"torch.utils.bottleneck.__main__", "run_cprofile"},
        {"torch.utils.collect_env", "run"},
        {"torch.jit.unsupported_tensor_ops", "execWrapper"},
        {"torch.utils._config_module", "ConfigModule.load_config"},
        {"torch.utils.data.datapipes.utils.decoder", "basichandlers"},
        {"torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression"},
        {"torch._inductor.codecache", "compile_file"},
        {"torch.serialization", "load"},
        {"torch", "load"},
        {"torch.hub", "load"},
        {"functools", "partial"},
        {"pydoc", "pipepager"},
        {"pkgutil", "resolve_name"},
        {"operator", "attrgetter"},
        {"_operator", "methodcaller"},
        {"uuid", "_get_command_stdout"},
        {"_osx_support", "_read_output"},
        {"_pyrepl.pager", "pipe_pager"},
        {"imaplib", "IMAP4_stream"},
        {"test.support.script_helper", "assert_python_ok"},
        {"logging", "FileHandler"},
        {"_io", "FileIO"},
        {"distutils.file_util", "write_file"},
        {"types", "CodeType"},
        {"cloudpickle.cloudpickle", "_make_function"},
        {"smtplib", "SMTP"},
        {"_xxsubinterpreters", "run_string"},
        {"lib2to3.pgen2.pgen", "ParserGenerator.make_label"},
        {"idlelib.pyshell", "ModifiedInterpreter.runcode"},
        {"ensurepip", "_run_pip"},
        {"timeit", "timeit"},
        {"cProfile", "runctx"},
        {"ctypes", "CDLL"},
        {"webbrowser", "open"},
        {"marshal", "loads"},
        {"sys", "modules"},
        {"pickle", "loads"},
        {"copyreg", "add_extension"},
        /* By way of what another module imported, or an object's insides. */
        {"pathlib", "os.system"},
        {"pathlib", "os"},
        {"torch", "sys.modules"},
        {"mymodel", "subprocess.Popen"},
        {"collections", "OrderedDict.__init__.__globals__"},
        {"mymodel", "__builtins__"},
        {"pathlib", "Path.write_text"},
        {"mymodel", "a.b.shutil.rmtree"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (judge(rows[i][0], rows[i][1], PTMI_USE_DROPPED) != PTMI_DANGEROUS)
            fail_msg("%s.%s", rows[i][0], rows[i][1]);
}

static void test_weights_policy__a_name_too_long_to_judge_is_dangerous(void **state)
{
    char name[3000];
    (void)state;
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(judge("mymodel", name, PTMI_USE_CALLED), PTMI_DANGEROUS);
}

static void test_weights_policy__names(void **state)
{
    (void)state;
    assert_true(ptmi_policy_is_name("os", "system"));
    assert_true(ptmi_policy_is_name("a.b._c1", "D.e"));
    assert_true(ptmi_policy_is_name("\xc3\xa9", "x"));
    assert_false(ptmi_policy_is_name("", "x"));
    assert_false(ptmi_policy_is_name("os", ""));
    assert_false(ptmi_policy_is_name("os.", "x"));
    assert_false(ptmi_policy_is_name("1a", "x"));
    assert_false(ptmi_policy_is_name("a b", "x"));
    assert_false(ptmi_policy_is_name("a", "x\n"));
}

/* --- calls --- */

/* Judges the last object that a pickle makes. */
static ptmi_trust judge_call(const char *data, size_t len)
{
    struct ptmi_pickle pickle = {0};
    ptmi_source *source = NULL;
    struct ptm_err err = {0};
    const char *why = NULL;
    assert_int_equal(ptmi_source_lend(data, len, "p", &source, NULL), PTM_OK);
    ptm_rc rc = ptmi_pickle_run(source, 0, len, NULL, &pickle, &err);
    if (rc != PTM_OK) fail_msg("%s", err.msg);
    ptmi_trust trust = ptmi_policy_call(pickle.objects[pickle.n_objects - 1], &why);
    assert_non_null(why);
    ptmi_pickle_clear(&pickle);
    ptmi_source_unref(source);
    return trust;
}

struct call {
    ptmi_trust trust;
    const char *data;
    size_t len;
};
#define CALL(trust, literal)                       \
    {                                              \
        PTMI_##trust, literal, sizeof(literal) - 1 \
    }

static void judge_calls(const struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (judge_call(calls[i].data, calls[i].len) != calls[i].trust) fail_msg("call %zu", i);
}

static void test_weights_policy__calls_of_plain_values(void **state)
{
    static const struct call calls[] = {
        CALL(TRUSTED, "c_codecs\nencode\n(Vab\nVlatin1\ntR."),
        CALL(UNKNOWN, "c_codecs\nencode\n(Vab\nVzip\ntR."),
        CALL(UNKNOWN, "c_codecs\nencode\n(Vab\ntR."),
        CALL(TRUSTED, "ccollections\nOrderedDict\n)R."),
        CALL(TRUSTED, "ccollections\nOrderedDict\n)R(K\x01Nu."),
        CALL(TRUSTED, "ccollections\nOrderedDict\n)R}b."),
        CALL(TRUSTED, "ccollections\nOrderedDict\n(]tR."),
        CALL(UNKNOWN, "ccollections\nOrderedDict\n)RN}\x86"
                      "b."), /* attributes by setattr() */
        CALL(UNKNOWN, "ccollections\nOrderedDict\n)R}b}b."),
        CALL(UNKNOWN, "ccollections\nOrderedDict\n)RNa."),
        CALL(UNKNOWN, "ccollections\nOrderedDict\n(cm\nf\ntR."),
        CALL(TRUSTED, "ccollections\ndefaultdict\n(cbuiltins\nlist\ntR."),
        CALL(UNKNOWN, "ccollections\ndefaultdict\n(cm\nf\n)RtR."),
        CALL(TRUSTED, "cbuiltins\nbytearray\n(Vab\nVlatin-1\ntR."),
        CALL(UNKNOWN, "cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR."), /* 2 GB of zeros */
        CALL(UNKNOWN, "cbuiltins\nlist\n(cbuiltins\nrange\n(J\xff\xff\xff\x7ftRtR."),
        CALL(TRUSTED, "cbuiltins\nset\n((K\x01ltR."),
        CALL(TRUSTED, "cbuiltins\ncomplex\n(F1\nF2\ntR."),
        CALL(UNKNOWN, "cbuiltins\ncomplex\n(F1\nF2\nF3\ntR."),
        CALL(UNKNOWN, "cbuiltins\nint\n)cm\nf\n\x92."), /* named arguments that are computed */
        CALL(TRUSTED, "cbuiltins\nint\n)}\x92."),
        CALL(UNKNOWN, "cbuiltins\nint\n)}Va\nK\x01s\x92."),
        CALL(TRUSTED, "cdatetime\ntimedelta\n(K\x01K\x02K\x03tR."),
        CALL(TRUSTED, "cpathlib\nPosixPath\n(Va\nVb\ntR."),
        CALL(UNKNOWN, "cpathlib\nPosixPath\n(Va\nK\x01tR."),
        CALL(TRUSTED, "ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nobject\nNtR}b."),
        CALL(TRUSTED, "cuuid\nUUID\n)\x81}Vint\nK\x05sb."),
        CALL(DANGEROUS, "cos\nsystem\n)R."),
        CALL(UNKNOWN, "cm\nf\n)R."),
        CALL(UNKNOWN, "cm\nf\n)R)R."),
        CALL(UNKNOWN, "ccollections\nOrderedDict\ncm\nf\nR."), /* arguments that are computed */
    };
    (void)state;
    judge_calls(calls, sizeof calls / sizeof calls[0]);
}

#define V2 "ctorch._utils\n_rebuild_tensor_v2\n"
#define HOOKS "ccollections\nOrderedDict\n)R"
static void test_weights_policy__calls_of_torch(void **state)
{
    static const struct call calls[] = {
        CALL(TRUSTED, V2 "(Px\nI0\n(K\x02t(K\x01t\x89" HOOKS "tR."),
        CALL(TRUSTED, V2 "(Px\nI0\n(K\x02t(K\x01t\x89NtR."),
        CALL(TRUSTED, V2 "(Px\nI0\n(K\x02t(K\x01t\x89" HOOKS "}tR."),
        CALL(TRUSTED, V2 "(Px\nI0\nctorch\nSize\n((K\x02ttR(K\x01t\x89" HOOKS "tR."),
        CALL(UNKNOWN, V2 "(Px\nI-1\n(K\x02t(K\x01t\x89" HOOKS "tR."),
        CALL(UNKNOWN, V2 "(Px\nI0\n(I-2\nt(K\x01t\x89" HOOKS "tR."),
        CALL(UNKNOWN, V2 "(Px\nI0\n(cm\nf\nt(K\x01t\x89" HOOKS "tR."),
        CALL(UNKNOWN, V2 "(Px\nI0\ncm\nf\n)R(K\x01t\x89" HOOKS "tR."), /* a computed size */
        CALL(UNKNOWN, V2 "(]I0\n(K\x02t(K\x01t\x89" HOOKS "tR."),      /* no storage */
        CALL(UNKNOWN, V2 "(Px\nI0\n(K\x02t(K\x01t\x89" HOOKS "K\x05"
                         "ctorch\nf\nstR."), /* hooks */
        CALL(UNKNOWN, V2 "(Px\nI0\n(K\x02t(K\x01ttR."),
        CALL(UNKNOWN, V2 "(Px\nI0\n(K\x02t(K\x01t\x89" HOOKS "tRNNs."), /* SETITEM of a tensor */
        CALL(UNKNOWN, V2 "(Px\nI0\n(K\x02t(K\x01t\x89" HOOKS "tR}b."),
        CALL(TRUSTED, "ctorch._tensor\n_rebuild_from_type_v2\n(" V2
                      "ctorch.nn.parameter\nParameter\n(Px\nI0\n(K\x02t(K\x01t\x89NtNtR."),
        CALL(UNKNOWN, "ctorch._tensor\n_rebuild_from_type_v2\n(" V2
                      "ctorch.nn.parameter\nParameter\n(Px\nI-1\n(K\x02t(K\x01t\x89NtNtR."),
        CALL(UNKNOWN, "ctorch._tensor\n_rebuild_from_type_v2\n(cos\nsystem\n"
                      "ctorch\nTensor\n(Vid\ntNtR."),
        CALL(TRUSTED, "ctorch\ndevice\n(Vcuda\nK\x01tR."),
        CALL(TRUSTED, "ctorch.storage\n_load_from_bytes\n(\x80\x03"
                      "C\x01xtR."),
        CALL(UNKNOWN, "ctorch.storage\n_load_from_bytes\n(cm\nf\n)RtR."),
    };
    (void)state;
    judge_calls(calls, sizeof calls / sizeof calls[0]);
}

#define DTYPE(code) "cnumpy\ndtype\n(V" code "\n\x89\x88tR"
#define STATE(flags) "(K\x03V<\nNNNI-1\nI-1\nK" flags "tb"
#define ARRAY                                                                 \
    "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t\x80\x03" \
    "C\x01"                                                                   \
    "btR"
static void test_weights_policy__calls_of_numpy(void **state)
{
    static const struct call calls[] = {
        CALL(TRUSTED, DTYPE("f8") STATE("\x00") "."),
        CALL(TRUSTED, DTYPE("O8") STATE("\x3f") "."),
        CALL(UNKNOWN, DTYPE("f8") STATE("\x01") "."), /* bytes as pointers */
        CALL(UNKNOWN, DTYPE("V8") STATE("\x3f") "."),
        CALL(UNKNOWN, DTYPE("f8") "}b."),
        CALL(UNKNOWN, "cnumpy\ndtype\n(cm\nf\n\x89\x88tR."),
        CALL(TRUSTED, ARRAY "."),
        CALL(UNKNOWN, "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(M\xff\xfft\x80\x03"
                      "C\x01"
                      "btR."),
        CALL(UNKNOWN, ARRAY "}b."),
        CALL(TRUSTED, "cnumpy.core.multiarray\nscalar\n(" DTYPE("f8") "C\x08"
                                                                      "abcdefghtR."),
        CALL(UNKNOWN, "cnumpy.core.multiarray\nscalar\n(NC\x08"
                      "abcdefghtR."),
    };
    (void)state;
    judge_calls(calls, sizeof calls / sizeof calls[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_policy__trusts_names_used_as_listed),
        cmocka_unit_test(test_weights_policy__other_uses_are_unknown),
        cmocka_unit_test(test_weights_policy__the_unlisted_are_unknown),
        cmocka_unit_test(test_weights_policy__what_runs_code_is_dangerous),
        cmocka_unit_test(test_weights_policy__a_name_too_long_to_judge_is_dangerous),
        cmocka_unit_test(test_weights_policy__names),
        cmocka_unit_test(test_weights_policy__calls_of_plain_values),
        cmocka_unit_test(test_weights_policy__calls_of_torch),
        cmocka_unit_test(test_weights_policy__calls_of_numpy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
