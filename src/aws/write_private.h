/* SPDX-License-Identifier: Apache-2.0 */
/* What the calls behind fb_dynamodb_write share. */
#ifndef FIREBRIDGE_SRC_AWS_WRITE_PRIVATE_H
#define FIREBRIDGE_SRC_AWS_WRITE_PRIVATE_H

#include "firebridge/aws/dynamodb_call.h"
#include "firebridge/aws/write.h"

#define FB_WRITE_WANTS_UNITS "\"ReturnConsumedCapacity\":\"TOTAL\""

/* Request bodies that are put together: BatchExecuteStatement's items may double in size. */
#define FB_WRITE_BODY_MAX_BYTES ((size_t)32 * 1024 * 1024)

/* As fb_dynamodb_write has them; the entries' outcomes are reset, and *ret_units is below 0. */
typedef enum fb_status (*fb_write_call_fn)(struct fb_client *client,
                                           const struct fb_write_target *target,
                                           struct fb_batch_entry *entries, size_t count,
                                           double *ret_units, struct fb_error *error);

/* A call whose answer, when it succeeds, says nothing but what was consumed. */
enum fb_status fb_write_one(struct fb_client *client, const char *operation, const char *table,
                            const struct iovec *pieces, size_t piece_count,
                            struct fb_call_refusal *refusal, double *ret_units,
                            struct fb_error *error) FB_MUST_CHECK;

enum fb_status fb_write_batch(struct fb_client *client, const struct fb_write_target *target,
                              struct fb_batch_entry *entries, size_t count, double *ret_units,
                              struct fb_error *error) FB_MUST_CHECK;
enum fb_status fb_write_inserts(struct fb_client *client, const struct fb_write_target *target,
                                struct fb_batch_entry *entries, size_t count, double *ret_units,
                                struct fb_error *error) FB_MUST_CHECK;
enum fb_status fb_write_if_absent(struct fb_client *client, const struct fb_write_target *target,
                                  struct fb_batch_entry *entries, size_t count, double *ret_units,
                                  struct fb_error *error) FB_MUST_CHECK;
enum fb_status fb_write_newer(struct fb_client *client, const struct fb_write_target *target,
                              struct fb_batch_entry *entries, size_t count, double *ret_units,
                              struct fb_error *error) FB_MUST_CHECK;
enum fb_status fb_write_update(struct fb_client *client, const struct fb_write_target *target,
                               struct fb_batch_entry *entries, size_t count, double *ret_units,
                               struct fb_error *error) FB_MUST_CHECK;

#endif
