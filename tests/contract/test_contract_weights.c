/* SPDX-License-Identifier: MIT */
/*
 * test_contract_weights.c - one suite over every registered format of checkpoints: whole files open
 * and every value of them is read; a file cut anywhere opens with what is left, or ends with an
 * error that names it; nothing is opened that is no checkpoint. Of a new format it wants a row in
 * `goods`: the folder of its fuzzer's corpus, of which the whole files are taken.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/fs.h"
#include "base/path.h"
#include "weights_bytes.h"

#define FILE_MAX (1u << 20)

static const struct good {
    const char *format, *corpus;
    const char *name; /* that the files are given: what has no magic number goes by it */
} goods[] = {
    {"pytorch-zip", "pt_zip", "x.pt"},
    {"pytorch-legacy", "pt_legacy", "x.pt"},
    {"pytorch-tar", "pt_tar", "x.tar"},
    {"safetensors", "safetensors", "x.safetensors"},
    {"gguf", "gguf", "x.gguf"},
    {"npy", "npy", "x.npy"},
    {"npz", "npz", "x.npz"},
    {"onnx", "onnx", "x.onnx"},
    {"pickle", "plain_pickle", "x.pkl"},
};

static const struct good *good_of(const struct ptmi_weight_format *format)
{
    for (size_t i = 0; i < sizeof goods / sizeof *goods; i++)
        if (strcmp(goods[i].format, format->name) == 0) return &goods[i];
    fail_msg("%s: no row in goods", format->name);
    return NULL;
}

static void read_all(ptm_weights *weights, const struct ptm_tensor *tensor)
{
    for (size_t i = 0; i < tensor->n_parts; i++) read_all(weights, &tensor->parts[i]);
    if (tensor->nbytes > FILE_MAX) return; /* expanded: larger than what it is a view of */
    struct ptm_err err = {0};
    void *out = malloc((size_t)tensor->nbytes + 1);
    assert_non_null(out);
    ptm_rc rc = ptm_weights_read(weights, tensor, out, (size_t)tensor->nbytes, &err);
    if (rc != PTM_OK) assert_true(err.msg[0]);
    free(out);
}

static void check_opened(ptm_weights *weights)
{
    assert_true(ptm_weights_format(weights)[0]);
    assert_true(ptm_weights_parameters(weights) >= 0 && ptm_weights_bytes(weights) >= 0);
    for (size_t i = 0; i < ptm_weights_count(weights); i++) {
        const struct ptm_tensor *tensor = ptm_weights_tensor(weights, i);
        assert_ptr_equal(ptm_weights_find(weights, tensor->name), tensor);
        assert_true(tensor->storage == PTM_NO_STORAGE ||
                    tensor->storage < ptm_weights_storage_count(weights));
        read_all(weights, tensor);
    }
}

static void check_cut(const struct good *good, const char *data, size_t len)
{
    struct ptm_err err = {0};
    ptm_weights *weights = NULL;
    ptm_rc rc = open_named(data, len, good->name, &weights, &err);
    if (rc == PTM_OK) {
        check_opened(weights);
        ptm_weights_close(weights);
        return;
    }
    assert_null(weights);
    if (rc == PTM_EBUG || !strstr(err.msg, good->name))
        fail_msg("%s, %zu bytes: %s: %s", good->corpus, len, ptm_rc_name(rc), err.msg);
}

/* Is the file a whole one of that format? Then it is read, and cut at every byte. */
static bool try_file(const struct ptmi_weight_format *format, const struct good *good,
                     const char *path)
{
    PTM_AUTO(ptmi_freep) char *data = NULL;
    size_t len = 0;
    struct ptm_err err = {0};
    ptm_weights *weights = NULL;
    assert_int_equal(ptmi_fs_read(path, FILE_MAX, &data, &len, &err), PTM_OK);
    if (open_named(data, len, good->name, &weights, &err) != PTM_OK) return false;
    bool is = weights->ops == format && ptm_weights_count(weights) > 0;
    if (is) check_opened(weights);
    ptm_weights_close(weights);
    for (size_t cut = 0; is && cut < len; cut++) check_cut(good, data, cut);
    return is;
}

static void test_contract_weights__whole_files_are_read_and_cut_ones_end_well(void **state)
{
    (void)state;
    const struct ptmi_weight_format *format;
    for (size_t i = 0; (format = ptmi_weight_format_at(i)); i++) {
        const struct good *good = good_of(format);
        PTM_AUTO(ptmi_freep) char *dir = ptmi_path_join(getenv("PTM_TEST_CORPUS"), good->corpus);
        PTM_AUTO(ptmi_closedirp) DIR *files = opendir(dir);
        size_t whole = 0;
        assert_non_null(files);
        for (struct dirent *entry; (entry = readdir(files));) {
            if (entry->d_name[0] == '.') continue;
            PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dir, entry->d_name);
            whole += try_file(format, good, path);
        }
        if (whole == 0) fail_msg("%s: no whole file of %s", dir, format->name);
    }
}

static void test_contract_weights__nothing_else_is_taken_for_one(void **state)
{
    static const char *const others[] = {"",
                                         "\n",
                                         "<!DOCTYPE html><html></html>",
                                         "version https://git-lfs.github.com/spec/v1\n",
                                         "{\"architectures\": [\"GPT2\"]}",
                                         "MIT License\n\nCopyright\n"};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct ptm_err err = {0};
        ptm_weights *weights = NULL;
        ptm_rc rc = open_named(others[i], strlen(others[i]), "x.bin", &weights, &err);
        if (rc != PTM_EUNSUPPORTED) fail_msg("'%s': %s: %s", others[i], ptm_rc_name(rc), err.msg);
    }
}

static void test_contract_weights__formats_have_names_of_their_own(void **state)
{
    (void)state;
    const struct ptmi_weight_format *format, *other;
    for (size_t i = 0; (format = ptmi_weight_format_at(i)); i++) {
        assert_true(format->name[0] && format->probe && format->open);
        for (size_t k = 0; k < i; k++) {
            other = ptmi_weight_format_at(k);
            assert_string_not_equal(format->name, other->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contract_weights__whole_files_are_read_and_cut_ones_end_well),
        cmocka_unit_test(test_contract_weights__nothing_else_is_taken_for_one),
        cmocka_unit_test(test_contract_weights__formats_have_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
