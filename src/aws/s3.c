/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/s3.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/aws_error.h"
#include "firebridge/aws/call.h"
#include "firebridge/aws/partition.h"
#include "firebridge/aws/s3_page.h"
#include "firebridge/aws/uri.h"

#define SUBJECT_MAX_BYTES (8 + 256 + FB_S3_KEY_MAX_BYTES)

/* What both calls prepare alike. */
struct s3_call {
    const char *bucket;
    struct fb_endpoint endpoint;
    struct fb_buffer path;
    struct fb_buffer query;
    char subject[SUBJECT_MAX_BYTES];
    struct fb_call call;
};

static void s3_call_done(struct s3_call *call)
{
    fb_buffer_done(&call->path);
    fb_buffer_done(&call->query);
}

/* "/bucket/key" or "/key", each byte of the key encoded once and its slashes kept. */
static enum fb_status make_path(struct s3_call *call, const char *bucket, const char *key)
{
    enum fb_status status = FB_OK;

    if (call->endpoint.is_path_style)
        status = fb_buffer_printf(&call->path, "/%s", bucket);
    if (status == FB_OK && (key != NULL || !call->endpoint.is_path_style))
        status = fb_buffer_append(&call->path, "/", 1);
    if (status == FB_OK && key != NULL)
        status = fb_uri_append_encoded(&call->path, key, strlen(key), true);
    return status == FB_OK ? fb_buffer_terminate(&call->path) : status;
}

static enum fb_status find_endpoint(struct s3_call *call, const struct fb_client *client,
                                    const char *region, struct fb_error *error)
{
    const struct fb_endpoint_options where = fb_call_where(client, region);

    return fb_endpoint_s3(&where, call->bucket, &call->endpoint, error);
}

static void add_header(struct fb_call *call, const char *name, const char *value)
{
    call->headers[call->header_count++] = (struct fb_http_header){name, value};
}

static enum fb_status s3_call_init(struct s3_call *call, const struct fb_client *client,
                                   const char *operation, const char *bucket, const char *key,
                                   const char *shown, struct fb_error *error)
{
    const char *region = fb_call_scratch_bucket_region(client->scratch, bucket);
    enum fb_status status;

    *call = (struct s3_call){
        .bucket = bucket,
        .call = {
            .service = "s3", .operation = operation, .method = "GET", .query = "", .is_s3 = true}};
    fb_buffer_init(&call->path, (size_t)8 * 1024);
    fb_buffer_init(&call->query, (size_t)16 * 1024);
    snprintf(call->subject, sizeof call->subject, "s3://%.255s/%s", bucket, shown);
    status = find_endpoint(call, client, region == NULL ? client->region : region, error);
    if (status != FB_OK)
        return status;
    if (client->requester_pays)
        add_header(&call->call, "x-amz-request-payer", "requester");
    if (client->bucket_owner != NULL)
        add_header(&call->call, "x-amz-expected-bucket-owner", client->bucket_owner);
    status = make_path(call, bucket, key);
    if (status != FB_OK)
        return fb_fail(error, status, "%s of %.300s: the key is too long", operation,
                       call->subject);
    call->call.endpoint = &call->endpoint;
    call->call.subject = call->subject;
    call->call.path = call->path.bytes;
    return FB_OK;
}

/*
 * S3 says where the bucket is, and is followed within the partition: what is signed goes to no
 * other. (Amazon S3 user guide, "Request redirection and the REST API".)
 */
static bool is_in_another_region(const struct s3_call *call, const struct fb_error *error)
{
    return fb_aws_error_is_elsewhere(error) && error->bucket_region[0] != '\0' &&
           strcmp(error->bucket_region, call->endpoint.region) != 0 &&
           !fb_access_point_is(call->bucket) &&
           fb_partition_of(error->bucket_region) == fb_partition_of(call->endpoint.region);
}

/* Once more where the bucket is said to be. A bucket's path is the same in all regions. */
static enum fb_status perform(struct fb_client *client, struct s3_call *call,
                              struct fb_http_response *ret_response, struct fb_error *error)
{
    enum fb_status status = fb_call_perform(client, &call->call, ret_response, error);

    if (status == FB_OK || !is_in_another_region(call, error))
        return status;
    fb_call_scratch_keep_bucket_region(client->scratch, call->bucket, error->bucket_region);
    status = find_endpoint(call, client, error->bucket_region, error);
    return status == FB_OK ? fb_call_perform(client, &call->call, ret_response, error) : status;
}

static enum fb_status take_page(void *context, const struct fb_http_response *response,
                                const char *bytes, size_t size)
{
    (void)response;
    return fb_s3_page_take(context, bytes, size);
}

static enum fb_status make_list_query(struct s3_call *call,
                                      const struct fb_s3_list_request *request)
{
    struct fb_uri_param params[8];
    size_t count = 0;
    char max_keys[16];
    enum fb_status status;

    params[count++] = (struct fb_uri_param){"list-type", "2"};
    params[count++] = (struct fb_uri_param){"encoding-type", "url"};
    if (request->prefix != NULL)
        params[count++] = (struct fb_uri_param){"prefix", request->prefix};
    if (request->continuation_token != NULL)
        params[count++] = (struct fb_uri_param){"continuation-token", request->continuation_token};
    else if (request->start_after != NULL)
        params[count++] = (struct fb_uri_param){"start-after", request->start_after};
    if (request->delimiter != NULL)
        params[count++] = (struct fb_uri_param){"delimiter", request->delimiter};
    snprintf(max_keys, sizeof max_keys, "%u", request->max_keys);
    if (request->max_keys != 0)
        params[count++] = (struct fb_uri_param){"max-keys", max_keys};
    status = fb_uri_append_query(&call->query, params, count);
    if (status == FB_OK)
        status = fb_buffer_terminate(&call->query);
    if (status == FB_OK)
        call->call.query = call->query.bytes;
    return status;
}

/* A page that is refused says why; a callback's own status is passed on as it is. */
static enum fb_status explain_page(const struct fb_s3_page *page, const struct s3_call *call,
                                   enum fb_status status, struct fb_error *error)
{
    const char *reason = fb_s3_page_reason(page);

    if (status == FB_OK || reason[0] == '\0')
        return status;
    status = fb_fail(error, status, "ListObjectsV2 of %.300s: the answer is not usable: %s",
                     call->subject, reason);
    if (error != NULL)
        error->http_status = 200;
    return status;
}

static enum fb_status list_page(struct fb_client *client, struct s3_call *call,
                                const struct fb_s3_list_request *request, struct fb_s3_page *page,
                                struct fb_s3_list_result *ret_result, struct fb_error *error)
{
    struct fb_http_response response;
    enum fb_status status = make_list_query(call, request);

    if (status != FB_OK)
        return fb_fail(error, status, "ListObjectsV2 of %.300s: the request is too long",
                       call->subject);
    call->call.total_timeout_ms = client->request_timeout_ms;
    call->call.sink = take_page;
    call->call.context = page;
    status = perform(client, call, &response, error);
    if (status == FB_OK) {
        status = fb_s3_page_finish(page, request, ret_result);
        if (status != FB_OK)
            fb_fail(error, status, "ListObjectsV2 of %.300s: %s", call->subject,
                    fb_status_name(status));
    }
    return explain_page(page, call, status, error);
}

enum fb_status fb_s3_list_page(struct fb_client *client, const struct fb_s3_list_request *request,
                               struct fb_s3_list_result *ret_result, struct fb_error *error)
{
    const char *shown = request->prefix == NULL ? "" : request->prefix;
    struct fb_error own_error = {0};
    struct fb_s3_page *page = NULL;
    struct s3_call call;
    enum fb_status status;

    if (error == NULL)
        error = &own_error;
    status = s3_call_init(&call, client, "ListObjectsV2", request->bucket, NULL, shown, error);
    if (status == FB_OK) {
        status = fb_s3_page_new(&page);
        if (status != FB_OK)
            fb_fail(error, status, "no memory for a listing");
        else
            status = list_page(client, &call, request, page, ret_result, error);
    }
    fb_s3_page_free(page);
    s3_call_done(&call);
    return status;
}

/* Looks at the head of a 200 or 206 before the first byte of its body goes on. */
struct body_check {
    const struct fb_s3_get_request *request;
    const char *reason;
    uint64_t passed_bytes;
};

/* "bytes 100-199/1234" begins where it was asked to. */
static bool range_begins_at(const char *content_range, uint64_t offset_bytes)
{
    const char *first = content_range + 6;
    char *end;

    if (strncmp(content_range, "bytes ", 6) != 0 || !isdigit((unsigned char)*first))
        return false;
    return strtoull(first, &end, 10) == offset_bytes && *end == '-';
}

/* A proxy's page or another object behind a 200 must not be taken for the one that was asked for.
 */
static bool is_same_etag(const char *quoted, const char *etag)
{
    size_t size = strlen(etag);

    return quoted[0] == '"' && strncmp(quoted + 1, etag, size) == 0 &&
           strcmp(quoted + 1 + size, "\"") == 0;
}

static const char *refusal_of(const struct fb_http_response *response,
                              const struct fb_s3_get_request *request)
{
    uint64_t offset_bytes = request->offset_bytes;

    if (offset_bytes == 0 && response->http_status != 200)
        return "a part of the object was sent where all was asked for";
    if (offset_bytes > 0 && response->http_status != 206)
        return "the whole object was sent where a range was asked for";
    if (offset_bytes > 0 && !range_begins_at(response->content_range, offset_bytes))
        return "another range was sent than asked for";
    if (request->etag != NULL && !is_same_etag(response->etag, request->etag))
        return "what was sent has another ETag, or none";
    if (request->size_bytes != UINT64_MAX && response->content_length != UINT64_MAX &&
        response->content_length != request->size_bytes - offset_bytes)
        return "what was sent has another length than the object";
    return NULL;
}

/* Of the bytes that are still to come; a chunked answer has no length that could say it. */
static uint64_t left_of(const struct body_check *check)
{
    const struct fb_s3_get_request *request = check->request;

    if (request->size_bytes == UINT64_MAX)
        return UINT64_MAX;
    return request->size_bytes - request->offset_bytes - check->passed_bytes;
}

static enum fb_status pass_body(void *context, const struct fb_http_response *response,
                                const char *bytes, size_t size)
{
    struct body_check *check = context;
    const struct fb_s3_get_request *request = check->request;

    check->reason = refusal_of(response, request);
    if (check->reason != NULL)
        return FB_CORRUPT;
    if (size > left_of(check)) {
        check->reason = "more was sent than the object has";
        return FB_CORRUPT;
    }
    check->passed_bytes += size;
    return request->sink(request->context, response, bytes, size);
}

static enum fb_status add_get_header(struct fb_call *call, struct fb_buffer *text, const char *name,
                                     size_t at)
{
    enum fb_status status = fb_buffer_append(text, "", 1);

    if (status == FB_OK)
        add_header(call, name, text->bytes + at);
    return status;
}

/* `text` holds the values; its room is reserved first, so that they stay where they are. */
static enum fb_status make_get_headers(struct fb_call *call, struct fb_buffer *text,
                                       const struct fb_s3_get_request *request)
{
    enum fb_status status = fb_buffer_reserve(text, 512);
    size_t at;

    if (status == FB_OK && request->etag != NULL) {
        if (strlen(request->etag) > 256)
            return FB_INVALID;
        status = fb_buffer_printf(text, "\"%s\"", request->etag);
        if (status == FB_OK)
            status = add_get_header(call, text, "If-Match", 0);
    }
    at = text->size;
    if (status == FB_OK && request->offset_bytes > 0) {
        status = fb_buffer_printf(text, "bytes=%llu-", (unsigned long long)request->offset_bytes);
        if (status == FB_OK)
            status = add_get_header(call, text, "Range", at);
    }
    return status;
}

/*
 * The caller takes FB_NOT_FOUND for "this object was deleted", so only NoSuchKey may say that: a
 * missing bucket, or a proxy's own 404, must not make a whole backlog vanish. FB_CORRUPT is for
 * bytes that cannot be decoded, never for an answer that is not the object's.
 */
static enum fb_status narrow(enum fb_status status, struct fb_error *error)
{
    if (status != FB_CORRUPT && (status != FB_NOT_FOUND || strcmp(error->code, "NoSuchKey") == 0))
        return status;
    error->status = FB_UNAVAILABLE;
    return FB_UNAVAILABLE;
}

static enum fb_status get_object(struct fb_client *client, struct s3_call *call,
                                 struct body_check *check, struct fb_error *error)
{
    const struct fb_s3_get_request *request = check->request;
    struct fb_http_response response;
    enum fb_status status;

    call->call.stall_timeout_ms = request->stall_timeout_ms;
    call->call.sink = pass_body;
    call->call.context = check;
    status = perform(client, call, &response, error);
    if (status == FB_OK) /* an empty body never came by */
        check->reason = refusal_of(&response, request);
    if (check->reason != NULL)
        return fb_fail(error, FB_UNAVAILABLE, "GetObject of %.300s: %s", call->subject,
                       check->reason);
    if (status == FB_OK && request->size_bytes != UINT64_MAX && left_of(check) > 0)
        return fb_fail(error, FB_UNAVAILABLE,
                       "GetObject of %.300s: the answer ended %llu bytes before the object does",
                       call->subject, (unsigned long long)left_of(check));
    return narrow(status, error);
}

enum fb_status fb_s3_get(struct fb_client *client, const struct fb_s3_get_request *request,
                         struct fb_error *error)
{
    struct fb_error own_error = {0};
    struct body_check check = {.request = request};
    struct fb_buffer header_text;
    struct s3_call call;
    enum fb_status status;

    if (error == NULL)
        error = &own_error;
    fb_buffer_init(&header_text, 512);
    status = s3_call_init(&call, client, "GetObject", request->bucket, request->key, request->key,
                          error);
    if (status == FB_OK) {
        status = make_get_headers(&call.call, &header_text, request);
        if (status != FB_OK)
            fb_fail(error, status, "GetObject of %.300s: the ETag is too long", call.subject);
        else
            status = get_object(client, &call, &check, error);
    }
    fb_buffer_done(&header_text);
    s3_call_done(&call);
    return status;
}

/* ---- writing ---- */

/* The body of an answer to a PUT or DELETE says nothing that is needed. */
static enum fb_status pass_over(void *context, const struct fb_http_response *response,
                                const char *bytes, size_t size)
{
    (void)context;
    (void)response;
    (void)bytes;
    (void)size;
    return FB_OK;
}

static enum fb_status change_object(struct fb_client *client, const char *operation,
                                    const char *method, const struct fb_s3_put_request *request,
                                    struct fb_http_response *ret_response, struct fb_error *error)
{
    const struct iovec body = {.iov_base = (void *)request->bytes, .iov_len = request->size};
    struct fb_error own_error = {0};
    struct s3_call call;
    enum fb_status status;

    if (error == NULL)
        error = &own_error;
    status =
        s3_call_init(&call, client, operation, request->bucket, request->key, request->key, error);
    if (status == FB_OK) {
        call.call.method = method;
        if (request->content_type != NULL)
            call.call.headers[call.call.header_count++] =
                (struct fb_http_header){"Content-Type", request->content_type};
        call.call.body = &body;
        call.call.body_count = request->size > 0;
        call.call.body_bytes = request->size;
        call.call.total_timeout_ms = client->request_timeout_ms;
        call.call.sink = pass_over;
        status = perform(client, &call, ret_response, error);
    }
    s3_call_done(&call);
    return status;
}

/* S3 says the ETag of what it has taken; a proxy's page behind a 200 has none. */
enum fb_status fb_s3_put(struct fb_client *client, const struct fb_s3_put_request *request,
                         struct fb_error *error)
{
    struct fb_http_response response;
    enum fb_status status = change_object(client, "PutObject", "PUT", request, &response, error);

    if (status == FB_OK && response.etag[0] == '\0')
        return fb_fail(error, FB_UNAVAILABLE,
                       "PutObject of s3://%.255s/%.300s: the answer has no ETag", request->bucket,
                       request->key);
    return status;
}

enum fb_status fb_s3_delete(struct fb_client *client, const char *bucket, const char *key,
                            struct fb_error *error)
{
    const struct fb_s3_put_request request = {.bucket = bucket, .key = key};
    struct fb_http_response response;

    return change_object(client, "DeleteObject", "DELETE", &request, &response, error);
}
