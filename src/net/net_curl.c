/* SPDX-License-Identifier: MIT */
/* net_curl.c - finds libcurl and its functions at run time (net_curl.h). */
#include "net_curl.h"

#ifdef PTM_LAZY_CURL

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

/* What the build asks for, too (meson.build). */
#define VERSION_MIN 0x075400

struct ptmi_curl ptmi_curl;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *missing = "it is not there"; /* NULL once all is well */

/* Like a linked library, it stays until the process ends: curl_global_cleanup() is ours to call,
 * and what other libraries of its left behind is not ours to pull from under them. */
static void load(void)
{
    struct ptmi_curl found;
    void *library = dlopen(PTM_LAZY_CURL, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library) return;
/* POSIX has dlsym() give functions as void pointers; ISO C has no cast for it. */
#define FIND(name)                                         \
    *(void **)&found.name = dlsym(library, "curl_" #name); \
    if (!found.name) {                                     \
        missing = "it has no curl_" #name "()";            \
        return;                                            \
    }
    PTMI_CURL_CALLS(FIND)
#undef FIND
    missing = "it is older than 7.84";
    if (found.version_info(CURLVERSION_NOW)->version_num < VERSION_MIN) return;
    ptmi_curl = found;
    missing = NULL;
}

ptm_rc ptmi_curl_load(struct ptm_err *err)
{
    pthread_once(&once, load);
    if (!missing) return PTM_OK;
    return ptm_err_set(err, PTM_EUNSUPPORTED,
                       PTM_LAZY_CURL ": %s; the network needs libcurl 7.84 or later", missing);
}

#else

ptm_rc ptmi_curl_load(struct ptm_err *err)
{
    (void)err;
    return PTM_OK;
}

#endif
