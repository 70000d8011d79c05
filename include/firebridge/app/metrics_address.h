/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where metrics go to, or are asked for: "[udp://|tcp://]HOST:PORT". Without a host it is this
 * machine's loopback. IPv6 stands in brackets.
 *
 * Threads: pure functions.
 */
#ifndef FIREBRIDGE_APP_METRICS_ADDRESS_H
#define FIREBRIDGE_APP_METRICS_ADDRESS_H

#include <stdbool.h>

#include "firebridge/base/status.h"

struct fb_metrics_address {
    bool is_tcp; /* by "tcp://" */
    char host[254];
    char port[6];
};

/* FB_INVALID, with what was expected. `takes_scheme`: one may stand before it. */
enum fb_status fb_metrics_address_parse(const char *text, bool takes_scheme,
                                        struct fb_metrics_address *ret_address,
                                        struct fb_error *error) FB_MUST_CHECK;

#endif
