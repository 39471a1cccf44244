/* SPDX-License-Identifier: MIT */
/* test_torchhub_run.c - running entry points: what may be fetched for them, what a sandbox may
 * show, and where in the driver's file tensors may lie. What runs is in tests/e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "torchhub/run_job.h"
#include "unit_tmp.h"

/* --- URLs --- */

static void test_torchhub_run__only_the_outside_is_fetched(void **state)
{
    (void)state;
    static const char *const fine[] = {"https://github.com/a/b/releases/download/1/x.pth",
                                       "http://files.example.org:8080/x?y=1",
                                       "HTTPS://Download.PyTorch.org/models/x-0123abcd.pth"};
    static const char *const refused[] = {"file:///etc/passwd",
                                          "ftp://example.org/x",
                                          "data:text/plain,x",
                                          "example.org/x",
                                          "http://",
                                          "http:///x",
                                          "http://localhost/",
                                          "http://LOCALHOST/",
                                          "http://127.0.0.1/",
                                          "http://10.1/",
                                          "http://[::1]:80/",
                                          "http://127.0.0.1./",
                                          "http://x@127.0.0.1/",
                                          "http://0x7f000001/",
                                          "http://printer/",
                                          "http://nas.local/x",
                                          "http://a.b.INTERNAL/x",
                                          "http://x.lan:8/"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        assert_null(ptmi_wants_refuse(fine[i]));
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (!ptmi_wants_refuse(refused[i])) fail_msg("%s is let through", refused[i]);
}

/* --- questions --- */

struct asker {
    struct unit_tmp tmp;
    ptm_ctx *ctx;
    ptm_torchhub *hub;
    struct ptm_torchhub_load_opts opts;
    struct ptmi_wants *wants;
};

static void open_asker(struct asker *asker)
{
    struct ptm_net_opts net = PTM_NET_OPTS_INIT;
    net.offline = true;
    struct ptm_torchhub_opts opts = PTM_TORCHHUB_OPTS_INIT;
    asker->tmp = unit_tmp_make();
    opts.dir = asker->tmp.path;
    opts.net = &net;
    asker->opts = ptmi_run_adopt(NULL);
    assert_int_equal(ptm_ctx_new(NULL, &asker->ctx, NULL), PTM_OK);
    assert_int_equal(ptm_torchhub_open(asker->ctx, &opts, &asker->hub, NULL), PTM_OK);
    assert_int_equal(ptmi_wants_new(asker->hub, &asker->opts, asker->tmp.path, &asker->wants, NULL),
                     PTM_OK);
}

static void close_asker(struct asker *asker)
{
    ptmi_wants_free(asker->wants);
    ptm_torchhub_close(asker->hub);
    ptm_ctx_free(asker->ctx);
    unit_tmp_remove(&asker->tmp);
}

static ptm_rc say(struct asker *asker, const char *text)
{
    return ptmi_wants_hear(asker->wants, text, strlen(text), NULL);
}

#define ID "0123456789abcdef0123456789abcdef"

static bool answered(const struct asker *asker)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_str_printf("%s/" ID ".json", asker->tmp.path);
    return ptmi_fs_exists(path);
}

static void test_torchhub_run__questions_come_in_pieces_and_among_noise(void **state)
{
    (void)state;
    PTM_AUTO(close_asker) struct asker asker = {0};
    open_asker(&asker);
    assert_int_equal(say(&asker, "\n\nnoise\n[]\n7\n{\"id\":5,\"want\":\"x\"}\n"), PTM_OK);
    assert_int_equal(say(&asker, "{\"id\":\"../../x\",\"want\":\"https://a.example/x\"}\n"),
                     PTM_OK);
    assert_int_equal(say(&asker, "{\"id\":\"" ID "\",\"wa"), PTM_OK);
    assert_false(answered(&asker));
    assert_int_equal(say(&asker, "nt\":\"https://files.example.org/x\",\"name\":\"x\"}\n"), PTM_OK);
    assert_true(answered(&asker));
    PTM_AUTO(ptmi_freep) char *text = NULL;
    assert_int_equal(ptmi_fs_read_beneath(asker.tmp.path, ID ".json", 4096, &text, NULL, NULL),
                     PTM_OK);
    assert_non_null(strstr(text, "{\"error\":\""));
    assert_null(ptmi_wants_url(asker.wants, 0)); /* nothing was fetched */
}

static void test_torchhub_run__names_of_files_are_checked(void **state)
{
    (void)state;
    PTM_AUTO(close_asker) struct asker asker = {0};
    open_asker(&asker);
    for (int hash = 0; hash < 2; hash++) {
        PTM_AUTO(ptmi_freep)
        char *line = ptmi_str_printf("{\"id\":\"" ID "\",\"want\":\"https://files.example.org/x\","
                                     "\"name\":\"../planted\",\"hash\":%s}\n",
                                     hash ? "\"00\"" : "null");
        assert_int_equal(say(&asker, line), PTM_OK);
        PTM_AUTO(ptmi_freep) char *text = NULL;
        assert_int_equal(ptmi_fs_read_beneath(asker.tmp.path, ID ".json", 4096, &text, NULL, NULL),
                         PTM_OK);
        assert_non_null(strstr(text, "error"));
        assert_null(strstr(text, "offline")); /* refused before anything was asked of the network */
    }
}

static void test_torchhub_run__endless_questions_end_the_run(void **state)
{
    (void)state;
    PTM_AUTO(close_asker) struct asker asker = {0};
    open_asker(&asker);
    char piece[1024];
    memset(piece, 'x', sizeof piece - 1);
    piece[sizeof piece - 1] = '\0';
    ptm_rc rc = PTM_OK;
    for (int i = 0; i < 100 && rc == PTM_OK; i++) rc = say(&asker, piece);
    assert_int_equal(rc, PTM_ELIMIT);
}

/* --- parts --- */

struct parts_case {
    const char *json;
    int64_t bytes;
    ptm_rc rc;
    const char *names; /* joined by " " */
};

static void check_parts(const struct parts_case *c)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    PTM_AUTO(ptmi_parts_clear) struct ptmi_parts parts = {0};
    char names[512] = "";
    assert_int_equal(ptmi_json_parse(c->json, strlen(c->json), "x", &doc, NULL), PTM_OK);
    ptm_rc rc = ptmi_parts_find(yyjson_doc_get_root(doc), c->bytes, &parts, NULL);
    for (size_t i = 0; rc == PTM_OK && i < parts.n; i++) {
        if (i) strcat(names, " ");
        strncat(names, parts.items[i].name, 100);
    }
    if (rc != c->rc || strcmp(names, c->names) != 0)
        fail_msg("%s: %s, names '%s'", c->json, ptm_rc_name(rc), names);
}

static void test_torchhub_run__parts_lie_one_after_the_other(void **state)
{
    (void)state;
    static const struct parts_case cases[] = {
        {"{}", 0, PTM_OK, ""},
        {"[]", 0, PTM_OK, ""},
        {"{\"offset\":0,\"bytes\":9}", 9, PTM_OK, "model"},
        {"{\"offset\":0,\"bytes\":10}", 9, PTM_EFORMAT, ""},
        {"{\"offset\":9,\"bytes\":1}", 9, PTM_EFORMAT, ""},
        {"{\"offset\":10,\"bytes\":-1}", 9, PTM_EFORMAT, ""},
        {"{\"offset\":0,\"bytes\":0}", 9, PTM_EFORMAT, ""},
        {"{\"offset\":\"x\",\"bytes\":1}", 9, PTM_EFORMAT, ""},
        {"{\"offset\":9223372036854775807,\"bytes\":9223372036854775807}", 9, PTM_EFORMAT, ""},
        {"{\"items\":[{\"name\":\"a\",\"offset\":0,\"bytes\":5},{\"name\":\"b\",\"offset\":4,"
         "\"bytes\":2}]}",
         9, PTM_EFORMAT, ""},
        {"{\"items\":[{\"name\":\"a\",\"offset\":0,\"bytes\":5},{\"name\":\"b\",\"items\":[{"
         "\"name\":\"c\",\"offset\":5,\"bytes\":2}]}]}",
         9, PTM_OK, "a b.c"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_parts(&cases[i]);
}

static void test_torchhub_run__names_of_parts_are_safe_and_differ(void **state)
{
    (void)state;
    static const struct parts_case named = {
        "{\"items\":["
        "{\"name\":\"../x\",\"offset\":0,\"bytes\":1},{\"name\":\"a\",\"offset\":1,\"bytes\":1},"
        "{\"name\":\"A\",\"offset\":2,\"bytes\":1},{\"name\":\".hidden\",\"offset\":3,\"bytes\":1},"
        "{\"name\":\"-f\",\"offset\":4,\"bytes\":1},{\"name\":7,\"offset\":5,\"bytes\":1},"
        "{\"name\":\"\\u001b[0m\",\"offset\":6,\"bytes\":1},"
        "{\"name\":\"part-8\",\"offset\":7,\"bytes\":1},{\"name\":\"x/y\",\"offset\":8,\"bytes\":1}"
        "]}",
        9, PTM_OK, "part-0 a part-2 part-3 part-4 part-5 part-6 part-8 part-8-2"};
    check_parts(&named);
}

/* --- what is shown --- */

static ptm_rc show(const char *path)
{
    PTM_AUTO(ptmi_sandbox_clear) struct ptmi_sandbox box = PTMI_SANDBOX;
    return ptmi_sandbox_show(&box, path, NULL);
}

static void test_torchhub_run__a_sandbox_does_not_show_homes_or_the_system(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(ptmi_freep) char *home = ptmi_str_printf("%s/users/me", tmp.path);
    PTM_AUTO(ptmi_freep) char *users = ptmi_str_printf("%s/users", tmp.path);
    PTM_AUTO(ptmi_freep) char *mine = ptmi_str_printf("%s/.venv", home);
    PTM_AUTO(ptmi_freep) char *way = ptmi_str_printf("%s/way", tmp.path);
    assert_int_equal(ptmi_fs_mkdirs(mine, NULL), PTM_OK);
    assert_int_equal(symlink(home, way), 0);
    PTM_AUTO(ptmi_freep) char *before = strdup(getenv("HOME") ? getenv("HOME") : "/root");
    assert_int_equal(setenv("HOME", way, 1), 0);
    static const char *const never[] = {"/", "/etc", "/proc", "/home", "/tmp", "/var", "/root"};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        assert_int_equal(show(never[i]), PTM_EUNSAFE);
    assert_int_equal(show(home), PTM_EUNSAFE);
    assert_int_equal(show(users), PTM_EUNSAFE);
    assert_int_equal(show(way), PTM_EUNSAFE);
    assert_int_equal(show(mine), PTM_OK);
    assert_int_equal(show("relative"), PTM_EINVAL);
    assert_int_equal(show("/nowhere/at/all"), PTM_ENOENT);
    assert_int_equal(setenv("HOME", before, 1), 0);
}

static void check_home(const char *path, const char *want)
{
    PTM_AUTO(ptmi_freep) char *got = ptmi_expand_home(path);
    assert_string_equal(got, want);
}

/* What os.path.expanduser() gave for the same, HOME and all. */
static void test_torchhub_run__home_is_pythons(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *before = strdup(getenv("HOME") ? getenv("HOME") : "/root");
    const struct passwd *root = getpwuid(0), *self = getpwuid(getuid());
    assert_int_equal(setenv("HOME", "/h/me//", 1), 0);
    check_home("~", "/h/me");
    check_home("~/x", "/h/me/x");
    check_home("x/~", "x/~");
    check_home("~nobody of that name/x", "~nobody of that name/x");
    PTM_AUTO(ptmi_freep) char *named = ptmi_str_printf("~%s/x", root->pw_name);
    PTM_AUTO(ptmi_freep) char *roots = ptmi_str_printf("%s/x", root->pw_dir);
    check_home(named, roots);
    assert_int_equal(setenv("HOME", "", 1), 0);
    check_home("~", "/");
    check_home("~/x", "/x");
    assert_int_equal(unsetenv("HOME"), 0);
    PTM_AUTO(ptmi_freep) char *selfs = self ? ptmi_str_printf("%s/x", self->pw_dir) : NULL;
    check_home("~/x", self ? selfs : "~/x");
    assert_int_equal(setenv("HOME", before, 1), 0);
}

static void test_torchhub_run__a_path_is_shown_once(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(ptmi_sandbox_clear) struct ptmi_sandbox box = PTMI_SANDBOX;
    PTM_AUTO(ptmi_freep) char *below = ptmi_str_printf("%s/a/b", tmp.path);
    assert_int_equal(ptmi_fs_mkdirs(below, NULL), PTM_OK);
    assert_int_equal(ptmi_sandbox_show(&box, tmp.path, NULL), PTM_OK);
    assert_int_equal(ptmi_sandbox_show(&box, below, NULL), PTM_OK);
    assert_int_equal(ptmi_sandbox_show(&box, "/usr/lib", NULL), PTM_OK); /* is there anyway */
    assert_int_equal(box.args.n, 3);
    assert_string_equal(box.args.items[0], "--ro-bind");
    assert_string_equal(box.args.items[1], tmp.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchhub_run__only_the_outside_is_fetched),
        cmocka_unit_test(test_torchhub_run__questions_come_in_pieces_and_among_noise),
        cmocka_unit_test(test_torchhub_run__names_of_files_are_checked),
        cmocka_unit_test(test_torchhub_run__endless_questions_end_the_run),
        cmocka_unit_test(test_torchhub_run__parts_lie_one_after_the_other),
        cmocka_unit_test(test_torchhub_run__names_of_parts_are_safe_and_differ),
        cmocka_unit_test(test_torchhub_run__a_sandbox_does_not_show_homes_or_the_system),
        cmocka_unit_test(test_torchhub_run__home_is_pythons),
        cmocka_unit_test(test_torchhub_run__a_path_is_shown_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
