/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a table has what is expected of it. */
#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/number.h"
#include "firebridge/codec/version.h"
#include "firebridge/pipeline/expectation.h"

/* DynamoDB nests 32 levels deep; what is deeper was not written by anybody. */
#define NESTING_MAX 64

static bool are_equal(const json_t *a, const json_t *b, unsigned depth);

static bool are_texts_equal(const json_t *a, const json_t *b)
{
    return json_is_string(a) && json_is_string(b) &&
           json_string_length(a) == json_string_length(b) &&
           memcmp(json_string_value(a), json_string_value(b), json_string_length(a)) == 0;
}

/* NUL ends a number. */
static bool read_number(const json_t *value, struct fb_number *ret_number)
{
    const char *text = json_string_value(value);
    const char *at;
    const char *end = text == NULL ? NULL : fb_number_scan(text, ret_number, &at);

    return end != NULL && *end == '\0' && fb_number_check(ret_number) == FB_DEAD_NONE;
}

static bool are_numbers_equal(const json_t *a, const json_t *b)
{
    struct fb_number x, y;

    if (!read_number(a, &x) || !read_number(b, &y))
        return are_texts_equal(a, b);
    return fb_number_compare(&x, &y) == 0;
}

static int compare_numbers(const json_t *a, const json_t *b)
{
    struct fb_number x, y;

    if (read_number(a, &x) && read_number(b, &y))
        return fb_number_compare(&x, &y);
    return strcmp(json_string_value(a), json_string_value(b));
}

static int by_text(const void *a, const void *b)
{
    const json_t *x = *(const json_t *const *)a;
    const json_t *y = *(const json_t *const *)b;
    const size_t size = json_string_length(x) < json_string_length(y) ? json_string_length(x)
                                                                      : json_string_length(y);
    const int order = memcmp(json_string_value(x), json_string_value(y), size);

    if (order != 0)
        return order;
    return (json_string_length(x) > json_string_length(y)) -
           (json_string_length(x) < json_string_length(y));
}

static int by_number(const void *a, const void *b)
{
    return compare_numbers(*(const json_t *const *)a, *(const json_t *const *)b);
}

/* In order; NULL when it is no set, or without memory. */
static const json_t **sorted(const json_t *set, int (*order)(const void *, const void *))
{
    const size_t count = json_array_size(set);
    const json_t **elements = calloc(count + 1, sizeof(const json_t *));

    for (size_t i = 0; elements != NULL && i < count; i++) {
        elements[i] = json_array_get(set, i);
        if (json_is_string(elements[i]))
            continue;
        free(elements);
        return NULL;
    }
    if (elements != NULL)
        qsort(elements, count, sizeof(const json_t *), order);
    return elements;
}

static bool are_sets_equal(const json_t *a, const json_t *b, bool of_numbers)
{
    int (*order)(const void *, const void *) = of_numbers ? by_number : by_text;
    bool is_equal = json_is_array(a) && json_array_size(a) == json_array_size(b);
    const json_t **x = is_equal ? sorted(a, order) : NULL;
    const json_t **y = is_equal ? sorted(b, order) : NULL;

    is_equal = x != NULL && y != NULL;
    for (size_t i = 0; is_equal && i < json_array_size(a); i++)
        is_equal = order(&x[i], &y[i]) == 0;
    free(x);
    free(y);
    return is_equal;
}

static bool are_lists_equal(const json_t *a, const json_t *b, unsigned depth)
{
    bool is_equal = json_is_array(a) && json_array_size(a) == json_array_size(b);

    for (size_t i = 0; is_equal && i < json_array_size(a); i++)
        is_equal = are_equal(json_array_get(a, i), json_array_get(b, i), depth);
    return is_equal;
}

static bool are_maps_equal(const json_t *a, const json_t *b, unsigned depth)
{
    const char *name;
    json_t *value;

    if (!json_is_object(a) || json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)a, name, value)
    {
        if (!are_equal(value, json_object_get(b, name), depth))
            return false;
    }
    return true;
}

static bool are_equal(const json_t *a, const json_t *b, unsigned depth)
{
    const char *type = json_object_iter_key(json_object_iter((json_t *)a));
    const json_t *x = type == NULL ? NULL : json_object_get(a, type);
    const json_t *y = type == NULL ? NULL : json_object_get(b, type);

    if (x == NULL || y == NULL || json_object_size(a) != 1 || json_object_size(b) != 1 ||
        depth == NESTING_MAX)
        return false;
    if (strcmp(type, "N") == 0)
        return are_numbers_equal(x, y);
    if (strcmp(type, "M") == 0)
        return are_maps_equal(x, y, depth + 1);
    if (strcmp(type, "L") == 0)
        return are_lists_equal(x, y, depth + 1);
    if (strcmp(type, "SS") == 0 || strcmp(type, "BS") == 0 || strcmp(type, "NS") == 0)
        return are_sets_equal(x, y, *type == 'N');
    return json_is_string(x) ? are_texts_equal(x, y) : json_equal(x, y) != 0;
}

bool fb_values_are_equal(const json_t *a, const json_t *b)
{
    return are_equal(a, b, 0);
}

/* ---- items ---- */

void fb_difference_done(struct fb_difference *difference)
{
    free(difference->attribute);
    json_decref(difference->expected);
    json_decref(difference->found);
    *difference = (struct fb_difference){0};
}

static enum fb_found differ(const char *attribute, json_t *expected, json_t *found,
                            struct fb_difference *ret_difference)
{
    *ret_difference =
        (struct fb_difference){.attribute = attribute == NULL ? NULL : strdup(attribute),
                               .expected = json_incref(expected),
                               .found = json_incref(found)};
    return FB_FOUND_DIFFERENT;
}

static bool is_null(const json_t *value)
{
    return json_object_get(value, "NULL") != NULL;
}

static bool is_volatile(const struct fb_comparison *comparison, const char *name)
{
    for (size_t i = 0; i < comparison->volatile_count; i++)
        if (strcmp(comparison->volatiles[i], name) == 0)
            return true;
    return false;
}

static enum fb_found compare_attributes(json_t *expected, json_t *found, bool is_whole,
                                        const struct fb_comparison *comparison,
                                        struct fb_difference *ret_difference)
{
    const char *name;
    json_t *value;

    json_object_foreach(expected, name, value)
    {
        json_t *other = json_object_get(found, name);

        if (is_volatile(comparison, name) ||
            (!is_whole && is_null(value) && (other == NULL || is_null(other))))
            continue;
        if (!fb_values_are_equal(value, other))
            return differ(name, value, other, ret_difference);
    }
    json_object_foreach(found, name, value)
    {
        if (is_whole && json_object_get(expected, name) == NULL && !is_volatile(comparison, name))
            return differ(name, NULL, value, ret_difference);
    }
    return FB_FOUND_AS_EXPECTED;
}

/* One of another type, or none, is less. */
static enum fb_found compare_version(json_t *expected, json_t *found, const char *name,
                                     struct fb_difference *ret_difference)
{
    json_t *wanted = json_object_get(expected, name);
    json_t *has = json_object_get(found, name);
    const bool is_number = json_object_get(wanted, "N") != NULL;
    const json_t *x = json_object_get(wanted, is_number ? "N" : "S");
    const json_t *y = json_object_get(has, is_number ? "N" : "S");

    if (x != NULL && json_is_string(y) &&
        (is_number ? compare_numbers(x, y) : by_text(&x, &y)) <= 0)
        return FB_FOUND_AS_EXPECTED;
    return differ(name, wanted, has, ret_difference);
}

/* Items go within days of their time, in whole seconds since 1970 (developer guide, "TTL"). */
static bool is_expired(const json_t *expected, const struct fb_comparison *comparison)
{
    const json_t *value =
        comparison->ttl_attribute == NULL
            ? NULL
            : json_object_get(json_object_get(expected, comparison->ttl_attribute), "N");
    const char *text = json_string_value(value);

    return text != NULL && strtod(text, NULL) * 1000.0 <= (double)comparison->now_ms;
}

static enum fb_found compare_found(const struct fb_expectation *expectation, json_t *expected,
                                   json_t *found, const struct fb_comparison *comparison,
                                   struct fb_difference *ret_difference)
{
    switch (expectation->kind) {
    case FB_EXPECT_EXACT:
        return compare_attributes(expected, found, true, comparison, ret_difference);
    case FB_EXPECT_ATTRIBUTES:
        return compare_attributes(expected, found, false, comparison, ret_difference);
    case FB_EXPECT_VERSION:
        return compare_version(expected, found, comparison->version_attribute, ret_difference);
    case FB_EXPECT_NONE:
        return FB_FOUND_UNDELETED;
    default:
        return FB_FOUND_AS_EXPECTED;
    }
}

enum fb_found fb_expectation_compare(const struct fb_expectation *expectation, const char *found,
                                     size_t found_size, const struct fb_comparison *comparison,
                                     struct fb_difference *ret_difference)
{
    const bool is_there = found != NULL;
    json_t *expected, *has;
    enum fb_found verdict;

    if (expectation->kind == FB_EXPECT_UNKNOWN ||
        (expectation->kind == FB_EXPECT_NONE && !is_there))
        return FB_FOUND_AS_EXPECTED;
    expected = json_loadb(expectation->item, expectation->item_size, JSON_ALLOW_NUL, NULL);
    has = is_there ? json_loadb(found, found_size, JSON_ALLOW_NUL, NULL) : NULL;
    if (!json_is_object(expected) || (is_there && !json_is_object(has)))
        verdict = FB_FOUND_INCOMPARABLE;
    else if (!is_there)
        verdict = is_expired(expected, comparison) ? FB_FOUND_EXPIRED : FB_FOUND_MISSING;
    else
        verdict = compare_found(expectation, expected, has, comparison, ret_difference);
    json_decref(expected);
    json_decref(has);
    return verdict;
}
