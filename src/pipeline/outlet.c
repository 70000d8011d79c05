/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/outlet.h"

#include <stdio.h>

void fb_outlet_init(struct fb_outlet *outlet, const struct fb_outlet_functions *functions,
                    const struct fb_outlet_options *options)
{
    outlet->functions = functions;
    outlet->options = *options;
    outlet->options.patience.what = "keep a dead letter";
    fb_patience_init(&outlet->patience, &outlet->options.patience, options->seed);
}

enum fb_status fb_outlet_begin(struct fb_outlet *outlet, struct fb_state_object *object,
                               struct fb_error *error)
{
    outlet->next = object->frontier;
    outlet->output = 0;
    outlet->span = NULL;
    outlet->end_offset_bytes = object->frontier.offset_bytes;
    outlet->dead_letters = 0;
    outlet->left_alone = 0;
    if (fb_progress_object_begin(outlet->options.progress, object,
                                 fb_monotonic_ms(outlet->options.clock), &outlet->object) != FB_OK)
        return fb_fail(error, FB_NO_MEMORY, "no memory for an object");
    outlet->identity = fb_progress_object_identity(outlet->object);
    if (outlet->functions->begin == NULL)
        return FB_OK;
    return outlet->functions->begin(outlet, error);
}

/* By its number as well: a place is not known of what an older version has done. */
bool fb_outlet_has_done(const struct fb_outlet *outlet, const struct fb_record *record)
{
    const struct fb_frontier *next = &outlet->next;

    if (record->number < next->record)
        return true;
    if (record->offset_bytes != next->offset_bytes)
        return record->offset_bytes < next->offset_bytes;
    if (record->part != next->part)
        return record->part < next->part;
    /* One that ends before as many outputs as it had is not what it was. */
    return record->output < outlet->output && record->is_followed;
}

void fb_outlet_pass(struct fb_outlet *outlet, const struct fb_record *record)
{
    outlet->next = (struct fb_frontier){
        .record = record->is_followed ? record->number : record->number + 1,
        .offset_bytes = record->offset_bytes,
        .part = record->is_followed ? record->part : record->part + 1,
    };
    outlet->output = record->is_followed ? record->output + 1 : 0;
    outlet->end_offset_bytes = record->end_offset_bytes;
}

enum fb_status fb_outlet_open_span(struct fb_outlet *outlet, struct fb_error *error)
{
    if (outlet->span == NULL)
        outlet->span = fb_progress_span_open(outlet->options.progress, outlet->object,
                                             atomic_load(outlet->options.ordinals));
    return outlet->span != NULL ? FB_OK : fb_fail(error, FB_NO_MEMORY, "no memory for a span");
}

void fb_outlet_close_span(struct fb_outlet *outlet)
{
    if (outlet->span == NULL)
        return;
    fb_progress_span_close(outlet->options.progress, outlet->span, outlet->next,
                           atomic_load(outlet->options.ordinals));
    outlet->span = NULL;
}

uint64_t fb_outlet_count(struct fb_outlet *outlet)
{
    return atomic_fetch_add_explicit(outlet->options.ordinals, 1, memory_order_relaxed);
}

enum fb_status fb_outlet_keep_letter(struct fb_outlet *outlet, const struct fb_record *record,
                                     const char *reason, uint64_t ordinal, struct fb_error *error)
{
    struct fb_dead_letter letter = {
        .object = outlet->identity,
        .record_number = record->number,
        .offset_bytes = record->offset_bytes,
        .size_bytes = record->size_bytes,
        .operation = record->operation,
        .format = record->format,
        .reason = reason,
        .message = record->message,
        .text = record->text,
        .text_size = record->text_size,
        .ordinal = ordinal,
    };

    outlet->dead_letters++;
    if (outlet->functions->flush != NULL)
        outlet->functions->flush(outlet);
    return fb_dead_letters_keep(outlet->options.letters, &letter, &outlet->patience, error);
}

enum fb_status fb_outlet_note_damage(struct fb_outlet *outlet, const char *message,
                                     struct fb_error *error)
{
    struct fb_record record = {
        .number = outlet->next.record,
        .offset_bytes = outlet->end_offset_bytes,
        .text = "",
    };
    enum fb_status status = fb_outlet_open_span(outlet, error);

    snprintf(record.message, sizeof record.message, "%.150s", message);
    if (status == FB_OK)
        status = fb_outlet_keep_letter(outlet, &record, "damaged-object", fb_outlet_count(outlet),
                                       error);
    fb_outlet_close_span(outlet);
    return status;
}

void fb_outlet_free(struct fb_outlet *outlet)
{
    if (outlet != NULL)
        outlet->functions->free(outlet);
}
