/* SPDX-License-Identifier: MIT */
/* test_cli_weights.c - what the verbs of `ptm weights` work out before they print: counts, shared
 * bytes, SARIF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/json.h"
#include "cli/checkpoint.h"
#include "cli/scan_out.h"

static void test_cli_weights__counts_are_short(void **state)
{
    static const struct {
        int64_t n;
        const char *text;
    } cases[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1.0 k"},
        {25557032, "25.6 M"},
        {999949, "999.9 k"},
        {999950, "1.0 M"},
        {1234567890, "1.2 B"},
        {INT64_MAX, "9223372.0 T"},
    };
    char text[32];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(ptmi_human_count(cases[i].n, text), cases[i].text);
}

/* --- JSON lines --- */

static void test_cli_weights__numbers_are_the_shortest_that_come_back(void **state)
{
    struct ptmi_json_line line;
    (void)state;
    ptmi_json_line_begin(&line);
    ptmi_json_line_list(&line, "x");
    ptmi_json_line_double(&line, NULL, 0.1);
    ptmi_json_line_double(&line, NULL, 1.0 / 3);
    ptmi_json_line_double(&line, NULL, -5e-324);
    ptmi_json_line_double(&line, NULL, 2);
    ptmi_json_line_double(&line, NULL, (double)INFINITY);
    ptmi_json_line_double(&line, NULL, (double)NAN);
    ptmi_json_line_list_end(&line);
    assert_string_equal(line.buf.data,
                        "{\"x\":[0.1,0.3333333333333333,-4.94065645841247e-324,2,null,null]");
    ptmi_buf_clear(&line.buf);
}

/* --- sharing --- */

/* A checkpoint of one storage of 24 float32 (zeros) and views of it, as torch's legacy streams have
 * them; the tensors are given as "name offset size stride". */
struct view {
    const char *name;
    int offset, rows, columns, row_stride, column_stride;
};

static void put(FILE *file, const char *text, size_t len)
{
    assert_int_equal(fwrite(text, 1, len, file), len);
}
#define PUT(file, literal) put(file, literal, sizeof literal - 1)

static void put_view(FILE *file, const struct view *view)
{
    fprintf(file, "X%c%c%c%c%s", (int)strlen(view->name), 0, 0, 0, view->name);
    PUT(file, "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n"
              "X\1\0\0\0"
              "0X\3\0\0\0cpuK\30tQ");
    fprintf(file, "K%c(K%cK%ct(K%cK%ct", view->offset, view->rows, view->columns, view->row_stride,
            view->column_stride);
    PUT(file, "\x89"
              "ccollections\nOrderedDict\n)RtR");
}

static char *write_views(const struct view *views, size_t n)
{
    char *path = strdup("/tmp/ptm-test-XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "wb");
    assert_non_null(file);
    PUT(file, "\x80\2\x8a\nl\xfc\x9c"
              "F\xf9 j\xa8P\x19.");
    PUT(file, "\x80\2M\xe9\3.");
    PUT(file, "\x80\2}(X\20\0\0\0protocol_versionM\xe9\3X\r\0\0\0little_endian\x88u.");
    PUT(file, "\x80\2}(");
    for (size_t i = 0; i < n; i++) put_view(file, &views[i]);
    PUT(file, "u.\x80\2]X\1\0\0\0"
              "0a.\30\0\0\0\0\0\0\0");
    for (int i = 0; i < 24 * 4; i++) putc(0, file);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void test_cli_weights__tensors_share_when_their_bytes_touch(void **state)
{
    static const struct view views[] = {
        {"first", 0, 2, 3, 3, 1},  /* 0..5 */
        {"apart", 12, 2, 3, 3, 1}, /* 12..17 */
        {"same", 0, 2, 3, 3, 1},    {"turned", 0, 3, 2, 1, 3}, {"inside", 4, 1, 2, 2, 1},
        {"next", 6, 1, 2, 2, 1},    /* 6..7: behind the first, touching nothing */
        {"wide", 15, 2, 2, 4, 1},   /* 15..20, with a gap */
        {"behind", 20, 1, 1, 1, 1}, /* the last of wide */
    };
    static const size_t with[] = {0, 1, 0, 0, 0, 5, 1, 1};
    static const size_t same[] = {0, 1, 0, 0, 4, 5, 6, 7};
    PTM_AUTO(ptmi_freep) char *path = write_views(views, sizeof views / sizeof *views);
    PTM_AUTO(ptmi_weights_closep) ptm_weights *weights = NULL;
    PTM_AUTO(ptmi_sharing_clear) struct ptmi_sharing sharing = {0};
    struct ptm_err err = {0};
    (void)state;
    ptm_rc rc = ptm_weights_open(path, NULL, &weights, &err);
    unlink(path);
    if (rc < 0) fail_msg("%s", err.msg);
    assert_int_equal(ptm_weights_count(weights), sizeof views / sizeof *views);
    assert_int_equal(ptmi_sharing_find(weights, &sharing, NULL), PTM_OK);
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        if (sharing.with[i] != with[i] || sharing.same[i] != same[i])
            fail_msg("%s: with %s, same as %s", views[i].name, views[sharing.with[i]].name,
                     views[sharing.same[i]].name);
    }
}

/* --- SARIF --- */

static void sarif_clear(struct ptmi_sarif *sarif)
{
    ptmi_buf_clear(&sarif->line.buf);
}

static yyjson_val *result(yyjson_doc *doc, size_t i)
{
    yyjson_val *run = yyjson_arr_get(yyjson_obj_get(yyjson_doc_get_root(doc), "runs"), 0);
    return yyjson_arr_get(yyjson_obj_get(run, "results"), i);
}

/* What has been put so far, with its ends closed. */
static yyjson_doc *parse(struct ptmi_sarif *sarif)
{
    yyjson_doc *doc = NULL;
    assert_int_equal(ptmi_buf_puts(&sarif->line.buf, "]}]}", NULL), PTM_OK);
    assert_int_equal(
        ptmi_json_parse(sarif->line.buf.data, sarif->line.buf.len, "SARIF", &doc, NULL), PTM_OK);
    return doc;
}

static const char *at(yyjson_val *value, const char *pointer)
{
    return yyjson_get_str(yyjson_ptr_get(value, pointer));
}

static void test_cli_weights__sarif_escapes_paths_and_texts(void **state)
{
    static const struct {
        const char *path, *uri;
    } cases[] = {
        {"a b/c#d?e%.pt", "a%20b/c%23d%3Fe%25.pt"},
        {"./x.pt", "x.pt"},
        {".//x.pt", "x.pt"},
        {"../x.pt", "../x.pt"},
        {"C:x.pt", "C%3Ax.pt"},
        {"/abs/x.pt", "file:///abs/x.pt"},
        {"//host/x.pt", "file:////host/x.pt"},
        {"\xff\n.pt", "%FF%0A.pt"},
    };
    static const struct ptm_finding finding = {.severity = PTM_DANGEROUS,
                                               .rule = "pickle-global",
                                               .message = "calls \"os.system\"\n\xff",
                                               .global = "os.system",
                                               .offset = 17};
    struct ptm_scan_report report = {
        .verdict = PTM_DANGEROUS, .findings = &finding, .n_findings = 1};
    PTM_AUTO(sarif_clear) struct ptmi_sarif sarif = {0};
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    (void)state;
    ptmi_sarif_begin(&sarif);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(ptmi_sarif_file(&sarif, cases[i].path, &report, NULL), PTM_OK);
    doc = parse(&sarif);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        yyjson_val *one = result(doc, i);
        assert_string_equal(at(one, "/locations/0/physicalLocation/artifactLocation/uri"),
                            cases[i].uri);
        assert_string_equal(at(one, "/message/text"), "calls \"os.system\"\n\xef\xbf\xbd");
        assert_string_equal(at(one, "/level"), "error");
        assert_int_equal(yyjson_get_int(yyjson_ptr_get(one, "/ruleIndex")), 0);
    }
}

static void test_cli_weights__sarif_regions_are_of_the_file(void **state)
{
    static const struct ptm_finding findings[] = {
        {PTM_SUSPICIOUS, "zip-trailing", "m", NULL, 99, NULL},
        {PTM_UNREADABLE, "io", "m", NULL, -1, NULL},
        {PTM_DANGEROUS, "pickle-global", "m", "os.system", 0, "archive/data.pkl"},
    };
    struct ptm_scan_report report = {
        .verdict = PTM_DANGEROUS, .findings = findings, .n_findings = 3};
    PTM_AUTO(sarif_clear) struct ptmi_sarif sarif = {0};
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    (void)state;
    ptmi_sarif_begin(&sarif);
    assert_int_equal(ptmi_sarif_file(&sarif, "x", &report, NULL), PTM_OK);
    doc = parse(&sarif);
    yyjson_val *in_file = result(doc, 0), *nowhere = result(doc, 1), *in_member = result(doc, 2);
    static const char region[] = "/locations/0/physicalLocation/region";
    assert_int_equal(
        yyjson_get_int(yyjson_ptr_get(in_file, "/locations/0/physicalLocation/region/byteOffset")),
        99);
    assert_null(yyjson_ptr_get(nowhere, region));
    assert_null(yyjson_ptr_get(in_member, region));
    assert_string_equal(at(in_member, "/locations/0/logicalLocations/0/fullyQualifiedName"),
                        "archive/data.pkl");
    assert_string_equal(at(in_file, "/level"), "warning");
    assert_string_equal(at(nowhere, "/level"), "warning");
    assert_int_equal(yyjson_get_int(yyjson_ptr_get(in_member, "/ruleIndex")), 2);
    assert_string_not_equal(at(in_file, "/partialFingerprints/ptmFinding~1v1"),
                            at(in_member, "/partialFingerprints/ptmFinding~1v1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cli_weights__counts_are_short),
        cmocka_unit_test(test_cli_weights__numbers_are_the_shortest_that_come_back),
        cmocka_unit_test(test_cli_weights__tensors_share_when_their_bytes_touch),
        cmocka_unit_test(test_cli_weights__sarif_escapes_paths_and_texts),
        cmocka_unit_test(test_cli_weights__sarif_regions_are_of_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
