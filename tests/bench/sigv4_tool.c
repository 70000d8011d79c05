/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signs what it is told to, for the oracle test: JSON lines in, one Authorization a line out.
 *
 *   {"service":"s3","region":"r","method":"GET","host":"h","key":"a b","time":"2026-...Z",
 *    "params":[["prefix","x"]],"headers":[["range","bytes=1-"]],"body":"",
 *    "access_key_id":"A","secret_access_key":"S","session_token":""}
 *
 * "url" in the output is what would be sent, so that the oracle signs the same.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/sigv4.h"
#include "firebridge/aws/uri.h"
#include "firebridge/base/time.h"

#define PAIR_MAX 16

struct job {
    json_t *line;
    bool is_s3;
    struct fb_buffer path, query;
    struct fb_http_header headers[PAIR_MAX];
    size_t header_count;
    struct fb_sigv4_request request;
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

static const char *element(const json_t *pair, size_t i)
{
    const char *text = json_string_value(json_array_get(pair, i));

    return text == NULL ? "" : text;
}

static enum fb_status make_query(struct job *job)
{
    const json_t *pairs = json_object_get(job->line, "params");
    struct fb_uri_param params[PAIR_MAX];
    size_t count = json_array_size(pairs);
    enum fb_status status;

    if (count > PAIR_MAX)
        return FB_TOO_LARGE;
    for (size_t i = 0; i < count; i++)
        params[i] = (struct fb_uri_param){element(json_array_get(pairs, i), 0),
                                          element(json_array_get(pairs, i), 1)};
    status = fb_uri_append_query(&job->query, params, count);
    return status == FB_OK ? fb_buffer_terminate(&job->query) : status;
}

static enum fb_status make_path(struct job *job)
{
    const char *key = text_of(job->line, "key");
    enum fb_status status = fb_buffer_append(&job->path, "/", 1);

    if (status == FB_OK)
        status = fb_uri_append_encoded(&job->path, key, strlen(key), true);
    return status == FB_OK ? fb_buffer_terminate(&job->path) : status;
}

static enum fb_status make_headers(struct job *job)
{
    const json_t *pairs = json_object_get(job->line, "headers");
    size_t count = json_array_size(pairs);

    if (count >= PAIR_MAX)
        return FB_TOO_LARGE;
    job->headers[job->header_count++] = (struct fb_http_header){"Host", text_of(job->line, "host")};
    for (size_t i = 0; i < count; i++)
        job->headers[job->header_count++] = (struct fb_http_header){
            element(json_array_get(pairs, i), 0), element(json_array_get(pairs, i), 1)};
    return FB_OK;
}

static enum fb_status make_request(struct job *job)
{
    const char *body = text_of(job->line, "body");
    struct iovec piece = {(void *)body, strlen(body)};
    enum fb_status status;

    job->request = (struct fb_sigv4_request){
        .method = text_of(job->line, "method"),
        .path = job->path.bytes,
        .query = job->query.bytes,
        .headers = job->headers,
        .header_count = job->header_count,
        .access_key_id = text_of(job->line, "access_key_id"),
        .session_token = text_of(job->line, "session_token"),
        .region = text_of(job->line, "region"),
        .service = text_of(job->line, "service"),
        .normalize_path = !job->is_s3,
        .double_encode = !job->is_s3,
        .add_content_sha256 = job->is_s3,
    };
    status = fb_time_parse_rfc3339(text_of(job->line, "time"), &job->request.time_ms);
    return status == FB_OK ? fb_sigv4_hash_payload(&piece, 1, job->request.payload_sha256) : status;
}

static enum fb_status sign(const struct job *job, struct fb_sigv4_signature *signature)
{
    const struct fb_sigv4_request *request = &job->request;
    unsigned char key[FB_SIGV4_KEY_BYTES];
    char date[FB_SIGV4_DATE_SIZE];
    enum fb_status status;

    fb_sigv4_format_date(request->time_ms, date);
    status = fb_sigv4_derive_key(text_of(job->line, "secret_access_key"), date, request->region,
                                 request->service, key);
    return status == FB_OK ? fb_sigv4_sign(request, key, signature) : status;
}

static void print_answer(const struct job *job, const struct fb_sigv4_signature *signature)
{
    json_t *answer = json_pack("{s:s, s:s, s:s, s:s}", "path", job->path.bytes, "query",
                               job->query.bytes, "canonical", signature->canonical_request.bytes,
                               "authorization", signature->authorization.bytes);

    json_dumpf(answer, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(answer);
}

static enum fb_status do_line(const char *text)
{
    struct job job = {.line = json_loads(text, 0, NULL)};
    struct fb_sigv4_signature signature;
    enum fb_status status = job.line == NULL ? FB_INVALID : FB_OK;

    job.is_s3 = strcmp(text_of(job.line, "service"), "s3") == 0;
    fb_buffer_init(&job.path, (size_t)64 * 1024);
    fb_buffer_init(&job.query, (size_t)64 * 1024);
    fb_sigv4_signature_init(&signature);
    if (status == FB_OK)
        status = make_path(&job);
    if (status == FB_OK)
        status = make_query(&job);
    if (status == FB_OK)
        status = make_headers(&job);
    if (status == FB_OK)
        status = make_request(&job);
    if (status == FB_OK)
        status = sign(&job, &signature);
    if (status == FB_OK)
        print_answer(&job, &signature);
    fb_sigv4_signature_done(&signature);
    fb_buffer_done(&job.path);
    fb_buffer_done(&job.query);
    json_decref(job.line);
    return status;
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    enum fb_status status = FB_OK;

    while (status == FB_OK && getline(&line, &capacity, stdin) > 0)
        status = do_line(line);
    free(line);
    if (status != FB_OK)
        fprintf(stderr, "sigv4_tool: %s\n", fb_status_name(status));
    return status == FB_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
