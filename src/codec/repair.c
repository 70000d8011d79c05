/* SPDX-License-Identifier: Apache-2.0 */
#include "repair.h"

#include <openssl/evp.h>

#include "firebridge/codec/json_text.h"
#include "firebridge/codec/transcode.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* A byte may become three, or with others, in Base64, four of three. */
#define TEXT_MAX   (3 * FB_TRANSCODE_TEXT_MAX + FB_TEXT_SLACK)
#define PLACES_MAX (FB_TRANSCODE_TEXT_MAX * sizeof(struct fb_repair_place))

/* In the repaired text, and what it was made of in the record. */
struct fb_repair_place {
    size_t at, end;
    size_t original, original_end;
};

/* A record that is being repaired. */
struct source {
    const char *text, *end;
    enum fb_map_utf8 how;
};

void fb_repair_init(struct fb_repair *repair)
{
    fb_buffer_init(&repair->text, TEXT_MAX);
    fb_buffer_init(&repair->places, PLACES_MAX);
    fb_buffer_init(&repair->bytes, TEXT_MAX);
}

void fb_repair_done(struct fb_repair *repair)
{
    fb_buffer_done(&repair->text);
    fb_buffer_done(&repair->places);
    fb_buffer_done(&repair->bytes);
}

/* What is next in a string, up to its closing quote, that is no character. */
static bool next_bad(const char **at, const char *end, struct fb_text_special *ret_bad)
{
    char ignored[FB_TEXT_BLOCK];

    for (;;) {
        *at += fb_text_copy_plain(ignored, *at);
        if (**at == '"')
            return false;
        if (**at != '\\' && (unsigned char)**at < 0x80)
            continue;
        if (fb_text_special(*at, end, ret_bad) == FB_TEXT_BAD_UTF8)
            return true;
        *at += ret_bad->size;
    }
}

/* What was appended since the text had this size was made of [begin, end) of the record. */
static enum fb_status note_place(struct fb_repair *repair, const struct source *source, size_t at,
                                 const char *begin, const char *end)
{
    const struct fb_repair_place place = {at, repair->text.size, (size_t)(begin - source->text),
                                          (size_t)(end - source->text)};

    return fb_buffer_append(&repair->places, &place, sizeof place);
}

/* `at` is the first that is bad in the string; moves on to the closing quote. */
static enum fb_status replace(struct fb_repair *repair, const struct source *source,
                              const char **at, struct fb_text_special bad)
{
    const char *from;
    enum fb_status status;
    bool has_more = true;

    while (has_more) {
        status = fb_buffer_append_text(&repair->text, REPLACEMENT);
        if (status == FB_OK)
            status = note_place(repair, source, repair->text.size - strlen(REPLACEMENT), *at,
                                *at + bad.size);
        from = *at += bad.size;
        has_more = next_bad(at, source->end, &bad);
        if (status == FB_OK)
            status = fb_buffer_append(&repair->text, from, (size_t)(*at - from));
        if (status != FB_OK)
            return status;
    }
    return FB_OK;
}

static enum fb_status unescape(struct fb_buffer *bytes, const char *from, const char *to)
{
    const size_t size = (size_t)(to - from);
    enum fb_status status = fb_buffer_reserve(bytes, size);

    if (status == FB_OK && size > 0)
        bytes->size += fb_text_unescape(from, size, bytes->bytes + bytes->size);
    return status;
}

/* The bytes that stand there, or those that UTF-8 would have for a surrogate. */
static enum fb_status take_bad(struct fb_buffer *bytes, const char *at,
                               const struct fb_text_special *bad)
{
    const char surrogate[3] = {(char)0xed, (char)(0x80 | (bad->code_point >> 6 & 0x3f)),
                               (char)(0x80 | (bad->code_point & 0x3f))};

    if (*at == '\\')
        return fb_buffer_append(bytes, surrogate, sizeof surrogate);
    return fb_buffer_append(bytes, at, bad->size);
}

static enum fb_status append_base64(struct fb_buffer *text, const struct fb_buffer *bytes)
{
    enum fb_status status = fb_buffer_reserve(text, (bytes->size + 2) / 3 * 4 + 1);

    if (status == FB_OK)
        text->size +=
            (size_t)EVP_EncodeBlock((unsigned char *)text->bytes + text->size,
                                    (const unsigned char *)bytes->bytes, (int)bytes->size);
    return status;
}

/* As replace(); what stands in the repaired text from `begin`, the opening quote, goes again. */
static enum fb_status make_binary(struct fb_repair *repair, const struct source *source,
                                  const char *begin, const char **at, struct fb_text_special bad)
{
    const char *from = begin + 1;
    enum fb_status status = FB_OK;
    bool has_more = true;
    size_t text_begin;

    repair->text.size -= (size_t)(*at - begin);
    fb_buffer_reset(&repair->bytes);
    while (has_more && status == FB_OK) {
        status = unescape(&repair->bytes, from, *at);
        if (status == FB_OK)
            status = take_bad(&repair->bytes, *at, &bad);
        from = *at += bad.size;
        has_more = next_bad(at, source->end, &bad);
    }
    if (status == FB_OK)
        status = unescape(&repair->bytes, from, *at);
    if (status == FB_OK && *fb_text_skip_blanks(*at + 1) == ':')
        status = FB_INVALID;
    text_begin = repair->text.size;
    if (status == FB_OK)
        status = fb_buffer_append_text(&repair->text, FB_REPAIR_BINARY);
    if (status == FB_OK)
        status = append_base64(&repair->text, &repair->bytes);
    return status == FB_OK ? note_place(repair, source, text_begin, begin, *at) : status;
}

/* `*at` is behind the opening quote, and moves behind the closing one. */
static enum fb_status take_string(struct fb_repair *repair, const struct source *source,
                                  const char **at)
{
    const char *const begin = *at - 1;
    struct fb_text_special bad;
    const bool is_bad = next_bad(at, source->end, &bad);
    enum fb_status status = fb_buffer_append(&repair->text, begin, (size_t)(*at - begin));

    if (status == FB_OK && is_bad)
        status = source->how == FB_MAP_UTF8_REPLACE ? replace(repair, source, at, bad)
                                                    : make_binary(repair, source, begin, at, bad);
    if (status == FB_OK)
        status = fb_buffer_append_text(&repair->text, "\"");
    ++*at;
    return status;
}

enum fb_status fb_repair_write(struct fb_repair *repair, enum fb_map_utf8 how, const char *text,
                               size_t size)
{
    const struct source source = {text, text + size, how};
    enum fb_status status = FB_OK;
    const char *at = text;

    fb_buffer_reset(&repair->text);
    fb_buffer_reset(&repair->places);
    while (at < source.end && status == FB_OK) {
        const char *const from = at;
        const char *const quote = memchr(at, '"', (size_t)(source.end - at));

        at = quote == NULL ? source.end : quote;
        status = fb_buffer_append(&repair->text, from, (size_t)(at - from));
        if (status == FB_OK && quote != NULL) {
            at++;
            status = take_string(repair, &source, &at);
        }
    }
    if (status == FB_OK)
        status = fb_buffer_reserve(&repair->text, FB_TEXT_SLACK);
    if (status == FB_OK)
        memset(repair->text.bytes + repair->text.size, 0, FB_TEXT_SLACK);
    return status;
}

/* The last place that is not behind `at`; NULL: all are. */
static const struct fb_repair_place *place_before(const struct fb_repair *repair, size_t at)
{
    const struct fb_repair_place *places = (const void *)repair->places.bytes;
    size_t low = 0;
    size_t high = repair->places.size / sizeof *places;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (places[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? NULL : &places[low - 1];
}

bool fb_repair_touches(const struct fb_repair *repair, const char *begin, const char *end)
{
    const size_t from = (size_t)(begin - repair->text.bytes);
    const struct fb_repair_place *place;

    if (begin == end)
        return false;
    place = place_before(repair, (size_t)(end - repair->text.bytes) - 1);
    return place != NULL && place->at >= from;
}

size_t fb_repair_original(const struct fb_repair *repair, size_t at)
{
    const struct fb_repair_place *place = place_before(repair, at);

    if (place == NULL)
        return at;
    return at < place->end ? place->original : place->original_end + (at - place->end);
}
