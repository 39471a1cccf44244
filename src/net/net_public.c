/* SPDX-License-Identifier: MIT */
/*
 * net_public.c - addresses that URLs of strangers may not lead to: this machine, and what only the
 * user's own network reaches (RFC 6890), the clouds' 169.254.169.254 among it. Looked at when the
 * connection is made, after names have been looked up: a name that is first outside and then inside
 * gains nothing.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/str.h"
#include "net_engine_priv.h"
#include "net_public.h"

struct block {
    uint8_t bytes[4];
    int bits;
};

static const struct block inside_4[] = {
    {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},    {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12}, {{192, 0, 0, 0}, 24},  {{192, 168, 0, 0}, 16},
    {{198, 18, 0, 0}, 15},  {{224, 0, 0, 0}, 3}};

static bool is_in(const uint8_t *address, const struct block *block)
{
    for (int bit = 0; bit < block->bits; bit++) {
        uint8_t mask = (uint8_t)(0x80 >> bit % 8);
        if ((address[bit / 8] ^ block->bytes[bit / 8]) & mask) return false;
    }
    return true;
}

static bool is_inside_4(const uint8_t *address)
{
    for (size_t i = 0; i < sizeof inside_4 / sizeof inside_4[0]; i++)
        if (is_in(address, &inside_4[i])) return true;
    return false;
}

/* Of IPv6 only 2000::/3 is public; what stands for an address of IPv4 counts as that. */
static bool is_inside_6(const uint8_t *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(address, mapped, sizeof mapped) == 0 || memcmp(address, nat64, sizeof nat64) == 0)
        return is_inside_4(address + 12);
    if (address[0] == 0x20 && address[1] == 0x02) return is_inside_4(address + 2); /* 6to4 */
    return (address[0] & 0xe0) != 0x20;
}

bool ptmi_address_is_inside(const struct sockaddr *address)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    if (address->sa_family == AF_INET) {
        memcpy(&four, address, sizeof four);
        return is_inside_4((const uint8_t *)&four.sin_addr);
    }
    if (address->sa_family != AF_INET6) return true;
    memcpy(&six, address, sizeof six);
    return is_inside_6(six.sin6_addr.s6_addr);
}

/* The first of these variables that says something; NULL: none. */
static const char *first_of(const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) return value;
    }
    return NULL;
}

bool ptmi_url_has_proxy(const char *url)
{
    static const char *const http[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
    static const char *const https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    static const char *const never[] = {"no_proxy", "NO_PROXY"};
    if (ptmi_str_eq(first_of(never, 2), "*")) return false;
    return ptmi_str_starts_nocase(url, "https:") ? first_of(https, 4) : first_of(http, 3);
}

curl_socket_t ptmi_transfer_on_socket(void *transfer, curlsocktype purpose,
                                      struct curl_sockaddr *address)
{
    ptmi_transfer *t = transfer;
    (void)purpose;
    if (ptmi_address_is_inside(&address->addr)) {
        t->inside = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}
