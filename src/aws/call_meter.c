/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/aws/call_meter.h"

#include <stdio.h>
#include <string.h>

#include "firebridge/aws/client.h"

/* Operations that are timed; the others are few and far between. */
static const struct {
    const char *operation;
    size_t histogram;
} timed[] = {
    {"ListObjectsV2", offsetof(struct fb_call_meter, list)},
    {"GetObject", offsetof(struct fb_call_meter, get)},
    {"BatchWriteItem", offsetof(struct fb_call_meter, write)},
    {"BatchExecuteStatement", offsetof(struct fb_call_meter, write)},
    {"PutItem", offsetof(struct fb_call_meter, write)},
    {"UpdateItem", offsetof(struct fb_call_meter, write)},
    {"TransactWriteItems", offsetof(struct fb_call_meter, write)},
};

void fb_call_meter_init(struct fb_call_meter *meter)
{
    fb_tally_init(&meter->calls);
    fb_tally_init(&meter->retries);
    fb_tally_init(&meter->throttles);
    fb_histogram_init(&meter->list, &fb_scale_call);
    fb_histogram_init(&meter->get, &fb_scale_call);
    fb_histogram_init(&meter->write, &fb_scale_call);
}

void fb_call_meter_done(struct fb_call_meter *meter)
{
    fb_tally_done(&meter->calls);
    fb_tally_done(&meter->retries);
    fb_tally_done(&meter->throttles);
}

static void time_it(struct fb_call_meter *meter, const char *operation, int64_t took_ms)
{
    for (size_t i = 0; i < sizeof timed / sizeof *timed; i++)
        if (strcmp(timed[i].operation, operation) == 0)
            fb_histogram_note((struct fb_histogram *)(void *)((char *)meter + timed[i].histogram),
                              took_ms);
}

/* AWS's code; of an answer without one its HTTP status; without an answer what befell the call. */
static void name_failure(const struct fb_error *error, char *ret_word, size_t size)
{
    if (error->code[0] != '\0')
        snprintf(ret_word, size, "%s", error->code);
    else if (error->http_status != 0)
        snprintf(ret_word, size, "HTTP %ld", error->http_status);
    else
        snprintf(ret_word, size, "%s", fb_status_name(error->status));
}

void fb_call_meter_note(struct fb_call_meter *meter, const char *operation, int64_t took_ms,
                        enum fb_status status, const struct fb_error *error)
{
    char word[FB_TALLY_WORD_SIZE];
    enum fb_verdict verdict;

    if (meter == NULL || status == FB_CANCELED)
        return;
    fb_tally_add(&meter->calls, operation, 1);
    time_it(meter, operation, took_ms);
    if (status == FB_OK)
        return;
    verdict = fb_verdict_of(error);
    if (verdict == FB_REJECTED || verdict == FB_DONE_BEFORE)
        return;
    name_failure(error, word, sizeof word);
    fb_tally_add(&meter->retries, word, 1);
    if (verdict == FB_RETRY_SLOWER)
        fb_tally_add(&meter->throttles, word, 1);
}
