/* SPDX-License-Identifier: Apache-2.0 */
#include "human.h"

#include <stdio.h>

#include "firebridge/base/status.h"

const char *fb_human_bytes(uint64_t bytes, char text[FB_HUMAN_SIZE])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double size = (double)bytes;
    size_t unit = 0;

    /* What would be rounded to 1024.0 is one of the next. */
    for (; size >= (unit == 0 ? 1024 : 1023.95); unit++)
        size /= 1024;
    snprintf(text, FB_HUMAN_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
    return text;
}

const char *fb_human_duration(int64_t duration_ms, char text[FB_HUMAN_SIZE])
{
    const long long seconds = (duration_ms > 0 ? duration_ms : 0) / 1000;
    const long long minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

    if (seconds < 60)
        snprintf(text, FB_HUMAN_SIZE, "%lld s", seconds);
    else if (minutes < 60)
        snprintf(text, FB_HUMAN_SIZE, "%lld min", minutes);
    else if (hours < 24)
        snprintf(text, FB_HUMAN_SIZE, "%lld h %lld min", hours, minutes % 60);
    else
        snprintf(text, FB_HUMAN_SIZE, "%lld d %lld h", days, hours % 24);
    return text;
}

const char *fb_human_count(uint64_t count, char text[FB_HUMAN_SIZE])
{
    char digits[FB_HUMAN_SIZE];
    const size_t size = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    char *at = text;

    for (size_t i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return text;
}

const char *fb_human_text(const char *from, char *text, size_t size)
{
    snprintf(text, size, "%s", from != NULL ? from : "-");
    fb_make_printable(text);
    return text;
}

void fb_human_print(const char *text)
{
    const char *begin = text;
    size_t size;

    for (; *text != '\0'; text += size) {
        if (fb_is_printable(text, &size))
            continue;
        (void)fwrite(begin, 1, (size_t)(text - begin), stdout);
        putchar('?');
        begin = text + size;
    }
    (void)fwrite(begin, 1, (size_t)(text - begin), stdout);
}
