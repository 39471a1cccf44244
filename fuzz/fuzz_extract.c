/* SPDX-License-Identifier: MIT */
/*
 * fuzz_extract.c - any bytes as a zip archive that is unpacked: all that appears is in the folder,
 * no link in it leads out, and the limits hold.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../src/base/auto.h"
#include "../src/base/fs.h"
#include "../src/base/path.h"
#include "../src/base/walk.h"
#include "../src/pack/extract.h"

#define BYTES_MAX 65536
#define ENTRIES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth)
{
    if (!truth) __builtin_trap();
}

struct seen {
    const char *dest;
    int64_t files, bytes;
};

static ptm_rc on_file(void *arg, const char *path, int64_t size, const char sha256[65],
                      struct ptm_err *err)
{
    struct seen *seen = arg;
    (void)err;
    expect(ptmi_path_check_relative(path, NULL) == PTM_OK && strlen(sha256) == 64);
    seen->files++;
    seen->bytes += size;
    expect(seen->files <= ENTRIES_MAX && seen->bytes <= BYTES_MAX);
    return PTM_OK;
}

/* Every file that the walk comes to, through links too, is one of dest. */
static ptm_rc look_at(void *arg, const char *path, const struct ptm_err *why, struct ptm_err *err)
{
    const struct seen *seen = arg;
    char real[PATH_MAX];
    size_t len = strlen(seen->dest);
    (void)why, (void)err;
    if (!realpath(path, real)) return PTM_OK;
    expect(strncmp(real, seen->dest, len) == 0 && real[len] == '/');
    return PTM_OK;
}

static void write_archive(const char *path, const uint8_t *data, size_t size)
{
    PTM_AUTO(ptmi_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    expect(fd >= 0 && write(fd, data, size) == (ssize_t)size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char folder[] = "/tmp/ptm-fuzz-XXXXXX", archive[64], dest[64];
    struct ptmi_extracted out = {0};
    struct ptm_err err = {0};
    expect(mkdtemp(folder) != NULL);
    snprintf(archive, sizeof archive, "%s/a.zip", folder);
    snprintf(dest, sizeof dest, "%s/dest", folder);
    write_archive(archive, data, size);
    expect(mkdir(dest, 0700) == 0);
    struct seen seen = {.dest = dest};
    struct ptmi_extract what = {.archive = archive,
                                .dest = dest,
                                .max_bytes = BYTES_MAX,
                                .max_entries = ENTRIES_MAX,
                                .one_root = size % 2 != 0,
                                .on_file = on_file,
                                .arg = &seen};
    if (ptmi_extract_zip(NULL, &what, &out, &err) == PTM_OK)
        expect(out.files == seen.files && out.bytes == seen.bytes);
    else
        expect(err.msg[0] != '\0');
    struct ptmi_walk walk = {.fn = look_at, .arg = &seen};
    expect(ptmi_walk(&walk, dest, NULL) == PTM_OK);
    expect(ptmi_fs_remove_tree(folder, NULL) == PTM_OK);
    return 0;
}
