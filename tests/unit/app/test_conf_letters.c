/* SPDX-License-Identifier: Apache-2.0 */
/* Where dead letters and the state's backup go, as a conf says it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../support/conf_folder.h"

#define STREAM CONF_STREAM

static void dead_letters_are_files_unless_a_place_in_s3_is_named(void **state)
{
    struct fb_conf *conf;

    (void)state;
    conf_folder_put("a.conf", "[stream *]\ndead_letters = s3://dead/p/q/\n" STREAM
                              "[stream t]\nsource = s3://bucket/t/\ntable = tab\n"
                              "dead_letters = files\ndead_letter_file_size = 2MiB\n"
                              "max_dead_letters_size = 3GiB\n");
    conf = conf_folder_read();
    assert_string_equal(conf->streams[0].letters_bucket, "dead");
    assert_string_equal(conf->streams[0].letters_prefix, "p/q/");
    assert_int_equal(conf->streams[0].dead_letter_file_size, 64 << 20);
    assert_int_equal(conf->streams[0].max_dead_letters_size, 1 << 30);
    assert_null(conf->streams[1].letters_bucket);
    assert_int_equal(conf->streams[1].dead_letter_file_size, 2 << 20);
    assert_int_equal(conf->streams[1].max_dead_letters_size, INT64_C(3) << 30);
    fb_conf_free(conf);
}

#define EXPECTED                                                                                   \
    "; expected files or s3://BUCKET/PREFIX/, with a slash at the end, no expression and at most " \
    "800 bytes in the prefix\n"

static void another_place_is_refused(void **state)
{
    static const char *const places[] = {
        "file",        "s3://",     "s3://dead",
        "s3://dead/p", "s3://D/p/", "s3://dead/!{timestamp:yyyy}/",
        "/var/dead/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char text[256], report[512];

        snprintf(text, sizeof text, STREAM "dead_letters = %s\n", places[i]);
        snprintf(report, sizeof report, "a.conf:4: dead_letters: \"%s\"" EXPECTED, places[i]);
        conf_folder_put("a.conf", text);
        conf_folder_expect_report(FB_INVALID, report);
    }
}

#define MEETS(line, folder, reader)                                                                \
    "a.conf:" line ": [stream s]: dead_letters: its objects would lie under s3://bucket/" folder   \
    ", where stream " reader " reads; take another prefix or bucket\n"

struct check_case {
    const char *text, *report; /* NULL: it is good */
};

static void expect_checks(const struct check_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        conf_folder_put("a.conf", cases[i].text);
        if (cases[i].report != NULL) {
            conf_folder_expect_check_report(cases[i].report);
        } else {
            struct fb_conf *conf = conf_folder_read();

            assert_int_equal(fb_conf_check_streams(conf, NULL, NULL), FB_OK);
            fb_conf_free(conf);
        }
    }
}

static void letters_that_a_stream_would_read_are_refused(void **state)
{
    static const struct check_case cases[] = {
        {STREAM "dead_letters = s3://bucket/p/dead/\n", MEETS("4", "p/dead/s/", "s")},
        {STREAM "dead_letters = s3://bucket/\n", NULL},
        {STREAM "dead_letters = s3://bucket/pp/\n", NULL},
        {STREAM "dead_letters = s3://other/p/dead/\n", NULL},
        /* Behind the stream's name there are the letters' folders, and a source in there. */
        {STREAM "dead_letters = s3://bucket/\n"
                "[stream t]\nsource = s3://bucket/s/2026/\ntable = tab\n",
         MEETS("4", "s/", "t")},
        {STREAM "dead_letters = s3://bucket/q/\n"
                "[stream t]\nsource = s3://bucket/\ntable = tab\n",
         MEETS("4", "q/s/", "t")},
        /* A prefix without a slash reads what goes on with other letters, too. */
        {STREAM "dead_letters = s3://bucket/queue/\n"
                "[stream t]\nsource = s3://bucket/q\ntable = tab\n",
         MEETS("4", "queue/s/", "t")},
        {STREAM "dead_letters = s3://bucket/q/\n"
                "[stream t]\nsource = s3://bucket/q/!{timestamp:yyyy}/\ntable = tab\n",
         MEETS("4", "q/s/", "t")},
    };

    (void)state;
    expect_checks(cases, sizeof cases / sizeof *cases);
}

#define BACKUP(place) "[daemon]\nstate_backup = s3://" place "\n"

#define LIES_THERE(line, place)                                                                    \
    "a.conf:" line ": [stream s]: source: state_backup = s3://" place " would lie there and be "   \
    "read; take another key or bucket for it\n"

static void a_backup_that_a_stream_would_read_is_refused(void **state)
{
    static const struct check_case cases[] = {
        {BACKUP("bucket/p/state.db.gz") STREAM, LIES_THERE("4", "bucket/p/state.db.gz")},
        {BACKUP("bucket/p/a/b") STREAM, LIES_THERE("4", "bucket/p/a/b")},
        {BACKUP("bucket/p") STREAM, NULL},
        {BACKUP("bucket/pp/state.db.gz") STREAM, NULL},
        {BACKUP("other/p/state.db.gz") STREAM, NULL},
        {BACKUP("bucket/state.db.gz") STREAM, NULL},
        {BACKUP("bucket/p/state.db.gz") "[stream t]\nsource = s3://bucket/t/\ntable = tab\n" STREAM,
         LIES_THERE("7", "bucket/p/state.db.gz")},
        {BACKUP(
             "bucket/q/x") "[stream s]\nsource = s3://bucket/q/!{timestamp:yyyy}/\ntable = tab\n",
         LIES_THERE("4", "bucket/q/x")},
    };

    (void)state;
    expect_checks(cases, sizeof cases / sizeof *cases);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, conf_folder_make, conf_folder_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(dead_letters_are_files_unless_a_place_in_s3_is_named),
        CASE(another_place_is_refused),
        CASE(letters_that_a_stream_would_read_are_refused),
        CASE(a_backup_that_a_stream_would_read_is_refused),
    };

    return cmocka_run_group_tests_name("app/conf_letters", tests, NULL, NULL);
}
