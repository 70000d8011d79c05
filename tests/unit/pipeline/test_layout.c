/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "firebridge/base/backoff.h"
#include "firebridge/base/time.h"
#include "firebridge/pipeline/layout.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define HOUR_MS      INT64_C(3600000)

static int64_t at(const char *rfc3339)
{
    int64_t time_ms;

    assert_int_equal(fb_time_parse_rfc3339(rfc3339, &time_ms), FB_OK);
    return time_ms;
}

static struct fb_layout *make(const char *prefix, const char *zone)
{
    struct fb_layout_options options = {.prefix = prefix, .time_zone = zone};
    struct fb_layout *layout = NULL;
    struct fb_error error = {0};

    if (fb_layout_new(&options, &layout, &error) != FB_OK)
        fail_msg("%s: %s", prefix, error.message);
    return layout;
}

static void same_text(const char *expected, const char *found)
{
    if (expected == NULL || found == NULL)
        assert_ptr_equal(expected, found);
    else
        assert_string_equal(expected, found);
}

static void the_plan_is_one_range_where_names_sort_as_times_do(void **test)
{
    static const struct {
        const char *prefix, *zone, *from, *to, *range, *start_after, *end;
    } cases[] = {
        {"t/", NULL, "2026-11-22T09:10:00Z", "2026-11-22T11:00:00Z", "t/2026/11/22/",
         "t/2026/11/22/09/", "t/2026/11/22/11/\xff"},
        {"t/", NULL, "2026-11-22T09:10:00Z", "2026-11-22T09:59:59Z", "t/2026/11/22/09/", NULL,
         NULL},
        {"", NULL, "2025-12-31T23:00:00Z", "2026-01-01T00:00:00Z", "202", "2025/12/31/23/",
         "2026/01/01/00/\xff"},
        {"give-name", NULL, "2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z", "give-name2026/11/22/",
         "give-name2026/11/22/09/", "give-name2026/11/22/10/\xff"},
        {"y=!{timestamp:yyyy}/m=!{timestamp:MM}/d=!{timestamp:dd}/", NULL, "2026-11-22T09:00:00Z",
         "2026-11-23T10:00:00Z", "y=2026/m=11/d=2", "y=2026/m=11/d=22/", "y=2026/m=11/d=23/\xff"},
        {"!{timestamp:yyyy-MM-dd'T'HH}!{timestamp:mm}/", NULL, "2026-11-22T09:00:00Z",
         "2026-11-22T10:00:00Z", "2026-11-22T", "2026-11-22T09", "2026-11-22T10\xff"},
        {"a/!{timestamp:yyyy/MM}/!{partitionKeyFromQuery:c}/!{timestamp:dd}/", NULL,
         "2026-11-22T09:00:00Z", "2026-12-01T00:00:00Z", "a/2026/1", "a/2026/11/",
         "a/2026/12/\xff"},
        {"a/!{timestamp:yyyy/MM/dd}/!{firehose:random-string}/", NULL, "2026-11-22T09:00:00Z",
         "2026-11-22T10:00:00Z", "a/2026/11/22/", NULL, NULL},
        {"\xc3\xa9 +%/!{timestamp:uuuu'\xe2\x82\xac'''MM}/", NULL, "2026-11-22T09:00:00Z",
         "2026-11-22T10:00:00Z", "\xc3\xa9 +%/2026\xe2\x82\xac'11/", NULL, NULL},
        {"t/", "Asia/Kolkata", "2026-11-22T18:20:00Z", "2026-11-22T18:40:00Z", "t/2026/11/2",
         "t/2026/11/22/23/", "t/2026/11/23/00/\xff"},
        {"t/", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:10:00Z", "t/2026/10/25/02/",
         NULL, NULL},
        {"t/", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "t/2026/03/29/0",
         "t/2026/03/29/01/", "t/2026/03/29/03/\xff"},
        {"t/", "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-04T15:10:00Z",
         "t/2026/04/05/01/", NULL, NULL},
        {"!{timestamp:yy}/!{timestamp:yyyy-MM-dd}/", NULL, "2026-11-22T09:00:00Z",
         "2026-11-22T09:00:00Z", "26/2026-11-22/", NULL, NULL},
        {"t/", "Europe/Berlin", "9999-11-30T23:00:00Z", "9999-12-31T23:59:59Z", "t/9999/12/",
         "t/9999/12/01/00/", "t/9999/12/31/23/\xff"},
    };

    (void)test;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fb_layout *layout = make(cases[i].prefix, cases[i].zone);
        struct fb_layout_ranges ranges = {0};

        assert_int_equal(fb_layout_plan(layout, at(cases[i].from), at(cases[i].to), &ranges),
                         FB_OK);
        assert_int_equal(ranges.count, 1);
        assert_false(ranges.ranges[0].discover);
        same_text(cases[i].range, ranges.ranges[0].prefix);
        same_text(cases[i].start_after, ranges.ranges[0].start_after);
        same_text(cases[i].end, ranges.ranges[0].end);
        fb_layout_ranges_done(&ranges);
        fb_layout_free(layout);
    }
}

static void the_plan_is_one_range_a_folder_where_they_do_not(void **test)
{
    struct fb_layout *layout = make("t/!{timestamp:dd/MM/yyyy}/", NULL);
    struct fb_layout_ranges ranges = {0};

    (void)test;
    assert_int_equal(
        fb_layout_plan(layout, at("2026-11-30T23:00:00Z"), at("2026-12-01T02:00:00Z"), &ranges),
        FB_OK);
    assert_int_equal(ranges.count, 2);
    assert_string_equal(ranges.ranges[0].prefix, "t/30/11/2026/");
    assert_string_equal(ranges.ranges[1].prefix, "t/01/12/2026/");
    fb_layout_ranges_done(&ranges);
    assert_int_equal(fb_layout_plan(layout, 0, at("2026-12-01T02:00:00Z"), &ranges), FB_OK);
    assert_int_equal(ranges.count, 1);
    assert_string_equal(ranges.ranges[0].prefix, "t/");
    fb_layout_ranges_done(&ranges);
    fb_layout_free(layout);
}

static void where_no_folder_can_be_derived_the_whole_root_is_listed(void **test)
{
    static const char *const prefixes[] = {
        "t/!{firehose:random-string}/!{timestamp:yyyy/MM/dd}/",
        "t/!{timestamp:HH}/",
        "t/!{timestamp:mm}/!{timestamp:yyyy}/",
        "t/!{partitionKeyFromQuery:c}!{timestamp:yyyy/MM}/",
        "t/!{partitionKeyFromLambda:year}/!{partitionKeyFromLambda:month}/",
        "t/!{partitionKeyFromQuery:c}/!{firehose:random-string}/!{timestamp:yyyy}/",
    };

    (void)test;
    for (size_t i = 0; i < COUNT(prefixes); i++) {
        struct fb_layout *layout = make(prefixes[i], NULL);
        struct fb_layout_ranges ranges = {0};

        assert_int_equal(fb_layout_plan(layout, 0, 1, &ranges), FB_OK);
        assert_int_equal(ranges.count, 1);
        assert_string_equal(ranges.ranges[0].prefix, "t/");
        assert_null(ranges.ranges[0].end);
        assert_true(fb_layout_is_whole(layout));
        fb_layout_ranges_done(&ranges);
        fb_layout_free(layout);
    }
}

static void partitions_before_the_time_are_discovered_level_by_level(void **test)
{
    struct fb_layout *layout = make("t/c=!{partitionKeyFromQuery:c}-x/in/!{partitionKeyFromQuery:r}"
                                    "/!{timestamp:yyyy/MM/dd}/",
                                    NULL);
    struct fb_layout_ranges ranges = {0};
    int64_t now_ms = at("2026-11-22T09:00:00Z");

    (void)test;
    assert_int_equal(fb_layout_plan(layout, now_ms, now_ms, &ranges), FB_OK);
    assert_int_equal(ranges.count, 1);
    assert_true(ranges.ranges[0].discover);
    assert_string_equal(ranges.ranges[0].prefix, "t/c=");
    assert_int_equal(fb_layout_descend(layout, &ranges.ranges[0], "t/c=other/", &ranges), FB_OK);
    assert_int_equal(ranges.count, 1);
    assert_int_equal(fb_layout_descend(layout, &ranges.ranges[0], "t/c=a b-x/", &ranges), FB_OK);
    assert_int_equal(ranges.count, 2);
    assert_true(ranges.ranges[1].discover);
    assert_string_equal(ranges.ranges[1].prefix, "t/c=a b-x/in/");
    assert_int_equal(fb_layout_descend(layout, &ranges.ranges[1], "t/c=a b-x/in/eu/", &ranges),
                     FB_OK);
    assert_int_equal(ranges.count, 3);
    assert_false(ranges.ranges[2].discover);
    assert_string_equal(ranges.ranges[2].prefix, "t/c=a b-x/in/eu/2026/11/22/");
    fb_layout_ranges_done(&ranges);
    fb_layout_free(layout);
}

static void a_wrong_prefix_is_refused_with_what_to_write(void **test)
{
    static const struct {
        const char *prefix, *says;
    } cases[] = {
        {"!{timestamp:MMM}/", "\"MMM\""},
        {"!{timestamp:yyyy/DDD}/", "layout = flat"},
        {"!{timestamp:YYYY}/", "\"YYYY\""},
        {"!{timestamp:hh a}/", "\"hh\""},
        {"!{timestamp:yyyy[MM]}/", "reserved"},
        {"!{timestamp:'open}/", "not closed"},
        {"!{timestamp:yyyy/", "not closed"},
        {"!{timestamp:}/", "empty"},
        {"!{firehose:error-output-type}/", "error output prefix"},
        {"!{firehose:nonsense}/", "!{firehose:nonsense}"},
        {"!{partitionKeyFromQuery:}/", "knows no expression"},
        {"!{hello}", "!{hello}"},
    };

    (void)test;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fb_layout_options options = {.prefix = cases[i].prefix};
        struct fb_layout *layout = NULL;
        struct fb_error error = {0};

        assert_int_equal(fb_layout_new(&options, &layout, &error), FB_INVALID);
        assert_null(layout);
        if (strstr(error.message, cases[i].says) == NULL)
            fail_msg("%s: not said: %s; but: %s", cases[i].prefix, cases[i].says, error.message);
        options.form = FB_LAYOUT_FLAT;
        assert_int_equal(fb_layout_new(&options, &layout, &error), FB_OK);
        fb_layout_free(layout);
    }
}

static void an_unknown_time_zone_is_refused(void **test)
{
    static const char *const zones[] = {
        "Europe/Atlantis", "../../../etc/passwd", "/etc/localtime", "", "Europe", "tzdata.zi"};

    (void)test;
    for (size_t i = 0; i < COUNT(zones); i++) {
        struct fb_layout_options options = {.prefix = "t/", .time_zone = zones[i]};
        struct fb_layout *layout = NULL;
        struct fb_error error = {0};

        assert_int_equal(fb_layout_new(&options, &layout, &error), FB_INVALID);
        assert_non_null(strstr(error.message, "Europe/Berlin"));
    }
}

static void loading_a_zone_leaves_none_to_the_process(void **test)
{
    (void)test;
    assert_int_equal(setenv("TZ", "Asia/Tokyo", 1), 0);
    fb_layout_free(make("t/", "America/New_York"));
    assert_null(getenv("TZ"));
}

static void a_key_is_judged_by_what_it_is(void **test)
{
    static const char *const globs[] = {"*.tmp", "t/*/private/*"};
    static const struct {
        const char *key;
        uint64_t size;
        const char *storage_class;
        enum fb_key_verdict verdict;
    } cases[] = {
        {"t/2026/11/22/10/t-1-2026-11-22-10-00-00-u.gz", 5, "STANDARD", FB_KEY_DATA},
        {"t/hand-made", 5, "GLACIER_IR", FB_KEY_DATA},
        {"t/empty", 0, "STANDARD", FB_KEY_DATA},
        {"t/folder/", 0, "STANDARD", FB_KEY_FOLDER},
        {"t/data/", 3, "STANDARD", FB_KEY_DATA},
        {"t/processing-failed/2026/x", 5, "STANDARD", FB_KEY_ERROR_OUTPUT},
        {"t/format-conversion-failed/2026/x", 5, "STANDARD", FB_KEY_ERROR_OUTPUT},
        {"t/dynamic-partitioning-failed/2026/x", 5, "STANDARD", FB_KEY_ERROR_OUTPUT},
        {"t/processing-failed", 5, "STANDARD", FB_KEY_DATA},
        {"t/a\nb.tmp", 5, "STANDARD", FB_KEY_EXCLUDED},
        {"t/a/b/private/c/d", 5, "STANDARD", FB_KEY_EXCLUDED},
        {"t/old", 5, "GLACIER", FB_KEY_UNREADABLE},
        {"t/old", 5, "DEEP_ARCHIVE", FB_KEY_UNREADABLE},
        {"other/x", 5, "STANDARD", FB_KEY_FOREIGN},
    };
    struct fb_layout_options options = {.prefix = "t/", .exclude = globs, .exclude_count = 2};
    struct fb_layout *layout = NULL;

    (void)test;
    assert_int_equal(fb_layout_new(&options, &layout, NULL), FB_OK);
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(
            fb_layout_judge(layout, cases[i].key, cases[i].size, cases[i].storage_class),
            cases[i].verdict);
    fb_layout_free(layout);
}

static void error_outputs_of_prefixes_without_slash_or_with_expressions_are_known(void **test)
{
    struct fb_layout *bare = make("give-name", NULL);
    struct fb_layout *custom = make("c/!{timestamp:yyyy}/", NULL);

    (void)test;
    assert_int_equal(fb_layout_judge(bare, "give-nameprocessing-failed/2026/x", 1, "STANDARD"),
                     FB_KEY_ERROR_OUTPUT);
    assert_int_equal(fb_layout_judge(bare, "give-name2026/11/22/10/x", 1, "STANDARD"), FB_KEY_DATA);
    assert_int_equal(fb_layout_judge(custom, "c/processing-failed/x", 1, "STANDARD"),
                     FB_KEY_ERROR_OUTPUT);
    assert_string_equal(fb_layout_root(custom), "c/");
    fb_layout_free(bare);
    fb_layout_free(custom);
}

static void the_key_time_is_the_folders_refined_by_the_names(void **test)
{
    static const struct {
        const char *prefix, *zone, *key, *modified, *expected;
    } cases[] = {
        {"t/", NULL, "t/2026/11/22/10/t-9-2026-11-22-10-15-30-u.gz", "2026-11-22T10:20:00Z",
         "2026-11-22T10:15:30Z"},
        {"t/", NULL, "t/2026/11/22/10/note.json", "2026-11-22T10:20:00Z", "2026-11-22T10:00:00Z"},
        {"t/", NULL, "t/2026/11/22/10/t-9-2026-11-22-12-15-30-u", "2026-11-22T12:20:00Z",
         "2026-11-22T10:59:59.999Z"},
        {"t/", NULL, "t/2026/11/22/10/t-9-2026-11-21-12-15-30-u", "2026-11-22T12:20:00Z",
         "2026-11-22T10:00:00Z"},
        {"t/", NULL, "t/2026/02/30/10/x", "2026-11-22T12:20:00Z", "2026-11-22T12:20:00Z"},
        {"t/", NULL, "t/else/t-9-2026-11-21-12-15-30-u", "2026-11-22T12:20:00Z",
         "2026-11-21T12:15:30Z"},
        {"t/", NULL, "t/else/t-2001-01-01-01-01-01-9-2026-11-21-12-15-30-u", "2026-11-22T12:20:00Z",
         "2026-11-21T12:15:30Z"},
        {"t/", NULL, "t/else/t-9-2026-13-21-12-15-30-u", "2026-11-22T12:20:00Z",
         "2026-11-22T12:20:00Z"},
        {"give-name", NULL, "give-name2026/11/22/10/x", "2026-11-22T12:20:00Z",
         "2026-11-22T10:00:00Z"},
        {"!{timestamp:yyyy}/!{timestamp:M}/!{timestamp:d}/", NULL, "2026/1/22/x",
         "2026-11-22T12:20:00Z", "2026-01-22T00:00:00Z"},
        {"!{partitionKeyFromQuery:c}/!{timestamp:dd/MM/yyyy}/", NULL, "a/b/22/11/2026/x",
         "2026-11-22T12:20:00Z", "2026-11-22T00:00:00Z"},
        {"!{firehose:random-string}!{timestamp:yyyy}/", NULL, "abc2026/x", "2026-11-22T12:20:00Z",
         "2026-01-01T00:00:00Z"},
        {"!{timestamp:yyyy/MM/dd/HH/mm}/", NULL, "2026/11/22/10/30/x", "2026-11-22T12:20:00Z",
         "2026-11-22T10:30:00Z"},
        {"!{timestamp:HH}/", NULL, "10/x", "2026-11-22T12:20:00Z", "2026-11-22T12:20:00Z"},
        {"t/", "Asia/Kolkata", "t/2026/11/22/10/t-9-2026-11-22-10-15-30-u", "2026-11-22T10:20:00Z",
         "2026-11-22T04:45:30Z"},
        {"t/", "America/New_York", "t/2026/07/01/00/x", "2026-07-01T10:20:00Z",
         "2026-07-01T04:00:00Z"},
        {"t/", "Europe/Berlin", "t/2026/10/25/02/t-1-2026-10-25-02-30-00-u", "2026-10-25T02:00:00Z",
         "2026-10-25T01:30:00Z"},
        {"t/", "Europe/Berlin", "t/2026/10/25/02/t-1-2026-10-25-02-30-00-u", "2026-10-25T00:40:00Z",
         "2026-10-25T00:30:00Z"},
        {"t/", "Europe/Berlin", "t/2026/03/29/02/x", "2026-03-29T05:00:00Z",
         "2026-03-29T05:00:00Z"},
        {"t/", "America/New_York", "t/2026/11/01/01/t-1-2026-11-01-01-10-00-u",
         "2026-11-01T06:30:00Z", "2026-11-01T06:10:00Z"},
        {"t/", "Australia/Lord_Howe", "t/2026/04/05/01/t-1-2026-04-05-01-40-00-u",
         "2026-04-04T16:00:00Z", "2026-04-04T15:10:00Z"},
        {"t/", "Australia/Lord_Howe", "t/2026/10/04/02/x", "2026-10-04T16:00:00Z",
         "2026-10-03T15:30:00Z"},
    };

    (void)test;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fb_layout *layout = make(cases[i].prefix, cases[i].zone);
        char text[FB_TIME_TEXT_SIZE];

        fb_time_format_rfc3339(fb_layout_key_time_ms(layout, cases[i].key, at(cases[i].modified)),
                               text);
        if (strcmp(text, cases[i].expected) != 0)
            fail_msg("%s: %s, not %s", cases[i].key, text, cases[i].expected);
        fb_layout_free(layout);
    }
}

static void version_10_comes_after_version_9(void **test)
{
    struct fb_layout *layout = make("t/", NULL);
    int64_t modified_ms = at("2026-11-22T11:00:00Z");

    (void)test;
    assert_true(
        fb_layout_key_time_ms(layout, "t/2026/11/22/10/t-9-2026-11-22-10-15-30-u", modified_ms) <
        fb_layout_key_time_ms(layout, "t/2026/11/22/10/t-10-2026-11-22-10-16-30-u", modified_ms));
    fb_layout_free(layout);
}

struct partition_case {
    const char *prefix, *key, *values; /* "NAME=VALUE;..." */
};

static void the_values_of_partitions_come_out_of_the_key(void **test)
{
    static const struct partition_case cases[] = {
        {"d/c=!{partitionKeyFromQuery:customer}/!{timestamp:yyyy/MM/dd}/", "d/c=a b/2026/11/22/x",
         "customer=a b;"},
        {"!{partitionKeyFromQuery:a}/!{firehose:random-string}/!{partitionKeyFromLambda:b}/"
         "!{timestamp:yyyy/MM/dd/HH}/",
         "1/r4nd/2/2026/11/22/10/x", "a=1;b=2;"},
        {"!{timestamp:yyyy}/!{partitionKeyFromQuery:a}-!{partitionKeyFromQuery:b}/", "2026/x-y-z/f",
         "a=x;b=y-z;"},
        {"d/!{partitionKeyFromQuery:a}/!{timestamp:yyyy}/", "d/2025/2026/2026/f", "a=2025;"},
        {"d/!{partitionKeyFromQuery:a}/!{timestamp:yyyy}/", "d//2026/f", "a=;"},
        {"d/!{partitionKeyFromQuery:a}/!{timestamp:yyyy}/", "e/x/2026/f", ""},
        {"d/!{partitionKeyFromQuery:a}", "d/xstream-1", ""},
        {"d/", "d/2026/11/22/10/x", ""},
    };

    (void)test;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fb_layout *layout = make(cases[i].prefix, NULL);
        struct fb_layout_partitions partitions;
        char told[128] = "";
        size_t size = 0;

        fb_layout_partitions(layout, cases[i].key, &partitions);
        for (size_t k = 0; k < partitions.count; k++)
            size += (size_t)snprintf(
                told + size, sizeof told - size, "%s=%.*s;", partitions.values[k].name,
                (int)partitions.values[k].value_size, partitions.values[k].value);
        assert_string_equal(told, cases[i].values);
        fb_layout_free(layout);
    }
}

static void a_folder_ends_where_its_span_does(void **test)
{
    struct fb_layout *layout = make("t/", NULL);
    struct fb_layout *daily = make("d/!{timestamp:yyyy/MM/dd}/", "Asia/Tokyo");

    (void)test;
    assert_int_equal(fb_layout_folder_end_ms(layout, "t/2026/11/22/10/t-9-2026-11-22-10-15-30-u"),
                     at("2026-11-22T11:00:00Z"));
    assert_int_equal(fb_layout_folder_end_ms(daily, "d/2026/11/22/x"), at("2026-11-22T15:00:00Z"));
    assert_int_equal(fb_layout_folder_end_ms(layout, "t/elsewhere"), INT64_MAX);
    fb_layout_free(layout);
    fb_layout_free(daily);
}

static void a_hostile_key_is_matched_in_bounded_time(void **test)
{
    struct fb_layout *layout = make("!{partitionKeyFromQuery:a}a!{partitionKeyFromQuery:b}a"
                                    "!{partitionKeyFromQuery:c}a!{partitionKeyFromQuery:d}b"
                                    "!{timestamp:yyyy}/",
                                    NULL);
    char key[1025];

    (void)test;
    memset(key, 'a', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    for (int i = 0; i < 1000; i++)
        assert_int_equal(fb_layout_key_time_ms(layout, key, 42), 42);
    fb_layout_free(layout);
}

/* --- the property: what a plan lists holds every object of its folders ------------------------ */

/* LIST with delimiter "/" of a bucket of one key: true when the ranges lead to it. */
static bool shows(const struct fb_layout *layout, const struct fb_layout_ranges *ranges,
                  const char *key)
{
    for (size_t i = 0; i < ranges->count; i++) {
        const struct fb_layout_range *range = &ranges->ranges[i];
        size_t length = strlen(range->prefix);
        bool found;

        if (strncmp(key, range->prefix, length) != 0 ||
            (range->start_after != NULL && strcmp(key, range->start_after) <= 0) ||
            (range->end != NULL && strcmp(key, range->end) > 0))
            continue;
        if (range->discover) {
            struct fb_layout_ranges below = {0};
            const char *slash = strchr(key + length, '/');
            char *prefix = slash == NULL ? NULL : strndup(key, (size_t)(slash - key) + 1);

            if (prefix != NULL)
                assert_int_equal(fb_layout_descend(layout, range, prefix, &below), FB_OK);
            found = shows(layout, &below, key);
            free(prefix);
            fb_layout_ranges_done(&below);
            if (!found)
                continue;
        }
        return true;
    }
    return false;
}

/* Prefixes as configured, and how Firehose would evaluate them, for strftime; '*' is a wildcard's
 * value. */
static const struct {
    const char *prefix, *form;
} evaluated[] = {
    {"t/", "t/%Y/%m/%d/%H/"},
    {"bare", "bare%Y/%m/%d/%H/"},
    {"!{timestamp:dd/MM/yyyy}/", "%d/%m/%Y/"},
    {"h/!{timestamp:yyyy-MM-dd}/!{timestamp:HH}", "h/%Y-%m-%d/%H"},
    {"!{timestamp:HH/dd/MM/yyyy}/", "%H/%d/%m/%Y/"},
    {"a/!{partitionKeyFromQuery:x}/!{timestamp:yyyy/MM/dd/HH}/", "a/*/%Y/%m/%d/%H/"},
    {"a/!{partitionKeyFromQuery:x}-k/i/!{partitionKeyFromLambda:y}/!{timestamp:MM-yyyy}/",
     "a/*-k/i/*/%m-%Y/"},
    {"!{timestamp:yyyy}/!{partitionKeyFromQuery:x}/!{timestamp:MM}/", "%Y/*/%m/"},
    {"!{firehose:random-string}/!{timestamp:yyyy/MM}/", "*/%Y/%m/"},
    {"m/!{timestamp:yy/MM/dd/HH/mm}/", "m/%y/%m/%d/%H/%M/"},
    {"!{partitionKeyFromQuery:x}_!{timestamp:yyyy}/", "*_%Y/"},
};

static const char *const zones[] = {NULL, "Europe/Berlin", "America/New_York", "Asia/Kolkata",
                                    "Australia/Lord_Howe"};

static void local_time(const char *zone, int64_t time_ms, struct tm *tm)
{
    time_t seconds = (time_t)(time_ms / 1000);

    assert_int_equal(setenv("TZ", zone != NULL ? zone : "UTC0", 1), 0);
    tzset();
    localtime_r(&seconds, tm);
}

/* The forms are the table's above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void make_key(const char *form, const char *zone, int64_t time_ms, struct fb_random *random,
                     char key[512])
{
    static const char *const values[] = {"a", "x y", "\xc3\xa9", "zz+%", "0"};
    char name[64], folder[256], *out = key;
    struct tm tm;

    local_time(zone, time_ms, &tm);
    assert_true(strftime(folder, sizeof folder, form, &tm) > 0);
    assert_true(strftime(name, sizeof name, "s-1-%Y-%m-%d-%H-%M-%S-uuid.gz", &tm) > 0);
    for (const char *in = folder; *in != '\0'; in++) {
        if (*in == '*')
            out = stpcpy(out, values[fb_random_next(random) % COUNT(values)]);
        else
            *out++ = *in;
    }
    stpcpy(out, name);
}

#pragma GCC diagnostic pop

/* Near both clock changes half of the time. */
static int64_t random_time(struct fb_random *random)
{
    static const char *const changes[] = {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z",
                                          "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z",
                                          "2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"};
    uint64_t dice = fb_random_next(random);

    if (dice % 2 == 0)
        return at(changes[dice / 2 % COUNT(changes)]) +
               (int64_t)(fb_random_next(random) % (6 * 3600)) * 1000 - 3 * HOUR_MS;
    return at("2020-01-01T00:00:00Z") +
           (int64_t)(fb_random_next(random) % (10 * 365 * 86400ULL)) * 1000;
}

static void every_object_is_in_the_plan_that_overlaps_its_time(void **test)
{
    struct fb_random random;

    (void)test;
    fb_random_init(&random, 20261122);
    for (size_t z = 0; z < COUNT(zones); z++) {
        for (size_t p = 0; p < COUNT(evaluated); p++) {
            struct fb_layout *layout = make(evaluated[p].prefix, zones[z]);

            for (int i = 0; i < 150; i++) {
                int64_t time_ms = random_time(&random), key_time_ms;
                int64_t before_ms = (int64_t)(fb_random_next(&random) % 100) * HOUR_MS / 4;
                int64_t after_ms = (int64_t)(fb_random_next(&random) % 100) * HOUR_MS / 4;
                struct fb_layout_ranges ranges = {0};
                char key[512];

                make_key(evaluated[p].form, zones[z], time_ms, &random, key);
                assert_int_equal(
                    fb_layout_plan(layout, time_ms - before_ms, time_ms + after_ms, &ranges),
                    FB_OK);
                if (!shows(layout, &ranges, key))
                    fail_msg("%s in %s: %s is not in the plan", evaluated[p].prefix,
                             zones[z] != NULL ? zones[z] : "UTC", key);
                fb_layout_ranges_done(&ranges);
                assert_int_equal(fb_layout_judge(layout, key, 1, "STANDARD"), FB_KEY_DATA);
                key_time_ms = fb_layout_key_time_ms(layout, key, time_ms + 1000);
                assert_true(key_time_ms == time_ms);
            }
            fb_layout_free(layout);
        }
    }
    unsetenv("TZ");
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plan_is_one_range_where_names_sort_as_times_do),
        cmocka_unit_test(the_plan_is_one_range_a_folder_where_they_do_not),
        cmocka_unit_test(where_no_folder_can_be_derived_the_whole_root_is_listed),
        cmocka_unit_test(partitions_before_the_time_are_discovered_level_by_level),
        cmocka_unit_test(a_wrong_prefix_is_refused_with_what_to_write),
        cmocka_unit_test(an_unknown_time_zone_is_refused),
        cmocka_unit_test(loading_a_zone_leaves_none_to_the_process),
        cmocka_unit_test(a_key_is_judged_by_what_it_is),
        cmocka_unit_test(error_outputs_of_prefixes_without_slash_or_with_expressions_are_known),
        cmocka_unit_test(the_key_time_is_the_folders_refined_by_the_names),
        cmocka_unit_test(a_folder_ends_where_its_span_does),
        cmocka_unit_test(version_10_comes_after_version_9),
        cmocka_unit_test(the_values_of_partitions_come_out_of_the_key),
        cmocka_unit_test(a_hostile_key_is_matched_in_bounded_time),
        cmocka_unit_test(every_object_is_in_the_plan_that_overlaps_its_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
