/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/dynamodb_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define TABLE_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-:/"

/* arn:aws:dynamodb:REGION:ACCOUNT:table/NAME: a table may be elsewhere than the rest. */
static bool region_of(const char *table, char region[FB_REGION_SIZE])
{
    size_t size;

    if (strncmp(table, "arn:", 4) != 0)
        return false;
    for (int i = 0; i < 3 && table != NULL; i++)
        table = strchr(table, ':') == NULL ? NULL : strchr(table, ':') + 1;
    size = table == NULL ? 0 : strcspn(table, ":");
    if (size == 0 || size >= FB_REGION_SIZE)
        return false;
    snprintf(region, FB_REGION_SIZE, "%.*s", (int)size, table);
    return true;
}

enum fb_status fb_dynamodb_call_init(struct fb_dynamodb_call *call, const struct fb_client *client,
                                     const char *operation, const char *table,
                                     size_t answer_max_bytes, struct fb_error *error)
{
    size_t size = strlen(table);
    struct fb_endpoint_options where;
    char own_region[FB_REGION_SIZE];
    enum fb_status status;

    if (size == 0 || size >= FB_TABLE_NAME_MAX || strspn(table, TABLE_CHARACTERS) < size)
        return fb_fail(error, FB_INVALID, "'%.255s' is no table name or ARN", table);
    *call = (struct fb_dynamodb_call){.operation = operation};
    where = fb_call_where(client, region_of(table, own_region) ? own_region : client->region);
    status = fb_endpoint_service(&where, "dynamodb", &call->endpoint, error);
    if (status != FB_OK)
        return status;
    snprintf(call->target, sizeof call->target, "DynamoDB_20120810.%s", operation);
    snprintf(call->subject, sizeof call->subject, "table %s", table);
    fb_buffer_init(&call->answer, answer_max_bytes);
    return FB_OK;
}

void fb_dynamodb_call_done(struct fb_dynamodb_call *call)
{
    fb_buffer_done(&call->answer);
}

enum fb_status fb_dynamodb_call_refuse(const struct fb_dynamodb_call *call, struct fb_error *error,
                                       const char *reason)
{
    fb_fail(error, FB_CORRUPT, "%s of %.300s: the answer is not usable: %s", call->operation,
            call->subject, reason);
    if (error != NULL)
        error->http_status = 200;
    return FB_CORRUPT;
}

/* Too long an answer is no answer of DynamoDB's. */
static enum fb_status take_answer(void *context, const struct fb_http_response *response,
                                  const char *bytes, size_t size)
{
    enum fb_status status = fb_http_collect(context, response, bytes, size);

    return status == FB_TOO_LARGE ? FB_CORRUPT : status;
}

bool fb_dynamodb_crc_fits(const char *expected, const struct fb_buffer *answer)
{
    unsigned long crc = crc32(0, NULL, 0);
    char text[16];

    crc = crc32_z(crc, (const unsigned char *)answer->bytes, answer->size);
    snprintf(text, sizeof text, "%lu", crc);
    return expected[0] == '\0' || strcmp(text, expected) == 0;
}

/* Never asked for, but a proxy may ask, and the checksum is over what was sent. */
static enum fb_status decode(struct fb_dynamodb_call *self, const struct fb_http_response *response,
                             struct fb_error *error)
{
    if (response->content_encoding[0] == '\0' ||
        strcasecmp(response->content_encoding, "identity") == 0)
        return FB_OK;
    if (!fb_http_is_gzip(response))
        return fb_dynamodb_call_refuse(self, error, "it is compressed, and not with gzip");
    switch (fb_http_gunzip(&self->answer)) {
    case FB_OK:
        return FB_OK;
    case FB_NO_MEMORY:
        return fb_fail(error, FB_NO_MEMORY, "no memory for an answer");
    case FB_TOO_LARGE:
        return fb_dynamodb_call_refuse(self, error, "it inflates to more than an answer can have");
    default:
        return fb_dynamodb_call_refuse(self, error, "it is damaged gzip");
    }
}

enum fb_status fb_dynamodb_call_perform(struct fb_dynamodb_call *self, struct fb_client *client,
                                        const struct iovec *body, size_t body_count,
                                        struct fb_error *error)
{
    struct fb_http_response response;
    enum fb_status status;
    struct fb_call call = {
        .service = "dynamodb",
        .operation = self->operation,
        .subject = self->subject,
        .method = "POST",
        .endpoint = &self->endpoint,
        .path = "/",
        .query = "",
        .headers = {{"Content-Type", "application/x-amz-json-1.0"}, {"X-Amz-Target", self->target}},
        .header_count = 2,
        .body = body,
        .body_count = body_count,
        .total_timeout_ms = client->request_timeout_ms,
        .refusal = self->refusal,
        .sink = take_answer,
        .context = &self->answer,
    };

    for (size_t i = 0; i < body_count; i++)
        call.body_bytes += body[i].iov_len;
    status = fb_call_perform(client, &call, &response, error);
    if (status != FB_OK)
        return status;
    if (!fb_dynamodb_crc_fits(response.crc32, &self->answer))
        return fb_dynamodb_call_refuse(self, error, "its x-amz-crc32 does not fit");
    return decode(self, &response, error);
}

enum fb_status fb_dynamodb_ask(struct fb_client *client, const char *operation, const char *table,
                               const struct iovec *body, size_t body_count, size_t answer_max_bytes,
                               json_t **ret_root, struct fb_error *error)
{
    struct fb_dynamodb_call call;
    enum fb_status status =
        fb_dynamodb_call_init(&call, client, operation, table, answer_max_bytes, error);
    json_t *root = NULL;

    if (status != FB_OK)
        return status;
    status = fb_dynamodb_call_perform(&call, client, body, body_count, error);
    if (status == FB_OK) {
        root = json_loadb(call.answer.bytes, call.answer.size, JSON_ALLOW_NUL, NULL);
        if (json_is_object(root))
            *ret_root = json_incref(root);
        else
            status = fb_dynamodb_call_refuse(&call, error, "it is no JSON");
    }
    json_decref(root);
    fb_dynamodb_call_done(&call);
    return status;
}
