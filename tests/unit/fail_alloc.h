/* SPDX-License-Identifier: MIT */
/*
 * fail_alloc.h - makes the nth allocation of the code under test fail. A test that includes it is
 * linked with
 * --wrap for the five names below (unit_wraps in meson.build); shared libraries keep their own
 * malloc. test_base_nomem.c shows its use: the same work with n = 1, 2, 3, ... until nothing fails
 * any more.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

/* 0: none fails; n: the nth from now on, of all threads. */
static atomic_int fail_alloc_at;
static atomic_bool fail_alloc_hit;

static bool fail_alloc_now(void)
{
    int left = fail_alloc_at;
    while (left > 0 && !atomic_compare_exchange_weak(&fail_alloc_at, &left, left - 1)) continue;
    if (left != 1) return false;
    fail_alloc_hit = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fail_alloc_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fail_alloc_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fail_alloc_now() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fail_alloc_now() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return fail_alloc_now() ? NULL : __real_strndup(text, len);
}

/* Arms the nth allocation. */
static void fail_alloc_arm(int n)
{
    fail_alloc_at = n;
    fail_alloc_hit = false;
}

/* Disarms; true when the armed allocation came and failed. */
static bool fail_alloc_disarm(void)
{
    fail_alloc_at = 0;
    return fail_alloc_hit;
}
