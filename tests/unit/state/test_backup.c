/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "firebridge/state/backup.h"

#include "../support/state_bench.h"

struct bench {
    struct state_bench state;
    char copies[64]; /* a folder for backups */
    char backup[80];
    char *aside;
    struct fb_error error;
};

static int set_up(void **test)
{
    struct bench *bench = calloc(1, sizeof *bench);

    assert_non_null(bench);
    state_bench_init(&bench->state, 0);
    snprintf(bench->copies, sizeof bench->copies, "/tmp/firebridge-copies-XXXXXX");
    assert_non_null(mkdtemp(bench->copies));
    snprintf(bench->backup, sizeof bench->backup, "%s/backup", bench->copies);
    *test = bench;
    return 0;
}

static int tear_down(void **test)
{
    struct bench *bench = *test;
    char command[200];

    fb_state_close(bench->state.state);
    free(bench->aside);
    snprintf(command, sizeof command, "rm -rf '%s' '%s'", bench->state.directory, bench->copies);
    free(bench);
    return system(command); /* NOLINT(cert-env33-c): names made above */
}

static void close_state(struct bench *bench)
{
    fb_state_close(bench->state.state);
    bench->state.state = NULL;
}

static void back_up(struct bench *bench)
{
    if (fb_state_backup(bench->state.directory, bench->backup, &bench->error) != FB_OK)
        fail_msg("%s", bench->error.message);
}

static enum fb_status restore(struct bench *bench, bool replace)
{
    free(bench->aside);
    bench->aside = NULL;
    return fb_state_restore(bench->state.directory, bench->backup, replace, &bench->aside,
                            &bench->error);
}

/* How many files of the folder have a name that begins so. */
static unsigned count_files(const char *directory, const char *prefix)
{
    DIR *folder = opendir(directory);
    unsigned count = 0;

    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    closedir(folder);
    return count;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Overwrites what is behind the first pages, so that only a check of all pages sees it. */
static void damage(const char *path)
{
    char noise[4096];
    int fd = open(path, O_RDWR);
    struct stat file;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &file), 0);
    memset(noise, 0xa5, sizeof noise);
    for (off_t at = file.st_size / 2; at + 4096 <= file.st_size; at += 4096)
        assert_int_equal(pwrite(fd, noise, sizeof noise, at), sizeof noise);
    close(fd);
}

static void a_backup_of_a_state_in_use_is_one_sound_file_of_that_moment(void **test)
{
    struct bench *bench = *test;
    struct stat file;

    state_bench_process(&bench->state, "a", 1);
    state_bench_add(&bench->state, "b", 2);
    back_up(bench);
    state_bench_take(&bench->state, "b");
    state_bench_add(&bench->state, "c", 3);
    assert_int_equal(count_files(bench->copies, "backup"), 1);
    assert_int_equal(stat(bench->backup, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    close_state(bench);
    assert_int_equal(restore(bench, true), FB_OK);
    state_bench_reopen(&bench->state);
    assert_int_equal(state_bench_count(&bench->state).done, 1);
    assert_int_equal(state_bench_count(&bench->state).pending, 1);
    state_bench_take(&bench->state, "b");
}

static void a_backup_takes_the_place_of_an_older_one_and_of_nothing_else(void **test)
{
    struct bench *bench = *test;

    back_up(bench);
    state_bench_process(&bench->state, "a", 1);
    back_up(bench);
    close_state(bench);
    assert_int_equal(restore(bench, true), FB_OK);
    state_bench_reopen(&bench->state);
    assert_int_equal(state_bench_count(&bench->state).done, 1);
    write_file(bench->backup, "a thesis");
    assert_int_equal(fb_state_backup(bench->state.directory, bench->backup, &bench->error),
                     FB_CONFLICT);
    assert_int_equal(count_files(bench->copies, "backup"), 1);
}

static void a_backup_that_fails_leaves_the_one_before(void **test)
{
    struct bench *bench = *test;

    back_up(bench);
    assert_int_equal(fb_state_backup("/nonexistent", bench->backup, &bench->error), FB_NOT_FOUND);
    assert_non_null(strstr(bench->error.message, "/nonexistent/firebridge.db"));
    assert_int_equal(fb_state_backup(bench->state.directory, "/nonexistent/b", &bench->error),
                     FB_IO);
    assert_non_null(strstr(bench->error.message, "/nonexistent/b"));
    assert_int_equal(count_files(bench->copies, "backup"), 1);
}

static void a_damaged_state_does_not_take_the_place_of_a_sound_backup(void **test)
{
    struct bench *bench = *test;
    char path[100];

    for (int i = 0; i < 1000; i++) {
        char key[32];

        snprintf(key, sizeof key, "a/%04d", i);
        state_bench_add(&bench->state, key, 1000 + i);
    }
    back_up(bench);
    close_state(bench);
    snprintf(path, sizeof path, "%s/firebridge.db", bench->state.directory);
    damage(path);
    assert_int_equal(fb_state_backup(bench->state.directory, bench->backup, &bench->error),
                     FB_CORRUPT);
    assert_int_equal(count_files(bench->copies, "backup"), 1);
    assert_int_equal(restore(bench, true), FB_OK);
}

static void a_state_file_is_no_backup_of_itself(void **test)
{
    struct bench *bench = *test;

    state_bench_add(&bench->state, "a/1", 1000);
    snprintf(bench->backup, sizeof bench->backup, "%s/firebridge.db", bench->state.directory);
    assert_int_equal(fb_state_backup(bench->state.directory, bench->backup, &bench->error),
                     FB_CONFLICT);
    (void)state_bench_take(&bench->state, "a/1");
}

static void the_state_file_of_another_daemon_is_no_place_for_a_backup(void **test)
{
    struct bench *bench = *test;
    struct fb_state *other = NULL;

    assert_int_equal(fb_state_open(bench->copies, &other, &bench->error), FB_OK);
    snprintf(bench->backup, sizeof bench->backup, "%s/firebridge.db", bench->copies);
    assert_int_equal(fb_state_backup(bench->state.directory, bench->backup, &bench->error),
                     FB_CONFLICT);
    fb_state_close(other);
    back_up(bench);
}

static void copy_by_hand(struct bench *bench, const char *suffix)
{
    char command[300];

    snprintf(command, sizeof command, "cp '%s/firebridge.db%s' '%s%s'", bench->state.directory,
             suffix, bench->backup, suffix);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): names made above */
}

static void a_log_that_lies_beside_an_old_copy_is_not_read_into_the_new_one(void **test)
{
    struct bench *bench = *test;

    state_bench_add(&bench->state, "a/1", 1000);
    copy_by_hand(bench, "");
    copy_by_hand(bench, "-wal");
    state_bench_add(&bench->state, "a/2", 2000);
    back_up(bench);
    assert_int_equal(count_files(bench->copies, "backup"), 1);
    close_state(bench);
    assert_int_equal(restore(bench, true), FB_OK);
    state_bench_reopen(&bench->state);
    (void)state_bench_take(&bench->state, "a/1");
    (void)state_bench_take(&bench->state, "a/2");
}

static void what_is_in_the_way_of_a_copy_stays(void **test)
{
    struct bench *bench = *test;
    char path[100];

    snprintf(path, sizeof path, "%s.new", bench->backup);
    write_file(path, "somebody's own");
    assert_int_equal(fb_state_backup(bench->state.directory, bench->backup, &bench->error),
                     FB_CONFLICT);
    assert_non_null(strstr(bench->error.message, "is in the way"));
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(truncate(path, 0), 0); /* as one that was broken off may be */
    back_up(bench);
}

static void a_new_machine_has_no_folder_yet(void **test)
{
    struct bench *bench = *test;

    back_up(bench);
    close_state(bench);
    snprintf(bench->state.directory + strlen(bench->state.directory), 8, "/new");
    assert_int_equal(restore(bench, false), FB_OK);
    state_bench_reopen(&bench->state);
    bench->state.directory[strlen(bench->state.directory) - 4] = '\0';
}

static void two_backups_do_not_come_into_each_others_way(void **test)
{
    struct bench *bench = *test;
    char path[100];
    int fd;

    back_up(bench);
    snprintf(path, sizeof path, "%s.new", bench->backup);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(fb_state_backup(bench->state.directory, bench->backup, &bench->error),
                     FB_CONFLICT);
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
    back_up(bench);
}

static void a_restore_that_was_broken_off_is_no_beginning(void **test)
{
    struct bench *bench = *test;
    char path[100], restored[120];

    state_bench_add(&bench->state, "a/1", 1000);
    back_up(bench);
    close_state(bench);
    snprintf(path, sizeof path, "%s/firebridge.db", bench->state.directory);
    snprintf(restored, sizeof restored, "%s.restored", path);
    assert_int_equal(rename(path, restored), 0);
    assert_int_equal(fb_state_open(bench->state.directory, &bench->state.state, &bench->error),
                     FB_CORRUPT);
    assert_non_null(strstr(bench->error.message, "give that command again"));
    assert_int_equal(restore(bench, false), FB_OK);
    state_bench_reopen(&bench->state);
    (void)state_bench_take(&bench->state, "a/1");
}

static void a_state_that_is_there_is_replaced_only_when_told_so_and_kept_aside(void **test)
{
    struct bench *bench = *test;

    back_up(bench);
    state_bench_process(&bench->state, "a", 1);
    close_state(bench);
    assert_int_equal(restore(bench, false), FB_CONFLICT);
    assert_non_null(strstr(bench->error.message, "--replace"));
    assert_int_equal(restore(bench, true), FB_OK);
    assert_non_null(strstr(bench->aside, "firebridge.db.aside-"));
    assert_int_equal(access(bench->aside, F_OK), 0);
    state_bench_reopen(&bench->state);
    assert_int_equal(state_bench_count(&bench->state).done, 0);
}

static void a_new_place_takes_a_backup_as_it_is(void **test)
{
    struct bench *bench = *test;
    struct fb_state *state = NULL;

    back_up(bench);
    assert_int_equal(
        fb_state_restore(bench->copies, bench->backup, false, &bench->aside, &bench->error), FB_OK);
    assert_null(bench->aside);
    assert_int_equal(fb_state_open(bench->copies, &state, &bench->error), FB_OK);
    fb_state_close(state);
}

/* SQLite would read it into whatever database stands beside it. */
static void a_log_without_its_database_is_kept_aside_and_not_read_into_the_backup(void **test)
{
    struct bench *bench = *test;
    char path[128], wal[128], kept[128];

    snprintf(path, sizeof path, "%s/firebridge.db", bench->state.directory);
    snprintf(wal, sizeof wal, "%s/firebridge.db-wal", bench->state.directory);
    snprintf(kept, sizeof kept, "%s/kept", bench->copies);
    back_up(bench);
    state_bench_process(&bench->state, "a", 1);
    assert_int_equal(link(wal, kept), 0);
    assert_int_equal(unlink(wal), 0);
    close_state(bench);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rename(kept, wal), 0);
    assert_int_equal(restore(bench, false), FB_OK);
    state_bench_reopen(&bench->state);
    assert_int_equal(state_bench_count(&bench->state).done, 0);
    assert_int_equal(count_files(bench->state.directory, "firebridge.db.aside-"), 1);
}

static void a_damaged_backup_or_none_changes_nothing(void **test)
{
    struct bench *bench = *test;
    char key[200];

    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "%0190d", i);
        state_bench_add(&bench->state, key, i);
    }
    back_up(bench);
    close_state(bench);
    damage(bench->backup);
    assert_int_equal(restore(bench, true), FB_CORRUPT);
    assert_non_null(strstr(bench->error.message, bench->backup));
    write_file(bench->backup, "");
    assert_int_equal(restore(bench, true), FB_CORRUPT);
    write_file(bench->backup, "a thesis");
    assert_int_equal(restore(bench, true), FB_CORRUPT);
    assert_int_equal(unlink(bench->backup), 0);
    assert_int_equal(restore(bench, true), FB_NOT_FOUND);
    assert_int_equal(count_files(bench->state.directory, "firebridge.db"), 1);
    state_bench_reopen(&bench->state);
    assert_int_equal(state_bench_count(&bench->state).pending, 300);
}

static void what_a_process_holds_is_neither_replaced_nor_reset(void **test)
{
    struct bench *bench = *test;

    back_up(bench);
    assert_int_equal(restore(bench, true), FB_CONFLICT);
    assert_int_equal(fb_state_reset(bench->state.directory, &bench->aside, &bench->error),
                     FB_CONFLICT);
    state_bench_add(&bench->state, "a", 1);
}

static void a_reset_moves_database_and_log_aside_and_the_next_start_begins_anew(void **test)
{
    struct bench *bench = *test;
    char path[128];

    state_bench_process(&bench->state, "a", 1);
    close_state(bench);
    snprintf(path, sizeof path, "%s/firebridge.db", bench->state.directory);
    write_file(path, "scrambled");
    snprintf(path, sizeof path, "%s/firebridge.db-wal", bench->state.directory);
    write_file(path, "scrambled too");
    assert_int_equal(fb_state_open(bench->state.directory, &bench->state.state, &bench->error),
                     FB_CORRUPT);
    assert_non_null(strstr(bench->error.message, "firebridge state restore"));
    assert_non_null(strstr(bench->error.message, "firebridge state reset --i-understand"));
    assert_int_equal(count_files(bench->state.directory, "firebridge.db-wal"), 1);
    assert_int_equal(fb_state_reset(bench->state.directory, &bench->aside, &bench->error), FB_OK);
    assert_int_equal(count_files(bench->state.directory, "firebridge.db.aside-"), 2);
    assert_int_equal(count_files(bench->state.directory, "firebridge.db"), 2);
    state_bench_reopen(&bench->state);
    assert_int_equal(state_bench_count(&bench->state).done, 0);
}

static void a_log_that_a_broken_off_reset_left_goes_too(void **test)
{
    struct bench *bench = *test;
    char path[128];

    close_state(bench);
    snprintf(path, sizeof path, "%s/firebridge.db", bench->state.directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(fb_state_reset(bench->state.directory, &bench->aside, &bench->error),
                     FB_NOT_FOUND);
    snprintf(path, sizeof path, "%s/firebridge.db-wal", bench->state.directory);
    write_file(path, "left");
    assert_int_equal(fb_state_reset(bench->state.directory, &bench->aside, &bench->error), FB_OK);
    state_bench_reopen(&bench->state);
}

/* What a check finds after the start ends all work, for who reads on may read nonsense. */
static void damage_that_is_found_while_running_ends_every_transaction(void **test)
{
    struct bench *bench = *test;
    struct fb_state_object object;
    char key[200];
    char path[128];

    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "%0190d", i);
        state_bench_add(&bench->state, key, i);
    }
    state_bench_reopen(&bench->state);
    assert_true(fb_state_is_checked(bench->state.state));
    assert_int_equal(fb_state_check(bench->state.state, &bench->error), FB_OK);
    snprintf(path, sizeof path, "%s/firebridge.db", bench->state.directory);
    damage(path);
    assert_int_equal(fb_state_check(bench->state.state, &bench->error), FB_CORRUPT);
    assert_int_equal(
        fb_state_take_next(bench->state.state, bench->state.stream_id, &object, &bench->error),
        FB_CORRUPT);
    assert_non_null(strstr(bench->error.message, "firebridge state restore"));
}

struct stopper {
    struct fb_state *state;
    atomic_bool has_ended;
};

static void *stop_again_and_again(void *argument)
{
    struct stopper *stopper = argument;

    while (!atomic_load(&stopper->has_ended))
        fb_state_check_stop(stopper->state);
    return NULL;
}

/* Of a large file it takes minutes, which is too long for the daemon's end. */
static void a_check_can_be_broken_off_and_then_has_found_nothing(void **test)
{
    struct bench *bench = *test;
    struct stopper stopper = {.state = bench->state.state};
    enum fb_status status = FB_OK;
    pthread_t thread;
    char key[200];

    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "%0190d", i);
        state_bench_add(&bench->state, key, i);
    }
    fb_state_check_stop(bench->state.state);
    assert_int_equal(pthread_create(&thread, NULL, stop_again_and_again, &stopper), 0);
    for (int i = 0; i < 10000 && status == FB_OK; i++)
        status = fb_state_check(bench->state.state, &bench->error);
    atomic_store(&stopper.has_ended, true);
    pthread_join(thread, NULL);
    assert_int_equal(status, FB_CANCELED);
    assert_int_equal(fb_state_check(bench->state.state, &bench->error), FB_OK);
    state_bench_add(&bench->state, "another", 1000);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_backup_of_a_state_in_use_is_one_sound_file_of_that_moment),
        CASE(a_backup_takes_the_place_of_an_older_one_and_of_nothing_else),
        CASE(a_backup_that_fails_leaves_the_one_before),
        CASE(a_damaged_state_does_not_take_the_place_of_a_sound_backup),
        CASE(a_state_file_is_no_backup_of_itself),
        CASE(the_state_file_of_another_daemon_is_no_place_for_a_backup),
        CASE(a_log_that_lies_beside_an_old_copy_is_not_read_into_the_new_one),
        CASE(what_is_in_the_way_of_a_copy_stays),
        CASE(a_new_machine_has_no_folder_yet),
        CASE(two_backups_do_not_come_into_each_others_way),
        CASE(a_restore_that_was_broken_off_is_no_beginning),
        CASE(a_state_that_is_there_is_replaced_only_when_told_so_and_kept_aside),
        CASE(a_new_place_takes_a_backup_as_it_is),
        CASE(a_log_without_its_database_is_kept_aside_and_not_read_into_the_backup),
        CASE(a_damaged_backup_or_none_changes_nothing),
        CASE(what_a_process_holds_is_neither_replaced_nor_reset),
        CASE(a_reset_moves_database_and_log_aside_and_the_next_start_begins_anew),
        CASE(a_log_that_a_broken_off_reset_left_goes_too),
        CASE(damage_that_is_found_while_running_ends_every_transaction),
        CASE(a_check_can_be_broken_off_and_then_has_found_nothing),
    };

    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
