/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/codec/key.h"

#include <string.h>

#include "digest.h"
#include "firebridge/codec/hash.h"
#include "firebridge/codec/json_text.h"
#include "firebridge/codec/number.h"

uint64_t fb_key_hash(uint64_t seed, const void *bytes, size_t size)
{
    return fb_hash_bytes(seed, bytes, size);
}

/* At most two attributes, each behind its head of three bytes. */
void fb_key_digest(const char *key, size_t size, char ret_digest[FB_KEY_DIGEST_SIZE])
{
    unsigned char digest[FB_SHA256_BYTES] = {0};
    struct iovec pieces[3];
    size_t count = 0;

    for (size_t at = 0; at + 3 <= size && count < 3;) {
        const size_t part = (size_t)(unsigned char)key[at + 1] << 8 | (unsigned char)key[at + 2];

        if (part > size - at - 3)
            break;
        if (count > 0)
            pieces[count++] = (struct iovec){"\n", 1};
        pieces[count++] = (struct iovec){(void *)(key + at + 3), part};
        at += 3 + part;
    }
    if (fb_digest_sha256(pieces, count, digest) != FB_OK)
        memset(digest, 0, sizeof digest);
    fb_digest_to_hex(digest, (FB_KEY_DIGEST_SIZE - 1) / 2, ret_digest);
    ret_digest[FB_KEY_DIGEST_SIZE - 1] = '\0';
}

static void write_head(char *out, enum fb_key_type type, size_t size)
{
    out[0] = (char)type;
    out[1] = (char)(unsigned char)(size >> 8);
    out[2] = (char)(unsigned char)size;
}

static enum fb_status append_number(struct fb_buffer *key, const char *text, size_t size)
{
    char canonical[3 + FB_NUMBER_CANONICAL_MAX];
    struct fb_number number;
    const char *at;
    const char *end = fb_number_scan(text, &number, &at);

    if (end != text + size || fb_number_check(&number) != FB_DEAD_NONE)
        return FB_INVALID;
    size = fb_number_canonical(&number, canonical + 3);
    write_head(canonical, FB_KEY_NUMBER, size);
    return fb_buffer_append(key, canonical, 3 + size);
}

static enum fb_status append_text(struct fb_buffer *key, enum fb_key_type type, const char *text,
                                  size_t size)
{
    enum fb_status status;
    size_t decoded;
    char *out;

    /* An escape of six bytes means one at least. */
    if (size > (size_t)6 * FB_PARTITION_KEY_MAX_BYTES)
        return FB_TOO_LARGE;
    status = fb_buffer_reserve(key, 3 + size);
    if (status != FB_OK)
        return status;
    out = key->bytes + key->size;
    decoded = fb_text_unescape(text, size, out + 3);
    write_head(out, type, decoded);
    key->size += 3 + decoded;
    return FB_OK;
}

enum fb_status fb_key_append_canonical(struct fb_buffer *key, enum fb_key_type type,
                                       const char *text, size_t size)
{
    if (type == FB_KEY_NUMBER)
        return append_number(key, text, size);
    return append_text(key, type, text, size);
}
