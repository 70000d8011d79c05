/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making tables, and by which attribute their items expire (Amazon DynamoDB API reference, version
 * 2012-08-10: CreateTable, DescribeTimeToLive, UpdateTimeToLive). Retrying is the caller's.
 *
 * Threads: the client's.
 */
#ifndef FIREBRIDGE_AWS_TABLES_H
#define FIREBRIDGE_AWS_TABLES_H

#include <jansson.h>

#include "firebridge/aws/client.h"
#include "firebridge/codec/key.h"

/* The request of CreateTable, on demand. `table` is a name or an ARN. NULL without memory. */
json_t *fb_table_creation(const char *table, const struct fb_key_schema *schema);

/* The request of UpdateTimeToLive. NULL without memory. */
json_t *fb_table_expiry(const char *table, const char *attribute);

/*
 * As such a request says. FB_UNAVAILABLE with the code ResourceInUseException when the table is
 * there. It is usable only when DescribeTable says so.
 */
enum fb_status fb_dynamodb_create_table(struct fb_client *client, const char *table,
                                        const json_t *creation,
                                        struct fb_error *error) FB_MUST_CHECK;
enum fb_status fb_dynamodb_update_ttl(struct fb_client *client, const char *table,
                                      const json_t *expiry, struct fb_error *error) FB_MUST_CHECK;

/* The attribute by which items expire; empty when they do not. FB_CORRUPT when nothing is said. */
enum fb_status fb_dynamodb_describe_ttl(struct fb_client *client, const char *table,
                                        char ret_attribute[FB_KEY_NAME_MAX + 1],
                                        struct fb_error *error) FB_MUST_CHECK;

#endif
