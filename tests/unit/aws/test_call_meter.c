/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/script_transport.h"
#include "../support/static_credentials.h"
#include "firebridge/aws/dynamodb.h"
#include "firebridge/aws/s3.h"

/* 2026-11-22T10:00:00Z */
#define NOW_MS (INT64_C(1795341600) * 1000)

struct fixture {
    struct fb_clock_virtual clock;
    struct static_provider provider;
    struct fb_client client;
    struct fb_call_meter meter;
};

static struct fixture f;

static void set_up(const struct script_step *steps, size_t count)
{
    memset(&f, 0, sizeof f);
    fb_clock_virtual_init(&f.clock, NOW_MS);
    fb_call_meter_init(&f.meter);
    static_provider_init(&f.provider, INT64_MAX);
    f.client = (struct fb_client){.transport = script_transport_new(steps, count),
                                  .credentials = static_cache_new(&f.provider, &f.clock.clock),
                                  .clock = &f.clock.clock,
                                  .region = "eu-west-1",
                                  .request_timeout_ms = 30000,
                                  .meter = &f.meter};
}

static void tear_down(void)
{
    script_transport_assert_done(f.client.transport);
    fb_transport_free(f.client.transport);
    fb_credentials_cache_free(f.client.credentials);
    fb_call_meter_done(&f.meter);
}

#define SET_UP(steps) set_up(steps, sizeof(steps) / sizeof *(steps))

static void pass_70_ms(const struct fb_http_request *request)
{
    (void)request;
    f.clock.monotonic_ms += 70;
}

static enum fb_status describe(void)
{
    struct fb_table table;

    return fb_dynamodb_describe_table(&f.client, "ticker", &table, NULL);
}

static uint64_t count_of(struct fb_tally *tally, const char *word)
{
    struct fb_tally_view view;

    fb_tally_view(tally, &view);
    return fb_tally_view_count(&view, word);
}

static void each_exchange_counts_those_with_new_credentials_too(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 400,
         .answer = "{\"__type\":\"x#ExpiredTokenException\",\"message\":\"m\"}"},
        {.http_status = 400, .answer = "{\"__type\":\"x#ThrottlingException\",\"message\":\"m\"}"},
    };

    (void)state;
    SET_UP(steps);
    assert_int_equal(describe(), FB_THROTTLED);
    assert_int_equal(count_of(&f.meter.calls, "DescribeTable"), 2);
    assert_int_equal(count_of(&f.meter.retries, "ExpiredTokenException"), 1);
    assert_int_equal(count_of(&f.meter.retries, "ThrottlingException"), 1);
    assert_int_equal(count_of(&f.meter.throttles, "ExpiredTokenException"), 0);
    assert_int_equal(count_of(&f.meter.throttles, "ThrottlingException"), 1);
    tear_down();
}

static void what_has_no_code_is_named_by_its_status(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 502, .answer = "<html>"},
        {.status = FB_UNAVAILABLE, .reason = "no route"},
    };

    (void)state;
    SET_UP(steps);
    assert_int_not_equal(describe(), FB_OK);
    assert_int_not_equal(describe(), FB_OK);
    assert_int_equal(count_of(&f.meter.retries, "HTTP 502"), 1);
    assert_int_equal(count_of(&f.meter.retries, fb_status_name(FB_UNAVAILABLE)), 1);
    tear_down();
}

static void what_is_refused_for_good_or_stopped_is_no_retry(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 400, .answer = "{\"__type\":\"x#ValidationException\",\"message\":\"m\"}"},
        {.status = FB_CANCELED, .reason = "stop"},
    };
    struct fb_tally_view retries, calls;

    (void)state;
    SET_UP(steps);
    assert_int_not_equal(describe(), FB_OK);
    assert_int_equal(describe(), FB_CANCELED);
    fb_tally_view(&f.meter.retries, &retries);
    fb_tally_view(&f.meter.calls, &calls);
    assert_int_equal(retries.row_count, 0);
    assert_int_equal(fb_tally_view_sum(&calls), 1);
    tear_down();
}

static enum fb_status slow_sink(void *context, const struct fb_http_response *response,
                                const char *bytes, size_t size)
{
    (void)context;
    (void)response;
    (void)bytes;
    (void)size;
    f.clock.monotonic_ms += 5000;
    return FB_OK;
}

static void a_get_is_timed_until_its_first_byte_and_not_by_how_fast_we_read(void **state)
{
    static const struct script_step steps[] = {
        {.http_status = 200,
         .head = "ETag: \"e\"",
         .answer = "abcd",
         .piece_bytes = 1,
         .seen = pass_70_ms},
    };
    const struct fb_s3_get_request request = {.bucket = "bucket",
                                              .key = "key",
                                              .etag = "e",
                                              .size_bytes = 4,
                                              .stall_timeout_ms = 1000,
                                              .sink = slow_sink};
    struct fb_histogram_view view;

    (void)state;
    SET_UP(steps);
    assert_int_equal(fb_s3_get(&f.client, &request, NULL), FB_OK);
    fb_histogram_view(&f.meter.get, &view);
    assert_int_equal(view.count, 1);
    assert_int_equal(view.sum_ms, 70);
    assert_int_equal(count_of(&f.meter.calls, "GetObject"), 1);
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_exchange_counts_those_with_new_credentials_too),
        cmocka_unit_test(what_has_no_code_is_named_by_its_status),
        cmocka_unit_test(what_is_refused_for_good_or_stopped_is_no_retry),
        cmocka_unit_test(a_get_is_timed_until_its_first_byte_and_not_by_how_fast_we_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
