/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/pipeline/verify.h"

#include <stdlib.h>
#include <string.h>

#include "firebridge/codec/json_text.h"
#include "verify_private.h"

/* An item is at most 400 KB, and JSON may spell a byte in six. */
#define ITEM_MAX_BYTES ((size_t)4 * 1024 * 1024)

enum fb_status fb_verify_wait(struct fb_verify *verify, struct fb_error *error)
{
    if (fb_verdict_of(error) == FB_UNHEALTHY)
        return error->status;
    return fb_patience_wait(&verify->patience, error);
}

static enum fb_status read_all(struct fb_verify *verify, uint64_t after, bool only_chosen,
                               struct fb_error *error)
{
    struct fb_ledger_object object;
    enum fb_status status = FB_OK;

    while (status == FB_OK) {
        status = fb_ledger_next_object(verify->ledger, after, only_chosen, &object, error);
        if (status != FB_OK)
            break;
        after = object.sequence;
        status = fb_verify_read(verify, &object, error);
    }
    return status == FB_END ? FB_OK : status;
}

enum fb_status fb_verify_catch_up(struct fb_verify *verify, uint64_t after, uint64_t *ret_newest,
                                  struct fb_error *error)
{
    enum fb_status status = fb_ledger_refresh(verify->ledger, ret_newest, error);

    return status == FB_OK ? read_all(verify, after, false, error) : status;
}

/* The object of the first record that any suspect has; 0: there is no suspect. */
static enum fb_status find_first(struct fb_verify *verify, uint64_t *ret_first,
                                 struct fb_error *error)
{
    struct fb_ledger_entry entry = {0};
    struct fb_buffer key;
    enum fb_status status = FB_OK;

    *ret_first = 0;
    fb_buffer_init(&key, FB_CANONICAL_KEY_MAX);
    while (status == FB_OK) {
        status = fb_ledger_next_entry(verify->ledger, key.bytes, key.size, true, &entry, error);
        if (status != FB_OK)
            break;
        if (*ret_first == 0 || entry.first < *ret_first)
            *ret_first = entry.first;
        fb_buffer_reset(&key);
        status = fb_buffer_append(&key, entry.key, entry.key_size);
    }
    fb_buffer_done(&key);
    return status == FB_END ? FB_OK : status;
}

static enum fb_status settle(struct fb_verify *verify, struct fb_error *error)
{
    uint64_t first;
    uint64_t newest = 0;
    enum fb_status status = find_first(verify, &first, error);

    if (status != FB_OK || first == 0)
        return status;
    verify->only_suspects = true;
    verify->blind = 0;
    /* An older one may be the later writer. */
    if (verify->options->in_any_order)
        first = 1;
    status = fb_verify_catch_up(verify, first - 1, &newest, error);
    return status == FB_OK ? fb_verify_settle(verify, newest, error) : status;
}

static enum fb_status run(struct fb_verify *verify, struct fb_error *error)
{
    const struct fb_verify_options *options = verify->options;
    uint64_t newest, chosen;
    enum fb_status status = fb_ledger_open(options->state_directory, options->stream,
                                           options->checkpoint_source, &verify->ledger, error);

    if (status == FB_OK)
        status = fb_ledger_refresh(verify->ledger, &newest, error);
    if (status == FB_OK)
        status = fb_ledger_choose(verify->ledger, &options->choice, &chosen,
                                  &verify->counts->left_out, error);
    if (status == FB_OK)
        status = read_all(verify, 0, true, error);
    if (status == FB_OK)
        status = fb_verify_compare_all(verify, error);
    return status == FB_OK ? settle(verify, error) : status;
}

enum fb_status fb_verify_run(const struct fb_verify_options *options,
                             struct fb_verify_counts *counts, struct fb_error *error)
{
    struct fb_verify verify = {.options = options, .counts = counts};
    const struct fb_patience_options patience = {
        .clock = options->clock, .give_up_after_ms = options->give_up_after_ms, .what = "verify"};
    enum fb_status status = fb_object_reader_new(&options->reader, &verify.reader, error);

    *counts = (struct fb_verify_counts){0};
    fb_patience_init(&verify.patience, &patience, options->seed);
    fb_buffer_init(&verify.before, ITEM_MAX_BYTES + FB_TEXT_SLACK);
    fb_buffer_init(&verify.merged, 2 * ITEM_MAX_BYTES + FB_TEXT_SLACK);
    fb_buffer_init(&verify.answer, FB_GET_ANSWER_MAX_BYTES);
    if (status == FB_OK)
        status = run(&verify, error);
    fb_object_reader_free(verify.reader);
    fb_ledger_close(verify.ledger);
    fb_buffer_done(&verify.before);
    fb_buffer_done(&verify.merged);
    fb_buffer_done(&verify.answer);
    return status;
}
