/* SPDX-License-Identifier: MIT */
/* test_torchhub_cache.c - copies found in the cache, and the way of a new one into it: the server
 * and its archives are played by this file. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/path.h"
#include "torchhub_cached.h"

#define COMMIT_1 "1111111111111111111111111111111111111111"
#define COMMIT_2 "2222222222222222222222222222222222222222"

/* What the server has and was asked; one test at a time. */
static struct {
    const char *commit;     /* of every ref */
    const char *counter;    /* file that grows by a byte an archive; NULL: none */
    ptm_rc resolve_fails;   /* answer to questions about refs */
    ptm_rc archive_fails;   /* after a file was written */
    bool die;               /* kill the process with half of the archive written */
    int resolved, archives; /* how often */
} server;

ptm_rc __wrap_ptmi_ref_resolve(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                               struct ptmi_ref *out, struct ptm_err *err);
ptm_rc __wrap_ptmi_archive_fetch(ptm_torchhub *hub, const struct ptmi_ref *ref,
                                 struct ptm_torchhub_repo *repo, const char *dest,
                                 struct ptm_err *err);

ptm_rc __wrap_ptmi_ref_resolve(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                               struct ptmi_ref *out, struct ptm_err *err)
{
    (void)hub;
    server.resolved++;
    if (server.resolve_fails) return ptm_err_set(err, server.resolve_fails, "played");
    out->name = strdup(spec->ref ? spec->ref : "main");
    out->kind = PTMI_REF_BRANCH;
    memcpy(out->commit, server.commit, 41);
    return PTM_OK;
}

ptm_rc __wrap_ptmi_archive_fetch(ptm_torchhub *hub, const struct ptmi_ref *ref,
                                 struct ptm_torchhub_repo *repo, const char *dest,
                                 struct ptm_err *err)
{
    (void)hub;
    server.archives++;
    if (mkdir(dest, 0777) != 0) return ptm_err_set(err, PTM_EBUG, "%s is there", dest);
    unit_write(unit_path(dest, "hubconf.py"), "def f(): pass\n");
    if (server.die) raise(SIGKILL);
    if (server.archive_fails) return ptm_err_set(err, server.archive_fails, "played");
    if (server.counter) {
        int fd = open(server.counter, O_WRONLY | O_CREAT | O_APPEND, 0666);
        if (fd < 0 || write(fd, "x", 1) != 1) abort();
        close(fd);
    }
    unit_write(unit_path(dest, "commit"), ref->commit);
    return ptmi_side_write(dest, repo, err);
}

static int setup(void **state)
{
    static struct cached_hub t;
    cached_open(&t, NULL);
    memset(&server, 0, sizeof server);
    server.commit = COMMIT_1;
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    cached_close(*state);
    return 0;
}

/* --- finding --- */

static ptm_rc find(struct cached_hub *t, const char *text, struct ptm_torchhub_repo *out)
{
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    ptm_torchhub_repo_clear(out);
    assert_int_equal(ptmi_repo_spec_parse(text, &spec, &t->err), PTM_OK);
    return ptmi_cache_find(t->hub, &spec, out, &t->err);
}

static void test_torchhub_cache__finds_ours_by_ref(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    assert_int_equal(find(t, "o/n:main", &repo), PTM_ENOENT);
    cached_by_us(t, "o/n:ci/x", "2026-01-01T00:00:00Z");
    assert_int_equal(find(t, "o/n:ci/x", &repo), PTM_OK);
    assert_string_equal(repo.ref, "ci/x");
    assert_string_equal(ptmi_path_base(repo.dir), "o_n_ci_x");
    assert_string_equal(repo.commit, "0123456789abcdef0123456789abcdef01234567");
    assert_false(repo.by_torch);
    assert_int_equal(find(t, "O/N:ci/x", &repo), PTM_ENOENT); /* torch's folder is another one */
}

static void test_torchhub_cache__a_folder_of_another_is_named_with_the_way_out(void **state)
{
    static const char *const others[] = {"o/n:ci_x", "o/n_ci:x"};
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    cached_by_us(t, "o/n:ci/x", "2026-01-01T00:00:00Z");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(find(t, others[i], &repo), PTM_EEXIST);
        assert_non_null(strstr(t->err.msg, "holds o/n:ci/x"));
        assert_non_null(strstr(t->err.msg, "ptm torch cache rm o_n_ci_x"));
    }
}

static void test_torchhub_cache__finds_torchs_and_tells_when_it_may_be_anothers(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    cached_by_torch(t, "o_n_main");
    cached_by_torch(t, "o_n_x_main");
    assert_int_equal(find(t, "o/n:main", &repo), PTM_OK);
    assert_true(repo.by_torch && !repo.ambiguous && !repo.commit);
    assert_int_equal(find(t, "o/n_x:main", &repo), PTM_OK);
    assert_true(repo.by_torch && repo.ambiguous);
    assert_string_equal(repo.name, "n_x");
}

static void test_torchhub_cache__a_folder_without_hubconf_is_no_copy(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    assert_int_equal(mkdir(unit_path(t->tmp.path, "o_n_main"), 0777), 0);
    assert_int_equal(find(t, "o/n:main", &repo), PTM_ENOENT);
    unit_write(unit_path(t->tmp.path, "o_n_dev"), "a file");
    assert_int_equal(find(t, "o/n:dev", &repo), PTM_EEXIST);
    assert_int_equal(find(t, "o/n", &repo), PTM_ENOENT);
}

static void test_torchhub_cache__without_a_ref_the_newest_of_ours(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    cached_by_torch(t, "o_n_main");
    cached_by_us(t, "o/n:v1", "2026-01-01T00:00:00Z");
    cached_by_us(t, "o/n:v2", "2026-03-01T00:00:00Z");
    cached_by_us(t, "o/n_x:v3", "2026-04-01T00:00:00Z"); /* another repository */
    cached_by_us(t, "o/n:v4", "2026-05-01T00:00:00Z"); /* moved: its folder promises another ref */
    char moved[512];
    snprintf(moved, sizeof moved, "%s", unit_path(t->tmp.path, "o_n_copy"));
    assert_int_equal(rename(unit_path(t->tmp.path, "o_n_v4"), moved), 0);
    assert_int_equal(find(t, "o/n", &repo), PTM_OK);
    assert_string_equal(repo.ref, "v2");
    const char *damaged = unit_path(unit_path(t->tmp.path, "o_n_v2"), PTMI_SIDE_FILE);
    unit_write(damaged, "{");
    assert_int_equal(find(t, "o/n", &repo), PTM_OK);
    assert_string_equal(repo.ref, "v1");
    assert_non_null(strstr(t->log, damaged));
    assert_int_equal(find(t, "o/n:v2", &repo), PTM_EFORMAT);
}

/* Side files tell seconds, and two refs are fetched within one. */
static void test_torchhub_cache__of_two_of_one_second_the_later(void **state)
{
    struct cached_hub *t = *state;
    static const char *const refs[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++) {
        char repo[16];
        snprintf(repo, sizeof repo, "o/n:%s", refs[i]);
        cached_by_us(t, repo, "2026-03-01T00:00:00Z");
    }
    for (size_t last = 0; last < 3; last++) {
        PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
        for (size_t i = 0; i < 3; i++) {
            char folder[16];
            const struct timespec times[2] = {{100, 0}, {100, i == last ? 7 : 3}};
            snprintf(folder, sizeof folder, "o_n_%s", refs[i]);
            assert_int_equal(utimensat(AT_FDCWD, unit_path(t->tmp.path, folder), times, 0), 0);
        }
        assert_int_equal(find(t, "o/n", &repo), PTM_OK);
        assert_string_equal(repo.ref, refs[last]);
    }
}

static void test_torchhub_cache__without_a_ref_torchs_main_then_master_then_any(void **state)
{
    static const char *const refs[] = {"dev", "master", "main"};
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    for (size_t i = 0; i < 3; i++) {
        char folder[32];
        snprintf(folder, sizeof folder, "o_n_%s", refs[i]);
        cached_by_torch(t, folder);
        assert_int_equal(find(t, "o/n", &repo), PTM_OK);
        assert_string_equal(repo.ref, refs[i]);
    }
}

static void test_torchhub_cache__a_side_file_that_is_a_link_is_damage(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    const char *dir = cached_by_torch(t, "o_n_main");
    assert_int_equal(symlink("/etc/passwd", unit_path(dir, PTMI_SIDE_FILE)), 0);
    assert_int_equal(find(t, "o/n:main", &repo), PTM_EFORMAT);
    assert_int_equal(find(t, "o/n", &repo), PTM_ENOENT);
}

/* --- fetching --- */

static ptm_rc fetch(struct cached_hub *t, const char *text,
                    const struct ptm_torchhub_fetch_opts *opts, struct ptm_torchhub_repo *out)
{
    ptm_torchhub_repo_clear(out);
    t->err = (struct ptm_err){0};
    return ptm_torchhub_fetch(t->hub, text, opts, out, &t->err);
}

/* Nothing of an unfinished fetch is left. */
static void expect_tidy(struct cached_hub *t)
{
    assert_int_equal(unit_entries(unit_path(t->tmp.path, ".ptm/tmp")), 0);
}

static void test_torchhub_fetch__fetches_once(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    assert_int_equal(fetch(t, "o/n:ci/x", NULL, &repo), PTM_OK);
    assert_false(repo.cached);
    assert_string_equal(ptmi_path_base(repo.dir), "o_n_ci_x");
    assert_string_equal(repo.commit, COMMIT_1);
    assert_true(ptmi_fs_exists(unit_path(repo.dir, "hubconf.py")));
    expect_tidy(t);
    assert_int_equal(fetch(t, "o/n:ci/x", NULL, &repo), PTM_OK);
    assert_true(repo.cached);
    assert_int_equal(server.archives, 1);
    assert_int_equal(server.resolved, 1);
    assert_false(ptmi_fs_exists(unit_path(t->tmp.path, "trusted_list"))); /* nobody was asked */
}

static void test_torchhub_fetch__without_a_ref_the_default_branch_names_the_folder(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    assert_int_equal(fetch(t, "o/n", NULL, &repo), PTM_OK);
    assert_string_equal(ptmi_path_base(repo.dir), "o_n_main");
    assert_int_equal(server.resolved, 1); /* one question names the branch and its commit */
    server.resolve_fails = PTM_ENET;      /* no network any more, and none needed */
    assert_int_equal(fetch(t, "o/n", NULL, &repo), PTM_OK);
    assert_true(repo.cached);
}

static void test_torchhub_fetch__without_network_and_copy_it_says_so(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    server.resolve_fails = PTM_ENET;
    assert_int_equal(fetch(t, "o/n", NULL, &repo), PTM_ENET);
    assert_non_null(strstr(t->err.msg, "could not be found in the cache"));
    assert_non_null(strstr(t->err.msg, t->tmp.path));
    t->hub->net_opts.offline = true;
    assert_int_equal(fetch(t, "o/n:main", NULL, &repo), PTM_EOFFLINE);
    assert_non_null(strstr(t->err.msg, "o/n"));
    struct ptm_torchhub_fetch_opts opts = cached_opts(t, PTM_TRUST_SKIP);
    opts.force_reload = true;
    assert_int_equal(fetch(t, "o/n", &opts, &repo), PTM_EOFFLINE);
    assert_null(strstr(t->err.msg, "could not be found"));
    assert_int_equal(server.archives, 0);
}

static void test_torchhub_fetch__refresh_tells_of_a_newer_commit_and_fetches_nothing(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    struct ptm_torchhub_fetch_opts opts = cached_opts(t, PTM_TRUST_SKIP);
    opts.refresh = true;
    assert_int_equal(fetch(t, "o/n:main", NULL, &repo), PTM_OK);
    assert_int_equal(fetch(t, "o/n:main", &opts, &repo), PTM_OK);
    assert_null(repo.newest);
    server.commit = COMMIT_2;
    assert_int_equal(fetch(t, "o/n", &opts, &repo), PTM_OK);
    assert_string_equal(repo.newest, COMMIT_2);
    assert_string_equal(repo.commit, COMMIT_1);
    assert_int_equal(server.archives, 1);
    int before = server.resolved;
    cached_by_us(t, "o/n:0123456", "2026-01-01T00:00:00Z"); /* a commit does not move */
    assert_int_equal(fetch(t, "o/n:0123456", &opts, &repo), PTM_OK);
    assert_null(repo.newest);
    assert_int_equal(server.resolved, before);
}

static void test_torchhub_fetch__force_reload_replaces(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    struct ptm_torchhub_fetch_opts opts = cached_opts(t, PTM_TRUST_SKIP);
    opts.force_reload = true;
    assert_int_equal(fetch(t, "o/n", NULL, &repo), PTM_OK);
    unit_write(unit_path(repo.dir, "old"), "");
    server.commit = COMMIT_2;
    assert_int_equal(fetch(t, "o/n", &opts, &repo), PTM_OK);
    assert_string_equal(repo.commit, COMMIT_2);
    assert_false(repo.cached);
    assert_false(ptmi_fs_exists(unit_path(repo.dir, "old")));
    expect_tidy(t);
    server.archive_fails = PTM_ENET; /* the old one stays until the new one is whole */
    assert_int_equal(fetch(t, "o/n", &opts, &repo), PTM_ENET);
    expect_tidy(t);
    assert_int_equal(fetch(t, "o/n", NULL, &repo), PTM_OK);
    assert_string_equal(repo.commit, COMMIT_2);
}

static void test_torchhub_fetch__never_replaces_anothers_folder(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    struct ptm_torchhub_fetch_opts opts = cached_opts(t, PTM_TRUST_SKIP);
    cached_by_us(t, "o/n:a/b", "2026-01-01T00:00:00Z");
    assert_int_equal(fetch(t, "o/n:a_b", &opts, &repo), PTM_EEXIST);
    opts.force_reload = true;
    assert_int_equal(fetch(t, "o/n:a_b", &opts, &repo), PTM_EEXIST);
    assert_int_equal(server.archives, 0);
}

static void test_torchhub_fetch__an_incomplete_or_damaged_copy_can_be_replaced(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    struct ptm_torchhub_fetch_opts opts = cached_opts(t, PTM_TRUST_SKIP);
    assert_int_equal(mkdir(unit_path(t->tmp.path, "o_n_main"), 0777), 0);
    assert_int_equal(fetch(t, "o/n:main", &opts, &repo), PTM_OK);
    assert_false(repo.cached);
    unit_write(unit_path(repo.dir, PTMI_SIDE_FILE), "[]");
    assert_int_equal(fetch(t, "o/n:main", &opts, &repo), PTM_EFORMAT);
    assert_non_null(strstr(t->err.msg, "--force-reload"));
    opts.force_reload = true;
    assert_int_equal(fetch(t, "o/n:main", &opts, &repo), PTM_OK);
}

static void test_torchhub_fetch__an_ambiguous_copy_is_asked_about_once(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    struct ptm_torchhub_fetch_opts opts = cached_opts(t, PTM_TRUST_SKIP);
    cached_by_torch(t, "o_n_x_main");
    assert_int_equal(fetch(t, "o/n_x:main", &opts, &repo), PTM_OK); /* only looked at: a warning */
    assert_int_equal(t->asked, 0);
    assert_non_null(strstr(t->log, "may also be o/n:x_main"));
    opts.trust = PTM_TRUST_ALWAYS;
    assert_int_equal(fetch(t, "o/n_x:main", &opts, &repo), PTM_EEXIST);
    assert_int_equal(t->asked, 1);
    assert_non_null(strstr(t->question, "o/n:x_main"));
    t->answer = true;
    assert_int_equal(fetch(t, "o/n_x:main", &opts, &repo), PTM_OK);
    assert_int_equal(t->asked, 2);
    assert_int_equal(fetch(t, "o/n_x:main", &opts, &repo), PTM_OK);
    assert_int_equal(t->asked, 2); /* the answer is kept */
    assert_int_equal(fetch(t, "o/n:x_main", &opts, &repo), PTM_EEXIST);
    opts.ask = NULL;
    cached_by_torch(t, "o_n_x_dev");
    assert_int_equal(fetch(t, "o/n_x:dev", &opts, &repo), PTM_EEXIST);
    assert_int_equal(server.archives, 0);
}

static void test_torchhub_fetch__what_is_not_trusted_is_not_fetched(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    struct ptm_torchhub_fetch_opts opts = cached_opts(t, PTM_TRUST_CHECK);
    assert_int_equal(fetch(t, "o/n:main", &opts, &repo), PTM_EAUTH);
    assert_int_equal(server.resolved + server.archives, 0);
    t->answer = true;
    assert_int_equal(fetch(t, "o/n:main", &opts, &repo), PTM_OK);
}

static void test_torchhub_fetch__skip_validation_believes_the_ref(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    struct ptm_torchhub_fetch_opts opts = cached_opts(t, PTM_TRUST_SKIP);
    opts.skip_validation = true;
    assert_int_equal(fetch(t, "o/n:any", &opts, &repo), PTM_OK);
    assert_int_equal(server.resolved, 0);
    assert_null(repo.commit);
    expect_tidy(t);
    /* The default branch must be asked for: it is not guessed. */
    server.resolve_fails = PTM_EUNSUPPORTED;
    assert_int_equal(fetch(t, "o/other", &opts, &repo), PTM_EUNSUPPORTED);
    assert_int_equal(server.archives, 1);
}

static int fetch_in_child(void *arg)
{
    struct cached_hub *t = arg;
    struct ptm_torchhub_repo repo = {0};
    UNIT_CHECK(ptm_torchhub_fetch(t->hub, "o/n", NULL, &repo, &t->err) == PTM_OK);
    UNIT_CHECK(ptmi_fs_exists(unit_path(repo.dir, "commit")));
    ptm_torchhub_repo_clear(&repo);
    return 0;
}

static void test_torchhub_fetch__many_processes_fetch_once(void **state)
{
    struct cached_hub *t = *state;
    pid_t pids[16];
    server.counter = unit_path(t->tmp.path, "counter");
    for (int i = 0; i < 16; i++) {
        pids[i] = fork();
        if (pids[i] == 0) _exit(fetch_in_child(t));
    }
    for (int i = 0; i < 16; i++) {
        int status = 0;
        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    PTM_AUTO(ptmi_freep) char *count = unit_read(server.counter);
    assert_string_equal(count, "x");
    expect_tidy(t);
}

static void test_torchhub_fetch__a_kill_leaves_nothing_that_counts(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    server.die = true;
    assert_int_equal(unit_in_child(fetch_in_child, t), 128 + SIGKILL);
    assert_int_equal(unit_entries(unit_path(t->tmp.path, ".ptm/tmp")), 1);
    assert_int_equal(find(t, "o/n", &repo), PTM_ENOENT);
    server.die = false;
    assert_int_equal(mkdir(unit_path(t->tmp.path, ".ptm/tmp/o_n_main.5.1.2"), 0777), 0);
    assert_int_equal(fetch(t, "o/n:main", NULL, &repo), PTM_OK);
    /* The work of another folder, "o_n_main.5", is not ours to remove. */
    assert_int_equal(unit_entries(unit_path(t->tmp.path, ".ptm/tmp")), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_torchhub_cache__finds_ours_by_ref),
        TEST(test_torchhub_cache__a_folder_of_another_is_named_with_the_way_out),
        TEST(test_torchhub_cache__finds_torchs_and_tells_when_it_may_be_anothers),
        TEST(test_torchhub_cache__a_folder_without_hubconf_is_no_copy),
        TEST(test_torchhub_cache__without_a_ref_the_newest_of_ours),
        TEST(test_torchhub_cache__of_two_of_one_second_the_later),
        TEST(test_torchhub_cache__without_a_ref_torchs_main_then_master_then_any),
        TEST(test_torchhub_cache__a_side_file_that_is_a_link_is_damage),
        TEST(test_torchhub_fetch__fetches_once),
        TEST(test_torchhub_fetch__without_a_ref_the_default_branch_names_the_folder),
        TEST(test_torchhub_fetch__without_network_and_copy_it_says_so),
        TEST(test_torchhub_fetch__refresh_tells_of_a_newer_commit_and_fetches_nothing),
        TEST(test_torchhub_fetch__force_reload_replaces),
        TEST(test_torchhub_fetch__never_replaces_anothers_folder),
        TEST(test_torchhub_fetch__an_incomplete_or_damaged_copy_can_be_replaced),
        TEST(test_torchhub_fetch__an_ambiguous_copy_is_asked_about_once),
        TEST(test_torchhub_fetch__what_is_not_trusted_is_not_fetched),
        TEST(test_torchhub_fetch__skip_validation_believes_the_ref),
        TEST(test_torchhub_fetch__many_processes_fetch_once),
        TEST(test_torchhub_fetch__a_kill_leaves_nothing_that_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
