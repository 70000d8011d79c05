/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ZIP as a stream (PKWARE's APPNOTE.TXT 6.3): by the local headers, one entry behind the other; the
 * central directory comes last and is only read through. Entries are stored or deflated; sizes may
 * stand behind the content, in a data descriptor. The contents are one object: where one does not
 * end in a newline and another entry follows, a newline comes between.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "byte_order.h"
#include "deflate.h"
#include "zip_content.h"

#define SIGNATURE_DIGITAL       0x05054b50U
#define SIGNATURE_END_64        0x06064b50U
#define SIGNATURE_END_64_LOCATE 0x07064b50U
#define SIGNATURE_END           0x06054b50U

#define FLAG_ENCRYPTED      0x0001U
#define FLAG_DESCRIPTOR     0x0008U
#define FLAG_STRONG         0x0040U
#define FLAG_CENTRAL_MASKED 0x2000U
#define EXTRA_ZIP64         0x0001U
#define SIZE_IN_ZIP64       0xffffffffU
#define METHOD_STORED       0
#define METHOD_DEFLATED     8
#define NAME_KEPT           60

enum place {
    AT_SIGNATURE,
    IN_LOCAL,
    IN_NAME,
    IN_EXTRA_HEAD,
    IN_EXTRA,
    IN_STORED,   /* its size is known */
    IN_SEARCHED, /* stored, up to its descriptor */
    IN_DEFLATED,
    IN_DESCRIPTOR,
    AT_NEWLINE,
    IN_TRAILER, /* the fixed part of a record behind the entries */
    IN_SKIPPED,
    AT_END,
};

struct zip {
    enum place at;
    unsigned char head[64]; /* of what is being collected */
    size_t have;
    void *inflate;

    /* The entry at work. */
    uint64_t number;
    char name[NAME_KEPT + 1];
    size_t name_size, name_have;
    size_t extra_left, field_left;
    bool has_zip64, field_is_zip64;
    unsigned flags, method;
    uint32_t crc_said;
    uint64_t in_bytes, in_said, out_said;
    struct fb_zip_content content;
    struct fb_zip_search search;

    /* Of a record behind the entries. */
    uint32_t signature;
    uint64_t skip_left;
};

static enum fb_status zip_begin(void **state, struct fb_error *error)
{
    struct zip *zip = *state;
    void *inflate = zip == NULL ? NULL : zip->inflate;

    if (zip == NULL)
        zip = malloc(sizeof *zip);
    if (zip == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory to read ZIP");
    *zip = (struct zip){.inflate = inflate};
    *state = zip;
    return FB_OK;
}

static void use(struct fb_codec_io *io, size_t size)
{
    io->in += size;
    io->in_size -= size;
}

/* Collects `size` bytes in the head; true when they are there. */
static bool collect(struct zip *zip, struct fb_codec_io *io, size_t size)
{
    const size_t wanted = size - zip->have;
    const size_t taken = io->in_size < wanted ? io->in_size : wanted;

    if (taken > 0)
        memcpy(zip->head + zip->have, io->in, taken);
    use(io, taken);
    zip->have += taken;
    if (zip->have < size)
        return false;
    zip->have = 0;
    return true;
}

static enum fb_status corrupt(const struct zip *zip, const char *what, struct fb_error *error)
{
    return fb_fail(error, FB_CORRUPT, "zip: %s, in entry %llu (%s)", what,
                   (unsigned long long)zip->number, zip->name);
}

/* ---- content ---- */

static enum fb_status end_entry(struct zip *zip, struct fb_error *error)
{
    if (zip->content.crc != zip->crc_said)
        return corrupt(zip, "the content's checksum is wrong", error);
    if (zip->in_bytes != zip->in_said || zip->content.size != zip->out_said)
        return corrupt(zip, "the content has another size than was said", error);
    zip->at = AT_SIGNATURE;
    return FB_OK;
}

static enum fb_status step_stored(struct zip *zip, struct fb_codec_io *io, struct fb_error *error)
{
    const size_t room = io->capacity - io->written;
    const uint64_t left = zip->in_said - zip->in_bytes;
    size_t size = io->in_size < room ? io->in_size : room;

    if (size > left)
        size = (size_t)left;
    if (size > 0)
        memcpy(io->out + io->written, io->in, size);
    fb_zip_content_note(&zip->content, io->in, size);
    io->written += size;
    use(io, size);
    zip->in_bytes += size;
    return zip->in_bytes == zip->in_said ? end_entry(zip, error) : FB_OK;
}

static void step_searched(struct zip *zip, struct fb_codec_io *io)
{
    if (!fb_zip_search_step(&zip->search, &zip->content, io))
        return;
    memcpy(zip->head, zip->search.next, zip->search.next_size);
    zip->have = zip->search.next_size;
    zip->at = AT_SIGNATURE;
}

static enum fb_status step_deflated(struct zip *zip, struct fb_codec_io *io, struct fb_error *error)
{
    const bool is_said = (zip->flags & FLAG_DESCRIPTOR) == 0;
    struct fb_codec_io part = *io;
    const char *const out = io->out + io->written;
    const char *what = NULL;
    bool ended = false;
    enum fb_status status;
    size_t used;

    if (is_said && part.in_size > zip->in_said - zip->in_bytes)
        part.in_size = (size_t)(zip->in_said - zip->in_bytes);
    used = part.in_size;
    status = fb_deflate_zlib.step(zip->inflate, &part, &ended, &what);
    used -= part.in_size;
    use(io, used);
    zip->in_bytes += used;
    fb_zip_content_note(&zip->content, out, part.written - io->written);
    io->written = part.written;
    if (status == FB_NO_MEMORY)
        return fb_fail(error, status, "no memory to read ZIP");
    if (status != FB_OK)
        return corrupt(zip, what, error);
    if (ended && is_said)
        return end_entry(zip, error);
    if (ended)
        zip->at = IN_DESCRIPTOR;
    else if (is_said && zip->in_bytes == zip->in_said && io->written < io->capacity)
        return corrupt(zip, "the content goes on behind its size", error);
    return FB_OK;
}

/* Collects up to `size` bytes and keeps them; true when they are there. */
static bool gather(struct zip *zip, struct fb_codec_io *io, size_t size)
{
    if (zip->have >= size)
        return true;
    if (!collect(zip, io, size))
        return false;
    zip->have = size;
    return true;
}

/* With or without its signature, with sizes of 32 or 64 bits: all of them are written. */
static enum fb_status step_descriptor(struct zip *zip, struct fb_codec_io *io,
                                      struct fb_error *error)
{
    const unsigned char *crc = zip->head;
    const unsigned char *sizes;

    if (!gather(zip, io, 4))
        return FB_OK;
    if (fb_le32(crc) == FB_ZIP_DESCRIPTOR)
        crc += 4;
    sizes = crc + 4;
    if (!gather(zip, io, (size_t)(sizes - zip->head) + 8))
        return FB_OK;
    zip->in_said = zip->in_bytes;
    zip->out_said = zip->content.size;
    if (zip->has_zip64 || fb_le32(sizes) != (uint32_t)zip->in_bytes ||
        fb_le32(sizes + 4) != (uint32_t)zip->content.size) {
        if (!gather(zip, io, (size_t)(sizes - zip->head) + 16))
            return FB_OK;
        zip->in_said = fb_le64(sizes);
        zip->out_said = fb_le64(sizes + 8);
    }
    zip->crc_said = fb_le32(crc);
    zip->have = 0;
    return end_entry(zip, error);
}

/* ---- headers ---- */

static const char *method_name(unsigned method)
{
    switch (method) {
    case 9:
        return "Deflate64";
    case 12:
        return "bzip2";
    case 14:
        return "LZMA";
    case 93:
        return "Zstandard";
    case 95:
        return "XZ";
    case 98:
        return "PPMd";
    default:
        return "an unknown method";
    }
}

static enum fb_status begin_content(struct zip *zip, struct fb_error *error)
{
    const bool is_deflated = zip->method == METHOD_DEFLATED;

    if ((zip->flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_CENTRAL_MASKED)) != 0 ||
        zip->method == 99)
        return fb_fail(error, FB_CORRUPT, "zip: entry %llu (%s) is encrypted, which is not read",
                       (unsigned long long)zip->number, zip->name);
    if (zip->method != METHOD_STORED && !is_deflated)
        return fb_fail(error, FB_CORRUPT,
                       "zip: entry %llu (%s) is compressed by %s (method %u), which is not read; "
                       "deflate is",
                       (unsigned long long)zip->number, zip->name, method_name(zip->method),
                       zip->method);
    zip->have = 0;
    if (is_deflated) {
        zip->at = IN_DEFLATED;
        if (fb_deflate_zlib.begin(&zip->inflate, FB_WRAPPING_NONE) != FB_OK)
            return fb_fail(error, FB_NO_MEMORY, "no memory to read ZIP");
        return FB_OK;
    }
    /* A folder has a descriptor now and then, but never content. */
    zip->at = (zip->flags & FLAG_DESCRIPTOR) != 0 ? IN_SEARCHED : IN_STORED;
    zip->search = (struct fb_zip_search){.is_zip64 = zip->has_zip64};
    if (zip->at == IN_STORED && zip->in_said == 0)
        return end_entry(zip, error);
    return FB_OK;
}

static void take_local(struct zip *zip)
{
    const unsigned char *head = zip->head;

    zip->number++;
    zip->flags = fb_le16(head + 2);
    zip->method = fb_le16(head + 4);
    zip->crc_said = fb_le32(head + 10);
    zip->in_said = fb_le32(head + 14);
    zip->out_said = fb_le32(head + 18);
    zip->name_size = fb_le16(head + 22);
    zip->extra_left = fb_le16(head + 24);
    zip->name_have = 0;
    zip->name[0] = '\0';
    zip->content = (struct fb_zip_content){0};
    zip->in_bytes = 0;
    zip->has_zip64 = false;
    zip->at = IN_NAME;
}

static void step_name(struct zip *zip, struct fb_codec_io *io)
{
    while (zip->name_have < zip->name_size && io->in_size > 0) {
        const unsigned char c = (unsigned char)*io->in;

        if (zip->name_have < NAME_KEPT) {
            zip->name[zip->name_have] = (char)(isprint(c) ? c : '?');
            zip->name[zip->name_have + 1] = '\0';
        }
        zip->name_have++;
        use(io, 1);
    }
    if (zip->name_have == zip->name_size)
        zip->at = IN_EXTRA_HEAD;
}

/* The sizes that did not fit the header stand here, in this order. */
static void take_zip64(struct zip *zip, size_t size)
{
    const unsigned char *at = zip->head;

    zip->has_zip64 = true;
    if (zip->out_said == SIZE_IN_ZIP64 && size >= 8) {
        zip->out_said = fb_le64(at);
        at += 8;
        size -= 8;
    }
    if (zip->in_said == SIZE_IN_ZIP64 && size >= 8)
        zip->in_said = fb_le64(at);
}

static enum fb_status step_extra_head(struct zip *zip, struct fb_codec_io *io,
                                      struct fb_error *error)
{
    /* What is too short for a field is padding. */
    if (zip->extra_left < 4) {
        while (zip->extra_left > 0 && io->in_size > 0) {
            use(io, 1);
            zip->extra_left--;
        }
        return zip->extra_left == 0 ? begin_content(zip, error) : FB_OK;
    }
    if (!collect(zip, io, 4))
        return FB_OK;
    zip->extra_left -= 4;
    zip->field_is_zip64 = fb_le16(zip->head) == EXTRA_ZIP64;
    zip->field_left = fb_le16(zip->head + 2);
    if (zip->field_left > zip->extra_left)
        zip->field_left = zip->extra_left;
    zip->extra_left -= zip->field_left;
    zip->at = IN_EXTRA;
    return FB_OK;
}

static void step_extra(struct zip *zip, struct fb_codec_io *io)
{
    while (zip->field_left > 0 && io->in_size > 0) {
        if (zip->have < sizeof zip->head)
            zip->head[zip->have++] = (unsigned char)*io->in;
        use(io, 1);
        zip->field_left--;
    }
    if (zip->field_left > 0)
        return;
    if (zip->field_is_zip64)
        take_zip64(zip, zip->have);
    zip->have = 0;
    zip->at = IN_EXTRA_HEAD;
}

/* The fixed part behind the signature. */
static size_t trailer_size(uint32_t signature)
{
    switch (signature) {
    case FB_ZIP_CENTRAL:
        return 42;
    case SIGNATURE_DIGITAL:
        return 2;
    case SIGNATURE_END_64:
        return 8;
    case SIGNATURE_END_64_LOCATE:
        return 16;
    case SIGNATURE_END:
        return 18;
    default:
        return 0;
    }
}

static uint64_t trailer_rest(const struct zip *zip)
{
    switch (zip->signature) {
    case FB_ZIP_CENTRAL:
        return (uint64_t)fb_le16(zip->head + 24) + fb_le16(zip->head + 26) +
               fb_le16(zip->head + 28);
    case SIGNATURE_DIGITAL:
        return fb_le16(zip->head);
    case SIGNATURE_END_64:
        return fb_le64(zip->head);
    case SIGNATURE_END:
        return fb_le16(zip->head + 16);
    default:
        return 0;
    }
}

static void step_skipped(struct zip *zip, struct fb_codec_io *io)
{
    const size_t size = io->in_size < zip->skip_left ? io->in_size : (size_t)zip->skip_left;

    use(io, size);
    zip->skip_left -= size;
    if (zip->skip_left == 0)
        zip->at = zip->signature == SIGNATURE_END ? AT_END : AT_SIGNATURE;
}

static enum fb_status take_signature(struct zip *zip, uint64_t offset, struct fb_error *error)
{
    const bool is_behind = trailer_size(zip->signature) > 0;

    zip->signature = fb_le32(zip->head);
    if (zip->signature == FB_ZIP_LOCAL && !is_behind) {
        const bool runs_on = zip->content.size > 0 && zip->content.last != '\n';

        zip->at = runs_on ? AT_NEWLINE : IN_LOCAL;
        return FB_OK;
    }
    if (trailer_size(zip->signature) == 0)
        return fb_fail(error, FB_CORRUPT,
                       "zip: no record begins at compressed byte %llu, behind "
                       "entry %llu (%s)",
                       (unsigned long long)offset, (unsigned long long)zip->number, zip->name);
    zip->at = IN_TRAILER;
    return FB_OK;
}

static void step_newline(struct zip *zip, struct fb_codec_io *io)
{
    if (io->written == io->capacity)
        return;
    io->out[io->written++] = '\n';
    zip->content.last = '\n';
    zip->at = IN_LOCAL;
}

static enum fb_status step_once(struct zip *zip, struct fb_codec_io *io, uint64_t offset,
                                struct fb_error *error)
{
    switch (zip->at) {
    case AT_SIGNATURE:
        return collect(zip, io, 4) ? take_signature(zip, offset, error) : FB_OK;
    case AT_NEWLINE:
        step_newline(zip, io);
        return FB_OK;
    case IN_LOCAL:
        if (collect(zip, io, 26))
            take_local(zip);
        return FB_OK;
    case IN_NAME:
        step_name(zip, io);
        return FB_OK;
    case IN_EXTRA_HEAD:
        return step_extra_head(zip, io, error);
    case IN_EXTRA:
        step_extra(zip, io);
        return FB_OK;
    case IN_STORED:
        return step_stored(zip, io, error);
    case IN_SEARCHED:
        step_searched(zip, io);
        return FB_OK;
    case IN_DEFLATED:
        return step_deflated(zip, io, error);
    case IN_DESCRIPTOR:
        return step_descriptor(zip, io, error);
    case IN_TRAILER:
        if (collect(zip, io, trailer_size(zip->signature))) {
            zip->skip_left = trailer_rest(zip);
            zip->at = IN_SKIPPED;
        }
        return FB_OK;
    case IN_SKIPPED:
        step_skipped(zip, io);
        return FB_OK;
    case AT_END:
    default:
        if (io->in_size > 0)
            return fb_fail(error, FB_CORRUPT,
                           "zip: garbage behind the archive's end, at compressed byte %llu",
                           (unsigned long long)offset);
        return FB_OK;
    }
}

static enum fb_status zip_step(void *state, struct fb_codec_io *io, uint64_t offset,
                               struct fb_error *error)
{
    struct zip *zip = state;
    const char *const begin = io->in;

    for (;;) {
        const size_t in_before = io->in_size;
        const size_t written_before = io->written;
        const size_t had = zip->have;
        const enum place at = zip->at;
        const enum fb_status status =
            step_once(zip, io, offset + (uint64_t)(io->in - begin), error);

        if (status != FB_OK)
            return status;
        if (io->in_size == in_before && io->written == written_before && zip->at == at &&
            zip->have == had)
            return FB_OK;
    }
}

static enum fb_status zip_finish(void *state, uint64_t offset, struct fb_error *error)
{
    const struct zip *zip = state;

    if (zip->at == AT_END)
        return FB_OK;
    return fb_fail(error, FB_CORRUPT,
                   "zip: the archive is cut off at compressed byte %llu, %s entry %llu (%s)",
                   (unsigned long long)offset, zip->at < IN_TRAILER ? "in or behind" : "behind",
                   (unsigned long long)zip->number, zip->name);
}

static void zip_free(void *state)
{
    struct zip *zip = state;

    if (zip == NULL)
        return;
    fb_deflate_zlib.free(zip->inflate);
    free(zip);
}

static enum fb_codec_match zip_match(const unsigned char *first, size_t size)
{
    const enum fb_codec_match local = fb_codec_match_magic(first, size, "PK\3\4", 4);

    return local != FB_MATCH_NO ? local : fb_codec_match_magic(first, size, "PK\5\6", 4);
}

const struct fb_codec fb_codec_zip = {
    .name = "zip",
    .extensions = {".zip"},
    .match = zip_match,
    .begin = zip_begin,
    .step = zip_step,
    .finish = zip_finish,
    .free = zip_free,
};
