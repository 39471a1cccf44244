/* SPDX-License-Identifier: MIT */
/*
 * test_torchhub_archive_nomem.c - every allocation fails once while an archive and its large files
 * are fetched: the call says so or does without, nothing is leaked (the build under ASan sees
 * that), and the next call succeeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net_fixture.h"

#include "base/hash.h"
#include "torchhub/torchhub_priv.h"

#include "fail_alloc.h"
#include "unit_tmp.h"
#include "zip_build.h"

/* No job here needs more. */
#define MOST_ALLOCATIONS 900
#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define LARGE "the bytes of a checkpoint, in truth some more"

static char oid[65];

/* Nothing here is about the disk, and hundreds of rounds would wait minutes for a busy one. */
int __wrap_fsync(int fd);
ptm_rc __wrap_ptmi_fs_sync_all(const char *path, struct ptm_err *err);

int __wrap_fsync(int fd)
{
    (void)fd;
    return 0;
}

ptm_rc __wrap_ptmi_fs_sync_all(const char *path, struct ptm_err *err)
{
    (void)path, (void)err;
    return PTM_OK;
}

static void serve_archive(void)
{
    struct zip_build zip = {0};
    char pointer[300];
    snprintf(pointer, sizeof pointer,
             "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %zu\n", oid,
             strlen(LARGE));
    zip_add(&zip, &(struct zip_spec){.name = "r/x.py", .data = "1", .len = 1});
    zip_add(&zip, &(struct zip_spec){.name = "r/a", .data = pointer, .len = strlen(pointer)});
    zip_add(&zip, &(struct zip_spec){.name = "r/b", .data = pointer, .len = strlen(pointer)});
    zip_end(&zip, &(struct zip_end){.comment = COMMIT});
    httpd_put(&server, "/kept/gh/o/n/zipball/" COMMIT, zip.data, zip.len);
    zip_free(&zip);
}

static void serve_large(void)
{
    char body[600];
    int n = snprintf(body, sizeof body,
                     "{\"objects\":[{\"oid\":\"%s\",\"size\":%zu,\"actions\":{\"download\":"
                     "{\"href\":\"http://127.0.0.1:%d/kept/lfs\"}}}]}",
                     oid, strlen(LARGE), server.port[0]);
    httpd_put(&server, "/kept/lfs", LARGE, strlen(LARGE));
    httpd_put(&server, "/kept/gh/o/n.git/info/lfs/objects/batch", body, (size_t)n);
}

static ptm_torchhub *open_hub(ptm_ctx *ctx, const char *dir)
{
    char rule[256];
    const char *rules[] = {rewrite_to("https://github.com/", 0, rule)};
    struct ptm_net_opts net = PTM_NET_OPTS_INIT;
    struct ptm_torchhub_opts opts = PTM_TORCHHUB_OPTS_INIT;
    ptm_torchhub *hub = NULL;
    strncat(rule, "kept/gh/", sizeof rule - strlen(rule) - 1);
    net.rewrites = rules;
    net.n_rewrites = 1;
    net.backoff_ms = 1;
    opts.net = &net;
    opts.dir = dir;
    assert_int_equal(ptm_torchhub_open(ctx, &opts, &hub, NULL), PTM_OK);
    return hub;
}

/* The nth allocation fails; n is 0 for none. false: there were fewer. */
static bool run_once(ptm_ctx *ctx, int n)
{
    UNIT_TMP(tmp);
    struct ptm_err err = {0};
    ptmi_git *git = NULL;
    ptm_torchhub *hub = open_hub(ctx, tmp.path);
    static char host[] = "github.com", owner[] = "o", name[] = "n", main_branch[] = "main";
    struct ptmi_ref ref = {.name = main_branch, .commit = COMMIT, .kind = PTMI_REF_BRANCH};
    struct ptm_torchhub_repo repo = {
        .host = host, .owner = owner, .name = name, .ref = main_branch};
    char dest[128];
    snprintf(dest, sizeof dest, "%s/.ptm/tmp/new", tmp.path);
    /* Looking for git is not what this is about. */
    assert_int_equal(ptmi_torchhub_git(hub, &git, &err), PTM_OK);
    if (n > 0) fail_alloc_arm(n);
    ptm_rc rc = ptmi_archive_fetch(hub, &ref, &repo, dest, &err);
    bool hit = n > 0 && fail_alloc_disarm();
    free(repo.commit);
    repo.commit = NULL;
    if (rc != PTM_OK) {
        if (!hit || rc != PTM_ENOMEM) fail_msg("allocation %d: %d %s", n, rc, err.msg);
        assert_true(err.msg[0] != '\0');
        assert_int_equal(ptmi_fs_remove_tree(dest, NULL), PTM_OK);
        rc = ptmi_archive_fetch(hub, &ref, &repo, dest, &err);
        free(repo.commit);
    }
    if (rc != PTM_OK) fail_msg("after allocation %d: %d %s", n, rc, err.msg);
    PTM_AUTO(ptmi_freep) char *text = unit_read(unit_path(dest, "b"));
    assert_string_equal(text, LARGE);
    ptm_torchhub_close(hub);
    return hit;
}

static void test_torchhub_archive_nomem__every_allocation(void **state)
{
    ptm_ctx *ctx = NULL;
    (void)state;
    if (!have_server) UNIT_SKIP_TEST("no test server");
    assert_int_equal(ptm_ctx_new(NULL, &ctx, NULL), PTM_OK);
    assert_int_equal(ptmi_hash_bytes(PTMI_SHA256, LARGE, strlen(LARGE), oid, NULL), PTM_OK);
    serve_archive();
    serve_large();
    assert_false(run_once(ctx, 0));
    int n = 1;
    while (n < MOST_ALLOCATIONS && run_once(ctx, n)) n++;
    assert_in_range(n, 50, MOST_ALLOCATIONS - 1);
    ptm_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchhub_archive_nomem__every_allocation),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
