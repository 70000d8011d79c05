/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon says of its streams, for a person. Its answer is not trusted: what is missing
 * shows as nothing, and no text reaches the terminal with its controls. */
#include "status_show.h"

#include <stdio.h>
#include <string.h>

#include "firebridge/base/clock.h"
#include "firebridge/base/time.h"
#include "human.h"

#define BAR_CELLS 24

static uint64_t number(const json_t *object, const char *name)
{
    const double value = json_number_value(json_object_get(object, name));

    return value >= 1e18 ? UINT64_C(1000000000000000000) : value > 0 ? (uint64_t)value : 0;
}

/* "-" where there is none. Into a text of the caller's. */
static const char *word(const json_t *object, const char *name, char *text, size_t size)
{
    return fb_human_text(json_string_value(json_object_get(object, name)), text, size);
}

static void print_head(void)
{
    printf("%-20s %-10s %10s  %-24s %10s %10s %12s %8s %8s\n", "STREAM", "STATE", "LAG", "BACKLOG",
           "RECORDS/s", "ITEMS/s", "BYTES/s", "RETRIES", "DEAD");
}

static void print_row(const json_t *stream)
{
    char name[80], state[24], lag[FB_HUMAN_SIZE], objects[FB_HUMAN_SIZE], bytes[FB_HUMAN_SIZE],
        backlog[2 * FB_HUMAN_SIZE + 16] = "none", records[FB_HUMAN_SIZE], items[FB_HUMAN_SIZE],
                                    read[FB_HUMAN_SIZE], retries[FB_HUMAN_SIZE],
                                    dead[FB_HUMAN_SIZE];
    const uint64_t left = number(stream, "backlog_objects");

    if (left > 0)
        snprintf(backlog, sizeof backlog, "%s object%s, %s", fb_human_count(left, objects),
                 left == 1 ? "" : "s", fb_human_bytes(number(stream, "backlog_bytes"), bytes));
    printf("%-20s %-10s %10s  %-24s %10s %10s %12s %8s %8s\n",
           word(stream, "stream", name, sizeof name), word(stream, "state", state, sizeof state),
           left > 0 ? fb_human_duration((int64_t)number(stream, "lag_ms"), lag) : "none", backlog,
           fb_human_count(number(stream, "records_per_second"), records),
           fb_human_count(number(stream, "items_per_second"), items),
           fb_human_bytes(number(stream, "bytes_per_second"), read),
           fb_human_count(number(stream, "retries"), retries),
           fb_human_count(number(stream, "dead_letters"), dead));
}

static void print_work(const json_t *work)
{
    const uint64_t size = number(work, "size_bytes");
    const uint64_t read = number(work, "read_bytes");
    const double part = size > 0 && read <= size ? (double)read / (double)size : 0;
    char bar[BAR_CELLS + 1], bytes[FB_HUMAN_SIZE], key[1100];

    for (size_t i = 0; i < BAR_CELLS; i++)
        bar[i] = (double)i < part * BAR_CELLS ? '#' : '.';
    bar[BAR_CELLS] = '\0';
    printf("  reads    [%s] %3.0f %% of %s  %s\n", bar, part * 100, fb_human_bytes(size, bytes),
           word(work, "object", key, sizeof key));
}

/* Nothing where nothing was written. */
static void print_units(const json_t *stream)
{
    char rate[FB_HUMAN_SIZE], used[FB_HUMAN_SIZE], saved[FB_HUMAN_SIZE], throttles[FB_HUMAN_SIZE];

    if (number(stream, "write_units") == 0 && number(stream, "throttles") == 0)
        return;
    printf("  writes   %s write units a second; %s used, %s saved by waiting; throttled %s times\n",
           fb_human_count(number(stream, "write_units_per_second"), rate),
           fb_human_count(number(stream, "write_units"), used),
           fb_human_count(number(stream, "write_units_saved"), saved),
           fb_human_count(number(stream, "throttles"), throttles));
}

static void print_backlog_end(const json_t *stream)
{
    const json_t *done_in = json_object_get(stream, "backlog_done_in_ms");
    char duration[FB_HUMAN_SIZE];

    if (number(stream, "backlog_objects") == 0)
        return;
    if (json_is_integer(done_in))
        printf("  backlog  done in %s, at the pace of the last minutes\n",
               fb_human_duration(json_integer_value(done_in), duration));
    else if (!json_is_true(json_object_get(stream, "held")))
        printf("  backlog  it does not shrink yet\n");
}

static void print_error(const json_t *stream)
{
    char text[600], time[40];

    if (!json_is_string(json_object_get(stream, "last_error")))
        return;
    printf("  error    %s%s: %s\n",
           json_is_true(json_object_get(stream, "healthy")) ? "over; " : "",
           word(stream, "last_error_time", time, sizeof time),
           word(stream, "last_error", text, sizeof text));
}

static void print_hot_key(const json_t *stream)
{
    char hash[80];

    if (json_is_string(json_object_get(stream, "hot_key_hash")))
        printf("  hot key  the table throttles one key, for which all waits; its hash is %s\n",
               word(stream, "hot_key_hash", hash, sizeof hash));
}

static void print_lists(const json_t *stream)
{
    char polls[FB_HUMAN_SIZE], sweeps[FB_HUMAN_SIZE];

    if (json_is_true(json_object_get(stream, "lists_stretched")))
        printf("  lists    stretched by list_budget: polls every %s, sweeps every %s\n",
               fb_human_duration((int64_t)number(stream, "poll_every_ms"), polls),
               fb_human_duration((int64_t)number(stream, "sweep_every_ms"), sweeps));
}

/* Of both sides, the keys that end first. */
static void print_keys(const json_t *stream)
{
    static const char *const names[] = {"source_credentials_expire", "table_credentials_expire"};
    int64_t first_ms = INT64_MAX, end_ms;
    char duration[FB_HUMAN_SIZE];

    for (size_t i = 0; i < 2; i++) {
        const char *time = json_string_value(json_object_get(stream, names[i]));

        if (time != NULL && fb_time_parse_rfc3339(time, &end_ms) == FB_OK && end_ms < first_ms)
            first_ms = end_ms;
    }
    if (first_ms == INT64_MAX)
        return;
    first_ms -= fb_realtime_ms(fb_clock_system());
    printf("  keys     %s%s\n", first_ms > 0 ? "end in " : "have ended",
           first_ms > 0 ? fb_human_duration(first_ms, duration) : "");
}

static void print_stream(const json_t *stream)
{
    const json_t *works = json_object_get(stream, "at_work");

    print_row(stream);
    for (size_t i = 0; i < json_array_size(works); i++)
        print_work(json_array_get(works, i));
    print_units(stream);
    print_backlog_end(stream);
    print_hot_key(stream);
    print_lists(stream);
    print_error(stream);
    print_keys(stream);
}

void fb_status_show(const json_t *answer)
{
    const json_t *streams = json_object_get(answer, "streams");
    char refused[600], unkept[600];

    if (json_is_string(json_object_get(answer, "conf_refused")))
        printf("the conf is refused, the old one is in force: %s\n",
               word(answer, "conf_refused", refused, sizeof refused));
    if (json_is_string(json_object_get(answer, "state_backup_error")))
        printf("the state is not kept in S3, it is tried again: %s\n",
               word(answer, "state_backup_error", unkept, sizeof unkept));
    print_head();
    for (size_t i = 0; i < json_array_size(streams); i++)
        print_stream(json_array_get(streams, i));
}

static void print_line(const json_t *stream, const char *now)
{
    const uint64_t left = number(stream, "backlog_objects");
    char name[80], state[24], lag[FB_HUMAN_SIZE], bytes[FB_HUMAN_SIZE];

    printf("%.19sZ  %s: %s, lag %s, backlog %llu objects, %s; %llu records/s, %llu items/s, "
           "%llu write units/s, %llu throttles, %llu retries, %llu dead letters\n",
           now, word(stream, "stream", name, sizeof name),
           word(stream, "state", state, sizeof state),
           left > 0 ? fb_human_duration((int64_t)number(stream, "lag_ms"), lag) : "none",
           (unsigned long long)left, fb_human_bytes(number(stream, "backlog_bytes"), bytes),
           (unsigned long long)number(stream, "records_per_second"),
           (unsigned long long)number(stream, "items_per_second"),
           (unsigned long long)number(stream, "write_units_per_second"),
           (unsigned long long)number(stream, "throttles"),
           (unsigned long long)number(stream, "retries"),
           (unsigned long long)number(stream, "dead_letters"));
}

void fb_status_show_line(const json_t *answer)
{
    const json_t *streams = json_object_get(answer, "streams");
    char now[FB_TIME_TEXT_SIZE];

    fb_time_format_rfc3339(fb_realtime_ms(fb_clock_system()), now);
    for (size_t i = 0; i < json_array_size(streams); i++)
        print_line(json_array_get(streams, i), now);
}

bool fb_status_is_healthy(const json_t *answer)
{
    const json_t *streams = json_object_get(answer, "streams");

    for (size_t i = 0; i < json_array_size(streams); i++)
        if (!json_is_true(json_object_get(json_array_get(streams, i), "healthy")))
            return false;
    return json_is_array(streams);
}
