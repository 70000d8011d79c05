/* SPDX-License-Identifier: Apache-2.0 */
#include "map_time.h"

#include <string.h>
#include <strings.h>

#define SECONDS_FIRST (-62135596800) /* 0001-01-01T00:00:00Z */
#define SECONDS_LAST  253402300799   /* 9999-12-31T23:59:59Z */
#define DAY_SECONDS   86400
#define BILLION       1000000000

/* The longest of a conversion's two characters: %s of the year 1, and a minus. */
#define GROWTH_MAX 6
/* ".999999999Z", what RFC 3339 has behind the seconds. */
#define FRACTION_MAX 11

enum field {
    YEAR,
    SHORT_YEAR,
    MONTH,
    DAY,
    HOUR,
    HALF_HOUR, /* 1 to 12 */
    HALF,      /* 0: AM, 1: PM */
    MINUTE,
    SECOND,
    FRACTION, /* in nanoseconds */
    DAY_OF_YEAR,
    WEEKDAY, /* 0: Sunday */
    OFFSET,  /* in minutes */
    SECONDS, /* since 1970 */
    FIELD_COUNT
};

struct fields {
    int64_t numbers[FIELD_COUNT];
};

struct reader {
    const char *at, *end;
};

struct conversion {
    bool (*read)(struct reader *reader, struct fields *fields);
    char *(*write)(const struct fields *fields, char *out);
    const char *stands_for;
    enum field field;
    unsigned char least, most; /* digits */
    short low, high;
};

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

/* ---- the calendar ---- */

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Since 1970. Years begin in March here, so that the leap day is the last. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

/* The inverse, by eras of 400 years. */
static void date_of_days(int64_t days, struct fields *fields)
{
    const int64_t shifted = days + 719468;
    const int64_t era = shifted / 146097;
    const int64_t day = shifted % 146097;
    const int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    const int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * day_of_year + 2) / 153;

    fields->numbers[DAY] = day_of_year - (153 * month + 2) / 5 + 1;
    fields->numbers[MONTH] = month < 10 ? month + 3 : month - 9;
    fields->numbers[YEAR] = year + era * 400 + (month >= 10);
}

static bool is_a_date(int64_t year, int64_t month, int64_t day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (month < 1 || month > 12 || day < 1)
        return false;
    return day <= days[month - 1] + (month == 2 && is_leap(year));
}

static void to_fields(const struct fb_map_time *time, struct fields *fields)
{
    const int64_t days =
        (time->seconds - SECONDS_FIRST) / DAY_SECONDS + SECONDS_FIRST / DAY_SECONDS;
    const int64_t second = time->seconds - days * DAY_SECONDS;
    int64_t *const numbers = fields->numbers;

    date_of_days(days, fields);
    numbers[SHORT_YEAR] = numbers[YEAR] % 100;
    numbers[HOUR] = second / 3600;
    numbers[HALF_HOUR] = (numbers[HOUR] + 11) % 12 + 1;
    numbers[HALF] = numbers[HOUR] >= 12;
    numbers[MINUTE] = second / 60 % 60;
    numbers[SECOND] = second % 60;
    numbers[FRACTION] = time->nanoseconds;
    numbers[DAY_OF_YEAR] = days - days_of_date(numbers[YEAR], 1, 1) + 1;
    numbers[WEEKDAY] = (days + 719468 + 3) % 7;
    numbers[OFFSET] = 0;
    numbers[SECONDS] = time->seconds;
}

bool fb_map_time_is_in_range(const struct fb_map_time *time)
{
    return time->seconds >= SECONDS_FIRST && time->seconds <= SECONDS_LAST;
}

static bool set_time(int64_t seconds, int64_t nanoseconds, struct fb_map_time *ret_time)
{
    const struct fb_map_time time = {seconds, (uint32_t)nanoseconds};

    if (!fb_map_time_is_in_range(&time))
        return false;
    *ret_time = time;
    return true;
}

/* `has` has a bit for each field that was read. */
static bool from_fields(const struct fields *fields, unsigned has, struct fb_map_time *ret_time)
{
    const int64_t *const numbers = fields->numbers;
    const int64_t year = has & 1U << YEAR
                             ? numbers[YEAR]
                             : numbers[SHORT_YEAR] + (numbers[SHORT_YEAR] < 69 ? 2000 : 1900);
    const int64_t hour =
        has & 1U << HOUR ? numbers[HOUR] : numbers[HALF_HOUR] % 12 + numbers[HALF] * 12;
    const int64_t second = numbers[SECOND] == 60 ? 59 : numbers[SECOND];
    int64_t days;

    if (has & 1U << SECONDS)
        return set_time(numbers[SECONDS], numbers[FRACTION], ret_time);
    if (has & 1U << DAY) {
        if (!is_a_date(year, numbers[MONTH], numbers[DAY]))
            return false;
        days = days_of_date(year, numbers[MONTH], numbers[DAY]);
    } else {
        if (numbers[DAY_OF_YEAR] > 365 + is_leap(year))
            return false;
        days = days_of_date(year, 1, 1) + numbers[DAY_OF_YEAR] - 1;
    }
    return set_time(days * DAY_SECONDS + hour * 3600 + (numbers[MINUTE] - numbers[OFFSET]) * 60 +
                        second,
                    numbers[FRACTION], ret_time);
}

/* The digits of two powers of ten and all between; *digits is moved on behind them. */
static int64_t take_powers(const struct fb_number *number, const char **digits, int64_t from,
                           int64_t to)
{
    const int64_t stop = to > number->last ? to : number->last;
    int64_t power = from < number->first ? from : number->first;
    int64_t value = 0;
    const char *p = *digits;

    for (; power >= stop; power--) {
        if (__builtin_expect(*p == '.', 0))
            p++;
        value = value * 10 + (*p++ - '0');
    }
    for (; power >= to; power--)
        value *= 10;
    *digits = p;
    return value;
}

bool fb_map_time_from_number(const struct fb_number *number, int decimals,
                             struct fb_map_time *ret_time)
{
    const char *digits = number->digits;
    int64_t seconds;
    int64_t nanoseconds;

    if (number->zero)
        return set_time(0, 0, ret_time);
    if (number->first - decimals > 11)
        return false;
    seconds = take_powers(number, &digits, number->first, decimals);
    nanoseconds = take_powers(number, &digits, decimals - 1, decimals - 9);
    if (number->negative) {
        seconds = nanoseconds > 0 ? -seconds - 1 : -seconds;
        nanoseconds = nanoseconds > 0 ? BILLION - nanoseconds : 0;
    }
    return set_time(seconds, nanoseconds, ret_time);
}

bool fb_map_time_add(struct fb_map_time *time, int64_t milliseconds)
{
    int64_t seconds;
    int64_t nanoseconds = time->nanoseconds + milliseconds % 1000 * 1000000;

    if (__builtin_add_overflow(time->seconds, milliseconds / 1000, &seconds))
        return false;
    if (nanoseconds < 0 || nanoseconds >= BILLION) {
        seconds += nanoseconds < 0 ? -1 : 1;
        nanoseconds += nanoseconds < 0 ? BILLION : -BILLION;
    }
    return set_time(seconds, nanoseconds, time);
}

/* ---- reading ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_digits(struct reader *reader, int least, int most, int64_t *ret_number)
{
    int64_t number = 0;
    int count = 0;

    for (; count < most && reader->at < reader->end && is_digit(*reader->at); count++)
        number = number * 10 + (*reader->at++ - '0');
    *ret_number = number;
    return count >= least;
}

static bool take_one_of(struct reader *reader, const char *characters)
{
    if (reader->at == reader->end || *reader->at == '\0' || strchr(characters, *reader->at) == NULL)
        return false;
    reader->at++;
    return true;
}

static bool take_fraction(struct reader *reader, struct fields *fields)
{
    int64_t number = 0;
    int count = 0;

    for (; reader->at < reader->end && is_digit(*reader->at); count++, reader->at++)
        if (count < 9)
            number = number * 10 + (*reader->at - '0');
    for (int i = count; i < 9; i++)
        number *= 10;
    fields->numbers[FRACTION] = number;
    return count > 0;
}

static bool take_offset(struct reader *reader, struct fields *fields)
{
    const bool negative = reader->at < reader->end && *reader->at == '-';
    int64_t hours;
    int64_t minutes = 0;

    if (take_one_of(reader, "Zz"))
        return true;
    if (!take_one_of(reader, "+-") || !take_digits(reader, 2, 2, &hours) || hours > 23)
        return false;
    if (take_one_of(reader, ":") || (reader->at < reader->end && is_digit(*reader->at)))
        if (!take_digits(reader, 2, 2, &minutes) || minutes > 59)
            return false;
    fields->numbers[OFFSET] = (hours * 60 + minutes) * (negative ? -1 : 1);
    return true;
}

/* RFC 3339 has minutes and a colon. */
static bool take_rfc3339_offset(struct reader *reader, struct fields *fields)
{
    const char *const begins = reader->at;

    if (!take_offset(reader, fields))
        return false;
    return reader->at - begins == 1 || (reader->at - begins == 6 && begins[3] == ':');
}

bool fb_map_time_read_rfc3339(const char *text, size_t size, struct fb_map_time *ret_time)
{
    struct reader reader = {text, text + size};
    struct fields fields = {0};
    int64_t *const numbers = fields.numbers;

    if (!take_digits(&reader, 4, 4, &numbers[YEAR]) || !take_one_of(&reader, "-") ||
        !take_digits(&reader, 2, 2, &numbers[MONTH]) || !take_one_of(&reader, "-") ||
        !take_digits(&reader, 2, 2, &numbers[DAY]) || !take_one_of(&reader, "Tt ") ||
        !take_digits(&reader, 2, 2, &numbers[HOUR]) || !take_one_of(&reader, ":") ||
        !take_digits(&reader, 2, 2, &numbers[MINUTE]) || !take_one_of(&reader, ":") ||
        !take_digits(&reader, 2, 2, &numbers[SECOND]))
        return false;
    if (take_one_of(&reader, ".") && !take_fraction(&reader, &fields))
        return false;
    if (numbers[HOUR] > 23 || numbers[MINUTE] > 59 || numbers[SECOND] > 60 ||
        !take_rfc3339_offset(&reader, &fields) || reader.at != reader.end)
        return false;
    return from_fields(&fields, 1U << YEAR | 1U << DAY | 1U << HOUR, ret_time);
}

/* The number of the name, in full or its first three letters; or the count. */
static int take_name(struct reader *reader, const char *const *names, int count)
{
    const size_t left = (size_t)(reader->end - reader->at);

    for (int i = 0; i < count; i++) {
        const size_t size = strlen(names[i]);

        if (left < 3 || strncasecmp(reader->at, names[i], 3) != 0)
            continue;
        reader->at += left >= size && strncasecmp(reader->at, names[i], size) == 0 ? size : 3;
        return i;
    }
    return count;
}

static bool read_month(struct reader *reader, struct fields *fields)
{
    fields->numbers[MONTH] = take_name(reader, month_names, 12) + 1;
    return fields->numbers[MONTH] <= 12;
}

static bool read_weekday(struct reader *reader, struct fields *fields)
{
    fields->numbers[WEEKDAY] = take_name(reader, day_names, 7);
    return fields->numbers[WEEKDAY] < 7;
}

static bool read_half(struct reader *reader, struct fields *fields)
{
    fields->numbers[HALF] = reader->at < reader->end && (*reader->at | 0x20) == 'p';
    return take_one_of(reader, "AaPp") && take_one_of(reader, "Mm");
}

static bool read_seconds(struct reader *reader, struct fields *fields)
{
    const bool negative = take_one_of(reader, "-");

    if (!take_digits(reader, 1, 12, &fields->numbers[SECONDS]))
        return false;
    fields->numbers[SECONDS] *= negative ? -1 : 1;
    return true;
}

static bool read_percent(struct reader *reader, struct fields *fields)
{
    (void)fields;
    return take_one_of(reader, "%");
}

/* ---- writing ---- */

static char *put_digits(char *out, int64_t number, size_t width)
{
    for (size_t i = width; i > 0; i--, number /= 10)
        out[i - 1] = (char)('0' + number % 10);
    return out + width;
}

static char *put(char *out, const char *bytes, size_t size)
{
    memcpy(out, bytes, size);
    return out + size;
}

static char *write_month(const struct fields *fields, char *out)
{
    return put(out, month_names[fields->numbers[MONTH] - 1], 3);
}

static char *write_weekday(const struct fields *fields, char *out)
{
    return put(out, day_names[fields->numbers[WEEKDAY]], 3);
}

static char *write_half(const struct fields *fields, char *out)
{
    return put(out, fields->numbers[HALF] == 1 ? "PM" : "AM", 2);
}

static char *write_fraction(const struct fields *fields, char *out)
{
    return put_digits(out, fields->numbers[FRACTION] / 1000000, 3);
}

static char *write_offset(const struct fields *fields, char *out)
{
    (void)fields;
    return put(out, "+0000", 5);
}

static char *write_seconds(const struct fields *fields, char *out)
{
    int64_t number = fields->numbers[SECONDS];
    size_t width = 1;

    if (number < 0) {
        *out++ = '-';
        number = -number;
    }
    for (int64_t rest = number; rest >= 10; rest /= 10)
        width++;
    return put_digits(out, number, width);
}

static char *write_percent(const struct fields *fields, char *out)
{
    (void)fields;
    return put(out, "%", 1);
}

/* ---- patterns ---- */

static const struct conversion conversions[128] = {
    ['Y'] = {.field = YEAR, .least = 4, .most = 4, .low = 0, .high = 9999},
    ['y'] = {.field = SHORT_YEAR, .least = 2, .most = 2, .low = 0, .high = 99},
    ['m'] = {.field = MONTH, .least = 1, .most = 2, .low = 1, .high = 12},
    ['d'] = {.field = DAY, .least = 1, .most = 2, .low = 1, .high = 31},
    ['H'] = {.field = HOUR, .least = 1, .most = 2, .low = 0, .high = 23},
    ['I'] = {.field = HALF_HOUR, .least = 1, .most = 2, .low = 1, .high = 12},
    ['M'] = {.field = MINUTE, .least = 1, .most = 2, .low = 0, .high = 59},
    ['S'] = {.field = SECOND, .least = 1, .most = 2, .low = 0, .high = 60},
    ['j'] = {.field = DAY_OF_YEAR, .least = 1, .most = 3, .low = 1, .high = 366},
    ['b'] = {.field = MONTH, .read = read_month, .write = write_month},
    ['a'] = {.field = WEEKDAY, .read = read_weekday, .write = write_weekday},
    ['p'] = {.field = HALF, .read = read_half, .write = write_half},
    ['L'] = {.field = FRACTION, .read = take_fraction, .write = write_fraction},
    ['z'] = {.field = OFFSET, .read = take_offset, .write = write_offset},
    ['s'] = {.field = SECONDS, .read = read_seconds, .write = write_seconds},
    ['%'] = {.field = FIELD_COUNT, .read = read_percent, .write = write_percent},
    ['F'] = {.stands_for = "%Y-%m-%d"},
    ['T'] = {.stands_for = "%H:%M:%S"},
};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && is_blank(*reader->at))
        reader->at++;
}

static bool read_field(const struct conversion *conversion, struct reader *reader,
                       struct fields *fields, unsigned *has)
{
    int64_t number;

    *has |= 1U << conversion->field;
    if (conversion->read != NULL)
        return conversion->read(reader, fields);
    if (!take_digits(reader, conversion->least, conversion->most, &number) ||
        number < conversion->low || number > conversion->high)
        return false;
    fields->numbers[conversion->field] = number;
    return true;
}

/* Patterns were checked: each percent sign has a known letter behind it. */
static bool read_pattern(const char *pattern, struct reader *reader, struct fields *fields,
                         unsigned *has) /* NOLINT(misc-no-recursion): %F and %T, once */
{
    for (; *pattern != '\0'; pattern++) {
        const struct conversion *conversion;

        if (is_blank(*pattern)) {
            skip_blanks(reader);
            continue;
        }
        if (*pattern != '%') {
            if (reader->at == reader->end || *reader->at++ != *pattern)
                return false;
            continue;
        }
        conversion = &conversions[(unsigned char)*++pattern];
        if (conversion->stands_for != NULL
                ? !read_pattern(conversion->stands_for, reader, fields, has)
                : !read_field(conversion, reader, fields, has))
            return false;
    }
    return true;
}

bool fb_map_time_read(const char *pattern, const char *text, size_t size,
                      struct fb_map_time *ret_time)
{
    struct reader reader = {text, text + size};
    struct fields fields = {0};
    unsigned has = 0;

    return read_pattern(pattern, &reader, &fields, &has) && reader.at == reader.end &&
           from_fields(&fields, has, ret_time);
}

static char *write_pattern(const char *pattern, const struct fields *fields, char *out)
{
    for (; *pattern != '\0'; pattern++) {
        const struct conversion *conversion;

        if (*pattern != '%') {
            *out++ = *pattern;
            continue;
        }
        conversion = &conversions[(unsigned char)*++pattern];
        if (conversion->stands_for != NULL)
            out = write_pattern(conversion->stands_for, fields, out);
        else if (conversion->write != NULL)
            out = conversion->write(fields, out);
        else
            out = put_digits(out, fields->numbers[conversion->field], conversion->most);
    }
    return out;
}

enum fb_status fb_map_time_write(const char *pattern, const struct fb_map_time *time,
                                 struct fb_buffer *out)
{
    const enum fb_status status =
        fb_buffer_reserve(out, strlen(pattern) * GROWTH_MAX + FRACTION_MAX);
    struct fields fields = {0};

    if (status != FB_OK)
        return status;
    to_fields(time, &fields);
    out->size = (size_t)(write_pattern(pattern, &fields, out->bytes + out->size) - out->bytes);
    return FB_OK;
}

/* With as many digits of the fraction as it needs, by threes. */
enum fb_status fb_map_time_write_rfc3339(const struct fb_map_time *time, struct fb_buffer *out)
{
    const enum fb_status status = fb_map_time_write("%Y-%m-%dT%H:%M:%S", time, out);
    uint32_t fraction = time->nanoseconds;
    size_t width = 9;
    char *end;

    if (status != FB_OK)
        return status;
    end = out->bytes + out->size;
    if (fraction > 0) {
        *end++ = '.';
        for (; fraction % 1000 == 0; fraction /= 1000)
            width -= 3;
        end = put_digits(end, fraction, width);
    }
    *end++ = 'Z';
    out->size = (size_t)(end - out->bytes);
    return FB_OK;
}

/* The fields that it has, a bit for each; or what is wrong. */
static const char *check(const char *pattern, unsigned *ret_has)
{
    unsigned has = 0;

    for (const char *p = strchr(pattern, '%'); p != NULL; p = strchr(p + 2, '%')) {
        const unsigned char letter = (unsigned char)p[1];
        const struct conversion *conversion = &conversions[letter & 127];

        if (letter >= 128 ||
            (conversion->most == 0 && conversion->read == NULL && conversion->stands_for == NULL))
            return "a time is made of %Y %y %m %d %H %I %p %M %S %L %j %b %a %z %s %F %T %%";
        has |= conversion->stands_for == NULL ? 1U << conversion->field
               : letter == 'F'                ? 1U << YEAR | 1U << MONTH | 1U << DAY
                                              : 1U << HOUR;
    }
    *ret_has = has;
    return (has & ~(1U << FIELD_COUNT)) == 0 ? "a pattern has conversions like %Y-%m-%d" : NULL;
}

const char *fb_map_time_check_written(const char *pattern)
{
    unsigned has = 0;

    return check(pattern, &has);
}

const char *fb_map_time_check_read(const char *pattern)
{
    unsigned has = 0;
    const char *what = check(pattern, &has);
    const bool has_day = (has & 1U << MONTH && has & 1U << DAY) ||
                         (has & (1U << DAY_OF_YEAR | 1U << DAY)) == 1U << DAY_OF_YEAR;

    if (what != NULL)
        return what;
    if (has & 1U << SECONDS)
        return NULL;
    if (!(has & (1U << YEAR | 1U << SHORT_YEAR)) || !has_day)
        return "a time has a year, a month and a day (%Y-%m-%d, %Y-%j or %s)";
    if (!(has & 1U << HALF_HOUR) != !(has & 1U << HALF))
        return "%I and %p are read together";
    return NULL;
}
