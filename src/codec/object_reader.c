/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/object_reader.h"

#include <stdlib.h>

struct fb_object_reader {
    struct fb_inflate *inflate;
    struct fb_record_reader *records;
    const char *bytes; /* fed and not used yet */
    size_t size;
    uint64_t inflated_bytes; /* of the object so far */
    bool finished;
    bool inflated; /* nothing more will come out of the codecs */
    bool damaged;  /* nor will it, and `damage` says why */
    struct fb_error damage;
};

enum fb_status fb_object_reader_new(const struct fb_object_reader_options *options,
                                    struct fb_object_reader **ret_reader, struct fb_error *error)
{
    const struct fb_record_reader_options records = {
        .schema = options->schema,
        .hash_seed = options->hash_seed,
        .max_record_size = options->max_record_size,
        .form = options->form,
        .mapping = options->mapping,
    };
    struct fb_object_reader *reader = calloc(1, sizeof *reader);
    enum fb_status status;

    if (reader == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for an object's reader");
    status = fb_inflate_new(&options->inflate, &reader->inflate, error);
    if (status == FB_OK)
        status = fb_record_reader_new(&records, &reader->records, error);
    if (status == FB_OK)
        *ret_reader = reader;
    else
        fb_object_reader_free(reader);
    return status;
}

void fb_object_reader_free(struct fb_object_reader *reader)
{
    if (reader == NULL)
        return;
    fb_record_reader_free(reader->records);
    fb_inflate_free(reader->inflate);
    free(reader);
}

void fb_object_reader_begin(struct fb_object_reader *reader, const struct fb_inflate_hints *hints)
{
    fb_inflate_begin(reader->inflate, hints);
    fb_record_reader_begin(reader->records);
    reader->bytes = "";
    reader->size = 0;
    reader->inflated_bytes = 0;
    reader->finished = false;
    reader->inflated = false;
    reader->damaged = false;
}

void fb_object_reader_describe_object(struct fb_object_reader *reader,
                                      const struct fb_map_object *object)
{
    fb_record_reader_describe_object(reader->records, object);
}

void fb_object_reader_feed(struct fb_object_reader *reader, const char *bytes, size_t size)
{
    reader->bytes = bytes;
    reader->size = size;
}

void fb_object_reader_finish(struct fb_object_reader *reader)
{
    reader->finished = true;
    fb_inflate_finish(reader->inflate);
}

static enum fb_status tell_damage(const struct fb_object_reader *reader, struct fb_error *error)
{
    if (error != NULL)
        *error = reader->damage;
    return reader->damage.status;
}

/* FB_OK when there is something new to cut, or what is there is to be looked at once more. */
static enum fb_status fill(struct fb_object_reader *reader, struct fb_error *error)
{
    size_t capacity;
    size_t written = 0;
    char *space;
    enum fb_status status;

    if (reader->damaged)
        return tell_damage(reader, error);
    status = fb_record_reader_space(reader->records, &space, &capacity, error);
    if (status != FB_OK)
        return status;
    status = fb_inflate_step(reader->inflate, &reader->bytes, &reader->size, space, capacity,
                             &written, &reader->damage);
    if (status == FB_CORRUPT) {
        reader->damaged = true;
        fb_record_reader_cut_off(reader->records);
        return FB_OK;
    }
    if (status != FB_OK)
        return tell_damage(reader, error);
    fb_record_reader_wrote(reader->records, written);
    reader->inflated_bytes += written;
    if (written == 0 && !reader->finished)
        return FB_NEED_MORE;
    if (written == 0) {
        reader->inflated = true;
        fb_record_reader_finish(reader->records);
    }
    return FB_OK;
}

enum fb_status fb_object_reader_next(struct fb_object_reader *reader, struct fb_record *ret_record,
                                     struct fb_error *error)
{
    for (;;) {
        enum fb_status status = fb_record_reader_next(reader->records, ret_record);

        if (status == FB_NO_MEMORY)
            fb_fail(error, status, "no memory for a record");
        if (status == FB_UNAVAILABLE)
            fb_fail(error, status, "%s", fb_record_reader_error(reader->records)->message);
        if (status != FB_NEED_MORE)
            return status;
        status = fill(reader, error);
        if (status != FB_OK)
            return status;
    }
}

size_t fb_object_reader_unused(const struct fb_object_reader *reader)
{
    return reader->size;
}

void fb_object_reader_describe(const struct fb_object_reader *reader, char *ret_text, size_t size)
{
    fb_inflate_describe(reader->inflate, ret_text, size);
}

enum fb_format fb_object_reader_format(const struct fb_object_reader *reader)
{
    return fb_record_reader_format(reader->records);
}

uint64_t fb_object_reader_inflated_bytes(const struct fb_object_reader *reader)
{
    return reader->inflated_bytes;
}

struct fb_record_tally fb_object_reader_tally(const struct fb_object_reader *reader)
{
    return fb_record_reader_tally(reader->records);
}
