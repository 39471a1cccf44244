/* SPDX-License-Identifier: MIT */
/* pending.c - what is declared and not built yet says so. Goes away piece by piece: weak, so that
 * the real one wins. */
#include "torchhub_priv.h"
#pragma GCC diagnostic ignored "-Wunused-parameter"

__attribute__((weak)) ptm_rc ptm_torchhub_check(ptm_torchhub *hub, const char *dir, bool online,
                                                ptm_torchhub_advice_fn fn, void *arg,
                                                struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EUNSUPPORTED, "ptm_torchhub_check: not built yet");
}
