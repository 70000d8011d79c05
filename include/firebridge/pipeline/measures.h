/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured of a stream, beside its report: gauges as they are now, counters since it was
 * started.
 *
 * Threads: fb_stream_measure from any; it waits for no call to AWS.
 */
#ifndef FIREBRIDGE_PIPELINE_MEASURES_H
#define FIREBRIDGE_PIPELINE_MEASURES_H

#include "firebridge/base/histogram.h"
#include "firebridge/base/tally.h"
#include "firebridge/pipeline/stream.h"

/* There is nothing to say, or not yet. */
#define FB_MEASURE_UNKNOWN INT64_MIN

struct fb_stream_measures {
    /* Gauges. */
    int64_t last_success_age_ms;      /* something was written, or found that there is nothing to */
    uint64_t in_flight_bytes;         /* of items between decoder and DynamoDB */
    uint64_t lanes, lanes_busy;       /* busy: in a call */
    int64_t rate_limit_milliunits;    /* write units a second: max_write_units or what the table
                                       * takes, whatever is less */
    int64_t credentials_expire_in_ms; /* of the side whose keys expire first; below 0: they have */
    int64_t clock_offset_ms;          /* of AWS's clock from ours, as signing has learnt it */
    uint64_t dead_letter_bytes;       /* as struct fb_letter_sink has it */

    /* Counters. */
    uint64_t late_objects; /* appeared in a folder that had ended an hour before */
    uint64_t bytes_read, bytes_inflated;
    uint64_t records, records_left_out, records_passed_over;
    uint64_t items_coalesced, items_kept, write_units, write_units_saved;
    struct fb_tally_view objects;                   /* by outcome, when the checkpoint has it */
    struct fb_tally_view items;                     /* by operation */
    struct fb_tally_view dead_letters;              /* by reason */
    struct fb_tally_view calls, retries, throttles; /* as struct fb_call_meter has them */

    /* Histograms. */
    struct fb_histogram_view list, get, write;
    struct fb_histogram_view delay_key;      /* from an object's key time until it is done */
    struct fb_histogram_view delay_modified; /* ... from its LastModified */
};

void fb_stream_measure(struct fb_stream *stream, struct fb_stream_measures *ret_measures);

#endif
