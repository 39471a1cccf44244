/* SPDX-License-Identifier: MIT */
/*
 * net_curl.h - libcurl, loaded when the first engine starts: it brings eighteen libraries along
 * (Kerberos, LDAP, a second TLS ..).
 */
#pragma once

/* The checks of arguments are macros around the very names below. */
#ifdef PTM_LAZY_CURL
#define CURL_DISABLE_TYPECHECK
#endif
#include <curl/curl.h>

#include "../base/lazy.h"

/* Before any other call; base/lazy.h says the rest. PTM_EUNSUPPORTED: it is too old, too. */
PTM_MUST_USE ptm_rc ptmi_curl_load(struct ptm_err *err);

#ifdef PTM_LAZY_CURL
#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt
/* clang-format off */
#define PTMI_CURL_CALLS(X)                                                                     \
    X(curl_easy_cleanup) X(curl_easy_getinfo) X(curl_easy_init) X(curl_easy_pause)             \
    X(curl_easy_reset) X(curl_easy_setopt) X(curl_easy_strerror) X(curl_global_cleanup)        \
    X(curl_global_init) X(curl_multi_add_handle) X(curl_multi_cleanup) X(curl_multi_info_read) \
    X(curl_multi_init) X(curl_multi_perform) X(curl_multi_poll) X(curl_multi_remove_handle)    \
    X(curl_multi_setopt) X(curl_multi_wakeup) X(curl_slist_append) X(curl_slist_free_all)      \
    X(curl_version_info)
/* clang-format on */
struct ptmi_curl {
    PTMI_CURL_CALLS(PTMI_LAZY_MEMBER)
};
extern struct ptmi_curl ptmi_curl; /* filled once */
#define curl_easy_cleanup (*ptmi_curl.curl_easy_cleanup)
#define curl_easy_getinfo (*ptmi_curl.curl_easy_getinfo)
#define curl_easy_init (*ptmi_curl.curl_easy_init)
#define curl_easy_pause (*ptmi_curl.curl_easy_pause)
#define curl_easy_reset (*ptmi_curl.curl_easy_reset)
#define curl_easy_setopt (*ptmi_curl.curl_easy_setopt)
#define curl_easy_strerror (*ptmi_curl.curl_easy_strerror)
#define curl_global_cleanup (*ptmi_curl.curl_global_cleanup)
#define curl_global_init (*ptmi_curl.curl_global_init)
#define curl_multi_add_handle (*ptmi_curl.curl_multi_add_handle)
#define curl_multi_cleanup (*ptmi_curl.curl_multi_cleanup)
#define curl_multi_info_read (*ptmi_curl.curl_multi_info_read)
#define curl_multi_init (*ptmi_curl.curl_multi_init)
#define curl_multi_perform (*ptmi_curl.curl_multi_perform)
#define curl_multi_poll (*ptmi_curl.curl_multi_poll)
#define curl_multi_remove_handle (*ptmi_curl.curl_multi_remove_handle)
#define curl_multi_setopt (*ptmi_curl.curl_multi_setopt)
#define curl_multi_wakeup (*ptmi_curl.curl_multi_wakeup)
#define curl_slist_append (*ptmi_curl.curl_slist_append)
#define curl_slist_free_all (*ptmi_curl.curl_slist_free_all)
#define curl_version_info (*ptmi_curl.curl_version_info)
#endif
