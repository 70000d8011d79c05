/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/sts.h"

#include <stdio.h>
#include <string.h>

#include "firebridge/aws/aws_error.h"
#include "firebridge/aws/call.h"
#include "firebridge/aws/uri.h"
#include "firebridge/base/secret.h"
#include "metadata.h"

#define TRIES              3
#define RETRY_MS           200 /* times the tries so far */
#define DEFAULT_TIMEOUT_MS 30000

#define ANSWER_MAX_BYTES ((size_t)64 * 1024)

/* A token has at most 20,000 characters, each up to %XX. */
#define BODY_MAX_BYTES ((size_t)128 * 1024)

#define DEFAULT_SESSION_NAME "firebridge"
#define DEFAULT_DURATION     3600

#define LETTERS_AND_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* One request and its answer. */
struct exchange {
    struct fb_client *client;
    const char *operation;
    const char *subject;
    struct fb_endpoint endpoint;
    struct fb_buffer body, answer; /* both hold secrets */
    struct fb_http_response response;
};

static bool consists_of(const char *text, const char *characters, size_t min, size_t max)
{
    size_t size = strlen(text);

    return size >= min && size <= max && strspn(text, characters) == size;
}

/* The limits of the API reference, so that a wrong conf does not wait for STS to say so. */
static enum fb_status check_role(const struct fb_role *role, struct fb_error *error)
{
    if (strncmp(role->arn, "arn:", 4) != 0 || strstr(role->arn, ":role/") == NULL ||
        strlen(role->arn) > 2048 || strlen(role->arn) != strcspn(role->arn, " \t\r\n"))
        return fb_fail(error, FB_INVALID,
                       "'%.200s' is no role's ARN (arn:aws:iam::ACCOUNT:role/NAME)", role->arn);
    if (role->session_name != NULL &&
        !consists_of(role->session_name, LETTERS_AND_DIGITS "_+=,.@-", 2, 64))
        return fb_fail(error, FB_INVALID,
                       "the role session name '%.80s' is none: 2 to 64 letters, digits and _+=,.@-",
                       role->session_name);
    if (role->external_id != NULL &&
        !consists_of(role->external_id, LETTERS_AND_DIGITS "_+=,.@:/-", 2, 1224))
        return fb_fail(error, FB_INVALID,
                       "the external id is none: 2 to 1224 letters, digits and _+=,.@:/-");
    if (role->duration_seconds != 0 &&
        (role->duration_seconds < 900 || role->duration_seconds > 43200))
        return fb_fail(error, FB_INVALID, "a role's session of %u s: it takes 900 to 43200",
                       role->duration_seconds);
    return FB_OK;
}

static enum fb_status append_param(struct fb_buffer *body, const char *name, const char *value)
{
    enum fb_status status = fb_buffer_append(body, "&", 1);

    if (status == FB_OK)
        status = fb_buffer_append_text(body, name);
    if (status == FB_OK)
        status = fb_buffer_append(body, "=", 1);
    return status == FB_OK ? fb_uri_append_encoded(body, value, strlen(value), false) : status;
}

static enum fb_status make_body(struct exchange *exchange, const struct fb_role *role,
                                const char *token, struct fb_error *error)
{
    struct fb_buffer *body = &exchange->body;
    char duration[16];
    enum fb_status status;

    snprintf(duration, sizeof duration, "%u",
             role->duration_seconds == 0 ? DEFAULT_DURATION : role->duration_seconds);
    status = fb_buffer_append_text(body, "Version=2011-06-15");
    if (status == FB_OK)
        status = append_param(body, "Action", exchange->operation);
    if (status == FB_OK)
        status = append_param(body, "RoleArn", role->arn);
    if (status == FB_OK)
        status =
            append_param(body, "RoleSessionName",
                         role->session_name == NULL ? DEFAULT_SESSION_NAME : role->session_name);
    if (status == FB_OK)
        status = append_param(body, "DurationSeconds", duration);
    if (status == FB_OK && role->external_id != NULL && token == NULL)
        status = append_param(body, "ExternalId", role->external_id);
    if (status == FB_OK && token != NULL)
        status = append_param(body, "WebIdentityToken", token);
    return status == FB_OK ? FB_OK : fb_fail(error, status, "the request is too long");
}

static int64_t timeout_of(const struct fb_client *client)
{
    return client->request_timeout_ms > 0 ? client->request_timeout_ms : DEFAULT_TIMEOUT_MS;
}

static const struct fb_http_header content_type = {"Content-Type",
                                                   "application/x-www-form-urlencoded"};

static enum fb_status send_signed(struct exchange *exchange, struct fb_error *error)
{
    const struct iovec body = {exchange->body.bytes, exchange->body.size};
    const struct fb_call call = {.service = "sts",
                                 .operation = exchange->operation,
                                 .subject = exchange->subject,
                                 .method = "POST",
                                 .endpoint = &exchange->endpoint,
                                 .path = "/",
                                 .query = "",
                                 .headers = {content_type},
                                 .header_count = 1,
                                 .body = &body,
                                 .body_count = 1,
                                 .body_bytes = body.iov_len,
                                 .total_timeout_ms = timeout_of(exchange->client),
                                 .sink = fb_http_collect,
                                 .context = &exchange->answer};

    return fb_call_perform(exchange->client, &call, &exchange->response, error);
}

static enum fb_status send_unsigned(struct exchange *exchange, struct fb_error *error)
{
    struct fb_client *client = exchange->client;
    const struct iovec body = {exchange->body.bytes, exchange->body.size};
    char url[sizeof exchange->endpoint.origin + 1];
    const struct fb_http_request request = {.method = "POST",
                                            .url = url,
                                            .headers = &content_type,
                                            .header_count = 1,
                                            .body = &body,
                                            .body_count = 1,
                                            .body_bytes = body.iov_len,
                                            .connect_timeout_ms = client->connect_timeout_ms,
                                            .total_timeout_ms = timeout_of(client),
                                            .stop = client->stop,
                                            .stop_at = client->stop_at};
    enum fb_status status;

    snprintf(url, sizeof url, "%s/", exchange->endpoint.origin);
    status = client->transport->perform(client->transport, &request, fb_http_collect,
                                        &exchange->answer, &exchange->response, error);
    if (status != FB_OK) {
        fb_error_prefix(error, "%s of %.300s", exchange->operation, exchange->subject);
        return status;
    }
    if (exchange->response.http_status == 200)
        return FB_OK;
    return fb_aws_error_make(&exchange->response, exchange->answer.bytes, exchange->answer.size,
                             exchange->operation, exchange->subject, error);
}

static bool is_worth_a_try(const struct fb_error *error)
{
    enum fb_verdict verdict = fb_verdict_of(error);

    return error->status != FB_CANCELED && (verdict == FB_RETRY || verdict == FB_RETRY_SLOWER);
}

static enum fb_status send_until_answered(struct exchange *exchange,
                                          enum fb_status (*send)(struct exchange *,
                                                                 struct fb_error *),
                                          struct fb_error *error)
{
    const int64_t began_ms = fb_monotonic_ms(exchange->client->clock);
    enum fb_status status = FB_UNAVAILABLE;

    for (int i = 0; i < TRIES; i++) {
        if (i > 0 && fb_sleep_ms(exchange->client->clock, exchange->client->stop,
                                 exchange->client->stop_at, (int64_t)i * RETRY_MS))
            return fb_fail(error, FB_CANCELED, "stopped");
        fb_buffer_reset(&exchange->answer);
        status = send(exchange, error);
        /* All tries together take no longer than one may, and the one that is under way. */
        if (status == FB_OK || !is_worth_a_try(error) ||
            fb_monotonic_ms(exchange->client->clock) - began_ms >= timeout_of(exchange->client))
            return status;
    }
    return status;
}

static enum fb_status read_answer(struct exchange *exchange, struct fb_credentials *ret_credentials,
                                  struct fb_error *error)
{
    enum fb_status status =
        fb_sts_read_answer(exchange->answer.bytes, exchange->answer.size, ret_credentials, error);

    if (status == FB_OK)
        ret_credentials->expires_ms = fb_in_our_time(
            ret_credentials->expires_ms, exchange->response.date, exchange->client->clock);
    else
        fb_error_prefix(error, "%s of %.300s: what %.200s answers holds no keys",
                        exchange->operation, exchange->subject, exchange->endpoint.host);
    return status;
}

static enum fb_status assume(struct fb_client *client, const struct fb_role *role,
                             const char *token, struct fb_credentials *ret_credentials,
                             struct fb_error *error)
{
    struct exchange exchange = {.client = client,
                                .operation =
                                    token == NULL ? "AssumeRole" : "AssumeRoleWithWebIdentity",
                                .subject = role->arn};
    const struct fb_endpoint_options where = fb_call_where(client, client->region);
    struct fb_error own_error = {0};
    enum fb_status status;

    error = error == NULL ? &own_error : error;
    status = check_role(role, error);
    if (status == FB_OK)
        status = fb_endpoint_service(&where, "sts", &exchange.endpoint, error);
    if (status == FB_OK && (fb_secret_buffer_init(&exchange.body, BODY_MAX_BYTES) != FB_OK ||
                            fb_secret_buffer_init(&exchange.answer, ANSWER_MAX_BYTES) != FB_OK))
        status = fb_fail(error, FB_NO_MEMORY, "no memory for a call of STS");
    if (status == FB_OK)
        status = make_body(&exchange, role, token, error);
    if (status == FB_OK)
        status = send_until_answered(&exchange, token == NULL ? send_signed : send_unsigned, error);
    if (status == FB_OK)
        status = read_answer(&exchange, ret_credentials, error);
    fb_secret_buffer_done(&exchange.body);
    fb_secret_buffer_done(&exchange.answer);
    return status;
}

enum fb_status fb_sts_assume_role(struct fb_client *client, const struct fb_role *role,
                                  struct fb_credentials *ret_credentials, struct fb_error *error)
{
    return assume(client, role, NULL, ret_credentials, error);
}

enum fb_status fb_sts_assume_role_with_web_identity(struct fb_client *client,
                                                    const struct fb_role *role, const char *token,
                                                    struct fb_credentials *ret_credentials,
                                                    struct fb_error *error)
{
    return assume(client, role, token, ret_credentials, error);
}
