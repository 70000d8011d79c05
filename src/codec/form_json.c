/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain JSON, where a jq program wants to see the whole record first. Without one it has no form:
 * it goes from the window to the transcoder.
 */
#include <stdlib.h>

#include "form.h"

struct plain {
    const char *text; /* NULL: it is given */
    size_t size;
};

static enum fb_status make(const struct fb_form_context *context, void **ret_state,
                           struct fb_error *error)
{
    struct plain *plain = calloc(1, sizeof *plain);

    (void)context;
    if (plain == NULL)
        return fb_fail(error, FB_NO_MEMORY, "no memory for a form");
    *ret_state = plain;
    return FB_OK;
}

static void begin(void *state)
{
    (void)state;
}

static enum fb_status open_record(void *state, const char *text, size_t size)
{
    struct plain *plain = state;

    plain->text = text;
    plain->size = size;
    return FB_OK;
}

static enum fb_status next(void *state, struct fb_formed *ret)
{
    struct plain *plain = state;

    if (plain->text == NULL)
        return FB_END;
    *ret = (struct fb_formed){.size = plain->size,
                              .kind = FB_FORMED_JSON,
                              .operation = FB_PUT,
                              .json = plain->text,
                              .json_size = plain->size};
    plain->text = NULL;
    return FB_OK;
}

const struct fb_form fb_form_json = {
    .format = FB_FORMAT_JSON,
    .name = "json",
    .framing = FB_FRAMING_JSON,
    .make = make,
    .free = free,
    .begin = begin,
    .open = open_record,
    .next = next,
};
