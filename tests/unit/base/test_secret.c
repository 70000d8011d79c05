/* SPDX-License-Identifier: Apache-2.0 */
#include "firebridge/base/secret.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Their mlock does nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

/* Whether the mapping that holds the address has this flag (proc(5), VmFlags of smaps). */
static bool has_flag(const void *address, const char *flag)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    char line[512];
    bool is_in = false, found = false;

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t begin, end;

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2)
            is_in = (uintptr_t)address >= begin && (uintptr_t)address < end;
        else if (is_in && strncmp(line, "VmFlags:", 8) == 0)
            found = strstr(line, flag) != NULL;
    }
    fclose(maps);
    return found;
}

static void secrets_are_locked_and_not_dumped(void **state)
{
    struct rlimit limit;
    char *secret = fb_secret_new(5000);

    (void)state;
    assert_non_null(secret);
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(secret[i], 0);
    assert_true(has_flag(secret, " dd"));
    if (!IS_SANITIZED && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= 65536)
        assert_true(has_flag(secret + 4999, " lo"));
    fb_secret_free(secret, 5000);
    fb_secret_free(NULL, 1);
}

static void secrets_that_cannot_be_locked_serve_all_the_same(void **state)
{
    struct rlimit before, none;
    char *secret;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    secret = fb_secret_new(100);
    assert_non_null(secret);
    secret[99] = 'x';
    fb_secret_free(secret, 100);
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
}

static void a_buffer_for_secrets_never_moves(void **state)
{
    struct fb_buffer buffer = {0};
    const char *bytes;

    (void)state;
    assert_int_equal(fb_secret_buffer_init(&buffer, 10000), FB_OK);
    bytes = buffer.bytes;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(fb_buffer_append(&buffer, "0123456789", 10), FB_OK);
    assert_ptr_equal(buffer.bytes, bytes);
    assert_int_equal(fb_buffer_append(&buffer, "0", 1), FB_TOO_LARGE);
    buffer.bytes[buffer.size] = '\0';
    assert_int_equal(strlen(buffer.bytes), 10000);
    fb_secret_buffer_done(&buffer);
    assert_null(buffer.bytes);
}

static void a_wiped_buffer_is_empty_and_holds_nothing(void **state)
{
    struct fb_buffer buffer;
    const char *bytes;

    (void)state;
    fb_buffer_init(&buffer, 1024);
    fb_secret_buffer_wipe(&buffer);
    assert_int_equal(fb_buffer_append_text(&buffer, "secret"), FB_OK);
    bytes = buffer.bytes;
    fb_secret_buffer_wipe(&buffer);
    assert_int_equal(buffer.size, 0);
    assert_ptr_equal(buffer.bytes, bytes);
    assert_memory_equal(bytes, "\0\0\0\0\0", 6);
    fb_buffer_done(&buffer);
}

static void a_file_is_read_whole_or_not_at_all(void **state)
{
    char path[] = "/tmp/fb-secret-XXXXXX";
    struct fb_buffer buffer = {0};
    struct fb_error error = {0};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    close(fd);
    assert_int_equal(fb_secret_read_file(path, 9, &buffer, &error), FB_TOO_LARGE);
    assert_null(buffer.bytes);
    assert_int_equal(fb_secret_read_file(path, 10, &buffer, &error), FB_OK);
    assert_int_equal(buffer.size, 10);
    assert_memory_equal(buffer.bytes, "0123456789", 10);
    fb_secret_buffer_done(&buffer);
    unlink(path);
    assert_int_equal(fb_secret_read_file(path, 10, &buffer, &error), FB_NOT_FOUND);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(fb_secret_read_file(path, 10, &buffer, &error), FB_OK);
    assert_int_equal(buffer.size, 0);
    fb_secret_buffer_done(&buffer);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_locked_and_not_dumped),
        cmocka_unit_test(secrets_that_cannot_be_locked_serve_all_the_same),
        cmocka_unit_test(a_buffer_for_secrets_never_moves),
        cmocka_unit_test(a_wiped_buffer_is_empty_and_holds_nothing),
        cmocka_unit_test(a_file_is_read_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
