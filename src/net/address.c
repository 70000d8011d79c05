/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/net/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX_BYTES 255

/*
 * EC2's instance metadata, ECS's task credentials, EKS's pod identity, each by IPv4 and IPv6 where
 * it has both (EC2 user guide, "Instance metadata"; SDKs and Tools reference guide, "Container
 * credential provider").
 */
static const char *const metadata_addresses[] = {
    "169.254.169.254", "fd00:ec2::254", "169.254.170.2", "169.254.170.23", "fd00:ec2::23",
};

struct address {
    int family; /* AF_UNSPEC: a name */
    unsigned char bytes[sizeof(struct in6_addr)];
};

static size_t size_of(int family)
{
    return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

static struct address parse(const char *text)
{
    struct address address = {.family = AF_UNSPEC};

    if (inet_pton(AF_INET, text, address.bytes) == 1)
        address.family = AF_INET;
    else if (inet_pton(AF_INET6, text, address.bytes) == 1)
        address.family = AF_INET6;
    return address;
}

/* What stands behind http:// or https://; NULL when neither does. */
static const char *skip_scheme(const char *text)
{
    if (strncasecmp(text, "http://", 7) == 0)
        return text + 7;
    return strncasecmp(text, "https://", 8) == 0 ? text + 8 : NULL;
}

/* "host:port" of the URL, where it stands; a user and a password before it are left out. */
static const char *find_authority(const char *url, size_t *ret_size)
{
    const char *from = skip_scheme(url) == NULL ? url : skip_scheme(url);
    size_t size = strcspn(from, "/?#");
    const char *at = memrchr(from, '@', size);

    if (at != NULL) {
        size -= (size_t)(at + 1 - from);
        from = at + 1;
    }
    *ret_size = size;
    return from;
}

/* Without brackets; empty when there is none, or when it is too long to be one. */
static void take_host(const char *url, char host[HOST_MAX_BYTES + 1])
{
    size_t size;
    const char *from = find_authority(url, &size);

    if (*from == '[') {
        from++;
        size = strcspn(from, "]/?#");
    } else {
        const char *colon = memchr(from, ':', size);

        size = colon == NULL ? size : (size_t)(colon - from);
    }
    snprintf(host, HOST_MAX_BYTES + 1, "%.*s", (int)(size > HOST_MAX_BYTES ? 0 : size), from);
}

void fb_address_peer(const char *url, char peer[FB_PEER_SIZE])
{
    size_t size;
    const char *from = find_authority(url, &size);
    const char *port = "";

    if (memchr(from, ':', size) == NULL)
        port = strncasecmp(url, "https:", 6) == 0 ? ":443" : ":80";
    snprintf(peer, FB_PEER_SIZE, "%.*s%s", (int)(size > HOST_MAX_BYTES ? HOST_MAX_BYTES : size),
             from, port);
}

static bool is_loopback(const struct address *address)
{
    if (address->family == AF_INET)
        return address->bytes[0] == 127;
    return address->family == AF_INET6 &&
           memcmp(address->bytes, &in6addr_loopback, sizeof in6addr_loopback) == 0;
}

bool fb_address_is_near(const char *url)
{
    char host[HOST_MAX_BYTES + 1];
    struct address address;

    if (skip_scheme(url) == NULL)
        return false;
    take_host(url, host);
    if (strcasecmp(host, "localhost") == 0)
        return true;
    address = parse(host);
    if (is_loopback(&address))
        return true;
    for (size_t i = 0; i < sizeof metadata_addresses / sizeof *metadata_addresses; i++) {
        const struct address metadata = parse(metadata_addresses[i]);

        if (address.family == metadata.family &&
            memcmp(address.bytes, metadata.bytes, size_of(metadata.family)) == 0)
            return true;
    }
    return false;
}

static bool is_name(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && strchr("-._", text[i]) == NULL)
            return false;
    return size > 0 && size <= HOST_MAX_BYTES;
}

/* Returns what stands behind the host; NULL when it is none. */
static const char *skip_host(const char *text)
{
    size_t size = strcspn(text, *text == '[' ? "]" : ":/");
    char bare[INET6_ADDRSTRLEN];

    if (*text != '[')
        return is_name(text, size) ? text + size : NULL;
    if (text[size] != ']' || size > sizeof bare)
        return NULL;
    snprintf(bare, sizeof bare, "%.*s", (int)size - 1, text + 1);
    return parse(bare).family == AF_INET6 ? text + size + 1 : NULL;
}

static bool is_port(const char *text, size_t size)
{
    long port = 0;

    if (size > 5)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        port = port * 10 + (text[i] - '0');
    }
    return port >= 1 && port <= UINT16_MAX;
}

bool fb_address_is_proxy(const char *text)
{
    size_t authority;
    const char *at;

    text = skip_scheme(text) == NULL ? text : skip_scheme(text);
    authority = strcspn(text, "/");
    for (const char *s = text; *s != '\0'; s++)
        if ((unsigned char)*s <= ' ' || strchr("?#\\\x7f", *s) != NULL)
            return false;
    at = memchr(text, '@', authority); /* one more would have to be written %40 */
    text = skip_host(at == NULL ? text : at + 1);
    if (text != NULL && *text == ':') {
        size_t port = strcspn(text + 1, "/");

        text = is_port(text + 1, port) ? text + 1 + port : NULL;
    }
    return text != NULL && (*text == '\0' || strcmp(text, "/") == 0);
}
