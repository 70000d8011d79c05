/* SPDX-License-Identifier: Apache-2.0 */
#include "script_transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "firebridge/net/http_header.h"

struct script_transport {
    struct fb_transport transport; /* first */
    const struct script_step *steps;
    size_t count, used;
};

const char *script_header(const struct fb_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (strcasecmp(request->headers[i].name, name) == 0)
            return request->headers[i].value;
    return NULL;
}

static void check_header(const struct fb_http_request *request, const char *line)
{
    char name[64];
    const char *colon = strchr(line, ':');
    const char *value;

    assert_non_null(colon);
    snprintf(name, sizeof name, "%.*s", (int)(colon - line), line);
    value = script_header(request, name);
    if (value == NULL)
        fail_msg("the request lacks %s", name);
    else
        assert_string_equal(value, colon + 1 + strspn(colon + 1, " "));
}

static void check_body(const struct fb_http_request *request, const char *expected)
{
    size_t at = 0;

    assert_int_equal(request->body_bytes, strlen(expected));
    for (size_t i = 0; i < request->body_count; i++) {
        assert_memory_equal(request->body[i].iov_base, expected + at, request->body[i].iov_len);
        at += request->body[i].iov_len;
    }
    assert_int_equal(at, strlen(expected));
}

static void check_request(const struct script_step *step, const struct fb_http_request *request)
{
    if (step->method != NULL)
        assert_string_equal(request->method, step->method);
    if (step->url != NULL)
        assert_string_equal(request->url, step->url);
    if (step->header != NULL)
        check_header(request, step->header);
    if (step->body != NULL)
        check_body(request, step->body);
    if (step->seen != NULL)
        step->seen(request);
}

static void fill_response(const struct script_step *step, struct fb_http_response *response)
{
    char status_line[32];
    const char *line = step->head;

    snprintf(status_line, sizeof status_line, "HTTP/1.1 %ld x", step->http_status);
    fb_http_header_take(response, status_line, strlen(status_line));
    while (line != NULL && *line != '\0') {
        size_t size = strcspn(line, "\r\n");

        fb_http_header_take(response, line, size);
        line += size + strspn(line + size, "\r\n");
    }
}

static enum fb_status give_answer(const struct script_step *step, fb_http_sink_fn sink,
                                  void *context, const struct fb_http_response *response)
{
    size_t size = step->answer == NULL     ? 0
                  : step->answer_size != 0 ? step->answer_size
                                           : strlen(step->answer);
    size_t piece = step->piece_bytes == 0 ? size : step->piece_bytes;

    for (size_t at = 0; at < size; at += piece) {
        size_t part = size - at < piece ? size - at : piece;
        enum fb_status status = sink(context, response, step->answer + at, part);

        if (status != FB_OK)
            return status;
    }
    return FB_OK;
}

static enum fb_status script_perform(struct fb_transport *transport,
                                     const struct fb_http_request *request, fb_http_sink_fn sink,
                                     void *context, struct fb_http_response *ret_response,
                                     struct fb_error *error)
{
    struct script_transport *self = (struct script_transport *)transport;
    struct fb_http_response response = {.content_length = UINT64_MAX};
    const struct script_step *step;
    enum fb_status status;

    if (self->used == self->count)
        fail_msg("a request that the script does not have: %s %s", request->method, request->url);
    step = &self->steps[self->used++];
    check_request(step, request);
    fill_response(step, &response);
    status = give_answer(step, sink, context, &response);
    if (status == FB_OK)
        status = step->status;
    if (status != FB_OK)
        return fb_fail(error, status, "%s", step->reason == NULL ? "scripted" : step->reason);
    *ret_response = response;
    return FB_OK;
}

static void script_free(struct fb_transport *transport)
{
    free(transport);
}

struct fb_transport *script_transport_new(const struct script_step *steps, size_t count)
{
    struct script_transport *self = calloc(1, sizeof *self);

    assert_non_null(self);
    self->transport = (struct fb_transport){.perform = script_perform, .free = script_free};
    self->steps = steps;
    self->count = count;
    return &self->transport;
}

void script_transport_assert_done(struct fb_transport *transport)
{
    const struct script_transport *self = (const struct script_transport *)transport;

    assert_int_equal(self->used, self->count);
}
