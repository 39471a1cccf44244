/* SPDX-License-Identifier: MIT */
/* test_torchhub_items.c - the cache listed, verified, pruned, and things removed from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <utime.h>

#include <cmocka.h>

#include "base/clock.h"
#include "torchhub/hub_items.h"
#include "torchhub_cached.h"

#define SHA_OF_X "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

static int setup(void **state)
{
    static struct cached_hub t;
    cached_open(&t, NULL);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    cached_close(*state);
    return 0;
}

/* What was told, as "kind path[ owner/name:ref][ !rc][ checked]" lines. */
struct told {
    char text[4096];
};

static ptm_rc tell(void *arg, const struct ptm_torchhub_cached *item, struct ptm_err *err)
{
    static const char *const kinds[] = {"", "repo", "checkpoint", "leftover"};
    struct told *told = arg;
    size_t len = strlen(told->text);
    char more[512] = "";
    (void)err;
    if (item->repo && item->repo->owner)
        snprintf(more, sizeof more, " %s/%s:%s%s", item->repo->owner, item->repo->name,
                 item->repo->ref, item->repo->by_torch ? " by torch" : "");
    else if (item->repo)
        snprintf(more, sizeof more, item->repo->ambiguous ? " ambiguous" : " damaged");
    snprintf(told->text + len, sizeof told->text - len, "%s %s%s%s%s\n", kinds[item->kind],
             item->path, more, item->why ? " !" : "", item->why ? ptm_rc_name(item->why->rc) : "");
    if (item->checked) strcat(told->text, "  checked\n");
    return PTM_OK;
}

static void age(const char *path, int days)
{
    time_t then = time(NULL) - (time_t)days * 86400;
    assert_int_equal(utime(path, &(struct utimbuf){then, then}), 0);
}

static const char *in(struct cached_hub *t, const char *name)
{
    return unit_path(t->tmp.path, name);
}

static void make(struct cached_hub *t, const char *name, const char *text)
{
    unit_write(in(t, name), text);
}

static void make_dir(struct cached_hub *t, const char *name)
{
    assert_int_equal(ptmi_fs_mkdirs(in(t, name), &t->err), PTM_OK);
}

static void fill(struct cached_hub *t)
{
    cached_by_us(t, "o/n:ci/x", "2026-01-01T00:00:00Z");
    cached_by_us(t, "o/n:main", "2026-01-02T00:00:00Z");
    cached_by_torch(t, "o_n_dev");
    cached_by_torch(t, "o_n_m_dev");
    make_dir(t, "checkpoints");
    make(t, "checkpoints/x-2d711642.pth", "x");
    make(t, "checkpoints/y-2d711642.pth", "not x");
    make(t, "checkpoints/yolov5s-7.0.pt", "x");
    make(t, "checkpoints/z.pth.ptm-part", "half");
    make(t, "checkpoints/w.pth.0123456789abcdef0123456789abcdef.partial", "half");
    make(t, "checkpoints/tmpab_12xyz", "half");
    make(t, "trusted_list", "o_n\n");
    make(t, "main.zip", "half");
    make_dir(t, "pytorch-vision-4e2c216/x");
    make_dir(t, ".ptm/tmp/o_n_main.12.34");
    make_dir(t, "notes_of_mine"); /* no hubconf.py: a person's */
}

static void test_torchhub_items__a_missing_folder_is_empty(void **state)
{
    struct cached_hub *t = *state;
    struct told told = {""};
    assert_int_equal(ptm_torchhub_set_dir(t->hub, in(t, "none"), &t->err), PTM_OK);
    assert_int_equal(ptm_torchhub_cache_each(t->hub, tell, &told, &t->err), PTM_OK);
    assert_string_equal(told.text, "");
}

static void test_torchhub_items__are_listed_by_kind_and_name(void **state)
{
    struct cached_hub *t = *state;
    struct told told = {""};
    fill(t);
    assert_int_equal(ptm_torchhub_cache_each(t->hub, tell, &told, &t->err), PTM_OK);
    /* What torch may still be writing is not called a leftover. */
    assert_string_equal(told.text, "repo o_n_ci_x o/n:ci/x\n"
                                   "repo o_n_dev o/n:dev by torch\n"
                                   "repo o_n_m_dev ambiguous\n"
                                   "repo o_n_main o/n:main\n"
                                   "checkpoint checkpoints/x-2d711642.pth\n"
                                   "checkpoint checkpoints/y-2d711642.pth\n"
                                   "checkpoint checkpoints/yolov5s-7.0.pt\n"
                                   "leftover .ptm/tmp/o_n_main.12.34\n"
                                   "leftover checkpoints/z.pth.ptm-part\n");
}

static void age_all(struct cached_hub *t, int days)
{
    static const char *const names[] = {
        "checkpoints/w.pth.0123456789abcdef0123456789abcdef.partial",
        "checkpoints/tmpab_12xyz",
        "checkpoints/x-2d711642.pth",
        "main.zip",
        "pytorch-vision-4e2c216",
        "o_n_dev",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) age(in(t, names[i]), days);
}

#define LEFTOVERS                                                           \
    "leftover .ptm/tmp/o_n_main.12.34\n"                                    \
    "leftover checkpoints/tmpab_12xyz\n"                                    \
    "leftover checkpoints/w.pth.0123456789abcdef0123456789abcdef.partial\n" \
    "leftover checkpoints/z.pth.ptm-part\n"                                 \
    "leftover main.zip\n"                                                   \
    "leftover pytorch-vision-4e2c216\n"

static void test_torchhub_items__prune_removes_leftovers_only(void **state)
{
    struct cached_hub *t = *state;
    struct told told = {""}, dry = {""}, after = {""};
    fill(t);
    age_all(t, 3);
    assert_int_equal(ptm_torchhub_cache_prune(t->hub, -1, true, tell, &dry, &t->err), PTM_OK);
    assert_true(ptmi_fs_exists(in(t, "main.zip")));
    assert_int_equal(ptm_torchhub_cache_prune(t->hub, -1, false, tell, &told, &t->err), PTM_OK);
    assert_string_equal(dry.text, LEFTOVERS);
    assert_string_equal(told.text, LEFTOVERS);
    assert_int_equal(ptm_torchhub_cache_each(t->hub, tell, &after, &t->err), PTM_OK);
    assert_null(strstr(after.text, "leftover"));
    assert_true(ptmi_fs_exists(in(t, "notes_of_mine")));
    assert_true(ptmi_fs_exists(in(t, "trusted_list")));
    assert_true(ptmi_fs_exists(in(t, "o_n_dev/hubconf.py")));
}

static void test_torchhub_items__prune_by_age(void **state)
{
    struct cached_hub *t = *state;
    struct told told = {""};
    char now[32];
    fill(t);
    age_all(t, 3);
    cached_by_us(t, "o/n:new", ptmi_clock_now(now));
    assert_int_equal(ptm_torchhub_cache_prune(t->hub, 4, false, NULL, NULL, &t->err), PTM_OK);
    assert_true(ptmi_fs_exists(in(t, "o_n_dev")));
    assert_true(ptmi_fs_exists(in(t, "checkpoints/x-2d711642.pth")));
    assert_int_equal(ptm_torchhub_cache_prune(t->hub, 2, false, tell, &told, &t->err), PTM_OK);
    assert_non_null(strstr(told.text, "repo o_n_dev"));
    assert_false(ptmi_fs_exists(in(t, "o_n_dev")));
    assert_false(ptmi_fs_exists(in(t, "checkpoints/x-2d711642.pth")));
    assert_true(ptmi_fs_exists(in(t, "checkpoints/yolov5s-7.0.pt")));
    assert_true(ptmi_fs_exists(in(t, "o_n_new")));
}

static int hold_lock(void *arg)
{
    struct cached_hub *t = arg;
    struct told told = {""};
    UNIT_CHECK(ptm_torchhub_cache_prune(t->hub, -1, false, tell, &told, &t->err) == PTM_OK);
    UNIT_CHECK(strcmp(told.text, "") == 0);
    return 0;
}

static void test_torchhub_items__work_under_a_lock_is_no_leftover(void **state)
{
    struct cached_hub *t = *state;
    ptmi_lock *lock = NULL, *download = NULL;
    make_dir(t, ".ptm/tmp/o_n_main.12.34");
    make(t, ".ptm/tmp/o_n_main.zip", "half");
    make_dir(t, "checkpoints");
    make(t, "checkpoints/z.pth.ptm-part", "half");
    assert_int_equal(ptmi_hub_lock(t->hub, "o_n_main", &lock, &t->err), PTM_OK);
    assert_int_equal(
        ptmi_lock_take(t->ctx, in(t, "checkpoints/z.pth.ptm-lock"), &download, &t->err), PTM_OK);
    assert_int_equal(unit_in_child(hold_lock, t), 0);
    ptmi_lock_remove(lock);
    ptmi_lock_remove(download);
    struct told told = {""};
    assert_int_equal(ptm_torchhub_cache_prune(t->hub, -1, false, tell, &told, &t->err), PTM_OK);
    assert_string_equal(told.text, "leftover .ptm/tmp/o_n_main.12.34\n"
                                   "leftover .ptm/tmp/o_n_main.zip\n"
                                   "leftover checkpoints/z.pth.ptm-part\n");
    assert_int_equal(unit_entries(in(t, ".ptm/locks")), 0);
}

struct meanwhile {
    struct cached_hub *t;
    struct told told;
    ptmi_lock *lock;
};

/* Told of the first, somebody begins to use the second. */
static ptm_rc use_the_next(void *arg, const struct ptm_torchhub_cached *item, struct ptm_err *err)
{
    struct meanwhile *now = arg;
    PTM_TRY(tell(&now->told, item, err));
    return now->lock ? PTM_OK
                     : ptmi_lock_take(now->t->ctx, in(now->t, "checkpoints/z.pth.ptm-lock"),
                                      &now->lock, err);
}

static void test_torchhub_items__prune_tells_what_went_and_nothing_else(void **state)
{
    struct cached_hub *t = *state;
    struct meanwhile now = {.t = t};
    make_dir(t, "checkpoints");
    make(t, "checkpoints/a.pth.ptm-part", "half");
    make(t, "checkpoints/z.pth.ptm-part", "half");
    ptm_rc rc = ptm_torchhub_cache_prune(t->hub, -1, false, use_the_next, &now, &t->err);
    ptmi_lock_remove(now.lock);
    assert_int_equal(rc, PTM_OK);
    assert_string_equal(now.told.text, "leftover checkpoints/a.pth.ptm-part\n");
    assert_true(ptmi_fs_exists(in(t, "checkpoints/z.pth.ptm-part")));
}

/* --- rm --- */

static ptm_rc rm(struct cached_hub *t, const char *what)
{
    return ptm_torchhub_cache_remove(t->hub, what, &t->err);
}

/* Of two `cache rm` at once the second finds nothing, which is what it wanted. */
static void test_torchhub_items__gone_meanwhile_is_removed(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptmi_hub_items_clear) struct ptmi_hub_items items = {0};
    fill(t);
    assert_int_equal(ptmi_hub_items_read(t->hub, &items, &t->err), PTM_OK);
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < items.n; i++)
            assert_int_equal(ptmi_hub_item_remove(t->hub, &items.items[i], &t->err), PTM_OK);
}

static void test_torchhub_items__are_removed_by_path(void **state)
{
    struct cached_hub *t = *state;
    fill(t);
    assert_int_equal(rm(t, "o_n_m_dev/"), PTM_OK);
    assert_false(ptmi_fs_exists(in(t, "o_n_m_dev")));
    assert_int_equal(rm(t, "checkpoints/x-2d711642.pth"), PTM_OK);
    assert_false(ptmi_fs_exists(in(t, "checkpoints/x-2d711642.pth")));
    assert_int_equal(unit_entries(in(t, ".ptm/tmp")), 1); /* nothing new is left there */
}

static void test_torchhub_items__nothing_else_is_removed(void **state)
{
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "/etc",
                                      "../x",
                                      "trusted_list",
                                      "notes_of_mine",
                                      ".ptm",
                                      ".ptm/locks",
                                      "checkpoints",
                                      "checkpoints/../trusted_list",
                                      "checkpoints/absent.pth",
                                      "o_n_main/hubconf.py",
                                      "other/repo"};
    struct cached_hub *t = *state;
    fill(t);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(rm(t, bad[i]), PTM_ENOENT);
        assert_non_null(strstr(t->err.msg, "ptm torch cache ls"));
    }
    assert_true(ptmi_fs_exists(in(t, "o_n_main/hubconf.py")));
    assert_true(ptmi_fs_exists(in(t, "trusted_list")));
}

static void test_torchhub_items__are_removed_by_name(void **state)
{
    struct cached_hub *t = *state;
    fill(t);
    cached_by_torch(t, "o_n_a_b");
    assert_int_equal(rm(t, "o/n:ci/x"), PTM_OK);
    assert_false(ptmi_fs_exists(in(t, "o_n_ci_x")));
    assert_true(ptmi_fs_exists(in(t, "o_n_main")));
    assert_int_equal(rm(t, "O/N"), PTM_OK); /* ours know whose they are, torch's only by the name */
    assert_false(ptmi_fs_exists(in(t, "o_n_main")));
    assert_true(ptmi_fs_exists(in(t, "o_n_dev")));
    assert_int_equal(rm(t, "o/n"), PTM_OK);
    assert_false(ptmi_fs_exists(in(t, "o_n_dev")));
    assert_true(ptmi_fs_exists(in(t, "o_n_a_b"))); /* perhaps o/n_a:b */
    assert_non_null(strstr(t->log, "o_n_a_b"));
    assert_int_equal(rm(t, "o/n"), PTM_ENOENT);
    assert_int_equal(rm(t, "o/n:a_b"), PTM_OK);
    assert_false(ptmi_fs_exists(in(t, "o_n_a_b")));
}

/* --- verify --- */

static const char *verified(struct cached_hub *t)
{
    static struct told told;
    told.text[0] = '\0';
    assert_int_equal(ptm_torchhub_cache_verify(t->hub, tell, &told, &t->err), PTM_OK);
    return told.text;
}

static void test_torchhub_items__checkpoints_are_verified_by_their_names(void **state)
{
    struct cached_hub *t = *state;
    make_dir(t, "checkpoints");
    make(t, "checkpoints/x-2d711642.pth", "x");
    make(t, "checkpoints/y-2d711642.pth", "not x");
    make(t, "checkpoints/yolov5s-7.0.pt", "x");
    assert_string_equal(verified(t), "checkpoint checkpoints/x-2d711642.pth\n  checked\n"
                                     "checkpoint checkpoints/y-2d711642.pth !hash_mismatch\n"
                                     "  checked\n"
                                     "checkpoint checkpoints/yolov5s-7.0.pt\n");
}

static void test_torchhub_items__repositories_are_verified_by_their_list(void **state)
{
    struct cached_hub *t = *state;
    cached_by_us(t, "o/n:main", "2026-01-01T00:00:00Z");
    cached_by_torch(t, "o_n_dev");
    make(t, "o_n_main/hubconf.py", "x");
    make(t, "o_n_main/sub", "x");
    make(t, "o_n_main/" PTMI_SIDE_SUMS, SHA_OF_X "  hubconf.py\n" SHA_OF_X "  sub\n");
    assert_string_equal(verified(t), "repo o_n_dev o/n:dev by torch\n"
                                     "repo o_n_main o/n:main\n  checked\n");
    make_dir(t, "o_n_main/__pycache__");
    make(t, "o_n_main/__pycache__/hubconf.cpython-311.pyc", "");
    assert_null(strstr(verified(t), "!"));
    make(t, "o_n_main/extra", "");
    assert_non_null(strstr(verified(t), "o/n:main !modified\n"));
    assert_int_equal(unlink(in(t, "o_n_main/sub")), 0);
    assert_non_null(strstr(verified(t), "o/n:main !absent\n"));
    make(t, "o_n_main/hubconf.py", "y");
    assert_non_null(strstr(verified(t), "o/n:main !hash_mismatch\n"));
}

static void test_torchhub_items__a_damaged_list_or_side_file_is_told(void **state)
{
    static const char *const bad[] = {
        "x\n", SHA_OF_X "  ../../etc/passwd\n", SHA_OF_X " hubconf.py\n",
        "ZZ711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881  hubconf.py\n"};
    struct cached_hub *t = *state;
    cached_by_us(t, "o/n:main", "2026-01-01T00:00:00Z");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        make(t, "o_n_main/" PTMI_SIDE_SUMS, bad[i]);
        assert_string_equal(verified(t), "repo o_n_main o/n:main !malformed\n");
    }
    make(t, "o_n_main/" PTMI_SIDE_FILE, "{");
    assert_string_equal(verified(t), "repo o_n_main damaged !malformed\n");
    assert_int_equal(rm(t, "o/n:main"), PTM_OK);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_torchhub_items__a_missing_folder_is_empty),
        TEST(test_torchhub_items__are_listed_by_kind_and_name),
        TEST(test_torchhub_items__prune_removes_leftovers_only),
        TEST(test_torchhub_items__prune_by_age),
        TEST(test_torchhub_items__work_under_a_lock_is_no_leftover),
        TEST(test_torchhub_items__prune_tells_what_went_and_nothing_else),
        TEST(test_torchhub_items__gone_meanwhile_is_removed),
        TEST(test_torchhub_items__are_removed_by_path),
        TEST(test_torchhub_items__nothing_else_is_removed),
        TEST(test_torchhub_items__are_removed_by_name),
        TEST(test_torchhub_items__checkpoints_are_verified_by_their_names),
        TEST(test_torchhub_items__repositories_are_verified_by_their_list),
        TEST(test_torchhub_items__a_damaged_list_or_side_file_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
