/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "firebridge/pipeline/dead_letters.h"

/* 2026-11-22T10:00:00Z */
#define NOW_MS INT64_C(1795341600000)

static char directory[64];
static struct fb_clock_virtual now;
static struct fb_state_object object = {.key = "a/\xf0\x9f\x94\xa5\n\"b\"", .etag = "e1"};

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/firebridge-test-XXXXXX");
    fb_clock_virtual_init(&now, NOW_MS);
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int remove_directory(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command); /* NOLINT(cert-env33-c): a name made above */
}

static struct fb_dead_letters *open_letters(uint64_t max_letters, uint64_t in_records,
                                            bool accept_all)
{
    struct fb_letter_files_options files = {.root = directory, .stream = "s", .clock = &now.clock};
    struct fb_dead_letters_options options = {
        .stream = "s",
        .bucket = "b",
        .clock = &now.clock,
        .max_letters = max_letters,
        .in_records = in_records,
        .accept_all = accept_all,
    };
    struct fb_dead_letters *letters = NULL;

    assert_int_equal(fb_letter_files_new(&files, &options.sink, NULL), FB_OK);
    assert_int_equal(fb_dead_letters_open(&options, &letters, NULL), FB_OK);
    return letters;
}

static enum fb_status add_of(struct fb_dead_letters *letters, uint64_t ordinal,
                             enum fb_operation operation)
{
    struct fb_dead_letter letter = {
        .object = &object,
        .record_number = ordinal,
        .offset_bytes = ordinal * 10,
        .size_bytes = 5,
        .operation = operation,
        .reason = "key-missing",
        .message = "no \"id\"",
        .text = "{\"\0\"}",
        .text_size = 5,
        .ordinal = ordinal,
    };

    return fb_dead_letters_add(letters, &letter, NULL);
}

static enum fb_status add(struct fb_dead_letters *letters, uint64_t ordinal)
{
    return add_of(letters, ordinal, FB_PUT);
}

static FILE *open_file(const char *day, const char *mode)
{
    char path[128];

    snprintf(path, sizeof path, "%s/s/dead-letters-%s.jsonl", directory, day);
    return fopen(path, mode);
}

static size_t count_lines(const char *day, size_t *ret_parsed)
{
    FILE *file = open_file(day, "r");
    char line[4096];
    size_t lines = 0;

    assert_non_null(file);
    *ret_parsed = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        json_t *value = json_loads(line, JSON_ALLOW_NUL, NULL);

        lines++;
        if (value != NULL)
            (*ret_parsed)++;
        json_decref(value);
    }
    fclose(file);
    return lines;
}

static void a_letter_names_its_record_and_keeps_its_bytes(void **state)
{
    struct fb_dead_letters *letters = open_letters(10, 100, false);
    FILE *file;
    json_t *line;
    const char *key, *etag, *bytes, *reason;
    json_int_t record, offset, size;

    (void)state;
    assert_int_equal(add(letters, 7), FB_OK);
    assert_int_equal(fb_dead_letters_sync(letters, true, NULL), FB_OK);
    fb_dead_letters_close(letters);
    file = open_file("20261122", "r");
    assert_non_null(file);
    line = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
    fclose(file);
    assert_int_equal(json_unpack(line, "{s:{s:s,s:s,s:I},s:I,s:I,s:s,s:s}", "id", "key", &key,
                                 "etag", &etag, "record", &record, "offset", &offset, "size", &size,
                                 "bytes", &bytes, "reason", &reason),
                     0);
    assert_string_equal(key, object.key);
    assert_string_equal(etag, "e1");
    assert_int_equal(record, 7);
    assert_int_equal(offset, 70);
    assert_int_equal(size, 5);
    assert_string_equal(bytes, "eyIAIn0=");
    assert_string_equal(reason, "key-missing");
    json_decref(line);
}

static void the_letter_of_a_delete_says_so_and_no_other(void **state)
{
    static const struct {
        enum fb_operation operation;
        const char *word;
    } cases[] = {{FB_DELETE, "delete"}, {FB_PUT, NULL}};
    struct fb_dead_letters *letters = open_letters(10, 100, false);
    FILE *file;

    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(add_of(letters, i, cases[i].operation), FB_OK);
    fb_dead_letters_close(letters);
    file = open_file("20261122", "r");
    assert_non_null(file);
    for (size_t i = 0; i < 2; i++) {
        json_t *line = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
        const char *word = json_string_value(json_object_get(line, "operation"));

        assert_string_equal(json_string_value(json_object_get(line, "reason")), "key-missing");
        assert_true(word == NULL ? cases[i].word == NULL
                                 : cases[i].word != NULL && strcmp(word, cases[i].word) == 0);
        json_decref(line);
    }
    fclose(file);
}

static void a_torn_last_line_is_closed_at_start(void **state)
{
    struct fb_dead_letters *letters = open_letters(10, 100, false);
    FILE *file;
    size_t parsed;

    (void)state;
    assert_int_equal(add(letters, 1), FB_OK);
    fb_dead_letters_close(letters);
    file = open_file("20261122", "a");
    fputs("{\"id\":{\"key\":\"to", file);
    fclose(file);
    letters = open_letters(10, 100, false);
    assert_int_equal(add(letters, 2), FB_OK);
    fb_dead_letters_close(letters);
    assert_int_equal(count_lines("20261122", &parsed), 3);
    assert_int_equal(parsed, 2);
}

static void each_day_has_its_file(void **state)
{
    struct fb_dead_letters *letters = open_letters(10, 100, false);
    size_t parsed;

    (void)state;
    assert_int_equal(add(letters, 1), FB_OK);
    fb_sleep_ms(&now.clock, NULL, FB_STOP_NOW, INT64_C(86400000));
    assert_int_equal(add(letters, 2), FB_OK);
    fb_dead_letters_close(letters);
    assert_int_equal(count_lines("20261122", &parsed), 1);
    assert_int_equal(count_lines("20261123", &parsed), 1);
}

static void too_many_in_the_window_stop_the_stream(void **state)
{
    struct fb_dead_letters *letters = open_letters(3, 10, false);

    (void)state;
    assert_int_equal(add(letters, 0), FB_OK);
    assert_int_equal(add(letters, 5), FB_OK);
    assert_int_equal(add(letters, 9), FB_CONFLICT);
    assert_int_equal(fb_dead_letters_count(letters), 2);
    fb_dead_letters_close(letters);
}

static void as_many_over_a_longer_run_do_not(void **state)
{
    struct fb_dead_letters *letters = open_letters(3, 10, false);

    (void)state;
    for (uint64_t ordinal = 0; ordinal < 100; ordinal += 5)
        assert_int_equal(add(letters, ordinal), FB_OK);
    assert_int_equal(add(letters, 96), FB_CONFLICT);
    fb_dead_letters_close(letters);
}

static void one_alone_may_be_too_many(void **state)
{
    struct fb_dead_letters *letters = open_letters(1, 10, false);

    (void)state;
    assert_int_equal(add(letters, 50), FB_CONFLICT);
    fb_dead_letters_close(letters);
}

static void accepted_letters_never_stop_it(void **state)
{
    struct fb_dead_letters *letters = open_letters(2, 10, true);

    (void)state;
    for (uint64_t ordinal = 0; ordinal < 100; ordinal++)
        assert_int_equal(add(letters, ordinal), FB_OK);
    assert_true(fb_dead_letters_undecided(letters, 100) == UINT64_MAX);
    fb_dead_letters_close(letters);
}

static void a_letter_is_undecided_until_the_window_has_passed(void **state)
{
    struct fb_dead_letters *letters = open_letters(3, 10, false);

    (void)state;
    assert_true(fb_dead_letters_undecided(letters, 0) == UINT64_MAX);
    assert_int_equal(add(letters, 4), FB_OK);
    assert_int_equal(fb_dead_letters_undecided(letters, 5), 4);
    assert_int_equal(fb_dead_letters_undecided(letters, 13), 4);
    assert_true(fb_dead_letters_undecided(letters, 14) == UINT64_MAX);
    fb_dead_letters_close(letters);
}

/* A sink whose sync takes until the frontier has asked. */
static struct slow {
    struct fb_letter_sink sink; /* first */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool syncs, has_asked, was_kept_waiting;
} slow = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static enum fb_status add_slow(struct fb_letter_sink *sink, const struct fb_dead_letter *letter,
                               const char *line, size_t size, struct fb_error *error)
{
    (void)sink;
    (void)letter;
    (void)line;
    (void)size;
    (void)error;
    return FB_OK;
}

static enum fb_status sync_slow(struct fb_letter_sink *sink, struct fb_error *error)
{
    struct timespec until;

    (void)sink;
    (void)error;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&slow.lock);
    slow.syncs = true;
    pthread_cond_broadcast(&slow.changed);
    while (!slow.has_asked && !slow.was_kept_waiting)
        slow.was_kept_waiting =
            pthread_cond_timedwait(&slow.changed, &slow.lock, &until) == ETIMEDOUT;
    pthread_mutex_unlock(&slow.lock);
    return FB_OK;
}

static bool is_due(struct fb_letter_sink *sink)
{
    (void)sink;
    return true;
}

static void free_nothing(struct fb_letter_sink *sink)
{
    (void)sink;
}

static void *sync_letters(void *letters)
{
    return fb_dead_letters_sync(letters, true, NULL) == FB_OK ? letters : NULL;
}

static void the_frontier_waits_for_no_put(void **state)
{
    const struct fb_dead_letters_options options = {
        .sink = &slow.sink, .stream = "s", .bucket = "b", .clock = &now.clock, .accept_all = true};
    struct fb_dead_letters *letters = NULL;
    pthread_t thread;
    void *synced = NULL;

    (void)state;
    slow.sink = (struct fb_letter_sink){
        .add = add_slow, .sync = sync_slow, .is_due = is_due, .free = free_nothing};
    assert_int_equal(fb_dead_letters_open(&options, &letters, NULL), FB_OK);
    assert_int_equal(add(letters, 7), FB_OK);
    assert_int_equal(pthread_create(&thread, NULL, sync_letters, letters), 0);
    pthread_mutex_lock(&slow.lock);
    while (!slow.syncs)
        pthread_cond_wait(&slow.changed, &slow.lock);
    pthread_mutex_unlock(&slow.lock);
    assert_int_equal(fb_dead_letters_undecided(letters, UINT64_MAX), 7);
    pthread_mutex_lock(&slow.lock);
    slow.has_asked = true;
    pthread_cond_broadcast(&slow.changed);
    pthread_mutex_unlock(&slow.lock);
    assert_int_equal(pthread_join(thread, &synced), 0);
    assert_ptr_equal(synced, letters);
    assert_false(slow.was_kept_waiting);
    assert_true(fb_dead_letters_undecided(letters, UINT64_MAX) == UINT64_MAX);
    fb_dead_letters_close(letters);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_letter_names_its_record_and_keeps_its_bytes),
        CASE(the_letter_of_a_delete_says_so_and_no_other),
        CASE(a_torn_last_line_is_closed_at_start),
        CASE(each_day_has_its_file),
        CASE(too_many_in_the_window_stop_the_stream),
        CASE(as_many_over_a_longer_run_do_not),
        CASE(one_alone_may_be_too_many),
        CASE(accepted_letters_never_stop_it),
        CASE(a_letter_is_undecided_until_the_window_has_passed),
        CASE(the_frontier_waits_for_no_put),
    };

    return cmocka_run_group_tests_name("pipeline/dead_letters", tests, NULL, NULL);
}
