/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What calls to AWS are counted by: how many, how long, and what went wrong. Each exchange counts,
 * those that a call makes again within itself too, as each is one that AWS may bill.
 *
 * Threads: any number of clients share one.
 */
#ifndef FIREBRIDGE_AWS_CALL_METER_H
#define FIREBRIDGE_AWS_CALL_METER_H

#include "firebridge/base/histogram.h"
#include "firebridge/base/status.h"
#include "firebridge/base/tally.h"

/* What DynamoDB gave back of a call that succeeded: throttled without an error. */
#define FB_CODE_UNPROCESSED "UnprocessedItems"

struct fb_call_meter {
    struct fb_tally calls;                /* by operation */
    struct fb_tally retries;              /* by code: failed, and to be made again */
    struct fb_tally throttles;            /* by code: those of them that were too fast */
    struct fb_histogram list, get, write; /* of an object that is read, until its first byte */
};

void fb_call_meter_init(struct fb_call_meter *meter);
void fb_call_meter_done(struct fb_call_meter *meter);

/* An exchange of `operation` has ended; `error` counts unless the status is FB_OK. NULL: nowhere.
 */
void fb_call_meter_note(struct fb_call_meter *meter, const char *operation, int64_t took_ms,
                        enum fb_status status, const struct fb_error *error);

#endif
