/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "firebridge/base/log_line.h"
#include "firebridge/base/status.h"
#include "firebridge/base/time.h"

static const char *const level_names[] = {
    [FB_LOG_ERROR] = "error", [FB_LOG_WARNING] = "warning", [FB_LOG_NOTICE] = "notice",
    [FB_LOG_INFO] = "info",   [FB_LOG_DEBUG] = "debug",
};

const char *fb_log_level_name(enum fb_log_level level)
{
    return level_names[level];
}

#define TIME_SIZE (FB_TIME_TEXT_SIZE + 8)

/* Always with three digits of a second: columns stay where they are. */
static void format_time(int64_t now_ms, char text[TIME_SIZE])
{
    char seconds[FB_TIME_TEXT_SIZE];

    fb_time_format_rfc3339(now_ms - now_ms % 1000, seconds);
    snprintf(text, TIME_SIZE, "%.19s.%03dZ", seconds, (int)(now_ms % 1000));
}

size_t fb_log_format_plain(const struct fb_log_line *line, int64_t now_ms,
                           char output[FB_LOG_OUTPUT_SIZE])
{
    char now[TIME_SIZE];

    format_time(now_ms, now);
    return (size_t)snprintf(output, FB_LOG_OUTPUT_SIZE, "%s %-7s %s\n", now,
                            fb_log_level_name(line->level), line->text);
}

size_t fb_log_format_prefixed(const struct fb_log_line *line, int64_t now_ms,
                              char output[FB_LOG_OUTPUT_SIZE])
{
    (void)now_ms;
    return (size_t)snprintf(output, FB_LOG_OUTPUT_SIZE, "<%d>%s\n", (int)line->level, line->text);
}

/* ---- JSON ---- */

/* What is written so far; a value that does not fit is left out whole, so it stays JSON. */
struct json {
    char *output;
    size_t used;
};

/* The longest end of a line. */
#define CLOSING_SIZE sizeof "}\n"

static void put(struct json *json, const char *text, size_t size)
{
    memcpy(json->output + json->used, text, size);
    json->used += size;
}

/* Of bytes that are no UTF-8, each becomes U+FFFD. */
static size_t escape(const char *at, char escaped[8])
{
    const unsigned char byte = (unsigned char)*at;
    const size_t length = fb_utf8_length(at);
    const uint16_t control = fb_utf8_control(at, length);

    if (byte == '"' || byte == '\\')
        return (size_t)sprintf(escaped, "\\%c", byte);
    if (control != 0)
        return (size_t)sprintf(escaped, "\\u%04x", control);
    if (length == 0)
        return (size_t)sprintf(escaped, "\\ufffd");
    memcpy(escaped, at, length);
    return length;
}

static void put_string(struct json *json, const char *text)
{
    char escaped[8] = "";

    put(json, "\"", 1);
    while (*text != '\0') {
        size_t length = fb_utf8_length(text);

        put(json, escaped, escape(text, escaped));
        text += length > 0 ? length : 1;
    }
    put(json, "\"", 1);
}

static void put_member(struct json *json, const char *name, const char *value, bool is_number)
{
    const size_t most = strlen(name) + 6 * strlen(value) + sizeof ",\"\":\"\"";

    if (json->used + most + CLOSING_SIZE > FB_LOG_OUTPUT_SIZE)
        return;
    put(json, json->used == 0 ? "{" : ",", 1);
    put_string(json, name);
    put(json, ":", 1);
    if (is_number)
        put(json, value, strlen(value));
    else
        put_string(json, value);
}

size_t fb_log_format_json(const struct fb_log_line *line, int64_t now_ms,
                          char output[FB_LOG_OUTPUT_SIZE])
{
    struct json json = {.output = output};
    char now[TIME_SIZE];

    format_time(now_ms, now);
    put_member(&json, "time", now, false);
    put_member(&json, "level", fb_log_level_name(line->level), false);
    if (line->kind != NULL) {
        put_member(&json, "event", line->kind->name, false);
        put_member(&json, "message_id", line->kind->message_id, false);
    }
    put_member(&json, "message", line->text, false);
    for (size_t i = 0; i < FB_FIELD_COUNT; i++)
        if (line->values[i] != NULL)
            put_member(&json, fb_log_field_names[i].json, line->values[i],
                       fb_log_field_names[i].is_number);
    put(&json, "}\n", 2);
    return json.used;
}
