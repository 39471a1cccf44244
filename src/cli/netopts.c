/* SPDX-License-Identifier: MIT */
/* netopts.c - rewriting, tokens, offline, rate and retries, as the command line has them. */
#include "netopts.h"

#include "../base/auto.h"

ptm_rc ptmi_net_options(const struct ptmi_values *values, const char *hub, struct ptm_net_opts *out,
                        const char ***out_rewrites, struct ptm_err *err)
{
    struct ptm_net_opts net = PTM_NET_OPTS_INIT;
    PTM_TRY(ptmi_values_list(values, PTMI_OPT_REWRITE, hub, out_rewrites, &net.n_rewrites, err));
    net.rewrites = *out_rewrites;
    net.limit_rate = ptmi_values_size(values, PTMI_OPT_LIMIT_RATE, hub);
    int64_t retries = ptmi_values_int(values, PTMI_OPT_RETRIES, hub);
    net.retries = retries ? (int)retries : -1;
    net.offline = ptmi_values_flag(values, PTMI_OPT_OFFLINE, hub);
    net.no_netrc = ptmi_values_flag(values, PTMI_OPT_NO_NETRC, hub);
    net.ca_bundle = ptmi_values_text(values, PTMI_OPT_CA_BUNDLE, hub);
    net.hf_token = ptmi_values_text(values, PTMI_OPT_HF_TOKEN, NULL);
    net.github_token = ptmi_values_text(values, PTMI_OPT_GITHUB_TOKEN, NULL);
    *out = net;
    return PTM_OK;
}
