/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/call.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/aws_error.h"
#include "firebridge/aws/dynamodb_call.h"
#include "firebridge/aws/sigv4.h"
#include "firebridge/base/secret.h"
#include "firebridge/base/time.h"

/* AWS refuses what is more than 5 min off (S3: 15 min); less is not what the error is about. */
#define SKEW_MIN_MS (4 * 60 * INT64_C(1000))

/* 2020-01-01 and 2100-01-01: a Date outside is nobody's clock. */
#define DATE_MIN_MS (INT64_C(1577836800) * 1000)
#define DATE_MAX_MS (INT64_C(4102444800) * 1000)

#define URL_MAX_BYTES 16384

/* What calls need memory for. The credentials are zeros but while a call lasts. */
struct fb_call_scratch {
    struct fb_credentials credentials;
    struct fb_sigv4_signature signature;
    struct fb_buffer url;
    struct fb_buffer refusal; /* the body of an answer that is no success */
    char bucket[256];         /* whose region is kept */
    char bucket_region[FB_REGION_SIZE];
};

/* What one call holds while it lasts. */
struct call_state {
    struct fb_client *client;
    const struct fb_call *call;
    struct fb_call_scratch *scratch;
    char payload_sha256[FB_SHA256_HEX_SIZE];
    int64_t skew_ms;
    int64_t answered_ms; /* monotonic: the first byte of a good answer came; 0: none did */
    struct fb_http_response response;
};

struct fb_call_scratch *fb_call_scratch_new(void)
{
    struct fb_call_scratch *scratch = fb_secret_new(sizeof *scratch);

    if (scratch == NULL)
        return NULL;
    fb_sigv4_signature_init(&scratch->signature);
    fb_buffer_init(&scratch->url, URL_MAX_BYTES);
    fb_buffer_init(&scratch->refusal, FB_AWS_ERROR_BODY_MAX_BYTES);
    return scratch;
}

void fb_call_scratch_free(struct fb_call_scratch *scratch)
{
    if (scratch == NULL)
        return;
    fb_sigv4_signature_done(&scratch->signature);
    fb_buffer_done(&scratch->url);
    fb_buffer_done(&scratch->refusal);
    fb_secret_free(scratch, sizeof *scratch);
}

const char *fb_call_scratch_bucket_region(const struct fb_call_scratch *scratch, const char *bucket)
{
    if (scratch == NULL || scratch->bucket_region[0] == '\0' ||
        strcmp(scratch->bucket, bucket) != 0)
        return NULL;
    return scratch->bucket_region;
}

void fb_call_scratch_keep_bucket_region(struct fb_call_scratch *scratch, const char *bucket,
                                        const char *region)
{
    if (scratch == NULL || strlen(bucket) >= sizeof scratch->bucket)
        return;
    snprintf(scratch->bucket, sizeof scratch->bucket, "%s", bucket);
    snprintf(scratch->bucket_region, sizeof scratch->bucket_region, "%s", region);
}

struct fb_endpoint_options fb_call_where(const struct fb_client *client, const char *region)
{
    return (struct fb_endpoint_options){.address = client->endpoint,
                                        .region = region,
                                        .use_fips = client->use_fips,
                                        .use_dualstack = client->use_dualstack};
}

/* 204 is DeleteObject's. */
static bool is_success(long http_status)
{
    return http_status == 200 || http_status == 204 || http_status == 206;
}

/* Where the body of a failure is kept. */
static struct fb_buffer *refusal_of(const struct call_state *state)
{
    return state->call->refusal != NULL ? &state->call->refusal->body : &state->scratch->refusal;
}

/* Bodies of success go to the call's sink; of all others the first bytes are kept to be read. */
static enum fb_status route_body(void *context, const struct fb_http_response *response,
                                 const char *bytes, size_t size)
{
    struct call_state *state = context;
    struct fb_buffer *refusal = refusal_of(state);
    size_t room = refusal->max_bytes - refusal->size;

    if (state->answered_ms == 0)
        state->answered_ms = fb_monotonic_ms(state->client->clock);
    if (is_success(response->http_status))
        return state->call->sink(state->call->context, response, bytes, size);
    return fb_buffer_append(refusal, bytes, size < room ? size : room);
}

static enum fb_status sign(struct call_state *state, const struct fb_http_header *headers,
                           size_t header_count)
{
    const struct fb_call *call = state->call;
    struct fb_sigv4_request request = {
        .method = call->method,
        .path = call->path,
        .query = call->query,
        .headers = headers,
        .header_count = header_count,
        .access_key_id = state->scratch->credentials.access_key_id,
        .session_token = state->scratch->credentials.session_token,
        .region = call->endpoint->region,
        .service = call->service,
        .time_ms = fb_realtime_ms(state->client->clock) + state->skew_ms,
        .normalize_path = !call->is_s3,
        .double_encode = !call->is_s3,
        .add_content_sha256 = call->is_s3,
    };
    unsigned char key[FB_SIGV4_KEY_BYTES];
    char date[FB_SIGV4_DATE_SIZE];
    enum fb_status status;

    memcpy(request.payload_sha256, state->payload_sha256, sizeof request.payload_sha256);
    fb_sigv4_format_date(request.time_ms, date);
    status =
        fb_credentials_cache_signing_key(state->client->credentials, &state->scratch->credentials,
                                         date, request.region, request.service, key);
    if (status == FB_OK)
        status = fb_sigv4_sign(&request, key, &state->scratch->signature);
    fb_secret_buffer_wipe(&state->scratch->signature.canonical_request); /* it has the token */
    OPENSSL_cleanse(key, sizeof key);
    return status;
}

static enum fb_status make_url(struct call_state *state)
{
    const struct fb_call *call = state->call;
    struct fb_buffer *url = &state->scratch->url;
    enum fb_status status;

    fb_buffer_reset(url);
    status = fb_buffer_append_text(url, call->endpoint->origin);
    if (status == FB_OK)
        status = fb_buffer_append_text(url, call->path);
    if (status == FB_OK && call->query[0] != '\0')
        status = fb_buffer_append(url, "?", 1);
    if (status == FB_OK)
        status = fb_buffer_append_text(url, call->query);
    return status == FB_OK ? fb_buffer_terminate(url) : status;
}

static enum fb_status send_signed(struct call_state *state, const struct fb_http_header *headers,
                                  size_t header_count, struct fb_error *error)
{
    const struct fb_call *call = state->call;
    struct fb_client *client = state->client;
    struct fb_http_request request = {
        .method = call->method,
        .url = state->scratch->url.bytes,
        .headers = headers,
        .header_count = header_count,
        .body = call->body,
        .body_count = call->body_count,
        .body_bytes = call->body_bytes,
        .connect_timeout_ms = client->connect_timeout_ms,
        .total_timeout_ms = call->total_timeout_ms,
        .stall_timeout_ms = call->stall_timeout_ms,
        .stop = client->stop,
        .stop_at = client->stop_at,
    };
    enum fb_status status;

    fb_buffer_reset(refusal_of(state));
    status = client->transport->perform(client->transport, &request, route_body, state,
                                        &state->response, error);
    if (status != FB_OK)
        fb_error_prefix(error, "%s of %.300s", call->operation, call->subject);
    return status;
}

/* Signs at the time it is, sends, and judges the answer. */
static enum fb_status exchange(struct call_state *state, struct fb_error *error)
{
    struct fb_buffer *const refusal = refusal_of(state);
    const struct fb_call *call = state->call;
    struct fb_http_header headers[FB_CALL_HEADER_MAX + 5];
    size_t count = 0;
    enum fb_status status;

    headers[count++] = (struct fb_http_header){"Host", call->endpoint->host};
    for (size_t i = 0; i < call->header_count && i < FB_CALL_HEADER_MAX; i++)
        headers[count++] = call->headers[i];
    status = sign(state, headers, count);
    if (status != FB_OK)
        return fb_fail(error, status, "%s of %.300s: the request cannot be signed", call->operation,
                       call->subject);
    headers[count++] = (struct fb_http_header){"x-amz-date", state->scratch->signature.date};
    if (state->scratch->credentials.session_token[0] != '\0')
        headers[count++] = (struct fb_http_header){"x-amz-security-token",
                                                   state->scratch->credentials.session_token};
    if (call->is_s3)
        headers[count++] = (struct fb_http_header){"x-amz-content-sha256", state->payload_sha256};
    headers[count++] =
        (struct fb_http_header){"Authorization", state->scratch->signature.authorization.bytes};
    status = send_signed(state, headers, count, error);
    if (status != FB_OK || is_success(state->response.http_status))
        return status;
    /* The checksum is of the bytes as they were sent. */
    if (call->refusal != NULL)
        call->refusal->is_intact = fb_dynamodb_crc_fits(state->response.crc32, refusal);
    /* What cannot be inflated stays what it is, and is no AWS error then. */
    if (fb_http_is_gzip(&state->response) && fb_http_gunzip(refusal) != FB_OK)
        fb_buffer_reset(refusal);
    return fb_aws_error_make(&state->response, refusal->bytes, refusal->size, call->operation,
                             call->subject, error);
}

/* Reading an object takes as long as we let it, so what counts there is its first byte. */
static enum fb_status attempt(struct call_state *state, struct fb_error *error)
{
    struct fb_client *client = state->client;
    const int64_t begun_ms = fb_monotonic_ms(client->clock);
    int64_t ended_ms;
    enum fb_status status;

    state->answered_ms = 0;
    status = exchange(state, error);
    ended_ms = state->call->total_timeout_ms == 0 && state->answered_ms != 0
                   ? state->answered_ms
                   : fb_monotonic_ms(client->clock);
    fb_call_meter_note(client->meter, state->call->operation, ended_ms - begun_ms, status, error);
    return status;
}

/* What STS or a file refuses says nothing of what is to be written or read. */
static enum fb_status be_about_credentials(enum fb_status status, struct fb_error *error)
{
    const struct fb_error bare = {.status = status};
    const enum fb_verdict verdict = fb_verdict_of(error != NULL ? error : &bare);

    if (verdict != FB_REJECTED && verdict != FB_DONE_BEFORE && verdict != FB_RETRY_SLOWER)
        return status;
    status = verdict == FB_RETRY_SLOWER ? FB_UNAVAILABLE : FB_DENIED;
    if (error != NULL) {
        error->status = status;
        error->http_status = 0;
        error->code[0] = '\0';
    }
    return status;
}

static enum fb_status take_credentials(struct call_state *state, struct fb_error *error)
{
    enum fb_status status;

    fb_credentials_wipe_copy(&state->scratch->credentials);
    status =
        fb_credentials_cache_get(state->client->credentials, &state->scratch->credentials, error);

    if (status == FB_OK)
        return FB_OK;
    if (status == FB_NOT_FOUND)
        status = FB_DENIED;
    if (error != NULL)
        error->status = status;
    status = be_about_credentials(status, error);
    fb_error_prefix(error, "%s of %.300s", state->call->operation, state->call->subject);
    return status;
}

/* What the server's clock says about ours; false when there is nothing to learn from it. */
static bool learn_skew(const struct call_state *state, int64_t *ret_skew_ms)
{
    int64_t date_ms, skew_ms;

    if (fb_time_parse_http_date(state->response.date, &date_ms) != FB_OK)
        return false;
    if (date_ms < DATE_MIN_MS || date_ms >= DATE_MAX_MS)
        return false;
    skew_ms = date_ms - fb_realtime_ms(state->client->clock);
    if (llabs((long long)(skew_ms - state->skew_ms)) <= SKEW_MIN_MS)
        return false;
    *ret_skew_ms = skew_ms;
    return true;
}

/*
 * One more attempt with the server's time. Only when that attempt's signature is accepted is the
 * skew kept: a bad Date costs one call and never sticks.
 */
static enum fb_status attempt_with_skew(struct call_state *state, int64_t skew_ms,
                                        struct fb_error *error)
{
    enum fb_status status;

    state->skew_ms = skew_ms;
    status = attempt(state, error);
    if (status == FB_OK ||
        (error->http_status != 0 && error->code[0] != '\0' && !fb_aws_error_is_signature(error)))
        fb_credentials_cache_set_skew_ms(state->client->credentials, skew_ms);
    return status;
}

/* `error` is never NULL here: it decides what is tried again. */
static enum fb_status attempt_with_remedies(struct call_state *state, struct fb_error *error)
{
    enum fb_status status = take_credentials(state, error);
    int64_t skew_ms;

    if (status != FB_OK)
        return status;
    state->skew_ms = fb_credentials_cache_skew_ms(state->client->credentials);
    status = attempt(state, error);
    if (status != FB_OK && fb_aws_error_is_expired(error)) {
        fb_credentials_cache_expire_used(state->client->credentials, &state->scratch->credentials);
        status = take_credentials(state, error);
        if (status == FB_OK)
            status = attempt(state, error);
    }
    if (status != FB_OK && fb_aws_error_is_skew(error) && learn_skew(state, &skew_ms))
        status = attempt_with_skew(state, skew_ms, error);
    return status;
}

enum fb_status fb_call_perform(struct fb_client *client, const struct fb_call *call,
                               struct fb_http_response *ret_response, struct fb_error *error)
{
    struct fb_call_scratch *own = client->scratch == NULL ? fb_call_scratch_new() : NULL;
    struct call_state state = {
        .client = client, .call = call, .scratch = own == NULL ? client->scratch : own};
    struct fb_error failure = {0}; /* also of attempts that a later one makes good */
    enum fb_status status = state.scratch == NULL ? FB_NO_MEMORY : make_url(&state);

    if (status == FB_OK)
        status = fb_sigv4_hash_payload(call->body, call->body_count, state.payload_sha256);
    if (status != FB_OK) {
        fb_fail(&failure, status, "%s of %.300s: the request cannot be made", call->operation,
                call->subject);
    } else {
        status = attempt_with_remedies(&state, &failure);
        fb_credentials_wipe_copy(&state.scratch->credentials);
    }
    if (status == FB_OK)
        *ret_response = state.response;
    else if (error != NULL)
        *error = failure;
    fb_call_scratch_free(own);
    return status;
}
