/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a dead-letter file, as anyone may have left it: what is read of it can be written and
 * is read the same again. */
#include <stdlib.h>
#include <string.h>

#include "firebridge/pipeline/letter.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void compare(const struct fb_letter *a, const struct fb_letter *b)
{
    check(strcmp(a->bucket, b->bucket) == 0 && strcmp(a->key, b->key) == 0);
    check(strcmp(a->etag, b->etag) == 0 && strcmp(a->reason, b->reason) == 0);
    check(a->record_number == b->record_number && a->offset_bytes == b->offset_bytes);
    check(a->size_bytes == b->size_bytes && a->time_ms == b->time_ms && a->format == b->format);
    if (a->text_size == a->size_bytes)
        check(a->text_size == b->text_size && memcmp(a->text, b->text, a->text_size) == 0);
}

static void write_again(const struct fb_letter *letter)
{
    struct fb_state_object object = {.key = (char *)letter->key, .etag = (char *)letter->etag};
    const struct fb_letter_context context = {
        .stream = "s", .bucket = letter->bucket, .time_ms = letter->time_ms};
    const struct fb_dead_letter dead = {.object = &object,
                                        .record_number = letter->record_number,
                                        .offset_bytes = letter->offset_bytes,
                                        .size_bytes = letter->size_bytes,
                                        .format = letter->format,
                                        .reason = letter->reason,
                                        .message = "m",
                                        .text = letter->text,
                                        .text_size = letter->text_size};
    struct fb_letter again;
    size_t size = 0;
    char *line = fb_letter_format(&context, &dead, &size);

    check(line != NULL && line[size - 1] == '\n' && memchr(line, '\n', size - 1) == NULL);
    check(fb_letter_parse(line, size - 1, &again, NULL) == FB_OK);
    compare(letter, &again);
    fb_letter_done(&again);
    free(line);
}

static void tell_again(const struct fb_letter *letter, const char *input, size_t input_size)
{
    struct fb_letter again;
    size_t size = 0;
    char *line = fb_letter_retell(input, input_size, letter->reason, "m", 0, &size);

    check(line != NULL && line[size - 1] == '\n' && memchr(line, '\n', size - 1) == NULL);
    check(fb_letter_parse(line, size - 1, &again, NULL) == FB_OK);
    compare(letter, &again);
    check(letter->text_size == again.text_size &&
          memcmp(letter->text, again.text, again.text_size) == 0);
    fb_letter_done(&again);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct fb_letter letter;
    struct fb_error error = {0};
    enum fb_status status = fb_letter_parse((const char *)input, size, &letter, &error);

    check(status == FB_OK || (status == FB_INVALID && error.message[0] != '\0'));
    if (status != FB_OK)
        return 0;
    write_again(&letter);
    tell_again(&letter, (const char *)input, size);
    fb_letter_done(&letter);
    return 0;
}
