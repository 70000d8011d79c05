/* SPDX-License-Identifier: Apache-2.0 */
#include "gzip_head.h"

#include <zlib.h>

#define FLAGS_AT   3
#define FIXED_SIZE 10
#define HAS_CRC    0x02U
#define HAS_EXTRA  0x04U
#define HAS_NAME   0x08U
#define HAS_REMARK 0x10U
#define RESERVED   0xe0U

void fb_gzip_head_begin(struct fb_gzip_head *head)
{
    *head = (struct fb_gzip_head){.at = FB_GZIP_HEAD_FIXED};
}

static bool has_part(const struct fb_gzip_head *head)
{
    switch (head->at) {
    case FB_GZIP_HEAD_EXTRA_SIZE:
        return (head->flags & HAS_EXTRA) != 0;
    case FB_GZIP_HEAD_EXTRA:
        return (head->flags & HAS_EXTRA) != 0 && head->number > 0;
    case FB_GZIP_HEAD_NAME:
        return (head->flags & HAS_NAME) != 0;
    case FB_GZIP_HEAD_COMMENT:
        return (head->flags & HAS_REMARK) != 0;
    case FB_GZIP_HEAD_CRC:
        return (head->flags & HAS_CRC) != 0;
    default:
        return true;
    }
}

static void next_part(struct fb_gzip_head *head)
{
    do
        head->at++;
    while (!has_part(head));
    head->have = 0;
    if (head->at != FB_GZIP_HEAD_EXTRA)
        head->number = 0;
}

static bool fixed_byte(struct fb_gzip_head *head, unsigned char c)
{
    static const unsigned char magic[FLAGS_AT] = {0x1f, 0x8b, 8};

    if (head->have < FLAGS_AT)
        return c == magic[head->have];
    if (head->have > FLAGS_AT)
        return true;
    head->flags = c;
    return (c & RESERVED) == 0;
}

/* True when it was the part's last. */
static bool is_last(const struct fb_gzip_head *head, unsigned char c)
{
    switch (head->at) {
    case FB_GZIP_HEAD_FIXED:
        return head->have == FIXED_SIZE;
    case FB_GZIP_HEAD_EXTRA:
        return head->have == head->number;
    case FB_GZIP_HEAD_NAME:
    case FB_GZIP_HEAD_COMMENT:
        return c == 0;
    default:
        return head->have == 2;
    }
}

enum fb_status fb_gzip_head_step(struct fb_gzip_head *head, struct fb_codec_io *io)
{
    while (head->at != FB_GZIP_HEAD_WHOLE && io->in_size > 0) {
        const unsigned char c = (unsigned char)*io->in++;
        const uint32_t crc_before = head->crc;

        io->in_size--;
        head->crc = (uint32_t)crc32_z(head->crc, &c, 1);
        if (head->at == FB_GZIP_HEAD_FIXED && !fixed_byte(head, c))
            return FB_CORRUPT;
        if (head->at == FB_GZIP_HEAD_EXTRA_SIZE)
            head->number |= (unsigned)c << 8 * head->have;
        if (head->at == FB_GZIP_HEAD_CRC) {
            /* Of all that came before itself. */
            head->crc = crc_before;
            if (c != (unsigned char)(head->crc >> 8 * head->have))
                return FB_CORRUPT;
        }
        head->have++;
        if (is_last(head, c))
            next_part(head);
    }
    return FB_OK;
}
