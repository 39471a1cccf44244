/* SPDX-License-Identifier: MIT */
/* torch.hub.load calls in example code (src/hubs/torch_calls.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hubs/torch_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    struct ptmi_arena arena;
    struct ptmi_torch_calls calls;
};

static int setup(void **state)
{
    struct fixture *fix = calloc(1, sizeof(*fix));
    fix->arena.max = 1 << 20;
    fix->calls.arena = &fix->arena;
    *state = fix;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fix = *state;
    ptmi_arena_clear(&fix->arena);
    free(fix);
    return 0;
}

static void scan(struct fixture *fix, const char *code)
{
    assert_true(ptmi_torch_calls_scan(&fix->calls, code, strlen(code), 1));
}

static void check_text(const char *got, const char *want)
{
    if (!want) {
        if (got) fail_msg("\"%s\" where nothing can be known", got);
        return;
    }
    assert_non_null(got);
    assert_string_equal(got, want);
}

static void check(struct fixture *fix, size_t i, const char *repo, const char *ref,
                  const char *name)
{
    assert_true(i < fix->calls.n);
    check_text(fix->calls.items[i].repo, repo);
    check_text(fix->calls.items[i].ref, ref);
    check_text(fix->calls.items[i].name, name);
}

static void test_hubs_torch_calls__a_call_gives_repository_ref_and_name(void **state)
{
    struct fixture *fix = *state;
    scan(fix, "import torch\n"
              "net = torch.hub.load('acme/nets:v1.2', \"small\", pretrained=True)\n");
    assert_int_equal(fix->calls.n, 1);
    check(fix, 0, "acme/nets", "v1.2", "small");
    assert_int_equal(fix->calls.items[0].line, 2);
    assert_string_equal(fix->calls.items[0].code,
                        "torch.hub.load('acme/nets:v1.2', \"small\", pretrained=True)");
}

static void test_hubs_torch_calls__keywords_count_in_any_order(void **state)
{
    struct fixture *fix = *state;
    scan(fix, "a, b = torch.hub.load(model='tts',\n"
              "                      language=lang,  # or 'de', 'es'\n"
              "                      repo_or_dir='acme/speech')\n"
              "c = torch.hub.load(github='acme/old', model = 'm')\n");
    assert_int_equal(fix->calls.n, 2);
    check(fix, 0, "acme/speech", NULL, "tts");
    check(fix, 1, "acme/old", NULL, "m");
    assert_int_equal(fix->calls.items[1].line, 4);
}

static void test_hubs_torch_calls__commented_variants_are_calls(void **state)
{
    struct fixture *fix = *state;
    scan(fix, "net = torch.hub.load('acme/nets', 's')\n"
              "# or one of these, don't mix them:\n"
              "# net = torch.hub.load('acme/nets', 'm')\n"
              "#net = torch.hub.load('acme/nets',\n"
              "#                     'l', pretrained=True)\n"
              "net.eval()  # torch.hub.load('acme/nets', 'xl') is larger\n");
    assert_int_equal(fix->calls.n, 4);
    check(fix, 1, "acme/nets", NULL, "m");
    check(fix, 2, "acme/nets", NULL, "l");
    assert_string_equal(fix->calls.items[2].code, "torch.hub.load('acme/nets',\n"
                                                  "                     'l', pretrained=True)");
    assert_int_equal(fix->calls.items[2].line, 4);
    check(fix, 3, "acme/nets", NULL, "xl");
}

static void test_hubs_torch_calls__a_commented_call_ends_with_its_comment(void **state)
{
    struct fixture *fix = *state;
    scan(fix, "# net = torch.hub.load('acme/nets',\n"
              "x = f('b')\n"
              "net = torch.hub.load('acme/nets', 'a')\n");
    assert_int_equal(fix->calls.n, 1);
    check(fix, 0, "acme/nets", NULL, "a");
}

static void test_hubs_torch_calls__names_assigned_earlier_are_followed(void **state)
{
    struct fixture *fix = *state;
    scan(fix, "repo = 'acme/nets:main'\nname = ('res'\n        'net')\n");
    scan(fix, "net = torch.hub.load(repo, name)\n");
    scan(fix, "name = 'other'\nnet = torch.hub.load(repo, name)\n");
    assert_int_equal(fix->calls.n, 2);
    check(fix, 0, "acme/nets", "main", "resnet");
    check(fix, 1, "acme/nets", "main", "other");
}

static void test_hubs_torch_calls__commented_values_are_variants(void **state)
{
    struct fixture *fix = *state;
    scan(fix, "kind = \"large\"   # best\n"
              "#kind = \"hybrid\" # middling\n"
              "# kind = \"small\"\n"
              "net = torch.hub.load('acme/depth', kind)\n");
    assert_int_equal(fix->calls.n, 3);
    check(fix, 0, "acme/depth", NULL, "large");
    check(fix, 1, "acme/depth", NULL, "hybrid");
    check(fix, 2, "acme/depth", NULL, "small");
}

static void test_hubs_torch_calls__values_of_branches_are_all_given(void **state)
{
    struct fixture *fix = *state;
    scan(fix, "if big:\n    kind = 'large'\nelse:\n    kind = 'small'\n"
              "net = torch.hub.load('acme/depth', kind)\n");
    assert_int_equal(fix->calls.n, 2);
    check(fix, 0, "acme/depth", NULL, "large");
    check(fix, 1, "acme/depth", NULL, "small");
}

static void test_hubs_torch_calls__what_cannot_be_known_stays_open(void **state)
{
    static const char *const calls[] = {
        "torch.hub.load('acme/nets', f'net_{size}')\n",
        "torch.hub.load('acme/nets', 'net' + size)\n",
        "torch.hub.load('acme/nets', 'net_%d' % 5)\n",
        "torch.hub.load('acme/nets', names[0])\n",
        "torch.hub.load('acme/nets', unknown)\n",
        "torch.hub.load('acme/nets', args.model)\n",
        "torch.hub.load('acme/nets', 'a' if x else 'b')\n",
        "torch.hub.load('acme/nets', *rest, 'late')\n",
        "torch.hub.load('acme/nets', b'bytes')\n",
        "torch.hub.load('acme/nets', '')\n",
        "m = ''\ntorch.hub.load('acme/nets', m)\n",
        "torch.hub.load('acme/nets')\n",
        "for m in names:\n    torch.hub.load('acme/nets', m)\n",
        "m = 'a'\nm += 'b'\ntorch.hub.load('acme/nets', m)\n",
        "m = 'a'\nm, n = f()\ntorch.hub.load('acme/nets', m)\n",
    };
    struct fixture *fix = *state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        fix->calls.n = 0;
        fix->calls.n_vars = 0;
        scan(fix, calls[i]);
        assert_int_equal(fix->calls.n, 1);
        check(fix, 0, "acme/nets", NULL, NULL);
        assert_non_null(fix->calls.items[0].code);
    }
}

static void test_hubs_torch_calls__plain_f_and_raw_strings_are_literals(void **state)
{
    struct fixture *fix = *state;
    scan(fix, "torch.hub.load(r'acme/nets', f'plain')\n"
              "torch.hub.load(u'acme/nets', 'it\\'s')\n"
              "torch.hub.load('acme/nets', '''long''')\n");
    assert_int_equal(fix->calls.n, 3);
    check(fix, 0, "acme/nets", NULL, "plain");
    check(fix, 1, "acme/nets", NULL, "it's");
    check(fix, 2, "acme/nets", NULL, "long");
}

static void test_hubs_torch_calls__local_folders_have_no_repository(void **state)
{
    struct fixture *fix = *state;
    scan(fix, "torch.hub.load('/home/me/nets', 'a', source='local')\n"
              "torch.hub.load('acme/nets', 'b', source='local')\n"
              "torch.hub.load('./nets', 'c')\n"
              "torch.hub.load('https://github.com/acme/nets', 'd')\n"
              "torch.hub.load('acme/nets', 'e', source='github')\n");
    assert_int_equal(fix->calls.n, 5);
    check(fix, 0, NULL, NULL, "a");
    check(fix, 1, NULL, NULL, "b");
    check(fix, 2, NULL, NULL, "c");
    check(fix, 3, NULL, NULL, "d");
    check(fix, 4, "acme/nets", NULL, "e");
}

static void test_hubs_torch_calls__only_load_calls_count(void **state)
{
    struct fixture *fix = *state;
    scan(fix, "torch.hub.load_state_dict_from_url('https://acme.example/w.pt')\n"
              "torch.hub.list('acme/nets')\n"
              "my.torch.hub.load('acme/nets', 'a')\n"
              "x = torch.hub.load\n"
              "s = \"torch.hub.load('acme/nets', 'b')\"\n"
              "# torch.hub.load() takes a repository\n"
              ">>> hub.load('acme/nets', 'doctest')\n");
    assert_int_equal(fix->calls.n, 1);
    check(fix, 0, "acme/nets", NULL, "doctest");
}

static void test_hubs_torch_calls__the_same_call_counts_once(void **state)
{
    struct fixture *fix = *state;
    scan(fix, "torch.hub.load('acme/nets', 'a')\ntorch.hub.load('acme/nets', 'a')\n"
              "torch.hub.load('acme/nets', 'a', 1)\n");
    assert_int_equal(fix->calls.n, 2);
}

static void test_hubs_torch_calls__broken_code_is_survived(void **state)
{
    static const char *const code[] = {
        "torch.hub.load(",
        "torch.hub.load('acme/nets', 'a'",
        "torch.hub.load('acme/nets', 'a\n",
        "torch.hub.load(((((",
        "x = '''never closed",
        "torch.hub.load(]})",
        "x = (",
        "# torch.hub.load('a/b',",
        "torch.hub.load(,,,=)",
        "\\",
        "torch.hub.load(\\",
        "",
        "for",
        "a, b",
        "torch.hub.load('\\",
    };
    struct fixture *fix = *state;
    for (size_t i = 0; i < sizeof(code) / sizeof(*code); i++) scan(fix, code[i]);
    assert_int_equal(fix->calls.n, 0);
}

/* Each of these would take hours if a call's scan had no cap of its own. */
static void test_hubs_torch_calls__hostile_code_stays_linear(void **state)
{
    static const char *const pieces[] = {"torch.hub.load(", "x = (\n", "torch.hub.load('a/b',x=\n",
                                         "'''", "#\n# torch.hub.load('a/b',\n"};
    struct fixture *fix = *state;
    size_t size = 2u << 20;
    char *code = malloc(size + 64);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        size_t len = 0;
        while (len < size) len += (size_t)sprintf(code + len, "%s", pieces[i]);
        assert_true(ptmi_torch_calls_scan(&fix->calls, code, len, 1));
    }
    free(code);
}

static void test_hubs_torch_calls__running_out_of_memory_is_reported(void **state)
{
    struct fixture *fix = *state;
    fix->arena.max = 64;
    assert_false(ptmi_torch_calls_scan(&fix->calls, "torch.hub.load('acme/nets', 'a')\n", 33, 1));
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_hubs_torch_calls__##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_call_gives_repository_ref_and_name),
        CASE(keywords_count_in_any_order),
        CASE(commented_variants_are_calls),
        CASE(a_commented_call_ends_with_its_comment),
        CASE(names_assigned_earlier_are_followed),
        CASE(commented_values_are_variants),
        CASE(values_of_branches_are_all_given),
        CASE(what_cannot_be_known_stays_open),
        CASE(plain_f_and_raw_strings_are_literals),
        CASE(local_folders_have_no_repository),
        CASE(only_load_calls_count),
        CASE(the_same_call_counts_once),
        CASE(broken_code_is_survived),
        CASE(hostile_code_stays_linear),
        CASE(running_out_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
