/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to the verb "status", for a person. Threads: one. */
#ifndef FIREBRIDGE_SRC_APP_STATUS_SHOW_H
#define FIREBRIDGE_SRC_APP_STATUS_SHOW_H

#include <jansson.h>
#include <stdbool.h>

/* A table, with some lines of each stream below its row. */
void fb_status_show(const json_t *answer);

/* A line for each stream, with the time: for a log. */
void fb_status_show_line(const json_t *answer);

/* Whether all streams are. */
bool fb_status_is_healthy(const json_t *answer);

#endif
