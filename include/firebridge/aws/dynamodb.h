/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DynamoDB calls (API version 2012-08-10). Each is one signed HTTP exchange; retrying is the
 * caller's. (Amazon DynamoDB API reference; developer guide, "Low-level API".)
 */
#ifndef FIREBRIDGE_AWS_DYNAMODB_H
#define FIREBRIDGE_AWS_DYNAMODB_H

#include <jansson.h>

#include "firebridge/aws/client.h"
#include "firebridge/codec/form.h"
#include "firebridge/codec/json_cursor.h"
#include "firebridge/codec/key.h"
#include "firebridge/codec/operation.h"

struct fb_table {
    char arn[512];
    char status[32]; /* "ACTIVE", "CREATING", ... */
    int64_t created_ms;
    uint64_t write_units; /* a second that it takes at most; 0: as many as come */
    bool is_provisioned;
    struct fb_key_schema schema;
};

/* FB_NOT_FOUND when there is no such table. `table` is a name or an ARN. */
enum fb_status fb_dynamodb_describe_table(struct fb_client *client, const char *table,
                                          struct fb_table *ret_table,
                                          struct fb_error *error) FB_MUST_CHECK;

/* ACTIVE, or UPDATING: a table is read and written while its capacity or an index changes. */
bool fb_table_is_usable(const struct fb_table *table);

/* BatchWriteItem's limits (API reference). */
#define FB_BATCH_MAX_ITEMS 25
#define FB_BATCH_MAX_BYTES (16 * 1024 * 1024)

struct fb_batch_entry {
    const char *item; /* {"id":{"S":"..."},...}, as the record reader made it; to be put, or the
                         key of what is to be deleted */
    size_t item_size;
    const char *key; /* canonical */
    size_t key_size;
    enum fb_operation operation;
    size_t version_at, version_size; /* of FB_NEWER: its version, in `item` */
    /* Of FB_UPDATE: items of the same key that are merged with this one, the oldest first. */
    const struct fb_json_text *earlier;
    size_t earlier_count;

    /* What became of it, written by fb_dynamodb_write (write.h). None of them: it is written. */
    bool unprocessed; /* it was throttled, or for another reason is to be written again */
    bool is_there;    /* the table keeps what it has: FB_INSERT, FB_NEWER */
    bool is_refused;  /* as it stands it can never be written */
    char refusal[192];
};

#endif
