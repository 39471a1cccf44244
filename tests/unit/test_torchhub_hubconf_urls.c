/* SPDX-License-Identifier: MIT */
/* test_torchhub_hubconf_urls.c - the weights an entry point reaches, as far as the source tells. */
#include "hubconf_looks.h"

#define HEAD                                                         \
    "import torch\nfrom torch.hub import load_state_dict_from_url\n" \
    "URLS = {'a': 'https://x.org/a.pth', 'b': 'https://x.org/b.pth', 'none': None}\n"

static void expect_files(const struct repo_file *files, const char *want)
{
    char looks[LOOKS_MAX];
    UNIT_TMP(tmp);
    write_files(tmp.path, files);
    ptm_hubconf *hubconf = opened(tmp.path);
    lay_out_urls(hubconf, "f", looks);
    assert_string_equal(looks, want);
    ptm_hubconf_close(hubconf);
}

static void expect(const char *text, const char *want)
{
    char whole[4096];
    snprintf(whole, sizeof whole, HEAD "%s", text);
    const struct repo_file files[] = {{"hubconf.py", whole}, {0}};
    expect_files(files, want);
}

static void test_hubconf_urls__of_every_loader(void **state)
{
    (void)state;
    expect("def f(): return load_state_dict_from_url('https://x.org/' 'w.pth', check_hash=True)\n",
           "https://x.org/w.pth\n");
    expect("def f(): torch.hub.load_state_dict_from_url(url='https://x.org/w.pth')\n",
           "https://x.org/w.pth\n");
    expect("from torch.utils import model_zoo\ndef f(): model_zoo.load_url('http://x.org/w')\n",
           "http://x.org/w\n");
    expect(
        "def f():\n  from torch.hub import download_url_to_file as d\n  d('http://x.org/w', 'w')\n",
        "http://x.org/w\n");
    expect("def f(): return torch.load('w.pth')\n", "");
    expect("def load_url(url, n): return urlopen(url)\ndef f(): load_url('http://x.org/w', 1)\n",
           "http://x.org/w\n");
}

static void test_hubconf_urls__tables_give_all_that_may_be_meant(void **state)
{
    (void)state;
    expect("def f(): load_state_dict_from_url(URLS['a'])\n", "https://x.org/a.pth\n");
    expect("def f(arch): load_state_dict_from_url(URLS[arch])\n",
           "https://x.org/a.pth\nhttps://x.org/b.pth\n");
    expect("def f(arch='a'): load_state_dict_from_url(URLS.get(arch))\n",
           "https://x.org/a.pth\nhttps://x.org/b.pth\n");
    expect("def f(**kw): load_state_dict_from_url(kw.pop('url', URLS['b']))\n",
           "https://x.org/b.pth\nmore\n");
    expect("def f(n): load_state_dict_from_url('https://x.org/' + n)\n", "more\n");
    expect("for _n in 'ab':\n  URLS['new_' + _n] = 'https://y.org/%s' % _n\n"
           "def f(): load_state_dict_from_url(URLS['new_b'])\n",
           "https://y.org/b\n");
}

static void test_hubconf_urls__calls_are_followed(void **state)
{
    (void)state;
    expect("def _g(arch, pretrained):\n  if pretrained: load_state_dict_from_url(URLS[arch])\n"
           "def f(pretrained=False): return _g('b', pretrained)\n",
           "https://x.org/b.pth\n");
    expect("def _g(arch, pretrained):\n  if pretrained: load_state_dict_from_url(URLS[arch])\n"
           "def f(): return _g('b', False)\n",
           "");
    expect("class _N:\n  def __init__(self, n): self.n = n; self.load()\n"
           "  def load(self): load_state_dict_from_url(URLS[self.n])\ndef f(): return _N('a')\n",
           "https://x.org/a.pth\n");
    expect("class _N:\n  def load(self, n): load_state_dict_from_url(URLS[n])\n"
           "class _M(_N):\n  def load(self, n): super().load(n)\ndef f(): return _M().load('a')\n",
           "https://x.org/a.pth\n");
    expect("def _g(n): return 'https://x.org/' + n\ndef f(): load_state_dict_from_url(_g('q'))\n",
           "https://x.org/q\n");
    expect("from functools import partial\ndef _g(n, m): load_state_dict_from_url(URLS[m])\n"
           "f = partial(_g, m='a')\n",
           "https://x.org/a.pth\n");
    expect("def f(n):\n  if n == 1: url = URLS['a']\n  elif n == 2: url = URLS['b']\n"
           "  else: raise ValueError(n)\n  load_state_dict_from_url(url)\n",
           "https://x.org/a.pth\nhttps://x.org/b.pth\n");
}

static void test_hubconf_urls__records_and_enums(void **state)
{
    (void)state;
    expect("from lib import Weights\nclass _W:\n  ONE = Weights(url='https://x.org/1.pth', "
           "meta={})\n  DEFAULT = ONE\n"
           "def f(): load_state_dict_from_url(_W.DEFAULT.url)\n",
           "https://x.org/1.pth\n");
    expect("def _cfg(url='', **kw): return dict(url=url, **kw)\n"
           "_CFGS = {'s': _cfg(url='https://x.org/s.pth', n=1), 't': "
           "_cfg(url='https://x.org/t.pth')}\n"
           "def f(v): load_state_dict_from_url(_CFGS[v]['url'])\n",
           "https://x.org/s.pth\nhttps://x.org/t.pth\n");
}

static void test_hubconf_urls__what_only_a_library_knows(void **state)
{
    (void)state;
    expect("def f(): return torch.hub.load('a/b', 'c')\n", "more\n");
    expect("def f(): return Model.from_pretrained('a/b')\n", "more\n");
    expect("import torchvision\ndef f(): return torchvision.models.vgg11(pretrained=True)\n",
           "more\n");
    expect("import torchvision\ndef f(): return torchvision.models.vgg11(pretrained=False)\n", "");
}

static void test_hubconf_urls__constants_of_other_files(void **state)
{
    (void)state;
    const struct repo_file files[] = {
        {"hubconf.py", "from m.net import make\ndef f(pretrained=True): return make('v2')\n"},
        {"m/__init__.py", ""},
        {"m/net.py", "from .consts import BASE, TABLE as T\nfrom .get import fetch\n"
                     "def make(n): fetch(BASE + T[n])\n"},
        {"m/consts.py", "BASE = 'https://x.org/'\nTABLE = {'v1': 'one', 'v2': 'two'}\n"},
        {"m/get.py", "try:\n  from torch.hub import load_state_dict_from_url\nexcept ImportError:\n"
                     "  from torch.utils.model_zoo import load_url as load_state_dict_from_url\n"
                     "def fetch(u): return load_state_dict_from_url(u)\n"},
        {0},
    };
    expect_files(files, "https://x.org/two\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubconf_urls__of_every_loader),
        cmocka_unit_test(test_hubconf_urls__tables_give_all_that_may_be_meant),
        cmocka_unit_test(test_hubconf_urls__calls_are_followed),
        cmocka_unit_test(test_hubconf_urls__records_and_enums),
        cmocka_unit_test(test_hubconf_urls__what_only_a_library_knows),
        cmocka_unit_test(test_hubconf_urls__constants_of_other_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
