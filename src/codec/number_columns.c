/* SPDX-License-Identifier: Apache-2.0 */
#include "number_columns.h"

#include <string.h>

#include "firebridge/codec/number.h"

/* No number that DynamoDB holds needs more characters, unless they are zeros. */
#define NUMBER_TEXT_MAX 400

bool fb_is_number_column(const struct fb_form_options *options, const char *name, size_t size)
{
    for (size_t i = 0; i < options->number_column_count; i++)
        if (strlen(options->number_columns[i]) == size &&
            memcmp(options->number_columns[i], name, size) == 0)
            return true;
    return false;
}

bool fb_write_number(struct fb_json_writer *writer, const char *text, size_t size)
{
    char number[NUMBER_TEXT_MAX + 1];
    struct fb_number scanned;
    const char *at;

    while (size > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t'))
        size--;
    if (size == 0 || size > NUMBER_TEXT_MAX)
        return false;
    memcpy(number, text, size);
    number[size] = '\0';
    if (fb_number_scan(number, &scanned, &at) != number + size)
        return false;
    fb_json_writer_raw(writer, number, size);
    return true;
}

bool fb_write_column(struct fb_json_writer *writer, const struct fb_form_options *options,
                     const char *name, const char *text, size_t size)
{
    const size_t name_size = strlen(name);
    const bool is_number = fb_is_number_column(options, name, name_size);

    if (is_number && size == 0)
        return true;
    fb_json_writer_name(writer, name, name_size);
    if (is_number)
        return fb_write_number(writer, text, size);
    fb_json_writer_string(writer, text, size);
    return true;
}
