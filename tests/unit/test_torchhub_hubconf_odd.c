/* SPDX-License-Identifier: MIT */
/* test_torchhub_hubconf_odd.c - files that are hostile, broken, huge or from another time: none
 * crashes, hangs or takes much memory, and what can be read of them is. */
#include "hubconf_looks.h"

#include "base/limits.h"

static char *repeated(const char *head, const char *text, size_t n, const char *tail)
{
    size_t len = strlen(text);
    char *all = malloc(strlen(head) + n * len + strlen(tail) + 1), *at = all;
    if (!all) abort();
    at += sprintf(at, "%s", head);
    for (size_t i = 0; i < n; i++, at += len) memcpy(at, text, len);
    strcpy(at, tail);
    return all;
}

/* Opens it (whatever comes out), and frees text. */
static ptm_rc opens(char *text, char looks[LOOKS_MAX])
{
    UNIT_TMP(tmp);
    ptm_hubconf *hubconf = NULL;
    unit_write(unit_path(tmp.path, "hubconf.py"), text);
    ptm_rc rc = ptm_hubconf_open(tmp.path, &hubconf, NULL);
    if (rc == PTM_OK) lay_out(hubconf, looks);
    if (rc == PTM_OK) ptm_hubconf_close(hubconf);
    free(text);
    return rc;
}

static void test_hubconf_odd__depth_is_bounded(void **state)
{
    (void)state;
    static char looks[LOOKS_MAX];
    static const char *const OPEN[] = {"(",  "[",    "{",        "not ",
                                       "-",  "f(",   "lambda: ", "a if b else ",
                                       "x[", "{1: ", "a or ",    "'%s' % "};
    for (size_t i = 0; i < sizeof OPEN / sizeof *OPEN; i++)
        (void)opens(repeated("def f(): pass\nx = ", OPEN[i], i < 6 ? 30000 : 9000, "\n"), looks);
    (void)opens(repeated("x = a", ".b", 30000, "\ndef f(): pass\n"), looks);
    (void)opens(repeated("x = a", "()", 30000, "\ndef f(): pass\n"), looks);
    (void)opens(repeated("x = a", " + a", 30000, "\ndef f(): pass\n"), looks);
    (void)opens(repeated("", "a = ", 20000, "1\ndef f(): pass\n"), looks);
    assert_int_equal(opens(repeated("x = ", "(", 100000, ")"), looks), PTM_ELIMIT);
}

static void test_hubconf_odd__recursion_ends(void **state)
{
    (void)state;
    static char looks[LOOKS_MAX];
    assert_int_equal(opens(strdup("def f(n=3): return f(n) + f(n + 1)\nx = f()\n"
                                  "class C(C): pass\nclass D:\n  x = D()\nd = D()\n"
                                  "a = []\na.append(a)\na.extend(a)\na += a\n"
                                  "g = lambda h: h(h)\ng(g)\n"
                                  "for i in range(10**9): globals()['n%d' % i] = f\n"),
                           looks),
                     PTM_OK);
    assert_non_null(strstr(looks, "f function sure (n=3)"));
    assert_int_equal(
        opens(strdup("x = 'a'\nfor i in range(60):\n  x = x + x\ndef f(): pass\n"), looks), PTM_OK);
    assert_string_equal(looks, "f function sure ()\n");
    assert_int_equal(
        opens(strdup("x = [1]\nfor i in range(60):\n  x = x + x\ndef f(): pass\n"), looks), PTM_OK);
    assert_string_equal(looks, "f function sure ()\n");
}

/* m0 imports m1 imports m2 ..: what lies too deep on one path is found on a shorter one, and what
 * is not found is told. */
static void test_hubconf_odd__long_chains_of_imports(void **state)
{
    (void)state;
    static char looks[LOOKS_MAX];
    UNIT_TMP(tmp);
    char name[32], text[128];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "m%d.py", i);
        snprintf(text, sizeof text, "from m%d import *\ndef f%d(): pass\n", i + 1, i);
        unit_write(unit_path(tmp.path, name), text);
    }
    unit_write(unit_path(tmp.path, "hubconf.py"),
               "import m0\nfrom m299 import f299\nfrom m0 import *\nglobals()['x'] = f0\n");
    ptm_hubconf *hubconf = opened(tmp.path);
    lay_out(hubconf, looks);
    assert_non_null(strstr(looks, "f0 function sure"));
    assert_non_null(strstr(looks, "f299 function sure"));
    assert_non_null(strstr(looks, "- dynamic from m"));
    ptm_hubconf_close(hubconf);
}

static void test_hubconf_odd__long_work_is_cut_and_told(void **state)
{
    (void)state;
    static char looks[LOOKS_MAX];
    assert_int_equal(opens(strdup("def f(): pass\nfor a in range(5000):\n  for b in range(5000):\n"
                                  "    c = a + b\ndef g(): pass\n"),
                           looks),
                     PTM_OK);
    assert_non_null(strstr(looks, "f function sure ()"));
    assert_non_null(strstr(looks, "- dynamic"));
}

/* Python's have any length: one that does not fit is unknown, not the largest that does. */
static void test_hubconf_odd__numbers_that_do_not_fit(void **state)
{
    (void)state;
    static char looks[LOOKS_MAX];
    assert_int_equal(opens(strdup("if 9223372036854775807 == 9223372036854775808:\n"
                                  "  def f(): pass\n"
                                  "if 0xffffffffffffffff == 0xfffffffffffffffe:\n"
                                  "  def g(): pass\n"
                                  "if 9223372036854775807 == 0x7fffffffffffffff:\n"
                                  "  def h(): pass\n"),
                           looks),
                     PTM_OK);
    assert_string_equal(looks,
                        "f function dynamic ()\ng function dynamic ()\nh function sure ()\n");
}

static void test_hubconf_odd__size_is_bounded(void **state)
{
    (void)state;
    static char looks[LOOKS_MAX];
    assert_int_equal(opens(repeated("", "x = 1234567\n", PTM_LIMIT_PYTHON / 12 + 1, ""), looks),
                     PTM_ELIMIT);
}

static void test_hubconf_odd__python_two_and_damage_are_read(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    unit_write(unit_path(tmp.path, "hubconf.py"),
               "def f(a):\n    print 'old'\n    exec 'x'\n\ndef g(a, b):\n\treturn 1\n"
               "x = = 3\ndef h(): pass\n");
    ptm_hubconf *hubconf = opened(tmp.path);
    assert_non_null(ptm_hubconf_find(hubconf, "f"));
    assert_non_null(ptm_hubconf_find(hubconf, "g"));
    assert_int_equal(ptm_hubconf_damage(hubconf), 7);
    ptm_hubconf_close(hubconf);
    unit_write(unit_path(tmp.path, "hubconf.py"), "def f(a): pass\n");
    hubconf = opened(tmp.path);
    assert_int_equal(ptm_hubconf_damage(hubconf), 0);
    ptm_hubconf_close(hubconf);
}

static void test_hubconf_odd__bytes_that_are_no_text(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    FILE *file = fopen(unit_path(tmp.path, "hubconf.py"), "wb");
    assert_non_null(file);
    fwrite("def f(): '\xff\xfe'\n\0\0\ndef g(): pass\nx = '\\x00'\n", 1, 43, file);
    fclose(file);
    ptm_hubconf *hubconf = opened(tmp.path);
    assert_non_null(ptm_hubconf_find(hubconf, "f"));
    assert_string_equal(ptm_hubconf_find(hubconf, "f")->doc, "\xef\xbf\xbd\xef\xbf\xbd");
    ptm_hubconf_close(hubconf);
    unit_write(unit_path(tmp.path, "hubconf.py"), "");
    hubconf = opened(tmp.path);
    assert_null(ptm_hubconf_entry(hubconf, 0));
    ptm_hubconf_close(hubconf);
}

static void test_hubconf_odd__links_and_missing_files(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct ptm_err err = {0};
    ptm_hubconf *hubconf = NULL;
    assert_int_equal(ptm_hubconf_open(tmp.path, &hubconf, &err), PTM_ENOENT);
    assert_non_null(strstr(err.msg, "has no hubconf.py"));
    assert_int_equal(symlink("/etc/passwd", unit_path(tmp.path, "hubconf.py")), 0);
    assert_int_equal(ptm_hubconf_open(tmp.path, &hubconf, &err), PTM_EUNSAFE);
    assert_null(hubconf);
    assert_int_equal(unlink(unit_path(tmp.path, "hubconf.py")), 0);
    assert_int_equal(symlink("/etc", unit_path(tmp.path, "models")), 0);
    unit_write(unit_path(tmp.path, "hubconf.py"), "from models.passwd import f\nimport models\n");
    hubconf = opened(tmp.path);
    assert_int_equal(ptm_hubconf_find(hubconf, "f")->certainty, PTM_CERTAIN_IMPORT);
    ptm_hubconf_close(hubconf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubconf_odd__depth_is_bounded),
        cmocka_unit_test(test_hubconf_odd__recursion_ends),
        cmocka_unit_test(test_hubconf_odd__long_chains_of_imports),
        cmocka_unit_test(test_hubconf_odd__long_work_is_cut_and_told),
        cmocka_unit_test(test_hubconf_odd__numbers_that_do_not_fit),
        cmocka_unit_test(test_hubconf_odd__size_is_bounded),
        cmocka_unit_test(test_hubconf_odd__python_two_and_damage_are_read),
        cmocka_unit_test(test_hubconf_odd__bytes_that_are_no_text),
        cmocka_unit_test(test_hubconf_odd__links_and_missing_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
