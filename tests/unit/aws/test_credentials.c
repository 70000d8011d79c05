/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include "../support/static_credentials.h"
#include "firebridge/aws/credentials.h"

/* 2026-11-22T10:00:00Z */
#define NOW_MS    (INT64_C(1795341600) * 1000)
#define MINUTE_MS INT64_C(60000)

struct cache_fixture {
    struct fb_clock_virtual clock;
    struct static_provider provider;
    struct fb_credentials_cache *cache;
    struct fb_credentials keys;
    struct fb_error error;
};

static void set_up_cache(struct cache_fixture *f, int64_t expires_ms)
{
    memset(f, 0, sizeof *f);
    fb_clock_virtual_init(&f->clock, NOW_MS);
    static_provider_init(&f->provider, expires_ms);
    f->cache = static_cache_new(&f->provider, &f->clock.clock);
}

static enum fb_status get(struct cache_fixture *f)
{
    return fb_credentials_cache_get(f->cache, &f->keys, &f->error);
}

static const char *source_of(struct cache_fixture *f)
{
    static struct fb_credentials_report report;

    fb_credentials_cache_report(f->cache, &report);
    return report.source;
}

static void keys_are_kept_while_they_serve(void **state)
{
    struct cache_fixture f;

    (void)state;
    set_up_cache(&f, NOW_MS + 60 * MINUTE_MS);
    assert_string_equal(source_of(&f), "none");
    assert_int_equal(get(&f), FB_OK);
    assert_string_equal(source_of(&f), "test");
    f.clock.realtime_ms = NOW_MS + 56 * MINUTE_MS;
    assert_int_equal(get(&f), FB_OK);
    assert_int_equal(f.provider.calls, 1);
    fb_credentials_cache_free(f.cache);
    assert_true(f.provider.is_freed);
}

static enum fb_status tend(struct cache_fixture *f, int64_t *ret_wait_ms)
{
    return fb_credentials_cache_tend(f->cache, ret_wait_ms, &f->error);
}

static void who_tends_keys_renews_them_minutes_before_their_end(void **state)
{
    struct cache_fixture f;
    int64_t wait_ms = 0, renewed_at_ms;

    (void)state;
    set_up_cache(&f, NOW_MS + 60 * MINUTE_MS);
    assert_int_equal(tend(&f, &wait_ms), FB_OK);
    assert_int_equal(f.provider.calls, 1);
    renewed_at_ms = NOW_MS + wait_ms;
    assert_in_range(renewed_at_ms, NOW_MS + 52 * MINUTE_MS, NOW_MS + 55 * MINUTE_MS);
    f.clock.realtime_ms = renewed_at_ms - 1;
    assert_int_equal(tend(&f, &wait_ms), FB_OK);
    assert_int_equal(wait_ms, 1);
    assert_int_equal(f.provider.calls, 1);
    f.clock.realtime_ms = renewed_at_ms;
    f.provider.expires_ms = NOW_MS + 120 * MINUTE_MS;
    assert_int_equal(tend(&f, &wait_ms), FB_OK);
    assert_int_equal(f.provider.calls, 2);
    assert_int_equal(get(&f), FB_OK);
    assert_string_equal(f.keys.access_key_id, "AKID2");
    fb_credentials_cache_free(f.cache);
}

static void keys_that_nobody_tends_are_renewed_by_who_needs_them(void **state)
{
    struct cache_fixture f;

    (void)state;
    set_up_cache(&f, NOW_MS + 60 * MINUTE_MS);
    assert_int_equal(get(&f), FB_OK);
    f.clock.realtime_ms = NOW_MS + 58 * MINUTE_MS;
    f.provider.expires_ms = NOW_MS + 120 * MINUTE_MS;
    assert_int_equal(get(&f), FB_OK);
    assert_string_equal(f.keys.access_key_id, "AKID2");
    fb_credentials_cache_free(f.cache);
}

static void keys_without_a_date_are_looked_up_again(void **state)
{
    struct cache_fixture f;
    int64_t wait_ms = 0;

    (void)state;
    set_up_cache(&f, INT64_MAX);
    assert_int_equal(tend(&f, &wait_ms), FB_OK);
    assert_in_range(wait_ms, 10 * MINUTE_MS, 15 * MINUTE_MS);
    f.clock.realtime_ms += wait_ms;
    f.provider.status = FB_IO;
    assert_int_equal(tend(&f, &wait_ms), FB_IO);
    assert_int_equal(wait_ms, MINUTE_MS);
    assert_int_equal(get(&f), FB_OK);
    assert_string_equal(f.keys.access_key_id, "AKID1");
    assert_int_equal(f.provider.calls, 2); /* who needs them does not wait for that */
    fb_credentials_cache_free(f.cache);
}

static void two_caches_do_not_renew_at_the_same_time(void **state)
{
    int64_t first_ms = 0, wait_ms = 0;
    bool differ = false;

    (void)state;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct cache_fixture f;
        struct fb_provider *providers[] = {&f.provider.provider};
        struct fb_credentials_cache_options options = {
            .providers = providers, .provider_count = 1, .clock = &f.clock.clock, .seed = seed};

        set_up_cache(&f, NOW_MS + 60 * MINUTE_MS);
        fb_credentials_cache_free(f.cache);
        assert_int_equal(fb_credentials_cache_new(&options, &f.cache, NULL), FB_OK);
        assert_int_equal(tend(&f, &wait_ms), FB_OK);
        differ |= seed > 0 && wait_ms != first_ms;
        first_ms = seed == 0 ? wait_ms : first_ms;
        fb_credentials_cache_free(f.cache);
    }
    assert_true(differ);
}

static void a_failed_renewal_keeps_keys_that_still_serve(void **state)
{
    struct cache_fixture f;
    int64_t wait_ms = 0;

    (void)state;
    set_up_cache(&f, NOW_MS + 60 * MINUTE_MS);
    assert_int_equal(get(&f), FB_OK);
    f.provider.status = FB_UNAVAILABLE;
    f.clock.realtime_ms = NOW_MS + 56 * MINUTE_MS;
    assert_int_equal(tend(&f, &wait_ms), FB_UNAVAILABLE);
    assert_non_null(strstr(f.error.message, "credentials from test: scripted"));
    assert_int_equal(wait_ms, 4 * MINUTE_MS / 8);
    assert_int_equal(get(&f), FB_OK);
    assert_string_equal(f.keys.access_key_id, "AKID1");
    assert_int_equal(get(&f), FB_OK);
    assert_int_equal(f.provider.calls, 2); /* not at every call */
    f.clock.realtime_ms = NOW_MS + 58 * MINUTE_MS;
    assert_int_equal(get(&f), FB_OK);
    assert_int_equal(f.provider.calls, 3);
    f.clock.realtime_ms = NOW_MS + 60 * MINUTE_MS;
    assert_int_equal(get(&f), FB_UNAVAILABLE);
    assert_non_null(strstr(f.error.message, "scripted"));
    f.provider.status = FB_OK;
    f.provider.expires_ms = INT64_MAX;
    assert_int_equal(get(&f), FB_OK);
    assert_string_equal(f.keys.access_key_id, "AKID5");
    fb_credentials_cache_free(f.cache);
}

static void keys_that_are_expired_are_none(void **state)
{
    struct cache_fixture f;

    (void)state;
    set_up_cache(&f, NOW_MS);
    assert_int_equal(get(&f), FB_UNAVAILABLE);
    assert_string_equal(f.error.message,
                        "credentials from test: they expired at 2026-11-22T10:00:00Z already");
    fb_credentials_cache_free(f.cache);
}

static void expired_keys_go_on_where_the_provider_says_so(void **state)
{
    struct cache_fixture f;
    struct fb_credentials_report report;
    int64_t wait_ms = 0;

    (void)state;
    set_up_cache(&f, NOW_MS - 60 * MINUTE_MS);
    f.provider.provider.extends_expired = true;
    assert_int_equal(tend(&f, &wait_ms), FB_OK);
    fb_credentials_cache_report(f.cache, &report);
    assert_true(report.is_extended);
    assert_in_range(report.expires_ms, NOW_MS + 5 * MINUTE_MS, NOW_MS + 10 * MINUTE_MS);
    assert_true(wait_ms < report.expires_ms - NOW_MS);
    f.clock.realtime_ms += wait_ms;
    f.provider.status = FB_UNAVAILABLE;
    assert_int_equal(tend(&f, &wait_ms), FB_UNAVAILABLE);
    fb_credentials_cache_report(f.cache, &report);
    assert_true(report.is_extended);
    f.clock.realtime_ms += wait_ms;
    f.provider.status = FB_OK;
    f.provider.expires_ms = NOW_MS + 600 * MINUTE_MS;
    assert_int_equal(tend(&f, &wait_ms), FB_OK);
    fb_credentials_cache_report(f.cache, &report);
    assert_false(report.is_extended);
    fb_credentials_cache_free(f.cache);
}

/* Five-minute keys from a service that fails every third time, for an hour. */
static void an_ailing_service_never_leaves_a_request_without_keys(bool is_tended)
{
    struct cache_fixture f;
    unsigned requests = 0, failures = 0;
    int64_t next_ms = NOW_MS;

    set_up_cache(&f, 0);
    for (int64_t at_ms = NOW_MS; at_ms < NOW_MS + 60 * MINUTE_MS; at_ms += 250) {
        f.clock.realtime_ms = at_ms;
        f.provider.expires_ms = at_ms + 5 * MINUTE_MS;
        f.provider.status = f.provider.calls % 3 == 2 ? FB_UNAVAILABLE : FB_OK;
        if (is_tended && at_ms >= next_ms) {
            int64_t wait_ms = 0;

            failures += tend(&f, &wait_ms) != FB_OK;
            next_ms = at_ms + wait_ms;
            f.provider.status = f.provider.calls % 3 == 2 ? FB_UNAVAILABLE : FB_OK;
        }
        assert_int_equal(get(&f), FB_OK);
        assert_true(f.keys.expires_ms > at_ms);
        requests++;
    }
    assert_int_equal(requests, 4 * 60 * 60);
    assert_in_range(f.provider.calls, 15, 60);
    assert_true(!is_tended || failures >= 5);
    fb_credentials_cache_free(f.cache);
}

static void an_hour_of_a_tended_service_that_fails_every_third_time(void **state)
{
    (void)state;
    an_ailing_service_never_leaves_a_request_without_keys(true);
}

static void an_hour_of_an_untended_service_that_fails_every_third_time(void **state)
{
    (void)state;
    an_ailing_service_never_leaves_a_request_without_keys(false);
}

static void expired_keys_are_asked_for_again(void **state)
{
    struct cache_fixture f;
    struct fb_credentials first;

    (void)state;
    set_up_cache(&f, INT64_MAX);
    assert_int_equal(get(&f), FB_OK);
    first = f.keys;
    fb_credentials_cache_expire_used(f.cache, &first);
    assert_int_equal(get(&f), FB_OK);
    assert_string_equal(f.keys.access_key_id, "AKID2");
    fb_credentials_cache_expire_used(f.cache, &first); /* replaced meanwhile: nothing to do */
    assert_int_equal(get(&f), FB_OK);
    assert_int_equal(f.provider.calls, 2);
    fb_credentials_cache_expire_used(f.cache, &f.keys);
    f.provider.status = FB_UNAVAILABLE;
    assert_int_equal(get(&f), FB_UNAVAILABLE);
    fb_credentials_cache_free(f.cache);
}

static void the_signing_key_follows_day_and_secret(void **state)
{
    struct cache_fixture f;
    unsigned char a[32], b[32];

    (void)state;
    set_up_cache(&f, INT64_MAX);
    assert_int_equal(get(&f), FB_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fb_credentials_cache_signing_key(f.cache, &f.keys, "20261122", "r", "s3",
                                                          i == 0 ? a : b),
                         FB_OK);
    }
    assert_memory_equal(a, b, 32);
    for (int i = 0; i < 6; i++) {
        char date[9] = "20261120";

        date[7] = (char)('3' + i);
        assert_int_equal(fb_credentials_cache_signing_key(f.cache, &f.keys, date, "r", "s3", b),
                         FB_OK);
        assert_memory_not_equal(a, b, 32);
    }
    f.keys.secret_access_key[0] = 'X';
    assert_int_equal(fb_credentials_cache_signing_key(f.cache, &f.keys, "20261122", "r", "s3", b),
                     FB_OK);
    assert_memory_not_equal(a, b, 32);
    fb_credentials_cache_free(f.cache);
}

static void *get_once(void *argument)
{
    struct fb_credentials keys;
    enum fb_status status = fb_credentials_cache_get(argument, &keys, NULL);

    return status == FB_OK ? argument : NULL;
}

static void many_threads_make_one_refresh(void **state)
{
    struct cache_fixture f;
    pthread_t threads[8];

    (void)state;
    set_up_cache(&f, INT64_MAX);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_once, f.cache), 0);
    for (size_t i = 0; i < 8; i++) {
        void *result = NULL;

        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    assert_int_equal(f.provider.calls, 1);
    fb_credentials_cache_free(f.cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_kept_while_they_serve),
        cmocka_unit_test(who_tends_keys_renews_them_minutes_before_their_end),
        cmocka_unit_test(keys_that_nobody_tends_are_renewed_by_who_needs_them),
        cmocka_unit_test(keys_without_a_date_are_looked_up_again),
        cmocka_unit_test(two_caches_do_not_renew_at_the_same_time),
        cmocka_unit_test(a_failed_renewal_keeps_keys_that_still_serve),
        cmocka_unit_test(keys_that_are_expired_are_none),
        cmocka_unit_test(expired_keys_go_on_where_the_provider_says_so),
        cmocka_unit_test(an_hour_of_a_tended_service_that_fails_every_third_time),
        cmocka_unit_test(an_hour_of_an_untended_service_that_fails_every_third_time),
        cmocka_unit_test(expired_keys_are_asked_for_again),
        cmocka_unit_test(many_threads_make_one_refresh),
        cmocka_unit_test(the_signing_key_follows_day_and_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
