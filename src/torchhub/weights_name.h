/* SPDX-License-Identifier: MIT */
/* weights_name.h - the name that a URL's file gets, for this room and the command. Pure. */
#pragma once

#include <ptm/err.h>

/* Last part of a URL's path, percent escapes kept, as torch names the file. PTM_EINVAL when it has
 * none or it may not become a path. malloc'ed. */
PTM_MUST_USE ptm_rc ptmi_weights_name(const char *url, char **out, struct ptm_err *err);
