/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pthread.h>

#include <cmocka.h>

#include "../support/script_transport.h"
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

static void keys_are_kept_until_five_minutes_before_they_expire(void **state)
{
    struct cache_fixture f;

    (void)state;
    set_up_cache(&f, NOW_MS + 60 * MINUTE_MS);
    assert_string_equal(fb_credentials_cache_source(f.cache), "none");
    assert_int_equal(get(&f), FB_OK);
    assert_string_equal(fb_credentials_cache_source(f.cache), "test");
    f.clock.realtime_ms = NOW_MS + 55 * MINUTE_MS - 1;
    assert_int_equal(get(&f), FB_OK);
    assert_int_equal(f.provider.calls, 1);
    f.clock.realtime_ms = NOW_MS + 55 * MINUTE_MS;
    f.provider.expires_ms = NOW_MS + 120 * MINUTE_MS;
    assert_int_equal(get(&f), FB_OK);
    assert_string_equal(f.keys.access_key_id, "AKID2");
    assert_int_equal(f.provider.calls, 2);
    fb_credentials_cache_free(f.cache);
    assert_true(f.provider.is_freed);
}

static void a_failed_refresh_keeps_keys_that_still_serve(void **state)
{
    struct cache_fixture f;

    (void)state;
    set_up_cache(&f, NOW_MS + 60 * MINUTE_MS);
    assert_int_equal(get(&f), FB_OK);
    f.provider.status = FB_UNAVAILABLE;
    f.clock.realtime_ms = NOW_MS + 56 * MINUTE_MS;
    assert_int_equal(get(&f), FB_OK);
    assert_string_equal(f.keys.access_key_id, "AKID1");
    assert_int_equal(get(&f), FB_OK);
    assert_int_equal(f.provider.calls, 2); /* not at every call */
    f.clock.realtime_ms = NOW_MS + 57 * MINUTE_MS;
    assert_int_equal(get(&f), FB_OK);
    assert_int_equal(f.provider.calls, 3);
    f.clock.realtime_ms = NOW_MS + 60 * MINUTE_MS;
    assert_int_equal(get(&f), FB_UNAVAILABLE);
    assert_non_null(strstr(f.error.message, "scripted"));
    f.provider.status = FB_OK;
    f.provider.expires_ms = INT64_MAX;
    assert_int_equal(get(&f), FB_OK);
    fb_credentials_cache_free(f.cache);
}

static void expired_keys_are_asked_for_again(void **state)
{
    struct cache_fixture f;
    struct fb_credentials first;

    (void)state;
    set_up_cache(&f, INT64_MAX);
    assert_int_equal(get(&f), FB_OK);
    first = f.keys;
    fb_credentials_cache_expire(f.cache);
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

static void a_providers_old_keys_are_used_and_renewed_soon(void **state)
{
    struct cache_fixture f;

    (void)state;
    set_up_cache(&f, NOW_MS + 2 * MINUTE_MS);
    assert_int_equal(get(&f), FB_OK);
    assert_int_equal(get(&f), FB_OK);
    assert_int_equal(f.provider.calls, 1);
    f.clock.realtime_ms += MINUTE_MS;
    assert_int_equal(get(&f), FB_OK);
    assert_int_equal(f.provider.calls, 2);
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

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

struct files_fixture {
    struct fb_clock_virtual clock;
    char config[64], credentials[64];
    struct fb_chain_options options;
    struct fb_credentials keys;
    struct fb_error error;
};

static void set_up_files(struct files_fixture *f, const char *config, const char *credentials,
                         const char *profile)
{
    memset(f, 0, sizeof *f);
    fb_clock_virtual_init(&f->clock, NOW_MS);
    snprintf(f->config, sizeof f->config, "/tmp/fb-test-%d-config", (int)getpid());
    snprintf(f->credentials, sizeof f->credentials, "/tmp/fb-test-%d-credentials", (int)getpid());
    unlink(f->config);
    unlink(f->credentials);
    if (config != NULL)
        write_file(f->config, config);
    if (credentials != NULL)
        write_file(f->credentials, credentials);
    f->options = (struct fb_chain_options){.profile = profile,
                                           .config_file = f->config,
                                           .credentials_file = f->credentials,
                                           .imds_disabled = true,
                                           .clock = &f->clock.clock};
}

static void tear_down_files(struct files_fixture *f)
{
    unlink(f->config);
    unlink(f->credentials);
}

static enum fb_status get_from_chain(struct files_fixture *f, char *source, size_t size)
{
    struct fb_credentials_cache *cache = NULL;
    enum fb_status status;

    assert_int_equal(fb_chain_new(&f->options, &cache, &f->error), FB_OK);
    status = fb_credentials_cache_get(cache, &f->keys, &f->error);
    snprintf(source, size, "%s", fb_credentials_cache_source(cache));
    fb_credentials_cache_free(cache);
    return status;
}

struct files_case {
    const char *config, *credentials, *profile;
    enum fb_status status;
    const char *id, *secret, *token; /* or, on failure, what the message has in `id` */
};

static const struct files_case files_cases[] = {
    {NULL, "[default]\naws_access_key_id = AK\naws_secret_access_key = SK\n", NULL, FB_OK, "AK",
     "SK", ""},
    {NULL,
     "# comment\r\n\r\n[other]\r\naws_access_key_id=NO\r\n[default] # here\r\n"
     "aws_access_key_id=AK # mine\r\naws_secret_access_key=S/K+#x=\r\naws_session_token = T==\r\n",
     NULL, FB_OK, "AK", "S/K+#x=", "T=="},
    {NULL, "[p]\naws_access_key_id = AK ; old\naws_secret_access_key =SK", "p", FB_OK, "AK", "SK",
     ""},
    {"[profile p]\naws_access_key_id = CK\naws_secret_access_key = CS\naws_session_token = CT\n",
     "[p]\naws_access_key_id = AK\naws_secret_access_key = SK\n", "p", FB_OK, "AK", "SK", ""},
    {"[profile p]\naws_access_key_id = CK\naws_secret_access_key = CS\n", NULL, "p", FB_OK, "CK",
     "CS", ""},
    {"[default]\ns3 =\n  aws_access_key_id = NESTED\naws_access_key_id = AK\n"
     "aws_secret_access_key = SK\n",
     NULL, NULL, FB_OK, "AK", "SK", ""},
    {"[p]\naws_access_key_id = AK\n", NULL, "p", FB_INVALID, "-config has no profile 'p'", NULL,
     NULL},
    {NULL, NULL, "gone", FB_INVALID, "'gone'", NULL, NULL},
    {NULL, "[p]\naws_access_key_id = AK\n", "p", FB_INVALID, "aws_secret_access_key", NULL, NULL},
    {"[profile p]\nrole_arn = arn:x\nsource_profile = q\n", NULL, "p", FB_UNSUPPORTED, "role_arn",
     NULL, NULL},
    {"[profile p]\nsso_session = x\n", NULL, "p", FB_UNSUPPORTED, "sso", NULL, NULL},
    {"[profile p]\ncredential_process = /bin/x\n", NULL, "p", FB_UNSUPPORTED, "credential_process",
     NULL, NULL},
    {"[profile p]\nregion = r\n", NULL, "p", FB_NOT_FOUND, "has no keys", NULL, NULL},
    {NULL, NULL, NULL, FB_NOT_FOUND, "AWS_ACCESS_KEY_ID is not set; shared files: /tmp/", NULL,
     NULL},
};

static void profiles_are_read_as_the_sdks_read_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files_cases / sizeof *files_cases; i++) {
        const struct files_case *c = &files_cases[i];
        struct files_fixture f;
        char source[64];
        enum fb_status status;

        set_up_files(&f, c->config, c->credentials, c->profile);
        status = get_from_chain(&f, source, sizeof source);
        if (status != c->status)
            fail_msg("case %zu: %s: %s", i, fb_status_name(status), f.error.message);
        if (status == FB_OK) {
            assert_string_equal(f.keys.access_key_id, c->id);
            assert_string_equal(f.keys.secret_access_key, c->secret);
            assert_string_equal(f.keys.session_token, c->token);
            assert_string_equal(source, "shared files");
        } else if (strstr(f.error.message, c->id) == NULL) {
            fail_msg("case %zu: %s", i, f.error.message);
        }
        tear_down_files(&f);
    }
}

static void the_environment_goes_before_the_files(void **state)
{
    struct files_fixture f;
    char source[64];

    (void)state;
    set_up_files(&f, NULL, "[default]\naws_access_key_id = AK\naws_secret_access_key = SK\n", NULL);
    f.options.access_key_id = "EK";
    f.options.secret_access_key = "ES";
    f.options.session_token = "ET";
    assert_int_equal(get_from_chain(&f, source, sizeof source), FB_OK);
    assert_string_equal(f.keys.access_key_id, "EK");
    assert_string_equal(f.keys.session_token, "ET");
    assert_string_equal(source, "environment");
    f.options.secret_access_key = NULL;
    assert_int_equal(get_from_chain(&f, source, sizeof source), FB_INVALID);
    assert_non_null(strstr(f.error.message, "AWS_SECRET_ACCESS_KEY is not"));
    tear_down_files(&f);
}

static void an_over_long_value_is_refused_by_line(void **state)
{
    char text[2048] = "[default]\naws_access_key_id = ";
    struct files_fixture f;
    char source[64];

    (void)state;
    memset(text + strlen(text), 'A', 1000);
    set_up_files(&f, NULL, text, NULL);
    assert_int_equal(get_from_chain(&f, source, sizeof source), FB_INVALID);
    assert_non_null(strstr(f.error.message, "credentials:2"));
    assert_null(strstr(f.error.message, "AAAA"));
    tear_down_files(&f);
}

#define IMDS  "http://169.254.169.254"
#define ROLES IMDS "/latest/meta-data/iam/security-credentials/"

static const struct script_step token_step = {.method = "PUT",
                                              .url = IMDS "/latest/api/token",
                                              .header = "X-aws-ec2-metadata-token-ttl-seconds: "
                                                        "21600",
                                              .http_status = 200,
                                              .answer = "TOKEN=="};

#define WITH_TOKEN "X-aws-ec2-metadata-token: TOKEN=="

static enum fb_status get_from_imds(struct files_fixture *f, const struct script_step *steps,
                                    size_t count)
{
    struct fb_transport *transport = script_transport_new(steps, count);
    struct fb_credentials_cache *cache = NULL;
    enum fb_status status;

    set_up_files(f, NULL, NULL, NULL);
    f->options.imds_disabled = false;
    f->options.transport = transport;
    assert_int_equal(fb_chain_new(&f->options, &cache, &f->error), FB_OK);
    status = fb_credentials_cache_get(cache, &f->keys, &f->error);
    script_transport_assert_done(transport);
    fb_credentials_cache_free(cache);
    return status;
}

static void the_instances_role_gives_keys(void **state)
{
    const struct script_step steps[] = {
        token_step,
        {.method = "GET",
         .url = ROLES,
         .header = WITH_TOKEN,
         .http_status = 200,
         .answer = "my-role_1"},
        {.method = "GET",
         .url = ROLES "my-role_1",
         .header = WITH_TOKEN,
         .http_status = 200,
         .answer = "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"SK\","
                   "\"Token\":\"T\",\"Expiration\":\"2026-11-22T16:00:00Z\"}"},
    };
    struct files_fixture f;

    (void)state;
    assert_int_equal(get_from_imds(&f, steps, 3), FB_OK);
    assert_string_equal(f.keys.access_key_id, "ASIA");
    assert_string_equal(f.keys.session_token, "T");
    assert_int_equal(f.keys.expires_ms, NOW_MS + 6 * 60 * MINUTE_MS);
}

static void imds_is_asked_thrice_and_never_without_a_token(void **state)
{
    const struct script_step silent = {
        .method = "PUT", .status = FB_UNAVAILABLE, .reason = "169.254.169.254:80: time-out"};
    const struct script_step steps[] = {silent, silent, silent};
    const struct script_step refused[] = {
        {.method = "PUT", .http_status = 403, .answer = "<html>no</html>"}};
    struct files_fixture f;

    (void)state;
    assert_int_equal(get_from_imds(&f, steps, 3), FB_NOT_FOUND);
    assert_non_null(strstr(f.error.message, "(IMDSv2): no answer: 169.254.169.254:80: time-out"));
    assert_int_equal(get_from_imds(&f, refused, 1), FB_NOT_FOUND);
    assert_non_null(strstr(f.error.message, "switched off?"));
}

static void an_instance_without_a_role_has_no_keys(void **state)
{
    const struct script_step steps[] = {token_step, {.url = ROLES, .http_status = 404}};
    struct files_fixture f;

    (void)state;
    assert_int_equal(get_from_imds(&f, steps, 2), FB_NOT_FOUND);
    assert_non_null(strstr(f.error.message, "the instance has no role"));
}

static void bad_answers_of_imds_are_errors(void **state)
{
    static const char *const roles[] = {"../../x", "<html>", "a b"};
    static const char *const keys[] = {"", "<html>", "{\"Code\":\"Success\"}",
                                       "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":"
                                       "\"T\",\"Expiration\":\"soon\"}"};
    struct files_fixture f;

    (void)state;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        const struct script_step steps[] = {token_step, {.http_status = 200, .answer = roles[i]}};

        assert_int_equal(get_from_imds(&f, steps, 2), FB_CORRUPT);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct script_step steps[] = {token_step,
                                            {.http_status = 200, .answer = "r"},
                                            {.http_status = 200, .answer = keys[i]}};

        assert_int_equal(get_from_imds(&f, steps, 3), FB_CORRUPT);
    }
}

static void the_region_comes_from_the_profile_or_the_instance(void **state)
{
    const struct script_step steps[] = {token_step,
                                        {.url = IMDS "/latest/meta-data/placement/region",
                                         .http_status = 200,
                                         .answer = "eu-north-1\n"}};
    struct files_fixture f;
    char region[64] = "";

    (void)state;
    set_up_files(&f, "[default]\nregion = eu-west-3\n", NULL, NULL);
    assert_int_equal(fb_chain_region(&f.options, region, sizeof region, &f.error), FB_OK);
    assert_string_equal(region, "eu-west-3");
    set_up_files(&f, NULL, NULL, NULL);
    assert_int_equal(fb_chain_region(&f.options, region, sizeof region, &f.error), FB_NOT_FOUND);
    assert_non_null(strstr(f.error.message, "switched off"));
    f.options.imds_disabled = false;
    f.options.transport = script_transport_new(steps, 2);
    assert_int_equal(fb_chain_region(&f.options, region, sizeof region, &f.error), FB_OK);
    assert_string_equal(region, "eu-north-1");
    script_transport_assert_done(f.options.transport);
    fb_transport_free(f.options.transport);
    tear_down_files(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_kept_until_five_minutes_before_they_expire),
        cmocka_unit_test(a_failed_refresh_keeps_keys_that_still_serve),
        cmocka_unit_test(expired_keys_are_asked_for_again),
        cmocka_unit_test(a_providers_old_keys_are_used_and_renewed_soon),
        cmocka_unit_test(many_threads_make_one_refresh),
        cmocka_unit_test(the_signing_key_follows_day_and_secret),
        cmocka_unit_test(profiles_are_read_as_the_sdks_read_them),
        cmocka_unit_test(the_environment_goes_before_the_files),
        cmocka_unit_test(an_over_long_value_is_refused_by_line),
        cmocka_unit_test(the_instances_role_gives_keys),
        cmocka_unit_test(imds_is_asked_thrice_and_never_without_a_token),
        cmocka_unit_test(an_instance_without_a_role_has_no_keys),
        cmocka_unit_test(bad_answers_of_imds_are_errors),
        cmocka_unit_test(the_region_comes_from_the_profile_or_the_instance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
