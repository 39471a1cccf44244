/* SPDX-License-Identifier: MIT */
/* net_public.h - which addresses are only the user's own to reach, and who connects to them.
 * Thread-safe. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

/* address is as long as its family says; what is neither IPv4 nor IPv6 is inside. */
bool ptmi_address_is_inside(const struct sockaddr *address);
/* Is there a proxy for the URL's scheme, by the variables that libcurl looks at? Not with
 * no_proxy=*; other hosts in no_proxy do not count. */
bool ptmi_url_has_proxy(const char *url);
