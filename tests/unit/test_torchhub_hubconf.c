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
    expect_one("def f(a=[1,\n  2,\n], b=(1,\n)): pass\n", "f function sure (a=[1, 2], b=(1,))\n");
    expect_one("class _C:\n  def run(self, a, b=1): pass\nrun = _C().run\n",
               "run callable sure (a, b=1)\n");
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

/* --- what may not be done --- */

#define G "def _f(): pass\nimport os\nQ = os.environ.get('Q')\n"

static void test_hubconf__what_a_loop_may_skip_is_not_sure(void **state)
{
    (void)state;
    expect_one(G "for n in ['a', 'b']:\n  if Q:\n    continue\n  globals()[n] = _f\n",
               "a function dynamic ()\nb function dynamic ()\n");
    expect_one(G "for n in ['a', 'b']:\n  globals()[n] = _f\n  if Q: break\n",
               "a function sure ()\nb function dynamic ()\n");
    expect_one(G "for n in ['a']:\n  if Q: break\n  raise RuntimeError\ndef b(): pass\n",
               "b function sure ()\n");
    expect_one(G "for n in ['a']:\n  if Q: continue\nfor n in ['b']: globals()[n] = _f\n",
               "b function sure ()\n");
}

static void test_hubconf__loops_that_count_make_names_nobody_knows(void **state)
{
    (void)state;
    expect_one(G "n = 0\nwhile n < 3:\n  globals()[f'm{n}'] = _f\n  n += 1\n",
               "m0 function dynamic ()\n- dynamic globals()[f'm{n}'] = _f\n");
    expect_one(G "n = 0\nwhile True:\n  globals()[f'm{n}'] = _f\n  n += 1\n  if n > 2: break\n",
               "m0 function sure ()\nm1 function dynamic ()\n- dynamic globals()[f'm{n}'] = _f\n");
    expect_one("n = 0\nfor x in q:\n  n += 1\ndef b(): pass\n",
               "b function sure ()\nx dynamic dynamic\n");
}

static void test_hubconf__what_a_function_may_skip_is_not_sure(void **state)
{
    (void)state;
    expect_one(G "def _r(n):\n  if Q: globals()[n] = _f\n_r('a')\n", "a function dynamic ()\n");
    expect_one(G "def _r(n):\n  if Q: return\n  globals()[n] = _f\n_r('a')\n",
               "a function dynamic ()\n");
    expect_one(G "def _r(n):\n  if Q: raise ValueError\n  globals()[n] = _f\n_r('a')\n",
               "a function sure ()\n");
    expect_one(G "def _w(n): globals()[n] = _f\ndef _r(n):\n  if Q: _w(n)\n_r('a')\n_w('b')\n",
               "a function dynamic ()\nb function sure ()\n");
    expect_one(G "def _r(n):\n  globals()[f'm{n}'] = _f\n  if n: _r(n - 1)\n_r(3)\n",
               "m2 function sure ()\nm3 function sure ()\n- dynamic if n: _r(n - 1)\n");
}

static void test_hubconf__suppressed_errors_leave_doubt(void **state)
{
    (void)state;
    expect_one(
        "import contextlib as _c\nwith _c.suppress(ImportError):\n  import x\n  def f(): pass\n"
        "with torch.no_grad():\n  def g(): pass\n",
        "f function dynamic ()\ng function sure ()\n");
}

static void test_hubconf__files_that_fill_a_table_are_gone_through(void **state)
{
    (void)state;
    const struct repo_file files[] = {
        {"hubconf.py", "from reg import T\nimport nets.a\nfrom nets import b as _b\n"
                       "globals().update(T)\n"},
        {"reg.py", "T = {}\ndef add(f):\n  T[f.__name__] = f\n  return f\n"},
        {"nets/__init__.py", "from . import c\n"},
        {"nets/a.py", "from reg import add\n@add\ndef net_a(x): pass\n"},
        {"nets/b.py", "from reg import add\n@add\ndef net_b(): pass\n"},
        {"nets/c.py", "from reg import add\n@add\ndef net_c(): pass\n"},
        {0},
    };
    expect(files, "net_a function sure (x)\nnet_b function sure ()\nnet_c function sure ()\n");
    const struct repo_file other[] = {
        {"hubconf.py", "import m\nm.g = print\nm.f = 3\nfrom m import f, g\n"},
        {"m.py", "def f(): pass\n"},
        {0},
    };
    expect(other, "g alias sure\n");
}

static void test_hubconf__loops_go_on_behind_else(void **state)
{
    (void)state;
    expect_one("n = 2\nwhile n:\n  n -= 1\nelse:\n  def g(): pass\n", "g function sure ()\n");
    expect_one("while True:\n  break\nelse:\n  def g(): pass\n", "");
    expect_one("for _n in 'ab':\n  if q: break\nelse:\n  def g(): pass\n",
               "g function dynamic ()\n");
}

static void test_hubconf__own_managers_may_suppress(void **state)
{
    (void)state;
    expect_one("class _S:\n  def __exit__(self, *a): return True\n"
               "class _T:\n  def __exit__(self, *a): pass\n"
               "with _S():\n  import x\n  def f(): pass\nwith _S(): raise ValueError\n"
               "with _T():\n  def g(): pass\n",
               "f function dynamic ()\ng function sure ()\n");
}

static void test_hubconf__map_calls(void **state)
{
    (void)state;
    expect_one("def _f(): pass\ndef _r(n): globals()[n] = _f\nlist(map(_r, ['a', 'b']))\n",
               "a function sure ()\nb function sure ()\n");
}

static void test_hubconf__tables_lose_and_gain_things(void **state)
{
    (void)state;
#define T G "t = {'a': _f, 'b': _f}\nl = ['b', 'a']\n"
    expect_one(T "t.pop('a')\nglobals().update(t)\n", "b function sure ()\n");
    expect_one(T "del t['a']\nglobals().update(t)\n", "b function sure ()\n");
    expect_one(T "t.clear()\nt.setdefault('c', _f)\nglobals().update(t)\n", "c function sure ()\n");
    expect_one(T "if Q: t['c'] = _f\nfor _k in t: globals()[_k] = _f\n",
               "a function sure ()\nb function sure ()\nc function dynamic ()\n"
               "- dynamic for _k in t: globals()[_k] = _f\n");
    expect_one(T "if Q: l.append('c')\nfor _k in l: globals()[_k] = _f\n",
               "a function sure ()\nb function sure ()\nc function dynamic ()\n"
               "- dynamic for _k in l: globals()[_k] = _f\n");
    expect_one(T "if Q:\n  m = []\n  m.append('c')\n  for _k in m: globals()[_k] = _f\n",
               "c function dynamic ()\n");
    expect_one(T "l.remove('a')\nfor _k in l: globals()[_k] = _f\n",
               "- dynamic for _k in l: globals()[_k] = _f\n");
    expect_one(T "l[0] = 'c'\nfor _k in l: globals()[_k] = _f\n",
               "- dynamic for _k in l: globals()[_k] = _f\n");
    expect_one("def _f(): pass\nl = list(reversed(['a', 'b', 'c']))\nglobals()[l[0]] = _f\n"
               "d = dict([('x', 'd')])\nglobals()[d['x']] = _f\n",
               "c function sure ()\nd function sure ()\n");
    expect_one("def _f(): pass\ndef _g(): pass\nd = dict([x, ('a', _f)])\n"
               "h = d.get('b', None)\nk = d.get('a', None)\n",
               "h dynamic dynamic\nk function sure ()\n");
    expect_one(T "globals()[sorted(l)[0]] = _f\nl.sort(reverse=True)\nglobals()[l[0]] = _f\n",
               "a function sure ()\nb function sure ()\n");
#undef T
}

static void test_hubconf__names_that_go_are_gone(void **state)
{
    (void)state;
#define T "def a(): pass\ndef b(): pass\n"
    expect_one(T "del globals()['a']\n", "b function sure ()\n");
    expect_one(T "globals().pop('a')\n", "b function sure ()\n");
    expect_one(T "del (a, [b])\n", "");
    expect_one(T "for n in q: del globals()[n]\n",
               "a function dynamic ()\nb function dynamic ()\nn dynamic dynamic\n");
    expect_one(
        T "def __dir__(): return ['a']\n",
        "a function dynamic ()\nb function dynamic ()\n- dynamic def __dir__(): return ['a']\n");
    expect_one(T "__dir__ = lambda: ['a']\n",
               "a function dynamic ()\nb function dynamic ()\n- dynamic __dir__ = lambda: ['a']\n");
#undef T
}

static void test_hubconf__names_of_other_scopes(void **state)
{
    (void)state;
    expect_one("def _i():\n  global f, g\n  def f(a): pass\n  from x import g\n_i()\n",
               "f function sure (a)\ng import import\n");
    expect_one("def _i():\n  global f\n  if q: f = lambda: 1\n_i()\n", "f lambda dynamic ()\n");
    expect_one("def _m():\n  g = None\n  def s():\n    nonlocal g\n    g = lambda: 1\n  s()\n"
               "  return g\nf = _m()\n",
               "f lambda dynamic ()\n");
    expect_one("def _f(): pass\n[g := x for x in [_f]]\n", "g function sure ()\n");
    expect_one("def _f(): pass\n_f.__globals__['g'] = _f\n", "g function sure ()\n");
    expect_one("import sys\nsys._getframe().f_globals['g'] = print\n",
               "- dynamic sys._getframe().f_globals['g'] = print\n");
    expect_one("from x import export as _e\n_e(globals())\n", "- dynamic _e(globals())\n");
}

static void test_hubconf__decorators_that_give_nothing_to_call(void **state)
{
    (void)state;
    expect_one("def _n(f): T.append(f)\n@_n\ndef a(): pass\n@property\ndef b(): pass\n"
               "def _w(f):\n  def g(*a): return f(*a)\n  return g\n@_w\ndef c(x): pass\n",
               "c function sure (x)\n");
}

static void test_hubconf__star_imports_of_names_that_are_not_seen(void **state)
{
    (void)state;
    const struct repo_file files[] = {
        {"hubconf.py", "def gone(): pass\nfrom m import *\nfrom n import *\n"},
        {"m.py", "def a(): pass\n__all__ = [a.__name__, 'made']\nexec(q)\n"},
        {"n.py", "def gone(): pass\ndel gone\ndef b(): pass\ndef c(): pass\n"
                 "if q: __all__ = ['b']\n"},
        {0},
    };
    expect(files,
           "a function sure ()\nb function sure ()\ngone function sure ()\nmade dynamic dynamic\n"
           "- dynamic from n import *\n");
}

static void test_hubconf__signatures_that_another_base_may_have(void **state)
{
    (void)state;
    expect_one("import torch\nclass _M:\n  def __init__(self, a): pass\n"
               "class A(torch.Module, _M): pass\nclass B(_M, torch.Module): pass\n"
               "class _C(_M): pass\nclass _D(_M):\n  def __init__(self, d): pass\n"
               "class E(_C, _D): pass\n",
               "A class sure\nB class sure (a)\nE class sure\n");
    expect_one("from functools import partial as _p\ndef _f(a, b=1, *, c=2, **k): pass\n"
               "f = _p(_f, b=3)\n",
               "f partial sure (a, *, b=3, c=2, **k)\n");
}

static void test_hubconf__texts_that_python_writes_otherwise(void **state)
{
    (void)state;
    expect_one("def _f(): pass\ni = 1\ng = globals()\n"
               "g[f'{i=}'.replace('=', '')] = _f\n",
               "- dynamic g[f'{i=}'.replace('=', '')] = _f\n");
    expect_one("def _f(): pass\ng = globals()\ng['\u00c9'.lower()] = _f\n",
               "- dynamic g['\u00c9'.lower()] = _f\n");
    expect_one("def _f(): pass\ng = globals()\ng['aba'.replace('a', 'c', 1)] = _f\n",
               "- dynamic g['aba'.replace('a', 'c', 1)] = _f\n");
}

#undef G

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
               "def g(): f'no'\ndef _h(): 'h'\ng2 = f\nf.__doc__ = 'New.'\n"
               "def i(): ('In ' 'brackets.')\ni.__doc__ += ' More.'\n"
               "def j(): 'Old.'\nj.__doc__ = made()\n");
    ptm_hubconf *hubconf = opened(tmp.path);
    assert_string_equal(ptm_hubconf_doc(hubconf), "Module.\nTwo.");
    assert_string_equal(ptm_hubconf_find(hubconf, "f")->doc, "New.");
    assert_null(ptm_hubconf_find(hubconf, "g")->doc);
    assert_string_equal(ptm_hubconf_find(hubconf, "_h")->doc, "h");
    assert_string_equal(ptm_hubconf_find(hubconf, "i")->doc, "In brackets. More.");
    assert_string_equal(ptm_hubconf_find(hubconf, "j")->doc, "Old.");
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
        cmocka_unit_test(test_hubconf__what_a_loop_may_skip_is_not_sure),
        cmocka_unit_test(test_hubconf__loops_that_count_make_names_nobody_knows),
        cmocka_unit_test(test_hubconf__what_a_function_may_skip_is_not_sure),
        cmocka_unit_test(test_hubconf__suppressed_errors_leave_doubt),
        cmocka_unit_test(test_hubconf__files_that_fill_a_table_are_gone_through),
        cmocka_unit_test(test_hubconf__loops_go_on_behind_else),
        cmocka_unit_test(test_hubconf__own_managers_may_suppress),
        cmocka_unit_test(test_hubconf__map_calls),
        cmocka_unit_test(test_hubconf__tables_lose_and_gain_things),
        cmocka_unit_test(test_hubconf__names_that_go_are_gone),
        cmocka_unit_test(test_hubconf__names_of_other_scopes),
        cmocka_unit_test(test_hubconf__decorators_that_give_nothing_to_call),
        cmocka_unit_test(test_hubconf__star_imports_of_names_that_are_not_seen),
        cmocka_unit_test(test_hubconf__signatures_that_another_base_may_have),
        cmocka_unit_test(test_hubconf__texts_that_python_writes_otherwise),
        cmocka_unit_test(test_hubconf__names_are_followed_into_files),
        cmocka_unit_test(test_hubconf__names_from_src_and_sys_path),
        cmocka_unit_test(test_hubconf__circles_of_imports_end),
        cmocka_unit_test(test_hubconf__docstrings_are_cleaned),
        cmocka_unit_test(test_hubconf__dependencies_are_literals_or_not_sure),
        cmocka_unit_test(test_hubconf__help_and_list_read_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
