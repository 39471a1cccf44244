/* SPDX-License-Identifier: MIT */
/* test_torchhub_archive.c - archives of a server fetched, checked, unpacked with their large files,
 * and listed; what is wrong with them is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net_fixture.h"

#include "base/hash.h"
#include "torchhub/torchhub_priv.h"

#include "unit_tmp.h"
#include "zip_build.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER "89abcdef0123456789abcdef0123456789abcdef"
#define LARGE "the bytes of a checkpoint, in truth some more"

struct scene {
    struct unit_tmp tmp;
    struct zip_build zip;
    char rewrites[2][256];
    const char *list[2];
    ptm_ctx *ctx;
    ptm_torchhub *hub;
    struct ptmi_ref ref;
    struct ptm_torchhub_repo repo;
    char dest[128];
    struct ptm_err err;
};

static void scene_open(struct scene *s, const char *token)
{
    struct ptm_ctx_opts ctx_opts = PTM_CTX_OPTS_INIT;
    struct ptm_net_opts net = PTM_NET_OPTS_INIT;
    struct ptm_torchhub_opts opts = PTM_TORCHHUB_OPTS_INIT;
    *s = (struct scene){.tmp = unit_tmp_make()};
    logged_len = 0;
    ctx_opts.log = keep_log;
    ctx_opts.log_filter = "*:warn";
    httpd_reset(&server);
    snprintf(s->rewrites[0], 256, "https://github.com/=http://127.0.0.1:%d/kept/gh/",
             server.port[0]);
    snprintf(s->rewrites[1], 256, "https://api.github.com/=http://127.0.0.1:%d/kept/api/",
             server.port[0]);
    for (int i = 0; i < 2; i++) s->list[i] = s->rewrites[i];
    net.rewrites = s->list;
    net.n_rewrites = 2;
    net.backoff_ms = 2;
    net.github_token = token;
    opts.net = &net;
    opts.dir = s->tmp.path;
    assert_int_equal(ptm_ctx_new(&ctx_opts, &s->ctx, NULL), PTM_OK);
    assert_int_equal(ptm_torchhub_open(s->ctx, &opts, &s->hub, NULL), PTM_OK);
    s->ref = (struct ptmi_ref){.name = strdup("main"), .kind = PTMI_REF_BRANCH};
    strcpy(s->ref.commit, COMMIT);
    s->repo.host = strdup("github.com");
    s->repo.owner = strdup("o");
    s->repo.name = strdup("n");
    s->repo.ref = strdup("main");
    s->repo.fetched = strdup("2026-01-31T12:00:00Z");
    snprintf(s->dest, sizeof s->dest, "%s/.ptm/tmp/new", s->tmp.path);
}

static void scene_close(struct scene *s)
{
    ptm_torchhub_close(s->hub);
    ptm_ctx_free(s->ctx);
    ptm_torchhub_repo_clear(&s->repo);
    free(s->ref.name);
    zip_free(&s->zip);
    unit_tmp_remove(&s->tmp);
}
#define SCENE(name)                                          \
    if (!have_server) UNIT_SKIP_TEST("no test server");      \
    __attribute__((cleanup(scene_close))) struct scene name; \
    scene_open(&name, NULL)

static void add(struct scene *s, const char *name, const char *text)
{
    zip_add(&s->zip, &(struct zip_spec){.name = name, .data = text, .len = strlen(text)});
}

static void serve(struct scene *s, const char *path, const char *commit)
{
    zip_end(&s->zip, &(struct zip_end){.comment = commit});
    httpd_put(&server, path, s->zip.data, s->zip.len);
}

static ptm_rc fetch(struct scene *s)
{
    return ptmi_archive_fetch(s->hub, &s->ref, &s->repo, s->dest, &s->err);
}

static void fails(struct scene *s, ptm_rc want, const char *says)
{
    ptm_rc rc = fetch(s);
    if (rc != want || !strstr(s->err.msg, says)) fail_msg("%d %s", rc, s->err.msg);
    assert_non_null(strstr(s->err.msg, "o/n:main"));
}

static void succeeds(struct scene *s)
{
    if (fetch(s) != PTM_OK) fail_msg("%s", s->err.msg);
    /* The copy is all there is. */
    assert_int_equal(unit_entries(unit_path(s->tmp.path, ".ptm/tmp")), 1);
}

static void has_text(const struct scene *s, const char *path, const char *text)
{
    PTM_AUTO(ptmi_freep) char *got = unit_read(unit_path(s->dest, path));
    assert_non_null(got);
    assert_string_equal(got, text);
}

static void sha256_of(const char *text, char out[65])
{
    assert_int_equal(ptmi_hash_bytes(PTMI_SHA256, text, strlen(text), out, NULL), PTM_OK);
}

static int requests_for(const char *path)
{
    yyjson_doc *doc = httpd_log(&server);
    yyjson_val *entry;
    size_t at, n;
    int found = 0;
    yyjson_arr_foreach(yyjson_doc_get_root(doc), at, n, entry) found +=
        strcmp(yyjson_get_str(yyjson_obj_get(entry, "path")), path) == 0 &&
        strcmp(yyjson_get_str(yyjson_obj_get(entry, "method")), "PUT") != 0;
    yyjson_doc_free(doc);
    return found;
}

/* --- archives --- */

static void test_torchhub_archive__a_commit_is_asked_for_and_listed(void **state)
{
    (void)state;
    SCENE(s);
    char sums[2][65], lines[300];
    add(&s, "o-n-0/hubconf.py", "x = 1\n");
    add(&s, "o-n-0/a/b.txt", "");
    serve(&s, "/kept/gh/o/n/zipball/" COMMIT, COMMIT);
    succeeds(&s);
    assert_string_equal(s.repo.commit, COMMIT);
    has_text(&s, "hubconf.py", "x = 1\n");
    sha256_of("", sums[0]);
    sha256_of("x = 1\n", sums[1]);
    snprintf(lines, sizeof lines, "%s  a/b.txt\n%s  hubconf.py\n", sums[0], sums[1]);
    has_text(&s, PTMI_SIDE_SUMS, lines);
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo side = {0};
    assert_int_equal(ptmi_side_read(s.dest, &side, &s.err), PTM_OK);
    assert_string_equal(side.commit, COMMIT);
    assert_string_equal(side.ref, "main");
}

static void test_torchhub_archive__a_ref_that_was_not_validated(void **state)
{
    (void)state;
    SCENE(s);
    s.ref.commit[0] = '\0';
    add(&s, "r/x", "1");
    serve(&s, "/kept/gh/o/n/zipball/main", OTHER);
    succeeds(&s);
    assert_string_equal(s.repo.commit, OTHER);
}

static void test_torchhub_archive__an_ambiguous_ref_is_the_branch(void **state)
{
    (void)state;
    SCENE(s);
    s.ref.commit[0] = '\0';
    add(&s, "r/x", "1");
    httpd_put(&server, "/kept/gh/o/n/zipball/main?code=300", "two", 3);
    serve(&s, "/kept/gh/o/n/zipball/refs/heads/main", OTHER);
    succeeds(&s);
    assert_non_null(strstr(logged, "The ref main is ambiguous. Perhaps it is both a tag and a "
                                   "branch in the repo?"));
}

static void test_torchhub_archive__of_another_commit(void **state)
{
    (void)state;
    SCENE(s);
    add(&s, "r/x", "1");
    serve(&s, "/kept/gh/o/n/zipball/" COMMIT, OTHER);
    fails(&s, PTM_ECORRUPT, OTHER);
    assert_int_equal(ptmi_fs_remove_tree(s.dest, NULL), PTM_OK);
    assert_int_equal(unit_entries(unit_path(s.tmp.path, ".ptm/tmp")), 0);
}

static void test_torchhub_archive__absent_and_private(void **state)
{
    (void)state;
    SCENE(s);
    fails(&s, PTM_ENOTFOUND, "404");
    assert_int_equal(requests_for("/kept/api/repos/o/n/zipball/" COMMIT), 0);
    scene_close(&s);
    scene_open(&s, "token");
    fails(&s, PTM_ENOTFOUND, "404");
    assert_int_equal(requests_for("/kept/api/repos/o/n/zipball/" COMMIT), 1);
    add(&s, "r/x", "1");
    serve(&s, "/kept/api/repos/o/n/zipball/" COMMIT, COMMIT);
    succeeds(&s);
}

static void test_torchhub_archive__a_page_instead_of_a_zip(void **state)
{
    (void)state;
    SCENE(s);
    httpd_put(&server, "/kept/gh/o/n/zipball/" COMMIT, "<html>Sign in</html>", 20);
    fails(&s, PTM_EFORMAT, "zip");
}

/* Files that have the names of ours, or folders, are not believed. */
static void test_torchhub_archive__look_alikes(void **state)
{
    (void)state;
    SCENE(s);
    add(&s, "r/.ptm-hub.sha256", "wrong");
    add(&s, "r/.ptm-hub.json/x", "wrong");
    add(&s, "r/a/.ptm-hub.json", "kept");
    serve(&s, "/kept/gh/o/n/zipball/" COMMIT, COMMIT);
    succeeds(&s);
    PTM_AUTO(ptmi_freep) char *sums = unit_read(unit_path(s.dest, PTMI_SIDE_SUMS));
    assert_non_null(strstr(sums, "  a/.ptm-hub.json\n"));
    assert_null(strstr(sums, "json/x"));
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo side = {0};
    assert_int_equal(ptmi_side_read(s.dest, &side, &s.err), PTM_OK);
}

static void test_torchhub_archive__interrupted(void **state)
{
    (void)state;
    SCENE(s);
    add(&s, "r/x", "1");
    serve(&s, "/kept/gh/o/n/zipball/" COMMIT, COMMIT);
    ptm_ctx_cancel(s.ctx, 1);
    fails(&s, PTM_ECANCELED, "interrupted");
}

/* --- large files --- */

static void add_pointer(struct scene *s, const char *name, const char *text, size_t size)
{
    char oid[65], pointer[300];
    sha256_of(text, oid);
    snprintf(pointer, sizeof pointer,
             "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %zu\n", oid, size);
    zip_add(&s->zip,
            &(struct zip_spec){
                .name = name, .data = pointer, .len = strlen(pointer), .mode = S_IFREG | 0755});
}

static void serve_large(const char *text, const char *error)
{
    char oid[65], path[200], body[600];
    sha256_of(text, oid);
    snprintf(path, sizeof path, "/kept/lfs/%s", oid);
    httpd_put(&server, path, text, strlen(text));
    int n = error ? snprintf(body, sizeof body,
                             "{\"objects\":[{\"oid\":\"%s\",\"size\":%zu,\"error\":%s}]}", oid,
                             strlen(text), error)
                  : snprintf(body, sizeof body,
                             "{\"objects\":[{\"oid\":\"%s\",\"size\":%zu,\"actions\":{\"download\":"
                             "{\"href\":\"http://127.0.0.1:%d%s\"}}}]}",
                             oid, strlen(text), server.port[0], path);
    httpd_put(&server, "/kept/gh/o/n.git/info/lfs/objects/batch", body, (size_t)n);
}

static void test_torchhub_archive__large_files_take_their_place(void **state)
{
    (void)state;
    SCENE(s);
    char oid[65], line[200];
    struct stat st;
    add_pointer(&s, "r/w/model.pt", LARGE, strlen(LARGE));
    add_pointer(&s, "r/copy.pt", LARGE, strlen(LARGE));
    add_pointer(&s, "r/third.pt", LARGE, strlen(LARGE));
    add_pointer(&s, "r/empty.pt", "", 0);
    add(&s, "r/x.py", "1");
    serve(&s, "/kept/gh/o/n/zipball/" COMMIT, COMMIT);
    serve_large(LARGE, NULL);
    mode_t mask = umask(022);
    succeeds(&s);
    umask(mask);
    has_text(&s, "w/model.pt", LARGE);
    has_text(&s, "copy.pt", LARGE);
    has_text(&s, "third.pt", LARGE);
    has_text(&s, "empty.pt", "");
    assert_int_equal(stat(unit_path(s.dest, "copy.pt"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
    assert_int_equal(st.st_nlink, 1);
    sha256_of(LARGE, oid);
    snprintf(line, sizeof line, "%s  copy.pt\n", oid);
    PTM_AUTO(ptmi_freep) char *sums = unit_read(unit_path(s.dest, PTMI_SIDE_SUMS));
    assert_non_null(strstr(sums, line));
    /* One request for the archive, one for the list, one for the object. */
    snprintf(line, sizeof line, "/kept/lfs/%s", oid);
    assert_int_equal(requests_for(line), 1);
    assert_int_equal(requests_for("/kept/gh/o/n.git/info/lfs/objects/batch"), 1);
}

static void test_torchhub_archive__a_large_file_that_is_lost(void **state)
{
    (void)state;
    SCENE(s);
    add_pointer(&s, "r/w/model.pt", LARGE, strlen(LARGE));
    serve(&s, "/kept/gh/o/n/zipball/" COMMIT, COMMIT);
    serve_large(LARGE, "{\"code\":404,\"message\":\"Object does not exist\"}");
    fails(&s, PTM_ENOTFOUND, "w/model.pt");
    assert_non_null(strstr(s.err.msg, "missing upstream"));
}

static void test_torchhub_archive__a_server_without_large_files(void **state)
{
    (void)state;
    SCENE(s);
    add_pointer(&s, "r/w/model.pt", LARGE, strlen(LARGE));
    serve(&s, "/kept/gh/o/n/zipball/" COMMIT, COMMIT);
    fails(&s, PTM_ENOTFOUND, "w/model.pt");
}

static void test_torchhub_archive__wrong_bytes_of_a_large_file(void **state)
{
    (void)state;
    SCENE(s);
    char oid[65], path[200];
    add_pointer(&s, "r/w/model.pt", LARGE, strlen(LARGE));
    serve(&s, "/kept/gh/o/n/zipball/" COMMIT, COMMIT);
    serve_large(LARGE, NULL);
    sha256_of(LARGE, oid);
    snprintf(path, sizeof path, "/kept/lfs/%s", oid);
    PTM_AUTO(ptmi_freep) char *wrong = strdup(LARGE);
    wrong[0] ^= 1;
    httpd_put(&server, path, wrong, strlen(wrong));
    fails(&s, PTM_EHASH, "w/model.pt");
}

static void test_torchhub_archive__pointers_that_ask_for_too_much(void **state)
{
    (void)state;
    SCENE(s);
    add_pointer(&s, "r/a.pt", LARGE, (size_t)1 << 60);
    serve(&s, "/kept/gh/o/n/zipball/" COMMIT, COMMIT);
    fails(&s, PTM_ENOSPC, "a.pt");
    assert_int_equal(requests_for("/kept/gh/o/n.git/info/lfs/objects/batch"), 0);
    scene_close(&s);
    scene_open(&s, NULL);
    add_pointer(&s, "r/a.pt", LARGE, 5);
    add_pointer(&s, "r/b.pt", LARGE, 6);
    serve(&s, "/kept/gh/o/n/zipball/" COMMIT, COMMIT);
    fails(&s, PTM_EFORMAT, "two sizes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchhub_archive__a_commit_is_asked_for_and_listed),
        cmocka_unit_test(test_torchhub_archive__a_ref_that_was_not_validated),
        cmocka_unit_test(test_torchhub_archive__an_ambiguous_ref_is_the_branch),
        cmocka_unit_test(test_torchhub_archive__of_another_commit),
        cmocka_unit_test(test_torchhub_archive__absent_and_private),
        cmocka_unit_test(test_torchhub_archive__a_page_instead_of_a_zip),
        cmocka_unit_test(test_torchhub_archive__look_alikes),
        cmocka_unit_test(test_torchhub_archive__interrupted),
        cmocka_unit_test(test_torchhub_archive__large_files_take_their_place),
        cmocka_unit_test(test_torchhub_archive__a_large_file_that_is_lost),
        cmocka_unit_test(test_torchhub_archive__a_server_without_large_files),
        cmocka_unit_test(test_torchhub_archive__wrong_bytes_of_a_large_file),
        cmocka_unit_test(test_torchhub_archive__pointers_that_ask_for_too_much),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
