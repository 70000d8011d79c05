/* SPDX-License-Identifier: Apache-2.0 */
/* The table's side of verify: keys read back, and what they come to. */
#include <stdlib.h>
#include <string.h>

#include "verify_private.h"

/* So much of what is expected is held at once, and about as much of what is found. */
#define BATCH_BYTES ((size_t)4 * 1024 * 1024)

/* After so many looks at a key that is written all the time, nobody can say what it should be. */
#define LOOKS_MAX 5

/* A key on its way to the table and back. */
struct asked {
    char *bytes; /* the canonical key, and the item behind it */
    size_t key_size, item_size;
    char *key_json;
    struct fb_ledger_entry entry; /* points to `bytes` */
    enum fb_found found;
    struct fb_difference difference;
};

struct batch {
    struct asked asked[FB_GET_MAX_ITEMS];
    struct fb_get_entry entries[FB_GET_MAX_ITEMS];
    size_t count, bytes;
};

static void empty(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free(batch->asked[i].bytes);
        free(batch->asked[i].key_json);
        fb_difference_done(&batch->asked[i].difference);
    }
    memset(batch, 0, sizeof *batch);
}

static void free_batch(struct batch *batch)
{
    if (batch != NULL)
        empty(batch);
    free(batch);
}

/* {"id":{"S":"..."}} of an item; NULL without memory, or where jansson does not take it. */
static char *key_of(const struct fb_key_schema *schema, const char *item, size_t size)
{
    json_t *root = json_loadb(item, size, JSON_ALLOW_NUL, NULL);
    json_t *key = json_object();
    char *text = NULL;

    for (size_t i = 0; i < schema->count; i++)
        (void)json_object_set(key, schema->attributes[i].name,
                              json_object_get(root, schema->attributes[i].name));
    if (json_object_size(key) == schema->count)
        text = json_dumps(key, JSON_COMPACT);
    json_decref(root);
    json_decref(key);
    return text;
}

static enum fb_status add(struct fb_verify *verify, const struct fb_ledger_entry *entry,
                          struct batch *batch, struct fb_error *error)
{
    struct asked *asked = &batch->asked[batch->count];

    *asked = (struct asked){.bytes = malloc(entry->key_size + entry->item_size + 1),
                            .key_size = entry->key_size,
                            .item_size = entry->item_size,
                            .entry = *entry};
    if (asked->bytes == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    memcpy(asked->bytes, entry->key, entry->key_size);
    memcpy(asked->bytes + entry->key_size, entry->item, entry->item_size);
    asked->entry.key = asked->bytes;
    asked->entry.item = asked->bytes + entry->key_size;
    asked->key_json = key_of(verify->options->reader.schema, asked->entry.item, asked->item_size);
    batch->bytes += entry->item_size;
    batch->count++;
    return FB_OK;
}

/* The next keys behind those of the last batch, whose last one is in `after`. */
static enum fb_status fill(struct fb_verify *verify, bool only_suspects, struct fb_buffer *after,
                           struct batch *batch, struct fb_error *error)
{
    enum fb_status status = FB_OK;

    while (status == FB_OK && batch->count < FB_GET_MAX_ITEMS && batch->bytes < BATCH_BYTES) {
        struct fb_ledger_entry entry;

        status = fb_ledger_next_entry(verify->ledger, after->bytes, after->size, only_suspects,
                                      &entry, error);
        if (status != FB_OK)
            break;
        fb_buffer_reset(after);
        status = fb_buffer_append(after, entry.key, entry.key_size);
        if (status == FB_OK)
            status = add(verify, &entry, batch, error);
    }
    return status == FB_END ? FB_OK : status;
}

/* Of keys that nothing is expected of, nobody asks; of those that cannot be asked for, neither. */
static bool is_askable(const struct asked *asked)
{
    return asked->entry.kind != FB_EXPECT_UNKNOWN && asked->key_json != NULL;
}

static void compare(struct fb_verify *verify, struct asked *asked, const struct fb_get_entry *got)
{
    const struct fb_expectation expectation = {(enum fb_expected)asked->entry.kind,
                                               asked->entry.item, asked->entry.item_size};
    struct fb_comparison comparison = verify->options->comparison;

    comparison.now_ms = fb_realtime_ms(verify->options->clock);
    asked->found = fb_expectation_compare(&expectation, got->item, got->item_size, &comparison,
                                          &asked->difference);
}

/* One call; what is unprocessed stays in `left`. */
static enum fb_status ask_once(struct fb_verify *verify, struct batch *batch, size_t *left,
                               size_t *left_count, struct fb_error *error)
{
    const struct fb_verify_options *options = verify->options;
    struct fb_client client = options->target;
    size_t still = 0;
    enum fb_status status;

    for (size_t i = 0; i < *left_count; i++) {
        const struct asked *asked = &batch->asked[left[i]];

        batch->entries[i] = (struct fb_get_entry){.key = asked->key_json,
                                                  .key_size = strlen(asked->key_json),
                                                  .canonical = asked->bytes,
                                                  .canonical_size = asked->key_size};
    }
    status = options->batch_get(&client, options->table, options->reader.schema, batch->entries,
                                *left_count, &verify->answer, error);
    for (size_t i = 0; status == FB_OK && i < *left_count; i++) {
        if (batch->entries[i].unprocessed)
            left[still++] = left[i];
        else
            compare(verify, &batch->asked[left[i]], &batch->entries[i]);
    }
    if (status != FB_OK)
        return status;
    if (still < *left_count)
        fb_patience_success(&verify->patience);
    *left_count = still;
    return still == 0 ? FB_OK
                      : fb_fail(error, FB_THROTTLED,
                                "BatchGetItem of table %s: %zu keys are not "
                                "processed",
                                options->table, still);
}

static enum fb_status ask(struct fb_verify *verify, struct batch *batch, struct fb_error *error)
{
    size_t left[FB_GET_MAX_ITEMS];
    size_t left_count = 0;
    enum fb_status status = FB_OK;

    for (size_t i = 0; i < batch->count; i++) {
        batch->asked[i].found =
            batch->asked[i].key_json == NULL ? FB_FOUND_INCOMPARABLE : FB_FOUND_AS_EXPECTED;
        if (is_askable(&batch->asked[i]))
            left[left_count++] = i;
    }
    while (left_count > 0) {
        struct fb_error own = {0};

        status = ask_once(verify, batch, left, &left_count, &own);
        if (status == FB_OK)
            break;
        status = fb_verify_wait(verify, &own);
        if (status == FB_OK)
            continue;
        if (error != NULL)
            *error = own;
        return status;
    }
    return status;
}

/* True when there is nothing more to say of the key. */
static bool count_good(struct fb_verify *verify, const struct asked *asked)
{
    struct fb_verify_counts *counts = verify->counts;

    if (asked->found == FB_FOUND_EXPIRED)
        counts->expired++;
    else if (asked->found != FB_FOUND_AS_EXPECTED)
        return false;
    else if (asked->entry.kind == FB_EXPECT_UNKNOWN)
        counts->unknown++;
    else
        counts->as_expected++;
    return true;
}

/* Whose records begin anew when all objects are read for it. */
static enum fb_status suspect(struct fb_verify *verify, const struct asked *asked,
                              struct fb_error *error)
{
    struct fb_ledger_entry entry = asked->entry;

    entry.is_suspect = true;
    entry.is_unsure = false;
    entry.last = 0;
    return fb_ledger_put(verify->ledger, &entry, error);
}

enum fb_status fb_verify_compare_all(struct fb_verify *verify, struct fb_error *error)
{
    struct batch *batch = calloc(1, sizeof *batch);
    struct fb_buffer after;
    enum fb_status status = FB_OK;

    if (batch == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    fb_buffer_init(&after, FB_CANONICAL_KEY_MAX);
    while (status == FB_OK) {
        status = fill(verify, false, &after, batch, error);
        if (status != FB_OK || batch->count == 0)
            break;
        verify->counts->keys += batch->count;
        status = ask(verify, batch, error);
        for (size_t i = 0; status == FB_OK && i < batch->count; i++) {
            const struct asked *asked = &batch->asked[i];

            status = count_good(verify, asked)
                         ? fb_ledger_drop(verify->ledger, asked->bytes, asked->key_size, error)
                         : suspect(verify, asked, error);
        }
        empty(batch);
    }
    free_batch(batch);
    fb_buffer_done(&after);
    return status;
}

/* ---- suspects ---- */

/* Whatever is known of it, a record that cannot be read any more may have come later. */
static bool may_be_overwritten(const struct fb_verify *verify, const struct fb_ledger_entry *entry)
{
    const bool is_whole = entry->kind == FB_EXPECT_EXACT || entry->kind == FB_EXPECT_NONE;

    return verify->blind > (is_whole ? entry->last : entry->first);
}

static void tell(struct fb_verify *verify, const struct asked *asked,
                 const struct fb_ledger_entry *now, const char *object)
{
    const struct fb_verify_finding finding = {
        .found = asked->found,
        .is_unsure = now->is_unsure || may_be_overwritten(verify, now) ||
                     asked->found == FB_FOUND_INCOMPARABLE,
        .key = asked->key_json == NULL ? "{}" : asked->key_json,
        .difference = &asked->difference,
        .object = object,
        .record = now->record,
    };
    struct fb_verify_counts *counts = verify->counts;

    if (finding.is_unsure)
        counts->unsure++;
    else if (asked->found == FB_FOUND_MISSING)
        counts->missing++;
    else if (asked->found == FB_FOUND_UNDELETED)
        counts->undeleted++;
    else
        counts->different++;
    verify->options->on_finding(verify->options->context, &finding);
}

/* The suspect as it is now; *ret_is_settled: it needs no other look. */
static enum fb_status judge(struct fb_verify *verify, struct asked *asked, bool is_last_look,
                            bool *ret_is_settled, struct fb_error *error)
{
    struct fb_ledger_entry now;
    struct fb_ledger_object object = {0};
    uint64_t last;
    enum fb_status status;

    *ret_is_settled = count_good(verify, asked);
    if (*ret_is_settled)
        return FB_OK;
    status = fb_ledger_find(verify->ledger, asked->bytes, asked->key_size, &now, error);
    if (status != FB_OK)
        return status;
    /* Taken up meanwhile: what was found may be of that. */
    if (now.last != asked->entry.last && !is_last_look)
        return FB_OK;
    now.is_unsure |= now.last != asked->entry.last;
    *ret_is_settled = true;
    last = now.last;
    status =
        last == 0 ? FB_END : fb_ledger_next_object(verify->ledger, last - 1, false, &object, error);
    if (status != FB_OK && status != FB_END)
        return status;
    tell(verify, asked, &now, object.sequence == last ? object.key : NULL);
    return FB_OK;
}

static enum fb_status settle_batch(struct fb_verify *verify, struct batch *batch, bool is_last_look,
                                   uint64_t *newest, struct fb_error *error)
{
    enum fb_status status = ask(verify, batch, error);

    if (status == FB_OK)
        status = fb_verify_catch_up(verify, *newest, newest, error);
    for (size_t i = 0; status == FB_OK && i < batch->count; i++) {
        struct asked *asked = &batch->asked[i];
        bool is_settled = false;

        status = judge(verify, asked, is_last_look, &is_settled, error);
        if (status == FB_OK && is_settled)
            status = fb_ledger_drop(verify->ledger, asked->bytes, asked->key_size, error);
    }
    return status;
}

enum fb_status fb_verify_settle(struct fb_verify *verify, uint64_t newest, struct fb_error *error)
{
    struct batch *batch = calloc(1, sizeof *batch);
    struct fb_buffer after;
    enum fb_status status = FB_OK;

    if (batch == NULL)
        return fb_fail(error, FB_NO_MEMORY, "out of memory");
    fb_buffer_init(&after, FB_CANONICAL_KEY_MAX);
    for (unsigned look = 1; look <= LOOKS_MAX && status == FB_OK; look++) {
        fb_buffer_reset(&after);
        do {
            empty(batch);
            status = fill(verify, true, &after, batch, error);
            if (status == FB_OK && batch->count > 0)
                status = settle_batch(verify, batch, look == LOOKS_MAX, &newest, error);
        } while (status == FB_OK && batch->count > 0);
    }
    free_batch(batch);
    fb_buffer_done(&after);
    return status;
}
