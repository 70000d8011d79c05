/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a URL's host tells by itself, without asking a resolver.
 *
 * Threads: any; no state.
 */
#ifndef FIREBRIDGE_NET_ADDRESS_H
#define FIREBRIDGE_NET_ADDRESS_H

#include <stdbool.h>

/*
 * The host is this machine (localhost, 127.0.0.0/8, ::1) or one of AWS's metadata addresses that
 * every instance, task and pod finds next to itself. Such a host never lies behind a proxy, and
 * plain http to it leaves no machine.
 */
bool fb_address_is_near(const char *url);

#define FB_PEER_SIZE 288

/* "host:port" for messages: neither path nor query, which may be long or signed, nor a password. */
void fb_address_peer(const char *url, char peer[FB_PEER_SIZE]);

/* [http[s]://][USER[:PASSWORD]@]HOST[:PORT] */
bool fb_address_is_proxy(const char *text);

#endif
