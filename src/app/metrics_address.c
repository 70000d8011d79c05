/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/app/metrics_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char host_bytes[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

static bool take_scheme(const char **text, struct fb_metrics_address *address)
{
    if (strncmp(*text, "udp://", 6) != 0 && strncmp(*text, "tcp://", 6) != 0)
        return strstr(*text, "//") == NULL;
    address->is_tcp = **text == 't';
    *text += 6;
    return true;
}

/* `*text` moves on behind the host; an IPv6 address loses its brackets. */
static bool take_host(const char **text, struct fb_metrics_address *address)
{
    const char *host = *text;
    size_t size;

    if (*host == '[') {
        size = strspn(++host, "0123456789abcdefABCDEF:.");
        if (size == 0 || host[size] != ']')
            return false;
        *text = host + size + 1;
    } else {
        size = strspn(host, host_bytes);
        *text = host + size;
    }
    if (size >= sizeof address->host)
        return false;
    snprintf(address->host, sizeof address->host, "%.*s", (int)size, host);
    if (size == 0)
        snprintf(address->host, sizeof address->host, "127.0.0.1");
    return true;
}

static bool take_port(const char *text, struct fb_metrics_address *address)
{
    const size_t size = strspn(text, "0123456789");

    if (size == 0 || size >= sizeof address->port || text[size] != '\0')
        return false;
    snprintf(address->port, sizeof address->port, "%s", text);
    return strtol(text, NULL, 10) >= 1 && strtol(text, NULL, 10) <= 65535;
}

enum fb_status fb_metrics_address_parse(const char *text, bool takes_scheme,
                                        struct fb_metrics_address *ret_address,
                                        struct fb_error *error)
{
    struct fb_metrics_address address = {.is_tcp = false};
    const char *rest = text;
    const bool is_port = text[strspn(text, "0123456789")] == '\0' && *text != '\0';
    bool good = (takes_scheme ? take_scheme(&rest, &address) : strstr(text, "//") == NULL);

    if (is_port)
        snprintf(address.host, sizeof address.host, "127.0.0.1");
    else
        good = good && take_host(&rest, &address) && *rest++ == ':';
    if (!good || !take_port(rest, &address))
        return fb_fail(error, FB_INVALID, "\"%.200s\"; expected %sHOST:PORT, like %s127.0.0.1:%s",
                       text, takes_scheme ? "udp:// or tcp:// and " : "",
                       takes_scheme ? "udp://" : "", takes_scheme ? "25888" : "8125");
    *ret_address = address;
    return FB_OK;
}
