/* SPDX-License-Identifier: MIT */
/* look.h - the catalogue opened for looking alone: status, failures, show. */
#pragma once

#include "../base/auto.h"
#include "../catalog/catalog.h"
#include "cli.h"

PTM_DEFINE_CLEANUP(ptmi_catalog_closep, ptmi_catalog *, ptmi_catalog_close)

/* Starts cli. PTM_EINVAL, with the way out, when there is no catalogue. */
PTM_MUST_USE ptm_rc ptmi_look_open(struct ptmi_cli *cli, ptmi_catalog **out, struct ptm_err *err);
