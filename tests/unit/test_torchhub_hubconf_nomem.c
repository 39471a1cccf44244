/* SPDX-License-Identifier: MIT */
/* test_torchhub_hubconf_nomem.c - memory that runs out while a hubconf.py is read: an error or the
 * whole answer, never less. */
#include "hubconf_looks.h"

#include <tree_sitter/api.h>

#include "fail_alloc.h"

/* tree-sitter ends the process when memory is out, its grammar's scanner crashes: neither is ours
 * to test. */
bool __real_ts_parser_set_language(TSParser *parser, const TSLanguage *language);
TSTree *__real_ts_parser_parse_string(TSParser *parser, const TSTree *old, const char *text,
                                      uint32_t len);
bool __wrap_ts_parser_set_language(TSParser *parser, const TSLanguage *language);
TSTree *__wrap_ts_parser_parse_string(TSParser *parser, const TSTree *old, const char *text,
                                      uint32_t len);

bool __wrap_ts_parser_set_language(TSParser *parser, const TSLanguage *language)
{
    int at = fail_alloc_at;
    fail_alloc_at = 0;
    bool set = __real_ts_parser_set_language(parser, language);
    fail_alloc_at = at;
    return set;
}

TSTree *__wrap_ts_parser_parse_string(TSParser *parser, const TSTree *old, const char *text,
                                      uint32_t len)
{
    int at = fail_alloc_at;
    fail_alloc_at = 0;
    TSTree *tree = __real_ts_parser_parse_string(parser, old, text, len);
    fail_alloc_at = at;
    return tree;
}

/* Enough for the sample; it may not take more. */
#define TRIES 4000

static const struct repo_file FILES[] = {
    {"hubconf.py", "'''Doc.'''\nfrom m.a import f\nfrom m import *\nfrom functools import partial\n"
                   "from torch.hub import load_url\ndependencies = ['torch']\n"
                   "T = {'a': 'https://x.org/a', 'b': 'https://x.org/b'}\n"
                   "for _k in T: globals()['n_' + _k] = partial(f, _k)\n"
                   "if q:\n  def g(x=1): load_url(T[x])\nelse:\n  def g(x=1): pass\n"
                   "class C:\n  def __init__(self, a): self.a = load_url(f'https://x.org/{a}')\n"},
    {"m/__init__.py", "from .a import f as h\n__all__ = ['h']\n"},
    {"m/a.py", "def f(k):\n  '''Doc\n    of f.'''\n"},
    {0},
};

static void test_hubconf_nomem__all_or_an_error(void **state)
{
    (void)state;
    static char want[LOOKS_MAX], looks[LOOKS_MAX];
    UNIT_TMP(tmp);
    write_files(tmp.path, FILES);
    ptm_hubconf *hubconf = opened(tmp.path);
    lay_out(hubconf, want);
    ptm_hubconf_close(hubconf);
    for (int n = 1; n < TRIES; n++) {
        hubconf = NULL;
        fail_alloc_arm(n);
        ptm_rc rc = ptm_hubconf_open(tmp.path, &hubconf, NULL);
        bool hit = fail_alloc_disarm();
        if (rc != PTM_OK) assert_null(hubconf);
        if (rc != PTM_OK) assert_int_equal(rc, PTM_ENOMEM);
        if (rc != PTM_OK) continue;
        lay_out(hubconf, looks);
        ptm_hubconf_close(hubconf);
        assert_string_equal(looks, want);
        if (!hit) return;
    }
    fail_msg("it never ends");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hubconf_nomem__all_or_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
