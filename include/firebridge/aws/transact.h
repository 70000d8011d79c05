/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TransactWriteItems and GetItem: what exactly-once writing needs beside
 * dynamodb.h (Amazon DynamoDB API reference, version 2012-08-10). Retrying is the caller's.
 *
 * Threads: the client's.
 */
#ifndef FIREBRIDGE_AWS_TRANSACT_H
#define FIREBRIDGE_AWS_TRANSACT_H

#include <jansson.h>

#include "firebridge/aws/client.h"
#include "firebridge/codec/key.h"

/* TransactWriteItems' limit (API reference). */
#define FB_TRANSACT_MAX_ACTIONS 100

struct fb_transact_action {
    const char *text; /* {"Put":{...}}, {"Update":{...}} or {"Delete":{...}}, whole */
    size_t size;
    bool is_refused; /* written by the call: DynamoDB says that it is this one */
};

/*
 * All of the actions or none. FB_OK: all are written. FB_CHANGED: the first one's condition does
 * not hold, and nothing is written. Of any other failure fb_verdict_of says what to do; after one
 * that is not FB_REJECTED all may be written nevertheless. `table` is for messages.
 */
enum fb_status fb_dynamodb_transact_write(struct fb_client *client, const char *table,
                                          struct fb_transact_action *actions, size_t count,
                                          struct fb_error *error) FB_MUST_CHECK;

/* A consistent read. `key` is {"id":{"S":"..."}}. *ret_item: DynamoDB's JSON, the caller's to free;
 * NULL when there is no such item. */
enum fb_status fb_dynamodb_get_item(struct fb_client *client, const char *table, const char *key,
                                    size_t key_size, json_t **ret_item,
                                    struct fb_error *error) FB_MUST_CHECK;

/* ---- for the above, and to be tested by itself ---- */

/*
 * Reads the CancellationReasons of a TransactionCanceledException: sets is_refused where one is
 * that the action can never be written, and `error` to what counts most of all of them. FB_CHANGED
 * as above; FB_CORRUPT when there are none, or not as many as there are actions.
 */
enum fb_status fb_transact_read_reasons(const char *body, size_t size,
                                        struct fb_transact_action *actions, size_t count,
                                        struct fb_error *error) FB_MUST_CHECK;

#endif
