/* SPDX-License-Identifier: MIT */
/*
 * test_weights_pickle_nomem.c - every allocation of the machine fails once: out of memory is said,
 * what was listed stays valid, and nothing leaks (which the build under ASan sees).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/pickle.h"

#include "fail_alloc.h"

/* No pickle here needs more. */
#define MOST_ALLOCATIONS 400

static void check_lists(const struct ptmi_pickle *pickle)
{
    for (size_t i = 0; i < pickle->n_globals; i++) assert_non_null(pickle->globals[i].node->name);
    for (size_t i = 0; i < pickle->n_objects; i++) assert_non_null(pickle->objects[i]->callee);
    for (size_t i = 0; i < pickle->n_persids; i++) assert_non_null(pickle->persids[i]->args);
}

/* wanted: what the pickle ends with when nothing fails. */
static void run_all(const char *data, size_t len, ptm_rc wanted)
{
    ptmi_source *source = NULL;
    assert_int_equal(ptmi_source_lend(data, len, "p", &source, NULL), PTM_OK);
    for (int n = 1; n < MOST_ALLOCATIONS; n++) {
        struct ptmi_pickle pickle = {0};
        struct ptm_err err = {0};
        fail_alloc_arm(n);
        ptm_rc rc = ptmi_pickle_run(source, 0, len, NULL, &pickle, &err);
        bool hit = fail_alloc_disarm();
        if (rc != (hit ? PTM_ENOMEM : wanted)) fail_msg("allocation %d: %d %s", n, rc, err.msg);
        check_lists(&pickle);
        ptmi_pickle_clear(&pickle);
        if (!hit) {
            ptmi_source_unref(source);
            return;
        }
    }
    fail_msg("it allocates for ever");
}

/* A step that allocates in every way there is: a class, an object, far indices of the memo, numbers
 * and strings that are decoded, a persistent id, a computed call, a changed global. */
static const char step[] = "cmodule\nClass\np%d\n(I%d\nt\x81p%d\n(F1.5\nVa\xe9\nS'\\x41'\n"
                           "L%d99999999999999999999L\nlP%d\n(NNdcm\nf\n)R)Rcm\ng\n}b";
#define STEPS 100

static void test_weights_pickle_nomem__says_so(void **state)
{
    char data[STEPS * (sizeof step + 64) + 2];
    size_t len = 0;
    (void)state;
    for (int i = 0; i < STEPS; i++)
        len += (size_t)snprintf(data + len, sizeof data - len, step, i, i, 1000003 * i, i + 1, i);
    for (int i = 0; i < STEPS; i++) data[len++] = '(';
    data[len++] = 'N';
    data[len++] = '.';
    run_all(data, len, PTM_OK);
}

static void test_weights_pickle_nomem__in_a_broken_frame(void **state)
{
    static const char data[] = "\x80\x04\x95\x03\x00\x00\x00\x00\x00\x00\x00"
                               "cosy\nmodule\n0cos\nsystem\n)R.";
    (void)state;
    run_all(data, sizeof data - 1, PTM_EFORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_pickle_nomem__says_so),
        cmocka_unit_test(test_weights_pickle_nomem__in_a_broken_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
