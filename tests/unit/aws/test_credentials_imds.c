/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../support/chain.h"
#include "firebridge/base/time.h"

#define MINUTE_MS INT64_C(60000)

#define IMDS  "http://169.254.169.254"
#define ROLES IMDS "/latest/meta-data/iam/security-credentials/"

#define TOKEN_STEP(address)                                                                        \
    {                                                                                              \
        .method = "PUT", .url = address "/latest/api/token",                                       \
        .header = "X-aws-ec2-metadata-token-ttl-seconds: 21600", .http_status = 200,               \
        .answer = "TOKEN=="                                                                        \
    }
#define WITH_TOKEN "X-aws-ec2-metadata-token: TOKEN=="

#define KEYS_UNTIL(time)                                                                           \
    "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"SK\\/+\","               \
    "\"Token\":\"T\",\"Expiration\":\"" time "\"}"

static void set_up(struct chain_fixture *f)
{
    chain_set_up(f);
    f->options.imds_disabled = false;
}

static void the_instances_role_gives_keys(void **state)
{
    const struct script_step steps[] = {
        TOKEN_STEP(IMDS),
        {.method = "GET", .url = ROLES, .header = WITH_TOKEN, .http_status = 200, .answer = "r_1"},
        {.method = "GET",
         .url = ROLES "r_1",
         .header = WITH_TOKEN,
         .http_status = 200,
         .answer = KEYS_UNTIL("2026-11-22T16:00:00Z")},
    };
    struct chain_fixture f;

    (void)state;
    set_up(&f);
    chain_expect(&f, chain_get(&f, steps, 3), FB_OK, "");
    assert_string_equal(f.keys.access_key_id, "ASIA");
    assert_string_equal(f.keys.secret_access_key, "SK/+");
    assert_string_equal(f.keys.session_token, "T");
    assert_int_equal(f.keys.expires_ms, CHAIN_NOW_MS + 6 * 60 * MINUTE_MS);
    assert_string_equal(f.report.source, "instance metadata (IMDSv2): role r_1");
    chain_tear_down(&f);
}

static void the_end_of_keys_is_told_by_our_clock(void **state)
{
    const struct script_step steps[] = {
        TOKEN_STEP(IMDS),
        {.http_status = 200, .answer = "r"},
        {.http_status = 200,
         .head = "Date: Fri, 22 Nov 1979 10:00:00 GMT\r\n",
         .answer = KEYS_UNTIL("1979-11-22T16:00:00Z")},
    };
    struct chain_fixture f;

    (void)state;
    set_up(&f);
    chain_expect(&f, chain_get(&f, steps, 3), FB_OK, "");
    assert_int_equal(f.keys.expires_ms, CHAIN_NOW_MS + 6 * 60 * MINUTE_MS);
    chain_tear_down(&f);
}

static void expired_keys_of_imds_go_on(void **state)
{
    const struct script_step steps[] = {
        TOKEN_STEP(IMDS),
        {.http_status = 200, .answer = "r"},
        {.http_status = 200, .answer = KEYS_UNTIL("2026-11-22T09:00:00Z")},
    };
    struct chain_fixture f;

    (void)state;
    set_up(&f);
    chain_expect(&f, chain_get(&f, steps, 3), FB_OK, "");
    assert_true(f.report.is_extended);
    assert_in_range(f.keys.expires_ms, CHAIN_NOW_MS + 5 * MINUTE_MS, CHAIN_NOW_MS + 10 * MINUTE_MS);
    chain_tear_down(&f);
}

#define IPV6 "http://[fd00:ec2::254]"

static void imds_is_asked_where_the_options_say(void **state)
{
    const struct script_step six[] = {TOKEN_STEP(IPV6), {.http_status = 404}};
    const struct script_step named[] = {TOKEN_STEP("http://[::1]:1338"), {.http_status = 404}};
    struct chain_fixture f;

    (void)state;
    set_up(&f);
    f.options.imds_ipv6 = true;
    chain_expect(&f, chain_get(&f, six, 2), FB_NOT_FOUND, "the instance has no role");
    f.options.imds_endpoint = "http://[::1]:1338/";
    chain_expect(&f, chain_get(&f, named, 2), FB_NOT_FOUND, "the instance has no role");
    f.options.imds_endpoint = "ftp://x";
    chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "does not begin with http://");
    f.options.imds_endpoint = "http://user:hidden@127.0.0.1:1";
    chain_expect(&f, chain_get(&f, NULL, 0), FB_INVALID, "what stands before the @");
    assert_null(strstr(f.error.message, "hidden"));
    f.options.imds_disabled = true;
    f.options.imds_endpoint = NULL;
    chain_expect(&f, chain_get(&f, NULL, 0), FB_NOT_FOUND, "(IMDSv2): switched off");
    chain_tear_down(&f);
}

static const struct script_step silent = {
    .method = "PUT", .status = FB_UNAVAILABLE, .reason = "169.254.169.254:80: time-out"};

static void a_silent_imds_is_asked_thrice(void **state)
{
    const struct script_step steps[] = {
        silent, silent, silent, {.method = "GET", .status = FB_UNAVAILABLE}};
    struct chain_fixture f;

    (void)state;
    set_up(&f);
    chain_expect(&f, chain_get(&f, steps, 4), FB_NOT_FOUND,
                 "(IMDSv2): no answer: 169.254.169.254:80: time-out");
    chain_tear_down(&f);
}

static void a_token_that_does_not_arrive_is_the_hop_limit(void **state)
{
    const struct script_step steps[] = {
        silent,
        silent,
        silent,
        {.method = "GET", .url = IMDS "/latest/meta-data/", .http_status = 401}};
    struct chain_fixture f;

    (void)state;
    set_up(&f);
    chain_expect(&f, chain_get(&f, steps, 4), FB_UNAVAILABLE, "the hop limit of the instance's");
    chain_tear_down(&f);
}

static void without_a_token_there_are_no_keys(void **state)
{
    static const long refusals[] = {403, 404, 405};
    const struct script_step strange[] = {
        {.method = "PUT", .http_status = 200, .answer = "<html> </html>"}};
    struct chain_fixture f;

    (void)state;
    set_up(&f);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct script_step refused[] = {
            {.method = "PUT", .http_status = refusals[i], .answer = "<html>no</html>"}};

        chain_expect(&f, chain_get(&f, refused, 1), FB_NOT_FOUND, "switched off?");
    }
    chain_expect(&f, chain_get(&f, strange, 1), FB_NOT_FOUND, "is no metadata service");
    chain_tear_down(&f);
}

static void has_no_token(const struct fb_http_request *request)
{
    assert_null(script_header(request, "X-aws-ec2-metadata-token"));
}

static void version_1_is_asked_where_the_conf_allows_it(void **state)
{
    static const long refusals[] = {403, 404, 405};
    struct chain_fixture f;

    (void)state;
    set_up(&f);
    f.options.imds_v1_fallback = true;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct script_step steps[] = {
            {.method = "PUT", .http_status = refusals[i]},
            {.url = ROLES, .seen = has_no_token, .http_status = 200, .answer = "r"},
            {.method = "GET",
             .url = ROLES "r",
             .seen = has_no_token,
             .http_status = 200,
             .answer = KEYS_UNTIL("2026-11-22T16:00:00Z")},
        };

        chain_expect(&f, chain_get(&f, steps, 3), FB_OK, "");
        assert_non_null(strstr(f.report.source, "role r, by version 1"));
    }
    chain_tear_down(&f);
}

static void what_is_no_refusal_of_a_token_is_no_leave_to_do_without(void **state)
{
    static const struct {
        long http_status;
        enum fb_status status;
        const char *message;
    } cases[] = {{400, FB_INVALID, "is it the instance metadata service?"},
                 {401, FB_UNAVAILABLE, "answered HTTP 401 when asked for a token"},
                 {408, FB_UNAVAILABLE, "answered HTTP 408 when asked for a token"},
                 {429, FB_UNAVAILABLE, "answered HTTP 429 when asked for a token"}};
    struct chain_fixture f;

    (void)state;
    set_up(&f);
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const struct script_step steps[] = {
            {.method = "PUT", .http_status = cases[i / 2].http_status}};

        f.options.imds_v1_fallback = i % 2 != 0;
        chain_expect(&f, chain_get(&f, steps, 1), cases[i / 2].status, cases[i / 2].message);
    }
    chain_tear_down(&f);
}

static void what_fails_now_is_tried_again(void **state)
{
    const struct script_step steps[] = {
        {.method = "PUT", .http_status = 503},
        TOKEN_STEP(IMDS),
        {.url = ROLES, .status = FB_UNAVAILABLE},
        {.url = ROLES, .http_status = 500},
        {.url = ROLES, .http_status = 200, .answer = "r"},
        {.url = ROLES "r", .http_status = 429},
    };
    struct chain_fixture f;

    (void)state;
    set_up(&f);
    chain_expect(&f, chain_get(&f, steps, 6), FB_UNAVAILABLE, "HTTP 429");
    assert_int_equal(f.clock.slept_ms, 100 + 100 + 200);
    chain_tear_down(&f);
}

static void bad_answers_of_imds_are_errors(void **state)
{
    static const char *const roles[] = {"../../x", "<html>", "a b"};
    static const char *const keys[] = {"", "<html>", "{\"Code\":\"Success\"}",
                                       "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":"
                                       "\"T\",\"Expiration\":\"soon\"}"};
    struct chain_fixture f;

    (void)state;
    set_up(&f);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        const struct script_step steps[] = {TOKEN_STEP(IMDS),
                                            {.http_status = 200, .answer = roles[i]}};

        chain_expect(&f, chain_get(&f, steps, 2), FB_CORRUPT, "is no role's name");
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct script_step steps[] = {TOKEN_STEP(IMDS),
                                            {.http_status = 200, .answer = "r"},
                                            {.http_status = 200, .answer = keys[i]}};

        chain_expect(&f, chain_get(&f, steps, 3), FB_CORRUPT,
                     "what 169.254.169.254:80 answers holds no keys");
    }
    chain_tear_down(&f);
}

static void the_region_comes_from_the_profile_or_the_instance(void **state)
{
    const struct script_step steps[] = {TOKEN_STEP(IMDS),
                                        {.url = IMDS "/latest/meta-data/placement/region",
                                         .http_status = 200,
                                         .answer = "eu-north-1\n"}};
    struct chain_fixture f;
    char region[64] = "";

    (void)state;
    chain_set_up(&f);
    chain_write(f.config, "[default]\nregion = eu-west-3\n");
    assert_int_equal(fb_chain_region(&f.options, region, sizeof region, &f.error), FB_OK);
    assert_string_equal(region, "eu-west-3");
    chain_write(f.config, NULL);
    assert_int_equal(fb_chain_region(&f.options, region, sizeof region, &f.error), FB_NOT_FOUND);
    assert_non_null(strstr(f.error.message, "switched off"));
    f.options.imds_disabled = false;
    f.options.transport = script_transport_new(steps, 2);
    assert_int_equal(fb_chain_region(&f.options, region, sizeof region, &f.error), FB_OK);
    assert_string_equal(region, "eu-north-1");
    script_transport_assert_done(f.options.transport);
    fb_transport_free(f.options.transport);
    chain_tear_down(&f);
}

/* An IMDS whose every third exchange fails, with keys of five minutes. */
struct ailing_imds {
    struct fb_transport transport; /* first */
    struct fb_clock *clock;
    unsigned exchanges;
};

static enum fb_status ailing_perform(struct fb_transport *transport,
                                     const struct fb_http_request *request, fb_http_sink_fn sink,
                                     void *context, struct fb_http_response *ret_response,
                                     struct fb_error *error)
{
    struct ailing_imds *self = (struct ailing_imds *)transport;
    struct fb_http_response response = {.http_status = 200};
    char expires[FB_TIME_TEXT_SIZE], keys[256];
    const char *answer = "TOKEN";
    enum fb_status status;

    if (++self->exchanges % 3 == 0)
        return fb_fail(error, FB_UNAVAILABLE, "scripted");
    fb_time_format_rfc3339(fb_realtime_ms(self->clock) + 5 * MINUTE_MS, expires);
    snprintf(keys, sizeof keys,
             "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":"
             "\"%s\"}",
             expires);
    if (strstr(request->url, "security-credentials/") != NULL)
        answer = strstr(request->url, "/r") != NULL ? keys : "r";
    status = sink(context, &response, answer, strlen(answer));
    *ret_response = response;
    return status;
}

static void ailing_free(struct fb_transport *transport)
{
    (void)transport;
}

static void an_hour_of_an_imds_that_fails_every_third_time(void **state)
{
    struct chain_fixture f;
    struct ailing_imds imds = {.transport = {ailing_perform, ailing_free}};
    struct fb_credentials_cache *cache = NULL;
    int64_t next_ms = CHAIN_NOW_MS, now_ms;
    unsigned failures = 0;

    (void)state;
    set_up(&f);
    imds.clock = &f.clock.clock;
    f.options.transport = &imds.transport;
    assert_int_equal(fb_chain_new(&f.options, &cache, &f.error), FB_OK);
    for (unsigned second = 0; second < 3600; second++) {
        now_ms = fb_realtime_ms(&f.clock.clock);
        if (now_ms >= next_ms) {
            int64_t wait_ms = 0;

            failures += fb_credentials_cache_tend(cache, &wait_ms, &f.error) != FB_OK;
            now_ms = fb_realtime_ms(&f.clock.clock);
            next_ms = now_ms + wait_ms;
        }
        assert_int_equal(fb_credentials_cache_get(cache, &f.keys, &f.error), FB_OK);
        assert_true(f.keys.expires_ms > now_ms);
        f.clock.realtime_ms += 1000;
    }
    assert_int_equal(failures, 0); /* each question is asked again at once */
    assert_in_range(imds.exchanges, 3 * 12, 3 * 60);
    fb_credentials_cache_free(cache);
    chain_tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_instances_role_gives_keys),
        cmocka_unit_test(the_end_of_keys_is_told_by_our_clock),
        cmocka_unit_test(expired_keys_of_imds_go_on),
        cmocka_unit_test(imds_is_asked_where_the_options_say),
        cmocka_unit_test(a_silent_imds_is_asked_thrice),
        cmocka_unit_test(a_token_that_does_not_arrive_is_the_hop_limit),
        cmocka_unit_test(without_a_token_there_are_no_keys),
        cmocka_unit_test(version_1_is_asked_where_the_conf_allows_it),
        cmocka_unit_test(what_is_no_refusal_of_a_token_is_no_leave_to_do_without),
        cmocka_unit_test(what_fails_now_is_tried_again),
        cmocka_unit_test(bad_answers_of_imds_are_errors),
        cmocka_unit_test(the_region_comes_from_the_profile_or_the_instance),
        cmocka_unit_test(an_hour_of_an_imds_that_fails_every_third_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
