/* SPDX-License-Identifier: Apache-2.0 */
/* What a decoder says of an object: how it is read, and what ails it. */
#include <stdio.h>
#include <string.h>

#include "decoder_private.h"
#include "firebridge/base/log.h"

/* Says how objects are read, once for all that are alike. Of a bad first record the form is not
 * known yet. */
void fb_decoder_note_form(struct fb_decoder *decoder, struct fb_reading *reading)
{
    const bool is_auto = decoder->options.reader.form.format == FB_FORMAT_AUTO;
    const enum fb_format format = fb_object_reader_format(decoder->reader);
    char compression[64];
    char reads_as[sizeof decoder->reads_as];

    if (reading->is_noted || format == FB_FORMAT_AUTO)
        return;
    reading->is_noted = true;
    fb_object_reader_describe(decoder->reader, compression, sizeof compression);
    snprintf(reads_as, sizeof reads_as, "compression %s, format %s%s", compression,
             fb_format_name(format), is_auto ? " (auto, by the first record)" : "");
    if (strcmp(reads_as, decoder->reads_as) == 0)
        return;
    memcpy(decoder->reads_as, reads_as, sizeof reads_as);
    fb_log_event(
        FB_EVENT_OBJECT_FORM,
        FB_ABOUT(.stream = reading->decoder->options.stream, .object = reading->identity->key),
        "from object %s on: %s", reading->identity->key, reads_as);
}

/* One dead letter stands for all that could not be read of a damaged object. */
enum fb_status fb_decoder_note_damage(struct fb_reading *reading)
{
    const struct fb_error damage = reading->error;

    fb_log_event(
        FB_EVENT_OBJECT_DAMAGED,
        FB_ABOUT(.stream = reading->decoder->options.stream, .object = reading->identity->key,
                 .error = &damage, .record = &reading->outlet->next.record),
        "object %s cannot be read: %s. The %llu records before that are written; deliver "
        "what is missing again, as a new object in a folder of now",
        reading->identity->key, damage.message, (unsigned long long)reading->outlet->next.record);
    return fb_outlet_note_damage(reading->outlet, damage.message, &reading->error);
}

/* What was read before the damage is written before the stream ends, which leaves all else. */
void fb_decoder_stop_at_damage(struct fb_reading *reading)
{
    const struct fb_error damage = reading->error;

    if (reading->outlet->functions->settle != NULL)
        reading->outlet->functions->settle(reading->outlet);
    fb_fail(&reading->error, FB_CORRUPT,
            "object %.300s cannot be read: %.150s. on_damaged_object = stop, so the stream stands "
            "here. Replace, delete or skip the object, or set on_damaged_object = dead-letter, and "
            "start "
            "firebridge again",
            reading->identity->key, damage.message);
}

void fb_decoder_note_change(struct fb_reading *reading, bool vanished)
{
    struct fb_decoder_counters *counters = reading->decoder->options.counters;

    fb_log_event(vanished ? FB_EVENT_OBJECT_VANISHED : FB_EVENT_OBJECT_CHANGED,
                 FB_ABOUT(.stream = reading->decoder->options.stream,
                          .object = reading->identity->key, .error = &reading->error),
                 "object %s %s while it was read: %s. What was read of it (%llu records) stays "
                 "written",
                 reading->identity->key, vanished ? "vanished" : "changed", reading->error.message,
                 (unsigned long long)reading->outlet->next.record);
    atomic_fetch_add(vanished ? &counters->objects_vanished : &counters->objects_changed, 1);
}
