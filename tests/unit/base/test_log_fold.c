/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firebridge/base/log_fold.h"

#define MINUTE_MS 60000

/* What was written, one line each. */
struct written {
    struct fb_log_fold fold;
    char text[8192];
    size_t lines;
};

static void note(void *context, const struct fb_log_line *line)
{
    struct written *written = context;
    const char *repeats = line->values[FB_FIELD_REPEATS];
    size_t used = strlen(written->text);

    snprintf(written->text + used, sizeof written->text - used, "%s|%s\n", line->text,
             repeats != NULL ? repeats : "-");
    written->lines++;
}

static void begin(struct written *written)
{
    *written = (struct written){.fold = {.write = note, .context = written}};
}

/* From buffers that do not outlive the call, as a caller's do. */
static void put(struct written *written, enum fb_event_id event, const char *stream,
                const char *text, int64_t now_ms)
{
    char text_copy[FB_LOG_TEXT_SIZE], stream_copy[65];
    struct fb_log_line line = {
        .level = fb_event_kinds[event].level, .kind = &fb_event_kinds[event], .text = text_copy};

    snprintf(text_copy, sizeof text_copy, "%s", text);
    if (stream != NULL) {
        snprintf(stream_copy, sizeof stream_copy, "%s", stream);
        line.values[FB_FIELD_STREAM] = stream_copy;
    }
    fb_log_fold_put(&written->fold, &line, now_ms);
    memset(text_copy, 'x', sizeof text_copy);
    memset(stream_copy, 'x', sizeof stream_copy);
}

static void the_first_is_written_at_once_and_then_one_a_minute_with_the_count(void **state)
{
    struct written written;

    (void)state;
    begin(&written);
    for (int i = 0; i < 1000; i++)
        put(&written, FB_EVENT_DEAD_LETTER, "a", i == 999 ? "last" : i == 0 ? "first" : "x", i);
    assert_string_equal(written.text, "first|-\n");
    fb_log_fold_flush(&written.fold, MINUTE_MS - 1);
    assert_int_equal(written.lines, 1);
    fb_log_fold_flush(&written.fold, MINUTE_MS);
    assert_string_equal(written.text, "first|-\nlast (and 998 more like it within a minute)|998\n");
    put(&written, FB_EVENT_DEAD_LETTER, "a", "held", MINUTE_MS + 1);
    assert_int_equal(written.lines, 2);
    fb_log_fold_end(&written.fold);
    assert_non_null(strstr(written.text, "held|-\n"));
}

static void one_that_comes_when_the_minute_is_over_is_written_with_those_before_it(void **state)
{
    struct written written;

    (void)state;
    begin(&written);
    put(&written, FB_EVENT_DEAD_LETTER, "a", "first", 0);
    put(&written, FB_EVENT_DEAD_LETTER, "a", "x", 1);
    put(&written, FB_EVENT_DEAD_LETTER, "a", "x", 2);
    put(&written, FB_EVENT_DEAD_LETTER, "a", "next", MINUTE_MS);
    assert_string_equal(written.text, "first|-\nnext (and 2 more like it within a minute)|2\n");
    fb_log_fold_end(&written.fold);
    assert_int_equal(written.lines, 2);
}

static void after_a_quiet_minute_the_next_is_the_first_again(void **state)
{
    struct written written;

    (void)state;
    begin(&written);
    put(&written, FB_EVENT_DEAD_LETTER, "a", "one", 0);
    fb_log_fold_flush(&written.fold, MINUTE_MS);
    for (size_t i = 0; i < FB_EVENT_COUNT; i++)
        assert_null(written.fold.held[i]);
    put(&written, FB_EVENT_DEAD_LETTER, "a", "two", MINUTE_MS + 1);
    assert_string_equal(written.text, "one|-\ntwo|-\n");
    fb_log_fold_end(&written.fold);
}

static void streams_and_events_fold_each_on_their_own(void **state)
{
    struct written written;

    (void)state;
    begin(&written);
    put(&written, FB_EVENT_DEAD_LETTER, "a", "a1", 0);
    put(&written, FB_EVENT_DEAD_LETTER, "b", "b1", 0);
    put(&written, FB_EVENT_KEY_THROTTLED, "a", "key", 0);
    put(&written, FB_EVENT_DEAD_LETTER, NULL, "none", 0);
    put(&written, FB_EVENT_DEAD_LETTER, "b", "b2", 0);
    assert_string_equal(written.text, "a1|-\nb1|-\nkey|-\nnone|-\n");
    fb_log_fold_end(&written.fold);
    assert_string_equal(written.text, "a1|-\nb1|-\nkey|-\nnone|-\nb2|-\n");
}

static void what_does_not_fold_is_always_written(void **state)
{
    struct written written;

    (void)state;
    begin(&written);
    put(&written, FB_EVENT_OBJECT_ENDED, "a", "1", 0);
    put(&written, FB_EVENT_OBJECT_ENDED, "a", "2", 0);
    assert_string_equal(written.text, "1|-\n2|-\n");
    fb_log_fold_end(&written.fold);
    assert_int_equal(written.lines, 2);
}

static void trouble_after_a_recovery_is_told_at_once(void **state)
{
    struct written written;

    (void)state;
    begin(&written);
    put(&written, FB_EVENT_STREAM_TROUBLE, "a", "trouble", 0);
    put(&written, FB_EVENT_STREAM_TROUBLE, "b", "other", 0);
    put(&written, FB_EVENT_STREAM_TROUBLE, "a", "held", 1);
    put(&written, FB_EVENT_STREAM_RECOVERED, "a", "well", 2);
    put(&written, FB_EVENT_STREAM_TROUBLE, "a", "again", 3);
    put(&written, FB_EVENT_STREAM_TROUBLE, "b", "held", 3);
    assert_string_equal(written.text, "trouble|-\nother|-\nheld|-\nwell|-\nagain|-\n");
    fb_log_fold_end(&written.fold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_written_at_once_and_then_one_a_minute_with_the_count),
        cmocka_unit_test(one_that_comes_when_the_minute_is_over_is_written_with_those_before_it),
        cmocka_unit_test(after_a_quiet_minute_the_next_is_the_first_again),
        cmocka_unit_test(streams_and_events_fold_each_on_their_own),
        cmocka_unit_test(what_does_not_fold_is_always_written),
        cmocka_unit_test(trouble_after_a_recovery_is_told_at_once),
    };

    return cmocka_run_group_tests_name("base/log_fold", tests, NULL, NULL);
}
