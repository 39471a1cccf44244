/* SPDX-License-Identifier: MIT */
/* test_weights_scan_nomem.c - a scan that runs out of memory says so, and never that a file is
 * clean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/weights/scan_priv.h"
#include "fail_alloc.h"
#include "zip_build.h"

#define EVIL   \
    "\x80\x02" \
    "cos\nsystem\nX\x02\0\0\0id\x85R."
#define LEN(text) (sizeof(text) - 1)

static void scan_without_memory(const uint8_t *data, size_t len, const char *name)
{
    bool failed = true;
    for (int n = 1; failed; n++) {
        struct ptm_scan_report report = {0};
        struct ptm_err err = {0};
        ptmi_source *source = NULL;
        assert_true(n < 10000);
        assert_int_equal(ptmi_source_lend(data, len, name, &source, &err), PTM_OK);
        fail_alloc_arm(n);
        ptm_rc rc = ptmi_scan_source(NULL, source, name, NULL, &report, &err);
        failed = fail_alloc_disarm();
        ptmi_source_unref(source);
        if (rc != PTM_OK) {
            assert_int_equal(rc, PTM_ENOMEM);
            assert_null(report.owned);
        } else {
            assert_int_equal(report.verdict, PTM_DANGEROUS);
        }
        if (!failed) assert_int_equal(rc, PTM_OK);
        ptm_scan_clear(&report);
    }
}

static void test_weights_scan_nomem__pickle(void **state)
{
    (void)state;
    scan_without_memory((const uint8_t *)EVIL, LEN(EVIL), "a.pkl");
    scan_without_memory((const uint8_t *)EVIL, LEN(EVIL) - 1, "a.pkl");
}

static void test_weights_scan_nomem__hidden(void **state)
{
    static const char data[] = "0123456789" EVIL "0123456789";
    (void)state;
    scan_without_memory((const uint8_t *)data, LEN(data), "numbers");
}

static void test_weights_scan_nomem__zip(void **state)
{
    struct zip_build zip = {0};
    (void)state;
    zip_add(&zip, &(struct zip_spec){.name = "a/data.pkl", .data = EVIL, .len = LEN(EVIL)});
    zip_add(&zip, &(struct zip_spec){
                      .name = "a/data/0", .data = EVIL, .len = LEN(EVIL), .deflate = true});
    zip_end(&zip, &(struct zip_end){0});
    scan_without_memory(zip.data, zip.len, "a.pt");
    zip_free(&zip);
}

static void test_weights_scan_nomem__frames(void **state)
{
    static const char data[] = "\x80\x04\x95\x04\0\0\0\0\0\0\0"
                               "C\x08"
                               "12345678cos\nsystem\nC\x02id\x85R.";
    (void)state;
    scan_without_memory((const uint8_t *)data, LEN(data), "a.pkl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_scan_nomem__pickle),
        cmocka_unit_test(test_weights_scan_nomem__hidden),
        cmocka_unit_test(test_weights_scan_nomem__zip),
        cmocka_unit_test(test_weights_scan_nomem__frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
