/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Additions against a table in memory that forgets to answer, answers late, conflicts and refuses,
 * by an outlet that is left in the middle again and again: each record counts once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "firebridge/base/backoff.h"
#include "firebridge/base/log.h"
#include "firebridge/pipeline/outlet.h"

#define KEYS    250
#define MARKERS 4000
#define LATE    4

static const struct fb_key_schema schema = {
    .attributes = {{.name = "id", .name_size = 2, .type = FB_KEY_STRING}}, .count = 1};

/* ---- the table ---- */

static struct {
    long sums[KEYS];
    struct {
        char key[64];
        char end[32];
    } markers[MARKERS];
    size_t marker_count;
    char *late[LATE]; /* transactions under way, which may yet be carried out */
    int refused_key;  /* -1: none */
    bool names_it;    /* which action it is */
    struct fb_random random;
    unsigned fault_one_in; /* 0: none */
    unsigned calls, looks;
} table;

static bool chance(unsigned one_in)
{
    return one_in > 0 && fb_random_next(&table.random) % one_in == 0;
}

static const char *text_at(const json_t *object, const char *path)
{
    char name[64];

    while (strchr(path, '/') != NULL) {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(path, "/"), path);
        object = json_object_get(object, name);
        path = strchr(path, '/') + 1;
    }
    return json_string_value(json_object_get(object, path));
}

static const char *find_marker(const char *key)
{
    for (size_t i = 0; i < table.marker_count; i++)
        if (strcmp(table.markers[i].key, key) == 0)
            return table.markers[i].end;
    return NULL;
}

static int key_in(const json_t *update)
{
    return atoi(text_at(update, "Update/Key/id/S") + 1);
}

static enum fb_status fail_with(struct fb_error *error, enum fb_status status, const char *code)
{
    fb_fail(error, status, "%s", code);
    snprintf(error->code, sizeof error->code, "%s", code);
    error->http_status = 400;
    return status;
}

/* FB_CHANGED when the marker is there; else all is written. */
static enum fb_status carry_out(const json_t *actions)
{
    const json_t *marker = json_array_get(actions, 0);
    const char *key = text_at(marker, "Put/Item/id/S");
    size_t i;
    json_t *action;

    assert_string_equal(text_at(marker, "Put/ConditionExpression"), "attribute_not_exists(#key)");
    if (find_marker(key) != NULL)
        return FB_CHANGED;
    assert_in_range(table.marker_count, 0, MARKERS - 1);
    snprintf(table.markers[table.marker_count].key, 64, "%s", key);
    snprintf(table.markers[table.marker_count++].end, 32, "%s",
             text_at(marker, "Put/Item/firebridge/S"));
    json_array_foreach(actions, i, action)
    {
        if (i > 0)
            table.sums[key_in(action)] +=
                atol(text_at(action, "Update/ExpressionAttributeValues/:1/N"));
    }
    return FB_OK;
}

static void carry_out_late(void)
{
    char **late = &table.late[fb_random_next(&table.random) % LATE];
    json_t *actions = *late == NULL ? NULL : json_loads(*late, 0, NULL);

    if (actions != NULL)
        (void)carry_out(actions);
    json_decref(actions);
    free(*late);
    *late = NULL;
}

static bool refuses(const json_t *actions, struct fb_transact_action *sent)
{
    size_t i;
    json_t *action;
    bool is_refused = false;

    json_array_foreach(actions, i, action)
    {
        if (i == 0 || key_in(action) != table.refused_key)
            continue;
        is_refused = true;
        sent[i].is_refused = table.names_it;
    }
    return is_refused;
}

static json_t *load(const struct fb_transact_action *actions, size_t count)
{
    json_t *list = json_array();

    assert_in_range(count, 2, FB_TRANSACT_MAX_ACTIONS);
    for (size_t i = 0; i < count; i++) {
        json_t *action = json_loadb(actions[i].text, actions[i].size, 0, NULL);

        assert_non_null(action);
        json_array_append_new(list, action);
    }
    return list;
}

static enum fb_status transact_fake(struct fb_client *client, const char *name,
                                    struct fb_transact_action *actions, size_t count,
                                    struct fb_error *error)
{
    json_t *list = load(actions, count);
    enum fb_status status;

    (void)client;
    assert_string_equal(name, "t");
    table.calls++;
    for (size_t i = 0; i < count; i++)
        actions[i].is_refused = false;
    if (chance(3))
        carry_out_late();
    if (chance(table.fault_one_in)) {
        status = fail_with(error, FB_UNAVAILABLE, "TransactionConflictException");
    } else if (refuses(list, actions)) {
        status = fail_with(error, FB_INVALID, "ValidationException");
    } else if (chance(table.fault_one_in)) {
        char **late = &table.late[fb_random_next(&table.random) % LATE];

        free(*late);
        *late = json_dumps(list, 0);
        status = fb_fail(error, FB_UNAVAILABLE, "time-out");
    } else {
        status = carry_out(list);
        if (status == FB_CHANGED)
            fail_with(error, FB_CHANGED, "ConditionalCheckFailedException");
        else if (chance(table.fault_one_in))
            status = fb_fail(error, FB_UNAVAILABLE, "connection reset");
    }
    json_decref(list);
    return status;
}

static enum fb_status get_fake(struct fb_client *client, const char *name, const char *key,
                               size_t key_size, json_t **ret_item, struct fb_error *error)
{
    json_t *read = json_loadb(key, key_size, 0, NULL);
    const char *end;

    (void)client;
    assert_string_equal(name, "t");
    assert_non_null(read);
    table.looks++;
    end = find_marker(text_at(read, "id/S"));
    json_decref(read);
    if (chance(table.fault_one_in))
        return fb_fail(error, FB_UNAVAILABLE, "connection reset");
    *ret_item = end == NULL ? NULL : json_pack("{s:{s:s}}", "firebridge", "S", end);
    return FB_OK;
}

/* ---- dead letters, on a disk that is full at times ---- */

struct letters_fake {
    struct fb_letter_sink sink;
    struct fb_letter_sink *files;
    unsigned failing_syncs; /* to come */
};

static enum fb_status add_letter(struct fb_letter_sink *sink, const struct fb_dead_letter *letter,
                                 const char *line, size_t size, struct fb_error *error)
{
    struct fb_letter_sink *files = ((struct letters_fake *)sink)->files;

    return files->add(files, letter, line, size, error);
}

static enum fb_status sync_letters(struct fb_letter_sink *sink, struct fb_error *error)
{
    struct letters_fake *fake = (struct letters_fake *)sink;

    if (fake->failing_syncs == 0)
        return fake->files->sync(fake->files, error);
    fake->failing_syncs--;
    return fail_with(error, FB_IO, "ENOSPC");
}

static void free_letters(struct fb_letter_sink *sink)
{
    fb_letter_sink_free(((struct letters_fake *)sink)->files);
}

static struct letters_fake letters_fake = {
    .sink = {.add = add_letter, .sync = sync_letters, .free = free_letters}};

/* ---- the stream around ---- */

#define RECORDS 3000

static int keys_of[RECORDS], values_of[RECORDS]; /* of each record; a key below 0: a dead one */
/* Where a jq program makes several of one: which record each is of, and which of its outputs. */
static unsigned record_of[RECORDS + 1], output_of[RECORDS];
static struct fb_clock_virtual virtual_clock;
static struct fb_mapping *mapping;
static struct fb_dead_letters *letters;
static struct fb_progress *progress;
static struct fb_lane_counters counters;
static atomic_uint_fast64_t ordinals;
static struct fb_stop stop;
static struct fb_outlet *outlet;
static struct fb_budget *budget;    /* NULL: no limit */
static struct fb_frontier frontier; /* as a state file would have it */
static char directory[64];

static uint64_t hold_nothing(void *context, uint64_t resolved_ordinal)
{
    (void)context;
    (void)resolved_ordinal;
    return UINT64_MAX;
}

static void open_outlet(size_t max_bytes)
{
    const struct fb_outlet_options options = {
        .progress = progress,
        .letters = letters,
        .ordinals = &ordinals,
        .patience = {.clock = &virtual_clock.clock, .stop = &stop, .stop_at = FB_STOP_NOW},
        .clock = &virtual_clock.clock,
        .stop = &stop,
    };
    const struct fb_adding_options adding = {
        .table = "t",
        .schema = &schema,
        .mapping = mapping,
        .markers = {.stream = "s",
                    .bucket = "b",
                    .table = "t",
                    .schema = &schema,
                    .ttl_attribute = "ttl",
                    .ttl_ms = 1000},
        .max_bytes = max_bytes,
        .calls = {transact_fake, get_fake},
        .patience = options.patience,
        .counters = &counters,
        .budget = budget,
    };

    assert_int_equal(fb_progress_new(true, &progress, NULL), FB_OK);
    ((struct fb_outlet_options *)(uintptr_t)&options)->progress = progress;
    assert_int_equal(fb_outlet_new_adding(&options, &adding, &outlet, NULL), FB_OK);
}

static void close_outlet(void)
{
    fb_outlet_free(outlet);
    fb_progress_free(progress);
}

/* What a checkpoint would say now. */
static void note_frontier(void)
{
    struct fb_progress_view view;

    assert_int_equal(fb_progress_view(progress, hold_nothing, NULL, &view), FB_OK);
    if (view.checkpoint.object_count > 0)
        frontier = view.checkpoint.objects[0].frontier;
}

static struct fb_error begin_error;

static enum fb_status begin(bool is_state_lost)
{
    struct fb_state_object object = {.id = 1,
                                     .sequence = 1,
                                     .key = strdup("k"),
                                     .etag = strdup("e"),
                                     .frontier =
                                         is_state_lost ? (struct fb_frontier){0} : frontier};

    return fb_outlet_begin(outlet, &object, &begin_error);
}

static enum fb_status give(unsigned number, struct fb_error *error)
{
    char item[128], key[32];
    struct fb_record record = {
        .number = record_of[number],
        .is_followed = record_of[number + 1] == record_of[number],
        .offset_bytes = record_of[number] / 3 * 10, /* three begin at one byte */
        .part = record_of[number] % 3,
        .output = output_of[number],
        .text = "{}",
        .text_size = 2,
        .size_bytes = 2,
        .operation = FB_ADD,
        .reason = keys_of[number] < 0 ? FB_DEAD_MALFORMED : FB_DEAD_NONE,
        .item = item,
        .key = key,
        .key_hash = (uint64_t)keys_of[number] * 77,
    };

    if (fb_outlet_has_done(outlet, &record))
        return FB_OK;
    record.item_size =
        (size_t)snprintf(item, sizeof item, "{\"id\":{\"S\":\"k%d\"},\"n\":{\"N\":\"%d\"}}",
                         keys_of[number], values_of[number]);
    record.key_size = 3 + (size_t)snprintf(key + 3, sizeof key - 3, "k%d", keys_of[number]);
    memcpy(key, "S\0\1", 3);
    return outlet->functions->take(outlet, &record, error);
}

static void make_records(void)
{
    for (unsigned i = 0; i < RECORDS; i++) {
        keys_of[i] = fb_random_next(&table.random) % 2 == 0
                         ? (int)(fb_random_next(&table.random) % 5)
                         : (int)(fb_random_next(&table.random) % KEYS);
        values_of[i] = (int)(fb_random_next(&table.random) % 2001) - 1000;
        if (fb_random_next(&table.random) % 40 == 0)
            keys_of[i] = -1;
    }
}

/* Of each record come up to `most` of them. */
static void make_outputs(unsigned most)
{
    unsigned record = 0, outputs = 1 + (unsigned)(fb_random_next(&table.random) % most);

    for (unsigned i = 0; i <= RECORDS; i++, outputs--) {
        if (outputs == 0) {
            record++;
            outputs = 1 + (unsigned)(fb_random_next(&table.random) % most);
        }
        record_of[i] = record;
        if (i < RECORDS)
            output_of[i] = i > 0 && record_of[i - 1] == record ? output_of[i - 1] + 1 : 0;
    }
    record_of[RECORDS] = record + 1;
}

static void expect_sums(void)
{
    long expected[KEYS] = {0};

    for (unsigned i = 0; i < RECORDS; i++)
        if (keys_of[i] >= 0 && keys_of[i] != table.refused_key)
            expected[keys_of[i]] += values_of[i];
    for (unsigned k = 0; k < KEYS; k++)
        if (table.sums[k] != expected[k])
            fail_msg("k%u is %ld, not %ld", k, table.sums[k], expected[k]);
}

static int set_up(void **state)
{
    static const struct fb_map_assignment items[] = {{"id", "{id}", false}, {"n", "{n}", true}};
    const struct fb_mapping_options mapped = {.items = items, .item_count = 2, .write = "add"};
    struct fb_letter_files_options files = {
        .root = directory, .stream = "s", .clock = &virtual_clock.clock};
    struct fb_dead_letters_options options = {.sink = &letters_fake.sink,
                                              .stream = "s",
                                              .bucket = "b",
                                              .clock = &virtual_clock.clock,
                                              .accept_all = true};

    (void)state;
    for (size_t i = 0; i < LATE; i++)
        free(table.late[i]);
    memset(&table, 0, sizeof table);
    memset(&counters, 0, sizeof counters);
    table.refused_key = -1;
    fb_random_init(&table.random, 3);
    fb_clock_virtual_init(&virtual_clock, INT64_C(1795341600000));
    fb_stop_init(&stop, NULL);
    fb_log_set_level(FB_LOG_ERROR);
    frontier = (struct fb_frontier){0};
    make_records();
    make_outputs(1);
    snprintf(directory, sizeof directory, "/tmp/firebridge-test-XXXXXX");
    return mkdtemp(directory) != NULL && fb_mapping_new(&mapped, 1, &mapping, NULL) == FB_OK &&
                   fb_letter_files_new(&files, &letters_fake.files, NULL) == FB_OK &&
                   fb_dead_letters_open(&options, &letters, NULL) == FB_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    for (size_t i = 0; i < LATE; i++) {
        free(table.late[i]);
        table.late[i] = NULL;
    }
    fb_dead_letters_close(letters);
    fb_mapping_free(mapping);
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command); /* NOLINT(cert-env33-c): a name made above */
}

/* To the end; or, when it is killed, to a moment that nobody chose. */
static bool work(bool is_killed, bool is_state_lost)
{
    unsigned stop_at = is_killed ? (unsigned)(fb_random_next(&table.random) % RECORDS) : RECORDS;
    struct fb_error error = {0};
    bool is_done = false;

    open_outlet((size_t)65536 << fb_random_next(&table.random) % 4);
    assert_int_equal(begin(is_state_lost), FB_OK);
    for (unsigned i = 0; i < stop_at; i++) {
        if (give(i, &error) != FB_OK)
            fail_msg("%s", error.message);
        if (i % 100 == 0)
            note_frontier();
    }
    if (stop_at == RECORDS) {
        assert_int_equal(outlet->functions->finish(outlet, &error), FB_OK);
        is_done = true;
    } else {
        outlet->functions->leave(outlet);
    }
    note_frontier();
    close_outlet();
    return is_done;
}

static void each_record_counts_once(void **state)
{
    (void)state;
    assert_true(work(false, false));
    expect_sums();
    assert_true(table.calls > 10);
    assert_int_equal(atomic_load(&counters.items_rejected), 0);
}

static void each_record_counts_once_under_every_fault_and_kill(void **state)
{
    unsigned kills = 0;

    (void)state;
    table.fault_one_in = 6;
    for (; kills < 60; kills++)
        (void)work(true, chance(3));
    assert_true(work(false, chance(2)));
    expect_sums();
    /* And again, with nothing but the table to know by. */
    assert_true(work(false, true));
    expect_sums();
}

/* More of a record than fit into a transaction, too. */
static void each_output_of_a_record_counts_once_under_every_fault_and_kill(void **state)
{
    static const unsigned most[] = {3, 40, 400};

    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        if (i > 0) {
            assert_int_equal(tear_down(state), 0);
            assert_int_equal(set_up(state), 0);
        }
        make_outputs(most[i]);
        table.fault_one_in = 6;
        table.refused_key = 2;
        for (unsigned kills = 0; kills < 40; kills++) {
            table.names_it = chance(2);
            (void)work(true, chance(3));
        }
        assert_true(work(false, chance(2)));
        expect_sums();
        assert_true(work(false, true));
        expect_sums();
    }
}

static void a_run_ends_between_records_where_it_can(void **state)
{
    (void)state;
    make_outputs(40);
    assert_true(work(false, false));
    expect_sums();
    assert_true(table.marker_count > 10);
    for (size_t i = 0; i < table.marker_count; i++) {
        const char *end = table.markers[i].end;

        assert_ptr_equal(strchr(end, '.'), strrchr(end, '.'));
    }
}

/* Of the first record's two outputs one is added; then the object is read with no program. */
static void what_another_program_has_begun_stops_the_outlet(void **state)
{
    struct fb_state_object taken_off = {
        .id = 1, .sequence = 1, .key = strdup("k"), .etag = strdup("e"), .is_skipped = true};

    (void)state;
    snprintf(table.markers[0].key, 64, "firebridge|s|s3://b/k|e|0.0");
    snprintf(table.markers[0].end, 32, "0.0.1.1234abcd");
    table.marker_count = 1;
    open_outlet(65536);
    assert_int_equal(begin(false), FB_CONFLICT);
    assert_non_null(strstr(begin_error.message, "transform_jq"));
    assert_int_equal(fb_outlet_begin(outlet, &taken_off, &begin_error), FB_OK);
    /* Who had it to the end leaves nothing to ask. */
    snprintf(table.markers[1].key, 64, "firebridge|s|s3://b/k|e|0.0.1.1234abcd");
    snprintf(table.markers[1].end, 32, "0.1");
    table.marker_count = 2;
    assert_int_equal(begin(false), FB_OK);
    assert_int_equal(outlet->next.part, 1);
    assert_int_equal(outlet->output, 0);
    close_outlet();
}

static void no_more_is_consumed_than_the_stream_may(void **state)
{
    struct fb_budget of_stream;
    int64_t actions;

    (void)state;
    fb_budget_init(&of_stream, 100);
    budget = &of_stream;
    assert_true(work(false, false));
    budget = NULL;
    fb_budget_done(&of_stream);
    expect_sums();
    /* Each writes an item of less than a KB, for two units; the last call may be in debt. */
    actions = (int64_t)(atomic_load(&counters.items_written) + table.marker_count);
    assert_true(actions > 1000);
    assert_in_range(virtual_clock.slept_ms, (2 * actions - 2 * FB_TRANSACT_MAX_ACTIONS) * 10 - 1000,
                    2 * actions * 10);
}

static void what_is_done_is_found_with_a_look_at_each_marker(void **state)
{
    unsigned runs;

    (void)state;
    assert_true(work(false, false));
    runs = (unsigned)table.marker_count;
    table.calls = 0;
    table.looks = 0;
    assert_true(work(false, true));
    assert_int_equal(table.calls, 0);
    assert_int_equal(table.looks, runs + 1);
    /* The state file saves most of the looks. */
    table.looks = 0;
    assert_true(work(false, false));
    assert_int_equal(table.looks, 1);
}

static void refused_records_are_dead_letters_and_the_others_count(void **state)
{
    unsigned refused = 0;

    (void)state;
    table.refused_key = 2;
    for (unsigned i = 0; i < RECORDS; i++)
        refused += keys_of[i] == 2;
    assert_true(work(false, false));
    expect_sums();
    assert_int_equal(atomic_load(&counters.items_rejected), refused);
}

static void a_refused_record_that_is_named_costs_two_calls(void **state)
{
    (void)state;
    table.names_it = true;
    table.refused_key = 240;
    for (unsigned i = 0; i < RECORDS; i++)
        if (keys_of[i] == 240)
            keys_of[i] = 241;
    keys_of[1500] = 240;
    assert_true(work(false, false));
    expect_sums();
    assert_int_equal(atomic_load(&counters.items_rejected), 1);
    assert_int_equal(table.calls, table.marker_count + 1);
}

static void refused_records_under_faults_and_kills_are_never_counted(void **state)
{
    (void)state;
    table.fault_one_in = 8;
    table.refused_key = 2;
    for (unsigned kills = 0; kills < 20; kills++) {
        table.names_it = chance(2);
        (void)work(true, chance(3));
    }
    assert_true(work(false, false));
    expect_sums();
}

/* Who finds something else under a marker's key must not go on. */
static void an_item_that_is_no_marker_stops_the_outlet(void **state)
{
    (void)state;
    snprintf(table.markers[0].key, 64, "firebridge|s|s3://b/k|e|0.0");
    snprintf(table.markers[0].end, 32, "nothing");
    table.marker_count = 1;
    open_outlet(65536);
    assert_int_equal(begin(false), FB_CONFLICT);
    /* Nor who finds one that leads nowhere. */
    snprintf(table.markers[0].end, 32, "0.0");
    assert_int_equal(begin(false), FB_CONFLICT);
    close_outlet();
}

/* A later hiccup is then not taken for a part of this one. */
static void letters_that_are_kept_again_make_the_stream_well(void **state)
{
    struct fb_error error = {0};

    (void)state;
    letters_fake.failing_syncs = 7;
    open_outlet(65536);
    assert_int_equal(begin(false), FB_OK);
    keys_of[0] = -1;
    keys_of[1] = 1;
    assert_int_equal(give(0, &error), FB_OK);
    assert_int_equal(give(1, &error), FB_OK);
    assert_int_equal(outlet->functions->finish(outlet, &error), FB_OK);
    assert_int_equal(letters_fake.failing_syncs, 0);
    assert_false(outlet->patience.unhealthy);
    assert_int_equal(outlet->patience.failing_since_ms, 0);
    close_outlet();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_record_counts_once),
        CASE(each_record_counts_once_under_every_fault_and_kill),
        CASE(each_output_of_a_record_counts_once_under_every_fault_and_kill),
        CASE(a_run_ends_between_records_where_it_can),
        CASE(what_another_program_has_begun_stops_the_outlet),
        CASE(no_more_is_consumed_than_the_stream_may),
        CASE(what_is_done_is_found_with_a_look_at_each_marker),
        CASE(refused_records_are_dead_letters_and_the_others_count),
        CASE(a_refused_record_that_is_named_costs_two_calls),
        CASE(refused_records_under_faults_and_kills_are_never_counted),
        CASE(an_item_that_is_no_marker_stops_the_outlet),
        CASE(letters_that_are_kept_again_make_the_stream_well),
    };

    return cmocka_run_group_tests_name("pipeline/outlet_adding", tests, NULL, NULL);
}
