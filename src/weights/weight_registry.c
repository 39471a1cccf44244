/* SPDX-License-Identifier: MIT */
/* weight_registry.c - the formats there are, and what bytes look like that are none of them. */
#include <string.h>

#include "weights_priv.h"

/* One line a format; where two are as sure of a file, the first is taken. */
/* clang-format off */
static const struct ptmi_weight_format *const formats[] = {
    &ptmi_format_pt_zip,
    &ptmi_format_pt_legacy,
    &ptmi_format_pt_tar,
    &ptmi_format_safetensors,
    &ptmi_format_gguf,
    &ptmi_format_npy,
    &ptmi_format_npz,
    &ptmi_format_onnx,
    &ptmi_format_pickle,
    NULL,
};
/* clang-format on */

const struct ptmi_weight_format *ptmi_weight_format_at(size_t i)
{
    return i < sizeof formats / sizeof *formats ? formats[i] : NULL;
}

const struct ptmi_weight_format *ptmi_weight_format_probe(const struct ptmi_probe *probe)
{
    const struct ptmi_weight_format *best = NULL;
    int most = 0;
    for (size_t i = 0; formats[i]; i++) {
        int score = formats[i]->probe(probe);
        if (score > most) {
            most = score;
            best = formats[i];
        }
    }
    return best;
}

/* What is served or found in place of a checkpoint, by its first bytes. */
static const struct look {
    const char *bytes;
    size_t len, at;
    const char *what;
} looks[] = {
    {"version https://git-lfs.github.com/spec/", 40, 0,
     "a Git LFS pointer: the file itself has not been fetched"},
    {"7z\xbc\xaf\x27\x1c", 6, 0, "a 7z archive"},
    {"Rar!\x1a\x07", 6, 0, "a RAR archive"},
    {"MSCF", 4, 0, "a cabinet archive"},
    {"\x1f\x8b", 2, 0, "gzip data"},
    {"BZh", 3, 0, "bzip2 data"},
    {"\xfd"
     "7zXZ",
     5, 0, "xz data"},
    {"\x28\xb5\x2f\xfd", 4, 0, "zstd data"},
    {"\x04\x22\x4d\x18", 4, 0, "lz4 data"},
    {"\x89HDF\r\n\x1a\n", 8, 0, "an HDF5 file (Keras), a format ptm does not read"},
    {"TFL3", 4, 4, "a TensorFlow Lite model, a format ptm does not read"},
    {"%PDF-", 5, 0, "a PDF document"},
    {"\x7f"
     "ELF",
     4, 0, "a program (ELF)"},
    {"\x89PNG", 4, 0, "a PNG image"},
    {"ggjt", 4, 0, "a GGML file of before GGUF"},
    {"tjgg", 4, 0, "a GGML file of before GGUF"},
    {"lmgg", 4, 0, "a GGML file of before GGUF"},
};

/* Does the text begin, after white space and a byte order mark, as HTML does? */
static bool is_html(const uint8_t *head, size_t len)
{
    size_t at = len >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < len && (head[at] == ' ' || (head[at] >= '\t' && head[at] <= '\r'))) at++;
    static const char *const begins[] = {"<!doctype html", "<html", "<head", "<?xml", "<!--"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        size_t n = strlen(begins[i]), same = 0;
        while (same < n && at + same < len && (head[at + same] | 0x20) == (begins[i][same] | 0x20))
            same++;
        if (same == n) return true;
    }
    return false;
}

const char *ptmi_weight_looks_like(const uint8_t *head, size_t len)
{
    if (len == 0) return "an empty file";
    if (is_html(head, len)) return "an HTML page, not a file: was a link to a web page fetched?";
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (looks[i].at + looks[i].len <= len &&
            memcmp(head + looks[i].at, looks[i].bytes, looks[i].len) == 0)
            return looks[i].what;
    return NULL;
}
