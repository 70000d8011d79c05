/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls that write items, behind one door: fb_dynamodb_write. What they share is told apart
 * from what each needs by a table (write.c). Retrying is the caller's.
 *
 * Threads: the client's.
 */
#ifndef FIREBRIDGE_AWS_WRITE_H
#define FIREBRIDGE_AWS_WRITE_H

#include "firebridge/aws/dynamodb.h"
#include "firebridge/base/buffer.h"

enum fb_write_kind {
    FB_WRITE_BATCH,     /* BatchWriteItem: FB_PUT and FB_DELETE as they come */
    FB_WRITE_INSERTS,   /* BatchExecuteStatement: FB_INSERT that PartiQL can say */
    FB_WRITE_IF_ABSENT, /* PutItem: FB_INSERT */
    FB_WRITE_NEWER,     /* PutItem: FB_NEWER */
    FB_WRITE_UPDATE,    /* UpdateItem: FB_UPDATE */
    FB_WRITE_KIND_COUNT,
};

/* Memory that one call after another uses. */
struct fb_write_scratch {
    struct fb_buffer body, names;
};

void fb_write_scratch_init(struct fb_write_scratch *scratch);
void fb_write_scratch_done(struct fb_write_scratch *scratch);

/* Where items go. Everything in it outlives the calls. */
struct fb_write_target {
    const char *table; /* name or ARN */
    const struct fb_key_schema *schema;
    const char *version_attribute; /* of FB_NEWER; NULL: there are none */
    bool removes_nulls;            /* of FB_UPDATE: a null removes its attribute */
    bool wants_units;              /* asks what was consumed */
    struct fb_write_scratch *scratch;
};

/* What DynamoDB calls it. Never NULL. */
const char *fb_write_operation(enum fb_write_kind kind);

/* So many items one call may carry. */
size_t fb_write_max_items(enum fb_write_kind kind);

/*
 * Whether PartiQL can say the insert of this item: its statement has at most 8,192 characters
 * ("Limits" of the developer guide), names are plain, and the table is no ARN.
 */
bool fb_write_can_be_statement(const struct fb_write_target *target, const char *item,
                               size_t item_size);

/*
 * One call with one request per entry; keys must differ. FB_OK: an entry is written unless its
 * `unprocessed`, `is_there` or `is_refused` is set. An answer that names what was not sent, or
 * another table, is FB_CORRUPT; so is a wrong x-amz-crc32. On failure nothing is known of any
 * entry: to write them again is right, and harmless for every operation. *ret_units: the write
 * units that were consumed, or below 0 when the answer does not say; only on FB_OK.
 */
enum fb_status fb_dynamodb_write(struct fb_client *client, const struct fb_write_target *target,
                                 enum fb_write_kind kind, struct fb_batch_entry *entries,
                                 size_t count, double *ret_units,
                                 struct fb_error *error) FB_MUST_CHECK;

#endif
