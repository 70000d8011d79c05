/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata.h"

#include <stdlib.h>

#include "firebridge/aws/credentials_json.h"
#include "firebridge/base/secret.h"
#include "firebridge/base/time.h"

#define TRIES               3
#define RETRY_MS            100 /* times the tries so far */
#define ANSWER_MAX_BYTES    ((size_t)64 * 1024)
#define SKEW_THAT_COUNTS_MS 60000

enum fb_status fb_metadata_init(struct fb_metadata *metadata,
                                const struct fb_chain_options *options, const char *url,
                                int64_t timeout_ms)
{
    *metadata = (struct fb_metadata){.transport = options->transport,
                                     .clock = options->clock,
                                     .stop = options->stop,
                                     .timeout_ms = timeout_ms,
                                     .tries = TRIES};
    fb_address_peer(url, metadata->peer);
    return fb_secret_buffer_init(&metadata->answer, ANSWER_MAX_BYTES);
}

void fb_metadata_done(struct fb_metadata *metadata)
{
    fb_secret_buffer_done(&metadata->answer);
}

static enum fb_status exchange_once(struct fb_metadata *metadata, const char *method,
                                    const char *url, const struct fb_http_header *header,
                                    struct fb_error *error)
{
    const struct fb_http_request request = {.method = method,
                                            .url = url,
                                            .headers = header,
                                            .header_count = header->name != NULL,
                                            .connect_timeout_ms = metadata->timeout_ms,
                                            .total_timeout_ms = metadata->timeout_ms,
                                            .stop = metadata->stop,
                                            .stop_at = FB_STOP_NOW};
    enum fb_status status;

    fb_buffer_reset(&metadata->answer);
    metadata->response = (struct fb_http_response){0};
    status = metadata->transport->perform(metadata->transport, &request, fb_http_collect,
                                          &metadata->answer, &metadata->response, error);
    /* There is slack behind the maximum. */
    metadata->answer.bytes[metadata->answer.size] = '\0';
    return status == FB_TOO_LARGE
               ? fb_fail(error, FB_CORRUPT, "%s sent too long an answer", metadata->peer)
               : status;
}

enum fb_status fb_metadata_exchange(struct fb_metadata *metadata, const char *method,
                                    const char *url, const struct fb_http_header *header,
                                    struct fb_error *error)
{
    enum fb_status status = FB_UNAVAILABLE;

    for (unsigned i = 0; i < metadata->tries && status == FB_UNAVAILABLE; i++) {
        if (i > 0 &&
            fb_sleep_ms(metadata->clock, metadata->stop, FB_STOP_NOW, (int64_t)i * RETRY_MS))
            return fb_fail(error, FB_CANCELED, "stopped");
        status = exchange_once(metadata, method, url, header, error);
        if (status == FB_OK && metadata->response.http_status >= 500)
            status = fb_fail(error, FB_UNAVAILABLE, "%s answered HTTP %ld", metadata->peer,
                             metadata->response.http_status);
    }
    return status;
}

int64_t fb_in_our_time(int64_t time_ms, const char *date, struct fb_clock *clock)
{
    int64_t date_ms, skew_ms;

    if (time_ms == INT64_MAX || fb_time_parse_http_date(date, &date_ms) != FB_OK)
        return time_ms;
    skew_ms = fb_realtime_ms(clock) - date_ms;
    return llabs((long long)skew_ms) < SKEW_THAT_COUNTS_MS ? time_ms : time_ms + skew_ms;
}

enum fb_status fb_metadata_read_keys(const struct fb_metadata *metadata,
                                     struct fb_credentials *ret_credentials, struct fb_error *error)
{
    enum fb_status status =
        fb_credentials_json_read(metadata->answer.bytes, metadata->answer.size,
                                 &fb_credentials_form_metadata, ret_credentials, error);

    if (status == FB_OK)
        ret_credentials->expires_ms =
            fb_in_our_time(ret_credentials->expires_ms, metadata->response.date, metadata->clock);
    else
        fb_error_prefix(error, "what %s answers holds no keys", metadata->peer);
    return status;
}
