/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `firebridge explain` shows of an object: as text for a person, or as JSON lines.
 *
 * Threads: one owner.
 */
#ifndef FIREBRIDGE_APP_EXPLAIN_H
#define FIREBRIDGE_APP_EXPLAIN_H

#include "firebridge/app/conf.h"

struct fb_reason_count {
    uint64_t count, first_record, first_offset_bytes;
};

/* Set the first part, leave the second as zeros. */
struct fb_explanation {
    const char *object;
    const struct fb_conf_stream *stream; /* NULL: no conf */
    const struct fb_key_schema *schema;
    bool is_auto;
    bool as_json;
    uint64_t limit;        /* records to show */
    uint64_t object_bytes; /* compressed, as far as it was read */

    bool has_head;
    struct fb_record_tally others;
    uint64_t records, puts, deletes, dead_letters;
    uint64_t item_bytes, write_units;
    uint64_t largest_item_bytes, largest_item_record;
    struct fb_reason_count reasons[FB_DEAD_REASON_COUNT];
    bool is_damaged;
};

/* Counts the record, and shows it if it is one of the first. */
void fb_explanation_take(struct fb_explanation *explanation, const struct fb_object_reader *reader,
                         const struct fb_record *record);

/* Sums up. `damage`: why the rest of the object cannot be read; NULL: it was read whole. */
void fb_explanation_end(struct fb_explanation *explanation, const struct fb_object_reader *reader,
                        const char *damage);

/* Every record becomes an item or a delete, and the object is whole. */
bool fb_explanation_is_good(const struct fb_explanation *explanation);

#endif
