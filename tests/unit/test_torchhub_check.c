/* SPDX-License-Identifier: MIT */
/* test_torchhub_check.c - what an author is told of a repository: every code is provoked, and a
 * good repository gets none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "torchhub_case.h"

#include "base/auto.h"

static struct hub_case c;
static char told[64 << 10]; /* a line each: "code file:line text" */
static int n_told;

static ptm_rc tell(void *arg, const struct ptm_torchhub_advice *advice, struct ptm_err *err)
{
    (void)arg, (void)err;
    size_t len = strlen(told);
    snprintf(told + len, sizeof told - len, "%s %s:%d %s\n", advice->code,
             advice->file ? advice->file : "", advice->line, advice->text);
    n_told++;
    return PTM_OK;
}

static void begin(void)
{
    hub_begin_with(&c, NET_OPTS(.offline = true));
    assert_int_equal(ptmi_fs_mkdirs(hub_file(&c, "repo"), NULL), PTM_OK);
}

static const char *repo(void)
{
    return hub_file(&c, "repo");
}

static void put(const char *name, const char *text)
{
    const char *path = unit_path(repo(), name);
    PTM_AUTO(ptmi_freep) char *dir = strdup(path);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(ptmi_fs_mkdirs(dir, NULL), PTM_OK);
    unit_write(path, text);
}

static void look_with(bool online)
{
    told[0] = '\0';
    n_told = 0;
    expect_rc(&c, ptm_torchhub_check(c.hub, repo(), online, tell, NULL, &c.err), PTM_OK, NULL);
}

static void look(void)
{
    look_with(false);
}

static void expect_told(const char *text)
{
    if (!strstr(told, text)) fail_msg("\"%s\" is not among\n%s", text, told);
}

static void expect_untold(const char *text)
{
    if (strstr(told, text)) fail_msg("\"%s\" is among\n%s", text, told);
}

/* A hubconf.py of this text and one good entry point. */
static void look_at(const char *text)
{
    char all[16384];
    snprintf(all, sizeof all,
             "dependencies = ['torch']\n%s\ndef net():\n    '''Net.\n\n    >>> net()\n    '''\n",
             text);
    put("hubconf.py", all);
    look();
}

static void test_torchhub_check__a_good_repository_has_nothing_said(void **state)
{
    (void)state;
    begin();
    put("acme/__init__.py", "");
    put("acme/net.py", "import torch\nif __name__ == '__main__':\n    print('hello')\n"
                       "def go():\n    print('later')\n    open('x', 'w')\n");
    look_at("import sys as _sys\nfrom acme.net import go as _go\nfrom os import path as _path\n"
            "_f = open(__file__)\n_g = open(__file__, 'rb')\n"
            "_sys.path.insert(0, _path.dirname(__file__))\n_t = lambda: print('later')\n");
    if (n_told) fail_msg("%s", told);
    hub_end(&c);
}

static void test_torchhub_check__no_hubconf(void **state)
{
    (void)state;
    begin();
    look();
    expect_told("no-hubconf hubconf.py:0 there is no hubconf.py");
    assert_int_equal(n_told, 1);
    expect_rc(&c, ptm_torchhub_check(c.hub, hub_file(&c, "none"), false, tell, NULL, &c.err),
              PTM_ENOENT, "none: no such folder");
    hub_end(&c);
}

static void test_torchhub_check__what_is_there_to_load(void **state)
{
    (void)state;
    begin();
    look_at("def broken(:\n    pass\n");
    expect_told("syntax hubconf.py:2 ");
    put("hubconf.py", "import torch as _torch\n_x = 1\n");
    look();
    expect_told("no-entries hubconf.py:0 ");
    expect_told("no-dependencies hubconf.py:0 ");
    look_at("from pathlib import Path\nimport glob\nfor _n in _names():\n    globals()[_n] = _n\n");
    expect_told("entry-type hubconf.py:2 Path is imported (pathlib.Path)");
    expect_untold("glob is imported");
    expect_told("dynamic-names hubconf.py:");
    hub_end(&c);
}

static void test_torchhub_check__documentation(void **state)
{
    (void)state;
    begin();
    look_at("def bare():\n    pass\ndef dry():\n    'A net.'\n"
            "def wet():\n    '''As torch.hub.load('o/r', 'wet') does.'''\n");
    expect_told("no-docstring hubconf.py:2 bare has no docstring");
    expect_told("no-example hubconf.py:4 dry: ");
    expect_untold("wet");
    hub_end(&c);
}

static void test_torchhub_check__dependencies(void **state)
{
    (void)state;
    begin();
    put("hubconf.py",
        "dependencies = ['torch', 'pyyaml', 'Pillow', 'opencv-python', 'dora-search',\n"
        "  'numpy>=1.2', 'requests[socks]', 'my-package', 'yaml', 'a.b']\n"
        "def net():\n    '>>> net()'\n");
    look();
    expect_told("dependency-name hubconf.py:1 \"pyyaml\" is a name on PyPI");
    expect_told("write \"yaml\"");
    expect_told("\"Pillow\" is a name on PyPI; torch.hub looks for the name that is imported: "
                "write \"PIL\"");
    expect_told("write \"cv2\"");
    expect_told("write \"dora\"");
    expect_told("\"numpy>=1.2\" is a requirement");
    expect_told("\"requests[socks]\" is a requirement");
    expect_told("\"my-package\" cannot be imported");
    assert_int_equal(n_told, 7);
    hub_end(&c);
}

static void test_torchhub_check__side_effects_of_importing(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"print('hello')", "print() prints"},
        {"import os as _os; _os.system('make')", "os.system() runs a program"},
        {"import subprocess as _s; subprocess.run(['make'])", "subprocess.run() runs a program"},
        {"check_requirements('x')", "may install packages"},
        {"_f = open('log.txt', 'w')", "open() writes a file"},
        {"_f = open('log.txt', mode='ab')", "open() writes a file"},
        {"import sys as _sys; _sys.path.append('src')", "sys.path.append() looks for modules"},
        {"_d = load_state_dict_from_url('x')", "uses the network"},
        {"_d = 'cuda' if _torch.cuda.is_available() else 'cpu'", "looks for a GPU"},
        {"_d = _torch.device('cuda:0')", "asks for a GPU"},
        {"_torch.manual_seed(0)", "sets seeds"},
        {"import subprocess as _s; _s.run(['make'])", "subprocess.run() runs a program"},
        {"from os import system as _run\n_run('make')", "os.system() runs a program"},
        {"class _C:\n    print('in a class')", "print() prints"},
        {"try:\n    print('in a try')\nexcept Exception:\n    pass", "print() prints"},
        {"def _f(a=print('default')):\n    pass", "print() prints"},
    };
    (void)state;
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        look_at(cases[i].line);
        expect_told("import-side-effect hubconf.py:");
        expect_told(cases[i].says);
    }
    /* In files that are imported, too, through packages and relative imports. */
    put("acme/__init__.py", "from .deep import one\n");
    put("acme/deep/__init__.py", "from . import two\nfrom ..side import three\nimport numpy\n");
    put("acme/deep/two.py", "print(2)\n");
    put("acme/side.py", "print(3)\n");
    put("acme/other.py", "print(4)\n");
    look_at("from acme import *\nfrom acme import *\nfrom .... import above as _above\n");
    expect_told("import-side-effect acme/deep/two.py:1");
    expect_told("import-side-effect acme/side.py:1");
    expect_untold("other.py");
    hub_end(&c);
}

static void test_torchhub_check__pickles(void **state)
{
    (void)state;
    begin();
    look_at("def _a():\n    return _torch.load('x.pth')\n"
            "def _b():\n    return torch.load('x.pth', weights_only=True)\n"
            "def _c(**kw):\n    return torch.load('x.pth', **kw)\n"
            "def _d():\n    return torch.hub.load_state_dict_from_url('https://x', "
            "weights_only=True)\n");
    expect_told("unsafe-pickle hubconf.py:3 torch.load() without weights_only=True");
    expect_told("weights-unchecked hubconf.py:9 ");
    assert_int_equal(n_told, 2);
    /* Under other names; a repository's own load() is none of torch's. */
    look_at("from torch.hub import load_state_dict_from_url as _fetch\n"
            "def _a():\n    import torch as T\n    return T.load('x.pth')\n"
            "def _b():\n    return _fetch('https://x', check_hash=True)\n");
    expect_told("unsafe-pickle hubconf.py:5 torch.load() without");
    expect_told("unsafe-pickle hubconf.py:7 torch.hub.load_state_dict_from_url() without");
    assert_int_equal(n_told, 2);
    look_at("from .torch import load as _own\nfrom mine import load as _load\n"
            "def _a():\n    return _own('x.pth'), _load('x.pth')\n");
    expect_untold("unsafe-pickle");
    hub_end(&c);
}

static void test_torchhub_check__module_names(void **state)
{
    (void)state;
    begin();
    put("models/__init__.py", "");
    put("utils.py", "");     /* not imported */
    put("random.py", "x=1"); /* stands before Python's own, imported or not */
    put("datasets/__init__.py", "");
    put("acme_models.py", "");
    look_at("from models import resnet as _r\nimport acme_models as _m\n");
    expect_told("name-collision models:0 many repositories have a module \"models\"");
    expect_told("name-collision random.py:0 while the repository is loaded");
    assert_int_equal(n_told, 2);
    hub_end(&c);
}

static const char lfs_pointer[] =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

static void test_torchhub_check__large_files(void **state)
{
    (void)state;
    begin();
    put("weights/net.pth", lfs_pointer);
    put(".gitattributes", "# *.bin filter=lfs\n*.pth filter=lfs diff=lfs\n*.txt text\n");
    look_at("");
    expect_told("lfs weights/net.pth:0 is a Git LFS pointer");
    expect_told("lfs .gitattributes:2 files that match *.pth are in Git LFS");
    assert_int_equal(n_told, 2);
    hub_end(&c);
}

static const char with_url[] = "import torch as _torch\n"
                               "def big():\n    '>>> big()'\n"
                               "    return _torch.hub.load_state_dict_from_url('%s', "
                               "check_hash=True, weights_only=True)\n";

static void look_at_url(const char *url, bool online)
{
    char text[8192];
    snprintf(text, sizeof text, with_url, url);
    look_at(text);
    if (online) look_with(true);
}

static void test_torchhub_check__weights(void **state)
{
    (void)state;
    begin();
    look_at_url("https://example.org/net-0123abcd.pth", false);
    if (n_told) fail_msg("%s", told);
    look_at_url("http://example.org/net-0123abcd.pth", false);
    expect_told("weights-http hubconf.py:3 big: ");
    look_at_url("https://example.org/net-7.0.pth", false);
    expect_told("weights-hash hubconf.py:3 big: the name net-7.0.pth tells no hash");
    hub_end(&c);
}

static void test_torchhub_check__weights_of_a_server(void **state)
{
    char url[HTTPD_URL];
    (void)state;
    hub_begin(&c, "/bytes/1000?declare=3000000000");
    assert_int_equal(ptmi_fs_mkdirs(hub_file(&c, "repo"), NULL), PTM_OK);
    snprintf(url, sizeof url, "%s", c.url);
    look_at_url(url, true);
    expect_told("weights-size hubconf.py:3 big: ");
    expect_told("3.0 GB");
    look_at_url(httpd_url(&server, 0, "/bytes/1000", url), true);
    expect_untold("weights-size");
    look_at_url(httpd_url(&server, 0, "/status/404", url), true);
    expect_told("weights-missing hubconf.py:3 big: ");
    look_at_url(httpd_url(&server, 0, "/html", url), true);
    expect_told("weights-page hubconf.py:3 big: ");
    hub_end(&c);
}

static bool git(const char *command)
{
    char line[1024];
    snprintf(line, sizeof line,
             "cd '%s' && GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git -c user.name=a -c "
             "user.email=a@example.org %s >/dev/null 2>&1",
             repo(), command);
    return system(line) == 0;
}

static void test_torchhub_check__the_commit_has_a_name(void **state)
{
    (void)state;
    begin();
    look_at("");
    if (!git("init -q -b main .")) UNIT_SKIP_TEST_IN(c.tmp, "no git");
    assert_true(git("add . ") && git("commit -q -m one") && git("commit -q --allow-empty -m two"));
    look();
    assert_int_equal(n_told, 0);
    assert_true(git("checkout -q --detach HEAD~1"));
    look();
    expect_told("ref :0 commit ");
    assert_true(git("tag -a -m v1 v1.0"));
    look();
    assert_int_equal(n_told, 0);
    hub_end(&c);
}

static ptm_rc stop(void *arg, const struct ptm_torchhub_advice *advice, struct ptm_err *err)
{
    (void)arg;
    return ptm_err_set(err, PTM_ECANCELED, "enough of %s", advice->code);
}

static void test_torchhub_check__the_caller_can_end_it(void **state)
{
    (void)state;
    begin();
    look_at("print(1)\nprint(2)\n");
    expect_rc(&c, ptm_torchhub_check(c.hub, repo(), false, stop, NULL, &c.err), PTM_ECANCELED,
              "enough of import-side-effect");
    hub_end(&c);
}

static void test_torchhub_check__the_starter_is_good(void **state)
{
    (void)state;
    begin();
    expect_rc(&c, ptm_torchhub_init(repo(), &c.err), PTM_OK, NULL);
    look();
    if (n_told) fail_msg("%s", told);
    expect_rc(&c, ptm_torchhub_init(repo(), &c.err), PTM_EEXIST, "is there already");
    expect_rc(&c, ptm_torchhub_init(hub_file(&c, "none"), &c.err), PTM_ENOENT, "no such folder");
    ptm_hubconf *hubconf = NULL;
    expect_rc(&c, ptm_hubconf_open(repo(), &hubconf, &c.err), PTM_OK, NULL);
    assert_non_null(ptm_hubconf_find(hubconf, "model"));
    assert_string_equal(ptm_hubconf_dependency(hubconf, 0, NULL), "torch");
    assert_null(ptm_hubconf_entry(hubconf, 1));
    ptm_hubconf_close(hubconf);
    hub_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchhub_check__a_good_repository_has_nothing_said),
        cmocka_unit_test(test_torchhub_check__no_hubconf),
        cmocka_unit_test(test_torchhub_check__what_is_there_to_load),
        cmocka_unit_test(test_torchhub_check__documentation),
        cmocka_unit_test(test_torchhub_check__dependencies),
        cmocka_unit_test(test_torchhub_check__side_effects_of_importing),
        cmocka_unit_test(test_torchhub_check__pickles),
        cmocka_unit_test(test_torchhub_check__module_names),
        cmocka_unit_test(test_torchhub_check__large_files),
        cmocka_unit_test(test_torchhub_check__weights),
        cmocka_unit_test(test_torchhub_check__weights_of_a_server),
        cmocka_unit_test(test_torchhub_check__the_commit_has_a_name),
        cmocka_unit_test(test_torchhub_check__the_caller_can_end_it),
        cmocka_unit_test(test_torchhub_check__the_starter_is_good),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
