/* SPDX-License-Identifier: Apache-2.0 */
#include "successor.h"

#include <stdio.h>
#include <string.h>

/* Looks for the one key among those that begin with it. */
struct successor {
    const struct fb_state_object *object; /* what it takes the place of */
    struct fb_state_listed listed;
    char etag[256];
};

static enum fb_status on_listed(void *context, const struct fb_s3_listed *object)
{
    struct successor *successor = context;

    if (strcmp(object->key, successor->object->key) != 0)
        return FB_OK;
    snprintf(successor->etag, sizeof successor->etag, "%s", object->etag);
    successor->listed = (struct fb_state_listed){
        .key = successor->object->key,
        .etag = successor->etag,
        .size_bytes = object->size_bytes,
        .key_time_ms = successor->object->key_time_ms,
        .last_modified_ms = object->last_modified_ms,
    };
    return FB_OK;
}

/* Its folder may be one that no sweep lists again, so it is looked for by name. */
static enum fb_status find(const struct fb_decoder_options *options, struct successor *successor,
                           struct fb_error *error)
{
    struct fb_client client = options->client;
    const struct fb_s3_list_request request = {
        .bucket = options->bucket,
        .prefix = successor->object->key,
        .max_keys = 1, /* the key itself sorts before all that begin with it */
        .on_object = on_listed,
        .context = successor,
    };
    struct fb_s3_list_result result;
    enum fb_status status = options->list_page(&client, &request, &result, error);

    if (status == FB_OK && successor->listed.key != NULL &&
        strcmp(successor->etag, successor->object->etag) != 0)
        status = fb_state_add_objects(options->state, options->stream_id, &successor->listed, 1,
                                      NULL, error);
    /* Of the bucket, or of what stands before it: neither says anything of the object. */
    if (status == FB_NOT_FOUND || status == FB_CHANGED)
        status = error->status = FB_UNAVAILABLE;
    return status;
}

enum fb_status fb_successor_take(const struct fb_decoder_options *options,
                                 const struct fb_state_object *object, struct fb_error *error)
{
    struct successor successor = {.object = object};
    enum fb_status status = find(options, &successor, error);

    if (status != FB_OK)
        return status;
    if (successor.listed.key == NULL)
        return fb_fail(error, FB_NOT_FOUND, "it was deleted");
    if (strcmp(successor.etag, object->etag) == 0)
        return fb_fail(error, FB_UNAVAILABLE,
                       "S3 says that the object changed (412), and lists it as it was");
    return FB_CHANGED;
}
