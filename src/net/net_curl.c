/* SPDX-License-Identifier: MIT */
/* net_curl.c - the table of net_curl.h. */
#include "net_curl.h"

#ifdef PTM_LAZY_CURL

#include "../base/auto.h"

/* What the build asks for, too (meson.build). */
#define VERSION_MIN 0x075400

struct ptmi_curl ptmi_curl;

PTMI_LAZY_LIBRARY(PTMI_CURL_CALLS, ptmi_curl, PTM_LAZY_CURL,
                  "the network needs libcurl 7.84 or later");

ptm_rc ptmi_curl_load(struct ptm_err *err)
{
    PTM_TRY(ptmi_lazy_load(&library, err));
    const curl_version_info_data *is = curl_version_info(CURLVERSION_NOW);
    if (is->version_num >= VERSION_MIN) return PTM_OK;
    return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: it is %s; %s", library.soname, is->version,
                       library.need);
}

#else

ptm_rc ptmi_curl_load(struct ptm_err *err)
{
    (void)err;
    return PTM_OK;
}

#endif
