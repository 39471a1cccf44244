/* SPDX-License-Identifier: MIT */
/* netopts.h - the options of the network, turned into those of ptm_net. */
#pragma once

#include <ptm/net.h>

#include "opts.h"

/*
 * Fills *out for a hub (NULL: for none in particular). Its texts are borrowed from values;
 * *out_rewrites is the array behind out->rewrites, to be freed by the caller.
 */
PTM_MUST_USE ptm_rc ptmi_net_options(const struct ptmi_values *values, const char *hub,
                                     struct ptm_net_opts *out, const char ***out_rewrites,
                                     struct ptm_err *err);
