/* SPDX-License-Identifier: MIT */
/* fuzz_tardir.c - any bytes as a tar file: read, every member opened; what was read lies in the
 * file, in order and apart, and every name is found. */
#include <string.h>

#include "../src/base/auto.h"
#include "../src/weights/tardir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth)
{
    if (!truth) __builtin_trap();
}

static void open_member(struct ptmi_tar *tar, const struct ptmi_tar_member *member)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    const uint8_t *p = NULL;
    const struct ptmi_tar_member *found = ptmi_tar_find(tar, member->name);
    expect(found && found >= member && strcmp(found->name, member->name) == 0);
    expect(ptmi_tar_open(tar, member, &source, NULL) == PTM_OK);
    expect(ptmi_source_at(source, 0, member->size, &p, NULL) == PTM_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    PTM_AUTO(ptmi_tar_clear) struct ptmi_tar tar = {0};
    uint64_t end = 0;
    (void)ptmi_tar_is(data, size);
    if (ptmi_source_lend(data, size, "fuzz", &source, NULL) != PTM_OK) return 0;
    if (ptmi_tar_read(source, &tar, NULL) != PTM_OK) return 0;
    expect(tar.n_members > 0);
    for (size_t i = 0; i < tar.n_members; i++) {
        expect(tar.members[i].data >= end + 512);
        end = tar.members[i].data + tar.members[i].size;
        expect(end <= size);
        open_member(&tar, &tar.members[i]);
    }
    return 0;
}
