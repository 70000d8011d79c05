/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/time.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t fb_time_from_civil(const struct fb_civil *civil)
{
    struct tm tm = {
        .tm_year = civil->year - 1900,
        .tm_mon = civil->month - 1,
        .tm_mday = civil->day,
        .tm_hour = civil->hour,
        .tm_min = civil->minute,
        .tm_sec = civil->second,
    };

    return (int64_t)timegm(&tm) * 1000;
}

void fb_time_to_civil(int64_t time_ms, struct fb_civil *ret_civil)
{
    time_t seconds = (time_t)(time_ms >= 0 ? time_ms / 1000 : -((-time_ms + 999) / 1000));
    struct tm tm = {0};

    gmtime_r(&seconds, &tm);
    *ret_civil = (struct fb_civil){
        .year = tm.tm_year + 1900,
        .month = tm.tm_mon + 1,
        .day = tm.tm_mday,
        .hour = tm.tm_hour,
        .minute = tm.tm_min,
        .second = tm.tm_sec,
    };
}

void fb_time_format_rfc3339(int64_t time_ms, char text[FB_TIME_TEXT_SIZE])
{
    struct fb_civil civil;
    char fraction[8] = "";
    char whole[96];

    fb_time_to_civil(time_ms, &civil);
    if (time_ms % 1000 > 0)
        snprintf(fraction, sizeof fraction, ".%03d", (int)(time_ms % 1000));
    snprintf(whole, sizeof whole, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", civil.year, civil.month,
             civil.day, civil.hour, civil.minute, civil.second, fraction);
    memcpy(text, whole, FB_TIME_TEXT_SIZE - 1);
    text[FB_TIME_TEXT_SIZE - 1] = '\0';
}

/* Reads exactly `digits` digits and moves on. */
static bool take_number(const char **text, int digits, int *ret_number)
{
    int number = 0;

    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*text)[i]))
            return false;
        number = number * 10 + ((*text)[i] - '0');
    }
    *text += digits;
    *ret_number = number;
    return true;
}

static bool take_char(const char **text, const char *any_of)
{
    if (**text == '\0' || strchr(any_of, **text) == NULL)
        return false;
    (*text)++;
    return true;
}

static bool civil_is_valid(const struct fb_civil *civil)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (civil->year % 4 == 0 && civil->year % 100 != 0) || civil->year % 400 == 0;

    if (civil->year < 1970 || civil->month < 1 || civil->month > 12 || civil->day < 1)
        return false;
    if (civil->day > days[civil->month - 1] + (civil->month == 2 && leap ? 1 : 0))
        return false;
    return civil->hour < 24 && civil->minute < 60 && civil->second <= 60;
}

static bool take_fraction_ms(const char **text, int *ret_ms)
{
    int scale = 100;

    *ret_ms = 0;
    if (**text != '.')
        return true;
    (*text)++;
    if (!isdigit((unsigned char)**text))
        return false;
    for (; isdigit((unsigned char)**text); (*text)++, scale /= 10)
        *ret_ms += (**text - '0') * scale;
    return true;
}

static bool take_offset_minutes(const char **text, int *ret_minutes)
{
    int sign = **text == '-' ? -1 : 1;
    int hours, minutes;

    *ret_minutes = 0;
    if (take_char(text, "Zz"))
        return true;
    if (!take_char(text, "+-") || !take_number(text, 2, &hours) || !take_char(text, ":") ||
        !take_number(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

enum fb_status fb_time_parse_rfc3339(const char *text, int64_t *ret_time_ms)
{
    struct fb_civil civil = {0};
    int fraction_ms, offset_minutes;

    if (!take_number(&text, 4, &civil.year) || !take_char(&text, "-") ||
        !take_number(&text, 2, &civil.month) || !take_char(&text, "-") ||
        !take_number(&text, 2, &civil.day) || !take_char(&text, "Tt ") ||
        !take_number(&text, 2, &civil.hour) || !take_char(&text, ":") ||
        !take_number(&text, 2, &civil.minute) || !take_char(&text, ":") ||
        !take_number(&text, 2, &civil.second) || !take_fraction_ms(&text, &fraction_ms) ||
        !take_offset_minutes(&text, &offset_minutes) || *text != '\0' || !civil_is_valid(&civil))
        return FB_INVALID;
    *ret_time_ms = fb_time_from_civil(&civil) + fraction_ms - (int64_t)offset_minutes * 60 * 1000;
    return FB_OK;
}

enum fb_status fb_time_parse_http_date(const char *text, int64_t *ret_time_ms)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct fb_civil civil = {0};

    if (strlen(text) != strlen("Sun, 22 Nov 2026 10:00:00 GMT"))
        return FB_INVALID;
    text += strlen("Sun, ");
    if (!take_number(&text, 2, &civil.day) || !take_char(&text, " "))
        return FB_INVALID;
    for (int i = 0; i < 12; i++)
        if (strncmp(text, months[i], 3) == 0)
            civil.month = i + 1;
    text += 3;
    if (!take_char(&text, " ") || !take_number(&text, 4, &civil.year) || !take_char(&text, " ") ||
        !take_number(&text, 2, &civil.hour) || !take_char(&text, ":") ||
        !take_number(&text, 2, &civil.minute) || !take_char(&text, ":") ||
        !take_number(&text, 2, &civil.second) || strcmp(text, " GMT") != 0 ||
        !civil_is_valid(&civil))
        return FB_INVALID;
    *ret_time_ms = fb_time_from_civil(&civil);
    return FB_OK;
}
