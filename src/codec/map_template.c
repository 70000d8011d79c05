/* SPDX-License-Identifier: Apache-2.0 */
#include "map_template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map_template_private.h"

/* The longest text of an item with every character escaped. */
#define SCRATCH_MAX ((size_t)6 * FB_ITEM_MAX_BYTES + 4096)

static void piece_done(struct fb_map_piece *piece)
{
    for (size_t i = 0; i < piece->call_count; i++)
        free(piece->calls[i].argument);
    free(piece->calls);
    free(piece->literal);
    free(piece->name);
}

void fb_map_template_free(struct fb_map_template *map_template)
{
    if (map_template == NULL)
        return;
    for (size_t i = 0; i < map_template->count; i++)
        piece_done(&map_template->pieces[i]);
    free(map_template->pieces);
    free(map_template);
}

enum fb_map_type fb_map_template_type(const struct fb_map_template *map_template)
{
    return map_template->count == 1 ? map_template->pieces[0].as->type : FB_MAP_TYPE_STRING;
}

void fb_map_scratch_init(struct fb_map_scratch *scratch)
{
    *scratch = (struct fb_map_scratch){.transcoder = NULL};
    for (size_t i = 0; i < sizeof scratch->parts / sizeof *scratch->parts; i++)
        fb_buffer_init(&scratch->parts[i], SCRATCH_MAX);
    fb_buffer_init(&scratch->out, SCRATCH_MAX);
}

void fb_map_scratch_done(struct fb_map_scratch *scratch)
{
    for (size_t i = 0; i < sizeof scratch->parts / sizeof *scratch->parts; i++)
        fb_buffer_done(&scratch->parts[i]);
    fb_buffer_done(&scratch->out);
    fb_transcoder_free(scratch->transcoder);
    scratch->transcoder = NULL;
}

/* What went wrong, and where. */
struct trouble {
    const struct fb_map_piece *piece;
    const char *function;
    const char *what;
};

static enum fb_status evaluate(const struct fb_map_piece *piece, const struct fb_map_record *record,
                               struct fb_map_scratch *scratch, struct fb_map_operand *operand,
                               struct trouble *trouble)
{
    enum fb_status status =
        fb_map_source_read(&piece->source, record, &scratch->parts[0], &operand->value);
    size_t i = 0;

    trouble->piece = piece;
    operand->is_time = false;
    if (status == FB_INVALID) {
        trouble->function = "invalid_utf8";
        trouble->what = "holds bytes that are not UTF-8";
    }
    if (status != FB_OK)
        return status;
    if (operand->value.kind == FB_MAP_IS_MISSING || operand->value.kind == FB_MAP_IS_NULL) {
        const char *text;

        if (piece->behind_default == 0) {
            trouble->what = operand->value.kind == FB_MAP_IS_NULL ? "is null" : "is not there";
            return FB_NOT_FOUND;
        }
        i = piece->behind_default;
        text = piece->calls[i - 1].argument;
        operand->value = (struct fb_map_value){FB_MAP_IS_STRING, text, strlen(text)};
    }
    for (; i < piece->call_count && status == FB_OK; i++) {
        const struct fb_map_call *call = &piece->calls[i];

        trouble->function = call->function->name;
        if (call->apply != NULL)
            status = call->apply(call, operand, scratch, &trouble->what);
    }
    return status;
}

/* Appends its text, as it stands in a string. */
static enum fb_status write_piece(const struct fb_map_piece *piece,
                                  const struct fb_map_record *record,
                                  struct fb_map_scratch *scratch, uint64_t *counted,
                                  struct trouble *trouble)
{
    struct fb_map_operand operand;
    uint32_t ignored;
    enum fb_status status;

    if (piece->literal != NULL) {
        *counted += piece->literal_counted;
        return fb_buffer_append(&scratch->out, piece->literal, piece->literal_size);
    }
    status = evaluate(piece, record, scratch, &operand, trouble);
    if (status != FB_OK)
        return status;
    trouble->function = piece->as->name;
    status = piece->as->to_text(&operand, scratch, &ignored, &trouble->what);
    *counted += operand.value.size;
    if (status != FB_OK)
        return status;
    return *counted > FB_ITEM_MAX_BYTES
               ? FB_TOO_LARGE
               : fb_map_append_escaped(&scratch->out, operand.value.bytes, operand.value.size);
}

static enum fb_status write_string(const struct fb_map_template *made,
                                   const struct fb_map_record *record,
                                   struct fb_map_scratch *scratch, uint64_t *counted,
                                   struct trouble *trouble)
{
    enum fb_status status = fb_buffer_append(&scratch->out, "{\"S\":\"", 6);

    for (size_t i = 0; i < made->count && status == FB_OK; i++)
        status = write_piece(&made->pieces[i], record, scratch, counted, trouble);
    return status == FB_OK ? fb_buffer_append(&scratch->out, "\"}", 2) : status;
}

static enum fb_status write_typed(const struct fb_map_template *made,
                                  const struct fb_map_record *record,
                                  struct fb_map_scratch *scratch, uint64_t *counted,
                                  struct trouble *trouble)
{
    const struct fb_map_piece *piece = &made->pieces[0];
    const struct fb_map_as *as = piece->as;
    struct fb_map_operand operand;
    uint32_t value_counted = 0;
    enum fb_status status = evaluate(piece, record, scratch, &operand, trouble);

    if (status != FB_OK)
        return status;
    trouble->function = as->name;
    if (as->to_text == NULL)
        status = as->write(&operand, scratch, made->hash_seed, &value_counted, &trouble->what);
    else
        status = as->to_text(&operand, scratch, &value_counted, &trouble->what);
    *counted = value_counted;
    if (status != FB_OK || as->to_text == NULL)
        return status;
    status = fb_buffer_append_text(&scratch->out, as->opens);
    if (status == FB_OK)
        status = fb_buffer_append(&scratch->out, operand.value.bytes, operand.value.size);
    return status == FB_OK ? fb_buffer_append_text(&scratch->out, as->closes) : status;
}

static void tell(enum fb_status status, const struct trouble *trouble,
                 struct fb_map_fault *ret_fault)
{
    const char *path = trouble->piece == NULL ? "a template" : trouble->piece->name;

    if (status == FB_NO_MEMORY)
        snprintf(ret_fault->message, sizeof ret_fault->message, "%.60s: no memory", path);
    else if (status == FB_TOO_LARGE)
        snprintf(ret_fault->message, sizeof ret_fault->message,
                 "%.60s: a value over %d bytes as DynamoDB counts", path, FB_ITEM_MAX_BYTES);
    else if (status == FB_NOT_FOUND)
        snprintf(ret_fault->message, sizeof ret_fault->message, "%.80s %s", path, trouble->what);
    else
        snprintf(ret_fault->message, sizeof ret_fault->message, "%.50s: %s: %s", path,
                 trouble->function, trouble->what);
    fb_make_printable(ret_fault->message);
}

enum fb_status fb_map_template_write(const struct fb_map_template *map_template,
                                     const struct fb_map_record *record,
                                     struct fb_map_scratch *scratch, uint32_t *ret_counted_bytes,
                                     struct fb_map_fault *ret_fault)
{
    const size_t begins = scratch->out.size;
    const bool is_string = fb_map_template_type(map_template) == FB_MAP_TYPE_STRING;
    struct trouble trouble = {.function = "", .what = ""};
    uint64_t counted = 0;
    enum fb_status status = is_string
                                ? write_string(map_template, record, scratch, &counted, &trouble)
                                : write_typed(map_template, record, scratch, &counted, &trouble);

    if (status == FB_OK && counted > FB_ITEM_MAX_BYTES)
        status = FB_TOO_LARGE;
    if (status != FB_OK) {
        scratch->out.size = begins;
        tell(status, &trouble, ret_fault);
        return status;
    }
    *ret_counted_bytes = (uint32_t)counted;
    return FB_OK;
}
