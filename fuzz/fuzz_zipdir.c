/* SPDX-License-Identifier: MIT */
/* fuzz_zipdir.c - any bytes as a zip file: read, checked, every member opened; what was read lies
 * in the file, and every name is found. */
#include <string.h>

#include "../src/base/auto.h"
#include "../src/weights/zipdir.h"

#define MEMBERS_MAX 64
#define UNPACKED_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool truth)
{
    if (!truth) __builtin_trap();
}

static void open_member(struct ptmi_zip *zip, struct ptmi_zip_member *member, size_t size)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    const uint8_t *p = NULL;
    const struct ptmi_zip_member *found = ptmi_zip_find(zip, member->name);
    if (strlen(member->name) == member->name_len)
        expect(found && strcmp(found->name, member->name) == 0 && found >= member);
    if (ptmi_zip_open(zip, member, UNPACKED_MAX, &source, NULL) != PTM_OK) return;
    expect(member->data >= 30 && member->data <= size && member->packed <= size - member->data);
    expect(ptmi_source_size(source) == member->size);
    expect(ptmi_source_at(source, 0, member->size, &p, NULL) == PTM_OK);
    (void)ptmi_zip_crc(0, p, (size_t)member->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    PTM_AUTO(ptmi_zip_clear) struct ptmi_zip zip = {0};
    uint32_t kinds = 0;
    (void)ptmi_zip_is(data, size);
    if (ptmi_source_lend(data, size, "fuzz", &source, NULL) != PTM_OK) return 0;
    if (ptmi_zip_read(source, &zip, NULL) != PTM_OK) return 0;
    (void)!ptmi_zip_check(&zip, NULL);
    for (size_t i = 0; i < zip.n_members && i < MEMBERS_MAX; i++)
        open_member(&zip, &zip.members[i], size);
    for (size_t i = 0; i < zip.n_odds; i++) {
        kinds |= PTMI_ODD_BIT(zip.odds[i].what);
        expect(zip.odds[i].offset <= size && zip.odds[i].detail[0] != '\0');
    }
    expect(kinds == zip.odd_kinds);
    return 0;
}
