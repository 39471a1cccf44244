/* SPDX-License-Identifier: MIT */
/*
 * test_weights_objects_nomem.c - every allocation between a pickle and its list of tensors fails
 * once: out of memory is said, and nothing leaks (which the build under ASan sees).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "objects_looks.h"

#include "fail_alloc.h"

#define MOST_ALLOCATIONS 2000

/* Runs notation with the first, second .. allocation failing, until none does. */
static void assert_survives(const char *notation)
{
    struct pickle_out out = {0};
    int n = 1;
    pickle_put(&out, notation);
    for (; n < MOST_ALLOCATIONS; n++) {
        ptm_weights *weights = NULL;
        struct ptm_err err = {0};
        fail_alloc_arm(n);
        ptm_rc rc = objects_run(out.data, out.len, &weights, &err);
        bool hit = fail_alloc_disarm();
        if (rc == PTM_OK) ptm_weights_close(weights);
        if (hit && rc != PTM_ENOMEM) fail_msg("allocation %d: %s: %s", n, ptm_rc_name(rc), err.msg);
        if (hit) continue;
        assert_int_equal(rc, PTM_OK);
        break;
    }
    assert_true(n > 10 && n < MOST_ALLOCATIONS);
    free(out.data);
}

static void test_weights_objects_nomem__containers(void **state)
{
    (void)state;
    assert_survives("{'a': [1, 1.5, None, True, <1, 2>, (3)], 'b': @m.C*(1)**{'k': 1}!{'x': 2}, "
                    "'c': " HOOKS "+{'d': b'x'}!{'m': 1}, 'e': @builtins.set([1]), 'f': r'\\xe9', "
                    "'g': @_codecs.encode('x', 'latin1'), 'h': @m.D*(1)+{'z': 1}}");
}

static void test_weights_objects_nomem__many_containers(void **state)
{
    static char text[40000];
    (void)state;
    strcpy(text, "[");
    for (int i = 0; i < 2000; i++) strcat(text, "[1], ");
    strcat(text, MATRIX "]");
    assert_survives(text);
}

static void test_weights_objects_nomem__tensors(void **state)
{
    (void)state;
    assert_survives("{'w': " MATRIX ", 's': " FLOATS(
        "0") ", "
             "'p': @torch._utils._rebuild_parameter(" MATRIX ", True, None), "
             "'q': @torch._utils._rebuild_qtensor(P('storage', @torch.QInt8Storage, 'q', 'cpu', "
             "6), 0, "
             "(2, 3), (3, 1), (@torch.per_channel_affine, [1.0, 2.0], [1, 2], 0), False, None), "
             "'n': @numpy.core.multiarray._reconstruct(@numpy.ndarray, (0), b'b')!(1, (2), "
             "@numpy.dtype('f4', False, True)!(3, '<', None, None, None, -1, -1, 0), False, "
             "@_codecs.encode('01234567', 'latin1')), "
             "'k': @numpy.core.multiarray.scalar(@numpy.dtype('u8'), b'\\xff2345678')}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_objects_nomem__containers),
        cmocka_unit_test(test_weights_objects_nomem__many_containers),
        cmocka_unit_test(test_weights_objects_nomem__tensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
