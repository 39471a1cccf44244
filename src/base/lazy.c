/* SPDX-License-Identifier: MIT */
/* lazy.c - finds a library and its functions at run time (lazy.h). */
#include "lazy.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Like a linked library, it stays: what its own libraries left behind is not ours to pull from
 * under them. */
static void find(struct ptmi_lazy *library)
{
    char *slots = library->calls;
    void *handle = dlopen(library->soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!handle) snprintf(library->missing, sizeof library->missing, "it cannot be loaded");
    for (size_t i = 0; handle && i < library->n; i++) {
        void *found = dlsym(handle, library->names[i]);
        if (!found)
            snprintf(library->missing, sizeof library->missing, "it has no %s", library->names[i]);
        if (!found) return;
        memcpy(slots + i * sizeof found, &found, sizeof found);
    }
}

ptm_rc ptmi_lazy_load(struct ptmi_lazy *library, struct ptm_err *err)
{
    pthread_mutex_lock(&lock);
    if (!library->tried) find(library);
    library->tried = true;
    pthread_mutex_unlock(&lock);
    if (!library->missing[0]) return PTM_OK;
    return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: %s; %s", library->soname, library->missing,
                       library->need);
}
