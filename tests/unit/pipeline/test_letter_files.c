/* SPDX-License-Identifier: Apache-2.0 */
/* Dead letters as files: closed when large, bounded together, shared with whoever redrives them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "firebridge/pipeline/letter_sink.h"

/* 2026-11-22T10:00:00Z */
#define NOW_MS INT64_C(1795341600000)

#define LINE_BYTES 100

static char directory[64];
static struct fb_clock_virtual now;
static struct fb_error error;
static bool refuses_truncation;

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

static struct fb_letter_sink *open_files(uint64_t max_file_bytes, uint64_t max_bytes)
{
    const struct fb_letter_files_options options = {.root = directory,
                                                    .stream = "s",
                                                    .clock = &now.clock,
                                                    .max_file_bytes = max_file_bytes,
                                                    .max_bytes = max_bytes};
    struct fb_letter_sink *sink = NULL;

    assert_int_equal(fb_letter_files_new(&options, &sink, NULL), FB_OK);
    return sink;
}

static enum fb_status add(struct fb_letter_sink *sink)
{
    char line[LINE_BYTES + 1];

    memset(line, 'x', LINE_BYTES - 1);
    line[LINE_BYTES - 1] = '\n';
    return sink->add(sink, NULL, line, LINE_BYTES, &error);
}

static const char *path_of(const char *name)
{
    static char path[160];

    snprintf(path, sizeof path, "%s/s/%s", directory, name);
    return path;
}

/* -1: there is no such file. */
static long size_of(const char *name)
{
    struct stat status;

    return stat(path_of(name), &status) == 0 ? (long)status.st_size : -1;
}

static void a_file_that_would_grow_too_large_is_closed(void **state)
{
    struct fb_letter_sink *sink = open_files(250, 0);

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(add(sink), FB_OK);
    assert_int_equal(size_of("dead-letters-20261122.0001.jsonl"), 200);
    assert_int_equal(size_of("dead-letters-20261122.0002.jsonl"), 200);
    assert_int_equal(size_of("dead-letters-20261122.jsonl"), 100);
    assert_int_equal(sink->sync(sink, NULL), FB_OK);
    fb_letter_sink_free(sink);
}

static void a_letter_larger_than_a_file_has_one_of_its_own(void **state)
{
    struct fb_letter_sink *sink = open_files(50, 0);

    (void)state;
    assert_int_equal(add(sink), FB_OK);
    assert_int_equal(add(sink), FB_OK);
    assert_int_equal(size_of("dead-letters-20261122.0001.jsonl"), 100);
    assert_int_equal(size_of("dead-letters-20261122.jsonl"), 100);
    fb_letter_sink_free(sink);
}

static void numbers_go_on_behind_the_last(void **state)
{
    struct fb_letter_sink *sink = open_files(150, 0);
    FILE *file;

    (void)state;
    assert_int_equal(add(sink), FB_OK);
    file = fopen(path_of("dead-letters-20261122.9999.jsonl"), "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(add(sink), FB_OK);
    assert_int_equal(size_of("dead-letters-20261122.10000.jsonl"), 100);
    fb_letter_sink_free(sink);
}

static void a_full_folder_takes_no_letter_until_there_is_room(void **state)
{
    struct fb_letter_sink *sink = open_files(150, 350);

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(add(sink), FB_OK);
    assert_int_equal(add(sink), FB_IO);
    assert_non_null(strstr(error.message, "holds 300 bytes"));
    assert_non_null(strstr(error.message, "max_dead_letters_size is 350"));
    assert_int_equal(add(sink), FB_IO);
    assert_int_equal(unlink(path_of("dead-letters-20261122.0001.jsonl")), 0);
    assert_int_equal(add(sink), FB_OK);
    assert_int_equal(add(sink), FB_IO);
    fb_letter_sink_free(sink);
}

static void what_was_there_at_start_counts(void **state)
{
    struct fb_letter_sink *sink = open_files(0, 0);

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(add(sink), FB_OK);
    fb_letter_sink_free(sink);
    sink = open_files(0, 350);
    assert_int_equal(add(sink), FB_IO);
    fb_letter_sink_free(sink);
}

static void a_letter_larger_than_the_bound_is_kept_where_there_is_no_other(void **state)
{
    struct fb_letter_sink *sink = open_files(0, 50);

    (void)state;
    assert_int_equal(add(sink), FB_OK);
    assert_int_equal(add(sink), FB_IO);
    fb_letter_sink_free(sink);
}

/* As `redrive` does. */
static void a_file_that_was_closed_by_another_is_not_written_to(void **state)
{
    struct fb_letter_sink *sink = open_files(0, 0);
    char closed[160];

    (void)state;
    assert_int_equal(add(sink), FB_OK);
    snprintf(closed, sizeof closed, "%s", path_of("dead-letters-20261122.0001.jsonl"));
    assert_int_equal(rename(path_of("dead-letters-20261122.jsonl"), closed), 0);
    assert_int_equal(add(sink), FB_OK);
    assert_int_equal(size_of("dead-letters-20261122.0001.jsonl"), 100);
    assert_int_equal(size_of("dead-letters-20261122.jsonl"), 100);
    assert_int_equal(sink->sync(sink, NULL), FB_OK);
    fb_letter_sink_free(sink);
}

static void while_another_has_the_lock_nothing_is_written(void **state)
{
    struct fb_letter_sink *sink = open_files(0, 0);
    int fd = open(path_of(""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0 && flock(fd, LOCK_EX) == 0);
    assert_int_equal(add(sink), FB_IO);
    assert_non_null(strstr(error.message, "another process works in the folder"));
    assert_int_equal(size_of("dead-letters-20261122.jsonl"), -1);
    assert_int_equal(flock(fd, LOCK_UN), 0);
    assert_int_equal(add(sink), FB_OK);
    close(fd);
    fb_letter_sink_free(sink);
}

/* What comes instead of the C library's. */
int ftruncate(int fd, off_t size)
{
    if (refuses_truncation) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_ftruncate, fd, size);
}

/* As on a disk that has room for so much of the file. */
static enum fb_status add_within(struct fb_letter_sink *sink, rlim_t bytes)
{
    const struct rlimit room = {bytes, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    enum fb_status status;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &room), 0);
    status = add(sink);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
    return status;
}

static void behind_a_torn_line_a_letter_begins_on_one_of_its_own(void **state)
{
    struct fb_letter_sink *sink = open_files(0, 0);

    (void)state;
    refuses_truncation = true;
    assert_int_equal(add_within(sink, 50), FB_IO);
    assert_int_equal(size_of("dead-letters-20261122.jsonl"), 50);
    refuses_truncation = false;
    assert_int_equal(add_within(sink, 80), FB_IO);
    assert_int_equal(size_of("dead-letters-20261122.jsonl"), 51);
    assert_int_equal(add(sink), FB_OK);
    assert_int_equal(size_of("dead-letters-20261122.jsonl"), 151);
    fb_letter_sink_free(sink);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_file_that_would_grow_too_large_is_closed),
        CASE(a_letter_larger_than_a_file_has_one_of_its_own),
        CASE(numbers_go_on_behind_the_last),
        CASE(a_full_folder_takes_no_letter_until_there_is_room),
        CASE(what_was_there_at_start_counts),
        CASE(a_letter_larger_than_the_bound_is_kept_where_there_is_no_other),
        CASE(a_file_that_was_closed_by_another_is_not_written_to),
        CASE(while_another_has_the_lock_nothing_is_written),
        CASE(behind_a_torn_line_a_letter_begins_on_one_of_its_own),
    };

    return cmocka_run_group_tests_name("pipeline/letter_files", tests, NULL, NULL);
}
