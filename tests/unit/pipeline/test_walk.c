/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/base/time.h"
#include "firebridge/pipeline/walk.h"

#include "../support/fake_s3.h"

#define HOUR_MS  INT64_C(3600000)
#define DAY_MS   (24 * HOUR_MS)
#define BEGIN_MS INT64_C(1772323200000) /* 2026-03-01 */

struct bench {
    struct fake_s3 s3;
    struct fb_layout *layout;
    struct fb_walk *walk;
    unsigned calls, fail_call;
    char shown[4000]; /* the last parts of the keys, a blank behind each */
};

static struct bench *bench;

static enum fb_status list_page(struct fb_client *client, const struct fb_s3_list_request *request,
                                struct fb_s3_list_result *ret_result, struct fb_error *error)
{
    (void)client;
    if (++bench->calls == bench->fail_call)
        return fb_fail(error, FB_UNAVAILABLE, "by the test");
    return fake_s3_list_page(&bench->s3, BEGIN_MS + 100 * DAY_MS, request, ret_result);
}

static void use_layout(const char *prefix)
{
    const struct fb_layout_options options = {.prefix = prefix};

    fb_layout_free(bench->layout);
    assert_int_equal(fb_layout_new(&options, &bench->layout, NULL), FB_OK);
}

static int set_up(void **test)
{
    (void)test;
    bench = calloc(1, sizeof *bench);
    fake_s3_init(&bench->s3);
    bench->s3.page_size = 3;
    use_layout("p/");
    return 0;
}

static int tear_down(void **test)
{
    (void)test;
    fb_walk_free(bench->walk);
    fb_layout_free(bench->layout);
    fake_s3_done(&bench->s3);
    free(bench);
    return 0;
}

static void put(const char *root, int64_t at_ms, const char *name)
{
    struct fb_civil at;
    char key[160];

    fb_time_to_civil(at_ms, &at);
    snprintf(key, sizeof key, "%s%04d/%02d/%02d/%02d/%s", root, at.year, at.month, at.day, at.hour,
             name);
    fake_s3_put(&bench->s3, key, at_ms)->size_bytes = 10;
}

static struct fb_walk_options options(int64_t from_ms, int64_t to_ms)
{
    return (struct fb_walk_options){.bucket = "b",
                                    .layout = bench->layout,
                                    .list_page = list_page,
                                    .from_ms = from_ms,
                                    .to_ms = to_ms,
                                    .in_order = true};
}

static void begin(const struct fb_walk_options *with)
{
    fb_walk_free(bench->walk);
    bench->walk = NULL;
    assert_int_equal(fb_walk_new(with, &bench->walk, NULL), FB_OK);
}

static void note(const struct fb_walk_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        strcat(bench->shown, strrchr(page->objects[i].key, '/') + 1);
        strcat(bench->shown, " ");
    }
}

static const char *walk_all(const struct fb_walk_options *with)
{
    struct fb_walk_page page;
    enum fb_status status;

    begin(with);
    while ((status = fb_walk_next(bench->walk, &page, NULL)) == FB_OK)
        note(&page);
    assert_int_equal(status, FB_END);
    return bench->shown;
}

static void put_five_days(const char *root)
{
    for (int i = 0; i < 10; i++) {
        char name[16];

        snprintf(name, sizeof name, "%d", i);
        put(root, BEGIN_MS + i * DAY_MS / 2, name);
    }
}

static void the_range_holds_its_begin_and_not_its_end(void **test)
{
    const struct fb_walk_options with = options(BEGIN_MS + DAY_MS, BEGIN_MS + 3 * DAY_MS);

    (void)test;
    put_five_days("p/");
    assert_string_equal(walk_all(&with), "2 3 4 5 ");
}

static void ordered_folders_are_one_listing_however_long_the_range_is(void **test)
{
    const struct fb_walk_options with = options(0, BEGIN_MS + 1000 * DAY_MS);

    (void)test;
    put_five_days("p/");
    assert_string_equal(walk_all(&with), "0 1 2 3 4 5 6 7 8 9 ");
    assert_int_equal(bench->calls, 4);
}

static void put_many(int64_t at_ms)
{
    for (int i = 0; i < 10; i++) {
        char name[16];

        snprintf(name, sizeof name, "many%d", i);
        put("p/", at_ms, name);
    }
}

static void a_range_without_objects_ends_though_many_follow_behind_it(void **test)
{
    const struct fb_walk_options with = options(BEGIN_MS + DAY_MS, BEGIN_MS + 3 * DAY_MS);

    (void)test;
    put("p/", BEGIN_MS, "early");
    put_many(BEGIN_MS + 5 * DAY_MS);
    assert_string_equal(walk_all(&with), "");
}

static void a_range_ends_with_a_full_page_though_many_follow_behind_it(void **test)
{
    const struct fb_walk_options with = options(BEGIN_MS, BEGIN_MS + 3 * DAY_MS);

    (void)test;
    put("p/", BEGIN_MS, "1");
    put("p/", BEGIN_MS, "2");
    put("p/", BEGIN_MS, "3");
    put_many(BEGIN_MS + 5 * DAY_MS);
    assert_string_equal(walk_all(&with), "1 2 3 ");
}

/* Two partitions before the time, a day apart: by names alone all of a comes before b. */
static void partitions_are_walked_day_by_day(void **test)
{
    struct fb_walk_options with;

    (void)test;
    use_layout("p/!{partitionKeyFromQuery:kind}/!{timestamp:yyyy/MM/dd/HH}/");
    put("p/a/", BEGIN_MS, "a0");
    put("p/a/", BEGIN_MS + DAY_MS, "a1");
    put("p/b/", BEGIN_MS, "b0");
    put("p/b/", BEGIN_MS + DAY_MS, "b1");
    with = options(BEGIN_MS, BEGIN_MS + 2 * DAY_MS);
    assert_string_equal(walk_all(&with), "a0 b0 a1 b1 ");
    bench->shown[0] = '\0';
    with.in_order = false;
    assert_string_equal(walk_all(&with), "a0 a1 b0 b1 ");
}

static void a_walk_goes_on_behind_any_place_and_shows_nothing_twice(void **test)
{
    struct fb_walk_options with;
    char whole[sizeof bench->shown];
    size_t pages = 0;

    (void)test;
    use_layout("p/!{partitionKeyFromQuery:kind}/!{timestamp:yyyy/MM/dd/HH}/");
    put_five_days("p/a/");
    put_five_days("p/b/");
    put_five_days("p/c/");
    with = options(BEGIN_MS, BEGIN_MS + 5 * DAY_MS);
    strcpy(whole, walk_all(&with));
    assert_int_equal(strlen(whole), 60);
    bench->shown[0] = '\0';
    for (;; pages++) {
        struct fb_walk_page page;
        char cursor[200];

        begin(&with);
        if (fb_walk_next(bench->walk, &page, NULL) == FB_END)
            break;
        note(&page);
        with.window_ms = page.window_ms;
        with.cursor = NULL;
        if (page.cursor != NULL)
            with.cursor = strcpy(cursor, page.cursor);
    }
    assert_string_equal(bench->shown, whole);
    assert_true(pages >= 15);
}

static void a_page_that_failed_is_asked_for_again(void **test)
{
    struct fb_walk_options with;

    (void)test;
    use_layout("p/!{partitionKeyFromQuery:kind}/!{timestamp:yyyy/MM/dd/HH}/");
    put_five_days("p/a/");
    put_five_days("p/b/");
    with = options(BEGIN_MS, BEGIN_MS + 2 * DAY_MS);
    for (unsigned failing = 1; failing <= 6; failing++) {
        struct fb_walk_page page;
        enum fb_status status;

        bench->shown[0] = '\0';
        bench->calls = 0;
        bench->fail_call = failing;
        begin(&with);
        while ((status = fb_walk_next(bench->walk, &page, NULL)) != FB_END)
            if (status == FB_OK)
                note(&page);
        assert_string_equal(bench->shown, "0 1 0 1 2 3 2 3 ");
    }
}

static void a_key_is_found_alone_and_a_prefix_with_all_behind_it(void **test)
{
    struct fb_walk_options with = {
        .bucket = "b", .layout = bench->layout, .list_page = list_page, .to_ms = INT64_MAX};

    (void)test;
    put("p/", BEGIN_MS, "1");
    put("p/", BEGIN_MS, "12");
    put("p/", BEGIN_MS, "2");
    fake_s3_put(&bench->s3, "p/processing-failed/2026/03/01/00/bad", BEGIN_MS);
    with.prefix = "p/2026/03/01/00/1";
    assert_string_equal(walk_all(&with), "1 12 ");
    bench->shown[0] = '\0';
    with.is_key = true;
    assert_string_equal(walk_all(&with), "1 ");
    bench->shown[0] = '\0';
    with.is_key = false;
    with.prefix = "p/";
    assert_string_equal(walk_all(&with), "1 12 2 ");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_range_holds_its_begin_and_not_its_end),
        CASE(ordered_folders_are_one_listing_however_long_the_range_is),
        CASE(a_range_without_objects_ends_though_many_follow_behind_it),
        CASE(a_range_ends_with_a_full_page_though_many_follow_behind_it),
        CASE(partitions_are_walked_day_by_day),
        CASE(a_walk_goes_on_behind_any_place_and_shows_nothing_twice),
        CASE(a_page_that_failed_is_asked_for_again),
        CASE(a_key_is_found_alone_and_a_prefix_with_all_behind_it),
    };

    return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
