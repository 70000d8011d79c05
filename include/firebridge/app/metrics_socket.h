/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket that text is sent through, made anew after it failed. It waits for nobody longer than a
 * second: who does not take what it is sent loses it.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_APP_METRICS_SOCKET_H
#define FIREBRIDGE_APP_METRICS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "firebridge/app/metrics_address.h"

struct fb_metrics_socket {
    struct fb_metrics_address address;
    int fd;        /* -1: none */
    bool in_haste; /* no name server is asked */
};

void fb_metrics_socket_init(struct fb_metrics_socket *out,
                            const struct fb_metrics_address *address);
void fb_metrics_socket_done(struct fb_metrics_socket *out);

/* Whole lines: of UDP each datagram has as many as fit in `most_bytes`, or one that is longer. */
enum fb_status fb_metrics_socket_send(struct fb_metrics_socket *out, const char *text, size_t size,
                                      size_t most_bytes, struct fb_error *error) FB_MUST_CHECK;

#endif
