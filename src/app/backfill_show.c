/* SPDX-License-Identifier: Apache-2.0 */
#include "backfill_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "firebridge/app/cli.h"
#include "firebridge/base/time.h"
#include "operator.h"

#define BAR_WIDTH 30

/* Where lines are printed, one in so long. */
#define LINE_MS 10000

static const char *const words[] = {
    [FB_BACKFILL_RUNNING] = "running",
    [FB_BACKFILL_COMPLETE] = "complete",
    [FB_BACKFILL_CANCELED] = "cancelled",
};

void fb_backfill_show_init(struct fb_backfill_show *show, const char *stream, bool as_json)
{
    *show = (struct fb_backfill_show){
        .stream = stream,
        .as_json = as_json,
        .is_terminal = !as_json && isatty(STDOUT_FILENO) != 0,
    };
}

unsigned fb_backfill_percent(const struct fb_backfill *backfill)
{
    unsigned percent;

    if (backfill->state == FB_BACKFILL_COMPLETE)
        return 100;
    if (backfill->total_bytes == 0)
        return 0;
    percent = (unsigned)((double)backfill->bytes * 100 / (double)backfill->total_bytes);
    return percent > 99 ? 99 : percent;
}

int64_t fb_backfill_left_ms(const struct fb_backfill *backfill, int64_t now_ms)
{
    const double took_ms = (double)(now_ms - backfill->started_ms);

    if (backfill->state != FB_BACKFILL_RUNNING || backfill->bytes == 0 || took_ms <= 0 ||
        backfill->bytes >= backfill->total_bytes)
        return 0;
    return (int64_t)(took_ms * (double)(backfill->total_bytes - backfill->bytes) /
                     (double)backfill->bytes);
}

static void format_left(int64_t left_ms, char *text, size_t size)
{
    const long long minutes = (long long)(left_ms / 60000);

    if (left_ms == 0)
        snprintf(text, size, "-");
    else if (minutes >= 2 * 24 * 60)
        snprintf(text, size, "%lld days", minutes / (24 * 60));
    else if (minutes >= 120)
        snprintf(text, size, "%lld h", minutes / 60);
    else if (minutes >= 2)
        snprintf(text, size, "%lld min", minutes);
    else
        snprintf(text, size, "%lld s", (long long)(left_ms / 1000));
}

static int print_json(const struct fb_backfill_show *show, const struct fb_backfill *backfill,
                      int64_t now_ms)
{
    char from[FB_TIME_TEXT_SIZE], to[FB_TIME_TEXT_SIZE], at[FB_TIME_TEXT_SIZE];

    fb_time_format_rfc3339(backfill->from_ms, from);
    fb_time_format_rfc3339(backfill->to_ms, to);
    fb_time_format_rfc3339(backfill->window_ms, at);
    return fb_operator_print_json(json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I}", "stream",
        show->stream, "state", words[backfill->state], "from", from, "to", to, "rate_records_per_s",
        (json_int_t)backfill->rate, "if_absent", backfill->if_absent, "total_objects",
        (json_int_t)backfill->total_objects, "total_bytes", (json_int_t)backfill->total_bytes,
        "objects", (json_int_t)backfill->objects, "bytes", (json_int_t)backfill->bytes, "records",
        (json_int_t)backfill->records, "dead_letters", (json_int_t)backfill->dead_letters,
        "percent", (int)fb_backfill_percent(backfill), "left_ms",
        (json_int_t)fb_backfill_left_ms(backfill, now_ms)));
}

static void print_bar(unsigned percent)
{
    char bar[BAR_WIDTH + 1];
    const size_t full = (size_t)percent * BAR_WIDTH / 100;

    memset(bar, '#', full);
    memset(bar + full, '.', BAR_WIDTH - full);
    bar[BAR_WIDTH] = '\0';
    printf("\r\033[K[%s] ", bar);
}

static void print_line(const struct fb_backfill_show *show, const struct fb_backfill *backfill,
                       int64_t now_ms)
{
    char left[32];

    format_left(fb_backfill_left_ms(backfill, now_ms), left, sizeof left);
    if (show->is_terminal)
        print_bar(fb_backfill_percent(backfill));
    printf("%3u %%  %" PRIu64 " of %" PRIu64 " objects, %" PRIu64 " records, %" PRIu64
           " dead letters, %s%s%s",
           fb_backfill_percent(backfill), backfill->objects, backfill->total_objects,
           backfill->records, backfill->dead_letters, words[backfill->state],
           backfill->state == FB_BACKFILL_RUNNING ? ", left: " : "",
           backfill->state == FB_BACKFILL_RUNNING ? left : "");
    if (!show->is_terminal)
        putchar('\n');
}

static int print(const struct fb_backfill_show *show, const struct fb_backfill *backfill,
                 int64_t now_ms)
{
    if (show->as_json)
        return print_json(show, backfill, now_ms);
    print_line(show, backfill, now_ms);
    return FB_EXIT_OK;
}

bool fb_backfill_show(struct fb_backfill_show *show, const struct fb_backfill *backfill,
                      int64_t now_ms)
{
    if (!show->is_terminal && show->shown_ms != 0 && now_ms - show->shown_ms < LINE_MS)
        return true;
    show->shown_ms = now_ms;
    return print(show, backfill, now_ms) == FB_EXIT_OK && fb_cli_flush();
}

int fb_backfill_show_end(struct fb_backfill_show *show, const struct fb_backfill *backfill,
                         int64_t now_ms)
{
    const int status = print(show, backfill, now_ms);

    if (show->is_terminal)
        putchar('\n');
    return status;
}

int fb_backfill_show_plan(const char *stream, const struct fb_backfill *asked, bool as_json)
{
    char from[FB_TIME_TEXT_SIZE], to[FB_TIME_TEXT_SIZE], size[FB_SIZE_TEXT_SIZE];

    fb_time_format_rfc3339(asked->from_ms, from);
    fb_time_format_rfc3339(asked->to_ms, to);
    if (as_json)
        return fb_operator_print_json(json_pack(
            "{s:s, s:b, s:s, s:s, s:I, s:I, s:I}", "stream", stream, "dry_run", 1, "from", from,
            "to", to, "objects", (json_int_t)asked->total_objects, "bytes",
            (json_int_t)asked->total_bytes, "rate_records_per_s", (json_int_t)asked->rate));
    printf("%s to %s: %" PRIu64 " objects of %s would be processed\n", from, to,
           asked->total_objects, fb_operator_size(asked->total_bytes, size));
    return FB_EXIT_OK;
}
