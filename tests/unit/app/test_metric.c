/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/app/metrics_address.h"
#include "firebridge/app/metrics_text.h"

static struct fb_histogram times;

static struct fb_metric_sample *new_sample(void)
{
    struct fb_metric_sample *sample = calloc(1, sizeof *sample);
    struct fb_stream_measures *measures;

    assert_non_null(sample);
    strcpy(sample->stream, "ticker");
    strcpy(sample->table, "t");
    measures = &sample->measures;
    measures->rate_limit_milliunits = FB_MEASURE_UNKNOWN;
    measures->credentials_expire_in_ms = -1500;
    measures->records = 7;
    fb_tally_view_add(&measures->retries, "HTTP 503", 2);
    fb_tally_view_add(&measures->items, "put", 0);
    fb_histogram_init(&times, &fb_scale_call);
    fb_histogram_view(&times, &measures->list);
    fb_histogram_view(&times, &measures->get);
    fb_histogram_view(&times, &measures->delay_key);
    fb_histogram_view(&times, &measures->delay_modified);
    fb_histogram_note(&times, 4);
    fb_histogram_note(&times, 4);
    fb_histogram_note(&times, 5);
    fb_histogram_view(&times, &measures->write);
    return sample;
}

static void names_are_unique_and_end_in_their_units(void **state)
{
    const struct fb_metric *metric;

    (void)state;
    for (size_t i = 0; (metric = fb_metric_at(i)) != NULL; i++) {
        const char *unit = fb_metric_unit_name(metric->unit);

        assert_true(strlen(metric->name) >= strlen(unit));
        assert_string_equal(metric->name + strlen(metric->name) - strlen(unit), unit);
        assert_true((metric->form == FB_METRIC_TALLY) == (metric->label != NULL));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(metric->name, fb_metric_at(j)->name);
    }
}

static bool has_line(const struct fb_buffer *text, const char *line)
{
    const char *found = memmem(text->bytes, text->size, line, strlen(line));

    return found != NULL && (found == text->bytes || found[-1] == '\n') &&
           found[strlen(line)] == '\n';
}

static void statsd_has_what_grew_and_its_gauges_may_be_below_0(void **state)
{
    struct fb_metric_sample *sample = new_sample();
    struct fb_buffer text;

    (void)state;
    fb_buffer_init(&text, 1 << 20);
    assert_int_equal(fb_metrics_append_statsd(&text, "fb", sample), FB_OK);
    assert_true(has_line(&text, "fb_records:7|c|#stream:ticker,table:t"));
    assert_true(has_line(&text, "fb_retries:2|c|#stream:ticker,table:t"));
    assert_true(has_line(&text, "fb_retries_by_code:2|c|#stream:ticker,table:t,code:HTTP_503"));
    assert_true(has_line(&text, "fb_credentials_expiry_seconds:0|g|#stream:ticker,table:t"));
    assert_true(has_line(&text, "fb_credentials_expiry_seconds:-1.5|g|#stream:ticker,table:t"));
    assert_true(
        has_line(&text, "fb_write_duration_seconds:4|ms|@0.333333333333|#stream:ticker,table:t"));
    assert_null(memmem(text.bytes, text.size, "rate_limit", 10));
    assert_null(memmem(text.bytes, text.size, "items", 5)); /* none was written */
    fb_buffer_done(&text);
    free(sample);
}

static void emf_names_each_metric_with_its_unit(void **state)
{
    struct fb_metric_sample *sample = new_sample();
    json_t *root, *directive, *write;
    struct fb_buffer text;

    (void)state;
    fb_buffer_init(&text, 1 << 20);
    assert_int_equal(fb_metrics_append_emf(&text, "ns", 1234, sample), FB_OK);
    root = json_loadb(text.bytes, text.size, 0, NULL);
    assert_non_null(root);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(root, "_aws"), "LogGroupName")),
        "/metrics/ns");
    directive =
        json_array_get(json_object_get(json_object_get(root, "_aws"), "CloudWatchMetrics"), 0);
    assert_string_equal(json_string_value(json_object_get(directive, "Namespace")), "ns");
    assert_int_equal(json_integer_value(json_object_get(root, "records")), 7);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(root, "retries_by_code"), "HTTP 503")),
        2);
    assert_null(json_object_get(root, "rate_limit_write_units"));
    assert_null(json_object_get(root, "list_duration_seconds"));
    write = json_object_get(root, "write_duration_seconds");
    assert_int_equal(json_integer_value(json_object_get(write, "Count")), 3);
    assert_true(json_real_value(json_object_get(write, "Sum")) == 0.013);
    assert_true(json_real_value(json_array_get(json_object_get(write, "Values"), 0)) == 0.004);
    json_decref(root);
    fb_buffer_done(&text);
    free(sample);
}

static void openmetrics_escapes_what_would_end_a_label(void **state)
{
    struct fb_metric_sample *sample = new_sample();
    struct fb_buffer text;

    (void)state;
    strcpy(sample->table, "a\"b\\c\nd");
    fb_buffer_init(&text, 1 << 20);
    assert_int_equal(fb_metrics_append_openmetrics(&text, sample, 1), FB_OK);
    assert_true(has_line(&text, "firebridge_records_total{stream=\"ticker\","
                                "table=\"a\\\"b\\\\c\\nd\"} 7"));
    assert_true(has_line(&text, "# EOF"));
    fb_buffer_done(&text);
    free(sample);
}

static void without_streams_the_exposition_is_whole(void **state)
{
    struct fb_buffer text;

    (void)state;
    fb_buffer_init(&text, 1 << 20);
    assert_int_equal(fb_metrics_append_openmetrics(&text, NULL, 0), FB_OK);
    assert_true(has_line(&text, "# TYPE firebridge_objects counter"));
    assert_true(has_line(&text, "# EOF"));
    fb_buffer_done(&text);
}

static void what_grew_is_the_difference_and_gauges_stay(void **state)
{
    struct fb_metric_sample *before = new_sample(), *now = new_sample();

    (void)state;
    now->measures.records = 10;
    now->backlog_objects = 4;
    before->backlog_objects = 9;
    fb_tally_view_add(&now->measures.retries, "HTTP 503", 3);
    fb_tally_view_add(&now->measures.retries, "timeout", 1);
    fb_histogram_note(&times, 70000);
    fb_histogram_view(&times, &now->measures.write);
    fb_metric_subtract(now, before);
    assert_int_equal(now->measures.records, 3);
    assert_int_equal(now->backlog_objects, 4);
    assert_int_equal(fb_tally_view_count(&now->measures.retries, "HTTP 503"), 3);
    assert_int_equal(fb_tally_view_count(&now->measures.retries, "timeout"), 1);
    assert_int_equal(now->measures.write.count, 1);
    assert_int_equal(now->measures.write.sum_ms, 70000);
    assert_int_equal(now->measures.write.counts[fb_scale_call.count], 1);
    free(before);
    free(now);
}

static void a_counter_that_fell_was_begun_anew(void **state)
{
    struct fb_metric_sample *before = new_sample(), *now = new_sample();

    (void)state;
    before->measures.records = 1000;
    fb_histogram_note(&times, 1);
    fb_histogram_view(&times, &before->measures.write);
    fb_metric_subtract(now, before);
    assert_int_equal(now->measures.records, 7);
    assert_int_equal(now->measures.write.count, 3);
    free(before);
    free(now);
}

static void addresses_are_read_or_refused(void **state)
{
    static const struct {
        const char *text, *host, *port;
        bool takes_scheme, is_tcp;
    } cases[] = {
        {"127.0.0.1:8125", "127.0.0.1", "8125", false, false},
        {"8125", "127.0.0.1", "8125", false, false},
        {":8125", "127.0.0.1", "8125", false, false},
        {"[::1]:9464", "::1", "9464", false, false},
        {"0.0.0.0:1", "0.0.0.0", "1", false, false},
        {"tcp://cwagent.local:25888", "cwagent.local", "25888", true, true},
        {"udp://[fd00::1]:65535", "fd00::1", "65535", true, false},
        {"agent:25888", "agent", "25888", true, false},
        {"", NULL, NULL, false, false},
        {"localhost", NULL, NULL, false, false},
        {"127.0.0.1:", NULL, NULL, false, false},
        {"127.0.0.1:0", NULL, NULL, false, false},
        {"127.0.0.1:65536", NULL, NULL, false, false},
        {"127.0.0.1:80x", NULL, NULL, false, false},
        {"::1:80", NULL, NULL, false, false},
        {"[]:80", NULL, NULL, false, false},
        {"[::1:80", NULL, NULL, false, false},
        {"http://127.0.0.1:80", NULL, NULL, true, false},
        {"udp://127.0.0.1:80", NULL, NULL, false, false},
        {"a b:80", NULL, NULL, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fb_metrics_address address;
        struct fb_error error = {0};
        const enum fb_status status =
            fb_metrics_address_parse(cases[i].text, cases[i].takes_scheme, &address, &error);

        if (cases[i].host == NULL) {
            assert_int_equal(status, FB_INVALID);
            assert_non_null(strstr(error.message, "HOST:PORT"));
            continue;
        }
        assert_int_equal(status, FB_OK);
        assert_string_equal(address.host, cases[i].host);
        assert_string_equal(address.port, cases[i].port);
        assert_int_equal(address.is_tcp, cases[i].is_tcp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_unique_and_end_in_their_units),
        cmocka_unit_test(statsd_has_what_grew_and_its_gauges_may_be_below_0),
        cmocka_unit_test(emf_names_each_metric_with_its_unit),
        cmocka_unit_test(openmetrics_escapes_what_would_end_a_label),
        cmocka_unit_test(without_streams_the_exposition_is_whole),
        cmocka_unit_test(what_grew_is_the_difference_and_gauges_stay),
        cmocka_unit_test(a_counter_that_fell_was_begun_anew),
        cmocka_unit_test(addresses_are_read_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
