/* SPDX-License-Identifier: MIT */
/* hubconf_looks.h - for tests of hubconf.py: files are written, read as a repository, and what was
 * found is laid out as text to compare with. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ptm/torchhub.h>

#include "unit_tmp.h"

#define LOOKS_MAX 65536

/* One file of the repository; a test has up to 8, the list ends with {0}. */
struct repo_file {
    const char *path;
    const char *text;
};

static inline void write_files(const char *folder, const struct repo_file *files)
{
    for (; files->path; files++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, files->path);
        for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); slash++) {
            *slash = '\0';
            mkdir(path, 0777);
            *slash = '/';
        }
        unit_write(path, files->text);
    }
}

static inline ptm_hubconf *opened(const char *folder)
{
    ptm_hubconf *hubconf = NULL;
    struct ptm_err err = {0};
    if (ptm_hubconf_open(folder, &hubconf, &err) != PTM_OK) fail_msg("%s", err.msg);
    return hubconf;
}

/* "name kind certainty signature", a line each; nameless: "- dynamic text". */
static inline void lay_out(const ptm_hubconf *hubconf, char *out)
{
    static const char *const CERTAINTY[] = {"", "sure", "import", "dynamic"};
    const struct ptm_hub_entry *entry;
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; (entry = ptm_hubconf_entry(hubconf, i)); i++)
        n += (size_t)snprintf(
            out + n, LOOKS_MAX - n, "%s %s %s%s%s\n", entry->name ? entry->name : "-", entry->kind,
            entry->name ? CERTAINTY[entry->certainty] : entry->text, entry->signature ? " " : "",
            entry->signature ? entry->signature : "");
}

/* The URLs of one entry, a line each; "more" behind them. */
static inline void lay_out_urls(const ptm_hubconf *hubconf, const char *name, char *out)
{
    const struct ptm_hub_entry *entry = ptm_hubconf_find(hubconf, name);
    size_t n = 0;
    out[0] = '\0';
    if (!entry) fail_msg("no entry %s", name);
    for (size_t i = 0; i < entry->n_urls; i++)
        n += (size_t)snprintf(out + n, LOOKS_MAX - n, "%s\n", entry->urls[i]);
    if (entry->more_urls) snprintf(out + n, LOOKS_MAX - n, "more\n");
}
