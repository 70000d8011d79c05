/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters in S3, in virtual time, against a transport that answers from a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "../support/script_transport.h"
#include "../support/static_credentials.h"
#include "firebridge/base/log.h"
#include "firebridge/pipeline/dead_letters.h"

/* 2026-11-22T10:00:00.123Z */
#define NOW_MS INT64_C(1795341600123)

#define BASE "http://127.0.0.1:8000"

static struct fb_clock_virtual now;
static struct static_provider provider;
static struct fb_credentials_cache *cache;
static struct fb_transport *transport;
static struct fb_stop stop;
static struct fb_dead_letters *letters;
static struct fb_error error;
static char first_url[512], last_url[512]; /* of what was put */
static size_t lines;                       /* in it */
static size_t put_bytes;
static unsigned told;

static void open_letters(const struct script_step *steps, size_t count)
{
    struct fb_letter_s3_options s3 = {
        .bucket = "dead", .prefix = "p/", .stream = "s", .put = fb_s3_put, .clock = &now.clock};
    struct fb_dead_letters_options options = {.stream = "s",
                                              .bucket = "b",
                                              .clock = &now.clock,
                                              .max_letters = 1000000,
                                              .in_records = 1000000,
                                              .accept_all = true};

    fb_clock_virtual_init(&now, NOW_MS);
    static_provider_init(&provider, INT64_MAX);
    cache = static_cache_new(&provider, &now.clock);
    transport = script_transport_new(steps, count);
    fb_stop_init(&stop, NULL);
    s3.seed = 7;
    s3.client = (struct fb_client){.transport = transport,
                                   .credentials = cache,
                                   .clock = &now.clock,
                                   .region = "eu-west-1",
                                   .endpoint = BASE,
                                   .connect_timeout_ms = 1000,
                                   .request_timeout_ms = 5000};
    assert_int_equal(fb_letter_s3_new(&s3, &options.sink, NULL), FB_OK);
    assert_int_equal(fb_dead_letters_open(&options, &letters, NULL), FB_OK);
    first_url[0] = last_url[0] = '\0';
    lines = put_bytes = 0;
    told = 0;
}

#define OPEN(steps) open_letters(steps, sizeof(steps) / sizeof *(steps))

static void close_letters(void)
{
    script_transport_assert_done(transport);
    fb_dead_letters_close(letters);
    fb_transport_free(transport);
    fb_credentials_cache_free(cache);
}

static struct fb_dead_letter make_letter(uint64_t ordinal, const char *text, size_t size)
{
    static struct fb_state_object object = {.key = "k", .etag = "e"};

    return (struct fb_dead_letter){.object = &object,
                                   .record_number = ordinal,
                                   .size_bytes = size,
                                   .reason = "key-missing",
                                   .message = "m",
                                   .text = text,
                                   .text_size = size,
                                   .ordinal = ordinal};
}

static enum fb_status add(uint64_t ordinal)
{
    const struct fb_dead_letter letter = make_letter(ordinal, "{}", 2);

    return fb_dead_letters_add(letters, &letter, &error);
}

static enum fb_status sync_due(void)
{
    return fb_dead_letters_sync(letters, false, &error);
}

static void pass(int64_t wait_ms)
{
    fb_sleep_ms(&now.clock, NULL, FB_STOP_NOW, wait_ms);
}

static size_t count_lines(const char *bytes, size_t size)
{
    char out[4096];
    z_stream stream = {.next_in = (Bytef *)bytes, .avail_in = (uInt)size};
    size_t count = 0;
    int result = inflateInit2(&stream, 15 + 16);

    while (result == Z_OK) {
        stream.next_out = (Bytef *)out;
        stream.avail_out = sizeof out;
        result = inflate(&stream, Z_NO_FLUSH);
        for (size_t i = 0; i < sizeof out - stream.avail_out; i++)
            count += out[i] == '\n';
    }
    assert_int_equal(result, Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    inflateEnd(&stream);
    return count;
}

static void see_put(const struct fb_http_request *request)
{
    assert_string_equal(request->method, "PUT");
    snprintf(last_url, sizeof last_url, "%s", request->url);
    if (first_url[0] == '\0')
        memcpy(first_url, last_url, sizeof first_url);
    assert_int_equal(request->body_count, 1);
    put_bytes = request->body[0].iov_len;
    lines = count_lines(request->body[0].iov_base, put_bytes);
}

static const struct script_step one_put[] = {
    {.seen = see_put, .http_status = 200, .head = "ETag: \"e\""}};

static void letters_of_a_minute_are_one_object(void **state)
{
    (void)state;
    OPEN(one_put);
    assert_int_equal(add(3), FB_OK);
    pass(59000);
    assert_int_equal(add(8), FB_OK);
    assert_int_equal(sync_due(), FB_OK);
    assert_string_equal(last_url, "");
    pass(1000);
    assert_int_equal(sync_due(), FB_OK);
    assert_int_equal(lines, 2);
    assert_memory_equal(last_url, BASE "/dead/p/s/2026/11/22/dead-letters-20261122T100100.123Z-",
                        75);
    assert_string_equal(last_url + strlen(last_url) - 9, ".jsonl.gz");
    pass(120000);
    assert_int_equal(sync_due(), FB_OK);
    close_letters();
}

static void the_frontier_waits_for_the_object(void **state)
{
    (void)state;
    OPEN(one_put);
    assert_true(fb_dead_letters_undecided(letters, UINT64_MAX) == UINT64_MAX);
    assert_int_equal(add(9), FB_OK);
    assert_int_equal(add(4), FB_OK);
    assert_int_equal(fb_dead_letters_undecided(letters, UINT64_MAX), 4);
    assert_int_equal(sync_due(), FB_OK);
    assert_int_equal(fb_dead_letters_undecided(letters, 100), 4);
    assert_int_equal(fb_dead_letters_sync(letters, true, NULL), FB_OK);
    assert_true(fb_dead_letters_undecided(letters, 100) == UINT64_MAX);
    close_letters();
}

/* Bytes that no compression makes less of. */
static void fill_random(char *bytes, size_t size)
{
    struct fb_random random;

    fb_random_init(&random, 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)fb_random_next(&random);
}

static void five_mebibytes_of_lines_are_put_at_once(void **state)
{
    const size_t size = 1 << 20;
    char *text = malloc(size);

    (void)state;
    OPEN(one_put);
    assert_non_null(text);
    fill_random(text, size);
    /* 1.33 MiB of base64 each: the fifth finds the object full. */
    for (uint64_t i = 0; i < 5; i++) {
        const struct fb_dead_letter letter = make_letter(i, text, size);

        assert_string_equal(last_url, "");
        assert_int_equal(fb_dead_letters_add(letters, &letter, NULL), FB_OK);
    }
    assert_int_equal(lines, 4);
    assert_true(put_bytes > FB_LETTERS_S3_BYTES * 3 / 4);
    assert_int_equal(fb_dead_letters_undecided(letters, 100), 4);
    free(text);
    close_letters();
}

static void a_failed_put_is_the_same_again_and_takes_no_more_meanwhile(void **state)
{
    static const struct script_step steps[] = {
        {.seen = see_put, .status = FB_UNAVAILABLE, .reason = "time-out"},
        {.seen = see_put, .http_status = 503},
        {.seen = see_put, .http_status = 200, .head = "ETag: \"e\""},
        {.seen = see_put, .http_status = 200, .head = "ETag: \"e\""},
    };

    (void)state;
    OPEN(steps);
    assert_int_equal(add(1), FB_OK);
    pass(60000);
    assert_int_equal(sync_due(), FB_UNAVAILABLE);
    assert_int_equal(add(2), FB_UNAVAILABLE);
    assert_string_equal(last_url, first_url);
    assert_int_equal(fb_dead_letters_undecided(letters, 100), 1);
    assert_int_equal(add(3), FB_OK);
    assert_string_equal(last_url, first_url);
    assert_int_equal(lines, 1);
    assert_int_equal(fb_dead_letters_undecided(letters, 100), 3);
    assert_int_equal(fb_dead_letters_sync(letters, true, NULL), FB_OK);
    assert_string_not_equal(last_url, first_url);
    close_letters();
}

static void count_told(void *context, const char *what, const struct fb_error *why, bool first)
{
    (void)context;
    (void)what;
    (void)first;
    if (why == NULL)
        return;
    assert_non_null(strstr(why->message, "dead letters: PutObject of s3://dead/p/s/"));
    assert_int_equal(fb_verdict_of(why), FB_UNHEALTHY);
    told++;
}

#define DENIED                                                                                     \
    {                                                                                              \
        .http_status = 403,                                                                        \
        .answer = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"                  \
    }

static void what_is_denied_is_tried_slowly_until_it_is_allowed(void **state)
{
    static const struct script_step steps[] = {
        DENIED, DENIED, DENIED,
        DENIED, DENIED, DENIED,
        DENIED, DENIED, {.http_status = 200, .head = "ETag: \"e\""}};
    const struct fb_dead_letter letter = make_letter(2, "{}", 2);
    const struct fb_patience_options options = {.clock = &now.clock,
                                                .stop = &stop,
                                                .stop_at = FB_STOP_NOW,
                                                .what = "test",
                                                .on_health = count_told};
    struct fb_patience patience;

    (void)state;
    fb_log_set_level(FB_LOG_ERROR);
    OPEN(steps);
    fb_patience_init(&patience, &options, 1);
    assert_int_equal(add(1), FB_OK);
    pass(60000);
    assert_int_equal(sync_due(), FB_DENIED);
    now.slept_ms = 0;
    assert_int_equal(fb_dead_letters_keep(letters, &letter, &patience, &error), FB_OK);
    assert_int_equal(told, 7);
    assert_true(now.slept_ms > 5000);
    assert_int_equal(fb_dead_letters_count(letters), 2);
    close_letters();
}

/* No verdict of S3's gives a letter up: a person must look. */
static void what_s3_rejects_waits_for_a_person(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 400,
         .answer = "<Error><Code>EntityTooLarge</Code><Message>no</Message></Error>"},
        {.http_status = 412,
         .answer = "<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>"},
        {.http_status = 413},
    };

    (void)state;
    OPEN(steps);
    assert_int_equal(add(1), FB_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fb_dead_letters_sync(letters, true, &error),
                         i < 2 ? FB_DENIED : FB_TOO_LARGE);
        assert_int_equal(fb_verdict_of(&error), FB_UNHEALTHY);
    }
    close_letters();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_of_a_minute_are_one_object),
        cmocka_unit_test(the_frontier_waits_for_the_object),
        cmocka_unit_test(five_mebibytes_of_lines_are_put_at_once),
        cmocka_unit_test(a_failed_put_is_the_same_again_and_takes_no_more_meanwhile),
        cmocka_unit_test(what_is_denied_is_tried_slowly_until_it_is_allowed),
        cmocka_unit_test(what_s3_rejects_waits_for_a_person),
    };

    return cmocka_run_group_tests_name("pipeline/letter_s3", tests, NULL, NULL);
}
