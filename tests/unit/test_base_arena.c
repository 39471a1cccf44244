/* SPDX-License-Identifier: MIT */
/* test_base_arena.c - memory that is freed at once, within its cap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/auto.h"
#include "base/limits.h"

static void test_base_arena__memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_arena_clear) struct ptmi_arena arena = PTMI_ARENA(8u << 20);
    unsigned char *all[600];
    for (size_t i = 0; i < 600; i++) {
        size_t size = i % 7 == 0 ? 3000 + i * 40 : i;
        all[i] = ptmi_arena_alloc(&arena, size);
        assert_non_null(all[i]);
        assert_int_equal((uintptr_t)all[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < size; k++) assert_int_equal(all[i][k], 0);
        memset(all[i], (int)(i & 255), size);
    }
    for (size_t i = 1; i < 600; i++) {
        size_t size = i % 7 == 0 ? 3000 + i * 40 : i;
        assert_int_equal(all[i][0], i & 255);
        assert_int_equal(all[i][size - 1], i & 255);
    }
}

static void test_base_arena__cap_holds_and_clear_starts_over(void **state)
{
    (void)state;
    struct ptmi_arena arena = PTMI_ARENA(1024);
    assert_non_null(ptmi_arena_alloc(&arena, 1000));
    assert_null(ptmi_arena_alloc(&arena, 100));
    assert_null(ptmi_arena_alloc(&arena, SIZE_MAX));
    assert_null(ptmi_arena_alloc(&arena, SIZE_MAX - 3));
    ptmi_arena_clear(&arena);
    assert_int_equal(arena.used, 0);
    assert_non_null(ptmi_arena_alloc(&arena, 1024));
    ptmi_arena_clear(&arena);
    ptmi_arena_clear(&arena);
}

static void test_base_arena__strings_are_copied(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_arena_clear) struct ptmi_arena arena = PTMI_ARENA(100000);
    char text[] = "hello";
    char *copy = ptmi_arena_strdup(&arena, text);
    char *part = ptmi_arena_strndup(&arena, text, 2);
    text[0] = 'J';
    assert_string_equal(copy, "hello");
    assert_string_equal(part, "he");
    assert_string_equal(ptmi_arena_printf(&arena, "%s/%d", copy, 7), "hello/7");
    assert_null(ptmi_arena_strdup(&arena, NULL));
}

static void test_base_arena__list_grows_and_knows_what_it_has(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_arena_clear) struct ptmi_arena arena = PTMI_ARENA(1u << 20);
    struct ptmi_arena_list list = {0};
    for (int i = 0; i < 100; i++)
        assert_true(ptmi_arena_list_add(&arena, &list, ptmi_arena_printf(&arena, "%d", i)));
    assert_int_equal(list.n, 100);
    assert_string_equal(list.items[0], "0");
    assert_string_equal(list.items[99], "99");
    assert_true(ptmi_arena_list_add_new(&arena, &list, "50"));
    assert_int_equal(list.n, 100);
    assert_true(ptmi_arena_list_add_new(&arena, &list, "new"));
    assert_int_equal(list.n, 101);
    assert_false(ptmi_arena_list_add(&arena, &list, NULL)); /* as a failed copy gives it */
    list.n = PTM_LIMIT_ITEMS;
    assert_false(ptmi_arena_list_add(&arena, &list, "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_arena__memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(test_base_arena__cap_holds_and_clear_starts_over),
        cmocka_unit_test(test_base_arena__strings_are_copied),
        cmocka_unit_test(test_base_arena__list_grows_and_knows_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
