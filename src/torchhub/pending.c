/* SPDX-License-Identifier: MIT */
/* pending.c - what is declared and not built yet says so. Goes away piece by piece: weak, so that
 * the real one wins. */
#include "torchhub_priv.h"
#pragma GCC diagnostic ignored "-Wunused-parameter"

__attribute__((weak)) ptm_rc ptm_hubconf_open(const char *dir, ptm_hubconf **out,
                                              struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EUNSUPPORTED, "ptm_hubconf_open: not built yet");
}

__attribute__((weak)) void ptm_hubconf_close(ptm_hubconf *hubconf)
{
}

__attribute__((weak)) const struct ptm_hub_entry *ptm_hubconf_entry(const ptm_hubconf *hubconf,
                                                                    size_t i)
{
    return 0;
}

__attribute__((weak)) const struct ptm_hub_entry *ptm_hubconf_find(const ptm_hubconf *hubconf,
                                                                   const char *name)
{
    return 0;
}

__attribute__((weak)) const char *ptm_hubconf_dependency(const ptm_hubconf *hubconf, size_t i,
                                                         bool *out_sure)
{
    return 0;
}

__attribute__((weak)) const char *ptm_hubconf_doc(const ptm_hubconf *hubconf)
{
    return 0;
}

__attribute__((weak)) int ptm_hubconf_damage(const ptm_hubconf *hubconf)
{
    return 0;
}

__attribute__((weak)) ptm_rc ptm_torchhub_list(ptm_torchhub *hub, const char *repo, bool local,
                                               const struct ptm_torchhub_fetch_opts *opts,
                                               ptm_hubconf **out, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EUNSUPPORTED, "ptm_torchhub_list: not built yet");
}

__attribute__((weak)) ptm_rc ptm_torchhub_help(ptm_torchhub *hub, const char *repo, bool local,
                                               const char *entry,
                                               const struct ptm_torchhub_fetch_opts *opts,
                                               char **out, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EUNSUPPORTED, "ptm_torchhub_help: not built yet");
}

__attribute__((weak)) ptm_rc ptm_torchhub_check(ptm_torchhub *hub, const char *dir, bool online,
                                                ptm_torchhub_advice_fn fn, void *arg,
                                                struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EUNSUPPORTED, "ptm_torchhub_check: not built yet");
}
