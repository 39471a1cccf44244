/* SPDX-License-Identifier: MIT */
/*
 * lazy.h - libraries that are loaded when they are first needed, not at every start.
 *
 * Some bring a dozen others along (Kerberos, LDAP, a second TLS, the tables of Unicode ..), and the
 * loader takes longer over them than `ptm torch list` takes in all. Such a library has a header of
 * its own, included in place of the library's, which keeps the calls as they are:
 *
 *     #include <thing.h>
 *     PTM_MUST_USE ptm_rc ptmi_thing_load(struct ptm_err *err);   before the first call
 *     #ifdef PTM_LAZY_THING                                       its name, by meson.build
 *     #define PTMI_THING_CALLS(X) X(thing_new) X(thing_free)
 *     struct ptmi_thing { PTMI_THING_CALLS(PTMI_LAZY_MEMBER) };
 *     extern struct ptmi_thing ptmi_thing;
 *     #define thing_new (*ptmi_thing.thing_new)
 *     #define thing_free (*ptmi_thing.thing_free)
 *     #endif
 *
 * and a .c file with the table, PTMI_LAZY_LIBRARY and ptmi_thing_load(). What is used but not
 * listed does not link. Built without the macro, the library is linked as usual.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <ptm/err.h>

#define PTMI_LAZY_MEMBER(name) __typeof__(name) *name;
#define PTMI_LAZY_NAME(name) #name,
/* The library itself, as the static variable `library`: names and calls come from one list. */
#define PTMI_LAZY_LIBRARY(LIST, table, file, who)                   \
    static const char *const lazy_names[] = {LIST(PTMI_LAZY_NAME)}; \
    static struct ptmi_lazy library = {                             \
        .soname = (file),                                           \
        .need = (who),                                              \
        .names = lazy_names,                                        \
        .n = sizeof lazy_names / sizeof *lazy_names,                \
        .calls = &(table),                                          \
    }

/* The fields of a library: names and calls are made from one list, so they have one order. */
struct ptmi_lazy {
    const char *soname;
    const char *need; /* who wants it, for the error: "the network needs libcurl 7.84 or later" */
    const char *const *names;
    size_t n;
    void *calls; /* the struct of n pointers */
    bool tried;
    char missing[120]; /* "" once all is well */
};

/* Before the first call, as often as one likes; any thread. It stays loaded until the process ends.
 * PTM_EUNSUPPORTED: there is none, or it lacks something. */
PTM_MUST_USE ptm_rc ptmi_lazy_load(struct ptmi_lazy *library, struct ptm_err *err);
