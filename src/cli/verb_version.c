/* SPDX-License-Identifier: MIT */
/* verb_version.c - `ptm version`: ours, and those of the libraries that were loaded. */
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdio.h>
#include <yyjson.h>
#include <zstd.h>

#include "../base/auto.h"
#include "../git/git.h"
#include "../net/net_curl.h"
#include "cli.h"

struct library {
    const char *name;
    char version[64];
};

ptm_rc ptmi_verb_version(struct ptmi_cli *cli, int *status, struct ptm_err *err)
{
    struct library libraries[] = {
        {"libcurl", ""}, {"SQLite", ""}, {"libgit2", ""},
        {"OpenSSL", ""}, {"yyjson", ""}, {"zstd", ""},
    };
    (void)status;
    PTM_TRY(ptmi_cli_no_operands(cli, err));
    snprintf(libraries[0].version, sizeof libraries[0].version, "%s",
             ptmi_curl_load(NULL) == PTM_OK ? curl_version_info(CURLVERSION_NOW)->version : "none");
    snprintf(libraries[1].version, sizeof libraries[1].version, "%s", sqlite3_libversion());
    ptmi_git2_version(libraries[2].version, sizeof libraries[2].version);
    snprintf(libraries[3].version, sizeof libraries[3].version, "%s",
             OpenSSL_version(OPENSSL_VERSION_STRING));
    snprintf(libraries[4].version, sizeof libraries[4].version, "%u.%u.%u", yyjson_version() >> 16,
             yyjson_version() >> 8 & 0xff, yyjson_version() & 0xff);
    snprintf(libraries[5].version, sizeof libraries[5].version, "%s", ZSTD_versionString());
    if (ptmi_cli_json(cli)) {
        struct ptmi_json_line line;
        ptmi_json_line_begin(&line);
        ptmi_json_line_str(&line, "ptm", PTM_VERSION);
        for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
            ptmi_json_line_str(&line, libraries[i].name, libraries[i].version);
        return ptmi_json_line_print(&line, &cli->out, err);
    }
    ptmi_out_printf(&cli->out, "ptm %s\n", PTM_VERSION);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        ptmi_out_printf(&cli->out, "%s %s\n", libraries[i].name, libraries[i].version);
    return PTM_OK;
}
