/* SPDX-License-Identifier: Apache-2.0 */
#include "zip_content.h"

#include <string.h>
#include <zlib.h>

#include "byte_order.h"

#define SIGNATURE_SIZE 4
#define CRC_SIZE       4

void fb_zip_content_note(struct fb_zip_content *content, const char *bytes, size_t size)
{
    if (size == 0)
        return;
    content->crc = (uint32_t)crc32_z(content->crc, (const Bytef *)bytes, size);
    content->size += size;
    content->last = bytes[size - 1];
}

static void give(struct fb_zip_content *content, struct fb_codec_io *io, const void *bytes,
                 size_t size)
{
    if (size == 0)
        return;
    memcpy(io->out + io->written, bytes, size);
    io->written += size;
    fb_zip_content_note(content, bytes, size);
}

static void drop_held(struct fb_zip_search *search, size_t size)
{
    search->have -= size;
    memmove(search->held, search->held + size, search->have);
}

/* Does the descriptor's checksum at held[at] fit all that came before held[plain]? */
static bool fits(const struct fb_zip_search *search, const struct fb_zip_content *content,
                 size_t plain, size_t at, bool is_wide)
{
    const unsigned char *sizes = search->held + at + CRC_SIZE;
    const uint64_t size = content->size + plain;

    if (is_wide ? fb_le64(sizes) != size || fb_le64(sizes + 8) != size
                : fb_le32(sizes) != (uint32_t)size || fb_le32(sizes + 4) != (uint32_t)size)
        return false;
    return fb_le32(search->held + at) == crc32_z(content->crc, search->held, plain);
}

/* Are the latest bytes a descriptor behind its signature, or one before the next record's? */
static bool ends_with(struct fb_zip_search *search, const struct fb_zip_content *content,
                      bool is_wide)
{
    const size_t size = SIGNATURE_SIZE + CRC_SIZE + (is_wide ? 16 : 8);
    const unsigned char *next = search->held + search->have - SIGNATURE_SIZE;
    size_t plain;

    if (search->have < size)
        return false;
    plain = search->have - size;
    search->left = plain;
    search->next_size = 0;
    if (fb_le32(search->held + plain) == FB_ZIP_DESCRIPTOR &&
        fits(search, content, plain, plain + SIGNATURE_SIZE, is_wide))
        return true;
    search->next_size = SIGNATURE_SIZE;
    memcpy(search->next, next, SIGNATURE_SIZE);
    return (fb_le32(next) == FB_ZIP_LOCAL || fb_le32(next) == FB_ZIP_CENTRAL) &&
           fits(search, content, plain, plain, is_wide);
}

/* Where no signature can begin, by the run; false when there is none. */
static bool give_run(struct fb_zip_search *search, struct fb_zip_content *content,
                     struct fb_codec_io *io)
{
    const size_t room = io->capacity - io->written;
    size_t size = io->in_size < room ? io->in_size : room;
    const char *mark;

    if (search->have < FB_ZIP_HELD || memchr(search->held, 'P', FB_ZIP_HELD) != NULL)
        return false;
    mark = memchr(io->in, 'P', size);
    if (mark != NULL)
        size = (size_t)(mark - io->in);
    if (size < FB_ZIP_HELD)
        return false;
    give(content, io, search->held, FB_ZIP_HELD);
    give(content, io, io->in, size - FB_ZIP_HELD);
    memcpy(search->held, io->in + size - FB_ZIP_HELD, FB_ZIP_HELD);
    io->in += size;
    io->in_size -= size;
    return true;
}

static bool give_left(struct fb_zip_search *search, struct fb_zip_content *content,
                      struct fb_codec_io *io)
{
    const size_t room = io->capacity - io->written;
    const size_t size = search->left < room ? search->left : room;

    give(content, io, search->held, size);
    drop_held(search, size);
    search->left -= size;
    return search->left == 0;
}

bool fb_zip_search_step(struct fb_zip_search *search, struct fb_zip_content *content,
                        struct fb_codec_io *io)
{
    while (!search->ended && io->in_size > 0) {
        if (give_run(search, content, io))
            continue;
        if (search->have == FB_ZIP_HELD) {
            if (io->written == io->capacity)
                return false;
            give(content, io, search->held, 1);
            drop_held(search, 1);
        }
        search->held[search->have++] = (unsigned char)*io->in++;
        io->in_size--;
        search->ended = (!search->is_zip64 && ends_with(search, content, false)) ||
                        ends_with(search, content, true);
    }
    return search->ended && give_left(search, content, io);
}
