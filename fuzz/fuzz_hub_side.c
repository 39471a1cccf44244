/* SPDX-License-Identifier: MIT */
/* fuzz_hub_side.c - side files of cached repositories, and "owner/name[:ref]": whatever passes may
 * become a path and part of a URL. */
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "torchhub/torchhub_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_spec(const char *text)
{
    struct ptm_err err = {0};
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    if (ptmi_repo_spec_parse(text, &spec, &err) < 0) {
        if (!strstr(err.msg, "expected OWNER/NAME")) abort();
        return;
    }
    PTM_AUTO(ptmi_freep) char *folder = ptmi_repo_spec_folder(&spec, spec.ref ? spec.ref : "main");
    PTM_AUTO(ptmi_freep) char *other = ptmi_spec_other_reading(&spec, spec.ref ? spec.ref : "main");
    if (!folder || !other || ptmi_path_check_name(folder, &err) < 0) abort();
    if (strpbrk(spec.owner, "/ %?#&") || strpbrk(spec.name, "/ %?#&")) abort();
    if (spec.ref && (*spec.ref == '-' || strstr(spec.ref, ".."))) abort();
}

static void check_side(const char *data, size_t size)
{
    struct ptm_err err;
    PTM_AUTO(ptm_torchhub_repo_clear) struct ptm_torchhub_repo repo = {0};
    if (ptmi_side_parse(data, size, "side", &repo, &err) < 0) return;
    struct ptmi_repo_spec spec = {.owner = repo.owner, .name = repo.name, .ref = repo.ref};
    PTM_AUTO(ptmi_freep) char *folder = ptmi_repo_spec_folder(&spec, repo.ref);
    if (!folder || ptmi_path_check_name(folder, &err) < 0) abort();
    if (repo.commit && strlen(repo.commit) != 40) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PTM_AUTO(ptmi_freep) char *text = malloc(size + 1);
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    check_spec(text);
    check_side(text, size);
    return 0;
}
