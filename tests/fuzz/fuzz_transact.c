/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a transaction was canceled, and what an item says that may be a marker: whatever the text is,
 * no action is refused without a reason that says so, and a place is read as it is written.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firebridge/aws/transact.h"
#include "firebridge/pipeline/marker.h"

#define ACTIONS 3

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_reasons(const char *text, size_t size)
{
    struct fb_transact_action actions[ACTIONS] = {{0}};
    struct fb_error error = {0};
    const enum fb_status status = fb_transact_read_reasons(text, size, actions, ACTIONS, &error);
    bool is_refused = false;

    check(status != FB_OK && error.status == status);
    for (size_t i = 0; i < ACTIONS; i++)
        is_refused |= actions[i].is_refused;
    check(!is_refused || status == FB_CHANGED || fb_verdict_of(&error) == FB_REJECTED);
    check(fb_verdict_of(&error) != FB_REJECTED || is_refused);
}

static void check_marker(const char *text, size_t size)
{
    json_t *item = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
    static const struct fb_markers markers = {
        .stream = "s", .table = "m", .target_arn = "arn:t", .target_created_ms = 5};
    struct fb_place end;
    char written[96];

    if (item != NULL && fb_marker_read(&markers, item, &end, NULL) == FB_OK) {
        const int size =
            snprintf(written, sizeof written, "%llu.%llu", (unsigned long long)end.offset_bytes,
                     (unsigned long long)end.part);

        if (end.output > 0)
            snprintf(written + size, sizeof written - (size_t)size, ".%llu.%08lx",
                     (unsigned long long)end.output, (unsigned long)end.program);
        check(strcmp(written, json_string_value(json_object_get(
                                  json_object_get(item, FB_MARKER_ATTRIBUTE), "S"))) == 0);
    }
    json_decref(item);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    check_reasons((const char *)input, size);
    check_marker((const char *)input, size);
    return 0;
}
