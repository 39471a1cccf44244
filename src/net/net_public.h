/* SPDX-License-Identifier: MIT */
/* net_public.h - which addresses are only the user's own to reach. Pure; thread-safe. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

/* address is as long as its family says; what is neither IPv4 nor IPv6 is inside. */
bool ptmi_address_is_inside(const struct sockaddr *address);
