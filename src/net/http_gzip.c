/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "firebridge/net/http.h"

/* zlib: the largest window, and gzip's frame. */
#define GZIP_WINDOW_BITS (15 + 16)

#define STEP_BYTES ((size_t)16 * 1024)

/* All of it, into what is empty; Z_STREAM_END when it is whole. */
static int inflate_into(z_stream *stream, struct fb_buffer *to, enum fb_status *ret_status)
{
    char step[STEP_BYTES];
    int result = Z_OK;

    while (result == Z_OK && *ret_status == FB_OK) {
        stream->next_out = (Bytef *)step;
        stream->avail_out = sizeof step;
        result = inflate(stream, Z_NO_FLUSH);
        *ret_status = fb_buffer_append(to, step, sizeof step - stream->avail_out);
    }
    return result;
}

enum fb_status fb_http_gunzip(struct fb_buffer *body)
{
    z_stream stream = {.next_in = (Bytef *)body->bytes, .avail_in = (uInt)body->size};
    struct fb_buffer inflated;
    enum fb_status status = FB_OK;
    int result;

    if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK)
        return FB_NO_MEMORY;
    fb_buffer_init(&inflated, body->max_bytes);
    result = inflate_into(&stream, &inflated, &status);
    if (status == FB_OK && (result != Z_STREAM_END || stream.avail_in > 0))
        status = FB_CORRUPT;
    inflateEnd(&stream);
    if (status == FB_OK) {
        fb_buffer_done(body);
        *body = inflated;
    } else {
        fb_buffer_done(&inflated);
    }
    return status;
}

bool fb_http_is_gzip(const struct fb_http_response *response)
{
    return strcasecmp(response->content_encoding, "gzip") == 0 ||
           strcasecmp(response->content_encoding, "x-gzip") == 0;
}
