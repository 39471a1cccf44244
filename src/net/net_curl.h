/* SPDX-License-Identifier: MIT */
/*
 * net_curl.h - libcurl, loaded when the first engine starts.
 *
 * libcurl brings eighteen libraries along (Kerberos, LDAP, a second TLS ..), and the loader takes
 * longer over them than `ptm torch list` takes in all. With PTM_LAZY_CURL, the name of the library,
 * calls go through a table; without it this is <curl/curl.h>. Calls look the same.
 */
#pragma once

/* The checks of arguments are macros around the very names below. */
#ifdef PTM_LAZY_CURL
#define CURL_DISABLE_TYPECHECK
#endif
#include <curl/curl.h>

#include <ptm/err.h>

/* Before any other call, as often as one likes; any thread. PTM_EUNSUPPORTED: there is none, or it
 * is too old. */
PTM_MUST_USE ptm_rc ptmi_curl_load(struct ptm_err *err);

#ifdef PTM_LAZY_CURL
#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt
/* clang-format off */
#define PTMI_CURL_CALLS(X)                                                                     \
    X(easy_cleanup) X(easy_getinfo) X(easy_init) X(easy_pause) X(easy_reset) X(easy_setopt)    \
    X(easy_strerror) X(global_cleanup) X(global_init) X(multi_add_handle) X(multi_cleanup)     \
    X(multi_info_read) X(multi_init) X(multi_perform) X(multi_poll) X(multi_remove_handle)     \
    X(multi_setopt) X(multi_wakeup) X(slist_append) X(slist_free_all) X(version_info)
/* clang-format on */
struct ptmi_curl {
#define PTMI_CURL_MEMBER(name) __typeof__(curl_##name) *name;
    PTMI_CURL_CALLS(PTMI_CURL_MEMBER)
#undef PTMI_CURL_MEMBER
};
extern struct ptmi_curl ptmi_curl; /* filled once, never changed or unloaded */
#define curl_easy_cleanup ptmi_curl.easy_cleanup
#define curl_easy_getinfo ptmi_curl.easy_getinfo
#define curl_easy_init ptmi_curl.easy_init
#define curl_easy_pause ptmi_curl.easy_pause
#define curl_easy_reset ptmi_curl.easy_reset
#define curl_easy_setopt ptmi_curl.easy_setopt
#define curl_easy_strerror ptmi_curl.easy_strerror
#define curl_global_cleanup ptmi_curl.global_cleanup
#define curl_global_init ptmi_curl.global_init
#define curl_multi_add_handle ptmi_curl.multi_add_handle
#define curl_multi_cleanup ptmi_curl.multi_cleanup
#define curl_multi_info_read ptmi_curl.multi_info_read
#define curl_multi_init ptmi_curl.multi_init
#define curl_multi_perform ptmi_curl.multi_perform
#define curl_multi_poll ptmi_curl.multi_poll
#define curl_multi_remove_handle ptmi_curl.multi_remove_handle
#define curl_multi_setopt ptmi_curl.multi_setopt
#define curl_multi_wakeup ptmi_curl.multi_wakeup
#define curl_slist_append ptmi_curl.slist_append
#define curl_slist_free_all ptmi_curl.slist_free_all
#define curl_version_info ptmi_curl.version_info
#endif
