/* SPDX-License-Identifier: MIT */
/* test_torchhub_hubconf.c - names, kinds, certainty and signatures of entry points, from small
 * sources; docstrings and dependencies. What CPython says of larger ones: test_torch_hubconf.py. */
#include "hubconf_looks.h"

static void expect(const struct repo_file *files, const char *want)
{
    char looks[LOOKS_MAX];
    UNIT_TMP(tmp);
    write_files(tmp.path, files);
    ptm_hubconf *hubconf = opened(tmp.path);
    lay_out(hubconf, looks);
    assert_string_equal(looks, want);
    ptm_hubconf_close(hubconf);
}

static void expect_one(const char *text, const char *want)
{
    const struct repo_file files[] = {{"hubconf.py", text}, {0}};
    expect(files, want);
}

/* --- names --- */

static void test_hubconf__definitions_are_sure(void **state)
{
    (void)state;
    expect_one("def f(a, b=1): pass\nclass C: pass\ng = lambda x: x\ndef _p(): pass\n",
               "C class sure ()\nf function sure (a, b=1)\ng lambda sure (x)\n");
    expect_one("dependencies = ['torch']\nX = 1\nT = {'a': 1}\nimport torch\nimport a.b as c\n",
               "");
    expect_one("@torch.no_grad()\ndef f(a): pass\n", "f function sure (a)\n");
    expect_one("async def f(*, a): pass\n", "f function sure (*, a)\n");
}

static void test_hubconf__later_bindings_win(void **state)
{
    (void)state;
    expect_one("def f(a): pass\ndef f(b): pass\n", "f function sure (b)\n");
    expect_one("def f(a): pass\nf = 3\n", "");
    expect_one("def f(a): pass\ndel f\n", "");
    expect_one("f = 3\ndef f(a): pass\n", "f function sure (a)\n");
}

static void test_hubconf__imports_from_outside_are_imports(void **state)
{
    (void)state;
    expect_one("from torchvision.models import resnet18, vgg11 as vgg\n",
               "resnet18 import import\nvgg import import\n");
    expect_one("from torchvision import models\nf = models.resnet18\n",
               "f alias import\nmodels import import\n");
    expect_one("from x import *\n", "- dynamic from x import *\n");
    expect_one("from __future__ import annotations\n", "");
}

static void test_hubconf__unknown_values_are_dynamic(void **state)
{
    (void)state;
    expect_one("f = torch.make()\n", "f dynamic dynamic\n");
    expect_one("a = 1 + 2\nb = x == y\nc = [z for z in q]\nd = str(u)\ne = not v\n", "");
    expect_one("globals()[name] = 1\n", "- dynamic globals()[name] = 1\n");
    expect_one("exec('def f(): pass')\n", "- dynamic exec('def f(): pass')\n");
    expect_one("def __dir__(): return ['a']\n", "- dynamic def __dir__(): return ['a']\n");
}

static void test_hubconf__loops_over_known_things_make_names(void **state)
{
    (void)state;
    expect_one("def _m(n):\n  def f(p=1): return n\n  return f\n"
               "for _i in range(2): globals()[f'net{_i}'] = _m(_i)\n",
               "net0 function sure (p=1)\nnet1 function sure (p=1)\n");
    expect_one("T = {'a': 1, 'b': 2}\n"
               "globals().update({'m_' + _k.upper(): (lambda: _k) for _k in T})\n",
               "m_A lambda sure ()\nm_B lambda sure ()\n");
    expect_one("import sys\nfor _n in ('p', 'q'):\n  setattr(sys.modules[__name__], _n, print)\n",
               "p alias sure\nq alias sure\n");
    expect_one("for _n in unknown():\n  globals()[_n] = 1\n", "- dynamic globals()[_n] = 1\n");
}

/* As inspect.signature() of CPython 3.11 has them. */
static void test_hubconf__partials_lose_what_is_bound(void **state)
{
    (void)state;
    expect_one("from functools import partial as _p\ndef _f(a, b, *, c=1, **k): pass\n"
               "x = _p(_f)\ny = _p(_f, 1, c=2)\nz = _p(_f, *_q)\nw = _p(torch.f, 1)\n",
               "w partial sure\nx partial sure (a, b, *, c=1, **k)\n"
               "y partial sure (b, *, c=2, **k)\nz partial sure\n");
    expect_one("from functools import partial as _p\n"
               "def _f(a, b: int = 1, *args, c=True): pass\n"
               "def _g(a, /, b='x', **k): pass\n"
               "v = _p(_f, a='me')\nw = _p(_f, b=34)\nx = _p(_f, 1, 2, c=None)\n"
               "y = _p(_g, 1)\nz = _p(_g, b=[1])\n",
               "v partial sure (*, a='me', b: int = 1, c=True)\n"
               "w partial sure (a, *, b: int = 34, c=True)\n"
               "x partial sure (*args, c=None)\n"
               "y partial sure (b='x', **k)\nz partial sure (a, /, *, b=..., **k)\n");
}

static void test_hubconf__signatures_stand_on_one_line(void **state)
{
    (void)state;
    expect_one("def f(\n    a,  # one\n    b: int = 1,\n    c=' # no  comment',\n    *,\n    "
               "d=(1,\n       2),\n): pass\n",
               "f function sure (a, b: int = 1, c=' # no  comment', *, d=(1, 2))\n");
}

/* --- branches --- */

static void test_hubconf__what_all_branches_define_is_sure(void **state)
{
    (void)state;
    expect_one("if q:\n  def f(a): pass\nelse:\n  def f(b): pass\n", "f function sure (a)\n");
    expect_one("if q:\n  def f(a): pass\n", "f function dynamic (a)\n");
    expect_one("def f(a): pass\nif q:\n  def f(b): pass\n", "f function sure (b)\n");
    expect_one("if q:\n  def f(a): pass\nelse:\n  raise RuntimeError('no')\n",
               "f function sure (a)\n");
    expect_one("try:\n  from x import f\nexcept ImportError:\n  f = None\n", "f import dynamic\n");
    expect_one("try:\n  from x import f\nexcept ImportError:\n  def f(a): pass\n",
               "f import import\n");
    expect_one("try:\n  from x import f\nexcept ImportError:\n  raise\n", "f import import\n");
    expect_one("if __name__ == '__main__':\n  def f(): pass\n", "");
    expect_one("from typing import TYPE_CHECKING as _T\nif _T:\n  from x import y\n", "");
    expect_one("match q:\n  case 1:\n    def f(): pass\n  case _:\n    def f(): pass\n",
               "f function sure ()\n");
}

/* --- files --- */

static void test_hubconf__names_are_followed_into_files(void **state)
{
    (void)state;
    const struct repo_file files[] = {
        {"hubconf.py", "from m.a import f as g, K, sub, missing\nfrom m import *\nimport m.a\n"},
        {"m/__init__.py", "from .a import f\nfrom .sub import deep\n__all__ = ['f', 'deep']\n"},
        {"m/a.py", "from . import sub\nK = 1\ndef f(a): 'Doc.'\n"},
        {"m/sub.py", "from .deeper import *\n"},
        {"m/deeper.py", "class deep:\n  def __init__(self, a, b=2): pass\n"},
        {0},
    };
    expect(files, "deep class sure (a, b=2)\nf function sure (a)\ng function sure (a)\n"
                  "missing dynamic dynamic\n");
}

static void test_hubconf__names_from_src_and_sys_path(void **state)
{
    (void)state;
    const struct repo_file files[] = {
        {"hubconf.py",
         "import os, sys\nsys.path.append(os.path.join(os.path.dirname(__file__), 'lib'))\n"
         "from one import f\nfrom two import g\nsys.path.insert(0, '/etc')\nfrom three import h\n"},
        {"lib/one.py", "def f(): pass\n"},
        {"src/two/__init__.py", "def g(): pass\n"},
        {0},
    };
    expect(files, "f function sure ()\ng function sure ()\nh import import\n");
}

static void test_hubconf__circles_of_imports_end(void **state)
{
    (void)state;
    const struct repo_file files[] = {
        {"hubconf.py", "from a import x, f\nfrom a import *\n"},
        {"a.py", "from b import x\nfrom b import *\ndef f(): pass\n"},
        {"b.py", "from a import x\nfrom a import *\nfrom hubconf import *\n"},
        {0},
    };
    expect(files, "f function sure ()\nx dynamic dynamic\n");
}

/* --- the rest --- */

static void test_hubconf__docstrings_are_cleaned(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    unit_write(unit_path(tmp.path, "hubconf.py"),
               "'''Module.\n   Two.\n'''\ndef f():\n\t'''One.\n\n\t  Two \\u00e9.\n\n\t'''\n"
               "def g(): f'no'\ndef _h(): 'h'\ng2 = f\nf.__doc__ = 'New.'\n");
    ptm_hubconf *hubconf = opened(tmp.path);
    assert_string_equal(ptm_hubconf_doc(hubconf), "Module.\nTwo.");
    assert_string_equal(ptm_hubconf_find(hubconf, "f")->doc, "New.");
    assert_null(ptm_hubconf_find(hubconf, "g")->doc);
    assert_string_equal(ptm_hubconf_find(hubconf, "_h")->doc, "h");
    assert_null(ptm_hubconf_find(hubconf, "nothing"));
    assert_int_equal(ptm_hubconf_find(hubconf, "g2")->line, 4);
    ptm_hubconf_close(hubconf);
}

static void expect_dependencies(const char *text, const char *want, bool want_sure)
{
    char found[256] = "";
    bool sure = !want_sure;
    const char *name;
    UNIT_TMP(tmp);
    unit_write(unit_path(tmp.path, "hubconf.py"), text);
    ptm_hubconf *hubconf = opened(tmp.path);
    for (size_t i = 0; (name = ptm_hubconf_dependency(hubconf, i, &sure)); i++)
        strcat(strcat(found, name), " ");
    assert_string_equal(found, want);
    assert_int_equal(sure, want_sure);
    ptm_hubconf_close(hubconf);
}

static void test_hubconf__dependencies_are_literals_or_not_sure(void **state)
{
    (void)state;
    expect_dependencies("dependencies = ['torch', 'numpy']\n", "torch numpy ", true);
    expect_dependencies("dependencies = ('torch',) + ('a' 'b',)\n", "torch ab ", true);
    expect_dependencies("dependencies = ['torch']\ndependencies += ['x']\n", "torch x ", true);
    expect_dependencies("x = 1\n", "", true);
    expect_dependencies("dependencies = ['torch'] + read()\n", "torch ", false);
    expect_dependencies("dependencies = read()\n", "", false);
    expect_dependencies("dependencies = ['a']\nif q: dependencies.append('b')\n", "a b ", false);
}

static void test_hubconf__help_and_list_read_folders(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct ptm_err err = {0};
    ptm_torchhub *hub = NULL;
    ptm_hubconf *hubconf = NULL;
    char *doc = NULL;
    ptm_ctx *ctx = NULL;
    struct ptm_torchhub_repo repo = {0};
    struct ptm_torchhub_fetch_opts local = PTM_TORCHHUB_FETCH_OPTS_INIT;
    local.local = true;
    unit_write(unit_path(tmp.path, "hubconf.py"), "def resnet(): 'Doc.'\ndef bare(): pass\n");
    assert_int_equal(ptm_ctx_new(NULL, &ctx, NULL), PTM_OK);
    assert_int_equal(ptm_torchhub_open(ctx, NULL, &hub, NULL), PTM_OK);
    assert_int_equal(ptm_torchhub_list(hub, tmp.path, NULL, &hubconf, &err), PTM_OK);
    assert_string_equal(ptm_hubconf_entry(hubconf, 1)->name, "resnet");
    assert_int_equal(ptm_torchhub_help(hub, tmp.path, "resnet", NULL, &doc, &err), PTM_OK);
    assert_string_equal(doc, "Doc.");
    free(doc);
    const char *bare = strrchr(tmp.path, '/') + 1; /* could be a name: local says that it is none */
    assert_int_equal(chdir(unit_path(tmp.path, "..")), 0);
    assert_int_equal(ptm_torchhub_help(hub, bare, "bare", NULL, &doc, &err), PTM_EINVAL);
    assert_int_equal(ptm_torchhub_help(hub, bare, "bare", &local, &doc, &err), PTM_OK);
    assert_null(doc);
    assert_int_equal(ptm_torchhub_help(hub, tmp.path, "resnt", NULL, &doc, &err), PTM_EINVAL);
    assert_non_null(strstr(err.msg, "Cannot find callable resnt in hubconf; did you mean resnet?"));
    assert_int_equal(ptm_torchhub_fetch(hub, "o/n", &local, &repo, &err), PTM_EINVAL);
    assert_non_null(strstr(err.msg, "nothing to fetch"));
    ptm_hubconf_close(hubconf);
    ptm_torchhub_close(hub);
    ptm_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubconf__definitions_are_sure),
        cmocka_unit_test(test_hubconf__later_bindings_win),
        cmocka_unit_test(test_hubconf__imports_from_outside_are_imports),
        cmocka_unit_test(test_hubconf__unknown_values_are_dynamic),
        cmocka_unit_test(test_hubconf__loops_over_known_things_make_names),
        cmocka_unit_test(test_hubconf__partials_lose_what_is_bound),
        cmocka_unit_test(test_hubconf__signatures_stand_on_one_line),
        cmocka_unit_test(test_hubconf__what_all_branches_define_is_sure),
        cmocka_unit_test(test_hubconf__names_are_followed_into_files),
        cmocka_unit_test(test_hubconf__names_from_src_and_sys_path),
        cmocka_unit_test(test_hubconf__circles_of_imports_end),
        cmocka_unit_test(test_hubconf__docstrings_are_cleaned),
        cmocka_unit_test(test_hubconf__dependencies_are_literals_or_not_sure),
        cmocka_unit_test(test_hubconf__help_and_list_read_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
